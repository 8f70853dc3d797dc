"""Sequence to sequence: one LSTM reads, another writes what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Tensor
from localgrad.layers.arrays import as_tensor
from localgrad.layers.attention_book import TimeAttention
from localgrad.layers.model import Model
from localgrad.layers.sequences import TimeLSTM
from localgrad.layers.time import TimeAffine, TimeEmbedding
from localgrad.models.generation import generating
from localgrad.models.seeds import seeds
from localgrad.nodes.joining import Concat
from localgrad.nodes.losses import softmax_cross_entropy
from localgrad.nodes.shaping import Repeat


class Encoder(Model):
    """Embedding and LSTM: numbers (N, S) to the hidden states (N, S, H) of all steps."""

    def __init__(self, vocabulary: int, width: int, hidden: int, keys: Iterator[int], dtype: DTypeLike) -> None:
        self.embedding = TimeEmbedding.create(vocabulary, width, seed=next(keys), init=1.0, dtype=dtype)
        self.lstm = TimeLSTM.create(width, hidden, seed=next(keys), dtype=dtype)

    def call(self, xs: Tensor) -> Tensor:
        hs: Tensor = self.lstm(self.embedding(xs))
        return hs


class Decoder(Model):
    """Embedding, LSTM and affine: from the numbers so far (N, T) and the encoder's states to scores (N, T, vocabulary).

    The LSTM starts from the encoder's last hidden state.
    """

    seen, shown = 0, 1
    """How many times the encoder's state stands beside what the LSTM reads, and how many states the affine layer reads."""

    def __init__(self, vocabulary: int, width: int, hidden: int, keys: Iterator[int], dtype: DTypeLike) -> None:
        self.embedding = TimeEmbedding.create(vocabulary, width, seed=next(keys), init=1.0, dtype=dtype)
        self.lstm = TimeLSTM.create(width + self.seen * hidden, hidden, seed=next(keys), dtype=dtype)
        self.affine = TimeAffine.create(self.shown * hidden, vocabulary, seed=next(keys), init="lecun", dtype=dtype)

    def call(self, ts: Tensor, hs: Tensor) -> Tensor:
        self.lstm.set_state(hs[:, -1])
        return self.scores(ts, hs)

    def scores(self, ts: Tensor, hs: Tensor) -> Tensor:
        """The scores, from where the LSTM stands."""
        scores: Tensor = self.affine(self.lstm(self.embedding(ts)))
        return scores


class PeekyDecoder(Decoder):
    """A Decoder whose LSTM and affine layer see the encoder's last hidden state at every step.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    seen, shown = 1, 2

    def scores(self, ts: Tensor, hs: Tensor) -> Tensor:
        words = self.embedding(ts)
        h = Repeat.on(hs[:, -1:], shape_to=(*words.shape[:2], hs.shape[2]))
        states = self.lstm(Concat.on(h, words, axis=2))
        scores: Tensor = self.affine(Concat.on(h, states, axis=2))
        return scores


class AttentionDecoder(Decoder):
    """A Decoder whose affine layer sees, at every step, those states of the encoder that fit its own (`TimeAttention`)."""

    shown = 2

    def __init__(self, vocabulary: int, width: int, hidden: int, keys: Iterator[int], dtype: DTypeLike) -> None:
        super().__init__(vocabulary, width, hidden, keys, dtype)
        self.attention = TimeAttention()

    def scores(self, ts: Tensor, hs: Tensor) -> Tensor:
        states = self.lstm(self.embedding(ts))
        scores: Tensor = self.affine(Concat.on(self.attention(hs, states), states, axis=2))
        return scores


DECODERS = {"plain": Decoder, "peeky": PeekyDecoder, "attention": AttentionDecoder}


class Seq2seq(Model):
    """An encoder that reads numbers (N, S) and a decoder that writes the answer: the loss of (xs, ts), as in the books.

    `ts` (N, T) are the answers with the sign that starts them first: from each sign the decoder says the next, and the
    loss is the mean over the signs after the first, -1 ignored. `decoder` is "plain", "peeky" or "attention". Train it
    with `lg.Trainer(model, loss=None)` on (xs, ts); `generate` writes answers. Raises LocalgradError for another decoder.
    Source: Sutskever et al., "Sequence to sequence learning with neural networks", 2014 (which also reverses xs).

    >>> import numpy as np, localgrad as lg
    >>> model = lg.models.Seq2seq(13, width=4, hidden=8, decoder="attention", seed=0)
    >>> xs, ts = np.arange(10).reshape(2, 5), np.array([[11, 1, 2], [11, 3, 4]])
    >>> round(model(xs, ts).item(), 1), model.scores(xs, ts).shape, model.generate(xs, start=11, length=2).shape
    (2.6, (2, 3, 13), (2, 2))
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 16,
        hidden: int = 128,
        decoder: str = "plain",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if decoder not in DECODERS:
            raise LocalgradError(
                f"a Seq2seq was to be made{user_line()}\nfound: decoder={decoder!r}\n"
                f"do: choose one of {', '.join(map(repr, DECODERS))}"
            )
        keys = seeds(seed)
        self.encoder = Encoder(vocabulary, width, hidden, keys, dtype)
        self.decoder = DECODERS[decoder](vocabulary, width, hidden, keys, dtype)

    def call(self, xs: Tensor, ts: Tensor) -> Tensor:
        scores = self.decoder(ts[:, :-1], self.encoder(xs))
        return softmax_cross_entropy(scores, ts[:, 1:], ignore_index=-1)

    def scores(self, xs: Any, ts: Any) -> Tensor:
        """The scores (N, T, vocabulary) of the sign after each of `ts`."""
        scores: Tensor = self.decoder(ts, self.encoder(xs))
        return scores

    def generate(self, xs: ArrayLike, start: int, length: int) -> NDArray[np.int64]:
        """The answers (N, length) to `xs` (N, S): from `start` on, the best sign again and again."""
        return self._generated(xs, start, length)[0]

    def attention(self, xs: ArrayLike, start: int, length: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """The answers, and the weights (N, length, S): how much each sign written looked at each sign read.

        Raises LocalgradError for a decoder without attention.
        """
        answers, weights = self._generated(xs, start, length)
        if not weights:
            raise LocalgradError(
                f"the attention of {self._title()} was asked for{user_line()}\n"
                f"found: its decoder is a {type(self.decoder).__name__}\ndo: make it with decoder='attention'"
            )
        return answers, np.stack(weights, axis=1)

    def _generated(self, xs: ArrayLike, start: int, length: int) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
        given = np.asarray(xs)
        answers = np.empty((len(given), length), np.int64)
        weights = []
        with generating(self):
            hs = self.encoder(given)
            lstm = self.decoder.lstm
            lstm.set_state(hs[:, -1])
            signs = np.full((len(given), 1), start)
            for at in range(length):
                scores = self.decoder.scores(as_tensor(signs), hs)
                answers[:, at] = scores.data[:, 0].argmax(-1)
                signs = answers[:, at : at + 1]
                lstm.set_state(lstm.h, lstm.c)
                if isinstance(self.decoder, AttentionDecoder):
                    weights += self.decoder.attention.attention_weights or []
            lstm.reset_state()
        return answers, weights

    def exact_match(self, xs: ArrayLike, ts: ArrayLike) -> float:
        """The part of the answers written that equal `ts` (N, T), whose first sign starts them, in every sign."""
        wanted = np.asarray(ts)
        found = self.generate(xs, int(wanted[0, 0]), wanted.shape[1] - 1)
        return float((found == wanted[:, 1:]).all(axis=1).mean())
