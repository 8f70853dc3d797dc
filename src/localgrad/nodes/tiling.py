"""Tiling: copies of whole tensors or of each entry, and entries in turned order."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Spec, Symbol, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec, normal_axes, rank_of, shape_of
from localgrad.nodes.gathering import Gather
from localgrad.nodes.reduction import axes_field, sum_dtype
from localgrad.nodes.shaping import Reshape, Unsqueeze
from localgrad.nodes.slicing import Slice


class Copies(Kind):
    """What copying whole axes and its dual share: how many copies along each axis."""

    family = "shaping"
    repeats: tuple[int, ...] = ()

    def check_fields(self) -> None:
        if any(each < 1 for each in self.repeats):
            raise ShapeError(
                f"{self.name} was asked for {self.repeats} copies\nfound: fewer than one\ndo: ask for one or more"
            )

    def check_rank(self, spec: Spec) -> Spec:
        """The spec, if there is a number of copies for each axis."""
        if len(self.repeats) != spec.ndim:
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was to be copied {self.repeats} times\nfound: rank {spec.ndim}\n"
                "do: give one number for each axis"
            )
        return spec


@kind
class Tile(Copies):
    """Copy the whole tensor so many times along each axis; the gradient is summed over the copies."""

    formula = r"y = (x, x, \dots, x)"
    onnx = "Tile"

    def shape(self, x: SpecLike) -> Spec:
        spec = self.check_rank(need_spec(self, x))
        return spec.with_shape(extent * each for extent, each in zip(spec.shape, self.repeats, strict=True))

    def forward(self, x: Value) -> Value:
        if len(self.repeats) != np.ndim(x):
            raise ValueError("one number of copies for each axis")
        return np.array(np.tile(x, self.repeats))[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Untile.on(grad, repeats=self.repeats)


@kind
class Untile(Copies):
    """Sum the copies Tile makes; its dual."""

    formula = r"y_j = \sum_c x_{c n + j}"

    def shape(self, x: SpecLike) -> Spec:
        spec = self.check_rank(need_spec(self, x))
        for axis, (extent, each) in enumerate(zip(spec.shape, self.repeats, strict=True)):
            need_multiple(extent, each, axis)
        shape = (extent // each for extent, each in zip(spec.shape, self.repeats, strict=True))
        return Spec(shape, sum_dtype(spec.dtype))

    def forward(self, x: Value) -> Value:
        if len(self.repeats) != np.ndim(x):
            raise ValueError("one number of copies for each axis")
        pairs = [(each, extent // each) for extent, each in zip(np.shape(x), self.repeats, strict=True)]
        parted = np.reshape(x, [number for pair in pairs for number in pair])
        return parted.sum(axis=tuple(range(0, 2 * len(pairs), 2)))

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return named_as(Tile.on(grad, repeats=self.repeats), x)


def need_multiple(extent: Extent, each: int, axis: int) -> None:
    """Raise ShapeError where an axis is no whole number of groups."""
    if not isinstance(extent, Symbol) and extent % each:
        raise ShapeError(
            f"axis {axis} of {{0}} was to be summed in groups of {each}\nfound: its length is {extent}\n"
            f"do: give a multiple of {each}"
        )


def named_as(grad: Value, x: Value) -> Value:
    """A gradient in the shape of x, where 2 * (N // 2) is known to be N by the values only."""
    return grad if same_shape(shape_of(grad), shape_of(x)) else Reshape.like(grad, x)


class Groups(Kind):
    """What copying each entry and its dual share."""

    family = "shaping"
    repeats: int = 2
    axis: int = 0

    def check_fields(self) -> None:
        if self.repeats < 1:
            raise ShapeError(
                f"{self.name} was asked for {self.repeats} copies\nfound: fewer than one\ndo: ask for one or more"
            )


@kind
class RepeatEach(Groups):
    """Copy each entry so many times next to itself along an axis; the gradient is summed over the copies."""

    formula = r"y = (x_1, x_1, x_2, x_2, \dots)"

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        (axis,) = normal_axes(self.axis, spec.ndim)
        return spec.with_shape((*spec.shape[:axis], spec.shape[axis] * self.repeats, *spec.shape[axis + 1 :]))

    def forward(self, x: Value) -> Value:
        return np.repeat(x, self.repeats, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return SumEach.on(grad, repeats=self.repeats, axis=self.axis)


@kind
class SumEach(Groups):
    """Sum groups of so many neighbours along an axis; the dual of RepeatEach."""

    formula = r"y = (x_1 + x_2, x_3 + x_4, \dots)"

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        (axis,) = normal_axes(self.axis, spec.ndim)
        need_multiple(spec.shape[axis], self.repeats, axis)
        shape = (*spec.shape[:axis], spec.shape[axis] // self.repeats, *spec.shape[axis + 1 :])
        return Spec(shape, sum_dtype(spec.dtype))

    def forward(self, x: Value) -> Value:
        axis = self.axis % x.ndim
        groups = (*x.shape[:axis], x.shape[axis] // self.repeats, self.repeats, *x.shape[axis + 1 :])
        return x.reshape(groups).sum(axis=axis + 1)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return named_as(RepeatEach.on(grad, repeats=self.repeats, axis=self.axis), x)


@kind
class Flip(Kind):
    """The entries in reversed order along axes (all of them unless told)."""

    formula = r"y_i = x_{n - 1 - i}"
    view = True
    family = "shaping"
    axis: tuple[int, ...] | None = None

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec

    def forward(self, x: Value) -> Value:
        return np.flip(x, self.axis)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Flip.on(grad, axis=self.axis)


@kind
class Roll(Kind):
    """The entries moved along axes, those that leave at one end coming in at the other."""

    formula = r"y_i = x_{(i - s) \bmod n}"
    family = "shaping"
    shift: tuple[int, ...]
    axis: tuple[int, ...]

    def check_fields(self) -> None:
        if len(self.shift) != len(self.axis):
            raise ShapeError(
                f"Roll was given the shifts {self.shift} for the axes {self.axis}\nfound: {len(self.shift)} and "
                f"{len(self.axis)}\ndo: give one shift for each axis"
            )

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        for axis in self.axis:  # an axis may be named twice, the shifts then add up
            normal_axes(axis, spec.ndim)
        return spec

    def forward(self, x: Value) -> Value:
        return np.roll(x, self.shift, self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Roll.on(grad, shift=tuple(-each for each in self.shift), axis=self.axis)


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("tile")
def tile(x: Any, reps: Any) -> Tensor:
    """Copies of the whole tensor along each axis; with more numbers than axes, new axes come in front, as in NumPy.

    Raises ShapeError for fewer than no copy.

    >>> import localgrad as lg
    >>> lg.tile(lg.tensor([1.0, 2.0]), 2).data
    array([1., 2., 1., 2.], dtype=float32)
    """
    several = axes_field(reps) or ()
    rank = rank_of(x) if hasattr(x, "shape") else np.ndim(x)
    several = (1,) * (rank - len(several)) + several
    if len(several) > rank:
        x = apply(Unsqueeze.make(axis=tuple(range(len(several) - rank))), x)
    if 0 in several:  # no copy of an axis is none of its entries
        x = apply(Slice.make(index=tuple(("slice", None, 0 if each == 0 else None, None) for each in several)), x)
        several = tuple(each or 1 for each in several)
    return apply(Tile.make(repeats=several), x)  # type: ignore[no-any-return]


@numpy_function("repeat")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each entry copied next to itself along an axis (of the flattened tensor unless told), as `np.repeat`.

    `repeats` is a number, or one for each entry of the axis. To copy a whole axis of length 1 use broadcasting, to copy
    the whole tensor `lg.tile`.

    >>> import localgrad as lg
    >>> lg.repeat(lg.tensor([1.0, 2.0]), 2).data
    array([1., 1., 2., 2.], dtype=float32)
    >>> lg.repeat(lg.tensor([1.0, 2.0]), [1, 2]).data
    array([1., 2., 2.], dtype=float32)
    """
    if axis is None:
        x, axis = apply(Reshape.make(shape_to=(-1,)), x), 0
    if hasattr(repeats, "__index__") and np.ndim(repeats) == 0:
        if repeats.__index__() == 0:
            return apply(Gather.make(axis=axis), x, np.zeros(0, np.int64))  # type: ignore[no-any-return]
        return apply(RepeatEach.make(repeats=repeats.__index__(), axis=axis), x)  # type: ignore[no-any-return]
    counts = np.asarray(repeats)
    if counts.size == 1:
        return repeat(x, int(counts.reshape(-1)[0]), axis)
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    (place,) = normal_axes(axis, len(shape))
    if counts.shape != (shape[place],):
        raise ShapeError(
            f"the entries along axis {place} were to be repeated {counts.tolist()} times\nfound: {shape[place]} entries\n"
            "do: give one number, or one for each entry"
        )
    return apply(Gather.make(axis=axis), x, np.repeat(np.arange(counts.size), counts))  # type: ignore[no-any-return]


@numpy_function("flip")
def flip(x: Any, axis: Any = None) -> Tensor:
    """The entries in reversed order along axes (all of them unless told).

    >>> import localgrad as lg
    >>> lg.flip(lg.tensor([1.0, 2.0, 3.0])).data
    array([3., 2., 1.], dtype=float32)
    """
    return apply(Flip.make(axis=axes_field(axis)), x)  # type: ignore[no-any-return]


@numpy_function("roll")
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """The entries moved along axes, those that leave at one end coming in at the other; flattened unless told an axis.

    >>> import localgrad as lg
    >>> lg.roll(lg.tensor([1.0, 2.0, 3.0]), 1).data
    array([3., 1., 2.], dtype=float32)
    """
    shifts, axes = axes_field(shift) or (), axes_field(axis)
    if axes is None:
        flat = apply(Reshape.make(shape_to=(-1,)), x)
        moved = apply(Roll.make(shift=(sum(shifts),), axis=(0,)), flat)
        return Reshape.like(moved, x if hasattr(x, "shape") else np.asarray(x))  # type: ignore[no-any-return]
    if len(shifts) == 1:
        shifts *= len(axes)
    elif len(axes) == 1:
        axes *= len(shifts)
    return apply(Roll.make(shift=shifts, axis=axes), x)  # type: ignore[no-any-return]
