"""T6 and T6b: an LSTM language model, with gradients clipped by their norm."""

from __future__ import annotations

from typing import Any

import numpy as np

VOCABULARY, BATCH, STEPS = 1000, 20, 35
WIDTHS = {"T6": 100, "T6b": 256}


def data() -> tuple[Any, Any]:
    """Words, and those that follow."""
    text = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, STEPS + 1))
    return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])


def model(workload: str) -> Any:
    from localgrad.models import LSTMLanguageModel

    return LSTMLanguageModel(VOCABULARY, WIDTHS[workload], stateful=False, seed=0)


def ours(workload: str) -> Any:
    import localgrad as lg

    def loss(model: Any, words: Any, following: Any) -> Any:
        return lg.softmax_cross_entropy(model(words), following)

    return model(workload), loss, data()


def weights(workload: str) -> dict[str, Any]:
    """The first values, by name."""
    return {name: tensor.data.copy() for name, tensor in model(workload).parameters().items()}


def pytorch(workload: str) -> Any:
    import torch
    from torch import nn

    values, width = weights(workload), WIDTHS[workload]
    words, following = map(torch.from_numpy, data())
    lstm = nn.LSTM(width, width, batch_first=True)
    network = nn.ModuleList([nn.Embedding(VOCABULARY, width), lstm, nn.Linear(width, VOCABULARY)])
    order = np.concatenate([np.arange(width) + gate * width for gate in (2, 0, 1, 3)])  # f g i o as i f g o
    with torch.no_grad():
        network[0].weight.copy_(torch.from_numpy(values["0/W"]))
        lstm.weight_ih_l0.copy_(torch.from_numpy(values["1/Wx"].T[order]))
        lstm.weight_hh_l0.copy_(torch.from_numpy(values["1/Wh"].T[order]))
        lstm.bias_ih_l0.copy_(torch.from_numpy(values["1/b"][order]))
        lstm.bias_hh_l0.zero_()
        network[2].weight.copy_(torch.from_numpy(values["2/W"].T))
        network[2].bias.copy_(torch.from_numpy(values["2/b"]))
    lstm.bias_hh_l0.requires_grad_(False)  # one bias, as elsewhere

    def loss(network: Any) -> Any:
        hidden, _ = network[1](network[0](words))
        return nn.functional.cross_entropy(network[2](hidden).reshape(-1, VOCABULARY), following.reshape(-1))

    return network, loss


def jax(workload: str) -> Any:
    import jax
    import jax.numpy as jnp

    width = WIDTHS[workload]

    def loss(values: Any, words: Any, following: Any) -> Any:
        gates = values["0/W"][words.T] @ values["1/Wx"] + values["1/b"]

        def cell(carry: Any, given: Any) -> Any:
            h, c = carry
            f, g, i, o = jnp.split(given + h @ values["1/Wh"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jnp.tanh(g) * jax.nn.sigmoid(i)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((BATCH, width), jnp.float32)
        _, hidden = jax.lax.scan(cell, (start, start), gates)
        scores = jax.nn.log_softmax(hidden @ values["2/W"] + values["2/b"])
        return -jnp.take_along_axis(scores, following.T[..., None], axis=-1).mean()

    return weights(workload), loss, data()
