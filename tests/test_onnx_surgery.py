"""Surgery on imported graphs, judged by ONNX Runtime: what is left of the file is written as it stood there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import NameLookupError, ShapeError
from localgrad.layers import Affine

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def image_network(batch: Any = 1, reshaped: tuple[int, ...] = (1, 24)) -> Any:
    """Conv, Reshape with a constant that holds the batch, two products."""
    rng = np.random.default_rng(0)

    def of(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(rng.normal(size=shape).astype("f"), name)

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "conv.w", "conv.b"], ["c"], name="features/conv", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"], name="features/relu"),
            helper.make_node("MaxPool", ["r"], ["p"], name="features/pool", kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Reshape", ["p", "shape"], ["flat"], name="flatten"),
            helper.make_node("Gemm", ["flat", "hidden.w", "hidden.b"], ["h"], name="hidden", transB=1),
            helper.make_node("Tanh", ["h"], ["t"], name="act", doc_string="squashed"),
            helper.make_node("Gemm", ["t", "out.w"], ["logits"], name="out", alpha=0.5),
        ],
        "images",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 2, 4, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 3])],
        [
            of("conv.w", 3, 2, 3, 3), of("conv.b", 3), numpy_helper.from_array(np.array(reshaped), "shape"),
            of("hidden.w", 5, 24), of("hidden.b", 5), of("out.w", 5, 3),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="exporter")
    model.ir_version = 7
    return model


def loaded(**options: Any) -> tuple[Any, Any]:
    model = image_network(**options)
    return model, lg.load_onnx(model.SerializeToString())


def ran(path: Path, x: Any) -> Any:
    onnx.checker.check_model(str(path), full_check=True)
    return runtime.InferenceSession(str(path)).run(None, {"x": x})[0]


X = np.random.default_rng(2).normal(size=(5, 2, 4, 8)).astype("f")


@pytest.mark.parametrize("reshaped", [(1, 24), (1, -1), (-1, 24), (0, -1)])
def test_a_fixed_batch_becomes_any(tmp_path: Path, reshaped: tuple[int, ...]) -> None:
    model, graph = loaded(reshaped=reshaped)
    with pytest.raises(ShapeError, match=r'graph\.set_batch\("N"\)'):
        graph.run({"x": X})
    with pytest.raises(ShapeError, match=r'graph\.set_batch\("N"\)'):
        graph.as_layer()(X)
    free = graph.set_batch("N")
    assert repr(free.outputs[0].shape) == "(N, 3)"
    free.save_onnx(tmp_path / "free.onnx")
    found = ran(tmp_path / "free.onnx", X)
    one = runtime.InferenceSession(model.SerializeToString())
    expected = np.concatenate([one.run(None, {"x": x[None]})[0] for x in X])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(free.run({"x": X})["logits"], expected, atol=1e-5)
    again = onnx.load(tmp_path / "free.onnx")
    assert [node.name for node in again.graph.node] == [node.name for node in model.graph.node]
    assert sum(a != b for a, b in zip(again.graph.node, model.graph.node, strict=True)) <= 1


def test_a_batch_that_stands_elsewhere_is_named() -> None:
    _, graph = loaded()
    fixed = graph.replace("flatten" if "flatten" in graph.tensors else "flat", lambda p, s=None: lg.reshape(p, (1, 24)))
    assert repr(fixed.set_batch("N").outputs[0].shape) == "(N, 3)"
    odd = graph.replace("t", lambda h: h + lg.reshape(lg.tensor(np.ones(10, "f")), (2, 5))[:1])
    assert odd.set_batch("N").run({"x": X})["logits"].shape == (5, 3)


def test_cut_and_given_a_new_head(tmp_path: Path) -> None:
    model, graph = loaded(batch="n", reshaped=(-1, 24))
    tuned = graph.with_head(Affine.create(5, 2, seed=0), at="t")
    assert tuned.outputs[0].shape[1:] == (2,)
    layer = tuned.as_layer(trainable=["head/*"])
    labels = (X.mean(axis=(1, 2, 3)) > 0).astype(np.int64)
    trainer = lg.Trainer(layer, optimizer=lg.Adam(0.1))
    trainer.fit((X, labels), epochs=60)
    assert trainer.evaluate((X, labels))["accuracy"] == 1
    layer.save_onnx(tmp_path / "tuned.onnx")
    np.testing.assert_allclose(ran(tmp_path / "tuned.onnx", X), trainer.predict(X), atol=1e-4)
    again = onnx.load(tmp_path / "tuned.onnx")
    assert list(again.graph.node[:6]) == list(model.graph.node[:6])
    before = {each.name: each for each in model.graph.initializer}
    kept = [each for each in again.graph.initializer if each.name in before]
    assert len(kept) == 5
    assert all(each == before[each.name] for each in kept)
    assert again.producer_name == "exporter"


def test_a_node_is_replaced_and_tensors_renamed(tmp_path: Path) -> None:
    model, graph = loaded(batch="n", reshaped=(-1, 24))
    other = graph.replace("t", lg.sigmoid).rename({"logits": "score"})
    other.save_onnx(tmp_path / "other.onnx")
    found = ran(tmp_path / "other.onnx", X)
    np.testing.assert_allclose(found, other.run({"x": X})["score"], atol=1e-5)
    written = onnx.load(tmp_path / "other.onnx").graph
    assert [each.op_type for each in written.node] == ["Conv", "Relu", "MaxPool", "Reshape", "Gemm", "Sigmoid", "Gemm"]
    assert [each.name for each in written.output] == ["score"]
    assert written.node[4] == model.graph.node[4]
    with pytest.raises(NameLookupError, match="logits"):
        graph.rename({"logit": "score"})
    with pytest.raises(ShapeError, match=r"(?s)node `t`.*float32\(n, 2\)"):
        graph.replace("t", lambda h: h[:, :2])


def test_adapters_are_merged_into_the_weights_they_stand_beside(tmp_path: Path) -> None:
    model, graph = loaded(batch="n", reshaped=(-1, 24))
    layer = graph.as_layer(trainable=["out.w"], adapters=["hidden.w"], rank=2)
    shapes = {name: leaf.shape for name, leaf in layer.parameters().items() if leaf.requires_grad}
    assert shapes == {"out.w": (5, 3), "hidden.w/A": (5, 2), "hidden.w/B": (2, 24)}
    start = graph.run({"x": X})["logits"]
    np.testing.assert_array_equal(layer(X).numpy(), start)
    trainer = lg.Trainer(layer, optimizer=lg.Adam(0.05))
    trainer.fit((X, np.arange(5) % 3), epochs=10)
    layer.save_onnx(tmp_path / "merged.onnx")
    layer.save_onnx(tmp_path / "merged.onnx")
    np.testing.assert_allclose(ran(tmp_path / "merged.onnx", X), trainer.predict(X), atol=1e-4)
    again = onnx.load(tmp_path / "merged.onnx")
    assert list(again.graph.node) == list(model.graph.node)
    pairs = zip(again.graph.initializer, model.graph.initializer, strict=True)
    assert [a.name for a, b in pairs if a != b] == ["hidden.w", "out.w"]
    with pytest.raises(NameLookupError, match=r"conv\.w"):
        graph.as_layer(trainable=["out.w"], adapters=["conv.w"])
