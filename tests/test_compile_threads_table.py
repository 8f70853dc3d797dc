"""Plans of every row of the table on two threads: the same as on one that does both parts, and as on one alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run import pool, runner, threads
from localgrad.run.plan import Plan
from tests.case import Case
from tests.cases import CASES
from tests.compiled import needs_compiler
from tests.test_compile import graph_of
from tests.trial import SINGLE, rows, weights_for

pytestmark = [needs_compiler, pytest.mark.slow]


@pytest.fixture(autouse=True)
def every_step_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small a step is, several threads do it."""
    monkeypatch.setattr(runner, "WORTH", 0.0)
    monkeypatch.setattr(threads, "SHARED", 0.0)
    monkeypatch.setattr(threads, "_wanted", 1)
    monkeypatch.setattr(threads.Pace, "next", lambda self: None)


@rows([case for case in CASES if not case.unshaped])
def test_two_threads_give_what_one_gives(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = case.arrays(np.float32 if case in SINGLE else np.float64)
    incoming = weights_for(case, arrays) if case.kind.differentiable and case.wanted() else []
    graph, inputs = graph_of(case, arrays, incoming)
    plan = Plan(graph, inputs)
    one = plan.run(inputs)
    lg.set_threads(2)
    attempt = pool.attempt
    monkeypatch.setattr(pool, "attempt", lambda *each: False)  # as when another thread uses the pool
    alone = plan.run(inputs)
    monkeypatch.setattr(pool, "attempt", attempt)
    shared = plan.run(inputs)
    for name, value in one.items():
        _equal(shared[name], alone[name])
        if value.dtype.kind == "f":
            size = np.abs(value[np.isfinite(value)]).max(initial=0)
            unit = np.finfo(value.dtype).eps
            np.testing.assert_allclose(shared[name], value, rtol=16 * unit, atol=float(size * 16 * unit))
        else:
            _equal(shared[name], value)


def _equal(found: Any, wanted: Any) -> None:
    np.testing.assert_array_equal(found, wanted)
