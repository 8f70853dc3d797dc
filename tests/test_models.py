"""Whole networks: published sizes, shapes at any extent, a gradient for every parameter, files, scopes, seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import localgrad as lg
from localgrad import models
from localgrad.layers import Affine, Tanh

Made = tuple[Callable[..., lg.Model], tuple[int, ...]]

SMALL: dict[str, Made] = {
    "MLP": (lambda **given: models.MLP(6, 7, 5, 3, **given), (6,)),
    "MLP, normalized": (lambda **given: models.MLP(6, 7, 3, batch_normalization=True, dropout=0.25, **given), (6,)),
    "ConvNet": (
        lambda **given: models.ConvNet((2, 9, 7), 3, (4, (5, 6)), (8,), batch_normalization=True, **given),
        (2, 9, 7),
    ),
    "ConvNet of signals": (lambda **given: models.ConvNet((2, 21), 3, (4, 5), (), kernel=5, **given), (2, 21)),
    "SimpleConvNet": (lambda **given: models.SimpleConvNet((1, 9, 8), 3, filters=4, hidden=6, **given), (1, 9, 8)),
    "DeepConvNet": (lambda **given: models.DeepConvNet((1, 8, 9), 3, hidden=12, dropout=0.25, **given), (1, 8, 9)),
    "ResNet": (lambda **given: models.ResNet((1, 2), (4, 8), 3, channels=2, **given), (2, 9, 7)),
    "ResNet, padding": (
        lambda **given: models.ResNet((1, 1), (4, 8), 3, channels=2, shortcut="padding", **given),
        (2, 7, 9),
    ),
    "ResNet, bottleneck": (
        lambda **given: models.ResNet((1, 1), (8, 16), 3, 2, models.BottleneckBlock, "imagenet", **given),
        (2, 17, 19),
    ),
}
ALL: dict[str, Made] = {**SMALL, "VAE": (lambda **given: models.VAE(6, (5, 4), 2, **given), (6,))}


def batch(shape: tuple[int, ...], count: int = 4, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape)).astype(dtype)


def loss_of(model: lg.Model, x: np.ndarray) -> lg.Tensor:
    y = model(x)
    return y if y.ndim == 0 else lg.softmax_cross_entropy(y, np.arange(len(x)) % 3)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (models.resnet18, 11_689_512),
        (models.resnet34, 21_797_672),
        (models.resnet50, 25_557_032),
        (models.SimpleConvNet, 30 * 25 + 30 + 30 * 12 * 12 * 100 + 100 + 100 * 10 + 10),
        (models.DeepConvNet, 160 + 2320 + 4640 + 9248 + 18496 + 36928 + (64 * 4 * 4 + 1) * 50 + 510),
        (lambda: models.MLP(784, 50, 100, 10), 785 * 50 + 51 * 100 + 101 * 10),
        (lambda: models.VAE(64, (128,), 2), 65 * 128 + 2 * 129 * 2 + 3 * 128 + 129 * 64),
    ],
)
def test_parameters_are_as_many_as_published_or_counted_by_hand(make: Callable[[], lg.Model], count: int) -> None:
    assert make().count_parameters() == count


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)])
def test_residual_networks_for_cifar_are_as_large_as_in_their_paper(depth: int, millions: float) -> None:
    model = models.ResNet.cifar(depth)
    assert round(model.count_parameters() / 1e6, 2) == millions
    weighted = [name for name in model.parameters() if name.endswith("/W")]
    assert len(weighted) == depth  # shortcuts have none


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_of_any_length_becomes_scores(name: str) -> None:
    make, shape = SMALL[name]
    model = make(seed=0)
    assert model(batch(shape)).shape == (4, 3)
    graph = model.graph(lg.spec("N", *shape))
    assert str(graph.outputs[0].shape) == "(N, 3)"
    model.eval()
    graph = model.graph(lg.spec("N", *shape))
    for count in (1, 5):
        (found,) = graph.run([batch(shape, count)]).values()
        np.testing.assert_allclose(found, model(batch(shape, count)).numpy(), rtol=1e-5, atol=1e-6)


def test_a_residual_network_takes_images_of_any_size() -> None:
    graph = models.ResNet((1, 1), (4, 8), 3).eval().graph(lg.spec("N", 3, "height", "width"))
    for extents in ((5, 8), (1, 1), (12, 7)):
        (found,) = graph.run([batch((3, *extents), 2)]).values()
        assert found.shape == (2, 3)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    make, shape = ALL[name]
    model = make(seed=1)
    loss_of(model, batch(shape, 12)).backward()
    gradients = {label: leaf.grad for label, leaf in model.parameters().items()}
    assert [label for label, grad in gradients.items() if grad is None or not np.any(grad)] == []
    assert all(grad.shape == model.parameters()[label].shape for label, grad in gradients.items())


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_central_differences(name: str) -> None:
    make, shape = ALL[name]
    model = make(seed=2, dtype=np.float64).eval()
    x = batch(shape, 3, np.float64)
    random, step = np.random.default_rng(3), 1e-6
    directions = {label: random.standard_normal(leaf.shape) for label, leaf in model.parameters().items()}
    # where a unit is silent, a bias of 0 puts the next one on the kink of its ReLU
    fixed = model.values()
    fixed |= {label: fixed[label] + 0.1 * random.standard_normal(fixed[label].shape) for label in directions}
    model.load_values(fixed)
    loss_of(model, x).backward()
    told = sum(float((leaf.grad * directions[label]).sum()) for label, leaf in model.parameters().items())
    ends = []
    for sign in (1, -1):
        model.load_values(fixed | {k: fixed[k] + sign * step * directions[k] for k in directions})
        ends.append(loss_of(model, x).item())
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(told, rel=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_the_seed_decides_all_first_values(name: str) -> None:
    make, _ = ALL[name]
    first, again, other = make(seed=3).values(), make(seed=3).values(), make(seed=4).values()
    assert all(np.array_equal(first[label], again[label]) for label in first)
    drawn = [label for label in first if label.endswith("W")]
    assert not any(np.array_equal(first[label], other[label]) for label in drawn)
    # no two layers, also of neighbouring seeds, begin with the same numbers
    starts = [tuple(np.sign(values[label]).ravel()[:12]) for values in (first, other) for label in drawn]
    starts = [start for start in starts if len(start) == 12]
    assert len(set(starts)) == len(starts)


@pytest.mark.parametrize("name", ALL)
def test_values_and_graphs_come_back_from_files(name: str, tmp_path: Path) -> None:
    make, shape = ALL[name]
    model, other = make(seed=5).eval(), make(seed=6).eval()
    x = batch(shape)
    start = other.values()
    other.load_values(model.values())
    graph = model.graph(lg.spec("N", *shape))
    graph.save(tmp_path / "graph")
    expected = loss_of(model, x).item()
    assert loss_of(other, x).item() == expected
    (found,) = lg.load(tmp_path / "graph").run([x]).values()
    if found.ndim:
        np.testing.assert_allclose(found, model(x).numpy(), rtol=1e-5, atol=1e-6)
    assert any(not np.array_equal(start[label], value) for label, value in model.values().items())


@pytest.mark.parametrize("name", ALL)
def test_every_weight_is_used_inside_the_box_of_its_layer(name: str) -> None:
    make, shape = ALL[name]
    model = make(seed=0)
    graph = model.graph(lg.spec("N", *shape))
    assert set(graph.parameters) == set(model.parameters())
    for node in graph.nodes:
        for tensor in node.inputs:
            if isinstance(tensor, lg.Tensor) and tensor.name in graph.parameters:
                assert node.scope == tensor.name.rpartition("/")[0]


def test_the_boxes_of_a_residual_block_are_its_parts() -> None:
    graph = models.ResNet((1, 1), (4, 8), 3).graph(lg.spec("N", 3, 8, 8))
    scopes = {node.scope for node in graph.nodes}
    assert {"stem/0", "stages/0/0", "stages/1/0/body/3", "stages/1/0/shortcut/0", "pooling", "head"} <= scopes
    assert {node.kind.name for node in graph.nodes if node.scope == "stages/1/0"} == {"Add", "Relu"}


def test_a_shortcut_by_padding_takes_pixels_and_adds_zeros() -> None:
    block = models.ResidualBlock(2, 5, stride=2, shortcut="padding")
    x = batch((2, 5, 4), 1)
    y = block.shortcut(x).numpy()
    np.testing.assert_array_equal(y[:, :2], x[:, :, ::2, ::2])
    assert y.shape == (1, 5, 3, 2)
    assert not y[:, 2:].any()
    assert isinstance(models.ResidualBlock(4, 4).shortcut, lg.layers.Identity)


def test_parts_can_be_chosen() -> None:
    model = models.MLP(4, 8, 2, activation=Tanh, init="xavier")
    assert isinstance(model[1], Tanh)
    assert isinstance(models.ConvNet((1, 8, 8), 2, (3,), ())[-1], Affine)
    names = [type(layer).__name__ for layer in models.ConvNet((1, 8, 8), 2, (3,), (4,), dropout=0.5)]
    assert names == ["Convolution", "Relu", "MaxPooling", "Affine", "Relu", "Dropout", "Affine"]


def test_a_variational_autoencoder_encodes_decodes_and_draws() -> None:
    x = batch((6,), 5)
    model = models.VAE(6, (8,), 3, seed=0)
    mean, log_variance = model.encode(x)
    assert mean.shape == log_variance.shape == (5, 3)
    made = model.decode(mean.numpy()).numpy()
    assert made.shape == (5, 6)
    assert ((made > 0) & (made < 1)).all()
    first, second = model(x).item(), model(x).item()
    assert first != second  # each call draws anew
    assert models.VAE(6, (8,), 3, seed=0)(x).item() == first


def test_the_loss_of_a_variational_autoencoder_is_the_formula() -> None:
    x = batch((6,), 4, np.float64)
    model = models.VAE(6, (5,), 2, seed=0, dtype=np.float64)
    model.log_variance.W.data[...] = 0
    model.log_variance.b.data[...] = -60  # the draw is the mean
    mean = model.encode(x)[0].numpy()
    p = model.decode(mean).numpy()
    cost = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    distance = 0.5 * (np.exp(-60.0) + mean**2 - 1 + 60).sum(axis=1).mean()
    assert model(x).item() == pytest.approx(cost + distance, rel=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.MLP(5), r"(?s)an MLP was to be made.*found: 1 sizes.*do: give the widths"),
        (lambda: models.ConvNet((1, 4, 4), 2, (3, 3, 3)), r"(?s)found: its poolings leave .*0.*do: give larger inputs"),
        (lambda: models.ConvNet((4,), 2, (3,)), r"(?s)found: 1 extents.*do: give \(channels, height, width\)"),
        (lambda: models.ResNet((1,), (4, 8)), r"(?s)found: 1 depths and 2 widths.*do: give one of each"),
        (lambda: models.ResNet((1,), (4,), stem="imagnet"), r"(?s)found: stem='imagnet'.*do: choose"),
        (lambda: models.ResidualBlock(4, 8, shortcut="none"), r"(?s)found: shortcut='none'.*do: choose"),
        (lambda: models.BottleneckBlock(4, 6), r"(?s)found: 6 channels out.*do: give a multiple of 4"),
        (lambda: models.ResNet.imagenet(20), r"(?s)20 layers for ImageNet.*found: .*18, 34, 50.*do: choose"),
        (lambda: models.ResNet.cifar(21), r"(?s)21 layers for CIFAR.*found: .*6 n \+ 2.*do: choose"),
    ],
)
def test_what_cannot_be_made_is_told(make: Callable[[], lg.Model], message: str) -> None:
    with pytest.raises(lg.LocalgradError, match=message):
        make()
