"""How much room text takes, estimated without a font, and how large boxes become."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import combining, east_asian_width

from localgrad.show.drawing import Box

TITLE_SIZE = 12.5
SMALL_SIZE = 10.0
LABEL_SIZE = 9.5
GROUP_SIZE = 11.0

CHIP_ROLES = frozenset({"parameter", "input", "output", "state", "constant"})

_NARROW = frozenset("iljtfrI.,:;'|!()[]{} -/")
_BROAD = frozenset("mwMW@%")
_LONGEST = 44


@lru_cache(maxsize=65536)
def text_width(text: str, size: float, monospace: bool = False) -> float:
    """An upper estimate of the width of one line; a character that is wide in East Asian type counts a full square.

    >>> text_width("张量", 10.0) == 2 * 10.0
    True
    """
    total = 0.0
    for character in text:
        if combining(character):
            continue
        if east_asian_width(character) in "WF":
            total += 1.0
        elif monospace:
            total += 0.605
        elif character in _NARROW:
            total += 0.42
        elif character in _BROAD:
            total += 0.92
        else:
            total += 0.7 if character.isupper() else 0.61
    return total * size


def shortened(text: str, longest: int = _LONGEST) -> str:
    """The text, with its middle left out where it is longer than a box should be (wide characters count double)."""
    widths = [2 if east_asian_width(character) in "WF" else 1 for character in text]
    if sum(widths) <= longest:
        return text
    head = tail = 0
    room = longest - 1
    start, end = 0, len(text)
    while start < end:
        if head <= tail:
            if head + tail + widths[start] > room:
                break
            head += widths[start]
            start += 1
        else:
            if head + tail + widths[end - 1] > room:
                break
            tail += widths[end - 1]
            end -= 1
    return text[:start] + "…" + text[end:]


def chip_inline(box: Box) -> str:
    """The subtitle a chip shows on its first line, after the title."""
    return shortened(box.subtitles[0]) if box.role in CHIP_ROLES and box.subtitles else ""


def lines_below(box: Box) -> tuple[str, ...]:
    """The subtitles that have a line of their own."""
    rest = box.subtitles[1:] if chip_inline(box) else box.subtitles
    return tuple(shortened(line) for line in rest)


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box that holds its text."""
    first = text_width(shortened(box.title), TITLE_SIZE)
    inline = chip_inline(box)
    if inline:
        first += 6 + text_width(inline, SMALL_SIZE, monospace=True)
    below = lines_below(box)
    widest = max([first, *(text_width(line, SMALL_SIZE, monospace=True) for line in below)])
    chip = box.role in CHIP_ROLES
    width = max(widest + (22 if chip else 28), 34 if chip else 68)
    height = (24 if chip else 30) + 13.0 * len(below)
    return float(round(width)), height
