"""What can be learned from, made uniform: arrays in any nesting, or an object that hands out samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError, DTypeError

__all__ = ["Batch", "Dataset"]

# An array, or tuples and dicts of batches, in any nesting.
Batch: TypeAlias = Any

OURS = frozenset([np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)])
ENTRIES_AT_ONCE = 1 << 20
LISTED = 4


class Dataset:
    """Samples of one length, held as arrays or by an object that is asked for each sample.

    `data` is an array, a tuple or dict of arrays (nested as you like) whose axis 0 counts samples, or an object or list
    with `len(data)` and `data[i]` that gives sample i as an array, number, tuple or dict. `Dataset(x, y)` is
    `Dataset((x, y))`. Arrays are not copied. Batches come out in the same nesting as new arrays: floats as float32,
    integers as int64, bools as bool.

    Raises `DataError` where lengths differ, nothing is there, entries are NaN or infinite (unless `check_finite` is
    False) or are not numbers, and `DTypeError` for complex numbers. An object's samples are checked when they are read.

    >>> import numpy
    >>> data = Dataset(numpy.zeros((5, 2)), numpy.arange(5))
    >>> len(data)
    5
    >>> x, y = data[1:3]
    >>> x.shape, x.dtype, y
    ((2, 2), dtype('float32'), array([1, 2]))
    """

    def __init__(self, *data: Any, check_finite: bool = True) -> None:
        if not data:
            raise DataError("a data set was asked for, and no data given. Pass an array, arrays, or a dict of arrays.")
        source = data[0] if len(data) == 1 else data
        self.check_finite = check_finite
        self._arrays: Batch = None
        self._samples: Any = None
        if is_indexed(source):
            self._samples = source
            self._length = len(source)
            if self._length == 0:
                raise DataError(f"data: {_named(source)} has no samples (its length is 0). Pass at least one.")
        else:
            self._arrays, self._length = checked(source, "data", check_finite)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int | slice | Sequence[int] | NDArray[Any]) -> Batch:
        """Sample `index` (negative counts from the end), or the batch of a slice, list or array of indices."""
        if isinstance(index, int | np.integer):
            if not -self._length <= index < self._length:
                raise IndexError(f"sample {index} was asked for, and the data have {self._length}.")
            return mapped(self.take(np.array([index % self._length])), lambda array, _: array[0])
        return self.take(np.arange(self._length)[index])

    def take(self, rows: NDArray[np.integer]) -> Batch:
        """The samples numbered `rows`, as one batch of new contiguous arrays."""
        if self._samples is None:
            return mapped(self._arrays, lambda array, label: in_our_dtype(array.take(rows, axis=0), label))
        batch = _stacked([self._samples[int(row)] for row in rows], [f"sample {row}" for row in rows])
        return mapped(batch, lambda array, label: self._checked_samples(array, label, rows))

    def _checked_samples(self, array: NDArray[Any], label: str, rows: NDArray[np.integer]) -> NDArray[Any]:
        converted = in_our_dtype(array, label)
        if self.check_finite:
            _refuse_nonfinite(array, label, rows)
        return converted


def mapped(data: Any, function: Callable[[Any, str], Any], label: str = "data") -> Batch:
    """`function(part, label)` of every part of nested tuples and dicts, in the same nesting."""
    if isinstance(data, tuple):
        return tuple(mapped(part, function, f"{label}[{index}]") for index, part in enumerate(data))
    if isinstance(data, dict):
        return {name: mapped(part, function, f"{label}[{name!r}]") for name, part in data.items()}
    return function(data, label)


def checked(data: Any, label: str, check_finite: bool) -> tuple[Batch, int]:
    """`data` with every part an array of numbers, checked, and the number of samples all of them have."""
    arrays = mapped(data, _as_array, label)
    parts: list[tuple[str, NDArray[Any]]] = []
    mapped(arrays, lambda array, name: parts.append((name, array)), label)
    if not parts:
        raise DataError(f"{label}: an empty {type(data).__name__}. Pass at least one array.")
    first_name, first = parts[0]
    for name, array in parts[1:]:
        if len(array) != len(first):
            raise DataError(
                f"arrays of the same length were expected, one row a sample: {first_name} has {len(first)} (shape "
                f"{first.shape}), {name} has {len(array)} (shape {array.shape}). {_cure(first, array)}"
            )
    if len(first) == 0:
        raise DataError(f"{first_name}: no samples (shape {first.shape}). Pass at least one.")
    if check_finite:
        columns: dict[str, list[str]] = {}
        mapped(data, lambda part, name: columns.update({name: _column_names(part)}), label)
        for name, array in parts:
            _refuse_nonfinite(array, name, None, columns[name])
    return arrays, len(first)


def is_indexed(data: Any) -> bool:
    """Whether `data` hands out samples by `data[i]`, being no array nor nested arrays."""
    if isinstance(data, list):
        return bool(data) and isinstance(data[0], tuple | dict)
    if isinstance(data, np.ndarray | tuple | dict | str | bytes) or hasattr(data, "__array__"):
        return False
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def in_our_dtype(array: NDArray[Any], label: str) -> NDArray[Any]:
    """`array` as float32, int64 or bool."""
    if array.dtype in OURS:
        return array
    kind = array.dtype.kind
    if kind == "f":
        with np.errstate(over="ignore"):  # check_finite has refused what float32 cannot hold, or was told not to look
            return array.astype(np.float32, copy=False)
    if kind in "iu":
        return array.astype(np.int64, copy=False)
    if kind == "c":
        raise DTypeError(f"{label}: real numbers were expected, found {array.dtype}. Split it into .real and .imag.")
    if kind in "US":
        cure = "Encode texts as numbers, for example numpy.unique(labels, return_inverse=True)[1] for classes."
    elif kind in "mM":
        cure = "Express times as numbers, for example (times - start) / numpy.timedelta64(1, 'D')."
    else:
        cure = "Convert it first, for example array.astype(numpy.float32); encode columns of texts as numbers."
    raise DataError(f"{label}: numbers were expected, found an array of dtype {array.dtype}. {cure}")


def _as_array(part: Any, label: str) -> NDArray[Any]:
    if hasattr(part, "toarray"):
        raise DataError(f"{label}: an array was expected, found {_named(part)}. Pass its .toarray().")
    if isinstance(part, str | bytes) or part is None or not (hasattr(part, "__array__") or isinstance(part, list)):
        raise DataError(f"{label}: an array was expected, found {_named(part)}. Pass numbers as an array or a list.")
    try:
        array = np.asarray(part)
    except ValueError as error:
        raise DataError(
            f"{label}: a list that makes no array, for its rows differ in length. Make the rows equal (pad them); "
            f"two arrays such as inputs and labels go in a tuple: (x, y)."
        ) from error
    if array.ndim == 0:
        raise DataError(f"{label}: an array with one row a sample was expected, found the single value {array!r}.")
    in_our_dtype(array[:0], label)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise DataError(f"{label}: {array.max()} does not fit into int64. Use smaller numbers, or floats.")
    return array


def _stacked(samples: list[Any], labels: list[str]) -> Batch:
    """The samples one above the other, part by part, in the nesting of the first."""
    first = samples[0]
    for sample, label in zip(samples, labels):
        if isinstance(first, tuple | dict) and (type(sample) is not type(first) or len(sample) != len(first)):
            raise DataError(
                f"{label}: the same parts in every sample were expected, found {_parts(sample)} where {labels[0]} has "
                f"{_parts(first)}. Give every sample the same parts."
            )
    if isinstance(first, tuple):
        columns = list(zip(*samples))
        return tuple(
            _stacked(list(column), [f"{label}[{index}]" for label in labels]) for index, column in enumerate(columns)
        )
    if isinstance(first, dict):
        for sample, label in zip(samples, labels):
            if sample.keys() != first.keys():
                raise DataError(f"{label}: names {sorted(sample)}, but {labels[0]} has {sorted(first)}. Give the same.")
        return {
            name: _stacked([sample[name] for sample in samples], [f"{label}[{name!r}]" for label in labels])
            for name in first
        }
    arrays = [np.asarray(sample) for sample in samples]
    for array, label in zip(arrays, labels):
        if array.shape != arrays[0].shape:
            raise DataError(
                f"{label}: shape {array.shape}, but {labels[0]} has {arrays[0].shape}. Samples of one batch need one "
                f"shape: crop or pad them."
            )
    return np.stack(arrays)


def _refuse_nonfinite(
    array: NDArray[Any], label: str, rows: NDArray[np.integer] | None, columns: Sequence[str] = ()
) -> None:
    if array.dtype.kind != "f":
        return
    # Chunks stay in the cache, and a file mapped into memory is never read whole.
    step = max(1, ENTRIES_AT_ONCE // max(1, array[0].size))
    bad: list[NDArray[np.intp]] = []
    for start in range(0, len(array), step):
        chunk = in_our_dtype(array[start : start + step], label)
        finite = np.isfinite(chunk)
        if not finite.all():
            places = np.argwhere(~finite)
            places[:, 0] += start
            bad.append(places)
    if not bad:
        return
    found = np.concatenate(bad)
    first = tuple(int(index) for index in found[0])
    value = array[first]
    sample = first[0] if rows is None else int(rows[first[0]])
    reason = " (too large for float32)" if np.isfinite(value) else ""
    where = _place(first[1:], columns)
    many = f"{len(found):,} entries that are" if len(found) > 1 else "an entry that is"
    raise DataError(
        f"{label}: finite numbers were expected; found {many} not, in {len(np.unique(found[:, 0])):,} of {len(array):,} "
        f"samples{_by_column(found, columns)}. The first is {value}{reason} in sample {sample}{where}. Remove those "
        f"samples or fill the gaps (numpy.nan_to_num); check_finite=False lets them through."
    )


def _by_column(found: NDArray[np.intp], columns: Sequence[str]) -> str:
    if found.shape[1] != 2 or len(found) == 1:
        return ""
    numbers, counts = np.unique(found[:, 1], return_counts=True)
    listed = [f"{_column(int(n), columns)} ({c:,})" for n, c in zip(numbers[:LISTED], counts)]
    more = f" and {len(numbers) - LISTED} more" if len(numbers) > LISTED else ""
    return f", by column {', '.join(listed)}{more}"


def _place(inner: tuple[int, ...], columns: Sequence[str]) -> str:
    if not inner:
        return ""
    return f", column {_column(inner[0], columns)}" if len(inner) == 1 else f", position {inner}"


def _column(number: int, columns: Sequence[str]) -> str:
    return f"'{columns[number]}'" if number < len(columns) else str(number)


def _column_names(part: Any) -> list[str]:
    columns = getattr(part, "columns", None)  # what data frames have
    return [str(name) for name in columns] if columns is not None and not callable(columns) else []


def _cure(first: NDArray[Any], other: NDArray[Any]) -> str:
    if first.ndim > 1 and first.shape[1] == len(other):
        return "The first seems to be transposed: pass its .T."
    if other.ndim > 1 and other.shape[1] == len(first):
        return "The second seems to be transposed: pass its .T."
    return "Give both one row a sample."


def _parts(sample: Any) -> str:
    return f"a {type(sample).__name__} of {len(sample)}" if isinstance(sample, tuple | dict) else _named(sample)


def _named(value: Any) -> str:
    return f"a {type(value).__name__}" if value is not None else "None"
