"""Writing ONNX: ONNX Runtime is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.exchange.onnx_writing import onnx_bytes
from localgrad.graph.graph import Graph
from localgrad.layers import Affine, Convolution, Flatten, MaxPooling, Relu, Sigmoid

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
GENERATOR = np.random.default_rng(0)


def judged(graph: Graph, feed: dict[str, Any], rtol: float = 1e-4) -> None:
    content = onnx_bytes(graph)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    wanted = graph.run(feed)
    found = dict(zip(wanted, session.run(None, feed), strict=True))
    back = lg.load_onnx(content).run(feed)
    for name, value in wanted.items():
        for other in (found[name], back[name]):
            assert other.shape == value.shape and other.dtype == value.dtype
            np.testing.assert_allclose(other, value, rtol=rtol, atol=1e-5)


def networks() -> dict[str, tuple[Any, tuple[int, ...]]]:
    return {
        "MLP": (lg.Sequential(Affine.create(6, 5, seed=0), Sigmoid(), Affine.create(5, 3, seed=1)), (6,)),
        "ConvNet": (
            lg.Sequential(
                Convolution.create(2, 3, 3, pad=1, seed=0),
                Relu(),
                MaxPooling(2),
                Flatten(),
                Affine.create(27, 3, seed=1),
            ),
            (2, 6, 6),
        ),
    }


@pytest.mark.parametrize("name", ["MLP", "ConvNet"])
@pytest.mark.parametrize("rows", [1, 4])
def test_networks_and_their_gradients_run_in_another_runtime(name: str, rows: int) -> None:
    model, shape = networks()[name]
    x = GENERATOR.normal(size=(rows, *shape)).astype(np.float32)
    labels = np.arange(rows) % 3
    judged(lg.capture(lambda x: model(x), lg.spec("N", *shape)), {"x": x})
    loss = lg.capture(
        lambda x, t: lg.softmax_cross_entropy(model(x), t), lg.spec("N", *shape), lg.spec("N", dtype=np.int64)
    )
    judged(loss.gradient(), {"x": x, "t": labels})


def test_a_composition_is_one_operator_where_there_is_one() -> None:
    graph = lg.capture(lambda x: lg.layer_normalization(lg.softmax(x)), lg.spec("N", 4))
    names = [node.kind.operation if hasattr(node.kind, "operation") else node.kind.name for node in _read(graph).nodes]
    assert names == ["Softmax", "LayerNormalization"]


def _read(graph: Graph) -> Graph:
    return lg.load_onnx(onnx_bytes(graph))


@pytest.mark.parametrize(
    "f",
    [lg.log1p, lg.expm1, lg.log2, lg.erf, lg.selu, lg.silu, lg.mish, lg.log_sigmoid],
    ids=lambda each: each.__name__,
)
def test_elementwise_kinds_and_their_gradients(f: Any) -> None:
    x = np.linspace(0.1, 2.0, 5, dtype=np.float32)
    graph = lg.capture(lambda x: lg.sum(f(x) * x), lg.spec("N"))
    judged(graph, {"x": x})
    judged(graph.gradient(wrt="x"), {"x": x})


def test_an_opset_that_is_too_old_is_refused() -> None:
    graph = lg.capture(lambda x: lg.exp(x), lg.spec(3))
    with pytest.raises(OSError, match="versions 13 to"):
        onnx_bytes(graph, opset=9)
