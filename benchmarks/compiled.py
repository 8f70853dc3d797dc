"""Whole training steps beside PyTorch (eager, with fused optimizers, compiled) and JAX (jitted, donated).

The contenders begin with the same weights; that their first losses are equal is checked before anything is timed. One that
cannot run here drops out with a note.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.measure import Timing, interleaved
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.contenders import PEERS, Step, contender

FIRST = 4
"""Losses compared."""
TOLERANCE = 2e-3
"""How far losses in single precision may be apart, as a share."""


class Result(NamedTuple):
    """A workload's timings by contender, its first losses, and notes on who dropped out."""

    workload: str
    timings: dict[str, Timing]
    losses: dict[str, list[float]]
    notes: list[str]

    @property
    def best(self) -> str | None:
        """The fastest peer."""
        peers = {name: timing.median for name, timing in self.timings.items() if name != "localgrad"}
        return min(peers, key=lambda name: peers[name]) if peers else None

    def ratio(self, name: str) -> float:
        """Our time as a share of a contender's."""
        return self.timings["localgrad"].median / self.timings[name].median

    def record(self) -> dict[str, Any]:
        """The figures as plain numbers, times in milliseconds."""
        return {
            "workload": self.workload,
            "title": WORKLOADS[self.workload].title,
            "ms": {name: round(timing.median * 1e3, 5) for name, timing in self.timings.items()},
            "least": {name: round(min(timing.seconds) * 1e3, 5) for name, timing in self.timings.items()},
            "spread": {name: round(timing.spread, 3) for name, timing in self.timings.items()},
            "losses": self.losses,
            "notes": self.notes,
        }


def measure(workload: str, peers: bool, blocks: int, without: list[str]) -> Result:
    """Time the contenders of a workload in turns; raises ValueError where their losses differ."""
    steps: dict[str, Step] = {}
    losses: dict[str, list[float]] = {}
    notes: list[str] = []
    for library in ("localgrad", *(PEERS if peers else ())):
        if library in without or (WORKLOADS[workload].rule is None and library == "PyTorch fused"):
            continue
        try:
            step = contender(workload, library)
            found = [step() for _ in range(FIRST)]
        except Exception as error:
            if library == "localgrad":
                raise
            said = str(error).strip().splitlines() or [""]
            notes.append(f"{library} could not run it: {type(error).__name__}: {said[0][:120]}")
            continue
        steps[library], losses[library] = step, found
    for library, found in losses.items():
        for mine, theirs in zip(losses["localgrad"], found, strict=True):
            if not abs(mine - theirs) <= TOLERANCE * abs(theirs) + 1e-5:
                raise ValueError(f"{workload}: localgrad's losses are {losses['localgrad']}, {library}'s {found}")
    repeat = WORKLOADS[workload].repeat
    timings = interleaved({library: repeated(step, repeat) for library, step in steps.items()}, blocks)
    return Result(workload, timings, losses, notes)


def repeated(step: Step, repeat: int) -> Callable[[], float]:
    """Seconds of a step, as the mean of some."""

    def run() -> float:
        began = time.perf_counter()
        for _ in range(repeat):
            step()
        return (time.perf_counter() - began) / repeat

    return run


def lines_of(result: Result) -> list[str]:
    """A result as a table."""
    title = f"**{result.workload}: {WORKLOADS[result.workload].title}**"
    lines = [title, "", "| | median, ms | least | spread | localgrad / this |", "| --- | --: | --: | --: | --: |"]
    for name, timing in result.timings.items():
        cells = f"{timing.median * 1e3:.4g} | {min(timing.seconds) * 1e3:.4g} | {timing.spread:.0%}"
        lines.append(f"| {name} | {cells} | {result.ratio(name):.2f} |")
    said = ", ".join(f"{name} {found[-1]:.6g}" for name, found in result.losses.items())
    return [*lines, "", f"Losses after {FIRST} steps: {said}.", *result.notes]
