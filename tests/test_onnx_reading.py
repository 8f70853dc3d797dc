"""Reading ONNX: the package's own node cases are the judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import localgrad as lg
from tests.onnx_cases import failure, folder_cases, node_cases

onnx = pytest.importorskip("onnx")
BAR = 1620
"""Cases that pass; it only rises."""


@pytest.mark.slow
def test_cases_of_the_package() -> None:
    found = {case.name: failure(case) for case in (*node_cases(), *folder_cases())}
    count = sum(not each for each in found.values())
    print(f"{count} of {len(found)} cases pass")
    assert count >= BAR, f"{count} of {len(found)}; the bar is {BAR}"
    wrong = {name: each for name, each in found.items() if each.startswith("other values")}
    assert not wrong


def model_bytes() -> bytes:
    helper = onnx.helper
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], name="shape"),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "axes"], ["rows"]),
        helper.make_node("Concat", ["rows", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["flat"], name="/head/Reshape"),
        helper.make_node("Gemm", ["flat", "W", "b"], ["y"], transB=1),
        helper.make_node("Relu", ["y"], ["out"]),
    ]
    tensors = {
        "zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1]),
        "W": np.arange(8, dtype=np.float32).reshape(2, 4) - 3, "b": np.ones(2, np.float32),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", 1, ["batch size", 2, 2])],
        [helper.make_tensor_value_info("out", 1, ["batch size", 2])],
        [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("batch", [1, 3])
def test_a_shape_computed_from_the_input_stays_open(batch: int) -> None:
    graph = lg.load_onnx(model_bytes())
    assert [str(extent) for extent in graph.inputs[0].shape] == ["batch_size", "2", "2"]
    assert list(graph.parameters) == ["W", "b"]
    x = np.linspace(-1, 1, 4 * batch, dtype=np.float32).reshape(batch, 2, 2)
    W, b = (tensor.data for tensor in graph.parameters.values())
    wanted = np.maximum(x.reshape(batch, 4) @ W.T + b, 0)
    np.testing.assert_allclose(graph.run({"x": x})["out"], wanted, rtol=1e-6)
    np.testing.assert_allclose(graph.expand().run({"x": x})["out"], wanted, rtol=1e-6)
    gradient = graph.gradient(wrt="x").run({"x": x, "seed/out": np.ones_like(wanted)})["grad/x"]
    np.testing.assert_allclose(gradient, ((wanted > 0) @ W).reshape(x.shape), rtol=1e-6)


def test_each_node_of_the_file_is_one_node_and_keeps_its_name() -> None:
    graph = lg.load_onnx(model_bytes())
    assert len(graph.nodes) == 7
    assert graph.node("out").kind.name == "Relu"
    assert graph.node("flat").kind.label == "/head/Reshape"


def test_every_operator_without_a_rule_is_named() -> None:
    helper = onnx.helper
    nodes = [helper.make_node("Nothing", ["x"], ["h"]), helper.make_node("Neither", ["h"], ["y"], name="last")]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "net", [value("x", 1, [2])], [value("y", 1, [2])])
    with pytest.raises(ValueError, match=r"Nothing.*Neither.*last"):
        lg.load_onnx(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_truncated_file_loads_or_raises_our_error(length: int) -> None:
    from localgrad.graph.errors import ImportModelError

    with pytest.raises(ImportModelError):
        lg.load_onnx(model_bytes()[:length])


def test_flipped_bits_load_or_raise_our_error() -> None:
    from localgrad.graph.errors import ImportModelError

    whole, generator, refused = model_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[generator.integers(len(whole))] ^= 1 << generator.integers(8)
        try:
            lg.load_onnx(bytes(damaged))
        except ImportModelError:
            refused += 1
    assert refused > 50


def test_an_imported_graph_is_saved_and_loaded(tmp_path: Path) -> None:
    lg.load_onnx(model_bytes()).save(tmp_path)
    code = f"import localgrad as lg; print(len(lg.load({str(tmp_path)!r}).nodes))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"
