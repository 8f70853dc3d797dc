"""The way of each link: where it touches boxes, through which lane it goes, where its label stands."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

from localgrad.show.layout.sheet import PLAIN, Sheet
from localgrad.show.measure import LABEL_SIZE, text_width

Point = tuple[float, float]

_MARGIN = 9.0
_NEARLY = 6.0
_APART = 12.0
_LANE_START, _LANE_WIDTH = 16.0, 7.0
_HELD = 1000.0
# Points (across, down) of the curve between two corners, each between 0 and 1.
_UPRIGHT = ((0.0, 0.5), (0.0, 0.3), (0.0, 0.7))
_CURVED = ((0.5, 0.5), (0.896, 0.75), (0.104, 0.25))
_FANNED_OUT = ((0.896, 0.75), (0.5, 0.5))
_FANNED_IN = ((0.104, 0.25), (0.5, 0.5))
_FAN = 5


@dataclass(slots=True)
class Rows:
    """Upper and lower border of each row, and the top of each vertex."""

    upper: list[float]
    lower: list[float]
    top: list[float]


@dataclass(slots=True)
class Way:
    """The corners of a link; `gaps` are the numbers of the corners after which it crosses a gap between rows."""

    points: list[Point]
    gaps: list[int]


def add_lanes(sheet: Sheet, right: float) -> tuple[dict[int, float], float]:
    """Give each link without a chain an upright lane right of everything; links of one source may share it."""
    waiting = [number for number, chain in enumerate(sheet.chains) if not chain]
    if not waiting:
        return {}, right
    reaches: dict[tuple[int, float | None], list[int]] = {}
    for number in waiting:
        link = sheet.links[number]
        reaches.setdefault((link.source, link.out_port), []).append(number)
    spans = []
    for (source, _), numbers in reaches.items():
        spans.append((sheet.rank[source], max(sheet.rank[sheet.links[number].target] for number in numbers), numbers))
    spans.sort(key=lambda span: (span[0], span[1], span[2][0]))
    lanes: dict[int, float] = {}
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    used = 0
    for top, bottom, numbers in spans:
        while busy and busy[0][0] <= top:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane = used
            used += 1
        heappush(busy, (bottom, lane))
        lanes.update(dict.fromkeys(numbers, right + _LANE_START + lane * _LANE_WIDTH))
    return lanes, right + _LANE_START + used * _LANE_WIDTH


def spread_ports(sheet: Sheet, lanes: dict[int, float]) -> dict[tuple[int, bool], float]:
    """Where each link leaves (link, True) and arrives (link, False): upright where it can be, never two at one point."""
    sides: dict[tuple[int, bool], list[tuple[float, int, float, float]]] = {}
    ports: dict[tuple[int, bool], float] = {}
    straight_at = {(part.link, part.upper) for part in sheet.parts if part.straight}
    straight_at |= {(part.link, -part.lower - 1) for part in sheet.parts if part.straight}
    for number, link in enumerate(sheet.links):
        chain = sheet.chains[number]
        after = lanes[number] if not chain else sheet.x[chain[1]]
        before = lanes[number] if not chain else sheet.x[chain[-2]]
        if len(chain) == 2:
            after += link.in_port or 0.0
            before += link.out_port or 0.0
        out, into = _wish(sheet, link.source, after), _wish(sheet, link.target, before)
        if link.out_port is None and link.in_port is None and len(chain) == 2:
            low = max(_span(sheet, link.source)[0], _span(sheet, link.target)[0])
            high = min(_span(sheet, link.source)[1], _span(sheet, link.target)[1])
            if low <= high:
                out = into = min(max((sheet.x[link.source] + sheet.x[link.target]) / 2, low), high)
            elif low <= high + _NEARLY:
                out = into = (low + high) / 2
        if link.out_port is None:
            held = _HELD if (number, link.source) in straight_at else 1.0
            sides.setdefault((link.source, True), []).append((after, number, out, held))
        else:
            ports[number, True] = sheet.x[link.source] + link.out_port
        if link.in_port is None:
            held = _HELD if (number, -link.target - 1) in straight_at else 1.0
            sides.setdefault((link.target, False), []).append((before, number, into, held))
        else:
            ports[number, False] = sheet.x[link.target] + link.in_port
    for (vertex, leaving), ends in sides.items():
        ends.sort()
        low, high = _span(sheet, vertex)
        apart = min(_APART, (high - low) / (len(ends) - 1)) if len(ends) > 1 else 0.0
        for position, (_, _, wish, held) in enumerate(ends):
            if held == _HELD:  # a straight line stays straight; the others share what is left beside it
                before, after = position, len(ends) - 1 - position
                apart = min(
                    apart, (wish - low) / before if before else apart, (high - wish) / after if after else apart
                )
        places = _spaced([end[2] for end in ends], [end[3] for end in ends], apart)
        for position, (end, x) in enumerate(zip(ends, places, strict=True)):
            room_left, room_right = position * apart - _NEARLY / 2, (len(ends) - 1 - position) * apart - _NEARLY / 2
            x = min(max(x, low + room_left), high - room_right)
            ports[end[1], leaving] = round(x, 2)
    return ports


def _span(sheet: Sheet, vertex: int) -> tuple[float, float]:
    """Between which positions links may touch a box."""
    half = max(sheet.half[vertex] - _MARGIN, 0.0) if sheet.sort[vertex] == PLAIN else 0.0
    return sheet.x[vertex] - half, sheet.x[vertex] + half


def _wish(sheet: Sheet, vertex: int, x: float) -> float:
    low, high = _span(sheet, vertex)
    return min(max(x, low), high)


def _spaced(wishes: list[float], weights: list[float], apart: float) -> list[float]:
    """The nearest positions (least squares) in the same order, each at least `apart` from the last."""
    pools: list[tuple[float, float, int]] = []
    for position, (wish, weight) in enumerate(zip(wishes, weights, strict=True)):
        mean, total, size = wish - position * apart, weight, 1
        while pools and pools[-1][0] > mean:
            other, heavy, more = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, size = total + heavy, size + more
        pools.append((mean, total, size))
    result: list[float] = []
    for mean, _, size in pools:
        for _ in range(size):
            result.append(mean + len(result) * apart)
    return result


def route(sheet: Sheet, rows: Rows, number: int, lanes: dict[int, float], ports: dict[tuple[int, bool], float]) -> Way:
    """The corners of one link from the bottom of its source to the top of its target."""
    link = sheet.links[number]
    start, end = ports[number, True], ports[number, False]
    first, last = sheet.rank[link.source], sheet.rank[link.target]
    points = [(start, rows.top[link.source] + sheet.height[link.source]), (start, rows.lower[first])]
    gaps = [1]
    chain = sheet.chains[number]
    if chain:
        for vertex in chain[1:-1]:
            rank = sheet.rank[vertex]
            points += [(sheet.x[vertex], rows.upper[rank]), (sheet.x[vertex], rows.lower[rank])]
            gaps.append(len(points) - 1)
    else:
        points += [(lanes[number], rows.upper[first + 1]), (lanes[number], rows.lower[last - 1])]
        gaps.append(len(points) - 1)
    points += [(end, rows.upper[last]), (end, rows.top[link.target])]
    return Way(points, gaps)


def place_labels(sheet: Sheet, labels: list[str], ways: list[Way], right: float) -> dict[int, Point]:
    """A place for each label on its own line where it covers no other label; what finds none is left out."""
    taken: dict[int, list[tuple[float, float, float]]] = {}
    result: dict[int, Point] = {}
    leaving, arriving = [0] * len(sheet.sort), [0] * len(sheet.sort)
    for link in sheet.links:
        leaving[link.source] += 1
        arriving[link.target] += 1
    for number, (label, way) in enumerate(zip(labels, ways, strict=True)):
        if not label:
            continue
        half = text_width(label, LABEL_SIZE, monospace=True) / 2 + 2
        link = sheet.links[number]
        for x, y in _spots(way, leaving[link.source] >= _FAN, arriving[link.target] >= _FAN):
            x = max(min(x, right - half), half) if right > 2 * half else x
            bands = range(int((y - 7) // 16), int((y + 7) // 16) + 1)
            near = (place for band in bands for place in taken.get(band, ()))
            if all(abs(y - other_y) >= 12 or x + half <= low or x - half >= high for other_y, low, high in near):
                result[number] = (x, y)
                for band in bands:
                    taken.setdefault(band, []).append((y, x - half, x + half))
                break
    return result


def _spots(way: Way, fans_out: bool, fans_in: bool) -> list[Point]:
    """Places on a line where its label may stand, the best first."""
    spots: list[Point] = []
    curved = _FANNED_OUT if fans_out else _FANNED_IN if fans_in else _CURVED
    for gap in (way.gaps[-1], way.gaps[0]) if fans_out else (way.gaps[0], way.gaps[-1]):
        (x, y), (to_x, to_y) = way.points[gap], way.points[gap + 1]
        steps = _UPRIGHT if abs(x - to_x) < 1 else curved
        spots.extend((round(x + (to_x - x) * across, 2), round(y + (to_y - y) * down, 2)) for across, down in steps)
    return spots
