"""Recurrent networks in plans: whole training steps against the interpreter's, with weights packed for few rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import TimeGRU, TimeLSTM, TimeRNN
from localgrad.models import LSTMLanguageModel
from localgrad.run import native
from localgrad.run.scans import Body
from tests.compiled import training_step


def scans(compiled: Any) -> list[Body]:
    """The bodies of the scans of a plan."""
    return [body for step in compiled.plan.steps if step.what == "scan" for body in step.run.bodies.values() if body]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_a_language_model_compiled_is_training_it(dtype: Any) -> None:
    words = np.random.default_rng(0).integers(0, 23, (7, 9))
    losses, weights = [], []
    for compiled in (False, True):
        model = LSTMLanguageModel(23, 24, stateful=False, seed=1, dtype=dtype)
        optimizer = lg.SGD(1.0, clip_norm=0.25)
        step = training_step(model, optimizer)
        run = lg.compile(step) if compiled else step
        losses.append([run(words[:, :-1], words[:, 1:]).item() for _ in range(5)])
        weights.append({name: leaf.data.copy() for name, leaf in model.parameters().items()})
    if native.available():
        assert all(body.packed for body in scans(run))
    close = {"rtol": 2e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(losses[1], losses[0], **close)
    assert losses[0][-1] < losses[0][0]
    for name, value in weights[0].items():
        np.testing.assert_allclose(weights[1][name], value, **close, err_msg=name)


@pytest.mark.parametrize("count", [1, 5, 13])
@pytest.mark.parametrize("layer", [TimeRNN, TimeLSTM, TimeGRU])
def test_gradients_of_recurrent_layers_are_those_of_the_interpreter(layer: Any, count: int) -> None:
    made = layer.create(11, 37, seed=0, dtype=np.float64)
    x = np.random.default_rng(count).normal(size=(count, 4, 11))
    leaves = list(made.parameters().values())

    def f(x: Any) -> Any:
        loss = lg.sum(lg.sin(made(x)))
        return loss, lg.gradients(loss, [x, *leaves])

    wanted, found = f(lg.tensor(x, requires_grad=True)), lg.compile(f)(x)
    for one, other in zip([found[0], *found[1]], [wanted[0], *wanted[1]], strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-10, atol=1e-12)


def test_the_second_order_through_a_scan_is_the_same() -> None:
    made = TimeLSTM.create(5, 19, seed=0, dtype=np.float64)
    x = np.random.default_rng(3).normal(size=(6, 3, 5))

    def f(x: Any) -> Any:
        (first,) = lg.gradients(lg.sum(made(x) ** 2), [x])
        return lg.gradients(lg.sum(lg.sin(first)), [x, made.Wh])

    wanted, found = f(lg.tensor(x, requires_grad=True)), lg.compile(f)(x)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-11)


def test_weights_that_changed_are_packed_anew() -> None:
    made = TimeRNN.create(4, 40, seed=0)
    run = lg.compile(lambda x: made(x))
    x = np.random.default_rng(3).normal(size=(3, 5, 4)).astype(np.float32)
    before = run(x).numpy()
    with lg.no_grad():
        made.Wh *= 0.5
    after = run(x).numpy()
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, made(lg.tensor(x)).numpy(), rtol=1e-5, atol=1e-6)
