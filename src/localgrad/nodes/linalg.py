"""Linear algebra by NumPy's names (`lg.linalg.inv` as `np.linalg.inv`), on matrices and stacks of them.

The last two axes are the matrices', all others a stack. Floats keep their dtype, integers give float64. A matrix without
what is asked of it (singular, not positive definite, NaN) raises LinearAlgebraError, which says which one of the stack;
a wrong shape raises ShapeError.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.protocols import numpy_function
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor
from localgrad.nodes.decomposition import QR, SVD, Eigh
from localgrad.nodes.determinant import Det, SlogDet
from localgrad.nodes.diagonal import Diagonal
from localgrad.nodes.diagonal import trace as _trace
from localgrad.nodes.einsum import outer, tensordot
from localgrad.nodes.linear import matmul
from localgrad.nodes.matrices import identities
from localgrad.nodes.norms import matrix_norm_over, norm, vector_norm_over
from localgrad.nodes.products import cross, multi_dot, vecdot
from localgrad.nodes.reduction import axes_field
from localgrad.nodes.reduction import max as _max
from localgrad.nodes.reduction import sum as _sum
from localgrad.nodes.shaping import matrix_transpose, reshape, swap_last
from localgrad.nodes.solving import Cholesky, Inv, PseudoInverse, Solve, SolveTriangular


class SlogdetResult(NamedTuple):
    """What `slogdet` gives."""

    sign: Tensor
    logabsdet: Tensor


class EighResult(NamedTuple):
    """What `eigh` gives."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` gives."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` gives."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@numpy_function("linalg.inv")
def inv(x: Any) -> Tensor:
    """The inverse of square matrices. Raises LinearAlgebraError for a singular one.

    >>> import localgrad as lg
    >>> lg.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).data
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return apply(Inv.make(), x)  # type: ignore[no-any-return]


@numpy_function("linalg.solve")
def solve(x: Any, b: Any) -> Tensor:
    """The solution y of x y = b for square x; b is a vector if it has one axis, else its columns are solved one by one.

    Leading axes broadcast. Raises LinearAlgebraError for a singular x.

    >>> import localgrad as lg
    >>> lg.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).data
    array([1. , 0.5], dtype=float32)
    """
    return apply(Solve.make(), x, b)  # type: ignore[no-any-return]


def solve_triangular(x: Any, b: Any, lower: bool = False, unit_diagonal: bool = False) -> Tensor:
    """The solution y of x y = b, where only the upper (or lower) triangle of x is read, as SciPy's function of that name.

    `unit_diagonal` takes 1 on the diagonal. Raises LinearAlgebraError for a 0 on it.

    >>> import localgrad as lg
    >>> lg.linalg.solve_triangular([[2.0, 1.0], [9.0, 4.0]], [3.0, 4.0]).data
    array([1., 1.], dtype=float32)
    """
    return apply(SolveTriangular.make(lower=bool(lower), unit=bool(unit_diagonal)), x, b)  # type: ignore[no-any-return]


@numpy_function("linalg.cholesky")
def cholesky(x: Any, upper: bool = False) -> Tensor:
    """The lower triangle y with y @ y.T = x (or the upper one, its transpose) of a positive definite matrix.

    Of x its symmetric part is taken, so the gradient is symmetric. Raises LinearAlgebraError where it is not positive
    definite.

    >>> import localgrad as lg
    >>> lg.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]).data
    array([[2., 0.],
           [1., 2.]], dtype=float32)
    """
    y = apply(Cholesky.make(), x)
    return swap_last(y) if upper else y  # type: ignore[no-any-return]


@numpy_function("linalg.det")
def det(x: Any) -> Tensor:
    """The determinant of square matrices. Its first and second gradient are right for singular ones, too.

    >>> import localgrad as lg
    >>> lg.linalg.det([[1.0, 2.0], [3.0, 4.0]]).item()
    -2.0...
    """
    return apply(Det.make(), x)  # type: ignore[no-any-return]


@numpy_function("linalg.slogdet")
def slogdet(x: Any) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value, 0 and -inf for a singular matrix.

    Both do not overflow where the determinant would. The sign has no gradient.

    >>> import localgrad as lg
    >>> sign, logabsdet = lg.linalg.slogdet([[1.0, 2.0], [3.0, 4.0]])
    >>> sign.item(), logabsdet.item()
    (-1.0, 0.693147...)
    """
    return SlogdetResult(*apply(SlogDet.make(), x))


@numpy_function("linalg.pinv")
def pinv(x: Any, rtol: float | None = None) -> Tensor:
    """The Moore-Penrose inverse of matrices of any shape; singular values up to `rtol` times the largest count as 0.

    `rtol` is the longer side times the dtype's epsilon unless told. The gradient holds where the rank does not change.

    >>> import localgrad as lg
    >>> lg.linalg.pinv([[2.0], [0.0]]).data
    array([[0.5, 0. ]], dtype=float32)
    """
    return apply(PseudoInverse.make(rtol=None if rtol is None else float(rtol)), x)  # type: ignore[no-any-return]


@numpy_function("linalg.eigh")
def eigh(x: Any, UPLO: str = "L") -> EighResult:
    """The eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices.

    Of x its symmetric part is taken, so that `UPLO` is taken for NumPy's sake only. The gradient of the vectors exists
    where no two eigenvalues are equal, and means something where the result does not depend on the vectors' signs.

    >>> import localgrad as lg
    >>> lg.linalg.eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues.data
    array([1., 2.], dtype=float32)
    """
    return EighResult(*apply(Eigh.make(), x))


@numpy_function("linalg.eigvalsh")
def eigvalsh(x: Any, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending; see `eigh`.

    >>> import localgrad as lg
    >>> lg.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]).data
    array([1., 2.], dtype=float32)
    """
    return eigh(x, UPLO).eigenvalues


@numpy_function("linalg.qr")
def qr(x: Any, mode: str = "reduced") -> QRResult | Tensor:
    """Orthonormal columns Q and an upper triangle R with Q @ R = x; only R for mode="r".

    The gradient exists where the first min(rows, columns) columns of x are linearly independent. Raises ShapeError for
    NumPy's other modes.

    >>> import localgrad as lg
    >>> q, r = lg.linalg.qr(lg.tensor([[3.0], [4.0]]))
    >>> abs(r.item())
    5.0
    """
    if mode not in ("reduced", "r"):
        raise ShapeError(
            f"a QR decomposition in mode {mode!r} was asked{user_line()}\nfound: that one has no gradient\n"
            "do: give 'reduced' or 'r'"
        )
    found = apply(QR.make(), x)
    return QRResult(*found) if mode == "reduced" else found[1]


@numpy_function("linalg.svd")
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> SVDResult | Tensor:
    """Singular values S, descending, and the vectors U (columns) and Vh (rows) with U @ diag(S) @ Vh = x.

    Without `full_matrices` the vectors are as many as the shorter side; those beyond it have no gradient. That of the
    vectors exists where no two singular values are equal, and means something where the result does not depend on the
    vectors' signs. `hermitian` is taken for NumPy's sake only.

    >>> import localgrad as lg
    >>> lg.linalg.svd(lg.tensor([[3.0, 0.0], [0.0, -4.0]])).S.data
    array([4., 3.], dtype=float32)
    """
    if not compute_uv:
        return svdvals(x)
    return SVDResult(*apply(SVD.make(full=bool(full_matrices)), x))


@numpy_function("linalg.svdvals")
def svdvals(x: Any) -> Tensor:
    """The singular values of matrices, descending.

    >>> import localgrad as lg
    >>> lg.linalg.svdvals(lg.tensor([[3.0, 0.0], [0.0, -4.0]])).data
    array([4., 3.], dtype=float32)
    """
    return apply(SVD.make(), x)[1]  # type: ignore[no-any-return]


@numpy_function("linalg.matrix_power")
def matrix_power(x: Any, n: int) -> Tensor:
    """A square matrix times itself, n times in all, by repeated squaring; of its inverse where n is negative.

    >>> import localgrad as lg
    >>> lg.linalg.matrix_power(lg.tensor([[1.0, 1.0], [0.0, 1.0]]), 5).data
    array([[1., 5.],
           [0., 1.]], dtype=float32)
    """
    count = n.__index__()
    given = as_tensor(x)
    if given.ndim < 2 or not same_extent(given.shape[-1], given.shape[-2]):
        raise ShapeError(
            f"the power {count} of a matrix was asked{user_line()}\nfound: shape {format_shape(given.shape)}, which is not "
            "square\ndo: make the last two axes equally long"
        )
    if count == 0:
        return identities(given)  # type: ignore[no-any-return]
    factor = given if count > 0 else inv(given)
    result: Tensor | None = None
    count = abs(count)
    while count:
        if count & 1:
            result = factor if result is None else result @ factor
        count >>= 1
        if count:
            factor = factor @ factor
    return factor if result is None else result


@numpy_function("linalg.matrix_rank")
def matrix_rank(x: Any, tol: float | None = None) -> Tensor:
    """How many singular values are above `tol`: the largest one times the longer side times epsilon, unless told.

    Has no gradient (int64).

    >>> import localgrad as lg
    >>> lg.linalg.matrix_rank(lg.ones((2, 3))).item()
    1
    """
    s = svdvals(x)
    rows, columns = as_tensor(x).shape[-2:]
    limit = (
        _max(s, axis=-1, keepdims=True) * (max(rows, columns) * float(np.finfo(s.dtype).eps)) if tol is None else tol
    )
    return _sum(s > limit, axis=-1)


@numpy_function("linalg.cond")
def cond(x: Any, p: Any = None) -> Tensor:
    """The condition number of matrices: the largest singular value by the smallest, or norm times that of the inverse.

    >>> import localgrad as lg
    >>> lg.linalg.cond([[2.0, 0.0], [0.0, 0.5]]).item()
    4.0
    """
    if p is None or p in (2, -2):
        s = svdvals(x)
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)


@numpy_function("linalg.vector_norm")
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """The norm of all entries along axes as one vector; `ord` is any number, inf or -inf.

    >>> import localgrad as lg
    >>> lg.linalg.vector_norm(lg.tensor([[3.0], [4.0]])).item()
    5.0
    """
    return vector_norm_over(x, ord, axes_field(axis), keepdims)


@numpy_function("linalg.matrix_norm")
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of matrices on the last two axes; `ord` is "fro", "nuc", 1, -1, 2, -2, inf or -inf.

    >>> import localgrad as lg
    >>> lg.linalg.matrix_norm(lg.tensor([[3.0], [4.0]])).item()
    5.0
    """
    return matrix_norm_over(x, ord, (-2, -1), keepdims)


@numpy_function("linalg.trace")
def trace(x: Any, *, offset: int = 0) -> Tensor:
    """The sum of the diagonal of the last two axes (`lg.trace` takes the first two).

    >>> import localgrad as lg
    >>> lg.linalg.trace(lg.ones((3, 2, 2))).data
    array([2., 2., 2.], dtype=float32)
    """
    return _trace(x, offset, -2, -1)


@numpy_function("linalg.diagonal")
def diagonal(x: Any, *, offset: int = 0) -> Tensor:
    """The diagonal of the last two axes (`lg.diagonal` takes the first two).

    >>> import localgrad as lg
    >>> lg.linalg.diagonal(lg.ones((3, 2, 2))).shape
    (3, 2)
    """
    return apply(Diagonal.make(offset=offset.__index__(), axis1=-2, axis2=-1), x)  # type: ignore[no-any-return]


@numpy_function("linalg.tensorinv")
def tensorinv(x: Any, ind: int = 2) -> Tensor:
    """The inverse for `tensordot`, of a tensor whose first `ind` axes have as many entries as the others.

    >>> import localgrad as lg
    >>> lg.linalg.tensorinv(lg.eye(6).reshape(2, 3, 6), ind=2).shape
    (6, 2, 3)
    """
    given = as_tensor(x)
    left, right = given.shape[:ind], given.shape[ind:]
    size = int(np.prod(right))
    if ind < 1 or int(np.prod(left)) != size:
        raise ShapeError(
            f"the inverse of a tensor after {ind} axes was asked{user_line()}\nfound: shape {format_shape(given.shape)}\n"
            "do: give an `ind`, 1 or more, at which the entries before and behind are equally many"
        )
    return reshape(inv(reshape(given, (size, size))), (*right, *left))


@numpy_function("linalg.tensorsolve")
def tensorsolve(x: Any, b: Any) -> Tensor:
    """The solution y of tensordot(x, y, y.ndim) = b.

    >>> import localgrad as lg
    >>> lg.linalg.tensorsolve(lg.eye(6).reshape(2, 3, 6), lg.ones((2, 3))).shape
    (6,)
    """
    given, right = as_tensor(x), as_tensor(b)
    target = given.shape[right.ndim :]
    size = int(np.prod(target))
    if int(np.prod(given.shape[: right.ndim])) != size or right.size != size:
        raise ShapeError(
            f"a system of tensors was to be solved{user_line()}\nfound: shapes {format_shape(given.shape)} and "
            f"{format_shape(right.shape)}\ndo: give an x of shape b.shape + y.shape, with equally many entries in both"
        )
    return reshape(solve(reshape(given, (size, size)), reshape(right, (size,))), target)


@numpy_function("linalg.lstsq")
def lstsq(x: Any, b: Any, rcond: float | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The y with the least sum of squares of x @ y - b (the shortest of several), that sum, the rank, singular values.

    The sum stands there for every rank and shape, where NumPy leaves it out for some. x is one matrix, b a vector or
    columns. The gradient holds where the rank does not change.

    >>> import localgrad as lg
    >>> round(lg.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0])[0].item(), 4)
    2.0
    """
    given, right = as_tensor(x), as_tensor(b)
    y = pinv(given, rcond) @ right
    rest = right - given @ y
    return y, _sum(rest * rest, axis=0), matrix_rank(given), svdvals(given)


numpy_function("linalg.matmul")(matmul)

__all__ = [
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]  # fmt: skip
