"""Prepared: a body's nodes as calls over numbered places, made once and run at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import LocalgradError, NonFiniteError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import _line, _named, _run_error
from localgrad.graph.kind import Kind
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.nodes.linear import MatMul
from localgrad.nodes.shaping import Transpose
from localgrad.nodes.structure import Identity
from localgrad.transform.bodies import steps_of

_int: Final = int


class Step(NamedTuple):
    """One node: what computes it, what picks its inputs from the places, and the place(s) of its output(s)."""

    forward: Callable[..., Any]
    pick: Callable[[list[Any]], Sequence[Any]]
    target: int | tuple[int, ...]
    node: Node


class Product(NamedTuple):
    """A sum over steps of products aᵀ b of matrices, computed as one product at the end."""

    left: int
    right: int
    total: int
    """Which of the sums it is."""


class Prepared:
    """A graph ready to be run as the body of a node; its first `changing` inputs differ from step to step."""

    def __init__(self, graph: Graph, changing: int = 0) -> None:
        self.graph = graph
        place: dict[int, int] = {}
        self.values: list[Any] = []

        def new(value: Any = None) -> int:
            self.values.append(value)
            return len(self.values) - 1

        for tensor in graph.inputs:
            place[id(tensor)] = new()
        self.leaves = [(place.setdefault(id(leaf), new()), leaf) for leaf in graph.leaves.values()]
        self.once: list[Step] = []
        self.steps: list[Step] = []
        for node, moves in steps_of(graph.nodes, graph.inputs[:changing]):
            if isinstance(node.kind, Identity) and isinstance(node._inputs[0], Tensor):
                place[id(node._outputs[0])] = place[id(node._inputs[0])]  # `shared` says that it is a view
                continue
            sources = [place[id(x)] if isinstance(x, Tensor) else new(x) for x in node._inputs]
            targets = tuple([place.setdefault(id(tensor), new()) for tensor in node._outputs])
            step = Step(
                _forward(node.kind, len(targets)), _picker(sources), targets if len(targets) > 1 else targets[0], node
            )
            (self.steps if moves else self.once).append(step)
        self.place = place
        self.inputs = [place[id(tensor)] for tensor in graph.inputs]
        self.outputs = [place[id(tensor)] for tensor in graph.outputs]
        # what a view kind gives may be memory of an input, and has to be copied before it leaves the body
        self.shared = [_may_share(tensor) for tensor in graph.outputs]

    def started(self, inputs: Sequence[Any], first: int = 0) -> list[Any]:
        """The places with constants, and the inputs from number `first` on, filled in."""
        values = self.values.copy()
        for place, leaf in self.leaves:
            values[place] = leaf._value
        for place, value in zip(self.inputs[first:], inputs, strict=True):
            values[place] = value
        return values

    def run(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs of one run."""
        values = self.started(inputs)
        compute(self.once, values, "")
        compute(self.steps, values, "")
        return tuple(
            [
                owned(values[place]) if shared else values[place]
                for place, shared in zip(self.outputs, self.shared, strict=True)
            ]
        )


class PreparedSteps(Prepared):
    """A body that is run many times, prepared: its inputs are carries, scanned parts and outer tensors, in this order;
    its outputs new carries, parts that are stacked, and parts that are summed.
    """

    def __init__(self, graph: Graph, carries: int, scanned: int, summed: int) -> None:
        super().__init__(graph, carries + scanned)
        self.carries, self.scanned = carries, scanned
        last = len(graph.outputs) - summed
        self.carried = list(zip(self.inputs[:carries], self.outputs[:carries], strict=True))
        self.stacked = self.outputs[carries:last]
        self.summed = self.outputs[last:]
        self.specs = [tensor.spec for tensor in graph.outputs]
        self.products: list[Product] = []
        self.fast = self.steps
        self._delay_products(last)

    def _delay_products(self, last: int) -> None:
        """Find sums of products of matrices, which are one large product of all steps' rows."""
        readers: dict[int, int] = {}
        for each in self.graph.nodes:
            for x in each._inputs:
                if isinstance(x, Tensor):
                    readers[id(x)] = readers.get(id(x), 0) + 1
        for tensor in self.graph.outputs:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
        moving = {id(step.node) for step in self.steps}
        dropped: set[int] = set()
        for total, tensor in enumerate(self.graph.outputs[last:]):
            node = tensor._node
            if node is None or id(node) not in moving or not isinstance(node.kind, MatMul) or readers[id(tensor)] != 1:
                continue
            left, right = node._inputs
            turned = left._node if isinstance(left, Tensor) else None
            if turned is None or not isinstance(turned.kind, Transpose) or turned.kind.axes not in (None, (1, 0)):
                continue
            source = turned._inputs[0]
            if not all(isinstance(x, Tensor) and x.ndim == 2 and x.dtype == tensor.dtype for x in (source, right)):
                continue
            self.products.append(Product(self.place[id(source)], self.place[id(right)], total))
            dropped.add(id(node))
            if readers[id(left)] == 1:
                dropped.add(id(turned))
        self.fast = [step for step in self.steps if id(step.node) not in dropped]

    def iterate(
        self, count: int, carries: Sequence[Any], parts: Sequence[Any], outer: Sequence[Any], reverse: bool
    ) -> tuple[Any, ...]:
        """Final carries, stacked parts and sums of `count` steps over the first axis of `parts`."""
        if not count:
            return (*map(owned, carries), *self._empty())
        values = self.started(outer, self.carries + self.scanned)
        for (place, _), value in zip(self.carried, carries, strict=True):
            values[place] = value
        watched = bool(CONTEXT.get().watchers)
        compute(self.once, values, "before the first iteration")
        first = len(self.carried)
        stacks = [
            (np.empty((count, *spec.shape), spec.dtype), place)
            for place, spec in zip(self.stacked, self.specs[first:], strict=False)
        ]
        scans = list(zip(self.inputs[first:], parts, strict=False))
        delayed: list[tuple[Any, ...]] = []
        summed = list(enumerate(self.summed))
        steps = self.steps
        if not watched and count > 1:
            steps = self.fast
            delayed, extra = self._collected(count, dict(scans), stacks)
            stacks = [*stacks, *extra]
            summed = [(number, place) for number, place in summed if all(p.total != number for p in self.products)]
        totals: list[Any] = [None] * len(self.summed)
        old = self.inputs[:first]
        new = [place for _, place in self.carried]
        moves = len(new)
        order = range(count - 1, -1, -1) if reverse else range(count)
        at = 0
        try:
            for at in order:
                for place, part in scans:
                    values[place] = part[at]
                if watched:
                    compute(steps, values, _iteration(at, count, reverse))
                else:
                    for forward, pick, target, _ in steps:
                        if target.__class__ is _int:
                            values[target] = forward(*pick(values))
                        else:
                            for place, value in zip(target, forward(*pick(values)), strict=True):  # type: ignore[arg-type]
                                values[place] = value
                for stack, place in stacks:
                    stack[at] = values[place]
                for number, place in summed:
                    total = totals[number]
                    if total is None:
                        totals[number] = owned(values[place])
                    elif total.__class__ is np.ndarray:
                        total += values[place]
                    else:
                        totals[number] = total + values[place]
                if moves == 1:
                    values[old[0]] = values[new[0]]
                elif moves:
                    for place, value in zip(old, [values[place] for place in new], strict=True):
                        values[place] = value
        except Exception as error:
            if watched:
                raise
            # the carries of this step are still in place: once more, looking at each node
            compute(self.steps, values, _iteration(at, count, reverse))
            raise error
        for left, right, number in delayed:
            totals[number] = left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])
        kept = [
            owned(values[place]) if shared else values[place]
            for place, shared in zip(old, self.shared[:first], strict=True)
        ]
        return (*kept, *(stack for stack, _ in stacks[: len(self.stacked)]), *totals)

    def _collected(
        self, count: int, scans: dict[int, Any], stacks: list[tuple[NDArray[Any], int]]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[NDArray[Any], int]]]:
        """The factors of the delayed products, of all steps, and the arrays that have to be filled for them."""
        known: dict[int, Any] = {place: stack for stack, place in stacks}
        known.update({place: part for place, part in scans.items() if isinstance(part, np.ndarray)})
        extra: list[tuple[NDArray[Any], int]] = []
        spec_at = {self.place[id(t)]: t.spec for t in self._matrices()}
        for product in self.products:
            for place in (product.left, product.right):
                if place not in known:
                    spec = spec_at[place]
                    known[place] = np.empty((count, *spec.shape), spec.dtype)
                    extra.append((known[place], place))
        return [(known[p.left], known[p.right], p.total) for p in self.products], extra

    def _matrices(self) -> list[Tensor]:
        return [*self.graph.inputs, *(t for node in self.graph.nodes for t in node._outputs)]

    def _empty(self) -> list[Any]:
        """What no steps give: stacks without entries, and sums that are 0."""
        first, last = len(self.carried), len(self.specs) - len(self.summed)
        stacks = [np.empty((0, *spec.shape), spec.dtype) for spec in self.specs[first:last]]
        return [*stacks, *(np.zeros(spec.shape, spec.dtype)[()] for spec in self.specs[last:])]


def compute(steps: Sequence[Step], values: list[Any], where: str) -> None:
    """Run steps one by one, showing values to the watchers; an error says which node it was, and where."""
    watchers = CONTEXT.get().watchers
    for forward, pick, target, node in steps:
        inputs = pick(values)
        try:
            result = forward(*inputs)
            several = result if isinstance(target, tuple) else (result,)
            for watcher in watchers:
                watcher.computed(node, several, inputs)
        except NonFiniteError as error:
            raise _placed(error, node, where) from None
        except LocalgradError as error:
            text = f"{_named(error, node)}\nwhere: node `{node.name}`{_line(node)}"
            raise _placed(type(error)(text), node, where) from None
        except Exception as error:
            raise _placed(_run_error(node, node.kind, list(inputs), error), node, where) from error
        if isinstance(target, tuple):
            for place, value in zip(target, result, strict=True):
                values[place] = value
        else:
            values[target] = result


def _placed(error: LocalgradError, node: Node, where: str) -> LocalgradError:
    """The error of an inner node with the iteration it happened in."""
    text = str(error)
    if node.of is not None:
        text = text.replace("appeared in the forward", "appeared in the backward", 1)
        text += f"\n    it is a {node.of.role} to the gradient of {node.of.node.kind.name}{_line(node)}"
    return type(error)(f"{text}\ninside: {where}" if where else text)


def _iteration(at: int, count: int, reverse: bool) -> str:
    number = count - at if reverse else at + 1
    return f"iteration {number} of {count}" + (f", which goes backwards: entry {at}" if reverse else "")


def _forward(kind: Kind, outputs: int) -> Callable[..., Any]:
    forward = kind.forward
    if type(kind).check is not Kind.check:

        def checked(*inputs: Any) -> Any:
            kind.check(*inputs)
            return kind.forward(*inputs)

        forward = checked
    if kind.several and outputs == 1:
        several = forward

        def only(*inputs: Any) -> Any:
            result = several(*inputs)
            return result[0] if result.__class__ is tuple else result

        return only
    return forward


def _picker(sources: list[int]) -> Callable[[list[Any]], Sequence[Any]]:
    if len(sources) > 1:
        return itemgetter(*sources)
    start = sources[0] if sources else 0
    return itemgetter(slice(start, start + len(sources)))


def _may_share(tensor: Tensor) -> bool:
    return tensor._node is None or tensor._node.kind.view


def owned(value: Any) -> Any:
    """A value that shares no memory."""
    return value.copy() if isinstance(value, (np.ndarray, np.generic)) else value
