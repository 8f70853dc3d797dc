"""Differentiable: a call of a plan as one node, through which gradients flow by a plan of its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from threading import local
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import using
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.recording import record
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.run.plan import Plan
from localgrad.run.tracing import Tracer
from localgrad.transform.differentiate import gradients
from localgrad.transform.rewrite import Rewrite

if TYPE_CHECKING:
    from localgrad.run.compiled import Trace


class CompiledCall(Composition):
    """A compiled function's call: its graph, with the leaves it reads as further inputs.

    Its backward runs the graph's gradient as a plan; inner values are computed again for that.
    """

    formula: ClassVar[str] = r"y = f(x_1, \\dots, x_n)"
    family: ClassVar[str] = "structure"
    inputs: ClassVar[tuple[str, ...]] = ("*xs",)
    checked: ClassVar[bool] = False
    call: Any = None

    def output_count(self) -> int:
        return len(self.call.graph.outputs)

    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        found = tuple(tensor.spec for tensor in self.call.graph.outputs)
        return found if len(found) > 1 else found[0]

    def body(self, *inputs: Value) -> Value:
        outputs = self.call.graph.replay(inputs)[0]
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def forward(self, *inputs: Value) -> Value:
        values = getattr(self.call.ready, "values", None)  # the plan has run already
        if values is None:
            values = self.call.values(inputs)
        return tuple(values) if len(values) > 1 else values[0]

    def backward(self, grad: Value, y: Value, *inputs: Value) -> Value:
        grads = grad if isinstance(grad, tuple) else (grad,)
        if any(isinstance(x, Tensor) for x in (*grads, *inputs)):
            return self.call.tensors_pulled(self.body(*inputs), inputs, grads)
        return self.call.pulled(inputs, grads)


class Call:
    """What the kind needs: the graph with its leaves as inputs, and plans of it and of its gradients."""

    def __init__(self, trace: Trace) -> None:
        self.plan = trace.plan
        self.leaves = [leaf for leaf in self.plan.original.leaves.values() if leaf.role != "constant"]
        self.graph = lifted(self.plan.original, self.leaves)
        self.count = len(self.plan.original.inputs)
        self.ready = local()
        self._values: Plan | None = None
        self._pulls: dict[tuple[bool, ...], tuple[Plan, list[int]]] = {}

    def values(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs on other values of the leaves than their own (when a record is computed again)."""
        arrays = [np.asarray(x) for x in inputs]
        if self._values is None:
            self._values = Plan(self.graph, arrays)
        return self._values.values(arrays)

    def pulled(self, inputs: Sequence[Any], grads: Sequence[Any]) -> tuple[Any, ...]:
        """The gradients of the inputs from those of the outputs."""
        arrays = [np.asarray(x) for x in inputs]
        present = tuple(g is not None for g in grads)
        given = [np.asarray(g) for g in grads if g is not None]
        known = self._pulls.get(present)
        if known is None:
            known = self._pulls[present] = self._pull_plan(present, arrays, given)
        plan, places = known
        found: list[Any] = [None] * len(inputs)
        for place, value in zip(places, plan.values([*arrays, *given]), strict=True):
            found[place] = value
        return tuple(found)

    def _pull_plan(
        self, present: tuple[bool, ...], arrays: list[NDArray[Any]], given: list[NDArray[Any]]
    ) -> tuple[Plan, list[int]]:
        recorder = Tracer()
        with using(recorder=recorder, scope="", tagger=None, enabled=True, watchers=(), site=None):
            fresh = []
            for number, array in enumerate((*arrays, *given)):
                tensor = Tensor(Spec(array.shape, array.dtype), None, array.dtype.kind == "f" and number < len(arrays))
                tensor._name = f"x{number}"
                recorder.add_input(tensor)
                fresh.append(tensor)
            outputs, _ = self.graph.replay(fresh[: len(arrays)])
            ends = [output for output, is_there in zip(outputs, present, strict=True) if is_there]
            wanted = [place for place, array in enumerate(arrays) if array.dtype.kind == "f"]
            found = gradients(ends, [fresh[place] for place in wanted], fresh[len(arrays) :])
            pairs = [(place, g) for place, g in zip(wanted, found, strict=True) if g is not None]
        recorder.updates.clear()
        graph = recorder.finish([g for _, g in pairs], f"gradient of {self.plan.original.name}")
        return Plan(graph, [*arrays, *given]), [place for place, _ in pairs]

    def tensors_pulled(self, outputs: Any, inputs: Sequence[Any], grads: Sequence[Any]) -> tuple[Any, ...]:
        """The same as tensors, which can be differentiated again."""
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [(y, g) for y, g in zip(several, grads, strict=True) if g is not None]
        wanted = [place for place, x in enumerate(inputs) if isinstance(x, Tensor) and x.dtype.kind == "f"]
        found = gradients([y for y, _ in pairs], [inputs[place] for place in wanted], [g for _, g in pairs])
        by_place = dict(zip(wanted, found, strict=True))
        return tuple(by_place.get(place) for place in range(len(inputs)))


def lifted(graph: Graph, leaves: Sequence[Leaf]) -> Graph:
    """A graph whose leaves are inputs after its own; updates are left out."""
    rewrite = Rewrite(graph)
    for leaf in leaves:
        tensor = Tensor(leaf.spec, None, leaf.requires_grad)
        tensor._name = f"{graph.name_of(leaf)}"
        rewrite.recorder.add_input(tensor)
        rewrite.image[id(leaf)] = tensor
        rewrite.recorder.leaves.pop(id(leaf), None)
    for node in graph.nodes:
        rewrite.copy(node)
    return Graph(
        rewrite.recorder.nodes, rewrite.recorder.inputs, [rewrite.of(t) for t in graph.outputs], (), graph.name
    )


def record_call(trace: Trace, inputs: Sequence[Tensor | None], arrays: Sequence[NDArray[Any]]) -> list[Tensor]:
    """Run a plan, updates included, and record it as one node; the outputs as tensors."""
    if trace.call is None:
        call = Call(trace)
        trace.call = (call, CompiledCall(call=call))
    call, kind = trace.call
    # states as they are before the run: it may change them, and the backward needs what the forward saw
    before = [
        leaf if leaf.role == "parameter" else Leaf(leaf._value.copy(), "constant", None, False)
        if leaf.role == "state" else leaf
        for leaf in call.leaves
    ]  # fmt: skip
    values = trace.plan.values(arrays)
    given = [
        Leaf(array, "constant", None, False) if tensor is None else tensor
        for tensor, array in zip(inputs, arrays, strict=True)
    ]
    found = _recorded(kind, (*given, *before), values)
    return [
        tensor if carries or tensor._node is None else Tensor(tensor._value, None, False)
        for tensor, carries in zip(found, trace.carries, strict=True)
    ]


def _recorded(kind: CompiledCall, inputs: tuple[Any, ...], values: list[Any]) -> list[Tensor]:
    kind.call.ready.values = values
    try:
        made = record(kind, inputs)
    finally:
        kind.call.ready.values = None
    return list(made) if isinstance(made, tuple) else [made]
