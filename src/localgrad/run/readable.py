"""Readable: the loops of a kernel as lines to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from localgrad.run.kernel import Kernel

_SIGNS: Final = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "and": "&", "or": "|", "xor": "^",
}  # fmt: skip


def readable(kernel: Kernel, names: Sequence[str] = (), outputs: Sequence[str] = ()) -> str:
    """The loops of a kernel as lines to read; inputs and outputs may be given names."""
    index = ", ".join("ijklmnpq"[axis] for axis in range(kernel.rank))
    lines = []
    indent = ""
    for axis in range(kernel.rank):
        lines.append(f"{indent}for {'ijklmnpq'[axis]} in range(extent[{axis}]):")
        indent += "    "
    shown: list[str] = []
    for place, operation in enumerate(kernel.operations):
        given = [shown[each] for each in operation.arguments]
        if operation.name == "constant":
            shown.append(repr(operation.value))
            continue
        if operation.name == "load":
            number = operation.value
            label = names[number] if number < len(names) else f"in{number}"
            what = f"{label}[{index}]"
            if kernel.loads[number].stride == "0":
                what += "  # the same along the innermost axis"
        elif operation.name in _SIGNS:
            what = f"{given[0]} {_SIGNS[operation.name]} {given[1]}"
        elif operation.name == "negative":
            what = f"-{given[0]}"
        elif operation.name == "not":
            what = f"~{given[0]}"
        elif operation.name == "cast":
            what = f"{operation.dtype.name}({given[0]})"
        else:
            what = f"{operation.name}({', '.join(given)})"
        shown.append(f"t{place}")
        lines.append(f"{indent}t{place} = {what}")
    for number, (value, _) in enumerate(kernel.stores):
        label = outputs[number] if number < len(outputs) else f"out{number}"
        lines.append(f"{indent}{label}[{index}] = {shown[value]}")
    for number, total in enumerate(kernel.totals):
        place = number + len(kernel.stores)
        label = outputs[place] if place < len(outputs) else f"sum{number}"
        over = "  # divided by the number of entries at the end" if total.mean else ""
        lines.append(f"{indent}{label}[...] += {shown[total.value]}{over}")
    return "\n".join(lines)
