"""Checkpoints: always whole, wherever the process dies; going on from one gives the bits of a run that never stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.exchange import weights
from localgrad.graph.errors import CheckpointError, DataError, LocalgradWarning
from localgrad.graph.warning import forget_warnings
from localgrad.layers import Affine, BatchNormalization, Dropout, Relu
from localgrad.layers.model import Model, Sequential
from localgrad.nodes import random
from localgrad.train.callbacks import Callback, EarlyStopping
from localgrad.train.checkpoint import CONTENT, Checkpoint, read_checkpoint, write_checkpoint
from localgrad.train.data import DataLoader
from localgrad.train.optimizers import SGD, Adam, AdamW
from localgrad.train.schedules import CosineDecay, ReduceOnPlateau, WarmUp
from localgrad.train.trainer import Trainer

FILE = "checkpoint.safetensors"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget_warnings()
    random.seed(5)


class Net(Model):
    """Everything that has a state: running statistics, a dropout layer, and dropout from the common generator."""

    def __init__(self, hidden: int = 8) -> None:
        self.first = Affine.create(2, hidden, seed=0)
        self.norm = BatchNormalization.create(hidden)
        self.drop = Dropout(0.2, seed=1)
        self.last = Affine.create(hidden, 3, seed=2)

    def call(self, x: Any) -> Any:
        y = self.drop(self.norm(self.first(x)))
        return self.last(random.dropout(y, 0.1, self.training))


class Dying(Callback):
    """Raises after a step, as if the process had ended there."""

    def __init__(self, step: int) -> None:
        self.last = step

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        if trainer.step == self.last:
            raise RuntimeError("dead")


def data(count: int = 40) -> tuple[Any, Any]:
    x = np.random.default_rng(3).standard_normal((count, 2)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)


def trainer(schedule: Any = None, optimizer: Any = None) -> Trainer:
    random.seed(5)
    return Trainer(Net(), optimizer=optimizer or Adam(0.01), schedule=schedule, seed=2, clip_norm=1.0)


def everything(made: Trainer) -> dict[str, Any]:
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in made.history]
    leaves = {name: leaf.numpy().tobytes() for name, leaf in {**made.leaves(), **made.optimizer.state()}.items()}
    return {"rows": rows, "generator": random.GENERATOR.numpy().tolist(), "step": made.step, **leaves}


SCHEDULES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "warm-up and cosine": lambda: WarmUp(5, then=CosineDecay()),
    "plateau": lambda: ReduceOnPlateau("loss", patience=1, gamma=0.5, threshold=0.5),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("died", [1, 7, 8, 13, 19])
def test_going_on_gives_the_bits_of_an_uninterrupted_run(schedule: str, died: int, tmp_path: Path) -> None:
    def fit(made: Trainer, **more: Any) -> Trainer:
        kept = Checkpoint(tmp_path, every_steps=3, seconds=0)
        stopping = EarlyStopping("loss", patience=4)
        callbacks = [stopping, *more.pop("callbacks", ())]
        made.fit(data(), 4, validation=data(20), batch_size=9, checkpoint=kept, callbacks=callbacks, **more)
        return made

    whole = everything(fit(trainer(SCHEDULES[schedule]())))
    (tmp_path / FILE).unlink()
    with pytest.raises(RuntimeError, match="dead"):
        fit(trainer(SCHEDULES[schedule]()), callbacks=[Dying(died)])
    resumed = trainer(SCHEDULES[schedule]())
    random.seed(99)
    if died < 3:
        assert not (tmp_path / FILE).exists()
        random.seed(5)
    assert everything(fit(resumed, resume=True)) == whole


def test_ctrl_c_in_the_middle_and_on(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_step_end(self, trainer: Trainer, loss: float) -> None:
            if trainer.step == 6:
                trainer.stop("interrupted")

    first = trainer()
    first.fit(data(), 3, batch_size=10)
    whole = everything(first)
    trainer().fit(data(), 3, batch_size=10, checkpoint=tmp_path, callbacks=[Stop()])
    resumed = trainer()
    resumed.fit(data(), 3, batch_size=10, checkpoint=tmp_path, resume=True)
    assert everything(resumed) == whole


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    first = trainer()
    first.fit(data(), 2, checkpoint=tmp_path)
    again = trainer()
    assert again.fit(data(), 2, checkpoint=tmp_path, resume=True) == first.history
    assert again.step == first.step
    assert len(again.fit(data(), 3, checkpoint=tmp_path, resume=True)) == 3


def test_a_training_that_was_stopped_early_stays_stopped(tmp_path: Path) -> None:
    def fit(made: Trainer, epochs: int, resume: bool) -> int:
        stopping = EarlyStopping("loss", patience=1, min_delta=9.0)
        return len(made.fit(data(), epochs, checkpoint=tmp_path, callbacks=[stopping], resume=resume))

    assert fit(trainer(), 9, False) == 2
    assert fit(trainer(), 9, True) == 2
    assert fit(trainer(), 10, True) == 3


def test_save_and_load(tmp_path: Path) -> None:
    first, second = trainer(), trainer()
    first.fit(data(), 2)
    first.save(tmp_path / "moment.safetensors")
    second.load(tmp_path / "moment.safetensors")
    assert everything(second) == everything(first)
    np.testing.assert_array_equal(first.predict(data()[0]), second.predict(data()[0]))


def test_the_best_epoch_is_kept_apart(tmp_path: Path) -> None:
    made = trainer(optimizer=Adam(0.3))
    values: list[dict[str, Any]] = []
    note = lambda each, row: values.append({n: leaf.numpy() for n, leaf in each.leaves().items()})  # noqa: E731
    history = made.fit(
        data(), 6, validation=data(30), checkpoint=Checkpoint(tmp_path, best=True), callbacks=[note], batch_size=10
    )
    best = int(np.argmin(history["validation_loss"]))
    arrays, texts = weights.read(tmp_path / "best.safetensors")
    assert texts["epoch"] == str(best + 1)
    other = Net()
    other.load_values(arrays)
    for name, leaf in {**other.parameters(), **other.state()}.items():
        np.testing.assert_array_equal(leaf.data, values[best][name])


def test_short_epochs_do_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr("localgrad.train.saving.write_checkpoint", lambda path, content: written.append(content))
    trainer().fit(data(), 5, checkpoint=Checkpoint(tmp_path, seconds=1000))
    assert [each["training"]["completed"] for each in written] == [1, 5]
    written.clear()
    trainer().fit(data(), 5, checkpoint=Checkpoint(tmp_path, seconds=0))
    assert [each["training"]["completed"] for each in written] == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- what does not fit


def snapshot(made: Trainer) -> dict[str, Any]:
    return {**everything(made), "epoch": made.completed, "rate": made.optimizer.learning_rate}


def test_a_checkpoint_of_another_model_is_refused_whole(tmp_path: Path) -> None:
    trainer().fit(data(), checkpoint=tmp_path)
    other = Trainer(Net(hidden=4))
    before = snapshot(other)
    loader = DataLoader(data(), batch_size=32, seed=0)
    with pytest.raises(CheckpointError) as raised:
        other.fit(loader, 2, checkpoint=tmp_path, resume=True)
    text = str(raised.value)
    assert "first/W: float32(2, 8) in the checkpoint, float32(2, 4) in the model" in text
    assert "norm/running_mean: float32(8,) in the checkpoint, float32(4,) in the model" in text
    assert "nothing was loaded" in text
    assert snapshot(other) == before
    assert loader.state()["position"] == 0
    with pytest.raises(CheckpointError, match=r"0/W: not in the checkpoint(.|\n)*first/W: in the checkpoint, not in"):
        Trainer(Sequential(Affine.create(2, 3, seed=0), Relu())).load(tmp_path)


def test_another_optimizer_or_other_data_are_refused(tmp_path: Path) -> None:
    trainer().fit(data(), checkpoint=tmp_path)
    other = trainer(optimizer=SGD(0.1))
    before = snapshot(other)
    with pytest.raises(CheckpointError, match="the optimizer was Adam, is SGD"):
        other.fit(data(), 2, checkpoint=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="the optimizer was Adam, is AdamW"):
        trainer(optimizer=AdamW(0.1)).load(tmp_path)
    assert snapshot(other) == before
    other = trainer()
    before = snapshot(other)
    with pytest.raises(DataError, match="batch_size was 32, is 16"):
        other.fit(data(), 2, batch_size=16, checkpoint=tmp_path, resume=True)
    assert snapshot(other) == before


def test_another_environment_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer().fit(data(), checkpoint=tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "77")
    with pytest.warns(LocalgradWarning, match=r"threads was \d+, is 77.*may differ in the last bits"):
        trainer().load(tmp_path)


def test_missing_damaged_and_foreign_files(tmp_path: Path) -> None:
    made = trainer()
    path = tmp_path / FILE
    with pytest.raises(CheckpointError, match="No such file"):
        made.load(path)
    made.fit(data(), checkpoint=tmp_path)
    whole = path.read_bytes()
    before = snapshot(made)
    generator = np.random.default_rng(0)
    for cut in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(CheckpointError, match=FILE):
            made.load(path)
    for place in generator.integers(0, len(whole), 40).tolist():
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(spoilt)
        with pytest.raises(CheckpointError, match=FILE):
            made.load(path)
    assert snapshot(made) == before
    weights.write(path, {"W": np.zeros(2)})
    with pytest.raises(CheckpointError, match="no training wrote"):
        made.load(path)


def broken(change: Callable[[dict[str, Any]], Any], path: Path) -> None:
    """Change the description of a checkpoint, with a fingerprint that fits."""
    arrays, texts = weights.read(path)
    content = json.loads(texts[CONTENT])
    change(content)
    weights.write(path, arrays, {CONTENT: json.dumps(content)})


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(format=99),
        lambda c: c.pop("format"),
        lambda c: c.pop("model"),
        lambda c: c.update(model=3),
        lambda c: c["model"].update(parameters=[1]),
        lambda c: c["model"]["parameters"].update({"first/W": {"@array": "nothing"}}),
        lambda c: c["model"]["parameters"].update({"first/W": "text"}),
        lambda c: c.update(generator="text"),
        lambda c: c.update(training=[]),
        lambda c: c["training"].update(step="many"),
        lambda c: c["training"].update(sums=None),
        lambda c: c["optimizer"].update(state={"learning_rate": "fast"}),
        lambda c: c["optimizer"]["state"].update({"mean/first/W": ["a"]}),
        lambda c: c.update(history=[{"loss": []}]),
        lambda c: c.update(history=7),
        lambda c: c.update(callbacks=[3]),
        lambda c: c.update(environment=None),
    ],
)
def test_descriptions_that_make_no_sense(change: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    made = trainer()
    made.fit(data(), checkpoint=tmp_path)
    broken(change, tmp_path / FILE)
    before = snapshot(made)
    with pytest.raises(CheckpointError):
        made.load(tmp_path)
    assert snapshot(made) == before


def test_a_description_that_is_no_dict(tmp_path: Path) -> None:
    for text in ("[]", "3", "{", '{"@array": "x"}', "[" * 100_000):
        weights.write(tmp_path / "x.safetensors", {"x": np.zeros(2)}, {CONTENT: text})
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / "x.safetensors")


def test_content_goes_out_and_in(tmp_path: Path) -> None:
    content = {
        "numbers": [1, 2.5, float("nan"), float("-inf"), True, None, "text", np.float32(0.1)],
        "nested": {"a/b": {"c": np.arange(3)}, "a": {"b/c": np.zeros((0, 2), np.float32)}},
    }
    write_checkpoint(tmp_path / "x.safetensors", content)
    found = read_checkpoint(tmp_path / "x.safetensors")
    assert str(found["numbers"]) == str(
        [1, 2.5, float("nan"), float("-inf"), True, None, "text", float(np.float32(0.1))]
    )
    np.testing.assert_array_equal(found["nested"]["a/b"]["c"], np.arange(3))
    assert found["nested"]["a"]["b/c"].shape == (0, 2)
    with pytest.raises(CheckpointError, match="state/0 is a object"):
        write_checkpoint(tmp_path / "x.safetensors", {"state": [object()]})


# ---------------------------------------------------------------- killed

KILLED = """
import os, pathlib, signal, sys
import safetensors.numpy
sys.path.insert(0, {tests!r})
from test_checkpoint import Checkpoint, data, everything, trainer

folder = pathlib.Path({folder!r})
save_file = safetensors.numpy.save_file
count = limit = 0

def point():
    global count
    count += 1
    if count == limit:
        os.kill(os.getpid(), signal.SIGKILL)

def watched(owner, name):
    function = getattr(owner, name)
    def wrapper(*arguments, **options):
        point()
        found = function(*arguments, **options)
        point()
        return found
    setattr(owner, name, wrapper)

def half(arrays, path, texts):
    save_file(arrays, path, texts)
    size = os.path.getsize(path)
    os.truncate(path, size // 2)
    point()
    save_file(arrays, path, texts)

safetensors.numpy.save_file = half
for owner, name in ((os, "open"), (os, "fsync"), (pathlib.Path, "replace")):
    watched(owner, name)

def fit(path, resume):
    made = trainer()
    made.compile = False  # kernels are kept in files as well
    made.fit(data(), 1, batch_size=20, checkpoint=Checkpoint(path, every_steps=1, seconds=0), resume=resume)
    return everything(made)

whole = fit(folder / "whole", False)
points = count
assert points > 20, points
killed = 0
for number in range(1, points + 2):
    path = folder / str(number)
    child = os.fork()
    if not child:
        count, limit = 0, number
        fit(path, False)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    killed += os.WIFSIGNALED(status)
    limit = 0
    assert fit(path, True) == whole, number
    left = sorted(each.name for each in path.iterdir())
    assert left == ["checkpoint.safetensors"], left
assert killed == points, (killed, points)
print("killed", killed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_of_writing_the_last_whole_checkpoint_loads_and_goes_on(tmp_path: Path) -> None:
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    source = str(Path(__file__).parent.parent / "src")
    environment = {**os.environ, "PYTHONPATH": source, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith("killed")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left, ours = tmp_path / f".{FILE}.999999999-0.tmp", tmp_path / f".{FILE}.{os.getpid()}-0.tmp"
    left.write_text("half")
    ours.write_text("being written")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Checkpoint(tmp_path).prepare()
    assert not left.exists()
    assert ours.exists()
