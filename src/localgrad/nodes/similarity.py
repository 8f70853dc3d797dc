"""Similarity: the cosine between vectors, and the loss of pairs that should be alike or not."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.recording import record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, normal_axes
from localgrad.nodes.branching import Clip, Max, Where
from localgrad.nodes.exponential import Sqrt
from localgrad.nodes.loss import Loss, as_prediction, like_prediction, need_floats
from localgrad.nodes.margins import need_rows, need_same, need_signs
from localgrad.nodes.reduction import Sum
from localgrad.nodes.statistics import ReduceL2


@kind
class CosineSimilarity(Composition):
    """The cosine of the angle between vectors along an axis: 1 for one direction, 0 for a right angle, -1 for opposite.

    A length below epsilon counts as epsilon, so that a vector of zeros gives 0.
    """

    formula = r"y = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert}"
    inputs = ("a", "b")
    family = "linear"
    checked = True
    axis: int = -1
    epsilon: float = 1e-8

    def shape(self, a: SpecLike, b: SpecLike) -> Spec:
        first, second = need_floats(self, a), need_floats(self, b)
        (axis,) = normal_axes(self.axis, first.ndim)
        if first.ndim != second.ndim or not same_extent(first.shape[axis], second.shape[axis]):
            raise ShapeError(
                f"{self.name} was given vectors {{0}} {format_shape(first.shape)} and {{1}} {format_shape(second.shape)}\n"
                f"found: they differ in rank or on axis {axis}\ndo: give vectors of one length on the same axis"
            )
        shape = broadcast_shapes(first.shape, second.shape)
        return Spec(shape[:axis] + shape[axis + 1 :], np.result_type(first.dtype, second.dtype))

    def body(self, a: Value, b: Value) -> Value:
        axis = (self.axis,)
        lengths = Max.on(ReduceL2.on(a, axis=axis), self.epsilon) * Max.on(ReduceL2.on(b, axis=axis), self.epsilon)
        return Sum.on(a * b, axis=axis) / lengths


@kind
class CosineEmbedding(Loss):
    """1 minus the cosine of a and b where the target is 1; by how much it is above the margin where it is -1."""

    formula = (
        r"y = \frac{1}{n} \sum_i \begin{cases} 1 - \cos(a_i, b_i) & t_i = 1 \\"
        r" \max(0, \cos(a_i, b_i) - m) & t_i = -1 \end{cases}"
    )
    inputs = ("a", "b", "targets")
    margin: float = 0.0

    def shape(self, *specs: SpecLike) -> Spec:
        found = need_same(self, specs, 2)
        if not found.ndim:
            raise ShapeError(
                f"{self.name} compares vectors\nfound: {{0}} is one number\ndo: give vectors on the last axis"
            )
        need_rows(self, specs[2], 2, found.shape[:-1])
        return found.with_shape(found.shape[:-1] if self.reduction == "none" else ())

    def check(self, a: Value, b: Value, t: Value) -> None:
        need_signs(t, "targets {2}")

    def body(self, a: Value, b: Value, t: Value) -> Value:
        last = (len(a.shape) - 1,)
        squares = (Sum.on(a * a, axis=last) + 1e-12) * (Sum.on(b * b, axis=last) + 1e-12)
        cosine = Sum.on(a * b, axis=last) / Sqrt.on(squares)
        return self.reduced(Where.on(t == 1, 1 - cosine, Clip.on(cosine - self.margin, 0.0, None)))


def cosine_similarity(a: Any, b: Any, axis: int = -1, epsilon: float = 1e-8) -> Tensor:
    """The cosine of the angle between the vectors of a and b along an axis, from -1 to 1.

    Floats of one rank whose shapes broadcast; the axis is gone from the result. A length below `epsilon` counts as that,
    so a vector of zeros has the cosine 0 with any. Raises ShapeError for ranks that differ, DTypeError for integers.

    >>> import localgrad as lg
    >>> lg.cosine_similarity([[1.0, 0.0], [1.0, 0.0]], [[3.0, 0.0], [0.0, -2.0]]).numpy()
    array([1., 0.], dtype=float32)
    """
    x = as_prediction(a)
    kind = CosineSimilarity.make(axis=axis, epsilon=float(epsilon))
    return apply(kind, x, b if isinstance(b, Tensor) else like_prediction(b, x))  # type: ignore[no-any-return]


def cosine_embedding_loss(a: Any, b: Any, targets: Any, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """The mean of `1 - cos(a, b)` where the target is 1, and of `max(0, cos(a, b) - margin)` where it is -1.

    a and b are (..., width), targets (...). Raises ShapeError for other shapes, DataError for targets other than 1 and -1.

    >>> import localgrad as lg
    >>> lg.cosine_embedding_loss([[1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0], [2.0, 0.0]], [1, -1], reduction="none").numpy()
    array([0., 1.], dtype=float32)
    """
    x = as_prediction(a)
    inputs = (x, like_prediction(b, x), like_prediction(targets, x))
    return record(CosineEmbedding.make(reduction=reduction, margin=float(margin)), inputs)  # type: ignore[no-any-return]
