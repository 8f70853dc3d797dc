"""Layers written by hand in NumPy the way the books teach them, which tests compare with."""

import numpy as np


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
