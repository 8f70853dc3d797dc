"""Losses of classes beside the cross entropies: log-likelihood, focal loss, overlap, and negative sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.recording import record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.activations import Sigmoid, Softplus
from localgrad.nodes.base import chain, need_spec, normal_axes
from localgrad.nodes.binary_cross_entropy import need_unit_range
from localgrad.nodes.branching import Where
from localgrad.nodes.gathering import Gather, TakeAlongAxis
from localgrad.nodes.labels import check_class_numbers, float_labels
from localgrad.nodes.loss import Loss, PairLoss, as_prediction, like_prediction, need_floats, warn_of_maker
from localgrad.nodes.margins import as_labels, need_class_weights
from localgrad.nodes.reduction import Sum
from localgrad.nodes.shaping import Squeeze, Unsqueeze
from localgrad.nodes.structure import Cast, StopGradient, size


@kind
class NegativeLogLikelihood(Loss):
    """Minus the entry of the right class among logarithms of probabilities; the mean is weighted as the rows are."""

    formula = r"y = -\frac{1}{\sum_i w_{t_i}} \sum_i w_{t_i} \, x_{i t_i}"
    onnx = "NegativeLogLikelihoodLoss"
    inputs = ("log_probabilities", "labels", "weights?")
    axis: int = -1
    ignore_index: int | None = None

    def shape(self, *specs: SpecLike) -> Spec:
        x, t = need_floats(self, specs[0]), need_spec(self, specs[1], 1)
        (axis,) = normal_axes(self.axis, x.ndim)
        rows = x.shape[:axis] + x.shape[axis + 1 :]
        if not same_shape(t.shape, rows):
            raise ShapeError(
                f"{self.name} was asked of log-probabilities {format_shape(x.shape)} and labels {format_shape(t.shape)}\n"
                f"found: labels {{1}} are not of shape {format_shape(rows)}\ndo: give one class number for each row"
            )
        if t.dtype.kind not in "iu":
            raise float_labels(x.shape, axis, t)
        if len(specs) > 2 and specs[2] is not None:
            need_class_weights(self, specs[2], (x.shape[axis],))
        return Spec(rows if self.reduction == "none" else (), x.dtype)

    def check(self, x: Value, t: Value, weights: Value = None) -> None:
        shape = np.shape(x)
        check_class_numbers(t, shape, self.axis % len(shape), self.ignore_index)

    def body(self, x: Value, t: Value, weights: Value = None) -> Value:
        axis = self.axis % len(x.shape)
        kept = None
        if self.ignore_index is not None:
            kept = t != self.ignore_index
            t = Where.on(kept, t, 0)
        rows = -Squeeze.on(TakeAlongAxis.on(x, Unsqueeze.on(t, axis=(axis,)), axis=axis), axis=(axis,))
        of_rows = None if weights is None else Gather.on(StopGradient.on(weights), t, axis=0)
        if of_rows is not None:
            rows = rows * of_rows
        if kept is not None:
            rows = Where.on(kept, rows, 0.0)
        if self.reduction != "mean" or (of_rows is None and kept is None):
            return self.reduced(rows)
        if of_rows is None:
            total = Sum.on(Cast.on(kept, dtype=x.dtype.name))
        else:
            total = Sum.on(of_rows if kept is None else Where.on(kept, of_rows, 0.0))
        return Sum.on(rows) / Where.on(total == 0, 1.0, total)


@kind
class Focal(PairLoss):
    """Binary cross entropy of logits times (the probability of the wrong answer) ** gamma, so that easy answers count less.

    `alpha` weighs the ones, 1 - alpha the zeros; None weighs neither.
    """

    formula = r"y = -\frac{1}{n} \sum_i \alpha_i (1 - p_i)^\gamma \ln p_i"
    inputs = ("logits", "targets")
    gamma: float = 2.0
    alpha: float | None = 0.25

    def check_fields(self) -> None:
        super().check_fields()
        if not self.gamma >= 0 or (self.alpha is not None and not 0 <= self.alpha <= 1):
            raise DataError(
                f"Focal was asked with gamma={self.gamma!r} and alpha={self.alpha!r}\n"
                "found: gamma has to be 0 or more, alpha from 0 to 1 or None\ndo: give gamma=2.0, alpha=0.25 or others"
            )

    def check(self, x: Value, t: Value) -> None:
        need_unit_range(t, "targets {1}")

    def entries(self, x: Value, t: Value) -> Value:
        wrong = t * Sigmoid.on(-x) + (1 - t) * Sigmoid.on(x)
        y = wrong**self.gamma * (chain(t, Softplus.on(-x)) + chain(1 - t, Softplus.on(x)))
        return y if self.alpha is None else y * (self.alpha * t + (1 - self.alpha) * (1 - t))


@kind
class Dice(PairLoss):
    """1 minus twice what probabilities and targets share over what they have together, for each sample of axis 0."""

    formula = r"y = 1 - \frac{2 \sum_i x_i t_i + s}{\sum_i x_i + \sum_i t_i + s}"
    inputs = ("probabilities", "targets")
    smooth: float = 1.0

    def shape(self, *specs: SpecLike) -> Spec:
        found = super().shape(*specs)
        x = need_spec(self, specs[0])
        return found.with_shape(x.shape[:1] if self.reduction == "none" and x.ndim > 1 else ())

    def check(self, x: Value, t: Value) -> None:
        need_unit_range(x, "probabilities {0}", "\ndo: pass lg.sigmoid of the logits")
        need_unit_range(t, "targets {1}")

    def entries(self, x: Value, t: Value) -> Value:
        rank = len(x.shape)
        axes = tuple(range(1, rank)) if rank > 1 else tuple(range(rank))
        shared, both = Sum.on(x * t, axis=axes), Sum.on(x + t, axis=axes)
        return 1 - (2 * shared + self.smooth) / (both + self.smooth)


@kind
class NegativeSampling(Loss):
    """The yes-or-no loss of scores that should be high and of those drawn at random, which should be low, row by row."""

    formula = r"y = -\frac{1}{n} \sum_i \left( \sum_j \ln \sigma(p_{ij}) + \sum_k \ln \sigma(-q_{ik}) \right)"
    inputs = ("positive", "negative")

    def shape(self, *specs: SpecLike) -> Spec:
        p, n = need_floats(self, specs[0]), need_floats(self, specs[1])
        if not p.ndim or p.ndim != n.ndim or not same_shape(p.shape[:-1], n.shape[:-1]):
            raise ShapeError(
                f"{self.name} was given the scores {{0}} {format_shape(p.shape)} and {{1}} {format_shape(n.shape)}\n"
                "found: their rows differ\ndo: give (rows, right ones) and (rows, drawn ones)"
            )
        return Spec(p.shape[:-1] if self.reduction == "none" else (), np.result_type(p.dtype, n.dtype))

    def body(self, positive: Value, negative: Value) -> Value:
        last = (len(positive.shape) - 1,)
        return self.reduced(Sum.on(Softplus.on(-positive), axis=last) + Sum.on(Softplus.on(negative), axis=last))

    def backward(self, grad: Value, y: Value, positive: Value, negative: Value, *, wanted: tuple[bool, ...]) -> Value:
        last = len(positive.shape) - 1
        if self.reduction == "mean":
            grad = grad / size(positive, tuple(range(last)), like=grad)
        elif self.reduction == "none":
            grad = Unsqueeze.on(grad, axis=(last,))
        return (
            chain(-grad, Sigmoid.on(-positive)) if wanted[0] else None,
            chain(grad, Sigmoid.on(negative)) if wanted[1] else None,
        )


def negative_log_likelihood(
    log_probabilities: Any,
    labels: Any,
    weights: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    axis: int = -1,
) -> Tensor:
    """Minus the logarithm of the probability of the right class, picked from logarithms of probabilities.

    Log-probabilities (`lg.log_softmax`) are floats with the classes on `axis`, the last unless told; labels are class
    numbers in the shape without it. `weights`, one for each class, multiplies the rows of that class; rows labelled
    `ignore_index` do not count. "mean" divides by the number, or the weight, of the rows that count (0 if none does). From
    logits, `lg.softmax_cross_entropy` is one node. Raises ShapeError, DTypeError or DataError for labels that do not fit.

    >>> import localgrad as lg
    >>> lg.negative_log_likelihood([[-0.5, -0.9], [-2.0, -0.1]], [0, 0]).item()
    1.25
    """
    x = as_prediction(log_probabilities)
    loss = NegativeLogLikelihood.make(reduction=reduction, axis=axis, ignore_index=ignore_index)
    inputs: tuple[Any, ...] = (x, as_labels(labels))
    if weights is not None:
        inputs = (*inputs, like_prediction(weights, x))
    y: Tensor = record(loss, inputs)
    warn_of_maker(
        x, y, ("Softmax", "Sigmoid"), "the loss expects logarithms of probabilities", "Use lg.log_softmax instead"
    )
    return y


def focal_loss(
    logits: Any, targets: Any, gamma: float = 2.0, alpha: float | None = 0.25, reduction: str = "mean"
) -> Tensor:
    """Binary cross entropy of logits in which answers that are right already count less: times `(1 - p_right) ** gamma`.

    Targets are 0 or 1, or between. `alpha` multiplies the ones and `1 - alpha` the zeros; None neither. With `gamma=0,
    alpha=None` it is `sigmoid_cross_entropy`, whose shapes, dtypes, `reduction` and errors it has. Source: Lin, Goyal,
    Girshick, He, Dollar, "Focal loss for dense object detection", 2017.

    >>> import localgrad as lg
    >>> lg.focal_loss([0.0, 4.0], [1, 1], alpha=None, reduction="none").numpy().round(6)
    array([1.73287e-01, 6.00000e-06], dtype=float32)
    """
    x = as_prediction(logits)
    loss = Focal.make(reduction=reduction, gamma=float(gamma), alpha=None if alpha is None else float(alpha))
    y: Tensor = record(loss, (x, like_prediction(targets, x)))
    warn_of_maker(
        x,
        y,
        ("Softmax", "Sigmoid"),
        "the loss expects logits and takes their sigmoid itself",
        "Pass it what that node was given",
    )
    return y


def dice_loss(probabilities: Any, targets: Any, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    """1 minus the overlap of predicted and true regions, `(2 sum x t + smooth) / (sum x + sum t + smooth)`.

    Probabilities and targets from 0 to 1 have one shape, (N, ...): an overlap for each sample, of which `reduction` takes
    the mean or sum. Raises ShapeError for shapes that differ, DataError for values outside of 0 to 1. Source: Milletari,
    Navab, Ahmadi, "V-Net", 2016 (with first powers below).

    >>> import localgrad as lg
    >>> lg.dice_loss([[1.0, 1.0, 0.0]], [[1, 0, 0]]).item()
    0.25
    """
    x = as_prediction(probabilities)
    loss = Dice.make(reduction=reduction, smooth=float(smooth))
    return record(loss, (x, like_prediction(targets, x)))  # type: ignore[no-any-return]


def negative_sampling_loss(positive: Any, negative: Any, reduction: str = "mean") -> Tensor:
    """The loss of word2vec: scores of right answers should be high, those of answers drawn at random low.

    `positive` is (..., P), or (...) where there is one right answer, `negative` (..., K): for each row the sum of minus
    the logarithms of `sigmoid(positive)` and `sigmoid(-negative)`; "mean" is that over rows. Raises ShapeError for rows
    that differ. Source: Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed representations of words and phrases and
    their compositionality", 2013.

    >>> import localgrad as lg
    >>> lg.negative_sampling_loss([0.0], [[0.0, 0.0]]).numpy().round(4)
    np.float32(2.0794)
    """
    x = as_prediction(positive)
    other = negative if isinstance(negative, Tensor) else as_prediction(negative)
    if len(x.shape) == len(other.shape) - 1:
        x = Unsqueeze.on(x, axis=(len(x.shape),))
    return record(NegativeSampling.make(reduction=reduction), (x, other))  # type: ignore[no-any-return]
