"""The catalogue: every kind in the registry, a page for each family, written before Sphinx looks for pages.

Nothing here names a kind. An entry shows what the definition says (docstring, formula, expression, names in ONNX, Python
and NumPy, fields), the source of its rules, and its row in the table of tests.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

RULES = ("body", "shape", "forward", "backward")


def registered() -> Mapping[str, type]:
    """Every kind of the catalogue by name."""
    catalogue = importlib.import_module("localgrad.nodes")
    for module in pkgutil.iter_modules(catalogue.__path__, "localgrad.nodes."):
        importlib.import_module(module.name)
    kinds: Mapping[str, type] = importlib.import_module("localgrad.graph.registry").kinds()
    return {name: kinds[name] for name in sorted(kinds) if not name.startswith("_")}


def code(text: str) -> str:
    """Text as inline code; an empty text stays empty."""
    return f"`{text}`" if text else ""


def prose(docstring: str) -> str:
    """A docstring as Markdown: there `>>>` would be a quotation in a quotation in a quotation."""
    lines, fenced = [], False
    for line in inspect.cleandoc(docstring).splitlines():
        if line.startswith(">>>") and not fenced:
            lines.append("```pycon")
            fenced = True
        elif not line and fenced:
            lines.append("```")
            fenced = False
        lines.append(line)
    return "\n".join([*lines, "```"] if fenced else lines)


def names(kind: Any) -> dict[str, str]:
    """What the kind is called elsewhere, as Markdown."""
    return {
        "ONNX": code(getattr(kind, "onnx", None) or ""),
        "operator": code(getattr(kind, "operator", None) or ""),
        "NumPy": ", ".join(code(f"np.{name}") for name in getattr(kind, "numpy", ())),
    }


def facts(kind: Any) -> list[str]:
    """The table under the formula."""
    rows = {title: text for title, text in names(kind).items() if text}
    rows["inputs"] = ", ".join(code(name) for name in kind.inputs)
    if kind.outputs != 1:
        rows["outputs"] = str(kind.outputs)
    if not kind.pure:
        rows["pure"] = "no: never merged, dropped, folded or reordered"
    if not kind.differentiable:
        rows["differentiable"] = "no: its outputs carry no gradient"
    return ["| | |", "|---|---|", *(f"| {title} | {text} |" for title, text in rows.items() if text), ""]


def fields(kind: Any) -> list[str]:
    """The table of fields, with type and default."""
    if not kind.fields:
        return []
    lines = ["### Fields of " + kind.__name__, "", "| field | type | default |", "|---|---|---|"]
    for name in kind.fields:
        owner = next(base for base in kind.__mro__ if name in base.__dict__.get("__annotations__", {}))
        annotation = str(owner.__annotations__[name]).replace("|", "\\|")
        default = code(repr(getattr(kind, name)).replace("|", "\\|")) if hasattr(kind, name) else "required"
        lines.append(f"| `{name}` | {code(annotation)} | {default} |")
    return [*lines, ""]


def rules(kind: Any) -> list[str]:
    """The source of each rule, from the class that states it; what the bases of all kinds say is left out."""
    lines: list[str] = []
    for rule in RULES:
        owner = next((base for base in kind.__mro__ if rule in base.__dict__), None)
        if owner is None or owner.__module__.startswith(("localgrad.graph.", "localgrad.nodes.base")):
            continue
        try:
            source = textwrap.dedent(inspect.getsource(owner.__dict__[rule]))
        except (OSError, TypeError):
            continue  # made by a decorator from the expression or the body
        origin = "" if owner is kind else f" (from `{owner.__name__}`)"
        lines += [f"**{rule}**{origin}", "", "```python", source.rstrip(), "```", ""]
    return ["### Rules of " + kind.__name__, "", *lines] if lines else []


def case(name: str, tables: list[Path]) -> list[str]:
    """Where the kind stands in the table of tests."""
    row = re.compile(rf"^\s*(Case\()?{re.escape(name)}\(")
    for path in tables:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if row.match(line):
                return [f"Tested by its row in `{path.parent.name}/{path.name}`, line {number}.", ""]
    return []


def entry(name: str, kind: Any, tables: list[Path]) -> list[str]:
    """What a page says of one kind."""
    lines = [f"## {name}", "", prose(kind.__doc__ or ""), ""]
    if kind.formula:
        lines += ["```{math}", kind.formula, "```", ""]
    if expression := getattr(kind, "expression", None):
        lines += ["Computed as", "", "```python", str(expression), "```", ""]
    return [*lines, *facts(kind), *fields(kind), *rules(kind), *case(name, tables)]


def families(kinds: Mapping[str, type]) -> dict[str, list[str]]:
    """The names of the kinds of each family."""
    found: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        found.setdefault(getattr(kind, "family", "") or "other", []).append(name)
    return dict(sorted(found.items()))


def page(family: str, names: list[str], kinds: Mapping[str, type], tables: list[Path]) -> str:
    """The page of one family. One for each kind would make the build three times as long."""
    lines = [f"# {family.capitalize()}", "", "[All kinds](index.md)", ""]
    for name in names:
        lines += entry(name, kinds[name], tables)
    return "\n".join(lines)


def index(kinds: Mapping[str, type]) -> str:
    """The page that lists all kinds by family."""
    groups = families(kinds)
    lines = ["# Kinds of nodes", "", f"The catalogue has {len(kinds)} kinds.", ""]
    for family, members in groups.items():
        lines += [
            f"## {family.capitalize()}",
            "",
            "| kind | formula | ONNX | operator | NumPy |",
            "|---|---|---|---|---|",
        ]
        for name in members:
            formula = getattr(kinds[name], "formula", "").replace(r"\|", r"\Vert ").replace("|", r"\vert ")
            shown = f"${formula}$" if formula and "\n" not in formula else ""
            link = f"[{name}]({family}.md#{name.lower()})"
            lines.append(f"| {link} | {shown} | " + " | ".join(names(kinds[name]).values()) + " |")
        lines.append("")
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *groups, "```", ""])


def write(app: Sphinx) -> None:
    """Write the pages that changed and remove those of kinds that are gone."""
    folder = Path(app.srcdir) / "reference" / "kinds"
    folder.mkdir(parents=True, exist_ok=True)
    tables = sorted((Path(app.srcdir).parent / "tests").glob("cases_*.py"))
    kinds = registered()
    pages = {family: page(family, members, kinds, tables) for family, members in families(kinds).items()}
    pages["index"] = index(kinds)
    for path in folder.glob("*.md"):
        if path.stem not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the catalogue when the builder starts."""
    app.connect("builder-inited", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
