"""A graph as a drawing: what of the graph is in the picture, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import localgrad.nodes.arithmetic
import localgrad.nodes.linear
import localgrad.nodes.structure  # noqa: F401  the catalogue registers itself
from localgrad.graph.capturing import capture
from localgrad.graph.context import scope
from localgrad.graph.graph import Graph
from localgrad.graph.spec import spec
from localgrad.graph.tensor import parameter
from localgrad.show.drawing import Box, Drawing
from localgrad.show.layout import lay_out
from localgrad.show.numbers import array_summary
from localgrad.show.picture import drawing_of, record_to_svg, to_dot, to_mermaid, to_svg


def network() -> Graph:
    first = parameter(np.ones((4, 3), np.float32), name="net.affine1.W")
    bias = parameter(np.zeros(3, np.float32), name="net.affine1.b")
    second = parameter(np.ones((3, 2), np.float32), name="net.affine2.W")

    def f(x: Any) -> Any:
        with scope("net"):
            with scope("affine1"):
                h = x @ first + bias
            h = h * h * 0.5
            with scope("affine2"):
                return h @ second

    return capture(f, spec("N", 4))


def boxes_of(drawing: Drawing) -> dict[str, Box]:
    return {box.id: box for box in drawing.boxes}


def test_the_picture_shows_the_explicit_graph_with_layers_as_groups() -> None:
    drawing = drawing_of(network())
    found = [(box.title, box.group) for box in drawing.boxes if box.role == "operation"]
    assert found == [
        ("MatMul", "net/affine1"),
        ("Repeat", "net/affine1"),
        ("Add", "net/affine1"),
        ("Branch", "net/affine1"),
        ("Mul", "net"),
        ("Mul", "net"),
        ("MatMul", "net/affine2"),
    ]
    assert "Repeat" not in {box.title for box in drawing_of(network(), explicit=False).boxes}


def test_parameters_lie_in_the_layer_that_reads_them_under_a_short_name() -> None:
    drawing = drawing_of(network())
    chips = [(box.title, box.subtitles, box.group) for box in drawing.boxes if box.role == "parameter"]
    assert chips == [
        ("W", ("(4, 3)",), "net/affine1"),
        ("b", ("(3,)",), "net/affine1"),
        ("W", ("(3, 2)",), "net/affine2"),
    ]


def test_arrows_say_shapes_and_scalars_stand_in_the_box_that_reads_them() -> None:
    drawing = drawing_of(network())
    boxes = boxes_of(drawing)
    said = {(boxes[edge.source].title, boxes[edge.target].title): edge.label for edge in drawing.edges}
    assert said["x", "MatMul"] == "(N, 4)"
    assert said["MatMul", "Add"] == "(N, 3)"
    assert said["W", "MatMul"] == ""
    assert any(box.subtitles == ("b = 0.5",) for box in drawing.boxes)
    assert drawing.caption == "all tensors float32"


def test_the_numbers_of_a_run_stand_in_the_boxes() -> None:
    graph = network()
    record = graph.record([np.ones((2, 4), np.float32)], gradients_of=graph.outputs[0].name)
    boxes = drawing_of(graph, record, values=True, gradients=True).boxes
    weight = next(box for box in boxes if box.title == "W")
    assert weight.subtitles == ("(4, 3)", "= all 1", "∇ all 16")
    assert "= [24, 24, 24, 24]" in record_to_svg(record)
    assert "∇" not in record_to_svg(record, gradients=False)


def test_a_graph_that_came_with_a_run_shows_it() -> None:
    x = parameter(np.array([1.0, 2.0]), name="x")
    graph = (x * 3.0).graph
    assert any(box.subtitles[-1:] == ("= [3, 6]",) for box in drawing_of(graph, values=True).boxes)


def test_backward_nodes_have_layers_of_their_own_and_coloured_arrows() -> None:
    drawing = drawing_of(network().gradient())
    groups = {box.group for box in drawing.boxes if box.role == "operation"}
    assert {"net/affine1", "net (backward)/affine1", "net/affine2", "net (backward)/affine2"} <= groups
    boxes = boxes_of(drawing)
    into = {boxes[edge.target].title: edge.style for edge in drawing.edges if boxes[edge.target].role == "output"}
    assert into["grad/net.affine1.W"] == "gradient"
    assert [style for title, style in into.items() if not title.startswith("grad/")] == ["value"]
    assert all(
        boxes[edge.source].group.startswith("net (backward)") or boxes[edge.source].role == "input"
        for edge in drawing.edges
        if edge.style == "gradient"
    )
    assert not any(group.title.endswith(")") and "backward" not in group.title for group in lay_out(drawing).groups)


def test_depth_closes_layers() -> None:
    drawing = lay_out(drawing_of(network(), depth=1)).drawing
    assert [(box.title, box.subtitles) for box in drawing.boxes if box.role == "group"] == [
        ("affine1", ("4 nodes, 2 parameters",)),
        ("affine2", ("1 node, 1 parameter",)),
    ]
    assert len([box for box in lay_out(drawing_of(network(), depth=0)).drawing.boxes if box.role == "operation"]) == 0


def test_the_verbs_write_files(tmp_path: Path) -> None:
    graph = network()
    for name, verb in (("a.svg", to_svg), ("a.dot", to_dot), ("a.mmd", to_mermaid)):
        assert verb(graph, tmp_path / name) == (tmp_path / name).read_text(encoding="utf-8")
    assert graph.to_svg() == (tmp_path / "a.svg").read_text(encoding="utf-8")
    ElementTree.parse(tmp_path / "a.svg")


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32(2.30258), "2.3"),
        (np.array([[3]]), "3"),
        (np.array([1.0, -0.5, 1e-9]), "[1, -0.5, 1e-09]"),
        (np.zeros(0), "empty"),
        (np.full(9, 0.25), "all 0.25"),
        (np.array([True] * 3 + [False] * 7), "3 of 10 true"),
        (np.array([np.nan, 1, 3, 1, 3, np.inf, -np.inf]), "2 ± 1, 1 … 3, 1 NaN, 2 Inf"),
        (np.full(5, np.nan), "5 NaN"),
        (np.full(5, 6e4, np.float16), "all 6e+04"),
    ],
)
def test_arrays_in_a_few_words(array: Any, text: str) -> None:
    assert array_summary(array) == text
