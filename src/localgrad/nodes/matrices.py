"""Matrices: what the kinds of linear algebra share, which all take stacks of matrices on leading axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import LinearAlgebraError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.spec import Spec, format_shape, same_extent
from localgrad.nodes.base import need_spec, rank_of
from localgrad.nodes.creation import FullLike
from localgrad.nodes.diagonal import Diagonal, Undiagonal
from localgrad.nodes.reduction import float_dtype
from localgrad.nodes.shaping import Unsqueeze, swap_last


class MatrixKind(Kind):
    """A kind of matrices: the last two axes; all others are a stack. Integers give float64."""

    family = "linear"
    asked: ClassVar[str] = ""
    """What is asked of the input, for messages."""

    def matrix(self, x: SpecLike, index: int = 0) -> Spec:
        """The spec of an input that holds matrices, in the dtype computed with."""
        spec = need_spec(self, x, index)
        if spec.ndim < 2:
            raise ShapeError(
                f"{self.asked} was asked\nfound: rank {spec.ndim}, shape {format_shape(spec.shape)}\n"
                "do: give a matrix, or a stack of them on leading axes"
            )
        return spec.with_dtype(float_dtype(spec.dtype))

    def square(self, x: SpecLike, index: int = 0) -> Spec:
        """The spec of an input that holds square matrices."""
        spec = self.matrix(x, index)
        if not same_extent(spec.shape[-2], spec.shape[-1]):
            raise ShapeError(
                f"{self.asked} was asked\nfound: shape {format_shape(spec.shape)}, which is not square\n"
                "do: make the last two axes equally long"
            )
        return spec

    def computed(self, function: Callable[..., Any], *xs: NDArray[Any]) -> Any:
        """What NumPy computes of these arrays; its refusals as ours, with the matrix and the reason."""
        try:
            return function(*xs)
        except np.linalg.LinAlgError as error:
            if "imension" in str(error):  # of shapes, which the shape rule explains
                raise
            raise refused(self.asked, xs[0], str(error)) from None


def refused(asked: str, x: NDArray[Any], reason: str) -> LinearAlgebraError:
    """The error for matrices NumPy could not compute with: which one of the stack, why, and what to do."""
    stack = x.reshape(-1, *x.shape[-2:])
    finite = np.isfinite(stack).all(axis=(-2, -1))
    positive = "positive" in reason
    if not finite.all():
        bad, found = ~finite, "holds NaN or infinity"
        advice = "look for its first place with lg.detect_nonfinite()"
    elif positive:
        smallest = np.linalg.eigvalsh(stack)[:, 0]
        bad = smallest <= smallest.min()
        found = f"is not positive definite: its smallest eigenvalue is {smallest.min():.3g}"
        advice = "add a multiple of the identity, x + 1e-6 * lg.eye(n), or make x as a product w @ w.T"
    elif "ingular" in reason:
        bad = np.linalg.slogdet(stack)[0] == 0
        bad = bad if bad.any() else np.linalg.matrix_rank(stack) < stack.shape[-1]
        rank = np.linalg.matrix_rank(stack[int(np.argmax(bad))])
        found = f"is singular: its rows are linearly dependent (rank {rank} of {stack.shape[-1]})"
        advice = "use lg.linalg.pinv, or add a multiple of the identity, x + 1e-6 * lg.eye(n)"
    else:
        bad, found, advice = finite, reason[:1].lower() + reason[1:], "scale the entries to a size near 1"
    which = "it" if x.ndim == 2 else f"matrix {_place(int(np.argmax(bad)), x.shape[:-2])} of the stack"
    return LinearAlgebraError(f"{asked} was asked\nfound: {which} {found}\ndo: {advice}")


def _place(number: int, lead: tuple[int, ...]) -> str:
    place = tuple(int(each) for each in np.unravel_index(number, lead))
    return str(place[0] if len(place) == 1 else place)


def wide(x: Value) -> NDArray[Any]:
    """An array in a dtype LAPACK computes with: float32 or float64."""
    array = np.asarray(x)
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def narrow(y: Any, x: Value) -> Any:
    """A result back in the dtype of x."""
    dtype = float_dtype(np.asarray(x).dtype)
    return y if y.dtype == dtype else y.astype(dtype)


def symmetric(x: Value) -> Value:
    """The symmetric part of matrices."""
    return 0.5 * (x + swap_last(x))


def spread(grad: Value, x: Value) -> Value:
    """A number for each matrix of x so that it broadcasts against the matrices."""
    return Unsqueeze.on(grad, axis=(-2, -1)) if rank_of(x) > 2 else grad


def identities(x: Value) -> Value:
    """The identity in the shape of square matrices, whatever it will be."""
    rank = rank_of(x)
    ones = FullLike.on(Diagonal.on(x, axis1=rank - 2, axis2=rank - 1), value=1.0)
    return Undiagonal.on(ones, axis1=rank - 2, axis2=rank - 1)


def diagonal_matrix(x: Value) -> Value:
    """Vectors on the diagonals of square matrices."""
    rank = rank_of(x) + 1
    return Undiagonal.on(x, axis1=rank - 2, axis2=rank - 1)
