"""Grouping: which nodes run in one loop: elementwise nodes over one shape, with the sums of what they compute."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor

Role: TypeAlias = Literal["loop", "total", "view", "step"]
"""Part of a loop entry by entry; a sum of a loop's values; no computation at all; a step of its own."""

MOST: Final = 64
"""Nodes of one loop: beyond it values would not stay in registers."""


class Unit:
    """Nodes that run together: a loop over one shape, or a single step."""

    def __init__(self, number: int, space: tuple[int, ...] | None) -> None:
        self.number = number
        self.space = space
        self.nodes: list[Node] = []

    @property
    def fused(self) -> bool:
        """Whether it is a loop."""
        return self.space is not None

    def __repr__(self) -> str:
        return f"<unit of {', '.join(node.kind.name for node in self.nodes)}>"


def group(graph: Graph, role: Callable[[Node], Role]) -> list[Unit]:
    """The nodes of a graph as units in an order in which they can run; views belong to none.

    A node joins the loop of a node it reads, or one that reads the same tensor, where both walk the same shape and
    nothing that has to run between them would be left out. A sum can be read only after its loop.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.sum(lg.exp(x) * 2) + 1, lg.spec(3))
    >>> role = lambda node: "total" if node.kind.name == "Sum" else "loop"
    >>> [[node.kind.name for node in unit.nodes] for unit in group(graph, role)]
    [['Exp', 'Mul', 'Sum'], ['Add']]
    """
    grouping = _Grouping(role)
    for node in graph.nodes:
        grouping.place(node)
    return grouping.ordered()


class _Grouping:
    def __init__(self, role: Callable[[Node], Role]) -> None:
        self.role = role
        self.units: dict[int, Unit] = {}
        self.direct: dict[int, int] = {}  # the units each reads from, as bits of a number
        self.reach: dict[int, int] = {}  # those it depends on in any number of steps
        self.late: dict[int, int] = {}  # those whose loop must be over before
        self.made: dict[int, tuple[int, bool]] = {}  # tensor: its unit, and whether the loop has it at hand
        self.readers: dict[tuple[int, tuple[int, ...]], int] = {}
        self.count = 0
        self.impure = 0

    def place(self, node: Node) -> None:
        """Give a node its unit."""
        role = self.role(node)
        tensors = [x for x in node._inputs if isinstance(x, Tensor)]
        if role == "view":
            sources = [self.made[id(x)] for x in tensors[:1] if id(x) in self.made]
            for output in node._outputs:
                if sources:
                    self.made[id(output)] = (sources[0][0], False)
            return
        found = [(id(x), *self.made[id(x)]) for x in tensors if id(x) in self.made]
        direct = late = 0
        for _, number, at_hand in found:
            direct |= 1 << number
            late |= 0 if at_hand else 1 << number
        space = None
        if role != "step":
            space = tuple(tensors[0].shape) if role == "total" else tuple(node._outputs[0].shape)
        chosen = self._chosen(space, direct, late, tensors) if space is not None else None
        number = self._new(space) if chosen is None else chosen
        self.units[number].nodes.append(node)
        others = direct & ~(1 << number)
        self._depend(number, others, late)
        if space is not None:
            for _, other, at_hand in found:
                if at_hand and other != number and other in self.units and self._mergeable(number, other):
                    number = self._merge(other, number)
            for x in tensors:
                self.readers[id(x), space] = number
        for output in node._outputs:
            self.made[id(output)] = (number, role == "loop")

    def _new(self, space: tuple[int, ...] | None) -> int:
        number = self.count
        self.count += 1
        self.units[number] = Unit(number, space)
        self.direct[number] = self.reach[number] = self.late[number] = 0
        return number

    def _chosen(self, space: tuple[int, ...], direct: int, late: int, tensors: Sequence[Tensor]) -> int | None:
        """An existing loop the node can join."""
        candidates = [number for number in _bits(direct) if self.units[number].space == space]
        candidates += [
            number
            for x in tensors
            for number in [self.readers.get((id(x), space), -1)]
            if number in self.units and number not in candidates
        ]
        for number in sorted(candidates, reverse=True):
            bit = 1 << number
            if late & bit or len(self.units[number].nodes) >= MOST:
                continue
            if not any(self.reach[other] & bit for other in _bits(direct & ~bit)):
                return number
        return None

    def _depend(self, number: int, others: int, late: int) -> None:
        self.direct[number] |= others
        self.late[number] |= late & ~(1 << number)
        reach = others
        for other in _bits(others):
            reach |= self.reach[other]
        if reach & ~self.reach[number]:
            self.reach[number] |= reach
            bit, all_of = 1 << number, self.reach[number]
            for each in self.units:
                if self.reach[each] & bit:
                    self.reach[each] |= all_of

    def _mergeable(self, a: int, b: int) -> bool:
        one, two = self.units[a], self.units[b]
        if one.space is None or one.space != two.space or len(one.nodes) + len(two.nodes) > MOST:
            return False
        first, second = 1 << a, 1 << b
        if self.late[a] & second or self.late[b] & first:
            return False
        return not any(self.reach[each] & second for each in _bits(self.direct[a] & ~second)) and not any(
            self.reach[each] & first for each in _bits(self.direct[b] & ~first)
        )

    def _merge(self, kept: int, gone: int) -> int:
        """Put the nodes of one unit into another; the number of the one that stays."""
        old, bit = 1 << gone, 1 << kept
        self.units[kept].nodes += self.units.pop(gone).nodes
        self.units[kept].nodes.sort(key=lambda node: node.order)
        for table in (self.direct, self.reach, self.late):
            table[kept] = (table[kept] | table.pop(gone)) & ~(old | bit)
            for each in self.units:
                if table[each] & old:
                    table[each] = (table[each] & ~old) | bit
        everything = self.reach[kept]
        for each in self.units:
            if self.reach[each] & bit:
                self.reach[each] |= everything
        self.made = {key: (kept if number == gone else number, hand) for key, (number, hand) in self.made.items()}
        self.readers = {key: kept if number == gone else number for key, number in self.readers.items()}
        return kept

    def ordered(self) -> list[Unit]:
        """The units, each after those it depends on, otherwise by their last nodes."""
        waiting = {number: self.direct[number].bit_count() for number in self.units}
        readers: dict[int, list[int]] = {number: [] for number in self.units}
        for number in self.units:
            for other in _bits(self.direct[number]):
                readers[other].append(number)
        last = {number: max(node.order for node in unit.nodes) for number, unit in self.units.items()}
        ready = [(last[number], number) for number, count in waiting.items() if not count]
        heapq.heapify(ready)
        order: list[Unit] = []
        while ready:
            _, number = heapq.heappop(ready)
            order.append(self.units[number])
            for other in readers[number]:
                waiting[other] -= 1
                if not waiting[other]:
                    heapq.heappush(ready, (last[other], other))
        if len(order) != len(self.units):
            raise RuntimeError("grouping made a cycle")
        return order


def _bits(number: int) -> list[int]:
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found
