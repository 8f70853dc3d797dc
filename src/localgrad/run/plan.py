"""Plan: a graph made ready to run fast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import RLock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import CONTEXT
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import bind_inputs
from localgrad.graph.node import ORDER, Node
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Tensor
from localgrad.run import native
from localgrad.run.building import Building
from localgrad.run.memory import Memory
from localgrad.run.passes import prepare
from localgrad.run.readable import readable
from localgrad.run.runner import Job
from localgrad.run.state import OtherLayoutError, State
from localgrad.run.steps import LoopStep, ProductStep, ScanStep, Step
from localgrad.run.threads import Limited, Pace, execute

__all__ = ["Plan"]

_moment: Final = ORDER.__next__
BLAS_ALONE: Final = 200_000
"""Operations of a product that BLAS does on the thread that calls in any case."""


class Plan:
    """A graph made ready to run fast: what is done in which order, fused loops, and memory that is used again.

    Made by `lg.compile`, or of a graph whose extents are all known. `print(plan)` shows the steps and what was done to
    the graph; `plan.memory` the buffers, `plan.source(node)` the loop a node is part of, `plan.profile(inputs)` times.

    >>> import localgrad as lg, numpy as np
    >>> plan = Plan(lg.capture(lambda x: lg.sum(lg.tanh(x) * 2), lg.spec(3)))
    >>> plan.run({"x": np.zeros(3, np.float32)})
    {'Sum#1': array(0., dtype=float32)}
    """

    def __init__(self, graph: Graph, inputs: Sequence[NDArray[Any]] | None = None, compiled: bool = True) -> None:
        self.original = graph
        self._lock = RLock()
        self._running = False
        self._others: dict[tuple[str, ...], Plan] = {}
        self.native = compiled and native.available()
        self.graph, self.changes = prepare(graph, self.native)
        if inputs is None:
            static = all(is_static(tensor.shape) for tensor in graph.inputs)
            inputs = [np.empty(t.shape, t.dtype) for t in graph.inputs] if static else None
        self._static = inputs is not None
        self.names = [graph.name_of(tensor) for tensor in graph.outputs]
        self.building: Building | None = None
        self.steps: list[Step] = []
        if self.native and inputs is not None:
            self._build(inputs)

    def _build(self, inputs: Sequence[NDArray[Any]]) -> None:
        self.building = Building(self.graph, list(inputs))
        self.steps = self.building.steps
        self._state = State(self.building)
        self._program = _program(self.steps, self._state.pointer.value or 0)
        self._limited = limits(self.steps)
        self._checks = self.building.checks
        self._python = any(step is not None for step, _ in self._program) or not all(
            direct for _, direct in self.building.results
        )
        self._layout = [(x.shape, x.strides) for x in inputs]
        self._written = [leaf for leaf, _, direct in self.building.updates if direct]

    # running ------------------------------------------------------------------------------------------------------
    def run(self, inputs: Any = (), fetch: str | Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Outputs by name, or what `fetch` matches among the tensors of the graph; updates are applied without fetch.

        Inputs are given as for `graph.run`, which raises the same errors.
        """
        if fetch is not None:
            return self._fetching(tuple(self.original.matching(fetch))).run(inputs)
        arrays, _ = bind_inputs(self.original, inputs)
        return dict(zip(self.names, self.values(arrays), strict=True))

    def values(self, inputs: Sequence[NDArray[Any]]) -> list[Any]:
        """The outputs in order, from arrays that fit the inputs."""
        if self.building is None or CONTEXT.get().watchers:
            return list(self._interpreted(inputs).values())
        with self._lock:
            if self._running:  # a node's own forward came back here
                return list(self._interpreted(inputs).values())
            self._running = True
            token = WARNINGS.set(QUIET) if self._python else None
            state = self._state
            try:
                for check in self._checks:
                    check(inputs)
                try:
                    state.bind(self._fitted(inputs))
                except OtherLayoutError:
                    plain = [np.ascontiguousarray(x).reshape(x.shape) for x in inputs]
                    self._build(plain)
                    state = self._state
                    state.bind(self._fitted(plain))
                if self._limited:
                    with Limited():
                        self._execute()
                else:
                    self._execute()
                results = state.results()
                for leaf in state.update():
                    leaf.version = _moment()
            finally:
                state.release()
                if token is not None:
                    WARNINGS.reset(token)
                self._running = False
        return results

    def _execute(self) -> None:
        state = self._state
        for step, runs in self._program:
            if step is None:
                execute(*runs)
            else:
                state.run_with_numpy(step)

    def _interpreted(self, inputs: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        graph = self.original if CONTEXT.get().watchers else self.graph
        return graph.run(list(inputs))

    def _fitted(self, inputs: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The inputs, copied where they are laid out in another way, or a state about to be written would change them."""
        found: list[NDArray[Any]] | None = None
        for place, _ in self._state.large_inputs:  # small ones are copied in any case
            array, strides = inputs[place], self._layout[place][1]
            if array.strides != strides or not array.flags.aligned or (self._written and self._overlaps(array)):
                if found is None:
                    found = list(inputs)
                found[place] = _laid_out(array, strides)
        return inputs if found is None else found

    def _overlaps(self, array: NDArray[Any]) -> bool:
        """Whether a run would write into an input."""
        if array.base is None and array.flags.owndata:
            return any(array is leaf._value or array is leaf._value.base for leaf in self._written)
        return any(np.may_share_memory(array, leaf._value) for leaf in self._written)

    def _fetching(self, names: tuple[str, ...]) -> Plan:
        plan = self._others.get(names)
        if plan is None:
            graph = self.original
            wanted = Graph(
                graph.nodes, graph.inputs, [graph.tensors[name] for name in names], (), graph.name,
                {id(leaf): name for name, leaf in graph.leaves.items()},
            )  # fmt: skip
            layout = (
                [
                    _empty(shape, strides, t.dtype)
                    for (shape, strides), t in zip(self._layout, graph.inputs, strict=True)
                ]
                if self.building
                else None
            )
            plan = self._others[names] = Plan(wanted, layout, self.native)
            plan.names = list(names)
        return plan

    # looking ------------------------------------------------------------------------------------------------------
    @property
    def memory(self) -> Memory:
        """The buffers between inputs and outputs: peak, each one's life, and what they would take without reuse."""
        return self.building.memory if self.building is not None else Memory([], 0, 0)

    def step_of(self, node: str | Node | Tensor) -> Step:
        """The step a node of the graph is part of, by name; raises NameLookupError where there is none (any more)."""
        name = node if isinstance(node, str) else node.name
        for step in self.steps:
            for each in step.nodes:
                if name in (each.name, *(t._name for t in each._outputs)):
                    return step
        from localgrad.graph.errors import NameLookupError
        from localgrad.graph.registry import nearest

        known = [each.name for step in self.steps for each in step.nodes]
        raise NameLookupError(
            f"the step of `{name}` was asked of a plan\nfound: no step computes it{nearest(name, known)}\n"
            "do: look at print(plan); a node may have been merged, folded, or be a view"
        )

    def source(self, node: str | Node | Tensor, language: str = "loops") -> str:
        """What a node's step does, as loops to read, or with language="llvm" as the text that is compiled."""
        step = self.step_of(node)
        if not isinstance(step, LoopStep):
            return str(step)
        loop = step.loop
        if language == "llvm":
            return loop.kernel.text
        reads = [self.graph.name_of(each.tensor) for each in loop.reads]
        writes = [self.graph.name_of(each.tensor) for each in (*loop.writes, *loop.sums)]
        return readable(loop.kernel, reads, writes)

    def profile(self, inputs: Any = (), repeat: int = 10) -> Any:
        """Times of each step on these inputs; see `run.profile`. States are put back afterwards."""
        from localgrad.run.profile import profile

        return profile(self, inputs, repeat)

    def __str__(self) -> str:
        head = f"plan of {self.original.name}: {len(self.original.nodes)} nodes"
        if self.building is None:
            why = "with NumPy, node by node" if not self.native else "for any size, with NumPy, node by node"
            return "\n".join([f"{head}, {why}", *(f"  {change}" for change in self.changes)])
        kinds = [step.what for step in self.steps]
        counts = ", ".join(f"{kinds.count(what)} {what}" for what in dict.fromkeys(kinds))
        lines = [f"{head} in {len(self.steps)} steps ({counts})", *(f"  {change}" for change in self.changes)]
        lines += [f"{number:>4}  {step}" for number, step in enumerate(self.steps)]
        written = sum(direct for _, _, direct in self.building.updates)
        if self.building.updates:
            lines.append(f"  {len(self.building.updates)} states updated, {written} of them written in place by a loop")
        lines.append(f"  memory: {self.memory.peak:,} bytes; {self.memory.total:,} without reuse")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<plan of {self.original.name}: {len(self.steps)} steps>"


def limits(steps: Sequence[Step]) -> bool:
    """Whether products are so large that BLAS would use threads of its own."""
    return any(
        isinstance(step, ScanStep) or (isinstance(step, ProductStep) and step.product.operations > BLAS_ALONE)
        for step in steps
    )


def _program(steps: Sequence[Step], slots: int) -> list[tuple[Step | None, Any]]:
    """Runs of machine code as jobs, between steps that Python runs."""
    program: list[tuple[Step | None, Any]] = []
    waiting: list[Step] = []

    def close() -> None:
        if waiting:
            program.append((None, (Job(waiting, slots), Pace())))
            waiting.clear()

    for step in steps:
        if step.native:
            waiting.append(step)
        else:
            close()
            program.append((step, None))
    close()
    return program


def _empty(shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    if 0 in shape or any(stride < 0 for stride in strides):
        return np.empty(shape, dtype)
    size = sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True)) + dtype.itemsize
    return np.ndarray(shape, dtype, np.empty(size, np.uint8).data, 0, strides)


def _laid_out(array: NDArray[Any], strides: tuple[int, ...]) -> NDArray[Any]:
    """A copy with these strides."""
    made = _empty(array.shape, strides, array.dtype)
    if made.strides != strides:
        raise OtherLayoutError(f"strides {array.strides} in a plan for {strides}")
    made[...] = array
    return made
