"""The order in which the nodes of a file are read, and the values of those that are constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange.onnx_model import Operation, Section
from localgrad.graph.errors import ImportModelError


def constant(operation: Operation, refused: Any) -> NDArray[Any]:
    """The value of a Constant node."""
    given = {name: value for name, value in operation.attributes.items() if value is not None}
    for name, dtype in (("value", None), ("sparse_value", None), ("value_float", np.float32), ("value_int", np.int64),
                        ("value_floats", np.float32), ("value_ints", np.int64)):  # fmt: skip
        if name in given:
            return np.asarray(given[name], dtype)
    raise refused(str(operation), f"a constant without numbers, only {sorted(given) or 'nothing'}")


def reads(operation: Operation) -> set[str]:
    """The values a node reads, those that graphs it holds read from around them among them."""
    found = set(operation.inputs)
    for body in operation.attributes.values():
        if isinstance(body, Section):
            inner = {name for each in body.operations for name in reads(each)} | {each.name for each in body.outputs}
            made = {name for each in body.operations for name in each.outputs} | {each.name for each in body.inputs}
            found |= inner - made - set(body.initializers)
    return found - {""}


def in_order(operations: list[Operation], given: set[str]) -> list[Operation]:
    """The nodes such that each stands after those it reads; raises ImportModelError for cycles and missing values."""
    ready = set(given)
    made = {name for each in operations for name in each.outputs}
    read = [reads(each) for each in operations]
    for each, names in zip(operations, read, strict=True):
        for name in sorted(names):
            if name not in ready and name not in made:
                raise ImportModelError(
                    f"an ONNX model was to be made a graph, at {each}\nfound: nothing makes its input `{name}`\n"
                    "do: fetch or export the file again"
                )
    found: list[Operation] = []
    waiting: dict[str, list[int]] = {}
    missing = []
    for number in range(len(operations)):
        needed = {name for name in read[number] if name not in ready}
        missing.append(len(needed))
        for name in needed:
            waiting.setdefault(name, []).append(number)
    queue = [number for number in range(len(operations)) if not missing[number]]
    queue.reverse()
    while queue:
        number = queue.pop()
        found.append(operations[number])
        woken = []
        for name in set(operations[number].outputs):
            for other in waiting.pop(name, ()):
                missing[other] -= 1
                if not missing[other]:
                    woken.append(other)
        queue.extend(sorted(woken, reverse=True))
    if len(found) < len(operations):
        raise ImportModelError(
            "an ONNX model was to be made a graph\nfound: nodes that read one another in a circle\n"
            "do: fetch or export the file again"
        )
    return found
