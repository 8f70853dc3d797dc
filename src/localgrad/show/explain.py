"""Explaining a node or a leaf: its card, from what was computed or recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from localgrad.graph.capturing import body_graph
from localgrad.graph.graph import Graph
from localgrad.graph.history import History
from localgrad.graph.kind import Composition
from localgrad.graph.node import Derived, Node, before
from localgrad.graph.record import Record
from localgrad.graph.recording import spec_of
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.show.card import Card, FanOut, Part, Row
from localgrad.show.example import numbers_in, rule_on
from localgrad.show.numbers import fields_text
from localgrad.show.products import input_names, output_names, vjp_formulas
from localgrad.show.text import expression_text, tensor_text
from localgrad.transform.backward import last_outputs
from localgrad.transform.path import Paths
from localgrad.transform.sweep import contributions

_MOST_PARTS = 8
_GONE = "what was computed from it is not referred to any more, so its consumers are not known"


def explain(node: Node) -> Card:
    """The card of a node: its formula, vector-Jacobian products, values, gradients and place in the code.

    Gradients are those of the last `backward` through it; the nodes of a captured graph have no values.

    >>> import localgrad as lg
    >>> x = lg.tensor([0.0, 1.0], name="x", requires_grad=True)
    >>> y = lg.sigmoid(x)
    >>> y.sum().backward()
    >>> print(y.node.explain())  # doctest: +ELLIPSIS
    Sigmoid#1  (Sigmoid)
      ...
      formula   y = 1 / (1 + e^(-x))
      ...
          its gradient = grad * y * (1 - y)
    ...
    """
    alive = [tensor for tensor in node.outputs if tensor is not None]
    return _node_card(node, _Surroundings.of_tensors(alive, node))


def explain_tensor(tensor: Tensor) -> Card:
    """The card of the node that made a tensor; of a leaf its value, its gradient and what each consumer sent back.

    >>> import localgrad as lg
    >>> w = lg.parameter(3.0, name="w")
    >>> loss = w * 2.0 + w * w
    >>> loss.backward()
    >>> print(w.explain())
    w  (parameter)
      parameter w: float32()
          value: 3
          gradient: 8
      the gradient of w is the sum of what its consumers send back
          from Mul#1, input a: 2
          from Mul#2, input a: 3
          from Mul#2, input b: 3
          together: 8
    """
    node = tensor.node
    return explain(node) if node is not None else _leaf_card(tensor, _Surroundings.of_tensors([tensor], None))


def explain_in_record(record: Record, node: str | Node | Tensor) -> Card:
    """The card of a node, input, parameter, state or constant with the numbers of a recorded run.

    Raises NameLookupError where the graph has nothing of that name.
    """
    around = _Surroundings.of_record(record)
    if isinstance(node, Node) and node.order in around.outputs:
        return _node_card(node, around)
    name = node if isinstance(node, str) else record.graph.name_of(node) if isinstance(node, Tensor) else node.name
    if name in record.graph.tensors and record.graph.tensors[name]._node is None:
        return _leaf_card(record.tensor(name), around)
    made = record.graph.node(name)
    kept = [record.tensors[t._name] for t in made._outputs if t._name in record.tensors]
    used = next((t.node for t in kept if t.node is not None), None)
    if used is not None:
        return _node_card(used, around)
    card = _node_card(made, _Surroundings([], {}, {}, []))  # computed from numbers alone: a constant of this run
    rows = (Row(row.role, row.name, row.spec, np.asarray(t._value)) for row, t in zip(card.outputs, kept, strict=False))
    return Card(**{**vars(card), "outputs": tuple(rows), "notes": ("it was computed from numbers alone",)})


class _Surroundings:
    """The nodes around one, with their outputs, the names of tensors, and the ends a backward started from."""

    def __init__(
        self,
        nodes: list[Node],
        outputs: Mapping[int, list[Tensor | None]],
        names: Mapping[int, str],
        ends: list[Tensor],
    ) -> None:
        self.nodes = nodes
        self.outputs = outputs
        self.names = names
        self.ends = ends

    @staticmethod
    def of_tensors(tensors: list[Tensor], node: Node | None) -> _Surroundings:
        """What is computed between the leaves and the outputs of the last backward, if that holds the node or leaf."""
        if any(t.is_symbolic and t._name is not None for t in tensors):  # a graph has named everything
            return _Surroundings([], {}, {}, [])
        ends = last_outputs()
        history = History.of(ends) if ends else None
        inside = history is not None and (
            node.order in history.outputs if node is not None else any(leaf is tensors[0] for leaf in history.leaves)
        )
        if history is None or not inside:
            ends = []
            inputs = [x for x in node.inputs if isinstance(x, Tensor)] if node is not None else []
            history = History.of(tensors or inputs)
        return _Surroundings(history.nodes, history.outputs, history.names(), ends)

    @staticmethod
    def of_record(record: Record) -> _Surroundings:
        """The nodes of a recorded run."""
        tensors = list(record.tensors.values())
        history = History.of(tensors)
        names = {id(tensor): name for name, tensor in record.tensors.items()}
        ends = [t for t in last_outputs() if id(t) in names]
        return _Surroundings(history.nodes, history.outputs, names, ends)

    def made_by(self, node: Node) -> list[Tensor | None]:
        """The outputs of a node that are still there."""
        return list(self.outputs.get(node.order) or node.outputs)

    def name(self, x: Any) -> str:
        """What a tensor or number is called."""
        if not isinstance(x, Tensor):
            return f"{x:g}" if isinstance(x, float) else repr(x)
        return self.names.get(id(x)) or x._name or x.name

    def node_name(self, node: Node) -> str:
        """What a node is called."""
        made = next((t for t in self.made_by(node) if t is not None), None)
        if made is None:
            return node.kind.operation
        name = self.name(made)
        return name.rsplit(":", 1)[0] if node.kind.several and made._name is None else name

    def consumers(self, tensors: Iterable[Tensor]) -> dict[int, list[tuple[Node, int]]]:
        """Who reads each of these tensors, at which input; by the tensor's id."""
        wanted = {_identity(tensor): id(tensor) for tensor in tensors}
        found: dict[int, list[tuple[Node, int]]] = {key: [] for key in wanted.values()}
        for node in self.nodes:
            for index, x in enumerate(node._inputs):
                if isinstance(x, Tensor):
                    if x._node is not None and x._node.order > node.order:
                        x = before(x, node.order)
                    key = wanted.get(_identity(x))
                    if key is not None:
                        found[key].append((node, index))
        return found


def _identity(tensor: Tensor) -> Any:
    return (tensor._node.order, tensor._index) if tensor._node is not None else id(tensor)


def _node_card(node: Node, around: _Surroundings) -> Card:
    kind, inputs, outputs = node.kind, node.inputs, around.made_by(node)
    made = [t for t in outputs if t is not None]
    written = _written_since(node)
    notes = [
        f"`{around.name(x)}` was written to after this node was computed; its value here is the new one"
        for x in written
    ]
    sources = [x for x in inputs if isinstance(x, Tensor)]
    readers = around.consumers([*made, *sources])
    formulas = vjp_formulas(node)
    with_numbers = bool(made) and not written and not any(t.is_symbolic for t in (*made, *sources))
    sent = _sent(node, outputs) if with_numbers else {}
    local = rule_on(node, made[0], np.ones(made[0].shape, made[0].dtype)[()]) if with_numbers else {}
    rows = []
    for index, (label, x) in enumerate(zip(input_names(kind, len(inputs)), inputs, strict=True)):
        if isinstance(x, Tensor):
            others = len(readers[id(x)]) > 1 and x._grad is not None
            part = sent.get(index) if others else None
            unasked = x.dtype.kind == "f" and not x.requires_grad and any(t._grad is not None for t in made)
            row = Row(
                role=f"input {label} =",
                name=around.name(x),
                spec=tensor_text(x),
                value=_value(x),
                gradient=x._grad,
                vjp=formulas.get(label, ""),
                local=local.get(index),
                part=part,
                note="not computed, since it requires none" if unasked and label in formulas else "",
            )
            rows.append(row)
        elif x is not None:
            rows.append(Row(f"input {label} =", f"{around.name(x)} (a number of the formula)", ""))
    results = [
        Row(f"output {label} =", around.name(t), tensor_text(t), _value(t), t._grad)
        for label, t in zip(output_names(kind), outputs, strict=True)
        if t is not None
    ]
    source = node.source
    return Card(
        name=around.node_name(node),
        kind=kind.operation,
        summary=(kind.__doc__ or "").strip().split("\n")[0],
        formula=kind.formula,
        expression=f"{', '.join(map(around.name, made)) or 'y'} = {expression_text(node, around.name)}",
        fields=tuple(fields_text(kind, changed=False)),
        body=_body_text(node),
        source=f"{source}  {source.text}".rstrip() if source is not None else "",
        scope=node.scope,
        made_for=_purpose(node.of, around) if node.of is not None else "",
        inputs=tuple(rows),
        outputs=tuple(results),
        fan_outs=tuple(_fan_outs(made, readers, around)),
        example=numbers_in(node, made[0]) if with_numbers else (),
        notes=(*notes, *_notes(node, outputs, around)),
    )


def _leaf_card(tensor: Tensor, around: _Surroundings) -> Card:
    role = tensor.role if isinstance(tensor, Leaf) else "input" if tensor.is_symbolic else "value"
    readers = around.consumers([tensor])
    notes = []
    if tensor.is_symbolic:
        notes.append("no values here: graph.record(inputs, gradients_of=...).explain(name) has them")
    elif tensor.requires_grad and tensor._grad is None:
        reason = Paths(around.ends).reason(tensor) if around.ends else ""
        notes.append(
            f"no gradient: {reason}" if reason else "no gradient yet: backward() of what was computed from it sets it"
        )
    elif tensor._grad is not None and not readers[id(tensor)]:
        notes.append(_GONE)
    return Card(
        name=around.name(tensor),
        kind=role,
        outputs=(Row(role, around.name(tensor), tensor_text(tensor), _value(tensor), tensor._grad),),
        fan_outs=tuple(_fan_outs([tensor], readers, around)),
        notes=tuple(notes),
    )


def _value(tensor: Tensor) -> Any:
    return None if tensor.is_symbolic else np.asarray(tensor._value)


def _written_since(node: Node) -> list[Leaf]:
    """The inputs whose array was written to after the node was computed."""
    return [x for x in node.inputs if isinstance(x, Leaf) and x._node is None and x.version > node.order]


def _fan_outs(
    tensors: list[Tensor], readers: Mapping[int, list[tuple[Node, int]]], around: _Surroundings
) -> Iterable[FanOut]:
    """Where a tensor has several consumers, or is one output of a branch, what each consumer sent back."""
    for tensor in tensors:
        uses = readers[id(tensor)]
        end = any(tensor is each for each in around.ends)
        branch = tensor._node is not None and tensor._node.kind.name == "Branch"
        if tensor._grad is None or not (len(uses) + end > 1 or (branch and uses)):
            continue
        parts, known = [], np.zeros(tensor.shape, np.float64)
        sends = [(node, index) for node, index in uses if node.kind.differentiable and _has_gradient(node, around)]
        for node, index in sends[:_MOST_PARTS]:
            label = input_names(node.kind, len(node._inputs))[index]
            sender = f"{around.node_name(node)}, input {label}"
            if _written_since(node):
                name = around.name(_written_since(node)[0])
                parts.append(Part(sender, None, f"not known any more, since `{name}` was written to"))
                continue
            value = _sent(node, around.made_by(node)).get(index)
            if value is not None:
                parts.append(Part(sender, np.asarray(value)))
                known = known + value
        rest = np.asarray(tensor._grad) - known
        lost = any(part.value is None for part in parts)
        if len(sends) > _MOST_PARTS:
            parts.append(Part(f"{len(sends) - _MOST_PARTS} more consumers", rest))
        elif end:
            parts.append(Part("backward itself", None if lost else rest, "not known any more" if lost else ""))
        elif not lost and np.abs(rest).max(initial=0) > 1e-3 * (np.abs(known).max(initial=0) + 1e-30):
            parts.append(Part("other backward passes", rest))
        yield FanOut(around.name(tensor), tuple(parts), tensor._grad)


def _sent(node: Node, outputs: list[Tensor | None]) -> dict[int, Any]:
    """What a node sends back to each input; its rule may read outputs that nothing refers to any more."""
    if node._values is not None:
        outputs = [t if t is not None else Tensor(v, None, False) for t, v in zip(outputs, node._values, strict=True)]
    return contributions(node, outputs)


def _has_gradient(node: Node, around: _Surroundings) -> bool:
    return any(t is not None and t._grad is not None for t in around.made_by(node))


def _body_text(node: Node) -> str:
    """The kinds inside a composition, or in the graphs a node holds."""
    kind = node.kind
    if not isinstance(kind, Composition):
        held = {name: value for name, value in kind.field_values().items() if isinstance(value, Graph)}
        return "; ".join(f"{name}: {_kinds_in(graph)}" for name, graph in held.items())
    try:
        graph, _ = body_graph(kind.body, [spec_of(x) for x in node.inputs])
    except Exception:  # a body that wants values; the node is explained without it
        return ""
    return f"{_kinds_in(graph)} (graph.expand() opens it)" if graph.nodes else ""


def _kinds_in(graph: Graph) -> str:
    counts = Counter(each.kind.operation for each in graph.nodes)
    names = [name if count == 1 else f"{count} {name}" for name, count in counts.items()]
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"{len(graph.nodes)} node{'s' if len(graph.nodes) != 1 else ''}: {shown}"


def _purpose(of: Derived, around: _Surroundings) -> str:
    if of.role == "accumulation":
        return "the sum of what several consumers send back"
    name = around.node_name(of.node)
    if of.input_index is None:
        return f"the gradients that {name} sends back"
    label = input_names(of.node.kind, len(of.node._inputs))[of.input_index]
    return f"the gradient that {name} sends back to its input {label} ({around.name(of.node.inputs[of.input_index])})"


def _notes(node: Node, outputs: list[Tensor | None], around: _Surroundings) -> Iterable[str]:
    made = [t for t in outputs if t is not None]
    if not made:
        yield "its output is not referred to any more: its value and gradient are gone"
        return
    if made[0].is_symbolic:
        yield "no values here: graph.record(inputs, gradients_of=...).explain(name) has them"
    elif not node.kind.differentiable:
        yield f"{node.kind.operation} is not differentiable: no gradient flows back through it"
    elif not any(t.requires_grad for t in made):
        yield "no gradient: nothing it was computed from requires one"
    elif all(t._grad is None for t in made):
        yield (
            "no gradient here: the last backward did not pass it, or kept those of leaves only"
            if around.ends
            else "no gradient yet: backward() of what was computed from it sets it"
        )
    elif not around.ends and not any(reader for reader in around.consumers(made).values()):
        yield _GONE
