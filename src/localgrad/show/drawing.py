"""What a picture shows, before anything has a place: boxes, edges between them, and groups around them.

The model knows nothing of machine learning; whatever can be said in boxes and arrows can be laid out and written
as SVG, Graphviz or Mermaid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from localgrad.graph.errors import LocalgradError

Role = Literal["operation", "parameter", "input", "output", "state", "constant", "group"]
Style = Literal["value", "gradient", "update"]
Mark = Literal["", "failed", "selected"]

CONSTANT_ROLES = frozenset({"parameter", "constant", "state"})
SEPARATOR = "/"


class DrawingError(LocalgradError, ValueError):
    """A drawing that contradicts itself: two boxes of one id, an edge to nowhere, a cycle."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `subtitles` are its smaller lines, `family` chooses its colour, `group` is the path it lies in."""

    id: str
    title: str
    subtitles: tuple[str, ...] = ()
    role: Role = "operation"
    family: str = ""
    group: str = ""
    tooltip: str = ""
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One arrow. Edges of one source and one `name` carry the same thing and may share their way."""

    source: str
    target: str
    label: str = ""
    name: str = ""
    style: Style = "value"
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A box around boxes. `path` is like "net/affine1"; a collapsed group is drawn as one box without its content."""

    path: str
    title: str = ""
    subtitles: tuple[str, ...] = ()
    collapsed: bool = False
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, edges and groups, to be laid out.

    Groups need not be listed: a path that occurs in a box is a group named after its last part. `families` fixes the
    order, and so the colours, of the families; those not listed follow in order of appearance.

    >>> drawing = Drawing((Box("x", "x", role="input"), Box("y", "Exp", group="net")), (Edge("x", "y"),))
    >>> [box.title for box in drawing.boxes]
    ['x', 'Exp']
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...] = ()
    groups: tuple[Group, ...] = ()
    title: str = ""
    caption: str = ""
    families: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known: set[str] = set()
        for box in self.boxes:
            if box.id in known:
                raise DrawingError(f"drawing two boxes with the id {box.id!r}: ids are unique; rename one of them")
            if box.role not in get_args(Role):
                raise DrawingError(f"drawing box {box.id!r}: found role {box.role!r}; take one of {get_args(Role)}")
            known.add(box.id)
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in known:
                    raise DrawingError(
                        f"drawing an edge from {edge.source!r} to {edge.target!r}: found no box {end!r}; add the box"
                    )

    def families_present(self) -> set[str]:
        """The families of the operations in it."""
        return {box.family for box in self.boxes if box.role == "operation" and box.family}

    def palette_order(self) -> tuple[str, ...]:
        """The families in the order in which they take colours."""
        found = dict.fromkeys(self.families)
        found.update(dict.fromkeys(box.family for box in self.boxes if box.role == "operation" and box.family))
        return tuple(found)


def path_parts(path: str) -> tuple[str, ...]:
    """The names along a group path, outermost first."""
    return tuple(part for part in path.split(SEPARATOR) if part)


def group_titles(drawing: Drawing) -> dict[tuple[str, ...], Group]:
    """Each listed group under the parts of its path."""
    return {path_parts(group.path): group for group in drawing.groups}


def folded(drawing: Drawing) -> Drawing:
    """The equal drawing in which every collapsed group has become one box.

    Edges inside it are gone; edges that cross its border start or end at the box, each flow once.

    >>> inner = Drawing(
    ...     (Box("a", "a"), Box("b", "b", group="net")), (Edge("a", "b"),), (Group("net", "Net", collapsed=True),)
    ... )
    >>> [(box.title, box.role) for box in folded(inner).boxes]
    [('a', 'operation'), ('Net', 'group')]
    """
    listed = group_titles(drawing)
    closed = {parts for parts, group in listed.items() if group.collapsed}
    if not closed:
        return drawing
    stands_for: dict[str, str] = {}
    boxes: dict[str, Box] = {}
    for box in drawing.boxes:
        parts = path_parts(box.group)
        outermost = next((parts[:n] for n in range(1, len(parts) + 1) if parts[:n] in closed), None)
        if outermost is None:
            stands_for[box.id] = box.id
            boxes[box.id] = box
            continue
        group = listed[outermost]
        identity = "group:" + group.path
        stands_for[box.id] = identity
        if identity not in boxes:
            boxes[identity] = Box(
                id=identity,
                title=group.title or outermost[-1],
                subtitles=group.subtitles,
                role="group",
                group=SEPARATOR.join(outermost[:-1]),
                tooltip=group.tooltip,
            )
    edges = _folded_edges(drawing.edges, stands_for)
    groups = tuple(group for group in drawing.groups if not group.collapsed)
    return replace(drawing, boxes=tuple(boxes.values()), edges=edges, groups=groups)


def _folded_edges(edges: Iterable[Edge], stands_for: dict[str, str]) -> tuple[Edge, ...]:
    result: list[Edge] = []
    seen: set[tuple[str, str, str, str]] = set()
    for edge in edges:
        source, target = stands_for[edge.source], stands_for[edge.target]
        if (source, target) == (edge.source, edge.target):
            result.append(edge)
            continue
        key = (source, target, edge.source, edge.name)
        if source == target or key in seen:
            continue
        seen.add(key)
        # Two flows out of one box of a closed group must not be mistaken for one.
        name = edge.name and f"{edge.source}:{edge.name}"
        result.append(replace(edge, source=source, target=target, name=name))
    return tuple(result)


def topological_order(drawing: Drawing) -> list[int]:
    """Indices of the boxes, each after all it is reached from, otherwise as listed."""
    index = {box.id: position for position, box in enumerate(drawing.boxes)}
    pairs = [(index[edge.source], index[edge.target]) for edge in drawing.edges]
    order = sorted_along(len(drawing.boxes), pairs)
    if len(order) < len(drawing.boxes):
        placed = set(order)
        stuck = next(box.id for position, box in enumerate(drawing.boxes) if position not in placed)
        raise DrawingError(f"laying out a drawing: found a cycle near box {stuck!r}; leave out the edge that closes it")
    return order


def sorted_along(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers 0..count-1 that can be ordered so that each pair goes forwards (all of them, unless there is a cycle)."""
    waiting = [0] * count
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        waiting[target] += 1
        after[source].append(target)
    order = [vertex for vertex in range(count) if not waiting[vertex]]
    for vertex in order:
        for target in after[vertex]:
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    return order


@dataclass(frozen=True, slots=True)
class Opening:
    """A step of `walk`: the boxes and groups that follow, up to the matching `Closing`, lie in this group."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Closing:
    """A step of `walk`: the group opened last ends."""


def walk(drawing: Drawing) -> Iterator[Box | Opening | Closing]:
    """Boxes in the order listed, with groups opened around them; every group is opened once."""
    listed = group_titles(drawing)
    content: dict[tuple[str, ...], list[Box | tuple[str, ...]]] = {(): []}
    for box in drawing.boxes:
        parts = path_parts(box.group)
        for length in range(1, len(parts) + 1):
            if parts[:length] not in content:
                content[parts[:length]] = []
                content[parts[: length - 1]].append(parts[:length])
        content[parts].append(box)
    work = [iter(content[()])]
    while work:
        item = next(work[-1], None)
        if item is None:
            work.pop()
            if work:
                yield Closing()
        elif isinstance(item, Box):
            yield item
        else:
            group = listed.get(item)
            yield Opening(SEPARATOR.join(item), (group.title if group else "") or item[-1])
            work.append(iter(content[item]))
