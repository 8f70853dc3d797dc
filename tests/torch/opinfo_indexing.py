"""Adapters of the operations that pick and write by index."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import Convention, twin


def at(axis: int, item: Any, rank: int) -> tuple[Any, ...]:
    """The index that is `item` on an axis and everything elsewhere."""
    return (slice(None),) * (axis % rank) + (item,)


def clipped(x: Any, dim: int, start: int, end: int, step: int = 1) -> Any:
    return x[at(dim, slice(start, end, step), x.ndim)]


@twin("__getitem__")
def get_item(x: Any, index: Any) -> Any:
    return x[index]


@twin("narrow", "narrow_copy", of="slice")
def narrow(x: Any, dim: int, start: Any, length: int) -> Any:
    start = int(start.item()) if isinstance(start, lg.Tensor) else start
    start = start % x.shape[dim] if start < 0 else start
    return clipped(x, dim, start, start + length)


@twin("slice")
def slice_along(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return clipped(x, dim, start, end, step)


@twin("select")
def select(x: Any, dim: int, index: int) -> Any:
    return x[at(dim, index, x.ndim)]


@twin("gather", "take_along_dim")
def gather(x: Any, dim: Any, index: Any, *, sparse_grad: bool = False) -> Any:
    if x.ndim == 0:
        return lg.reshape(lg.take(lg.reshape(x, (1,)), lg.reshape(index, (-1,))), index.shape)
    # PyTorch takes an index that is shorter along the other axes for the beginning of x
    axis = dim % x.ndim
    if index.ndim != x.ndim and index.size == 0:
        raise Convention("an index without entries may have any rank")
    if index.ndim == x.ndim and all(i <= e for place, (i, e) in enumerate(zip(index.shape, x.shape)) if place != axis):
        x = x[tuple(slice(None) if place == axis else slice(0, i) for place, i in enumerate(index.shape))]
    return lg.take_along_axis(x, index, axis)


@twin("take_along_dim", of="gather")
def take_along(x: Any, index: Any, dim: int | None = None) -> Any:
    if dim is None:
        return lg.take_along_axis(lg.ravel(x), lg.ravel(index), 0)
    return lg.take_along_axis(x, index, dim)


@twin("index_select")
def index_select(x: Any, dim: int, index: Any) -> Any:
    if x.ndim == 0:
        return lg.reshape(lg.take(lg.reshape(x, (1,)), lg.reshape(index, (-1,)), 0), ())
    return lg.take(x, lg.reshape(index, (-1,)), dim)


@twin("take")
def take(x: Any, index: Any) -> Any:
    return lg.take(x, index)


@twin("masked_select")
def masked_select(x: Any, mask: Any) -> Any:
    import numpy as np

    shape = np.broadcast_shapes(x.shape, mask.shape)
    return lg.ravel(lg.broadcast_to(x, shape))[lg.ravel(lg.broadcast_to(mask, shape))]


def written(x: Any, index: Any, value: Any) -> Any:
    """A copy of x with the value at the index."""
    y = lg.identity(x)
    y[index] = value
    return y


@twin("index_put")
def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    if accumulate:
        raise Convention("adding at an index that stands several times")
    return written(x, tuple(indices), values)


@twin("select_scatter")
def select_scatter(x: Any, src: Any, dim: int, index: int) -> Any:
    return written(x, at(dim, index, x.ndim), src)


@twin("slice_scatter")
def slice_scatter(x: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return written(x, at(dim, slice(start, end, step), x.ndim), src)


@twin("index_fill")
def index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    if x.ndim == 0:
        return lg.reshape(written(lg.reshape(x, (1,)), lg.reshape(index, (-1,)), value), ())
    return written(x, at(dim, lg.reshape(index, (-1,)), x.ndim), value)


@twin("index_copy")
def index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    if x.ndim == 0:
        return lg.reshape(written(lg.reshape(x, (1,)), lg.reshape(index, (-1,)), lg.reshape(source, (-1,))), ())
    return written(x, at(dim, lg.reshape(index, (-1,)), x.ndim), source)


@twin("nn.functional.one_hot")
def one_hot(x: Any, num_classes: int = -1) -> Any:
    return lg.one_hot(x, int(x.numpy().max()) + 1 if num_classes == -1 else num_classes, "int64")


@twin("nn.functional.embedding", of="index_select")
def embedding(
    weight: Any,
    index: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    if max_norm is not None or scale_grad_by_freq:
        raise Convention("renormalising rows, or gradients divided by how often a row is read")
    if padding_idx is not None:
        count = weight.shape[0]
        kept = lg.arange(count) != padding_idx % count
        weight = lg.where(lg.expand_dims(kept, 1), weight, lg.stop_gradient(weight))
    return lg.take(weight, index, 0)


@twin("nonzero", "argwhere")
def nonzero(x: Any, as_tuple: bool = False) -> Any:
    if x.ndim == 0:
        raise Convention("the places of a number have no axis to be told along")
    return lg.nonzero(x) if as_tuple else lg.stack(lg.nonzero(x), 1)


@twin("scatter")
def scatter(x: Any, dim: int, index: Any, src: Any, *, reduce: str | None = None) -> Any:
    if reduce is not None:
        raise Convention("writing by a product, or a sum under the name of scatter")
    values = src if isinstance(src, lg.Tensor) else lg.full(index.shape, src, x.dtype)
    return scattered(lg.put_along_axis, x, dim, index, values)


@twin("scatter_add")
def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    return scattered(lg.add_along_axis, x, dim, index, src)


def scattered(function: Any, x: Any, dim: int, index: Any, values: Any) -> Any:
    """PyTorch takes an index that is shorter along other axes for the beginning of x, and reads as much of the values."""
    if x.ndim == 0:
        return lg.reshape(function(lg.reshape(x, (1,)), lg.reshape(index, (-1,)), lg.reshape(values, (-1,)), 0), ())
    if index.size == 0:
        return lg.identity(x)
    values = values[tuple(slice(0, extent) for extent in index.shape)]
    axis = dim % x.ndim
    part = tuple(slice(None) if at == axis else slice(0, extent) for at, extent in enumerate(index.shape))
    if x[part].shape == x.shape:
        return function(x, index, values, axis)
    return written(x, part, function(x[part], index, values, axis))


@twin("index_add")
def index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    if x.ndim == 0:
        return x + alpha * lg.sum(source)
    axis = dim % x.ndim
    along = lg.reshape(index, tuple(-1 if at == axis else 1 for at in range(x.ndim)))
    return lg.add_along_axis(x, lg.broadcast_to(along, source.shape), alpha * source, axis)


@twin("put")
def put(x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    if index.size == 0:
        return lg.identity(x)
    function = lg.add_along_axis if accumulate else lg.put_along_axis
    return lg.reshape(function(lg.ravel(x), lg.ravel(index), lg.ravel(values), 0), x.shape)
