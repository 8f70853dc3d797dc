"""Rows of control flow: kinds that hold graphs."""

import numpy as np

from localgrad.graph.capturing import capture
from localgrad.graph.errors import DataError, GradientError, ShapeError
from localgrad.graph.spec import spec
from localgrad.graph.tensor import parameter
from localgrad.nodes.exponential import exp
from localgrad.nodes.reduction import sum as total
from localgrad.nodes.trigonometric import sin, tanh
from localgrad.transform.conditional import If
from localgrad.transform.iteration import Loop, Scan
from localgrad.transform.rounds import Rounds
from tests.case import Case, Refused, booleans, rand


def double(*shape):
    return spec(*shape, dtype="float64")


def cell(h, x, w):
    """A recurrent step: the new state, what is stacked, and what is summed."""
    y = tanh(h @ w + x)
    return y, y * x, total(y, axis=0)


def cells(h, xs, w, order=slice(None)):
    ys, sums = [], np.zeros(w.shape[1])
    for x in xs[order]:
        h = np.tanh(h @ w + x)
        ys.append(h * x)
        sums = sums + h.sum(axis=0)
    return h, np.stack(ys[order]), sums


CELL = capture(cell, double("N", 3), double("N", 3), double(3, 3))
GROWTH = capture(lambda a, b, w: (sin(a * b), a + b * w), double("N", 3), double("N", 3), double(3))
CHOICE = If(
    then_branch=capture(lambda x, w: (tanh(x) * w, exp(x)), double("N", 4), double(4)),
    else_branch=capture(lambda x, w: (x * x, x + w), double("N", 4), double(4)),
)

DOUBLING = capture(lambda x, go, w: (x * w, (x * w).sum() < 20), double("N"), spec(dtype="bool"), double())


def growth(count, a, b, w):
    for _ in range(count):
        a, b = np.sin(a * b), a + b * w
    return a, b


def rounds(most, x, go, w):
    count = 0
    while count < most and go:
        x, go, count = x * w, (x * w).sum() < 20, count + 1
    return np.int64(count)


CASES = [
    Case(
        CHOICE,
        (np.bool_(True), rand(3, 4), rand(4)),
        lambda condition, x, w: (np.tanh(x) * w, np.exp(x)),
        batch=(None, 0, None),
        float32=False,
        name="If that is true",
        refused=[
            Refused((booleans(3), rand(3, 4), rand(4)), ShapeError, "to choose by", "shape (3,)", "lg.where"),
            Refused((True, rand(3, 5), rand(4)), ShapeError, "its branches were recorded for", "(3, 5)"),
            Refused((True, rand(3, 4)), ShapeError, "1 inputs after its condition", "2: "),
            Refused(
                lambda: If(then_branch=CELL, else_branch=GROWTH), ShapeError, "the inputs of one are", "(N, 3)", "do: "
            ),
        ],
    ),
    Case(
        CHOICE,
        (np.bool_(False), rand(3, 4), rand(4)),
        lambda condition, x, w: (x * x, x + w),
        batch=(None, 0, None),
        float32=False,
        name="If that is not",
    ),
    Case(
        Scan(body=CELL, carries=1, scanned=1, summed=1),
        (rand(4, 3), rand(5, 4, 3), rand(3, 3)),
        cells,
        batch=(0, 1, None),
        float32=False,
        gradient_rtol=1e-5,
        name="Scan of a recurrent cell",
        refused=[
            Refused((rand(4, 3), rand(4, 3), rand(3, 3)), ShapeError, "its body was recorded for", "at each step"),
            Refused((rand(4, 3), rand(5, 4, 3)), ShapeError, "was given 2 inputs", "it takes 3"),
            Refused(lambda: Scan(body=CELL, carries=3), ShapeError, "3 carries", "its body has the inputs"),
            Refused(
                (rand(4, 3), rand(4, 3)),
                ShapeError,
                "neither an input to scan nor a length",
                kind=Scan(body=capture(lambda h, w: tanh(h) * w, double(4, 3), double(4, 3)), carries=1),
            ),
            Refused(
                (rand(2), rand(3, 2)),
                ShapeError,
                "length 4",
                kind=Scan(body=capture(lambda h, x: h * x, double(2), double(2)), carries=1, scanned=1, length=4),
            ),
            Refused(
                (rand(2, 2), rand(3, 2)),
                ShapeError,
                "first axis",
                "(3, 2)",
                kind=Scan(body=capture(lambda x, y: x * y, double(2), double(2)), scanned=2),
            ),
        ],
    ),
    Case(
        Scan(body=CELL, carries=1, scanned=1, summed=1),
        (rand(4, 3), rand(5, 4, 3), rand(3, 3)),
        cells,
        batch=(None, 0, None),
        float32=False,
        gradient_rtol=1e-5,
        name="Scan of any length",
    ),
    Case(
        Scan(body=CELL, carries=1, scanned=1, summed=1, reverse=True),
        (rand(4, 3), rand(1, 4, 3), rand(3, 3)),
        lambda h, xs, w: cells(h, xs, w, slice(None, None, -1)),
        batch=(None, 0, None),
        float32=False,
        gradient_rtol=1e-5,
        name="Scan from the end",
    ),
    Case(
        Scan(body=GROWTH, carries=2, length=3),
        (rand(4, 3), rand(4, 3), rand(3)),
        lambda a, b, w: growth(3, a, b, w),
        batch=(0, 0, None),
        float32=False,
        gradient_rtol=1e-5,
        name="Scan of a length alone",
    ),
    Case(
        Loop(body=GROWTH, carries=2),
        (np.int64(3), rand(4, 3), rand(4, 3), rand(3)),
        growth,
        batch=(None, 0, 0, None),
        float32=False,
        gradient_rtol=1e-5,
        name="Loop",
        refused=[
            Refused((np.int64(-1), rand(4, 3), rand(4, 3), rand(3)), DataError, "-1 rounds", captured=False),
            Refused((rand(), rand(4, 3), rand(4, 3), rand(3)), ShapeError, "number of rounds", "float64"),
            Refused(lambda: Loop(body=GROWTH, carries=2, extent="2 steps"), ShapeError, "'2 steps'", "no name"),
            Refused(
                lambda: Loop(body=capture(lambda x: x * parameter([2.0], name="w"), spec(1)), carries=1),
                GradientError,
                "the parameter `w` stands in it",
                "make it an input",
            ),
        ],
    ),
    Case(
        Loop(body=GROWTH, carries=2),
        (2, rand(4, 3), rand(4, 3), rand(3)),
        growth,
        batch=(None, 0, 0, None),
        float32=False,
        gradient_rtol=1e-5,
        name="Loop of a number of rounds",
    ),
    Case(
        Rounds(body=DOUBLING, carries=2, condition=1),
        (np.int64(9), np.array([1.0, 2.0]), np.bool_(True), np.float64(2)),
        rounds,
        batch=(None, 0, None, None),
        float32=False,
        name="Rounds until a sum is large",
        refused=[
            Refused((np.int64(9), rand(2)), ShapeError, "was given 1 inputs", "takes 3"),
            Refused(lambda: Rounds(body=DOUBLING, carries=3), ShapeError, "3 carries", "give a body"),
        ],
    ),
    Case(
        Rounds(body=DOUBLING, carries=2, condition=1),
        (2, np.array([1.0, 2.0]), np.bool_(True), np.float64(2)),
        rounds,
        float32=False,
        name="Rounds that are counted out",
    ),
]
