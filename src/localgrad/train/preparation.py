"""Bringing data to mean 0 and deviation 1, and everything a model must remember to read new data the same way."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import CheckpointError, DataError
from localgrad.train.delimited import nearest
from localgrad.train.table import Column, Table
from localgrad.train.target import Task

__all__ = ["Preparation"]

VERSION = 1
NOISE = 1e-7  # the relative spacing of float32: a column that varies less is constant
ENTRIES_AT_ONCE = 1 << 20
LARGEST = 1e300


@dataclass(frozen=True)
class Preparation:
    """How the features and the target of a table become what a model is trained on; made by `fit`, kept with the model.

    `mean`, `std`: float64 (features,), or (1,) over everything for pictures; 0 and 1 for columns of categories, std 1
    for columns that do not vary. `target_mean`, `target_std`: float64 (outputs,) for a regression, else empty.

    >>> import numpy
    >>> table = Table(
    ...     numpy.float32([[1, 5], [3, 5]]), numpy.float32([10, 30]), (Column("a"), Column("b")), "regression"
    ... )
    >>> preparation = Preparation.fit(table)
    >>> preparation.apply(table)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    >>> preparation.restore_target(preparation.apply_target(table))
    array([[10.],
           [30.]], dtype=float32)
    """

    columns: tuple[Column, ...]
    shape: tuple[int, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    task: Task | None = None
    target_name: str | None = None
    class_names: tuple[str, ...] = ()
    target_mean: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    target_std: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def fit(cls, table: Table, standardise: bool = True) -> Preparation:
        """Means and deviations of `table` (the training part alone); without `standardise` the features stay as they are."""
        features = table.features
        mean, std = np.zeros(1), np.ones(1)
        if features.ndim == 2:
            mean, std = np.zeros(features.shape[1]), np.ones(features.shape[1])
        if standardise:
            flat = features if features.ndim == 2 else features.reshape(-1, 1)
            mean, std = _moments(flat)
            texts = [bool(column.categories) for column in table.columns for _ in column.features]
            if texts:
                mean[texts], std[texts] = 0.0, 1.0
        target_mean, target_std = np.empty(0), np.empty(0)
        if table.task == "regression" and table.target is not None:
            target_mean, target_std = _moments(table.target.reshape(len(table), -1))
        return cls(
            table.columns,
            features.shape[1:],
            mean,
            std,
            table.task,
            table.target_name,
            table.class_names,
            target_mean,
            target_std,
        )

    def apply(self, data: Table | NDArray[Any]) -> NDArray[np.float32]:
        """The features of `data`, standardised: float32, the same shape. `DataError` if they are not those of `fit`."""
        if isinstance(data, Table):
            if [column.name for column in data.columns] != [column.name for column in self.columns]:
                self.require_columns("the table", [column.name for column in data.columns])
                raise DataError(
                    f"preparing a table: the columns {self._listed()} were expected in this order, found "
                    f"{_listed([column.name for column in data.columns])}. Read it with read_table(path, like=preparation)."
                )
            features: NDArray[Any] = data.features
        else:
            features = np.asarray(data)
        self.require_shape("preparing features", features.shape[1:])
        prepared = np.empty(features.shape, dtype=np.float32)
        for rows in _blocks(features):
            prepared[rows] = (features[rows] - self.mean) / self.std
        return prepared

    def apply_target(self, table: Table) -> NDArray[Any]:
        """The target as a loss wants it: int64 (rows,) classes, or float32 (rows, outputs) standardised."""
        if table.target is None:
            raise DataError("preparing a target: the table has none. Read it with read_table(path, target=...).")
        if self.task == "classification":
            return table.target
        values = table.target.reshape(len(table), -1)
        if values.shape[1] != len(self.target_mean):
            raise DataError(
                f"preparing a target: {len(self.target_mean)} outputs were expected, found {values.shape[1]}. "
                f"Use a table with the target of the training data."
            )
        return ((values - self.target_mean) / self.target_std).astype(np.float32)

    def restore_target(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Predictions of a regression (rows, outputs) in the units of the training data."""
        return (predictions * self.target_std + self.target_mean).astype(np.float32)

    def require_columns(self, place: str | os.PathLike[str], names: Sequence[str]) -> None:
        """Raise `DataError` naming the columns of the training data that are not in `names`."""
        missing = [column.name for column in self.columns if column.name not in set(names)]
        if not missing and not self.columns:
            raise DataError(f"{place}: the model was trained on arrays of shape {self.shape}. Pass them as .npz.")
        if missing:
            what = f"the column {missing[0]!r} is" if len(missing) == 1 else f"{len(missing)} columns are"
            more = "" if len(missing) == 1 else f" ({_listed(missing)})"
            raise DataError(
                f"{place}: {what} missing{more} that the model was trained on; for {missing[0]!r} "
                f"{nearest(missing[0], names)}. Add or rename the columns."
            )

    def require_shape(self, place: str, shape: tuple[int, ...]) -> None:
        """Raise `DataError` unless one row of the features has the shape it had in `fit`."""
        if shape != self.shape:
            raise DataError(
                f"{place}: rows of shape {self.shape} were expected as in the training data, found {shape}. "
                f"Pass the same features."
            )

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, texts and numbers."""
        return {
            "version": VERSION,
            "columns": [{"name": column.name, "categories": list(column.categories)} for column in self.columns],
            "shape": list(self.shape),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "task": self.task,
            "target_name": self.target_name,
            "class_names": list(self.class_names),
            "target_mean": self.target_mean.tolist(),
            "target_std": self.target_std.tolist(),
        }

    @classmethod
    def from_json(cls, stored: Any) -> Preparation:
        """The object `to_json` wrote. Raises `CheckpointError` that names the entry which is missing or wrong."""
        if not isinstance(stored, dict) or stored.get("version") != VERSION:
            found = stored.get("version") if isinstance(stored, dict) else type(stored).__name__
            raise CheckpointError(
                f"preparation: version {VERSION} was expected, found {found!r}. Save the model again."
            )
        columns = _entry(stored, "columns", list, dict)
        for column in columns:
            _entry(column, "name", str)
            _entry(column, "categories", list, str)
        shape = tuple(_entry(stored, "shape", list, int))
        made = tuple(Column(column["name"], tuple(column["categories"])) for column in columns)
        task = stored.get("task")
        if task not in (None, "classification", "regression"):
            raise _damaged("task", f"{task!r} is no task")
        target_name = stored.get("target_name")
        if target_name is not None and not isinstance(target_name, str):
            raise _damaged("target_name", "it is no text")
        mean, std = _numbers(stored, "mean"), _numbers(stored, "std", positive=True)
        target_mean, target_std = _numbers(stored, "target_mean"), _numbers(stored, "target_std", positive=True)
        width = sum(len(column.features) for column in made)
        if len(mean) != len(std) or len(target_mean) != len(target_std):
            raise _damaged("std", "it has another length than the mean")
        if len(mean) != (shape[0] if len(shape) == 1 else 1) or (made and shape != (width,)):
            raise _damaged("mean", f"its length {len(mean)} does not fit the columns and the shape {shape}")
        class_names = tuple(_entry(stored, "class_names", list, str))
        return cls(made, shape, mean, std, task, target_name, class_names, target_mean, target_std)

    def _listed(self) -> str:
        return _listed([column.name for column in self.columns])


def _moments(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation per column, in two passes over blocks: exact, and without a float64 copy of it all."""
    mean = np.zeros(values.shape[1])
    for rows in _blocks(values):
        mean += values[rows].sum(axis=0, dtype=np.float64)
    mean /= len(values)
    squares = np.zeros(values.shape[1])
    for rows in _blocks(values):
        squares += np.square(values[rows] - mean).sum(axis=0)
    std = np.sqrt(squares / len(values))
    std[std <= NOISE * np.abs(mean)] = 1.0
    return mean, std


def _blocks(values: NDArray[Any]) -> Iterator[slice]:
    step = max(1, ENTRIES_AT_ONCE // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), step):
        yield slice(start, start + step)


def _entry(stored: dict[str, Any], name: str, kind: type, inner: type | None = None) -> Any:
    value: Any = stored.get(name)
    found = type(value)
    if found is not kind:
        raise _damaged(name, f"a {kind.__name__} was expected, found {str(value)[:40]}")
    if inner is not None and any(type(part) is not inner for part in value):
        raise _damaged(name, f"a list of {inner.__name__} was expected, found {str(value)[:40]}")
    return value


def _numbers(stored: dict[str, Any], name: str, positive: bool = False) -> NDArray[np.float64]:
    values = stored.get(name)
    if not isinstance(values, list) or any(type(value) not in (int, float) for value in values):
        raise _damaged(name, f"a list of numbers was expected, found {str(values)[:40]}")
    if any(not abs(value) <= LARGEST or (positive and value <= 0) for value in values):
        raise _damaged(name, f"finite{' positive' if positive else ''} numbers were expected")
    return np.array(values, dtype=np.float64)


def _damaged(name: str, found: str) -> CheckpointError:
    return CheckpointError(f"preparation, entry {name!r}: {found}. The file is damaged; save the model again.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
