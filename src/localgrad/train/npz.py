"""Reading `.npz` archives from anywhere: any bytes give arrays or a `DataError`, never code and never a flood of memory."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError

__all__ = ["read_npz"]

SPARE_BYTES = 200_000_000
LARGEST_RATIO = 20
LAST_LETTER = 0x10FFFF


def read_npz(path: str | os.PathLike[str], names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` file by name (all, or those of `names` that are there).

    Numbers, bools and texts only: an array of Python objects is refused, since reading it would run code of the file.
    A file that unpacks to more than 200 MB beyond 20 times its own size is refused. Raises `DataError`.

    >>> import numpy, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.npz"
    >>> numpy.savez(path, x=numpy.zeros((3, 2)))
    >>> read_npz(path)["x"].shape
    (3, 2)
    """
    path = Path(path)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = _wanted_members(path, archive, names)
            return {name: _read_member(path, archive, member) for name, member in members.items()}
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"reading {path}: {error.strerror or error}. Check the path and that it can be read."
        ) from error
    except Exception as error:  # zipfile raises a dozen kinds on damaged bytes; to a user they are one
        raise DataError(
            f"reading {path} as an .npz archive: it is damaged or no archive at all ({error}). "
            f"Write it again with numpy.savez(path, x=..., y=...)."
        ) from error


def _wanted_members(path: Path, archive: zipfile.ZipFile, names: Collection[str] | None) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name == member.filename or (names is not None and name not in names):
            continue
        if name in members:
            raise DataError(f"reading {path}: two arrays are named '{name}'. Write the file again, each name once.")
        members[name] = member
    unpacked = sum(member.file_size for member in members.values())
    allowed = SPARE_BYTES + LARGEST_RATIO * path.stat().st_size
    if unpacked > allowed:
        raise DataError(
            f"reading {path}: {path.stat().st_size:,} bytes say they unpack to {unpacked:,}, more than the {allowed:,} "
            f"allowed for a file of this size. If it is yours, store it unpacked with numpy.savez."
        )
    return members


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    place = f"reading {path}, array '{member.filename.removesuffix('.npy')}'"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{place}: packed by a method NumPy does not use. Write it with numpy.savez.")
    if member.flag_bits & 0x1:
        raise DataError(f"{place}: it is encrypted. Write it with numpy.savez.")
    try:
        with archive.open(member) as stream:
            return _read_array(place, stream, member.file_size)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{place}: damaged ({error}). Write the file again with numpy.savez.") from error


def _read_array(place: str, stream: IO[bytes], member_size: int) -> NDArray[Any]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, column_major, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, column_major, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise DataError(f"{place}: .npy version {version} is unknown. Write it with numpy.savez.")
    if dtype.hasobject or dtype.kind not in "biufcUS":
        raise DataError(
            f"{place}: dtype {dtype} holds Python objects or records, and only numbers, bools and texts are read. "
            f"Convert it first, for example array.astype(numpy.float32)."
        )
    count = 1
    for extent in shape:
        count *= extent  # plain integers: a product of NumPy integers could wrap around
    expected = count * dtype.itemsize
    if min(shape, default=0) < 0 or expected > member_size:
        raise DataError(
            f"{place}: shape {shape} of {dtype} needs {expected:,} bytes, the file holds fewer. It is cut off or damaged; "
            f"write it again."
        )
    content = bytearray(expected)
    view, filled = memoryview(content), 0
    while filled < expected:
        piece = stream.read(min(expected - filled, 1 << 20))
        if not piece:
            raise DataError(f"{place}: the data end after {filled:,} of {expected:,} bytes. Write the file again.")
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    if stream.read(1):
        raise DataError(f"{place}: more data than shape {shape} of {dtype} needs. Write the file again.")
    is_bool = dtype.kind == "b"
    if is_bool:
        dtype = np.dtype(np.uint8)  # a byte other than 0 and 1 would be a bool that NumPy treats as neither
    if dtype.kind == "U" and expected:
        letters = np.frombuffer(content, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if letters.max() > LAST_LETTER:
            raise DataError(f"{place}: bytes that are no letters. It is damaged; write the file again.")
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=content, order="F" if column_major else "C")
    return array != 0 if is_bool else array.astype(dtype.newbyteorder("="), copy=False)
