"""What tensors, nodes and graphs show in a notebook: text, HTML, LaTeX and SVG."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.show.explain import Card, Row, describe, explain
from localgrad.show.text import tensor_text

MOST_NODES_DRAWN = 300
_STYLE = (
    "border:1px solid #8886;border-radius:8px;padding:10px 14px;margin:4px 0;max-width:920px;"
    "font:13px/1.5 system-ui,sans-serif"
)
_CODE = "font:12px/1.4 ui-monospace,monospace;white-space:pre;margin:0;overflow-x:auto"


def tensor_bundle(tensor: Tensor) -> dict[str, Any]:
    """A tensor: its value, and where it comes from."""
    parts = [f"<b>{escape(tensor.name)}</b> <code>{escape(tensor_text(tensor))}</code>"]
    if tensor.node is not None:
        parts.append(f"made by <code>{escape(repr(tensor.node.kind))}</code>")
        if tensor.node.source is not None:
            parts.append(f"at {escape(str(tensor.node.source))}")
    body = "" if tensor.is_symbolic else f"<pre style='{_CODE}'>{escape(describe(tensor._value))}</pre>"
    if tensor._grad is not None:
        body += f"gradient<pre style='{_CODE}'>{escape(describe(tensor._grad))}</pre>"
    return {"text/plain": repr(tensor), "text/html": f"<div style='{_STYLE}'>{' · '.join(parts)}{body}</div>"}


def node_bundle(node: Node) -> dict[str, Any]:
    """A node: its card."""
    card = explain(node)
    return {"text/plain": str(card), "text/html": card_html(card)}


def graph_bundle(graph: Graph) -> dict[str, Any]:
    """A graph: its picture, or its text where there are too many nodes to look at."""
    text = str(graph)
    bundle: dict[str, Any] = {"text/plain": text}
    if len(graph.nodes) <= MOST_NODES_DRAWN:
        svg = graph.to_svg()
        bundle["image/svg+xml"] = svg
        bundle["text/html"] = f"<div style='overflow-x:auto'>{svg}</div>"
    else:
        bundle["text/html"] = f"<pre style='{_CODE}'>{escape(text)}</pre>"
    return bundle


def card_html(card: Card) -> str:
    """A node card as HTML; the formula is LaTeX, which notebooks typeset."""
    facts = "".join(
        f"<tr><td style='padding-right:12px;opacity:.7'>{escape(label)}</td><td><code>{escape(text)}</code></td></tr>"
        for label, text in card._facts()
        if label != "formula"
    )
    rows = "".join(_row_html(row) for row in (*card.inputs, *card.outputs))
    consumers = ""
    if len(card.consumers) > 1:
        parts = "".join(
            f"<tr><td style='padding-right:12px'>{escape(name)}</td><td>{_array_html(part)}</td></tr>"
            for name, part in card.consumers
        )
        consumers = f"<div>the gradient is the sum of what each consumer sends back</div><table>{parts}</table>"
    example = f"<div>with numbers: <code>{escape(card.example)}</code></div>" if card.example else ""
    return (
        f"<div style='{_STYLE}'><b>{escape(card.name)}</b> <span style='opacity:.7'>{escape(card.kind)}</span>"
        f"<div>{escape(card.summary)}</div><div>$${escape(card.formula)}$$</div><table>{facts}</table>"
        f"{rows}{consumers}{example}</div>"
    )


def _row_html(row: Row) -> str:
    lines = []
    if row.value is not None:
        lines.append(("value", _array_html(row.value)))
    if row.vjp:
        lines.append(("its gradient", f"<code>{escape(row.vjp)}</code>"))
    if row.local is not None:
        lines.append(("local derivative", _array_html(row.local)))
    if row.gradient is not None:
        lines.append(("gradient", _array_html(row.gradient)))
    table = "".join(
        f"<tr><td style='padding:0 12px 0 16px;opacity:.7;vertical-align:top'>{label}</td><td>{text}</td></tr>"
        for label, text in lines
    )
    return (
        f"<div style='margin-top:6px'>{escape(row.role)} <b>{escape(row.name)}</b> <code>{escape(row.spec)}</code></div>"
        f"<table>{table}</table>"
    )


def _array_html(array: Any) -> str:
    array = np.asarray(array)
    if array.size > 64 or array.ndim > 2 or array.ndim == 0 or array.size == 0:
        return f"<pre style='{_CODE}'>{escape(describe(array))}</pre>"
    rows = array.reshape(1, -1) if array.ndim == 1 else array
    cells = "".join(
        "<tr>" + "".join(f"<td style='padding:0 8px;text-align:right'>{_number(value)}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return f"<table style='font:12px ui-monospace,monospace;border-left:1px solid #8886;border-right:1px solid #8886'>{cells}</table>"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)
