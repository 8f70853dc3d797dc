"""Warnings that are said once per place."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from localgrad.graph.errors import LocalgradWarning
from localgrad.graph.source import user_frame, user_line

if TYPE_CHECKING:
    from localgrad.graph.kind import Kind

_SAID: set[tuple[Any, ...]] = set()


def warn_once(key: str, message: str) -> None:
    """Warn with a LocalgradWarning, once for each key and user line."""
    frame = user_frame(2)
    place = (key, frame.f_code, frame.f_lineno) if frame is not None else (key,)
    if place in _SAID:
        return
    if len(_SAID) > 10_000:
        _SAID.clear()
    _SAID.add(place)
    depth = 1
    walk: Any = sys._getframe(0)
    while frame is not None and walk is not None and walk is not frame:
        walk = walk.f_back
        depth += 1
    warnings.warn(message, LocalgradWarning, stacklevel=depth)


def warn_widening(kind: Kind, tensors: list[Any]) -> None:
    """Say that float32 met float64 and everything after it is float64."""
    wide = next(x for x in tensors if str(x.dtype) == "float64" or x.dtype.kind in "iu")
    narrow = next(x for x in tensors if str(x.dtype) in ("float32", "float16"))
    warn_once(
        "widening",
        f"{kind.name} widens {narrow.dtype} to float64{user_line()}: `{narrow.name}` is {narrow.dtype} and "
        f"`{wide.name}` is {wide.dtype}; everything computed from it is float64. "
        f"Convert one of them: .astype(np.{narrow.dtype})",
    )


def forget_warnings() -> None:
    """Let every warning be said again (for tests)."""
    _SAID.clear()
