"""Callbacks: what a trainer calls along the way; early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import CheckpointError, DataError, LocalgradError
from localgrad.train.history import History, smaller_is_better

if TYPE_CHECKING:
    from localgrad.train.trainer import Trainer

__all__ = ["Callback", "EarlyStopping", "as_callback"]


class Callback:
    """What a trainer calls along the way; a subclass writes the methods it needs.

    `trainer` has `model`, `optimizer`, `history`, `epoch` and `step` (both counted from 1 while they run), and
    `stop(reason)`. A plain function of (trainer, row) does as a callback too: it is called after each epoch.

    >>> class Printing(Callback):
    ...     def on_epoch_end(self, trainer, row):
    ...         print(row["epoch"], row["loss"])
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first step of a `fit`, after a checkpoint was loaded."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first step of an epoch."""

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        """After each step."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        """After an epoch and its validation; `row` becomes the row of the history, and may be added to."""

    def on_fit_end(self, trainer: Trainer, history: History) -> None:
        """After the last step, also when training was stopped or interrupted, but not after an error."""

    def state(self) -> dict[str, Any]:
        """What it needs to go on after an interruption: numbers, texts, arrays, in dicts and lists."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""


class EarlyStopping(Callback):
    """Stops the training when a metric has not become better for `patience` epochs.

    `metric` is a column of the history (None: the validation loss, else the loss); better means smaller for losses and
    errors, larger for others, unless `mode` says, by more than `min_delta`. With `restore_best` the model has the values
    of its best epoch in the end.

    >>> import localgrad as lg
    >>> stopping = lg.EarlyStopping("validation_accuracy", patience=3)
    >>> stopping.mode
    'max'
    """

    def __init__(
        self,
        metric: str | None = None,
        patience: int = 5,
        restore_best: bool = True,
        min_delta: float = 0.0,
        mode: Literal["min", "max"] | None = None,
    ) -> None:
        if patience < 1:
            raise LocalgradError(f"EarlyStopping waits at least 1 epoch; found patience={patience!r}")
        self.metric, self.patience, self.restore_best = metric, int(patience), bool(restore_best)
        self.min_delta = float(min_delta)
        self.mode: str = mode or ("min" if metric is None or smaller_is_better(metric) else "max")
        self.best: float | None = None
        """The best value so far."""
        self.best_epoch = 0
        self._waited = 0
        self._values: dict[str, NDArray[Any]] = {}

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        name = self.metric or ("validation_loss" if "validation_loss" in row else "loss")
        if name not in row:
            raise DataError(
                f"EarlyStopping watches {name!r}; this epoch has {', '.join(row)}. Watch one of these, or give "
                "fit(validation=...) or Trainer(metrics=...)."
            )
        value = row[name]
        if math.isfinite(value) and (self.best is None or self._gain(value, self.best) > self.min_delta):
            self.best, self.best_epoch, self._waited = value, trainer.epoch, 0
            if self.restore_best:
                self._values = {name: leaf.numpy() for name, leaf in trainer.leaves().items()}
            return
        self._waited += 1
        if self._waited >= self.patience:
            best = "never finite" if self.best is None else f"best {self.best:.6g} in epoch {self.best_epoch}"
            trainer.stop(f"{name} has not become better for {self._waited} epochs ({best})")

    def _gain(self, value: float, best: float) -> float:
        return best - value if self.mode == "min" else value - best

    def on_fit_end(self, trainer: Trainer, history: History) -> None:
        for name, leaf in trainer.leaves().items():
            value = self._values.get(name)
            if value is not None and value.shape == leaf.shape:  # a recurrent state may be of another batch by now
                leaf.write(value)

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited, "values": self._values}

    def load_state(self, state: Mapping[str, Any]) -> None:
        try:
            best = state["best"]
            found = None if best is None else float(best), int(state["best_epoch"]), int(state["waited"])
            values = {str(name): np.asarray(value) for name, value in state["values"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"the state of an EarlyStopping was to be loaded; found something else ({error}). Give the same callbacks "
                "as when it was saved."
            ) from None
        (self.best, self.best_epoch, self._waited), self._values = found, values


class _Calling(Callback):
    def __init__(self, function: Callable[[Trainer, dict[str, float]], Any]) -> None:
        self.function = function

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self.function(trainer, row)


def as_callback(callback: Any) -> Callback:
    """A callback as it is, or a function of (trainer, row) as one; raises LocalgradError for anything else."""
    if isinstance(callback, Callback):
        return callback
    if callable(callback) and not isinstance(callback, type):
        return _Calling(callback)
    called = f"the class {callback.__name__}; make one: {callback.__name__}()" if isinstance(callback, type) else None
    raise LocalgradError(
        f"a callback was to be used\nfound: {called or type(callback).__name__}\n"
        "do: give a lg.Callback, or a function of (trainer, row)"
    )


def overriding(callbacks: Sequence[Callback], hook: str) -> list[Any]:
    """The bound methods of those callbacks that write a hook, so that the others cost nothing in every step."""
    return [
        getattr(each, hook)
        for each in callbacks
        if getattr(type(each), hook) is not getattr(Callback, hook) or hook in vars(each)
    ]
