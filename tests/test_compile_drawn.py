"""Dropout in plans: the same entries stay as in NumPy, whatever the size, the stream and the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run.plan import Plan
from tests.compiled import floats


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (4,), (5,), (7, 11), (64, 33), (0, 3)])
def test_the_same_entries_stay(shape: tuple[int, ...], dtype: Any) -> None:
    def f(x: Any) -> Any:
        y = lg.dropout(x, 0.3)
        z = lg.dropout(x * 2, 0.8)  # of another stream
        return y, z, *lg.gradients(lg.sum(y * y) + lg.sum(z), [x])

    x = floats(*shape).astype(dtype)
    lg.seed(2**63 + 5)
    graph = lg.capture(f, lg.spec(*shape, dtype=dtype))
    plan = Plan(graph)
    for seed in (0, 7, 2**64 - 1):
        lg.seed(seed)
        wanted = [graph.run([x]) for _ in range(3)]
        lg.seed(seed)
        for each in wanted:
            for name, value in plan.run([x]).items():
                np.testing.assert_allclose(value, each[name], rtol=1e-6 if dtype == np.float32 else 1e-14)
                np.testing.assert_array_equal(value == 0, each[name] == 0)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_all_or_nothing(ratio: float) -> None:
    x = np.ones((5, 3), np.float32)
    (found,) = Plan(lg.capture(lambda x: lg.dropout(x, ratio), lg.spec(5, 3))).run([x]).values()
    np.testing.assert_array_equal(found, x * (1 - ratio))
