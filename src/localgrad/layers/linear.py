"""Layers with a weight matrix: MatMul, Affine, Embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import ShapeError
from localgrad.graph.recording import record
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, product, same_extent
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.initialization import initial, zeros
from localgrad.layers.layer import Layer
from localgrad.layers.members import as_parameter
from localgrad.nodes import arithmetic, linear
from localgrad.nodes.shaping import Reshape, Transpose

if TYPE_CHECKING:
    from typing import Self

_ADD: Final = arithmetic.Add()
_MATMUL: Final = linear.MatMul()


class Weighted(Layer):
    """A layer with a matrix W, which may be the transpose of another layer's parameter."""

    W: Leaf
    transposed: bool

    def _take(self, W: Any) -> None:
        weight, transposed = as_parameter(W, f"W of {type(self).__name__}")
        if weight.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__} was given W of shape {format_shape(weight.shape)}{user_line()}\n"
                f"found: rank {weight.ndim}\ndo: give a matrix: one row for each input, one column for each output"
            )
        self.W = weight
        self.transposed = transposed

    def weight(self) -> Tensor:
        """W as the layer uses it."""
        return Transpose.on(self.W) if self.transposed else self.W

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of rows and columns of W as the layer uses it."""
        rows, columns = self.W.shape
        return (columns, rows) if self.transposed else (rows, columns)

    def _about(self) -> str:
        return "{}, {}".format(*self.sizes)


class MatMul(Weighted):
    """The matrix product with a weight W of shape (inputs, outputs): (..., inputs) becomes (..., outputs).

    W is a parameter, or a float array, which is used itself and not copied. The transpose of another layer's parameter
    (`MatMul(embedding.W.T)`) ties the two.

    >>> import numpy as np
    >>> from localgrad.layers import MatMul
    >>> layer = MatMul(np.array([[1.0], [2.0]]))
    >>> layer.forward(np.array([[3.0, 4.0]]))
    array([[11.]])
    >>> layer.backward(np.array([[1.0]])), layer.grads
    (array([[1., 2.]]), [array([[3.],
           [4.]])])
    """

    def __init__(self, W: Any) -> None:
        self._take(W)

    def call(self, x: Tensor) -> Tensor:
        return record(_MATMUL, (x, Transpose.on(self.W) if self.transposed else self.W))  # type: ignore[no-any-return]


class Affine(Weighted):
    """The matrix product with W (inputs, outputs) plus a bias b (outputs,): (N, inputs) becomes (N, outputs).

    An input of more axes is flattened to (N, inputs) first, as in the books; `backward` gives its gradient in the
    input's own shape. W and b are parameters, or float arrays, which are used themselves and not copied; b may be None.
    Raises ShapeError where sizes do not fit.

    >>> import numpy as np
    >>> from localgrad.layers import Affine
    >>> layer = Affine(np.ones((6, 2)), np.zeros(2))
    >>> layer.forward(np.ones((4, 3, 2))).shape
    (4, 2)
    >>> layer.backward(np.ones((4, 2))).shape, [grad.shape for grad in layer.grads]
    ((4, 3, 2), [(6, 2), (2,)])
    """

    b: Leaf | None

    def __init__(self, W: Any, b: Any = None) -> None:
        self._take(W)
        self.b = None
        if b is not None:
            bias, _ = as_parameter(b, "b of Affine")
            if bias.shape != (self.sizes[1],):
                raise ShapeError(
                    f"Affine was given b of shape {format_shape(bias.shape)}{user_line()}\n"
                    f"found: W has {self.sizes[1]} outputs\ndo: give b of shape {format_shape((self.sizes[1],))}"
                )
            self.b = bias

    @classmethod
    def create(
        cls,
        n_in: int,
        n_out: int,
        seed: int = 0,
        init: Any = "he",
        dtype: DTypeLike = np.float32,
        bias: bool = True,
    ) -> Self:
        """One with first values drawn from `seed`: `init` is "he", "xavier", "lecun", "orthogonal", ..., a standard
        deviation, or a function of shape and seed; the bias starts at 0.

        >>> from localgrad.layers import Affine
        >>> Affine.create(64, 32, seed=0)
        Affine(64, 32)
        """
        return cls(initial(init, (n_in, n_out), seed, dtype), zeros(n_out, dtype) if bias else None)

    def call(self, x: Tensor) -> Tensor:
        if x.ndim > 2:
            x = self._flattened(x)
        y = record(_MATMUL, (x, Transpose.on(self.W) if self.transposed else self.W))
        return y if self.b is None else record(_ADD, (y, self.b))  # type: ignore[no-any-return]

    def _flattened(self, x: Tensor) -> Tensor:
        inputs = self.sizes[0]
        if not same_extent(product(x.shape[1:]), inputs):
            raise ShapeError(
                f"Affine was to flatten an input of shape {format_shape(x.shape)} to (N, {inputs}){user_line()}\n"
                f"found: {product(x.shape[1:])} entries in each sample, and W has {inputs} rows\n"
                f"do: make W {product(x.shape[1:])} rows long, or use MatMul (or TimeAffine) for the last axis alone"
            )
        return Reshape.on(x, shape_to=(-1, inputs))  # type: ignore[no-any-return]
