"""T9 and T9b: a formula over many numbers with its four gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def data(workload: str) -> list[Any]:
    """The arrays x, w, b, v."""
    generator = np.random.default_rng(0)
    return [generator.normal(size=10**6 if workload == "T9" else 10**7).astype(np.float32) for _ in range(4)]


def ours(workload: str) -> Callable[[], float]:
    import localgrad as lg

    arrays = data(workload)

    @lg.compile
    def both(x: Any, w: Any, b: Any, v: Any) -> Any:
        y = lg.mean(lg.tanh(x * w + b) * lg.sigmoid(x * v) - lg.exp(-(x**2)))
        return y, lg.gradients(y, [x, w, b, v])

    return lambda: both(*arrays)[0].item()


def pytorch(workload: str, compiled: bool) -> Callable[[], float]:
    import torch

    tensors = [torch.from_numpy(array).requires_grad_() for array in data(workload)]

    def formula(x: Any, w: Any, b: Any, v: Any) -> Any:
        return (torch.tanh(x * w + b) * torch.sigmoid(x * v) - torch.exp(-(x**2))).mean()

    called = torch.compile(formula) if compiled else formula

    def step() -> float:
        y = called(*tensors)
        torch.autograd.grad(y, tensors)
        return y.item()

    return step


def jax(workload: str) -> Callable[[], float]:
    import jax
    import jax.numpy as jnp

    arrays = [jnp.asarray(array) for array in data(workload)]

    @jax.jit
    def both(x: Any, w: Any, b: Any, v: Any) -> Any:
        def f(x: Any, w: Any, b: Any, v: Any) -> Any:
            return (jnp.tanh(x * w + b) * jax.nn.sigmoid(x * v) - jnp.exp(-(x**2))).mean()

        return jax.value_and_grad(f, argnums=(0, 1, 2, 3))(x, w, b, v)

    def step() -> float:
        y, gradients = both(*arrays)
        jax.block_until_ready(gradients)
        return y.item()

    return step
