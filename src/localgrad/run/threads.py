"""Threads: how many a plan's matrix products use."""

from __future__ import annotations

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.run.products import threads, use_threads

_wanted: int | None = None


def set_threads(count: int) -> None:
    """Let compiled functions use this many threads; 1 keeps them on the thread that calls.

    Loops run on one thread so far; matrix products share NumPy's BLAS, whose number of threads is set while a plan
    runs and put back afterwards. Without a call it is what NumPy was started with. Raises LocalgradError below 1.

    >>> import localgrad as lg
    >>> lg.set_threads(1)
    """
    global _wanted
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise LocalgradError(f"a number of threads was asked for{user_line()}\nfound: {count!r}\ndo: give 1 or more")
    _wanted = count


def limited() -> bool:
    """Whether a number of threads was asked for."""
    return _wanted is not None


class Limited:
    """A block in which products use the wanted number of threads."""

    def __enter__(self) -> None:
        self.before = 0
        if _wanted is not None:
            before = threads()
            if before not in (0, _wanted):
                self.before = before
                use_threads(_wanted)

    def __exit__(self, *error: object) -> None:
        if self.before:
            use_threads(self.before)
