"""Adapters of the operations along axes: sums, extremes, running sums, statistics."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import converted, twin

NO_AXIS = object()


def axes_of(x: Any, dim: Any) -> Any:
    """An axis argument in NumPy's terms: PyTorch takes no axes for all of them, and any axis 0 of a number."""
    if x.ndim == 0 or dim is None or dim == () or dim == []:
        return None
    return tuple(dim) if isinstance(dim, (tuple, list)) else dim


def reduction(function: Any) -> Any:
    """An adapter of a function of (x, axis, keepdims)."""

    def adapter(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        return function(converted(x, dtype), axes_of(x, dim), keepdim)

    return adapter


twin("sum")(reduction(lg.sum))
twin("mean")(reduction(lg.mean))
twin("prod")(reduction(lg.prod))
twin("amax")(reduction(lg.max))
twin("amin")(reduction(lg.min))
twin("all")(reduction(lg.all))
twin("any")(reduction(lg.any))
twin("argmax")(reduction(lg.argmax))
twin("argmin")(reduction(lg.argmin))
twin("logsumexp")(reduction(lg.logsumexp))


def along(function: Any) -> Any:
    """An adapter of a function of (x, axis) that keeps the shape; a number has no axis to run along."""

    def adapter(x: Any, dim: int, *, dtype: Any = None) -> Any:
        x = converted(x, dtype)
        return function(x, dim) if x.ndim else lg.reshape(function(lg.reshape(x, (1,)), 0), ())

    return adapter


twin("cumsum")(along(lg.cumsum))
twin("cumprod")(along(lg.cumprod))


def moment(function: Any) -> Any:
    def adapter(
        x: Any,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = correction if correction is not None else 1 if unbiased is None else int(unbiased)
        return function(x, axes_of(x, dim), ddof, keepdim)

    return adapter


twin("var")(moment(lg.var))
twin("std")(moment(lg.std))
twin("var_mean", of="var")(
    lambda x, dim=None, *more, **options: (
        moment(lg.var)(x, dim, *more, **options),
        lg.mean(x, None if isinstance(dim, bool) else axes_of(x, dim), options.get("keepdim", False)),
    )
)
twin("std_mean", of="std")(
    lambda x, dim=None, *more, **options: (
        moment(lg.std)(x, dim, *more, **options),
        lg.mean(x, None if isinstance(dim, bool) else axes_of(x, dim), options.get("keepdim", False)),
    )
)


@twin("linalg.vector_norm")
def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    x = converted(x, dtype)
    axes = axes_of(x, dim)
    if axes is None:
        flat = lg.norm(lg.ravel(x), ord)
        return lg.reshape(flat, (1,) * x.ndim) if keepdim else flat
    if isinstance(axes, tuple) and len(axes) > 1:
        # ours knows vectors and matrices: several axes become one
        axes = tuple(axis % x.ndim for axis in axes)
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        moved = lg.transpose(x, (*kept, *axes))
        y = lg.norm(lg.flatten(moved, len(kept)), ord, -1)
        return lg.expand_dims(y, tuple(sorted(axes))) if keepdim else y
    return lg.norm(x, ord, axes, keepdim)


@twin("trace")
def trace(x: Any) -> Any:
    return lg.trace(x)


@twin("diff")
def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    parts = [part for part in (prepend, x, append) if part is not None]
    return lg.diff(lg.concatenate(parts, dim) if len(parts) > 1 else x, n, dim)


@twin("max")
def largest(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return extreme(x, dim, keepdim, lg.max, lg.argmax, lg.maximum)


@twin("min")
def smallest(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return extreme(x, dim, keepdim, lg.min, lg.argmin, lg.minimum)


def extreme(x: Any, dim: Any, keepdim: bool, reduced: Any, position: Any, pairwise: Any) -> Any:
    if dim is None:
        return reduced(x)
    if isinstance(dim, lg.Tensor):
        return pairwise(x, dim)
    # along an axis PyTorch also gives the position
    axis = axes_of(x, dim)
    return reduced(x, axis, keepdim), position(x, axis, keepdim)
