"""Binary cross entropies: the loss of yes-or-no answers, from logits or from probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.recording import record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.activations import Sigmoid, Softplus
from localgrad.nodes.base import chain, need_spec
from localgrad.nodes.branching import Max
from localgrad.nodes.exponential import Log, Log1p
from localgrad.nodes.loss import PairLoss, as_prediction, like_prediction, warn_of_maker


@kind
class SigmoidCrossEntropy(PairLoss):
    """Minus the logarithm of the probability that sigmoid gives the right answer, safe for any logit.

    Targets are 0 or 1, or between; `positive_weight` multiplies the loss of the ones.
    """

    formula = r"y = -\frac{1}{n} \sum_i t_i \log \sigma(x_i) + (1 - t_i) \log (1 - \sigma(x_i))"
    inputs = ("logits", "targets", "positive_weight?")

    def shape(self, *specs: SpecLike) -> Spec:
        found = super().shape(*specs[:2])
        if len(specs) > 2 and isinstance(specs[2], Spec):
            shape = need_spec(self, specs[0]).shape
            try:
                fits = same_shape(broadcast_shapes(specs[2].shape, shape), shape)
            except ShapeError:
                fits = False
            if not fits:
                raise ShapeError(
                    f"{self.name} was given a weight {{2}} of shape {format_shape(specs[2].shape)}\n"
                    f"found: logits {format_shape(shape)}, to which it does not broadcast\ndo: give one for each class"
                )
        return found

    def check(self, x: Value, t: Value, weight: Value = None) -> None:
        need_unit_range(t, "targets {1}")

    def entries(self, x: Value, t: Value, weight: Value = None) -> Value:
        of_ones = t if weight is None else t * weight
        return chain(of_ones, Softplus.on(-x)) + chain(1 - t, Softplus.on(x))

    def forward(self, x: Value, t: Value, weight: Value = None) -> Value:
        size = np.abs(x)
        small = np.log1p(np.exp(-size))
        of_ones = t if weight is None else t * weight
        wrong = chain(np.where(x < 0, of_ones, 1 - t), size)  # nothing is subtracted, so the tail stays exact
        return self.reduced(wrong + (small if weight is None else small * (1 - t + of_ones)))

    def backward(
        self, grad: Value, y: Value, x: Value, t: Value, weight: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        each = self.each(grad, x)
        of_t = of_weight = None
        if weight is None:
            return chain(each, Sigmoid.on(x) - t), chain(each, -x) if wanted[1] else None, None
        if wanted[1]:
            of_t = chain(each, weight * Softplus.on(-x) - Softplus.on(x))
        if wanted[2]:
            of_weight = chain(each, t * Softplus.on(-x))
        return chain(each, (1 - t) * Sigmoid.on(x) - t * weight * Sigmoid.on(-x)), of_t, of_weight


@kind
class BinaryCrossEntropy(PairLoss):
    """Minus the logarithm of the probability given to the right answer; logarithms stop at -100.

    The derivative's denominator stops at 1e-12, so that it stays finite for the probabilities 0 and 1 as well.
    """

    formula = r"y = -\frac{1}{n} \sum_i t_i \log x_i + (1 - t_i) \log (1 - x_i)"
    inputs = ("probabilities", "targets")

    def check(self, x: Value, t: Value) -> None:
        need_unit_range(x, "probabilities {0}", "\ndo: use lg.sigmoid_cross_entropy, which takes logits")
        need_unit_range(t, "targets {1}")

    def entries(self, x: Value, t: Value) -> Value:
        return -(t * Max.on(Log.on(x), -100.0) + (1 - t) * Max.on(Log1p.on(-x), -100.0))

    def forward(self, x: Value, t: Value) -> Value:
        yes, no = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
        return self.reduced(-(t * yes + (1 - t) * no))

    def backward(self, grad: Value, y: Value, x: Value, t: Value, *, wanted: tuple[bool, ...]) -> Value:
        each = self.each(grad, x)
        of_t = None
        if wanted[1]:
            of_t = chain(each, Max.on(Log1p.on(-x), -100.0) - Max.on(Log.on(x), -100.0))
        return chain(each, (x - t) / Max.on(x * (1 - x), 1e-12)), of_t


def need_unit_range(x: Value, what: str, do: str = "") -> None:
    """Raise DataError where a value lies outside of 0 to 1."""
    if not np.size(x):
        return
    low, high = np.min(x), np.max(x)
    if low < 0 or high > 1:
        bad = int(np.count_nonzero((x < 0) | (x > 1)))
        raise DataError(
            f"{what} have to be from 0 to 1\nfound: {bad} of {np.size(x)} are outside, from {low} to {high}"
            f"{do or _advice(x, low, high)}"
        )


def _advice(t: Value, low: Any, high: Any) -> str:
    values = np.unique(t)
    if len(values) == 2:
        return f"\ndo: encode {values[0]} and {values[1]} as 0 and 1"
    if low >= 0 and len(values) > 2 and np.all(values == np.floor(values)):
        return "\ndo: these look like class numbers; use lg.softmax_cross_entropy with one logit for each class"
    return "\ndo: give 0 for no and 1 for yes"


def sigmoid_cross_entropy(logits: Any, targets: Any, positive_weight: Any = None, reduction: str = "mean") -> Tensor:
    """Minus the logarithm of the probability that sigmoid of the logits gives the right yes-or-no answer.

    Targets are of the logits' shape, 0 or 1 or between. `positive_weight`, of a shape that broadcasts to it, multiplies
    the loss of the ones. `reduction` is "mean" (over all entries), "sum" or "none". Finite for any finite logit.
    Raises ShapeError for shapes that only broadcast, DataError for targets outside of 0 to 1.

    >>> import localgrad as lg
    >>> lg.sigmoid_cross_entropy([0.0, 1e4, -1e4], [1, 1, 0], reduction="none").numpy().round(4)
    array([0.6931, 0.    , 0.    ], dtype=float32)
    """
    x = as_prediction(logits)
    inputs: tuple[Any, ...] = (x, like_prediction(targets, x))
    if positive_weight is not None:
        inputs = (*inputs, like_prediction(positive_weight, x))
    y: Tensor = record(SigmoidCrossEntropy.make(reduction=reduction), inputs)
    warn_of_maker(
        x,
        y,
        ("Softmax", "Sigmoid"),
        "the loss expects logits and takes their sigmoid itself",
        "Pass it what that node was given, or use lg.binary_cross_entropy",
    )
    return y


def binary_cross_entropy(probabilities: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """Minus the logarithm of the probability given to the right yes-or-no answer.

    Probabilities from 0 to 1, targets of the same shape, 0 or 1 or between. As in PyTorch logarithms stop at -100. From
    logits `lg.sigmoid_cross_entropy` is more exact. Raises ShapeError for shapes that only broadcast, DataError for
    values outside of 0 to 1.

    >>> import localgrad as lg
    >>> lg.binary_cross_entropy([0.5, 0.0], [1, 1], reduction="none").numpy().round(4)
    array([  0.6931, 100.    ], dtype=float32)
    """
    x = as_prediction(probabilities)
    return record(  # type: ignore[no-any-return]
        BinaryCrossEntropy.make(reduction=reduction), (x, like_prediction(targets, x))
    )
