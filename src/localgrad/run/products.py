"""Products: matrix products through the BLAS that NumPy brings along, into memory of the plan's, transposes as flags."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from localgrad.run.places import Place
from localgrad.run.text import HEADER

ROW_MAJOR: Final = 101
NORMAL: Final = 111
TRANSPOSED: Final = 112
UNIT: Final = 64
"""Rows or columns that stay together on one thread."""
STACKED: Final = 4
"""Products in a stack from which each is computed on one thread."""


@lru_cache(1)
def blas() -> Any:
    """NumPy's own copy of OpenBLAS with 64-bit integers; None where there is no such file."""
    base = Path(np.__file__).parent
    for folder in (base.parent / "numpy.libs", base / ".dylibs"):
        for path in sorted(folder.glob("libscipy_openblas64_*")):
            try:
                found = ctypes.CDLL(str(path))
            except OSError:
                continue
            if hasattr(found, "scipy_cblas_sgemm64_") and hasattr(found, "scipy_cblas_dgemm64_"):
                return found
    return None


@lru_cache(2)
def gemm_address(dtype: str) -> int:
    """The address of the product of two matrices; 0 where it cannot be called by address."""
    found = blas()
    if found is None or sys.maxsize < 2**32:
        return 0
    name = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}.get(dtype)
    return 0 if name is None else ctypes.cast(getattr(found, name), ctypes.c_void_p).value or 0


def threads() -> int:
    """How many threads the products of this process use; 0 where that is not known."""
    found = blas()
    return int(found.scipy_openblas_get_num_threads64_()) if found is not None else 0


def use_threads(count: int) -> None:
    """Let the products of this process use so many threads."""
    found = blas()
    if found is not None:
        found.scipy_openblas_set_num_threads64_(ctypes.c_int(count))


class Matrix(NamedTuple):
    """A matrix as BLAS wants it: whether it stands transposed, and the distance of its lines in entries."""

    transposed: bool
    leading: int


def as_matrix(rows: int, columns: int, row_stride: int, column_stride: int, itemsize: int) -> Matrix | None:
    """A matrix with strides in bytes as BLAS wants it; None where its entries lie too far apart, or on each other."""
    if columns == 1:
        column_stride = itemsize
    if rows == 1:
        row_stride = max(columns, 1) * itemsize if column_stride == itemsize else itemsize
    if column_stride == itemsize and row_stride % itemsize == 0 and row_stride >= columns * itemsize:
        return Matrix(False, row_stride // itemsize)
    if row_stride == itemsize and column_stride % itemsize == 0 and column_stride >= rows * itemsize:
        return Matrix(True, column_stride // itemsize)
    return None


class Product(NamedTuple):
    """A stack of products: extents, and for each of x, w and y its place, matrix, and strides along the stack."""

    rows: int
    columns: int
    inner: int
    stack: tuple[int, int]
    matrices: tuple[Matrix, Matrix]
    steps: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.columns * self.inner * self.stack[0] * self.stack[1]


def product_of(x: Place, w: Place, y: Place) -> Product | None:
    """How to compute x @ w into y with BLAS; None where that is not possible."""
    if not (x.dtype == w.dtype == y.dtype) or not gemm_address(y.dtype.name) or not (x.size and w.size and y.size):
        return None
    item = y.dtype.itemsize
    if len(x.shape) == 1:
        x = x._replace(shape=(1, *x.shape), strides=(x.shape[0] * item, *x.strides))
        y = y._replace(
            shape=(*y.shape[:-1], 1, *y.shape[-1:]) if len(w.shape) > 1 else (1, *y.shape),
            strides=(*y.strides[:-1], (y.shape[-1] if y.shape else 1) * item, *y.strides[-1:])
            if len(w.shape) > 1
            else (item, *y.strides),
        )
    if len(w.shape) == 1:
        w = w._replace(shape=(*w.shape, 1), strides=(*w.strides, item))
        y = y._replace(shape=(*y.shape, 1), strides=(*y.strides, item))
    rows, inner, columns = x.shape[-2], x.shape[-1], w.shape[-1]
    first = as_matrix(rows, inner, x.strides[-2], x.strides[-1], item)
    second = as_matrix(inner, columns, w.strides[-2], w.strides[-1], item)
    if first is None or second is None or y.shape[-2:] != (rows, columns):
        return None
    lead = y.shape[:-2]
    axes = []
    for place in (x, w, y):
        missing = len(lead) - (len(place.shape) - 2)
        axes.append(
            [0] * missing
            + [
                0 if extent == 1 else stride
                for extent, stride in zip(place.shape[:-2], place.strides[:-2], strict=True)
            ]
        )
    merged: list[tuple[int, list[int]]] = []
    for axis, extent in enumerate(lead):
        strides = [each[axis] for each in axes]
        if extent == 1:
            continue
        if merged and all(a == b * extent for a, b in zip(merged[-1][1], strides, strict=True)):
            merged[-1] = (merged[-1][0] * extent, strides)
        else:
            merged.append((extent, strides))
    if len(merged) == 1 and first.transposed is False and merged[0][1][1] == 0:
        # one matrix on the right for a whole stack: one tall product, where the stack is dense
        extent, strides = merged[0]
        if strides[0] == rows * first.leading * item and strides[2] == rows * columns * item:
            rows, merged = rows * extent, []
    while len(merged) < 2:
        merged.insert(0, (1, [0, 0, 0]))
    if len(merged) > 2:
        return None
    (outer, outer_steps), (middle, middle_steps) = merged
    steps = tuple((outer_steps[place], middle_steps[place]) for place in range(3))
    return Product(rows, columns, inner, (outer, middle), (first, second), steps)  # type: ignore[arg-type]


def product_text(kind: str) -> str:
    """The module of the product of stacks of matrices of "float" or "double"."""
    one, zero = "1.0", "0.0"
    return f"""
{HEADER}
entry:
{_arguments()}
  %sum.a = add i64 %p23, {UNIT - 1}
  %units = sdiv i64 %sum.a, {UNIT}
  %part.next = add i64 %part, 1
  %first.a = mul i64 %part, %units
  %first.b = sdiv i64 %first.a, %parts
  %first.c = mul i64 %first.b, {UNIT}
  %first.more = icmp slt i64 %first.c, %p23
  %first = select i1 %first.more, i64 %first.c, i64 %p23
  %last.a = mul i64 %part.next, %units
  %last.b = sdiv i64 %last.a, %parts
  %last.c = mul i64 %last.b, {UNIT}
  %last.more = icmp slt i64 %last.c, %p23
  %last = select i1 %last.more, i64 %last.c, i64 %p23
  %length = sub i64 %last, %first
  %is.rows = icmp eq i64 %p24, 1
  %is.columns = icmp eq i64 %p24, 2
  %is.stack = icmp eq i64 %p24, 0
  %rows = select i1 %is.rows, i64 %length, i64 %p1
  %columns = select i1 %is.columns, i64 %length, i64 %p2
  %stack.a = mul i64 %part, %p9
  %stack.b = sdiv i64 %stack.a, %parts
  %stack.c = mul i64 %part.next, %p9
  %stack.d = sdiv i64 %stack.c, %parts
  %i.first = select i1 %is.stack, i64 %stack.b, i64 0
  %i.last = select i1 %is.stack, i64 %stack.d, i64 %p9
  %moved = select i1 %is.stack, i64 0, i64 %first
  %shift.a = mul i64 %moved, %p25
  %shift.b = mul i64 %moved, %p26
  %shift.c = mul i64 %moved, %p27
  %some.units = icmp sgt i64 %length, 0
  %some.stack = icmp slt i64 %i.first, %i.last
  %some = select i1 %is.stack, i1 %some.stack, i1 %some.units
  br i1 %some, label %begin, label %done
begin:
  %call.address = inttoptr i64 %p0 to ptr
  %ta = trunc i64 %p4 to i32
  %tb = trunc i64 %p5 to i32
  br label %outer
outer:
  %i = phi i64 [ %i.first, %begin ], [ %i.next, %outer.end ]
  br label %middle
middle:
  %j = phi i64 [ 0, %outer ], [ %j.next, %middle ]
{_address("a", 11)}
{_address("b", 15)}
{_address("c", 19)}
  call void %call.address(i32 {ROW_MAJOR}, i32 %ta, i32 %tb, i64 %rows, i64 %columns, i64 %p3, {kind} {one}, ptr %a, i64 %p6, ptr %b, i64 %p7, {kind} {zero}, ptr %c, i64 %p8)
  %j.next = add i64 %j, 1
  %j.more = icmp slt i64 %j.next, %p10
  br i1 %j.more, label %middle, label %outer.end
outer.end:
  %i.next = add i64 %i, 1
  %i.more = icmp slt i64 %i.next, %i.last
  br i1 %i.more, label %outer, label %done
done:
  ret void
}}
"""


def _arguments() -> str:
    return "\n".join(
        f"  %q{number} = getelementptr i64, ptr %params, i64 {number}\n  %p{number} = load i64, ptr %q{number}"
        for number in range(28)
    )


def _address(name: str, first: int) -> str:
    return f"""  %{name}.slot = getelementptr ptr, ptr %slots, i64 %p{first}
  %{name}.base = load ptr, ptr %{name}.slot
  %{name}.outer = mul i64 %i, %p{first + 2}
  %{name}.middle = mul i64 %j, %p{first + 3}
  %{name}.sum = add i64 %{name}.outer, %{name}.middle
  %{name}.part = add i64 %{name}.sum, %shift.{name}
  %{name}.offset = add i64 %{name}.part, %p{first + 1}
  %{name} = getelementptr i8, ptr %{name}.base, i64 %{name}.offset"""


def product_parameters(
    product: Product, dtype: str, places: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
) -> list[int]:
    """The parameters of that module's function; places are slots and offsets of x, w and y."""
    first, second = product.matrices
    numbers = [
        gemm_address(dtype), product.rows, product.columns, product.inner,
        TRANSPOSED if first.transposed else NORMAL, TRANSPOSED if second.transposed else NORMAL,
        first.leading, second.leading, product.columns, *product.stack,
    ]  # fmt: skip
    for (slot, offset), steps in zip(places, product.steps, strict=True):
        numbers += [slot, offset, *steps]
    return [*numbers, *_sharing(product, np.dtype(dtype).itemsize)]


def _sharing(product: Product, item: int) -> list[int]:
    """How parts share a product: the stack, or the longer one of rows and columns.

    Gives the extent, which of the three, and the bytes from one row or column to the next in x, w and y.
    """
    first, second = product.matrices
    if product.stack[0] >= STACKED:
        return [1, 0, 0, 0, 0]
    if product.rows >= product.columns:
        return [product.rows, 1, item if first.transposed else first.leading * item, 0, product.columns * item]
    return [product.columns, 2, 0, second.leading * item if second.transposed else item, item]


def product_work(product: Product) -> float:
    """About how many nanoseconds a product takes on one thread."""
    return 300.0 * product.stack[0] * product.stack[1] + product.operations / 50
