"""The trainer: it learns, says what is wrong, stops cleanly, and leaves models in the mode they were in."""

from __future__ import annotations

import io
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import (
    DataError,
    FileWriteError,
    LocalgradError,
    LocalgradWarning,
    NameLookupError,
    NonFiniteError,
)
from localgrad.graph.tensor import parameter
from localgrad.graph.warning import forget_warnings
from localgrad.layers import Affine, BatchNormalization, Dropout, Relu
from localgrad.layers.layer import Layer
from localgrad.layers.model import Model, Sequential
from localgrad.nodes.exponential import Log
from localgrad.nodes.losses import softmax_cross_entropy
from localgrad.train.callbacks import Callback, EarlyStopping
from localgrad.train.data import DataLoader
from localgrad.train.digits import load_digits
from localgrad.train.history import History
from localgrad.train.interruption import Interruption
from localgrad.train.metrics import Metrics, accuracy
from localgrad.train.optimizers import SGD, Adam, Momentum
from localgrad.train.progress import Bar
from localgrad.train.run_folder import RunFolder
from localgrad.train.schedules import CosineDecay, ReduceOnPlateau, StepDecay
from localgrad.train.trainer import Trainer


@pytest.fixture(autouse=True)
def _fresh() -> None:
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


# ---------------------------------------------------------------- it learns


def test_digits_are_learnt() -> None:
    train, test = load_digits()
    model = Sequential(Affine.create(64, 32, seed=0), Relu(), Affine.create(32, 10, seed=1))
    trainer = Trainer(model, optimizer=Adam(1e-2), seed=1)
    history = trainer.fit(train, epochs=4, validation=test, batch_size=64)
    assert history.columns == [
        *("epoch", "step", "loss", "validation_loss", "accuracy", "validation_accuracy", "learning_rate", "seconds")
    ]
    assert history[-1]["validation_accuracy"] > 0.93
    assert history[-1]["step"] == 4 * 23
    measured = trainer.evaluate(test)
    assert measured["accuracy"] == history[-1]["validation_accuracy"]
    prediction = trainer.predict(test[0])
    assert prediction.shape == (360, 10)
    assert accuracy(prediction, test[1]) == measured["accuracy"]


def test_same_seed_same_bits() -> None:
    def weights(seed: int) -> bytes:
        trainer = Trainer(Sequential(Affine.create(2, 3, seed=0), Dropout(0.2, seed=3)), seed=seed)
        trainer.fit(blobs(), epochs=2, batch_size=8)
        return b"".join(leaf.numpy().tobytes() for leaf in trainer.leaves().values())

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)


def test_the_mean_loss_is_weighted_by_samples() -> None:
    x, y = blobs(10)
    trainer = Trainer(net(), optimizer=SGD(0.0))
    history = trainer.fit((x, y), epochs=1, batch_size=4)
    whole = softmax_cross_entropy(trainer.model(x), y).item()
    assert history[0]["loss"] == pytest.approx(whole, rel=1e-5)
    assert trainer.evaluate((x, y), batch_size=3)["loss"] == pytest.approx(whole, rel=1e-5)


def test_regression_and_its_metrics() -> None:
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    trainer = Trainer(Sequential(Affine.create(1, 1, seed=0)), loss="mse", optimizer=Adam(0.1), metrics=("mae", "rmse"))
    history = trainer.fit((x, 3 * x + 1), epochs=30, batch_size=16)
    np.testing.assert_allclose(trainer.predict(np.float32([[2.0]])), [[7.0]], atol=0.1)
    assert history[-1]["rmse"] == pytest.approx(history[-1]["loss"] ** 0.5)
    assert "mse" not in history
    assert "accuracy" not in history


def test_a_loss_that_the_model_gives_itself() -> None:
    class Auto(Model):
        def __init__(self) -> None:
            self.inside = Affine.create(2, 2, seed=0)

        def call(self, x: Any) -> Any:
            return ((self.inside(x) - x) ** 2).mean()

    trainer = Trainer(Auto(), loss=None, optimizer=Adam(0.05))
    history = trainer.fit(blobs()[0], epochs=8, batch_size=10)
    assert history[-1]["loss"] < history[0]["loss"] / 2


def test_several_inputs_and_dicts() -> None:
    class Two(Model):
        def __init__(self) -> None:
            self.a, self.b = Affine.create(2, 3, seed=0), Affine.create(2, 3, seed=1)

        def call(self, left: Any, right: Any) -> Any:
            return self.a(left) + self.b(right)

    class Scored(Two):
        def call(self, left: Any, right: Any, label: Any) -> Any:
            return softmax_cross_entropy(super().call(left, right), label)

    x, y = blobs()
    trainer = Trainer(Two(), optimizer=Adam(0.1))
    assert trainer.fit((x, x, y), epochs=5, batch_size=20)[-1]["accuracy"] > 0.9
    assert trainer.predict((x, x)).shape == (60, 3)
    assert "loss" in Trainer(Scored(), loss=None).fit({"left": x, "right": x, "label": y}, batch_size=20)


def test_batches_as_they_come() -> None:
    x, y = blobs()

    def batches() -> Any:
        for start in range(0, 60, 20):
            yield x[start : start + 20], y[start : start + 20]

    trainer = Trainer(net(), optimizer=Adam(0.05), schedule=StepDecay(1, 0.5))
    history = trainer.fit(batches, epochs=3, validation=batches)
    assert history["step"].tolist() == [3, 6, 9]
    np.testing.assert_allclose(history["learning_rate"], [0.05, 0.025, 0.0125])


def test_a_second_fit_goes_on() -> None:
    one, two = Trainer(net()), Trainer(net())
    one.fit(blobs(), epochs=4, batch_size=16)
    two.fit(blobs(), epochs=1, batch_size=16)
    history = two.fit(blobs(), epochs=3, batch_size=16)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(history["loss"], one.history["loss"])


def test_a_schedule_moves_the_rate_and_rests_on_the_one_given() -> None:
    optimizer = Adam(0.1)
    trainer = Trainer(net(), optimizer=optimizer, schedule=CosineDecay(minimum=0.2))
    history = trainer.fit(blobs(), epochs=4, batch_size=15)
    # the rate of the last step of each epoch, three quarters into it
    expected = 0.1 * (0.2 + 0.8 * 0.5 * (1 + np.cos(np.pi * (np.arange(4) + 0.75) / 4)))
    np.testing.assert_allclose(history["learning_rate"], expected)
    optimizer.lr = 0.5
    trainer.fit(blobs(), epochs=1, batch_size=15)
    assert optimizer.lr > 0.1


def test_a_plateau_reduces_the_rate() -> None:
    trainer = Trainer(net(), optimizer=SGD(0.0), schedule=ReduceOnPlateau(patience=1, gamma=0.5))
    trainer.optimizer.lr = 1e-12
    history = trainer.fit(blobs(), epochs=6, batch_size=60)
    assert history["learning_rate"][-1] == pytest.approx(2.5e-13)


def test_clipping() -> None:
    model = Sequential(Affine.create(2, 3, seed=0))
    before = [leaf.numpy() for leaf in model.parameters().values()]
    Trainer(model, optimizer=SGD(1.0), clip_norm=0.01).fit(blobs(), batch_size=60)
    moved = sum(float(((leaf.data - old) ** 2).sum()) for leaf, old in zip(model.parameters().values(), before))
    assert moved**0.5 == pytest.approx(0.01, rel=1e-3)


def test_the_books_loop_with_layers() -> None:
    from localgrad.layers import SoftmaxWithLoss

    x, t = blobs()
    first, squash, last, loss = Affine.create(2, 8, seed=0), Relu(), Affine.create(8, 3, seed=1), SoftmaxWithLoss()
    params, grads = first.params + last.params, first.grads + last.grads
    optimizer = Adam(lr=0.05)
    losses = []
    for _ in range(30):
        losses.append(float(loss.forward(last.forward(squash.forward(first.forward(x))), t)))
        first.backward(squash.backward(last.backward(loss.backward())))
        optimizer.update(params, grads)
    assert losses[-1] < 0.05 < 0.5 < losses[0]


def test_a_tied_weight_is_learnt_as_one() -> None:
    table = parameter(np.random.default_rng(0).standard_normal((2, 2)).astype(np.float32))

    class Tied(Model):
        def __init__(self) -> None:
            self.down, self.up = table, table

        def call(self, x: Any) -> Any:
            return x @ self.down @ self.up.T

    model = Tied()
    trainer = Trainer(model, loss="mse", optimizer=Adam(0.05))
    x = blobs()[0]
    trainer.fit((x, x), epochs=20, batch_size=10)
    assert list(trainer.optimizer.state()) == ["learning_rate", "step/down", "mean/down", "squares/down"]
    np.testing.assert_allclose(table.data @ table.data.T, np.eye(2), atol=0.1)


def test_frozen_parameters_stay() -> None:
    model = net()
    model.freeze("0")
    before = model.parameters()["0/W"].numpy()
    trainer = Trainer(model, optimizer=Adam(0.1))
    trainer.fit(blobs(), batch_size=20)
    np.testing.assert_array_equal(model.parameters()["0/W"].data, before)
    model.unfreeze("0")
    trainer.fit(blobs(), batch_size=20)
    assert not np.array_equal(model.parameters()["0/W"].data, before)


# ---------------------------------------------------------------- modes


def test_the_trainer_sets_the_mode_and_restores_it() -> None:
    class Modes(Layer):
        seen: list[bool]

        def call(self, x: Any) -> Any:
            self.seen.append(self.training)
            return x

    modes = Modes()
    modes.seen = []
    trainer = Trainer(Sequential(modes, Affine.create(2, 3, seed=0)))
    trainer.fit(blobs(12), epochs=1, validation=blobs(12), batch_size=6)
    assert modes.seen == [True, True, False]
    assert modes.training
    trainer.model.eval()
    trainer.fit(blobs(12), epochs=1, batch_size=6)
    assert modes.seen[3:] == [True, True]
    assert not modes.training
    trainer.predict(blobs()[0])
    assert modes.seen[5:] == [False]


def test_a_forward_in_training_mode_after_fit_warns() -> None:
    model = Sequential(Affine.create(2, 3, seed=0), Dropout(0.5, seed=0))
    trainer = Trainer(model)
    x, y = blobs()
    trainer.fit((x, y), validation=(x, y))
    trainer.predict(x)
    trainer.evaluate((x, y))
    with pytest.warns(LocalgradWarning, match=r"computes as in training.*call model.eval\(\) first"):
        model(x)
    model.eval()
    model(x)


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
    assert "test_trainer.py" in text
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


# ---------------------------------------------------------------- what cannot be used


def test_arguments_are_checked() -> None:
    with pytest.raises(LocalgradError, match="a list as the model"):
        Trainer([net()])  # type: ignore[arg-type]
    with pytest.raises(LocalgradError, match="a str as the optimizer"):
        Trainer(net(), optimizer="adam")  # type: ignore[arg-type]
    with pytest.raises(NameLookupError, match="did you mean"):
        Trainer(net(), loss="softmax_crossentropy")
    with pytest.raises(NameLookupError, match="no metric is called 'acuracy'; did you mean accuracy"):
        Trainer(net(), metrics=["acuracy"])
    with pytest.raises(LocalgradError, match="nonfinite is"):
        Trainer(net(), nonfinite="ignore")  # type: ignore[arg-type]
    with pytest.raises(LocalgradError, match="epochs is a whole number"):
        Trainer(net()).fit(blobs(), epochs=-1)
    with pytest.raises(LocalgradError, match="neither a checkpoint nor a run folder"):
        Trainer(net()).fit(blobs(), resume=True)


def test_batches_without_a_target() -> None:
    with pytest.raises(DataError, match="found inputs alone"):
        Trainer(net()).fit(blobs()[0])
    with pytest.raises(DataError, match="found a dict of 'x'"):
        Trainer(net()).fit({"x": blobs()[0]})


def test_a_loss_that_is_no_number() -> None:
    with pytest.raises(LocalgradError, match=r"found: shape \(32, 3\)"):
        Trainer(net(), loss=lambda y, t: y).fit(blobs())
    with pytest.raises(LocalgradError, match="found: a float"):
        Trainer(net(), loss=lambda y, t: 1.0).fit(blobs())


def test_metrics_of_all_sorts() -> None:
    metrics = Metrics(["accuracy", "perplexity", lambda p, t: 1.0], "softmax_cross_entropy")
    sums = {"loss": 0.0}
    metrics.add(sums, np.eye(3), np.array([0, 1, 1]), 3)
    assert metrics.means(sums, 3, "v_") == {"v_loss": 0, "v_accuracy": 2 / 3, "v_<lambda>": 1, "v_perplexity": 1}
    binary = Metrics(None, "sigmoid_cross_entropy")
    sums = {}
    binary.add(sums, np.array([[-1.0], [2.0]]), np.array([[0], [0]]), 2)
    assert sums["accuracy"] == 1.0
    with pytest.raises(LocalgradError, match="differ, and would be compared"):
        Metrics("mae", "mse").add({}, np.zeros((3, 1)), np.zeros(3), 3)
    with pytest.raises(LocalgradError, match="one label or one-hot row"):
        accuracy(np.zeros((3, 4)), np.zeros(5))


# ---------------------------------------------------------------- progress


def test_the_bar_shows_numbers_on_a_terminal_and_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    monkeypatch.setattr("localgrad.train.progress.PAUSE", 0.0)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=160, color_system=None)
    trainer = Trainer(net())
    trainer.fit(blobs(), epochs=2, validation=blobs(), batch_size=20, progress=Bar(console))
    text = stream.getvalue()
    assert "epoch 2/2" in text
    assert "samples/s" in text
    assert "validation accuracy" in text
    trainer.fit(blobs(), epochs=1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# ---------------------------------------------------------------- run folders


def test_a_run_leaves_its_folder_and_a_second_another(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "blobs"
    x, y = blobs()
    trainer = Trainer(net(), run=folder)
    history = trainer.fit((x, y), epochs=2)
    expected = {"history.csv", "curves.svg", "graph.svg", "graph.json", "model.safetensors", "checkpoint.safetensors"}
    assert {path.name for path in folder.iterdir()} == expected
    assert History.from_csv(folder / "history.csv") == history
    from localgrad.exchange.folder import load

    (found,) = load(folder).run([x]).values()
    np.testing.assert_allclose(found, trainer.predict(x), rtol=1e-5, atol=1e-6)
    other = Trainer(net(), run=folder)
    other.fit((x, y))
    assert other.folder is not None
    assert other.folder.path.name == "blobs-2"
    assert History.from_csv(folder / "history.csv") == history


def test_names_of_run_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder("digits").path == Path("runs/digits")
    assert RunFolder("digits").path == Path("runs/digits")  # empty, so free
    Path("runs/digits/note.txt").write_text("")
    assert RunFolder("digits").path == Path("runs/digits-2")
    Path("runs/digits-2/checkpoint.safetensors").write_text("")
    assert RunFolder("digits").path == Path("runs/digits-3")
    assert RunFolder("digits", resume=True).path == Path("runs/digits-2")


def test_a_place_that_cannot_be_written_is_known_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notes = Notes()
    for arguments in ({"run": tmp_path / "file" / "run"}, {}):
        with pytest.raises(FileWriteError, match="nothing was computed yet"):
            Trainer(net(), callbacks=[notes], **arguments).fit(blobs(), checkpoint=tmp_path / "file" / "there")
    assert notes.said == []


def test_a_model_whose_graph_cannot_be_written_leaves_its_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Branching(Model):
        def __init__(self) -> None:
            self.last = Affine.create(2, 3, seed=0)

        def call(self, x: Any) -> Any:
            return self.last(x if float(x.sum()) > 1e9 else -x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trainer(Branching(), run=tmp_path / "run").fit(blobs())
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert not (tmp_path / "run" / "graph.json").exists()
    assert "holds the weights alone" in capsys.readouterr().err
