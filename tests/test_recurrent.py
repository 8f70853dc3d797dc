"""Recurrent layers against layers written by hand in NumPy, step by step, the way the books teach them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers.recurrent import GRU, LSTM, RNN
from localgrad.layers.sequences import TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from localgrad.layers.time import TimeAffine, TimeDropout, TimeEmbedding, TimeSigmoidWithLoss, TimeSoftmaxWithLoss
from tests.told import told

N, T, D, H, V = 3, 5, 2, 4, 6


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 0.6


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def same(found: Any, wanted: Any, rtol: float = 1e-9) -> None:
    if isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted):
            same(one, other, rtol)
        return
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-12)


# by hand --------------------------------------------------------------------------------------------------------------
class NumPyRNN:
    gates = 1

    def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(x) for x in self.params]

    def forward(self, x: Any, h: Any) -> Any:
        Wx, Wh, b = self.params
        self.x, self.h, self.y = x, h, np.tanh(h @ Wh + x @ Wx + b)
        return (self.y,)

    def backward(self, dy: Any) -> Any:
        Wx, Wh, _ = self.params
        dt = dy * (1 - self.y**2)
        self.grads[0][...] = self.x.T @ dt
        self.grads[1][...] = self.h.T @ dt
        self.grads[2][...] = dt.sum(axis=0)
        return dt @ Wx.T, dt @ Wh.T


class NumPyLSTM:
    gates = 4

    def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(x) for x in self.params]

    def forward(self, x: Any, h: Any, c: Any) -> Any:
        Wx, Wh, b = self.params
        f, g, i, o = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
        f, g, i, o = sigmoid(f), np.tanh(g), sigmoid(i), sigmoid(o)
        y = f * c + g * i
        self.cache = x, h, c, f, g, i, o, y
        return o * np.tanh(y), y

    def backward(self, dh: Any, dc: Any) -> Any:
        Wx, Wh, _ = self.params
        x, h, c, f, g, i, o, y = self.cache
        t = np.tanh(y)
        ds = dc + dh * o * (1 - t**2)
        df, dg, di, do = ds * c * f * (1 - f), ds * i * (1 - g**2), ds * g * i * (1 - i), dh * t * o * (1 - o)
        da = np.hstack((df, dg, di, do))
        self.grads[0][...] = x.T @ da
        self.grads[1][...] = h.T @ da
        self.grads[2][...] = da.sum(axis=0)
        return da @ Wx.T, da @ Wh.T, ds * f


class NumPyGRU:
    gates = 3

    def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(x) for x in self.params]

    def forward(self, x: Any, h: Any) -> Any:
        (Xz, Xr, Xh), (Hz, Hr, Hh), (bz, br, bh) = (np.split(each, 3, axis=-1) for each in self.params)
        z = sigmoid(x @ Xz + h @ Hz + bz)
        r = sigmoid(x @ Xr + h @ Hr + br)
        hat = np.tanh(x @ Xh + (r * h) @ Hh + bh)
        self.cache = x, h, z, r, hat
        return ((1 - z) * h + z * hat,)

    def backward(self, dy: Any) -> Any:
        (Xz, Xr, Xh), (Hz, Hr, Hh), _ = (np.split(each, 3, axis=-1) for each in self.params)
        x, h, z, r, hat = self.cache
        dt = dy * z * (1 - hat**2)
        drh = dt @ Hh.T
        dz = dy * (hat - h) * z * (1 - z)
        dr = drh * h * r * (1 - r)
        self.grads[0][...] = np.hstack([x.T @ dz, x.T @ dr, x.T @ dt])
        self.grads[1][...] = np.hstack([h.T @ dz, h.T @ dr, (r * h).T @ dt])
        self.grads[2][...] = np.hstack([dz.sum(0), dr.sum(0), dt.sum(0)])
        dh = dy * (1 - z) + drh * r + dz @ Hz.T + dr @ Hr.T
        return dz @ Xz.T + dr @ Xr.T + dt @ Xh.T, dh


class NumPyTime:
    """A cell at each step in turn; gradients of the weights are added up over the steps."""

    def __init__(self, cell: Any, params: Any, stateful: bool) -> None:
        self.cell, self.params, self.stateful = cell, params, stateful
        self.state: Any = None
        self.carries = 2 if cell is NumPyLSTM else 1

    def forward(self, xs: Any) -> Any:
        if not self.stateful or self.state is None:
            self.state = (np.zeros((len(xs), H)),) * self.carries
        self.layers, hs = [], []
        for t in range(xs.shape[1]):
            layer = self.cell(*self.params)
            self.state = layer.forward(xs[:, t], *self.state)
            self.layers.append(layer)
            hs.append(self.state[0])
        return np.stack(hs, axis=1)

    def backward(self, dhs: Any) -> Any:
        self.grads = [np.zeros_like(x) for x in self.params]
        carry: Any = [0.0] * self.carries
        dxs = np.zeros((len(dhs), dhs.shape[1], D))
        for t in reversed(range(dhs.shape[1])):
            layer = self.layers[t]
            dxs[:, t], *carry = layer.backward(dhs[:, t] + carry[0], *carry[1:])
            for total, grad in zip(self.grads, layer.grads):
                total += grad
        self.dstate = carry
        return dxs


CELLS = [(RNN, TimeRNN, NumPyRNN), (LSTM, TimeLSTM, NumPyLSTM), (GRU, TimeGRU, NumPyGRU)]
cells = pytest.mark.parametrize("cell, layer, reference", CELLS, ids=["RNN", "LSTM", "GRU"])


def weights(reference: Any, inputs: int = D, seed: int = 0) -> list[np.ndarray]:
    width = reference.gates * H
    return [random(inputs, width, seed=seed + 1), random(H, width, seed=seed + 2), random(width, seed=seed + 3)]


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


# time layers ------------------------------------------------------------------------------------------------------------
def test_time_embedding_and_time_affine() -> None:
    W, b = random(V, D), random(V, seed=1)
    ids = np.array([[0, 1, 1], [5, 0, 2]])
    embedding = TimeEmbedding(W)
    same(embedding.forward(ids), W[ids])
    dout = random(2, 3, D, seed=2)
    assert embedding.backward(dout) is None
    wanted = np.zeros_like(W)
    np.add.at(wanted, ids, dout)
    same(embedding.grads[0], wanted)
    tied = TimeAffine(W.T, b)
    x, dout = random(2, 3, D, seed=3), random(2, 3, V, seed=4)
    same(tied.forward(x), x @ W.T + b)
    same(tied.backward(dout), dout @ W)
    same(tied.grads, [dout.reshape(-1, V).T @ x.reshape(-1, D), dout.sum((0, 1))])
    with pytest.raises(lg.ShapeError, match="2 inputs"):
        tied.forward(random(2, 3, V))


def test_time_softmax_with_loss_ignores_padding() -> None:
    xs = random(N, T, V)
    ts = np.random.default_rng(0).integers(0, V, (N, T))
    ts[0, 2:] = -1
    layer = TimeSoftmaxWithLoss()
    p = np.exp(xs) / np.exp(xs).sum(-1, keepdims=True)
    mask = ts != -1
    rows = -np.log(p[np.arange(N)[:, None], np.arange(T), ts])
    assert layer.forward(xs, ts) == pytest.approx(rows[mask].mean())
    wanted = (p - np.eye(V)[ts]) * mask[..., None] / mask.sum()
    same(layer.backward(), wanted)
    same(layer.backward(2), 2 * wanted)
    full = np.abs(ts)
    assert layer.forward(xs, np.eye(V)[full]) == pytest.approx(float(layer.forward(xs, full)))
    assert layer.forward(xs, np.full((N, T), -1)) == 0
    with pytest.raises(lg.DataError):
        layer.forward(xs, full + V)


def test_time_sigmoid_with_loss() -> None:
    xs = random(N, T)
    ts = (random(N, T, seed=1) > 0).astype(int)
    layer = TimeSigmoidWithLoss()
    p = sigmoid(xs)
    assert layer.forward(xs, ts) == pytest.approx(-np.log(np.where(ts == 1, p, 1 - p)).mean())
    same(layer.backward(), (p - ts) / xs.size)


def test_time_dropout() -> None:
    layer = TimeDropout(0.4, seed=3)
    x = np.ones((N, T, 50))
    y = layer.forward(x)
    assert set(np.unique(y.round(9))) == {0.0, round(1 / 0.6, 9)}
    same(layer.backward(x), y)
    assert (layer.dropout_ratio, layer.train_flg) == (0.4, True)
    layer.train_flg = False
    same(layer.forward(x), x)


def test_a_language_model_learns_to_count() -> None:
    """Truncated back-propagation through a model of time layers, with tied weights."""

    class Model(lg.Model):
        def __init__(self) -> None:
            W = random(V, H).astype(np.float32)
            self.embedding = TimeEmbedding(W)
            self.lstm = TimeLSTM.create(H, H, seed=0, stateful=True)
            self.out = TimeAffine(self.embedding.W.T, np.zeros(V, np.float32))
            self.loss = TimeSoftmaxWithLoss()

        def call(self, xs: Any, ts: Any) -> Any:
            return self.loss(self.out(self.lstm(self.embedding(xs))), ts)

    model, optimizer = Model(), lg.Adam(0.05)
    text = np.arange(1000) % V
    losses = []
    for step in range(60):
        start = step * 10 % 900
        xs = np.stack([text[start + k : start + k + 10] for k in range(3)])
        loss = model(lg.tensor(xs), lg.tensor((xs + 1) % V))
        loss.backward()
        optimizer.step(model)
        losses.append(loss.item())
    assert losses[0] > 1.5
    assert losses[-1] < 0.1
    assert list(model.parameters()) == ["embedding/W", "lstm/Wx", "lstm/Wh", "lstm/b", "out/b"]
    assert list(model.state()) == ["lstm/hidden", "lstm/cell"]


# what users are told of states that do not fit ------------------------------------------------------------------------
@pytest.mark.parametrize("layer", [RNN, GRU])
@pytest.mark.parametrize(("given", "found"), [((3, H), "(3, 4)"), ((N, 7), "(3, 7)"), (None, "nothing")], ids=str)
def test_a_state_of_another_shape_is_named_with_the_shape_it_needs(layer: Any, given: Any, found: str) -> None:
    x = np.ones((5 if given == (3, H) else N, D), np.float32)
    h = None if given is None else np.zeros(given, np.float32)
    wanted = f"({len(x)}, {H})"
    text = told(
        lg.ShapeError,
        lambda: layer.create(D, H).forward(x, h),
        f"({layer.__name__}) was given the state h: {found} at ",
        f"found: x of shape ({len(x)}, {D}) needs h of shape {wanted}",
        f"do: give h of that shape, to begin with np.zeros({wanted}, np.float32)",
    )
    assert "node" not in text


def test_an_lstm_names_the_state_that_does_not_fit() -> None:
    layer, x, right = LSTM.create(D, H), np.ones((N, D), np.float32), np.zeros((N, H), np.float32)
    told(lg.ShapeError, lambda: layer.forward(x, right[:2], right), "the state h: (2, 4)", "needs h of shape (3, 4)")
    told(lg.ShapeError, lambda: layer.forward(x, right, right[:2]), "the state c: (2, 4)", "needs c of shape (3, 4)")
    told(lg.DTypeError, lambda: layer.forward(x, right, random(N, H)), "the state c of float64", "c.astype(np.float32)")
    told(lg.ShapeError, lambda: layer.forward(x[:, :1], right, right), "MatMul", "inner sizes differ: 1")


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_a_state_set_for_another_batch_says_what_to_set(stateful: bool, as_tensor: bool) -> None:
    layer = TimeGRU.create(D, H, stateful=stateful)
    h = np.ones((3, H), np.float32)
    layer.set_state(lg.tensor(h) if as_tensor else h)
    xs = np.ones((2, T, D), np.float32)
    told(
        lg.ShapeError,
        lambda: layer.forward(xs),
        "was given a batch of 2 at ",
        "found: its state is that of a batch of 3",
        "do: call set_state with 2 rows, or reset_state() to start from zeros",
    )
    layer.set_state(h[:2])
    assert layer.forward(xs).shape == (2, T, H)


def test_h_and_c_are_set_for_one_batch() -> None:
    layer = TimeLSTM.create(D, H)
    told(
        lg.ShapeError,
        lambda: layer.set_state(random(3, H), random(2, H)),
        "to be set to h (3, 4) and c (2, 4) at ",
        "do: give both a row for each sample",
    )
