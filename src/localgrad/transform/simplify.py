"""Simplify: dead nodes dropped, equal nodes merged; impure kinds are left alone."""

from __future__ import annotations

from typing import Any

from localgrad.graph.graph import Graph
from localgrad.graph.tensor import Tensor
from localgrad.nodes.structure import Identity
from localgrad.transform.rewrite import Rewrite, live_nodes


def simplify(graph: Graph) -> Graph:
    """The equal graph without nodes nothing depends on, and with pure nodes of equal kind and inputs merged.

    >>> import localgrad as lg
    >>> def f(x):
    ...     unused = lg.exp(x)
    ...     return lg.tanh(x) + lg.tanh(x)
    >>> [node.kind.name for node in lg.capture(f, lg.spec(2)).simplify().nodes]
    ['Tanh', 'Add']
    """
    live = live_nodes(graph)
    rewrite = Rewrite(graph)
    outputs = {id(t) for t in graph.outputs}
    known: dict[Any, tuple[Tensor, ...]] = {}
    for node in graph.nodes:
        if node.order not in live and node.kind.pure:
            continue
        inputs = rewrite.inputs(node)
        key = (node.kind, tuple(("tensor", id(x)) if isinstance(x, Tensor) else (type(x), x) for x in inputs))
        if node.kind.pure and not any(id(t) in outputs for t in node._outputs):
            if key in known:
                rewrite.stand_in(node, known[key])
                continue
            if isinstance(node.kind, Identity):
                rewrite.stand_in(node, inputs)
                continue
        made = rewrite.copy(node)
        if node.kind.pure:
            known.setdefault(key, made)
    return rewrite.finish()
