"""Training with compiled steps: the same training, faster, and eager with a reason where a step cannot be compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, Dropout, Relu
from localgrad.train import compiled_steps
from tests.compiled import needs_compiler
from tests.training import (
    blobs,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    net,
)

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def _plans_for_short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_steps, "WORTH", 0)


def test_a_plan_is_made_for_a_training_that_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_steps, "WORTH", 10)
    trainer = lg.Trainer(net())
    trainer.fit(blobs(48), epochs=3, batch_size=16, progress=False)
    assert trainer.execution == "eager: 9 steps are too few for a plan to pay"
    trainer.fit(blobs(48), epochs=1, batch_size=16, progress=False)
    assert trainer.execution == "compiled"


def trained(compile: bool, **options: Any) -> lg.Trainer:
    trainer = lg.Trainer(net(), compile=compile, **options)
    trainer.fit(blobs(50), epochs=3, batch_size=16, progress=False)
    return trainer


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": lambda: lg.SGD(0.1), "clip_norm": 0.05},
        {"optimizer": lambda: lg.AdamW(0.01, clip_norm=0.1), "nonfinite": "warn"},
        {"optimizer": lambda: lg.Momentum(0.1), "nonfinite": "skip", "schedule": lambda epoch: 1 / (1 + epoch)},
    ],
)
def test_compiled_and_eager_trainings_are_the_same(options: dict[str, Any]) -> None:
    made = [{key: f() if key == "optimizer" else f for key, f in options.items()} for _ in range(2)]
    fast, slow = trained(True, **made[0]), trained(False, **made[1])
    assert (fast.execution, slow.execution) == ("compiled", "eager: compile=False")
    assert len(fast.shapes) == 2  # the last batch is shorter
    for column in ("loss", "accuracy"):
        np.testing.assert_allclose(fast.history[column], slow.history[column], rtol=1e-5)
    for name, leaf in fast.leaves().items():
        np.testing.assert_allclose(leaf.data, slow.leaves()[name].data, rtol=1e-4, atol=1e-5)


def test_an_interrupted_compiled_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    def model() -> Any:
        lg.seed(3)
        return lg.Sequential(
            Affine.create(2, 8, seed=0), BatchNormalization.create(8), Dropout(0.2), Affine.create(8, 3, seed=1)
        )

    whole = lg.Trainer(model())
    whole.fit(blobs(50), epochs=4, batch_size=16)
    with pytest.raises(RuntimeError):
        lg.Trainer(model(), callbacks=[Breaking(6)]).fit(
            blobs(50), epochs=4, batch_size=16, checkpoint=lg.Checkpoint(tmp_path, every_steps=1)
        )
    rest = lg.Trainer(model())
    rest.fit(blobs(50), epochs=4, batch_size=16, checkpoint=lg.Checkpoint(tmp_path), resume=True)
    assert rest.execution == "compiled"
    for name, leaf in whole.leaves().items():
        np.testing.assert_array_equal(rest.leaves()[name].data, leaf.data, err_msg=name)
    assert list(rest.history["loss"]) == list(whole.history["loss"])


class Breaking(lg.Callback):
    def __init__(self, after: int) -> None:
        self.after = after

    def on_step_end(self, trainer: lg.Trainer, loss: float) -> None:
        if trainer.step == self.after:
            raise RuntimeError("the power is gone")


def test_gradients_can_be_read_in_callbacks() -> None:
    found: dict[bool, list[Any]] = {True: [], False: []}

    class Reading(lg.Callback):
        def on_step_end(self, trainer: lg.Trainer, loss: float) -> None:
            found[trainer.compile].append(trainer.model.parameters()["0/W"].grad.copy())

    for compile in (True, False):
        trained(compile, callbacks=[Reading()])
    np.testing.assert_allclose(found[True], found[False], rtol=1e-4, atol=1e-6)


def test_a_setting_that_changes_between_epochs_is_seen() -> None:
    class Scaled(lg.Model):
        def __init__(self) -> None:
            self.inner = Affine.create(2, 3, seed=0)
            self.scale = 1.0

        def call(self, x: Any) -> Any:
            return self.inner(x) * self.scale

    class Growing(lg.Callback):
        def on_epoch_start(self, trainer: lg.Trainer) -> None:
            trainer.model.scale = float(trainer.epoch)

    histories = []
    for compile in (True, False):
        trainer = lg.Trainer(Scaled(), callbacks=[Growing()], compile=compile)
        histories.append(trainer.fit(blobs(), epochs=3, batch_size=20)["loss"])
        assert trainer.execution.startswith("compiled" if compile else "eager")
    np.testing.assert_allclose(*histories, rtol=1e-5)


class Deciding(lg.Model):
    def __init__(self) -> None:
        self.inner = Affine.create(2, 3, seed=0)

    def call(self, x: Any) -> Any:
        y = self.inner(x)
        return y if float(y.sum()) > 0 else y * 2


class Counting(Deciding):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return self.inner(x)


class Keeping(Deciding):
    def call(self, x: Any) -> Any:
        self.kept_tensor = self.inner(x)
        return self.kept_tensor


class Drawing(Deciding):
    def call(self, x: Any) -> Any:
        return self.inner(x) + np.random.normal(size=3).astype(np.float32)  # noqa: NPY002


@pytest.mark.parametrize(
    ("model", "reason"),
    [(Deciding, "test_trainer_compiled"), (Counting, "`calls`"), (Keeping, "`kept_tensor`"), (Drawing, "generator")],
)
def test_what_cannot_be_compiled_is_trained_eagerly_and_says_why(model: Any, reason: str) -> None:
    found = []
    for compile in (True, False):
        np.random.seed(0)  # noqa: NPY002
        trainer = lg.Trainer(model(), compile=compile)
        found.append(trainer.fit(blobs(), epochs=2, batch_size=20)["loss"])
        if compile:
            assert trainer.execution.startswith("eager")
            assert reason in trainer.execution
        if model is Counting:
            assert trainer.model.calls == 6
    np.testing.assert_array_equal(*found)


def test_a_trainer_with_a_loss_of_its_own_is_eager() -> None:
    class Own(lg.Trainer):
        def compute_loss(self, parts: Any) -> Any:
            return super().compute_loss(parts)

    trainer = Own(net())
    trainer.fit(blobs(), epochs=1)
    assert trainer.execution == "eager: Own has a compute_loss of its own"


def test_beyond_the_most_shapes_batches_are_trained_eagerly() -> None:
    batches = [(np.ones((count, 2), np.float32), np.zeros(count, np.int64)) for count in range(1, 12)]

    trainer = lg.Trainer(lg.Sequential(Affine.create(2, 3, seed=0), Relu()))
    from localgrad.train.batches import parts_of
    from localgrad.train.compiled_steps import MOST_SHAPES, CompiledSteps

    trainer.model.train()
    steps = CompiledSteps(trainer, list(trainer.model.parameters().items()), False)
    steps.look()
    made = [steps.step(parts_of(batch, True)) is not None for batch in batches]
    assert made == [number < MOST_SHAPES for number in range(len(batches))]


def test_a_checkpoint_loaded_between_two_fits_is_trained_on(tmp_path: Path) -> None:
    found = []
    for compile in (True, False):
        trainer = lg.Trainer(net(), optimizer=lg.Adam(0.05), compile=compile)
        trainer.fit(blobs(), epochs=1, batch_size=20)
        trainer.save(tmp_path / "saved")
        trainer.fit(blobs(), epochs=1, batch_size=20)
        trainer.load(tmp_path / "saved")
        trainer.fit(blobs(), epochs=1, batch_size=20)
        found.append({name: leaf.numpy() for name, leaf in trainer.leaves().items()})
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-4, atol=1e-5)


def test_measuring_gradient_norms_changes_nothing_of_the_training() -> None:
    from localgrad.layers import Affine, BatchNormalization, Dropout
    from localgrad.train.gradient_norms import GradientNorms

    x = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.int64)
    found = []
    for measured in (False, True):
        lg.seed(3)
        model = lg.Sequential(
            Affine.create(3, 4, seed=0), BatchNormalization.create(4), Dropout(0.5), Affine.create(4, 2, seed=1)
        )
        norms = GradientNorms((x, y))
        lg.Trainer(model, callbacks=[norms] if measured else []).fit((x, y), epochs=3, batch_size=8)
        found.append({**model.parameters(), **model.state()})
    assert len(norms.norms) == 3
    assert all(np.array_equal(found[0][name].data, found[1][name].data) for name in found[0])
