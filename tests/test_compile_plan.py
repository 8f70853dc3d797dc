"""Plans: what they tell, refuse and reuse, over random graphs too, and the passes that lead to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import localgrad as lg
from localgrad.run import native
from localgrad.run.plan import Plan
from localgrad.transform.algebra import simplify_algebra
from localgrad.transform.folding import fold
from localgrad.transform.grouping import group
from tests.compiled import floats, generator, needs_compiler


# plans --------------------------------------------------------------------------------------------------------------
def mlp(x: Any, W: Any, b: Any, V: Any) -> Any:
    return lg.sum(lg.sigmoid(x @ W + b) @ V)


MLP = (lg.spec(5, 7), lg.spec(7, 3), lg.spec(3), lg.spec(3, 2))


@needs_compiler
def test_a_plan_tells_what_it_does() -> None:
    plan = Plan(lg.capture(mlp, *MLP).gradient())
    text = str(plan)
    assert "product MatMul" in text
    assert "transposed" in text
    assert "loop" in text
    source = plan.source("Sigmoid#1")
    assert "for i in range(extent[0]):" in source
    assert "exp(" in source
    assert "define void @kernel" in plan.source("Sigmoid#1", language="llvm")
    assert plan.memory.peak < plan.memory.total or plan.memory.total < 1024
    assert "bytes" in str(plan.memory)
    profile = plan.profile([np.zeros(s.shape, s.dtype) for s in MLP], repeat=2)
    assert len(profile.rows) == len(plan.steps)
    assert "GFLOP/s" in str(profile)
    with pytest.raises(lg.NameLookupError, match=r"did you mean|do: look"):
        plan.source("Sigmoid#7")


def test_inner_tensors_can_be_fetched() -> None:
    graph = lg.capture(mlp, *MLP)
    inputs = [floats(*s.shape) for s in MLP]
    found = Plan(graph).run(inputs, fetch=["Sigmoid#1", "Add*"])
    wanted = graph.run(inputs, fetch=["Sigmoid#1", "Add*"])
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6)


def test_inputs_that_do_not_fit_are_refused_as_by_the_graph() -> None:
    plan = Plan(lg.capture(mlp, *MLP))
    with pytest.raises(lg.ShapeError):
        plan.run([floats(5, 6), floats(7, 3), floats(3), floats(3, 2)])
    with pytest.raises(lg.NameLookupError):
        plan.run({"x": floats(5, 7)})


def test_a_value_that_is_not_finite_is_traced_to_its_node() -> None:
    fast = lg.compile(lambda x: lg.sum(lg.log(x) * 2))
    assert fast(np.float32([-1])).item() != fast(np.float32([-1])).item()
    with lg.detect_nonfinite(), pytest.raises(lg.NonFiniteError, match="Log"):
        fast(np.float32([-1]))


@needs_compiler
def test_memory_is_used_again() -> None:
    def chain(x: Any, W: Any) -> Any:
        for _ in range(20):
            x = lg.tanh(x @ W)
        return x

    memory = Plan(lg.capture(chain, lg.spec(64, 64), lg.spec(64, 64))).memory
    assert memory.peak <= 2 * 64 * 64 * 4 < memory.total


@pytest.mark.parametrize("reverse", [False, True])
def test_scans_run_their_bodies_as_machine_code(reverse: bool) -> None:
    def f(x: Any, W: Any, h: Any, k: Any) -> Any:
        def step(carry: Any, part: Any) -> Any:
            h, total = carry
            h = lg.tanh(part @ W + h * k)
            return (h, total + lg.sum(h, axis=0)), lg.concatenate([h, h * part[:, :3]], axis=1)

        (last, total), stacked = lg.scan(step, (h, h[0] * 0), x, reverse=reverse)
        loss = lg.sum(last * last) + lg.sum(stacked * total[0]) + lg.sum(total)
        return (last, stacked, *lg.gradients(loss, [x, W, h, k]))

    shapes = ((6, 5, 4), (4, 3), (5, 3), (3,))
    graph = lg.capture(f, *(lg.spec(*shape, dtype=np.float64) for shape in shapes))
    plan = Plan(graph)
    for _ in range(2):
        inputs = [generator.normal(size=shape) for shape in shapes]
        wanted = graph.run(inputs)
        for name, value in plan.run(inputs).items():
            np.testing.assert_allclose(value, wanted[name], rtol=1e-10, atol=1e-12, err_msg=name)
    if native.available():
        scans: list[Any] = [step for step in plan.steps if step.what == "scan"]
        assert len(scans) >= 2
        assert all(body is not None for step in scans for body in step.run.bodies.values())


@pytest.mark.parametrize("layer", ["TimeLSTM", "TimeGRU", "TimeRNN"])
def test_recurrent_layers_train_as_eagerly(layer: str) -> None:
    from localgrad import layers

    x = floats(4, 6, 3)
    found = []
    for compiled in (False, True):
        model = getattr(layers, layer).create(3, 5, seed=0, stateful=True)
        optimizer = lg.SGD(0.1, clip_norm=1.0)

        def step(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = lg.mean(model(x) ** 2)
            loss.backward()
            optimizer.step(model)
            return loss

        run = lg.compile(step) if compiled else lambda x, step=step: step(lg.tensor(x))
        losses = [run(x).item() for _ in range(3)]
        found.append((losses, [p.data.copy() for p in model.parameters().values()], model.h.copy()))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-5)
    for a, b in zip(found[1][1], found[0][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1][2], found[0][2], rtol=1e-4, atol=1e-6)


def test_joins_and_slices_are_copies_into_place() -> None:
    def f(x: Any, y: Any) -> Any:
        joined = lg.concatenate([x, y.T, x[:, ::-1]], axis=0)
        stacked = lg.stack([x, x * 2], axis=1)
        loss = lg.sum(joined[1:-1, 1] ** 2) + lg.sum(stacked[:, 1] * 3) + lg.sum(joined.T.reshape(-1)[3:9])
        return (joined, stacked, *lg.gradients(loss, [x, y]))

    graph = lg.capture(f, lg.spec(3, 4), lg.spec(4, 2))
    inputs = [floats(3, 4), floats(4, 2)]
    plan = Plan(graph)
    wanted = graph.run(inputs)
    for _ in range(2):
        for name, value in plan.run(inputs).items():
            np.testing.assert_allclose(value, wanted[name], rtol=1e-6, err_msg=name)
    if native.available():
        assert not [step for step in plan.steps if step.what == "numpy"]


def test_steps_run_from_several_threads_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    fast = lg.compile(lambda x: lg.sum(lg.tanh(x @ x.T)))
    inputs = [floats(40, 40) for _ in range(16)]
    wanted = [fast(x).item() for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda x: fast(x).item(), inputs)) == wanted


# random graphs ------------------------------------------------------------------------------------------------------
UNARY = [lg.tanh, lg.exp, lg.sigmoid, lg.relu, abs, lambda x: -x, lambda x: x.T, lambda x: lg.softmax(x), lg.log1p,
    lambda x: lg.mean(x, axis=0, keepdims=True), lambda x: lg.sum(x, axis=1), lambda x: x * 0.5, lambda x: x[::-1],
    lambda x: lg.where(x > 0, x, 0.1 * x), lambda x: x.reshape(-1)[:4].reshape(2, 2), lambda x: lg.max(x, axis=0)]  # fmt: skip
BINARY = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lg.maximum, lambda a, b: a @ b,
    lambda a, b: a / (1 + b * b)]  # fmt: skip


def build(plan: list[tuple[int, int, int]], x: Any, w: Any) -> Any:
    """A graph out of numbers: each says which operation on which earlier tensors; what does not fit is passed over."""
    made = [x, w]
    for which, first, second in plan:
        a, b = made[first % len(made)], made[second % len(made)]
        try:
            if which < len(UNARY):
                y = UNARY[which](a)
            else:
                y = BINARY[(which - len(UNARY)) % len(BINARY)](a, b)
        except lg.LocalgradError:
            continue
        if y.size and y.ndim <= 3:
            made.append(y)
    return made


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 30), st.integers(0, 30)), max_size=14),
    st.sampled_from([(1, 1), (3, 3), (5, 5), (4, 4)]),
    st.data(),
)  # fmt: skip
def test_random_graphs_and_their_gradients(plan: Any, shape: tuple[int, int], data: Any) -> None:
    def f(x: Any, w: Any) -> Any:
        made = build(plan, x, w)
        chosen = made[2:][-3:] or made
        loss = sum((lg.sum(y) for y in chosen), start=lg.sum(x * 0.1) + lg.sum(w * 0.1))
        return (*chosen, *lg.gradients(loss, [x, w]))

    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    inputs = [random.uniform(-1, 1, shape) for _ in range(2)]
    graph = lg.capture(f, *(lg.spec(*shape, dtype=np.float64) for _ in range(2)))
    wanted, found = graph.run(inputs), Plan(graph, inputs).run(inputs)
    for name, value in wanted.items():
        size = np.abs(value[np.isfinite(value)]).max(initial=1.0)
        np.testing.assert_allclose(found[name], value, rtol=1e-10, atol=1e-12 * size)


# passes -------------------------------------------------------------------------------------------------------------
def test_algebra_changes_no_bit() -> None:
    def f(x: Any) -> Any:
        y = (x * 1) / 1 - 0
        return lg.exp(-(-y.T).T).astype(np.float64).astype(np.float32) + x + 0.0, y.reshape(6).reshape(2, 3) ** 1

    graph = lg.capture(f, lg.spec(2, 3))
    short = simplify_algebra(graph).simplify()
    assert len(short.nodes) < len(graph.nodes)
    x = np.float32([[0.0, -0.0, np.inf], [np.nan, -1.5, 1e-40]])
    for a, b in zip(graph.run([x]).values(), short.run([x]).values(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_sums_with_zero_and_products_with_zero_stay() -> None:
    graph = lg.capture(lambda x: lg.exp(x + 0.0) * (x * 0.0), lg.spec(2))
    assert len(simplify_algebra(graph).nodes) == len(graph.nodes)


def test_folding_leaves_what_may_change() -> None:
    W, s = lg.parameter([1.0], name="W"), lg.state([1.0], name="s")
    mine, constant = lg.tensor([1.0], name="mine"), np.float32([1])
    graph = lg.capture(lambda x: x + lg.exp(W) + lg.exp(s) + lg.exp(mine) + lg.exp(lg.identity(constant)), lg.spec(1))
    assert [node.kind.name for node in fold(graph).nodes].count("Exp") == 3


def test_groups_never_depend_on_each_other_in_a_circle() -> None:
    def f(x: Any) -> Any:
        y = lg.exp(x)
        return lg.tanh(y) * (y @ y) + lg.sum(y) * lg.sin(y)

    graph = lg.capture(f, lg.spec(3, 3))
    steps = ("MatMul", "Sin")
    units = group(graph, lambda n: "step" if n.kind.name in steps else "total" if n.kind.name == "Sum" else "loop")
    order = {node.order: number for number, unit in enumerate(units) for node in unit.nodes}
    for node in graph.nodes:
        for x in node._inputs:
            if isinstance(x, lg.Tensor) and x._node is not None:
                assert order[x._node.order] <= order[node.order]
    assert sorted(order) == [node.order for node in graph.nodes]


@needs_compiler
def test_what_numpy_gives_as_a_view_is_kept_when_the_memory_below_it_is_used_again() -> None:
    @lg.kind
    class Seen(lg.Kind):
        """The same entries, as a view."""

        formula = "y = x"
        inputs = ("x",)

        def shape(self, x: Any) -> Any:
            return x

        def forward(self, x: Any) -> Any:
            return x[:]

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return grad

    def f(x: Any, W: Any) -> Any:
        y = Seen()(lg.exp(x))
        z = lg.tanh(x) @ W
        for _ in range(3):
            z = z @ W
        return y + z

    graph = lg.capture(f, lg.spec(4, 4), lg.spec(4, 4))
    arrays = [floats(4, 4), floats(4, 4)]
    (wanted,), (found,) = (each.run(arrays).values() for each in (graph, Plan(graph)))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
