"""Writing: `x[index] = value` as a node that copies, for every index NumPy knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import CaptureError, DTypeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec, Symbol, broadcast_shapes, format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import need_spec, rank_of
from localgrad.nodes.branching import Where
from localgrad.nodes.gathering import clearer, indexed_shape, neighbours
from localgrad.nodes.indexing import AT, between, check_mask, index_tensor, is_basic, pick, stored_index
from localgrad.nodes.shaping import Unsqueeze
from localgrad.nodes.slicing import WHOLE, Item, check_items, python_item, sliced_shape, without_ellipsis


def picked_shape(shape: Shape, items: tuple[Item, ...], specs: tuple[Spec, ...]) -> Shape | None:
    """The shape of x[index]; None where a mask makes it depend on values."""
    if any(spec.dtype.kind == "b" for spec in specs):
        return None
    if AT not in items:
        return sliced_shape(shape, items)
    left = list(specs)
    basic: list[Item] = []
    axes: list[int] = []
    shapes: list[Shape] = []
    for item in without_ellipsis(items, len(shape)):
        if item == AT or not isinstance(item, (tuple, list, str)):
            shapes.append(left.pop(0).shape if item == AT else ())
            axes.append(len(basic))
            basic.append(WHOLE)
        else:
            basic.append(item)
    picks = broadcast_shapes(*shapes)
    part = sliced_shape(shape, tuple(basic))
    found = indexed_shape(part, tuple(axes), picks)
    if "..." in items and between(items) and neighbours(tuple(axes)):
        lead = axes[0]
        found = (*picks, *found[:lead], *found[lead + len(picks) :])
    return found


class Placed(Kind):
    """What the kinds that write at an index share."""

    family = "indexing"
    index: tuple[Item, ...] = ()

    def check_fields(self) -> None:
        check_items(tuple(item for item in self.index if item != AT))
        self.__dict__["python_items"] = tuple(item if item == AT else python_item(item) for item in self.index)

    def filled(self, indices: tuple[Value, ...]) -> tuple[Any, ...]:
        """The index with the arrays at their places."""
        rest = iter(indices)
        return tuple(next(rest) if isinstance(item, str) else item for item in self.__dict__["python_items"])


@kind
class SetItem(Placed):
    """A copy of x with a value written at an index; the gradient of x is 0 there, the value gets what is there."""

    formula = r"y = x, \quad y[\text{index}] = \text{value}"
    inputs = ("x", "value", "*indices")

    @classmethod
    def put(cls, x: Tensor, index: Any, value: Any) -> Tensor:
        """The node that writes a value at an index of x; `x[index] = value` rebinds x to its output."""
        value = as_input(value)
        several = index if index.__class__ is tuple else (index,)
        if len(several) == 1 and not is_basic(index := several[0]):
            mask = index_tensor(index)
            if mask.dtype.kind == "b" and rank_of(value) <= x.ndim - mask.ndim:
                # the value is the same at each place of the mask, so the shape does not depend on values
                check_mask(x, mask, 0)
                return record(cls.make(index=(AT,)), (x, value, mask))  # type: ignore[no-any-return]
        items, indices = stored_index(x, several)
        return record(cls.make(index=items), (x, value, *indices))  # type: ignore[no-any-return]

    def shape(self, x: SpecLike, value: SpecLike, *indices: SpecLike) -> Spec:
        spec, given = need_spec(self, x), need_spec(self, value, 1)
        if not _holds(spec.dtype, given.dtype):
            raise DTypeError(
                f"{given.dtype} values were assigned to entries of {{0}}\nfound: it holds {spec.dtype}, which would cut "
                f"them off\ndo: convert the value with .astype(...), or start from a tensor of {given.dtype}"
            )
        part = picked_shape(spec.shape, self.index, tuple(need_spec(self, each, 2) for each in indices))
        if part is not None and not _fits(given.shape, part):
            raise ShapeError(
                f"{{1}} of shape {format_shape(given.shape)} was assigned to a part of {{0}}, shape "
                f"{format_shape(spec.shape)}\nfound: that part has shape {format_shape(part)}\n"
                "do: assign a number, or a tensor that broadcasts to it"
            )
        return spec

    def forward(self, x: Value, value: Value, *indices: Value) -> Value:
        if x.dtype.kind != "f" and not _holds(x.dtype, np.asarray(value).dtype):
            raise TypeError(f"{x.dtype} would cut off the value")
        y = np.array(x)
        try:
            y[self.filled(indices)] = value
        except IndexError as error:
            items = without_ellipsis(self.index, y.ndim)
            axes = [axis for axis, item in enumerate(item for item in items if item != "new") if item == AT]
            raise clearer(y, indices, tuple(axes), error) from None
        return y if y.ndim else y[()]

    def backward(
        self, grad: Value, y: Value, x: Value, value: Value, *indices: Value, wanted: tuple[bool, ...]
    ) -> Value:
        of_x = SetItem.on(grad, 0.0, *indices, index=self.index) if wanted[0] else None
        of_value = self._of_value(grad, value, indices) if wanted[1] else None
        return (of_x, of_value, *(None,) * len(indices))

    def _of_value(self, grad: Value, value: Value, indices: tuple[Value, ...]) -> Value:
        if self.index == (AT,) and indices[0].dtype.kind == "b":
            mask = indices[0]
            missing = rank_of(grad) - rank_of(mask)
            if missing:
                mask = Unsqueeze.on(mask, axis=tuple(range(rank_of(mask), rank_of(grad))))
            return Where.on(mask, grad, 0.0)
        part = pick(grad, self.index, indices)
        if indices:
            part = Where.on(LastWritten.on(grad, *indices, index=self.index), part, 0.0)
        missing = rank_of(value) - rank_of(part)
        # NumPy assigns shape (1, 3) to a row of 3
        return Unsqueeze.on(part, axis=tuple(range(missing))) if missing > 0 else part


def _holds(dtype: np.dtype[Any], given: np.dtype[Any]) -> bool:
    return given.kind == "b" or (dtype.kind != "b" and (dtype.kind == "f" or given.kind != "f"))


def _fits(shape: Shape, part: Shape) -> bool:
    while len(shape) > len(part) and same_extent(shape[0], 1):
        shape = shape[1:]
    try:
        reached = broadcast_shapes(shape, part)
    except ShapeError:
        return any(isinstance(extent, Symbol) for extent in (*shape, *part))
    return len(reached) == len(part)


@kind
class LastWritten(Placed):
    """Whether each entry written at an index stays: of entries written to one place only the last does."""

    formula = r"y_n = [\, n = \max \{ m : \text{index}_m = \text{index}_n \} \,]"
    inputs = ("like", "*indices")
    differentiable = False

    def shape(self, like: SpecLike, *indices: SpecLike) -> Spec:
        spec = need_spec(self, like)
        part = picked_shape(spec.shape, self.index, tuple(need_spec(self, each, 1) for each in indices))
        if part is None:
            raise CaptureError(
                "values were assigned at a mask whose gradient is asked while a function is captured\n"
                "found: how many there are is known from the mask's values only\ndo: use lg.where(mask, a, b)"
            )
        return Spec(part, np.bool_)

    def forward(self, like: Value, *indices: Value) -> Value:
        shape = np.shape(like)
        places = np.arange(np.size(like)).reshape(shape)[self.filled(indices)]
        last = np.empty(np.size(like), np.intp)
        numbers = np.arange(places.size)
        last[places.ravel()] = numbers
        return (last[places.ravel()] == numbers).reshape(places.shape)[()]
