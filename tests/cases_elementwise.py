"""Rows of the elementwise kinds of one input: exponential, trigonometric, rounding and special functions."""

import numpy as np
import scipy.special

from localgrad.graph.errors import LocalgradError
from localgrad.nodes.exponential import Exp, Exp2, Expm1, Log, Log1p, Log2, Log10, LogAddExp, Reciprocal, Sqrt
from localgrad.nodes.gamma import Digamma, Erf, Erfc, Lgamma, Polygamma
from localgrad.nodes.rounding import Abs, Ceil, Floor, IsFinite, IsInf, IsNaN, Round, Sign
from localgrad.nodes.trigonometric import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atan2,
    Atanh,
    Cos,
    Cosh,
    Sin,
    Sinh,
    Tan,
    Tanh,
)
from tests.case import Case, Point, Refused, inf, integers, nan, positive, rand

ODD = [0.0, -0.0, inf, -inf, nan]
inside = rand(3, 4, low=-0.8, high=0.8)
unkinked = rand(3, 4, avoid=(-1.0, 0.0, 1.0))


def polygamma(order):
    # SciPy has it for x > 0; the reflection is differenced from its own digamma in test_gamma.py
    return lambda x: scipy.special.polygamma(order, x)


CASES = [
    # exponential
    Case(Exp(), (rand(3, 4),), np.exp, extremes=[*ODD, 89.0, -104.0, 710.0], points=[Point(0.0, 1.0, second=1.0)]),
    Case(Exp(), (integers(3, 4, high=4),), np.exp, name="Exp of integers"),
    Case(Expm1(), (rand(3, 4),), np.expm1, extremes=[*ODD, 1e-30, 89.0], points=[Point(-30.0, np.exp(-30.0))]),
    Case(Exp2(), (rand(3, 4),), np.exp2, extremes=[*ODD, 128.0, 10.0]),
    Case(
        Log(),
        (positive(3, 4),),
        np.log,
        extremes=[*ODD, -1.0, 1.0],
        points=[Point(0.0, 0.0, grad=0.0), Point(0.0, inf), Point(2.0, 0.5, second=-0.25)],
    ),
    Case(Log1p(), (positive(3, 4),), np.log1p, extremes=[*ODD, -1.0, -2.0, 1e-30]),
    Case(Log2(), (positive(3, 4),), np.log2, extremes=[*ODD, -1.0, 8.0]),
    Case(Log10(), (positive(3, 4),), np.log10, extremes=[*ODD, -1.0, 100.0]),
    Case(
        LogAddExp(),
        (rand(3, 4), rand(3, 4)),
        np.logaddexp,
        extremes=[(inf, inf), (-inf, -inf), (inf, -inf), (-inf, 1.0), (1000.0, 1000.0), (nan, 0.0), (0.0, nan)],
        points=[Point((2.0, 2.0), (0.5, 0.5)), Point((-inf, -inf), (0.5, 0.5)), Point((inf, 0.0), (1.0, 0.0))],
    ),
    Case(LogAddExp(), (rand(2, 3, 4), rand(4)), np.logaddexp, batch=(0, None)),
    Case(
        Sqrt(),
        (positive(3, 4),),
        np.sqrt,
        extremes=[*ODD, -1.0],
        points=[Point(0.0, inf), Point(0.0, 0.0, grad=0.0), Point(4.0, 0.25, second=-1 / 32)],
    ),
    Case(Reciprocal(), (positive(3, 4),), lambda x: 1 / x, extremes=ODD, points=[Point(0.0, 0.0, grad=0.0)]),
    # trigonometric
    Case(Sin(), (rand(3, 4),), np.sin, extremes=ODD),
    Case(Cos(), (rand(3, 4),), np.cos, extremes=ODD),
    Case(Tan(), (rand(3, 4, low=-1.2, high=1.2),), np.tan, extremes=ODD),
    Case(Asin(), (inside,), np.arcsin, extremes=[*ODD, 1.0, 2.0], points=[Point(1.0, inf), Point(1.0, 0.0, grad=0.0)]),
    Case(Acos(), (inside,), np.arccos, extremes=[*ODD, 1.0, -1.0, 2.0], points=[Point(1.0, -inf)]),
    Case(Atan(), (rand(3, 4),), np.arctan, extremes=ODD),
    Case(
        Atan2(),
        (rand(3, 4, avoid=(0.0,)), rand(3, 4, avoid=(0.0,))),
        np.arctan2,
        extremes=[(0.0, 0.0), (0.0, -1.0), (-0.0, -1.0), (inf, inf), (1.0, 0.0), (nan, 1.0)],
        points=[Point((0.0, 0.0), (0.0, 0.0)), Point((0.0, 2.0), (0.5, 0.0)), Point((2.0, 0.0), (0.0, -0.5))],
    ),
    Case(Atan2(), (positive(3, 4), positive(3, 1)), np.arctan2, batch=(0, 0)),
    Case(Sinh(), (rand(3, 4),), np.sinh, extremes=[*ODD, 90.0]),
    Case(Cosh(), (rand(3, 4),), np.cosh, extremes=[*ODD, 90.0]),
    Case(Tanh(), (rand(3, 4),), np.tanh, extremes=[*ODD, 100.0], points=[Point(0.0, 1.0, second=0.0)]),
    Case(Asinh(), (rand(3, 4),), np.arcsinh, extremes=ODD),
    Case(Acosh(), (rand(3, 4, low=1.3, high=3.0),), np.arccosh, extremes=[*ODD, 1.0, 0.5], points=[Point(1.0, inf)]),
    Case(Atanh(), (inside,), np.arctanh, extremes=[*ODD, 1.0, -1.0, 2.0], points=[Point(1.0, 0.0, grad=0.0)]),
    # rounding
    Case(Abs(), (unkinked,), np.abs, extremes=ODD, points=[Point(0.0, 0.0), Point(-2.0, -1.0, second=0.0)]),
    Case(Sign(), (unkinked,), np.sign, extremes=ODD, points=[Point(2.0, 0.0)]),
    Case(Floor(), (unkinked,), np.floor, extremes=ODD, points=[Point(2.0, 0.0)]),
    Case(Ceil(), (unkinked,), np.ceil, extremes=ODD, points=[Point(2.0, 0.0)]),
    Case(
        Round(),
        (rand(3, 4, avoid=(-1.5, -0.5, 0.5, 1.5)),),
        np.rint,
        extremes=[*ODD, 0.5, 1.5, 2.5, -0.5],
        points=[Point(0.5, 0.0)],
    ),
    Case(IsNaN(), (unkinked,), np.isnan, extremes=ODD),
    Case(IsInf(), (unkinked,), np.isinf, extremes=ODD),
    Case(IsFinite(), (unkinked,), np.isfinite, extremes=ODD),
    # special
    Case(Erf(), (rand(3, 4),), scipy.special.erf, extremes=[*ODD, 10.0], points=[Point(0.0, 2 / np.sqrt(np.pi))]),
    Case(Erfc(), (rand(3, 4),), scipy.special.erfc, extremes=[*ODD, 9.0]),
    Case(Lgamma(), (positive(3, 4),), scipy.special.gammaln, extremes=[0.0, -1.0, inf, nan, 1.0]),
    Case(Lgamma(), (rand(3, 4, low=-1.9, high=-1.1),), scipy.special.gammaln, name="Lgamma of negatives"),
    Case(Digamma(), (positive(3, 4),), scipy.special.digamma, extremes=[0.0, -0.0, -1.0, inf, nan]),
    Case(Digamma(), (rand(3, 4, low=-1.8, high=-1.2),), scipy.special.digamma, name="Digamma of negatives"),
    Case(Polygamma(), (positive(3, 4),), polygamma(1), extremes=[0.0, inf, nan]),
    Case(
        Polygamma(order=3),
        (positive(3, 4),),
        polygamma(3),
        rtol=(1e-11, 2e-5),
        extremes=[0.0, inf, nan],
        refused=[Refused(lambda: Polygamma(order=0), LocalgradError, "order=0", "lg.digamma")],
    ),
    Case(Polygamma(order=2), (positive(3, 4),), polygamma(2), rtol=(1e-11, 2e-5), extremes=[inf, nan]),
]
