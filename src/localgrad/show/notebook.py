"""What tensors, nodes and graphs show in a notebook: text, HTML with LaTeX, and SVG."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.show.card import Card, Row, fan_out_title, local_text
from localgrad.show.explain import explain
from localgrad.show.formulas import plain_formula
from localgrad.show.numbers import FULL, array_text, number_text
from localgrad.show.text import tensor_text

MOST_NODES_DRAWN = 300
# Only what takes its colour from the page, so that it reads on light and on dark ones.
_FRAME = (
    "border:1px solid rgba(128,128,128,.4);border-radius:8px;padding:10px 14px;margin:4px 0;max-width:920px;"
    "overflow-x:auto;font:13px/1.5 system-ui,sans-serif;text-align:left"
)
_CODE = "font:12px/1.4 ui-monospace,monospace;white-space:pre;margin:0;background:none;padding:0"
_CELL = "padding:1px 14px 1px 0;text-align:left;vertical-align:top;background:none;border:0"
_TABLE = "border-collapse:collapse;margin:0;border:0"
_MATRIX = (
    "border-collapse:collapse;margin:0;font:12px/1.4 ui-monospace,monospace;"
    "border:solid rgba(128,128,128,.7);border-width:0 1px"
)
# MathJax typesets every $ it finds, also in names; these classes keep it to the formula.
_NO_MATH = "tex2jax_ignore mathjax_ignore"
_MATH = "tex2jax_process mathjax_process"


def tensor_bundle(tensor: Tensor) -> dict[str, Any]:
    """A tensor: its value, its gradient, and where it comes from."""
    name = escape(tensor.name)
    facts = [f"<b>{name}</b> {_code(tensor_text(tensor))}"]
    if tensor.node is not None:
        facts.append(f"made by {_code(repr(tensor.node.kind))}")
        if tensor.node.source is not None:
            facts.append(f"at {escape(str(tensor.node.source))}")
    rows = [] if tensor.is_symbolic else [("value", _array(tensor._value))]
    if tensor._grad is not None:
        rows.append(("gradient", _array(tensor._grad)))
    return {"text/plain": repr(tensor), "text/html": _framed(f"<div>{' · '.join(facts)}</div>{_table(rows)}")}


def node_bundle(node: Node) -> dict[str, Any]:
    """A node: its card."""
    card = explain(node)
    return {"text/plain": str(card), "text/html": card_html(card)}


def graph_bundle(graph: Graph) -> dict[str, Any]:
    """A graph: its picture, layers closed where there are too many nodes to look at; its text where that is no help."""
    text = str(graph)
    bundle: dict[str, Any] = {"text/plain": text}
    depth = _depth_drawn(graph)
    if depth is None:
        bundle["text/html"] = _framed(f"<pre style='{_CODE}'>{escape(text)}</pre>")
        return bundle
    svg = graph.to_svg() if depth < 0 else graph.to_svg(depth=depth)
    bundle["image/svg+xml"] = svg
    bundle["text/html"] = f"<div style='overflow-x:auto'>{svg}</div>"
    return bundle


def _depth_drawn(graph: Graph) -> int | None:
    """How many levels of layers to draw open: -1 for all, None where even the outermost are too many boxes."""
    if len(graph.nodes) <= MOST_NODES_DRAWN:
        return -1
    if len(graph.nodes) > 50 * MOST_NODES_DRAWN:
        return None
    paths = [(node.scope.split("/") if node.scope else [], number) for number, node in enumerate(graph.nodes)]
    for depth in (2, 1, 0):
        boxes = {(tuple(path[: depth + 1]), number if len(path) <= depth else -1) for path, number in paths}
        if len(boxes) <= MOST_NODES_DRAWN:
            return depth
    return None


def card_html(card: Card) -> str:
    """A node card as HTML; the formula is LaTeX, which notebooks typeset."""
    parts = [f"<div><b>{escape(card.name)}</b> <span style='opacity:.7'>{escape(card.kind)}</span></div>"]
    if card.summary:
        parts.append(f"<div>{escape(card.summary)}</div>")
    if card.formula:
        plain = escape(plain_formula(card.formula))
        parts.append(f"<div class='{_MATH}' title='{plain}'>$${escape(card.formula)}$$</div>")
    parts.append(_table((label, _code(text)) for label, text in card.facts if label != "formula"))
    parts += [_row(row) for row in (*card.inputs, *card.outputs)]
    for fan_out in card.fan_outs:
        sent = [
            (f"from {part.sender}", escape(part.note) if part.value is None else _array(part.value))
            for part in fan_out.parts
        ]
        parts.append(_section(escape(fan_out_title(fan_out)), [*sent, ("together", _array(fan_out.total))]))
    if card.example:
        lines = "<br>".join(_code(line) for line in card.example)
        parts.append(f"<div style='margin-top:6px'>with numbers:</div><div style='margin-left:16px'>{lines}</div>")
    parts += [f"<div style='margin-top:6px;opacity:.8'>{escape(note)}</div>" for note in card.notes]
    return _framed("".join(parts))


def _framed(body: str) -> str:
    return f"<div class='{_NO_MATH}' style='{_FRAME}'>{body}</div>"


def _row(row: Row) -> str:
    lines: list[tuple[str, str]] = []
    if row.value is not None:
        lines.append(("value", _array(row.value)))
    if row.vjp:
        lines.append(("its gradient =", _code(row.vjp)))
    if row.local is not None:
        same = local_text(row.local)
        lines.append(("local derivative", _code(same) if same.endswith("everywhere") else _array(row.local)))
    if row.part is not None:
        lines.append(("sent from here", _array(row.part)))
    if row.gradient is not None:
        lines.append(("gradient", _array(row.gradient)))
    elif row.note:
        lines.append(("gradient", escape(row.note)))
    spec = f" {_code(row.spec)}" if row.spec else ""
    return _section(f"{escape(row.role)} <b>{escape(row.name)}</b>{spec}", lines)


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    return f"<div style='margin-top:6px'>{title}</div><div style='margin-left:16px'>{_table(rows)}</div>"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """Labels and contents (HTML) beside each other."""
    body = "".join(
        f"<tr style='background:none'><td style='{_CELL};opacity:.7;white-space:nowrap'>{escape(label)}</td>"
        f"<td style='{_CELL}'>{content}</td></tr>"
        for label, content in rows
    )
    return f"<table style='{_TABLE}'><tbody>{body}</tbody></table>" if body else ""


def _code(text: str) -> str:
    return f"<code style='{_CODE}'>{escape(text)}</code>"


def _array(array: Any) -> str:
    array = np.asarray(array)
    if not 0 < array.size <= FULL or array.ndim > 2 or array.ndim == 0 or array.shape[-1] > 16:
        return f"<pre style='{_CODE}'>{escape(array_text(array))}</pre>"
    cell = "padding:0 8px;text-align:right;background:none;border:0"
    rows = "".join(
        "<tr style='background:none'>"
        + "".join(f"<td style='{cell}'>{escape(number_text(value))}</td>" for value in row)
        + "</tr>"
        for row in np.atleast_2d(array)
    )
    return f"<table style='{_MATRIX}'><tbody>{rows}</tbody></table>"
