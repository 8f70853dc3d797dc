"""Cards of nodes and leaves: every kind, every way to ask, and numbers that add up."""

from __future__ import annotations

import ast
import gc
import re
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.errors import NameLookupError
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.arithmetic import Mul
from localgrad.nodes.base import Elementwise
from localgrad.show.card import Card, FanOut
from localgrad.show.notebook import card_html
from localgrad.show.products import vjp_formulas
from localgrad.transform.backward import backward
from localgrad.transform.sweep import contributions
from tests.case import Case
from tests.cases import CASES
from tests.trial import captured, floats, only_arrays, rows, several, specs_of, tensors

FIRST = list({case.kind.name: case for case in reversed(CASES) if not case.unshaped}.values())


def made(case: Case, dtype: Any = np.float64) -> tuple[Tensor, ...]:
    outputs: tuple[Tensor, ...] = several(case.kind(*tensors(case.arrays(dtype), case.wanted())))
    return outputs


def pull(case: Case, outputs: tuple[Tensor, ...]) -> None:
    """A backward from all outputs of a row."""
    ends = [y for y in outputs if y.requires_grad]
    generator = case.generator("explain")
    if ends:
        backward(ends, [generator.uniform(0.5, 1.5, y.shape) for y in ends])


def check(card: Card, kind: Kind) -> str:
    """What every card must be: text without machinery, one line a line, and HTML of the same."""
    text = str(card)
    assert card.kind == kind.name
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


# formulas are right -------------------------------------------------------------------------------------------------
def numpy_names() -> dict[str, Any]:
    """What a reader of NumPy has in mind when reading a formula."""

    def of(name: str) -> Any:
        return lambda *inputs, **fields: np.asarray(getattr(lg, name)(*inputs, **fields).data)

    numpy = ["where", "exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan2", "abs"]
    numpy += [
        "sign",
        "clip",
        "maximum",
        "minimum",
        "sum",
        "mean",
        "max",
        "min",
        "prod",
        "isinf",
        "reshape",
        "transpose",
    ]
    numpy += ["einsum", "flip", "roll", "float64", "float32", "int64", "ones_like", "zeros_like", "diagonal"]
    numpy += ["take_along_axis", "zeros", "inf"]
    ours = ["sigmoid", "softplus", "erf", "digamma", "polygamma", "log_softmax"]
    names: dict[str, Any] = {name: getattr(np, name) for name in numpy} | {name: of(name) for name in ours}
    names["concatenate"] = lambda *parts, axis=0: np.concatenate(parts, axis)
    names["repeat"] = lambda x, shape=None, axis=None: np.broadcast_to(x, shape) if shape else np.expand_dims(x, axis)
    return names


NUMPY = numpy_names()
KNOWN = re.compile(r"^(?!.* (with|to|written|steps)( |$)).*$", re.DOTALL)


def evaluated(formula: str, symbols: dict[str, Any]) -> Any:
    """The number a formula stands for, or None where it uses what is no NumPy."""
    names = {**NUMPY, **symbols}
    main, *steps = formula.split("\n")
    if not KNOWN.match(formula) or "…" in formula:
        return None
    for step in [*steps, f"result = {main}"]:
        name, _, text = step.strip().removeprefix("where ").partition(" = ")
        used = {each.id for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Name)}
        if not used <= names.keys():
            return None
        with np.errstate(all="ignore"):
            names[name] = eval(text, {}, names)
    return names["result"]


def test_formulas_give_the_gradients() -> None:
    checked: set[str] = set()
    for case in CASES:
        if not case.wanted() or not case.kind.differentiable:
            continue
        outputs = made(case)
        pull(case, outputs)
        node = outputs[0].node
        assert node is not None
        symbols: dict[str, Any] = {}
        for index, y in enumerate(outputs):
            number = str(index + 1) if case.kind.several else ""
            symbols |= {f"y{number}": np.asarray(y.data), f"grad{number}": y.grad, f"grad_y{number}": y.grad}
        rows = node.explain().inputs
        present = [(index, x) for index, x in enumerate(node.inputs) if x is not None]
        for row, (_, x) in zip(rows, present, strict=True):
            symbols[row.role.split()[1]] = x.data if isinstance(x, Tensor) else x
        parts = contributions(node, outputs)
        for row, (index, _) in zip(rows, present, strict=True):
            value = evaluated(row.vjp, symbols) if index in parts else None
            if value is not None:
                expected = np.asarray(parts[index])
                np.testing.assert_allclose(
                    np.broadcast_to(value, expected.shape), expected, 1e-3, 1e-5, err_msg=row.vjp
                )
                checked.add(case.kind.name)
    assert len(checked) > 70, sorted({case.kind.name for case in CASES} - checked)


@pytest.mark.parametrize(
    ("f", "formulas"),
    [
        (lambda x, w: x @ w, {"x": "grad @ w.T", "w": "x.T @ grad"}),
        (lambda x, w: lg.sigmoid(x), {"x": "grad * y * (1 - y)"}),
        (lambda x, w: lg.tanh(x), {"x": "grad * (1 - y**2)"}),
        (lambda x, w: x + w[0, 0], {"a": "grad", "b": "sum(grad)"}),
        (lambda x, w: x / 2.0, {"a": "grad / 2"}),
        (lambda x, w: lg.sum(x, axis=1), {"x": "repeat(grad, axis=1)"}),
        (lambda x, w: x[1:, 0], {"x": "zeros(3, 3) with [1:, 0] = grad"}),
        (lambda x, w: lg.take(x, [0, 2], axis=1), {"x": "zeros(3, 3) with [:, indices] += grad"}),
        (lambda x, w: lg.exp(-x), {"x": "grad * y"}),
        (lambda x, w: lg.softmax(x), {"x": "grad * y - sum(grad * y, axis=-1, keepdims=True) * y"}),
        (lambda x, w: x.T, {"x": "grad.T"}),
        (lambda x, w: lg.log(x), {"x": "grad / x"}),
        (
            lambda x, w: lg.max(x, axis=0),
            {"x": "grad[None] * (x == y[None]) / sum(x == y[None], axis=0, keepdims=True)"},
        ),
    ],
)
def test_formulas_read_like_numpy(f: Any, formulas: dict[str, str]) -> None:
    y = f(lg.tensor(np.eye(3) + 0.5, requires_grad=True), lg.tensor(np.ones((3, 3)), requires_grad=True))
    assert vjp_formulas(y.node) == formulas


def test_a_named_extent_stands_in_the_formula() -> None:
    graph = capture(lambda x, b: lg.sum(x + b, axis=1), Spec(("N", 3)), Spec((3,)))
    add, total = graph.nodes
    assert vjp_formulas(add)["b"] == "sum(grad, axis=0)"
    assert vjp_formulas(total)["x"] == "repeat(grad, axis=1)"
    assert "float32(N, 3)" in str(add.explain())


def test_a_rule_that_needs_arrays_has_no_formula_but_its_numbers() -> None:
    class Halved(Elementwise):
        """Half of it."""

        formula = r"y = x / 2"

        def forward(self, x: Any) -> Any:
            return np.asarray(x) / 2

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return np.ascontiguousarray(grad).copy() / 2 if not isinstance(grad, Tensor) else 1 / 0

    x = lg.tensor([2.0, 4.0], requires_grad=True)
    y = Halved()(x)
    y.sum().backward()
    card = y.node.explain()
    assert card.inputs[0].vjp == ""
    assert "0.5 everywhere" in str(card)


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


# numbers ------------------------------------------------------------------------------------------------------------
def example(y: Tensor, grad: Any = None) -> tuple[str, ...]:
    backward(y, grad=np.full(y.shape, 2.0) if grad is None else grad)
    return y.node.explain().example  # type: ignore[union-attr, no-any-return]


def test_numbers_of_scalars_signs_and_rank_0() -> None:
    x = lg.tensor(-0.5, requires_grad=True)
    assert example(x * 3) == ("y = -0.5 · 3 = -1.5", "gradient of a = 2 * 3 = 6")
    assert example(1.5 - x) == ("y = 1.5 - (-0.5) = 2", "gradient of b = -2")
    assert example(lg.tensor([-4.0, 1.0], requires_grad=True) ** 2) == (
        "y[0] = (-4)^2 = 16", "gradient of a[0] = 2 * 2 * (-4) = -16",
    )  # fmt: skip
    assert example(lg.leaky_relu(x)) == (
        "y = -0.5 if -0.5 > 0, else 0.01 · (-0.5) = -0.005",
        "gradient of x = where(-0.5 > 0, 2, 0.01 * 2) = 0.02",
    )
    assert example(lg.sigmoid(lg.tensor([[0.0, 1.0]], requires_grad=True))) == (
        "y[0, 0] = 1 / (1 + e^(-0)) = 0.5",
        "gradient of x[0, 0] = 2 * 0.5 * (1 - 0.5) = 0.5",
    )


def test_the_numbers_are_of_the_first_entry_that_sends_something_back() -> None:
    x = lg.tensor([[-1.0, 0.0], [-2.0, 3.0]], requires_grad=True)
    assert example(lg.relu(x)) == ("y[1, 1] = max(3, 0) = 3", "gradient of x[1, 1] = where(3 <= 0, 0, 2) = 2")
    assert example(lg.relu(-x * x))[0].startswith("y[0, 0]")


def test_numbers_of_broadcast_inputs_are_sums() -> None:
    x = lg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = lg.tensor([10.0, -20.0], requires_grad=True)
    grad = np.array([[1.0, 2.0], [-3.0, 4.0]])
    assert example(x * b, grad) == (
        "y[0, 0] = 1 · 10 = 10",
        "gradient of a[0, 0] = 1 * 10 = 10",
        "gradient of b[0] = 1 + (-9) = -8",
    )
    assert b.grad is not None
    assert b.grad[0] == -8


def test_numbers_of_matrix_products_are_sums_of_products() -> None:
    x = lg.tensor([[1.0, -2.0]], requires_grad=True)
    w = lg.tensor([[3.0], [0.5]], requires_grad=True)
    assert example(x @ w) == (
        "y[0, 0] = x[0, :] · w[:, 0] = 1·3 + (-2)·0.5 = 2",
        "gradient of x[0, 0] = grad[0, :] · w[0, :] = 2·3 = 6",
        "gradient of w[0, 0] = x[:, 0] · grad[:, 0] = 1·2 = 2",
    )


def test_local_derivatives_are_those_of_each_entry_also_where_an_input_is_repeated() -> None:
    x = lg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = lg.tensor([10.0, -20.0], requires_grad=True)
    y = x * b
    y.sum().backward()
    first, second = y.node.explain().inputs
    np.testing.assert_array_equal(first.local, [[10, -20], [10, -20]])
    np.testing.assert_array_equal(second.local, x.data)


def test_truth_values_and_integers() -> None:
    x = lg.tensor([1, 2, 3], name="x")
    assert "y[0] = [1 < 2] = True" in str((x < 2).node.explain())
    assert "value: [1, 2, 3]" in str((x + 1).node.explain())
    assert "64 of 128 true" in str((lg.tensor(np.arange(128)) < 64).node.explain())


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
