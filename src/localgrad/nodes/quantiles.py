"""Quantiles: the value below which a part of the entries lies, between two of them where none stands there."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
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

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@kind
class Quantile(Composition):
    """The value below which a part q of the entries along axes lies, between two entries by `method`; NaN if there is one.

    Several q stand on a new first axis.
    """

    formula = r"y = (1 - t)\, x_{(\lfloor p \rfloor)} + t\, x_{(\lceil p \rceil)}, \quad p = q (n - 1), \; t = p - \lfloor p \rfloor"
    family = "sorting"
    q: float | tuple[float, ...] = 0.5
    axis: tuple[int, ...] | None = None
    keepdims: bool = False
    method: str = "linear"

    def check_fields(self) -> None:
        parts = self.q if isinstance(self.q, tuple) else (self.q,)
        if not all(0 <= part <= 1 for part in parts):
            raise ShapeError(
                f"the quantile {self.q} was asked\nfound: no part of a whole\ndo: give numbers from 0 to 1"
            )
        if self.method not in METHODS:
            raise ShapeError(
                f"a quantile by the method {self.method!r} was asked\nfound: no such method\n"
                f"do: take one of {', '.join(METHODS)}"
            )

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        if spec.dtype.kind == "b":
            raise DTypeError("a quantile of {0} was asked\nfound: bools\ndo: convert them with .astype(np.float32)")
        if any(same_extent(spec.shape[axis], 0) for axis in normal_axes(self.axis, spec.ndim)):
            raise ShapeError(
                f"a quantile of {{0}} was asked\nfound: no entries, shape {format_shape(spec.shape)}\n"
                "do: give at least one"
            )
        rest = reduced_shape(spec.shape, self.axis, self.keepdims)
        return Spec((len(self.q), *rest) if isinstance(self.q, tuple) else rest, float_dtype(spec.dtype))

    def forward(self, x: Value) -> Value:
        self.shape(Spec(np.shape(x), np.asarray(x).dtype))
        return super().forward(np.asarray(x))

    def body(self, x: Value) -> Value:
        if x.dtype.kind != "f":
            x = Cast.on(x, dtype="float64")
        rank = rank_of(x)
        axes = normal_axes(self.axis, rank)
        kept = tuple(axis for axis in range(rank) if axis not in axes)
        rest = tuple(shape_of(x)[axis] for axis in kept)
        if len(axes) != 1:  # the axes become one, the last
            x = Transpose.on(x, axes=(*kept, *axes))
            length = product(shape_of(x)[len(kept) :])
            x = Reshape.on(x, shape_to=(*rest, length if is_static(shape_of(x)) else -1))
        along = axes[0] if len(axes) == 1 else len(kept)
        ordered = Sort.on(x, axis=along)[0]
        last = Gather.on(ordered, np.asarray(-1), axis=along)
        count = size(x, along)
        if isinstance(count, Tensor):
            count = Cast.on(count, dtype="float64")
        place = (count - 1) * np.asarray(self.q, np.float64)
        if self.method == "nearest":
            place = Round.on(place)
        below, above = Floor.on(place), Ceil.on(place)
        t = {"lower": 0.0, "higher": 1.0, "midpoint": 0.5}.get(self.method)
        weight: Value = place - below
        if t is not None:
            weight = Where.on(below == above, 0.0, weight * 0 + t)
        weight = Cast.on(weight, dtype=x.dtype.name)
        first = Gather.on(ordered, Cast.on(below, dtype="int64"), axis=along)
        second = Gather.on(ordered, Cast.on(above, dtype="int64"), axis=along)
        if isinstance(self.q, tuple):
            order = (along, *(axis for axis in range(rank_of(first)) if axis != along))
            first, second = Transpose.on(first, axes=order), Transpose.on(second, axes=order)
            weight = Reshape.on(weight, shape_to=(-1, *(1,) * (rank_of(first) - 1)))
        # an infinite entry of weight 0 has no part
        y = chain(1 - weight, first) + chain(weight, second)
        y = Where.on(last != last, last, y)
        if self.keepdims and axes:
            lead = 1 if isinstance(self.q, tuple) else 0
            y = Unsqueeze.on(y, axis=tuple(axis + lead for axis in axes))
        return y


# functions ----------------------------------------------------------------------------------------------------------
def _quantile(x: Any, q: Any, axis: Any, keepdims: bool, method: str, scale: float) -> Tensor:
    if isinstance(q, Tensor):
        raise DTypeError(
            "a quantile was asked with a tensor as q\nfound: q is fixed when the node is made\ndo: give numbers (q.tolist())"
        )
    parts = np.asarray(q, np.float64) / scale
    if parts.ndim > 1:
        raise ShapeError(f"quantiles were asked at q of shape {parts.shape}\nfound: rank 2 or more\ndo: give a list")
    field = tuple(parts.tolist()) if parts.ndim else float(parts)
    made = Quantile.make(q=field, axis=axes_field(axis), keepdims=bool(keepdims), method=method)
    return apply(made, x)  # type: ignore[no-any-return]


@numpy_function("quantile")
def quantile(x: Any, q: Any, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Tensor:
    """The value below which a part q (0 to 1) of the entries along axes (all of them unless told) lies.

    Between two entries by `method`: "linear", "lower", "higher", "midpoint" or "nearest". Several q stand on a new first
    axis. NaN where there is one. The gradient goes to the one or two entries used. Raises ShapeError for a q out of range.

    >>> import localgrad as lg
    >>> lg.quantile(lg.tensor([1.0, 2.0, 4.0]), 0.75).item()
    3.0
    """
    return _quantile(x, q, axis, keepdims, method, 1)


@numpy_function("percentile")
def percentile(x: Any, q: Any, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Tensor:
    """The quantile with q from 0 to 100; see `quantile`.

    >>> import localgrad as lg
    >>> lg.percentile(lg.tensor([1.0, 2.0, 4.0]), 75).item()
    3.0
    """
    return _quantile(x, q, axis, keepdims, method, 100)


@numpy_function("median")
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle entry along axes (all of them unless told), or the mean of the two middle ones.

    NaN where there is one. The gradient goes to the one or two entries used.

    >>> import localgrad as lg
    >>> lg.median(lg.tensor([5.0, 1.0, 2.0, 4.0])).item()
    3.0
    """
    return _quantile(x, 0.5, axis, keepdims, "linear", 1)
