"""NumPy's floating-point warnings, switched off cheaply while a kind computes.

log(0) is -inf and that is that: who hunts such values uses `lg.detect_nonfinite()`, which names the node. The public
`np.errstate` costs 2 microseconds a time, as much as a whole scalar node, so the context variable behind it is set
directly where this NumPy has it.
"""

from __future__ import annotations

import importlib
from contextvars import ContextVar
from typing import Any, Final

import numpy as np


def _numpy_setting() -> tuple[ContextVar[Any], Any]:
    try:
        variable: ContextVar[Any] = importlib.import_module("numpy._core.umath")._extobj_contextvar
        with np.errstate(all="ignore"):
            return variable, variable.get()
    except (ImportError, AttributeError, LookupError):  # another NumPy: warnings then show, results are the same
        return ContextVar("localgrad_quiet"), None


_setting: Final = _numpy_setting()
WARNINGS: Final[ContextVar[Any]] = _setting[0]
QUIET: Final[Any] = _setting[1]
