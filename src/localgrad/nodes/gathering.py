"""Gathering: entries picked by tensors of indices, and their gradients added up at the places they came from."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, IndexRangeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Shape, Spec, broadcast_shapes, format_shape, is_static, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import need_spec, normal_axes, shape_of
from localgrad.nodes.shaping import Shaped

ROUNDS: Final = 2
"""So often each row is added as a whole before the rest is taken together."""
FEW: Final = 128
"""Up to so many different rows are added up by a matrix product."""


def add_rows(values: NDArray[Any], rows: NDArray[Any], count: int) -> NDArray[Any]:
    """A matrix of `count` rows into which each row of values is added at its row number.

    Adding at repeated places is slow in NumPy, so each round adds one occurrence of every row as a whole; what is left
    after a few rounds (rows that occur often) is added by a product with zeros and ones, or entry by entry.
    """
    width = values.shape[1]
    total = np.zeros((count, width), values.dtype)
    if width == 1:
        np.add.at(total[:, 0], rows, values[:, 0])
        return total
    if count <= FEW and _finite(values):
        return _product(values, rows, count)
    last = np.empty(count, np.intp)
    for _ in range(ROUNDS):
        chosen = _one_of_each(rows, last)
        if chosen.all():
            total[rows] += values
            return total
        total[rows[chosen]] += values[chosen]
        rows, values = rows[~chosen], values[~chosen]
    different = rows[_one_of_each(rows, last)]
    if different.size <= FEW < rows.size and _finite(values):
        last[different] = np.arange(different.size)
        total[different] += _product(values, last[rows], different.size)
    else:
        flat = (rows[:, None] * width + np.arange(width)).ravel()
        np.add.at(total.reshape(-1), flat, values.ravel())
    return total


def _one_of_each(rows: NDArray[Any], last: NDArray[Any]) -> NDArray[Any]:
    """Which rows to take so that each number occurs once; `last` is room for the work."""
    numbers = np.arange(rows.size)
    last[rows] = numbers
    return last[rows] == numbers  # type: ignore[no-any-return]


def _finite(values: NDArray[Any]) -> bool:
    """Whether no entry is infinite or NaN, which times 0 would reach other rows; single or double precision only."""
    flat = values.reshape(-1)
    return values.dtype.char in "fd" and bool(np.isfinite(np.dot(flat, flat)))


def _product(values: NDArray[Any], rows: NDArray[Any], count: int) -> NDArray[Any]:
    chosen = np.zeros((count, rows.size), values.dtype)
    chosen[rows, np.arange(rows.size)] = 1
    return chosen @ values  # type: ignore[no-any-return]


def scattered(x: NDArray[Any], indices: NDArray[Any], shape: tuple[int, ...], axis: int) -> NDArray[Any]:
    """Zeros of a shape, with the entries of x added along an axis at these indices (0 or more)."""
    count = shape[axis]
    lead, trail = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    rows = indices.reshape(-1)
    if lead != 1:
        rows = (np.arange(lead)[:, None] * count + rows).reshape(-1)
    return add_rows(x.reshape(rows.size, trail), rows, lead * count).reshape(shape)


def positions(indices: Value, count: int, axis: int) -> NDArray[Any]:
    """Indices counted from 0; raises IndexRangeError where one lies outside."""
    found: NDArray[Any] = np.asarray(indices, dtype=np.intp)
    if found.size:
        low, high = found.min(), found.max()
        if low < -count or high >= count:
            raise outside(high if high >= count else low, count, axis)
        if low < 0:
            found = np.where(found < 0, found + count, found)
    return found


def outside(index: Any, count: int, axis: int) -> IndexRangeError:
    """The error for an index outside of its axis."""
    allowed = f"from {-count} to {count - 1}" if count else "nowhere: nothing can be picked from it"
    return IndexRangeError(
        f"index {index} was asked along axis {axis}{user_line()}\nfound: its length is {count}\n"
        f"do: give indices {allowed} (negative ones count from the end)"
    )


def clearer(x: Any, indices: tuple[Any, ...], axes: tuple[int, ...], error: IndexError) -> IndexError:
    """The error for an index NumPy refused, naming it, the axis and its length; NumPy's own where it is something else."""
    fits = len(indices) == len(axes) and all(axis < x.ndim for axis in axes)
    if not fits or any(np.asarray(each).dtype.kind not in "iu" for each in indices):
        return error
    for axis, each in zip(axes, indices, strict=True):
        try:
            positions(each, x.shape[axis], axis % x.ndim)
        except IndexRangeError as found:
            return found
    return error


def need_indices(kind: Kind, spec: SpecLike, place: int) -> Spec:
    """The spec of an input that holds indices."""
    found = need_spec(kind, spec, place)
    if found.dtype.kind not in "iu":
        hint = "a mask picks by x[mask]" if found.dtype.kind == "b" else "convert with .astype(np.int64)"
        raise DTypeError(
            f"{{{place}}} was used as indices of {kind.name}\nfound: {found.dtype}\ndo: give integers; {hint}"
        )
    return found


class Scattered(Shaped):
    """A kind that adds entries up in zeros of another tensor's shape: the dual of one that picks entries."""

    family = "indexing"
    inputs = ("x", "indices", "like?")

    @staticmethod
    def like_input(like: Value) -> tuple[Value, Shape | None]:
        """The input and the field that say the shape to reach: one of them is None."""
        if is_static(shape_of(like)) or not isinstance(like, Tensor):
            return None, tuple(shape_of(like))
        return like, None


@kind
class Gather(Kind):
    """Entries picked along an axis by a tensor of indices, of any rank; negative ones count from the end."""

    formula = r"y_{ij} = x_{\text{indices}_i, j}"
    onnx = "Gather"
    inputs = ("x", "indices")
    family = "indexing"
    axis: int = 0

    def shape(self, x: SpecLike, indices: SpecLike) -> Spec:
        spec, picks = need_spec(self, x), need_indices(self, indices, 1)
        (axis,) = normal_axes(self.axis, spec.ndim)
        return spec.with_shape((*spec.shape[:axis], *picks.shape, *spec.shape[axis + 1 :]))

    def forward(self, x: Value, indices: Value) -> Value:
        try:
            return np.take(x, indices, axis=self.axis)
        except IndexError as error:
            raise clearer(x, (indices,), (self.axis,), error) from None

    def backward(self, grad: Value, y: Value, x: Value, indices: Value) -> Value:
        return ScatterAdd.back(grad, indices, x, self.axis), None


@kind
class ScatterAdd(Scattered):
    """Zeros in another tensor's shape, with entries added along an axis at indices; the dual of Gather."""

    formula = r"y_{kj} = \sum_{i:\, \text{indices}_i = k} x_{ij}"
    axis: int = 0

    @classmethod
    def back(cls, x: Value, indices: Value, like: Value, axis: int) -> Value:
        """The entries of x added in the shape of `like`, whatever it will be."""
        given, shape = cls.like_input(like)
        return cls.on(x, indices, given, axis=axis, shape_to=shape)

    def shape(self, x: SpecLike, indices: SpecLike, like: SpecLike = None) -> Spec:
        spec, picks, target = need_spec(self, x), need_indices(self, indices, 1), self.target(like)
        (axis,) = normal_axes(self.axis, len(target))
        need_shape(self, spec, (*target[:axis], *picks.shape, *target[axis + 1 :]), target)
        return spec.with_shape(target)

    def forward(self, x: Value, indices: Value, like: Value = None) -> Value:
        target: Any = self.target(like)
        axis = self.axis % len(target)
        return scattered(np.asarray(x), positions(indices, target[axis], axis), tuple(target), axis)

    def backward(self, grad: Value, y: Value, x: Value, indices: Value, like: Value = None) -> Value:
        return Gather.on(grad, indices, axis=self.axis), None, None


def need_shape(kind: Kind, spec: Spec, wanted: Shape, target: Shape) -> None:
    """Raise ShapeError where entries to be added do not have the shape their indices give."""
    if not same_shape(spec.shape, wanted):
        raise ShapeError(
            f"{{0}} of shape {format_shape(spec.shape)} was to be added at indices in shape {format_shape(target)}\n"
            f"found: these indices pick entries of shape {format_shape(wanted)}\ndo: give {kind.name} that shape"
        )


def indexed_shape(shape: Shape, axes: tuple[int, ...], picks: Shape) -> Shape:
    """The shape of x[i, j, ...]: the picks stand where the axes were, in front where the axes are not neighbours."""
    rest = tuple(extent for axis, extent in enumerate(shape) if axis not in axes)
    lead = axes[0] if neighbours(axes) else 0
    return (*rest[:lead], *picks, *rest[lead:])


def neighbours(axes: tuple[int, ...]) -> bool:
    """Whether axes follow one another."""
    return axes[-1] - axes[0] == len(axes) - 1


@kind
class Index(Kind):
    """Entries picked by several tensors of indices at once, one for each of some axes, which broadcast (x[i, j])."""

    formula = r"y_k = x_{i_k, j_k, \dots}"
    inputs = ("x", "*indices")
    family = "indexing"
    axes: tuple[int, ...] = (0,)

    def check_fields(self) -> None:
        check_axes(self)

    def shape(self, x: SpecLike, *indices: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return spec.with_shape(indexed_shape(spec.shape, self.axes, picks_of(self, spec.ndim, indices, 1)))

    def forward(self, x: Value, *indices: Value) -> Value:
        index: list[Any] = [slice(None)] * (self.axes[-1] + 1)
        for axis, each in zip(self.axes, indices, strict=True):
            index[axis] = each
        try:
            return x[tuple(index)]
        except IndexError as error:
            raise clearer(x, indices, self.axes, error) from None

    def backward(self, grad: Value, y: Value, x: Value, *indices: Value) -> Value:
        given, shape = Scattered.like_input(x)
        back = IndexAdd.on(grad, given, *indices, axes=self.axes, shape_to=shape)
        return (back, *(None,) * len(indices))


def check_axes(kind: Any) -> None:
    """Raise ShapeError where the axes of an index are not in ascending order from 0 on."""
    axes = kind.axes
    if not axes or list(axes) != sorted(set(axes)) or axes[0] < 0:
        raise ShapeError(
            f"{kind.name} was given the axes {axes}\nfound: not ascending numbers\ndo: give for example (0, 1)"
        )


def picks_of(kind: Any, rank: int, indices: tuple[SpecLike, ...], first: int) -> Shape:
    """The broadcast shape of the indices."""
    if kind.axes[-1] >= rank or len(indices) != len(kind.axes):
        raise IndexRangeError(
            f"{kind.name} was to pick along the axes {kind.axes} with {len(indices)} tensors of indices\n"
            f"found: rank {rank}\ndo: give one for each of the axes, each below {rank}"
        )
    shapes = [need_indices(kind, each, first + place).shape for place, each in enumerate(indices)]
    try:
        return broadcast_shapes(*shapes)
    except ShapeError:
        raise ShapeError(
            f"{kind.name} was given indices of shapes {' and '.join(map(format_shape, shapes))}\nfound: they do not "
            "broadcast\ndo: make them equally long, or add axes of length 1 (i[:, None]) to pick a grid"
        ) from None


@kind
class IndexAdd(Scattered):
    """Zeros in another tensor's shape, with entries added at the places of several indices; the dual of Index."""

    formula = r"y_{k} = \sum_{n:\, (i_n, j_n, \dots) = k} x_n"
    inputs = ("x", "like?", "*indices")
    axes: tuple[int, ...] = (0,)

    def check_fields(self) -> None:
        check_axes(self)

    def shape(self, x: SpecLike, like: SpecLike = None, *indices: SpecLike) -> Spec:
        spec, target = need_spec(self, x), self.target(like)
        need_shape(self, spec, indexed_shape(target, self.axes, picks_of(self, len(target), indices, 2)), target)
        return spec.with_shape(target)

    def forward(self, x: Value, like: Value = None, *indices: Value) -> Value:
        shape: Any = tuple(self.target(like))
        axes = self.axes
        flat: Any = 0
        for axis, each in zip(axes, indices, strict=True):
            flat = flat * shape[axis] + positions(each, shape[axis], axis)
        x, flat = np.asarray(x), np.asarray(flat)
        count = math.prod(shape[axis] for axis in axes)
        if neighbours(axes):
            merged = (*shape[: axes[0]], count, *shape[axes[-1] + 1 :])
            return scattered(x, flat, merged, axes[0]).reshape(shape)
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        made = scattered(x, flat, (count, *(shape[axis] for axis in rest)), 0)
        order = [*axes, *rest]
        return made.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None, *indices: Value) -> Value:
        return (Index.on(grad, *indices, axes=self.axes), None, *(None,) * len(indices))


@kind
class TakeAlongAxis(Kind):
    """One entry picked along an axis for each index, where indices and x agree (or broadcast) on the other axes."""

    formula = r"y_{ij} = x_{\text{indices}_{ij},\, j}"
    onnx = "GatherElements"
    inputs = ("x", "indices")
    family = "indexing"
    axis: int = -1

    def shape(self, x: SpecLike, indices: SpecLike) -> Spec:
        spec, picks = need_spec(self, x), need_indices(self, indices, 1)
        return spec.with_shape(along_shape(spec.shape, picks.shape, self.axis))

    def forward(self, x: Value, indices: Value) -> Value:
        try:
            return np.take_along_axis(x, indices, self.axis)
        except IndexError as error:
            raise clearer(x, (indices,), (self.axis,), error) from None

    def backward(self, grad: Value, y: Value, x: Value, indices: Value) -> Value:
        given, shape = Scattered.like_input(x)
        return AddAlongAxis.on(grad, indices, given, axis=self.axis, shape_to=shape), None


def along_shape(shape: Shape, picks: Shape, axis: int) -> Shape:
    """The shape of entries taken along an axis; raises ShapeError where x and indices do not fit."""
    (place,) = normal_axes(axis, len(shape))
    fits = len(shape) == len(picks)
    if fits:
        try:
            others = broadcast_shapes(
                (*shape[:place], 1, *shape[place + 1 :]), (*picks[:place], 1, *picks[place + 1 :])
            )
            return (*others[:place], picks[place], *others[place + 1 :])
        except ShapeError:
            fits = False
    raise ShapeError(
        f"entries of {{0}}, shape {format_shape(shape)}, were to be taken along axis {place} by indices of shape "
        f"{format_shape(picks)}\nfound: they differ in rank, or on another axis\n"
        "do: give indices of the same rank, equally long (or 1) on all other axes"
    )


@kind
class AddAlongAxis(Scattered):
    """Zeros in another tensor's shape, with each entry added along an axis at its index; the dual of TakeAlongAxis."""

    formula = r"y_{kj} = \sum_{i:\, \text{indices}_{ij} = k} x_{ij}"
    axis: int = -1

    def shape(self, x: SpecLike, indices: SpecLike, like: SpecLike = None) -> Spec:
        spec, picks, target = need_spec(self, x), need_indices(self, indices, 1), self.target(like)
        need_shape(self, spec, along_shape(target, picks.shape, self.axis), target)
        return spec.with_shape(target)

    def forward(self, x: Value, indices: Value, like: Value = None) -> Value:
        shape: Any = tuple(self.target(like))
        axis = self.axis % len(shape)
        flat: Any = 0
        for place, extent in enumerate(shape):
            along = np.arange(extent).reshape((-1,) + (1,) * (len(shape) - place - 1))
            flat = flat * extent + (positions(indices, extent, axis) if place == axis else along)
        total = np.zeros(math.prod(shape), x.dtype)
        np.add.at(total, np.broadcast_to(flat, x.shape).ravel(), x.ravel())
        return total.reshape(shape)

    def backward(self, grad: Value, y: Value, x: Value, indices: Value, like: Value = None) -> Value:
        return TakeAlongAxis.on(grad, indices, axis=self.axis), None, None
