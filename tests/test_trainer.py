"""The trainer: it learns, leaves models in the mode they were in, and says which arguments it cannot use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import DataError, LocalgradError, LocalgradWarning, NameLookupError
from localgrad.graph.tensor import parameter
from localgrad.layers import Affine, Dropout, Relu
from localgrad.layers.layer import Layer
from localgrad.layers.model import Model, Sequential
from localgrad.nodes.losses import softmax_cross_entropy
from localgrad.train.digits import load_digits
from localgrad.train.metrics import Metrics, accuracy
from localgrad.train.optimizers import SGD, Adam
from localgrad.train.schedules import CosineDecay, ReduceOnPlateau, StepDecay
from localgrad.train.trainer import Trainer
from tests.training import (
    blobs,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    net,
)

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
