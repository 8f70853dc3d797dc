"""What the tests of messages share: the text of an error, and this place as messages write it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest


def told(error: type[Exception], call: Callable[[], object], *facts: str) -> str:
    """The text of the error a call raises, which has to contain every fact.

    Where the message quotes the line of the test itself, that does not count: the facts stand in it.
    """
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value)
    said = re.sub(r" \(`[^\n]*told\([^\n]*`\)", "", text)
    for fact in facts:
        assert fact in said, f"{fact!r} is not in:\n{said}"
    return text


def here(offset: int = 0) -> str:
    """The file and line of the caller, as messages write it."""
    frame = inspect.currentframe().f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno + offset}"
