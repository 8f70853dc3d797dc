"""The card of a node or a leaf: what there is to know of it, and how that reads in a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from localgrad.show.formulas import plain_formula
from localgrad.show.numbers import array_text, number_text


@dataclass(frozen=True)
class Row:
    """One tensor at a node: what it is to it, its name, value and gradient, and what the node sends back to it."""

    role: str
    name: str
    spec: str
    value: Any = None
    gradient: Any = None
    vjp: str = ""
    """The rule's vector-Jacobian product; further lines name its steps."""
    local: Any = None
    """The derivative of each entry of the output, where the node works entry by entry."""
    part: Any = None
    """What this node sends back, where others send something, too."""
    note: str = ""
    """Why there is no gradient."""


@dataclass(frozen=True)
class Part:
    """What one consumer sends back to a tensor: who, at which input; None where that is not known any more."""

    sender: str
    value: Any
    note: str = ""


@dataclass(frozen=True)
class FanOut:
    """A tensor with several consumers, whose gradient is the sum of what they send back."""

    name: str
    parts: tuple[Part, ...]
    total: Any


@dataclass(frozen=True)
class Card:
    """What there is to know of a node or a leaf: text in a terminal (`print(card)`), HTML in a notebook."""

    name: str
    kind: str
    summary: str = ""
    formula: str = ""
    """The school formula, as LaTeX."""
    expression: str = ""
    """The node in the names of its graph."""
    fields: tuple[str, ...] = ()
    body: str = ""
    """What a composition, or a graph the node holds, is made of."""
    source: str = ""
    scope: str = ""
    made_for: str = ""
    """What a node of a gradient was made for."""
    inputs: tuple[Row, ...] = ()
    outputs: tuple[Row, ...] = ()
    fan_outs: tuple[FanOut, ...] = ()
    example: tuple[str, ...] = ()
    """One entry's numbers put into the formulas."""
    notes: tuple[str, ...] = ()

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is told in one line each, with its label."""
        facts = [
            ("formula", plain_formula(self.formula)),
            ("here", self.expression),
            ("fields", ", ".join(each for each in self.fields if each not in self.expression)),
            ("inside", self.body),
            ("source", self.source),
            ("layer", self.scope),
            ("made for", self.made_for),
        ]
        return [(label, text) for label, text in facts if text]

    def __str__(self) -> str:
        lines = [f"{self.name}  ({self.kind})"]
        if self.summary:
            lines.append(f"  {self.summary}")
        lines += [f"  {label:<9} {text}" for label, text in self.facts]
        for row in (*self.inputs, *self.outputs):
            lines += _row_lines(row)
        for fan_out in self.fan_outs:
            lines.append(f"  {fan_out_title(fan_out)}")
            for part in fan_out.parts:
                lines += _labelled(f"from {part.sender}: ", part.value, part.note)
            lines += _labelled("together: ", fan_out.total)
        if self.example:
            lines.append("  with numbers:")
            lines += [f"      {line}" for line in self.example]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from localgrad.show.notebook import card_html

        return card_html(self)


def fan_out_title(fan_out: FanOut) -> str:
    """The line above what the consumers of a tensor send back."""
    return f"the gradient of {fan_out.name} is the sum of what its consumers send back"


def local_text(local: Any) -> str:
    """A local derivative as text: one number where it is the same everywhere."""
    local = np.asarray(local)
    if local.size > 1 and (local == local.flat[0]).all():
        return f"{number_text(local.flat[0])} everywhere"
    return array_text(local)


def _row_lines(row: Row) -> list[str]:
    lines = [f"  {row.role} {row.name}: {row.spec}" if row.spec else f"  {row.role} {row.name}"]
    lines += _labelled("value: ", row.value)
    if row.vjp:
        label = "its gradient = "
        first, *steps = row.vjp.split("\n")
        lines.append(f"      {label}{first}")
        lines += [f"      {' ' * len(label)}{step}" for step in steps]
    if row.local is not None:
        lines += _indented("local derivative: ", local_text(row.local))
    lines += _labelled("sent from here: ", row.part)
    lines += _labelled("gradient: ", row.gradient, row.note)
    return lines


def _labelled(label: str, value: Any, note: str = "") -> list[str]:
    if value is None:
        return [f"      {label}{note}"] if note else []
    return _indented(label, array_text(value))


def _indented(label: str, text: str) -> list[str]:
    first, *rest = text.split("\n")
    return [f"      {label}{first}", *(" " * (6 + len(label)) + line for line in rest)]
