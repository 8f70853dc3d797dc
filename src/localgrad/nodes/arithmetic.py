"""Arithmetic: add, multiply and their relatives."""

from __future__ import annotations

import math
from math import isfinite
from typing import Any

import numpy as np

from localgrad.graph.kind import Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, chain


def scaled(grad: Value, factor: Value) -> Value:
    """The chain rule's product with a factor that may be a Python number: a finite one needs no care."""
    if isinstance(factor, (float, int)) and isfinite(factor):
        return grad * factor
    return chain(grad, factor)


@kind
class Add(Elementwise):
    """Add entry by entry; the gradient goes to both inputs unchanged."""

    formula = r"y = a + b"
    expression = "a + b"
    onnx = "Add"
    operator = "+"
    numpy = ("add",)
    inputs = ("a", "b")
    family = "arithmetic"

    def forward(self, a: Value, b: Value) -> Value:
        return a + b

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        return grad, grad


@kind
class Sub(Elementwise):
    """Subtract entry by entry."""

    formula = r"y = a - b"
    expression = "a - b"
    onnx = "Sub"
    operator = "-"
    numpy = ("subtract",)
    inputs = ("a", "b")
    family = "arithmetic"

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        return grad, -grad


@kind
class Mul(Elementwise):
    """Multiply entry by entry; each input's gradient is multiplied by the other input."""

    formula = r"y = a \cdot b"
    expression = "a * b"
    onnx = "Mul"
    operator = "*"
    numpy = ("multiply",)
    inputs = ("a", "b")
    family = "arithmetic"

    def forward(self, a: Value, b: Value) -> Value:
        return a * b

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        return scaled(grad, b) if wanted[0] else None, scaled(grad, a) if wanted[1] else None


@kind
class Div(Elementwise):
    """Divide entry by entry; integers divide to floats."""

    formula = r"y = a / b"
    expression = "a / b"
    onnx = "Div"
    operator = "/"
    numpy = ("divide", "true_divide")
    inputs = ("a", "b")
    family = "arithmetic"

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        if isinstance(b, (int, float)) and not isinstance(b, np.generic):  # a float64 is a float, yet has a gradient
            return (grad / b if b else chain(grad, math.copysign(math.inf, b))), None
        return chain(grad, 1 / b) if wanted[0] else None, chain(grad, -(y / b)) if wanted[1] else None


@kind
class Neg(Elementwise):
    """Change the sign."""

    formula = r"y = -x"
    expression = "-x"
    onnx = "Neg"
    operator = "negative"
    numpy = ("negative",)
    family = "arithmetic"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return -grad


@kind
class Pow(Elementwise):
    """Raise a to the power b; where a is 0 the gradient of b is 0 (b >= 0), as the limit is."""

    formula = r"y = a^b"
    expression = "a ** b"
    onnx = "Pow"
    operator = "**"
    numpy = ("power", "float_power")
    inputs = ("a", "b")
    family = "arithmetic"

    def forward(self, a: Value, b: Value) -> Value:
        if b.__class__ is int and b == 3:  # NumPy multiplies for 2 alone
            return a * a * a
        return a**b

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        return of_base(grad, y, a, b) if wanted[0] else None, of_exponent(grad, y, a, b) if wanted[1] else None


def of_base(grad: Value, y: Value, a: Value, b: Value) -> Value:
    """The gradient of a power's base. The power 0 has the derivative 0 everywhere, at a = 0 too."""
    from localgrad.nodes.branching import Where

    if isinstance(b, (int, float)):
        if b == 0:
            return Where.on(False, grad, 0.0)
        if b == 1:
            return grad
        if b == 2:
            return chain(grad, 2 * a)
        return chain(grad, 0.5 / y if b == 0.5 else b * a ** (b - 1))
    flat = b == 0
    return chain(grad, Where.on(flat, 0.0, b * a ** Where.on(flat, 1.0, b - 1)))


def of_exponent(grad: Value, y: Value, a: Value, b: Value) -> Value:
    """The gradient of a power's exponent, y ln a; 0 where a is 0 and b is not negative, as the limit is."""
    from localgrad.nodes.branching import Where
    from localgrad.nodes.exponential import Log

    if isinstance(a, (int, float)):
        if a > 0:
            return chain(grad, y * math.log(a))
        return chain(grad, Where.on(b >= 0, 0.0, -math.inf * y) if a == 0 else math.nan * y)
    return chain(grad, Where.on((a == 0) & (b >= 0), 0.0, y * Log.on(a)))


@kind
class FloorDivide(Elementwise):
    """Divide and round down; has no gradient."""

    formula = r"y = \lfloor a / b \rfloor"
    operator = "//"
    numpy = ("floor_divide",)
    inputs = ("a", "b")
    family = "arithmetic"
    differentiable = False

    def forward(self, a: Value, b: Value) -> Value:
        return np.floor_divide(a, b)


@kind
class Mod(Elementwise):
    """The remainder with the sign of the divisor, as Python's %; its derivative by a is 1."""

    formula = r"y = a - b \lfloor a / b \rfloor"
    expression = "a % b"
    operator = "%"
    onnx = "Mod"
    numpy = ("remainder", "mod")
    inputs = ("a", "b")
    family = "arithmetic"

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        return grad, chain(grad, -(a // b))


def add(a: Any, b: Any) -> Tensor:
    """The sum, entry by entry, of arrays whose shapes broadcast.

    >>> import localgrad as lg
    >>> lg.add([1.0, 2.0], 3.0).data
    array([4., 5.], dtype=float32)
    """
    return apply(Add.make(), a, b)  # type: ignore[no-any-return]


def subtract(a: Any, b: Any) -> Tensor:
    """The difference, entry by entry, of arrays whose shapes broadcast.

    >>> import localgrad as lg
    >>> lg.subtract([1.0, 2.0], 3.0).data
    array([-2., -1.], dtype=float32)
    """
    return apply(Sub.make(), a, b)  # type: ignore[no-any-return]


def multiply(a: Any, b: Any) -> Tensor:
    """The product, entry by entry, of arrays whose shapes broadcast.

    >>> import localgrad as lg
    >>> lg.multiply([1.0, 2.0], 3.0).data
    array([3., 6.], dtype=float32)
    """
    return apply(Mul.make(), a, b)  # type: ignore[no-any-return]


def divide(a: Any, b: Any) -> Tensor:
    """The quotient, entry by entry; integers divide to floats, and a division by 0 gives inf or NaN.

    >>> import localgrad as lg
    >>> lg.divide([1.0, 3.0], 2.0).data
    array([0.5, 1.5], dtype=float32)
    """
    return apply(Div.make(), a, b)  # type: ignore[no-any-return]


def negative(x: Any) -> Tensor:
    """Each entry with the other sign.

    >>> import localgrad as lg
    >>> lg.negative([1.0, -2.0]).data
    array([-1.,  2.], dtype=float32)
    """
    return apply(Neg.make(), x)  # type: ignore[no-any-return]


@numpy_function("positive")
def positive(x: Any) -> Tensor:
    """Each entry as it is.

    >>> import localgrad as lg
    >>> lg.positive([1.0, -2.0]).data
    array([ 1., -2.], dtype=float32)
    """
    from localgrad.nodes.structure import Identity

    return apply(Identity.make(), x)  # type: ignore[no-any-return]


def power(a: Any, b: Any) -> Tensor:
    """Entries of a to the power of those of b: NaN for a negative base with a fractional exponent.

    The gradient of b is 0 where a is 0 (and b is not negative), and NaN where a is negative.

    >>> import localgrad as lg
    >>> lg.power([2.0, 3.0], 2).data
    array([4., 9.], dtype=float32)
    """
    return apply(Pow.make(), a, b)  # type: ignore[no-any-return]


@numpy_function("square")
def square(x: Any) -> Tensor:
    """The square of each entry.

    >>> import localgrad as lg
    >>> lg.square([-3.0]).data
    array([9.], dtype=float32)
    """
    return apply(Pow.make(), x, 2)  # type: ignore[no-any-return]


def floor_divide(a: Any, b: Any) -> Tensor:
    """The quotient rounded down, entry by entry; without a gradient.

    >>> import localgrad as lg
    >>> lg.floor_divide([7.0, -7.0], 2.0).data
    array([ 3., -4.], dtype=float32)
    """
    return apply(FloorDivide.make(), a, b)  # type: ignore[no-any-return]


def remainder(a: Any, b: Any) -> Tensor:
    """What is left of a after the division by b, with the sign of b, as Python's %.

    >>> import localgrad as lg
    >>> lg.remainder([7.0, -7.0], 3.0).data
    array([1., 2.], dtype=float32)
    """
    return apply(Mod.make(), a, b)  # type: ignore[no-any-return]
