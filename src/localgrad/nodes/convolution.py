"""Convolution: a kernel sliding over images (or signals, or volumes), and its gradients, which are kinds as well.

Conv, ConvTranspose and ConvWeightGradient are linear in each input, and the gradients of each are the other two: so
every order of derivative stays within the three.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec, Symbol, format_shape, is_static, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import need_spec, rank_of, shape_of
from localgrad.nodes.convolving import Sliding, convolved, kernel_gradient, spread
from localgrad.nodes.reduction import Sum
from localgrad.nodes.windows import Windowed, flat, need_floats, need_images


class Convolving(Windowed):
    """What the three kinds share: `group` kernels side by side, each for its own part of the channels."""

    promotes: ClassVar[bool] = True
    group: int = 1

    def check_fields(self) -> None:
        super().check_fields()
        if self.group < 1:
            raise ShapeError(f"{self.name} was asked in {self.group} groups\ndo: give 1 or more")

    def fields_like(self, spatial: Shape, kernel: Shape) -> dict[str, Any]:
        """The fields of this window for another of the three kinds."""
        return {**self.resolved(spatial, kernel), "group": self.group}

    def need_kernel(self, w: SpecLike, x: SpecLike) -> Spec:
        """The spec of a kernel (inputs or outputs, ..., *extents); raises ShapeError."""
        spec = need_spec(self, w, 1)
        if spec.ndim < 3:
            raise ShapeError(
                f"{self.name} was asked with the kernel {{1}} of shape {format_shape(spec.shape)}\n"
                f"found: rank {spec.ndim}\ndo: give (outputs, inputs, *extents), as (16, 3, 5, 5) for images"
            )
        need_floats(self, spec, 1)
        return spec

    def need_grouped(self, outputs: Any, what: str) -> None:
        """Raise ShapeError where channels cannot be divided among the groups."""
        if not isinstance(outputs, Symbol) and outputs % self.group:
            raise ShapeError(
                f"{self.name} was asked in {self.group} groups\nfound: {outputs} {what}\n"
                "do: give a number of groups that divides it"
            )

    def need_bias(self, b: SpecLike, outputs: Any) -> None:
        """Raise ShapeError where a bias does not have one number for each output channel."""
        if b is not None and not same_shape(need_spec(self, b, 2).shape, (outputs,)):
            raise ShapeError(
                f"{self.name} was given the bias {{2}} of shape {format_shape(b.shape) if isinstance(b, Spec) else '()'}\n"
                f"found: {outputs} output channels\ndo: give one number for each, shape ({outputs},)"
            )

    def sliding(self, spatial: Any, kernel: Any, out: Any = None) -> Sliding:
        """This window over images of these extents."""
        rank = len(kernel)
        if out is None:
            out = self.extents(spatial, kernel)
        return Sliding(spatial, kernel, out, self.steps(rank), self.margins(spatial, kernel), self.spacings(rank))


def same_dtype(*specs: SpecLike) -> np.dtype[Any]:
    """The common dtype of the inputs."""
    return np.result_type(*(spec.dtype for spec in specs if isinstance(spec, Spec)))


def channels_differ(kind: Convolving, spec: Spec, index: int, kernel: Spec, axis: int, each: str) -> ShapeError:
    """The error for a kernel made for another number of channels."""
    wanted = kernel.shape[axis] * kind.group if axis == 1 else kernel.shape[axis]
    found = spec.shape[1]
    hint = f"give {{{index}}} {wanted} channels, or a kernel for {found}"
    if spec.ndim > 2 and same_extent(spec.shape[-1], wanted):
        order = (0, spec.ndim - 1, *range(1, spec.ndim - 1))
        hint = f"the channels seem to stand last: lg.transpose({{{index}}}, {order}) brings them to axis 1"
    groups = f" in each of {kind.group} groups" if kind.group > 1 and axis == 1 else ""
    return ShapeError(
        f"channels differ: {found} (axis 1 of {{{index}}}, shape {format_shape(spec.shape)}) and {kernel.shape[axis]}"
        f"{groups} (axis {axis} of {each}, shape {format_shape(kernel.shape)})\ndo: {hint}"
    )


@kind
class Conv(Convolving):
    """Slide a kernel w (outputs, channels of a group, *extents) over x (batch, channels, *extents), and add a bias b."""

    formula = r"y_{n m i j} = b_m + \sum_{c k l} w_{m c k l}\, x_{n, c, i s + k d - p, j s + l d - p}"
    onnx = "Conv"
    inputs = ("x", "w", "b?")

    def shape(self, x: SpecLike, w: SpecLike, b: SpecLike = None) -> Spec:
        kernel = self.need_kernel(w, x)
        rank = kernel.ndim - 2
        images = need_images(self, x, rank, why=f", as for the kernel {{1}} of shape {format_shape(kernel.shape)}")
        if not same_extent(images.shape[1], kernel.shape[1] * self.group):
            raise channels_differ(self, images, 0, kernel, 1, "{1}")
        self.need_grouped(kernel.shape[0], "output channels")
        self.need_bias(b, kernel.shape[0])
        out = self.extents(images.shape[2:], kernel.shape[2:], window=f" of {{1}} {format_shape(kernel.shape[2:])}")
        return Spec((images.shape[0], kernel.shape[0], *out), same_dtype(x, w, b))

    def forward(self, x: Value, w: Value, b: Value = None) -> Value:
        if x.dtype == np.float16:  # sums of half precision lose too much, and are slow
            return self.forward(*(each if each is None else each.astype(np.float32) for each in (x, w, b))).astype(
                x.dtype
            )
        return convolved(x, w, b, self.sliding(x.shape[2:], w.shape[2:]), self.group)

    def backward(
        self, grad: Value, y: Value, x: Value, w: Value, b: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        of_x = ConvTranspose.back(self, grad, w, x) if wanted[0] else None
        of_w = ConvWeightGradient.back(self, x, grad, w) if wanted[1] else None
        return of_x, of_w, channel_sum(grad) if b is not None and wanted[2] else None


@kind
class ConvTranspose(Convolving):
    """Add a kernel times each entry of x where Conv's window would stand: the gradient of Conv by its input.

    The extents follow from those of x with `output_padding` added at the ends, or are those of `like`.
    """

    formula = r"y_{n c i j} = b_c + \sum_{m k l} w_{m c k l}\, x_{n, m, (i + p - k d) / s, (j + p - l d) / s}"
    onnx = "ConvTranspose"
    inputs = ("x", "w", "b?", "like?")
    output_padding: tuple[int, ...] = ()

    @classmethod
    def back(cls, window: Convolving, grad: Value, w: Value, like: Value) -> Value:
        """The gradient of a convolution by its input, which has the extents of `like`."""
        spatial, kernel, out = shape_of(like)[2:], shape_of(w)[2:], shape_of(grad)[2:]
        fields = window.fields_like(spatial, kernel)
        if not (is_static(spatial) and is_static(kernel) and is_static(out)):
            return cls.on(grad, w, None, like, **fields)
        plain = cls.make(**fields)
        more: Any = [a - b for a, b in zip(spatial, plain.reached(out, kernel))]
        return cls.on(grad, w, **fields, output_padding=tuple(more) if any(more) else ())

    def check_fields(self) -> None:
        super().check_fields()
        if any(more < 0 for more in self.output_padding):
            raise ShapeError(f"ConvTranspose was given output_padding {self.output_padding}\ndo: give 0 or more")
        if self.same and any(self.output_padding):
            raise ShapeError(
                f"ConvTranspose was given output_padding {self.output_padding} and auto_pad {self.auto_pad}\n"
                "found: both say the extents of the output\ndo: give one of them"
            )

    def more(self, rank: int) -> tuple[int, ...]:
        """The output padding on each spatial axis."""
        return self.output_padding or (0,) * rank

    def reached(self, out: Shape, kernel: Shape) -> Shape:
        """The extents an input of these extents is spread to."""
        rank = len(kernel)
        if self.same:
            return tuple(extent * step for extent, step in zip(out, self.steps(rank)))
        steps, reaches, margins = self.steps(rank), self.reaches(kernel), self.margins((), (0,) * rank)
        return tuple(
            (extent - 1) * step + reach - before - after + more
            for extent, step, reach, (before, after), more in zip(out, steps, reaches, margins, self.more(rank))
        )

    def check_rank(self, rank: int) -> None:
        super().check_rank(rank)
        if self.output_padding and len(self.output_padding) != rank:
            raise ShapeError(
                f"ConvTranspose was given output_padding {self.output_padding}\n"
                f"found: {len(self.output_padding)} numbers for {rank} spatial axes\ndo: give one for each"
            )
        for axis, (more, step, dilation) in enumerate(zip(self.more(rank), self.steps(rank), self.spacings(rank)), 2):
            if more >= max(step, dilation):
                raise ShapeError(
                    f"ConvTranspose was to pad axis {axis} of its output by {more}\n"
                    f"found: a stride of {step} and a dilation of {dilation}\ndo: give less than the larger of them"
                )

    def shape(self, x: SpecLike, w: SpecLike, b: SpecLike = None, like: SpecLike = None) -> Spec:
        kernel = self.need_kernel(w, x)
        rank = kernel.ndim - 2
        images = need_images(self, x, rank, why=f", as for the kernel {{1}} of shape {format_shape(kernel.shape)}")
        self.check_rank(rank)
        if not same_extent(images.shape[1], kernel.shape[0]):
            raise channels_differ(self, images, 0, kernel, 0, "{1}")
        self.need_grouped(images.shape[1], "input channels")
        outputs = kernel.shape[1] * self.group
        self.need_bias(b, outputs)
        out = images.shape[2:]
        if like is None:
            spatial = self.reached(out, kernel.shape[2:])
            for axis, extent in enumerate(spatial, 2):
                if not isinstance(extent, Symbol) and extent < 1:
                    raise ShapeError(
                        f"{self.name} was to spread {{0}} of shape {format_shape(images.shape)} along axis {axis}\n"
                        f"found: the padding leaves {extent} entries\ndo: pad less, or take a larger kernel"
                    )
        else:
            spatial = need_images(self, like, rank, 3).shape[2:]
            seen = self.extents(spatial, kernel.shape[2:], "{3}")
            if is_static(seen) and is_static(out) and seen != out:
                raise ShapeError(
                    f"{self.name} was to spread {{0}} of shape {format_shape(images.shape)} to the extents of {{3}}, "
                    f"{format_shape(spatial)}\nfound: a window has {format_shape(seen)} places there\n"
                    "do: give one entry for each place"
                )
        return Spec((images.shape[0], outputs, *spatial), same_dtype(x, w, b))

    def forward(self, x: Value, w: Value, b: Value = None, like: Value = None) -> Value:
        if x.dtype == np.float16:
            half = x.dtype
            x, w, b = (each if each is None else each.astype(np.float32) for each in (x, w, b))
            return self.forward(x, w, b, like).astype(half)
        kernel = w.shape[2:]
        spatial = self.reached(x.shape[2:], kernel) if like is None else like.shape[2:]
        return spread(x, w, b, self.sliding(spatial, kernel, x.shape[2:]), self.group)

    def backward(
        self,
        grad: Value,
        y: Value,
        x: Value,
        w: Value,
        b: Value = None,
        like: Value = None,
        *,
        wanted: tuple[bool, ...],
    ) -> Value:
        kernel = shape_of(w)[2:]
        rank = len(kernel)
        window: Convolving = self
        if any(more >= step for more, step in zip(self.more(rank), self.steps(rank))):
            # what was added at the ends could hold another place of the window: it is cropped there
            margins = self.margins((), (0,) * rank)
            cropped = tuple((before, after - more) for (before, after), more in zip(margins, self.more(rank)))
            window = self.replaced(pads=flat(cropped))
        fields = window.fields_like(shape_of(y)[2:], kernel)
        of_x = Conv.on(grad, w, **fields) if wanted[0] else None
        of_w = ConvWeightGradient.back(window, grad, x, w) if wanted[1] else None
        return of_x, of_w, channel_sum(grad) if b is not None and wanted[2] else None, None


@kind
class ConvWeightGradient(Convolving):
    """What each window saw times the gradient of its place, summed: the gradient of Conv by its kernel.

    The kernel's extents are `kernel_shape`, or those of `like`.
    """

    formula = r"y_{m c k l} = \sum_{n i j} \text{grad}_{n m i j}\, x_{n, c, i s + k d - p, j s + l d - p}"
    inputs = ("x", "grad", "like?")
    kernel_shape: tuple[int, ...] | None = None

    @classmethod
    def back(cls, window: Convolving, x: Value, grad: Value, like: Value) -> Value:
        """The gradient of a convolution of x by its kernel, which has the extents of `like`."""
        kernel = shape_of(like)[2:]
        fields = window.fields_like(shape_of(x)[2:], kernel)
        if is_static(kernel) or not isinstance(like, Tensor):
            return cls.on(x, grad, **fields, kernel_shape=tuple(kernel))
        return cls.on(x, grad, like, **fields)

    def kernel(self, like: Any) -> Shape:
        """The kernel's extents."""
        if like is not None:
            return shape_of(like)[2:]
        if self.kernel_shape is None:
            raise ShapeError(f"{self.name} needs the field kernel_shape or a third input to take it from")
        return self.kernel_shape

    def shape(self, x: SpecLike, grad: SpecLike, like: SpecLike = None) -> Spec:
        kernel = self.kernel(like)
        rank = len(kernel)
        images, places = need_images(self, x, rank), need_images(self, grad, rank, 1)
        out = self.extents(images.shape[2:], kernel)
        for each, what in ((images, "channels"), (places, "output channels")):
            self.need_grouped(each.shape[1], what)
        wanted = (images.shape[0], *out)
        found = (places.shape[0], *places.shape[2:])
        if is_static(wanted) and is_static(found) and wanted != found:
            raise ShapeError(
                f"{self.name} was given a gradient {{1}} of shape {format_shape(places.shape)}\n"
                f"found: a window over {{0}} of shape {format_shape(images.shape)} has the places {format_shape(out)} in "
                f"{images.shape[0]} images\ndo: give one entry for each place"
            )
        return Spec((places.shape[1], images.shape[1] // self.group, *kernel), same_dtype(x, grad))

    def forward(self, x: Value, grad: Value, like: Value = None) -> Value:
        if x.dtype == np.float16:
            return self.forward(x.astype(np.float32), grad.astype(np.float32), like).astype(x.dtype)
        if grad.shape[0] != x.shape[0]:
            raise ShapeError(f"{self.name} was given {x.shape[0]} images and the gradients of {grad.shape[0]}")
        return kernel_gradient(x, grad, self.sliding(x.shape[2:], self.kernel(like), grad.shape[2:]), self.group)

    def backward(
        self, grad: Value, y: Value, x: Value, g: Value, like: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        of_x = ConvTranspose.back(self, g, grad, x) if wanted[0] else None
        of_g = Conv.on(x, grad, **self.fields_like(shape_of(x)[2:], shape_of(grad)[2:])) if wanted[1] else None
        return of_x, of_g, None


def channel_sum(grad: Value) -> Value:
    """The sum of each channel: the gradient of a bias."""
    if grad.__class__ is np.ndarray and grad.itemsize > 2:
        rows = grad.reshape(*grad.shape[:2], -1)
        return np.add.reduce(rows @ np.ones(rows.shape[2], rows.dtype), axis=0)
    return Sum.on(grad, axis=(0, *range(2, rank_of(grad))))
