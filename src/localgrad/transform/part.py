"""Part: the piece of a graph that lies between some of its tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localgrad.graph.capturing import Recorder
from localgrad.graph.errors import DetachedError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import named_outputs
from localgrad.graph.node import Node
from localgrad.graph.tensor import Leaf, Tensor


def part(graph: Graph, outputs: str | Tensor | Iterable[Any], inputs: str | Tensor | Iterable[Any] = ()) -> Graph:
    """The graph that computes `outputs`, with the tensors `inputs` given instead of computed; names or patterns.

    What the outputs need besides comes along: nodes, parameters, and inputs of `graph`. Updates of states are left out.
    Raises NameLookupError for a name that matches nothing, DetachedError for an input the outputs do not depend on.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.exp(lg.tanh(x * 2)), lg.spec("N"))
    >>> middle = part(graph, "Tanh#1", inputs="Mul#1")
    >>> [tensor.name for tensor in middle.inputs], [node.name for node in middle.nodes]
    (['Mul#1'], ['Tanh#1'])
    """
    ends = named_outputs(graph, outputs if isinstance(outputs, (str, Tensor)) else list(outputs))
    starts = named_outputs(graph, inputs if isinstance(inputs, (str, Tensor)) else list(inputs))
    needed, reached = _needed(ends, {id(tensor) for tensor in starts})
    idle = [graph.name_of(tensor) for tensor in starts if id(tensor) not in reached]
    if idle:
        raise DetachedError(
            f"the part of graph `{graph.name}` from {', '.join(f'`{name}`' for name in idle)} to "
            f"{', '.join(f'`{graph.name_of(end)}`' for end in ends)} was asked\n"
            "found: no path leads from there to the outputs\ndo: leave these inputs out, or ask for a later output"
        )
    recorder = Recorder()
    image: dict[int, Tensor] = {}
    for tensor in (*starts, *(each for each in graph.inputs if id(each) in reached)):
        if id(tensor) not in image:
            image[id(tensor)] = given = Tensor(tensor.spec, None, tensor.dtype.kind == "f")
            given._name = graph.name_of(tensor)
            recorder.add_input(given)
    for leaf in graph.leaves.values():
        if id(leaf) in reached and id(leaf) not in image:
            image[id(leaf)] = recorder.adopt(leaf)
    for node in graph.nodes:
        if node.order in needed:
            mapped = tuple(image[id(x)] if isinstance(x, Tensor) else x for x in node._inputs)
            for old, new in zip(node._outputs, recorder.copy_node(node, mapped, node._outputs), strict=True):
                image.setdefault(id(old), new)
    return Graph(
        recorder.nodes,
        recorder.inputs,
        [image[id(end)] for end in ends],
        name=f"part of {graph.name}",
        leaf_names={id(leaf): name for name, leaf in graph.leaves.items() if isinstance(leaf, Leaf)},
    )


def _needed(ends: list[Tensor], starts: set[int]) -> tuple[set[int], set[int]]:
    """The orders of the nodes behind `ends` and not behind `starts`, and the tensors met on the way by id."""
    orders: set[int] = set()
    reached: set[int] = set()
    waiting = list(ends)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in reached:
            continue
        reached.add(id(tensor))
        node: Node | None = tensor._node
        if node is not None and id(tensor) not in starts and node.order not in orders:
            orders.add(node.order)
            waiting.extend(x for x in node._inputs if isinstance(x, Tensor))
    return orders, reached
