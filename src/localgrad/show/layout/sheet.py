"""One group's vertices and links as columns of numbers: what the steps of the layout work on."""

from __future__ import annotations

from dataclasses import dataclass, field

ENTRY, EXIT, PLAIN, DUMMY = range(4)


@dataclass(slots=True)
class Link:
    """One arrow between two vertices. A port is where it touches, from the vertex's middle; None lets it slide."""

    source: int
    target: int
    out_port: float | None = None
    in_port: float | None = None
    reach: int = 0
    length: int = 1


@dataclass(slots=True)
class Part:
    """One rank's share of a link: from a vertex down to a vertex of the next rank."""

    upper: int
    lower: int
    upper_port: float
    lower_port: float
    link: int
    reach: int = 0
    straight: bool = False


@dataclass(slots=True)
class Sheet:
    """Columns over vertices. `left` and `right` are the room a vertex needs on both sides of its middle, `half` is half
    of what is drawn of it.
    """

    sort: list[int] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    half: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    # A source waits just above its first reader; a loose vertex does so too and never pulls its reader aside.
    source: list[bool] = field(default_factory=list)
    loose: list[bool] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    # The vertices each link passes, both ends included; empty where the link takes a lane beside everything.
    chains: list[list[int]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    x: list[float] = field(default_factory=list)

    def add(
        self, sort: int, left: float, right: float, height: float, source: bool = False, loose: bool = False
    ) -> int:
        """Append a vertex and return its number."""
        self.sort.append(sort)
        self.left.append(left)
        self.right.append(right)
        self.half.append((left + right) / 2)
        self.height.append(height)
        self.source.append(source)
        self.loose.append(loose)
        self.rank.append(0)
        return len(self.sort) - 1
