"""Dropout as a layer with its own random state."""

from __future__ import annotations

from localgrad.graph.context import using
from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.layers.mode import Moded
from localgrad.nodes import philox, random


class Dropout(Moded):
    """In training, entries become 0 with the probability `ratio` and the others are divided by 1 - ratio; else unchanged.

    `generator` is its state [key, step]: each forward in training moves it on, a checkpoint holds it, and the same state
    draws the same entries. Without a `seed` the key is drawn from the generator of `lg.seed`. The books' first volume
    multiplies by 1 - ratio in evaluation instead; the mean is the same. Raises DataError for a ratio outside of 0 to 1.

    >>> import numpy as np
    >>> from localgrad.layers import Dropout
    >>> layer = Dropout(0.5, seed=0)
    >>> layer.forward(np.ones(4, np.float32)), layer.backward(np.ones(4, np.float32))
    (array([2., 0., 0., 0.], dtype=float32), array([2., 0., 0., 0.], dtype=float32))
    >>> layer.eval().forward(np.ones(4, np.float32))
    array([1., 1., 1., 1.], dtype=float32)
    """

    generator: Leaf

    def __init__(self, ratio: float = 0.5, seed: int | None = None) -> None:
        self.ratio = random.Dropout.make(ratio=float(ratio), training=True).ratio
        self.generator = state(random.seeded(new_key() if seed is None else seed))

    def call(self, x: Tensor) -> Tensor:
        return random.dropout(x, self.ratio, self.is_training(), self.generator)

    def _about(self) -> str:
        return str(self.ratio)


def new_key() -> int:
    """A key for a layer's own generator, drawn from that of `lg.seed`."""
    with using(recorder=None):  # a layer may be made while a function is captured
        drawn, _ = random.next_draw()
    key, step = (int(each) for each in drawn.data)
    return philox.fold(philox.fold(key, "layer"), step)
