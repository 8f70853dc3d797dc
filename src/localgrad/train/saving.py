"""Saving: what of a training goes into its checkpoint, when it is written, and how a training goes on from it."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localgrad.exchange import weights
from localgrad.graph.errors import CheckpointError, DataError, LocalgradWarning
from localgrad.nodes.random import GENERATOR
from localgrad.train.callbacks import Callback
from localgrad.train.checkpoint import (
    Checkpoint,
    environment,
    model_differences,
    read_checkpoint,
    refuse_differences,
    write_checkpoint,
)
from localgrad.train.history import History, smaller_is_better
from localgrad.train.run_folder import RunFolder

if TYPE_CHECKING:
    from localgrad.train.data import DataLoader
    from localgrad.train.trainer import Trainer


class Saving:
    """Writes the checkpoint and the run folder of one `fit`: when it is time, and in the end in any case."""

    def __init__(
        self,
        trainer: Trainer,
        checkpoint: Checkpoint | None,
        folder: RunFolder | None,
        loader: DataLoader,
        callbacks: Sequence[Callback],
    ) -> None:
        self.trainer, self.checkpoint, self.folder = trainer, checkpoint, folder
        self.loader, self.callbacks = loader, callbacks
        self.every = (checkpoint.every_steps or 0) if checkpoint is not None else 0
        self._written: Any = None
        self._last = 0.0
        self._best: float | None = None

    def step(self) -> None:
        """After a step: write if it is one of every so many."""
        if self.trainer.step % self.every == 0:
            self._write()

    def epoch(self, row: Mapping[str, float]) -> None:
        """After an epoch: write unless the last time was just now."""
        if self.checkpoint is not None and self.checkpoint.best:
            self._keep_best(row, self.checkpoint)
        now = time.monotonic()
        pause = self.checkpoint.seconds if self.checkpoint is not None else 1.0
        if now - self._last >= pause:
            self._last = now
            self._write()
            if self.folder is not None:
                self.folder.write_history(self.trainer.history)

    def finish(self) -> None:
        """Write what has not been written yet."""
        if self._written != self._moment():
            self._write()

    def _write(self) -> None:
        if self.checkpoint is not None:
            write_checkpoint(self.checkpoint.path, snapshot(self.trainer, self.loader, self.callbacks))
            self._written = self._moment()

    def _moment(self) -> Any:
        return self.trainer.step, self.trainer.completed, self.trainer.stopped

    def _keep_best(self, row: Mapping[str, float], checkpoint: Checkpoint) -> None:
        name = checkpoint.best
        if name is True:
            name = "validation_loss" if "validation_loss" in row else "loss"
        column = [each[str(name)] for each in self.trainer.history if str(name) in each]
        if not column:
            raise CheckpointError(f"the best epoch by {name!r} was to be kept; this epoch has {', '.join(row)}.")
        best = (min if smaller_is_better(str(name)) else max)(value for value in column if value == value)
        if row.get(str(name)) == best and best != self._best:
            self._best = best
            values = {label: leaf._value for label, leaf in self.trainer.leaves().items()}
            weights.write(checkpoint.best_path, values, {"epoch": str(row["epoch"]), str(name): repr(best)})


def snapshot(trainer: Trainer, loader: DataLoader | None, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Everything a training is, as nested dicts of numbers, texts and arrays."""
    return {
        "environment": environment(),
        "model": {"parameters": dict(trainer.model.parameters()), "states": dict(trainer.model.state())},
        "generator": GENERATOR._value,
        "optimizer": {"class": type(trainer.optimizer).__name__, "state": trainer.optimizer.state()},
        "schedule": None if trainer.schedule is None else trainer.schedule.state(),
        "callbacks": [{"class": type(each).__name__, "state": each.state()} for each in callbacks],
        "training": trainer.place(),
        "loader": None if loader is None else loader.state(),
        "history": list(trainer.history),
    }


def restore(
    trainer: Trainer, path: str | os.PathLike[str], loader: DataLoader | None, callbacks: Sequence[Callback]
) -> None:
    """Make a trainer what it was when the checkpoint was written.

    Raises CheckpointError where the file is damaged or of another model or optimizer, DataError where the data were set
    up otherwise; nothing of the model, optimizer or data is changed then.
    """
    content = read_checkpoint(path)
    try:
        model, optimizer = content["model"], content["optimizer"]
        parameters, states = trainer.model.parameters(), trainer.model.state()
        refuse_differences(
            path, model_differences(parameters, model["parameters"]) + model_differences(states, model["states"])
        )
        own = type(trainer.optimizer).__name__
        if optimizer["class"] != own:
            refuse_differences(path, [f"the optimizer was {optimizer['class']}, is {own}"])
        kept = trainer.optimizer.read_state(optimizer["state"], trainer.model)
        history = _history(content["history"])
        place = trainer.read_place(content["training"])
        generator = content["generator"].reshape(GENERATOR.shape).astype(GENERATOR.dtype)
        saved = [(str(each["class"]), dict(each["state"])) for each in content["callbacks"]]
        found = {name: str(value) for name, value in content["environment"].items()}
        if loader is not None and content["loader"] is not None:
            loader.load_state(content["loader"])
        if trainer.schedule is not None and content["schedule"] is not None:
            trainer.schedule.load_state(content["schedule"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, CheckpointError) or type(error).__module__.startswith("localgrad"):
            raise
        raise CheckpointError(
            f"a training was to go on from {path}\nfound: its description is damaged ({type(error).__name__}: {error})\n"
            "do: use an older checkpoint, or start the training anew"
        ) from None
    for callback in callbacks:
        for index, (name, state) in enumerate(saved):
            if name == type(callback).__name__:
                callback.load_state(state)
                del saved[index]
                break
    for leaves, values in ((parameters, model["parameters"]), (states, model["states"])):
        for name, leaf in leaves.items():
            leaf.data = values[name]
    trainer.optimizer.adopt_state(*kept)
    trainer.history = history
    trainer.take_place(place)
    GENERATOR.write(generator)
    changed = [
        f"{name} was {found.get(name)}, is {value}"
        for name, value in environment().items()
        if found.get(name, str(value)) != str(value)
    ]
    if changed:
        warnings.warn(
            f"the training goes on from {path} elsewhere than it was saved ({'; '.join(changed)}), so it may differ in "
            "the last bits from one that was not interrupted",
            LocalgradWarning,
            stacklevel=3,
        )


def _history(rows: Any) -> History:
    try:
        return History(rows)
    except DataError as error:
        raise ValueError(str(error)) from None
