"""Graph: an immutable structure of nodes between inputs and outputs, with parameters, state and updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from localgrad.graph.context import using
from localgrad.graph.errors import LocalgradError, NameLookupError
from localgrad.graph.kind import same_field
from localgrad.graph.naming import Namer, matching
from localgrad.graph.node import Node
from localgrad.graph.recording import record as record_node
from localgrad.graph.registry import kind_named, nearest
from localgrad.graph.spec import same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.verbs import GraphVerbs
from localgrad.graph.warning import warn_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localgrad.graph.interpreter import Program
    from localgrad.graph.record import Record

Feed: TypeAlias = "Mapping[str, Any] | Sequence[Any] | Any"


class Graph(GraphVerbs):
    """Nodes in topological order between inputs and outputs, with parameters, state and updates.

    Obtained by `lg.capture`, `tensor.graph`, `lg.load` or `lg.load_onnx`; passes make new ones. Holds no values but
    those of its parameters, states and constants, which are the user's own tensors.

    >>> import localgrad as lg
    >>> W = lg.parameter([[1.0], [2.0]], name="W")
    >>> graph = lg.capture(lambda x: lg.sigmoid(x @ W), lg.spec("N", 2))
    >>> [node.kind.name for node in graph.nodes], list(graph.parameters)
    (['MatMul', 'Sigmoid'], ['W'])
    """

    origin: Any = None
    """The file it was read from, where what nobody changes is to be written as it stood there."""

    def __init__(
        self,
        nodes: Iterable[Node],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        updates: Iterable[tuple[Leaf, Tensor]] = (),
        name: str = "graph",
        leaf_names: Mapping[int, str] | None = None,
    ) -> None:
        self.name = name
        self.inputs: tuple[Tensor, ...] = tuple(inputs)
        found = list(nodes)
        self.outputs: tuple[Tensor, ...] = tuple(_distinct(found, outputs, inputs))
        self.nodes: tuple[Node, ...] = tuple(found)
        pending = list(updates)
        self._leaves: dict[str, Leaf] = {}
        self._names: dict[int, str] = {}
        self._tensors: dict[str, Tensor] = {}
        self._name_everything(pending, leaf_names or {})
        self.updates: Mapping[str, Tensor] = MappingProxyType({self._names[id(leaf)]: value for leaf, value in pending})
        self._record: Record | None = None
        self._program: Program | None = None

    def _name_everything(self, updates: list[tuple[Leaf, Tensor]], leaf_names: Mapping[int, str]) -> None:
        namer = Namer()
        # nodes a pass has added must not take the names the others were given before
        namer.reserve(t._name for node in self.nodes for t in node._outputs if t is not None and t._name is not None)
        namer.reserve(leaf_names.values())
        for tensor in self.inputs:
            namer.name_leaf(tensor)
        leaves: dict[int, Leaf] = {}
        inputs = {id(tensor) for tensor in self.inputs}
        used: list[Any] = [x for node in self.nodes for x in node._inputs]
        used += [leaf for leaf, _ in updates]
        used += [value for _, value in updates]
        used += self.outputs
        for x in used:
            if isinstance(x, Leaf) and x._node is None and id(x) not in inputs and id(x) not in leaves:
                leaves[id(x)] = x
                self._leaves[namer.name_leaf(x, leaf_names.get(id(x)))] = x
        for node in self.nodes:
            namer.name_outputs(node, node._outputs)
        if namer.repeated:
            warn_once(
                "names",
                f"the name {namer.repeated[0]!r} was given to several tensors of graph `{self.name}`; the later ones are "
                f"called {namer.repeated[0]}#2, ... ",
            )
        self._names = namer.names
        for node in self.nodes:
            for tensor in node._outputs:
                tensor._name = self._names[id(tensor)]
                self._tensors[tensor._name] = tensor
        for tensor in self.inputs:
            tensor._name = self._names[id(tensor)]
            self._tensors[tensor._name] = tensor
        self._tensors.update(self._leaves)

    # what it holds ----------------------------------------------------------------------------------------------
    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name, in order of first use."""
        return {name: leaf for name, leaf in self._leaves.items() if leaf.role == "parameter"}

    @property
    def states(self) -> dict[str, Tensor]:
        """The state tensors by name."""
        return {name: leaf for name, leaf in self._leaves.items() if leaf.role == "state"}

    @property
    def constants(self) -> dict[str, Tensor]:
        """The tensors with a fixed value by name."""
        return {name: leaf for name, leaf in self._leaves.items() if leaf.role in ("constant", "input")}

    @property
    def leaves(self) -> Mapping[str, Leaf]:
        """Parameters, states and constants by name."""
        return MappingProxyType(self._leaves)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Every tensor by name: node outputs, inputs, parameters, states and constants."""
        return MappingProxyType(self._tensors)

    def name_of(self, tensor: Tensor) -> str:
        """The name a tensor has in this graph; raises NameLookupError where it belongs to another."""
        try:
            return self._names[id(tensor)]
        except KeyError:
            raise NameLookupError(f"`{tensor._name}` does not belong to graph `{self.name}`") from None

    def find(self, name: str) -> Tensor:
        """The tensor of that exact name; raises NameLookupError with the nearest names."""
        try:
            return self._tensors[name]
        except KeyError:
            raise NameLookupError(
                f"graph `{self.name}` has no tensor called {name!r}{nearest(name, self._tensors)}"
            ) from None

    def node(self, name: str) -> Node:
        """The node of that name (or that makes the tensor of that name)."""
        tensor = self._tensors.get(name)
        if tensor is None:
            tensor = self._tensors.get(f"{name}:0")
        if tensor is None:
            tensor = self.find(name)
        if tensor._node is None:
            raise NameLookupError(f"`{name}` is a {getattr(tensor, 'role', 'input')}; no node makes it")
        return tensor._node

    def matching(self, patterns: str | Iterable[str]) -> list[str]:
        """The names of tensors that match patterns (`*`, `?`); an exact name wins; raises NameLookupError for none."""
        return matching([patterns] if isinstance(patterns, str) else patterns, self._tensors)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    # running ----------------------------------------------------------------------------------------------------
    def run(self, inputs: Feed = (), fetch: str | Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Outputs by name (or exactly what `fetch` matches), computed node by node with NumPy; updates are applied.

        `inputs` is a dict by name, or a sequence in the order of `graph.inputs`. Raises NameLookupError for a wrong or
        missing name, ShapeError and DTypeError where an input does not fit its declaration.

        >>> import localgrad as lg
        >>> graph = lg.capture(lambda x: lg.exp(x), lg.spec("N"))
        >>> graph.run([[0.0]])
        {'Exp#1': array([1.], dtype=float32)}
        """
        from localgrad.graph.interpreter import run

        return run(self, inputs, fetch)

    def record(self, inputs: Feed | None = None, gradients_of: str | Tensor | None = None, keep: str = "all") -> Record:
        """Run and keep the value of every tensor, and with `gradients_of` the gradient of that output to each.

        Without inputs: the record this graph came with (`loss.graph`). `keep="leaves"` keeps the gradients of inputs
        and parameters only.
        """
        from localgrad.graph.record import record_run

        if inputs is None and self._record is not None and gradients_of is None:
            return self._record
        return record_run(self, () if inputs is None else inputs, gradients_of, keep)

    def keep_record(self, record: Record) -> None:
        """Remember the record of the run this graph was made from."""
        self._record = record

    def __call__(self, *inputs: Any) -> Any:
        """The graph as a function of tensors: records its nodes again on them; one tensor, or a tuple of the outputs."""
        outputs, _ = self.replay(inputs)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def replay(
        self, inputs: Sequence[Any], stand_in: Mapping[int, Any] | None = None, sites: bool = True, scope: str = ""
    ) -> tuple[list[Any], dict[int, Any]]:
        """Record every node again on other inputs; outputs, and what stands for each tensor of this graph by id.

        `stand_in` gives replacements for leaves by id; `scope` is put before the nodes' own.
        """
        from localgrad.graph.interpreter import check_count

        check_count(self, inputs)
        image: dict[int, Any] = dict(stand_in or {})
        image.update({id(tensor): x for tensor, x in zip(self.inputs, inputs, strict=True)})
        for node in self.nodes:
            self.replay_node(node, image, sites, scope)
        return [image.get(id(tensor), tensor) for tensor in self.outputs], image

    @staticmethod
    def replay_node(
        node: Node,
        image: dict[int, Any],
        sites: bool = True,
        scope: str = "",
        apply: Callable[..., Any] = record_node,
    ) -> tuple[Any, ...]:
        """Record one node again; its outputs, which are also entered in `image`."""
        mapped = tuple(image.get(id(x), x) if isinstance(x, Tensor) else x for x in node._inputs)
        path = "/".join(part for part in (scope, node.scope) if part)
        changes: dict[str, Any] = {"scope": path}
        if sites:
            changes["site"] = (node._code, node._at)
        with using(**changes):
            made = node.kind(*mapped) if not any(isinstance(x, Tensor) for x in mapped) else apply(node.kind, mapped)
        outputs = made if isinstance(made, tuple) else (made,)
        for old, new in zip(node._outputs, outputs, strict=True):
            image[id(old)] = new
        return outputs

    # comparing --------------------------------------------------------------------------------------------------
    def same_as(self, other: Graph, values: bool = True) -> bool:
        """Whether two graphs have the same structure (kinds, edges, specs, roles) and, if asked, equal leaf values."""
        return not self.differences(other, values)

    def differences(self, other: Graph, values: bool = True) -> list[str]:
        """What differs between two graphs, first difference first; empty where they are equal. Names do not count."""
        from localgrad.graph.comparing import differences

        return differences(self, other, values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self is other or self.same_as(other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return (
            f"<graph {self.name}: {len(self.nodes)} nodes, inputs {[t.name for t in self.inputs]}, "
            f"outputs {[self.name_of(t) for t in self.outputs]}, {len(self.parameters)} parameters>"
        )

    def __reduce__(self) -> Any:
        from localgrad.graph.comparing import describe, rebuild

        return rebuild, (describe(self),)

    def __copy__(self) -> Graph:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        from copy import deepcopy

        from localgrad.graph.comparing import describe, rebuild

        data = describe(self)
        data["leaves"] = [(name, deepcopy(leaf, memo)) for name, leaf in data["leaves"]]
        return rebuild(data)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("nodes", "inputs", "outputs", "updates") and name in self.__dict__:
            raise LocalgradError("a graph is immutable: passes and surgery make new ones")
        object.__setattr__(self, name, value)


def _distinct(nodes: list[Node], outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Outputs of which no two are one tensor and none is an input or a leaf: those get an Identity node."""
    from localgrad.graph.capturing import Recorder

    seen = {id(tensor) for tensor in inputs}
    result = []
    for tensor in outputs:
        if id(tensor) in seen or tensor._node is None:
            recorder = Recorder()
            recorder._known[id(tensor)] = tensor
            recorder.nodes = nodes
            with using(recorder=recorder, scope="", tagger=None, enabled=True, site=(None, 0)):
                tensor = kind_named("Identity")()(tensor)
        seen.add(id(tensor))
        result.append(tensor)
    return result


def same_declaration(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have equal shape and dtype."""
    return same_shape(a.shape, b.shape) and same_field(a.dtype.name, b.dtype.name)
