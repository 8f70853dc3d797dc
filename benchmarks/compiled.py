"""Compiled training steps beside PyTorch (eager with its fused optimizers) and JAX: T1, T2, T3, T9 and T9b.

Each contender makes a step on the same data from the same weights and gives its loss after it. T1: a product, a sigmoid and a sum
with SGD; T2: an MLP with relu and Adam; T3: a large one with sigmoid and momentum; T9: a formula over a million
numbers with its four gradients, T9b over ten million.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

Contender = tuple[Callable[[], float], Callable[[], float]]
"""Seconds of a step, and the loss after the last one."""

TITLES = {
    "T1": "T1, compiled: (2, 3) @ (3, 4) + b, sigmoid, sum, SGD",
    "T2": "T2, compiled: MLP 784-256-128-10, relu, Adam, batch 64",
    "T3": "T3, compiled: MLP 784-1024-1024-10, sigmoid, momentum, batch 256",
    "T9": "T9, compiled: mean(tanh(x w + b) sigmoid(x v) - exp(-x²)) and its gradients, 1,000,000 entries",
    "T9b": "T9b: the same, 10,000,000 entries",
}
REPEATS = {"T1": 2000, "T2": 100, "T3": 5, "T9": 20, "T9b": 3}


def ours(workload: str) -> Contender:
    """In localgrad."""
    return _repeated(workload, {"T1": _tiny, "T9": _formula, "T9b": _formula}.get(workload, _network))


def pytorch(workload: str) -> Contender:
    """In PyTorch, eager, with the optimizer's fused form."""
    return _repeated(
        workload, {"T1": _torch_tiny, "T9": _torch_formula, "T9b": _torch_formula}.get(workload, _torch_network)
    )


def jax(workload: str) -> Contender:
    """In JAX, jitted, with parameters donated."""
    return _repeated(workload, {"T1": _jax_tiny, "T9": _jax_formula, "T9b": _jax_formula}.get(workload, _jax_network))


def _repeated(workload: str, make: Callable[[str], Callable[[], Any]]) -> Contender:
    step = make(workload)
    last: list[Any] = [None]

    def run() -> float:
        began = time.perf_counter()
        for _ in range(REPEATS[workload]):
            last[0] = step()
        float(last[0])  # waits, where steps are computed later
        return (time.perf_counter() - began) / REPEATS[workload]

    return run, lambda: float(last[0])


# data ---------------------------------------------------------------------------------------------------------------
def tiny_data() -> tuple[Any, Any, Any]:
    """x, W, b of T1."""
    generator = np.random.default_rng(0)
    return (
        generator.normal(size=(2, 3)).astype(np.float32),
        generator.normal(size=(3, 4)).astype(np.float32),
        np.zeros(4, np.float32),
    )


def network_data(workload: str) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Inputs, labels, weights of T2 and T3."""
    sizes, batch = ((784, 256, 128, 10), 64) if workload == "T2" else ((784, 1024, 1024, 10), 256)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = generator.integers(0, sizes[-1], batch)
    weights = [
        ((generator.normal(size=(n, m)) * np.sqrt(1 / n)).astype(np.float32), np.zeros(m, np.float32))
        for n, m in pairwise(sizes)
    ]
    return x, labels, weights


def formula_data(workload: str) -> list[Any]:
    """x, w, b, v of T9 and T9b."""
    generator = np.random.default_rng(0)
    return [generator.normal(size=10**6 if workload == "T9" else 10**7).astype(np.float32) for _ in range(4)]


# localgrad ----------------------------------------------------------------------------------------------------------
def _tiny(workload: str) -> Callable[[], Any]:
    import localgrad as lg

    x, weights, zeros = tiny_data()
    W, b = lg.parameter(weights, name="W"), lg.parameter(zeros, name="b")
    optimizer = lg.SGD(0.01)

    @lg.compile
    def step(x: Any) -> Any:
        loss = lg.sum(lg.sigmoid(x @ W + b))
        loss.backward()
        optimizer.step([W, b])
        return loss

    return lambda: step(x).item()


def _network(workload: str) -> Callable[[], Any]:
    import localgrad as lg
    from localgrad.layers import Affine, Relu, Sigmoid

    x, labels, weights = network_data(workload)
    layers: list[Any] = []
    for W, b in weights:
        layers += [Affine(W.copy(), b.copy()), Relu() if workload == "T2" else Sigmoid()]
    model = lg.Sequential(*layers[:-1])
    optimizer = lg.Adam(1e-3) if workload == "T2" else lg.Momentum(0.1)

    @lg.compile
    def step(x: Any, labels: Any) -> Any:
        loss = lg.softmax_cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step(model)
        return loss

    return lambda: step(x, labels).item()


def _formula(workload: str) -> Callable[[], Any]:
    import localgrad as lg

    arrays = formula_data(workload)

    @lg.compile
    def both(x: Any, w: Any, b: Any, v: Any) -> Any:
        y = lg.mean(lg.tanh(x * w + b) * lg.sigmoid(x * v) - lg.exp(-(x**2)))
        return y, lg.gradients(y, [x, w, b, v])

    return lambda: both(*arrays)[0].item()


# PyTorch ------------------------------------------------------------------------------------------------------------
def _torch_tiny(workload: str) -> Callable[[], Any]:
    import torch

    x, weights, zeros = map(torch.from_numpy, tiny_data())
    W, b = weights.requires_grad_(), zeros.requires_grad_()
    optimizer = torch.optim.SGD([W, b], 0.01, fused=True)

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.sigmoid(x @ W + b).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _torch_network(workload: str) -> Callable[[], Any]:
    import torch

    x, labels, weights = network_data(workload)
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    layers: list[Any] = []
    for W, b in weights:
        linear = torch.nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, torch.nn.ReLU() if workload == "T2" else torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer: Any = (
        torch.optim.Adam(model.parameters(), 1e-3, fused=True)
        if workload == "T2"
        else torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, fused=True)
    )
    criterion = torch.nn.CrossEntropyLoss()

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _torch_formula(workload: str) -> Callable[[], Any]:
    import torch

    tensors = [torch.from_numpy(array).requires_grad_() for array in formula_data(workload)]
    x, w, b, v = tensors

    def step() -> Any:
        y = (torch.tanh(x * w + b) * torch.sigmoid(x * v) - torch.exp(-(x**2))).mean()
        torch.autograd.grad(y, tensors)
        return y.item()

    return step


# JAX ----------------------------------------------------------------------------------------------------------------
def _jax_step(loss: Callable[..., Any], state: Any, update: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    import functools

    import jax

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(state["parameters"])
        return value, update(state, gradients)

    holder = [state]

    def run() -> Any:
        value, holder[0] = step(holder[0])
        return value.item()

    return run


def _jax_tiny(workload: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    x, W, b = map(jnp.asarray, tiny_data())

    def loss(parameters: Any) -> Any:
        return jax.nn.sigmoid(x @ parameters[0] + parameters[1]).sum()

    def update(state: Any, gradients: Any) -> Any:
        return {"parameters": [p - 0.01 * g for p, g in zip(state["parameters"], gradients)]}

    return _jax_step(loss, {"parameters": [W, b]}, update)


def _jax_network(workload: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    x, labels, weights = network_data(workload)
    parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in weights]
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    activation = jax.nn.relu if workload == "T2" else jax.nn.sigmoid

    def loss(parameters: Any) -> Any:
        h = x
        for W, b in parameters[:-1]:
            h = activation(h @ W + b)
        scores = jax.nn.log_softmax(h @ parameters[-1][0] + parameters[-1][1])
        return -scores[jnp.arange(len(labels)), labels].mean()

    def momentum(state: Any, gradients: Any) -> Any:
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, state["v"], gradients)
        return {"parameters": jax.tree.map(lambda p, v: p - 0.1 * v, state["parameters"], velocity), "v": velocity}

    def adam(state: Any, gradients: Any) -> Any:
        step = state["step"] + 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], gradients)
        squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], gradients)
        first, second = 1 - 0.9**step, 1 - 0.999**step
        new = jax.tree.map(
            lambda p, m, v: p - 1e-3 * (m / first) / (jnp.sqrt(v / second) + 1e-8), state["parameters"], mean, squares
        )
        return {"parameters": new, "m": mean, "v": squares, "step": step}

    state = {"parameters": parameters, "v": zeros}
    if workload == "T2":
        state |= {"m": jax.tree.map(jnp.zeros_like, parameters), "step": jnp.zeros((), jnp.float32)}
    return _jax_step(loss, state, adam if workload == "T2" else momentum)


def _jax_formula(workload: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    arrays = [jnp.asarray(array) for array in formula_data(workload)]

    @jax.jit
    def both(x: Any, w: Any, b: Any, v: Any) -> Any:
        def f(x: Any, w: Any, b: Any, v: Any) -> Any:
            return (jnp.tanh(x * w + b) * jax.nn.sigmoid(x * v) - jnp.exp(-(x**2))).mean()

        return jax.value_and_grad(f, argnums=(0, 1, 2, 3))(x, w, b, v)

    def step() -> Any:
        y, gradients = both(*arrays)
        jax.block_until_ready(gradients)
        return y.item()

    return step
