"""Text: straight-line code in LLVM's language, one line an instruction, for floats and the integers of their bits."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

TYPES: Final = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.int64): "i64",
    np.dtype(np.int32): "i32",
    np.dtype(np.bool_): "i1",
}
"""The dtypes kernels compute with."""
BITS: Final = {"float": "i32", "double": "i64"}
HEADER: Final = "define void @kernel(ptr noalias %slots, ptr noalias %params, i64 %part, i64 %parts) {"
"""How every kernel begins: addresses, its numbers, and which part of how many equal parts of its work it has to do.

Part p of n units of work are the units from p * n / parts to (p + 1) * n / parts. All parts may run at the same time;
what a part reads has been written before the kernel, or by itself.
"""
ALONE: Final = """alone:
  %other = icmp ne i64 %part, 0
  br i1 %other, label %nothing, label %entry
nothing:
  ret void
entry:"""
"""The first lines of a kernel that is not split: the first part does everything, in the block `entry`."""
GROUP: Final = ", !llvm.access.group !1"
"""What is put after a load or store whose entry no other round of its loop touches."""
LOOP: Final = ", !llvm.loop !2"
"""What is put after the last branch of a loop with such loads and stores: its rounds may be done as vectors."""
NOTES: Final = (
    "!0 = !{}",
    "!1 = distinct !{}",
    "!2 = distinct !{!2, !3, !4}",
    '!3 = !{!"llvm.loop.parallel_accesses", !1}',
    '!4 = !{!"llvm.loop.vectorize.enable", i1 true}',
)
"""The lines at the end of a module that these refer to."""


class Text:
    """Lines of code, and the functions of LLVM they call."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.count = 0
        self.numbers = 0

    def name(self) -> str:
        """A name not used so far."""
        self.count += 1
        return f"%v{self.count}"

    def line(self, text: str) -> None:
        """A line as it is."""
        self.lines.append(text)

    def made(self, text: str) -> str:
        """The name of what an instruction gives."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def number(self) -> str:
        """The next one of the kernel's numbers."""
        pointer = self.made(f"getelementptr i64, ptr %params, i64 {self.numbers}")
        self.numbers += 1
        return self.made(f"load i64, ptr {pointer}, !invariant.load !0")

    def address(self) -> str:
        """The next address, whose slot and offset are numbers of the kernel."""
        slot, offset = self.number(), self.number()
        pointer = self.made(f"getelementptr ptr, ptr %slots, i64 {slot}")
        start = self.made(f"load ptr, ptr {pointer}, !invariant.load !0")
        return self.made(f"getelementptr i8, ptr {start}, i64 {offset}")

    def module(self, *notes: str) -> str:
        """The whole, with the functions it calls and the notes it refers to."""
        return "\n".join([*self.lines, "", *self.declarations(), *NOTES, *notes, ""])

    def intrinsic(self, name: str, kind: str, *arguments: str) -> str:
        """A call of one of LLVM's own functions on one type."""
        suffix = {"float": "f32", "double": "f64"}.get(kind, kind)
        called = f"@llvm.{name}.{suffix}"
        self.declared[called] = f"declare {kind} {called}({', '.join([kind] * len(arguments))})"
        return self.made(f"call {kind} {called}({', '.join(f'{kind} {each}' for each in arguments)})")

    def declarations(self) -> list[str]:
        """The declarations of the functions called."""
        return sorted(self.declared.values())


def float_literal(value: float, kind: str) -> str:
    """A number as LLVM writes it: the bits of a double, also for single precision."""
    if kind == "float":
        value = float(np.float32(value))
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def literal(value: Any, kind: str) -> str:
    """A constant of any of the types."""
    if kind == "i1":
        return "true" if value else "false"
    return float_literal(float(value), kind) if kind in BITS else str(int(value))


def bits_of(value: float, kind: str) -> int:
    """The bits of a float as an integer."""
    if kind == "float":
        return int(struct.unpack("<i", struct.pack("<f", value))[0])
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


class Floats:
    """Arithmetic on one float type, as methods that give the name of the result; Python numbers are constants."""

    def __init__(self, text: Text, kind: str) -> None:
        self.text = text
        self.kind = kind
        self.bits = BITS[kind]

    def of(self, value: Any) -> str:
        """An operand: names as they are, numbers as constants."""
        return value if isinstance(value, str) else float_literal(value, self.kind)

    def _binary(self, operation: str, a: Any, b: Any) -> str:
        return self.text.made(f"{operation} {self.kind} {self.of(a)}, {self.of(b)}")

    def add(self, a: Any, b: Any) -> str:
        """The sum."""
        return self._binary("fadd", a, b)

    def sub(self, a: Any, b: Any) -> str:
        """The difference."""
        return self._binary("fsub", a, b)

    def mul(self, a: Any, b: Any) -> str:
        """The product."""
        return self._binary("fmul", a, b)

    def div(self, a: Any, b: Any) -> str:
        """The quotient."""
        return self._binary("fdiv", a, b)

    def fused(self, a: Any, b: Any, c: Any) -> str:
        """The product of a and b plus c, rounded once where the processor can and twice where not."""
        return self.text.intrinsic("fmuladd", self.kind, self.of(a), self.of(b), self.of(c))

    def compare(self, how: str, a: Any, b: Any) -> str:
        """A comparison as LLVM calls it: olt, ogt, oeq, uno, ..."""
        return self.text.made(f"fcmp {how} {self.kind} {self.of(a)}, {self.of(b)}")

    def select(self, condition: str, a: Any, b: Any) -> str:
        """One of two."""
        return self.text.made(f"select i1 {condition}, {self.kind} {self.of(a)}, {self.kind} {self.of(b)}")

    def call(self, name: str, *arguments: Any) -> str:
        """One of LLVM's functions: fabs, sqrt, floor, rint, copysign, ..."""
        return self.text.intrinsic(name, self.kind, *(self.of(each) for each in arguments))

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """c0 + c1 x + c2 x^2 + ..., by Horner's rule."""
        value = self.of(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            value = self.fused(value, x, coefficient)
        return value

    def as_bits(self, x: Any) -> str:
        """The bits of a float as an integer."""
        return self.text.made(f"bitcast {self.kind} {self.of(x)} to {self.bits}")

    def from_bits(self, x: str) -> str:
        """The float of these bits."""
        return self.text.made(f"bitcast {self.bits} {x} to {self.kind}")

    def integer(self, operation: str, a: Any, b: Any) -> str:
        """An operation on integers as wide as the float."""
        return self.text.made(f"{operation} {self.bits} {a}, {b}")
