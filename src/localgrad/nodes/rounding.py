"""Rounding: absolute values, signs, whole numbers, and tests for NaN and infinity."""

from __future__ import annotations

from typing import Any

from localgrad.graph.kind import Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Tensor
from localgrad.nodes.arithmetic import Mul
from localgrad.nodes.base import Elementwise, apply, chain


@kind
class Abs(Elementwise):
    """The absolute value; its derivative is the sign, 0 at 0."""

    formula = r"y = |x|"
    expression = "abs(x)"
    onnx = "Abs"
    operator = "abs"
    numpy = ("absolute", "fabs")
    family = "rounding"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Sign.on(x))


class Step(Elementwise):
    """A kind that is constant between its jumps: its gradient is 0 everywhere."""

    family = "rounding"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        from localgrad.nodes.branching import Where

        return Where.on(False, grad, 0.0)


@kind
class Sign(Step):
    """-1, 0 or 1 by the sign; NaN stays. The gradient is 0."""

    formula = r"y = \mathrm{sgn}\, x"
    expression = "sign(x)"
    onnx = "Sign"
    numpy = ("sign",)


@kind
class Floor(Step):
    """The largest whole number that is not above x. The gradient is 0."""

    formula = r"y = \lfloor x \rfloor"
    expression = "floor(x)"
    onnx = "Floor"
    numpy = ("floor",)


@kind
class Ceil(Step):
    """The smallest whole number that is not below x. The gradient is 0."""

    formula = r"y = \lceil x \rceil"
    expression = "ceil(x)"
    onnx = "Ceil"
    numpy = ("ceil",)


@kind
class Round(Step):
    """The nearest whole number, the even one at a half. The gradient is 0."""

    formula = r"y = \lfloor x \rceil"
    expression = "round(x)"
    onnx = "Round"
    numpy = ("rint",)


class Question(Elementwise):
    """A question about each entry: a boolean without a gradient."""

    family = "rounding"
    differentiable = False


@kind
class IsNaN(Question):
    """Whether an entry is NaN."""

    formula = r"y = [x \ne x]"
    expression = "isnan(x)"
    onnx = "IsNaN"
    numpy = ("isnan",)


@kind
class IsInf(Question):
    """Whether an entry is infinite, of either sign."""

    formula = r"y = [|x| = \infty]"
    expression = "isinf(x)"
    onnx = "IsInf"
    numpy = ("isinf",)


@kind
class IsFinite(Question):
    """Whether an entry is neither NaN nor infinite."""

    formula = r"y = [|x| < \infty]"
    expression = "isfinite(x)"
    numpy = ("isfinite",)


def abs(x: Any) -> Tensor:
    """The absolute value of each entry; the gradient at 0 is 0.

    >>> import localgrad as lg
    >>> lg.abs([-2.0, 3.0]).data
    array([2., 3.], dtype=float32)
    """
    return apply(Abs.make(), x)  # type: ignore[no-any-return]


def sign(x: Any) -> Tensor:
    """-1, 0 or 1 by the sign of each entry; the gradient is 0.

    >>> import localgrad as lg
    >>> lg.sign([-2.0, 0.0]).data
    array([-1.,  0.], dtype=float32)
    """
    return apply(Sign.make(), x)  # type: ignore[no-any-return]


def floor(x: Any) -> Tensor:
    """The largest whole number that is not above each entry; the gradient is 0.

    >>> import localgrad as lg
    >>> lg.floor([-0.5, 1.5]).data
    array([-1.,  1.], dtype=float32)
    """
    return apply(Floor.make(), x)  # type: ignore[no-any-return]


def ceil(x: Any) -> Tensor:
    """The smallest whole number that is not below each entry; the gradient is 0.

    >>> import localgrad as lg
    >>> lg.ceil([-0.5, 1.5]).data
    array([-0.,  2.], dtype=float32)
    """
    return apply(Ceil.make(), x)  # type: ignore[no-any-return]


@numpy_function("round", "around")
def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest whole number, the even one at a half, or the nearest number of so many decimals; the gradient is 0.

    >>> import localgrad as lg
    >>> lg.round([0.5, 1.5, 2.6]).data
    array([0., 2., 3.], dtype=float32)
    """
    if decimals == 0:
        return apply(Round.make(), x)  # type: ignore[no-any-return]
    scale = 10.0**decimals
    return apply(Round.make(), apply(Mul.make(), x, scale)) / scale  # type: ignore[no-any-return]


def isnan(x: Any) -> Tensor:
    """Whether each entry is NaN.

    >>> import localgrad as lg
    >>> lg.isnan([1.0, float("nan")]).data
    array([False,  True])
    """
    return apply(IsNaN.make(), x)  # type: ignore[no-any-return]


def isinf(x: Any) -> Tensor:
    """Whether each entry is infinite.

    >>> import localgrad as lg
    >>> lg.isinf([1.0, float("-inf")]).data
    array([False,  True])
    """
    return apply(IsInf.make(), x)  # type: ignore[no-any-return]


def isfinite(x: Any) -> Tensor:
    """Whether each entry is neither NaN nor infinite.

    >>> import localgrad as lg
    >>> lg.isfinite([1.0, float("nan")]).data
    array([ True, False])
    """
    return apply(IsFinite.make(), x)  # type: ignore[no-any-return]
