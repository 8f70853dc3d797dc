"""Graphs in folders come back equal: every kind, whole graphs, and extents from their text."""

from __future__ import annotations

from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import localgrad as lg
from localgrad.exchange import document, foreign_json, reading
from localgrad.exchange.extents import extent_text, parse_extent, parse_spec, spec_text
from localgrad.graph import registry
from localgrad.graph.errors import FileWriteError, ImportModelError, ShapeError
from localgrad.graph.spec import Spec, Symbol
from tests.case import Case
from tests.cases import CASES
from tests.saved import (
    net_fixture,  # noqa: F401 -- pytest finds a fixture by its name
)
from tests.trial import captured, run, several, specs_of, tensors

N, M = Symbol.named("N"), Symbol.named("M")


def through_text(graph: lg.Graph) -> lg.Graph:
    """A graph after it was written as text and read."""
    written, arrays = document.write(graph)
    text = document.to_text(written | {"weights": {"sha256": "0" * 64}}).encode()
    assert foreign_json.memory_of(text) < foreign_json.MEMORY
    return reading.read(
        foreign_json.parse(text, "text", ImportModelError, "-"), {k: np.array(v) for k, v in arrays.items()}, "text"
    )


def assert_same(graph: lg.Graph, other: lg.Graph) -> None:
    assert graph.differences(other) == []
    assert list(other.tensors) == list(graph.tensors)
    assert other.name == graph.name
    for name, tensor in graph.tensors.items():
        assert other.tensors[name].requires_grad == tensor.requires_grad
        assert other.tensors[name].spec == tensor.spec
    for name, leaf in graph.leaves.items():
        assert other.leaves[name].role == leaf.role
        assert other.leaves[name].data is not leaf.data
    for node, twin in zip(graph.nodes, other.nodes, strict=True):
        assert (twin.scope, twin.name) == (node.scope, node.name)
        if node.source is not None:
            assert (twin.source.file, twin.source.line) == (Path(node.source.file).name, node.source.line)
        assert (twin.of is None) == (node.of is None or node.of.node not in graph.nodes)
        if twin.of is not None:
            assert (twin.of.node.name, *twin.of[1:]) == (node.of.node.name, *node.of[1:])


# every kind ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", [case for case in CASES if not case.unshaped], ids=repr)
def test_every_kind_comes_back(case: Case) -> None:
    arrays = case.arrays()
    if any(isinstance(x, np.ndarray) for x in arrays):
        graph = captured(lambda inputs: case.kind(*inputs), specs_of(arrays))
        again = through_text(graph)
        assert_same(graph, again)
        if case.kind.pure:
            for one, other in zip(run(graph, arrays), run(again, arrays), strict=True):
                np.testing.assert_array_equal(one, other)
    if case.batch is not None:
        graph = captured(lambda inputs: case.batch_kind(*inputs), specs_of(arrays, case.batch))
        assert_same(graph, through_text(graph))
        if case.kind.differentiable and case.wanted() and [y.dtype.kind for y in graph.outputs] == ["f"]:
            graph = graph.gradient()
            assert_same(graph, through_text(graph))


def test_a_shape_known_from_values_only_is_taken_from_the_file() -> None:
    x = lg.tensor([1.0, 2.0, -3.0], name="x", requires_grad=True)
    graph = x[x > 0].sum().graph
    again = through_text(graph)
    assert_same(graph, again)
    np.testing.assert_array_equal(again.run([[3.0, -1.0, 2.0]])["Sum#1"], 5.0)


@registry.kind
class Holder(lg.Kind):
    """Holds anything."""

    value: Any = None
    twice: tuple[Any, ...] = ()

    def shape(self, x: Any) -> Any:
        return x

    def forward(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    "value",
    [
        None, True, 7, -(2**62), 1e-300, float("inf"), -float("inf"), float("nan"), -0.0, "text", "学", "",
        (), (1, (2.0, None, "a"), ()), slice(None, 3, -1), slice(N, None), N, (2 * N + 1) // 3, Ellipsis,
        np.dtype("float16"), b"\0\xff", {"a": (1, 2), "b": {"c": b""}}, np.arange(6).reshape(2, 3),
        np.array(2.5, np.float32), np.float32(0.1), np.int64(3), lg.kinds()["Sum"](axis=(0,)), (np.zeros((0, 2)), N),
    ],
    ids=repr,
)  # fmt: skip
def test_every_type_of_field_comes_back(value: Any) -> None:
    graph = lg.capture(lambda x: Holder(value=value, twice=(value, value))(x), lg.spec("N"))
    again = through_text(graph)
    assert repr(again.nodes[0].kind) == repr(graph.nodes[0].kind) or isinstance(value, (np.generic, np.dtype))
    if not isinstance(value, (dict, np.ndarray, tuple)):
        assert again == graph
    if value.__class__ is float:
        assert np.signbit(again.nodes[0].kind.value) == np.signbit(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(again.nodes[0].kind.twice[1], value, strict=True)


@pytest.mark.parametrize("value", [1, True, 2.5, float("nan"), -0.0, float("-inf"), 1e-45, 2**40])
def test_scalars_are_exact(value: Any) -> None:
    x = lg.tensor([1.0, 2.0])
    graph = lg.capture(lambda x: x * value, lg.spec(2))
    found = through_text(graph).nodes[0].inputs[1]
    assert type(found) is type(value)
    np.testing.assert_array_equal(found, value)
    assert np.signbit(found) == np.signbit(value)
    assert x is not None


def test_a_field_no_file_can_hold_is_named(tmp_path: Path) -> None:
    graph = lg.capture(lambda x: Holder(value=len)(x), lg.spec("N"))
    with pytest.raises(FileWriteError, match=r"`Holder#1`(.|\n)*built-in function len"):
        graph.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


# whole graphs -------------------------------------------------------------------------------------------------------
def test_a_net_comes_back_from_its_folder(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path / "runs" / "model")
    again = lg.load(tmp_path / "runs" / "model")
    assert_same(net, again)
    assert sorted(path.name for path in (tmp_path / "runs" / "model").iterdir()) == ["graph.json", "model.safetensors"]
    x = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(again.run([x])["Tanh#1"], net.run([x])["Tanh#1"])
    with lg.no_grad():
        again.parameters["W"][...] = 0.0
    assert net.parameters["W"].data[1, 1] == 3.0


def test_the_same_graph_gives_the_same_bytes(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path / "a")
    net.save(tmp_path / "b")
    lg.load(tmp_path / "a").save(tmp_path / "c")
    for name in ("graph.json", "model.safetensors"):
        content = (tmp_path / "a" / name).read_bytes()
        assert (tmp_path / "b" / name).read_bytes() == content
        assert (tmp_path / "c" / name).read_bytes() == content


def test_gradients_scopes_states_and_updates_come_back() -> None:
    W = lg.parameter(np.ones((3, 3)), name="W")
    total, steps = lg.state(np.zeros((), np.float32), name="total"), lg.state(0, name="steps")
    frozen = lg.tensor(np.arange(3.0), name="frozen")

    def step(x: Any) -> Any:
        with lg.scope("encoder"), lg.scope("0"):
            y = lg.tanh(x @ W) @ W.T + frozen
        return lg.dropout(y, 0.5, training=True).sum()

    graph = lg.capture(step, lg.spec("N", 3, dtype=np.float64))
    assert graph.updates
    assert_same(graph, through_text(graph))
    gradient = graph.gradient(wrt=["W", "x"])
    assert any(node.of is not None for node in gradient.nodes)
    assert_same(gradient, through_text(gradient))
    explicit = gradient.explicit()
    assert_same(explicit, through_text(explicit))
    assert total.data == steps.data == 0


def test_a_tensor_cut_off_from_gradients_stays_so() -> None:
    def f(x: Any) -> Any:
        with lg.no_grad():
            y = lg.exp(x)
        return y * x

    graph = lg.capture(f, lg.spec("N"))
    assert not graph.tensors["Exp#1"].requires_grad
    assert_same(graph, through_text(graph))


def test_bodies_come_back_with_what_they_share() -> None:
    W = lg.parameter(np.ones((3, 3)), name="W")
    table = np.arange(3.0)
    inner = lg.recompute(lambda x: lg.exp(x @ W) + table)
    outer = lg.recompute(lambda x: inner(inner(x)) * 2.0)
    graph = lg.capture(lambda x: outer(x) + outer(x), lg.spec("N", 3, dtype=np.float64))
    again = through_text(graph)
    assert_same(graph, again)
    x = np.full((2, 3), 1e-3)
    np.testing.assert_array_equal(run(again, [x])[0], run(graph, [x])[0])
    expanded = again.expand()
    assert list(expanded.parameters) == ["W"]
    gradient = graph.gradient(wrt=["W"], of=None) if graph.outputs[0].shape == () else graph
    assert_same(gradient, through_text(gradient))


def test_a_long_chain_comes_back() -> None:
    def f(x: Any) -> Any:
        for _ in range(3000):
            x = x + 1.0
        return x

    graph = lg.capture(f, lg.spec("N"))
    assert_same(graph, through_text(graph))


def test_names_of_every_kind_come_back() -> None:
    first, second = lg.parameter([1.0], name="W"), lg.parameter([2.0], name="W")
    with pytest.warns(lg.LocalgradWarning, match="given to several"):
        graph = lg.capture(lambda 学习: 学习 * first * second * np.ones(1, np.float32), lg.spec(1))
    assert list(graph.parameters) == ["W", "W#2"]
    assert_same(graph, through_text(graph))


def test_a_source_line_of_a_loaded_graph_reads_no_file(net: lg.Graph, tmp_path: Path) -> None:
    source = through_text(net).nodes[0].source
    assert source.file == "saved.py"
    assert source.text == ""


# extents ------------------------------------------------------------------------------------------------------------
extents = st.recursive(
    st.sampled_from([N, M, Symbol.named("批")]) | st.integers(0, 9),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/%"), inner),
    max_leaves=6,
)


def computed(tree: Any) -> Any:
    if not isinstance(tree, tuple):
        return tree
    a, operator, b = computed(tree[0]), tree[1], computed(tree[2])
    if operator in "/%" and not isinstance(b, Symbol) and b == 0:
        b = 2
    if operator == "/":
        return a // b
    if operator == "%":
        return a % b if isinstance(a, Symbol) or not isinstance(b, Symbol) else a + b
    return {"+": a + b, "-": a - b, "*": a * b}[operator]


@given(extents)
def test_extents_come_back_from_their_text(tree: Any) -> None:
    extent = computed(tree)
    if len(extent.terms if isinstance(extent, Symbol) else ()) > 32:
        return
    again = parse_extent(extent_text(extent))
    assert type(again) is type(extent)
    assert again == extent
    sizes = {"N": 12, "M": 5, "批": 7}
    try:
        value = extent.bind(sizes) if isinstance(extent, Symbol) else extent
    except ZeroDivisionError:
        return
    assert (again.bind(sizes) if isinstance(again, Symbol) else again) == value


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "N +", "+N", "N M", "2N", "N ** 2", "N / 2", "(N", "N)", "()", "1.5", "N.real", "f(N)", "[N]", "N//0", "N//(1-1)",
        "9" * 30, "N*" * 600 + "N", "(" * 50 + "N" + ")" * 50, "-" * 999, "²", "__import__('os')", "N\0", "1_000", "N if N else N",
        "*".join(f"(a{i}+b{i}+c{i}+d{i})" for i in range(40)),
    ],
)  # fmt: skip
def test_other_texts_are_no_extents(text: str) -> None:
    with pytest.raises(ShapeError):
        parse_extent(text)


@pytest.mark.parametrize("text", ["float32", "float32[", "float31[3]", "float32[3", "[3]", "object[]", "float32[-1]", "float32[3,]",
                                  "float32[" + "1," * 40 + "1]", "int64[9223372036854775808]", "complex64[2]"])  # fmt: skip
def test_other_texts_are_no_specs(text: str) -> None:
    with pytest.raises(ShapeError):
        parse_spec(text)
    assert parse_spec(spec_text(Spec((N, 3), "int8"))) == Spec((N, 3), "int8")


def test_eager_rows_without_a_declared_shape_come_back() -> None:
    for case in CASES:
        if case.unshaped:
            outputs = several(case.kind(*tensors(case.arrays())))
            graph = reduce(add, outputs).graph
            assert_same(graph, through_text(graph))
