"""Differentiability: which tensors of a graph a gradient reaches, and which nodes cut the others off, before training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from localgrad.graph.errors import DetachedError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Composition
from localgrad.graph.naming import matching
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.transform.expand import expand

FLAT = frozenset(("Round", "Floor", "Ceil", "Sign", "Trunc"))
"""Kinds whose derivative is 0 wherever there is one."""
EXAMPLE = """from localgrad.exchange.onnx_imported import operator

@operator({operation!r})
def differentiable(op, *inputs):
    return inputs[0] * 1.0  # in operators and functions of lg, which have gradients"""


class Blocked(NamedTuple):
    """A node that no gradient passes."""

    node: str
    operation: str
    reason: str
    cuts_off: tuple[str, ...]
    """The tensors asked about that have no gradient and a path through it."""


class Differentiability:
    """What a gradient of the outputs reaches: `reached` and `cut_off` are names, `blocked` are the nodes in the way.

    Prints as a text for people; true where everything asked about is reached.
    """

    def __init__(self, reached: list[str], cut_off: list[str], idle: list[str], blocked: list[Blocked]) -> None:
        self.reached = reached
        self.cut_off = cut_off
        self.idle = idle
        self.blocked = blocked

    def __bool__(self) -> bool:
        return not self.cut_off and not self.idle

    def require(self) -> None:
        """Raise DetachedError, which names nodes and tensors, where a tensor asked about has no gradient."""
        if not self:
            raise DetachedError(f"gradients were asked for before training\nfound: {self}")

    def __str__(self) -> str:
        lines = [
            f"{len(self.reached)} of {len(self.reached) + len(self.cut_off) + len(self.idle)} tensors have a gradient"
        ]
        for each in self.blocked:
            cut = (
                f"; cuts off {', '.join(map(repr, each.cuts_off))}" if each.cuts_off else "; other paths lead around it"
            )
            lines.append(f"  {each.operation} `{each.node}`: {each.reason}{cut}")
        lines += [f"  {name!r}: no path leads from it to an output" for name in self.idle]
        if self.cut_off:
            first = next(iter(self.blocked), None)
            lines.append("do: freeze these tensors (leave them out of `trainable`), cut the graph before the node")
            if first is not None:
                lines[-1] += ", or give the operator a rule:"
                lines += [f"    {line}" for line in EXAMPLE.format(operation=first.operation).splitlines()]
        return "\n".join(lines)

    __repr__ = __str__


def differentiability(graph: Graph, wrt: str | Iterable[str] | None = None, of: Any = None) -> Differentiability:
    """Which of the tensors `wrt` (names or patterns; default: all float parameters) the outputs have a gradient by.

    Nodes are blamed by the names they have in `graph`: those without a rule, those whose result is of integers or truth
    values, and those whose derivative is 0 everywhere. Raises NameLookupError for a name that matches nothing.

    >>> import localgrad as lg
    >>> W = lg.parameter([1.0, 2.0], name="W")
    >>> graph = lg.capture(lambda x: lg.stop_gradient(x * W).sum(), lg.spec(2))
    >>> print(graph.differentiability())
    0 of 1 tensors have a gradient
      StopGradient `StopGradient#1`: it is there to stop gradients; cuts off 'W'
    do: freeze these tensors (leave them out of `trainable`), cut the graph before the node, or give the operator a rule:
        from localgrad.exchange.onnx_imported import operator
    <BLANKLINE>
        @operator('StopGradient')
        def differentiable(op, *inputs):
            return inputs[0] * 1.0  # in operators and functions of lg, which have gradients
    """
    if wrt is None:
        names = [name for name, tensor in graph.parameters.items() if tensor.dtype.kind == "f"]
    else:
        names = matching([wrt] if isinstance(wrt, str) else wrt, graph.tensors)
    ends = list(graph.outputs) if of is None else [graph.tensors[n] for n in graph.matching(of)]
    reasons = {node.order: _reason(node) for node in graph.nodes}
    smooth = _behind(graph, ends, reasons)
    any_path = _behind(graph, ends, {})
    ids = {name: id(graph.tensors[name]) for name in names}
    reached = [name for name in names if ids[name] in smooth]
    cut_off = [name for name in names if ids[name] in any_path and ids[name] not in smooth]
    idle = [name for name in names if ids[name] not in any_path]
    blocked = []
    for node in graph.nodes:
        reason = reasons[node.order]
        if reason is None or not any(id(t) in any_path for t in node._outputs):
            continue
        behind = _behind(graph, [x for x in node._inputs if isinstance(x, Tensor)], {})
        cuts = tuple(name for name in cut_off if ids[name] in behind)
        if cuts:
            blocked.append(Blocked(node.name, node.kind.operation, reason, cuts))
    return Differentiability(reached, cut_off, idle, blocked)


def _behind(graph: Graph, ends: list[Tensor], reasons: dict[int, str | None]) -> set[int]:
    """The tensors with a path to these ends on which no node is blocked, by id."""
    found = {id(end) for end in ends}
    for node in reversed(graph.nodes):
        if reasons.get(node.order) is None and any(id(t) in found for t in node._outputs):
            found.update(id(x) for x in node._inputs if isinstance(x, Tensor))
    return found


def _reason(node: Node) -> str | None:
    """Why no gradient passes a node; None where one does."""
    floats = [x for x in node._inputs if isinstance(x, Tensor) and x.dtype.kind == "f"]
    if not floats:
        return None
    if node.kind.name == "StopGradient":
        return "it is there to stop gradients"
    if all(t.dtype.kind != "f" for t in node._outputs):
        return f"its result is {node._outputs[0].dtype}, and such numbers have no derivative"
    if node.kind.operation in FLAT:
        return "its derivative is 0 everywhere"
    if not node.kind.differentiable:
        return "it has no gradient rule"
    if isinstance(node.kind, Composition) and node.kind.operation != node.kind.name:
        return _inside(node)
    return None


def _inside(node: Node) -> str | None:
    """Why no gradient passes the body of an imported node."""
    from localgrad.graph.capturing import Recorder

    recorder = Recorder()
    inputs: list[Any] = []
    for index, x in enumerate(node._inputs):
        if isinstance(x, Tensor) and x.is_symbolic:
            x = Tensor(x.spec, None, x.dtype.kind == "f")
            x._name = f"x{index}"
            recorder.add_input(x)
        elif isinstance(x, Tensor):
            recorder.adopt(x)
        inputs.append(x)
    outputs = recorder.copy_node(node, tuple(inputs), node._outputs)
    try:
        opened = expand(Graph(recorder.nodes, recorder.inputs, outputs))
    except Exception as error:
        # a shape that is not known before is when the graph runs on arrays, which is how it is trained
        if "on values alone" in str(error):
            return "it is computed on values alone, and has no gradient rule"
        return None
    reasons = {each.order: _reason(each) for each in opened.nodes}
    smooth = _behind(opened, list(opened.outputs), reasons)
    floats = [x for x in (*opened.inputs, *opened.parameters.values()) if x.dtype.kind == "f"]
    return None if any(id(x) in smooth for x in floats) else "nothing in it has a gradient"
