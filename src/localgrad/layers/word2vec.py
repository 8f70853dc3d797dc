"""The books' layers of word2vec: scores of words in question, wrong words drawn by frequency, and their loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.recording import record
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, same_extent
from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.layers.dropout import new_key
from localgrad.layers.layer import Layer
from localgrad.layers.linear import Weighted
from localgrad.nodes import random
from localgrad.nodes.gathering import Gather
from localgrad.nodes.likelihood import negative_sampling_loss
from localgrad.nodes.linear import MatMul
from localgrad.nodes.reduction import Sum
from localgrad.nodes.sampling import NegativeSample
from localgrad.nodes.shaping import Reshape, Squeeze, Unsqueeze


class EmbeddingDot(Weighted):
    """Products of vectors h (N, width) with rows of W (words, width): for words (N,) scores (N,), for (N, K) (N, K).

    W is a parameter, or a float array, which is used itself and not copied. `backward(dout)` gives the gradient of h.
    Raises an error naming the row where a word is out of range.

    >>> import numpy as np
    >>> from localgrad.layers import EmbeddingDot
    >>> layer = EmbeddingDot(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> layer.forward(np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([1, 0]))
    array([ 7., -1.])
    >>> layer.backward(np.array([1.0, 10.0])), layer.grads
    (array([[ 3.,  4.],
           [10., 20.]]), [array([[ 10., -10.],
           [  1.,   1.]])])
    """

    labels = 1

    def __init__(self, W: Any) -> None:
        self._take(W)

    def call(self, h: Tensor, idx: Tensor) -> Tensor:
        width = self.sizes[1]
        if h.ndim != 2 or idx.ndim not in (1, 2) or not same_extent(h.shape[1], width):
            raise ShapeError(
                f"{self._title()} was given vectors {format_shape(h.shape)} and words {format_shape(idx.shape)}"
                f"{user_line()}\nfound: W has rows of {width} entries\n"
                f"do: give vectors (N, {width}) and words (N,), or (N, K)"
            )
        rows = Gather.on(self.weight(), idx, axis=0)
        if idx.ndim == 1:
            return Sum.on(rows * h, axis=(1,))  # type: ignore[no-any-return]
        return Squeeze.on(MatMul.on(rows, Unsqueeze.on(h, axis=(2,))), axis=(2,))  # type: ignore[no-any-return]


class UnigramSampler(Layer):
    """Words drawn by their frequency in a corpus to a power below 1, which lifts the rare ones; the target never.

    `corpus` are word numbers. The words of one row differ from each other, as in the books, unless `replace`, which
    large vocabularies make little difference to. `generator` is its state [key, step], as that of `Dropout`. Raises
    DataError for an empty corpus, or where there are not `sample_size` other words.

    >>> import numpy as np
    >>> from localgrad.layers import UnigramSampler
    >>> sampler = UnigramSampler(np.array([0, 1, 2, 3, 4, 1, 2, 3]), power=0.75, sample_size=2, seed=0)
    >>> drawn = sampler.get_negative_sample(np.array([1, 3, 0]))
    >>> drawn.shape, bool((drawn == np.array([[1], [3], [0]])).any())
    ((3, 2), False)
    """

    generator: Leaf
    word_p: NDArray[Any]

    def __init__(
        self, corpus: Any, power: float = 0.75, sample_size: int = 5, seed: int | None = None, replace: bool = False
    ) -> None:
        numbers = np.asarray(corpus)
        if not numbers.size or numbers.dtype.kind not in "iu" or numbers.min() < 0:
            found = f"{numbers.dtype} of shape {format_shape(numbers.shape)}"
            if numbers.size and numbers.dtype.kind in "iu":
                found = f"a number below 0, {numbers.min()}"
            raise DataError(
                f"UnigramSampler was given a corpus{user_line()}\nfound: {found}\n"
                "do: give the words of a text as integers from 0"
            )
        weights = np.bincount(numbers.ravel()).astype(np.float64)
        weights[weights > 0] **= power
        self.word_p = weights / weights.sum()
        self.kind = NegativeSample(count=int(sample_size), replace=bool(replace))
        self.generator = state(random.seeded(new_key() if seed is None else seed))

    @property
    def sample_size(self) -> int:
        """How many words are drawn for each target."""
        return self.kind.count

    @property
    def vocab_size(self) -> int:
        """How many words there are."""
        return len(self.word_p)

    def call(self, target: Tensor) -> Tensor:
        now, stream = random.next_draw(self.generator)
        return record(self.kind.replaced(stream=stream), (now, target, self.word_p))  # type: ignore[no-any-return]

    def get_negative_sample(self, target: Any) -> NDArray[Any]:
        """Words for each target, (N,) to (N, sample_size); each call draws anew."""
        return self.forward(np.asarray(target))  # type: ignore[no-any-return]

    def _about(self) -> str:
        return f"{self.vocab_size} words, {self.sample_size} of them"


class NegativeSamplingLoss(Layer):
    """The loss of vectors h (N, width) whose product with the row of W of the right word should be high, of others low.

    W (words, width) holds a vector for each word of `corpus`, from which `sample_size` wrong words are drawn for each
    right one (see `UnigramSampler`). Words are (N,), or (N, P) for P right ones, as skip-gram has them. The loss is the
    sum over right and wrong words of their yes-or-no losses, and the mean over rows. W is one parameter here: `grads` has
    the whole of its gradient. `backward()` gives the gradient of h.

    >>> import numpy as np
    >>> from localgrad.layers import NegativeSamplingLoss
    >>> layer = NegativeSamplingLoss(np.zeros((5, 3)), corpus=np.arange(5), sample_size=2, seed=0)
    >>> float(layer.forward(np.ones((4, 3)), np.array([0, 1, 2, 3])).round(4))  # 3 log(2)
    2.0794
    >>> layer.backward().shape, [grad.shape for grad in layer.grads]
    ((4, 3), [(5, 3)])
    """

    labels = 1

    def __init__(
        self,
        W: Any,
        corpus: Any,
        power: float = 0.75,
        sample_size: int = 5,
        seed: int | None = None,
        replace: bool = False,
    ) -> None:
        self.embed_dot = EmbeddingDot(W)
        self.sampler = UnigramSampler(corpus, power, sample_size, seed, replace)
        if self.embed_dot.sizes[0] < self.sampler.vocab_size:
            raise ShapeError(
                f"NegativeSamplingLoss was given W of shape {format_shape(self.embed_dot.sizes)}{user_line()}\n"
                f"found: the corpus has words up to {self.sampler.vocab_size - 1}\n"
                f"do: give W {self.sampler.vocab_size} rows, one for each word"
            )

    @property
    def sample_size(self) -> int:
        """How many wrong words are drawn for each right one."""
        return self.sampler.sample_size

    def call(self, h: Tensor, target: Tensor) -> Tensor:
        drawn = self.sampler(target)
        if target.ndim > 1:
            drawn = Reshape.on(drawn, shape_to=(-1, target.shape[1] * self.sample_size))
        return negative_sampling_loss(self.embed_dot(h, target), self.embed_dot(h, drawn))

    def _about(self) -> str:
        return f"{self.sampler.vocab_size} words, {self.sample_size} wrong ones for each"
