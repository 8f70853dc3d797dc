"""Rewriting: what passes share, a new graph made node by node from an old one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.graph import Graph
from localgrad.graph.node import Derived, Node
from localgrad.graph.tensor import Tensor


class Rewrite:
    """A new graph under construction: inputs are new tensors, leaves stay the user's own, nodes are copied or replaced."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.recorder = Recorder()
        self.image: dict[int, Any] = {}
        self.node_image: dict[int, Node] = {}
        for tensor in graph.inputs:
            copy = Tensor(tensor.spec, None, tensor.requires_grad)
            copy._name = tensor.name
            self.recorder.add_input(copy)
            self.image[id(tensor)] = copy
        for leaf in graph.leaves.values():
            self.image[id(leaf)] = self.recorder.adopt(leaf)

    def of(self, tensor: Any) -> Any:
        """What stands for a tensor of the old graph; scalars and missing inputs stand for themselves."""
        return self.image[id(tensor)] if isinstance(tensor, Tensor) else tensor

    def inputs(self, node: Node) -> tuple[Any, ...]:
        """The inputs of an old node in the new graph."""
        return tuple(self.of(x) for x in node._inputs)

    def derived(self, node: Node) -> Derived | None:
        """What an old node is tagged with, in terms of the new graph."""
        if node.of is None:
            return None
        return Derived(self.node_image.get(node.of.node.order, node.of.node), node.of.input_index, node.of.role)

    def copy(self, node: Node, inputs: tuple[Any, ...] | None = None) -> tuple[Tensor, ...]:
        """Copy a node, on other inputs if given."""
        made = self.recorder.copy_node(
            node, self.inputs(node) if inputs is None else inputs, node._outputs, self.derived(node)
        )
        self.node_image[node.order] = made[0]._node  # type: ignore[assignment]
        self.stand_in(node, made)
        return made

    def stand_in(self, node: Node, made: Sequence[Any]) -> None:
        """Let these tensors stand for the outputs of an old node."""
        for old, new in zip(node._outputs, made, strict=True):
            self.image[id(old)] = new

    def record(self, node: Node, build: Callable[[], Any], scope: str | None = None) -> tuple[Any, ...]:
        """Record nodes in place of an old one, with its line and scope; they inherit its tag."""
        made: list[Node] = []
        with using(
            recorder=self.recorder,
            scope=node.scope if scope is None else scope,
            site=(node._code, node._at),
            enabled=True,
            tagger=made.append,
            watchers=(),
        ):
            result = build()
        tag = self.derived(node)
        for each in made:
            if each.of is None:
                each.of = tag
        return result if isinstance(result, tuple) else (result,)

    def finish(self, name: str | None = None, keep: Callable[[Node], bool] | None = None) -> Graph:
        """The new graph, with the old outputs and updates (and only the nodes `keep` accepts)."""
        nodes = [node for node in self.recorder.nodes if keep is None or keep(node)]
        return Graph(
            nodes,
            self.recorder.inputs,
            [self.of(t) for t in self.graph.outputs],
            [(self.graph.leaves[leaf], self.of(value)) for leaf, value in self.graph.updates.items()],
            name or self.graph.name,
            {id(leaf): label for label, leaf in self.graph.leaves.items()},
        )


def consumers(graph: Graph) -> dict[int, list[tuple[Node, int]]]:
    """For each tensor by id, the nodes that read it and at which input."""
    found: dict[int, list[tuple[Node, int]]] = {}
    for node in graph.nodes:
        for index, x in enumerate(node._inputs):
            if isinstance(x, Tensor):
                found.setdefault(id(x), []).append((node, index))
    return found


def live_nodes(graph: Graph) -> set[int]:
    """The orders of nodes an output, an update or an impure node depends on."""
    found: set[int] = set()
    stack: list[Node] = [t._node for t in (*graph.outputs, *graph.updates.values()) if t._node is not None]
    while stack:
        node = stack.pop()
        if node.order not in found:
            found.add(node.order)
            stack.extend(x._node for x in node._inputs if isinstance(x, Tensor) and x._node is not None)
    return found
