"""Convolutions as functions, for signals, images and volumes."""

from __future__ import annotations

from typing import Any

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import Shape, format_shape, is_static
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor
from localgrad.nodes.convolution import Conv, ConvTranspose
from localgrad.nodes.windows import flat, padding_fields, per_axis, steps_field


def conv(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """A kernel slid over x, for any number of spatial axes (see `conv2d`): as many as the kernel has.

    >>> import localgrad as lg
    >>> from localgrad.nodes.convolution_functions import conv
    >>> conv([[[1.0, 2.0, 3.0]]], [[[1.0, -1.0]]]).data
    array([[[-1., -1.]]], dtype=float32)
    """
    return _conv(x, w, b, stride, padding, dilation, groups, None)


def conv1d(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """A kernel w (outputs, channels, k) slid over signals x (batch, channels, length); see `conv2d`.

    >>> import localgrad as lg
    >>> lg.conv1d([[[1.0, 2.0, 4.0]]], [[[1.0, 1.0]]], padding="same").data
    array([[[3., 6., 4.]]], dtype=float32)
    """
    return _conv(x, w, b, stride, padding, dilation, groups, 1)


def conv2d(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """A kernel w (outputs, channels / groups, kh, kw) slid over images x (batch, channels, height, width).

    Gives (batch, outputs, (height + 2 * padding - dilation * (kh - 1) - 1) // stride + 1, ...), with the bias b
    (outputs,) added. `stride` and `dilation` are ints or one for each axis; `padding` as well, or (before, after) for
    each axis, "valid" (none) or "same", which pads so that each stride counts one output. The kernel is not mirrored (a
    cross-correlation, as in all of deep learning). Floats only; raises ShapeError where channels or extents do not fit.

    >>> import localgrad as lg, numpy as np
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> lg.conv2d(x, np.ones((1, 1, 2, 2)), stride=2).data
    array([[[[10., 18.],
             [42., 50.]]]])
    >>> lg.conv2d(x, np.ones((3, 1, 3, 3)), np.zeros(3), padding="same").shape
    (1, 3, 4, 4)
    """
    return _conv(x, w, b, stride, padding, dilation, groups, 2)


def conv3d(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """A kernel w (outputs, channels, kd, kh, kw) slid over volumes x (batch, channels, depth, height, width); see `conv2d`.

    >>> import localgrad as lg, numpy as np
    >>> lg.conv3d(np.zeros((1, 2, 5, 6, 7)), np.zeros((4, 2, 3, 3, 3))).shape
    (1, 4, 3, 4, 5)
    """
    return _conv(x, w, b, stride, padding, dilation, groups, 3)


def _conv(x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int, rank: int | None) -> Tensor:
    kernel = as_tensor(w)
    _check_rank("conv", kernel, rank)
    which = conv_kind(kernel.shape[2:], stride, padding, dilation, groups)
    return apply(which, x, kernel) if b is None else apply(which, x, kernel, b)  # type: ignore[no-any-return]


def conv_kind(kernel: Shape, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Conv:
    """The kind that slides a kernel of these extents, from arguments as in `conv2d`."""
    rank = len(kernel)
    strides, dilations = steps_field(stride, rank, "stride"), steps_field(dilation, rank, "dilation")
    fields = padding_fields(padding, rank)
    which = Conv.make(strides=strides, dilations=dilations, group=int(groups), **fields)
    if which.same and not strides and is_static(kernel):
        # with a stride of 1 the padding follows from the kernel alone
        pads = flat(which.margins((1,) * rank, _ints(kernel)))
        which = Conv.make(dilations=dilations, group=int(groups), pads=pads)
    return which


def conv_transpose1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv1d`: each entry of x (batch, inputs, length) spreads the kernel w (inputs, outputs, k).

    See `conv_transpose2d`.

    >>> import localgrad as lg
    >>> lg.conv_transpose1d([[[1.0, 10.0]]], [[[1.0, 2.0, 3.0]]]).data
    array([[[ 1., 12., 23., 30.]]], dtype=float32)
    """
    return _transpose(x, w, b, stride, padding, output_padding, groups, dilation, 1)


def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv2d` (its gradient by the input): each entry of x spreads the kernel over the output.

    x is (batch, inputs, height, width), w (inputs, outputs / groups, kh, kw), b (outputs,). Gives extents of
    (extent - 1) * stride + dilation * (k - 1) + 1 - 2 * padding + output_padding. Arguments as in `conv2d`;
    `output_padding` has to be smaller than the stride or the dilation. Raises ShapeError where extents do not fit.

    >>> import localgrad as lg, numpy as np
    >>> lg.conv_transpose2d([[[[1.0, 2.0]]]], np.ones((1, 1, 2, 2), np.float32), stride=2).data
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]], dtype=float32)
    """
    return _transpose(x, w, b, stride, padding, output_padding, groups, dilation, 2)


def conv_transpose3d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv3d`: each entry of x (batch, inputs, depth, height, width) spreads a kernel of three axes.

    See `conv_transpose2d`.

    >>> import localgrad as lg, numpy as np
    >>> lg.conv_transpose3d(np.zeros((1, 4, 3, 4, 5)), np.zeros((4, 2, 3, 3, 3))).shape
    (1, 2, 5, 6, 7)
    """
    return _transpose(x, w, b, stride, padding, output_padding, groups, dilation, 3)


def _transpose(
    x: Any,
    w: Any,
    b: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    rank: int,
) -> Tensor:
    kernel = as_tensor(w)
    _check_rank("conv_transpose", kernel, rank)
    which = transpose_kind(rank, stride, padding, output_padding, groups, dilation)
    return apply(which, x, kernel) if b is None else apply(which, x, kernel, b)  # type: ignore[no-any-return]


def transpose_kind(
    rank: int, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1
) -> ConvTranspose:
    """The kind that spreads a kernel of so many spatial axes, from arguments as in `conv_transpose2d`."""
    more = per_axis(output_padding, rank, "output_padding")
    return ConvTranspose.make(
        strides=steps_field(stride, rank, "stride"),
        dilations=steps_field(dilation, rank, "dilation"),
        group=int(groups),
        output_padding=more if any(more) else (),
        **padding_fields(padding, rank),
    )


def deconv2d(x: Any, w: Any, b: Any = None, stride: Any = 1, pad: Any = 0, outsize: Any = None) -> Tensor:
    """The books' name and arguments of `conv_transpose2d`; `outsize` (height, width) says the extents of the output.

    Raises ShapeError where a window over an output of these extents would not have one place for each entry of x.

    >>> import localgrad as lg, numpy as np
    >>> lg.deconv2d(np.zeros((1, 4, 3, 3)), np.zeros((4, 2, 3, 3)), stride=2, pad=1, outsize=(6, 6)).shape
    (1, 2, 6, 6)
    """
    if outsize is None:
        return conv_transpose2d(x, w, b, stride, pad)
    images, kernel = as_tensor(x), as_tensor(w)
    _check_rank("deconv2d", kernel, 2)
    which = transpose_kind(2, stride, pad)
    wanted = per_axis(outsize, 2, "outsize")
    reached = which.reached(images.shape[2:], kernel.shape[2:])
    more = tuple(extent - other for extent, other in zip(wanted, reached)) if is_static(reached) else (0, 0)
    if any(not 0 <= each < step for each, step in zip(more, which.steps(2))):
        raise ShapeError(
            f"deconv2d was to give images of {wanted}{user_line()}\nfound: {format_shape(reached)} without outsize, and a "
            f"stride of {which.steps(2)}\ndo: give between that and less than a stride more"
        )
    return conv_transpose2d(images, kernel, b, stride, pad, more)


def _check_rank(what: str, w: Tensor, rank: int | None) -> None:
    """Raise ShapeError where a kernel has not so many spatial axes (None: one or more)."""
    axes = w.ndim - 2
    if axes < 1 or (rank is not None and axes != rank):
        name = what if rank is None or what.endswith("d") else f"{what}{rank}d"
        wanted = "3 or more" if rank is None else rank + 2
        hint = f"; a kernel of {axes} spatial axes belongs to {what}{axes}d" if 1 <= axes <= 3 else ""
        raise ShapeError(
            f"{name} was asked with a kernel of shape {format_shape(w.shape)}{user_line()}\n"
            f"found: rank {w.ndim}, not {wanted}\ndo: give (outputs, inputs, *extents){hint}"
        )


def _ints(shape: Shape) -> tuple[int, ...]:
    return tuple(int(extent) for extent in shape)
