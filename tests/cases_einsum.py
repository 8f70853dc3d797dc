"""Rows of nodes.einsum."""

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.einsum import Einsum
from tests.case import Case, Refused, booleans, integers, rand


def row(equation, *inputs, **options):
    return Case(Einsum(equation=equation), inputs, lambda *xs: np.einsum(equation, *xs), **options)


PAIR = rand(2, 3), rand(3, 4)


def refuse(equation, *parts, inputs=PAIR, error=ShapeError):
    return Refused(inputs, error, *parts, kind=Einsum(equation=equation))


CASES = [
    row(
        "ij,jk->ik",
        rand(2, 3),
        rand(3, 4),
        batch=(0, None),
        refused=[
            refuse("ij,ik->jk", "'i' is 2", "but 3 on axis 0"),
            refuse("ij->ij", "1 terms for 2 operands"),
            refuse("ij,j->i", "'j'", "rank 2"),
            refuse("ij,jkl->i", "'jkl'", "rank 2"),
            refuse("ij,jk->il", "'l' in the output only"),
            refuse("ij,jk->ii", "'i' twice in the output"),
            refuse("ij,j1->i", "'1'"),
            refuse("......,jk->j", "`...` twice"),
            refuse("i...,jk->ik", "`...` stands for axes"),
            refuse("ij,jk->ik", "bools", inputs=(booleans(2, 2), booleans(2, 2)), error=DTypeError),
        ],
    ),
    row("ji,kj", rand(3, 2), rand(4, 3), batch=(0, 1)),
    row("bij,bjk->bik", rand(2, 3, 4), rand(2, 4, 2), batch=(0, 0)),
    row("bij,bjk->kbi", rand(2, 3, 4), rand(2, 4, 2), batch=(1, None)),
    row("...ij,...jk->...ik", rand(2, 1, 3, 4), rand(5, 4, 2), batch=(0, None)),
    row("i,i", rand(3), rand(3), batch=(0, 0)),
    row("i,j->ij", rand(3), rand(2), batch=(0, None)),
    row("bi,bi->b", rand(2, 3), rand(2, 3), batch=(0, 0)),
    row("ij->ji", rand(2, 3), batch=(0,)),
    row("ij->j", rand(2, 3), batch=(0,)),
    row("ij->", rand(2, 3), batch=(1,)),
    row("ij,k->i", rand(2, 3), rand(4), batch=(0, None)),
    row("ij,k->i", rand(2, 3), rand(4), batch=(None, 0), name="Einsum whose lost label is named"),
    row("ii->i", rand(3, 3), unbatched="both axes have one length"),
    row("ii", rand(3, 3), unbatched="both axes have one length"),
    row("iij,j->ij", rand(3, 3, 2), rand(2), batch=(2, 0)),
    row("iji->j", rand(3, 2, 3), batch=(1,)),
    row("iijj,k->", rand(2, 2, 3, 3), rand(2), batch=(None, 0)),
    row("iii->i", rand(2, 2, 2), unbatched="all axes have one length"),
    row("jii,k->", rand(2, 3, 3), rand(2), batch=(0, None)),
    row("ij,jk,kl->il", rand(2, 3), rand(3, 4), rand(4, 2), batch=(0, None, None)),
    row("ij,ij,j,ki->k", rand(2, 3), rand(2, 3), rand(3), rand(4, 2), batch=(1, 1, 0, None)),
    row("a,b,c->abc", rand(2), rand(3), rand(2), batch=(0, None, None)),
    row("...,...->...", rand(2, 3), rand(3), batch=(0, None)),
    row("ij,i->i", rand(1, 3), rand(4), name="Einsum of a length 1", batch=(None, 0)),
    row("ij,ji->j", rand(1, 3), rand(3, 2), name="Einsum over a length 1", batch=(1, 0)),
    row("ij,kji->k", rand(1, 1), rand(2, 3, 4), name="Einsum over two lengths 1", batch=(None, 0)),
    row("i...,i->...", rand(3, 2, 2), rand(3), batch=(0, 0)),
    row("ij,j->i", integers(2, 3), integers(3), batch=(0, None)),
    row("ij,jk->ik", rand(2, 3), np.array([[1], [0], [1]], bool), name="Einsum of floats and bools", batch=(0, None)),
]
