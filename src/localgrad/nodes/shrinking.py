"""Shrinking: activations that cut, shrink or gate entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Value
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Symbol, format_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.activations import Activation, Sigmoid, sigmoid
from localgrad.nodes.base import apply, as_tensor, chain
from localgrad.nodes.branching import Where, where
from localgrad.nodes.joining import split
from localgrad.nodes.rounding import Abs
from localgrad.nodes.softmax import softmax
from localgrad.nodes.trigonometric import tanh


@kind
class HardTanh(Activation):
    """Entries limited to a range; the derivative is 0 at the bounds."""

    formula = r"y = \min(\max(x, \text{low}), \text{high})"
    expression = "min(max(x, low), high)"
    low: float = -1.0
    high: float = 1.0

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on((x > self.low) & (x < self.high), grad, 0.0)


@kind
class Shrink(Activation):
    """0 within lambd of 0, beyond it the entry moved towards 0 by the bias; the derivative at the bounds is 0."""

    formula = r"y = \begin{cases} x - b & x > \lambda \\ x + b & x < -\lambda \\ 0 & \text{else} \end{cases}"
    expression = "where(x > lambd, x - bias, where(x < -lambd, x + bias, 0 * x))"
    onnx = "Shrink"
    lambd: float = 0.5
    bias: float = 0.0

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        moved = x - np.copysign(x.dtype.type(self.bias), x) if self.bias else x
        return np.where(np.abs(x) <= self.lambd, x.dtype.type(0), moved)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(Abs.on(x) <= self.lambd, 0.0, grad)


@kind
class Softsign(Activation):
    """Squash every entry into (-1, 1), more slowly than tanh."""

    formula = r"y = \frac{x}{1 + |x|}"
    expression = "x / (1 + abs(x))"
    onnx = "Softsign"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        whole = 1 + Abs.on(x)
        return chain(grad, 1 / (whole * whole))


@kind
class LogSigmoid(Activation):
    """The logarithm of the sigmoid, exact where that would round to 0."""

    formula = r"y = -\ln(1 + e^{-x})"
    expression = "min(x, 0) - log1p(exp(-abs(x)))"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Sigmoid.on(-x))


@kind
class Celu(Activation):
    """Pass positive entries, bend the others towards -alpha so that the slope is 1 at 0 for any alpha."""

    formula = r"y = \begin{cases} x & x > 0 \\ \alpha (e^{x / \alpha} - 1) & \text{else} \end{cases}"
    expression = "where(x > 0, x, alpha * expm1(min(x, 0) / alpha))"
    onnx = "Celu"
    alpha: float = 1.0

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(x > 0, grad, chain(grad, y / self.alpha + 1))


@kind
class PRelu(Activation):
    """Pass positive entries, multiply the others by a slope that is learned; the derivative at 0 is the slope."""

    formula = r"y = \begin{cases} x & x > 0 \\ a x & \text{else} \end{cases}"
    expression = "where(x > 0, x, slope * x)"
    onnx = "PRelu"
    inputs = ("x", "slope")

    def backward(self, grad: Value, y: Value, x: Value, slope: Value) -> Value:
        return Where.on(x > 0, grad, chain(grad, slope)), Where.on(x > 0, 0.0, chain(grad, x))


# functions ----------------------------------------------------------------------------------------------------------
def hard_tanh(x: Any, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Each entry limited to a range; the gradient is 0 at the bounds, where that of `lg.clip` is 1.

    >>> import localgrad as lg
    >>> lg.hard_tanh([-3.0, 0.5]).data
    array([-1. ,  0.5], dtype=float32)
    """
    return apply(HardTanh.make(low=float(low), high=float(high)), x)  # type: ignore[no-any-return]


def relu6(x: Any) -> Tensor:
    """Each entry limited to 0 ... 6; the gradient is 0 at both.

    >>> import localgrad as lg
    >>> lg.relu6([-1.0, 9.0]).data
    array([0., 6.], dtype=float32)
    """
    return hard_tanh(x, 0.0, 6.0)


def hard_shrink(x: Any, lambd: float = 0.5) -> Tensor:
    """Each entry, or 0 where it is within `lambd` of 0.

    >>> import localgrad as lg
    >>> lg.hard_shrink([0.4, -2.0]).data
    array([ 0., -2.], dtype=float32)
    """
    return apply(Shrink.make(lambd=float(lambd)), x)  # type: ignore[no-any-return]


def soft_shrink(x: Any, lambd: float = 0.5) -> Tensor:
    """Each entry moved towards 0 by `lambd`, but not beyond it.

    >>> import localgrad as lg
    >>> lg.soft_shrink([0.4, -2.0]).data
    array([ 0. , -1.5], dtype=float32)
    """
    return apply(Shrink.make(lambd=float(lambd), bias=float(lambd)), x)  # type: ignore[no-any-return]


def tanh_shrink(x: Any) -> Tensor:
    """X - tanh x of each entry.

    >>> import localgrad as lg
    >>> lg.tanh_shrink([1.0]).data.round(4)
    array([0.2384], dtype=float32)
    """
    x = as_tensor(x)
    return x - tanh(x)  # type: ignore[no-any-return]


def softsign(x: Any) -> Tensor:
    """X / (1 + |x|) of each entry, from -1 to 1.

    >>> import localgrad as lg
    >>> lg.softsign([-1.0, 3.0]).data
    array([-0.5 ,  0.75], dtype=float32)
    """
    return apply(Softsign.make(), x)  # type: ignore[no-any-return]


def log_sigmoid(x: Any) -> Tensor:
    """The logarithm of the sigmoid of each entry, finite for any finite entry.

    >>> import localgrad as lg
    >>> lg.log_sigmoid([0.0, -1000.0]).data.round(4)
    array([-6.931e-01, -1.000e+03], dtype=float32)
    """
    return apply(LogSigmoid.make(), x)  # type: ignore[no-any-return]


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """The entry x where it is positive, else alpha (e^(x / alpha) - 1) (Barron, 2017).

    >>> import localgrad as lg
    >>> lg.celu([-100.0, 2.0], alpha=2.0).data
    array([-2.,  2.], dtype=float32)
    """
    return apply(Celu.make(alpha=float(alpha)), x)  # type: ignore[no-any-return]


def prelu(x: Any, slope: Any) -> Tensor:
    """The entry where it is positive, else a learned slope times it; the slope's shape broadcasts to x's.

    For images (batch, channels, height, width) give one slope, or (channels, 1, 1). Source: He et al., 2015.

    >>> import localgrad as lg
    >>> lg.prelu([-2.0, 2.0], 0.25).data
    array([-0.5,  2. ], dtype=float32)
    """
    return apply(PRelu.make(), x, slope)  # type: ignore[no-any-return]


def threshold(x: Any, bound: float, value: float = 0.0) -> Tensor:
    """The entry where it is above the bound, else the value.

    >>> import localgrad as lg
    >>> lg.threshold([0.5, 2.0], 1.0, -9.0).data
    array([-9.,  2.], dtype=float32)
    """
    x = as_tensor(x)
    return where(x > bound, x, value)


def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second (Dauphin et al., 2017).

    Raises ShapeError for an axis of odd length.

    >>> import localgrad as lg
    >>> lg.glu([[2.0, 0.0]]).data
    array([[1.]], dtype=float32)
    """
    x = as_tensor(x)
    extent = x.shape[axis] if x.ndim else 1
    if not isinstance(extent, Symbol) and extent % 2:
        raise ShapeError(
            f"glu was asked along axis {axis} of shape {format_shape(x.shape)}{user_line()}\nfound: an odd length\n"
            "do: give as many gates as entries"
        )
    entries, gates = split(x, 2, axis)
    return entries * sigmoid(gates)


def softmin(x: Any, axis: int = -1) -> Tensor:
    """The softmax of -x along an axis: the smallest entry gets the largest part.

    >>> import localgrad as lg
    >>> lg.softmin([0.0, 0.0]).data
    array([0.5, 0.5], dtype=float32)
    """
    return softmax(-as_tensor(x), axis)
