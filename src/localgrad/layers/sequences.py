"""Recurrent layers over whole sequences: TimeRNN, TimeLSTM, TimeGRU and TimeBiLSTM, (N, T, inputs) to (N, T, H)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import CaptureError, LocalgradError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import Symbol, format_shape, same_extent
from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.layers.layer import Layer
from localgrad.layers.recurrent import GatedRecurrent, Recurrent, lstm_step
from localgrad.nodes.creation import FullLike
from localgrad.nodes.joining import Concat
from localgrad.nodes.shaping import Reshape, Transpose
from localgrad.nodes.slicing import WHOLE, Slice
from localgrad.transform.closed import Several, closed_scan

if TYPE_CHECKING:
    from typing import Self

_TURN: Final = Transpose(axes=(1, 0, 2))


class _Run:
    """What a time layer remembers of its last run, and for its next; not part of a copy."""

    __slots__ = ("given", "last", "starts")

    def __init__(self) -> None:
        self.given: tuple[Any, ...] | None = None
        """What `set_state` gave, until the next run."""
        self.starts: tuple[Leaf, ...] = ()
        """What the last run started from, unless it was computed."""
        self.last: tuple[Any, ...] = ()
        """The values it ended with; the tensors would keep all they were computed from."""

    def __reduce__(self) -> Any:
        return _Run, ()


class TimeRecurrent(Recurrent):
    """A recurrent layer over whole sequences: (N, T, inputs) becomes (N, T, H), the input products in one product.

    Each call starts from h = 0 (and c = 0), or with `stateful=True` from where the last one ended; gradients do not go
    back into the last one (truncated back-propagation). `set_state` gives a start for the next call, `reset_state` goes
    back to 0. After `backward`, `dh` (and `dc`) is the gradient of the start. The states `hidden` (and `cell`) are made
    by the first call, for its batch size; they are in checkpoints, and captured graphs move them on.
    """

    hidden: Leaf | None
    cell: Leaf | None
    _run: _Run

    def __init__(self, Wx: Any, Wh: Any, b: Any = None, stateful: bool = False) -> None:
        super().__init__(Wx, Wh, b)
        self.stateful = bool(stateful)
        self.hidden = self.cell = None
        self._run = _Run()

    def call(self, xs: Tensor, reverse: bool = False) -> Tensor:
        inputs, width = self.sizes
        if xs.ndim != 3 or not same_extent(xs.shape[2], inputs):
            raise ShapeError(
                f"{self._title()} was given {format_shape(xs.shape)}{user_line()}\n"
                f"found: it takes (N, T, {inputs}): batch, time, inputs\ndo: give sequences of that shape"
            )
        count, length = xs.shape[:2]
        rows = Reshape.on(_TURN(xs), shape_to=(-1, inputs))
        sums = Reshape.on(self.sums(rows), shape_to=(length, count, self.gates * width))
        starts = self._starts(count, sums)
        final, (hs,) = closed_scan(type(self).step, starts, self.parts(sums), self.weights(), reverse)
        self._ended(starts, final)
        return _TURN(hs)  # type: ignore[no-any-return]

    # the state --------------------------------------------------------------------------------------------------
    def _starts(self, count: Any, sums: Tensor) -> tuple[Tensor, ...]:
        """The carry to start from: what was given, the state, or zeros."""
        given, recorder = self._run.given, CONTEXT.get().recorder
        if given is not None:
            self._check_rows(given[0].shape[0], count)
        self._run.given = None
        if given is None and self.stateful:
            held = self._held(count, sums.dtype)
            if recorder is not None:
                return tuple([recorder.updates[id(leaf)][1] if id(leaf) in recorder.updates else leaf for leaf in held])
            given = tuple([leaf._value for leaf in held])
        if given is not None:
            return tuple([x if isinstance(x, Tensor) else _start(x, sums.dtype) for x in given])
        width = self.sizes[1]
        if isinstance(count, Symbol):
            like = Slice.on(sums, index=(0, WHOLE, ("slice", 0, width, None)))
            return (FullLike.on(like, value=0.0),) * len(self.carried)
        zero = np.zeros((count, width), sums.dtype)
        return tuple([_start(zero, sums.dtype) for _ in self.carried])

    def _held(self, count: Any, dtype: Any) -> list[Leaf]:
        """The states, made where there are none yet."""
        held = [self.hidden, self.cell][: len(self.carried)]
        if isinstance(count, Symbol):
            raise CaptureError(
                f"{self._title()}, which is stateful, was captured with the batch size {count}{user_line()}\n"
                "found: its states have a row for each sample, so the size has to be known\n"
                "do: capture with a fixed batch size"
            )
        if any(leaf is None for leaf in held) or (held[0].shape[0] != count and not held[0]._value.any()):  # type: ignore[union-attr]
            made = [state(np.zeros((count, self.sizes[1]), dtype)) for _ in self.carried]
            self.hidden, self.cell = made[0], made[1] if len(made) > 1 else None
            return made
        found = [leaf for leaf in held if leaf is not None]
        if found[0].shape[0] != count:
            self._check_rows(found[0].shape[0], count)
        return found

    def _check_rows(self, rows: Any, count: Any) -> None:
        """Raise ShapeError for a state of another batch size."""
        if not isinstance(rows, Symbol) and not isinstance(count, Symbol) and rows != count:
            cure = ", or drop a smaller last batch" if self.stateful else ""
            raise ShapeError(
                f"{self._title()}{', which is stateful,' if self.stateful else ''} was given a batch of {count}"
                f"{user_line()}\nfound: its state is that of a batch of {rows}\n"
                f"do: call set_state with {count} rows, or reset_state() to start from zeros{cure}"
            )

    def _ended(self, starts: tuple[Tensor, ...], final: Several) -> None:
        run, recorder = self._run, CONTEXT.get().recorder
        run.starts = tuple([x for x in starts if isinstance(x, Leaf) and x.role == "constant"])
        run.last = () if final[0].is_symbolic else tuple([x._value for x in final])
        if not self.stateful:
            return
        for leaf, value in zip(self._held(final[0].shape[0], final[0].dtype), final, strict=False):
            if recorder is not None:
                recorder.update(leaf, value)
            else:
                leaf.write(value)

    def set_state(self, h: Any, c: Any = None) -> None:
        """Start the next call from h (N, H), and for LSTM from c (zeros unless given); arrays, or tensors, through which
        gradients then go back.
        """
        given = [h, c][: len(self.carried)]
        if h is None or (c is not None and len(self.carried) == 1):
            raise LocalgradError(
                f"the state of {self._title()} was to be set{user_line()}\n"
                f"found: {'no h' if h is None else 'a c as well'}\ndo: give {' and '.join(self.carried)}"
            )
        tensors = [x if isinstance(x, Tensor) else np.asarray(x) for x in given if x is not None]
        if len(tensors) < len(given):
            h = tensors[0]
            tensors.append(
                FullLike.on(h, value=0.0) if isinstance(h, Tensor) and h.is_symbolic else np.zeros(h.shape, h.dtype)
            )
        for x in tensors:
            if len(x.shape) != 2 or not same_extent(x.shape[1], self.sizes[1]):
                raise ShapeError(
                    f"the state of {self._title()} was to be set to {format_shape(x.shape)}{user_line()}\n"
                    f"found: it has {self.sizes[1]} hidden units\ndo: give (N, {self.sizes[1]})"
                )
        if not same_extent(tensors[0].shape[0], tensors[-1].shape[0]):
            shapes = " and c ".join(format_shape(x.shape) for x in tensors)
            raise ShapeError(
                f"the state of {self._title()} was to be set to h {shapes}{user_line()}\n"
                "found: another number of rows\ndo: give both a row for each sample of the batch"
            )
        if self.stateful and not any(isinstance(x, Tensor) for x in tensors):
            self._run.given = None  # an earlier start that no call has used
            count = tensors[0].shape[0]
            if self.hidden is not None and self.hidden.shape[0] != count:
                self.reset_state()
            for leaf, x in zip(self._held(count, self.Wh.dtype), tensors, strict=False):
                leaf.write(x)
        else:
            self._run.given = tuple(tensors)

    def reset_state(self, count: int | None = None) -> None:
        """Start the next call from zeros; with `count` the states of a stateful layer are made for such a batch at once.

        A checkpoint of a stateful layer can then be loaded before its first call.
        """
        self._run.given = None
        self._run.last = ()
        for leaf in (self.hidden, self.cell):
            if leaf is not None:
                leaf.write(np.zeros(leaf.shape, leaf.dtype))
        if count is not None and self.stateful:
            self._held(count, self.Wh.dtype)

    @property
    def h(self) -> NDArray[Any] | None:
        """The h the last call ended with; None before one."""
        return self._end(0)

    @property
    def dh(self) -> NDArray[Any] | None:
        """The gradient of the h the last call started from, once a backward has run."""
        return self._start_gradient(0)

    def _end(self, place: int) -> NDArray[Any] | None:
        leaf = (self.hidden, self.cell)[place]
        if self.stateful and leaf is not None:
            return leaf.numpy()
        last = self._run.last
        return None if len(last) <= place else np.array(last[place])

    def _start_gradient(self, place: int) -> NDArray[Any] | None:
        starts = self._run.starts
        grad = None if len(starts) <= place else starts[place]._grad
        return None if grad is None else np.asarray(grad)

    # the books' protocol ----------------------------------------------------------------------------------------
    def backward(self, *douts: Any, dout: Any = None) -> Any:
        record = self._inside.record
        if record is None:
            return super().backward(*douts, dout=dout)
        leaves, outcome = record
        starts = self._run.starts
        self._inside.record = ([*leaves, *starts], outcome)
        try:
            given = super().backward(*douts, dout=dout)
        finally:
            self._inside.record = record
        grads = given if isinstance(given, tuple) else (given,)
        for start, grad in zip(starts, grads[len(leaves) :], strict=True):
            start._grad = grad
        return grads[0]

    def _about(self) -> str:
        return super()._about() + (", stateful" if self.stateful else "")


def _start(value: Any, dtype: Any) -> Leaf:
    """A start with a gradient of its own, which later writes into the state do not change."""
    return Leaf(np.array(value, dtype), "constant", None, True)


class TimeRNN(TimeRecurrent):
    """`RNN` over whole sequences.

    >>> import numpy as np
    >>> from localgrad.layers import TimeRNN
    >>> layer = TimeRNN.create(3, 2, seed=0, stateful=True)
    >>> hs = layer.forward(np.ones((4, 5, 3), np.float32))
    >>> hs.shape, np.array_equal(layer.h, hs[:, -1]), layer.backward(np.ones_like(hs)).shape, layer.dh.shape
    ((4, 5, 2), True, (4, 5, 3), (4, 2))
    """


class TimeLSTM(TimeRecurrent):
    """`LSTM` over whole sequences.

    >>> import numpy as np
    >>> from localgrad.layers import TimeLSTM
    >>> layer = TimeLSTM.create(3, 2, seed=0)
    >>> layer.forward(np.ones((4, 5, 3), np.float32)).shape, layer.c.shape
    ((4, 5, 2), (4, 2))
    """

    gates = 4
    carried = ("h", "c")
    step = staticmethod(lstm_step)

    @property
    def c(self) -> NDArray[Any] | None:
        """The c the last call ended with; None before one."""
        return self._end(1)

    @property
    def dc(self) -> NDArray[Any] | None:
        """The gradient of the c the last call started from, once a backward has run."""
        return self._start_gradient(1)


class TimeGRU(TimeRecurrent, GatedRecurrent):
    """`GRU` over whole sequences.

    >>> import numpy as np
    >>> from localgrad.layers import TimeGRU
    >>> TimeGRU.create(3, 2, seed=0).forward(np.ones((4, 5, 3), np.float32)).shape
    (4, 5, 2)
    """


class TimeBiLSTM(Layer):
    """Two LSTMs over whole sequences, one from the start and one from the end, side by side: (N, T, inputs) to (N, T, 2H).

    >>> import numpy as np
    >>> from localgrad.layers import TimeBiLSTM
    >>> layer = TimeBiLSTM.create(3, 2, seed=0)
    >>> layer.forward(np.ones((4, 5, 3), np.float32)).shape, len(layer.params)
    ((4, 5, 4), 6)
    """

    def __init__(self, Wx1: Any, Wh1: Any, b1: Any, Wx2: Any, Wh2: Any, b2: Any, stateful: bool = False) -> None:
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful)

    @classmethod
    def create(cls, n_in: int, n_hidden: int, seed: int = 0, stateful: bool = False, **options: Any) -> Self:
        """One with first values drawn from `seed`, as in `TimeLSTM.create`."""
        one, other = (TimeLSTM.create(n_in, n_hidden, seed=2 * seed + side, **options) for side in range(2))
        return cls(one.Wx, one.Wh, one.b, other.Wx, other.Wh, other.b, stateful)

    def call(self, xs: Tensor) -> Tensor:
        return Concat.on(self.forward_lstm(xs), self.backward_lstm(xs, reverse=True), axis=2)  # type: ignore[no-any-return]

    def set_state(self, h: Any, c: Any = None) -> None:
        """Start the next call from h (N, 2H), and from c (zeros unless given): the halves side by side, as in the output.

        The second half is where the LSTM from the end starts, that is at the last step.
        """
        width = self.forward_lstm.sizes[1]
        for given in (h, c):
            if given is not None and (len(given.shape) != 2 or not same_extent(given.shape[1], 2 * width)):
                raise ShapeError(
                    f"the state of {self._title()} was to be set to {format_shape(given.shape)}{user_line()}\n"
                    f"found: it has {width} hidden units in each direction\ndo: give (N, {2 * width})"
                )
        parts = [(None, None) if x is None else (x[:, :width], x[:, width:]) for x in (h, c)]
        self.forward_lstm.set_state(parts[0][0], parts[1][0])
        self.backward_lstm.set_state(parts[0][1], parts[1][1])

    def reset_state(self) -> None:
        """Start the next call from zeros."""
        self.forward_lstm.reset_state()
        self.backward_lstm.reset_state()
