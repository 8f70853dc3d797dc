"""Memory: one piece of memory for everything between a plan's inputs and outputs, used again when a value is read last."""

from __future__ import annotations

from typing import Final, NamedTuple

ALIGNMENT: Final = 64


class Buffer(NamedTuple):
    """A part of the plan's memory: where, how many bytes, from which step to which, and what for."""

    offset: int
    size: int
    born: int
    dies: int
    name: str


class Arena:
    """Parts given out and taken back, the smallest gap that fits first."""

    def __init__(self) -> None:
        self.gaps: list[tuple[int, int]] = []  # offset and size, in order
        self.size = 0

    def take(self, size: int) -> int:
        """The offset of a part of at least this size."""
        size = rounded(size)
        best = min((gap for gap in self.gaps if gap[1] >= size), key=lambda gap: gap[1], default=None)
        if best is not None:
            place = self.gaps.index(best)
            self.gaps[place : place + 1] = [(best[0] + size, best[1] - size)] if best[1] > size else []
            return best[0]
        if self.gaps and sum(self.gaps[-1]) == self.size:  # the last gap grows
            offset = self.gaps.pop()[0]
        else:
            offset = self.size
        self.size = offset + size
        return offset

    def give(self, offset: int, size: int) -> None:
        """Take a part back."""
        self.gaps.append((offset, rounded(size)))
        self.gaps.sort()
        joined: list[tuple[int, int]] = []
        for start, length in self.gaps:
            if joined and sum(joined[-1]) == start:
                joined[-1] = (joined[-1][0], joined[-1][1] + length)
            else:
                joined.append((start, length))
        self.gaps = joined


def rounded(size: int) -> int:
    """A size in whole cache lines."""
    return max(ALIGNMENT, (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)


class Memory:
    """The buffers of a plan: `peak` bytes where all its tensors together would take `total`.

    Printing it shows each buffer's life.
    """

    def __init__(self, buffers: list[Buffer], peak: int, total: int) -> None:
        self.buffers = buffers
        self.peak = peak
        self.total = total

    def __str__(self) -> str:
        share = f" ({self.peak / self.total:.0%} of what all of them together would take)" if self.total else ""
        lines = [f"{self.peak:,} bytes for {len(self.buffers)} buffers{share}"]
        lines += [
            f"  {buffer.offset:>12,}  {buffer.size:>12,} bytes  steps {buffer.born} to {buffer.dies}  {buffer.name}"
            for buffer in self.buffers
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<memory: {self.peak:,} bytes for {len(self.buffers)} buffers, {self.total:,} without reuse>"
