"""Rows of the losses of numbers and of classes beside the older ones in `cases_loss`."""

import math

import numpy as np
from scipy import special, stats

from localgrad.graph.errors import DataError, DTypeError, NameLookupError, ShapeError
from localgrad.nodes.likelihood import Dice, Focal, NegativeLogLikelihood, NegativeSampling
from localgrad.nodes.regression import GaussianLikelihood, LogCosh, PoissonLikelihood, SmoothL1
from tests.case import Case, Point, Refused, inf, integers, positive, rand
from tests.cases_loss import LABELS, broadcasting, pair, reduced, yes_or_no


def smooth(x, t):
    d = np.abs(x - t)
    return np.where(d < 0.5, d**2, d - 0.25)


def log_cosh(x, t):
    d = np.abs(x - t)
    return np.where(d < 1, np.log1p(2 * np.sinh(np.minimum(d, 1) / 2) ** 2), np.logaddexp(d, -d) - math.log(2))


def stirling(t):
    return np.where(t > 1, t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t), 0.0)


def picked(axis=-1, ignore=None, reduction="mean"):
    """The definition, row by row."""

    def reference(x, labels, weights=None):
        moved = np.moveaxis(x, axis, -1)
        w = np.ones(moved.shape[-1]) if weights is None else weights
        rows, total = np.zeros(labels.shape), 0.0
        for place in np.ndindex(labels.shape):
            if labels[place] != ignore:
                rows[place] = -w[labels[place]] * moved[(*place, labels[place])]
                total += w[labels[place]]
        return np.sum(rows) / (total or 1.0) if reduction == "mean" else reduced(rows, reduction)

    return reference


def focal(gamma, alpha):
    def entries(x, t):
        p = special.expit(x)
        y = yes_or_no(x, t) * (t * (1 - p) + (1 - t) * p) ** gamma
        return y if alpha is None else y * (alpha * t + (1 - alpha) * (1 - t))

    return entries


def overlap(x, t):
    axes = tuple(range(1, x.ndim)) or None
    return 1 - (2 * np.sum(x * t, axis=axes) + 1) / (np.sum(x + t, axis=axes) + 1)


def sampled(p, q):
    return np.sum(np.logaddexp(0, -p), axis=-1) + np.sum(np.logaddexp(0, q), axis=-1)


FAR = np.array([[0.2, 1.5, -2.0], [-0.1, 0.3, 0.9]])
HOLES = np.array([[2, -1, 1], [0, 0, -1]])

CASES = [
    Case(
        SmoothL1(beta=0.5),
        inputs=(FAR, np.zeros((2, 3))),
        reference=pair(smooth),
        batch=(0, 0),
        points=[Point((0.5, 0.0), (1.0, -1.0)), Point((-3.0, 0.0), (-1.0, 1.0))],
        extremes=[(np.array([1.0, inf]), np.zeros(2))],
        refused=[*broadcasting(SmoothL1()), Refused(lambda: SmoothL1(beta=-1.0), DataError, "beta=-1.0")],
    ),
    Case(SmoothL1(beta=0.5, reduction="none"), inputs=(FAR, np.zeros((2, 3))), reference=smooth, batch=(0, 0)),
    Case(
        SmoothL1(beta=0.0, reduction="sum"),
        inputs=(FAR, np.zeros((2, 3))),
        reference=lambda x, t: np.sum(np.abs(x - t)),
        batch=(0, 0),
        points=[Point((1.0, 1.0), (0.0, 0.0))],
    ),
    Case(
        LogCosh(),
        inputs=(rand(4, 3, low=-3.0, high=3.0), rand(4, 3)),
        reference=pair(log_cosh),
        batch=(0, 0),
        extremes=[(np.array([1e-10, 0.0]), np.zeros(2)), (np.array([1e4, -3e4]), np.zeros(2))],
        refused=broadcasting(LogCosh()),
    ),
    Case(LogCosh(reduction="none"), inputs=(FAR, np.zeros((2, 3))), reference=log_cosh, batch=(0, 0)),
    Case(
        PoissonLikelihood(),
        inputs=(rand(4, 3), positive(4, 3)),
        reference=pair(lambda x, t: np.exp(x) - t * x),
        batch=(0, 0),
        refused=broadcasting(PoissonLikelihood()),
    ),
    Case(
        PoissonLikelihood(log_input=False, full=True, reduction="none"),
        inputs=(positive(4), np.array([0.3, 0.9, 1.6, 7.0])),
        reference=lambda x, t: x - t * np.log(x + 1e-8) + stirling(t),
        batch=(0, 0),
        extremes=[(np.array([0.0, 1.0]), np.array([0.0, 0.0]))],
    ),
    Case(
        GaussianLikelihood(),
        inputs=(rand(4, 3), rand(4, 3), positive(4, 3)),
        reference=lambda x, t, v: np.mean(np.log(v) + (x - t) ** 2 / v) / 2,
        batch=(0, 0, 0),
        points=[Point((1.0, 0.0, 0.0), (1e6, -1e6, 0.5 * (1e6 - 1e12)))],
        refused=[
            Refused((rand(3), rand(3), rand(4)), ShapeError, "variance", "(4,)", "does not broadcast"),
            Refused((rand(2), rand(2), np.array([1.0, -1.0])), DataError, "negative", "-1.0", captured=False),
        ],
    ),
    Case(
        GaussianLikelihood(full=True, reduction="none"),
        inputs=(rand(4, 3), rand(4, 3), positive(4, 1)),
        reference=lambda x, t, v: -stats.norm.logpdf(t, x, np.sqrt(v)),
        batch=(0, 0, 0),
    ),
    Case(
        NegativeLogLikelihood(),
        inputs=(rand(4, 3), LABELS),
        reference=picked(),
        batch=(0, 0),
        extremes=[(np.array([[-inf, 0.0], [0.0, -inf]]), np.array([1, 1]))],
        refused=[
            Refused((rand(3, 3), integers(4)), ShapeError, "(4,)", "(3,)", "one class number for each row"),
            Refused((rand(3, 3), rand(3)), DTypeError, "integers"),
            Refused((rand(3, 3), integers(3, high=3), rand(2)), ShapeError, "class weights", "(2,)", "3 classes"),
            Refused((rand(2, 3), np.array([0, 3])), DataError, "from 0 to 2", captured=False),
            Refused(lambda: NegativeLogLikelihood(reduction="avg"), NameLookupError, "'avg'"),
        ],
    ),
    Case(
        NegativeLogLikelihood(reduction="none"),
        inputs=(rand(4, 3), LABELS),
        reference=picked(reduction="none"),
        batch=(0, 0),
    ),
    Case(
        NegativeLogLikelihood(ignore_index=-1),
        inputs=(rand(2, 3, 4), HOLES),
        reference=picked(ignore=-1),
        batch=(0, 0),
        extremes=[(np.zeros((1, 2)), np.array([-1]))],
    ),
    Case(
        NegativeLogLikelihood(ignore_index=-1, axis=1),
        inputs=(rand(2, 4, 3), HOLES, positive(4)),
        reference=picked(axis=1, ignore=-1),
        batch=(0, 0, None),
        constant=(2,),
    ),
    Case(
        NegativeLogLikelihood(reduction="sum"),
        inputs=(rand(4, 3), LABELS, positive(3)),
        reference=picked(reduction="sum"),
        batch=(0, 0, None),
        constant=(2,),
    ),
    Case(
        Focal(),
        inputs=(rand(4, 3), rand(4, 3, low=0.1, high=0.9)),
        reference=pair(focal(2, 0.25)),
        batch=(0, 0),
        extremes=[(np.array([60.0, -60.0, 1e4]), np.array([0.0, 1.0, 0.0]))],
        refused=[
            *broadcasting(Focal()),
            Refused((rand(2), np.array([-1.0, 1.0])), DataError, "encode", captured=False),
            Refused(lambda: Focal(alpha=1.5), DataError, "alpha=1.5"),
        ],
    ),
    Case(
        Focal(gamma=1.5, alpha=None, reduction="none"),
        inputs=(rand(4), rand(4, low=0.1, high=0.9)),
        reference=focal(1.5, None),
        batch=(0, 0),
    ),
    Case(
        Dice(),
        inputs=(rand(4, 3, 2, low=0.1, high=0.9), rand(4, 3, 2, low=0.1, high=0.9)),
        reference=pair(overlap),
        batch=(0, 0),
        extremes=[(np.zeros((2, 2)), np.zeros((2, 2)))],
        refused=[
            *(each for each in broadcasting(Dice()) if each.error is not DTypeError),
            Refused((np.array([0.5, 1.5]), np.ones(2)), DataError, "probabilities", "lg.sigmoid", captured=False),
        ],
    ),
    Case(
        Dice(reduction="none"),
        inputs=(rand(4, 3, low=0.1, high=0.9), rand(4, 3, low=0.1, high=0.9)),
        reference=overlap,
        batch=(0, 0),
    ),
    Case(
        Dice(reduction="sum"),
        inputs=(rand(4, low=0.1, high=0.9), rand(4, low=0.1, high=0.9)),
        reference=overlap,
        unbatched="one sample alone",
    ),
    Case(
        NegativeSampling(),
        inputs=(rand(4, 2), rand(4, 3)),
        reference=pair(sampled),
        batch=(0, 0),
        extremes=[(np.array([[1e4], [-1e4]]), np.array([[-1e4], [30.0]]))],
        refused=[Refused((rand(4, 2), rand(3, 2)), ShapeError, "(4, 2)", "(3, 2)", "rows differ")],
    ),
    Case(
        NegativeSampling(reduction="none"),
        inputs=(rand(4, 2, 1), rand(4, 2, 3)),
        reference=sampled,
        batch=(0, 0),
    ),
    Case(
        NegativeSampling(reduction="sum"),
        inputs=(rand(4, 1), rand(4, 3)),
        reference=pair(sampled, "sum"),
        batch=(0, 0),
    ),
]
