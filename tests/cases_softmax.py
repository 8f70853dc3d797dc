"""Rows of softmax and its logarithm."""

import numpy as np
from scipy import special

from localgrad.graph.errors import ShapeError
from localgrad.nodes.softmax import LogSoftmax, Softmax
from tests.case import Case, Refused, inf, integers, rand


def softmax(axis):
    return lambda x: special.softmax(x, axis=axis)


def log_softmax(axis):
    return lambda x: special.log_softmax(x, axis=axis)


FAR = [
    (np.array([[1e4, -1e4, 0.0]]),),
    (np.array([[-1e4, -1e4, -1e4]]),),
    (np.array([[-inf, 0.0, 1.0]]),),
]

CASES = [
    Case(
        Softmax(),
        inputs=(rand(4, 3),),
        reference=softmax(-1),
        batch=(0,),
        extremes=FAR,
        refused=[Refused((np.array(1.0),), ShapeError, "axis -1", "rank 0")],
    ),
    Case(Softmax(axis=1), inputs=(rand(2, 3, 4),), reference=softmax(1), batch=(0,)),
    Case(Softmax(axis=0), inputs=(rand(3, 4),), reference=softmax(0), batch=(1,)),
    Case(Softmax(), inputs=(rand(5),), reference=softmax(-1), batch=(0,)),
    Case(Softmax(), inputs=(integers(2, 3),), reference=softmax(-1), name="Softmax of integers", batch=(0,)),
    Case(Softmax(), inputs=(rand(30, 100, low=-9, high=9),), reference=softmax(-1), batch=(0,)),
    Case(
        LogSoftmax(),
        inputs=(rand(4, 3),),
        reference=log_softmax(-1),
        batch=(0,),
        extremes=FAR,
        refused=[Refused((rand(2, 3),), ShapeError, "axis 2", "rank 2", kind=LogSoftmax(axis=2))],
    ),
    Case(LogSoftmax(axis=1), inputs=(rand(2, 3, 4),), reference=log_softmax(1), batch=(0,)),
    Case(LogSoftmax(axis=0), inputs=(rand(3, 4),), reference=log_softmax(0), batch=(1,)),
]
