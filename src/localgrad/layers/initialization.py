"""First values of weights: arrays of random numbers whose spread fits the sizes of a layer, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from localgrad.graph.errors import NameLookupError, ShapeError
from localgrad.graph.registry import nearest
from localgrad.graph.spec import format_shape
from localgrad.nodes import philox

ShapeLike: TypeAlias = "int | Sequence[int]"
Array: TypeAlias = "NDArray[Any]"


def fans(shape: ShapeLike) -> tuple[int, int]:
    """The numbers of inputs and outputs of one unit: of a matrix (inputs, outputs), of a kernel (outputs, inputs, ...).

    >>> fans((784, 32)), fans((16, 3, 5, 5))
    ((784, 32), (75, 400))
    """
    extents = _shape(shape)
    if len(extents) < 2:
        size = extents[0] if extents else 1
        return size, size
    if len(extents) == 2:
        return extents[0], extents[1]
    field = math.prod(extents[2:])
    return extents[1] * field, extents[0] * field


def zeros(shape: ShapeLike, dtype: DTypeLike = np.float32) -> Array:
    """Zeros: what biases start from."""
    return np.zeros(_shape(shape), dtype)


def normal(shape: ShapeLike, std: float = 0.01, seed: int = 0, dtype: DTypeLike = np.float32) -> Array:
    """Normal random numbers around 0 with the standard deviation `std`.

    >>> normal((2, 2), std=1.0, seed=1).shape
    (2, 2)
    """
    return _scaled_normal(shape, std, seed, dtype)


def he(shape: ShapeLike, seed: int = 0, dtype: DTypeLike = np.float32, uniform: bool = False) -> Array:
    """For layers before a ReLU: variance 2 / inputs.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.

    >>> round(float(he((400, 100), seed=0).std()), 2)
    0.07
    """
    return _spread(shape, 2 / max(fans(shape)[0], 1), seed, dtype, uniform)


def xavier(shape: ShapeLike, seed: int = 0, dtype: DTypeLike = np.float32, uniform: bool = False) -> Array:
    """For layers before a sigmoid or tanh: variance 2 / (inputs + outputs).

    The books use 1 / inputs under this name, which is `lecun`. Source: Glorot, Bengio, "Understanding the difficulty
    of training deep feedforward neural networks", 2010.
    """
    return _spread(shape, 2 / max(sum(fans(shape)), 1), seed, dtype, uniform)


def lecun(shape: ShapeLike, seed: int = 0, dtype: DTypeLike = np.float32, uniform: bool = False) -> Array:
    """For layers that keep the variance of their inputs: variance 1 / inputs (the books' "Xavier").

    Source: LeCun, Bottou, Orr, Müller, "Efficient backprop", 1998.
    """
    return _spread(shape, 1 / max(fans(shape)[0], 1), seed, dtype, uniform)


def orthogonal(shape: ShapeLike, gain: float = 1.0, seed: int = 0, dtype: DTypeLike = np.float32) -> Array:
    """A random matrix whose shorter side's vectors are orthogonal and of length `gain`; axes after the first count as one.

    Raises ShapeError for less than two axes. Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks", 2014.

    >>> import numpy as np
    >>> W = orthogonal((4, 3), seed=0)
    >>> np.allclose(W.T @ W, np.eye(3), atol=1e-6)
    True
    """
    extents = _shape(shape)
    if len(extents) < 2:
        raise ShapeError(
            f"an orthogonal matrix of shape {format_shape(extents)} was asked for\nfound: {len(extents)} axes\n"
            "do: give two or more"
        )
    rows, columns = extents[0], math.prod(extents[1:])
    drawn = philox.normal(seed, 0, (max(rows, columns), min(rows, columns)), dtype=np.float64)
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # else it would depend on the factorisation's choice of signs
    return np.ascontiguousarray((gain * (q if rows >= columns else q.T)).reshape(extents).astype(dtype))


_NAMED: Final[dict[str, Callable[..., Array]]] = {
    "he": he,
    "xavier": xavier,
    "glorot": xavier,
    "lecun": lecun,
    "normal": normal,
    "orthogonal": orthogonal,
    "zeros": lambda shape, seed=0, dtype=np.float32: zeros(shape, dtype),
    "he_uniform": lambda shape, seed=0, dtype=np.float32: he(shape, seed, dtype, uniform=True),
    "xavier_uniform": lambda shape, seed=0, dtype=np.float32: xavier(shape, seed, dtype, uniform=True),
    "lecun_uniform": lambda shape, seed=0, dtype=np.float32: lecun(shape, seed, dtype, uniform=True),
}


def initial(init: Any, shape: ShapeLike, seed: int = 0, dtype: DTypeLike = np.float32) -> Array:
    """First values by name ("he", "xavier", ...), by standard deviation (a number), or by a function of shape and seed.

    Raises NameLookupError with the nearest names.

    >>> initial("he_uniform", (3, 2)).shape, initial(0.01, (3, 2)).dtype
    ((3, 2), dtype('float32'))
    """
    if callable(init):
        return np.asarray(init(shape, seed=seed)).astype(dtype)
    if isinstance(init, (float, int)) and not isinstance(init, bool):
        return normal(shape, std=float(init), seed=seed, dtype=dtype)
    if init not in _NAMED:
        raise NameLookupError(
            f"no initialization is called {init!r}{nearest(str(init), _NAMED)}\nfound: {', '.join(_NAMED)}\n"
            "do: use one of these, a standard deviation such as 0.01, or a function of (shape, seed)"
        )
    return _NAMED[init](shape, seed=seed, dtype=dtype)


def _spread(shape: ShapeLike, variance: float, seed: int, dtype: DTypeLike, uniform: bool) -> Array:
    std = math.sqrt(variance)
    if not uniform:
        return _scaled_normal(shape, std, seed, dtype)
    limit = math.sqrt(3) * std
    drawn = philox.uniform(philox.fold(seed, "uniform"), 0, _shape(shape), dtype=np.float32)
    return (drawn * (2 * limit) - limit).astype(dtype)


def _scaled_normal(shape: ShapeLike, std: float, seed: int, dtype: DTypeLike) -> Array:
    drawn = philox.normal(seed, 0, _shape(shape), dtype=np.float32)
    drawn *= np.float32(std)
    return drawn.astype(dtype, copy=False)


def _shape(shape: ShapeLike) -> tuple[int, ...]:
    extents = (shape,) if isinstance(shape, int) else tuple(int(extent) for extent in shape)
    if any(extent < 0 for extent in extents):
        raise ShapeError(f"a shape has extents from 0 on; found {format_shape(extents)}")
    return extents
