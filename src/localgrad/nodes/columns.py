"""Columns: what each place of a sliding window sees, laid out side by side, and its dual."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Shape, Spec, format_shape, is_static, product, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, need_spec, shape_of
from localgrad.nodes.convolving import Sliding
from localgrad.nodes.shaping import Reshape, Transpose, extents
from localgrad.nodes.windows import Windowed, padding_fields, per_axis, steps_field


class Cutting(Windowed):
    """What Im2col and Col2im share: a window of `kernel_shape`."""

    kernel_shape: tuple[int, ...] = ()

    def check_rank(self, rank: int) -> None:
        if not rank:
            raise ShapeError(
                f"{self.name} needs the extents of its window\nfound: none\ndo: give kernel_shape, as (3, 3)"
            )
        super().check_rank(rank)

    def sliding(self, spatial: Any) -> Sliding:
        """The window over images of these extents."""
        kernel = self.kernel_shape
        rank = len(kernel)
        out: Any = self.extents(spatial, kernel)
        margins = self.margins(spatial, kernel)
        return Sliding(spatial, kernel, out, self.steps(rank), margins, self.spacings(rank))


def need_rank(kind: Cutting, x: SpecLike, rank: int, index: int, what: str) -> Spec:
    """The spec of an input with so many axes; raises ShapeError."""
    spec = need_spec(kind, x, index)
    if spec.ndim != rank:
        raise ShapeError(
            f"{kind.name} with a window of {kind.kernel_shape} was asked of {{{index}}} of shape "
            f"{format_shape(spec.shape)}\nfound: rank {spec.ndim}, not {rank}\ndo: give {what}"
        )
    return spec


@kind
class Im2col(Cutting):
    """What each place of a window sees: (batch, channels, *extents) becomes (batch, channels, *kernel, *places)."""

    formula = r"y_{n c k l i j} = x_{n, c, i s + k d - p, j s + l d - p}"

    def shape(self, x: SpecLike) -> Spec:
        rank = len(self.kernel_shape)
        self.check_rank(rank)
        spec = need_rank(self, x, rank + 2, 0, "(batch, channels, *extents)")
        out = self.extents(spec.shape[2:], self.kernel_shape)
        return spec.with_shape((*spec.shape[:2], *self.kernel_shape, *out))

    def forward(self, x: Value) -> Value:
        sliding = self.sliding(x.shape[2:])
        y = np.empty((*x.shape[:2], *self.kernel_shape, *sliding.out), x.dtype)
        sliding.wide, sliding.places = False, sliding.out
        seen = sliding.windows(sliding.bordered(x))
        y[...] = np.moveaxis(seen, 1 + len(self.kernel_shape), 0)
        return y

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        spatial = shape_of(x)[2:]
        fields = {**self.resolved(spatial, self.kernel_shape), "kernel_shape": self.kernel_shape}
        if is_static(spatial) or not isinstance(x, Tensor):
            return Col2im.on(grad, **fields, spatial=tuple(spatial))
        return Col2im.on(grad, x, **fields)


@kind
class Col2im(Cutting):
    """Add what a window saw at each place to images of extents `spatial` (or those of `like`); the dual of Im2col."""

    formula = r"y_{n, c, a, b} = \sum_{i s + k d - p = a,\; j s + l d - p = b} x_{n c k l i j}"
    inputs = ("x", "like?")
    spatial: tuple[Any, ...] | None = None

    def target(self, like: Any) -> Shape:
        """The spatial extents asked for."""
        if like is not None:
            return shape_of(like)[2:]
        if self.spatial is None:
            raise ShapeError(f"{self.name} needs the field spatial or a second input to take the extents from")
        return self.spatial

    def shape(self, x: SpecLike, like: SpecLike = None) -> Spec:
        rank = len(self.kernel_shape)
        self.check_rank(rank)
        spec = need_rank(self, x, 2 + 2 * rank, 0, "(batch, channels, *kernel, *places)")
        spatial = self.target(like)
        wanted = (*spec.shape[:2], *self.kernel_shape, *self.extents(spatial, self.kernel_shape, "the images"))
        if is_static(wanted[2:]) and is_static(spec.shape[2:]) and not same_shape(spec.shape, wanted):
            raise ShapeError(
                f"{{0}} of shape {format_shape(spec.shape)} was to be added to images of extents {format_shape(spatial)}\n"
                f"found: a window of {self.kernel_shape} sees {format_shape(wanted)} there\ndo: give that shape"
            )
        return spec.with_shape((*spec.shape[:2], *spatial))

    def forward(self, x: Value, like: Value = None) -> Value:
        spatial: Any = self.target(like)
        sliding = self.sliding(spatial)
        sliding.wide, sliding.places = False, sliding.out
        padded = np.zeros((x.shape[1], x.shape[0], *sliding.padded), x.dtype)
        sliding.add_windows(padded, np.moveaxis(x, 0, 1 + len(self.kernel_shape)))
        y = np.zeros((*x.shape[:2], *spatial), x.dtype)
        inner, where = sliding.unbordered(padded)
        y[where] = inner
        return y

    def backward(self, grad: Value, y: Value, x: Value, like: Value = None) -> Value:
        return Im2col.on(
            grad, **self.resolved(shape_of(y)[2:], self.kernel_shape), kernel_shape=self.kernel_shape
        ), None


# functions ----------------------------------------------------------------------------------------------------------
def im2col(
    x: Any, kernel_size: Any, stride: Any = 1, pad: Any = 0, to_matrix: bool = True, dilation: Any = 1
) -> Tensor:
    """What each place of a window over images (batch, channels, height, width) sees, one row for each place.

    Gives (batch * places, channels * kh * kw), or with `to_matrix=False` (batch, channels, kh, kw, *places). The kernel's
    size is an int or (kh, kw); for signals and volumes give as many extents as there are axes. A convolution is the
    product of this matrix with the kernels as columns. Raises ShapeError where the window is longer than the image.

    >>> import localgrad as lg, numpy as np
    >>> lg.im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2).data
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    images = as_tensor(x)
    rank = images.ndim - 2
    kernel = _kernel(kernel_size, rank, images.shape)
    which = Im2col.make(
        kernel_shape=kernel,
        strides=steps_field(stride, rank, "stride"),
        dilations=steps_field(dilation, rank, "dilation"),
        **padding_fields(pad, rank),
    )
    columns = apply(which, images)
    if not to_matrix:
        return columns  # type: ignore[no-any-return]
    order = (0, *range(2 + rank, 2 + 2 * rank), *range(1, 2 + rank))
    width = product((images.shape[1], *kernel))
    rows = product((images.shape[0], *columns.shape[2 + rank :]))
    return Reshape.on(Transpose.on(columns, axes=order), shape_to=(rows, width))  # type: ignore[no-any-return]


def col2im(
    col: Any,
    input_shape: Any,
    kernel_size: Any,
    stride: Any = 1,
    pad: Any = 0,
    to_matrix: bool = True,
    dilation: Any = 1,
) -> Tensor:
    """What `im2col` gave, added up in images of `input_shape` (batch, channels, height, width): its gradient.

    An entry that several places saw gets the sum of all. Raises ShapeError where the columns do not fit.

    >>> import localgrad as lg, numpy as np
    >>> lg.col2im(np.ones((4, 4)), (1, 1, 3, 3), 2).data
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    columns, shape = as_tensor(col), extents(input_shape)
    rank = len(shape) - 2
    kernel = _kernel(kernel_size, rank, shape)
    which = Col2im.make(
        kernel_shape=kernel,
        strides=steps_field(stride, rank, "stride"),
        dilations=steps_field(dilation, rank, "dilation"),
        spatial=shape[2:],
        **padding_fields(pad, rank),
    )
    if to_matrix:
        out = which.extents(shape[2:], kernel, "the images")
        wanted = (product((shape[0], *out)), product((shape[1], *kernel)))
        if is_static(wanted) and is_static(columns.shape) and not same_shape(columns.shape, wanted):
            raise ShapeError(
                f"col2im was to make images {format_shape(shape)} of columns {format_shape(columns.shape)}{user_line()}\n"
                f"found: a window of {format_shape(kernel)} has {product(out)} places in each image, so that the columns of "
                f"im2col are {format_shape(wanted)}\ndo: give input_shape, kernel_size, stride and pad as im2col had them"
            )
        split = Reshape.on(columns, shape_to=(shape[0], *out, shape[1], *kernel))
        columns = Transpose.on(split, axes=(0, *range(1 + rank, 2 + 2 * rank), *range(1, 1 + rank)))
    return apply(which, columns)  # type: ignore[no-any-return]


def _kernel(kernel_size: Any, rank: int, shape: Shape) -> tuple[int, ...]:
    if rank < 1:
        raise ShapeError(
            f"a window was to slide over images of shape {format_shape(shape)}\nfound: rank {len(shape)}\n"
            "do: give (batch, channels, height, width)"
        )
    return per_axis(kernel_size, rank, "kernel_size")
