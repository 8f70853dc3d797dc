"""A small residual network gives PyTorch's loss, gradients and running statistics from the same weights.

The arrays in data/resnet.npz were made by PyTorch (see `origin` in it, and torch/make_resnet.py, which writes it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine, GlobalAveragePooling
from localgrad.models import BottleneckBlock, ResNet

FILE = Path(__file__).parent / "data" / "resnet.npz"


class Network(lg.Model):
    """Stem and stages of a ResNet with projections, a bottleneck of stride 2, and the head."""

    def __init__(self, dtype: type) -> None:
        made = ResNet((1, 1), (4, 6), 3, channels=2, dtype=dtype)
        self.stem, self.stages = made.stem, made.stages
        self.bottleneck = BottleneckBlock(6, 8, stride=2, dtype=dtype)
        self.pooling = GlobalAveragePooling()
        self.head = Affine.create(8, 3, dtype=dtype)

    def call(self, x: lg.Tensor) -> lg.Tensor:
        return self.head(self.pooling(self.bottleneck(self.stages(self.stem(x)))))


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(FILE) as arrays:
        return dict(arrays)


def below(stored: dict[str, np.ndarray], folder: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(folder): array for name, array in stored.items() if name.startswith(folder)}


def network(stored: dict[str, np.ndarray], dtype: type) -> Network:
    model = Network(dtype)
    return model.load_values({**below(stored, "value/"), **model.state()})


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-4)])
def test_loss_and_gradients_are_those_of_pytorch(stored: dict[str, np.ndarray], dtype: type, tolerance: float) -> None:
    assert str(stored["origin"]).startswith("PyTorch ")
    model = network(stored, dtype)
    x = lg.tensor(stored["x"], dtype=dtype, requires_grad=True)
    logits = model(x)
    loss = lg.softmax_cross_entropy(logits, stored["labels"])
    loss.backward()
    close = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(logits.data, stored["logits"], **close)
    np.testing.assert_allclose(loss.data, stored["loss"], **close)
    np.testing.assert_allclose(x.grad, stored["gradient of x"], **close)
    expected = below(stored, "gradient/")
    assert set(expected) == set(model.parameters())
    for name, leaf in model.parameters().items():
        np.testing.assert_allclose(leaf.grad, expected[name], **close, err_msg=name)


def test_the_gradient_graph_gives_them_too(stored: dict[str, np.ndarray]) -> None:
    model = network(stored, np.float64)
    graph = lg.capture(lambda x, t: lg.softmax_cross_entropy(model(x), t), stored["x"], stored["labels"]).gradient()
    found = graph.run([stored["x"], stored["labels"]])
    for name, expected in below(stored, "gradient/").items():
        np.testing.assert_allclose(found[f"grad/{name}"], expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_running_statistics_move_as_in_pytorch_but_for_its_variance(stored: dict[str, np.ndarray]) -> None:
    model = network(stored, np.float64)
    counts: dict[str, Any] = {}
    for node in model.graph(stored["x"]).nodes:
        if node.kind.name == "BatchNormalization":
            counts[node.scope] = node.inputs[0].size // node.inputs[0].shape[1]
    model(stored["x"])
    for name, expected in below(stored, "running/").items():
        found = model.state()[name].data
        if name.endswith("running_var"):
            # PyTorch divides the variance it stores by one less than the count, and the one it uses by the count
            count = counts[name.rpartition("/")[0]]
            found = 0.9 + (found - 0.9) * count / (count - 1)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_evaluation_with_its_statistics_gives_its_scores(stored: dict[str, np.ndarray]) -> None:
    model = Network(np.float64)
    model.load_values({**below(stored, "value/"), **below(stored, "running/")}).eval()
    np.testing.assert_allclose(model(stored["x"]).data, stored["evaluated"], rtol=1e-9, atol=1e-9)
