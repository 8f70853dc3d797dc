"""How far a training is: a bar on a terminal, and a line every few epochs anywhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

__all__ = ["Progress"]

LINES = 10


class Progress:
    """Tells of epochs as they are done, from epoch 1 to `epochs`; `judged` is what the validation rows are called."""

    def __init__(self, epochs: int, judged: str) -> None:
        self.epochs = epochs
        self.judged = judged
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stdout.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
            # Transient: what stays on the screen are the lines.
            self._bar = Progress(*columns, console=Console(file=sys.stdout, highlight=False), transient=True)
            self._task = self._bar.add_task("training", total=self.epochs)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is done; `row` is its row of the history."""
        number = int(row["epoch"])
        if self._bar is not None:
            self._bar.update(self._task, completed=number, description=f"epoch {number}/{self.epochs}")
        every = -(-self.epochs // LINES)
        if number == 1 or number % every == 0 or number == self.epochs:
            line = self._line(row)
            if self._bar is not None:
                self._bar.console.print(line, markup=False, soft_wrap=True)
            else:
                print(line, flush=True)

    def _line(self, row: Mapping[str, float]) -> str:
        parts = [f"epoch {int(row['epoch']):>{len(str(self.epochs))}}/{self.epochs}", f"loss {row['loss']:.4f}"]
        for name, label in (("validation_loss", "loss"), ("validation_accuracy", "accuracy")):
            if name in row:
                parts.append(f"{self.judged} {label} {row[name]:.4f}")
        return "  " + "   ".join(parts)
