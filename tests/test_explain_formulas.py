"""Formulas and example numbers on cards: they give the gradients, and read like NumPy."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise
from localgrad.show.products import vjp_formulas
from localgrad.transform.backward import backward
from localgrad.transform.sweep import contributions
from tests.cases import CASES
from tests.explained import made, pull


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
