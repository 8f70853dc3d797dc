"""Losses as the last layer of the books' networks: scores and labels in, one number out; backward starts from 1."""

from __future__ import annotations

from typing import Any

from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.nodes.losses import sigmoid_cross_entropy, softmax_cross_entropy


class SoftmaxWithLoss(Layer):
    """Softmax and cross entropy in one: scores (..., classes) and labels, class numbers (...) or one-hot rows.

    The loss is the mean over the rows; rows labelled `ignore_label` do not count. `backward()` gives the gradient of the
    scores, for one row (softmax - one-hot) / rows. Raises DataError for labels that are no class.

    >>> import numpy as np
    >>> from localgrad.layers import SoftmaxWithLoss
    >>> layer = SoftmaxWithLoss()
    >>> float(layer.forward(np.array([[0.0, 0.0]]), np.array([1])).round(4))
    0.6931
    >>> layer.backward()
    array([[ 0.5, -0.5]])
    """

    labels = 1

    def __init__(self, ignore_label: int | None = None) -> None:
        self.ignore_label = ignore_label

    def call(self, x: Tensor, t: Any) -> Tensor:
        return softmax_cross_entropy(x, t, ignore_index=self.ignore_label)

    def _about(self) -> str:
        return "" if self.ignore_label is None else f"ignore_label={self.ignore_label}"


class SigmoidWithLoss(Layer):
    """Sigmoid and binary cross entropy in one: scores and labels 0 or 1 of the same shape; the mean over all entries.

    `backward()` gives the gradient of the scores, (sigmoid - label) / entries. Raises ShapeError for shapes that only
    broadcast, DataError for labels outside of 0 to 1.

    >>> import numpy as np
    >>> from localgrad.layers import SigmoidWithLoss
    >>> layer = SigmoidWithLoss()
    >>> float(layer.forward(np.array([0.0, 0.0]), np.array([0, 1])).round(4))
    0.6931
    >>> layer.backward()
    array([ 0.25, -0.25])
    """

    labels = 1

    def call(self, x: Tensor, t: Any) -> Tensor:
        return sigmoid_cross_entropy(x, t)
