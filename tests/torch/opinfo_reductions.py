"""Adapters of the operations along axes: sums, extremes, running sums, statistics."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import Convention, converted, twin

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
twin("nansum")(reduction(lg.nansum))
twin("nanmean")(reduction(lg.nanmean))
twin("count_nonzero")(lambda x, dim=None: lg.count_nonzero(x, axes_of(x, dim)))
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


twin("logcumsumexp")(along(lg.logcumsumexp))
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
    return lg.diff(x, n, dim, prepend=prepend, append=append)


@twin("cummax")
def cummax(x: Any, dim: int) -> Any:
    return vector_wise(lambda x: lg.cummax(x, dim if x.ndim > 1 else 0), x)


@twin("cummin")
def cummin(x: Any, dim: int) -> Any:
    return vector_wise(lambda x: lg.cummin(x, dim if x.ndim > 1 else 0), x)


def vector_wise(function: Any, x: Any) -> Any:
    """A function that needs an axis, of a number too."""
    if x.ndim:
        return function(x)
    made = function(lg.reshape(x, (1,)))
    return tuple(lg.reshape(y, ()) for y in made) if isinstance(made, tuple) else lg.reshape(made, ())


@twin("aminmax")
def aminmax(x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    return lg.min(x, axes_of(x, dim), keepdim), lg.max(x, axes_of(x, dim), keepdim)


@twin("trapezoid", "trapz")
def trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    return lg.trapezoid(y, x, dx, dim)


@twin("cumulative_trapezoid")
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    return lg.cumulative_trapezoid(y, x, dx, dim)


@twin("sort")
def sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    def both(x: Any) -> Any:
        axis = dim if x.ndim > 1 else 0
        return (
            lg.sort(x, axis, descending=descending, stable=True),
            lg.argsort(x, axis, descending=descending, stable=True),
        )

    return vector_wise(both, x)


@twin("msort", of="sort")
def msort(x: Any) -> Any:
    return lg.sort(x, 0)


@twin("argsort")
def argsort(x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    return vector_wise(lambda x: lg.argsort(x, dim if x.ndim > 1 else 0, descending=descending), x)


@twin("topk")
def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return vector_wise(lambda x: lg.topk(x, k, dim if x.ndim > 1 else 0, largest), x)


@twin("kthvalue")
def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    def last(x: Any) -> Any:
        axis = dim if x.ndim > 1 else 0
        values, places = lg.topk(x, k, axis, largest=False)
        index = (slice(None),) * (axis % x.ndim) + (slice(k - 1, k),)
        found = values[index], places[index]
        return found if keepdim else tuple(lg.squeeze(y, axis) for y in found)

    return last(x) if x.ndim else vector_wise(lambda x: lg.topk(x, 1, 0), x)


@twin("median", "nanmedian")
def median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    # of two middle entries PyTorch takes the lower one, we their mean, as NumPy does
    if dim is None:
        return lg.quantile(x, 0.5, method="lower")
    return kthvalue(x, (x.shape[dim] + 1) // 2 if x.ndim else 1, dim, keepdim)


@twin("quantile")
def quantile(x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
    several = (x.size if dim is None or not x.ndim else x.shape[dim]) > 1
    if isinstance(q, lg.Tensor) and q.requires_grad and interpolation == "linear" and several:
        raise Convention("a gradient of the rank that is asked for")
    wanted = q.numpy() if isinstance(q, lg.Tensor) else q
    y = lg.quantile(x, wanted, axes_of(x, dim), keepdim, interpolation)
    return lg.reshape(y, (1,) * x.ndim) if keepdim and dim is None and x.ndim and y.ndim == 0 else y


@twin("searchsorted")
def searchsorted(
    x: Any, values: Any, *, out_int32: bool = False, right: bool = False, side: Any = None, sorter: Any = None
) -> Any:
    name = "right" if right or side == "right" else "left"
    if sorter is not None:
        x = lg.take_along_axis(x, sorter, -1)
    if x.ndim == 1:
        return lg.searchsorted(x, values, name)
    rows, wanted = (lg.reshape(each, (-1, each.shape[-1])) if each.size else each for each in (x, values))
    if not values.size:
        return lg.zeros(values.shape, "int64")
    return lg.reshape(lg.stack([lg.searchsorted(a, b, name) for a, b in zip(rows, wanted)]), values.shape)


@twin("bucketize", of="searchsorted")
def bucketize(values: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    return lg.searchsorted(boundaries, values, "right" if right else "left")


@twin("dist")
def dist(x: Any, y: Any, p: float = 2) -> Any:
    return lg.norm(lg.ravel(x - y), p)


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
