"""Statistics: variance, deviation, sums of sizes and squares, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, need_spec
from localgrad.nodes.branching import Where
from localgrad.nodes.exponential import Exp, Sqrt
from localgrad.nodes.reduction import (
    Mean,
    Reduction,
    Sum,
    axes_field,
    float_dtype,
    reduced_shape,
    restored,
    sum_along,
)
from localgrad.nodes.rounding import Abs
from localgrad.nodes.structure import size

INFINITY = float("inf")


@kind
class LogSumExp(Reduction):
    """The logarithm of the sum of exponentials over axes, without overflow; its gradient is the softmax."""

    formula = r"y_j = \log \sum_i e^{x_{ij}}"
    onnx = "ReduceLogSumExp"

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return float_dtype(dtype)

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        if x.dtype.kind != "f":
            x = x.astype(np.float64)
        largest = np.max(x, axis=self.axis, keepdims=True, initial=-np.inf)
        largest = np.where(np.isfinite(largest), largest, x.dtype.type(0))  # inf - inf would be NaN
        y = np.log(sum_along(np.exp(x - largest), self.axis, True)) + largest
        return y if self.keepdims else y.reshape(reduced_shape(x.shape, self.axis, False))[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        y, grad = self.restored(y, x), self.restored(grad, x)
        # where all entries are -inf none has a part; an infinite one has the whole
        distance = Where.on(x == INFINITY, 0.0, x - Where.on(y == -INFINITY, 0.0, y))
        return chain(grad, Exp.on(distance))


class Moment(Composition):
    """A composition over axes: all of them unless told; `keepdims` leaves them with length 1."""

    family = "reduction"
    axis: tuple[int, ...] | None = None
    keepdims: bool = False

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return Spec(reduced_shape(spec.shape, self.axis, self.keepdims), float_dtype(spec.dtype))

    def deviation(self, x: Value) -> Value:
        """The distance of each entry from the mean."""
        return x - Mean.on(x, axis=self.axis, keepdims=True)

    def square_sum(self, x: Value) -> Value:
        """The sum of squares."""
        return Sum.on(x * x, axis=self.axis, keepdims=self.keepdims)

    def restored(self, y: Value, x: Value) -> Value:
        """Something of the result's shape with the axes back, so that it broadcasts against x."""
        return restored(y, x, self.axis, self.keepdims)


@kind
class Var(Moment):
    """The variance over axes: the mean square distance from the mean, with n - ddof in place of n."""

    formula = r"y_j = \frac{1}{n - d} \sum_{i=1}^n (x_{ij} - \bar x_j)^2"
    ddof: float = 0

    def body(self, x: Value) -> Value:
        squares = self.square_sum(self.deviation(x))
        return squares / (size(x, self.axis, like=squares) - self.ddof)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        share = grad * (2 / (size(x, self.axis, like=grad) - self.ddof))
        return chain(self.restored(share, x), self.deviation(x))


@kind
class Std(Moment):
    """The standard deviation over axes, the root of the variance; its gradient is 0 where all entries are equal."""

    formula = r"y_j = \sqrt{\frac{1}{n - d} \sum_{i=1}^n (x_{ij} - \bar x_j)^2}"
    ddof: float = 0

    def body(self, x: Value) -> Value:
        return Sqrt.on(Var.on(x, axis=self.axis, keepdims=self.keepdims, ddof=self.ddof))

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        slope = Where.on(y == 0, 0.0, 1 / (y * (size(x, self.axis, like=grad) - self.ddof)))
        return chain(self.restored(grad, x), self.deviation(x) * self.restored(slope, x))


@kind
class ReduceL2(Moment):
    """The root of the sum of squares over axes; its gradient is 0 where all entries are 0."""

    formula = r"y_j = \sqrt{\sum_i x_{ij}^2}"
    onnx = "ReduceL2"

    def body(self, x: Value) -> Value:
        return Sqrt.on(self.square_sum(x))

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        slope = Where.on(y == 0, 0.0, 1 / y)
        return chain(self.restored(grad, x), x * self.restored(slope, x))


@kind
class ReduceL1(Moment):
    """The sum of absolute values over axes."""

    formula = r"y_j = \sum_i |x_{ij}|"
    onnx = "ReduceL1"

    def body(self, x: Value) -> Value:
        return Sum.on(Abs.on(x), axis=self.axis, keepdims=self.keepdims)


# functions ----------------------------------------------------------------------------------------------------------
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials over axes (all of them unless told), without overflow.

    A row of -inf gives -inf, and a gradient of 0. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.logsumexp(lg.tensor([1000.0, 1000.0])).item()
    1000.693...
    """
    return apply(LogSumExp.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("var")
def var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """The variance over axes (all of them unless told), with n - ddof in place of n.

    Floats keep their dtype; integers give float64. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.var(lg.tensor([1.0, 3.0])).item()
    1.0
    """
    return apply(Var.make(axis=axes_field(axis), keepdims=bool(keepdims), ddof=ddof), x)  # type: ignore[no-any-return]


@numpy_function("std")
def std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation over axes (all of them unless told), with n - ddof in place of n.

    Its gradient is 0 where all entries are equal. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.std(lg.tensor([1.0, 3.0]), ddof=1).item()
    1.414...
    """
    return apply(Std.make(axis=axes_field(axis), keepdims=bool(keepdims), ddof=ddof), x)  # type: ignore[no-any-return]
