"""The books' attention, made of two steps one can look at: how much each position counts, and the weighted sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.nodes.linear import MatMul
from localgrad.nodes.shaping import Squeeze, Transpose, Unsqueeze
from localgrad.nodes.softmax import Softmax


class WeightSum(Layer):
    """The weighted sum over time: states hs (N, T, H) and weights a (N, T) give a context (N, H).

    `backward(dout)` gives the gradients of hs and a. Raises ShapeError where they do not fit.

    >>> import numpy as np
    >>> from localgrad.layers import WeightSum
    >>> layer = WeightSum()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[0.5, 0.5]]))
    array([[2., 3.]])
    >>> layer.backward(np.array([[1.0, 10.0]]))
    (array([[[0.5, 5. ],
            [0.5, 5. ]]]), array([[21., 43.]]))
    """

    def call(self, hs: Tensor, a: Tensor) -> Tensor:
        if hs.ndim != 3 or not same_shape(hs.shape[:2], a.shape):
            raise ShapeError(
                f"{self._title()} was given states {format_shape(hs.shape)} and weights {format_shape(a.shape)}"
                f"{user_line()}\nfound: they are not (N, T, H) and (N, T)\ndo: give one weight for each step"
            )
        return Squeeze.on(MatMul.on(Unsqueeze.on(a, axis=(1,)), hs), axis=(1,))  # type: ignore[no-any-return]


class AttentionWeight(Layer):
    """How much each of the states hs (N, T, H) counts for a query h (N, H): softmax of their products, weights (N, T).

    `backward(da)` gives the gradients of hs and h. Raises ShapeError where they do not fit.

    >>> import numpy as np
    >>> from localgrad.layers import AttentionWeight
    >>> AttentionWeight().forward(np.array([[[1.0, 0.0], [0.0, 1.0]]]), np.array([[9.0, 9.0]]))
    array([[0.5, 0.5]])
    """

    def call(self, hs: Tensor, h: Tensor) -> Tensor:
        if hs.ndim != 3 or h.ndim != 2 or not same_shape((hs.shape[0], hs.shape[2]), h.shape):
            raise ShapeError(
                f"{self._title()} was given states {format_shape(hs.shape)} and a query {format_shape(h.shape)}"
                f"{user_line()}\nfound: they are not (N, T, H) and (N, H)\ndo: give a query of the states' width for each row"
            )
        return Softmax.on(Squeeze.on(MatMul.on(hs, Unsqueeze.on(h, axis=(2,))), axis=(2,)), axis=1)  # type: ignore[no-any-return]


class Attention(Layer):
    """A query h (N, H) attends to states hs (N, T, H): their sum, weighted by how near each is to it, (N, H).

    `attention_weight` has the weights (N, T) of the last call on values. `backward(dout)` gives the gradients of hs and h.

    >>> import numpy as np
    >>> from localgrad.layers import Attention
    >>> layer = Attention()
    >>> layer.forward(np.array([[[40.0, 0.0], [0.0, 40.0]]]), np.array([[1.0, 0.0]])).round(4)
    array([[40.,  0.]])
    >>> layer.attention_weight.round(4)
    array([[1., 0.]])
    """

    attention_weight: NDArray[Any] | None

    def __init__(self) -> None:
        self.attention_weight_layer = AttentionWeight()
        self.weight_sum_layer = WeightSum()
        self.attention_weight = None

    def call(self, hs: Tensor, h: Tensor) -> Tensor:
        a = self.attention_weight_layer(hs, h)
        self.attention_weight = None if a.is_symbolic else np.asarray(a._value)
        return self.weight_sum_layer(hs, a)  # type: ignore[no-any-return]


class TimeAttention(Layer):
    """Each state of a decoder (N, S, H) attends to all of an encoder (N, T, H): contexts (N, S, H), all steps at once.

    `attention_weights` has the weights of the last call on values: a list of (N, T), one for each of the S steps, so that
    `np.array(layer.attention_weights)[:, 0]` is the picture (S, T) of the first row. `backward(dout)` gives the gradients
    of encoder and decoder states. Source: Luong, Pham, Manning, "Effective approaches to attention-based neural machine
    translation", 2015 (its products "dot").

    >>> import numpy as np
    >>> from localgrad.layers import TimeAttention
    >>> layer = TimeAttention()
    >>> layer.forward(np.ones((2, 5, 3)), np.ones((2, 4, 3))).shape
    (2, 4, 3)
    >>> np.array(layer.attention_weights).shape, [g.shape for g in layer.backward(np.ones((2, 4, 3)))]
    ((4, 2, 5), [(2, 5, 3), (2, 4, 3)])
    """

    _weights: NDArray[Any] | None = None

    @property
    def attention_weights(self) -> list[NDArray[Any]] | None:
        """The weights (N, T) of each step of the decoder, of the last call on values."""
        return None if self._weights is None else list(self._weights)

    def call(self, hs_enc: Tensor, hs_dec: Tensor) -> Tensor:
        fits = hs_enc.ndim == 3 and hs_dec.ndim == 3 and same_extent(hs_enc.shape[2], hs_dec.shape[2])
        if not fits or not same_extent(hs_enc.shape[0], hs_dec.shape[0]):
            raise ShapeError(
                f"{self._title()} was given encoder states {format_shape(hs_enc.shape)} and decoder states "
                f"{format_shape(hs_dec.shape)}{user_line()}\nfound: they are not (N, T, H) and (N, S, H)\n"
                "do: give both one batch size and one width"
            )
        a = Softmax.on(MatMul.on(hs_dec, Transpose.on(hs_enc, axes=(0, 2, 1))), axis=2)
        self._weights = None if a.is_symbolic else np.asarray(a._value).swapaxes(0, 1)
        return MatMul.on(a, hs_enc)  # type: ignore[no-any-return]
