"""The contenders of a workload: each library's step, made from what the workload's module says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.workloads import WORKLOADS

Step = Callable[[], float]
"""One training step on the same data; gives its loss."""

PEERS = ("PyTorch", "PyTorch fused", "torch.compile", "JAX")


def contender(workload: str, library: str) -> Step:
    """The step of a workload in a library."""
    found = WORKLOADS[workload]
    module, rule = found.maker(), found.rule
    if library == "localgrad":
        return module.ours(workload) if rule is None else _ours(*module.ours(workload), rule)
    if library == "JAX":
        return module.jax(workload) if rule is None else _jax(*module.jax(workload), rule)
    if rule is None:
        return module.pytorch(workload, library == "torch.compile")
    return _pytorch(*module.pytorch(workload), rule, library)


def _ours(model: Any, loss: Callable[..., Any], data: tuple[Any, ...], rule: Any) -> Step:
    import localgrad as lg

    optimizer = rule.ours()

    @lg.compile
    def step(*data: Any) -> Any:
        found = loss(model, *data)
        found.backward()
        optimizer.step(model)
        return found

    return lambda: step(*data).item()


def _pytorch(module: Any, loss: Callable[[Any], Any], rule: Any, library: str) -> Step:
    import torch

    parameters = [each for each in module.parameters() if each.requires_grad]
    optimizer = rule.pytorch(parameters, library != "PyTorch")
    if library == "torch.compile":
        loss = torch.compile(loss)

    def step() -> float:
        optimizer.zero_grad()
        found = loss(module)
        found.backward()
        if rule.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, rule.clip)
        optimizer.step()
        return found.item()

    return step


def _jax(parameters: Any, loss: Callable[..., Any], data: tuple[Any, ...], rule: Any) -> Step:
    import functools

    import jax
    import jax.numpy as jnp

    state, update = rule.jax(jax.tree.map(jnp.asarray, parameters))
    arrays = tuple(jnp.asarray(each) for each in data)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, *data: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(state["parameters"], *data)
        return value, update(state, gradients)

    holder = [state]

    def run() -> float:
        value, holder[0] = step(holder[0], *arrays)
        jax.block_until_ready(holder[0])
        return value.item()

    return run
