"""Normalizations as layers: by the batch with running statistics, or each sample by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.layers.layer import Layer
from localgrad.layers.members import as_parameter
from localgrad.layers.mode import Moded
from localgrad.nodes.group_normalization import group_normalization, instance_normalization
from localgrad.nodes.normalization import batch_normalization, layer_normalization, rms_normalization

if TYPE_CHECKING:
    from typing import Self


class BatchNormalization(Moded):
    """Each channel (axis 1) shifted and scaled to mean 0 and variance 1, then multiplied by gamma and moved by beta.

    In training by the statistics of the batch, which move the running ones (states): `momentum * old + (1 - momentum) *
    new`, the variance being that of the batch divided by its count; in evaluation by the running ones. gamma, beta and
    the statistics have one number for each channel. A captured graph has the moves as its updates. The books' name for
    channels of an image is the features of each pixel: flatten first for that.

    >>> import numpy as np
    >>> from localgrad.layers import BatchNormalization
    >>> layer = BatchNormalization(np.ones(2), np.zeros(2))
    >>> layer.forward(np.array([[1.0, 0.0], [3.0, 4.0]])).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean.numpy()
    array([0.2, 0.2])
    """

    gamma: Leaf
    beta: Leaf
    running_mean: Leaf
    running_var: Leaf

    def __init__(
        self,
        gamma: Any,
        beta: Any,
        momentum: float = 0.9,
        running_mean: Any = None,
        running_var: Any = None,
        epsilon: float = 1e-5,
    ) -> None:
        self.gamma, _ = as_parameter(gamma, "gamma of BatchNormalization")
        self.beta, _ = as_parameter(beta, "beta of BatchNormalization")
        shape, dtype = self.gamma.shape, self.gamma.dtype
        self.running_mean = _statistic(running_mean, np.zeros(shape, dtype))
        self.running_var = _statistic(running_var, np.ones(shape, dtype))
        for name in ("gamma", "beta", "running_mean", "running_var"):
            found = getattr(self, name).shape
            if len(found) != 1 or found != shape:
                raise ShapeError(
                    f"BatchNormalization was given {name} of shape {format_shape(found)}{user_line()}\n"
                    f"found: gamma has shape {format_shape(shape)}\ndo: give one number for each channel in each of them"
                )
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)

    @classmethod
    def create(cls, channels: int, momentum: float = 0.9, epsilon: float = 1e-5, dtype: DTypeLike = np.float32) -> Self:
        """One with gamma 1, beta 0 and fresh statistics for so many channels."""
        return cls(np.ones(channels, dtype), np.zeros(channels, dtype), momentum=momentum, epsilon=epsilon)

    def call(self, x: Tensor) -> Tensor:
        if not self.is_training():
            return batch_normalization(  # type: ignore[no-any-return]
                x, self.gamma, self.beta, self.running_mean, self.running_var, False, self.epsilon, self.momentum
            )
        y, mean, variance = batch_normalization(
            x, self.gamma, self.beta, training=True, epsilon=self.epsilon, momentum=self.momentum
        )
        move(self.running_mean, mean, self.momentum)
        move(self.running_var, variance, self.momentum)
        return y  # type: ignore[no-any-return]

    def _about(self) -> str:
        return str(self.gamma.size)


class LayerNormalization(Layer):
    """Each sample shifted and scaled to mean 0 and variance 1 over its last axes, then by gamma and beta of their shape.

    beta may be None. Raises ShapeError where the last axes are others.

    >>> import numpy as np
    >>> from localgrad.layers import LayerNormalization
    >>> LayerNormalization.create(2).forward(np.array([[1.0, 3.0], [10.0, 30.0]], np.float32)).round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    gamma: Leaf
    beta: Leaf | None

    def __init__(self, gamma: Any, beta: Any = None, epsilon: float = 1e-5) -> None:
        self.gamma, _ = as_parameter(gamma, "gamma of LayerNormalization")
        self.beta = None
        if beta is not None:
            bias, _ = as_parameter(beta, "beta of LayerNormalization")
            if bias.shape != self.gamma.shape:
                raise ShapeError(
                    f"LayerNormalization was given beta of shape {format_shape(bias.shape)}{user_line()}\n"
                    f"found: gamma has shape {format_shape(self.gamma.shape)}\ndo: give both the shape of the last axes"
                )
            self.beta = bias
        self.epsilon = float(epsilon)

    @classmethod
    def create(
        cls,
        shape: int | tuple[int, ...],
        epsilon: float = 1e-5,
        dtype: DTypeLike = np.float32,
        bias: bool = True,
    ) -> Self:
        """One with gamma 1 and beta 0 for last axes of this shape."""
        return cls(np.ones(shape, dtype), np.zeros(shape, dtype) if bias else None, epsilon)

    def call(self, x: Tensor) -> Tensor:
        axis = -max(self.gamma.ndim, 1)
        return layer_normalization(x, self.gamma, self.beta, axis=axis, epsilon=self.epsilon)

    def _about(self) -> str:
        return ", ".join(str(extent) for extent in self.gamma.shape)


class RMSNormalization(Layer):
    """Each sample divided by the root of the mean of its squares over its last axes, then multiplied by gamma.

    gamma has the shape of those axes. Raises ShapeError where the last axes are others.

    >>> import numpy as np
    >>> from localgrad.layers import RMSNormalization
    >>> RMSNormalization.create(2).forward(np.array([[3.0, 4.0]], np.float32)).round(3)
    array([[0.849, 1.131]], dtype=float32)
    """

    gamma: Leaf

    def __init__(self, gamma: Any, epsilon: float = 1e-5) -> None:
        self.gamma, _ = as_parameter(gamma, "gamma of RMSNormalization")
        self.epsilon = float(epsilon)

    @classmethod
    def create(cls, shape: int | tuple[int, ...], epsilon: float = 1e-5, dtype: DTypeLike = np.float32) -> Self:
        """One with gamma 1 for last axes of this shape."""
        return cls(np.ones(shape, dtype), epsilon)

    def call(self, x: Tensor) -> Tensor:
        return rms_normalization(x, self.gamma, axis=-max(self.gamma.ndim, 1), epsilon=self.epsilon)

    def _about(self) -> str:
        return ", ".join(str(extent) for extent in self.gamma.shape)


class ByChannel(Layer):
    """What GroupNormalization and InstanceNormalization share: a gamma and a beta for each channel, or neither."""

    gamma: Leaf | None
    beta: Leaf | None

    def _take(self, gamma: Any, beta: Any, epsilon: float) -> None:
        self.gamma = self.beta = None
        if gamma is not None:
            self.gamma, _ = as_parameter(gamma, f"gamma of {type(self).__name__}")
        if beta is not None:
            self.beta, _ = as_parameter(beta, f"beta of {type(self).__name__}")
        self.epsilon = float(epsilon)


class GroupNormalization(ByChannel):
    """Groups of channels of each sample shifted and scaled to mean 0 and variance 1, then by gamma and beta of each channel.

    x is (batch, channels, ...); gamma and beta have one number for each channel, and may be None. Raises ShapeError where
    `groups` does not divide the channels.

    >>> import numpy as np
    >>> from localgrad.layers import GroupNormalization
    >>> GroupNormalization.create(2, 4).forward(np.array([[1.0, 3.0, 10.0, 30.0]], np.float32)).round(3)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(self, groups: int, gamma: Any = None, beta: Any = None, epsilon: float = 1e-5) -> None:
        self.groups = int(groups)
        self._take(gamma, beta, epsilon)

    @classmethod
    def create(cls, groups: int, channels: int, epsilon: float = 1e-5, dtype: DTypeLike = np.float32) -> Self:
        """One with gamma 1 and beta 0 for so many channels."""
        return cls(groups, np.ones(channels, dtype), np.zeros(channels, dtype), epsilon)

    def call(self, x: Tensor) -> Tensor:
        return group_normalization(x, self.groups, self.gamma, self.beta, self.epsilon)

    def _about(self) -> str:
        return str(self.groups) if self.gamma is None else f"{self.groups}, {self.gamma.size}"


class InstanceNormalization(ByChannel):
    """Each channel of each sample shifted and scaled to mean 0 and variance 1, then by gamma and beta of the channel.

    x is (batch, channels, ...); gamma and beta have one number for each channel, and may be None. Raises ShapeError.

    >>> import numpy as np
    >>> from localgrad.layers import InstanceNormalization
    >>> InstanceNormalization.create(1).forward(np.array([[[1.0, 3.0]], [[10.0, 30.0]]], np.float32)).round(3)
    array([[[-1.,  1.]],
           [[-1.,  1.]]], dtype=float32)
    """

    def __init__(self, gamma: Any = None, beta: Any = None, epsilon: float = 1e-5) -> None:
        self._take(gamma, beta, epsilon)

    @classmethod
    def create(cls, channels: int, epsilon: float = 1e-5, dtype: DTypeLike = np.float32) -> Self:
        """One with gamma 1 and beta 0 for so many channels."""
        return cls(np.ones(channels, dtype), np.zeros(channels, dtype), epsilon)

    def call(self, x: Tensor) -> Tensor:
        return instance_normalization(x, self.gamma, self.beta, self.epsilon)

    def _about(self) -> str:
        return "" if self.gamma is None else str(self.gamma.size)


def move(running: Leaf, new: Tensor, momentum: float) -> None:
    """Move a running statistic towards a new value: at once, or as an update of the graph being captured."""
    recorder = CONTEXT.get().recorder
    rest = round(1 - momentum, 15)  # 0.1, which is what graphs then show, and not 0.09999999999999998
    if recorder is None:
        old: Any = running._value
        running.write(old.dtype.type(momentum) * old + old.dtype.type(rest) * new._value)
        return
    known = recorder.updates.get(id(running))
    before = running if known is None else known[1]  # met twice in one graph, it moves twice
    recorder.update(running, before * momentum + new * rest)


def _statistic(given: Any, start: Any) -> Leaf:
    if isinstance(given, Leaf):
        return given
    return state(start if given is None else given)
