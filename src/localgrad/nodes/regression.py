"""Losses of numbers: smooth L1 and log-cosh beside Huber, and the likelihoods of Poisson and normal variables."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.recording import record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import chain, need_spec
from localgrad.nodes.branching import Clip, Where
from localgrad.nodes.creation import FullLike
from localgrad.nodes.exponential import Exp, Log, Log1p
from localgrad.nodes.loss import PairLoss, as_prediction, like_prediction
from localgrad.nodes.rounding import Abs, Sign
from localgrad.nodes.structure import StopGradient
from localgrad.nodes.trigonometric import Sinh, Tanh

_HALF_LOG_TAU: Final = 0.5 * math.log(2 * math.pi)


@kind
class SmoothL1(PairLoss):
    """Half the squared difference over beta up to beta, beyond it the difference minus beta / 2; Huber over its delta."""

    formula = (
        r"y = \frac{1}{n} \sum_i \begin{cases} \frac{1}{2 \beta} (x_i - t_i)^2 & |x_i - t_i| < \beta \\"
        r" |x_i - t_i| - \frac{1}{2} \beta & \text{else} \end{cases}"
    )
    beta: float = 1.0

    def check_fields(self) -> None:
        super().check_fields()
        if not self.beta >= 0:
            raise DataError(
                f"SmoothL1 was asked with beta={self.beta!r}\nfound: the square ends at beta, which is negative or NaN\n"
                "do: give 0 (the absolute difference) or more"
            )

    def entries(self, x: Value, t: Value) -> Value:
        d = x - t
        size = Abs.on(d)
        if not self.beta:
            return size
        return Where.on(size < self.beta, d * d / (2 * self.beta), size - 0.5 * self.beta)

    def backward(self, grad: Value, y: Value, x: Value, t: Value) -> Value:
        slope = Clip.on((x - t) / self.beta, -1.0, 1.0) if self.beta else Sign.on(x - t)
        g = chain(self.each(grad, x), slope)
        return g, -g


@kind
class LogCosh(PairLoss):
    """The logarithm of the hyperbolic cosine of the difference: half its square near 0, nearly a line far from it."""

    formula = r"y = \frac{1}{n} \sum_i \ln \cosh (x_i - t_i)"

    def entries(self, x: Value, t: Value) -> Value:
        d = x - t
        size = Abs.on(d)
        half = Sinh.on(0.5 * Where.on(size < 1, d, 0.0))  # near 0 the far form would be a difference of near numbers
        return Where.on(size < 1, Log1p.on(2 * half * half), size + Log1p.on(Exp.on(-2 * size)) - math.log(2))

    def backward(self, grad: Value, y: Value, x: Value, t: Value) -> Value:
        g = chain(self.each(grad, x), Tanh.on(x - t))
        return g, -g


@kind
class PoissonLikelihood(PairLoss):
    """Minus the logarithm of a count's Poisson probability, without the term of the counts alone unless `full`.

    The prediction is the logarithm of the rate, or the rate itself.
    """

    formula = r"y = \frac{1}{n} \sum_i e^{x_i} - t_i x_i"
    log_input: bool = True
    full: bool = False
    epsilon: float = 1e-8

    def entries(self, x: Value, t: Value) -> Value:
        y = Exp.on(x) - t * x if self.log_input else x - t * Log.on(x + self.epsilon)
        if not self.full:
            return y
        t = _like(t, x)
        many = Where.on(t > 1, t, 2.0)  # Stirling's formula says nothing up to 1, whose term is 0
        return y + Where.on(t > 1, many * Log.on(many) - many + 0.5 * Log.on(2 * math.pi * many), 0.0)


@kind
class GaussianLikelihood(PairLoss):
    """Minus the logarithm of a normal density, with a variance for each entry, without its constant unless `full`.

    A variance counts as `epsilon` where it is smaller; its gradient passes all the same.
    """

    formula = r"y = \frac{1}{2 n} \sum_i \ln v_i + \frac{(x_i - t_i)^2}{v_i}"
    inputs = ("prediction", "target", "variance")
    full: bool = False
    epsilon: float = 1e-6

    def shape(self, *specs: SpecLike) -> Spec:
        found = super().shape(*specs[:2])
        variance = need_spec(self, specs[2], 2)
        shape = need_spec(self, specs[0]).shape
        try:
            fits = same_shape(broadcast_shapes(variance.shape, shape), shape)
        except ShapeError:
            fits = False
        if not fits:
            raise ShapeError(
                f"{self.name} was given a variance {{2}} of shape {format_shape(variance.shape)}\n"
                f"found: a prediction {format_shape(shape)}, to which it does not broadcast\n"
                "do: give one for each entry, or a shape that broadcasts to it"
            )
        return found

    def check(self, x: Value, t: Value, variance: Value) -> None:
        if np.any(variance < 0):
            raise DataError(
                f"variances {{2}} cannot be negative\nfound: {np.min(variance)}\n"
                "do: let the model give a logarithm, and pass its exp"
            )

    def entries(self, x: Value, t: Value, variance: Value) -> Value:
        variance = _like(variance, x)
        small = variance < self.epsilon
        v = Where.on(small, variance + StopGradient.on(self.epsilon - variance), variance)
        d = x - t
        y = 0.5 * (Log.on(v) + d * d / v)
        return y + _HALF_LOG_TAU if self.full else y


def _like(number: Value, x: Value) -> Value:
    """A Python number in the dtype of x, since its logarithm would be a float64."""
    return FullLike.on(x, value=float(number)) if number.__class__ in (int, float, bool) else number


def smooth_l1_loss(prediction: Any, target: Any, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """The mean of `0.5 d^2 / beta` where the difference d is below beta, of `|d| - 0.5 beta` beyond.

    It is `huber_loss` divided by its delta: the slope far away is 1. `beta=0` is the absolute difference. Shapes, dtypes,
    `reduction` and errors are those of `mean_squared_error`; DataError for a negative beta.

    >>> import localgrad as lg
    >>> lg.smooth_l1_loss([0.5, 3.0], [0.0, 0.0], beta=2.0, reduction="none").numpy()
    array([0.0625, 2.    ], dtype=float32)
    """
    return _compare(SmoothL1.make(reduction=reduction, beta=float(beta)), prediction, target)


def log_cosh_loss(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean of `ln cosh d` of the difference d: about `d^2 / 2` near 0 and `|d| - ln 2` far away; finite for any.

    Shapes, dtypes, `reduction` and errors are those of `mean_squared_error`.

    >>> import localgrad as lg
    >>> lg.log_cosh_loss([0.5, 2.0], [0.0, 0.0], reduction="none").numpy().round(4)
    array([0.1201, 1.325 ], dtype=float32)
    """
    return _compare(LogCosh.make(reduction=reduction), prediction, target)


def poisson_nll_loss(
    prediction: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    epsilon: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Minus the logarithm of the Poisson probability of counts: the mean of `exp(x) - t x` for the log rate x.

    With `log_input=False` the prediction is the rate: `x - t log(x + epsilon)`. `full=True` adds Stirling's formula for
    the term of the counts alone. Shapes, dtypes, `reduction` and errors are those of `mean_squared_error`.

    >>> import localgrad as lg
    >>> lg.poisson_nll_loss([0.0], [3.0]).item()
    1.0
    """
    loss = PoissonLikelihood.make(reduction=reduction, log_input=log_input, full=full, epsilon=float(epsilon))
    return _compare(loss, prediction, target)


def gaussian_nll_loss(
    prediction: Any,
    target: Any,
    variance: Any,
    full: bool = False,
    epsilon: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Minus the logarithm of the normal density of targets: the mean of `(log v + (x - t)^2 / v) / 2`.

    The variance v is of the prediction's shape, or one that broadcasts to it; where it is below `epsilon` it counts as
    that. `full=True` adds `log(2 pi) / 2`. Other arguments and errors are those of `mean_squared_error`; DataError for a
    negative variance. Source: Nix, Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    >>> import localgrad as lg
    >>> lg.gaussian_nll_loss([1.0], [3.0], [4.0]).item()
    1.1931471824645996
    """
    x = as_prediction(prediction)
    loss = GaussianLikelihood.make(reduction=reduction, full=full, epsilon=float(epsilon))
    return record(loss, (x, like_prediction(target, x), like_prediction(variance, x)))  # type: ignore[no-any-return]


def _compare(loss: PairLoss, prediction: Any, target: Any) -> Tensor:
    x = as_prediction(prediction)
    return record(loss, (x, like_prediction(target, x)))  # type: ignore[no-any-return]
