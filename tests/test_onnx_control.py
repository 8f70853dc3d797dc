"""If, Loop and Scan of ONNX files, both ways: ONNX Runtime is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
parser = pytest.importorskip("onnx.parser")

MODELS = {
    "If": """
        g (float[N] x, bool c) => (float[N] y) <float[1] w = {3.0}> {
            y = If (c) <then_branch = t () => (float[N] a) { a = Mul (x, w) },
                        else_branch = e () => (float[N] b) { n = Neg (x) b = Exp (n) }>
        }""",
    "If whose branches have other lengths": """
        g (float[N] x, bool c) => (float[M] y) {
            y = If (c) <then_branch = t () => (float[K] a) { a = Identity (x) },
                        else_branch = e () => (float[L] b) { b = Concat <axis = 0> (x, x) }>
        }""",
    "Loop": """
        g (float[N] x, int64 n) => (float[N] y, float[M, N] all) <float[1] w = {0.5}> {
            y, all = Loop (n, , x) <body = b (int64 i, bool c, float[N] h) => (bool d, float[N] k, float[N] s) {
                d = Identity (c)
                t = Mul (h, w)
                u = Cast <to = 1> (i)
                s = Add (t, u)
                k = Sin (s)
            }>
        }""",
    "Loop that stops by itself": """
        g (float[2] x, float limit) => (float[2] y, float[M, 2] all) <bool yes = {1}, int64 most = {100}> {
            y, all = Loop (most, yes, x) <body = b (int64 i, bool c, float[2] h) => (bool d, float[2] k, float[2] s) {
                k = Add (h, h)
                m = ReduceSum <keepdims = 0> (k)
                d = Less (m, limit)
                s = Exp (h)
            }>
        }""",
    "Scan": """
        g (float[2] h, float[T, 2] x) => (float[2] y, float[T, 2] all) <float[2, 2] w = {0.5, -0.25, 0.75, 1.0}> {
            y, all = Scan <num_scan_inputs = 1, scan_input_directions = [1], scan_output_directions = [0],
                body = b (float[2] k, float[2] v) => (float[2] z, float[2] s) {
                    r = MatMul (k, w)
                    q = Add (r, v)
                    z = Tanh (q)
                    s = Mul (z, v)
                }> (h, x)
        }""",
}  # fmt: skip
FEEDS: dict[str, list[dict[str, Any]]] = {
    "If": [{"x": np.float32([1, 2, 3]), "c": np.array(True, np.bool_)}, {"x": np.float32([1, 2]), "c": np.array(False, np.bool_)}],
    "If whose branches have other lengths": [
        {"x": np.float32([1, 2, 3]), "c": np.array(True, np.bool_)}, {"x": np.float32([1, 2]), "c": np.array(False, np.bool_)},
    ],
    "Loop": [{"x": np.float32([1, 2, 3]), "n": np.array(4, np.int64)}, {"x": np.float32([1, 2]), "n": np.array(1, np.int64)}],
    "Loop that stops by itself": [
        {"x": np.float32([0.5, 0.25]), "limit": np.array(20, np.float32)}, {"x": np.float32([3, 4]), "limit": np.array(1, np.float32)},
    ],
    "Scan": [{"h": np.float32([1, 2]), "x": np.linspace(-1, 1, 2 * steps).reshape(steps, 2).astype(np.float32)}
             for steps in (1, 5)],
}  # fmt: skip


def model(name: str) -> bytes:
    text = f'<ir_version: 8, opset_import: ["" : 17]> {MODELS[name]}'
    return bytes(onnx.parser.parse_model(text).SerializeToString())


def judge(content: bytes, feed: dict[str, Any]) -> dict[str, Any]:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, feed), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_read_control_flow_gives_the_judges_numbers(name: str) -> None:
    content = model(name)
    graph = lg.load_onnx(content)
    for feed in FEEDS[name]:
        found = graph.run(feed)
        for key, wanted in judge(content, feed).items():
            np.testing.assert_allclose(found[key], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in MODELS if "other lengths" not in name])
def test_its_gradient_is_that_of_differences(name: str) -> None:
    graph = lg.load_onnx(model(name))
    wanted = {"If": "x", "Scan": "x"}.get(name, "x")
    gradient = graph.gradient(wrt=wanted, of=graph.outputs[0].name)
    feed = FEEDS[name][0]
    seed = np.linspace(1, 2, graph.run(feed)["y"].size, dtype=np.float32)
    found = gradient.run({**feed, "seed/y": seed})[f"grad/{wanted}"]
    step = 1e-2
    for place in np.ndindex(feed[wanted].shape):
        ends = []
        for sign in (1, -1):
            moved = feed[wanted].copy()
            moved[place] += sign * step
            ends.append(float(np.sum(seed * graph.run({**feed, wanted: moved})["y"], dtype=np.float64)))
        np.testing.assert_allclose(found[place], (ends[0] - ends[1]) / (2 * step), rtol=2e-2, atol=2e-3)


def test_bodies_stand_open_in_the_graph() -> None:
    graph = lg.load_onnx(model("Scan"))
    (node,) = [node for node in graph.nodes if node.kind.name == "Scan"]
    assert [each.kind.name for each in node.kind.body.nodes] == ["MatMul", "Add", "Tanh", "Mul"]
    assert list(graph.parameters) == ["w"]


def test_a_loop_that_stops_by_itself_counts_its_rounds_first() -> None:
    graph = lg.load_onnx(model("Loop that stops by itself"))
    assert [node.kind.name for node in graph.nodes][:2] == ["Rounds", "Loop"]


def test_a_branch_with_another_rank_is_taken_where_the_condition_is_known() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
        g (float[2, 1] x) => (float[2] y) <int64 one = {1}, int64[1] axes = {1}> {
            shape = Shape (x)
            extent = Gather (shape, one)
            c = Equal (extent, one)
            y = If (c) <then_branch = t () => (float[2] a) { a = Squeeze (x, axes) },
                        else_branch = e () => (float[2, 1] b) { b = Identity (x) }>
        }"""
    graph = lg.load_onnx(onnx.parser.parse_model(text).SerializeToString())
    np.testing.assert_array_equal(graph.run({"x": [[1.0], [2.0]]})["y"], np.float32([1, 2]))
