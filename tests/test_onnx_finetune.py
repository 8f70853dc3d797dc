"""An imported model as a layer: trained in part, and written back as it stood but for what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import DetachedError, NameLookupError

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def network(dtype: Any = np.float32, batch: Any = "batch") -> Any:
    """Two layers with a Constant, a BatchNormalization and a Dropout, and all a file can say of itself."""
    rng = np.random.default_rng(0)
    number = TensorProto.FLOAT16 if dtype == np.float16 else TensorProto.FLOAT

    def of(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(rng.normal(size=shape).astype(dtype), name)

    ones = [numpy_helper.from_array(np.full(8, 1 + i / 8, dtype), name) for i, name in enumerate("smbv")]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "body.w"], ["h0"], name="body/product", doc_string="the first"),
            helper.make_node("Add", ["h0", "body.b"], ["h1"], name="body/sum"),
            helper.make_node("BatchNormalization", ["h1", "s", "b", "m", "v"], ["h2"], name="norm", epsilon=1e-3),
            helper.make_node("Relu", ["h2"], ["h3"], name="relu"),
            helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, dtype), "v")),
            helper.make_node("Mul", ["h3", "two"], ["h4"]),
            helper.make_node("Dropout", ["h4"], ["h5"], name="drop"),
            helper.make_node("Gemm", ["h5", "classifier.w", "classifier.b"], ["logits"], transB=1, name="out"),
        ],
        "net",
        [helper.make_tensor_value_info("x", number, [batch, 4])],
        [helper.make_tensor_value_info("logits", number, [batch, 3])],
        [
            of("body.w", 4, 8),
            helper.make_tensor("body.b", TensorProto.FLOAT, [8], rng.normal(size=8))
            if dtype == np.float32
            else of("body.b", 8),
            *ones,
            of("classifier.w", 3, 8),
            of("classifier.b", 3),
            numpy_helper.from_array(np.arange(3), "unused"),
        ],
        doc_string="a graph's doc",
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)])
    model.ir_version, model.doc_string, model.producer_name = 8, "a model's doc", "exporter"
    helper.set_model_props(model, {"author": "someone"})
    return model


def task(dtype: Any = np.float32) -> tuple[Any, Any]:
    x = np.random.default_rng(1).normal(size=(96, 4)).astype(dtype)
    return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0.5)


def values(model: Any) -> dict[str, bytes]:
    return {each.name: each.SerializeToString(deterministic=True) for each in model.graph.initializer}


def test_an_unchanged_model_is_written_byte_for_byte(tmp_path: Path) -> None:
    content = network().SerializeToString(deterministic=True)
    lg.load_onnx(content).save_onnx(tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == content


def test_only_what_was_trained_differs(tmp_path: Path) -> None:
    model = network()
    graph = lg.load_onnx(model.SerializeToString())
    layer = graph.as_layer(trainable=["classifier.*"], dropout=False)
    assert [name for name, leaf in layer.parameters().items() if leaf.requires_grad] == ["classifier.w", "classifier.b"]
    trainer = lg.Trainer(layer, loss="softmax_cross_entropy", optimizer=lg.Adam(0.05))
    trainer.fit(task(), epochs=40, batch_size=16)
    assert trainer.evaluate(task())["accuracy"] > 0.72
    layer.save_onnx(tmp_path / "tuned.onnx")
    tuned = onnx.load(tmp_path / "tuned.onnx")
    before, after = values(model), values(tuned)
    assert list(before) == list(after)
    assert {name for name in before if before[name] != after[name]} == {"classifier.w", "classifier.b"}
    del tuned.graph.initializer[:]
    del model.graph.initializer[:]
    assert tuned == model
    x, _ = task()
    session = runtime.InferenceSession(tmp_path / "tuned.onnx")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], trainer.predict(x), atol=1e-4)


def test_half_precision_trains_in_single_and_returns_as_half(tmp_path: Path) -> None:
    model = network(np.float16)
    layer = lg.load_onnx(model.SerializeToString()).as_layer(trainable=["classifier.*"])
    assert layer.parameters()["classifier.w"].dtype == np.float32
    lg.Trainer(layer, optimizer=lg.Adam(0.02)).fit(task(np.float16), epochs=3)
    layer.save_onnx(tmp_path / "half.onnx")
    tuned = {each.name: each for each in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert tuned["classifier.w"].data_type == TensorProto.FLOAT16
    master = layer.parameters()["classifier.w"].numpy().astype(np.float16)
    np.testing.assert_array_equal(numpy_helper.to_array(tuned["classifier.w"]), master)


def test_statistics_are_frozen_unless_they_are_to_be_trained() -> None:
    content = network().SerializeToString()
    frozen = lg.load_onnx(content).as_layer()
    trained = lg.load_onnx(content).as_layer(batch_norm="train")
    assert not {"m", "v"} & {name for name, leaf in frozen.parameters().items() if leaf.requires_grad}
    for layer, moves in ((frozen, False), (trained, True)):
        before = {name: layer.source.leaves[name].numpy() for name in "bmv"}
        lg.Trainer(layer, optimizer=lg.SGD(0.01)).fit(task(), epochs=1)
        changed = {name for name in "bmv" if (layer.finished().leaves[name].numpy() != before[name]).any()}
        assert changed == (set("bmv") if moves else {"b"})
        assert any(note.startswith("1 BatchNormalization") for note in layer.notes)


def test_dropout_drops_in_training_only() -> None:
    layer = lg.load_onnx(network().SerializeToString()).as_layer()
    x, _ = task()
    calm = layer.eval()(x).numpy()
    np.testing.assert_array_equal(calm, layer(x).numpy())
    assert (layer.train()(x).numpy() != calm).any()


def test_it_stands_among_other_layers() -> None:
    from localgrad.layers import Affine

    backbone = lg.load_onnx(network().SerializeToString()).as_layer(trainable=["body.*"])
    model = lg.Sequential(backbone, Affine.create(3, 3, seed=0))
    trainer = lg.Trainer(model, optimizer=lg.Adam(0.02))
    history = trainer.fit(task(), epochs=8)
    assert history["loss"][-1] < history["loss"][0]


def test_a_pattern_that_matches_nothing_names_the_nearest() -> None:
    with pytest.raises(
        NameLookupError, match=r"no parameter matches 'clasifier.w'; nearest: 'classifier.w'|did you mean"
    ):
        lg.load_onnx(network().SerializeToString()).as_layer(trainable=["clasifier.w"])


def test_a_node_without_a_gradient_is_named_before_training() -> None:
    model = network()
    model.graph.node[3].op_type = "Floor"
    graph = lg.load_onnx(model.SerializeToString())
    report = graph.differentiability()
    assert set(report.cut_off) == {"body.w", "body.b", "s", "b", "m", "v"}
    assert [(each.node, each.operation) for each in report.blocked] == [("h3", "Floor")]
    with pytest.raises(DetachedError, match=r"(?s)Floor `h3`.*cuts off 'body.w'.*freeze these.*@operator\('Floor'\)"):
        graph.as_layer(trainable=["body.w", "classifier.*"])
    assert graph.as_layer(trainable=["classifier.*"]).parameters()["classifier.w"].requires_grad
