"""The functions of the third book: each is here, computes what the book's does, and sends its gradients back."""

import operator

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import ShapeError
from localgrad.layers import BatchNormalization, Dropout

RNG = np.random.default_rng(0)
X = RNG.uniform(0.3, 2.0, (3, 4))
W = RNG.normal(size=(4, 2))
B = RNG.normal(size=2)
IMAGES = RNG.normal(size=(2, 3, 5, 5))
FILTERS = RNG.normal(size=(4, 3, 2, 2))
LABELS = np.array([0, 3, 1])

FUNCTIONS = {
    "add": (lambda x: x + 2.0, lambda x: x + 2),
    "reflected add": (lambda x: 2.0 + x, lambda x: x + 2),
    "mul": (lambda x: x * x, lambda x: x * x),
    "neg": (operator.neg, operator.neg),
    "sub": (lambda x: x - 2.0, lambda x: x - 2),
    "reflected sub": (lambda x: 2.0 - x, lambda x: 2 - x),
    "div": (lambda x: x / 2.0, lambda x: x / 2),
    "reflected div": (lambda x: 2.0 / x, lambda x: 2 / x),
    "pow": (lambda x: x**3, lambda x: x**3),
    "sin": (lg.sin, np.sin),
    "cos": (lg.cos, np.cos),
    "tanh": (lg.tanh, np.tanh),
    "exp": (lg.exp, np.exp),
    "log": (lg.log, np.log),
    "reshape": (lambda x: lg.reshape(x, (2, 6)), lambda x: x.reshape(2, 6)),
    "transpose": (lg.transpose, np.transpose),
    "get_item": (lambda x: x[[0, 2, 2]], lambda x: x[[0, 2, 2]]),
    "sum": (lambda x: lg.sum(x, axis=0, keepdims=True), lambda x: x.sum(0, keepdims=True)),
    "sum_to": (lambda x: lg.sum_to(x, (1, 4)), lambda x: x.sum(0, keepdims=True)),
    "broadcast_to": (lambda x: lg.broadcast_to(x, (2, 3, 4)), lambda x: np.broadcast_to(x, (2, 3, 4))),
    "matmul": (lambda x: lg.matmul(x, W), lambda x: x @ W),
    "linear": (lambda x: lg.linear(x, W, B), lambda x: x @ W + B),
    "linear without b": (lambda x: lg.linear(x, W), lambda x: x @ W),
    "sigmoid": (lg.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "relu": (lambda x: lg.relu(x - 1.01), lambda x: np.maximum(x - 1.01, 0)),
    "leaky_relu": (lambda x: lg.leaky_relu(x - 1.01, 0.2), lambda x: np.where(x > 1.01, 1, 0.2) * (x - 1.01)),
    "softmax": (lambda x: lg.softmax(x, axis=1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    "log_softmax": (lambda x: lg.log_softmax(x, axis=1), lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))),
    "max": (lambda x: lg.max(x, axis=1), lambda x: x.max(1)),
    "min": (lambda x: lg.min(x, axis=1, keepdims=True), lambda x: x.min(1, keepdims=True)),
    "clip": (lambda x: lg.clip(x, 0.5, 1.5), lambda x: np.clip(x, 0.5, 1.5)),
    "embed_id": (lambda x: lg.embedding(np.array([[0, 2], [2, 2]]), x), lambda x: x[np.array([[0, 2], [2, 2]])]),
    "dropout": (lambda x: lg.dropout(x, 0.5, training=False), lambda x: x),
    "mean_squared_error": (lambda x: lg.mean_squared_error(x, np.ones((3, 4))), lambda x: ((x - 1) ** 2).mean()),
    "softmax_cross_entropy": (
        lambda x: lg.softmax_cross_entropy(x, LABELS),
        lambda x: np.mean(np.log(np.exp(x).sum(1)) - x[range(3), LABELS]),
    ),
    "sigmoid_cross_entropy": (
        lambda x: lg.sigmoid_cross_entropy(x, np.ones((3, 4))),
        lambda x: np.log1p(np.exp(-x)).mean(),
    ),
    "binary_cross_entropy": (
        lambda x: lg.binary_cross_entropy(x / 3, np.ones((3, 4))),
        lambda x: -np.log(x / 3).mean(),
    ),
    "batch_norm": (
        lambda x: lg.batch_normalization(x, np.ones(4), np.zeros(4), training=True)[0],
        lambda x: (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_the_book_is_here(name):
    ours, theirs = FUNCTIONS[name]
    y = ours(lg.tensor(X, requires_grad=True))
    np.testing.assert_allclose(y.data, theirs(X), rtol=1e-10)
    lg.check_gradients(ours, X, order=2)


def test_images():
    y = lg.conv2d(IMAGES, FILTERS)
    wanted = sum(
        np.einsum("nchw,oc->nohw", IMAGES[:, :, i : i + 4, j : j + 4], FILTERS[:, :, i, j])
        for i in (0, 1)
        for j in (0, 1)
    )
    np.testing.assert_allclose(y.data, wanted)
    # the transpose of a convolution is its gradient
    grad = RNG.normal(size=y.shape)
    x = lg.tensor(IMAGES, requires_grad=True)
    lg.conv2d(x, FILTERS).backward(grad)
    np.testing.assert_allclose(lg.deconv2d(grad, FILTERS).data, x.grad)
    np.testing.assert_allclose(lg.conv_transpose2d(grad, FILTERS).data, x.grad)
    windows = np.stack([IMAGES[:, :, i : i + 4 : 2, j : j + 4 : 2] for i in (0, 1) for j in (0, 1)])
    np.testing.assert_allclose(lg.pooling(IMAGES, 2, 2).data, windows.max(0))
    np.testing.assert_allclose(lg.average_pooling(IMAGES, 2, 2).data, windows.mean(0))
    columns = lg.im2col(IMAGES, 2)
    once = lg.col2im(lg.ones_like(columns), IMAGES.shape, 2)
    np.testing.assert_allclose(lg.col2im(columns, IMAGES.shape, 2).data, IMAGES * once.data)


def test_accuracy_and_embedding():
    assert lg.accuracy(np.eye(4)[[0, 3, 2]], LABELS).item() == pytest.approx(2 / 3)
    table = lg.tensor(X, requires_grad=True)
    lg.embedding([2, 0, 2], table).sum().backward()
    assert table.grad.tolist() == [[1] * 4, [0] * 4, [2] * 4]
    with pytest.raises(lg.IndexRangeError, match="index 3"):
        lg.embedding([3], X)
    with pytest.raises(ShapeError, match="inner sizes differ"):
        lg.linear(X, W.T)


def test_test_mode_evaluates_what_is_in_training_and_keeps_its_mode():
    model = lg.Sequential(Dropout(0.5), BatchNormalization.create(3))
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    before = {name: array.copy() for name, array in model.values().items()}
    with lg.test_mode():
        y = model(lg.tensor(x))
        assert lg.dropout(x).data.tolist() == x.tolist()
    np.testing.assert_allclose(y.data, x, rtol=1e-4)
    assert all(np.array_equal(before[name], array) for name, array in model.values().items())
    assert model.training
    assert not np.allclose(model(lg.tensor(x)).data, x, rtol=1e-4)


def test_no_grad_and_unchain_end_the_history():
    x = lg.tensor(X, requires_grad=True)
    with lg.no_grad():
        assert (x * 2).node is None
    h = x * 2
    y = (h * 3).sum()
    h.unchain()
    y.backward()
    assert x.grad is None and h.node is None
