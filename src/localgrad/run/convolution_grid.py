"""The grid of a convolution: images as they are read, and the tiles their results are computed in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

TILES: Final = ((4, 3), (4, 2), (6, 2), (5, 2), (3, 3), (3, 2), (2, 5), (2, 4), (1, 8), (1, 4))
"""Channels by vectors whose sums, with a column of vectors and one weight, fit into 16 registers."""
GRADIENT_TILES: Final = ((4, 3), (3, 3), (2, 5), (2, 4), (1, 8), (1, 5), (1, 3), (1, 1))


class Grid(NamedTuple):
    """Images as they are read: where each entry of the kernel finds what it meets, and how they are copied there."""

    copies: bool
    plane: int
    room: int
    rows: NDArray[np.int64]
    phases: list[tuple[int, int, int]]
    strides: tuple[int, ...]  # of the axes, in entries

    @property
    def numbers(self) -> list[int]:
        """What kernels are told of the copies."""
        return [self.room, address_of(self.rows), len(self.rows), *(n for each in self.phases for n in each)]


def address_of(table: NDArray[Any]) -> int:
    """Where a table stands."""
    return int(table.__array_interface__["data"][0])


def table_of(entries: Any) -> NDArray[np.int64]:
    """A table of integers as kernels read it."""
    return np.ascontiguousarray(np.array(entries, np.int64))


def grid_of(
    channels: int,
    spatial: Sequence[int],
    low: Sequence[int],
    reach: Sequence[int],
    phases: int,
    lanes: int,
    plain: bool,
) -> Grid:
    """Images with `low` zeros before each axis, as far as `reach`, with columns in this many remainders."""
    if plain:
        strides = [math.prod(spatial[axis + 1 :]) for axis in range(len(spatial))]
        return Grid(False, math.prod(spatial), 0, table_of([]), [], tuple(strides))
    width = -(-reach[-1] // phases)
    extents = [*reach[:-1], phases * width]
    strides = [math.prod(extents[axis + 1 :]) for axis in range(len(extents))]
    plane = math.prod(extents)
    rows = []
    for place in itertools.product(range(channels), *(range(extent) for extent in spatial[:-1])):
        moved = [at + before for at, before in zip(place[1:], low[:-1], strict=True)]
        if all(at < most for at, most in zip(moved, reach[:-1], strict=True)):
            source = 0
            for at, extent in zip(place, (channels, *spatial[:-1]), strict=True):
                source = source * extent + at
            target = place[0] * plane + sum(at * step for at, step in zip(moved, strides[:-1], strict=True))
            rows.append((source * spatial[-1], target))
    copies = []
    last = min(spatial[-1], reach[-1] - low[-1])
    for phase in range(phases):
        first = (phase - low[-1]) % phases
        count = max(0, -(-(last - first) // phases))
        copies.append((first, phase * width + (first + low[-1]) // phases, count))
    room = -(-(channels * plane + 2 * lanes) // 16) * 16
    return Grid(True, plane, room, table_of(rows), copies, tuple(strides))


def tile_of(channels: int, vectors: int, tiles: Sequence[tuple[int, int]] = TILES) -> tuple[int, int]:
    """The tile that wastes least: entries beyond the end, loads, and sums that wait for each other."""

    def cost(tile: tuple[int, int]) -> float:
        height, width = tile
        waste = -(-channels // height) * height / channels * -(-vectors // width) * width / vectors
        loads = (height + width) / (height * width)
        return waste * max(1.0, loads) * max(1.0, 8 / (height * width)) * (1 + loads / 6)

    return min(tiles, key=cost)
