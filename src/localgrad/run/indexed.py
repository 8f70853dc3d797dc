"""Indexed: rows of a table picked by numbers, and rows added up at numbers, as machine code: embeddings and their gradients.

Kernels read and write wherever a number says, so the numbers are looked at before a plan runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.interpreter import located
from localgrad.graph.node import Node
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.gathering import positions
from localgrad.run.places import Place
from localgrad.run.text import ALONE, GROUP, HEADER, LOOP, Text

NAMES: Final = frozenset(("Gather", "ScatterAdd"))
_FLOATS: Final = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_INTEGERS: Final = {np.dtype(np.int64): "i64", np.dtype(np.int32): "i32"}
_SAME_NUMBERS: Final = frozenset(("Reshape", "Squeeze", "Unsqueeze", "Identity", "StopGradient"))


def indexed_of(
    node: Node, place_of: Callable[[Any], Place | None]
) -> tuple[str, tuple[Tensor, ...], tuple[int, ...]] | None:
    """Text, tensors and numbers of a node's kernel; None where rows are not whole or lie otherwise than one by one."""
    x, indices = node._inputs[:2]
    y = node._outputs[0]
    if not isinstance(x, Tensor) or not isinstance(indices, Tensor):
        return None
    places = [place_of(t) for t in (x, indices, y)]
    if any(place is None or not place.contiguous or not place.size for place in places):
        return None
    table = x if node.kind.name == "Gather" else y
    kind, numbers = _FLOATS.get(x.dtype), _INTEGERS.get(indices.dtype)
    if kind is None or numbers is None or y.dtype != x.dtype or axis_of(node) != 0:
        return None
    count = int(table.shape[0])
    sizes = (int(indices.size), count, int(table.size) // count)
    return _text(kind, numbers, node.kind.name == "ScatterAdd"), (x, indices, y), sizes


def axis_of(node: Node) -> int:
    """The axis along which rows are counted, with what stands before it left out where that is 1."""
    table = node._inputs[0] if node.kind.name == "Gather" else node._outputs[0]
    assert isinstance(table, Tensor)
    return int(node.kind.axis % table.ndim)  # type: ignore[attr-defined]


def numbers_checked(node: Node, inputs: dict[int, int]) -> Callable[[Any], None] | None:
    """The look at a node's numbers before a run; None where they are known only during it."""
    table = node._inputs[0] if node.kind.name == "Gather" else node._outputs[0]
    indices = node._inputs[1]
    if not isinstance(table, Tensor) or not isinstance(indices, Tensor):
        return None
    if not is_static(table.shape) or not is_static(indices.shape):
        return None
    axis = axis_of(node)
    count = int(table.shape[axis])
    source = behind(indices)
    if isinstance(source, Leaf) and source.role == "constant" and source._node is None:
        value = source._value
        fits = not value.size or (-count <= value.min() and value.max() < count)
        return known if fits else None
    place = inputs.get(id(source))
    if place is None or indices.dtype not in _INTEGERS:
        return None

    def check(given: Any) -> None:
        found = given[place]
        if found.size and (int(found.min()) < -count or int(found.max()) >= count):
            try:
                positions(found, count, axis)
            except LocalgradError as error:
                raise located(error, node) from None

    return check


def known(given: Any) -> None:
    """The look at numbers that are constants: it was done when the plan was made."""


def behind(tensor: Tensor) -> Tensor:
    """The tensor that has the same numbers in the same order in another shape."""
    node = tensor._node
    while node is not None and node.kind.name in _SAME_NUMBERS and isinstance(node._inputs[0], Tensor):
        tensor = node._inputs[0]
        node = tensor._node
    return tensor


def _text(kind: str, numbers: str, adds: bool) -> str:
    """For each number a row: copied from the table, or added to it after it was set to zeros."""
    wide = (
        "  %n = load i64, ptr %n.at"
        if numbers == "i64"
        else "  %short = load i32, ptr %n.at\n  %n = sext i32 %short to i64"
    )
    text = Text()
    text.lines += [HEADER, ALONE]
    x, indices, y = (text.address() for _ in range(3))
    rows, count, width = (text.number() for _ in range(3))
    lines = text.lines
    before = "entry"
    if adds:
        lines += [
            f"  %total = mul nsw i64 {count}, {width}",
            "  br label %clear",
            "clear:",
            "  %c = phi i64 [ 0, %entry ], [ %c.next, %clear ]",
            f"  %c.at = getelementptr inbounds {kind}, ptr {y}, i64 %c",
            f"  store {kind} 0.0, ptr %c.at",
            "  %c.next = add nuw nsw i64 %c, 1",
            "  %c.more = icmp slt i64 %c.next, %total",
            "  br i1 %c.more, label %clear, label %cleared",
            "cleared:",
        ]
        before = "cleared"
    near, far = ("%i", "%row") if adds else ("%row", "%i")
    body = [
        f"  %v.at = getelementptr inbounds {kind}, ptr %from, i64 %j",
        f"  %v = load {kind}, ptr %v.at{GROUP}",
        f"  %w.at = getelementptr inbounds {kind}, ptr %to, i64 %j",
    ]
    if adds:
        body += [f"  %old = load {kind}, ptr %w.at{GROUP}", f"  %new = fadd {kind} %old, %v"]
    body.append(f"  store {kind} {'%new' if adds else '%v'}, ptr %w.at{GROUP}")
    lines += [
        "  br label %each",
        "each:",
        f"  %i = phi i64 [ 0, %{before} ], [ %i.next, %each.end ]",
        f"  %n.at = getelementptr inbounds {numbers}, ptr {indices}, i64 %i",
        wide,
        "  %negative = icmp slt i64 %n, 0",
        f"  %turned = add i64 %n, {count}",
        "  %row = select i1 %negative, i64 %turned, i64 %n",
        f"  %from.row = mul nsw i64 {near}, {width}",
        f"  %from = getelementptr inbounds {kind}, ptr {x}, i64 %from.row",
        f"  %to.row = mul nsw i64 {far}, {width}",
        f"  %to = getelementptr inbounds {kind}, ptr {y}, i64 %to.row",
        "  br label %entry.of.row",
        "entry.of.row:",
        "  %j = phi i64 [ 0, %each ], [ %j.next, %entry.of.row ]",
        *body,
        "  %j.next = add nuw nsw i64 %j, 1",
        f"  %j.more = icmp slt i64 %j.next, {width}",
        f"  br i1 %j.more, label %entry.of.row, label %each.end{LOOP}",
        "each.end:",
        "  %i.next = add nuw nsw i64 %i, 1",
        f"  %i.more = icmp slt i64 %i.next, {rows}",
        "  br i1 %i.more, label %each, label %done",
        "done:",
        "  ret void",
        "}",
    ]
    return text.module()
