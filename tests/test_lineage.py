"""The names of the teaching lineage, all of them: that they exist, and that forward and backward are what the books say.

Every layer is used as in the books, on plain arrays, and its `backward` and `grads` are compared with central
differences; then the same layer is used inside a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad import layers
from localgrad.graph.tensor import Leaf
from localgrad.layers import Layer

N, T, D, H, V = 3, 4, 5, 2, 7


def rand(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape)


def numbers(*shape: int, high: int = V, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)


def yes(*shape: int) -> np.ndarray:
    return numbers(*shape, high=2)


def recurrent(name: str, gates: int, **options: Any) -> Callable[[], Layer]:
    return lambda: getattr(layers, name)(rand(D, gates * H), rand(H, gates * H), rand(gates * H), **options)


def both_ways() -> Layer:
    one, other = ([rand(D, 4 * H, seed=s), rand(H, 4 * H, seed=s), rand(4 * H, seed=s)] for s in range(2))
    return layers.TimeBiLSTM(*one, *other, stateful=True)


CORPUS = numbers(60)
IMAGES = rand(2, 2, 5, 5)

# what each layer is made from, as the books write it, and the arrays its forward is given
LAYERS: dict[str, tuple[Callable[[], Layer], list[np.ndarray]]] = {
    # nodes
    "Add": (lambda: layers.Add(), [rand(N, D), rand(N, D, seed=1)]),
    "Mul": (lambda: layers.Mul(), [rand(N, D), rand(N, D, seed=1)]),
    "Branch": (lambda: layers.Branch(3), [rand(N, D)]),
    "Repeat": (lambda: layers.Repeat(4, axis=0), [rand(1, D)]),
    "Sum": (lambda: layers.Sum(axis=0), [rand(N, D)]),
    # volumes 1 and 2
    "MatMul": (lambda: layers.MatMul(rand(D, H)), [rand(N, D)]),
    "Affine": (lambda: layers.Affine(rand(6, H), rand(H)), [rand(N, 3, 2)]),
    "Sigmoid": (lambda: layers.Sigmoid(), [rand(N, D)]),
    "Relu": (lambda: layers.Relu(), [rand(N, D)]),
    "Tanh": (lambda: layers.Tanh(), [rand(N, D)]),
    "Softmax": (lambda: layers.Softmax(), [rand(N, D)]),
    "SoftmaxWithLoss": (lambda: layers.SoftmaxWithLoss(), [rand(N, D), numbers(N, high=D)]),
    "SigmoidWithLoss": (lambda: layers.SigmoidWithLoss(), [rand(N), yes(N)]),
    "Dropout": (lambda: layers.Dropout(0.5, seed=0), [rand(N, D)]),
    "Embedding": (lambda: layers.Embedding(rand(V, H)), [numbers(N)]),
    "BatchNormalization": (lambda: layers.BatchNormalization(rand(D), rand(D, seed=1), momentum=0.9), [rand(N, D)]),
    "Convolution": (lambda: layers.Convolution(rand(3, 2, 3, 3), rand(3), stride=2, pad=1), [IMAGES]),
    "Pooling": (lambda: layers.Pooling(pool_h=2, pool_w=2, stride=2, pad=0), [IMAGES]),
    "AveragePooling": (lambda: layers.AveragePooling(2, stride=2), [IMAGES]),
    # time
    "RNN": (recurrent("RNN", 1), [rand(N, D), rand(N, H)]),
    "LSTM": (recurrent("LSTM", 4), [rand(N, D), rand(N, H), rand(N, H, seed=1)]),
    "GRU": (recurrent("GRU", 3), [rand(N, D), rand(N, H)]),
    "TimeRNN": (recurrent("TimeRNN", 1, stateful=True), [rand(N, T, D)]),
    "TimeLSTM": (recurrent("TimeLSTM", 4, stateful=True), [rand(N, T, D)]),
    "TimeGRU": (recurrent("TimeGRU", 3, stateful=True), [rand(N, T, D)]),
    "TimeBiLSTM": (both_ways, [rand(N, T, D)]),
    "TimeEmbedding": (lambda: layers.TimeEmbedding(rand(V, H)), [numbers(N, T)]),
    "TimeAffine": (lambda: layers.TimeAffine(rand(D, H), rand(H)), [rand(N, T, D)]),
    "TimeSoftmaxWithLoss": (lambda: layers.TimeSoftmaxWithLoss(), [rand(N, T, D), numbers(N, T, high=D + 1) - 1]),
    "TimeSigmoidWithLoss": (lambda: layers.TimeSigmoidWithLoss(), [rand(N, T), yes(N, T)]),
    "TimeDropout": (lambda: layers.TimeDropout(dropout_ratio=0.5, seed=0), [rand(N, T, D)]),
    # word2vec and attention
    "EmbeddingDot": (lambda: layers.EmbeddingDot(rand(V, H)), [rand(N, H), numbers(N)]),
    "UnigramSampler": (lambda: layers.UnigramSampler(CORPUS, 0.75, 3, seed=0), [numbers(N)]),
    "NegativeSamplingLoss": (
        lambda: layers.NegativeSamplingLoss(rand(V, H), CORPUS, power=0.75, sample_size=3, seed=0),
        [rand(N, H), numbers(N)],
    ),
    "WeightSum": (lambda: layers.WeightSum(), [rand(N, T, H), rand(N, T)]),
    "AttentionWeight": (lambda: layers.AttentionWeight(), [rand(N, T, H), rand(N, H)]),
    "Attention": (lambda: layers.Attention(), [rand(N, T, H), rand(N, H)]),
    "TimeAttention": (lambda: layers.TimeAttention(), [rand(N, T, H), rand(N, 6, H)]),
}
WITH_GRADIENTS = sorted(LAYERS.keys() - {"UnigramSampler"})


def several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


class Trial:
    """A layer with the states it had at first, so that each forward starts from the same ones and draws the same."""

    def __init__(self, name: str) -> None:
        make, inputs = LAYERS[name]
        self.layer, self.inputs = make(), inputs
        self.layer.forward(*inputs)  # makes the states of stateful layers
        self.states = [(state, np.array(state.data)) for state in self.layer.state().values()]

    def started(self) -> Layer:
        for state, value in self.states:
            state.write(value)
        return self.layer

    def forward(self) -> tuple[np.ndarray, ...]:
        return several(self.started().forward(*self.inputs))


def difference(trial: Trial, x: np.ndarray, douts: list[np.ndarray], step: float = 1e-4) -> np.ndarray:
    """The derivative of the outputs, weighted by `douts`, by each entry of an array that is changed in place."""

    def value() -> float:
        return sum(float(np.sum(y * dout)) for y, dout in zip(trial.forward(), douts, strict=True))

    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        old = x[place]
        ends = []
        for sign in (1, -1):
            x[place] = old + sign * step
            ends.append(value())
        x[place] = old
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_backward_of_a_layer_is_the_difference(name: str) -> None:
    trial = Trial(name)
    layer = trial.layer
    trial.inputs = [np.array(x) for x in trial.inputs]
    before = list(layer.grads)
    outputs = trial.forward()
    assert all(isinstance(y, np.ndarray) for y in outputs)
    douts = [np.asarray(rand(*y.shape, seed=7)) for y in outputs]
    if not outputs[0].ndim:
        douts = [np.array(1.0)]
        given = several(layer.backward())  # a loss starts from 1 by itself
    else:
        given = several(layer.backward(*douts))
    assert [p.shape for p in layer.params] == [g.shape for g in layer.grads]
    assert all(old is new for old, new in zip(before, layer.grads, strict=True)), "grads are written in place"
    grads = [np.array(g) for g in layer.grads]
    for x, g in zip(trial.inputs, given):
        if x.dtype.kind == "f":
            np.testing.assert_allclose(g, difference(trial, x, douts), rtol=1e-6, atol=1e-7)
        else:
            assert g is None
    for parameter, grad in zip(layer.params, grads, strict=True):
        np.testing.assert_allclose(grad, difference(trial, parameter, douts), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_a_layer_in_a_graph_is_the_layer_on_arrays(name: str) -> None:
    trial = Trial(name)
    arrays = trial.forward()
    if arrays[0].ndim:
        trial.layer.backward(*[np.ones_like(y) for y in arrays])
    else:
        trial.layer.backward()
    wanted = [np.array(g) for g in trial.layer.grads]
    xs = [lg.tensor(x, requires_grad=x.dtype.kind == "f") for x in trial.inputs]
    outputs = several(trial.started()(*xs))
    for y, array in zip(outputs, arrays, strict=True):
        np.testing.assert_allclose(y.data, array, rtol=1e-12)
    lg.backward([y.sum() for y in outputs])
    for parameter, grad in zip(trial.layer.parameters().values(), wanted, strict=True):
        assert isinstance(parameter, Leaf)
        np.testing.assert_allclose(parameter.grad, grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("Repeat",)])
def test_a_layer_can_be_captured(name: str) -> None:
    trial = Trial(name)
    wanted = trial.forward()
    graph = lg.capture(trial.layer, *[lg.spec(*x.shape, dtype=x.dtype) for x in trial.inputs])
    trial.started()
    found = list(graph.run(trial.inputs).values())
    for y, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(y, other, rtol=1e-12)


@pytest.mark.parametrize("name", ["TimeRNN", "TimeLSTM", "TimeGRU"])
def test_time_layers_keep_their_state_and_lose_it(name: str) -> None:
    trial = Trial(name)
    layer = trial.started()
    layer.reset_state()
    (xs,) = trial.inputs
    whole = layer.forward(np.concatenate([xs, xs[:, ::-1]], axis=1))
    layer.reset_state()
    parts = [layer.forward(xs), layer.forward(xs[:, ::-1])]  # truncated: the second starts where the first ended
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)
    layer.set_state(*[rand(N, H, seed=3)] * (2 if name == "TimeLSTM" else 1))
    assert not np.allclose(layer.forward(xs), parts[0])
    layer.backward(np.ones_like(parts[0]))
    assert layer.dh.shape == (N, H)


def test_both_directions_start_from_a_state_set() -> None:
    layer = both_ways()
    (xs,) = LAYERS["TimeBiLSTM"][1]
    h, c = rand(N, 2 * H, seed=4), rand(N, 2 * H, seed=5)
    layer.set_state(h, c)
    ends = {"forward": (layer.forward_lstm, slice(None, H)), "backward": (layer.backward_lstm, slice(H, None))}
    found = layer.forward(xs)
    for direction, (lstm, half) in ends.items():
        lstm.set_state(h[:, half], c[:, half])
        turned = xs if direction == "forward" else xs[:, ::-1].copy()
        hs = lstm.forward(turned)
        np.testing.assert_allclose(found[..., half], hs if direction == "forward" else hs[:, ::-1], rtol=1e-12)
    layer.reset_state()
    assert not np.allclose(layer.forward(xs), found)
    with pytest.raises(lg.ShapeError, match=f"give \\(N, {2 * H}\\)"):
        layer.set_state(h[:, :H])


DUALS = {
    "Branch": ("Add", lambda x: sum(lg.branch(x, 2)), (3,)),
    "Repeat": ("SumTo", lambda x: lg.broadcast_to(x, (4, 3)), (1, 3)),
    "Sum": ("Repeat", lambda x: lg.sum(x, axis=0), (4, 3)),
    "Transpose": ("Transpose", lambda x: lg.transpose(x), (4, 3)),
    "Slice": ("Unslice", lambda x: x[1:], (4,)),
    "Pad": ("Pad", lambda x: lg.pad(x, 1), (4,)),
    "Gather": ("ScatterAdd", lambda x: lg.take(x, np.array([1, 1])), (4,)),
}


@pytest.mark.parametrize("name", DUALS)
def test_the_gradient_of_a_node_is_its_dual(name: str) -> None:
    dual, f, shape = DUALS[name]
    graph = lg.capture(f, lg.spec(*shape, dtype=np.float64))
    assert name in [node.kind.name for node in graph.explicit().nodes]
    made = [node.kind.name for node in graph.gradient().explicit().nodes if node.of is not None]
    assert dual in made
    lg.check_gradients(f, rand(*shape))


def test_the_sampler_never_draws_the_target() -> None:
    target = numbers(500)
    drawn = layers.UnigramSampler(CORPUS, 0.75, 3, seed=0).get_negative_sample(target)
    assert drawn.shape == (500, 3)
    assert not (drawn == target[:, None]).any()
    assert all(len(set(row)) == 3 for row in drawn.tolist())


def test_attention_keeps_its_weights_for_the_picture() -> None:
    layer = layers.TimeAttention()
    states, queries = LAYERS["TimeAttention"][1]
    layer.forward(states, queries)
    picture = np.array(layer.attention_weights)
    assert picture.shape == (6, N, T)
    for step in range(6):
        one = layers.Attention()
        np.testing.assert_allclose(one.forward(states, queries[:, step]), layer.forward(states, queries)[:, step])
        np.testing.assert_allclose(one.attention_weight, picture[step], rtol=1e-12)


# functions of volume 3 ------------------------------------------------------------------------------------------------
X, Y = rand(N, D), rand(N, D, seed=1)
IMAGE = rand(2, 2, 5, 5)
ROWS = numbers(N, high=D)

# the name in the third volume; ours; the arrays it is given; what NumPy gives (None where another test compares)
FUNCTIONS: dict[str, tuple[Callable[..., Any], list[np.ndarray], Callable[..., Any] | None]] = {
    "add": (lambda a, b: a + b, [X, Y], np.add),
    "radd": (lambda a: 2.0 + a, [X], lambda a: 2 + a),
    "sub": (lambda a, b: a - b, [X, Y], np.subtract),
    "rsub": (lambda a: 2.0 - a, [X], lambda a: 2 - a),
    "mul": (lambda a, b: a * b, [X, Y], np.multiply),
    "rmul": (lambda a: 2.0 * a, [X], lambda a: 2 * a),
    "div": (lambda a, b: a / b, [X, Y], np.divide),
    "rdiv": (lambda a: 2.0 / a, [X], lambda a: 2 / a),
    "neg": (lambda a: -a, [X], np.negative),
    "pow": (lambda a: a**3, [X], lambda a: a**3),
    "sin": (lg.sin, [X], np.sin),
    "cos": (lg.cos, [X], np.cos),
    "tanh": (lg.tanh, [X], np.tanh),
    "exp": (lg.exp, [X], np.exp),
    "log": (lg.log, [np.abs(X) + 0.1], np.log),
    "reshape": (lambda a: lg.reshape(a, (D, N)), [X], lambda a: a.reshape(D, N)),
    "transpose": (lg.transpose, [X], np.transpose),
    "getitem": (lambda a: a[1:, ::2], [X], lambda a: a[1:, ::2]),
    "sum": (lambda a: lg.sum(a, axis=0, keepdims=True), [X], lambda a: np.sum(a, axis=0, keepdims=True)),
    "sum_to": (lambda a: lg.sum_to(a, (1, D)), [X], lambda a: np.sum(a, axis=0, keepdims=True)),
    "broadcast_to": (lambda a: lg.broadcast_to(a, (4, N, D)), [X], lambda a: np.broadcast_to(a, (4, N, D))),
    "matmul": (lg.matmul, [X, Y.T.copy()], np.matmul),
    "linear": (lg.linear, [X, rand(D, H), rand(H)], lambda x, W, b: x @ W + b),
    "sigmoid": (lg.sigmoid, [X], lambda a: 1 / (1 + np.exp(-a))),
    "relu": (lg.relu, [X], lambda a: np.maximum(a, 0)),
    "leaky_relu": (lambda a: lg.leaky_relu(a, 0.2), [X], lambda a: np.where(a > 0, a, 0.2 * a)),
    "softmax": (lg.softmax, [X], lambda a: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)),
    "log_softmax": (lg.log_softmax, [X], lambda a: a - np.log(np.exp(a).sum(axis=1, keepdims=True))),
    "max": (lambda a: lg.max(a, axis=1), [X], lambda a: a.max(axis=1)),
    "min": (lambda a: lg.min(a, axis=1), [X], lambda a: a.min(axis=1)),
    "clip": (lambda a: lg.clip(a, -0.5, 0.5), [X], lambda a: np.clip(a, -0.5, 0.5)),
    "batch_norm": (
        lambda x, g, b: lg.batch_normalization(x, g, b, np.zeros(D), np.ones(D), True)[0],
        [X, rand(D), rand(D, seed=1)],
        lambda x, g, b: g * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + b,
    ),
    "conv2d": (lambda x, W, b: lg.conv2d(x, W, b, 1, 1), [IMAGE, rand(3, 2, 3, 3), rand(3)], None),
    "deconv2d": (lambda x, W, b: lg.deconv2d(x, W, b, 2, 1), [IMAGE, rand(2, 3, 3, 3), rand(3)], None),
    "pooling": (lambda x: lg.pooling(x, 2, 2), [IMAGE], None),
    "average_pooling": (lambda x: lg.average_pooling(x, 2, 2), [IMAGE], None),
    "im2col": (lambda x: lg.im2col(x, 3, 1, 1), [IMAGE], None),
    "col2im": (lambda x: lg.col2im(lg.im2col(x, 3), (2, 2, 5, 5), 3), [IMAGE], None),
    "embed_id": (lambda W: lg.embedding(numbers(N), W), [rand(V, H)], lambda W: W[numbers(N)]),
    "dropout": (lambda a: _seeded_dropout(a), [X], None),
    "mean_squared_error": (lg.mean_squared_error, [X, Y], lambda a, b: np.mean((a - b) ** 2)),
    "softmax_cross_entropy": (
        lambda a: lg.softmax_cross_entropy(a, ROWS),
        [X],
        lambda a: np.mean(np.log(np.exp(a).sum(axis=1)) - a[np.arange(N), ROWS]),
    ),
    "sigmoid_cross_entropy": (
        lambda a: lg.sigmoid_cross_entropy(a, yes(N, D)),
        [X],
        lambda a: np.mean(np.logaddexp(0, np.where(yes(N, D) == 1, -a, a))),
    ),
    "binary_cross_entropy": (
        lambda a: lg.binary_cross_entropy(lg.sigmoid(a), yes(N, D)),
        [X],
        lambda a: np.mean(np.logaddexp(0, np.where(yes(N, D) == 1, -a, a))),
    ),
}


def _seeded_dropout(a: Any) -> Any:
    lg.seed(0)
    return lg.dropout(a, 0.5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_volume_3_has_its_value_and_its_gradient(name: str) -> None:
    function, arrays, reference = FUNCTIONS[name]
    if reference is not None:
        value = function(*[lg.tensor(x) for x in arrays])
        np.testing.assert_allclose(value.data, reference(*arrays), rtol=1e-10)
    lg.check_gradients(function, *arrays)


def test_accuracy_counts() -> None:
    assert lg.accuracy(np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), [1, 0, 0]).item() == pytest.approx(2 / 3)


def test_no_grad_test_mode_and_unchain() -> None:
    x = lg.tensor([1.0, 2.0], requires_grad=True)
    with lg.no_grad():
        assert not (x * x).requires_grad
    with lg.test_mode():
        np.testing.assert_array_equal(lg.dropout(x, 0.5).data, x.data)
    h = x * x
    h.unchain()
    assert h.node is None
    (h * x).sum().backward()
    np.testing.assert_array_equal(x.grad, h.data)  # what came before h is forgotten


# optimizers and hooks ---------------------------------------------------------------------------------------------------
OPTIMIZERS = {
    "SGD": lg.SGD(0.1),
    "Momentum": lg.Momentum(0.05),
    "Nesterov": lg.Nesterov(0.05),
    "AdaGrad": lg.AdaGrad(0.5),
    "RMSprop": lg.RMSprop(0.05),
    "AdaDelta": lg.AdaDelta(1.0, eps=1e-2),
    "Adam": lg.Adam(0.1),
    "AdamW": lg.AdamW(0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_goes_down_the_books_way(name: str) -> None:
    params, grads = [np.array([2.0, -3.0]), np.array([[1.5]])], [np.zeros(2), np.zeros((1, 1))]
    optimizer = OPTIMIZERS[name]
    kept = list(params)
    for _ in range(200):
        for parameter, grad in zip(params, grads):
            grad[...] = 2 * parameter
        optimizer.update(params, grads)
    assert all(old is new for old, new in zip(kept, params)), "parameters are changed in place"
    assert sum(float((p**2).sum()) for p in params) < 0.1 * (4 + 9 + 2.25)


def test_weight_decay_and_gradient_clipping() -> None:
    params = [np.array([2.0])]
    lg.SGD(0.1, weight_decay=0.5).update(params, [np.array([0.0])])
    np.testing.assert_allclose(params[0], 2.0 - 0.1 * 0.5 * 2.0)
    params = [np.array([0.0]), np.array([0.0])]
    lg.SGD(1.0, clip_norm=1.0).update(params, [np.array([3.0]), np.array([4.0])])
    np.testing.assert_allclose(np.ravel(params), [-0.6, -0.8], rtol=1e-5)


def test_a_frozen_parameter_stays() -> None:
    model = lg.Sequential(layers.Affine(rand(D, H), rand(H)), layers.Affine(rand(H, 1), rand(1)))
    first = model.parameters()["0/W"]
    assert model.freeze("0/W") == ["0/W"]
    before = first.numpy()
    optimizer = lg.SGD(0.1)
    lg.mean_squared_error(model(lg.tensor(rand(N, D))), np.zeros((N, 1))).backward()
    optimizer.step(model)
    np.testing.assert_array_equal(first.data, before)
    assert model.parameters()["1/W"].grad is not None
