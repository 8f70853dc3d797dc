"""Decompositions: eigenvalues of symmetric matrices, QR, and singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import MissingRuleError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Spec, Symbol
from localgrad.nodes.base import chain, rank_of, shape_of
from localgrad.nodes.branching import Where
from localgrad.nodes.diagonal import Diagonal, Trilu
from localgrad.nodes.joining import Concat
from localgrad.nodes.matrices import MatrixKind, diagonal_matrix, identities, narrow, refused, spread, symmetric, wide
from localgrad.nodes.reduction import ReduceAny
from localgrad.nodes.shaping import Unsqueeze, swap_last
from localgrad.nodes.slicing import WHOLE, Slice
from localgrad.nodes.solving import SolveTriangular

NOT_A_NUMBER = float("nan")


def shorter(rows: Extent, columns: Extent) -> Extent:
    """The shorter of two extents; a named one is taken to be the longer one beside a number."""
    if isinstance(rows, Symbol):
        return columns
    return rows if isinstance(columns, Symbol) else min(rows, columns)


def is_longer(a: Extent, b: Extent) -> bool:
    """Whether a is more than b; a named extent is, beside a number."""
    if isinstance(a, Symbol):
        return not isinstance(b, Symbol)
    return not isinstance(b, Symbol) and a > b


def columns_of(x: Value, start: int | None, stop: int | None) -> Value:
    """Some columns of matrices."""
    return Slice.on(x, index=(*(WHOLE,) * (rank_of(x) - 1), ("slice", start, stop, None)))


def row(x: Value) -> Value:
    """Vectors as rows, which scale the columns of matrices."""
    return Unsqueeze.on(x, axis=(-2,))


def column(x: Value) -> Value:
    """Vectors as columns, which scale the rows of matrices."""
    return Unsqueeze.on(x, axis=(-1,))


def inverse_differences(x: Value) -> Value:
    """The matrix of 1 / (x_j - x_i), 0 on the diagonal."""
    differences = row(x) - column(x)
    same = identities(differences) != 0
    return Where.on(same, 0.0, 1 / Where.on(same, 1.0, differences))


@kind
class Eigh(MatrixKind):
    """The eigenvalues w, ascending, and eigenvectors v (columns) of the symmetric part of x. Gradient: Giles 2008, 3.1.

    That of the vectors exists where no two eigenvalues are equal, and where the result does not depend on their signs.
    """

    formula = r"(x + x^\top) / 2 = v\, \mathrm{diag}(w)\, v^\top, \quad v^\top v = I"
    outputs = 2
    asked = "the eigenvalues of {0}"

    def shape(self, x: SpecLike) -> tuple[Spec, Spec]:
        spec = self.square(x)
        return spec.with_shape(spec.shape[:-1]), spec

    def forward(self, x: Value) -> Value:
        if np.ndim(x) < 2:
            raise ValueError("rank below 2")
        array = symmetric(wide(x))
        if not np.isfinite(array).all():
            raise refused(self.asked, array, "")
        w, v = self.computed(np.linalg.eigh, array)
        return narrow(w, x), narrow(v, x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        (w, v), inner = y, None
        if grad[0] is not None:
            inner = diagonal_matrix(grad[0])
        if grad[1] is not None:
            mixed = chain(swap_last(v) @ grad[1], inverse_differences(w))
            inner = mixed if inner is None else inner + mixed
        return None if inner is None else symmetric(v @ inner @ swap_last(v))


@kind
class QR(MatrixKind):
    """Orthonormal columns q and an upper triangle r with q r = x. Gradient: Roberts and Roberts 2020, section 3.

    It is NaN where the first min(rows, columns) columns of x are not linearly independent.
    """

    formula = r"x = q r, \quad q^\top q = I, \quad r = \mathrm{triu}(r)"
    outputs = 2
    asked = "the QR decomposition of {0}"

    def shape(self, x: SpecLike) -> tuple[Spec, Spec]:
        spec = self.matrix(x)
        *lead, rows, columns = spec.shape
        count = shorter(rows, columns)
        return spec.with_shape((*lead, rows, count)), spec.with_shape((*lead, count, columns))

    def forward(self, x: Value) -> Value:
        q, r = self.computed(np.linalg.qr, wide(x))
        return narrow(q, x), narrow(r, x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        (q, r), (of_q, of_r) = y, grad
        rows, columns = shape_of(x)[-2:]
        if not is_longer(columns, rows):
            return self._tall(of_q, of_r, q, r)
        # the columns beyond the square ones are q times theirs in r
        count: Any = rows
        right = None
        if of_r is not None:
            right = columns_of(of_r, count, None)
            more = columns_of(x, count, None) @ swap_last(right)
            of_q = more if of_q is None else of_q + more
            of_r = columns_of(of_r, None, count)
        left = self._tall(of_q, of_r, q, columns_of(r, None, count))
        return Concat.on(left, q @ right if right is not None else 0.0 * columns_of(x, count, None), axis=-1)

    def _tall(self, of_q: Value, of_r: Value, q: Value, r: Value) -> Value:
        inner = None
        if of_r is not None:
            inner = r @ swap_last(Trilu.on(of_r))  # below the diagonal r is 0 whatever x is
        if of_q is not None:
            mixed = swap_last(of_q) @ q
            inner = -mixed if inner is None else inner - mixed
        pulled = q @ (Trilu.on(inner, upper=False) + swap_last(Trilu.on(inner, upper=False, k=-1)))
        if of_q is not None:
            pulled = pulled + of_q
        # times the inverse of rᵀ from the right; a singular r makes NaN of what comes in, and leaves 0 as it is
        rank = rank_of(r)
        singular = spread(ReduceAny.on(Diagonal.on(r, axis1=rank - 2, axis2=rank - 1) == 0, axis=(-1,)), r)
        solved = SolveTriangular.on(Where.on(singular, identities(r), r), swap_last(pulled), lower=False)
        return swap_last(Where.on(singular & (solved != 0), NOT_A_NUMBER, solved))


@kind
class SVD(MatrixKind):
    """Singular values s, descending, and the vectors u (columns) and v (rows) with u diag(s) v = x.

    Gradient (Townsend 2016, eq. 10): through the vectors where no two values are equal and their signs do not matter.
    """

    formula = r"x = u\, \mathrm{diag}(s)\, v, \quad u^\top u = v v^\top = I"
    outputs = 3
    asked = "the singular values of {0}"
    full: bool = False

    def shape(self, x: SpecLike) -> tuple[Spec, Spec, Spec]:
        spec = self.matrix(x)
        *lead, rows, columns = spec.shape
        count = shorter(rows, columns)
        left, right = (rows, columns) if self.full else (count, count)
        shapes = (*lead, rows, left), (*lead, count), (*lead, right, columns)
        return spec.with_shape(shapes[0]), spec.with_shape(shapes[1]), spec.with_shape(shapes[2])

    def forward(self, x: Value) -> Value:
        array = wide(x)
        if array.ndim < 2:
            raise ValueError("rank below 2")
        if not np.isfinite(array).all():
            raise refused(self.asked, array, "")
        found: tuple[NDArray[Any], ...] = self.computed(lambda a: np.linalg.svd(a, full_matrices=self.full), array)
        u, s, v = (narrow(each, x) for each in found)
        return u, s, v

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        (u, s, v), (of_u, of_s, of_v) = y, grad
        rows, columns = shape_of(x)[-2:]
        if self.full and (is_longer(rows, columns) or is_longer(columns, rows)):
            if of_u is not None or of_v is not None:
                raise MissingRuleError(
                    "a gradient was asked through all singular vectors of a matrix that is not square\n"
                    "found: those beyond the shorter side are any that stand at right angles to the others\n"
                    "do: take full_matrices=False"
                )
            u, s, v = SVD.on(x)  # of these second derivatives exist
        inner = None if of_s is None else diagonal_matrix(of_s)
        outer = None
        if of_u is not None or of_v is not None:
            gaps = inverse_differences(s * s)
            if of_u is not None:
                inner = _sum(inner, self._rotated(swap_last(u) @ of_u, gaps) * row(s))
                if is_longer(rows, columns):
                    beyond = chain(of_u - u @ (swap_last(u) @ of_u), row(1 / s))
                    outer = beyond @ v
            if of_v is not None:
                inner = _sum(inner, column(s) * self._rotated(v @ swap_last(of_v), gaps))
                if is_longer(columns, rows):
                    beyond = chain(of_v - (of_v @ swap_last(v)) @ v, column(1 / s))
                    outer = _sum(outer, u @ beyond)
        return None if inner is None else _sum(u @ inner @ v, outer)

    def _rotated(self, x: Value, gaps: Value) -> Value:
        return chain(x - swap_last(x), gaps)


def _sum(a: Value, b: Value) -> Value:
    if a is None or b is None:
        return b if a is None else a
    return a + b
