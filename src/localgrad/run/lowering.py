"""Lowering: the expressions of elementwise nodes as typed operations, equal ones once, as NumPy would promote them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from localgrad.graph.kind import Kind
from localgrad.nodes.base import Elementwise
from localgrad.nodes.expression import parse
from localgrad.nodes.terms import CONSTANTS, Term, subterms
from localgrad.run.mathematics import FUNCTIONS
from localgrad.run.text import TYPES

Dtype: TypeAlias = "np.dtype[Any]"
BOOL: Final = np.dtype(np.bool_)
_COMPARISONS: Final = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
_WEAK: Final = (bool, int, float)
_PYTHON: Final[dict[str, Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "negative": operator.neg, "abs": abs,
}  # fmt: skip


class UnsupportedError(Exception):
    """A node cannot be part of a loop; it runs its NumPy forward instead."""


class Operation(NamedTuple):
    """One typed operation: its arguments are numbers of earlier ones; loads and constants have a value instead."""

    name: str
    arguments: tuple[int, ...]
    dtype: Dtype
    value: Any = None


Operand: TypeAlias = "int | bool | float | Typed"


class Typed(NamedTuple):
    """The number of an operation and the dtype of its result."""

    place: int
    dtype: Dtype
    rank: int


class Lowering:
    """The operations of a loop, in order."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._known: dict[Any, int] = {}

    def add(self, name: str, arguments: tuple[int, ...], dtype: Dtype, value: Any = None) -> int:
        """The number of an operation, an earlier one's where it is the same."""
        key = (name, arguments, dtype, value.__class__, repr(value))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.operations)
            self.operations.append(Operation(name, arguments, dtype, value))
        return found

    def load(self, number: int, dtype: Dtype) -> int:
        """What stands in the loop's input of that number."""
        return self.add("load", (), dtype, number)

    # nodes --------------------------------------------------------------------------------------------------------
    def node(self, kind: Kind, inputs: Sequence[Any], dtype: Dtype) -> int:
        """The operation that gives a node's output; inputs are Typed, Python numbers, or None."""
        result = self._node(kind, inputs, dtype)
        if not isinstance(result, Typed) or result.dtype != dtype:
            raise UnsupportedError(f"{kind!r} of these dtypes")
        return result.place

    def _node(self, kind: Kind, inputs: Sequence[Any], dtype: Dtype) -> Any:
        name = kind.name
        if name in ("Identity", "StopGradient", "Repeat", "SumTo", "Reshape", "Branch"):
            return inputs[0]
        if name == "Cast":
            return self.cast(inputs[0], dtype)
        if name in ("And", "Or", "Xor", "Not"):
            return self._logic({"And": "&", "Or": "|", "Xor": "^", "Not": "~"}[name], inputs)
        if name in ("Max", "Min"):
            ordered = sorted(inputs, key=lambda x: isinstance(x, _WEAK))
            value = ordered[0]
            for each in ordered[1:]:
                value = self.operation(name.lower(), [value, each])
            return value
        if name == "Clip":
            low, high = (*inputs[1:], None, None)[:2]
            value = inputs[0] if low is None else self.operation("max", [inputs[0], low])
            return value if high is None else self.operation("min", [value, high])
        if name == "Pow":
            return self.power(inputs[0], inputs[1])
        if any(x is None for x in inputs):
            raise UnsupportedError(f"{kind!r} with missing inputs")
        definition: Any = type(kind)
        term = expression_of(definition)
        if term is None:
            raise UnsupportedError(f"{kind!r} has no expression")
        names = [each.rstrip("?") for each in kind.inputs]
        given = dict(zip(names, inputs, strict=False))
        for field, value in kind.field_values().items():
            given[field] = value.item() if isinstance(value, np.generic) else value
        return self.term(term, given, frozenset(names))

    def term(self, term: Term, given: Mapping[str, Any], inputs: frozenset[str]) -> Any:
        """The operand a term comes to."""
        found: dict[Term, Any] = {}
        for part in subterms(term):
            if part.operation == "number":
                found[part] = part.value
            elif part.operation == "constant":
                found[part] = CONSTANTS[str(part.value)]
            elif part.operation == "name":
                value = given.get(str(part.value))
                if not isinstance(value, (Typed, *_WEAK)):
                    raise UnsupportedError(f"{part.value} is {value!r}")
                found[part] = value
            elif part.operation == "where":
                read = [given[str(each.value)] for each in subterms(part.arguments[0]) if each.operation == "name"]
                condition, a, b = (found[each] for each in part.arguments)
                found[part] = self.where(condition, a, b, read)
            else:
                found[part] = self.operation(part.operation, [found[each] for each in part.arguments])
        return found[term]

    # operations ---------------------------------------------------------------------------------------------------
    def operation(self, name: str, arguments: Sequence[Any]) -> Any:
        """One operation of the grammar on operands."""
        if all(isinstance(x, _WEAK) for x in arguments):
            return _computed(name, arguments)
        if name in ("&", "|", "~"):
            return self._logic(name, arguments)
        if name == "**":
            return self.power(*arguments)
        if name in ("isnan", "isinf", "isfinite"):
            (x,) = self._floats(arguments)
            return self._made(name, [x], BOOL)
        if name == "negative":
            (x,) = arguments
            if x.dtype == BOOL:
                raise UnsupportedError("the negative of a boolean")
            return self._made("negative", [x], x.dtype)
        if name == "abs":
            (x,) = arguments
            if x.dtype == BOOL:
                return x
            return self._made("abs", [x], x.dtype)
        if name in FUNCTIONS:
            (x,) = self._floats(arguments)
            return self._made(name, [x], x.dtype)
        if name == "copysign":
            a, b = self.common(arguments)
            self._floats([a, b])
            return self._made(name, [a, b], a.dtype)
        if name in _COMPARISONS:
            a, b = self.common(arguments)
            return self._made(_COMPARISONS[name], [a, b], BOOL)
        if name in ("+", "-", "*", "min", "max"):
            a, b = self.common(arguments)
            if a.dtype == BOOL:
                raise UnsupportedError(f"{name} of booleans")
            return self._made({"+": "add", "-": "sub", "*": "mul"}.get(name, name), [a, b], a.dtype)
        if name == "/":
            a, b = self.common(arguments)
            if a.dtype.kind != "f":
                wide = np.dtype(np.float64)
                a, b = self.cast(a, wide), self.cast(b, wide)
            return self._made("div", [a, b], a.dtype)
        raise UnsupportedError(f"the function {name}")

    def _made(self, name: str, arguments: Sequence[Typed], dtype: Dtype) -> Typed:
        place = self.add(name, tuple(x.place for x in arguments), dtype)
        return Typed(place, dtype, max(x.rank for x in arguments))

    def _floats(self, arguments: Sequence[Any]) -> Sequence[Typed]:
        if any(x.dtype.kind != "f" for x in arguments):
            raise UnsupportedError("a function of integers")
        return arguments

    def common(self, arguments: Sequence[Any]) -> list[Typed]:
        """Operands in the dtype NumPy computes in."""
        try:
            dtype = np.result_type(*(x.dtype if isinstance(x, Typed) else x for x in arguments))
        except (TypeError, OverflowError):
            raise UnsupportedError("dtypes that do not meet") from None
        return [self.cast(x, dtype) for x in arguments]

    def cast(self, x: Any, dtype: Dtype) -> Typed:
        """An operand in another dtype."""
        if dtype not in TYPES:
            raise UnsupportedError(f"{dtype} values")
        if not isinstance(x, Typed):
            if isinstance(x, int) and not isinstance(x, bool) and dtype.kind == "i" and not _fits(x, dtype):
                raise UnsupportedError(f"{x} as {dtype}")
            value = dtype.type(x).item()
            return Typed(self.add("constant", (), dtype, value), dtype, 0)
        if x.dtype == dtype:
            return x
        if x.dtype.kind == "f" and dtype.kind == "i":
            raise UnsupportedError("floats as integers")  # what does not fit is the processor's choice
        if x.dtype.kind == "i" and dtype.kind == "i" and x.dtype.itemsize > dtype.itemsize:
            raise UnsupportedError("integers as narrower ones")
        return self._made("cast", [x], dtype)

    def where(self, condition: Any, a: Any, b: Any, read: Sequence[Any]) -> Any:
        """A choice; of two weak branches in the dtype of what the condition reads."""
        if isinstance(condition, _WEAK):
            if not isinstance(condition, bool):
                raise UnsupportedError("a condition that is a number")
            condition = self.cast(condition, BOOL)
        if isinstance(a, Typed) or isinstance(b, Typed):
            a, b = self.common([a, b])
        elif isinstance(a, bool) and isinstance(b, bool):
            a, b = self.cast(a, BOOL), self.cast(b, BOOL)
        else:
            typed = [x.dtype for x in read if isinstance(x, Typed) and x.dtype != BOOL]
            if not typed and isinstance(a + b, float):
                typed = [np.dtype(np.float32)]
            dtype = np.result_type(a, b, *typed)
            a, b = self.cast(a, dtype), self.cast(b, dtype)
        return self._made("where", [condition, a, b], a.dtype)

    def _logic(self, name: str, arguments: Sequence[Any]) -> Typed:
        if any(not isinstance(x, (Typed, bool)) or (isinstance(x, Typed) and x.dtype != BOOL) for x in arguments):
            raise UnsupportedError(f"{name} of numbers")
        operands = [self.cast(x, BOOL) for x in arguments]
        called = {"&": "and", "|": "or", "^": "xor", "~": "not"}[name]
        return self._made(called, operands, BOOL)

    def power(self, base: Any, exponent: Any) -> Any:
        """The powers NumPy takes by multiplying, dividing and square roots; others run as NumPy has them."""
        if isinstance(base, Typed) and base.dtype.kind == "f" and type(exponent) in (int, float):
            if exponent == 2:
                return self._made("mul", [base, base], base.dtype)
            if exponent == 3 and type(exponent) is int:
                return self._made("mul", [self._made("mul", [base, base], base.dtype), base], base.dtype)
            if exponent == 1:
                return base
            if exponent == 0.5:
                root = self._made("sqrt", [base], base.dtype)
                if base.rank:
                    return root
                # of a single number NumPy asks the C library, whose power differs at -0 and -inf
                plain = self.where(self.operation("==", [base, 0.0]), 0.0, root, [base])
                return self.where(self.operation("==", [base, -math.inf]), math.inf, plain, [base])
            if exponent == -1:
                return self.operation("/", [1, base])
        raise UnsupportedError(f"the power {exponent!r}")


def _fits(value: int, dtype: Dtype) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max)


def _computed(name: str, arguments: Sequence[Any]) -> Any:
    """An operation on numbers alone."""
    function = _PYTHON.get(name)
    if function is None:
        one = getattr(math, name, None) if name in ("exp", "log", "sqrt", "tanh", "expm1", "log1p") else None
        if name in ("min", "max"):
            function = {"min": min, "max": max}[name]
        elif one is None:
            raise UnsupportedError(f"{name} of numbers")
        else:
            function = one
    try:
        value = function(*arguments)
    except (ArithmeticError, ValueError):
        raise UnsupportedError(f"{name} of {arguments}") from None
    if not isinstance(value, _WEAK) or value != value:
        raise UnsupportedError(f"{name} of {arguments}")
    return value


@lru_cache(1024)
def expression_of(kind: Any) -> Term | None:
    """The expression of a kind as a term; None where it has none."""
    text = getattr(kind, "expression", "")
    if not text or not issubclass(kind, Elementwise):
        return None
    definition: Any = next(cls for cls in kind.__mro__ if "expression" in cls.__dict__)
    return parse(text, [*(name.rstrip("?") for name in definition.inputs), *definition.fields])


def supports(kind: Kind, inputs: Sequence[Any], dtype: Dtype) -> bool:
    """Whether a node with inputs of these dtypes (and ranks), numbers or None can be part of a loop.

    Tensors are given as pairs of dtype and rank.
    """
    lowering = Lowering()
    try:
        given = [
            Typed(lowering.load(number, x[0]), *x) if isinstance(x, tuple) else x for number, x in enumerate(inputs)
        ]
        if dtype not in TYPES or any(isinstance(x, tuple) and x[0] not in TYPES for x in inputs):
            return False
        lowering.node(kind, given, dtype)
    except UnsupportedError:
        return False
    return True
