"""Rows of the losses with a margin, and of the cosine."""

import numpy as np

from localgrad.graph.errors import DataError, DTypeError, NameLookupError, ShapeError
from localgrad.nodes.margins import Hinge, HingeEmbedding, MarginRanking, MultiMargin, SoftMargin, TripletMargin
from localgrad.nodes.similarity import CosineEmbedding, CosineSimilarity
from tests.case import Case, Point, Refused, integers, positive, rand
from tests.cases_loss import LABELS, pair, reduced

SIGNS = np.array([1.0, -1.0, -1.0, 1.0])
SCORES = np.array([0.4, 1.7, -1.4, 2.3])


def hinge(x, t, power=1):
    return np.maximum(0, 1 - t * x) ** power


def embedded(x, t):
    return np.where(t == 1, x, np.maximum(0, 1 - x))


def several_classes(power=1, margin=1.0, reduction="mean"):
    def reference(x, labels, weights=None):
        rows = np.zeros(labels.shape)
        for place in np.ndindex(labels.shape):
            right = labels[place]
            short = [max(0.0, margin - x[(*place, right)] + x[(*place, c)]) ** power for c in range(x.shape[-1])]
            rows[place] = (sum(short) - short[right]) / x.shape[-1] * (1 if weights is None else weights[right])
        return reduced(rows, reduction)

    return reference


def triplet(power=2.0, swap=False, reduction="mean"):
    def distance(a, b):
        return np.sum(np.abs(a - b + 1e-6) ** power, axis=-1) ** (1 / power)

    def reference(a, p, n):
        far = distance(a, n)
        if swap:
            far = np.minimum(far, distance(p, n))
        return reduced(np.maximum(0, distance(a, p) - far + 1), reduction)

    return reference


def cosine(a, b, axis=-1):
    return np.sum(a * b, axis=axis) / np.linalg.norm(a, axis=axis) / np.linalg.norm(b, axis=axis)


def alike(a, b, t):
    c = cosine(a, b)
    return np.where(t == 1, 1 - c, np.maximum(0, c + 0.5))


WRONG_SIGNS = np.array([0.0, 1.0])

CASES = [
    Case(
        Hinge(),
        inputs=(SCORES, SIGNS),
        reference=pair(hinge),
        batch=(0, 0),
        constant=(1,),
        points=[Point((1.0, 1.0), (0.0, None)), Point((0.5, -1.0), (1.0, None))],
        refused=[
            Refused((rand(2), WRONG_SIGNS), DataError, "1 or -1", "1 of 2", "2 * t - 1", captured=False),
            Refused((rand(4, 1), rand(4)), ShapeError, "use target[:, None]"),
            Refused((integers(4), rand(4)), DTypeError, "int64 tensors have no gradient"),
            Refused(lambda: Hinge(power=3), DataError, "power 3"),
            Refused(lambda: Hinge(reduction="average"), NameLookupError, "'average'"),
        ],
    ),
    Case(
        Hinge(power=2, reduction="none"),
        inputs=(SCORES, SIGNS),
        reference=lambda x, t: hinge(x, t, 2),
        batch=(0, 0),
        constant=(1,),
    ),
    Case(
        HingeEmbedding(),
        inputs=(np.abs(SCORES), SIGNS),
        reference=pair(embedded),
        batch=(0, 0),
        constant=(1,),
        points=[Point((1.0, -1.0), (-1.0, None)), Point((2.0, 1.0), (1.0, None))],
        refused=[Refused((rand(2), np.array([2.0, 1.0])), DataError, "1 of 2", "the first 2.0", captured=False)],
    ),
    Case(
        HingeEmbedding(reduction="none"),
        constant=(1,),
        inputs=(np.abs(SCORES), SIGNS),
        reference=embedded,
        batch=(0, 0),
    ),
    Case(
        SoftMargin(),
        inputs=(SCORES, SIGNS),
        reference=pair(lambda x, t: np.logaddexp(0, -t * x)),
        batch=(0, 0),
        constant=(1,),
        extremes=[(np.array([1e4, -1e4]), np.array([1.0, 1.0]))],
        refused=[Refused((rand(2), WRONG_SIGNS), DataError, "1 or -1", captured=False)],
    ),
    Case(
        MultiMargin(),
        inputs=(rand(4, 3), LABELS),
        reference=several_classes(),
        batch=(0, 0),
        points=[Point((np.array([[0.0, 1.0]]), np.array([1])), (np.array([[0.0, 0.0]]), None))],
        refused=[
            Refused((rand(3, 3), integers(4)), ShapeError, "(4,)", "(3,)"),
            Refused((rand(3, 3), rand(3)), DTypeError, "integers"),
            Refused((rand(2, 3), np.array([0, 3])), DataError, "from 0 to 2", captured=False),
            Refused((rand(3, 3), integers(3, high=3), rand(2)), ShapeError, "class weights", "(2,)"),
        ],
    ),
    Case(
        MultiMargin(power=2, margin=0.7, reduction="none"),
        inputs=(rand(4, 3), LABELS, positive(3)),
        reference=several_classes(2, 0.7, "none"),
        batch=(0, 0, None),
        constant=(2,),
    ),
    Case(
        MultiMargin(reduction="sum"),
        inputs=(rand(3), np.array(1)),
        reference=several_classes(reduction="sum"),
        unbatched="one row alone",
    ),
    Case(
        MarginRanking(margin=0.3),
        inputs=(np.array([0.2, 1.5, -2.0, 0.9]), np.array([1.0, 1.0, -0.5, 0.1]), SIGNS),
        reference=lambda a, b, t: np.mean(np.maximum(0, 0.3 - t * (a - b))),
        batch=(0, 0, 0),
        constant=(2,),
        points=[Point((0.5, 0.2, 1.0), (0.0, 0.0, None), grad=0.0)],
        refused=[
            Refused((rand(4), rand(3), SIGNS), ShapeError, "(4,)", "(3,)", "differ"),
            Refused((rand(4), rand(4), rand(3)), ShapeError, "targets", "(3,)"),
            Refused((rand(2), rand(2), WRONG_SIGNS), DataError, "1 or -1", captured=False),
        ],
    ),
    Case(
        MarginRanking(reduction="none"),
        inputs=(np.array([0.2, 1.5, -2.0, 0.9]), np.array([1.0, 1.0, -0.5, 0.1]), SIGNS),
        reference=lambda a, b, t: np.maximum(0, -t * (a - b)),
        batch=(0, 0, 0),
        constant=(2,),
        points=[Point((1.0, 1.0, 1.0), (-1.0, 1.0, None))],
    ),
    Case(
        TripletMargin(),
        inputs=(rand(4, 3), rand(4, 3), rand(4, 3)),
        reference=triplet(),
        batch=(0, 0, 0),
        refused=[
            Refused((rand(4, 3), rand(4, 3), rand(4, 2)), ShapeError, "(4, 2)", "differ"),
            Refused((rand(), rand(), rand()), ShapeError, "vectors"),
            Refused(lambda: TripletMargin(margin=0.0), DataError, "margin=0.0"),
        ],
    ),
    Case(
        TripletMargin(power=1.0, reduction="none"),
        inputs=(rand(4, 3), rand(4, 3), rand(4, 3)),
        reference=triplet(1.0, reduction="none"),
        batch=(0, 0, 0),
    ),
    Case(
        TripletMargin(power=3.0, swap=True, reduction="sum"),
        inputs=(rand(4, 3), rand(4, 3), rand(4, 3)),
        reference=triplet(3.0, True, "sum"),
        batch=(0, 0, 0),
    ),
    Case(
        CosineSimilarity(),
        inputs=(rand(4, 3), rand(4, 3)),
        reference=cosine,
        batch=(0, 0),
        points=[Point((np.array([3.0, 0.0]), np.array([0.0, 2.0])), (np.array([0.0, 1 / 3]), np.array([0.5, 0.0])))],
        refused=[
            Refused((rand(4, 3), rand(3)), ShapeError, "(4, 3)", "(3,)", "rank"),
            Refused((rand(4, 3), rand(4, 1)), ShapeError, "axis 1"),
            Refused((integers(4, 3), rand(4, 3)), DTypeError, "int64"),
        ],
    ),
    Case(
        CosineSimilarity(axis=0),
        inputs=(rand(3, 4), rand(3, 1)),
        reference=lambda a, b: cosine(a, b, 0),
        batch=(1, None),
    ),
    Case(
        CosineEmbedding(margin=-0.5),
        inputs=(rand(4, 3), rand(4, 3), SIGNS),
        reference=lambda a, b, t: np.mean(alike(a, b, t)),
        batch=(0, 0, 0),
        constant=(2,),
        rtol=(1e-10, 2e-5),
        refused=[
            Refused((rand(4, 3), rand(4, 2), SIGNS), ShapeError, "(4, 2)", "differ"),
            Refused((rand(4, 3), rand(4, 3), rand(3)), ShapeError, "targets", "(4,)"),
            Refused((rand(2, 3), rand(2, 3), WRONG_SIGNS), DataError, "1 or -1", captured=False),
        ],
    ),
    Case(
        CosineEmbedding(margin=-0.5, reduction="none"),
        inputs=(rand(4, 3), rand(4, 3), SIGNS),
        reference=alike,
        batch=(0, 0, 0),
        constant=(2,),
        rtol=(1e-10, 2e-5),
    ),
]
