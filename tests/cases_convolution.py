"""Rows of convolutions, their gradients, and columns of windows; the references loop over the windows, and know no tricks."""

from itertools import product

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.columns import Col2im, Im2col
from localgrad.nodes.convolution import Conv, ConvTranspose, ConvWeightGradient
from tests.case import Case, Refused, integers, rand


def margins(kind, spatial, kernel):
    """Padding before and after each axis, from the fields as ONNX describes them."""
    rank = len(kernel)
    if kind.auto_pad in ("NOTSET", "VALID"):
        pads = kind.pads or (0,) * (2 * rank)
        return list(zip(pads[:rank], pads[rank:]))
    found = []
    for extent, taps, step, gap in zip(spatial, kernel, kind.strides or (1,) * rank, kind.dilations or (1,) * rank):
        total = max((int(np.ceil(extent / step)) - 1) * step + (taps - 1) * gap + 1 - extent, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if kind.auto_pad == "SAME_UPPER" else (large, small))
    return found


def windows(kind, padded, kernel):
    """Each place of the window, with what it sees of the spatial axes."""
    rank = len(kernel)
    strides, gaps = kind.strides or (1,) * rank, kind.dilations or (1,) * rank
    counts = [
        (extent - (taps - 1) * gap - 1) // step + 1 for extent, taps, step, gap in zip(padded, kernel, strides, gaps)
    ]
    for place in product(*map(range, counts)):
        starts = [at * step for at, step in zip(place, strides)]
        yield (
            place,
            (
                slice(None),
                slice(None),
                *(slice(s, s + (taps - 1) * gap + 1, gap) for s, taps, gap in zip(starts, kernel, gaps)),
            ),
            counts,
        )


def bordered(x, pads):
    x = np.pad(x, [(0, 0), (0, 0), *((max(before, 0), max(after, 0)) for before, after in pads)])
    return x[
        (..., *(slice(max(-before, 0), extent + min(after, 0)) for (before, after), extent in zip(pads, x.shape[2:])))
    ]


def conv(kind):
    def reference(x, w, b=None):
        kernel, group = w.shape[2:], kind.group
        x = bordered(x, margins(kind, x.shape[2:], kernel))
        y = None
        for place, seen, counts in windows(kind, x.shape[2:], kernel):
            if y is None:
                y = np.zeros((x.shape[0], w.shape[0], *counts))
            for outputs, part, inputs in zip(
                np.split(np.arange(w.shape[0]), group), np.split(w, group), np.split(x[seen], group, axis=1)
            ):
                y[(slice(None), outputs, *place)] = np.tensordot(inputs, part, (range(1, x.ndim), range(1, x.ndim)))
        return y if b is None else y + b.reshape(-1, *(1,) * len(kernel))

    return reference


def transpose(kind):
    """The matrix of the convolution, transposed: every entry of an image of ones and zeros is convolved."""

    def reference(x, w, b=None, like=None):
        kernel, group = w.shape[2:], kind.group
        rank = len(kernel)
        strides, gaps = kind.strides or (1,) * rank, kind.dilations or (1,) * rank
        pads = kind.pads or (0,) * (2 * rank)
        more = kind.output_padding or (0,) * rank
        if like is not None:
            spatial = like.shape[2:]
        elif kind.auto_pad != "NOTSET":
            spatial = tuple(extent * step for extent, step in zip(x.shape[2:], strides))
        else:
            spatial = tuple(
                (extent - 1) * step + (taps - 1) * gap + 1 - before - after + m
                for extent, step, taps, gap, before, after, m in zip(
                    x.shape[2:], strides, kernel, gaps, pads[:rank], pads[rank:], more
                )
            )
        channels = w.shape[1] * group
        y = np.zeros((x.shape[0], channels, *spatial))
        around = margins(kind, spatial, kernel)
        for place in product(*map(range, x.shape[2:])):
            for tap in product(*map(range, kernel)):
                at = tuple(
                    p * step + t * gap - before
                    for p, t, step, gap, (before, _) in zip(place, tap, strides, gaps, around)
                )
                if all(0 <= a < extent for a, extent in zip(at, spatial)):
                    parts = [
                        inputs @ part[(..., *tap)]
                        for inputs, part in zip(np.split(x[(..., *place)], group, axis=1), np.split(w, group))
                    ]
                    y[(..., *at)] += np.concatenate(parts, axis=1)
        return y if b is None else y + b.reshape(-1, *(1,) * rank)

    return reference


def weight_gradient(kind, kernel):
    def reference(x, grad, like=None):
        group = kind.group
        x = bordered(x, margins(kind, x.shape[2:], kernel))
        total = np.zeros((grad.shape[1], x.shape[1] // group, *kernel))
        for place, seen, _ in windows(kind, x.shape[2:], kernel):
            pairs = zip(np.split(x[seen], group, axis=1), np.split(grad[(..., *place)], group, axis=1))
            total += np.concatenate([np.tensordot(g, inputs, (0, 0)) for inputs, g in pairs])
        return total

    return reference


def columns(kind):
    def reference(x):
        kernel = kind.kernel_shape
        x = bordered(x, margins(kind, x.shape[2:], kernel))
        found = list(windows(kind, x.shape[2:], kernel))
        y = np.zeros((*x.shape[:2], *kernel, *found[0][2]))
        for place, seen, _ in found:
            y[(..., *place)] = x[seen]
        return y

    return reference


def images(kind, spatial):
    def reference(x, like=None):
        kernel = kind.kernel_shape
        pads = margins(kind, spatial, kernel)
        padded = tuple(extent + before + after for extent, (before, after) in zip(spatial, pads))
        y = np.zeros((*x.shape[:2], *padded))
        for place, seen, _ in windows(kind, padded, kernel):
            y[seen] += x[(..., *place)]
        return y[(..., *(slice(before, before + extent) for extent, (before, _) in zip(spatial, pads)))]

    return reference


def row(kind, *shapes, batch=0, name=None, **options):
    """A convolution of x, w and perhaps b, with the axis of x that is named."""
    return Case(
        kind,
        inputs=[rand(*shape) for shape in shapes],
        reference=conv(kind),
        name=name,
        batch=(batch, *(None,) * (len(shapes) - 1)),
        **options,
    )


def transposed(kind, *shapes, batch=0, like=None, name=None, **options):
    inputs = [rand(*shape) for shape in shapes]
    axes = [batch, *(None,) * (len(shapes) - 1)]
    constant = ()
    if like is not None:
        inputs += [*(None,) * (3 - len(inputs)), rand(*like)]
        axes += [*(None,) * (3 - len(axes)), batch]
        constant = (3,)
    return Case(kind, inputs=inputs, reference=transpose(kind), name=name, batch=axes, constant=constant, **options)


def weights(kind, kernel, *shapes, batch=(0, 0), name=None, **options):
    return Case(
        kind.replaced(kernel_shape=kernel),
        inputs=[rand(*shape) for shape in shapes],
        reference=weight_gradient(kind, kernel),
        name=name,
        batch=batch,
        **options,
    )


REFUSED = [
    Refused((rand(2, 3, 8), rand(4, 3, 3, 3)), ShapeError, "rank 3, not 4", "x[:, None]", "(4, 3, 3, 3)"),
    Refused((rand(8, 8), rand(4, 3, 3, 3)), ShapeError, "rank 2, not 4", "x[None, None]"),
    Refused(
        (rand(2, 1, 8, 8), rand(4, 3, 3, 3)),
        ShapeError,
        "channels differ: 1 (axis 1",
        "shape (2, 1, 8, 8)",
        "3 (axis 1 of",
        "shape (4, 3, 3, 3)",
    ),
    Refused((rand(2, 8, 8, 3), rand(4, 3, 3, 3)), ShapeError, "channels seem to stand last", "(0, 3, 1, 2)"),
    Refused((rand(2, 3, 2, 8), rand(4, 3, 3, 3)), ShapeError, "longer than the padded axis", "axis 2", "3 entries"),
    Refused((rand(2, 3, 8, 8), rand(4, 3)), ShapeError, "(4, 3)", "rank 2", "(outputs, inputs"),
    Refused((rand(2, 3, 8, 8), rand(4, 3, 3, 3), rand(3)), ShapeError, "bias", "(3,)", "4 output channels"),
    Refused((integers(2, 3, 8, 8), integers(4, 3, 3, 3)), DTypeError, "int64", "astype"),
    Refused((rand(2, 4, 8, 8), rand(3, 2, 3, 3)), ShapeError, "2 groups", "3 output channels", kind=Conv(group=2)),
    Refused((rand(2, 3, 8, 8), rand(4, 3, 3, 3)), ShapeError, "strides (2,)", "2 spatial", kind=Conv(strides=(2,))),
    Refused((rand(2, 3, 8, 8), rand(4, 3, 3, 3)), ShapeError, "pads (1, 1)", "4 of them", kind=Conv(pads=(1, 1))),
    Refused(lambda: Conv(strides=(0, 1)), ShapeError, "strides (0, 1)", "1 or more"),
    Refused(lambda: Conv(auto_pad="SAME"), ShapeError, "'SAME'", "SAME_UPPER"),
    Refused(lambda: Conv(auto_pad="SAME_UPPER", pads=(1, 1)), ShapeError, "both"),
    Refused(lambda: Conv(group=0), ShapeError, "0 groups"),
]
TRANSPOSE_REFUSED = [
    Refused((rand(2, 3, 4, 4), rand(4, 3, 3, 3)), ShapeError, "channels differ: 3 (axis 1", "4 (axis 0"),
    Refused(
        (rand(2, 4, 2, 2), rand(4, 3, 2, 2)), ShapeError, "leaves 0", kind=ConvTranspose(strides=(2, 2), pads=(2,) * 4)
    ),
    Refused((rand(2, 4, 2, 2), rand(4, 3, 2, 2)), ShapeError, "less than", kind=ConvTranspose(output_padding=(1, 0))),
    Refused((rand(2, 4, 2, 2), rand(4, 3, 2, 2)), ShapeError, "one for each", kind=ConvTranspose(output_padding=(1,))),
    Refused((rand(2, 4, 2, 2), rand(4, 3, 2, 2), None, rand(2, 3, 4, 4)), ShapeError, "(3, 3) places"),
    Refused(lambda: ConvTranspose(output_padding=(-1,)), ShapeError, "0 or more"),
    Refused(lambda: ConvTranspose(output_padding=(1,), auto_pad="SAME_LOWER"), ShapeError, "both"),
]
WEIGHTS_REFUSED = [
    Refused((rand(2, 3, 5, 5), rand(2, 4, 2, 2)), ShapeError, "(2, 4, 2, 2)", "(3, 3)", "one entry for each place"),
    Refused((rand(2, 3, 5, 5), rand(1, 4, 3, 3)), ShapeError, "2 images"),
    Refused((rand(2, 3, 5, 5), rand(2, 4, 3, 3)), ShapeError, "kernel_shape", kind=ConvWeightGradient()),
]
BOTH = Conv(strides=(2, 1), pads=(1, 0, 0, 2), dilations=(1, 2))

CASES = [
    row(Conv(), (2, 3, 5, 6), (4, 3, 3, 2), (4,), refused=REFUSED),
    row(Conv(), (2, 3, 5, 6), (4, 3, 3, 2), batch=2, name="Conv of a named height"),
    row(Conv(), (2, 3, 5, 6), (4, 3, 3, 2), batch=3, name="Conv of a named width"),
    row(Conv(pads=(1, 1, 1, 1)), (3, 2, 4, 4), (2, 2, 3, 3), (2,)),
    row(Conv(pads=(2, 1, 0, 3)), (2, 1, 4, 5), (2, 1, 3, 2), batch=2),
    row(Conv(pads=(-1, 0, 1, -2)), (2, 1, 5, 6), (2, 1, 3, 2)),
    row(Conv(strides=(2, 2), pads=(1, 1, 1, 1)), (2, 2, 6, 5), (3, 2, 3, 3), (3,)),
    row(
        Conv(strides=(2, 2), pads=(1, 1, 1, 1)), (2, 2, 6, 5), (3, 2, 3, 3), batch=2, name="Conv of a named height by 2"
    ),
    row(BOTH, (2, 2, 5, 6), (3, 2, 2, 3)),
    row(Conv(dilations=(2, 3)), (2, 2, 6, 7), (2, 2, 2, 2), (2,)),
    row(Conv(group=2), (2, 4, 4, 4), (6, 2, 3, 3), (6,)),
    row(Conv(group=3, pads=(1, 1, 1, 1)), (2, 3, 4, 4), (3, 1, 3, 3)),
    row(Conv(group=2, strides=(2, 1)), (2, 2, 5, 4), (4, 1, 3, 2), (4,)),
    row(Conv(auto_pad="SAME_UPPER"), (2, 2, 4, 5), (3, 2, 2, 4), (3,)),
    row(Conv(auto_pad="SAME_LOWER", strides=(2, 3)), (2, 2, 6, 5), (3, 2, 3, 4), (3,)),
    row(
        Conv(auto_pad="SAME_LOWER", strides=(2, 3)), (2, 2, 6, 5), (3, 2, 3, 4), batch=2, name="Conv of a height alike"
    ),
    row(Conv(auto_pad="SAME_UPPER", strides=(3, 2)), (2, 2, 4, 5), (3, 2, 4, 2), batch=3, name="Conv of a width alike"),
    row(Conv(auto_pad="VALID", strides=(1, 2)), (2, 2, 4, 5), (3, 2, 2, 2)),
    row(Conv(), (2, 3, 8, 9), (4, 3, 1, 1), (4,), name="Conv of points"),
    row(Conv(group=2), (2, 4, 8, 8), (2, 2, 1, 1), name="Conv of points in groups"),
    row(Conv(strides=(2, 2)), (2, 3, 4, 5), (4, 3, 1, 1)),
    row(Conv(), (2, 3, 7), (4, 3, 3), (4,)),
    row(Conv(strides=(2,), pads=(1, 0), dilations=(2,)), (2, 3, 8), (4, 3, 3), (4,), batch=2),
    row(Conv(), (2, 2, 3, 4, 5), (3, 2, 2, 2, 3), (3,)),
    row(Conv(strides=(1, 2, 1), pads=(1, 0, 1, 0, 1, 1), dilations=(1, 1, 2)), (1, 2, 3, 4, 5), (2, 2, 2, 3, 2)),
    transposed(ConvTranspose(), (2, 4, 3, 4), (4, 3, 3, 2), (3,), refused=TRANSPOSE_REFUSED),
    transposed(ConvTranspose(), (2, 4, 3, 4), (4, 3, 3, 2), batch=2, name="ConvTranspose of a named height"),
    transposed(ConvTranspose(pads=(1, 1, 1, 1)), (2, 2, 4, 4), (2, 3, 3, 3), (3,)),
    transposed(ConvTranspose(pads=(3, 0, 0, 2)), (2, 2, 4, 4), (2, 3, 3, 2)),
    transposed(ConvTranspose(strides=(2, 3), pads=(1, 0, 0, 1)), (2, 2, 3, 3), (2, 3, 3, 2), (3,)),
    transposed(ConvTranspose(strides=(2, 2), output_padding=(1, 0)), (2, 2, 3, 2), (2, 3, 3, 3)),
    transposed(ConvTranspose(strides=(2, 2), output_padding=(1, 0)), (2, 1, 3, 2), (1, 1, 3, 3), batch=2),
    transposed(ConvTranspose(dilations=(2, 3), output_padding=(1, 2)), (2, 2, 3, 2), (2, 3, 2, 2), (3,)),
    transposed(
        ConvTranspose(strides=(1, 2), dilations=(2, 3), pads=(1, 0, 0, 1), output_padding=(1, 2)),
        (2, 2, 3, 4),
        (2, 1, 2, 2),
        batch=3,
    ),
    transposed(ConvTranspose(group=2), (2, 4, 3, 3), (4, 3, 2, 2), (6,)),
    transposed(ConvTranspose(group=2, strides=(2, 2)), (2, 2, 2, 3), (2, 1, 3, 2)),
    transposed(ConvTranspose(auto_pad="SAME_UPPER", strides=(2, 3)), (2, 2, 3, 2), (2, 3, 3, 4)),
    transposed(ConvTranspose(auto_pad="SAME_LOWER", strides=(2, 3)), (2, 2, 3, 2), (2, 3, 3, 4), batch=2),
    transposed(
        ConvTranspose(strides=(2, 2)), (2, 2, 2, 3), (2, 3, 3, 2), like=(2, 3, 6, 7), name="ConvTranspose alike"
    ),
    transposed(
        ConvTranspose(strides=(2, 2), auto_pad="SAME_UPPER"),
        (2, 2, 2, 3),
        (2, 3, 3, 2),
        (3,),
        like=(2, 3, 4, 5),
        name="ConvTranspose alike, padded by itself",
    ),
    transposed(
        ConvTranspose(pads=(1, 1, 1, 1)),
        (2, 2, 4, 3),
        (2, 2, 3, 3),
        batch=2,
        like=(2, 2, 4, 3),
        name="ConvTranspose of named",
    ),
    transposed(ConvTranspose(), (2, 3, 8, 8), (3, 4, 1, 1), (4,), name="ConvTranspose of points"),
    transposed(ConvTranspose(strides=(2,)), (2, 3, 4), (3, 2, 3), (2,)),
    transposed(ConvTranspose(strides=(1, 2, 1)), (1, 2, 2, 3, 2), (2, 1, 2, 2, 2), (1,)),
    weights(ConvWeightGradient(), (3, 3), (2, 3, 5, 5), (2, 4, 3, 3), refused=WEIGHTS_REFUSED),
    weights(ConvWeightGradient(pads=(1, 0, 1, 2)), (3, 2), (2, 3, 4, 5), (2, 2, 4, 6)),
    weights(ConvWeightGradient(pads=(1, 1, 1, 1)), (3, 3), (2, 3, 4, 5), (2, 2, 4, 5), batch=(2, 2)),
    weights(ConvWeightGradient(strides=(2, 2), dilations=(1, 2)), (3, 2), (2, 2, 6, 5), (2, 3, 2, 2)),
    weights(ConvWeightGradient(group=2), (2, 2), (2, 4, 3, 4), (2, 6, 2, 3)),
    weights(ConvWeightGradient(group=2, strides=(2, 1), pads=(0, 1, 1, 0)), (2, 2), (2, 2, 4, 3), (2, 2, 2, 3)),
    weights(ConvWeightGradient(auto_pad="SAME_UPPER", strides=(2, 2)), (3, 2), (2, 2, 4, 5), (2, 3, 2, 3)),
    weights(ConvWeightGradient(), (1, 1), (2, 3, 8, 8), (2, 4, 8, 8)),
    weights(ConvWeightGradient(dilations=(2,)), (3,), (2, 2, 7), (2, 3, 3)),
    weights(ConvWeightGradient(), (2, 1, 2), (2, 1, 3, 2, 3), (2, 2, 2, 2, 2)),
    Case(
        ConvWeightGradient(),
        inputs=(rand(2, 3, 5, 5), rand(2, 4, 3, 2), rand(4, 3, 3, 4)),
        reference=weight_gradient(ConvWeightGradient(), (3, 4)),
        batch=(0, 0, None),
        constant=(2,),
    ),
]

for kind, shape in [
    (Im2col(kernel_shape=(2, 3)), (2, 2, 3, 4)),
    (Im2col(kernel_shape=(3, 2), strides=(2, 1), pads=(1, 0, 1, 1), dilations=(1, 2)), (2, 2, 5, 4)),
    (Im2col(kernel_shape=(2, 2), auto_pad="SAME_UPPER", strides=(2, 3)), (2, 1, 3, 4)),
    (Im2col(kernel_shape=(3,)), (2, 2, 5)),
    (Im2col(kernel_shape=(2, 1, 2)), (1, 2, 3, 2, 3)),
]:
    fields = {**kind.field_values()}
    spatial = shape[2:]
    cut = columns(kind)(np.zeros(shape)).shape
    CASES += [
        Case(kind, inputs=(rand(*shape),), reference=columns(kind), batch=(0,)),
        Case(Col2im(**fields, spatial=spatial), inputs=(rand(*cut),), reference=images(kind, spatial), batch=(0,)),
    ]

BLOCKS = Im2col(kernel_shape=(2, 2), strides=(2, 1))
CASES += [
    Case(
        BLOCKS,
        inputs=(rand(2, 2, 6, 3),),
        reference=columns(BLOCKS),
        batch=(2,),
        name="Im2col of a named height",
        refused=[
            Refused((rand(3, 4),), ShapeError, "rank 2, not 4"),
            Refused((rand(1, 1, 1, 4),), ShapeError, "longer than the padded axis", "2 entries along axis 2"),
            Refused((rand(1, 1, 4),), ShapeError, "kernel_shape", kind=Im2col()),
        ],
    ),
    Case(
        Col2im(kernel_shape=(2, 2), strides=(2, 1)),
        inputs=(rand(2, 2, 2, 2, 3, 2), rand(2, 2, 6, 3)),
        reference=images(BLOCKS, (6, 3)),
        batch=(0, 0),
        constant=(1,),
        name="Col2im alike",
        refused=[
            Refused((rand(2, 2, 2, 2, 3, 2),), ShapeError, "spatial", "second input"),
            Refused((rand(2, 2, 2, 2, 3, 2), rand(2, 2, 4, 3)), ShapeError, "(2, 2, 2, 2, 2, 2)", "(2, 2, 2, 2, 3, 2)"),
            Refused((rand(2, 2, 3, 2), rand(2, 2, 6, 3)), ShapeError, "rank 4, not 6"),
        ],
    ),
]
