"""Lengths: of vectors and angles, powers of two, entries with logarithms, and steps from one number to another."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from localgrad.graph.kind import Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, as_tensor, chain
from localgrad.nodes.branching import Where, clip
from localgrad.nodes.comparison import Not
from localgrad.nodes.exponential import Log, exp2, log, log1p, logaddexp
from localgrad.nodes.rounding import Abs, IsNaN
from localgrad.nodes.trigonometric import Cos

_SERIES: Final = tuple((-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 7))
"""The derivative of sinc in odd powers of x."""


@kind
class Hypot(Elementwise):
    """The length of the vector (a, b), without overflow in between; the gradient is 0 at the origin."""

    formula = r"y = \sqrt{a^2 + b^2}"
    expression = "hypot(a, b)"
    numpy = ("hypot",)
    inputs = ("a", "b")
    family = "arithmetic"

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        slope = Where.on(y == 0, 0.0, 1 / Where.on(y == 0, 1.0, y))
        return chain(grad, a * slope), chain(grad, b * slope)


@kind
class XLogY(Elementwise):
    """A number times the logarithm of another, 0 where the first is 0 (unless the other is NaN)."""

    formula = r"y = a \ln b"
    expression = "where((a == 0) & ~isnan(b), 0, a * log(b))"
    inputs = ("a", "b")
    family = "exponential"

    def forward(self, a: Value, b: Value) -> Value:
        if isinstance(b, (int, float)) and not isinstance(b, np.generic) and isinstance(a, (np.ndarray, np.generic)):
            b = (a.dtype if a.dtype.kind == "f" else np.dtype(np.float64)).type(b)  # NumPy's logarithm is a float64
        return np.where((a == 0) & ~np.isnan(b), 0, a * np.log(b))[()]

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        flat = (a == 0) & Not.on(IsNaN.on(b))
        return (
            chain(grad, Where.on(flat & (b <= 0), 0.0, Log.on(b))) if wanted[0] else None,
            chain(grad, a / b) if wanted[1] else None,
        )


@kind
class Sinc(Elementwise):
    """sin(pi x) / (pi x), 1 at 0: the interpolation of a sampled signal."""

    formula = r"y = \frac{\sin \pi x}{\pi x}"
    expression = "where(x == 0, 1, sin(pi * x) / where(x == 0, 1, pi * x))"
    numpy = ("sinc",)
    family = "trigonometric"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        # near 0 the difference cancels, and the series has no error
        near = Abs.on(x) < 0.05
        small, far = Where.on(near, x, 0.0), Where.on(near, 1.0, x)
        square = small * small
        series = _SERIES[-1] * square
        for factor in _SERIES[-2:0:-1]:
            series = (series + factor) * square
        slope = Where.on(near, (series + _SERIES[0]) * small, (Cos.on(math.pi * x) - y) / far)
        return chain(grad, slope)


# functions ----------------------------------------------------------------------------------------------------------
def hypot(a: Any, b: Any) -> Tensor:
    """The length of the vectors (a, b), entry by entry; the gradient is 0 at the origin.

    >>> import localgrad as lg
    >>> lg.hypot([3.0, 1e30], [4.0, 0.0]).data
    array([5.e+00, 1.e+30], dtype=float32)
    """
    return apply(Hypot.make(), a, b)  # type: ignore[no-any-return]


def xlogy(a: Any, b: Any) -> Tensor:
    """A ln b, entry by entry, 0 where a is 0: an entropy's terms.

    >>> import localgrad as lg
    >>> lg.xlogy([0.0, 2.0], [0.0, 1.0]).data
    array([0., 0.], dtype=float32)
    """
    return apply(XLogY.make(), a, b)  # type: ignore[no-any-return]


@numpy_function("sinc")
def sinc(x: Any) -> Tensor:
    """sin(pi x) / (pi x) of each entry, 1 at 0.

    >>> import localgrad as lg
    >>> lg.sinc([0.0, 0.5]).data.round(4)
    array([1.    , 0.6366], dtype=float32)
    """
    return apply(Sinc.make(), x)  # type: ignore[no-any-return]


def logit(x: Any, epsilon: float | None = None) -> Tensor:
    """ln(x / (1 - x)) of each entry, the inverse of sigmoid; NaN outside of 0 to 1.

    With `epsilon`, entries are first limited to epsilon ... 1 - epsilon.

    >>> import localgrad as lg
    >>> lg.logit([0.5, 1.0]).data
    array([ 0., inf], dtype=float32)
    """
    x = as_tensor(x) if epsilon is None else clip(x, epsilon, 1 - epsilon)
    return log(x) - log1p(-x)


@numpy_function("logaddexp2")
def logaddexp2(a: Any, b: Any) -> Tensor:
    """The base-2 logarithm of 2^a + 2^b, without overflow.

    >>> import localgrad as lg
    >>> lg.logaddexp2([3.0], [3.0]).data
    array([4.], dtype=float32)
    """
    scale = math.log(2)
    return logaddexp(as_tensor(a) * scale, as_tensor(b) * scale) / scale


@numpy_function("ldexp")
def ldexp(x: Any, exponent: Any) -> Tensor:
    """X times 2 to the power of the exponent, entry by entry.

    >>> import localgrad as lg
    >>> lg.ldexp([0.75], [2]).data
    array([3.], dtype=float32)
    """
    x, power = as_tensor(x), as_tensor(exponent)
    dtype = x.dtype if x.dtype.kind == "f" else power.dtype if power.dtype.kind == "f" else "float64"
    return x * exp2(power.astype(dtype))  # type: ignore[no-any-return]


def lerp(a: Any, b: Any, weight: Any) -> Tensor:
    """The number so far on the way from a (weight 0) to b (weight 1), exact at both ends.

    >>> import localgrad as lg
    >>> lg.lerp([0.0], [10.0], 0.25).data
    array([2.5], dtype=float32)
    """
    from localgrad.nodes.branching import where

    a, b, weight = as_tensor(a), as_tensor(b), as_tensor(weight).astype(as_tensor(a).dtype)
    distance = b - a
    return where(weight < 0.5, a + weight * distance, b - (1 - weight) * distance)


@numpy_function("deg2rad", "radians")
def deg2rad(x: Any) -> Tensor:
    """Angles in degrees as radians.

    >>> import localgrad as lg
    >>> lg.deg2rad([180.0]).data.round(4)
    array([3.1416], dtype=float32)
    """
    return as_tensor(x) * (math.pi / 180)


@numpy_function("rad2deg", "degrees")
def rad2deg(x: Any) -> Tensor:
    """Angles in radians as degrees.

    >>> import localgrad as lg
    >>> lg.rad2deg([3.1415927]).data.round(3)
    array([180.], dtype=float32)
    """
    return as_tensor(x) * (180 / math.pi)
