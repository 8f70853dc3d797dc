"""The books' protocol on plain arrays, against layers written by hand in NumPy the way the books teach them."""

import gc
import weakref

import numpy as np
import pytest

from localgrad.graph.context import no_grad
from localgrad.graph.errors import GradientError, LocalgradError, ShapeError
from localgrad.graph.tensor import parameter, tensor
from localgrad.layers import (
    Add,
    Affine,
    BatchNormalization,
    Branch,
    Dropout,
    Embedding,
    Flatten,
    Layer,
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


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


class NumPyAffine:
    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        return self.x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return (dout @ self.params[0].T).reshape(self.shape)


class NumPySigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dout):
        return dout * self.y * (1 - self.y)


class NumPyRelu:
    def forward(self, x):
        self.off = x <= 0
        return np.where(self.off, 0, x)

    def backward(self, dout):
        return np.where(self.off, 0, dout)


class NumPyTanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


class NumPySoftmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.y = e / e.sum(axis=-1, keepdims=True)
        return self.y

    def backward(self, dout):
        dx = self.y * dout
        return dx - self.y * dx.sum(axis=-1, keepdims=True)


class NumPySoftmaxWithLoss:
    def forward(self, x, t):
        self.y = NumPySoftmax().forward(x)
        self.t = t if t.ndim == x.ndim else np.eye(x.shape[-1])[t]
        return -(self.t * np.log(self.y)).sum() / len(x)

    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.t)


class NumPySigmoidWithLoss:
    def forward(self, x, t):
        self.y, self.t = 1 / (1 + np.exp(-x)), t
        return -(t * np.log(self.y) + (1 - t) * np.log(1 - self.y)).mean()

    def backward(self, dout=1):
        return dout * (self.y - self.t) / self.t.size


class NumPyBatchNormalization:
    def __init__(self, gamma, beta, momentum, epsilon):
        self.gamma, self.beta, self.momentum, self.epsilon = gamma, beta, momentum, epsilon
        self.mean, self.var = np.zeros_like(gamma), np.ones_like(gamma)

    def forward(self, x):
        mu = x.mean(axis=0)
        self.centered = x - mu
        var = (self.centered**2).mean(axis=0)
        self.std = np.sqrt(var + self.epsilon)
        self.standard = self.centered / self.std
        self.mean = self.momentum * self.mean + (1 - self.momentum) * mu
        self.var = self.momentum * self.var + (1 - self.momentum) * var
        return self.gamma * self.standard + self.beta

    def backward(self, dout):
        self.dbeta, self.dgamma = dout.sum(axis=0), (self.standard * dout).sum(axis=0)
        dxn = self.gamma * dout
        return (dxn - dxn.mean(axis=0) - self.standard * (dxn * self.standard).mean(axis=0)) / self.std


def close(a, b, rtol=1e-12):
    assert a.shape == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


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
