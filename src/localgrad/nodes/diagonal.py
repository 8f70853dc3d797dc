"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, format_shape, is_static, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec, normal_axes, rank_of, shape_of
from localgrad.nodes.reduction import Sum
from localgrad.nodes.shaping import Shaped


@kind
class Trilu(Kind):
    """The upper (or lower) triangle of matrices, zeros elsewhere; `k` moves the diagonal it starts from."""

    formula = r"y_{ij} = x_{ij} \text{ for } j - i \ge k, \text{ else } 0"
    onnx = "Trilu"
    family = "shaping"
    upper: bool = True
    k: int = 0

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        if spec.ndim < 2:
            raise ShapeError(
                f"a triangle of {{0}} was asked\nfound: rank {spec.ndim}, shape {format_shape(spec.shape)}\n"
                "do: give a matrix, or a stack of them"
            )
        return spec

    def forward(self, x: Value) -> Value:
        if np.ndim(x) < 2:
            raise ValueError("rank below 2")
        return np.triu(x, self.k) if self.upper else np.tril(x, self.k)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Trilu.on(grad, upper=self.upper, k=self.k)


def diagonal_shape(shape: Shape, offset: int, axis1: int, axis2: int) -> Shape:
    """The shape of a diagonal, which stands on the last axis; raises ShapeError for axes that make no matrix."""
    (first,), (second,) = normal_axes(axis1, len(shape)), normal_axes(axis2, len(shape))
    if first == second:
        raise ShapeError(f"a diagonal of {{0}} was asked along axis {first} twice\ndo: give two different axes")
    rows, columns = shape[first], shape[second]
    length: Extent
    if is_static((rows, columns)):
        length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    else:
        # a named extent is taken to be the longer one beside a number, and as long as itself
        square = same_extent(rows, columns)
        ends = [rows + min(offset, 0), columns - max(offset, 0)]
        known = [end for end in ends if not isinstance(end, Symbol)]
        length = rows - abs(offset) if square or not known else known[0]
    rest = tuple(extent for axis, extent in enumerate(shape) if axis not in (first, second))
    return (*rest, length)


@kind
class Diagonal(Kind):
    """The entries where two axes have one index (moved by an offset), on a new last axis."""

    formula = r"y_i = x_{i,\, i + k}"
    view = True
    family = "shaping"
    offset: int = 0
    axis1: int = 0
    axis2: int = 1

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return spec.with_shape(diagonal_shape(spec.shape, self.offset, self.axis1, self.axis2))

    def forward(self, x: Value) -> Value:
        return np.diagonal(x, self.offset, self.axis1, self.axis2)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        fields = {"offset": self.offset, "axis1": self.axis1, "axis2": self.axis2}
        if isinstance(x, Tensor) and not is_static(x.shape):
            return Undiagonal.on(grad, x, **fields)
        return Undiagonal.on(grad, **fields, shape_to=tuple(shape_of(x)))


@kind
class Undiagonal(Shaped):
    """Zeros with the last axis of x on a diagonal, in the shape of another tensor or the smallest square; the dual of
    Diagonal.
    """

    formula = r"y_{i,\, i + k} = x_i, \quad y = 0 \text{ elsewhere}"
    offset: int = 0
    axis1: int = 0
    axis2: int = 1

    def target_of(self, shape: Shape, like: Any) -> Shape:
        """The shape asked for: square where nothing else is said."""
        if like is not None or self.shape_to is not None:
            return self.target(like)
        if not shape:
            raise ShapeError("{0} was to become a diagonal\nfound: rank 0\ndo: give a vector, or a stack of them")
        rank = len(shape) + 1
        axes = (*normal_axes(self.axis1, rank), *normal_axes(self.axis2, rank))
        length = shape[-1] + abs(self.offset)
        rest = iter(shape[:-1])
        return tuple(length if axis in axes else next(rest) for axis in range(rank))

    def shape(self, x: SpecLike, like: SpecLike = None) -> Spec:
        spec = need_spec(self, x)
        target = self.target_of(spec.shape, like)
        wanted = diagonal_shape(target, self.offset, self.axis1, self.axis2)
        if is_static(wanted) and is_static(spec.shape) and not same_shape(wanted, spec.shape):
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was to stand on a diagonal of shape {format_shape(target)}\n"
                f"found: that diagonal has shape {format_shape(wanted)}"
            )
        return spec.with_shape(target)

    def forward(self, x: Value, like: Value = None) -> Value:
        shape: Any = self.target_of(np.shape(x), like)
        if diagonal_shape(shape, self.offset, self.axis1, self.axis2) != x.shape:
            raise ValueError("the diagonal has another shape")
        y = np.zeros(shape, x.dtype)
        moved = np.moveaxis(y, (self.axis1, self.axis2), (-2, -1))
        numbers = np.arange(x.shape[-1])
        moved[..., numbers - min(self.offset, 0), numbers + max(self.offset, 0)] = x
        return y

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None) -> Value:
        return Diagonal.on(grad, offset=self.offset, axis1=self.axis1, axis2=self.axis2), None


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("triu")
def triu(x: Any, k: int = 0) -> Tensor:
    """The upper triangle of matrices, from the k-th diagonal on; zeros below.

    >>> import localgrad as lg
    >>> lg.triu(lg.ones((2, 2))).data
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    return apply(Trilu.make(upper=True, k=k.__index__()), x)  # type: ignore[no-any-return]


@numpy_function("tril")
def tril(x: Any, k: int = 0) -> Tensor:
    """The lower triangle of matrices, up to the k-th diagonal; zeros above.

    >>> import localgrad as lg
    >>> lg.tril(lg.ones((2, 2))).data
    array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    return apply(Trilu.make(upper=False, k=k.__index__()), x)  # type: ignore[no-any-return]


@numpy_function("diagonal")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal along two axes, on a new last axis; a positive offset lies above it.

    >>> import localgrad as lg
    >>> lg.diagonal(lg.tensor([[1.0, 2.0], [3.0, 4.0]])).data
    array([1., 4.], dtype=float32)
    """
    return apply(Diagonal.make(offset=offset.__index__(), axis1=axis1, axis2=axis2), x)  # type: ignore[no-any-return]


@numpy_function("diag")
def diag(x: Any, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix, or the matrix with a vector on its k-th diagonal.

    Raises ShapeError for other ranks.

    >>> import localgrad as lg
    >>> lg.diag(lg.tensor([1.0, 2.0])).data
    array([[1., 0.],
           [0., 2.]], dtype=float32)
    """
    rank = rank_of(x) if hasattr(x, "shape") else np.ndim(x)
    if rank == 1:
        return apply(Undiagonal.make(offset=k.__index__()), x)  # type: ignore[no-any-return]
    if rank == 2:
        return diagonal(x, k)
    raise ShapeError(
        f"diag was asked of rank {rank}\nfound: neither a vector nor a matrix\ndo: use lg.diagonal for stacks"
    )


@numpy_function("trace")
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the diagonal along two axes.

    >>> import localgrad as lg
    >>> lg.trace(lg.tensor([[1.0, 2.0], [3.0, 4.0]])).item()
    5.0
    """
    return apply(Sum.make(axis=(-1,)), diagonal(x, offset, axis1, axis2))  # type: ignore[no-any-return]
