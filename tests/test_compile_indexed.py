"""Rows picked and added up by numbers in plans: embeddings, their gradients, and numbers that lie outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run.plan import Plan
from tests.compiled import floats, generator


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (1, 1), (0,)])
def test_rows_and_their_gradients(shape: tuple[int, ...], dtype: Any) -> None:
    table = floats(11, 6)

    def f(table: Any, numbers: Any) -> Any:
        rows = lg.take(table, numbers.reshape(-1), axis=0)
        return rows, *lg.gradients(lg.sum(rows * rows * 3), [table])

    numbers = generator.integers(-11, 11, shape).astype(dtype)
    graph = lg.capture(f, lg.spec(11, 6), lg.spec(*shape, dtype=dtype))
    plan = Plan(graph)
    for _ in range(2):
        wanted = graph.run([table, numbers])
        for name, value in plan.run([table, numbers]).items():
            np.testing.assert_allclose(value, wanted[name], rtol=1e-5, atol=1e-6)
        numbers = numbers[::-1].copy()


def test_a_table_of_numbers_and_numbers_that_repeat() -> None:
    table = np.arange(5, dtype=np.float64)
    numbers = np.array([1, 1, 1, 4, -5])
    graph = lg.capture(
        lambda t, n: lg.gradients(lg.sum(lg.take(t, n, axis=0) ** 2), [t]),
        lg.spec(5, dtype=np.float64), lg.spec(5, dtype=np.int64),
    )  # fmt: skip
    (found,) = Plan(graph).run([table, numbers]).values()
    np.testing.assert_array_equal(found, [0, 6, 0, 0, 8])


@pytest.mark.parametrize("wrong", [5, -6, 2**40])
def test_a_number_outside_is_refused_before_anything_changes(wrong: int) -> None:
    W = lg.parameter(floats(5, 3), name="W")
    optimizer = lg.SGD(0.1)

    @lg.compile
    def step(numbers: Any) -> Any:
        loss = lg.sum(lg.take(W, numbers, axis=0))
        loss.backward()
        optimizer.step(W)
        return loss

    step(np.array([0, 1]))
    before = W.data.copy()
    with pytest.raises(lg.LocalgradError, match=f"index {wrong} was asked along axis 0"):
        step(np.array([0, wrong]))
    np.testing.assert_array_equal(W.data, before)


def test_class_numbers_of_a_sequence_are_looked_at_too() -> None:
    logits, labels = floats(2, 3, 4), generator.integers(0, 4, (2, 3))

    def f(logits: Any, labels: Any) -> Any:
        loss = lg.softmax_cross_entropy(logits.reshape((6, 4)), labels.reshape(-1))
        return loss, *lg.gradients(loss, [logits])

    graph = lg.capture(f, lg.spec(2, 3, 4), lg.spec(2, 3, dtype=np.int64))
    plan = Plan(graph)
    wanted = graph.run([logits, labels])
    for name, value in plan.run([logits, labels]).items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-5, atol=1e-7)
    with pytest.raises(lg.LocalgradError, match="class labels"):
        plan.run([logits, labels + 2])
