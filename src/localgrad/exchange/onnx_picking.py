"""Operators that pick entries by indices, or write them there."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_arithmetic import K, cast, dtype_of
from localgrad.exchange.onnx_imported import Imported, UnknownValueError, only_values, operator
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import rank_of, shape_of


@operator("Gather")
def gather(op: Imported, x: Value, indices: Value) -> Value:
    """Slices of an axis."""
    return K("Gather", x, indices, axis=op.get("axis", 0))


@operator("GatherElements")
def gather_elements(op: Imported, x: Value, indices: Value) -> Value:
    """Entries along an axis, each by an index of its own."""
    axis = op.get("axis", 0) % rank_of(x)
    # NumPy repeats an axis of length 1 where ONNX reads its beginning
    for place in range(rank_of(x)):
        mine, theirs = shape_of(x)[place], shape_of(indices)[place]
        if place != axis and is_static((mine, theirs)) and mine != theirs:
            whole: list[Any] = [("slice", None, None, None)] * rank_of(x)
            whole[place] = ("slice", 0, theirs, 1)
            x = K("Slice", x, index=tuple(whole))
    return K("TakeAlongAxis", x, indices, axis=axis)


def parted(indices: Value, count: int) -> list[Value]:
    """The index of each axis from the last axis of indices."""
    return [K("Slice", indices, index=("...", place)) for place in range(count)]


def index_width(indices: Value) -> int:
    """How many axes an index names."""
    width = shape_of(indices)[-1]
    if not is_static((width,)):
        raise UnknownValueError("the last axis of indices has to be known")
    return int(width)


@operator("GatherND")
def gather_nd(op: Imported, x: Value, indices: Value) -> Value:
    """Slices picked by indices of several axes."""
    lead = op.get("batch_dims", 0)
    width = index_width(indices)
    axes: list[Value] = parted(indices, width)
    rank = rank_of(indices) - 1
    batch: list[Value] = []
    for axis in range(lead):
        extent = shape_of(x)[axis]
        if not is_static((extent,)):
            raise UnknownValueError("GatherND over a named batch")
        batch.append(np.arange(int(extent)).reshape([-1 if place == axis else 1 for place in range(rank)]))
    return K("Index", x, *batch, *axes, axes=tuple(range(lead + width)))


@operator("ScatterND")
def scatter_nd(op: Imported, x: Value, indices: Value, values: Value) -> Value:
    """A copy with slices written at indices of several axes."""
    how = op.get("reduction", "none")
    width = index_width(indices)
    axes = parted(indices, width)
    if how == "add":
        return x + (K("IndexAdd", values, x, *axes, axes=tuple(range(width))))
    if how == "none" and any(isinstance(each, Tensor) for each in (x, indices, values)):
        from localgrad.nodes.base import as_tensor
        from localgrad.nodes.writing import SetItem

        return SetItem.put(as_tensor(x), tuple(axes), values)
    array, places, given = only_values(op, x, indices, values)
    return _written(array, tuple(np.moveaxis(np.asarray(places), -1, 0)), np.asarray(given), how)


def _written(x: Any, index: tuple[Any, ...], values: Any, how: str) -> Any:
    y = np.array(x)
    if how == "none":
        y[index] = values
        return y
    combine: Any = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}.get(how)
    if combine is None:
        raise ImportModelError(f"entries were to be scattered by {how!r}\nfound: no such way")
    combine.at(y, index, values)
    return y


@operator("ScatterElements", "Scatter")
def scatter_elements(op: Imported, x: Value, indices: Value, values: Value) -> Value:
    """A copy with entries written along an axis, each at an index of its own."""
    how, axis = op.get("reduction", "none"), op.get("axis", 0) % rank_of(x)
    equal = all(
        is_static((a, b)) and a == b
        for place, (a, b) in enumerate(zip(shape_of(x), shape_of(indices), strict=True))
        if place != axis
    )
    if how in ("none", "add") and equal:
        return K("ScatterElements", x, indices, values, axis=axis, reduction=how)
    array, places, given = only_values(op, x, indices, values)
    places = np.where(places < 0, places + array.shape[axis], places)
    grid = list(np.ogrid[tuple(slice(extent) for extent in places.shape)])
    grid[axis] = places
    return _written(array, tuple(grid), given, how)


@operator("OneHot", valued=(1, 2))
def one_hot(op: Imported, indices: Value, depth: Value, values: Value) -> Value:
    """One value at the index, another elsewhere; an index outside of the depth has none."""
    (count,) = op.numbers(1, depth)
    if not is_static((count,)):
        raise UnknownValueError("OneHot of a named depth")
    axis = op.get("axis", -1)
    axis = axis + rank_of(indices) + 1 if axis < 0 else axis
    off_on = np.asarray(op.array(2, values))
    wrapped = K("Where", indices < 0, indices + int(count), indices) if dtype_of(indices).kind != "u" else indices
    places = np.arange(int(count)).astype(dtype_of(indices)).reshape(-1, *(1,) * (rank_of(indices) - axis))
    found = K("Equal", K("Unsqueeze", wrapped, axis=(axis,)), places)
    if off_on[0] == 0 and off_on[1] == 1:
        return cast(found, off_on.dtype)
    return K("Where", found, np.asarray(off_on[1]), np.asarray(off_on[0]))


@operator("Compress")
def compress(op: Imported, x: Value, condition: Value) -> Value:
    """The slices for which something is true; computed on values alone."""
    array, chosen = only_values(op, x, condition)
    return np.compress(chosen, array, axis=op.get("axis"))


@operator("ReverseSequence")
def reverse_sequence(op: Imported, x: Value, lengths: Value) -> Value:
    """The beginning of each row the other way round, as long as its length says."""
    time, batch = op.get("time_axis", 0), op.get("batch_axis", 1)
    extent = shape_of(x)[time]
    if not is_static((extent,)):
        raise UnknownValueError("ReverseSequence over a named length")
    steps = np.arange(int(extent))
    rank = rank_of(x)
    row = [1] * rank
    row[time] = -1
    column = K("Unsqueeze", lengths, axis=tuple(each for each in range(rank) if each != batch))
    at = cast(steps.reshape(row), np.int64)
    indices = K("Where", K("Less", at, column), column - 1 - at, at)
    return K("TakeAlongAxis", x, K("Repeat", indices, shape_to=tuple(shape_of(x))), axis=time)


@operator("NonMaxSuppression", valued=(2, 3, 4))
def non_max_suppression(op: Imported, *inputs: Value) -> Value:
    """Boxes of the largest scores that do not overlap one chosen before; computed on values alone."""
    arrays = only_values(op, *inputs)
    boxes, scores = arrays[0], arrays[1]
    rest = [*arrays[2:], *(None,) * (5 - len(arrays))]
    most = 0 if rest[0] is None else int(np.asarray(rest[0]).reshape(-1)[0])
    overlap = 0.0 if rest[1] is None else float(np.asarray(rest[1]).reshape(-1)[0])
    lowest = -np.inf if rest[2] is None else float(np.asarray(rest[2]).reshape(-1)[0])
    chosen = []
    for image in range(boxes.shape[0]):
        corners = _corners(boxes[image], op.get("center_point_box", 0))
        for label in range(scores.shape[1]):
            row = scores[image, label]
            kept: list[int] = []
            for place in np.argsort(-row, kind="stable"):
                if len(kept) >= most or row[place] <= lowest:
                    break
                if all(_overlap(corners[place], corners[other]) <= overlap for other in kept):
                    kept.append(int(place))
            chosen += [(image, label, place) for place in kept]
    return np.array(chosen, np.int64).reshape(-1, 3)


def _corners(boxes: Any, centered: int) -> Any:
    if centered:
        x, y, width, height = boxes.T
        return np.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], 1)
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    return np.concatenate([low, high], 1)


def _overlap(a: Any, b: Any) -> float:
    inner = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    both = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
    return float(inner / both) if both > 0 else 0.0
