"""Simplify: dead nodes dropped, and what bodies stack for nobody; equal nodes merged; impure kinds are left alone."""

from __future__ import annotations

from functools import partial
from typing import Any

from localgrad.graph.graph import Graph
from localgrad.graph.tensor import Tensor
from localgrad.nodes.structure import Identity
from localgrad.transform.iteration import Iterated
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
    read = outputs | {id(t) for t in graph.updates.values()}
    read |= {id(x) for node in graph.nodes if node.order in live or not node.kind.pure for x in node._inputs}
    for node in graph.nodes:
        if node.order not in live and node.kind.pure:
            continue
        inputs = rewrite.inputs(node)
        if isinstance(node.kind, Iterated):
            kind, kept = node.kind.only([id(t) in read for t in node._outputs])
            if kind is not node.kind:
                made = rewrite.record(node, partial(kind, *inputs))
                for place, new in zip(kept, made, strict=True):
                    old = node._outputs[place]
                    new._name, new.requires_grad = old._name, old.requires_grad
                    rewrite.image[id(old)] = new
                rewrite.node_image[node.order] = made[0]._node
                continue
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
