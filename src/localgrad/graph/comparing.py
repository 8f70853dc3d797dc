"""Equality of graphs, and a graph as plain data so that it can be copied and pickled by our own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from localgrad.graph.node import ORDER, Derived, Node
from localgrad.graph.spec import same_shape
from localgrad.graph.tensor import Leaf, Tensor

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph


def differences(a: Graph, b: Graph, values: bool) -> list[str]:
    """What differs between two graphs (kinds, edges, specs, roles, leaf values); empty where they are equal."""
    found: list[str] = []
    twin: dict[int, Tensor] = {}

    def pair(x: Any, y: Any, where: str) -> None:
        if not isinstance(x, Tensor) or not isinstance(y, Tensor):
            if type(x) is not type(y) or not (x == y or (x != x and y != y)):
                found.append(f"{where}: {x!r} against {y!r}")
            return
        if id(x) in twin:
            if twin[id(x)] is not y:
                found.append(f"{where}: `{a.name_of(x)}` stands where `{b.name_of(y)}` stands in the other")
            return
        twin[id(x)] = y
        if not same_shape(x.shape, y.shape) or x.dtype != y.dtype:
            found.append(f"{where}: {x.dtype}{x.shape} against {y.dtype}{y.shape}")
        leaf_x, leaf_y = isinstance(x, Leaf), isinstance(y, Leaf)
        if leaf_x != leaf_y or (leaf_x and x.role != y.role):  # type: ignore[attr-defined]
            found.append(f"{where}: one is a leaf of another role")
        elif leaf_x and values and not np.array_equal(np.asarray(x._value), np.asarray(y._value), equal_nan=_real(x)):
            found.append(f"{where}: values of `{a.name_of(x)}` differ")

    for label, one, other in (("inputs", a.inputs, b.inputs), ("nodes", a.nodes, b.nodes)):
        if len(one) != len(other):
            found.append(f"{label}: {len(one)} against {len(other)}")
    for number, (x, y) in enumerate(zip(a.inputs, b.inputs, strict=False)):
        pair(x, y, f"input {number}")
    for one_node, other_node in zip(a.nodes, b.nodes, strict=False):
        where = f"node {one_node.name}"
        if one_node.kind != other_node.kind or len(one_node._inputs) != len(other_node._inputs):
            found.append(f"{where}: {one_node.kind!r} against {other_node.kind!r}")
            return found
        for index, sources in enumerate(zip(one_node._inputs, other_node._inputs, strict=True)):
            pair(*sources, f"{where}, input {index}")
        for x, y in zip(one_node._outputs, other_node._outputs, strict=True):
            pair(x, y, f"{where}, output")
    if len(a.outputs) != len(b.outputs):
        found.append(f"outputs: {len(a.outputs)} against {len(b.outputs)}")
    for x, y in zip(a.outputs, b.outputs, strict=False):
        pair(x, y, "outputs")
    if len(a.updates) != len(b.updates):
        found.append(f"updates: {len(a.updates)} against {len(b.updates)}")
    for (name, x), (other_name, y) in zip(a.updates.items(), b.updates.items(), strict=False):
        pair(a.leaves[name], b.leaves[other_name], f"update of {name}")
        pair(x, y, f"update of {name}")
    return found


def _real(x: Tensor) -> bool:
    return x.dtype.kind == "f"


def describe(graph: Graph) -> dict[str, Any]:
    """The graph as plain Python data and leaves."""
    number: dict[int, int] = {}
    for tensor in (*graph.inputs, *graph.leaves.values(), *(t for node in graph.nodes for t in node._outputs)):
        number.setdefault(id(tensor), len(number))
    position = {node.order: index for index, node in enumerate(graph.nodes)}

    def source(node: Node) -> tuple[Any, int]:
        line = node.source
        return (line.file, line.line) if line is not None else (None, 0)

    return {
        "name": graph.name,
        "inputs": [(t.name, t.spec, t.requires_grad) for t in graph.inputs],
        "leaves": list(graph.leaves.items()),
        "nodes": [
            {
                "kind": node.kind,
                "inputs": [("tensor", number[id(x)]) if isinstance(x, Tensor) else ("value", x) for x in node._inputs],
                "outputs": [(t._name, t.spec, t.requires_grad) for t in node._outputs],
                "scope": node.scope,
                "source": source(node),
                "of": (position[node.of.node.order], node.of.input_index, node.of.role)
                if node.of is not None and node.of.node.order in position
                else None,
            }
            for node in graph.nodes
        ],
        "outputs": [number[id(t)] for t in graph.outputs],
        "updates": [(name, number[id(t)]) for name, t in graph.updates.items()],
    }


def rebuild(data: dict[str, Any]) -> Graph:
    """A graph from what `describe` gave."""
    from localgrad.graph.graph import Graph

    tensors: list[Tensor] = []
    for name, spec, requires_grad in data["inputs"]:
        tensors.append(_named(Tensor(spec, None, requires_grad), name))
    inputs = list(tensors)
    leaves: dict[str, Leaf] = dict(data["leaves"])
    tensors.extend(leaves.values())
    nodes: list[Node] = []
    for each in data["nodes"]:
        values = tuple(tensors[x] if what == "tensor" else x for what, x in each["inputs"])
        of = each["of"]
        derived = Derived(nodes[of[0]], of[1], of[2]) if of is not None else None
        code, at = each["source"]
        node = Node(each["kind"], values, next(ORDER), code, at, each["scope"], derived)
        outputs = []
        for index, (name, spec, requires_grad) in enumerate(each["outputs"]):
            tensor = _named(Tensor(spec, node, requires_grad), name)
            tensor._index = index
            outputs.append(tensor)
        node._outputs = tuple(outputs)
        tensors.extend(outputs)
        nodes.append(node)
    return Graph(
        nodes,
        inputs,
        [tensors[index] for index in data["outputs"]],
        [(leaves[name], tensors[index]) for name, index in data["updates"]],
        data["name"],
        {id(leaf): name for name, leaf in leaves.items()},
    )


def _named(tensor: Tensor, name: str) -> Tensor:
    tensor._name = name
    return tensor
