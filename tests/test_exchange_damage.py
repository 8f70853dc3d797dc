"""Damaged and hostile folders of graphs: each claim is checked, and what is wrong is named."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.exchange import foreign_json, reading
from localgrad.graph.errors import ImportModelError
from tests.saved import (
    affine,
    net_fixture,  # noqa: F401 -- pytest finds a fixture by its name
)
from tests.trial import run


# damaged folders ----------------------------------------------------------------------------------------------------
def changed(home: Path, change: Callable[[Any], Any]) -> None:
    path = home / "graph.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(change(found) or found))


def test_what_is_missing_is_named(net: lg.Graph, tmp_path: Path) -> None:
    with pytest.raises(ImportModelError, match=r"graph\.json was to be read\nfound: No such file"):
        lg.load(tmp_path / "nowhere")
    net.save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ImportModelError, match=r"model\.safetensors was to be read\nfound: No such file"):
        lg.load(tmp_path)
    with pytest.raises(ImportModelError, match="null"):
        lg.load(f"{tmp_path}/a\0b")


def test_weights_of_another_graph_are_refused(tmp_path: Path) -> None:
    affine(1.0).save(tmp_path / "a")
    affine(-2.0).save(tmp_path / "b")
    shutil.copy(tmp_path / "a" / "model.safetensors", tmp_path / "b")
    with pytest.raises(ImportModelError, match="do not belong together"):
        lg.load(tmp_path / "b")


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
def test_links_out_of_the_folder_are_not_followed(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path / "a")
    for name in ("graph.json", "model.safetensors"):
        shutil.copytree(tmp_path / "a", tmp_path / name)
        (tmp_path / name / name).unlink()
        (tmp_path / name / name).symlink_to(tmp_path / "a" / name)
        with pytest.raises(ImportModelError, match="outside the folder"):
            lg.load(tmp_path / name)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert lg.load(tmp_path / "link") == net


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
def test_pipes_and_circles_are_not_followed(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path)
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)):
        (tmp_path / "graph.json").unlink(missing_ok=True)
        make(tmp_path / "graph.json")
        with pytest.raises(ImportModelError):
            lg.load(tmp_path)
        if (tmp_path / "graph.json").is_dir():
            (tmp_path / "graph.json").rmdir()


def test_a_newer_format_says_so(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path)
    changed(tmp_path, lambda found: {"format": found["format"], "version": 2, "else": 1})
    with pytest.raises(ImportModelError, match=r"newer localgrad \(version 2(.|\n)*upgrade"):
        lg.load(tmp_path)


def test_an_unknown_kind_says_what_can_be_done(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path)
    changed(tmp_path, lambda found: found["graphs"][0]["nodes"][2].update(kind="Tahn"))
    with pytest.raises(ImportModelError) as caught:
        lg.load(tmp_path)
    for part in ("graphs[0].nodes[2]", "'Tahn'", "did you mean Tan", "import the module that registers it"):
        assert part in str(caught.value)


def node(kind: str, inputs: list[Any], outputs: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"kind": kind, "inputs": inputs, "outputs": outputs, **more}


def small(*nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A document of one graph from x: float32[N, 3] (and the parameter W: float32[2]) to the last output."""
    made = list(nodes[-1]["outputs"]) if nodes else []
    graph = {
        "name": "graph",
        "inputs": {"x": "float32[N, 3]"},
        "leaves": {"W": "W"},
        "nodes": list(nodes),
        "outputs": made,
    }
    return {
        "format": "localgrad graph",
        "version": 1,
        "weights": {"sha256": "0" * 64},
        "tensors": {"W": {"role": "parameter"}},
        "sources": ["net.py"],
        "graphs": [graph | changes],
    }  # fmt: skip


EXP = node("Exp", ["x"], {"y": "float32[N, 3]"})
TWICE = [
    {"name": "0", "inputs": {"x": "float32[3]"}, "leaves": {}, "nodes": [node("Exp", ["x"], {"y": "float32[3]"})], "outputs": ["y"]},
    *({"name": f"{index}", "inputs": {"x": "float32[3]"}, "leaves": {}, "outputs": ["z"], "nodes": [
        node("Call", ["x"], {"y": "float32[3]"}, fields={"graph": {"graph": index - 1}}),
        node("Call", ["y"], {"z": "float32[3]"}, fields={"graph": {"graph": index - 1}})]} for index in range(1, 40)),
]  # fmt: skip
HOSTILE: dict[str, tuple[Any, str]] = {
    "list": ([], "where an object has to be"),
    "other format": ({"format": "pickle", "version": 1}, "the format 'pickle'"),
    "no version": ({"format": "localgrad graph"}, "no entry 'version'"),
    "version as text": ({"format": "localgrad graph", "version": "2"}, "the version '2'"),
    "more": (small(EXP) | {"hook": "os.system"}, "an entry 'hook'"),
    "path as fingerprint": (small(EXP) | {"weights": {"sha256": "../../../etc/passwd"}}, "the fingerprint"),
    "no graph": (small(EXP) | {"graphs": []}, "no graph"),
    "unknown tensor": (small(node("Exp", ["z"], {"y": "float32[N, 3]"})), "'z' is read before it is made"),
    "later tensor": (small(node("Exp", ["y"], {"z": "float32[N, 3]"}), EXP), "'y' is read before it is made"),
    "name twice": (small(EXP, EXP), "two tensors called 'y'"),
    "name of an input": (small(node("Exp", ["x"], {"x": "float32[N, 3]"})), "two tensors called 'x'"),
    "control character": (small(node("Exp", ["x"], {"\x1b[2J": "float32[N, 3]"})), "without control characters"),
    "surrogate": (small(node("Exp", ["x"], {"\ud800": "float32[N, 3]"})), "without control characters"),
    "long name": (small(node("Exp", ["x"], {"y" * 2000: "float32[N, 3]"})), "without control characters"),
    "wrong shape": (small(node("Exp", ["x"], {"y": "float32[N, 4]"})), "but the file says"),
    "wrong dtype": (small(node("Exp", ["x"], {"y": "float64[N, 3]"})), "but the file says"),
    "named for a number": (small(node("Exp", ["x"], {"y": "float32[N, M]"})), "but the file says"),
    "no such dtype": (small(node("Exp", ["x"], {"y": "O[N, 3]"})), "no dtype with a shape"),
    "code as extent": (small(node("Exp", ["x"], {"y": "float32[__import__('os').system('x'), 3]"})), "no extent"),
    "two outputs": (small(node("Exp", ["x"], {"y": "float32[N, 3]", "z": "float32[N, 3]"})), "has 1 outputs; 2"),
    "no output": (small(node("Exp", ["x"], {})), "has 1 outputs; 0"),
    "a billion outputs": (small(node("Branch", ["x"], {"y": "float32[N, 3]"}, fields={"n": 10**9})), "1000000000 outputs"),
    "too few inputs": (small(node("Exp", [], {"y": "float32[N, 3]"})), "takes the inputs x; 0 are given"),
    "too many inputs": (small(node("Exp", ["x", "x"], {"y": "float32[N, 3]"})), "takes the inputs x; 2 are given"),
    "missing input": (small(node("Exp", [None], {"y": "float32[N, 3]"})), "Exp"),
    "object as input": (small(node("Exp", [{"graph": 0}], {"y": "float32[N, 3]"})), "before it was read"),
    "text as input": (small(node("Exp", [{"bytes": "aGk="}], {"y": "float32[N, 3]"})), "neither a tensor's name"),
    "kind no text": (small(node(["Exp"], ["x"], {"y": "float32[N, 3]"})), "a kind called ['Exp']"),  # type: ignore[arg-type]
    "no such field": (small(node("Sum", ["x"], {"y": "float32[]"}, fields={"axes": None})), "no field 'axes'; did you mean axis"),
    "field of another type": (small(node("Sum", ["x"], {"y": "float32[]"}, fields={"keepdims": "yes"})), "has to be bool"),
    "axis of another type": (small(node("Sum", ["x"], {"y": "float32[]"}, fields={"axis": ["0"]})), "has to be tuple[int, ...] | None"),
    "axis out of range": (small(node("Sum", ["x"], {"y": "float32[]"}, fields={"axis": [7]})), "axis 7 of input 0 is out of range"),
    "a private attribute": (small(node("Exp", ["x"], {"y": "float32[N, 3]"}, fields={"__class__": 1})), "no field '__class__'"),
    "fields no object": (small(node("Exp", ["x"], {"y": "float32[N, 3]"}, fields=[1])), "no object"),
    "deep field": (small(node("Holder", ["x"], {"y": "float32[N, 3]"}, fields={"value": json.loads("[" * 60 + "]" * 60)})), "deep"),
    "object of a field": (small(node("Holder", ["x"], {"y": "float32[N, 3]"}, fields={"value": {"eval": "1+1"}})), "where a field's value"),
    "no base64": (small(node("Holder", ["x"], {"y": "float32[N, 3]"}, fields={"value": {"bytes": "§"}})), "{'bytes': '§'}"),
    "unhashable key": (small(node("Holder", ["x"], {"y": "float32[N, 3]"}, fields={"value": {"dict": [[{"dict": []}, 1]]}})), "hash"),
    "unknown dtype": (small(node("Holder", ["x"], {"y": "float32[N, 3]"}, fields={"value": {"dtype": "object"}})), "'object'"),
    "array that is not": (small(node("Holder", ["x"], {"y": "float32[N, 3]"}, fields={"value": {"array": "V"}})), "'V' stands nowhere"),
    "graph inside itself": (small(node("Call", ["x"], {"y": "float32[N, 3]"}, fields={"graph": {"graph": 0}})), "before it was read"),
    "negative graph": (small(node("Call", ["x"], {"y": "float32[N, 3]"}, fields={"graph": {"graph": -1}})), "before it was read"),
    "graphs that unfold": (small(EXP) | {"graphs": TWICE}, "graphs inside graphs"),
    "output nobody makes": (small(EXP, outputs=["z"]), "'z' is read before"),
    "input as output": (small(EXP, outputs=["x"]), "an output that no node makes"),
    "output twice": (small(EXP, outputs=["y", "y"]), "one twice"),
    "outputs no list": (small(EXP, outputs="y"), "where a list has to be"),
    "update of no leaf": (small(EXP, updates={"x": "y"}), "'x', which is no leaf"),
    "update of another shape": (small(EXP, updates={"W": "y"}), "an update of 'W'"),
    "leaf of no tensor": (small(EXP, leaves={"W": "V"}), "no tensor of this file"),
    "gradient of an integer": (small(EXP, inputs={"x": "float32[N, 3]", "i": "int64[]"}, requires_grad={"i": True}), "dtype is int64"),
    "gradient of nothing": (small(EXP, requires_grad={"z": True}), "no tensor of this graph"),
    "role": (small(EXP) | {"tensors": {"W": {"role": "hook"}}}, "the role 'hook'"),
    "tensor without weights": (small(EXP) | {"tensors": {"V": {"role": "state"}}}, "'V' stands nowhere among the weights"),
    "folder in a source": (small(EXP) | {"sources": ["/etc/passwd"]}, "a source file with a folder"),
    "line nowhere": (small(EXP | {"line": [3, 1]}), "the line [3, 1]"),
    "line no number": (small(EXP | {"line": [0, "1"]}), "the line"),
    "tag of nothing": (small(EXP | {"of": ["y", 0, "contribution"]}), "no earlier node"),
    "tag of another role": (small(EXP | {"of": ["y", 0, "magic"]}), "the tag"),
    "scope": (small(EXP | {"scope": 3}), "where a name has to be"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_every_claim_is_checked(name: str) -> None:
    found, part = HOSTILE[name]
    text = json.dumps(found).encode()
    tracemalloc.start()
    try:
        with pytest.raises(ImportModelError) as caught:
            reading.read(
                foreign_json.parse(text, "graph.json", ImportModelError, "-"),
                {"W": np.zeros(2, np.float32)},
                "graph.json",
            )
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert part in message
    assert message.startswith("graph.json was to be loaded\nfound: ")
    assert len(message) < 1000


def test_the_document_those_claims_are_changed_from_is_right() -> None:
    graph = reading.read(small(EXP), {"W": np.zeros(2, np.float32)}, "graph.json")
    assert run(graph, [np.zeros((2, 3), np.float32)])[0].tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(
    "text", [b"", b"{", b"nul", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"9" * 10_000, b"[" + b"{}," * 10**6 + b"{}]"]
)
def test_no_json_is_no_graph(net: lg.Graph, tmp_path: Path, text: bytes) -> None:
    net.save(tmp_path)
    (tmp_path / "graph.json").write_bytes(text)
    with pytest.raises(ImportModelError, match=r"graph\.json was to be read"):
        lg.load(tmp_path)


def test_a_huge_file_is_not_read(net: lg.Graph, tmp_path: Path) -> None:
    net.save(tmp_path)
    with (tmp_path / "graph.json").open("r+b") as file:
        file.truncate(10**12)
    with pytest.raises(ImportModelError, match="1000000000000 bytes; the limit"):
        lg.load(tmp_path)
