"""What the tests of the trainer share: clouds of points, a small net, and a callback that notes what it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from localgrad.graph.warning import forget_warnings
from localgrad.layers import Affine, Relu
from localgrad.layers.model import Sequential
from localgrad.train.callbacks import Callback
from localgrad.train.history import History
from localgrad.train.trainer import Trainer


@pytest.fixture(autouse=True)
def fresh_warnings() -> None:
    forget_warnings()


def blobs(count: int = 60, seed: int = 0) -> tuple[Any, Any]:
    """Three clouds of points that a linear model tells apart."""
    generator = np.random.default_rng(seed)
    y = np.arange(count) % 3
    centres = np.array([[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]])
    return (centres[y] + 0.3 * generator.standard_normal((count, 2))).astype(np.float32), y


def net(seed: int = 0) -> Sequential:
    return Sequential(Affine.create(2, 8, seed=seed), Relu(), Affine.create(8, 3, seed=seed + 1))


class Notes(Callback):
    def __init__(self) -> None:
        self.said: list[str] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        self.said.append("fit")

    def on_epoch_start(self, trainer: Trainer) -> None:
        self.said.append(f"epoch {trainer.epoch}")

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        self.said.append(f"step {trainer.step}")

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self.said.append(f"end {row['epoch']}")
        row["extra"] = 7.0

    def on_fit_end(self, trainer: Trainer, history: History) -> None:
        self.said.append(f"done {len(history)}")
