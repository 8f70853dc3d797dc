"""Signs: whole and broken parts, remainders, magnitudes with another number's sign, and what to do with NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.kind import Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, as_tensor, chain
from localgrad.nodes.branching import Where, where
from localgrad.nodes.comparison import Less
from localgrad.nodes.reduction import all as every
from localgrad.nodes.rounding import IsFinite, IsNaN, Sign, Step


@kind
class Trunc(Step):
    """The whole number towards 0. The gradient is 0."""

    formula = r"y = \mathrm{sgn}(x) \lfloor |x| \rfloor"
    expression = "trunc(x)"
    numpy = ("trunc",)


@kind
class FMod(Elementwise):
    """The remainder with the sign of what is divided, as C's fmod; its derivative by a is 1."""

    formula = r"y = a - b\, \mathrm{trunc}(a / b)"
    expression = "fmod(a, b)"
    numpy = ("fmod",)
    inputs = ("a", "b")
    family = "arithmetic"

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        return grad, chain(grad, -Trunc.on(a / b))


@kind
class CopySign(Elementwise):
    """The magnitude of a with the sign of b; a's derivative is 0 where a is 0, b's is 0 everywhere."""

    formula = r"y = |a|\, \mathrm{sgn}\, b"
    expression = "copysign(a, b)"
    numpy = ("copysign",)
    inputs = ("a", "b")
    family = "rounding"

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        return chain(grad, Sign.on(a) * Sign.on(y)), Where.on(False, grad, 0.0)


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("trunc", "fix")
def trunc(x: Any) -> Tensor:
    """The whole number towards 0 from each entry; the gradient is 0.

    >>> import localgrad as lg
    >>> lg.trunc([-1.7, 1.7]).data
    array([-1.,  1.], dtype=float32)
    """
    return apply(Trunc.make(), x)  # type: ignore[no-any-return]


def frac(x: Any) -> Tensor:
    """What `trunc` leaves of each entry, with its sign; the gradient is 1.

    >>> import localgrad as lg
    >>> lg.frac([-1.75, 1.5]).data
    array([-0.75,  0.5 ], dtype=float32)
    """
    x = as_tensor(x)
    return x - trunc(x)  # type: ignore[no-any-return]


def fmod(a: Any, b: Any) -> Tensor:
    """What is left of a after the division by b, with the sign of a, as C's fmod (`lg.remainder` has the sign of b).

    >>> import localgrad as lg
    >>> lg.fmod([7.0, -7.0], 3.0).data
    array([ 1., -1.], dtype=float32)
    """
    return apply(FMod.make(), a, b)  # type: ignore[no-any-return]


def copysign(a: Any, b: Any) -> Tensor:
    """The magnitude of a with the sign of b, entry by entry.

    >>> import localgrad as lg
    >>> lg.copysign([1.0, -2.0], [-3.0, -0.0]).data
    array([-1., -2.], dtype=float32)
    """
    return apply(CopySign.make(), a, b)  # type: ignore[no-any-return]


@numpy_function("signbit")
def signbit(x: Any) -> Tensor:
    """Whether the sign of each entry is minus, that of -0.0 too; without a gradient.

    >>> import localgrad as lg
    >>> lg.signbit([-0.0, 0.0, -2.0]).data
    array([ True, False,  True])
    """
    x = as_tensor(x)
    return Less.on(copysign(1.0, x) if x.dtype.kind == "f" else x, 0)  # type: ignore[no-any-return]


@numpy_function("heaviside")
def heaviside(x: Any, half: Any) -> Tensor:
    """0 below 0, 1 above it, and `half` at 0; NaN stays. Only `half` gets a gradient.

    >>> import localgrad as lg
    >>> lg.heaviside([-1.0, 0.0, 2.0], 0.5).data
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = as_tensor(x)
    step = where(x < 0, 0.0, where(IsNaN.on(x), x, 1.0))
    return where(x == 0, half, apply(Sign.make(), step))


@numpy_function("fmax")
def fmax(a: Any, b: Any) -> Tensor:
    """The larger of two entries, the other one where one is NaN; of equal ones a gets the gradient.

    >>> import localgrad as lg
    >>> lg.fmax([1.0, float("nan")], [2.0, 3.0]).data
    array([2., 3.], dtype=float32)
    """
    a, b = as_tensor(a), as_tensor(b)
    return where((a >= b) | IsNaN.on(b), a, b)


@numpy_function("fmin")
def fmin(a: Any, b: Any) -> Tensor:
    """The smaller of two entries, the other one where one is NaN; of equal ones a gets the gradient.

    >>> import localgrad as lg
    >>> lg.fmin([1.0, float("nan")], [2.0, 3.0]).data
    array([1., 3.], dtype=float32)
    """
    a, b = as_tensor(a), as_tensor(b)
    return where((a <= b) | IsNaN.on(b), a, b)


@numpy_function("nan_to_num")
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and infinities replaced by numbers: 0, and the largest and smallest of the dtype unless told.

    What is replaced gets no gradient.

    >>> import localgrad as lg
    >>> lg.nan_to_num([float("nan"), float("inf"), 1.0], posinf=9.0).data
    array([0., 9., 1.], dtype=float32)
    """
    x = as_tensor(x)
    if x.dtype.kind != "f":
        return x  # type: ignore[no-any-return]
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    return where(IsNaN.on(x), float(nan), where(x == np.inf, high, where(x == -np.inf, low, x)))


@numpy_function("isposinf")
def isposinf(x: Any) -> Tensor:
    """Whether each entry is inf.

    >>> import localgrad as lg
    >>> lg.isposinf([float("inf"), float("-inf")]).data
    array([ True, False])
    """
    return as_tensor(x) == np.inf


@numpy_function("isneginf")
def isneginf(x: Any) -> Tensor:
    """Whether each entry is -inf.

    >>> import localgrad as lg
    >>> lg.isneginf([float("inf"), float("-inf")]).data
    array([False,  True])
    """
    return as_tensor(x) == -np.inf


@numpy_function("isclose")
def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether entries differ by at most `atol + rtol * |b|`, as `np.isclose`; infinities have to be equal.

    >>> import localgrad as lg
    >>> lg.isclose([1.0, 2.0], [1.000001, 2.1]).data
    array([ True, False])
    """
    a, b = as_tensor(a), as_tensor(b)
    near: Tensor = IsFinite.on(b) & (abs(a - b) <= atol + rtol * abs(b)) | (a == b)
    return near | (IsNaN.on(a) & IsNaN.on(b)) if equal_nan else near


@numpy_function("allclose")
def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all entries are close (see `isclose`), as one bool.

    >>> import localgrad as lg
    >>> bool(lg.allclose([1.0, 2.0], [1.0, 2.1]))
    False
    """
    return every(isclose(a, b, rtol, atol, equal_nan))
