"""Batch normalization: each channel by the statistics of the batch, or by running ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Composition, Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, same_shape
from localgrad.nodes.base import apply, chain, need_spec, rank_of
from localgrad.nodes.exponential import Sqrt
from localgrad.nodes.reduction import Mean, Sum, sum_along
from localgrad.nodes.shaping import Repeat, Unsqueeze
from localgrad.nodes.structure import size


def need_float_entries(kind: Kind, spec: SpecLike) -> Spec:
    """The spec of an input that has to be a float tensor."""
    found = need_spec(kind, spec)
    if found.dtype.kind != "f":
        raise DTypeError(
            f"{kind.name} was asked of {{0}}\nfound: it is {found.dtype}\ndo: convert with .astype(np.float32)"
        )
    return found


@kind
class BatchNormalization(Composition):
    """Shift and scale each channel (axis 1) to mean 0 and variance 1, then by scale and bias.

    In training by the batch's mean and variance, its further outputs; `momentum` is the part an update of old ones keeps.
    """

    formula = r"y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta"
    onnx = "BatchNormalization"
    family = "normalization"
    promotes = True
    checked = True
    inputs = ("x", "scale", "bias", "mean?", "variance?")
    training: bool = False
    epsilon: float = 1e-5
    momentum: float = 0.9

    def output_count(self) -> int:
        return 3 if self.training else 1

    def shape(
        self, x: SpecLike, scale: SpecLike, bias: SpecLike, mean: SpecLike = None, variance: SpecLike = None
    ) -> Spec | tuple[Spec, ...]:
        spec = need_float_entries(self, x)
        if spec.ndim < 2:
            raise ShapeError(
                f"{self.name} was asked of {{0}} of shape {format_shape(spec.shape)}\n"
                "found: no axis of channels\ndo: give (batch, channels, ...)"
            )
        if not self.training and (mean is None or variance is None):
            raise ShapeError(f"{self.name} outside of training needs a mean and a variance for each channel")
        for index, each in enumerate((scale, bias, mean, variance), 1):
            if each is not None and not same_shape(need_spec(self, each, index).shape, spec.shape[1:2]):
                raise ShapeError(
                    f"{self.name} was given {self.inputs[index].rstrip('?')} {{{index}}} of shape "
                    f"{format_shape(each.shape)}\nfound: {{0}} of shape {format_shape(spec.shape)} has {spec.shape[1]} "
                    f"channels on axis 1\ndo: give one number for each channel, shape ({spec.shape[1]},)"
                )
        y = spec.with_dtype(np.result_type(spec.dtype, *(s.dtype for s in (scale, bias) if isinstance(s, Spec))))
        return (y, Spec(spec.shape[1:2], y.dtype), Spec(spec.shape[1:2], y.dtype)) if self.training else y

    def body(self, x: Value, scale: Value, bias: Value, mean: Value = None, variance: Value = None) -> Value:
        rank = rank_of(x)
        if self.training:
            mean = Mean.on(x, axis=other_axes(rank))
            centered = x - along_channels(mean, rank)
            variance = Mean.on(centered * centered, axis=other_axes(rank))
        else:
            centered = x - along_channels(mean, rank)
        y = centered / along_channels(Sqrt.on(variance + self.epsilon), rank) * along_channels(
            scale, rank
        ) + along_channels(bias, rank)
        return (y, mean, variance) if self.training else y

    def forward(self, x: Value, scale: Value, bias: Value, mean: Value = None, variance: Value = None) -> Value:
        rank = x.ndim
        if not self.training:
            y = x - along_channels(mean, rank)
            y *= along_channels(scale / np.sqrt(variance + self.epsilon), rank)
            y += along_channels(bias, rank)
            return y
        count = size(x, other_axes(rank))
        mean = _channel_sum(x) / count
        y = x - along_channels(mean, rank)
        variance = _channel_dot(y, y) / count
        y *= along_channels(scale / np.sqrt(variance + self.epsilon), rank)
        y += along_channels(bias, rank)
        return y, mean, variance

    def backward(
        self,
        grad: Value,
        y: Value,
        x: Value,
        scale: Value,
        bias: Value,
        mean: Value = None,
        variance: Value = None,
        *,
        wanted: tuple[bool, ...],
    ) -> Value:
        rank, axes = rank_of(x), other_axes(rank_of(x))
        if not self.training:
            centered = x - along_channels(mean, rank)
            inverse = 1 / Sqrt.on(variance + self.epsilon)
            slope = scale * inverse
            of_bias = Sum.on(grad[0], axis=axes)
            of_scale = Sum.on(chain(grad[0], centered), axis=axes) * inverse
            of_x = chain(grad[0], along_channels(slope, rank)) if wanted[0] else None
            return of_x, of_scale, of_bias, -slope * of_bias, -0.5 * of_scale * slope * inverse
        mean = Mean.on(x, axis=axes) if y[1] is None else y[1]
        if y[2] is not None:
            variance = y[2]
        else:
            centered = x - along_channels(mean, rank)
            variance = Mean.on(centered * centered, axis=axes)
        more = self._of_statistics(x, mean, grad[1], grad[2])
        if grad[0] is None:
            return more, None, None, None, None
        found = BatchNormalizationGradient.on(grad[0], x, scale, mean, variance, epsilon=self.epsilon)
        of_x, of_scale, of_bias = found
        return of_x if more is None else of_x + more, of_scale, of_bias, None, None

    def _of_statistics(self, x: Value, mean: Value, of_mean: Value, of_variance: Value) -> Value:
        rank = rank_of(x)
        count = size(x, other_axes(rank), like=x)
        of_x = None if of_mean is None else along_channels(of_mean / count, rank)
        if of_variance is not None:
            more = chain(along_channels(2 * of_variance / count, rank), x - along_channels(mean, rank))
            return more if of_x is None else more + of_x
        return None if of_x is None else Repeat.like(of_x, x)


@kind
class BatchNormalizationGradient(Composition):
    """What batch normalization in training sends back: the gradients of x, scale and bias."""

    formula = (
        r"\bar x = \frac{\gamma}{\sigma} \left(\bar y - \frac{1}{n} \sum \bar y"
        r" - \frac{x - \mu}{\sigma^2} \frac{1}{n} \sum \bar y (x - \mu)\right)"
    )
    family = "gradient"
    inputs = ("grad", "x", "scale", "mean", "variance")
    outputs = 3
    epsilon: float = 1e-5

    def shape(self, *specs: SpecLike) -> tuple[Spec, Spec, Spec]:
        grad, x, scale = (need_spec(self, spec, index) for index, spec in enumerate(specs[:3]))
        if x.ndim < 2 or not same_shape(grad.shape, x.shape):
            raise ShapeError(
                f"{self.name} needs a gradient of the shape of {{1}}, (batch, channels, ...)\n"
                f"found: {format_shape(grad.shape)} and {format_shape(x.shape)}"
            )
        return grad, scale, scale

    def body(self, grad: Value, x: Value, scale: Value, mean: Value, variance: Value) -> Value:
        rank, axes = rank_of(x), other_axes(rank_of(x))
        centered = x - along_channels(mean, rank)
        inverse = 1 / Sqrt.on(variance + self.epsilon)
        slope = scale * inverse
        of_bias = Sum.on(grad, axis=axes)
        of_scale = Sum.on(chain(grad, centered), axis=axes) * inverse
        count = size(x, axes, like=x)
        back = slope * inverse * of_scale / count
        of_x = chain(grad, along_channels(slope, rank)) - chain(along_channels(back, rank), centered)
        return of_x - along_channels(slope * of_bias / count, rank), of_scale, of_bias

    def forward(self, grad: Value, x: Value, scale: Value, mean: Value, variance: Value) -> Value:
        rank, count = x.ndim, size(x, other_axes(x.ndim))
        centered = x - along_channels(mean, rank)
        inverse = 1 / np.sqrt(variance + self.epsilon)
        slope = scale * inverse
        of_bias, of_scale = _channel_sum(grad), _channel_dot(grad, centered) * inverse
        if np.isnan(of_scale).any():
            return self.body(grad, x, scale, mean, variance)
        of_x = centered
        of_x *= along_channels(-slope * inverse * of_scale / count, rank)
        of_x += grad * along_channels(slope, rank)
        of_x -= along_channels(slope * of_bias / count, rank)
        return of_x, of_scale, of_bias


def other_axes(rank: int) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, rank))


def along_channels(x: Value, rank: int) -> Value:
    """One number for each channel, broadcasting along axis 1."""
    if rank == 2:
        return x
    return (
        x.reshape(-1, *(1,) * (rank - 2))
        if x.__class__ is np.ndarray
        else Unsqueeze.on(x, axis=tuple(range(1, rank - 1)))
    )


def _channel_sum(x: NDArray[Any]) -> Any:
    if x.ndim == 2:
        return sum_along(x, (0,))
    rows = x.reshape(*x.shape[:2], -1)
    if x.dtype.itemsize > 2:  # a product with ones is several times faster than NumPy's sum of rows
        return np.add.reduce(rows @ np.ones(rows.shape[2], x.dtype), axis=0)
    return np.add.reduce(np.add.reduce(rows, axis=2), axis=0)


def _channel_dot(x: NDArray[Any], y: NDArray[Any]) -> Any:
    """The sum of products of each channel."""
    if x.ndim == 2:
        return sum_along(x * y, (0,))
    shape = (*x.shape[:2], -1)
    return np.add.reduce(np.vecdot(x.reshape(shape), y.reshape(shape)), axis=0)


def batch_normalization(
    x: Any,
    scale: Any,
    bias: Any,
    mean: Any = None,
    variance: Any = None,
    training: bool = False,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
) -> Any:
    """Each channel shifted and scaled to mean 0 and variance 1, then multiplied by `scale` and moved by `bias`.

    A float x of shape (batch, channels, ...); the others have one number for each channel. Outside of training by the
    given statistics: gives y. In training by those of the batch: gives (y, mean, variance), the variance of the batch
    as a whole (divided by the count), from which the running ones are updated:
    `momentum * old + (1 - momentum) * new`. Raises ShapeError. Source: Ioffe and Szegedy, "Batch normalization", 2015.

    >>> import localgrad as lg
    >>> y, mean, variance = lg.batch_normalization([[1.0], [3.0]], [1.0], [0.0], training=True)
    >>> y.numpy().round(2).tolist(), mean.item(), variance.item()
    ([[-1.0], [1.0]], 2.0, 1.0)
    """
    which = BatchNormalization.make(training=bool(training), epsilon=float(epsilon), momentum=float(momentum))
    return apply(which, x, scale, bias, mean, variance)
