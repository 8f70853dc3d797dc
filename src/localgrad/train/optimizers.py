"""The optimizers: SGD, Momentum, Nesterov, AdaGrad, RMSprop, AdaDelta, Adam, AdamW; defaults are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

from localgrad.graph.errors import LocalgradError
from localgrad.graph.kind import Value
from localgrad.nodes.exponential import Expm1, Sqrt
from localgrad.train.optimizer import Optimizer

__all__ = ["SGD", "AdaDelta", "AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"]

State = tuple[Value, ...]


class SGD(Optimizer):
    """Stochastic gradient descent: against the gradient by the learning rate, with a momentum if asked.

    With `momentum` the velocity `v = momentum * v + gradient` takes the gradient's place, with `nesterov` the gradient
    plus `momentum * v`. Further options (`weight_decay`, `clip_norm`, `clip_value`, `missing`) and errors: `Optimizer`.

    >>> import localgrad as lg
    >>> W = lg.parameter([1.0, 2.0], name="W")
    >>> (W * W).sum().backward()
    >>> lg.SGD(0.1).step(W)
    >>> W.data
    array([0.8, 1.6], dtype=float32)
    """

    def __init__(
        self, learning_rate: float = 1e-2, momentum: float = 0.0, nesterov: bool = False, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = _share(self, "momentum", momentum)
        self.nesterov = bool(nesterov)
        if self.momentum:
            self.slots = ("velocity",)

    def rule(self, parameter: Value, gradient: Value, state: State, rate: Value, step: Value) -> tuple[Value, State]:
        if not state:
            return parameter - rate * gradient, state
        (velocity,) = state
        velocity = self.momentum * velocity + gradient
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return parameter - rate * direction, (velocity,)


class Momentum(SGD):
    """Descent with a velocity that remembers past gradients: `v = momentum * v + gradient`, `W = W - rate * v`.

    With a constant rate this is the books' `v = momentum * v - rate * gradient`, `W = W + v`; when the rate changes, it
    acts on the whole velocity, as in PyTorch. Source: Polyak, 1964.

    >>> import localgrad as lg
    >>> lg.Momentum(lr=0.1)
    Momentum(0.1, momentum=0.9)
    """

    def __init__(self, learning_rate: float = 1e-2, momentum: float = 0.9, **options: Any) -> None:
        super().__init__(learning_rate, momentum, **options)

    def options(self) -> dict[str, Any]:
        """Its settings by name, without the learning rate."""
        return {name: value for name, value in super().options().items() if name != "nesterov"}


class Nesterov(Momentum):
    """Momentum that uses the gradient where the velocity is about to lead, in the form PyTorch uses.

    `v = momentum * v + gradient`, `W = W - rate * (gradient + momentum * v)`. Source: Nesterov, 1983, in the form of
    Bengio, Boulanger-Lewandowski and Pascanu, "Advances in optimizing recurrent networks", 2013.

    >>> import localgrad as lg
    >>> lg.Nesterov(0.01)
    Nesterov(0.01, momentum=0.9)
    """

    def __init__(self, learning_rate: float = 1e-2, momentum: float = 0.9, **options: Any) -> None:
        super().__init__(learning_rate, momentum, nesterov=True, **options)


class AdaGrad(Optimizer):
    """Divides each entry's step by the root of the sum of its squared gradients so far.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011.

    >>> import localgrad as lg
    >>> lg.AdaGrad(0.01)
    AdaGrad(0.01, eps=1e-10)
    """

    slots = ("squares",)

    def __init__(self, learning_rate: float = 1e-2, eps: float = 1e-10, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.eps = float(eps)

    def rule(self, parameter: Value, gradient: Value, state: State, rate: Value, step: Value) -> tuple[Value, State]:
        (squares,) = state
        squares = squares + gradient * gradient
        return parameter - rate * gradient / (Sqrt.on(squares) + self.eps), (squares,)


class RMSprop(Optimizer):
    """Divides each entry's step by the root of a running mean of its squared gradients, which forgets by `alpha`.

    Source: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012.

    >>> import localgrad as lg
    >>> lg.RMSprop()
    RMSprop(0.01, alpha=0.99, eps=1e-08)
    """

    slots = ("squares",)

    def __init__(self, learning_rate: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.alpha = _share(self, "alpha", alpha)
        self.eps = float(eps)

    def rule(self, parameter: Value, gradient: Value, state: State, rate: Value, step: Value) -> tuple[Value, State]:
        (squares,) = state
        squares = squares + (1 - self.alpha) * (gradient * gradient - squares)
        return parameter - rate * gradient / (Sqrt.on(squares) + self.eps), (squares,)


class AdaDelta(Optimizer):
    """Makes the steps as large as past steps were, relative to past gradients; needs no learning rate of its own.

    Source: Zeiler, "AdaDelta: an adaptive learning rate method", 2012.

    >>> import localgrad as lg
    >>> lg.AdaDelta()
    AdaDelta(1, rho=0.9, eps=1e-06)
    """

    slots = ("squares", "steps")

    def __init__(self, learning_rate: float = 1.0, rho: float = 0.9, eps: float = 1e-6, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.rho = _share(self, "rho", rho)
        self.eps = float(eps)

    def rule(self, parameter: Value, gradient: Value, state: State, rate: Value, step: Value) -> tuple[Value, State]:
        squares, steps = state
        squares = squares + (1 - self.rho) * (gradient * gradient - squares)
        change = gradient * (Sqrt.on(steps + self.eps) / Sqrt.on(squares + self.eps))
        steps = steps + (1 - self.rho) * (change * change - steps)
        return parameter - rate * change, (squares, steps)


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at 0, set each entry's step.

    `betas` says how slowly the two means forget, `eps` is added to the root. Source: Kingma and Ba, "Adam: a method for
    stochastic optimization", 2015.

    >>> import localgrad as lg
    >>> lg.Adam(1e-3)
    Adam(0.001, betas=(0.9, 0.999), eps=1e-08)
    """

    slots = ("mean", "squares")

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        beta1: float | None = None,
        beta2: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise LocalgradError(
                f"betas of {type(self).__name__} are two numbers, such as (0.9, 0.999); found {betas!r}"
            )
        self.betas = (
            _share(self, "beta1", betas[0] if beta1 is None else beta1),
            _share(self, "beta2", betas[1] if beta2 is None else beta2),
        )
        self.eps = float(eps)

    def rule(self, parameter: Value, gradient: Value, state: State, rate: Value, step: Value) -> tuple[Value, State]:
        beta1, beta2 = self.betas
        mean, squares = state
        mean = mean + (1 - beta1) * (gradient - mean)
        squares = squares + (1 - beta2) * (gradient * gradient - squares)
        # both corrections are moved into the two numbers, so that no array is touched for them
        root = _correction(beta2, step) ** 0.5
        size = rate * root / _correction(beta1, step)
        return parameter - size * mean / (Sqrt.on(squares) + self.eps * root), (mean, squares)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself and so does not pass through the running means.

    `weight_decay` is 0.01 unless given. Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.

    >>> import localgrad as lg
    >>> lg.AdamW(1e-3)
    AdamW(0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay=weight_decay, **options)


def _correction(beta: float, step: Value) -> Value:
    """`1 - beta**step`, also where `step` is a tensor of low precision."""
    if isinstance(step, int):
        return 1 - beta**step
    return -Expm1.on(step * math.log(beta)) if beta else 1.0


def _share(owner: Optimizer, name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise LocalgradError(f"{name} of {type(owner).__name__} is a number from 0 to below 1; found {value!r}")
    return float(value)
