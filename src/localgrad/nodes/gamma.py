"""The error function, the gamma function's logarithm, and their derivatives of every order."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.kind import Value
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, chain
from localgrad.nodes.exponential import Exp

# From here Stirling's series, with this many terms, is exact to rounding for orders up to about ten.
_SERIES_FROM: Final = 24.0
_BERNOULLI: Final = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
)  # fmt: skip


class Special(Elementwise):
    """A special function of mathematics."""

    family = "special"


@kind
class Erf(Special):
    """The error function: the share of a normal distribution within x times the root of 2 of its spread."""

    formula = r"y = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt"
    expression = "erf(x)"
    onnx = "Erf"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, (2 / math.sqrt(math.pi)) * Exp.on(-(x * x)))


@kind
class Erfc(Special):
    """What the error function leaves up to 1, without the cancellation for positive x."""

    formula = r"y = 1 - \mathrm{erf}\, x"
    expression = "erfc(x)"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, (-2 / math.sqrt(math.pi)) * Exp.on(-(x * x)))


@kind
class Lgamma(Special):
    """The logarithm of the absolute value of the gamma function."""

    formula = r"y = \ln |\Gamma(x)|"
    expression = "lgamma(x)"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Digamma.on(x))


@kind
class Digamma(Special):
    """The derivative of lgamma."""

    formula = r"y = \psi(x) = \frac{d}{dx} \ln |\Gamma(x)|"
    expression = "digamma(x)"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Polygamma.on(x, order=1))


@kind
class Polygamma(Special):
    """The derivative of digamma of an order from 1 on."""

    formula = r"y = \psi^{(n)}(x) = \frac{d^n}{dx^n} \psi(x)"
    order: int = 1

    def check_fields(self) -> None:
        if not isinstance(self.order, int) or not 1 <= self.order <= 170:  # 171! is beyond the largest float64
            raise LocalgradError(
                f"polygamma was asked with order={self.order!r}\nfound: orders are whole numbers from 1 on, to 170\n"
                "do: use lg.digamma for order 0"
            )

    def forward(self, x: Value) -> Value:
        from localgrad.nodes import special

        if self.order == 1:
            return special.trigamma(x)
        array = np.asarray(x)
        dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        with np.errstate(all="ignore"):
            return _polygamma(self.order, array.astype(np.float64)).astype(dtype)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Polygamma.on(x, order=self.order + 1))


def _polygamma(order: int, x: Any) -> Any:
    """Reflected to x > 0 by the derivatives of the cotangent (Abramowitz and Stegun 6.4.7)."""
    sign = -1.0 if order % 2 else 1.0
    low = x < 0.5
    y = -sign * math.factorial(order) * _zeta(order + 1, np.where(low, 1 - x, x))
    if not np.any(low):
        return y
    slopes = np.polynomial.Polynomial([0.0, 1.0])  # of the cotangent, as a polynomial in it
    for _ in range(order):
        slopes = slopes.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
    place = x - np.rint(x)
    cotangent = 1 / np.tan(np.pi * place)
    reflected = sign * y - np.pi ** (order + 1) * slopes(cotangent)
    pole = np.inf if order % 2 else np.nan
    reflected = np.where((place == 0) | np.isinf(x), np.where(np.isinf(x), np.nan, pole), reflected)
    return np.where(low, reflected, y)


def _zeta(s: int, x: Any) -> Any:
    """Hurwitz' zeta function: terms up to where the Euler-Maclaurin series for the rest has no error."""
    total = np.zeros_like(x)
    while np.any(near := x < _SERIES_FROM):
        total = total + np.where(near, x ** float(-s), 0)
        x = np.where(near, x + 1, x)
    total = total + x ** (1.0 - s) / (s - 1) + 0.5 * x ** float(-s)
    factor = float(s)
    for k, bernoulli in enumerate(_BERNOULLI, 1):
        total = total + bernoulli / math.factorial(2 * k) * factor * x ** (1.0 - s - 2 * k)
        factor *= (s + 2 * k - 1) * (s + 2 * k)
    return total


def erf(x: Any) -> Tensor:
    """The error function of each entry, from -1 to 1.

    >>> import localgrad as lg
    >>> lg.erf([0.0, 1.0]).data.round(4)
    array([0.    , 0.8427], dtype=float32)
    """
    return apply(Erf.make(), x)  # type: ignore[no-any-return]


def erfc(x: Any) -> Tensor:
    """1 - erf(x) of each entry, exact where that is small.

    >>> import localgrad as lg
    >>> lg.erfc([0.0, 100.0]).data
    array([1., 0.], dtype=float32)
    """
    return apply(Erfc.make(), x)  # type: ignore[no-any-return]


def lgamma(x: Any) -> Tensor:
    """The logarithm of the absolute value of the gamma function of each entry; inf at 0 and the negative integers.

    >>> import localgrad as lg
    >>> lg.lgamma([1.0, 5.0]).data.round(4)
    array([0.    , 3.1781], dtype=float32)
    """
    return apply(Lgamma.make(), x)  # type: ignore[no-any-return]


def digamma(x: Any) -> Tensor:
    """The derivative of lgamma at each entry.

    >>> import localgrad as lg
    >>> lg.digamma([1.0]).data.round(4)
    array([-0.5772], dtype=float32)
    """
    return apply(Digamma.make(), x)  # type: ignore[no-any-return]


def polygamma(order: int, x: Any) -> Tensor:
    """The derivative of digamma of an order from 1 on at each entry; order 0 is digamma itself.

    >>> import localgrad as lg
    >>> lg.polygamma(1, [1.0]).data.round(4)
    array([1.6449], dtype=float32)
    """
    return digamma(x) if order == 0 else apply(Polygamma.make(order=order), x)
