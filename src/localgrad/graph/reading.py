"""Readings: tensors with a gradient that were turned into plain NumPy or Python values, where a gradient's path may end."""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from localgrad.graph.node import ORDER
from localgrad.graph.source import SourceLine, line_of, user_frame

if TYPE_CHECKING:
    from localgrad.graph.tensor import Tensor

NEAREST: Final = 16
"""How many nodes back a reading looks for the leaves behind it: a message names one, and reading has to stay cheap."""


class Reading:
    """One reading; it keeps neither the tensor nor its graph alive, so it notes what a message may need of them."""

    __slots__ = ("_at", "_code", "_function", "_leaves", "_line", "_made", "_tensor", "how", "moment", "print")

    def __init__(self, tensor: Tensor, how: str, code: Any, line: int) -> None:
        self._tensor = weakref.ref(tensor)
        self.how = how
        """What the user wrote, such as `float(...)`."""
        self.moment = next(ORDER)
        """When, on the clock of nodes and backward passes."""
        self._code = code
        self._line = line
        self._function = code.co_name
        self.print = fingerprint(tensor._value)
        """What tells the value from others."""
        node = tensor._node
        self._made = None if node is None else (node.kind.name, node._code, node._at)
        self._leaves = [weakref.ref(leaf) for leaf in _nearest_leaves(tensor)]

    @property
    def place(self) -> SourceLine:
        """The user's line."""
        return SourceLine(self._code.co_filename, self._line, self._function)

    @property
    def tensor(self) -> Tensor | None:
        """The tensor, where something still refers to it."""
        return self._tensor()

    def leaves(self) -> list[Tensor]:
        """The leaves with a gradient it was computed from: all where it still lives, else the nearest."""
        tensor = self._tensor()
        if tensor is None or tensor._node is None:
            return [leaf for each in self._leaves if (leaf := each()) is not None]
        from localgrad.graph.history import History

        return [leaf for leaf in History.of([tensor]).leaves if leaf.requires_grad]

    def what(self) -> str:
        """The tensor for messages: its name, or the node that made it where it is gone."""
        tensor = self._tensor()
        if tensor is not None:
            return f"`{tensor.name}`"
        if self._made is None:
            return "a tensor"
        kind, code, at = self._made
        source = line_of(code, at)
        return f"what {kind} made" + (f" at {source}" if source is not None and source != self.place else "")

    def __str__(self) -> str:
        text = self.place.text
        return f"turned into plain NumPy at {self.place} (`{self.how}`)" + (f" in `{text}`" if text else "")


READINGS: Final[deque[Reading]] = deque(maxlen=64)
"""The last readings, oldest first."""


def remember_reading(tensor: Tensor, how: str) -> None:
    """Note that a tensor with a gradient is turned into plain NumPy or Python by the user's line."""
    frame = user_frame(2)
    if frame is not None:
        READINGS.append(Reading(tensor, how, frame.f_code, frame.f_lineno))


def _nearest_leaves(tensor: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    waiting: list[Any] = [tensor]
    for x in waiting:
        node = getattr(x, "_node", None)
        if node is not None:
            if len(waiting) < NEAREST:
                waiting.extend(node._inputs)
        elif getattr(x, "requires_grad", False):
            found.append(x)
    return found


def fingerprint(value: Any) -> tuple[int, float, float, float] | None:
    """What tells a value from others: its size and three of its entries; None where they would not (0, 1, all equal)."""
    if value.__class__ is float:
        return None if value == round(value, 1) else (1, value, value, value)
    size = value.size
    if value.dtype.kind != "f" or not size:
        return None
    first, middle, last = value.item(0), value.item(size // 2), value.item(size - 1)
    if first == middle == last and (size > 1 or first == round(first, 1)):
        return None
    return size, first, middle, last


def same_print(a: tuple[float, ...] | None, b: tuple[float, ...] | None) -> bool:
    """Whether two fingerprints are of one value, up to the rounding of float32."""
    return a is not None and b is not None and all(math.isclose(x, y, rel_tol=1e-6) for x, y in zip(a, b, strict=True))
