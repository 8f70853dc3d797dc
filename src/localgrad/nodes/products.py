"""Products of vectors and matrices beside the matrix product: cross, Kronecker, and along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, need_spec, normal_axes, rank_of, shape_of
from localgrad.nodes.einsum import einsum
from localgrad.nodes.equation import LETTERS
from localgrad.nodes.reduction import Sum
from localgrad.nodes.shaping import Reshape, Unsqueeze
from localgrad.nodes.tiling import Roll


@kind
class Cross(Composition):
    """The cross product of vectors of length 3 along an axis: at right angles to both, as long as their parallelogram."""

    formula = r"y = x \times w, \quad y_i = x_{i+1} w_{i+2} - x_{i+2} w_{i+1}"
    inputs = ("x", "w")
    promotes = True
    checked = True  # any length can be rolled
    family = "linear"
    axis: int = -1

    def shape(self, x: SpecLike, w: SpecLike) -> Spec:
        specs = need_spec(self, x), need_spec(self, w, 1)
        for index, spec in enumerate(specs):
            (axis,) = normal_axes(self.axis, spec.ndim)
            if not same_extent(spec.shape[axis], 3):
                raise ShapeError(
                    f"a cross product along axis {self.axis} was asked\nfound: {{{index}}} has length {spec.shape[axis]} "
                    f"there, shape {format_shape(spec.shape)}\ndo: give vectors of length 3"
                )
        left, right = (self.axis % spec.ndim - spec.ndim for spec in specs)
        if left != right:
            raise ShapeError(
                f"a cross product along axis {self.axis} was asked\nfound: ranks {specs[0].ndim} and {specs[1].ndim}, where "
                "that names axes that do not meet\ndo: count the axis from the end, as -1 does"
            )
        return Spec(broadcast_shapes(*(spec.shape for spec in specs)), np.result_type(*(spec.dtype for spec in specs)))

    def body(self, x: Value, w: Value) -> Value:
        def later(each: Value, places: int) -> Value:
            return Roll.on(each, shift=(-places,), axis=(self.axis % rank_of(each),))

        return later(x, 1) * later(w, 2) - later(x, 2) * later(w, 1)


@kind
class Kron(Composition):
    """The Kronecker product: each entry of x times the whole of w, side by side."""

    formula = r"y = \begin{pmatrix} x_{11} w & x_{12} w & \cdots \\ x_{21} w & x_{22} w & \cdots \\ \vdots & \vdots \end{pmatrix}"
    inputs = ("x", "w")
    promotes = True
    family = "linear"

    def body(self, x: Value, w: Value) -> Value:
        rank = max(rank_of(x), rank_of(w))
        if not rank:
            return x * w
        shapes = [(1,) * (rank - rank_of(each)) + tuple(shape_of(each)) for each in (x, w)]
        if rank_of(x):
            x = Unsqueeze.on(x, axis=tuple(range(1, 2 * rank_of(x), 2)))
        if rank_of(w):
            w = Unsqueeze.on(w, axis=tuple(range(0, 2 * rank_of(w), 2)))
        return Reshape.on(x * w, shape_to=tuple(a * b for a, b in zip(*shapes, strict=True)))


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("cross", "linalg.cross")
def cross(x: Any, w: Any, axis: int = -1) -> Tensor:
    """The cross product of vectors of length 3 along an axis; other axes broadcast.

    Raises ShapeError for another length.

    >>> import localgrad as lg
    >>> lg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).data
    array([0., 0., 1.], dtype=float32)
    """
    return apply(Cross.make(axis=axis.__index__()), x, w)  # type: ignore[no-any-return]


@numpy_function("kron")
def kron(x: Any, w: Any) -> Tensor:
    """The Kronecker product: each entry of x times the whole of w, side by side; the shapes multiply.

    >>> import localgrad as lg
    >>> lg.kron([1.0, 10.0], [1.0, 2.0]).data
    array([ 1.,  2., 10., 20.], dtype=float32)
    """
    return apply(Kron.make(), x, w)  # type: ignore[no-any-return]


@numpy_function("vecdot", "linalg.vecdot")
def vecdot(x: Any, w: Any, axis: int = -1) -> Tensor:
    """The sum of products along one axis; other axes broadcast.

    Raises ShapeError where the axis differs in length.

    >>> import localgrad as lg
    >>> lg.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).data
    array([3., 7.], dtype=float32)
    """
    left, right = as_tensor(x), as_tensor(w)
    for each in (left, right):
        normal_axes(axis, each.ndim)
    if not same_extent(left.shape[axis], right.shape[axis]):
        raise ShapeError(
            f"the product along axis {axis} was asked{user_line()}\nfound: lengths {left.shape[axis]} and "
            f"{right.shape[axis]}\ndo: make them equal"
        )
    return apply(Sum.make(axis=(axis,)), left * right)  # type: ignore[no-any-return]


@numpy_function("multi_dot")
def multi_dot(matrices: Any) -> Tensor:
    """The product of two or more matrices in the order that takes least work; the first and last may be vectors.

    Raises ShapeError where inner sizes differ.

    >>> import localgrad as lg
    >>> lg.linalg.multi_dot([lg.ones((2, 9)), lg.ones((9, 3)), lg.ones(3)]).data
    array([27., 27.], dtype=float32)
    """
    given = [as_tensor(x) for x in matrices]
    vectors = (0, len(given) - 1)
    if len(given) < 2 or any(x.ndim != 2 and not (x.ndim == 1 and place in vectors) for place, x in enumerate(given)):
        shapes = ", ".join(format_shape(x.shape) for x in given) or "nothing"
        raise ShapeError(
            f"the product of several matrices was asked{user_line()}\nfound: {shapes}\n"
            "do: give two or more matrices; only the first and last may be vectors"
        )
    terms = [LETTERS[place : place + 2] for place in range(len(given))]
    terms[0] = terms[0][1:] if given[0].ndim == 1 else terms[0]
    terms[-1] = terms[-1][:1] if given[-1].ndim == 1 else terms[-1]
    ends = (terms[0][0] if given[0].ndim == 2 else "") + (terms[-1][-1] if given[-1].ndim == 2 else "")
    return einsum(f"{','.join(terms)}->{ends}", *given)
