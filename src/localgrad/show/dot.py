"""A drawing in Graphviz' language: groups are clusters, so that `dot -Tpdf` draws the same nesting."""

from __future__ import annotations

from localgrad.show.drawing import Box, Closing, Drawing, Opening, folded, walk
from localgrad.show.palette import FAMILY_TONES, TONES, family_slots

_SHAPES = {"operation": "box", "group": "box3d"}


def render_dot(drawing: Drawing) -> str:
    """The text of a DOT file.

    >>> print(render_dot(Drawing((Box("a", "Exp"),))).splitlines()[0])
    digraph {
    """
    drawing = folded(drawing)
    slots = family_slots(drawing.palette_order(), drawing.families_present())
    number = {box.id: f"n{position}" for position, box in enumerate(drawing.boxes)}
    lines = [
        "digraph {",
        f"  graph [label={quoted(drawing.title)}, labelloc=t, rankdir=TB, fontname=Helvetica, color={_tone('group-line')}];",
        '  node [fontname=Helvetica, fontsize=11, style="filled,rounded", margin="0.12,0.05", height=0.3];',
        f"  edge [fontname=Courier, fontsize=9, color={_tone('line')}, fontcolor={_tone('quiet')}, arrowsize=0.6];",
    ]
    indent = "  "
    clusters = 0
    for step in walk(drawing):
        if isinstance(step, Opening):
            lines.append(f"{indent}subgraph cluster_{clusters} {{")
            indent += "  "
            lines.append(f"{indent}label={quoted(step.title)}; labeljust=l; style=rounded; bgcolor={_tone('group')};")
            clusters += 1
        elif isinstance(step, Closing):
            indent = indent[2:]
            lines.append(f"{indent}}}")
        else:
            lines.append(f"{indent}{number[step.id]} [{_attributes(step, slots)}];")
    for edge in drawing.edges:
        settings = [f"label={quoted(edge.label)}"] if edge.label else []
        if edge.style != "value":
            settings.append(f"color={_tone('gradient')}" if edge.style == "gradient" else "style=dashed")
        suffix = f" [{', '.join(settings)}]" if settings else ""
        lines.append(f"  {number[edge.source]} -> {number[edge.target]}{suffix};")
    lines.append("}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A DOT string; line breaks become breaks in the label."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r\n", "\n").replace("\r", "\n")
    return '"' + text.replace("\n", "\\n").replace("\0", "\ufffd") + '"'


def _tone(name: str) -> str:
    return quoted(TONES[name].light)


def _attributes(box: Box, slots: dict[str, int]) -> str:
    settings = [f"label={quoted(chr(10).join((box.title, *box.subtitles)))}"]
    fill, line = TONES["plain"].light, TONES["plain-line"].light
    if box.role == "operation" and box.family in slots:
        fill, line = (tone.light for tone in FAMILY_TONES[slots[box.family]])
    elif box.role in ("parameter", "state"):
        fill, line = TONES["parameter"].light, TONES["parameter-line"].light
    elif box.role == "constant":
        fill, line = TONES["constant"].light, TONES["constant-line"].light
    elif box.role in ("input", "output"):
        fill = line = TONES["ink"].light
        settings.append(f"fontcolor={_tone('paper')}")
    if box.mark == "failed":
        line = TONES["failed"].light
        settings.append("penwidth=3")
    settings.append(f"shape={_SHAPES.get(box.role, 'oval')}")
    settings.append(f"fillcolor={quoted(fill)}, color={quoted(line)}")
    if box.tooltip:
        settings.append(f"tooltip={quoted(box.tooltip)}")
    return ", ".join(settings)
