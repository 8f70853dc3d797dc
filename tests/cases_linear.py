"""Rows of matrix products."""

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.nodes.linear import MatMul
from tests.case import Case, Refused, integers, rand

CASES = [
    Case(
        MatMul(),
        (rand(3, 4), rand(4, 5)),
        np.matmul,
        batch=(0, None),
        refused=[
            Refused(
                (rand(3, 4), rand(5, 4)),
                ShapeError,
                "inner sizes differ",
                "4 (axis 1",
                "5 (axis 0",
                "transpose the second",
            ),
            Refused((rand(3, 4), rand(3)), ShapeError, "inner sizes differ", "3 (axis 0"),
            Refused((rand(3, 4), 2.0), ShapeError, "rank 0", "use *"),
            Refused((rand(2, 3, 4), rand(3, 4, 5)), ShapeError, "2", "3"),
        ],
    ),
    Case(MatMul(), (rand(3, 4), rand(4, 5)), np.matmul, batch=(1, 0), name="MatMul over the batch"),
    Case(MatMul(), (rand(4), rand(4)), np.matmul, batch=(0, 0)),
    Case(MatMul(), (rand(4), rand(4, 5)), np.matmul, batch=(None, 1)),
    Case(MatMul(), (rand(3, 4), rand(4)), np.matmul, batch=(0, None)),
    Case(MatMul(), (rand(2, 3, 4), rand(4)), np.matmul, batch=(0, None)),
    Case(MatMul(), (rand(4), rand(2, 4, 5)), np.matmul, batch=(None, 0)),
    Case(MatMul(), (rand(2, 3, 4), rand(4, 5)), np.matmul, batch=(0, None)),
    Case(MatMul(), (rand(2, 3, 4), rand(4, 5)), np.matmul, batch=(2, 0), name="MatMul of stacks over the batch"),
    Case(MatMul(), (rand(3, 4), rand(2, 4, 5)), np.matmul, batch=(None, 0)),
    Case(MatMul(), (rand(2, 1, 3, 4), rand(6, 4, 5)), np.matmul, batch=(0, None)),
    Case(MatMul(), (integers(3, 4), integers(4, 2)), np.matmul, batch=(0, None)),
]
