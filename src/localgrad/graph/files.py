"""Writing files so that a reader, a crash or a full disk never leaves half of one. Imported when something is saved."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import TracebackType

from localgrad.graph.errors import FileWriteError

__all__ = ["AtomicFiles", "write_atomically"]

_serial = itertools.count()


def write_atomically(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path` in one step: a reader sees the old file or the new one, whole.

    The data go to a temporary file in the same folder, reach the disk (`fsync`), and take the name. A symbolic link is
    followed; a device or pipe such as `/dev/stdout` is written to directly. Raises `FileWriteError` where that is not
    possible, with the file as it was.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_atomically(path, "written")
    >>> path.read_text()
    'written'
    """
    with AtomicFiles() as files:
        files.write(path, data)


class AtomicFiles:
    """Several files that appear together at the end of a `with` block, or not at all if it raises.

    All are written to temporary names first, so what usually fails (a full disk, a missing folder, an exception in the
    block) leaves the old files alone. They are then renamed in the order written: write the file that refers to the
    others last. Raises `FileWriteError`.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with AtomicFiles() as files:
    ...     files.write(folder / "weights.bin", b"1234")
    ...     files.write(folder / "graph.json", "{}")
    >>> sorted(path.name for path in folder.iterdir())
    ['graph.json', 'weights.bin']
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Path, Path]] = []
        self._streams: list[tuple[Path, bytes]] = []

    def __enter__(self) -> AtomicFiles:
        return self

    def write(self, path: str | os.PathLike[str], data: bytes | str) -> None:
        """Write `data` (text as UTF-8) under a temporary name, to become `path` at the end of the block."""
        content = data.encode("utf-8") if isinstance(data, str) else data
        asked = Path(path)
        if asked.exists() and not asked.is_file() and not asked.is_dir():
            self._streams.append((asked, content))
            return
        temporary = self.reserve(asked)
        try:
            temporary.write_bytes(content)
        except OSError as error:
            raise _refused(asked, error) from error

    def reserve(self, path: str | os.PathLike[str]) -> Path:
        """The name of a new empty file for a writer that wants a path; it becomes `path` at the end of the block."""
        asked = Path(path)
        target = Path(os.path.realpath(asked))  # unlike Path.resolve, never raises on a circle of links
        if target.is_dir():
            raise FileWriteError(f"writing {asked}: it is a folder. Give the name of a file in it.")
        temporary = target.with_name(f".{target.name[:60]}.{os.getpid()}-{next(_serial)}.tmp")
        try:
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o666
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        except OSError as error:
            raise _refused(asked, error) from error
        self._waiting.append((temporary, target))
        return temporary

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            for temporary, _ in self._waiting:
                temporary.unlink(missing_ok=True)
            self._waiting.clear()
            self._streams.clear()

    def _finish(self) -> None:
        for temporary, target in self._waiting:
            try:
                _to_disk(temporary)
            except OSError as error:
                raise _refused(target, error) from error
        for temporary, target in self._waiting:
            try:
                temporary.replace(target)
            except OSError as error:
                raise _refused(target, error) from error
        if os.name == "posix":
            for folder in {target.parent for _, target in self._waiting}:
                _to_disk(folder)
        for path, content in self._streams:
            try:
                path.write_bytes(content)
            except OSError as error:
                raise _refused(path, error) from error


def _to_disk(path: Path) -> None:
    # Windows flushes only through a handle that may write; POSIX opens a folder only for reading.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, error: OSError) -> FileWriteError:
    folder = path.absolute().parent
    reason = error.strerror or str(error)
    if not folder.is_dir():
        return FileWriteError(f"writing {path}: the folder {folder} does not exist. Make it, or choose another path.")
    if isinstance(error, PermissionError) or not os.access(folder, os.W_OK):
        return FileWriteError(
            f"writing {path}: the folder {folder} cannot be written to ({reason}). "
            f"Choose another path, or allow writing there."
        )
    return FileWriteError(f"writing {path}: {reason}. Nothing was changed; make room or choose another path.")
