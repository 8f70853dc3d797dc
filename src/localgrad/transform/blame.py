"""Blame: whose rule made a gradient that is not finite, and the path from there to the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from localgrad.graph.history import History
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.graph.watching import count_bad, describe_values
from localgrad.transform.failure import place_of
from localgrad.transform.sweep import contributions

SHOWN = 8
"""How many nodes of a path are named; the middle of a longer one is counted."""


def blame(
    tensor: Tensor,
    outputs: Sequence[Tensor],
    received: Sequence[tuple[Tensor, Any]],
    bad: Callable[[Any], Any],
) -> list[str]:
    """Lines of a message: the rule that gave a tensor a bad gradient, what it was given, and its path to the outputs.

    `received` are the gradients that inner tensors have received so far, all of them good; `bad` tells bad entries.
    """
    history = History.of(outputs)
    names = history.names()
    gradients = {id(t): g for t, g in received}
    lines: list[str] = []
    readers: list[tuple[Node, int]] = []
    for node in reversed(history.nodes):
        for index, x in enumerate(node.inputs):
            if x is tensor:
                readers.append((node, index))
    for node, index in readers:
        made = history.outputs[node.order]
        given = [None if t is None else gradients.get(id(t)) for t in made]
        sent = contributions(node, made, given).get(index)
        entries = None if sent is None else bad(sent)
        if entries is None:
            continue
        name, grad = next(
            (names[id(t)], g) for t, g in zip(made, given, strict=True) if t is not None and g is not None
        )
        layer = f" in layer {node.scope}" if node.scope else ""
        lines += [
            f"    the rule of {node.kind.name} at `{name}`{place_of(node)}{layer} made it: {count_bad(sent, entries)}",
            f"        the gradient that came in {describe_values(grad, entries)}",
            *(
                f"        its input {number} `{names.get(id(x), x.name)}` {describe_values(x._value, entries)}"
                for number, x in enumerate(node.inputs)
                if isinstance(x, Tensor)
            ),
            f"    path to the loss: {path_text(history, node)}",
        ]
    if lines:
        return [
            *lines,
            "do: keep that input away from where its local derivative is not finite (clip it, add an epsilon)",
        ]
    if readers:
        return [
            f"    each of its {len(readers)} readers sent back finite numbers; their sum is not",
            "do: make the loss or the weights smaller, or compute in float64",
        ]
    return ["    it is the gradient that backward was given", "do: give finite numbers in backward(grad=...)"]


def path_text(history: History, start: Node) -> str:
    """A shortest way from a node to an output, by names."""
    names = history.names()
    readers: dict[int, list[Node]] = {}
    for node in history.nodes:
        for x in node.inputs:
            if isinstance(x, Tensor) and x._node is not None:
                readers.setdefault(x._node.order, []).append(node)
    before: dict[int, Node | None] = {start.order: None}
    waiting = [start]
    last = start
    for last in waiting:
        if last.order not in readers:
            break
        for node in readers[last.order]:
            if node.order not in before:
                before[node.order] = last
                waiting.append(node)
    way: list[str] = []
    at: Node | None = last
    while at is not None:
        way.append(names[id(next(t for t in history.outputs[at.order] if t is not None))])
        at = before[at.order]
    way.reverse()
    if len(way) > SHOWN:
        half = SHOWN // 2
        way = [*way[:half], f"... {len(way) - SHOWN} nodes ...", *way[-half:]]
    return " -> ".join(way)
