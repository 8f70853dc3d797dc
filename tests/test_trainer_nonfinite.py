"""What the trainer does about losses, gradients and data that are not finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import DataError, LocalgradWarning, NonFiniteError
from localgrad.graph.tensor import parameter
from localgrad.layers import Affine, BatchNormalization
from localgrad.layers.model import Model
from localgrad.nodes.exponential import Log
from localgrad.train.callbacks import Callback
from localgrad.train.data import DataLoader
from localgrad.train.optimizers import Adam
from localgrad.train.trainer import Trainer
from tests.training import (
    Notes,
    blobs,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    net,
)

# ---------------------------------------------------------------- what is not finite


class Fragile(Model):
    """Takes the logarithm of its first input: NaN where that is negative."""

    def __init__(self) -> None:
        self.norm = BatchNormalization.create(2)
        self.last = Affine.create(2, 3, seed=0)

    def call(self, x: Any) -> Any:
        return self.last(Log.on(self.norm(x) * 0 + x))


def positive(bad: int | None = None) -> tuple[Any, Any]:
    x = np.random.default_rng(0).uniform(0.5, 1.5, (40, 2)).astype(np.float32)
    if bad is not None:
        x[bad, 1] = -1
    return x, np.arange(40) % 3


def test_a_nan_loss_stops_at_once_and_names_the_node(tmp_path: Path) -> None:
    model = Fragile()
    trainer = Trainer(model, optimizer=Adam(0.01), seed=4)
    trainer.fit(positive(), epochs=1, batch_size=10, checkpoint=tmp_path)
    loader = DataLoader(positive(bad=25), batch_size=10, shuffle=False)
    kept: list[Any] = []

    class Keep(Callback):
        def on_step_end(self, trainer: Trainer, loss: float) -> None:
            kept.append({name: leaf.numpy() for name, leaf in trainer.leaves().items()})

    with pytest.raises(NonFiniteError) as raised:
        trainer.fit(loader, epochs=1, callbacks=[Keep()], checkpoint=tmp_path)
    text = str(raised.value)
    assert "training was stopped in step 7, epoch 2: the loss is nan" in text
    assert "the first non-finite value in step 7 appeared in the forward" in text
    assert "Log(...)" in text
    assert "test_trainer_nonfinite.py" in text
    assert "1 NaN of 20 entries" in text
    assert f"the last good checkpoint is {tmp_path / 'checkpoint.safetensors'}" in text
    assert trainer.step == 6
    for name, leaf in trainer.leaves().items():  # running statistics included
        np.testing.assert_array_equal(leaf.data, kept[-1][name])


def test_a_gradient_that_is_not_finite_is_found_before_the_step() -> None:
    class Root(Model):
        def __init__(self) -> None:
            self.w = parameter(np.zeros((2, 3), np.float32))

        def call(self, x: Any) -> Any:
            return ((x @ self.w) ** 2) ** 0.25 + x @ self.w

    model = Root()
    with pytest.raises(NonFiniteError, match=r"the gradient of `w` has(.|\n)*first non-finite gradient in step 1"):
        Trainer(model).fit(blobs(), batch_size=60)
    assert not model.w.data.any()


def test_skipping_leaves_the_batch_out() -> None:
    model = Fragile()
    trainer = Trainer(model, nonfinite="skip")
    loader = DataLoader(positive(bad=25), batch_size=10, shuffle=False)
    with pytest.warns(LocalgradWarning, match="a batch is left out of training: the loss is nan in step 3"):
        history = trainer.fit(loader, epochs=2)
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(leaf.data).all() for leaf in trainer.leaves().values())


def test_batches_that_are_all_bad_stop_even_when_skipping() -> None:
    x, y = positive()
    with (
        pytest.warns(LocalgradWarning, match="left out"),
        pytest.raises(NonFiniteError, match=r"51 batches in a row cannot be used"),
    ):
        Trainer(Fragile(), nonfinite="skip").fit((-x, y), epochs=60, batch_size=40)


def test_warning_goes_on() -> None:
    loader = DataLoader(positive(bad=25), batch_size=10, shuffle=False)
    with pytest.warns(LocalgradWarning, match="training goes on although the loss is nan in step 3"):
        history = Trainer(Fragile(), nonfinite="warn").fit(loader, epochs=2)
    assert len(history) == 2


def test_nan_in_the_data_is_found_before_the_first_epoch() -> None:
    x, y = blobs()
    x[7, 1] = np.nan
    notes = Notes()
    with pytest.raises(DataError, match="sample 7, column 1"):
        Trainer(net(), callbacks=[notes]).fit((x, y))
    assert notes.said == []
