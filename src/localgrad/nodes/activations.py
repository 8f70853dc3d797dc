"""Activations: the nonlinear functions between layers, entry by entry."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise, apply, chain, need_spec
from localgrad.nodes.branching import Where
from localgrad.nodes.choosing import choose
from localgrad.nodes.exponential import Exp
from localgrad.nodes.gamma import Erf
from localgrad.nodes.trigonometric import Tanh

ROOT_HALF: Final = math.sqrt(0.5)
ROOT_TWO_OVER_PI: Final = math.sqrt(2 / math.pi)
CUBIC: Final = 0.044715 * ROOT_TWO_OVER_PI


class Activation(Elementwise):
    """A nonlinear function of each entry."""

    family = "activation"


@kind
class Sigmoid(Activation):
    """Squash every entry into (0, 1)."""

    formula = r"y = \frac{1}{1 + e^{-x}}"
    expression = "where(x >= 0, 1, exp(-abs(x))) / (1 + exp(-abs(x)))"
    onnx = "Sigmoid"

    def forward(self, x: Value) -> Value:
        x = np.asarray(x)
        if x.dtype.kind != "f":
            x = x.astype(np.float64)
        small = np.copysign(x, -1.0)
        if not x.ndim:
            small = np.exp(small)
            return np.maximum(small, x >= 0) / (1 + small)
        np.exp(small, out=small)
        # True is 1, the largest that `small` can be: cheaper than a choice
        y = np.maximum(small, x >= 0)
        small += 1
        y /= small
        return y

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, y * (1 - y))


@kind
class Relu(Activation):
    """Pass positive entries, set the others to 0; the derivative at 0 is 0."""

    formula = r"y = \max(x, 0)"
    expression = "max(x, 0)"
    onnx = "Relu"

    def forward(self, x: Value) -> Value:
        return np.maximum(x, 0)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(y <= 0, 0.0, grad)


@kind
class LeakyRelu(Activation):
    """Pass positive entries, multiply the others by alpha."""

    formula = r"y = \begin{cases} x & x > 0 \\ \alpha x & \text{else} \end{cases}"
    expression = "where(x > 0, x, alpha * x)"
    onnx = "LeakyRelu"
    alpha: float = 0.01

    def forward(self, x: Value) -> Value:
        if 0 < self.alpha <= 1:
            return np.maximum(x, self.alpha * x)
        return Where.on(x > 0, x, self.alpha * x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(x > 0, grad, self.alpha * grad)


@kind
class Elu(Activation):
    """Pass positive entries, bend the others exponentially towards -alpha."""

    formula = r"y = \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{else} \end{cases}"
    expression = "where(x > 0, x, alpha * expm1(min(x, 0)))"
    onnx = "Elu"
    alpha: float = 1.0

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(x > 0, grad, chain(grad, y + self.alpha))


@kind
class Selu(Activation):
    """Elu scaled so that deep networks keep mean 0 and variance 1 (Klambauer et al., 2017)."""

    formula = r"y = \gamma \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{else} \end{cases}"
    expression = "gamma * where(x > 0, x, alpha * expm1(min(x, 0)))"
    onnx = "Selu"
    alpha: float = 1.6732632423543772
    gamma: float = 1.0507009873554805

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(x > 0, self.gamma * grad, chain(grad, y + self.gamma * self.alpha))


@kind
class Softplus(Activation):
    """A smooth Relu; its derivative is the sigmoid."""

    formula = r"y = \ln(1 + e^x)"
    expression = "max(x, 0) + log1p(exp(-abs(x)))"
    onnx = "Softplus"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(grad, Sigmoid.on(x))


@kind
class Silu(Activation):
    """Weight every entry with its own sigmoid (also called Swish)."""

    formula = r"y = \frac{x}{1 + e^{-x}}"
    expression = "x * (where(x >= 0, 1, exp(-abs(x))) / (1 + exp(-abs(x))))"
    onnx = "Swish"

    def forward(self, x: Value) -> Value:
        return x * Sigmoid.on(x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        share = Sigmoid.on(x)
        return chain(grad, share + y * (1 - share))


@kind
class Mish(Activation):
    """Weight every entry with the tanh of its softplus (Misra, 2019)."""

    formula = r"y = x \tanh(\ln(1 + e^x))"
    expression = "x * tanh(max(x, 0) + log1p(exp(-abs(x))))"
    onnx = "Mish"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        share = Tanh.on(Softplus.on(x))
        return chain(grad, share + x * Sigmoid.on(x) * (1 - share * share))


@kind
class HardSigmoid(Activation):
    """A straight line clipped to [0, 1]; the derivative at the bends is 0."""

    formula = r"y = \min(\max(\alpha x + \beta, 0), 1)"
    expression = "min(max(alpha * x + beta, 0), 1)"
    onnx = "HardSigmoid"
    alpha: float = 0.2
    beta: float = 0.5

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on((y > 0) & (y < 1), self.alpha * grad, 0.0)


@kind
class HardSwish(Activation):
    """Weight every entry with a line clipped to [0, 1] (Howard et al., 2019); the derivative is 0 at -3 and 1 at 3."""

    formula = r"y = x \min(\max(x / 6 + 1/2, 0), 1)"
    expression = "x * min(max(x / 6 + 0.5, 0), 1)"
    onnx = "HardSwish"

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return Where.on(x >= 3, grad, Where.on(x <= -3, 0.0, chain(grad, x / 3 + 0.5)))


@kind
class Gelu(Composition):
    """Weight every entry with the normal distribution's share below it, exactly or by a tanh that comes near it."""

    formula = r"y = x\, \Phi(x) = \frac{x}{2} \left(1 + \mathrm{erf}\frac{x}{\sqrt 2}\right)"
    onnx = "Gelu"
    family = "activation"
    approximate: str = "none"

    def check_fields(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise LocalgradError(
                f"gelu was asked with approximate={self.approximate!r}\nfound: there are 'none' (exact) and 'tanh'\n"
                "do: give one of those"
            )

    def shape(self, x: SpecLike) -> Spec:
        spec = need_spec(self, x)
        return spec if spec.dtype.kind == "f" else spec.with_dtype(np.float64)

    def body(self, x: Value) -> Value:
        return 0.5 * x * (1 + self.bent(x))

    def bent(self, x: Value) -> Value:
        """The odd function from -1 to 1 that bends the line."""
        if self.approximate == "tanh":
            return Tanh.on(x * (ROOT_TWO_OVER_PI + CUBIC * (x * x)))
        return Erf.on(ROOT_HALF * x)

    def forward(self, x: Value) -> Value:
        y = self.bent(x)
        y += 1
        y *= x
        y *= 0.5
        return y

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        share = self.share(y, x)
        square = x * x
        if self.approximate == "tanh":
            slope = share * (1 - share) * (2 * ROOT_TWO_OVER_PI + 6 * CUBIC * square)
        else:
            slope = (0.5 * ROOT_TWO_OVER_PI) * Exp.on(-0.5 * square)
        return chain(grad, share + x * slope)

    def share(self, y: Value, x: Value) -> Value:
        """What x was weighted with; on plain arrays from the value, which is many times faster than an error function."""
        if isinstance(x, Tensor):
            return 0.5 + 0.5 * self.bent(x)
        return choose(x == 0, 0.5, y / x)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + e^-x) of each entry, from 0 to 1, exact in the tails and without overflow.

    >>> import localgrad as lg
    >>> lg.sigmoid([0.0, 1000.0]).data
    array([0.5, 1. ], dtype=float32)
    """
    return apply(Sigmoid.make(), x)  # type: ignore[no-any-return]


def relu(x: Any) -> Tensor:
    """max(x, 0) of each entry; the gradient at 0 is 0.

    >>> import localgrad as lg
    >>> lg.relu([-1.0, 2.0]).data
    array([0., 2.], dtype=float32)
    """
    return apply(Relu.make(), x)  # type: ignore[no-any-return]


def leaky_relu(x: Any, alpha: float = 0.01) -> Tensor:
    """The entry where it is positive, else alpha times it; the gradient at 0 is alpha.

    >>> import localgrad as lg
    >>> lg.leaky_relu([-1.0, 2.0], alpha=0.5).data
    array([-0.5,  2. ], dtype=float32)
    """
    return apply(LeakyRelu.make(alpha=float(alpha)), x)  # type: ignore[no-any-return]


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """The entry x where it is positive, else alpha (e^x - 1) (Clevert et al., 2015).

    >>> import localgrad as lg
    >>> lg.elu([-100.0, 2.0]).data
    array([-1.,  2.], dtype=float32)
    """
    return apply(Elu.make(alpha=float(alpha)), x)  # type: ignore[no-any-return]


def selu(x: Any) -> Tensor:
    """Elu with the two constants that keep mean 0 and variance 1 through layers (Klambauer et al., 2017).

    >>> import localgrad as lg
    >>> lg.selu([1.0]).data.round(4)
    array([1.0507], dtype=float32)
    """
    return apply(Selu.make(), x)  # type: ignore[no-any-return]


def softplus(x: Any) -> Tensor:
    """ln(1 + e^x) of each entry, without overflow.

    >>> import localgrad as lg
    >>> lg.softplus([-1000.0, 1000.0]).data
    array([   0., 1000.], dtype=float32)
    """
    return apply(Softplus.make(), x)  # type: ignore[no-any-return]


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """Each entry times the standard normal distribution below it (Hendrycks and Gimpel, 2016).

    `approximate="tanh"` takes the usual tanh approximation; anything but "none" or "tanh" raises LocalgradError.

    >>> import localgrad as lg
    >>> lg.gelu([1.0]).data.round(4), lg.gelu([1.0], approximate="tanh").data.round(4)
    (array([0.8413], dtype=float32), array([0.8412], dtype=float32))
    """
    return apply(Gelu.make(approximate=approximate), x)  # type: ignore[no-any-return]


def silu(x: Any) -> Tensor:
    """Each entry times its sigmoid, also called swish.

    >>> import localgrad as lg
    >>> lg.silu([1.0]).data.round(4)
    array([0.7311], dtype=float32)
    """
    return apply(Silu.make(), x)  # type: ignore[no-any-return]


def mish(x: Any) -> Tensor:
    """Each entry times the tanh of its softplus (Misra, 2019).

    >>> import localgrad as lg
    >>> lg.mish([1.0]).data.round(4)
    array([0.8651], dtype=float32)
    """
    return apply(Mish.make(), x)  # type: ignore[no-any-return]


def hard_sigmoid(x: Any, alpha: float = 1 / 6, beta: float = 0.5) -> Tensor:
    """The line alpha x + beta limited to [0, 1]; the slope is 1/6 as in Keras, JAX and PyTorch, ONNX has 0.2.

    >>> import localgrad as lg
    >>> lg.hard_sigmoid([-3.0, 0.0, 3.0]).data
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return apply(HardSigmoid.make(alpha=float(alpha), beta=float(beta)), x)  # type: ignore[no-any-return]


def hard_swish(x: Any) -> Tensor:
    """Each entry x times (x / 6 + 1/2 limited to [0, 1]) (Howard et al., 2019).

    >>> import localgrad as lg
    >>> lg.hard_swish([-3.0, 3.0]).data
    array([-0.,  3.], dtype=float32)
    """
    return apply(HardSwish.make(), x)  # type: ignore[no-any-return]
