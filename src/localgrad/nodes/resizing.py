"""Resizing: images with more or fewer entries along some axes, and blocks of entries moved between channels and space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Composition, Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, format_shape, is_static, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, need_spec, normal_axes, shape_of
from localgrad.nodes.shaping import Reshape, Transpose, extents

Array: TypeAlias = "NDArray[Any]"
MODES: Final = ("nearest", "linear")
COORDINATES: Final = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
ROUNDINGS: Final = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


class Resizing(Kind):
    """What resizing and its dual share; fields as in ONNX, with `scales` or `sizes` for each of `axes`."""

    family: ClassVar[str] = "shaping"
    checked: ClassVar[bool] = True
    axes: tuple[int, ...] = (2, 3)
    scales: tuple[float, ...] | None = None
    sizes: tuple[Any, ...] | None = None
    mode: str = "nearest"
    coordinate_transformation_mode: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"

    def check_fields(self) -> None:
        for name, known in (
            ("mode", MODES),
            ("coordinate_transformation_mode", COORDINATES),
            ("nearest_mode", ROUNDINGS),
        ):
            if getattr(self, name) not in known:
                raise ShapeError(
                    f"{self.name} was given {name} {getattr(self, name)!r}\nfound: it knows {', '.join(known)}\ndo: "
                    + (
                        "give 'linear'"
                        if getattr(self, name) in ("bilinear", "bicubic", "cubic")
                        else "give one of these"
                    )
                )
        given = [each for each in (self.scales, self.sizes) if each is not None]
        if len(given) != 1 or len(given[0]) != len(self.axes):
            raise ShapeError(
                f"{self.name} was asked along the axes {self.axes} with scales {self.scales} and sizes {self.sizes}\n"
                "do: give one of the two, with one number for each axis"
            )
        if any(not isinstance(each, Symbol) and each <= 0 for each in given[0]):
            raise ShapeError(
                f"{self.name} was asked for {given[0]}\nfound: nothing would be left\ndo: give more than 0"
            )

    def reached(self, shape: Shape) -> Shape:
        """The shape images of this shape are resized to."""
        places = normal_axes(self.axes, len(shape))
        if places != self.axes:
            raise ShapeError(f"{self.name} was given the axes {self.axes}\ndo: give them in order, counted from 0")
        found = list(shape)
        for number, axis in enumerate(places):
            extent = shape[axis]
            if self.sizes is not None:
                found[axis] = self.sizes[number]
            elif self.scales is not None:
                found[axis] = scaled(extent, self.scales[number], axis)
            if any(not isinstance(each, Symbol) and each < 1 for each in (extent, found[axis])):
                raise ShapeError(
                    f"{self.name} was to resize axis {axis} of {{0}} from {extent} to {found[axis]} entries\n"
                    "do: give an axis with entries, and a larger scale or size"
                )
        return tuple(found)

    def taps(self, number: int, extent: int, size: int) -> list[tuple[Array, Array | None]]:
        """For the axis of this number: the entries each new entry is made of, and their weights (None: 1)."""
        places = np.arange(size)
        scale = None if self.scales is None else self.scales[number]
        where = self.coordinate_transformation_mode
        if where == "align_corners":
            at = places * (extent - 1) / max(size - 1, 1)
        elif where == "asymmetric":
            at = places * extent / size if scale is None else places / scale
        elif where == "pytorch_half_pixel" and size == 1:
            at = np.zeros(1)
        else:
            at = ((2 * places + 1) * extent / size if scale is None else (2 * places + 1) / scale) / 2 - 0.5
        if self.mode == "nearest":
            rounded = {
                "floor": np.floor(at),
                "ceil": np.ceil(at),
                "round_prefer_floor": np.ceil(at - 0.5),
                "round_prefer_ceil": np.floor(at + 0.5),
            }[self.nearest_mode]
            return [(np.clip(rounded, 0, extent - 1).astype(np.intp), None)]
        at = np.clip(at, 0, extent - 1)
        low = np.floor(at).astype(np.intp)
        part = at - low
        if not part.any():
            return [(low, None)]
        return [(low, 1 - part), (np.where(part > 0, low + 1, low), part)]

    def need_linear(self, spec: Spec) -> None:
        """Raise DTypeError where a mean of integers was asked."""
        if self.mode == "linear" and spec.dtype.kind != "f":
            raise DTypeError(
                f"{self.name} was asked to mix entries of {{0}}\nfound: they are {spec.dtype}\n"
                "do: convert with .astype(np.float32), or resize to the nearest"
            )


def scaled(extent: Extent, scale: float, axis: int) -> Extent:
    """A length times a scale, rounded down; a named one can be multiplied or divided by whole numbers."""
    if not isinstance(extent, Symbol):
        return math.floor(extent * scale)
    if scale >= 1 and float(scale).is_integer():
        return extent * int(scale)
    if scale < 1 and abs(1 / scale - round(1 / scale)) < 1e-9:
        return extent // round(1 / scale)
    raise ShapeError(
        f"axis {axis} of {{0}} was to be resized {scale} times\nfound: its length is the named extent {extent}\n"
        "do: give a whole number, one divided by a whole number, or sizes"
    )


@kind
class Resize(Resizing):
    """Images with other extents along some axes: each entry is the nearest old one, or a mean of neighbours."""

    formula = r"y_i = \sum_k w_{i k}\, x_k, \quad w_{i k} = \max(0, 1 - |k - i / s|)"
    onnx = "Resize"

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        self.need_linear(spec)
        return spec.with_shape(self.reached(spec.shape))

    def forward(self, x: Value) -> Value:
        reached: Any = self.reached(x.shape)
        for number, axis in enumerate(self.axes):
            y: Any = None
            wide = (-1, *(1,) * (x.ndim - axis - 1))
            for entries, weights in self.taps(number, x.shape[axis], reached[axis]):
                part = np.take(x, entries, axis=axis, mode="clip")
                if weights is not None:
                    part *= weights.astype(x.dtype).reshape(wide)
                y = part if y is None else np.add(y, part, out=y)
            x = y
        return x if len(self.axes) else x.copy()

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        kept = tuple(shape_of(x)[axis] for axis in self.axes)
        if is_static(kept) or not isinstance(x, Tensor):
            return ResizeGradient.on(grad, **self.field_values(), extents_to=kept)
        return ResizeGradient.on(grad, x, **self.field_values())


@kind
class ResizeGradient(Resizing):
    """Each entry's gradient added to the old ones it was made of, in lengths `extents_to` or those of `like`."""

    formula = r"\bar x_k = \sum_i w_{i k}\, \text{grad}_i"
    family = "gradient"
    inputs = ("grad", "like?")
    extents_to: tuple[Any, ...] | None = None

    def target(self, shape: Shape, like: Any) -> Shape:
        """The shape to be reached from a gradient of this shape."""
        if like is None and self.extents_to is None:
            raise ShapeError(f"{self.name} needs the field extents_to or a second input to take the lengths from")
        found = list(shape)
        for number, axis in enumerate(self.axes):
            found[axis] = shape_of(like)[axis] if like is not None else self.extents_to[number]  # type: ignore[index]
        return tuple(found)

    def shape(self, grad: SpecLike, like: SpecLike = None) -> Spec:
        spec = need_spec(self, grad)
        normal_axes(self.axes, spec.ndim)
        self.need_linear(spec)
        target = self.target(spec.shape, like)
        made = self.reached(target)
        if is_static(made) and is_static(spec.shape) and not same_shape(made, spec.shape):
            raise ShapeError(
                f"{self.name} was given {{0}} of shape {format_shape(spec.shape)}\n"
                f"found: images of shape {format_shape(target)} are resized to {format_shape(made)}\ndo: give that shape"
            )
        return spec.with_shape(target)

    def forward(self, grad: Value, like: Value = None) -> Value:
        target: Any = self.target(grad.shape, like)
        g = grad
        for number, axis in reversed(list(enumerate(self.axes))):
            x = np.zeros((*g.shape[:axis], target[axis], *g.shape[axis + 1 :]), g.dtype)
            wide = (-1, *(1,) * (g.ndim - axis - 1))
            for entries, weights in self.taps(number, target[axis], g.shape[axis]):
                part = g if weights is None else g * weights.astype(g.dtype).reshape(wide)
                add_sorted(x, part, entries, axis)
            g = x
        return g if len(self.axes) else g.copy()

    def backward(self, grad: Value, y: Value, g: Value, like: Value = None) -> Value:
        fields = {name: value for name, value in self.field_values().items() if name != "extents_to"}
        return Resize.on(grad, **fields), None


def add_sorted(x: Array, part: Array, entries: Array, axis: int) -> None:
    """Add each entry of an axis to that of x at its number; the numbers never decrease."""
    numbers = np.arange(x.shape[axis])
    starts = np.searchsorted(entries, numbers)
    counts = np.searchsorted(entries, numbers, side="right") - starts
    for turn in range(int(counts.max(initial=0))):
        targets = np.flatnonzero(counts > turn)
        spot: tuple[Any, ...] = (*(slice(None),) * axis, targets)
        x[spot] += np.take(part, starts[targets] + turn, axis=axis)


# blocks -------------------------------------------------------------------------------------------------------------
class Blocks(Composition):
    """What moving blocks between channels and space shares: `blocksize`, and the order of the channels (ONNX's `mode`)."""

    family: ClassVar[str] = "shaping"
    view: ClassVar[bool] = True
    checked: ClassVar[bool] = True
    blocksize: int = 2
    mode: str = "DCR"

    def check_fields(self) -> None:
        if self.blocksize < 1 or self.mode not in ("DCR", "CRD"):
            raise ShapeError(
                f"{self.name} was asked with blocks of {self.blocksize} in the order {self.mode!r}\n"
                "do: give a blocksize of 1 or more, and the order DCR or CRD"
            )

    def need_divisible(self, x: SpecLike, axes: Sequence[int], by: int) -> Spec:
        """The spec of images whose axes can be divided; raises ShapeError."""
        spec = need_spec(self, x)
        if spec.ndim != 4:
            raise ShapeError(
                f"{self.name} was asked of {{0}} of shape {format_shape(spec.shape)}\nfound: rank {spec.ndim}, not 4\n"
                "do: give (batch, channels, height, width)"
            )
        for axis in axes:
            extent = spec.shape[axis]
            if not isinstance(extent, Symbol) and extent % by:
                raise ShapeError(
                    f"{self.name} was to divide axis {axis} of {{0}} by {by}\nfound: its length is {extent}, shape "
                    f"{format_shape(spec.shape)}\ndo: give a multiple of {by}, or another blocksize"
                )
        return spec


@kind
class DepthToSpace(Blocks):
    """Channels become blocks of entries: (N, C*b*b, H, W) to (N, C, H*b, W*b)."""

    formula = r"y_{n, c, i b + k, j b + l} = x_{n, (k, l, c), i, j}"
    onnx = "DepthToSpace"

    def shape(self, x: SpecLike) -> Spec:
        b = self.blocksize
        spec = self.need_divisible(x, (1,), b * b)
        count, channels, height, width = spec.shape
        return spec.with_shape((count, channels // (b * b), height * b, width * b))

    def body(self, x: Value) -> Value:
        b = self.blocksize
        count, channels, height, width = shape_of(x)
        channels = channels // (b * b)
        if self.mode == "DCR":
            y = Transpose.on(Reshape.on(x, shape_to=(count, b, b, channels, height, width)), axes=(0, 3, 4, 1, 5, 2))
        else:
            y = Transpose.on(Reshape.on(x, shape_to=(count, channels, b, b, height, width)), axes=(0, 1, 4, 2, 5, 3))
        return Reshape.on(y, shape_to=(count, channels, height * b, width * b))

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return SpaceToDepth.on(grad, blocksize=self.blocksize, mode=self.mode)


@kind
class SpaceToDepth(Blocks):
    """Blocks of entries become channels: (N, C, H*b, W*b) to (N, C*b*b, H, W); the dual of DepthToSpace."""

    formula = r"y_{n, (k, l, c), i, j} = x_{n, c, i b + k, j b + l}"
    onnx = "SpaceToDepth"

    def shape(self, x: SpecLike) -> Spec:
        b = self.blocksize
        spec = self.need_divisible(x, (2, 3), b)
        count, channels, height, width = spec.shape
        return spec.with_shape((count, channels * b * b, height // b, width // b))

    def body(self, x: Value) -> Value:
        b = self.blocksize
        count, channels, height, width = shape_of(x)
        split = Reshape.on(x, shape_to=(count, channels, height // b, b, width // b, b))
        order = (0, 3, 5, 1, 2, 4) if self.mode == "DCR" else (0, 1, 3, 5, 2, 4)
        y = Transpose.on(split, axes=order)
        return Reshape.on(y, shape_to=(count, channels * b * b, height // b, width // b))

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        of_x = DepthToSpace.on(grad, blocksize=self.blocksize, mode=self.mode)
        # of a named height 2 * (H // 2) rows come back, which only a run knows to be H
        return of_x if same_shape(shape_of(of_x), shape_of(x)) else Reshape.like(of_x, x)


# functions ----------------------------------------------------------------------------------------------------------
def resize(
    x: Any, size: Any = None, scale: Any = None, mode: str = "nearest", coordinates: str | None = None
) -> Tensor:
    """Images (batch, channels, *extents) with other extents: `size`, or `scale` times as long, rounded down.

    Both are a number or one for each spatial axis. `mode` "nearest" copies entries, "linear" mixes neighbours along each
    axis (bilinear for images). `coordinates` says where a new entry lies among the old ones: "asymmetric" (i / scale;
    for "nearest" unless told, rounded down), "half_pixel" (centres of pixels; for "linear" unless told) or
    "align_corners", as in ONNX and PyTorch. Raises ShapeError unless one of size and scale is given.

    >>> import localgrad as lg
    >>> lg.resize([[[1.0, 2.0]]], scale=2).data
    array([[[1., 1., 2., 2.]]], dtype=float32)
    >>> lg.resize([[[0.0, 3.0]]], size=4, mode="linear", coordinates="align_corners").data
    array([[[0., 1., 2., 3.]]], dtype=float32)
    """
    images = as_tensor(x)
    rank = images.ndim - 2
    if rank < 1 or (size is None) == (scale is None):
        raise ShapeError(
            f"resize was asked with size={size!r} and scale={scale!r} of shape {format_shape(images.shape)}{user_line()}\n"
            "do: give images (batch, channels, *extents), and either a size or a scale"
        )
    given = scale if size is None else size
    several = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    if len(several) != rank:
        raise ShapeError(
            f"resize was asked for {given!r}{user_line()}\nfound: {rank} spatial axes\ndo: give one number for each"
        )
    which = Resize.make(
        axes=tuple(range(2, rank + 2)),
        scales=None if scale is None else tuple(float(each) for each in several),
        sizes=None if size is None else extents(several),
        mode=mode,
        coordinate_transformation_mode=coordinates or ("asymmetric" if mode == "nearest" else "half_pixel"),
        nearest_mode="round_prefer_floor" if coordinates else "floor",
    )
    return apply(which, images)  # type: ignore[no-any-return]


def pixel_shuffle(x: Any, factor: int) -> Tensor:
    """Channels spread over space: (batch, channels * factor**2, h, w) becomes (batch, channels, h * factor, w * factor).

    Raises ShapeError where the channels cannot be divided. Source: Shi et al., "Real-time single image and video
    super-resolution using an efficient sub-pixel convolutional neural network", 2016.

    >>> import localgrad as lg, numpy as np
    >>> lg.pixel_shuffle(np.arange(4.0).reshape(1, 4, 1, 1), 2).data
    array([[[[0., 1.],
             [2., 3.]]]])
    """
    return apply(DepthToSpace.make(blocksize=int(factor), mode="CRD"), x)  # type: ignore[no-any-return]


def pixel_unshuffle(x: Any, factor: int) -> Tensor:
    """Space gathered in channels, the inverse of `pixel_shuffle`: (batch, channels, h * factor, w * factor) becomes
    (batch, channels * factor**2, h, w). Raises ShapeError where height or width cannot be divided.

    >>> import localgrad as lg, numpy as np
    >>> lg.pixel_unshuffle(np.zeros((1, 3, 4, 6)), 2).shape
    (1, 12, 2, 3)
    """
    return apply(SpaceToDepth.make(blocksize=int(factor), mode="CRD"), x)  # type: ignore[no-any-return]
