"""Rows of sampling by frequency."""

import numpy as np

from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.nodes import philox
from localgrad.nodes.sampling import NegativeSample
from tests.case import Case, Refused, integers, rand

STATE = np.array([7, 3])
WEIGHTS = np.array([0.4, 0.0, 0.3, 0.2, 0.1, 1.5])


def one_by_one(count, key=7, replace=False):
    """The definition: a row's numbers in the order drawn, what is not allowed drawn again."""

    def reference(state, targets, weights):
        flat, edges = targets.ravel(), np.cumsum(weights)
        found = [[] for _ in flat]
        place, width = 0, 2 * count + 4
        while place < 10_000:
            open_rows = [row for row, taken in enumerate(found) if len(taken) < count]
            points = philox.uniform(key, 3, (len(open_rows), width), np.float64, place)
            place += points.size
            for row, numbers in zip(open_rows, points):
                for number in numbers:
                    drawn = int(np.searchsorted(edges, number * edges[-1], side="right"))
                    if drawn != flat[row] and len(found[row]) < count and (replace or drawn not in found[row]):
                        found[row].append(drawn)
            if all(len(taken) == count for taken in found):
                break
        return np.array(found, np.int64).reshape((*targets.shape, count))

    return reference


CASES = [
    Case(
        NegativeSample(count=3),
        inputs=(STATE, integers(8, high=6), WEIGHTS),
        reference=one_by_one(3),
        batch=(None, 0, None),
        float32=False,
        refused=[
            Refused((np.array([1, 2, 3]), integers(2), WEIGHTS), ShapeError, "a state [key, step]", eager=False),
            Refused((STATE, rand(2), WEIGHTS), DTypeError, "integers", eager=False),
            Refused((STATE, integers(2), rand(2, 2)), ShapeError, "(2, 2)", eager=False),
            Refused(lambda: NegativeSample(count=0), DataError, "fewer than one"),
        ],
    ),
    Case(
        NegativeSample(count=4, replace=True, stream=5),
        inputs=(STATE, integers(3, 2, high=6), WEIGHTS),
        reference=one_by_one(4, philox.fold(7, 5), True),
        batch=(None, 0, None),
        float32=False,
    ),
]
