"""Rows of running extremes and running logarithms of sums."""

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.nodes.extremes import CumLogSumExp, RunningPosition
from tests.case import Case, Point, Refused, distinct, inf, integers, nan, rand


def positions(x, extreme, axis):
    x = np.moveaxis(x, axis, 0)
    y = np.zeros(x.shape, np.int64)
    for i in range(len(x)):
        for place in np.ndindex(x.shape[1:]):
            column = x[(slice(0, i + 1), *place)]
            y[(i, *place)] = np.flatnonzero(column == extreme(column))[-1]
    return np.moveaxis(y, 0, axis)


CASES = [
    Case(
        RunningPosition(),
        (distinct(5, 3),),
        lambda x: positions(x, np.max, 0),
        batch=(0,),
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=RunningPosition(axis=1))],
    ),
    Case(
        RunningPosition(axis=-1, largest=False),
        (integers(3, 6, high=3),),
        lambda x: positions(x, np.min, -1),
        batch=(0,),
    ),
    Case(
        CumLogSumExp(),
        (rand(5, 3),),
        lambda x: np.logaddexp.accumulate(x, 0),
        batch=(0,),
        extremes=[[-inf, 0.0, 1000.0, 1000.0], [nan, 0.0], [-inf, -inf]],
        points=[Point(np.array([0.0, -inf]), np.array([1.0, 0.0]), grad=np.array([0.0, 1.0]))],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=CumLogSumExp(axis=1))],
    ),
    Case(CumLogSumExp(axis=1), (rand(2, 4),), lambda x: np.logaddexp.accumulate(x, 1), batch=(0,)),
]
