"""Rows of nodes.statistics."""

import numpy as np
from scipy.special import logsumexp

from localgrad.graph.errors import ShapeError
from localgrad.nodes.statistics import LogSumExp, ReduceL1, ReduceL2, Std, Var
from tests.case import Case, Point, Refused, inf, integers, nan, rand

CASES = [
    Case(
        LogSumExp(),
        inputs=(rand(3, 4),),
        reference=logsumexp,
        batch=(0,),
        extremes=[inf, -inf, nan, [1000.0, 1000.0], [-1000.0, -inf], [inf, 0.0], [-inf, inf], [-inf, -inf], [nan, inf]],
        points=[
            Point(np.array([-inf, -inf]), np.zeros(2), second=np.zeros(2)),
            Point(np.array([-inf, 0.0]), np.array([0.0, 1.0])),
            Point(np.array([inf, 0.0]), np.array([1.0, 0.0])),
        ],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=LogSumExp(axis=(1,)))],
    ),
    Case(LogSumExp(axis=(1,)), inputs=(rand(3, 4, 2),), reference=lambda x: logsumexp(x, 1), batch=(0,)),
    Case(
        LogSumExp(axis=(0, -1), keepdims=True),
        inputs=(rand(3, 4, 2),),
        reference=lambda x: logsumexp(x, (0, 2), keepdims=True),
        batch=(0,),
    ),
    Case(
        Var(),
        inputs=(rand(3, 4),),
        reference=np.var,
        batch=(0,),
        extremes=[nan, [1.0, 1.0]],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=Var(axis=(1,)))],
    ),
    Case(Var(axis=(0,), ddof=1), inputs=(rand(3, 4),), reference=lambda x: x.var(0, ddof=1), batch=(0,)),
    Case(
        Var(axis=(0, 2), keepdims=True),
        inputs=(rand(2, 3, 4),),
        reference=lambda x: x.var((0, 2), keepdims=True),
        batch=(2,),
    ),
    Case(Var(axis=(1,)), inputs=(integers(3, 4),), reference=lambda x: x.var(1), batch=(0,)),
    Case(
        Std(),
        inputs=(rand(3, 4),),
        reference=np.std,
        batch=(0,),
        extremes=[nan, [1.0, 1.0]],
        points=[Point(np.array([2.0, 2.0]), np.zeros(2), second=np.zeros(2))],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=Std(axis=(1,)))],
    ),
    Case(
        Std(axis=(1,), ddof=1, keepdims=True),
        inputs=(rand(3, 4),),
        reference=lambda x: x.std(1, ddof=1, keepdims=True),
        batch=(1,),
    ),
    Case(
        ReduceL2(),
        inputs=(rand(3, 4),),
        reference=lambda x: np.sqrt(np.sum(x * x)),
        batch=(0,),
        extremes=[inf, nan, [0.0, 0.0]],
        points=[Point(np.zeros(2), np.zeros(2)), Point(np.array([3.0, 4.0]), np.array([0.6, 0.8]))],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=ReduceL2(axis=(1,)))],
    ),
    Case(
        ReduceL2(axis=(0,), keepdims=True),
        inputs=(rand(3, 4),),
        reference=lambda x: np.sqrt((x * x).sum(0, keepdims=True)),
        batch=(0,),
    ),
    Case(
        ReduceL1(),
        inputs=(rand(3, 4, avoid=(0.0,)),),
        reference=lambda x: np.abs(x).sum(),
        batch=(0,),
        extremes=[-inf, nan],
        points=[Point(np.array([0.0, -2.0]), np.array([0.0, -1.0]))],
    ),
    Case(ReduceL1(axis=(1,)), inputs=(rand(3, 4, avoid=(0.0,)),), reference=lambda x: np.abs(x).sum(1), batch=(0,)),
]
