"""What a notebook shows: well-formed HTML in which no name can break out, text for terminals, pictures of graphs."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.context import scope
from localgrad.graph.spec import Spec
from localgrad.show.notebook import MOST_NODES_DRAWN
from tests.case import Case
from tests.cases import CASES
from tests.trial import tensors

NASTY = "<script>alert('x')</script>&\"$a$"
VOID = {"br", "hr", "img"}
PARENTS = {"tr": {"tbody"}, "td": {"tr"}, "tbody": {"table"}}


class Page(HTMLParser):
    """Reads HTML and fails where tags do not close in order, or stand where they may not."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""
        self.cells: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.math: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"div", "span", "b", "code", "pre", "table", "tbody", "tr", "td", "br"}, tag
        if tag in PARENTS:
            assert self.open[-1] in PARENTS[tag]
        if tag in ("div", "table"):
            assert not {"span", "b", "code", "pre"} & set(self.open)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self.open:
            self.cells[-1] += data
        if data.startswith("$$"):
            self.math.append(data)


def html_of(thing: Any) -> str:
    bundle = thing._repr_mimebundle_()
    assert bundle["text/plain"]
    html: str = bundle["text/html"]
    return html


FIRST = list({case.kind.name: case for case in reversed(CASES)}.values())


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.kind.name)
def test_the_card_of_every_kind_is_well_formed(case: Case) -> None:
    outputs = case.kind(*tensors(case.arrays(), case.wanted()))
    y = outputs[0] if isinstance(outputs, tuple) else outputs
    page = Page(html_of(y.node))
    assert case.kind.operation in page.text
    assert page.math == [f"$${case.kind.formula}$$"]
    Page(html_of(y))


def test_names_cannot_break_out() -> None:
    W = lg.parameter([[1.0, 2.0]], name=NASTY)

    def f(x: Any) -> Any:
        with scope("<b>layer</b>"):
            return lg.exp(x * W) + W.sum()

    y = f(lg.tensor([[1.0, 1.0]], name="<img src=x onerror=alert(1)>", requires_grad=True))
    loss = y.sum()
    loss.backward()
    for thing in (W, W.explain(), y.node.inputs[0].node.inputs[0].node, y.node, y):
        html = thing._repr_html_() if hasattr(thing, "_repr_html_") else html_of(thing)
        Page(html)
        assert "<script" not in html
        assert "<img" not in html
        assert "<b>layer" not in html
    assert NASTY in Page(html_of(W)).text
    bundle = capture(f, Spec((1, 2)))._repr_mimebundle_()
    assert "<script" not in bundle["image/svg+xml"]
    ElementTree.fromstring(bundle["image/svg+xml"])


def test_only_formulas_are_typeset() -> None:
    x = lg.tensor([1.0], name="$x$", requires_grad=True)
    y = lg.exp(x)
    html = html_of(y.node)
    classes = [value for name, value in Page(html).attributes if name == "class"]
    assert classes == ["tex2jax_ignore mathjax_ignore", "tex2jax_process mathjax_process"]
    assert "<div class='tex2jax_process mathjax_process' title='y = e^x'>$$y = e^x$$</div>" in html


def test_colours_come_from_the_page() -> None:
    x = lg.tensor(np.ones((3, 3)), name="x", requires_grad=True)
    y = lg.leaky_relu(x)
    y.sum().backward()
    for name, value in Page(html_of(y.node)).attributes:
        if name == "style":
            assert "color:#" not in str(value).replace(" ", "")
            assert "background:" not in str(value).replace("background:none", "")


def test_a_tensor_shows_value_gradient_and_origin() -> None:
    W = lg.parameter([[1.0, -2.0], [0.5, 4.0]], name="W")
    y = lg.exp(W)
    y.sum().backward()
    page = Page(html_of(W))
    assert "W float32(2, 2)" in page.text
    assert page.cells[2:6] == ["1", "-2", "0.5", "4"]
    assert "2.718" in page.text
    page = Page(html_of(y))
    assert "made by Exp()" in page.text
    assert "at test_notebook.py:" in page.text
    large = Page(html_of(lg.tensor(np.arange(100.0))))
    assert "min 0, max 99" in large.text
    captured = capture(lambda x: lg.exp(x), Spec(("N",)))
    assert "float32(N,)" in Page(html_of(captured.outputs[0])).text


def test_fan_outs_and_numbers_are_in_the_card() -> None:
    x = lg.tensor([0.5], name="x", requires_grad=True)
    u = x * 2.0
    loss = (u * u + lg.exp(u)).sum()
    loss.backward()
    page = Page(html_of(u.node))
    assert "the gradient of Mul#1 is the sum of what its consumers send back" in page.text
    assert {"from Mul#2, input a", "from Mul#2, input b", "from Exp#1, input x", "together"} <= set(page.cells)
    assert "y[0] = 0.5 · 2 = 1" in page.text


def test_a_graph_is_a_picture_and_a_large_one_with_layers_closed() -> None:
    bundle = capture(lambda x: lg.softmax(x), Spec(("N", 3)))._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    ElementTree.fromstring(bundle["image/svg+xml"])
    assert bundle["image/svg+xml"] in bundle["text/html"]

    def blocks(x: Any) -> Any:
        for block in range(4):
            with scope(f"block{block}"):
                for _ in range(MOST_NODES_DRAWN // 2):
                    x = x + 1.0
        return x

    bundle = capture(blocks, Spec((2,)))._repr_mimebundle_()
    assert bundle["image/svg+xml"].count("<rect") < 50
    assert "block3" in bundle["image/svg+xml"]


def test_a_large_graph_without_layers_is_text() -> None:
    def chain(x: Any) -> Any:
        for _ in range(MOST_NODES_DRAWN + 1):
            x = x + 1.0
        return x

    bundle = capture(chain, Spec((2,)))._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "Add#301: float32(2,)" in Page(bundle["text/html"]).text


def test_a_card_shows_itself_in_both_ways() -> None:
    card = lg.exp(lg.tensor([1.0])).explain()
    assert repr(card) == str(card)
    Page(card._repr_html_())
