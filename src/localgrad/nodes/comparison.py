"""Comparison: questions about two entries, and logic on their answers; booleans have no gradient."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from localgrad.graph.errors import DTypeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply


class Comparison(Elementwise):
    """A question about two entries."""

    inputs = ("a", "b")
    family = "comparison"
    differentiable = False


@kind
class Less(Comparison):
    """Whether a is less than b; False where either is NaN."""

    formula = r"y = [a < b]"
    expression = "a < b"
    onnx = "Less"
    operator = "<"
    numpy = ("less",)


@kind
class LessOrEqual(Comparison):
    """Whether a is at most b; False where either is NaN."""

    formula = r"y = [a \le b]"
    expression = "a <= b"
    onnx = "LessOrEqual"
    operator = "<="
    numpy = ("less_equal",)


@kind
class Greater(Comparison):
    """Whether a is greater than b; False where either is NaN."""

    formula = r"y = [a > b]"
    expression = "a > b"
    onnx = "Greater"
    operator = ">"
    numpy = ("greater",)


@kind
class GreaterOrEqual(Comparison):
    """Whether a is at least b; False where either is NaN."""

    formula = r"y = [a \ge b]"
    expression = "a >= b"
    onnx = "GreaterOrEqual"
    operator = ">="
    numpy = ("greater_equal",)


@kind
class Equal(Comparison):
    """Whether a equals b; NaN equals nothing."""

    formula = r"y = [a = b]"
    expression = "a == b"
    onnx = "Equal"
    operator = "=="
    numpy = ("equal",)


@kind
class NotEqual(Comparison):
    """Whether a differs from b; NaN differs from everything."""

    formula = r"y = [a \ne b]"
    expression = "a != b"
    operator = "!="
    numpy = ("not_equal",)


class Logic(Elementwise):
    """Logic on booleans, bit by bit on integers; floats are refused."""

    inputs: ClassVar[tuple[str, ...]] = ("a", "b")
    family = "comparison"
    differentiable = False

    def shape(self, *specs: SpecLike) -> Spec:
        for index, spec in enumerate(specs):
            dtype = spec.dtype if isinstance(spec, Spec) else np.dtype(type(spec))
            if dtype.kind not in "iub":
                raise DTypeError(
                    f"{self.name} was asked of {{{index}}}\nfound: {dtype} values are neither true nor false\n"
                    "do: compare them first, as in (x > 0) & (y > 0)"
                )
        return super().shape(*specs)


@kind
class And(Logic):
    """Whether both are true. On integers it works bit by bit."""

    formula = r"y = a \wedge b"
    onnx = "And"
    operator = "&"
    numpy = ("bitwise_and",)

    def forward(self, a: Value, b: Value) -> Value:
        return np.bitwise_and(a, b)


@kind
class Or(Logic):
    """Whether at least one is true. On integers it works bit by bit."""

    formula = r"y = a \vee b"
    onnx = "Or"
    operator = "|"
    numpy = ("bitwise_or",)

    def forward(self, a: Value, b: Value) -> Value:
        return np.bitwise_or(a, b)


@kind
class Xor(Logic):
    """Whether exactly one is true. On integers it works bit by bit."""

    formula = r"y = a \oplus b"
    onnx = "Xor"
    operator = "^"
    numpy = ("bitwise_xor",)

    def forward(self, a: Value, b: Value) -> Value:
        return np.bitwise_xor(a, b)


@kind
class Not(Logic):
    """Whether it is false. On integers every bit is turned over."""

    formula = r"y = \neg x"
    onnx = "Not"
    operator = "~"
    numpy = ("invert",)
    inputs = ("x",)

    def forward(self, x: Value) -> Value:
        return np.invert(x)


def truth(x: Any) -> Any:
    """A condition as booleans: what is not boolean yet is true where it is not 0.

    >>> import localgrad as lg
    >>> from localgrad.nodes.comparison import truth
    >>> truth(lg.tensor([0.0, 2.0])).data
    array([False,  True])
    """
    dtype = getattr(x, "dtype", None)
    if isinstance(x, bool) or dtype == np.bool_:
        return x
    if isinstance(x, Tensor):
        return x != 0
    found = np.asarray(x)
    return x if found.dtype == np.bool_ else apply(NotEqual.make(), x, 0)


def less(a: Any, b: Any) -> Tensor:
    """Whether a is less than b; False where either is NaN.

    Shapes broadcast; the result is boolean.

    >>> import localgrad as lg
    >>> lg.less([1.0, 2.0], 2.0).data
    array([ True, False])
    """
    return apply(Less.make(), a, b)  # type: ignore[no-any-return]


def less_equal(a: Any, b: Any) -> Tensor:
    """Whether a is at most b; False where either is NaN.

    Shapes broadcast; the result is boolean.

    >>> import localgrad as lg
    >>> lg.less_equal([1.0, 2.0], 2.0).data
    array([ True,  True])
    """
    return apply(LessOrEqual.make(), a, b)  # type: ignore[no-any-return]


def greater(a: Any, b: Any) -> Tensor:
    """Whether a is greater than b; False where either is NaN.

    Shapes broadcast; the result is boolean.

    >>> import localgrad as lg
    >>> lg.greater([1.0, 2.0], 2.0).data
    array([False, False])
    """
    return apply(Greater.make(), a, b)  # type: ignore[no-any-return]


def greater_equal(a: Any, b: Any) -> Tensor:
    """Whether a is at least b; False where either is NaN.

    Shapes broadcast; the result is boolean.

    >>> import localgrad as lg
    >>> lg.greater_equal([1.0, 2.0], 2.0).data
    array([False,  True])
    """
    return apply(GreaterOrEqual.make(), a, b)  # type: ignore[no-any-return]


def equal(a: Any, b: Any) -> Tensor:
    """Whether a equals b; NaN equals nothing.

    Shapes broadcast; the result is boolean.

    >>> import localgrad as lg
    >>> lg.equal([1.0, 2.0], 2.0).data
    array([False,  True])
    """
    return apply(Equal.make(), a, b)  # type: ignore[no-any-return]


def not_equal(a: Any, b: Any) -> Tensor:
    """Whether a differs from b; NaN differs from everything.

    Shapes broadcast; the result is boolean.

    >>> import localgrad as lg
    >>> lg.not_equal([1.0, 2.0], 2.0).data
    array([ True, False])
    """
    return apply(NotEqual.make(), a, b)  # type: ignore[no-any-return]


@numpy_function("logical_and")
def logical_and(a: Any, b: Any) -> Tensor:
    """Whether both are true; numbers count as true where they are not 0.

    >>> import localgrad as lg
    >>> lg.logical_and([True, False], [1, 1]).data
    array([ True, False])
    """
    return apply(And.make(), truth(a), truth(b))  # type: ignore[no-any-return]


@numpy_function("logical_or")
def logical_or(a: Any, b: Any) -> Tensor:
    """Whether at least one is true; numbers count as true where they are not 0.

    >>> import localgrad as lg
    >>> lg.logical_or([True, False], [1, 1]).data
    array([ True,  True])
    """
    return apply(Or.make(), truth(a), truth(b))  # type: ignore[no-any-return]


@numpy_function("logical_xor")
def logical_xor(a: Any, b: Any) -> Tensor:
    """Whether exactly one is true; numbers count as true where they are not 0.

    >>> import localgrad as lg
    >>> lg.logical_xor([True, False], [1, 1]).data
    array([False,  True])
    """
    return apply(Xor.make(), truth(a), truth(b))  # type: ignore[no-any-return]


@numpy_function("logical_not")
def logical_not(x: Any) -> Tensor:
    """Whether it is false; numbers count as true where they are not 0.

    >>> import localgrad as lg
    >>> lg.logical_not([True, False]).data
    array([False,  True])
    """
    return apply(Not.make(), truth(x))  # type: ignore[no-any-return]
