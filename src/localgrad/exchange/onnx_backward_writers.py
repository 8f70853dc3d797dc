"""How the kinds of gradients are written, so that a gradient is a plain ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_kinds import writes
from localgrad.exchange.onnx_writers import cut, reduce_by, window
from localgrad.graph.spec import is_static


def zeros(sheet: Any, shape: str, dtype: Any) -> str:
    """Zeros in a shape."""
    found: str = sheet.add("Expand", sheet.constant(0, dtype), shape)
    return found


def places_of(sheet: Any, shape: str) -> str:
    """The number of each entry of a shape, in that shape."""
    count = sheet.add("ReduceProd", shape, keepdims=0)
    numbers = sheet.add("Range", sheet.constant(0, np.int64), count, sheet.constant(1, np.int64))
    found: str = sheet.add("Reshape", numbers, shape)
    return found


def put(sheet: Any, values: str, places: str, shape: str, dtype: Any, out: str) -> None:
    """Zeros in a shape, with values added at the numbers of entries."""
    flat = zeros(sheet, sheet.add("Reshape", sheet.add("ReduceProd", shape, keepdims=0), sheet.integers(1)), dtype)
    where, what = (sheet.add("Reshape", each, sheet.integers(-1)) for each in (places, values))
    summed = sheet.add("ScatterElements", flat, where, what, axis=0, reduction="add")
    sheet.add("Reshape", summed, shape, out=out)


@writes("Unslice", since=16)
def unslice(sheet: Any, kind: Any, use: Any) -> None:
    """What a slice picks of the numbers of entries says where its gradient goes."""
    shape, extents = use.shape_to(1)
    places = cut(sheet, places_of(sheet, shape), len(extents), kind.index)
    put(sheet, use.value(0), places, shape, use.spec.dtype, use.out)


@writes("ScatterAdd", since=16)
def scatter_add(sheet: Any, kind: Any, use: Any) -> None:
    """What a gather picks of the numbers of entries says where its gradient goes."""
    shape, _ = use.shape_to(2)
    places = sheet.add("Gather", places_of(sheet, shape), use.value(1, np.int64), axis=kind.axis)
    put(sheet, use.value(0), places, shape, use.spec.dtype, use.out)


@writes("AddAlongAxis", since=16)
def add_along_axis(sheet: Any, kind: Any, use: Any) -> None:
    """The same along an axis."""
    shape, extents = use.shape_to(2)
    indices = sheet.add("Expand", use.value(1, np.int64), sheet.shape_of(use.value(0), use.spec_of(0).shape))
    places = sheet.add("GatherElements", places_of(sheet, shape), indices, axis=kind.axis % len(extents))
    put(sheet, use.value(0), places, shape, use.spec.dtype, use.out)


@writes("CrossEntropyGradient")
def cross_entropy_gradient(sheet: Any, kind: Any, use: Any) -> None:
    """Probabilities less one at the label, times a factor for each row."""
    axis = kind.axis % use.spec.ndim
    dtype = use.spec.dtype
    p, labels = use.value(0), use.value(1, np.int64)
    classes = sheet.add("Gather", sheet.add("Shape", p), sheet.constant(axis, np.int64), axis=0)
    one = sheet.add("OneHot", labels, classes, sheet.constant([0, 1], dtype), axis=axis)
    scale = use.value(2, dtype)
    if use.spec_of(2).ndim:
        scale = sheet.add("Unsqueeze", scale, sheet.integers(axis))
    product = sheet.add("Mul", sheet.add("Sub", p, one), scale)
    silent = sheet.add("Equal", scale, sheet.constant(0, dtype))
    sheet.add("Where", silent, sheet.constant(0, dtype), product, out=use.out)


# windows ------------------------------------------------------------------------------------------------------------
def _static_window(kind: Any) -> bool:
    return not kind.same


@writes("ConvTranspose", fits=lambda kind: not kind.same)
def conv_transpose(sheet: Any, kind: Any, use: Any) -> None:
    """Extents like those of another tensor are reached by padding at the ends."""
    dtype = use.spec.dtype
    inputs = [use.value(index, dtype) for index in range(min(len(use), 3))]
    fields = window(kind) | {"group": kind.group}
    if not use.has(3):
        sheet.several("ConvTranspose", inputs, [use.out], output_padding=kind.output_padding or None, **fields)
        return
    rank = use.spec.ndim - 2
    y = sheet.several("ConvTranspose", inputs[:2], [sheet.fresh(f"{use.out}/reached")], **fields)[0]
    have = sheet.add("Slice", sheet.add("Shape", y), sheet.integers(2), sheet.integers(2 + rank))
    wish = sheet.add("Slice", sheet.add("Shape", use.value(3)), sheet.integers(2), sheet.integers(2 + rank))
    more = sheet.add("Sub", wish, have)
    pads = sheet.add("Concat", sheet.integers(*(0,) * (rank + 4)), more, axis=0)
    y = sheet.add("Pad", y, pads, sheet.constant(0, dtype), out=None if use.has(2) else use.out)
    if use.has(2):
        bias = sheet.add("Reshape", use.value(2, dtype), sheet.integers(1, -1, *(1,) * rank))
        sheet.add("Add", y, bias, out=use.out)


@writes("ConvWeightGradient", fits=lambda kind: not kind.same and kind.kernel_shape is not None)
def conv_weight_gradient(sheet: Any, kind: Any, use: Any) -> None:
    """A convolution of images by gradients, batch and channels exchanged; strides and dilations change places."""
    rank = use.spec.ndim - 2
    dtype = use.spec.dtype
    x, grad = use.value(0, dtype), use.value(1, dtype)
    turned = (1, 0, *range(2, rank + 2))
    group = kind.group
    fields = {"strides": kind.dilations or None, "dilations": kind.strides or None, "pads": kind.pads or None}
    images = sheet.add("Transpose", x, perm=turned)
    kernels = sheet.add("Transpose", grad, perm=turned)
    crop = [("slice", None, None, None)] * 2 + [("slice", 0, extent, None) for extent in kind.kernel_shape]
    if group == 1:
        found = sheet.add("Transpose", sheet.add("Conv", images, kernels, **fields), perm=turned)
        cut(sheet, found, rank + 2, crop, use.out)
        return
    parts = []
    for number in range(group):
        some = [_share(sheet, each, spec.shape[1], number, group) for each, spec in (
            (images, use.spec_of(0)), (kernels, use.spec_of(1)))]  # fmt: skip
        parts.append(sheet.add("Transpose", sheet.add("Conv", *some, **fields), perm=turned))
    cut(sheet, sheet.add("Concat", *parts, axis=0), rank + 2, crop, use.out)


def _share(sheet: Any, x: str, channels: Any, number: int, groups: int) -> str:
    each = channels // groups
    return cut(sheet, x, 1, (("slice", number * each, (number + 1) * each, None),))


@writes("MaxPoolGradient", since=16)
def max_pool_gradient(sheet: Any, kind: Any, use: Any) -> None:
    """MaxPool says where the largest entries stand in the flat tensor."""
    x = use.value(1)
    fields = window(kind) | {"kernel_shape": kind.kernel_shape, "ceil_mode": int(kind.ceil_mode) or None}
    names = [sheet.fresh(f"{use.out}/largest"), sheet.fresh(f"{use.out}/places")]
    sheet.several("MaxPool", [x], names, **fields)
    put(sheet, use.value(0), names[1], sheet.shape_of(x, use.spec.shape), use.spec.dtype, use.out)


@writes("MaxPoolPick")
def max_pool_pick(sheet: Any, kind: Any, use: Any) -> None:
    """The values at those places."""
    x = use.value(1)
    fields = window(kind) | {"kernel_shape": kind.kernel_shape, "ceil_mode": int(kind.ceil_mode) or None}
    names = [sheet.fresh(f"{use.out}/largest"), sheet.fresh(f"{use.out}/places")]
    sheet.several("MaxPool", [x], names, **fields)
    flat = sheet.add("Reshape", use.value(0), sheet.integers(-1))
    sheet.add("Gather", flat, names[1], out=use.out, axis=0)


@writes("AveragePoolGradient", fits=lambda kind: not kind.same and not kind.ceil_mode and is_static(kind.spatial or ()))
def average_pool_gradient(sheet: Any, kind: Any, use: Any) -> None:
    """Shares spread by a kernel of ones, channel by channel."""
    rank = use.spec.ndim - 2
    dtype = use.spec.dtype
    kernel = kind.kernel_shape
    ones = sheet.constant(np.ones((1, 1, *kernel)), dtype)
    grad = use.value(0, dtype)
    like = sheet.shape_of(use.out, use.spec.shape) if is_static(use.spec.shape) else None
    if like is None:
        like = sheet.add("Shape", use.value(1)) if use.has(1) else sheet.extents(use.spec.shape)
    fields = window(kind)
    if kind.count_include_pad:
        share = sheet.add("Div", grad, sheet.constant(float(np.prod(kernel)), dtype))
    else:
        one_image = sheet.add("Concat", sheet.integers(1, 1), _spatial(sheet, like, rank), axis=0)
        seen = sheet.add("Conv", sheet.add("Expand", sheet.constant(1, dtype), one_image), ones, **fields)
        share = sheet.add("Div", grad, seen)
    single = sheet.add("Concat", sheet.integers(-1, 1), _spatial(sheet, sheet.add("Shape", share), rank), axis=0)
    spread = sheet.add("ConvTranspose", sheet.add("Reshape", share, single), ones, **fields)
    more = sheet.add("Sub", _spatial(sheet, like, rank), _spatial(sheet, sheet.add("Shape", spread), rank))
    pads = sheet.add("Concat", sheet.integers(*(0,) * (rank + 4)), more, axis=0)
    padded = sheet.add("Pad", spread, pads, sheet.constant(0, dtype))
    sheet.add("Reshape", padded, like, out=use.out)


def _spatial(sheet: Any, shape: str, rank: int) -> str:
    found: str = sheet.add("Slice", shape, sheet.integers(2), sheet.integers(2 + rank))
    return found


@writes("Undiagonal", since=16)
def undiagonal(sheet: Any, kind: Any, use: Any) -> None:
    """Ones on the diagonal times the entries, for the two last axes."""
    shape, extents = use.shape_to(1)
    rank = len(extents)
    first, second = kind.axis1 % rank, kind.axis2 % rank
    rows, columns = extents[first], extents[second]
    count = min(rows + min(kind.offset, 0), columns - max(kind.offset, 0))
    order = [axis for axis in range(rank) if axis not in (first, second)] + [first, second]
    turned = sheet.add("Transpose", places_of(sheet, shape), perm=tuple(order))
    flat = sheet.add("Reshape", turned, sheet.extents([*(extents[axis] for axis in order[:-2]), -1]))
    start = max(kind.offset, 0) - min(kind.offset, 0) * columns
    at = sheet.constant(start + np.arange(count) * (columns + 1), np.int64)
    put(sheet, use.value(0), sheet.add("Gather", flat, at, axis=rank - 2), shape, use.spec.dtype, use.out)


__all__ = ["places_of", "put", "reduce_by", "zeros"]
