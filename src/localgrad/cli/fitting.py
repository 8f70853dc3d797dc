"""Handing a problem to the trainer, and telling how far it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.cli.sample import NOWHERE
from localgrad.graph.context import using
from localgrad.train.callbacks import EarlyStopping
from localgrad.train.checkpoint import Checkpoint
from localgrad.train.gradient_norms import GradientNorms
from localgrad.train.progress import Bar, Silent
from localgrad.train.trainer import Trainer

if TYPE_CHECKING:
    from localgrad.cli.training import Problem
    from localgrad.layers.model import Sequential
    from localgrad.train.history import History
    from localgrad.train.optimizer import Optimizer

__all__ = ["Lines", "fit", "optimizer_named"]

MOST_LINES = 10


class Lines(Silent):
    """A line every few epochs on standard output, and below them a bar where that is a terminal."""

    def __init__(self, judged: str) -> None:
        self._judged = judged
        self._epochs = 0
        self._bar: Silent = Silent()

    def start(self, epochs: int, each: int | None, done: int) -> None:
        self._epochs = epochs
        if sys.stdout.isatty():
            from rich.console import Console

            self._bar = Bar(Console(file=sys.stdout))
        self._bar.start(epochs, each, done)

    def step(self, epoch: int, step: int, samples: int, loss: float) -> None:
        self._bar.step(epoch, step, samples, loss)

    def epoch(self, row: Mapping[str, float]) -> None:
        # What was measured stands in the lines; beside the bar it would leave no room for it.
        self._bar.epoch({name: row[name] for name in ("epoch", "step", "loss")})
        number, every = int(row["epoch"]), -(-self._epochs // MOST_LINES)
        if number == 1 or number % every == 0 or number == self._epochs:
            # While a bar is shown, rich puts what is printed above it.
            print(self._line(number, row), flush=True)

    def say(self, message: str) -> None:
        """Nothing: it would be said of an interruption alone, and in words of Python."""

    def close(self) -> None:
        self._bar.close()

    def _line(self, number: int, row: Mapping[str, float]) -> str:
        parts = [f"epoch {number:>{len(str(self._epochs))}}/{self._epochs}", f"loss {row['loss']:.4f}"]
        measured = {name: row.get(f"validation_{name}") for name in ("loss", "accuracy")}
        parts += [f"{self._judged} {name} {value:.4f}" for name, value in measured.items() if value is not None]
        return "  " + "   ".join(parts)


def optimizer_named(name: str, rate: float) -> Optimizer:
    """The optimizer that `--optimizer` means."""
    from localgrad.train import optimizers

    kinds: dict[str, type[Optimizer]] = {
        "adam": optimizers.Adam,
        "adamw": optimizers.AdamW,
        "sgd": optimizers.SGD,
        "momentum": optimizers.Momentum,
        "rmsprop": optimizers.RMSprop,
        "adagrad": optimizers.AdaGrad,
    }
    return kinds[name](rate)


def fit(model: Sequential, optimizer: Optimizer, problem: Problem, settings: dict[str, Any], folder: Path) -> History:
    """Train, going on from the folder's checkpoint if there is one; raises KeyboardInterrupt after a Ctrl-C.

    Where rows are kept aside to choose by, the model has the values of its best epoch in the end.
    """
    trainer = Trainer(model, loss=problem.loss, optimizer=optimizer, seed=settings["seed"])
    best = EarlyStopping("validation_loss", patience=sys.maxsize) if problem.chooses else None
    with using(site=NOWHERE):
        history = trainer.fit(
            problem.train,
            epochs=settings["epochs"],
            validation=problem.validation,
            batch_size=settings["batch_size"],
            checkpoint=Checkpoint(folder),
            callbacks=[GradientNorms(problem.train, folder / "gradients.csv"), *([best] if best is not None else [])],
            resume=True,
            progress=Lines(problem.judged),
        )
    if trainer.stopped == "interrupted":
        raise KeyboardInterrupt
    if best is not None and best.best is not None:
        print(f"kept: epoch {best.best_epoch}, where the loss of the {problem.judged} rows was lowest")
    return history
