"""Scans: the body of a scan as a plan of its own, run once a step without coming back to NumPy.

The table of addresses has one row for each step: scanned inputs and stacked outputs move along their first axis, and a
carry is read where the step before wrote it. Sums of products aT b, the gradients of weights, are one product of all
steps at the end, as in the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run.building import ARENA, Building
from localgrad.run.memory import ALIGNMENT
from localgrad.run.packed import pack_steps
from localgrad.run.passes import prepare
from localgrad.run.runner import Job
from localgrad.run.threads import Pace, execute
from localgrad.transform.iteration import Iterated

MOST: Final = 8
"""Bodies kept for one node, one for each layout of its inputs."""


class ScanRunner:
    """Runs a scan on arrays; gives None where its body is not all machine code."""

    def __init__(self, node: Node) -> None:
        assert isinstance(node.kind, Iterated)
        self.kind = node.kind
        self.bodies: dict[Any, Body | None] = {}

    def __call__(self, values: list[Any]) -> tuple[Any, ...] | None:
        arrays = [np.asarray(value) for value in values]
        key = tuple((x.shape, x.strides, x.dtype) for x in arrays)
        if key not in self.bodies:
            if len(self.bodies) >= MOST:
                self.bodies.clear()
            self.bodies[key] = self._body(arrays)
        body = self.bodies[key]
        return None if body is None else body.run(arrays)

    def _body(self, arrays: list[NDArray[Any]]) -> Body | None:
        kind = self.kind
        parts = arrays[kind.carries : kind.carries + kind.scanned]
        if not parts or any(0 in x.shape or not x.flags.aligned for x in arrays):
            return None
        body = Body(kind, arrays)
        return body if body.native else None


class Body:
    """A body's plan for inputs laid out in one way."""

    def __init__(self, kind: Iterated, arrays: list[NDArray[Any]]) -> None:
        self.kind = kind
        self.first, self.last = kind.carries, kind.carries + kind.scanned
        fitted = kind.fitted(arrays)
        assert isinstance(fitted, Iterated)
        body = fitted.graph()
        self.count = arrays[self.first].shape[0]
        end = len(body.outputs) - kind.summed
        self.stacked = end - self.first
        self.products: list[tuple[int, int, int]] = []  # of a sum: its number, and where its factors are found
        self.sums: list[int] = []
        outputs = list(body.outputs[:end])
        known = {id(x): -1 - place for place, x in enumerate(body.inputs[self.first : self.last])}
        known.update({id(x): place for place, x in enumerate(outputs) if place >= self.first})
        outer = {id(x) for x in (*body.inputs[: self.first], *body.inputs[self.last :], *body.leaves.values())}
        for number, tensor in enumerate(body.outputs[end:]):
            factors = _factors(tensor)
            if factors is None or any(id(x) in outer for x in factors):
                self.sums.append(number)
                continue
            for x in factors:
                if id(x) not in known:
                    known[id(x)] = len(outputs)
                    outputs.append(x)
            self.products.append((number, known[id(factors[0])], known[id(factors[1])]))
        self.stacks = len(outputs) - self.first
        outputs += [body.outputs[end + number] for number in self.sums]
        examples = [np.ascontiguousarray(x).reshape(x.shape) for x in arrays[: self.first]]
        examples += [np.asarray(x[0]) for x in arrays[self.first : self.last]]
        examples += arrays[self.last :]
        graph, _ = prepare(Graph(body.nodes, body.inputs, outputs, (), body.name))
        self.building = Building(graph, examples, complete=True)
        self.native = (
            bool(self.building.steps)
            and all(step.native for step in self.building.steps)
            and not self.building.checks
            and all(direct for _, direct in self.building.results)
        )
        if not self.native:
            return
        constant: dict[int, Any] = {id(x): self.last + number for number, x in enumerate(graph.inputs[self.last :])}
        constant.update({id(leaf): leaf for _, leaf in self.building.leaves})
        self.packed = pack_steps(self.building, constant)
        raw = np.empty(self.building.memory.peak + ALIGNMENT, np.uint8)
        self.arena = raw[-raw.__array_interface__["data"][0] % ALIGNMENT :]
        self.specs = [(tuple(tensor.shape), tensor.dtype) for tensor in graph.outputs]
        self.job, self.pace = Job(self.building.steps, 0), Pace()
        self.work = self.job.work

    def run(self, arrays: Sequence[NDArray[Any]]) -> tuple[Any, ...]:
        """Final carries, stacks and sums."""
        building, count, first = self.building, self.count, self.first
        for each in self.packed:
            each.fill(arrays)
        backwards = bool(self.kind.reverse)
        at = np.arange(count)[::-1] if backwards else np.arange(count)
        table = np.zeros((count, building.slot_count), np.int64)
        table[:, ARENA] = _address(self.arena)
        for slot, leaf in building.leaves:
            table[:, slot] = _address(leaf._value)
        slots = [slot for slot, _ in building.results]
        held: list[NDArray[Any]] = []
        carried = []
        for number in range(first):
            shape, dtype = self.specs[number]
            start = np.ascontiguousarray(arrays[number])
            both = np.empty((2, *shape), dtype)
            held += [start, both]
            carried.append(both)
            places = _address(both) + np.arange(count) % 2 * both[0].nbytes
            table[:, slots[number]] = places
            table[1:, building.inputs[number]] = places[:-1]
            table[0, building.inputs[number]] = _address(start)
        for number in range(first, self.last):
            part = arrays[number]
            table[:, building.inputs[number]] = _address(part) + at * part.strides[0]
        for number in range(self.last, len(arrays)):
            table[:, building.inputs[number]] = _address(arrays[number])
        stacks = []
        for number in range(first, first + self.stacks):
            shape, dtype = self.specs[number]
            stack = np.empty((count, *shape), dtype)
            stacks.append(stack)
            table[:, slots[number]] = _address(stack) + at * stack.strides[0]
        values, totals = [], []
        for number in range(first + self.stacks, len(self.specs)):
            shape, dtype = self.specs[number]
            value = np.empty(shape, dtype)
            values.append(value)
            totals.append(np.zeros(shape, dtype))
            table[:, slots[number]] = _address(value)
        pointer, width = _address(table), table.strides[0]
        # where Python adds values up it is called for each step, else once
        times = 1 if totals else count
        self.job.work = self.work * times
        for number in range(0, count, times):
            self.job.moved(pointer + number * width, times, width)
            execute(self.job, self.pace)
            for total, value in zip(totals, values, strict=True):
                total += value
        summed: list[Any] = [None] * self.kind.summed
        for number, total in zip(self.sums, totals, strict=True):
            summed[number] = total
        for number, left, right in self.products:
            a, b = (arrays[first - 1 - place] if place < 0 else stacks[place - first] for place in (left, right))
            summed[number] = a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
        del held
        final = [both[(count - 1) % 2].copy() for both in carried]
        return (*final, *stacks[: self.stacked], *summed)


def _factors(tensor: Tensor) -> tuple[Tensor, Tensor] | None:
    """The matrices a and b of a product aT b."""
    node = tensor._node
    if node is None or node.kind.name != "MatMul":
        return None
    turned, right = node._inputs
    maker = turned._node if isinstance(turned, Tensor) else None
    if maker is None or maker.kind.name != "Transpose" or maker.kind.axes not in (None, (1, 0)):  # type: ignore[attr-defined]
        return None
    source = maker._inputs[0]
    if not all(isinstance(x, Tensor) and x.ndim == 2 and x.dtype == tensor.dtype for x in (source, right)):
        return None
    return source, right  # type: ignore[return-value]


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
