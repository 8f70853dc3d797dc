"""Record: the values, gradients and times of one run of a graph, by tensor name."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import using
from localgrad.graph.errors import GradientError, NameLookupError
from localgrad.graph.interpreter import bind_inputs, named_outputs
from localgrad.graph.node import ORDER, Node
from localgrad.graph.registry import nearest
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.verbs import RecordVerbs

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph


class Record(RecordVerbs):
    """The values, gradients and times of one run of a graph.

    `record[name]` is a value, `record.gradient(name)` a gradient, `record.seconds` the forward time of each node.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: (x * x).sum(), lg.spec(2))
    >>> record = graph.record([[1.0, 2.0]], gradients_of="Sum#1")
    >>> record["Mul#1"], record.gradient("x")
    (array([1., 4.], dtype=float32), array([2., 4.], dtype=float32))
    """

    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor], seconds: Mapping[str, float] | None = None) -> None:
        self.graph = graph
        self.tensors: Mapping[str, Tensor] = MappingProxyType(dict(tensors))
        """The tensors of the run, with values, gradients and nodes, by their name in the graph."""
        self.seconds: Mapping[str, float] = MappingProxyType(dict(seconds or {}))
        """The forward time of each node in seconds, by the node's name (empty where it was not measured)."""

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name; raises NameLookupError with the nearest names."""
        try:
            return self.tensors[name]
        except KeyError:
            raise NameLookupError(f"this record has no tensor called {name!r}{nearest(name, self.tensors)}") from None

    def __getitem__(self, name: str) -> NDArray[Any]:
        return np.asarray(self.tensor(name)._value)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """All values by name."""
        return {name: np.asarray(tensor._value) for name, tensor in self.tensors.items()}

    def gradient(self, name: str) -> NDArray[Any] | None:
        """The gradient of a tensor, or None where none was computed."""
        grad = self.tensor(name)._grad
        return None if grad is None else np.asarray(grad)

    @property
    def gradients(self) -> dict[str, NDArray[Any]]:
        """All gradients by name."""
        return {name: np.asarray(t._grad) for name, t in self.tensors.items() if t._grad is not None}

    def __reduce__(self) -> Any:
        values = {name: np.array(tensor._value) for name, tensor in self.tensors.items()}
        return _restored, (self.graph, values, self.gradients, dict(self.seconds))

    def __repr__(self) -> str:
        return f"<record of graph {self.graph.name}: {len(self.tensors)} values, {len(self.gradients)} gradients>"


def _restored(graph: Graph, values: dict[str, Any], gradients: dict[str, Any], seconds: dict[str, float]) -> Record:
    """A record from its graph and numbers: the nodes of the run are made again, nothing is computed again."""
    image: dict[int, Any] = {}
    named: dict[str, Tensor] = {}

    def keep(declared: Tensor, tensor: Tensor) -> None:
        name = graph.name_of(declared)
        tensor._name, tensor._grad = name, gradients.get(name)
        image[id(declared)] = named[name] = tensor

    for declared in (*graph.inputs, *graph.leaves.values()):
        role = declared.role if isinstance(declared, Leaf) else "input"
        keep(declared, Leaf(values[graph.name_of(declared)], role, None, declared.requires_grad))
    for node in graph.nodes:
        inputs = tuple(image[id(x)] if isinstance(x, Tensor) else x for x in node._inputs)
        copy = Node(node.kind, inputs, next(ORDER), node._code, node._at, node.scope, None)
        for index, declared in enumerate(node._outputs):
            tensor = Tensor(values[graph.name_of(declared)][()], copy, declared.requires_grad)
            tensor._index = index
            keep(declared, tensor)
        made = [image[id(declared)] for declared in node._outputs]
        copy._outputs = tuple(weakref.ref(tensor) for tensor in made)
        copy._values = tuple(tensor._value for tensor in made) if node.kind.several else None
    return Record(graph, named, seconds)


def record_run(graph: Graph, inputs: Any, gradients_of: Any, keep: str) -> Record:
    """Run a graph and keep every value and, if asked, gradient; see `Graph.record`."""
    arrays, sizes = bind_inputs(graph, inputs)
    image: dict[int, Any] = {}
    named: dict[str, Tensor] = {}
    for declared, array in zip(graph.inputs, arrays, strict=True):
        image[id(declared)] = named[declared.name] = Leaf(
            array.copy(), "input", declared.name, array.dtype.kind == "f" and gradients_of is not None
        )
    for name, leaf in graph.leaves.items():
        copy = Leaf(np.array(leaf._value), leaf.role, name, leaf.requires_grad)
        image[id(leaf)] = named[name] = copy
    seconds: dict[str, float] = {}
    with using(recorder=None, scope="", enabled=True, tagger=None):
        for node in graph.nodes:
            started = time.perf_counter()
            kind = node.kind.bind(sizes) if node.kind.is_symbolic() else node.kind
            outputs = graph.replay_node(node, image, apply=lambda _, mapped, kind=kind: kind(*mapped))
            seconds[node.name] = time.perf_counter() - started
            for old, new in zip(node._outputs, outputs, strict=True):
                if isinstance(new, Tensor):
                    new._name = old._name
                else:  # computed from scalars alone
                    new = Leaf(np.array(new), "constant", old._name, False)
                    image[id(old)] = new
                named[old._name] = new
    record = Record(graph, named, seconds)
    if gradients_of is not None:
        ends = named_outputs(graph, gradients_of)
        if len(ends) != 1:
            raise GradientError(f"gradients_of has to name one tensor; {gradients_of!r} names {len(ends)}")
        target = record.tensor(graph.name_of(ends[0]))
        target.backward(grad=None if target.size == 1 else np.ones(target.shape, target.dtype), keep=keep)
    return record
