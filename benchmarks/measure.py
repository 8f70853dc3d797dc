"""Interleaved measurement: every contender runs in every block, so that a slow minute hits all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender over the blocks."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median block."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a share of the median."""
        first, _, third = statistics.quantiles(self.seconds, n=4)
        return (third - first) / self.median


def interleaved(contenders: Mapping[str, Callable[[], float]], blocks: int = 9) -> dict[str, Timing]:
    """Run each contender once a block, in turn; a contender gives its own seconds (what it does not count is set-up)."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()  # warm: caches, thread pools, lazy imports
    gc.collect()
    gc.freeze()  # what importing a peer left behind is not for another's collections to look through
    for _ in range(blocks):
        for name, run in contenders.items():
            gc.collect()  # what one contender leaves is not another's to sweep; the collector stays on, as for users
            found[name].append(run())
    return {name: Timing(tuple(seconds)) for name, seconds in found.items()}


def timed(work: Callable[[], object], repeat: int = 1) -> float:
    """Seconds of one call, averaged over `repeat`."""
    started = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - started) / repeat
