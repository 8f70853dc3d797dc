"""A graph as a plain JSON document and named arrays (read back in `reading`).

    {"format": "localgrad graph", "version": 1,
     "weights": {"sha256": ...},                         the fingerprint of the arrays that belong to it
     "tensors": {"W": {"role": "parameter"}},            parameters, states and constants, by the name of their array
     "sources": ["net.py"],                              the user's files, without their folders
     "graphs": [bodies..., the graph]}                   a body stands before the graphs whose nodes refer to it

    graph: {"name", "inputs": {"x": "float32[N, 3]"}, "leaves": {"W": "W"}, "nodes": [...], "outputs": ["Tanh#1"],
            "updates": {"running mean": "Add#3"}, "requires_grad": {...}}
    node:  {"kind": "Sum", "fields": {"axis": [0]}, "inputs": ["x", 2.0, null], "outputs": {"Sum#1": "float32[3]"},
            "scope": "encoder/0", "line": [0, 12], "of": ["MatMul#1", 0, "contribution"]}

Entries that say nothing (no fields, no scope, ...) are left out; `requires_grad` names the tensors for which it is
not what their inputs say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange.extents import spec_text
from localgrad.exchange.fields import UnwritableError, encode, short
from localgrad.graph.comparing import describe
from localgrad.graph.errors import FileWriteError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf

FORMAT: Final = "localgrad graph"
VERSION: Final = 1
LONGEST_NAME: Final = 1000
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def write(graph: Graph) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The document of a graph, without the fingerprint, and the arrays that belong to it.

    Raises FileWriteError naming the node where a field holds what no file can (a function, a lock, ...).

    >>> import localgrad as lg
    >>> document, arrays = write(lg.capture(lambda x: lg.exp(x), lg.spec("N", 3)))
    >>> document["graphs"][-1]["nodes"]
    [{'kind': 'Exp', 'inputs': ['x'], 'outputs': {'Exp#1': 'float32[N, 3]'}, ...}]
    """
    writer = _Writer()
    for name, leaf in graph.leaves.items():
        writer.keep_leaf(leaf, name)
    writer.keep_graph(graph)
    return {
        "format": FORMAT,
        "version": VERSION,
        "tensors": writer.tensors,
        "sources": list(writer.sources),
        "graphs": writer.graphs,
    }, writer.arrays


class _Writer:
    def __init__(self) -> None:
        self.graphs: list[Any] = []
        self.tensors: dict[str, Any] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self.sources: dict[str, int] = {}
        self._graph_number: dict[int, int] = {}
        self._leaf_key: dict[int, str] = {}
        self._spec_text: dict[Spec, str] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def keep_leaf(self, leaf: Leaf, name: str) -> str:
        """The key of a leaf, which is its name unless another array has that."""
        key = self._leaf_key.get(id(leaf))
        if key is None:
            key = self._leaf_key[id(leaf)] = self._place(np.asarray(leaf._value), name)
            self.tensors[key] = {"role": leaf.role}
            if leaf.requires_grad != (leaf.role == "parameter"):
                self.tensors[key]["requires_grad"] = leaf.requires_grad
        return key

    def keep_array(self, array: Any) -> str:
        """The key of an array in a field."""
        return self._place(array, "field")

    def _place(self, array: NDArray[Any], name: str) -> str:
        key, number = checked_name(name), 1
        while key in self.arrays:
            number += 1
            key = f"{name}#{number}"
        self.arrays[key] = array
        return key

    def _spec(self, spec: Spec) -> str:
        text = self._spec_text.get(spec)
        if text is None:
            text = self._spec_text[spec] = spec_text(spec)
        return text

    def keep_graph(self, graph: Graph) -> int:
        """The number of a graph among the graphs written."""
        if id(graph) not in self._graph_number:
            written = self._graph(graph)
            self._graph_number[id(graph)] = len(self.graphs)
            self._kept.append(graph)
            self.graphs.append(written)
        return self._graph_number[id(graph)]

    def _graph(self, graph: Graph) -> dict[str, Any]:
        described = describe(graph)
        names = [checked_name(name) for name, _, _ in described["inputs"]]
        names += [checked_name(name) for name, _ in described["leaves"]]
        grads = {name: requires_grad for name, _, requires_grad in described["inputs"]}
        grads.update({name: leaf.requires_grad for name, leaf in described["leaves"]})
        differing = {name: grad for name, spec, grad in described["inputs"] if grad != (spec.dtype.kind == "f")}
        nodes: list[dict[str, Any]] = []
        written: dict[str, Any] = {"name": checked_name(graph.name)}
        first_outputs: list[str] = []
        for each in described["nodes"]:
            inputs = [names[x] if what == "tensor" else x for what, x in each["inputs"]]
            wanted = each["kind"].differentiable and any(
                grads[names[x]] for what, x in each["inputs"] if what == "tensor"
            )
            for name, spec, requires_grad in each["outputs"]:
                names.append(checked_name(name))
                grads[name] = requires_grad
                if requires_grad != (wanted and spec.dtype.kind == "f"):
                    differing[name] = requires_grad
            first_outputs.append(each["outputs"][0][0])
            nodes.append(self._node(each, inputs, first_outputs))
        written["inputs"] = {name: self._spec(spec) for name, spec, _ in described["inputs"]}
        written["leaves"] = {name: self.keep_leaf(leaf, name) for name, leaf in described["leaves"]}
        written["nodes"] = nodes
        written["outputs"] = [names[index] for index in described["outputs"]]
        optional = {"updates": {name: names[x] for name, x in described["updates"]}, "requires_grad": differing}
        return written | {key: value for key, value in optional.items() if value}

    def _node(self, each: dict[str, Any], inputs: list[Any], first_outputs: list[str]) -> dict[str, Any]:
        kind: Kind = each["kind"]
        try:
            fields = {
                name: encode(value, self.keep_graph, self.keep_array) for name, value in kind.changed_fields().items()
            }
            written: dict[str, Any] = {"kind": kind.name}
            if fields:
                written["fields"] = fields
            written["inputs"] = [
                x if isinstance(x, str) else encode(x, self.keep_graph, self.keep_array) for x in inputs
            ]
            written["outputs"] = {name: self._spec(spec) for name, spec, _ in each["outputs"]}
        except (UnwritableError, ShapeError) as error:
            raise FileWriteError(
                f"the node `{first_outputs[-1]}` was to be written\nfound: {kind.name} holds {error}\n"
                "do: a kind's fields may be numbers, texts, tuples, slices, extents, arrays, kinds and graphs"
            ) from None
        file, line = each["source"]
        if file is not None:
            base = UNPRINTABLE.sub("?", file.replace("\\", "/").rsplit("/", 1)[-1])[:LONGEST_NAME]
            written["line"] = [self.sources.setdefault(base, len(self.sources)), line]
        if each["scope"]:
            written["scope"] = checked_name(each["scope"])
        if each["of"] is not None:
            position, input_index, role = each["of"]
            written["of"] = [first_outputs[position], input_index, role]
        return written


def checked_name(name: str) -> str:
    """A name that a file can hold; raises FileWriteError for control characters and what UTF-8 cannot hold."""
    if len(name) > LONGEST_NAME or UNPRINTABLE.search(name):
        raise FileWriteError(
            f"a graph was to be written in which something is called {short(name)}\nfound: control characters, or more "
            f"than {LONGEST_NAME} characters\ndo: give it another name"
        )
    return name


def to_text(document: Mapping[str, Any]) -> str:
    """The JSON text of a document, one node a line."""
    lines = []
    for key, value in document.items():
        if key == "graphs":
            lines.append('"graphs": [\n' + ",\n".join(map(_graph_text, value)) + "\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _graph_text(graph: Mapping[str, Any]) -> str:
    lines = []
    for key, value in graph.items():
        if key == "nodes":
            lines.append('"nodes": [\n' + ",\n".join(json.dumps(node, allow_nan=False) for node in value) + "\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{" + ",\n".join(lines) + "}"
