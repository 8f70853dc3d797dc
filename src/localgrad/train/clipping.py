"""Limiting gradients: the norm of all of them together, or each entry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, NonFiniteError
from localgrad.graph.kind import Value
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.branching import Min

__all__ = ["clip_factor", "clip_gradients", "finite_norm", "global_norm"]


def global_norm(gradients: Sequence[Value]) -> Value:
    """The Euclidean norm of several gradients taken together: a number for arrays, a tensor for tensors.

    >>> import numpy as np
    >>> global_norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    total: Value = 0.0
    for gradient in gradients:
        total = total + _squares(gradient)
    return total**0.5


def _squares(gradient: Value) -> Value:
    if isinstance(gradient, Tensor):
        return (gradient * gradient).sum()
    flat = gradient.reshape(-1)
    return float(np.dot(flat, flat))


def clip_factor(norm: Value, largest: float) -> Value:
    """What gradients of that norm have to be multiplied by so that it is at most `largest`; 1 where it is already.

    The small number added to the norm is the one PyTorch adds.
    """
    if isinstance(norm, Tensor):
        return Min.on(largest / (norm + 1e-6), 1.0)
    return min(1.0, largest / (norm + 1e-6))


def finite_norm(named: Sequence[tuple[Any, NDArray[Any]]], gradients: Sequence[NDArray[Any]] | None = None) -> float:
    """The norm of named gradients; raises NonFiniteError, which names the first that is not finite.

    `gradients` are the same numbers in fewer arrays, where there are such; a name may be an object that has one.
    """
    token = WARNINGS.set(QUIET)
    try:
        norm: float = global_norm([each for _, each in named] if gradients is None else gradients)
    finally:
        WARNINGS.reset(token)
    if math.isfinite(norm):
        return norm
    for owner, gradient in named:
        finite = np.isfinite(gradient)
        if not finite.all():
            bad = gradient.size - int(np.count_nonzero(finite))
            first = np.unravel_index(int(np.argmin(finite)), finite.shape)
            at = f", first at {format_shape(int(i) for i in first)}" if finite.ndim else ""
            raise NonFiniteError(
                f"the norm of all gradients was to be taken\nfound: the gradient of `{getattr(owner, 'name', owner)}` has "
                f"{bad} entries of {gradient.size} that are NaN or infinite{at}, so no parameter was changed\n"
                "do: run forward and backward under lg.detect_nonfinite(), which names the node that made the first"
            )
    # finite entries whose squares overflow in their own dtype
    return float(global_norm([gradient.astype(np.float64) for _, gradient in named]))


def clip_gradients(gradients: Any, max_norm: float) -> float:
    """Scale gradients in place so that their norm together is at most `max_norm`; gives the norm they had.

    `gradients` is a list or dict of float arrays (`layer.grads`, as in the books), or a model, or tensors whose `grad`
    is scaled; tensors without a gradient are passed over. Raises NonFiniteError, and changes nothing, where the norm is
    not finite.

    >>> import numpy as np
    >>> grads = [np.array([3.0, 4.0])]
    >>> clip_gradients(grads, 1.0)
    5.0
    >>> grads[0].round(3)
    array([0.6, 0.8])
    """
    if hasattr(gradients, "parameters") and callable(gradients.parameters):
        gradients = gradients.parameters()
    if isinstance(gradients, (Tensor, np.ndarray)):
        gradients = [gradients]
    pairs = gradients.items() if isinstance(gradients, Mapping) else enumerate(gradients)
    found: list[tuple[str, NDArray[Any]]] = []
    seen: set[int] = set()
    for key, item in pairs:
        name = item._name or str(key) if isinstance(item, Tensor) else str(key)
        array = item._grad if isinstance(item, Leaf) else item
        if array is None or id(array) in seen:
            continue
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or not array.flags.writeable:
            raise DTypeError(
                f"gradients were to be clipped\nfound: {name!r} is {type(array).__name__}\n"
                "do: give writable float arrays, or parameters that have a gradient"
            )
        seen.add(id(array))
        found.append((name, array))
    norm = finite_norm(found)
    factor = clip_factor(norm, max_norm)
    if factor < 1:
        for _, array in found:
            array *= factor
    return norm
