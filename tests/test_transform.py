"""Passes and derivatives: graph -> graph, function -> function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import localgrad as lg
from localgrad.graph.spec import same_shape


def net() -> lg.Graph:
    W = lg.parameter(np.linspace(-1, 1, 6).reshape(3, 2), name="W")
    b = lg.parameter(np.array([0.5, -0.5]), name="b")

    def f(x: lg.Tensor) -> lg.Tensor:
        h = lg.tanh(x @ W + b)
        return lg.softmax_cross_entropy(h * h + h @ (W.T @ W), np.array([0, 1, 1, 0]))

    return lg.capture(f, lg.spec(4, 3, dtype=np.float64), name="net")


X = np.random.default_rng(0).normal(size=(4, 3))


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-12, atol=1e-14)


def test_every_gradient_node_is_tagged_and_inherits_scope_and_line() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        with lg.scope("layer"):
            h = lg.exp(x)
            return (h * h + x).sum()

    graph = lg.capture(f, lg.spec("N"))
    gradient = graph.gradient()
    made = gradient.nodes[len(graph.nodes) :]
    assert made
    for node in made:
        assert node.of is not None, node.name
        assert node.of.node in graph.nodes
        assert node.of.role in ("contribution", "accumulation")
        assert node.scope == "layer"
        assert node.source == node.of.node.source
    assert {node.of.role for node in made} == {"contribution", "accumulation"}
    assert [gradient.name_of(t) for t in gradient.outputs] == [graph.name_of(graph.outputs[0]), "grad/x"]


def test_a_non_scalar_output_adds_a_seed() -> None:
    graph = lg.capture(lambda x: x * x, lg.spec("N")).gradient()
    assert [t.name for t in graph.inputs] == ["x", "seed/Mul#1"]
    result = graph.run([np.array([1.0, 3.0], np.float32), np.array([1.0, 10.0], np.float32)])
    np.testing.assert_array_equal(result["grad/x"], [2.0, 60.0])


def test_gradients_of_gradients_of_graphs() -> None:
    graph = lg.capture(lambda x: (x**3).sum(), lg.spec("N", dtype=np.float64))
    second = graph.gradient().gradient(of="grad/x", wrt="x")
    result = second.run([np.array([1.0, 2.0]), np.array([1.0, 1.0])])
    np.testing.assert_allclose(result["grad/x#2"], [6.0, 12.0])


def test_gradient_by_inner_tensors_and_patterns() -> None:
    graph = net()
    result = graph.gradient(wrt=["Tanh*", "W"]).run([X])
    record = graph.record([X], gradients_of=graph.name_of(graph.outputs[0]))
    np.testing.assert_allclose(result["grad/Tanh#1"], record.gradient("Tanh#1"))
    np.testing.assert_allclose(result["grad/W"], record.gradient("W"))


def test_a_gradient_nothing_leads_to_is_refused_by_name() -> None:
    graph = lg.capture(lambda x, y: (lg.stop_gradient(x) * y).sum(), lg.spec(2), lg.spec(2))
    gradient = graph.gradient()
    assert [gradient.name_of(t) for t in gradient.outputs][1:] == ["grad/y"]
    with pytest.raises(lg.DetachedError, match="`x`"):
        graph.gradient(wrt="x")


def test_explicit_has_no_fan_out_and_no_broadcast_and_computes_the_same() -> None:
    for graph in (net(), net().gradient()):
        explicit = graph.explicit()
        seen: set[int] = set()
        for node in explicit.nodes:
            for x in node.inputs:
                if isinstance(x, lg.Tensor):
                    assert id(x) not in seen, f"{x.name} has two readers"
                    seen.add(id(x))
                    if node.kind.broadcasts:
                        assert same_shape(x.shape, node.outputs[0].shape)
        same(explicit.run([X]), graph.run([X]))
        assert {"Branch", "Repeat"} <= {node.kind.name for node in explicit.nodes}
    same(net().explicit().gradient().run([X]), net().gradient().run([X]))


def test_expand_opens_every_composition_level_by_level() -> None:
    graph = net()
    opened = graph.expand()
    assert not any(node.kind.composition for node in opened.nodes)
    assert any(node.kind.composition for node in graph.nodes)
    same(opened.run([X]), graph.run([X]))
    assert any(node.scope.startswith("SoftmaxCrossEntropy") for node in opened.nodes)
    assert graph.expand(0) == graph
    same(graph.gradient().expand().run([X]), graph.gradient().run([X]))


def test_simplify_merges_equal_nodes_drops_dead_ones_and_leaves_impure_ones() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        lg.exp(x)
        return lg.tanh(x) * lg.tanh(x) + lg.dropout(x, 0.5) + lg.dropout(x, 0.5)

    kinds = [node.kind.name for node in lg.capture(f, lg.spec(4)).simplify().nodes]
    assert kinds.count("Tanh") == 1
    assert "Exp" not in kinds
    assert kinds.count("Dropout") == 2
    same(net().gradient().simplify().run([X]), net().gradient().run([X]))


def test_a_part_takes_inner_tensors_as_inputs_and_brings_what_it_needs() -> None:
    graph = net()
    values = graph.record([X])
    end = graph.name_of(graph.outputs[0])
    rest = graph.part(end, inputs="Tanh#1")
    assert [t.name for t in rest.inputs] == ["Tanh#1"]
    assert list(rest.parameters) == ["W"]
    same(rest.run([values["Tanh#1"]]), {end: values[end]})
    first = graph.part("Tanh#1")
    assert [t.name for t in first.inputs] == ["x"]
    assert list(first.parameters) == ["W", "b"]
    same(first.run([X]), {"Tanh#1": values["Tanh#1"]})
    with pytest.raises(lg.DetachedError, match="`Tanh#1`"):
        graph.part("Add#1", inputs="Tanh#1")
    with pytest.raises(lg.NameLookupError, match="Tanh#1"):
        graph.part("Tanh#2")


def test_recompute_gives_the_same_gradients_with_one_node() -> None:
    W = lg.parameter(np.ones((3, 3)) * 0.3, name="W")

    def block(x: lg.Tensor) -> lg.Tensor:
        return lg.tanh(lg.dropout(x @ W, 0.5))

    x = lg.tensor(X, name="x", requires_grad=True)
    lg.seed(3)
    y = lg.recompute(block)(x)
    assert y.node.kind.name == "Call"
    y.sum().backward()
    ours = x.grad.copy(), W.grad.copy(), y.data.copy()
    lg.seed(3)
    plain = block(x)
    plain.sum().backward()
    np.testing.assert_allclose(ours[2], plain.data)
    np.testing.assert_allclose(ours[0], x.grad)
    np.testing.assert_allclose(ours[1], W.grad)
    lg.check_gradients(lambda x, w: lg.recompute(lambda a: lg.tanh(a @ w) * a)(x), X[:3], X[:3], order=2)
    graph = lg.capture(lg.recompute(lambda x: lg.exp(x @ W)), lg.spec("N", 3, dtype=np.float64))
    np.testing.assert_allclose(graph.gradient().expand().run([X, X])["grad/W"], graph.gradient().run([X, X])["grad/W"])


def test_functional_derivatives() -> None:
    def f(x: lg.Tensor, scale: dict[str, lg.Tensor]) -> lg.Tensor:
        return (lg.sin(x) * scale["a"]).sum()

    x, scale = np.array([0.3, 0.7]), {"a": np.array([2.0, 3.0])}
    value, (gx, gs) = lg.value_and_grad(f, argnums=(0, 1))(x, scale)
    np.testing.assert_allclose(value, (np.sin(x) * scale["a"]).sum())
    np.testing.assert_allclose(gx, np.cos(x) * scale["a"])
    np.testing.assert_allclose(gs["a"], np.sin(x))
    assert isinstance(gx, np.ndarray)
    hessian = lg.hessian(lambda x: f(x, scale))(x)
    np.testing.assert_allclose(hessian, np.diag(-np.sin(x) * scale["a"]))
    np.testing.assert_allclose(lg.hvp(lambda x: f(x, scale), (x,), (np.ones(2),)), hessian @ np.ones(2))
    _, pushed = lg.jvp(lambda x: lg.exp(x), (x,), (np.array([1.0, -1.0]),))
    np.testing.assert_allclose(pushed, np.exp(x) * [1.0, -1.0])
    third = lg.grad(lg.grad(lg.grad(lambda t: t**4)))(2.0)
    assert third == 48.0
    jac = lg.jacobian(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(x, x)
    np.testing.assert_allclose(jac[0][1], np.diag(x))
    np.testing.assert_allclose(jac[1][1], np.zeros(2))


def test_tensors_in_tensors_out_keeps_the_graph() -> None:
    x = lg.tensor(0.7, requires_grad=True)
    slope = lg.grad(lg.sin)(x)
    assert isinstance(slope, lg.Tensor)
    slope.backward()
    np.testing.assert_allclose(x.grad, -np.sin(0.7), rtol=1e-6)


def test_the_derivative_of_a_closure_is_not_mixed_in() -> None:
    def outer(x: lg.Tensor) -> lg.Tensor:
        return lg.grad(lambda y: x * y * y)(x)

    np.testing.assert_allclose(lg.grad(outer)(3.0), 12.0)  # d/dx of 2 x y at y = x, both ways


def test_check_gradients_names_the_wrong_entry() -> None:
    @lg.kind
    class WrongTriple(lg.Elementwise):
        """Triple, with a wrong rule at large values."""

        formula = "y = 3x"
        expression = "3 * x"

        def backward(self, grad: lg.Tensor, y: lg.Tensor, x: lg.Tensor) -> object:
            return grad * lg.where(x > 1, 2.0, 3.0)

    with pytest.raises(lg.GradientError, match=r"input 0\[2\]"):
        lg.check_gradients(WrongTriple(), np.array([0.1, 0.5, 1.5]))


def test_a_where_that_was_not_taken_gives_no_nan() -> None:
    x = lg.tensor([0.0, 1.0, 200.0], requires_grad=True)
    y = (
        lg.where(x > 0, lg.log(x) / x, 0.0)
        + lg.where(x < 100, lg.exp(x) * lg.exp(x), 0.0)
        + lg.where(x > 0, lg.sqrt(x), 0)
    )
    y.sum().backward()
    assert np.isfinite(x.grad).all()
    hessian = lg.hessian(lambda x: lg.where(x > 0, lg.sqrt(x), x * x).sum())(np.array([0.0, 4.0]))
    np.testing.assert_allclose(hessian, [[2.0, 0.0], [0.0, -1 / 32]])


UNARY = [lg.tanh, lg.sigmoid, lg.sin, lambda x: x * 0.5, lambda x: x.T.T, lambda x: x[::-1], lambda x: -x]
BINARY = [lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a - b, lambda a, b: lg.maximum(a, b)]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12))
def test_passes_keep_values_and_gradients_of_random_graphs(steps: list[tuple[int, int, int]]) -> None:
    def f(x: lg.Tensor, v: lg.Tensor) -> lg.Tensor:
        pool = [x, v, x @ lg.tensor(np.eye(3) * 0.5)]
        for which, first, second in steps:
            a, b = pool[first % len(pool)], pool[second % len(pool)]
            number = which % (len(UNARY) + len(BINARY))
            pool.append(UNARY[number](a) if number < len(UNARY) else BINARY[number - len(UNARY)](a, b))
        return sum((lg.mean(t * t) for t in pool[-3:]), lg.mean(x * v))

    graph = lg.capture(f, lg.spec("N", 3, dtype=np.float64), lg.spec(3, dtype=np.float64)).gradient()
    inputs = [X, np.array([0.3, -0.2, 0.9])]
    expected = graph.run(inputs)
    for changed in (graph.explicit(), graph.simplify(), graph.expand(), graph.explicit().simplify()):
        same(changed.run(inputs), expected)
