"""Named arrays in a safetensors file: written in one step, checked in full before a byte of data is used.

The library writes. Reading is ours: the header is checked and the data are read through one open file, so that what
was checked is what is read, even while another process replaces the file, and each array is filled in place.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange import foreign_json
from localgrad.graph.errors import DTypeError, FileWriteError, ImportModelError, LocalgradError
from localgrad.graph.files import AtomicFiles

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    code: np.dtype(name)
    for code, name in {
        "BOOL": "bool",
        "U8": "uint8",
        "I8": "int8",
        "U16": "uint16",
        "I16": "int16",
        "U32": "uint32",
        "I32": "int32",
        "U64": "uint64",
        "I64": "int64",
        "F16": "float16",
        "F32": "float32",
        "F64": "float64",
    }.items()
}
"""The element types of the format that NumPy has."""
RESERVED: Final = "__metadata__"
FINGERPRINT: Final = "localgrad.sha256"
LARGEST_HEADER: Final = 100_000_000
ADVICE: Final = "get the file again, or write it again from its source"


class Entry(NamedTuple):
    """One array of a file: its dtype, shape and place among the data."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str] | None = None,
    files: AtomicFiles | None = None,
) -> Path:
    """Write arrays under their names, with a few texts as metadata; the file appears whole or not at all.

    With `files` it appears together with the others of that block; the path returned is where the data stand until
    then. Takes real floats to 64 bits, integers and booleans. A fingerprint of everything goes into the metadata, by
    which `read` notices damage. Raises FileWriteError where the file cannot be written,
    DTypeError for an array the format has no element type for.

    >>> import numpy as np
    >>> _ = write("weights.safetensors", {"W": np.ones((2, 3), np.float32)}, {"step": "7"})
    >>> arrays, metadata = read("weights.safetensors")
    >>> arrays["W"].shape, metadata
    ((2, 3), {'step': '7'})
    """
    if files is None:
        with AtomicFiles() as files:
            write(path, arrays, metadata, files)
        return Path(path)
    ready = {name: _plain(path, name, array) for name, array in arrays.items()}
    texts = dict(metadata or {})
    for name, text in texts.items():
        _check_text(path, name)
        _check_text(path, text)
    texts.setdefault(FINGERPRINT, fingerprint(ready, texts))
    try:
        temporary = files.reserve(path)
    except ValueError as error:  # a NUL in the path
        raise FileWriteError(f"writing {os.fspath(path)!r}: {error}. Choose another path.") from None
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    mode = temporary.stat().st_mode & 0o777
    try:
        save_file(ready, temporary, texts)
        temporary.chmod(mode)  # safetensors puts a file of its own in place, which its owner alone could read
    except (SafetensorError, OSError) as error:
        raise FileWriteError(
            f"writing {path}: {getattr(error, 'strerror', None) or error}. Nothing was changed; make room or choose "
            "another path."
        ) from error
    return temporary


def _plain(path: str | os.PathLike[str], name: str, array: Any) -> NDArray[Any]:
    _check_text(path, name)
    if name == RESERVED:
        raise FileWriteError(
            f"writing {path}: an array is called {RESERVED}, which the format keeps for itself. Rename it."
        )
    found = np.asarray(array, order="C")
    dtype = found.dtype.newbyteorder("=")
    if dtype not in DTYPES.values():
        raise DTypeError(
            f"`{name}` was to be written to {path}\nfound: its dtype is {found.dtype}, which safetensors does not have\n"
            "do: convert it, for example with .astype(np.float64)"
        )
    return found.astype(dtype, copy=False)


def _check_text(path: str | os.PathLike[str], text: Any) -> None:
    try:
        if not isinstance(text, str):
            raise TypeError
        text.encode("utf-8")
    except (TypeError, UnicodeEncodeError):
        raise FileWriteError(
            f"writing {path}: {text!r} is no text that UTF-8 can hold. Give another name or text."
        ) from None


def read(
    path: str | os.PathLike[str], error: type[LocalgradError] = ImportModelError
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """All arrays of a file by name, each writable and with memory of its own, and its metadata.

    Raises `error`, naming the file and the place, where the file is missing, damaged or not what it claims to be.
    Takes no more memory than the arrays. See `OpenWeights` to look at names and shapes first.
    """
    with OpenWeights(path, error) as opened:
        return opened.arrays(), opened.metadata


def fingerprint(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> str:
    """The SHA-256 of names, dtypes, shapes, entries and metadata, in hexadecimal digits; order does not count."""
    digest = hashlib.sha256()
    for name, text in sorted((metadata or {}).items()):
        if name != FINGERPRINT:
            digest.update(repr((name, text)).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(repr((name, array.dtype.name, array.shape)).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


class OpenWeights:
    """A file whose header has been checked; arrays are read one at a time, when asked for.

    >>> import numpy as np
    >>> _ = write("w.safetensors", {"W": np.ones((2, 3)), "b": np.zeros(3)})
    >>> with OpenWeights("w.safetensors") as opened:
    ...     {name: entry.shape for name, entry in opened.entries.items()}
    ...     opened.array("b")
    {'W': (2, 3), 'b': (3,)}
    array([0., 0., 0.])
    """

    entries: dict[str, Entry]
    """What the file holds, by name, in the order of the data."""
    metadata: dict[str, str]
    """Its texts by name, without the fingerprint."""
    fingerprint: str | None
    """What `fingerprint` gave when it was written; None in a file of another program."""

    def __init__(self, path: str | os.PathLike[str], error: type[LocalgradError] = ImportModelError) -> None:
        self.path = path
        self._error = error
        self._file, self.size = open_regular(path, error)
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> OpenWeights:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def array(self, name: str) -> NDArray[Any]:
        """One array, writable and with memory of its own; raises the error of this file where data are missing."""
        entry = self.entries[name]
        try:
            array = np.empty(entry.shape, entry.dtype.newbyteorder("<"))
        except (MemoryError, ValueError) as problem:
            raise self._refused(f"no memory for {name!r} of shape {entry.shape}: {problem}") from None
        raw = array.reshape(-1).view(np.uint8)
        self._file.seek(self._start + entry.begin)
        done = 0
        while done < raw.size:
            try:
                count = self._file.readinto(raw[done:].data)  # type: ignore[attr-defined]
            except OSError as problem:
                raise self._refused(f"{name!r} cannot be read: {problem}") from None
            if not count:
                raise self._refused(f"the data of {name!r} end after {done} of {raw.size} bytes")
            done += count
        if entry.dtype == np.bool_ and raw.size and raw.max() > 1:
            raise self._refused(f"{name!r} is boolean but has bytes other than 0 and 1")
        return array.astype(entry.dtype, copy=False)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name; raises the error of this file also where its fingerprint says that bytes have changed."""
        found = {name: self.array(name) for name in self.entries}
        if self.fingerprint is not None and fingerprint(found, self.metadata) != self.fingerprint:
            raise self._refused("bytes that have changed since it was written: its fingerprint differs")
        return found

    # the header -------------------------------------------------------------------------------------------------
    def _read_header(self) -> None:
        start = self._file.read(8)
        if len(start) < 8:
            raise self._refused(f"{self.size} bytes, fewer than the 8 of the header's length")
        length = int.from_bytes(start, "little")
        if length > min(self.size - 8, LARGEST_HEADER):
            raise self._refused(f"a header of {length} bytes is announced, and {self.size - 8} bytes follow")
        text = self._file.read(length)
        if len(text) < length or text[:1] != b"{":
            raise self._refused("byte 8 does not begin the header's JSON")
        header = foreign_json.parse(text, f"the header of {self.path}", self._error, ADVICE)
        self._start = 8 + length
        self.metadata = self._checked_metadata(header.pop(RESERVED, {}))
        self.fingerprint = self.metadata.pop(FINGERPRINT, None)
        entries = {name: self._checked_entry(name, value) for name, value in header.items()}
        self.entries = dict(sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)))
        end = 0
        for name, entry in self.entries.items():
            if entry.begin != end:
                raise self._refused(f"the data of {name!r} begin at {entry.begin}; those before end at {end}")
            end = entry.end
        if end != self.size - self._start:
            raise self._refused(f"the header describes {end} bytes of data, and {self.size - self._start} follow it")

    def _checked_metadata(self, found: Any) -> dict[str, str]:
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise self._refused("metadata that are not texts by name")
        return found

    def _checked_entry(self, name: str, found: Any) -> Entry:
        if not isinstance(found, dict) or set(found) != {"dtype", "shape", "data_offsets"}:
            raise self._refused(f"the header's entry {name!r} does not give dtype, shape and data_offsets")
        code, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
        if not isinstance(code, str) or code not in DTYPES:
            raise self._refused(
                f"{name!r} has the dtype {code!r}, which NumPy does not have",
                "convert the file to F32 with the program that wrote it" if code == "BF16" else ADVICE,
            )
        if not _counts(shape) or len(shape) > 32:
            raise self._refused(f"{name!r} has the shape {_short(shape)}")
        if not _counts(offsets) or len(offsets) != 2:
            raise self._refused(f"{name!r} has the data_offsets {_short(offsets)}")
        dtype, (begin, end) = DTYPES[code], offsets
        needed = dtype.itemsize
        for extent in shape:
            needed *= extent
        if end - begin != needed or end > self.size - self._start:
            raise self._refused(
                f"{name!r} of {dtype} and shape {tuple(shape)} needs {_short(needed)} bytes; its data_offsets are "
                f"{begin} to {end} of {self.size - self._start}"
            )
        return Entry(dtype, tuple(shape), begin, end)

    def _refused(self, found: str, advice: str = ADVICE) -> LocalgradError:
        return self._error(f"{self.path} was to be read as safetensors\nfound: {found}\ndo: {advice}")


def _counts(found: Any) -> bool:
    return isinstance(found, list) and all(type(each) is int and 0 <= each < 2**63 for each in found)


def _short(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 80 else text[:77] + "..."


def open_regular(path: str | os.PathLike[str], error: type[LocalgradError]) -> tuple[BinaryIO, int]:
    """A file opened for reading, and its size; raises `error` for what is no file, such as a pipe or a device."""
    try:
        # looked at before it is opened: opening a pipe waits for a writer
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise error(f"{path} was to be read\nfound: it is not a file\ndo: give the path of a file")
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - the caller closes it
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error(
            f"{os.fspath(path)} was to be read\nfound: {reason}\ndo: check the path and its permissions"
        ) from None
    return file, os.fstat(file.fileno()).st_size
