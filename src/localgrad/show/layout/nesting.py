"""The groups of a drawing as a tree of pieces, each of which can stand as one box without closing a cycle."""

from __future__ import annotations

from dataclasses import dataclass, field

from localgrad.show.drawing import CONSTANT_ROLES, Drawing, group_titles, path_parts, sorted_along, topological_order
from localgrad.show.measure import shortened

OUTSIDE = -1
"""As the vertex of an end: the border of the piece itself, where a flow enters or leaves."""


@dataclass(slots=True)
class End:
    """Where a segment starts or ends: a box, a child piece (counted on after the boxes) or the border."""

    vertex: int
    flow: int


@dataclass(slots=True)
class Segment:
    """The part of one or more edges that lies directly in one piece."""

    source: End
    target: End
    label: str = ""
    reach: int = 0


@dataclass(slots=True)
class Piece:
    """A group, or the part of a group that is reached without leaving it and coming back."""

    path: str
    title: str
    tooltip: str
    parent: int
    depth: int
    boxes: list[int] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class Nesting:
    """The tree (piece 0 is the whole), the piece each box lies in, and each edge as segments (piece, index in it)."""

    pieces: list[Piece]
    home: list[int]
    courses: list[list[tuple[int, int]]]


def nest(drawing: Drawing) -> Nesting:
    """Split the groups of a drawing into pieces and its edges into segments."""
    order = topological_order(drawing)
    index = {box.id: position for position, box in enumerate(drawing.boxes)}
    ends = [(index[edge.source], index[edge.target]) for edge in drawing.edges]
    pieces, home = _split(drawing, order, ends)
    courses = _cut(drawing, ends, pieces, home)
    for course, reach in zip(courses, _reaches(drawing, order, ends), strict=True):
        for piece, position in course:
            segment = pieces[piece].segments[position]
            segment.reach = max(segment.reach, reach)
    return Nesting(pieces, home, courses)


def _reaches(drawing: Drawing, order: list[int], ends: list[tuple[int, int]]) -> list[int]:
    """How far the longest way through each edge goes; what is computed from constants alone counts a quarter.

    A quarter and not nothing, because in a graph without inputs everything is computed from constants.
    """
    count = len(order)
    after: list[list[int]] = [[] for _ in range(count)]
    varies = [box.role not in CONSTANT_ROLES for box in drawing.boxes]
    computed = [False] * count
    for source, target in ends:
        after[source].append(target)
        computed[target] = True
    above, below = [0] * count, [0] * count
    moving = [varies[box] and not computed[box] for box in range(count)]
    for box in order:
        step = 4 if moving[box] else 1 if computed[box] else 0
        for target in after[box]:
            above[target] = max(above[target], above[box] + step)
            moving[target] = moving[target] or moving[box]
    for box in reversed(order):
        below[box] = max((below[target] + 4 for target in after[box]), default=0)
    return [above[source] + below[target] for source, target in ends]


def _split(drawing: Drawing, order: list[int], ends: list[tuple[int, int]]) -> tuple[list[Piece], list[int]]:
    listed = group_titles(drawing)
    parts = [path_parts(box.group) for box in drawing.boxes]
    home = [0] * len(drawing.boxes)
    pieces = [Piece("", drawing.title, "", OUTSIDE, 0)]
    work = [(0, order, list(range(len(ends))))]
    for piece_index, boxes, edges in work:  # grows while it is read, so that deep nesting needs no recursion
        piece = pieces[piece_index]
        depth = piece.depth
        child_of: dict[int, str | int] = {}
        for box in boxes:
            child_of[box] = parts[box][depth] if len(parts[box]) > depth else box
        phase = _phases(boxes, [ends[edge] for edge in edges], child_of)
        found: dict[tuple[str, int], list[int]] = {}
        uses: dict[str, int] = {}
        for box in boxes:
            child = child_of[box]
            if isinstance(child, int):
                piece.boxes.append(box)
                home[box] = piece_index
            else:
                key = (child, phase.get(box, 0))
                if key not in found:
                    uses[child] = uses.get(child, 0) + 1
                found.setdefault(key, []).append(box)
        piece.boxes.sort()
        piece_of: dict[int, int] = {}
        numbers = dict.fromkeys(uses, 0)
        made: list[tuple[int, list[int]]] = []
        for (child, _), members in sorted(found.items(), key=lambda item: (item[0][1], min(item[1]))):
            numbers[child] += 1
            group = listed.get(path_parts(drawing.boxes[members[0]].group)[: depth + 1])
            title = shortened((group.title if group else "") or child)
            path = f"{piece.path}/{child}" if piece.path else child
            if numbers[child] > 1:
                title, path = f"{title} ({numbers[child]})", f"{path}#{numbers[child]}"
            new = len(pieces)
            pieces.append(Piece(path, title, group.tooltip if group else "", piece_index, depth + 1))
            piece.pieces.append(new)
            piece_of.update(dict.fromkeys(members, new))
            made.append((new, members))
        inside: dict[int, list[int]] = {new: [] for new, _ in made}
        for edge in edges:
            source, target = (piece_of.get(box, OUTSIDE) for box in ends[edge])
            if source == target and source != OUTSIDE:
                inside[source].append(edge)
        work.extend((new, members, inside[new]) for new, members in made)
    return pieces, home


def _phases(boxes: list[int], ends: list[tuple[int, int]], child_of: dict[int, str | int]) -> dict[int, int]:
    """A number for each box whose child lies on a cycle of children, such that (child, number) pairs form none.

    The number grows whenever an edge leaves a child, and boxes wait for the latest number at which the others of
    their child need them, so that a parameter stays with its first use.
    """
    children = list(dict.fromkeys(child_of[box] for box in boxes))
    if len(children) == len(boxes):
        return {}
    number = {child: position for position, child in enumerate(children)}
    pairs = [(number[child_of[source]], number[child_of[target]]) for source, target in ends]
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    ahead = set(sorted_along(len(children), pairs))
    if len(ahead) == len(children):
        return {}
    behind = set(sorted_along(len(children), [(target, source) for source, target in pairs]))
    tangled = [box for box in boxes if number[child_of[box]] not in ahead and number[child_of[box]] not in behind]
    phase = dict.fromkeys(tangled, 0)
    before: dict[int, list[int]] = {box: [] for box in tangled}
    after: dict[int, list[int]] = {box: [] for box in tangled}
    for source, target in ends:
        if source in phase and target in phase:
            before[target].append(source)
            after[source].append(target)
    for box in tangled:
        phase[box] = max((phase[other] + (child_of[other] != child_of[box]) for other in before[box]), default=0)
    for box in reversed(tangled):
        if any(child_of[other] == child_of[box] for other in after[box]):
            latest = min(phase[other] - (child_of[other] != child_of[box]) for other in after[box])
            phase[box] = max(phase[box], latest)
    return phase


def _cut(
    drawing: Drawing, ends: list[tuple[int, int]], pieces: list[Piece], home: list[int]
) -> list[list[tuple[int, int]]]:
    """Cut each edge where it crosses the border of a piece; edges of one flow share what lies before a box."""
    count = len(home)
    flows: dict[tuple[int, str | int], int] = {}
    shared: list[dict[tuple[int, int, int], int]] = [{} for _ in pieces]
    courses: list[list[tuple[int, int]]] = []

    def add(piece: int, source: int, target: int, flow: int, label: str) -> tuple[int, int]:
        key = (source, target, flow)
        alone = 0 <= target < count
        position = -1 if alone else shared[piece].get(key, -1)
        if position < 0:
            position = len(pieces[piece].segments)
            pieces[piece].segments.append(Segment(End(source, flow), End(target, flow), label))
            if not alone:
                shared[piece][key] = position
        return piece, position

    for position, (source, target) in enumerate(ends):
        edge = drawing.edges[position]
        flow = flows.setdefault((source, edge.name or position), len(flows))
        up, start, finish, down = home[source], source, target, home[target]
        rising: list[tuple[int, int]] = []
        falling: list[tuple[int, int]] = []
        while up != down:
            if pieces[up].depth >= pieces[down].depth:
                rising.append(add(up, start, OUTSIDE, flow, ""))
                start, up = count + up, pieces[up].parent
            else:
                falling.append(add(down, OUTSIDE, finish, flow, ""))
                finish, down = count + down, pieces[down].parent
        middle = add(up, start, finish, flow, shortened(edge.label))
        courses.append([*rising, middle, *reversed(falling)])
    return courses
