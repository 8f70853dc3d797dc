"""Exponential: exponentials, logarithms, roots and reciprocals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from localgrad.graph.kind import Value
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, chain


@kind
class Exp(Elementwise):
    """The exponential, which is its own derivative."""

    formula = r"y = e^x"
    expression = "exp(x)"
    onnx = "Exp"
    numpy = ("exp",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, y)


@kind
class Expm1(Elementwise):
    """The exponential less 1, exact near 0 where the subtraction would cancel."""

    formula = r"y = e^x - 1"
    expression = "expm1(x)"
    numpy = ("expm1",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Exp.on(x))


@kind
class Exp2(Elementwise):
    """Two to the power x."""

    formula = r"y = 2^x"
    expression = "exp2(x)"
    numpy = ("exp2",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, y * math.log(2))


@kind
class Log(Elementwise):
    """The natural logarithm: -inf at 0, NaN below."""

    formula = r"y = \ln x"
    expression = "log(x)"
    onnx = "Log"
    numpy = ("log",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / x)


@kind
class Log1p(Elementwise):
    """The logarithm of 1 + x, exact near 0 where the addition would round."""

    formula = r"y = \ln(1 + x)"
    expression = "log1p(x)"
    numpy = ("log1p",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / (1 + x))


@kind
class Log2(Elementwise):
    """The logarithm to the base 2."""

    formula = r"y = \log_2 x"
    expression = "log2(x)"
    numpy = ("log2",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / (x * math.log(2)))


@kind
class Log10(Elementwise):
    """The logarithm to the base 10."""

    formula = r"y = \log_{10} x"
    expression = "log10(x)"
    numpy = ("log10",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / (x * math.log(10)))


@kind
class LogAddExp(Elementwise):
    """The logarithm of the sum of two exponentials, without computing them; each input's share is its gradient."""

    formula = r"y = \ln(e^a + e^b)"
    # two equal infinities have no difference; everywhere else this is the larger one plus a correction below ln 2
    expression = "max(a, b) + log1p(exp(-abs(where((a == b) & isinf(a), 0, a - b))))"
    numpy = ("logaddexp",)
    inputs = ("a", "b")
    family = "exponential"

    def forward(self, a: Value, b: Value) -> Value:
        return np.logaddexp(a, b)

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        from localgrad.nodes.activations import Sigmoid
        from localgrad.nodes.branching import Where
        from localgrad.nodes.rounding import IsInf

        distance = Where.on((a == b) & IsInf.on(a), 0.0, a - b)
        return (
            chain(grad, Sigmoid.on(distance)) if wanted[0] else None,
            chain(grad, Sigmoid.on(-distance)) if wanted[1] else None,
        )


@kind
class Sqrt(Elementwise):
    """The square root: NaN below 0; the derivative at 0 is infinite."""

    formula = r"y = \sqrt x"
    expression = "sqrt(x)"
    onnx = "Sqrt"
    numpy = ("sqrt",)
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 0.5 / y)


@kind
class Reciprocal(Elementwise):
    """One divided by x; for integers too a float."""

    formula = r"y = 1 / x"
    expression = "1 / x"
    onnx = "Reciprocal"
    family = "exponential"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, -(y * y))


def exp(x: Any) -> Tensor:
    """The exponential e^x of each entry.

    Any shape; floats keep their dtype, integers become float64. Overflow gives inf without a warning.

    >>> import localgrad as lg
    >>> lg.exp([0.0, -1000.0]).data
    array([1., 0.], dtype=float32)
    """
    return apply(Exp.make(), x)  # type: ignore[no-any-return]


def expm1(x: Any) -> Tensor:
    """e^x - 1 of each entry, exact near 0.

    >>> import localgrad as lg
    >>> lg.expm1([1e-10]).data
    array([1.e-10], dtype=float32)
    """
    return apply(Expm1.make(), x)  # type: ignore[no-any-return]


def exp2(x: Any) -> Tensor:
    """2^x of each entry.

    >>> import localgrad as lg
    >>> lg.exp2([3.0]).data
    array([8.], dtype=float32)
    """
    return apply(Exp2.make(), x)  # type: ignore[no-any-return]


def log(x: Any) -> Tensor:
    """The natural logarithm of each entry: -inf at 0, NaN below, without a warning.

    Any shape; floats keep their dtype, integers become float64.

    >>> import localgrad as lg
    >>> lg.log([1.0, 0.0]).data
    array([  0., -inf], dtype=float32)
    """
    return apply(Log.make(), x)  # type: ignore[no-any-return]


def log1p(x: Any) -> Tensor:
    """The natural logarithm of 1 + x, exact near 0.

    >>> import localgrad as lg
    >>> lg.log1p([1e-10]).data
    array([1.e-10], dtype=float32)
    """
    return apply(Log1p.make(), x)  # type: ignore[no-any-return]


def log2(x: Any) -> Tensor:
    """The logarithm to the base 2 of each entry.

    >>> import localgrad as lg
    >>> lg.log2([8.0]).data
    array([3.], dtype=float32)
    """
    return apply(Log2.make(), x)  # type: ignore[no-any-return]


def log10(x: Any) -> Tensor:
    """The logarithm to the base 10 of each entry.

    >>> import localgrad as lg
    >>> lg.log10([100.0]).data
    array([2.], dtype=float32)
    """
    return apply(Log10.make(), x)  # type: ignore[no-any-return]


def logaddexp(a: Any, b: Any) -> Tensor:
    """ln(e^a + e^b) of the entries of two arrays whose shapes broadcast, without overflow.

    >>> import localgrad as lg
    >>> lg.logaddexp([1000.0], [0.0]).data
    array([1000.], dtype=float32)
    """
    return apply(LogAddExp.make(), a, b)  # type: ignore[no-any-return]


def sqrt(x: Any) -> Tensor:
    """The square root of each entry; NaN below 0. The gradient at 0 is infinite, as the derivative is.

    >>> import localgrad as lg
    >>> lg.sqrt([4.0, 9.0]).data
    array([2., 3.], dtype=float32)
    """
    return apply(Sqrt.make(), x)  # type: ignore[no-any-return]


def reciprocal(x: Any) -> Tensor:
    """1 / x of each entry, a float for integers too.

    >>> import localgrad as lg
    >>> lg.reciprocal([4.0]).data
    array([0.25], dtype=float32)
    """
    return apply(Reciprocal.make(), x)  # type: ignore[no-any-return]
