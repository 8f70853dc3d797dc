"""A drawing as a Mermaid flowchart, which GitHub, GitLab and many note books draw where they find it in Markdown."""

from __future__ import annotations

import json
import re

from localgrad.show.drawing import Box, Closing, Drawing, Opening, folded, walk
from localgrad.show.palette import FAMILY_TONES, TONES, family_slots

_BRACKETS = {
    "operation": ("[", "]"),
    "group": ("[[", "]]"),
    "parameter": ("([", "])"),
    "state": ("([", "])"),
    "constant": ("([", "])"),
    "input": ("([", "])"),
    "output": ("([", "])"),
}
_PLAIN = re.compile(r"[^\w .,:=+×·→()'/-]|(?<!\w)\d+(?=\.\s)")


def render_mermaid(drawing: Drawing) -> str:
    """The text of a Mermaid flowchart.

    >>> print(render_mermaid(Drawing((Box("a", "Exp"),))).splitlines()[1].strip())
    n0["Exp"]
    """
    drawing = folded(drawing)
    slots = family_slots(drawing.palette_order(), drawing.families_present())
    number = {box.id: f"n{position}" for position, box in enumerate(drawing.boxes)}
    lines = ["flowchart TD"]
    if drawing.title:
        # JSON's strings are YAML's, which is what the front matter is.
        lines = ["---", f"title: {json.dumps(drawing.title, ensure_ascii=False)}", "---", *lines]
    indent = "  "
    groups = 0
    members: dict[str, list[str]] = {}
    for step in walk(drawing):
        if isinstance(step, Opening):
            lines.append(f"{indent}subgraph g{groups} [{quoted(step.title)}]")
            indent += "  "
            groups += 1
        elif isinstance(step, Closing):
            indent = indent[2:]
            lines.append(f"{indent}end")
        else:
            opening, closing = _BRACKETS[step.role]
            text = "<br/>".join(escaped(line) for line in (step.title, *step.subtitles))
            lines.append(f'{indent}{number[step.id]}{opening}"{text}"{closing}')
            for name in _classes(step, slots):
                members.setdefault(name, []).append(number[step.id])
    for edge in drawing.edges:
        arrow = "-.->" if edge.style == "update" else "==>" if edge.style == "gradient" else "-->"
        label = f"|{quoted(edge.label)}|" if edge.label else ""
        lines.append(f"  {number[edge.source]} {arrow}{label} {number[edge.target]}")
    for name, boxes in members.items():
        lines.append(f"  classDef {name} {_style(name)}")
        lines.append(f"  class {','.join(boxes)} {name}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text in which whatever Mermaid, Markdown or HTML could take for a sign is written by its number."""
    text = " ".join(text.split())
    return _PLAIN.sub(lambda match: "".join(f"#{ord(character)};" for character in match[0]), text)


def quoted(text: str) -> str:
    """A Mermaid string; line breaks become breaks in the label."""
    return '"' + "<br/>".join(escaped(line) for line in text.splitlines() or [""]) + '"'


def _classes(box: Box, slots: dict[str, int]) -> list[str]:
    names: list[str] = []
    if box.role != "operation":
        names.append(f"{box.role}Box")
    elif box.family in slots:
        names.append(f"family{slots[box.family]}")
    if box.mark:
        names.append(f"{box.mark}Box")
    return names


def _style(name: str) -> str:
    ink, paper = TONES["ink"].light, TONES["paper"].light
    if name.startswith("family"):
        fill, line = FAMILY_TONES[int(name.removeprefix("family"))]
        return f"fill:{fill.light},stroke:{line.light},color:{ink}"
    if name in ("inputBox", "outputBox"):
        return f"fill:{ink},stroke:{ink},color:{paper}"
    if name in ("parameterBox", "stateBox"):
        return f"fill:{TONES['parameter'].light},stroke:{TONES['parameter-line'].light},color:{ink}"
    if name == "constantBox":
        return f"fill:{paper},stroke:{TONES['constant-line'].light},color:{ink}"
    if name == "failedBox":
        return f"stroke:{TONES['failed'].light},stroke-width:3px"
    if name == "selectedBox":
        return f"stroke:{ink},stroke-width:3px"
    return f"fill:{TONES['plain'].light},stroke:{TONES['plain-line'].light},color:{ink}"
