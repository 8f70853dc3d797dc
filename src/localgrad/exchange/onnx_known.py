"""What is known of integer tensors before a graph runs: shapes, and what is computed of shapes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from localgrad.graph.spec import Spec, Symbol, is_static, same_extent

LARGEST: Final = 4096
"""Entries of a tensor whose value is followed."""


def simplest(value: Any) -> Any:
    """A value as an array where it holds numbers alone, else as an array of objects."""
    array = np.asarray(value, dtype=object)
    if any(isinstance(each, Symbol) for each in array.reshape(-1)):
        return array
    return array.astype(np.int64)


def as_field(value: Any) -> Any:
    """A known value as a kind can hold it: an array of numbers, or a tuple of extents; None where neither fits."""
    if value is None:
        return None
    if value.dtype == object:
        return tuple(value.reshape(-1).tolist()) if value.ndim <= 1 else None
    return value


def followed(op: Any, specs: list[Any], values: list[Any]) -> Any:
    """The value of an operator's output in terms of named extents, or None where it cannot be followed.

    `values` are arrays, arrays of objects with named extents among them, or None where nothing is known.
    """
    rule = _RULES.get(op.operation) if not op.domain else None
    if rule is None or (op.operation not in ("Shape", "Size") and (not values or values[0] is None)):
        return None
    try:
        found = rule(op, specs, values)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, ZeroDivisionError):
        return None
    return None if found is None or np.size(found) > LARGEST else simplest(found)


def _shape(op: Any, specs: list[Any], values: list[Any]) -> Any:
    if not isinstance(specs[0], Spec):
        return None
    found = np.empty(specs[0].ndim, object)
    found[:] = specs[0].shape
    return found[op.get("start", 0) : op.get("end")]


def _size(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return specs[0].size


def _same(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return values[0]


def _cast(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return values[0] if op.get("to") in (6, 7) else None


def _gather(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return np.take(values[0], values[1].astype(np.int64), axis=op.get("axis", 0))


def _concat(op: Any, specs: list[Any], values: list[Any]) -> Any:
    if any(value is None for value in values):
        return None
    return np.concatenate([np.asarray(value, object) for value in values], axis=op.get("axis"))


def _axes(op: Any, values: list[Any]) -> Any:
    if op.get("axes") is not None:
        return tuple(op.get("axes"))
    return tuple(values[1].astype(np.int64).tolist()) if len(values) > 1 and values[1] is not None else None


def _unsqueeze(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return np.expand_dims(values[0], _axes(op, values))


def _squeeze(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return np.squeeze(values[0], _axes(op, values))


def _slice(op: Any, specs: list[Any], values: list[Any]) -> Any:
    if op.get("starts") is not None:
        starts, ends, axes, steps = op.get("starts"), op.get("ends"), op.get("axes"), None
    else:
        starts, ends = values[1].astype(np.int64), values[2].astype(np.int64)
        axes = values[3] if len(values) > 3 else None
        steps = values[4] if len(values) > 4 else None
    if (
        values[0] is None
        or values[0].ndim != 1
        or len(starts) != 1
        or (axes is not None and int(axes[0]) not in (0, -1))
    ):
        return None
    return values[0][int(starts[0]) : int(ends[0]) : 1 if steps is None else int(steps[0])]


def _reshape(op: Any, specs: list[Any], values: list[Any]) -> Any:
    return values[0].reshape(tuple(values[1].astype(np.int64).tolist()))


def _binary(combine: Any) -> Any:
    def rule(op: Any, specs: list[Any], values: list[Any]) -> Any:
        if values[0] is None or values[1] is None:
            return None
        a, b = np.broadcast_arrays(np.asarray(values[0], object), np.asarray(values[1], object))
        found = np.empty(a.shape, object)
        for place in np.ndindex(a.shape):
            found[place] = combine(a[place], b[place])
        return found

    return rule


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(a, Symbol) or isinstance(b, Symbol):
        return a // b  # an extent is not negative
    return int(a / b) if abs(a) < 2**50 else a // b


def _equal(a: Any, b: Any) -> int:
    if same_extent(a, b):
        return 1
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Symbol) and not isinstance(other, Symbol) and other < 0:
            return 0  # an extent is not negative
    if isinstance(a, Symbol) or isinstance(b, Symbol):
        raise ValueError("not known")
    return 0


def _where(op: Any, specs: list[Any], values: list[Any]) -> Any:
    if any(value is None for value in values):
        return None
    return np.where(values[0].astype(bool), np.asarray(values[1], object), np.asarray(values[2], object))


def _filled(op: Any, specs: list[Any], values: list[Any]) -> Any:
    given = op.get("value")
    shape = tuple(values[0].astype(np.int64).tolist())
    if given is None or given.dtype.kind != "i" or not is_static(shape) or np.prod(shape) > LARGEST:
        return None
    return np.full(shape, given.reshape(-1)[0])


def _expand(op: Any, specs: list[Any], values: list[Any]) -> Any:
    shape = tuple(values[1].astype(np.int64).tolist())
    return (
        np.broadcast_to(values[0], np.broadcast_shapes(values[0].shape, shape)) if np.prod(shape) <= LARGEST else None
    )


def _prod(op: Any, specs: list[Any], values: list[Any]) -> Any:
    total: Any = 1
    for each in values[0].reshape(-1):
        total = total * each
    return np.asarray([total], object) if op.get("keepdims", 1) else np.asarray(total, object)


_RULES: Final = {
    "Shape": _shape,
    "Size": _size,
    "Identity": _same,
    "Cast": _cast,
    "Gather": _gather,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Reshape": _reshape,
    "Add": _binary(lambda a, b: a + b),
    "Sub": _binary(lambda a, b: a - b),
    "Mul": _binary(lambda a, b: a * b),
    "Div": _binary(_quotient),
    "Equal": _binary(_equal),
    "Where": _where,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "ReduceProd": _prod,
}
