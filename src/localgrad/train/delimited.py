"""Reading `.csv` files column by column: fast where they are sound, exact about the place where they are not."""

from __future__ import annotations

import codecs
import csv
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError

__all__ = ["Cells", "DelimitedFile", "nearest"]

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
SNIFFED_ROWS = 20
FIRST_LINES = 1_000
MOST_COLUMNS = 100_000
LONGEST_LINE = 8_000_000
CELLS_AT_ONCE = 1_000_000
MOST_TEXTS = 10_000
DECIDING_CELLS = 2_000
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
STARTS = {
    b"PK\x03\x04": ("an Excel workbook or zip archive", "Export the sheet as CSV"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "Export the sheet as CSV"),
    b"\x1f\x8b": ("compressed (gzip)", "Unpack it first"),
    b"PAR1": ("a Parquet file", "Write it as CSV"),
    b"\x93NUMPY": ("a NumPy .npy file", "Write it with numpy.savez(path, x=..., y=...) as .npz"),
    b"\xff\xfe": ("encoded as UTF-16", "Save it as UTF-8"),
    b"\xfe\xff": ("encoded as UTF-16", "Save it as UTF-8"),
}


@dataclass(frozen=True)
class Cells:
    """One column as it was read: numbers, or for texts the `codes` of the different `texts` in order of appearance."""

    numbers: NDArray[np.float64] | None
    codes: NDArray[np.int64] | None = None
    texts: tuple[str, ...] = ()


class DelimitedFile:
    """A text file of rows and columns with the names in its first line; the delimiter is found among `, ;` and tab.

    Empty lines are passed over, blanks around a cell are ignored, quoted cells may hold delimiters and line breaks.
    Everything that is wrong raises `DataError` with file, line and column.
    """

    def __init__(self, path: str | os.PathLike[str], encoding: str = "utf-8") -> None:
        self.path = Path(path)
        self.encoding = "utf-8-sig" if encoding.lower().replace("-", "").replace("_", "") == "utf8" else encoding
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            self._fail(f"the encoding {self.encoding!r} is unknown. Examples are 'utf-8', 'gbk', 'latin-1'")
        self._refuse_other_formats()
        self.delimiter = self._sniffed()
        with self._reading(lines=FIRST_LINES) as reader:
            header: list[str] = next(filter(None, reader), [])
            self.header_line = reader.line_num
        if not header:
            found = "begins with empty lines only" if self.header_line else "is empty"
            self._fail(f"it {found}. Pass a file with names in the first line and numbers below")
        if len(header) > MOST_COLUMNS:
            self._fail(f"{len(header):,} columns, {MOST_COLUMNS:,} are allowed. Store them as .npz", self.header_line)
        self.names = tuple(name.strip() for name in header)
        self._check_names()

    def read(
        self, names: Collection[str], as_texts: Collection[str] = (), as_numbers: Collection[str] = ()
    ) -> dict[str, Cells]:
        """The columns `names`; one in neither `as_texts` nor `as_numbers` is numbers if most of its cells are."""
        wanted = set(names)
        columns = [
            (place, _Column(name, name in as_texts, name in as_numbers))
            for place, name in enumerate(self.names)
            if name in wanted
        ]
        width, done = len(self.names), 0
        with self._reading() as reader:
            rows = filter(None, reader)
            next(rows)
            while chunk := list(itertools.islice(rows, max(1, CELLS_AT_ONCE // width))):
                if set(map(len, chunk)) != {width}:
                    self._fail_ragged(done, list(map(len, chunk)))
                cells = list(zip(*chunk))
                for place, column in columns:
                    bad = column.extend(cells[place])
                    if bad is not None:
                        self.fail_at(done + bad, column.name, column.complaint(cells[place][bad]))
                done += len(chunk)
        if done == 0:
            self._fail("there is a header and no row below it. Add the data")
        return {column.name: column.cells() for _, column in columns}

    def fail_at(self, row: int, column: str, message: str) -> NoReturn:
        """Raise `DataError` that names the line of `row` (counted from 0 below the header) and the column."""
        self._fail(message, row=row, column=column)

    def fail_in_header(self, message: str) -> NoReturn:
        """Raise `DataError` that names the line of the header."""
        self._fail(message, line=self.header_line)

    @contextmanager
    def _reading(self, delimiter: str | None = None, lines: int | None = None) -> Iterator[Any]:
        """A `csv.reader` over the file, or its first `lines`; what goes wrong in reading becomes `DataError`."""
        reader: Any = None
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                reader = csv.reader(
                    itertools.islice(self._lines(file), lines),
                    delimiter=delimiter or self.delimiter,
                    strict=True,
                    skipinitialspace=True,
                )
                yield reader
        except csv.Error as error:
            line = reader.line_num
            if "field" in str(error) or "end of data" in str(error):
                self._fail("a cell has no end, as if a quote was opened and not closed. Close or remove it", line=line)
            self._fail(f"a quoted cell is malformed ({error}). Write a quote inside a quoted cell twice", line=line)
        except UnicodeError as error:
            self._fail_encoding(error)
        except OSError as error:
            self._fail(f"{error.strerror or error}. Check the path and that it can be read")

    def _lines(self, file: TextIO) -> Iterator[str]:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) >= LONGEST_LINE:
                self._fail(f"more than {LONGEST_LINE:,} characters. Write one row a line", line=number)
            if "\0" in line:
                self._fail("a zero byte: it is no text, or encoded as UTF-16. Save it as UTF-8 text", line=number)
            yield line

    def _refuse_other_formats(self) -> None:
        if self.path.is_dir():
            self._fail("it is a folder. Give the file in it")
        try:
            with self.path.open("rb") as file:
                start = file.read(8)
        except OSError as error:
            self._fail(f"{error.strerror or error}. Check the path and that it can be read")
        for magic, (found, cure) in STARTS.items():
            if start.startswith(magic) and not self.encoding.lower().startswith(("utf-16", "utf16")):
                self._fail(f"a text file was expected, and it is {found}. {cure}")

    def _sniffed(self) -> str:
        """The delimiter that cuts the first rows into most cells while cutting all alike; else most of the first row."""
        best, best_score = ",", (False, 1)
        for delimiter in DELIMITERS:
            widths: list[int] = []
            try:
                with self._reading(delimiter, FIRST_LINES) as reader:
                    widths.extend(map(len, itertools.islice(filter(None, reader), SNIFFED_ROWS)))
            except DataError:
                if not widths:
                    continue
            score = (len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0)
            if score > best_score:
                best, best_score = delimiter, score
        return best

    def _check_names(self) -> None:
        first: dict[str, int] = {}
        for index, name in enumerate(self.names):
            if not name:
                hint = " (pandas: to_csv(path, index=False))" if index == 0 else ""
                self._fail(f"column {index + 1} has no name. Give it one, or remove it{hint}", line=self.header_line)
            if name in first:
                self._fail(
                    f"columns {first[name] + 1} and {index + 1} have the same name {name!r}. Rename one",
                    line=self.header_line,
                )
            first[name] = index
        numbers = [name for name in self.names if _is_number(name)]
        if len(numbers) == len(self.names) or any(not name.lstrip("+-").isdigit() for name in numbers):
            names = ",".join(f"c{index + 1}" for index in range(min(len(self.names), 5)))
            self._fail(
                f"names of the columns were expected in the first line, found the number {numbers[0]!r}. Add a first "
                f"line with {len(self.names)} names, such as {names}{',...' if len(self.names) > 5 else ''}",
                line=self.header_line,
            )

    def _fail(
        self, message: str, line: int | None = None, row: int | None = None, column: str | None = None
    ) -> NoReturn:
        if row is not None:
            with self._reading() as reader:
                next(itertools.islice(filter(None, reader), row + 1, None))
                line = reader.line_num
        place = "".join([f", line {line}" if line else "", f", column {column!r}" if column else ""])
        raise DataError(f"reading {self.path}{place}: {message}.")

    def _fail_ragged(self, done: int, widths: Sequence[int]) -> NoReturn:
        expected = len(self.names)
        bad = next(index for index, width in enumerate(widths) if width != expected)
        self._fail(
            f"{expected} cells were expected as in the header, found {widths[bad]} (delimiter: "
            f"{DELIMITERS[self.delimiter]}). Complete the row, or quote a cell that holds the delimiter",
            row=done + bad,
        )

    def _fail_encoding(self, error: UnicodeError) -> NoReturn:
        encoding = self.encoding.removesuffix("-sig")
        if encoding == "utf-8":
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        line.decode(encoding)
                    except UnicodeDecodeError as found:
                        self._fail(
                            f"the byte 0x{line[found.start]:02x} is not UTF-8. Save the file as UTF-8, or name its "
                            f"encoding (encoding='gbk', 'latin-1', ...)",
                            line=number,
                        )
        self._fail(f"it is not {encoding} ({error}). Name its encoding, or save it as UTF-8")


class _Column:
    """Collects the cells of one column, chunk by chunk."""

    def __init__(self, name: str, is_text: bool, is_number: bool) -> None:
        self.name = name
        self._decided = is_text or is_number
        self._is_text = is_text
        self._numbers: list[NDArray[np.float64]] = []
        self._codes: list[NDArray[np.int64]] = []
        self._texts: dict[str, int] = {}

    def extend(self, cells: Sequence[str]) -> int | None:
        """Take the cells in; the place of the first that cannot be, or None."""
        if not self._is_text:
            try:
                numbers = np.array(cells, dtype=np.float64)
            except ValueError:
                # A column with a few words among its numbers is a column of numbers with mistakes.
                first = cells[:DECIDING_CELLS]
                if self._decided or 2 * sum(map(_is_almost_number, first)) >= sum(map(_is_present, first)):
                    return next((index for index, cell in enumerate(cells) if not _is_number(cell)), 0)
                self._is_text = True
            else:
                self._decided = True
                self._numbers.append(numbers)
                finite = np.abs(numbers) <= np.finfo(np.float32).max
                return None if finite.all() else int(np.argmin(finite))
        self._decided = True
        texts = self._texts
        self._codes.append(np.array([texts.setdefault(cell.strip(), len(texts)) for cell in cells], dtype=np.int64))
        if "" in texts or len(texts) > MOST_TEXTS:
            return int(np.argmax(self._codes[-1] == texts.get("", MOST_TEXTS)))
        return None

    def complaint(self, cell: str) -> str:
        """What is wrong with the cell that `extend` pointed at."""
        found = cell.strip()[:40]
        if not found or not (self._is_text or _is_present(cell)):
            missing = f"it is missing ({found!r})" if found else "the cell is empty"
            return f"a value was expected, and {missing}. Fill it in, remove the row, or leave the column out"
        if self._is_text:
            return f"more than {MOST_TEXTS:,} different texts. Leave the column out, or group them"
        if _is_number(cell):
            return f"a finite number within float32 was expected, found {found!r}. Correct it or remove the row"
        hint = " (a decimal comma? write a point)" if _is_almost_number(cell) else ""
        return f"a number was expected as in the other rows, found {found!r}{hint}. Correct the cell"

    def cells(self) -> Cells:
        if self._is_text:
            return Cells(None, np.concatenate(self._codes), tuple(self._texts))
        return Cells(np.concatenate(self._numbers))


def nearest(name: str, names: Sequence[str]) -> str:
    """`names` for a message about the unknown `name`: the nearest ones, or the first few."""
    import difflib

    close = difflib.get_close_matches(name.lower(), {known.lower() for known in names[:2000]}, cutoff=0.5)
    likely = [known for known in names if known.lower() in close]
    if likely:
        return "the nearest are " + ", ".join(map(repr, likely[:3]))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return "there are " + ", ".join(map(repr, names[:8])) + more


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().lower() not in MISSING


def _is_almost_number(cell: str) -> bool:
    return _is_number(cell.replace(",", "."))


def _is_present(cell: str) -> bool:
    return cell.strip().lower() not in MISSING
