"""Rows of nodes.reduction."""

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.nodes.reduction import (
    ArgMax,
    ArgMin,
    Mean,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    Sum,
)
from tests.case import Case, Point, Refused, booleans, distinct, inf, integers, nan, rand

CASES = [
    Case(
        Sum(),
        inputs=(rand(3, 4),),
        reference=np.sum,
        batch=(0,),
        extremes=[inf, nan, [[inf, -inf]], [[]]],
        refused=[Refused((rand(3, 4),), ShapeError, "axis 2", "rank 2", kind=Sum(axis=(2,)))],
    ),
    Case(Sum(axis=(0,)), inputs=(rand(4, 3),), reference=lambda x: x.sum(0), batch=(0,)),
    Case(Sum(axis=(0,)), inputs=(rand(80, 3, 5),), reference=lambda x: x.sum(0), batch=(0,), extremes=[[[inf]]]),
    Case(Sum(axis=(-1,)), inputs=(rand(180, 6),), reference=lambda x: x.sum(-1), batch=(0,)),
    Case(
        Sum(axis=(0,), keepdims=True), inputs=(rand(180, 6),), reference=lambda x: x.sum(0, keepdims=True), batch=(0,)
    ),
    Case(Sum(axis=(1,), keepdims=True), inputs=(rand(3, 4),), reference=lambda x: x.sum(1, keepdims=True), batch=(1,)),
    Case(Sum(axis=(0, -1)), inputs=(rand(2, 3, 4),), reference=lambda x: x.sum((0, 2)), batch=(0,)),
    Case(Sum(axis=()), inputs=(rand(2, 3),), reference=lambda x: x, batch=(0,)),
    Case(Sum(), inputs=(rand(),), reference=np.sum, unbatched="rank 0"),
    Case(Sum(axis=(0,)), inputs=(integers(3, 4, dtype=np.int32),), reference=lambda x: x.sum(0), batch=(0,)),
    Case(Sum(axis=(0,)), inputs=(booleans(2, 4),), reference=lambda x: x.sum(0), batch=(0,)),
    Case(
        Mean(),
        inputs=(rand(3, 4),),
        reference=np.mean,
        batch=(0,),
        extremes=[inf, nan, [[inf, -inf]]],
        refused=[Refused((rand(3),), ShapeError, "axis 1", "rank 1", kind=Mean(axis=(1,)))],
    ),
    Case(Mean(axis=(0,)), inputs=(rand(4, 3),), reference=lambda x: x.mean(0), batch=(0,)),
    Case(
        Mean(axis=(0, 2), keepdims=True),
        inputs=(rand(2, 3, 4),),
        reference=lambda x: x.mean((0, 2), keepdims=True),
        batch=(2,),
    ),
    Case(Mean(axis=(1,)), inputs=(integers(3, 4),), reference=lambda x: x.mean(1), batch=(1,)),
    Case(
        ReduceMax(),
        inputs=(distinct(3, 4),),
        reference=np.max,
        batch=(0,),
        extremes=[inf, -inf, nan],
        points=[
            Point([1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
            Point([[2.0, 2.0], [2.0, 2.0]], [[0.25, 0.25], [0.25, 0.25]]),
            Point([inf, 1.0], [1.0, 0.0]),
        ],
        refused=[Refused((np.zeros((3, 0)),), ShapeError, "axis 1", "no entries")],
    ),
    Case(
        ReduceMax(axis=(1,)),
        inputs=(distinct(3, 4),),
        reference=lambda x: x.max(1),
        batch=(0,),
        points=[Point([[1.0, 1.0], [0.0, 2.0]], [[0.5, 0.5], [0.0, 1.0]])],
    ),
    Case(
        ReduceMax(axis=(0, 2), keepdims=True),
        inputs=(distinct(2, 3, 4),),
        reference=lambda x: x.max((0, 2), keepdims=True),
        batch=(0,),
    ),
    Case(ReduceMax(axis=(0,)), inputs=(integers(3, 4),), reference=lambda x: x.max(0), batch=(0,)),
    Case(
        ReduceMin(axis=(0,)),
        inputs=(distinct(3, 4),),
        reference=lambda x: x.min(0),
        batch=(0,),
        extremes=[[[inf, -inf, nan]]],
        points=[Point([[1.0], [1.0], [2.0]], [[0.5], [0.5], [0.0]])],
        refused=[Refused((np.zeros((0, 3)),), ShapeError, "axis 0", "no entries")],
    ),
    Case(ReduceMin(), inputs=(distinct(3, 4),), reference=np.min, batch=(1,)),
    Case(
        ArgMax(axis=1),
        inputs=(distinct(3, 4),),
        reference=lambda x: x.argmax(1),
        batch=(0,),
        extremes=[[[1.0, 1.0]], [[nan, inf]]],
        refused=[Refused((np.zeros((3, 0)),), ShapeError, "no entries")],
    ),
    Case(ArgMax(), inputs=(distinct(3, 4),), reference=np.argmax, batch=(0,)),
    Case(
        ArgMax(axis=0, keepdims=True),
        inputs=(distinct(3, 4),),
        reference=lambda x: x.argmax(0, keepdims=True),
        batch=(0,),
    ),
    Case(
        ArgMin(axis=-1), inputs=(distinct(3, 4),), reference=lambda x: x.argmin(1), batch=(0,), extremes=[[[1.0, 1.0]]]
    ),
    Case(ArgMin(), inputs=(distinct(3, 4),), reference=np.argmin, batch=(1,)),
    Case(ReduceAny(), inputs=(booleans(3, 4),), reference=np.any, batch=(0,)),
    Case(
        ReduceAny(axis=(1,), keepdims=True),
        inputs=(integers(3, 4, high=2),),
        reference=lambda x: x.any(1, keepdims=True),
        batch=(0,),
    ),
    Case(ReduceAll(), inputs=(booleans(3, 4),), reference=np.all, batch=(0,)),
    Case(ReduceAll(axis=(0,)), inputs=(rand(3, 4),), reference=lambda x: x.all(0), batch=(0,)),
]
