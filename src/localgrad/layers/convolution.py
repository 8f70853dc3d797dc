"""Layers that slide over images: Convolution and its transpose, poolings, and upsampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind
from localgrad.graph.recording import record
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.initialization import initial, zeros
from localgrad.layers.layer import Layer
from localgrad.layers.members import as_parameter
from localgrad.nodes.convolution_functions import conv_kind, transpose_kind
from localgrad.nodes.pooling import AveragePool, MaxPool
from localgrad.nodes.pooling_functions import (
    adaptive_average_pool,
    adaptive_max_pool,
    global_average_pool,
    global_max_pool,
)
from localgrad.nodes.resizing import pixel_shuffle, resize
from localgrad.nodes.windows import padding_fields, per_axis, steps_field

if TYPE_CHECKING:
    from typing import Self


class Sliding(Layer):
    """A layer with a kernel W that slides over images, and perhaps a bias b."""

    W: Leaf
    b: Leaf | None
    kind: Kind
    inward: ClassVar[int] = 1
    """Which axis of W counts the channels that come in."""

    def _take(self, W: Any, b: Any) -> None:
        name = type(self).__name__
        self.W, _ = as_parameter(W, f"W of {name}")
        if self.W.ndim < 3:
            raise ShapeError(
                f"{name} was given W of shape {format_shape(self.W.shape)}{user_line()}\nfound: rank {self.W.ndim}\n"
                f"do: give ({'outputs, inputs' if self.inward else 'inputs, outputs'}, height, width)"
            )
        self.b = None
        if b is not None:
            self.b, _ = as_parameter(b, f"b of {name}")

    def _check_bias(self, outputs: int) -> None:
        if self.b is not None and self.b.shape != (outputs,):
            raise ShapeError(
                f"{type(self).__name__} was given b of shape {format_shape(self.b.shape)}{user_line()}\n"
                f"found: W of shape {format_shape(self.W.shape)} has {outputs} outputs\ndo: give b of shape ({outputs},)"
            )

    def call(self, x: Tensor) -> Tensor:
        return record(self.kind, (x, self.W) if self.b is None else (x, self.W, self.b))  # type: ignore[no-any-return]

    def _about(self) -> str:
        group = getattr(self.kind, "group", 1)
        first, second, *kernel = self.W.shape
        sizes = (second * group, first) if self.inward else (first, second * group)
        size = "x".join(str(extent) for extent in kernel)
        rest = [f", {name}={value!r}" for name, value in self.kind.changed_fields().items()]
        return f"{sizes[0]}, {sizes[1]}, {size}{''.join(rest)}"


class Convolution(Sliding):
    """Kernels W (outputs, inputs, height, width) slid over images (batch, inputs, height, width), plus a bias b (outputs,).

    `stride`, `pad` and `dilation` are ints or one for each axis; `pad` may also be "same" or "valid", or (before, after)
    for each axis. In groups W is (outputs, inputs / groups, ...). W and b are parameters, or float arrays, which are used
    themselves and not copied; b may be None. A kernel of one or three extents makes a layer for signals or volumes.
    Raises ShapeError where sizes do not fit.

    >>> import numpy as np
    >>> from localgrad.layers import Convolution
    >>> layer = Convolution(np.ones((2, 1, 3, 3)), np.zeros(2), stride=1, pad=1)
    >>> layer.forward(np.ones((1, 1, 4, 4)))[0, 0]
    array([[4., 6., 6., 4.],
           [6., 9., 9., 6.],
           [6., 9., 9., 6.],
           [4., 6., 6., 4.]])
    >>> layer.backward(np.ones((1, 2, 4, 4))).shape, [grad.shape for grad in layer.grads]
    ((1, 1, 4, 4), [(2, 1, 3, 3), (2,)])
    """

    def __init__(
        self, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, dilation: Any = 1, groups: int = 1
    ) -> None:
        self._take(W, b)
        self._check_bias(self.W.shape[0])
        self.kind = conv_kind(self.W.shape[2:], stride, pad, dilation, groups)

    @classmethod
    def create(
        cls,
        in_channels: int,
        out_channels: int,
        kernel: Any,
        stride: Any = 1,
        pad: Any = 0,
        seed: int = 0,
        init: Any = "he",
        dtype: DTypeLike = np.float32,
        bias: bool = True,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Self:
        """One with first values drawn from `seed`: `kernel` is an int (images) or one for each axis, `init` as in Affine.

        Raises ShapeError where the channels cannot be divided into `groups`.

        >>> from localgrad.layers import Convolution
        >>> Convolution.create(3, 16, 5, pad=2)
        Convolution(3, 16, 5x5, pads=(2, 2, 2, 2))
        """
        _check_groups(in_channels, out_channels, groups, cls.__name__)
        shape = (out_channels, in_channels // groups, *_kernel(kernel))
        W = initial(init, shape, seed, dtype)
        return cls(W, zeros(out_channels, dtype) if bias else None, stride, pad, dilation, groups)


class ConvolutionTranspose(Sliding):
    """The transpose of a convolution: each entry of (batch, inputs, height, width) spreads W (inputs, outputs, kh, kw).

    With a stride of 2 it doubles height and width. Arguments as in Convolution; `output_padding` adds rows and columns at
    the ends, of which a stride leaves open how many there were.

    >>> import numpy as np
    >>> from localgrad.layers import ConvolutionTranspose
    >>> layer = ConvolutionTranspose(np.ones((1, 1, 2, 2)), stride=2)
    >>> layer.forward(np.array([[[[1.0, 2.0]]]]))
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    inward = 0

    def __init__(
        self,
        W: Any,
        b: Any = None,
        stride: Any = 1,
        pad: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> None:
        self._take(W, b)
        self._check_bias(self.W.shape[1] * groups)
        self.kind = transpose_kind(self.W.ndim - 2, stride, pad, output_padding, groups, dilation)

    @classmethod
    def create(
        cls,
        in_channels: int,
        out_channels: int,
        kernel: Any,
        stride: Any = 1,
        pad: Any = 0,
        output_padding: Any = 0,
        seed: int = 0,
        init: Any = "he",
        dtype: DTypeLike = np.float32,
        bias: bool = True,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Self:
        """One with first values drawn from `seed`, as in Convolution.

        >>> from localgrad.layers import ConvolutionTranspose
        >>> ConvolutionTranspose.create(16, 3, 4, stride=2, pad=1)
        ConvolutionTranspose(16, 3, 4x4, strides=(2, 2), pads=(1, 1, 1, 1))
        """
        _check_groups(in_channels, out_channels, groups, cls.__name__)
        shape = (out_channels // groups, in_channels, *_kernel(kernel))
        W = np.ascontiguousarray(initial(init, shape, seed, dtype).swapaxes(0, 1))
        return cls(W, zeros(out_channels, dtype) if bias else None, stride, pad, output_padding, dilation, groups)


class WindowPooling(Layer):
    """A layer that takes together what a window sees in each channel."""

    def __init__(self, kernel: Any = 2, stride: Any = None, pad: Any = 0) -> None:
        self.kernel = kernel
        self.stride = stride
        self.pad = pad

    def _fields(self, x: Tensor) -> dict[str, Any]:
        rank = x.ndim - 2
        if rank < 1:
            raise ShapeError(
                f"{type(self).__name__} was asked of shape {format_shape(x.shape)}{user_line()}\n"
                f"found: rank {x.ndim}\ndo: give (batch, channels, height, width)"
            )
        kernel = per_axis(self.kernel, rank, "kernel")
        strides = steps_field(kernel if self.stride is None else self.stride, rank, "stride")
        return {"kernel_shape": kernel, "strides": strides, **padding_fields(self.pad, rank)}

    def _about(self) -> str:
        stride = "" if self.stride is None else f", stride={self.stride}"
        return f"{self.kernel}{stride}{f', pad={self.pad}' if self.pad else ''}"


class MaxPooling(WindowPooling):
    """The largest entry of each window in each channel; the window moves by its own size unless told.

    `kernel`, `stride` and `pad` are ints or one for each axis. The first of several equal entries gets the gradient.

    >>> import numpy as np
    >>> from localgrad.layers import MaxPooling
    >>> layer = MaxPooling(2)
    >>> layer.forward(np.array([[[[1.0, 2.0], [4.0, 3.0]]]])), layer.backward(np.ones((1, 1, 1, 1)))
    (array([[[[4.]]]]), array([[[[0., 0.],
             [1., 0.]]]]))
    """

    def call(self, x: Tensor) -> Tensor:
        return record(MaxPool.make(**self._fields(x)), (x,))  # type: ignore[no-any-return]


class Pooling(MaxPooling):
    """The books' max pooling: a window of pool_h by pool_w, which moves by its own size unless told.

    >>> import numpy as np
    >>> from localgrad.layers import Pooling
    >>> Pooling(pool_h=2, pool_w=2, stride=2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(self, pool_h: int, pool_w: int, stride: Any = None, pad: Any = 0) -> None:
        super().__init__((pool_h, pool_w), stride, pad)


class AveragePooling(WindowPooling):
    """The mean of each window in each channel; arguments as in MaxPooling. Padding counts as zeros unless told.

    >>> import numpy as np
    >>> from localgrad.layers import AveragePooling
    >>> AveragePooling(2).forward(np.array([[[[1.0, 2.0], [4.0, 3.0]]]]))
    array([[[[2.5]]]])
    """

    def __init__(self, kernel: Any = 2, stride: Any = None, pad: Any = 0, count_include_pad: bool = True) -> None:
        super().__init__(kernel, stride, pad)
        self.count_include_pad = bool(count_include_pad)

    def call(self, x: Tensor) -> Tensor:
        which = AveragePool.make(**self._fields(x), count_include_pad=self.count_include_pad)
        return record(which, (x,))  # type: ignore[no-any-return]


class GlobalAveragePooling(Layer):
    """The mean of each channel: (batch, channels, height, width) becomes (batch, channels).

    >>> import numpy as np
    >>> from localgrad.layers import GlobalAveragePooling
    >>> GlobalAveragePooling().forward(np.ones((2, 3, 4, 4))).shape
    (2, 3)
    """

    def call(self, x: Tensor) -> Tensor:
        return global_average_pool(x)


class GlobalMaxPooling(Layer):
    """The largest entry of each channel: (batch, channels, height, width) becomes (batch, channels).

    >>> import numpy as np
    >>> from localgrad.layers import GlobalMaxPooling
    >>> GlobalMaxPooling().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 7.]])
    """

    def call(self, x: Tensor) -> Tensor:
        return global_max_pool(x)


class AdaptiveAveragePooling(Layer):
    """The means of so many places along each spatial axis, whatever the images' size; see `lg.adaptive_average_pool`.

    `output_size` is an int or one for each axis; None leaves an axis as it is.

    >>> import numpy as np
    >>> from localgrad.layers import AdaptiveAveragePooling
    >>> AdaptiveAveragePooling((2, 1)).forward(np.ones((1, 3, 5, 4))).shape
    (1, 3, 2, 1)
    """

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def call(self, x: Tensor) -> Tensor:
        return adaptive_average_pool(x, self.output_size)

    def _about(self) -> str:
        return str(self.output_size)


class AdaptiveMaxPooling(AdaptiveAveragePooling):
    """The largest entries of so many places along each spatial axis; see `lg.adaptive_max_pool`.

    >>> import numpy as np
    >>> from localgrad.layers import AdaptiveMaxPooling
    >>> AdaptiveMaxPooling(2).forward(np.arange(5.0).reshape(1, 1, 5))
    array([[[2., 4.]]])
    """

    def call(self, x: Tensor) -> Tensor:
        return adaptive_max_pool(x, self.output_size)


class Upsample(Layer):
    """Images `scale` times as large: by copies ("nearest") or mixing neighbours ("linear"); see `lg.resize`.

    >>> import numpy as np
    >>> from localgrad.layers import Upsample
    >>> Upsample(2).forward(np.array([[[[1.0, 2.0]]]]))
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    def __init__(self, scale: Any = 2, mode: str = "nearest") -> None:
        self.scale = scale
        self.mode = mode

    def call(self, x: Tensor) -> Tensor:
        return resize(x, scale=self.scale, mode=self.mode)

    def _about(self) -> str:
        return f"{self.scale}, {self.mode}"


class PixelShuffle(Layer):
    """Channels spread over space: (batch, channels * factor**2, h, w) becomes (batch, channels, h * factor, w * factor).

    >>> import numpy as np
    >>> from localgrad.layers import PixelShuffle
    >>> PixelShuffle(2).forward(np.zeros((1, 8, 3, 3))).shape
    (1, 2, 6, 6)
    """

    def __init__(self, factor: int) -> None:
        self.factor = int(factor)

    def call(self, x: Tensor) -> Tensor:
        return pixel_shuffle(x, self.factor)

    def _about(self) -> str:
        return str(self.factor)


def _kernel(kernel: Any) -> tuple[int, ...]:
    """A kernel's extents: an int stands for both of an image."""
    return tuple(int(extent) for extent in kernel) if isinstance(kernel, (tuple, list)) else (int(kernel),) * 2


def _check_groups(inputs: int, outputs: int, groups: int, what: str) -> None:
    if groups < 1 or inputs % groups or outputs % groups:
        raise ShapeError(
            f"{what} was asked for {inputs} inputs and {outputs} outputs in {groups} groups{user_line()}\n"
            "found: they cannot be divided evenly\ndo: give a number of groups that divides both"
        )
