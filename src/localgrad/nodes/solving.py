"""Solving: inverses, systems of equations, and the Cholesky factor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_extent
from localgrad.nodes.base import need_spec, rank_of
from localgrad.nodes.diagonal import Trilu
from localgrad.nodes.matrices import MatrixKind, narrow, refused, symmetric, wide
from localgrad.nodes.reduction import float_dtype
from localgrad.nodes.shaping import Squeeze, Unsqueeze, swap_last

BLOCK = 32
"""Triangles up to this size are solved at once, larger ones as two halves and a matrix product."""


@kind
class Inv(MatrixKind):
    """The inverse of square matrices. Gradient: Giles 2008, section 2.2.3."""

    formula = r"y = x^{-1}"
    asked = "the inverse of {0}"

    def shape(self, x: SpecLike) -> Spec:
        return self.square(x)

    def forward(self, x: Value) -> Value:
        return narrow(self.computed(np.linalg.inv, wide(x)), x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        turned = swap_last(y)
        return -(turned @ grad @ turned)


class System(MatrixKind):
    """A system of equations x y = b; b is a vector if it has one axis, else its columns are solved one by one."""

    inputs = ("x", "b")
    promotes = True
    asked = "the solution of a system with the matrix {0}"

    def shape(self, x: SpecLike, b: SpecLike) -> Spec:
        left, right = self.square(x), need_spec(self, b, 1)
        if right.ndim == 0 or not same_extent(left.shape[-1], right.shape[max(right.ndim - 2, 0)]):
            raise ShapeError(
                f"{self.asked}, shape {format_shape(left.shape)}, was asked\nfound: a right side {{1}} of shape "
                f"{format_shape(right.shape)}\ndo: give a vector of length {left.shape[-1]}, or as many rows "
                "(b[..., None] makes a stack of vectors a stack of columns)"
            )
        dtype = float_dtype(np.result_type(left.dtype, right.dtype))
        if right.ndim == 1:
            return Spec(left.shape[:-1], dtype)
        try:
            lead = broadcast_shapes(left.shape[:-2], right.shape[:-2])
        except ShapeError:
            raise ShapeError(
                f"{self.asked}, shape {format_shape(left.shape)}, was asked\nfound: a right side {{1}} of shape "
                f"{format_shape(right.shape)}, whose leading axes do not broadcast with it\ndo: make them equal or 1"
            ) from None
        return Spec((*lead, *right.shape[-2:]), dtype)

    def solution(self, x: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """The solution for columns."""
        raise NotImplementedError

    def forward(self, x: Value, b: Value) -> Value:
        left, right = wide(x), wide(b)
        if right.ndim == 0:
            raise ValueError("a number is no right side")
        if right.ndim == 1:
            return narrow(self.computed(self.solution, left, right[:, None])[..., 0], x)
        return narrow(self.computed(self.solution, left, right), x)

    def turned(self, x: Value, grad: Value) -> Value:
        """The solution with the transposed matrix."""
        raise NotImplementedError

    def backward(self, grad: Value, y: Value, x: Value, b: Value, *, wanted: tuple[bool, ...]) -> Value:
        vector = rank_of(b) == 1
        if vector:
            grad, y = Unsqueeze.on(grad, axis=(-1,)), Unsqueeze.on(y, axis=(-1,))
        of_b = self.turned(x, grad)
        of_x = self.reached(-(of_b @ swap_last(y))) if wanted[0] else None
        return of_x, Squeeze.on(of_b, axis=(-1,)) if vector else of_b

    def reached(self, grad: Value) -> Value:
        """The gradient of the entries of x that are read."""
        return grad


@kind
class Solve(System):
    """The solution y of x y = b for square matrices x. Gradient: Giles 2008, section 2.3.1."""

    formula = r"y = x^{-1} b"

    def solution(self, x: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.linalg.solve(x, b)

    def turned(self, x: Value, grad: Value) -> Value:
        return Solve.on(swap_last(x), grad)


@kind
class SolveTriangular(System):
    """The solution y of x y = b, where only the lower (or upper) triangle of x is read; `unit` takes 1 on its diagonal."""

    formula = r"y = \mathrm{tril}(x)^{-1} b"
    lower: bool = True
    unit: bool = False

    def solution(self, x: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)
        if x.shape[-2] != x.shape[-1] or b.shape[-2] != x.shape[-1]:
            raise ValueError("shapes do not fit")
        if not self.unit and (diagonal == 0).any():
            raise refused(self.asked, np.tril(x) if self.lower else np.triu(x), "singular")
        y = self._halves(x, b)
        if y.shape[:-2] == x.shape[:-2]:
            return y
        return np.broadcast_to(y, np.broadcast_shapes(y.shape[:-2], x.shape[:-2]) + y.shape[-2:])

    def _halves(self, x: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        count = x.shape[-1]
        if count <= BLOCK:
            # upper triangles stand as their own LU factor, so this is back substitution and nothing else
            part = np.triu(x[..., ::-1, ::-1] if self.lower else x)
            if self.unit:
                part[..., range(count), range(count)] = 1
            return np.linalg.solve(part, b[..., ::-1, :])[..., ::-1, :] if self.lower else np.linalg.solve(part, b)
        half = count // 2
        if self.lower:
            top = self._halves(x[..., :half, :half], b[..., :half, :])
            rest = self._halves(x[..., half:, half:], b[..., half:, :] - x[..., half:, :half] @ top)
        else:
            rest = self._halves(x[..., half:, half:], b[..., half:, :])
            top = self._halves(x[..., :half, :half], b[..., :half, :] - x[..., :half, half:] @ rest)
        lead = np.broadcast_shapes(top.shape[:-2], rest.shape[:-2])
        halves = [np.broadcast_to(each, lead + each.shape[-2:]) for each in (top, rest)]
        return np.concatenate(halves, axis=-2)

    def turned(self, x: Value, grad: Value) -> Value:
        return SolveTriangular.on(swap_last(x), grad, lower=not self.lower, unit=self.unit)

    def reached(self, grad: Value) -> Value:
        beside = -1 if self.lower else 1
        return Trilu.on(grad, upper=not self.lower, k=beside if self.unit else 0)


@kind
class Cholesky(MatrixKind):
    """The lower triangle y with y yᵀ = x, of the symmetric part of x. Gradient: Murray 2016, equation 10."""

    formula = r"y y^\top = (x + x^\top) / 2, \quad y = \mathrm{tril}(y)"
    asked = "the Cholesky factor of {0}"

    def shape(self, x: SpecLike) -> Spec:
        return self.square(x)

    def forward(self, x: Value) -> Value:
        if np.ndim(x) < 2:
            raise ValueError("rank below 2")
        return narrow(self.computed(np.linalg.cholesky, symmetric(wide(x))), x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        turned = swap_last(y)
        inner = turned @ grad
        half = 0.5 * (Trilu.on(inner, upper=False) + Trilu.on(inner, upper=False, k=-1))
        left = SolveTriangular.on(turned, half, lower=False)
        return symmetric(SolveTriangular.on(turned, swap_last(left), lower=False))


@kind
class PseudoInverse(MatrixKind):
    """The Moore-Penrose inverse; singular values up to `rtol` times the largest count as 0 (size times epsilon unless told).

    Gradient: Golub and Pereyra 1973, equation 4.12; it holds where the rank does not change.
    """

    formula = r"y = x^+"
    asked = "the pseudoinverse of {0}"
    rtol: float | None = None

    def shape(self, x: SpecLike) -> Spec:
        spec = self.matrix(x)
        return spec.with_shape((*spec.shape[:-2], spec.shape[-1], spec.shape[-2]))

    def forward(self, x: Value) -> Value:
        array = wide(x)
        if array.ndim < 2:
            raise ValueError("rank below 2")
        u, s, v = self.computed(lambda a: np.linalg.svd(a, full_matrices=False), array)
        rtol = max(array.shape[-2:]) * np.finfo(array.dtype).eps if self.rtol is None else self.rtol
        large = s > rtol * np.max(s, axis=-1, keepdims=True, initial=0)
        inverse = np.divide(1, s, out=np.zeros_like(s), where=large)
        return narrow(np.matmul(v.swapaxes(-1, -2) * inverse[..., None, :], u.swapaxes(-1, -2)), x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        turned, incoming = swap_last(y), swap_last(grad)
        left = incoming @ (y @ turned)
        right = (turned @ y) @ incoming
        return (left - x @ (y @ left)) + (right - (right @ y) @ x) - turned @ grad @ turned
