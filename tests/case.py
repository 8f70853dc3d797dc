"""A row of the table of kinds, and the samples it is tried on.

A row says one use of a kind and what must come out; `tests/test_kinds*.py` run every property over every row. Each
family keeps its rows in `tests/cases_<family>.py`, in a list called `CASES`; `tests/cases.py` collects them:

    from tests.case import Case, Point, Refused, integers, inf, nan, rand

    CASES = [
        Case(
            Exp(),                                   # the kind with its fields
            inputs=(rand(3, 4),),                    # samples; drawn from a seed made of the row's name
            reference=np.exp,                        # arrays -> array, or a tuple where there are several outputs
            extremes=[0.0, -inf, inf, nan, 89.0],    # must equal the reference exactly in what is 0, infinite or NaN
        ),
        Case(
            Div(),
            inputs=(rand(3, 4), rand(4, avoid=(0.0,))),
            reference=np.divide,
            batch=(0, None),                         # the axis of each input that becomes the named extent N
            extremes=[(1.0, 0.0), (0.0, 0.0)],       # one tuple of inputs each
            refused=[Refused((rand(3), rand(4)), ShapeError, "3 against 4")],
        ),
        Case(
            Relu(),
            inputs=(rand(3, 4, avoid=(0.0,)),),      # kinks are avoided by the samples ...
            reference=lambda x: np.maximum(x, 0),
            points=[Point(0.0, 0.0)],                # ... and pinned: at this input, this gradient
        ),
        Case(Gather(axis=0), inputs=(rand(5, 3), integers(4, high=5)), reference=..., batch=(None, 0)),
    ]

Inputs are draws (`rand`, `distinct`, `integers`, `booleans`), arrays, Python scalars (weak) or None (missing). Float
draws and arrays are float64, and float32 where a property asks for it. What a row may say beside is told at `Case`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from localgrad.graph.kind import Kind

inf, nan = float("inf"), float("nan")


@dataclass(frozen=True)
class Draw:
    """A sample still to be drawn."""

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def rand(*shape: int, low: float = -1.5, high: float = 1.5, avoid: Sequence[float] = ()) -> Draw:
    """Floats spread evenly from low to high, none nearer than 0.05 to the places to avoid (kinks and poles)."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        x = generator.uniform(low, high, shape)
        for place in avoid:
            x = np.where(np.abs(x - place) < 0.05, np.where(x < place, place - 0.06, place + 0.06), x)
        return x

    return Draw(shape, draw)


def positive(*shape: int) -> Draw:
    """Floats from 0.3 to 2.5."""
    return rand(*shape, low=0.3, high=2.5)


def distinct(*shape: int, gap: float = 0.1) -> Draw:
    """Floats around 0 in random order, of which no two are nearer than half the gap."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(shape))
        place = generator.permutation(count) - (count - 1) / 2 + generator.uniform(-0.2, 0.2, count)
        return (place * gap).reshape(shape)

    return Draw(shape, draw)


def integers(*shape: int, low: int = 0, high: int = 10, dtype: Any = np.int64) -> Draw:
    """Integers from low to high - 1."""
    return Draw(shape, lambda generator, shape: generator.integers(low, high, shape).astype(dtype))


def booleans(*shape: int) -> Draw:
    """True and False."""
    return Draw(shape, lambda generator, shape: generator.random(shape) < 0.5)


@dataclass
class Point:
    """A pinned gradient: at these inputs, with this incoming gradient, each input gets exactly this.

    For kinks and for points where the local derivative is infinite. A single input and its gradient stand without a
    tuple. `gradient` is compared exactly, with None for an input that gets none; `grad` is 1 unless told (a tuple for
    several outputs). `second`, where given, is the gradient of the sum of those gradients.
    """

    inputs: Any
    gradient: Any
    grad: Any = None
    second: Any = None

    def __post_init__(self) -> None:
        self.inputs = _tuple(self.inputs)
        self.gradient = _tuple(self.gradient)
        self.second = None if self.second is None else _tuple(self.second)


@dataclass
class Refused:
    """Inputs (draws, arrays, ...) the kind refuses with this error and each of these texts in the message.

    A function instead of inputs is called and must raise (fields that make no sense). `captured=False` where the
    values are what is refused, so that capturing cannot know; `eager=False` where only declared specs are looked at,
    since eager computing gives a meaning to more. `kind` is the row's unless told.
    """

    inputs: Any
    error: type[Exception]
    parts: tuple[str, ...]
    kind: Kind | None = None
    captured: bool = True
    eager: bool = True

    def __init__(
        self,
        inputs: Any,
        error: type[Exception],
        *parts: str,
        kind: Kind | None = None,
        captured: bool = True,
        eager: bool = True,
    ) -> None:
        self.inputs, self.error, self.parts, self.kind = inputs, error, parts, kind
        self.captured, self.eager = captured, eager


class Case:
    """A row: a kind with its fields, samples, and what must come out.

    - `inputs`: draws, arrays, Python scalars, None. `reference`: the same arrays -> the value(s) in NumPy or SciPy.
    - `batch`: for each input the axis that becomes the named extent N, or None. Elementwise kinds need not say it
      where all inputs have one shape. Each kind needs a row that has one; a row that cannot says why in `unbatched`.
      `batch_kind` is the kind to capture with where its fields have to name the extent.
    - `unshaped`: why only values say the shape of the result (then nothing that captures is tried).
    - `constant`: the numbers of float inputs that get no gradient (None).
    - `extremes`: inputs where the result must be what the reference says, exactly in its zeros, infinities and NaNs.
      Where the incoming gradient is 0 there, the gradients must be 0 (law 6).
    - `points`: pinned gradients. `refused`: what is refused, and how.
    - `rtol`: allowed relative error of values in (float64, float32); `gradient_rtol` of gradients against differences,
      whose step is `step`. `float32=False` where single precision says nothing.
    - `name`: the kind and the shapes unless told; it seeds the samples.
    """

    def __init__(
        self,
        kind: Kind,
        inputs: Sequence[Any],
        reference: Callable[..., Any],
        *,
        name: str | None = None,
        batch: Sequence[int | None] | None = None,
        batch_kind: Kind | None = None,
        unbatched: str = "",
        unshaped: str = "",
        constant: Sequence[int] = (),
        extremes: Sequence[Any] = (),
        points: Sequence[Point] = (),
        refused: Sequence[Refused] = (),
        rtol: tuple[float, float] = (1e-12, 2e-5),
        gradient_rtol: float = 1e-6,
        step: float = 1e-3,
        float32: bool = True,
    ) -> None:
        self.kind = kind
        self.inputs = tuple(inputs)
        self.reference = reference
        self.batch_kind = batch_kind or kind
        self.unbatched = unbatched or unshaped
        self.unshaped = unshaped
        self.constant = tuple(constant)
        self.extremes = [_tuple(each) for each in extremes]
        self.points = list(points)
        self.refused = list(refused)
        self.rtol = rtol
        self.gradient_rtol = gradient_rtol
        self.step = step
        self.float32 = float32
        shapes = [np.shape(x) if not isinstance(x, Draw) else x.shape for x in self.inputs]
        self.name = name or f"{kind!r} {' '.join('x'.join(map(str, shape)) or '0d' for shape in shapes)}"
        if batch is None and not unbatched and hasattr(kind, "expression"):
            arrays = {shape for x, shape in zip(self.inputs, shapes) if not _is_plain(x)}
            if len(arrays) == 1 and arrays != {()}:
                batch = [None if _is_plain(x) else 0 for x in self.inputs]
        self.batch = None if batch is None else tuple(batch)

    def __repr__(self) -> str:
        return self.name

    def generator(self, purpose: str = "") -> np.random.Generator:
        """Random numbers of this row alone, so that another row changes nothing here."""
        return np.random.default_rng(zlib.crc32(f"{self.name}/{purpose}".encode()))

    def arrays(self, dtype: Any = np.float64) -> tuple[Any, ...]:
        """The inputs, read-only, since no rule may write into them."""
        return self.made(self.inputs, dtype)

    def made(self, inputs: Sequence[Any], dtype: Any = np.float64) -> tuple[Any, ...]:
        """Draws made, floats in this dtype."""
        generator = self.generator()
        found = []
        for x in inputs:
            if isinstance(x, Draw):
                x = x.draw(generator, x.shape)
            if isinstance(x, (np.ndarray, np.generic)):
                x = np.array(x, dtype if x.dtype.kind == "f" else x.dtype, order="K")
                x.flags.writeable = False
            found.append(x)
        return tuple(found)

    def wanted(self) -> list[int]:
        """The numbers of the inputs that get a gradient."""
        return [
            index
            for index, x in enumerate(self.arrays())
            if isinstance(x, np.ndarray) and x.dtype.kind == "f" and index not in self.constant
        ]


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_plain(x: Any) -> bool:
    return x is None or isinstance(x, (bool, int, float))
