"""Names of tensors: the user's, else `scope/kind#k`, unique in a graph and equal from run to run."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from localgrad.graph.errors import NameLookupError
from localgrad.graph.registry import nearest

if TYPE_CHECKING:
    from localgrad.graph.node import Node
    from localgrad.graph.tensor import Tensor


class Namer:
    """Gives each tensor of one graph its name."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.repeated: list[str] = []
        self._taken: set[str] = set()
        self._reserved: set[str] = set()
        self._count: dict[str, int] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names from being given to unnamed tensors."""
        self._reserved.update(names)

    def name_leaf(self, leaf: Tensor, given: str | None = None) -> str:
        """Name an input, parameter, state or constant."""
        return self._give(leaf, given or leaf._name, getattr(leaf, "role", "input"))

    def name_outputs(self, node: Node, outputs: Sequence[Tensor | None]) -> None:
        """Name the outputs of a node; None stands for one that is gone."""
        base = f"{node.scope}/{node.kind.operation}" if node.scope else node.kind.operation
        if len(outputs) == 1:
            (tensor,) = outputs
            if tensor is not None:
                self._give(tensor, tensor._name, base)
            return
        numbered = self._numbered(base, len(outputs))
        for index, tensor in enumerate(outputs):
            if tensor is not None:
                name = f"{numbered}:{index}"
                self._give(tensor, tensor._name or name, base)

    def _numbered(self, base: str, outputs: int = 1) -> str:
        while True:
            number = self._count.get(base, 0) + 1
            self._count[base] = number
            name = f"{base}#{number}"
            # a node of several outputs is known by its first; a graph may have others of its outputs as inputs
            if not any(
                each in self._taken or each in self._reserved
                for each in (name, *(f"{name}:{index}" for index in range(outputs)))
            ):
                return name

    def _give(self, tensor: Tensor, wanted: str | None, base: str) -> str:
        if wanted is None:
            name = self._numbered(base)
        elif wanted in self._taken:
            number = 2
            while f"{wanted}#{number}" in self._taken:
                number += 1
            name = f"{wanted}#{number}"
            self.repeated.append(wanted)
        else:
            name = wanted
        self._taken.add(name)
        self.names[id(tensor)] = name
        return name


def name_in_history(tensor: Tensor) -> str:
    """The name of a tensor in the graph of everything it was computed from."""
    from localgrad.graph.history import History

    if tensor._node is None:
        return getattr(tensor, "role", "tensor")
    return History.of([tensor]).names()[id(tensor)]


def matching(patterns: Iterable[str], known: Iterable[str], what: str = "tensor") -> list[str]:
    """The known names that are equal to, or match, a pattern (`*` and `?` only), in order; an exact name wins.

    Raises NameLookupError with the nearest names for a pattern that matches nothing.
    """
    names = list(known)
    have = set(names)
    found: dict[str, Any] = {}
    for pattern in patterns:
        if pattern in have:
            found[pattern] = None
            continue
        hits: list[str] = []
        if "*" in pattern or "?" in pattern:
            expression = re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
            hits = [name for name in names if expression.match(name)]
        if not hits:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise NameLookupError(f"no {what} matches {pattern!r}{nearest(pattern, names)}\nfound: {shown}")
        found.update(dict.fromkeys(hits))
    return list(found)
