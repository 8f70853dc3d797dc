"""What users are told of states that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers.recurrent import GRU, LSTM, RNN
from localgrad.layers.sequences import TimeGRU, TimeLSTM
from tests.recurrent_by_hand import D, H, N, T, random
from tests.told import told


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
