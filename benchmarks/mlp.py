"""An MLP 784-256-128-10 with relu, cross-entropy and Adam on batches of 64: one eager training step."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

SIZES = (784, 256, 128, 10)
BATCH = 64
STEPS = 50


def data() -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Inputs, labels and initial weights, the same for all contenders."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(BATCH, SIZES[0])).astype(np.float32)
    labels = generator.integers(0, SIZES[-1], BATCH)
    weights = [
        ((generator.normal(size=(n, m)) * np.sqrt(2 / n)).astype(np.float32), np.zeros(m, np.float32))
        for n, m in pairwise(SIZES)
    ]
    return x, labels, weights


def ours() -> tuple[Callable[[], float], Callable[[], float]]:
    """A contender's run (seconds of a step) and its loss after it, in localgrad."""
    import localgrad as lg
    from localgrad.layers import Affine, Relu

    x, labels, weights = data()
    layers: list[Any] = []
    for index, (W, b) in enumerate(weights):
        layers.append(Affine(W.copy(), b.copy()))
        if index < len(weights) - 1:
            layers.append(Relu())
    model = lg.Sequential(*layers)
    optimizer = lg.Adam(1e-3)
    losses: list[float] = []

    def step() -> None:
        loss = lg.softmax_cross_entropy(model(lg.tensor(x)), labels)
        loss.backward(keep="leaves")
        optimizer.step(model)
        losses.append(loss.item())

    return _repeated(step), lambda: losses[-1]


def pytorch() -> tuple[Callable[[], float], Callable[[], float]]:
    """The same in PyTorch."""
    import torch

    x, labels, weights = data()
    layers: list[Any] = []
    for index, (W, b) in enumerate(weights):
        linear = torch.nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers.append(linear)
        if index < len(weights) - 1:
            layers.append(torch.nn.ReLU())
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    criterion = torch.nn.CrossEntropyLoss()
    losses: list[float] = []

    def step() -> None:
        optimizer.zero_grad()
        loss = criterion(model(torch.from_numpy(x)), torch.from_numpy(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    return _repeated(step), lambda: losses[-1]


def _repeated(step: Callable[[], None]) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
        return (time.perf_counter() - began) / STEPS

    return run
