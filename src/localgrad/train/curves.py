"""Curves drawn as a plain SVG picture: panels, axes, legend; readable in light and dark and without colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Panel", "Series", "curves_svg", "drawable", "nice_ticks"]

PANEL_WIDTH, PANEL_HEIGHT, EDGE = 336, 264, 14
LEFT, RIGHT, TOP, BOTTOM = 50, 16, 58, 40
MOST_POINTS = 600
MOST_MARKERS = 40
LONGEST_TITLE = 17
LOG_RATIO = 50
LARGEST, SMALLEST = 1e100, 1e-100  # beyond them the arithmetic of scales overflows
LETTER = 6.1  # the width of an average letter at 11 px

# Blue and vermilion of Okabe and Ito's palette and their light relatives: told apart by every kind of colour vision, and
# in grey by their lightness and the dots.
STYLE = """
.lg-curves { --back: #ffffff; --ink: #1f2733; --soft: #667085; --grid: #e7eaef; --axis: #b8c0cc;
  --a: #0072b2; --b: #d55e00; --c: #009e73; --d: #aa4499; --bad: #c1121f;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", sans-serif;
  font-size: 11px; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) {
  .lg-curves { --back: #12161d; --ink: #e8ecf2; --soft: #98a2b3; --grid: #232a35; --axis: #465062;
    --a: #56b4e9; --b: #f0a04b; --c: #3fc79a; --d: #e08fd0; --bad: #ff6b6b; } }
.lg-curves .back { fill: var(--back); } .lg-curves text { fill: var(--soft); }
.lg-curves .title { fill: var(--ink); font-size: 13.5px; font-weight: 600; } .lg-curves .note { fill: var(--ink); }
.lg-curves .grid { stroke: var(--grid); } .lg-curves .axis { stroke: var(--axis); }
.lg-curves .halo { fill: none; stroke: var(--back); stroke-width: 3.4; stroke-linejoin: round; }
.lg-curves .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.lg-curves .thin { stroke-width: 1.1; }
.lg-curves .dot { stroke: var(--back); stroke-width: 1; } .lg-curves .best { fill: var(--back); stroke-width: 2; }
.lg-curves .bad { stroke: var(--bad); stroke-width: 2; stroke-linecap: round; }
.lg-curves .s0 { stroke: var(--a); } .lg-curves .s1 { stroke: var(--b); } .lg-curves .s2 { stroke: var(--c); }
.lg-curves .s3 { stroke: var(--d); } .lg-curves .dot.s0 { fill: var(--a); stroke: var(--back); }
.lg-curves .dot.s1 { fill: var(--b); stroke: var(--back); } .lg-curves .dot.s2 { fill: var(--c); stroke: var(--back); }
.lg-curves .dot.s3 { fill: var(--d); stroke: var(--back); }
"""


@dataclass(frozen=True)
class Series:
    """One curve: a name for the legend, and its points; one that is not finite is a gap with a cross above it."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves that share axes. `best` is a point to mark, with what to say about it."""

    title: str
    series: Sequence[Series]
    best: tuple[float, float, str, int] | None = None


def curves_svg(panels: Sequence[Panel], x_label: str) -> str:
    """The panels side by side (beyond three in rows) as one SVG document; the same panels give the same text."""
    columns = len(panels) if len(panels) <= 3 else 2 if len(panels) == 4 else 3
    rows = -(-len(panels) // max(1, columns))
    width, height = max(1, columns) * PANEL_WIDTH + 2 * EDGE, max(1, rows) * PANEL_HEIGHT + 2 * EDGE
    about = ", ".join(f"{panel.title} ({', '.join(series.name for series in panel.series)})" for panel in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lg-curves" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        f"<title>{escape(f'Curves over {x_label}: {about}' if panels else 'No curves yet')}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}" rx="10"/>',
    ]
    if not panels:
        parts.append(f'<text x="{width / 2:g}" y="{height / 2:g}" text-anchor="middle">nothing recorded yet</text>')
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        parts.append(f'<g transform="translate({EDGE + column * PANEL_WIDTH} {EDGE + row * PANEL_HEIGHT})">')
        parts += _Drawing(panel).lines(x_label)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def nice_ticks(low: float, high: float, count: int = 5, whole: bool = False) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`.

    >>> nice_ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low
    if not SMALLEST < span < LARGEST:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / count))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(span / step - count))
    if whole:
        step = max(1.0, round(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return list(dict.fromkeys(round(number * step, digits) for number in range(first, last + 1)))


class _Drawing:
    """One panel: the two scales and what is drawn with them."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        points = [point for series in panel.series for point in series.points]
        values = [y for _, y in points if drawable(y)] or [0.0, 1.0]
        places = [x for x, _ in points] or [0.0, 1.0]
        self.x_low, self.x_high = min(places), max(places)
        if self.x_low == self.x_high:
            self.x_low, self.x_high = self.x_low - 0.5, self.x_high + 0.5
        low, high = min(values), max(values)
        self.log = low > SMALLEST and high / low > LOG_RATIO
        if self.log:
            room = (high / low) ** 0.05
            self.low, self.high = low / room, high * room
            self.ticks = _log_ticks(self.low, self.high)
        else:
            room = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
            self.low = 0.0 if low >= 0 and low < 0.35 * high else low - room
            # Shares end at 1: there is nothing above it.
            self.high = 1.0 if 0.5 < high <= 1 < high + room and low >= 0 else high + room
            self.ticks = nice_ticks(self.low, self.high)

    def x(self, value: float) -> float:
        return LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (PANEL_WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return PANEL_HEIGHT - BOTTOM - share * (PANEL_HEIGHT - TOP - BOTTOM)

    def lines(self, x_label: str) -> list[str]:
        parts = [f'<text class="title" x="{LEFT}" y="20">{escape(_shortened(self.panel.title))}</text>']
        if self.log:
            legend = sum(37 + LETTER * len(series.name) for series in self.panel.series)
            crowded = LEFT + legend + LETTER * len("log scale") > PANEL_WIDTH - RIGHT
            y = PANEL_HEIGHT - BOTTOM + 32 if crowded else 41
            parts.append(f'<text x="{PANEL_WIDTH - RIGHT}" y="{y}" text-anchor="end">log scale</text>')
        parts += self._legend() + self._axes(x_label)
        for series in self.panel.series:
            parts += self._curve(series)
        return parts + self._best()

    def _legend(self) -> list[str]:
        if [series.name for series in self.panel.series] == [self.panel.title]:
            return []
        parts, at = [], float(LEFT)
        for series in self.panel.series:
            parts.append(f'<path class="line s{series.color}" d="M{at:.0f} 37h16"/>')
            if series.dots:
                parts.append(f'<circle class="dot s{series.color}" cx="{at + 8:.0f}" cy="37" r="3.2"/>')
            parts.append(f'<text x="{at + 21:.0f}" y="41">{escape(series.name)}</text>')
            at += 21 + LETTER * len(series.name) + 16
        return parts

    def _axes(self, x_label: str) -> list[str]:
        right, bottom = PANEL_WIDTH - RIGHT, PANEL_HEIGHT - BOTTOM
        parts = []
        step = min((after - before for before, after in zip(self.ticks, self.ticks[1:])), default=1.0)
        for tick in self.ticks:
            y = self.y(tick)
            label = _number(tick) if self.log else _fixed(tick, step)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
            parts.append(f'<text x="{LEFT - 7}" y="{y + 3.8:.1f}" text-anchor="end">{label}</text>')
        parts.append(f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>')
        for tick in nice_ticks(self.x_low, self.x_high, whole=True):
            x = self.x(tick)
            parts.append(f'<path class="axis" d="M{x:.1f} {bottom}v4"/>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_count(tick)}</text>')
        middle = (LEFT + right) / 2
        parts.append(f'<text x="{middle:g}" y="{bottom + 32}" text-anchor="middle">{escape(x_label)}</text>')
        return parts

    def _curve(self, series: Series) -> list[str]:
        parts = []
        path, drawing = [], False
        for x, y in _thinned(series.points):
            if drawable(y):
                path.append(f"{'L' if drawing else 'M'}{self.x(x):.1f} {self.y(y):.1f}")
            else:
                parts.append(f'<path class="bad" d="M{self.x(x) - 3.5:.1f} {TOP - 4}l7 7m0 -7l-7 7"><title>')
                parts.append(f"{escape(series.name)}: {y} at {_count(x)}</title></path>")
            drawing = drawable(y)
        d, thin = "".join(path), " thin" if len(path) > MOST_POINTS // 2 else ""
        parts = [f'<path class="halo" d="{d}"/>', f'<path class="line{thin} s{series.color}" d="{d}"/>', *parts]
        if (series.dots and len(series.points) <= MOST_MARKERS) or len(series.points) == 1:
            parts += [
                f'<circle class="dot s{series.color}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.2">'
                f"<title>{escape(series.name)}: {_number(y)} at {_count(x)}</title></circle>"
                for x, y in series.points
                if drawable(y)
            ]
        return parts

    def _best(self) -> list[str]:
        if self.panel.best is None:
            return []
        x, y, note, color = self.panel.best
        right = PANEL_WIDTH - RIGHT
        return [
            f'<circle class="best s{color}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4.6"/>',
            f'<circle class="best s{color}" cx="{right - LETTER * len(note) - 9:.1f}" cy="16" r="4"/>',
            f'<text class="note" x="{right}" y="20" text-anchor="end">{escape(note)}</text>',
        ]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most about `MOST_POINTS` of the points: of each run the lowest and the highest, so no peak is lost."""
    if len(points) <= MOST_POINTS:
        return list(points)
    step = -(-2 * len(points) // MOST_POINTS)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), step):
        run = points[start : start + step]
        finite = [index for index, (_, y) in enumerate(run) if drawable(y)]
        chosen = {index for index in range(len(run)) if not drawable(run[index][1])}
        chosen = {min(chosen)} if chosen else set()
        if finite:
            chosen |= {min(finite, key=lambda index: run[index][1]), max(finite, key=lambda index: run[index][1])}
        kept += [run[index] for index in sorted(chosen)]
    return kept


def drawable(value: float) -> bool:
    """Whether a value has a place in a picture."""
    return abs(value) < LARGEST  # false for NaN, too


def _shortened(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    every = max(1, (last - first) // 6)
    ticks = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def _fixed(value: float, step: float) -> str:
    if max(abs(value), step) >= 1e5 or step < 1e-4:
        return f"{value:.4g}".replace("-", "−")
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "−")


def _number(value: float) -> str:
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"
