"""The explorer's document: what the schema says, the numbers NumPy has, and names that cannot run a script."""

from __future__ import annotations

import base64
import json
import math
from importlib import resources
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.registry import kinds
from localgrad.layers import Affine, Sigmoid
from localgrad.show.document import document_of
from localgrad.show.document_mathml import mathml
from localgrad.show.explore import Page, page_of

SCHEMA = json.loads(resources.files("localgrad.show").joinpath("assets/explorer.schema.json").read_text("utf-8"))
NASTY = "</script><script>alert('x')</script>\u2028"


def entries(column: Any) -> np.ndarray:
    if isinstance(column, list):
        return np.asarray(column)
    return np.frombuffer(base64.b64decode(column["data"]), np.dtype(column["dtype"]).newbyteorder("<"))


def array(document: dict, index: int) -> np.ndarray:
    body = document["bodies"][entries(document["arrays"]["body"])[index]]
    shape = document["shapes"][entries(document["arrays"]["shape"])[index]]
    return entries(body).reshape(shape)


def tensor_named(document: dict, name: str, graph: int = 0) -> int:
    found = [document["strings"][each] for each in entries(document["graphs"][graph]["tensors"]["name"])]
    return found.index(name)


def shown(document: dict, name: str, what: str) -> np.ndarray:
    return array(document, entries(document["graphs"][0]["tensors"][what])[tensor_named(document, name)])


def kind_names(document: dict, graph: int = 0) -> list[str]:
    return [document["strings"][each] for each in entries(document["graphs"][graph]["nodes"]["kind"])]


def trained() -> lg.Tensor:
    net = lg.Sequential(Affine.create(4, 3, seed=0), Sigmoid(), Affine.create(3, 2, seed=1))
    loss = lg.softmax_cross_entropy(
        net(lg.tensor(np.float32([[1, 2, 3, 4], [0, 1, 0, 1]]), name="x")), np.array([0, 1])
    )
    loss.name = "loss"
    loss.backward()
    return loss


def valid(document: dict) -> bool:
    validate = pytest.importorskip("jsonschema").validate
    validate(json.loads(json.dumps(document, allow_nan=False)), SCHEMA)
    return True


def test_a_run_fits_the_schema_and_holds_its_numbers():
    loss = trained()
    record = loss.graph.record()
    document = document_of(record)
    assert valid(document)
    for name, value in record.values.items():
        np.testing.assert_array_equal(shown(document, name, "value"), value)
    for name, value in record.gradients.items():
        np.testing.assert_array_equal(shown(document, name, "gradient"), value)
    assert kind_names(document)[:4] == ["MatMul", "Repeat", "Add", "Sigmoid"]


def test_what_each_consumer_of_a_branch_sends_back_adds_up():
    x = lg.tensor([0.5, -1.0, 2.0], name="x", requires_grad=True)
    loss = (lg.exp(x) * x + lg.tanh(x)).sum()
    loss.backward()
    document = document_of(loss.graph.record())
    nodes = document["graphs"][0]["nodes"]
    assert kind_names(document)[0] == "Branch"
    outputs = entries(nodes["outputs"]["values"])[: entries(nodes["outputs"]["offsets"])[1]]
    parts = [array(document, entries(document["graphs"][0]["tensors"]["gradient"])[each]) for each in outputs]
    e, v = np.exp(x.data), x.data
    for found, wanted in zip(sorted(map(tuple, parts)), sorted(map(tuple, (e * v, e, 1 - np.tanh(v) ** 2)))):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(sum(parts), x.grad, rtol=1e-6)


def test_a_composition_opens_into_nodes_whose_gradients_are_its_own():
    loss = trained()
    document = document_of(loss.graph.record())
    body = entries(document["graphs"][0]["nodes"]["body"])[-1]
    assert body > 0
    inner = document["graphs"][body]
    assert "LogSoftmax" in kind_names(document, body)
    first = entries(inner["tensors"]["gradient"])[inner["inputs"][0]]
    np.testing.assert_allclose(array(document, first), shown(document, "2/Add#1", "gradient"), rtol=1e-5)


def test_structure_alone_says_so():
    document = document_of(lg.capture(lambda x: lg.softmax(x + 1.0), lg.spec("N", 3)))
    assert valid(document)
    assert document["notes"] == [{"code": "structure_only"}]
    assert ["N", 3] in document["shapes"]
    assert document["arrays"]["count"] == 0


def test_the_gradient_graph_tells_what_each_node_was_made_for():
    document = document_of(lg.capture(lambda x: lg.tanh(x).sum(), lg.spec(3)).gradient())
    assert valid(document)
    nodes = document["graphs"][0]["nodes"]
    made = entries(nodes["part"]) == 1
    assert made.any()
    assert (entries(nodes["of_node"])[made] >= 0).all()


def test_nan_and_infinity_are_counted_and_kept():
    x = lg.tensor([np.nan, np.inf, 1.0, 0.0], name="x")
    document = document_of((x * 1.0).graph.record())
    assert valid(document)
    index = entries(document["graphs"][0]["tensors"]["value"])[tensor_named(document, "x")]
    table = document["arrays"]
    assert [entries(table[name])[index] for name in ("nan", "inf", "zeros", "max")] == [1, 1, 1, 1.0]
    np.testing.assert_array_equal(array(document, index), x.data)


def test_what_the_budget_leaves_out_is_named_and_summarised():
    x = lg.tensor(np.arange(4000.0).reshape(40, 100), name="large")
    document = document_of((x * 2.0).graph.record(), budget=1000)
    assert valid(document)
    assert "large" in document["left_out"]["names"]
    index = entries(document["graphs"][0]["tensors"]["value"])[tensor_named(document, "large")]
    assert entries(document["arrays"]["body"])[index] == -1
    assert math.isclose(entries(document["arrays"]["mean"])[index], 1999.5)


@pytest.mark.parametrize("size", [(5000,), (70, 90), (3, 40, 60)])
def test_a_large_array_is_a_picture_and_a_histogram(size):
    x = lg.tensor(np.random.default_rng(0).normal(size=size), name="large")
    document = document_of((x * 2.0).graph.record())
    assert valid(document)
    table = document["arrays"]
    index = entries(document["graphs"][0]["tensors"]["value"])[tensor_named(document, "large")]
    assert entries(table["histogram"]).reshape(-1, table["bins"])[index].sum() == x.size
    picture = entries(document["bodies"][entries(table["picture"])[index]])
    assert picture.size == entries(table["picture_rows"])[index] * entries(table["picture_columns"])[index] <= 1024


def test_tensors_without_entries_and_graphs_without_nodes():
    assert valid(document_of((lg.tensor(np.zeros((0, 3))) * 2.0).sum().graph.record()))
    assert valid(document_of(lg.capture(lambda x: x, lg.spec(2))))


def test_a_name_cannot_leave_the_element_it_stands_in():
    x = lg.tensor([1.0], name=NASTY)
    page = page_of(document_of((x * 2.0).graph.record()))
    _, after = page.split('id="localgrad-document">')
    text = after.split("</script>")[0]
    assert "\u2028" not in text
    assert NASTY in json.loads(text)["strings"]


def test_the_page_is_written_and_shown_in_a_frame_of_its_own(tmp_path):
    loss = trained()
    page = loss.graph.explore(tmp_path / "page.html")
    assert isinstance(page, Page)
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert written == page.html
    assert len(written) < 750_000
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    frame = page._repr_html_()
    assert 'sandbox="allow-scripts"' in frame
    assert "<script" not in frame


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_formula_is_well_formed_markup(name):
    from xml.dom.minidom import parseString

    found = parseString(mathml(kinds()[name].formula))
    for tag, count in {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "munderover": 3}.items():
        assert all(len(each.childNodes) == count for each in found.getElementsByTagName(tag))


def test_the_command_line_writes_pages(tmp_path, capsys, monkeypatch):
    from localgrad.cli import main

    monkeypatch.chdir(tmp_path)
    graph = lg.capture(lambda x: lg.tanh(x) * 2.0, lg.spec(1, 3), name="net")
    graph.save(tmp_path / "net")
    assert main(["explore", "net"]) == 0
    assert "structure alone" in capsys.readouterr().out
    assert "structure_only" in (tmp_path / "net" / "explorer.html").read_text(encoding="utf-8")
    np.save(tmp_path / "x.npy", np.float32([[1, 2, 3]]))
    assert main(["explore", "net", "--input", "x=x.npy", "--loss", "mean", "-o", "page.html"]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    document = json.loads(page.split('id="localgrad-document">')[1].split("</script>")[0])
    assert valid(document)
    gradient = 2 / 3 * (1 - np.tanh(np.float32([[1, 2, 3]])) ** 2)
    np.testing.assert_allclose(shown(document, "x", "gradient"), gradient, rtol=1e-5)
    assert main(["explore", "net", "--loss", "mean"]) == 2
