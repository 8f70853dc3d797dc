"""Runner: machine code that calls steps one after the other without coming back to Python."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.run import native
from localgrad.run.steps import Step

TEXT: Final = """
define void @kernel(ptr %slots, ptr %records, i64 %count, i64 %part, i64 %parts) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = mul i64 %i, 2
  %function.at = getelementptr ptr, ptr %records, i64 %at
  %function = load ptr, ptr %function.at
  %numbers.at = getelementptr ptr, ptr %function.at, i64 1
  %numbers = load ptr, ptr %numbers.at
  call void %function(ptr %slots, ptr %numbers, i64 %part, i64 %parts)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""
"""Each record is the address of a function and that of its numbers."""


class Table(ctypes.c_void_p):
    """The address of a table, which it keeps alive."""

    def __init__(self, table: NDArray[Any]) -> None:
        super().__init__(table.__array_interface__["data"][0])
        self.table = table


class Runner:
    """The function above, compiled when first called."""

    def __init__(self) -> None:
        self._call: Any = None

    def call(self, slots: ctypes.c_void_p, records: Table, count: int) -> None:
        """Run `count` steps on the addresses in a table."""
        if self._call is None:
            kind: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3)
            self._call = kind(native.address_of(TEXT, "kernel"))
        self._call(slots, records, count, 0, 1)

    @staticmethod
    def table(steps: Sequence[Step]) -> Table:
        """The records of steps, whose numbers they keep."""
        table = np.zeros((len(steps), 2), np.int64)
        for row, step in zip(table, steps, strict=True):
            if step.table is None:
                step.table = np.array(step.numbers, np.int64)
            row[:] = step.address, step.table.__array_interface__["data"][0]
        return Table(table)


runner: Final = Runner()
