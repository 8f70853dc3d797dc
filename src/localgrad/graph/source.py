"""The user's source line behind a node: kept as (code object, instruction), turned into text when asked."""

from __future__ import annotations

import linecache
import os.path
import sys
from types import CodeType, FrameType
from typing import Final, NamedTuple

PACKAGE = "localgrad"
LONGEST: Final = 120
"""Characters of a source line that are quoted; of generated code one line may be a whole file."""


class SourceLine(NamedTuple):
    """A place in source code: file, line number (1 or more; 0 where unknown) and function name."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line as written, its start where it is very long, or an empty string where the file cannot be read."""
        if not (self.file.startswith("<") or os.path.isabs(self.file)):  # noqa: PTH117 - thousands of lines are asked
            return ""  # a name from a saved graph, which says nothing of what is called so here
        text = linecache.getline(self.file, self.line).strip()
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."

    def __str__(self) -> str:
        name = _notebook_cell(self.file) or self.file.replace("\\", "/").rsplit("/", 1)[-1]
        return f"{name}:{self.line}"


def _notebook_cell(file: str) -> str:
    """`In[3]` for the file name IPython gives a cell, which is a hash that tells nobody anything; else nothing."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    named = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
    return str(named[1]) if named else ""


OUR_GLOBALS: Final[set[int]] = set()
"""The ids of our modules' globals met so far; modules are never freed, so an id stays theirs."""


def is_ours(frame: FrameType) -> bool:
    """Whether a frame runs code of this package."""
    names = frame.f_globals
    if id(names) in OUR_GLOBALS:
        return True
    name = names.get("__name__", "")
    if name.startswith("localgrad.") or name == PACKAGE:
        module = sys.modules.get(name)
        if module is not None and module.__dict__ is names:
            OUR_GLOBALS.add(id(names))
        return True
    return False


def user_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame outside this package."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and is_ours(frame):
        frame = frame.f_back
    return frame


def line_of(code: CodeType | str | None, at: int) -> SourceLine | None:
    """The source line of an instruction offset in a code object, or of a stored (file, line)."""
    if code is None:
        return None
    if isinstance(code, str):
        return SourceLine(code, at, "")
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= at < end and number is not None:
            line = number
            break
    return SourceLine(code.co_filename, line, code.co_name)


def user_line(prefix: str = " at ") -> str:
    """` at file.py:12 (the line's text)` for messages, or an empty string where no user code is on the stack."""
    frame = user_frame(2)
    if frame is None:
        return ""
    place = SourceLine(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
    return f"{prefix}{place}" + (f" (`{place.text}`)" if place.text else "")
