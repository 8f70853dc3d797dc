"""Pulled: the gradient of a body as a graph of its own, which reads what it needs of the body from its inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.spec import Spec, Symbol
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.creation import FullLike
from localgrad.transform.bodies import live, names_in, rename, solved_sizes, steps_of
from localgrad.transform.sweep import Reach, sweep


class Pull(NamedTuple):
    """What the sweep over a body made: nodes that still read the body's tensors."""

    seeds: dict[int, Tensor]
    """The gradient that comes in at an output, by the output's number."""
    found: dict[int, Tensor]
    """The gradient of an input, by the input's number."""
    nodes: list[Node]
    """The nodes those gradients depend on."""
    needed: list[Tensor]
    """The tensors of the body they read."""


def pull(body: Graph, given: Collection[int], wanted: Collection[int]) -> Pull:
    """Sweep backwards over a body from the outputs numbered `given` to the inputs numbered `wanted`."""
    recorder = Recorder()
    inside = {id(tensor): tensor for tensor in body.tensors.values()}
    recorder._known = dict(inside)
    starts = [body.inputs[number] for number in sorted(wanted)]
    reach = Reach(starts, body.nodes)
    seeds: dict[int, Tensor] = {}
    with using(recorder=recorder, scope="", enabled=True, tagger=None, site=None, watchers=()):
        pairs = []
        for number in sorted(given):
            output = body.outputs[number]
            if output in reach:
                seed = seeds[number] = Tensor(output.spec, None, True)
                seed._name = f"seed/{body.name_of(output)}"
                recorder.add_input(seed)
                pairs.append((output, seed))
        leaves = sweep(pairs, True, None, reach)
    found = {number: leaves[id(x)][1] for number in sorted(wanted) if id(x := body.inputs[number]) in leaves}
    nodes = live(list(found.values()), recorder.nodes)
    read = [*(x for node in nodes for x in node._inputs), *found.values()]
    needed: dict[int, Tensor] = {}
    for x in read:
        if isinstance(x, Tensor) and id(x) in inside and not isinstance(x, Leaf):
            needed.setdefault(id(x), x)
    return Pull(seeds, found, nodes, list(needed.values()))


class Reading:
    """What of a body has to be given to its gradient, and what is computed again from that.

    Computed again is what costs nothing (views), what does not change from step to step, and what has no size of its
    own that could be kept (`kept=None`: everything).
    """

    def __init__(self, body: Graph, needed: Sequence[Tensor], changing: int, keep: bool) -> None:
        still = {id(node): not moves for node, moves in steps_of(body.nodes, body.inputs[:changing])}
        names = {name for tensor in body.inputs for name in _names(tensor)}
        self.given: dict[int, Tensor] = {}
        again: set[int] = set()
        stack = list(needed)
        while stack:
            tensor = stack.pop()
            node = tensor._node
            if isinstance(tensor, Leaf) or id(tensor) in self.given or id(node) in again:
                continue
            if node is None:
                self.given[id(tensor)] = tensor
            elif not keep or still[id(node)] or (node.kind.view and node.kind.pure) or not _names(tensor) <= names:
                again.add(id(node))
                stack.extend(x for x in node._inputs if isinstance(x, Tensor))
                for other in node._outputs:
                    self.given.pop(id(other), None)
            else:
                self.given[id(tensor)] = tensor
        self.again = [node for node in body.nodes if id(node) in again]


def _names(tensor: Tensor) -> set[str]:
    return {name for extent in tensor.spec.shape if isinstance(extent, Symbol) for name in extent.names()}


class Build:
    """A graph under construction from copies of nodes whose tensors others stand for."""

    def __init__(self, name: str) -> None:
        self.recorder = Recorder()
        self.image: dict[int, Tensor] = {}
        self.name = name

    def input(self, spec: Spec, name: str | None, stands_for: Tensor | None = None) -> Tensor:
        """A further input, which may stand for a tensor the copied nodes read."""
        tensor = Tensor(spec, None, spec.dtype.kind == "f")
        tensor._name = name
        self.recorder.add_input(tensor)
        if stands_for is not None:
            self.image[id(stands_for)] = tensor
        return tensor

    def carry_names(self, tensors: Iterable[tuple[Any, Tensor]], nodes: Sequence[Node]) -> list[Any]:
        """The keys of those tensors that are needed besides the inputs there are to read the nodes' named extents off."""
        shapes = [tensor.spec.shape for tensor in self.recorder.inputs]
        missing = {name for node in nodes for name in names_in(node)} - solved_sizes(shapes, shapes).keys()
        chosen = []
        for key, tensor in tensors:
            found = missing & solved_sizes([tensor.spec.shape], [tensor.spec.shape]).keys()
            if found:
                missing -= found
                chosen.append(key)
        return chosen

    def copy(self, nodes: Sequence[Node]) -> None:
        """Copy nodes on what stands for their inputs; an output that something stands for already stays that."""
        for node in nodes:
            inputs = tuple(self.of(x) for x in node._inputs)
            made = self.recorder.copy_node(node, inputs, node._outputs)
            for old, new in zip(node._outputs, made, strict=True):
                self.image.setdefault(id(old), new)

    def of(self, x: Any) -> Any:
        """What stands for a tensor; constants and numbers stand for themselves."""
        return self.image.get(id(x), x) if isinstance(x, Tensor) else x

    def zeros(self, like: Tensor) -> Tensor:
        """Zeros in the shape of a tensor of this graph."""
        return self.record(lambda: FullLike.on(like, value=0.0))  # type: ignore[no-any-return]

    def record(self, make: Callable[[], Any]) -> Any:
        """Record nodes that stand for none of the body's."""
        self.recorder._known.update({id(t): t for t in self.recorder.inputs})
        with using(recorder=self.recorder, scope="", enabled=True, tagger=None, site=(None, 0), watchers=()):
            return make()

    def finish(self, outputs: Sequence[Tensor], names: Sequence[str]) -> Graph:
        """The graph, its outputs called by these names where they have none."""
        rename(self.recorder.inputs)
        taken = {tensor._name for tensor in self.recorder.inputs}
        taken |= {t._name for node in self.recorder.nodes for t in node._outputs}
        for tensor, name in zip(outputs, names, strict=True):
            if tensor._node is not None and tensor._name is None and name not in taken:
                tensor._name = name
                taken.add(name)
        return Graph(live(outputs, self.recorder.nodes), self.recorder.inputs, outputs, (), self.name)
