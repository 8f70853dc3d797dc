"""Training of language models: a text read in blocks one after the other, by truncated back-propagation; perplexity."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.layers.stacking import reset_states, states_aside
from localgrad.nodes.losses import softmax_cross_entropy
from localgrad.train.batches import Parts, concatenated
from localgrad.train.checkpoint import Checkpoint
from localgrad.train.data import DataLoader
from localgrad.train.history import History
from localgrad.train.optimizer import Optimizer
from localgrad.train.progress import Silent
from localgrad.train.schedules import Schedule
from localgrad.train.trainer import Trainer

__all__ = ["LanguageTrainer", "TextBlocks", "following_words"]


class TextBlocks:
    """A text in blocks (xs, ts) of shape (batch_size, time_size), in order: each row goes on where its last one ended.

    `text` are word numbers in one row; ts are the words that follow. Or it is (xs, ts), two rows of one length. The rows
    of a block are `batch_size` pieces of the text read side by side; words left over at its end are left out, and the
    last block may be shorter. Raises DataError for what is no text, or one too short.

    >>> blocks = TextBlocks(np.arange(9), batch_size=2, time_size=3)
    >>> [(xs.tolist(), ts.tolist()) for xs, ts in blocks]
    [([[0, 1, 2], [4, 5, 6]], [[1, 2, 3], [5, 6, 7]]), ([[3], [7]], [[4], [8]])]
    """

    def __init__(self, text: Any, batch_size: int = 20, time_size: int = 35) -> None:
        xs, ts = text if isinstance(text, tuple) and len(text) == 2 else (text, None)
        xs = _row(xs)
        xs, ts = (xs[:-1], xs[1:]) if ts is None else (xs, _row(ts))
        if batch_size < 1 or time_size < 1:
            raise DataError(f"blocks have at least one row and one word; found {batch_size} rows of {time_size}")
        each = len(xs) // batch_size
        if len(xs) != len(ts) or each < 1:
            raise DataError(
                f"a text was to be read in {batch_size} pieces side by side\nfound: {len(xs):,} words and {len(ts):,} that "
                "follow\ndo: give as many of both, at least one for each piece (or a smaller batch_size)"
            )
        self.xs, self.ts = (part[: batch_size * each].reshape(batch_size, each) for part in (xs, ts))
        self.time_size = int(time_size)

    def __len__(self) -> int:
        return (self.xs.shape[1] + self.time_size - 1) // self.time_size

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        for start in range(0, self.xs.shape[1], self.time_size):
            part = slice(start, start + self.time_size)
            yield np.ascontiguousarray(self.xs[:, part]), np.ascontiguousarray(self.ts[:, part])


def _row(words: Any) -> NDArray[Any]:
    found = np.asarray(words)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise DataError(
            f"a text was expected: word numbers in one row\nfound: shape {found.shape} of {found.dtype}\n"
            "do: number the words, and give them one behind the other"
        )
    return found.astype(np.int64, copy=False)


def following_words(scores: Tensor, words: Tensor) -> Tensor:
    """The mean cross entropy of scores (N, T, vocabulary) and the words (N, T) that follow; -1 counts for nothing.

    >>> import localgrad as lg
    >>> round(following_words(lg.tensor(np.zeros((1, 2, 4))), lg.tensor([[3, -1]])).item(), 4)
    1.3863
    """
    return softmax_cross_entropy(scores, words, ignore_index=-1)


class LanguageTrainer(Trainer):
    """A Trainer for models of what comes next: word numbers (N, T) to scores (N, T, vocabulary), as `LSTMLanguageModel`.

    A text is read in blocks of `time_size` words, `batch_size` pieces of it side by side; stateful recurrent layers go on
    from block to block, and gradients stay inside one (truncated back-propagation). Each epoch starts at the beginning
    with states of zeros. The history has the `perplexity`, e to the mean loss of a word; labels of -1 count for nothing.
    A validation starts from zeros as well, and leaves the states of training alone. All else is as in `Trainer`.

    >>> import numpy as np, localgrad as lg
    >>> model = lg.models.LSTMLanguageModel(5, 16, seed=0)
    >>> trainer = lg.LanguageTrainer(model, lg.Adam(0.02), time_size=10, clip_norm=1.0)
    >>> history = trainer.fit(np.arange(1000) % 5, epochs=8, batch_size=10, validation=np.arange(100) % 5)
    >>> history[0]["perplexity"] > 2, history[-1]["validation_perplexity"] < 1.1
    (True, True)
    """

    def __init__(
        self,
        model: Layer,
        optimizer: Optimizer | None = None,
        time_size: int = 35,
        loss: str | Callable[..., Tensor] | None = following_words,
        metrics: Any = ("perplexity",),
        schedule: Schedule | Callable[[float], float] | None = None,
        clip_norm: float | None = None,
        callbacks: Sequence[Any] = (),
        seed: int = 0,
        run: str | os.PathLike[str] | None = None,
        nonfinite: Literal["stop", "skip", "warn"] = "stop",
        compile: bool = True,
    ) -> None:
        super().__init__(model, loss, optimizer, metrics, schedule, clip_norm, callbacks, seed, run, nonfinite, compile)
        self.time_size = time_size
        self._rows = 0

    def fit(
        self,
        train_data: Any,
        epochs: int = 1,
        validation: Any = None,
        batch_size: int = 20,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        callbacks: Sequence[Any] = (),
        resume: bool = False,
        progress: bool | Silent | None = None,
        time_size: int | None = None,
        max_grad: float | None = None,
    ) -> History:
        """Train on a text for so many epochs; give the history of all of them (see `Trainer.fit`).

        `train_data` and `validation` are word numbers in one row, or (xs, ts), or `TextBlocks`. `time_size` and
        `max_grad`, the books' name for `clip_norm`, replace what the trainer was made with.
        """
        if time_size is not None:
            self.time_size = time_size
        if max_grad is not None:
            self.clip_norm = max_grad
        blocks = self._blocks(train_data, batch_size)
        judged = None if validation is None else DataLoader(self._blocks(validation, batch_size))
        self._rows = len(blocks.xs)
        reset_states(self.model)
        if resume:
            reset_states(self.model, self._rows)  # the checkpoint has the states of such a batch
        return super().fit(DataLoader(blocks), epochs, judged, batch_size, checkpoint, callbacks, resume, progress)

    def _blocks(self, text: Any, batch_size: int) -> TextBlocks:
        return text if isinstance(text, TextBlocks) else TextBlocks(text, batch_size, self.time_size)

    def _start_epoch(self) -> None:
        super()._start_epoch()
        reset_states(self.model)

    def look_at(self, parts: Parts) -> None:
        if self._specs is None:  # states are those of one batch size
            self._specs = tuple(Spec((leaf.shape[0], "T"), leaf.dtype) for leaf in parts.inputs)
        parts.count = int(np.count_nonzero(parts.target >= 0))

    def evaluate(self, data: Any, batch_size: int = 20) -> dict[str, float]:
        """The loss and the perplexity on a text, from states of zeros, in evaluation mode."""
        return self._measure(DataLoader(self._blocks(data, batch_size)), "")

    def predict(self, x: Any, batch_size: int = 256) -> Any:
        """The scores for sequences (N, T) of word numbers, or for one (T,), from states of zeros, in evaluation mode."""
        rows = np.asarray(x)
        if rows.ndim == 1:
            return self.predict(rows[None], batch_size)[0]
        found = []
        for start in range(0, len(rows), batch_size):
            with states_aside(self.model):
                found.append(super().predict(rows[start : start + batch_size], batch_size))
        return concatenated(found)

    def _measure(self, loader: DataLoader, prefix: str) -> dict[str, float]:
        with states_aside(self.model):
            return super()._measure(loader, prefix)
