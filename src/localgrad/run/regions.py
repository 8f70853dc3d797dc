"""Regions: nodes that only put entries in their places: reshapes that copy, joins, gradients of slices, constants.

Each is some copies, every one a loop over strides, into parts of the output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run import native
from localgrad.run.kernel import Kernel
from localgrad.run.loops import Loop, Read, Written, loop_work, merged, port_of
from localgrad.run.lowering import Operation
from localgrad.run.places import Place, dense
from localgrad.run.steps import LoopStep
from localgrad.run.text import TYPES

NAMES: Final = frozenset(("Reshape", "Concat", "Stack", "Unslice", "FullLike"))
MOST: Final = 32
"""More parts than this are joined by NumPy."""


class Region(NamedTuple):
    """Entries of a source, or one number, that go to a part of an output."""

    source: Tensor | None
    value: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    target: tuple[int, ...]


def regions_of(node: Node, place_of: Callable[[Any], Place | None]) -> list[Region] | None:
    """What a node puts where; None where it is no such node, or its dtypes or extents do not fit."""
    name = node.kind.name
    if name not in NAMES or len(node._outputs) != 1:
        return None
    output = place_of(node._outputs[0])
    if output is None or output.dtype not in TYPES or not output.size:
        return None
    if name == "FullLike":
        value = np.full((), node.kind.value, output.dtype).item()  # type: ignore[attr-defined]
        return [_filled(output, value)]
    tensors = [x for x in node._inputs if isinstance(x, Tensor)]
    places = [place_of(x) for x in tensors]
    if any(place is None or place.dtype != output.dtype or not place.size for place in places):
        return None
    if name == "Reshape":
        return [_part(tensors[0], places[0], 0, dense(places[0].shape, output.dtype.itemsize))]  # type: ignore[arg-type, union-attr]
    if name == "Unslice":
        probe = np.empty(output.shape, output.dtype)
        part = probe[node.kind.__dict__["python_index"]]
        if not isinstance(part, np.ndarray) or part.shape != places[0].shape:  # type: ignore[union-attr]
            return None
        offset = part.__array_interface__["data"][0] - probe.__array_interface__["data"][0]
        return [_filled(output, 0), _part(tensors[0], places[0], offset, part.strides)]  # type: ignore[arg-type]
    if len(tensors) != len(node._inputs) or len(tensors) > MOST:
        return None
    axis = node.kind.axis % len(output.shape)  # type: ignore[attr-defined]
    whole = dense(output.shape, output.dtype.itemsize)
    found = []
    start = 0
    for tensor, place in zip(tensors, places, strict=True):
        assert place is not None
        target = whole if name == "Concat" else whole[:axis] + whole[axis + 1 :]
        found.append(_part(tensor, place, start * whole[axis], target))
        start += place.shape[axis] if name == "Concat" else 1
    return found


def _filled(output: Place, value: Any) -> Region:
    return Region(None, value, output.shape, (), 0, dense(output.shape, output.dtype.itemsize))


def _part(source: Tensor, place: Place, offset: int, target: tuple[int, ...]) -> Region:
    return Region(source, None, place.shape, place.strides, offset, target)


def whole_copy(tensor: Tensor, place: Place) -> Region:
    """A tensor copied as a whole, in row-major order."""
    return _part(tensor, place, 0, dense(place.shape, place.dtype.itemsize))


def region_step(
    node: Node, region: Region, output: Tensor, address: Callable[[Tensor], tuple[int, int]], slot: int, offset: int
) -> LoopStep:
    """The loop that fills a region of what stands at an address."""
    dtype = output.dtype
    several = [region.target] if region.source is None else [region.target, region.strides]
    extents, strides = merged(region.shape, several)
    one = extents == (1,)
    reads: tuple[Read, ...] = ()
    if region.source is None:
        operation = Operation("constant", (), dtype, region.value)
    else:
        operation = Operation("load", (), dtype, 0)
        reads = (Read(region.source, strides[1]),)
    kernel = Kernel(
        len(extents),
        (operation,),
        tuple(port_of(dtype, each.strides, one) for each in reads),
        ((0, port_of(dtype, strides[0], one)),),
        (),
        -1 if one else 0,
    )
    step = LoopStep([node], Loop(kernel, extents, reads, (Written(output, strides[0]),), (), ()))
    step.address = native.address_of(kernel.text, "kernel")
    step.split, step.work = not one, loop_work(step.loop)
    step.numbers = list(extents)
    for each in reads:
        step.numbers += [*address(each.tensor), *each.strides]
    step.numbers += [slot, offset + region.offset, *strides[0]]
    return step
