"""Plain arrays on their way into a layer and out of it: what the books' protocol takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor

_NUMBERS = (float, int, np.generic)


def as_tensor(x: Any) -> Any:
    """An input of a called layer as a tensor where it is an array or a list of numbers; anything else as it is."""
    if isinstance(x, np.ndarray):
        return Leaf(as_array(x), "input", None, False)
    if isinstance(x, list):
        first: Any = x
        while isinstance(first, list) and first:
            first = first[0]
        if isinstance(first, _NUMBERS):
            return Leaf(as_array(x), "input", None, False)
    return x


def as_leaves(inputs: Sequence[Any]) -> list[Leaf | None]:
    """The inputs of a forward as leaves whose gradient is wanted where they are floats; None stays.

    Numbers take the float dtype of the arrays beside them; without any they are what NumPy makes of them, integers of
    Python's counting as floats, so that two apples at 100 have a gradient.
    """
    arrays = [_value(x) for x in inputs]
    floats = [x.dtype for x in arrays if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    common = np.result_type(*floats) if floats else None
    leaves: list[Leaf | None] = []
    for x in arrays:
        if x is None:
            leaves.append(None)
            continue
        if isinstance(x, np.ndarray):
            array = x
        elif isinstance(x, (bool, np.bool_)):
            array = np.asarray(x)
        elif isinstance(x, np.generic):
            array = np.asarray(x, common if common is not None and x.dtype.kind == "f" else x.dtype)
        else:
            array = np.asarray(x, common or np.float64)
        leaves.append(Leaf(array, "input", None, array.dtype.kind == "f"))
    return leaves


def _value(x: Any) -> Any:
    if isinstance(x, Tensor):
        x = x.data
    if x is None or isinstance(x, _NUMBERS):
        return x
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiub" and x.dtype.isnative:
        return x
    return as_array(x)


class InPlace(list[np.ndarray[Any, Any]]):
    """A list of a layer's own arrays: `params[0] = array` writes the entries, as a new object would not reach the layer."""

    __slots__ = ()

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            raise TypeError("a slice of a layer's arrays was to be assigned; write into each: params[i][...] = array")
        own = self[index]
        if value is not own:
            if np.shape(value) != own.shape:
                raise ShapeError(
                    f"array {index} of a layer was to be replaced{user_line()}\n"
                    f"found: shape {format_shape(np.shape(value))}, and the layer's has {format_shape(own.shape)}\n"
                    "do: give that shape, or make a new layer"
                )
            own[...] = value


def own_gradient(g: Any, others: Sequence[Any]) -> np.ndarray[Any, Any]:
    """A gradient as an array the caller may write into: no view of another one that was given in or out."""
    if not isinstance(g, np.ndarray):
        return np.asarray(g)
    if not g.flags.writeable or any(isinstance(x, np.ndarray) and np.may_share_memory(g, x) for x in others):
        return g.copy()
    return g
