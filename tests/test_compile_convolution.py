"""Convolutions in plans: the kernels made for them beside the kinds' NumPy forwards, in all directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.nodes.convolution import Conv
from localgrad.run import native
from localgrad.run.convolution_grid import tile_of

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")

# images, channels, outputs, groups, extents, kernel, strides, padding, dilation
WINDOWS: list[tuple[Any, ...]] = [
    (2, 3, 4, 1, (10, 12), (3, 3), 1, 1, 1),
    (1, 3, 5, 1, (9, 11), (3, 3), 1, 0, 1),  # one image: threads share the channels
    (3, 4, 6, 2, (8, 8), (3, 3), 2, 1, 1),
    (2, 1, 6, 1, (28, 28), (5, 5), 1, 0, 1),
    (2, 6, 16, 1, (12, 12), (5, 5), 1, 0, 1),
    (2, 8, 8, 8, (16, 16), (3, 3), 1, 1, 1),  # depthwise
    (2, 4, 4, 1, (17, 19), (1, 1), 2, 0, 1),  # remainders that no entry of the kernel meets
    (2, 4, 7, 1, (16, 16), (3, 3), 1, 2, 2),
    (1, 16, 8, 1, (7, 7), (3, 3), 1, 1, 1),  # rows shorter than a vector
    (2, 3, 4, 1, (20, 21), (4, 4), 3, 2, 1),
    (7, 16, 16, 1, (8, 8), (3, 3), 1, 1, 1),  # several images summed together, and some left over
    (2, 5, 3, 1, (32, 9), (3, 2), (1, 2), (0, 1), 1),
    (2, 2, 2, 1, (16, 16), (3, 3), 2, 0, 3),
    (2, 3, 2, 1, (11, 33), (1, 7), (2, 3), (0, 3), (1, 2)),
    (2, 3, 4, 1, (23,), (4,), 2, 1, 1),
    (2, 2, 3, 1, (4, 5, 9), (2, 3, 3), 1, 1, 1),
    (2, 2, 3, 1, (3, 3), (3, 3), 1, 1, 1),  # too narrow: the NumPy forward
]


def given(window: tuple[Any, ...], dtype: Any) -> tuple[list[np.ndarray], Conv]:
    """Images, kernel, bias, and the kind."""
    count, channels, outputs, groups, extents, kernel, strides, padding, dilation = window
    rank = len(kernel)
    each = [v if isinstance(v, tuple) else (v,) * rank for v in (strides, padding, dilation)]
    kind = Conv.make(strides=each[0], pads=each[1] * 2, dilations=each[2], group=groups)
    rng = np.random.default_rng(7)
    shapes = [(count, channels, *extents), (outputs, channels // groups, *kernel), (outputs,)]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes], kind


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_all_directions_equal_numpy(window: Any, dtype: Any, threads: int) -> None:
    values, kind = given(window, dtype)

    def run(x: lg.Tensor, w: lg.Tensor, b: lg.Tensor) -> tuple[Any, ...]:
        y = Conv.on(x, w, b, **{name: getattr(kind, name) for name in ("strides", "pads", "dilations", "group")})
        return (y, *lg.gradients(lg.sum(y * y), [x, w, b]))

    lg.set_threads(threads)
    tensors = [lg.tensor(each) for each in values]
    exact = run(*(lg.tensor(each.astype(np.float64)) for each in values))
    plain, compiled = run(*tensors), lg.compile(run)(*tensors)
    for one, two, true in zip(plain, compiled, exact, strict=True):
        size = np.abs(true.data).max()
        bound = 2 * np.abs(one.data - true.data).max() + (1e-6 if dtype == np.float32 else 1e-14) * size
        assert np.abs(two.data - true.data).max() <= bound


def test_the_kernels_made_for_them_are_used() -> None:
    values, _ = given(WINDOWS[0], np.float32)
    compiled = lg.compile(lambda x, w: lg.gradients(lg.sum(lg.conv2d(x, w, padding=1) ** 2), [x, w]))
    compiled(*values[:2])
    shown = str(compiled.plan)
    assert (shown.count(" pack "), shown.count(" conv ")) == (2, 3)
    assert "numpy" not in shown


def test_threads_give_the_same_numbers() -> None:
    values, _ = given((5, 6, 10, 1, (14, 14), (3, 3), 1, 1, 1), np.float32)
    found = []
    for threads in (1, 2, 3):
        lg.set_threads(threads)
        run = lg.compile(lambda x, w: lg.gradients(lg.sum(lg.conv2d(x, w) ** 2), [x, w]))
        found.append([each.data for each in run(*values[:2])])
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_not_a_number_stays_where_it_is_seen() -> None:
    values, _ = given((2, 2, 3, 1, (9, 13), (3, 3), 1, 1, 1), np.float32)
    x, w = values[:2]
    x[0, 1, 4, 12], x[1, 0, 0, 0] = np.nan, np.inf

    def run(x: lg.Tensor, w: lg.Tensor) -> tuple[Any, ...]:
        y = lg.conv2d(x, w, padding=1)
        return (y, *lg.gradients(lg.sum(y), [x, w]))

    y, of_x, of_w = (each.data for each in lg.compile(run)(x, w))
    finite = np.pad(np.isfinite(x), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=True)
    seen = np.lib.stride_tricks.sliding_window_view(finite, (3, 3), (2, 3))
    assert np.array_equal(np.isfinite(y), np.broadcast_to(seen.all((1, 4, 5))[:, None], y.shape))
    assert np.array_equal(np.isfinite(of_w), np.broadcast_to(seen.all((0, 2, 3)), of_w.shape))
    assert np.isfinite(of_x).all()


def test_tiles_fit_the_channels_and_the_places() -> None:
    assert tile_of(64, 128) == (4, 3)
    assert tile_of(6, 100)[0] in (3, 6)
    assert tile_of(1, 100) == (1, 8)


def test_the_profile_counts_their_operations() -> None:
    values, _ = given(WINDOWS[0], np.float32)
    compiled = lg.compile(lambda x, w: lg.conv2d(x, w))
    compiled(*values[:2])
    assert compiled.plan is not None
    rows = {row.step.what: row for row in compiled.plan.profile(values[:2]).rows}
    assert rows["conv"].operations >= 2 * 2 * 4 * 8 * 10 * 27
    assert rows["pack"].operations == 0
