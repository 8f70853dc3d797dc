"""Callbacks of the trainer, and how it stops: in an epoch, early, and by Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import DataError, LocalgradError
from localgrad.train.callbacks import Callback, EarlyStopping
from localgrad.train.interruption import Interruption
from localgrad.train.optimizers import Momentum
from localgrad.train.trainer import Trainer
from tests.training import (
    Notes,
    blobs,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    net,
)

# ---------------------------------------------------------------- callbacks


def test_callbacks_are_called_in_order() -> None:
    notes = Notes()
    rows: list[dict[str, float]] = []
    trainer = Trainer(net(), callbacks=[notes])
    history = trainer.fit(blobs(6), epochs=2, batch_size=3, callbacks=[lambda trainer, row: rows.append(row)])
    assert notes.said == [
        *("fit", "epoch 1", "step 1", "step 2", "end 1", "epoch 2", "step 3", "step 4", "end 2", "done 2")
    ]
    assert history["extra"].tolist() == [7, 7]
    assert [row["epoch"] for row in rows] == [1, 2]


@pytest.mark.parametrize("wrong", [3, Notes])
def test_what_is_no_callback(wrong: Any) -> None:
    with pytest.raises(LocalgradError, match="a callback was to be used"):
        Trainer(net(), callbacks=[wrong])


def test_stopping_in_the_middle_of_an_epoch() -> None:
    class Enough(Callback):
        def on_step_end(self, trainer: Trainer, loss: float) -> None:
            if trainer.step == 3:
                trainer.stop("enough")

    trainer = Trainer(net())
    history = trainer.fit(blobs(), epochs=5, batch_size=30, callbacks=[Enough()])
    assert (trainer.step, len(history), trainer.stopped) == (3, 1, "enough")


def test_early_stopping_restores_the_best() -> None:
    class Spoil(Callback):
        """From the third epoch on the parameters get worse."""

        def on_epoch_start(self, trainer: Trainer) -> None:
            kept.append({name: leaf.numpy() for name, leaf in trainer.leaves().items()})
            if trainer.epoch > 2:
                for leaf in trainer.leaves().values():
                    leaf.write(np.zeros(leaf.shape, leaf.dtype))

    kept: list[dict[str, Any]] = []
    stopping = EarlyStopping("validation_loss", patience=2)
    trainer = Trainer(net(), optimizer=Momentum(0.05))
    history = trainer.fit(blobs(), epochs=50, validation=blobs(30, 1), callbacks=[Spoil(), stopping])
    assert len(history) == 4
    assert stopping.best_epoch == 2
    assert stopping.best == history[1]["validation_loss"]
    assert "has not become better for 2 epochs" in str(trainer.stopped)
    for name, leaf in trainer.leaves().items():
        np.testing.assert_array_equal(leaf.data, kept[2][name])


def test_early_stopping_watches_what_there_is() -> None:
    with pytest.raises(DataError, match="watches 'validation_loss'; this epoch has epoch, step, loss"):
        Trainer(net()).fit(blobs(), callbacks=[EarlyStopping("validation_loss")])
    with pytest.raises(LocalgradError, match="at least 1"):
        EarlyStopping(patience=0)


# ---------------------------------------------------------------- Ctrl-C


def test_ctrl_c_finishes_the_step_and_keeps_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Press(Callback):
        def on_step_end(self, trainer: Trainer, loss: float) -> None:
            if trainer.step == 5:
                signal.raise_signal(signal.SIGINT)

    trainer = Trainer(net())
    history = trainer.fit(blobs(), epochs=9, batch_size=20, checkpoint=tmp_path, callbacks=[Press()])
    assert (trainer.step, len(history), trainer.stopped) == (5, 1, "interrupted")
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert "interrupted after step 5 in epoch 2" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_ctrl_c_stops_at_once() -> None:
    class Press(Callback):
        def on_step_end(self, trainer: Trainer, loss: float) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Trainer(net()).fit(blobs(), callbacks=[Press()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_stays() -> None:
    old = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
        assert not interruption.asked
    finally:
        signal.signal(signal.SIGINT, old)
