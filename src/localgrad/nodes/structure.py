"""Structure: kinds that pass a value on, in another role, dtype or number of copies."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Spec, Symbol, as_dtype
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import need_spec, normal_axes, shape_of


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


def size(x: Value, axis: Any = None, like: Value = None) -> Value:
    """The number of entries of x along axes: an int where it is known, else a Size node of `like`'s dtype."""
    shape = shape_of(x)
    axes = normal_axes(axis, len(shape))
    total: Extent = 1
    for each in axes:
        total = total * shape[each]
    if isinstance(total, Symbol):
        if not isinstance(x, Tensor):
            raise TypeError("only a tensor has named extents")
        dtype = "int64" if like is None else like.dtype.name
        return Size.on(x, axis=axes, dtype=dtype)
    return total
