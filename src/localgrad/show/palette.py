"""Colours of pictures: hues after Okabe and Ito's palette, which stays distinct for colour-blind readers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple


class Tone(NamedTuple):
    """One colour in the light and in the dark theme."""

    light: str
    dark: str


TONES: Mapping[str, Tone] = {
    "paper": Tone("#ffffff", "#14171c"),
    "ink": Tone("#1c2430", "#e8ecf2"),
    "quiet": Tone("#5b6675", "#9aa6b5"),
    "line": Tone("#7d8896", "#7a8696"),
    "gradient": Tone("#c25200", "#f08c4a"),
    "failed": Tone("#b3261e", "#ff8a80"),
    "group": Tone("#f5f7fa", "#1a1f26"),
    "group-deep": Tone("#eceff4", "#20262f"),
    "group-line": Tone("#c5cdd8", "#3a4452"),
    "parameter": Tone("#fff3d9", "#372a0c"),
    "parameter-line": Tone("#c48a0a", "#e0aa3a"),
    "constant": Tone("#ffffff", "#14171c"),
    "constant-line": Tone("#9aa4b1", "#66717f"),
    "plain": Tone("#eef1f5", "#252c35"),
    "plain-line": Tone("#8a95a3", "#8491a1"),
}

FAMILY_TONES: tuple[tuple[Tone, Tone], ...] = (
    (Tone("#e2f1fb", "#122f41"), Tone("#2f8fc6", "#56b4e9")),  # sky blue
    (Tone("#dbf2e9", "#0d3328"), Tone("#00855f", "#2fbf95")),  # bluish green
    (Tone("#f9e6f0", "#3a1f30"), Tone("#b35a8c", "#d98db8")),  # reddish purple
    (Tone("#fde5d7", "#3d1f0d"), Tone("#c85500", "#ec8548")),  # vermilion
    (Tone("#d9e5f5", "#142646"), Tone("#0066a6", "#5a9fe0")),  # blue
    (Tone("#f9f6c9", "#32300c"), Tone("#a39700", "#d6ca3c")),  # yellow
    (Tone("#e7e2f4", "#292143"), Tone("#6f5bb0", "#a394de")),  # violet
)


FAMILIES: Final = (
    "activation", "arithmetic", "linear", "loss", "shaping", "reduction", "normalization", "structure", "gradient",
    "convolution", "pooling", "recurrent", "attention", "exponential", "trigonometric", "special", "comparison", "branching",
    "indexing", "joining", "rounding", "sorting", "creation", "random", "control",
)  # fmt: skip
"""The families of our kinds in the order in which they take the colours; further ones come after them."""


def family_slots(order: tuple[str, ...], present: Collection[str]) -> dict[str, int]:
    """The place in `FAMILY_TONES` of each family that occurs in a picture.

    A family keeps the colour its place in `order` gives it from picture to picture, unless another one of the same
    picture has it; two share a colour only where there are more families than colours.

    >>> family_slots(("linear", "shaping"), {"shaping"})
    {'shaping': 1}
    """
    count = len(FAMILY_TONES)
    slots: dict[str, int] = {}
    for position, family in enumerate(order):
        if family not in present:
            continue
        used = set(slots.values())
        wanted = [(position + step) % count for step in range(count)]
        slots[family] = next((slot for slot in wanted if slot not in used), wanted[0])
    return slots
