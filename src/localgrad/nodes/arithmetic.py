"""Arithmetic: add, multiply and their relatives."""

from __future__ import annotations

import numpy as np

from localgrad.graph.kind import Value
from localgrad.graph.registry import kind
from localgrad.nodes.base import Elementwise, chain


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
        return chain(grad, b) if wanted[0] else None, chain(grad, a) if wanted[1] else None


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
        return (
            chain(grad, 1 / b) if wanted[0] else None,
            chain(grad, -a / (b * b)) if wanted[1] else None,
        )


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

    def backward(self, grad: Value, y: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        from localgrad.nodes.branching import Where
        from localgrad.nodes.exponential import Log

        of_a = of_b = None
        if wanted[0]:
            # the power 0 has the derivative 0 everywhere, at a = 0 too, where a ** (b - 1) is infinite
            of_a = chain(grad, Where.on(b == 0, 0.0, b * a ** Where.on(b == 0, 1.0, b - 1)))
        if wanted[1]:
            of_b = chain(grad, Where.on((a == 0) & (b >= 0), 0.0, y * Log.on(a)))
        return of_a, of_b


@kind
class FloorDivide(Elementwise):
    """Divide and round down; has no gradient."""

    formula = r"y = \lfloor a / b \rfloor"
    operator = "//"
    numpy = ("floor_divide",)
    inputs = ("a", "b")
    family = "arithmetic"
    differentiable = False
    expression = "floor(a / b)"

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
