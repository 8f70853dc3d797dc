"""Python's operators and NumPy's protocols on tensors: each finds its kind in the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from localgrad.graph.node import NOTHING
from localgrad.graph.recording import record_pair as record_any
from localgrad.graph.registry import OPERATORS

if TYPE_CHECKING:
    from localgrad.graph.kind import Kind
    from localgrad.graph.tensor import Tensor

    Operand: TypeAlias = Any


record_pair: Final[Callable[[Kind, Any, Any], Tensor]] = record_any
"""Recording an operator, which has one output."""


class Operators:
    """The operators of a tensor."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["+"], self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["+"], other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["-"], self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["-"], other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["*"], self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["*"], other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["/"], self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["/"], other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["//"], self, other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["//"], other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["%"], self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["%"], other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["**"], self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["**"], other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["@"], self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["@"], other, self)

    def __neg__(self) -> Tensor:
        return record_pair(OPERATORS["negative"], self, NOTHING)

    def __pos__(self) -> Tensor:
        return self  # type: ignore[return-value]

    def __abs__(self) -> Tensor:
        return record_pair(OPERATORS["abs"], self, NOTHING)

    def __invert__(self) -> Tensor:
        return record_pair(OPERATORS["~"], self, NOTHING)

    def __and__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["&"], self, other)

    def __rand__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["&"], other, self)

    def __or__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["|"], self, other)

    def __ror__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["|"], other, self)

    def __xor__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["^"], self, other)

    def __rxor__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["^"], other, self)

    def __lt__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["<"], self, other)

    def __le__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS["<="], self, other)

    def __gt__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS[">"], self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return record_pair(OPERATORS[">="], self, other)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return record_pair(OPERATORS["=="], self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return record_pair(OPERATORS["!="], self, other)

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from localgrad.graph.protocols import from_ufunc

        return from_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        from localgrad.graph.protocols import from_function

        return from_function(function, inputs, options)
