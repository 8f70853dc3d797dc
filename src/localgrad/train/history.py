"""What a training run reported, epoch by epoch: to read, to keep as CSV, and to look at."""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError, NameLookupError
from localgrad.graph.files import write_atomically
from localgrad.train.curves import Panel, Series, curves_svg, drawable
from localgrad.train.delimited import nearest

__all__ = ["History", "smaller_is_better"]

FIRST, LAST = ("epoch", "step", "loss", "validation_loss"), ("learning_rate", "seconds")
COUNTS = ("epoch", "step")
VALIDATION = "validation_"
# Words in the name of a quantity that should go down.
DOWNWARDS = ("loss", "error", "mae", "mse", "rmse", "perplexity", "distance", "deviation", "divergence")


class History:
    """One row an epoch: `epoch`, `step`, `loss`, `validation_loss`, metrics, `learning_rate`, `seconds`, as far as known.

    Iterating gives the rows as dicts of numbers; `history["loss"]` is a column as float64 array (NaN where a row has no
    value), `history[-1]` the last row. Metrics of the validation data begin with `validation_`. In a notebook it shows
    its curves.

    >>> history = History()
    >>> history.append(epoch=1, loss=0.9, validation_accuracy=0.5)
    >>> history.append(epoch=2, loss=0.4, validation_accuracy=0.8)
    >>> history["loss"], history.best("validation_accuracy")["epoch"]
    (array([0.9, 0.4]), 2)
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self._rows: list[dict[str, float]] = []
        for row in rows:
            if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
                raise DataError(f"history: a row of named numbers was expected, found {row!r:.60}. Pass dicts.")
            self.append(**row)

    def append(self, /, **values: float | None) -> None:
        """Add a row; what is None is left out. Raises `DataError` if a value is no number."""
        row: dict[str, float] = {}
        for name, value in values.items():
            if value is None:
                continue
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise DataError(
                    f"history: a number was expected for {name!r}, found {value!r}. Pass a float."
                ) from None
            whole = name in COUNTS and number == round(number) if math.isfinite(number) else False
            row[name] = int(number) if whole else number
        self._rows.append(row)

    @property
    def columns(self) -> list[str]:
        """The names of all columns: counters and losses, then metrics as they appeared, then rate and time."""
        found = list(dict.fromkeys(name for row in self._rows for name in row))
        middle = [name for name in found if name not in FIRST + LAST]
        return [name for name in FIRST if name in found] + middle + [name for name in LAST if name in found]

    @overload
    def __getitem__(self, key: str) -> NDArray[np.float64]: ...
    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...
    def __getitem__(self, key: str | int) -> NDArray[np.float64] | dict[str, float]:
        if isinstance(key, str):
            self._require(key)
            return np.array([row.get(key, math.nan) for row in self._rows], dtype=np.float64)
        return dict(self._rows[key])

    def __contains__(self, name: object) -> bool:
        return any(name in row for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return (dict(row) for row in self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return self.to_csv_text() == other.to_csv_text()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def best(self, metric: str | None = None, mode: Literal["min", "max"] | None = None) -> dict[str, float]:
        """The row where `metric` (default: the validation loss, else the loss) is best, the first of equals.

        Losses and errors are best at their minimum, other names at their maximum, unless `mode` says. Raises
        `NameLookupError` for an unknown name and `DataError` if no value is finite.
        """
        if metric is None:
            metric = "validation_loss" if "validation_loss" in self else "loss"
        self._require(metric)
        values = [(row[metric], row) for row in self._rows if math.isfinite(row.get(metric, math.nan))]
        if not values:
            raise DataError(f"the best {metric!r} was asked for, and no value of it is finite. Choose another metric.")
        down = smaller_is_better(metric) if mode is None else mode == "min"
        return dict((min if down else max)(values, key=lambda pair: pair[0])[1])

    # ---------------------------------------------------------------- files

    def to_csv_text(self) -> str:
        """The rows as CSV text, numbers in full precision, an empty cell where a row has no value."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[repr(row[name]) if name in row else "" for name in self.columns] for row in self._rows])
        return stream.getvalue()

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as CSV, in one step. Raises `FileWriteError`."""
        write_atomically(path, self.to_csv_text())

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> History:
        """The history `to_csv` wrote. Raises `DataError` with line and column."""
        place = f"reading the history {path}"
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except OSError as error:
            raise DataError(f"{place}: {error.strerror or error}. Check the path and that it can be read.") from error
        except (UnicodeError, csv.Error) as error:
            raise DataError(f"{place}: it is damaged ({error}). Write it again with to_csv.") from error
        names = rows[0] if rows else []
        if len(set(names)) != len(names) or "" in names:
            raise DataError(f"{place}, line 1: names were expected, each once, found {names[:8]}. Write it again.")
        history = cls()
        for line, row in enumerate(rows[1:], 2):
            if len(row) != len(names):
                raise DataError(
                    f"{place}, line {line}: {len(names)} cells were expected, found {len(row)}. Complete it."
                )
            values: dict[str, float] = {}
            for name, cell in zip(names, row):
                try:
                    if cell:
                        values[name] = float(cell)
                except ValueError:
                    raise DataError(
                        f"{place}, line {line}, column {name!r}: a number was expected, found {cell[:40]!r}. Correct it."
                    ) from None
            history.append(**values)
        return history

    # ---------------------------------------------------------------- pictures

    def svg(self) -> str:
        """The curves as an SVG document: the loss, each metric, and the learning rate if it changes."""
        x_name = next((name for name in COUNTS if self._rises(name)), "row")
        names = [name for name in self.columns if name not in COUNTS + ("seconds", "learning_rate")]
        titles = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in names))
        panels = [self._panel(title, x_name) for title in titles]
        if "learning_rate" in self and len({row.get("learning_rate") for row in self._rows} - {None}) > 1:
            points = self._points("learning_rate", x_name)
            panels.append(Panel("learning rate", [Series("learning rate", points, color=2)]))
        return curves_svg(panels, x_name)

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Write the curves as an SVG file, in one step. Raises `FileWriteError`."""
        write_atomically(path, self.svg())

    def _panel(self, title: str, x_name: str) -> Panel:
        series = []
        for color, (name, label) in enumerate(((title, "training"), (VALIDATION + title, "validation"))):
            if name in self:
                series.append(Series(label, self._points(name, x_name), color, dots=color == 1))
        judged = VALIDATION + title if VALIDATION + title in self else title
        finite = [(x, y) for x, y in self._points(judged, x_name) if drawable(y)]
        best = None
        if len(finite) > 1:
            x, y = (min if smaller_is_better(title) else max)(finite, key=lambda point: point[1])
            best = (x, y, f"best {y:.4g} · {x_name} {x:,.0f}", 1 if judged != title else 0)
        return Panel(title.replace("_", " "), series, best)

    def _points(self, name: str, x_name: str) -> list[tuple[float, float]]:
        return [(row.get(x_name, number), row[name]) for number, row in enumerate(self._rows, 1) if name in row]

    def _rises(self, name: str) -> bool:
        values = [row.get(name, math.nan) for row in self._rows]
        return bool(values) and all(map(math.isfinite, values)) and all(a < b for a, b in itertools.pairwise(values))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": str(self)}

    # ---------------------------------------------------------------- text

    def __repr__(self) -> str:
        if not self._rows:
            return "History(no rows)"
        last = ", ".join(f"{name} {value:.4g}" for name, value in self._rows[-1].items() if name not in COUNTS + LAST)
        return f"History({len(self)} rows; last: {last})"

    def __str__(self) -> str:
        cells = [self.columns] + [
            [_shown(row[name]) if name in row else "" for name in self.columns] for row in self._rows
        ]
        widths = [max(map(len, column)) for column in zip(*cells)]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)

    def _require(self, name: str) -> None:
        if name not in self:
            known = f"; {nearest(name, self.columns)}" if self._rows else ""
            raise NameLookupError(f"history: no column {name!r}{known}. See .columns for what was recorded.")


def smaller_is_better(metric: str) -> bool:
    """Whether a quantity of this name should go down, as losses and errors do.

    >>> smaller_is_better("validation_loss"), smaller_is_better("accuracy")
    (True, False)
    """
    return any(word in metric.lower() for word in DOWNWARDS)


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"
