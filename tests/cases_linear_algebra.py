"""Rows of nodes.solving, nodes.determinant, nodes.decomposition, nodes.norms and nodes.products."""

import numpy as np

from localgrad.graph.errors import LinearAlgebraError, ShapeError
from localgrad.nodes.decomposition import QR, SVD, Eigh
from localgrad.nodes.determinant import Cofactor, CofactorChange, Det, SlogDet
from localgrad.nodes.norms import VectorNorm
from localgrad.nodes.products import Cross, Kron
from localgrad.nodes.solving import Cholesky, Inv, PseudoInverse, Solve, SolveTriangular
from tests.case import Case, Draw, Point, Refused, inf, integers, nan, rand

SINGULAR = np.array([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 2.0], [2.0, 4.0]]])
TWO = [Refused((rand(3),), ShapeError, "rank 1", "give a matrix")]
SQUARE = [*TWO, Refused((rand(2, 3),), ShapeError, "(2, 3)", "not square", "equally long")]
MISSING = [
    Refused((SINGULAR,), LinearAlgebraError, "matrix 1 of the stack", "rank 1 of 2", "lg.linalg.pinv", captured=False)
]
NOT_A_NUMBER = [
    Refused((np.array([[nan, 1.0], [1.0, 1.0]]),), LinearAlgebraError, "NaN", "detect_nonfinite", captured=False)
]


def regular(*shape):
    """Square matrices far from singular, with singular values far from one another."""

    def draw(generator, shape):
        count = shape[-1]
        u, _, v = np.linalg.svd(generator.normal(size=shape))
        return (u * (1 + 0.6 * np.arange(count))) @ v

    return Draw(shape, draw)


def definite(*shape):
    """Matrices whose symmetric part is positive definite, with eigenvalues far from one another."""

    def draw(generator, shape):
        count = shape[-1]
        u, _, _ = np.linalg.svd(generator.normal(size=shape))
        skew = generator.uniform(-0.3, 0.3, shape)
        return (u * (0.5 + np.arange(count))) @ u.swapaxes(-1, -2) + skew - skew.swapaxes(-1, -2)

    return Draw(shape, draw)


def separate(*shape):
    """Matrices of any shape with singular values far from one another and from 0."""

    def draw(generator, shape):
        u, s, v = np.linalg.svd(generator.normal(size=shape), full_matrices=False)
        return (u * (1 + 0.6 * np.arange(s.shape[-1]))) @ v

    return Draw(shape, draw)


def symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


def minors(x):
    """Cofactors as they are taught: the determinants of what is left without a row and a column, with their signs."""
    y = np.empty_like(x, dtype=float)
    for place in np.ndindex(*x.shape):
        *lead, i, j = place
        left = np.delete(np.delete(x[tuple(lead)], i, 0), j, 1)
        y[place] = (-1) ** (i + j) * np.linalg.det(left)
    return y


def change_of_minors(x, w):
    """Cofactors are polynomials of degree n - 1 in each direction, so differences at n points are exact."""
    count = x.shape[-1]
    places = np.arange(count) - (count - 1) / 2
    values = np.stack([minors(x + t * w) for t in places])
    shape = values.shape[1:]
    return np.polynomial.polynomial.polyfit(places, values.reshape(count, -1), count - 1)[1].reshape(shape)


def triangle(lower, unit):
    def reference(x, b):
        part = np.tril(x, -1 if unit else 0) if lower else np.triu(x, 1 if unit else 0)
        return np.linalg.solve(part + unit * np.eye(x.shape[-1]), b)

    return reference


CASES = [
    # solving --------------------------------------------------------------------------------------------------------
    Case(
        Inv(),
        (regular(3, 3),),
        np.linalg.inv,
        unbatched="a single matrix",
        refused=[*SQUARE, *MISSING],
        extremes=[np.zeros((0, 0)), np.zeros((0, 2, 2)), np.array([[4.0]]), np.array([[inf]])],
    ),
    Case(Inv(), (regular(2, 3, 3),), np.linalg.inv, batch=(0,)),
    Case(Inv(), (regular(2, 1, 2, 2),), np.linalg.inv, batch=(1,)),
    Case(
        Solve(),
        (regular(3, 3), rand(3)),
        np.linalg.solve,
        unbatched="a single system",
        refused=[
            Refused((rand(2, 3), rand(2)), ShapeError, "not square"),
            Refused((rand(3, 3), rand(2)), ShapeError, "(3, 3)", "(2,)", "vector of length 3"),
            Refused((rand(5, 3, 3), rand(5, 3)), ShapeError, "(5, 3)", "b[..., None]"),
            Refused((rand(4, 3, 3), rand(2, 3, 1)), ShapeError, "do not broadcast"),
            Refused((rand(3, 3), 2.0), ShapeError, "()"),
            Refused((SINGULAR, rand(2)), LinearAlgebraError, "matrix 1 of", "rank 1 of 2", captured=False),
        ],
    ),
    Case(Solve(), (regular(2, 3, 3), rand(2, 3, 4)), np.linalg.solve, batch=(0, 0)),
    Case(Solve(), (regular(2, 3, 3), rand(3)), np.linalg.solve, batch=(0, None)),
    Case(Solve(), (regular(3, 3), rand(2, 3, 2)), np.linalg.solve, batch=(None, 0)),
    Case(Solve(), (regular(3, 3), rand(3, 4)), np.linalg.solve, batch=(None, 1)),
    Case(Solve(), (regular(2, 1, 2, 2), rand(3, 2, 2)), np.linalg.solve, batch=(0, None)),
    *(
        Case(
            SolveTriangular(lower=lower, unit=unit),
            (regular(3, 3) if unit else definite(3, 3), rand(3, 2)),
            triangle(lower, unit),
            batch=(None, 1),
            refused=[
                Refused((rand(2, 3), rand(2)), ShapeError, "not square"),
                Refused((rand(3, 3), rand(2, 2)), ShapeError, "(2, 2)"),
            ],
        )
        for lower in (True, False)
        for unit in (True, False)
    ),
    Case(
        SolveTriangular(lower=False),
        (definite(2, 3, 3), rand(3)),
        triangle(False, False),
        batch=(0, None),
        refused=[
            Refused((np.diag([1.0, 0.0]), rand(2)), LinearAlgebraError, "it is singular", "rank 1 of 2", captured=False)
        ],
    ),
    Case(SolveTriangular(), (definite(3, 3), rand(2, 3, 1)), triangle(True, False), batch=(None, 0)),
    Case(
        Cholesky(),
        (definite(3, 3),),
        lambda x: np.linalg.cholesky(symmetric(x)),
        unbatched="a single matrix",
        refused=[
            *SQUARE,
            Refused(
                (np.array([[1.0, 2.0], [2.0, 1.0]]),),
                LinearAlgebraError,
                "it is not positive definite",
                "smallest eigenvalue is -1",
                "multiple of the identity",
                captured=False,
            ),
        ],
        extremes=[np.zeros((0, 0)), np.zeros((0, 2, 2)), np.array([[4.0]])],
    ),
    Case(Cholesky(), (definite(2, 4, 4),), lambda x: np.linalg.cholesky(symmetric(x)), batch=(0,)),
    Case(
        PseudoInverse(), (separate(4, 3),), np.linalg.pinv, unbatched="a single matrix", refused=[*TWO, *NOT_A_NUMBER]
    ),
    Case(
        PseudoInverse(), (separate(2, 2, 4),), np.linalg.pinv, batch=(0,), extremes=[np.zeros((2, 3)), np.zeros((0, 2))]
    ),
    # determinants ---------------------------------------------------------------------------------------------------
    Case(
        Det(),
        (regular(3, 3),),
        np.linalg.det,
        unbatched="a single matrix",
        refused=SQUARE,
        points=[
            Point(np.zeros((2, 2)), np.zeros((2, 2)), second=np.array([[1.0, -1.0], [-1.0, 1.0]])),
            Point(np.array([[3.0]]), np.array([[1.0]])),
        ],
        extremes=[np.zeros((0, 0)), np.zeros((0, 2, 2)), np.zeros((3, 3))],
    ),
    Case(Det(), (regular(2, 3, 3),), np.linalg.det, batch=(0,)),
    Case(Det(), (rand(2, 2, 1, 1),), np.linalg.det, batch=(1,)),
    Case(
        SlogDet(),
        (regular(3, 3),),
        np.linalg.slogdet,
        unbatched="a single matrix",
        refused=SQUARE,
        extremes=[np.zeros((0, 0)), np.zeros((0, 2, 2)), np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros((2, 2, 2))],
    ),
    Case(SlogDet(), (regular(2, 4, 4),), np.linalg.slogdet, batch=(0,)),
    Case(
        Cofactor(),
        (regular(3, 3),),
        minors,
        unbatched="a single matrix",
        refused=SQUARE,
        rtol=(1e-11, 2e-5),
    ),
    Case(Cofactor(), (regular(2, 4, 4),), minors, batch=(0,), rtol=(1e-11, 2e-5)),
    Case(Cofactor(), (rand(2, 1, 1),), minors, batch=(0,)),
    Case(
        CofactorChange(),
        (regular(3, 3), rand(3, 3)),
        change_of_minors,
        unbatched="a single matrix",
        refused=[Refused((rand(2, 3), rand(2, 3)), ShapeError, "not square")],
        rtol=(1e-11, 2e-5),
    ),
    Case(CofactorChange(), (regular(2, 4, 4), rand(2, 4, 4)), change_of_minors, batch=(0, 0), rtol=(1e-11, 2e-5)),
    # decompositions -------------------------------------------------------------------------------------------------
    Case(
        Eigh(),
        (definite(3, 3),),
        lambda x: tuple(np.linalg.eigh(symmetric(x))),
        unbatched="a single matrix",
        refused=[*SQUARE, *NOT_A_NUMBER],
        float32=False,
        extremes=[np.zeros((0, 0)), np.zeros((0, 2, 2)), np.array([[4.0]])],
    ),
    Case(Eigh(), (definite(2, 3, 3),), lambda x: tuple(np.linalg.eigh(symmetric(x))), batch=(0,), float32=False),
    Case(QR(), (regular(3, 3),), lambda x: tuple(np.linalg.qr(x)), unbatched="a single matrix", refused=TWO),
    Case(QR(), (separate(2, 4, 3),), lambda x: tuple(np.linalg.qr(x)), batch=(0,)),
    Case(QR(), (separate(2, 2, 4),), lambda x: tuple(np.linalg.qr(x)), batch=(0,)),
    Case(
        SVD(),
        (separate(3, 3),),
        lambda x: tuple(np.linalg.svd(x)),
        unbatched="a single matrix",
        refused=[*TWO, *NOT_A_NUMBER],
        float32=False,
    ),
    Case(SVD(), (separate(2, 4, 3),), lambda x: tuple(np.linalg.svd(x, False)), batch=(0,), float32=False),
    Case(SVD(), (separate(2, 2, 4),), lambda x: tuple(np.linalg.svd(x, False)), batch=(0,), float32=False),
    Case(SVD(full=True), (separate(2, 3, 3),), lambda x: tuple(np.linalg.svd(x)), batch=(0,), float32=False),
    # norms ----------------------------------------------------------------------------------------------------------
    Case(
        VectorNorm(),
        (rand(2, 3, avoid=(0.0,)),),
        lambda x: (np.abs(x) ** 3).sum() ** (1 / 3),
        batch=(0,),
        extremes=[np.zeros(3), np.array([inf, 1.0]), np.array([nan, 1.0])],
        points=[
            Point(np.zeros(3), np.zeros(3), second=np.zeros(3)),
            Point(np.array([0.0, -2.0]), np.array([0.0, -1.0]), second=np.zeros(2)),
        ],
        refused=[
            Refused((rand(3),), ShapeError, "out of range", kind=VectorNorm(axis=(1,))),
            Refused(lambda: VectorNorm(p=0), ShapeError, "0-norm", "lg.norm"),
        ],
    ),
    Case(
        VectorNorm(p=1.5, axis=(0, -1)),
        (rand(2, 3, 4, avoid=(0.0,)),),
        lambda x: (np.abs(x) ** 1.5).sum((0, 2)) ** (1 / 1.5),
        batch=(1,),
        points=[Point(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), second=np.zeros((1, 2, 2)))],
    ),
    Case(
        VectorNorm(p=0.5, axis=(1,), keepdims=True),
        (rand(2, 3, avoid=(0.0,)),),
        lambda x: (np.abs(x) ** 0.5).sum(1, keepdims=True) ** 2,
        batch=(0,),
        points=[Point(np.array([[0.0, 4.0]]), np.array([[0.0, 1.0]]), second=np.zeros((1, 2)))],
    ),
    # products -------------------------------------------------------------------------------------------------------
    Case(
        Cross(),
        (rand(4, 3), rand(3)),
        np.cross,
        batch=(0, None),
        refused=[
            Refused((rand(4, 2), rand(2)), ShapeError, "length 2", "length 3"),
            Refused((rand(3, 4), rand(3)), ShapeError, "ranks 2 and 1", "from the end", kind=Cross(axis=0)),
        ],
    ),
    Case(Cross(axis=0), (rand(3, 2), rand(3, 2)), lambda x, w: np.cross(x, w, axis=0), batch=(1, 1)),
    Case(Kron(), (rand(2, 3), rand(4, 2)), np.kron, batch=(0, None)),
    Case(Kron(), (rand(2), rand(2, 2)), np.kron, batch=(None, 1)),
    Case(Kron(), (rand(), rand(2)), np.kron, batch=(None, 0)),
    Case(Kron(), (integers(2, 1, 2), integers(3)), np.kron, batch=(0, None)),
]
