"""Normalization: batch, layer and root-mean-square, each as one node with a closed gradient."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Composition, Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, need_spec, normal_axes, rank_of
from localgrad.nodes.exponential import Sqrt
from localgrad.nodes.reduction import Mean, Sum, sum_along
from localgrad.nodes.shaping import Unsqueeze
from localgrad.nodes.structure import size


def _need_floats(kind: Kind, spec: SpecLike) -> Spec:
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
        spec = _need_floats(self, x)
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
            mean = Mean.on(x, axis=_others(rank))
            centered = x - _along(mean, rank)
            variance = Mean.on(centered * centered, axis=_others(rank))
        else:
            centered = x - _along(mean, rank)
        y = centered / _along(Sqrt.on(variance + self.epsilon), rank) * _along(scale, rank) + _along(bias, rank)
        return (y, mean, variance) if self.training else y

    def forward(self, x: Value, scale: Value, bias: Value, mean: Value = None, variance: Value = None) -> Value:
        rank = x.ndim
        if not self.training:
            y = x - _along(mean, rank)
            y *= _along(scale / np.sqrt(variance + self.epsilon), rank)
            y += _along(bias, rank)
            return y
        count = size(x, _others(rank))
        mean = _channel_sum(x) / count
        y = x - _along(mean, rank)
        if rank == 2:
            variance = sum_along(y * y, (0,)) / count
        else:
            rows = y.reshape(*y.shape[:2], -1)
            variance = np.add.reduce(np.vecdot(rows, rows), axis=0) / count
        y *= _along(scale / np.sqrt(variance + self.epsilon), rank)
        y += _along(bias, rank)
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
        rank, axes = rank_of(x), _others(rank_of(x))
        of_y, of_mean, of_variance = grad if self.training else (grad[0], None, None)
        if self.training:
            mean = Mean.on(x, axis=axes) if y[1] is None else y[1]
        centered = x - _along(mean, rank)
        if self.training:
            variance = Mean.on(centered * centered, axis=axes) if y[2] is None else y[2]
        if of_y is None:
            of_x = self._of_statistics(x, centered, of_mean, of_variance)
            return of_x, None, None, None, None
        inverse = 1 / Sqrt.on(variance + self.epsilon)
        slope = scale * inverse
        of_bias = Sum.on(of_y, axis=axes)
        along = Sum.on(chain(of_y, centered), axis=axes)
        of_scale = along * inverse
        if not self.training:
            of_x = chain(of_y, _along(slope, rank))
            return of_x, of_scale, of_bias, -slope * of_bias, -0.5 * of_scale * slope * inverse
        of_x = None
        if wanted[0]:
            count = size(x, axes, like=x)
            back = -slope * inverse * of_scale / count
            of_x = chain(of_y, _along(slope, rank)) + chain(_along(back, rank), centered)
            of_x = of_x - _along(slope * of_bias / count, rank)
            more = self._of_statistics(x, centered, of_mean, of_variance)
            of_x = of_x if more is None else of_x + more
        return of_x, of_scale, of_bias, None, None

    def _of_statistics(self, x: Value, centered: Value, of_mean: Value, of_variance: Value) -> Value:
        rank = rank_of(x)
        count = size(x, _others(rank), like=x)
        of_x = None if of_mean is None else _along(of_mean / count, rank)
        if of_variance is not None:
            more = chain(_along(2 * of_variance / count, rank), centered)
            return more if of_x is None else more + of_x
        return of_x


def _others(rank: int) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, rank))


def _along(x: Value, rank: int) -> Value:
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
    return np.add.reduce(np.add.reduce(x.reshape(*x.shape[:2], -1), axis=2), axis=0)


class TrailingNormalization(Composition):
    """A normalization over the axes from `axis` on, each sample by itself."""

    family: ClassVar[str] = "normalization"
    promotes: ClassVar[bool] = True
    checked: ClassVar[bool] = True
    axis: int = -1
    epsilon: float = 1e-5

    def axes(self, x: Value) -> tuple[int, ...]:
        """The axes that are taken together."""
        rank = rank_of(x)
        return tuple(range(self.axis % rank, rank))

    def shape(self, *specs: SpecLike) -> Spec:
        spec = _need_floats(self, specs[0])
        normal_axes(self.axis, spec.ndim)
        dtypes = [spec.dtype]
        for index, each in enumerate(specs[1:], 1):
            if not isinstance(each, Spec):
                continue
            dtypes.append(each.dtype)
            try:
                fits = same_shape(broadcast_shapes(each.shape, spec.shape), spec.shape)
            except ShapeError:
                fits = False
            if not fits:
                raise ShapeError(
                    f"{self.name} was given {self.inputs[index].rstrip('?')} {{{index}}} of shape "
                    f"{format_shape(each.shape)}\nfound: it does not broadcast to {{0}} of shape "
                    f"{format_shape(spec.shape)}\ndo: give the shape of the normalized axes"
                )
        return spec.with_dtype(np.result_type(*dtypes))


@kind
class LayerNormalization(TrailingNormalization):
    """Shift and scale each sample to mean 0 and variance 1 over its axes from `axis` on, then by scale and bias."""

    formula = r"y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta"
    onnx = "LayerNormalization"
    inputs = ("x", "scale?", "bias?")

    def standardized(self, x: Value) -> tuple[Value, Value]:
        """Entries with mean 0 and variance 1, and what they were multiplied by."""
        axes = self.axes(x)
        centered = x - Mean.on(x, axis=axes, keepdims=True)
        inverse = 1 / Sqrt.on(Mean.on(centered * centered, axis=axes, keepdims=True) + self.epsilon)
        return centered * inverse, inverse

    def body(self, x: Value, scale: Value = None, bias: Value = None) -> Value:
        y, _ = self.standardized(x)
        y = y if scale is None else y * scale
        return y if bias is None else y + bias

    def forward(self, x: Value, scale: Value = None, bias: Value = None) -> Value:
        axes = self.axes(x)
        y = x - Mean.make(axis=axes, keepdims=True).forward(x)
        y *= self.inverse(y, axes)
        if scale is not None:
            y = _into(np.multiply, y, scale)
        return y if bias is None else _into(np.add, y, bias)

    def inverse(self, x: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
        """1 / sqrt(mean of squares + epsilon), from an array."""
        return 1 / np.sqrt(_mean_square(x, axes) + self.epsilon)

    def backward(
        self, grad: Value, y: Value, x: Value, scale: Value = None, bias: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        axes = self.axes(x)
        standard, inverse = self.standardized(x)
        of_x = of_scale = None
        if wanted[0]:
            g = grad if scale is None else chain(grad, scale)
            along = Mean.on(chain(g, standard), axis=axes, keepdims=True)
            of_x = chain(g - Mean.on(g, axis=axes, keepdims=True) - chain(along, standard), inverse)
        if scale is not None and wanted[1]:
            of_scale = chain(grad, standard)
        return of_x, of_scale, None if bias is None else grad


@kind
class RMSNormalization(TrailingNormalization):
    """Divide each sample by the root of the mean of its squares over its axes from `axis` on, then multiply by scale."""

    formula = r"y = \gamma \frac{x}{\sqrt{\frac{1}{n} \sum_i x_i^2 + \epsilon}}"
    onnx = "RMSNormalization"
    inputs = ("x", "scale?")

    def body(self, x: Value, scale: Value = None) -> Value:
        y = x / Sqrt.on(Mean.on(x * x, axis=self.axes(x), keepdims=True) + self.epsilon)
        return y if scale is None else y * scale

    def forward(self, x: Value, scale: Value = None) -> Value:
        y = x * (1 / np.sqrt(_mean_square(x, self.axes(x)) + self.epsilon))
        return y if scale is None else _into(np.multiply, y, scale)

    def backward(self, grad: Value, y: Value, x: Value, scale: Value = None, *, wanted: tuple[bool, ...]) -> Value:
        axes = self.axes(x)
        inverse = 1 / Sqrt.on(Mean.on(x * x, axis=axes, keepdims=True) + self.epsilon)
        standard = x * inverse
        of_x = None
        if wanted[0]:
            g = grad if scale is None else chain(grad, scale)
            along = Mean.on(chain(g, standard), axis=axes, keepdims=True)
            of_x = chain(g - chain(along, standard), inverse)
        return of_x, chain(grad, standard) if scale is not None and wanted[1] else None


def _mean_square(x: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
    if len(axes) == 1 and x.dtype.itemsize > 2:
        return np.vecdot(x, x)[..., None] / x.shape[-1]  # type: ignore[no-any-return]
    return Mean.make(axis=axes, keepdims=True).forward(x * x)  # type: ignore[no-any-return]


def _into(ufunc: Any, x: NDArray[Any], other: Any) -> Any:
    """In place where the dtype stays the same."""
    return ufunc(x, other, out=x) if np.result_type(x, other) == x.dtype else ufunc(x, other)


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


def layer_normalization(x: Any, scale: Any = None, bias: Any = None, axis: int = -1, epsilon: float = 1e-5) -> Tensor:
    """Each sample shifted and scaled to mean 0 and variance 1 over its axes from `axis` on, then by `scale` and `bias`.

    A float tensor of x's shape; scale and bias have the shape of those axes, and may be missing. Raises ShapeError.
    Source: Ba, Kiros and Hinton, "Layer normalization", 2016.

    >>> import localgrad as lg
    >>> lg.layer_normalization([[1.0, 3.0], [10.0, 30.0]]).numpy().round(2)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """
    return apply(LayerNormalization.make(axis=axis, epsilon=float(epsilon)), x, *_present(scale, bias))  # type: ignore[no-any-return]


def rms_normalization(x: Any, scale: Any = None, axis: int = -1, epsilon: float = 1e-5) -> Tensor:
    """Each sample divided by the root of the mean of its squares over its axes from `axis` on, multiplied by `scale`.

    A float tensor of x's shape; scale has the shape of those axes, and may be missing. Raises ShapeError. Source: Zhang
    and Sennrich, "Root mean square layer normalization", 2019.

    >>> import localgrad as lg
    >>> lg.rms_normalization([[3.0, 4.0]], epsilon=0.0).numpy().round(3)
    array([[0.849, 1.131]], dtype=float32)
    """
    return apply(RMSNormalization.make(axis=axis, epsilon=float(epsilon)), x, *_present(scale))  # type: ignore[no-any-return]


def _present(*inputs: Any) -> tuple[Any, ...]:
    """Optional inputs without the missing ones at the end."""
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    return inputs
