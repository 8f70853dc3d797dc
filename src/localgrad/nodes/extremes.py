"""Extremes: running largest and smallest entries, running logarithms of sums, and reductions that leave out NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, chain, need_spec, normal_axes
from localgrad.nodes.branching import Where, where
from localgrad.nodes.exponential import Exp
from localgrad.nodes.gathering import TakeAlongAxis
from localgrad.nodes.padding import shifted
from localgrad.nodes.reduction import Extremum, ReduceMax, ReduceMin, axes_field, axis_field, float_dtype
from localgrad.nodes.reduction import mean as mean_of
from localgrad.nodes.reduction import sum as sum_of
from localgrad.nodes.rounding import IsNaN
from localgrad.nodes.running import Recurrence
from localgrad.nodes.shaping import ravel


@kind
class RunningPosition(Kind):
    """Where the largest (or smallest) entry so far stands along an axis, the last of equal ones; a NaN stays."""

    formula = r"y_i = \operatorname{argmax}_{j \le i} x_j"
    family = "reduction"
    differentiable = False
    axis: int = 0
    largest: bool = True

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec.with_dtype(np.int64)

    def forward(self, x: Value) -> Value:
        x = np.moveaxis(np.asarray(x), self.axis, 0)
        extreme: Any = np.maximum if self.largest else np.minimum
        most = extreme.accumulate(x, axis=0)
        reached = (x == most) | ((x != x) & (most != most))
        places: NDArray[Any] = np.arange(len(x)).reshape(-1, *(1,) * (x.ndim - 1))
        found = np.maximum.accumulate(np.where(reached, places, 0), axis=0)
        return np.ascontiguousarray(np.moveaxis(found, 0, self.axis))


@kind
class CumLogSumExp(Kind):
    """The logarithm of the running sum of exponentials along an axis, without overflow."""

    formula = r"y_i = \log \sum_{j \le i} e^{x_j}"
    family = "reduction"
    axis: int = 0

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec.with_dtype(float_dtype(spec.dtype))

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        return np.logaddexp.accumulate(x, axis=self.axis, dtype=float_dtype(x.dtype))

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        # what comes back from entry i to entry k is weighted with exp(y_k - y_i): a recurrence whose factors are <= 1
        step = y - shifted(y, self.axis, -1)
        factor = Exp.on(Where.on(IsNaN.on(step) | (step > 0), 0.0, step))
        reached = Recurrence.on(factor, grad, axis=self.axis, reverse=True)
        share = x - y
        return chain(reached, Where.on(IsNaN.on(share) & (x == y), 0.0, Exp.on(share)))


def cummax(x: Any, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The largest entries so far along an axis, and where they stand (the last of equal ones, which gets the gradient).

    Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> values, positions = lg.cummax([1.0, 3.0, 2.0])
    >>> values.data, positions.data
    (array([1., 3., 3.], dtype=float32), array([0, 1, 1]))
    """
    return _extremes(x, axis, True)


def cummin(x: Any, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The smallest entries so far along an axis, and where they stand (the last of equal ones, which gets the gradient).

    Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.cummin([2.0, 3.0, 1.0])[0].data
    array([2., 2., 1.], dtype=float32)
    """
    return _extremes(x, axis, False)


def _extremes(x: Any, axis: int, largest: bool) -> tuple[Tensor, Tensor]:
    x, place = as_tensor(x), axis_field(axis)
    positions = apply(RunningPosition.make(axis=place, largest=largest), x)
    return apply(TakeAlongAxis.make(axis=place), x, positions), positions


def logcumsumexp(x: Any, axis: int | None = None) -> Tensor:
    """The logarithm of the running sum of exponentials along an axis (of the flattened tensor unless told).

    Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.logcumsumexp([1000.0, 1000.0]).data.round(2)
    array([1000.  , 1000.69], dtype=float32)
    """
    place = axis_field(axis)
    return apply(CumLogSumExp.make(axis=0 if place is None else place), ravel(x) if place is None else x)  # type: ignore[no-any-return]


def _reduced(definition: type[Extremum], x: Any, axis: Any, keepdims: bool) -> Tensor:
    return apply(definition.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("ptp")
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The distance from the smallest to the largest entry along axes (all of them unless told).

    >>> import localgrad as lg
    >>> lg.ptp([1.0, 5.0, 2.0]).item()
    4.0
    """
    return _reduced(ReduceMax, x, axis, keepdims) - _reduced(ReduceMin, x, axis, keepdims)


@numpy_function("nansum")
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes of the entries that are not NaN; those that are get no gradient.

    >>> import localgrad as lg
    >>> lg.nansum([1.0, float("nan"), 2.0]).item()
    3.0
    """
    x = as_tensor(x)
    return sum_of(where(IsNaN.on(x), 0.0, x) if x.dtype.kind == "f" else x, axis, keepdims)


@numpy_function("nanmean")
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean over axes of the entries that are not NaN (NaN where there is none).

    >>> import localgrad as lg
    >>> lg.nanmean([1.0, float("nan"), 2.0]).item()
    1.5
    """
    x = as_tensor(x)
    if x.dtype.kind != "f":
        return mean_of(x, axis, keepdims)
    count = sum_of((~IsNaN.on(x)).astype(x.dtype), axis, keepdims)
    return nansum(x, axis, keepdims) / count
