"""The values that nodes made, as users see them: arrays that say whose they are when something is written into them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ReadOnlyError
from localgrad.graph.source import user_line

if TYPE_CHECKING:
    from localgrad.graph.tensor import Tensor


class FrozenArray(np.ndarray[Any, Any]):
    """The read-only value of a tensor that a node made; whatever is computed from it is a plain ndarray."""

    _owner: weakref.ref[Tensor] | None

    def __array_finalize__(self, source: Any) -> None:
        self._owner = getattr(source, "_owner", None)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain

    def __setitem__(self, index: Any, value: Any) -> None:
        self._guard("an assignment to its entries")
        super().__setitem__(index, value)

    def _guard(self, how: str) -> None:
        if not self.flags.writeable:
            raise read_only(None if self._owner is None else self._owner(), f"{how} (.data)")

    def copy(self, order: Any = "C") -> NDArray[Any]:  # type: ignore[override]  # a copy is nobody's value
        """A plain ndarray of its own."""
        return np.array(self, order=order)

    def __deepcopy__(self, memo: Any) -> NDArray[Any]:  # type: ignore[override]
        return np.array(self)

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __str__(self) -> str:
        return str(np.asarray(self))


def _in_place(name: str, symbol: str) -> Any:
    def operate(self: FrozenArray, other: Any) -> Any:
        self._guard(f"{symbol} on its value")
        return getattr(np.ndarray, name)(self, other)

    operate.__name__ = name
    return operate


for _name, _symbol in (
    ("__iadd__", "+="), ("__isub__", "-="), ("__imul__", "*="), ("__itruediv__", "/="), ("__ifloordiv__", "//="),
    ("__imod__", "%="), ("__ipow__", "**="), ("__imatmul__", "@="), ("__iand__", "&="), ("__ior__", "|="),
    ("__ixor__", "^="),
):  # fmt: skip
    setattr(FrozenArray, _name, _in_place(_name, _symbol))


def frozen(tensor: Tensor, value: NDArray[Any]) -> NDArray[Any]:
    """The value of a tensor as a read-only array that knows the tensor."""
    found = value.view(FrozenArray)
    found.flags.writeable = False
    found._owner = weakref.ref(tensor)
    return found


def read_only(tensor: Tensor | None, how: str) -> ReadOnlyError:
    """The error for writing into the value of a tensor that a node made."""
    node = None if tensor is None else tensor.node
    name = "a tensor" if tensor is None else f"`{tensor.name}`"
    by = "under no_grad"
    if node is not None:
        by = f"by node `{node.name}` ({node.kind.name}" + (f", {node.source})" if node.source is not None else ")")
    elif tensor is None:
        by = "by a node"
    return ReadOnlyError(
        f"the value of {name} was to be written: {how}{user_line()}\n"
        f"found: it was computed {by}, so its value belongs to the graph and is read-only\n"
        "do: write on the tensor itself (x[i] = v, x += v), which records a node, or into a copy (x.numpy())"
    )
