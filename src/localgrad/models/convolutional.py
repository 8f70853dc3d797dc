"""Convolutional networks: blocks of convolutions that end in a pooling, then a perceptron."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, spec
from localgrad.layers.activations import Relu
from localgrad.layers.convolution import Convolution, MaxPooling
from localgrad.layers.dropout import Dropout
from localgrad.layers.linear import Affine
from localgrad.layers.model import Sequential
from localgrad.layers.normalization import BatchNormalization
from localgrad.models.seeds import seeds


class ConvNet(Sequential):
    """Blocks of convolutions, each block ended by max pooling, then Affine layers: (N, *input_shape) becomes (N, classes).

    `input_shape` is (channels, height, width), or (channels, length) for signals. `channels` has an entry for each
    block: the number of channels, or the numbers of several convolutions in a row. `hidden` are the widths of the Affine
    layers before the last. With `batch_normalization` each convolution is followed by one and has no bias; `dropout` is
    the ratio after each hidden Affine. `init` is that of all layers but the last, as in `MLP`. Raises ShapeError where the input is too small for so many blocks.

    >>> import localgrad as lg
    >>> model = lg.models.ConvNet((1, 8, 8), classes=10, channels=(16, (32, 32)), hidden=(), seed=0)
    >>> print(model.summary(lg.spec("N", 1, 8, 8)))
    layer  kind         output         parameters
    ---------------------------------------------
    0      Convolution  (N, 16, 8, 8)         160
    1      Relu         (N, 16, 8, 8)           0
    2      MaxPooling   (N, 16, 4, 4)           0
    3      Convolution  (N, 32, 4, 4)       4,640
    4      Relu         (N, 32, 4, 4)           0
    5      Convolution  (N, 32, 4, 4)       9,248
    6      Relu         (N, 32, 4, 4)           0
    7      MaxPooling   (N, 32, 2, 2)           0
    8      Affine       (N, 10)             1,290
    ---------------------------------------------
    15,338 parameters, all trainable
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        channels: Sequence[int | Sequence[int]] = (32, 64),
        hidden: Sequence[int] = (128,),
        kernel: int = 3,
        pad: Any = "same",
        pool: int = 2,
        batch_normalization: bool = False,
        dropout: float = 0.0,
        init: Any = "he",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        keys = seeds(seed)
        n_in, *extents = _images(input_shape)
        window = (kernel,) * len(extents)
        for block in channels:
            for n_out in [block] if isinstance(block, int) else block:
                bias = not batch_normalization
                self.append(
                    Convolution.create(n_in, n_out, window, pad=pad, seed=next(keys), init=init, dtype=dtype, bias=bias)
                )
                if batch_normalization:
                    self.append(BatchNormalization.create(n_out, dtype=dtype))
                self.append(Relu())
                n_in = n_out
            self.append(MaxPooling(pool))
        _append_head(self, input_shape, (*hidden, classes), dropout, init, keys, dtype)


class SimpleConvNet(ConvNet):
    """The books' first convolutional network: convolution, ReLU, pooling, affine, ReLU, affine.

    As in *Deep Learning from Scratch*, chapter 7, which starts with `init=0.01`. Its scores go to
    `lg.softmax_cross_entropy`.

    >>> import localgrad as lg
    >>> lg.models.SimpleConvNet().count_parameters()
    433890
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        filters: int = 30,
        kernel: int = 5,
        pad: Any = 0,
        hidden: int = 100,
        init: Any = "he",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(input_shape, classes, (filters,), (hidden,), kernel, pad, init=init, seed=seed, dtype=dtype)


class DeepConvNet(Sequential):
    """The books' deep convolutional network: three times two 3x3 convolutions and a pooling, then two affine layers.

    As in *Deep Learning from Scratch*, chapter 8, with 16, 32 and 64 channels; the fourth convolution is padded by 2, so
    that 28 pixels can be halved three times. `dropout` follows both affine layers, as there.

    >>> import localgrad as lg
    >>> lg.models.DeepConvNet().count_parameters()
    123552
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        hidden: int = 50,
        dropout: float = 0.5,
        init: Any = "he",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        keys = seeds(seed)
        n_in, *extents = _images(input_shape)
        for layer, (n_out, pad) in enumerate([(16, 1), (16, 1), (32, 1), (32, 2), (64, 1), (64, 1)]):
            window = (3,) * len(extents)
            made = Convolution.create(n_in, n_out, window, pad=pad, seed=next(keys), init=init, dtype=dtype)
            self.extend([made, Relu()])
            if layer % 2:
                self.append(MaxPooling(2))
            n_in = n_out
        _append_head(self, input_shape, (hidden, classes), dropout, init, keys, dtype)
        self.append(Dropout(dropout, seed=next(keys)))


def _append_head(
    model: Sequential,
    input_shape: Sequence[int],
    sizes: Sequence[int],
    dropout: float,
    init: Any,
    keys: Iterator[int],
    dtype: Any,
) -> None:
    """Affine layers at the end, the first of which flattens what the layers before it give."""
    seen = model.graph(spec("N", *input_shape, dtype=dtype)).outputs[0].shape[1:]
    if not all(seen):
        raise ShapeError(
            f"{type(model).__name__} was to be made for inputs of {format_shape(tuple(input_shape))}{user_line()}\n"
            f"found: its poolings leave {format_shape(tuple(seen))}, which is empty\n"
            "do: give larger inputs, fewer blocks, or more padding"
        )
    n_in = math.prod(seen)
    for n_out in sizes[:-1]:
        model.extend([Affine.create(n_in, n_out, seed=next(keys), init=init, dtype=dtype), Relu()])
        if dropout:
            model.append(Dropout(dropout, seed=next(keys)))
        n_in = n_out
    model.append(Affine.create(n_in, sizes[-1], seed=next(keys), init="lecun", dtype=dtype))


def _images(input_shape: Sequence[int]) -> Sequence[int]:
    if len(input_shape) < 2:
        raise ShapeError(
            f"a convolutional network was to be made for inputs of {format_shape(tuple(input_shape))}{user_line()}\n"
            f"found: {len(input_shape)} extents\ndo: give (channels, height, width), or (channels, length)"
        )
    return input_shape
