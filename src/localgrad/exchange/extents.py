"""Extents and specs as text, such as `2*N + 1` and `float32[N, 784]`, and back by a small parser of ours."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.spec import Extent, Spec, Symbol, as_extent

LONGEST: Final = 1000
"""Characters of an extent's text."""
DEEPEST: Final = 40
"""Parentheses inside one another."""
LARGEST: Final = 2**63
TERMS: Final = 64
"""Summands of an extent."""
ENTRIES: Final = 1000
"""Summands of the number of entries of a shape."""
DTYPES: Final = {
    str(np.dtype(name)): np.dtype(name)
    for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    + ("float16", "float32", "float64")
}
_TOKEN = re.compile(r"\s*(?:(\d+)|([^\W\d]\w*)|(//|[-+*()]))")


def extent_text(extent: Extent) -> str:
    """An extent as `parse_extent` reads it; raises ShapeError for one it would not read back.

    >>> N = Symbol.named("N")
    >>> extent_text((2 * N + 1) // 3), extent_text(7)
    ('((2*N + 1) // 3)', '7')
    """
    text = repr(extent)
    if isinstance(extent, Symbol) and parse_extent(text) != extent:
        raise ShapeError(f"the extent {text} cannot be written as text")
    return text


def parse_extent(text: str) -> Extent:
    """The extent a text stands for: whole numbers, names, `+ - * //` and parentheses; raises ShapeError.

    >>> parse_extent("(N + N*3 + 2) // 2"), parse_extent("2*(3 - 1)")
    (2*N + 1, 4)
    """
    if len(text) > LONGEST:
        raise ShapeError(f"an extent's text of {len(text)} characters; the limit is {LONGEST}")
    return _Parser(text).whole()


def spec_text(spec: Spec) -> str:
    """A spec as `parse_spec` reads it.

    >>> spec_text(Spec(("N", 784), "float32")), spec_text(Spec((), "int64"))
    ('float32[N, 784]', 'int64[]')
    """
    return f"{spec.dtype}[{', '.join(map(extent_text, spec.shape))}]"


def parse_spec(text: str) -> Spec:
    """The spec a text stands for; raises ShapeError.

    >>> parse_spec("bool[2*N, 3]")
    Spec((2*N, 3), bool)
    """
    name, bracket, rest = text.partition("[")
    if name not in DTYPES or not bracket or not rest.endswith("]"):
        raise ShapeError(f"{_short(text)} is no dtype with a shape, such as float32[N, 784]")
    parts = rest[:-1].split(",") if rest[:-1].strip() else []
    if len(parts) > 32:
        raise ShapeError(f"a shape of rank {len(parts)}; the limit is 32")
    shape = [parse_extent(part) for part in parts]
    entries = 1
    for extent in shape:
        if not isinstance(extent, Symbol) and not 0 <= extent < LARGEST:
            raise ShapeError(f"the extent {extent} is out of range")
        entries *= len(extent.terms) if isinstance(extent, Symbol) else 1
    if entries > ENTRIES:
        raise ShapeError(f"a shape whose number of entries has {entries} summands; the limit is {ENTRIES}")
    return Spec(shape, DTYPES[name])


class _Parser:
    """Recursive descent; how deep it goes is bounded by the parentheses allowed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        self.depth = 0
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.wrong(f"{text[position]!r} at {position}")
            self.tokens.append(match.group().strip())
            position = match.end()
        self.tokens.reverse()

    def whole(self) -> Extent:
        found = self.sum()
        if self.tokens:
            raise self.wrong(f"{self.tokens[-1]!r} too many")
        return found

    def sum(self) -> Extent:
        found = self.product()
        while self.next_is("+", "-"):
            found = self.kept(found + self.product() if self.tokens.pop() == "+" else found - self.product())
        return found

    def product(self) -> Extent:
        found = self.signed()
        while self.next_is("*", "//"):
            operator, other = self.tokens.pop(), self.signed()
            if operator == "//":
                if not isinstance(other, Symbol) and other == 0:
                    raise self.wrong("a division by zero")
                found = found // other
            else:
                self.kept(found, other)
                found = self.kept(found * other)
        return found

    def signed(self) -> Extent:
        sign = 1
        while self.next_is("-"):
            self.tokens.pop()
            sign = -sign
        found = self.atom()
        return found if sign == 1 else self.kept(found * -1)

    def atom(self) -> Extent:
        if not self.tokens:
            raise self.wrong("an end too early")
        token = self.tokens.pop()
        if token.isdecimal():
            return self.kept(int(token))
        if token == "(":
            self.depth += 1
            if self.depth > DEEPEST:
                raise self.wrong(f"more than {DEEPEST} parentheses inside one another")
            found = self.sum()
            if not self.next_is(")"):
                raise self.wrong("a parenthesis without its end")
            self.tokens.pop()
            self.depth -= 1
            return found
        if token.isidentifier():
            return as_extent(token)
        raise self.wrong(repr(token))

    def next_is(self, *tokens: str) -> bool:
        return bool(self.tokens) and self.tokens[-1] in tokens

    def kept(self, *extents: Extent) -> Extent:
        """The first extent; raises where the product of these would have too many summands or too large a number."""
        terms = 1
        for extent in extents:
            terms *= len(extent.terms) if isinstance(extent, Symbol) else 1
            if any(
                abs(factor) >= LARGEST for factor in (extent.terms.values() if isinstance(extent, Symbol) else [extent])
            ):
                raise self.wrong("a number out of range")
        if terms > TERMS:
            raise self.wrong(f"more than {TERMS} summands")
        return extents[0]

    def wrong(self, found: str) -> ShapeError:
        return ShapeError(f"{_short(self.text)} is no extent such as 2*N + 1: {found}")


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."
