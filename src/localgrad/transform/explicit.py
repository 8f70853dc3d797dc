"""Explicit: broadcasts become Repeat nodes and fan-outs Branch nodes."""

from __future__ import annotations

from typing import Any

from localgrad.graph.context import using
from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.spec import same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.shaping import Repeat
from localgrad.nodes.structure import Branch
from localgrad.transform.rewrite import Rewrite, consumers


def explicit(graph: Graph) -> Graph:
    """The equal graph in which each broadcast of an elementwise kind is a Repeat and each fan-out a Branch.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x, b: (x + b) * x, lg.spec("N", 3), lg.spec(3))
    >>> [node.kind.name for node in graph.explicit().nodes]
    ['Branch', 'Repeat', 'Add', 'Mul']
    """
    rewrite = Rewrite(graph)
    readers = consumers(graph)
    waiting: dict[int, list[Any]] = {}

    def split(tensor: Tensor, new: Tensor) -> None:
        uses = readers.get(id(tensor), [])
        if len(uses) > 1 and not (tensor._node is not None and isinstance(tensor._node.kind, Branch)):
            scope = tensor._node.scope if tensor._node is not None else _shared_scope([node for node, _ in uses])
            site: Any = (tensor._node._code, tensor._node._at) if tensor._node is not None else (None, 0)
            with using(recorder=rewrite.recorder, scope=scope, site=site, tagger=None, enabled=True, watchers=()):
                waiting[id(tensor)] = list(Branch.on(new, n=len(uses)))[::-1]

    given = {id(tensor) for tensor in graph.inputs}
    leaves_split: set[int] = set()
    for tensor in graph.inputs:
        split(tensor, rewrite.of(tensor))
    for node in graph.nodes:
        inputs = []
        for x in node._inputs:
            if not isinstance(x, Tensor):
                inputs.append(x)
                continue
            if x._node is None and id(x) not in leaves_split and id(x) not in given:
                leaves_split.add(id(x))
                split(x, rewrite.of(x))
            inputs.append(waiting[id(x)].pop() if id(x) in waiting else rewrite.of(x))
        if node.kind.broadcasts:
            target = tuple(node._outputs[0].shape)
            for index, x in enumerate(inputs):
                if isinstance(x, Tensor) and not same_shape(x.shape, target):
                    (inputs[index],) = rewrite.record(node, lambda x=x, to=target: Repeat.on(x, shape_to=to))
        made = rewrite.copy(node, tuple(inputs))
        for old, new in zip(node._outputs, made, strict=True):
            split(old, new)
    return rewrite.finish()


def _shared_scope(nodes: list[Node]) -> str:
    """The longest layer path that all nodes lie in."""
    shared = nodes[0].scope.split("/")
    for node in nodes[1:]:
        path = node.scope.split("/")
        length = 0
        while length < min(len(shared), len(path)) and shared[length] == path[length]:
            length += 1
        shared = shared[:length]
    return "/".join(shared)
