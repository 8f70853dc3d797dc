"""Normalization of each sample by itself, by mean and variance or by the root of the mean square."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, chain, need_spec, normal_axes, rank_of
from localgrad.nodes.batch_normalization import (
    BatchNormalization,
    BatchNormalizationGradient,
    batch_normalization,
    need_float_entries,
)
from localgrad.nodes.exponential import Sqrt
from localgrad.nodes.reduction import Mean

__all__ = [
    "BatchNormalization",
    "BatchNormalizationGradient",
    "LayerNormalization",
    "LayerNormalizationGradient",
    "RMSNormalization",
    "batch_normalization",
    "layer_normalization",
    "rms_normalization",
]


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

    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        spec = need_float_entries(self, specs[0])
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

    def body(self, x: Value, scale: Value = None, bias: Value = None) -> Value:
        y, _ = _standardized(x, self.axes(x), self.epsilon)
        y = y if scale is None else y * scale
        return y if bias is None else y + bias

    def forward(self, x: Value, scale: Value = None, bias: Value = None) -> Value:
        y, _ = _standardized_array(x, self.axes(x), self.epsilon)
        if scale is not None:
            y = _into(np.multiply, y, scale)
        return y if bias is None else _into(np.add, y, bias)

    def backward(
        self, grad: Value, y: Value, x: Value, scale: Value = None, bias: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        which = LayerNormalizationGradient.make(axis=self.axis, epsilon=self.epsilon)
        of_x, standard = which(grad, x) if scale is None else which(grad, x, scale)
        of_scale = chain(grad, standard) if scale is not None and wanted[1] else None
        return of_x, of_scale, None if bias is None else grad


@kind
class LayerNormalizationGradient(TrailingNormalization):
    """What layer normalization sends back to x; its second output is x with mean 0 and variance 1."""

    formula = (
        r"\bar x = \frac{1}{\sigma} \left(g - \frac{1}{n} \sum g - \hat x \frac{1}{n} \sum g \hat x\right),"
        r" \quad g = \gamma \bar y"
    )
    family = "gradient"
    inputs = ("grad", "x", "scale?")
    outputs = 2

    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        grad, x = super().shape(*specs), need_spec(self, specs[1], 1)
        assert isinstance(grad, Spec)
        if not same_shape(grad.shape, x.shape):
            raise ShapeError(
                f"{self.name} needs a gradient of the shape of {{1}}\n"
                f"found: {format_shape(grad.shape)} and {format_shape(x.shape)}"
            )
        return grad, x

    def body(self, grad: Value, x: Value, scale: Value = None) -> Value:
        axes = self.axes(x)
        standard, inverse = _standardized(x, axes, self.epsilon)
        g = grad if scale is None else chain(grad, scale)
        along = Mean.on(chain(g, standard), axis=axes, keepdims=True)
        of_x = chain(g - Mean.on(g, axis=axes, keepdims=True) - chain(along, standard), inverse)
        return of_x, standard

    def forward(self, grad: Value, x: Value, scale: Value = None) -> Value:
        axes = self.axes(x)
        standard, inverse = _standardized_array(x, axes, self.epsilon)
        g = grad if scale is None else grad * scale
        along = _mean_product(g, standard, axes)
        if np.isnan(along).any():
            return self.body(grad, x, scale)
        of_x = standard * -along
        of_x += g
        of_x -= _mean(g, axes)
        of_x *= inverse
        return of_x, standard


def _standardized(x: Value, axes: tuple[int, ...], epsilon: float) -> tuple[Value, Value]:
    """Entries with mean 0 and variance 1, and what they were multiplied by."""
    centered = x - Mean.on(x, axis=axes, keepdims=True)
    inverse = 1 / Sqrt.on(Mean.on(centered * centered, axis=axes, keepdims=True) + epsilon)
    return centered * inverse, inverse


def _standardized_array(x: NDArray[Any], axes: tuple[int, ...], epsilon: float) -> tuple[Any, Any]:
    y = x - _mean(x, axes)
    inverse = 1 / np.sqrt(_mean_product(y, y, axes) + epsilon)
    y *= inverse
    return y, inverse


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
        y = x * (1 / np.sqrt(_mean_product(x, x, self.axes(x)) + self.epsilon))
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


def _mean(x: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
    if len(axes) == 1 and x.dtype.itemsize > 2:
        # a product with ones is several times faster than NumPy's sum of rows
        return (x @ np.ones(x.shape[-1], x.dtype))[..., None] / x.shape[-1]  # type: ignore[no-any-return]
    return Mean.make(axis=axes, keepdims=True).forward(x)  # type: ignore[no-any-return]


def _mean_product(x: NDArray[Any], y: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
    if len(axes) == 1 and x.dtype.itemsize > 2:
        return np.vecdot(x, y)[..., None] / x.shape[-1]  # type: ignore[no-any-return]
    return _mean(x * y, axes)


def _into(ufunc: Any, x: NDArray[Any], other: Any) -> Any:
    """In place where the dtype stays the same."""
    return ufunc(x, other, out=x) if np.result_type(x, other) == x.dtype else ufunc(x, other)


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
