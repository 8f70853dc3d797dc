"""Flow: loops and branches in LLVM's language, as blocks of Python code that write what stands inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from localgrad.run.text import GROUP, HEADER, LOOP, Text


class Flow(Text):
    """Lines of a kernel, of which `at` is the block that is being written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines.append(HEADER)
        self.at = "entry"
        self.blocks = 0
        self.lines.append("entry:")

    def label(self, name: str) -> str:
        """A label not used so far."""
        self.blocks += 1
        return f"{name}.{self.blocks}"

    def block(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.at = label

    def add(self, a: str | int, b: str | int) -> str:
        """The sum of two integers."""
        return str(a) if b in (0, "0") else self.made(f"add nsw i64 {a}, {b}")

    def times(self, a: str | int, b: str | int) -> str:
        """The product of two integers."""
        return str(a) if b in (1, "1") else self.made(f"mul nsw i64 {a}, {b}")

    def least(self, a: str | int, b: str | int) -> str:
        """The smaller one of two integers."""
        return self.made(f"call i64 @llvm.smin.i64(i64 {a}, i64 {b})")

    def entry(self, kind: str, start: str, place: str | int) -> str:
        """The address of an entry of a type."""
        return self.made(f"getelementptr {kind}, ptr {start}, i64 {place}")

    def integer(self, start: str, place: str | int) -> str:
        """An integer of a table."""
        return self.made(f"load i64, ptr {self.entry('i64', start, place)}")

    def pointer(self) -> str:
        """The next of the kernel's numbers, which is an address."""
        return self.made(f"inttoptr i64 {self.number()} to ptr")

    def part_of(self, count: str, part: str = "%part", parts: str = "%parts") -> tuple[str, str]:
        """Where this part of so many units of work begins and ends."""
        ends = (part, self.add(part, 1))
        first, last = (self.made(f"sdiv i64 {self.times(each, count)}, {parts}") for each in ends)
        return first, last

    def leave_unless(self, condition: str) -> None:
        """Return where a condition does not hold."""
        more, stop = self.label("more"), self.label("stop")
        self.line(f"  br i1 {condition}, label %{more}, label %{stop}")
        self.block(stop)
        self.line("  ret void")
        self.block(more)

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """What is done only where a condition holds."""
        yes, after = self.label("when"), self.label("after")
        self.line(f"  br i1 {condition}, label %{yes}, label %{after}")
        self.block(yes)
        yield
        self.line(f"  br label %{after}")
        self.block(after)

    @contextmanager
    def each(self, first: str | int, last: str | int, note: str = "") -> Iterator[str]:
        """A loop over integers, from the first one to before the last one."""
        body, latch, after = (self.label(name) for name in ("each", "next", "done"))
        i, following = self.name(), self.name()
        before = self.at
        self.line(f"  br i1 {self.made(f'icmp slt i64 {first}, {last}')}, label %{body}, label %{after}")
        self.block(body)
        self.line(f"  {i} = phi i64 [ {first}, %{before} ], [ {following}, %{latch} ]")
        yield i
        self.line(f"  br label %{latch}")
        self.block(latch)
        self.line(f"  {following} = add nsw i64 {i}, 1")
        more = self.made(f"icmp slt i64 {following}, {last}")
        self.line(f"  br i1 {more}, label %{body}, label %{after}{note}")
        self.block(after)

    @contextmanager
    def sums(self, first: str | int, last: str | int, kind: str, sums: list[str]) -> Iterator[tuple[str, list[str]]]:
        """A loop that keeps values of a type in registers: `sums` at its begin, replaced inside, those of its end after it."""
        body, latch, after = (self.label(name) for name in ("each", "next", "done"))
        i, following, before = self.name(), self.name(), self.at
        start, inside, ends = list(sums), [self.name() for _ in sums], [self.name() for _ in sums]
        self.line(f"  br i1 {self.made(f'icmp slt i64 {first}, {last}')}, label %{body}, label %{after}")
        self.block(body)
        self.line(f"  {i} = phi i64 [ {first}, %{before} ], [ {following}, %{latch} ]")
        place, now = len(self.lines), list(inside)
        yield i, now
        self.lines[place:place] = [
            f"  {each} = phi {kind} [ {old}, %{before} ], [ {new}, %{latch} ]"
            for each, old, new in zip(inside, start, now, strict=True)
        ]
        self.line(f"  br label %{latch}")
        self.block(latch)
        self.line(f"  {following} = add nsw i64 {i}, 1")
        self.line(f"  br i1 {self.made(f'icmp slt i64 {following}, {last}')}, label %{body}, label %{after}")
        self.block(after)
        for end, old, new in zip(ends, start, now, strict=True):
            self.line(f"  {end} = phi {kind} [ {old}, %{before} ], [ {new}, %{latch} ]")
        sums[:] = ends

    def copy(
        self, kind: str, source: str, target: str, count: str, steps: tuple[str | int, str | int] = (1, 1)
    ) -> None:
        """Entries from one place to another that it does not overlap, each with its step."""
        with self.each(0, count, LOOP) as i:
            value = self.made(f"load {kind}, ptr {self.entry(kind, source, self.times(i, steps[0]))}{GROUP}")
            self.line(f"  store {kind} {value}, ptr {self.entry(kind, target, self.times(i, steps[1]))}{GROUP}")

    def fill(self, kind: str, target: str, count: str) -> None:
        """Zeros."""
        with self.each(0, count, LOOP) as i:
            self.line(f"  store {kind} zeroinitializer, ptr {self.entry(kind, target, i)}{GROUP}")

    def end(self) -> str:
        """The module."""
        self.line("  ret void")
        self.line("}")
        self.declared.setdefault("llvm.smin.i64", "declare i64 @llvm.smin.i64(i64, i64)")
        return self.module()
