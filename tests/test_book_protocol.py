"""The books' protocol itself: params and grads, what goes in and comes out, and the memory of a forward."""

import gc
import weakref

import numpy as np
import pytest

from localgrad.graph.context import no_grad
from localgrad.graph.errors import GradientError, LocalgradError, ShapeError
from localgrad.graph.tensor import parameter, tensor
from localgrad.layers import Affine, Embedding, Flatten, Layer, MatMul, Mul, Sequential, Sigmoid
from tests.book_layers import close, random


# params and grads ---------------------------------------------------------------------------------------------------
def test_params_are_the_arrays_given_and_grads_stay_the_same_arrays():
    W, b = random(3, 2), np.zeros(2)
    layer = Affine(W, b)
    assert [each is given for each, given in zip(layer.params, (W, b), strict=True)] == [True, True]
    first = layer.grads
    assert [each.shape for each in first] == [(3, 2), (2,)]
    assert not any(each.any() for each in first)
    for seed in (1, 2):
        layer.forward(random(4, 3, seed=seed))
        layer.backward(random(4, 2, seed=seed))
        assert all(now is then for now, then in zip(layer.grads, first, strict=True))
    assert all(each.any() for each in first)


def test_an_update_of_the_array_in_place_is_seen():
    W = random(3, 2)
    layer = MatMul(W)
    x = random(4, 3)
    layer.forward(x)
    W *= 2
    close(layer.forward(x), x @ W)


def test_backward_on_tensors_leaves_grads_alone_and_the_other_way_round():
    layer = Affine(parameter(random(3, 2)), parameter(np.zeros(2)))
    x, dout = random(4, 3), random(4, 2, seed=1)
    layer.forward(x)
    layer.backward(dout)
    before = [each.copy() for each in layer.grads]
    assert layer.W.grad is None
    y = layer(tensor(x))
    y.backward(np.ones((4, 2)))
    assert layer.W.grad is not None
    for now, then in zip(layer.grads, before, strict=True):
        assert np.array_equal(now, then)
    of_tensors = layer.W.grad.copy()
    layer.backward(dout)
    assert np.array_equal(layer.W.grad, of_tensors)


def test_backward_twice_gives_the_same_answer_twice():
    layer = Affine(random(3, 2), np.zeros(2))
    layer.forward(random(4, 3))
    first = layer.backward(np.ones((4, 2)))
    grads = [each.copy() for each in layer.grads]
    close(layer.backward(np.ones((4, 2))), first)
    for now, then in zip(layer.grads, grads, strict=True):
        close(now, then)


def test_a_weight_used_twice_in_one_layer_gets_the_sum():
    class Twice(Layer):
        def __init__(self, W):
            self.W = parameter(W)

        def call(self, x):
            return (x @ self.W) @ self.W

    W, x = random(3, 3), random(4, 3, seed=1)
    layer = Twice(W)
    layer.forward(x)
    layer.backward(np.ones((4, 3)))
    dout = np.ones((4, 3))
    close(layer.grads[0], (x @ W).T @ dout + x.T @ (dout @ W.T))


def test_layers_given_one_array_share_a_parameter_and_keep_their_own_parts_of_the_gradient():
    W = random(5, 3)
    embedding, scores = Embedding(W), MatMul(W.T)
    assert scores.W is embedding.W
    indices = np.array([0, 2, 2])
    hidden = embedding.forward(indices)
    y = scores.forward(hidden)
    close(y, W[indices] @ W.T)
    dout = random(3, 5, seed=1)
    dhidden = scores.backward(dout)
    close(dhidden, dout @ W)
    embedding.backward(dhidden)
    of_embedding = np.zeros_like(W)
    np.add.at(of_embedding, indices, dhidden)
    close(embedding.grads[0], of_embedding)
    close(scores.grads[0], dout.T @ hidden)

    model = Sequential(embedding, scores)
    assert len(model.params) == 1
    model.forward(indices)
    model.backward(dout)
    close(model.grads[0], of_embedding + dout.T @ hidden)
    assert model.grads[0] is embedding.grads[0]
    assert not scores.grads[0].any()


def test_a_frozen_parameter_keeps_zeros():
    model = Sequential(Affine.create(3, 2, seed=0), Affine.create(2, 2, seed=1))
    model.freeze("0/W")
    x = np.ones((4, 3), np.float32)
    model.forward(x)
    model.backward(np.ones((4, 2), np.float32))
    assert [bool(each.any()) for each in model.grads] == [False, True, True, True]


# what goes in and comes out -----------------------------------------------------------------------------------------
def test_backward_before_forward_says_what_to_do():
    with pytest.raises(GradientError, match="no forward has run") as raised:
        Sigmoid().backward(np.ones(3))
    assert "forward(array) first" in str(raised.value)
    assert "loss.backward()" in str(raised.value)


def test_backward_after_a_forward_that_recorded_nothing():
    layer = Sigmoid()
    with no_grad():
        layer.forward(random(3))
    with pytest.raises(GradientError, match="no_grad"):
        layer.backward(np.ones(3))


def test_a_gradient_of_another_shape_is_refused():
    layer = Sigmoid()
    layer.forward(random(4, 3))
    with pytest.raises(ShapeError, match=r"\(4, 3\)"):
        layer.backward(np.ones(3))
    with pytest.raises(ShapeError, match="none was given"):
        layer.backward()
    with pytest.raises(ShapeError, match="its shape is"):
        layer.backward(1)


def test_a_gradient_comes_back_in_the_dtype_of_its_input():
    layer = Affine.create(3, 2, seed=0)
    layer.forward(np.ones((4, 3), np.float32))
    assert layer.backward(np.ones((4, 2), np.float64)).dtype == np.float32
    assert layer.grads[0].dtype == np.float32


def test_integer_inputs_have_no_gradient():
    mul = Mul()
    mul.forward(np.array([1, 2]), np.array([0.5, 1.5]))
    dx, dy = mul.backward(np.array([1.0, 1.0]))
    assert dx is None
    close(dy, np.array([1.0, 2.0]))


def test_numbers_take_the_dtype_of_the_arrays_beside_them():
    mul = Mul()
    assert mul.forward(np.ones(3, np.float32), 2).dtype == np.float32
    dx, dy = mul.backward(np.ones(3, np.float32))
    assert (dx.shape, dy.shape) == ((3,), ())
    assert float(dy) == 3.0


def test_an_input_the_output_does_not_depend_on_has_the_gradient_zero():
    class First(Layer):
        def call(self, x, y):
            return x * 2

    layer = First()
    layer.forward(random(2), random(3))
    dx, dy = layer.backward(np.ones(2))
    close(dx, np.full(2, 2.0))
    close(dy, np.zeros(3))


def test_outputs_may_be_nested():
    class Cell(Layer):
        def call(self, x):
            return x * 2, (x * 3, x * 4)

    layer = Cell()
    y, (a, b) = layer.forward(np.ones(2))
    assert [float(each[0]) for each in (y, a, b)] == [2.0, 3.0, 4.0]
    close(layer.backward(np.ones(2), (np.ones(2), np.ones(2))), np.full(2, 9.0))
    close(layer.backward(np.ones(2), np.ones(2), np.ones(2)), np.full(2, 9.0))


def test_a_call_that_returns_no_tensor_is_named():
    class Wrong(Layer):
        def call(self, x):
            return "text"

    with pytest.raises(LocalgradError, match="returned str"):
        Wrong().forward(np.ones(2))


def test_gradients_never_share_memory_with_what_came_in():
    flatten, dout = Flatten(), np.ones((2, 6))
    flatten.forward(random(2, 3, 2))
    dx = flatten.backward(dout)
    assert dx.shape == (2, 3, 2)
    assert not np.may_share_memory(dx, dout)
    dx[...] = 0


# memory -------------------------------------------------------------------------------------------------------------
def test_the_record_of_a_forward_is_released_by_the_next():
    layer = Sequential(Affine.create(3, 3, seed=0), Sigmoid())
    x = np.ones((4, 3), np.float32)
    gc.disable()
    try:
        layer.forward(x)
        old = weakref.ref(layer._inside.record[1])
        middle = weakref.ref(layer._inside.record[1]._node._inputs[0])
        layer.backward(x)
        layer.forward(x)
        assert old() is None
        assert middle() is None
    finally:
        gc.enable()
