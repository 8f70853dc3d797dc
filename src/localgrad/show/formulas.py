"""School formulas, which kinds state as LaTeX, as plain text for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import normalize

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|[0-9.]*[0-9]|.", re.DOTALL)
_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "infty": "∞", "dots": "…", "ldots": "…",
    "cdots": "…", "ell": "ℓ", "top": "T", "mid": "|", "vert": "|", "Vert": "‖", "nabla": "∇", "emptyset": "∅",
}  # fmt: skip
_RELATIONS = {
    "cdot": "·", "times": "×", "odot": "⊙", "otimes": "⊗", "oplus": "⊕", "circ": "∘", "ast": "*", "star": "*",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "sim": "~", "propto": "∝",
    "in": "∈", "notin": "∉", "to": "→", "rightarrow": "→", "leftarrow": "←", "mapsto": "↦", "wedge": "∧", "vee": "∨",
    "land": "∧", "lor": "∨", "pm": "±", "mp": "∓", "bmod": "mod", "cup": "∪", "cap": "∩", "subset": "⊂",
}  # fmt: skip
_LARGE = {"sum": "Σ", "prod": "Π", "int": "∫", "bigwedge": "⋀", "bigvee": "⋁", "bigcup": "⋃"}
_PREFIXES = {"neg": "¬", "lnot": "¬", "partial": "∂"}
_OPENING = {"lfloor": "⌊", "lceil": "⌈", "{": "{", "langle": "⟨"}
_CLOSING = {"rfloor": "⌋", "rceil": "⌉", "}": "}", "rangle": "⟩"}
_WIDE = "\u2003"
_SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "quad": _WIDE, "qquad": _WIDE}
_ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}
_FONTS = {"text", "mathrm", "mathbf", "mathit", "mathsf", "mathcal", "mathbb", "operatorname", "textrm", "boldsymbol"}
_DROPPED = {"left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "limits", "nolimits"}
_POWERS = {"2": "²", "3": "³"}


class _Item(NamedTuple):
    """A piece of a formula, and what it is to its neighbours: atom, word, large, prefix, open, close, operator, space,
    comma; fraction and cases, which wait for their neighbours before they become text.
    """

    text: str
    role: str = "atom"
    parts: tuple[str, ...] = ()


def plain_formula(latex: str) -> str:
    r"""A LaTeX formula as readable text for a terminal; a command it does not know stands with its name.

    >>> plain_formula(r"y = \frac{1}{1 + e^{-x}}")
    'y = 1 / (1 + e^(-x))'
    >>> plain_formula(r"y_i = \begin{cases} x_i^2 & x_i > 0 \\ 0 & \text{else} \end{cases}")
    'y_i = x_i² if x_i > 0, else 0'
    """
    return normalize("NFC", _joined(_Reader(latex).items()).replace(_WIDE, "  "))


class _Reader:
    def __init__(self, latex: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(latex)
        self.at = 0

    def items(self, *ends: str) -> list[_Item]:
        """What stands before one of these tokens (which is not read), or before the end."""
        found: list[_Item] = []
        while self.at < len(self.tokens) and self.tokens[self.at] not in ends:
            if self.tokens[self.at] in ("_", "^"):
                self.at += 1
                self._script(found, self.tokens[self.at - 1])
            else:
                found.append(self._item())
        return found

    def _item(self) -> _Item:
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            inner = _joined(self.items("}"))
            self.at += 1
            return _Item(inner)
        if token.startswith("\\") and len(token) > 1:
            return self._command(token[1:])
        if token.isspace():
            return _Item(" ", "space")
        if token in "([":
            return _Item(token, "open")
        if token in ")]":
            return _Item(token, "close")
        if token in ",;":
            return _Item(token, "comma")
        return _Item(token, "operator" if token in "+-*/=<>:" else "atom")

    def _command(self, name: str) -> _Item:
        if name in ("frac", "tfrac", "dfrac"):
            return _Item("", "fraction", (self.argument(), self.argument()))
        if name == "sqrt":
            return _Item("√" + _closed(self.argument()))
        if name in _ACCENTS:
            return _Item(self.argument() + _ACCENTS[name])
        if name in _FONTS:
            return self._words()
        if name == "begin":
            return self._environment()
        if name in _SPACES:
            return _Item(_SPACES[name], "space")
        if name in _DROPPED:
            if self.tokens[self.at : self.at + 1] == ["."]:
                self.at += 1
            return _Item("", "space")
        for table, role in (
            (_SYMBOLS, "atom"), (_RELATIONS, "operator"), (_LARGE, "large"), (_PREFIXES, "prefix"),
            (_OPENING, "open"), (_CLOSING, "close"),
        ):  # fmt: skip
            if name in table:
                return _Item(table[name], role)
        return _Item(name, "word")

    def _words(self) -> _Item:
        """Upright text: a name or, with spaces in it, words between two terms."""
        while self.tokens[self.at : self.at + 1] == [" "]:
            self.at += 1
        if self.tokens[self.at : self.at + 1] != ["{"]:
            return _Item(self.argument(), "word")
        depth, text = 0, ""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            depth += {"{": 1, "}": -1}.get(token, 0)
            if depth == 0:
                break
            if token not in "{}":
                text += token.lstrip("\\")
        return _Item(text, "word")

    def _environment(self) -> _Item:
        name = self.argument()
        rows: list[list[str]] = [[]]
        while self.at < len(self.tokens):
            rows[-1].append(_joined(self.items("&", "\\\\", "\\end")))
            end = self.tokens[self.at] if self.at < len(self.tokens) else "\\end"
            self.at += 1
            if end == "\\end":
                self.argument()
                break
            if end == "\\\\":
                rows.append([])
        if name != "cases":
            return _Item("; ".join(" ".join(cell for cell in row if cell) for row in rows if any(row)))
        said = []
        for row in rows:
            condition = row[1] if len(row) > 1 else ""
            if condition in ("else", "otherwise"):
                said.append(f"else {row[0]}")
            elif condition:
                said.append(f"{row[0]} {condition}" if condition.startswith("with ") else f"{row[0]} if {condition}")
            elif row[0]:
                said.append(row[0])
        return _Item(", ".join(said), "cases")

    def argument(self) -> str:
        """The argument of a command: a group in braces, or the next token."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return _joined([self._item()]) if self.at < len(self.tokens) else ""

    def _script(self, found: list[_Item], mark: str) -> None:
        script = self.argument()
        while found and found[-1].role == "space":
            found.pop()
        base = found.pop() if found else _Item("")
        if base.role == "fraction":
            base = _Item(f"({_joined([base])})")
        if mark == "^" and script in _POWERS and base.role != "large":
            text = base.text + _POWERS[script]
        elif mark == "^" and base.text[:1] in ("Σ", "Π") and "_" in base.text:
            text = base.text.removesuffix(")") + f"..{script})"
        elif re.fullmatch(r"\w+|[^\W_]|[∞…'T]", script) and "_" not in script:
            text = base.text + mark + script
        else:
            text = f"{base.text}{mark}{_closed(script, anyway=True)}"
        found.append(_Item(text, base.role))


def _joined(items: Sequence[_Item]) -> str:
    """Pieces as one text: fractions and cases as their neighbours need them, spaces where a reader expects them."""
    items = [item for item in items if item.text or item.role != "space"]
    text = ""
    for index, item in enumerate(items):
        before = next((each for each in items[index - 1 :: -1] if each.role != "space"), None) if index else None
        after = next((each for each in items[index + 1 :] if each.role != "space"), None)
        follows = after is not None and after.role in ("atom", "word", "large", "open", "fraction", "cases", "prefix")
        piece = item.text
        if item.role == "fraction":
            piece = _fraction(*item.parts, named=before is not None and before.role == "word", followed=follows)
            if before is not None and before.role in ("atom", "close") and piece[0].isdigit() and "·" not in piece:
                piece = f"· {piece}"
        elif item.role == "cases" and (follows or (before is not None and before.text != "=")):
            piece = f"{{{piece}}}"
        if item.role == "space" and _swallows(before, after):
            continue
        if index and item.role != "space" and before is items[index - 1] and _needs_space(before, item, piece):
            text += " "
        text += piece
    return re.sub(rf" *{_WIDE}\s*", _WIDE, re.sub(r"[ \n\t]+", " ", text)).strip()


def _swallows(before: _Item | None, after: _Item | None) -> bool:
    if before is None or after is None:
        return True
    return before.role in ("open", "prefix") or after.role in ("close", "comma")


def _needs_space(before: _Item, item: _Item, piece: str) -> bool:
    if item.role in ("close", "comma", "open", "operator", "space") or piece.startswith("("):
        return False
    return before.role in ("word", "large") or before.role == "fraction"


def _fraction(top: str, bottom: str, *, named: bool, followed: bool) -> str:
    small = not re.search(r"[ /]", top)
    top = f"({top})" if re.search(r" [+-] |^-", _outer(top)) else top
    below = bottom if followed is False and bottom.startswith(("Σ", "Π")) and " + " not in bottom else _closed(bottom)
    tight = small and followed
    text = f"{top}/{below}" if tight or (named and small and below == bottom) else f"{top} / {below}"
    if named:
        return f"({text})"
    return text if tight or not followed else f"{text} ·"


def _closed(text: str, anyway: bool = False) -> str:
    """The text, in parentheses unless it is one thing already."""
    outer = _outer(text)
    if outer == "()" or (not anyway and not re.search(r"[\s+\-*/=<>,·]", outer)):
        return text
    return f"({text})"


def _outer(text: str) -> str:
    """What stands outside of parentheses."""
    shorter = re.sub(r"\(([^()]*)\)", "\0\1", text)
    while shorter != text:
        text, shorter = shorter, re.sub(r"\(([^()]*)\)", "\0\1", shorter)
    return text.replace("\0\1", "()")
