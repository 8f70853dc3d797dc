"""Branching: a choice by entry, and the largest, smallest and limited value by entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, ClassVar

import numpy as np

from localgrad.graph.errors import DTypeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.recording import as_input, promoted
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply
from localgrad.nodes.choosing import choose
from localgrad.nodes.comparison import truth
from localgrad.nodes.structure import Cast


@kind
class Where(Elementwise):
    """Take a where the condition is true, else b; the one not taken gets the gradient 0."""

    formula = r"y = \begin{cases} a & \text{condition} \\ b & \text{else} \end{cases}"
    expression = "where(condition, a, b)"
    onnx = "Where"
    inputs = ("condition", "a", "b")
    family = "branching"
    # the condition stays boolean; `where` brings a and b to one dtype
    promotes = False

    def shape(self, *specs: SpecLike) -> Spec:
        condition = specs[0]
        if not (
            condition is True or condition is False or (isinstance(condition, Spec) and condition.dtype == np.bool_)
        ):
            raise DTypeError(
                "Where needs booleans to choose by\nfound: {0} is "
                f"{condition.dtype if isinstance(condition, Spec) else repr(condition)}\n"
                "do: compare it, as in x > 0"
            )
        return super().shape(*specs)

    def forward(self, condition: Value, a: Value, b: Value) -> Value:
        chosen: Value = choose(condition, a, b)
        return chosen if chosen.ndim else chosen[()]

    def backward(
        self, grad: Value, y: Value, condition: Value, a: Value, b: Value, *, wanted: tuple[bool, ...]
    ) -> Value:
        return (
            None,
            Where.on(condition, grad, 0.0) if wanted[1] else None,
            Where.on(condition, 0.0, grad) if wanted[2] else None,
        )


class Outermost(Elementwise):
    """The largest or smallest of any number of inputs, entry by entry; NaN wins, and equal ones share the gradient."""

    inputs = ("*xs",)
    family = "branching"
    fold: ClassVar[str] = ""
    """The expression that folds two inputs, a and b, into one; more are folded in any order."""

    def folded(self, function: Callable[..., Any], xs: tuple[Value, ...]) -> Value:
        """All inputs folded by NumPy's function of two, Python numbers last, since two of them would make a float64."""
        if len(xs) == 2:
            return function(*xs)
        ordered = sorted(xs, key=lambda x: isinstance(x, (int, float)) and not isinstance(x, np.generic))
        return reduce(function, ordered) if len(xs) > 1 else np.array(xs[0])[()]

    def beaten(self, x: Value, y: Value) -> Value:
        """Where y is beyond x; nowhere if NaN is involved."""
        raise NotImplementedError

    def backward(self, grad: Value, y: Value, *xs: Value, wanted: tuple[bool, ...]) -> Value:
        from localgrad.nodes.comparison import Not

        if len(xs) == 1:
            return grad
        if len(xs) == 2:  # the usual case in fewer steps
            a, b = xs
            shared = Where.on(a == b, 0.5 * grad, grad)
            return (
                Where.on(self.beaten(a, b), 0.0, shared) if wanted[0] else None,
                Where.on(self.beaten(b, a), 0.0, shared) if wanted[1] else None,
            )
        taken = [Not.on(self.beaten(x, y)) for x in xs]
        share = grad / reduce(add, [Cast.on(each, dtype=grad.dtype.name) for each in taken])
        return tuple(Where.on(each, share, 0.0) if want else None for each, want in zip(taken, wanted, strict=True))


@kind
class Max(Outermost):
    """The largest of the inputs, entry by entry; NaN wins, and equal ones share the gradient."""

    formula = r"y = \max(x_1, \dots, x_n)"
    fold = "max(a, b)"
    onnx = "Max"
    numpy = ("maximum",)

    def forward(self, *xs: Value) -> Value:
        return self.folded(np.maximum, xs)

    def beaten(self, x: Value, y: Value) -> Value:
        return x < y


@kind
class Min(Outermost):
    """The smallest of the inputs, entry by entry; NaN wins, and equal ones share the gradient."""

    formula = r"y = \min(x_1, \dots, x_n)"
    fold = "min(a, b)"
    onnx = "Min"
    numpy = ("minimum",)

    def forward(self, *xs: Value) -> Value:
        return self.folded(np.minimum, xs)

    def beaten(self, x: Value, y: Value) -> Value:
        return x > y


@kind
class Clip(Elementwise):
    """Limit entries to a range; the gradient passes inside and at the bounds, and goes to a bound beyond it."""

    formula = r"y = \min(\max(x, \text{low}), \text{high})"
    expression = "min(max(x, low), high)"
    onnx = "Clip"
    inputs = ("x", "low?", "high?")
    family = "branching"

    def forward(self, x: Value, low: Value = None, high: Value = None) -> Value:
        if low is not None:
            x = np.maximum(x, low)
        if high is not None:
            x = np.minimum(x, high)
        return x if low is not None or high is not None else np.array(x)[()]

    def backward(
        self,
        grad: Value,
        y: Value,
        x: Value,
        low: Value = None,
        high: Value = None,
        *,
        wanted: tuple[bool, ...] = (True, False, False),
    ) -> Value:
        of_x, of_low, of_high = grad, None, None
        if low is not None:
            of_x = Where.on(x >= low, of_x, 0.0)
            if len(wanted) > 1 and wanted[1]:
                # where the bounds are the wrong way round, the upper one is the result
                of_low = Where.on(x < low if high is None else (x < low) & (low <= high), grad, 0.0)
        if high is not None:
            of_x = Where.on(x <= high, of_x, 0.0)
            if len(wanted) > 2 and wanted[2]:
                of_high = Where.on(x > high if low is None else (x > high) | (low > high), grad, 0.0)
        return of_x, of_low, of_high


@numpy_function("where")
def where(condition: Any, a: Any, b: Any) -> Tensor:
    """The entry of a where the condition is true, else that of b.

    Shapes broadcast; a and b are brought to one dtype; a condition of numbers is true where it is not 0. The gradient
    goes to the entry taken; the other gets exactly 0, even where it is infinite or NaN.

    >>> import localgrad as lg
    >>> x = lg.tensor([-1.0, 4.0], requires_grad=True)
    >>> y = lg.where(x > 0, lg.sqrt(x), 0.0)
    >>> y.sum().backward()
    >>> y.data, x.grad
    (array([0., 2.], dtype=float32), array([0.  , 0.25], dtype=float32))
    """
    left, right = promoted((as_input(a), as_input(b)), Where.make())
    return apply(Where.make(), truth(condition), left, right)  # type: ignore[no-any-return]


def maximum(*xs: Any) -> Tensor:
    """The largest of two or more arrays, entry by entry; NaN wins.

    Shapes broadcast. Equal entries share the gradient.

    >>> import localgrad as lg
    >>> lg.maximum([1.0, 5.0], [3.0, 2.0]).data
    array([3., 5.], dtype=float32)
    """
    return apply(Max.make(), *xs)  # type: ignore[no-any-return]


def minimum(*xs: Any) -> Tensor:
    """The smallest of two or more arrays, entry by entry; NaN wins.

    Shapes broadcast. Equal entries share the gradient.

    >>> import localgrad as lg
    >>> lg.minimum([1.0, 5.0], [3.0, 2.0]).data
    array([1., 2.], dtype=float32)
    """
    return apply(Min.make(), *xs)  # type: ignore[no-any-return]


@numpy_function("clip")
def clip(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """Entries limited to a range; a bound may be a number, an array or a tensor, or missing.

    The gradient passes where low <= x <= high; beyond, it goes to the bound if that is a tensor.

    >>> import localgrad as lg
    >>> lg.clip([-2.0, 0.5, 9.0], 0.0, 1.0).data
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return apply(Clip.make(), x, low, high)  # type: ignore[no-any-return]
