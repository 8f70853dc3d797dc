"""Recurrent layers put together: both directions, layers on layers, states put aside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Dropout, TimeBidirectional, TimeGRU, TimeLSTM, TimeRNN, TimeStack
from localgrad.layers.stacking import reset_states, states_aside

N, T, D, H = 3, 5, 2, 4
LAYERS = pytest.mark.parametrize("layer", [TimeRNN, TimeLSTM, TimeGRU])


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float64)


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@LAYERS
def test_both_directions_of_any_layer(layer: Any) -> None:
    both = TimeBidirectional.create(layer, D, H, seed=1, dtype=np.float64)
    xs, dout = random(N, T, D), random(N, T, 2 * H, seed=2)
    found = both.forward(xs)
    dxs = both.backward(dout)
    one, other = layer(*both.ahead.params), layer(*both.back.params)
    same(found[..., :H], one.forward(xs))
    same(found[..., H:], other.forward(xs[:, ::-1])[:, ::-1])
    same(dxs, one.backward(dout[..., :H]) + other.backward(dout[:, ::-1, H:])[:, ::-1])
    for mine, theirs in zip(both.grads, [*one.grads, *other.grads], strict=True):
        same(mine, theirs)
    assert not np.array_equal(both.ahead.Wx.data, both.back.Wx.data)


@LAYERS
def test_a_stack_is_its_layers_one_after_the_other(layer: Any) -> None:
    stack = TimeStack.create(layer, D, H, layers=3, seed=4, stateful=True, dtype=np.float64)
    alone = [layer(*each.params, stateful=True) for each in stack.layers]
    for block in range(2):
        xs, dout = random(N, T, D, seed=block), random(N, T, H, seed=9)
        y = xs
        for each in alone:
            y = each.forward(y)
        same(stack.forward(xs), y)
        for each in reversed(alone):
            dout = each.backward(dout)
        same(stack.backward(random(N, T, H, seed=9)), dout)
        for mine, theirs in zip(stack.grads, [grad for each in alone for grad in each.grads], strict=True):
            same(mine, theirs)
        for (h, *_), each in zip(stack.ends, alone, strict=True):
            same(h, each.h)


def test_a_stack_in_a_graph_of_any_batch_and_length() -> None:
    stack = TimeStack.create(TimeGRU, D, H, bidirectional=True, seed=0, dtype=np.float64)
    gradient = stack.graph(lg.spec("N", "T", D, dtype=np.float64)).gradient()
    assert stack.sizes == (D, 2 * H)
    for count, length in ((2, 3), (4, 1)):
        xs, dout = random(count, length, D), random(count, length, 2 * H)
        stack.forward(xs)
        dxs = stack.backward(dout)
        found = gradient.run([xs, dout])
        same(found["grad/xs"], dxs)
        for name, grad in zip(stack.parameters(), stack.grads, strict=True):
            same(found[f"grad/{name}"], grad)
    assert [node.kind.name for node in gradient.nodes].count("Scan") == 8


def test_the_dropout_stands_between_the_layers() -> None:
    stack = TimeStack.create(TimeLSTM, D, H, layers=3, dropout=0.5, seed=3)
    assert [type(each) for each in stack.between] == [Dropout, Dropout]
    xs = np.ones((N, T, D), np.float32)
    one, other = stack.forward(xs), stack.forward(xs)
    assert not np.array_equal(one, other)
    again = TimeStack.create(TimeLSTM, D, H, layers=3, dropout=0.5, seed=3)
    assert np.array_equal(again.forward(xs), one)
    stack.eval()
    y = xs
    for layer in stack.layers:
        y = layer.forward(y)
    assert np.array_equal(stack.forward(xs), y)
    assert "dropout=0.5" in repr(stack)


def test_states_of_a_stack_are_set_and_reset() -> None:
    stack = TimeStack.create(TimeLSTM, D, H, seed=0, stateful=True, dtype=np.float64)
    xs = random(N, T, D)
    first = stack.forward(xs)
    ends = stack.ends
    second = stack.forward(xs)
    assert not np.allclose(first, second)
    stack.set_state(*ends)
    same(stack.forward(xs), second)
    stack.reset_state()
    same(stack.forward(xs), first)
    with pytest.raises(lg.ShapeError, match=r"(?s)batch of 2.*batch of 3.*reset_state"):
        stack.forward(xs[:2])
    stack.reset_state()
    assert stack.forward(xs[:2]).shape == (2, T, H)
    with pytest.raises(lg.LocalgradError, match=r"(?s)found: 1 for 2 layers"):
        stack.set_state(random(N, H))


def test_states_are_put_aside_and_made() -> None:
    stack = TimeStack.create(TimeLSTM, D, H, seed=0, stateful=True, dtype=np.float64)
    xs = random(N, T, D)
    first = stack.forward(xs)
    second = TimeStack(*(TimeLSTM(*each.params, stateful=True) for each in stack.layers))
    second.forward(xs)
    with states_aside(stack):
        same(stack.forward(xs), first)
    with states_aside(stack):
        assert stack.forward(xs[:1]).shape == (1, T, H)
    same(stack.forward(xs), second.forward(xs))
    fresh = TimeStack.create(TimeLSTM, D, H, seed=0, stateful=True)
    reset_states(fresh, 7)
    assert [leaf.shape for leaf in fresh.state().values()] == [(7, H)] * 4
    still = TimeLSTM.create(D, H)
    reset_states(still, 7)
    assert list(still.state()) == []


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(lg.ShapeError, match=r"(?s)layer 0 gives 4 units, and layer 1 takes 2 inputs"):
        TimeStack(TimeRNN.create(D, H), TimeRNN.create(D, H))
    with pytest.raises(lg.LocalgradError, match="no layer"):
        TimeStack()
    with pytest.raises(lg.ShapeError, match=r"(?s)layers of 2 and of 4 inputs"):
        TimeBidirectional(TimeRNN.create(D, H), TimeRNN.create(H, H))
    with pytest.raises(lg.LocalgradError, match="found: a Dropout"):
        TimeBidirectional(TimeRNN.create(D, H), Dropout(0.5))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"layers": 2}, {"bidirectional": True, "stateful": True}])
def test_options_of_a_stack_given_to_a_layer_point_to_the_stack(options: dict[str, Any]) -> None:
    with pytest.raises(lg.InputsError) as caught:
        TimeLSTM.create(3, 4, **options)
    told, first = str(caught.value), next(iter(options))
    assert f"TimeLSTM.create was given {first}={options[first]} at" in told
    assert "it takes seed, init, dtype, stateful" in told
    assert "TimeStack.create(TimeLSTM, n_in, n_hidden, layers=2, bidirectional=True)" in told
    with pytest.raises(lg.InputsError, match=r"TimeGRU\.create was given statful=True"):
        TimeGRU.create(3, 4, statful=True)
