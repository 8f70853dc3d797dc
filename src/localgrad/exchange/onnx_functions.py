"""Operators that a file defines itself: their nodes take the place of each use."""

from __future__ import annotations

from dataclasses import replace

from localgrad.exchange.onnx_model import Function, Model, Operation, Reference
from localgrad.graph.errors import ImportModelError

LARGEST = 100_000
"""Nodes of a model after its functions are opened."""


def inlined(operations: list[Operation], model: Model) -> list[Operation]:
    """The nodes with those of functions in place of each use; raises ImportModelError for functions without an end."""
    if not model.functions:
        return operations
    found: list[Operation] = []
    stack: list[tuple[Operation, int]] = [(each, 0) for each in reversed(operations)]
    number = 0
    while stack:
        operation, depth = stack.pop()
        function = model.functions.get((operation.domain, operation.operator))
        if function is None:
            found.append(operation)
            continue
        number += 1
        if depth > 30 or len(stack) + len(found) > LARGEST:
            raise ImportModelError(
                f"an ONNX model was to be made a graph\nfound: its function {operation.operator} has no end, or more than "
                f"{LARGEST} nodes\ndo: fetch or export the file again"
            )
        stack.extend((each, depth + 1) for each in reversed(_opened(function, operation, number)))
    return found


def _opened(function: Function, use: Operation, number: int) -> list[Operation]:
    names = dict(zip(function.inputs, use.inputs, strict=False))
    names.update((name, "") for name in function.inputs[len(use.inputs) :])
    names.update((a, b) for a, b in zip(function.outputs, use.outputs, strict=False) if b)
    prefix = f"{use.name or function.name}#{number}"

    def called(name: str) -> str:
        return names.setdefault(name, f"{prefix}/{name}" if name else "")

    made = []
    for each in function.operations:
        attributes = {}
        for name, value in each.attributes.items():
            if isinstance(value, Reference):
                value = use.attributes.get(value.name, function.defaults.get(value.name))
                if value is None:
                    continue
            attributes[name] = value
        made.append(
            replace(
                each,
                inputs=tuple(map(called, each.inputs)),
                outputs=tuple(map(called, each.outputs)),
                attributes=attributes,
                name=f"{prefix}/{each.name}" if each.name else "",
            )
        )
    return made
