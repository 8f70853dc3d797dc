"""NumPy's floating-point warnings, switched off cheaply while a kind computes.

log(0) is -inf and that is that: who hunts such values uses `lg.detect_nonfinite()`, which names the node. The public
`np.errstate` costs 2 microseconds a time, as much as a whole scalar node, so the context variable behind it is set
directly where this NumPy has it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

import numpy as np

WARNINGS: Final[ContextVar[Any]]
QUIET: Final[Any]

try:
    from numpy._core.umath import _extobj_contextvar as _variable  # type: ignore[attr-defined]

    with np.errstate(all="ignore"):
        _quiet = _variable.get()
except (ImportError, LookupError):  # another NumPy: warnings then show, results are the same
    _variable = ContextVar("localgrad_quiet", default=None)
    _quiet = None

WARNINGS = _variable
QUIET = _quiet
