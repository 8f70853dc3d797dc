"""Pooling in plans: kernels of windows beside the kinds' NumPy forwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")

# extents, window, stride, padding
WINDOWS: list[tuple[Any, ...]] = [
    ((8, 8), 2, 2, 0),
    ((7, 9), 2, 2, 0),  # a row and a column that no window sees
    ((24, 24), 2, 2, 0),
    ((9, 11), 3, 2, 1),  # over the border, and over each other
    ((8, 10), 3, 1, 0),
    ((9, 9), 3, 3, 0),
    ((5, 17), (1, 3), (1, 2), (0, 1)),
    ((4, 4), 4, 4, 0),
    ((6, 13), 2, 3, 0),
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_largest_and_its_gradient_equal_numpy(window: Any, dtype: Any, threads: int) -> None:
    extents, size, stride, padding = window
    rng = np.random.default_rng(3)
    x = rng.integers(-3, 3, (3, 5, *extents)).astype(dtype)  # small numbers: many are equal
    x[0, 0, 1, 2], x[1, 1, 0, 0], x[2, 2, -1, -1] = np.nan, -np.inf, np.inf

    def run(x: lg.Tensor, weight: lg.Tensor) -> tuple[Any, ...]:
        y = lg.max_pool2d(x, size, stride=stride, padding=padding)
        return (y, *lg.gradients(lg.sum(y * weight), [x]))

    places = lg.max_pool2d(lg.tensor(x), size, stride=stride, padding=padding).shape
    weight = rng.standard_normal(places).astype(dtype)
    lg.set_threads(threads)
    compiled = lg.compile(run)
    for one, two in zip(run(lg.tensor(x), lg.tensor(weight)), compiled(x, weight), strict=True):
        assert np.array_equal(one.data, two.data, equal_nan=True) or np.allclose(
            one.data, two.data, rtol=1e-6, atol=1e-6, equal_nan=True
        )


def test_kernels_are_used_where_there_are_some() -> None:
    x = np.zeros((2, 2, 8, 8), np.float32)
    compiled = lg.compile(lambda x: lg.gradients(lg.sum(lg.max_pool2d(x, 2) ** 2), [x]))
    compiled(x)
    assert "numpy" not in str(compiled.plan)
    dilated = lg.compile(lambda x: lg.max_pool2d(x, 2, dilation=2))
    dilated(x)
    assert "numpy" in str(dilated.plan)
