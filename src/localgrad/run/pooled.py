"""Pooled: the largest entries of windows over images, and their gradient, as machine code.

A window that stands over the border sees its entries at the border more than once, which changes neither the largest nor
which is the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run.convolution_text import KINDS
from localgrad.run.flow import Flow
from localgrad.run.places import Place
from localgrad.run.text import GROUP, LOOP, float_literal

NAMES: Final = frozenset(("MaxPool", "MaxPoolGradient"))
MOST: Final = 25
"""Entries of a window that are written out one by one; larger windows are left to NumPy."""


def pooled_of(
    node: Node, place_of: Callable[[Any], Place | None]
) -> tuple[str, tuple[Tensor, ...], tuple[int, ...]] | None:
    """Text, tensors and numbers of a node's kernel; None for other than images, dilated windows, and large ones."""
    kind: Any = node.kind
    tensors = [*node._inputs, *node._outputs]
    if len(kind.kernel_shape) != 2 or not all(isinstance(t, Tensor) for t in tensors):
        return None
    places = [place_of(t) for t in tensors]
    if any(place is None or not place.contiguous or not place.size or place.dtype not in KINDS for place in places):
        return None
    if len({place.dtype for place in places if place is not None}) > 1:
        return None
    forward = kind.name == "MaxPool"
    x, y = (tensors[0], tensors[1]) if forward else (tensors[1], tensors[2])
    (high, wide), (rows, columns) = x.shape[2:], y.shape[2:]
    steps = kind.steps(2)
    low = tuple(before for before, _ in kind.margins((high, wide), kind.kernel_shape))
    if kind.spacings(2) != (1, 1) or math.prod(kind.kernel_shape) > MOST or min(low) < 0:
        return None
    (kernel_rows, kernel_columns) = kind.kernel_shape
    inside = (
        not low[0] and (rows - 1) * steps[0] + kernel_rows <= high,
        not low[1] and (columns - 1) * steps[1] + kernel_columns <= wide,
    )
    # entries that no window sees, or several, need the zeros they are added to
    disjoint = all(inside) and steps[0] >= kernel_rows and steps[1] >= kernel_columns
    text = _text(KINDS[x.dtype], kind.kernel_shape, steps, inside, None if forward else disjoint)
    numbers = (math.prod(x.shape[:2]), high, wide, rows, columns, *low)
    return text, (x, y) if forward else (x, y, tensors[0], tensors[3]), numbers


def _text(
    kind: str, kernel: tuple[int, int], steps: tuple[int, int], inside: tuple[bool, bool], disjoint: bool | None
) -> str:
    """For each place the largest entry; or, with `disjoint` given, its gradient to the first entry as large."""
    f = Flow()
    x, y = f.address(), f.address()
    g, of_x = ("", "") if disjoint is None else (f.address(), f.address())
    planes, high, wide, rows, columns, above, left = (f.number() for _ in range(7))
    first, last = f.part_of(planes)
    seen_size, place_size = f.times(high, wide), f.times(rows, columns)
    with f.each(first, last) as plane:
        start, places = f.times(plane, seen_size), f.times(plane, place_size)
        image = f.entry(kind, x, start)
        target = ""
        if of_x:
            target = f.entry(kind, of_x, start)
            f.fill(kind, target, seen_size)
        with f.each(0, rows) as row:
            top = f.made(f"sub nsw i64 {f.times(row, steps[0])}, {above}")
            lines = []
            for tap in range(kernel[0]):
                line = f.add(top, tap)
                lines.append(f.times(line if inside[0] else _within(f, line, high), wide))
            at = f.add(places, f.times(row, columns))
            most, grads = f.entry(kind, y, at), f.entry(kind, g, at) if g else ""
            plain = inside[1] and disjoint is not False
            note = GROUP if plain else ""
            with f.each(0, columns, LOOP if plain else "") as column:
                begin = f.made(f"sub nsw i64 {f.times(column, steps[1])}, {left}")
                entries = []
                for line in lines:
                    for tap in range(kernel[1]):
                        place = f.add(begin, tap)
                        entries.append(f.add(line, place if inside[1] else _within(f, place, wide)))
                if disjoint is None:
                    _largest(f, kind, image, entries, f.entry(kind, most, column), note)
                else:
                    _spread(f, kind, image, entries, f.entry(kind, most, column), f.entry(kind, grads, column), target,
                            disjoint, note)  # fmt: skip
    return f.end()


def _within(f: Flow, place: str, extent: str) -> str:
    low = f.made(f"select i1 {f.made(f'icmp slt i64 {place}, 0')}, i64 0, i64 {place}")
    return f.least(low, f.add(extent, -1))


def _largest(f: Flow, kind: str, image: str, entries: list[str], target: str, note: str) -> None:
    most = ""
    for entry in entries:
        value = f.made(f"load {kind}, ptr {f.entry(kind, image, entry)}{note}")
        if most:  # what is no number stays
            more, known = f.made(f"fcmp ugt {kind} {value}, {most}"), f.made(f"fcmp ord {kind} {most}, {most}")
            value = f.made(f"select i1 {f.made(f'and i1 {more}, {known}')}, {kind} {value}, {kind} {most}")
        most = value
    f.line(f"  store {kind} {most}, ptr {target}{note}")


def _spread(
    f: Flow, kind: str, image: str, entries: list[str], most: str, grad: str, target: str, disjoint: bool, note: str
) -> None:
    largest = f.made(f"load {kind}, ptr {most}{note}")
    given = f.made(f"load {kind}, ptr {grad}{note}")
    zero = float_literal(0.0, kind)
    free = "true"
    shares = []
    for entry in entries:
        value = f.made(f"load {kind}, ptr {f.entry(kind, image, entry)}{note}")
        same, missing = f.made(f"fcmp oeq {kind} {value}, {largest}"), f.made(f"fcmp uno {kind} {value}, {value}")
        found = f.made(f"or i1 {same}, {missing}")
        shares.append(f.made(f"and i1 {found}, {free}"))
        free = f.made(f"and i1 {free}, {f.made(f'xor i1 {found}, true')}")
    for entry, taken in zip(entries, shares, strict=True):
        place = f.entry(kind, target, entry)
        share = f.made(f"select i1 {taken}, {kind} {given}, {kind} {zero}")
        if not disjoint:
            old = f.made(f"load {kind}, ptr {place}{note}")
            share = f.made(f"fadd {kind} {old}, {share}")
        f.line(f"  store {kind} {share}, ptr {place}{note}")
