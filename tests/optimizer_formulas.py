"""What the tests of optimizers share: references written by hand, and gradients given to parameters."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from localgrad.graph.tensor import Leaf
from localgrad.graph.warning import forget_warnings
from localgrad.train.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop


@pytest.fixture(autouse=True)
def fresh_warnings() -> None:
    forget_warnings()
    gc.collect()  # an optimizer of an earlier test is no second one


# ---------------------------------------------------------------- references: the formulas as PyTorch documents them


def sgd(w, gs, lr=0.1):
    for g in gs:
        w = w - lr * g
    return w


def momentum(w, gs, lr=0.1, mu=0.9):
    v = 0
    for g in gs:
        v = mu * v + g
        w = w - lr * v
    return w


def nesterov(w, gs, lr=0.1, mu=0.9):
    v = 0
    for g in gs:
        v = mu * v + g
        w = w - lr * (g + mu * v)
    return w


def adagrad(w, gs, lr=0.1, eps=1e-10):
    h = 0
    for g in gs:
        h = h + g**2
        w = w - lr * g / (np.sqrt(h) + eps)
    return w


def rmsprop(w, gs, lr=0.1, alpha=0.99, eps=1e-8):
    h = 0
    for g in gs:
        h = alpha * h + (1 - alpha) * g**2
        w = w - lr * g / (np.sqrt(h) + eps)
    return w


def adadelta(w, gs, lr=0.1, rho=0.9, eps=1e-6):
    square, accumulated = 0, 0
    for g in gs:
        square = rho * square + (1 - rho) * g**2
        delta = np.sqrt(accumulated + eps) / np.sqrt(square + eps) * g
        accumulated = rho * accumulated + (1 - rho) * delta**2
        w = w - lr * delta
    return w


def adam(w, gs, lr=0.1, b1=0.9, b2=0.999, eps=1e-8, decay=0.0):
    m, v = 0, 0
    for t, g in enumerate(gs, 1):
        w = w - lr * decay * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        w = w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return w


def adamw(w, gs, lr=0.1):
    return adam(w, gs, lr, decay=0.01)


PAIRS = [
    (SGD, sgd),
    (Momentum, momentum),
    (Nesterov, nesterov),
    (AdaGrad, adagrad),
    (RMSprop, rmsprop),
    (AdaDelta, adadelta),
    (Adam, adam),
    (AdamW, adamw),
]
EVERY = [pair[0] for pair in PAIRS]


def drawn(shape: tuple[int, ...], count: int, seed: int = 0) -> tuple[Any, list[Any]]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal(shape), [generator.standard_normal(shape) for _ in range(count)]


def give(leaf: Leaf, gradient: Any) -> None:
    leaf.grad = gradient
