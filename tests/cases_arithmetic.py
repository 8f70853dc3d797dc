"""Rows of arithmetic."""

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.arithmetic import Add, Div, FloorDivide, Mod, Mul, Neg, Pow, Sub
from localgrad.nodes.base import Chain, SecondChain
from tests.case import Case, Point, Refused, booleans, inf, integers, nan, positive, rand

PAIRS = [(0.0, 0.0), (inf, inf), (inf, -inf), (0.0, inf), (nan, 1.0), (1.0, 0.0), (-1.0, 0.0), (-0.0, 2.0)]
apart = rand(3, 4, avoid=(0.0,))
wide = rand(3, 4, low=0.5, high=2.0)


def broadcasting(kind, reference, left=apart, right=wide):
    """The rows every arithmetic kind of two inputs has."""
    return [
        Case(kind, (left, right), reference, extremes=PAIRS),
        Case(kind, (rand(2, 3, 4), right), reference, batch=(0, None)),
        Case(kind, (right, rand(4, low=0.5)), reference, batch=(0, None)),
        Case(kind, (left, 2.5), reference, name=f"{kind} with a number"),
        Case(kind, (2.5, right), reference, name=f"{kind} of a number"),
        Case(kind, (integers(3, 4, low=1), integers(3, 4, low=1)), reference, name=f"{kind} of integers"),
    ]


CASES = [
    *broadcasting(Add(), np.add),
    *broadcasting(Sub(), np.subtract),
    *broadcasting(Mul(), np.multiply),
    *broadcasting(Div(), np.divide),
    *broadcasting(FloorDivide(), np.floor_divide),
    # away from the jumps
    Case(Mod(), (rand(3, 4, low=0.1, high=0.9), rand(3, 4, low=1.1, high=2.0)), np.mod, extremes=PAIRS),
    Case(
        Mod(),
        (rand(3, 4, low=4.1, high=4.3), positive(4)),
        np.mod,
        batch=(0, None),
        name="Mod broadcast",
        rtol=(1e-12, 1e-4),
    ),
    Case(
        Mod(), (rand(3, 4, low=-0.9, high=-0.1), 2.0), np.mod, name="Mod with a number", points=[Point((3.0, 2.0), 1.0)]
    ),
    Case(Mod(), (integers(3, 4), integers(4, low=1)), np.mod, batch=(0, None), name="Mod of integers"),
    Case(
        Sub(),
        (rand(3), rand(3)),
        np.subtract,
        refused=[
            Refused((booleans(3), booleans(3)), DTypeError, "Sub", "bool", "astype"),
            Refused((rand(3, 4), rand(3)), ShapeError, "shapes that broadcast", "4 against 3 on axis -1", "x[:, None]"),
        ],
    ),
    Case(
        Mul(),
        (rand(3), rand(3)),
        np.multiply,
        points=[Point((0.0, inf), (0.0, 0.0), grad=0.0), Point((2.0, 3.0), (3.0, 2.0), second=(1.0, 1.0))],
    ),
    Case(
        Div(),
        (rand(3), rand(3, avoid=(0.0,))),
        np.divide,
        points=[
            Point((1.0, 0.0), (0.0, 0.0), grad=0.0),
            Point((1.0, 0.0), (inf, -inf)),
            Point((3.0, 2.0), (0.5, -0.75), second=(-0.25, 0.5)),
        ],
    ),
    Case(
        Div(),
        (rand(3), 4),
        np.divide,
        name="Div by a number",
        points=[Point((1.0, 0), inf), Point((1.0, 0), 0.0, grad=0.0), Point((1.0, -0.0), -inf)],
    ),
    Case(Neg(), (rand(3, 4),), np.negative, extremes=[0.0, inf, -inf, nan], points=[Point(2.0, -1.0, second=0.0)]),
    # powers
    Case(
        Pow(),
        (positive(3, 4), rand(3, 4)),
        np.power,
        extremes=[(0.0, 0.0), (0.0, -1.0), (-2.0, 3.0), (-2.0, 0.5), (inf, 0.0), (nan, 0.0), (1.0, nan), (0.0, inf)],
        points=[
            Point((0.0, 0.0), (0.0, 0.0)),
            Point((0.0, 2.0), (0.0, 0.0)),
            Point((0.0, 0.5), (inf, 0.0)),
            Point((-2.0, 3.0), (12.0, nan)),
            Point((0.0, -1.0), (0.0, 0.0), grad=0.0),
            Point((1.0, 2.0), (2.0, 0.0), second=(2.0 + 1.0, 1.0 + 0.0)),
        ],
    ),
    Case(Pow(), (positive(2, 3), rand(3)), np.power, batch=(0, None)),
    *(
        Case(
            Pow(),
            (apart if float(b).is_integer() else positive(3, 4), b),
            np.power,
            name=f"Pow to the {b!r}",
            points=points,
        )
        for b, points in [
            (0, [Point((0.0, 0), 0.0), Point((-2.0, 0), 0.0)]),
            (1, [Point((0.0, 1), 1.0)]),
            (2, [Point((0.0, 2), 0.0, second=2.0), Point((-3.0, 2), -6.0)]),
            (3, [Point((0.0, 3), 0.0, second=0.0), Point((-2.0, 3), 12.0, second=-12.0)]),
            (2.0, [Point((-3.0, 2.0), -6.0)]),
            (0.5, [Point((0.0, 0.5), inf), Point((0.0, 0.5), 0.0, grad=0.0), Point((4.0, 0.5), 0.25)]),
            (-1, [Point((0.0, -1), 0.0, grad=0.0), Point((2.0, -1), -0.25, second=0.25)]),
            (1.5, [Point((0.0, 1.5), 0.0)]),
        ]
    ),
    Case(Pow(), (2.0, rand(3, 4)), np.power, name="Pow of 2"),
    Case(Pow(), (0.0, positive(3, 4)), np.power, name="Pow of 0", points=[Point((0.0, 2.0), (None, 0.0))]),
    Case(Pow(), (integers(3, 4, low=1), 3), np.power, name="Pow of integers"),
    # the chain rule's product
    Case(
        Chain(),
        (rand(3, 4), rand(3, 4)),
        lambda grad, local: np.where(grad == 0, 0, grad * local),
        extremes=[(0.0, inf), (0.0, nan), (1.0, inf), (2.0, nan), (0.0, -inf), (nan, 0.0), (inf, 0.0)],
        points=[Point((0.0, 3.0), (3.0, 0.0), second=(1.0, 1.0)), Point((0.0, inf), (0.0, 0.0), grad=0.0)],
    ),
    Case(Chain(), (rand(2, 3, 4), rand(3, 1)), np.multiply, batch=(0, None)),
    Case(
        SecondChain(),
        (rand(3, 4), rand(3, 4)),
        lambda grad, first: np.where((grad == 0) | (first == 0), 0, grad * first),
        extremes=[(0.0, inf), (0.0, nan), (inf, 0.0), (nan, 0.0), (1.0, inf), (2.0, nan), (-inf, 3.0)],
        points=[Point((0.0, 3.0), (3.0, 0.0), second=(1.0, 1.0)), Point((inf, 0.0), (0.0, inf))],
    ),
    Case(SecondChain(), (rand(2, 3, 4), rand(3, 1)), np.multiply, batch=(0, None)),
]
