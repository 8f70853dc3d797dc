"""The order within each rank: depth first from the results, then barycentre sweeps that keep the best order found."""

from __future__ import annotations

from bisect import bisect_right, insort

from localgrad.show.layout.sheet import Part, Sheet

_SMALL, _MEDIUM, _LARGE = 80, 400, 3000
_MIDDLE = 0.5
_TRIED = 40


def order_rows(sheet: Sheet) -> None:
    """Fill `sheet.rows`, aiming at few crossings; larger sheets get fewer sweeps."""
    count = len(sheet.sort)
    sweeps = 8 if count <= _SMALL else 4 if count <= _MEDIUM else 2 if count <= _LARGE else 1
    best: int | None = None
    kept: list[list[int]] = []
    # Arguments in their order first; a mirrored start is worth a try where sweeps alone do not get rid of crossings.
    for mirrored in (False, True) if count <= _MEDIUM else (False,):
        sheet.rows = _first_order(sheet, mirrored)
        gaps = parts_by_gap(sheet)
        sweep = _Sweep(sheet, gaps)
        for turn in range(sweeps + 1):
            if turn:
                sweep.down()
                sweep.up()
                if count <= _MEDIUM:
                    sweep.exchange()
            found = crossings(sheet, gaps)
            if best is None or found < best:
                best = found
                kept = [list(row) for row in sheet.rows]
            if not best:
                break
        if not best:
            break
    sheet.rows = kept
    if best and count <= _MEDIUM:
        _move_long_links(sheet, gaps, best)


def _move_long_links(sheet: Sheet, gaps: list[list[Part]], best: int) -> None:
    """Try each long link as a whole on the far left and the far right; sweeps cannot, for they look at one row."""
    long = sorted(
        (chain[1:-1] for chain in sheet.chains if len(chain) > 2), key=lambda dummies: (-len(dummies), dummies)
    )
    for dummies in long[:_TRIED]:
        for leftmost in (True, False):
            kept = {sheet.rank[dummy]: list(sheet.rows[sheet.rank[dummy]]) for dummy in dummies}
            for dummy in dummies:
                row = sheet.rows[sheet.rank[dummy]]
                row.remove(dummy)
                row.insert(0 if leftmost else len(row), dummy)
            found = crossings(sheet, gaps)
            if found < best:
                best = found
            else:
                for rank, row in kept.items():
                    sheet.rows[rank] = row


def parts_by_gap(sheet: Sheet) -> list[list[Part]]:
    """The parts that lead from each row to the next."""
    gaps: list[list[Part]] = [[] for _ in sheet.rows]
    for part in sheet.parts:
        gaps[sheet.rank[part.upper]].append(part)
    return gaps


def crossings(sheet: Sheet, gaps: list[list[Part]]) -> int:
    """How many pairs of parts cross."""
    place = _places(sheet)
    total = 0
    for gap in gaps:
        if len(gap) < 2:
            continue
        ends = sorted(
            (
                place[part.upper] + _fraction(sheet, part.upper, part.upper_port),
                place[part.lower] + _fraction(sheet, part.lower, part.lower_port),
            )
            for part in gap
        )
        seen: list[float] = []
        for _, lower in ends:
            total += len(seen) - bisect_right(seen, lower)
            insort(seen, lower)
    return total


def _places(sheet: Sheet) -> list[int]:
    place = [0] * len(sheet.sort)
    for row in sheet.rows:
        for position, vertex in enumerate(row):
            place[vertex] = position
    return place


def _fraction(sheet: Sheet, vertex: int, port: float) -> float:
    """Where on a vertex a port lies, between 0 at its left and 1 at its right."""
    width = sheet.left[vertex] + sheet.right[vertex]
    return (sheet.left[vertex] + port) / width if port and width else _MIDDLE


def _first_order(sheet: Sheet, mirrored: bool) -> list[list[int]]:
    """Walk from the results upwards, first inputs first: a tree comes out without a crossing, arguments in order."""
    rows: list[list[int]] = [[] for _ in range(max(sheet.rank, default=-1) + 1)]
    incoming: list[list[int]] = [[] for _ in sheet.sort]
    has_reader = [False] * len(sheet.sort)
    for number, link in enumerate(sheet.links):
        incoming[link.target].append(number)
        has_reader[link.source] = True
    if not mirrored:
        for numbers in incoming:
            numbers.reverse()
    visited = [False] * len(sheet.sort)
    real = {vertex for link in sheet.links for vertex in (link.source, link.target)}
    dummies = {vertex for chain in sheet.chains for vertex in chain[1:-1]}
    for result in range(len(sheet.sort)):
        if has_reader[result] or result in dummies or visited[result]:
            continue
        visited[result] = True
        rows[sheet.rank[result]].append(result)
        if result not in real:
            continue
        work = list(incoming[result])
        while work:
            number = work.pop()
            for dummy in reversed(sheet.chains[number][1:-1]):
                rows[sheet.rank[dummy]].append(dummy)
            source = sheet.links[number].source
            if not visited[source]:
                visited[source] = True
                rows[sheet.rank[source]].append(source)
                work.extend(incoming[source])
    return rows


class _Sweep:
    """Orders rows by where their neighbours stand."""

    def __init__(self, sheet: Sheet, gaps: list[list[Part]]) -> None:
        self.sheet = sheet
        count = len(sheet.sort)
        # Neighbour, and where on the neighbour and on the vertex itself the part touches.
        self.above: list[list[tuple[int, float, float]]] = [[] for _ in range(count)]
        self.below: list[list[tuple[int, float, float]]] = [[] for _ in range(count)]
        inputs = [0] * count
        for part in sheet.parts:
            inputs[part.lower] += 1
        seen = [0] * count
        for gap in gaps:
            for part in sorted(gap, key=lambda part: part.link):
                seen[part.lower] += 1
                argument = seen[part.lower] / (inputs[part.lower] + 1)
                upper = _fraction(sheet, part.upper, part.upper_port)
                lower = _fraction(sheet, part.lower, part.lower_port) if part.lower_port else argument
                self.above[part.lower].append((part.upper, upper, lower))
                self.below[part.upper].append((part.lower, lower, upper))

    def down(self) -> None:
        for rank in range(1, len(self.sheet.rows)):
            self._arrange(rank, rank - 1, self.above)

    def up(self) -> None:
        for rank in range(len(self.sheet.rows) - 2, -1, -1):
            self._arrange(rank, rank + 1, self.below)

    def _arrange(self, rank: int, fixed: int, neighbours: list[list[tuple[int, float, float]]]) -> None:
        row = self.sheet.rows[rank]
        if len(row) < 2:
            return
        place = {vertex: position for position, vertex in enumerate(self.sheet.rows[fixed])}
        keyed: list[tuple[float, int, int]] = []
        free: list[int] = []
        for position, vertex in enumerate(row):
            touching = neighbours[vertex]
            if touching:
                mean = sum(place[other] + fraction for other, fraction, _ in touching) / len(touching)
                keyed.append((mean, position, vertex))
                free.append(position)
        keyed.sort()
        for position, (_, _, vertex) in zip(free, keyed, strict=True):
            row[position] = vertex

    def exchange(self) -> None:
        """Swap neighbours in a row wherever that alone removes crossings."""
        place = _places(self.sheet)
        for row in self.sheet.rows:
            for position in range(len(row) - 1):
                left, right = row[position], row[position + 1]
                gain = 0
                for side in (self.above, self.below):
                    first = sorted(place[other] + fraction for other, fraction, _ in side[left])
                    second = sorted(place[other] + fraction for other, fraction, _ in side[right])
                    gain += _inversions(first, second) - _inversions(second, first)
                if gain > 0:
                    row[position], row[position + 1] = right, left
                    place[left], place[right] = position + 1, position


def _inversions(first: list[float], second: list[float]) -> int:
    """Pairs (a of first, b of second) with b < a, both lists sorted."""
    total = index = 0
    for value in first:
        while index < len(second) and second[index] < value:
            index += 1
        total += index
    return total
