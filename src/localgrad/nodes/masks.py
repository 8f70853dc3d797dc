"""Masks of attention: what is said about those that hide nothing, or that lack an axis."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from localgrad.graph.source import user_line
from localgrad.graph.spec import Extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.graph.warning import warn_once

LOOKED_AT: Final = 65536


def warn_zeros_and_ones(mask: Any) -> None:
    """Say once for each line that a mask of the floats 0 and 1 is added to the scores, and leaves nothing out."""
    if isinstance(mask, Tensor):
        if mask.is_symbolic:
            return
        mask = np.asarray(mask._value)  # not .data, which would count as read by the caller
    # a large mask is not read for a warning
    if mask.dtype.kind != "f" or not 0 < mask.size <= LOOKED_AT or mask.max() != 1 or mask.min() < 0:
        return
    if np.all((mask == 0) | (mask == 1)):
        warn_once(
            "mask of 0 and 1",
            f"attention was given a mask of {mask.dtype} that holds only 0 and 1{user_line()}: floats are added to the "
            "scores and hide no key. Give booleans if True is to let a key be seen: mask.astype(bool)",
        )


def padding_advice(given: tuple[Extent, ...], scores: tuple[Extent, ...]) -> str:
    """What to do with a mask (batch, keys), the usual one of padding."""
    if len(given) != 2 or len(scores) < 3 or not same_shape(given, (scores[0], scores[-1])):
        return ""
    axes = "None, " * (len(scores) - 2)
    return f"; if it is (batch, keys): mask[:, {axes}:]"
