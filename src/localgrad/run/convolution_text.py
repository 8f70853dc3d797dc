"""The text of convolutions: a kernel that keeps some channels by some vectors of places in registers, in both directions.

One loop over the kernel's entries serves all extents, strides, dilations and groups, for what an entry of the kernel meets
stands in a table of distances. Images are copied with their padding, and with columns of one remainder of the stride side
by side, so that every load is of entries in a row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from localgrad.run.flow import Flow
from localgrad.run.text import GROUP, LOOP

KINDS: Final = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
LANES: Final = {np.dtype(np.float32): 8, np.dtype(np.float64): 4}


class _Vectors(Flow):
    """Flow with vectors of one float type."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self.kind, self.lanes, self.item = KINDS[dtype], LANES[dtype], dtype.itemsize
        self.vector = f"<{self.lanes} x {self.kind}>"
        self.suffix = f"v{self.lanes}{'f32' if self.kind == 'float' else 'f64'}"

    def splat(self, value: str, kind: str = "") -> str:
        """A vector with one value in all its lanes."""
        kind = kind or self.kind
        vector = f"<{self.lanes} x {kind}>"
        one = self.made(f"insertelement {vector} poison, {kind} {value}, i32 0")
        return self.made(f"shufflevector {vector} {one}, {vector} poison, <{self.lanes} x i32> zeroinitializer")

    def mask(self, count: str) -> str:
        """The first so many lanes."""
        lanes = ", ".join(f"i64 {lane}" for lane in range(self.lanes))
        return self.made(f"icmp ult <{self.lanes} x i64> <{lanes}>, {self.splat(count, 'i64')}")

    def load(self, start: str, mask: str = "") -> str:
        """A vector, or the lanes of a mask and zeros."""
        if not mask:
            return self.made(f"load {self.vector}, ptr {start}, align {self.item}")
        name, bits = f"@llvm.masked.load.{self.suffix}.p0", f"<{self.lanes} x i1>"
        self.declared[name] = f"declare {self.vector} {name}(ptr, i32, {bits}, {self.vector})"
        return self.made(
            f"call {self.vector} {name}(ptr {start}, i32 {self.item}, {bits} {mask}, {self.vector} zeroinitializer)"
        )

    def store(self, value: str, start: str, mask: str = "") -> None:
        """Write a vector, or the lanes of a mask."""
        if not mask:
            self.line(f"  store {self.vector} {value}, ptr {start}, align {self.item}")
            return
        name, bits = f"@llvm.masked.store.{self.suffix}.p0", f"<{self.lanes} x i1>"
        self.declared[name] = f"declare void {name}({self.vector}, ptr, i32, {bits})"
        self.line(f"  call void {name}({self.vector} {value}, ptr {start}, i32 {self.item}, {bits} {mask})")

    def fused(self, a: str, b: str, c: str) -> str:
        """The product of a and b plus c."""
        name = f"@llvm.fmuladd.{self.suffix}"
        self.declared[name] = f"declare {self.vector} {name}({self.vector}, {self.vector}, {self.vector})"
        return self.made(f"call {self.vector} {name}({self.vector} {a}, {self.vector} {b}, {self.vector} {c})")

    def total(self, value: str) -> str:
        """The sum of the lanes."""
        name = f"@llvm.vector.reduce.fadd.{self.suffix}"
        self.declared[name] = f"declare {self.kind} {name}({self.kind}, {self.vector})"
        return self.made(f"call reassoc {self.kind} {name}({self.kind} -0.0, {self.vector} {value})")

    def of(self, start: str, place: str | int) -> str:
        """The address of an entry."""
        return self.entry(self.kind, start, place)


class _Images(_Vectors):
    """What the copies of images share: where they stand, and how their rows are laid out."""

    def copies(self, stride: int) -> None:
        """Read the numbers of the copies of images."""
        self.stride = stride
        self.room = self.number()
        self.rows, self.rows_count = self.pointer(), self.number()
        self.phases = [(self.number(), self.number(), self.number()) for _ in range(stride)]

    def bring(self, image: str, room: str) -> None:
        """Copy the rows of an image to their places among zeros."""
        with self.each(0, self.rows_count) as row:
            at = self.times(row, 2)
            source = self.of(image, self.integer(self.rows, at))
            target = self.of(room, self.integer(self.rows, self.add(at, 1)))
            for first, place, count in self.phases:
                self.copy(self.kind, self.of(source, first), self.of(target, place), count, (self.stride, 1))


def packing_text(dtype: np.dtype[Any]) -> str:
    """The module that lays a kernel out in blocks of channels, for each the entries one after the other.

    Its numbers: the kernel's place, the room's place; blocks, table of blocks (place in the room, place in the kernel,
    channels, table of entries, entries); channels of a whole block, the step of channels.
    """
    f = _Vectors(dtype)
    w, packed = f.address(), f.address()
    count, blocks, height, channel_step = f.number(), f.pointer(), f.number(), f.number()
    first, last = f.part_of(count)
    with f.each(first, last) as block:
        at = f.times(block, 5)
        target, source, channels, table, entries = (f.integer(blocks, f.add(at, number)) for number in range(5))
        table = f.made(f"inttoptr i64 {table} to ptr")
        to, start = f.of(packed, target), f.of(w, source)
        with f.each(0, entries) as k:
            line, entry = f.of(to, f.times(k, height)), f.of(start, f.integer(table, k))
            with f.each(0, channels) as m:
                value = f.made(f"load {f.kind}, ptr {f.of(entry, f.times(m, channel_step))}")
                f.line(f"  store {f.kind} {value}, ptr {f.of(line, m)}")
            with f.each(channels, height) as m:
                f.line(f"  store {f.kind} 0.0, ptr {f.of(line, m)}")
    return f.end()


@lru_cache(64)
def convolution_text(
    dtype: np.dtype[Any], height: int, width: int, stride: int, copies: bool, staged: int, bias: bool, narrow: bool
) -> str:
    """The module of a convolution with blocks of `height` channels by `width` vectors.

    `copies` images with columns in `stride` remainders side by side; `staged` > 0 puts columns of the result that far
    apart; `narrow` rows are shorter than a vector. Parts are ranges of images, or of blocks where there is one image.
    """
    f = _Images(dtype)
    x, y = f.address(), f.address()
    b = f.address() if bias else ""
    packed, scratch = f.address(), f.address()
    images, x_size, y_size, plane, most = (f.number() for _ in range(5))
    block_count, blocks, job_count, jobs, channels = f.number(), f.pointer(), f.number(), f.pointer(), f.number()
    rest = f.number() if narrow else ""
    room = f.number()  # of one part, all its copies
    if copies:
        f.copies(stride)
    if staged:
        stage_at, stage_plane, y_rows, y_width, stage_width = (f.number() for _ in range(5))
    parts = f.least("%parts", most)
    f.leave_unless(f.made(f"icmp slt i64 %part, {parts}"))
    alone = f.made(f"icmp eq i64 {images}, 1")
    ranges = []
    for units, whole in ((images, "true"), (block_count, "false")):
        first, last = f.part_of(units, "%part", parts)
        taken = f.made(f"icmp eq i1 {alone}, {whole}")
        ranges.append(
            (
                f.made(f"select i1 {taken}, i64 0, i64 {first}"),
                f.made(f"select i1 {taken}, i64 {units}, i64 {last}"),
            )
        )
    (first_image, last_image), (first_block, last_block) = ranges
    own = f.of(scratch, f.times("%part", room))
    if copies:
        f.fill(f.kind, own, f.room)
    mask = f.mask(rest) if narrow else ""
    with f.each(first_image, last_image) as image:
        start = f.of(x, f.times(image, x_size))
        result = f.of(y, f.times(image, y_size))
        target, target_plane = result, plane
        if copies:
            f.bring(start, own)
            start = own
        if staged:
            target, target_plane = f.of(own, stage_at), stage_plane
        with f.each(0, job_count) as job:
            at = f.times(job, 6)
            begin, step, tiles = (f.integer(jobs, f.add(at, n)) for n in range(3))
            starts = [f.integer(jobs, f.add(at, n)) for n in range(3, 6)]
            table, vectors, spans = (f.made(f"inttoptr i64 {each} to ptr") for each in starts)
            with f.each(0, tiles) as tile, f.each(first_block, last_block) as block:
                _tile(
                    f, height, width, mask, tile, block, start, target, target_plane,
                    (packed, begin, step, table, vectors, spans, blocks, b, channels),
                )  # fmt: skip
        if staged:
            _spread(
                f,
                staged,
                blocks,
                first_block,
                last_block,
                target,
                stage_plane,
                result,
                plane,
                y_rows,
                y_width,
                stage_width,
            )
    return f.end()


def _tile(
    f: _Images, height: int, width: int, mask: str, tile: str, block: str, start: str, target: str, plane: str,
    numbers: tuple[str, ...],
) -> None:  # fmt: skip
    """One block of channels by one tile of vectors."""
    packed, begin, step, table, vectors, spans, blocks, b, channels = numbers
    at = f.times(block, 3)
    inward, channel, valid = (f.integer(blocks, f.add(at, number)) for number in range(3))
    weights = f.of(packed, f.add(begin, f.times(block, step)))
    base = f.of(start, inward)
    sources, places = [], []
    for vector in range(width):
        entry = f.times(f.add(f.times(tile, width), vector), 2)
        sources.append(f.of(base, f.integer(vectors, entry)))
        places.append(f.integer(vectors, f.add(entry, 1)))
    sums: list[str] = []
    for m in range(height):
        value = "zeroinitializer"
        if b:
            where = f.least(f.add(channel, m), f.add(channels, -1))
            value = f.splat(f.made(f"load {f.kind}, ptr {f.of(b, where)}"))
        sums += [value] * width
    some = f.times(tile, 2)
    first, last = f.integer(spans, some), f.integer(spans, f.add(some, 1))
    with f.sums(first, last, f.vector, sums) as (k, now):
        distance = f.integer(table, k)
        seen = [f.load(f.of(each, distance)) for each in sources]
        line = f.of(weights, f.times(k, height))
        for m in range(height):
            weight = f.splat(f.made(f"load {f.kind}, ptr {f.of(line, m)}"))
            for vector in range(width):
                now[m * width + vector] = f.fused(weight, seen[vector], now[m * width + vector])
    to = f.of(target, f.times(channel, plane))
    for m in range(height):
        with f.when(f.made(f"icmp slt i64 {m}, {valid}")):
            row = f.of(to, f.times(plane, m)) if m else to
            for vector in range(width):
                f.store(sums[m * width + vector], f.of(row, places[vector]), mask)


def _spread(
    f: _Images, staged: int, blocks: str, first: str, last: str, source: str, stage_plane: str, result: str, plane: str,
    rows: str, width: str, stage_width: str,
) -> None:  # fmt: skip
    """Put columns, which stand by their remainder side by side, in order."""
    low, high = (f.integer(blocks, f.add(f.times(each, 3), 1)) for each in (first, last))
    whole, rest = f.made(f"sdiv i64 {width}, {staged}"), f.made(f"srem i64 {width}, {staged}")
    with f.each(low, high) as channel, f.each(0, rows) as row:
        old = f.of(source, f.add(f.times(channel, stage_plane), f.times(row, f.times(stage_width, staged))))
        new = f.of(result, f.add(f.times(channel, plane), f.times(row, width)))
        with f.each(0, whole, LOOP) as j:
            for number in range(staged):
                value = f.made(f"load {f.kind}, ptr {f.of(old, f.add(f.times(stage_width, number), j))}{GROUP}")
                f.line(f"  store {f.kind} {value}, ptr {f.of(new, f.add(f.times(j, staged), number))}{GROUP}")
        with f.each(0, rest) as phase:
            value = f.made(f"load {f.kind}, ptr {f.of(old, f.add(f.times(stage_width, phase), whole))}")
            f.line(f"  store {f.kind} {value}, ptr {f.of(new, f.add(f.times(whole, staged), phase))}")


@lru_cache(64)
def kernel_gradient_text(dtype: np.dtype[Any], height: int, width: int, stride: int, copies: bool, rest: bool) -> str:
    """The module of the gradient by the kernel, with blocks of `height` output channels by `width` entries of the kernel.

    Places are summed as vectors, and their lanes at the end of some images; `rest` says that rows end in part of a
    vector. Parts are ranges of blocks.
    """
    f = _Images(dtype)
    x, g, y, scratch = (f.address() for _ in range(4))
    images, x_size, g_size, plane, most, together = (f.number() for _ in range(6))
    units, blocks, entries, table = f.number(), f.pointer(), f.number(), f.pointer()
    counts_tables = [(f.number(), f.pointer()) for _ in range(2 if rest else 1)]
    lanes = f.number() if rest else ""
    room = f.number()
    if copies:
        f.copies(stride)
    parts = f.least("%parts", most)
    f.leave_unless(f.made(f"icmp slt i64 %part, {parts}"))
    first, last = f.part_of(units, "%part", parts)
    own = f.of(scratch, f.times("%part", room))
    if copies:
        f.fill(f.kind, own, f.times(f.room, together))
    mask = f.mask(lanes) if rest else ""
    groups = f.made(f"sdiv i64 {f.add(f.add(images, together), -1)}, {together}")
    with f.each(0, groups) as turn:
        begin = f.times(turn, together)
        end = f.least(f.add(begin, together), images)
        if copies:
            with f.each(begin, end) as image:
                place = f.made(f"sub nsw i64 {image}, {begin}")
                f.bring(f.of(x, f.times(image, x_size)), f.of(own, f.times(place, f.room)))
        later = f.made(f"icmp sgt i64 {turn}, 0")
        with f.each(first, last) as unit:
            at = f.times(unit, 5)
            inward, channel, valid, k, valid_k = (f.integer(blocks, f.add(at, number)) for number in range(5))
            distances = [f.integer(table, f.add(k, number)) for number in range(width)]
            sums = ["zeroinitializer"] * (height * width)
            with f.sums(begin, end, f.vector, sums) as (image, now):
                if copies:
                    place = f.made(f"sub nsw i64 {image}, {begin}")
                    seen = f.of(own, f.add(f.times(place, f.room), inward))
                else:
                    seen = f.of(x, f.add(f.times(image, x_size), inward))
                above = f.of(g, f.add(f.times(image, g_size), f.times(channel, plane)))
                taps = [f.of(seen, each) for each in distances]
                rows = [f.of(above, f.times(plane, m)) if m else above for m in range(height)]
                for number, (count, vectors) in enumerate(counts_tables):
                    with f.sums(0, count, f.vector, now) as (v, inner):
                        entry = f.times(v, 2)
                        there, here = f.integer(vectors, entry), f.integer(vectors, f.add(entry, 1))
                        covered = mask if number else ""
                        met = [f.load(f.of(each, there), covered) for each in taps]
                        for m in range(height):
                            grad = f.load(f.of(rows[m], here), covered)
                            for t in range(width):
                                inner[m * width + t] = f.fused(grad, met[t], inner[m * width + t])
            out = f.of(y, f.add(f.times(channel, entries), k))
            for m in range(height):
                for t in range(width):
                    total = f.total(sums[m * width + t])
                    inside = f.made(f"icmp slt i64 {m}, {valid}")
                    with f.when(f.made(f"and i1 {inside}, {f.made(f'icmp slt i64 {t}, {valid_k}')}")):
                        to = f.of(out, f.add(f.times(entries, m) if m else "0", t))
                        old = f.made(f"load {f.kind}, ptr {to}")
                        both = f.made(f"fadd {f.kind} {total}, {old}")
                        chosen = f.made(f"select i1 {later}, {f.kind} {both}, {f.kind} {total}")
                        f.line(f"  store {f.kind} {chosen}, ptr {to}")
    return f.end()
