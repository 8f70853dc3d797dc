"""Operators that a file defines itself: their nodes take the place of each use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from localgrad.exchange.onnx_model import Function, Model, Operation, Reference, Section
from localgrad.graph.errors import ImportModelError

LARGEST = 100_000
"""Nodes of a model after its functions are opened."""


def inlined(section: Section, model: Model) -> Section:
    """The graph with the nodes of functions in place of each use; raises ImportModelError for functions without an end."""
    found: list[Operation] = []
    stack: list[tuple[Operation, int]] = [(each, 0) for each in reversed(section.operations)]
    number = 0
    while stack:
        operation, depth = stack.pop()
        function = model.functions.get((operation.domain, operation.operator))
        if function is None:
            found.append(_bodies(operation, lambda body: inlined(body, model)))
            continue
        number += 1
        if depth > 30 or len(stack) + len(found) > LARGEST:
            raise ImportModelError(
                f"an ONNX model was to be made a graph\nfound: its function {operation.operator} has no end, or more than "
                f"{LARGEST} nodes\ndo: fetch or export the file again"
            )
        stack.extend((each, depth + 1) for each in reversed(_opened(function, operation, number)))
    return replace(section, operations=found)


def _bodies(operation: Operation, change: Callable[[Section], Section]) -> Operation:
    """The node with the graphs it holds changed."""
    if not any(isinstance(value, Section) for value in operation.attributes.values()):
        return operation
    changed = {n: change(value) if isinstance(value, Section) else value for n, value in operation.attributes.items()}
    return replace(operation, attributes=changed)


def _opened(function: Function, use: Operation, number: int) -> list[Operation]:
    names = dict(zip(function.inputs, use.inputs, strict=False))
    names.update((name, "") for name in function.inputs[len(use.inputs) :])
    names.update((a, b) for a, b in zip(function.outputs, use.outputs, strict=False) if b)
    prefix = f"{use.name or function.name}#{number}"

    def called(name: str) -> str:
        return names.setdefault(name, f"{prefix}/{name}" if name else "")

    def copied(each: Operation) -> Operation:
        attributes = {}
        for name, value in each.attributes.items():
            if isinstance(value, Reference):
                value = use.attributes.get(value.name, function.defaults.get(value.name))
                if value is None:
                    continue
            attributes[name] = value
        made = replace(
            each,
            inputs=tuple(map(called, each.inputs)),
            outputs=tuple(map(called, each.outputs)),
            attributes=attributes,
            name=f"{prefix}/{each.name}" if each.name else "",
            version=each.version or function.opsets.get(each.domain),
        )
        return _bodies(made, renamed)

    def renamed(body: Section) -> Section:
        return replace(
            body,
            inputs=[replace(each, name=called(each.name)) for each in body.inputs],
            outputs=[replace(each, name=called(each.name)) for each in body.outputs],
            operations=[copied(each) for each in body.operations],
            initializers={called(name): array for name, array in body.initializers.items()},
            known={},
        )

    return [copied(each) for each in function.operations]
