"""Rows of nodes.slicing, nodes.gathering, nodes.indexing and nodes.writing."""

import numpy as np

from localgrad.graph.errors import DTypeError, IndexRangeError, ShapeError
from localgrad.graph.spec import Symbol
from localgrad.nodes.gathering import AddAlongAxis, Gather, Index, IndexAdd, ScatterAdd, TakeAlongAxis
from localgrad.nodes.indexing import NonZero, OneHot
from localgrad.nodes.slicing import Slice, Unslice
from localgrad.nodes.writing import LastWritten, SetItem
from tests.case import Case, Point, Refused, booleans, inf, integers, nan, rand

N = Symbol.named("N")


def part(start=None, stop=None, step=None):
    return ("slice", start, stop, step)


def zeros_with(shape, index, x, add=False):
    y = np.zeros(shape)
    if add:
        np.add.at(y, index, x)
    else:
        y[index] = x
    return y


def written(x, index, value):
    y = np.array(x)
    y[index] = value
    return y


PAIRS = np.array([0, 2, 0]), np.array([1, 1, 1])

CASES = [
    Case(
        Slice(index=(part(1, 3),)),
        inputs=(rand(4, 3),),
        reference=lambda x: x[1:3],
        batch=(1,),
        extremes=[[[inf, nan], [-inf, 1.0]]],
        refused=[
            Refused(
                (rand(4, 3),), IndexRangeError, "index 4 was asked along axis 0", "length is 4", kind=Slice(index=(4,))
            ),
            Refused((rand(4, 3),), IndexRangeError, "axis 1", "-3 to 2", kind=Slice(index=("...", -4))),
            Refused((rand(4),), IndexRangeError, "2 indices", "rank is 1", kind=Slice(index=(0, 0))),
            Refused((rand(4),), IndexRangeError, "several `...`", kind=Slice(index=("...", "..."))),
            Refused(lambda: Slice(index=(part(None, None, 0),)), ShapeError, "step 0"),
            Refused(lambda: Slice(index=("all",)), ShapeError, "'all'"),
        ],
    ),
    Case(Slice(index=(2,)), inputs=(rand(3, 4),), reference=lambda x: x[2], batch=(1,)),
    Case(
        Slice(index=(-1, "...", part(None, None, -2), "new")),
        inputs=(rand(3, 4, 5),),
        reference=lambda x: x[-1, ..., ::-2, None],
        batch=(1,),
    ),
    Case(Slice(index=("...", "new", 0)), inputs=(rand(4, 3),), reference=lambda x: x[..., None, 0], batch=(0,)),
    Case(Slice(index=(part(1, None),)), inputs=(rand(4, 3),), reference=lambda x: x[1:], batch=(0,)),
    Case(Slice(index=(part(None, -1),)), inputs=(rand(4, 3),), reference=lambda x: x[:-1], batch=(0,)),
    Case(Slice(index=(part(-3, None),)), inputs=(rand(4, 3),), reference=lambda x: x[-3:], batch=(0,)),
    Case(Slice(index=(part(None, None, 2),)), inputs=(rand(5, 3),), reference=lambda x: x[::2], batch=(0,)),
    Case(Slice(index=(part(None, None, -1),)), inputs=(rand(5, 3),), reference=lambda x: x[::-1], batch=(0,)),
    Case(Slice(index=(part(-2, 0, -1),)), inputs=(rand(5, 3),), reference=lambda x: x[-2:0:-1], batch=(0,)),
    Case(Slice(index=(part(3, 1),)), inputs=(rand(5, 3),), reference=lambda x: x[3:1], batch=(1,)),
    Case(
        Slice(index=(part(None, 3), -1)),
        name="Slice up to half of N",
        inputs=(rand(6, 2),),
        reference=lambda x: x[:3, -1],
        batch=(0,),
        batch_kind=Slice(index=(part(None, N // 2), -1)),
    ),
    Case(Slice(index=(1, 2)), inputs=(rand(3, 4),), reference=lambda x: x[1, 2], unbatched="numbers on each axis"),
    Case(
        Unslice(index=(part(1, 3),)),
        inputs=(rand(2, 3), rand(4, 3)),
        reference=lambda x, like: zeros_with((4, 3), np.s_[1:3], x),
        batch=(1, 1),
        constant=(1,),
        extremes=[([[inf, nan, 1.0], [1.0, 1.0, 0.0]], [[0.0] * 3] * 4)],
        refused=[Refused((rand(2, 3), rand(4, 4)), ShapeError, "(2, 3)", "that place has shape (2, 4)")],
    ),
    Case(
        Unslice(index=(-1,), shape_to=(3, 4)),
        inputs=(rand(4),),
        reference=lambda x: zeros_with((3, 4), -1, x),
        unbatched="the field says the shape",
    ),
    Case(
        Gather(),
        inputs=(rand(5, 3), integers(2, 4, low=-5, high=5)),
        reference=lambda x, i: x[i],
        batch=(None, 0),
        extremes=[([[inf, nan]], np.array([0, 0])), ([[inf, nan]], np.zeros(0, np.int64))],
        points=[Point((np.array([1.0, 2.0]), np.array([0, 0, -2])), ([3.0, 0.0], None))],
        refused=[
            Refused((rand(5, 3), np.array([5])), IndexRangeError, "index 5", "axis 0", "length is 5", captured=False),
            Refused((rand(5, 3), np.array([-6])), IndexRangeError, "index -6", "-5 to 4", captured=False),
            Refused((rand(5, 3), rand(2)), DTypeError, "float64", "integers"),
            Refused((rand(3), integers(2)), ShapeError, "axis 1", "rank 1", kind=Gather(axis=1)),
        ],
    ),
    Case(
        Gather(axis=-1),
        inputs=(rand(2, 3), integers(4, high=3, dtype=np.int32)),
        reference=lambda x, i: x[:, i],
        batch=(0, None),
    ),
    Case(Gather(axis=1), inputs=(rand(2, 3, 2), np.array(1)), reference=lambda x, i: x[:, i], batch=(0, None)),
    Case(
        Gather(axis=1),
        name="Gather by a number",
        inputs=(rand(2, 3, 2), 1),
        reference=lambda x, i: x[:, i],
        batch=(2, None),
    ),
    Case(
        ScatterAdd(),
        inputs=(rand(4, 3), np.array([0, 2, 0, -1]), rand(3, 3)),
        reference=lambda x, i, like: zeros_with((3, 3), i, x, add=True),
        batch=(1, None, 1),
        constant=(2,),
        refused=[
            Refused((rand(4, 3), integers(4, high=3), rand(3, 2)), ShapeError, "(4, 3)", "(4, 2)"),
            Refused((rand(1, 3), np.array([3]), rand(3, 3)), IndexRangeError, "index 3", captured=False),
        ],
    ),
    Case(
        ScatterAdd(shape_to=(7, 2)),
        inputs=(rand(60, 2), integers(60, high=7)),
        reference=lambda x, i: zeros_with((7, 2), i, x, add=True),
        batch=(0, 0),
    ),
    Case(
        ScatterAdd(axis=1, shape_to=(2, 3)),
        inputs=(rand(2, 4, 2), integers(4, 2, high=3)),
        name="ScatterAdd of picks of rank 2",
        reference=lambda x, i: np.stack([zeros_with(3, i, row, add=True) for row in x]),
        unbatched="the field says the shape",
    ),
    Case(
        Index(axes=(0, 1)),
        inputs=(rand(4, 5), integers(3, high=4), integers(3, low=-5, high=5)),
        reference=lambda x, i, j: x[i, j],
        batch=(None, 0, 0),
        refused=[
            Refused((rand(4, 5), np.array([0]), np.array([5])), IndexRangeError, "index 5", "axis 1", captured=False),
            Refused((rand(4, 5), integers(2, high=4), integers(3, high=4)), ShapeError, "(2,) and (3,)", "broadcast"),
            Refused((rand(4, 5), integers(2, high=4), rand(2)), DTypeError, "float64"),
            Refused((rand(4), integers(2, high=4), integers(2, high=4)), IndexRangeError, "rank 1"),
            Refused(lambda: Index(axes=(1, 0)), ShapeError, "(1, 0)"),
        ],
    ),
    Case(
        Index(axes=(1, 2)),
        inputs=(rand(2, 3, 4, 2), integers(5, 1, high=3), integers(2, high=4)),
        reference=lambda x, i, j: x[:, i, j],
        batch=(0, None, None),
    ),
    Case(
        Index(axes=(0, 2)),
        inputs=(rand(3, 2, 4), integers(5, high=3), integers(5, high=4)),
        reference=lambda x, i, j: x[i, :, j],
        batch=(1, None, None),
    ),
    Case(
        Index(axes=(0, 1)),
        name="Index by a number and a tensor",
        inputs=(rand(3, 4), 1, integers(5, high=4)),
        reference=lambda x, i, j: x[i, j],
        batch=(None, None, 0),
    ),
    Case(
        IndexAdd(axes=(0, 1)),
        inputs=(rand(3), rand(3, 2), *PAIRS),
        reference=lambda x, like, i, j: zeros_with((3, 2), (i, j), x, add=True),
        batch=(None, 0, None, None),
        constant=(1,),
        refused=[Refused((rand(4), rand(3, 2), *PAIRS), ShapeError, "(4,)", "(3,)")],
    ),
    Case(
        IndexAdd(axes=(1, 2), shape_to=(2, 3, 4, 2)),
        inputs=(rand(2, 5, 2), None, integers(5, high=3), integers(5, high=4)),
        reference=lambda x, like, i, j: zeros_with((2, 3, 4, 2), np.s_[:, i, j], x, add=True),
        unbatched="the field says the shape",
    ),
    Case(
        IndexAdd(axes=(0, 2), shape_to=(3, 2, 4)),
        inputs=(rand(5, 2), None, integers(5, high=3), integers(5, high=4)),
        reference=lambda x, like, i, j: zeros_with((3, 2, 4), np.s_[i, :, j], x, add=True),
        batch=(0, None, 0, 0),
    ),
    Case(
        TakeAlongAxis(axis=1),
        inputs=(rand(3, 4), integers(3, 2, low=-4, high=4)),
        reference=lambda x, i: np.take_along_axis(x, i, 1),
        batch=(0, 0),
        refused=[
            Refused((rand(3, 4), integers(2, 2, high=4)), ShapeError, "(3, 4)", "(2, 2)"),
            Refused((rand(3, 4), integers(3, high=3)), ShapeError, "rank"),
            Refused((rand(1, 4), np.array([[4]])), IndexRangeError, "index 4", "axis 1", captured=False),
            Refused((rand(1, 4), rand(1, 1)), DTypeError, "float64"),
        ],
    ),
    Case(
        TakeAlongAxis(axis=0),
        inputs=(rand(3, 4), integers(2, 1, high=3)),
        reference=lambda x, i: np.take_along_axis(x, i, 0),
        batch=(1, None),
    ),
    Case(
        AddAlongAxis(axis=1),
        inputs=(rand(2, 5), integers(2, 5, low=-3, high=3), rand(2, 3)),
        reference=lambda x, i, like: np.stack([zeros_with(3, j, row, add=True) for row, j in zip(x, i)]),
        batch=(0, 0, 0),
        constant=(2,),
        refused=[Refused((rand(2, 4), integers(2, 5, high=3), rand(2, 3)), ShapeError, "(2, 4)", "(2, 5)")],
    ),
    Case(
        SetItem(index=(1,)),
        inputs=(rand(3, 4), rand(4)),
        reference=lambda x, v: written(x, 1, v),
        batch=(1, 0),
        extremes=[([[inf], [nan]], [1.0]), ([[1.0], [1.0]], [nan])],
        refused=[
            Refused((rand(3, 4), rand(3)), ShapeError, "(3,)", "that part has shape (4,)"),
            Refused((rand(1, 4), rand(4)), IndexRangeError, "index 1", "axis 0"),
            Refused((integers(3, 4), rand(4)), DTypeError, "float64", "int64"),
        ],
    ),
    Case(
        SetItem(index=(part(1), "...")),
        inputs=(rand(3, 4), 2.0),
        reference=lambda x, v: written(x, np.s_[1:], v),
        batch=(0, None),
    ),
    Case(
        SetItem(index=(part(None, None, -2),)),
        inputs=(rand(3, 4), rand(4)),
        reference=lambda x, v: written(x, np.s_[::-2], v),
        batch=(1, 0),
    ),
    Case(
        SetItem(index=(0,)),
        name="SetItem of a row with a leading 1",
        inputs=(rand(3, 4), rand(1, 4)),
        reference=lambda x, v: written(x, 0, v),
        batch=(1, 1),
    ),
    Case(
        SetItem(index=("at",)),
        inputs=(rand(4, 2), rand(3, 2), np.array([0, -1, 0])),
        reference=lambda x, v, i: written(x, i, v),
        batch=(1, 1, None),
        points=[Point((np.ones(2), np.ones(3), np.array([0, 0, 0])), ([0.0, 1.0], [0.0, 0.0, 1.0], None))],
        refused=[Refused((rand(4, 2), rand(3), integers(3, high=4)), ShapeError, "(3,)", "(3, 2)")],
    ),
    Case(
        SetItem(index=("at", part(1), "at")),
        inputs=(rand(3, 2, 4), rand(5, 1), np.array([0, 1, 2, 2, 2]), np.array([0, 1, 3, 3, 1])),
        reference=lambda x, v, i, j: written(x, np.s_[i, 1:, j], v),
        batch=(None, 0, 0, 0),
    ),
    Case(
        SetItem(index=("at",)),
        name="SetItem at a mask",
        inputs=(rand(3, 2), rand(), booleans(3, 2)),
        reference=lambda x, v, m: written(x, m, v),
        batch=(0, None, 0),
    ),
    Case(
        SetItem(index=("at",)),
        name="SetItem of rows at a mask",
        inputs=(rand(5, 2), rand(2), booleans(5)),
        reference=lambda x, v, m: written(x, m, v),
        batch=(0, None, 0),
    ),
    Case(
        LastWritten(index=("at", 0)),
        inputs=(rand(3, 2), np.array([0, 2, 0])),
        reference=lambda x, i: np.array([False, True, True]),
        batch=(1, None),
    ),
    Case(
        NonZero(),
        inputs=(booleans(5),),
        reference=lambda m: np.flatnonzero(m),
        unshaped="how many entries are true is known from values",
    ),
    Case(
        NonZero(rank=2),
        inputs=(integers(3, 4, high=2),),
        reference=np.nonzero,
        unshaped="how many entries are true is known from values",
    ),
    Case(
        OneHot(depth=4),
        inputs=(integers(3, 2, low=-4, high=4),),
        reference=lambda i: np.eye(4, dtype=np.float32)[i],
        batch=(0,),
        refused=[
            Refused((np.array([4]),), IndexRangeError, "index 4", "length is 4", captured=False),
            Refused((rand(2),), DTypeError, "float64", "integers"),
        ],
    ),
    Case(
        OneHot(depth=3, axis=0, dtype="bool"),
        inputs=(integers(5, high=3),),
        reference=lambda i: (np.eye(3)[i] == 1).T,
        batch=(0,),
    ),
]
