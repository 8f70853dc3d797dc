"""Pooling: the largest entry or the mean of what a sliding window sees, channel by channel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, format_shape, is_static
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import need_spec, shape_of
from localgrad.nodes.windows import Windowed, divided_up, need_floats

Array: TypeAlias = "NDArray[Any]"
Tap: TypeAlias = "tuple[slice, slice]"
"""For one tap of a window along one axis: the places where it lies inside, and the entries it sees there."""
CHUNK: Final = 1 << 17
"""Entries of the images that are looked at together."""


class Pooling(Windowed):
    """What pooling kinds share: a window of `kernel_shape`, which with `ceil_mode` may stand over the end."""

    family: ClassVar[str] = "pooling"
    kernel_shape: tuple[int, ...] = ()
    ceil_mode: bool = False

    def places(self, extent: Extent, reach: Extent, step: int, before: int, after: int) -> Extent:
        if not self.ceil_mode:
            return super().places(extent, reach, step, before, after)
        # the last window may stand over the end, but begins on an entry or on the padding before
        over: Any = reach
        return divided_up(extent + before + min(after + step - over, 0), step)  # type: ignore[no-any-return]

    def check_rank(self, rank: int) -> None:
        if not rank:
            raise ShapeError(
                f"{self.name} needs the extents of its window\nfound: none\ndo: give kernel_shape, as (2, 2)"
            )
        super().check_rank(rank)
        pads = self.pads or (0,) * (2 * rank)
        reaches: Any = self.reaches(self.kernel_shape)
        if any(pad >= reach for pad, reach in zip(pads, reaches * 2)):
            raise ShapeError(
                f"{self.name} was given pads {pads}\nfound: a window of {reaches} would lie in the padding alone\n"
                "do: pad less than the window"
            )

    def pooled(self, spec: Spec, index: int = 0) -> Shape:
        """The shape of the result for images of this spec; raises ShapeError where they do not fit."""
        rank = len(self.kernel_shape)
        self.check_rank(rank)
        if spec.ndim != rank + 2:
            hint = "x[None] adds a batch of one" if spec.ndim == rank + 1 else "the window has one extent for each axis"
            raise ShapeError(
                f"{self.name} with a window of {self.kernel_shape} was asked of {{{index}}} of shape "
                f"{format_shape(spec.shape)}\nfound: rank {spec.ndim}, not {rank + 2}\n"
                f"do: give (batch, channels, *extents); {hint}"
            )
        return (*spec.shape[:2], *self.extents(spec.shape[2:], self.kernel_shape, f"{{{index}}}"))

    def need_pooled(self, spec: Spec, index: int, wanted: Shape) -> None:
        """Raise ShapeError for an input that should have one entry for each place, and has not."""
        if len(wanted) != spec.ndim or (is_static(wanted) and is_static(spec.shape) and spec.shape != wanted):
            raise ShapeError(
                f"{self.name} was given {{{index}}} of shape {format_shape(spec.shape)}\n"
                f"found: the places of its window have shape {format_shape(wanted)}\ndo: give one entry for each place"
            )

    def taps(self, spatial: Sequence[int]) -> tuple[tuple[int, ...], list[list[Tap]]]:
        """The number of places and the taps along each axis of images of these extents."""
        kernel = self.kernel_shape
        rank = len(kernel)
        counts: Any = self.extents(tuple(spatial), kernel)
        margins = self.margins(spatial, kernel)
        geometry = zip(spatial, counts, kernel, self.steps(rank), self.spacings(rank), margins)
        return counts, [
            [tap(extent, count, each * gap - before, step) for each in range(taps)]
            for extent, count, taps, step, gap, (before, _) in geometry
        ]

    def is_disjoint(self) -> bool:
        """Whether no entry is seen from two places."""
        rank = len(self.kernel_shape)
        reaches: Any = self.reaches(self.kernel_shape)
        return all(step >= reach for step, reach in zip(self.steps(rank), reaches))


def tap(extent: int, count: int, start: int, step: int) -> Tap:
    """The places of a window where the entry `start` after its begin lies on the axis, and these entries."""
    low = max(0, -(start // step))
    high = max(low, min(count, (extent - 1 - start) // step + 1))
    if low == high:
        return slice(0, 0), slice(0, 0)
    first = low * step + start
    return slice(low, high), slice(first, first + (high - low - 1) * step + 1, step)


def along(axis: int, part: slice) -> tuple[Any, ...]:
    """An index of one axis."""
    return (*(slice(None),) * axis, part)


def gathered(x: Array, counts: Sequence[int], taps: Sequence[Sequence[Tap]], combine: Any, start: Any) -> Array:
    """What windows see, combined one axis after the other, as windows are boxes."""
    for axis, (count, each) in enumerate(zip(counts, taps), 2):
        whole = slice(0, count)
        first = each[0]
        if len(each) > 1 and first[0] == whole == each[1][0]:
            y = combine(x[along(axis, first[1])], x[along(axis, each[1][1])])
            rest = each[2:]
        else:
            y = np.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), start, x.dtype)
            rest = each
        for places, entries in rest:
            target = y[along(axis, places)]
            combine(target, x[along(axis, entries)], out=target)
        x = y
    return x


def scattered(g: Array, spatial: Sequence[int], taps: Sequence[Sequence[Tap]]) -> Array:
    """Each place's entry added to all that its window sees, one axis after the other."""
    for axis, (extent, each) in reversed(list(enumerate(zip(spatial, taps), 2))):
        x = np.zeros((*g.shape[:axis], extent, *g.shape[axis + 1 :]), g.dtype)
        for places, entries in each:
            target = x[along(axis, entries)]
            np.add(target, g[along(axis, places)], out=target)
        g = x
    return g


# the largest --------------------------------------------------------------------------------------------------------
@kind
class MaxPool(Pooling):
    """The largest entry a window sees in each channel; the first of several gets the gradient."""

    formula = r"y_{n c i j} = \max_{k l}\, x_{n, c, i s + k d - p, j s + l d - p}"
    onnx = "MaxPool"

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        if spec.dtype.kind == "b":
            raise DTypeError(f"{self.name} was asked of {{0}}\nfound: bools\ndo: convert with .astype(np.float32)")
        return spec.with_shape(self.pooled(spec))

    def forward(self, x: Value) -> Value:
        counts, taps = self.taps(x.shape[2:])
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        y = gathered(x, counts, taps, np.maximum, lowest)
        return y.copy() if y is x else y

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return MaxPoolGradient.on(grad, x, y, **self.field_values())


class Choosing(Pooling):
    """A kind that looks at the first largest entry x has in each window, y being MaxPool of x."""

    family: ClassVar[str] = "gradient"

    def chosen(self, x: Array, y: Array) -> Iterator[tuple[slice, tuple[Any, ...], tuple[Any, ...], Array]]:
        """For some images and each tap: places, entries, and whether the entry is the first largest of its place."""
        _, taps = self.taps(x.shape[2:])
        images = max(1, CHUNK // max(math.prod(x.shape[1:]), 1))
        for low in range(0, x.shape[0], images):
            part = slice(low, low + images)
            some, most = x[part], y[part]
            free = np.ones(most.shape, np.bool_)
            flat = most.ravel()
            missing = bool(np.isnan(np.dot(flat, flat)))
            for spot in product(*taps):
                places: tuple[Any, ...] = (..., *(each for each, _ in spot))
                entries: tuple[Any, ...] = (..., *(each for _, each in spot))
                seen = some[entries]
                first = seen == most[places]
                if missing:
                    first |= seen != seen
                untaken = free[places]
                first &= untaken
                untaken ^= first
                yield part, places, entries, first


def bits(x: Array) -> Array:
    """Floats as unsigned integers: times 0 or 1 they are chosen, whatever they are."""
    return x.view(f"u{x.itemsize}")


@kind
class MaxPoolGradient(Choosing):
    """Zeros like x, with the gradient of each place added at the first largest entry its window sees (y: MaxPool of x)."""

    formula = r"\bar x_a = \sum_{i:\, a = \operatorname{argmax}_{k} x_{i s + k}} \text{grad}_i"
    inputs = ("grad", "x", "y")

    def shape(self, grad: SpecLike, x: SpecLike, y: SpecLike) -> Spec:
        spec, places = need_spec(self, x, 1), need_spec(self, grad)
        wanted = self.pooled(spec, 1)
        for index, each in ((0, places), (2, need_spec(self, y, 2))):
            self.need_pooled(each, index, wanted)
        need_floats(self, places, 0)
        return spec.with_dtype(places.dtype)

    def forward(self, grad: Value, x: Value, y: Value) -> Value:
        of_x = np.zeros(x.shape, grad.dtype)
        disjoint = self.is_disjoint()
        for part, places, entries, first in self.chosen(x, y):
            target = of_x[part][entries]
            some = bits(grad[part][places])
            if disjoint:
                np.multiply(some, first, out=bits(target))
            else:
                np.add(target, (some * first).view(grad.dtype), out=target)
        return of_x

    def backward(self, grad: Value, z: Value, g: Value, x: Value, y: Value) -> Value:
        return MaxPoolPick.on(grad, x, y, **self.field_values()), None, None


@kind
class MaxPoolPick(Choosing):
    """The entries of `values` where x has the first largest entry of each window (y: MaxPool of x)."""

    formula = r"z_i = \text{values}_{\operatorname{argmax}_{k} x_{i s + k}}"
    inputs = ("values", "x", "y")

    def shape(self, values: SpecLike, x: SpecLike, y: SpecLike) -> Spec:
        spec, picked, most = need_spec(self, x, 1), need_spec(self, values), need_spec(self, y, 2)
        self.need_pooled(most, 2, self.pooled(spec, 1))
        if is_static(spec.shape) and is_static(picked.shape) and spec.shape != picked.shape:
            raise ShapeError(
                f"{self.name} was to pick entries of {{0}} of shape {format_shape(picked.shape)}\n"
                f"found: {{1}}, which says where, has shape {format_shape(spec.shape)}\ndo: give both the same shape"
            )
        need_floats(self, picked, 0)
        return most.with_dtype(picked.dtype)

    def forward(self, values: Value, x: Value, y: Value) -> Value:
        z = np.zeros(y.shape, values.dtype)
        for part, places, entries, first in self.chosen(x, y):
            target = bits(z[part][places])
            np.add(target, bits(values[part][entries]) * first, out=target)  # one of the terms is not 0
        return z

    def backward(self, grad: Value, z: Value, values: Value, x: Value, y: Value) -> Value:
        return MaxPoolGradient.on(grad, x, y, **self.field_values()), None, None


# the mean -----------------------------------------------------------------------------------------------------------
class Averaging(Pooling):
    """What AveragePool and its dual share; with `count_include_pad` padding counts as entries that are 0."""

    count_include_pad: bool = False

    def counts(self, spatial: Sequence[int], dtype: Any) -> Any:
        """How many entries the mean at each place is of: a number where it is the same everywhere."""
        kernel = self.kernel_shape
        rank = len(kernel)
        places: Any = self.extents(tuple(spatial), kernel)
        total: Any = np.ones((), dtype)
        geometry = zip(spatial, places, kernel, self.steps(rank), self.spacings(rank), self.margins(spatial, kernel))
        for axis, (extent, count, taps, step, gap, (before, after)) in enumerate(geometry):
            seen = np.arange(count)[:, None] * step + np.arange(taps) * gap - before
            low, high = (-before, extent + after) if self.count_include_pad else (0, extent)
            inside = np.add.reduce((seen >= low) & (seen < high), axis=1, dtype=dtype)
            if np.all(inside == inside[0]):
                total = total * inside[0]
            else:
                total = total * inside.reshape(-1, *(1,) * (rank - axis - 1))
        return total


@kind
class AveragePool(Averaging):
    """The mean of what a window sees in each channel; padding counts only with `count_include_pad`."""

    formula = r"y_{n c i j} = \frac{1}{K} \sum_{k l} x_{n, c, i s + k d - p, j s + l d - p}"
    onnx = "AveragePool"

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        need_floats(self, spec, 0)
        return spec.with_shape(self.pooled(spec))

    def forward(self, x: Value) -> Value:
        if x.dtype == np.float16:
            return self.forward(x.astype(np.float32)).astype(x.dtype)
        counts, taps = self.taps(x.shape[2:])
        y = gathered(x, counts, taps, np.add, 0)
        return y / self.counts(x.shape[2:], x.dtype)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        spatial = shape_of(x)[2:]
        if is_static(spatial) or not isinstance(x, Tensor):
            return AveragePoolGradient.on(grad, **self.field_values(), spatial=tuple(spatial))
        return AveragePoolGradient.on(grad, x, **self.field_values())


@kind
class AveragePoolGradient(Averaging):
    """Each place's share of its gradient, added to all its window sees, in extents `spatial` or those of `like`."""

    formula = r"\bar x_a = \sum_{i:\, a \in \text{window}_i} \frac{1}{K_i} \text{grad}_i"
    family = "gradient"
    inputs = ("grad", "like?")
    spatial: tuple[Any, ...] | None = None

    def target(self, like: Any) -> Shape:
        """The spatial extents asked for."""
        if like is not None:
            return shape_of(like)[2:]
        if self.spatial is None:
            raise ShapeError(f"{self.name} needs the field spatial or a second input to take the extents from")
        return self.spatial

    def shape(self, grad: SpecLike, like: SpecLike = None) -> Spec:
        spec = need_spec(self, grad)
        spatial = self.target(like)
        self.need_pooled(spec, 0, self.pooled(spec.with_shape((*spec.shape[:2], *spatial)), 1))
        need_floats(self, spec, 0)
        return spec.with_shape((*spec.shape[:2], *spatial))

    def forward(self, grad: Value, like: Value = None) -> Value:
        if grad.dtype == np.float16:
            return self.forward(grad.astype(np.float32), like).astype(grad.dtype)
        spatial: Any = self.target(like)
        return scattered(grad / self.counts(spatial, grad.dtype), spatial, self.taps(spatial)[1])

    def backward(self, grad: Value, y: Value, g: Value, like: Value = None) -> Value:
        fields = {name: value for name, value in self.field_values().items() if name != "spatial"}
        return AveragePool.on(grad, **fields), None
