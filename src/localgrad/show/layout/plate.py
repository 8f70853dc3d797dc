"""One piece laid out for itself: its boxes and child pieces in rows, its border, and the way of each segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from localgrad.show.drawing import CONSTANT_ROLES, Drawing
from localgrad.show.layout.nesting import OUTSIDE, Nesting, Segment
from localgrad.show.layout.ordering import order_rows
from localgrad.show.layout.placing import place_across
from localgrad.show.layout.ranking import assign_ranks, break_into_parts
from localgrad.show.layout.routing import Rows, add_lanes, place_labels, route, spread_ports
from localgrad.show.layout.sheet import ENTRY, EXIT, PLAIN, Link, Sheet
from localgrad.show.measure import GROUP_SIZE, LABEL_SIZE, box_size, text_width

Point = tuple[float, float]

HEADER = 22.0
_SIDE = 12.0
_FOOT = 10.0
_GAP, _LABEL_GAP, _BORDER_GAP = 24.0, 32.0, 12.0


@dataclass(slots=True)
class Plate:
    """The result for one piece, measured from its own left and top; vertices are counted as in `End`."""

    width: float
    height: float
    title_x: float = 0.0
    places: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    routes: list[list[Point]] = field(default_factory=list)
    labels: dict[int, Point] = field(default_factory=dict)
    entries: dict[int, float] = field(default_factory=dict)
    exits: dict[int, float] = field(default_factory=dict)


def lay_out_piece(drawing: Drawing, nesting: Nesting, number: int, plates: list[Plate | None]) -> Plate:
    """Lay out piece `number`, whose child pieces have their plates already."""
    piece = nesting.pieces[number]
    sheet, vertex_of, size = _sheet_of(drawing, nesting, number, plates)
    assign_ranks(sheet)
    break_into_parts(sheet)
    order_rows(sheet)
    place_across(sheet)
    right = max((sheet.x[vertex] + sheet.right[vertex] for row in sheet.rows for vertex in row), default=0.0)
    lanes, right = add_lanes(sheet, right)
    ports = spread_ports(sheet, lanes)
    rows, bottom = _stack(sheet, piece.segments, _widest(sheet, ports, lanes), inner=number > 0)
    ways = [route(sheet, rows, link, lanes, ports) for link in range(len(sheet.links))]
    labels = place_labels(sheet, [segment.label for segment in piece.segments], ways, right)

    shift = _SIDE if number else 0.0
    plate = Plate(round(right + 2 * shift, 2), round(bottom, 2))
    plate.routes = [[(x + shift, y) for x, y in way.points] for way in ways]
    plate.labels = {segment: (x + shift, y) for segment, (x, y) in labels.items()}
    for (vertex, flow), inner in vertex_of.items():
        x = sheet.x[inner] + shift
        if vertex == OUTSIDE:
            (plate.entries if sheet.sort[inner] == ENTRY else plate.exits)[_flow(flow)] = x
        else:
            width, height = size[inner]
            plate.places[vertex] = (x - width / 2, rows.top[inner], width, height)
    if number:
        _fit_title(plate, text_width(piece.title, GROUP_SIZE))
    return plate


# The border has one vertex per flow and direction; other vertices have one for all flows.
_ALL, _INWARDS = None, -1


def _flow(key: int | None) -> int:
    assert key is not None
    return key if key >= 0 else -key - 1


def _sheet_of(
    drawing: Drawing, nesting: Nesting, number: int, plates: list[Plate | None]
) -> tuple[Sheet, dict[tuple[int, int | None], int], dict[int, tuple[float, float]]]:
    piece = nesting.pieces[number]
    count = len(drawing.boxes)
    sheet = Sheet()
    vertex_of: dict[tuple[int, int | None], int] = {}
    size: dict[int, tuple[float, float]] = {}
    fed = {segment.target.vertex for segment in piece.segments}
    outgoing: dict[int, int] = {}
    for segment in piece.segments:
        outgoing[segment.source.vertex] = outgoing.get(segment.source.vertex, 0) + 1
    for vertex in [*piece.boxes, *(count + child for child in piece.pieces)]:
        constant = False
        if vertex < count:
            width, height = box_size(drawing.boxes[vertex])
            constant = drawing.boxes[vertex].role in CONSTANT_ROLES
        else:
            plate = plates[vertex - count]
            assert plate is not None
            width, height = plate.width, plate.height
        source = vertex not in fed
        inner = sheet.add(PLAIN, width / 2, width / 2, height, source, source and constant)
        vertex_of[vertex, _ALL] = inner
        size[inner] = width, height

    for segment in piece.segments:
        ends: list[tuple[int, float | None]] = []
        for end, leaving in ((segment.source, True), (segment.target, False)):
            if end.vertex == OUTSIDE:
                key = (OUTSIDE, -end.flow - 1 if leaving else end.flow)
                if key not in vertex_of:
                    height = HEADER if leaving else _FOOT
                    vertex_of[key] = sheet.add(ENTRY if leaving else EXIT, 0.0, 0.0, height)
                ends.append((vertex_of[key], 0.0))
            elif end.vertex < count:
                ends.append((vertex_of[end.vertex, _ALL], None))
            else:
                plate = plates[end.vertex - count]
                assert plate is not None
                port = (plate.exits if leaving else plate.entries)[end.flow] - plate.width / 2
                ends.append((vertex_of[end.vertex, _ALL], port))
        (source_vertex, out_port), (target_vertex, in_port) = ends
        sheet.links.append(Link(source_vertex, target_vertex, out_port, in_port, segment.reach))
        if segment.label and outgoing[segment.source.vertex] == 1:
            half = text_width(segment.label, LABEL_SIZE, monospace=True) / 2 + 2
            sheet.left[source_vertex] = max(sheet.left[source_vertex], half - (out_port or 0.0))
            sheet.right[source_vertex] = max(sheet.right[source_vertex], half + (out_port or 0.0))
    return sheet, vertex_of, size


def _widest(sheet: Sheet, ports: dict[tuple[int, bool], float], lanes: dict[int, float]) -> list[float]:
    """How far to the side a link goes, at most, in the gap under each row."""
    widest = [0.0] * len(sheet.rows)
    for number, link in enumerate(sheet.links):
        chain = sheet.chains[number]
        top, bottom = sheet.rank[link.source], sheet.rank[link.target]
        start, end = ports[number, True], ports[number, False]
        if not chain:
            widest[top] = max(widest[top], abs(start - lanes[number]))
            widest[bottom - 1] = max(widest[bottom - 1], abs(lanes[number] - end))
            continue
        corners = [start, *(sheet.x[vertex] for vertex in chain[1:-1]), end]
        for step, (x, to_x) in enumerate(pairwise(corners)):
            widest[top + step] = max(widest[top + step], abs(x - to_x))
    return widest


def _stack(sheet: Sheet, segments: list[Segment], widest: list[float], inner: bool) -> tuple[Rows, float]:
    """Heights of rows and of the gaps between them; the bottom of the piece."""
    heights = [max(sheet.height[vertex] for vertex in row) for row in sheet.rows]
    labelled: set[int] = set()
    for segment, link in zip(segments, sheet.links, strict=True):
        if segment.label:
            labelled.add(sheet.rank[link.source])
            labelled.add(sheet.rank[link.target] - 1)
    rows = Rows([], [], [0.0] * len(sheet.sort))
    y = HEADER + 4.0 if inner and not (sheet.rows and sheet.sort[sheet.rows[0][0]] == ENTRY) else 0.0
    for number, row in enumerate(sheet.rows):
        rows.upper.append(y)
        rows.lower.append(y + heights[number])
        for vertex in row:
            spare = heights[number] - sheet.height[vertex]
            rows.top[vertex] = y + (spare if sheet.source[vertex] or sheet.loose[vertex] else spare / 2)
        y += heights[number]
        if number + 1 < len(sheet.rows):
            border = sheet.sort[row[0]] == ENTRY or sheet.sort[sheet.rows[number + 1][0]] == EXIT
            base = _LABEL_GAP if number in labelled else _GAP
            if border:
                base = 4.0 if widest[number] < 0.5 else _BORDER_GAP
            y += base + min(64.0, 0.09 * max(0.0, widest[number] - 60.0))
    ends_at_border = bool(sheet.rows) and sheet.sort[sheet.rows[-1][0]] == EXIT
    return rows, y + (_SIDE if inner and not ends_at_border else 0.0)


def _fit_title(plate: Plate, width: float) -> None:
    """Put the title into the header where no edge enters, widening the piece if there is no such place."""
    entries = sorted(plate.entries.values())
    if not entries or entries[0] > _SIDE + width + 7:
        plate.title_x = _SIDE
    else:
        plate.title_x = entries[-1] + 8
    plate.width = max(plate.width, round(plate.title_x + width + _SIDE, 2))
