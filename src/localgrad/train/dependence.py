"""Dependence: what a step reads besides its tensors, which a compiled one has seen once and has to see again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, Final
from zlib import crc32

import numpy as np

from localgrad.graph.tensor import Tensor
from localgrad.layers.layer import Layer
from localgrad.layers.members import layers_of

PLAIN: Final = (bool, int, float, str, type(None))
LOOKED_AT: Final = 1 << 20
"""Bytes up to which an array is compared entry by entry."""


class Dependence:
    """The plain attributes of layers, a loss and an optimizer, and the states of Python's and NumPy's generators.

    Two of them are equal where a step computes the same.
    """

    def __init__(self, model: Layer, *others: Any) -> None:
        self.owners: list[tuple[str, dict[str, Any]]] = []
        self.functions: list[Any] = []
        for path, layer in layers_of(model):
            self.owners.append((path or type(layer).__name__, layer.__dict__))
            if not type(layer).__module__.startswith("localgrad."):
                self.functions.append(type(layer).call)
        for other in others:
            self.functions.append(other)
            self.owners.append((type(other).__name__, getattr(other, "__dict__", {})))
        self.values = [(where, owner, _plain(owner)) for where, owner in self.owners]
        self.outside = [_outside(f) for f in self.functions]
        self.drawn = _generators()

    def difference(self, later: Dependence) -> str | None:
        """What a later look found to be another value; None where all is the same."""
        for (where, owner, old), (_, _, new) in zip(self.values, later.values, strict=True):
            for name, value in new.items():
                if name in old and old[name] != value:
                    return f"`{name}` of {where}"
            for name, value in owner.items():
                if isinstance(value, Tensor) and value.is_symbolic:
                    return f"`{name}` of {where}, a tensor of the computation"
        if self.drawn != later.drawn:
            return "the generator of Python or NumPy, from which it draws"
        return None

    def equals(self, later: Dependence) -> bool:
        """Whether a step that saw this need not be looked at again."""
        return self.values == later.values and self.outside == later.outside

    def restore(self) -> None:
        """Set attributes back that have changed since then."""
        for _, owner, old in self.values:
            for name, value in old.items():
                if name in owner and isinstance(value, PLAIN):
                    owner[name] = value
                elif isinstance(owner.get(name), list) and isinstance(value, tuple):
                    owner[name][:] = value
            for name in [name for name, value in owner.items() if isinstance(value, Tensor) and value.is_symbolic]:
                if name in old:
                    owner[name] = old[name]
                else:
                    del owner[name]
        python, numpy = self.drawn
        random.setstate(python)
        np.random.set_state(("MT19937", np.frombuffer(numpy[0], np.uint32), *numpy[1:]))  # noqa: NPY002 - it may be used


def _plain(owner: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in owner.items():
        if name == "training" or name.startswith("_"):  # modes are looked at by the trace itself
            continue
        if isinstance(value, PLAIN):
            found[name] = value
        elif isinstance(value, (tuple, list)) and all(isinstance(each, PLAIN) for each in value):
            found[name] = tuple(value)
        elif isinstance(value, np.ndarray) and value.nbytes <= LOOKED_AT:
            found[name] = (value.shape, str(value.dtype), crc32(np.ascontiguousarray(value).tobytes()))
        elif isinstance(value, np.random.Generator):
            found[name] = repr(value.bit_generator.state)
    return found


def _outside(f: Callable[..., Any]) -> list[Any]:
    """The plain values a function written in Python reads from around it."""
    code = getattr(f, "__code__", None)
    if code is None or getattr(f, "__module__", "").startswith("localgrad."):
        return []
    around: Iterable[Any] = [f.__globals__.get(name) for name in code.co_names]
    cells = []
    for cell in f.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not filled yet
            cells.append(None)
    return [value for value in (*around, *cells) if isinstance(value, PLAIN)]


def _generators() -> tuple[Any, Any]:
    state: Any = np.random.get_state()  # noqa: NPY002 - models of users draw from it
    return random.getstate(), (state[1].tobytes(), *state[2:])
