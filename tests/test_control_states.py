"""Random numbers and states inside the steps of a scan and the branches of a cond."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.transform.control import cond, scan
from tests.loops_by_hand import random, same, spec


# randomness and states ------------------------------------------------------------------------------------------------
def test_every_step_draws_anew_and_the_gradient_sees_the_same_masks() -> None:
    lg.seed(3)
    x = lg.parameter(np.ones((6, 50)))
    _, ys = scan(lambda c, x: (c, lg.dropout(x, 0.5)), 0.0, x)
    masks = ys.data != 0
    assert len({mask.tobytes() for mask in masks}) == 6
    assert 100 < masks.sum() < 200
    ys.sum().backward()
    np.testing.assert_array_equal(x.grad, ys.data)
    _, more = scan(lambda c, x: (c, lg.dropout(x, 0.5)), 0.0, x)
    assert not (more.data == ys.data).all(axis=1).any()
    lg.seed(3)
    _, again = scan(lambda c, x: (c, lg.dropout(x, 0.5)), 0.0, x)
    np.testing.assert_array_equal(again.data, ys.data)


def test_draws_in_graphs_in_recomputed_steps_and_in_branches() -> None:
    def f(x: Any) -> Any:
        first = scan(lambda c, x: (c, lg.recompute(lambda x: lg.dropout(x, 0.5) * x)(x)), 0.0, x)[1]
        second = scan(lambda c, x: (c, cond(x[0] > 0, lambda: lg.dropout(x), lambda: x)), 0.0, x)[1]
        return lg.stack([first, second, lg.dropout(x)])

    lg.seed(0)
    graph = lg.capture(f, spec("T", 40))
    assert list(graph.updates) == ["generator"]
    x = np.ones((5, 40))
    rows = [next(iter(graph.run([x]).values())).reshape(15, 40) for _ in range(2)]
    assert len({row.tobytes() for part in rows for row in part}) == 30
    lg.seed(0)
    gradient = graph.gradient(of=graph.outputs[0])
    found = gradient.run([x, np.ones((3, 5, 40))])
    y, g = list(found.values())
    np.testing.assert_array_equal(y.reshape(15, 40), rows[0])
    np.testing.assert_array_equal(g, 2 * y[0] + y[1] + y[2])


def test_a_state_goes_from_step_to_step_and_on() -> None:
    def moving(running: lg.Leaf) -> Any:
        def step(c: Any, x: Any) -> Any:
            recorder = lg.graph.context.CONTEXT.get().recorder
            new = running * 0.5 + x.mean() * 0.5
            recorder.update(running, new)
            return c + new, new

        return step

    xs = random(4, 3)
    wanted = [0.0]
    for x in xs:
        wanted.append(wanted[-1] * 0.5 + x.mean() * 0.5)
    running = lg.state(np.float64(0.0), name="running")
    _, values = scan(moving(running), np.float64(0.0), xs)
    same(values, np.array(wanted[1:]))
    assert running.data == pytest.approx(wanted[-1])
    running = lg.state(np.float64(0.0), name="running")
    graph = lg.capture(lambda xs: scan(moving(running), np.float64(0.0), xs)[0], spec("T", 3))
    assert list(graph.updates) == ["running"]
    graph.run([xs])
    assert running.data == pytest.approx(wanted[-1])
    graph.run([xs])
    assert running.data != pytest.approx(wanted[-1])

    def once(x: Any) -> Any:
        def move() -> Any:
            lg.graph.context.CONTEXT.get().recorder.update(running, running + 1.0)
            return x

        return cond(x.sum() > 0, move, lambda: x)

    before = float(running.data)
    once(lg.tensor(np.ones(2)))
    assert running.data == before + 1
    once(lg.tensor(-np.ones(2)))
    assert running.data == before + 1
