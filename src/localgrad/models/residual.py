"""Residual networks: blocks that add their input to what they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Tensor
from localgrad.layers.activations import Relu
from localgrad.layers.convolution import Convolution, GlobalAveragePooling, MaxPooling
from localgrad.layers.layer import Layer
from localgrad.layers.linear import Affine
from localgrad.layers.model import Model, Sequential
from localgrad.layers.normalization import BatchNormalization
from localgrad.layers.structure import Identity
from localgrad.models.seeds import seeds
from localgrad.nodes.activations import relu
from localgrad.nodes.padding import pad


class ResidualBlock(Model):
    """relu(body(x) + shortcut(x)), where the body is two 3x3 convolutions, each with BatchNormalization.

    The first convolution moves by `stride`. Where the shape changes the shortcut is a 1x1 convolution with
    BatchNormalization ("projection"), or takes every stride-th pixel and adds channels of zeros ("padding"); else it is
    the input itself. Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015.

    >>> import numpy as np, localgrad as lg
    >>> block = lg.models.ResidualBlock(16, 32, stride=2, seed=0)
    >>> block(np.ones((1, 16, 9, 9), np.float32)).shape
    (1, 32, 5, 5)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        stride: int = 1,
        shortcut: str = "projection",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        keys = seeds(seed)
        self.body = self._body(n_in, n_out, stride, keys, dtype)
        self.shortcut = _shortcut(n_in, n_out, stride, shortcut, keys, dtype)

    def _body(self, n_in: int, n_out: int, stride: int, keys: Iterator[int], dtype: Any) -> Sequential:
        return Sequential(
            *_convolution(n_in, n_out, 3, stride, keys, dtype),
            Relu(),
            *_convolution(n_out, n_out, 3, 1, keys, dtype),
        )

    def call(self, x: Tensor) -> Tensor:
        return relu(self.body(x) + self.shortcut(x))


class BottleneckBlock(ResidualBlock):
    """A residual block whose body is a 1x1, a 3x3 and a 1x1 convolution, the first two with a quarter of the channels.

    The 3x3 convolution moves by `stride` (in the paper it was the first 1x1, which skips pixels). Arguments and source
    as in ResidualBlock.

    >>> import localgrad as lg
    >>> lg.models.BottleneckBlock(256, 256).count_parameters()
    70400
    """

    def _body(self, n_in: int, n_out: int, stride: int, keys: Iterator[int], dtype: Any) -> Sequential:
        if n_out % 4:
            raise LocalgradError(
                f"a bottleneck block was to be made{user_line()}\nfound: {n_out} channels out, and the body has a quarter "
                "of them inside\ndo: give a multiple of 4"
            )
        inner = n_out // 4
        return Sequential(
            *_convolution(n_in, inner, 1, 1, keys, dtype),
            Relu(),
            *_convolution(inner, inner, 3, stride, keys, dtype),
            Relu(),
            *_convolution(inner, n_out, 1, 1, keys, dtype),
        )


Block: TypeAlias = Callable[..., Model]


class ResNet(Model):
    """A residual network: a stem, stages of blocks, the mean of each channel, and an Affine layer for the classes.

    `depths` and `widths` say for each stage how many blocks it has and how many channels they give; every stage but the
    first halves height and width. The `stem` is "cifar", one 3x3 convolution, or "imagenet", a 7x7 convolution and a max
    pooling of stride 2 each. `block` is ResidualBlock, BottleneckBlock or what takes their arguments; `shortcut` is
    theirs. `ResNet.imagenet` and `ResNet.cifar` make the networks of the paper; images may be of any size. Source: He,
    Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015.

    >>> import localgrad as lg
    >>> model = lg.models.ResNet((1, 1), (16, 32), channels=1, classes=10, seed=0)
    >>> model.graph(lg.spec("N", 1, "height", "width")).outputs[0].shape, model.count_parameters()
    ((N, 10), 19706)
    >>> model.stages[1][0].shortcut
    Sequential(
      0: Convolution(16, 32, 1x1, strides=(2, 2))
      1: BatchNormalization(32)
    )
    """

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        classes: int = 10,
        channels: int = 3,
        block: Block = ResidualBlock,
        stem: str = "cifar",
        shortcut: str = "projection",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if len(depths) != len(widths) or not depths:
            raise LocalgradError(
                f"a ResNet was to be made{user_line()}\nfound: {len(depths)} depths and {len(widths)} widths\n"
                "do: give one of each for every stage: ResNet((3, 3, 3), (16, 32, 64))"
            )
        if stem not in ("cifar", "imagenet"):
            raise LocalgradError(
                f'a ResNet was to be made{user_line()}\nfound: stem={stem!r}\ndo: choose "cifar" or "imagenet"'
            )
        keys = seeds(seed)
        n_in, kernel, stride = (widths[0], 3, 1) if stem == "cifar" else (64, 7, 2)
        self.stem = Sequential(*_convolution(channels, n_in, kernel, stride, keys, dtype), Relu())
        if stem == "imagenet":
            self.stem.append(MaxPooling(3, stride=2, pad=1))
        self.stages = Sequential()
        for stage, (depth, n_out) in enumerate(zip(depths, widths, strict=True)):
            blocks = Sequential()
            for place in range(depth):
                stride = 2 if stage and not place else 1
                blocks.append(block(n_in, n_out, stride, shortcut=shortcut, seed=next(keys), dtype=dtype))
                n_in = n_out
            self.stages.append(blocks)
        self.pooling = GlobalAveragePooling()
        self.head = Affine.create(n_in, classes, seed=next(keys), init="lecun", dtype=dtype)

    def call(self, x: Tensor) -> Tensor:
        return self.head(self.pooling(self.stages(self.stem(x))))  # type: ignore[no-any-return]

    @classmethod
    def imagenet(
        cls, depth: int, classes: int = 1000, channels: int = 3, seed: int = 0, dtype: DTypeLike = np.float32
    ) -> ResNet:
        """The network of 18, 34, 50, 101 or 152 layers for images of 224x224.

        >>> import localgrad as lg
        >>> lg.models.ResNet.imagenet(18).count_parameters()
        11689512
        """
        if depth not in _IMAGENET:
            raise LocalgradError(
                f"a ResNet of {depth} layers for ImageNet was to be made{user_line()}\nfound: the paper has "
                f"{', '.join(str(each) for each in _IMAGENET)}\ndo: choose one of them, or give depths and widths to ResNet"
            )
        block, depths = _IMAGENET[depth]
        widths = (64, 128, 256, 512) if block is ResidualBlock else (256, 512, 1024, 2048)
        return cls(depths, widths, classes, channels, block, "imagenet", seed=seed, dtype=dtype)

    @classmethod
    def cifar(
        cls, depth: int = 20, classes: int = 10, channels: int = 3, seed: int = 0, dtype: DTypeLike = np.float32
    ) -> ResNet:
        """The network of 6 n + 2 layers (20, 32, 44, 56, 110) for images of 32x32, with shortcuts that have no parameters.

        >>> import localgrad as lg
        >>> lg.models.ResNet.cifar(20).count_parameters()
        269722
        """
        blocks, rest = divmod(depth - 2, 6)
        if blocks < 1 or rest:
            raise LocalgradError(
                f"a ResNet of {depth} layers for CIFAR was to be made{user_line()}\n"
                "found: three stages of n blocks make 6 n + 2 layers\ndo: choose 8, 14, 20, 32, 44, 56 or 110"
            )
        return cls((blocks,) * 3, (16, 32, 64), classes, channels, shortcut="padding", seed=seed, dtype=dtype)


def resnet18(classes: int = 1000, channels: int = 3, seed: int = 0, dtype: DTypeLike = np.float32) -> ResNet:
    """ResNet-18: `ResNet.imagenet(18)`."""
    return ResNet.imagenet(18, classes, channels, seed, dtype)


def resnet34(classes: int = 1000, channels: int = 3, seed: int = 0, dtype: DTypeLike = np.float32) -> ResNet:
    """ResNet-34: `ResNet.imagenet(34)`."""
    return ResNet.imagenet(34, classes, channels, seed, dtype)


def resnet50(classes: int = 1000, channels: int = 3, seed: int = 0, dtype: DTypeLike = np.float32) -> ResNet:
    """ResNet-50: `ResNet.imagenet(50)`."""
    return ResNet.imagenet(50, classes, channels, seed, dtype)


_IMAGENET: Final[dict[int, tuple[Block, tuple[int, ...]]]] = {
    18: (ResidualBlock, (2, 2, 2, 2)),
    34: (ResidualBlock, (3, 4, 6, 3)),
    50: (BottleneckBlock, (3, 4, 6, 3)),
    101: (BottleneckBlock, (3, 4, 23, 3)),
    152: (BottleneckBlock, (3, 8, 36, 3)),
}


class Subsample(Layer):
    """Every stride-th pixel, with channels of zeros after the others: a shortcut without parameters."""

    def __init__(self, stride: int, channels: int) -> None:
        self.stride = stride
        self.channels = channels
        """How many channels of zeros."""

    def call(self, x: Tensor) -> Tensor:
        step = slice(None, None, self.stride)
        return pad(x[:, :, step, step], ((0, 0), (0, self.channels), (0, 0), (0, 0)))

    def _about(self) -> str:
        return f"stride={self.stride}, channels={self.channels}"


def _convolution(
    n_in: int, n_out: int, kernel: int, stride: int, keys: Iterator[int], dtype: Any
) -> tuple[Layer, Layer]:
    """A convolution that keeps the extents but for its stride, and the BatchNormalization that makes its bias needless."""
    made = Convolution.create(
        n_in, n_out, kernel, stride=stride, pad=kernel // 2, seed=next(keys), dtype=dtype, bias=False
    )
    return made, BatchNormalization.create(n_out, dtype=dtype)


def _shortcut(n_in: int, n_out: int, stride: int, style: str, keys: Iterator[int], dtype: Any) -> Layer:
    if style not in ("projection", "padding"):
        raise LocalgradError(
            f"a residual block was to be made{user_line()}\nfound: shortcut={style!r}\n"
            'do: choose "projection" or "padding"'
        )
    if n_in == n_out and stride == 1:
        return Identity()
    if style == "padding":
        return Subsample(stride, n_out - n_in)
    return Sequential(*_convolution(n_in, n_out, 1, stride, keys, dtype))
