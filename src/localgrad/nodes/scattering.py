"""Scattering: a copy of a tensor with entries written, or added, along an axis at indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import DTypeError, MissingRuleError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.recording import as_input
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Shape, Spec, broadcast_shapes, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec
from localgrad.nodes.branching import Where
from localgrad.nodes.gathering import TakeAlongAxis, along_shape, clearer, need_indices
from localgrad.nodes.shaping import Reshape
from localgrad.nodes.sorting import flat_where_none


@kind
class ScatterElements(Kind):
    """A copy of x with a value written (or added) along an axis at each index; of several for one place the last stays."""

    formula = r"y = x, \quad y_{\text{indices}_{ij},\, j} = \text{values}_{ij}"
    onnx = "ScatterElements"
    checked = True  # NumPy would write several values into one place where x is shorter than the indices
    inputs = ("x", "indices", "values")
    family = "indexing"
    axis: int = -1
    reduction: str = "none"

    def check_fields(self) -> None:
        if self.reduction not in ("none", "add"):
            raise ShapeError(
                f"entries were to be scattered by {self.reduction!r}\nfound: no such way\ndo: give 'none' or 'add'"
            )

    def shape(self, x: SpecLike, indices: SpecLike, values: SpecLike) -> Spec:
        spec, picks, given = need_spec(self, x), need_indices(self, indices, 1), need_spec(self, values, 2)
        target = along_shape(spec.shape, picks.shape, self.axis)
        rest = self.axis % spec.ndim
        if not same_shape((*target[:rest], *target[rest + 1 :]), (*spec.shape[:rest], *spec.shape[rest + 1 :])):
            raise ShapeError(
                f"entries were to be written along axis {rest} of {{0}}, shape {format_shape(spec.shape)}, by indices of "
                f"shape {format_shape(picks.shape)}\nfound: the indices are longer on another axis\n"
                "do: give indices equally long (or 1) there"
            )
        if not _broadcasts(given.shape, target):
            raise ShapeError(
                f"{{2}} of shape {format_shape(given.shape)} was to be written at indices into {{0}}\n"
                f"found: these indices name entries of shape {format_shape(target)}\n"
                "do: give a number, or values that broadcast to it"
            )
        if given.dtype.kind == "f" and spec.dtype.kind != "f":
            raise DTypeError(
                f"{given.dtype} values were to be written into {{0}}\nfound: it holds {spec.dtype}, which would cut them "
                f"off\ndo: convert x with .astype(np.{given.dtype})"
            )
        return spec

    def forward(self, x: Value, indices: Value, values: Value) -> Value:
        x = np.asarray(x)
        if x.dtype.kind != "f" and np.asarray(values).dtype.kind == "f":
            raise TypeError(f"{x.dtype} would cut off the values")
        y = x.copy()
        try:
            if self.reduction == "none":
                np.put_along_axis(y, indices, values, self.axis)
            else:
                np.add.at(y, _grid(indices, x.shape, self.axis), values)
        except IndexError as error:
            raise clearer(y, (indices,), (self.axis,), error) from None
        return y

    def backward(
        self, grad: Value, y: Value, x: Value, indices: Value, values: Value, *, wanted: tuple[bool, ...]
    ) -> Value:
        if self.reduction == "add":
            return grad, None, TakeAlongAxis.on(grad, indices, axis=self.axis) if wanted[2] else None
        of_x = ScatterElements.on(grad, indices, 0.0, axis=self.axis) if wanted[0] else None
        of_values = None
        if wanted[2]:
            last = LastAlongAxis.on(x, indices, axis=self.axis)
            of_values = Where.on(last, TakeAlongAxis.on(grad, indices, axis=self.axis), 0.0)
        return of_x, None, of_values


@kind
class LastAlongAxis(Kind):
    """Whether each index along an axis is the last one for its place: the one whose value stays there."""

    formula = r"y_{ij} = [\, \text{indices}_{kj} \ne \text{indices}_{ij} \; \forall k > i \,]"
    inputs = ("x", "indices")
    family = "indexing"
    differentiable = False
    axis: int = -1

    def shape(self, x: SpecLike, indices: SpecLike) -> Spec:
        spec, picks = need_spec(self, x), need_indices(self, indices, 1)
        return Spec(along_shape(spec.shape, picks.shape, self.axis), np.bool_)

    def forward(self, x: Value, indices: Value) -> Value:
        shape, picks = np.shape(x), np.asarray(indices)
        axis = self.axis % len(shape)
        number = np.arange(picks.shape[axis]).reshape((-1,) + (1,) * (len(shape) - axis - 1))
        written = np.empty(shape, np.intp)
        np.put_along_axis(written, picks, number, axis)
        return np.take_along_axis(written, picks, axis) == number


def _grid(indices: Any, shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """The indices along an axis as an index of all axes."""
    rank = len(shape)
    axis %= rank
    return tuple(
        indices if place == axis else np.arange(extent).reshape((-1,) + (1,) * (rank - place - 1))
        for place, extent in enumerate(shape)
    )


def _broadcasts(small: Shape, large: Shape) -> bool:
    try:
        return same_shape(broadcast_shapes(small, large), large)
    except ShapeError:
        return False


# functions ----------------------------------------------------------------------------------------------------------
def put_along_axis(x: Any, indices: Any, values: Any, axis: int | None = -1) -> Tensor:
    """A copy of x with values written along an axis at indices; of several for one place the last stays.

    NumPy's function of that name writes in place; a tensor stays as it is. x and indices agree (or indices have length
    1) on the other axes, values broadcast to the indices. Where a value was written x has the gradient 0. Raises
    ShapeError where the shapes do not fit, IndexRangeError for an index outside of the axis.

    >>> import localgrad as lg
    >>> lg.put_along_axis(lg.zeros((2, 3)), [[1], [2]], 5.0, axis=1).data
    array([[0., 5., 0.],
           [0., 0., 5.]], dtype=float32)
    """
    return _scatter(x, indices, values, axis, "none")


def add_along_axis(x: Any, indices: Any, values: Any, axis: int | None = -1) -> Tensor:
    """A copy of x with values added along an axis at indices; several for one place add up.

    x and indices agree (or indices have length 1) on the other axes, values broadcast to the indices. Raises ShapeError
    where the shapes do not fit, IndexRangeError for an index outside of the axis.

    >>> import localgrad as lg
    >>> lg.add_along_axis(lg.zeros((1, 3)), [[1, 1, 2]], 5.0, axis=1).data
    array([[ 0., 10.,  5.]], dtype=float32)
    """
    return _scatter(x, indices, values, axis, "add")


def _scatter(x: Any, indices: Any, values: Any, axis: int | None, reduction: str) -> Tensor:
    shape = getattr(x, "shape", None)
    flat, place = flat_where_none(x, axis)
    made = ScatterElements.make(axis=place, reduction=reduction)
    y = apply(made, flat, as_input(indices), as_input(values))
    if axis is None:
        y = apply(Reshape.make(shape_to=tuple(np.shape(x) if shape is None else shape)), y)
    return y  # type: ignore[no-any-return]


@numpy_function("put_along_axis")
def _numpy_put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> Any:
    """NumPy's, which writes into its array: refused."""
    raise MissingRuleError(
        f"np.put_along_axis was to write into a tensor{user_line()}\nfound: it writes in place, which tensors do not do\n"
        "do: use lg.put_along_axis(x, indices, values, axis), which gives the changed copy"
    )
