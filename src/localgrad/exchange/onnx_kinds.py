"""Which kind is written how; kinds that work entry by entry are written from their expressions."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from localgrad.graph.kind import Kind
from localgrad.nodes.base import Elementwise

Writer: TypeAlias = "Callable[[Any, Any, Any], None]"
WRITERS: Final[dict[str, tuple[int, Callable[[Any], bool], Writer]]] = {}
"""Kind -> the opset it needs, whether these fields can be written, and how."""
MODULES: Final = ("writers", "backward_writers")


def writes(*names: str, since: int = 13, fits: Callable[[Any], bool] = lambda kind: True) -> Callable[[Writer], Writer]:
    """Enter how kinds are written; `fits` says which of their fields have a form."""

    def enter(writer: Writer) -> Writer:
        for name in names:
            WRITERS[name] = (since, fits, writer)
        return writer

    return enter


NEEDS: Final = {"Gelu": 20, "HardSwish": 14, "Mish": 18, "Silu": 24, "Shrink": 13}
FIELDS: Final = {
    "Celu": ("alpha",), "Elu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "LeakyRelu": ("alpha",),
    "Selu": ("alpha", "gamma"), "Shrink": ("lambd", "bias"),
}  # fmt: skip
FLOATS_ONLY: Final = frozenset(("Div", "Mod", "Pow", "Round", "Sign", "Sqrt"))
HALF_OR_SINGLE: Final = frozenset(("HardSwish",))


def writer_of(kind: Kind, opset: int) -> Writer | None:
    """How a kind is written in an opset; None where it has to be opened first, or cannot be written."""
    if not WRITERS:
        for module in MODULES:
            importlib.import_module(f"localgrad.exchange.onnx_{module}")
    known = WRITERS.get(kind.name)
    if known is not None:
        since, fits, writer = known
        return writer if since <= opset and fits(kind) else None
    if isinstance(kind, Elementwise) and type(kind).__module__.startswith("localgrad."):
        fields_fit = not kind.fields or kind.name in FIELDS
        if kind.onnx is not None and fields_fit and NEEDS.get(kind.name, 13) <= opset:
            return elementwise
        return by_expression if kind.expression and _has_form(kind) else None
    return None


def elementwise(sheet: Any, kind: Any, use: Any) -> None:
    """The operator of the kind's own name."""
    common = use.common()
    whole = common.kind != "f" and kind.name in FLOATS_ONLY
    if whole or (common == np.float64 and kind.onnx in DOUBLES_MISSING):
        by_expression(sheet, kind, use)
        return
    if common.kind == "b" and kind.onnx not in ("And", "Or", "Xor", "Not", "Equal", "Where"):
        common = use.spec.dtype
    attributes = {name: float(kind.field_values()[name]) for name in FIELDS.get(kind.name, ())}
    dtype = common if use.spec.dtype == np.bool_ or common == use.spec.dtype else use.spec.dtype
    sheet.add(kind.onnx, *use.all(dtype), out=use.out, **attributes)


DOUBLES_MISSING: Final = frozenset((
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan", "Erf", "Celu", "Elu", "HardSigmoid",
    "Selu", "Softplus", "Softsign", "PRelu", "Mish",
))  # fmt: skip
"""Operators that ONNX has for float64 and runtimes mostly have not."""


# expressions --------------------------------------------------------------------------------------------------------
PLAIN: Final = {
    "+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "**": "Pow", "<": "Less", "<=": "LessOrEqual", ">": "Greater",
    ">=": "GreaterOrEqual", "==": "Equal", "&": "And", "|": "Or", "~": "Not", "negative": "Neg", "abs": "Abs",
    "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "round": "Round", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh",
    "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf", "isnan": "IsNaN",
    "isinf": "IsInf", "where": "Where", "min": "Min", "max": "Max",
}  # fmt: skip
MADE: Final = frozenset(("name", "number", "constant", "!=", "%", "fmod", "expm1", "log1p", "log2", "log10", "exp2", "erfc",
                         "isfinite", "trunc", "hypot", "copysign"))  # fmt: skip
LOGIC: Final = frozenset(("<", "<=", ">", ">=", "==", "!=", "&", "|", "~", "isnan", "isinf", "isfinite"))


def _tree(kind: Any) -> Any:
    from localgrad.nodes.expression import parse

    names = [name.rstrip("?") for name in kind.inputs]
    return parse(kind.expression, (*names, *kind.fields))


def _has_form(kind: Any) -> bool:
    from localgrad.nodes.expression import subterms

    if any(name.startswith("*") for name in kind.inputs):
        return False
    return all(term.operation in PLAIN or term.operation in MADE for term in subterms(_tree(kind)))


def by_expression(sheet: Any, kind: Any, use: Any) -> None:
    """The kind's expression, one operator for each of its parts."""
    common = use.common()
    if common.kind not in "f" and use.spec.dtype.kind == "f":
        common = use.spec.dtype
    names = [name.rstrip("?") for name in kind.inputs]
    writer = _Terms(sheet, common)
    for index, name in enumerate(names):
        if use.has(index):
            boolean = use.spec_of(index).dtype == np.bool_
            writer.known[name] = (use.value(index) if boolean else use.value(index, common), boolean)
    for name, value in kind.field_values().items():
        writer.known[name] = (sheet.constant(value, common), False)
    found, boolean = writer.of(_tree(kind))
    have = np.dtype(np.bool_) if boolean else common
    if have != use.spec.dtype:
        found = sheet.cast(found, have, use.spec.dtype)
    last = sheet.operations[-1] if sheet.operations else None
    if last is not None and last.outputs == (found,) and found not in use.all():
        last.outputs = (use.out,)  # the last part carries the name itself
    else:
        sheet.add("Identity", found, out=use.out)


class _Terms:
    def __init__(self, sheet: Any, dtype: np.dtype[Any]) -> None:
        self.sheet = sheet
        self.dtype = dtype
        self.known: dict[str, tuple[str, bool]] = {}
        self.done: dict[int, tuple[str, bool]] = {}

    def number(self, value: Any) -> str:
        found: str = self.sheet.constant(value, self.dtype)
        return found

    def of(self, term: Any) -> tuple[str, bool]:
        """The value of a term, and whether it is a truth value."""
        if id(term) not in self.done:
            self.done[id(term)] = self.made(term)
        return self.done[id(term)]

    def numeric(self, term: Any) -> str:
        name, boolean = self.of(term)
        return self.sheet.cast(name, np.bool_, self.dtype) if boolean else name

    def made(self, term: Any) -> tuple[str, bool]:
        operation, sheet = term.operation, self.sheet
        if operation == "name":
            return self.known[term.value]
        if operation == "number":
            return self.number(term.value), False
        if operation == "constant":
            from localgrad.nodes.terms import CONSTANTS

            return self.number(CONSTANTS[term.value]), False
        if operation == "where":
            chosen, a, b = term.arguments
            return sheet.add("Where", self.of(chosen)[0], self.numeric(a), self.numeric(b)), False
        if operation in ("&", "|", "~"):
            return sheet.add(PLAIN[operation], *(self.of(each)[0] for each in term.arguments)), True
        xs = [self.numeric(each) for each in term.arguments]
        if operation in PLAIN:
            return sheet.add(PLAIN[operation], *xs), operation in LOGIC
        return self.composed(operation, xs), operation in LOGIC

    def composed(self, operation: str, xs: list[str]) -> str:
        add, one = self.sheet.add, self.number(1)
        x = xs[0]
        found: str
        if operation == "!=":
            found = add("Not", add("Equal", *xs))
        elif operation == "fmod":
            found = add("Mod", *xs, fmod=1)
        elif operation == "%":
            found = add("Sub", x, add("Mul", add("Floor", add("Div", *xs)), xs[1]))
        elif operation == "expm1":
            # (e^x - 1) / log(e^x) x is exact where e^x - 1 alone has lost its digits
            grown = add("Exp", x)
            safe = add("Div", add("Mul", add("Sub", grown, one), x), add("Log", grown))
            small = add("And", add("Less", add("Abs", x), one), add("Not", add("Equal", grown, one)))
            exact = add("Where", small, safe, add("Sub", grown, one))
            found = add("Where", add("Equal", grown, one), x, exact)
        elif operation == "log1p":
            grown = add("Add", x, one)
            safe = add("Div", add("Mul", add("Log", grown), x), add("Sub", grown, one))
            plain = add("Or", add("IsInf", grown), add("Equal", grown, one))
            found = add("Where", add("Equal", grown, one), x, add("Where", plain, grown, safe))
        elif operation in ("log2", "log10"):
            found = add("Div", add("Log", x), self.number(np.log(2.0 if operation == "log2" else 10.0)))
        elif operation == "exp2":
            found = add("Pow", self.number(2), x)
        elif operation == "erfc":
            found = add("Sub", one, add("Erf", x))
        elif operation == "isfinite":
            found = add("Not", add("Or", add("IsNaN", x), add("IsInf", x)))
        elif operation == "trunc":
            found = add("Mul", add("Sign", x), add("Floor", add("Abs", x)))
        elif operation == "hypot":
            found = add("Sqrt", add("Add", add("Mul", x, x), add("Mul", xs[1], xs[1])))
        else:
            negative = add("Less", xs[1], self.number(0))
            found = add("Where", negative, add("Neg", add("Abs", x)), add("Abs", x))
        return found
