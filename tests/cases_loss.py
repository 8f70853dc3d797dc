"""Rows of losses."""

import numpy as np
from scipy import special

from localgrad.graph.errors import DataError, DTypeError, NameLookupError, ShapeError
from localgrad.nodes.binary_cross_entropy import BinaryCrossEntropy, SigmoidCrossEntropy
from localgrad.nodes.cross_entropy import CrossEntropyGradient, SoftmaxCrossEntropy
from localgrad.nodes.losses import Huber, KLDivergence, MeanAbsoluteError, MeanSquaredError
from tests.case import Case, Point, Refused, inf, integers, nan, positive, rand


def reduced(entries, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduction](entries)


def pair(entries, reduction="mean"):
    return lambda x, t: reduced(entries(x, t), reduction)


def squared(x, t):
    return (x - t) ** 2


def huber(x, t):
    d = np.abs(x - t)
    return np.where(d <= 0.5, d**2 / 2, 0.5 * (d - 0.25))


def broadcasting(kind):
    return [
        Refused(
            (rand(8, 1), rand(8)),
            ShapeError,
            "prediction (8, 1) and target (8,) would broadcast to (8, 8); use target[:, None]",
            kind.name,
            kind=kind,
        ),
        Refused((rand(8), rand(8, 1)), ShapeError, "(8,) and target (8, 1)", "use target[:, 0]", kind=kind),
        Refused((rand(4, 3), rand(3)), ShapeError, "give a target of shape (4, 3)", kind=kind),
        Refused((rand(4), rand(3)), ShapeError, "differ", kind=kind),
        Refused((integers(4), rand(4)), DTypeError, "int64 tensors have no gradient", "astype", kind=kind),
        Refused(lambda: type(kind)(reduction="average"), NameLookupError, "'average'", "'mean', "),
    ]


def divergence(x, t):
    return special.xlogy(t, t) - t * x


def cross_entropy(axis=-1, ignore=None, smoothing=0.0, reduction="mean"):
    """The definition, row by row."""

    def reference(logits, labels, weights=None):
        p = special.softmax(logits, axis=axis)
        logp = np.moveaxis(special.log_softmax(logits, axis=axis), axis, -1)
        classes = logp.shape[-1]
        w = np.ones(classes) if weights is None else weights
        if labels.ndim == logits.ndim:
            t = (1 - smoothing) * np.moveaxis(labels, axis, -1) + smoothing / classes
            return reduced(-np.sum(w * t * logp, axis=-1), reduction), p
        rows, total = np.zeros(labels.shape), 0.0
        for place in np.ndindex(labels.shape):
            label = labels[place]
            if label == ignore:
                continue
            target = np.full(classes, smoothing / classes)
            target[label] += 1 - smoothing
            rows[place] = -np.sum(np.where(target == 0, 0, target * w * logp[place]))
            total += w[label]
        if reduction == "mean":
            return np.sum(rows) / (total or 1.0), p
        return reduced(rows, reduction), p

    return reference


def part(p, labels, scale):
    wide = np.expand_dims(scale, -1) if np.ndim(scale) else scale
    y = np.where(wide == 0, 0.0, p * wide)
    for place in np.ndindex(labels.shape):
        y[(*place, labels[place])] -= scale[place] if np.ndim(scale) else scale
    return y


def yes_or_no(x, t):
    """Without subtraction, so that it is exact in the tails."""
    right, wrong = np.where(t == 0, 0, t * np.logaddexp(0, -x)), np.where(t == 1, 0, (1 - t) * np.logaddexp(0, x))
    return right + wrong


def clamped(x, t):
    return -(t * np.maximum(np.log(x), -100) + (1 - t) * np.maximum(np.log1p(-x), -100))


LABELS = np.array([2, 0, 1, 1])
HOLES = np.array([[2, -1, 1], [0, 0, -1]])
ONE_HOT = np.eye(3)[LABELS]
SIGMOID = special.expit

CASES = [
    # pairs of one shape
    Case(
        MeanSquaredError(),
        inputs=(rand(4, 3), rand(4, 3)),
        reference=pair(squared),
        batch=(0, 0),
        extremes=[(np.array([1.0, inf]), np.zeros(2)), (np.array([1.0, nan]), np.zeros(2))],
        refused=broadcasting(MeanSquaredError()),
    ),
    Case(MeanSquaredError(reduction="sum"), inputs=(rand(4), rand(4)), reference=pair(squared, "sum"), batch=(0, 0)),
    Case(MeanSquaredError(reduction="none"), inputs=(rand(4), rand(4)), reference=squared, batch=(0, 0)),
    Case(MeanSquaredError(), inputs=(rand(4), 0.5), reference=pair(squared), batch=(0, None)),
    Case(MeanSquaredError(), inputs=(rand(4, 2), rand()), reference=pair(squared), batch=(0, None)),
    Case(
        MeanAbsoluteError(),
        inputs=(rand(4, 3, low=1.0), rand(4, 3, high=0.9)),
        reference=pair(lambda x, t: np.abs(x - t)),
        batch=(0, 0),
        points=[Point((1.0, 1.0), (0.0, 0.0)), Point((1.0, 2.0), (-1.0, 1.0))],
        extremes=[(np.array([1.0, inf]), np.zeros(2))],
        refused=broadcasting(MeanAbsoluteError()),
    ),
    Case(
        MeanAbsoluteError(reduction="none"),
        inputs=(rand(4, low=1.0), rand(4, high=0.9)),
        reference=lambda x, t: np.abs(x - t),
        batch=(0, 0),
    ),
    Case(
        Huber(delta=0.5),
        inputs=(np.array([[0.2, 1.5, -2.0], [-0.1, 0.3, 0.9]]), np.zeros((2, 3))),
        reference=pair(huber),
        batch=(0, 0),
        points=[Point((0.5, 0.0), (0.5, -0.5)), Point((-3.0, 0.0), (-0.5, 0.5))],
        extremes=[(np.array([1.0, inf]), np.zeros(2))],
        refused=[*broadcasting(Huber()), Refused(lambda: Huber(delta=0.0), DataError, "delta above 0", "0.0")],
    ),
    Case(
        Huber(delta=0.5, reduction="sum"),
        inputs=(np.array([0.2, 1.5, -2.0]), np.zeros(3)),
        reference=pair(huber, "sum"),
        batch=(0, 0),
    ),
    Case(
        KLDivergence(),
        inputs=(rand(4, 3), positive(4, 3)),
        reference=pair(divergence),
        batch=(0, 0),
        points=[Point((-1.0, 0.0), (0.0, 0.0))],
        extremes=[(np.array([-1.0, -2.0]), np.array([0.0, 1.0]))],
        refused=[
            *broadcasting(KLDivergence()),
            Refused(lambda: KLDivergence(reduction="batch_mean"), NameLookupError, "did you mean batchmean"),
        ],
    ),
    Case(
        KLDivergence(reduction="batchmean"),
        inputs=(rand(4, 3), positive(4, 3)),
        reference=lambda x, t: np.sum(divergence(x, t)) / len(x),
        batch=(0, 0),
    ),
    Case(KLDivergence(reduction="sum"), inputs=(rand(3), positive(3)), reference=pair(divergence, "sum"), batch=(0, 0)),
    # yes or no
    Case(
        SigmoidCrossEntropy(),
        inputs=(rand(4, 3), rand(4, 3, low=0.1, high=0.9)),
        reference=pair(yes_or_no),
        batch=(0, 0),
        points=[Point((0.0, 1.0), (-0.5, 0.0))],
        extremes=[(np.array([1e4, -1e4]), np.array([0.0, 1.0]))],
        refused=[
            *broadcasting(SigmoidCrossEntropy()),
            Refused(
                (rand(2), np.array([-1.0, 1.0])),
                DataError,
                "targets",
                "1 of 2",
                "encode -1.0 and 1.0 as 0 and 1",
                captured=False,
            ),
            Refused((rand(3), np.array([0.0, 1.0, 2.0])), DataError, "lg.softmax_cross_entropy", captured=False),
            Refused((rand(3, 2), rand(3, 2, low=0.2, high=0.8), rand(3)), ShapeError, "weight", "(3, 2)"),
        ],
    ),
    Case(
        SigmoidCrossEntropy(reduction="none"),
        inputs=(rand(4), rand(4, low=0.1, high=0.9)),
        reference=yes_or_no,
        batch=(0, 0),
        extremes=[
            (np.array([50.0, -50.0, 30.0, -30.0]), np.array([1.0, 0.0, 1.0, 0.0])),
            (np.array([1e4, -1e4, 1e4, -1e4, -inf]), np.array([1.0, 0.0, 0.0, 1.0, 0.0])),
        ],
    ),
    Case(
        SigmoidCrossEntropy(reduction="sum"),
        inputs=(rand(4, 3), rand(4, 3, low=0.1, high=0.9), positive(3)),
        reference=lambda x, t, w: np.sum(-(w * t * np.log(SIGMOID(x)) + (1 - t) * np.log(SIGMOID(-x)))),
        batch=(0, 0, None),
    ),
    Case(
        BinaryCrossEntropy(),
        inputs=(rand(4, 3, low=0.1, high=0.9), rand(4, 3, low=0.1, high=0.9)),
        reference=pair(clamped),
        batch=(0, 0),
        refused=[
            *broadcasting(BinaryCrossEntropy()),
            Refused(
                (np.array([0.5, 1.5]), np.ones(2)),
                DataError,
                "probabilities",
                "1 of 2",
                "lg.sigmoid_cross_entropy",
                captured=False,
            ),
            Refused((np.array([0.5, 0.5]), np.array([0.0, 2.0])), DataError, "targets", "0.0 to 2.0", captured=False),
        ],
    ),
    Case(
        BinaryCrossEntropy(reduction="none"),
        inputs=(rand(4, low=0.1, high=0.9), rand(4, low=0.1, high=0.9)),
        reference=clamped,
        batch=(0, 0),
        extremes=[(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]))],
        points=[Point((0.0, 1.0), (-1e12, 100.0)), Point((1.0, 1.0), (0.0, -100.0))],
    ),
    # one of several classes
    Case(
        SoftmaxCrossEntropy(),
        inputs=(rand(4, 3), LABELS),
        reference=cross_entropy(),
        batch=(0, 0),
        extremes=[
            (np.array([[1e4, -1e4, 0.0], [0.0, 1e4, 1e4]]), np.array([2, 1])),
            (np.array([[-1e4, -1e4, -1e4]]), np.array([2])),
            (np.array([[-inf, 0.0, 1.0]]), np.array([2])),
        ],
        refused=[
            Refused(
                (rand(4, 3), np.array([1, 2, 3, 1])),
                DataError,
                "from 0 to 2",
                "shape (4, 3)",
                "3 classes on axis 1",
                "1 of 4 rows",
                "first row 2, which has 3",
                "1, 2, 3",
                "subtract 1",
                captured=False,
            ),
            Refused(
                (rand(3, 3), np.array([1, -1, 0])),
                DataError,
                "1 of 3 rows",
                "first row 1, which has -1",
                "pass ignore_index=-1",
                captured=False,
            ),
            Refused(
                (rand(3, 3), np.array([10, 20, 20])), DataError, "3 of 3 rows", "return_inverse=True", captured=False
            ),
            Refused((rand(4, 3), np.array([0, 1, 2, 7])), DataError, "give the model 8 outputs", captured=False),
            Refused(
                (rand(2, 2, 3), np.array([[0, 1], [2, 3]])), DataError, "first row (1, 1), which has 3", captured=False
            ),
            Refused(
                (rand(3, 3), np.array([0.0, 1.0, 2.0])),
                DTypeError,
                "integers from 0 to 2",
                "float",
                ".astype(np.int64)",
            ),
            Refused((rand(3, 3), rand(3, 4)), ShapeError, "4 entries on axis 1", "3 classes", "one-hot rows need 3"),
            Refused((rand(3, 3), integers(3, 1)), ShapeError, "use labels[:, 0]"),
            Refused(
                (rand(3, 3), integers(4)), ShapeError, "neither as class numbers, (3,)", "one class number for each row"
            ),
            Refused((rand(3, 3), integers(3, high=3), rand(2)), ShapeError, "class weights of shape (2,)", "3 classes"),
            Refused((integers(3, 3), integers(3, high=3)), DTypeError, "int64 tensors have no gradient"),
            Refused(lambda: SoftmaxCrossEntropy(label_smoothing=1.0), DataError, "label_smoothing", "1.0"),
        ],
    ),
    Case(
        SoftmaxCrossEntropy(reduction="none"),
        inputs=(rand(4, 3), LABELS),
        reference=cross_entropy(reduction="none"),
        batch=(0, 0),
    ),
    Case(
        SoftmaxCrossEntropy(reduction="sum"),
        inputs=(rand(3), np.array(1)),
        reference=cross_entropy(reduction="sum"),
        unbatched="one row alone",
    ),
    Case(
        SoftmaxCrossEntropy(ignore_index=-1),
        inputs=(rand(2, 3, 4), HOLES),
        reference=cross_entropy(ignore=-1),
        batch=(0, 0),
        extremes=[(np.zeros((1, 2)), np.array([-1]))],
    ),
    Case(
        SoftmaxCrossEntropy(ignore_index=-1, reduction="none"),
        inputs=(rand(2, 3, 4), HOLES),
        reference=cross_entropy(ignore=-1, reduction="none"),
        batch=(0, 0),
    ),
    Case(
        SoftmaxCrossEntropy(ignore_index=-1, label_smoothing=0.2),
        inputs=(rand(2, 3, 4), HOLES, positive(4)),
        reference=cross_entropy(ignore=-1, smoothing=0.2),
        batch=(0, 0, None),
        constant=(2,),
    ),
    Case(
        SoftmaxCrossEntropy(axis=1, label_smoothing=0.1),
        inputs=(rand(2, 4, 3), np.abs(HOLES)),
        reference=cross_entropy(axis=1, smoothing=0.1),
        batch=(0, 0),
    ),
    Case(
        SoftmaxCrossEntropy(axis=1),
        inputs=(rand(2, 4, 3), np.abs(HOLES), positive(4)),
        reference=cross_entropy(axis=1),
        batch=(0, 0, None),
        constant=(2,),
    ),
    Case(
        SoftmaxCrossEntropy(),
        inputs=(rand(4, 3), rand(4, 3, low=0.1, high=0.6)),
        reference=cross_entropy(),
        batch=(0, 0),
        name="SoftmaxCrossEntropy of probabilities",
    ),
    Case(
        SoftmaxCrossEntropy(axis=1, label_smoothing=0.1, reduction="none"),
        inputs=(rand(2, 4, 3), rand(2, 4, 3, low=0.1, high=0.6), positive(4)),
        reference=cross_entropy(axis=1, smoothing=0.1, reduction="none"),
        batch=(0, 0, None),
        constant=(2,),
    ),
    Case(
        SoftmaxCrossEntropy(),
        inputs=(rand(4, 3), ONE_HOT.astype(np.int64)),
        reference=cross_entropy(),
        batch=(0, 0),
        name="SoftmaxCrossEntropy of one-hot rows",
    ),
    Case(
        SoftmaxCrossEntropy(),
        inputs=(rand(4, 3), LABELS.astype(np.uint8)),
        reference=cross_entropy(),
        batch=(0, 0),
        name="SoftmaxCrossEntropy of small integers",
    ),
    Case(
        CrossEntropyGradient(),
        inputs=(rand(4, 3), LABELS, rand(4)),
        reference=part,
        batch=(0, 0, 0),
        extremes=[(np.array([[nan, 1.0], [0.5, 0.5]]), np.array([1, 0]), np.array([0.0, 1.0]))],
        refused=[Refused((rand(4, 3), integers(3), rand(4)), ShapeError, "a factor for each row", "labels (3,)")],
    ),
    Case(CrossEntropyGradient(), inputs=(rand(4, 3), LABELS, rand()), reference=part, batch=(0, 0, None)),
    Case(
        CrossEntropyGradient(axis=1),
        inputs=(rand(2, 4, 3), np.abs(HOLES), rand(2, 3)),
        reference=lambda p, labels, scale: np.moveaxis(part(np.moveaxis(p, 1, -1), labels, scale), -1, 1),
        batch=(0, 0, 0),
    ),
]
