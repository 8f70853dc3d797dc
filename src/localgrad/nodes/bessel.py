"""Bessel: the modified functions of the first kind, and the inverse of the error function."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import LocalgradError
from localgrad.graph.kind import Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain
from localgrad.nodes.exponential import Exp
from localgrad.nodes.gamma import Special

_FAR: Final = 40.0
"""From here the asymptotic series has converged to rounding before its terms grow, for orders up to 16."""


@kind
class BesselI(Special):
    """The modified Bessel function of the first kind, of a whole order from 0 on."""

    formula = r"y = I_n(x) = \sum_k \frac{(x / 2)^{2k + n}}{k!\, (k + n)!}"
    order: int = 0

    def check_fields(self) -> None:
        if not isinstance(self.order, int) or not 0 <= self.order <= 16:
            raise LocalgradError(
                f"a Bessel function was asked with order={self.order!r}\nfound: orders are whole numbers from 0 to 16\n"
                "do: give one of those"
            )

    def forward(self, x: Value) -> Value:
        array = np.asarray(x)
        dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        with np.errstate(all="ignore"):
            return _bessel(self.order, array.astype(np.float64)).astype(dtype)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        if self.order == 0:
            return chain(grad, BesselI.on(x, order=1))
        return chain(grad, 0.5 * (BesselI.on(x, order=self.order - 1) + BesselI.on(x, order=self.order + 1)))


def _bessel(order: int, x: NDArray[Any]) -> NDArray[Any]:
    """The power series, whose terms have one sign; far out the asymptotic one (Abramowitz and Stegun 9.6.10, 9.7.1)."""
    magnitude = np.abs(x)
    half = np.minimum(magnitude, _FAR) / 2
    square = half * half
    term = half**order / math.factorial(order)
    near = term.copy()
    for k in range(1, 100):
        term = term * square / (k * (k + order))
        near += term
    far = np.maximum(magnitude, _FAR)
    ratio: Any = np.ones_like(far)
    series = np.ones_like(far)
    for k in range(1, 40):
        ratio = ratio * ((2 * k - 1) ** 2 - 4 * order * order) / (8 * k * far)
        series += ratio
    y = np.where(magnitude < _FAR, near, np.exp(far) / np.sqrt(2 * np.pi * far) * series)
    y = np.where(np.isinf(magnitude), np.inf, np.where(np.isnan(x), x, y))
    return np.where((x < 0) & (order % 2 == 1), -y, y)


@kind
class ErfInv(Special):
    """The inverse of the error function: infinite at -1 and 1, NaN beyond."""

    formula = r"y = \mathrm{erf}^{-1}\, x"

    def forward(self, x: Value) -> Value:
        array = np.asarray(x)
        dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        with np.errstate(all="ignore"):
            return _inverse_erf(array.astype(np.float64)).astype(dtype)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, (0.5 * math.sqrt(math.pi)) * Exp.on(y * y))


def _inverse_erf(x: NDArray[Any]) -> NDArray[Any]:
    """Halley's steps from Winitzki's estimate (2008), which is right to two digits everywhere."""
    from localgrad.nodes import special

    magnitude = np.abs(x)
    rest = 1 - magnitude  # exact from 0.5 on
    tail = np.log1p(-magnitude * magnitude)
    middle = 2 / (math.pi * 0.147) + tail / 2
    y = np.sqrt(np.maximum(np.sqrt(middle * middle - tail / 0.147) - middle, 0))
    y = np.where(magnitude < 0.1, (0.5 * math.sqrt(math.pi)) * magnitude, y)
    for _ in range(3):
        # the error of erf where that is small, of erfc in the tail
        error = np.where(rest < 0.5, rest - special.erfc(y), special.erf(y) - magnitude)
        step = error / ((2 / math.sqrt(math.pi)) * np.exp(-y * y))
        y = y - step / (1 + y * step)
    y = np.where(rest == 0, np.inf, np.where(rest < 0, np.nan, y))
    return np.copysign(y, x)  # type: ignore[no-any-return]


def erfinv(x: Any) -> Tensor:
    """The inverse of the error function of each entry: infinite at -1 and 1, NaN beyond.

    >>> import localgrad as lg
    >>> lg.erfinv([0.0, 0.5, 1.0]).data.round(4)
    array([0.    , 0.4769,    inf], dtype=float32)
    """
    return apply(ErfInv.make(), x)  # type: ignore[no-any-return]


@numpy_function("i0")
def i0(x: Any) -> Tensor:
    """The modified Bessel function of the first kind and order 0 of each entry.

    >>> import localgrad as lg
    >>> lg.i0([0.0, 1.0]).data.round(4)
    array([1.    , 1.2661], dtype=float32)
    """
    return apply(BesselI.make(order=0), x)  # type: ignore[no-any-return]


def i1(x: Any) -> Tensor:
    """The modified Bessel function of the first kind and order 1 of each entry, the derivative of `i0`.

    >>> import localgrad as lg
    >>> lg.i1([0.0, 1.0]).data.round(4)
    array([0.    , 0.5652], dtype=float32)
    """
    return apply(BesselI.make(order=1), x)  # type: ignore[no-any-return]
