"""What bytes may say before code of the `onnx` package sees them: no graphs without end inside one another, no torrent of parts.

A file is messages inside messages: each field has a number, a type of wire, and for texts, bytes and messages a length.
A walk over those that hold other messages costs a moment even for large models, since weights are stepped over.
"""

from __future__ import annotations

from typing import Final

from localgrad.graph.errors import ImportModelError

DEEPEST: Final = 64
"""Messages inside one another; a graph in a node's attribute takes three."""
MOST: Final = 2_000_000
"""Messages in a file: large language models have some hundred thousand."""

# The messages of onnx.proto, and which of their fields hold messages that can hold others.
MODEL, GRAPH, NODE, ATTRIBUTE, FUNCTION, TRAINING, TENSOR, TYPE, VALUE, ELEMENT, PLAIN = range(11)
HOLDS: Final[dict[int, dict[int, int]]] = {
    MODEL: {7: GRAPH, 8: PLAIN, 14: PLAIN, 20: TRAINING, 25: FUNCTION},
    GRAPH: {1: NODE, 5: TENSOR, 11: VALUE, 12: VALUE, 13: VALUE, 14: PLAIN, 15: PLAIN},
    NODE: {5: ATTRIBUTE, 9: PLAIN},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 14: TYPE, 15: TYPE, 22: PLAIN, 23: PLAIN},
    FUNCTION: {7: NODE, 9: PLAIN, 11: ATTRIBUTE, 12: VALUE},
    TRAINING: {1: GRAPH, 2: GRAPH, 3: PLAIN, 4: PLAIN},
    TENSOR: {13: PLAIN},
    VALUE: {2: TYPE},
    TYPE: {1: PLAIN, 4: ELEMENT, 5: ELEMENT, 8: PLAIN, 9: ELEMENT},
    ELEMENT: {1: TYPE, 2: TYPE},
    PLAIN: {},
}


def check(content: bytes, where: str) -> None:
    """Raise ImportModelError for bytes that are no ONNX file, or that would take the parser's stack or much memory."""
    stack = [(0, len(content), MODEL, 0)]
    seen = 0
    while stack:
        at, end, message, depth = stack.pop()
        if depth > DEEPEST:
            raise _wrong(where, f"more than {DEEPEST} parts inside one another at byte {at}")
        fields = HOLDS[message]
        while at < end:
            key, at = _number(content, at, end, where)
            field, wire = key >> 3, key & 7
            if wire == 0:
                _, at = _number(content, at, end, where)
            elif wire == 1:
                at += 8
            elif wire == 5:
                at += 4
            elif wire == 2:
                length, at = _number(content, at, end, where)
                held = fields.get(field)
                if held is not None:
                    seen += 1
                    if seen > MOST:
                        raise _wrong(where, f"more than {MOST:,} nodes, values and attributes")
                    if held != PLAIN:
                        stack.append((at, min(at + length, end), held, depth + 1))
                at += length
            else:
                raise _wrong(where, f"no field of ONNX at byte {at}")
            if at > end:
                raise _wrong(where, f"it ends within a part of it, at byte {end}")


def _number(content: bytes, at: int, end: int, where: str) -> tuple[int, int]:
    if at < end:
        byte = content[at]
        if byte < 128:
            return byte, at + 1
    found = shift = 0
    while at < end and shift < 70:
        byte = content[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
        shift += 7
    raise _wrong(where, f"it ends within a number, at byte {at}")


def _wrong(where: str, found: str) -> ImportModelError:
    return ImportModelError(
        f"{where} was to be read as ONNX\nfound: it is damaged, or something else: {found}\n"
        "do: fetch or export the file again"
    )
