"""Convolution on arrays: what each window sees, as columns of a matrix, and matrix products, by chunks of images.

A chunk is as large as fits the processor's second-level cache. With stride 1 the rows of a window position run on over
the ends of the image's rows ("wide"): whole planes are then copied at once instead of short rows, and the few columns
that stand for no position are left out of the result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product as offsets
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.nodes.windows import Margins

Array = NDArray[Any]
CHUNK: Final = 1 << 17
"""Entries of the columns of one chunk."""
SPLIT: Final = 1 << 19
"""Entries beyond which the groups of one image are computed in parts."""
WASTE: Final = 2
"""Up to this many times the positions are computed where whole planes can be copied."""


class Sliding:
    """A window sliding over padded images, and the layout of its columns."""

    __slots__ = ("dilations", "kernel", "margins", "out", "padded", "places", "spatial", "strides", "wide")

    def __init__(
        self,
        spatial: Sequence[int],
        kernel: Sequence[int],
        out: Sequence[int],
        strides: Sequence[int],
        margins: Margins,
        dilations: Sequence[int],
    ) -> None:
        self.spatial, self.kernel, self.out = tuple(spatial), tuple(kernel), tuple(out)
        self.strides, self.margins, self.dilations = tuple(strides), margins, tuple(dilations)
        self.padded = tuple(extent + before + after for extent, (before, after) in zip(self.spatial, margins))
        row = self.padded[-1]
        for extent, count, taps, step, dilation in zip(self.padded, self.out, self.kernel, strides, dilations):
            if count > 0 and (count - 1) * step + (taps - 1) * dilation >= extent:
                # views of windows are made without further looks at the bounds of memory
                raise ShapeError(
                    f"{count} windows of {taps} entries, {step} apart, were to slide along an axis\n"
                    f"found: its padded length is {extent}\ndo: give tensors whose extents fit"
                )
        self.wide = (
            len(self.out) > 1 and self.strides[-2:] == (1, 1) and self.out[-2] > 1 and row <= WASTE * self.out[-1]
        )
        self.places = (*self.out[:-2], self.out[-2] * row) if self.wide else self.out

    @property
    def width(self) -> int:
        """Columns for one image."""
        return math.prod(self.places)

    @property
    def run(self) -> int:
        """How much of the last axis of `places` stands for positions (in between there are others, when wide)."""
        return (self.out[-2] - 1) * self.padded[-1] + self.out[-1] if self.wide else self.out[-1]

    def is_pointwise(self) -> bool:
        """Whether each position sees one entry of each channel, and all of them are seen."""
        return (
            math.prod(self.kernel) == 1
            and self.padded == self.spatial == self.out
            and not any(before for before, _ in self.margins)
        )

    # reading images ---------------------------------------------------------------------------------------------
    def bordered(self, x: Array) -> Array:
        """Images with their margins, contiguous."""
        if self.padded == self.spatial and not any(before for before, _ in self.margins):
            return np.ascontiguousarray(x)
        y = np.zeros((*x.shape[:2], *self.padded), x.dtype)
        self.fill(y, x)
        return y

    def fill(self, y: Array, x: Array) -> None:
        """Write images inside their margins."""
        there, here = self._inner()
        y[there] = x[here]

    def _inner(self) -> tuple[Any, Any]:
        there: list[Any] = [slice(None), slice(None)]
        here: list[Any] = [slice(None), slice(None)]
        for extent, padded, (before, _) in zip(self.spatial, self.padded, self.margins):
            low, high = max(before, 0), min(before + extent, padded)
            there.append(slice(low, max(high, low)))
            here.append(slice(low - before, max(high, low) - before))
        return tuple(there), tuple(here)

    def windows(self, x: Array) -> Array:
        """A view of contiguous padded images: (channels, *kernel, images, *places), the last one as long as `run`."""
        of_image, of_channel, *steps = x.strides
        between = [step * dilation for step, dilation in zip(steps, self.dilations)]
        along = [step * stride for step, stride in zip(steps, self.strides)]
        if self.wide:
            along = [*along[:-2], along[-1]]
        shape = (x.shape[1], *self.kernel, x.shape[0], *self.places[:-1], self.run)
        return as_strided(x, shape, (of_channel, *between, of_image, *along), writeable=False)

    def copy_columns(self, columns: Array, windows: Array) -> None:
        """Fill (channels, *kernel, images, *places) from a view of windows, with zeros where no position is."""
        if self.wide:
            columns[..., self.run :] = 0  # what memory held before could be NaN
        columns[..., : self.run] = windows

    def copy_rows(self, rows: Array, y: Array) -> None:
        """Fill (channels, images, *places) from (images, channels, *out), with zeros where no position is."""
        full = rows.reshape(*rows.shape[:2], *self._full())
        if self.wide:
            full[..., self.out[-1] :] = 0
        full[..., : self.out[-1]] = y.swapaxes(0, 1)

    def positions(self, rows: Array) -> Array:
        """(images, channels, *out) out of (channels, images, *places), as a view."""
        full = rows.reshape(*rows.shape[:2], *self._full())
        return full[..., : self.out[-1]].swapaxes(0, 1)

    def _full(self) -> tuple[int, ...]:
        return (*self.out[:-1], self.padded[-1]) if self.wide else self.out

    # writing images ---------------------------------------------------------------------------------------------
    def add_windows(self, images: Array, columns: Array) -> None:
        """Add (channels, *kernel, images, *places) to padded images (channels, images, *padded), each to what it saw."""
        run = self.run
        target = images
        if self.wide:
            target = images.reshape(*images.shape[:-2], -1)
            columns = columns[..., :run]
        for offset in offsets(*(range(extent) for extent in self.kernel)):
            starts = [each * dilation for each, dilation in zip(offset, self.dilations)]
            spots: list[Any] = [
                slice(start, start + (count - 1) * stride + 1, stride)
                for start, count, stride in zip(starts, self.out, self.strides)
            ]
            if self.wide:
                first = starts[-2] * self.padded[-1] + starts[-1]
                spots = [*spots[:-2], slice(first, first + run)]
            seen = target[(slice(None), slice(None), *spots)]
            taken: tuple[Any, ...] = (slice(None), *offset)
            np.add(seen, columns[taken], out=seen)

    def unbordered(self, images: Array) -> tuple[Array, Any]:
        """Padded images (channels, images, *padded) without margins, as (images, channels, ...), and where that stands."""
        there, here = self._inner()
        return images[there].swapaxes(0, 1), here

    def chunks(self, count: int, channels: int, group: int) -> Iterator[tuple[slice, slice]]:
        """Images and groups to be computed at once."""
        size = channels * math.prod(self.kernel) * self.width
        images = max(1, min(count, CHUNK // max(size, 1)))
        groups = group
        if size > SPLIT and group > 1:
            groups = max(1, min(group, SPLIT * group // size))
        for first in range(0, count, images):
            for low in range(0, group, groups):
                yield slice(first, min(first + images, count)), slice(low, min(low + groups, group))


def _part(scratch: Array, *shape: int) -> Array:
    return scratch[: math.prod(shape)].reshape(shape)


def _channels(groups: slice, each: int) -> slice:
    return slice(groups.start * each, groups.stop * each)


class _Columns:
    """The columns of one chunk of images after the other, in the same memory."""

    def __init__(self, sliding: Sliding, x: Array, group: int) -> None:
        self.sliding, self.x = sliding, x
        self.each = x.shape[1] // group
        self.bare = sliding.padded == sliding.spatial and not any(before for before, _ in sliding.margins)
        self.memory: Array | None = None
        self.border: Array | None = None
        if self.bare:
            self.windows = sliding.windows(np.ascontiguousarray(x))

    def __call__(self, images: slice, groups: slice) -> Array:
        """(groups, channels of one * kernel, images * places)."""
        sliding = self.sliding
        part = _channels(groups, self.each)
        count, channels = images.stop - images.start, part.stop - part.start
        if not self.bare:
            if self.border is None:  # made for the first chunk, which no other exceeds
                self.border = np.zeros((count, channels, *sliding.padded), self.x.dtype)
                self.windows = sliding.windows(self.border)
            sliding.fill(self.border[:count, :channels], self.x[images, part])
            images, part = slice(0, count), slice(0, channels)
        shape = (channels, *sliding.kernel, count, *sliding.places)
        if self.memory is None:
            self.memory = np.empty(math.prod(shape), self.x.dtype)
        columns = _part(self.memory, *shape)
        chosen: tuple[Any, ...] = (part, *(slice(None),) * len(sliding.kernel), images)
        sliding.copy_columns(columns, self.windows[chosen])
        return columns.reshape(groups.stop - groups.start, -1, count * sliding.width)


def convolved(x: Array, w: Array, b: Array | None, sliding: Sliding, group: int) -> Array:
    """The sum of products of a kernel with what each window sees: (images, outputs, *out)."""
    count, channels = x.shape[:2]
    outputs = w.shape[0]
    y = np.empty((count, outputs, *sliding.out), x.dtype)
    if not y.size:
        return y
    matrix = w.reshape(group, outputs // group, -1)
    bias = None if b is None else b.reshape(-1, *(1,) * len(sliding.out))
    if sliding.is_pointwise() and sliding.width >= 64:
        flat = np.ascontiguousarray(x).reshape(count, group, -1, sliding.width)
        np.matmul(matrix, flat, out=y.reshape(count, group, -1, sliding.width))
        return y if bias is None else np.add(y, bias, out=y)
    columns = _Columns(sliding, x, group)
    each = outputs // group
    memory: Array | None = None
    for images, groups in sliding.chunks(count, channels, group):
        seen = columns(images, groups)
        shape = (seen.shape[0], each, seen.shape[2])
        if memory is None:
            memory = np.empty(math.prod(shape), x.dtype)
        rows = np.matmul(matrix[groups], seen, out=_part(memory, *shape))
        made = sliding.positions(rows.reshape(-1, images.stop - images.start, *sliding.places))
        part = _channels(groups, each)
        if bias is None:
            y[images, part] = made
        else:
            np.add(made, bias[part], out=y[images, part])
    return y


def spread(g: Array, w: Array, b: Array | None, sliding: Sliding, group: int) -> Array:
    """Each position's gradient times the kernel, added to what its window saw: (images, channels, *spatial)."""
    count, outputs = g.shape[:2]
    each = w.shape[1]
    channels = each * group
    if sliding.is_pointwise() or (set(sliding.strides) == {1} and 2 * outputs <= 3 * channels):
        return convolved(g, _turned(w, group), b, _backwards(sliding), group)
    x = np.zeros((count, channels, *sliding.spatial), g.dtype)
    if x.size and g.size:
        matrix = np.ascontiguousarray(w.reshape(group, outputs // group, -1).swapaxes(1, 2))
        memory: list[Array] = []
        for images, groups in sliding.chunks(count, channels, group):
            number, wide = images.stop - images.start, groups.stop - groups.start
            shapes = (
                (wide * (outputs // group), number, *sliding.places),
                (wide, matrix.shape[1], number * sliding.width),
                (wide * each, number, *sliding.padded),
            )
            if not memory:
                memory = [np.empty(math.prod(shape), g.dtype) for shape in shapes]
            rows, columns, padded = (_part(scratch, *shape) for scratch, shape in zip(memory, shapes))
            sliding.copy_rows(rows, g[images, _channels(groups, outputs // group)])
            np.matmul(matrix[groups], rows.reshape(wide, -1, number * sliding.width), out=columns)
            padded[...] = 0
            sliding.add_windows(padded, columns.reshape(-1, *sliding.kernel, number, *sliding.places))
            inner, where = sliding.unbordered(padded)
            x[images, _channels(groups, each)][where] = inner
    if b is not None:
        x += b.reshape(-1, *(1,) * len(sliding.out))
    return x


def _turned(w: Array, group: int) -> Array:
    """The kernel that convolves backwards: taps in reverse order, inputs and outputs exchanged."""
    turned = w.reshape(group, -1, *w.shape[1:]).swapaxes(1, 2)
    backwards: tuple[Any, ...] = (..., *(slice(None, None, -1),) * (w.ndim - 2))
    return np.ascontiguousarray(turned[backwards]).reshape(w.shape[1] * group, w.shape[0] // group, *w.shape[2:])


def _backwards(sliding: Sliding) -> Sliding:
    """The window that slides over the outputs, for a stride of 1."""
    reach = [(extent - 1) * step for extent, step in zip(sliding.kernel, sliding.dilations)]
    margins = tuple(
        # what an output padding added lies behind the last place, and is reached by the margin alone
        (each - before, extent + before - count)
        for each, (before, _), extent, count in zip(reach, sliding.margins, sliding.spatial, sliding.out)
    )
    return Sliding(sliding.out, sliding.kernel, sliding.spatial, sliding.strides, margins, sliding.dilations)


def kernel_gradient(x: Array, g: Array, sliding: Sliding, group: int) -> Array:
    """The sum, over images and positions, of gradient times what the window saw: (outputs, channels of one group, *kernel)."""
    count, channels = x.shape[:2]
    outputs = g.shape[1]
    each = outputs // group
    total = np.zeros((group, each, channels // group * math.prod(sliding.kernel)), x.dtype)
    if total.size and g.size:
        if sliding.is_pointwise() and sliding.width >= 64:
            flat = np.ascontiguousarray(x).reshape(count, group, -1, sliding.width)
            rows = np.ascontiguousarray(g).reshape(count, group, -1, sliding.width)
            np.add.reduce(np.matmul(rows, flat.swapaxes(2, 3)), axis=0, out=total)
        else:
            columns = _Columns(sliding, x, group)
            memory: Array | None = None
            for images, groups in sliding.chunks(count, channels, group):
                seen = columns(images, groups)
                shape = (seen.shape[0] * each, images.stop - images.start, *sliding.places)
                if memory is None:
                    memory = np.empty(math.prod(shape), x.dtype)
                rows = _part(memory, *shape)
                sliding.copy_rows(rows, g[images, _channels(groups, each)])
                total[groups] += np.matmul(rows.reshape(seen.shape[0], each, -1), seen.swapaxes(1, 2))
    return total.reshape(outputs, channels // group, *sliding.kernel)
