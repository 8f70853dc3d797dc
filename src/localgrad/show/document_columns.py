"""The tables an explorer's document is made of: strings, shapes, columns, and arrays within a budget of bytes."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 24
LARGEST = 4096
"""Entries of an array that is kept whole; a larger one is a pooled picture and a histogram."""
_PICTURE = 32
_KEPT = frozenset({"float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "bool", "int64",
                   "uint64", "float16"})  # fmt: skip


def column(values: Sequence[Any] | NDArray[Any], dtype: str) -> dict[str, str]:
    """Numbers as base64 of their little-endian bytes.

    >>> column([1, 2], "uint8")
    {'dtype': 'uint8', 'data': 'AQI='}
    """
    array = np.asarray(values, np.dtype(dtype).newbyteorder("<"))
    return {"dtype": dtype, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def ragged(rows: Iterable[Sequence[int]]) -> dict[str, Any]:
    """Rows of different lengths as offsets and values."""
    offsets: list[int] = [0]
    values: list[int] = []
    for row in rows:
        values.extend(row)
        offsets.append(len(values))
    return {"offsets": column(offsets, "int32"), "values": column(values, "int32")}


class Tables:
    """Strings and shapes, each once, and the arrays of a document."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.strings: dict[str, int] = {"": 0}
        self.shapes: dict[tuple[int | str, ...], int] = {}
        self.arrays: list[tuple[str, NDArray[Any]]] = []
        self._known: dict[int, tuple[int, Any]] = {}  # with the object itself, so that its id stays its own

    def string(self, text: str) -> int:
        """The number of a string."""
        return self.strings.setdefault(text, len(self.strings))

    def shape(self, shape: Iterable[Any]) -> int:
        """The number of a shape."""
        key = tuple(int(each) if isinstance(each, (int, np.integer)) else str(each) for each in shape)
        return self.shapes.setdefault(key, len(self.shapes))

    def array(self, name: str, value: Any) -> int:
        """The number of an array; -1 for None."""
        if value is None:
            return -1
        found = self._known.get(id(value))
        if found is not None:
            return found[0]
        self.arrays.append((name, np.asarray(value)))
        self._known[id(value)] = (len(self.arrays) - 1, value)
        return len(self.arrays) - 1

    def written(self) -> dict[str, Any]:
        """The members `strings`, `shapes`, `arrays`, `bodies` and, where the budget was used up, `left_out`."""
        bodies: list[dict[str, str]] = []
        count = len(self.arrays)
        body, picture, rows, columns = ([-1] * count, [-1] * count, [0] * count, [0] * count)
        histogram = np.zeros((count, BINS), np.uint32)
        used, left, left_bytes, names = 0, 0, 0, []
        summaries = [_summary(array) for _, array in self.arrays]
        for index in sorted(range(count), key=lambda each: (self.arrays[each][1].size, each)):
            name, array = self.arrays[index]
            whole = array.size <= LARGEST and array.dtype.name in _KEPT
            kept = array if whole else _pooled(array)
            cost = kept.nbytes * 4 // 3
            if used + cost > self.budget:
                left, left_bytes = left + 1, left_bytes + kept.nbytes
                names.append(name)
                continue
            used += cost
            if whole:
                body[index] = len(bodies)
            else:
                picture[index], (rows[index], columns[index]) = len(bodies), kept.shape
                histogram[index] = _histogram(array)
            bodies.append({**column(kept, kept.dtype.name)})
        table: dict[str, Any] = {
            "count": count,
            "dtype": column([self.string(array.dtype.name) for _, array in self.arrays], "int32"),
            "shape": column([self.shape(array.shape) for _, array in self.arrays], "int32"),
            "size": column([array.size for _, array in self.arrays], "float64"),
            "body": column(body, "int32"),
        }
        for place, name in enumerate(("min", "max", "mean", "std", "norm")):
            table[name] = column([each[place] for each in summaries], "float64")
        for place, name in enumerate(("zeros", "nan", "inf"), 5):
            table[name] = column([each[place] for each in summaries], "uint32")
        if any(each >= 0 for each in picture):
            table["picture"] = column(picture, "int32")
            table["picture_rows"], table["picture_columns"] = column(rows, "int32"), column(columns, "int32")
            table["bins"], table["histogram"] = BINS, column(histogram, "uint32")
        found: dict[str, Any] = {
            "strings": list(self.strings),
            "shapes": [list(shape) for shape in self.shapes],
            "arrays": table,
            "bodies": bodies,
        }
        if left:
            found["left_out"] = {"entries": left, "bytes": left_bytes, "budget": self.budget, "names": names[:200]}
        return found


def _summary(array: NDArray[Any]) -> tuple[float, ...]:
    if array.dtype.kind not in "fiub" or array.size == 0:
        return (math.nan,) * 5 + (0, 0, 0)
    numbers = array.astype(np.float64, copy=False)
    finite = np.isfinite(numbers)
    nan = int(np.count_nonzero(np.isnan(numbers)))
    whole = bool(finite.all())
    kept = numbers if whole else numbers[finite]
    zeros = array.size - int(np.count_nonzero(array))
    inf = 0 if whole else array.size - int(np.count_nonzero(finite)) - nan
    if not kept.size:
        return (*(math.nan,) * 5, zeros, nan, inf)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(np.sqrt(np.square(kept).sum()))
        return (float(kept.min()), float(kept.max()), float(kept.mean()), float(kept.std()), norm, zeros, nan, inf)


def _pooled(array: NDArray[Any]) -> NDArray[np.float32]:
    """Means over blocks, at most 32 by 32; leading axes become rows."""
    flat: NDArray[Any] = np.asarray(array, np.float32).reshape(-1, array.shape[-1] if array.ndim else 1)
    if flat.shape[1] == flat.size and flat.size > _PICTURE:
        flat = flat.reshape(-1)[: flat.size // _PICTURE * _PICTURE].reshape(_PICTURE, -1)
    with np.errstate(all="ignore"):
        for axis in (0, 1):
            edges = np.linspace(0, flat.shape[axis], min(_PICTURE, flat.shape[axis]) + 1).astype(int)
            sums = np.add.reduceat(flat, edges[:-1], axis=axis)
            flat = sums / np.diff(edges).reshape((-1, 1) if axis == 0 else (1, -1))
    return flat.astype(np.float32)


def _histogram(array: NDArray[Any]) -> NDArray[Any]:
    numbers = np.asarray(array, np.float64).reshape(-1)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size or numbers.min() == numbers.max():
        return np.zeros(BINS, np.uint32)
    return np.histogram(numbers, BINS)[0].astype(np.uint32)
