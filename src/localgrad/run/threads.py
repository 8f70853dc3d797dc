"""Threads: how many a plan uses, whether they pay, and NumPy's BLAS kept to one of them meanwhile."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import Final

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.run import pool, products
from localgrad.run.runner import SHARED, Job, runner

MOST: Final = 8
"""Threads that are used without being asked for: more than this wait for each other longer than they help."""
TRIED: Final = 5
"""Times a job runs in each way before the faster one is chosen."""
AGAIN: Final = 400
"""Times it then runs in that way before both are tried again, as the machine may be busier or less so."""
_wanted: int | None = None
_offered: int | None = None


def set_threads(count: int) -> None:
    """Let compiled functions use this many threads; 1 keeps them on the thread that calls.

    Loops, sums and matrix products are shared by threads that wait for work for less than a millisecond and then
    sleep; small functions stay on one. Results are the same for the same number. Without a call it is the number of
    processors this process may use, at most what `OMP_NUM_THREADS` or `OPENBLAS_NUM_THREADS` says, and 8. NumPy's own
    threads are left as they are, except while a plan runs. Raises LocalgradError below 1.

    >>> import localgrad as lg
    >>> lg.set_threads(1)
    """
    global _wanted
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise LocalgradError(f"a number of threads was asked for{user_line()}\nfound: {count!r}\ndo: give 1 or more")
    _wanted = count


def thread_count() -> int:
    """How many threads plans use."""
    global _offered
    if _wanted is not None:
        return _wanted
    if _offered is None:
        affinity = getattr(os, "sched_getaffinity", None)
        most = [MOST, len(affinity(0)) if affinity is not None else os.cpu_count() or 1]
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            given = os.environ.get(name, "").split(",")[0].strip()
            if given.isdigit() and int(given) > 0:
                most.append(int(given))
        _offered = min(most)
    return _offered


class Pace:
    """Which of two ways to run a job is the faster one at present: on one thread, or shared."""

    def __init__(self) -> None:
        self.count = 0
        self.times: tuple[list[float], list[float]] = ([], [])
        self.shared = True

    def next(self) -> bool | None:
        """How to run it now to be timed; None where that is decided."""
        at = self.count % AGAIN
        return bool(at % 2) if at < 2 * TRIED else None

    def note(self, shared: bool, seconds: float) -> None:
        """Enter a time; after the last one the way is chosen by the medians."""
        self.times[shared].append(seconds)
        if self.count % AGAIN == 2 * TRIED - 1:
            alone, together = (sorted(each)[len(each) // 2] if each else float("inf") for each in self.times)
            self.shared = together <= alone
            self.times[0].clear()
            self.times[1].clear()


def execute(job: Job, pace: Pace) -> None:
    """Run a job on as many threads as are wanted, if they pay; its results do not depend on whether they do."""
    threads = thread_count() if job.work >= SHARED else 1
    if threads == 1:
        if job.fields[5] != 1:
            job.alone(1)
        runner.run(job)
        return
    tried = pace.next()
    shared = pace.shared if tried is None else tried
    began = time.perf_counter()
    done = shared and pool.attempt(job, threads)
    if not done:
        job.alone(threads)
        runner.run(job)
    if tried is not None and done == shared:
        pace.note(shared, time.perf_counter() - began)
    pace.count += 1


_changing = Lock()
_inside = 0
_before = 0


class Limited:
    """A block in which NumPy's BLAS uses the thread that calls alone; the last one to leave puts its threads back."""

    def __enter__(self) -> None:
        global _inside, _before
        with _changing:
            if _inside == 0:
                _before = products.threads()
                if _before > 1:
                    products.use_threads(1)
            _inside += 1

    def __exit__(self, *error: object) -> None:
        global _inside
        with _changing:
            _inside -= 1
            if _inside == 0 and _before > 1:
                products.use_threads(_before)


def _forget() -> None:
    # a fork in the middle of a block of another thread: nobody will leave it in the child
    global _changing, _inside
    if _inside and _before > 1:
        products.use_threads(_before)
    _changing, _inside = Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
