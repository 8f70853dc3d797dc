"""How kinds that are not entry by entry are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_kinds import writes
from localgrad.exchange.onnx_package import NUMBER_OF
from localgrad.graph.spec import is_static, same_extent
from localgrad.nodes.slicing import without_ellipsis


@writes("Where")
def where(sheet: Any, kind: Any, use: Any) -> None:
    """The condition keeps its dtype."""
    sheet.add("Where", use.value(0, np.bool_), use.value(1, use.spec.dtype), use.value(2, use.spec.dtype), out=use.out)


@writes("Max", "Min")
def outermost(sheet: Any, kind: Any, use: Any) -> None:
    """Of any number of inputs."""
    sheet.add(kind.name, *use.all(use.spec.dtype), out=use.out)


@writes("Clip")
def clip(sheet: Any, kind: Any, use: Any) -> None:
    """Bounds that are no numbers, and a low one above the high one, need the two operators it is made of."""
    x = use.value(0, use.spec.dtype)
    if use.has(1):
        x = sheet.add("Max", x, use.value(1, use.spec.dtype), out=None if use.has(2) else use.out)
    if use.has(2):
        sheet.add("Min", x, use.value(2, use.spec.dtype), out=use.out)
    elif not use.has(1):
        sheet.add("Identity", x, out=use.out)


@writes("MatMul")
def matmul(sheet: Any, kind: Any, use: Any) -> None:
    """The matrix product."""
    sheet.add("MatMul", *use.all(use.spec.dtype), out=use.out)


@writes("Einsum")
def einsum(sheet: Any, kind: Any, use: Any) -> None:
    """Products summed by labels."""
    sheet.add("Einsum", *use.all(use.spec.dtype), out=use.out, equation=kind.equation)


@writes("Identity", "StopGradient")
def identity(sheet: Any, kind: Any, use: Any) -> None:
    """The value itself."""
    sheet.add("Identity", use.value(0), out=use.out)


@writes("Branch")
def branch(sheet: Any, kind: Any, use: Any) -> None:
    """One copy for each output."""
    for out in use.outs:
        sheet.add("Identity", use.value(0), out=out)


@writes("Cast")
def cast(sheet: Any, kind: Any, use: Any) -> None:
    """Another dtype."""
    sheet.add("Cast", use.value(0), out=use.out, to=NUMBER_OF[np.dtype(kind.dtype).name])


@writes("Size")
def size(sheet: Any, kind: Any, use: Any) -> None:
    """A product of extents."""
    shape = sheet.add("Shape", use.value(0))
    rank = use.spec_of(0).ndim
    axes = range(rank) if kind.axis is None else [axis % rank for axis in kind.axis]
    some = sheet.add("Gather", shape, sheet.integers(*axes), axis=0)
    count = sheet.add("ReduceProd", some, keepdims=0)
    sheet.add("Cast", count, out=use.out, to=NUMBER_OF[use.spec.dtype.name])


@writes("FullLike")
def full_like(sheet: Any, kind: Any, use: Any) -> None:
    """A number in every place."""
    shape = sheet.shape_of(use.value(0), use.spec.shape)
    sheet.add("Expand", sheet.constant(kind.value, use.spec.dtype), shape, out=use.out)


REDUCTIONS = {
    "Sum": "ReduceSum", "Mean": "ReduceMean", "ReduceMax": "ReduceMax", "ReduceMin": "ReduceMin", "Prod": "ReduceProd",
    "ReduceL1": "ReduceL1", "ReduceL2": "ReduceL2", "LogSumExp": "ReduceLogSumExp",
}  # fmt: skip


def reduce_by(sheet: Any, operator: str, x: str, axes: list[int], keep: bool, out: str | None = None) -> str:
    """A reduction, whose axes are an attribute or an input by its version."""
    if not axes:
        found: str = sheet.add("Identity", x, out=out)
    elif operator == "ReduceSum" or sheet.opset >= 18:
        found = sheet.add(operator, x, sheet.integers(*axes), out=out, keepdims=int(keep))
    else:
        found = sheet.add(operator, x, out=out, axes=tuple(axes), keepdims=int(keep))
    return found


@writes(*REDUCTIONS)
def reduction(sheet: Any, kind: Any, use: Any) -> None:
    """Axes taken together."""
    rank = use.spec_of(0).ndim
    axes = list(range(rank)) if kind.axis is None else [axis % rank for axis in kind.axis]
    reduce_by(sheet, REDUCTIONS[kind.name], use.value(0, use.spec.dtype), axes, kind.keepdims, use.out)


@writes("ReduceAny", "ReduceAll")
def truth(sheet: Any, kind: Any, use: Any) -> None:
    """The largest or smallest of 0 and 1."""
    rank = use.spec_of(0).ndim
    axes = list(range(rank)) if kind.axis is None else [axis % rank for axis in kind.axis]
    number = sheet.cast(use.value(0, np.bool_), np.bool_, np.int32)
    found = reduce_by(sheet, "ReduceMax" if kind.name == "ReduceAny" else "ReduceMin", number, axes, kind.keepdims)
    sheet.add("Cast", found, out=use.out, to=NUMBER_OF["bool"])


@writes("ArgMax", "ArgMin")
def position(sheet: Any, kind: Any, use: Any) -> None:
    """Along one axis, or in the flat tensor."""
    axis, x = kind.axis, use.value(0)
    if isinstance(axis, tuple):
        axis = axis[0] if axis else None
    if axis is None:
        flat = sheet.add("Reshape", x, sheet.integers(-1))
        found = sheet.add(kind.name, flat, axis=0, keepdims=0)
        sheet.add("Reshape", found, sheet.integers(*(1,) * use.spec.ndim), out=use.out)
    else:
        sheet.add(kind.name, x, out=use.out, axis=int(axis), keepdims=int(kind.keepdims))


@writes("CumSum")
def running(sheet: Any, kind: Any, use: Any) -> None:
    """Running sums."""
    sheet.add(
        "CumSum", use.value(0, use.spec.dtype), sheet.constant(kind.axis % use.spec.ndim, np.int64), out=use.out,
        exclusive=int(kind.exclusive), reverse=int(kind.reverse),
    )  # fmt: skip


@writes("Softmax", "LogSoftmax")
def softmax(sheet: Any, kind: Any, use: Any) -> None:
    """Along one axis."""
    sheet.add(kind.name, use.value(0, use.spec.dtype), out=use.out, axis=kind.axis)


@writes("Gelu", since=20)
def gelu(sheet: Any, kind: Any, use: Any) -> None:
    """Exact or approximated."""
    sheet.add("Gelu", use.value(0), out=use.out, approximate=kind.approximate)


@writes("LayerNormalization", since=17)
def layer_normalization(sheet: Any, kind: Any, use: Any) -> None:
    """Where no scale is given it is 1."""
    x = use.spec_of(0)
    axis = kind.axis % x.ndim
    shape = x.shape[axis:]
    scale = use.value(1, use.spec.dtype)
    if not scale:
        if is_static(shape):
            scale = sheet.constant(np.ones(shape), use.spec.dtype)
        else:
            scale = sheet.add("Expand", sheet.constant(1, use.spec.dtype), sheet.extents(shape))
    inputs = [use.value(0, use.spec.dtype), scale, use.value(2, use.spec.dtype) if len(use) > 2 else ""]
    sheet.several("LayerNormalization", inputs, [use.out], axis=axis, epsilon=float(kind.epsilon))


@writes("BatchNormalization", since=15, fits=lambda kind: not kind.training)
def batch_normalization(sheet: Any, kind: Any, use: Any) -> None:
    """By running statistics."""
    sheet.add("BatchNormalization", *use.all(use.spec.dtype), out=use.out, epsilon=float(kind.epsilon))


# shapes -------------------------------------------------------------------------------------------------------------
@writes("Reshape")
def reshape(sheet: Any, kind: Any, use: Any) -> None:
    """A shape of numbers, of named extents, or that of another tensor."""
    shape, extents = use.shape_to(1)
    empty = is_static(extents) and 0 in extents
    sheet.add("Reshape", use.value(0), shape, out=use.out, allowzero=1 if empty and sheet.opset >= 14 else None)


@writes("Repeat")
def repeat(sheet: Any, kind: Any, use: Any) -> None:
    """Broadcast."""
    sheet.add("Expand", use.value(0), use.shape_to(1)[0], out=use.out)


@writes("SumTo")
def sum_to(sheet: Any, kind: Any, use: Any) -> None:
    """Summed over the axes that are 1 or missing in the smaller shape."""
    _, small = use.shape_to(1)
    large = use.spec_of(0).shape
    lead = len(large) - len(small)
    ones = [
        lead + axis
        for axis, extent in enumerate(small)
        if same_extent(extent, 1) and not same_extent(large[lead + axis], 1)
    ]
    x = reduce_by(sheet, "ReduceSum", use.value(0), list(range(lead)), False)
    reduce_by(sheet, "ReduceSum", x, [axis - lead for axis in ones], True, use.out)


@writes("Transpose")
def transpose(sheet: Any, kind: Any, use: Any) -> None:
    """Axes in another order."""
    rank = use.spec.ndim
    order = tuple(reversed(range(rank))) if kind.axes is None else tuple(axis % rank for axis in kind.axes)
    sheet.add("Transpose", use.value(0), out=use.out, perm=order)


@writes("Squeeze")
def squeeze(sheet: Any, kind: Any, use: Any) -> None:
    """Without axes of length 1."""
    shape = use.spec_of(0).shape
    axes = [a for a, e in enumerate(shape) if same_extent(e, 1)] if kind.axis is None else kind.axis
    axes = axes if isinstance(axes, (tuple, list)) else (axes,)
    if len(axes):
        sheet.add("Squeeze", use.value(0), sheet.integers(*axes), out=use.out)
    else:
        sheet.add("Identity", use.value(0), out=use.out)


@writes("Unsqueeze")
def unsqueeze(sheet: Any, kind: Any, use: Any) -> None:
    """With axes of length 1."""
    sheet.add("Unsqueeze", use.value(0), sheet.integers(*kind.axis), out=use.out)


@writes("Concat")
def concat(sheet: Any, kind: Any, use: Any) -> None:
    """One after another."""
    sheet.add("Concat", *use.all(use.spec.dtype), out=use.out, axis=kind.axis)


@writes("Stack")
def stack(sheet: Any, kind: Any, use: Any) -> None:
    """Along a new axis."""
    axis = kind.axis % use.spec.ndim
    parts = [sheet.add("Unsqueeze", each, sheet.integers(axis)) for each in use.all(use.spec.dtype)]
    sheet.add("Concat", *parts, out=use.out, axis=axis)


@writes("Split")
def split(sheet: Any, kind: Any, use: Any) -> None:
    """Into sizes that are known, or like those of other tensors."""
    axis = kind.axis % use.spec.ndim
    sizes = [t.spec.shape[axis] for t in use.node._outputs]
    if len(use) > 1:
        each = [sheet.add("Gather", sheet.add("Shape", use.value(n)), sheet.integers(axis), axis=0) for n in
                range(1, len(use))]  # fmt: skip
        wanted = sheet.add("Concat", *each, axis=0)
    else:
        wanted = sheet.extents(sizes)
    sheet.several("Split", [use.value(0), wanted], use.outs, axis=axis)


@writes("Slice")
def slice_(sheet: Any, kind: Any, use: Any) -> None:
    """A part of each axis; numbers and new axes come after."""
    cut(sheet, use.value(0), use.spec_of(0).ndim, kind.index, use.out)


LARGEST = 2**62


def cut(sheet: Any, x: str, rank: int, index: Any, out: str | None = None) -> str:
    """A stored index as Slice, Squeeze and Unsqueeze."""
    items = without_ellipsis(tuple(index), rank)
    starts, ends, axes, steps, gone, new = [], [], [], [], [], []
    axis = place = 0
    for item in items:
        if isinstance(item, str):
            new.append(place)
            place += 1
            continue
        if isinstance(item, (tuple, list)):
            step = 1 if item[3] is None else item[3]
            if not all(each is None for each in item[1:]):
                starts.append((0 if step > 0 else LARGEST) if item[1] is None else item[1])
                ends.append((LARGEST if step > 0 else -LARGEST) if item[2] is None else item[2])
                axes.append(axis)
                steps.append(step)
            place += 1
        else:
            starts.append(item)
            ends.append(LARGEST if is_static((item,)) and item == -1 else item + 1)
            axes.append(axis)
            steps.append(1)
            gone.append(axis)
        axis += 1
    if axes:
        x = sheet.add(
            "Slice", x, sheet.extents(starts), sheet.extents(ends), sheet.integers(*axes), sheet.integers(*steps)
        )
    if gone:
        x = sheet.add("Squeeze", x, sheet.integers(*gone))
    if new:
        x = sheet.add("Unsqueeze", x, sheet.integers(*new))
    found: str = sheet.add("Identity", x, out=out) if out else x
    return found


MODES = {"constant": 13, "edge": 13, "reflect": 13, "wrap": 19}


@writes("Pad", fits=lambda kind: kind.mode in ("constant", "edge", "reflect"))
def pad(sheet: Any, kind: Any, use: Any) -> None:
    """Entries around."""
    pads = [before for before, _ in kind.pads] + [after for _, after in kind.pads]
    value = [sheet.constant(kind.value, use.spec.dtype)] if kind.mode == "constant" else []
    sheet.add("Pad", use.value(0), sheet.extents(pads), *value, out=use.out, mode=kind.mode)


@writes("Unpad", fits=lambda kind: kind.mode == "constant")
def unpad(sheet: Any, kind: Any, use: Any) -> None:
    """Entries around, cropped."""
    pads = [-1 * before for before, _ in kind.pads] + [-1 * after for _, after in kind.pads]
    sheet.add("Pad", use.value(0), sheet.extents(pads), sheet.constant(0, use.spec.dtype), out=use.out, mode="constant")


@writes("Tile")
def tile(sheet: Any, kind: Any, use: Any) -> None:
    """Copies side by side."""
    sheet.add("Tile", use.value(0), sheet.extents(kind.repeats), out=use.out)


@writes("Trilu", since=14)
def triangle(sheet: Any, kind: Any, use: Any) -> None:
    """Above or below a diagonal."""
    sheet.add("Trilu", use.value(0), sheet.constant(kind.k, np.int64), out=use.out, upper=int(kind.upper))


@writes("Flip")
def flip(sheet: Any, kind: Any, use: Any) -> None:
    """Axes the other way round."""
    rank = use.spec.ndim
    axes = range(rank) if kind.axis is None else [axis % rank for axis in kind.axis]
    index = [("slice", None, None, -1 if axis in axes else None) for axis in range(rank)]
    cut(sheet, use.value(0), rank, index, use.out)


# windows ------------------------------------------------------------------------------------------------------------
def window(kind: Any) -> dict[str, Any]:
    """The attributes windows share."""
    return {
        "strides": kind.strides or None,
        "pads": (kind.pads or None) if kind.auto_pad == "NOTSET" else None,
        "dilations": kind.dilations or None,
        "auto_pad": None if kind.auto_pad == "NOTSET" else kind.auto_pad,
    }


@writes("Conv")
def conv(sheet: Any, kind: Any, use: Any) -> None:
    """A kernel sliding over images."""
    sheet.add("Conv", *use.all(use.spec.dtype), out=use.out, group=kind.group, **window(kind))


@writes("MaxPool", "AveragePool", since=13)
def pool(sheet: Any, kind: Any, use: Any) -> None:
    """Windows over images."""
    fields = window(kind) | {"kernel_shape": kind.kernel_shape, "ceil_mode": int(kind.ceil_mode) or None}
    if kind.name == "AveragePool":
        fields["count_include_pad"] = int(kind.count_include_pad)
        if sheet.opset < 19:
            fields["dilations"] = None
    sheet.add(kind.name, use.value(0), out=use.out, **fields)


# picking ------------------------------------------------------------------------------------------------------------
@writes("Gather")
def gather(sheet: Any, kind: Any, use: Any) -> None:
    """Slices of an axis."""
    sheet.add("Gather", use.value(0), use.value(1, np.int64), out=use.out, axis=kind.axis)


@writes("TakeAlongAxis")
def take_along_axis(sheet: Any, kind: Any, use: Any) -> None:
    """Entries along an axis; NumPy broadcasts the other axes, ONNX does not."""
    axis = kind.axis % use.spec.ndim
    x, indices = use.value(0), use.value(1, np.int64)
    mine, theirs = use.spec_of(0).shape, use.spec_of(1).shape
    wanted = sheet.shape_of(use.value(0), mine)
    if any(place != axis and not same_extent(theirs[place], mine[place]) for place in range(len(mine))):
        ones = sheet.integers(*(1 if place == axis else 0 for place in range(len(mine))))
        mask = sheet.add("Equal", ones, sheet.integers(1))
        own = sheet.shape_of(indices, theirs)
        indices = sheet.add("Expand", indices, sheet.add("Where", mask, own, wanted))
    sheet.add("GatherElements", x, indices, out=use.out, axis=axis)
