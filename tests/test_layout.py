"""The layout of drawings: what must hold of every picture, whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localgrad.show.drawing import Box, Drawing, DrawingError, Edge, Group, folded
from localgrad.show.layout import Layout, PlacedBox, PlacedGroup, lay_out
from localgrad.show.measure import LABEL_SIZE, shortened, text_width

SLACK = 0.05


def perceptron(layers: int = 2) -> Drawing:
    boxes = [Box("x", "x", role="input")]
    edges: list[Edge] = []
    last = "x"
    for k in range(layers):
        group = f"net/affine{k}"
        boxes += [
            Box(f"W{k}", "W", ("(784, 50)",), "parameter", group=group),
            Box(f"b{k}", "b", ("(50,)",), "parameter", group=group),
            Box(f"product{k}", "MatMul", family="linear", group=group),
            Box(f"repeat{k}", "Repeat", ("axis=0",), family="shape", group=group),
            Box(f"sum{k}", "Add", family="arithmetic", group=group),
            Box(f"sigmoid{k}", "Sigmoid", family="activation", group="net"),
        ]
        edges += [
            Edge(last, f"product{k}", "(N, 784)"),
            Edge(f"W{k}", f"product{k}"),
            Edge(f"product{k}", f"sum{k}", "(N, 50)"),
            Edge(f"b{k}", f"repeat{k}"),
            Edge(f"repeat{k}", f"sum{k}", "(N, 50)"),
            Edge(f"sum{k}", f"sigmoid{k}", "(N, 50)"),
        ]
        last = f"sigmoid{k}"
    boxes += [Box("t", "t", role="input"), Box("loss", "SoftmaxWithLoss"), Box("L", "loss", role="output")]
    edges += [Edge(last, "loss", "(N, 50)"), Edge("t", "loss", "(N,) int64"), Edge("loss", "L", "()")]
    return Drawing(tuple(boxes), tuple(edges), (Group("net", "TwoLayerNet"),), "Two layers")


def residual() -> Drawing:
    names = ["branch", "conv", "norm", "relu", "conv2", "add"]
    boxes = [Box(name, name, group="block" if name != "norm" else "block/norm") for name in names]
    boxes += [Box(f"p{k}", "γ", ("(64,)",), "parameter", group="block/norm") for k in range(4)]
    edges = [Edge(first, second, "(N, 64, 8, 8)") for first, second in pairwise(names)]
    edges += [Edge("branch", "add", "(N, 64, 8, 8)"), *(Edge(f"p{k}", "norm") for k in range(4))]
    return Drawing(tuple(boxes), tuple(edges))


def fan(width: int = 60) -> Drawing:
    heads = [Box(f"head{k}", f"Head {k}") for k in range(width)]
    boxes = [Box("x", "x", role="input"), Box("branch", "Branch"), *heads, Box("join", "Concat")]
    edges = [Edge("x", "branch", "(N, 8)")]
    for head in heads:
        edges += [Edge("branch", head.id, "(N, 8)"), Edge(head.id, "join", "(N, 8)")]
    return Drawing(tuple(boxes), tuple(edges))


def nested(depth: int = 40) -> Drawing:
    paths = ["/".join(f"level{inner}" for inner in range(outer + 1)) for outer in range(depth)]
    boxes = [Box(f"in{k}", "Exp", group=path) for k, path in enumerate(paths)]
    boxes += [Box(f"out{k}", "乘法", group=path) for k, path in enumerate(paths)]
    edges = [Edge(f"in{k}", f"in{k + 1}", "(3,)") for k in range(depth - 1)]
    edges += [Edge(f"out{k + 1}", f"out{k}", "(3,)") for k in range(depth - 1)]
    edges += [Edge(f"in{k}", f"out{k}", "(3,)") for k in range(depth)]
    return Drawing(tuple(boxes), tuple(edges))


def chain(length: int = 2000) -> Drawing:
    boxes = tuple(Box(f"n{k}", "Relu") for k in range(length))
    return Drawing(boxes, tuple(Edge(f"n{k}", f"n{k + 1}") for k in range(length - 1)))


def there_and_back(length: int = 300) -> Drawing:
    """A forward and a backward chain in which every backward step reads a forward value: long edges everywhere."""
    boxes = tuple(Box(f"n{k}", "n") for k in range(2 * length))
    edges = [Edge(f"n{k}", f"n{k + 1}") for k in range(2 * length - 1)]
    edges += [Edge(f"n{k}", f"n{2 * length - 1 - k}", "(3,)") for k in range(length - 1)]
    return Drawing(boxes, tuple(edges))


def layer_used_twice() -> Drawing:
    boxes = (
        Box("x", "x", role="input"),
        Box("W", "W", role="parameter", group="shared"),
        Box("first", "MatMul", group="shared"),
        Box("between", "Relu"),
        Box("second", "MatMul", group="shared"),
        Box("y", "y", role="output"),
    )
    pairs = [("x", "first"), ("W", "first"), ("first", "between"), ("between", "second"), ("W", "second")]
    return Drawing(boxes, tuple(Edge(*pair) for pair in (*pairs, ("second", "y"))))


SAMPLES: dict[str, Callable[[], Drawing]] = {
    "empty": lambda: Drawing(()),
    "one box": lambda: Drawing((Box("a", "a"),)),
    "perceptron": perceptron,
    "residual": residual,
    "fan": fan,
    "nested": nested,
    "chain": lambda: chain(300),
    "there and back": there_and_back,
    "layer used twice": layer_used_twice,
}


def overlap(first: PlacedBox | PlacedGroup, second: PlacedBox | PlacedGroup) -> bool:
    return (
        first.x < second.x + second.width - SLACK
        and second.x < first.x + first.width - SLACK
        and first.y < second.y + second.height - SLACK
        and second.y < first.y + first.height - SLACK
    )


def inside(inner: PlacedBox | PlacedGroup, outer: PlacedGroup) -> bool:
    return (
        inner.x >= outer.x - SLACK
        and inner.y >= outer.y - SLACK
        and inner.x + inner.width <= outer.x + outer.width + SLACK
        and inner.y + inner.height <= outer.y + outer.height + SLACK
    )


def check(layout: Layout) -> None:
    """Whatever was drawn: nothing overlaps, groups hold their content, edges end at boxes and pass beside the others."""
    box = {placed.id: placed for placed in layout.boxes}
    assert set(box) == {drawn.id for drawn in layout.drawing.boxes}
    for first, second in combinations(layout.boxes, 2):
        assert not overlap(first, second), (first, second)
    for placed in layout.boxes:
        assert placed.x >= -SLACK
        assert placed.y >= -SLACK
        assert placed.x + placed.width <= layout.width + SLACK
        assert placed.y + placed.height <= layout.height + SLACK
        # A group's border never cuts through a box.
        assert all(inside(placed, group) or not overlap(placed, group) for group in layout.groups)
    for outer, inner in combinations(layout.groups, 2):
        if inner.path.startswith(outer.path + "/"):
            assert inside(inner, outer), (inner, outer)
        else:
            assert not overlap(inner, outer) or inside(inner, outer), (inner, outer)
    for drawn in layout.drawing.boxes:
        holders = [group for group in layout.groups if inside(box[drawn.id], group)]
        names = [part for part in drawn.group.split("/") if part]
        assert [group.path.rpartition("/")[2].partition("#")[0] for group in holders] == names

    for placed_edge in layout.edges:
        source, target = box[placed_edge.edge.source], box[placed_edge.edge.target]
        (start_x, start_y), (end_x, end_y) = placed_edge.points[0], placed_edge.points[-1]
        assert start_y == pytest.approx(source.y + source.height, abs=SLACK)
        assert end_y == pytest.approx(target.y, abs=SLACK)
        assert source.x <= start_x <= source.x + source.width
        assert target.x <= end_x <= target.x + target.width
        for (x, y), (to_x, to_y) in pairwise(placed_edge.points):
            assert to_y >= y
            for other in layout.boxes:
                beside = max(x, to_x) <= other.x or min(x, to_x) >= other.x + other.width
                assert beside or to_y <= other.y + SLACK or y >= other.y + other.height - SLACK, (placed_edge, other)

    spots = [
        (placed_edge.label, text_width(shortened(placed_edge.edge.label), LABEL_SIZE, monospace=True) / 2)
        for placed_edge in layout.edges
        if placed_edge.label
    ]
    for ((x, y), half), ((other_x, other_y), other_half) in combinations(spots, 2):
        assert abs(x - other_x) >= half + other_half or abs(y - other_y) >= LABEL_SIZE


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_overlaps_and_every_edge_ends_at_its_boxes(name: str) -> None:
    check(lay_out(SAMPLES[name]()))


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    count = draw(st.integers(1, 14))
    paths = st.sampled_from(["", "", "a", "a/b", "a/c", "d", "d/b/e"])
    roles = st.sampled_from(["operation", "operation", "parameter", "constant", "input"])
    titles = st.sampled_from(["Add", "LayerNormalization", "γ", "矩阵乘法"])
    boxes = tuple(
        Box(str(k), draw(titles), draw(st.sampled_from([(), ("(3, 4)",)])), draw(roles), group=draw(paths))  # type: ignore[arg-type]
        for k in range(count)
    )
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=24))
    names = st.sampled_from(["", "", "t"])
    edges = tuple(
        Edge(str(min(pair)), str(max(pair)), draw(st.sampled_from(["", "(N, 3)"])), draw(names))
        for pair in pairs
        if pair[0] != pair[1]
    )
    return Drawing(boxes, edges)


@given(drawings())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_it_holds_of_any_drawing(drawing: Drawing) -> None:
    check(lay_out(drawing))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_drawing_gives_the_same_layout(name: str) -> None:
    assert lay_out(SAMPLES[name]()) == lay_out(SAMPLES[name]())


def middle(layout: Layout, name: str) -> float:
    placed = next(placed for placed in layout.boxes if placed.id == name)
    return round(placed.x + placed.width / 2, 1)


def test_the_main_path_is_one_straight_line() -> None:
    layout = lay_out(perceptron(4))
    path = ["x", *(f"{step}{k}" for k in range(4) for step in ("product", "sum", "sigmoid")), "loss", "L"]
    assert len({middle(layout, name) for name in path}) == 1
    for placed in layout.edges:
        if placed.edge.source in path and placed.edge.target in path:
            assert len(placed.points) == 2, placed


def test_a_parameter_stands_just_above_its_reader() -> None:
    layout = lay_out(perceptron(6))
    box = {placed.id: placed for placed in layout.boxes}
    for k in range(6):
        for parameter, reader in ((f"W{k}", f"product{k}"), (f"b{k}", f"repeat{k}"), (f"repeat{k}", f"sum{k}")):
            between = box[reader].y - box[parameter].y - box[parameter].height
            assert 0 < between < 60


def test_a_source_stands_under_the_tall_group_its_reader_reads() -> None:
    layout = lay_out(perceptron())
    box = {placed.id: placed for placed in layout.boxes}
    net = layout.groups[0]
    assert net.title == "TwoLayerNet"
    assert box["t"].y > net.y + net.height


def test_a_tree_has_no_crossings() -> None:
    boxes = tuple(Box(str(k), "Add") for k in range(31))
    layout = lay_out(Drawing(boxes, tuple(Edge(str(k), str((k - 1) // 2)) for k in range(1, 31))))
    place = {placed.id: placed for placed in layout.boxes}
    for first, second in combinations(layout.drawing.edges, 2):
        if place[first.source].y == place[second.source].y:
            across = place[first.source].x - place[second.source].x
            assert across * (place[first.target].x - place[second.target].x) >= 0


def test_two_edges_between_the_same_boxes_stay_two() -> None:
    layout = lay_out(Drawing((Box("a", "Branch"), Box("b", "Mul")), (Edge("a", "b"), Edge("a", "b"))))
    first, second = layout.edges
    assert abs(first.points[-1][0] - second.points[-1][0]) > 8


def test_a_group_that_is_left_and_entered_again_is_drawn_in_two_parts() -> None:
    layout = lay_out(layer_used_twice())
    assert [group.title for group in layout.groups] == ["shared", "shared (2)"]
    assert all(placed.points[0][1] < placed.points[-1][1] for placed in layout.edges)


def test_a_forward_and_backward_pass_through_the_same_groups() -> None:
    boxes = [Box(f"{way}{k}{part}", "n", group=f"net/layer{k}") for way in "fb" for k in range(3) for part in "ab"]
    forward = [f"f{k}{part}" for k in range(3) for part in "ab"]
    backward = [f"b{k}{part}" for k in (2, 1, 0) for part in "ab"]
    edges = [Edge(first, second) for first, second in pairwise(forward + backward)]
    edges += [Edge(f"f{k}{part}", f"b{k}{part}") for k in range(3) for part in "ab"]
    layout = lay_out(Drawing(tuple(boxes), tuple(edges)))
    check(layout)
    assert sorted(group.path for group in layout.groups) == [
        "net",
        "net/layer0",
        "net/layer0#2",
        "net/layer1",
        "net/layer1#2",
        "net/layer2",
    ]


def test_long_edges_do_not_cost_a_corner_for_every_rank_they_pass() -> None:
    layout = lay_out(there_and_back(1000))
    assert sum(len(placed.points) for placed in layout.edges) < 12 * len(layout.edges)


def test_graphs_deeper_than_any_recursion() -> None:
    layout = lay_out(chain(3000))
    assert len({middle(layout, f"n{k}") for k in range(3000)}) == 1


def test_a_closed_group_becomes_one_box_and_keeps_the_edges_across_its_border() -> None:
    drawing = perceptron()
    closed = Drawing(drawing.boxes, drawing.edges, (Group("net", "Net", ("2 layers",), collapsed=True),))
    result = folded(closed)
    assert [(box.title, box.role) for box in result.boxes] == [
        ("x", "input"),
        ("Net", "group"),
        ("t", "input"),
        ("SoftmaxWithLoss", "operation"),
        ("loss", "output"),
    ]
    assert [(edge.source, edge.target) for edge in result.edges] == [
        ("x", "group:net"),
        ("group:net", "loss"),
        ("t", "loss"),
        ("loss", "L"),
    ]
    check(lay_out(closed))


@pytest.mark.parametrize(
    ("boxes", "edges", "message"),
    [
        ([Box("a", "a"), Box("a", "b")], [], "two boxes with the id 'a'"),
        ([Box("a", "a")], [Edge("a", "b")], "found no box 'b'"),
        ([Box("a", "a", role="knob")], [], "found role 'knob'"),  # type: ignore[arg-type]
        ([Box("a", "a"), Box("b", "b")], [Edge("a", "b"), Edge("b", "a")], "found a cycle near box 'a'"),
    ],
)
def test_a_drawing_that_contradicts_itself_is_refused(boxes: list[Box], edges: list[Edge], message: str) -> None:
    with pytest.raises(DrawingError, match=message):
        lay_out(Drawing(tuple(boxes), tuple(edges)))
