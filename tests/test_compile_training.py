"""Compiled training steps change what eager ones do, and read what changes between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from tests.compiled import floats, generator, model_and_step

# training -----------------------------------------------------------------------------------------------------------


OPTIMIZERS = {
    "SGD": lambda: lg.SGD(0.1, weight_decay=0.01),
    "Momentum": lambda: lg.Momentum(0.1),
    "Nesterov": lambda: lg.Nesterov(0.1, clip_norm=0.5),
    "AdaGrad": lambda: lg.AdaGrad(0.1, clip_value=0.1),
    "RMSprop": lambda: lg.RMSprop(0.01),
    "AdaDelta": lambda: lg.AdaDelta(),
    "Adam": lambda: lg.Adam(0.01),
    "AdamW": lambda: lg.AdamW(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_changes_what_the_eager_one_does(name: str) -> None:
    x, labels = floats(5, 6), generator.integers(0, 3, 5)
    states, losses = [], []
    for compiled in (False, True):
        optimizer = OPTIMIZERS[name]()
        model, step = model_and_step(optimizer)
        arrays = {key: leaf.data for key, leaf in model.parameters().items()}
        run = lg.compile(step) if compiled else lambda x, labels, step=step: step(lg.tensor(x), labels)
        lg.seed(1)
        losses.append([run(x, labels).item() for _ in range(3)])
        assert all(leaf.data is arrays[key] for key, leaf in model.parameters().items())
        states.append({**model.state(), **{f"optimizer/{k}": v for k, v in optimizer.state().items()}})
    np.testing.assert_allclose(*losses, rtol=2e-5)
    assert list(states[0]) == list(states[1])
    for key, leaf in states[0].items():
        np.testing.assert_allclose(states[1][key].data, leaf.data, rtol=1e-3, atol=1e-5, err_msg=key)


def test_the_learning_rate_is_read_at_each_run() -> None:
    W = lg.parameter([1.0], name="W")
    optimizer = lg.SGD(0.5)

    @lg.compile
    def step() -> None:
        (W * 1.0).sum().backward()
        optimizer.step(W)

    step()
    assert W.item() == 0.5
    optimizer.learning_rate = 0.25
    step()
    assert W.item() == 0.25


def test_modes_and_frozen_parameters_are_looked_at() -> None:
    from localgrad.layers import Affine, Dropout

    model = lg.Sequential(Affine.create(4, 4, seed=0), Dropout(0.5))
    fast = lg.compile(lambda x: model(x))
    x = np.ones((8, 4), np.float32)
    assert (fast(x).data == 0).any()
    with lg.test_mode():
        assert not (fast(x).data == 0).any()
    model.eval()
    assert not (fast(x).data == 0).any()
    model.train()
    assert (fast(x).data == 0).any()

    W = lg.parameter([1.0], name="W")
    b = lg.parameter([1.0], name="b")

    @lg.compile
    def step() -> None:
        (W * b).sum().backward()
        optimizer.step([W, b])

    optimizer = lg.SGD(0.5, missing="skip")
    W.requires_grad = False
    step()
    assert (W.item(), b.item()) == (1.0, 0.5)
    W.requires_grad = True
    step()
    assert (W.item(), b.item()) == (0.75, 0.0)


def test_eager_and_compiled_steps_can_take_turns() -> None:
    x, labels = floats(5, 6), generator.integers(0, 3, 5)
    losses = []
    for compiled in (False, True):
        optimizer = lg.Adam(0.01)
        _, step = model_and_step(optimizer)
        fast = lg.compile(step) if compiled else None
        lg.seed(1)
        given = lg.tensor(x)
        losses.append(
            [(fast or step)(given, labels).item() if turn % 2 else step(given, labels).item() for turn in range(6)]
        )
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_a_state_whose_array_is_another_one_is_read() -> None:
    s = lg.state(np.ones((3, 2), np.float32), name="s")
    fast = lg.compile(lambda x: x * s)
    x = floats(3, 2)
    np.testing.assert_array_equal(fast(x).data, x)
    s._value = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2))
    np.testing.assert_array_equal(fast(x).data, x * s.data)


def test_writes_under_no_grad_are_seen_afterwards_in_the_function() -> None:
    W = lg.parameter(floats(3), name="W")
    before = W.data.copy()

    @lg.compile
    def step(x: Any) -> Any:
        first = lg.sum(W * x)
        (g,) = lg.gradients(first, [W])
        with lg.no_grad():
            w = W
            w -= 0.5 * g
        return first, lg.sum(W * x)

    x = floats(3)
    first, second = step(x)
    np.testing.assert_allclose(W.data, before - 0.5 * x, rtol=1e-6)
    np.testing.assert_allclose([first.item(), second.item()], [(before * x).sum(), (W.data * x).sum()], rtol=1e-5)


def test_an_input_that_is_the_parameters_own_array_is_not_overwritten_too_early() -> None:
    W = lg.parameter(np.ones(100, np.float32), name="W")

    @lg.compile
    def step(x: Any) -> Any:
        with lg.no_grad():
            w = W
            w -= 1.0
        return lg.sum(x + 1), lg.sum(x)

    found = step(W.data)
    assert [y.item() for y in found] == [200, 100]
    assert W.data.max() == 0
    W.data = np.ones(100, np.float32)
    assert step(W.data[::2])[1].item() == 50


def test_wrong_labels_are_refused_before_anything_changes() -> None:
    optimizer = lg.SGD(0.1)
    model, step = model_and_step(optimizer)
    fast = lg.compile(step)
    x = floats(4, 6)
    fast(x, np.array([0, 1, 2, 0]))
    before = {key: leaf.data.copy() for key, leaf in model.parameters().items()}
    with pytest.raises(lg.DataError, match="class labels"):
        fast(x, np.array([0, 1, 3, 0]))
    for key, leaf in model.parameters().items():
        np.testing.assert_array_equal(leaf.data, before[key])
