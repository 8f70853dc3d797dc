"""T1 to T4: a product and a sigmoid, and networks of affine layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np


class Shape(NamedTuple):
    """Sizes of layers, rows of a batch, the activation, and whether classes or numbers are told."""

    sizes: tuple[int, ...]
    batch: int
    activation: str
    classes: bool


SHAPES = {
    "T2": Shape((784, 256, 128, 10), 64, "relu", True),
    "T3": Shape((784, 1024, 1024, 10), 256, "sigmoid", True),
    "T4": Shape((2048, 2048, 2048), 512, "relu", False),
}


def data(workload: str) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Inputs, what is to be told of them, and weights with biases."""
    generator = np.random.default_rng(0)
    if workload == "T1":
        x = generator.normal(size=(2, 3)).astype(np.float32)
        return x, None, [(generator.normal(size=(3, 4)).astype(np.float32), np.zeros(4, np.float32))]
    sizes, batch, _, classes = SHAPES[workload]
    x = generator.normal(size=(batch, sizes[0])).astype(np.float32)
    target = (
        generator.integers(0, sizes[-1], batch)
        if classes
        else generator.normal(size=(batch, sizes[-1])).astype(np.float32)
    )
    weights = [
        ((generator.normal(size=(n, m)) * np.sqrt(1 / n)).astype(np.float32), np.zeros(m, np.float32))
        for n, m in pairwise(sizes)
    ]
    return x, target, weights


def ours(workload: str) -> Any:
    import localgrad as lg
    from localgrad.layers import Affine, Relu, Sigmoid

    x, target, weights = data(workload)
    if workload == "T1":
        pair = [lg.parameter(weights[0][0], name="W"), lg.parameter(weights[0][1], name="b")]
        return pair, lambda pair, x: lg.sum(lg.sigmoid(x @ pair[0] + pair[1])), (x,)
    shape = SHAPES[workload]
    layers: list[Any] = []
    for W, b in weights:
        layers += [Affine(W.copy(), b.copy()), Relu() if shape.activation == "relu" else Sigmoid()]
    told = lg.softmax_cross_entropy if shape.classes else lg.mean_squared_error
    return lg.Sequential(*layers[:-1]), lambda model, x, target: told(model(x), target), (x, target)


def pytorch(workload: str) -> Any:
    import torch
    from torch import nn

    x, target, weights = data(workload)
    x = torch.from_numpy(x)
    if workload == "T1":
        pair = nn.ParameterList([torch.from_numpy(each) for each in weights[0]])
        return pair, lambda pair: torch.sigmoid(x @ pair[0] + pair[1]).sum()
    shape = SHAPES[workload]
    target = torch.from_numpy(target)
    layers: list[Any] = []
    for W, b in weights:
        linear = nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU() if shape.activation == "relu" else nn.Sigmoid()]
    told = nn.functional.cross_entropy if shape.classes else nn.functional.mse_loss
    return nn.Sequential(*layers[:-1]), lambda model: told(model(x), target)


def jax(workload: str) -> Any:
    import jax
    import jax.numpy as jnp

    x, target, weights = data(workload)
    if workload == "T1":
        return weights[0], lambda pair, x: jax.nn.sigmoid(x @ pair[0] + pair[1]).sum(), (x,)
    shape = SHAPES[workload]
    activation = jax.nn.relu if shape.activation == "relu" else jax.nn.sigmoid

    def loss(parameters: Any, x: Any, target: Any) -> Any:
        for W, b in parameters[:-1]:
            x = activation(x @ W + b)
        y = x @ parameters[-1][0] + parameters[-1][1]
        if not shape.classes:
            return ((y - target) ** 2).mean()
        return -jax.nn.log_softmax(y)[jnp.arange(len(target)), target].mean()

    return weights, loss, (x, target)
