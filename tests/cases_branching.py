"""Rows of comparisons, logic, choices by entry, and activations."""

from functools import reduce

import numpy as np
import scipy.special

from localgrad.graph.errors import DTypeError, LocalgradError, ShapeError
from localgrad.nodes.activations import (
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
)
from localgrad.nodes.branching import Clip, Max, Min, Where
from localgrad.nodes.comparison import And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Not, NotEqual, Or, Xor
from tests.case import Case, Point, Refused, booleans, distinct, inf, integers, nan, rand

ODD = [0.0, -0.0, inf, -inf, nan]
PAIRS = [(0.0, -0.0), (inf, inf), (nan, 1.0), (nan, nan), (-inf, 1.0), (2.0, 1.0), (1.0, 2.0)]
bent = rand(3, 4, low=-5, high=5, avoid=(-3.0, 0.0, 3.0))
OUTSIDE = [-100.0, -1000.0, 100.0, 1000.0]


def comparison(kind, reference):
    return [
        Case(kind, (rand(3, 4), rand(3, 4)), reference, extremes=PAIRS),
        Case(kind, (integers(3, 4, high=3), integers(4, high=3)), reference, batch=(0, None)),
        Case(kind, (integers(3, high=3), 1), reference, name=f"{kind} with a number"),
    ]


def logic(kind, logical, bitwise):
    return [
        Case(kind, (booleans(3, 4), booleans(3, 4)), logical),
        Case(kind, (integers(3, 4), integers(4)), bitwise, batch=(0, None), name=f"{kind} of bits"),
        Case(
            kind,
            (booleans(5), True),
            logical,
            name=f"{kind} with a number",
            refused=[Refused((booleans(5), rand(5)), DTypeError, kind.name, "float64", "compare them first")],
        ),
    ]


def share_by_hand(x):
    """The sigmoid without overflow."""
    return scipy.special.expit(np.asarray(x, np.float64))


CASES = [
    *comparison(Less(), np.less),
    *comparison(LessOrEqual(), np.less_equal),
    *comparison(Greater(), np.greater),
    *comparison(GreaterOrEqual(), np.greater_equal),
    *comparison(Equal(), np.equal),
    *comparison(NotEqual(), np.not_equal),
    *logic(And(), np.logical_and, np.bitwise_and),
    *logic(Or(), np.logical_or, np.bitwise_or),
    *logic(Xor(), np.logical_xor, np.bitwise_xor),
    Case(Not(), (booleans(3, 4),), np.logical_not, refused=[Refused((rand(3),), DTypeError, "Not", "compare")]),
    Case(Not(), (integers(3),), np.invert, name="Not of bits"),
    # a choice by entry
    Case(
        Where(),
        (booleans(3, 4), rand(3, 4), rand(3, 4)),
        np.where,
        extremes=[(True, 1.0, nan), (False, inf, -0.0), (False, 1.0, -inf)],
        points=[
            Point((True, 1.0, nan), (None, 1.0, 0.0)),
            Point((False, inf, 2.0), (None, 0.0, 1.0)),
        ],
        refused=[
            Refused((rand(3), rand(3), rand(3)), DTypeError, "Where needs booleans", "x > 0", eager=False),
            Refused((booleans(3), rand(4), rand(3)), ShapeError, "Where", "broadcast"),
        ],
    ),
    Case(Where(), (booleans(3, 1), rand(4), rand(2, 3, 4)), np.where, batch=(None, None, 0)),
    Case(Where(), (booleans(3, 4), rand(3, 4), 0.0), np.where, name="Where with a number"),
    Case(Where(), (True, rand(3, 4), rand(3, 4)), np.where, name="Where True"),
    Case(
        Max(),
        (distinct(3, 4), rand(3, 4, low=-0.01, high=0.01)),
        np.maximum,
        extremes=PAIRS,
        points=[
            Point((2.0, 2.0), (0.5, 0.5), second=(0.0, 0.0)),
            Point((2.0, 1.0), (1.0, 0.0)),
            Point((-inf, 1.0), (0.0, 1.0)),
        ],
    ),
    Case(Max(), (rand(2, 3), 0.2, rand(3), rand(2, 1)), lambda *xs: reduce(np.maximum, xs), batch=(0, None, None, 0)),
    Case(
        Max(),
        (rand(2), rand(2), rand(2)),
        lambda *xs: reduce(np.maximum, xs),
        points=[Point((1.0, 1.0, 0.0), (0.5, 0.5, 0.0)), Point((1.0, 1.0, 1.0), (1 / 3, 1 / 3, 1 / 3))],
        extremes=[(1.0, nan, inf)],
    ),
    Case(Max(), (rand(3),), lambda x: x, name="Max of one"),
    Case(
        Min(),
        (distinct(3, 4), rand(3, 4, low=-0.01, high=0.01)),
        np.minimum,
        extremes=PAIRS,
        points=[Point((2.0, 2.0), (0.5, 0.5)), Point((2.0, 1.0), (0.0, 1.0)), Point((-inf, 1.0), (1.0, 0.0))],
    ),
    Case(Min(), (rand(2, 3), rand(3), rand(2, 1)), lambda *xs: reduce(np.minimum, xs), batch=(0, None, 0)),
    Case(
        Clip(),
        (rand(3, 4, avoid=(-0.5, 0.7)), -0.5, 0.7),
        np.clip,
        extremes=[(x, -0.5, 0.7) for x in ODD],
        points=[
            Point((-0.5, -0.5, 0.5), 1.0, second=0.0),
            Point((0.5, -0.5, 0.5), 1.0),
            Point((3.0, -0.5, 0.5), 0.0),
            Point((0.0, -0.5, 0.5), 1.0),
        ],
    ),
    Case(
        Clip(),
        (rand(3, 4), rand(4, low=-0.6, high=-0.4), rand(3, 1, low=0.4, high=0.6)),
        np.clip,
        batch=(0, None, 0),
        points=[
            Point((-1.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
            Point((2.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
            Point((0.5, 1.0, 0.0), (0.0, 0.0, 1.0)),
            Point((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ],
    ),
    Case(Clip(), (rand(3, 4, avoid=(0.2,)), None, 0.2), lambda x, low, high: np.minimum(x, high), name="Clip above"),
    Case(Clip(), (rand(3, 4, avoid=(0.2,)), rand(4)), np.maximum, batch=(0, None), name="Clip below"),
    # activations
    Case(
        Sigmoid(),
        (rand(3, 4, low=-6, high=6),),
        share_by_hand,
        extremes=[*ODD, *OUTSIDE, -80.0, -20.0, 20.0],
        points=[Point(0.0, 0.25, second=0.0), Point(-inf, 0.0), Point(nan, 0.0, grad=0.0)],
    ),
    Case(Sigmoid(), (integers(3, 4, low=-3, high=3),), share_by_hand, name="Sigmoid of integers"),
    Case(
        Relu(),
        (bent,),
        lambda x: np.maximum(x, 0),
        extremes=[*ODD, *OUTSIDE],
        points=[Point(0.0, 0.0), Point(-0.0, 0.0), Point(2.0, 1.0, second=0.0), Point(-inf, 0.0), Point(inf, 1.0)],
    ),
    Case(
        LeakyRelu(),
        (bent,),
        lambda x: np.where(x > 0, x, 0.01 * x),
        extremes=[*ODD, *OUTSIDE],
        points=[Point(0.0, 0.01)],
    ),
    Case(LeakyRelu(alpha=0.0), (bent,), lambda x: np.where(x > 0, x, 0.0 * x), extremes=[inf, nan]),
    Case(
        Elu(),
        (bent,),
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        extremes=[*ODD, *OUTSIDE, -1e-30],
        points=[Point(0.0, 1.0), Point(1000.0, 1.0), Point(-1000.0, 0.0)],
    ),
    Case(Elu(alpha=0.5), (bent,), lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0)))),
    Case(
        Selu(),
        (bent,),
        lambda x: 1.0507009873554804934193349852946 * scipy_elu(x, 1.6732632423543772848170429916717),
        extremes=[*ODD, *OUTSIDE],
    ),
    Case(
        Softplus(),
        (bent,),
        lambda x: np.logaddexp(x, 0),
        extremes=[*ODD, *OUTSIDE, -80.0],
        points=[Point(0.0, 0.5, second=0.25), Point(1000.0, 1.0), Point(-1000.0, 0.0)],
    ),
    Case(
        Silu(), (bent,), lambda x: x * share_by_hand(x), extremes=[*ODD, *OUTSIDE], points=[Point(0.0, 0.5, second=0.5)]
    ),
    Case(
        Mish(),
        (bent,),
        lambda x: x * np.tanh(np.logaddexp(x, 0)),
        extremes=[*ODD, *OUTSIDE],
        points=[Point(0.0, 0.6)],
    ),
    Case(
        HardSigmoid(),
        (rand(3, 4, low=-5, high=5, avoid=(-2.5, 2.5)),),
        lambda x: np.clip(0.2 * x + 0.5, 0, 1),
        extremes=[*ODD, *OUTSIDE],
        points=[Point(-2.5, 0.0), Point(2.5, 0.0), Point(0.0, 0.2, second=0.0)],
    ),
    Case(HardSigmoid(alpha=1 / 6, beta=0.25), (rand(3, 4),), lambda x: np.clip(x / 6 + 0.25, 0, 1)),
    Case(
        HardSwish(),
        (bent,),
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        extremes=[*ODD, *OUTSIDE],
        points=[Point(-3.0, 0.0), Point(3.0, 1.0), Point(0.0, 0.5, second=1 / 3), Point(inf, 1.0), Point(-inf, 0.0)],
    ),
    Case(
        Gelu(),
        (bent,),
        lambda x: x * scipy.special.ndtr(x),
        batch=(0,),
        rtol=(1e-12, 1e-4),  # the distribution's tail is a difference from 1
        extremes=[0.0, inf, nan, 100.0],
        points=[Point(0.0, 0.5, second=np.sqrt(2 / np.pi)), Point(30.0, 1.0)],
        refused=[Refused(lambda: Gelu(approximate="sigmoid"), LocalgradError, "'sigmoid'", "'tanh'")],
    ),
    Case(
        Gelu(approximate="tanh"),
        (bent,),
        lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        batch=(0,),
        rtol=(1e-12, 1e-4),
        extremes=[0.0, inf, nan, 100.0],
        points=[Point(0.0, 0.5), Point(30.0, 1.0)],
    ),
    Case(Gelu(), (integers(5, low=-3, high=3),), lambda x: x * scipy.special.ndtr(x), name="Gelu of integers"),
]


def scipy_elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
