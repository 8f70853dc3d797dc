"""Rows of connectionist temporal classification, judged by writing down every alignment."""

import itertools

import numpy as np

from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.nodes.ctc import CTC, CTCAlignment
from tests.case import Case, Refused, inf, integers, rand


def alignments(steps, classes, labels, blank):
    """Every way to say the labels in so many steps: a class for each, equal neighbours said once, blanks left out."""
    for way in itertools.product(range(classes), repeat=steps):
        said = [c for c, _ in itertools.groupby(way) if c != blank]
        if said == list(labels):
            yield way


def each(x, labels, input_lengths, label_lengths, blank):
    """The probability of each sequence, and of each class at each step with it."""
    totals, parts = np.zeros(len(x)), np.zeros(x.shape)
    for row in range(len(x)):
        steps = input_lengths[row]
        for way in alignments(steps, x.shape[2], labels[row, : label_lengths[row]], blank):
            p = np.exp(sum(x[row, step, c] for step, c in enumerate(way)))
            totals[row] += p
            parts[row, np.arange(steps), list(way)] += p
    return totals, parts


def loss(blank=0, zero=False, reduction="mean"):
    def reference(x, labels, input_lengths, label_lengths):
        totals, _ = each(x, labels, input_lengths, label_lengths, blank)
        rows = -np.log(totals)
        if zero:
            rows = np.where(np.isinf(rows), 0.0, rows)
        if reduction == "mean":
            return np.mean(rows / np.maximum(label_lengths, 1))
        return np.sum(rows) if reduction == "sum" else rows

    return reference


def aligned(blank=0):
    def reference(x, labels, input_lengths, label_lengths):
        totals, parts = each(x, labels, input_lengths, label_lengths, blank)
        return parts / np.where(totals == 0, 1, totals)[:, None, None]

    return reference


X = rand(3, 5, 3, low=-2.0, high=0.0)
LABELS = np.array([[1, 2], [1, 1], [2, 7]])
STEPS, COUNTS = np.array([5, 4, 3]), np.array([2, 2, 1])
IMPOSSIBLE = (np.zeros((2, 2, 3)), np.array([[1, 1], [1, 2]]), np.array([2, 2]), np.array([2, 2]))
NOTHING = (np.zeros((2, 2, 3)), np.zeros((2, 0), np.int64), np.array([2, 0]), np.array([0, 0]))

CASES = [
    Case(
        CTC(),
        inputs=(X, LABELS, STEPS, COUNTS),
        reference=loss(),
        batch=(0, 0, 0, 0),
        extremes=[
            IMPOSSIBLE,
            NOTHING,
            (np.array([[[0.0, -inf], [-inf, 0.0]]]), np.array([[1]]), np.array([2]), np.array([1])),
        ],
        refused=[
            Refused((rand(4, 3), LABELS, STEPS, COUNTS), ShapeError, "rank 2", "(N, T, classes)"),
            Refused((rand(5, 3, 3), LABELS, STEPS, COUNTS), ShapeError, "labels", "(3, 2)", "time_first=True"),
            Refused((rand(3, 5, 3), rand(3, 2), STEPS, COUNTS), DTypeError, "integers as labels"),
            Refused((X, LABELS, np.array([6, 5, 5]), COUNTS), DataError, "from 0 to 5", "steps", captured=False),
            Refused((X, LABELS, STEPS, np.array([1, 3, 1])), DataError, "labels there are", captured=False),
            Refused(
                (X, LABELS, STEPS, np.array([2, 2, 2])), DataError, "1 of 6", "the first 7", "blank", captured=False
            ),
            Refused((X, LABELS, STEPS, COUNTS), DataError, "blank=3", kind=CTC(blank=3), captured=False),
        ],
    ),
    Case(
        CTC(reduction="none", blank=2),
        inputs=(X, np.array([[1, 0], [1, 1], [0, 7]]), STEPS, COUNTS),
        reference=loss(2, reduction="none"),
        batch=(0, 0, 0, 0),
        extremes=[IMPOSSIBLE[:1] + (np.array([[1, 1], [1, 0]]),) + IMPOSSIBLE[2:]],
    ),
    Case(
        CTC(reduction="sum", zero_infinity=True),
        inputs=(X, LABELS, np.array([5, 2, 0]), COUNTS),
        reference=loss(zero=True, reduction="sum"),
        batch=(0, 0, 0, 0),
        extremes=[IMPOSSIBLE],
    ),
    Case(
        CTC(),
        inputs=(X, np.zeros((3, 0), np.int64), STEPS, np.array([0, 0, 0])),
        reference=loss(),
        batch=(0, 0, 0, 0),
        name="CTC without labels",
    ),
    Case(
        CTCAlignment(),
        inputs=(X, LABELS, STEPS, COUNTS),
        reference=aligned(),
        batch=(0, 0, 0, 0),
        extremes=[IMPOSSIBLE],
        refused=[Refused((rand(3, 5, 3), integers(3), STEPS, COUNTS), ShapeError, "labels")],
    ),
    Case(
        CTCAlignment(blank=2),
        inputs=(X, np.array([[1, 0], [1, 1], [0, 7]]), np.array([5, 2, 0]), COUNTS),
        reference=aligned(2),
        batch=(0, 0, 0, 0),
    ),
]
