"""What users of ONNX models are told: operators without a rule, and inputs that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import DTypeError, ImportModelError, NameLookupError, ShapeError

onnx = pytest.importorskip("onnx")


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any]) -> bytes:
    graph = onnx.helper.make_graph(nodes, "net", inputs, outputs, weights)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def value(name: str, shape: Any, kind: int = 1) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def test_all_operators_without_a_rule_are_named_before_anything_runs() -> None:
    words = {"max_gram_length": 1, "max_skip_count": 0, "min_gram_length": 1, "mode": "TF"}
    words |= {"ngram_counts": [0], "ngram_indexes": [0], "pool_int64s": [1]}
    nodes = [
        onnx.helper.make_node("StringNormalizer", ["text"], ["plain"], name="clean"),
        onnx.helper.make_node("TfIdfVectorizer", ["x"], ["y"], name="first", **words),
        onnx.helper.make_node("TfIdfVectorizer", ["x"], ["z"], name="second", **words),
        onnx.helper.make_node("Add", ["y", "z"], ["out"]),
    ]
    content = model(nodes, [value("x", [3], 7), value("text", [3], 8)], [value("out", [1])], [])
    with pytest.raises(ImportModelError) as told:
        lg.load_onnx(content)
    text = str(told.value)
    assert "TfIdfVectorizer (version 17): 2 x, first `first`" in text
    assert "StringNormalizer (version 17): 1 x, first `clean`" in text
    assert "Add" not in text


@pytest.fixture
def graph() -> lg.Graph:
    weights = [onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "w")]
    nodes = [onnx.helper.make_node("MatMul", ["image", "w"], ["y"], name="head")]
    return lg.load_onnx(model(nodes, [value("image", ["N", 3])], [value("y", ["N", 2])], weights))


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"imag": np.zeros((1, 3), np.float32)}, NameLookupError, ["'imag' is no input", "did you mean image"]),
        ({}, NameLookupError, ["'image' is missing"]),
        ({"image": np.zeros((1, 3), np.int64)}, DTypeError, ["given as int64", "convert it with .astype(np.float32)"]),
        ({"image": np.zeros(3, np.float32)}, ShapeError, ["rank 1", "rank 2"]),
        ({"image": np.zeros((1, 4), np.float32)}, ShapeError, ["(1, 4)", "axis 1 has to be 3"]),
    ],
    ids=["name", "missing", "dtype", "rank", "extent"],
)
def test_inputs_that_do_not_fit_are_told_with_what_is_expected(
    graph: lg.Graph, given: Any, error: type[Exception], says: list[str]
) -> None:
    with pytest.raises(error) as told:
        graph.run(given)
    for part in [*says, "(N, 3)"]:
        assert part in str(told.value)


def test_a_fixed_batch_is_told_with_how_to_free_it() -> None:
    weights = [onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "w")]
    nodes = [onnx.helper.make_node("MatMul", ["image", "w"], ["y"])]
    fixed = lg.load_onnx(model(nodes, [value("image", [1, 3])], [value("y", [1, 2])], weights))
    with pytest.raises(ShapeError, match="set_batch"):
        fixed.run({"image": np.zeros((4, 3), np.float32)})
    freed = fixed.set_batch("N")
    assert freed.run({"image": np.zeros((4, 3), np.float32)})["y"].shape == (4, 2)


def test_names_shared_by_bodies_are_told_apart_without_a_warning() -> None:
    """A constant of a loop's body is one parameter, although the body is read for its condition as well."""
    body = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Identity", ["going"], ["still"]),
            onnx.helper.make_node("Add", ["state", "step"], ["next"]),
        ],
        "body",
        [value("turn", [], 7), value("going", [], 9), value("state", [2])],
        [value("still", [], 9), value("next", [2])],
        [onnx.numpy_helper.from_array(np.ones(2, np.float32), "step")],
    )
    nodes = [onnx.helper.make_node("Loop", ["turns", "go", "start"], ["end"], body=body)]
    graph = lg.load_onnx(
        model(nodes, [value("turns", [], 7), value("go", [], 9), value("start", [2])], [value("end", [2])], [])
    )
    assert list(graph.parameters) == ["step"]
    found = graph.run({"turns": np.int64(3), "go": np.bool_(True), "start": np.zeros(2, np.float32)})
    assert np.array_equal(found["end"], [3, 3])
