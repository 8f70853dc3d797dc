"""Rows of signs, lengths, Bessel functions and the activations that cut or shrink."""

import numpy as np
import scipy.special

from localgrad.graph.errors import LocalgradError
from localgrad.nodes.bessel import BesselI, ErfInv
from localgrad.nodes.lengths import Hypot, Sinc, XLogY
from localgrad.nodes.shrinking import Celu, HardTanh, LogSigmoid, PRelu, Shrink, Softsign
from localgrad.nodes.signs import CopySign, FMod, Trunc
from tests.case import Case, Point, Refused, inf, nan, positive, rand

ODD = [0.0, -0.0, inf, -inf, nan]

CASES = [
    # signs
    Case(Trunc(), (rand(3, 4, avoid=(-1.0, 0.0, 1.0)),), np.trunc, extremes=ODD, points=[Point(1.5, 0.0)]),
    Case(
        FMod(),
        (np.array([[7.3, -7.1], [2.5, -0.4]]), np.array([[3.0, 2.0], [-1.1, 5.0]])),
        np.fmod,
        extremes=[(1.0, 0.0), (inf, 1.0), (nan, 1.0), (-5.0, 3.0)],
        points=[Point((7.0, 3.0), (1.0, -2.0)), Point((-7.0, 3.0), (1.0, 2.0))],
    ),
    Case(
        CopySign(),
        (rand(3, 4, avoid=(0.0,)), rand(3, 4, avoid=(0.0,))),
        np.copysign,
        extremes=[(1.0, -0.0), (0.0, -1.0), (inf, -1.0), (nan, 1.0), (-2.0, 0.0)],
        points=[Point((0.0, -1.0), (0.0, 0.0)), Point((2.0, -1.0), (-1.0, 0.0)), Point((-2.0, -1.0), (1.0, 0.0))],
    ),
    # lengths
    Case(
        Hypot(),
        (rand(3, 4), rand(3, 4)),
        np.hypot,
        extremes=[(0.0, 0.0), (inf, nan), (1e30, 1e30), (0.0, -3.0)],
        points=[Point((0.0, 0.0), (0.0, 0.0)), Point((3.0, 4.0), (0.6, 0.8))],
    ),
    Case(
        XLogY(),
        (rand(3, 4), positive(3, 4)),
        scipy.special.xlogy,
        extremes=[(0.0, 0.0), (0.0, nan), (0.0, -1.0), (1.0, 0.0), (2.0, inf)],
        points=[Point((0.0, 0.0), (0.0, 0.0), grad=0.0), Point((2.0, 1.0), (0.0, 2.0))],
    ),
    Case(
        Sinc(),
        (rand(3, 4, avoid=(0.0, 0.05, -0.05)),),
        np.sinc,
        extremes=[0.0, -0.0, nan],
        points=[Point(0.0, 0.0, second=-(np.pi**2) / 3)],
    ),
    Case(Sinc(), (rand(3, 4, low=-0.04, high=0.04),), np.sinc, name="Sinc near 0", step=1e-4),
    # Bessel functions and the inverse error function
    Case(
        BesselI(),
        (rand(3, 4, low=-5, high=5),),
        scipy.special.i0,
        extremes=[0.0, -0.0, nan, 39.0, 41.0, -80.0],
        rtol=(1e-12, 2e-5),
        refused=[Refused(lambda: BesselI(order=-1), LocalgradError, "order=-1", "0 to 16")],
    ),
    Case(BesselI(order=1), (rand(3, 4, low=-5, high=5),), scipy.special.i1, extremes=[0.0, nan, 41.0, -41.0]),
    Case(BesselI(order=3), (rand(3, 4, low=30, high=50),), lambda x: scipy.special.iv(3, x), float32=False, step=1e-2),
    Case(
        ErfInv(),
        (rand(3, 4, low=-0.7, high=0.7),),
        scipy.special.erfinv,
        extremes=[0.0, -0.0, 1.0, -1.0, 1.5, nan, 1 - 1e-16, 1e-300],
        points=[Point(1.0, 0.0, grad=0.0), Point(1.0, inf)],
    ),
    # activations
    Case(
        HardTanh(low=-1.0, high=0.5),
        (rand(3, 4, avoid=(-1.0, 0.5)),),
        lambda x: np.clip(x, -1.0, 0.5),
        extremes=ODD,
        points=[Point(-1.0, 0.0), Point(0.5, 0.0), Point(0.0, 1.0)],
    ),
    Case(
        Shrink(lambd=0.25, bias=0.25),
        (rand(3, 4, avoid=(-0.25, 0.25)),),
        lambda x: np.where(x > 0.25, x - 0.25, np.where(x < -0.25, x + 0.25, 0)),
        extremes=[0.0, inf, -inf, 0.25],
        points=[Point(0.25, 0.0), Point(0.0, 0.0), Point(-2.0, 1.0)],
    ),
    Case(
        Shrink(),
        (rand(3, 4, avoid=(-0.5, 0.5)),),
        lambda x: np.where(np.abs(x) > 0.5, x, 0),
        extremes=[0.0, inf, -inf, 0.5],
    ),
    Case(
        Softsign(),
        (rand(3, 4, avoid=(0.0,)),),
        lambda x: x / (1 + np.abs(x)),
        extremes=[0.0, nan],
        points=[Point(0.0, 1.0)],
    ),
    Case(
        LogSigmoid(),
        (rand(3, 4, avoid=(0.0,)),),
        scipy.special.log_expit,
        extremes=[0.0, nan, -1000.0, 1000.0, inf, -inf],
        points=[Point(0.0, 0.5)],
    ),
    Case(
        Celu(alpha=2.0),
        (rand(3, 4, avoid=(0.0,)),),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0) / 2)),
        extremes=[*ODD, -1000.0],
        points=[Point(0.0, 1.0)],
    ),
    Case(
        PRelu(),
        (rand(3, 4, avoid=(0.0,)), rand(3, 4)),
        lambda x, slope: np.where(x > 0, x, slope * x),
        extremes=[(0.0, 2.0), (-2.0, 0.5), (nan, 1.0), (-inf, 2.0)],
        points=[Point((0.0, 0.25), (0.25, 0.0))],
    ),
    Case(PRelu(), (rand(2, 3, 4, avoid=(0.0,)), rand(3, 1)), lambda x, s: np.where(x > 0, x, s * x), batch=(0, None)),
]
