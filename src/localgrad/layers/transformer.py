"""The blocks transformers are made of: attention and a network for each place, each added to what came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Tensor
from localgrad.layers.activations import activation_named
from localgrad.layers.attention import MultiHeadAttention
from localgrad.layers.dropout import Dropout
from localgrad.layers.layer import Layer
from localgrad.layers.model import Model
from localgrad.layers.normalization import LayerNormalization
from localgrad.layers.time import TimeAffine
from localgrad.nodes import philox
from localgrad.nodes.arithmetic import Add

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class FeedForward(Model):
    """Two affine layers with an activation between them, the same at every place: (N, T, width) to (N, T, width).

    >>> import numpy as np
    >>> from localgrad.layers import FeedForward
    >>> layer = FeedForward.create(4, 16, seed=0)
    >>> layer.forward(np.ones((1, 3, 4), np.float32)).shape, layer.count_parameters()
    ((1, 3, 4), 148)
    """

    expand: Layer
    activation: Layer
    contract: Layer

    def __init__(self, expand: Layer, activation: Layer, contract: Layer) -> None:
        self.expand, self.activation, self.contract = expand, activation, contract

    @classmethod
    def create(
        cls,
        width: int,
        hidden: int | None = None,
        seed: int = 0,
        activation: Any = "gelu",
        bias: bool = True,
        init: Any = "xavier",
        output_init: Any = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """One with `hidden` entries between (4 times the width unless told); `activation` is a name or a layer."""
        hidden = 4 * width if hidden is None else hidden
        last = init if output_init is None else output_init
        return cls(
            TimeAffine.create(width, hidden, philox.fold(seed, "expand"), init, dtype, bias),
            activation_named(activation),
            TimeAffine.create(hidden, width, philox.fold(seed, "contract"), last, dtype, bias),
        )

    def call(self, x: Tensor) -> Tensor:
        return self.contract(self.activation(self.expand(x)))  # type: ignore[no-any-return]


class Residual(Model):
    """What transformer blocks share: parts that are added to what came in, normalized before or after."""

    norm_first: bool
    dropout: Layer | None

    def _added(self, x: Tensor, norm: Layer, part: Callable[[Tensor], Any]) -> Tensor:
        """X plus what a part makes of it."""
        y = part(norm(x) if self.norm_first else x)
        if self.dropout is not None:
            y = self.dropout(y)
        x = Add.on(x, y)
        return x if self.norm_first else norm(x)


class TransformerEncoderBlock(Residual):
    """Self-attention, then a network for each place, each added to what came in: (N, T, width) to (N, T, width).

    With `norm_first` each part gets its input normalized (as in GPT-2), else the sum is normalized (as in the paper).
    With causal attention it is the block of a GPT. `call` takes a mask as `MultiHeadAttention`, and with
    `return_weights` gives the weights as well. Source: Vaswani et al., "Attention is all you need", 2017.

    >>> import numpy as np
    >>> from localgrad.layers import TransformerEncoderBlock
    >>> block = TransformerEncoderBlock.create(8, heads=2, seed=0)
    >>> block.forward(np.ones((1, 3, 8), np.float32)).shape, block.count_parameters()
    ((1, 3, 8), 872)
    """

    attention_norm: Layer
    attention: Layer
    feedforward_norm: Layer
    feedforward: Layer

    def __init__(
        self,
        attention: Layer,
        feedforward: Layer,
        attention_norm: Layer,
        feedforward_norm: Layer,
        dropout: Layer | None = None,
        norm_first: bool = True,
    ) -> None:
        self.attention_norm, self.attention = attention_norm, attention
        self.feedforward_norm, self.feedforward = feedforward_norm, feedforward
        self.dropout = dropout
        self.norm_first = bool(norm_first)

    @classmethod
    def create(
        cls,
        width: int,
        heads: int,
        hidden: int | None = None,
        seed: int = 0,
        activation: Any = "gelu",
        norm_first: bool = True,
        causal: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        init: Any = "xavier",
        output_init: Any = None,
        epsilon: float = 1e-5,
        positions: Layer | None = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """One with weights drawn from `seed`; `dropout` is the ratio for attention weights and for what is added.

        `hidden` is 4 times the width unless told; `output_init` is for the weights of the layers whose output is added.
        """

        def key(name: str) -> int:
            return philox.fold(seed, name)

        attention = MultiHeadAttention.create(
            width,
            heads,
            key("attention"),
            causal=causal,
            bias=bias,
            dropout=dropout,
            init=init,
            output_init=output_init,
            positions=positions,
            dtype=dtype,
        )
        feedforward = FeedForward.create(width, hidden, key("feedforward"), activation, bias, init, output_init, dtype)
        norms = [LayerNormalization.create(width, epsilon, dtype, bias) for _ in range(2)]
        dropped = Dropout(dropout, key("dropout")) if dropout else None
        return cls(attention, feedforward, norms[0], norms[1], dropped, norm_first)

    def call(self, x: Tensor, mask: Any = None, return_weights: bool = False) -> Any:
        found: list[Tensor] = []

        def attend(x: Tensor) -> Tensor:
            return _attended(self.attention, found, x, None, mask, return_weights)

        x = self._added(x, self.attention_norm, attend)
        x = self._added(x, self.feedforward_norm, self.feedforward)
        return (x, found[0]) if return_weights else x


class TransformerDecoderBlock(Residual):
    """Causal self-attention, attention to a context, then a network for each place: (N, T, width) to (N, T, width).

    `call` takes x (N, T, width), the context (N, S, width), and masks for both as `MultiHeadAttention`; with
    `return_weights` it gives the weights of both, too. Normalization as in `TransformerEncoderBlock`.

    >>> import numpy as np
    >>> from localgrad.layers import TransformerDecoderBlock
    >>> block = TransformerDecoderBlock.create(8, heads=2, seed=0)
    >>> block.forward(np.ones((1, 3, 8), np.float32), np.ones((1, 5, 8), np.float32)).shape
    (1, 3, 8)
    """

    attention_norm: Layer
    attention: Layer
    cross_norm: Layer
    cross: Layer
    feedforward_norm: Layer
    feedforward: Layer

    def __init__(
        self,
        attention: Layer,
        cross: Layer,
        feedforward: Layer,
        attention_norm: Layer,
        cross_norm: Layer,
        feedforward_norm: Layer,
        dropout: Layer | None = None,
        norm_first: bool = True,
    ) -> None:
        self.attention_norm, self.attention = attention_norm, attention
        self.cross_norm, self.cross = cross_norm, cross
        self.feedforward_norm, self.feedforward = feedforward_norm, feedforward
        self.dropout = dropout
        self.norm_first = bool(norm_first)

    @classmethod
    def create(
        cls,
        width: int,
        heads: int,
        hidden: int | None = None,
        seed: int = 0,
        activation: Any = "gelu",
        norm_first: bool = True,
        bias: bool = True,
        dropout: float = 0.0,
        init: Any = "xavier",
        context_width: int | None = None,
        epsilon: float = 1e-5,
        positions: Layer | None = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """One with weights drawn from `seed`; as `TransformerEncoderBlock.create`, and a `context_width` if it differs."""

        def key(name: str) -> int:
            return philox.fold(seed, name)

        shared: dict[str, Any] = {"bias": bias, "dropout": dropout, "init": init, "dtype": dtype}
        attention = MultiHeadAttention.create(
            width, heads, key("attention"), causal=True, positions=positions, **shared
        )
        cross = MultiHeadAttention.create(width, heads, key("cross"), context_width=context_width, **shared)
        feedforward = FeedForward.create(width, hidden, key("feedforward"), activation, bias, init, None, dtype)
        norms = [LayerNormalization.create(width, epsilon, dtype, bias) for _ in range(3)]
        dropped = Dropout(dropout, key("dropout")) if dropout else None
        return cls(attention, cross, feedforward, norms[0], norms[1], norms[2], dropped, norm_first)

    def call(
        self, x: Tensor, context: Tensor, mask: Any = None, context_mask: Any = None, return_weights: bool = False
    ) -> Any:
        if context is None:
            raise LocalgradError(
                f"{self._title()} was called{user_line()}\nfound: no context\n"
                "do: give the sequence to look at, or use TransformerEncoderBlock.create(..., causal=True)"
            )
        found: list[Tensor] = []

        def attend(x: Tensor) -> Tensor:
            return _attended(self.attention, found, x, None, mask, return_weights)

        def look(x: Tensor) -> Tensor:
            return _attended(self.cross, found, x, context, context_mask, return_weights)

        x = self._added(x, self.attention_norm, attend)
        x = self._added(x, self.cross_norm, look)
        x = self._added(x, self.feedforward_norm, self.feedforward)
        return (x, *found) if return_weights else x


def _attended(layer: Layer, found: list[Tensor], x: Tensor, context: Any, mask: Any, return_weights: bool) -> Tensor:
    if not return_weights:
        return layer(x, context, mask)  # type: ignore[no-any-return]
    y, weights = layer(x, context, mask, True)
    found.append(weights)
    return y  # type: ignore[no-any-return]
