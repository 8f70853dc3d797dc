"""Rows of nodes.joining, nodes.creation, nodes.padding, nodes.tiling and nodes.diagonal."""

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.nodes.creation import FullLike
from localgrad.nodes.diagonal import Diagonal, Trilu, Undiagonal
from localgrad.nodes.joining import Concat, Split, Stack
from localgrad.nodes.padding import Pad, Unpad
from localgrad.nodes.tiling import Flip, RepeatEach, Roll, SumEach, Tile, Untile
from tests.case import Case, Refused, booleans, inf, nan, rand


def unpadded(pads, mode):
    """The dual of padding: the matrix of np.pad along one axis, transposed."""

    def reference(x):
        for axis, (before, after) in enumerate(pads):
            extent = x.shape[axis] - before - after
            matrix = np.pad(np.eye(extent), ((before, after), (0, 0)), mode=mode)
            x = np.moveaxis(np.tensordot(x, matrix, (axis, 0)), -1, axis)
        return x

    return reference


CASES = [
    Case(
        Concat(),
        inputs=(rand(2, 3), rand(4, 3), rand(1, 3)),
        reference=lambda *xs: np.concatenate(xs),
        batch=(1, 1, 1),
        extremes=[([inf, nan], [-inf], [0.0])],
        refused=[
            Refused((rand(2, 3), rand(2, 4)), ShapeError, "3 and 4 on axis 1"),
            Refused((rand(2, 3), rand(3)), ShapeError, "ranks 2 and 1", "lg.stack"),
            Refused((rand(2), rand(2)), ShapeError, "axis 1", kind=Concat(axis=1)),
        ],
    ),
    Case(Concat(axis=-1), inputs=(rand(2, 3), rand(2, 3)), reference=lambda *xs: np.concatenate(xs, -1), batch=(1, 1)),
    Case(Concat(), inputs=(rand(2, 3),), reference=lambda x: x, batch=(0,)),
    Case(
        Concat(axis=1), inputs=(rand(2, 3), booleans(2, 2)), reference=lambda *xs: np.concatenate(xs, 1), batch=(0, 0)
    ),
    Case(
        Split(axis=1, sections=3),
        inputs=(rand(2, 6),),
        reference=lambda x: tuple(np.split(x, 3, 1)),
        batch=(0,),
        extremes=[[[inf, nan, 0.0]]],
        refused=[
            Refused((rand(2, 4),), ShapeError, "3 equal parts", "length is 4"),
            Refused((rand(4),), ShapeError, "(1, 2)", "length is 4", kind=Split(sizes=(1, 2))),
            Refused(lambda: Split(sections=0), ShapeError, "no parts"),
        ],
    ),
    Case(Split(sections=2), inputs=(rand(4, 2),), reference=lambda x: (x[:2], x[2:]), batch=(0,)),
    Case(Split(sizes=(1, 0, 3)), inputs=(rand(4, 2),), reference=lambda x: (x[:1], x[1:1], x[1:]), batch=(1,)),
    Case(Split(sizes=(4,)), inputs=(rand(4, 2),), reference=lambda x: x, batch=(1,)),
    Case(
        Split(axis=1, sections=2),
        inputs=(rand(2, 5), rand(2, 2), rand(3, 3)),
        reference=lambda x, a, b: (x[:, :2], x[:, 2:]),
        batch=(0, 0, None),
        constant=(1, 2),
    ),
    Case(
        Stack(axis=1),
        inputs=(rand(2, 3), rand(2, 3)),
        reference=lambda *xs: np.stack(xs, 1),
        batch=(0, 0),
        refused=[Refused((rand(2), rand(3)), ShapeError, "(2,) and (3,)", "lg.concatenate")],
    ),
    Case(Stack(axis=-1), inputs=(rand(2), rand(2), rand(2)), reference=lambda *xs: np.stack(xs, -1), batch=(0, 0, 0)),
    Case(Stack(), inputs=(rand(), 2.0, rand()), reference=lambda *xs: np.stack(xs), unbatched="rank 0"),
    Case(FullLike(value=2.5), inputs=(rand(2, 3),), reference=lambda x: np.full((2, 3), 2.5), unbatched="see below"),
    Case(FullLike(value=1, dtype="int64"), inputs=(rand(2, 3),), reference=lambda x: np.full(x.shape, 1), batch=(0,)),
    Case(
        Pad(pads=((1, 2), (0, 1)), value=0.5),
        inputs=(rand(2, 3),),
        reference=lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=0.5),
        batch=(1,),
        extremes=[[[inf, nan]]],
        refused=[
            Refused((rand(2),), ShapeError, "2 axes", "rank 1"),
            Refused((rand(2),), ShapeError, "cropped by 3", "length is 2", kind=Pad(pads=((-2, -1),))),
            Refused((np.zeros(0),), ShapeError, "no entries to copy", kind=Pad(pads=((1, 0),), mode="edge")),
            Refused(lambda: Pad(mode="mean"), ShapeError, "'mean'", "reflect"),
        ],
    ),
    Case(
        Pad(pads=((-1, 2), (1, -2))),
        inputs=(rand(3, 4),),
        reference=lambda x: np.pad(x[1:, :2], ((0, 2), (1, 0))),
        batch=(0,),
    ),
    Case(Pad(pads=((-2, 3),)), inputs=(rand(1),), reference=lambda x: np.zeros(2), unbatched="see above"),
    Case(Pad(pads=((-1, 1),)), inputs=(rand(4),), reference=lambda x: np.append(x[1:], 0), batch=(0,)),
    Case(Pad(), inputs=(rand(),), reference=lambda x: x, unbatched="rank 0"),
    Case(
        Pad(pads=((2, 1), (0, 2)), mode="edge"),
        inputs=(rand(3, 4),),
        reference=lambda x: np.pad(x, ((2, 1), (0, 2)), "edge"),
        batch=(0,),
    ),
    Case(
        Pad(pads=((2, 1), (0, 2)), mode="reflect"),
        inputs=(rand(3, 4),),
        reference=lambda x: np.pad(x, ((2, 1), (0, 2)), "reflect"),
        batch=(0,),
    ),
    Case(
        Pad(pads=((7, 5),), mode="reflect"),
        inputs=(rand(3),),
        reference=lambda x: np.pad(x, (7, 5), "reflect"),
        batch=(0,),
    ),
    Case(
        Pad(pads=((5, 4),), mode="symmetric"),
        inputs=(rand(3),),
        reference=lambda x: np.pad(x, (5, 4), "symmetric"),
        batch=(0,),
    ),
    Case(
        Pad(pads=((0, 0), (5, 4)), mode="wrap"),
        inputs=(rand(2, 3),),
        reference=lambda x: np.pad(x, ((0, 0), (5, 4)), "wrap"),
        batch=(1,),
    ),
    Case(Pad(pads=((-1, 2),), mode="edge"), inputs=(rand(3),), reference=lambda x: x[[1, 2, 2, 2]], batch=(0,)),
    Case(
        Unpad(pads=((2, 1), (0, 2)), mode="edge"),
        inputs=(rand(6, 6),),
        reference=unpadded(((2, 1), (0, 2)), "edge"),
        batch=(1,),
    ),
    Case(
        Unpad(pads=((2, 1), (0, 0)), mode="reflect"),
        inputs=(rand(6, 2),),
        reference=unpadded(((2, 1), (0, 0)), "reflect"),
        batch=(0,),
    ),
    Case(Unpad(pads=((1, 2),)), inputs=(rand(5),), reference=lambda x: x[1:3], batch=(0,)),
    Case(
        Tile(repeats=(2, 3)),
        inputs=(rand(3, 2),),
        reference=lambda x: np.tile(x, (2, 3)),
        batch=(0,),
        refused=[
            Refused((rand(3),), ShapeError, "(2, 3)", "rank 1"),
            Refused(lambda: Tile(repeats=(0,)), ShapeError, "fewer than one"),
        ],
    ),
    Case(
        Untile(repeats=(2, 3)),
        inputs=(rand(4, 6),),
        reference=lambda x: x.reshape(2, 2, 3, 2).sum((0, 2)),
        batch=(0,),
        refused=[Refused((rand(3, 6),), ShapeError, "groups of 2", "length is 3")],
    ),
    Case(
        RepeatEach(repeats=3, axis=1),
        inputs=(rand(2, 3),),
        reference=lambda x: np.repeat(x, 3, 1),
        batch=(1,),
        refused=[Refused(lambda: RepeatEach(repeats=0), ShapeError, "fewer than one")],
    ),
    Case(
        SumEach(repeats=3, axis=-1),
        inputs=(rand(2, 6),),
        reference=lambda x: x.reshape(2, 2, 3).sum(2),
        batch=(1,),
        refused=[Refused((rand(2, 4),), ShapeError, "groups of 3", "length is 4")],
    ),
    Case(Flip(), inputs=(rand(3, 4),), reference=lambda x: x[::-1, ::-1], batch=(0,)),
    Case(
        Flip(axis=(-1,)),
        inputs=(rand(3, 4),),
        reference=lambda x: x[:, ::-1],
        batch=(1,),
        refused=[Refused((rand(),), ShapeError, "axis -1", "rank is 0")],
    ),
    Case(
        Roll(shift=(2, -1), axis=(0, 1)),
        inputs=(rand(3, 4),),
        reference=lambda x: np.roll(x, (2, -1), (0, 1)),
        batch=(0,),
        refused=[
            Refused((rand(3),), ShapeError, "axis 1", "rank 1"),
            Refused(lambda: Roll(shift=(1, 2), axis=(0,)), ShapeError, "(1, 2)", "one shift for each axis"),
        ],
    ),
    Case(
        Trilu(),
        inputs=(rand(3, 4),),
        reference=np.triu,
        batch=(0,),
        extremes=[[[inf, nan], [nan, inf]]],
        refused=[Refused((rand(3),), ShapeError, "rank 1")],
    ),
    Case(Trilu(upper=False, k=1), inputs=(rand(2, 4, 3),), reference=lambda x: np.tril(x, 1), batch=(0,)),
    Case(Trilu(k=-1), inputs=(booleans(3, 3),), reference=lambda x: np.triu(x, -1), batch=(0,)),
    Case(
        Diagonal(),
        inputs=(rand(3, 4),),
        reference=np.diagonal,
        unbatched="see below",
        refused=[
            Refused((rand(3),), ShapeError, "axis 1", "rank 1"),
            Refused((rand(3, 3),), ShapeError, "axis 0", "twice", kind=Diagonal(axis2=-2)),
        ],
    ),
    Case(Diagonal(offset=-1), inputs=(rand(4, 3, 2),), reference=lambda x: np.diagonal(x, -1), batch=(2,)),
    Case(
        Diagonal(offset=1, axis1=2, axis2=0),
        inputs=(rand(4, 2, 3),),
        reference=lambda x: np.diagonal(x, 1, 2, 0),
        batch=(1,),
    ),
    Case(
        Undiagonal(),
        inputs=(rand(3),),
        reference=np.diag,
        batch=(0,),
        refused=[Refused((rand(),), ShapeError, "rank 0")],
    ),
    Case(Undiagonal(offset=-2), inputs=(rand(3),), reference=lambda x: np.diag(x, -2), batch=(0,)),
    Case(
        Undiagonal(offset=1, axis1=0, axis2=2),
        inputs=(rand(2, 3), rand(4, 2, 4)),
        reference=lambda x, like: np.stack([np.diag(row, 1) for row in x], 1),
        batch=(0, 1),
        constant=(1,),
        refused=[Refused((rand(2, 2), rand(4, 2, 4)), ShapeError, "(2, 2)", "(2, 3)")],
    ),
]
