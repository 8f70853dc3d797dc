"""Graphs: captured, run, recorded, compared, copied."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import localgrad as lg


def affine_net() -> lg.Graph:
    W = lg.parameter(np.arange(6.0).reshape(3, 2), name="W", dtype=np.float32)
    b = lg.parameter([1.0, -1.0], name="b")
    return lg.capture(lambda x: lg.tanh(x @ W + b), lg.spec("N", 3), name="net")


def test_nodes_stand_in_topological_order_with_names_that_stay_the_same() -> None:
    graph = affine_net()
    assert [node.name for node in graph.nodes] == ["MatMul#1", "Add#1", "Tanh#1"]
    assert [node.name for node in affine_net().nodes] == [node.name for node in graph.nodes]
    assert [t.name for t in graph.inputs] == ["x"]
    assert list(graph.parameters) == ["W", "b"]


def test_run_takes_a_sequence_or_names_and_any_batch() -> None:
    graph = affine_net()
    x = np.ones((4, 3), np.float32)
    by_name = graph.run({"x": x})["Tanh#1"]
    assert by_name.shape == (4, 2)
    np.testing.assert_array_equal(graph.run([x[:1]])["Tanh#1"], by_name[:1])


def test_fetch_reads_inner_tensors_by_name_and_pattern() -> None:
    graph = affine_net()
    x = np.ones((1, 3), np.float32)
    assert list(graph.run([x], fetch=["*Mul#?", "b"])) == ["MatMul#1", "b"]
    with pytest.raises(lg.NameLookupError, match=r"Tanh#1"):
        graph.run([x], fetch="Tan#1")


def test_what_run_gives_is_not_shown_later_writes() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    graph = lg.capture(lambda x: (W.reshape(2, 1), x * 1.0), lg.spec(1))
    before = graph.run([[1.0]], fetch=["W", "Reshape#1"])
    with lg.no_grad():
        W[...] = 9.0
    np.testing.assert_array_equal(before["W"], [1.0, 2.0])
    np.testing.assert_array_equal(before["Reshape#1"].ravel(), [1.0, 2.0])


@pytest.mark.parametrize(
    ("inputs", "error", "told"),
    [
        ({"y": np.ones((1, 3), np.float32)}, lg.NameLookupError, "'x' is missing"),
        ({"x": np.ones((1, 3))}, lg.DTypeError, "float64"),
        ({"x": np.ones(3, np.float32)}, lg.ShapeError, "rank 1"),
        ({"x": np.ones((1, 4), np.float32)}, lg.ShapeError, "axis 1 has to be 3"),
        ([], lg.ShapeError, "x: float32(N, 3)"),
    ],
)
def test_wrong_inputs_are_told_the_declaration(inputs: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        affine_net().run(inputs)
    assert told in str(caught.value)


def test_named_extents_have_to_agree() -> None:
    graph = lg.capture(lambda a, b: a + b, lg.spec("N"), lg.spec("N"))
    with pytest.raises(lg.ShapeError, match="N"):
        graph.run([np.ones(2, np.float32), np.ones(3, np.float32)])


def test_a_record_keeps_values_gradients_and_times() -> None:
    graph = affine_net()
    record = graph.record([np.ones((2, 3), np.float32)], gradients_of="Tanh#1")
    y = record["Tanh#1"]
    np.testing.assert_allclose(record.gradient("Add#1"), 1 - y**2, rtol=1e-6)
    np.testing.assert_allclose(record.gradient("b"), (1 - y**2).sum(0), rtol=1e-6)
    assert set(record.seconds) == {"MatMul#1", "Add#1", "Tanh#1"}
    assert graph.parameters["W"].grad is None, "a record has tensors of its own"


def test_loss_graph_comes_with_its_record() -> None:
    x = lg.tensor([1.0, 2.0], name="x", requires_grad=True)
    loss = (lg.exp(x) * x).sum()
    loss.backward()
    graph = loss.graph
    assert [t.name for t in graph.inputs] == ["x"]
    record = graph.record()
    np.testing.assert_array_equal(record["x"], x.data)
    np.testing.assert_array_equal(record.gradient("x"), x.grad)
    np.testing.assert_allclose(graph.run([x.data])["Sum#1"], loss.item())


def test_copies_and_pickles_are_equal_and_independent() -> None:
    graph = affine_net().gradient(of="Tanh#1")
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert twin == graph
        with lg.no_grad():
            twin.parameters["W"][0, 0] = 99.0
        assert twin != graph
        assert graph.parameters["W"].data[0, 0] == 0.0


def test_differences_name_the_first_node_that_differs() -> None:
    a = lg.capture(lambda x: lg.exp(x) * 2, lg.spec("N"))
    b = lg.capture(lambda x: lg.exp(x) * 3, lg.spec("N"))
    assert a != b
    assert "Mul#1" in a.differences(b)[0]
    assert lg.capture(lambda x: lg.exp(x) * 2, lg.spec("N")) == a


def test_a_repeated_name_gets_a_number_and_a_warning() -> None:
    a = lg.parameter([1.0], name="W")
    b = lg.parameter([2.0], name="W")
    with pytest.warns(lg.LocalgradWarning, match="W#2"):
        graph = lg.capture(lambda x: x * a + b, lg.spec(1))
    assert list(graph.parameters) == ["W", "W#2"]


def test_an_output_that_is_an_input_or_stands_twice_has_a_name_of_its_own() -> None:
    graph = lg.capture(lambda x: (x, x, lg.exp(x)), lg.spec(1))
    assert len({graph.name_of(t) for t in graph.outputs}) == 3
    values = list(graph.run([[0.5]]).values())
    np.testing.assert_array_equal(values[0], values[1])


def test_reading_a_value_while_capturing_names_the_line_and_the_ways_out() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        if x.sum() > 0:
            return x
        return -x

    with pytest.raises(lg.CaptureError) as caught:
        lg.capture(f, lg.spec(3))
    text = str(caught.value)
    assert "test_graph.py" in text
    assert "if x.sum() > 0" in text
    assert "lg.where" in text
    with pytest.raises(lg.CaptureError, match="float"):
        lg.capture(lambda x: x * float(x.sum()), lg.spec(3))


def test_a_named_extent_cannot_be_turned_into_a_number() -> None:
    with pytest.raises(lg.CaptureError, match="N"):
        lg.capture(lambda x: x * int(x.shape[0]), lg.spec("N"))
    with pytest.raises(lg.CaptureError, match="N"):
        lg.capture(lambda x: x if x.shape[0] == 1 else -x, lg.spec("N"))


def test_arithmetic_on_named_extents_stays_open() -> None:
    graph = lg.capture(lambda x: x.reshape(x.shape[0] * 2, -1), lg.spec("N", 4, 3))
    assert str(graph.outputs[0].shape) == "(2*N, 6)"
    assert next(iter(graph.run([np.zeros((5, 4, 3), np.float32)]).values())).shape == (10, 6)


def test_state_is_updated_by_a_run_and_stands_in_the_graph() -> None:
    from localgrad.graph.context import CONTEXT

    count = lg.state(0.0, name="count")

    def f(x: lg.Tensor) -> lg.Tensor:
        CONTEXT.get().recorder.update(count, count + 1)  # type: ignore[union-attr]
        return x * count

    graph = lg.capture(f, lg.spec(1))
    assert list(graph.updates) == ["count"]
    graph.run([[1.0]])
    graph.run([[1.0]])
    assert count.item() == 2.0


def test_graphs_are_immutable() -> None:
    graph = affine_net()
    with pytest.raises(lg.LocalgradError, match="immutable"):
        graph.nodes = ()


def test_scope_stands_on_nodes_and_in_names() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        with lg.scope("encoder"), lg.scope("block"):
            return lg.exp(x)

    (node,) = lg.capture(f, lg.spec(1)).nodes
    assert (node.scope, node.name) == ("encoder/block", "encoder/block/Exp#1")


def test_text_reads_like_mathematics() -> None:
    text = str(affine_net())
    assert "net(x: float32(N, 3)) -> Tanh#1" in text
    assert "parameter W: float32(3, 2)" in text
    assert "= x @ W" in text
    assert "= MatMul#1 + b" in text
    assert "test_graph.py:" in text


def test_nested_arguments_become_named_inputs() -> None:
    graph = lg.capture(lambda batch: batch["x"] * batch["pair"][1], {"x": lg.spec(2), "pair": (lg.spec(2), lg.spec(2))})
    assert [t.name for t in graph.inputs] == ["batch/x", "batch/pair/0", "batch/pair/1"]


def test_records_and_nodes_can_be_pickled_and_copied() -> None:
    graph = lg.capture(lambda x: lg.softmax_cross_entropy(lg.tanh(x), np.array([0, 1])), lg.spec(2, 3))
    record = graph.record([np.eye(2, 3, dtype=np.float32)], gradients_of=graph.outputs[0])
    for twin in (pickle.loads(pickle.dumps(record)), copy.deepcopy(record)):
        assert twin.graph == graph
        np.testing.assert_array_equal(twin["Tanh#1"], record["Tanh#1"])
        np.testing.assert_array_equal(twin.gradient("x"), record.gradient("x"))
        assert str(twin.explain("Tanh#1")) == str(record.explain("Tanh#1"))
    for node in (graph.nodes[0], record.tensors["Tanh#1"].node):
        twin_node = pickle.loads(pickle.dumps(node))
        assert (twin_node.kind, twin_node.name) == (node.kind, node.name)
        assert copy.deepcopy(node).kind == node.kind


def test_a_mean_written_by_hand_over_a_named_extent_keeps_its_dtype() -> None:
    graph = lg.capture(lambda x: x.sum() / lg.size(x, 0), lg.spec("N"))
    assert graph.outputs[0].dtype == np.float32
    np.testing.assert_array_equal(graph.run([np.array([1.0, 3.0], np.float32)])["Div#1"], 2.0)
