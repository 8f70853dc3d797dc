"""Explanations: saliency, integrated gradients and Grad-CAM against numbers by hand, on graphs of ours and imported ones."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad import attribution
from localgrad.graph.errors import DetachedError, DTypeError, GradientError, LocalgradError, ShapeError


def network(seed: int = 0) -> lg.Graph:
    generator = np.random.default_rng(seed)
    K = lg.parameter(generator.normal(size=(4, 1, 3, 3)).astype(np.float32), name="K")
    W = lg.parameter(generator.normal(size=(64, 3)).astype(np.float32) * 0.3, name="W")

    def f(x: Any) -> Any:
        h = lg.max_pool2d(lg.tanh(lg.conv2d(x, K, padding=1)), 2)
        return lg.softmax(h.reshape(x.shape[0], -1) @ W)

    return lg.capture(f, lg.spec("N", 1, 8, 8), name="network")


def images(count: int = 3) -> Any:
    return np.random.default_rng(1).normal(size=(count, 1, 8, 8)).astype(np.float32)


def imported(tmp_path: Path) -> lg.Graph:
    pytest.importorskip("onnx")
    network().save_onnx(tmp_path / "network.onnx")
    return lg.load_onnx(tmp_path / "network.onnx")


def test_saliency_is_the_size_of_the_gradient_of_the_largest_entry() -> None:
    graph, x = network(), images()
    found = attribution.saliency(graph, [x])
    y = graph.run([x])["Softmax#1"]
    np.testing.assert_array_equal(found.index, y.argmax(-1))
    np.testing.assert_allclose(found.score, y.max(-1), rtol=1e-6)
    place, step = (1, 0, 4, 5), 1e-2
    moved = [x.copy(), x.copy()]
    moved[0][place] += step
    moved[1][place] -= step
    ahead, behind = (graph.run([each])["Softmax#1"][1, y[1].argmax()] for each in moved)
    np.testing.assert_allclose(found.values[place], abs(ahead - behind) / (2 * step), rtol=0.02)


def test_each_sample_has_its_own_index() -> None:
    graph, x = network(), images()
    several = attribution.gradient_times_input(graph, [x], index=[0, 1, 2])
    for number in range(3):
        alone = attribution.gradient_times_input(graph, [x[number : number + 1]], index=number)
        np.testing.assert_allclose(several.values[number], alone.values[0], rtol=1e-4, atol=1e-7)


def test_integrated_gradients_add_up_to_the_change_of_the_score() -> None:
    graph, x = network(), images()
    begin = np.full((1, 8, 8), 0.1)
    found = attribution.integrated_gradients(graph, [x], index=1, baseline=begin, steps=32)
    y, before = (
        graph.run([each])["Softmax#1"][:, 1] for each in (x, np.broadcast_to(begin, x.shape).astype(np.float32))
    )
    np.testing.assert_allclose(found.values.reshape(3, -1).sum(-1) + found.gap, y - before, atol=1e-5)
    assert np.abs(found.gap).max() < 0.02
    one = attribution.integrated_gradients(graph, [x], index=1, baseline=begin, steps=1)
    assert np.abs(one.gap).max() > np.abs(found.gap).max()


def test_grad_cam_by_hand() -> None:
    graph, x = network(), images(2)
    layer = "Tanh#1"
    found = attribution.grad_cam(graph, [x], layer, index=0)
    gradient = graph.gradient(wrt=layer).run({"x": x, "seed/Softmax#1": np.array([[1, 0, 0]] * 2, np.float32)})
    weights = gradient[f"grad/{layer}"].mean((2, 3))
    activation = graph.run([x], fetch=layer)[layer]
    wanted = np.maximum(np.einsum("nc,nchw->nhw", weights, activation), 0)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-4, atol=1e-7)
    assert found.over((16, 16)).shape == (2, 16, 16)


@pytest.mark.parametrize("method", ["saliency", "gradient_times_input", "integrated_gradients"])
def test_an_imported_graph_is_explained_as_the_one_it_was_made_of(method: str, tmp_path: Path) -> None:
    explain = getattr(attribution, method)
    np.testing.assert_allclose(
        explain(imported(tmp_path), [images()]).values, explain(network(), [images()]).values, rtol=1e-4, atol=1e-6
    )


def test_words_are_explained_at_their_embedding() -> None:
    table = lg.parameter(np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32), name="table")
    graph = lg.capture(
        lambda ids: lg.sigmoid(lg.take(table, ids, axis=0).mean(axis=1)), lg.spec("N", 5, dtype=np.int64)
    )
    (name,) = [graph.name_of(node.outputs[0]) for node in graph.nodes if node.outputs[0].ndim == 3]
    ids = np.array([[1, 2, 3, 4, 6]])
    assert attribution.gradient_times_input(graph, [ids], wrt=name).values.shape == (1, 5, 4)
    with pytest.raises(GradientError, match="embedding of the words"):
        attribution.saliency(graph, [ids])
    with pytest.raises(DTypeError, match="embedding"):
        attribution.saliency(graph, [ids], wrt="ids")
    with pytest.raises(GradientError, match="it is no input"):
        attribution.integrated_gradients(graph, [ids], wrt=name)


@pytest.mark.parametrize(
    ("arguments", "kind", "fact"),
    [
        ({"index": 3}, ShapeError, "entry 3 of the last axis"),
        ({"index": [0, 1]}, ShapeError, "one for each sample"),
        ({"of": "Nothing"}, LocalgradError, "Nothing"),
        ({"wrt": "W2"}, LocalgradError, "W2"),
    ],
)
def test_what_cannot_be_explained_is_told(arguments: Any, kind: type[Exception], fact: str) -> None:
    with pytest.raises(kind, match=fact):
        attribution.saliency(network(), [images()], **arguments)


def test_a_baseline_that_does_not_fit_is_told() -> None:
    with pytest.raises(ShapeError, match="baseline of shape"):
        attribution.integrated_gradients(network(), [images()], baseline=np.zeros(7))


def test_no_path_is_told() -> None:
    graph = lg.capture(lambda x, z: (x * 2).sum(axis=-1), lg.spec(2), lg.spec(2))
    with pytest.raises(DetachedError):
        attribution.saliency(graph, [[1, 2], [1, 2]], wrt=graph.inputs[1].name)


def test_pictures_are_whole_files(tmp_path: Path) -> None:
    graph, x = network(), images()
    found = attribution.integrated_gradients(graph, [x], steps=4)
    found.to_svg(tmp_path / "map.svg", sample=2, beside=x[2])
    tree = ElementTree.parse(tmp_path / "map.svg")
    assert len(tree.findall("{http://www.w3.org/2000/svg}image")) == 2
    cam = attribution.grad_cam(graph, [x], "Tanh#1")
    cam.to_svg(tmp_path / "cam.svg", beside=np.zeros((32, 32, 3)))
    ElementTree.parse(tmp_path / "cam.svg")
    signal = attribution.Attribution("saliency", "x", np.array([[1.0, -2.0, np.nan]]), None, np.zeros(1))
    signal.to_svg(tmp_path / "bars.svg")
    signal.to_svg(tmp_path / "words.svg", labels=["<script>", "b", "c"])
    text = (tmp_path / "words.svg").read_text()
    assert "<script>" not in text
    assert len(ElementTree.fromstring(text).findall("{http://www.w3.org/2000/svg}rect")) == 3
    with pytest.raises(IndexError, match="sample 7"):
        found.to_svg(tmp_path / "none.svg", sample=7)
    with pytest.raises(ShapeError, match="2 labels"):
        signal.to_svg(tmp_path / "none.svg", labels=["a", "b"])
    assert not (tmp_path / "none.svg").exists()
