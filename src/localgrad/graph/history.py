"""History: the nodes a tensor was computed from while computing eagerly, and that history as a Graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from localgrad.graph.naming import Namer
from localgrad.graph.node import Node, before
from localgrad.graph.tensor import Leaf, Tensor

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph


class History:
    """The nodes behind some tensors in the order they were recorded, with the tensors between them."""

    def __init__(self, nodes: list[Node], outputs: dict[int, list[Tensor | None]], leaves: list[Tensor]) -> None:
        self.nodes = nodes
        self.outputs = outputs
        """The outputs of each node, by its order."""
        self.leaves = leaves
        self._names: dict[int, str] | None = None

    @staticmethod
    def of(tensors: Sequence[Tensor]) -> History:
        """Everything these tensors were computed from."""
        nodes: dict[int, Node] = {}
        outputs: dict[int, list[Tensor | None]] = {}
        leaves: dict[int, Tensor] = {}
        stack = list(tensors)
        while stack:
            tensor = stack.pop()
            node = tensor._node
            if node is None:
                leaves[id(tensor)] = tensor
                continue
            order = node.order
            known = outputs.get(order)
            if known is None:
                nodes[order] = node
                known = outputs[order] = [None] * node.kind.output_count()
                stack.extend(before(x, order) for x in node._inputs if isinstance(x, Tensor))
            known[tensor._index] = tensor
        ordered = [nodes[order] for order in sorted(nodes)]
        used: dict[int, Tensor] = {}
        for node in ordered:
            for x in node.inputs:
                if isinstance(x, Tensor) and x._node is None:
                    used.setdefault(id(x), x)
        for key, leaf in leaves.items():
            used.setdefault(key, leaf)
        return History(ordered, outputs, list(used.values()))

    def names(self) -> dict[int, str]:
        """The name of each tensor by its id."""
        if self._names is None:
            namer = Namer()
            namer.reserve(())
            for leaf in self.leaves:
                namer.name_leaf(leaf)
            for node in self.nodes:
                namer.name_outputs(node, self.outputs[node.order])
            self._names = namer.names
        return self._names


def graph_of(tensors: Sequence[Tensor]) -> Graph:
    """The history of tensors as a Graph, which comes with the record of that run."""
    from localgrad.graph.capturing import Recorder
    from localgrad.graph.record import Record

    history = History.of(tensors)
    recorder = Recorder()
    image: dict[int, Tensor] = {}
    inputs: list[tuple[str | None, Tensor]] = []
    for leaf in history.leaves:
        role = leaf.role if isinstance(leaf, Leaf) else "constant"
        if role == "input" or leaf.is_symbolic:
            image[id(leaf)] = copy = Tensor(leaf.spec, None, leaf.requires_grad)
            copy._name = leaf._name
            inputs.append((leaf._name, copy))
            recorder.add_input(copy)
        else:
            image[id(leaf)] = recorder.adopt(leaf)
    for node in history.nodes:
        mapped = tuple(image[id(x)] if isinstance(x, Tensor) else x for x in node.inputs)
        made = recorder.copy_node(node, mapped, history.outputs[node.order])
        for old, new in zip(history.outputs[node.order], made, strict=True):
            if old is not None:
                image[id(old)] = new
    graph = recorder.finish([image[id(tensor)] for tensor in tensors])
    eager: dict[str, Tensor] = {}
    everything: list[Any] = [*history.leaves, *(t for node in history.nodes for t in history.outputs[node.order])]
    for tensor in everything:
        if tensor is not None:
            name = graph.name_of(image[id(tensor)])
            eager[name] = tensor
    graph.keep_record(Record(graph, eager))
    return graph
