"""Sorting: entries in order along an axis, the largest few, and where a value would stand among sorted ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import CaptureError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Extent, Spec, Symbol, format_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec, normal_axes
from localgrad.nodes.gathering import AddAlongAxis, Scattered
from localgrad.nodes.shaping import Reshape


def order_of(x: NDArray[Any], axis: int, descending: bool) -> NDArray[Any]:
    """Where the entries in order stand; equal ones keep their order, NaN counts as the largest."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # from the end, so that equal entries keep their order
    turned = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.ascontiguousarray(x.shape[axis] - 1 - np.flip(turned, axis))


class Ordered(Kind):
    """What the kinds that order entries along an axis share: each entry's gradient goes back to where it stood."""

    family = "sorting"
    outputs = 2
    axis: int = -1

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        if grad[0] is None:
            return None
        given, shape = Scattered.like_input(x)
        return AddAlongAxis.on(grad[0], y[1], given, axis=self.axis, shape_to=shape)


@kind
class Sort(Ordered):
    """The entries along an axis in ascending order, and where they stood; equal ones keep their order, NaN is last."""

    formula = r"y_1 \le y_2 \le \dots, \quad y_i = x_{\text{indices}_i}"
    descending: bool = False

    def shape(self, x: SpecLike) -> tuple[Spec, Spec]:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec, spec.with_dtype(np.int64)

    def forward(self, x: Value) -> Value:
        indices = order_of(x, self.axis, self.descending)
        return np.take_along_axis(x, indices, self.axis), indices


@kind
class ArgSort(Kind):
    """Where the entries in ascending order stand along an axis; equal ones keep their order, NaN is last."""

    formula = r"x_{y_1} \le x_{y_2} \le \dots"
    family = "sorting"
    differentiable = False
    axis: int = -1
    descending: bool = False

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec.with_dtype(np.int64)

    def forward(self, x: Value) -> Value:
        return order_of(x, self.axis, self.descending)


@kind
class TopK(Ordered):
    """The k largest (or smallest) entries along an axis and where they stand, the first of equal ones; NaN is largest.

    They come in order, or with sorted=False in the order they have in x.
    """

    formula = r"y_i = x_{\text{indices}_i}, \quad y_1 \ge y_2 \ge \dots \ge y_k"
    onnx = "TopK"
    k: Extent = 1
    largest: bool = True
    sorted: bool = True

    def check_fields(self) -> None:
        if not isinstance(self.k, Symbol) and (not hasattr(self.k, "__index__") or self.k < 0):
            raise ShapeError(
                f"the {self.k!r} largest entries were asked\nfound: no count\ndo: give k as an int, 0 or more"
            )

    def shape(self, x: SpecLike) -> tuple[Spec, Spec]:
        spec = need_spec(self, x)
        (axis,) = normal_axes(self.axis, spec.ndim)
        length = spec.shape[axis]
        if not isinstance(self.k, Symbol) and not isinstance(length, Symbol) and self.k > length:
            raise self._too_many(length, axis)
        y = spec.with_shape((*spec.shape[:axis], self.k, *spec.shape[axis + 1 :]))
        return y, y.with_dtype(np.int64)

    def forward(self, x: Value) -> Value:
        count: Any = self.k
        axis = self.axis % x.ndim if -x.ndim <= self.axis < x.ndim else self.axis
        if count > x.shape[axis]:
            raise self._too_many(x.shape[axis], axis)
        chosen = order_of(x, axis, self.largest)[(slice(None),) * axis + (slice(count),)]
        indices = np.ascontiguousarray(chosen) if self.sorted else np.sort(chosen, axis=axis)
        return np.take_along_axis(x, indices, axis), indices

    def _too_many(self, length: Extent, axis: int) -> ShapeError:
        return ShapeError(
            f"the {self.k} {'largest' if self.largest else 'smallest'} entries along axis {axis} of {{0}} were asked\n"
            f"found: its length is {length}\ndo: give a k that is at most that"
        )


@kind
class SearchSorted(Kind):
    """Where values would have to stand in a sorted vector to keep it sorted; has no gradient."""

    formula = r"y_j = |\{ i : x_i < \text{values}_j \}|"
    inputs = ("x", "values")
    family = "sorting"
    differentiable = False
    side: str = "left"

    def check_fields(self) -> None:
        if self.side not in ("left", "right"):
            raise ShapeError(
                f"the side {self.side!r} was asked\nfound: no side\ndo: give 'left' (before equal ones) or 'right'"
            )

    def shape(self, x: SpecLike, values: SpecLike) -> Spec:
        spec, found = need_spec(self, x), need_spec(self, values, 1)
        if spec.ndim != 1:
            raise ShapeError(
                f"places in {{0}} were asked\nfound: rank {spec.ndim}, shape {format_shape(spec.shape)}\n"
                "do: give one sorted vector"
            )
        return found.with_dtype(np.int64)

    def forward(self, x: Value, values: Value) -> Value:
        return np.searchsorted(x, values, side=self.side)  # type: ignore[call-overload]


@kind
class Unique(Kind):
    """The different values in ascending order, where each stands first, which one each entry is, and how often each is.

    How many there are is known from values only.
    """

    formula = r"\{ y_1 < y_2 < \dots \} = \{ x_i \}"
    onnx = "Unique"
    family = "sorting"
    outputs = 4
    differentiable = False

    def shape(self, x: SpecLike) -> tuple[Spec, ...]:
        raise CaptureError(
            "the different values of {0} were asked while a function is captured\n"
            "found: how many there are is known from values only, so the shapes after it are not\n"
            "do: find them before capturing, or use lg.sort, which keeps the shape"
        )

    def forward(self, x: Value) -> Value:
        return np.unique(x, return_index=True, return_inverse=True, return_counts=True)


# functions ----------------------------------------------------------------------------------------------------------
def flat_where_none(x: Any, axis: Any) -> tuple[Any, int]:
    """What is ordered and along which axis: flattened where none is given."""
    return (apply(Reshape.make(shape_to=(-1,)), x), 0) if axis is None else (x, axis.__index__())


@numpy_function("sort")
def sort(x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True, kind: Any = None) -> Tensor:
    """The entries along an axis in ascending order, of the flattened tensor for None; NaN is last (first if descending).

    Each entry's gradient goes back to where it stood. Equal entries keep their order, so `stable` and `kind` are taken
    for NumPy's sake only. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.sort(lg.tensor([3.0, 1.0, 2.0])).data
    array([1., 2., 3.], dtype=float32)
    """
    x, axis = flat_where_none(x, axis)
    return apply(Sort.make(axis=axis, descending=bool(descending)), x)[0]  # type: ignore[no-any-return]


@numpy_function("argsort")
def argsort(
    x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True, kind: Any = None
) -> Tensor:
    """Where the entries in ascending order stand along an axis (int64); NaN is last (first if descending).

    Equal entries keep their order. Has no gradient. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.argsort(lg.tensor([3.0, 1.0, 2.0])).data
    array([1, 2, 0])
    """
    x, axis = flat_where_none(x, axis)
    return apply(ArgSort.make(axis=axis, descending=bool(descending)), x)  # type: ignore[no-any-return]


def topk(x: Any, k: Any, axis: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) entries along an axis, and where they stand (int64); the first of equal ones.

    The largest comes first; `sorted=False` leaves them in the order they have in x. NaN counts as the largest. The
    gradient goes to the entries taken. Raises ShapeError where the axis is shorter than k.

    >>> import localgrad as lg
    >>> values, indices = lg.topk(lg.tensor([1.0, 4.0, 3.0]), 2)
    >>> values.data, indices.data
    (array([4., 3.], dtype=float32), array([1, 2]))
    """
    count = k.__index__() if hasattr(k, "__index__") else k  # the kind refuses what is no count
    if not hasattr(axis, "__index__"):
        raise ShapeError(
            f"the {k} largest entries were asked along axis {axis!r}{user_line()}\nfound: a {type(axis).__name__}\n"
            "do: give one axis as an int; x.reshape(-1) has all entries along one"
        )
    found = apply(TopK.make(axis=axis.__index__(), k=count, largest=bool(largest), sorted=bool(sorted)), x)
    return found  # type: ignore[no-any-return]


@numpy_function("partition")
def partition(x: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """The entries along an axis so that the k-th stands where it would if sorted, smaller ones before it.

    All of them come in order, which is one of the orders allowed. Raises ShapeError for a k out of range.

    >>> import localgrad as lg
    >>> lg.partition(lg.tensor([3.0, 1.0, 2.0]), 1).data
    array([1., 2., 3.], dtype=float32)
    """
    x, axis = _partitioned(x, kth, axis)
    return sort(x, axis)


@numpy_function("argpartition")
def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """Where the entries stand that `partition` gives (int64). Has no gradient.

    >>> import localgrad as lg
    >>> lg.argpartition(lg.tensor([3.0, 1.0, 2.0]), 1).data
    array([1, 2, 0])
    """
    x, axis = _partitioned(x, kth, axis)
    return argsort(x, axis)


def _partitioned(x: Any, kth: Any, axis: int | None) -> tuple[Any, int]:
    x, place = flat_where_none(x, axis)
    shape = getattr(x, "shape", None) or np.shape(x)
    (number,) = normal_axes(place, len(shape))
    length = shape[number]
    for each in np.ravel(kth).tolist():
        if not isinstance(length, Symbol) and not -length <= each < length:
            raise ShapeError(
                f"entry {each} in order along axis {number} was asked{user_line()}\nfound: its length is {length}\n"
                "do: give a number below it"
            )
    return x, place


@numpy_function("searchsorted")
def searchsorted(x: Any, values: Any, side: str = "left") -> Tensor:
    """Where values would have to stand in the sorted vector x to keep it sorted (int64): before equal ones, or after
    them with side="right".

    Has no gradient. Raises ShapeError where x is no vector.

    >>> import localgrad as lg
    >>> lg.searchsorted(lg.tensor([1.0, 2.0, 4.0]), lg.tensor([3.0, 2.0])).data
    array([2, 1])
    """
    return apply(SearchSorted.make(side=side), x, values)  # type: ignore[no-any-return]


@numpy_function("unique")
def unique(
    x: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False
) -> Tensor | tuple[Tensor, ...]:
    """The different values of a tensor in ascending order; on demand where each stands first, which one each entry is,
    and how often each is there.

    Has no gradient. Raises CaptureError while a function is captured, since only values say how many there are.

    >>> import localgrad as lg
    >>> lg.unique(lg.tensor([3.0, 1.0, 3.0])).data
    array([1., 3.], dtype=float32)
    """
    found = apply(Unique.make(), x)
    asked = (True, return_index, return_inverse, return_counts)
    chosen = tuple(each for each, wanted in zip(found, asked, strict=True) if wanted)
    return chosen if len(chosen) > 1 else chosen[0]


@numpy_function("nonzero")
def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The positions of the entries that are not 0: one tensor of integers for each axis.

    Has no gradient. Raises CaptureError while a function is captured, since only values say how many there are, and
    ShapeError for a number.

    >>> import localgrad as lg
    >>> lg.nonzero(lg.tensor([0.0, 5.0, 7.0]))[0].data
    array([1, 2])
    """
    from localgrad.nodes.indexing import NonZero

    rank = len(getattr(x, "shape", None) or np.shape(x))
    if not rank:
        raise ShapeError(
            f"the positions of the entries that are not 0 were asked of a number{user_line()}\nfound: rank 0, which has "
            "no positions\ndo: give at least one axis"
        )
    found = apply(NonZero.make(rank=rank), x)
    return found if isinstance(found, tuple) else (found,)


@numpy_function("count_nonzero")
def count_nonzero(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """How many entries along axes (all of them unless told) are not 0 (int64). Has no gradient.

    >>> import localgrad as lg
    >>> lg.count_nonzero(lg.tensor([[0.0, 5.0], [7.0, 8.0]]), axis=1).data
    array([1, 2])
    """
    from localgrad.nodes.comparison import truth
    from localgrad.nodes.reduction import sum as total

    return total(truth(x if hasattr(x, "dtype") else np.asarray(x)), axis=axis, keepdims=keepdims)
