"""The books' time layers around recurrent ones, and a language model made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers.sequences import TimeLSTM
from localgrad.layers.time import TimeAffine, TimeDropout, TimeEmbedding, TimeSigmoidWithLoss, TimeSoftmaxWithLoss
from tests.recurrent_by_hand import D, H, N, T, V, random, same, sigmoid


def test_time_embedding_and_time_affine() -> None:
    W, b = random(V, D), random(V, seed=1)
    ids = np.array([[0, 1, 1], [5, 0, 2]])
    embedding = TimeEmbedding(W)
    same(embedding.forward(ids), W[ids])
    dout = random(2, 3, D, seed=2)
    assert embedding.backward(dout) is None
    wanted = np.zeros_like(W)
    np.add.at(wanted, ids, dout)
    same(embedding.grads[0], wanted)
    tied = TimeAffine(W.T, b)
    x, dout = random(2, 3, D, seed=3), random(2, 3, V, seed=4)
    same(tied.forward(x), x @ W.T + b)
    same(tied.backward(dout), dout @ W)
    same(tied.grads, [dout.reshape(-1, V).T @ x.reshape(-1, D), dout.sum((0, 1))])
    with pytest.raises(lg.ShapeError, match="2 inputs"):
        tied.forward(random(2, 3, V))


def test_time_softmax_with_loss_ignores_padding() -> None:
    xs = random(N, T, V)
    ts = np.random.default_rng(0).integers(0, V, (N, T))
    ts[0, 2:] = -1
    layer = TimeSoftmaxWithLoss()
    p = np.exp(xs) / np.exp(xs).sum(-1, keepdims=True)
    mask = ts != -1
    rows = -np.log(p[np.arange(N)[:, None], np.arange(T), ts])
    assert layer.forward(xs, ts) == pytest.approx(rows[mask].mean())
    wanted = (p - np.eye(V)[ts]) * mask[..., None] / mask.sum()
    same(layer.backward(), wanted)
    same(layer.backward(2), 2 * wanted)
    full = np.abs(ts)
    assert layer.forward(xs, np.eye(V)[full]) == pytest.approx(float(layer.forward(xs, full)))
    assert layer.forward(xs, np.full((N, T), -1)) == 0
    with pytest.raises(lg.DataError):
        layer.forward(xs, full + V)


def test_time_sigmoid_with_loss() -> None:
    xs = random(N, T)
    ts = (random(N, T, seed=1) > 0).astype(int)
    layer = TimeSigmoidWithLoss()
    p = sigmoid(xs)
    assert layer.forward(xs, ts) == pytest.approx(-np.log(np.where(ts == 1, p, 1 - p)).mean())
    same(layer.backward(), (p - ts) / xs.size)


def test_time_dropout() -> None:
    layer = TimeDropout(0.4, seed=3)
    x = np.ones((N, T, 50))
    y = layer.forward(x)
    assert set(np.unique(y.round(9))) == {0.0, round(1 / 0.6, 9)}
    same(layer.backward(x), y)
    assert (layer.dropout_ratio, layer.train_flg) == (0.4, True)
    layer.train_flg = False
    same(layer.forward(x), x)


def test_a_language_model_learns_to_count() -> None:
    """Truncated back-propagation through a model of time layers, with tied weights."""

    class Model(lg.Model):
        def __init__(self) -> None:
            W = random(V, H).astype(np.float32)
            self.embedding = TimeEmbedding(W)
            self.lstm = TimeLSTM.create(H, H, seed=0, stateful=True)
            self.out = TimeAffine(self.embedding.W.T, np.zeros(V, np.float32))
            self.loss = TimeSoftmaxWithLoss()

        def call(self, xs: Any, ts: Any) -> Any:
            return self.loss(self.out(self.lstm(self.embedding(xs))), ts)

    model, optimizer = Model(), lg.Adam(0.05)
    text = np.arange(1000) % V
    losses = []
    for step in range(60):
        start = step * 10 % 900
        xs = np.stack([text[start + k : start + k + 10] for k in range(3)])
        loss = model(lg.tensor(xs), lg.tensor((xs + 1) % V))
        loss.backward()
        optimizer.step(model)
        losses.append(loss.item())
    assert losses[0] > 1.5
    assert losses[-1] < 0.1
    assert list(model.parameters()) == ["embedding/W", "lstm/Wx", "lstm/Wh", "lstm/b", "out/b"]
    assert list(model.state()) == ["lstm/hidden", "lstm/cell"]
