"""Bodies: functions recorded as graphs that a node holds; the outer tensors they read are inputs of the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakKeyDictionary

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import CONTEXT, using
from localgrad.graph.errors import GradientError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.node import ORDER, Node
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, is_static, same_shape
from localgrad.graph.tensor import Leaf, Tensor

if TYPE_CHECKING:
    from typing import Self

Sizes = Mapping[str, Extent]


class Holder(Kind):
    """A kind that holds graphs: it is impure where one of their nodes is.

    Named extents in a body are its own: their sizes are read off the node's inputs, not taken from the graph around.
    """

    family: ClassVar[str] = "control"

    def check_fields(self) -> None:
        self.__dict__["pure"] = all(node.kind.pure for body in self.bodies.values() for node in body.nodes)

    @property
    def bodies(self) -> dict[str, Graph]:
        """The graphs it holds by the name of the field."""
        return {name: value for name, value in self.field_values().items() if isinstance(value, Graph)}

    def need_closed(self) -> None:
        """Raise GradientError where a body holds a parameter or state, which no gradient or update would reach."""
        for body in self.bodies.values():
            for name, leaf in body.leaves.items():
                if leaf.role in ("parameter", "state"):
                    raise GradientError(
                        f"{self.name} was to be made with the graph `{body.name}` as a body\n"
                        f"found: the {leaf.role} `{name}` stands in it, where no gradient or update would reach it\n"
                        f"do: make it an input of the body; lg.cond, lg.scan and lg.loop do"
                    )

    def seen(self, inputs: Sequence[Any]) -> list[Shape]:
        """The shapes the bodies see of the node's inputs."""
        return [_shape(x) for x in inputs]

    def fitted(self, inputs: Sequence[Any]) -> Self:
        """This kind with the named extents of its bodies replaced by those of the node's inputs (values or specs)."""
        bodies = self.bodies
        named = self.__dict__.get("_named")
        if named is None:
            named = self.__dict__["_named"] = any(_has_names(body) for body in bodies.values())
        if not named:
            return self
        declared = [tensor.shape for tensor in next(iter(bodies.values())).inputs]
        given = self.seen(inputs)
        if len(given) != len(declared) or all(map(same_shape, declared, given)):
            return self
        sizes = solved_sizes(declared, given)
        made: dict[Any, Any] = self.__dict__.setdefault("_fitted", {})
        key = tuple([(name, str(size)) for name, size in sizes.items()])
        if key not in made:
            if len(made) > 64:
                made.clear()
            made[key] = self.replaced(**{name: bound_graph(body, sizes) for name, body in bodies.items()})
        return made[key]  # type: ignore[no-any-return]

    def bind(self, sizes: Mapping[str, int]) -> Self:
        # the same object each time, since what it prepared for its bodies belongs to it
        made: dict[Any, Any] = self.__dict__.setdefault("_bound", {})
        key = tuple(sorted(sizes.items()))
        if key not in made:
            if len(made) > 64:
                made.clear()
            made[key] = super().bind(sizes)
        return made[key]  # type: ignore[no-any-return]

    def __getstate__(self) -> dict[str, Any]:
        return self.field_values()

    def __setstate__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)
        self.check_fields()


def _shape(x: Any) -> Shape:
    return x.shape if hasattr(x, "shape") else ()


def _has_names(graph: Graph) -> bool:
    return (
        any(not is_static(tensor.shape) for tensor in graph.inputs)
        or any(node.kind.is_symbolic() for node in graph.nodes)
        or any(not is_static(tensor.shape) for node in graph.nodes for tensor in node._outputs)
    )


def bound_extent(extent: Extent, sizes: Sizes) -> Extent:
    """An extent with names replaced by sizes (or other extents); one with a name that has none stays."""
    if not isinstance(extent, Symbol) or not extent.names() <= sizes.keys():
        return extent
    return extent.bind(sizes)  # type: ignore[arg-type]  # arithmetic on extents gives extents


def bound_graph(graph: Graph, sizes: Sizes) -> Graph:
    """The graph with named extents replaced by sizes, in its declarations and in the fields of its kinds."""
    recorder = Recorder()
    image: dict[int, Tensor] = {}

    def bound(tensor: Tensor) -> Spec:
        return Spec([bound_extent(extent, sizes) for extent in tensor.shape], tensor.dtype)

    for tensor in graph.inputs:
        copy = image[id(tensor)] = Tensor(bound(tensor), None, tensor.requires_grad)
        copy._name = tensor._name
        recorder.add_input(copy)
    for node in graph.nodes:
        kind = node.kind.bind(sizes) if node.kind.is_symbolic() else node.kind  # type: ignore[arg-type]
        inputs = tuple(image.get(id(x), x) if isinstance(x, Tensor) else x for x in node._inputs)
        if isinstance(kind, Holder):
            kind = kind.fitted(inputs)
        made = Node(kind, inputs, next(ORDER), node._code, node._at, node.scope, node.of)
        outputs = recorder._outputs(made, tuple(bound(t) for t in node._outputs), False)
        for old, new in zip(node._outputs, outputs, strict=True):
            new._name, new.requires_grad = old._name, old.requires_grad
            image[id(old)] = new
    return Graph(recorder.nodes, recorder.inputs, [image[id(t)] for t in graph.outputs], (), graph.name)


def solved_sizes(declared: Sequence[Shape], given: Sequence[Shape]) -> dict[str, Extent]:
    """The size of each name in declared shapes, read off the shapes given in their place."""
    sizes: dict[str, Extent] = {}
    for shape, actual in zip(declared, given, strict=True):
        for extent, found in zip(shape, actual, strict=False):
            if not isinstance(extent, Symbol):
                continue
            names = extent.names()
            factor, rest = extent.terms.get(tuple(names), 0), extent.terms.get((), 0)
            # only names that stand alone up to a factor and a summand can be read off
            if len(names) == 1 and factor and len(extent.terms) == 1 + (() in extent.terms):
                difference = found - rest
                sizes.setdefault(names.pop(), difference // factor if factor != 1 else difference)
    return sizes


class BodyRecorder(Recorder):
    """Records the body of a node: every outer tensor it reads becomes a further input of the node."""

    def adopt(self, tensor: Tensor) -> Tensor:
        if id(tensor) in self._known:
            return tensor
        if isinstance(tensor, Leaf) and tensor.role == "constant" and tensor._node is None:
            return super().adopt(tensor)
        if id(tensor) not in self._adopted:
            inner = Tensor(tensor.spec, None, tensor.requires_grad)
            inner._name = tensor._name
            self.lifted.append((tensor, inner))
            self.add_input(inner)
            self._adopted[id(tensor)] = (tensor, inner)
        return self._adopted[id(tensor)][1]


class Traced:
    """A function recorded on declared inputs; not a graph yet, since its node may have to add inputs and outputs."""

    def __init__(
        self, f: Callable[..., Any], declared: Sequence[tuple[str, Spec]], rebuild: Callable[[Any], Any]
    ) -> None:
        self.name = str(getattr(f, "__name__", "body")).strip("<>")
        self.recorder = BodyRecorder(CONTEXT.get().recorder)
        self.declared = len(declared)
        given: list[Tensor] = []
        for name, spec in declared:
            tensor = Tensor(spec, None, spec.dtype.kind == "f")
            tensor._name = name
            self.recorder.add_input(tensor)
            given.append(tensor)
        with self.inside():
            self.result = f(*rebuild(given))

    def inside(self) -> Any:
        """The context in which the body is recorded; under `no_grad` it is the node that has no gradient."""
        return using(recorder=self.recorder, scope="", enabled=True, tagger=None, watchers=(), site=None)

    @property
    def outer(self) -> list[Tensor]:
        """The outer tensors it reads, in the order of the inputs after the declared ones."""
        return [tensor for tensor, _ in self.recorder.lifted]

    def input(self, place: int) -> Tensor:
        """The tensor that stands for an input: a declared one, or after these an outer one."""
        return self.recorder.inputs[place]

    def place_of(self, outer: Tensor) -> int:
        """The place of an outer tensor among the inputs, added where the body does not read it."""
        self.recorder.adopt(outer)
        return self.declared + next(i for i, (each, _) in enumerate(self.recorder.lifted) if each is outer)

    def updates(self) -> list[tuple[Leaf, Tensor]]:
        """The states it gives new values."""
        return list(self.recorder.updates.values())

    def carry_names(self) -> None:
        """Make every named extent of the body readable from an input, by adding outer tensors that have it."""
        recorder = self.recorder
        missing = {name for node in recorder.nodes for name in names_in(node)}
        shapes = [tensor.shape for tensor in recorder.inputs]
        missing -= solved_sizes(shapes, shapes).keys()
        around = recorder.outer
        while missing and around is not None:
            for tensor in around.inputs:
                found = missing & solved_sizes([tensor.shape], [tensor.shape]).keys()
                if found:
                    recorder.adopt(tensor)
                    missing -= found
            around = around.outer

    def graph(self, places: Sequence[int], outputs: Sequence[Tensor]) -> Graph:
        """The graph with its inputs in this order; nodes nothing depends on are left out."""
        inputs = [self.recorder.inputs[place] for place in places]
        rename(inputs)
        for node in self.recorder.nodes:
            node._inputs = node.inputs  # tensors assigned into since then (`x[i] = v`) stand for what they were
        nodes = live([*outputs], self.recorder.nodes)
        return Graph(nodes, inputs, outputs, (), self.name)


def names_in(node: Node) -> set[str]:
    """The named extents in the fields of a node's kind, and in its outputs."""
    extents = [extent for tensor in node._outputs for extent in tensor.shape]
    stack = list(node.kind.field_values().values())
    while stack:
        value = stack.pop()
        if isinstance(value, (tuple, list)):
            stack.extend(value)
        elif isinstance(value, slice):
            stack.extend((value.start, value.stop, value.step))
        else:
            extents.append(value)
    return {name for extent in extents if isinstance(extent, Symbol) for name in extent.names()}


def rename(tensors: Sequence[Tensor]) -> None:
    """Give tensors of one name names of their own."""
    taken: set[str] = set()
    for tensor in tensors:
        if tensor._name is not None:
            name, number = tensor._name, 1
            while name in taken:
                number += 1
                name = f"{tensor._name}#{number}"
            tensor._name = name
            taken.add(name)


def live(ends: Sequence[Tensor], nodes: Sequence[Node]) -> list[Node]:
    """The nodes these tensors, or an impure node, depend on, in order."""
    wanted = {tensor._node.order for tensor in ends if tensor._node is not None}
    kept: list[Node] = []
    for node in reversed(nodes):
        if node.order in wanted or not node.kind.pure:
            kept.append(node)
            wanted.update(x._node.order for x in node._inputs if isinstance(x, Tensor) and x._node is not None)
    return kept[::-1]


# one kind for one function ----------------------------------------------------------------------------------------
_KNOWN: Final[WeakKeyDictionary[Any, list[Kind]]] = WeakKeyDictionary()
MOST_KNOWN: Final = 8


def interned(f: Callable[..., Any], made: Kind) -> Kind:
    """An equal kind made from the same function before, if there is one: its gradient is known already."""
    code = getattr(f, "__code__", None)
    if code is None:
        return made
    known = _KNOWN.setdefault(code, [])
    for each in known:
        if each == made:
            return each
    known.append(made)
    del known[:-MOST_KNOWN]
    return made


def steps_of(nodes: Sequence[Node], changing: Sequence[Tensor]) -> Iterator[tuple[Node, bool]]:
    """Each node, and whether it depends on one of the changing tensors (or may give another value every time)."""
    moving = {id(tensor) for tensor in changing}
    for node in nodes:
        moves = not node.kind.pure or any(id(x) in moving for x in node._inputs)
        if moves:
            moving.update(id(tensor) for tensor in node._outputs)
        yield node, moves
