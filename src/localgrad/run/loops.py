"""Loops: a group of nodes as one kernel over places, with extents and strides merged as far as they go."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import normal_axes
from localgrad.run.kernel import CHUNK, Kernel, Port, Total, sum_dtype
from localgrad.run.lowering import Dtype, Lowering, Typed
from localgrad.run.mathematics import FUNCTIONS
from localgrad.run.places import Place, dense
from localgrad.run.sharing import PIECES
from localgrad.transform.grouping import Unit

TOTALS = frozenset(("Sum", "Mean", "SumTo"))
LARGE: Final = 1 << 14
"""Entries of a loop from which its sums may be added up in pieces."""


class Read(NamedTuple):
    """What a loop loads: a tensor, and its place with the strides of the loop's shape."""

    tensor: Tensor
    strides: tuple[int, ...]


class Written(NamedTuple):
    """What a loop stores or sums up: a tensor, and strides in the loop's shape (in bytes of the sum for a sum)."""

    tensor: Tensor
    strides: tuple[int, ...]


class Loop(NamedTuple):
    """A kernel, and what it reads and writes."""

    kernel: Kernel
    extents: tuple[int, ...]
    reads: tuple[Read, ...]
    writes: tuple[Written, ...]
    sums: tuple[Written, ...]
    counts: tuple[tuple[int, int], ...]  # of each sum: how many there are, and of how many entries each


def summed_axes(node: Node) -> tuple[int, ...]:
    """The axes a sum goes over."""
    x, output = node._inputs[0], node._outputs[0]
    assert isinstance(x, Tensor)
    if node.kind.name != "SumTo":
        return normal_axes(node.kind.axis, x.ndim)  # type: ignore[attr-defined]
    lead = x.ndim - output.ndim
    return tuple(
        axis for axis in range(x.ndim) if axis < lead or (output.shape[axis - lead] == 1 and x.shape[axis] != 1)
    )


def broadcast(place: Place, space: tuple[int, ...]) -> tuple[int, ...]:
    """The strides with which a place is read in a loop over a larger shape."""
    missing = len(space) - len(place.shape)
    inner = [0 if extent == 1 else stride for extent, stride in zip(place.shape, place.strides, strict=True)]
    return (*[0] * missing, *inner)


def merged(space: Sequence[int], several: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The extents of as few axes as walk the same entries, with the strides of each along them."""
    extents: list[int] = []
    strides: list[list[int]] = []
    for axis, extent in enumerate(space):
        if extent == 1:
            continue
        steps = [each[axis] for each in several]
        if extents and all(before == step * extent for before, step in zip(strides[-1], steps, strict=True)):
            extents[-1] *= extent
            strides[-1] = steps
        else:
            extents.append(extent)
            strides.append(steps)
    if not extents:
        return (1,), [(0,)] * len(several)
    return tuple(extents), [tuple(axis[place] for axis in strides) for place in range(len(several))]


def loop_of(
    unit: Unit,
    place_of: Callable[[Tensor], Place],
    stored: Callable[[Tensor], tuple[int, ...] | None],
) -> Loop:
    """The loop of a unit; `stored` gives the strides at which an output is to be kept, None where nobody reads it.

    Raises UnsupportedError where a node cannot be part of a loop after all.
    """
    space = unit.space
    assert space is not None
    lowering = Lowering()
    inside: dict[int, Typed] = {}
    reads: list[Read] = []
    known: dict[Any, int] = {}

    def given(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        found = inside.get(id(x))
        if found is not None:
            return found
        place = place_of(x)
        key = (place.root, place.offset, broadcast(place, space), place.dtype)
        number = known.get(key)
        if number is None:
            number = known[key] = len(reads)
            reads.append(Read(x, key[2]))
        return Typed(lowering.load(number, x.dtype), x.dtype, x.ndim)

    stores: list[tuple[int, Dtype, Written]] = []
    totals: list[tuple[int, Dtype, bool, Written, int, int]] = []
    for node in unit.nodes:
        output = node._outputs[0]
        if node.kind.name in TOTALS:
            value = given(node._inputs[0])
            wide = sum_dtype(output.dtype)
            if value.dtype != output.dtype:
                value = lowering.cast(value, output.dtype)
            axes = summed_axes(node)
            kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(space))
            strides = tuple(0 if axis in axes else stride for axis, stride in enumerate(dense(kept, wide.itemsize)))
            count = int(np.prod(kept, dtype=np.int64))
            size = int(np.prod(space, dtype=np.int64)) // max(count, 1)
            totals.append((value.place, output.dtype, node.kind.name == "Mean", Written(output, strides), count, size))
            continue
        place = lowering.node(node.kind, [given(x) for x in node._inputs], output.dtype)
        inside[id(output)] = Typed(place, output.dtype, output.ndim)
        wanted = stored(output)
        if wanted is not None:
            stores.append((place, output.dtype, Written(output, wanted)))
    several = [each.strides for each in reads]
    several += [each[2].strides for each in stores]
    several += [each[3].strides for each in totals]
    extents, strides_of = merged(space, several)
    parts = iter(strides_of)
    read = tuple(Read(each.tensor, next(parts)) for each in reads)
    written = tuple(Written(each[2].tensor, next(parts)) for each in stores)
    sums = tuple(Written(each[3].tensor, next(parts)) for each in totals)
    one = extents == (1,)
    axis, pieces = shared_axis(extents, [each.strides for each in sums], [each[4] for each in totals])
    kernel = Kernel(
        len(extents),
        tuple(lowering.operations),
        tuple(port_of(each.tensor.dtype, each.strides, one) for each in read),
        tuple((each[0], port_of(each[1], out.strides, one)) for each, out in zip(stores, written, strict=True)),
        tuple(Total(each[0], each[1], out.strides[-1] == 0, each[2]) for each, out in zip(totals, sums, strict=True)),
        axis,
        pieces,
    )
    return Loop(kernel, extents, read, written, sums, tuple((each[4], each[5]) for each in totals))


def shared_axis(extents: tuple[int, ...], sums: Sequence[tuple[int, ...]], counts: Sequence[int]) -> tuple[int, bool]:
    """Along which axis threads share a loop, and whether its sums are added up in pieces; negative where they cannot.

    It depends on extents alone, so results are the same for any number of threads.
    """
    if extents == (1,):
        return -1, False
    for axis in range(len(extents)):
        # each sum belongs to one part, and those of a part lie one behind the other
        if all(strides[axis] and not any(strides[:axis]) for strides in sums):
            return axis, False
    if not in_pieces(math.prod(extents), counts) or any(any(strides) for strides in sums):
        return -1, False
    axis = next((axis for axis, extent in enumerate(extents) if extent >= 4 * PIECES), -1)
    if axis == len(extents) - 1 and extents[axis] < PIECES * CHUNK:
        return -1, False
    return axis, axis >= 0


def in_pieces(size: int, counts: Sequence[int]) -> bool:
    """Whether sums to single numbers over so many entries may be added up in pieces."""
    return size >= LARGE and all(count == 1 for count in counts)


def loop_work(loop: Loop) -> float:
    """About how many nanoseconds a loop takes on one thread."""
    kernel = loop.kernel
    plain = sum(each.name not in ("load", "constant") for each in kernel.operations)
    hard = sum(each.name in FUNCTIONS or each.name == "div" for each in kernel.operations)
    ports = len(kernel.loads) + len(kernel.stores) + len(kernel.totals)
    return math.prod(loop.extents) * (0.03 * plain + 0.3 * hard + 0.1 * ports)


def port_of(dtype: Dtype, strides: tuple[int, ...], one: bool) -> Port:
    """How the innermost axis of something read or written is walked."""
    inner = strides[-1]
    return Port(dtype, "1" if one or inner == dtype.itemsize else "0" if inner == 0 else "n")


def parameters(
    loop: Loop,
    address: Callable[[Tensor], tuple[int, int]],
    scratch: Callable[[Tensor], tuple[int, int]],
) -> list[int]:
    """The numbers a loop's kernel is called with."""
    numbers = list(loop.extents)
    for port in (*loop.reads, *loop.writes):
        numbers += [*address(port[0]), *port[1]]
    for each, (count, size) in zip(loop.sums, loop.counts, strict=True):
        numbers += [*scratch(each.tensor), *each.strides, *address(each.tensor), count, size]
    return numbers
