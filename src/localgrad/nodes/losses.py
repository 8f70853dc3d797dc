"""Losses: how far a prediction is from its target, as one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from localgrad.graph.errors import DataError, NameLookupError
from localgrad.graph.kind import Value
from localgrad.graph.recording import record
from localgrad.graph.registry import kind, nearest
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import chain
from localgrad.nodes.binary_cross_entropy import (
    BinaryCrossEntropy,
    SigmoidCrossEntropy,
    binary_cross_entropy,
    sigmoid_cross_entropy,
)
from localgrad.nodes.branching import Clip, Where
from localgrad.nodes.cross_entropy import SoftmaxCrossEntropy, accuracy, softmax_cross_entropy
from localgrad.nodes.exponential import Log
from localgrad.nodes.loss import PairLoss, as_prediction, like_prediction, warn_of_maker
from localgrad.nodes.reduction import Sum
from localgrad.nodes.rounding import Abs, Sign
from localgrad.nodes.structure import size

__all__ = [
    "BinaryCrossEntropy",
    "Huber",
    "KLDivergence",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "accuracy",
    "binary_cross_entropy",
    "huber_loss",
    "kl_divergence",
    "loss_named",
    "mean_absolute_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


@kind
class MeanSquaredError(PairLoss):
    """The mean of the squared differences, over all entries."""

    formula = r"y = \frac{1}{n} \sum_i (x_i - t_i)^2"

    def entries(self, x: Value, t: Value) -> Value:
        d = x - t
        return d * d

    def forward(self, x: Value, t: Value) -> Value:
        d = np.asarray(x - t)
        if self.reduction == "none":
            return (d * d)[()]
        flat = d.ravel()
        total = np.dot(flat, flat)
        return total / flat.size if self.reduction == "mean" else total

    def backward(self, grad: Value, y: Value, x: Value, t: Value) -> Value:
        g = chain(2 * self.each(grad, x), x - t)
        return g, -g


@kind
class MeanAbsoluteError(PairLoss):
    """The mean of the absolute differences, over all entries; its derivative where they are equal is 0."""

    formula = r"y = \frac{1}{n} \sum_i |x_i - t_i|"

    def entries(self, x: Value, t: Value) -> Value:
        return Abs.on(x - t)

    def forward(self, x: Value, t: Value) -> Value:
        return self.reduced(np.abs(x - t))

    def backward(self, grad: Value, y: Value, x: Value, t: Value) -> Value:
        g = chain(self.each(grad, x), Sign.on(x - t))
        return g, -g


@kind
class Huber(PairLoss):
    """Half the squared difference up to delta, beyond it a line of slope delta, so that outliers pull less."""

    formula = (
        r"y = \frac{1}{n} \sum_i \begin{cases} \frac{1}{2} (x_i - t_i)^2 & |x_i - t_i| \le \delta \\"
        r" \delta (|x_i - t_i| - \frac{1}{2} \delta) & \text{else} \end{cases}"
    )
    delta: float = 1.0

    def check_fields(self) -> None:
        super().check_fields()
        if not self.delta > 0:
            raise DataError(f"Huber needs a delta above 0, where the square becomes a line; found {self.delta!r}")

    def entries(self, x: Value, t: Value) -> Value:
        d = x - t
        a = Abs.on(d)
        return Where.on(a <= self.delta, 0.5 * d * d, self.delta * (a - 0.5 * self.delta))

    def forward(self, x: Value, t: Value) -> Value:
        d = x - t
        c = np.clip(d, -self.delta, self.delta)
        return self.reduced(c * (d - 0.5 * c))

    def backward(self, grad: Value, y: Value, x: Value, t: Value) -> Value:
        g = chain(self.each(grad, x), Clip.on(x - t, -self.delta, self.delta))
        return g, -g


@kind
class KLDivergence(PairLoss):
    """The divergence of probabilities t from those whose logarithms are x; where t is 0 it adds nothing."""

    formula = r"y = \frac{1}{n} \sum_i t_i (\log t_i - x_i)"
    reductions = ("mean", "batchmean", "sum", "none")

    def reduced(self, entries: Value) -> Value:
        if self.reduction == "batchmean":
            total = Sum.on(entries)
            return total / size(entries, 0, like=total)
        return super().reduced(entries)

    def each(self, grad: Value, x: Value) -> Value:
        return grad / size(x, 0, like=grad) if self.reduction == "batchmean" else super().each(grad, x)

    def entries(self, x: Value, t: Value) -> Value:
        return Where.on(t > 0, t * (Log.on(Where.on(t > 0, t, 1.0)) - x), 0.0)

    def forward(self, x: Value, t: Value) -> Value:
        return self.reduced(np.where(t > 0, t * (np.log(np.where(t > 0, t, 1.0)) - x), 0.0).astype(x.dtype)[()])

    def backward(self, grad: Value, y: Value, x: Value, t: Value, *, wanted: tuple[bool, ...]) -> Value:
        each = self.each(grad, x)
        of_t = None
        if wanted[1]:
            of_t = chain(each, Where.on(t > 0, Log.on(Where.on(t > 0, t, 1.0)) - x + 1, 0.0))
        return chain(each, -Where.on(t > 0, t, 0.0)), of_t


def mean_squared_error(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean over all entries of the squared difference (not halved).

    Both have one shape: shapes that would only broadcast raise ShapeError. The loss has the prediction's float dtype.
    `reduction` is "mean", "sum" or "none". Raises DTypeError for an integer prediction.

    >>> import localgrad as lg
    >>> lg.mean_squared_error([1.0, 2.0], [0.0, 4.0]).item()
    2.5
    """
    return _compare(MeanSquaredError.make(reduction=reduction), prediction, target)


def mean_absolute_error(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean over all entries of the absolute difference (the L1 loss).

    Shapes, dtypes, `reduction` and errors are those of `mean_squared_error`.

    >>> import localgrad as lg
    >>> lg.mean_absolute_error([1.0, 2.0], [0.0, 4.0]).item()
    1.5
    """
    return _compare(MeanAbsoluteError.make(reduction=reduction), prediction, target)


def huber_loss(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """The mean of `0.5 d^2` where the difference d is at most delta (above 0), of `delta (|d| - 0.5 delta)` beyond.

    Shapes, dtypes, `reduction` and errors are those of `mean_squared_error`. Source: Huber, "Robust estimation of a
    location parameter", 1964.

    >>> import localgrad as lg
    >>> lg.huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none").numpy()
    array([0.125, 2.5  ], dtype=float32)
    """
    return _compare(Huber.make(reduction=reduction, delta=delta), prediction, target)


def kl_divergence(log_probabilities: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The divergence `sum t (log t - x)` of target probabilities t from predicted ones, given as logarithms x.

    The convention is PyTorch's: the prediction is logarithms (`lg.log_softmax`), the target probabilities of the same
    shape, and "mean" divides by the number of all entries. The divergence of one row from another, averaged over rows,
    is `reduction="batchmean"`, which divides by the length of axis 0. Errors are those of `mean_squared_error`.

    >>> import localgrad as lg
    >>> lg.kl_divergence(lg.log([[0.5, 0.5]]), [[1.0, 0.0]], reduction="batchmean").item()
    0.6931471824645996
    """
    x = as_prediction(log_probabilities)
    loss = _compare(KLDivergence.make(reduction=reduction), x, target)
    warn_of_maker(
        x, loss, ("Softmax", "Sigmoid"), "the loss expects logarithms of probabilities", "Use lg.log_softmax instead"
    )
    return loss


def _compare(loss: PairLoss, prediction: Any, target: Any) -> Tensor:
    x = as_prediction(prediction)
    return record(loss, (x, like_prediction(target, x)))  # type: ignore[no-any-return]


_NAMED: Final[dict[str, Callable[..., Tensor]]] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "cross_entropy": softmax_cross_entropy,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "bce": binary_cross_entropy,
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "l2": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "mae": mean_absolute_error,
    "l1": mean_absolute_error,
    "huber_loss": huber_loss,
    "huber": huber_loss,
    "kl_divergence": kl_divergence,
    "kl": kl_divergence,
}
_ELSEWHERE: Final[dict[str, tuple[str, str]]] = {
    "negative_log_likelihood": ("likelihood", "negative_log_likelihood"),
    "nll": ("likelihood", "negative_log_likelihood"),
    "focal_loss": ("likelihood", "focal_loss"),
    "focal": ("likelihood", "focal_loss"),
    "dice_loss": ("likelihood", "dice_loss"),
    "dice": ("likelihood", "dice_loss"),
    "smooth_l1_loss": ("regression", "smooth_l1_loss"),
    "smooth_l1": ("regression", "smooth_l1_loss"),
    "log_cosh_loss": ("regression", "log_cosh_loss"),
    "log_cosh": ("regression", "log_cosh_loss"),
    "poisson_nll_loss": ("regression", "poisson_nll_loss"),
    "hinge_loss": ("margins", "hinge_loss"),
    "hinge": ("margins", "hinge_loss"),
    "soft_margin_loss": ("margins", "soft_margin_loss"),
    "multi_margin_loss": ("margins", "multi_margin_loss"),
}
"""Those that are imported when first asked for: module and function."""


def loss_named(name: str) -> Callable[..., Tensor]:
    """The loss function of a name, such as "softmax_cross_entropy" or "mse"; it takes a prediction and a target.

    Raises NameLookupError with the nearest names.

    >>> from localgrad.nodes.losses import loss_named
    >>> loss_named("mse").__name__
    'mean_squared_error'
    """
    if isinstance(name, str) and name in _ELSEWHERE:
        from importlib import import_module

        module, function = _ELSEWHERE[name]
        return getattr(import_module(f"localgrad.nodes.{module}"), function)  # type: ignore[no-any-return]
    try:
        return _NAMED[name]
    except (KeyError, TypeError):
        known = [*_NAMED, *_ELSEWHERE]
        raise NameLookupError(
            f"no loss is called {name!r}{nearest(str(name), known)}\nfound: {', '.join(known)}\n"
            "do: use one of these names, or pass a function of (prediction, target)"
        ) from None
