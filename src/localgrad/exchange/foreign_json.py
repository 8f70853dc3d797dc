"""JSON from outside: parsed only where it is small, plain and flat enough to stay harmless."""

from __future__ import annotations

import json
from typing import Any

from localgrad.graph.errors import LocalgradError

MEMORY = 180_000_000
"""How many bytes the parsed objects may take."""


def parse(data: bytes, what: str, error: type[LocalgradError], advice: str) -> Any:
    """The value of a JSON text in UTF-8; raises `error`, naming `what`, where it is damaged or would take too much.

    Numbers are finite; NaN and Infinity, which JSON does not have, and a key that stands twice are refused.
    """
    needed = memory_of(data)
    if needed > MEMORY:
        raise error(
            f"{what} was to be read\nfound: {len(data)} bytes that would take about {needed // 10**6} MB of memory as "
            f"objects; the limit is {MEMORY // 10**6} MB\ndo: {advice}"
        )
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError:
        reason = "brackets nested too deeply"
    except (ValueError, MemoryError) as problem:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        reason = str(problem) or "not enough memory"
    raise error(f"{what} was to be read\nfound: no valid JSON: {reason}\ndo: {advice}")


def memory_of(data: bytes) -> int:
    """About how many bytes the objects of a JSON text take at most."""
    text = len(data) if data.isascii() else 5 * len(data)
    values = data.count(b",") + data.count(b":")
    return text + 64 * values + 240 * data.count(b"{") + 72 * data.count(b"[")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"the number {name}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} twice in one object")
            seen.add(key)
    return found
