"""About how many operations on floats a node takes, forward and backward: the backward's are counted on its rule."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from localgrad.graph.capturing import body_graph
from localgrad.graph.kind import Composition, Kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise
from localgrad.show.products import _Number, _pulled

_MOVING = frozenset({"structure", "shaping", "indexing", "joining", "creation"})
_SUMMING = frozenset({"SumTo", "SumEach", "Untile", "ScatterAdd", "IndexAdd", "AddAlongAxis", "Unpad"})
_OPERATION = re.compile(r"\*\*|[-+*/%<>]=?|==|!=|[a-z_0-9]+(?=\()|[&|~]")


def operations(kind: Kind, inputs: Sequence[Any], outputs: Sequence[Spec]) -> int | None:
    """Operations of the forward: a product and a sum are two, a function is one; None where it is not known.

    `inputs` are specs, numbers, or None where an optional input is missing; extents are numbers.

    >>> import localgrad as lg
    >>> from localgrad.nodes.linear import MatMul
    >>> operations(MatMul(), [lg.spec(2, 3), lg.spec(3, 5)], [lg.spec(2, 5)])
    60
    """
    try:
        return _counted(kind, tuple(inputs), tuple(outputs))
    except TypeError:  # a field that cannot be hashed
        return None


def backward_operations(kind: Kind, inputs: Sequence[Any], outputs: Sequence[Spec]) -> int | None:
    """Operations of the rule for all float inputs, counted on the nodes it records for symbols."""
    if not kind.differentiable:
        return 0
    known = tuple(x if isinstance(x, Spec) else _Number(x) for x in inputs)
    try:
        return _rule_counted(kind, known, tuple(outputs))
    except TypeError:  # a field that cannot be hashed
        return None


@lru_cache(maxsize=1024)
def _rule_counted(kind: Kind, inputs: tuple[Any, ...], outputs: tuple[Spec, ...]) -> int | None:
    found = _pulled(kind, inputs, outputs, tuple(spec.dtype.kind == "f" for spec in outputs))
    total = 0
    seen: set[int] = set()
    waiting = [whole for _, _, whole in found if isinstance(whole, Tensor)]
    while waiting:
        node = waiting.pop()._node
        if node is None or node.order in seen:
            continue
        seen.add(node.order)
        made = node.outputs
        if any(tensor is None for tensor in made):
            return None
        specs = [x.spec if isinstance(x, Tensor) else x for x in node._inputs]
        part = operations(node.kind, specs, [tensor.spec for tensor in made if tensor is not None])
        if part is None:
            return None
        total += part
        waiting.extend(x for x in node._inputs if isinstance(x, Tensor))
    return total if found else None


@lru_cache(maxsize=1024)
def _counted(kind: Kind, inputs: tuple[Any, ...], outputs: tuple[Spec, ...]) -> int | None:
    shapes = [spec.shape for spec in inputs if isinstance(spec, Spec)]
    made = int(math.prod(outputs[0].shape)) if outputs else 0
    read = max((int(math.prod(shape)) for shape in shapes), default=0)
    name = kind.name
    if name == "MatMul":
        return 2 * made * int(shapes[0][-1])
    if name == "Conv":
        return 2 * made * int(math.prod(shapes[1][1:]))
    if name == "ConvTranspose":
        return 2 * int(math.prod(shapes[0])) * int(math.prod(shapes[1][1:]))
    if name == "ConvWeightGradient":
        return 2 * int(math.prod(shapes[1])) * int(math.prod(outputs[0].shape[1:]))
    if name == "Einsum":
        return _contracted(str(kind.field_values()["equation"]), shapes)
    if isinstance(kind, Elementwise):
        written = next((str(vars(cls)["expression"]) for cls in type(kind).__mro__ if vars(cls).get("expression")), "")
        return made * max(1, len(_OPERATION.findall(written)))
    if name in _SUMMING:
        return max(read, made)
    if kind.family in _MOVING:
        return 0
    if isinstance(kind, Composition):
        return _inside(kind, inputs)
    if kind.family in ("reduction", "pooling", "comparison", "rounding"):
        return read
    return None


def _contracted(equation: str, shapes: Sequence[Any]) -> int | None:
    labels = equation.replace(" ", "").split("->")[0].split(",")
    if "." in equation or len(labels) != len(shapes):
        return None
    extents = {label: extent for each, shape in zip(labels, shapes, strict=True) for label, extent in zip(each, shape)}
    return max(1, len(shapes)) * int(math.prod(extents.values()))


def _inside(kind: Composition, inputs: Sequence[Any]) -> int | None:
    try:
        graph, _ = body_graph(kind.body, inputs)
    except Exception:  # a body that wants values
        return None
    total = 0
    for node in graph.nodes:
        specs = [x.spec if isinstance(x, Tensor) else x for x in node._inputs]
        part = operations(node.kind, specs, [tensor.spec for tensor in node._outputs])
        if part is None:
            return None
        total += part
    return total
