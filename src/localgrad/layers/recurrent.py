"""Recurrent layers for one step: RNN, LSTM and GRU, with the weights and the order of gates of the books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from localgrad.graph.errors import DTypeError, InputsError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, same_extent, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.initialization import initial, zeros
from localgrad.layers.layer import Layer
from localgrad.layers.members import as_parameter
from localgrad.nodes import philox
from localgrad.nodes.activations import Sigmoid
from localgrad.nodes.arithmetic import Add
from localgrad.nodes.joining import Split
from localgrad.nodes.linear import MatMul
from localgrad.nodes.recurrent import LSTMCell
from localgrad.nodes.trigonometric import Tanh
from localgrad.transform.closed import Several

if TYPE_CHECKING:
    from typing import Self


# one step, on tensors: from the carry, the sums x Wx + b of its gates, and the weights of the carry ---------------------
def rnn_step(carry: Several, sums: Several, weights: Several) -> tuple[Several, Several]:
    """The next h, tanh(h Wh + sums)."""
    h = Tanh.on(carry[0] @ weights[0] + sums[0])
    return (h,), (h,)


def lstm_step(carry: Several, sums: Several, weights: Several) -> tuple[Several, Several]:
    """The gates f, g, i, o from h Wh + sums; then h and c as in `LSTMCell`."""
    h, c = carry
    h, c, _, _ = LSTMCell.on(h @ weights[0] + sums[0], c)
    return (h, c), (h,)


def gru_step(carry: Several, sums: Several, weights: Several) -> tuple[Several, Several]:
    """The gates z and r, the candidate from r h, and h between the old one and the candidate."""
    (h,) = carry
    z, r = Split.on(Sigmoid.on(h @ weights[0] + sums[0]), axis=-1, sections=2)
    h = (1 - z) * h + z * Tanh.on((r * h) @ weights[1] + sums[1])
    return (h,), (h,)


class Recurrent(Layer):
    """What recurrent layers share: the weights Wx, Wh and b, with the gates side by side."""

    gates: ClassVar[int] = 1
    carried: ClassVar[tuple[str, ...]] = ("h",)
    step: ClassVar[Any] = staticmethod(rnn_step)
    Wx: Leaf
    Wh: Leaf
    b: Leaf | None

    def __init__(self, Wx: Any, Wh: Any, b: Any = None) -> None:
        title = type(self).__name__
        self.Wx, _ = as_parameter(Wx, f"Wx of {title}")
        self.Wh, _ = as_parameter(Wh, f"Wh of {title}")
        self.b = None if b is None else as_parameter(b, f"b of {title}")[0]
        width = self.gates * self.Wh.shape[0] if self.Wh.ndim else 0
        found = {"Wx": self.Wx.shape, "Wh": self.Wh.shape, "b": (width,) if self.b is None else self.b.shape}
        if found != {"Wx": (*self.Wx.shape[:1], width), "Wh": (*self.Wh.shape[:1], width), "b": (width,)}:
            shapes = ", ".join(f"{name} {format_shape(shape)}" for name, shape in found.items())
            raise ShapeError(
                f"{title} was given {shapes}{user_line()}\nfound: H hidden units need Wx (inputs, {self._many()}H), Wh (H, "
                f"{self._many()}H) and b ({self._many()}H,)\ndo: give matrices of these shapes"
            )

    @classmethod
    def _many(cls) -> str:
        return str(cls.gates) if cls.gates > 1 else ""

    @classmethod
    def create(
        cls,
        n_in: int,
        n_hidden: int,
        seed: int = 0,
        init: Any = "lecun",
        dtype: DTypeLike = np.float32,
        **options: Any,
    ) -> Self:
        """One with first values drawn from `seed`, each gate's as by `init` (as in `Affine.create`); the bias starts at 0."""

        def drawn(name: str, rows: int) -> NDArray[Any]:
            keys = [philox.fold(philox.fold(seed, name), gate) for gate in range(cls.gates)]
            return np.concatenate([initial(init, (rows, n_hidden), key, dtype) for key in keys], axis=1)

        bias = zeros(cls.gates * n_hidden, dtype)
        try:
            return cls(drawn("Wx", n_in), drawn("Wh", n_hidden), bias, **options)
        except TypeError as error:
            trace = error.__traceback__
            if not options or trace is None or trace.tb_next is not None:  # it comes from inside
                raise
            raise cls._unknown(options) from None

    @classmethod
    def _unknown(cls, options: dict[str, Any]) -> InputsError:
        title, known = cls.__name__, ["seed", "init", "dtype"]
        if "stateful" in cls.__init__.__annotations__:
            known.append("stateful")
        unknown = [name for name in options if name not in known]
        cure = f"do: give {title}.create(n_in, n_hidden) no other options"
        if not {"layers", "bidirectional", "dropout"}.isdisjoint(unknown):
            layer = title if title.startswith("Time") else f"Time{title}"
            cure = (
                f"do: several layers, both directions and dropout between are those of a stack: TimeStack.create({layer}, "
                "n_in, n_hidden, layers=2, bidirectional=True)"
            )
        return InputsError(
            f"{title}.create was given {', '.join(f'{name}={options[name]!r}' for name in unknown)}{user_line()}\n"
            f"found: it takes {', '.join(known)}\n{cure}"
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of inputs and of hidden units."""
        return self.Wx.shape[0], self.Wh.shape[0]

    def sums(self, x: Tensor) -> Tensor:
        """X Wx + b of rows x."""
        y: Tensor = MatMul.on(x, self.Wx)
        return y if self.b is None else Add.on(y, self.b)

    def parts(self, sums: Tensor) -> Several:
        """The sums as a step takes them."""
        return (sums,)

    def weights(self) -> Several:
        """The weights a step reads."""
        return (self.Wh,)

    def _stepped(self, x: Tensor, *states: Tensor) -> Several:
        """The next states of one step; what a state should have been is said where the step fails."""
        try:
            return self.step(states, self.parts(self.sums(x)), self.weights())[0]  # type: ignore[no-any-return]
        except (ShapeError, DTypeError):
            self._check_states(x, states)
            raise

    def _check_states(self, x: Tensor, states: Several) -> None:
        """Raise ShapeError or DTypeError for a state that does not go with rows x; x itself is the products' to judge."""
        inputs, width = self.sizes
        if not x.ndim or not same_extent(x.shape[-1], inputs):
            return
        wanted = (*x.shape[:-1], width)
        for name, given in zip(self.carried, states, strict=True):
            found = "nothing"
            if isinstance(given, Tensor):
                if same_shape(given.shape, wanted):
                    if given.dtype != self.Wh.dtype:
                        raise DTypeError(
                            f"{self._title()} was given the state {name} of {given.dtype}{user_line()}\n"
                            f"found: its weights are {self.Wh.dtype}\ndo: give {name}.astype(np.{self.Wh.dtype})"
                        ) from None
                    continue
                found = format_shape(given.shape)
            raise ShapeError(
                f"{self._title()} was given the state {name}: {found}{user_line()}\n"
                f"found: x of shape {format_shape(x.shape)} needs {name} of shape {format_shape(wanted)}, (N, hidden), a "
                f"row of {width} hidden units for each sample\n"
                f"do: give {name} of that shape, to begin with np.zeros({format_shape(wanted)}, np.{self.Wh.dtype})"
            ) from None

    def _about(self) -> str:
        return "{}, {}".format(*self.sizes)


class GatedRecurrent(Recurrent):
    """What GRU and TimeGRU share."""

    gates = 3
    step = staticmethod(gru_step)

    def parts(self, sums: Tensor) -> Several:
        width = self.sizes[1]
        return Split.on(sums, axis=-1, sizes=(2 * width, width))  # type: ignore[no-any-return]

    def weights(self) -> Several:
        return self.parts(self.Wh)


class RNN(Recurrent):
    """One step of a recurrent net: h = tanh(h Wh + x Wx + b).

    Wx is (inputs, H), Wh (H, H), b (H,) or None: parameters, or float arrays, which are used themselves. x is (N, inputs),
    h (N, H). Raises ShapeError where they do not fit.

    >>> import numpy as np
    >>> from localgrad.layers import RNN
    >>> layer = RNN(np.ones((3, 2)), np.eye(2), np.zeros(2))
    >>> layer.forward(np.zeros((4, 3)), np.ones((4, 2))).round(3)[0]
    array([0.762, 0.762])
    >>> dx, dh = layer.backward(np.ones((4, 2)))
    >>> dx.shape, dh.shape
    ((4, 3), (4, 2))
    """

    def call(self, x: Tensor, h: Tensor) -> Tensor:
        (h,) = self._stepped(x, h)
        return h


class LSTM(Recurrent):
    """One step of a long short-term memory: forward takes x, h and c, and gives the next h and c.

    The gates stand side by side in the books' order: f (what of c is kept), g (what is new), i (how much of it), o (what
    of c is shown): c = sigmoid(f) c + tanh(g) sigmoid(i), h = sigmoid(o) tanh(c). Wx is (inputs, 4H), Wh (H, 4H), b
    (4H,) or None. Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers, 2000.

    >>> import numpy as np
    >>> from localgrad.layers import LSTM
    >>> layer = LSTM.create(3, 2, seed=0)
    >>> zeros = np.zeros((4, 2), np.float32)
    >>> h, c = layer.forward(np.ones((4, 3), np.float32), zeros, zeros)
    >>> [dx.shape for dx in layer.backward(h, c)]
    [(4, 3), (4, 2), (4, 2)]
    """

    gates = 4
    carried = ("h", "c")
    step = staticmethod(lstm_step)

    def call(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        h, c = self._stepped(x, h, c)
        return h, c


class GRU(GatedRecurrent):
    """One step of a gated recurrent unit: z and r from sigmoids, a candidate tanh(x Wx + (r h) Wh + b), h between both.

    The gates stand in the books' order z, r, candidate; h = (1 - z) h + z candidate. Wx is (inputs, 3H), Wh (H, 3H), b
    (3H,) or None. Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.

    >>> import numpy as np
    >>> from localgrad.layers import GRU
    >>> GRU.create(3, 2, seed=0).forward(np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)).shape
    (4, 2)
    """

    def call(self, x: Tensor, h: Tensor) -> Tensor:
        (h,) = self._stepped(x, h)
        return h
