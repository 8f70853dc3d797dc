"""Resize in the modes that no kind of ours has: along each axis a product with a matrix of weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange.onnx_arithmetic import K, dtype_of
from localgrad.exchange.onnx_imported import Imported, operator
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.spec import is_static
from localgrad.nodes.base import rank_of, shape_of

LARGEST = 1 << 24
"""Entries of a matrix of weights."""


def resampled(
    op: Imported, x: Value, axes: Sequence[int], scales: Sequence[float] | None, sizes: Any, roi: Any, rounding: str
) -> Value:
    """Cubic, with antialiasing, of a region, or with the aspect kept; raises ImportModelError where extents are not known."""
    shape = shape_of(x)
    known: list[Any] = [shape[axis] for axis in axes]
    mode, where = op.get("mode", "nearest"), op.get("coordinate_transformation_mode", "half_pixel")
    if not is_static(known) or (sizes is not None and not is_static(sizes)) or dtype_of(x).kind != "f":
        raise ImportModelError(
            f"{op.operation} was asked in mode {mode!r} by {where!r}\nfound: extents {known} of {dtype_of(x)}\n"
            "do: export it with fixed extents, or in mode nearest or linear"
        )
    factors, counts = extents(op.get("keep_aspect_ratio_policy", "stretch"), known, scales, sizes)
    if any(before < 1 or count < 1 or before * count > LARGEST for before, count in zip(known, counts, strict=True)):
        raise ImportModelError(f"{op.operation} was asked from {known} to {counts} entries")
    outside: Any = None
    for number, axis in enumerate(axes):
        before, scale, count = known[number], factors[number], counts[number]
        region = (roi[number], roi[number + len(axes)]) if where == "tf_crop_and_resize" else (0.0, 1.0)
        if before == count and scale == 1 and where != "tf_crop_and_resize":
            continue
        places = coordinates(where, before, count, scale, region)
        weights = matrix(op, mode, rounding, places, before, scale)
        x = along(x, weights.astype(dtype_of(x)), axis)
        if where == "tf_crop_and_resize":
            beyond = ((places < 0) | (places > before - 1)).reshape(-1, *[1] * (len(shape) - 1 - axis))
            outside = beyond if outside is None else outside | beyond
    if outside is None or not outside.any():
        return x
    return K("Where", outside, np.asarray(op.get("extrapolation_value", 0.0), dtype_of(x)), x)


def extents(
    policy: str, known: Sequence[int], scales: Sequence[float] | None, sizes: Any
) -> tuple[list[float], list[int]]:
    """The scale and the new extent of each axis."""
    if sizes is None:
        assert scales is not None
        return list(scales), [math.floor(before * scale) for before, scale in zip(known, scales, strict=True)]
    ratios = [size / before if before else 1.0 for size, before in zip(sizes, known, strict=True)]
    if policy == "stretch":
        return ratios, list(sizes)
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [scale] * len(known), [math.floor(scale * before + 0.5) for before in known]


def coordinates(where: str, before: int, count: int, scale: float, region: tuple[float, float]) -> NDArray[np.float64]:
    """Where each new entry stands among the old ones."""
    i = np.arange(count, dtype=np.float64)
    if where == "asymmetric":
        return i / scale
    if where == "align_corners":
        length = scale * before
        return i * 0 if length == 1 else i * (before - 1) / (length - 1)
    if where == "tf_crop_and_resize":
        start, end = region
        if count == 1:
            return i + 0.5 * (start + end) * (before - 1)
        return start * (before - 1) + i * (end - start) * (before - 1) / (count - 1)
    if where == "pytorch_half_pixel" and count == 1:
        return i * 0
    middle = (i + 0.5) / scale - 0.5
    if where == "half_pixel_symmetric":
        return before / 2 * (1 - count / (scale * before)) + middle
    return middle


def matrix(
    op: Imported, mode: str, rounding: str, places: NDArray[np.float64], before: int, scale: float
) -> NDArray[np.float64]:
    """The weight of each old entry in each new one."""
    found = np.zeros((len(places), before))
    rows = np.arange(len(places))
    if mode == "nearest":
        found[rows, np.clip(nearest(places, rounding), 0, before - 1)] = 1
        return found
    base = np.ceil(places).astype(np.int64) - 1  # a place on an entry counts as the end of the stretch before it
    ratio = places - base
    narrow = min(scale, 1.0) if op.get("antialias", 0) else 1.0
    reach = 1 if mode == "linear" else 2
    start = math.floor(-reach / narrow) + 1
    taps = np.arange(start, 2 - start)
    distance = np.abs(taps - ratio[:, None]) * narrow
    weights = np.clip(1 - distance, 0, 1) if mode == "linear" else cubic(distance, op.get("cubic_coeff_a", -0.75))
    old = base[:, None] + taps
    if op.get("exclude_outside", 0):
        weights = np.where((old < 0) | (old >= before), 0, weights)
    weights = weights / weights.sum(-1, keepdims=True)
    np.add.at(found, (rows[:, None], np.clip(old, 0, before - 1)), weights)
    return found


def cubic(distance: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Cubic convolution (Keys 1981, equation 4)."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))


def nearest(places: NDArray[np.float64], rounding: str) -> NDArray[np.int64]:
    """The old entry that is nearest."""
    if rounding == "round_prefer_floor":
        found = np.ceil(places - 0.5)
    elif rounding == "round_prefer_ceil":
        found = np.floor(places + 0.5)
    else:
        found = np.floor(places) if rounding == "floor" else np.ceil(places)
    return found.astype(np.int64)


def along(x: Value, weights: NDArray[Any], axis: int) -> Value:
    """A matrix applied along an axis."""
    rank = rank_of(x)
    if axis == rank - 1:
        return K("MatMul", x, np.ascontiguousarray(weights.T))
    order = (*(each for each in range(rank) if each != axis), axis)
    back = tuple(order.index(each) for each in range(rank))
    return K("Transpose", K("MatMul", K("Transpose", x, axes=order), np.ascontiguousarray(weights.T)), axes=back)


@operator("AffineGrid", valued=(1,))
def affine_grid(op: Imported, theta: Value, size: Value) -> Value:
    """Where an affine map takes each place of an image, from -1 to 1 along each axis."""
    spatial = op.numbers(1, size)[2:]
    if not is_static(spatial):
        raise ImportModelError(f"AffineGrid was asked for {spatial} places\nfound: they are not known\ndo: fix them")
    lines = []
    for extent in spatial:
        corners = op.get("align_corners", 0)
        lines.append(np.linspace(-1, 1, extent) if corners else (2 * np.arange(extent) + 1) / extent - 1)
    places = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(spatial)], axis=-1).astype(dtype_of(theta))
    rank = len(spatial)
    flat = places.reshape(-1, rank + 1)
    y = K("MatMul", flat, K("Transpose", theta, axes=(0, 2, 1)))
    return K("Reshape", y, shape_to=(shape_of(theta)[0], *spatial, rank))
