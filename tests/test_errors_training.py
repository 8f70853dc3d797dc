"""What users are told while training: stale gradients, forgotten parameters, modes, bad data, wrong checkpoints."""

from __future__ import annotations

import gc
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, Dropout, Relu, Sigmoid
from tests.told import here, told


@pytest.fixture(autouse=True)
def _without_the_optimizers_of_other_tests() -> None:
    # an error that was caught keeps its frames, and so an optimizer that might still be about to take parameters
    gc.collect()


X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
LABELS = np.arange(40) % 3


def network(hidden: int = 8) -> lg.Sequential:
    return lg.Sequential(Affine.create(4, hidden, seed=0), Sigmoid(), Affine.create(hidden, 3, seed=1))


# steps ------------------------------------------------------------------------------------------------------------
def test_a_second_step_on_one_backward_names_the_parameters_and_changes_nothing() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    optimizer = lg.SGD(0.1)
    (W * W).sum().backward()
    optimizer.step([W])
    after = W.data.copy()
    told(lg.GradientError, lambda: optimizer.step([W]), "SGD.step", "`W`", "used by a step already", "call backward()")
    np.testing.assert_array_equal(W.data, after)


def test_a_gradient_of_an_older_backward_counts_as_missing_and_is_named() -> None:
    W, V = lg.parameter([1.0], name="W"), lg.parameter([1.0], name="V")
    optimizer = lg.SGD(0.1)
    lg.backward((W * V).sum())
    assert W.grad is not None
    assert V.grad is not None
    (V * 2).sum().backward()
    with pytest.warns(lg.LocalgradWarning) as caught:
        optimizer.step([W, V])
    text = str(caught[0].message)
    assert "`W`: its gradient is left from an older backward" in text
    np.testing.assert_array_equal(W.data, [1.0])
    np.testing.assert_allclose(V.data, [0.8])


def test_a_step_before_any_backward_says_what_is_missing() -> None:
    W = lg.parameter([1.0], name="W")
    told(lg.GradientError, lambda: lg.SGD(0.1).step([W]), "`W`", "has received no gradient", "backward()")


def test_a_parameter_without_a_gradient_is_named_with_the_last_node_on_its_way() -> None:
    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    chosen = lg.argmax(W)
    line = here(-1)
    loss = (V * chosen.astype(np.float32)).sum()
    loss.backward()
    with pytest.warns(lg.LocalgradWarning) as caught:
        lg.SGD(0.1).step([W, V])
    text = str(caught[0].message)
    for fact in ("`W`", "`ArgMax#1`", line, "is not differentiable", "requires_grad=False"):
        assert fact in text, text
    assert "`V`" not in text


def test_a_parameter_with_a_gradient_in_no_optimizer_is_named_at_the_first_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("localgrad.train.optimizer.OPTIMIZERS", weakref.WeakSet())  # of other tests none
    W, V = lg.parameter([1.0], name="W"), lg.parameter([1.0], name="forgotten")
    loss = (W * V).sum()
    loss.backward()
    with pytest.warns(lg.LocalgradWarning) as caught:
        lg.SGD(0.1).step([W])
    text = str(caught[0].message)
    assert "`forgotten`" in text
    assert "no optimizer" in text
    assert "`W`" not in text


def test_a_parameter_in_two_optimizers_is_named_and_a_tied_one_is_no_two() -> None:
    W = lg.parameter([1.0], name="W")
    first, second = lg.SGD(0.1), lg.Adam(0.1)
    (W * 2).sum().backward()
    first.step([W])
    (W * 2).sum().backward()
    with pytest.warns(lg.LocalgradWarning, match=r"`W` stands in two optimizers"):
        second.step([W])

    tied = lg.parameter([1.0], name="tied")
    (tied * tied).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.SGD(0.25).step([tied, tied])
    np.testing.assert_array_equal(tied.data, [0.5])


# NaN during training ----------------------------------------------------------------------------------------------
class Overflowing(lg.Model):
    """Becomes NaN once its weight is negative: log of what grows with it."""

    def __init__(self) -> None:
        super().__init__()
        self.W = lg.parameter(np.full((4, 3), 0.5, np.float32), name="W")

    def call(self, x: lg.Tensor) -> lg.Tensor:
        return lg.log(self.W + (x * 0).sum())


UNSAFE = here(-3)


def test_a_nan_loss_stops_the_training_names_the_node_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    model = Overflowing()
    trainer = lg.Trainer(model, loss=lambda y, t: y.sum(), optimizer=lg.SGD(1.0))
    text = told(
        lg.NonFiniteError,
        lambda: trainer.fit((X, LABELS), epochs=5, batch_size=40, checkpoint=tmp_path / "run"),
        "step 2",
        "Log",
        UNSAFE,
        "12 NaN of 12 entries",
        "last good checkpoint",
        str(tmp_path),
    )
    assert "at that entry" in text
    assert np.isfinite(model.W.data).all(), "the model is as before the step"
    checkpoint = next((tmp_path / "run").glob("*.safetensors"))
    again = lg.Trainer(Overflowing(), loss=lambda y, t: y.sum(), optimizer=lg.SGD(1.0))
    told(
        lg.NonFiniteError,
        lambda: again.fit((X, LABELS), epochs=5, batch_size=40, checkpoint=checkpoint, resume=True),
        "step 2",
    )


@pytest.mark.parametrize("policy", ["skip", "warn"])
def test_a_loss_that_is_not_finite_can_be_skipped_or_warned_of(policy: str) -> None:
    model = lg.Sequential(Affine.create(4, 3, seed=0))
    huge = X.copy()
    huge[3] = 1e30
    trainer = lg.Trainer(model, loss=lambda y, t: (y * y).mean(), optimizer=lg.SGD(0.01), nonfinite=policy)
    with pytest.warns(lg.LocalgradWarning, match=r"the loss is inf in step \d"):
        trainer.fit((huge, LABELS), epochs=1, batch_size=10)
    finite = all(np.isfinite(leaf.data).all() for leaf in model.parameters().values())
    assert finite == (policy == "skip")


# modes ------------------------------------------------------------------------------------------------------------
def test_the_mode_stands_on_the_node() -> None:
    x = lg.tensor(X)
    layer = Dropout(0.5)
    assert layer(x).node.kind.training
    layer.eval()
    assert not layer(x).node.kind.training
    graph = lg.capture(lambda a: lg.dropout(a, 0.5, training=False), lg.spec("N", 4))
    assert "training=False" in str(graph)


def test_the_trainer_sets_the_mode_and_a_forward_in_training_mode_after_fit_warns() -> None:
    seen: list[bool] = []

    class Spy(lg.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = lg.Sequential(Affine.create(4, 3, seed=0), BatchNormalization.create(3), Dropout(0.2))

        def call(self, x: lg.Tensor) -> lg.Tensor:
            seen.append(self.training)
            return self.body(x)

    model = Spy()
    trainer = lg.Trainer(model)
    trainer.fit((X, LABELS), epochs=1, validation=(X, LABELS), batch_size=40)
    assert seen[0] is True
    assert seen[1] is False
    model.train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(lg.tensor(X))  # asked for, so it is meant
    model = Spy()
    lg.Trainer(model).fit((X, LABELS), epochs=1, batch_size=40)
    with pytest.warns(lg.LocalgradWarning) as caught:
        model(lg.tensor(X))
    text = str(caught[0].message)
    for fact in ("body/1 (BatchNormalization)", "as in training", "model.eval()", "return self.body(x)"):
        assert fact in text, text
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(lg.tensor(X))


# data -------------------------------------------------------------------------------------------------------------
def test_nan_in_the_data_names_sample_and_column_before_the_first_epoch() -> None:
    model = network()
    before = {name: leaf.data.copy() for name, leaf in model.parameters().items()}
    bad = X.copy()
    bad[7, 2] = np.nan
    bad[9, 2] = np.inf
    told(lg.DataError, lambda: lg.Trainer(model).fit((bad, LABELS), epochs=1), "data[0]", "nan in sample 7, column 2")
    for name, leaf in model.parameters().items():
        np.testing.assert_array_equal(leaf.data, before[name])


# checkpoints ------------------------------------------------------------------------------------------------------
def test_a_checkpoint_of_another_model_names_what_differs_and_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    lg.Trainer(network(8)).fit((X, LABELS), epochs=1, checkpoint=path)
    other = lg.Sequential(
        Affine.create(4, 16, seed=5), Relu(), Affine.create(16, 3, seed=6), Affine.create(3, 3, seed=7)
    )
    before = {name: leaf.data.copy() for name, leaf in other.parameters().items()}
    trainer = lg.Trainer(other)
    names = list(other.parameters())
    text = told(
        lg.CheckpointError,
        lambda: trainer.fit((X, LABELS), epochs=2, checkpoint=path, resume=True),
        "(4, 8)",
        "(4, 16)",
        names[0],
        names[-1],
    )
    assert str(path) in text or path.name in text
    for name, leaf in other.parameters().items():
        np.testing.assert_array_equal(leaf.data, before[name])
    assert trainer.step == 0


def test_inputs_a_layer_does_not_take_are_told_with_those_it_takes() -> None:
    x = np.ones((2, 3), np.float32)
    for act, parts in (
        (
            lambda: lg.layers.TransformerDecoderBlock.create(8, 2)(lg.tensor(np.ones((1, 2, 8)))),
            ["x, context", "1 input "],
        ),
        (lambda: lg.layers.LSTM.create(3, 4).forward(x), ["LSTM", "found: it takes x, h, c", "do: give x, h, c"]),
        (lambda: lg.layers.GRU.create(3, 4).forward(x), ["GRU", "found: it takes x, h (", "1 input "]),
        (lambda: Relu()(x, x), ["Relu", "2 inputs", "do: give x"]),
    ):
        with pytest.raises(lg.InputsError) as caught:
            act()
        assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_type_error_from_inside_a_layer_stays_what_it_is() -> None:
    class Wrong(lg.Layer):
        def call(self, x: lg.Tensor) -> lg.Tensor:
            return lg.relu(x, 1, 2, 3)  # type: ignore[call-arg]

    with pytest.raises(TypeError, match="relu") as caught:
        Wrong()(lg.tensor([1.0]))
    assert not isinstance(caught.value, lg.LocalgradError)


def test_a_model_and_a_loss_that_do_not_fit_are_told_with_the_loss_to_give() -> None:
    x, t = np.ones((4, 8), np.float32), np.zeros(4, np.int64)
    signs = np.ones((4, 3), np.int64)
    seq2seq = lg.models.Seq2seq(5, width=2, hidden=2, seed=0)
    with pytest.raises(lg.InputsError, match=r"xs, ts[\s\S]*with loss=None the model gets all"):
        lg.Trainer(seq2seq).fit((signs, signs), progress=False)
    with pytest.raises(lg.InputsError, match=r"2 inputs[\s\S]*name a loss"):
        lg.Trainer(lg.models.MLP(8, 16, 3, seed=0), loss=None).fit((x, t), progress=False)
    with pytest.raises(lg.LocalgradError, match=r"gave one number[\s\S]*loss=None"):
        lg.Trainer(seq2seq, loss="softmax_cross_entropy").fit((signs, signs, t), progress=False)
