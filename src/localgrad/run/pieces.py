"""Pieces: a large sum is left in pieces, each added up on one thread; here they are added in order."""

from __future__ import annotations

from localgrad.run.kernel import Total, sum_dtype
from localgrad.run.sharing import PIECES
from localgrad.run.text import ALONE, HEADER, TYPES, Text, literal


def pieces_text(total: Total) -> str:
    """The module that adds up the pieces of a single sum; its numbers: both addresses, and of how many entries."""
    wide, out = TYPES[sum_dtype(total.dtype)], TYPES[total.dtype]
    text = Text()
    text.lines += [HEADER, ALONE]
    source, target, count = text.address(), text.address(), text.number()
    value = literal(0, wide)
    for piece in range(PIECES):
        read = text.made(f"load {wide}, ptr {text.made(f'getelementptr {wide}, ptr {source}, i64 {piece}')}")
        value = text.made(f"{'fadd' if total.dtype.kind == 'f' else 'add'} {wide} {value}, {read}")
    if total.mean:
        value = text.made(f"fdiv {wide} {value}, {text.made(f'sitofp i64 {count} to {wide}')}")
    if wide != out:
        value = text.made(f"fptrunc {wide} {value} to {out}")
    text.lines += [f"  store {out} {value}, ptr {target}", "  ret void", "}"]
    return text.module()
