"""Operators that slide windows, pool, and resize images."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_arithmetic import K, cast, dtype_of
from localgrad.exchange.onnx_imported import Imported, UnknownValueError, only_values, operator
from localgrad.exchange.onnx_resampling import resampled
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.spec import is_static
from localgrad.nodes.base import rank_of, shape_of


def window(op: Imported, rank: int) -> dict[str, Any]:
    """The fields that windows share."""
    automatic = op.get("auto_pad", "NOTSET") or "NOTSET"
    pads = tuple(op.get("pads") or ())
    return {
        "strides": tuple(op.get("strides") or ()),
        "pads": pads if automatic == "NOTSET" and any(pads) else (),
        "dilations": tuple(op.get("dilations") or ()),
        "auto_pad": automatic,
    }


@operator("Conv")
def conv(op: Imported, x: Value, w: Value, b: Value = None) -> Value:
    """A kernel sliding over images."""
    fields = window(op, rank_of(w) - 2)
    inputs = (x, w) if b is None else (x, w, b)
    return K("Conv", *inputs, group=op.get("group", 1), **fields)


@operator("ConvTranspose")
def conv_transpose(op: Imported, x: Value, w: Value, b: Value = None) -> Value:
    """A kernel added where its window would stand."""
    rank = rank_of(w) - 2
    fields = window(op, rank)
    more = tuple(op.get("output_padding") or ())
    wanted = op.get("output_shape")
    inputs = (x, w) if b is None else (x, w, b)
    group = op.get("group", 1)
    automatic = fields["auto_pad"]
    if wanted is None and not automatic.startswith("SAME"):
        return K("ConvTranspose", *inputs, group=group, **fields, output_padding=more if any(more) else ())
    spatial, kernel = shape_of(x)[2:], shape_of(w)[2:]
    if not is_static((*spatial, *kernel)):
        raise UnknownValueError("ConvTranspose to given extents, from named ones")
    steps = fields["strides"] or (1,) * rank
    spacings = fields["dilations"] or (1,) * rank
    more = more or (0,) * rank
    wanted = tuple(wanted)[-rank:] if wanted is not None else tuple(a * b for a, b in zip(spatial, steps, strict=True))
    before, after, extra = [], [], []
    for place in range(rank):
        reach = (kernel[place] - 1) * spacings[place] + 1
        total = steps[place] * (spatial[place] - 1) + more[place] + reach - wanted[place]
        half = total // 2 if total > 0 else 0
        rest = max(total, 0) - half
        first, last = (half, rest) if automatic != "SAME_LOWER" else (rest, half)
        before.append(first)
        after.append(last)
        extra.append(more[place] + max(-total, 0))
    fields |= {"auto_pad": "NOTSET", "pads": (*before, *after)}
    missing = [max(0, each - max(step, gap) + 1) for each, step, gap in zip(extra, steps, spacings, strict=True)]
    padding = tuple(each - less for each, less in zip(extra, missing, strict=True))
    y = K("ConvTranspose", *inputs, group=group, **fields, output_padding=padding if any(padding) else ())
    if not any(missing):
        return y
    if b is not None:
        raise ImportModelError("ConvTranspose far beyond what its kernel reaches, with a bias")
    return K("Pad", y, pads=((0, 0), (0, 0), *((0, each) for each in missing)))


@operator("MaxPool", "AveragePool")
def pool(op: Imported, x: Value) -> Value:
    """The largest entry or the mean of each window."""
    kernel = tuple(op.need("kernel_shape"))
    fields = window(op, len(kernel)) | {"kernel_shape": kernel, "ceil_mode": bool(op.get("ceil_mode", 0))}
    if op.operation == "AveragePool":
        return K("AveragePool", x, **fields, count_include_pad=bool(op.get("count_include_pad", 0)))
    y = K("MaxPool", x, **fields)
    return y if op.count == 1 else (y, _positions(op, x, kernel, fields))


def _positions(op: Imported, x: Value, kernel: tuple[int, ...], fields: dict[str, Any]) -> Any:
    """Where the largest entry of each window stands in the flat tensor; computed on values alone."""
    from itertools import product

    from localgrad.nodes.pooling import MaxPool

    (array,) = only_values(op, x)
    spatial = array.shape[2:]
    numbers = np.arange(array.size).reshape(array.shape)
    if op.get("storage_order", 0):
        inner = np.arange(int(np.prod(spatial))).reshape(spatial[::-1]).transpose()
        numbers = (
            np.arange(int(np.prod(array.shape[:2]))).reshape(*array.shape[:2], *(1,) * len(spatial))
            * int(np.prod(spatial))
            + inner
        )
    counts, taps = MaxPool.make(**fields).taps(spatial)
    low = -np.inf if array.dtype.kind == "f" else np.iinfo(array.dtype).min
    best = np.full((*array.shape[:2], *counts), low, array.dtype)
    found = np.full(best.shape, -1, np.int64)
    for spot in product(*taps):
        places: Any = (..., *(each for each, _ in spot))
        entries: Any = (..., *(each for _, each in spot))
        better = (array[entries] > best[places]) | (found[places] < 0)
        best[places] = np.where(better, array[entries], best[places])
        found[places] = np.where(better, numbers[entries], found[places])
    return found


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(op: Imported, x: Value) -> Value:
    """Over all of each channel."""
    axes = tuple(range(2, rank_of(x)))
    return K("Mean" if op.operation == "GlobalAveragePool" else "ReduceMax", x, axis=axes, keepdims=True)


@operator("LpPool")
def norm_pool(op: Imported, x: Value) -> Value:
    """The norm of each window."""
    kernel, p = tuple(op.need("kernel_shape")), float(op.get("p", 2))
    fields = window(op, len(kernel)) | {"kernel_shape": kernel, "ceil_mode": bool(op.get("ceil_mode", 0))}
    count = float(np.prod(kernel))
    mean = K("AveragePool", K("Pow", K("Abs", x), p), **fields, count_include_pad=True)
    return K("Pow", mean * count, 1.0 / p)


@operator("GlobalLpPool")
def global_norm_pool(op: Imported, x: Value) -> Value:
    """The norm of each channel."""
    p = float(op.get("p", 2))
    axes = tuple(range(2, rank_of(x)))
    return K("Pow", K("Sum", K("Pow", K("Abs", x), p), axis=axes, keepdims=True), 1.0 / p)


@operator("LRN")
def local_response(op: Imported, x: Value) -> Value:
    """Divided by a mean over neighbouring channels."""
    width = op.need("size")
    before = (width - 1) // 2
    squares = x * x
    rank = rank_of(x)
    padded = K("Pad", squares, pads=((0, 0), (before, width - 1 - before), *((0, 0),) * (rank - 2)))
    total: Value = None
    channels = shape_of(x)[1]
    for place in range(width):
        index = (("slice", None, None, None), ("slice", place, place + channels, None))
        part = K("Slice", padded, index=index)
        total = part if total is None else total + part
    scale = op.get("bias", 1.0) + (op.get("alpha", 1e-4) / width) * total
    return x / K("Pow", scale, float(op.get("beta", 0.75)))


PLAIN = frozenset(("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"))
"""The ways from a new place to an old one that our kind Resize has."""


@operator("Resize", "Upsample", valued=(1, 2, 3))
def resize(op: Imported, *inputs: Value) -> Value:
    """More or fewer entries along axes, by scales or to sizes."""
    x, rank = inputs[0], rank_of(inputs[0])
    axes = tuple(each % rank for each in op.get("axes", range(rank)))
    old = op.operation == "Upsample" or op.version < 11
    place_of_scales, place_of_sizes = (1, 9) if old else (2, 3)
    scales = op.get("scales")
    if scales is None and len(inputs) > place_of_scales and inputs[place_of_scales] is not None:
        scales = tuple(float(each) for each in op.array(place_of_scales, inputs[place_of_scales]).reshape(-1)) or None
    sizes = None
    if len(inputs) > place_of_sizes and inputs[place_of_sizes] is not None:
        sizes = op.numbers(place_of_sizes, inputs[place_of_sizes])
    mode = op.get("mode", "nearest")
    where = "asymmetric" if old else op.get("coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else op.get("nearest_mode", "round_prefer_floor")
    policy = op.get("keep_aspect_ratio_policy", "stretch")
    given = scales if sizes is None else sizes
    if given is None:
        raise ImportModelError(f"{op.operation} has neither scales nor sizes")
    plain = mode in ("nearest", "linear") and where in PLAIN and not op.get("antialias", 0) and policy == "stretch"
    if not plain:
        roi = op.array(1, inputs[1]).reshape(-1) if where == "tf_crop_and_resize" else None
        return resampled(op, x, axes, scales if sizes is None else None, sizes, roi, rounding)
    shape = shape_of(x)
    changed = []
    for number, axis in sorted(enumerate(axes), key=lambda pair: pair[1]):
        each = given[number]
        same = each == 1.0 if sizes is None else is_static((each, shape[axis])) and each == shape[axis]
        if not same:
            changed.append((axis, each))
    if not changed:
        return K("Identity", x)
    if where == "align_corners" and sizes is None and not all(_is_whole(shape[axis], each) for axis, each in changed):
        return resampled(op, x, axes, scales, None, None, rounding)
    fields = {
        "axes": tuple(axis for axis, _ in changed),
        "scales" if sizes is None else "sizes": tuple(each for _, each in changed),
        "mode": mode,
        "coordinate_transformation_mode": where,
        "nearest_mode": rounding,
    }
    if dtype_of(x).kind != "f" and mode == "linear":
        return cast(K("Resize", cast(x, np.float32), **fields), dtype_of(x))
    return K("Resize", x, **fields)


def _is_whole(extent: Any, scale: Any) -> bool:
    """Whether an extent times a scale is a whole number, whatever a named one will be."""
    return float(scale).is_integer() or (is_static((extent,)) and float(extent * scale).is_integer())


@operator("Col2Im", valued=(1, 2))
def col2im(op: Imported, x: Value, image: Value, block: Value) -> Value:
    """Columns added where their windows stand; computed on values alone."""
    (columns,) = only_values(op, x)
    spatial, kernel = op.numbers(1, image), op.numbers(2, block)
    rank = len(spatial)
    steps, gaps = op.get("strides") or (1,) * rank, op.get("dilations") or (1,) * rank
    pads = op.get("pads") or (0,) * (2 * rank)
    padded = [extent + pads[place] + pads[place + rank] for place, extent in enumerate(spatial)]
    counts = [(padded[place] - (kernel[place] - 1) * gaps[place] - 1) // steps[place] + 1 for place in range(rank)]
    channels = columns.shape[1] // int(np.prod(kernel))
    parts = columns.reshape(columns.shape[0], channels, *kernel, *counts)
    y = np.zeros((columns.shape[0], channels, *padded), columns.dtype)
    for tap in np.ndindex(*kernel):
        target: Any = (..., *(slice(t * g, t * g + (c - 1) * s + 1, s) for t, g, c, s in zip(tap, gaps, counts, steps)))
        y[target] += parts[(slice(None), slice(None), *tap)]
    inner: Any = (..., *(slice(pads[place], pads[place] + extent) for place, extent in enumerate(spatial)))
    return y[inner]
