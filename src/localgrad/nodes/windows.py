"""Windows that slide over the spatial axes: the fields that say how, and the extents and margins that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeAlias

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, format_shape, is_static, same_extent
from localgrad.nodes.base import need_spec

Margins: TypeAlias = "tuple[tuple[int, int], ...]"
"""How many entries are added before and after each spatial axis; negative ones crop."""

AUTOMATIC: Final = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
LAYOUTS: Final = {
    1: "(batch, channels, length)",
    2: "(batch, channels, height, width)",
    3: "(batch, channels, depth, height, width)",
}


class Windowed(Kind):
    """A kind with a window that slides over the axes after batch and channels.

    Fields as in ONNX: `strides` and `dilations` (empty: 1 on each axis), `pads` (all befores, then all afters; empty:
    none), or `auto_pad`, of which SAME_UPPER and SAME_LOWER pad so much that each stride counts one output.
    """

    family: ClassVar[str] = "convolution"
    checked: ClassVar[bool] = True
    strides: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    auto_pad: str = "NOTSET"

    def check_fields(self) -> None:
        for name in ("strides", "dilations"):
            found = getattr(self, name)
            if any(step < 1 for step in found):
                raise ShapeError(f"{self.name} was given {name} {found}\nfound: one below 1\ndo: give 1 or more")
        if self.auto_pad not in AUTOMATIC:
            raise ShapeError(
                f"{self.name} was given auto_pad {self.auto_pad!r}\nfound: it knows {', '.join(AUTOMATIC)}"
            )
        if self.auto_pad != "NOTSET" and any(self.pads):
            raise ShapeError(
                f"{self.name} was given pads {self.pads} and auto_pad {self.auto_pad}\nfound: both\ndo: give one of them"
            )

    @property
    def same(self) -> bool:
        """Whether padding follows from the extents."""
        return self.auto_pad.startswith("SAME")

    def steps(self, rank: int) -> tuple[int, ...]:
        """The stride on each spatial axis."""
        return self.strides or (1,) * rank

    def spacings(self, rank: int) -> tuple[int, ...]:
        """The dilation on each spatial axis."""
        return self.dilations or (1,) * rank

    def check_rank(self, rank: int) -> None:
        """Raise ShapeError where a field does not have one number (pads: two) for each spatial axis."""
        for name, wanted in (("strides", rank), ("dilations", rank), ("pads", 2 * rank)):
            found = getattr(self, name)
            if found and len(found) != wanted:
                raise ShapeError(
                    f"{self.name} was given {name} {found}\nfound: {len(found)} numbers for {rank} spatial axes\n"
                    f"do: give {wanted} of them{' (all befores, then all afters)' if name == 'pads' else ''}"
                )

    def reaches(self, kernel: Shape) -> Shape:
        """How many entries each axis of a window spans, those between its taps included."""
        return tuple((extent - 1) * step + 1 for extent, step in zip(kernel, self.spacings(len(kernel))))

    def margins(self, spatial: Sequence[int], kernel: Sequence[int]) -> Margins:
        """The padding before and after each spatial axis, of known extents where it follows from them."""
        rank = len(kernel)
        if not self.same:
            pads = self.pads or (0,) * (2 * rank)
            return tuple(zip(pads[:rank], pads[rank:]))
        found = []
        reaches: Any = self.reaches(tuple(kernel))
        for extent, reach, step in zip(spatial, reaches, self.steps(rank)):
            total = max((divided_up(extent, step) - 1) * step + reach - extent, 0)
            less = total // 2
            found.append((less, total - less) if self.auto_pad == "SAME_UPPER" else (total - less, less))
        return tuple(found)

    def resolved(self, spatial: Shape, kernel: Shape) -> dict[str, Any]:
        """The fields of this window, padding that follows from the extents as numbers where these are known."""
        fields: dict[str, Any] = {
            "strides": self.strides,
            "pads": self.pads,
            "dilations": self.dilations,
            "auto_pad": self.auto_pad,
        }
        if self.same and is_static(spatial) and is_static(kernel):
            fields.update(pads=flat(self.margins(spatial, kernel)), auto_pad="NOTSET")  # type: ignore[arg-type]
        return fields

    def extents(self, spatial: Shape, kernel: Shape, of: str = "{0}", window: str = "") -> Shape:
        """How many places the window has along each spatial axis; raises ShapeError where there is none."""
        rank = len(kernel)
        self.check_rank(rank)
        found: list[Extent] = []
        margins: Margins = ((0, 0),) * rank if self.same else self.margins((), (0,) * rank)
        for axis, (extent, reach, step, (before, after)) in enumerate(
            zip(spatial, self.reaches(kernel), self.steps(rank), margins), 2
        ):
            if self.same:
                count = divided_up(extent, step)
            else:
                count = self.places(extent, reach, step, before, after)
            if not isinstance(count, Symbol) and count < 1:
                raise ShapeError(
                    f"{self.name} was to slide a window{window} of {reach} entries along axis {axis} of {of}\n"
                    f"found: the window is longer than the padded axis: {extent}"
                    f"{f' + {before} + {after}' if before or after else ''}, spatial shape {format_shape(spatial)}\n"
                    "do: pad more, take a smaller kernel (or dilation), or give a larger input"
                )
            found.append(count)
        return tuple(found)

    def places(self, extent: Extent, reach: Extent, step: int, before: int, after: int) -> Extent:
        """How many places a window has on one padded axis."""
        return divided(extent + before + after - reach, step) + 1


def divided(extent: Extent, by: int) -> Extent:
    """The floor of a quotient, in the simplest form of a named extent: (2*H - 1) // 2 is H - 1."""
    if isinstance(extent, Symbol):
        constant = extent.terms.get((), 0)
        named = extent - constant
        quotient = named // by
        if same_extent(quotient * by, named):
            return quotient + constant // by
    return extent // by


def divided_up(extent: Any, by: int) -> Any:
    """A quotient rounded up."""
    return divided(extent + (by - 1), by)


def flat(margins: Margins) -> tuple[int, ...]:
    """Margins as the field `pads`: all befores, then all afters; empty where there are none."""
    pads = (*(before for before, _ in margins), *(after for _, after in margins))
    return pads if any(pads) else ()


def need_images(kind: Kind, x: SpecLike, rank: int, index: int = 0, why: str = "") -> Spec:
    """The spec of a float input of shape (batch, channels, ...) with so many spatial axes; raises ShapeError."""
    spec = need_spec(kind, x, index)
    if spec.ndim == rank + 2:
        need_floats(kind, spec, index)
        return spec
    hint = f"give {LAYOUTS.get(rank, f'batch, channels and {rank} spatial axes')}"
    if spec.ndim == rank + 1:
        hint += "; x[:, None] adds an axis of one channel, x[None] a batch of one"
        if rank == 2 and spec.ndim == 3:
            hint += "; for signals (batch, channels, length) make the kernel one of one axis (3,)"
    elif spec.ndim == rank:
        hint += "; x[None, None] adds a batch of one and an axis of one channel"
    raise ShapeError(
        f"{kind.name} was asked of {{{index}}} of shape {format_shape(spec.shape)}\n"
        f"found: rank {spec.ndim}, not {rank + 2}{why}\ndo: {hint}"
    )


def need_floats(kind: Kind, spec: Spec, index: int) -> None:
    """Raise DTypeError for an input that is not of floats."""
    if spec.dtype.kind != "f":
        raise DTypeError(
            f"{kind.name} was asked of {{{index}}}\nfound: it is {spec.dtype}\ndo: convert with .astype(np.float32)"
        )


# arguments of functions ---------------------------------------------------------------------------------------------
def per_axis(value: Any, rank: int, what: str) -> tuple[int, ...]:
    """A number for all spatial axes, or one for each of them."""
    several = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(several) == rank and all(hasattr(each, "__index__") for each in several):
        return tuple(each.__index__() for each in several)
    raise ShapeError(
        f"{what} was given as {value!r}\nfound: neither an int nor {rank} of them, one for each spatial axis\n"
        f"do: give for example 2 or {(2,) * rank}"
    )


def steps_field(value: Any, rank: int, what: str) -> tuple[int, ...]:
    """Strides or dilations as a field: empty where all are 1."""
    steps = per_axis(value, rank, what)
    return () if all(step == 1 for step in steps) else steps


def padding_fields(padding: Any, rank: int) -> dict[str, Any]:
    """Padding (a number, one for each axis, (before, after) for each axis, "same" or "valid") as the two fields."""
    if isinstance(padding, str):
        named = {"same": "SAME_UPPER", "valid": "NOTSET"}
        if padding.lower() not in named:
            raise ShapeError(
                f'padding was given as {padding!r}\nfound: it is neither "same" nor "valid"\n'
                "do: give one of these, a number, one for each axis, or (before, after) for each axis"
            )
        return {"auto_pad": named[padding.lower()]}
    if (
        isinstance(padding, (tuple, list))
        and len(padding) == rank
        and all(isinstance(e, (tuple, list)) for e in padding)
    ):
        pairs = tuple(per_axis(each, 2, "padding") for each in padding)
        return {"pads": flat(tuple((before, after) for before, after in pairs))}
    return {"pads": flat(tuple((each, each) for each in per_axis(padding, rank, "padding")))}
