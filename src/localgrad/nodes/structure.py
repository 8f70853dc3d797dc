"""Structure: kinds that pass a value on, in another role, dtype or number of copies."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, as_dtype
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, need_spec, normal_axes, shape_of


@kind
class Identity(Kind):
    """Pass the value on unchanged."""

    formula = r"y = x"
    onnx = "Identity"
    view = True
    family = "structure"

    def shape(self, x: SpecLike) -> Spec:
        return need_spec(self, x)

    def forward(self, x: Value) -> Value:
        return x

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return grad


@kind
class StopGradient(Kind):
    """Pass the value on; no gradient flows back."""

    formula = r"y = x, \quad \partial y / \partial x := 0"
    view = True
    family = "structure"
    differentiable = False

    def shape(self, x: SpecLike) -> Spec:
        return need_spec(self, x)

    def forward(self, x: Value) -> Value:
        return x


@kind
class Branch(Kind):
    """Copy one value to n consumers; their gradients are summed."""

    formula = r"y_1 = \dots = y_n = x"
    view = True
    family = "structure"
    n: int = 2

    def check_fields(self) -> None:
        if not isinstance(self.n, int) or self.n < 1:
            raise ShapeError(
                f"a branch into {self.n!r} was asked\nfound: a value goes to a whole number of consumers\n"
                "do: give n, 1 or more"
            )

    def output_count(self) -> int:
        return self.n

    def shape(self, x: SpecLike) -> tuple[Spec, ...]:
        return (need_spec(self, x),) * self.n

    def forward(self, x: Value) -> Value:
        return (x,) * self.n

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return reduce(add, [each for each in grad if each is not None])


@kind
class Cast(Kind):
    """Convert to another dtype; the gradient is cast back."""

    formula = r"y = \mathrm{dtype}(x)"
    onnx = "Cast"
    family = "structure"
    dtype: str = "float32"

    def shape(self, x: SpecLike) -> Spec:
        return Spec(need_spec(self, x).shape, as_dtype(self.dtype))

    def forward(self, x: Value) -> Value:
        return np.asarray(x).astype(self.dtype)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Cast.on(grad, dtype=x.dtype.name)


@kind
class Size(Kind):
    """The number of entries along axes (all of them unless told), as a number of the dtype asked for."""

    formula = r"y = \prod_{a \in \mathrm{axis}} \mathrm{shape}(x)_a"
    family = "structure"
    differentiable = False
    axis: tuple[int, ...] | None = None
    dtype: str = "int64"

    def shape(self, x: SpecLike) -> Spec:
        normal_axes(self.axis, need_spec(self, x).ndim)
        return Spec((), self.dtype)

    def forward(self, x: Value) -> Value:
        shape = np.shape(x)
        total = 1
        for axis in normal_axes(self.axis, len(shape)):
            total *= shape[axis]
        return np.dtype(self.dtype).type(total)


@numpy_function("size")
def size(x: Value, axis: Any = None, like: Value = None) -> Value:
    """The number of entries of x along axes: an int where it is known, else a tensor the graph computes at each run.

    The latter is for named extents, which cannot be divided by themselves. It has the dtype of `like`, else that of x
    where x holds floats (so that a mean written by hand stays float32), else int64.

    >>> import localgrad as lg
    >>> lg.size(lg.tensor([[1.0, 2.0]])), lg.size(lg.tensor([[1.0, 2.0]]), axis=0)
    (2, 1)
    """
    shape = shape_of(x)
    axes = normal_axes(axis, len(shape))
    total: Extent = 1
    for each in axes:
        total = total * shape[each]
    if isinstance(total, Symbol):
        if not isinstance(x, Tensor):
            raise TypeError("only a tensor has named extents")
        known = x.dtype if like is None else like.dtype
        dtype = known.name if known.kind == "f" or like is not None else "int64"
        return Size.on(x, axis=axes, dtype=dtype)
    return total


@numpy_function("shape")
def shape(x: Any) -> Shape:
    """What `np.shape` gives of a tensor: ints, or named extents while capturing.

    >>> import localgrad as lg, numpy as np
    >>> np.shape(lg.tensor([[1.0, 2.0]]))
    (1, 2)
    """
    return shape_of(as_tensor(x))


def identity(x: Any) -> Tensor:
    """The same value as a node of its own: a place to name, or a copy of a parameter that may be assigned into.

    >>> import localgrad as lg
    >>> lg.identity([1.0, 2.0]).data
    array([1., 2.], dtype=float32)
    """
    return apply(Identity.make(), x)  # type: ignore[no-any-return]


def stop_gradient(x: Any) -> Tensor:
    """The same value, through which no gradient flows back.

    >>> import localgrad as lg
    >>> x = lg.tensor(3.0, requires_grad=True)
    >>> (x * lg.stop_gradient(x)).backward()
    >>> x.grad
    array(3., dtype=float32)
    """
    return apply(StopGradient.make(), x)  # type: ignore[no-any-return]


def branch(x: Any, n: int = 2) -> tuple[Tensor, ...]:
    """The same value for n consumers, whose gradients are summed; raises ShapeError for n below 1.

    Using a tensor twice does the same; this makes the branch a node of its own.

    >>> import localgrad as lg
    >>> x = lg.tensor(3.0, requires_grad=True)
    >>> a, b = lg.branch(x)
    >>> (a * b).backward()
    >>> x.grad
    array(6., dtype=float32)
    """
    return apply(Branch.make(n=n), x)  # type: ignore[no-any-return]


@numpy_function("astype")
def cast(x: Any, dtype: Any) -> Tensor:
    """The same values in another dtype; the gradient is cast back.

    Floats become integers by dropping the fraction, and have no gradient then. Raises DTypeError for complex numbers.

    >>> import localgrad as lg
    >>> lg.cast([1.7, -1.7], int).data
    array([ 1, -1])
    """
    tensor = as_tensor(x)
    wanted = as_dtype(dtype)
    return tensor if tensor.dtype == wanted else apply(Cast.make(dtype=wanted.name), tensor)
