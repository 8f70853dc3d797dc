"""Runner: machine code that calls steps one after the other without coming back to Python, on one thread or several."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.run import native
from localgrad.run.steps import Step

WORTH: Final = 4_000.0
"""Nanoseconds of work from which a step is shared by several threads."""
SHARED: Final = 50_000.0
"""Nanoseconds of work in such steps from which several threads run them."""
PATIENCE: Final = 1000
"""Pauses in a barrier before the processor is offered to somebody else."""
_FIELDS: Final = ("slots", "records", "count", "times", "width", "parts", "counter", "yield", "alone")
_TEXT: Final = """
define void @kernel(ptr %job, i64 %part) {
entry:
{fields}
  %first = inttoptr i64 %job.slots to ptr
  %records = inttoptr i64 %job.records to ptr
  %counter = inttoptr i64 %job.counter to ptr
  %offer = inttoptr i64 %job.yield to ptr
  %can.offer = icmp ne i64 %job.yield, 0
  %many = icmp sgt i64 %job.parts, 1
  %is.alone = icmp ne i64 %job.alone, 0
  %is.shared = xor i1 %is.alone, true
  %several = and i1 %many, %is.shared
  %part.next = add i64 %part, 1
  %end = select i1 %is.alone, i64 %job.parts, i64 %part.next
  %is.first = icmp eq i64 %part, 0
  br label %round
round:
  %time = phi i64 [ 0, %entry ], [ %time.next, %round.end ]
  %shift = mul i64 %time, %job.width
  %slots = getelementptr i8, ptr %first, i64 %shift
  br label %step
step:
  %i = phi i64 [ 0, %round ], [ %next, %step.end ]
  %at = mul i64 %i, 4
  %function.at = getelementptr ptr, ptr %records, i64 %at
  %function = load ptr, ptr %function.at
  %numbers.at = getelementptr ptr, ptr %function.at, i64 1
  %numbers = load ptr, ptr %numbers.at
  %split.at = getelementptr i64, ptr %function.at, i64 2
  %split = load i64, ptr %split.at
  %is.split = icmp ne i64 %split, 0
  br i1 %is.split, label %together, label %single
together:
  %mine = phi i64 [ %part, %step ], [ %mine.next, %together ]
  call void %function(ptr %slots, ptr %numbers, i64 %mine, i64 %job.parts)
  %mine.next = add i64 %mine, 1
  %mine.more = icmp slt i64 %mine.next, %end
  br i1 %mine.more, label %together, label %after
single:
  br i1 %is.first, label %own, label %after
own:
  call void %function(ptr %slots, ptr %numbers, i64 0, i64 1)
  br label %after
after:
  %wait.at = getelementptr i64, ptr %function.at, i64 3
  %wait = load i64, ptr %wait.at
  %is.wait = icmp ne i64 %wait, 0
  %is.barrier = and i1 %is.wait, %several
  br i1 %is.barrier, label %barrier, label %step.end
barrier:
  %ticket = atomicrmw add ptr %counter, i64 1 seq_cst
  %turn = udiv i64 %ticket, %job.parts
  %turn.next = add i64 %turn, 1
  %all = mul i64 %turn.next, %job.parts
  br label %spin
spin:
  %pauses = phi i64 [ 0, %barrier ], [ %pauses.next, %relax ], [ 0, %yield ]
  %here = load atomic i64, ptr %counter seq_cst, align 8
  %is.all = icmp uge i64 %here, %all
  br i1 %is.all, label %step.end, label %relax
relax:
{pause}
  %pauses.next = add i64 %pauses, 1
  %is.long = icmp sgt i64 %pauses.next, {patience}
  %is.offer = and i1 %is.long, %can.offer
  br i1 %is.offer, label %yield, label %spin
yield:
  %offered = call i32 %offer()
  br label %spin
step.end:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %job.count
  br i1 %more, label %step, label %round.end
round.end:
  %time.next = add i64 %time, 1
  %again = icmp slt i64 %time.next, %job.times
  br i1 %again, label %round, label %done
done:
  ret void
}
{declared}
"""
"""Each record is the address of a function, that of its numbers, whether it is split, and whether all wait after it."""


def pause() -> tuple[str, str]:
    """The instruction by which a waiting thread leaves the core to the other one, and its declaration."""
    triple = native.target().llvm.get_process_triple()
    if triple.startswith(("x86_64", "i386", "i686", "amd64")):
        return "  call void @llvm.x86.sse2.pause()", "declare void @llvm.x86.sse2.pause()"
    if triple.startswith(("aarch64", "arm64")):
        return "  call void @llvm.aarch64.hint(i32 1)", "declare void @llvm.aarch64.hint(i32)"
    return "", ""


@lru_cache(1)
def runner_address() -> int:
    """The address of the function above."""
    fields = "\n".join(
        f"  %job.{name}.at = getelementptr i64, ptr %job, i64 {number}\n  %job.{name} = load i64, ptr %job.{name}.at"
        for number, name in enumerate(_FIELDS)
    )
    waits, declared = pause()
    text = _TEXT
    for name, value in (("fields", fields), ("pause", waits), ("declared", declared), ("patience", str(PATIENCE))):
        text = text.replace("{" + name + "}", value)
    return native.address_of(text, "kernel")


class Job:
    """Steps, and the table of addresses they run on; `width` bytes further on for each time they are repeated."""

    def __init__(self, steps: Sequence[Step], slots: int, times: int = 1, width: int = 0) -> None:
        self.records = table(steps)
        split = [step for step, row in zip(steps, self.records, strict=True) if row[2]]
        self.work = sum(step.work for step in split) * times
        self.fields = np.array(
            [slots, self.records.__array_interface__["data"][0], len(steps), times, width, 1, 0, 0, 1], np.int64
        )
        self.pointer = ctypes.c_void_p(self.fields.__array_interface__["data"][0])

    def moved(self, slots: int, times: int = 1, width: int = 0) -> None:
        """The same steps on another table."""
        self.fields[0] = slots
        self.fields[3:5] = times, width

    def shared_by(self, parts: int, counter: int, offer: int) -> None:
        """So many threads do it, which wait for each other at a counter."""
        self.fields[5:9] = parts, counter, offer, 0

    def alone(self, parts: int) -> None:
        """One thread does all parts, one after the other: the results are those of so many threads."""
        self.fields[5:9] = parts, 0, 0, 1


class Runner:
    """The function above, compiled when first called."""

    def __init__(self) -> None:
        self._call: Any = None

    def run(self, job: Job) -> None:
        """Do a job on the calling thread."""
        if self._call is None:
            self._call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(runner_address())
        self._call(job.pointer, 0)


def table(steps: Sequence[Step]) -> NDArray[Any]:
    """The records of steps, whose numbers they keep."""
    records = np.zeros((len(steps), 4), np.int64)
    for row, step in zip(records, steps, strict=True):
        if step.table is None:
            step.table = np.array(step.numbers, np.int64)
        row[:3] = step.address, step.table.__array_interface__["data"][0], step.split and step.work >= WORTH
    if len(steps):
        records[:, 3] = records[:, 2] | np.roll(records[:, 2], -1)
        records[-1, 3] = 1  # nobody goes before everybody is done
    return records


runner: Final = Runner()
