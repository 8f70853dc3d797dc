"""Pooling as functions: of windows, of whole images, and to a given number of places."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import Extent, Symbol, format_shape, is_static, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor
from localgrad.nodes.indexing import take
from localgrad.nodes.linear import MatMul
from localgrad.nodes.pooling import AveragePool, MaxPool, MaxPoolPick
from localgrad.nodes.reduction import Mean, ReduceMax
from localgrad.nodes.shaping import Repeat, swapaxes
from localgrad.nodes.structure import cast, stop_gradient
from localgrad.nodes.windows import padding_fields, per_axis, steps_field


def max_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest entry of each window over signals (batch, channels, length); see `max_pool2d`.

    >>> import localgrad as lg
    >>> lg.max_pool1d([[[1.0, 3.0, 2.0, 0.0]]], 2).data
    array([[[3., 2.]]], dtype=float32)
    """
    return _largest(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 1)


def max_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest entry of each window over images (batch, channels, height, width), in each channel.

    Arguments are ints or one for each axis; the stride is the window's size unless told. Padding (also (before, after)
    for each axis, "same" or "valid") never wins. With `ceil_mode` the last window may stand over the end. The first of
    several equal entries gets the gradient. With `return_indices` also where each stood in its image, in row-major order
    (int64). Floats or integers; raises ShapeError where the window does not fit.

    >>> import localgrad as lg, numpy as np
    >>> lg.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2).data
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _largest(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 2)


def max_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest entry of each window over volumes (batch, channels, depth, height, width); see `max_pool2d`.

    >>> import localgrad as lg, numpy as np
    >>> lg.max_pool3d(np.zeros((1, 2, 4, 6, 8)), 2).shape
    (1, 2, 2, 3, 4)
    """
    return _largest(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 3)


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window over signals (batch, channels, length); see `avg_pool2d`.

    >>> import localgrad as lg
    >>> lg.avg_pool1d([[[1.0, 3.0, 2.0, 0.0]]], 2).data
    array([[[2., 1.]]], dtype=float32)
    """
    return _mean(x, kernel_size, stride, padding, ceil_mode, count_include_pad, 1)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window over images (batch, channels, height, width), in each channel.

    Arguments as in `max_pool2d`. Padding counts as zeros; with `count_include_pad=False` it does not count. Floats only;
    raises ShapeError where the window does not fit.

    >>> import localgrad as lg, numpy as np
    >>> lg.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2).data
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return _mean(x, kernel_size, stride, padding, ceil_mode, count_include_pad, 2)


def avg_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window over volumes (batch, channels, depth, height, width); see `avg_pool2d`.

    >>> import localgrad as lg, numpy as np
    >>> lg.avg_pool3d(np.zeros((1, 2, 4, 6, 8)), 2).shape
    (1, 2, 2, 3, 4)
    """
    return _mean(x, kernel_size, stride, padding, ceil_mode, count_include_pad, 3)


def pooling(x: Any, kernel_size: Any, stride: Any = 1, pad: Any = 0) -> Tensor:
    """The books' name and arguments of `max_pool2d`: the stride is 1 unless told.

    >>> import localgrad as lg, numpy as np
    >>> lg.pooling(np.arange(9.0).reshape(1, 1, 3, 3), 2).data
    array([[[[4., 5.],
             [7., 8.]]]])
    """
    return max_pool2d(x, kernel_size, stride, pad)  # type: ignore[no-any-return]


def average_pooling(x: Any, kernel_size: Any, stride: Any = 1, pad: Any = 0) -> Tensor:
    """The books' name and arguments of `avg_pool2d`: the stride is 1 unless told, and padding counts.

    >>> import localgrad as lg, numpy as np
    >>> lg.average_pooling(np.arange(9.0).reshape(1, 1, 3, 3), 2).data
    array([[[[2., 3.],
             [5., 6.]]]])
    """
    return avg_pool2d(x, kernel_size, stride, pad)


def global_average_pool(x: Any, keepdims: bool = False) -> Tensor:
    """The mean of each channel: (batch, channels, *extents) becomes (batch, channels), or keeps axes of length 1.

    Raises ShapeError for an input without spatial axes.

    >>> import localgrad as lg, numpy as np
    >>> lg.global_average_pool(np.ones((5, 3, 4, 4))).shape, lg.global_average_pool(np.ones((5, 3, 4)), True).shape
    ((5, 3), (5, 3, 1))
    """
    return apply(Mean.make(axis=_spatial(x, "global_average_pool"), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


def global_max_pool(x: Any, keepdims: bool = False) -> Tensor:
    """The largest entry of each channel: (batch, channels, *extents) becomes (batch, channels); ties share the gradient.

    Raises ShapeError for an input without spatial axes.

    >>> import localgrad as lg, numpy as np
    >>> lg.global_max_pool(np.arange(8.0).reshape(1, 2, 2, 2)).data
    array([[3., 7.]])
    """
    return apply(ReduceMax.make(axis=_spatial(x, "global_max_pool"), keepdims=bool(keepdims)), x)  # type: ignore[no-any-return]


def adaptive_average_pool(x: Any, output_size: Any) -> Tensor:
    """The means of so many places, spread evenly over each spatial axis; place i sees from floor(i * n / size) to
    ceil((i + 1) * n / size).

    `output_size` is an int or one for each axis; None leaves an axis as it is. Raises ShapeError for sizes below 1, and
    for a named extent, unless its size is 1.

    >>> import localgrad as lg, numpy as np
    >>> lg.adaptive_average_pool(np.arange(5.0).reshape(1, 1, 5), 2).data
    array([[[1., 3.]]])
    """
    images = as_tensor(x)
    axes, wanted, single, kept = _sections(images, output_size, "adaptive_average_pool")
    y = apply(Mean.make(axis=single, keepdims=True), images) if single else images
    ratios = [images.shape[axis] // wanted[axis - 2] if axis in kept else 1 for axis in axes]
    if kept and all(images.shape[axis] % wanted[axis - 2] == 0 for axis in kept):
        window = tuple(int(ratio) for ratio in ratios)
        return apply(AveragePool.make(kernel_shape=window, strides=window), y)  # type: ignore[no-any-return]
    if kept and images.dtype.kind != "f":
        raise DTypeError(
            f"adaptive_average_pool was asked of {images.dtype}{user_line()}\ndo: convert with .astype(np.float32)"
        )
    for axis in kept:
        y = _weighted(y, axis, int(images.shape[axis]), int(wanted[axis - 2]))
    return y


def adaptive_max_pool(x: Any, output_size: Any) -> Tensor:
    """The largest entries of so many places, spread evenly over each spatial axis as in `adaptive_average_pool`.

    Floats or integers. The first of several equal entries gets the gradient; over a named extent, of which 1 place may be
    asked, they share it. Raises ShapeError for sizes below 1, and for other sizes of a named extent.

    >>> import localgrad as lg, numpy as np
    >>> lg.adaptive_max_pool(np.arange(5.0).reshape(1, 1, 5), 2).data
    array([[[2., 4.]]])
    """
    y = as_tensor(x)
    axes, wanted, single, kept = _sections(y, output_size, "adaptive_max_pool")
    named = tuple(axis for axis in single if isinstance(y.shape[axis], Symbol))
    window = [1] * len(axes)
    for axis in axes:
        if axis in named or axis not in (*single, *kept):
            continue
        extent, size = int(y.shape[axis]), int(wanted[axis - 2])
        window[axis - 2] = extent // size
        if extent % size:
            starts, stops = _bounds(extent, size)
            window[axis - 2] = longest = int((stops - starts).max())
            # each section on its own; a shorter one repeats its last entry, which wins no more often than before
            picks = np.minimum(starts[:, None] + np.arange(longest), stops[:, None] - 1)
            y = take(y, picks.ravel(), axis)
    if any(size > 1 for size in window):
        y = apply(MaxPool.make(kernel_shape=tuple(window), strides=tuple(window)), y)
    return apply(ReduceMax.make(axis=named, keepdims=True), y) if named else y


def _sections(
    images: Tensor, output_size: Any, what: str
) -> tuple[tuple[int, ...], list[Any], tuple[int, ...], list[int]]:
    """The spatial axes, the places wanted of each, the axes that become one place, and the others that change."""
    axes = _spatial(images, what)
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * len(axes)
    wanted = [extent if size is None else size for size, extent in zip(sizes, images.shape[2:])]
    if len(sizes) != len(axes) or any(not _is_extent(size) for size in wanted):
        raise ShapeError(
            f"{what} was asked for {output_size!r} places{user_line()}\nfound: images of shape "
            f"{format_shape(images.shape)}\ndo: give an int of 1 or more, or one (or None) for each spatial axis"
        )
    single = tuple(axis for axis, size in zip(axes, wanted) if same_extent(size, 1))
    kept = [
        axis for axis, size in zip(axes, wanted) if not same_extent(size, images.shape[axis]) and axis not in single
    ]
    for axis in kept:
        if isinstance(images.shape[axis], Symbol):
            raise ShapeError(
                f"{what} was asked for {wanted[axis - 2]} places along axis {axis}{user_line()}\nfound: its "
                f"length is the named extent {images.shape[axis]}\ndo: ask for 1, or capture with a fixed length"
            )
    return axes, wanted, single, kept


def _bounds(extent: int, size: int) -> tuple[Any, Any]:
    """Where the sections of an axis start and stop."""
    places = np.arange(size)
    return places * extent // size, -(-(places + 1) * extent // size)


def _weighted(x: Tensor, axis: int, extent: int, size: int) -> Tensor:
    """The means of uneven sections of an axis, as a product with a matrix of their shares."""
    starts, stops = _bounds(extent, size)
    entries = np.arange(extent)[:, None]
    shares = ((entries >= starts) & (entries < stops)) / (stops - starts)
    matrix = shares.astype(x.dtype)
    if axis == x.ndim - 1:
        return MatMul.on(x, matrix)  # type: ignore[no-any-return]
    if axis == x.ndim - 2:
        return MatMul.on(matrix.T.copy(), x)  # type: ignore[no-any-return]
    return swapaxes(MatMul.on(swapaxes(x, axis, -1), matrix), axis, -1)


def _is_extent(size: Extent) -> bool:
    return isinstance(size, Symbol) or (isinstance(size, (int, np.integer)) and size >= 1)


def _spatial(x: Any, what: str) -> tuple[int, ...]:
    rank = as_tensor(x).ndim
    if rank < 3:
        raise ShapeError(
            f"{what} was asked of shape {format_shape(as_tensor(x).shape)}{user_line()}\nfound: rank {rank}, so there is "
            "no axis after batch and channels\ndo: give (batch, channels, *extents)"
        )
    return tuple(range(2, rank))


def _largest(
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
    rank: int,
) -> Any:
    kernel = per_axis(kernel_size, rank, "kernel_size")
    which = MaxPool.make(
        kernel_shape=kernel,
        strides=steps_field(kernel if stride is None else stride, rank, "stride"),
        dilations=steps_field(dilation, rank, "dilation"),
        ceil_mode=bool(ceil_mode),
        **padding_fields(padding, rank),
    )
    if not return_indices:
        return apply(which, x)
    images = as_tensor(x)
    extents = images.shape[2:]
    if not is_static(extents):
        raise ShapeError(
            f"the places of a maximum were asked of images of shape {format_shape(images.shape)}{user_line()}\n"
            "found: a named extent, so a place has no number\ndo: capture with fixed heights and widths"
        )
    y = apply(which, images)
    # the pick of each window, out of the numbers of all places
    places = np.arange(math.prod(int(extent) for extent in extents), dtype=np.float64).reshape(extents)
    numbers = Repeat.like(as_tensor(places), images)
    picked = apply(MaxPoolPick.make(**which.field_values()), numbers, stop_gradient(images), stop_gradient(y))
    return y, cast(picked, np.int64)


def _mean(
    x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, rank: int
) -> Tensor:
    kernel = per_axis(kernel_size, rank, "kernel_size")
    which = AveragePool.make(
        kernel_shape=kernel,
        strides=steps_field(kernel if stride is None else stride, rank, "stride"),
        ceil_mode=bool(ceil_mode),
        count_include_pad=bool(count_include_pad),
        **padding_fields(padding, rank),
    )
    return apply(which, x)  # type: ignore[no-any-return]
