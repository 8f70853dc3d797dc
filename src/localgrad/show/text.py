"""Graphs as text that reads like mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor

MOST_LINES = 400


def graph_text(graph: Graph, most: int = MOST_LINES) -> str:
    """The graph as one line per node: result, shape, expression, layer path and source line.

    Leaves come first, then nodes in order; of a graph with more than `most` nodes the middle is left out and counted.

    >>> import localgrad as lg
    >>> W = lg.parameter([[1.0], [2.0]], name="W")
    >>> print(graph_text(lg.capture(lambda x: lg.sigmoid(x @ W), lg.spec("N", 2), name="net")))  # doctest: +ELLIPSIS
    graph net(x: float32(N, 2)) -> Sigmoid#1
      parameter W: float32(2, 1)
      MatMul#1: float32(N, 1)  = x @ W              # ...
      Sigmoid#1: float32(N, 1) = Sigmoid(MatMul#1)  # ...
    """
    inputs = ", ".join(f"{t.name}: {tensor_text(t)}" for t in graph.inputs)
    outputs = ", ".join(graph.name_of(t) for t in graph.outputs)
    lines = [f"graph {graph.name}({inputs}) -> {outputs}"]
    for name, leaf in graph.leaves.items():
        lines.append(f"  {leaf.role} {name}: {tensor_text(leaf)}{_constant_value(leaf)}")
    nodes = list(graph.nodes)
    hidden = len(nodes) - most
    shown = nodes if hidden <= 0 else nodes[: most // 2] + nodes[-(most // 2) :]
    rows = [(_left(graph, node), _right(graph, node), _note(node)) for node in shown]
    left = min(max((len(row[0]) for row in rows), default=0), 48)
    right = min(max((len(row[1]) for row in rows), default=0), 56)
    for number, (result, expression, note) in enumerate(rows):
        if hidden > 0 and number == most // 2:
            lines.append(f"  ... {hidden} nodes left out ...")
        lines.append(f"  {result:<{left}} = {expression:<{right}}{note}".rstrip())
    for name, value in graph.updates.items():
        lines.append(f"  update {name} <- {graph.name_of(value)}")
    return "\n".join(lines)


def tensor_text(tensor: Tensor) -> str:
    """Dtype and shape as `float32(N, 784)`."""
    shape = format_shape(tensor.shape)
    return f"{tensor.dtype}{shape}"


def expression_text(node: Node, name: Any) -> str:
    """A node as an expression over the names of its inputs."""
    inputs = [name(x) for x in node.inputs]
    kind = node.kind
    if kind.operator is not None and not kind.changed_fields():
        if len(inputs) == 2:
            return f"{inputs[0]} {kind.operator} {inputs[1]}"
        if kind.operator == "negative":
            return f"-{inputs[0]}"
    while inputs and inputs[-1] == "None":
        inputs.pop()
    fields = [f"{field}={field_text(value)}" for field, value in kind.changed_fields().items()]
    return f"{kind.name}({', '.join(inputs + fields)})"


def field_text(value: Any) -> str:
    """A field's value, short."""
    if isinstance(value, Graph):
        return f"<{value.name}: {len(value.nodes)} nodes>"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _name(graph: Graph, x: Any) -> str:
    return graph.name_of(x) if isinstance(x, Tensor) else repr(x)


def _left(graph: Graph, node: Node) -> str:
    return ", ".join(f"{graph.name_of(t)}: {tensor_text(t)}" for t in node.outputs if t is not None)


def _right(graph: Graph, node: Node) -> str:
    return expression_text(node, lambda x: _name(graph, x))


def _note(node: Node) -> str:
    source = node.source
    if node.of is not None:
        owner = node.of.node.name
        index = "" if node.of.input_index is None else f"[{node.of.input_index}]"
        return f"  # {node.of.role} of {owner}{index}"
    return f"  # {source}" if source is not None else ""


def _constant_value(leaf: Leaf) -> str:
    if leaf.role != "constant" or leaf.size > 6:
        return ""
    text = np.array2string(np.asarray(leaf._value), separator=", ", precision=6)
    return f" = {text}" if "\n" not in text else ""
