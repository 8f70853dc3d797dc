"""Activations as layers: one kind each, and no parameters."""

from __future__ import annotations

from typing import Any

from localgrad.graph.kind import Kind
from localgrad.graph.recording import record
from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.nodes import activations, softmax, trigonometric


class Activation(Layer):
    """A layer of one kind with one input; it keeps the shape."""

    kind: Kind

    def call(self, x: Tensor) -> Tensor:
        return record(self.kind, (x,))  # type: ignore[no-any-return]

    def _about(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.kind.changed_fields().items())


class Sigmoid(Activation):
    """Squash every entry into (0, 1): 1 / (1 + exp(-x)), without overflow for any x.

    >>> import numpy as np
    >>> from localgrad.layers import Sigmoid
    >>> layer = Sigmoid()
    >>> layer.forward(np.array([0.0, -1e4]))
    array([0.5, 0. ])
    >>> layer.backward(np.array([1.0, 1.0]))
    array([0.25, 0.  ])
    """

    kind = activations.Sigmoid()


class Relu(Activation):
    """Keep what is positive, else 0; the gradient at 0 is 0."""

    kind = activations.Relu()


class Tanh(Activation):
    """The hyperbolic tangent: every entry into (-1, 1)."""

    kind = trigonometric.Tanh()


class Silu(Activation):
    """x times its sigmoid (also called swish)."""

    kind = activations.Silu()


class Softplus(Activation):
    """log(1 + exp(x)), a smooth ReLU, without overflow for any x."""

    kind = activations.Softplus()


class LeakyRelu(Activation):
    """Keep what is positive, else `alpha` times x."""

    def __init__(self, alpha: float = 0.01) -> None:
        self.kind = activations.LeakyRelu.make(alpha=float(alpha))


class Elu(Activation):
    """Keep what is positive, else `alpha` times (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.kind = activations.Elu.make(alpha=float(alpha))


class Gelu(Activation):
    """x times the normal distribution's function of x; `approximate="tanh"` is the faster formula many models use."""

    def __init__(self, approximate: str = "none") -> None:
        self.kind = activations.Gelu.make(approximate=approximate)


class Softmax(Activation):
    """Positive numbers that sum to 1 along an axis (the last unless told), without overflow for any x.

    >>> import numpy as np
    >>> from localgrad.layers import Softmax
    >>> Softmax().forward(np.array([[0.0, 0.0], [1e4, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """

    def __init__(self, axis: int = -1) -> None:
        self.kind = softmax.Softmax.make(axis=axis)


def activation_named(name: Any) -> Layer:
    """The activation layer of a name in lower case ("relu", "tanh", "gelu", ...); a layer stays as it is.

    Raises NameLookupError with the nearest names.

    >>> from localgrad.layers.activations import activation_named
    >>> activation_named("relu")
    Relu()
    """
    from localgrad.graph.errors import NameLookupError
    from localgrad.graph.registry import nearest
    from localgrad.layers.structure import Identity

    if isinstance(name, Layer):
        return name
    known: dict[str, Any] = {
        each.__name__.lower(): each for each in Activation.__subclasses__() if each.__module__ == __name__
    }
    known.update(leaky_relu=LeakyRelu, identity=Identity)
    if name not in known:
        raise NameLookupError(f"no activation is called {name!r}{nearest(str(name), known)}\nfound: {', '.join(known)}")
    return known[name]()  # type: ignore[no-any-return]
