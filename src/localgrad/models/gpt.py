"""GPT: a stack of causal transformer blocks that tells the next token of a text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from localgrad.graph.context import no_grad
from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import Symbol, format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.activations import Gelu
from localgrad.layers.dropout import Dropout
from localgrad.layers.embedding import Embedding
from localgrad.layers.members import layers_of
from localgrad.layers.model import Model
from localgrad.layers.normalization import LayerNormalization
from localgrad.layers.positions import LearnedPositions
from localgrad.layers.time import TimeAffine
from localgrad.layers.transformer import TransformerEncoderBlock
from localgrad.models.seeds import seeds
from localgrad.nodes import philox


class GPT(Model):
    """Scores (N, T, vocabulary) of the token after each of (N, T) tokens, T at most `context`; as in GPT-2.

    Embeddings of tokens and places, `layers` blocks of causal attention with `heads` heads and a network four times as
    wide, normalized first, and at the end a normalization and the scores; with `tied` their matrix is the embedding's
    transpose. `dropout` is for embeddings, attention weights and what is added. Weights start with the standard deviation
    0.02, those whose output is added with 0.02 / sqrt(2 layers), unless `init` is something else for all of them. Raises
    ShapeError where sizes do not fit. Source: Radford et al., "Language models are unsupervised multitask learners", 2019.

    >>> import localgrad as lg
    >>> model = lg.models.GPT(vocabulary=65, context=32, layers=2, heads=4, width=32, seed=0)
    >>> model.count_parameters(), model.forward([[1, 2, 3]]).shape
    (28576, (1, 3, 65))
    >>> model.generate([1, 2, 3], 4, seed=1).shape
    (7,)
    """

    tokens: Embedding
    positions: LearnedPositions
    blocks: list[TransformerEncoderBlock]

    def __init__(
        self,
        vocabulary: int = 50257,
        context: int = 1024,
        layers: int = 12,
        heads: int = 12,
        width: int = 768,
        dropout: float = 0.0,
        tied: bool = True,
        bias: bool = True,
        init: Any = None,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        first, added = (0.02, 0.02 / math.sqrt(2 * max(layers, 1))) if init is None else (init, init)
        keys = seeds(seed)
        self.context = int(context)
        self.tokens = Embedding.create(vocabulary, width, seed=next(keys), init=first, dtype=dtype)
        self.positions = LearnedPositions.create(context, width, seed=next(keys), init=first, dtype=dtype)
        key = next(keys)
        self.dropout = Dropout(dropout, seed=key) if dropout else None
        self.blocks = [
            TransformerEncoderBlock.create(
                width,
                heads,
                seed=next(keys),
                activation=Gelu("tanh"),
                causal=True,
                bias=bias,
                dropout=dropout,
                init=first,
                output_init=added,
                dtype=dtype,
            )
            for _ in range(layers)
        ]
        self.normalization = LayerNormalization.create(width, dtype=dtype, bias=bias)
        self.head = (
            TimeAffine(self.tokens.W.T)
            if tied
            else TimeAffine.create(width, vocabulary, seed=next(keys), init=first, dtype=dtype, bias=False)
        )

    def call(self, indices: Tensor) -> Tensor:
        return self.head(self.features(indices))  # type: ignore[no-any-return]

    def features(self, indices: Tensor) -> Tensor:
        """What the scores are made of: (N, T, width), normalized."""
        if indices.ndim != 2 or (not isinstance(indices.shape[1], Symbol) and indices.shape[1] > self.context):
            raise ShapeError(
                f"{self._title()} was given tokens of shape {format_shape(indices.shape)}{user_line()}\n"
                f"found: it reads (N, T) with T at most {self.context}\ndo: cut the text, or make it with a longer context"
            )
        x = self.positions(self.tokens(indices))
        if self.dropout is not None:
            x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        return self.normalization(x)  # type: ignore[no-any-return]

    def generate(
        self, prompt: Any, n: int, temperature: float = 1.0, top_k: int | None = None, seed: int = 0
    ) -> NDArray[np.int64]:
        """The tokens of a prompt (T,) or (N, T) with n more, each drawn by the scores of the last `context` ones.

        Scores are divided by `temperature`, 0 takes the best; with `top_k` only the best k are drawn from. The same seed
        draws the same. Computed as in evaluation, without recording. Raises DataError for an empty prompt, a temperature
        below 0 or a top_k below 1.
        """
        given: NDArray[Any] = np.asarray(prompt)
        if given.ndim not in (1, 2) or not given.size or given.dtype.kind not in "iu":
            raise DataError(
                f"{self._title()} was to go on with a prompt of {given.dtype} and shape {format_shape(given.shape)}"
                f"{user_line()}\nfound: it goes on with whole numbers, at least one\ndo: give (T,) or (N, T)"
            )
        if temperature < 0 or (top_k is not None and top_k < 1):
            raise DataError(
                f"{self._title()} was to draw with temperature={temperature!r}, top_k={top_k!r}{user_line()}\n"
                "found: a temperature is 0 or more, top_k 1 or more\ndo: give such numbers"
            )
        layers = [layer for _, layer in layers_of(self)]
        modes = [layer.training for layer in layers]
        text = np.atleast_2d(given).astype(np.int64)
        count, length = text.shape
        text = np.concatenate([text, np.zeros((count, n), np.int64)], axis=1)
        try:
            for layer in layers:
                layer.training = False
            with no_grad():
                for step in range(length, length + n):
                    window = text[:, max(0, step - self.context) : step]
                    features = self.features(Leaf(window, "input", None, False))
                    scores = self.head(features[:, -1:]).data[:, 0]
                    chance = philox.uniform(philox.fold(seed, "generate"), step, (count,), np.float64)
                    text[:, step] = drawn(scores, chance, temperature, top_k)
        finally:
            for layer, mode in zip(layers, modes, strict=True):
                layer.training = mode
        return text if given.ndim == 2 else text[0]


def drawn(scores: NDArray[Any], chance: NDArray[Any], temperature: float, top_k: int | None) -> NDArray[np.int64]:
    """A class for each row of scores (N, classes), by numbers from 0 to 1.

    >>> import numpy as np
    >>> (
    ...     drawn(np.array([[0.0, 1.0, 0.9]]), np.array([0.99]), 1.0, 2),
    ...     drawn(np.array([[0.0, 1.0]]), np.array([0.1]), 0, None),
    ... )
    (array([2]), array([1]))
    """
    if temperature == 0:
        best: NDArray[np.int64] = scores.argmax(axis=-1)
        return best
    scores = scores.astype(np.float64) / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        least = np.partition(scores, -top_k, axis=-1)[:, -top_k, None]
        scores = np.where(scores < least, -np.inf, scores)
    share = np.exp(scores - scores.max(axis=-1, keepdims=True))
    ends = np.cumsum(share, axis=-1)
    picked: NDArray[np.int64] = np.argmax(ends > chance[:, None] * ends[:, -1:], axis=-1)
    return picked
