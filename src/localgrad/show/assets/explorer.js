// node_modules/preact/dist/preact.module.js
var e, t, n, r, i, a, o, s, c, l, u, d, f, p, m = {}, h = [], g = /acit|ex(?:s|g|n|p|$)|rph|grid|ows|mnc|ntw|ine[ch]|zoo|^ord|itera/i, _ = Array.isArray;
function v(e, t) {
	for (var n in t) e[n] = t[n];
	return e;
}
function y(e) {
	e && e.parentNode && e.parentNode.removeChild(e);
}
function b(t, n, r) {
	var i, a, o, s = {};
	for (o in n) o == "key" ? i = n[o] : o == "ref" ? a = n[o] : s[o] = n[o];
	if (arguments.length > 2 && (s.children = arguments.length > 3 ? e.call(arguments, 2) : r), typeof t == "function" && t.defaultProps != null) for (o in t.defaultProps) s[o] === void 0 && (s[o] = t.defaultProps[o]);
	return x(t, s, i, a, null);
}
function x(e, r, i, a, o) {
	var s = {
		type: e,
		props: r,
		key: i,
		ref: a,
		__k: null,
		__: null,
		__b: 0,
		__e: null,
		__c: null,
		constructor: void 0,
		__v: o ?? ++n,
		__i: -1,
		__u: 0
	};
	return o == null && t.vnode != null && t.vnode(s), s;
}
function S(e) {
	return e.children;
}
function C(e, t) {
	this.props = e, this.context = t;
}
function w(e, t) {
	if (t == null) return e.__ ? w(e.__, e.__i + 1) : null;
	for (var n; t < e.__k.length; t++) if ((n = e.__k[t]) != null && n.__e != null) return n.__e;
	return typeof e.type == "function" ? w(e) : null;
}
function T(e) {
	if (e.__P && e.__d) {
		var n = e.__v, r = n.__e, i = [], a = [], o = v({}, n);
		o.__v = n.__v + 1, t.vnode && t.vnode(o), I(e.__P, o, n, e.__n, e.__P.namespaceURI, 32 & n.__u ? [r] : null, i, r ?? w(n), !!(32 & n.__u), a), o.__v = n.__v, o.__.__k[o.__i] = o, ee(i, o, a), n.__e = n.__ = null, o.__e != r && E(o);
	}
}
function E(e) {
	if ((e = e.__) != null && e.__c != null) return e.__e = e.__c.base = null, e.__k.some(function(t) {
		if (t != null && t.__e != null) return e.__e = e.__c.base = t.__e;
	}), E(e);
}
function D(e) {
	(!e.__d && (e.__d = !0) && r.push(e) && !O.__r++ || i != t.debounceRendering) && ((i = t.debounceRendering) || a)(O);
}
function O() {
	try {
		for (var e, t = 1; r.length;) r.length > t && r.sort(o), e = r.shift(), t = r.length, T(e);
	} finally {
		r.length = O.__r = 0;
	}
}
function k(e, t, n, r, i, a, o, s, c, l, u) {
	var d, f, p, g, _, v, y = r && r.__k || h, b = t.length;
	for (c = A(n, t, y, c, b), d = 0; d < b; d++) (p = n.__k[d]) != null && (f = p.__i != -1 && y[p.__i] || m, p.__i = d, v = I(e, p, f, i, a, o, s, c, l, u), g = p.__e, p.ref && f.ref != p.ref && (f.ref && z(f.ref, null, p), u.push(p.ref, p.__c || g, p)), _ == null && g != null && (_ = g), 4 & p.__u ? (c = j(p, c, e), f.__e && (f.__e = null)) : typeof p.type == "function" && v !== void 0 ? c = v : g && (c = g.nextSibling), p.__u &= -7);
	return n.__e = _, c;
}
function A(e, t, n, r, i) {
	var a, o, s, c, l, u = n.length, d = u, f = 0;
	for (e.__k = Array(i), a = 0; a < i; a++) (o = t[a]) != null && typeof o != "boolean" && typeof o != "function" ? (typeof o == "string" || typeof o == "number" || typeof o == "bigint" || o.constructor == String ? o = e.__k[a] = x(null, o, null, null, null) : _(o) ? o = e.__k[a] = x(S, { children: o }, null, null, null) : o.constructor === void 0 && o.__b > 0 ? o = e.__k[a] = x(o.type, o.props, o.key, o.ref ? o.ref : null, o.__v) : e.__k[a] = o, c = a + f, o.__ = e, o.__b = e.__b + 1, s = null, (l = o.__i = M(o, n, c, d)) != -1 && (d--, (s = n[l]) && (s.__u |= 2)), s == null || s.__v == null ? (l == -1 && (i > u ? f-- : i < u && f++), typeof o.type != "function" && (o.__u |= 4)) : l != c && (l == c - 1 ? f-- : l == c + 1 ? f++ : (l > c ? f-- : f++, o.__u |= 4))) : e.__k[a] = null;
	if (d) for (a = 0; a < u; a++) (s = n[a]) != null && !(2 & s.__u) && (s.__e == r && (r = w(s)), ne(s, s));
	return r;
}
function j(e, t, n) {
	var r, i;
	if (typeof e.type == "function") {
		for (r = e.__k, i = 0; r && i < r.length; i++) r[i] && (r[i].__ = e, t = j(r[i], t, n));
		return t;
	}
	e.__e != t && (t && e.type && !t.parentNode && (t = w(e)), t = n.insertBefore(e.__e, t || null));
	do
		t &&= t.nextSibling;
	while (t != null && t.nodeType == 8);
	return t;
}
function M(e, t, n, r) {
	var i, a, o, s = e.key, c = e.type, l = t[n], u = l != null && !(2 & l.__u);
	if (l === null && s == null || u && s == l.key && c == l.type) return n;
	if (r > +!!u) {
		for (i = n - 1, a = n + 1; i >= 0 || a < t.length;) if ((l = t[o = i >= 0 ? i-- : a++]) != null && !(2 & l.__u) && s == l.key && c == l.type) return o;
	}
	return -1;
}
function N(e, t, n) {
	t[0] == "-" ? e.setProperty(t, n ?? "") : e[t] = n == null ? "" : typeof n != "number" || g.test(t) ? n : n + "px";
}
function P(e, t, n, r, i) {
	var a, o;
	n: if (t == "style") {
		if (typeof n == "string") e.style.cssText = n;
		else {
			if (typeof r == "string" && (e.style.cssText = r = ""), r) for (t in r) n && t in n || N(e.style, t, "");
			if (n) for (t in n) r && n[t] == r[t] || N(e.style, t, n[t]);
		}
	} else if (t[0] == "o" && t[1] == "n") a = t != (t = t.replace(u, "$1")), o = t.toLowerCase(), t = o in e || t == "onFocusOut" || t == "onFocusIn" ? o.slice(2) : t.slice(2), e.l ||= {}, e.l[t + a] = n, n ? r ? n[l] = r[l] : (n[l] = d, e.addEventListener(t, a ? p : f, a)) : e.removeEventListener(t, a ? p : f, a);
	else {
		if (i == "http://www.w3.org/2000/svg") t = t.replace(/xlink(H|:h)/, "h").replace(/sName$/, "s");
		else if (t != "width" && t != "height" && t != "href" && t != "list" && t != "form" && t != "tabIndex" && t != "download" && t != "rowSpan" && t != "colSpan" && t != "role" && t != "popover" && t in e) try {
			e[t] = n ?? "";
			break n;
		} catch {}
		typeof n == "function" || (n == null || !1 === n && t[4] != "-" ? e.removeAttribute(t) : e.setAttribute(t, t == "popover" && n == 1 ? "" : n));
	}
}
function F(e) {
	return function(n) {
		if (this.l) {
			var r = this.l[n.type + e];
			if (n[c] == null) n[c] = d++;
			else if (n[c] < r[l]) return;
			return r(t.event ? t.event(n) : n);
		}
	};
}
function I(e, n, r, i, a, o, s, c, l, u) {
	var d, f, p, m, g, b, x, T, E, D, O, A, j, M, N, P, F = n.type;
	if (n.constructor !== void 0) return null;
	128 & r.__u && (l = !!(32 & r.__u), o = [c = n.__e = r.__e]), (d = t.__b) && d(n);
	n: if (typeof F == "function") {
		f = s.length;
		try {
			if (E = n.props, D = F.prototype && F.prototype.render, O = (d = F.contextType) && i[d.__c], A = d ? O ? O.props.value : d.__ : i, r.__c ? T = (p = n.__c = r.__c).__ = p.__E : (D ? n.__c = p = new F(E, A) : (n.__c = p = new C(E, A), p.constructor = F, p.render = re), O && O.sub(p), p.state || (p.state = {}), p.__n = i, m = p.__d = !0, p.__h = [], p._sb = []), D && p.__s == null && (p.__s = p.state), D && F.getDerivedStateFromProps != null && (p.__s == p.state && (p.__s = v({}, p.__s)), v(p.__s, F.getDerivedStateFromProps(E, p.__s))), g = p.props, b = p.state, p.__v = n, m) D && F.getDerivedStateFromProps == null && p.componentWillMount != null && p.componentWillMount(), D && p.componentDidMount != null && p.__h.push(p.componentDidMount);
			else {
				if (D && F.getDerivedStateFromProps == null && E !== g && p.componentWillReceiveProps != null && p.componentWillReceiveProps(E, A), n.__v == r.__v || !p.__e && p.shouldComponentUpdate != null && !1 === p.shouldComponentUpdate(E, p.__s, A)) {
					n.__v != r.__v && (p.props = E, p.state = p.__s, p.__d = !1), n.__e = r.__e, n.__k = r.__k, n.__k.some(function(e) {
						e && (e.__ = n);
					}), h.push.apply(p.__h, p._sb), p._sb = [], p.__h.length && s.push(p), c = w(r);
					break n;
				}
				p.componentWillUpdate != null && p.componentWillUpdate(E, p.__s, A), D && p.componentDidUpdate != null && p.__h.push(function() {
					p.componentDidUpdate(g, b, x);
				});
			}
			if (p.context = A, p.props = E, p.__P = e, p.__e = !1, j = t.__r, M = 0, D) p.state = p.__s, p.__d = !1, j && j(n), d = p.render(p.props, p.state, p.context), h.push.apply(p.__h, p._sb), p._sb = [];
			else do
				p.__d = !1, j && j(n), d = p.render(p.props, p.state, p.context), p.state = p.__s;
			while (p.__d && ++M < 25);
			p.state = p.__s, p.getChildContext != null && (i = v(v({}, i), p.getChildContext())), D && !m && p.getSnapshotBeforeUpdate != null && (x = p.getSnapshotBeforeUpdate(g, b)), N = d != null && d.type === S && d.key == null ? R(d.props.children) : d, c = k(e, _(N) ? N : [N], n, r, i, a, o, s, c, l, u), p.base = n.__e, n.__u &= -161, p.__h.length && s.push(p), T && (p.__E = p.__ = null);
		} catch (e) {
			if (s.length = f, n.__v = null, l || o != null) {
				if (e.then) {
					for (n.__u |= l ? 160 : 128; c && c.nodeType == 8 && c.nextSibling;) c = c.nextSibling;
					o != null && (o[o.indexOf(c)] = null), n.__e = c;
				} else if (o != null) for (P = o.length; P--;) y(o[P]);
			} else n.__e = r.__e;
			n.__k ??= r.__k || [], e.then || L(n), t.__e(e, n, r);
		}
	} else o == null && n.__v == r.__v ? (n.__k = r.__k, n.__e = r.__e) : c = n.__e = te(r.__e, n, r, i, a, o, s, l, u);
	return (d = t.diffed) && d(n), 128 & n.__u ? void 0 : c;
}
function L(e) {
	e && (e.__c && (e.__c.__e = !0), e.__k && e.__k.some(L));
}
function ee(e, n, r) {
	for (var i = 0; i < r.length; i++) z(r[i], r[++i], r[++i]);
	t.__c && t.__c(n, e), e.some(function(n) {
		try {
			e = n.__h, n.__h = [], e.some(function(e) {
				e.call(n);
			});
		} catch (e) {
			t.__e(e, n.__v);
		}
	});
}
function R(e) {
	return typeof e != "object" || !e || e.__b > 0 ? e : _(e) ? e.map(R) : e.constructor === void 0 ? v({}, e) : null;
}
function te(n, r, i, a, o, s, c, l, u) {
	var d, f, p, h, g, v, b, x = i.props || m, S = r.props, C = r.type;
	if (C == "svg" ? o = "http://www.w3.org/2000/svg" : C == "math" ? o = "http://www.w3.org/1998/Math/MathML" : o ||= "http://www.w3.org/1999/xhtml", s != null) {
		for (d = 0; d < s.length; d++) if ((g = s[d]) && "setAttribute" in g == !!C && (C ? g.localName == C : g.nodeType == 3)) {
			n = g, s[d] = null;
			break;
		}
	}
	if (n == null) {
		if (C == null) return document.createTextNode(S);
		n = document.createElementNS(o, C, S.is && S), l &&= (t.__m && t.__m(r, s), !1), s = null;
	}
	if (C == null) x === S || l && n.data == S || (n.data = S);
	else {
		if (s = C == "textarea" && S.defaultValue != null ? null : s && e.call(n.childNodes), !l && s != null) for (x = {}, d = 0; d < n.attributes.length; d++) x[(g = n.attributes[d]).name] = g.value;
		for (d in x) g = x[d], d == "dangerouslySetInnerHTML" ? p = g : d == "children" || d in S || d == "value" && "defaultValue" in S || d == "checked" && "defaultChecked" in S || P(n, d, null, g, o);
		for (d in S) g = S[d], d == "children" ? h = g : d == "dangerouslySetInnerHTML" ? f = g : d == "value" ? v = g : d == "checked" ? b = g : l && typeof g != "function" || x[d] === g || P(n, d, g, x[d], o);
		if (f) l || p && (f.__html == p.__html || f.__html == n.innerHTML) || (n.innerHTML = f.__html), r.__k = [];
		else if (p && (n.innerHTML = ""), k(r.type == "template" ? n.content : n, _(h) ? h : [h], r, i, a, C == "foreignObject" ? "http://www.w3.org/1999/xhtml" : o, s, c, s ? s[0] : i.__k && w(i, 0), l, u), s != null) for (d = s.length; d--;) y(s[d]);
		l && C != "textarea" || (d = "value", C == "progress" && v == null ? n.removeAttribute("value") : v != null && (v !== n[d] || C == "progress" && !v || C == "option" && v != x[d]) && P(n, d, v, x[d], o), d = "checked", b != null && b != n[d] && P(n, d, b, x[d], o));
	}
	return n;
}
function z(e, n, r) {
	try {
		if (typeof e == "function") {
			var i = typeof e.__u == "function";
			i && e.__u(), i && n == null || (e.__u = e(n));
		} else e.current = n;
	} catch (e) {
		t.__e(e, r);
	}
}
function ne(e, n, r) {
	var i, a;
	if (t.unmount && t.unmount(e), (i = e.ref) && (i.current && i.current != e.__e || z(i, null, n)), (i = e.__c) != null) {
		if (i.componentWillUnmount) try {
			i.componentWillUnmount();
		} catch (e) {
			t.__e(e, n);
		}
		i.base = i.__P = i.__n = null;
	}
	if (i = e.__k) for (a = 0; a < i.length; a++) i[a] && ne(i[a], n, r || typeof e.type != "function");
	r || y(e.__e), e.__c = e.__ = e.__e = void 0;
}
function re(e, t, n) {
	return this.constructor(e, n);
}
function ie(n, r, i) {
	var a, o, s, c;
	r == document && (r = document.documentElement), t.__ && t.__(n, r), o = (a = typeof i == "function") ? null : i && i.__k || r.__k, s = [], c = [], I(r, n = (!a && i || r).__k = b(S, null, [n]), o || m, m, r.namespaceURI, !a && i ? [i] : o ? null : r.firstChild ? e.call(r.childNodes) : null, s, !a && i ? i : o ? o.__e : r.firstChild, a, c), ee(s, n, c), n.props.children = null;
}
e = h.slice, t = { __e: function(e, t, n, r) {
	for (var i, a, o; t = t.__;) if ((i = t.__c) && !i.__) try {
		if ((a = i.constructor) && a.getDerivedStateFromError != null && (i.setState(a.getDerivedStateFromError(e)), o = i.__d), i.componentDidCatch != null && (i.componentDidCatch(e, r || {}), o = i.__d), o) return i.__E = i;
	} catch (t) {
		e = t;
	}
	throw e;
} }, n = 0, C.prototype.setState = function(e, t) {
	var n = this.__s != null && this.__s != this.state ? this.__s : this.__s = v({}, this.state);
	typeof e == "function" && (e = e(v({}, n), this.props)), e && v(n, e), e != null && this.__v && (t && this._sb.push(t), D(this));
}, C.prototype.forceUpdate = function(e) {
	this.__v && (this.__e = !0, e && this.__h.push(e), D(this));
}, C.prototype.render = S, r = [], a = typeof Promise == "function" ? Promise.prototype.then.bind(Promise.resolve()) : setTimeout, o = function(e, t) {
	return e.__v.__b - t.__v.__b;
}, O.__r = 0, s = Math.random().toString(8), c = "__d" + s, l = "__a" + s, u = /(PointerCapture)$|Capture$/i, d = 0, f = F(!1), p = F(!0);
// node_modules/preact/hooks/dist/hooks.module.js
var B, V, ae, oe, se = 0, ce = [], H = t, le = H.__b, ue = H.__r, de = H.diffed, fe = H.__c, pe = H.unmount, me = H.__;
function he(e, t) {
	H.__h && H.__h(V, e, se || t), se = 0;
	var n = V.__H || (V.__H = {
		__: [],
		__h: []
	});
	return e >= n.__.length && n.__.push({}), n.__[e];
}
function U(e) {
	return se = 1, ge(we, e);
}
function ge(e, t, n) {
	var r = he(B++, 2);
	if (r.t = e, !r.__c && (r.__ = [n ? n(t) : we(void 0, t), function(e) {
		var t = r.__N ? r.__N[0] : r.__[0], n = r.t(t, e);
		t !== n && (r.__N = [n, r.__[1]], r.__c.setState({}));
	}], r.__c = V, !V.__f)) {
		var i = function(e, t, n) {
			if (!r.__c.__H) return !0;
			var i = !1, o = r.__c.props !== e;
			if (r.__c.__H.__.some(function(e) {
				if (e.__N) {
					i = !0;
					var t = e.__[0];
					e.__ = e.__N, e.__N = void 0, t !== e.__[0] && (o = !0);
				}
			}), a) {
				var s = a.call(this, e, t, n);
				return i ? s || o : s;
			}
			return !i || o;
		};
		V.__f = !0;
		var a = V.shouldComponentUpdate, o = V.componentWillUpdate;
		V.componentWillUpdate = function(e, t, n) {
			if (this.__e) {
				var r = a;
				a = void 0, i(e, t, n), a = r;
			}
			o && o.call(this, e, t, n);
		}, V.shouldComponentUpdate = i;
	}
	return r.__N || r.__;
}
function W(e, t) {
	var n = he(B++, 3);
	!H.__s && Ce(n.__H, t) && (n.__ = e, n.u = t, V.__H.__h.push(n));
}
function _e(e, t) {
	var n = he(B++, 4);
	!H.__s && Ce(n.__H, t) && (n.__ = e, n.u = t, V.__h.push(n));
}
function G(e) {
	return se = 5, K(function() {
		return { current: e };
	}, []);
}
function K(e, t) {
	var n = he(B++, 7);
	return Ce(n.__H, t) && (n.__ = e(), n.__H = t, n.__h = e), n.__;
}
function ve() {
	for (var e; e = ce.shift();) {
		var t = e.__H;
		if (e.__P && t) try {
			t.__h.some(xe), t.__h.some(Se), t.__h = [];
		} catch (n) {
			t.__h = [], H.__e(n, e.__v);
		}
	}
}
H.__b = function(e) {
	V = null, le && le(e);
}, H.__ = function(e, t) {
	e && t.__k && t.__k.__m && (e.__m = t.__k.__m), me && me(e, t);
}, H.__r = function(e) {
	ue && ue(e), B = 0;
	var t = (V = e.__c).__H;
	t && (ae === V ? (t.__h = [], V.__h = [], t.__.some(function(e) {
		e.__N && (e.__ = e.__N), e.u = e.__N = void 0;
	})) : (t.__h.some(xe), t.__h.some(Se), t.__h = [], B = 0)), ae = V;
}, H.diffed = function(e) {
	de && de(e);
	var t = e.__c;
	t && t.__H && (t.__H.__h.length && (ce.push(t) !== 1 && oe === H.requestAnimationFrame || ((oe = H.requestAnimationFrame) || be)(ve)), t.__H.__.some(function(e) {
		e.u &&= (e.__H = e.u, void 0);
	})), ae = V = null;
}, H.__c = function(e, t) {
	t.some(function(e) {
		try {
			e.__h.some(xe), e.__h = e.__h.filter(function(e) {
				return !e.__ || Se(e);
			});
		} catch (n) {
			t.some(function(e) {
				e.__h &&= [];
			}), t = [], H.__e(n, e.__v);
		}
	}), fe && fe(e, t);
}, H.unmount = function(e) {
	pe && pe(e);
	var t, n = e.__c;
	n && n.__H && (n.__H.__.some(function(e) {
		try {
			xe(e);
		} catch (e) {
			t = e;
		}
	}), n.__H = void 0, t && H.__e(t, n.__v));
};
var ye = typeof requestAnimationFrame == "function";
function be(e) {
	var t, n = function() {
		clearTimeout(r), ye && cancelAnimationFrame(t), setTimeout(e);
	}, r = setTimeout(n, 35);
	ye && (t = requestAnimationFrame(n));
}
function xe(e) {
	var t = V, n = e.__c;
	typeof n == "function" && (e.__c = void 0, n()), V = t;
}
function Se(e) {
	var t = V;
	e.__c = e.__(), V = t;
}
function Ce(e, t) {
	return !e || e.length !== t.length || t.some(function(t, n) {
		return t !== e[n];
	});
}
function we(e, t) {
	return typeof t == "function" ? t(e) : t;
}
// src/colours.ts
var Te = {
	paper: "#ffffff",
	ink: "#1c2430",
	quiet: "#5b6675",
	line: "#7d8896",
	gradient: "#c25200",
	failed: "#b3261e",
	group: "#f5f7fa",
	groupDeep: "#eceff4",
	groupLine: "#c5cdd8",
	chip: "#fff3d9",
	chipLine: "#c48a0a",
	plain: "#eef1f5",
	plainLine: "#8a95a3"
}, Ee = {
	paper: "#14171c",
	ink: "#e8ecf2",
	quiet: "#9aa6b5",
	line: "#7a8696",
	gradient: "#f08c4a",
	failed: "#ff8a80",
	group: "#1a1f26",
	groupDeep: "#20262f",
	groupLine: "#3a4452",
	chip: "#372a0c",
	chipLine: "#e0aa3a",
	plain: "#252c35",
	plainLine: "#8491a1"
}, De = [
	["#e2f1fb", "#122f41"],
	["#dbf2e9", "#0d3328"],
	["#f9e6f0", "#3a1f30"],
	["#fde5d7", "#3d1f0d"],
	["#d9e5f5", "#142646"],
	["#f9f6c9", "#32300c"],
	["#e7e2f4", "#292143"]
], Oe = [
	["#2f8fc6", "#56b4e9"],
	["#00855f", "#2fbf95"],
	["#b35a8c", "#d98db8"],
	["#c85500", "#ec8548"],
	["#0066a6", "#5a9fe0"],
	["#a39700", "#d6ca3c"],
	["#6f5bb0", "#a394de"]
], ke = [
	"activation",
	"arithmetic",
	"linear",
	"loss",
	"shaping",
	"reduction",
	"normalization",
	"structure",
	"gradient",
	"convolution",
	"pooling",
	"recurrent",
	"attention",
	"exponential",
	"trigonometric",
	"special",
	"comparison",
	"branching",
	"indexing",
	"joining",
	"rounding",
	"sorting",
	"creation",
	"random",
	"control"
], Ae = [
	[
		253,
		231,
		37
	],
	[
		94,
		201,
		98
	],
	[
		33,
		145,
		140
	],
	[
		59,
		82,
		139
	],
	[
		68,
		1,
		84
	]
], je = [
	"kind",
	"time",
	"memory",
	"gradient",
	"nonfinite"
];
function Me(e) {
	let t = Math.max(0, Math.min(.9999, e)) * (Ae.length - 1), n = Math.floor(t), r = t - n;
	return `rgb(${Ae[n].map((e, t) => Math.round(e + (Ae[n + 1][t] - e) * r)).join(",")})`;
}
function Ne(e, t, n) {
	let r = n ? Ee : Te, i = +!!n;
	if (t === "kind") {
		let t = new Set(e.nodes.map((e) => e.family)), n = /* @__PURE__ */ new Map();
		for (let e of [...ke, ...[...t].toSorted()]) {
			if (!t.has(e) || e === "" || n.has(e)) continue;
			let r = Math.max(0, ke.indexOf(e)), i = new Set(n.values()), a = De.map((e, t) => (r + t) % De.length);
			n.set(e, a.find((e) => !i.has(e)) ?? a[0]);
		}
		let a = (e) => n.get(e.family);
		return {
			fill: (e) => De[a(e) ?? -1]?.[i] ?? r.plain,
			stroke: (e) => Oe[a(e) ?? -1]?.[i] ?? r.plainLine,
			ink: () => r.ink,
			legend: [...n].map(([e, t]) => ({
				label: e,
				colour: Oe[t][i]
			}))
		};
	}
	if (t === "nonfinite") {
		let t = (t) => [e.valueOf(t), e.gradientOf(t)].some((t) => e.model.number(t, "nan") > 0 || e.model.number(t, "inf") > 0);
		return {
			fill: (e) => t(e) ? "#d55e00" : r.plain,
			stroke: (e) => t(e) ? r.failed : r.plainLine,
			ink: (e) => t(e) ? "#000000" : r.ink,
			legend: [{
				label: "NaN, Inf",
				colour: "#d55e00"
			}, {
				label: "–",
				colour: r.plainLine
			}]
		};
	}
	let a = (n) => t === "time" ? (n.timeForward || 0) + (n.timeBackward || 0) : t === "memory" ? n.memory : e.model.number(e.gradientOf(n), "norm"), o = e.nodes.map(a).filter((e) => e > 0 && Number.isFinite(e)), s = Math.log10(o.reduce((e, t) => Math.min(e, t), Infinity)), c = Math.log10(o.reduce((e, t) => Math.max(e, t), 0)), l = (e) => c > s ? (Math.log10(e) - s) / (c - s) : .5, u = (e) => {
		let t = a(e);
		return t > 0 ? l(t) : t === 0 ? 0 : NaN;
	};
	return {
		fill: (e) => Number.isNaN(u(e)) ? r.plain : Me(u(e)),
		stroke: () => r.plainLine,
		ink: (e) => Number.isNaN(u(e)) ? r.ink : u(e) > .6 ? "#ffffff" : "#000000",
		legend: o.length ? [
			0,
			.25,
			.5,
			.75,
			1
		].map((e) => ({
			label: (10 ** (s + (c - s) * e)).toExponential(0),
			colour: Me(e)
		})) : []
	};
}
// src/columns.ts
var Pe = class {
	offsets;
	values;
	constructor(e, t) {
		this.offsets = e, this.values = t;
	}
	row(e) {
		if (this.offsets === null) return [];
		let t = [];
		for (let n = this.offsets[e]; n < this.offsets[e + 1]; n++) t.push(this.values[n]);
		return t;
	}
};
function Fe(e) {
	let t = atob(e), n = new Uint8Array(t.length);
	for (let e = 0; e < t.length; e++) n[e] = t.charCodeAt(e);
	return n.buffer;
}
function Ie(e) {
	let t = e >> 10 & 31, n = e & 1023, r = e & 32768 ? -1 : 1;
	return t === 31 ? n ? NaN : r * Infinity : r * (t ? 2 ** (t - 15) * (1 + n / 1024) : 2 ** -24 * n);
}
function Le(e) {
	let t = Fe(e.data);
	switch (e.dtype) {
		case "float32": return new Float32Array(t);
		case "float64": return new Float64Array(t);
		case "int8": return new Int8Array(t);
		case "uint8":
		case "bool": return new Uint8Array(t);
		case "int16": return new Int16Array(t);
		case "uint16": return new Uint16Array(t);
		case "int32": return new Int32Array(t);
		case "uint32": return new Uint32Array(t);
		case "int64": return Array.from(new BigInt64Array(t), Number);
		case "uint64": return Array.from(new BigUint64Array(t), Number);
		case "float16": return Array.from(new Uint16Array(t), Ie);
		default: throw Error(`dtype ${e.dtype}`);
	}
}
function q(e, t, n) {
	if (e === void 0) return new Float64Array(t).fill(n);
	let r = Array.isArray(e) ? e : Le(e);
	if (r.length < t) throw Error(`a column has ${r.length} entries, ${t} are needed`);
	return r;
}
function Re(e, t) {
	if (e === void 0) return new Pe(null, []);
	let n = q(e.offsets, t + 1, 0);
	return new Pe(n, q(e.values, n[t], 0));
}
// src/draw.ts
function ze(e, t, n, r, i, a, o) {
	let s = globalThis.devicePixelRatio || 1, c = e.clientWidth, l = e.clientHeight;
	(e.width !== Math.round(c * s) || e.height !== Math.round(l * s)) && (e.width = Math.round(c * s), e.height = Math.round(l * s));
	let u = e.getContext("2d");
	if (!u) return;
	u.setTransform(s, 0, 0, s, 0, 0), u.fillStyle = i.paper, u.fillRect(0, 0, c, l), u.setTransform(s * n.zoom, 0, 0, s * n.zoom, s * n.x, s * n.y);
	let d = -n.x / n.zoom, f = -n.y / n.zoom, p = d + c / n.zoom, m = f + l / n.zoom, h = (e) => e.x < p && e.x + e.width > d && e.y < m && e.y + e.height > f, g = (e) => o.lit !== null && !(e.node >= 0 ? o.lit.has(e.node) : e.open || e.kind !== "node"), _ = (e) => {
		if (!h(e)) return;
		let t = e.node >= 0 ? r.nodes[e.node] : null, s = e.kind === "group";
		u.globalAlpha = g(e) ? .3 : 1, u.fillStyle = t ? a.fill(t) : s ? e.depth % 2 || !e.open ? i.groupDeep : i.group : e.kind === "output" ? i.paper : r.tensors[e.tensor].role === 2 ? i.chip : i.paper, u.strokeStyle = t ? e.node === o.failed ? i.failed : a.stroke(t) : s ? i.groupLine : r.tensors[e.tensor].role === 2 && e.kind === "leaf" ? i.chipLine : i.line, u.lineWidth = e.node === o.failed && t ? 3 : 1.2, u.beginPath(), u.roundRect(e.x, e.y, e.width, e.height, e.kind === "leaf" || e.kind === "output" ? Math.min(14, e.height / 2) : s ? 8 : 5), u.fill(), u.stroke();
		let c = [[e.id === o.selected, "#0072b2"], [t !== null && e.node === o.current, o.phase === "backward" ? i.gradient : "#009e73"]];
		for (let [e, t] of c) e && (u.lineWidth = 3, u.strokeStyle = t, u.stroke());
		n.zoom > .28 && (u.fillStyle = t ? a.ink(t) : i.ink, u.font = "600 12px system-ui, sans-serif", u.textAlign = e.open ? "left" : "center", u.textBaseline = "middle", e.open ? u.fillText(e.title, e.x + 12, e.y + 16, e.width - 30) : u.fillText((s ? "▸ " : "") + e.title, e.x + e.width / 2, e.y + (e.subtitle ? 14 : e.height / 2 + .5), e.width - 10), e.subtitle && (u.font = "11px system-ui, sans-serif", u.fillStyle = t ? a.ink(t) : i.quiet, u.fillText(e.subtitle, e.x + e.width / 2, e.y + 29, e.width - 8))), u.globalAlpha = 1;
	};
	for (let e of t.boxes) e.open && _(e);
	u.textAlign = "left";
	for (let e of t.lines) {
		let t = e.points, [r, a] = t[0], [s, c] = t[t.length - 1];
		if (t.every(([e]) => e < d) || t.every(([e]) => e > p) || t.every(([, e]) => e < f) || t.every(([, e]) => e > m)) continue;
		let l = e.from === o.selected || e.to === o.selected;
		u.strokeStyle = e.gradient ? i.gradient : l ? "#0072b2" : i.line, u.lineWidth = l ? 2 : 1.2, u.beginPath(), u.moveTo(r, a);
		for (let e = 1; e < t.length; e++) {
			let [n, r] = t[e - 1], [i, a] = t[e], o = e === t.length - 1 ? a - 5 : a, s = Math.min(60, Math.abs(o - r) / 2);
			u.bezierCurveTo(n, r + s, i, o - s, i, o);
		}
		u.stroke(), n.zoom > .25 && (u.fillStyle = u.strokeStyle, u.beginPath(), u.moveTo(s, c), u.lineTo(s - 4, c - 7), u.lineTo(s + 4, c - 7), u.fill()), n.zoom > .55 && e.label && (u.font = "10.5px system-ui, sans-serif", u.fillStyle = i.quiet, u.fillText(e.label, (r + t[1][0]) / 2 + 5, (a + t[1][1]) / 2));
	}
	for (let e of t.boxes) e.open || _(e);
}
function Be(e, t, n) {
	return e.boxes.findLast((e) => t >= e.x && t <= e.x + e.width && n >= e.y && n <= e.y + e.height && !e.open) ?? e.boxes.findLast((e) => e.open && t >= e.x && t <= e.x + e.width && n >= e.y && n <= e.y + e.height);
}
function Ve(e, t, n, r) {
	let i = (e) => e.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\"", "&quot;"), a = e.boxes.map((e) => {
		let a = e.node >= 0 ? t.nodes[e.node] : null;
		return `<rect x="${e.x}" y="${e.y}" width="${e.width}" height="${e.height}" rx="6" fill="${a ? r.fill(a) : e.kind === "group" ? n.group : n.chip}" stroke="${a ? r.stroke(a) : n.groupLine}"/><text x="${e.x + (e.open ? 12 : e.width / 2)}" y="${e.y + 17}" ${e.open ? "" : "text-anchor=\"middle\" "}fill="${a ? r.ink(a) : n.ink}">${i(e.title)}</text>${e.subtitle ? `<text x="${e.x + e.width / 2}" y="${e.y + 33}" text-anchor="middle" font-size="10.5" fill="${n.quiet}">${i(e.subtitle)}</text>` : ""}`;
	}), o = e.lines.map(({ points: e, gradient: t }) => `<path d="M${e[0].join(" ")}${e.slice(1).map(([t, n], r) => {
		let [i, a] = e[r], o = Math.abs(n - a) / 2;
		return `C${i} ${a + o} ${t} ${n - o} ${t} ${n}`;
	}).join("")}" fill="none" stroke="${t ? n.gradient : n.line}"/>`);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -20 ${e.width + 40} ${e.height + 40}" font-family="system-ui,sans-serif" font-size="12"><rect x="-20" y="-20" width="100%" height="100%" fill="${n.paper}"/>${a.filter((t, n) => e.boxes[n].open).join("")}${o.join("")}${a.filter((t, n) => !e.boxes[n].open).join("")}</svg>`;
}
// src/model.ts
var He = class extends Error {
	code;
	constructor(e, t) {
		super(t), this.code = e;
	}
}, Ue = [
	"inner",
	"input",
	"parameter",
	"constant",
	"state"
], We = class {
	model;
	raw;
	nodes = [];
	tensors = [];
	labels = /* @__PURE__ */ new Map();
	scalars;
	loss;
	byName = /* @__PURE__ */ new Map();
	constructor(e, t) {
		this.model = e, this.raw = t;
		let { strings: n, shapes: r } = e.raw;
		this.scalars = t.scalars ?? [], this.loss = t.loss ?? -1;
		let i = (e, t, n = 0) => q(e[t], e.count, n), a = (e, t) => Re(e[t], e.count), o = t.tensors, s = t.nodes, c = (e) => e.map((e) => n[e] ?? ""), l = i(o, "name"), u = i(o, "shape", -1), d = i(o, "dtype"), f = i(o, "role"), p = i(o, "value", -1), m = i(o, "gradient", -1);
		for (let e = 0; e < o.count; e++) this.tensors.push({
			index: e,
			name: n[l[e]],
			shape: u[e] < 0 ? "" : `(${r[u[e]].join(", ")})`,
			dtype: n[d[e]],
			role: f[e],
			value: p[e],
			gradient: m[e],
			maker: -1,
			readers: []
		});
		let h = {}, g = {}, _ = {};
		for (let e of [
			"kind",
			"name",
			"family",
			"scope",
			"fields",
			"source",
			"code",
			"summary",
			"formula",
			"here",
			"numbers",
			"notes"
		]) h[e] = i(s, e);
		for (let e of [
			"time_forward",
			"time_backward",
			"memory",
			"flops_forward",
			"flops_backward"
		]) g[e] = i(s, e, NaN);
		for (let e of [
			"inputs",
			"input_names",
			"outputs",
			"vjp",
			"vjp_here",
			"sent",
			"local"
		]) _[e] = a(s, e);
		let v = i(s, "part"), y = i(s, "status"), b = i(s, "body", -1);
		for (let e = 0; e < s.count; e++) {
			let t = (t) => n[h[t][e]] ?? "", r = {
				index: e,
				kind: t("kind"),
				name: t("name"),
				family: t("family"),
				scope: t("scope"),
				fields: t("fields"),
				source: t("source"),
				code: t("code"),
				summary: t("summary"),
				formula: t("formula"),
				here: t("here"),
				numbers: t("numbers"),
				notes: t("notes"),
				part: v[e],
				status: y[e],
				body: b[e],
				inputs: _.inputs.row(e),
				inputNames: c(_.input_names.row(e)),
				outputs: _.outputs.row(e),
				vjp: c(_.vjp.row(e)),
				vjpHere: c(_.vjp_here.row(e)),
				sent: _.sent.row(e),
				local: _.local.row(e),
				timeForward: g.time_forward[e],
				timeBackward: g.time_backward[e],
				memory: g.memory[e],
				flopsForward: g.flops_forward[e],
				flopsBackward: g.flops_backward[e]
			};
			this.nodes.push(r), this.byName.set(r.name, e);
			for (let t of r.outputs) t >= 0 && (this.tensors[t].maker = e);
			for (let t of r.inputs) t >= 0 && this.tensors[t].readers.push(e);
		}
		let x = t.groups;
		if (x) {
			let e = i(x, "path"), t = i(x, "label");
			for (let r = 0; r < x.count; r++) this.labels.set(n[e[r]], n[t[r]]);
		}
	}
	gradientOf(e) {
		for (let t of e.outputs) if (t >= 0 && this.tensors[t].gradient >= 0) return this.tensors[t].gradient;
		return -1;
	}
	valueOf(e) {
		for (let t of e.outputs) if (t >= 0 && this.tensors[t].value >= 0) return this.tensors[t].value;
		return -1;
	}
	reach(e, t) {
		let n = /* @__PURE__ */ new Set([e]), r = [e];
		for (let e = r.pop(); e !== void 0; e = r.pop()) {
			let i = t ? this.nodes[e].outputs.flatMap((e) => e < 0 ? [] : this.tensors[e].readers) : this.nodes[e].inputs.map((e) => e < 0 ? -1 : this.tensors[e].maker);
			for (let e of i) e >= 0 && !n.has(e) && (n.add(e), r.push(e));
		}
		return n;
	}
	pathToLoss(e) {
		let t = this.loss >= 0 ? this.tensors[this.loss].maker : -1, n = /* @__PURE__ */ new Map(), r = [], i = (e, t) => {
			for (let i of this.tensors[e].readers) !n.has(i) && this.nodes[i].part === 0 && (n.set(i, {
				from: t,
				input: this.nodes[i].inputs.indexOf(e)
			}), r.push(i));
		};
		i(e, -1);
		for (let e = 0; e < r.length && !n.has(t); e++) for (let t of this.nodes[r[e]].outputs) t >= 0 && i(t, r[e]);
		let a = [];
		for (let e = t; n.has(e); e = n.get(e).from) a.unshift({
			node: e,
			input: n.get(e).input
		});
		return a;
	}
}, Ge = class {
	raw;
	graphs;
	columns = /* @__PURE__ */ new Map();
	decoded = /* @__PURE__ */ new Map();
	constructor(e) {
		this.raw = e, this.graphs = e.graphs.map((e) => new We(this, e));
	}
	arrayColumn(e, t, n) {
		let r = this.columns.get(e);
		if (r) return r;
		let i = q(this.raw.arrays[e], n ?? this.raw.arrays.count, t);
		return this.columns.set(e, i), i;
	}
	body(e) {
		let t = e < 0 ? void 0 : this.raw.bodies?.[e];
		return t === void 0 ? null : (this.decoded.has(e) || this.decoded.set(e, Le(t)), this.decoded.get(e));
	}
	number(e, t) {
		return e < 0 || !this.raw.arrays ? NaN : this.arrayColumn(t, NaN)[e];
	}
	summary(e) {
		let t = this.raw.arrays;
		if (e < 0 || !t || e >= t.count) return null;
		let n = (t, n = NaN) => this.arrayColumn(t, n)[e], r = t.bins ?? 24, i = t.histogram === void 0 ? [] : Array.from({ length: r }, (n, i) => this.arrayColumn("histogram", 0, t.count * r)[e * r + i]);
		return {
			dtype: this.raw.strings[n("dtype")],
			shape: this.raw.shapes[n("shape")] ?? [],
			size: n("size"),
			min: n("min"),
			max: n("max"),
			mean: n("mean"),
			std: n("std"),
			norm: n("norm"),
			zeros: n("zeros", 0),
			nan: n("nan", 0),
			inf: n("inf", 0),
			histogram: i.some((e) => e > 0) ? i : [],
			entries: this.body(n("body", -1)),
			picture: this.body(n("picture", -1)),
			rows: n("picture_rows", 0),
			columns: n("picture_columns", 0)
		};
	}
};
function Ke(e) {
	let t;
	try {
		t = JSON.parse(e);
	} catch (t) {
		throw new He(e.trim() === "" || e === "LOCALGRAD_DOCUMENT" ? "empty" : "broken", String(t));
	}
	return qe(t);
}
function qe(e) {
	if (typeof e != "object" || !e || e.format !== "localgrad-explorer") throw new He("foreign", "");
	if (!Array.isArray(e.version) || e.version[0] > 1) throw new He("newer", String(e.version));
	try {
		return new Ge(e);
	} catch (e) {
		throw new He("broken", String(e));
	}
}
// node_modules/preact/jsx-runtime/dist/jsxRuntime.module.js
var Je = 0;
Array.isArray;
function J(e, n, r, i, a, o) {
	n ||= {};
	var s, c, l = n;
	if ("ref" in l) for (c in l = {}, n) c == "ref" ? s = n[c] : l[c] = n[c];
	var u = {
		type: e,
		props: l,
		key: r,
		ref: s,
		__k: null,
		__: null,
		__b: 0,
		__e: null,
		__c: null,
		constructor: void 0,
		__v: --Je,
		__i: -1,
		__u: 0,
		__source: a,
		__self: o
	};
	if (typeof e == "function" && (s = e.defaultProps)) for (c in s) l[c] === void 0 && (l[c] = s[c]);
	return t.vnode && t.vnode(u), u;
}
// src/outline.tsx
var Ye = 400;
function Xe({ tree: e, open: t, selected: n, label: r, choose: i, toggle: a }) {
	let o = [], s = [{
		path: "",
		level: 0
	}];
	for (let n = s.pop(); n !== void 0 && o.length < Ye; n = s.pop()) {
		let { path: r, level: i } = n, a = e.groups.get(r);
		if (r !== "" && o.push({
			id: `group:${r}`,
			path: r,
			title: a.title,
			more: `${a.size}${a.repeat > 1 ? ` × ${a.repeat}` : ""}`,
			level: i,
			open: t.has(r)
		}), r === "" || t.has(r)) {
			for (let t of a.nodes) {
				let n = e.graph.nodes[t];
				o.push({
					id: `node:${n.name}`,
					path: "",
					title: n.kind,
					more: n.name.split("/").at(-1),
					level: i + 1,
					open: void 0
				});
			}
			for (let e of a.groups.toReversed()) s.push({
				path: e,
				level: i + 1
			});
		}
	}
	let c = Math.max(0, o.findIndex((e) => e.id === n));
	return o.length ? /* @__PURE__ */ J("ul", {
		role: "tree",
		"aria-label": r,
		onKeyDown: (e) => {
			let t = o[c], r = {
				ArrowDown: 1,
				ArrowUp: -1
			}[e.key], s = r === void 0 ? void 0 : o[Math.max(0, Math.min(o.length - 1, n === "" ? 0 : c + r))];
			if (s) i(s.id);
			else if (e.key === "Enter" && t?.open !== void 0 || e.key === "ArrowRight" && t?.open === !1 || e.key === "ArrowLeft" && t?.open === !0) a(t.path);
			else return;
			e.preventDefault(), e.stopPropagation();
			let l = e.currentTarget;
			requestAnimationFrame(() => l.querySelector("[tabindex='0']")?.focus());
		},
		children: o.map((e, t) => /* @__PURE__ */ J("li", {
			role: "treeitem",
			"aria-level": e.level,
			"aria-expanded": e.open,
			"aria-selected": e.id === n,
			tabIndex: t === c ? 0 : -1,
			style: { paddingLeft: `${(e.level - 1) * 12}px` },
			onClick: () => i(e.id),
			onDblClick: () => {
				e.path && a(e.path);
			},
			children: /* @__PURE__ */ J("span", { children: [
				e.open === void 0 ? "" : e.open ? "▾ " : "▸ ",
				e.title,
				" ",
				/* @__PURE__ */ J("small", { children: e.more })
			] })
		}, e.id))
	}) : null;
}
// src/picture.ts
function Ze(e, t, n) {
	let r = (e) => {
		let t = document.createElement("a"), r = URL.createObjectURL(e);
		t.href = r, t.download = n, t.click(), setTimeout(() => {
			URL.revokeObjectURL(r);
		}, 1e3);
	};
	if (n.endsWith(".svg")) {
		r(new Blob([e], { type: "image/svg+xml" }));
		return;
	}
	let i = new Image(), a = Math.min(2, 8e3 / Math.max(t.width, t.height, 1));
	i.onload = () => {
		let e = document.createElement("canvas");
		e.width = (t.width + 40) * a, e.height = (t.height + 40) * a, e.getContext("2d")?.drawImage(i, 0, 0, e.width, e.height), e.toBlob((e) => {
			e && r(e);
		});
	}, i.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(e)}`;
}
// src/mathml.ts
var Qe = /* @__PURE__ */ new Set(/* @__PURE__ */ "math.mrow.mi.mn.mo.mtext.mspace.msup.msub.msubsup.mfrac.msqrt.mroot.mover.munder.munderover.mtable.mtr.mtd.mstyle.mpadded.mphantom.mmultiscripts.mprescripts.none.menclose".split(".")), $e = /* @__PURE__ */ new Set([
	"display",
	"mathvariant",
	"stretchy",
	"fence",
	"separator",
	"accent",
	"form",
	"linethickness",
	"lspace",
	"rspace",
	"width",
	"columnalign",
	"displaystyle",
	"largeop",
	"movablelimits",
	"columnspacing",
	"rowspacing"
]), et = "http://www.w3.org/1998/Math/MathML";
function tt(e) {
	let t = new DOMParser().parseFromString(e.includes("xmlns") ? e : e.replace("<math", `<math xmlns="${et}"`), "application/xml");
	return t.querySelector("parsererror") ? null : nt(t.documentElement, 0);
}
function nt(e, t) {
	if (!Qe.has(e.localName) || t > 60) return null;
	let n = document.createElementNS(et, e.localName);
	for (let t of e.attributes) $e.has(t.name) && n.setAttribute(t.name, t.value);
	for (let r of e.childNodes) if (r.nodeType === Node.TEXT_NODE) n.append(r.textContent ?? "");
	else if (r instanceof Element) {
		let e = nt(r, t + 1);
		e && n.append(e);
	}
	return n;
}
// src/values.tsx
function Y(e) {
	return Number.isFinite(e) ? e === 0 || Number.isInteger(e) && Math.abs(e) < 1e6 ? String(e) : Math.abs(e) >= .001 && Math.abs(e) < 1e5 ? String(Number(e.toPrecision(4))) : e.toExponential(2) : Number.isNaN(e) ? "NaN" : e > 0 ? "Inf" : "-Inf";
}
function rt({ text: e }) {
	let t = G(null);
	return W(() => {
		if (e.startsWith("<math")) {
			let n = tt(e);
			n && t.current?.replaceChildren(n);
		}
	}, [e]), e.startsWith("<math") ? /* @__PURE__ */ J("span", {
		class: "math",
		ref: t
	}, e) : /* @__PURE__ */ J("code", { children: e });
}
function X({ model: e, array: t, name: n }) {
	let r = e.summary(t);
	if (!r) return null;
	let i = Math.max(1, Number(r.shape.at(-1) ?? 1)), a = r.entries, o = r.size === 0 ? "0 entries" : r.size === 1 ? "" : `min ${Y(r.min)} · max ${Y(r.max)} · mean ${Y(r.mean)} · std ${Y(r.std)} · norm ${Y(r.norm)}${r.zeros ? ` · zeros ${r.zeros}` : ""}`;
	return /* @__PURE__ */ J("div", {
		class: "array",
		"data-array": n,
		children: [
			a && r.size === 1 ? /* @__PURE__ */ J("code", { children: Y(a[0]) }) : a && r.size > 0 && r.size <= 64 ? /* @__PURE__ */ J(it, {
				entries: a,
				columns: i,
				label: n
			}) : a && r.size > 0 && r.size <= 4096 ? /* @__PURE__ */ J(at, {
				entries: a,
				columns: i,
				label: n
			}) : r.picture && r.columns ? /* @__PURE__ */ J(at, {
				entries: r.picture,
				columns: r.columns,
				label: n
			}) : null,
			r.nan + r.inf > 0 && /* @__PURE__ */ J("b", {
				class: "bad",
				children: [
					"NaN ",
					r.nan,
					" · Inf ",
					r.inf
				]
			}),
			o && /* @__PURE__ */ J("div", {
				class: "facts",
				children: o
			}),
			r.size > 64 && /* @__PURE__ */ J(ot, {
				summary: r,
				label: n
			})
		]
	});
}
function it({ entries: e, columns: t, label: n }) {
	return /* @__PURE__ */ J("div", {
		class: "scroll",
		tabIndex: 0,
		role: "region",
		"aria-label": n,
		children: /* @__PURE__ */ J("table", {
			class: "entries",
			children: /* @__PURE__ */ J("tbody", { children: Array.from({ length: Math.ceil(e.length / t) }, (n, r) => Array.from({ length: t }, (n, i) => e[r * t + i])).map((e, t) => /* @__PURE__ */ J("tr", { children: e.map((e, t) => /* @__PURE__ */ J("td", {
				title: String(e),
				class: Number.isFinite(e) ? "" : "bad",
				children: Y(e)
			}, t)) }, t)) })
		})
	});
}
function at({ entries: e, columns: t, label: n }) {
	let r = G(null), [i, a] = U(-1), o = Math.ceil(e.length / t);
	W(() => {
		let n = r.current?.getContext("2d");
		if (!n) return;
		let i = n.createImageData(t, o), a = 0;
		for (let t = 0; t < e.length; t++) Number.isFinite(e[t]) && (a = Math.max(a, Math.abs(e[t])));
		for (let t = 0; t < e.length; t++) {
			let n = a ? e[t] / a : 0, r = Number.isFinite(n) ? Math.abs(n) : 1, o = Number.isFinite(e[t]) ? n < 0 ? [
				0,
				114,
				178
			] : [
				213,
				94,
				0
			] : [
				0,
				0,
				0
			];
			for (let n = 0; n < 3; n++) i.data[t * 4 + n] = Number.isFinite(e[t]) ? 255 + (o[n] - 255) * r : 0;
			i.data[t * 4 + 3] = 255;
		}
		n.putImageData(i, 0, 0);
	}, [
		e,
		t,
		o
	]);
	let s = Math.min(300, Math.max(80, t * 8));
	return /* @__PURE__ */ J("div", {
		class: "heat",
		children: [/* @__PURE__ */ J("canvas", {
			ref: r,
			width: t,
			height: o,
			role: "img",
			"aria-label": n,
			style: {
				width: `${s}px`,
				height: `${Math.min(240, Math.max(10, s / t * o))}px`
			},
			onMouseMove: (e) => {
				let n = e.currentTarget.getBoundingClientRect();
				a(Math.min(o - 1, Math.floor((e.clientY - n.top) / n.height * o)) * t + Math.min(t - 1, Math.floor((e.clientX - n.left) / n.width * t)));
			},
			onMouseLeave: () => a(-1)
		}), /* @__PURE__ */ J("span", {
			class: "facts",
			children: i >= 0 && i < e.length ? `[${Math.floor(i / t)}, ${i % t}] = ${Y(e[i])}` : "\xA0"
		})]
	});
}
function ot({ summary: e, label: t }) {
	let n = Math.max(...e.histogram, 1);
	return e.histogram.length ? /* @__PURE__ */ J("svg", {
		class: "bars",
		role: "img",
		"aria-label": `${t}: ${Y(e.min)} … ${Y(e.max)}`,
		viewBox: `0 0 ${e.histogram.length * 8} 34`,
		children: e.histogram.map((e, t) => /* @__PURE__ */ J("rect", {
			x: t * 8,
			width: 7,
			y: 34 - e / n * 34,
			height: e / n * 34
		}, t))
	}) : null;
}
// src/playbar.tsx
function st(e) {
	let { model: t, graph: n, all: r, at: i, count: a, playing: o, setPlaying: s, move: c, moveLayer: l, word: u } = e, d = r[i], f = d ? n.nodes[d.node] : null;
	return /* @__PURE__ */ J("footer", { children: [
		/* @__PURE__ */ J("button", {
			"aria-label": u("layerBack"),
			title: u("layerBack"),
			onClick: () => l(-1),
			children: "◀◀"
		}),
		/* @__PURE__ */ J("button", {
			"aria-label": u("previous"),
			onClick: () => c(i - 1),
			children: "◀"
		}),
		/* @__PURE__ */ J("button", {
			onClick: () => s(!o),
			children: u(o ? "pause" : "play")
		}),
		/* @__PURE__ */ J("button", {
			"aria-label": u("next"),
			onClick: () => c(i + 1),
			children: "▶"
		}),
		/* @__PURE__ */ J("button", {
			"aria-label": u("layerOn"),
			title: u("layerOn"),
			onClick: () => l(1),
			children: "▶▶"
		}),
		/* @__PURE__ */ J("input", {
			type: "range",
			min: -1,
			max: r.length - 1,
			value: i,
			"aria-label": u("step"),
			onInput: (e) => c(Number(e.currentTarget.value))
		}),
		/* @__PURE__ */ J("span", { children: [
			i + 1,
			" / ",
			r.length
		] }),
		/* @__PURE__ */ J("div", {
			class: "now",
			role: "status",
			children: d && f && /* @__PURE__ */ J(S, { children: [
				u(d.phase),
				" · ",
				/* @__PURE__ */ J("b", { children: f.name }),
				" ",
				d.phase === "forward" ? f.here : /* @__PURE__ */ J(S, { children: [
					"· ",
					a[0],
					"/",
					a[1],
					" ",
					u("reported"),
					f.inputs.map((e, r) => e >= 0 && f.vjp[r] && f.sent[r] >= 0 ? /* @__PURE__ */ J("span", { children: [
						" ",
						"· ",
						n.tensors[e].name,
						":",
						" ",
						/* @__PURE__ */ J("code", { children: f.vjpHere[r] || (f.vjp[r].startsWith("<") ? "" : f.vjp[r]) }),
						(t.summary(f.sent[r])?.size ?? 99) === 1 && /* @__PURE__ */ J(X, {
							model: t,
							array: f.sent[r],
							name: n.tensors[e].name
						})
					] }, r) : null)
				] })
			] })
		})
	] });
}
// src/player.ts
function ct(e) {
	let t = e.nodes.filter((e) => e.part === 0), n = t.filter((t) => e.gradientOf(t) >= 0 || t.sent.some((e) => e >= 0)).toReversed();
	return [...t.map((e) => ({
		phase: "forward",
		node: e.index
	})), ...n.map((e) => ({
		phase: "backward",
		node: e.index
	}))];
}
function lt(e, t) {
	return t.toReversed().map(({ node: t, input: n }) => {
		let r = e.nodes[t], i = e.gradientOf(r), a = e.tensors[r.inputs[n]], o = r.sent[n] >= 0 ? r.sent[n] : a.gradient, s = (t) => {
			let n = e.model.summary(t);
			return n === null ? NaN : n.size === 1 && n.entries ? n.entries[0] : n.norm;
		};
		return {
			node: t,
			input: n,
			incoming: i,
			outgoing: o,
			gain: s(o) / s(i)
		};
	});
}
function ut(e, t, n, r) {
	let i = new Set(t.slice(0, n + 1).filter((e) => e.phase === "backward").map((e) => e.node)), a = new Set(e.nodes[r].outputs.flatMap((t) => t < 0 ? [] : e.tensors[t].readers).filter((t) => e.nodes[t].part === 0));
	return [[...a].filter((e) => i.has(e)).length, a.size];
}
// src/layout.ts
var dt = 26, ft = 38, pt = 6, mt = 3e3;
function ht(e, t, n = 0, r = 0) {
	let i = [...e], a = new Map(i.map((e, t) => [e.id, t])), o = i.map(() => []), s = i.map(() => []), c = /* @__PURE__ */ new Set();
	for (let [e, n] of t) {
		let t = a.get(e), r = a.get(n);
		t === void 0 || r === void 0 || t === r || c.has(t * i.length + r) || (c.add(t * i.length + r), o[t].push(r), s[r].push(t));
	}
	let l = _t(i, o, s), u = gt(i, o, s, l), d = [];
	l.forEach((e, t) => (d[e] ??= []).push(t));
	let f = d.filter((e) => e !== void 0), p = new Float64Array(i.length), m = (e) => {
		e.forEach((t, n) => {
			p[t] = (n + .5) / e.length;
		});
	};
	f.forEach(m);
	let h = (e) => e.reduce((e, t) => e + p[t], 0) / e.length;
	for (let e = 0; e < pt; e++) {
		let t = e % 2 == 0;
		for (let e of t ? f : f.toReversed()) {
			let n = new Map(e.map((e) => {
				let n = t ? s[e] : o[e];
				return [e, n.length ? h(n) : p[e]];
			}));
			e.sort((e, t) => n.get(e) - n.get(t) || e - t), m(e);
		}
	}
	let g = new Float64Array(i.length), _ = new Float64Array(i.length), v = new Float64Array(i.length), y = n;
	for (let e of f) {
		let t = Math.max(...e.map((e) => i[e].height)), n = 0;
		for (let r of e) g[r] = n + i[r].width / 2, n += i[r].width + dt, _[r] = y + t - i[r].height, v[r] = y;
		let r = (n - dt) / 2;
		for (let t of e) g[t] -= r;
		y += t + ft;
	}
	vt(f, i, s, o, g);
	let b = Infinity, x = -Infinity;
	i.forEach((e, t) => {
		b = Math.min(b, g[t] - e.width / 2), x = Math.max(x, g[t] + e.width / 2);
	}), i.length === 0 && (b = 0, x = 60, y = n + 20 + ft);
	let S = new Map(e.map((e, t) => [e.id, {
		x: g[t] - e.width / 2 - b + r,
		y: _[t]
	}])), C = (e) => [[g[e] - b + r, v[e]], [g[e] - b + r, _[e]]], w = new Map(u.map(([e, t]) => [e, t.flatMap(C)]));
	return e.forEach((e, t) => {
		e.height === 0 && w.set(e.id, C(t));
	}), {
		width: x - b + 2 * r,
		height: y - ft + r,
		places: S,
		ranks: new Map(e.map((e, t) => [e.id, l[t]])),
		routes: w
	};
}
function gt(e, t, n, r) {
	let i = [], a = e.length, o = mt;
	for (let s = 0; s < a; s++) for (let [a, c] of [...t[s].entries()]) {
		let l = r[c] - r[s] - 1;
		if (l < 1 || l > o) continue;
		o -= l;
		let u = [];
		for (let i = 1; i <= l; i++) u.push(e.push({
			id: "",
			width: 6,
			height: 0,
			chip: !1
		}) - 1), r.push(r[s] + i), t.push([]), n.push([]);
		t[s][a] = u[0], n[c][n[c].indexOf(s)] = u[l - 1], u.forEach((e, r) => {
			n[e].push(r ? u[r - 1] : s), t[e].push(r < l - 1 ? u[r + 1] : c);
		}), i.push([`${e[s].id}\n${e[c].id}`, u]);
	}
	return i;
}
function _t(e, t, n) {
	let r = e.map(() => 0), i = n.map((e) => e.length), a = e.map((e, t) => t).filter((e) => i[e] === 0), o = e.map((e) => e.chip);
	for (let e = 0; e < a.length; e++) {
		let s = a[e];
		n[s].length && n[s].every((e) => o[e]) && (o[s] = !0);
		for (let e of t[s]) r[e] = Math.max(r[e], r[s] + 1), --i[e] === 0 && a.push(e);
	}
	for (let e of a.toReversed()) o[e] && t[e].length && (r[e] = Math.max(r[e], Math.min(...t[e].map((e) => r[e])) - 1));
	return r;
}
function vt(e, t, n, r, i) {
	for (let a = 0; a < 8; a++) {
		let o = a % 2 == 0;
		for (let a of o ? e : e.toReversed()) {
			if (a.length > 400) continue;
			let e = a.map((e) => {
				let a = (o ? n[e] : r[e]).filter((r) => t[e].chip || !t[r].chip || !n[e].some((e) => !t[e].chip));
				return a.length ? a.reduce((e, t) => e + i[t], 0) / a.length : i[e];
			}), s = [];
			a.forEach((n, r) => {
				let i = {
					from: r,
					offset: [0],
					sum: e[r]
				};
				for (let e = s.at(-1); e; e = s.at(-1)) {
					let n = e.from + e.offset.length - 1, r = (t[a[n]].width + t[a[n + 1]].width) / 2 + dt;
					if (i.sum / i.offset.length - yt(i.offset) >= e.sum / e.offset.length - yt(e.offset) + e.offset.at(-1) + r) break;
					s.pop();
					let o = e.offset.at(-1) + r;
					i = {
						from: e.from,
						offset: [...e.offset, ...i.offset.map((e) => e + o)],
						sum: e.sum + i.sum
					};
				}
				s.push(i);
			});
			for (let e of s) {
				let t = e.sum / e.offset.length - yt(e.offset);
				e.offset.forEach((n, r) => {
					i[a[e.from + r]] = t + n;
				});
			}
		}
	}
}
var yt = (e) => e.reduce((e, t) => e + t, 0) / e.length, bt = class {
	graph;
	showBackward;
	groups = /* @__PURE__ */ new Map();
	constructor(e, t) {
		this.graph = e, this.showBackward = t, this.groups.set("", {
			path: "",
			parent: "",
			title: e.raw.name ?? "",
			groups: [],
			nodes: [],
			size: 0,
			repeat: 1
		});
		for (let n of e.nodes) {
			if (n.part && !t) continue;
			let e = this.pathOf(n.index);
			this.ensure(e).nodes.push(n.index);
			for (let t = e; this.groups.get(t).size++, t !== ""; t = this.groups.get(t).parent);
		}
		this.findRepeats();
	}
	pathOf(e) {
		let { scope: t, part: n } = this.graph.nodes[e];
		return n ? t === "" ? "∇" : `∇/${t}` : t;
	}
	ensure(e) {
		let t = this.groups.get(e);
		if (t) return t;
		let n = e.lastIndexOf("/"), r = n < 0 ? "" : e.slice(0, n), i = e.slice(n + 1), a = this.graph.labels.get(e), o = {
			path: e,
			parent: r,
			title: a && a !== i ? `${i} · ${a}` : i,
			groups: [],
			nodes: [],
			size: 0,
			repeat: 1
		};
		return this.ensure(r).groups.push(e), this.groups.set(e, o), o;
	}
	findRepeats() {
		let e = /* @__PURE__ */ new Map();
		for (let t of [...this.groups.keys()].toSorted((e, t) => t.split("/").length - e.split("/").length)) {
			let n = this.groups.get(t);
			e.set(t, n.nodes.map((e) => this.graph.nodes[e].kind + this.graph.nodes[e].fields).join() + "{" + n.groups.map((t) => e.get(t)).join() + "}");
		}
		for (let t of this.groups.values()) for (let n = 0; n < t.groups.length;) {
			let r = n + 1;
			for (; r < t.groups.length && e.get(t.groups[r]) === e.get(t.groups[n]);) r++;
			for (let e = n; e < r; e++) this.groups.get(t.groups[e]).repeat = r - n;
			n = r;
		}
	}
	shown(e, t) {
		let n = e === "" ? [] : e.split("/");
		for (let e = 1; e <= n.length; e++) {
			let r = n.slice(0, e).join("/");
			if (!t.has(r)) return r;
		}
		return "";
	}
	ancestors(e) {
		let t = e === "" ? [] : e.split("/");
		return t.map((e, n) => t.slice(0, n + 1).join("/"));
	}
}, xt = (e) => [...e].reduce((e, t) => e + (t > "⺀" ? 12 : 6.9), 0), St = (e, t = 26) => e.length <= t ? e : `${e.slice(0, t - 9)}…${e.slice(-8)}`;
function Ct(e, t, n) {
	let r = e.get(t);
	r ? r.push(n) : e.set(t, [n]);
}
var wt = /* @__PURE__ */ new Map();
function Tt(e, t) {
	let n = e.graph, r = [], i = /* @__PURE__ */ new Map(), a = /* @__PURE__ */ new Map(), o = (e, t) => {
		let n = {
			...e,
			x: 0,
			y: 0,
			width: Math.max(64, Math.min(230, 20 + Math.max(xt(e.title), xt(e.subtitle) * .88))),
			height: e.subtitle ? 40 : 27,
			depth: 0
		};
		Ct(a, t, n), i.set(n.id, n);
	}, s = /* @__PURE__ */ new Map(), c = /* @__PURE__ */ new Map(), l = [""];
	for (let r = l.pop(); r !== void 0; r = l.pop()) {
		let i = e.groups.get(r);
		for (let n of i.groups) {
			let i = e.groups.get(n), a = t.has(n);
			o({
				id: `group:${n}`,
				kind: "group",
				title: St(i.title) + (i.repeat > 1 ? `  × ${i.repeat}` : ""),
				subtitle: a ? "" : `${i.size}`,
				open: a,
				node: -1,
				tensor: -1,
				path: n
			}, r), c.set(`group:${n}`, r), a && l.push(n);
		}
		for (let e of i.nodes) {
			let t = n.nodes[e], i = t.inputs.filter((e) => e <= -2).map((e) => n.scalars[-2 - e]), a = `node:${t.name}`, s = t.outputs.find((e) => e >= 0);
			o({
				id: a,
				kind: "node",
				title: t.kind,
				subtitle: St([t.fields, ...i].filter(Boolean).join(", ") || (s === void 0 ? "" : n.tensors[s].shape), 34),
				open: !1,
				node: e,
				tensor: -1,
				path: r
			}, r), c.set(a, r);
		}
	}
	let u = (r) => {
		if (!s.has(r)) {
			let i = e.shown(e.pathOf(r), t);
			s.set(r, i === "" || t.has(i) ? `node:${n.nodes[r].name}` : `group:${i}`);
		}
		return s.get(r);
	}, d = [], f = /* @__PURE__ */ new Set(), p = (e, t, n) => {
		let r = `${e}\n${t}`;
		e !== t && !f.has(r) && (f.add(r), d.push({
			from: e,
			to: t,
			tensor: n
		}));
	}, m = (t) => e.showBackward || n.nodes[t].part === 0;
	for (let e of n.tensors) {
		let t = e.readers.filter(m);
		if (e.maker >= 0) {
			if (m(e.maker)) for (let n of t) p(u(e.maker), u(n), e.index);
			continue;
		}
		if (!t.length) continue;
		let n = [...new Set(t.map(u))];
		if (e.role !== 1 && n.length === 1 && n[0].startsWith("group:")) continue;
		let r = e.role === 1 ? "" : Dt(n.map((e) => c.get(e))), i = e.role === 1 ? e.name : e.name.split(/[/.]/).at(-1);
		o({
			id: `leaf:${e.name}`,
			kind: "leaf",
			title: St(i, 18),
			subtitle: e.shape === "()" ? "" : e.shape,
			open: !1,
			node: -1,
			tensor: e.index,
			path: r
		}, r), c.set(`leaf:${e.name}`, r);
		for (let t of n) p(`leaf:${e.name}`, t, e.index);
	}
	for (let e of n.raw.outputs) {
		let t = n.tensors[e];
		!t || t.maker < 0 || !m(t.maker) || (o({
			id: `output:${t.name}`,
			kind: "output",
			title: St(t.name),
			subtitle: "",
			open: !1,
			node: -1,
			tensor: e,
			path: ""
		}, ""), c.set(`output:${t.name}`, ""), p(u(t.maker), `output:${t.name}`, e));
	}
	let h = /* @__PURE__ */ new Map(), g = [];
	for (let t of d) {
		let n = [...e.ancestors(c.get(t.from)), t.from], r = [...e.ancestors(c.get(t.to)), t.to], i = 0;
		for (; i < n.length - 1 && i < r.length - 1 && n[i] === r[i];) i++;
		let a = i === 0 ? "" : n[i - 1], o = [i < n.length - 1 ? `group:${n[i]}` : t.from, i < r.length - 1 ? `group:${r[i]}` : t.to];
		Ct(h, a, o), g.push({
			home: a,
			key: o.join("\n"),
			entered: r.slice(i, -1).map((e, n) => ({
				group: e,
				member: i + n + 1 < r.length - 1 ? `group:${r[i + n + 1]}` : t.to
			}))
		});
	}
	let _ = /* @__PURE__ */ new Map(), v = new Map([...h].map(([e, t]) => [e, new Set(t.map((e) => e[1]))]));
	for (let { entered: e } of g) for (let { group: t, member: n } of e) v.get(t)?.has(n) && !_.get(t)?.includes(`port:${n}`) && (Ct(_, t, `port:${n}`), Ct(h, t, [`port:${n}`, n]));
	let y = /* @__PURE__ */ new Map(), b = ["", ...t].filter((e) => e === "" || i.has(`group:${e}`)).toSorted((e, t) => Et(t) - Et(e));
	for (let e of b) {
		let t = (a.get(e) ?? []).map(({ id: e, width: t, height: r, kind: i, tensor: a }) => ({
			id: e,
			width: t,
			height: r,
			chip: i === "leaf" && n.tensors[a].role !== 1
		}));
		for (let n of _.get(e) ?? []) t.push({
			id: n,
			width: 6,
			height: 0,
			chip: !1
		});
		let r = `${e}|${t.map((e) => `${e.id},${e.width},${e.height}`).join(";")}|${(h.get(e) ?? []).join(";")}`, o = wt.get(r) ?? ht(t, h.get(e) ?? [], e === "" ? 0 : 38, e === "" ? 0 : 16);
		wt.set(r, o), y.set(e, o);
		let s = i.get(`group:${e}`);
		s && (s.width = Math.max(s.width, o.width), s.height = o.height);
	}
	for (let e of b.toReversed()) {
		let t = y.get(e), n = i.get(`group:${e}`);
		for (let i of a.get(e) ?? []) {
			let a = t.places.get(i.id);
			i.x = a.x + (n ? n.x + (n.width - t.width) / 2 : 0), i.y = a.y + (n?.y ?? 0), i.depth = Et(e), r.push(i);
		}
	}
	let x = (e, t) => {
		let n = y.get(e), r = i.get(`group:${e}`);
		return (n?.routes.get(t) ?? []).map(([e, t]) => [e + (r ? r.x + (r.width - n.width) / 2 : 0), t + (r?.y ?? 0)]);
	}, S = d.map(({ from: e, to: t, tensor: r }, a) => {
		let o = g[a], s = [...x(o.home, o.key), ...o.entered.flatMap(({ group: e, member: t }) => x(e, `port:${t}`))], c = i.get(e), l = i.get(t), u = n.tensors[r];
		return {
			from: e,
			to: t,
			tensor: r,
			label: c.kind === "leaf" && u.role !== 1 ? "" : `${u.shape}${u.dtype && u.dtype !== "float32" ? ` ${u.dtype}` : ""}`,
			points: [
				[c.x + c.width / 2, c.y + c.height],
				...s,
				[l.x + l.width / 2, l.y]
			],
			gradient: u.maker >= 0 && n.nodes[u.maker].part === 1
		};
	}), C = y.get("");
	return {
		boxes: r,
		lines: S,
		width: C.width,
		height: C.height,
		byId: i
	};
}
var Et = (e) => e === "" ? 0 : e.split("/").length;
function Dt(e) {
	let t = e[0].split("/");
	for (let n of e) {
		let e = n.split("/"), r = 0;
		for (; r < t.length && t[r] === e[r];) r++;
		t = t.slice(0, r);
	}
	return t.join("/");
}
function Ot(e, t = 45) {
	let n = /* @__PURE__ */ new Set(), r = [...e.groups.get("").groups], i = e.groups.get("").nodes.length + r.length;
	for (let a = 0; a < r.length; a++) {
		let o = e.groups.get(r[a]), s = o.groups.length + o.nodes.length;
		i + s > t || (i += s, n.add(r[a]), r.push(...o.groups));
	}
	return n;
}
// src/search.ts
var kt = /^(value|grad|time|memory|flops|size)(?:\.(norm|min|max|mean|std|zeros|nan|inf|size))?\s*(<=|>=|<|>|!=|=)\s*([-+\d.eE]+|nan|inf)$/i;
function At(e, t, n, r = "norm") {
	if (n === "time") return (t.timeForward || 0) + (t.timeBackward || 0);
	if (n === "memory") return t.memory;
	if (n === "flops") return (t.flopsForward || 0) + (t.flopsBackward || 0);
	let i = n === "grad" ? e.gradientOf(t) : e.valueOf(t);
	return e.model.number(i, n === "size" ? "size" : r);
}
function jt(e, t, n) {
	switch (t) {
		case "<": return e < n;
		case "<=": return e <= n;
		case ">": return e > n;
		case ">=": return e >= n;
		case "!=": return e !== n;
		default: return e === n;
	}
}
function Mt(e, t) {
	let n = t.trim().replace(/\s*(<=|>=|!=|<|>|=)\s*/g, "$1").match(/\([^)]*\)|"[^"]*"|\S+/g) ?? [];
	if (!n.length) return [];
	let r = n.map((t) => {
		let n = kt.exec(t);
		if (n) {
			let [, t, r, i, a] = n, o = a.toLowerCase() === "inf" ? Infinity : Number(a);
			return (n) => jt(At(e, n, t.toLowerCase(), r?.toLowerCase()), i, o);
		}
		let r = /^kind=(.+)$/i.exec(t);
		if (r) return (e) => e.kind.toLowerCase() === r[1].toLowerCase();
		let i = t.replaceAll("\"", "").toLowerCase(), a = i.replaceAll(" ", "");
		return (t) => t.name.toLowerCase().includes(i) || t.kind.toLowerCase().includes(i) || t.scope.toLowerCase().includes(i) || t.source.toLowerCase().includes(i) || [...t.outputs, ...t.inputs].some((t) => t >= 0 && (e.tensors[t].name.toLowerCase().includes(i) || i.startsWith("(") && e.tensors[t].shape.replaceAll(" ", "") === a));
	});
	return e.nodes.filter((e) => r.every((t) => t(e))).map((e) => e.index);
}
// src/words.ts
var Nt = {
	search: ["Find: name, kind, shape, or grad.norm < 1e-7", "查找：名称、种类、形状，或 grad.norm < 1e-7"],
	outline: ["Outline", "大纲"],
	card: ["Card", "卡片"],
	fit: ["Fit", "适应窗口"],
	openAll: ["Open all", "全部展开"],
	closeAll: ["Close all", "全部折叠"],
	colour: ["Colour", "着色"],
	kind: ["kind", "种类"],
	time: ["time", "时间"],
	memory: ["memory", "内存"],
	gradient: ["gradient norm", "梯度范数"],
	nonfinite: ["non-finite", "非有限值"],
	theme: ["Theme", "主题"],
	auto: ["auto", "自动"],
	light: ["light", "浅色"],
	dark: ["dark", "深色"],
	forward: ["forward", "前向"],
	backward: ["backward", "反向"],
	play: ["Play", "播放"],
	pause: ["Pause", "暂停"],
	previous: ["Step back", "上一步"],
	next: ["Step", "下一步"],
	layerBack: ["A layer back", "上一层"],
	layerOn: ["A layer on", "下一层"],
	formula: ["formula", "公式"],
	here: ["here", "此处"],
	input: ["input", "输入"],
	output: ["output", "输出"],
	value: ["value", "值"],
	itsGradient: ["gradient", "梯度"],
	rule: ["its gradient =", "其梯度 ="],
	sent: ["sent back from here", "由此传回"],
	local: ["local derivative", "局部导数"],
	source: ["source", "源代码"],
	layer: ["layer", "层"],
	numbers: ["with numbers", "代入数值"],
	contributions: ["What each consumer contributes", "各使用者的贡献"],
	together: ["together", "合计"],
	keys: ["Keys", "按键"],
	close: ["Close", "关闭"],
	results: ["found", "个结果"],
	backwardGraph: ["Backward graph", "反向图"],
	path: ["Path to the loss", "到损失的路径"],
	gain: ["gain |out|/|in|", "增益 |出|/|入|"],
	product: ["product", "乘积"],
	ancestors: ["Ancestors", "祖先"],
	descendants: ["Descendants", "后代"],
	clear: ["Clear", "清除"],
	graph: ["Graph", "计算图"],
	training: ["Training", "训练"],
	compare: ["Compare", "比较"],
	nothing: ["Select a box: its formula, values and gradients are shown here.", "选择一个方框，这里会显示它的公式、值和梯度。"],
	leftOut: ["Shown by summary alone, beyond the budget", "超出预算，仅显示摘要"],
	structure_only: ["Structure alone: no input was given.", "仅有结构：没有给出输入。"],
	no_gradients: ["Values without gradients.", "只有值，没有梯度。"],
	truncated: ["The document was shortened.", "文档被截短。"],
	failed: ["failed here", "在此失败"],
	newer: ["This page cannot read the document: it is from a newer version. Install a newer localgrad, or write the page again with this one.", "本页无法读取该文档：它来自较新的版本。请安装更新的 localgrad，或用当前版本重新生成页面。"],
	broken: ["This document is damaged or truncated. Write the page again.", "文档已损坏或被截断。请重新生成页面。"],
	foreign: ["This is not an explorer document of localgrad.", "这不是 localgrad 的浏览文档。"],
	empty: ["No document was put into this page. graph.explore(\"page.html\") writes one.", "本页中没有文档。请用 graph.explore(\"page.html\") 生成。"],
	emptyGraph: ["This graph has no nodes.", "此计算图没有节点。"],
	parameter: ["parameter", "参数"],
	constant: ["constant", "常量"],
	state: ["state", "状态"],
	inner: ["inner", "中间量"],
	flops: ["FLOPs", "浮点运算"],
	noValue: ["no value", "没有值"],
	incoming: ["incoming gradient", "传入的梯度"],
	reported: ["consumers have reported", "个使用者已回传"],
	loading: ["Loading…", "加载中…"],
	step: ["step", "步"],
	rowOf: ["layer or parameter", "层或参数"],
	alarms: ["Alarms", "警报"],
	first: ["first that differs", "第一处不同"],
	gradient_norm: ["gradient norm", "梯度范数"],
	update_ratio: ["update / weight", "更新/权重"],
	dead: ["dead units", "死亡单元"],
	saturation: ["saturation", "饱和"],
	nodes: ["nodes", "个节点"],
	equal: ["equal", "相同"],
	added: ["added", "新增"],
	removed: ["removed", "移除"],
	shapeChanged: ["other shape", "形状不同"],
	numbersChanged: ["other numbers", "数值不同"],
	kindChanged: ["other kind", "种类不同"],
	save: ["Save", "保存"],
	keyList: ["arrows: move · + − 0: zoom, fit · Enter: open or close · n, p: step · N, P: step by layer · space: play · /: find · f: follow to loss · a, d: ancestors, descendants · Esc: clear · ?: keys", "方向键：移动 · + − 0：缩放、适应 · Enter：展开或折叠 · n、p：单步 · N、P：逐层 · 空格：播放 · /：查找 · f：到损失 · a、d：祖先、后代 · Esc：清除 · ?：按键"]
}, Pt = (e) => e in Nt, Z = (e, t) => Nt[t][+(e === "zh")], Ft = (e) => e >= 1 ? `${Y(e)} s` : e >= .001 ? `${Y(e * 1e3)} ms` : `${Y(e * 1e6)} µs`;
function It({ graph: e, language: t, choose: n, index: r, openBody: i }) {
	let a = e.nodes[r], o = (e) => Z(t, e), s = (e, t) => t ? /* @__PURE__ */ J("div", {
		class: "fact",
		children: [/* @__PURE__ */ J("dt", { children: e }), /* @__PURE__ */ J("dd", { children: /* @__PURE__ */ J("code", { children: t }) })]
	}) : null, c = (e, t, n) => [[o("forward"), e], [o("backward"), t]].filter(([, e]) => Number.isFinite(e)).map(([e, t]) => `${e} ${n(t)}`).join(" · ");
	return /* @__PURE__ */ J("article", { children: [
		/* @__PURE__ */ J("h2", { children: [
			a.name,
			" ",
			/* @__PURE__ */ J("small", { children: [a.kind, a.fields ? `(${a.fields})` : ""] })
		] }),
		a.status === 1 && /* @__PURE__ */ J("p", {
			class: "bad",
			children: o("failed")
		}),
		a.summary && /* @__PURE__ */ J("p", { children: a.summary }),
		a.formula && /* @__PURE__ */ J("div", {
			class: "formula",
			children: /* @__PURE__ */ J(rt, { text: a.formula })
		}),
		/* @__PURE__ */ J("dl", { children: [
			s(o("here"), a.here),
			s(o("source"), [a.source, a.code.trim()].filter(Boolean).join("  ")),
			s(o("layer"), a.scope.replaceAll("/", " › ")),
			s(o("time"), c(a.timeForward, a.timeBackward, Ft)),
			s(o("flops"), c(a.flopsForward, a.flopsBackward, Y)),
			s(o("memory"), Number.isFinite(a.memory) ? `${Y(a.memory)} B` : "")
		] }),
		a.body >= 0 && /* @__PURE__ */ J("button", {
			onClick: () => i(a.body),
			children: [
				"▸ ",
				e.model.graphs[a.body].nodes.length,
				" ",
				o("nodes")
			]
		}),
		a.inputs.map((r, i) => r === -1 ? null : r < -1 ? /* @__PURE__ */ J("section", { children: /* @__PURE__ */ J("h3", { children: [
			o("input"),
			" ",
			a.inputNames[i],
			" = ",
			e.scalars[-2 - r]
		] }) }, i) : /* @__PURE__ */ J("section", { children: [
			/* @__PURE__ */ J(Lt, {
				graph: e,
				choose: n,
				language: t,
				tensor: r,
				title: `${o("input")} ${a.inputNames[i] ?? ""}`
			}),
			/* @__PURE__ */ J(Q, {
				label: o("value"),
				children: /* @__PURE__ */ J(X, {
					model: e.model,
					array: e.tensors[r].value,
					name: `${e.tensors[r].name}: ${o("value")}`
				})
			}),
			a.vjp[i] && /* @__PURE__ */ J(Q, {
				label: o("rule"),
				children: [/* @__PURE__ */ J(rt, { text: a.vjp[i] }), a.vjpHere[i] && /* @__PURE__ */ J("div", {
					class: "facts",
					children: /* @__PURE__ */ J(rt, { text: a.vjpHere[i] })
				})]
			}),
			a.local[i] >= 0 && /* @__PURE__ */ J(Q, {
				label: o("local"),
				children: /* @__PURE__ */ J(X, {
					model: e.model,
					array: a.local[i],
					name: `${e.tensors[r].name}: ${o("local")}`
				})
			}),
			a.sent[i] >= 0 && /* @__PURE__ */ J(Q, {
				label: o("sent"),
				children: /* @__PURE__ */ J(X, {
					model: e.model,
					array: a.sent[i],
					name: `${e.tensors[r].name}: ${o("sent")}`
				})
			})
		] }, i)),
		a.outputs.map((r, i) => r < 0 ? null : /* @__PURE__ */ J(Rt, {
			graph: e,
			language: t,
			choose: n,
			index: r,
			title: o("output")
		}, i)),
		a.numbers && /* @__PURE__ */ J("section", { children: [/* @__PURE__ */ J("h3", { children: o("numbers") }), a.numbers.startsWith("<math") ? /* @__PURE__ */ J(rt, { text: a.numbers }) : /* @__PURE__ */ J("pre", {
			tabIndex: 0,
			children: a.numbers
		})] }),
		a.notes && /* @__PURE__ */ J("p", {
			class: "facts",
			children: a.notes
		})
	] });
}
function Q({ label: e, children: t }) {
	return /* @__PURE__ */ J("div", {
		class: "part",
		children: [/* @__PURE__ */ J("span", {
			class: "label",
			children: e
		}), /* @__PURE__ */ J("div", { children: t })]
	});
}
function Lt({ graph: e, tensor: t, title: n, choose: r, language: i }) {
	let a = e.tensors[t], o = Ue[a.role];
	return /* @__PURE__ */ J("h3", { children: [
		n,
		" ",
		/* @__PURE__ */ J("button", {
			class: "link",
			onClick: () => r(a.maker >= 0 ? `node:${e.nodes[a.maker].name}` : `leaf:${a.name}`),
			children: a.name
		}),
		" ",
		/* @__PURE__ */ J("small", { children: [
			a.dtype,
			a.shape,
			a.role > 1 && Pt(o) ? ` · ${Z(i, o)}` : ""
		] })
	] });
}
function Rt({ graph: e, language: t, choose: n, index: r, title: i }) {
	let a = e.tensors[r], o = (e) => Z(t, e), s = a.readers.flatMap((t) => e.nodes[t].inputs.flatMap((n, i) => n === r && e.nodes[t].sent[i] >= 0 ? [{
		reader: t,
		at: i,
		array: e.nodes[t].sent[i]
	}] : []));
	return /* @__PURE__ */ J("section", { children: [
		/* @__PURE__ */ J(Lt, {
			graph: e,
			choose: n,
			language: t,
			tensor: r,
			title: i
		}),
		/* @__PURE__ */ J(Q, {
			label: o("value"),
			children: a.value >= 0 ? /* @__PURE__ */ J(X, {
				model: e.model,
				array: a.value,
				name: `${a.name}: ${o("value")}`
			}) : /* @__PURE__ */ J("span", {
				class: "facts",
				children: o("noValue")
			})
		}),
		a.gradient >= 0 && /* @__PURE__ */ J(Q, {
			label: o("itsGradient"),
			children: /* @__PURE__ */ J(X, {
				model: e.model,
				array: a.gradient,
				name: `${a.name}: ${o("itsGradient")}`
			})
		}),
		s.length > 1 && /* @__PURE__ */ J("section", { children: [
			/* @__PURE__ */ J("h3", { children: o("contributions") }),
			s.map(({ reader: t, at: n, array: r }) => /* @__PURE__ */ J(Q, {
				label: e.nodes[t].name,
				children: /* @__PURE__ */ J(X, {
					model: e.model,
					array: r,
					name: e.nodes[t].name
				})
			}, `${t}:${n}`)),
			/* @__PURE__ */ J(Q, {
				label: o("together"),
				children: /* @__PURE__ */ J(X, {
					model: e.model,
					array: a.gradient,
					name: o("together")
				})
			})
		] })
	] });
}
function zt({ graph: e, language: t, choose: n, tensor: r }) {
	let i = lt(e, e.pathToLoss(r)), a = i.reduce((e, t) => e * t.gain, 1);
	if (!i.length) return null;
	let o = Math.max(...i.map((e) => Math.abs(Math.log10(Math.abs(e.gain)))).filter(Number.isFinite), 1);
	return /* @__PURE__ */ J("section", {
		class: "path",
		children: [/* @__PURE__ */ J("h3", { children: [
			Z(t, "path"),
			" ",
			/* @__PURE__ */ J("small", { children: Z(t, "gain") })
		] }), /* @__PURE__ */ J("table", { children: /* @__PURE__ */ J("tbody", { children: [i.map((t) => {
			let r = Math.log10(Math.abs(t.gain)), i = Number.isFinite(r) ? Math.min(1, Math.abs(r) / o) * 50 : 50;
			return /* @__PURE__ */ J("tr", { children: [
				/* @__PURE__ */ J("td", { children: /* @__PURE__ */ J("button", {
					class: "link",
					onClick: () => n(`node:${e.nodes[t.node].name}`),
					children: e.nodes[t.node].name
				}) }),
				/* @__PURE__ */ J("td", {
					class: "number",
					children: Y(t.gain)
				}),
				/* @__PURE__ */ J("td", {
					class: "gain",
					children: /* @__PURE__ */ J("i", {
						class: r < 0 ? "low" : "high",
						style: {
							left: `${r < 0 ? 50 - i : 50}%`,
							width: `${i}%`
						}
					})
				})
			] }, t.node);
		}), /* @__PURE__ */ J("tr", { children: [
			/* @__PURE__ */ J("th", {
				scope: "row",
				children: Z(t, "product")
			}),
			/* @__PURE__ */ J("td", {
				class: "number",
				children: Y(a)
			}),
			/* @__PURE__ */ J("td", {})
		] })] }) })]
	});
}
// src/snapshot.ts
var $ = (e) => e.slice(e.indexOf(":") + 1), Bt = (e, t) => /^(leaf|output):/.test(t) ? e.tensors.find((e) => e.name === $(t)) : void 0;
function Vt(e) {
	let { model: t, graph: n, scene: r, state: i, view: a, dark: o, lit: s, colours: c, all: l, found: u, path: d, count: f } = e, p = l[i.at], m = i.selected.startsWith("node:") ? n.byName.get(i.selected.slice(5)) : void 0, h = Bt(n, i.selected), g = (e) => {
		let n = t.summary(e)?.entries;
		return n ? Array.from(n) : null;
	};
	return {
		ready: e.size[0] > 0,
		view: a,
		selection: $(i.selected),
		language: i.language,
		theme: o ? "dark" : "light",
		tab: i.tab,
		colour: i.mode,
		lit: s ? [...s].map((e) => n.nodes[e].name) : null,
		boxes: r.boxes.map((e) => ({
			id: e.id,
			title: e.title,
			kind: e.kind,
			x: e.x * a.zoom + a.x,
			y: e.y * a.zoom + a.y,
			width: e.width * a.zoom,
			height: e.height * a.zoom,
			open: e.open,
			visible: !0,
			fill: e.node >= 0 ? c.fill(n.nodes[e.node]) : ""
		})),
		edges: r.lines.map(({ from: e, to: t, label: n, points: r }) => ({
			from: e,
			to: t,
			label: n,
			points: r
		})),
		card: m === void 0 ? h ? {
			name: h.name,
			kind: "tensor",
			rows: [{
				role: "tensor",
				name: h.name,
				value: g(h.value),
				gradient: g(h.gradient)
			}]
		} : null : {
			name: n.nodes[m].name,
			kind: n.nodes[m].kind,
			rows: [...n.nodes[m].inputs.map((e, t) => [
				e,
				t,
				"input"
			]), ...n.nodes[m].outputs.map((e) => [
				e,
				-1,
				"output"
			])].filter(([e]) => e >= 0).map(([e, t, r]) => ({
				role: r,
				name: n.tensors[e].name,
				value: g(n.tensors[e].value),
				gradient: g(n.tensors[e].gradient),
				sent: t < 0 ? null : g(n.nodes[m].sent[t] ?? -1),
				vjp: n.nodes[m].vjp[t] ?? ""
			}))
		},
		player: {
			at: i.at,
			of: l.length,
			phase: p?.phase ?? "",
			node: p ? n.nodes[p.node].name : "",
			incoming: p ? g(n.gradientOf(n.nodes[p.node])) : null,
			rule: p ? n.nodes[p.node].vjp : [],
			contributions: p?.phase === "backward" ? n.nodes[p.node].inputs.flatMap((e, t) => e >= 0 && n.nodes[p.node].sent[t] >= 0 ? [{
				input: n.tensors[e].name,
				entries: g(n.nodes[p.node].sent[t])
			}] : []) : [],
			reported: f
		},
		search: {
			query: i.query,
			count: u.length,
			results: u.slice(0, 200).map((e) => n.nodes[e].name)
		},
		path: {
			nodes: d.map((e) => n.nodes[e.node].name),
			factors: d.map((e) => e.gain),
			gains: d.map((e) => Math.abs(e.gain)),
			product: d.reduce((e, t) => e * t.gain, 1)
		},
		training: t.raw.training ? {
			steps: Array.from(q(t.raw.training.steps, 0, 0)),
			rows: t.raw.training.layers.length,
			snapshot: i.snapshot
		} : null,
		compare: t.raw.compare ? {
			first: t.raw.compare.first,
			count: t.raw.compare.rows.count
		} : null,
		messages: [...(t.raw.notes ?? []).map((e) => e.code), ...t.raw.failure ? [t.raw.failure.message] : []]
	};
}
// src/side.tsx
function Ht(e) {
	let { model: t, graph: n, tree: r, state: i, lit: a, setLit: o, change: s, choose: c, toggle: l, refit: u, reach: d, follow: f, word: p } = e, m = i.selected.startsWith("node:") ? n.byName.get(i.selected.slice(5)) : void 0, h = Bt(n, i.selected);
	return /* @__PURE__ */ J("section", {
		class: "card",
		"aria-label": p("card"),
		tabIndex: 0,
		children: [
			t.raw.failure && /* @__PURE__ */ J("div", {
				class: "note bad",
				role: "alert",
				children: [
					t.raw.failure.type,
					" ",
					t.raw.failure.message
				]
			}),
			(t.raw.notes ?? []).map((e, t) => /* @__PURE__ */ J("div", {
				class: "note",
				children: [
					Pt(e.code) ? p(e.code) : "",
					" ",
					e.text
				]
			}, t)),
			!n.nodes.length && /* @__PURE__ */ J("p", { children: p("emptyGraph") }),
			i.snapshot >= 0 && /* @__PURE__ */ J("p", {
				class: "note",
				children: [
					p("step"),
					" ",
					i.snapshot,
					" ",
					/* @__PURE__ */ J("button", {
						onClick: () => s({ snapshot: -1 }),
						children: p("clear")
					})
				]
			}),
			a && /* @__PURE__ */ J("p", { children: /* @__PURE__ */ J("button", {
				onClick: () => o(null),
				children: p("clear")
			}) }),
			m === void 0 ? h ? /* @__PURE__ */ J(S, { children: [
				/* @__PURE__ */ J("h2", { children: h.name }),
				/* @__PURE__ */ J(Rt, {
					graph: n,
					language: i.language,
					choose: c,
					index: h.index,
					title: p(h.role === 0 ? "inner" : [
						"inner",
						"input",
						"parameter",
						"constant",
						"state"
					][h.role])
				}),
				/* @__PURE__ */ J(zt, {
					graph: n,
					language: i.language,
					choose: c,
					tensor: h.index
				})
			] }) : i.selected.startsWith("group:") && r.groups.has($(i.selected)) ? /* @__PURE__ */ J(S, { children: [
				/* @__PURE__ */ J("h2", { children: $(i.selected) }),
				/* @__PURE__ */ J("p", { children: [
					r.groups.get($(i.selected)).size,
					" ",
					p("nodes")
				] }),
				/* @__PURE__ */ J("button", {
					onClick: () => l($(i.selected)),
					children: [
						i.open.has($(i.selected)) ? "▾" : "▸",
						" ",
						r.groups.get($(i.selected)).title
					]
				})
			] }) : /* @__PURE__ */ J("p", {
				class: "facts",
				children: p("nothing")
			}) : /* @__PURE__ */ J(S, { children: [/* @__PURE__ */ J("p", { children: [
				/* @__PURE__ */ J("button", {
					onClick: () => d(!1),
					children: p("ancestors")
				}),
				" ",
				/* @__PURE__ */ J("button", {
					onClick: () => d(!0),
					children: p("descendants")
				}),
				" ",
				/* @__PURE__ */ J("button", {
					onClick: f,
					children: p("path")
				})
			] }), /* @__PURE__ */ J(It, {
				graph: n,
				language: i.language,
				choose: c,
				index: m,
				openBody: (e) => {
					s({
						graph: e,
						selected: "",
						view: null
					}), u();
				}
			})] }),
			t.raw.left_out && /* @__PURE__ */ J("details", { children: [/* @__PURE__ */ J("summary", { children: [
				p("leftOut"),
				": ",
				t.raw.left_out.names.length
			] }), /* @__PURE__ */ J("p", {
				class: "facts",
				children: t.raw.left_out.names.slice(0, 200).join(", ")
			})] })
		]
	});
}
// src/stage.tsx
function Ut(e) {
	let t = G(null), n = G(e), r = G(null);
	n.current = e, _e(() => {
		let e = n.current;
		t.current && (ze(t.current, e.scene, e.view, e.graph, e.palette, e.colours, e.marks), e.onPaint());
	}), W(() => {
		let e = t.current, r = new ResizeObserver(() => {
			n.current.onSize(e.clientWidth, e.clientHeight);
		});
		r.observe(e);
		let i = (t) => {
			t.preventDefault();
			let { view: r, setView: i } = n.current;
			if (t.ctrlKey || t.metaKey || !t.shiftKey) {
				let n = e.getBoundingClientRect();
				i(Wt(r, Math.exp(-t.deltaY / 500), t.clientX - n.left, t.clientY - n.top));
			} else i({
				...r,
				x: r.x - t.deltaX - t.deltaY
			});
		};
		return e.addEventListener("wheel", i, { passive: !1 }), () => {
			r.disconnect(), e.removeEventListener("wheel", i);
		};
	}, []);
	let i = (n) => {
		let r = t.current.getBoundingClientRect(), { view: i, scene: a } = e;
		return Be(a, (n.clientX - r.left - i.x) / i.zoom, (n.clientY - r.top - i.y) / i.zoom);
	};
	return /* @__PURE__ */ J("canvas", {
		ref: t,
		tabIndex: 0,
		role: "application",
		"aria-label": e.label,
		onKeyDown: e.onKey,
		onDblClick: (t) => e.onBox(i(t), !0),
		onPointerDown: (e) => {
			r.current = {
				x: e.clientX,
				y: e.clientY,
				moved: !1
			}, e.currentTarget.setPointerCapture(e.pointerId);
		},
		onPointerMove: (t) => {
			let n = r.current;
			if (!n) return;
			let i = t.clientX - n.x, a = t.clientY - n.y;
			!n.moved && Math.abs(i) + Math.abs(a) < 4 || (r.current = {
				x: t.clientX,
				y: t.clientY,
				moved: !0
			}, e.setView({
				...e.view,
				x: e.view.x + i,
				y: e.view.y + a
			}));
		},
		onPointerUp: (t) => {
			r.current && !r.current.moved && e.onBox(i(t), !1), r.current = null;
		}
	});
}
function Wt(e, t, n, r) {
	let i = Math.max(.005, Math.min(4, e.zoom * t));
	return {
		zoom: i,
		x: n - (n - e.x) / e.zoom * i,
		y: r - (r - e.y) / e.zoom * i
	};
}
// src/toolbar.tsx
function Gt(e) {
	let { model: t, graph: n, tree: r, state: i, found: a, box: o, change: s, choose: c, fit: l, refit: u, save: d, showKeys: f, word: p } = e, m = [
		["graph", !0],
		["training", !!t.raw.training],
		["compare", !!t.raw.compare]
	];
	return /* @__PURE__ */ J("header", { children: [
		/* @__PURE__ */ J("h1", { children: t.raw.title ?? "localgrad" }),
		m.filter(([, e]) => e).length > 1 && m.filter(([, e]) => e).map(([e]) => /* @__PURE__ */ J("button", {
			"aria-pressed": i.tab === e,
			onClick: () => s({ tab: e }),
			children: p(e)
		}, e)),
		t.raw.compare && [t.raw.compare.left, t.raw.compare.right].map((e, n) => /* @__PURE__ */ J("button", {
			"aria-pressed": i.graph === e,
			onClick: () => {
				s({
					graph: e,
					tab: "graph",
					selected: "",
					view: null
				}), u();
			},
			children: t.raw.compare.names[n]
		}, e)),
		i.graph !== 0 && !t.raw.compare && /* @__PURE__ */ J("button", {
			onClick: () => {
				s({
					graph: 0,
					view: null,
					selected: ""
				}), u();
			},
			children: ["← ", t.raw.title]
		}),
		/* @__PURE__ */ J("input", {
			type: "search",
			ref: o,
			value: i.query,
			placeholder: p("search"),
			"aria-label": p("search"),
			onInput: (e) => s({ query: e.currentTarget.value }),
			onKeyDown: (e) => {
				e.key === "Enter" && a.length && c(`node:${n.nodes[a[0]].name}`);
			}
		}),
		/* @__PURE__ */ J("label", { children: [
			p("colour"),
			" ",
			/* @__PURE__ */ J("select", {
				value: i.mode,
				onChange: (e) => s({ mode: e.currentTarget.value }),
				children: je.map((e) => /* @__PURE__ */ J("option", {
					value: e,
					children: p(e)
				}, e))
			})
		] }),
		/* @__PURE__ */ J("button", {
			onClick: () => l(),
			children: p("fit")
		}),
		/* @__PURE__ */ J("button", {
			onClick: () => {
				let e = new Set([...r.groups.keys()].filter(Boolean));
				s({ open: r.groups.get("").size > 3e3 ? Ot(r, 1500) : e });
			},
			children: p("openAll")
		}),
		/* @__PURE__ */ J("button", {
			onClick: () => {
				s({
					open: /* @__PURE__ */ new Set(),
					view: null
				}), u();
			},
			children: p("closeAll")
		}),
		n.nodes.some((e) => e.part === 1) && /* @__PURE__ */ J("button", {
			"aria-pressed": i.backward,
			onClick: () => s({ backward: !i.backward }),
			children: p("backwardGraph")
		}),
		/* @__PURE__ */ J("button", {
			onClick: () => d("svg"),
			children: "SVG"
		}),
		/* @__PURE__ */ J("button", {
			onClick: () => d("png"),
			children: "PNG"
		}),
		/* @__PURE__ */ J("select", {
			"aria-label": p("theme"),
			value: i.theme,
			onChange: (e) => s({ theme: e.currentTarget.value }),
			children: [
				"auto",
				"light",
				"dark"
			].map((e) => /* @__PURE__ */ J("option", {
				value: e,
				children: p(e)
			}, e))
		}),
		/* @__PURE__ */ J("button", {
			lang: i.language === "en" ? "zh" : "en",
			onClick: () => s({ language: i.language === "en" ? "zh" : "en" }),
			children: i.language === "en" ? "中文" : "English"
		}),
		/* @__PURE__ */ J("button", {
			"aria-label": p("keys"),
			onClick: () => f(),
			children: "?"
		})
	] });
}
// src/state.ts
function Kt(e) {
	let t = new URLSearchParams(), n = (e, n, r) => {
		n !== r && t.set(e, n);
	};
	return n("tab", e.tab, "graph"), n("graph", String(e.graph), "0"), n("select", e.selected, ""), e.open.size < 60 && t.set("open", JSON.stringify([...e.open])), e.view && t.set("view", [
		e.view.x.toFixed(1),
		e.view.y.toFixed(1),
		e.view.zoom.toFixed(4)
	].join()), n("colour", e.mode, "kind"), n("theme", e.theme, "auto"), t.set("language", e.language), n("step", String(e.at), "-1"), n("find", e.query, ""), n("backward", String(Number(e.backward)), "0"), n("snapshot", String(e.snapshot), "-1"), `#${t.toString()}`;
}
function qt(e) {
	let t = new URLSearchParams(e.replace(/^#/, "")), n = {}, r = (e, n) => n.find((n) => n === t.get(e)), i = (e) => {
		let n = t.get(e);
		return n !== null && /^-?\d+$/.test(n) ? Number(n) : void 0;
	}, a = (e, t) => {
		t !== void 0 && (n[e] = t);
	};
	a("tab", r("tab", [
		"graph",
		"training",
		"compare"
	])), a("graph", i("graph")), a("selected", t.get("select") ?? void 0);
	try {
		let e = JSON.parse(t.get("open") ?? "null");
		Array.isArray(e) && (n.open = new Set(e.map(String)));
	} catch {}
	let o = t.get("view")?.split(",").map(Number);
	return o?.length === 3 && o.every(Number.isFinite) && o[2] > 0 && (n.view = {
		x: o[0],
		y: o[1],
		zoom: o[2]
	}), a("mode", r("colour", je)), a("theme", r("theme", [
		"auto",
		"light",
		"dark"
	])), a("language", r("language", ["en", "zh"])), a("at", i("step")), a("query", t.get("find") ?? void 0), t.has("backward") && (n.backward = t.get("backward") === "1"), a("snapshot", i("snapshot")), n;
}
// src/training.tsx
function Jt({ model: e, language: t, onCell: n, version: r }) {
	let i = e.raw.training, a = e.raw.strings, [o, s] = U("gradient_norm"), c = G(null), [l, u] = U(""), d = Array.isArray(i.steps) ? i.steps.length : q(i.steps, 0, 0).length, f = q(i.steps, d, 0), p = i.layers.length, m = q(i.series[o], p * d, NaN), h = Array.from(m).filter((e) => e > 0 && Number.isFinite(e)), g = o === "dead" || o === "saturation", _ = g ? 0 : Math.log10(h.reduce((e, t) => Math.min(e, t), Infinity)), v = g ? 1 : Math.log10(h.reduce((e, t) => Math.max(e, t), 0));
	W(() => {
		let e = c.current?.getContext("2d");
		if (e && d) {
			e.clearRect(0, 0, d, p);
			for (let t = 0; t < p; t++) for (let n = 0; n < d; n++) {
				let r = m[t * d + n];
				Number.isNaN(r) || (e.fillStyle = Number.isFinite(r) ? Me(g ? r : r > 0 ? (Math.log10(r) - _) / (v - _ || 1) : 0) : "#d55e00", e.fillRect(n, t, 1, 1));
			}
		}
	}, [
		o,
		r,
		t,
		d
	]);
	let y = (e) => {
		let t = c.current.getBoundingClientRect();
		return [Math.min(p - 1, Math.floor((e.clientY - t.top) / t.height * p)), Math.min(d - 1, Math.floor((e.clientX - t.left) / t.width * d))];
	}, b = (e) => a[i.layers[e]], x = i.alarms, C = (e) => {
		let t = i.parameters?.[e];
		return t ? `leaf:${a[t]}` : `group:${b(e)}`;
	}, w = (e, t) => q(e[t], e.count, 0);
	return /* @__PURE__ */ J("section", {
		class: "wide",
		"aria-label": Z(t, "training"),
		children: [
			/* @__PURE__ */ J("p", { children: [
				Object.keys(i.series).map((e) => /* @__PURE__ */ J("button", {
					"aria-pressed": e === o,
					onClick: () => s(e),
					children: Pt(e) ? Z(t, e) : e
				}, e)),
				" ",
				/* @__PURE__ */ J("span", {
					class: "facts",
					children: [
						g ? "0 … 1" : h.length ? `${(10 ** _).toExponential(1)} … ${(10 ** v).toExponential(1)}` : "",
						" ·",
						" ",
						Z(t, "step"),
						" ",
						d ? `${f[0]} … ${f[d - 1]}` : ""
					]
				})
			] }),
			/* @__PURE__ */ J("div", {
				style: {
					display: "flex",
					gap: "8px"
				},
				children: [/* @__PURE__ */ J("div", { children: i.layers.map((e, t) => /* @__PURE__ */ J("div", {
					style: { height: "18px" },
					children: /* @__PURE__ */ J("button", {
						class: "link",
						onClick: () => n(C(t), d ? f[d - 1] : 0),
						children: b(t)
					})
				}, t)) }), /* @__PURE__ */ J("canvas", {
					ref: c,
					class: "matrix",
					role: "img",
					"aria-label": `${Z(t, "rowOf")} × ${Z(t, "step")}`,
					width: Math.max(1, d),
					height: Math.max(1, p),
					style: {
						width: "min(900px, 70%)",
						height: `${p * 18}px`
					},
					onMouseMove: (e) => {
						let [n, r] = y(e);
						u(`${b(n)} · ${Z(t, "step")} ${f[r]} · ${Y(m[n * d + r])}`);
					},
					onClick: (e) => {
						let [t, r] = y(e);
						n(C(t), f[r]);
					}
				})]
			}),
			/* @__PURE__ */ J("p", {
				class: "facts",
				children: l || "\xA0"
			}),
			(i.metrics ?? []).map((e) => /* @__PURE__ */ J(Yt, {
				name: [e.split, e.name].filter(Boolean).join(" "),
				values: q(e.values, d, NaN),
				count: d
			}, `${e.name}${e.split}`)),
			x && x.count > 0 && /* @__PURE__ */ J(S, { children: [/* @__PURE__ */ J("h3", { children: Z(t, "alarms") }), /* @__PURE__ */ J("ul", { children: Array.from({ length: x.count }, (e, n) => /* @__PURE__ */ J("li", {
				class: "note",
				children: [
					Z(t, "step"),
					" ",
					w(x, "step")[n],
					" ·",
					" ",
					w(x, "row")[n] >= 0 ? b(w(x, "row")[n]) : "",
					" ",
					a[w(x, "message")[n]]
				]
			}, n)) })] })
		]
	});
}
function Yt({ name: e, values: t, count: n }) {
	let r = Array.from({ length: n }, (e, n) => t[n]), i = r.filter(Number.isFinite), a = i.reduce((e, t) => Math.min(e, t), Infinity), o = i.reduce((e, t) => Math.max(e, t), -Infinity);
	if (!i.length) return null;
	let s = r.flatMap((e, t) => Number.isFinite(e) ? [`${t / Math.max(1, n - 1) * 600},${80 - (e - a) / (o - a || 1) * 76}`] : []).join(" ");
	return /* @__PURE__ */ J("figure", {
		style: { margin: "8px 0" },
		children: [/* @__PURE__ */ J("figcaption", { children: [
			e,
			" ",
			/* @__PURE__ */ J("small", { children: [
				Y(a),
				" … ",
				Y(o),
				" · ",
				Y(i.at(-1))
			] })
		] }), /* @__PURE__ */ J("svg", {
			role: "img",
			"aria-label": e,
			viewBox: "0 0 600 82",
			style: {
				width: "100%",
				maxWidth: "700px"
			},
			children: /* @__PURE__ */ J("polyline", {
				points: s,
				fill: "none",
				stroke: "currentColor",
				"stroke-width": "1.5"
			})
		})]
	});
}
function Xt(e, t) {
	let n = e.raw.training;
	if (!n) return;
	let r = (e) => Array.isArray(e) ? e : Array.from(q(e, 0, 0)), i = r(n.steps), a = i.length, o = n.layers.length;
	if (!(a && t.step <= i[a - 1])) {
		for (let [e, i] of Object.entries(n.series)) {
			let s = r(i), c = [];
			for (let n = 0; n < o; n++) {
				for (let e = 0; e < a; e++) c.push(s[n * a + e]);
				c.push(t.series?.[e]?.[n] ?? NaN);
			}
			n.series[e] = c;
		}
		for (let e of n.metrics ?? []) e.values = [...r(e.values), t.metrics?.[e.split ? `${e.split} ${e.name}` : e.name] ?? t.metrics?.[e.name] ?? NaN];
		n.steps = [...i, t.step];
	}
}
var Zt = [
	"equal",
	"added",
	"removed",
	"shapeChanged",
	"numbersChanged",
	"kindChanged"
];
function Qt({ model: e, language: t, choose: n }) {
	let { left: r, right: i, names: a, rows: o, first: s } = e.raw.compare, c = o.count, l = (e, t) => q(o[e], c, t), u = l("status", 0), d = l("left", -1), f = l("right", -1), p = l("value", NaN), m = l("gradient", NaN), h = l("cosine", NaN), g = Array.from({ length: c }, (e, t) => t).filter((e) => u[e] !== 0), _ = (t, n) => n < 0 ? "" : e.graphs[t].nodes[n].name, v = g.slice(0, 500), y = Zt.map((e, t) => [e, Array.from(u).filter((e) => e === t).length]).filter(([, e]) => e > 0), b = (e) => Number.isNaN(e) ? "" : Y(e);
	return /* @__PURE__ */ J("section", {
		class: "wide",
		"aria-label": Z(t, "compare"),
		children: [
			/* @__PURE__ */ J("h2", { children: [
				a[0],
				" – ",
				a[1]
			] }),
			/* @__PURE__ */ J("p", { children: y.map(([e, n]) => `${Z(t, e)}: ${n}`).join(" · ") }),
			s >= 0 && /* @__PURE__ */ J("p", {
				class: "note",
				children: [
					Z(t, "first"),
					":",
					" ",
					/* @__PURE__ */ J("button", {
						class: "link",
						onClick: () => n(`node:${_(r, d[s]) || _(i, f[s])}`),
						children: _(r, d[s]) || _(i, f[s])
					})
				]
			}),
			/* @__PURE__ */ J("table", { children: [/* @__PURE__ */ J("thead", { children: /* @__PURE__ */ J("tr", { children: [
				/* @__PURE__ */ J("th", {}),
				/* @__PURE__ */ J("th", { children: a[0] }),
				/* @__PURE__ */ J("th", { children: a[1] }),
				/* @__PURE__ */ J("th", { children: [Z(t, "value"), " |Δ|/|a|"] }),
				/* @__PURE__ */ J("th", { children: [Z(t, "itsGradient"), " |Δ|/|a|"] }),
				/* @__PURE__ */ J("th", { children: "cos" })
			] }) }), /* @__PURE__ */ J("tbody", { children: v.map((e) => /* @__PURE__ */ J("tr", { children: [
				/* @__PURE__ */ J("td", { children: Z(t, Zt[u[e]]) }),
				/* @__PURE__ */ J("td", { children: d[e] >= 0 && /* @__PURE__ */ J("button", {
					class: "link",
					onClick: () => n(`node:${_(r, d[e])}`),
					children: _(r, d[e])
				}) }),
				/* @__PURE__ */ J("td", { children: _(i, f[e]) }),
				/* @__PURE__ */ J("td", { children: b(p[e]) }),
				/* @__PURE__ */ J("td", { children: b(m[e]) }),
				/* @__PURE__ */ J("td", { children: b(h[e]) })
			] }, e)) })] })
		]
	});
}
// src/app.tsx
function $t({ model: e, hooks: t, version: n }) {
	let r = K(() => {
		let e = t.language ?? (navigator.language.startsWith("zh") ? "zh" : "en");
		return {
			tab: "graph",
			graph: 0,
			selected: "",
			open: /* @__PURE__ */ new Set(),
			view: null,
			mode: "kind",
			theme: "auto",
			language: e,
			at: t.step ?? -1,
			query: "",
			backward: !1,
			snapshot: -1,
			...t.address ? qt(location.hash) : {}
		};
	}, []), i = G(t.address && location.hash.includes("open=") ? r.open : null), [a, o] = U(r), [s, c] = U([0, 0]), [l, u] = U(!1), [d, f] = U(!1), [p, m] = U(null), [h, g] = U(() => matchMedia("(prefers-color-scheme: dark)").matches), _ = G(null), v = G(r.view !== null), y = () => {
		v.current = !1;
	}, b = (e) => {
		o((t) => ({
			...t,
			...e
		}));
	}, x = (e) => Z(a.language, e);
	W(() => {
		let e = matchMedia("(prefers-color-scheme: dark)"), t = () => {
			g(e.matches);
		};
		return e.addEventListener("change", t), () => {
			e.removeEventListener("change", t);
		};
	}, []);
	let C = a.theme === "dark" || a.theme === "auto" && h, w = C ? Ee : Te, T = K(() => {
		let t = e.graphs[a.graph] ?? e.graphs[0], n = e.raw.training?.snapshots?.find((e) => e.step === a.snapshot);
		if (!n || a.graph !== 0) return t;
		let r = new We(e, t.raw), i = q(n.tensors, 0, 0), o = q(n.value, i.length, -1), s = q(n.gradient, i.length, -1);
		for (let e = 0; e < i.length; e++) r.tensors[i[e]].value = o[e], r.tensors[i[e]].gradient = s[e];
		return r;
	}, [
		e,
		a.graph,
		a.snapshot
	]), E = K(() => new bt(T, a.backward), [T, a.backward]), D = G(null);
	D.current?.tree !== E && ((D.current === null || D.current.graph !== a.graph) && (a.open = i.current ?? Ot(E), i.current = null), D.current = {
		tree: E,
		graph: a.graph
	});
	let O = K(() => Tt(E, a.open), [E, a.open]), k = K(() => Ne(T, a.mode, C), [
		T,
		a.mode,
		C
	]), A = K(() => ct(T), [T]), j = K(() => Mt(T, a.query), [T, a.query]), M = A[a.at], N = e.raw.failure && (e.raw.failure.graph ?? 0) === a.graph ? e.raw.failure.node : -1, P = () => {
		let e = Math.max(.005, Math.min(1.25, (s[0] - 40) / Math.max(1, O.width), (s[1] - 80) / Math.max(1, O.height))), t = Math.max(e, Math.min(.6, (s[0] - 40) / Math.max(1, O.width)));
		return {
			zoom: t,
			x: (s[0] - O.width * t) / 2,
			y: e === t ? (s[1] - 40 - O.height * t) / 2 : 20
		};
	}, F = a.view ?? (s[0] ? P() : {
		x: 20,
		y: 20,
		zoom: 1
	});
	W(() => {
		s[0] && !v.current && (v.current = !0, b({ view: P() }));
	}, [s, O]);
	let I = (e, t) => o((n) => {
		let r = new Set(n.open), i = O.byId.get(`group:${e}`);
		if (t ?? !r.has(e)) for (let t of E.ancestors(e)) r.add(t);
		else for (let t of [...r]) (t === e || t.startsWith(`${e}/`)) && r.delete(t);
		let a = Tt(E, r).byId.get(`group:${e}`), o = n.view ?? F;
		return {
			...n,
			open: r,
			view: i && a ? {
				...o,
				x: o.x + (i.x + i.width / 2 - a.x - a.width / 2) * o.zoom,
				y: o.y + (i.y - a.y) * o.zoom
			} : o
		};
	}), L = (e) => {
		o((t) => {
			let n = e.startsWith("node:") ? T.byName.get(e.slice(5)) : void 0, r = e.startsWith("leaf:") ? T.tensors.find((t) => t.name === e.slice(5)) : void 0, i = n ?? (r?.readers.length ? r.readers[0] : void 0), a = i === void 0 ? e.startsWith("group:") ? e.slice(6).split("/").slice(0, -1).join("/") : "" : E.pathOf(i), o = /* @__PURE__ */ new Set([...t.open, ...E.ancestors(a)]), c = (o.size === t.open.size ? O : Tt(E, o)).byId.get(e), l = t.view ?? F;
			if (!c) return {
				...t,
				tab: "graph",
				selected: e
			};
			let u = (c.x + c.width / 2) * l.zoom + l.x, d = (c.y + c.height / 2) * l.zoom + l.y, f = u > 30 && u < s[0] - 30 && d > 20 && d < s[1] - 20 && o.size === t.open.size, p = Math.max(l.zoom, .5);
			return {
				...t,
				tab: "graph",
				selected: e,
				open: o,
				view: f || !s[0] ? l : {
					zoom: p,
					x: s[0] / 2 - (c.x + c.width / 2) * p,
					y: s[1] / 2 - (c.y + c.height / 2) * p
				}
			};
		}), t.onSelect?.($(e));
	}, ee = (e) => T.byName.has(e) ? `node:${e}` : T.tensors.some((t) => t.name === e) ? `leaf:${e}` : E.groups.has(e) ? `group:${e}` : "", R = (e) => {
		let n = Math.max(-1, Math.min(A.length - 1, e));
		b({ at: n }), n >= 0 && L(`node:${T.nodes[A[n].node].name}`), t.onStep?.(n);
	};
	W(() => {
		if (!d) return;
		let e = setInterval(() => {
			a.at >= A.length - 1 ? f(!1) : R(a.at + 1);
		}, 700);
		return () => {
			clearInterval(e);
		};
	}), W(() => {
		if (t.selection && $(a.selected) !== t.selection) {
			let e = ee(t.selection);
			e && L(e);
		}
	}, [t.selection]), W(() => {
		if (t.address) {
			let e = setTimeout(() => {
				history.replaceState(null, "", Kt(a));
			}, 120);
			return () => {
				clearTimeout(e);
			};
		}
	}, [a]), W(() => {
		t.address && (document.documentElement.lang = a.language);
	}, [a.language]);
	let te = a.selected.startsWith("node:") ? T.byName.get(a.selected.slice(5)) : void 0, z = Bt(T, a.selected), ne = (e) => {
		let t = (e) => A[e] ? `${A[e].phase} ${T.nodes[A[e].node].scope}` : "", n = a.at + e;
		for (; n >= 0 && n < A.length - 1 && t(n) === t(a.at);) n += e;
		R(n);
	}, re = (e) => {
		te !== void 0 && m(T.reach(te, e));
	}, ie = () => {
		let e = z ?? (te === void 0 ? void 0 : T.tensors[T.nodes[te].outputs.find((e) => e >= 0) ?? -1]);
		e && m(new Set(T.pathToLoss(e.index).map((e) => e.node)));
	}, B = (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		let t = {
			ArrowLeft: [60, 0],
			ArrowRight: [-60, 0],
			ArrowUp: [0, 60],
			ArrowDown: [0, -60]
		}, n = {
			"+": () => b({ view: Wt(F, 1.25, s[0] / 2, s[1] / 2) }),
			"-": () => b({ view: Wt(F, .8, s[0] / 2, s[1] / 2) }),
			0: () => b({ view: P() }),
			n: () => R(a.at + 1),
			p: () => R(a.at - 1),
			N: () => ne(1),
			P: () => ne(-1),
			" ": () => f(!d),
			"/": () => _.current?.focus(),
			"?": () => u(!0),
			a: () => re(!1),
			d: () => re(!0),
			f: ie,
			Escape: () => {
				u(!1), m(null), f(!1);
			},
			Enter: () => {
				a.selected.startsWith("group:") && I($(a.selected));
			}
		}, r = t[e.key];
		if (r) b({ view: {
			...F,
			x: F.x + r[0],
			y: F.y + r[1]
		} });
		else if (n[e.key]) n[e.key]();
		else return;
		e.preventDefault();
	}, V = (e, n) => {
		e ? e.kind === "group" && (n || !e.open) ? (I(e.path), b({ selected: e.id }), t.onSelect?.(e.path)) : n || L(e.id) : n || b({ selected: "" });
	}, ae = z ? lt(T, T.pathToLoss(z.index)) : [], oe = M && M.phase === "backward" ? ut(T, A, a.at, M.node) : [0, 0];
	return Object.assign(t.explorer, {
		snapshot: () => Vt({
			model: e,
			graph: T,
			scene: O,
			state: a,
			view: F,
			dark: C,
			lit: p,
			colours: k,
			size: s,
			all: A,
			found: j,
			path: ae,
			count: oe
		}),
		select: (e) => {
			let t = ee(e);
			t && L(t);
		},
		open: (e) => I(e, !0),
		close: (e) => I(e, !1),
		step: R,
		search: (e) => b({ query: e })
	}), /* @__PURE__ */ J("div", {
		class: "lg",
		"data-theme": C ? "dark" : "light",
		lang: a.language,
		onKeyDown: (e) => {
			(!(e.target instanceof Element && e.target.closest("input,select,button,canvas,[role=tree]")) || e.key === "Escape" || e.key === "?" && !(e.target instanceof HTMLInputElement)) && B(e);
		},
		children: [
			/* @__PURE__ */ J(Gt, {
				model: e,
				graph: T,
				tree: E,
				state: a,
				change: b,
				refit: y,
				choose: L,
				found: j,
				save: (t) => Ze(Ve(O, T, w, k), O, `${e.raw.title ?? "graph"}.${t}`),
				word: x,
				box: _,
				fit: () => b({ view: P() }),
				showKeys: () => u(!l)
			}),
			a.tab === "training" && e.raw.training ? /* @__PURE__ */ J(Jt, {
				model: e,
				language: a.language,
				onCell: (t, n) => {
					let r = (e.raw.training?.snapshots ?? []).map((e) => e.step).toSorted((e, t) => Math.abs(e - n) - Math.abs(t - n))[0] ?? -1;
					b({
						snapshot: r,
						graph: 0,
						tab: "graph"
					}), L(t);
				},
				version: n
			}) : a.tab === "compare" && e.raw.compare ? /* @__PURE__ */ J(Qt, {
				model: e,
				language: a.language,
				choose: (t) => {
					b({ graph: e.raw.compare.left }), L(t);
				}
			}) : /* @__PURE__ */ J(S, { children: [
				/* @__PURE__ */ J("nav", {
					class: "outline",
					"aria-label": x("outline"),
					children: [a.query && /* @__PURE__ */ J("div", {
						class: "found",
						role: "status",
						children: [/* @__PURE__ */ J("b", { children: [
							j.length,
							" ",
							x("results")
						] }), j.slice(0, 100).map((e) => /* @__PURE__ */ J("div", { children: /* @__PURE__ */ J("button", {
							class: "link",
							onClick: () => L(`node:${T.nodes[e].name}`),
							children: T.nodes[e].name
						}) }, e))]
					}), /* @__PURE__ */ J(Xe, {
						tree: E,
						open: a.open,
						selected: a.selected,
						label: x("outline"),
						choose: L,
						toggle: I
					})]
				}),
				/* @__PURE__ */ J("section", {
					class: "stage",
					"aria-label": x("graph"),
					children: [/* @__PURE__ */ J(Ut, {
						graph: T,
						scene: O,
						view: F,
						setView: (e) => b({ view: e }),
						palette: w,
						colours: k,
						marks: {
							selected: a.selected,
							lit: p,
							current: M?.node ?? -1,
							phase: M?.phase ?? "",
							failed: N
						},
						onBox: V,
						onKey: B,
						label: x("graph"),
						onSize: (e, t) => c([e, t]),
						onPaint: () => {
							s[0] && (t.explorer.firstPaint ??= performance.now());
						}
					}), /* @__PURE__ */ J("div", {
						class: "legend",
						children: k.legend.map((e) => /* @__PURE__ */ J("span", { children: [/* @__PURE__ */ J("i", { style: { background: e.colour } }), e.label] }, e.label))
					})]
				}),
				/* @__PURE__ */ J(Ht, {
					model: e,
					graph: T,
					tree: E,
					state: a,
					change: b,
					choose: L,
					toggle: I,
					refit: y,
					lit: p,
					setLit: m,
					reach: re,
					follow: ie,
					word: x
				}),
				/* @__PURE__ */ J(st, {
					model: e,
					graph: T,
					all: A,
					count: oe,
					playing: d,
					setPlaying: f,
					move: R,
					moveLayer: ne,
					word: x,
					at: a.at
				})
			] }),
			l && /* @__PURE__ */ J("div", {
				class: "dialog",
				role: "dialog",
				"aria-label": x("keys"),
				children: [
					/* @__PURE__ */ J("h2", { children: x("keys") }),
					/* @__PURE__ */ J("p", { children: x("keyList") }),
					/* @__PURE__ */ J("button", {
						onClick: () => u(!1),
						children: x("close")
					})
				]
			})
		]
	});
}
// src/style.ts
var en = "\n.lg{--paper:#fff;--ink:#1c2430;--quiet:#515c6b;--edge:#c5cdd8;--soft:#f3f5f8;--accent:#0066a6;--grad:#a84600;--bad:#b3261e;font:13px/1.45 system-ui,\"Noto Sans CJK SC\",sans-serif;color:var(--ink);background:var(--paper);height:100%;display:grid;grid-template:auto minmax(0,1fr) auto/220px minmax(0,1fr) 380px;overflow:hidden;text-align:left}\n.lg[data-theme=dark]{--paper:#14171c;--ink:#e8ecf2;--quiet:#a4afbd;--edge:#3a4452;--soft:#1d232b;--accent:#62b2f0;--grad:#f08c4a;--bad:#ff8a80;color-scheme:dark}\n.lg *{box-sizing:border-box}.lg header,.lg footer{grid-column:1/-1;display:flex;gap:8px;align-items:center;flex-wrap:wrap;padding:6px 10px;border-bottom:1px solid var(--edge)}\n.lg footer{border:0;border-top:1px solid var(--edge)}.lg h1{font-size:14px;margin:0 8px 0 0;overflow-wrap:anywhere}.lg h2{font-size:15px;margin:0 0 6px;overflow-wrap:anywhere}.lg h3{font-size:12.5px;margin:12px 0 3px;overflow-wrap:anywhere}\n.lg small,.lg .facts{font-weight:400;color:var(--quiet);font-size:12px}.lg p{margin:4px 0}.lg button,.lg select,.lg input{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--edge);border-radius:5px;padding:2px 8px;min-height:26px}\n.lg button{cursor:pointer}.lg button[aria-pressed=true]{background:var(--accent);color:var(--paper)}.lg .link{background:none;border:0;padding:0;min-height:0;color:var(--accent);text-align:left;overflow-wrap:anywhere}\n.lg :focus-visible{outline:2px solid var(--accent);outline-offset:1px}.lg input[type=search]{flex:1 1 200px;max-width:420px}.lg input[type=range]{flex:1 1 120px;padding:0;accent-color:var(--accent)}\n.lg .outline,.lg .card{overflow:auto;padding:8px 10px;min-width:0}.lg .outline{border-right:1px solid var(--edge)}.lg .card{border-left:1px solid var(--edge)}.lg .stage{position:relative;min-width:0;min-height:0;overflow:hidden}\n.lg .stage>canvas{position:absolute;inset:0;width:100%;height:100%;touch-action:none;cursor:grab}.lg .legend{position:absolute;left:8px;bottom:8px;display:flex;flex-wrap:wrap;gap:2px 10px;background:var(--paper);padding:3px 7px;border-radius:5px;font-size:11.5px;max-width:90%}.lg .legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:4px}\n.lg ul{list-style:none;margin:0;padding:0 0 0 12px}.lg .outline>ul{padding:0}.lg [role=treeitem]{cursor:pointer;white-space:nowrap}.lg [role=treeitem]>span{display:block;padding:1px 4px;border-radius:4px}.lg [aria-selected=true]>span{background:var(--accent);color:var(--paper)}.lg [aria-selected=true]>span small{color:inherit}\n.lg dl{margin:6px 0}.lg .fact{display:flex;gap:8px}.lg dt,.lg .label{color:var(--quiet);flex:0 0 84px;font-size:12px}.lg dd{margin:0;min-width:0;overflow-wrap:anywhere}.lg code,.lg pre{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere;margin:0;white-space:pre-wrap}.lg .part{display:flex;gap:8px;padding:2px 0}.lg .part>div{min-width:0;flex:1}\n.lg .formula{font-size:15px;padding:6px 0;overflow-x:auto}.lg .scroll{overflow:auto;max-height:240px}.lg table{border-collapse:collapse}.lg .entries td{font:12px ui-monospace,monospace;padding:1px 7px;text-align:right}.lg .entries{border:solid var(--quiet);border-width:0 1px}.lg .bad{color:var(--bad)}.lg .heat canvas{image-rendering:pixelated;box-sizing:border-box;max-width:100%;border:1px solid var(--edge);display:block}\n.lg .bars{height:34px;width:190px;fill:var(--accent);display:block}.lg .number{text-align:right;font-family:ui-monospace,monospace;padding:0 8px}.lg .gain{position:relative;width:130px;border-left:1px solid var(--edge);background:linear-gradient(var(--edge),var(--edge)) 50%/1px 100% no-repeat}.lg .gain i{position:absolute;top:4px;bottom:4px;background:var(--accent)}.lg .gain .low{background:var(--grad)}\n.lg .now{flex-basis:100%;font-size:12.5px;min-height:19px}.lg .note{background:var(--soft);padding:4px 8px;border-left:3px solid var(--grad);margin:2px 0}.lg .page{padding:24px;max-width:640px;font-size:15px}.lg .wide{grid-column:1/-1;overflow:auto;padding:12px}.lg .wide td,.lg .wide th{padding:2px 8px;text-align:left;border-bottom:1px solid var(--edge)}.lg .matrix{display:block;image-rendering:pixelated;border:1px solid var(--edge);cursor:pointer}\n.lg .dialog{position:absolute;inset:20% 10% auto;background:var(--paper);border:1px solid var(--edge);border-radius:8px;padding:16px;z-index:9;box-shadow:0 8px 30px #0005}.lg .found{max-height:200px;overflow:auto}\n@media(max-width:900px){.lg{grid-template:auto minmax(0,1fr) auto minmax(0,.8fr)/1fr}.lg .outline{display:none}.lg .card{grid-row:4;border-left:0;border-top:1px solid var(--edge)}.lg footer{grid-row:3}}\n@media print{.lg{display:block;height:auto;overflow:visible}.lg header,.lg footer,.lg .outline{display:none}.lg .stage{height:60vh}.lg .card{overflow:visible;border:0}}\n";
// src/widget.tsx
function tn(e, t, n, r) {
	ie(/* @__PURE__ */ J($t, {
		model: t,
		hooks: n,
		version: r
	}), e);
}
function nn(e, t) {
	let n = t instanceof He ? t.code : "broken", r = navigator.language.startsWith("zh") ? ["zh", "en"] : ["en", "zh"];
	ie(/* @__PURE__ */ J("div", {
		class: "page",
		role: "alert",
		style: {
			padding: "24px",
			font: "16px/1.5 system-ui"
		},
		children: [
			/* @__PURE__ */ J("h1", { children: "localgrad" }),
			r.map((e) => /* @__PURE__ */ J("p", {
				lang: e,
				children: Z(e, n)
			}, e)),
			/* @__PURE__ */ J("p", { children: /* @__PURE__ */ J("small", { children: t instanceof Error ? t.message : String(t) }) })
		]
	}), e);
}
async function rn(e) {
	let t = await fetch(e, { cache: "no-store" });
	if (!t.ok) throw new He("broken", `${t.status} ${e}`);
	return await t.json();
}
async function an() {
	let e = document.createElement("style"), t = document.getElementById("localgrad");
	e.textContent = en, document.head.append(e);
	let n = {}, r = {
		explorer: n,
		address: !0
	};
	Object.assign(globalThis, { __explorer: n }), n.snapshot = () => ({
		ready: !1,
		messages: [t.textContent]
	});
	try {
		let e = document.getElementById("localgrad-document")?.textContent ?? "", n;
		try {
			n = JSON.parse(e).load;
		} catch {}
		let i = n === void 0 ? Ke(e) : qe(await rn(n)), a = 0;
		document.title = i.raw.title ? `${i.raw.title} – localgrad` : "localgrad", tn(t, i, r, a);
		let o = i.raw.live;
		if (!o?.events) return;
		let s = new EventSource(o.events), c = async () => {
			i = qe(await rn(o.document ?? "document.json")), tn(t, i, r, ++a);
		}, l = !1;
		s.onerror = () => {
			l = !0;
		}, s.onopen = () => {
			l && (l = !1, c());
		}, s.onmessage = (e) => {
			let n = JSON.parse(e.data);
			n.type === "document" || n.type === "alarm" ? c() : n.type === "step" ? (Xt(i, n), tn(t, i, r, ++a)) : n.type === "end" && (s.close(), i.raw.training && (i.raw.training.running = !1), tn(t, i, r, ++a));
		};
	} catch (e) {
		nn(t, e);
	}
}
function on({ model: e, el: t }) {
	let n = document.createElement("div"), r = n.attachShadow({ mode: "open" }), i = document.createElement("style"), a = document.createElement("div");
	i.textContent = en, a.style.height = `${Number(e.get("height")) || 620}px`, r.append(i, a), t.append(n);
	let o = {}, s = e.get("language");
	Object.assign(n, { __explorer: o });
	let c = (t, n) => {
		e.get(t) !== n && (e.set(t, n), e.save_changes());
	}, l = null, u = 0, d = () => {
		l && tn(a, l, {
			explorer: o,
			address: !1,
			language: s === "zh" || s === "en" ? s : void 0,
			selection: String(e.get("selection") ?? ""),
			onSelect: (e) => {
				c("selection", e);
			},
			onStep: (e) => {
				c("step", e);
			}
		}, ++u);
	}, f = () => {
		try {
			l = Ke(String(e.get("document") ?? "")), d();
		} catch (e) {
			nn(a, e);
		}
	}, p = () => {
		let t = Number(e.get("step")), n = o.step, r = o.snapshot?.();
		r && r.player.at !== t && n?.(t);
	};
	f();
	let m = [
		["change:document", f],
		["change:selection", d],
		["change:step", p]
	];
	for (let [t, n] of m) e.on(t, n);
	return () => {
		for (let [t, n] of m) e.off(t, n);
		ie(null, a), n.remove();
	};
}
var sn = {
	render: on,
	page: an
};
export { sn as default };
