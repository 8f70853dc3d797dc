"""Kernel: the loops of a fused group in LLVM's language, and as lines to read.

A kernel walks the entries of one shape. Its innermost loop loads each input once, computes everything in registers,
and stores what others need; sums over axes are added up on the way. Addresses, extents and strides are arguments,
so that one kernel serves every shape; only whether an innermost stride is one entry, none, or another is compiled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from localgrad.run.lowering import BOOL, Dtype, Operation
from localgrad.run.mathematics import FUNCTIONS
from localgrad.run.sharing import piecewise, take
from localgrad.run.text import ALONE, GROUP, HEADER, LOOP, TYPES, Floats, Text, literal

CHUNK: Final = 1024
"""Entries that are summed in their own precision before they go into a wider sum."""
_FLOAT_COMPARES: Final = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_INTEGER_COMPARES: Final = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}
_LOGIC: Final = {"and", "or", "xor"}
_ARITHMETIC: Final = {"add", "sub", "mul", "div"}


class Port(NamedTuple):
    """A place a loop reads or writes: the stride of the innermost axis is "1" entry, "0" or "n" any other."""

    dtype: Dtype
    stride: str


class Total(NamedTuple):
    """A sum a loop adds up: of which operation, of which dtype at the end, over the innermost axis or not."""

    value: int
    dtype: Dtype
    inner: bool
    mean: bool


class Kernel(NamedTuple):
    """Everything that decides the code of a kernel."""

    rank: int
    operations: tuple[Operation, ...]
    loads: tuple[Port, ...]
    stores: tuple[tuple[int, Port], ...]
    totals: tuple[Total, ...]
    axis: int = -1  # the axis along which threads share the work; none where it is negative
    pieces: bool = False  # sums are left in pieces along that axis

    @property
    def text(self) -> str:
        """The module in LLVM's language; its function is called `kernel`."""
        return _Writer(self).module()

    @property
    def source(self) -> str:
        """What the kernel does, as lines to read."""
        from localgrad.run.readable import readable

        return readable(self)


def sum_dtype(dtype: Dtype) -> Dtype:
    """The dtype sums are added up in: single precision in double."""
    return np.dtype(np.float64) if dtype.kind == "f" else np.dtype(np.int64)


class _Writer:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.text = Text()
        self.rank = kernel.rank
        self.chunked = any(total.inner for total in kernel.totals)

    # arguments ----------------------------------------------------------------------------------------------------
    def strided(self) -> tuple[str, list[str]]:
        """The next address with its strides in bytes."""
        start = self.text.address()
        return start, [self.text.number() for _ in range(self.rank)]

    # the whole ----------------------------------------------------------------------------------------------------
    def module(self) -> str:
        text = self.text
        text.line(HEADER)
        text.line("entry:" if self.kernel.axis >= 0 else ALONE)
        self.extents = [self.text.number() for _ in range(self.rank)]
        self.loads = [self.strided() for _ in self.kernel.loads]
        self.stores = [self.strided() for _ in self.kernel.stores]
        self.totals = [(*self.strided(), text.address(), text.number(), text.number()) for _ in self.kernel.totals]
        self.block = "entry"
        if self.kernel.pieces:
            piecewise(self)
        else:
            if self.kernel.axis >= 0:
                take(self, "%part", "%parts")
            self.whole()
            text.line("  ret void")
        text.line("}")
        return text.module()

    def whole(self) -> None:
        """Everything between the addresses and extents, with sums from nothing to their end."""
        for number in range(len(self.kernel.totals)):
            self.clear(number)
        self.nest(0, [])
        if not self.kernel.pieces:
            for number in range(len(self.kernel.totals)):
                self.close(number)

    def loop(self, label: str, count: str) -> tuple[str, str]:
        """Begin a loop: its index, and the name of the next one."""
        text = self.text
        index, following = f"%{label}.i", f"%{label}.next"
        text.line(f"  br label %{label}")
        text.line(f"{label}:")
        text.line(f"  {index} = phi i64 [ 0, %{self.block} ], [ {following}, %{label}.end ]")
        self.block = label
        return index, following

    def end(self, label: str, count: str, note: str = "") -> None:
        """End a loop, whose block is now `self.block`; it runs at least once."""
        text = self.text
        text.line(f"  br label %{label}.end")
        text.line(f"{label}.end:")
        text.line(f"  %{label}.next = add nsw i64 %{label}.i, 1")
        text.line(f"  %{label}.more = icmp slt i64 %{label}.next, {count}")
        text.line(f"  br i1 %{label}.more, label %{label}, label %{label}.done{note}")
        text.line(f"{label}.done:")
        self.block = f"{label}.done"

    def clear(self, number: int) -> None:
        kind = TYPES[sum_dtype(self.kernel.totals[number].dtype)]
        start, _, _, count, _ = self.totals[number]
        label = f"clear{number}"
        index, _ = self.loop(label, count)
        pointer = self.text.made(f"getelementptr {kind}, ptr {start}, i64 {index}")
        self.text.line(f"  store {kind} {literal(0, kind)}, ptr {pointer}")
        self.end(label, count)

    def close(self, number: int) -> None:
        total, text = self.kernel.totals[number], self.text
        kind, out = TYPES[sum_dtype(total.dtype)], TYPES[total.dtype]
        start, _, target, count, size = self.totals[number]
        label = f"close{number}"
        index, _ = self.loop(label, count)
        pointer = text.made(f"getelementptr {kind}, ptr {start}, i64 {index}")
        value = text.made(f"load {kind}, ptr {pointer}")
        if total.mean:
            value = text.made(f"fdiv {kind} {value}, {text.made(f'sitofp i64 {size} to {kind}')}")
        if kind != out:
            value = text.made(f"fptrunc {kind} {value} to {out}")
        text.line(f"  store {out} {value}, ptr {text.made(f'getelementptr {out}, ptr {target}, i64 {index}')}")
        self.end(label, count)

    def nest(self, axis: int, indices: list[str]) -> None:
        """The loops from an axis inwards."""
        if axis == self.rank - 1:
            self.row(indices)
            return
        label = f"axis{axis}"
        index, _ = self.loop(label, self.extents[axis])
        self.nest(axis + 1, [*indices, index])
        self.end(label, self.extents[axis])

    def moved(self, start: str, strides: Sequence[str], indices: Sequence[str]) -> str:
        """An address moved along the outer axes."""
        for stride, index in zip(strides, indices, strict=False):
            offset = self.text.made(f"mul nsw i64 {index}, {stride}")
            start = self.text.made(f"getelementptr i8, ptr {start}, i64 {offset}")
        return start

    def row(self, indices: list[str]) -> None:
        """The innermost axis, in pieces where something is summed along it."""
        text, length = self.text, self.extents[-1]
        self.load_rows = [self.moved(start, strides, indices) for start, strides in self.loads]
        self.store_rows = [self.moved(start, strides, indices) for start, strides in self.stores]
        self.total_rows = [self.moved(each[0], each[1], indices) for each in self.totals]
        self.still: dict[int, str] = {}
        for number, port in enumerate(self.kernel.loads):
            if port.stride == "0":
                self.still[number] = self.load(port, self.load_rows[number], "")
        if not self.chunked:
            self.inner("inner", "0", length)
            return
        more = text.made(f"add nsw i64 {length}, {CHUNK - 1}")
        pieces = text.made(f"sdiv i64 {more}, {CHUNK}")
        index, _ = self.loop("piece", pieces)
        begin = text.made(f"mul nsw i64 {index}, {CHUNK}")
        left = text.made(f"sub nsw i64 {length}, {begin}")
        short = text.made(f"icmp slt i64 {left}, {CHUNK}")
        count = text.made(f"select i1 {short}, i64 {left}, i64 {CHUNK}")
        self.inner("inner", begin, count)
        self.end("piece", pieces)

    def inner(self, label: str, begin: str, count: str) -> None:
        text, kernel = self.text, self.kernel
        starts = [
            self.advanced(port, start, strides[-1], begin)
            for port, start, (_, strides) in zip(kernel.loads, self.load_rows, self.loads, strict=True)
        ]
        ends = [
            self.advanced(port, start, strides[-1], begin)
            for (_, port), start, (_, strides) in zip(kernel.stores, self.store_rows, self.stores, strict=True)
        ]
        # the sums of axes that stay lie one behind the other
        rows = {
            number: start
            if begin == "0"
            else text.made(f"getelementptr {TYPES[sum_dtype(total.dtype)]}, ptr {start}, i64 {begin}")
            for number, (total, start) in enumerate(zip(kernel.totals, self.total_rows, strict=True))
            if not total.inner
        }
        before = self.block
        text.line(f"  br label %{label}")
        text.line(f"{label}:")
        text.line(f"  %{label}.i = phi i64 [ 0, %{before} ], [ %{label}.next, %{label} ]")
        for number, total in enumerate(kernel.totals):
            if total.inner:
                kind = self.kind_of(total.value)
                text.line(
                    f"  %sum{number} = phi {kind} [ {literal(0, kind)}, %{before} ], [ %sum{number}.next, %{label} ]"
                )
        names: list[str] = []
        for operation in kernel.operations:
            if operation.name == "load":
                number = operation.value
                if number in self.still:
                    names.append(self.still[number])
                else:
                    port = kernel.loads[number]
                    pointer = self.entry(port, starts[number], self.loads[number][1][-1], f"%{label}.i")
                    names.append(self.load(port, pointer, GROUP))
            else:
                names.append(self.operation(operation, names))
        for number, (value, port) in enumerate(kernel.stores):
            pointer = self.entry(port, ends[number], self.stores[number][1][-1], f"%{label}.i")
            kind, name = TYPES[port.dtype], names[value]
            if kind == "i1":
                kind, name = "i8", text.made(f"zext i1 {name} to i8")
            text.line(f"  store {kind} {name}, ptr {pointer}{GROUP}")
        for number, total in enumerate(kernel.totals):
            name, kind = names[total.value], self.kind_of(total.value)
            if total.inner:
                plus = "add" if kind == "i64" else "fadd reassoc"
                text.line(f"  %sum{number}.next = {plus} {kind} %sum{number}, {name}")
            else:
                wide = sum_dtype(total.dtype)
                pointer = text.made(f"getelementptr {TYPES[wide]}, ptr {rows[number]}, i64 %{label}.i")
                self.add_to(pointer, name, kind, TYPES[wide], GROUP)
        text.line(f"  %{label}.next = add nuw nsw i64 %{label}.i, 1")
        text.line(f"  %{label}.more = icmp slt i64 %{label}.next, {count}")
        text.line(f"  br i1 %{label}.more, label %{label}, label %{label}.done{LOOP}")
        text.line(f"{label}.done:")
        self.block = f"{label}.done"
        for number, total in enumerate(kernel.totals):
            if total.inner:
                into = TYPES[sum_dtype(total.dtype)]
                self.add_to(self.total_rows[number], f"%sum{number}.next", self.kind_of(total.value), into, "")

    def add_to(self, pointer: str, value: str, kind: str, wide: str, group: str) -> None:
        text = self.text
        if kind != wide:
            value = text.made(f"fpext {kind} {value} to {wide}")
        before = text.made(f"load {wide}, ptr {pointer}{group}")
        after = text.made(f"{'add' if wide == 'i64' else 'fadd'} {wide} {before}, {value}")
        text.line(f"  store {wide} {after}, ptr {pointer}{group}")

    def kind_of(self, place: int) -> str:
        return TYPES[self.kernel.operations[place].dtype]

    def advanced(self, port: Port, start: str, stride: str, begin: str) -> str:
        if begin == "0" or port.stride == "0":
            return start
        return self.entry(port, start, stride, begin)

    def entry(self, port: Port, start: str, stride: str, index: str) -> str:
        kind = TYPES[port.dtype]
        if port.stride == "1":
            return self.text.made(f"getelementptr inbounds {'i8' if kind == 'i1' else kind}, ptr {start}, i64 {index}")
        if port.stride == "0":
            return start
        offset = self.text.made(f"mul nsw i64 {index}, {stride}")
        return self.text.made(f"getelementptr inbounds i8, ptr {start}, i64 {offset}")

    def load(self, port: Port, pointer: str, group: str) -> str:
        kind = TYPES[port.dtype]
        if kind != "i1":
            return self.text.made(f"load {kind}, ptr {pointer}{group}")
        return self.text.made(f"icmp ne i8 {self.text.made(f'load i8, ptr {pointer}{group}')}, 0")

    # operations ---------------------------------------------------------------------------------------------------
    def operation(self, operation: Operation, names: list[str]) -> str:
        """The instructions of one operation."""
        text, name, dtype = self.text, operation.name, operation.dtype
        kind = TYPES[dtype]
        if name == "constant":
            return literal(operation.value, kind)
        given = [names[place] for place in operation.arguments]
        first = self.kernel.operations[operation.arguments[0]].dtype
        source = TYPES[first]
        if name == "cast":
            return self.cast(given[0], first, dtype)
        if name == "where":
            return text.made(f"select i1 {given[0]}, {kind} {given[1]}, {kind} {given[2]}")
        if name in _LOGIC:
            return text.made(f"{name} i1 {given[0]}, {given[1]}")
        if name == "not":
            return text.made(f"xor i1 {given[0]}, true")
        if name in _FLOAT_COMPARES:
            if first.kind == "f":
                return text.made(f"fcmp {_FLOAT_COMPARES[name]} {source} {given[0]}, {given[1]}")
            how = _INTEGER_COMPARES[name].replace("s", "u") if first == BOOL and name not in ("eq", "ne") else ""
            return text.made(f"icmp {how or _INTEGER_COMPARES[name]} {source} {given[0]}, {given[1]}")
        if first.kind == "f":
            return self.floating(name, Floats(text, source), given)
        return self.integral(name, source, given)

    def cast(self, x: str, source: Dtype, dtype: Dtype) -> str:
        old, new = TYPES[source], TYPES[dtype]
        if dtype == BOOL:
            if source.kind == "f":
                return self.text.made(f"fcmp une {old} {x}, {literal(0, old)}")
            return self.text.made(f"icmp ne {old} {x}, 0")
        if source.kind == "f":
            how = "fpext" if dtype.itemsize > source.itemsize else "fptrunc"
        elif dtype.kind == "f":
            how = "uitofp" if source == BOOL else "sitofp"
        else:
            how = "zext" if source == BOOL else "sext"
        return self.text.made(f"{how} {old} {x} to {new}")

    def floating(self, name: str, f: Floats, given: list[str]) -> str:
        if name in _ARITHMETIC:
            return str(getattr(f, name)(*given))
        if name == "negative":
            return self.text.made(f"fneg {f.kind} {given[0]}")
        if name in ("min", "max"):
            a, b = given
            beyond = f.compare("olt" if name == "min" else "ogt", a, b)
            return f.select(self.text.made(f"or i1 {beyond}, {f.compare('uno', a, a)}"), a, b)
        if name == "isnan":
            return f.compare("uno", given[0], given[0])
        if name in ("isinf", "isfinite"):
            return f.compare("oeq" if name == "isinf" else "olt", f.call("fabs", given[0]), float("inf"))
        if name == "copysign":
            return f.call(name, *given)
        return FUNCTIONS[name](f, given[0])

    def integral(self, name: str, kind: str, given: list[str]) -> str:
        text = self.text
        if name in ("add", "sub", "mul"):
            return text.made(f"{name} {kind} {given[0]}, {given[1]}")
        if name == "negative":
            return text.made(f"sub {kind} 0, {given[0]}")
        if name == "abs":
            negative = text.made(f"icmp slt {kind} {given[0]}, 0")
            return text.made(
                f"select i1 {negative}, {kind} {text.made(f'sub {kind} 0, {given[0]}')}, {kind} {given[0]}"
            )
        how = "slt" if name == "min" else "sgt"
        first = text.made(f"icmp {how} {kind} {given[0]}, {given[1]}")
        return text.made(f"select i1 {first}, {kind} {given[0]}, {kind} {given[1]}")
