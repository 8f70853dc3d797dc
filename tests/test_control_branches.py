"""`loop` and `cond` against Python's own `for`, `while` and `if`, in values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.transform.control import cond, loop, scan
from tests.loops_by_hand import F64, all_orders, random, same, spec


# loop ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_loop_is_pythons(count: int) -> None:
    def by_loop(x: Any, w: Any) -> Any:
        return loop(count, lambda c: (lg.tanh(c[0] * w), c[1] + c[0].sum()), (x, lg.zeros((), dtype=F64)))

    def by_hand(x: Any, w: Any) -> Any:
        c = (x, lg.zeros((), dtype=F64))
        for _ in range(count):
            c = (lg.tanh(c[0] * w), c[1] + c[0].sum())
        return c if count else (x * 1.0 + 0.0 * w, c[1])

    all_orders(by_loop, by_hand, random(3), random(3, seed=1))
    rounds = lg.tensor(count)
    all_orders(
        lambda x, w: loop(rounds, lambda c: lg.tanh(c * w), x)[None],
        lambda x, w: by_hand(x, w)[:1],
        random(3),
        random(3, seed=1),
    )


def test_the_rounds_of_a_loop_are_known_when_the_graph_runs() -> None:
    w = lg.parameter(random(3), name="w")

    def f(n: Any, x: Any) -> Any:
        return (loop(n, lambda c: lg.tanh(c * w), x) * loop(n + 1, lambda c: c * w, x)).sum()

    graph = lg.capture(f, lg.spec(dtype=np.int64), spec("N", 3))
    gradient = graph.gradient()
    for count in (0, 3):
        x = lg.tensor(random(2, 3, seed=1), requires_grad=True)
        loss = f(count, x)
        loss.backward()
        found = gradient.run([np.int64(count), x.data])
        same([found[graph.outputs[0].name], found["grad/x"], found["grad/w"]], [loss, x.grad, w.grad])
        same(gradient.explicit().run([np.int64(count), x.data]), found)


def test_a_loop_in_a_scan_and_in_a_cond() -> None:
    def f(xs: Any, w: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            rounds = lg.cast(x[0] > 0, np.int64) + 1
            c = loop(rounds, lambda c: lg.tanh(c * w + x), c)
            return cond(c.sum() > 0, lambda: c, lambda: loop(rounds, lambda c: c * w, c)), c

        return scan(step, w, xs)

    def by_hand(xs: Any, w: Any) -> Any:
        c, ys = w, []
        for t in range(4):
            rounds = 1 + (xs[t].data[0] > 0)
            for _ in range(rounds):
                c = lg.tanh(c * w + xs[t])
            ys.append(c)
            if c.sum() <= 0:
                for _ in range(rounds):
                    c = c * w
        return c, lg.stack(ys)

    all_orders(f, by_hand, random(4, 2, seed=3), random(2, seed=1))
    arrays = [random(4, 2, seed=3), random(2, seed=1)]
    same(list(lg.capture(f, spec("T", 2), spec(2)).run(arrays).values()), f(*map(lg.tensor, arrays)))


# cond ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("condition", [True, False, np.array([1]), lg.tensor(0)])
def test_cond_computes_one_branch(condition: Any) -> None:
    w = lg.parameter(random(3), name="w")
    b = lg.parameter(random(3, seed=2), name="b")

    def f(x: Any) -> Any:
        return cond(condition, lambda x: {"y": lg.tanh(x) * w}, lambda x: {"y": x + b}, x)["y"]

    x = lg.parameter(random(2, 3))
    y = f(x)
    taken = bool(np.asarray(condition.data if isinstance(condition, lg.Tensor) else condition).all())
    same(y, np.tanh(x.data) * w.data if taken else x.data + b.data)
    y.sum().backward()
    same(w.grad, np.tanh(x.data).sum(0) if taken else np.zeros(3))
    same(b.grad, np.zeros(3) if taken else np.full(3, 2.0))
    lg.check_gradients(f, random(2, 3), order=2)


def test_the_branch_not_taken_is_not_computed() -> None:
    graph = lg.capture(
        lambda x, i: cond(x.sum() > 0, lambda: lg.take(x, i), lambda: x[0]), spec(3), lg.spec(dtype=np.int64)
    )
    assert graph.run([-np.ones(3), np.int64(99)])["If#1"] == -1.0
    with pytest.raises(lg.IndexRangeError, match="index 99"):
        graph.run([np.ones(3), np.int64(99)])
    x = lg.parameter(np.array([0.0]))
    cond(x.sum() > 0, lambda: lg.log(x), lambda: x * 2).sum().backward()
    same(x.grad, np.array([2.0]))


def test_a_python_number_in_a_branch_takes_the_others_dtype() -> None:
    x = lg.parameter(np.array(2.0))
    y = cond(x > 3, lambda: x, lambda: 0.0)
    assert y.dtype == np.float64
    y.backward()
    assert x.grad == 0.0
