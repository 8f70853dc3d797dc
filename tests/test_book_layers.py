"""Nodes, layers and a network in the books' protocol, against layers written by hand in NumPy."""

import numpy as np
import pytest

from localgrad.graph.errors import ShapeError
from localgrad.layers import (
    Add,
    Affine,
    BatchNormalization,
    Branch,
    Dropout,
    Embedding,
    MatMul,
    Mul,
    Relu,
    Repeat,
    Sequential,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
    Sum,
    Tanh,
)
from tests.book_layers import (
    NumPyAffine,
    NumPyBatchNormalization,
    NumPyRelu,
    NumPySigmoid,
    NumPySigmoidWithLoss,
    NumPySoftmax,
    NumPySoftmaxWithLoss,
    NumPyTanh,
    close,
    random,
)


# one node each ------------------------------------------------------------------------------------------------------
def test_the_price_of_apples_and_oranges():
    apples, oranges, total, tax = Mul(), Mul(), Add(), Mul()
    of_apples, of_oranges = apples.forward(100, 2), oranges.forward(150, 3)
    price = tax.forward(total.forward(of_apples, of_oranges), 1.1)
    assert isinstance(price, np.ndarray)
    assert price == pytest.approx(715, rel=1e-12)
    d_total, d_tax = tax.backward(1)
    d_apples, d_oranges = total.backward(d_total)
    d_apple, d_apple_count = apples.backward(d_apples)
    d_orange, d_orange_count = oranges.backward(d_oranges)
    found = [d_apple, d_apple_count, d_orange, d_orange_count, d_tax]
    assert [float(each) for each in found] == pytest.approx([2.2, 110, 3.3, 165, 650], rel=1e-12)


def test_add_and_mul_give_each_input_a_gradient_of_its_shape():
    x, y, dout = random(4, 3), random(3, seed=1), random(4, 3, seed=2)
    add, mul = Add(), Mul()
    close(add.forward(x, y), x + y)
    close(mul.forward(x, y), x * y)
    dx, dy = add.backward(dout)
    close(dx, dout)
    close(dy, dout.sum(axis=0))
    dx, dy = mul.backward(dout)
    close(dx, dout * y)
    close(dy, (dout * x).sum(axis=0))


def test_the_two_gradients_of_add_are_arrays_of_their_own():
    dout = random(3)
    add = Add()
    add.forward(random(3), random(3))
    dx, dy = add.backward(dout)
    dx[...] = 0
    assert dy.any()
    assert dout.any()


def test_branch_gives_a_tuple_and_sums_the_gradients():
    branch = Branch(3)
    x, douts = random(2, 3), [random(2, 3, seed=seed) for seed in range(3)]
    outputs = branch.forward(x)
    assert isinstance(outputs, tuple)
    assert len(outputs) == 3
    for each in outputs:
        close(each, x)
    close(branch.backward(*douts), sum(douts))
    with pytest.raises(ShapeError, match="2 gradients") as raised:
        branch.backward(*douts[:2])
    assert "3 outputs" in str(raised.value)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_repeat_and_sum_are_duals(axis):
    shape = [4, 4]
    shape[axis] = 1
    x, dout = random(*shape), random(4, 4, seed=1)
    repeat, total = Repeat(4, axis=axis), Sum(axis=axis)
    close(repeat.forward(x), np.repeat(x, 4, axis=axis))
    close(repeat.backward(dout), dout.sum(axis=axis, keepdims=True))
    close(total.forward(dout), dout.sum(axis=axis, keepdims=True))
    close(total.backward(x), np.repeat(x, 4, axis=axis))


def test_what_repeat_and_sum_give_may_be_written_into():
    repeat, total = Repeat(3), Sum()
    repeat.forward(random(1, 2))[0, 0] = 1.0
    total.forward(random(3, 2))
    total.backward(random(1, 2))[0, 0] = 1.0


def test_sum_without_keepdims_and_over_all_axes():
    x = random(2, 3)
    close(Sum(axis=1, keepdims=False).forward(x), x.sum(axis=1))
    everything = Sum(axis=None, keepdims=False)
    close(everything.forward(x), x.sum())
    close(everything.backward(2.0), np.full((2, 3), 2.0))


def test_repeat_refuses_an_axis_longer_than_one():
    with pytest.raises(ShapeError, match="length is 3") as raised:
        Repeat(4).forward(random(3, 2))
    assert "lg.repeat" in str(raised.value)
    assert "Tile" in str(raised.value)
    assert __file__.rsplit("/", 1)[-1] in str(raised.value)


def test_matmul():
    x, W, dout = random(5, 4), random(4, 3, seed=1), random(5, 3, seed=2)
    layer = MatMul(W)
    close(layer.forward(x), x @ W)
    close(layer.backward(dout), dout @ W.T)
    close(layer.grads[0], x.T @ dout)


def test_embedding_sums_the_gradients_of_a_row_picked_twice():
    W, indices = random(5, 3), np.array([[1, 4], [1, 0]])
    layer = Embedding(W)
    close(layer.forward(indices), W[indices])
    dout = random(2, 2, 3, seed=1)
    assert layer.backward(dout) is None
    expected = np.zeros_like(W)
    np.add.at(expected, indices, dout)
    close(layer.grads[0], expected)


# against layers by hand ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "ours, theirs",
    [(Sigmoid, NumPySigmoid), (Relu, NumPyRelu), (Tanh, NumPyTanh), (Softmax, NumPySoftmax)],
    ids=lambda each: each.__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations(ours, theirs, dtype):
    x, dout = random(4, 5).astype(dtype), random(4, 5, seed=1).astype(dtype)
    layer, reference = ours(), theirs()
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    y = layer.forward(x)
    assert y.dtype == dtype
    close(y, reference.forward(x), tolerance)
    close(layer.backward(dout), reference.backward(dout), tolerance)


@pytest.mark.parametrize("shape", [(7, 6), (7, 3, 2), (7, 1, 2, 3)])
def test_affine_flattens_its_input_and_gives_the_gradient_back_in_its_shape(shape):
    W, b = random(6, 4, seed=1), random(4, seed=2)
    layer, reference = Affine(W, b), NumPyAffine(W, b)
    x, dout = random(*shape), random(7, 4, seed=3)
    close(layer.forward(x), reference.forward(x))
    close(layer.backward(dout), reference.backward(dout))
    for ours, theirs in zip(layer.grads, reference.grads, strict=True):
        close(ours, theirs)


def test_affine_refuses_samples_of_another_size():
    with pytest.raises(ShapeError, match="3 rows") as raised:
        Affine(random(3, 2), np.zeros(2)).forward(random(4, 5, 3))
    assert "15 entries" in str(raised.value)
    assert "TimeAffine" in str(raised.value)


@pytest.mark.parametrize("one_hot", [False, True, "float"])
def test_softmax_with_loss_gives_the_gradient_of_the_scores_alone(one_hot):
    x, t = random(6, 4), np.array([0, 1, 2, 3, 0, 1])
    given = np.eye(4, dtype=np.float64 if one_hot == "float" else np.int64)[t] if one_hot else t
    layer, reference = SoftmaxWithLoss(), NumPySoftmaxWithLoss()
    close(layer.forward(x, given), reference.forward(x, t))
    close(layer.backward(), reference.backward())
    close(layer.backward(0.5), reference.backward(0.5))


def test_sigmoid_with_loss():
    x, t = random(6), np.array([0, 1, 1, 0, 1, 0])
    layer, reference = SigmoidWithLoss(), NumPySigmoidWithLoss()
    close(layer.forward(x, t), reference.forward(x, t))
    close(layer.backward(), reference.backward())


def test_batch_normalization_and_its_running_statistics():
    gamma, beta = random(4, seed=1), random(4, seed=2)
    layer = BatchNormalization(gamma, beta, momentum=0.8)
    reference = NumPyBatchNormalization(gamma, beta, 0.8, layer.epsilon)
    for seed in (3, 4):
        x, dout = random(8, 4, seed=seed), random(8, 4, seed=seed + 10)
        close(layer.forward(x), reference.forward(x))
        close(layer.backward(dout), reference.backward(dout), 1e-10)
        close(layer.grads[0], reference.dgamma, 1e-10)
        close(layer.grads[1], reference.dbeta, 1e-10)
        close(layer.running_mean.data, reference.mean)
        close(layer.running_var.data, reference.var)
    y = layer.forward(x, train_flg=False)
    close(y, gamma * (x - reference.mean) / np.sqrt(reference.var + layer.epsilon) + beta)
    close(layer.backward(dout), dout * gamma / np.sqrt(reference.var + layer.epsilon))


def test_dropout_multiplies_the_gradient_by_the_mask_of_its_forward():
    layer = Dropout(0.4, seed=3)
    x = np.ones((50, 40))
    y = layer.forward(x)
    assert set(np.unique(y)) == {0.0, 1 / 0.6}
    assert 0.35 < (y == 0).mean() < 0.45
    close(layer.backward(x), y)
    assert not np.array_equal(layer.forward(x), y)
    close(layer.forward(x, train_flg=False), x)


# a network as the books write it ------------------------------------------------------------------------------------
def network(affine, sigmoid, softmax_with_loss, dtype=np.float64):
    weights = [random(2, 5, seed=1), np.zeros(5), random(5, 3, seed=2), np.zeros(3)]
    weights = [each.astype(dtype) for each in weights]
    layers = [affine(*weights[:2]), sigmoid(), affine(*weights[2:])]
    return layers, softmax_with_loss()


def train(layers, last, x, t, steps=20, rate=0.5):
    params = [each for layer in layers for each in getattr(layer, "params", [])]
    grads = [each for layer in layers for each in getattr(layer, "grads", [])]
    losses = []
    for _ in range(steps):
        y = x
        for layer in layers:
            y = layer.forward(y)
        losses.append(float(last.forward(y, t)))
        dout = last.backward(1)
        for layer in reversed(layers):
            dout = layer.backward(dout)
        for param, grad in zip(params, grads, strict=True):
            param -= rate * grad
    return losses


def test_a_two_layer_network_trains_as_the_one_in_numpy():
    x, t = random(30, 2, seed=5), np.arange(30) % 3
    ours = train(*network(Affine, Sigmoid, SoftmaxWithLoss), x, t)
    theirs = train(*network(NumPyAffine, NumPySigmoid, NumPySoftmaxWithLoss), x, t)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert ours[-1] < ours[0]


def test_a_sequential_speaks_the_protocol_too():
    x, t = random(30, 2, seed=5), np.arange(30) % 3
    layers, last = network(Affine, Sigmoid, SoftmaxWithLoss)
    ours = train([Sequential(*layers)], last, x, t)
    theirs = train(*network(NumPyAffine, NumPySigmoid, NumPySoftmaxWithLoss), x, t)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
