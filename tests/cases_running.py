"""Rows of nodes.running."""

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.nodes.running import CumProd, CumSum, Prod, Recurrence
from tests.case import Case, Point, Refused, booleans, inf, integers, nan, rand


def recurred(a, b):
    y = np.zeros_like(b)
    for i in range(len(b)):
        y[i] = b[i] if i == 0 else np.where(y[i - 1] == 0, 0, a[i] * y[i - 1]) + b[i]
    return y


ZERO = np.array([[0.5, 0.0, -1.2, 0.7], [0.0, 1.1, 0.0, 2.0], [1.0, 2.0, 0.3, -0.4]])

CASES = [
    Case(
        CumSum(),
        inputs=(rand(3, 4),),
        reference=lambda x: np.cumsum(x, 0),
        batch=(0,),
        extremes=[[inf, 1.0, -inf], [nan, 0.0]],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=CumSum(axis=1))],
    ),
    Case(
        CumSum(axis=1, reverse=True),
        inputs=(rand(3, 4),),
        reference=lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1],
        batch=(1,),
    ),
    Case(CumSum(axis=1, exclusive=True), inputs=(rand(3, 4),), reference=lambda x: np.cumsum(x, 1) - x, batch=(0,)),
    Case(
        CumSum(axis=-1, exclusive=True, reverse=True),
        inputs=(integers(3, 4),),
        reference=lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1] - x,
        batch=(0,),
    ),
    Case(CumSum(), inputs=(booleans(5),), reference=np.cumsum, batch=(0,)),
    Case(
        CumProd(),
        inputs=(rand(3, 4),),
        reference=lambda x: np.cumprod(x, 0),
        batch=(0,),
        extremes=[[inf, 1.0, -1.0], [nan, 0.0], [0.0, 2.0]],
        points=[Point(np.array([2.0, 0.0, 3.0]), np.array([1.0, 8.0, 0.0]))],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=CumProd(axis=1))],
    ),
    Case(CumProd(axis=1), name="CumProd with zeros", inputs=(ZERO,), reference=lambda x: np.cumprod(x, 1), batch=(1,)),
    Case(
        CumProd(axis=1, reverse=True),
        inputs=(ZERO,),
        reference=lambda x: np.cumprod(x[:, ::-1], 1)[:, ::-1],
        batch=(0,),
    ),
    Case(
        CumProd(exclusive=True),
        inputs=(ZERO,),
        reference=lambda x: np.concatenate([np.ones((1, 4)), np.cumprod(x, 0)[:-1]]),
        batch=(0,),
    ),
    Case(
        CumProd(axis=-1, exclusive=True, reverse=True),
        inputs=(ZERO,),
        reference=lambda x: np.concatenate([np.cumprod(x[:, ::-1], 1)[:, -2::-1], np.ones((3, 1))], 1),
        batch=(1,),
    ),
    Case(
        Recurrence(),
        inputs=(rand(4, 3), rand(4, 3)),
        reference=recurred,
        batch=(0, 0),
        extremes=[([[2.0], [inf]], [[0.0], [1.0]])],
        refused=[Refused((rand(3), rand(4)), ShapeError, "(3,)", "(4,)")],
    ),
    Case(Recurrence(), inputs=(rand(80), rand(80)), reference=recurred, batch=(0, 0), rtol=(1e-11, 2e-5)),
    Case(
        Recurrence(axis=1, reverse=True),
        inputs=(rand(2, 5), rand(2, 5)),
        reference=lambda a, b: recurred(a.T[::-1], b.T[::-1])[::-1].T,
        batch=(1, 1),
    ),
    Case(
        Prod(),
        inputs=(rand(3, 4),),
        reference=np.prod,
        batch=(0,),
        extremes=[inf, nan, [[0.0, inf]]],
        points=[
            Point(np.array([2.0, 0.0, 3.0]), np.array([0.0, 6.0, 0.0]), second=np.array([3.0, 5.0, 2.0])),
            Point(np.array([2.0, 0.0, 0.0]), np.zeros(3), second=np.array([0.0, 2.0, 2.0])),
        ],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=Prod(axis=(1,)))],
    ),
    Case(Prod(axis=(1,)), inputs=(ZERO,), reference=lambda x: x.prod(1), batch=(1,)),
    Case(
        Prod(axis=(0, 2), keepdims=True),
        inputs=(rand(2, 3, 2),),
        reference=lambda x: x.prod((0, 2), keepdims=True),
        batch=(2,),
    ),
    Case(Prod(axis=(0, 1)), inputs=(ZERO,), reference=lambda x: x.prod(), batch=(1,)),
    Case(Prod(axis=(0,)), inputs=(integers(3, 4, dtype=np.int32),), reference=lambda x: x.prod(0), batch=(0,)),
]
