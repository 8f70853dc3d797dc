"""Slicing: a part of a tensor picked by numbers, slices, `...` and new axes, and its place in a tensor of zeros."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from localgrad.graph.errors import IndexRangeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, format_shape, is_static, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import need_spec, shape_of
from localgrad.nodes.shaping import Shaped

Item: TypeAlias = Any
"""One entry of a stored index: an int (or named extent), ("slice", start, stop, step), "..." or "new"."""
WHOLE: Item = ("slice", None, None, None)


def stored_item(item: Any) -> Item:
    """One entry of Python's basic index as it is stored in a field: hashable, and writable to a file."""
    if item.__class__ is slice:
        return ("slice", _bound_of(item.start), _bound_of(item.stop), _bound_of(item.step))
    if item is None:
        return "new"
    if item is Ellipsis:
        return "..."
    return _bound_of(item)


def _bound_of(number: Any) -> Any:
    return number if number is None or isinstance(number, Symbol) else number.__index__()


def python_item(item: Item) -> Any:
    """A stored entry as Python's index has it."""
    if isinstance(item, (tuple, list)):
        return slice(*item[1:])
    if isinstance(item, str):
        return None if item == "new" else Ellipsis
    return item


def check_items(items: tuple[Item, ...]) -> None:
    """Raise ShapeError where a stored index is not one (a damaged file)."""
    for item in items:
        fine = isinstance(item, (int, Symbol)) and not isinstance(item, bool)
        fine = fine or (isinstance(item, str) and item in ("...", "new"))
        fine = fine or (isinstance(item, (tuple, list)) and len(item) == 4 and item[0] == "slice")
        if not fine:
            raise ShapeError(
                f"an index was stored with the entry {item!r}\nfound: neither a number, a slice, '...' nor 'new'\n"
                'do: write slices as ("slice", start, stop, step)'
            )
        if isinstance(item, (tuple, list)) and not isinstance(item[3], Symbol) and item[3] == 0:
            raise ShapeError("a slice was asked for with step 0\nfound: it would never end\ndo: give another step")


def without_ellipsis(items: tuple[Item, ...], rank: int) -> tuple[Item, ...]:
    """The entries with `...` (or the axes left out at the end) written as whole slices; raises IndexRangeError."""
    places = [place for place, item in enumerate(items) if isinstance(item, str) and item == "..."]
    used = sum(1 for item in items if not (isinstance(item, str) and item in ("...", "new")))
    if len(places) > 1:
        raise IndexRangeError("{0} was indexed with several `...`\nfound: only one has a meaning\ndo: leave one")
    if used > rank:
        raise IndexRangeError(
            f"{{0}} was indexed with {used} indices\nfound: its rank is {rank}\ndo: give at most {rank} of them"
        )
    whole = (WHOLE,) * (rank - used)
    if not places:
        return (*items, *whole)
    return (*items[: places[0]], *whole, *items[places[0] + 1 :])


def sliced_shape(shape: Shape, items: tuple[Item, ...]) -> Shape:
    """The shape of a part; raises IndexRangeError naming the axis and its size."""
    result: list[Extent] = []
    axis = 0
    for item in without_ellipsis(items, len(shape)):
        if isinstance(item, str):
            result.append(1)
            continue
        extent = shape[axis]
        if isinstance(item, (tuple, list)):
            result.append(slice_length(extent, *item[1:]))
        elif not isinstance(item, Symbol) and not isinstance(extent, Symbol) and not -extent <= item < extent:
            raise IndexRangeError(
                f"index {item} was asked along axis {axis} of {{0}}\nfound: its length is {extent}, shape "
                f"{format_shape(shape)}\ndo: "
                + (f"give an index from {-extent} to {extent - 1}" if extent else "nothing can be picked from it")
            )
        axis += 1
    return tuple(result)


def slice_length(extent: Extent, start: Any, stop: Any, step: Any) -> Extent:
    """The number of entries of a slice; bounds of a named extent are taken to lie inside it."""
    if is_static([each for each in (extent, start, stop, step) if each is not None]):
        return len(range(*slice(start, stop, step).indices(extent)))
    step = 1 if step is None else step
    if isinstance(step, Symbol):
        raise ShapeError(f"{{0}} was sliced with the step {step}\nfound: a named extent\ndo: give a number")
    if step > 0:
        low = 0 if start is None else _from_end(start, extent)
        high = extent if stop is None else _from_end(stop, extent)
        span = high - low
    else:
        high = extent - 1 if start is None else _from_end(start, extent)
        low = -1 if stop is None else _from_end(stop, extent)
        span = high - low
    length = span if abs(step) == 1 else (span + (abs(step) - 1)) // abs(step)
    return length if isinstance(length, Symbol) or length > 0 else 0


def _from_end(bound: Any, extent: Extent) -> Extent:
    if isinstance(bound, Symbol) or bound >= 0:
        return bound  # type: ignore[no-any-return]
    return extent + bound  # type: ignore[no-any-return]


@kind
class Slice(Kind):
    """A part picked by numbers, slices, `...` and new axes; the gradient goes back to its place among zeros."""

    formula = r"y = x[\text{index}]"
    onnx = "Slice"
    view = True
    family = "indexing"
    index: tuple[Item, ...] = ()

    def check_fields(self) -> None:
        check_items(self.index)
        self.__dict__["python_index"] = tuple(python_item(item) for item in self.index)

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return spec.with_shape(sliced_shape(spec.shape, self.index))

    def forward(self, x: Value) -> Value:
        y = x[self.__dict__["python_index"]]
        return y if y.ndim else y[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Unslice.back(grad, x, self.index)


@kind
class Unslice(Shaped):
    """Zeros in the shape of another tensor, with x at the place of a slice; the dual of Slice."""

    formula = r"y[\text{index}] = x, \quad y = 0 \text{ elsewhere}"
    family = "indexing"
    index: tuple[Item, ...] = ()

    def check_fields(self) -> None:
        check_items(self.index)
        self.__dict__["python_index"] = tuple(python_item(item) for item in self.index)

    @classmethod
    def back(cls, x: Value, like: Value, index: tuple[Item, ...]) -> Value:
        """Put x at a place among zeros, in the shape of `like`, whatever it will be."""
        if not isinstance(x, Tensor) and not isinstance(like, Tensor):
            return cls.make(index=index).placed(x, np.shape(like))
        if isinstance(like, Tensor) and not is_static(like.shape):
            return cls.on(x, like, index=index)
        return cls.on(x, index=index, shape_to=tuple(shape_of(like)))

    def placed(self, x: Value, shape: tuple[int, ...]) -> Value:
        """The computation on arrays."""
        y = np.zeros(shape, x.dtype)
        y[self.__dict__["python_index"]] = x
        return y

    def shape(self, x: SpecLike, like: SpecLike = None) -> Spec:
        spec, target = need_spec(self, x), self.target(like)
        part = sliced_shape(target, self.index)
        if not same_shape(part, spec.shape):
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was to be put at {self.index} of shape {format_shape(target)}\n"
                f"found: that place has shape {format_shape(part)}"
            )
        return Spec(target, spec.dtype)

    def forward(self, x: Value, like: Value = None) -> Value:
        return self.placed(x, tuple(self.target(like)))  # type: ignore[arg-type]

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None) -> Value:
        return Slice.on(grad, index=self.index), None
