"""Distances: lengths, similarities and distances of rows, and what layers of channels do with them."""

from __future__ import annotations

from typing import Any

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import Symbol, format_shape, product
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import as_tensor
from localgrad.nodes.branching import maximum
from localgrad.nodes.einsum import einsum
from localgrad.nodes.norms import norm
from localgrad.nodes.padding import pad
from localgrad.nodes.pooling_functions import avg_pool2d
from localgrad.nodes.shaping import expand_dims, reshape, transpose


def normalize(x: Any, ord: float = 2, axis: Any = -1, epsilon: float = 1e-12) -> Tensor:
    """Vectors along an axis divided by their norm (by epsilon where that is smaller).

    >>> import localgrad as lg
    >>> lg.normalize([3.0, 4.0]).data
    array([0.6, 0.8], dtype=float32)
    """
    x = as_tensor(x)
    return x / maximum(norm(x, ord, axis, True), epsilon)  # type: ignore[no-any-return]


def pairwise_distance(a: Any, b: Any, ord: float = 2, epsilon: float = 1e-6, keepdims: bool = False) -> Tensor:
    """The norm of `a - b + epsilon` over the last axis: the distance of each row from the other's.

    >>> import localgrad as lg
    >>> round(lg.pairwise_distance([0.0, 0.0], [3.0, 4.0]).item(), 4)
    5.0
    """
    return norm(as_tensor(a) - as_tensor(b) + epsilon, ord, -1, keepdims)


def cdist(a: Any, b: Any, ord: float = 2) -> Tensor:
    """The distance of each row of a (..., n, d) from each of b (..., m, d): (..., n, m). The gradient is 0 where it is 0.

    >>> import localgrad as lg
    >>> lg.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]).data
    array([[5., 1.]], dtype=float32)
    """
    return norm(expand_dims(a, -2) - expand_dims(b, -3), ord, -1)


def bilinear(a: Any, b: Any, w: Any, bias: Any = None) -> Tensor:
    """`a^T w_k b` for each matrix w_k: a (..., i), b (..., j), w (k, i, j) and bias (k,) give (..., k).

    >>> import localgrad as lg
    >>> lg.bilinear([1.0, 2.0], [3.0], [[[1.0], [1.0]]]).data
    array([9.], dtype=float32)
    """
    y = einsum("...i,kij,...j->...k", a, w, b)
    return y if bias is None else y + bias


def local_response_normalization(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Each entry of (batch, channels, ...) divided by `(k + alpha * mean of squares of size neighbouring channels)^beta`.

    Missing neighbours count as 0. Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural
    networks", 2012. Raises ShapeError for a rank below 3.

    >>> import localgrad as lg
    >>> lg.local_response_normalization([[[2.0], [0.0]]], 2, alpha=2.0, beta=1.0).data.ravel()
    array([0.4, 0. ], dtype=float32)
    """
    x = as_tensor(x)
    if x.ndim < 3:
        raise ShapeError(
            f"local response normalization was asked of shape {format_shape(x.shape)}{user_line()}\nfound: rank {x.ndim}\n"
            "do: give (batch, channels, *extents)"
        )
    batch, channels, *rest = x.shape
    squares = reshape(x * x, (batch, 1, channels, product(rest)))
    around = pad(squares, ((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0)))
    share = reshape(avg_pool2d(around, (size, 1), 1), x.shape)
    return x / (share * alpha + k) ** beta  # type: ignore[no-any-return]


def channel_shuffle(x: Any, groups: int) -> Tensor:
    """Channels of (batch, channels, ...) dealt out anew: one of each group after the other (Zhang et al., 2017).

    Raises ShapeError where the groups do not divide the channels.

    >>> import localgrad as lg
    >>> lg.channel_shuffle(lg.arange(4.0).reshape((1, 4, 1)), 2).data.ravel()
    array([0., 2., 1., 3.], dtype=float32)
    """
    x = as_tensor(x)
    channels = x.shape[1] if x.ndim > 1 else 0
    if x.ndim < 2 or (not isinstance(channels, Symbol) and channels % groups):
        raise ShapeError(
            f"channels of shape {format_shape(x.shape)} were to be shuffled in {groups} groups{user_line()}\n"
            f"found: {channels} channels\ndo: give a number of groups that divides it"
        )
    parted = reshape(x, (x.shape[0], groups, channels // groups, *x.shape[2:]))
    return reshape(transpose(parted, (0, 2, 1, *range(3, parted.ndim))), x.shape)
