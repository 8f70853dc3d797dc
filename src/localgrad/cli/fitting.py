"""Handing a problem to the trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.cli.progress import Progress

if TYPE_CHECKING:
    from localgrad.cli.training import Problem
    from localgrad.layers.model import Sequential
    from localgrad.train.history import History
    from localgrad.train.optimizer import Optimizer

__all__ = ["fit", "optimizer_named"]


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
    """Train epoch by epoch."""
    from localgrad.graph.tensor import tensor
    from localgrad.nodes.losses import loss_named
    from localgrad.train.data import DataLoader
    from localgrad.train.history import History

    history = History()
    loader = DataLoader(problem.train, settings["batch_size"], seed=settings["seed"])
    lossf = loss_named(problem.loss)
    with Progress(settings["epochs"], problem.judged) as progress:
        for e in range(settings["epochs"]):
            total = 0.0
            for x, y in loader:
                loss = lossf(model(tensor(x)), y)
                loss.backward(keep="leaves")
                optimizer.step(model)
                total += loss.item() * len(x)
            row = {"epoch": e + 1, "loss": total / len(problem.train[0])}
            if problem.validation:
                o = model(tensor(problem.validation[0]))
                row["validation_loss"] = lossf(o, problem.validation[1]).item()
            history.append(**row)
            progress.epoch(row)
    return history
