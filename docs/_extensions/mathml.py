"""Formulas as MathML, which browsers draw themselves: the pages work offline and ask no other host for a script.

What an executed cell shows as HTML (the card of a node) holds its formula as LaTeX, which a notebook sets; here we do.
"""

import html
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Commands of amsmath that choose between commands docutils knows.
KNOWN_AS = {r"\dots": r"\ldots", r"\dotsc": r"\ldots", r"\dotsb": r"\cdots"}


def markup(node: nodes.Node, as_block: bool) -> str:
    """The MathML of a formula; its LaTeX and a warning where docutils cannot read it."""
    latex = node.astext()
    try:
        known = re.sub(r"\\[a-zA-Z]+", lambda command: KNOWN_AS.get(command[0], command[0]), latex)
        return str(tex2mathml(known, as_block=as_block))
    except MathError as error:
        logger.warning("formula not understood: %s (%s)", latex, error, location=node)
        return f"<code>{html.escape(latex)}</code>"


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    writer.body.append(markup(node, as_block=False))
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(markup(node, as_block=True))
    writer.body.append("</div>\n")
    raise nodes.SkipNode


class CellFormulas(SphinxPostTransform):
    """Formulas between `$$` in the HTML that cells gave."""

    default_priority = 900

    def run(self, **_: Any) -> None:
        """Replace them where they stand."""
        for raw in list(self.document.findall(nodes.raw)):
            text = raw.astext()
            if raw.get("format") == "html" and "$$" in text:
                drawn = re.sub(r"\$\$(.+?)\$\$", lambda found: self._drawn(found[1]), text, flags=re.DOTALL)
                raw.children = [nodes.Text(drawn)]
                raw.rawsource = drawn

    @staticmethod
    def _drawn(latex: str) -> str:
        return markup(nodes.math(text=html.unescape(latex)), as_block=False).replace(
            "<math ", '<math displaystyle="true" '
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Offer the renderer `mathml` to `html_math_renderer`."""
    app.add_post_transform(CellFormulas)
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
