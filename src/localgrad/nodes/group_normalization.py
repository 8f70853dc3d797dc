"""Normalization of groups of channels, or of each channel by itself, in each sample."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Spec, Symbol, format_shape, product, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, need_spec, rank_of, shape_of
from localgrad.nodes.batch_normalization import along_channels, need_float_entries, other_axes
from localgrad.nodes.normalization import LayerNormalization, LayerNormalizationGradient
from localgrad.nodes.reduction import Sum
from localgrad.nodes.shaping import Reshape


class ChannelNormalization(Composition):
    """A normalization of groups of channels (axis 1) of each sample, then by one scale and bias for each channel."""

    family: ClassVar[str] = "normalization"
    promotes: ClassVar[bool] = True
    checked: ClassVar[bool] = True
    inputs: ClassVar[tuple[str, ...]] = ("x", "scale?", "bias?")
    epsilon: float = 1e-5

    def groups_of(self, channels: Extent) -> Extent:
        """The number of groups."""
        raise NotImplementedError

    def grouped(self, x: Value) -> Value:
        """All entries of a group along the last axis: (N, groups, entries)."""
        count, channels, *rest = shape_of(x)
        groups = self.groups_of(channels)
        return Reshape.on(x, shape_to=(count, groups, channels // groups * product(rest)))

    def shape(self, x: SpecLike, scale: SpecLike = None, bias: SpecLike = None) -> Spec:
        spec = need_float_entries(self, x)
        if spec.ndim < 2:
            raise ShapeError(
                f"{self.name} was asked of {{0}} of shape {format_shape(spec.shape)}\n"
                "found: no axis of channels\ndo: give (batch, channels, ...)"
            )
        channels = spec.shape[1]
        groups = self.groups_of(channels)
        if not isinstance(channels, Symbol) and (groups < 1 or channels % groups):  # type: ignore[operator]
            raise ShapeError(
                f"{self.name} was asked for {groups} groups of channels\nfound: {{0}} of shape "
                f"{format_shape(spec.shape)} has {channels} channels on axis 1\ndo: give a number that divides them"
            )
        dtypes = [spec.dtype]
        for index, each in enumerate((scale, bias), 1):
            if each is None:
                continue
            given = need_spec(self, each, index)
            dtypes.append(given.dtype)
            if not same_shape(given.shape, spec.shape[1:2]):
                raise ShapeError(
                    f"{self.name} was given {self.inputs[index].rstrip('?')} {{{index}}} of shape "
                    f"{format_shape(given.shape)}\nfound: {{0}} of shape {format_shape(spec.shape)} has {channels} "
                    f"channels on axis 1\ndo: give one number for each channel, shape ({channels},)"
                )
        return spec.with_dtype(np.result_type(*dtypes))

    def body(self, x: Value, scale: Value = None, bias: Value = None) -> Value:
        y = Reshape.like(LayerNormalization.on(self.grouped(x), axis=-1, epsilon=self.epsilon), x)
        y = y if scale is None else y * along_channels(scale, rank_of(x))
        return y if bias is None else y + along_channels(bias, rank_of(x))

    def forward(self, x: Value, scale: Value = None, bias: Value = None) -> Value:
        y = LayerNormalization.make(axis=-1, epsilon=self.epsilon).forward(self.grouped(x)).reshape(x.shape)
        if scale is not None:
            y *= along_channels(scale, x.ndim)
        if bias is not None:
            y += along_channels(bias, x.ndim)
        return y

    def backward(
        self, grad: Value, y: Value, x: Value, scale: Value = None, bias: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        others = other_axes(rank_of(x))
        g = grad if scale is None else chain(grad, along_channels(scale, rank_of(x)))
        which = LayerNormalizationGradient.make(axis=-1, epsilon=self.epsilon)
        of_x, standard = which(self.grouped(g), self.grouped(x))
        of_scale = of_bias = None
        if scale is not None and wanted[1]:
            of_scale = Sum.on(chain(grad, Reshape.like(standard, x)), axis=others)
        if bias is not None and wanted[2]:
            of_bias = Sum.on(grad, axis=others)
        return Reshape.like(of_x, x), of_scale, of_bias


@kind
class GroupNormalization(ChannelNormalization):
    """Shift and scale groups of channels of each sample to mean 0 and variance 1, then each channel by scale and bias."""

    formula = r"y = \gamma_c \frac{x - \mu_{n,g}}{\sqrt{\sigma^2_{n,g} + \epsilon}} + \beta_c"
    onnx = "GroupNormalization"
    num_groups: int = 1

    def groups_of(self, channels: Extent) -> Extent:
        return self.num_groups


@kind
class InstanceNormalization(ChannelNormalization):
    """Shift and scale each channel of each sample to mean 0 and variance 1, then by scale and bias."""

    formula = r"y = \gamma_c \frac{x - \mu_{n,c}}{\sqrt{\sigma^2_{n,c} + \epsilon}} + \beta_c"
    onnx = "InstanceNormalization"

    def groups_of(self, channels: Extent) -> Extent:
        return channels


def group_normalization(x: Any, groups: int, scale: Any = None, bias: Any = None, epsilon: float = 1e-5) -> Tensor:
    """Each sample's groups of channels shifted and scaled to mean 0 and variance 1, then each channel by scale and bias.

    A float tensor of the shape of x, (batch, channels, ...); neighbouring channels make a group. Scale and bias have one
    number for each channel, and may be missing. Raises ShapeError where `groups` does not divide the channels. Source:
    Wu and He, "Group normalization", 2018.

    >>> import localgrad as lg
    >>> lg.group_normalization([[1.0, 3.0, 10.0, 30.0]], 2).numpy().round(2)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """
    return apply(GroupNormalization.make(num_groups=int(groups), epsilon=float(epsilon)), x, scale, bias)  # type: ignore[no-any-return]


def instance_normalization(x: Any, scale: Any = None, bias: Any = None, epsilon: float = 1e-5) -> Tensor:
    """Each channel of each sample shifted and scaled to mean 0 and variance 1, then multiplied by scale, moved by bias.

    A float tensor of the shape of x, (batch, channels, ...). Scale and bias have one number for each channel, and may be
    missing. Raises ShapeError. Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.

    >>> import localgrad as lg
    >>> lg.instance_normalization([[[1.0, 3.0], [10.0, 30.0]]]).numpy().round(2)
    array([[[-1.,  1.],
            [-1.,  1.]]], dtype=float32)
    """
    return apply(InstanceNormalization.make(epsilon=float(epsilon)), x, scale, bias)  # type: ignore[no-any-return]
