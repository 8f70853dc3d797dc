"""School formulas, which kinds state as LaTeX, as MathML that a browser sets without a script or a font of ours."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Final

_TOKEN: Final = re.compile(r"\\[A-Za-z]+|\\.|\s+|[0-9]*\.?[0-9]+|.", re.DOTALL)
_LETTERS: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "infty": "∞", "ell": "ℓ", "emptyset": "∅",
    "top": "⊤", "dots": "…", "ldots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "partial": "∂", "nabla": "∇",
}  # fmt: skip
_OPERATORS: Final = {
    "cdot": "⋅", "times": "×", "odot": "⊙", "otimes": "⊗", "oplus": "⊕", "circ": "∘", "ast": "∗", "star": "⋆",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "sim": "∼", "propto": "∝",
    "in": "∈", "notin": "∉", "to": "→", "rightarrow": "→", "leftarrow": "←", "mapsto": "↦", "wedge": "∧", "vee": "∨",
    "land": "∧", "lor": "∨", "pm": "±", "mp": "∓", "bmod": "mod", "cup": "∪", "cap": "∩", "subset": "⊂", "mid": "∣",
    "neg": "¬", "lnot": "¬", "forall": "∀", "exists": "∃",
}  # fmt: skip
_FENCES: Final = {
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "{": "{", "}": "}", "langle": "⟨", "rangle": "⟩",
    "lVert": "‖", "rVert": "‖", "Vert": "‖", "lvert": "|", "rvert": "|", "vert": "|", "|": "‖",
}  # fmt: skip
_LARGE: Final = {"sum": "∑", "prod": "∏", "int": "∫", "bigwedge": "⋀", "bigvee": "⋁", "bigcup": "⋃"}
_LIMITS: Final = {"max", "min", "lim", "sup", "inf", "argmax", "argmin"}
_FUNCTIONS: Final = {
    "ln", "log", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "det", "dim", "ker",
    "gcd", "Pr",
}  # fmt: skip
_SPACES: Final = {",": 0.17, ":": 0.22, ";": 0.28, " ": 0.33, "!": 0.0, "quad": 1.0, "qquad": 2.0}
_ACCENTS: Final = {"bar": "‾", "hat": "^", "tilde": "~", "dot": "˙", "vec": "→"}
_FONTS: Final = {"mathrm", "mathbf", "mathit", "mathsf", "mathcal", "mathbb", "operatorname", "boldsymbol"}
_TEXTS: Final = {"text", "textrm", "mbox"}
_SIZES: Final = {"left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr"}
_DROPPED: Final = {"displaystyle", "limits", "nolimits", "textstyle"}
_APPLY: Final = "<mo>&#x2061;</mo>"
_MATRICES: Final = {"pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "cases": ("{", ""), "vmatrix": ("|", "|")}


@lru_cache(maxsize=1024)
def mathml(latex: str, block: bool = True) -> str:
    r"""A LaTeX formula as MathML; a command it does not know stands with its name.

    >>> mathml(r"y = \frac{1}{n}", block=False)
    '<math><mi>y</mi><mo>=</mo><mfrac><mn>1</mn><mi>n</mi></mfrac></math>'
    """
    mode = ' display="block"' if block else ""
    return f"<math{mode}>{''.join(_Reader(latex).items())}</math>"


class _Reader:
    def __init__(self, latex: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(latex)
        self.at = 0
        self.limits = False  # whether the scripts of what was read last stand above and below it

    def items(self, *ends: str) -> list[str]:
        """What stands before one of these tokens (which is not read), or before the end."""
        found: list[str] = []
        while self.at < len(self.tokens) and self.tokens[self.at] not in ends:
            token = self.tokens[self.at]
            if token in ("_", "^", "'"):
                self._scripts(found)
            else:
                self.limits = False
                piece = self._item()
                if piece:
                    found.append(piece)
        return found

    def _item(self) -> str:
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            inner = _row(self.items("}"))
            self.at += 1
            return inner
        if token.startswith("\\") and len(token) > 1:
            return self._command(token[1:])
        if token.isspace() or token == "}":
            return ""
        if token[-1].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>"
        return _fence(token) if token in "()[]|" else f"<mo>{escape('−' if token == '-' else token)}</mo>"

    def _command(self, name: str) -> str:
        if name in _LETTERS:
            return f"<mi>{_LETTERS[name]}</mi>"
        if name in _OPERATORS:
            return f"<mo>{_OPERATORS[name]}</mo>"
        if name in _FENCES:
            return _fence(_FENCES[name])
        if name in _LARGE:
            self.limits = name != "int"
            return f'<mo movablelimits="false">{_LARGE[name]}</mo>'
        if name in _LIMITS or name in _FUNCTIONS:
            self.limits = name in _LIMITS
            return f"<mi>{name}</mi>" if self.limits else f"<mi>{name}</mi>{_APPLY}"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}em"/>' if _SPACES[name] else ""
        if name in ("frac", "tfrac", "dfrac"):
            return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self._argument()}</msqrt>"
        if name in _ACCENTS:
            return f'<mover accent="true">{self._argument()}<mo stretchy="false">{_ACCENTS[name]}</mo></mover>'
        if name in _TEXTS or name in _FONTS:
            return self._words(name)
        if name in _SIZES:
            return self._sized()
        if name == "begin":
            return self._table()
        return "" if name in _DROPPED else f"<mtext>{escape(name)}</mtext>"

    def _argument(self) -> str:
        """The argument of a command: a group in braces, or the next token."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return (self._item() if self.at < len(self.tokens) else "") or "<mrow></mrow>"

    def _raw(self) -> str:
        """The argument of a command as it is written."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        depth, text = 0, ""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            depth += {"{": 1, "}": -1}.get(token, 0)
            if token not in "{}":
                text += token[1:] if token.startswith("\\") else token
            if depth == 0:
                break
        return text

    def _words(self, command: str) -> str:
        text = self._raw()
        if command in _TEXTS and re.search(r"\s", text):
            return f"<mtext>{escape(text).replace(' ', '&#xa0;')}</mtext>"
        self.limits = text in _LIMITS
        variant = ' mathvariant="normal"' if len(text) == 1 else ""
        return f"<mi{variant}>{escape(text)}</mi>"

    def _sized(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        if self.at >= len(self.tokens):
            return ""
        token = self.tokens[self.at]
        self.at += 1
        if token == ".":
            return ""
        text = _FENCES.get(token.lstrip("\\"), token.lstrip("\\"))
        return f'<mo stretchy="true">{escape(text)}</mo>'

    def _table(self) -> str:
        name = self._raw()
        rows: list[list[str]] = [[]]
        while self.at < len(self.tokens):
            rows[-1].append(f"<mtd>{''.join(self.items('&', chr(92) * 2, chr(92) + 'end'))}</mtd>")
            end = self.tokens[self.at] if self.at < len(self.tokens) else "\\end"
            self.at += 1
            if end == "\\end":
                self._raw()
                break
            if end == "\\\\":
                rows.append([])
        left, right = _MATRICES.get(name, ("", ""))
        align = ' columnalign="left"' if name == "cases" else ""
        body = "".join(f"<mtr>{''.join(row)}</mtr>" for row in rows)
        fences = [f'<mo stretchy="true">{escape(each)}</mo>' if each else "" for each in (left, right)]
        return f"<mrow>{fences[0]}<mtable{align}>{body}</mtable>{fences[1]}</mrow>"

    def _scripts(self, found: list[str]) -> None:
        limits = self.limits
        below = above = ""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token == "'":
                self.at += 1
                above += "<mo>′</mo>"
            elif token in ("_", "^") and not (below if token == "_" else above):
                self.at += 1
                script = self._argument()
                below, above = (script, above) if token == "_" else (below, script)
            else:
                break
        base = found.pop() if found else "<mrow></mrow>"
        applied = base.endswith(_APPLY)
        base = base.removesuffix(_APPLY)
        under, over, both = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
        tag = both if below and above else under if below else over
        found.append(f"<{tag}>{base}{below}{above}</{tag}>{_APPLY if applied else ''}")
        self.limits = False


def _fence(text: str) -> str:
    return f'<mo stretchy="false">{escape(text)}</mo>'


def _row(items: list[str]) -> str:
    # a single element needs no row; several ones in one string would be several arguments of a fraction
    return items[0] if len(items) == 1 and items[0].count(_APPLY) == 0 else f"<mrow>{''.join(items)}</mrow>"
