"""Arrays, numbers and field values as text: in a few words for boxes, in full or as statistics for cards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Symbol, format_shape

FULL = 64
"""Arrays of up to this many entries are written in full on cards."""
_SHOWN = 4
_LONGEST = 24


def array_summary(array: NDArray[Any]) -> str:
    """Up to four entries as they are; of more the mean, deviation and range; NaN and infinite ones are counted.

    >>> array_summary(np.array([1.0, 0.5]))
    '[1, 0.5]'
    >>> array_summary(np.arange(101.0))
    '50 ± 29.2, 0 … 100'
    """
    array = np.asarray(array)
    if array.size == 0:
        return "empty"
    if array.size == 1:
        return number_text(array.reshape(-1)[0], 3)
    if array.size <= _SHOWN:
        return "[" + ", ".join(number_text(value, 3) for value in array.reshape(-1)) + "]"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    numbers, broken = _finite(array)
    notes = ", ".join(broken)
    if not numbers.size:
        return notes
    notes = ", " + notes if notes else ""
    if numbers.min() == numbers.max():
        return f"all {number_text(array[np.isfinite(array)][0], 3)}{notes}"
    with np.errstate(over="ignore"):
        mean, deviation = f"{numbers.mean():.3g}", f"{numbers.std():.3g}"
    return f"{mean} ± {deviation}, {numbers.min():.3g} … {numbers.max():.3g}{notes}"


def array_text(array: Any) -> str:
    """An array in full up to 64 entries, in aligned columns; of more its statistics.

    >>> print(array_text([[1.0, -0.25], [10.0, 3.0]]))
    [[    1, -0.25],
     [   10,     3]]
    >>> array_text(np.arange(101))
    'min 0, max 100, mean 50, std 29.15, norm 581.7, zeros 1'
    """
    array = np.asarray(array)
    if array.size > FULL:
        return statistics(array)
    if array.ndim == 0:
        return number_text(array[()])
    width = max((len(number_text(value)) for value in array.reshape(-1)), default=0)
    text = np.array2string(
        array, separator=", ", max_line_width=110, formatter={"all": lambda value: f"{number_text(value):>{width}}"}
    )
    while "\n\n" in text:
        text = text.replace("\n\n", "\n")
    return text


def statistics(array: NDArray[Any]) -> str:
    """Smallest, largest, mean, deviation and norm of the finite entries; how many are 0, NaN, infinite."""
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    numbers, broken = _finite(array)
    parts = []
    if numbers.size:
        with np.errstate(over="ignore"):
            norm = float(np.sqrt(np.square(numbers).sum()))
            parts = [
                f"min {numbers.min():.4g}", f"max {numbers.max():.4g}", f"mean {numbers.mean():.4g}",
                f"std {numbers.std():.4g}", f"norm {norm:.4g}",
            ]  # fmt: skip
    parts.append(f"zeros {array.size - np.count_nonzero(array)}")
    return ", ".join(parts + broken)


def _finite(array: NDArray[Any]) -> tuple[NDArray[np.float64], list[str]]:
    """The finite entries in float64, in which no sum of float32 or float16 overflows; how many are NaN and infinite."""
    finite = np.isfinite(array)
    broken = array.size - int(np.count_nonzero(finite))
    if not broken:
        return array.astype(np.float64), []
    missing = int(np.count_nonzero(np.isnan(array)))
    counts = ((missing, "NaN"), (broken - missing, "Inf"))
    return array[finite].astype(np.float64), [f"{count} {word}" for count, word in counts if count]


def number_text(value: Any, digits: int = 4) -> str:
    """One number: integers and truth values as they are, floats with so many significant digits."""
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    return f"{float(value) + 0.0:.{digits}g}"  # so that -0 reads 0


def field_text(value: Any, longest: int = _LONGEST) -> str:
    """The value of a kind's field, short enough for a box; an index as Python writes it.

    >>> field_text((("slice", 1, 3, None), "...", 0)), field_text((0,)), field_text(0.1 + 0.2)
    ('[1:3, ..., 0]', '(0,)', '0.3')
    """
    if isinstance(value, Graph):
        return f"{len(value)} nodes"
    if isinstance(value, np.ndarray):
        return array_summary(value) if value.size <= _SHOWN else f"array{format_shape(value.shape)}"
    if isinstance(value, (tuple, list)) and any(isinstance(item, str) or _is_slice(item) for item in value):
        text = f"[{index_text(value)}]"
    else:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def fields_text(kind: Kind, longest: int = 60, *, changed: bool = True) -> list[str]:
    """Fields as `name=value`: those that differ from their defaults, or all that say something."""
    said = []
    for name, value in (kind.changed_fields() if changed else kind.field_values()).items():
        if value is None or (value == () and not changed):
            continue
        if name == "axis" and isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        text = field_text(value, longest)
        said.append(f"{name}={text!r}" if isinstance(value, str) and name != "dtype" else f"{name}={text}")
    return said


def _is_slice(item: Any) -> bool:
    return isinstance(item, (tuple, list)) and len(item) == 4 and item[0] == "slice"


def index_text(items: Any, indices: tuple[str, ...] = ()) -> str:
    """A stored index as Python writes one between brackets; `indices` stand where it says "at"."""
    waiting = list(indices)
    said = []
    for item in items:
        if _is_slice(item):
            start, stop, step = ("" if each is None else str(each) for each in item[1:])
            said.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        elif isinstance(item, str) and item == "at":
            said.append(waiting.pop(0) if waiting else "at")
        elif isinstance(item, str) and item == "new":
            said.append("None")
        else:
            said.append(item if isinstance(item, str) else extent_text(item))
    return ", ".join(said)


def extent_text(extent: Any) -> str:
    """An extent or a number inside an index or a shape."""
    return repr(extent) if isinstance(extent, Symbol) else str(extent)
