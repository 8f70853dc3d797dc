"""Positional encodings: sines and cosines, a learned table, and the turning of queries and keys by their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import Extent, Symbol, format_shape, same_extent
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.initialization import initial
from localgrad.layers.layer import Layer
from localgrad.layers.members import as_parameter
from localgrad.nodes.arithmetic import Add
from localgrad.nodes.attention import RotaryEmbedding

if TYPE_CHECKING:
    from typing import Self


class Positions(Layer):
    """A layer with a row for each place of a sequence, up to `length` places."""

    length: int
    width: int

    def _rows(self, table: Any, places: Extent, shape: Any) -> Any:
        """The first rows of a table; raises ShapeError where there are more places than rows."""
        if not isinstance(places, Symbol) and places > self.length:
            raise ShapeError(
                f"{self._title()} was given {format_shape(shape)}{user_line()}\n"
                f"found: {places} places, and it has rows for {self.length}\n"
                f"do: give shorter sequences, or make it with length={places}"
            )
        if isinstance(places, Symbol) and not isinstance(table, Tensor):
            table = Leaf(table, "constant", None, False)
        return table[:places]

    def _need_width(self, x: Tensor) -> None:
        if x.ndim < 2 or not same_extent(x.shape[-1], self.width):
            raise ShapeError(
                f"{self._title()} was given {format_shape(x.shape)}{user_line()}\n"
                f"found: it encodes places of width {self.width}\ndo: give (..., places, {self.width})"
            )

    def _about(self) -> str:
        return f"{self.width}, length={self.length}"


class SinusoidalPositions(Positions):
    """Adds to each place of (..., places, width) sines and cosines of slower and slower waves; no parameters.

    Entry 2i of place p gets sin(p / 10000^(2i / width)), entry 2i + 1 the cosine. Raises ShapeError for another width
    or more than `length` places. Source: Vaswani et al., "Attention is all you need", 2017.

    >>> import numpy as np
    >>> from localgrad.layers import SinusoidalPositions
    >>> SinusoidalPositions(2).forward(np.zeros((3, 2), np.float32)).round(2)
    array([[ 0.  ,  1.  ],
           [ 0.84,  0.54],
           [ 0.91, -0.42]], dtype=float32)
    """

    def __init__(self, width: int, length: int = 1024) -> None:
        self.width, self.length = int(width), int(length)
        angle = angles(self.length, (self.width + 1) // 2, 2 / self.width)
        table = np.empty((self.length, self.width))
        table[:, 0::2] = np.sin(angle)
        table[:, 1::2] = np.cos(angle[:, : self.width // 2])
        self._tables = Tables(table)

    def call(self, x: Tensor) -> Tensor:
        self._need_width(x)
        rows = self._rows(self._tables.of(x.dtype)[0], x.shape[-2], x.shape)
        return Add.on(x, rows)  # type: ignore[no-any-return]


class LearnedPositions(Positions):
    """Adds row p of W (length, width) to place p of (..., places, width).

    W is a parameter, or a float array, which is used itself and not copied. Raises ShapeError for another width or more
    places than rows.

    >>> import numpy as np
    >>> from localgrad.layers import LearnedPositions
    >>> LearnedPositions(np.array([[1.0], [2.0], [3.0]])).forward(np.zeros((2, 1)))
    array([[1.],
           [2.]])
    """

    W: Leaf

    def __init__(self, W: Any) -> None:
        self.W, _ = as_parameter(W, "W of LearnedPositions")
        if self.W.ndim != 2:
            raise ShapeError(
                f"LearnedPositions was given W of shape {format_shape(self.W.shape)}{user_line()}\n"
                "found: it is no matrix\ndo: give a row for each place, (length, width)"
            )
        self.length, self.width = self.W.shape

    @classmethod
    def create(cls, length: int, width: int, seed: int = 0, init: Any = 0.02, dtype: DTypeLike = np.float32) -> Self:
        """One with rows for `length` places drawn from `seed`, with the standard deviation `init` (or as in `Affine.create`)."""
        return cls(initial(init, (length, width), seed, dtype))

    def call(self, x: Tensor) -> Tensor:
        self._need_width(x)
        return Add.on(x, self._rows(self.W, x.shape[-2], x.shape))  # type: ignore[no-any-return]


class RotaryPositions(Positions):
    """Turns queries or keys (..., places, width) by angles that grow with their place, so that products tell distances.

    The pair (i, i + width / 2) of place p turns by p / base^(2i / width). No parameters. Give one to
    `MultiHeadAttention.create(..., positions=RotaryPositions(width // heads))`. Raises ShapeError for an odd width or more
    than `length` places. Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.

    >>> import numpy as np
    >>> from localgrad.layers import RotaryPositions
    >>> RotaryPositions(2).forward(np.array([[1.0, 0.0], [1.0, 0.0]])).round(2)
    array([[1.  , 0.  ],
           [0.54, 0.84]])
    """

    def __init__(self, width: int, length: int = 2048, base: float = 10000.0) -> None:
        if width < 2 or width % 2:
            raise ShapeError(
                f"RotaryPositions was asked for the width {width}{user_line()}\nfound: it turns pairs of entries\n"
                "do: give an even width, that of one head"
            )
        self.width, self.length = int(width), int(length)
        angle = angles(self.length, self.width // 2, 2 / self.width, base)
        self._tables = Tables(np.cos(angle), np.sin(angle))

    def call(self, x: Tensor) -> Tensor:
        self._need_width(x)
        cos, sin = (self._rows(table, x.shape[-2], x.shape) for table in self._tables.of(x.dtype))
        return RotaryEmbedding.on(x, cos, sin)  # type: ignore[no-any-return]


class Tables:
    """Constant tables in each dtype they were asked in."""

    def __init__(self, *tables: NDArray[np.float64]) -> None:
        self._found: dict[Any, tuple[NDArray[Any], ...]] = {np.dtype(np.float64): tables}

    def of(self, dtype: Any) -> tuple[NDArray[Any], ...]:
        """The tables in a dtype."""
        if dtype not in self._found:
            self._found[dtype] = tuple(table.astype(dtype) for table in self._found[np.dtype(np.float64)])
        return self._found[dtype]


def angles(places: int, waves: int, step: float, base: float = 10000.0) -> NDArray[np.float64]:
    """The angle of each wave at each place: p / base^(i step)."""
    return np.arange(places)[:, None] / base ** (np.arange(waves) * step)
