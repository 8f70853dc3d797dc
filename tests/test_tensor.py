"""Tensors: what they hold, value semantics, gradients."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

import localgrad as lg


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([1.5, 2], np.float32),
        (3, np.int64),
        ([True, False], np.bool_),
        (np.float64(1.5), np.float64),
        (np.array([1, 2], np.int32), np.int32),
        ([np.float64(1.5)], np.float64),
        (np.array([1.0], ">f4"), np.float32),
    ],
)
def test_dtypes_of_what_users_hand_over(data: object, dtype: type) -> None:
    assert lg.tensor(data).dtype == dtype


def test_ints_become_floats_where_a_gradient_is_asked() -> None:
    assert lg.tensor([1, 2], requires_grad=True).dtype == np.float32
    assert lg.parameter(3).dtype == np.float32
    with pytest.raises(lg.DTypeError, match="int64 tensors have no gradient"):
        lg.tensor(np.array([1, 2]), requires_grad=True)


@pytest.mark.parametrize("data", ["text", [1j], [[1, 2], [3]], {"a": 1}, None, [["a"]]])
def test_what_no_tensor_can_hold_is_refused(data: object) -> None:
    with pytest.raises((lg.DTypeError, lg.ShapeError)):
        lg.tensor(data)


def test_a_tensor_holds_a_copy() -> None:
    array = np.ones(3)
    x = lg.tensor(array)
    array[0] = 5
    assert x.data[0] == 1


def test_python_and_numpy_scalars_are_weak() -> None:
    x = lg.tensor([1.0, 2.0])
    for y in (x * 2.5, 2.5 * x, x + np.float64(1), x / 3, x**2, 1 - x, np.float64(2) * x):
        assert y.dtype == np.float32
    assert (lg.tensor([1, 2]) * 2).dtype == np.int64


def test_mixed_dtypes_record_a_cast_that_casts_back_and_warn_once() -> None:
    x = lg.tensor([1.0, 2.0], name="x", requires_grad=True)
    with pytest.warns(lg.LocalgradWarning, match="widens float32 to float64") as caught:
        y = x * lg.tensor(np.array([1.0, 2.0]), name="wide")
    assert len(caught) == 1
    assert "x" in str(caught[0].message)
    assert caught[0].filename.endswith("test_tensor.py")
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32


def test_values_of_nodes_are_read_only_and_parameters_are_not() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    y = W * 2
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 1
    W.data[0] = 5.0
    assert W.data[0] == 5.0
    with pytest.raises(lg.GradientError, match="Mul"):
        y.data = np.zeros(2)


def test_a_view_never_shows_a_later_write() -> None:
    W = lg.parameter(np.arange(4.0), name="W")
    views = [W.reshape(2, 2), W.T, W[1:], lg.identity(W)]
    before = [v.data.copy() for v in views]
    W.data -= 10
    for view, old in zip(views, before, strict=True):
        np.testing.assert_array_equal(view.data, old)


def test_item_assignment_records_a_node_and_earlier_readers_keep_the_old_value() -> None:
    x = lg.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    y = x * 1.0
    early = y * y
    y[1] = early[2] * 10
    loss = (y * y).sum() + early.sum()
    np.testing.assert_array_equal(early.data, [1, 4, 9])
    np.testing.assert_array_equal(y.data, [1, 90, 3])
    loss.backward()
    # y1 = 10 x2^2, so the loss is x0^2 + 100 x2^4 + x2^2 + x0^2 + x1^2 + x2^2
    np.testing.assert_allclose(x.grad, [4.0, 4.0, 400 * 27 + 12.0], rtol=1e-6)


def test_item_assignment_on_a_leaf_and_while_capturing() -> None:
    def f(x: lg.Tensor, v: lg.Tensor) -> lg.Tensor:
        out = np.zeros_like(x)
        out[1:] = v
        out[0] = x[2]
        return out * x

    values = (np.array([1.0, 2.0, 3.0], np.float32), np.array([5.0, 6.0], np.float32))
    graph = lg.capture(f, *values)
    eager = f(*(lg.tensor(v) for v in values))
    np.testing.assert_array_equal(next(iter(graph.run(list(values)).values())), eager.data)
    lg.check_gradients(f, *values, order=2)


def test_a_parameter_is_written_in_place_under_no_grad_only() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    array = W.data
    with pytest.raises(lg.GradientError, match="no_grad"):
        W += 1
    with pytest.raises(lg.GradientError, match="no_grad"):
        W[0] = 3.0
    with lg.no_grad():
        W += 1
        W[0] = 7.0
    assert W.data is array
    np.testing.assert_array_equal(array, [7.0, 3.0])


def test_augmented_assignment_rebinds_the_name() -> None:
    x = lg.tensor([1.0], requires_grad=True)
    y = x * 2
    z = y
    y += 1
    assert (z.data[0], y.data[0]) == (2.0, 3.0)


def test_a_parameter_changed_between_forward_and_backward_is_said_so() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    loss = (W * W).sum()
    W.data -= 0.1
    with pytest.raises(lg.GradientError, match="`W` was changed in place"):
        loss.backward()
    assert W.grad is None


def test_backward_sets_and_accumulates_when_asked() -> None:
    W = lg.parameter([1.0], name="W")
    (W * 2).sum().backward()
    np.testing.assert_array_equal(W.grad, [2.0])
    (W * 3).sum().backward()
    np.testing.assert_array_equal(W.grad, [3.0])
    (W * 3).sum().backward(accumulate=True)
    np.testing.assert_array_equal(W.grad, [6.0])


def test_backward_twice_gives_the_same_answer() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    loss = lg.exp(W * W).sum()
    loss.backward()
    first = W.grad.copy()
    loss.backward()
    np.testing.assert_array_equal(W.grad, first)


def test_inner_gradients_are_kept_read_only_or_not_at_all() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    h = W * W
    h.sum().backward()
    np.testing.assert_array_equal(h.grad, [1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        h.grad[0] = 3.0
    g = W * W
    assert W.grad is not None
    g.sum().backward(keep="leaves")
    assert g.grad is None


def test_leaf_gradients_are_arrays_of_their_own() -> None:
    a = lg.parameter([1.0, 2.0], name="a")
    b = lg.parameter([3.0, 4.0], name="b")
    y = a + b
    y.backward(grad=np.ones(2, np.float32))
    a.grad[0] = 50.0
    np.testing.assert_array_equal(b.grad, [1.0, 1.0])
    np.testing.assert_array_equal(y.grad, [1.0, 1.0])


def test_overwriting_an_unused_gradient_of_another_loss_warns_once() -> None:
    W = lg.parameter([1.0], name="W")
    first, second = (W * 2).sum(), (W * 3).sum()
    first.backward()
    with pytest.warns(lg.LocalgradWarning, match="accumulate=True"):
        second.backward()
    lg.backward([first, second])
    np.testing.assert_array_equal(W.grad, [5.0])


def test_a_dropped_loss_frees_its_graph_without_the_cyclic_collector() -> None:
    import weakref

    W = lg.parameter(np.ones(8), name="W")
    gc.disable()
    try:
        loss = lg.exp(W * 2).sum()
        loss.backward()
        assert loss.node is not None
        inner = weakref.ref(loss.node.inputs[0])
        del loss
        assert inner() is None
    finally:
        gc.enable()


def test_a_long_chain_needs_no_recursion() -> None:
    x = lg.parameter(1.0, name="x")
    y = x
    for _ in range(50_000):
        y = y + 1e-5
    y.backward()
    assert x.grad == 1.0
    assert y.name == "Add#50000"
    del y


def test_nodes_know_their_line() -> None:
    y = lg.exp(lg.tensor(1.0))
    source = y.node.source
    assert source.file.endswith("test_tensor.py")
    assert "lg.exp(lg.tensor(1.0))" in source.text


def test_numpy_functions_record() -> None:
    x = lg.tensor([[0.5, 1.0], [1.5, 2.0]], requires_grad=True)
    y = np.where(np.tanh(x) > 0.9, np.sum(x, axis=0), np.concatenate([x[:1], np.maximum(x, 1.2)[1:]]))
    assert isinstance(y, lg.Tensor)
    assert isinstance(np.ones(2, np.float32) @ x, lg.Tensor)
    np.mean(y).backward()
    assert x.grad.shape == (2, 2)
    with pytest.raises(lg.MissingRuleError, match="fft"):
        np.fft.fft(x)
    array = np.ones((2, 2))
    with pytest.raises(lg.MissingRuleError, match=r"array = array \+ tensor"):
        array += x


def test_copies_and_pickles_keep_values() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    (W * W).sum().backward()
    for twin in (copy.deepcopy(W), pickle.loads(pickle.dumps(W))):
        assert twin.name == "W"
        assert twin.requires_grad
        np.testing.assert_array_equal(twin.grad, W.grad)
        twin.data[0] = 9.0
        assert W.data[0] == 1.0


def test_truth_and_numbers() -> None:
    x = lg.tensor([2.0])
    assert bool(x > 1)
    assert float(x) == 2.0
    assert int(x) == 2
    assert f"{x:.1f}" == "2.0"
    with pytest.raises(lg.ShapeError, match=r"lg\.where"):
        bool(lg.tensor([1.0, 2.0]) > 1)


def test_detach_and_unchain_stop_gradients() -> None:
    x = lg.tensor([2.0], requires_grad=True)
    (x * (x * 1.0).detach()).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0])
    h = x * 3
    h.unchain()
    with pytest.raises(lg.DetachedError):
        (h * 2).sum().backward()
