"""Embedding: rows of a table picked by numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.tensor import Tensor
from localgrad.layers.initialization import initial
from localgrad.layers.linear import Weighted
from localgrad.nodes.gathering import Gather

if TYPE_CHECKING:
    from typing import Self


class Embedding(Weighted):
    """Rows of W (rows, width) picked by integers of any shape: (N, T) becomes (N, T, width).

    The gradient of a row picked several times is the sum; integers have none, so `backward` gives None. W is a
    parameter, or a float array, which is used itself and not copied. Raises an error naming the row where an index is
    out of range.

    >>> import numpy as np
    >>> from localgrad.layers import Embedding
    >>> layer = Embedding(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> layer.forward(np.array([1, 1, 0]))
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    >>> layer.backward(np.ones((3, 2))), layer.grads
    (None, [array([[1., 1.],
           [2., 2.]])])
    """

    def __init__(self, W: Any) -> None:
        self._take(W)

    @classmethod
    def create(cls, count: int, width: int, seed: int = 0, init: Any = 0.01, dtype: DTypeLike = np.float32) -> Self:
        """One with `count` rows of first values drawn from `seed`: `init` is a standard deviation, or as in `Affine.create`."""
        return cls(initial(init, (count, width), seed, dtype))

    def call(self, indices: Tensor) -> Tensor:
        return Gather.on(self.weight(), indices, axis=0)  # type: ignore[no-any-return]
