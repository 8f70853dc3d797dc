"""A drawing as one SVG file: no script, no font, no reference to anything outside, light and dark in one."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

from localgrad.show.drawing import Box, Drawing
from localgrad.show.layout import Layout, PlacedBox, PlacedEdge, PlacedGroup, lay_out
from localgrad.show.measure import (
    CHIP_ROLES,
    GROUP_SIZE,
    LABEL_SIZE,
    SMALL_SIZE,
    TITLE_SIZE,
    chip_inline,
    lines_below,
    shortened,
    text_width,
)
from localgrad.show.palette import FAMILY_TONES, TONES, Tone, family_slots

Theme = Literal["auto", "light", "dark"]

_MARGIN = 16.0
_ARROW = 6.0
_LEGEND_ROW = 20.0
_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif"
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_ROLE_NAMES = {
    "input": "input",
    "output": "output",
    "parameter": "parameter",
    "state": "state",
    "constant": "constant",
    "group": "closed group",
}
_STYLE_NAMES = {"value": "value", "gradient": "gradient", "update": "update"}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(drawing: Drawing, theme: Theme = "auto") -> str:
    """The text of an SVG file that shows a drawing.

    `theme` "auto" follows the reader's light or dark setting; "light" and "dark" fix it.

    >>> render(Drawing((Box("y", "Exp"),))).startswith("<svg ")
    True
    """
    layout = lay_out(drawing)
    drawing = layout.drawing
    box_of = {box.id: box for box in drawing.boxes}
    slots = family_slots(drawing.palette_order(), drawing.families_present())
    title_height = 30.0 if drawing.title else 0.0
    title_room = text_width(drawing.title, 15) if drawing.title else 0.0
    inner = max(layout.width, min(title_room, 900.0), 200.0)
    legend, legend_height = _legend(layout, slots, inner)
    width = inner + 2 * _MARGIN
    legend_top = _MARGIN + title_height + layout.height + (18.0 if legend else 0.0)
    height = legend_top + legend_height + _MARGIN
    left = _MARGIN + (inner - layout.width) / 2

    name = escape(drawing.title or "computation graph")
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lg-picture" width="{_number(width)}" '
        f'height="{_number(height)}" viewBox="0 0 {_number(width)} {_number(height)}" role="img" aria-label="{name}">',
        f"<title>{name}</title>",
        f"<style>{_style(theme)}</style>",
        f'<rect class="lg-paper" width="{_number(width)}" height="{_number(height)}" rx="8"/>',
    ]
    if drawing.title:
        out.append(f'<text class="lg-title" x="{_number(width / 2)}" y="{_number(_MARGIN + 14)}">{name}</text>')
    out.append(f'<g transform="translate({_number(left)} {_number(_MARGIN + title_height)})">')
    out.extend(_group(group) for group in layout.groups)
    out.extend(_edge(edge) for edge in layout.edges)
    out.extend(_group_title(group) for group in layout.groups)
    out.extend(_box(placed, box_of[placed.id], slots) for placed in layout.boxes)
    out.extend(_label(edge) for edge in layout.edges if edge.label)
    out.append("</g>")
    if legend:
        out.append(f'<g transform="translate({_number(_MARGIN)} {_number(legend_top)})">{"".join(legend)}</g>')
    out.append("</svg>\n")
    return "\n".join(out)


def escape(text: str) -> str:
    """Text that is safe inside an XML element or attribute; characters XML forbids become U+FFFD."""
    text = _FORBIDDEN.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def _tooltip(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _group(group: PlacedGroup) -> str:
    deep = " lg-deep" if group.depth % 2 == 0 else ""
    return (
        f'<g class="lg-group{deep}">{_tooltip(group.tooltip or group.path)}<rect x="{_number(group.x)}" '
        f'y="{_number(group.y)}" width="{_number(group.width)}" height="{_number(group.height)}" rx="9"/></g>'
    )


def _group_title(group: PlacedGroup) -> str:
    return (
        f'<text class="lg-group-title" x="{_number(group.title_x)}" y="{_number(group.y + 15)}">'
        f"{escape(group.title)}</text>"
    )


def _edge(edge: PlacedEdge) -> str:
    (x, y), *rest = edge.points
    commands = [f"M{_number(x)} {_number(y)}"]
    last = len(rest) - 1
    for position, ((x, y), (to_x, to_y)) in enumerate(pairwise(edge.points)):
        end = to_y - (_ARROW - 1 if position == last else 0)
        if x == to_x:
            commands.append(f"V{_number(end)}")
        else:
            middle = _number((y + end) / 2)
            commands.append(f"C{_number(x)} {middle} {_number(to_x)} {middle} {_number(to_x)} {_number(end)}")
    x, y = edge.points[-1]
    tip = f"M{_number(x)} {_number(y)}l-3.2-{_number(_ARROW)}h6.4z"
    kind = "" if edge.edge.style == "value" else f" lg-{edge.edge.style}"
    tooltip = edge.edge.tooltip or " ".join(part for part in (edge.edge.name, edge.edge.label) if part)
    return f'<g class="lg-edge{kind}">{_tooltip(tooltip)}<path d="{"".join(commands)}"/><path class="lg-tip" d="{tip}"/></g>'


def _label(edge: PlacedEdge) -> str:
    assert edge.label is not None
    x, y = edge.label
    text = shortened(edge.edge.label)
    width = text_width(text, LABEL_SIZE, monospace=True) + 4
    ground = "" if not edge.label_depth else " lg-on-group" if edge.label_depth % 2 else " lg-on-deep"
    return (
        f'<g class="lg-label{ground}">{_rectangle(x - width / 2, y - 6.5, width, 13, 3)}'
        f'<text x="{_number(x)}" y="{_number(y + 3.3)}">{escape(text)}</text></g>'
    )


def _box_class(box: Box, slots: dict[str, int]) -> str:
    names = ["lg-box", _role_class(box.role)]
    if box.role == "operation" and box.family in slots:
        names.append(f"lg-f{slots[box.family]}")
    if box.mark:
        names.append(f"lg-{box.mark}")
    return " ".join(names)


def _role_class(role: str) -> str:
    return "lg-closed" if role == "group" else f"lg-{role}"


def _box(placed: PlacedBox, box: Box, slots: dict[str, int]) -> str:
    chip = box.role in CHIP_ROLES
    x, y, width, height = placed.x, placed.y, placed.width, placed.height
    radius = min(height / 2, 12.0) if chip else 6.0
    middle = _number(x + width / 2)
    first = y + (16.2 if chip else 19.4)
    out = [f'<g class="{_box_class(box, slots)}">', _tooltip(box.tooltip)]
    if box.role == "group":
        out.append(_rectangle(x + 3, y + 3, width, height, radius))
    out.append(_rectangle(x, y, width, height, radius))
    inline = chip_inline(box)
    more = f'<tspan class="lg-small" dx="6">{escape(inline)}</tspan>' if inline else ""
    out.append(f'<text x="{middle}" y="{_number(first)}">{escape(shortened(box.title))}{more}</text>')
    for position, line in enumerate(lines_below(box), start=1):
        out.append(
            f'<text class="lg-small" x="{middle}" y="{_number(first + 13 * position - 0.5)}">{escape(line)}</text>'
        )
    out.append("</g>")
    return "".join(out)


def _rectangle(x: float, y: float, width: float, height: float, radius: float) -> str:
    return (
        f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
        f'rx="{_number(radius)}"/>'
    )


def _legend(layout: Layout, slots: dict[str, int], width: float) -> tuple[list[str], float]:
    """Swatches of what occurs in the picture, in rows no wider than it, and the height they take."""
    boxes = layout.drawing.boxes
    entries: list[tuple[str, str]] = []
    entries.extend((f"lg-operation lg-f{slot}", family) for family, slot in slots.items())
    roles = {box.role for box in boxes}
    entries.extend((_role_class(role), text) for role, text in _ROLE_NAMES.items() if role in roles)
    styles = {edge.edge.style for edge in layout.edges}
    if styles - {"value"}:
        entries.extend((f"lg-edge lg-{style}", text) for style, text in _STYLE_NAMES.items() if style in styles)
    out: list[str] = []
    x = y = 0.0
    for kind, text in entries:
        room = 18 + text_width(text, SMALL_SIZE) + 12
        if x and x + room > width:
            x, y = 0.0, y + _LEGEND_ROW
        if kind.startswith("lg-edge"):
            swatch = f'<g class="{kind}"><path d="M{_number(x)} {_number(y + 7)}h13"/></g>'
        else:
            radius = 2.5 if "operation" in kind or "closed" in kind else 5.5
            swatch = f'<g class="lg-box {kind}">{_rectangle(x + 0.5, y + 1.5, 13, 11, radius)}</g>'
        out.append(
            f'{swatch}<text class="lg-legend" x="{_number(x + 18)}" y="{_number(y + 10.6)}">{escape(text)}</text>'
        )
        x += room
    if entries:
        y += _LEGEND_ROW
    if layout.drawing.caption:
        out.append(f'<text class="lg-legend" x="0" y="{_number(y + 10.6)}">{escape(layout.drawing.caption)}</text>')
        y += _LEGEND_ROW
    return out, max(y - 6, 0.0)


def _style(theme: Theme) -> str:
    # All families, present or not: on a page with several pictures the last one's rules hold for all of them.
    slots = range(len(FAMILY_TONES))
    tones: dict[str, Tone] = dict(TONES)
    for slot in slots:
        tones[f"f{slot}"], tones[f"f{slot}-line"] = FAMILY_TONES[slot]

    def variables(dark: bool) -> str:
        return "".join(f"--lg-{name}:{tone.dark if dark else tone.light};" for name, tone in tones.items())

    def use(attribute: str, name: str) -> str:
        # The plain colour first: a reader that does not know variables skips the second declaration.
        tone = tones[name]
        return f"{attribute}:{tone.dark if theme == 'dark' else tone.light};{attribute}:var(--lg-{name})"

    def both(fill: str, line: str) -> str:
        return f"{use('fill', fill)};{use('stroke', line)}"

    scope = ".lg-picture"
    rules = [f"{scope}{{{variables(theme == 'dark')}}}"]
    if theme == "auto":
        rules.append(f"@media (prefers-color-scheme:dark){{{scope}{{{variables(True)}}}}}")
        rules.append(f"@media print{{{scope}{{{variables(False)}}}}}")
    rules += [
        f"{scope} text{{font-family:{_SANS};font-size:{TITLE_SIZE}px;text-anchor:middle;{use('fill', 'ink')}}}",
        f"{scope} .lg-paper{{{use('fill', 'paper')}}}",
        f"{scope} .lg-title{{font-size:15px;font-weight:600}}",
        f"{scope} .lg-box rect{{stroke-width:1.3}}",
        f"{scope} .lg-box text{{font-weight:600}}",
        f"{scope} .lg-box .lg-small{{font-family:{_MONO};font-size:{SMALL_SIZE:g}px;font-weight:400;{use('fill', 'quiet')}}}",
        f"{scope} .lg-box rect{{{both('plain', 'plain-line')}}}",
        *(f"{scope} .lg-f{slot} rect{{{both(f'f{slot}', f'f{slot}-line')}}}" for slot in slots),
        f"{scope} .lg-parameter rect,{scope} .lg-state rect{{{both('parameter', 'parameter-line')}}}",
        f"{scope} .lg-state rect{{stroke-dasharray:4 2.5}}",
        f"{scope} .lg-constant rect{{{both('constant', 'constant-line')}}}",
        f"{scope} .lg-input rect,{scope} .lg-output rect{{{both('ink', 'ink')}}}",
        f"{scope} .lg-input text,{scope} .lg-output text,{scope} .lg-input .lg-small,{scope} .lg-output .lg-small"
        f"{{{use('fill', 'paper')}}}",
        f"{scope} .lg-closed rect{{{both('group-deep', 'quiet')}}}",
        f"{scope} .lg-failed rect{{{use('stroke', 'failed')};stroke-width:3}}",
        f"{scope} .lg-selected rect{{{use('stroke', 'ink')};stroke-width:2.6}}",
        f"{scope} .lg-group rect{{{both('group', 'group-line')};stroke-width:1}}",
        f"{scope} .lg-deep rect{{{both('group-deep', 'group-line')}}}",
        f"{scope} .lg-group-title{{font-size:{GROUP_SIZE:g}px;font-weight:600;text-anchor:start;{use('fill', 'quiet')}}}",
        f"{scope} .lg-edge path{{fill:none;{use('stroke', 'line')};stroke-width:1.4}}",
        f"{scope} .lg-edge .lg-tip{{stroke:none;{use('fill', 'line')}}}",
        f"{scope} .lg-gradient path{{{use('stroke', 'gradient')}}}",
        f"{scope} .lg-gradient .lg-tip{{{use('fill', 'gradient')}}}",
        f"{scope} .lg-update path{{stroke-dasharray:5 3}}",
        f"{scope} .lg-label text{{font-family:{_MONO};font-size:{LABEL_SIZE:g}px;{use('fill', 'quiet')}}}",
        f"{scope} .lg-label rect{{{use('fill', 'paper')}}}",
        f"{scope} .lg-on-group rect{{{use('fill', 'group')}}}",
        f"{scope} .lg-on-deep rect{{{use('fill', 'group-deep')}}}",
        f"{scope} .lg-legend{{font-size:{SMALL_SIZE:g}px;text-anchor:start;{use('fill', 'quiet')}}}",
    ]
    return "".join(rules)
