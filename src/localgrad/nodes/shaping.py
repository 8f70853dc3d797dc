"""Shaping: the same entries, or copies of them, in another shape."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import (
    Extent,
    Shape,
    Spec,
    Symbol,
    as_extent,
    broadcast_shapes,
    format_shape,
    is_static,
    product,
    same_extent,
    same_shape,
)
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, need_spec, normal_axes, rank_of, shape_of


class Shaped(Kind):
    """A kind whose output has a given shape, or that of a second input it only looks at."""

    inputs: ClassVar[tuple[str, ...]] = ("x", "like?")
    family = "shaping"
    shape_to: tuple[Any, ...] | None = None

    @classmethod
    def like(cls, x: Value, like: Value) -> Value:
        """Bring x to the shape of `like`, whatever it will be."""
        if not isinstance(x, Tensor) and not isinstance(like, Tensor):
            return cls.like_forward(x, np.shape(like))
        shape = shape_of(like)
        if is_static(shape) or not isinstance(like, Tensor):
            return cls.on(x, shape_to=tuple(shape))
        return cls.on(x, like)

    @classmethod
    def like_forward(cls, x: Value, shape: tuple[int, ...]) -> Value:
        """The computation on plain arrays."""
        raise NotImplementedError

    def target(self, like: Any) -> Shape:
        """The shape asked for."""
        if like is not None:
            return shape_of(like)
        if self.shape_to is None:
            raise ShapeError(f"{self.name} needs a shape or a second input to take it from")
        return self.shape_to

    def forward(self, x: Value, like: Value = None) -> Value:
        return self.like_forward(x, tuple(self.target(like)))  # type: ignore[arg-type]


@kind
class Repeat(Shaped):
    """Copy along axes until the shape is reached (broadcasting); the gradient is summed over the copies."""

    formula = r"y_{ij} = x_j \quad (i = 1 \dots n)"
    onnx = "Expand"
    view = True

    @classmethod
    def like_forward(cls, x: Value, shape: tuple[int, ...]) -> Value:
        return np.broadcast_to(x, shape)[()]

    def shape(self, x: SpecLike, like: SpecLike = None) -> Spec:
        spec, target = need_spec(self, x), self.target(like)
        try:
            reached = broadcast_shapes(spec.shape, target)
        except ShapeError:
            reached = ()
        if not same_shape(reached, target):
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was to be repeated to {format_shape(target)}\n"
                "found: only axes of length 1, or missing in front, can be repeated\n"
                "do: use lg.repeat or lg.tile to copy longer axes"
            )
        return Spec(target, spec.dtype)

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None) -> Value:
        return SumTo.like(grad, x), None


_ONES: Final[dict[Any, NDArray[Any]]] = {}


def _ones(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    if count > 1 << 16:
        return np.ones(count, dtype)
    if dtype not in _ONES or len(_ONES[dtype]) < count:
        _ONES[dtype] = np.ones(max(count, 1024), dtype)
    ones: NDArray[Any] = _ONES[dtype][:count]
    return ones


@kind
class SumTo(Shaped):
    """Sum the axes along which a smaller shape was repeated; the dual of Repeat."""

    formula = r"y_j = \sum_i x_{ij}"
    view = True  # of the same shape it is x itself

    @classmethod
    def like_forward(cls, x: Value, shape: tuple[int, ...]) -> Value:
        x = np.asarray(x)
        if x.shape == shape:
            return x[()]
        lead = x.ndim - len(shape)
        if lead and x.shape[lead:] == shape and x.flags.c_contiguous and x.dtype.kind == "f" and x.size > 256:
            # one matrix product with ones is several times faster than NumPy's sum over leading axes
            rows = math.prod(x.shape[:lead])
            if x.ndim == 2 and lead == 1:
                return np.matmul(_ones(rows, x.dtype), x)
            return (_ones(rows, x.dtype) @ x.reshape(rows, -1)).reshape(shape)[()]
        axes = tuple(range(lead)) + tuple(
            lead + i for i, extent in enumerate(shape) if extent == 1 and x.shape[lead + i] != 1
        )
        return x.sum(axis=axes, dtype=x.dtype).reshape(shape)[()]

    def shape(self, x: SpecLike, like: SpecLike = None) -> Spec:
        spec, target = need_spec(self, x), self.target(like)
        try:
            reached = broadcast_shapes(spec.shape, target)
        except ShapeError:
            reached = None
        if reached is None or not same_shape(reached, spec.shape):
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was to be summed to {format_shape(target)}\n"
                "found: that shape does not broadcast to it"
            )
        return Spec(target, spec.dtype)

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None) -> Value:
        return Repeat.like(grad, x), None


@kind
class Reshape(Shaped):
    """The same entries in another shape, in row-major order; one extent may be -1."""

    formula = r"y = \mathrm{reshape}(x)"
    onnx = "Reshape"
    view = True

    @classmethod
    def like_forward(cls, x: Value, shape: tuple[int, ...]) -> Value:
        return np.reshape(x, shape)[()]

    def target(self, like: Any) -> Shape:
        return super().target(like)

    def shape(self, x: SpecLike, like: SpecLike = None) -> Spec:
        spec, wanted = need_spec(self, x), tuple(self.target(like))
        total = spec.size
        if any(not isinstance(extent, Symbol) and extent == -1 for extent in wanted):
            known = product(extent for extent in wanted if isinstance(extent, Symbol) or extent != -1)
            if same_extent(known, 0) or (
                not (isinstance(total, Symbol) or isinstance(known, Symbol)) and total % known
            ):
                raise self._does_not_fit(spec, wanted)
            rest = total // known
            wanted = tuple(rest if not isinstance(extent, Symbol) and extent == -1 else extent for extent in wanted)
        if not same_extent(product(wanted), total) and not _unknown(wanted, total):
            raise self._does_not_fit(spec, wanted)
        return Spec(wanted, spec.dtype)

    def _does_not_fit(self, spec: Spec, wanted: Shape) -> ShapeError:
        return ShapeError(
            f"{{0}} of shape {format_shape(spec.shape)} was to be reshaped to {format_shape(wanted)}\n"
            f"found: {spec.size} entries\ndo: give extents whose product is that; one of them may be -1"
        )

    def check_fields(self) -> None:
        if self.shape_to is not None and sum(not isinstance(e, Symbol) and e == -1 for e in self.shape_to) > 1:
            raise ShapeError(f"only one extent of a new shape can be -1; found {format_shape(self.shape_to)}")

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None) -> Value:
        return Reshape.like(grad, x), None


def _unknown(wanted: Shape, total: Extent) -> bool:
    # floor divisions of names (from -1) multiply back to the whole only for sizes that fit, which the run will check
    return isinstance(total, Symbol) and "//" in f"{wanted} {total}"


@kind
class Transpose(Kind):
    """Axes in another order; the gradient goes back in the inverse order."""

    formula = r"y_{ij} = x_{ji}"
    onnx = "Transpose"
    view = True
    family = "shaping"
    axes: tuple[int, ...] | None = None

    def _order(self, rank: int) -> tuple[int, ...]:
        if self.axes is None:
            return tuple(range(rank))[::-1]
        order = tuple(axis % rank if rank else axis for axis in self.axes)
        if sorted(order) != list(range(rank)):
            raise ShapeError(
                f"the axes of {{0}} were to be put in the order {self.axes}\nfound: rank {rank}\n"
                f"do: name each axis from 0 to {rank - 1} once"
            )
        return order

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return spec.with_shape(spec.shape[axis] for axis in self._order(spec.ndim))

    def forward(self, x: Value) -> Value:
        return np.transpose(x, self.axes)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        if self.axes is None:
            return Transpose.on(grad)
        order = self._order(rank_of(x))
        inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
        return Transpose.on(grad, axes=inverse)


def swap_last(x: Value) -> Value:
    """A matrix (or stack of matrices) transposed."""
    rank = rank_of(x)
    if not isinstance(x, Tensor):
        return x.swapaxes(-1, -2)
    if rank == 2:
        return Transpose.on(x)
    return Transpose.on(x, axes=(*range(rank - 2), rank - 1, rank - 2))


@kind
class Unsqueeze(Kind):
    """Insert axes of length 1, at places counted in the result."""

    formula = r"y = x_{\dots, \mathrm{new}, \dots}"
    onnx = "Unsqueeze"
    view = True
    family = "shaping"
    axis: tuple[int, ...] = (0,)

    def _axes(self, rank: int) -> tuple[int, ...]:
        return normal_axes(self.axis, rank + len(self.axis))

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        axes = self._axes(spec.ndim)
        rest = iter(spec.shape)
        return spec.with_shape(1 if axis in axes else next(rest) for axis in range(spec.ndim + len(axes)))

    def forward(self, x: Value) -> Value:
        return np.expand_dims(x, self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Squeeze.on(grad, axis=self._axes(rank_of(x)))


@kind
class Squeeze(Kind):
    """Remove axes of length 1 (all of them unless told)."""

    formula = r"y = x_{\dots, 1, \dots}"
    onnx = "Squeeze"
    view = True
    family = "shaping"
    axis: tuple[int, ...] | None = None

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(axis for axis, extent in enumerate(shape) if same_extent(extent, 1))
        axes = normal_axes(self.axis, len(shape))
        for axis in axes:
            if not same_extent(shape[axis], 1):
                raise ShapeError(
                    f"axis {axis} of {{0}} was to be removed\nfound: its length is {shape[axis]}, "
                    f"shape {format_shape(shape)}\ndo: remove only axes of length 1, or pick an index"
                )
        return axes

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        axes = self._axes(spec.shape)
        return spec.with_shape(extent for axis, extent in enumerate(spec.shape) if axis not in axes)

    def forward(self, x: Value) -> Value:
        return np.squeeze(x, self._axes(np.shape(x)))[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Unsqueeze.on(grad, axis=self._axes(shape_of(x)))


def extents(shape: Any) -> tuple[Any, ...]:
    """A shape argument as a tuple of ints (-1 allowed) and named extents."""
    items = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(-1 if not isinstance(item, (Symbol, str)) and item == -1 else as_extent(item) for item in items)


@numpy_function("reshape")
def reshape(x: Any, shape: Any) -> Tensor:
    """The same entries in another shape, in row-major order; one extent may be -1, which takes what is left.

    Extents are ints or named ones (`x.shape[0]` while capturing). Raises ShapeError where the entries do not fit.

    >>> import localgrad as lg
    >>> lg.reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).shape
    (2, 2)
    """
    return apply(Reshape.make(shape_to=extents(shape)), x)  # type: ignore[no-any-return]


@numpy_function("ravel")
def ravel(x: Any) -> Tensor:
    """All entries along one axis.

    >>> import localgrad as lg
    >>> lg.ravel([[1.0, 2.0], [3.0, 4.0]]).data
    array([1., 2., 3., 4.], dtype=float32)
    """
    return reshape(x, -1)


def flatten(x: Any, axis: int = 0) -> Tensor:
    """The axes from `axis` on as one; `axis=1` keeps a batch. Raises ShapeError where there is no such axis.

    >>> import localgrad as lg, numpy as np
    >>> lg.flatten(np.zeros((5, 2, 3)), axis=1).shape
    (5, 6)
    """
    tensor = as_tensor(x)
    (first,) = normal_axes(axis, tensor.ndim) if tensor.ndim else (0,)
    kept = tensor.shape[:first]
    if len(kept) + 1 == tensor.ndim:
        return tensor
    # the merged extent is stated where it can be, since -1 says nothing of a tensor without entries
    return reshape(tensor, (*kept, product(tensor.shape[first:])))


@numpy_function("transpose", "permute_dims")
def transpose(x: Any, axes: Any = None) -> Tensor:
    """The axes in another order, reversed unless told. Raises ShapeError unless each axis is named once.

    >>> import localgrad as lg, numpy as np
    >>> lg.transpose(np.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    return apply(Transpose.make(axes=None if axes is None else tuple(axes)), x)  # type: ignore[no-any-return]


@numpy_function("matrix_transpose")
def matrix_transpose(x: Any) -> Tensor:
    """The last two axes exchanged: `np.matrix_transpose` of a tensor.

    >>> import localgrad as lg, numpy as np
    >>> np.matrix_transpose(lg.tensor(np.zeros((2, 3, 4)))).shape
    (2, 4, 3)
    """
    return swapaxes(x, -1, -2)


@numpy_function("swapaxes")
def swapaxes(x: Any, first: int, second: int) -> Tensor:
    """Two axes exchanged. Raises ShapeError for an axis that is not there.

    >>> import localgrad as lg, numpy as np
    >>> lg.swapaxes(np.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    tensor = as_tensor(x)
    order = list(range(tensor.ndim))
    one, other = axes_of(tensor, (first,))[0], axes_of(tensor, (second,))[0]
    order[one], order[other] = other, one
    return transpose(tensor, order)


@numpy_function("moveaxis")
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places, the rest kept in order. Raises ShapeError for an axis that is not there.

    >>> import localgrad as lg, numpy as np
    >>> lg.moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    tensor = as_tensor(x)
    moved, places = axes_of(tensor, source), axes_of(tensor, destination)
    if len(moved) != len(places):
        raise ShapeError(f"axes {source!r} were to be moved to {destination!r}\ndo: name as many places as axes")
    order = [axis for axis in range(tensor.ndim) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return transpose(tensor, order)


def axes_of(x: Tensor, axes: Any) -> tuple[int, ...]:
    """Axes a user named, counted from 0, in the order given; raises ShapeError naming the tensor."""
    listed = tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
    try:
        normal_axes(listed, x.ndim)
    except ShapeError as error:
        raise ShapeError(str(error).replace("{0}", f"`{x.name}`")) from None
    return tuple(axis % x.ndim for axis in listed)


@numpy_function("squeeze")
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """Without axes of length 1: the ones named, or all of them (a named extent is not taken for 1).

    Raises ShapeError for an axis of another length.

    >>> import localgrad as lg, numpy as np
    >>> lg.squeeze(np.zeros((1, 3, 1))).shape, lg.squeeze(np.zeros((1, 3, 1)), axis=0).shape
    ((3,), (3, 1))
    """
    tensor = as_tensor(x)
    if axis is None:  # said now, since a batch of one must not lose its axis later
        axis = tuple(place for place, extent in enumerate(tensor.shape) if same_extent(extent, 1))
    else:
        axis = axes_of(tensor, axis)
    return apply(Squeeze.make(axis=axis), tensor) if axis else tensor


@numpy_function("expand_dims")
def expand_dims(x: Any, axis: Any) -> Tensor:
    """With axes of length 1 inserted, at places counted in the result.

    >>> import localgrad as lg
    >>> lg.expand_dims([1.0, 2.0], (0, -1)).shape
    (1, 2, 1)
    """
    return apply(Unsqueeze.make(axis=tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)), x)  # type: ignore[no-any-return]


@numpy_function("broadcast_to")
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Copies along axes of length 1, or missing in front, until the shape is reached; the gradient is summed over them.

    Raises ShapeError where an axis is longer than 1 and differs.

    >>> import localgrad as lg
    >>> lg.broadcast_to([1.0, 2.0], (3, 2)).shape
    (3, 2)
    """
    return apply(Repeat.make(shape_to=extents(shape)), x)  # type: ignore[no-any-return]


def sum_to(x: Any, shape: Any) -> Tensor:
    """The sum over the axes along which a smaller shape would be copied: what a broadcast's gradient is.

    >>> import localgrad as lg
    >>> lg.sum_to([[1.0, 2.0], [3.0, 4.0]], (2,)).data
    array([4., 6.], dtype=float32)
    """
    return apply(SumTo.make(shape_to=extents(shape)), x)  # type: ignore[no-any-return]
