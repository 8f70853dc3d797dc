"""Softmax and its logarithm, shifted by the largest entry so that nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, elementwise_dtype, need_spec, normal_axes
from localgrad.nodes.exponential import Exp, Log
from localgrad.nodes.reduction import ReduceMax, Sum, sum_along
from localgrad.nodes.structure import StopGradient


class AlongAxis(Composition):
    """A composition that normalises along one axis and keeps the shape."""

    family = "activation"
    axis: int = -1

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec if spec.dtype.kind == "f" else spec.with_dtype(elementwise_dtype(Exp.make(), (spec,)))

    def shifted(self, x: Value) -> Value:
        """Entries minus the largest one along the axis, which changes no softmax and carries no gradient."""
        return x - StopGradient.on(ReduceMax.on(x, axis=(self.axis,), keepdims=True))

    def shifted_array(self, x: Value) -> NDArray[Any]:
        """The same on an array, in a new array of floats."""
        x = np.asarray(x)
        if x.dtype.kind != "f":
            x = x.astype(elementwise_dtype(Exp.make(), (Spec((), x.dtype),)))
        return x - np.maximum.reduce(x, axis=self.axis, keepdims=True, initial=-np.inf)  # type: ignore[no-any-return]

    def total(self, x: Value) -> Value:
        """The sum along the axis."""
        return Sum.on(x, axis=(self.axis,), keepdims=True)


@kind
class Softmax(AlongAxis):
    """Positive numbers that sum to 1 along an axis: each exponential's part of their sum."""

    formula = r"y_i = \frac{e^{x_i}}{\sum_k e^{x_k}}"
    onnx = "Softmax"

    def body(self, x: Value) -> Value:
        e = Exp.on(self.shifted(x))
        return e / self.total(e)

    def forward(self, x: Value) -> Value:
        y = self.shifted_array(x)
        np.exp(y, out=y)
        y /= sum_along(y, (self.axis,), True)
        return y

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        weighted = chain(grad, y)
        return weighted - chain(self.total(weighted), y)


@kind
class LogSoftmax(AlongAxis):
    """The logarithm of softmax, exact where softmax itself would round to 0."""

    formula = r"y_i = x_i - \log \sum_k e^{x_k}"
    onnx = "LogSoftmax"

    def body(self, x: Value) -> Value:
        z = self.shifted(x)
        return z - Log.on(self.total(Exp.on(z)))

    def forward(self, x: Value) -> Value:
        y = self.shifted_array(x)
        y -= np.log(sum_along(np.exp(y), (self.axis,), True))
        return y

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return grad - chain(self.total(grad), Exp.on(y))


def softmax(x: Any, axis: int = -1) -> Tensor:
    """Positive numbers that sum to 1 along an axis: `exp(x) / sum(exp(x))`, for any finite x.

    A float tensor of x's shape. A row of nothing but -inf gives NaN. Raises ShapeError where x has no such axis.

    >>> import localgrad as lg
    >>> lg.softmax([0.0, 0.0, 1e4]).numpy()
    array([0., 0., 1.], dtype=float32)
    """
    return apply(Softmax.make(axis=axis), x)  # type: ignore[no-any-return]


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """The logarithm of softmax along an axis, computed as one so that it stays finite for any finite x.

    A float tensor of x's shape. Raises ShapeError where x has no such axis.

    >>> import localgrad as lg
    >>> lg.log_softmax([0.0, 1e4]).numpy()
    array([-10000.,      0.], dtype=float32)
    """
    return apply(LogSoftmax.make(axis=axis), x)  # type: ignore[no-any-return]
