"""How far a training is: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Bar", "Silent", "progress_for"]

PAUSE: Final = 0.05
"""Seconds between two looks at the numbers; drawing more often would slow training down."""


class Silent:
    """Shows nothing, except what has to be said at the end, on stderr."""

    def start(self, epochs: int, each: int | None, done: int) -> None:
        """Before the first step: epochs in all, steps in an epoch where known, steps done already."""

    def step(self, epoch: int, step: int, samples: int, loss: float) -> None:
        """After each step."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """After each epoch."""

    def say(self, message: str) -> None:
        """Tell the user something."""
        sys.stderr.write(message + "\n")

    def close(self) -> None:
        """After the last step, also after an error."""


class Bar(Silent):
    """One line on a terminal: epoch, bar, loss and metrics, samples a second, remaining time."""

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            TextColumn("{task.fields[speed]}", style="dim"),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            auto_refresh=False,
        )
        self._task: Any = None
        self._each: int | None = None
        self._epochs = 0
        self._last = self._seen = self._last_seen = 0.0
        self._known = ""

    def start(self, epochs: int, each: int | None, done: int) -> None:
        self._epochs, self._each = epochs, each
        self._progress.start()
        total = None if each is None else epochs * each
        self._task = self._progress.add_task("training", total=total, completed=done, numbers="", speed="")
        self._last = time.perf_counter()

    def step(self, epoch: int, step: int, samples: int, loss: float) -> None:
        self._seen += samples
        now = time.perf_counter()
        if now - self._last < PAUSE:
            return
        speed = (self._seen - self._last_seen) / (now - self._last)
        self._last, self._last_seen = now, self._seen
        self._progress.update(
            self._task,
            completed=step,
            description=f"epoch {epoch}/{self._epochs}",
            numbers=f"loss {loss:.4f}{self._known}",
            speed=f"{speed:,.0f} samples/s",
            refresh=True,
        )

    def epoch(self, row: Mapping[str, float]) -> None:
        hidden = ("epoch", "step", "loss", "seconds", "learning_rate")
        shown = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in row.items() if name not in hidden]
        self._known = "".join(f" · {each}" for each in shown)
        self._progress.update(
            self._task,
            completed=row["step"] if self._each is not None else None,
            description=f"epoch {row['epoch']:.0f}/{self._epochs}",
            numbers=f"loss {row['loss']:.4f}{self._known}",
        )

    def say(self, message: str) -> None:
        if self._task is None:
            self._progress.console.print(message, markup=False)
        else:
            self._progress.console.print(message, markup=False, highlight=False)

    def close(self) -> None:
        if self._task is not None:
            self._progress.refresh()
            self._progress.stop()


def progress_for(wanted: bool | Silent | None) -> Silent:
    """A bar where one is wanted (True), none (False), or one where stderr is a terminal (None); others as they are."""
    if isinstance(wanted, Silent):
        return wanted
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty()
    return Bar() if wanted else Silent()
