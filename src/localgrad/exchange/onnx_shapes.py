"""Operators that move, repeat, join and cut entries, and those that make tensors of a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_arithmetic import DTYPES, K, dtype_of
from localgrad.exchange.onnx_imported import Imported, UnknownValueError, only_values, operator
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.spec import Extent, Symbol, broadcast_shapes, is_static
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import rank_of, shape_of
from localgrad.nodes.structure import Cast, size


@operator("Reshape", valued=(1,))
def reshape(op: Imported, *inputs: Value) -> Value:
    """0 stands for the extent that is there, -1 for what is left."""
    x = inputs[0]
    wanted = list(op.items(1, inputs, "shape"))
    shape = shape_of(x)
    if not op.get("allowzero", 0):
        for axis, each in enumerate(wanted):
            if not isinstance(each, Symbol) and each == 0:
                if axis >= len(shape):
                    raise ImportModelError(f"Reshape of {shape} to {tuple(wanted)}\nfound: no axis {axis} to keep")
                wanted[axis] = shape[axis]
    return K("Reshape", x, shape_to=tuple(wanted))


@operator("Flatten")
def flatten(op: Imported, x: Value) -> Value:
    """A matrix, whose rows are the axes before one."""
    axis = op.get("axis", 1)
    axis = axis + rank_of(x) if axis < 0 else axis
    if axis == 0:
        return K("Reshape", x, shape_to=(1, -1))
    if axis == 1:
        return K("Reshape", x, shape_to=(shape_of(x)[0], -1))
    rows: Extent = 1
    for extent in shape_of(x)[:axis]:
        rows = rows * extent
    columns: Extent = 1
    for extent in shape_of(x)[axis:]:
        columns = columns * extent
    return K("Reshape", x, shape_to=(rows, columns))


@operator("Transpose")
def transpose(op: Imported, x: Value) -> Value:
    """Axes in another order."""
    order = op.get("perm") or tuple(reversed(range(rank_of(x))))
    return K("Transpose", x, axes=tuple(order))


@operator("Squeeze", valued=(1,))
def squeeze(op: Imported, *inputs: Value) -> Value:
    """Without axes of length 1."""
    axes = op.items(1, inputs, "axes")
    x = inputs[0]
    if axes is None:
        axes = [axis for axis, extent in enumerate(shape_of(x)) if not isinstance(extent, Symbol) and extent == 1]
    return K("Squeeze", x, axis=tuple(sorted(int(each) % rank_of(x) for each in axes)))


@operator("Unsqueeze", valued=(1,))
def unsqueeze(op: Imported, *inputs: Value) -> Value:
    """New axes of length 1, at their places in the result."""
    axes = op.items(1, inputs, "axes")
    rank = rank_of(inputs[0]) + len(axes)
    return K("Unsqueeze", inputs[0], axis=tuple(sorted(int(each) % rank for each in axes)))


@operator("Concat")
def concat(op: Imported, *xs: Value) -> Value:
    """One after another along an axis."""
    return K("Concat", *xs, axis=op.get("axis", 1))


@operator("Split", valued=(1,))
def split(op: Imported, *inputs: Value) -> Value:
    """Parts of an axis, equal but for the last where no sizes are given."""
    x = inputs[0]
    axis = op.get("axis", 0) % rank_of(x)
    sizes = op.items(1, inputs, "split")
    if sizes is None:
        extent = shape_of(x)[axis]
        if isinstance(extent, Symbol):
            made = K("Split", x, axis=axis, sections=op.count)
            return made if isinstance(made, tuple) else (made,)
        each = -(-extent // op.count)
        sizes = [max(0, min(each, extent - part * each)) for part in range(op.count)]
    made = K("Split", x, axis=axis, sizes=tuple(sizes), sections=len(sizes))
    return made if isinstance(made, tuple) else (made,)


@operator("Expand", valued=(1,))
def expand(op: Imported, x: Value, shape: Value) -> Value:
    """Broadcast to a shape, or beyond it where x is larger."""
    wanted = op.numbers(1, shape)
    rank = max(len(wanted), rank_of(x))
    mine = (1,) * (rank - rank_of(x)) + tuple(shape_of(x))
    asked = (1,) * (rank - len(wanted)) + tuple(wanted)
    return K("Repeat", x, shape_to=broadcast_shapes(mine, asked))


@operator("Tile", valued=(1,))
def tile(op: Imported, x: Value, repeats: Value) -> Value:
    """Copies side by side."""
    return K("Tile", x, repeats=tuple(op.numbers(1, repeats)))


@operator("Slice", valued=(1, 2, 3, 4))
def slice_(op: Imported, *inputs: Value) -> Value:
    """A part of each of some axes."""
    x = inputs[0]
    starts, ends = op.items(1, inputs, "starts"), op.items(2, inputs, "ends")
    axes = op.items(3, inputs, "axes", tuple(range(len(starts))))
    steps = op.items(4, inputs, "steps", (1,) * len(starts))
    index: list[Any] = [("slice", None, None, None)] * rank_of(x)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = int(axis) % rank_of(x)
        index[place] = ("slice", *bounds(shape_of(x)[place], start, end, int(step)), int(step))
    return K("Slice", x, index=tuple(index))


def bounds(extent: Extent, start: Any, end: Any, step: int) -> tuple[Any, Any]:
    """The bounds of a slice as Python has them: beyond the ends means to the ends."""
    large = 2**30
    first, last = start, end
    if step > 0:
        if not isinstance(start, Symbol) and start <= -large:
            first = None
        if not isinstance(end, Symbol) and end >= large:
            last = None
        if isinstance(extent, Symbol) and isinstance(end, Symbol) and end == extent:
            last = None
        return first, last
    if not isinstance(start, Symbol) and start >= large:
        first = None
    if not isinstance(end, Symbol) and (end <= -large or (not isinstance(extent, Symbol) and end < -extent)):
        last = None
    if isinstance(first, int) and not isinstance(extent, Symbol) and first >= extent:
        first = None
    return first, last


MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "wrap": "wrap"}


@operator("Pad", valued=(1, 2, 3))
def pad(op: Imported, *inputs: Value) -> Value:
    """Entries around a tensor, or cropped where a number is negative."""
    x = inputs[0]
    pads = op.items(1, inputs, "pads" if op.get("pads") is not None else "paddings")
    value = op.get("value", 0.0)
    if len(inputs) > 2 and inputs[2] is not None:
        value = np.asarray(op.array(2, inputs[2])).reshape(-1)[0].item()
    axes = [int(each) % rank_of(x) for each in op.numbers(3, inputs[3])] if len(inputs) > 3 else list(range(rank_of(x)))
    each = [(0, 0)] * rank_of(x)
    for number, axis in enumerate(axes):
        each[axis] = (pads[number], pads[number + len(axes)])
    value = float(value) if dtype_of(x).kind == "f" else value
    return K("Pad", x, pads=tuple(each), mode=MODES[op.get("mode", "constant")], value=value)


@operator("Shape")
def shape(op: Imported, x: Value) -> Value:
    """The extents, as integers."""
    extents = shape_of(x)
    start, end = op.get("start", 0), op.get("end")
    part = range(len(extents))[start:end]
    if not isinstance(x, Tensor) or is_static([extents[axis] for axis in part]):
        return np.array([extents[axis] for axis in part], np.int64)
    each = [K("Size", x, axis=(axis,), dtype="int64") for axis in part]
    return K("Stack", *each, axis=0)


@operator("Size")
def entries(op: Imported, x: Value) -> Value:
    """The number of entries."""
    return K("Size", x, axis=None, dtype="int64") if isinstance(x, Tensor) else np.int64(size(x))


@operator("ConstantOfShape", valued=(0,))
def constant_of_shape(op: Imported, extents: Value) -> Value:
    """One number in every place of a shape."""
    value = op.get("value")
    value = np.zeros(1, np.float32) if value is None else value
    return K("Repeat", value.reshape(()), shape_to=tuple(op.numbers(0, extents)))


@operator("Range", valued=(0, 1, 2))
def range_(op: Imported, *inputs: Value) -> Value:
    """Numbers from one to another in steps."""
    start, stop, step = (np.asarray(op.value(place, x), object).reshape(-1)[0] for place, x in enumerate(inputs))
    dtype = dtype_of(inputs[0])
    if any(isinstance(each, Symbol) for each in (start, stop, step)):
        if step != 1:
            raise UnknownValueError("Range over a named extent in steps\nfound: its length is not known")
        counted = stop - start
        ones = K("Repeat", np.ones((), np.int64), shape_to=(counted,))
        places = K("CumSum", ones, axis=0, exclusive=True)
        if isinstance(start, Symbol):
            raise UnknownValueError("Range from a named extent")
        places = places if start == 0 else places + int(start)
        return places if dtype == np.int64 else Cast.on(places, dtype=dtype.name)
    return (
        np.arange(start, stop, step).astype(dtype)
        if dtype.kind != "f"
        else (
            dtype.type(start) + np.arange(max(0, int(np.ceil((stop - start) / step)))).astype(dtype) * dtype.type(step)
        )
    )


@operator("EyeLike")
def eye_like(op: Imported, x: Value) -> Value:
    """Ones on a diagonal."""
    if not is_static(shape_of(x)):
        raise UnknownValueError("EyeLike of a named extent")
    rows, columns = (int(extent) for extent in shape_of(x))
    dtype = DTYPES[op.get("dtype")] if op.get("dtype") is not None else dtype_of(x).name
    return np.eye(rows, columns, op.get("k", 0), dtype=dtype)


@operator("Trilu", valued=(1,))
def triangle(op: Imported, x: Value, k: Value = None) -> Value:
    """What is above or below a diagonal."""
    offset = 0 if k is None else op.numbers(1, k)[0]
    return K("Trilu", x, upper=bool(op.get("upper", 1)), k=offset)


@operator("DepthToSpace", "SpaceToDepth")
def blocks(op: Imported, x: Value) -> Value:
    """Blocks of entries moved between channels and space."""
    return K(op.operation, x, blocksize=op.need("blocksize"), mode=op.get("mode", "DCR"))


@operator("Dropout")
def dropout(op: Imported, x: Value, ratio: Value = None, training: Value = None) -> Value:
    """Outside of training everything passes."""
    active = False if training is None else bool(np.asarray(op.value(2, training)).reshape(-1)[0])
    share = op.get("ratio", 0.5) if ratio is None else float(np.asarray(op.value(1, ratio)).reshape(-1)[0])
    if active and share > 0:
        raise ImportModelError("Dropout was to be active\nfound: a random mask\ndo: export the model for evaluation")
    y = K("Identity", x)
    if op.count == 1:
        return y
    return y, K("Equal", x, x) if not isinstance(x, Tensor) else K("FullLike", x, value=True, dtype="bool")


@operator("NonZero")
def nonzero(op: Imported, x: Value) -> Value:
    """The places of what is not 0; computed on values alone."""
    (array,) = only_values(op, x)
    return np.stack(np.nonzero(np.atleast_1d(array))).astype(np.int64)
