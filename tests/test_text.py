"""Graphs, formulas, arrays and fields as text."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import numpy as np
import pytest

import localgrad as lg
import localgrad.nodes
from localgrad.graph.capturing import capture
from localgrad.graph.context import scope
from localgrad.graph.graph import Graph
from localgrad.graph.registry import kinds
from localgrad.graph.spec import Spec
from localgrad.show.expressions import expression_of
from localgrad.show.forms import function_name
from localgrad.show.formulas import plain_formula
from localgrad.show.numbers import array_summary, array_text, field_text, index_text
from localgrad.show.text import columns, graph_text, padded

for found in pkgutil.walk_packages(localgrad.nodes.__path__, "localgrad.nodes."):
    importlib.import_module(found.name)
OURS = [each for each in kinds().values() if each.__module__.startswith("localgrad.")]


# formulas -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_formula_reads_without_latex(kind: Any) -> None:
    text = plain_formula(kind.formula)
    assert text
    assert not re.search(r"\\|[_^]\{|&|frac|cases|text|mathrm|left|right|cdot", text)
    for opening, closing in ("()", "[]", "{}", "⌊⌋", "⌈⌉"):
        if "⌊" not in text or opening not in "⌊⌈":  # rounding opens with one and closes with the other
            assert text.count(opening) == text.count(closing)
    assert "( " not in text
    assert " )" not in text
    assert not re.search(r"(?<!,)  (?!\()", text), "one space, but after a comma that separates formulas"


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"y_{ij} = \sum_k x_{ik} w_{kj}", "y_ij = Σ_k x_ik w_kj"),
        (r"y = \begin{cases} x & x > 0 \\ \alpha x & \text{else} \end{cases}", "y = x if x > 0, else α x"),
        (r"y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta", "y = γ (x - μ) / √(σ² + ε) + β"),
        (r"y = \frac{1}{n} \sum_{i=1}^n (x_i - \bar x)^2", "y = 1/n Σ_(i=1..n) (x_i - x̄)²"),
        (r"y_i = \frac{e^{x_i}}{\sum_k e^{x_k}}", "y_i = e^(x_i) / Σ_k e^(x_k)"),
        (r"y = \frac{x}{2} \left(1 + \mathrm{erf}\frac{x}{\sqrt 2}\right)", "y = x/2 (1 + erf(x/√2))"),
        (r"y = \gamma \begin{cases} x & x > 0 \\ 0 & \text{else} \end{cases}", "y = γ {x if x > 0, else 0}"),
        (r"y = x, \quad \partial y / \partial x := 0", "y = x,  ∂y / ∂x := 0"),
        (r"\frac{d^n}{dx^n} \psi(x)", "d^n/dx^n ψ(x)"),
        (r"w \leftarrow w - \eta \frac{\partial L}{\partial w}", "w ← w - η ∂L / ∂w"),
        (r"\mathrm{softmax}(Q K^\top / \sqrt{d}) V", "softmax(Q K^T / √d) V"),
        (r"\unknown{x} + 张量", "unknown x + 张量"),
    ],
)
def test_latex_becomes_text(latex: str, text: str) -> None:
    assert plain_formula(latex) == text


@pytest.mark.parametrize(
    "broken", [r"\frac{1", r"\begin{cases} a", "}}}", "^2", "x^{", r"\sqrt", r"\left( a", "", "_", "\\"]
)
def test_broken_latex_is_still_text(broken: str) -> None:
    assert isinstance(plain_formula(broken), str)


def test_functions_have_the_names_people_know() -> None:
    names = {each.__name__: function_name(each()) for each in OURS if not each.fields}
    assert names["Exp"] == "exp"
    assert names["Max"] == "maximum"
    assert names["Softplus"] == "softplus"


def test_a_long_expression_is_told_in_steps_and_a_huge_one_is_counted() -> None:
    x = lg.tensor([1.0], name="x")
    y: Any = x
    for _ in range(3):
        y = lg.exp(y * y + 1.0) * (y * y + 1.0)
    first, *steps = expression_of(y).split("\n")
    assert first == "exp(t**2 + 1) * (t**2 + 1)"
    assert steps == ["where s = exp(x**2 + 1) * (x**2 + 1)", "      t = exp(s**2 + 1) * (s**2 + 1)"]
    for _ in range(500):
        y = y * y
    assert re.fullmatch(r"computed in \d+ steps", expression_of(y))


# arrays and fields --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("array", "text"),
    [
        (3.0, "3"),
        ([1.0, -0.25], "[    1, -0.25]"),
        ([-0.0], "[0]"),
        ([True, False], "[ True, False]"),
        ([1, 20], "[ 1, 20]"),
        ([np.nan, np.inf], "[nan, inf]"),
        (np.zeros((0, 3)), "[]"),
        (np.arange(64) < 3, "[ True,  True,  True, False"),
        (np.arange(65) < 3, "3 of 65 true"),
        (np.arange(65), "min 0, max 64, mean 32, std 18.76, norm 299.1, zeros 1"),
        (
            np.r_[np.ones(70), np.nan, np.inf, 0.0],
            "min 0, max 1, mean 0.9859, std 0.1178, norm 8.367, zeros 1, 1 NaN, 1 Inf",
        ),
        (np.full(70, np.nan), "zeros 0, 70 NaN"),
        (np.full(70, 1e30, np.float32), "min 1e+30, max 1e+30, mean 1e+30"),
    ],
)
def test_arrays_in_full_or_by_statistics(array: Any, text: str) -> None:
    assert array_text(array).startswith(text)


def test_matrices_stand_in_columns_and_blocks_without_gaps() -> None:
    assert array_text(np.array([[1.5, -20.0], [3.0, 4.0]])) == "[[1.5, -20],\n [  3,   4]]"
    assert "\n\n" not in array_text(np.zeros((2, 2, 2, 2)))
    assert array_summary(np.array([np.nan, 1.0, 1.0, 1.0, 1.0])) == "all 1, 1 NaN"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((("slice", None, -1, None), 0), "[:-1, 0]"),
        (("...", ("slice", None, None, -2), "new"), "[..., ::-2, None]"),
        ((0, 1), "(0, 1)"),
        (0.1 + 0.2, "0.3"),
        ("edge", "edge"),
        (np.arange(3), "[0, 1, 2]"),
        (np.zeros((5, 5)), "array(5, 5)"),
        (tuple(range(100)), "(0, 1, 2, 3, 4, 5, 6, 7…"),
    ],
)
def test_fields_are_short(value: Any, text: str) -> None:
    assert field_text(value) == text


def test_indices_are_put_where_they_stand() -> None:
    assert index_text(("at", ("slice", 1, None, None), "at"), ("i", "j")) == "i, 1:, j"


# graphs -------------------------------------------------------------------------------------------------------------
def lines_of(graph: Graph, most: int = 400) -> list[str]:
    return graph_text(graph, most).split("\n")


def test_a_graph_reads_like_mathematics() -> None:
    W = lg.parameter(np.ones((2, 3)), name="W")
    b = lg.parameter(np.zeros(3), name="b")
    graph = capture(
        lambda x: lg.sum(lg.relu(x @ W + b)[1:, 0] * 2.0, axis=0) - x.T[0, 0], Spec(("N", 2), "float64"), name="net"
    )
    found = [
        line.split("#", 1)[0] + "#" + line.split("#", 1)[1].split("  #")[0].rstrip() for line in lines_of(graph)[3:]
    ]
    assert lines_of(graph)[:3] == [
        "graph net(x: float64(N, 2)) -> Sub#1",
        "  parameter W: float64(2, 3)",
        "  parameter b: float64(3,)",
    ]
    assert found == [
        "  MatMul#1: float64(N, 3)    = x @ W",
        "  Add#1: float64(N, 3)       = MatMul#1 + b",
        "  Relu#1: float64(N, 3)      = Relu(Add#1)",
        "  Slice#1: float64(N - 1,)   = Relu#1[1:, 0]",
        "  Mul#1: float64(N - 1,)     = Slice#1 * 2",
        "  Sum#1: float64()           = Sum(Mul#1, axis=0)",
        "  Transpose#1: float64(2, N) = x.T",
        "  Slice#2: float64()         = Transpose#1[0, 0]",
        "  Sub#1: float64()           = Sum#1 - Slice#2",
    ]
    assert all("# test_text.py:" in line for line in lines_of(graph)[3:])


def test_chinese_names_align() -> None:
    W = lg.parameter([[1.0]], name="权重")

    def f(x: Any) -> Any:
        with scope("第一层"):
            h = x @ W
        return lg.exp(h)

    graph = capture(f, Spec((1, 1)))
    places = {columns(line[: line.index(" = ")]) for line in lines_of(graph)[2:]}
    assert len(places) == 1
    assert padded("张", 4) == "张  "
    assert columns("x̄") == 1


def test_many_inputs_stand_one_a_line() -> None:
    graph = capture(lambda *xs: lg.concatenate(xs), *[Spec(("N",))] * 30)
    head, *inputs = lines_of(graph)[:31]
    assert head == "graph lambda of 30 inputs -> Concat#1"
    assert inputs[0] == "  input x0: float32(N,)"
    assert "Concat(x0, x1, x2, … 26 more …, x29)" in lines_of(graph)[-1]


def test_several_outputs_share_their_name() -> None:
    graph = capture(lambda x: lg.split(x, 3), Spec((6, 2)))
    line = lines_of(graph)[1]
    assert line.startswith("  Split#1:0: float32(2, 2), :1: float32(2, 2), :2: float32(2, 2) = Split(x, sections=3)")


def test_missing_inputs_are_left_out_and_later_ones_named() -> None:
    graph = capture(lambda x: lg.clip(x, None, 3.0) + lg.clip(x, -1.0, None), Spec((2,)))
    assert "= Clip(x, high=3)" in str(graph)
    assert "= Clip(x, -1)" in str(graph)


def test_updates_constants_and_gradients_are_told() -> None:
    graph = capture(lambda x: lg.sum(x * np.array([1.0, 2.0]) * lg.exp(x)), Spec((2,), "float64"))
    text = str(graph.gradient())
    assert "constant constant#1: float64(2,) = [1., 2.]" in text
    assert "constant seed/Sum#1: float64() = 1." in text
    assert "# back through Mul#2 to Exp#1" in text
    assert "# sum of what several consumers send back" in text
    layer = lg.layers.BatchNormalization.create(3)
    model = capture(layer, lg.spec("N", 3))
    assert model.updates
    for name, value in model.updates.items():
        assert f"  update {name} <- {model.name_of(value)}" in str(model)


def test_a_long_name_does_not_push_the_others_away() -> None:
    def f(x: Any) -> Any:
        h = lg.exp(x)
        h.name = "very_" * 20 + "long"
        return h * 2.0

    first, second = lines_of(capture(f, Spec((2,))))[1:]
    assert second.startswith("  Mul#1: float32(2,) = very_")
    assert first.index(" = ") > 100


def test_the_middle_of_a_large_graph_is_left_out() -> None:
    def f(x: Any) -> Any:
        for _ in range(10_000):
            x = x + 1.0
        return x

    graph = capture(f, Spec((2,)))
    found = lines_of(graph)
    assert len(found) == 402
    assert found[201] == "  ... 9600 nodes left out ..."
    assert "Add#1:" in found[1]
    assert "Add#10000:" in found[-1]
    for most in (1, 2, 3, 7):
        assert len(lines_of(graph, most)) == most + 2
    several = capture(lambda x: sum([x * lg.parameter(1.0, name=f"p{i}") for i in range(500)], x), Spec((2,)))
    assert "  ... 300 parameters and constants left out ..." in lines_of(several)


def test_graphs_that_nodes_hold_follow() -> None:
    f = lg.recompute(lambda x: lg.exp(x) * x)
    graph = capture(lambda x: f(x) + 1.0, Spec(("N", 3)), name="net")
    assert [line.split("  #")[0].rstrip() for line in lines_of(graph)] == [
        "graph net(x: float32(N, 3)) -> Add#1",
        "  Call#1: float32(N, 3) = Call(x, graph=2 nodes)",
        "  Add#1: float32(N, 3)  = Call#1 + 1",
        "graph of Call#1(x: float32(N, 3)) -> Mul#1",
        "  Exp#1: float32(N, 3) = Exp(x)",
        "  Mul#1: float32(N, 3) = Exp#1 * x",
    ]
