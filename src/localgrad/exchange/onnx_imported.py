"""Imported: one node of an ONNX graph, which opens into kinds of ours, and the table that says how."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from localgrad.graph.errors import CaptureError, ImportModelError
from localgrad.graph.kind import Composition, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, Symbol
from localgrad.graph.tensor import Tensor

Builder: TypeAlias = "Callable[..., Any]"
FAMILIES: Final = (
    "arithmetic",
    "reductions",
    "shapes",
    "picking",
    "vision",
    "networks",
    "attention",
    "signals",
    "losses",
)
"""The modules that enter their operators in the table."""


class Rule:
    """How an operator is made of our kinds, from one version on."""

    __slots__ = ("build", "since", "valued")

    def __init__(self, build: Builder, since: int, valued: tuple[int, ...]) -> None:
        self.build = build
        self.since = since
        self.valued = valued


TABLE: Final[dict[tuple[str, str], list[Rule]]] = {}
"""Domain and operator -> its rules, by the version they begin with."""


def operator(
    *names: str, since: int = 1, valued: tuple[int, ...] = (), domain: str = ""
) -> Callable[[Builder], Builder]:
    """Enter a builder for operators; `valued` are the inputs whose values say the shape of the result."""

    def enter(build: Builder) -> Builder:
        for name in names:
            rules = TABLE.setdefault((domain, name), [])
            rules.append(Rule(build, since, valued))
            rules.sort(key=lambda rule: rule.since)
        return build

    return enter


def rule_for(domain: str, name: str, version: int) -> Rule | None:
    """The rule of an operator in a version; None where there is none."""
    if not TABLE:
        for family in FAMILIES:
            importlib.import_module(f"localgrad.exchange.onnx_{family}")
    found = [rule for rule in TABLE.get((domain, name), ()) if rule.since <= version]
    return found[-1] if found else None


class UnknownValueError(CaptureError):
    """What an operator does depends on a value that is only there when the graph runs."""


@kind
class Imported(Composition):
    """One node of an ONNX graph, with all the file says of it; made of our kinds as the operator's version asks."""

    formula = r"y = \mathrm{operator}(x_1, \dots, x_n)"
    inputs = ("*xs",)
    operation: str = "Identity"
    domain: str = ""
    version: int = 18
    attributes: tuple[tuple[str, Any], ...] = ()
    count: int = 1
    known: tuple[tuple[int, Any], ...] = ()
    label: str = ""
    note: str = ""

    def check_fields(self) -> None:
        if rule_for(self.domain, self.operation, self.version) is None:
            raise ImportModelError(
                f"the operator {self.operation} of version {self.version} was to be used\nfound: there is no rule for it\n"
                "do: export the model with another version of the operators"
            )
        self.__dict__["_attributes"] = dict(self.attributes)

    def output_count(self) -> int:
        return self.count

    def body(self, *xs: Value) -> Value:
        rule = rule_for(self.domain, self.operation, self.version)
        assert rule is not None
        made = rule.build(self, *xs)
        if self.count == 1:
            return made[0] if isinstance(made, tuple) else made
        made = made if isinstance(made, tuple) else (made,)
        if len(made) < self.count or any(each is None for each in made[: self.count]):
            raise ImportModelError(f"{self.operation} was asked for {self.count} outputs\nfound: it has {len(made)}")
        return made[: self.count]

    # what builders ask ------------------------------------------------------------------------------------------
    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or its default."""
        return self.__dict__["_attributes"].get(name, default)

    def need(self, name: str) -> Any:
        """An attribute that has to be there."""
        found = self.get(name)
        if found is None:
            raise ImportModelError(f"{self.operation} was read\nfound: its attribute `{name}` is missing")
        return found

    def value(self, index: int, x: Value) -> Any:
        """The value of an input as an array, or as a tuple of extents; raises UnknownValueError where it is not there."""
        for place, known in self.known:
            if place == index:
                return known
        if isinstance(x, Tensor):
            if isinstance(x._value, Spec):
                raise UnknownValueError(
                    f"{self.operation} was to be opened into kinds\nfound: input {index} says the shape of the result, and "
                    "its value is only known when the graph runs\ndo: give the model that input as an initializer"
                )
            return np.asarray(x._value)
        return np.asarray(x)

    def numbers(self, index: int, x: Value) -> tuple[Any, ...]:
        """The value of an input of rank 0 or 1 as ints and named extents."""
        found = self.value(index, x)
        if isinstance(found, tuple):
            return found
        return tuple(int(each) for each in np.asarray(found).reshape(-1))

    def items(self, index: int, inputs: tuple[Value, ...], attribute: str, default: Any = None) -> Any:
        """Numbers that were an attribute in old versions of an operator and are an input in new ones."""
        if self.get(attribute) is not None:
            return self.get(attribute)
        if index < len(inputs) and inputs[index] is not None:
            return self.numbers(index, inputs[index])
        return default

    def array(self, index: int, x: Value) -> Any:
        """The value of an input as an array of plain numbers."""
        found = self.value(index, x)
        if isinstance(found, tuple) and any(isinstance(each, Symbol) for each in found):
            raise UnknownValueError(f"{self.operation} needs numbers\nfound: {found}")
        return np.asarray(found)


def only_values(op: Imported, *xs: Value) -> tuple[Any, ...]:
    """The inputs as arrays, for operators that are computed on values alone."""
    found = []
    for x in xs:
        if isinstance(x, Tensor) and isinstance(x._value, Spec):
            raise UnknownValueError(f"{op.operation} is computed on values alone\nfound: {x.spec}")
        found.append(np.asarray(x._value) if isinstance(x, Tensor) else x)
    return tuple(found)
