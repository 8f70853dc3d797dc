"""Cards of nodes and leaves: every kind, before and after backward, and what is not known."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Spec
from localgrad.nodes.arithmetic import Mul
from localgrad.show.card import Card
from localgrad.show.notebook import card_html
from localgrad.show.products import vjp_formulas
from localgrad.transform.sweep import contributions
from tests.case import Case
from tests.cases import CASES
from tests.explained import made, pull
from tests.trial import captured, floats, only_arrays, rows, specs_of

FIRST = list({case.kind.name: case for case in reversed(CASES) if not case.unshaped}.values())


def check(card: Card, kind: Kind) -> str:
    """What every card must be: text without machinery, one line a line, and HTML of the same."""
    text = str(card)
    assert card.kind == kind.operation
    assert text.startswith(card.name)
    assert card.summary in text
    for machinery in ("\\", " at 0x", "('slice'", "shape_to=None", "Spec(", "<locals>", "None None"):
        assert machinery not in text.replace(card.source, ""), text
    assert all(line.strip() for line in text.split("\n")), text
    assert max(map(len, text.split("\n"))) < 400
    assert card.name in card_html(card) or "&" in card_html(card)
    return text


# every kind ---------------------------------------------------------------------------------------------------------
@rows()
def test_every_row_explains_itself_before_and_after_backward(case: Case) -> None:
    outputs = made(case)
    node = outputs[0].node
    assert node is not None
    before = check(node.explain(), case.kind)
    assert "    gradient: " not in before
    pull(case, outputs)
    card = node.explain()
    after = check(card, case.kind)
    if not case.wanted() or not case.kind.differentiable or not any(y.requires_grad for y in outputs):
        return
    assert "no gradient yet" in before
    assert "    gradient: " in after
    labels = [row.role.split()[1] for row in card.inputs]
    places = [index for index, x in enumerate(node.inputs) if x is not None]
    formulas = vjp_formulas(node)
    for index in contributions(node, outputs):
        assert formulas[labels[places.index(index)]], "every gradient has a formula"


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.kind.name)
def test_every_kind_explains_itself_in_graphs_gradients_and_records(case: Case) -> None:
    graph = captured(lambda xs: case.kind(*xs), specs_of(case.arrays()))
    for node in graph.nodes:
        assert "no values here" in str(node.explain())
    ends = [graph.name_of(y) for y in floats(graph.outputs)] if case.kind.differentiable and case.wanted() else []
    record = graph.record(only_arrays(case.arrays()), gradients_of=ends[0] if ends else None)
    for node in graph.nodes:
        text = check(record.explain(node.name), node.kind)
        assert "value: " in text or not any(y.size for y in case.arrays() if isinstance(y, np.ndarray))
    for tensor in graph.inputs:
        assert record.explain(tensor).kind == "input"
    for node in graph.gradient(of=ends).nodes if ends else ():
        text = check(node.explain(), node.kind)
        assert ("made for" in text) == (node.of is not None)


# what is not known --------------------------------------------------------------------------------------------------
def test_before_backward_the_card_says_once_that_there_is_no_gradient() -> None:
    x = lg.tensor([1.0], requires_grad=True)
    y, z = lg.exp(x), lg.exp(lg.tensor([1.0]))
    assert str(y.explain()).count("no gradient") == 1
    assert "no gradient yet" in str(x.explain())
    assert "nothing it was computed from requires one" in str(z.explain())


def test_a_node_whose_output_is_dropped_says_so() -> None:
    h = lg.tanh(lg.tensor([1.0], requires_grad=True))
    node = h.node
    del h
    gc.collect()
    text = str(node.explain())
    assert "its output is not referred to any more" in text
    assert "its gradient = grad * (1 - y**2)" in text


def test_a_dropped_loss_leaves_the_gradients_and_a_word() -> None:
    h = lg.tanh(lg.tensor([1.0], requires_grad=True))
    loss = (h * h).sum()
    loss.backward()
    del loss
    gc.collect()
    text = str(h.node.explain())
    assert "gradient: [1.523]" in text
    assert "what was computed from it is not referred to any more, so its consumers" in text


def test_a_parameter_written_to_since_is_told() -> None:
    W = lg.parameter([[1.0], [2.0]], name="W")
    y = lg.tensor([[1.0, 1.0]]) @ W
    loss = (y + W.sum()).sum()
    loss.backward()
    with lg.no_grad():
        W[0] = 7.0
    card = y.node.explain()
    assert any("`W` was written to after this node was computed" in note for note in card.notes)
    assert card.example == ()
    assert "not known any more, since `W` was written to" in str(W.explain())


def test_a_parameter_without_a_gradient_says_where_its_path_ends() -> None:
    W = lg.parameter([1.0, 3.0], name="W")
    b = lg.parameter(1.0, name="b")
    place = lg.argmax(W)
    loss = b * place.astype(np.float32)
    loss.backward()
    assert "no gradient: `ArgMax#1`" in str(W.explain())
    assert "not differentiable" in str(W.explain())
    assert "ArgMax is not differentiable" in str(place.explain())


def test_inputs_that_require_none_say_so() -> None:
    x = lg.tensor([1.0, 2.0], name="x")
    W = lg.parameter([1.0, 2.0], name="W")
    y = x * W
    y.sum().backward()
    row = y.node.explain().inputs[0]
    assert (row.vjp, row.note) == ("grad * b", "not computed, since it requires none")


def test_a_missing_input_is_left_out_and_numbers_are_named() -> None:
    y = lg.clip(lg.tensor([1.0, 5.0], requires_grad=True), None, 3.0)
    card = y.node.explain()
    assert [row.role for row in card.inputs] == ["input x =", "input high ="]
    assert card.inputs[1].name == "3 (a number of the formula)"
    assert card.expression == "Clip#1 = Clip(input#1, high=3)"


def test_a_node_computed_from_numbers_alone_in_a_record() -> None:
    graph = capture(lambda x: x + Mul()(lg.tensor(2.0), 3.0), Spec((2,)))
    record = graph.record([[1.0, 2.0]])
    assert "value: 6" in str(record.explain("Mul#1"))


def test_a_composition_says_what_is_inside() -> None:
    card = lg.mean_squared_error(lg.tensor([1.0]), [2.0]).node.explain()
    assert card.body == "3 nodes: Sub, Mul, Mean (graph.expand() opens it)"
    f = lg.recompute(lambda x: lg.exp(x) * x)
    card = f(lg.tensor([1.0], requires_grad=True)).node.explain()
    assert card.body.startswith("2 nodes: Exp, Mul")


def test_nodes_of_a_gradient_say_what_they_were_made_for() -> None:
    W = lg.parameter([[1.0]], name="W")
    gradient = capture(lambda x: lg.sum(lg.tanh(x @ W) * x), Spec((1, 1))).gradient()
    said = [node.explain().made_for for node in gradient.nodes if node.of is not None]
    assert "the gradient that MatMul#1 sends back to its input w (W)" in said
    assert "the sum of what several consumers send back" in said
    x = lg.tensor([1.0], name="x", requires_grad=True)
    (g,) = lg.gradients(lg.exp(x).sum(), x)
    assert g.node.explain().made_for == "the gradient that Exp#1 sends back to its input x (x)"


def test_in_place_writes_keep_their_own_consumers() -> None:
    x = lg.tensor([1.0, 2.0], name="x", requires_grad=True)
    y = x * 2.0
    old = y * y
    y[0] = 5.0
    (old + y * 3.0).sum().backward()
    product = old.node.explain()
    np.testing.assert_array_equal(product.inputs[0].value, [2, 4])
    assert "SetItem#1" in str(y.node.explain())


def test_a_long_history_is_explained_without_recursion() -> None:
    x = y = lg.tensor([1.0], requires_grad=True)
    middle = y
    for step in range(20_000):
        y = y * 1.0001
        middle = y if step == 10_000 else middle
    y.sum().backward()
    assert middle.node.explain().name == "Mul#10001"
    assert x.explain().outputs[0].gradient is not None


def test_a_large_tensor_is_told_by_its_statistics() -> None:
    x = lg.tensor(np.full((100, 100), np.nan), name="x", requires_grad=True)
    assert "10000 NaN" in str(lg.exp(x).node.explain())
