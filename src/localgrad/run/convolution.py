"""Convolution: which of its kernels computes a node, and where it finds what it multiplies, for all three kinds.

A convolution with a stride spread the other way round, by ConvTranspose, is one convolution for each remainder of the
places, with those entries of the kernel that meet them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy import int64
from numpy.typing import NDArray

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run.convolution_grid import Grid, grid_of, table_of
from localgrad.run.convolution_steps import Convolution, Gradient, Job, Sliding
from localgrad.run.convolution_text import LANES
from localgrad.run.places import Place

NAMES: Final = frozenset(("Conv", "ConvTranspose", "ConvWeightGradient"))
LOST: Final = 0.45
"""Share of the lanes that must be used; below it the product of columns is as fast."""


def convolution_of(node: Node, place_of: Callable[[Any], Place | None]) -> Convolution | None:
    """How to compute a convolution with kernels made for it; None where its NumPy forward does as well, or has to."""
    if node.kind.name not in NAMES:
        return None
    kind: Any = node.kind
    inputs = [x for x in node._inputs if isinstance(x, Tensor)]
    if len(inputs) != sum(x is not None for x in node._inputs) or len(node._inputs) > 3 or len(inputs) < 2:
        return None
    if kind.name == "ConvWeightGradient" and len(inputs) > 2:
        return None
    places = [place_of(x) for x in (*inputs, *node._outputs)]
    if any(place is None or not place.contiguous or not place.size for place in places):
        return None
    first, second, y = places[0], places[1], places[-1]
    assert first is not None
    assert second is not None
    assert y is not None
    dtype = y.dtype
    if dtype not in LANES or any(place.dtype != dtype for place in places if place is not None):
        return None
    if kind.name == "Conv":
        return _forward(node, dtype, kind, first.shape, second.shape, y.shape)
    if kind.name == "ConvTranspose":
        return _transposed(node, dtype, kind, first.shape, second.shape, y.shape)
    return _kernel_gradient(node, dtype, kind, first.shape, second.shape, y.shape)


def _used(extent: int, lanes: int) -> bool:
    return extent / (-(-extent // lanes) * lanes) >= LOST if extent < lanes else True


def _places(
    rows: Any, row_steps: Any, extent: int, lanes: int, out: Callable[[Any, int], int], met: Callable[[int], range]
) -> tuple[NDArray[int64], NDArray[int64]]:
    """Where vectors of places are read and written, the last one of a row ending with it; and which entries they meet.

    `met` says which of the kernel's entries along the first axis a row meets within the image.
    """
    starts = list(range(0, extent - lanes + 1, lanes)) if extent >= lanes else [0]
    if extent > lanes and extent % lanes:
        starts.append(extent - lanes)
    found, ranges = [], []
    for row in itertools.product(*(range(extent) for extent in rows)):
        base = sum(at * step for at, step in zip(row, row_steps, strict=True))
        found += [(base + start, out(row, start)) for start in starts]
        some = met(row[0] if row else 0)
        ranges += [(some.start, some.stop)] * len(starts)
    return table_of(found), table_of(ranges)


def _by_first_axis(taps: NDArray[int64], inputs: int) -> NDArray[int64]:
    """Entries (inputs, first axis, ...) in the order (first axis, inputs, ...), as one list."""
    return table_of(taps.reshape(inputs, *taps.shape[1:]).swapaxes(0, 1).reshape(-1))


class _Window(NamedTuple):
    """A window over images, axis by axis."""

    spatial: tuple[int, ...]
    kernel: tuple[int, ...]
    out: tuple[int, ...]
    steps: tuple[int, ...]
    low: tuple[int, ...]
    spacings: tuple[int, ...]


def _window(kind: Any, spatial: Any, kernel: Any, out: Any) -> _Window | None:
    rank = len(kernel)
    low = tuple(before for before, _ in kind.margins(spatial, kernel))
    if any(before < 0 for before in low):
        return None
    return _Window(tuple(spatial), tuple(kernel), tuple(out), kind.steps(rank), low, kind.spacings(rank))


def _seen(w: _Window, channels: int, lanes: int, whole: bool) -> tuple[Grid, list[int]]:
    """The grid of the images a window slides over, and what each entry of the kernel meets."""
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(w.out, w.steps, w.kernel, w.spacings, strict=True)]
    plain = not any(w.low) and w.steps[-1] == 1 and whole
    phases = w.steps[-1]
    grid = grid_of(channels, w.spatial, w.low, reach, phases, lanes, plain)
    width = -(-reach[-1] // phases)
    taps = []
    for place in itertools.product(range(channels), *(range(extent) for extent in w.kernel)):
        at = place[0] * grid.plane
        at += sum(k * d * step for k, d, step in zip(place[1:-1], w.spacings, grid.strides, strict=False))
        far = place[-1] * w.spacings[-1]
        taps.append(at + far % phases * width + far // phases)
    return grid, taps


def _forward(node: Node, dtype: Any, kind: Any, x: Any, w: Any, y: Any) -> Convolution | None:
    lanes, window = LANES[dtype], _window(kind, x[2:], w[2:], y[2:])
    if window is None or not _used(y[-1], lanes):
        return None
    inputs = x[1] // kind.group
    grid, taps = _seen(window, x[1], lanes, y[-1] >= lanes)
    rest = math.prod(w[3:])
    order = _by_first_axis(np.arange(math.prod(w[1:])).reshape(inputs, w[2], rest), inputs)
    strides = [math.prod(y[axis + 1 :]) for axis in range(2, len(y))]

    def out(row: Any, start: int) -> int:
        return int(sum(at * step for at, step in zip(row, strides, strict=False)) + start)

    row_steps = [s * step for s, step in zip(window.steps[:-1], grid.strides[:-1], strict=True)]

    def met(row: int) -> range:
        if len(y) == 3:  # the first axis is the last one, along which vectors lie
            return range(len(order))
        start, step = row * window.steps[0] - window.low[0], window.spacings[0]
        inside = [k for k in range(w[2]) if 0 <= start + k * step < x[2]] or [0, -1]
        return range(inside[0] * inputs * rest, (inside[-1] + 1) * inputs * rest)

    vectors, ranges = _places(y[2:-1], row_steps, y[-1], lanes, out, met)
    job = Job(order, table_of(np.array(taps)[order]), vectors, ranges)
    packing = (len(order), w[0] // kind.group * len(order))
    return Sliding(
        node, dtype, kind.group, (x, y), grid, [job], packing, window.steps[-1], 0, (), y[-1] if y[-1] < lanes else 0
    )


def _transposed(node: Node, dtype: Any, kind: Any, x: Any, w: Any, y: Any) -> Convolution | None:
    lanes, window = LANES[dtype], _window(kind, y[2:], w[2:], x[2:])
    if window is None:
        return None
    rank = len(window.kernel)
    met: list[
        dict[int, list[tuple[int, int]]]
    ] = []  # for each axis and remainder: entries of the kernel, and distances
    for axis in range(rank):
        step, before, spacing = window.steps[axis], window.low[axis], window.spacings[axis]
        met.append(
            {
                a: [
                    (k, (a + before - k * spacing) // step)
                    for k in range(window.kernel[axis])
                    if (a + before - k * spacing) % step == 0
                ]
                for a in range(min(step, window.spatial[axis]))
            }
        )
    spread = window.steps[-1]
    wide = -(-y[-1] // spread)
    if not _used(wide, lanes):
        return None
    low, reach = [], []
    for axis, each in enumerate(met):
        far = [q for taps in each.values() for _, q in taps]
        low.append(max(0, -min(far, default=0)))
        most = [-(-(y[2 + axis] - a) // window.steps[axis]) for a in each]
        counts = [wide] * len(most) if axis == rank - 1 else most
        ends = [count - 1 + q for count, taps in zip(counts, each.values(), strict=True) for _, q in taps]
        reach.append(low[-1] + max([*ends, 0]) + 1)
    inputs, rows = x[1] // kind.group, math.prod(y[2:-1])
    plain = not any(low) and wide >= lanes and all(most <= extent for most, extent in zip(reach, x[2:], strict=True))
    grid = grid_of(x[1], x[2:], low, reach, 1, lanes, plain)
    shape = (*y[2:-1], spread * wide if spread > 1 else y[-1])
    strides = [math.prod(shape[axis + 1 :]) for axis in range(rank)]
    entries, own = math.prod(w[2:]), y[1] // kind.group
    jobs = []
    for phase in itertools.product(*(list(each) for each in met)):
        lists = [met[axis][a] for axis, a in enumerate(phase)]
        taps, near = [], []
        for place in itertools.product(*lists):
            at, distance = 0, 0
            for axis, (k, q) in enumerate(place):
                at = at * window.kernel[axis] + k
                distance += (q + low[axis]) * grid.strides[axis]
            taps.append(at)
            near.append(distance)
        first = len(lists[0])
        order = [(c, each) for each in range(first) for c in range(inputs)]
        rest = len(taps) // first if first else 0
        distances = [c * grid.plane + near[each * rest + r] for c, each in order for r in range(rest)]
        entry = [c * own * entries + taps[each * rest + r] for c, each in order for r in range(rest)]
        counts = [-(-(y[2 + axis] - a) // window.steps[axis]) for axis, a in enumerate(phase)]

        def out(row: Any, start: int, phase: Any = phase) -> int:
            at = sum(
                (j * step + a) * stride for j, step, a, stride in zip(row, window.steps, phase, strides, strict=False)
            )
            return int(at + phase[-1] * (wide if spread > 1 else 1) + start)

        def met_by(row: int, lists: Any = lists, each: int = inputs * rest) -> range:
            if rank == 1:
                return range(len(lists[0]) * each)
            inside = [place for place, (_, q) in enumerate(lists[0]) if 0 <= row + q < x[2]] or [0, -1]
            return range(inside[0] * each, (inside[-1] + 1) * each)

        vectors, ranges = _places(counts[:-1], grid.strides[:-1], wide, lanes, out, met_by)
        jobs.append(Job(table_of(entry), table_of(distances), vectors, ranges))
    packing = (entries, inputs * own * entries)
    staged = (math.prod(shape), rows, y[-1], wide) if spread > 1 else ()
    narrow = wide if wide < lanes else 0
    return Sliding(node, dtype, kind.group, (x, y), grid, jobs, packing, 1, spread if spread > 1 else 0, staged, narrow)


def _kernel_gradient(node: Node, dtype: Any, kind: Any, x: Any, g: Any, y: Any) -> Convolution | None:
    lanes, window = LANES[dtype], _window(kind, x[2:], y[2:], g[2:])
    if window is None or not _used(g[-1], lanes):
        return None
    grid, taps = _seen(window, x[1], lanes, True)
    row_steps = [s * step for s, step in zip(window.steps[:-1], grid.strides[:-1], strict=True)]
    full, ends = [], []
    for row in itertools.product(*(range(extent) for extent in g[2:-1])):
        there = sum(at * step for at, step in zip(row, row_steps, strict=True))
        here = 0
        for at, extent in zip(row, g[2:-1], strict=True):
            here = here * extent + at
        here *= g[-1]
        full += [(there + start, here + start) for start in range(0, g[-1] - lanes + 1, lanes)]
        if g[-1] % lanes:
            start = g[-1] // lanes * lanes
            ends.append((there + start, here + start))
    used = taps[: math.prod(y[1:])]
    return Gradient(node, dtype, kind.group, (x, g), grid, used, (table_of(full), table_of(ends), g[-1] % lanes))
