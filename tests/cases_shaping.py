"""Rows of shaping: the same entries, or copies of them, in another shape."""

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.spec import Symbol
from localgrad.nodes.shaping import Repeat, Reshape, Squeeze, SumTo, Transpose, Unsqueeze
from tests.case import Case, Refused, integers, rand

N = Symbol.named("N")

CASES = [
    Case(
        Repeat(shape_to=(2, 3, 4)),
        (rand(3, 1),),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
        batch=(0,),
        batch_kind=Repeat(shape_to=(2, N, 4)),
        refused=[
            Refused((rand(2, 4),), ShapeError, "(2, 4)", "(2, 3, 4)", "lg.tile"),
            Refused((rand(3, 1),), ShapeError, "a shape or a second input", kind=Repeat()),
        ],
    ),
    Case(
        Repeat(), (rand(4), rand(3, 4)), lambda x, like: np.broadcast_to(x, like.shape), batch=(None, 0), constant=(1,)
    ),
    Case(
        Repeat(), (rand(3, 1), rand(3, 4)), lambda x, like: np.broadcast_to(x, like.shape), batch=(0, 0), constant=(1,)
    ),
    Case(Repeat(shape_to=(3,)), (np.float64(2.0),), lambda x: np.full(3, x), name="Repeat of one"),
    Case(SumTo(shape_to=(4,)), (rand(2, 3, 4),), lambda x: x.sum((0, 1)), batch=(0,)),
    Case(SumTo(shape_to=(4,)), (rand(30, 10, 4),), lambda x: x.sum((0, 1)), batch=(1,), rtol=(1e-12, 1e-4)),
    Case(
        SumTo(shape_to=(3, 1)),
        (rand(2, 3, 4),),
        lambda x: x.sum((0, 2))[:, None],
        batch=(1,),
        batch_kind=SumTo(shape_to=(N, 1)),
        refused=[Refused((rand(2, 4),), ShapeError, "(2, 4)", "(3, 1)", "does not broadcast")],
    ),
    Case(SumTo(shape_to=()), (rand(3, 4),), np.sum, batch=(0,)),
    Case(SumTo(shape_to=()), (rand(30, 20),), np.sum, batch=(0,), rtol=(1e-12, 1e-4)),
    Case(SumTo(), (rand(5, 3, 4), rand(3, 1)), lambda x, like: x.sum((0, 2))[:, None], batch=(1, 0), constant=(1,)),
    Case(SumTo(shape_to=(3, 4)), (rand(3, 4),), lambda x: x, name="SumTo of the same shape"),
    Case(SumTo(shape_to=(4,)), (integers(3, 4),), lambda x: x.sum(0), batch=(0,)),
    Case(
        Reshape(shape_to=(2, -1)),
        (rand(3, 4),),
        lambda x: x.reshape(2, 6),
        unbatched="the next row has one",
        refused=[
            Refused((rand(3, 3),), ShapeError, "(3, 3)", "(2, -1)", "9 entries"),
            Refused((rand(3, 3),), ShapeError, "(2, 5)", "9 entries", kind=Reshape(shape_to=(2, 5))),
            Refused(lambda: Reshape(shape_to=(-1, -1)), ShapeError, "only one extent"),
        ],
    ),
    Case(Reshape(shape_to=(-1, 2)), (rand(3, 4),), lambda x: x.reshape(-1, 2), batch=(0,)),
    Case(Reshape(shape_to=(-1,)), (rand(3, 4, 2),), np.ravel, batch=(1,)),
    Case(
        Reshape(shape_to=(3, 2, 2)),
        (rand(3, 4),),
        lambda x: x.reshape(3, 2, 2),
        batch=(0,),
        batch_kind=Reshape(shape_to=(N, 2, 2)),
    ),
    Case(Reshape(), (rand(3, 4), rand(2, 6)), lambda x, like: x.reshape(like.shape), constant=(1,)),
    Case(Reshape(), (rand(3, 4), rand(12)), lambda x, like: x.ravel(), name="Reshape like", constant=(1,)),
    Case(Transpose(), (rand(3, 4),), np.transpose, batch=(0,)),
    Case(
        Transpose(axes=(2, 0, 1)),
        (rand(2, 3, 4),),
        lambda x: x.transpose(2, 0, 1),
        batch=(1,),
        refused=[Refused((rand(2, 3),), ShapeError, "(2, 0, 1)", "rank 2", "from 0 to 1 once")],
    ),
    Case(Transpose(axes=(0, -1, -2)), (rand(2, 3, 4),), lambda x: x.transpose(0, 2, 1), batch=(0,)),
    Case(Unsqueeze(), (rand(3, 4),), lambda x: x[None], batch=(0,)),
    Case(
        Unsqueeze(axis=(0, -1)),
        (rand(3, 4),),
        lambda x: x[None, ..., None],
        batch=(1,),
        refused=[Refused((rand(3),), ShapeError, "axis 4", kind=Unsqueeze(axis=(4,)))],
    ),
    Case(Squeeze(), (rand(1, 3, 1),), np.squeeze, batch=(1,)),
    Case(
        Squeeze(axis=(-1,)),
        (rand(1, 3, 1),),
        lambda x: np.squeeze(x, -1),
        batch=(1,),
        refused=[Refused((rand(1, 3, 2),), ShapeError, "axis 2", "its length is 2", "pick an index")],
    ),
]
