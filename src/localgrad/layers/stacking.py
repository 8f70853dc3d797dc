"""Recurrent layers put together: both directions of a sequence, one layer on the other, and their states put aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from localgrad.graph.errors import LocalgradError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Tensor
from localgrad.layers.dropout import Dropout
from localgrad.layers.layer import Layer
from localgrad.layers.members import layers_of
from localgrad.layers.sequences import TimeRecurrent, _Run
from localgrad.nodes import philox
from localgrad.nodes.joining import Concat

if TYPE_CHECKING:
    from typing import Self


class TimeBidirectional(Layer):
    """Two recurrent layers over a sequence, one from its start and one from its end, side by side: (N, T, inputs) to (N, T, 2H).

    Both are `TimeRNN`, `TimeLSTM` or `TimeGRU`. Raises ShapeError where they take another number of inputs.

    >>> import numpy as np
    >>> from localgrad.layers import TimeBidirectional, TimeGRU
    >>> layer = TimeBidirectional.create(TimeGRU, 3, 2, seed=0)
    >>> layer.forward(np.ones((4, 5, 3), np.float32)).shape, list(layer.parameters())[::3]
    ((4, 5, 4), ['ahead/Wx', 'back/Wx'])
    """

    ahead: TimeRecurrent
    back: TimeRecurrent

    def __init__(self, ahead: TimeRecurrent, back: TimeRecurrent) -> None:
        for each in (ahead, back):
            if not isinstance(each, TimeRecurrent):
                raise LocalgradError(
                    f"a TimeBidirectional was to be made{user_line()}\nfound: a {type(each).__name__}\n"
                    "do: give two layers such as TimeLSTM.create(...)"
                )
        if ahead.sizes[0] != back.sizes[0]:
            raise ShapeError(
                f"a TimeBidirectional was to be made{user_line()}\nfound: layers of {ahead.sizes[0]} and of "
                f"{back.sizes[0]} inputs\ndo: give layers for the same inputs"
            )
        self.ahead, self.back = ahead, back

    @classmethod
    def create(cls, layer: type[TimeRecurrent], n_in: int, n_hidden: int, seed: int = 0, **options: Any) -> Self:
        """Two of `layer` (TimeRNN, TimeLSTM, TimeGRU), with first values drawn from `seed`, as in its `create`."""
        return cls(
            *(layer.create(n_in, n_hidden, seed=philox.fold(seed, name), **options) for name in ("ahead", "back"))
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of inputs, and that of outputs: the hidden units of both."""
        return self.ahead.sizes[0], self.ahead.sizes[1] + self.back.sizes[1]

    def call(self, xs: Tensor) -> Tensor:
        return Concat.on(self.ahead(xs), self.back(xs, reverse=True), axis=2)  # type: ignore[no-any-return]

    def reset_state(self, count: int | None = None) -> None:
        """Start the next call from zeros."""
        self.ahead.reset_state(count)
        self.back.reset_state(count)

    def _about(self) -> str:
        return f"{type(self.ahead).__name__}, {self.ahead._about()}"


class TimeStack(Layer):
    """Recurrent layers one on the other, with dropout between them: (N, T, inputs) to (N, T, H).

    `layers` are time layers, in order; `dropout` is the ratio of the Dropout before each but the first, drawn from
    `seed`. `set_state` takes one state a layer, `ends` gives them. Raises ShapeError where a layer does not take what the
    one below gives.

    >>> import numpy as np
    >>> from localgrad.layers import TimeLSTM, TimeStack
    >>> layer = TimeStack.create(TimeLSTM, 3, 2, layers=2, dropout=0.5, seed=0, stateful=True)
    >>> layer.forward(np.ones((4, 5, 3), np.float32)).shape, [len(end) for end in layer.ends]
    ((4, 5, 2), [2, 2])
    """

    layers: list[Any]
    between: list[Dropout]

    def __init__(self, *layers: Any, dropout: float = 0.0, seed: int | None = None) -> None:
        if not layers:
            raise LocalgradError(
                f"a TimeStack was to be made{user_line()}\nfound: no layer\ndo: give time layers, or use TimeStack.create"
            )
        for number, (below, above) in enumerate(pairwise(layers)):
            if above.sizes[0] != below.sizes[1]:
                raise ShapeError(
                    f"a TimeStack was to be made{user_line()}\nfound: layer {number} gives {below.sizes[1]} units, and "
                    f"layer {number + 1} takes {above.sizes[0]} inputs\ndo: give layers that fit on one another"
                )
        self.layers = list(layers)
        keys = [
            None if seed is None else philox.fold(philox.fold(seed, "dropout"), place) for place in range(len(layers))
        ]
        self.between = [Dropout(dropout, seed=key) for key in keys[1:]] if dropout else []

    @classmethod
    def create(
        cls,
        layer: type[TimeRecurrent],
        n_in: int,
        n_hidden: int,
        layers: int = 2,
        dropout: float = 0.0,
        bidirectional: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """So many of `layer` (TimeRNN, TimeLSTM, TimeGRU), each of `n_hidden` units (in each direction), drawn from `seed`."""
        made: list[Any] = []
        for number in range(layers):
            width, key = made[-1].sizes[1] if made else n_in, philox.fold(philox.fold(seed, "layer"), number)
            if bidirectional:
                made.append(TimeBidirectional.create(layer, width, n_hidden, seed=key, **options))
            else:
                made.append(layer.create(width, n_hidden, seed=key, **options))
        return cls(*made, dropout=dropout, seed=seed)

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of inputs of the first layer and that of outputs of the last."""
        return self.layers[0].sizes[0], self.layers[-1].sizes[1]

    def call(self, xs: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            if number and self.between:
                xs = self.between[number - 1](xs)
            xs = layer(xs)
        return xs

    def set_state(self, *states: Any) -> None:
        """Start the next call from these: for each layer h, or a tuple (h, c); see `TimeLSTM.set_state`."""
        if len(states) != len(self.layers):
            raise LocalgradError(
                f"the states of {self._title()} were to be set{user_line()}\nfound: {len(states)} for {len(self.layers)} "
                "layers\ndo: give one for each layer"
            )
        for layer, state in zip(self.layers, states, strict=True):
            layer.set_state(*(state if isinstance(state, tuple) else (state,)))

    def reset_state(self, count: int | None = None) -> None:
        """Start the next call from zeros."""
        for layer in self.layers:
            layer.reset_state(count)

    @property
    def ends(self) -> list[tuple[NDArray[Any], ...]]:
        """What each layer ended its last call with: (h,), of an LSTM (h, c); nothing before a call."""
        found = []
        for layer in self.layers:
            parts = [layer.ahead, layer.back] if isinstance(layer, TimeBidirectional) else [layer]
            arrays = [part._end(place) for part in parts for place in range(len(part.carried))]
            found.append(tuple([array for array in arrays if array is not None]))
        return found

    def _about(self) -> str:
        about = ", ".join(map(repr, self.layers))
        return f"{about}, dropout={self.between[0].ratio}" if self.between else about


@contextmanager
def states_aside(model: Layer) -> Iterator[None]:
    """Mark a block in which the recurrent layers of a model start from zeros; afterwards their states are what they were.

    For what is computed in between, of other data or another batch size: a validation, or text to be made.

    >>> import numpy as np
    >>> from localgrad.layers import TimeRNN
    >>> layer = TimeRNN.create(3, 2, seed=0, stateful=True)
    >>> hs = layer.forward(np.ones((4, 5, 3), np.float32))
    >>> with states_aside(layer):
    ...     _ = layer.forward(np.ones((1, 5, 3), np.float32))
    >>> np.array_equal(layer.h, hs[:, -1])
    True
    """
    recurrent = [layer for _, layer in layers_of(model) if isinstance(layer, TimeRecurrent)]
    kept = [(layer.hidden, layer.cell, layer._run) for layer in recurrent]
    for layer in recurrent:
        layer.hidden = layer.cell = None
        layer._run = _Run()
    try:
        yield
    finally:
        for layer, (hidden, cell, run) in zip(recurrent, kept, strict=True):
            layer.hidden, layer.cell, layer._run = hidden, cell, run


def reset_states(model: Layer, count: int | None = None) -> None:
    """Let all recurrent layers of a model start from zeros, for batches of `count` samples where it is given.

    >>> import numpy as np
    >>> from localgrad.layers import TimeRNN
    >>> layer = TimeRNN.create(3, 2, seed=0, stateful=True)
    >>> reset_states(layer, 4)
    >>> layer.h.tolist() == np.zeros((4, 2)).tolist()
    True
    """
    for _, layer in layers_of(model):
        if isinstance(layer, TimeRecurrent):
            layer.reset_state(count)
