"""Windows for signals, cuts about the middle, and products of quantized matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange.onnx_arithmetic import K, cast, dtype_of
from localgrad.exchange.onnx_imported import Imported, operator
from localgrad.exchange.onnx_package import DTYPE_OF
from localgrad.exchange.onnx_vision import conv
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.spec import is_static
from localgrad.nodes.base import rank_of, shape_of

WINDOWS = {
    "HannWindow": (0.5, 0.5, 0.0),
    "HammingWindow": (25 / 46, 21 / 46, 0.0),
    "BlackmanWindow": (0.42, 0.5, 0.08),
}
"""The constant and the factors of one and two cosines a window."""


@operator(*WINDOWS, valued=(0,))
def window(op: Imported, size: Value) -> NDArray[Any]:
    """A sum of cosines over so many places."""
    (count,) = op.array(0, size).reshape(-1)
    length = max(int(count) if op.get("periodic", 1) else int(count) - 1, 1)
    angle = 2 * np.pi * np.arange(int(count)) / length
    constant, one, two = WINDOWS[op.operation]
    found = constant - one * np.cos(angle) + two * np.cos(2 * angle)
    return np.asarray(found, DTYPE_OF[op.get("output_datatype", 1)])


@operator("CenterCropPad", valued=(1,))
def center_crop_pad(op: Imported, x: Value, shape: Value) -> Value:
    """The middle of a tensor, or zeros about it."""
    rank = rank_of(x)
    axes = [axis % rank for axis in op.get("axes") or range(rank)]
    wanted = op.numbers(1, shape)
    if not is_static(wanted) or not is_static([shape_of(x)[axis] for axis in axes]) or len(wanted) != len(axes):
        raise ImportModelError(f"CenterCropPad was asked for {wanted} along {axes}\nfound: shape {shape_of(x)}")
    for axis, count in zip(axes, wanted, strict=True):
        before = shape_of(x)[axis]
        if count < before:
            start = (before - count) // 2
            x = x[(slice(None),) * axis + (slice(start, start + count),)]
        elif count > before:
            start = (count - before) // 2
            parts = [x]
            for place, extent in ((0, start), (2, count - before - start)):
                if extent:
                    edge = [*shape_of(x)]
                    edge[axis] = extent
                    zeros = K("Repeat", np.zeros((), dtype_of(x)), shape_to=tuple(edge))
                    parts.insert(place, zeros)
            x = K("Concat", *parts, axis=axis)
    return x


@operator("QLinearMatMul")
def quantized_matmul(
    op: Imported, a: Value, scale_a: Value, zero_a: Value, b: Value, scale_b: Value, zero_b: Value,
    scale_y: Value, zero_y: Value,
) -> Value:  # fmt: skip
    """The product of two quantized matrices, quantized."""

    def by_rows(x: Value) -> Value:
        return K("Unsqueeze", x, axis=(-1,)) if rank_of(x) == 1 and rank_of(a) > 1 and shape_of(x) != (1,) else x

    left = cast(a, "int32") - by_rows(cast(zero_a, "int32"))
    right = cast(b, "int32") - cast(zero_b, "int32")
    factor = by_rows(cast(scale_a, "float32")) * cast(scale_b, "float32") / by_rows(cast(scale_y, "float32"))
    y = K("Round", cast(K("MatMul", left, right), "float32") * factor) + cast(zero_y, "float32")
    limits = np.iinfo(dtype_of(zero_y))
    return cast(K("Clip", y, np.float32(limits.min), np.float32(limits.max)), dtype_of(zero_y))


@operator("ConvInteger")
def integer_convolution(op: Imported, x: Value, w: Value, zero_x: Value = None, zero_w: Value = None) -> Value:
    """A convolution of small integers less their zero points; double precision holds every sum of theirs."""
    x, w = cast(x, "float64"), cast(w, "float64")
    if zero_x is not None:
        x = x - cast(zero_x, "float64")
    if zero_w is not None:
        zero = cast(zero_w, "float64")
        w = w - (K("Reshape", zero, shape_to=(-1, *[1] * (rank_of(w) - 1))) if rank_of(zero) == 1 else zero)
    return cast(conv(op, x, w), "int32")
