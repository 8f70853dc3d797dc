"""Algebra: nodes that change nothing taken out, where the result is the same to the last bit, NaN and -0 included."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.spec import is_static, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.shaping import Reshape, Transpose
from localgrad.nodes.structure import Cast
from localgrad.transform.rewrite import Rewrite


def simplify_algebra(graph: Graph) -> Graph:
    """The equal graph without x * 1, x / 1, x - 0, --x, casts and reshapes that do nothing, and transposes undone.

    Sums with 0 stay (-0 + 0 is 0), products with 0 stay (NaN). Outputs keep their nodes. The graph itself where there is
    nothing of the kind.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.tanh(-(-(x * 1)).T.T), lg.spec(2, 3))
    >>> [node.kind.name for node in simplify_algebra(graph).simplify().nodes]
    ['Tanh']
    """
    kept = {id(tensor) for tensor in (*graph.outputs, *graph.updates.values())}
    if not any(
        (len(node._outputs) == 1 and id(node._outputs[0]) not in kept and _same(node, node._inputs) is not None)
        or _shortened(node, node._inputs) is not node._inputs
        for node in graph.nodes
    ):
        return graph
    rewrite = Rewrite(graph)
    for node in graph.nodes:
        inputs = rewrite.inputs(node)
        if len(node._outputs) == 1 and id(node._outputs[0]) not in kept:
            same = _same(node, inputs)
            if same is not None:
                rewrite.stand_in(node, (same,))
                continue
        rewrite.copy(node, _shortened(node, inputs))
    return rewrite.finish()


def _is(x: Any, number: float) -> bool:
    """Whether an input is this number wherever it is read."""
    if x.__class__ in (int, float):
        return bool(x == number)
    return (
        isinstance(x, Leaf)
        and x.role == "constant"
        and x._node is None
        and x.size > 0
        and bool(np.all(x._value == number))
    )


def _is_plain_zero(x: Any) -> bool:
    return _is(x, 0) and not np.any(np.signbit(x._value if isinstance(x, Leaf) else x))


def _as(x: Any, output: Tensor) -> Tensor | None:
    """The input, if it can stand for the output."""
    if isinstance(x, Tensor) and x.dtype == output.dtype and same_shape(x.shape, output.shape):
        return x
    return None


def _same(node: Node, inputs: tuple[Any, ...]) -> Tensor | None:
    """The tensor that has the value of a node already; None where none is known to."""
    name, output = node.kind.name, node._outputs[0]
    if name in ("Identity", "StopGradient", "Cast", "Reshape", "Repeat", "SumTo", "Squeeze", "Unsqueeze"):
        found = _as(inputs[0], output)
        if found is None and name == "Cast":
            return _cast_back(inputs[0], output)
        return found
    if name == "Transpose":
        return _turned_back(node, inputs[0], output)
    if name == "Mul":
        for one, other in ((0, 1), (1, 0)):
            if _is(inputs[one], 1):
                return _as(inputs[other], output)
    if name == "Chain" and _is(inputs[1], 1):
        return _as(inputs[0], output)
    if name == "Chain" and _is(inputs[0], 1):
        return _as(inputs[1], output)
    if name in ("Div", "Pow") and _is(inputs[1], 1):
        return _as(inputs[0], output)
    if name == "Sub" and _is_plain_zero(inputs[1]):
        return _as(inputs[0], output)
    if name == "Neg":
        maker = inputs[0]._node
        if maker is not None and maker.kind.name == "Neg":
            return _as(maker._inputs[0], output)
    return None


def _cast_back(x: Any, output: Tensor) -> Tensor | None:
    """X itself, where it was cast to a dtype that holds all of its values, and is now cast back."""
    maker = x._node
    if maker is None or not isinstance(maker.kind, Cast):
        return None
    first = maker._inputs[0]
    if isinstance(first, Tensor) and np.can_cast(first.dtype, x.dtype, "safe"):
        if first.dtype.kind in "iu" and x.dtype.kind == "f":
            return None  # 64-bit integers count as safe though they are rounded
        return _as(first, output)
    return None


def _turned_back(node: Node, x: Any, output: Tensor) -> Tensor | None:
    order = _order(node, output.ndim)
    if order == tuple(range(output.ndim)):
        return _as(x, output)
    maker = x._node
    if maker is not None and isinstance(maker.kind, Transpose):
        inner = _order(maker, output.ndim)
        if tuple(inner[place] for place in order) == tuple(range(output.ndim)):
            return _as(maker._inputs[0], output)
    return None


def _order(node: Node, rank: int) -> tuple[int, ...]:
    axes = node.kind.axes  # type: ignore[attr-defined]
    return tuple(range(rank))[::-1] if axes is None else tuple(axis % rank for axis in axes)


def _shortened(node: Node, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs, without reshapes that another reshape undoes."""
    if isinstance(node.kind, Reshape) and len(inputs) == 1:
        maker = inputs[0]._node
        while maker is not None and maker.kind.name in ("Reshape", "Squeeze", "Unsqueeze"):
            before = maker._inputs[0]
            if not is_static(before.shape) or not is_static(inputs[0].shape):
                break
            inputs = (before,)
            maker = before._node
    return inputs
