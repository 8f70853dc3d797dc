"""Adapters of products of matrices and vectors."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import Convention, twin

twin("matmul", "__rmatmul__", "mm", "bmm", "mv")(lg.matmul)
twin("__rmatmul__", of="matmul")(lambda x, other: lg.matmul(other, x))
twin("dot")(lg.dot)
twin("vdot")(lg.vdot)
twin("inner")(lg.inner)
twin("outer")(lg.outer)
twin("addmm", "addmv", "baddbmm")(lambda c, a, b, *, beta=1, alpha=1: blended(c, lg.matmul(a, b), beta, alpha))
twin("addr")(lambda c, a, b, *, beta=1, alpha=1: blended(c, lg.outer(a, b), beta, alpha))
twin("addbmm")(lambda c, a, b, *, beta=1, alpha=1: blended(c, lg.sum(lg.matmul(a, b), 0), beta, alpha))


def blended(c: Any, product: Any, beta: float, alpha: float) -> Any:
    # a beta of 0 leaves c out, even where it is not a number
    return alpha * product if beta == 0 else beta * c + alpha * product


@twin("einsum")
def einsum(operands: Any, equation: str) -> Any:
    inputs, _, output = equation.partition("->")
    if "..." in inputs and "..." not in output and output:
        raise Convention("axes at `...` that the output does not name are summed; NumPy and localgrad refuse that")
    return lg.einsum(equation, *operands)


@twin("tensordot")
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    return lg.tensordot(a, b, dims)


@twin("nn.functional.linear", of="addmm")
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = lg.matmul(x, lg.transpose(weight))
    return y if bias is None else y + bias
