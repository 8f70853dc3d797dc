"""A two-layer LSTM language model gives PyTorch's scores, loss, states and gradients from the same weights.

The arrays in data/lstm.npz were made by PyTorch (see `origin` in it, and torch/make_lstm.py, which writes it): two blocks
of a text, the second from the states the first ended with, for a model with and one without tied weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import TimeStack
from localgrad.models import LSTMLanguageModel

FILE = Path(__file__).parent / "data" / "lstm.npz"
STEPS = 7
MODELS = pytest.mark.parametrize("name", ["separate", "tied"])
TOLERANCE: dict[type, Any] = {np.float64: {"rtol": 1e-10, "atol": 1e-12}, np.float32: {"rtol": 1e-4, "atol": 1e-6}}


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(FILE) as arrays:
        return dict(arrays)


def below(stored: dict[str, np.ndarray], folder: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(folder): array for name, array in stored.items() if name.startswith(folder)}


def model_of(stored: dict[str, np.ndarray], name: str, dtype: type = np.float64, **options: Any) -> LSTMLanguageModel:
    values = below(stored, f"{name}/value/")
    vocabulary, width = values["0/W"].shape
    model = LSTMLanguageModel(vocabulary, width, layers=2, tied=name == "tied", dtype=dtype, **options)
    return model.load_values(values)


def block_of(stored: dict[str, np.ndarray], block: int) -> tuple[np.ndarray, np.ndarray]:
    part = slice(block * STEPS, (block + 1) * STEPS)
    return stored["xs"][:, part], stored["ts"][:, part]


@MODELS
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_loss_states_and_gradients_are_those_of_pytorch(stored: dict[str, np.ndarray], name: str, dtype: type) -> None:
    assert str(stored["origin"]).startswith("PyTorch ")
    model, close = model_of(stored, name, dtype), TOLERANCE[dtype]
    for block in range(2):
        xs, ts = block_of(stored, block)
        scores = model(xs)
        model.reset_state()
        if block:
            for number, layer in enumerate(model.lstms, 1):
                layer.set_state(*(stored[f"{name}/0/state/{number}/{each}"] for each in ("hidden", "cell")))
            scores = model(xs)
            for number, layer in enumerate(model.lstms, 1):
                layer.set_state(*(stored[f"{name}/0/state/{number}/{each}"] for each in ("hidden", "cell")))
        loss = model(xs, ts)
        loss.backward()
        np.testing.assert_allclose(scores.data, stored[f"{name}/{block}/scores"], **close)
        np.testing.assert_allclose(loss.data, stored[f"{name}/{block}/loss"], **close)
        for path, state in below(stored, f"{name}/{block}/state/").items():
            np.testing.assert_allclose(model.state()[path].data, state, **close, err_msg=path)
        gradients = below(stored, f"{name}/{block}/gradient/")
        assert set(gradients) == set(model.parameters())
        for path, leaf in model.parameters().items():
            np.testing.assert_allclose(leaf.grad, gradients[path], **close, err_msg=path)


@MODELS
def test_the_states_go_on_by_themselves_and_the_gradient_stops_there(stored: dict[str, np.ndarray], name: str) -> None:
    model = model_of(stored, name)
    for block in range(2):  # the books' protocol
        xs, ts = block_of(stored, block)
        np.testing.assert_allclose(model.forward(xs, ts), stored[f"{name}/{block}/loss"], rtol=1e-10)
        model.backward()
        for path, grad in zip(model.parameters(), model.grads, strict=True):
            wanted = stored[f"{name}/{block}/gradient/{path}"]
            np.testing.assert_allclose(grad, wanted, rtol=1e-9, atol=1e-12, err_msg=path)


@MODELS
def test_the_gradient_graph_gives_them_too(stored: dict[str, np.ndarray], name: str) -> None:
    model = model_of(stored, name, stateful=False)
    ints = np.dtype(np.int64)
    gradient = model.graph(lg.spec("N", "T", dtype=ints), lg.spec("N", "T", dtype=ints)).gradient()
    found = gradient.run(list(block_of(stored, 0)))
    for path, wanted in below(stored, f"{name}/0/gradient/").items():
        np.testing.assert_allclose(found[f"grad/{path}"], wanted, rtol=1e-9, atol=1e-12, err_msg=path)


def test_a_stack_of_lstms_is_pytorchs(stored: dict[str, np.ndarray]) -> None:
    model = model_of(stored, "separate")
    stack = TimeStack(*model.lstms)
    xs, _ = block_of(stored, 0)
    states = stack(model[0](lg.tensor(xs)))
    np.testing.assert_allclose(model[-1](states).data, stored["separate/0/scores"], rtol=1e-10, atol=1e-12)
    for number, (h, c) in enumerate(stack.ends, 1):
        np.testing.assert_allclose(h, stored[f"separate/0/state/{number}/hidden"], rtol=1e-10)
        np.testing.assert_allclose(c, stored[f"separate/0/state/{number}/cell"], rtol=1e-10)
