"""Multi-head attention: several heads that each mix values by how well their keys fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.layers.dropout import Dropout
from localgrad.layers.layer import Layer
from localgrad.layers.time import TimeAffine
from localgrad.nodes import philox
from localgrad.nodes.attention import Attention, AttentionWeights
from localgrad.nodes.linear import MatMul
from localgrad.nodes.masks import warn_zeros_and_ones
from localgrad.nodes.shaping import Reshape, Transpose, Unsqueeze

if TYPE_CHECKING:
    from typing import Self


class MultiHeadAttention(Layer):
    """Attention of several heads at once: (N, T, width) becomes (N, T, width).

    The layers `query`, `key` and `value` make the rows of all heads side by side, `output` mixes what the heads found.
    Called with x alone the sequence looks at itself; with a `context` (N, S, width) at that one (cross attention). `mask`
    is boolean, true where a key counts, or of floats that are added to the scores: (T, S), (N, T, S) or (N, heads, T, S),
    where any axis may be 1: (N, 1, S) leaves out padding. `causal` lets place t see the places 0 to t. A place that sees
    nothing gets zeros from the heads. With `return_weights` the weights (N, heads, T, S), before dropout, come as well.
    `dropout` is a layer for the weights, `positions` one that turns queries and keys (`RotaryPositions`). Raises ShapeError.

    >>> import numpy as np
    >>> from localgrad.layers import MultiHeadAttention
    >>> layer = MultiHeadAttention.create(8, heads=2, seed=0, causal=True)
    >>> x = np.ones((1, 3, 8), np.float32)
    >>> layer.forward(x).shape, layer.backward(x).shape
    ((1, 3, 8), (1, 3, 8))
    >>> y, weights = layer(x, return_weights=True)
    >>> weights.numpy()[0, 0].round(2).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.33000001311302185, 0.33000001311302185, 0.33000001311302185]]
    """

    query: Layer
    key: Layer
    value: Layer
    output: Layer
    dropout: Layer | None
    positions: Layer | None

    def __init__(
        self,
        query: Layer,
        key: Layer,
        value: Layer,
        output: Layer,
        heads: int,
        causal: bool = False,
        dropout: Layer | None = None,
        positions: Layer | None = None,
    ) -> None:
        self.query, self.key, self.value, self.output = query, key, value, output
        self.heads = int(heads)
        self.causal = bool(causal)
        self.dropout = dropout
        self.positions = positions

    @classmethod
    def create(
        cls,
        width: int,
        heads: int,
        seed: int = 0,
        causal: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        init: Any = "xavier",
        output_init: Any = None,
        context_width: int | None = None,
        positions: Layer | None = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """One with weights drawn from `seed` (`init` as in `Affine.create`, `output_init` for the output's) and biases 0.

        `dropout` is the ratio for the weights, `context_width` the width of a context where it is another. Raises
        ShapeError where `heads` does not divide the width.
        """
        if heads < 1 or width % heads:
            raise ShapeError(
                f"MultiHeadAttention was asked for {heads} heads of together {width} entries{user_line()}\n"
                f"found: {width} cannot be divided by {heads}\ndo: give a width that is a multiple of the heads"
            )

        def made(name: str, rows: int, init: Any) -> TimeAffine:
            return TimeAffine.create(rows, width, philox.fold(seed, name), init, dtype, bias)

        other = width if context_width is None else context_width
        return cls(
            made("query", width, init),
            made("key", other, init),
            made("value", other, init),
            made("output", width, init if output_init is None else output_init),
            heads,
            causal,
            Dropout(dropout, philox.fold(seed, "dropout")) if dropout else None,
            positions,
        )

    def call(self, x: Tensor, context: Tensor | None = None, mask: Any = None, return_weights: bool = False) -> Any:
        seen = x if context is None else context
        for each in (x, seen):
            if each.ndim != 3:
                raise ShapeError(
                    f"{self._title()} was given {format_shape(each.shape)}{user_line()}\n"
                    f"found: rank {each.ndim}\ndo: give (N, T, width)"
                )
        q, k, v = self._apart(self.query(x)), self._apart(self.key(seen)), self._apart(self.value(seen))
        if self.positions is not None:
            q, k = self.positions(q), self.positions(k)
        inputs = (q, k) if mask is None else (q, k, self._for_heads(mask, (x.shape[0], x.shape[1], seen.shape[1])))
        if self.dropout is None or not self.dropout.training:
            y, weights = Attention.on(q, k, v, *inputs[2:], causal=self.causal)
        else:
            weights = AttentionWeights.on(*inputs, causal=self.causal)
            y = MatMul.on(self.dropout(weights), v)
        y = self.output(self._together(y))
        return (y, weights) if return_weights else y

    def _apart(self, x: Tensor) -> Tensor:
        """The heads side by side as an axis before the places."""
        count, places, width = x.shape
        if width % self.heads:
            raise ShapeError(
                f"{self._title()} has {self.heads} heads{user_line()}\nfound: {width} entries cannot be divided by them\n"
                "do: make the layers for queries, keys and values as wide as a multiple of the heads"
            )
        x = Reshape.on(x, shape_to=(count, places, self.heads, width // self.heads))
        return Transpose.on(x, axes=(0, 2, 1, 3))  # type: ignore[no-any-return]

    def _together(self, x: Tensor) -> Tensor:
        count, heads, places, width = x.shape
        x = Transpose.on(x, axes=(0, 2, 1, 3))
        return Reshape.on(x, shape_to=(count, places, heads * width))  # type: ignore[no-any-return]

    def _for_heads(self, mask: Any, shape: tuple[Any, ...]) -> Any:
        """A mask of rank 3, (N, T, S), with an axis for the heads; raises ShapeError for one that does not fit."""
        if not isinstance(mask, Tensor):
            mask = np.asarray(mask)
        warn_zeros_and_ones(mask)
        batch, places, keys = shape
        if mask.ndim == 2 and not all(
            same_extent(found, 1) or same_extent(found, wanted)
            for found, wanted in zip(mask.shape, (places, keys), strict=True)
        ):
            padding = same_shape(mask.shape, (batch, keys))
            raise ShapeError(
                f"{self._title()} was given a mask of shape {format_shape(mask.shape)}{user_line()}\n"
                f"found: (T, S) is {format_shape((places, keys))}, and N is {batch}\ndo: "
                + (
                    "give (N, 1, S) to leave out padding: mask[:, None, :]"
                    if padding
                    else "give (T, S), (N, T, S) or (N, 1, S)"
                )
            )
        if mask.ndim != 3:
            return mask
        return Unsqueeze.on(mask, axis=(1,)) if isinstance(mask, Tensor) else mask[:, None]

    def _about(self) -> str:
        return f"heads={self.heads}" + (", causal=True" if self.causal else "")
