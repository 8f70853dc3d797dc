"""Recurrent cells and sequences against layers written by hand."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers.recurrent import LSTM
from localgrad.layers.sequences import TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from tests.recurrent_by_hand import D, H, N, NumPyGRU, NumPyLSTM, NumPyRNN, NumPyTime, T, cells, random, same, weights


# cells ----------------------------------------------------------------------------------------------------------------
@cells
def test_a_cell_is_the_books(cell: Any, layer: Any, reference: Any) -> None:
    params = weights(reference)
    ours, by_hand = cell(*params), reference(*params)
    inputs = [random(N, D), *(random(N, H, seed=7 + k) for k in range(len(cell.carried)))]
    wanted = by_hand.forward(*inputs)
    found = ours.forward(*inputs)
    same(found if isinstance(found, tuple) else (found,), wanted)
    douts = [random(N, H, seed=9 + k) for k in range(len(wanted))]
    same(ours.backward(*douts), by_hand.backward(*douts))
    same(ours.grads, by_hand.grads)
    assert ours.params[0] is params[0]


@cells
def test_gradients_of_a_cell_of_second_order(cell: Any, layer: Any, reference: Any) -> None:
    params = weights(reference)

    def f(Wx: Any, Wh: Any, b: Any, x: Any, *carry: Any) -> Any:
        made = object.__new__(cell)
        made = cell(*params)
        for name, value in (("Wx", Wx), ("Wh", Wh), ("b", b)):
            made.__dict__[name] = value
        return made.call(x, *carry)

    carry = [random(2, H, seed=7 + k) for k in range(len(cell.carried))]
    lg.check_gradients(f, *params, random(2, D), *carry, order=2)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        lg.ShapeError, match=r"(?s)LSTM was given Wx \(2, 12\), Wh \(4, 16\), b \(16,\).*found: H hidden.*4H"
    ):
        LSTM(random(2, 12), random(4, 16), random(16))
    with pytest.raises(lg.ShapeError, match=r"(?s)found: it takes \(N, T, 2\).*do: "):
        TimeRNN(*weights(NumPyRNN)).forward(random(3, 2))
    with pytest.raises(lg.ShapeError, match=r"\(N, T, 2\)"):
        TimeRNN(*weights(NumPyRNN)).forward(random(3, 5, 4))


# sequences --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stateful", [False, True])
@cells
def test_a_sequence_is_the_books(cell: Any, layer: Any, reference: Any, stateful: bool) -> None:
    params = weights(reference)
    ours, by_hand = layer(*params, stateful=stateful), NumPyTime(reference, params, stateful)
    for block in range(3):
        xs, dhs = random(N, T, D, seed=20 + block), random(N, T, H, seed=30 + block)
        same(ours.forward(xs), by_hand.forward(xs))
        same(ours.h, by_hand.state[0])
        same(ours.backward(dhs), by_hand.backward(dhs))
        same(ours.grads, by_hand.grads)
        same(ours.dh, by_hand.dstate[0])
        if layer is TimeLSTM:
            same([ours.c, ours.dc], [by_hand.state[1], by_hand.dstate[1]])


@cells
def test_states_are_set_and_reset(cell: Any, layer: Any, reference: Any) -> None:
    params = weights(reference)
    ours = layer(*params, stateful=True)
    xs = random(N, T, D)
    first = ours.forward(xs)
    assert not np.allclose(ours.forward(xs), first)
    ours.reset_state()
    same(ours.forward(xs), first)
    start = [random(N, H, seed=k) for k in range(len(layer.carried))]
    ours.set_state(*start)
    same(ours.h, start[0])
    by_hand = NumPyTime(reference, params, True)
    by_hand.state = tuple(start)
    same(ours.forward(xs), by_hand.forward(xs))
    once = layer(*params)
    once.set_state(*start)
    by_hand.state = tuple(start)
    same(once.forward(xs), by_hand.forward(xs))
    same(once.forward(xs), first)
    ours.reset_state()
    assert ours.forward(xs[:2]).shape == (2, T, H)  # another batch size after a reset
    with pytest.raises(lg.ShapeError, match=r"(?s)batch of 3.*batch of 2.*reset_state"):
        ours.forward(xs)
    with pytest.raises(lg.ShapeError, match=r"(?s)state of .* was to be set to \(3, 5\).*4 hidden units"):
        ours.set_state(random(3, 5))


def test_set_state_takes_tensors_and_gives_them_gradients() -> None:
    """An encoder's last h starts a decoder; the books carry `dh` over by hand."""
    encoder, decoder = TimeLSTM(*weights(NumPyLSTM)), TimeLSTM(*weights(NumPyLSTM, seed=50), stateful=True)
    xs, ys, dhs = random(N, T, D), random(N, 3, D, seed=1), random(N, 3, H, seed=2)
    hs = encoder.forward(xs)
    decoder.set_state(hs[:, -1])
    wanted = decoder.forward(ys)
    decoder.backward(dhs)
    of_hs = np.zeros_like(hs)
    of_hs[:, -1] = decoder.dh
    encoder.backward(of_hs)

    last = encoder(lg.tensor(xs))[:, -1]
    decoder.reset_state()
    decoder.set_state(last)
    out = decoder(lg.tensor(ys))
    same(out.data, wanted)
    (out * dhs).sum().backward()
    same([leaf.grad for leaf in encoder.parameters().values()], encoder.grads)
    same([leaf.grad for leaf in decoder.parameters().values()], decoder.grads)


@cells
def test_gradients_of_a_sequence_of_both_orders(cell: Any, layer: Any, reference: Any) -> None:
    params = [x[:, :] if x.ndim > 1 else x for x in weights(reference)]

    def f(Wx: Any, Wh: Any, b: Any, xs: Any) -> Any:
        made = layer(*params)
        for name, value in (("Wx", Wx), ("Wh", Wh), ("b", b)):
            made.__dict__[name] = value
        return made.call(xs)

    lg.check_gradients(f, *params, random(2, 3, D), order=2)


@cells
def test_a_graph_of_any_batch_and_length(cell: Any, layer: Any, reference: Any) -> None:
    ours = layer(*weights(reference))
    graph = ours.graph(lg.spec("N", "T", D, dtype=np.float64))
    assert sorted(graph.parameters) == ["Wh", "Wx", "b"]
    gradient = graph.gradient()
    for count, length in ((2, 3), (4, 1)):
        xs, dhs = random(count, length, D), random(count, length, H, seed=1)
        hs = ours.forward(xs)
        dxs = ours.backward(dhs)
        found = gradient.run([xs, dhs])
        same(found[graph.outputs[0].name], hs)
        same([found[f"grad/{name}"] for name in ("xs", "Wx", "Wh", "b")], [dxs, *ours.grads])
    again = pickle.loads(pickle.dumps(gradient)).run([xs, dhs])
    same(list(again.values()), list(found.values()))


def test_a_stateful_graph_moves_its_state_on() -> None:
    ours = TimeLSTM(*weights(NumPyLSTM), stateful=True)
    wanted = TimeLSTM(*weights(NumPyLSTM), stateful=True)
    graph = ours.graph(lg.spec(N, "T", D, dtype=np.float64))
    assert list(graph.updates) == ["hidden", "cell"]
    for block in range(3):
        xs = random(N, T + block, D, seed=block)
        same(next(iter(graph.run([xs]).values())), wanted.forward(xs))
        same([ours.h, ours.c], [wanted.h, wanted.c])
    with pytest.raises(lg.CaptureError, match=r"(?s)batch size N.*fixed batch size"):
        TimeLSTM(*weights(NumPyLSTM), stateful=True).graph(lg.spec("N", "T", D, dtype=np.float64))
    twice = lg.capture(lambda xs: ours(ours(xs) @ random(H, D)), lg.spec(N, T, D, dtype=np.float64))
    xs = random(N, T, D)
    same(next(iter(twice.run([xs]).values())), wanted.forward(wanted.forward(xs) @ random(H, D)))


def test_states_are_in_checkpoints_and_copies() -> None:
    ours = TimeGRU(*weights(NumPyGRU), stateful=True)
    assert list(ours.state()) == []
    ours.forward(random(N, T, D))
    assert list(ours.state()) == ["hidden"]
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        same(other.forward(random(N, T, D, seed=1)), copy.deepcopy(ours).forward(random(N, T, D, seed=1)))
        assert other.Wx is not ours.Wx
    assert repr(ours) == "TimeGRU(2, 4, stateful)"


def test_the_gradient_is_truncated_at_the_start_of_a_call() -> None:
    ours = TimeRNN(*weights(NumPyRNN), stateful=True)
    first = lg.tensor(random(N, T, D), requires_grad=True)
    ours(first)
    out = ours(lg.tensor(random(N, T, D, seed=1)))
    out.sum().backward()
    assert first.grad is None
    assert ours.dh.shape == (N, H)
    wanted = ours.Wh.grad.copy()
    ours(first)  # a later call changes the state, not what this backward reads
    same(lg.gradients(out.sum(), ours.Wh)[0].data, wanted)


def test_one_recording_serves_all_calls_of_a_shape() -> None:
    ours = TimeLSTM(*weights(NumPyLSTM))
    kinds = {ours(lg.tensor(random(N, length, D))).node.inputs[0].node.kind for length in (T, T, T + 3)}
    assert len(kinds) == 1
    with lg.no_grad():
        assert ours(lg.tensor(random(N, T, D))).node is None


def test_the_same_start_for_h_and_c_is_two_starts_the_next_time() -> None:
    ours, by_hand = TimeLSTM(*weights(NumPyLSTM)), NumPyTime(NumPyLSTM, weights(NumPyLSTM), True)
    xs, h, c = random(2, T, D), random(2, H, seed=1), random(2, H, seed=2)
    start = lg.tensor(h, requires_grad=True)
    ours.set_state(start, start)
    ours(lg.tensor(xs)).sum().backward()
    by_hand.state = (h, h)
    by_hand.forward(xs)
    by_hand.backward(np.ones((2, T, H)))
    same(start.grad, by_hand.dstate[0] + by_hand.dstate[1])
    ours.set_state(h, c)
    by_hand.state = (h, c)
    same(ours.forward(xs), by_hand.forward(xs))


def test_a_layer_does_not_keep_the_graph_of_its_last_call() -> None:
    import gc
    import weakref

    ours = TimeLSTM(*weights(NumPyLSTM), stateful=True)
    x = lg.tensor(random(N, T, D), requires_grad=True) * 2.0
    last = weakref.ref(x)
    gc.disable()
    try:
        y = ours(x)
        y.sum().backward()
        del x, y
        assert last() is None
    finally:
        gc.enable()


def test_both_directions() -> None:
    one, other = weights(NumPyLSTM), weights(NumPyLSTM, seed=40)
    ours = TimeBiLSTM(*one, *other)
    there, back = NumPyTime(NumPyLSTM, one, False), NumPyTime(NumPyLSTM, other, False)
    xs, dhs = random(N, T, D), random(N, T, 2 * H, seed=1)
    same(ours.forward(xs), np.concatenate([there.forward(xs), back.forward(xs[:, ::-1])[:, ::-1]], axis=2))
    dxs = there.backward(dhs[:, :, :H]) + back.backward(dhs[:, ::-1, H:])[:, ::-1]
    same(ours.backward(dhs), dxs)
    same(ours.grads, [*there.grads, *back.grads])
    assert next(iter(ours.parameters())) == "forward_lstm/Wx"
    made = TimeBiLSTM.create(D, H, seed=0)
    assert [x.shape for x in made.params] == [x.shape for x in (*one, *other)]
    assert not np.allclose(made.params[0], made.params[3])


def test_first_values_are_drawn_for_each_gate() -> None:
    layer = TimeLSTM.create(400, 100, seed=0)
    Wx, Wh, b = layer.params
    assert (Wx.shape, Wh.shape, b.tolist()) == ((400, 400), (100, 400), [0.0] * 400)
    assert Wx.std() == pytest.approx(1 / 20, rel=0.05)
    assert Wh.std() == pytest.approx(1 / 10, rel=0.05)
    same(TimeLSTM.create(400, 100, seed=0).params[0], Wx)
    assert not np.allclose(TimeLSTM.create(400, 100, seed=1).params[0], Wx)
    square = LSTM.create(4, 4, seed=0, init="orthogonal", dtype=np.float64).params[1]
    for gate in np.split(square, 4, axis=1):
        same(gate.T @ gate, np.eye(4))
