"""Quantiles: the value below which a part of the entries lies, between two of them where none stands there."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, is_static, product, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, need_spec, normal_axes, rank_of, shape_of
from localgrad.nodes.branching import Where
from localgrad.nodes.gathering import Gather
from localgrad.nodes.reduction import axes_field, float_dtype, reduced_shape
from localgrad.nodes.rounding import Ceil, Floor, Round
from localgrad.nodes.shaping import Reshape, Transpose, Unsqueeze
from localgrad.nodes.sorting import Sort
from localgrad.nodes.structure import Cast, size

WEIGHTS = {"lower": 0.0, "higher": 1.0, "midpoint": 0.5, "nearest": 0.0}
"""The part of the upper of two entries, by the methods that do not interpolate."""
METHODS = ("linear", *WEIGHTS)


@kind
class Quantile(Composition):
    """The value below which a part q of the entries along axes lies, between two entries by `method`; NaN if there is one.

    Several q stand on a new first axis.
    """

    formula = r"y = (1 - t) x_{(\lfloor p \rfloor)} + t x_{(\lceil p \rceil)}, \quad p = q (n - 1), \; t = p - \lfloor p \rfloor"
    inputs = ("x", "q")
    family = "sorting"
    checked = True
    axis: tuple[int, ...] | None = None
    keepdims: bool = False
    method: str = "linear"

    def check_fields(self) -> None:
        if self.method not in METHODS:
            raise ShapeError(
                f"a quantile by the method {self.method!r} was asked\nfound: no such method\n"
                f"do: take one of {', '.join(METHODS)}"
            )

    def shape(self, x: SpecLike, q: SpecLike) -> Spec:
        spec, parts = need_spec(self, x), need_spec(self, q, 1)
        if spec.dtype.kind == "b":
            raise DTypeError("a quantile of {0} was asked\nfound: bools\ndo: convert them with .astype(np.float32)")
        if any(same_extent(spec.shape[axis], 0) for axis in normal_axes(self.axis, spec.ndim)):
            raise ShapeError(
                f"a quantile of {{0}} was asked\nfound: no entries, shape {format_shape(spec.shape)}\n"
                "do: give at least one"
            )
        if parts.ndim > 1:
            raise ShapeError(
                f"a quantile was asked at q of shape {format_shape(parts.shape)}\nfound: rank {parts.ndim}\n"
                "do: give a number, or a vector"
            )
        rest = reduced_shape(spec.shape, self.axis, self.keepdims)
        return Spec((*parts.shape, *rest), float_dtype(spec.dtype))

    def check(self, x: Value, q: Value) -> None:
        parts = np.asarray(q)
        if not ((parts >= 0) & (parts <= 1)).all():
            raise DataError(f"the quantile {parts} was asked\nfound: no part of a whole\ndo: give numbers from 0 to 1")

    def body(self, x: Value, q: Value) -> Value:
        if x.dtype.kind != "f":
            x = Cast.on(x, dtype="float64")
        if getattr(q, "dtype", np.float64) != np.float64:
            q = Cast.on(q, dtype="float64")  # half an entry more or less decides which one is taken
        rank, several = rank_of(x), rank_of(q) > 0
        axes = normal_axes(self.axis, rank)
        x, along = merged(x, axes)
        ordered = Sort.on(x, axis=along)[0]
        last = Gather.on(ordered, np.asarray(-1), axis=along)
        count = size(x, along)
        place = (Cast.on(count, dtype="float64") - 1) * q if isinstance(count, Tensor) else q * float(count - 1)
        if self.method == "nearest":
            place = Round.on(place)
        below, above = Floor.on(place), Ceil.on(place)
        t = WEIGHTS.get(self.method)
        weight = Cast.on(place - below if t is None else Where.on(below == above, 0.0, t), dtype=x.dtype.name)
        first = Gather.on(ordered, Cast.on(below, dtype="int64"), axis=along)
        second = Gather.on(ordered, Cast.on(above, dtype="int64"), axis=along)
        if several:
            order = (along, *(axis for axis in range(rank_of(first)) if axis != along))
            first, second = Transpose.on(first, axes=order), Transpose.on(second, axes=order)
            weight = Unsqueeze.on(weight, axis=tuple(range(1, rank_of(first))))
        # an infinite entry of weight 0 has no part
        y = chain(1 - weight, first) + chain(weight, second)
        y = Where.on(last != last, last, y)
        if self.keepdims and axes:
            y = Unsqueeze.on(y, axis=tuple(axis + several for axis in axes))
        return y


def merged(x: Value, axes: tuple[int, ...]) -> tuple[Value, int]:
    """Several axes made one, the last, and which one it is; one axis stays where it is."""
    if len(axes) == 1:
        return x, axes[0]
    kept = tuple(axis for axis in range(rank_of(x)) if axis not in axes)
    shape = shape_of(x)
    length = product(shape[axis] for axis in axes) if is_static(shape) else -1
    moved = Transpose.on(x, axes=(*kept, *axes))
    return Reshape.on(moved, shape_to=(*(shape[axis] for axis in kept), length)), len(kept)


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("quantile")
def quantile(x: Any, q: Any, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Tensor:
    """The value below which a part q (0 to 1) of the entries along axes (all of them unless told) lies.

    Between two entries by `method`: "linear", "lower", "higher", "midpoint" or "nearest". Several q stand on a new first
    axis. NaN where there is one. The gradient goes to the one or two entries used, and to q. Raises DataError for a q out
    of range.

    >>> import localgrad as lg
    >>> lg.quantile(lg.tensor([1.0, 2.0, 4.0]), 0.75).item()
    3.0
    """
    made = Quantile.make(axis=axes_field(axis), keepdims=bool(keepdims), method=method)
    # lists would become float32
    return apply(made, x, q if isinstance(q, (Tensor, int, float)) else np.asarray(q, np.float64))  # type: ignore[no-any-return]


@numpy_function("percentile")
def percentile(x: Any, q: Any, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Tensor:
    """The quantile with q from 0 to 100; see `quantile`.

    >>> import localgrad as lg
    >>> lg.percentile(lg.tensor([1.0, 2.0, 4.0]), 75).item()
    3.0
    """
    parts = q if isinstance(q, Tensor) else np.asarray(q, np.float64)[()]
    return quantile(x, parts / 100, axis, keepdims, method)


@numpy_function("median")
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle entry along axes (all of them unless told), or the mean of the two middle ones.

    NaN where there is one. The gradient goes to the one or two entries used.

    >>> import localgrad as lg
    >>> lg.median(lg.tensor([5.0, 1.0, 2.0, 4.0])).item()
    3.0
    """
    return quantile(x, 0.5, axis, keepdims)
