"""Text made by a model: the next sign drawn from its scores, and the model meanwhile as in evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from localgrad.graph.context import no_grad
from localgrad.graph.errors import DataError
from localgrad.graph.source import user_line
from localgrad.layers.layer import Layer
from localgrad.layers.members import layers_of
from localgrad.layers.stacking import states_aside


@contextmanager
def generating(model: Layer) -> Iterator[None]:
    """Mark a block in which a model computes as in evaluation, unrecorded, its recurrent layers from zeros.

    Afterwards its modes and states are what they were.
    """
    modes = [(layer, layer.training) for _, layer in layers_of(model)]
    try:
        for layer, _ in modes:
            layer.training = False
        with no_grad(), states_aside(model):
            yield
    finally:
        for layer, mode in modes:
            layer.training = mode


def drawn(scores: ArrayLike, uniform: float, temperature: float = 1.0, skip: Sequence[int] = ()) -> int:
    """A number drawn with the probabilities softmax(scores / temperature), by a uniform number in [0, 1).

    A temperature of 0 gives the best score; numbers in `skip` are never drawn. Raises DataError for a temperature below 0,
    and where nothing is left to draw.

    >>> drawn([0.0, 1.0, 5.0], 0.5), drawn([0.0, 1.0, 5.0], 0.5, skip=[2]), drawn([0.0, 1.0, 5.0], 0.0)
    (2, 1, 0)
    """
    x: NDArray[Any] = np.array(scores, np.float64)
    if not temperature >= 0:
        raise DataError(
            f"the next number was to be drawn{user_line()}\nfound: a temperature of {temperature!r}\n"
            "do: give 1 to draw as the model says, less to stay nearer to the best, 0 for the best alone"
        )
    if len(skip):
        x[list(skip)] = -np.inf
    best = x.max()
    if not np.isfinite(best):
        raise DataError(
            f"the next number was to be drawn{user_line()}\nfound: no finite score among {x.size}"
            f"{f', {len(skip)} of them skipped' if len(skip) else ''}\ndo: skip fewer, or look for the NaN in the model"
        )
    if temperature == 0:
        return int(x.argmax())
    p = np.exp((x - best) / temperature)
    edges = np.cumsum(p)
    # a last number of probability 0 must not be drawn where rounding leaves the sum a little low
    return int(min(np.searchsorted(edges, uniform * edges[-1], side="right"), np.flatnonzero(p)[-1]))
