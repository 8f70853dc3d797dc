"""Adapters of the operations that arrange, copy, cut and join."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import Convention, twin


def shape_from(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A shape given as one tuple or as several numbers."""
    return tuple(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)) else arguments


def listed(xs: Any) -> Any:
    """Tensors given one by one or as one list."""
    return xs[0] if len(xs) == 1 and isinstance(xs[0], (tuple, list)) else xs


twin("reshape", "view", "view_copy")(lambda x, *shape: lg.reshape(x, shape_from(shape)))
twin("reshape_as", "view_as", of="reshape")(lambda x, other: lg.reshape(x, other.shape))
twin("ravel")(lg.ravel)
twin("permute", "permute_copy")(lambda x, *axes: lg.transpose(x, shape_from(axes)))
twin("movedim")(lg.moveaxis)
twin("unsqueeze", "unsqueeze_copy")(lg.expand_dims)
twin("broadcast_to")(lg.broadcast_to)
twin("expand_as", of="broadcast_to")(lambda x, other: lg.broadcast_to(x, other.shape))
twin("sum_to_size")(lambda x, *shape: lg.sum_to(x, shape_from(shape)))
twin("T", "H", of="transpose")(lambda x: x.T if x.ndim else x)
twin("mT", "mH")(lg.matrix_transpose)
twin("t", "t_copy", of="transpose")(lambda x: lg.transpose(x))
twin("roll")(lambda x, shifts, dims=None: lg.roll(x, shifts, dims if dims not in ((), []) else None))
twin("flip")(lambda x, dims: lg.flip(x, dims))
twin("fliplr")(lg.fliplr)
twin("flipud")(lg.flipud)
twin("rot90")(lambda x, k=1, dims=(0, 1): lg.rot90(x, k, dims))
twin("atleast_1d")(lambda *xs: lg.atleast_1d(*listed(xs)))
twin("atleast_2d")(lambda *xs: lg.atleast_2d(*listed(xs)))
twin("atleast_3d")(lambda *xs: lg.atleast_3d(*listed(xs)))
twin("dstack")(lg.dstack)
twin("hsplit")(lambda x, sections: tuple(lg.hsplit(x, sections)))
twin("vsplit")(lambda x, sections: tuple(lg.vsplit(x, sections)))
twin("dsplit")(lambda x, sections: tuple(lg.dsplit(x, sections)))
twin("meshgrid")(lambda *xs, indexing="ij": lg.meshgrid(*listed(xs), indexing=indexing))
twin("diagflat")(lambda x, offset=0: lg.diagflat(x, offset))
twin("block_diag")(lg.block_diag)
twin("cartesian_prod")(
    lambda *xs: lg.ravel(xs[0]) if len(xs) == 1 else lg.stack([lg.ravel(g) for g in lg.meshgrid(*xs, indexing="ij")], 1)
)
twin("stack")(lambda parts, dim=0: lg.stack(parts, dim))
twin("hstack")(lg.hstack)
twin("vstack")(lg.vstack)
twin("column_stack")(lg.column_stack)
twin("tril")(lambda x, diagonal=0: lg.tril(x, diagonal))
twin("triu")(lambda x, diagonal=0: lg.triu(x, diagonal))
twin("diag")(lambda x, diagonal=0: lg.diag(x, diagonal))
twin("diagonal", "diagonal_copy")(lambda x, offset=0, dim1=0, dim2=1: lg.diagonal(x, offset, dim1, dim2))
twin("linalg.diagonal", of="diagonal")(lambda x, *, offset=0, dim1=-2, dim2=-1: lg.diagonal(x, offset, dim1, dim2))
twin("repeat", "tile")(lambda x, *counts: lg.tile(x, shape_from(counts)))


@twin("cat")
def concatenate(parts: Any, dim: int = 0) -> Any:
    if any(part.shape == (0,) for part in parts) and any(part.ndim > 1 for part in parts):
        raise Convention("a vector without entries fits to tensors of any rank")
    return lg.concatenate(parts, dim)


@twin("flatten")
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim < 2:
        return lg.reshape(x, (-1,))
    first, last = start_dim % x.ndim, end_dim % x.ndim
    return lg.reshape(x, (*x.shape[:first], _count(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count


@twin("unflatten", of="reshape")
def unflatten(x: Any, dim: int, sizes: Any) -> Any:
    axis = dim % max(x.ndim, 1)
    return lg.reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


@twin("transpose", "transpose_copy")
def transpose(x: Any, first: int, second: int) -> Any:
    return lg.swapaxes(x, first, second) if x.ndim else x


@twin("squeeze", "squeeze_copy")
def squeeze(x: Any, dim: Any = None) -> Any:
    # PyTorch leaves axes of other lengths alone, where NumPy and we say that they cannot go
    if dim is None or x.ndim == 0:
        return lg.squeeze(x)
    axes = dim if isinstance(dim, (tuple, list)) else (dim,)
    return lg.squeeze(x, tuple(axis for axis in axes if x.shape[axis] == 1))


@twin("expand", "expand_copy", of="broadcast_to")
def expand(x: Any, *shape: Any) -> Any:
    wanted = shape_from(shape)
    lead = len(wanted) - x.ndim
    return lg.broadcast_to(
        x, tuple(x.shape[place - lead] if extent == -1 else extent for place, extent in enumerate(wanted))
    )


@twin("repeat_interleave")
def repeat_each(x: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Any:
    counts = repeats.numpy() if isinstance(repeats, lg.Tensor) else repeats
    return lg.repeat(lg.reshape(x, (1,)) if x.ndim == 0 else x, counts, dim)


@twin("split", "split_with_sizes", "split_with_sizes_copy", "unsafe_split")
def split(x: Any, sizes: Any, dim: int = 0) -> Any:
    if isinstance(sizes, int):
        return tuple(lg.split(x, list(range(sizes, x.shape[dim], sizes)), dim))
    places = [sum(sizes[: place + 1]) for place in range(len(sizes) - 1)]
    return tuple(lg.split(x, places, dim))


@twin("chunk", "unsafe_chunk", of="split")
def chunk(x: Any, parts: int, dim: int = 0) -> Any:
    return split(x, max(-(-x.shape[dim] // parts), 1), dim)


@twin("tensor_split")
def array_split(x: Any, sections: Any, dim: int = 0) -> Any:
    if isinstance(sections, lg.Tensor):
        sections = sections.numpy().tolist()
    return tuple(lg.array_split(x, list(sections) if isinstance(sections, tuple) else sections, dim))


@twin("unbind", "unbind_copy")
def unbind(x: Any, dim: int = 0) -> Any:
    return lg.unstack(x, dim)


@twin("broadcast_tensors")
def broadcast_tensors(*xs: Any) -> Any:
    return lg.broadcast_arrays(*xs)
