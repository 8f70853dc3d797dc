"""Language models: which word comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.initialization import zeros
from localgrad.layers.model import Sequential
from localgrad.layers.sequences import TimeLSTM
from localgrad.layers.time import TimeAffine, TimeDropout, TimeEmbedding
from localgrad.models.generation import drawn, generating
from localgrad.models.seeds import seeds
from localgrad.nodes import philox
from localgrad.nodes.losses import softmax_cross_entropy


class LSTMLanguageModel(Sequential):
    """Embedding, LSTMs and an affine layer: word numbers (N, T) become the scores (N, T, vocabulary) of what comes next.

    With the numbers `ts` (N, T) of the words that did come next it gives the loss, as the books' Rnnlm does; -1 is
    ignored. The LSTMs are stateful: each call goes on where the last one ended, and gradients stay inside a call
    (truncated back-propagation). The books' BetterRnnlm is `layers=2, dropout=0.5, tied=True`: dropout between all layers,
    and the affine layer uses the embedding's rows. Raises ShapeError where tied sizes differ. Source of these options:
    Zaremba et al., "Recurrent neural network regularization", 2014; Press and Wolf, "Using the output embedding", 2016.

    >>> import numpy as np, localgrad as lg
    >>> model = lg.models.LSTMLanguageModel(10000, 650, layers=2, dropout=0.5, tied=True)
    >>> model.count_parameters()
    13275200
    >>> model = lg.models.LSTMLanguageModel(6, 8, seed=0)
    >>> text = np.array([[0, 1, 2, 3]])
    >>> model(text).shape, model(text, text + 1).shape
    ((1, 4, 6), ())
    >>> model.generate([0, 1], 3, temperature=0).shape
    (3,)
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 100,
        hidden: int | None = None,
        layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        stateful: bool = True,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        hidden = width if hidden is None else hidden
        if tied and hidden != width:
            raise ShapeError(
                f"a language model with tied weights was to be made{user_line()}\n"
                f"found: words of width {width} and {hidden} hidden units\ndo: give one number for both"
            )
        super().__init__()
        keys = seeds(seed)
        embedding = TimeEmbedding.create(
            vocabulary, width, seed=next(keys), init=width**-0.5 if tied else 1.0, dtype=dtype
        )
        self.append(embedding)
        for number in range(layers):
            if dropout:
                self.append(TimeDropout(dropout, seed=next(keys)))
            n_in = hidden if number else width
            self.append(TimeLSTM.create(n_in, hidden, seed=next(keys), dtype=dtype, stateful=stateful))
        if dropout:
            self.append(TimeDropout(dropout, seed=next(keys)))
        if tied:
            self.append(TimeAffine(embedding.W.T, zeros(vocabulary, dtype)))
        else:
            self.append(TimeAffine.create(hidden, vocabulary, seed=next(keys), init="lecun", dtype=dtype))
        self.vocabulary = vocabulary

    def call(self, xs: Tensor, ts: Any = None) -> Tensor:
        scores: Tensor = super().call(xs)
        return scores if ts is None else softmax_cross_entropy(scores, ts, ignore_index=-1)

    @property
    def lstms(self) -> list[TimeLSTM]:
        """The LSTM layers, from below."""
        return [layer for layer in self.layers if isinstance(layer, TimeLSTM)]

    def reset_state(self, count: int | None = None) -> None:
        """Start the next call from zeros (for a batch of `count`, where it is given)."""
        for layer in self.lstms:
            layer.reset_state(count)

    def generate(
        self,
        start: ArrayLike,
        length: int,
        temperature: float = 1.0,
        skip: Sequence[int] = (),
        seed: int = 0,
        end: int | None = None,
    ) -> NDArray[np.int64]:
        """Up to `length` further word numbers after those of `start` (one or several), each drawn from the scores.

        `temperature` below 1 keeps nearer to the best word, 0 always takes it; words in `skip` are never drawn; after
        `end` it stops. The same `seed` draws the same; dropout is off, and the states of training are left alone. Raises
        DataError for an empty start.
        """
        words = np.atleast_1d(np.asarray(start))
        if words.ndim != 1 or not words.size or words.dtype.kind not in "iu":
            raise DataError(
                f"text was to be made{user_line()}\nfound: a start of shape {words.shape} and dtype {words.dtype}\n"
                "do: give at least one word number to begin with"
            )
        chance = philox.uniform(philox.fold(seed, "text"), 0, (length,), dtype=np.float64)
        found: list[int] = []
        with generating(self):
            modes = [layer.stateful for layer in self.lstms]
            try:
                for layer in self.lstms:
                    layer.stateful = True
                for number in range(length):
                    scores = self(Leaf(words[None].astype(np.int64), "input", None, False)).data[0, -1]
                    found.append(drawn(scores, float(chance[number]), temperature, skip))
                    if found[-1] == end:
                        break
                    words = np.array(found[-1:])
            finally:
                for layer, mode in zip(self.lstms, modes, strict=True):
                    layer.stateful = mode
        return np.array(found, np.int64)

    def perplexity(self, text: ArrayLike, batch_size: int = 1, time_size: int = 256) -> float:
        """The perplexity of a text of word numbers (1-D): e to the mean loss; e.g. the vocabulary's size for mere guessing.

        The text is cut into `batch_size` pieces read side by side; states are left alone. Raises DataError for a text
        shorter than two words a piece.
        """
        words = np.asarray(text)
        each = (words.size - 1) // batch_size
        if words.ndim != 1 or each < 1:
            raise DataError(
                f"the perplexity of a text was asked for{user_line()}\nfound: shape {words.shape} for {batch_size} pieces\n"
                "do: give word numbers in one row, at least two for each piece"
            )
        xs, ts = (words[k : k + batch_size * each].reshape(batch_size, each) for k in (0, 1))
        total = 0.0
        with generating(self):
            for at in range(0, each, time_size):
                part = slice(at, at + time_size)
                total += self(xs[:, part], ts[:, part]).item() * min(time_size, each - at)
        return float(np.exp(total / each))
