"""The variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.layers.activations import Relu
from localgrad.layers.linear import Affine
from localgrad.layers.model import Model, Sequential
from localgrad.models.perceptron import MLP
from localgrad.models.seeds import seeds
from localgrad.nodes.activations import sigmoid
from localgrad.nodes.binary_cross_entropy import sigmoid_cross_entropy
from localgrad.nodes.exponential import exp
from localgrad.nodes.random import random_normal, seeded


class VAE(Model):
    """A variational autoencoder of samples with entries from 0 to 1: its call is the loss of a batch (N, size).

    `encode` gives the mean and the log variance of `latent` normal variables, `decode` makes entries of a draw from
    them. The loss, a mean over the batch, is the cross entropy of the entries plus the distance (Kullback-Leibler
    divergence) of the variables from standard normal ones. `hidden` are the widths of the encoder's inner layers, which
    the decoder has in reverse. `generator` is the state its draws come from. Source: Kingma, Welling, "Auto-encoding
    variational Bayes", 2013.

    >>> import numpy as np, localgrad as lg
    >>> model = lg.models.VAE(64, hidden=(128,), latent=2, seed=0)
    >>> model(np.full((5, 64), 0.5, np.float32)).shape, model.decode(np.zeros((3, 2), np.float32)).shape
    ((), (3, 64))
    """

    generator: Leaf

    def __init__(
        self,
        size: int,
        hidden: Sequence[int] = (128,),
        latent: int = 2,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        keys = seeds(seed)
        self.encoder = Sequential()
        n_in = size
        for n_out in hidden:
            self.encoder.extend([Affine.create(n_in, n_out, seed=next(keys), dtype=dtype), Relu()])
            n_in = n_out
        self.mean = Affine.create(n_in, latent, seed=next(keys), init="lecun", dtype=dtype)
        self.log_variance = Affine.create(n_in, latent, seed=next(keys), init=0.01, dtype=dtype)
        self.decoder = MLP(latent, *reversed(hidden), size, seed=next(keys), dtype=dtype)
        self.generator = state(seeded(next(keys)))

    def encode(self, x: Any) -> tuple[Tensor, Tensor]:
        """The mean and the log variance of the hidden variables, (N, latent) each."""
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def decode(self, z: Any) -> Tensor:
        """What the decoder makes of hidden variables (N, latent): entries from 0 to 1, (N, size)."""
        return sigmoid(self.decoder(z))

    def call(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        z = mean + exp(0.5 * log_variance) * random_normal(like=mean, generator=self.generator)
        entries = sigmoid_cross_entropy(self.decoder(z), x, reduction="none").sum(axis=1).mean()
        distance = 0.5 * (exp(log_variance) + mean**2 - 1.0 - log_variance).sum(axis=1).mean()
        return entries + distance
