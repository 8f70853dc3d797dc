"""What each consumer of a tensor sent back, on its card, sums to the gradient."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.errors import NameLookupError
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Spec
from localgrad.show.card import Card, FanOut


# fan-out ------------------------------------------------------------------------------------------------------------
def the_fan_out(card: Card) -> FanOut:
    (fan_out,) = card.fan_outs
    return fan_out


def assert_sums(fan_out: FanOut, gradient: Any) -> None:
    np.testing.assert_allclose(sum(part.value for part in fan_out.parts), gradient, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(fan_out.total, gradient)


def test_the_consumers_of_a_tensor_sum_to_its_gradient() -> None:
    x = lg.tensor([[0.5, -1.0], [2.0, 0.1]], name="x", requires_grad=True)
    u = lg.tanh(x)
    loss = (u * u + lg.exp(u) @ u).sum()
    loss.backward()
    fan_out = the_fan_out(u.node.explain())
    assert [part.sender for part in fan_out.parts] == [
        "Mul#1, input a", "Mul#1, input b", "Exp#1, input x", "MatMul#1, input w",
    ]  # fmt: skip
    assert_sums(fan_out, u.grad)
    assert "the gradient of Tanh#1 is the sum of what its consumers send back" in str(u.explain())


def test_an_input_with_other_consumers_says_what_was_sent_from_here() -> None:
    x = lg.tensor([1.0, 2.0], name="x", requires_grad=True)
    y = x * 3.0
    loss = (y + x).sum()
    loss.backward()
    (row, _) = y.node.explain().inputs
    np.testing.assert_array_equal(row.part, [3, 3])
    np.testing.assert_array_equal(row.gradient, [4, 4])


def test_a_parameter_used_twice_is_explained() -> None:
    W = lg.parameter([[0.5, 0.1], [-0.3, 0.2]], name="W")
    x = lg.tensor([[1.0, 2.0]])
    loss = (lg.tanh(x @ W) @ W).sum()
    loss.backward()
    card = W.explain()
    assert (card.name, card.kind) == ("W", "parameter")
    assert_sums(the_fan_out(card), W.grad)


def test_leaves_of_a_record_are_explained() -> None:
    W = lg.parameter([[0.5, 0.1], [-0.3, 0.2]], name="W")
    graph = capture(lambda x: lg.sum(lg.tanh(x @ W) @ W * 2.0), Spec(("N", 2)))
    record = graph.record([[[1.0, 2.0]]], gradients_of=graph.outputs[0])
    card = record.explain("W")
    assert_sums(the_fan_out(card), record.gradient("W"))
    np.testing.assert_array_equal(record.explain("x").outputs[0].value, [[1, 2]])
    assert record.explain(graph.inputs[0]).name == "x"
    with pytest.raises(NameLookupError, match="MatMul#1"):
        record.explain("MatMul#9")


def test_branches_of_an_explicit_graph_say_what_each_consumer_sent() -> None:
    graph = capture(lambda x: lg.sum(x * x + lg.exp(x)), Spec((3,))).explicit()
    record = graph.record([[0.1, 0.2, 0.3]], gradients_of=graph.outputs[0])
    card = record.explain("Branch#1")
    assert card.inputs[0].vjp == "grad1 + grad2 + grad3"
    sent = [part.value for fan_out in card.fan_outs for part in fan_out.parts]
    np.testing.assert_allclose(np.sum(sent, axis=0), record.gradient("x"), rtol=1e-6)
    assert [part.sender for fan_out in card.fan_outs for part in fan_out.parts] == [
        "Mul#1, input a", "Mul#1, input b", "Exp#1, input x",
    ]  # fmt: skip


def test_many_consumers_are_told_in_part_and_still_sum_up() -> None:
    x = lg.tensor([1.0, -2.0], name="x", requires_grad=True)
    loss = (x * 0.0).sum()
    for step in range(1, 30):
        loss = loss + (x * float(step)).sum()
    loss.backward()
    fan_out = the_fan_out(x.explain())
    assert fan_out.parts[-1].sender == "22 more consumers"
    assert_sums(fan_out, x.grad)


def test_what_backward_itself_and_earlier_passes_gave_is_told() -> None:
    x = lg.tensor(2.0, name="x", requires_grad=True)
    y = x * 3.0
    z = y * y
    lg.backward([y, z])
    fan_out = the_fan_out(y.explain())
    assert fan_out.parts[-1].sender == "backward itself"
    assert_sums(fan_out, y.grad)
    w = lg.parameter(1.0, name="w")
    (w * w).backward()
    again = w * w
    again.backward(accumulate=True)
    fan_out = the_fan_out(w.explain())
    assert fan_out.parts[-1].sender == "other backward passes"
    assert_sums(fan_out, w.grad)


def test_several_outputs_and_dropped_ones() -> None:
    x = lg.tensor([[1.0, 2.0, 3.0, 4.0]], name="x", requires_grad=True)
    first, second = lg.split(x, 2, axis=1)
    loss = (first * first + first * second).sum()
    loss.backward()
    card = first.node.explain()
    assert [row.role for row in card.outputs] == ["output y1 =", "output y2 ="]
    assert_sums(card.fan_outs[0], first.grad)
    logits = lg.tensor([[1.0, 2.0]], name="logits", requires_grad=True)
    loss = lg.softmax_cross_entropy(logits, [1]) + (logits * logits).sum()
    loss.backward()
    gc.collect()
    assert_sums(the_fan_out(logits.explain()), logits.grad)
    assert loss.node.inputs[0].node.explain().inputs[0].vjp == "grad1 * (y2 - one_hot(labels))"


def test_a_rule_that_reads_a_dropped_output_still_says_what_it_sent() -> None:
    class Twice(Kind):
        """The square and the square root."""

        formula = r"y_1 = x^2, \quad y_2 = \sqrt x"
        outputs = 2

        def shape(self, x: Any) -> Any:
            return x, x

        def forward(self, x: Any) -> Any:
            return x * x, np.sqrt(x)

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return grad[0] * 2 * y[1] * y[1]

    x = lg.tensor([4.0, 9.0], requires_grad=True)
    loss = (Twice()(x)[0] + x).sum()
    loss.backward()
    gc.collect()
    assert_sums(the_fan_out(x.explain()), x.grad)
