"""Mutated graph files: they load, or raise the error for files that cannot be imported, and take little memory."""

from __future__ import annotations

import json
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.exchange import document, foreign_json, reading
from localgrad.graph.errors import ImportModelError
from tests.case import Case
from tests.cases import CASES
from tests.test_weights import mutated
from tests.trial import captured, specs_of

# fuzz ---------------------------------------------------------------------------------------------------------------
STRANGE: list[Any] = [
    None, True, 0, -1, 10**30, 2**63, 0.5, 1e308, "", "x", "W", "y#1", "float32[N, 3]", "float32[0]", "int64[]", "N*N", "\ud800",
    [], [0], [[]], {}, {"graph": 0}, {"graph": 10**9}, {"float": "nan"}, {"extent": "N"}, {"extent": "N//N"}, {"array": "W"},
    {"slice": [None, 0, 0]}, {"kind": ["Sum", {}]}, {"dtype": "int8"}, "Sum", "Call", "Branch", "Reshape", "Where",
]  # fmt: skip


def places(found: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    result: list[tuple[Any, Any]] = []
    stack = [found]
    while stack:
        each = stack.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each))
        for key in keys:
            result.append((each, key))
            if isinstance(each[key], (dict, list)):
                stack.append(each[key])
    return result


def disturbed(text: str, chance: random.Random) -> Any:
    """A document with a few entries replaced, exchanged, renamed or taken out."""
    found = json.loads(text)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        candidates = places(found)
        if not candidates:
            return found
        container, key = chance.choice(candidates)
        what = chance.randrange(5)
        if what == 0:
            container[key] = json.loads(json.dumps(chance.choice(STRANGE)))
        elif what == 1:
            other, place = chance.choice(candidates)
            container[key] = json.loads(json.dumps(other[place]))
        elif what == 2:
            del container[key]
        elif isinstance(container, dict):
            container[chance.choice(["x", "kind", "axis", "n", "Exp#1", str(key) + "s"])] = container.pop(key)
        else:
            container.insert(key, json.loads(json.dumps(chance.choice(STRANGE))))
    return found


def rich() -> lg.Graph:
    """A graph that has everything a document can have."""
    W = lg.parameter(np.ones((3, 3)), name="W")
    inner = lg.recompute(lambda x: lg.exp(x @ W) + np.arange(3.0))

    def f(x: Any, labels: Any) -> Any:
        with lg.scope("layer"):
            y = lg.dropout(inner(x)[:, ::-1], 0.25, training=True)
        parts = lg.split(y.reshape(-1, 3), 3, axis=1)
        z = lg.concatenate([parts[2], lg.where(parts[1] > 0, parts[0], float("nan")), parts[1]], axis=1)
        return lg.softmax_cross_entropy(lg.clip(z, 0.0, None), labels)

    graph = lg.capture(f, lg.spec("N", 3, dtype=np.float64), lg.spec("N", dtype=np.int64))
    return graph.gradient(wrt=["W", "x"])


def fuzz(rounds: range) -> None:
    written, arrays = document.write(rich())
    text = document.to_text(written | {"weights": {"sha256": "0" * 64}})
    arrays = {name: np.array(array) for name, array in arrays.items()}
    loaded = 0
    for seed in rounds:
        chance = random.Random(seed)
        try:
            if seed % 4 == 0:
                found = foreign_json.parse(mutated(text.encode(), chance), "graph.json", ImportModelError, "-")
            else:
                found = disturbed(text, chance)
            graph = reading.read(found, arrays, "graph.json")
        except ImportModelError:
            continue
        loaded += 1
        assert repr(graph)
    assert 0 < loaded < len(rounds)


def test_mutations_load_or_raise_our_error() -> None:
    fuzz(range(400))


@pytest.mark.slow
def test_many_mutations_load_or_raise_our_error() -> None:
    fuzz(range(1000, 9000))


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if not case.unshaped], ids=repr)
def test_hostile_fields_of_every_kind_load_or_raise_our_error(case: Case) -> None:
    arrays = case.arrays()
    if not any(isinstance(x, np.ndarray) for x in arrays):
        pytest.skip("a row of numbers only")
    graph = captured(lambda inputs: case.kind(*inputs), specs_of(arrays))
    written, _ = document.write(graph)
    text = json.dumps(written | {"weights": {"sha256": "0" * 64}})
    for field in case.kind.fields:
        for value in [10**9, -(10**9), 10**18, [10**9], [10**9] * 20, *STRANGE]:
            found = json.loads(text)
            found["graphs"][-1]["nodes"][0].setdefault("fields", {})[field] = value
            tracemalloc.start()
            try:
                reading.read(found, {}, "graph.json")
            except ImportModelError:
                pass
            finally:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert peak < 100_000_000, (field, value)
