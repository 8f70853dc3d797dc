"""Recurrent layers written by hand in NumPy, step by step, the way the books teach them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from localgrad.layers.recurrent import GRU, LSTM, RNN
from localgrad.layers.sequences import TimeGRU, TimeLSTM, TimeRNN

N, T, D, H, V = 3, 5, 2, 4, 6


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 0.6


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def same(found: Any, wanted: Any, rtol: float = 1e-9) -> None:
    if isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted):
            same(one, other, rtol)
        return
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-12)


class NumPyRNN:
    gates = 1

    def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(x) for x in self.params]

    def forward(self, x: Any, h: Any) -> Any:
        Wx, Wh, b = self.params
        self.x, self.h, self.y = x, h, np.tanh(h @ Wh + x @ Wx + b)
        return (self.y,)

    def backward(self, dy: Any) -> Any:
        Wx, Wh, _ = self.params
        dt = dy * (1 - self.y**2)
        self.grads[0][...] = self.x.T @ dt
        self.grads[1][...] = self.h.T @ dt
        self.grads[2][...] = dt.sum(axis=0)
        return dt @ Wx.T, dt @ Wh.T


class NumPyLSTM:
    gates = 4

    def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(x) for x in self.params]

    def forward(self, x: Any, h: Any, c: Any) -> Any:
        Wx, Wh, b = self.params
        f, g, i, o = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
        f, g, i, o = sigmoid(f), np.tanh(g), sigmoid(i), sigmoid(o)
        y = f * c + g * i
        self.cache = x, h, c, f, g, i, o, y
        return o * np.tanh(y), y

    def backward(self, dh: Any, dc: Any) -> Any:
        Wx, Wh, _ = self.params
        x, h, c, f, g, i, o, y = self.cache
        t = np.tanh(y)
        ds = dc + dh * o * (1 - t**2)
        df, dg, di, do = ds * c * f * (1 - f), ds * i * (1 - g**2), ds * g * i * (1 - i), dh * t * o * (1 - o)
        da = np.hstack((df, dg, di, do))
        self.grads[0][...] = x.T @ da
        self.grads[1][...] = h.T @ da
        self.grads[2][...] = da.sum(axis=0)
        return da @ Wx.T, da @ Wh.T, ds * f


class NumPyGRU:
    gates = 3

    def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(x) for x in self.params]

    def forward(self, x: Any, h: Any) -> Any:
        (Xz, Xr, Xh), (Hz, Hr, Hh), (bz, br, bh) = (np.split(each, 3, axis=-1) for each in self.params)
        z = sigmoid(x @ Xz + h @ Hz + bz)
        r = sigmoid(x @ Xr + h @ Hr + br)
        hat = np.tanh(x @ Xh + (r * h) @ Hh + bh)
        self.cache = x, h, z, r, hat
        return ((1 - z) * h + z * hat,)

    def backward(self, dy: Any) -> Any:
        (Xz, Xr, Xh), (Hz, Hr, Hh), _ = (np.split(each, 3, axis=-1) for each in self.params)
        x, h, z, r, hat = self.cache
        dt = dy * z * (1 - hat**2)
        drh = dt @ Hh.T
        dz = dy * (hat - h) * z * (1 - z)
        dr = drh * h * r * (1 - r)
        self.grads[0][...] = np.hstack([x.T @ dz, x.T @ dr, x.T @ dt])
        self.grads[1][...] = np.hstack([h.T @ dz, h.T @ dr, (r * h).T @ dt])
        self.grads[2][...] = np.hstack([dz.sum(0), dr.sum(0), dt.sum(0)])
        dh = dy * (1 - z) + drh * r + dz @ Hz.T + dr @ Hr.T
        return dz @ Xz.T + dr @ Xr.T + dt @ Xh.T, dh


class NumPyTime:
    """A cell at each step in turn; gradients of the weights are added up over the steps."""

    def __init__(self, cell: Any, params: Any, stateful: bool) -> None:
        self.cell, self.params, self.stateful = cell, params, stateful
        self.state: Any = None
        self.carries = 2 if cell is NumPyLSTM else 1

    def forward(self, xs: Any) -> Any:
        if not self.stateful or self.state is None:
            self.state = (np.zeros((len(xs), H)),) * self.carries
        self.layers, hs = [], []
        for t in range(xs.shape[1]):
            layer = self.cell(*self.params)
            self.state = layer.forward(xs[:, t], *self.state)
            self.layers.append(layer)
            hs.append(self.state[0])
        return np.stack(hs, axis=1)

    def backward(self, dhs: Any) -> Any:
        self.grads = [np.zeros_like(x) for x in self.params]
        carry: Any = [0.0] * self.carries
        dxs = np.zeros((len(dhs), dhs.shape[1], D))
        for t in reversed(range(dhs.shape[1])):
            layer = self.layers[t]
            dxs[:, t], *carry = layer.backward(dhs[:, t] + carry[0], *carry[1:])
            for total, grad in zip(self.grads, layer.grads):
                total += grad
        self.dstate = carry
        return dxs


CELLS = [(RNN, TimeRNN, NumPyRNN), (LSTM, TimeLSTM, NumPyLSTM), (GRU, TimeGRU, NumPyGRU)]
cells = pytest.mark.parametrize("cell, layer, reference", CELLS, ids=["RNN", "LSTM", "GRU"])


def weights(reference: Any, inputs: int = D, seed: int = 0) -> list[np.ndarray]:
    width = reference.gates * H
    return [random(inputs, width, seed=seed + 1), random(H, width, seed=seed + 2), random(width, seed=seed + 3)]
