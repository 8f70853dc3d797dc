"""Rows of pooling; the references look at one window after the other."""

from itertools import product

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.pooling import AveragePool, AveragePoolGradient, MaxPool, MaxPoolGradient, MaxPoolPick
from tests.case import Case, Point, Refused, booleans, distinct, inf, integers, nan, rand


def windows(kind, spatial):
    """Each place, the entries inside the image that its window sees, and how many the padding inside counts as well."""
    rank = len(spatial)
    strides, gaps = kind.strides or (1,) * rank, kind.dilations or (1,) * rank
    axes = []
    for axis, (extent, taps, step, gap) in enumerate(zip(spatial, kind.kernel_shape, strides, gaps)):
        reach = (taps - 1) * gap + 1
        pads = kind.pads or (0,) * (2 * rank)
        before, after = pads[axis], pads[axis + rank]
        if kind.auto_pad.startswith("SAME"):
            total = max((-(-extent // step) - 1) * step + reach - extent, 0)
            before = total // 2 if kind.auto_pad == "SAME_UPPER" else total - total // 2
            after = total - before
        if kind.ceil_mode:
            count = -(-(extent + before + after - reach) // step) + 1
            if (count - 1) * step >= extent + before:
                count -= 1
        else:
            count = (extent + before + after - reach) // step + 1
        seen = [[place * step + tap * gap - before for tap in range(taps)] for place in range(count)]
        axes.append(
            [
                ([at for at in each if 0 <= at < extent], sum(-before <= at < extent + after for at in each))
                for each in seen
            ]
        )
    for place in product(*(range(len(each)) for each in axes)):
        chosen = [each[at] for each, at in zip(axes, place)]
        yield place, list(product(*(entries for entries, _ in chosen))), int(np.prod([count for _, count in chosen]))


def pooled(kind, spatial, fill):
    """An array of all places, filled by a function of entries and count."""
    found = {place: fill(entries, count) for place, entries, count in windows(kind, spatial)}
    shape = tuple(1 + max(place[axis] for place in found) for axis in range(len(spatial)))
    first = next(iter(found.values()))
    y = np.zeros((*np.shape(first), *shape), first.dtype)
    for place, value in found.items():
        y[(..., *place)] = value
    return y


def largest(kind):
    return lambda x: pooled(kind, x.shape[2:], lambda entries, _: np.max([x[(..., *at)] for at in entries], axis=0))


def mean(kind):
    return lambda x: pooled(
        kind,
        x.shape[2:],
        lambda entries, count: (
            np.sum([x[(..., *at)] for at in entries], axis=0) / (count if kind.count_include_pad else len(entries))
        ),
    )


def first_of(x, entries):
    """For each image and channel which of the entries is the first largest."""
    return np.argmax([x[(..., *at)] for at in entries], axis=0)


def pick(kind):
    def reference(values, x, y):
        def fill(entries, _):
            stacked = np.stack([values[(..., *at)] for at in entries])
            return np.take_along_axis(stacked, first_of(x, entries)[None], 0)[0]

        return pooled(kind, x.shape[2:], fill)

    return reference


def place(kind):
    def reference(grad, x, y):
        z = np.zeros(x.shape)
        for where, entries, _ in windows(kind, x.shape[2:]):
            number = first_of(x, entries)
            for index, at in enumerate(entries):
                z[(..., *at)] += np.where(number == index, grad[(..., *where)], 0)
        return z

    return reference


def share(kind, spatial):
    def reference(grad, like=None):
        z = np.zeros((*grad.shape[:2], *spatial))
        for where, entries, count in windows(kind, spatial):
            for at in entries:
                z[(..., *at)] += grad[(..., *where)] / (count if kind.count_include_pad else len(entries))
        return z

    return reference


REFUSED = [
    Refused((rand(2, 8, 8),), ShapeError, "rank 3, not 4", "x[None]"),
    Refused((rand(2, 3, 1, 4),), ShapeError, "2 entries along axis 2", "longer than the padded axis"),
    Refused((rand(2, 3, 4, 4),), ShapeError, "kernel_shape", kind=MaxPool()),
    Refused((rand(2, 3, 4, 4),), ShapeError, "padding alone", kind=MaxPool(kernel_shape=(2, 2), pads=(2, 0, 0, 0))),
    Refused((booleans(2, 3, 4, 4),), DTypeError, "bools"),
]
PLAIN = {"kernel_shape": (2, 2), "strides": (2, 2)}
WINDOWS = [
    (PLAIN, (2, 2, 4, 6)),
    (PLAIN, (2, 2, 5, 7)),
    ({"kernel_shape": (3, 2)}, (2, 2, 4, 3)),
    ({"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}, (2, 2, 5, 6)),
    ({"kernel_shape": (2, 3), "strides": (3, 2), "pads": (1, 0, 1, 2), "dilations": (2, 1)}, (1, 2, 6, 5)),
    ({"kernel_shape": (3, 2), "strides": (2, 3), "ceil_mode": True}, (2, 1, 6, 6)),
    ({"kernel_shape": (2, 3), "strides": (3, 3), "pads": (1, 1, 1, 0), "ceil_mode": True}, (1, 1, 5, 6)),
    ({"kernel_shape": (3, 2), "strides": (2, 2), "auto_pad": "SAME_UPPER"}, (1, 2, 5, 4)),
    ({"kernel_shape": (2, 3), "strides": (1, 2), "auto_pad": "SAME_LOWER"}, (1, 2, 3, 4)),
    ({"kernel_shape": (1, 1)}, (2, 1, 2, 3)),
    ({"kernel_shape": (2, 1)}, (2, 1, 2, 3)),
    ({"kernel_shape": (3,), "strides": (2,)}, (2, 2, 7)),
    ({"kernel_shape": (2, 2, 1), "strides": (1, 2, 1), "pads": (1, 0, 0, 0, 1, 0)}, (1, 2, 2, 4, 2)),
]
CASES = []
for number, (fields, shape) in enumerate(WINDOWS):
    kind = MaxPool(**fields)
    x = distinct(*shape)
    cut = largest(kind)(np.zeros(shape)).shape
    sample = distinct(*shape).draw(np.random.default_rng(number), shape)
    CASES += [
        Case(kind, inputs=(x,), reference=largest(kind), batch=(0,), refused=REFUSED if number == 0 else []),
        Case(
            MaxPoolGradient(**fields),
            inputs=(rand(*cut), sample, largest(kind)(sample)),
            reference=place(kind),
            batch=(0, 0, 0),
            constant=(1, 2),
        ),
        Case(
            MaxPoolPick(**fields),
            inputs=(rand(*shape), sample, largest(kind)(sample)),
            reference=pick(kind),
            batch=(0, 0, 0),
            constant=(1, 2),
        ),
    ]
    for included in (False, True):
        average = AveragePool(**fields, count_include_pad=included)
        CASES += [
            Case(average, inputs=(rand(*shape),), reference=mean(average), batch=(0,)),
            Case(
                AveragePoolGradient(**average.field_values(), spatial=shape[2:]),
                inputs=(rand(*cut),),
                reference=share(average, shape[2:]),
                batch=(0,),
            ),
        ]

SMALL = MaxPool(kernel_shape=(2,), strides=(1,))
CASES += [
    Case(
        SMALL,
        inputs=(distinct(2, 2, 5),),
        reference=largest(SMALL),
        batch=(2,),
        name="MaxPool of a named length",
        extremes=[np.array([[[inf, 1.0, -inf, -inf, 2.0]]])],
        points=[
            Point(np.array([[[1.0, 1.0, 1.0]]]), np.array([[[1.0, 1.0, 0.0]]]), second=np.array([[[0.0, 0.0, 0.0]]])),
            Point(np.array([[[0.0, nan, 3.0]]]), np.array([[[0.0, 2.0, 0.0]]])),
            Point(np.array([[[-inf, -inf, 3.0]]]), np.array([[[1.0, 0.0, 1.0]]])),
        ],
    ),
    Case(
        MaxPool(**PLAIN),
        inputs=(integers(2, 3, 4, 5),),
        reference=largest(MaxPool(**PLAIN)),
        batch=(2,),
        name="MaxPool of integers of a named height",
    ),
    Case(
        MaxPool(kernel_shape=(3, 2), strides=(2, 3), ceil_mode=True, pads=(1, 0, 0, 1)),
        inputs=(distinct(1, 1, 6, 5),),
        reference=largest(MaxPool(kernel_shape=(3, 2), strides=(2, 3), ceil_mode=True, pads=(1, 0, 0, 1))),
        batch=(2,),
        name="MaxPool over the end of a named height",
    ),
    Case(
        AveragePool(**PLAIN),
        inputs=(rand(2, 3, 6, 4),),
        reference=mean(AveragePool(**PLAIN)),
        batch=(2,),
        name="AveragePool of a named height",
        refused=[
            Refused((integers(2, 3, 4, 4),), DTypeError, "int64", "astype"),
            Refused((rand(4, 4),), ShapeError, "rank 2, not 4"),
        ],
    ),
    Case(
        AveragePoolGradient(**PLAIN),
        inputs=(rand(2, 3, 2, 2), rand(2, 3, 4, 5)),
        reference=share(AveragePool(**PLAIN), (4, 5)),
        batch=(0, 0),
        constant=(1,),
        refused=[
            Refused((rand(2, 3, 2, 2),), ShapeError, "spatial", "second input"),
            Refused((rand(2, 3, 2, 2), rand(2, 3, 6, 4)), ShapeError, "(2, 3, 2, 2)", "(2, 3, 3, 2)"),
        ],
    ),
    Case(
        MaxPoolGradient(**PLAIN),
        inputs=(rand(1, 1, 1, 1), np.array([[[[1.0, 2.0], [2.0, 0.0]]]]), np.array([[[[2.0]]]])),
        reference=place(MaxPool(**PLAIN)),
        batch=(0, 0, 0),
        constant=(1, 2),
        name="MaxPoolGradient of equal entries",
        extremes=[(np.array([[[[inf]]]]), np.array([[[[1.0, 2.0], [2.0, 0.0]]]]), np.array([[[[2.0]]]]))],
        refused=[
            Refused((rand(1, 1, 2, 2), rand(1, 1, 2, 2), rand(1, 1, 1, 1)), ShapeError, "(1, 1, 2, 2)", "(1, 1, 1, 1)")
        ],
    ),
    Case(
        MaxPoolPick(**PLAIN),
        inputs=(rand(1, 1, 2, 2), np.array([[[[1.0, 2.0], [2.0, 0.0]]]]), np.array([[[[2.0]]]])),
        reference=pick(MaxPool(**PLAIN)),
        batch=(0, 0, 0),
        constant=(1, 2),
        name="MaxPoolPick of equal entries",
        refused=[
            Refused((rand(1, 1, 2, 3), rand(1, 1, 2, 2), rand(1, 1, 1, 1)), ShapeError, "(1, 1, 2, 3)", "(1, 1, 2, 2)")
        ],
    ),
]
