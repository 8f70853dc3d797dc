"""The one list of kinds, from which operators, NumPy functions, files, docs and tests are derived."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from localgrad.graph.errors import NameLookupError
from localgrad.graph.kind import Kind, KindType

_KINDS: dict[str, type[Kind]] = {}
OPERATORS: dict[str, Kind] = {}
"""Python operator -> the kind recorded for it."""
NUMPY: dict[str, type[Kind]] = {}
"""Name of a NumPy ufunc -> the elementwise kind recorded for it."""
_LATER: list[str] = []
"""Modules that register further kinds, imported when a kind is asked for that is not there."""


def register_later(*modules: str) -> None:
    """Name modules whose kinds count as registered without importing them now."""
    _LATER.extend(modules)


def complete() -> bool:
    """Import the modules named by `register_later`; whether there were any left."""
    waiting = _LATER[:]
    _LATER.clear()  # while they are imported each asks for kinds itself
    try:
        for module in waiting:
            importlib.import_module(module)
    except BaseException:
        _LATER[:] = waiting
        raise
    return bool(waiting)


def kind(definition: KindType) -> KindType:
    """Class decorator: enter a kind in the registry under its class name.

    A second definition of one name replaces the first only where it comes from the same place (a notebook cell or a
    reloaded module); otherwise it raises NameLookupError.

    >>> from localgrad.graph.registry import kinds
    >>> kinds()["Mul"].operator
    '*'
    """
    name = definition.__name__
    if not definition.__module__.startswith("localgrad."):
        complete()  # a user's kind meets all of ours, whichever are imported so far
    known = _KINDS.get(name)
    if known is not None and (known.__module__, known.__qualname__) != (definition.__module__, definition.__qualname__):
        raise NameLookupError(
            f"a kind called {name} was to be registered from {definition.__module__}\n"
            f"found: {known.__module__} has one of that name\ndo: choose another class name"
        )
    _KINDS[name] = definition
    if definition.operator is not None:
        OPERATORS[definition.operator] = definition()
    for function in definition.numpy:
        NUMPY[function] = definition
    return definition


def kinds() -> Mapping[str, type[Kind]]:
    """All registered kinds by name."""
    complete()
    return MappingProxyType(_KINDS)


def kind_named(name: str) -> type[Kind]:
    """The kind of that name; raises NameLookupError with the nearest names."""
    found = _KINDS.get(name)
    if found is None and complete():
        found = _KINDS.get(name)
    if found is not None:
        return found
    raise NameLookupError(f"no kind is called {name!r}" + nearest(name, _KINDS))


def nearest(name: str, known: Any) -> str:
    """`; did you mean a, b?` for messages, or an empty string."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""
