"""Rows of random draws and dropout."""

import numpy as np

from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.nodes import philox
from localgrad.nodes.random import Bernoulli, Dropout, RandomNormal, RandomUniform
from tests.case import Case, Refused, integers, rand

STATE = np.array([7, 3])
NEGATIVE = np.array([-7, 3])
FOLDED = philox.fold(7, 5)


def uniform(key, low=0.0, high=1.0, dtype=None):
    def reference(state, like):
        return low + (high - low) * philox.uniform(key, 3, like.shape, dtype or like.dtype)

    return reference


def kept(key, ratio, shape):
    return philox.bits(key, 3, int(np.prod(shape))).reshape(shape) < (1 - ratio) * 2**32


def dropped(key, ratio):
    def reference(x, state):
        stays = kept(key, ratio, x.shape)
        return np.where(stays, x / (1 - ratio), 0.0), stays

    return reference


UNBATCHED = "the shape is a field"
REFUSED = [
    Refused((np.array([1, 2, 3]),), ShapeError, "a state [key, step]", "(3,)", eager=False),
    Refused((np.array([1, 2]),), ShapeError, "needs a shape", kind=RandomUniform(), eager=False),
    Refused((np.array([1, 2]),), DTypeError, "int64", kind=RandomUniform(shape_to=(2,), dtype="int64"), eager=False),
]

CASES = [
    Case(
        RandomUniform(shape_to=(2, 3)),
        inputs=(STATE,),
        reference=lambda state: philox.uniform(7, 3, (2, 3)),
        unbatched=UNBATCHED,
        refused=REFUSED,
    ),
    Case(RandomUniform(), inputs=(STATE, rand(4, 5)), reference=uniform(7), batch=(None, 0), float32=False),
    Case(
        RandomUniform(low=-2.0, high=3.0, stream=5),
        inputs=(STATE, rand(4, 5)),
        reference=uniform(FOLDED, -2, 3),
        batch=(None, 0),
        constant=(1,),
    ),
    Case(
        RandomUniform(dtype="float32"),
        inputs=(NEGATIVE, rand(4, 5)),
        reference=uniform(-7, dtype="float32"),
        batch=(None, 0),
        constant=(1,),
    ),
    Case(
        RandomNormal(shape_to=(2, 3), dtype="float64"),
        inputs=(STATE,),
        unbatched=UNBATCHED,
        reference=lambda state: philox.normal(7, 3, (2, 3), np.float64),
        refused=[REFUSED[0]],
    ),
    Case(
        RandomNormal(mean=1.0, deviation=2.0, dtype="float64"),
        inputs=(STATE, rand(4, 5)),
        batch=(None, 0),
        constant=(1,),
        reference=lambda state, like: 1 + 2 * philox.normal(7, 3, like.shape, np.float64),
    ),
    Case(
        Bernoulli(probability=0.25),
        inputs=(STATE, rand(4, 5)),
        reference=lambda s, x: kept(7, 0.75, x.shape),
        batch=(None, 0),
        constant=(1,),
        refused=[REFUSED[0], Refused(lambda: Bernoulli(probability=1.5), DataError, "0 to 1", "1.5")],
    ),
    Case(
        Bernoulli(probability=1.0, shape_to=(3,)),
        inputs=(STATE,),
        reference=lambda s: np.ones(3, bool),
        unbatched=UNBATCHED,
    ),
    Case(
        Dropout(ratio=0.5),
        inputs=(rand(4, 5), STATE),
        reference=dropped(7, 0.5),
        batch=(0, None),
        refused=[
            Refused((rand(4), np.array([1.0, 2.0])), ShapeError, "a state [key, step]", "float64", eager=False),
            Refused((integers(4), STATE), DTypeError, "int64", "astype", eager=False),
            Refused((rand(4),), DTypeError, "state"),
            Refused(lambda: Dropout(ratio=1.5), DataError, "from 0 to 1", "1.5"),
        ],
    ),
    Case(Dropout(ratio=0.25, stream=5), inputs=(rand(3, 2), STATE), reference=dropped(FOLDED, 0.25), batch=(0, None)),
    Case(
        Dropout(ratio=1.0),
        inputs=(rand(3), STATE),
        batch=(0, None),
        reference=lambda x, s: (np.zeros(x.shape), np.zeros(x.shape, bool)),
    ),
    Case(Dropout(training=False), inputs=(rand(3, 2), None), reference=lambda x, s: x, batch=(0, None)),
]
