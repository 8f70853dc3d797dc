"""Trigonometric: circular and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.kind import Value
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, chain
from localgrad.nodes.exponential import Sqrt


class Trigonometric(Elementwise):
    """A circular or hyperbolic function or its inverse; angles in radians."""

    family = "trigonometric"


@kind
class Sin(Trigonometric):
    """The sine of an angle in radians."""

    formula = r"y = \sin x"
    expression = "sin(x)"
    onnx = "Sin"
    numpy = ("sin",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Cos.on(x))


@kind
class Cos(Trigonometric):
    """The cosine of an angle in radians."""

    formula = r"y = \cos x"
    expression = "cos(x)"
    onnx = "Cos"
    numpy = ("cos",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, -Sin.on(x))


@kind
class Tan(Trigonometric):
    """The tangent of an angle in radians."""

    formula = r"y = \tan x"
    expression = "tan(x)"
    onnx = "Tan"
    numpy = ("tan",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 + y * y)


@kind
class Asin(Trigonometric):
    """The angle whose sine is x, from -pi/2 to pi/2; NaN beyond [-1, 1]."""

    formula = r"y = \arcsin x"
    expression = "asin(x)"
    onnx = "Asin"
    numpy = ("arcsin",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / Sqrt.on((1 - x) * (1 + x)))


@kind
class Acos(Trigonometric):
    """The angle whose cosine is x, from 0 to pi; NaN beyond [-1, 1]."""

    formula = r"y = \arccos x"
    expression = "acos(x)"
    onnx = "Acos"
    numpy = ("arccos",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, -1 / Sqrt.on((1 - x) * (1 + x)))


@kind
class Atan(Trigonometric):
    """The angle whose tangent is x, from -pi/2 to pi/2."""

    formula = r"y = \arctan x"
    expression = "atan(x)"
    onnx = "Atan"
    numpy = ("arctan",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / (1 + x * x))


@kind
class Atan2(Trigonometric):
    """The angle of the point (b, a), from -pi to pi; at the origin, which has none, the gradient is 0."""

    formula = r"y = \mathrm{atan2}(a, b)"
    expression = "atan2(a, b)"
    numpy = ("arctan2",)
    inputs = ("a", "b")

    def forward(self, a: Value, b: Value) -> Value:
        return np.arctan2(a, b)

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        from localgrad.nodes.branching import Where

        square = a * a + b * b
        share = Where.on(square == 0, 0.0, 1 / square)
        return chain(grad, b * share) if wanted[0] else None, chain(grad, -a * share) if wanted[1] else None


@kind
class Sinh(Trigonometric):
    """The hyperbolic sine."""

    formula = r"y = \sinh x = (e^x - e^{-x}) / 2"
    expression = "sinh(x)"
    onnx = "Sinh"
    numpy = ("sinh",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Cosh.on(x))


@kind
class Cosh(Trigonometric):
    """The hyperbolic cosine."""

    formula = r"y = \cosh x = (e^x + e^{-x}) / 2"
    expression = "cosh(x)"
    onnx = "Cosh"
    numpy = ("cosh",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Sinh.on(x))


@kind
class Tanh(Trigonometric):
    """The hyperbolic tangent: squash every entry into (-1, 1)."""

    formula = r"y = \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}"
    expression = "tanh(x)"
    onnx = "Tanh"
    numpy = ("tanh",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 - y * y)


@kind
class Asinh(Trigonometric):
    """The inverse of the hyperbolic sine."""

    formula = r"y = \mathrm{arsinh}\, x"
    expression = "asinh(x)"
    onnx = "Asinh"
    numpy = ("arcsinh",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / Sqrt.on(x * x + 1))


@kind
class Acosh(Trigonometric):
    """The inverse of the hyperbolic cosine; NaN below 1."""

    formula = r"y = \mathrm{arcosh}\, x"
    expression = "acosh(x)"
    onnx = "Acosh"
    numpy = ("arccosh",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        # two roots, since one of the product would be real below -1 too
        return chain(grad, 1 / (Sqrt.on(x - 1) * Sqrt.on(x + 1)))


@kind
class Atanh(Trigonometric):
    """The inverse of the hyperbolic tangent; infinite at -1 and 1, NaN beyond."""

    formula = r"y = \mathrm{artanh}\, x"
    expression = "atanh(x)"
    onnx = "Atanh"
    numpy = ("arctanh",)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, 1 / ((1 - x) * (1 + x)))


def sin(x: Any) -> Tensor:
    """The sine of each entry, an angle in radians.

    >>> import localgrad as lg
    >>> lg.sin([0.0]).data
    array([0.], dtype=float32)
    """
    return apply(Sin.make(), x)  # type: ignore[no-any-return]


def cos(x: Any) -> Tensor:
    """The cosine of each entry, an angle in radians.

    >>> import localgrad as lg
    >>> lg.cos([0.0]).data
    array([1.], dtype=float32)
    """
    return apply(Cos.make(), x)  # type: ignore[no-any-return]


def tan(x: Any) -> Tensor:
    """The tangent of each entry, an angle in radians.

    >>> import localgrad as lg
    >>> lg.tan([0.0]).data
    array([0.], dtype=float32)
    """
    return apply(Tan.make(), x)  # type: ignore[no-any-return]


def asin(x: Any) -> Tensor:
    """The angle from -pi/2 to pi/2 whose sine is the entry; NaN beyond [-1, 1].

    >>> import localgrad as lg
    >>> lg.asin([1.0]).data.round(4)
    array([1.5708], dtype=float32)
    """
    return apply(Asin.make(), x)  # type: ignore[no-any-return]


def acos(x: Any) -> Tensor:
    """The angle from 0 to pi whose cosine is the entry; NaN beyond [-1, 1].

    >>> import localgrad as lg
    >>> lg.acos([1.0]).data
    array([0.], dtype=float32)
    """
    return apply(Acos.make(), x)  # type: ignore[no-any-return]


def atan(x: Any) -> Tensor:
    """The angle from -pi/2 to pi/2 whose tangent is the entry.

    >>> import localgrad as lg
    >>> lg.atan([1.0]).data.round(4)
    array([0.7854], dtype=float32)
    """
    return apply(Atan.make(), x)  # type: ignore[no-any-return]


def atan2(a: Any, b: Any) -> Tensor:
    """The angle from -pi to pi of the point with ordinate a and abscissa b; the gradient at the origin is 0.

    Shapes broadcast.

    >>> import localgrad as lg
    >>> lg.atan2([1.0], [0.0]).data.round(4)
    array([1.5708], dtype=float32)
    """
    return apply(Atan2.make(), a, b)  # type: ignore[no-any-return]


def sinh(x: Any) -> Tensor:
    """The hyperbolic sine of each entry.

    >>> import localgrad as lg
    >>> lg.sinh([0.0]).data
    array([0.], dtype=float32)
    """
    return apply(Sinh.make(), x)  # type: ignore[no-any-return]


def cosh(x: Any) -> Tensor:
    """The hyperbolic cosine of each entry.

    >>> import localgrad as lg
    >>> lg.cosh([0.0]).data
    array([1.], dtype=float32)
    """
    return apply(Cosh.make(), x)  # type: ignore[no-any-return]


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent of each entry, from -1 to 1.

    >>> import localgrad as lg
    >>> lg.tanh([0.0, 100.0]).data
    array([0., 1.], dtype=float32)
    """
    return apply(Tanh.make(), x)  # type: ignore[no-any-return]


def asinh(x: Any) -> Tensor:
    """The inverse of the hyperbolic sine.

    >>> import localgrad as lg
    >>> lg.asinh([0.0]).data
    array([0.], dtype=float32)
    """
    return apply(Asinh.make(), x)  # type: ignore[no-any-return]


def acosh(x: Any) -> Tensor:
    """The inverse of the hyperbolic cosine; NaN below 1.

    >>> import localgrad as lg
    >>> lg.acosh([1.0]).data
    array([0.], dtype=float32)
    """
    return apply(Acosh.make(), x)  # type: ignore[no-any-return]


def atanh(x: Any) -> Tensor:
    """The inverse of the hyperbolic tangent; infinite at -1 and 1, NaN beyond.

    >>> import localgrad as lg
    >>> lg.atanh([0.0, 1.0]).data
    array([ 0., inf], dtype=float32)
    """
    return apply(Atanh.make(), x)  # type: ignore[no-any-return]
