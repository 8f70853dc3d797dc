"""Creation: tensors filled with a number, in a given shape or that of another tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import CaptureError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.recording import as_input
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Spec, Symbol, as_dtype, format_shape, is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.base import apply, need_spec


@kind
class FullLike(Kind):
    """One number everywhere, in the shape (and dtype, unless told) of another tensor, whatever it will be."""

    formula = r"y_i = \text{value}"
    inputs = ("like",)
    family = "creation"
    differentiable = False
    value: Any = 0.0
    dtype: str | None = None

    def shape(self, like: SpecLike) -> Spec:
        spec = need_spec(self, like)
        return spec if self.dtype is None else spec.with_dtype(as_dtype(self.dtype))

    def forward(self, like: Value) -> Value:
        return np.full(np.shape(like), self.value, self.dtype or like.dtype)[()]


def _like(x: Any, value: Any, dtype: Any) -> Tensor:
    operand = as_input(x)
    dtype = None if dtype is None else as_dtype(dtype).name
    if isinstance(operand, Tensor) and is_static(operand.shape):
        return Leaf(np.full(operand.shape, value, dtype or operand.dtype), "constant", None, False)
    return apply(FullLike.make(value=value, dtype=dtype), operand)  # type: ignore[no-any-return]


@numpy_function("zeros_like")
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros in the shape and dtype of another tensor; entries can be assigned (`y[0] = x[1]`), which records nodes.

    >>> import localgrad as lg
    >>> lg.zeros_like(lg.tensor([1.0, 2.0])).data
    array([0., 0.], dtype=float32)
    """
    return _like(x, 0, dtype)


@numpy_function("ones_like")
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones in the shape and dtype of another tensor.

    >>> import localgrad as lg
    >>> lg.ones_like(lg.tensor([1.0, 2.0])).data
    array([1., 1.], dtype=float32)
    """
    return _like(x, 1, dtype)


@numpy_function("full_like")
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One number everywhere, in the shape and dtype of another tensor; a tensor of rank 0 as the number has a gradient.

    >>> import localgrad as lg
    >>> lg.full_like(lg.tensor([1.0, 2.0]), 7).data
    array([7., 7.], dtype=float32)
    """
    if isinstance(fill_value, Tensor):
        from localgrad.nodes.shaping import Repeat
        from localgrad.nodes.structure import Cast

        like = as_input(x)
        wanted = as_dtype(dtype or like.dtype)
        value = fill_value if fill_value.dtype == wanted else apply(Cast.make(dtype=wanted.name), fill_value)
        return Repeat.like(value, like)  # type: ignore[no-any-return]
    if isinstance(fill_value, np.generic):
        fill_value = fill_value.item()
    return _like(x, fill_value, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One number everywhere: float32 or int64 after the number unless told.

    Raises CaptureError for a shape with named extents, which need a tensor to be read from: use `lg.full_like`.

    >>> import localgrad as lg
    >>> lg.full((2, 2), 0.5).data
    array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """
    extents = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if any(isinstance(extent, Symbol) for extent in extents):
        raise CaptureError(
            f"a tensor of shape {format_shape(extents)} was to be made{user_line()}\n"
            "found: a named extent has a size only where a tensor carries it\n"
            "do: use lg.zeros_like, lg.ones_like or lg.full_like on a tensor of that shape"
        )
    if dtype is None:
        dtype = getattr(fill_value, "dtype", None) or (
            np.bool_ if isinstance(fill_value, bool) else np.int64 if isinstance(fill_value, int) else np.float32
        )
    try:
        array = np.full(extents, fill_value, as_dtype(dtype))
    except ValueError as error:
        raise ShapeError(f"a tensor of shape {extents} was to be made{user_line()}\nfound: {error}") from None
    return Leaf(array, "constant", None, False)


def zeros(shape: Any, dtype: Any = np.float32) -> Tensor:
    """Zeros, float32 unless told.

    >>> import localgrad as lg
    >>> lg.zeros((2, 3)).shape
    (2, 3)
    """
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = np.float32) -> Tensor:
    """Ones, float32 unless told.

    >>> import localgrad as lg
    >>> lg.ones(3).data
    array([1., 1., 1.], dtype=float32)
    """
    return full(shape, 1, dtype)


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = np.float32) -> Tensor:
    """A matrix of n rows and m columns (n unless told) with ones on the k-th diagonal, float32 unless told.

    >>> import localgrad as lg
    >>> lg.eye(2).data
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return Leaf(np.eye(n, m, k, dtype=as_dtype(dtype)), "constant", None, False)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """Numbers from start (0 if only one is given) up to but not including stop: int64 if all are ints, else float32.

    >>> import localgrad as lg
    >>> lg.arange(3).data
    array([0, 1, 2])
    """
    if dtype is None:
        numbers = (start, stop, step)
        dtype = np.int64 if all(number is None or hasattr(number, "__index__") for number in numbers) else np.float32
    first, last = (0, start) if stop is None else (start, stop)
    return Leaf(np.arange(first, last, step, dtype=as_dtype(dtype)), "constant", None, False)


def linspace(start: float, stop: float, num: int = 50, dtype: Any = np.float32) -> Tensor:
    """Evenly spaced numbers from start to stop, both included; float32 unless told.

    >>> import localgrad as lg
    >>> lg.linspace(0, 1, 3).data
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return Leaf(np.linspace(start, stop, num).astype(as_dtype(dtype)), "constant", None, False)
