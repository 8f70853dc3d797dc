"""Graphs as text that reads like mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from unicodedata import combining, east_asian_width

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.show.numbers import fields_text, index_text
from localgrad.show.products import input_names

MOST_LINES = 400
_MOST_LEAVES = 200
_MOST_NAMES = 8
_MOST_BODIES = 12
_WIDEST = 110


def graph_text(graph: Graph, most: int = MOST_LINES) -> str:
    """The graph as one line per node: result, shape, expression, source line; for a gradient what it was made for.

    Leaves come first, then nodes in order; of a graph with more than `most` nodes the middle is left out and counted.
    Graphs that nodes hold (the branches of a choice, the body of a loop) follow.

    >>> import localgrad as lg
    >>> W = lg.parameter([[1.0], [2.0]], name="W")
    >>> print(graph_text(lg.capture(lambda x: lg.sigmoid(x @ W), lg.spec("N", 2), name="net")))  # doctest: +ELLIPSIS
    graph net(x: float32(N, 2)) -> Sigmoid#1
      parameter W: float32(2, 1)
      MatMul#1: float32(N, 1)  = x @ W              # ...
      Sigmoid#1: float32(N, 1) = Sigmoid(MatMul#1)  # ...
    """
    lines: list[str] = []
    waiting = [(f"graph {graph.name}", graph)]
    for title, each in waiting:  # bodies that nodes hold are put behind
        shown = _body_lines(title, each, most, lines)
        waiting += [
            (f"{name} of {node.name}", value)
            for node in shown
            for name, value in node.kind.field_values().items()
            if isinstance(value, Graph) and len(waiting) < _MOST_BODIES
        ]
    return "\n".join(lines)


def _body_lines(title: str, graph: Graph, most: int, lines: list[str]) -> list[Node]:
    """Add the lines of one graph; the nodes that were told."""
    lines += _head(title, graph)
    leaves = [
        f"  {leaf.role} {name}: {tensor_text(leaf)}{_constant_value(leaf)}" for name, leaf in graph.leaves.items()
    ]
    lines += _middle_left_out(leaves, min(most, _MOST_LEAVES), "parameters and constants")
    nodes, hidden = list(graph.nodes), len(graph.nodes) - most
    shown = nodes if hidden <= 0 else nodes[: most - most // 2] + nodes[len(nodes) - most // 2 :]
    rows = [(_result(graph, node), expression_text(node, lambda x: _name(graph, x)), _note(node)) for node in shown]
    left = max((width for row in rows if (width := columns(row[0])) <= 48), default=0)
    right = max((width for row in rows if (width := columns(row[1])) <= 56), default=0)
    told = [f"  {padded(result, left)} = {padded(text, right)}{note}".rstrip() for result, text, note in rows]
    if hidden > 0:
        told.insert(most - most // 2, f"  ... {hidden} nodes left out ...")
    lines += told
    updates = [f"  update {name} <- {graph.name_of(value)}" for name, value in graph.updates.items()]
    lines += _middle_left_out(updates, _MOST_LEAVES, "updates")
    return shown


def _head(title: str, graph: Graph) -> list[str]:
    outputs = _listed([graph.name_of(t) for t in graph.outputs])
    inputs = [f"{t.name}: {tensor_text(t)}" for t in graph.inputs]
    head = f"{title}({', '.join(inputs)}) -> {outputs}"
    if columns(head) <= _WIDEST or len(inputs) < 2:
        return [head]
    lines = _middle_left_out([f"  input {each}" for each in inputs], _MOST_LEAVES, "inputs")
    return [f"{title} of {len(inputs)} inputs -> {outputs}", *lines]


def _middle_left_out(lines: list[str], most: int, what: str) -> list[str]:
    hidden = len(lines) - most
    if hidden <= 0:
        return lines
    half = most // 2
    return [*lines[: most - half], f"  ... {hidden} {what} left out ...", *lines[len(lines) - half :]]


def columns(text: str) -> int:
    """The number of columns a text takes in a terminal, where Chinese characters take two.

    >>> columns("张量 x")
    6
    """
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def padded(text: str, width: int) -> str:
    """The text with spaces up to a number of columns."""
    return text + " " * (width - columns(text))


def tensor_text(tensor: Tensor) -> str:
    """Dtype and shape as `float32(N, 784)`."""
    shape = format_shape(tensor.shape)
    return f"{tensor.dtype}{shape}"


def expression_text(node: Node, name: Callable[[Any], str]) -> str:
    """A node as an expression over the names of its inputs.

    >>> import localgrad as lg
    >>> x = lg.tensor([[1.0, 2.0]], name="x")
    >>> print(expression_text(x[0, 1:].node, lambda x: x.name), expression_text((-x).node, lambda x: x.name))
    x[0, 1:] -x
    """
    kind = node.kind
    inputs = [None if x is None else name(x) for x in node.inputs]
    if kind.operator is not None and not kind.changed_fields():
        if kind.operator in ("negative", "~") and len(inputs) == 1:
            return f"{'~' if kind.operator == '~' else '-'}{inputs[0]}"
        if len(inputs) == 2:
            return f"{inputs[0]} {kind.operator} {inputs[1]}"
    if kind.name == "Slice":
        return f"{inputs[0]}[{index_text(kind.field_values()['index'])}]"
    if kind.name == "Transpose" and not kind.changed_fields():
        return f"{inputs[0]}.T"
    labels = input_names(kind, len(inputs))
    while inputs and inputs[-1] is None:
        inputs.pop()
    # after an input that is missing, the others are told by their names
    given = [
        text if None not in inputs[:index] else f"{label}={text}"
        for index, (label, text) in enumerate(zip(labels, inputs, strict=False))
        if text is not None
    ]
    return f"{kind.operation}({', '.join([_listed(given), *fields_text(kind)])})" if given else f"{kind.operation}()"


def _listed(names: Iterable[str]) -> str:
    """Names with commas, the middle of a long list left out."""
    several = list(names)
    if len(several) > _MOST_NAMES:
        several = [*several[:3], f"… {len(several) - 4} more …", several[-1]]
    return ", ".join(several)


def _name(graph: Graph, x: Any) -> str:
    if isinstance(x, Tensor):
        return graph.name_of(x)
    return f"{x:g}" if isinstance(x, float) and float(f"{x:g}") == x else repr(x)


def _result(graph: Graph, node: Node) -> str:
    made = [(graph.name_of(t), tensor_text(t)) for t in node.outputs if t is not None]
    first = made[0][0].removesuffix(":0")
    # of several outputs the later ones are told by their number, where they are called so
    return _listed(
        f"{name.removeprefix(first) if index and name == f'{first}:{index}' else name}: {text}"
        for index, (name, text) in enumerate(made)
    )


def _note(node: Node) -> str:
    of, source = node.of, node.source
    if of is None:
        return f"  # {source}" if source is not None else ""
    if of.role == "accumulation":
        return "  # sum of what several consumers send back"
    try:
        name = of.node.name
    except ReferenceError:  # a gradient computed eagerly outlives the tensors it is of
        name = of.node.kind.operation
    if of.input_index is None:
        return f"  # back through {name}"
    towards = of.node._inputs[of.input_index]
    label = towards._name if isinstance(towards, Tensor) else None
    return f"  # back through {name} to {label or input_names(of.node.kind, len(of.node._inputs))[of.input_index]}"


def _constant_value(leaf: Leaf) -> str:
    if leaf.role != "constant" or leaf.size > 6 or leaf.is_symbolic:
        return ""
    text = np.array2string(np.asarray(leaf._value), separator=", ", precision=6)
    return f" = {text}" if "\n" not in text else ""
