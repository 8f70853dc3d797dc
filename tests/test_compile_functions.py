"""Compiled elementwise functions: their errors in units of the last place, and their values at the edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from localgrad.run import native
from localgrad.run.kernel import Kernel, Port
from localgrad.run.lowering import Lowering, Typed

pytestmark = pytest.mark.skipif(not native.available(), reason="llvmlite is not installed")

DTYPES = [np.float32, np.float64]
BOUNDS = {"exp": 1.5, "exp2": 1.5, "expm1": 2.0, "log": 1.5, "log2": 2.5, "log10": 2.5, "log1p": 2.0, "tanh": 3.0}


def computed(name: str, x: np.ndarray) -> np.ndarray:
    """A function of one argument by its kernel."""
    import ctypes

    lowering = Lowering()
    argument = Typed(lowering.load(0, x.dtype), x.dtype, 1)
    result = lowering.operation(name, [argument])
    kernel = Kernel(
        1, tuple(lowering.operations), (Port(x.dtype, "1"),), ((result.place, Port(result.dtype, "1")),), ()
    )
    y = np.empty(x.shape, result.dtype)
    slots = np.array([x.ctypes.data, y.ctypes.data], np.int64)
    numbers = np.array([x.size, 0, 0, x.itemsize, 1, 0, y.itemsize], np.int64)
    arguments = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
    call = native.function(native.address_of(kernel.text, "kernel"), *arguments)
    call(slots.ctypes.data, numbers.ctypes.data, 0, 1)
    return y


def samples(dtype: Any) -> np.ndarray:
    """Numbers of every size and sign, many near 0 and 1, and the ends of the range."""
    generator = np.random.default_rng(0)
    limits = np.finfo(dtype)
    bits = generator.integers(0, 2**limits.bits, 20_000, dtype=np.uint64)
    anything = bits.astype(f"uint{limits.bits}").view(dtype)
    size = 10.0 ** generator.uniform(-12, 3, 20_000)
    ends = [0.0, np.inf, np.nan, limits.tiny, limits.smallest_subnormal, 1.0, limits.max, 2.0**-24, 2.0**-53]
    overflows = [88.7228, 88.723, 103.9, 104.0, 709.78, 709.79, 745.13, 745.14, 128.0, 149.5, 1024.0, 1075.0]
    parts = [
        anything,
        generator.uniform(-2, 2, 20_000),
        generator.uniform(0.9, 1.1, 10_000),
        generator.uniform(-110, 110, 10_000),
        generator.uniform(-800, 800, 10_000),
        size,
        -size,
        np.array(ends + overflows),
        -np.array(ends + overflows),
    ]
    return np.concatenate([part.astype(dtype) for part in parts])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_errors_are_within_their_bounds(name: str, dtype: Any) -> None:
    if np.finfo(np.longdouble).nmant <= np.finfo(dtype).nmant:
        pytest.skip("no wider float to compare with here")
    x = samples(dtype)
    y = computed(name, x)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(np.longdouble))
        rounded = wanted.astype(dtype)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.abs(y.astype(np.longdouble) - wanted) / unit
    same = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
    error = np.where(same, 0, np.where(np.isnan(error), np.inf, error))
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS[name], f"{name}({x[worst]!r}) gave {y[worst]!r}, {error[worst]} units off"


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_is_the_interpreters(dtype: Any) -> None:
    from localgrad.nodes.special import erf

    x = samples(dtype)
    y, wanted = computed("erf", x), erf(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    finite = ~np.isnan(wanted)
    assert np.all(np.abs(y - wanted)[finite] <= 2 * np.spacing(np.abs(wanted[finite])))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_odd_functions_keep_the_sign_of_zero_and_denormals(name: str, dtype: Any) -> None:
    least = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, least, -least, 5 * least, -5 * least], dtype)
    y = computed(name, x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, function", [("abs", np.abs), ("sqrt", np.sqrt), ("floor", np.floor), ("ceil", np.ceil),
    ("trunc", np.trunc), ("round", np.rint), ("sign", np.sign), ("negative", np.negative), ("isnan", np.isnan),
    ("isinf", np.isinf), ("isfinite", np.isfinite)])  # fmt: skip
def test_exact_functions_are_exact(name: str, function: Any, dtype: Any) -> None:
    x = np.concatenate([samples(dtype)[::7], np.array([0.5, -0.5, 1.5, 2.5, -2.5, -0.0, np.nan, np.inf], dtype)])
    with np.errstate(all="ignore"):
        wanted = function(x)
    y = computed(name, x)
    assert y.dtype == wanted.dtype
    np.testing.assert_array_equal(y, wanted)


def test_powers_of_two_are_exact() -> None:
    x = np.arange(-140, 120).astype(np.float32)
    np.testing.assert_array_equal(computed("exp2", x), np.exp2(x))
    np.testing.assert_array_equal(computed("log2", np.exp2(x)), x)
