"""Node cards: formula, values, local derivatives, gradients in and out, and where the node comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from localgrad.graph.errors import NameLookupError
from localgrad.graph.history import History
from localgrad.graph.node import Node
from localgrad.graph.record import Record
from localgrad.graph.spec import format_shape, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise
from localgrad.show.formulas import input_names, plain_formula, vjp_formulas
from localgrad.show.text import expression_text, field_text
from localgrad.transform.backward import last_outputs
from localgrad.transform.sweep import contributions

FULL = 64


@dataclass(frozen=True)
class Row:
    """One tensor at a node: what it is to it, its name, and its value and gradient."""

    role: str
    name: str
    spec: str
    value: Any
    gradient: Any
    local: Any = None
    vjp: str = ""


@dataclass(frozen=True)
class Card:
    """What there is to know of one node; `str()` for a terminal, HTML in a notebook."""

    name: str
    kind: str
    summary: str
    formula: str
    expression: str
    fields: dict[str, str]
    source: str
    scope: str
    inputs: tuple[Row, ...]
    outputs: tuple[Row, ...]
    consumers: tuple[tuple[str, Any], ...] = ()
    made_for: str = ""
    example: str = ""
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        lines = [f"{self.name}  ({self.kind})", f"  {self.summary}" if self.summary else ""]
        for label, text in self._facts():
            lines.append(f"  {label:<9} {text}")
        for row in (*self.inputs, *self.outputs):
            lines.append(f"  {row.role} {row.name}: {row.spec}")
            lines += _indented("value", row.value)
            if row.vjp:
                lines.append(f"      its gradient = {row.vjp}")
            if row.local is not None:
                lines += _indented("local derivative", row.local)
            if row.gradient is not None:
                lines += _indented("gradient", row.gradient)
        if len(self.consumers) > 1:
            lines.append("  the gradient is the sum of what each consumer sends back:")
            for name, part in self.consumers:
                lines += _indented(f"from {name}", part, 4)
        if self.example:
            lines.append(f"  with numbers: {self.example}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(line for line in lines if line)

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("formula", plain_formula(self.formula)), ("here", self.expression)]
        if self.fields:
            facts.append(("fields", ", ".join(f"{name}={value}" for name, value in self.fields.items())))
        facts += [("source", self.source), ("layer", self.scope), ("made for", self.made_for)]
        return [(label, text) for label, text in facts if text]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from localgrad.show.notebook import card_html

        return card_html(self)


def explain(node: Node) -> Card:
    """The card of a node: its formula, vector-Jacobian products, values, gradients and place in the code.

    Gradients are those of the last `backward` through it.

    >>> import localgrad as lg
    >>> x = lg.tensor([0.0, 1.0], name="x", requires_grad=True)
    >>> y = lg.sigmoid(x)
    >>> y.sum().backward()
    >>> print(y.node.explain())  # doctest: +ELLIPSIS
    Sigmoid#1  (Sigmoid)
      ...
      formula   y = 1 / (1 + e^(-x))
      ...
          its gradient = grad * (y * (1 - y))
    ...
    """
    outputs = last_outputs()
    history = History.of(outputs) if outputs else None
    if history is None or node.order not in {each.order for each in history.nodes}:
        made = [t for t in node.outputs if t is not None]
        history = History.of(made) if made else None
    return _card(node, history)


def explain_in_record(record: Record, node: str | Node) -> Card:
    """The card of a node with the numbers of a recorded run."""
    name = node if isinstance(node, str) else node.name
    made = record.graph.node(name)
    tensor = record.tensor(next(t._name for t in made._outputs))
    used = tensor.node  # `_node` would not know yet which tensor it made
    if used is None:
        raise NameLookupError(f"`{name}` was computed from numbers alone; there is nothing to explain")
    history = History.of([record.tensor(record.graph.name_of(t)) for t in record.graph.outputs])
    return _card(used, history)


def _card(node: Node, history: History | None) -> Card:
    names = history.names() if history is not None else {}
    kind = node.kind

    def name_of(x: Any) -> str:
        if not isinstance(x, Tensor):
            return repr(x)
        return names.get(id(x)) or x._name or x.name

    inputs = node.inputs
    formulas = vjp_formulas(node)
    labels = input_names(kind, len(inputs))
    locals_ = local_derivatives(node)
    copied = _copied(node)
    rows = []
    for index, (label, x) in enumerate(zip(labels, inputs, strict=True)):
        if isinstance(x, Tensor):
            rows.append(
                Row(
                    f"input {label} =",
                    name_of(x),
                    _spec(x),
                    _value(x),
                    x._grad,
                    locals_.get(index),
                    formulas.get(label, "") + (", summed over the copies" if index in copied else ""),
                )
            )
        elif x is not None:
            rows.append(Row(f"input {label} =", repr(x), "a number of the formula", None, None))
    made = [t for t in node.outputs if t is not None]
    outputs = [Row("output y =", name_of(t), _spec(t), _value(t), t._grad) for t in made]
    consumers: list[tuple[str, Any]] = []
    if history is not None and made:
        for consumer in history.nodes:
            for index, x in enumerate(consumer.inputs):
                if any(x is t for t in made):
                    part = contributions(consumer, history.outputs[consumer.order]).get(index)
                    if part is not None:
                        first = next((t for t in history.outputs[consumer.order] if t is not None), None)
                        consumers.append((name_of(first), part))
    source = node.source
    of = node.of
    return Card(
        name=name_of(made[0]) if made else node.kind.name,
        kind=kind.name,
        summary=(kind.__doc__ or "").strip().split("\n")[0],
        formula=kind.formula,
        expression=f"{', '.join(name_of(t) for t in made)} = {expression_text(node, name_of)}",
        fields={name: field_text(value) for name, value in kind.field_values().items()},
        source=f"{source}" + (f"  {source.text}" if source is not None and source.text else "") if source else "",
        scope=node.scope,
        inputs=tuple(rows),
        outputs=tuple(outputs),
        consumers=tuple(consumers),
        made_for=f"{of.role} of {of.node.name}" if of is not None else "",
        example=_numbers(node, formulas),
    )


def local_derivatives(node: Node) -> dict[int, Any]:
    """For an elementwise node with values, dy/dx of each input, entry by entry (the rule run on a gradient of ones).

    An input that is broadcast is left out: its gradient is a sum over copies, so it has no derivative for each entry.
    """
    made = [t for t in node.outputs if t is not None]
    if not isinstance(node.kind, Elementwise) or not made or made[0].is_symbolic or made[0].dtype.kind != "f":
        return {}
    ones = np.ones(made[0].shape, made[0].dtype)[()]
    copied = _copied(node)
    return {index: part for index, part in contributions(node, node.outputs, [ones]).items() if index not in copied}


def _copied(node: Node) -> set[int]:
    """The inputs of an elementwise node that are broadcast to its output's shape."""
    made = [t for t in node.outputs if t is not None]
    if not isinstance(node.kind, Elementwise) or not made:
        return set()
    return {i for i, x in enumerate(node.inputs) if isinstance(x, Tensor) and not same_shape(x.shape, made[0].shape)}


def _numbers(node: Node, formulas: dict[str, str]) -> str:
    """The first entry's numbers put into the rule, for small elementwise nodes."""
    import re

    made = [t for t in node.outputs if t is not None]
    if not isinstance(node.kind, Elementwise) or not made or made[0].is_symbolic or made[0].size > FULL:
        return ""
    if made[0]._grad is None or made[0].size == 0:
        return ""
    where = (0,) * made[0].ndim
    known = {"y": made[0]._value, "grad": made[0]._grad}
    labels = input_names(node.kind, len(node.inputs))
    for label, x in zip(labels, node.inputs, strict=True):
        known[label] = x._value if isinstance(x, Tensor) else x
    numbers = {
        name: f"{float(np.broadcast_to(np.asarray(value), made[0].shape)[where]):.4g}" for name, value in known.items()
    }
    numbers = {name: f"({text})" if text.startswith("-") else text for name, text in numbers.items()}
    parts = contributions(node, node.outputs)
    said = []
    for index, label in enumerate(labels):
        if label in formulas and index in parts:
            text = re.sub(r"\b[A-Za-z_]\w*\b", lambda m: numbers.get(m[0], m[0]), formulas[label])
            part = np.asarray(parts[index])
            if part.shape == made[0].shape:
                said.append(f"gradient of {label} = {text} = {float(part[where]):.4g}")
    entry = f" (entry {format_shape(where)})" if where else ""
    return "; ".join(said) + entry if said else ""


def _spec(tensor: Tensor) -> str:
    return f"{tensor.dtype}{format_shape(tensor.shape)}"


def _value(tensor: Tensor) -> Any:
    return None if tensor.is_symbolic else np.asarray(tensor._value)


def describe(array: Any) -> str:
    """An array in full up to 64 entries, else its statistics."""
    array = np.asarray(array)
    if array.size <= FULL:
        return np.array2string(array, precision=4, suppress_small=False, separator=", ", max_line_width=110)
    if array.dtype.kind == "b":
        return f"{int(array.sum())} of {array.size} true"
    finite = array[np.isfinite(array)].astype(np.float64)
    parts = []
    if finite.size:
        norm = float(np.sqrt((finite**2).sum()))
        parts = [
            f"min {finite.min():.4g}", f"max {finite.max():.4g}", f"mean {finite.mean():.4g}",
            f"std {finite.std():.4g}", f"norm {norm:.4g}",
        ]  # fmt: skip
    parts.append(f"zeros {int((array == 0).sum())}")
    for label, count in (("NaN", np.isnan(array).sum()), ("Inf", np.isinf(array).sum())):
        if count:
            parts.append(f"{label} {int(count)}")
    return ", ".join(parts)


def _indented(label: str, value: Any, depth: int = 6) -> list[str]:
    if value is None:
        return []
    first, *rest = describe(value).split("\n")
    start = " " * depth + f"{label}: "
    return [start + first, *(" " * len(start) + line for line in rest)]
