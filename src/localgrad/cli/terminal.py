"""Talking to whatever stands at the other end: a terminal, a file, a pipe that is gone, a screen that knows ASCII only."""

from __future__ import annotations

import codecs
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

__all__ = ["command_text", "drop_output", "error_line", "note", "one_line", "prepared", "write_data"]

PLAIN = {
    "×": "x", "²": "^2", "·": "*", "−": "-", "–": "-", "—": "-", "…": "...", "→": "->", "←": "<-", "±": "+/-", "∂": "d", "∑": "sum",
    "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt", "∞": "inf", "█": "#", "▓": "#", "▒": "+", "░": ".",
}  # fmt: skip


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


codecs.register_error("localgrad.plainer", _plainer)


@contextmanager
def prepared() -> Iterator[None]:
    """Inside, standard output and error take any text, and warnings are one line each; afterwards all is as before."""
    changed: list[tuple[Any, str]] = []
    absent = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]  # closed by who started us
    for name in absent:
        setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - closed below
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and stream.errors is not None:
            changed.append((stream, stream.errors))
            stream.reconfigure(errors="localgrad.plainer")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:
        for name in absent:
            getattr(sys, name).close()
            setattr(sys, name, None)
        for stream, errors in changed:
            try:
                stream.reconfigure(errors=errors)
            except (OSError, ValueError):  # closed meanwhile, or its pipe is gone
                pass


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    note(f"warning: {one_line(message)}")


def one_line(error: object) -> str:
    """The text of an error in one line: what was asked, what was found, what to do."""
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(line for line in lines if line)


def error_line(text: str) -> None:
    """Say on standard error what went wrong, in one line."""
    note(one_line(text) or "it failed without a message")


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    try:
        print(f"localgrad: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):  # nobody listens; that is no failure of the command
        pass


def write_data(text: str) -> None:
    """Write the result itself to standard output; a file or pipe that cannot take a letter of it gets UTF-8 bytes."""
    stream: TextIO = sys.stdout
    buffer = getattr(stream, "buffer", None)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        if buffer is not None and not stream.isatty():
            stream.flush()
            buffer.write(text.encode("utf-8"))
            buffer.flush()
            return
    stream.write(text)
    stream.flush()


def command_text(*words: str) -> str:
    """A call of this program as it can be pasted into the shell of this system."""
    call = [*_own_name(), *words]
    if os.name == "nt":
        import subprocess

        return subprocess.list2cmdline(call)
    import shlex

    return shlex.join(call)


def _own_name() -> list[str]:
    """How the program was called: by its name if that is found, else by its path, or as a module of an interpreter."""
    import shutil

    called = Path(sys.argv[0])
    if called.parts[-2:] == ("localgrad", "__main__.py"):
        return ["python", "-m", "localgrad"]
    if called.stem == "localgrad" and shutil.which("localgrad") is None:
        return [str(called)]
    return ["localgrad"]


def drop_output() -> None:
    """Let what is still to be written go nowhere: the reader of our output has left, or it cannot be kept."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    except (OSError, ValueError):  # a stream without a file behind it
        pass
