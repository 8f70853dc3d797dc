"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, chain, normal_axes
from localgrad.nodes.branching import Where
from localgrad.nodes.decomposition import SVD
from localgrad.nodes.reduction import ReduceMax, ReduceMin, Reduction, Sum, axes_field, float_dtype
from localgrad.nodes.reduction import sum as total
from localgrad.nodes.rounding import Abs, Sign
from localgrad.nodes.shaping import Transpose, Unsqueeze
from localgrad.nodes.statistics import ReduceL1, ReduceL2

INFINITY = float("inf")


@kind
class VectorNorm(Reduction):
    """The p-norm over axes, for any p but 0 and infinity; the gradient of entries that are 0 is 0."""

    formula = r"y_j = \left( \sum_i |x_{ij}|^p \right)^{1/p}"
    p: float = 3.0

    def check_fields(self) -> None:
        if not self.p or not np.isfinite(self.p):
            raise ShapeError(
                f"the {self.p}-norm was asked of VectorNorm\nfound: its formula has no value for this p\n"
                "do: use lg.norm, which knows the limits"
            )

    def dtype_of(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return float_dtype(dtype)

    def forward(self, x: Value) -> Value:
        size = np.abs(np.asarray(x))
        size = size if size.dtype.kind == "f" else size.astype(np.float64)
        y = np.sum(size**self.p, axis=self.axis, keepdims=self.keepdims, dtype=size.dtype)
        return y ** (1 / self.p)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        y = self.restored(y, x)
        # a power of 0 may be infinite; the sign of 0, which multiplies it, is 0
        size = Where.on(x == 0, 1.0, Abs.on(x)) / Where.on(y == 0, 1.0, y)
        local = Where.on((x == 0) | (y == 0), 0.0, Sign.on(x) * size ** (self.p - 1))
        return chain(self.restored(grad, x), local)


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors or matrices, as `np.linalg.norm`: the root of the sum of squares unless told.

    `ord` is 2 (vectors), 1, inf, -inf, 0 or any other number; for matrices "fro", "nuc" (the sum of singular values), 2,
    -2 (the largest and smallest of them), 1, -1, inf, -inf. `axis` names one axis for vectors, two for matrices. The
    gradient is 0 where the norm is 0. Raises ShapeError for an `ord` or axes that do not fit.

    >>> import localgrad as lg
    >>> lg.norm(lg.tensor([3.0, 4.0])).item()
    5.0
    """
    given = as_tensor(x)
    axes = axes_field(axis)
    count = given.ndim if axes is None else len(axes)
    if ord is None:
        return _reduced(ReduceL2, given, axes, keepdims)
    if count == 2:
        return matrix_norm_over(given, ord, axes or (0, 1), keepdims)
    if count != 1:
        raise ShapeError(
            f"the norm {ord!r} was asked over {count} axes{user_line()}\nfound: it knows vectors and matrices\n"
            "do: name one axis or two"
        )
    return vector_norm_over(given, ord, axes, keepdims)


def vector_norm_over(x: Any, ord: Any, axes: tuple[int, ...] | None, keepdims: bool) -> Tensor:
    """The norm of all entries along axes as one vector."""
    if isinstance(ord, str) or ord != ord:
        raise ShapeError(
            f"the norm {ord!r} of vectors was asked{user_line()}\nfound: that is none of vectors\n"
            "do: leave `ord` out for the root of the sum of squares, or give a number; names are for matrices, two axes"
        )
    if ord == 2:
        return _reduced(ReduceL2, x, axes, keepdims)
    if ord == 1:
        return _reduced(ReduceL1, x, axes, keepdims)
    if ord == 0:
        given = as_tensor(x)
        return total(given != 0, axis=axes, keepdims=keepdims).astype(float_dtype(given.dtype))
    if ord in (INFINITY, -INFINITY):
        return _reduced(ReduceMax if ord > 0 else ReduceMin, apply(Abs.make(), _floats(x)), axes, keepdims)
    return apply(VectorNorm.make(axis=axes, keepdims=bool(keepdims), p=float(ord)), x)  # type: ignore[no-any-return]


def matrix_norm_over(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The norm of matrices along two axes."""
    given = _floats(x)
    rank = given.ndim
    normal_axes(axes, rank)
    rows, columns = (axis % rank for axis in axes)
    if ord == "fro":
        return _reduced(ReduceL2, given, (rows, columns), keepdims)
    if ord in ("nuc", 2, -2):
        rest = tuple(axis for axis in range(rank) if axis not in (rows, columns))
        moved = apply(Transpose.make(axes=(*rest, rows, columns)), given)
        s = apply(SVD.make(), moved)[1]
        y = _reduced(Sum if ord == "nuc" else ReduceMax if ord == 2 else ReduceMin, s, (-1,), False)
        return apply(Unsqueeze.make(axis=tuple(sorted((rows, columns)))), y) if keepdims else y
    if ord not in (1, -1, INFINITY, -INFINITY):
        raise ShapeError(
            f"the norm {ord!r} of matrices was asked{user_line()}\nfound: there is none\n"
            "do: give 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _reduced(ReduceL1, given, (summed,), True)
    extreme = _reduced(ReduceMax if ord > 0 else ReduceMin, sums, (compared,), True)
    return extreme if keepdims else _reduced(Sum, extreme, (rows, columns), False)


def _floats(x: Any) -> Tensor:
    given = as_tensor(x)
    return given if given.dtype.kind == "f" else given.astype(np.float64)


def _reduced(definition: type[Kind], x: Any, axes: tuple[int, ...] | None, keepdims: bool) -> Tensor:
    return apply(definition.make(axis=axes, keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]
