"""Folding: nodes that depend on constants alone, computed once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.transform.rewrite import Rewrite

LARGEST: Final = 1 << 16
"""Bytes up to which a result is kept; a larger one is cheaper to compute than to carry about."""


def fold(graph: Graph) -> Graph:
    """The equal graph in which small results of constants are constants; outputs stay nodes; itself where there are none.

    Parameters, states and tensors of the user's own are no constants: they are read at each run.

    >>> import localgrad as lg, numpy as np
    >>> graph = lg.capture(lambda x: x * lg.exp(lg.identity(np.float32([0.0, 1.0]))), lg.spec(2))
    >>> [node.kind.name for node in fold(graph).nodes]
    ['Mul']
    """
    kept = {id(tensor) for tensor in (*graph.outputs, *graph.updates.values())}
    if not any(
        _constant(node, node._inputs) and not any(id(tensor) in kept for tensor in node._outputs)
        for node in graph.nodes
    ):
        return graph
    rewrite = Rewrite(graph)
    for node in graph.nodes:
        inputs = rewrite.inputs(node)
        if any(id(tensor) in kept for tensor in node._outputs) or not _constant(node, inputs):
            rewrite.copy(node, inputs)
            continue
        values = _computed(node, inputs)
        if values is None:
            rewrite.copy(node, inputs)
            continue
        made = []
        for value, old in zip(values, node._outputs, strict=True):
            leaf = Leaf(np.array(value), "constant", None, False)
            made.append(rewrite.recorder.adopt(leaf))
            del old
        rewrite.stand_in(node, made)
    return rewrite.finish()


def _constant(node: Node, inputs: tuple[Any, ...]) -> bool:
    if not node.kind.pure or node.kind.is_symbolic() or not any(isinstance(x, Tensor) for x in inputs):
        return False
    if any(isinstance(x, Tensor) and not (isinstance(x, Leaf) and x.role == "constant") for x in inputs):
        return False
    size = 0
    for tensor in node._outputs:
        if not is_static(tensor.shape):
            return False
        size += int(np.prod(tensor.shape, dtype=np.int64)) * tensor.dtype.itemsize
    return size <= LARGEST


def _computed(node: Node, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    values = [x._value if isinstance(x, Tensor) else x for x in inputs]
    token = WARNINGS.set(QUIET)
    try:
        if node.kind.checked:
            node.kind.check(*values)
        result = node.kind.forward(*values)
    except (LocalgradError, ValueError, TypeError, ArithmeticError):
        return None  # what is wrong shows when the graph runs
    finally:
        WARNINGS.reset(token)
    found = result if result.__class__ is tuple else (result,)
    fits = all(
        np.shape(value) == tensor.shape and np.asarray(value).dtype == tensor.dtype
        for value, tensor in zip(found, node._outputs, strict=True)
    )
    return found if fits else None
