"""The reference of public names: `{public}` lists those of some modules, and nothing public may be on no page.

The names come from `localgrad.__all__` (or from the `__all__` of the module in `:of:`), so a page cannot forget one.
"""

import importlib
import inspect
import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

FEW = 8
"""So many names need no table of contents."""
MANY = 40
"""More names than this stand in the order of the alphabet, fewer in that of the source."""
INHERITED = {"Tensor", "Graph", "Node", "Record"}
"""Classes whose methods stand in bases of their own, which nobody has to know."""


def defined_in(thing: Any) -> str:
    """The module a public object comes from."""
    return str(getattr(thing, "__module__", "") or type(thing).__module__)


def entry(module: str, name: str, thing: Any) -> str:
    """The lines of reStructuredText that describe a name."""
    target = f"{module}.{name}"
    if inspect.isclass(thing):
        directive = "autoexception" if issubclass(thing, BaseException) else "autoclass"
        options = "\n   :members:" + ("\n   :inherited-members:" if name in INHERITED else "")
        return f".. {directive}:: {target}{options}\n   :show-inheritance:\n"
    if callable(thing):
        return f".. autofunction:: {target}\n"
    return f".. autodata:: {target}\n"


class Public(SphinxDirective):
    """The public names that come from the modules in its content (a prefix will do), in the order of the content.

    `:of:` names another module whose public names are meant, `:without:` names not to list here.
    """

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"of": directives.unchanged, "without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Hand the list to autodoc."""
        module = self.options.get("of", "localgrad")
        names = importlib.import_module(module).__all__
        without = set(self.options.get("without", "").split())
        found: dict[str, Any] = {name: getattr(importlib.import_module(module), name) for name in names}
        lines: list[str] = []
        seen = listed(self.env)
        seen.add(module)
        summary: list[str] = []
        for prefix in [line.strip() for line in self.content if line.strip()]:
            group = {
                name: thing
                for name, thing in found.items()
                if name not in without
                and (defined_in(thing) + ".").startswith(prefix + ".")
                and not name.startswith("_")
            }
            if not group:
                logger.warning("no public name of %s comes from %s", module, prefix, location=self.get_location())
            if len(group) <= MANY:
                group = dict(sorted(group.items(), key=lambda item: place(item[1])))
            for name, thing in group.items():
                del found[name]
                seen.add(f"{module}.{name}")
                lines.append(entry(module, name, thing))
                summary.append(f"| {{py:obj}}`{name} <{module}.{name}>` | {first_sentence(thing)} |")
        table = ["| name | |", "|---|---|", *summary, ""] if len(summary) > FEW else []
        return self.parse_text_to_nodes("\n".join([*table, "````{eval-rst}", *lines, "````"]))


def place(thing: Any) -> tuple[str, int]:
    """Where a class or function is defined."""
    try:
        return defined_in(thing), inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return defined_in(thing), 0


def first_sentence(thing: Any) -> str:
    """What a docstring begins with, as the cell of a table."""
    paragraph = (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")
    return paragraph.split(". ")[0].rstrip(".:").replace("|", r"\|").replace("*", r"\*")


def escape(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Let a docstring's prose be prose: outside of backticks and examples, `*`, `|` and `name_` mean themselves."""
    example = False
    for number, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if example:
            continue
        parts = line.split("`")
        parts[::2] = [re.sub(r"([*|])|(?<=\w)(_)(?=\W|$)", lambda found: "\\" + found[0], part) for part in parts[::2]]
        lines[number] = "`".join(parts)


def listed(env: Any) -> set[str]:
    """The public names that the pages read so far describe."""
    if not hasattr(env, "public_names"):
        env.public_names = set()
    found: set[str] = env.public_names
    return found


def merge(app: Sphinx, env: Any, docnames: Any, other: Any) -> None:
    """Take over what a parallel reader has found."""
    listed(env).update(listed(other))


def complete(app: Sphinx, env: Any) -> None:
    """Warn of public names that stand on no page."""
    found = listed(env)
    public = importlib.import_module("localgrad")
    names = {n: getattr(getattr(public, n), "__name__", n) for n in public.__all__ if not n.startswith("_")}
    # a module among the names has a page of its own
    missing = [n for n, of in names.items() if f"localgrad.{n}" not in found and of not in found]
    if missing:
        logger.warning("public names on no page of the reference: %s", ", ".join(missing))


def setup(app: Sphinx) -> dict[str, Any]:
    """Offer the directive."""
    app.add_directive("public", Public)
    app.connect("autodoc-process-docstring", escape)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", complete)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
