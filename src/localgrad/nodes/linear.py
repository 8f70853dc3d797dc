"""Linear: matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes, format_shape, is_static, product, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.arithmetic import Add, Mul
from localgrad.nodes.base import apply, as_tensor, need_spec, rank_of, shape_of
from localgrad.nodes.shaping import Reshape, Squeeze, Unsqueeze, swap_last


@kind
class MatMul(Kind):
    """The matrix product over the last axis of x and the second last of w; leading axes broadcast."""

    formula = r"y_{ij} = \sum_k x_{ik} w_{kj}"
    onnx = "MatMul"
    operator = "@"
    numpy = ("matmul",)
    inputs = ("x", "w")
    promotes = True
    family = "linear"

    def shape(self, x: SpecLike, w: SpecLike) -> Spec:
        left, right = need_spec(self, x), need_spec(self, w, 1)
        for index, each in enumerate((left, right)):
            if each.ndim == 0:
                raise ShapeError(f"MatMul needs matrices or vectors; {{{index}}} has rank 0\ndo: use * with a number")
        inner_axis = max(right.ndim - 2, 0)
        if not same_extent(left.shape[-1], right.shape[inner_axis]):
            hint = "make these two equal, by reshaping {0} or by giving {1} another size"
            if right.ndim == 2 and same_extent(left.shape[-1], right.shape[1]):
                hint = "transpose the second one ({1}.T)"
            raise ShapeError(
                f"inner sizes differ: {left.shape[-1]} (axis {left.ndim - 1} of {{0}}, shape {format_shape(left.shape)}) "
                f"and {right.shape[inner_axis]} (axis {inner_axis} of {{1}}, shape {format_shape(right.shape)})\ndo: {hint}"
            )
        lead = broadcast_shapes(left.shape[:-2], right.shape[:-2])
        rows = left.shape[-2:-1] if left.ndim > 1 else ()
        columns = right.shape[-1:] if right.ndim > 1 else ()
        return Spec((*lead, *rows, *columns), np.result_type(left.dtype, right.dtype))

    def forward(self, x: Value, w: Value) -> Value:
        return np.matmul(x, w)

    def backward(self, grad: Value, y: Value, x: Value, w: Value, *, wanted: tuple[bool, ...]) -> Value:
        rank_x, rank_w = rank_of(x), rank_of(w)
        if rank_x == 2 and rank_w == 2:
            return grad @ swap_last(w) if wanted[0] else None, swap_last(x) @ grad if wanted[1] else None
        if rank_x == 1 and rank_w == 1:
            return grad * w, grad * x
        if rank_x == 1:
            x, grad = Unsqueeze.on(x, axis=(0,)), Unsqueeze.on(grad, axis=(-2,))
        if rank_w == 1:
            w, grad = Unsqueeze.on(w, axis=(1,)), Unsqueeze.on(grad, axis=(-1,))
        of_x = of_w = None
        if wanted[0]:
            of_x = grad @ swap_last(w)
            if rank_x == 1:
                of_x = Squeeze.on(of_x, axis=(-2,))
        if wanted[1]:
            if rank_of(w) == 2 and rank_of(x) > 2 and is_static((shape_of(x)[-1], shape_of(grad)[-1])):
                # all leading axes in one product instead of a stack of products summed afterwards
                x, grad = _rows(x), _rows(grad)
            of_w = swap_last(x) @ grad
            if rank_w == 1:
                of_w = Squeeze.on(of_w, axis=(-1,))
        return of_x, of_w


def _rows(x: Value) -> Value:
    """The rows of a stack of matrices as one matrix; -1 would say nothing of a stack without entries."""
    *lead, last = shape_of(x)
    count = product(lead)
    return Reshape.on(x, shape_to=(count if same_extent(last, 0) or same_extent(count, 0) else -1, last))


def matmul(x: Any, w: Any) -> Tensor:
    """The matrix product over the last axis of x and the second last of w (its only one, if it is a vector).

    Leading axes broadcast. Raises ShapeError where the inner sizes differ or one has no axis.

    >>> import localgrad as lg
    >>> lg.matmul([[1.0, 2.0]], [[3.0], [4.0]]).data
    array([[11.]], dtype=float32)
    """
    return apply(MatMul.make(), x, w)  # type: ignore[no-any-return]


def linear(x: Any, W: Any, b: Any = None) -> Tensor:
    """The matrix product over the last axis of x (..., inputs) with W (inputs, outputs), plus b (outputs,) if given.

    W stands as in the books and in `Affine`; PyTorch's function of this name takes it transposed. Raises ShapeError where
    the sizes do not fit.

    >>> import localgrad as lg
    >>> lg.linear([[1.0, 2.0]], [[3.0], [4.0]], [0.5]).data
    array([[11.5]], dtype=float32)
    """
    y = matmul(x, W)
    return y if b is None else apply(Add.make(), y, b)


@numpy_function("dot")
def dot(x: Any, w: Any) -> Tensor:
    """The product of numbers, vectors or matrices; for stacks of matrices use matmul.

    Raises ShapeError where the inner sizes differ, or w has more than two axes.

    >>> import localgrad as lg
    >>> lg.dot([1.0, 2.0], [3.0, 4.0]).data
    array(11., dtype=float32)
    """
    left, right = as_tensor(x), as_tensor(w)
    if not left.ndim or not right.ndim:
        return apply(Mul.make(), x, w)  # type: ignore[no-any-return]
    if right.ndim > 2:
        raise ShapeError(
            f"dot was asked with a second tensor of shape {format_shape(right.shape)}\nfound: NumPy's dot and matmul "
            "differ from three axes on\ndo: use lg.matmul for stacks of matrices"
        )
    return matmul(left, right)
