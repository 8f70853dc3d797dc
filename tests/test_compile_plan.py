"""`lg.compile` and its plans: what calls give and change, memory, passes, the cache, and what happens without a compiler."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import localgrad as lg
from localgrad.run import cache, native
from localgrad.run.plan import Plan
from localgrad.transform.algebra import simplify_algebra
from localgrad.transform.folding import fold
from localgrad.transform.grouping import group

needs_compiler = pytest.mark.skipif(not native.available(), reason="llvmlite is not installed")
generator = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return generator.normal(size=shape).astype(np.float32)


# calls --------------------------------------------------------------------------------------------------------------
def test_a_compiled_function_takes_and_gives_what_the_function_does() -> None:
    def f(pair: dict[str, Any], *, scale: float = 1.0) -> Any:
        return {"sum": pair["a"] + pair["b"] * scale, "rest": (lg.exp(pair["a"]), None)}

    fast = lg.compile(f)
    a, b = floats(3, 2), floats(2)
    found = fast({"a": a, "b": lg.tensor(b)}, scale=3.0)
    np.testing.assert_allclose(found["sum"].data, a + b * np.float32(3), rtol=1e-6)
    assert isinstance(found["rest"], tuple)
    assert found["rest"][1] is None
    np.testing.assert_allclose(found["rest"][0].data, np.exp(a), rtol=1e-6)


def test_other_shapes_dtypes_and_numbers_are_traced_again_and_known_ones_are_not() -> None:
    calls = []

    @lg.compile
    def f(x: Any, n: int = 2) -> Any:
        calls.append(x.shape)
        return x**n if n == 2 else x

    for _ in range(2):
        assert f(floats(3)).shape == (3,)
        assert f(floats(4)).shape == (4,)
        assert f(np.ones(3)).dtype == np.float64
        assert f(floats(3), 1).shape == (3,)
    assert len(calls) == 4


def test_tracing_often_is_said_once() -> None:
    fast = lg.compile(lambda x, rate: x * rate)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for number in range(14):
            fast(floats(2), float(number))
    assert [str(each.message) for each in said if "was traced 12 times" in str(each.message)]
    assert len(said) == 1


def test_a_value_that_is_read_is_an_error_that_names_the_line() -> None:
    @lg.compile
    def f(x: Any) -> Any:
        return x if x.sum() > 0 else -x

    with pytest.raises(lg.CaptureError, match=r"test_compile_plan\.py"):
        f(floats(2))


def test_results_do_not_show_later_calls() -> None:
    fast = lg.compile(lambda x: (x * 2, x.reshape(-1), x))
    large = np.ones((300, 200), np.float32)
    first = fast(large)
    view = first[0].data[5:]
    second = fast(large * 3)
    assert view.max() == first[0].data.max() == 2
    assert first[1].data.max() == first[2].data.max() == 1
    assert second[0].data.min() == 6
    large[...] = 7
    assert second[1].data.min() == 1 * 3


def test_memory_of_results_nobody_holds_is_used_again() -> None:
    fast = lg.compile(lambda x: x * 2)
    x = np.ones(100_000, np.float32)
    places = {fast(x).data.__array_interface__["data"][0] for _ in range(5)}
    assert len(places) == 1 or not native.available()


def test_decorated_methods_know_their_object() -> None:
    class Doubling:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        @lg.compile
        def apply(self, x: Any) -> Any:
            return x * self.factor

    assert Doubling(2.0).apply(np.float32([1])).item() == 2
    assert Doubling(3.0).apply(np.float32([1])).item() == 3


def test_models_and_derivatives_are_functions_too() -> None:
    class Scaled(lg.Model):
        def __init__(self) -> None:
            self.plan = lg.parameter([2.0], name="plan")  # a name of ours

        def call(self, x: Any) -> Any:
            return lg.sum(x**2 * self.plan)

    model = Scaled()
    fast = lg.compile(model)
    assert fast(np.float32([1, 2])).item() == 10
    assert fast.plan is not model.plan
    value, slope = lg.compile(lg.value_and_grad(model))(np.float32([1, 2]))
    assert value.item() == 10
    np.testing.assert_array_equal(slope.data, [4, 8])


def test_parameters_are_read_where_they_are() -> None:
    W = lg.parameter(floats(3), name="W")
    fast = lg.compile(lambda x: x * W)
    x = floats(3)
    np.testing.assert_array_equal(fast(x).data, x * W.data)
    W.data = floats(3)
    np.testing.assert_array_equal(fast(x).data, x * W.data)


def test_inside_a_capture_its_nodes_are_recorded() -> None:
    fast = lg.compile(lambda x: lg.tanh(x) * 2)
    graph = lg.capture(lambda x: fast(x) + 1, lg.spec(3))
    assert [node.kind.name for node in graph.nodes] == ["Tanh", "Mul", "Add"]


def test_a_graph_with_named_extents_is_compiled_for_each_size() -> None:
    graph = lg.capture(lambda x: lg.sum(lg.exp(x), axis=0), lg.spec("N", 3))
    fast = lg.compile(graph)
    for rows in (1, 5):
        x = floats(rows, 3)
        np.testing.assert_allclose(fast(x).data, graph.run([x])["Sum#1"], rtol=1e-6)


def test_inputs_laid_out_in_other_ways() -> None:
    fast = lg.compile(lambda a, b: lg.exp(a) + b.T * 2)
    a, b = floats(6, 4)[::2], floats(8, 3)[1::2]
    for x, y in ((a, b), (a[:, ::-1], b[::-1]), (np.asfortranarray(a), b), (np.broadcast_to(a[:1], (3, 4)), b)):
        np.testing.assert_allclose(fast(x, y).data, np.exp(x) + y.T * 2, rtol=1e-6)
    raw = np.zeros(3 * 4 * 4 + 1, np.uint8)[1:]
    crooked = raw.view(np.float32).reshape(3, 4) if False else np.ndarray((3, 4), np.float32, raw.data)
    crooked[...] = a
    np.testing.assert_allclose(fast(crooked, b).data, np.exp(a) + b.T * 2, rtol=1e-6)


def test_a_plan_takes_arrays_laid_out_unlike_those_it_was_made_for() -> None:
    graph = lg.capture(lambda x: lg.exp(x) * 2, lg.spec(40, 50))
    x = floats(40, 50)
    for first in (x[::-1], np.asfortranarray(x), x):
        plan = Plan(graph, [first])
        for y in (x, x[:, ::-1], np.asfortranarray(x), floats(80, 50)[::2]):
            np.testing.assert_allclose(plan.run([y])["Mul#1"], np.exp(y) * 2, rtol=1e-6)


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (13, 1), (1, 17), (0, 3), (31, 33)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_odd_sizes(shape: tuple[int, ...], dtype: Any) -> None:
    def f(x: Any, b: Any) -> Any:
        y = lg.tanh(x * b) - lg.exp(-abs(x))
        return y, lg.sum(y), lg.mean(y * y, axis=0), lg.sum(y, axis=-1, keepdims=True)

    x, b = generator.normal(size=shape).astype(dtype), generator.normal(size=shape[-1:]).astype(dtype)
    graph = lg.capture(f, lg.spec(*shape, dtype=dtype), lg.spec(*shape[-1:], dtype=dtype))
    wanted = graph.run([x, b])
    for name, value in Plan(graph).run([x, b]).items():
        np.testing.assert_allclose(value, wanted[name], rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


def test_long_sums_round_less_than_numpys() -> None:
    x = generator.uniform(0, 1, 1_000_003).astype(np.float32)
    fast = lg.compile(lambda x: lg.sum(x))
    exact = np.sum(x, dtype=np.float64)
    assert abs(fast(x).item() - exact) / exact < 1e-7


# gradients ----------------------------------------------------------------------------------------------------------
def test_gradients_flow_through_a_compiled_function() -> None:
    W = lg.parameter(floats(4, 3), name="W")

    def f(x: Any) -> Any:
        return lg.sum(lg.tanh(x @ W), axis=1)

    x = lg.tensor(floats(5, 4), requires_grad=True)
    lg.compile(f)(x).sum().backward()
    found = x.grad.copy(), W.grad.copy()
    f(x).sum().backward(keep="leaves")
    np.testing.assert_allclose(found[0], x.grad, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], W.grad, rtol=1e-5, atol=1e-6)


def test_gradients_of_gradients() -> None:
    fast = lg.compile(lambda x: lg.sum(x**3))
    x = lg.tensor(floats(4), requires_grad=True)
    (first,) = lg.gradients(fast(x), x)
    (second,) = lg.gradients(lg.sum(first * first), x)
    np.testing.assert_allclose(second.data, 36 * x.data**3, rtol=1e-5)


def test_random_masks_are_the_same_in_the_backward() -> None:
    from localgrad.layers import Dropout

    dropout = Dropout(0.5)
    fast = lg.compile(lambda x: dropout(x))
    x = lg.tensor(np.ones(64, np.float32), requires_grad=True)
    for _ in range(2):
        y = fast(x)
        y.sum().backward()
        np.testing.assert_array_equal(y.data, x.grad)
        assert 0 < np.count_nonzero(y.data) < 64


# training -----------------------------------------------------------------------------------------------------------
def model_and_step(optimizer: Any) -> tuple[Any, Any]:
    from localgrad.layers import Affine, BatchNormalization, Dropout, Relu

    lg.seed(0)
    # normalised first: behind a normalisation a bias has no gradient but rounding, which Adam would make steps of
    model = lg.Sequential(
        BatchNormalization.create(6), Affine.create(6, 8, seed=0), Relu(), Dropout(0.2), Affine.create(8, 3, seed=1)
    )

    def step(x: Any, labels: Any) -> Any:
        loss = lg.softmax_cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step(model)
        return loss

    return model, step


OPTIMIZERS = {
    "SGD": lambda: lg.SGD(0.1, weight_decay=0.01),
    "Momentum": lambda: lg.Momentum(0.1),
    "Nesterov": lambda: lg.Nesterov(0.1, clip_norm=0.5),
    "AdaGrad": lambda: lg.AdaGrad(0.1, clip_value=0.1),
    "RMSprop": lambda: lg.RMSprop(0.01),
    "AdaDelta": lambda: lg.AdaDelta(),
    "Adam": lambda: lg.Adam(0.01),
    "AdamW": lambda: lg.AdamW(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_changes_what_the_eager_one_does(name: str) -> None:
    x, labels = floats(5, 6), generator.integers(0, 3, 5)
    states, losses = [], []
    for compiled in (False, True):
        optimizer = OPTIMIZERS[name]()
        model, step = model_and_step(optimizer)
        arrays = {key: leaf.data for key, leaf in model.parameters().items()}
        run = lg.compile(step) if compiled else lambda x, labels, step=step: step(lg.tensor(x), labels)
        lg.seed(1)
        losses.append([run(x, labels).item() for _ in range(3)])
        assert all(leaf.data is arrays[key] for key, leaf in model.parameters().items())
        states.append({**model.state(), **{f"optimizer/{k}": v for k, v in optimizer.state().items()}})
    np.testing.assert_allclose(*losses, rtol=2e-5)
    assert list(states[0]) == list(states[1])
    for key, leaf in states[0].items():
        np.testing.assert_allclose(states[1][key].data, leaf.data, rtol=1e-3, atol=1e-5, err_msg=key)


def test_the_learning_rate_is_read_at_each_run() -> None:
    W = lg.parameter([1.0], name="W")
    optimizer = lg.SGD(0.5)

    @lg.compile
    def step() -> None:
        (W * 1.0).sum().backward()
        optimizer.step(W)

    step()
    assert W.item() == 0.5
    optimizer.learning_rate = 0.25
    step()
    assert W.item() == 0.25


def test_modes_and_frozen_parameters_are_looked_at() -> None:
    from localgrad.layers import Affine, Dropout

    model = lg.Sequential(Affine.create(4, 4, seed=0), Dropout(0.5))
    fast = lg.compile(lambda x: model(x))
    x = np.ones((8, 4), np.float32)
    assert (fast(x).data == 0).any()
    with lg.test_mode():
        assert not (fast(x).data == 0).any()
    model.eval()
    assert not (fast(x).data == 0).any()
    model.train()
    assert (fast(x).data == 0).any()

    W = lg.parameter([1.0], name="W")
    b = lg.parameter([1.0], name="b")

    @lg.compile
    def step() -> None:
        (W * b).sum().backward()
        optimizer.step([W, b])

    optimizer = lg.SGD(0.5, missing="skip")
    W.requires_grad = False
    step()
    assert (W.item(), b.item()) == (1.0, 0.5)
    W.requires_grad = True
    step()
    assert (W.item(), b.item()) == (0.75, 0.0)


def test_eager_and_compiled_steps_can_take_turns() -> None:
    x, labels = floats(5, 6), generator.integers(0, 3, 5)
    losses = []
    for compiled in (False, True):
        optimizer = lg.Adam(0.01)
        _, step = model_and_step(optimizer)
        fast = lg.compile(step) if compiled else None
        lg.seed(1)
        given = lg.tensor(x)
        losses.append(
            [(fast or step)(given, labels).item() if turn % 2 else step(given, labels).item() for turn in range(6)]
        )
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_a_state_whose_array_is_another_one_is_read() -> None:
    s = lg.state(np.ones((3, 2), np.float32), name="s")
    fast = lg.compile(lambda x: x * s)
    x = floats(3, 2)
    np.testing.assert_array_equal(fast(x).data, x)
    s._value = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2))
    np.testing.assert_array_equal(fast(x).data, x * s.data)


def test_writes_under_no_grad_are_seen_afterwards_in_the_function() -> None:
    W = lg.parameter(floats(3), name="W")
    before = W.data.copy()

    @lg.compile
    def step(x: Any) -> Any:
        first = lg.sum(W * x)
        (g,) = lg.gradients(first, [W])
        with lg.no_grad():
            w = W
            w -= 0.5 * g
        return first, lg.sum(W * x)

    x = floats(3)
    first, second = step(x)
    np.testing.assert_allclose(W.data, before - 0.5 * x, rtol=1e-6)
    np.testing.assert_allclose([first.item(), second.item()], [(before * x).sum(), (W.data * x).sum()], rtol=1e-5)


def test_an_input_that_is_the_parameters_own_array_is_not_overwritten_too_early() -> None:
    W = lg.parameter(np.ones(100, np.float32), name="W")

    @lg.compile
    def step(x: Any) -> Any:
        with lg.no_grad():
            w = W
            w -= 1.0
        return lg.sum(x + 1), lg.sum(x)

    found = step(W.data)
    assert [y.item() for y in found] == [200, 100]
    assert W.data.max() == 0
    W.data = np.ones(100, np.float32)
    assert step(W.data[::2])[1].item() == 50


def test_wrong_labels_are_refused_before_anything_changes() -> None:
    optimizer = lg.SGD(0.1)
    model, step = model_and_step(optimizer)
    fast = lg.compile(step)
    x = floats(4, 6)
    fast(x, np.array([0, 1, 2, 0]))
    before = {key: leaf.data.copy() for key, leaf in model.parameters().items()}
    with pytest.raises(lg.DataError, match="class labels"):
        fast(x, np.array([0, 1, 3, 0]))
    for key, leaf in model.parameters().items():
        np.testing.assert_array_equal(leaf.data, before[key])


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


# the cache, and life without a compiler -----------------------------------------------------------------------------
@needs_compiler
def test_what_does_not_check_out_in_the_cache_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kernels"
    monkeypatch.setenv("LOCALGRAD_CACHE", str(place))
    cache.write_object("key", b"code")
    assert cache.read_object("key") == b"code"
    assert cache.read_object("other") is None
    (path,) = place.iterdir()
    kept = path.read_bytes()
    for wrong in (b"", kept[:-1], kept + b"x", kept[:40] + b"?" + kept[41:], b"\0" * 100):
        path.write_bytes(wrong)
        assert cache.read_object("key") is None
    path.write_bytes(kept)
    path.chmod(0o666)
    assert cache.read_object("key") is None
    path.chmod(0o600)
    place.chmod(0o777)
    assert cache.read_object("key") is None
    monkeypatch.setenv("LOCALGRAD_CACHE", "off")
    cache.write_object("key", b"code")
    assert cache.read_object("key") is None


@needs_compiler
def test_another_process_finds_the_kernels(tmp_path: Path) -> None:
    script = (
        "import numpy as np, localgrad as lg\n"
        "from localgrad.run import native\n"
        "compiled = []\n"
        "original = native.compiled\n"
        "native.compiled = lambda text: (compiled.append(1), original(text))[1]\n"
        "print(lg.compile(lambda x: lg.exp(x) * 3)(np.float32([0.0])).item(), len(compiled))\n"
    )
    source = Path(lg.__file__).parents[1]
    environment = {"LOCALGRAD_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(source), "PATH": ""}
    said = [
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["3.0 2\n", "3.0 0\n"]


def test_without_a_compiler_the_same_graph_runs_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_available", False)
    x, labels = floats(5, 6), generator.integers(0, 3, 5)
    _, eager = model_and_step(lg.Adam(0.01))
    lg.seed(1)
    wanted = [eager(lg.tensor(x), labels).item() for _ in range(3)]
    _, step = model_and_step(lg.Adam(0.01))
    fast = lg.compile(step)
    lg.seed(1)
    np.testing.assert_allclose([fast(x, labels).item() for _ in range(3)], wanted, rtol=1e-5)
    assert "with NumPy" in str(fast.plan)


@needs_compiler
def test_a_loop_that_cannot_be_compiled_runs_with_numpy_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(text: str, name: str) -> int:
        raise native.NoCompilerError("no such instruction")

    x = floats(5)
    graph = lg.capture(lambda x: lg.sum(lg.tanh(x) * 2, axis=0), lg.spec(5))
    real = native.address_of
    with monkeypatch.context() as patched:
        patched.setattr(
            native, "address_of", lambda text, name: real(text, name) if "%records" in text else refused(text, name)
        )
        with pytest.warns(lg.LocalgradWarning, match="Sum#1.*no such instruction"):
            plan = Plan(graph)
    np.testing.assert_allclose(plan.run([x])["Sum#1"], graph.run([x])["Sum#1"], rtol=1e-6)


def test_importing_localgrad_loads_no_compiler() -> None:
    script = "import sys, localgrad as lg; lg.compile; print([m for m in ('llvmlite', 'numba', 'ctypes.util') if m in sys.modules])"
    source = Path(lg.__file__).parents[1]
    said = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(source), "PATH": ""}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert "llvmlite" not in said.stdout
    assert "numba" not in said.stdout


def test_threads_are_whole_numbers() -> None:
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(lg.LocalgradError, match="number of threads"):
            lg.set_threads(wrong)  # type: ignore[arg-type]


def test_results_can_be_pickled() -> None:
    y = lg.compile(lambda x: x * 2)(np.float32([1]))
    assert pickle.loads(pickle.dumps(y)).item() == 2
