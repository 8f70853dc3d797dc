"""Arrays and field values in a few words, for boxes and cards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.graph import Graph
from localgrad.graph.spec import format_shape

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
        return _number(array.reshape(-1)[0])
    if array.size <= _SHOWN:
        return "[" + ", ".join(_number(value) for value in array.reshape(-1)) + "]"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    finite = np.isfinite(array)
    broken = array.size - int(np.count_nonzero(finite))
    notes = ""
    if broken:
        missing = int(np.count_nonzero(np.isnan(array)))
        counts = ((missing, "NaN"), (broken - missing, "Inf"))
        notes = ", ".join(f"{count} {word}" for count, word in counts if count)
        if broken == array.size:
            return notes
        array = array[finite]
        notes = ", " + notes
    # float64, in which no sum of float32 or float16 entries overflows
    numbers = array.astype(np.float64)
    if numbers.min() == numbers.max():
        return f"all {_number(array.reshape(-1)[0])}{notes}"
    with np.errstate(over="ignore"):
        mean, deviation = _number(numbers.mean()), _number(numbers.std())
    return f"{mean} ± {deviation}, {_number(numbers.min())} … {_number(numbers.max())}{notes}"


def _number(value: Any) -> str:
    return str(value) if isinstance(value, (bool, np.bool_, int, np.integer)) else f"{float(value):.3g}"


def field_text(value: Any) -> str:
    """The value of a kind's field, short enough for a box."""
    if isinstance(value, Graph):
        return f"{len(value)} nodes"
    if isinstance(value, np.ndarray):
        return array_summary(value) if value.size <= _SHOWN else f"array{format_shape(value.shape)}"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
