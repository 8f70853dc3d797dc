"""Random: draws as pure functions of a state tensor [key, step], the generator that hands states out, and dropout."""

from __future__ import annotations

from functools import lru_cache
from operator import index
from threading import Lock
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.arrays import as_array
from localgrad.graph.capturing import Recorder
from localgrad.graph.context import CONTEXT, TESTING
from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.graph.kind import Composition, Kind, SpecLike, Value
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec, as_dtype, format_shape, same_shape
from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.nodes import philox
from localgrad.nodes.base import need_spec, shape_of
from localgrad.nodes.branching import Where
from localgrad.nodes.shaping import extents
from localgrad.nodes.structure import Identity


class Draw(Kind):
    """A draw: the same state and stream give the same values, and draws with different streams are unrelated."""

    family: ClassVar[str] = "random"
    inputs: ClassVar[tuple[str, ...]] = ("state", "like?")
    pure: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False
    shape_to: tuple[Any, ...] | None = None
    dtype: str | None = None
    stream: int = 0

    def shape(self, state: SpecLike, like: SpecLike = None) -> Spec:
        need_state(self, state)
        if like is None and self.shape_to is None:
            raise ShapeError(f"{self.name} needs a shape (shape_to), or a second input to take it from")
        dtype = as_dtype(self.dtype_for(like))
        if dtype.kind not in "fb":
            raise DTypeError(f"{self.name} was asked for {dtype}\nfound: it draws floats\ndo: give dtype=np.float32")
        return Spec(shape_of(like) if like is not None else self.shape_to or (), dtype)

    def dtype_for(self, like: Any) -> Any:
        """The dtype of the draw: the one asked for, else that of `like`, else float32."""
        if self.dtype is not None:
            return self.dtype
        return like.dtype if like is not None else np.float32

    def forward(self, state: Value, like: Value = None) -> Value:
        shape: Any = shape_of(like) if like is not None else self.shape_to
        key = int(state[0])
        if self.stream:
            key = _key_of(key, self.stream)
        return self.drawn(key, int(state[1]), shape, self.dtype_for(like))[()]

    def drawn(self, key: int, step: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """The values."""
        raise NotImplementedError


@lru_cache(256)
def _key_of(key: int, stream: int) -> int:
    return philox.fold(key, stream)


def need_state(kind: Kind, spec: SpecLike, index: int = 0) -> None:
    """Raise ShapeError where an input is no state [key, step]."""
    found = need_spec(kind, spec, index)
    if not same_shape(found.shape, (2,)) or found.dtype != np.int64:
        raise ShapeError(
            f"{kind.name} needs a state [key, step], int64 of shape (2,)\n"
            f"found: {{{index}}} is {found.dtype} of shape {format_shape(found.shape)}"
        )


@kind
class RandomUniform(Draw):
    """Numbers from low to below high, each equally likely."""

    formula = r"y \sim U(\text{low}, \text{high})"
    low: float = 0.0
    high: float = 1.0

    def drawn(self, key: int, step: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        y: NDArray[Any] = philox.uniform(key, step, shape, dtype)
        if self.low != 0 or self.high != 1:
            y *= self.high - self.low
            y += self.low
        return y


@kind
class RandomNormal(Draw):
    """Numbers of the normal distribution."""

    formula = r"y \sim N(\mu, \sigma^2)"
    mean: float = 0.0
    deviation: float = 1.0

    def drawn(self, key: int, step: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        y: NDArray[Any] = philox.normal(key, step, shape, dtype)
        if self.mean != 0 or self.deviation != 1:
            y *= self.deviation
            y += self.mean
        return y


@kind
class Bernoulli(Draw):
    """True with the given probability, entry by entry."""

    formula = r"P(y = 1) = p"
    probability: float = 0.5

    def check_fields(self) -> None:
        if not 0 <= self.probability <= 1:
            raise DataError(f"a probability is from 0 to 1; found {self.probability!r}")

    def dtype_for(self, like: Any) -> Any:
        return np.bool_

    def drawn(self, key: int, step: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        words = philox.bits(key, step, int(np.prod(shape, dtype=np.int64)))
        bound = round(self.probability * 2**32)
        drawn = words < np.uint32(bound) if bound < 2**32 else np.ones(words.shape, np.bool_)
        return drawn.reshape(shape)


@kind
class Dropout(Composition):
    """In training, 0 with the probability `ratio`, else x / (1 - ratio); which entries stay is its second output.

    Outside of training x unchanged. The state [key, step] and the stream say which entries stay.
    """

    formula = r"y = \begin{cases} 0 & \text{with probability } r \\ x / (1 - r) & \text{else} \end{cases}"
    family = "random"
    inputs = ("x", "state?")
    pure = False
    view = True
    ratio: float = 0.5
    training: bool = True
    stream: int = 0

    def check_fields(self) -> None:
        if not 0 <= self.ratio <= 1:
            raise DataError(
                f"dropout's ratio is the part of the entries that becomes 0, from 0 to 1; found {self.ratio!r}"
            )
        # outside of training it is the identity, which passes may move or drop
        self.__dict__.update(view=not self.training, pure=not self.training)

    def output_count(self) -> int:
        return 2 if self.training else 1

    def shape(self, x: SpecLike, state: SpecLike = None) -> Spec | tuple[Spec, ...]:
        spec = need_spec(self, x)
        if spec.dtype.kind != "f":
            raise DTypeError(
                f"dropout was asked of {{0}}\nfound: it is {spec.dtype}\ndo: convert with .astype(np.float32)"
            )
        if not self.training:
            return spec
        need_state(self, state, 1)
        return spec, spec.with_dtype(np.bool_)

    def kept(self, x: Value, state: Value) -> Value:
        """Which entries stay."""
        return Bernoulli.on(state, x, probability=1 - self.ratio, stream=self.stream)

    def factor(self) -> float:
        """What the entries that stay are multiplied by, so that the mean stays."""
        return 1 / (1 - self.ratio) if self.ratio < 1 else 0.0

    def body(self, x: Value, state: Value = None) -> Value:
        if not self.training:
            return Identity.on(x)
        kept = self.kept(x, state)
        return Where.on(kept, x * self.factor(), 0.0), kept

    def forward(self, x: Value, state: Value = None) -> Value:
        if not self.training:
            return x
        kept = self.kept(x, state)
        y = np.where(kept, x, 0.0)[()]
        y *= self.factor()
        return y, kept

    def backward(self, grad: Value, y: Value, x: Value, state: Value = None) -> Value:
        if not self.training:
            return grad[0], None
        kept = self.kept(x, state) if y[1] is None else y[1]
        return Where.on(kept, grad[0] * self.factor(), 0.0), None


# the generator ------------------------------------------------------------------------------------------------------
GENERATOR: Final[Leaf] = state(np.array([0, 0]), name="generator")
"""The state [key, step] that draws without a state of their own take theirs from; the key is 0 until `seed`."""

_STREAMS: Final[WeakKeyDictionary[Recorder, dict[int, int]]] = WeakKeyDictionary()
_LOCK: Final = Lock()


def seed(number: int) -> None:
    """Start the generator anew: the same seed gives the same draws. An int, taken modulo 2^64; 0 when never called.

    >>> import localgrad as lg
    >>> lg.seed(1)
    >>> first = lg.random_uniform((2,)).numpy()
    >>> lg.seed(1)
    >>> bool((first == lg.random_uniform((2,)).numpy()).all())
    True
    """
    GENERATOR.write(seeded(number))


def seeded(number: int) -> NDArray[np.int64]:
    """The first state [key, step] of a seed, for a generator state of one's own: `lg.state(seeded(7), name=...)`."""
    return np.array([index(number) & 0xFFFFFFFFFFFFFFFF, 0], np.uint64).view(np.int64)


def next_draw(generator: Leaf = GENERATOR) -> tuple[Tensor, int]:
    """The state tensor and the stream of the next draw; the generator moves on.

    Eagerly the state is a copy of the generator's, which is advanced at once. While capturing it is the generator
    itself, each draw of the graph gets a stream of its own, and the graph advances the generator once when it runs.
    """
    recorder = CONTEXT.get().recorder
    if recorder is None:
        with _LOCK:
            now = np.array(generator._value)
            generator.write(now + _STEP)
        return Leaf(now, "constant", None, False), 0
    if id(generator) not in recorder.updates:
        recorder.update(generator, generator + Leaf(_STEP.copy(), "constant", None, False))
    outermost = recorder
    while outermost.outer is not None:
        outermost = outermost.outer
    # one count for the whole graph: bodies inside it read the same state
    counts = _STREAMS.setdefault(outermost, {})
    stream = counts.get(id(generator), 0)
    counts[id(generator)] = stream + 1
    return generator, stream


_STEP: Final = np.array([0, 1])


def dropout(x: Any, ratio: float = 0.5, training: bool = True, generator: Leaf = GENERATOR) -> Tensor:
    """Entries set to 0 with the probability `ratio`, from 0 to 1, the others divided by `1 - ratio`.

    A tensor of x's shape and float dtype; x itself where `training` is False, and inside `lg.test_mode()`. Which entries
    stay follows from the state of the generator (`lg.seed`). Raises DTypeError for integers. Source: Srivastava et al.,
    "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    >>> import localgrad as lg
    >>> lg.seed(0)
    >>> lg.dropout([1.0, 1.0, 1.0, 1.0]).numpy()
    array([2., 0., 0., 0.], dtype=float32)
    """
    operand = as_input(x)
    if not isinstance(operand, Tensor):
        operand = Leaf(as_array(operand, floating=True), "constant", None, False)
    ratio = float(ratio)
    if not training or TESTING.get():
        return record(Dropout.make(ratio=ratio, training=False), (operand,))  # type: ignore[no-any-return]
    now, stream = next_draw(generator)
    return record(Dropout.make(ratio=ratio, stream=stream), (operand, now))[0]  # type: ignore[no-any-return]


def random_uniform(
    shape: Any = None,
    low: float = 0.0,
    high: float = 1.0,
    *,
    like: Any = None,
    dtype: Any = None,
    generator: Leaf = GENERATOR,
) -> Tensor:
    """Numbers from `low` to below `high`, each equally likely, of a shape (a number by default) or shaped `like` a tensor.

    A float tensor: of `dtype`, else of the dtype of `like`, else float32. Inside a captured function every run draws
    anew.

    >>> import localgrad as lg
    >>> lg.random_uniform((2, 3), -1, 1).shape
    (2, 3)
    """
    return _draw(RandomUniform, shape, like, dtype, generator, low=float(low), high=float(high))


def random_normal(
    shape: Any = None,
    mean: float = 0.0,
    deviation: float = 1.0,
    *,
    like: Any = None,
    dtype: Any = None,
    generator: Leaf = GENERATOR,
) -> Tensor:
    """Numbers of the normal distribution of this mean and standard deviation; shape and dtype as in `random_uniform`.

    >>> import localgrad as lg
    >>> lg.random_normal(like=lg.tensor([1.0, 2.0])).dtype
    dtype('float32')
    """
    return _draw(RandomNormal, shape, like, dtype, generator, mean=float(mean), deviation=float(deviation))


def bernoulli(probability: float = 0.5, shape: Any = None, *, like: Any = None, generator: Leaf = GENERATOR) -> Tensor:
    """True with this probability, from 0 to 1, entry by entry: a bool tensor; shape as in `random_uniform`.

    >>> import localgrad as lg
    >>> lg.bernoulli(1.0, (2,)).numpy()
    array([ True,  True])
    """
    return _draw(Bernoulli, shape, like, None, generator, probability=float(probability))


def _draw(definition: type[Draw], shape: Any, like: Any, dtype: Any, generator: Leaf, **fields: Any) -> Tensor:
    now, stream = next_draw(generator)
    if dtype is not None:
        fields["dtype"] = as_dtype(dtype).name
    inputs: tuple[Any, ...] = (now,)
    if like is not None and shape is None:
        operand = as_input(like)
        if isinstance(operand, Tensor):
            inputs = (now, operand)
        else:
            fields["shape_to"] = ()
    else:
        wanted: Shape = extents(() if shape is None else shape)
        fields["shape_to"] = wanted
    return record(definition.make(stream=stream, **fields), inputs)  # type: ignore[no-any-return]
