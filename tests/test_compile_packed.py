"""Products of few rows with a packed matrix: the kernel alone against NumPy, and scans that use it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from localgrad.run import native
from localgrad.run.packed import pack, packed_text, packs, room, split

if not native.available():
    pytest.skip("kernels need llvmlite", allow_module_level=True)


def product(x: Any, w: Any, parts: int = 1, gap: int = 0) -> Any:
    """The product of x and w by the kernel, into a y whose rows lie `gap` entries apart."""
    rows, columns = x.shape[0], w.shape[1]
    y = np.full((rows, columns + gap), -7, x.dtype)
    packed = room(*w.shape, x.dtype)
    pack(w, packed)
    height, high, low = split(rows)
    slots = np.array([x.__array_interface__["data"][0], y.__array_interface__["data"][0]], np.int64)
    numbers = np.array(
        [0, 0, *x.strides, packed.__array_interface__["data"][0], 1, 0, y.strides[0], *w.shape, high, low], np.int64
    )
    kernel = native.function(
        native.address_of(packed_text(x.dtype, height), "kernel"),
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
    )  # fmt: skip
    for part in range(parts):
        kernel(slots.ctypes.data, numbers.ctypes.data, part, parts)
    assert (y[:, columns:] == -7).all()
    return y[:, :columns]


def near(found: Any, x: Any, w: Any) -> None:
    wide = x.astype(np.float64), w.astype(np.float64)
    bound = np.abs(wide[0]) @ np.abs(wide[1]) * np.finfo(x.dtype).eps * (x.shape[1] + 2)
    assert (np.abs(found - wide[0] @ wide[1]) <= bound).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 2, 5, 6, 7, 11, 13, 20, 31, 64])
@pytest.mark.parametrize(("inner", "columns"), [(1, 1), (2, 16), (3, 7), (17, 17), (10, 40), (31, 101)])
def test_the_kernel_gives_what_numpy_gives(rows: int, inner: int, columns: int, dtype: Any) -> None:
    random = np.random.default_rng(rows)
    x, w = random.normal(size=(rows, inner)).astype(dtype), random.normal(size=(inner, columns)).astype(dtype)
    near(product(x, w), x, w)


@pytest.mark.parametrize("parts", [2, 3, 9])
def test_parts_together_do_all_of_it(parts: int) -> None:
    random = np.random.default_rng(1)
    x, w = random.normal(size=(9, 12)), random.normal(size=(12, 43))
    near(product(x, w, parts, gap=3), x, w)


def test_matrices_may_be_transposed_or_parts_of_others() -> None:
    random = np.random.default_rng(2)
    x, w = random.normal(size=(12, 20)).T[::2], random.normal(size=(90, 12)).T[:, 5:80:3]
    near(product(x, w), x, w)


def test_nan_and_infinity_come_through() -> None:
    x, w = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)
    x[0, 1], w[2, 3] = np.inf, np.nan
    found = product(x, w)
    np.testing.assert_array_equal(found, x @ w)


def test_many_rows_and_other_dtypes_are_not_for_it() -> None:
    assert packs(20, 100, 400, np.dtype(np.float32))
    assert not packs(700, 100, 400, np.dtype(np.float32))
    assert not packs(20, 100, 400, np.dtype(np.int64))
    assert not packs(0, 100, 400, np.dtype(np.float64))
