"""Rows of recurrent cells."""

import numpy as np
from scipy.special import expit

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.recurrent import LSTMCell, LSTMCellGradient
from tests.case import Case, Refused, inf, integers, rand


def cell(a, c):
    f, g, i, o = np.split(a, 4, axis=-1)
    gates = expit(f), np.tanh(g), expit(i), expit(o)
    c = gates[0] * c + gates[1] * gates[2]
    return gates[3] * np.tanh(c), c, np.concatenate(gates, axis=-1), np.tanh(c)


def sent(gates, c, t, h=None, next_c=None, of_gates=None, of_t=None):
    f, g, i, o = np.split(gates, 4, axis=-1)
    h = np.zeros_like(c) if h is None else h
    d = (0 if next_c is None else next_c) + (h * o + (0 if of_t is None else of_t)) * (1 - t**2)
    parts = [d * c, d * i, d * g, h * t]
    if of_gates is not None:
        parts = [a + b for a, b in zip(parts, np.split(of_gates, 4, axis=-1))]
    slopes = [f * (1 - f), 1 - g**2, i * (1 - i), o * (1 - o)]
    return np.concatenate([a * b for a, b in zip(parts, slopes)], axis=-1), d * f


def inside(*shape):
    return rand(*shape, low=0.05, high=0.95)


CASES = [
    Case(
        LSTMCell(),
        (rand(3, 8), rand(3, 2)),
        cell,
        batch=(0, 0),
        extremes=[
            (np.array([[-inf, 0.0, inf, 0.0]]), np.array([[1.0]])),
            (np.array([[0.0, -800.0, 800.0, -800.0]]), np.array([[2.0]])),
        ],
        refused=[
            Refused((rand(3, 6), rand(3, 2)), ShapeError, "(3, 6)", "four times as wide"),
            Refused((integers(3, 8), rand(3, 2)), DTypeError, "int64", "floats of one dtype"),
        ],
    ),
    Case(LSTMCell(), (rand(2, 3, 4), rand(2, 3, 1)), cell, batch=(0, 0)),
    Case(LSTMCell(), (rand(4), rand(1)), cell, unbatched="a single sample"),
    Case(
        LSTMCellGradient(),
        (inside(3, 8), rand(3, 2), inside(3, 2), rand(3, 2), rand(3, 2), None, None),
        sent,
        batch=(0, 0, 0, 0, 0, None, None),
        refused=[Refused((inside(3, 8), rand(3, 2), inside(2, 2)), ShapeError, "(2, 2)", "float64(3, 2)")],
    ),
    Case(
        LSTMCellGradient(),
        (inside(3, 8), rand(3, 2), inside(3, 2), rand(3, 2), None, None, None),
        sent,
        batch=(0, 0, 0, 0, None, None, None),
        name="LSTMCellGradient of h alone",
    ),
    Case(
        LSTMCellGradient(),
        (inside(3, 8), rand(3, 2), inside(3, 2), None, rand(3, 2)),
        sent,
        batch=(0, 0, 0, None, 0),
        constant=(2,),
        name="LSTMCellGradient of c alone",
    ),
    Case(
        LSTMCellGradient(),
        (inside(3, 8), rand(3, 2), inside(3, 2), rand(3, 2), rand(3, 2), rand(3, 8), rand(3, 2)),
        sent,
        batch=(0,) * 7,
        name="LSTMCellGradient of everything",
    ),
]
