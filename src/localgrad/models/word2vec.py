"""word2vec: vectors of words that guess a word from those around it (CBOW) or those around from the word (skip-gram)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Tensor
from localgrad.layers.embedding import Embedding
from localgrad.layers.initialization import initial
from localgrad.layers.model import Model
from localgrad.layers.word2vec import NegativeSamplingLoss
from localgrad.models.seeds import seeds
from localgrad.nodes.reduction import Mean


class Word2Vec(Model):
    """What the two have in common: vectors of words that come in, and a loss with vectors of words in question."""

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        corpus: Any,
        sample_size: int = 5,
        power: float = 0.75,
        replace: bool = False,
        init: Any = 0.01,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        keys = seeds(seed)
        self.embedding = Embedding.create(vocab_size, hidden_size, seed=next(keys), init=init, dtype=dtype)
        W = initial(init, (vocab_size, hidden_size), next(keys), dtype)
        self.loss = NegativeSamplingLoss(W, corpus, power, sample_size, seed=next(keys), replace=replace)

    def _need(self, takes: str, target: Tensor, contexts: Tensor) -> None:
        if target.ndim != 1 or contexts.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__} was given target words {format_shape(target.shape)} and words around them "
                f"{format_shape(contexts.shape)}{user_line()}\nfound: targets are (N,), the words around them (N, around)\n"
                f"do: call the model on {takes}, in this order"
            )

    @property
    def word_vecs(self) -> NDArray[Any]:
        """The vectors of the words, one in each row: a copy."""
        return self.embedding.W.numpy()


class CBOW(Word2Vec):
    """Continuous bag of words with negative sampling: the mean vector of the words around is asked which word stood there.

    `call(contexts, target)`, word numbers (N, around) and (N,), gives the loss. `corpus`, the numbers of the whole text,
    says how often words are drawn as wrong answers (`sample_size` for each right one, see `UnigramSampler`); `init` is
    the standard deviation of first values. `word_vecs` are the vectors. Source: Mikolov, Chen, Corrado, Dean, "Efficient
    estimation of word representations in vector space", 2013.

    >>> import numpy as np
    >>> from localgrad.models import CBOW
    >>> corpus = np.array([0, 1, 2, 3, 4, 1, 5, 6])
    >>> model = CBOW(7, 4, corpus, sample_size=2)
    >>> loss = model(np.array([[0, 2], [1, 3]]), np.array([1, 2]))
    >>> round(loss.item(), 2), model.word_vecs.shape, model.count_parameters()
    (2.08, (7, 4), 56)
    """

    def call(self, contexts: Tensor, target: Tensor) -> Tensor:
        self._need("(contexts, target)", target, contexts)
        return self.loss(Mean.on(self.embedding(contexts), axis=(1,)), target)  # type: ignore[no-any-return]


class SkipGram(Word2Vec):
    """Skip-gram with negative sampling: the vector of a word is asked which words stood around it, each by itself.

    `call(target, contexts)`, word numbers (N,) and (N, around), gives the loss, the sum over the words around. Arguments
    as in `CBOW`.

    >>> import numpy as np
    >>> from localgrad.models import SkipGram
    >>> model = SkipGram(7, 4, np.array([0, 1, 2, 3, 4, 1, 5, 6]), sample_size=2)
    >>> round(model(np.array([1, 2]), np.array([[0, 2], [1, 3]])).item(), 2)  # 2 words, 3 questions each
    4.16
    """

    def call(self, target: Tensor, contexts: Tensor) -> Tensor:
        self._need("(target, contexts)", target, contexts)
        return self.loss(self.embedding(target), contexts)  # type: ignore[no-any-return]
