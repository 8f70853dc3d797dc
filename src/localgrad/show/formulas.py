"""Formulas of nodes as text: the school formula, and the rule's own vector-Jacobian product."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.errors import LocalgradError
from localgrad.graph.kind import Kind
from localgrad.graph.node import Node
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.transform.sweep import pull_body

LONGEST = 160
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "%": 2, "//": 2, "**": 4}
_WORDS = {
    r"\cdot": "·", r"\sum": "Σ", r"\prod": "Π", r"\frac": "", r"\partial": "∂", r"\dots": "…", r"\quad": "  ",
    r"\max": "max", r"\min": "min", r"\log": "log", r"\exp": "exp", r"\tanh": "tanh", r"\sin": "sin", r"\cos": "cos",
    r"\tan": "tan", r"\sqrt": "√", r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\neq": "≠", r"\in": "∈", r"\pi": "π",
    r"\sigma": "σ", r"\mu": "μ", r"\epsilon": "ε", r"\varepsilon": "ε", r"\alpha": "α", r"\beta": "β", r"\gamma": "γ",
    r"\lambda": "λ", r"\Phi": "Φ", r"\Gamma": "Γ", r"\infty": "∞", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈",
    r"\rceil": "⌉", r"\times": "×", r"\left": "", r"\right": "", r"\,": " ", r"\;": " ", r"\!": "", r"\ ": " ",
    r"\mathrm": "", r"\text": "", r"\operatorname": "", r"\mathbf": "", r"\leq": "≤", r"\geq": "≥", r"\to": "→",
    r"\land": "∧", r"\lor": "∨", r"\lnot": "¬", r"\oplus": "⊕", r"\bar": "", r"\hat": "", r"\delta": "δ", r"\tfrac": "",
    r"\begin{cases}": "{ ", r"\end{cases}": "", r"\\": "; ", r"\begin{aligned}": "", r"\end{aligned}": "", "&": " ",
}  # fmt: skip


def plain_formula(latex: str) -> str:
    r"""A LaTeX formula as readable text for a terminal.

    >>> plain_formula(r"y = \frac{1}{1 + e^{-x}}")
    'y = 1 / (1 + e^(-x))'
    """
    text = _fractions(latex)
    for word in sorted(_WORDS, key=len, reverse=True):
        pattern = re.escape(word) + (r"(?![A-Za-z])" if word[-1].isalpha() else "")
        text = re.sub(pattern, _WORDS[word].replace("\\", ""), text)
    text = re.sub(r"([_^])\{([^{}]*)\}", lambda m: m[1] + (m[2] if len(m[2]) == 1 else f"({m[2]})"), text)
    text = text.replace("{", "").replace("}", "").replace("\\", "")
    return re.sub(r"\s+", " ", text).strip()


def _fractions(text: str) -> str:
    while True:
        start = re.search(r"\\t?frac\s*\{", text)
        if start is None:
            return text
        top, after = _braced(text, start.end() - 1)
        if after >= len(text) or text[after] != "{":
            return text.replace("\\frac", "", 1)
        bottom, end = _braced(text, after)
        text = text[: start.start()] + f"{_grouped(top)} / {_grouped(bottom)}" + text[end:]


def _braced(text: str, at: int) -> tuple[str, int]:
    depth = 0
    for position in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[at + 1 : position], position + 1
    return text[at + 1 :], len(text)


def _grouped(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"[A-Za-z0-9]+|\\partial [a-zA-Z]", text) else f"({text})"


def input_names(kind: Kind, count: int) -> list[str]:
    """The rule's names of the inputs of a node, numbered where there are any number of them."""
    names: list[str] = []
    for declared in kind.inputs:
        if declared.startswith("*"):
            names += [f"{declared[1:]}{index + 1}" for index in range(count - len(names))]
        else:
            names.append(declared.rstrip("?"))
    names += [f"x{index}" for index in range(len(names), count)]
    return names[:count]


def vjp_formulas(node: Node) -> dict[str, str]:
    """For each input that can have a gradient, the rule's vector-Jacobian product in terms of grad, y and the inputs.

    Found by running the backward rule on symbols, so it is what is computed and not a second telling of it.
    """
    inputs = node.inputs
    key = tuple(x.spec if isinstance(x, Tensor) else ("value", type(x).__name__, repr(x)) for x in inputs)
    outputs = tuple(t.spec if t is not None else None for t in node.outputs)
    try:
        return dict(_vjp(node.kind, key, outputs))
    except LocalgradError:
        return {}


@lru_cache(maxsize=512)
def _vjp(kind: Kind, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    recorder = Recorder()

    def symbol(spec: Spec, name: str) -> Tensor:
        tensor = Tensor(spec, None, True)
        tensor._name = name
        recorder.add_input(tensor)
        return tensor

    names = input_names(kind, len(inputs))
    xs: list[Any] = []
    for each, name in zip(inputs, names, strict=True):
        xs.append(symbol(each, name) if isinstance(each, Spec) else _value(each))
    several = kind.several
    ys = [symbol(s, f"y{i + 1}" if several else "y") if s is not None else None for i, s in enumerate(outputs)]
    gs = [symbol(s, f"grad{i + 1}" if several else "grad") if s is not None else None for i, s in enumerate(outputs)]
    wanted = [isinstance(x, Tensor) and x.dtype.kind == "f" for x in xs]
    with using(recorder=recorder, scope="", tagger=None, site=(None, 0), enabled=True, watchers=()):
        grad, y = (tuple(gs), tuple(ys)) if several else (gs[0], ys[0])
        if kind.takes_wanted:
            found = kind.backward(grad, y, *xs, wanted=tuple(wanted))  # type: ignore[call-arg]  # takes_wanted says it does
        elif kind.has_rule:
            found = kind.backward(grad, y, *xs)
        else:
            found = pull_body(kind, grad, y, xs, wanted)
    found = found if isinstance(found, tuple) else (found,)
    return tuple(
        (name, expression_of(g)) for name, g, want in zip(names, found, wanted, strict=False) if want and g is not None
    )


def _value(key: Any) -> Any:
    # the scalars of a node came in as text so that the cache tells 1 from 1.0 and from True
    _, kind_of, text = key
    if kind_of == "NoneType":
        return None
    if kind_of == "bool":
        return text == "True"
    return int(text) if kind_of == "int" else float(text)


def expression_of(tensor: Any) -> str:
    """A computed tensor as one expression over the named tensors it came from (shortened where it grows too long)."""
    texts: dict[int, tuple[str, int]] = {}
    stack: list[Any] = [tensor]
    while stack:
        x = stack[-1]
        node = x._node if isinstance(x, Tensor) else None
        if id(x) in texts or not isinstance(x, Tensor):
            stack.pop()
            continue
        if node is None:
            texts[id(x)] = (x._name or _constant(x), 9)
            stack.pop()
            continue
        missing = [each for each in node.inputs if isinstance(each, Tensor) and id(each) not in texts]
        if missing:
            stack.extend(missing)
            continue
        texts[id(x)] = _node_text(node, texts)
        stack.pop()
    text = texts[id(tensor)][0] if isinstance(tensor, Tensor) else repr(tensor)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _constant(leaf: Tensor) -> str:
    return f"{float(leaf._value):g}" if isinstance(leaf, Leaf) and leaf.size == 1 else "constant"


def _node_text(node: Node, texts: dict[int, tuple[str, int]]) -> tuple[str, int]:
    kind = node.kind
    parts = [texts[id(x)] if isinstance(x, Tensor) else (_number(x), 9) for x in node.inputs]
    operator = "*" if kind.name == "Chain" else kind.operator
    if operator in _BINDING and len(parts) == 2:
        level = _BINDING[operator]
        left = _bracketed(parts[0], level)
        right = _bracketed(parts[1], level + 1)
        return f"{left} {operator} {right}", level
    if operator == "negative":
        return f"-{_bracketed(parts[0], 3)}", 3
    if operator is not None and len(parts) == 2:
        return f"{_bracketed(parts[0], 1)} {operator} {_bracketed(parts[1], 1)}", 0
    if kind.name == "Transpose" and not kind.changed_fields():
        return f"{_bracketed(parts[0], 9)}.T", 9
    shown = [text for text, _ in parts if text != "None"]
    fields = [f"{name}={value}" for name, value in kind.changed_fields().items() if name != "dtype"]
    name = kind.name[0].lower() + kind.name[1:]
    return f"{name}({', '.join(shown + fields)})", 9


def _bracketed(part: tuple[str, int], level: int) -> str:
    text, own = part
    return f"({text})" if own < level else text


def _number(x: Any) -> str:
    return f"{x:g}" if isinstance(x, float) else repr(x)
