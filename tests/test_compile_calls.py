"""Calls of compiled functions: what they take, give and trace again, and the gradients that flow through them."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run import native
from localgrad.run.plan import Plan
from tests.compiled import floats, generator


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

    with pytest.raises(lg.CaptureError, match=r"test_compile_calls\.py"):
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
        np.testing.assert_allclose(fast(x, y).data, np.exp(x) + y.T * 2, rtol=1e-6, atol=1e-6)  # the sum may cancel
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


def test_threads_are_whole_numbers() -> None:
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(lg.LocalgradError, match="number of threads"):
            lg.set_threads(wrong)  # type: ignore[arg-type]


def test_results_can_be_pickled() -> None:
    y = lg.compile(lambda x: x * 2)(np.float32([1]))
    assert pickle.loads(pickle.dumps(y)).item() == 2
