"""Compiled against interpreted, over every row of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.graph import Graph
from localgrad.graph.spec import Spec
from localgrad.run.plan import Plan
from tests.case import Case
from tests.cases import CASES
from tests.trial import DTYPES, SINGLE, floats, rows, several, weights_for


def graph_of(case: Case, arrays: Sequence[Any], incoming: Sequence[Any] = ()) -> tuple[Graph, list[np.ndarray]]:
    """The graph of a row's kind, with the gradients of its inputs where some come in."""
    places = [place for place, x in enumerate(arrays) if isinstance(x, np.ndarray)]
    count = len(places)
    wanted = [places.index(place) for place in case.wanted()] if incoming else []

    def f(*given: Any) -> Any:
        filled: list[Any] = list(arrays)
        for place, x in zip(places, given):
            filled[place] = x
        outputs = several(case.kind(*filled))
        if not wanted:
            return outputs
        found = lg.gradients(floats(outputs), [given[place] for place in wanted], list(given[count:]))
        return (*outputs, *[g for g in found if g is not None])

    inputs = [arrays[place] for place in places] + list(incoming)
    return lg.capture(f, *(Spec(x.shape, x.dtype) for x in inputs)), inputs


def agree(
    found: dict[str, np.ndarray], wanted: dict[str, np.ndarray], wide: Callable[[], dict[str, np.ndarray]]
) -> None:
    """Values are equal up to rounding, and exactly where they are not finite.

    Where single precision cancels, a value may be as far from that in double precision as twice the interpreter's is.
    """
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        y = found[name]
        assert (y.shape, y.dtype) == (value.shape, value.dtype)
        if value.dtype.kind != "f":
            np.testing.assert_array_equal(y, value)
            continue
        finite = np.isfinite(value)
        np.testing.assert_array_equal(np.where(finite, 0, y), np.where(finite, 0, value))
        size = np.abs(value[finite]).max(initial=0)
        unit = np.finfo(value.dtype).eps
        if np.allclose(y[finite], value[finite], rtol=16 * unit, atol=float(size * 8 * unit)):
            continue
        assert value.dtype == np.float32, f"{name}: {y} instead of {value}"
        exact = wide()[name]
        allowed = 2 * np.abs(value - exact).max() + 1e-6 * np.linalg.norm(exact)
        assert np.abs(y - exact).max() <= allowed, f"{name}: {y} instead of {value}, in double precision {exact}"


@pytest.mark.parametrize("dtype", DTYPES)
@rows([case for case in CASES if not case.unshaped])
def test_a_plan_gives_what_the_interpreter_gives(case: Case, dtype: Any) -> None:
    if dtype == np.float32 and case not in SINGLE:
        return
    arrays = case.arrays(dtype)
    incoming = weights_for(case, arrays) if case.kind.differentiable and case.wanted() else []
    graph, inputs = graph_of(case, arrays, incoming)
    plan = Plan(graph, inputs)
    wanted = graph.run(inputs)

    def in_double() -> dict[str, np.ndarray]:
        wide, _ = graph_of(case, case.arrays(np.float64), [w.astype(np.float64) for w in incoming])
        given = [x.astype(np.float64) if x.dtype == np.float32 else x for x in inputs]
        return dict(zip(wanted, wide.run(given).values(), strict=True))

    agree(plan.run(inputs), wanted, in_double)
    agree(plan.run(inputs), wanted, in_double)
