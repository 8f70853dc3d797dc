"""Rows of structure: kinds that pass a value on."""

import numpy as np

from localgrad.graph.capturing import capture
from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.spec import spec
from localgrad.nodes.exponential import exp
from localgrad.nodes.structure import Branch, Cast, Identity, Size, StopGradient
from localgrad.nodes.trigonometric import tanh
from localgrad.transform.recompute import Call
from tests.case import Case, Point, Refused, booleans, inf, integers, nan, rand

CASES = [
    Case(Identity(), (rand(3, 4),), lambda x: x, batch=(0,), extremes=[inf, nan], points=[Point(2.0, 1.0, second=0.0)]),
    Case(Identity(), (integers(3),), lambda x: x),
    Case(StopGradient(), (rand(3, 4),), lambda x: x, batch=(0,), extremes=[inf, nan], points=[Point(2.0, None)]),
    Case(Branch(), (rand(3, 4),), lambda x: (x, x), batch=(0,), points=[Point(2.0, 3.0, grad=(1.0, 2.0))]),
    Case(
        Branch(n=3),
        (rand(3, 4),),
        lambda x: (x, x, x),
        batch=(1,),
        refused=[Refused(lambda: Branch(n=0), ShapeError, "into 0", "1 or more")],
    ),
    Case(
        Cast(dtype="float64"),
        (rand(3, 4),),
        lambda x: x,
        batch=(0,),
        float32=False,
        extremes=[inf, nan],
        refused=[Refused((rand(3),), DTypeError, "complex", kind=Cast(dtype="complex128"), eager=False)],
    ),
    Case(Cast(), (integers(3, 4),), lambda x: x.astype(np.float32), batch=(0,), points=[Point(2.0, 1.0, second=0.0)]),
    Case(Cast(dtype="int64"), (rand(3, 4),), np.trunc, batch=(0,)),
    Case(Cast(dtype="bool"), (booleans(3, 4),), lambda x: x, batch=(0,)),
    Case(Size(), (rand(3, 4),), lambda x: np.int64(12), batch=(0,)),
    Case(
        Size(axis=(0,), dtype="float32"),
        (rand(3, 4),),
        lambda x: np.float32(3),
        batch=(0,),
        refused=[Refused((rand(3, 4),), ShapeError, "axis 2", "-2 to 1", kind=Size(axis=(2,)))],
    ),
    Case(Size(axis=(0, -1)), (integers(3, 4, 5),), lambda x: np.int64(15), batch=(1,)),
    Case(
        Call(
            graph=capture(lambda x, w: (tanh(x) * w, exp(x)), spec("N", 4, dtype="float64"), spec(4, dtype="float64"))
        ),
        (rand(3, 4), rand(4)),
        lambda x, w: (np.tanh(x) * w, np.exp(x)),
        batch=(0, None),
        float32=False,
        name="Call of two outputs",
    ),
]
