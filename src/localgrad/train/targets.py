"""What an optimizer can change: the parameters of a model, of a dict or list, or one tensor, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Leaf, Tensor

__all__ = ["Named", "Target", "named_leaves"]

Named: TypeAlias = Sequence[tuple[str, Leaf]]
Target: TypeAlias = Any
"""A model or layer, a dict or list of tensors, a tensor."""


def named_leaves(target: Target) -> list[tuple[str, Leaf]]:
    """The parameters of a model, dict, list or tensor, each once, with their names; raises LocalgradError for others."""
    if hasattr(target, "parameters") and callable(target.parameters):
        return list(target.parameters().items())
    if isinstance(target, Leaf):
        return [(target._name or "parameter", target)]
    pairs: Iterable[tuple[Any, Any]]
    if isinstance(target, Mapping):
        pairs = target.items()
    elif isinstance(target, (Tensor, np.ndarray, str)) or not hasattr(target, "__iter__"):
        pairs = ((None, target),)
    else:
        pairs = enumerate(target)
    found: list[tuple[str, Leaf]] = []
    seen: set[int] = set()
    for key, leaf in pairs:
        if not isinstance(leaf, Leaf):
            where = "" if key is None else f" at {key!r}"
            made = "a tensor a node made" if isinstance(leaf, Tensor) else f"a {type(leaf).__name__}"
            raise LocalgradError(
                f"an optimizer was to change parameters{user_line()}\nfound: {made}{where}\n"
                "do: give a model, or a dict or list of parameters (lg.parameter); plain arrays go to update(params, grads)"
            )
        if id(leaf) not in seen:
            seen.add(id(leaf))
            found.append((key if isinstance(key, str) else leaf._name or f"parameters/{key}", leaf))
    return found
