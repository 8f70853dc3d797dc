"""The books' six nodes but the matrix product, as layers: Add, Mul, Branch, Repeat, Sum; and Identity and Flatten."""

from __future__ import annotations

from typing import Any, Final

from localgrad.graph.errors import ShapeError
from localgrad.graph.recording import record
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, is_static, product, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.nodes import arithmetic, reduction, shaping, structure
from localgrad.nodes.base import normal_axes

_ADD: Final = arithmetic.Add()
_MUL: Final = arithmetic.Mul()


class Add(Layer):
    """Add two inputs entry by entry; the gradient goes to both.

    Shapes broadcast, and each gradient is summed back to its input's shape; raises ShapeError where they do not.

    >>> import numpy as np
    >>> from localgrad.layers import Add
    >>> add = Add()
    >>> add.forward(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([4., 6.])
    >>> add.backward(np.array([1.0, 1.0]))
    (array([1., 1.]), array([1., 1.]))
    """

    def call(self, x: Tensor, y: Tensor) -> Tensor:
        return record(_ADD, (x, y))  # type: ignore[no-any-return]


class Mul(Layer):
    """Multiply two inputs entry by entry; each one's gradient is multiplied by the other.

    Shapes broadcast, as in `Add`.

    >>> from localgrad.layers import Mul
    >>> apples = Mul()
    >>> price = apples.forward(100, 2)
    >>> of_apple, of_number = apples.backward(1)
    >>> float(price), float(of_apple), float(of_number)
    (200.0, 2.0, 100.0)
    """

    def call(self, x: Tensor, y: Tensor) -> Tensor:
        return record(_MUL, (x, y))  # type: ignore[no-any-return]


class Branch(Layer):
    """Give one value to n consumers; their gradients are summed. Forward gives a tuple of n, backward takes n gradients.

    >>> import numpy as np
    >>> from localgrad.layers import Branch
    >>> branch = Branch(2)
    >>> len(branch.forward(np.array([1.0, 2.0])))
    2
    >>> branch.backward(np.array([1.0, 1.0]), np.array([0.5, 0.0]))
    array([1.5, 1. ])
    """

    def __init__(self, n: int = 2) -> None:
        self.n = _count(n, "Branch")

    def call(self, x: Tensor) -> tuple[Tensor, ...]:
        return structure.Branch.on(x, n=self.n)  # type: ignore[no-any-return]

    def _about(self) -> str:
        return str(self.n)


class Repeat(Layer):
    """Copy an axis of length 1 n times; the gradient is the sum over the copies.

    Raises ShapeError where the axis is longer.

    >>> import numpy as np
    >>> from localgrad.layers import Repeat
    >>> repeat = Repeat(3)
    >>> repeat.forward(np.array([[1.0, 2.0]])).shape
    (3, 2)
    >>> repeat.backward(np.ones((3, 2)))
    array([[3., 3.]])
    """

    def __init__(self, n: int, axis: int = 0) -> None:
        self.n = _count(n, "Repeat")
        self.axis = axis

    def call(self, x: Tensor) -> Tensor:
        shape: list[Any] = list(x.shape)
        axis = self.axis + len(shape) if self.axis < 0 else self.axis
        if not 0 <= axis < len(shape) or not same_extent(shape[axis], 1):
            found = f"its length is {shape[axis]}" if 0 <= axis < len(shape) else f"rank {len(shape)}"
            raise ShapeError(
                f"the layer Repeat({self.n}, axis={self.axis}) was to copy axis {self.axis} of an input of shape "
                f"{format_shape(shape)}{user_line()}\nfound: {found}; Repeat copies an axis of length 1\n"
                "do: use lg.repeat(x, n, axis) to repeat each entry, or the Tile kind (lg.tile) to repeat the whole axis"
            )
        shape[axis] = self.n
        return shaping.Repeat.on(x, shape_to=tuple(shape))  # type: ignore[no-any-return]

    def _about(self) -> str:
        return f"{self.n}, axis={self.axis}"


class Sum(Layer):
    """Sum over an axis (or a tuple of axes; None: all); each entry summed gets the gradient of the sum.

    As in the books the axis stays with length 1 unless `keepdims=False`; the function `lg.sum` follows NumPy, where
    `keepdims` is False by default.

    >>> import numpy as np
    >>> from localgrad.layers import Sum
    >>> layer = Sum()
    >>> layer.forward(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[4., 6.]])
    >>> layer.backward(np.array([[1.0, 2.0]]))
    array([[1., 2.],
           [1., 2.]])
    """

    def __init__(self, axis: int | tuple[int, ...] | None = 0, keepdims: bool = True) -> None:
        self.axis = axis
        self.keepdims = bool(keepdims)

    def call(self, x: Tensor) -> Tensor:
        axes = None if self.axis is None else normal_axes(self.axis, x.ndim)
        return reduction.Sum.on(x, axis=axes, keepdims=self.keepdims)  # type: ignore[no-any-return]

    def _about(self) -> str:
        return f"axis={self.axis}, keepdims={self.keepdims}"


class Identity(Layer):
    """Pass the value on unchanged: a place for a layer that is left out."""

    def call(self, x: Tensor) -> Tensor:
        return structure.Identity.on(x)  # type: ignore[no-any-return]


class Flatten(Layer):
    """All axes but the first in one: (N, C, H, W) becomes (N, C*H*W).

    Raises ShapeError for an input of rank 0.

    >>> import numpy as np
    >>> from localgrad.layers import Flatten
    >>> Flatten().forward(np.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def call(self, x: Tensor) -> Tensor:
        return flattened(x)


def flattened(x: Tensor) -> Tensor:
    """A tensor of rank 2: all axes but the first in one."""
    if x.ndim == 2:
        return x
    if x.ndim == 0:
        raise ShapeError(
            f"a single number was to be flattened{user_line()}\nfound: rank 0, so there is no first axis of samples\n"
            "do: give an array of rank 1 or more"
        )
    width: Any = product(x.shape[1:])
    rows: Any = -1 if is_static(x.shape[1:]) and not same_extent(width, 0) else x.shape[0]
    return shaping.Reshape.on(x, shape_to=(rows, width))  # type: ignore[no-any-return]


def _count(n: Any, what: str) -> int:
    try:
        number = n.__index__()
    except AttributeError:
        number = 0
    if number < 1:
        raise ShapeError(f"{what} makes n copies\nfound: n={n!r}\ndo: give a whole number from 1 on")
    return int(number)
