"""Arranging: NumPy's names for turning, cutting, joining and spreading, as compositions of shaping kinds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from localgrad.graph.errors import ShapeError
from localgrad.graph.protocols import numpy_function
from localgrad.graph.source import user_line
from localgrad.graph.spec import broadcast_shapes, format_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import as_tensor
from localgrad.nodes.diagonal import diag
from localgrad.nodes.joining import concatenate, split
from localgrad.nodes.padding import pad
from localgrad.nodes.shaping import axes_of, broadcast_to, expand_dims, moveaxis, ravel, reshape, swapaxes
from localgrad.nodes.tiling import flip


@numpy_function("fliplr")
def fliplr(x: Any) -> Tensor:
    """The columns (axis 1) in reversed order.

    >>> import localgrad as lg
    >>> lg.fliplr([[1.0, 2.0]]).data
    array([[2., 1.]], dtype=float32)
    """
    return flip(x, 1)


@numpy_function("flipud")
def flipud(x: Any) -> Tensor:
    """The rows (axis 0) in reversed order.

    >>> import localgrad as lg
    >>> lg.flipud([1.0, 2.0]).data
    array([2., 1.], dtype=float32)
    """
    return flip(x, 0)


@numpy_function("rot90")
def rot90(x: Any, k: int = 1, axes: Any = (0, 1)) -> Tensor:
    """Turned k times by a right angle in the plane of two axes, from the first towards the second.

    Raises ShapeError where the axes are one or not there.

    >>> import localgrad as lg
    >>> lg.rot90([[1.0, 2.0], [3.0, 4.0]]).data
    array([[2., 4.],
           [1., 3.]], dtype=float32)
    """
    x = as_tensor(x)
    first, second = axes_of(x, tuple(axes))
    turns = k % 4
    if turns == 0:
        return x  # type: ignore[no-any-return]
    if turns == 2:
        return flip(x, (first, second))
    return swapaxes(flip(x, second), first, second) if turns == 1 else flip(swapaxes(x, first, second), second)


@numpy_function("atleast_1d")
def atleast_1d(*xs: Any) -> Any:
    """Numbers as vectors of one entry, tensors of higher rank as they are; several give a tuple.

    >>> import localgrad as lg
    >>> lg.atleast_1d(3.0).shape
    (1,)
    """
    return _each(lambda x: reshape(x, (1,)) if x.ndim == 0 else x, xs)


@numpy_function("atleast_2d")
def atleast_2d(*xs: Any) -> Any:
    """Numbers and vectors as matrices of one row, tensors of higher rank as they are; several give a tuple.

    >>> import localgrad as lg
    >>> lg.atleast_2d([3.0, 4.0]).shape
    (1, 2)
    """
    return _each(lambda x: expand_dims(x, tuple(range(2 - x.ndim))) if x.ndim < 2 else x, xs)


@numpy_function("atleast_3d")
def atleast_3d(*xs: Any) -> Any:
    """At least rank 3: a vector becomes (1, n, 1), a matrix gets a last axis; several give a tuple.

    >>> import localgrad as lg
    >>> lg.atleast_3d([3.0, 4.0]).shape, lg.atleast_3d([[3.0, 4.0]]).shape
    ((1, 2, 1), (1, 2, 1))
    """
    places = {0: (0, 1, 2), 1: (0, 2), 2: (2,)}
    return _each(lambda x: expand_dims(x, places[x.ndim]) if x.ndim < 3 else x, xs)


def _each(function: Any, xs: tuple[Any, ...]) -> Any:
    made = tuple(function(as_tensor(x)) for x in xs)
    return made[0] if len(made) == 1 else made


@numpy_function("dstack")
def dstack(arrays: Any) -> Tensor:
    """Tensors joined along the third axis, after `atleast_3d`.

    >>> import localgrad as lg
    >>> lg.dstack([lg.ones((2, 3)), lg.ones((2, 3))]).shape
    (2, 3, 2)
    """
    return concatenate([atleast_3d(each) for each in arrays], 2)


@numpy_function("hsplit")
def hsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """A tensor cut along axis 1, a vector along its only one: into equal parts, or before the given places.

    >>> import localgrad as lg
    >>> [part.shape for part in lg.hsplit(lg.ones((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    x = _need_rank(x, 1, "hsplit")
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@numpy_function("vsplit")
def vsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """A tensor of rank 2 or more cut along axis 0: into equal parts, or before the given places.

    >>> import localgrad as lg
    >>> [part.shape for part in lg.vsplit(lg.ones((4, 2)), [1])]
    [(1, 2), (3, 2)]
    """
    return split(_need_rank(x, 2, "vsplit"), indices_or_sections, 0)


@numpy_function("dsplit")
def dsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """A tensor of rank 3 or more cut along axis 2: into equal parts, or before the given places.

    >>> import localgrad as lg
    >>> [part.shape for part in lg.dsplit(lg.ones((2, 2, 4)), 2)]
    [(2, 2, 2), (2, 2, 2)]
    """
    return split(_need_rank(x, 3, "dsplit"), indices_or_sections, 2)


def _need_rank(x: Any, rank: int, what: str) -> Tensor:
    x = as_tensor(x)
    if x.ndim < rank:
        raise ShapeError(
            f"{what} was asked of shape {format_shape(x.shape)}{user_line()}\nfound: rank {x.ndim}\n"
            f"do: give rank {rank} or more, or use lg.split with an axis"
        )
    return x  # type: ignore[no-any-return]


@numpy_function("unstack")
def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The entries along an axis as single tensors: what `stack` joins.

    Raises ShapeError for a named extent, whose number of entries is not known.

    >>> import localgrad as lg
    >>> [part.shape for part in lg.unstack(lg.ones((2, 3)), axis=1)]
    [(2,), (2,), (2,)]
    """
    front = moveaxis(x, axis, 0)
    if not isinstance(front.shape[0], int):
        raise ShapeError(
            f"a tensor was to be unstacked along axis {axis}{user_line()}\nfound: its length is the named extent "
            f"{front.shape[0]}\ndo: capture with a fixed length, or use lg.scan"
        )
    return tuple(front[place] for place in range(front.shape[0]))


def broadcast_arrays(*xs: Any) -> tuple[Tensor, ...]:
    """Tensors copied along axes of length 1, or missing in front, to one common shape.

    Raises ShapeError where an axis is longer than 1 and differs.

    >>> import localgrad as lg
    >>> [x.shape for x in lg.broadcast_arrays([1.0, 2.0], [[1.0]])]
    [(1, 2), (1, 2)]
    """
    tensors = [as_tensor(x) for x in xs]
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(broadcast_to(x, shape) for x in tensors)


@numpy_function("broadcast_arrays")
def _numpy_broadcast_arrays(*xs: Any, subok: bool = False) -> tuple[Tensor, ...]:
    return broadcast_arrays(*xs)


@numpy_function("meshgrid")
def meshgrid(*xs: Any, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of a grid: each vector copied along the axes of the others.

    With "xy" (as NumPy has it) the second vector runs along axis 0, with "ij" the first. Raises ShapeError for another
    word.

    >>> import localgrad as lg
    >>> x, y = lg.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0])
    >>> x.shape, y.data[:, 0]
    ((3, 2), array([3., 4., 5.], dtype=float32))
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"meshgrid was asked with indexing={indexing!r}\nfound: neither 'xy' nor 'ij'\ndo: give one")
    vectors = [ravel(x) for x in xs]
    rank = len(vectors)
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[:2] = 1, 0
    open_grid = [
        expand_dims(vector, tuple(axis for axis in range(rank) if axis != place))
        for vector, place in zip(vectors, places, strict=True)
    ]
    return broadcast_arrays(*open_grid)


@numpy_function("diagflat")
def diagflat(x: Any, k: int = 0) -> Tensor:
    """The matrix with all entries, flattened, on its k-th diagonal.

    >>> import localgrad as lg
    >>> lg.diagflat([[1.0], [2.0]]).data
    array([[1., 0.],
           [0., 2.]], dtype=float32)
    """
    return diag(ravel(x), k)


def block_diag(*matrices: Any) -> Tensor:
    """The matrix with these matrices (numbers and vectors as one row) along its diagonal, zeros elsewhere.

    Raises ShapeError for a rank above 2.

    >>> import localgrad as lg
    >>> lg.block_diag([[1.0]], [[2.0, 3.0]]).data
    array([[1., 0., 0.],
           [0., 2., 3.]], dtype=float32)
    """
    blocks = [atleast_2d(each) for each in matrices]
    for block in blocks:
        if block.ndim > 2:
            raise ShapeError(
                f"block_diag was asked of shape {format_shape(block.shape)}{user_line()}\nfound: rank {block.ndim}\n"
                "do: give matrices"
            )
    edges = [0]
    for block in blocks:
        edges.append(edges[-1] + block.shape[1])
    rows = [
        pad(block, ((0, 0), (start, edges[-1] - stop)))
        for block, (start, stop) in zip(blocks, pairwise(edges), strict=True)
    ]
    return concatenate(rows, 0)


@numpy_function("append")
def append(x: Any, values: Any, axis: int | None = None) -> Tensor:
    """Values joined to the end along an axis (both flattened unless told).

    >>> import localgrad as lg
    >>> lg.append([1.0], [[2.0, 3.0]]).data
    array([1., 2., 3.], dtype=float32)
    """
    return concatenate([as_tensor(x), as_tensor(values)], axis)


@numpy_function("trapezoid")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The integral along an axis by the trapezoidal rule, at the places x or at steps of dx.

    >>> import localgrad as lg
    >>> lg.trapezoid([0.0, 1.0, 2.0]).item()
    2.0
    """
    return _trapezoids(y, x, dx, axis).sum(axis)


def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The running integral along an axis by the trapezoidal rule, one entry shorter than y, as SciPy has it.

    >>> import localgrad as lg
    >>> lg.cumulative_trapezoid([0.0, 1.0, 2.0]).data
    array([0.5, 2. ], dtype=float32)
    """
    from localgrad.nodes.running import cumsum

    return cumsum(_trapezoids(y, x, dx, axis), axis)


def _trapezoids(y: Any, x: Any, dx: Any, axis: int) -> Tensor:
    from localgrad.nodes.running import diff

    y = as_tensor(y)
    (place,) = axes_of(y, (axis,))
    front = (slice(None),) * place
    heights = (y[(*front, slice(1, None))] + y[(*front, slice(None, -1))]) * 0.5
    if x is None:
        return heights * dx  # type: ignore[no-any-return]
    x = as_tensor(x)
    steps = diff(x, 1, -1 if x.ndim == 1 else axis)
    if x.ndim == 1 and place < y.ndim - 1:
        steps = expand_dims(steps, tuple(range(1, y.ndim - place)))
    return heights * steps  # type: ignore[no-any-return]
