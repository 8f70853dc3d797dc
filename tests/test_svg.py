"""Drawings as files: SVG that stands alone and says everything, DOT and Mermaid whose text cannot break out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from localgrad.show.dot import render_dot
from localgrad.show.drawing import Box, Drawing, Edge, Group
from localgrad.show.measure import box_size, shortened, text_width
from localgrad.show.mermaid import render_mermaid
from localgrad.show.palette import FAMILY_TONES, TONES
from localgrad.show.svg import render

NASTY = "a<b>&\"'`;]]>--\\end\x00\x1b|{}[]()#;\n2. 张量"


def drawing(title: str = "Net", name: str = "MatMul") -> Drawing:
    boxes = (
        Box("x", "x", role="input"),
        Box("W", "W", ("(3, 2)",), "parameter", group="net/affine"),
        Box("y", name, ("axis=0", name), family="linear", group="net/affine", tooltip=name),
        Box("s", "running", role="state", group="net"),
        Box("one", "1", role="constant"),
        Box("r", "Relu", family="activation", group="net", mark="failed"),
        Box("out", "y", role="output"),
    )
    edges = (
        Edge("x", "y", name),
        Edge("W", "y"),
        Edge("y", "r", "(N, 2)", style="gradient"),
        Edge("s", "r", style="update"),
        Edge("one", "r"),
        Edge("r", "out", "(N, 2)"),
    )
    return Drawing(boxes, edges, (Group("net", name), Group("net/affine", "Affine")), title, "all float32")


def texts(svg: str) -> list[str]:
    return [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")
    ]


def test_the_picture_is_valid_xml_and_says_everything() -> None:
    said = texts(render(drawing()))
    for text in (
        "Net",
        "x",
        "W(3, 2)",
        "MatMul",
        "axis=0",
        "Affine",
        "(N, 2)",
        "Relu",
        "linear",
        "activation",
        "all float32",
    ):
        assert text in said
    for role in ("input", "output", "parameter", "state", "constant", "gradient", "update"):
        assert role in said, f"the legend leaves out {role}"


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_picture_stands_alone(theme: str) -> None:
    svg = render(drawing(), theme)  # type: ignore[arg-type]
    assert "<script" not in svg
    assert not re.search(r"\bon\w+=", svg)
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    for word in ("url(", "href", "@import", "@font-face", "<image", "<foreignObject", "<use"):
        assert word not in svg
    assert ("prefers-color-scheme:dark" in svg) == (theme == "auto")


def test_rules_reach_only_the_picture_itself() -> None:
    style = re.search(r"<style>(.*?)</style>", render(drawing()))
    assert style is not None
    selectors = re.findall(r"(?:^|[{}])([^{}@]+)\{", style[1].replace("@media", "}@media"))
    assert selectors
    assert all(part.startswith(".lg-picture") for selector in selectors for part in selector.split(","))


def test_pictures_on_one_page_have_the_same_rules() -> None:
    def rules(text: str) -> str:
        return text[text.index("<style>") : text.index("</style>")]

    assert rules(render(drawing())) == rules(render(Drawing((Box("x", "x"),))))


def test_foreign_text_cannot_break_out() -> None:
    svg = render(drawing(NASTY, NASTY))
    root = ElementTree.fromstring(svg)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "title",
        "style",
        "rect",
        "g",
        "path",
        "text",
        "tspan",
    }
    assert "\x00" not in svg
    assert any("张量" in text for text in texts(svg))


def test_long_text_loses_its_middle_and_keeps_its_tooltip() -> None:
    name = "features.very_long_scope_name.that_goes_on.and_on.until_the_weight"
    svg = render(Drawing((Box("a", name, tooltip=name),)))
    (shown,) = texts(svg)
    assert shown.startswith("features.very")
    assert shown.endswith("until_the_weight")
    assert "…" in shown
    assert name in svg


def test_wide_characters_count_double() -> None:
    assert text_width("张量", 10) == 20
    assert text_width("é", 10) == text_width("e", 10) == text_width("e\u0301", 10)
    assert box_size(Box("a", "归一化指数函数层"))[0] > box_size(Box("a", "softmax"))[0]
    assert sum(2 if ord(character) > 255 else 1 for character in shortened("张" * 60).replace("…", ".")) <= 44


def test_the_same_drawing_gives_the_same_file() -> None:
    assert render(drawing()) == render(drawing())


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: str) -> None:
    grounds = [TONES[name] for name in ("paper", "group", "group-deep", "parameter", "constant", "plain")]
    grounds += [fill for fill, _ in FAMILY_TONES]
    for ground in grounds:
        for ink in ("ink", "quiet"):
            assert contrast(getattr(TONES[ink], theme), getattr(ground, theme)) >= 4.5
    for fill, line in FAMILY_TONES:
        assert contrast(getattr(line, theme), getattr(fill, theme)) >= 2.3


def unquoted(text: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)


def test_dot_nests_clusters_and_keeps_foreign_text_in_quotes() -> None:
    dot = render_dot(drawing(NASTY, NASTY))
    bare = unquoted(dot)
    assert bare.count("{") == bare.count("}") == 3
    assert bare.count("subgraph cluster_") == 2
    assert bare.count(" -> ") == 6
    assert "<" not in bare
    assert "\\\\end" in dot
    assert '\\"' in dot
    assert "\x00" not in dot


def test_mermaid_nests_subgraphs_and_keeps_foreign_text_in_quotes() -> None:
    mermaid = render_mermaid(drawing(name=NASTY))
    assert mermaid.startswith("---\n")
    bare = unquoted(mermaid)
    assert bare.count("subgraph") == 2
    assert [line.strip() for line in bare.splitlines()].count("end") == 2
    assert len(re.findall(r"n\d+ (?:-->|==>|-\.->)(?:\|\"\"\|)? n\d+", bare)) == 6
    for quoted in re.findall(r'"([^"]*)"', mermaid):
        assert not re.search(r"[<>`|{}\[\]&;\\](?!br/>)", re.sub(r"#\d+;|<br/>", "", quoted)), quoted
    assert "张量" in mermaid


def test_closed_groups_are_one_box_in_every_format() -> None:
    closed = drawing()
    closed = Drawing(closed.boxes, closed.edges, (Group("net", "TwoLayerNet", collapsed=True),))
    for text in (render(closed), render_dot(closed), render_mermaid(closed)):
        assert "TwoLayerNet" in text
        assert "axis=0" not in text
