"""Rows of resizing and of blocks moved between channels and space."""

import numpy as np

from localgrad.graph.capturing import capture
from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.spec import spec
from localgrad.nodes.resizing import DepthToSpace, Resize, ResizeGradient, SpaceToDepth
from tests.case import Case, Refused, inf, integers, rand


def matrix(kind, number, extent, size):
    """The weights of old entries (columns) in new ones (rows), entry by entry from ONNX's description."""
    scale = size / extent if kind.scales is None else kind.scales[number]
    w = np.zeros((size, extent))
    for i in range(size):
        at = {
            "half_pixel": (i + 0.5) / scale - 0.5,
            "pytorch_half_pixel": (i + 0.5) / scale - 0.5 if size > 1 else 0.0,
            "align_corners": i * (extent - 1) / (size - 1) if size > 1 else 0.0,
            "asymmetric": i / scale,
        }[kind.coordinate_transformation_mode]
        if kind.mode == "nearest":
            low = int(np.floor(at + 1e-9))
            part = at - low
            up = {
                "floor": False,
                "ceil": part > 1e-9,
                "round_prefer_floor": part > 0.5 + 1e-9,
                "round_prefer_ceil": part >= 0.5 - 1e-9,
            }[kind.nearest_mode]
            w[i, min(max(low + up, 0), extent - 1)] += 1
        else:
            at = min(max(at, 0.0), extent - 1)
            low = min(int(at), extent - 1)
            w[i, low] += 1 - (at - low)
            w[i, min(low + 1, extent - 1)] += at - low
    return w


def size_of(kind, number, extent):
    return kind.sizes[number] if kind.sizes is not None else int(extent * kind.scales[number])


def resized(kind):
    def reference(x):
        for number, axis in enumerate(kind.axes):
            w = matrix(kind, number, x.shape[axis], size_of(kind, number, x.shape[axis]))
            x = np.moveaxis(np.tensordot(w, x, (1, axis)), 0, axis)
        return x

    return reference


def back(kind, lengths):
    def reference(grad, like=None):
        for number, axis in enumerate(kind.axes):
            w = matrix(kind, number, lengths[number], grad.shape[axis])
            grad = np.moveaxis(np.tensordot(w.T, grad, (1, axis)), 0, axis)
        return grad

    return reference


def spread(mode, b=2):
    def reference(x):
        n, c, h, w = x.shape
        y = np.zeros((n, c // b**2, h * b, w * b), x.dtype)
        for channel in range(c // b**2):
            for i in range(b):
                for j in range(b):
                    source = (i * b + j) * (c // b**2) + channel if mode == "DCR" else channel * b * b + i * b + j
                    y[:, channel, i::b, j::b] = x[:, source]
        return y

    return reference


def gather(mode, b=2):
    def reference(x):
        n, c, h, w = x.shape
        y = np.zeros((n, c * b**2, h // b, w // b), x.dtype)
        for channel in range(c):
            for i in range(b):
                for j in range(b):
                    target = (i * b + j) * c + channel if mode == "DCR" else channel * b * b + i * b + j
                    y[:, target] = x[:, channel, i::b, j::b]
        return y

    return reference


FLOOR = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
DOUBLE = Resize(scales=(2.0, 3.0), **FLOOR)
LINEAR = Resize(scales=(2.0, 2.0), mode="linear")
ALONG = Resize(axes=(2,), scales=(0.5,), **FLOOR)
CASES = [
    Case(
        DOUBLE,
        inputs=(rand(2, 2, 3, 2),),
        reference=resized(DOUBLE),
        batch=(0,),
        refused=[
            Refused((rand(2, 2, 3),), ShapeError, "axis 3"),
            Refused((rand(2, 2, 3, 0),), ShapeError, "axis 3", "from 0 to 0"),
            Refused((integers(2, 2, 3, 2),), DTypeError, "int64", "nearest", kind=LINEAR),
            Refused((rand(2, 2, 3, 2),), ShapeError, "in order", kind=Resize(axes=(3, 2), sizes=(1, 1))),
            Refused(lambda: Resize(), ShapeError, "one of the two"),
            Refused(lambda: Resize(sizes=(2,)), ShapeError, "one number for each axis"),
            Refused(lambda: Resize(scales=(0.0, 1.0)), ShapeError, "more than 0"),
            Refused(lambda: Resize(sizes=(2, 2), mode="cubic"), ShapeError, "'cubic'", "linear"),
        ],
    ),
    Case(DOUBLE, inputs=(integers(2, 2, 3, 2),), reference=resized(DOUBLE), batch=(2,), name="Resize of integers"),
    Case(LINEAR, inputs=(rand(2, 2, 3, 4),), reference=resized(LINEAR), batch=(2,)),
    Case(
        ALONG,
        inputs=(rand(2, 2, 6),),
        reference=lambda x: x[:, :, ::2],
        batch=(2,),
        extremes=[np.array([[[inf, 1.0, 2.0, 3.0]]])],
        refused=[
            Refused(
                lambda: capture(Resize(axes=(2,), scales=(1.5,)), spec("N", 2, "L")),
                ShapeError,
                "1.5 times",
                "extent L",
            )
        ],
    ),
    Case(
        ResizeGradient(scales=(2.0, 2.0), mode="linear"),
        inputs=(rand(2, 2, 6, 4), rand(2, 2, 3, 2)),
        reference=back(LINEAR, (3, 2)),
        batch=(0, 0),
        constant=(1,),
        refused=[
            Refused((rand(2, 2, 6, 4),), ShapeError, "extents_to", "second input"),
            Refused((rand(2, 2, 6, 4), rand(2, 2, 4, 2)), ShapeError, "(2, 2, 6, 4)", "(2, 2, 8, 4)"),
        ],
    ),
    Case(
        Resize(sizes=(5, 4), mode="linear"),
        inputs=(rand(2, 2, 3, 2),),
        reference=resized(Resize(sizes=(5, 4), mode="linear")),
        batch=(2,),
        name="Resize of a named height to a size",
    ),
    Case(
        Resize(axes=(2,), sizes=(6,)),
        inputs=(rand(2, 2, 3),),
        reference=resized(Resize(axes=(2,), sizes=(6,))),
        batch=(0,),
        name="Resize to a size",
    ),
]
for fields, shape in [
    ({"sizes": (2, 5), "mode": "linear"}, (1, 2, 4, 3)),
    ({"sizes": (5, 3), "mode": "linear", "coordinate_transformation_mode": "align_corners"}, (1, 2, 3, 4)),
    ({"sizes": (1, 1), "mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}, (2, 1, 4, 3)),
    ({"sizes": (1, 6), "mode": "linear", "coordinate_transformation_mode": "asymmetric"}, (2, 1, 4, 3)),
    ({"scales": (1.5, 0.6), "mode": "linear"}, (1, 1, 4, 5)),
    ({"sizes": (2, 7), "nearest_mode": "ceil"}, (1, 2, 5, 3)),
    ({"sizes": (5, 2), "nearest_mode": "round_prefer_ceil"}, (1, 2, 3, 4)),
    ({"sizes": (6, 2), "nearest_mode": "round_prefer_floor"}, (1, 2, 3, 4)),
    ({"axes": (1,), "sizes": (3,), **FLOOR}, (2, 5, 2)),
    ({"axes": (), "sizes": ()}, (2, 3)),
]:
    kind = Resize(**fields)
    lengths = tuple(shape[axis] for axis in kind.axes)
    cut = resized(kind)(np.zeros(shape)).shape
    CASES += [
        Case(kind, inputs=(rand(*shape),), reference=resized(kind), batch=(0,)),
        Case(
            ResizeGradient(**kind.field_values(), extents_to=lengths),
            inputs=(rand(*cut),),
            reference=back(kind, lengths),
            batch=(0,),
        ),
    ]
for mode in ("DCR", "CRD"):
    CASES += [
        Case(
            DepthToSpace(mode=mode),
            inputs=(rand(2, 8, 2, 3),),
            reference=spread(mode),
            batch=(0,),
            refused=[Refused((rand(2, 6, 2, 2),), ShapeError, "axis 1", "by 4", "length is 6")],
        ),
        Case(
            SpaceToDepth(mode=mode),
            inputs=(rand(2, 2, 4, 6),),
            reference=gather(mode),
            batch=(0,),
            refused=[
                Refused((rand(2, 2, 4, 5),), ShapeError, "axis 3", "by 2", "length is 5"),
                Refused((rand(2, 4, 4),), ShapeError, "rank 3, not 4"),
            ],
        ),
    ]
CASES += [
    Case(
        DepthToSpace(), inputs=(rand(2, 4, 2, 3),), reference=spread("DCR"), batch=(2,), name="DepthToSpace of a height"
    ),
    Case(
        SpaceToDepth(), inputs=(rand(2, 1, 4, 2),), reference=gather("DCR"), batch=(2,), name="SpaceToDepth of a height"
    ),
    Case(DepthToSpace(blocksize=1), inputs=(rand(1, 2, 2, 2),), reference=lambda x: x, batch=(0,)),
    Case(
        SpaceToDepth(blocksize=3, mode="CRD"),
        inputs=(integers(1, 2, 3, 6),),
        reference=gather("CRD", 3),
        batch=(0,),
        refused=[Refused(lambda: SpaceToDepth(blocksize=0), ShapeError, "blocks of 0")],
    ),
]
