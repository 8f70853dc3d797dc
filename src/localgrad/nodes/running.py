"""Running: sums, products and linear recurrences along an axis, and products whose gradient is right at zeros."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, chain, need_spec, normal_axes, rank_of
from localgrad.nodes.padding import shifted
from localgrad.nodes.reduction import Reduction, axes_field, axis_field, sum_dtype
from localgrad.nodes.shaping import Reshape
from localgrad.nodes.structure import Cast, cast

_product: Final[Any] = np.multiply.reduce


class Running(Kind):
    """A kind that goes along one axis: from the start, or with `reverse` from the end."""

    family = "reduction"
    axis: int = 0
    exclusive: bool = False
    reverse: bool = False

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        normal_axes(self.axis, spec.ndim)
        return spec.with_dtype(sum_dtype(spec.dtype))

    def accumulated(self, x: Value, ufunc: Any, start: int) -> Value:
        """The ufunc run along the axis; an exclusive result is moved by one and begins with `start`."""
        x = np.asarray(x)
        if self.reverse:
            x = np.flip(x, self.axis)
        y = ufunc.accumulate(x, axis=self.axis, dtype=sum_dtype(x.dtype))
        if self.exclusive:
            moved = np.empty_like(y)
            along, before = np.moveaxis(moved, self.axis, 0), np.moveaxis(y, self.axis, 0)
            along[:1], along[1:] = start, before[:-1]
            y = moved
        return np.ascontiguousarray(np.flip(y, self.axis)) if self.reverse else y


@kind
class CumSum(Running):
    """The running sum along an axis, without the entry itself if exclusive, from the end if reversed."""

    formula = r"y_i = \sum_{j \le i} x_j"
    onnx = "CumSum"

    def forward(self, x: Value) -> Value:
        return self.accumulated(x, np.add, 0)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return CumSum.on(grad, axis=self.axis, exclusive=self.exclusive, reverse=not self.reverse)


@kind
class CumProd(Running):
    """The running product along an axis, without the entry itself if exclusive, from the end if reversed.

    Its gradient divides by nothing, so zeros are right in it.
    """

    formula = r"y_i = \prod_{j \le i} x_j"

    def forward(self, x: Value) -> Value:
        return self.accumulated(x, np.multiply, 1)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        # entry k is a factor of the outputs from k on: product before k times sum of grad_i * product between k and i
        ahead = 1 if self.reverse else -1
        before = CumProd.on(x, axis=self.axis, exclusive=True, reverse=self.reverse)
        if self.exclusive:
            grad = shifted(grad, self.axis, ahead)
        factors = shifted(x, self.axis, ahead)
        return chain(Recurrence.on(factors, grad, axis=self.axis, reverse=not self.reverse), before)


@kind
class Recurrence(Kind):
    """The linear recurrence along an axis that starts from 0: each entry is a times the one before, plus b.

    The product is the chain rule's: where the entry before is 0 it is 0, even if a is infinite.
    """

    formula = r"y_i = a_i y_{i-1} + b_i, \quad y_{-1} = 0"
    inputs = ("a", "b")
    promotes = True
    family = "reduction"
    axis: int = 0
    reverse: bool = False

    def shape(self, a: SpecLike, b: SpecLike) -> Spec:
        left, right = need_spec(self, a), need_spec(self, b, 1)
        if not same_shape(left.shape, right.shape):
            raise ShapeError(
                f"Recurrence was asked of {{0}} of shape {format_shape(left.shape)} and {{1}} of shape "
                f"{format_shape(right.shape)}\nfound: they differ\ndo: give one factor and one term for each entry"
            )
        normal_axes(self.axis, left.ndim)
        return Spec(left.shape, np.result_type(left.dtype, right.dtype))

    def forward(self, a: Value, b: Value) -> Value:
        if np.shape(a) != np.shape(b):
            raise ValueError("different shapes")
        a, b = np.moveaxis(a, self.axis, 0), np.moveaxis(b, self.axis, 0)
        if self.reverse:
            a, b = a[::-1], b[::-1]
        y = _recurrence(a, b)
        return np.moveaxis(y[::-1] if self.reverse else y, 0, self.axis)

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        ahead = 1 if self.reverse else -1
        reached = Recurrence.on(shifted(a, self.axis, ahead), grad, axis=self.axis, reverse=not self.reverse)
        # y is a gradient itself where this kind is used: 0 there means that none came in
        return chain(shifted(y, self.axis, -ahead), reached), reached


def _recurrence(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    count = len(b)
    width = b[0].size if count else 1
    if count > 64 * width:
        # pairs of steps make one step: log2(count) rounds over everything instead of count rounds over little
        a, b = np.array(a), np.array(b)
        distance = 1
        while distance < count:
            b[distance:] = b[distance:] + chain(b[:-distance], a[distance:])
            a[distance:] = a[distance:] * a[:-distance]
            distance *= 2
        return b
    y = np.empty_like(b)
    for place in range(count):
        y[place] = b[place] if place == 0 else chain(y[place - 1], a[place]) + b[place]
    return y


@kind
class Prod(Reduction):
    """The product over axes; an entry's gradient is the product of the others, right where some are 0."""

    formula = r"y_j = \prod_i x_{ij}"
    onnx = "ReduceProd"

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return sum_dtype(dtype)

    def forward(self, x: Value) -> Value:
        return _product(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        grad = self.restored(grad, x)
        axes = normal_axes(self.axis, rank_of(x))
        if not axes:
            return grad
        partial = [x]  # the product over the last axis, over the last two, ...
        for axis in axes[:0:-1]:
            partial.append(Prod.on(partial[-1], axis=(axis,), keepdims=True))
        for axis, factors in zip(axes, partial[::-1], strict=True):
            before = CumProd.on(factors, axis=axis, exclusive=True)
            after = CumProd.on(factors, axis=axis, exclusive=True, reverse=True)
            grad = chain(grad, before * after)
        return grad


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("prod")
def prod(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over axes (all of them unless told).

    Floats keep their dtype; integers and bools give int64. Its gradient is right where entries are 0. Raises ShapeError
    for an axis out of range.

    >>> import localgrad as lg
    >>> x = lg.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> lg.prod(x).backward()
    >>> x.grad
    array([0., 6., 0.], dtype=float32)
    """
    if dtype is not None:
        x = apply(Cast.make(dtype=np.dtype(dtype).name), x)
    return apply(Prod.make(axis=axes_field(axis), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


@numpy_function("cumsum", "cumulative_sum")
def cumsum(x: Any, axis: int | None = None, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """The running sum along an axis (of the flattened tensor unless told).

    `exclusive` leaves out the entry itself, `reverse` starts from the end. Integers and bools give int64. Raises
    ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.cumsum(lg.tensor([1.0, 2.0, 3.0])).data
    array([1., 3., 6.], dtype=float32)
    """
    return _along(CumSum, x, axis, exclusive, reverse)


@numpy_function("cumprod", "cumulative_prod")
def cumprod(x: Any, axis: int | None = None, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """The running product along an axis (of the flattened tensor unless told); its gradient is right at zeros.

    `exclusive` leaves out the entry itself, `reverse` starts from the end. Integers and bools give int64. Raises
    ShapeError for an axis out of range.

    >>> import localgrad as lg
    >>> lg.cumprod(lg.tensor([1.0, 2.0, 3.0])).data
    array([1., 2., 6.], dtype=float32)
    """
    return _along(CumProd, x, axis, exclusive, reverse)


def _along(definition: type[Running], x: Any, axis: int | None, exclusive: bool, reverse: bool) -> Tensor:
    place = axis_field(axis)
    if place is None:
        x, place = apply(Reshape.make(shape_to=(-1,)), x), 0
    return apply(definition.make(axis=place, exclusive=bool(exclusive), reverse=bool(reverse)), x)  # type: ignore[no-any-return]


@numpy_function("diff")
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """Each entry minus the one before along an axis, n times over.

    `prepend` and `append` are joined to x first: tensors, or numbers for one entry each.

    >>> import localgrad as lg
    >>> lg.diff(lg.tensor([1.0, 4.0, 9.0])).data
    array([3., 5.], dtype=float32)
    """
    from localgrad.nodes.joining import concatenate
    from localgrad.nodes.shaping import broadcast_to
    from localgrad.nodes.slicing import WHOLE, Slice

    y: Any = x if isinstance(x, Tensor) else apply(Reshape.make(shape_to=np.shape(x)), x)
    (place,) = normal_axes(axis, rank_of(y))
    ends = []
    for end in (prepend, append):
        part = None if end is None else as_tensor(end)
        if isinstance(end, (int, float)):
            part = cast(part, y.dtype)
        if part is not None and not part.ndim:
            part = broadcast_to(part, (*y.shape[:place], 1, *y.shape[place + 1 :]))
        ends.append([] if part is None else [part])
    if n and (ends[0] or ends[1]):  # differenced no times it is x alone, as in NumPy
        y = concatenate([*ends[0], y, *ends[1]], place)
    for _ in range(n):
        lead = (WHOLE,) * place
        later = Slice.on(y, index=(*lead, ("slice", 1, None, None)))
        y = later - Slice.on(y, index=(*lead, ("slice", None, -1, None)))
    return y  # type: ignore[no-any-return]
