"""Attending: attention without a mask as products, a choice and a softmax, which a plan has fast steps for."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.attention import scale_of
from localgrad.nodes.branching import Where
from localgrad.nodes.linear import MatMul
from localgrad.nodes.shaping import swap_last
from localgrad.nodes.softmax import Softmax
from localgrad.transform.rewrite import Rewrite


def open_attention(graph: Graph) -> Graph:
    """The equal graph in which attention without a mask, of known extents, is the nodes it is made of.

    What keys a causal query sees is a constant: `expand` would have it computed at each run.

    >>> import localgrad as lg
    >>> x = lg.spec(2, 3, 4)
    >>> graph = lg.capture(lambda x: lg.scaled_dot_product_attention(x, x, x, causal=True), x)
    >>> [node.kind.name for node in open_attention(graph).nodes]
    ['Transpose', 'MatMul', 'Mul', 'Where', 'Softmax', 'MatMul']
    """
    if not any(_opens(node) for node in graph.nodes):
        return graph
    rewrite = Rewrite(graph)
    seen: dict[tuple[int, int], Leaf] = {}
    for node in graph.nodes:
        if not _opens(node):
            rewrite.copy(node)
            continue
        made = rewrite.record(node, partial(_opened, node, rewrite.inputs(node), seen), scope=node.name)
        for old, new in zip(node._outputs, made, strict=True):
            if new._name is None:
                new._name = old._name
        rewrite.stand_in(node, made)
    return rewrite.finish()


def _opens(node: Node) -> bool:
    given = {"Attention": 3, "AttentionWeights": 2}.get(node.kind.name)
    if given is None or any(x is not None for x in node._inputs[given:]):
        return False
    tensors = [*node._inputs[:given], *node._outputs]
    return all(isinstance(x, Tensor) and is_static(x.shape) and 0 not in x.shape for x in tensors)


def _opened(node: Node, inputs: tuple[Any, ...], seen: dict[tuple[int, int], Leaf]) -> tuple[Any, ...]:
    kind: Any = node.kind
    q, k = inputs[:2]
    scores = MatMul.on(q, swap_last(k)) * scale_of(kind.scale, q)
    if kind.causal:
        queries, keys = scores.shape[-2:]
        if (queries, keys) not in seen:
            seen[queries, keys] = Leaf(np.tri(queries, keys, dtype=bool), "constant", None, False)
        scores = Where.on(seen[queries, keys], scores, -float("inf"))
    weights = Softmax.on(scores, axis=-1)
    return (weights,) if kind.name == "AttentionWeights" else (MatMul.on(weights, inputs[2]), weights)
