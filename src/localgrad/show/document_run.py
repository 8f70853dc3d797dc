"""One run of an explicit graph with nothing left out: every value, gradient and time, of compositions' insides too."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from localgrad.graph.capturing import body_graph
from localgrad.graph.context import using
from localgrad.graph.errors import LocalgradError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Composition
from localgrad.graph.node import ORDER, Node
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.record import Record
from localgrad.graph.recording import spec_of
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.transform.sweep import contributions

Known = Callable[[str], Any]


class Run:
    """An explicit graph on the numbers of one run: its nodes hold tensors that have values and gradients.

    `tensors` are those by the graph's names, `nodes` in the graph's order; `forward` and `backward` are seconds by the
    node's position. Without numbers (`has_values` is False) the tensors are the graph's own.
    """

    def __init__(self, graph: Graph, nodes: list[Node], tensors: dict[str, Tensor], has_values: bool) -> None:
        self.graph = graph
        self.nodes = nodes
        self.tensors = tensors
        self.has_values = has_values
        self.forward: dict[int, float] = {}
        self.backward: dict[int, float] = {}
        self.failed: int | None = None
        """The position of the first node that could not be computed."""
        self.reason = ""

    @property
    def has_gradients(self) -> bool:
        """Whether any tensor has a gradient."""
        return any(tensor._grad is not None for tensor in self.tensors.values())

    def outputs(self, node: Node) -> list[Tensor]:
        """The outputs of one of its nodes."""
        return [tensor for tensor in node.outputs if tensor is not None]


def structure_of(graph: Graph) -> Run:
    """The explicit form of a graph, without numbers."""
    explicit = graph.explicit()
    return Run(explicit, list(explicit.nodes), dict(explicit.tensors), False)


def run_of(record: Record, timed: bool = True) -> Run:
    """The explicit form of a record's graph with the record's values and gradients.

    What the record does not have (branches, repeats, what each consumer sends back) is computed from what it has.
    """
    explicit = record.graph.explicit()
    tensors = record.tensors

    def value(name: str) -> Any:
        tensor = tensors.get(name)
        return None if tensor is None or tensor.is_symbolic else tensor._value

    def gradient(name: str) -> Any:
        tensor = tensors.get(name)
        return None if tensor is None else tensor._grad

    run = _valued(explicit, value)
    _measure(run, record.seconds, timed)
    _pull(run, gradient, _seeds(run, gradient))
    return run


def inside_of(node: Node, run: Run, timed: bool = True) -> Run | None:
    """What a composition computes inside: its body as an explicit graph on the node's own numbers.

    The inputs of the body are the node's tensor inputs in order, its outputs the node's. None where the kind is no
    composition, or its body wants to see numbers.
    """
    kind = node.kind
    if not isinstance(kind, Composition):
        return None
    inputs = list(node.inputs)
    try:
        graph, _ = body_graph(kind.body, [spec_of(x) for x in inputs])
        graph = graph.explicit()
    except Exception:  # a body that wants values; the node is shown closed
        return None
    if not graph.nodes:
        return None
    if not run.has_values:
        return Run(graph, list(graph.nodes), dict(graph.tensors), False)
    given = [x for x in inputs if isinstance(x, Tensor)]
    if len(given) != len(graph.inputs):
        return None
    values = {tensor.name: x._value for tensor, x in zip(graph.inputs, given, strict=True)}
    inner = _valued(graph, values.get)
    if inner.failed is not None:
        return None
    for tensor, x in zip(graph.inputs, given, strict=True):
        inner.tensors[tensor.name].requires_grad = x.requires_grad
    _spread_requirement(inner)
    _measure(inner, {}, timed)
    made = node.outputs
    seeds = {
        graph.name_of(declared): tensor._grad
        for declared, tensor in zip(graph.outputs, made, strict=False)
        if tensor is not None and tensor._grad is not None
    }
    _pull(inner, lambda _: None, seeds)
    return inner


def _valued(graph: Graph, value: Callable[[str], Any]) -> Run:
    """The graph with values: those known by name, the others computed."""
    image: dict[int, Any] = {}
    named: dict[str, Tensor] = {}
    nodes: list[Node] = []
    run = Run(graph, nodes, named, True)

    def keep(declared: Tensor, tensor: Tensor) -> None:
        tensor._name = graph.name_of(declared)
        image[id(declared)] = named[tensor._name] = tensor

    for declared in (*graph.inputs, *graph.leaves.values()):
        known = value(graph.name_of(declared))
        role = declared.role if isinstance(declared, Leaf) else "input"
        known = declared._value if known is None and not declared.is_symbolic else known
        if known is None:
            raise LocalgradError(
                f"the graph `{graph.name}` was to be shown with its numbers\n"
                f"found: the run has no value of `{graph.name_of(declared)}`\n"
                "do: give its inputs (graph.record(inputs)), or show the graph alone"
            )
        keep(declared, Leaf(np.asarray(known), role, None, declared.requires_grad))
    for position, node in enumerate(graph.nodes):
        inputs = tuple(image[id(x)] if isinstance(x, Tensor) else x for x in node._inputs)
        copy = Node(node.kind, inputs, next(ORDER), node._code, node._at, node.scope, node.of)
        known = [value(graph.name_of(declared)) for declared in node._outputs]
        if any(each is None for each in known):
            try:
                known = _computed(node, inputs)
            except Exception as error:  # shown up to here, this node marked
                run.failed, run.reason = position, str(error)
                nodes.append(copy)
                return run
        for index, (declared, each) in enumerate(zip(node._outputs, known, strict=True)):
            tensor = Tensor(np.asarray(each), copy, declared.requires_grad)
            tensor._index = index
            keep(declared, tensor)
        made = [image[id(declared)] for declared in node._outputs]
        copy._outputs = tuple(weakref.ref(tensor) for tensor in made)
        copy._values = tuple(tensor._value for tensor in made) if node.kind.several else None
        nodes.append(copy)
    return run


def _computed(node: Node, inputs: tuple[Any, ...]) -> list[Any]:
    kind = node.kind
    if kind.name == "Branch":
        return [inputs[0]._value] * kind.output_count()
    if kind.name == "Repeat" and not kind.is_symbolic():
        return [np.broadcast_to(inputs[0]._value, node._outputs[0].shape)]
    if kind.is_symbolic():  # extents follow the numbers of this run
        kind = kind.bind(_Sizes(node, inputs))
    with using(recorder=None, scope="", enabled=False, tagger=None, watchers=()):
        token = WARNINGS.set(QUIET)
        try:
            made = kind(*(x._value if isinstance(x, Tensor) else x for x in inputs))
        finally:
            WARNINGS.reset(token)
    return list(made) if isinstance(made, tuple) else [made]


class _Sizes(dict[str, int]):
    """Named extents with the sizes a node's inputs have."""

    def __init__(self, node: Node, inputs: tuple[Any, ...]) -> None:
        super().__init__()
        for declared, given in zip(node._inputs, inputs, strict=True):
            if isinstance(declared, Tensor):
                for extent, size in zip(declared.shape, given.shape, strict=True):
                    if not isinstance(extent, int):
                        self[str(extent)] = size


def _measure(run: Run, known: Mapping[str, float], timed: bool) -> None:
    """Forward seconds of each node: those of the record, else of computing it once more."""
    count = len(run.nodes) if run.failed is None else run.failed
    names = [run.graph.nodes[position].name for position in range(count)] if known else []
    for position, name in enumerate(names):
        if name in known:
            run.forward[position] = known[name]
    if known or not timed:
        return
    token = WARNINGS.set(QUIET)
    try:
        with using(recorder=None, scope="", enabled=False, tagger=None, watchers=()):
            for position in range(count):
                node = run.nodes[position]
                if not node.kind.pure:
                    continue
                values = [x._value if isinstance(x, Tensor) else x for x in node._inputs]
                kind = node.kind.bind(_sizes(run, position)) if node.kind.is_symbolic() else node.kind
                began = time.perf_counter()
                try:
                    kind(*values)
                except Exception:  # its value is known from the run itself; only its time is not
                    continue
                run.forward[position] = time.perf_counter() - began
    finally:
        WARNINGS.reset(token)


def _sizes(run: Run, position: int) -> Mapping[str, int]:
    return _Sizes(run.graph.nodes[position], run.nodes[position]._inputs)


def _spread_requirement(run: Run) -> None:
    """Let what was computed from inputs that require a gradient require one."""
    for node in run.nodes:
        needed = node.kind.differentiable and any(isinstance(x, Tensor) and x.requires_grad for x in node._inputs)
        for tensor in run.outputs(node):
            tensor.requires_grad = needed and tensor.dtype.kind == "f"


def _seeds(run: Run, gradient: Callable[[str], Any]) -> dict[str, Any]:
    """The gradients of the outputs; where only leaves kept theirs, 1 for the only output with one entry."""
    names = [run.graph.name_of(output) for output in run.graph.outputs]
    seeds = {name: gradient(name) for name in names}
    found = {name: grad for name, grad in seeds.items() if grad is not None}
    if found:
        return found
    if any(gradient(name) is not None for name in run.tensors):
        ends = [run.tensors[name] for name in names if name in run.tensors]
        scalars = [each for each in ends if each.dtype.kind == "f" and each.size == 1]
        if len(scalars) == 1 and scalars[0]._name is not None:
            return {scalars[0]._name: np.ones(scalars[0].shape, scalars[0].dtype)}
    return {}


def _pull(run: Run, gradient: Callable[[str], Any], seeds: Mapping[str, Any]) -> None:
    """The backward pass, node by node, each timed; a gradient the record has is taken as it is."""
    for name, tensor in run.tensors.items():
        known = gradient(name)
        if known is not None:
            tensor._grad = np.asarray(known)
    for name, grad in seeds.items():
        if name in run.tensors and run.tensors[name]._grad is None:
            run.tensors[name]._grad = np.asarray(grad)
    if not seeds:
        return
    taken = {name for name in run.tensors if gradient(name) is not None} | set(seeds)
    for position in range(len(run.nodes) - 1, -1, -1):
        node = run.nodes[position]
        made = list(node.outputs)
        if all(tensor is None or tensor._grad is None for tensor in made):
            continue
        began = time.perf_counter()
        try:
            sent = contributions(node, made)
        except LocalgradError as error:
            run.failed, run.reason = position, str(error)
            return
        run.backward[position] = time.perf_counter() - began
        for index, part in sent.items():
            x = node._inputs[index]
            if not isinstance(x, Tensor) or not x.requires_grad or x._name in taken:
                continue
            part = np.asarray(part)
            x._grad = part if x._grad is None else x._grad + part
