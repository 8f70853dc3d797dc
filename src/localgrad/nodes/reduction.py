"""Reduction: sum, mean, largest and smallest entry, and truth along axes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec, format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, need_spec, normal_axes, rank_of
from localgrad.nodes.shaping import Repeat, Unsqueeze
from localgrad.nodes.structure import Cast, size

_add: Final[Any] = np.add.reduce  # the stubs know no keepdims that is not a literal
_maximum: Final[Any] = np.maximum.reduce
_minimum: Final[Any] = np.minimum.reduce
_or: Final[Any] = np.logical_or.reduce
_and: Final[Any] = np.logical_and.reduce
SHORT: Final = 128
"""Rows up to this long are summed by a matrix product, beyond it by NumPy, whose pairwise sum rounds less."""


class Reduction(Kind):
    """A kind that takes axes together: all of them unless told; `keepdims` leaves them with length 1."""

    family = "reduction"
    axis: tuple[int, ...] | None = None
    keepdims: bool = False

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return Spec(reduced_shape(spec.shape, self.axis, self.keepdims), self.dtype_of(spec.dtype))

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the result."""
        return dtype

    def restored(self, y: Value, x: Value) -> Value:
        """Something of the result's shape with the axes back, so that it broadcasts against x."""
        return restored(y, x, self.axis, self.keepdims)


def reduced_shape(shape: Shape, axis: tuple[int, ...] | None, keepdims: bool) -> Shape:
    """A shape without the axes, or with length 1 there."""
    axes = normal_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if place in axes else extent for place, extent in enumerate(shape))
    return tuple(extent for place, extent in enumerate(shape) if place not in axes)


def restored(y: Value, x: Value, axis: tuple[int, ...] | None, keepdims: bool) -> Value:
    """Something of the reduced shape of x with the axes back as length 1, so that it broadcasts against x."""
    if keepdims or axis is None:  # a single entry broadcasts as it is
        return y
    axes = normal_axes(axis, rank_of(x))
    return Unsqueeze.on(y, axis=axes) if axes and len(axes) < rank_of(x) else y


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a sum or product: narrow integers and bools give 64 bits, as in NumPy."""
    if dtype.kind in "bi":
        return np.dtype(np.int64)
    return np.dtype(np.uint64) if dtype.kind == "u" else dtype


def float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a mean: floats keep theirs, integers and bools give float64, as in NumPy."""
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def sum_along(x: Value, axis: tuple[int, ...] | None, keepdims: bool = False) -> Value:
    """NumPy's sum; over leading axes, or a short last one, as a matrix product with ones, which is several times faster."""
    if axis is not None and len(axis) == 1 and x.__class__ is np.ndarray and x.ndim > 1 and x.size > 1024:
        place = axis[0] % x.ndim if -x.ndim <= axis[0] < x.ndim else -1
        if x.dtype.kind == "f" and x.itemsize > 2 and x.flags.c_contiguous:
            y = None
            if place == 0:
                y = (np.ones(x.shape[0], x.dtype) @ x.reshape(x.shape[0], -1)).reshape(x.shape[1:])
            elif place == x.ndim - 1 and x.shape[-1] <= SHORT:
                y = (x.reshape(-1, x.shape[-1]) @ np.ones(x.shape[-1], x.dtype)).reshape(x.shape[:-1])
            if y is not None:
                return np.expand_dims(y, place) if keepdims else y
    return _add(x, axis=axis, keepdims=keepdims)


@kind
class Sum(Reduction):
    """Sum over axes; each entry summed gets the gradient of the sum."""

    formula = r"y_j = \sum_i x_{ij}"
    onnx = "ReduceSum"

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return sum_dtype(dtype)

    def forward(self, x: Value) -> Value:
        return sum_along(x, self.axis, self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Repeat.like(self.restored(grad, x), x)


@kind
class Mean(Reduction):
    """The mean over axes; each entry gets its share of the gradient."""

    formula = r"y_j = \frac{1}{n} \sum_{i=1}^n x_{ij}"
    onnx = "ReduceMean"

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return float_dtype(dtype)

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        if x.dtype.kind != "f":
            return _add(x, axis=self.axis, keepdims=self.keepdims, dtype=np.float64) / size(x, self.axis)
        if x.dtype == np.float16:  # the sum may be larger than the largest float16
            wide = _add(x, axis=self.axis, keepdims=self.keepdims, dtype=np.float32)
            return (wide / size(x, self.axis)).astype(np.float16)
        return sum_along(x, self.axis, self.keepdims) / size(x, self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Repeat.like(self.restored(grad / size(x, self.axis, like=grad), x), x)


class Extremum(Reduction):
    """The largest or smallest entry; those equal to it share the gradient evenly."""

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        for axis in normal_axes(self.axis, spec.ndim):
            if same_extent(spec.shape[axis], 0):
                raise ShapeError(
                    f"{self.name} was asked along axis {axis} of {{0}}\nfound: no entries there, shape "
                    f"{format_shape(spec.shape)}\ndo: give at least one entry, or reduce another axis"
                )
        return super().shape(x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        chosen = Cast.on(x == self.restored(y, x), dtype=grad.dtype.name)
        ties = Sum.on(chosen, axis=self.axis, keepdims=True)
        return chain(self.restored(grad, x), 1 / ties) * chosen


@kind
class ReduceMax(Extremum):
    """The largest entry along axes (NaN if there is one); those equal to it share the gradient evenly."""

    formula = r"y_j = \max_i x_{ij}"
    onnx = "ReduceMax"

    def forward(self, x: Value) -> Value:
        return _maximum(x, axis=self.axis, keepdims=self.keepdims)


@kind
class ReduceMin(Extremum):
    """The smallest entry along axes (NaN if there is one); those equal to it share the gradient evenly."""

    formula = r"y_j = \min_i x_{ij}"
    onnx = "ReduceMin"

    def forward(self, x: Value) -> Value:
        return _minimum(x, axis=self.axis, keepdims=self.keepdims)


class Position(Kind):
    """Where the extreme entry stands: the first one along an axis, or among all entries in row-major order."""

    family = "reduction"
    differentiable = False
    axis: int | None = None
    keepdims: bool = False

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        axis = None if self.axis is None else (self.axis,)
        for place in normal_axes(axis, spec.ndim):
            if same_extent(spec.shape[place], 0):
                raise ShapeError(
                    f"{self.name} was asked along axis {place} of {{0}}\nfound: no entries there, shape "
                    f"{format_shape(spec.shape)}\ndo: give at least one entry"
                )
        return Spec(reduced_shape(spec.shape, axis, self.keepdims), np.int64)


@kind
class ArgMax(Position):
    """The position of the largest entry, the first of several; has no gradient."""

    formula = r"y_j = \operatorname{argmax}_i x_{ij}"
    onnx = "ArgMax"

    def forward(self, x: Value) -> Value:
        return np.argmax(x, axis=self.axis, keepdims=self.keepdims)


@kind
class ArgMin(Position):
    """The position of the smallest entry, the first of several; has no gradient."""

    formula = r"y_j = \operatorname{argmin}_i x_{ij}"
    onnx = "ArgMin"

    def forward(self, x: Value) -> Value:
        return np.argmin(x, axis=self.axis, keepdims=self.keepdims)


class Truth(Reduction):
    """A bool from bools or numbers, of which all but 0 count as true."""

    differentiable = False

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return np.dtype(np.bool_)


@kind
class ReduceAny(Truth):
    """Whether any entry along axes is true; has no gradient."""

    formula = r"y_j = \bigvee_i x_{ij}"

    def forward(self, x: Value) -> Value:
        return _or(x, axis=self.axis, keepdims=self.keepdims)


@kind
class ReduceAll(Truth):
    """Whether every entry along axes is true; has no gradient."""

    formula = r"y_j = \bigwedge_i x_{ij}"

    def forward(self, x: Value) -> Value:
        return _and(x, axis=self.axis, keepdims=self.keepdims)


# functions ----------------------------------------------------------------------------------------------------------
def axes_field(axis: Any) -> tuple[int, ...] | None:
    """An axis argument (None, a number, several) as the field of a kind; raises ShapeError for anything else."""
    if axis is None:
        return None
    several = axis if isinstance(axis, (tuple, list)) else (axis,)
    try:
        return tuple([each.__index__() for each in several])
    except AttributeError:
        raise ShapeError(
            f"an axis was asked for as {axis!r}\nfound: {type(axis).__name__}\ndo: give an int, several, or None"
        ) from None


def axis_field(axis: Any) -> int | None:
    """An axis argument of which there can be one only."""
    axes = axes_field(axis)
    if axes is None:
        return None
    if len(axes) != 1:
        raise ShapeError(f"one axis was expected\nfound: {axis!r}\ndo: give one number, or None")
    return axes[0]


@numpy_function("sum")
def sum(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over axes (all of them unless told).

    Floats keep their dtype; integers and bools give int64. `dtype` converts before summing. `keepdims` leaves the axes
    with length 1. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.sum(lg.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0).data
    array([4., 6.], dtype=float32)
    """
    if dtype is not None:
        x = apply(Cast.make(dtype=np.dtype(dtype).name), x)
    return apply(Sum.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("mean")
def mean(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over axes (all of them unless told).

    Floats keep their dtype; integers and bools give float64, as in NumPy. Raises ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.mean(lg.tensor([1.0, 2.0, 6.0])).item()
    3.0
    """
    if dtype is not None:
        x = apply(Cast.make(dtype=np.dtype(dtype).name), x)
    return apply(Mean.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("max", "amax")
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest entry along axes; entries that tie share the gradient evenly.

    NaN where there is one. Raises ShapeError for an axis out of range or without entries.

    >>> import localgrad as lg
    >>> x = lg.tensor([1.0, 3.0, 3.0], requires_grad=True)
    >>> lg.max(x).backward()
    >>> x.grad
    array([0. , 0.5, 0.5], dtype=float32)
    """
    return apply(ReduceMax.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("min", "amin")
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest entry along axes; entries that tie share the gradient evenly.

    NaN where there is one. Raises ShapeError for an axis out of range or without entries.

    >>> import localgrad as lg
    >>> lg.min(lg.tensor([[1.0, 3.0], [2.0, 0.0]]), axis=1).data
    array([1., 0.], dtype=float32)
    """
    return apply(ReduceMin.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


amax = max
amin = min


@numpy_function("argmax")
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest entry along an axis (int64), the first where several are equal.

    Without an axis the position among all entries in row-major order. Has no gradient.

    >>> import localgrad as lg
    >>> lg.argmax(lg.tensor([[1.0, 3.0], [2.0, 0.0]]), axis=1).data
    array([1, 0])
    """
    return apply(ArgMax.make(axis=axis_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("argmin")
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest entry along an axis (int64), the first where several are equal.

    Without an axis the position among all entries in row-major order. Has no gradient.

    >>> import localgrad as lg
    >>> lg.argmin(lg.tensor([[1.0, 3.0], [2.0, 0.0]]), axis=1).data
    array([0, 1])
    """
    return apply(ArgMin.make(axis=axis_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("any")
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether any entry along axes is true (not 0), as bools. Has no gradient.

    >>> import localgrad as lg
    >>> lg.any(lg.tensor([[0, 2], [0, 0]]), axis=1).data
    array([ True, False])
    """
    return apply(ReduceAny.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("all")
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every entry along axes is true (not 0), as bools. Has no gradient.

    >>> import localgrad as lg
    >>> lg.all(lg.tensor([[0, 2], [1, 1]]), axis=1).data
    array([False,  True])
    """
    return apply(ReduceAll.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]
