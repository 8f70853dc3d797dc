"""Recompute: a function as one node whose inner values are computed again in the backward instead of kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from localgrad.graph.capturing import _as_output
from localgrad.graph.context import CONTEXT, using
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Composition, Value
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.transform.bodies import BodyRecorder, Holder
from localgrad.transform.prepared import Prepared


@kind
class Call(Holder, Composition):
    """A graph used as one node; the outer tensors it reads are inputs of the node.

    Its inner values are not kept: the backward runs the graph again.
    """

    formula = r"y = \mathrm{graph}(x_1, \dots, x_n)"
    inputs = ("*xs",)
    family = "structure"
    graph: Graph | None = None

    def output_count(self) -> int:
        return len(self._graph().outputs)

    def _graph(self) -> Graph:
        assert self.graph is not None
        return self.graph

    def body(self, *inputs: Value) -> Value:
        outputs, _ = self.fitted(inputs)._graph().replay(inputs)
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def forward(self, *inputs: Value) -> Value:
        kind = self.fitted(inputs)
        prepared = kind.__dict__.get("_prepared")
        if prepared is None:
            prepared = kind.__dict__["_prepared"] = Prepared(kind._graph())
        values = prepared.run(inputs)
        return values if len(values) > 1 else values[0]


def trace_body(f: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Graph, list[Tensor], Any, list[Leaf]]:
    """The graph of f on these arguments, the tensors to feed it, the tree f returned, and the states it updates.

    The new values of updated states are further outputs, after those of f.
    """
    recorder = BodyRecorder(CONTEXT.get().recorder)
    outer: list[Tensor] = []
    inner: list[Any] = []
    for _, leaf in flatten(arguments):
        given = as_input(leaf)
        if not isinstance(given, Tensor):
            inner.append(given)
            continue
        tensor = Tensor(given.spec, None, given.requires_grad)
        tensor._name = given._name
        recorder.add_input(tensor)
        outer.append(given)
        inner.append(tensor)
    with using(recorder=recorder, scope="", tagger=None, enabled=True, watchers=(), site=None):
        result = f(*unflatten(arguments, inner))
        outputs = [_as_output(recorder, where, value) for where, value in flatten(result)]
    updated = list(recorder.updates.values())
    recorder.updates = {}
    graph = recorder.finish([*outputs, *(value for _, value in updated)], getattr(f, "__name__", "body").strip("<>"))
    outer += [tensor for tensor, _ in recorder.lifted]
    return graph, outer, result, [leaf for leaf, _ in updated]


def is_state(x: Tensor) -> bool:
    """Whether a tensor is a state, which later runs write into."""
    return isinstance(x, Leaf) and x.role == "state"


def recompute(f: Callable[..., Any]) -> Callable[..., Any]:
    """F as one node that keeps only its inputs: its inner values are computed again in the backward.

    Saves memory for time. Parameters and other tensors f reads from outside become inputs of the node, so their
    gradients are complete; random masks are the same both times.

    >>> import localgrad as lg
    >>> x = lg.tensor([0.5, 1.0], requires_grad=True)
    >>> y = lg.recompute(lambda x: lg.tanh(lg.exp(x)))(x)
    >>> y.node.kind.name
    'Call'
    """

    @wraps(f)
    def recomputing(*arguments: Any) -> Any:
        graph, outer, result, updated = trace_body(f, arguments)
        recorder = CONTEXT.get().recorder
        if recorder is None:  # what the backward computes again has to see the states as they are now
            outer = [Leaf(np.array(x._value), "constant", x._name, False) if is_state(x) else x for x in outer]
        made = record(Call(graph=graph), tuple(outer))
        outputs = list(made) if isinstance(made, tuple) else [made]
        count = len(outputs) - len(updated)
        for leaf, value in zip(updated, outputs[count:], strict=True):
            if recorder is not None:
                recorder.update(leaf, value)
            else:
                leaf.write(value)
        return unflatten(result, outputs[:count])

    return recomputing
