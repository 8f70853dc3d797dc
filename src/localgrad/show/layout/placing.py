"""Positions across: straight lines are chosen first and become rigid blocks, then the blocks move towards their
neighbours as far as those beside them allow. Every position a block may take keeps its lines straight.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise

from localgrad.show.layout.ordering import parts_by_gap
from localgrad.show.layout.sheet import DUMMY, ENTRY, EXIT, Part, Sheet

_AROUND_BOX, _AROUND_LINE = 12.0, 6.0


@dataclass(slots=True)
class _Block:
    """Vertices on one straight line; the pulls are (other block, offset, weight)."""

    members: list[int] = field(default_factory=list)
    beside_left: dict[int, float] = field(default_factory=dict)
    beside_right: dict[int, float] = field(default_factory=dict)
    pulls: list[tuple[int, float, float]] = field(default_factory=list)


def place_across(sheet: Sheet) -> None:
    """Fill `sheet.x` with the middles of all vertices, the leftmost room starting at 0."""
    _choose_straight(sheet)
    blocks, block_of, offset = _blocks(sheet)
    _hold_apart(sheet, blocks, block_of, offset)
    _pull(sheet, blocks, block_of, offset)
    position = _settle(blocks)
    sheet.x = [position[block_of[vertex]] + offset[vertex] for vertex in range(len(sheet.sort))]
    start = min((sheet.x[vertex] - sheet.left[vertex] for vertex in range(len(sheet.sort))), default=0.0)
    sheet.x = [round(x - start, 2) for x in sheet.x]


def _choose_straight(sheet: Sheet) -> None:
    """Mark the parts that are to be straight: at most one up and one down per vertex, none crossing another.

    The longest way from inputs to results comes first, then lines of dummies, then the rest by their reach.
    """
    longest = max((part.reach for part in sheet.parts), default=0)
    place = {vertex: position for row in sheet.rows for position, vertex in enumerate(row)}
    for gap in parts_by_gap(sheet):
        if not gap:
            continue
        readers: dict[int, list[int]] = {}
        sources: dict[int, list[int]] = {}
        for part in gap:
            readers.setdefault(part.upper, []).append(place[part.lower])
            sources.setdefault(part.lower, []).append(place[part.upper])
        below = {vertex: _middle(places) for vertex, places in readers.items()}
        above = {vertex: _middle(places) for vertex, places in sources.items()}

        def wish(part: Part) -> tuple[int, int, float, int, int]:
            inner = sheet.sort[part.upper] == DUMMY and sheet.sort[part.lower] == DUMMY
            # Among equals the middle one, so that a fan stands symmetrically under its source.
            aside = abs(below[part.upper] - place[part.lower])  # noqa: B023
            aside += abs(above[part.lower] - place[part.upper])  # noqa: B023
            return (0 if part.reach == longest else 1 if inner else 2, -part.reach, aside, place[part.upper], part.link)

        uppers: list[int] = []
        lowers: list[int] = []
        for part in sorted(gap, key=wish):
            upper, lower = place[part.upper], place[part.lower]
            index = bisect_left(uppers, upper)
            if index < len(uppers) and (uppers[index] == upper or lowers[index] <= lower):
                continue
            if index > 0 and lowers[index - 1] >= lower:
                continue
            uppers.insert(index, upper)
            lowers.insert(index, lower)
            part.straight = True


def _middle(places: list[int]) -> float:
    return (min(places) + max(places)) / 2


def _blocks(sheet: Sheet) -> tuple[list[_Block], list[int], list[float]]:
    """The blocks in an arbitrary order, each vertex's block, and its middle relative to the block."""
    below: dict[int, Part] = {part.upper: part for part in sheet.parts if part.straight}
    hanging = {part.lower for part in below.values()}
    blocks: list[_Block] = []
    block_of = [0] * len(sheet.sort)
    offset = [0.0] * len(sheet.sort)
    for row in sheet.rows:
        for vertex in row:
            if vertex in hanging:
                continue
            block = _Block()
            shift = 0.0
            current = vertex
            while True:
                block.members.append(current)
                block_of[current] = len(blocks)
                offset[current] = shift
                part = below.get(current)
                if part is None:
                    break
                shift += part.upper_port - part.lower_port
                current = part.lower
            blocks.append(block)
    return blocks, block_of, offset


def _hold_apart(sheet: Sheet, blocks: list[_Block], block_of: list[int], offset: list[float]) -> None:
    for row in sheet.rows:
        for left, right in pairwise(row):
            apart = sheet.right[left] + sheet.left[right] + _around(sheet, left) + _around(sheet, right)
            apart += offset[left] - offset[right]
            first, second = block_of[left], block_of[right]
            if apart > blocks[first].beside_right.get(second, float("-inf")):
                blocks[first].beside_right[second] = apart
                blocks[second].beside_left[first] = apart


def _around(sheet: Sheet, vertex: int) -> float:
    return _AROUND_LINE if sheet.sort[vertex] in (DUMMY, ENTRY, EXIT) else _AROUND_BOX


def _pull(sheet: Sheet, blocks: list[_Block], block_of: list[int], offset: list[float]) -> None:
    for part in sheet.parts:
        if part.straight:
            continue
        upper, lower = block_of[part.upper], block_of[part.lower]
        if upper == lower:
            continue
        shift = offset[part.lower] + part.lower_port - offset[part.upper] - part.upper_port
        blocks[upper].pulls.append((lower, shift, 1.0))
        if not sheet.loose[part.upper]:
            blocks[lower].pulls.append((upper, -shift, 1.0))


def _settle(blocks: list[_Block]) -> list[float]:
    order = _from_left(blocks)
    position = [0.0] * len(blocks)
    for index in order:
        position[index] = max(
            (position[other] + apart for other, apart in blocks[index].beside_left.items()), default=0.0
        )
    sweeps = 12 if len(blocks) <= 500 else 6 if len(blocks) <= 5000 else 3
    for _ in range(sweeps):
        for direction in (reversed(order), order):
            for index in direction:
                _move(blocks[index], index, position)
    return position


def _move(block: _Block, index: int, position: list[float]) -> None:
    if not block.pulls:
        return
    total = weight = 0.0
    for other, shift, strength in block.pulls:
        total += strength * (position[other] + shift)
        weight += strength
    wish = total / weight
    for other, apart in block.beside_left.items():
        wish = max(wish, position[other] + apart)
    for other, apart in block.beside_right.items():
        wish = min(wish, position[other] - apart)
    position[index] = wish


def _from_left(blocks: list[_Block]) -> list[int]:
    """Every block after those on its left; there are no cycles, because straight parts do not cross."""
    waiting = [len(block.beside_left) for block in blocks]
    order = [index for index, count in enumerate(waiting) if not count]
    for index in order:
        for other in blocks[index].beside_right:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order
