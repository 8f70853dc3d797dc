"""Node: one use of a kind in one graph."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from localgrad.graph.source import SourceLine, line_of
from localgrad.graph.verbs import NodeVerbs

if TYPE_CHECKING:
    from localgrad.graph.kind import Kind
    from localgrad.graph.tensor import Tensor

Scalar: TypeAlias = bool | int | float
NodeInput: TypeAlias = "Tensor | Scalar | None"

ORDER: Final = itertools.count(1)
"""One clock for nodes, in-place writes and backward passes: what has the larger number happened later."""


NOTHING: Final = object()
"""Stands where a node has no second input (None stands for an optional one that is missing)."""
MORE: Final = object()
"""Stands for the second input of a node whose first holds the tuple of all: one without inputs, or with over two."""


class Derived(NamedTuple):
    """What a node of a gradient was made for."""

    node: Node
    """The forward node whose rule it belongs to."""
    input_index: int | None
    """The input whose gradient it computes; None where it serves several."""
    role: Literal["contribution", "accumulation"]


class _Rest:
    """What few nodes have: a purpose, known outputs, the values of several outputs."""

    __slots__ = ("of", "outputs", "values")

    def __init__(self) -> None:
        self.of: Derived | None = None
        self.outputs: Any = None
        self.values: tuple[Any, ...] | None = None


class Node(NodeVerbs):
    """One use of a kind: its inputs, outputs, name, source line and scope.

    Inputs are tensors, Python scalars (which cost no node), or None where an optional one is missing. Outputs are held
    weakly while computing eagerly, so that a dropped loss frees its graph by reference counting.
    """

    __slots__ = ("__weakref__", "_at", "_code", "_first", "_jump", "_rest", "_second", "kind", "order", "scope")

    _jump: tuple[int, Node | None]  # on nodes of `x[i] = v` only: how many assignments x has had, and an earlier one

    def __init__(
        self, kind: Kind, inputs: tuple[NodeInput, ...], order: int, code: Any, at: int, scope: str, of: Derived | None
    ) -> None:
        self.kind = kind
        self._inputs = inputs
        self.order = order
        self._code = code
        self._at = at
        self.scope = scope
        self._rest: _Rest | None = None
        if of is not None:
            self.of = of

    # One or two inputs stand in slots of their own, and what few nodes have in an object of its own: what Python's
    # cyclic collector has to look at is a good part of what a long chain of scalars costs.
    @property
    def _inputs(self) -> tuple[NodeInput, ...]:
        second = self._second
        if second is NOTHING:
            return (self._first,)
        return self._first if second is MORE else (self._first, second)

    @_inputs.setter
    def _inputs(self, inputs: tuple[NodeInput, ...]) -> None:
        count = len(inputs)
        self._first: Any = inputs[0] if 0 < count < 3 else inputs
        self._second: Any = inputs[1] if count == 2 else NOTHING if count == 1 else MORE

    @property
    def of(self) -> Derived | None:
        """What it was made for, where it computes a gradient."""
        rest = self._rest
        return None if rest is None else rest.of

    @of.setter
    def of(self, of: Derived | None) -> None:
        self._own_rest().of = of

    @property
    def _outputs(self) -> Any:
        rest = self._rest
        return None if rest is None else rest.outputs

    @_outputs.setter
    def _outputs(self, outputs: Any) -> None:
        self._own_rest().outputs = outputs

    @property
    def _values(self) -> tuple[Any, ...] | None:
        rest = self._rest
        return None if rest is None else rest.values

    @_values.setter
    def _values(self, values: tuple[Any, ...] | None) -> None:
        self._own_rest().values = values

    def _own_rest(self) -> _Rest:
        rest = self._rest
        if rest is None:
            rest = self._rest = _Rest()
        return rest

    @property
    def inputs(self) -> tuple[NodeInput, ...]:
        """The inputs, as they were when the node was recorded."""
        return tuple(before(x, self.order) for x in self._inputs)

    @property
    def outputs(self) -> tuple[Tensor | None, ...]:
        """The outputs; None stands for one that nothing refers to any more."""
        found = self._outputs
        if found is None:
            return (None,) * self.kind.output_count()
        return tuple(each() if isinstance(each, weakref.ref) else each for each in found)

    @property
    def output(self) -> Tensor:
        """The first output that is still referred to."""
        for tensor in self.outputs:
            if tensor is not None:
                return tensor
        raise ReferenceError(f"no output of this {self.kind.name} node is referred to any more")

    @property
    def name(self) -> str:
        """The name of its first output, which is unique in its graph."""
        name = self.output.name
        return name.rsplit(":", 1)[0] if self.kind.output_count() > 1 else name

    @property
    def source(self) -> SourceLine | None:
        """The line of the user's code that made it; None where unknown."""
        return line_of(self._code, self._at)

    def __reduce__(self) -> Any:
        # a node means something only with what it was computed from, so that goes along
        from localgrad.graph.history import graph_of

        output = self.output
        graph = graph_of([output])
        return _node_of, (graph, graph.name_of(graph.outputs[0]))

    def __copy__(self) -> Node:
        return self

    def __repr__(self) -> str:
        try:
            name = self.name
        except ReferenceError:
            name = "?"
        return f"<node {name}: {self.kind!r}>"


def _node_of(graph: Any, name: str) -> Node:
    return graph.node(name)  # type: ignore[no-any-return]


def before(x: Any, order: int) -> Any:
    """The tensor an input stood for when the node numbered `order` was recorded.

    `x[i] = v` rebinds the object x to a new node; consumers recorded earlier mean the tensor it was then, which is
    the first input of that new node.
    """
    node = getattr(x, "_node", None)
    while node is not None and node.order > order:
        jump = getattr(node, "_jump", None)
        if jump is not None and jump[1] is not None and jump[1].order > order:
            node = jump[1]
        else:
            x = node._inputs[0]
            node = x._node
    return x


def remember_assignment(node: Node, earlier: Node | None) -> None:
    """Note that `node` assigned into what `earlier` made, so that among n assignments `before` visits log n.

    Each knows the one before it, or one far back, at distances that are the digits of a skew binary number.
    """
    known: tuple[int, Node | None] | None = getattr(earlier, "_jump", None)
    if known is None:
        node._jump = (1, None)
        return
    count, far = known
    node._jump = (count + 1, earlier)
    if far is not None:
        middle, furthest = far._jump
        if furthest is not None and count - middle == middle - furthest._jump[0]:
            node._jump = (count + 1, furthest)
