"""Cache: compiled kernels on disk, safe with several processes; what does not check out is as if it were not there.

The folder is `$LOCALGRAD_CACHE`, else `localgrad/kernels` in the user's cache folder; `LOCALGRAD_CACHE=off` keeps
nothing. Machine code is only read from a folder and files that belong to the user and that nobody else may write.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import Final

FORMAT: Final = b"localgrad kernel 1\n"
KEPT: Final = 4096
"""The most kernels kept; beyond it the oldest go."""


def folder() -> Path | None:
    """Where kernels are kept; None where they are not."""
    chosen = os.environ.get("LOCALGRAD_CACHE", "")
    if chosen.lower() in ("off", "0", "none"):
        return None
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        base = Path("~/Library/Caches")
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        return base.expanduser() / "localgrad" / "kernels"
    except RuntimeError:  # no home
        return None


def _path(key: str) -> Path | None:
    place = folder()
    return None if place is None else place / (hashlib.sha256(key.encode()).hexdigest() + ".kernel")


def read_object(key: str) -> bytes | None:
    """The object file kept under a key; None where there is none, or none that can be trusted."""
    path = _path(key)
    if path is None:
        return None
    try:
        if not (_own(path.parent) and _own(path)):
            return None
        data = path.read_bytes()
    except OSError:
        return None
    head, body = data[: len(FORMAT) + 32], data[len(FORMAT) + 32 :]
    return body if head == _head(key, body) and body else None


def write_object(key: str, body: bytes) -> None:
    """Keep an object file; where that is not possible nothing happens."""
    path = _path(key)
    if path is None:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{id(body):x}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _own(path.parent):
            return
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_head(key, body) + body)
        temporary.replace(path)
        _thin_out(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)


def _head(key: str, body: bytes) -> bytes:
    return FORMAT + hashlib.sha256(key.encode() + b"\n" + body).digest()


def _own(path: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _thin_out(place: Path) -> None:
    entries = list(place.glob("*.kernel"))
    if len(entries) <= KEPT:
        return
    oldest = sorted(entries, key=lambda path: path.stat().st_mtime)
    for path in oldest[: len(entries) - KEPT // 2]:
        path.unlink(missing_ok=True)
