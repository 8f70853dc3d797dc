"""Padding: entries added (or cropped) around a tensor, and the gradients of copied ones folded back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Spec, Symbol, format_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec, rank_of
from localgrad.nodes.gathering import scattered

MODES: Final = ("constant", "edge", "reflect", "symmetric", "wrap")


def sources(mode: str, before: int, extent: int, after: int) -> NDArray[Any]:
    """The entry each padded place copies, along one axis."""
    places = np.arange(-before, extent + after)
    if mode == "edge" or extent == 1:
        return np.clip(places, 0, extent - 1)
    if mode == "wrap":
        return places % extent
    if mode == "symmetric":
        places = places % (2 * extent)
        return np.where(places < extent, places, 2 * extent - 1 - places)
    places = places % (2 * extent - 2)
    return np.where(places < extent, places, 2 * extent - 2 - places)


class Padded(Kind):
    """What padding and its dual share: (before, after) for each axis, where negative numbers crop, and the mode."""

    family = "joining"
    pads: tuple[tuple[int, int], ...] = ()
    mode: str = "constant"

    def check_fields(self) -> None:
        if self.mode not in MODES:
            known = {"replicate": "edge", "circular": "wrap"}.get(str(self.mode))
            raise ShapeError(
                f"{self.name} was asked in the mode {self.mode!r}\nfound: it knows {', '.join(MODES)}\n"
                f"do: give {f'{known!r}, as that mode is named here' if known else 'one of these'}"
            )

    def changed(self, spec: Spec, sign: int) -> Spec:
        """The spec with each axis longer (or, for the dual, shorter) by its pads."""
        if len(self.pads) != spec.ndim:
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was given pads for {len(self.pads)} axes\n"
                f"found: rank {spec.ndim}\ndo: give (before, after) for each axis, (0, 0) where there are none"
            )
        shape: list[Extent] = []
        for axis, (extent, (before, after)) in enumerate(zip(spec.shape, self.pads, strict=True)):
            length = extent + sign * (before + after)
            inner = extent if sign > 0 else length
            if not isinstance(length, Symbol) and length < 0:
                raise ShapeError(
                    f"axis {axis} of {{0}} was to be cropped by {-(before + after)}\nfound: its length is {extent}\n"
                    "do: crop at most that"
                )
            copied = self.mode != "constant" and (before, after) != (0, 0)
            if copied and not isinstance(inner, Symbol) and inner == 0:
                raise ShapeError(f"axis {axis} of {{0}} was to be padded by copies\nfound: it has no entries to copy")
            shape.append(length)
        return spec.with_shape(shape)


@kind
class Pad(Padded):
    """Add entries around each axis: a constant, or copies of x (edge, reflect, symmetric, wrap); negative pads crop."""

    formula = r"y = (p, \dots, p, x, p, \dots, p)"
    onnx = "Pad"
    value: float = 0.0

    def shape(self, x: SpecLike) -> Spec:
        return self.changed(need_spec(self, x), 1)

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        shape: Any = self.changed(Spec(x.shape, x.dtype), 1).shape
        if self.mode == "constant":
            y = np.full(shape, self.value, x.dtype)
            here, there = [], []
            for extent, (before, after) in zip(x.shape, self.pads, strict=True):
                start, stop = max(0, -before), min(extent, extent + after)
                here.append(slice(start, max(start, stop)))
                there.append(slice(max(0, before), max(0, before) + max(0, stop - start)))
            y[tuple(there)] = x[tuple(here)]
            return y if y.ndim else y[()]
        for axis, (before, after) in enumerate(self.pads):
            if before or after:
                x = np.take(x, sources(self.mode, before, x.shape[axis], after), axis=axis)
        return np.array(x)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        if self.mode == "constant":
            return Pad.on(grad, pads=tuple((-before, -after) for before, after in self.pads))
        return Unpad.on(grad, pads=self.pads, mode=self.mode)


@kind
class Unpad(Padded):
    """Take padding away, adding what stood in it to the entries it copied; the dual of Pad."""

    formula = r"y_j = \sum_{i \text{ copies } j} x_i"

    def shape(self, x: SpecLike) -> Spec:
        return self.changed(need_spec(self, x), -1)

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        if self.mode == "constant":
            return Pad.on(x, pads=tuple((-before, -after) for before, after in self.pads))
        self.changed(Spec(x.shape, x.dtype), -1)
        for axis, (before, after) in enumerate(self.pads):
            if before or after:
                extent = x.shape[axis] - before - after
                copied = sources(self.mode, before, extent, after)
                x = scattered(x, copied, (*x.shape[:axis], extent, *x.shape[axis + 1 :]), axis)
        return np.array(x)[()]

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Pad.on(grad, pads=self.pads, mode=self.mode)


def shifted(x: Value, axis: int, by: int) -> Value:
    """The entries moved along an axis, with zeros where none come from."""
    rank = rank_of(x)
    pads = tuple((by, -by) if place == axis % rank else (0, 0) for place in range(rank))
    return Pad.on(x, pads=pads)


@numpy_function("pad")
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Tensor:
    """Entries added before and after along each axis: a number for all, (before, after), or one such pair for each axis.

    Modes: "constant" (0 unless told), "edge", "reflect", "symmetric", "wrap", as in NumPy. Negative widths crop. Raises
    ShapeError where the widths do not fit the rank.

    >>> import localgrad as lg
    >>> lg.pad(lg.tensor([1.0, 2.0]), (1, 2)).data
    array([0., 1., 2., 0., 0.], dtype=float32)
    >>> lg.pad(lg.tensor([1.0, 2.0, 3.0]), 1, mode="reflect").data
    array([2., 1., 2., 3., 2.], dtype=float32)
    """
    rank = rank_of(x) if hasattr(x, "shape") else np.ndim(x)
    try:
        widths = np.broadcast_to(np.asarray(pad_width, dtype=np.int64), (rank, 2)).tolist()
    except (ValueError, TypeError):
        raise ShapeError(
            f"a tensor of rank {rank} was to be padded by {pad_width!r}\nfound: neither a number, a pair, nor a pair for "
            "each axis\ndo: give for example ((1, 1), (0, 2)) for rank 2"
        ) from None
    pads = tuple((int(before), int(after)) for before, after in widths)
    if mode == "constant":
        return apply(Pad.make(pads=pads, value=float(constant_values)), x)  # type: ignore[no-any-return]
    return apply(Pad.make(pads=pads, mode=mode), x)  # type: ignore[no-any-return]
