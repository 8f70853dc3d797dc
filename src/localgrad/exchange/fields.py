"""Values of a kind's fields as plain JSON and back.

Numbers, texts, booleans and None stand for themselves, tuples are lists; everything else is an object of one entry:
{"float": "nan"}, {"extent": "2*N + 1"}, {"slice": [0, null, 2]}, {"ellipsis": true}, {"dtype": "float32"},
{"bytes": "aGk="}, {"dict": [[key, value], ...]}, {"kind": [name, fields]}, {"graph": number}, {"array": name}.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from localgrad.exchange import onnx_imported  # noqa: F401 - so that its kind is known when a file names it
from localgrad.exchange.extents import DTYPES, extent_text, parse_extent
from localgrad.graph.errors import NameLookupError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.registry import kind_named, nearest
from localgrad.graph.spec import Symbol

DEEPEST: Final = 32
FLOATS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class UnwritableError(Exception):
    """A value no file can hold; the message says which."""


class DamagedError(Exception):
    """A part of a document that is not what it has to be; the message says how."""


def encode(value: Any, keep_graph: Callable[[Graph], int], keep_array: Callable[[Any], str]) -> Any:
    """A field's value as plain JSON; graphs and arrays are handed over and referred to. Raises UnwritableError."""

    def within(value: Any) -> Any:
        return encode(value, keep_graph, keep_array)

    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (tuple, list)):
        return [within(item) for item in value]
    if isinstance(value, Symbol):
        return {"extent": extent_text(value)}
    if isinstance(value, slice):
        return {"slice": [within(part) for part in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, np.dtype) and value.name in DTYPES:
        return {"dtype": value.name}
    if isinstance(value, np.generic):
        return within(value.item())
    if isinstance(value, np.ndarray):
        return {"array": keep_array(value)}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {"dict": [[within(key), within(item)] for key, item in value.items()]}
    if isinstance(value, Kind):
        return {"kind": [value.name, {name: within(item) for name, item in value.changed_fields().items()}]}
    if isinstance(value, Graph):
        return {"graph": keep_graph(value)}
    raise UnwritableError(f"{value!r} of type {type(value).__name__}")


class Decoder(NamedTuple):
    """Reads fields; `graph` and `array` give what is referred to, or raise DamagedError."""

    graph: Callable[[int], Graph]
    array: Callable[[str], Any]

    def kind(self, name: Any, fields: Any, depth: int = 0) -> Kind:
        """The kind of that name with these fields; raises DamagedError."""
        if not isinstance(name, str):
            raise DamagedError(f"a kind called {short(name)}")
        try:
            definition = kind_named(name)
        except NameLookupError as error:
            raise DamagedError(
                f"{error}. If it is a kind of your own, import the module that registers it before loading"
            ) from None
        if not isinstance(fields, dict):
            raise DamagedError(f"fields of {name} that are no object: {short(fields)}")
        for field in fields:
            if field not in definition.fields:
                raise DamagedError(f"{name} has no field {field!r}{nearest(field, definition.fields)}")
        values = {field: self.value(item, depth + 1) for field, item in fields.items()}
        for field, value in values.items():
            wanted = _annotation(definition, field)
            if not _fits(value, wanted):
                raise DamagedError(f"the field {field} of {name} is {short(value)}; it has to be {wanted}")
        try:
            return definition(**values)
        except Exception as error:
            raise DamagedError(f"{name} refuses its fields: {first_line(error)}") from None

    def value(self, found: Any, depth: int = 0) -> Any:
        """A field's value; raises DamagedError."""
        if depth > DEEPEST:
            raise DamagedError(f"values nested more than {DEEPEST} deep")
        if isinstance(found, list):
            return tuple(self.value(item, depth + 1) for item in found)
        if not isinstance(found, dict):
            return found
        if len(found) != 1:
            raise DamagedError(f"{short(found)} where a field's value has to be")
        ((what, item),) = found.items()
        try:
            return self._object(what, item, depth + 1)
        except (ValueError, TypeError) as error:
            raise DamagedError(f"{short(found)}: {first_line(error)}") from None

    def _object(self, what: str, item: Any, depth: int) -> Any:
        if what == "float" and isinstance(item, str) and item in FLOATS:
            return FLOATS[item]
        if what == "extent" and isinstance(item, str):
            return parse_extent(item)
        if what == "slice" and isinstance(item, list) and len(item) == 3:
            return slice(*(self.value(part, depth) for part in item))
        if what == "ellipsis" and item is True:
            return Ellipsis
        if what == "dtype" and isinstance(item, str) and item in DTYPES:
            return DTYPES[item]
        if what == "bytes" and isinstance(item, str):
            return base64.b64decode(item, validate=True)
        if (
            what == "dict"
            and isinstance(item, list)
            and all(isinstance(pair, list) and len(pair) == 2 for pair in item)
        ):
            return {self.value(key, depth): self.value(value, depth) for key, value in item}
        if what == "kind" and isinstance(item, list) and len(item) == 2:
            return self.kind(item[0], item[1], depth)
        if what == "graph" and type(item) is int:
            return self.graph(item)
        if what == "array" and isinstance(item, str):
            return self.array(item)
        raise DamagedError(f"{short({what: item})} where a field's value has to be")


def _annotation(definition: type[Kind], field: str) -> str:
    for owner in definition.__mro__:
        annotation = owner.__dict__.get("__annotations__", {}).get(field)
        if annotation is not None:
            return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return "Any"


_PLAIN: Final[dict[str, tuple[type, ...]]] = {
    "None": (type(None),),
    "bool": (bool,),
    "int": (int, Symbol),  # a size may be a named extent
    "float": (int, float),
    "str": (str,),
    "Graph": (Graph,),
}
_TUPLE = re.compile(r"tuple\[(.+), \.\.\.\]")


def _fits(value: Any, annotation: str) -> bool:
    """Whether a value is of the type a field declares, as far as the declaration is one of the usual ones."""
    optional = annotation.removesuffix(" | None")
    if optional != annotation:
        return value is None or _fits(value, optional)
    items = _TUPLE.fullmatch(annotation)
    if items is not None:
        return isinstance(value, tuple) and all(_fits(item, items.group(1)) for item in value)
    if annotation not in _PLAIN:
        return True
    return isinstance(value, _PLAIN[annotation]) and (annotation == "bool" or not isinstance(value, bool))


def short(found: Any) -> str:
    """A found value for messages."""
    text = repr(found)
    return text if len(text) <= 80 else text[:77] + "..."


def first_line(error: BaseException) -> str:
    """What an exception says, on one line."""
    lines = str(error).splitlines()
    text = "; ".join(lines[:2]) if lines else type(error).__name__
    return text[:300]
