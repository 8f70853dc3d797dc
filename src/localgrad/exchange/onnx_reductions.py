"""Operators that take axes together, run along one, or order entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_arithmetic import K, cast, dtype_of, is_integer
from localgrad.exchange.onnx_imported import Imported, only_values, operator
from localgrad.graph.kind import Value
from localgrad.nodes.base import rank_of

KINDS = {
    "ReduceSum": "Sum", "ReduceMean": "Mean", "ReduceMax": "ReduceMax", "ReduceMin": "ReduceMin", "ReduceProd": "Prod",
    "ReduceL1": "ReduceL1", "ReduceL2": "ReduceL2", "ReduceLogSumExp": "LogSumExp",
}  # fmt: skip


def reduced(op: Imported, inputs: tuple[Value, ...]) -> Any:
    """The axes a reduction takes together and whether they stay; None where it takes none."""
    x = inputs[0]
    axes = op.items(1, inputs, "axes")
    keep = bool(op.get("keepdims", 1))
    if axes is None or len(axes) == 0:
        if op.get("noop_with_empty_axes", 0):
            return None
        return None if rank_of(x) == 0 and keep else {"axis": tuple(range(rank_of(x))), "keepdims": keep}
    return {"axis": tuple(sorted(int(each) % rank_of(x) for each in axes)), "keepdims": keep}


@operator(*KINDS, "ReduceSumSquare", "ReduceLogSum", valued=(1,))
def reduction(op: Imported, *inputs: Value) -> Value:
    """Sums, means, products, norms and the largest and smallest."""
    x, name = inputs[0], op.operation
    fields = reduced(op, inputs)
    if name == "ReduceSumSquare":
        x = x * x
    if name in ("ReduceSumSquare", "ReduceLogSum"):
        total = x if fields is None else cast(K("Sum", x, **fields), dtype_of(x))
        return K("Log", total) if name == "ReduceLogSum" else total
    if fields is None:
        return K("Abs", x) if name in ("ReduceL1", "ReduceL2") else K("Identity", x)
    if is_integer(x) and name in ("ReduceMean", "ReduceL2", "ReduceLogSumExp"):
        return cast(K(KINDS[name], cast(x, np.float64), **fields), dtype_of(x))
    y = K(KINDS[name], x, **fields)
    return cast(y, dtype_of(x)) if dtype_of(x).kind != "b" else y


@operator("ArgMax", "ArgMin")
def extreme_position(op: Imported, x: Value) -> Value:
    """Where the largest or smallest entry stands: the first, or the last of several."""
    axis, keep = op.get("axis", 0) % rank_of(x), bool(op.get("keepdims", 1))
    if not op.get("select_last_index", 0):
        return K(op.operation, x, axis=axis, keepdims=keep)
    last = K(op.operation, K("Flip", x, axis=(axis,)), axis=axis, keepdims=keep)
    return (x.shape[axis] - 1) - last


@operator("CumSum", "CumProd", valued=(1,))
def running(op: Imported, x: Value, axis: Value) -> Value:
    """Running sums and products."""
    (along,) = op.numbers(1, axis)
    fields = {"exclusive": bool(op.get("exclusive", 0)), "reverse": bool(op.get("reverse", 0))}
    return cast(K(op.operation, x, axis=along % rank_of(x), **fields), dtype_of(x))


@operator("Softmax", "LogSoftmax", since=13)
def softmax(op: Imported, x: Value) -> Value:
    """Along one axis."""
    return K(op.operation, x, axis=op.get("axis", -1))


@operator("Softmax", "LogSoftmax", "Hardmax")
def flat_softmax(op: Imported, x: Value) -> Value:
    """In old versions over all axes from one on."""
    axis = op.get("axis", 1) % max(rank_of(x), 1)
    if axis == rank_of(x) - 1:
        return _hardmax(x, axis) if op.operation == "Hardmax" else K(op.operation, x, axis=-1)
    flat = K("Reshape", x, shape_to=(*x.shape[:axis], -1))
    y = _hardmax(flat, -1) if op.operation == "Hardmax" else K(op.operation, flat, axis=-1)
    return K("Reshape", y, shape_to=tuple(x.shape))


@operator("Hardmax", since=13)
def hardmax(op: Imported, x: Value) -> Value:
    """1 at the first largest entry of an axis."""
    return _hardmax(x, op.get("axis", -1))


def _hardmax(x: Value, axis: int) -> Value:
    axis = axis % rank_of(x)
    first = K("ArgMax", x, axis=axis, keepdims=True)
    places = np.arange(int(x.shape[axis])).reshape(*[1] * axis, -1, *[1] * (rank_of(x) - axis - 1))
    return cast(K("Equal", first, places), dtype_of(x))


@operator("TopK", valued=(1,))
def top_k(op: Imported, x: Value, k: Value = None) -> Value:
    """The largest or smallest entries of an axis with their places."""
    count = op.get("k") if k is None else op.numbers(1, k)[0]
    return K(
        "TopK",
        x,
        axis=op.get("axis", -1),
        k=count,
        largest=bool(op.get("largest", 1)),
        sorted=bool(op.get("sorted", 1)),
    )


@operator("LpNormalization")
def unit_length(op: Imported, x: Value) -> Value:
    """Divided by the length along an axis."""
    axis = op.get("axis", -1) % rank_of(x)
    norm = K("ReduceL1" if op.get("p", 2) == 1 else "ReduceL2", x, axis=(axis,), keepdims=True)
    return K("Where", K("Equal", norm, 0.0), 0.0, x / norm)


@operator("MeanVarianceNormalization")
def standardized(op: Imported, x: Value) -> Value:
    """Mean 0 and variance 1 over axes."""
    axes = tuple(sorted(each % rank_of(x) for each in op.get("axes", (0, 2, 3))))
    centered = x - K("Mean", x, axis=axes, keepdims=True)
    return centered / (K("Sqrt", K("Mean", centered * centered, axis=axes, keepdims=True)) + 1e-9)


@operator("Unique")
def unique(op: Imported, x: Value) -> Value:
    """Different entries or slices, with first places, inverse and counts; computed on values alone."""
    (array,) = only_values(op, x)
    axis = op.get("axis")
    y, first, inverse, counts = np.unique(array, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.reshape(-1)
    if not op.get("sorted", 1):
        order = np.argsort(first)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        y = np.take(y, order, axis=axis or 0)
        first, counts, inverse = first[order], counts[order], back[inverse]
    return y, *(each.astype(np.int64) for each in (first, inverse, counts))
