"""How parameters are updated: the same rule in each library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """The kind of optimizer, its learning rate, and the norm gradients are clipped to."""

    kind: str
    rate: float
    clip: float | None = None

    def ours(self) -> Any:
        """In localgrad."""
        import localgrad as lg

        made = {"sgd": lg.SGD, "momentum": lg.Momentum, "adam": lg.Adam}
        if self.kind == "adamw":
            return lg.AdamW(self.rate, weight_decay=0.01, clip_norm=self.clip)
        return made[self.kind](self.rate, clip_norm=self.clip)

    def pytorch(self, parameters: Any, fused: bool) -> Any:
        """In PyTorch."""
        import torch

        parameters = [each for each in parameters if each.requires_grad]
        if self.kind in ("sgd", "momentum"):
            momentum = 0.9 if self.kind == "momentum" else 0.0
            return torch.optim.SGD(parameters, self.rate, momentum=momentum, fused=fused or None)
        made = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[self.kind]
        return made(parameters, self.rate, fused=fused or None)

    def jax(self, parameters: Any) -> tuple[Any, Callable[[Any, Any], Any]]:
        """The state to start with, and what makes a new one of it and gradients."""
        import jax
        import jax.numpy as jnp

        tree = jax.tree.map

        def clipped(gradients: Any) -> Any:
            if self.clip is None:
                return gradients
            norm = jnp.sqrt(sum((g * g).sum() for g in jax.tree.leaves(gradients)))
            factor = jnp.minimum(self.clip / (norm + 1e-6), 1.0)
            return tree(lambda g: g * factor, gradients)

        def sgd(state: Any, gradients: Any) -> Any:
            return {"parameters": tree(lambda p, g: p - self.rate * g, state["parameters"], clipped(gradients))}

        def momentum(state: Any, gradients: Any) -> Any:
            velocity = tree(lambda v, g: 0.9 * v + g, state["v"], clipped(gradients))
            return {"parameters": tree(lambda p, v: p - self.rate * v, state["parameters"], velocity), "v": velocity}

        def adam(state: Any, gradients: Any) -> Any:
            step = state["step"] + 1
            gradients = clipped(gradients)
            mean = tree(lambda m, g: 0.9 * m + 0.1 * g, state["m"], gradients)
            squares = tree(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], gradients)
            first, second = 1 - 0.9**step, 1 - 0.999**step
            kept = 1 - self.rate * 0.01 if self.kind == "adamw" else 1.0

            def changed(p: Any, m: Any, v: Any) -> Any:
                return kept * p - self.rate * (m / first) / (jnp.sqrt(v / second) + 1e-8)

            new = tree(changed, state["parameters"], mean, squares)
            return {"parameters": new, "m": mean, "v": squares, "step": step}

        state: dict[str, Any] = {"parameters": parameters}
        if self.kind != "sgd":
            state["v"] = tree(jnp.zeros_like, parameters)
        if self.kind in ("adam", "adamw"):
            state |= {"m": tree(jnp.zeros_like, parameters), "step": jnp.zeros((), jnp.float32)}
        return state, {"sgd": sgd, "momentum": momentum}.get(self.kind, adam)
