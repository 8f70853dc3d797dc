"""Very long chains of nodes: nothing recurses over a graph, and nothing grows faster than the graph."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.history import History
from localgrad.transform.path import why_no_gradient
from tests.told import told

LENGTH = 100_000


@pytest.fixture(autouse=True)
def _without_the_cyclic_collector() -> Iterator[None]:
    # what is freed here is freed by reference counting; the collector would only walk over all the nodes again
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def chain(x: lg.Tensor, length: int) -> lg.Tensor:
    for _ in range(length):
        x = x + 1e-6
    return x


def eager(length: int) -> None:
    x = lg.parameter(np.float64(1.0), name="x")
    y = chain(x, length)
    y.backward()
    assert x.grad == 1.0
    assert y.name == f"Add#{length}"
    assert len(History.of([y]).nodes) == length
    assert "Add" in repr(y)
    assert repr(y.node).startswith(f"<node Add#{length}")
    assert why_no_gradient(y, x) == ""
    told(lg.ShapeError, lambda y=y: y @ y, f"... {length - 12} nodes before", f"Add#{length}")
    (slope,) = lg.gradients(y, x)
    assert slope.item() == 1.0
    assert copy.deepcopy(y).item() == pickle.loads(pickle.dumps(y)).item() == y.item()
    del y


def captured(length: int) -> None:
    graph = lg.capture(lambda x: chain(x, length), lg.spec("N", dtype=np.float64), name="chain")
    x = np.array([1.0, 2.0])
    (end,) = graph.run([x]).values()
    np.testing.assert_allclose(end, x + length * 1e-6)
    text = str(graph)
    assert "nodes left out" in text
    assert len(text) < 100_000
    gradient = graph.gradient()
    np.testing.assert_array_equal(gradient.run([x, np.ones(2)])["grad/x"], [1.0, 1.0])
    piece = graph.part(f"Add#{length // 2 + 3}", inputs=f"Add#{length // 2}")
    assert len(piece.nodes) == 3
    assert piece.to_svg().count("Add#") >= 3
    del graph, gradient


def test_a_hundred_thousand_nodes_computed_eagerly() -> None:
    eager(LENGTH)


def test_a_hundred_thousand_nodes_captured() -> None:
    captured(LENGTH)


@pytest.mark.slow
def test_a_million_nodes_computed_eagerly() -> None:
    eager(1_000_000)


@pytest.mark.slow
def test_a_million_nodes_captured() -> None:
    captured(1_000_000)


def test_passes_and_copies_of_a_long_graph() -> None:
    graph = lg.capture(lambda x: chain(x, 20_000), lg.spec("N"))
    for same in (graph.explicit(), graph.expand(), graph.simplify()):
        assert len(same.nodes) == 20_000
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert graph.same_as(twin)


def test_the_graph_of_a_long_history_and_the_card_of_its_last_node() -> None:
    x = lg.parameter(np.float64(1.0), name="x")
    y = chain(x, 20_000)
    y.backward()
    graph = y.graph
    assert len(graph.nodes) == 20_000
    assert graph.record().gradient("x") == 1.0
    record = graph.record([], gradients_of=graph.outputs[0].name)
    assert record.gradient("x") == 1.0
    assert "Add#20000" in str(y.node.explain())
    assert "Add#10000" in str(record.explain("Add#10000"))


def test_a_chain_of_layers_is_drawn_folded() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        for block in range(20):
            with lg.scope(f"block{block}"):
                x = chain(x, 100)
        return x

    graph = lg.capture(f, lg.spec("N"))
    svg = graph.to_svg(depth=0)
    assert "block0" in svg
    assert "block19" in svg
    assert svg.count("Add#") < 100
    assert len(svg) < 100_000


def test_many_readers_of_one_tensor_cost_no_more_than_a_chain() -> None:
    x = lg.parameter(np.float64(1.0), name="x")
    total = x * 0.0
    for _ in range(20_000):
        total = total + x
    total.backward()
    assert x.grad == 20_000.0
    assert len(lg.capture(lambda x: sum((x for _ in range(2_000)), x), lg.spec(1)).explicit().nodes) == 2_001


def test_assigning_entries_many_times_is_a_chain_as_well() -> None:
    x = lg.tensor(np.zeros(4), name="x", requires_grad=True)
    y = x * 1.0
    origin = [0, 1, 2, 3]
    for step in range(10_000):
        y[step % 4] = y[(step + 1) % 4] + 1.0
        origin[step % 4] = origin[(step + 1) % 4]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.bincount(origin, minlength=4))
    assert y.name == "SetItem#10000"
    graph = y.graph
    np.testing.assert_array_equal(graph.run([x.data])[graph.outputs[0].name], y.data)


@pytest.mark.parametrize("count", range(1, 40))
def test_a_tensor_read_before_any_number_of_assignments_is_what_it_was(count: int) -> None:
    x = lg.tensor([0.0], name="x", requires_grad=True)
    y = x * 1.0
    read = []
    for step in range(count):
        read.append(y * 1.0)
        y[0] = x[0] + step
    for step, tensor in enumerate(read):
        (source, _) = tensor.node.inputs
        assert source.data == max(step - 1, 0)
        assert (source.node.kind.name == "SetItem") == (step > 0)
