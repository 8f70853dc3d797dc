"""Packed: products of few rows with a matrix that stays the same for many products, laid out for them beforehand.

BLAS puts the right matrix in its own order at each call, which for few rows takes about as long as the product. Here it is
done once: blocks of columns two vectors wide, each with its rows one behind the other. The kernel keeps some rows by one
block in registers; parts of it are ranges of blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.tensor import Leaf, Tensor
from localgrad.run import native
from localgrad.run.steps import ProductStep
from localgrad.run.text import HEADER, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localgrad.run.building import Building
    from localgrad.run.places import Place

MOST_ROWS: Final = 6
"""Rows of a block: two vectors of sums each, and the registers of a processor with 16 of them are full."""
VECTOR: Final = {np.dtype(np.float32): 8, np.dtype(np.float64): 4}
FEW: Final = 64
"""More rows than this are left to BLAS, which is as fast there."""
LEAST: Final = 4_000
"""Operations from which packing is worth it."""


class Split(NamedTuple):
    """Rows in blocks of nearly one height: so many of `height` rows, the others of one less."""

    height: int
    high: int
    low: int


def split(rows: int) -> Split:
    """How rows are cut into blocks.

    >>> split(20), split(13), split(1)
    (Split(height=5, high=4, low=0), Split(height=5, high=1, low=2), Split(height=1, high=1, low=0))
    """
    blocks = -(-rows // MOST_ROWS)
    height = -(-rows // blocks)
    low = blocks * height - rows
    return Split(height, blocks - low, low)


def packs(rows: int, inner: int, columns: int, dtype: np.dtype[Any]) -> bool:
    """Whether products of these extents are faster with the right matrix packed."""
    return dtype in VECTOR and 0 < rows <= FEW and 2 * rows * inner * columns >= LEAST and inner > 1


def room(inner: int, columns: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros for a packed matrix (inner, columns), at an address vectors like."""
    width = 2 * VECTOR[dtype]
    blocks = -(-columns // width)
    raw = np.zeros(blocks * inner * width * dtype.itemsize + 64, np.uint8)
    start = -int(raw.__array_interface__["data"][0]) % 64
    return np.ndarray((blocks, inner, width), dtype, raw.data, start)


def pack(w: NDArray[Any], packed: NDArray[Any]) -> None:
    """Put a matrix (inner, columns) into the room made for it.

    >>> import numpy as np
    >>> w = np.arange(6.0).reshape(3, 2)
    >>> packed = room(3, 2, w.dtype)
    >>> pack(w, packed)
    >>> packed[0, :, :3].tolist()
    [[0.0, 1.0, 0.0], [2.0, 3.0, 0.0], [4.0, 5.0, 0.0]]
    """
    width = packed.shape[2]
    full, rest = divmod(w.shape[1], width)
    if full:
        whole = w[:, : full * width]
        item = w.strides[1]
        blocks = np.lib.stride_tricks.as_strided(whole, (full, w.shape[0], width), (width * item, w.strides[0], item))
        packed[:full] = blocks
    if rest:
        packed[full, :, :rest] = w[:, full * width :]


class Packed(NamedTuple):
    """A matrix that is packed before products run: an input by its number, or a leaf; its place, and the room for it."""

    source: int | Leaf
    place: Place
    room: NDArray[Any]

    def fill(self, inputs: Sequence[NDArray[Any]]) -> None:
        """Pack what stands there now."""
        array = inputs[self.source] if isinstance(self.source, int) else self.source._value
        pack(np.lib.stride_tricks.as_strided(array, self.place.shape, self.place.strides), self.room)


def pack_steps(building: Building, constant: Mapping[int, int | Leaf]) -> list[Packed]:
    """Let products with constant matrices on the right, which are given by id, be computed with those packed."""
    found: dict[Any, Packed] = {}
    for step in building.steps:
        x, w = step.nodes[0]._inputs[:2] if isinstance(step, ProductStep) else (None, None)
        if not isinstance(x, Tensor) or not isinstance(w, Tensor) or x.ndim != 2 or w.ndim != 2:
            continue
        y = step.nodes[0]._outputs[0]
        left, right, result = (building.places.of[id(each)] for each in (x, w, y))
        (rows, inner), columns = left.shape, right.shape[1]
        if right.root not in constant or right.offset or not packs(rows, inner, columns, right.dtype):
            continue
        key = right.root, right.shape, right.strides
        if key not in found:
            found[key] = Packed(constant[right.root], right, room(inner, columns, right.dtype))
        height, high, low = split(rows)
        step.address = native.address_of(packed_text(right.dtype, height), "kernel")
        step.numbers = [
            *building.address(x), *left.strides, int(found[key].room.__array_interface__["data"][0]),
            *building.address(y), result.strides[0], inner, columns, high, low,
        ]  # fmt: skip
    return list(found.values())


def packed_text(dtype: np.dtype[Any], height: int) -> str:
    """The module of products x @ w with blocks of this many rows, and of one less.

    Its numbers: the slot, offset and two strides in bytes of x; the address of the packed w; slot, offset and stride of
    rows in bytes of y; inner extent, columns, blocks of `height` rows, blocks of one less.
    """
    kind, lanes = TYPES[dtype], VECTOR[dtype]
    vector = f"<{lanes} x {kind}>"
    suffix = f"v{lanes}{'f32' if kind == 'float' else 'f64'}"
    item = dtype.itemsize
    width = 2 * lanes
    names = ("xs", "xo", "xr", "xc", "w", "ys", "yo", "yr", "inner", "columns", "high", "low")
    lines = [HEADER, "entry:", f"  %rest.room = alloca [{width} x {kind}], align 32"]
    for number, name in enumerate(names):
        lines.append(f"  %{name}.at = getelementptr i64, ptr %params, i64 {number}")
        lines.append(f"  %{name} = load i64, ptr %{name}.at")
    lines += [
        *_start("x"),
        *_start("y"),
        "  %packed = inttoptr i64 %w to ptr",
        f"  %more = add i64 %columns, {width - 1}",
        f"  %blocks = sdiv i64 %more, {width}",
        "  %lower = mul i64 %part, %blocks",
        "  %first = sdiv i64 %lower, %parts",
        "  %part.next = add i64 %part, 1",
        "  %upper = mul i64 %part.next, %blocks",
        "  %last = sdiv i64 %upper, %parts",
        f"  %block.bytes = mul i64 %inner, {width * item}",
        "  %some = icmp slt i64 %first, %last",
        "  br i1 %some, label %block, label %done",
        "block:",
        "  %b = phi i64 [ %first, %entry ], [ %b.next, %block.end ]",
        "  %b.offset = mul i64 %b, %block.bytes",
        "  %b.at = getelementptr i8, ptr %packed, i64 %b.offset",
        f"  %column = mul i64 %b, {width}",
        "  %left = sub i64 %columns, %column",
        f"  %whole = icmp sge i64 %left, {width}",
        f"  %y.offset = mul i64 %column, {item}",
        "  %y.block = getelementptr i8, ptr %y.start, i64 %y.offset",
        "  %any.high = icmp sgt i64 %high, 0",
        "  br i1 %any.high, label %high.rows, label %high.done",
        *_rows("high", height, kind, vector, suffix, lanes, item, "%block", "0"),
        "  %any.low = icmp sgt i64 %low, 0",
        "  br i1 %any.low, label %low.rows, label %block.end",
    ]
    if height > 1:
        lines.insert(len(lines) - 2, f"  %high.count = mul i64 %high, {height}")
        lines += _rows("low", height - 1, kind, vector, suffix, lanes, item, "%high.done", "%high.count")
        lines += ["  br label %block.end"]
    else:
        lines += ["low.rows:", "  br label %block.end"]
    lines += [
        "block.end:",
        "  %b.next = add i64 %b, 1",
        "  %b.more = icmp slt i64 %b.next, %last",
        "  br i1 %b.more, label %block, label %done",
        "done:",
        "  ret void",
        "}",
        f"declare {vector} @llvm.fmuladd.{suffix}({vector}, {vector}, {vector})",
        "",
    ]
    return "\n".join(lines)


def _start(name: str) -> list[str]:
    return [
        f"  %{name}.slot = getelementptr ptr, ptr %slots, i64 %{name}s",
        f"  %{name}.base = load ptr, ptr %{name}.slot",
        f"  %{name}.start = getelementptr i8, ptr %{name}.base, i64 %{name}o",
    ]


def _rows(
    label: str, rows: int, kind: str, vector: str, suffix: str, lanes: int, item: int, before: str, first: str
) -> list[str]:
    """A loop over blocks of rows, each a loop over the inner extent with all sums in registers; ends in `<label>.done`."""
    p, cells = label, [(m, v) for m in range(rows) for v in range(2)]
    lines = [
        f"{p}.rows:",
        f"  %{p}.r = phi i64 [ 0, {before} ], [ %{p}.r.next, %{p}.rows.end ]",
        f"  %{p}.r.rows = mul i64 %{p}.r, {rows}",
        f"  %{p}.row = add i64 %{p}.r.rows, {first}",
        f"  %{p}.x.offset = mul i64 %{p}.row, %xr",
        f"  %{p}.x.at = getelementptr i8, ptr %x.start, i64 %{p}.x.offset",
        f"  br label %{p}.inner",
        f"{p}.inner:",
        f"  %{p}.k = phi i64 [ 0, %{p}.rows ], [ %{p}.k.next, %{p}.inner ]",
    ]
    lines += [
        f"  %{p}.s{m}.{v} = phi {vector} [ zeroinitializer, %{p}.rows ], [ %{p}.n{m}.{v}, %{p}.inner ]"
        for m, v in cells
    ]
    lines.append(f"  %{p}.w.offset = mul i64 %{p}.k, {2 * lanes * item}")
    lines.append(f"  %{p}.w0.at = getelementptr i8, ptr %b.at, i64 %{p}.w.offset")
    lines.append(f"  %{p}.w1.at = getelementptr i8, ptr %{p}.w0.at, i64 {lanes * item}")
    lines += [f"  %{p}.w{v} = load {vector}, ptr %{p}.w{v}.at, align 16" for v in range(2)]
    lines.append(f"  %{p}.k.offset = mul i64 %{p}.k, %xc")
    lines.append(f"  %{p}.x0.at = getelementptr i8, ptr %{p}.x.at, i64 %{p}.k.offset")
    for m in range(rows):
        if m:
            lines.append(f"  %{p}.x{m}.at = getelementptr i8, ptr %{p}.x{m - 1}.at, i64 %xr")
        lines.append(f"  %{p}.x{m} = load {kind}, ptr %{p}.x{m}.at")
        lines.append(f"  %{p}.x{m}.one = insertelement {vector} poison, {kind} %{p}.x{m}, i32 0")
        lines.append(
            f"  %{p}.x{m}.all = shufflevector {vector} %{p}.x{m}.one, {vector} poison, <{lanes} x i32> zeroinitializer"
        )
    lines += [
        f"  %{p}.n{m}.{v} = call {vector} @llvm.fmuladd.{suffix}({vector} %{p}.x{m}.all, {vector} %{p}.w{v}, "
        f"{vector} %{p}.s{m}.{v})"
        for m, v in cells
    ]
    lines += [
        f"  %{p}.k.next = add nuw nsw i64 %{p}.k, 1",
        f"  %{p}.k.more = icmp slt i64 %{p}.k.next, %inner",
        f"  br i1 %{p}.k.more, label %{p}.inner, label %{p}.store",
        f"{p}.store:",
        f"  %{p}.y.offset = mul i64 %{p}.row, %yr",
        f"  %{p}.y0 = getelementptr i8, ptr %y.block, i64 %{p}.y.offset",
        *[f"  %{p}.y{m} = getelementptr i8, ptr %{p}.y{m - 1}, i64 %yr" for m in range(1, rows)],
        f"  br i1 %whole, label %{p}.wide, label %{p}.narrow0",
        f"{p}.wide:",
    ]
    for m, v in cells:
        lines.append(f"  %{p}.t{m}.{v} = getelementptr {kind}, ptr %{p}.y{m}, i64 {v * lanes}")
        lines.append(f"  store {vector} %{p}.n{m}.{v}, ptr %{p}.t{m}.{v}, align {item}")
    lines.append(f"  br label %{p}.rows.end")
    for m in range(rows):
        after = f"{p}.narrow{m + 1}" if m + 1 < rows else f"{p}.rows.end"
        lines += [
            f"{p}.narrow{m}:",
            f"  store {vector} %{p}.n{m}.0, ptr %rest.room, align 32",
            f"  %{p}.half{m} = getelementptr {kind}, ptr %rest.room, i64 {lanes}",
            f"  store {vector} %{p}.n{m}.1, ptr %{p}.half{m}, align 16",
            f"  br label %{p}.copy{m}",
            f"{p}.copy{m}:",
            f"  %{p}.c{m} = phi i64 [ 0, %{p}.narrow{m} ], [ %{p}.c{m}.next, %{p}.copy{m} ]",
            f"  %{p}.from{m} = getelementptr {kind}, ptr %rest.room, i64 %{p}.c{m}",
            f"  %{p}.value{m} = load {kind}, ptr %{p}.from{m}",
            f"  %{p}.to{m} = getelementptr {kind}, ptr %{p}.y{m}, i64 %{p}.c{m}",
            f"  store {kind} %{p}.value{m}, ptr %{p}.to{m}",
            f"  %{p}.c{m}.next = add i64 %{p}.c{m}, 1",
            f"  %{p}.c{m}.more = icmp slt i64 %{p}.c{m}.next, %left",
            f"  br i1 %{p}.c{m}.more, label %{p}.copy{m}, label %{after}",
        ]
    return [
        *lines,
        f"{p}.rows.end:",
        f"  %{p}.r.next = add i64 %{p}.r, 1",
        f"  %{p}.r.more = icmp slt i64 %{p}.r.next, %{p}",
        f"  br i1 %{p}.r.more, label %{p}.rows, label %{p}.done",
        f"{p}.done:",
    ]
