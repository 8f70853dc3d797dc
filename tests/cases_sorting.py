"""Rows of nodes.sorting, nodes.quantiles and nodes.scattering."""

import numpy as np

from localgrad.graph.errors import DataError, DTypeError, IndexRangeError, ShapeError
from localgrad.nodes.quantiles import Quantile
from localgrad.nodes.scattering import LastAlongAxis, ScatterElements
from localgrad.nodes.sorting import ArgSort, SearchSorted, Sort, TopK, Unique
from tests.case import Case, Point, Refused, booleans, distinct, inf, integers, nan, rand


def ordered(axis=-1, descending=False):
    """Entries in order and where they stood, one comparison of every pair at a time."""

    def reference(x):
        x = np.moveaxis(np.asarray(x), axis, -1)
        indices = np.empty(x.shape, np.int64)
        for row in np.ndindex(x.shape[:-1]):
            key = [(v != v, 0 if v != v else v) for v in x[row].tolist()]
            if descending:
                key = [(-a, -b) for a, b in key]
            indices[row] = sorted(range(len(key)), key=key.__getitem__)
        return tuple(np.moveaxis(y, -1, axis) for y in (np.take_along_axis(x, indices, -1), indices))

    return reference


def outermost(k, axis=-1, largest=True, kept=False):
    """The k first in order, or in the order of x."""

    def reference(x):
        indices = np.take(ordered(axis, largest)(x)[1], range(k), axis)
        indices = np.sort(indices, axis) if kept else indices
        return np.take_along_axis(np.asarray(x), indices, axis), indices

    return reference


def written(axis=-1, add=False):
    """A copy with entries written one after the other."""

    def reference(x, indices, values):
        y = np.array(x)
        shape = list(x.shape)
        shape[axis] = indices.shape[axis]
        indices, values = np.broadcast_to(indices, shape), np.broadcast_to(values, shape)
        for place in np.ndindex(*shape):
            at = list(place)
            at[axis] = indices[place]
            y[tuple(at)] = values[place] + (y[tuple(at)] if add else 0)
        return y

    return reference


PARTS = np.array([0.15, 0.45, 0.85])
TIES = np.array([[2, 1, 2, 1, 2], [0, 0, -1, 0, 3]])
EXTREMES = [np.array([nan, -inf, 3.0, inf, nan, -1.0]), np.array([inf, inf, -inf, -inf, nan])]

CASES = [
    Case(
        Sort(),
        (distinct(3, 5),),
        ordered(),
        batch=(0,),
        extremes=EXTREMES,
        points=[Point(np.array([2.0, 1.0, 2.0]), np.array([2.0, 1.0, 3.0]), grad=np.array([1.0, 2.0, 3.0]))],
        refused=[
            Refused((rand(),), ShapeError, "out of range"),
            Refused((rand(3),), ShapeError, "3", kind=Sort(axis=3)),
        ],
    ),
    Case(Sort(axis=0), (distinct(4, 3),), ordered(0), batch=(1,)),
    Case(Sort(axis=0), (distinct(4, 3),), ordered(0), batch=(0,), name="Sort along the batch"),
    Case(Sort(axis=1, descending=True), (distinct(2, 4, 3),), ordered(1, True), batch=(0,)),
    Case(Sort(descending=True), (distinct(5),), ordered(descending=True), batch=(0,), extremes=EXTREMES),
    Case(Sort(descending=True), (TIES,), ordered(descending=True), batch=(0,)),
    Case(Sort(), (integers(3, 6, high=4),), ordered(), batch=(0,), name="Sort of integers"),
    Case(Sort(), (rand(3, 0),), ordered(), batch=(0,)),
    Case(ArgSort(), (rand(3, 5),), lambda x: ordered()(x)[1], batch=(0,), extremes=EXTREMES),
    Case(ArgSort(axis=0, descending=True), (integers(6, 3, high=4),), lambda x: ordered(0, True)(x)[1], batch=(1,)),
    Case(
        TopK(k=2),
        (distinct(3, 5),),
        outermost(2),
        batch=(0,),
        extremes=EXTREMES,
        points=[Point(np.array([2.0, 1.0, 2.0]), np.array([1.0, 0.0, 3.0]), grad=np.array([1.0, 3.0]))],
        refused=[
            Refused((rand(4, 1),), ShapeError, "the 2 largest entries along axis 1", "its length is 1", "at most that"),
            Refused((rand(),), ShapeError, "out of range"),
            Refused(lambda: TopK(k=-1), ShapeError, "-1", "0 or more"),
        ],
    ),
    Case(TopK(k=3, axis=0, largest=False), (distinct(5, 2),), outermost(3, 0, False), batch=(1,)),
    Case(TopK(k=2, axis=0), (distinct(5, 2),), outermost(2, 0), batch=(0,), name="TopK along the batch"),
    Case(TopK(k=3, sorted=False), (distinct(2, 5),), outermost(3, kept=True), batch=(0,), extremes=EXTREMES),
    Case(TopK(k=3, largest=False), (integers(2, 9, high=3),), outermost(3, largest=False), batch=(0,)),
    Case(TopK(k=0), (rand(2, 3),), outermost(0), batch=(0,)),
    Case(
        SearchSorted(),
        (np.array([-1.0, 0.0, 0.0, 2.0]), np.array([[0.0, 3.0], [-2.0, 1.0]])),
        lambda x, v: (x < v[..., None]).sum(-1),
        batch=(None, 0),
        refused=[
            Refused((rand(2, 3), rand(2)), ShapeError, "rank 2", "one sorted vector"),
            Refused(lambda: SearchSorted(side="middle"), ShapeError, "'middle'", "'right'"),
        ],
    ),
    Case(
        SearchSorted(side="right"),
        (np.array([-1.0, 0.0, 0.0, 2.0]), np.array([0.0, 3.0])),
        lambda x, v: (x <= v[..., None]).sum(-1),
        batch=(None, 0),
    ),
    Case(
        Unique(),
        (np.array([[3.0, 1.0, 3.0], [1.0, 1.0, 2.0]]),),
        lambda x: (
            np.array([1.0, 2.0, 3.0]),
            np.array([1, 5, 0]),
            np.array([[2, 0, 2], [0, 0, 1]]),
            np.array([3, 1, 2]),
        ),
        unshaped="how many different values there are is known from values",
    ),
    # quantiles ------------------------------------------------------------------------------------------------------
    Case(
        Quantile(),
        (distinct(3, 4), 0.5),
        lambda x, q: np.median(x),
        batch=(0, None),
        extremes=[
            (np.array([nan, 1.0, 2.0]), 0.5),
            (np.array([inf, inf, -1.0]), 0.5),
            (np.array([-inf, 2.0, inf]), 0.5),
        ],
        points=[Point((np.array([3.0, 1.0, 2.0, 7.0]), 0.5), (np.array([0.5, 0.0, 0.5, 0.0]), None))],
        refused=[
            Refused((rand(2, 0), 0.5), ShapeError, "no entries", "at least one"),
            Refused((booleans(3), 0.5), DTypeError, "bools"),
            Refused((rand(3), rand(2, 2)), ShapeError, "(2, 2)", "vector"),
            Refused((rand(3), np.array([0.5, 1.5])), DataError, "1.5", "from 0 to 1", captured=False),
            Refused(lambda: Quantile(method="best"), ShapeError, "'best'", "nearest"),
        ],
    ),
    Case(Quantile(axis=(0,)), (distinct(5, 3), PARTS), lambda x, q: np.quantile(x, q, axis=0), batch=(1, None)),
    Case(
        Quantile(axis=(0,)),
        (distinct(5, 3), np.array(0.3)),
        lambda x, q: np.quantile(x, q, axis=0),
        batch=(0, None),
        name="Quantile along the batch",
    ),
    Case(
        Quantile(axis=(2, 0), keepdims=True),
        (distinct(2, 3, 4), PARTS),
        lambda x, q: np.quantile(x, q, axis=(2, 0), keepdims=True),
        batch=(1, None),
    ),
    *(
        Case(
            Quantile(axis=(-1,), method=method, keepdims=True),
            (distinct(3, 6), np.array([0.0, 0.3, 0.74, 1.0])),
            lambda x, q, method=method: np.quantile(x, q, axis=-1, method=method, keepdims=True),
            batch=(0, None),
            constant=(1,),
        )
        for method in ("lower", "higher", "midpoint", "nearest")
    ),
    Case(Quantile(axis=(1,)), (integers(2, 4, high=9), 0.5), lambda x, q: np.median(x, 1), batch=(0, None)),
    # scattering -----------------------------------------------------------------------------------------------------
    Case(
        ScatterElements(),
        (rand(3, 4), np.array([[0, -1, 0], [1, 2, 3], [2, 2, 2]]), rand(3, 3)),
        written(),
        batch=(0, 0, 0),
        points=[
            Point(
                (np.ones(3), np.array([1, 1]), np.array([5.0, 6.0])),
                (np.array([1.0, 0.0, 3.0]), None, np.array([0.0, 2.0])),
                grad=np.array([1.0, 2.0, 3.0]),
            )
        ],
        refused=[
            Refused((rand(3, 4), integers(2, 3, high=3), rand(2, 3)), ShapeError, "differ in rank, or on another axis"),
            Refused((rand(1, 4), integers(2, 3, high=3), rand(2, 3)), ShapeError, "longer on another axis"),
            Refused((rand(2, 4), integers(2, 3, high=4), rand(2, 2)), ShapeError, "(2, 2)", "(2, 3)"),
            Refused((integers(2, 4), integers(2, 3, high=4), rand(2, 3)), DTypeError, "cut them off"),
            Refused((rand(4), rand(4), rand(4)), DTypeError, "integers"),
            Refused((rand(4), np.array([4]), rand(1)), IndexRangeError, "index 4", "length is 4", captured=False),
            Refused(lambda: ScatterElements(reduction="mean"), ShapeError, "'mean'", "'add'"),
        ],
    ),
    Case(
        ScatterElements(axis=0),
        (rand(4, 3), np.array([[2], [0]]), rand(2, 3)),
        written(0),
        batch=(1, None, 1),
    ),
    Case(
        ScatterElements(axis=1, reduction="add"),
        (rand(2, 3, 2), integers(2, 5, 2, high=3), rand(5, 1)),
        written(1, add=True),
        batch=(0, 0, None),
        refused=[
            Refused(
                (rand(2, 3, 2), np.full((2, 1, 2), -4), 1.0), IndexRangeError, "index -4", "length is 3", captured=False
            )
        ],
    ),
    Case(ScatterElements(), (rand(2, 3), integers(2, 1, high=3), 2.0), written(), batch=(0, 0, None)),
    Case(
        LastAlongAxis(),
        (rand(2, 3), np.array([[0, -3, 1], [1, 0, 1]])),
        lambda x, i: np.array([[False, True, True], [False, True, True]]),
        batch=(0, 0),
    ),
]
