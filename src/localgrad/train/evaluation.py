"""Evaluation: a model judged on data by its loss and metrics, and asked for predictions, without learning anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from localgrad.graph.context import no_grad
from localgrad.graph.errors import InputsError, LocalgradError
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.layers.members import layers_of
from localgrad.train.batches import (
    Parts,
    arrays_of,
    concatenated,
    leaves_of,
    number_given,
    number_of,
    parts_of,
    specs_of,
    with_hint,
)
from localgrad.train.data import DataLoader, as_loader
from localgrad.train.metrics import Metrics

EVALUATED_AT_ONCE: Final = 256


class Evaluation:
    """What a Trainer is without its optimizer: the loss of a batch, metrics, predictions."""

    model: Layer
    loss: Callable[..., Tensor] | None
    metrics: Metrics
    _specs: Any = None

    def look_at(self, parts: Parts) -> None:
        """Look at a batch before its loss is computed; a subclass may count its samples otherwise."""
        if self._specs is None:
            self._specs = specs_of(parts)

    def compute_loss(self, parts: Parts) -> tuple[Tensor, Any]:
        """The loss of a batch and the prediction it judges; a subclass may compute it otherwise.

        `parts.inputs` are tensors for the model, `parts.target` the array of the target (None where the loss is None).
        """
        try:
            prediction = self.model(*parts.inputs, **parts.named)
        except InputsError as error:
            raise with_hint(error, parts, self.loss is not None) from None
        if self.loss is None:
            return prediction, None
        try:
            return self.loss(prediction, leaves_of(parts.target, "t")), prediction
        except LocalgradError as error:
            told = number_given(self.loss, prediction)
            if told is None:
                raise
            raise told from error

    def evaluate(self, data: Any, batch_size: int = EVALUATED_AT_ONCE) -> dict[str, float]:
        """The loss and metrics on data, in evaluation mode and without recording; the model's mode stays what it was.

        >>> import numpy as np, localgrad as lg
        >>> from localgrad.layers import Affine
        >>> trainer = lg.Trainer(lg.Sequential(Affine.create(2, 3, seed=0)))
        >>> sorted(trainer.evaluate((np.zeros((4, 2)), np.arange(4) % 3)))
        ['accuracy', 'loss']
        """
        return self._measure(as_loader(data, batch_size, shuffle=False), "")

    def predict(self, x: Any, batch_size: int = EVALUATED_AT_ONCE) -> Any:
        """What the model gives for inputs (an array, or a tuple of several), in evaluation mode, batch by batch."""
        loader = as_loader(x, batch_size, shuffle=False)
        found = []
        with self.evaluating(), no_grad():
            for batch in loader.batches(0):
                parts = parts_of(batch, False)
                found.append(arrays_of(self.model(*parts.inputs, **parts.named)))
        return concatenated(found)

    def _measure(self, loader: DataLoader, prefix: str) -> dict[str, float]:
        sums: dict[str, float] = {"loss": 0.0}
        total = 0
        with self.evaluating(), no_grad():
            token = WARNINGS.set(QUIET)
            try:
                for batch in loader.batches(0):
                    parts = parts_of(batch, self.loss is not None)
                    self.look_at(parts)
                    loss, prediction = self.compute_loss(parts)
                    sums["loss"] += number_of(loss) * parts.count
                    total += parts.count
                    if self.metrics.measures and parts.target is not None:
                        self.metrics.add(sums, arrays_of(prediction), parts.target, parts.count)
            finally:
                WARNINGS.reset(token)
        return self.metrics.means(sums, total, prefix)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """A block in which every layer is in evaluation mode; afterwards each is in its own again."""
        layers = [layer for _, layer in layers_of(self.model)]
        modes = [layer.training for layer in layers]
        self._train_mode(False)
        try:
            yield
        finally:
            for layer, mode in zip(layers, modes, strict=True):
                layer.training = mode

    def _train_mode(self, training: bool) -> None:
        # not model.train(), which would forget that the model was fitted
        for _, layer in layers_of(self.model):
            layer.training = training
