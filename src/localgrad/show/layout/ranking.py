"""Ranks: every arrow goes down, parameters wait just above their reader, long arrows get a dummy in every rank passed."""

from __future__ import annotations

from localgrad.show.drawing import sorted_along
from localgrad.show.layout.sheet import DUMMY, ENTRY, EXIT, Link, Part, Sheet

_SPARE_DUMMIES = 2000
_DUMMIES_PER_VERTEX = 3
_TALL = 3.5


def assign_ranks(sheet: Sheet) -> None:
    """Longest path from the top; then sources, and chains made of parameters alone, sink to just above their reader."""
    count = len(sheet.sort)
    order = sorted_along(count, [(link.source, link.target) for link in sheet.links])
    readers: list[list[int]] = [[] for _ in range(count)]
    written: list[list[int]] = [[] for _ in range(count)]
    for link in sheet.links:
        readers[link.source].append(link.target)
        written[link.target].append(link.source)
    _leave_room_below_tall(sheet)
    incoming: list[list[Link]] = [[] for _ in range(count)]
    for link in sheet.links:
        incoming[link.target].append(link)
    rank = sheet.rank
    for vertex in order:
        sources = written[vertex]
        if sources:
            rank[vertex] = max(rank[link.source] + link.length for link in incoming[vertex])
            # A constant read by several chains stays a constant; so does what is computed from constants alone.
            if sheet.sort[vertex] != EXIT and all(sheet.loose[source] for source in sources):
                sheet.loose[vertex] = True
        else:
            rank[vertex] = 0 if sheet.sort[vertex] == ENTRY else 1
    bottom = max((rank[vertex] for vertex in range(count) if sheet.sort[vertex] != EXIT), default=0) + 1
    for vertex in reversed(order):
        if sheet.sort[vertex] == EXIT:
            rank[vertex] = bottom
        elif readers[vertex] and (sheet.loose[vertex] or sheet.source[vertex]):
            rank[vertex] = min(rank[reader] for reader in readers[vertex]) - 1
    used = sorted(set(rank))
    number = {old: new for new, old in enumerate(used)}
    for vertex in range(count):
        rank[vertex] = number[rank[vertex]]


def _leave_room_below_tall(sheet: Sheet) -> None:
    """Where a reader of something tall also reads a source, let the source stand under it and not beside it."""
    beside: dict[int, float] = {}
    for link in sheet.links:
        if sheet.source[link.source]:
            beside[link.target] = max(beside.get(link.target, 0.0), sheet.height[link.source])
    for link in sheet.links:
        small = beside.get(link.target)
        if small is not None and sheet.height[link.source] > _TALL * small:
            link.length = 2


def break_into_parts(sheet: Sheet) -> None:
    """Cut each link into parts of one rank; links for which there is no budget of dummies are left to lanes."""
    longest = _longest_affordable(sheet)
    for number, link in enumerate(sheet.links):
        top, bottom = sheet.rank[link.source], sheet.rank[link.target]
        if bottom - top > longest:
            sheet.chains.append([])
            continue
        chain = [link.source]
        for rank in range(top + 1, bottom):
            dummy = sheet.add(DUMMY, 0.0, 0.0, 0.0)
            sheet.rank[dummy] = rank
            chain.append(dummy)
        chain.append(link.target)
        sheet.chains.append(chain)
        last = len(chain) - 2
        for step in range(len(chain) - 1):
            sheet.parts.append(
                Part(
                    chain[step],
                    chain[step + 1],
                    _port(link.out_port) if step == 0 else 0.0,
                    _port(link.in_port) if step == last else 0.0,
                    number,
                    link.reach,
                )
            )


def _port(port: float | None) -> float:
    return 0.0 if port is None else port


def _span(sheet: Sheet, link: Link) -> int:
    return sheet.rank[link.target] - sheet.rank[link.source]


def _longest_affordable(sheet: Sheet) -> int:
    """The span up to which links may have dummies, so that their number stays proportional to that of vertices."""
    budget = _SPARE_DUMMIES + _DUMMIES_PER_VERTEX * len(sheet.sort)
    longest = 1
    for span in sorted(_span(sheet, link) for link in sheet.links):
        budget -= span - 1
        if budget < 0:
            # All links of the span that broke the budget go the same way, whatever their order.
            return max(span - 1, 1)
        longest = span
    return longest
