"""The rank of an output where its extents are only known when the graph runs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from localgrad.graph.spec import Spec, is_static


def ranked(op: Any, specs: list[Spec | None]) -> list[tuple[int, Any]] | None:
    """The rank and dtype of each output, from an operator's attributes and the ranks of its inputs; None if not known."""
    if op.domain or not specs:
        return None
    rule = _RULES.get("Reduce" if op.operation.startswith("Reduce") else op.operation)
    if rule is None:
        return None
    try:
        rank = rule(op, specs)
    except (IndexError, TypeError, AttributeError):
        return None
    if rank is None or rank < 0:
        return None
    first = specs[0]
    dtype = first.dtype if first is not None else np.dtype(np.float32)
    if op.operation == "ConstantOfShape":
        value = op.get("value")
        dtype = np.dtype(np.float32) if value is None else value.dtype
    if op.operation == "OneHot":
        dtype = specs[2].dtype if specs[2] is not None else dtype
    if op.operation == "NonZero":
        dtype = np.dtype(np.int64)
    if op.operation == "TopK":
        return [(rank, dtype), (rank, np.dtype(np.int64))]
    return [(rank, dtype)] * op.count


def _length(spec: Any) -> int | None:
    """The number of entries of a list."""
    if spec is None or spec.ndim != 1 or not is_static(spec.shape):
        return None
    return int(spec.shape[0])


def _rank(op: Any, specs: Any) -> int:
    return int(specs[0].ndim)


def _reduced(op: Any, specs: Any) -> int | None:
    if op.get("keepdims", 1):
        return int(specs[0].ndim)
    count = _length(specs[1])
    if count is None:
        return None
    if count == 0:
        return int(specs[0].ndim) if op.get("noop_with_empty_axes", 0) else 0
    return int(specs[0].ndim) - count


def _expanded(op: Any, specs: Any) -> int | None:
    count = _length(specs[1])
    return None if count is None else max(count, specs[0].ndim)


def _squeezed(op: Any, specs: Any) -> int | None:
    count = _length(specs[1])
    return None if count is None else int(specs[0].ndim) - count


def _unsqueezed(op: Any, specs: Any) -> int | None:
    count = _length(specs[1])
    return None if count is None else int(specs[0].ndim) + count


_RULES: Final = {
    "Reduce": _reduced,
    "Reshape": lambda op, specs: _length(specs[1]),
    "Expand": _expanded,
    "ConstantOfShape": lambda op, specs: _length(specs[0]),
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "OneHot": lambda op, specs: specs[0].ndim + 1,
    "Compress": lambda op, specs: 1 if op.get("axis") is None else specs[0].ndim,
    "GatherElements": lambda op, specs: specs[1].ndim,
    "NonZero": lambda op, specs: 2,
    "Range": lambda op, specs: 1,
    **dict.fromkeys(("Tile", "Pad", "Slice", "Resize", "Upsample", "TopK", "Split", "CumSum", "CenterCropPad"), _rank),
}
