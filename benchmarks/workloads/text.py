"""T7: a GPT."""

from __future__ import annotations

from typing import Any

import numpy as np

VOCABULARY, CONTEXT, LAYERS, HEADS, WIDTH, BATCH = 65, 128, 4, 4, 128, 8


def data() -> tuple[Any, Any]:
    """Tokens, and those that follow."""
    text = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, CONTEXT + 1))
    return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])


def model() -> Any:
    from localgrad.models import GPT

    return GPT(vocabulary=VOCABULARY, context=CONTEXT, layers=LAYERS, heads=HEADS, width=WIDTH, seed=0)


def ours(workload: str) -> Any:
    import localgrad as lg

    def loss(model: Any, tokens: Any, following: Any) -> Any:
        return lg.softmax_cross_entropy(model(tokens), following)

    return model(), loss, data()


def weights() -> dict[str, Any]:
    """The first values, with the matrices for queries, keys and values side by side."""
    values = {name: tensor.data.copy() for name, tensor in model().parameters().items()}
    for number in range(LAYERS):
        at = f"blocks/{number}/attention"
        for letter in "Wb":
            parts = [values.pop(f"{at}/{part}/{letter}") for part in ("query", "key", "value")]
            values[f"{at}/{letter}"] = np.concatenate(parts, axis=-1)
    return values


def pytorch(workload: str) -> Any:
    from torch.nn import functional

    import torch
    from torch import nn

    values = weights()
    tokens, following = map(torch.from_numpy, data())

    def linear(name: str) -> nn.Linear:
        W = values[f"{name}/W"]
        made = nn.Linear(*W.shape)
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(W.T))
            made.bias.copy_(torch.from_numpy(values[f"{name}/b"]))
        return made

    class Block(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.together, self.output = linear(f"{name}/attention"), linear(f"{name}/attention/output")
            self.expand, self.contract = linear(f"{name}/feedforward/expand"), linear(f"{name}/feedforward/contract")

        def forward(self, x: Any) -> Any:
            parts = self.together(self.first(x)).split(WIDTH, dim=2)
            q, k, v = (part.view(BATCH, CONTEXT, HEADS, WIDTH // HEADS).transpose(1, 2) for part in parts)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.output(y.transpose(1, 2).reshape(BATCH, CONTEXT, WIDTH))
            return x + self.contract(functional.gelu(self.expand(self.second(x)), approximate="tanh"))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Parameter(torch.from_numpy(values["tokens/W"]))
            self.positions = nn.Parameter(torch.from_numpy(values["positions/W"]))
            self.blocks = nn.ModuleList([Block(f"blocks/{number}") for number in range(LAYERS)])
            self.last = nn.LayerNorm(WIDTH)

        def forward(self, tokens: Any) -> Any:
            x = functional.embedding(tokens, self.tokens) + self.positions
            for block in self.blocks:
                x = block(x)
            return functional.linear(self.last(x), self.tokens)

    def loss(network: Any) -> Any:
        return functional.cross_entropy(network(tokens).reshape(-1, VOCABULARY), following.reshape(-1))

    return Network(), loss


def jax(workload: str) -> Any:
    import jax
    import jax.numpy as jnp

    seen = np.tril(np.ones((CONTEXT, CONTEXT), bool))

    def normal(values: Any, name: str, x: Any) -> Any:
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * values[f"{name}/gamma"] + values[f"{name}/beta"]

    def affine(values: Any, name: str, x: Any) -> Any:
        return x @ values[f"{name}/W"] + values[f"{name}/b"]

    def block(values: Any, at: str, x: Any) -> Any:
        parts = jnp.split(affine(values, f"{at}/attention", normal(values, f"{at}/attention_norm", x)), 3, axis=-1)
        q, k, v = (part.reshape(BATCH, CONTEXT, HEADS, -1).transpose(0, 2, 1, 3) for part in parts)
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH // HEADS).astype(np.float32)
        y = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v
        x = x + affine(values, f"{at}/attention/output", y.transpose(0, 2, 1, 3).reshape(BATCH, CONTEXT, WIDTH))
        h = affine(values, f"{at}/feedforward/expand", normal(values, f"{at}/feedforward_norm", x))
        return x + affine(values, f"{at}/feedforward/contract", jax.nn.gelu(h, approximate=True))

    def loss(values: Any, tokens: Any, following: Any) -> Any:
        x = values["tokens/W"][tokens] + values["positions/W"]
        for number in range(LAYERS):
            x = block(values, f"blocks/{number}", x)
        scores = jax.nn.log_softmax(normal(values, "normalization", x) @ values["tokens/W"].T)
        return -jnp.take_along_axis(scores, following[..., None], axis=-1).mean()

    return weights(), loss, data()
