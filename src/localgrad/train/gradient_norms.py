"""The norm of each parameter's gradient after every epoch, for the explorer's picture of a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from localgrad.train.batches import parts_of
from localgrad.train.callbacks import Callback
from localgrad.train.history import History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localgrad.train.trainer import Trainer

__all__ = ["GradientNorms"]

ROWS = 256


class GradientNorms(Callback):
    """Measures after each epoch the gradient of the loss of the same rows, and changes nothing of the training.

    Layers are in evaluation mode meanwhile, so that none draws random numbers or moves its statistics.

    `norms` has a row an epoch, a column a parameter; it is written to `path` at the end of a `fit`, if given. `data` is
    the arrays of a batch, of which the first 256 rows are used.
    """

    def __init__(self, data: Any, path: Path | None = None) -> None:
        self.batch = tuple(np.asarray(each)[:ROWS] for each in data)
        self.path = path
        self.norms = History()

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        from localgrad.transform.differentiate import gradients

        with trainer.evaluating():
            loss, _ = trainer.compute_loss(parts_of(self.batch, trainer.loss is not None))
        parameters = trainer.model.parameters()
        found = gradients(loss, list(parameters.values()))
        norms = {
            name: float(np.linalg.norm(np.asarray(grad._value, np.float64)))
            for name, grad in zip(parameters, found, strict=True)
            if grad is not None
        }
        self.norms.append(epoch=row["epoch"], step=row["step"], **norms)

    def on_fit_end(self, trainer: Trainer, history: History) -> None:
        if self.path is not None and len(self.norms):
            self.norms.to_csv(self.path)

    def state(self) -> dict[str, Any]:
        return {"rows": [dict(each) for each in self.norms]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.norms = History(state.get("rows", ()))
