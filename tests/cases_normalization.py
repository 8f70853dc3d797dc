"""Rows of normalizations."""

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.group_normalization import GroupNormalization, InstanceNormalization
from localgrad.nodes.normalization import (
    BatchNormalization,
    BatchNormalizationGradient,
    LayerNormalization,
    LayerNormalizationGradient,
    RMSNormalization,
)
from tests.case import Case, Refused, integers, positive, rand


def batch(epsilon=1e-5):
    def reference(x, scale, bias, mean=None, variance=None):
        axes = (0, *range(2, x.ndim))
        wide = (1, -1, *(1,) * (x.ndim - 2))
        training = mean is None
        if training:
            mean, variance = x.mean(axis=axes), x.var(axis=axes)
        y = (x - mean.reshape(wide)) / np.sqrt(variance.reshape(wide) + epsilon) * scale.reshape(wide) + bias.reshape(
            wide
        )
        return (y, mean, variance) if training else y

    return reference


def layer(axes, epsilon=1e-5):
    def reference(x, scale=None, bias=None):
        y = (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
        return y * (1 if scale is None else scale) + (0 if bias is None else bias)

    return reference


def root_mean_square(axes, epsilon=1e-5):
    def reference(x, scale=1):
        return x / np.sqrt(np.mean(x**2, axis=axes, keepdims=True) + epsilon) * scale

    return reference


def grouped(groups, epsilon=1e-5):
    def reference(x, scale=None, bias=None):
        wide = (1, -1, *(1,) * (x.ndim - 2))
        parts = x.reshape(x.shape[0], x.shape[1] if groups is None else groups, -1)
        y = (parts - parts.mean(axis=-1, keepdims=True)) / np.sqrt(parts.var(axis=-1, keepdims=True) + epsilon)
        y = y.reshape(x.shape)
        return y * (1 if scale is None else scale.reshape(wide)) + (0 if bias is None else bias.reshape(wide))

    return reference


def of_batch(grad, x, scale, mean, variance):
    axes, wide = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    root = np.sqrt(variance + 0.01)
    standard = (x - mean.reshape(wide)) / root.reshape(wide)
    of_scale, of_bias = np.sum(grad * standard, axis=axes), np.sum(grad, axis=axes)
    count = x.size / len(scale)
    inner = grad - of_bias.reshape(wide) / count - standard * of_scale.reshape(wide) / count
    return (scale / root).reshape(wide) * inner, of_scale, of_bias


def of_layer(grad, x, scale=1.0):
    standard = layer(-1, 0.01)(x)
    g = grad * scale
    inner = g - g.mean(axis=-1, keepdims=True) - standard * np.mean(g * standard, axis=-1, keepdims=True)
    return inner / np.sqrt(x.var(axis=-1, keepdims=True) + 0.01), standard


EVAL = BatchNormalization(epsilon=0.01)
TRAINING = BatchNormalization(training=True, epsilon=0.01)
REFUSED = [
    Refused((rand(3), rand(3), rand(3), rand(3), positive(3)), ShapeError, "no axis of channels"),
    Refused((rand(4, 3), rand(2), rand(3), rand(3), positive(3)), ShapeError, "scale", "(2,)", "3 channels", "(3,)"),
    Refused((rand(4, 3), rand(3), rand(3)), ShapeError, "needs a mean and a variance"),
    Refused((integers(4, 3), integers(3), integers(3)), DTypeError, "int64", "astype", kind=TRAINING),
]

CASES = [
    Case(
        EVAL,
        inputs=(rand(4, 3), positive(3), rand(3), rand(3), positive(3)),
        reference=batch(0.01),
        batch=(0, None, None, None, None),
        refused=REFUSED,
    ),
    Case(
        EVAL,
        inputs=(rand(2, 3, 4, 5), positive(3), rand(3), rand(3), positive(3)),
        reference=batch(0.01),
        batch=(0, None, None, None, None),
    ),
    Case(TRAINING, inputs=(rand(6, 3), positive(3), rand(3)), reference=batch(0.01), batch=(0, None, None)),
    Case(TRAINING, inputs=(rand(2, 3, 4), positive(3), rand(3)), reference=batch(0.01), batch=(0, None, None)),
    Case(TRAINING, inputs=(rand(2, 2, 3, 3), positive(2), rand(2)), reference=batch(0.01), batch=(0, None, None)),
    Case(
        BatchNormalization(training=True),
        inputs=(1000 + np.arange(12.0).reshape(4, 3), np.ones(3), np.zeros(3)),
        reference=batch(),
        name="BatchNormalization far from 0",
        batch=(0, None, None),
        float32=False,
    ),
    Case(
        LayerNormalization(epsilon=0.01),
        inputs=(rand(4, 5), positive(5), rand(5)),
        reference=layer(-1, 0.01),
        batch=(0, None, None),
        refused=[
            Refused((rand(4, 5), rand(4)), ShapeError, "scale", "(4,)", "does not broadcast", "(4, 5)"),
            Refused((rand(4, 5),), ShapeError, "axis 2", kind=LayerNormalization(axis=2)),
            Refused((integers(4, 5),), DTypeError, "int64"),
        ],
    ),
    Case(LayerNormalization(), inputs=(rand(2, 3, 4),), reference=layer(-1), batch=(0,)),
    Case(LayerNormalization(), inputs=(rand(2, 4), None, rand(4)), reference=layer(-1), batch=(0, None, None)),
    Case(LayerNormalization(axis=1), inputs=(rand(2, 3, 4), positive(3, 4)), reference=layer((1, 2)), batch=(0, None)),
    Case(LayerNormalization(axis=0), inputs=(rand(2, 3),), reference=layer((0, 1)), batch=(0,)),
    Case(
        RMSNormalization(epsilon=0.01),
        inputs=(rand(4, 5), positive(5)),
        reference=root_mean_square(-1, 0.01),
        batch=(0, None),
        refused=[Refused((rand(4, 5), rand(2, 5)), ShapeError, "scale", "(2, 5)", "(4, 5)")],
    ),
    Case(RMSNormalization(), inputs=(rand(2, 3, 4),), reference=root_mean_square(-1), batch=(0,)),
    Case(
        RMSNormalization(axis=1),
        inputs=(rand(2, 3, 4), positive(3, 4)),
        reference=root_mean_square((1, 2)),
        batch=(0, None),
    ),
    Case(
        BatchNormalizationGradient(epsilon=0.01),
        inputs=(rand(4, 3), rand(4, 3), positive(3), rand(3), positive(3)),
        reference=of_batch,
        batch=(0, 0, None, None, None),
        extremes=[(np.array([[0.0], [1.0]]), np.array([[1e4], [2.0]]), np.ones(1), np.zeros(1), np.ones(1))],
        refused=[
            Refused((rand(4, 2), rand(4, 3), rand(3), rand(3), rand(3)), ShapeError, "(4, 2) and (4, 3)", eager=False)
        ],
    ),
    Case(
        BatchNormalizationGradient(epsilon=0.01),
        inputs=(rand(2, 3, 2, 2), rand(2, 3, 2, 2), positive(3), rand(3), positive(3)),
        reference=of_batch,
        batch=(0, 0, None, None, None),
    ),
    Case(
        LayerNormalizationGradient(epsilon=0.01),
        inputs=(rand(4, 5), rand(4, 5), positive(5)),
        reference=of_layer,
        batch=(0, 0, None),
        refused=[Refused((rand(4, 5), rand(1, 5)), ShapeError, "(4, 5) and (1, 5)")],
    ),
    Case(
        LayerNormalizationGradient(epsilon=0.01),
        inputs=(rand(2, 3, 4), rand(2, 3, 4)),
        reference=of_layer,
        batch=(0, 0),
    ),
    Case(
        GroupNormalization(num_groups=2, epsilon=0.01),
        inputs=(rand(3, 4, 2, 3), positive(4), rand(4)),
        reference=grouped(2, 0.01),
        batch=(0, None, None),
        refused=[
            Refused((rand(3),), ShapeError, "no axis of channels"),
            Refused((rand(2, 3, 4),), ShapeError, "2 groups", "(2, 3, 4)", "3 channels", "divides"),
            Refused((rand(2, 4, 3), rand(3)), ShapeError, "scale", "(3,)", "4 channels", "shape (4,)"),
            Refused((integers(2, 4),), DTypeError, "int64"),
        ],
    ),
    Case(GroupNormalization(num_groups=3, epsilon=0.1), inputs=(rand(2, 6),), reference=grouped(3, 0.1), batch=(0,)),
    Case(
        GroupNormalization(num_groups=2),
        inputs=(rand(2, 4, 3), None, rand(4)),
        reference=grouped(2),
        batch=(0, None, None),
    ),
    Case(
        GroupNormalization(num_groups=1),
        inputs=(rand(2, 2, 5), positive(2)),
        reference=grouped(1),
        batch=(2, None),
    ),
    Case(
        InstanceNormalization(epsilon=0.01),
        inputs=(rand(2, 3, 4, 2), positive(3), rand(3)),
        reference=grouped(None, 0.01),
        batch=(0, None, None),
        refused=[Refused((rand(2, 3, 4), rand(3), rand(4)), ShapeError, "bias", "(4,)", "3 channels")],
    ),
    Case(InstanceNormalization(), inputs=(rand(2, 3, 5),), reference=grouped(None), batch=(2,)),
]
