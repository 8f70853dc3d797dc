"""Joining: tensors put together along an axis, and taken apart again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, format_shape, is_static, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec, normal_axes, rank_of, shape_of
from localgrad.nodes.creation import FullLike
from localgrad.nodes.shaping import Reshape, Unsqueeze
from localgrad.nodes.slicing import WHOLE, Slice


@kind
class Concat(Kind):
    """Put tensors one after another along an axis; the gradient is cut at the same places."""

    formula = r"y = (x_1, x_2, \dots, x_n)"
    onnx = "Concat"
    inputs = ("*x",)
    promotes = True
    family = "joining"
    axis: int = 0

    def shape(self, *xs: SpecLike) -> Spec:
        if not xs:
            raise ShapeError("Concat needs at least one tensor\nfound: none")
        specs = [need_spec(self, x, index) for index, x in enumerate(xs)]
        first = specs[0]
        (axis,) = normal_axes(self.axis, first.ndim)
        total: Extent = 0
        for index, spec in enumerate(specs):
            if spec.ndim != first.ndim:
                raise ShapeError(
                    f"{{0}} and {{{index}}} were to be joined along axis {axis}\nfound: ranks {first.ndim} and {spec.ndim}, "
                    f"shapes {format_shape(first.shape)} and {format_shape(spec.shape)}\n"
                    "do: give tensors of one rank (x[None] adds an axis), or use lg.stack"
                )
            for place in range(first.ndim):
                if place != axis and not same_extent(spec.shape[place], first.shape[place]):
                    raise ShapeError(
                        f"{{0}} and {{{index}}} were to be joined along axis {axis}\nfound: {first.shape[place]} and "
                        f"{spec.shape[place]} on axis {place}, shapes {format_shape(first.shape)} and "
                        f"{format_shape(spec.shape)}\ndo: make all other axes equally long"
                    )
            total = total + spec.shape[axis]
        shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
        return Spec(shape, np.result_type(*(spec.dtype for spec in specs)))

    def forward(self, *xs: Value) -> Value:
        return np.concatenate(xs, axis=self.axis)

    def backward(self, grad: Value, y: Value, *xs: Value) -> Value:
        if len(xs) == 1:
            return grad
        (axis,) = normal_axes(self.axis, rank_of(xs[0]))
        sizes = tuple(shape_of(x)[axis] for x in xs)
        if is_static(sizes):
            return Split.on(grad, axis=axis, sizes=sizes)
        return Split.on(grad, *xs, axis=axis, sections=len(xs))


@kind
class Split(Kind):
    """Cut along an axis into equal sections, sizes, or lengths like those of other tensors; the dual of Concat."""

    formula = r"(y_1, y_2, \dots, y_n) = x"
    onnx = "Split"
    inputs = ("x", "*like")
    view = True
    family = "joining"
    axis: int = 0
    sections: int = 2
    sizes: tuple[Any, ...] | None = None

    def output_count(self) -> int:
        return self.sections if self.sizes is None else len(self.sizes)

    def check_fields(self) -> None:
        if self.output_count() < 1:
            raise ShapeError("a tensor was to be split\nfound: no parts were asked for\ndo: ask for one or more")

    def _sizes(self, shape: Shape, like: tuple[Any, ...]) -> tuple[Extent, ...]:
        (axis,) = normal_axes(self.axis, len(shape))
        extent = shape[axis]
        if self.sizes is None and not like:
            if not isinstance(extent, Symbol) and extent % self.sections:
                raise ShapeError(
                    f"axis {axis} of {{0}} was to be split into {self.sections} equal parts\nfound: its length is {extent}\n"
                    "do: give a number that divides it, the places to cut at, or use np.array_split"
                )
            return (extent // self.sections,) * self.sections
        sizes = self.sizes if self.sizes is not None else tuple(shape_of(each)[axis] for each in like)
        total: Extent = 0
        for each in sizes:
            total = total + each
        if (is_static((total, extent)) and total != extent) or len(sizes) != self.output_count():
            raise ShapeError(
                f"axis {axis} of {{0}} was to be split into lengths {format_shape(sizes)}\nfound: its length is {extent}\n"
                "do: give lengths that add up to it"
            )
        return sizes

    def shape(self, x: SpecLike, *like: SpecLike) -> Spec | tuple[Spec, ...]:
        spec = need_spec(self, x)
        sizes = self._sizes(spec.shape, like)
        (axis,) = normal_axes(self.axis, spec.ndim)
        parts = tuple(spec.with_shape((*spec.shape[:axis], size, *spec.shape[axis + 1 :])) for size in sizes)
        return parts if len(parts) > 1 else parts[0]

    def forward(self, x: Value, *like: Value) -> Value:
        sizes: Any = self._sizes(np.shape(x), like)
        axis = self.axis % x.ndim
        parts = []
        start = 0
        for size in sizes:
            parts.append(x[(slice(None),) * axis + (slice(start, start + size),)])
            start += size
        return tuple(parts) if len(parts) > 1 else parts[0]

    def backward(self, grad: Value, y: Value, x: Value, *like: Value) -> Value:
        grads = grad if isinstance(grad, tuple) else (grad,)
        if any(each is None for each in grads):
            parts = y if isinstance(y, tuple) else (y,)
            grads = tuple(
                self._zeros(x, place, parts[place], like) if each is None else each for place, each in enumerate(grads)
            )
        nothing = (None,) * len(like)
        whole = Concat.on(*grads, axis=self.axis) if len(grads) > 1 else grads[0]
        return (whole if same_shape(shape_of(whole), shape_of(x)) else Reshape.like(whole, x), *nothing)

    def _zeros(self, x: Value, place: int, part: Value, like: tuple[Value, ...]) -> Value:
        """Zeros in the shape of a part that no gradient came to; a part nobody holds any more is cut again."""
        if part is not None:
            return FullLike.on(part, value=0.0)
        sizes = self._sizes(shape_of(x), like)
        (axis,) = normal_axes(self.axis, rank_of(x))
        start: Extent = 0
        for size in sizes[:place]:
            start = start + size
        index = (*(WHOLE,) * axis, ("slice", start, start + sizes[place], None))
        return FullLike.on(Slice.on(x, index=index), value=0.0)


@kind
class Stack(Kind):
    """Put tensors of one shape side by side along a new axis."""

    formula = r"y_i = x_i"
    inputs = ("*x",)
    promotes = True
    family = "joining"
    axis: int = 0

    def _axis(self, rank: int) -> int:
        return normal_axes(self.axis, rank + 1)[0]

    def shape(self, *xs: SpecLike) -> Spec:
        if not xs:
            raise ShapeError("Stack needs at least one tensor\nfound: none")
        specs = [need_spec(self, x, index) for index, x in enumerate(xs)]
        first = specs[0]
        for index, spec in enumerate(specs):
            if not same_shape(spec.shape, first.shape):
                raise ShapeError(
                    f"{{0}} and {{{index}}} were to be stacked\nfound: shapes {format_shape(first.shape)} and "
                    f"{format_shape(spec.shape)}\ndo: give tensors of one shape, or use lg.concatenate"
                )
        axis = self._axis(first.ndim)
        return Spec((*first.shape[:axis], len(specs), *first.shape[axis:]), self._dtype(xs, specs))

    @staticmethod
    def _dtype(xs: tuple[Any, ...], specs: list[Spec]) -> np.dtype[Any]:
        # Python numbers are weak: a list [tensor, 0.0] keeps the tensor's dtype
        weak = [x if isinstance(x, (bool, int, float)) else spec.dtype for x, spec in zip(xs, specs, strict=True)]
        return np.result_type(*weak)

    def forward(self, *xs: Value) -> Value:
        if any(isinstance(x, (bool, int, float)) and not isinstance(x, np.generic) for x in xs):
            dtype = np.result_type(*(x if isinstance(x, (bool, int, float)) else x.dtype for x in xs))
            return np.stack(xs, axis=self.axis, dtype=dtype)
        return np.stack(xs, axis=self.axis)

    def backward(self, grad: Value, y: Value, *xs: Value) -> Value:
        lead = (WHOLE,) * self._axis(rank_of(y) - 1)
        return tuple(Slice.on(grad, index=(*lead, place)) for place in range(len(xs)))


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("concatenate", "concat")
def concatenate(arrays: Any, axis: int | None = 0) -> Tensor:
    """Tensors joined along an axis (flattened first with `axis=None`).

    All other axes have to be equally long; mixed dtypes are promoted. Raises ShapeError where they do not fit.

    >>> import localgrad as lg
    >>> lg.concatenate([lg.tensor([1.0, 2.0]), [3.0]]).data
    array([1., 2., 3.], dtype=float32)
    """
    parts = list(arrays)
    if not parts:
        raise ShapeError("tensors were to be joined\nfound: an empty list\ndo: give at least one")
    if axis is None:
        parts = [apply(Reshape.make(shape_to=(-1,)), part) for part in parts]
        axis = 0
    return apply(Concat.make(axis=axis), *parts)  # type: ignore[no-any-return]


concat = concatenate


@numpy_function("stack")
def stack(arrays: Any, axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis.

    Raises ShapeError where shapes differ.

    >>> import localgrad as lg
    >>> lg.stack([lg.tensor([1.0, 2.0]), lg.tensor([3.0, 4.0])], axis=1).data
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    parts = list(arrays)
    if not parts:
        raise ShapeError("tensors were to be stacked\nfound: an empty list\ndo: give at least one")
    return apply(Stack.make(axis=axis), *parts)  # type: ignore[no-any-return]


@numpy_function("vstack")
def vstack(arrays: Any) -> Tensor:
    """Tensors joined along the first axis, vectors as rows.

    >>> import localgrad as lg
    >>> lg.vstack([lg.tensor([1.0, 2.0]), lg.tensor([3.0, 4.0])]).shape
    (2, 2)
    """
    return concatenate([at_least(part, 2, 0) for part in arrays], axis=0)


@numpy_function("hstack")
def hstack(arrays: Any) -> Tensor:
    """Tensors joined along the second axis, vectors along their only one.

    >>> import localgrad as lg
    >>> lg.hstack([lg.tensor([1.0, 2.0]), lg.tensor([3.0])]).shape
    (3,)
    """
    parts = [at_least(part, 1, 0) for part in arrays]
    return concatenate(parts, axis=0 if parts and rank_of(parts[0]) == 1 else 1)


@numpy_function("column_stack")
def column_stack(arrays: Any) -> Tensor:
    """Vectors as columns side by side, matrices as they are.

    >>> import localgrad as lg
    >>> lg.column_stack([lg.tensor([1.0, 2.0]), lg.tensor([3.0, 4.0])]).data
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    return concatenate([at_least(at_least(part, 1, 0), 2, 1) for part in arrays], axis=1)


def at_least(x: Any, rank: int, place: int) -> Any:
    """A tensor with axes of length 1 inserted at `place` until it has this rank."""
    value = x if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x)
    missing = rank - rank_of(value)
    return x if missing <= 0 else apply(Unsqueeze.make(axis=tuple(range(place, place + missing))), x)


@numpy_function("split")
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """A tensor cut along an axis: into so many equal parts, or before the given places.

    Raises ShapeError where the number does not divide the length. NumPy's `np.array_split` allows a remainder.

    >>> import localgrad as lg
    >>> [part.shape for part in lg.split(lg.tensor([1.0, 2.0, 3.0, 4.0]), [1, 3])]
    [(1,), (2,), (1,)]
    """
    if hasattr(indices_or_sections, "__index__"):
        made = apply(Split.make(axis=axis, sections=indices_or_sections.__index__()), x)
    else:
        made = apply(Split.make(axis=axis, sizes=_lengths(x, list(indices_or_sections), axis)), x)
    return list(made) if isinstance(made, tuple) else [made]


@numpy_function("array_split")
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """A tensor cut along an axis into parts of nearly equal length (the first ones longer), or before the given places.

    >>> import localgrad as lg
    >>> [part.shape for part in lg.array_split(lg.tensor([1.0, 2.0, 3.0]), 2)]
    [(2,), (1,)]
    """
    if not hasattr(indices_or_sections, "__index__"):
        return split(x, indices_or_sections, axis)
    parts = indices_or_sections.__index__()
    extent = _extent(x, axis)
    if isinstance(extent, Symbol):
        return split(x, parts, axis)
    each, rest = divmod(extent, parts)
    made = apply(Split.make(axis=axis, sizes=(each + 1,) * rest + (each,) * (parts - rest)), x)
    return list(made) if isinstance(made, tuple) else [made]


def _extent(x: Any, axis: int) -> Extent:
    shape = shape_of(x) if hasattr(x, "shape") else np.shape(x)
    (place,) = normal_axes(axis, len(shape))
    return shape[place]


def _lengths(x: Any, places: list[Any], axis: int) -> tuple[Extent, ...]:
    """The lengths between the places to cut at, which may count from the end and lie beyond it, as in NumPy."""
    extent = _extent(x, axis)
    cuts: list[Extent] = [0]
    for place in places:
        if isinstance(place, Symbol):
            cuts.append(place)
        elif isinstance(extent, Symbol):
            cuts.append(extent + place if place < 0 else int(place))
        else:
            cuts.append(range(extent)[:place].stop)
    cuts.append(extent)
    lengths = []
    for before, after in pairwise(cuts):
        length = after - before
        lengths.append(length if isinstance(length, Symbol) or length > 0 else 0)
    return tuple(lengths)
