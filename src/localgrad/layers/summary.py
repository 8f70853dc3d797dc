"""A table of a model's layers: path, kind, output shape, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten
from localgrad.layers.layer import OBSERVERS, Layer
from localgrad.layers.members import layers_of

if TYPE_CHECKING:
    from localgrad.layers.model import Model


class Row(NamedTuple):
    """One call of one layer."""

    path: str
    """The attribute path; "" for the model itself."""
    kind: str
    """The name of its class."""
    outputs: tuple[tuple[Any, ...], ...] | None
    """The shape of each output; None where the layer was not called."""
    parameters: int
    """The entries of its own parameters (not its sub-layers') that no row above has counted."""

    @property
    def output(self) -> str:
        """The shapes as text."""
        if self.outputs is None:
            return "not called"
        return ", ".join(format_shape(shape) for shape in self.outputs)


class Summary:
    """A table of a model's layers; `str()` gives it as plain text in fixed columns."""

    def __init__(self, rows: Sequence[Row], trainable: int, frozen: int, states: int, captured: bool) -> None:
        self.rows: tuple[Row, ...] = tuple(rows)
        self.trainable = trainable
        """The entries of all parameters that are trained."""
        self.frozen = frozen
        """The entries of all frozen parameters."""
        self.states = states
        """The entries of all states."""
        self.captured = captured
        """Whether output shapes are known."""

    @property
    def parameters(self) -> int:
        """The entries of all parameters, each tensor once."""
        return self.trainable + self.frozen

    def __str__(self) -> str:
        table = [["layer", "kind", "output", "parameters"]]
        table += [[row.path or "(model)", row.kind, row.output, f"{row.parameters:,}"] for row in self.rows]
        if not self.captured:
            table = [[path, kind, count] for path, kind, _, count in table]
        widths = [max(len(line[place]) for line in table) for place in range(len(table[0]))]
        lines = [
            "  ".join(
                cell.rjust(width) if place == len(widths) - 1 else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in table
        ]
        rule = "-" * len(lines[0])
        kinds = f"{self.trainable:,} trainable, {self.frozen:,} frozen" if self.frozen else "all trainable"
        foot = f"{self.parameters:,} parameters, {kinds}"
        if self.states:
            foot += f"; {self.states:,} entries of state"
        return "\n".join([lines[0], rule, *lines[1:], rule, foot])

    __repr__ = __str__


class _Watch:
    """Collects a row at the end of each layer's call; a layer's row stands above those of the layers inside it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Layer, str, tuple[tuple[Any, ...], ...]]] = []

    def __call__(self, layer: Layer, scope: str, outputs: Any) -> None:
        if _WATCHING.get() is not self:
            return
        shapes = tuple(tuple(each.shape) for _, each in flatten(outputs) if isinstance(each, Tensor))
        place = len(self.calls)
        inside = f"{scope}/" if scope else ""
        while place and self.calls[place - 1][1].startswith(inside) and self.calls[place - 1][1] != scope:
            place -= 1
        self.calls.insert(place, (layer, scope, shapes))


_WATCHING: ContextVar[_Watch | None] = ContextVar("localgrad_summary", default=None)


def summarize(model: Model, examples: Sequence[Any]) -> Summary:
    """The summary of a model, captured on these specs or arrays if there are any."""
    calls: list[tuple[Layer, str, Any]] = []
    if examples:
        from localgrad.layers.stacking import states_aside

        watch = _Watch()
        token = _WATCHING.set(watch)
        OBSERVERS.append(watch)
        try:
            with states_aside(model):  # the examples may have another batch size than the states kept
                model.graph(*examples)
        finally:
            OBSERVERS.remove(watch)
            _WATCHING.reset(token)
        calls = list(watch.calls)
    called = {id(layer) for layer, _, _ in calls}
    calls += [(layer, path, None) for path, layer in layers_of(model) if id(layer) not in called]
    counted: set[int] = set()
    rows = []
    for layer, path, shapes in calls:
        own = 0
        for _, member in layer._members():
            if isinstance(member, Leaf) and member.role == "parameter" and id(member) not in counted:
                counted.add(id(member))
                own += member.size
        if layer is not model or own or len(calls) == 1:
            rows.append(Row(path, type(layer).__name__, shapes, own))
    parameters = model.parameters().values()
    return Summary(
        rows,
        sum(leaf.size for leaf in parameters if leaf.requires_grad),
        sum(leaf.size for leaf in parameters if not leaf.requires_grad),
        sum(leaf.size for leaf in model.state().values()),
        bool(examples),
    )
