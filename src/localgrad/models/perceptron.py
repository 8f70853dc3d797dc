"""The multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.layers.activations import Relu
from localgrad.layers.dropout import Dropout
from localgrad.layers.layer import Layer
from localgrad.layers.linear import Affine
from localgrad.layers.model import Sequential
from localgrad.layers.normalization import BatchNormalization
from localgrad.models.seeds import seeds


class MLP(Sequential):
    """Affine layers with an activation between them: (N, sizes[0]) becomes (N, sizes[-1]) scores.

    `sizes` are the widths from input to output. After each inner Affine come BatchNormalization if asked for, an
    `activation` (a class of layers, or what makes one) and Dropout unless its ratio is 0. Inputs of more axes are
    flattened by the first Affine. `init` is that of the inner layers, as in `Affine.create`; the last starts with
    "lecun". Raises ShapeError for fewer than two sizes.

    >>> import localgrad as lg
    >>> model = lg.models.MLP(64, 128, 10, seed=0)
    >>> print(model.summary(lg.spec("N", 64)))
    layer  kind    output    parameters
    -----------------------------------
    0      Affine  (N, 128)       8,320
    1      Relu    (N, 128)           0
    2      Affine  (N, 10)        1,290
    -----------------------------------
    9,610 parameters, all trainable
    """

    def __init__(
        self,
        *sizes: int,
        activation: Callable[[], Layer] = Relu,
        batch_normalization: bool = False,
        dropout: float = 0.0,
        init: Any = "he",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if len(sizes) < 2:
            raise ShapeError(
                f"an MLP was to be made{user_line()}\nfound: {len(sizes)} sizes\n"
                "do: give the widths from input to output: MLP(64, 128, 10)"
            )
        super().__init__()
        keys = seeds(seed)
        for n_in, n_out in pairwise(sizes[:-1]):
            self.append(Affine.create(n_in, n_out, seed=next(keys), init=init, dtype=dtype))
            if batch_normalization:
                self.append(BatchNormalization.create(n_out, dtype=dtype))
            self.append(activation())
            if dropout:
                self.append(Dropout(dropout, seed=next(keys)))
        self.append(Affine.create(sizes[-2], sizes[-1], seed=next(keys), init="lecun", dtype=dtype))
