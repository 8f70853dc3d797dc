"""Pages: a graph or a run as one HTML file that needs no network, no server and no Python."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from localgrad.graph.files import write_atomically
from localgrad.graph.graph import Graph
from localgrad.graph.record import Record
from localgrad.show.document import BUDGET, document_of

MARKER = 'id="localgrad-document">LOCALGRAD_DOCUMENT<'


class Page:
    """An explorer's page in a notebook: an iframe that may run its own script and reach nothing else."""

    def __init__(self, html: str, height: int = 640) -> None:
        self.html = html
        self.height = height

    def _repr_html_(self) -> str:
        from html import escape

        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{escape(self.html)}" title="localgrad" '
            f'style="width:100%;height:{self.height}px;border:1px solid rgba(128,128,128,.4);border-radius:8px"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<page of {len(self.html):,} characters: give explore() a path to write it>"


def page_of(document: dict[str, Any]) -> str:
    """The page with a document in it; no name in the document can end the element it stands in."""
    template = resources.files("localgrad.show").joinpath("assets/explorer.html").read_text(encoding="utf-8")
    before, after = template.split(MARKER)
    return f'{before}id="localgrad-document">{escaped_json(document)}<{after}'


def escaped_json(document: dict[str, Any]) -> str:
    r"""JSON that may stand inside a script element.

    >>> escaped_json({"name": "</script>"})
    '{"name":"\\u003c/script>"}'
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def explore(thing: Graph | Record, path: str | Path | None = None, budget: int = BUDGET, training: Any = None) -> Page:
    """The page of a graph or a record, written to `path` if given; a notebook shows what is returned.

    A graph that came from a computation (`loss.graph`) is shown with the numbers of that run. Raises FileWriteError.
    """
    if isinstance(thing, Graph) and thing._record is not None:
        thing = thing._record
    page = page_of(document_of(thing, budget, training))
    if path is not None:
        write_atomically(path, page)
    return Page(page)
