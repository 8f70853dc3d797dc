"""Adapters of linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np

import localgrad as lg
from localgrad import linalg
from tests.torch.opinfo import Convention, converted, twin

transposed = lg.matrix_transpose


def up_to_sign(place: int) -> Any:
    """A gauge for vectors that are determined up to their sign only: PyTorch's output with their absolute values."""
    return lambda outputs: tuple(y.abs() if at >= place else y for at, y in enumerate(outputs))


twin("linalg.inv")(linalg.inv)
twin("linalg.inv_ex", of="linalg.inv")(lambda x, *, check_errors=False: (linalg.inv(x), no_errors(x)))
twin("linalg.det")(linalg.det)
twin("linalg.slogdet")(lambda x: tuple(linalg.slogdet(x)))
twin("logdet", of="linalg.slogdet")(lambda x: log_determinant(*linalg.slogdet(x)))
twin("linalg.cholesky", "cholesky")(lambda x, upper=False: linalg.cholesky(x, upper))
twin("linalg.cholesky_ex", of="linalg.cholesky")(
    lambda x, *, upper=False, check_errors=False: (linalg.cholesky(x, upper), no_errors(x))
)
twin("linalg.eigh", gauge=up_to_sign(1), wrapped=True)(
    lambda x, UPLO="L": absolute(linalg.eigh(x + transposed(x), UPLO), 1)
)
twin("linalg.eigvalsh", wrapped=True)(lambda x, UPLO="L": linalg.eigvalsh(x + transposed(x), UPLO))
twin("linalg.svdvals")(lambda x, **driver: linalg.svdvals(x))
twin("linalg.tensorinv")(lambda x, ind=2: linalg.tensorinv(x, ind))
twin("linalg.cond")(lambda x, p=None: linalg.cond(x, p))
twin("linalg.multi_dot")(linalg.multi_dot)
twin("linalg.vecdot")(lambda x, y, *, dim=-1: linalg.vecdot(x, y, dim))
twin("linalg.cross")(lambda x, y, *, dim=-1: linalg.cross(*shared(x, y), dim))
twin("linalg.matrix_power")(linalg.matrix_power)
twin("kron")(lg.kron)
twin("cholesky_inverse")(
    lambda x, upper=False: linalg.inv(lg.matmul(transposed(x), x) if upper else lg.matmul(x, transposed(x)))
)


def no_errors(x: Any) -> Any:
    """What PyTorch gives out beside a result where nothing failed."""
    return lg.zeros(x.shape[:-2], "int32")


def log_determinant(sign: Any, log: Any) -> Any:
    return lg.where(sign < 0, float("nan"), log)


def absolute(outputs: Any, place: int) -> Any:
    return tuple(lg.abs(y) if at >= place else y for at, y in enumerate(outputs))


def shared(x: Any, y: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, y.shape)
    return lg.broadcast_to(x, shape), lg.broadcast_to(y, shape)


@twin("cross", of="linalg.cross")
def cross(x: Any, y: Any, dim: int | None = None) -> Any:
    x, y = shared(x, y)
    return linalg.cross(x, y, x.shape.index(3) if dim is None else dim)


@twin("linalg.solve", "linalg.solve_ex")
def solve(x: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    if b.ndim == 1 or (b.ndim == x.ndim - 1 and b.shape == x.shape[:-1]):
        return lg.squeeze(linalg.solve(x, lg.expand_dims(b, -1)), -1)
    if not left:
        return transposed(linalg.solve(transposed(x), transposed(b)))
    return linalg.solve(x, b)


@twin("linalg.solve_ex", of="linalg.solve")
def solve_ex(x: Any, b: Any, **options: Any) -> Any:
    return solve(x, b, **options), no_errors(x)


@twin("linalg.solve_triangular")
def solve_triangular(x: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    if not left:
        return transposed(linalg.solve_triangular(transposed(x), transposed(b), upper, unitriangular))
    return linalg.solve_triangular(x, b, not upper, unitriangular)


@twin("triangular_solve", of="linalg.solve_triangular")
def triangular_solve(b: Any, x: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    matrix = transposed(x) if transpose else x
    y = linalg.solve_triangular(matrix, b, upper == transpose, unitriangular)
    return y, lg.broadcast_to(x, (*y.shape[:-2], *x.shape[-2:]))


@twin("cholesky_solve")
def cholesky_solve(b: Any, x: Any, upper: bool = False) -> Any:
    # PyTorch reads one triangle, and sends a gradient to both: that of the product, which we therefore form
    return linalg.solve(lg.matmul(transposed(x), x) if upper else lg.matmul(x, transposed(x)), b)


@twin("linalg.qr", "qr")
def qr(x: Any, mode: str = "reduced") -> Any:
    if mode == "r":
        return lg.zeros((0,), x.dtype), linalg.qr(x, "r")
    return tuple(linalg.qr(x, mode))


@twin("qr", of="linalg.qr")
def old_qr(x: Any, some: bool = True) -> Any:
    return qr(x, "reduced" if some else "complete")


def thin(outputs: Any) -> Any:
    """Singular vectors up to their sign; those beyond the singular values are any base of the rest."""
    u, s, vh = outputs
    count = s.shape[-1]
    return u[..., :count].abs(), s, vh[..., :count, :].abs()


@twin("linalg.svd", gauge=thin)
def svd(x: Any, full_matrices: bool = True, **driver: Any) -> Any:
    if full_matrices:
        # without a gradient, which localgrad refuses: those beyond the shorter side are any base of the rest
        u, s, vh = (y.numpy() for y in linalg.svd(x.detach()))
        count = s.shape[-1]
        np.testing.assert_allclose((u[..., :count] * s[..., None, :]) @ vh[..., :count, :], x.numpy(), 1e-4, 1e-4)
        for base in (u, vh):
            unit = np.broadcast_to(np.eye(base.shape[-1]), base.shape)
            np.testing.assert_allclose(base @ base.swapaxes(-1, -2), unit, atol=1e-4)
    u, s, vh = linalg.svd(x, False)
    return lg.abs(u), s, lg.abs(vh)


@twin("svd", of="linalg.svd", gauge=lambda outputs: thin((outputs[0], outputs[1], outputs[2].mT)))
def old_svd(x: Any, some: bool = True, compute_uv: bool = True) -> Any:
    return svd(x, not some)


@twin("linalg.pinv", "pinverse")
def pinv(
    x: Any, *arguments: Any, rtol: Any = None, atol: Any = None, rcond: Any = None, hermitian: bool = False
) -> Any:
    if arguments and isinstance(arguments[0], lg.Tensor):
        raise Convention("the table multiplies two matrices before")
    if atol is not None:
        raise Convention("a bound of singular values that is not relative")
    if hermitian:
        x = x + transposed(x)
    bound = rtol if rtol is not None else rcond
    return linalg.pinv(x, float(bound.item()) if isinstance(bound, lg.Tensor) else bound)


@twin("linalg.pinv", of="linalg.pinv", wrapped=True)
def pinv_of_product(x: Any, *arguments: Any, **options: Any) -> Any:
    # one variant of the table takes the pseudo-inverse of the product of two thin matrices
    if arguments and isinstance(arguments[0], lg.Tensor) and arguments[0].ndim > 1:
        return pinv(lg.matmul(x, transposed(arguments[0])), **options)
    return pinv(x, *arguments, **options)


@twin("linalg.tensorsolve")
def tensorsolve(x: Any, b: Any, dims: Any = None) -> Any:
    if dims is not None:
        x = lg.moveaxis(x, tuple(dims), tuple(range(x.ndim - len(dims), x.ndim)))
    return linalg.tensorsolve(x, b)


@twin("linalg.matrix_norm")
def matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    return lg.norm(converted(x, dtype), ord, tuple(dim), keepdim)


@twin("linalg.norm", "norm")
def norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    x = converted(x, dtype)
    if ord is None and dim is None:
        y = lg.norm(lg.ravel(x))
        return lg.reshape(y, (1,) * x.ndim) if keepdim else y
    axes = tuple(dim) if isinstance(dim, (tuple, list)) else dim
    if axes is None and x.ndim == 0:
        return lg.reshape(lg.norm(lg.ravel(x), ord), ())
    return lg.norm(x, ord, axes, keepdim)


@twin("norm", of="linalg.norm")
def old_norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    from tests.torch.opinfo_reductions import vector_norm

    if p == "nuc":
        return lg.norm(converted(x, dtype), "nuc", tuple(dim) if dim is not None else None, keepdim)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype)
