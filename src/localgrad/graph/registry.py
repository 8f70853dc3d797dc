"""The one list of kinds, from which operators, NumPy functions, files, docs and tests are derived."""

from __future__ import annotations

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


def kind(definition: KindType) -> KindType:
    """Class decorator: enter a kind in the registry under its class name.

    A second definition of one name replaces the first only where it comes from the same place (a notebook cell or a
    reloaded module); otherwise it raises NameLookupError.

    >>> from localgrad.graph.registry import kinds
    >>> kinds()["Mul"].operator
    '*'
    """
    name = definition.__name__
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
    return MappingProxyType(_KINDS)


def kind_named(name: str) -> type[Kind]:
    """The kind of that name; raises NameLookupError with the nearest names."""
    try:
        return _KINDS[name]
    except KeyError:
        raise NameLookupError(f"no kind is called {name!r}" + nearest(name, _KINDS)) from None


def nearest(name: str, known: Any) -> str:
    """`; did you mean a, b?` for messages, or an empty string."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""
