"""Einsum's equations: read and checked, and two operands contracted by one matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.spec import Extent, Shape, format_shape, same_extent

_einsum: Final[Any] = np.einsum
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_READ: Final[dict[tuple[str, tuple[int, ...]], Labels]] = {}


class Labels(NamedTuple):
    """An equation for operands of known rank: one letter for each axis, `...` written out as letters."""

    operands: tuple[str, ...]
    output: str


def read(equation: str, ranks: Sequence[int]) -> Labels:
    """The labels of an equation for operands of these ranks; raises ShapeError, naming operands as `{0}`, `{1}`."""
    key = (equation, tuple(ranks))
    found = _READ.get(key)
    if found is None:
        if len(_READ) > 1024:
            _READ.clear()
        found = _READ[key] = _read(equation, key[1])
    return found


def _wrong(equation: str, what: str, advice: str) -> ShapeError:
    return ShapeError(f"einsum was asked for {equation!r}\nfound: {what}\ndo: {advice}")


def _read(equation: str, ranks: tuple[int, ...]) -> Labels:
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    for character in text.replace("->", "").replace("...", "").replace(",", ""):
        if character not in LETTERS:
            raise _wrong(
                equation, f"the character {character!r}", "write letters, `,`, `->` and `...`, as in 'ij,jk->ik'"
            )
    if len(terms) != len(ranks):
        raise _wrong(equation, f"{len(terms)} terms for {len(ranks)} operands", "write one term for each operand")
    for term in (*terms, output):
        if term.count("...") > 1:
            raise _wrong(equation, f"`...` twice in {term!r}", "write it once in a term")
    widths = []
    for number, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        named = len(term.replace("...", ""))
        if named > rank or (named < rank and "..." not in term):
            raise _wrong(
                equation,
                f"the term {term!r} for {{{number}}} of rank {rank}",
                "write one letter for each axis, `...` for the rest",
            )
        widths.append(rank - named)
    free = [letter for letter in LETTERS if letter not in text]
    widest = max(widths, default=0)
    if widest > len(free):
        raise _wrong(equation, f"{widest} axes at `...`", "give operands of fewer axes")
    broad = "".join(free[:widest])
    operands = tuple(
        term.replace("...", broad[widest - width :] if width else "") for term, width in zip(terms, widths, strict=True)
    )
    if arrow:
        result = output.replace("...", broad)
        if "..." not in output and broad:
            raise _wrong(equation, "`...` stands for axes that the output has not", "write `...` in the output too")
    else:
        letters = left.replace(",", "").replace("...", "")
        result = broad + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    for letter in result:
        if result.count(letter) > 1:
            raise _wrong(equation, f"{letter!r} twice in the output", "name each axis of the output once")
        if not any(letter in operand for operand in operands):
            raise _wrong(equation, f"{letter!r} in the output only", "name axes that an operand has")
    return Labels(operands, result)


def sizes_of(equation: str, labels: Labels, shapes: Sequence[Shape]) -> dict[str, Extent]:
    """The length of each label; raises ShapeError where operands differ."""
    sizes: dict[str, Extent] = {}
    owner: dict[str, int] = {}
    for number, (operand, shape) in enumerate(zip(labels.operands, shapes, strict=True)):
        for axis, (letter, extent) in enumerate(zip(operand, shape, strict=True)):
            known = sizes.get(letter)
            if known is None or same_extent(known, 1):
                sizes[letter], owner[letter] = extent, number
            elif not same_extent(known, extent) and not same_extent(extent, 1):
                raise ShapeError(
                    f"einsum was asked for {equation!r}\nfound: {letter!r} is {known} in {{{owner[letter]}}} of shape "
                    f"{format_shape(shapes[owner[letter]])}, but {extent} on axis {axis} of {{{number}}} of shape "
                    f"{format_shape(shape)}\ndo: give lengths that agree, or other letters"
                )
    return sizes


def contract(x: NDArray[Any], w: NDArray[Any], a: str, b: str, output: str) -> NDArray[Any]:
    """Two operands with labels contracted to an output, by one (stack of) matrix product where that is possible."""
    if any(x.shape[a.index(letter)] != w.shape[b.index(letter)] for letter in set(a) & set(b)):
        return np.asarray(_einsum(f"{a},{b}->{output}", x, w))  # length 1 broadcasts
    x, a = _alone_summed(x, a, b + output)
    w, b = _alone_summed(w, b, a + output)
    summed = [letter for letter in a if letter in b and letter not in output]
    batch = [letter for letter in output if letter in a and letter in b]
    rows = [letter for letter in a if letter not in b]
    columns = [letter for letter in b if letter not in a]
    if not summed or (batch and not (rows and columns)):
        # no matrix product in it: NumPy's own loop is the faster one
        return np.asarray(_einsum(f"{a},{b}->{output}", x, w))
    size = {**dict(zip(a, x.shape, strict=True)), **dict(zip(b, w.shape, strict=True))}
    lead = [size[letter] for letter in batch]
    count = [math.prod(size[letter] for letter in group) for group in (rows, summed, columns)]
    left = x.transpose([a.index(letter) for letter in (*batch, *rows, *summed)]).reshape(*lead, count[0], count[1])
    right = w.transpose([b.index(letter) for letter in (*batch, *summed, *columns)]).reshape(*lead, count[1], count[2])
    made = [*batch, *rows, *columns]
    y: NDArray[Any] = np.matmul(left, right).reshape([size[letter] for letter in made])
    return y.transpose([made.index(letter) for letter in output])


def _alone_summed(x: NDArray[Any], labels: str, others: str) -> tuple[NDArray[Any], str]:
    alone = tuple(axis for axis, letter in enumerate(labels) if letter not in others)
    if alone:
        x = x.sum(axis=alone, dtype=x.dtype)
        labels = "".join(letter for letter in labels if letter in others)
    return x, labels


def path_of(labels: Labels, shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The order in which to contract several operands, two at a time."""
    key = (labels, tuple(shapes))
    found = _PATHS.get(key)
    if found is None:
        if len(_PATHS) > 256:
            _PATHS.clear()
        text = f"{','.join(labels.operands)}->{labels.output}"
        empty = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
        found = _PATHS[key] = list(np.einsum_path(text, *empty, optimize="greedy")[0][1:])
    return found


_PATHS: Final[dict[Any, list[tuple[int, ...]]]] = {}
