"""Expand: compositions replaced by what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from localgrad.graph.graph import Graph
from localgrad.graph.kind import Composition, Kind
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.nodes.structure import Identity
from localgrad.transform.rewrite import Rewrite


def expand(graph: Graph, depth: int | None = None, only: Callable[[Kind], bool] | None = None) -> Graph:
    """The equal graph with compositions replaced by their bodies, `depth` levels deep (None: as far as it goes).

    `only` says which kinds are opened, of those that are compositions.

    The nodes of a body stand in the scope `<scope>/<kind>#k` of the composition; its outputs keep their names.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.softmax(x), lg.spec("N"))
    >>> [node.kind.name for node in graph.nodes], len(graph.expand().nodes) > 1
    (['Softmax'], True)
    """
    level = 0
    while (depth is None or level < depth) and any(_opens(node, only) for node in graph.nodes):
        graph = _expand_once(graph, only)
        level += 1
    return graph


def _opens(node: Node, only: Callable[[Kind], bool] | None) -> bool:
    return isinstance(node.kind, Composition) and (only is None or only(node.kind))


def _expand_once(graph: Graph, only: Callable[[Kind], bool] | None) -> Graph:
    rewrite = Rewrite(graph)
    for node in graph.nodes:
        if not _opens(node, only):
            rewrite.copy(node)
            continue
        inputs = rewrite.inputs(node)
        made = rewrite.record(node, partial(_body, node, inputs), scope=node.name)
        for old, new in zip(node._outputs, made, strict=True):
            if new._name is None:
                new._name = old._name
        rewrite.stand_in(node, made)
    return rewrite.finish()


def _body(node: Node, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    kind = node.kind
    assert isinstance(kind, Composition)
    result = kind.body(*inputs)
    outputs = result if isinstance(result, tuple) else (result,)
    passed_on = {id(x) for x in inputs if isinstance(x, Tensor)}
    # an output that is one of the inputs, or stands twice, needs a node of its own to carry its name
    distinct: list[Any] = []
    for output in outputs:
        if id(output) in passed_on or any(output is other for other in distinct):
            output = Identity.on(output)
        distinct.append(output)
    return tuple(distinct)
