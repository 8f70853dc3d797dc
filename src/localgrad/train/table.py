"""Tables for learning: features and a target, read from `.csv` and `.npz`."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError
from localgrad.train.delimited import Cells, DelimitedFile, nearest
from localgrad.train.npz import read_npz
from localgrad.train.target import Known, Task, encode_target

if TYPE_CHECKING:
    from localgrad.train.preparation import Preparation

__all__ = ["Column", "Table", "Task", "read_table"]

MOST_CATEGORIES = 100
ARRAY_NAMES = (("x", "y"), ("X", "y"), ("X", "Y"))


@dataclass(frozen=True)
class Column:
    """A column of the file: numbers, or texts with the `categories` it becomes columns of 0 and 1 for."""

    name: str
    categories: tuple[str, ...] = ()

    @property
    def features(self) -> list[str]:
        """The names of the feature columns it becomes."""
        return [f"{self.name}={category}" for category in self.categories] or [self.name]


@dataclass(frozen=True, repr=False)
class Table:
    """Features and target of a learning task, row by row.

    `features`: float32 (rows, columns), texts already as columns of 0 and 1; arrays of pictures keep their axes.
    `target`: classification int64 (rows,), the place in `class_names`; regression float32 (rows,) or (rows, outputs);
    None if there is none. `columns`: what the file had; empty for pictures. `test`: the test part, if the file had one.
    """

    features: NDArray[np.float32]
    target: NDArray[Any] | None
    columns: tuple[Column, ...]
    task: Task | None = None
    target_name: str | None = None
    class_names: tuple[str, ...] = ()
    test: Table | None = None

    @property
    def feature_names(self) -> list[str]:
        """A name for each column of `features`: the file's, or `column=category`."""
        return [name for column in self.columns for name in column.features]

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: NDArray[np.integer]) -> Table:
        """The table of these rows."""
        target = None if self.target is None else self.target[rows]
        return replace(self, features=self.features[rows], target=target, test=None)

    def split(self, share: float = 0.2, seed: int = 0) -> tuple[Table, Table]:
        """Two tables, the second with `share` of the rows drawn by `seed`; of each class its share, rounded down.

        Raises `DataError` if one of the two would be empty.
        """
        order = np.argsort(np.random.Philox(key=seed % 2**64).random_raw(len(self)), kind="stable")
        drawn = np.zeros(len(self), dtype=np.bool_)
        if self.task == "classification" and self.target is not None:
            groups = [order[self.target[order] == number] for number in range(len(self.class_names))]
        else:
            groups = [order]
        for group in groups:
            drawn[group[: int(share * len(group))]] = True
        if not 0 < drawn.sum() < len(self):
            raise DataError(
                f"splitting a table: {share} of {len(self)} rows leaves a part empty. Use more rows or another share."
            )
        return self.take(np.flatnonzero(~drawn)), self.take(np.flatnonzero(drawn))

    def __repr__(self) -> str:
        width = " x ".join(map(str, self.features.shape[1:]))
        if self.task == "classification":
            names = ", ".join(self.class_names[:5]) + (", ..." if len(self.class_names) > 5 else "")
            goal = f", {len(self.class_names)} classes of {self.target_name!r}: {names}"
        else:
            goal = f", regression of {self.target_name!r}" if self.task else ""
        return f"Table({len(self):,} rows, {width} features{goal})"


def read_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    task: Task | None = None,
    drop: Collection[str] = (),
    like: Preparation | None = None,
    encoding: str = "utf-8",
) -> Table:
    r"""The table in a `.csv` or `.npz` file.

    CSV: names in the first line, delimiter `,` `;` or tab; `target` names the column to learn (None: the file has none),
    `drop` columns to leave out. Columns of texts become a column of 0 and 1 for each text. NPZ: arrays `x` and `y`, or
    `x_train`, `y_train` and perhaps `x_test`, `y_test`; `target` names another array than `y`.
    A target of texts or of few different integers is a classification unless `task` says otherwise.
    `like` reads a file for a model trained before: the same columns in any order (others are ignored), categories and classes.

    Raises `DataError` that names file, line and column: missing or non-numeric cells, ragged rows, unknown target, ...

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cats.csv"
    >>> _ = path.write_text("weight,colour,kind\n4.5,red,cat\n30,grey,dog\n5,grey,cat\n")
    >>> table = read_table(path, "kind")
    >>> table.feature_names, table.class_names, table.target
    (['weight', 'colour=grey', 'colour=red'], ('cat', 'dog'), array([0, 1, 0]))
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return _table_of_arrays(path, target, task, like)
    return _table_of_cells(DelimitedFile(path, encoding), target, task, drop, like)


# ---------------------------------------------------------------- csv


def _table_of_cells(
    file: DelimitedFile, target: str | None, task: Task | None, drop: Collection[str], like: Preparation | None
) -> Table:
    for name in [*drop] + ([target] if target is not None else []):
        if name not in file.names:
            if len(file.names) == 1:
                file.fail_in_header(
                    f"one column {file.names[0]!r} is no table. Separate cells by comma, semicolon or tab"
                )
            raise DataError(
                f"reading {file.path}: a column named {name!r} was asked for and is not in the header; "
                f"{nearest(name, file.names)}. Use one of the names in the file."
            )
    if like is not None:
        like.require_columns(file.path, file.names)
        wanted = [column.name for column in like.columns]
        as_texts = {column.name for column in like.columns if column.categories}
        as_numbers = set(wanted) - as_texts
    else:
        wanted = [name for name in file.names if name != target and name not in drop]
        as_texts, as_numbers = set(), set()
        if not wanted:
            file.fail_in_header(
                "no column is left to learn from. Give more columns, separated by comma, semicolon or tab"
            )
    known = Known(task, None) if like is None else Known(like.task, like.class_names)
    if target is not None and known.task == "regression":
        as_numbers = as_numbers | {target}
    cells = file.read([*wanted, *([] if target is None else [target])], as_texts, as_numbers)
    recorded = {} if like is None else {column.name: column.categories for column in like.columns}
    columns: list[Column] = []
    blocks: list[NDArray[np.float32]] = []
    for name in wanted:
        column, block = _encoded(file, name, cells.pop(name), recorded.get(name))
        columns.append(column)
        blocks.append(block)
    features = np.concatenate(blocks, axis=1)
    if target is None:
        return Table(features, None, tuple(columns))

    def fail(message: str, row: int | None = None) -> NoReturn:
        if row is not None:
            file.fail_at(row, target, message)
        raise DataError(f"reading {file.path}, target {target!r}: {message}.")

    found, class_names, values = encode_target(cells[target], known, fail)
    return Table(features, values, tuple(columns), found, target, class_names)


def _encoded(
    file: DelimitedFile, name: str, cells: Cells, recorded: tuple[str, ...] | None
) -> tuple[Column, NDArray[np.float32]]:
    if cells.numbers is not None:
        return Column(name), cells.numbers.astype(np.float32)[:, None]
    assert cells.codes is not None
    categories = recorded or tuple(sorted(cells.texts))
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"reading {file.path}, column {name!r}: {len(categories):,} different texts (such as {categories[0]!r}) would "
            f"become as many columns, {MOST_CATEGORIES} are allowed. Leave the column out, or group them."
        )
    place = {category: index for index, category in enumerate(categories)}
    codes = np.array([place.get(text, -1) for text in cells.texts])[cells.codes]
    if codes.min() < 0:
        row = int(np.argmax(codes < 0))
        file.fail_at(
            row,
            name,
            f"{cells.texts[cells.codes[row]]!r} is no category the model was trained on; {nearest('', categories)}. "
            f"Correct the cell, or train again with such rows",
        )
    return Column(name, categories), (codes[:, None] == np.arange(len(categories))).astype(np.float32)


# ---------------------------------------------------------------- npz


def _table_of_arrays(path: Path, target: str | None, task: Task | None, like: Preparation | None) -> Table:
    arrays = read_npz(path)
    pairs = [pair for x, y in ARRAY_NAMES for pair in ((f"{x}_train", f"{y}_train"), (x, y)) if pair[0] in arrays]
    if not pairs:
        raise DataError(
            f"reading {path}: an array 'x' or 'x_train' was expected, found {', '.join(map(repr, arrays)) or 'none'}. "
            f"Write it with numpy.savez(path, x=..., y=...)."
        )
    if target is not None and target not in arrays:
        raise DataError(
            f"reading {path}: an array named {target!r} was asked for and is not there; {nearest(target, list(arrays))}. "
            f"Use one of the names in the file."
        )
    known = Known(task, None) if like is None else Known(like.task, like.class_names)
    x_name, y_name = pairs[0][0], target or pairs[0][1]
    table = _table_of_pair(path, arrays, x_name, y_name, known)
    if like is not None:
        like.require_shape(f"reading {path}, array {x_name!r}", table.features.shape[1:])
        table = replace(table, columns=like.columns)
    if x_name.endswith("_train") and (x_test := x_name.replace("_train", "_test")) in arrays:
        if table.task is not None:
            known = Known(table.task, table.class_names)
        test = _table_of_pair(path, arrays, x_test, pairs[0][1].replace("_train", "_test"), known)
        if test.features.shape[1:] != table.features.shape[1:]:
            raise DataError(
                f"reading {path}: a row of {x_name!r} has shape {table.features.shape[1:]}, a row of {x_test!r} "
                f"{test.features.shape[1:]}. Give both the same."
            )
        table = replace(table, test=replace(test, columns=table.columns))
    return table


def _table_of_pair(path: Path, arrays: dict[str, NDArray[Any]], x_name: str, y_name: str, known: Known) -> Table:
    features = _finite(path, x_name, arrays[x_name], np.float32)
    if features.ndim == 1:
        features = features[:, None]
    width = features.shape[1] if features.ndim == 2 else 0
    columns = tuple(Column(f"{x_name[0]}{index}") for index in range(width))
    if y_name not in arrays:
        return Table(features, None, columns)
    y = arrays[y_name]
    if y.ndim == 0 or len(y) != len(features):
        raise DataError(
            f"reading {path}: one row a sample was expected in both arrays: {x_name!r} has shape {features.shape}, "
            f"{y_name!r} has {y.shape}. Give both the same length."
        )

    def fail(message: str, row: int | None = None) -> NoReturn:
        raise DataError(f"reading {path}, array {y_name!r}{'' if row is None else f', row {row}'}: {message}.")

    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    elif y.dtype.kind != "U":
        y = _finite(path, y_name, y, np.float64)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim > 2 or (y.ndim == 2 and y.dtype.kind == "U"):
        fail(f"a target of shape (rows,) or numbers (rows, outputs) was expected, found shape {y.shape}. Reshape it")
    if y.ndim == 2:
        one_hot = bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())
        if known.task == "regression" or not one_hot:
            return Table(features, y.astype(np.float32), columns, "regression", y_name)
        y = y.argmax(axis=1).astype(np.float64)
    if y.dtype.kind == "U":
        texts, codes = np.unique(y, return_inverse=True)
        cells = Cells(None, codes, tuple(texts.tolist()))
    else:
        cells = Cells(y)
    task, class_names, values = encode_target(cells, known, fail)
    return Table(features, values, columns, task, y_name, class_names)


def _finite(path: Path, name: str, array: NDArray[Any], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    place = f"reading {path}, array {name!r}"
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{place}: real numbers were expected, found {array.dtype}. Convert it, e.g. .astype('float32')."
        )
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{place}: at least one row was expected, found shape {array.shape}. Add the data.")
    with np.errstate(over="ignore"):
        numbers = array.astype(dtype)
        finite = np.isfinite(numbers.astype(np.float32, copy=False))
    if not finite.all():
        first = tuple(int(index) for index in np.unravel_index(int(np.argmin(finite)), finite.shape))
        inner = "" if len(first) == 1 else f", column {first[1]}" if len(first) == 2 else f", position {first[1:]}"
        raise DataError(
            f"{place}, row {first[0]}{inner}: a finite number within float32 was expected, found {array[first]} "
            f"({finite.size - np.count_nonzero(finite):,} such). Remove those rows, or fill them (numpy.nan_to_num)."
        )
    return numbers
