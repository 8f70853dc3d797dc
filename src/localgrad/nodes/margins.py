"""Losses with a margin: hinges, ranking and triplets, which ask for a distance and are content once it is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.activations import Relu, Softplus
from localgrad.nodes.base import need_spec
from localgrad.nodes.branching import Clip, Min, Where
from localgrad.nodes.creation import FullLike
from localgrad.nodes.gathering import AddAlongAxis, Gather, TakeAlongAxis
from localgrad.nodes.labels import check_class_numbers, float_labels
from localgrad.nodes.loss import Loss, PairLoss, as_prediction, like_prediction, need_floats
from localgrad.nodes.reduction import Mean, Sum
from localgrad.nodes.rounding import Abs
from localgrad.nodes.shaping import Unsqueeze
from localgrad.nodes.statistics import ReduceL2
from localgrad.nodes.structure import StopGradient


def need_signs(t: Value, what: str) -> None:
    """Raise DataError where an entry is neither -1 nor 1."""
    t = np.asarray(t)
    bad = np.abs(t) != 1
    if not bad.any():
        return
    values = np.unique(t)
    zeros = np.all((values == 0) | (values == 1))
    raise DataError(
        f"{what} have to be 1 or -1\nfound: {np.count_nonzero(bad)} of {t.size} are neither, the first {t[bad][0]}\n"
        f"do: {'give 2 * t - 1 in place of t' if zeros else 'give 1 for yes and -1 for no'}"
    )


def need_same(kind: Kind, specs: tuple[SpecLike, ...], count: int) -> Spec:
    """The spec of the first of `count` inputs, which have to be floats of one shape."""
    first = need_floats(kind, specs[0])
    dtype = first.dtype
    for index in range(1, count):
        other = need_floats(kind, specs[index])
        if not same_shape(first.shape, other.shape):
            raise ShapeError(
                f"{kind.name} was given {{0}} of shape {format_shape(first.shape)} and {{{index}}} of shape "
                f"{format_shape(other.shape)}\nfound: they differ\ndo: give tensors of one shape"
            )
        dtype = np.result_type(dtype, other.dtype)
    return Spec(first.shape, dtype)


def need_rows(kind: Kind, target: SpecLike, index: int, rows: Shape) -> None:
    """Raise ShapeError where there is not one target for each row."""
    t = need_spec(kind, target, index)
    if t.ndim and not same_shape(t.shape, rows):
        raise ShapeError(
            f"{kind.name} was given targets {{{index}}} of shape {format_shape(t.shape)}\n"
            f"found: {format_shape(rows)} are to be compared\ndo: give one target, 1 or -1, for each"
        )


@kind
class Hinge(PairLoss):
    """How far a score falls short of the margin on its target's side (1 or -1), to the power 1 or 2."""

    formula = r"y = \frac{1}{n} \sum_i \max(0, m - t_i x_i)^p"
    inputs = ("scores", "targets")
    margin: float = 1.0
    power: int = 1

    def check_fields(self) -> None:
        super().check_fields()
        need_power(self.name, self.power)

    def check(self, x: Value, t: Value) -> None:
        need_signs(t, "targets {1}")

    def entries(self, x: Value, t: Value) -> Value:
        return Relu.on(self.margin - StopGradient.on(t) * x) ** self.power


@kind
class HingeEmbedding(PairLoss):
    """The distance itself where the target is 1, what it lacks to the margin where it is -1."""

    formula = r"y = \frac{1}{n} \sum_i \begin{cases} x_i & t_i = 1 \\ \max(0, m - x_i) & t_i = -1 \end{cases}"
    inputs = ("distances", "targets")
    margin: float = 1.0

    def check(self, x: Value, t: Value) -> None:
        need_signs(t, "targets {1}")

    def entries(self, x: Value, t: Value) -> Value:
        return Where.on(t == 1, x, Clip.on(self.margin - x, 0.0, None))


@kind
class SoftMargin(PairLoss):
    """The logarithm of 1 + exp(-t x): a hinge without a corner, for targets 1 and -1."""

    formula = r"y = \frac{1}{n} \sum_i \ln (1 + e^{-t_i x_i})"
    inputs = ("scores", "targets")

    def check(self, x: Value, t: Value) -> None:
        need_signs(t, "targets {1}")

    def entries(self, x: Value, t: Value) -> Value:
        return Softplus.on(-StopGradient.on(t) * x)


@kind
class MultiMargin(Loss):
    """How far the right class's score falls short of being the margin above each other one, over the number of classes."""

    formula = r"y = \frac{1}{n C} \sum_i \sum_{c \ne t_i} \max(0, m - x_{i t_i} + x_{ic})^p"
    inputs = ("scores", "labels", "weights?")
    margin: float = 1.0
    power: int = 1

    def check_fields(self) -> None:
        super().check_fields()
        need_power(self.name, self.power)

    def shape(self, *specs: SpecLike) -> Spec:
        x, t = need_floats(self, specs[0]), need_spec(self, specs[1], 1)
        rows = x.shape[:-1]
        if not x.ndim or not same_shape(t.shape, rows):
            raise ShapeError(
                f"{self.name} was asked of scores {format_shape(x.shape)} and labels {format_shape(t.shape)}\n"
                f"found: labels {{1}} are not of shape {format_shape(rows)}\ndo: give one class number for each row"
            )
        if t.dtype.kind not in "iu":
            raise float_labels(x.shape, x.ndim - 1, t)
        if len(specs) > 2 and specs[2] is not None:
            need_class_weights(self, specs[2], x.shape)
        return Spec(rows if self.reduction == "none" else (), x.dtype)

    def check(self, x: Value, t: Value, weights: Value = None) -> None:
        check_class_numbers(t, np.shape(x), np.ndim(x) - 1, None)

    def body(self, x: Value, t: Value, weights: Value = None) -> Value:
        last = (len(x.shape) - 1,)
        at = Unsqueeze.on(t, axis=last)
        right = TakeAlongAxis.on(x, at, axis=-1)
        given, shape = AddAlongAxis.like_input(x)
        is_right = AddAlongAxis.on(FullLike.on(right, value=1.0), at, given, axis=-1, shape_to=shape) == 1
        short = Where.on(is_right, 0.0, Relu.on(self.margin - right + x) ** self.power)
        rows = Mean.on(short, axis=last)
        if weights is not None:
            rows = rows * Gather.on(StopGradient.on(weights), t, axis=0)
        return self.reduced(rows)


@kind
class MarginRanking(Loss):
    """How far a falls short of being the margin above b where the target is 1, below it where it is -1."""

    formula = r"y = \frac{1}{n} \sum_i \max(0, m - t_i (a_i - b_i))"
    inputs = ("a", "b", "targets")
    margin: float = 0.0

    def shape(self, *specs: SpecLike) -> Spec:
        found = need_same(self, specs, 2)
        need_rows(self, specs[2], 2, found.shape)
        return found if self.reduction == "none" else found.with_shape(())

    def check(self, a: Value, b: Value, t: Value) -> None:
        need_signs(t, "targets {2}")

    def body(self, a: Value, b: Value, t: Value) -> Value:
        return self.reduced(Clip.on(self.margin - StopGradient.on(t) * (a - b), 0.0, None))


@kind
class TripletMargin(Loss):
    """How far a negative falls short of being the margin farther from its anchor than the positive is.

    Distances are p-norms over the last axis, of differences plus epsilon; `swap` takes the nearer of anchor and positive.
    """

    formula = r"y = \frac{1}{n} \sum_i \max(0, \lVert a_i - p_i \rVert - \lVert a_i - n_i \rVert + m)"
    inputs = ("anchor", "positive", "negative")
    margin: float = 1.0
    power: float = 2.0
    epsilon: float = 1e-6
    swap: bool = False

    def check_fields(self) -> None:
        super().check_fields()
        if not self.margin > 0 or not self.power > 0:
            raise DataError(
                f"TripletMargin needs a margin and a norm above 0\nfound: margin={self.margin!r}, power={self.power!r}\n"
                "do: give margin=1.0, power=2.0 or others above 0"
            )

    def shape(self, *specs: SpecLike) -> Spec:
        found = need_same(self, specs, 3)
        if not found.ndim:
            raise ShapeError(
                f"{self.name} compares vectors\nfound: {{0}} is one number\ndo: give vectors on the last axis"
            )
        return found.with_shape(found.shape[:-1] if self.reduction == "none" else ())

    def distance(self, a: Value, b: Value) -> Value:
        """The norm of what lies between, over the last axis."""
        d, last = a - b + self.epsilon, (len(a.shape) - 1,)
        if self.power == 2:
            return ReduceL2.on(d, axis=last)
        size = Abs.on(d)
        return Sum.on(size if self.power == 1 else size**self.power, axis=last) ** (1 / self.power)

    def body(self, anchor: Value, positive: Value, negative: Value) -> Value:
        near, far = self.distance(anchor, positive), self.distance(anchor, negative)
        if self.swap:
            far = Min.on(far, self.distance(positive, negative))
        return self.reduced(Clip.on(near - far + self.margin, 0.0, None))


def need_power(name: str, power: int) -> None:
    """Raise DataError where the power of a hinge is neither 1 nor 2."""
    if power not in (1, 2):
        raise DataError(f"{name} was asked with the power {power!r}\nfound: hinges have 1 or 2\ndo: give one of them")


def need_class_weights(kind: Kind, weights: SpecLike, shape: Shape) -> None:
    """Raise ShapeError where there is not one weight for each class on the last axis."""
    found = need_spec(kind, weights, 2)
    if not same_shape(found.shape, shape[-1:]):
        raise ShapeError(
            f"{kind.name} was given class weights of shape {format_shape(found.shape)}\n"
            f"found: {shape[-1]} classes, the last axis of {{0}}\ndo: give one weight for each class"
        )


def as_labels(labels: Any) -> Any:
    """Class numbers as an input: lists and booleans become integers."""
    if isinstance(labels, Tensor):
        return labels
    array = as_array(labels)
    return as_input(array.astype(np.int64) if array.dtype.kind == "b" else array)


def hinge_loss(scores: Any, targets: Any, margin: float = 1.0, power: int = 1, reduction: str = "mean") -> Tensor:
    """The mean of `max(0, margin - t x)` for scores x and targets t of 1 or -1 (the loss of support vector machines).

    `power=2` squares what is missing. Shapes, dtypes and `reduction` are those of `mean_squared_error`. Raises DataError
    for targets other than 1 and -1.

    >>> import localgrad as lg
    >>> lg.hinge_loss([2.0, 0.5, 0.5], [1, 1, -1], reduction="none").numpy()
    array([0. , 0.5, 1.5], dtype=float32)
    """
    x = as_prediction(scores)
    loss = Hinge.make(reduction=reduction, margin=float(margin), power=power)
    return record(loss, (x, like_prediction(targets, x)))  # type: ignore[no-any-return]


def hinge_embedding_loss(distances: Any, targets: Any, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """The mean of the distance x where the target is 1, and of `max(0, margin - x)` where it is -1.

    Shapes, dtypes and `reduction` are those of `mean_squared_error`. Raises DataError for targets other than 1 and -1.

    >>> import localgrad as lg
    >>> lg.hinge_embedding_loss([0.25, 0.25], [1, -1], reduction="none").numpy()
    array([0.25, 0.75], dtype=float32)
    """
    x = as_prediction(distances)
    loss = HingeEmbedding.make(reduction=reduction, margin=float(margin))
    return record(loss, (x, like_prediction(targets, x)))  # type: ignore[no-any-return]


def soft_margin_loss(scores: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """The mean of `log(1 + exp(-t x))` for scores x and targets t of 1 or -1; finite for any score.

    It is `sigmoid_cross_entropy` for targets written as 1 and -1. Shapes, dtypes and `reduction` are those of
    `mean_squared_error`. Raises DataError for targets other than 1 and -1.

    >>> import localgrad as lg
    >>> lg.soft_margin_loss([0.0, -9.0], [1, 1], reduction="none").numpy().round(4)
    array([0.6931, 9.0001], dtype=float32)
    """
    x = as_prediction(scores)
    return record(  # type: ignore[no-any-return]
        SoftMargin.make(reduction=reduction), (x, like_prediction(targets, x))
    )


def multi_margin_loss(
    scores: Any, labels: Any, margin: float = 1.0, power: int = 1, weights: Any = None, reduction: str = "mean"
) -> Tensor:
    """The hinge of several classes: the sum of `max(0, margin - x_right + x_other)` over the others, over their number.

    Scores are floats (..., classes), labels class numbers (...); "mean" is that over the rows, and the number of classes
    counts the right one too, as in PyTorch. `power=2` squares what is missing, `weights`, one for each class, multiplies
    the rows of that class. Raises ShapeError, DTypeError or DataError for labels that do not fit.

    >>> import localgrad as lg
    >>> lg.multi_margin_loss([[1.0, 0.5, 0.0]], [0]).item()
    0.1666666716337204
    """
    x = as_prediction(scores)
    loss = MultiMargin.make(reduction=reduction, margin=float(margin), power=power)
    inputs: tuple[Any, ...] = (x, as_labels(labels))
    if weights is not None:
        inputs = (*inputs, like_prediction(weights, x))
    return record(loss, inputs)  # type: ignore[no-any-return]


def margin_ranking_loss(a: Any, b: Any, targets: Any, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """The mean of `max(0, margin - t (a - b))`: a is to be above b where t is 1, below it where t is -1.

    a and b have one shape, which the targets have too. Raises ShapeError for others, DataError for targets other than 1
    and -1.

    >>> import localgrad as lg
    >>> lg.margin_ranking_loss([3.0, 1.0], [1.0, 2.0], [1, 1], reduction="none").numpy()
    array([0., 1.], dtype=float32)
    """
    x = as_prediction(a)
    inputs = (x, like_prediction(b, x), like_prediction(targets, x))
    return record(MarginRanking.make(reduction=reduction, margin=float(margin)), inputs)  # type: ignore[no-any-return]


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    power: float = 2.0,
    epsilon: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """The mean of `max(0, |a - p| - |a - n| + margin)`: the negative is to be farther from the anchor than the positive.

    All three are (..., width); distances are norms of the given power over the last axis, of differences plus `epsilon`,
    as in PyTorch. `swap=True` takes the distance of positive and negative where it is smaller than |a - n|. Raises
    ShapeError for shapes that differ, DataError for a margin of 0 or less. Source: Schroff, Kalenichenko, Philbin,
    "FaceNet", 2015.

    >>> import localgrad as lg
    >>> round(lg.triplet_margin_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.0]]).item(), 4)
    1.0
    """
    x = as_prediction(anchor)
    loss = TripletMargin.make(
        reduction=reduction, margin=float(margin), power=float(power), epsilon=float(epsilon), swap=swap
    )
    inputs = (x, like_prediction(positive, x), like_prediction(negative, x))
    return record(loss, inputs)  # type: ignore[no-any-return]
