"""Drawn: dropout as machine code: the words of Philox for four entries at a time, which of them stay, and the product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.nodes.philox import MULTIPLIERS, ROUNDS, WEYL
from localgrad.run.places import Place
from localgrad.run.text import ALONE, GROUP, HEADER, LOOP, Text, float_literal

NAMES: Final = frozenset(("Dropout",))
_FLOATS: Final = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_LOW: Final = 0xFFFFFFFF
_FOLDED: Final = 0x80000000  # the second counter word of the block a stream's key is


def drawn_of(
    node: Node, place_of: Callable[[Any], Place | None]
) -> tuple[str, tuple[Tensor, ...], tuple[int, ...]] | None:
    """Text, tensors and numbers of a dropout's kernel; None outside of training and where entries do not lie one by one."""
    kind: Any = node.kind
    tensors = [*node._inputs, *node._outputs]
    if not kind.training or len(tensors) != 4 or not all(isinstance(t, Tensor) for t in tensors):
        return None
    places = [place_of(t) for t in tensors]
    if any(place is None or not place.contiguous or not place.size for place in places):
        return None
    x, state, y, kept = tensors
    if x.dtype not in _FLOATS or state.dtype != np.int64 or kept.dtype != np.bool_:
        return None
    text = _text(_FLOATS[x.dtype], kind.factor(), kind.stream)
    return text, (state, x, y, kept), (int(x.size), round((1 - kind.ratio) * 2**32))


class _Words:
    """Philox on 64-bit integers that hold 32-bit words."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def made(self, operation: str, a: str, b: Any) -> str:
        return self.text.made(f"{operation} i64 {a}, {b}")

    def halves(self, x: str) -> tuple[str, str]:
        return self.made("and", x, _LOW), self.made("lshr", x, 32)

    def keys(self, key: str) -> list[tuple[str, str]]:
        """The words of the key in each round."""
        found = [self.halves(key)]
        for _ in range(ROUNDS - 1):
            low, high = (
                self.made("and", self.made("add", part, weyl), _LOW) for part, weyl in zip(found[-1], WEYL, strict=True)
            )
            found.append((low, high))
        return found

    def block(self, counter: list[str], keys: list[tuple[str, str]]) -> list[str]:
        """Four words of a block."""
        c0, c1, c2, c3 = counter
        for k0, k1 in keys:
            first, second = self.made("mul", c0, MULTIPLIERS[0]), self.made("mul", c2, MULTIPLIERS[1])
            (low_first, high_first), (low_second, high_second) = self.halves(first), self.halves(second)
            c0 = self.made("xor", self.made("xor", high_second, c1), k0)
            c2 = self.made("xor", self.made("xor", high_first, c3), k1)
            c1, c3 = low_second, low_first
        return [c0, c1, c2, c3]


def _text(kind: str, factor: float, stream: int) -> str:
    text = Text()
    words = _Words(text)
    text.line(HEADER)
    text.line(ALONE)
    state, x, y, kept = (text.address() for _ in range(4))
    count, bound = text.number(), text.number()
    key = text.made(f"load i64, ptr {state}")
    step = text.made(f"load i64, ptr {text.made(f'getelementptr i64, ptr {state}, i64 1')}")
    if stream:
        found = words.block([str(stream & _LOW), str(_FOLDED), str(stream >> 32), "0"], words.keys(key))
        key = words.made("or", found[0], words.made("shl", found[1], 32))
    keys = words.keys(key)
    low_step, high_step = words.halves(step)
    whole = words.made("lshr", count, 2)
    rest = words.made("and", count, 3)

    def drawn(place: str) -> list[str]:
        low, high = words.halves(place)
        return [
            text.made(f"zext i1 {text.made(f'icmp ult i64 {word}, {bound}')} to i8")
            for word in words.block([low, high, low_step, high_step], keys)
        ]

    def stay(place: str, entry: int, value: str, note: str) -> None:
        at = words.made("or", words.made("shl", place, 2), entry)
        text.line(f"  store i8 {value}, ptr {text.made(f'getelementptr inbounds i8, ptr {kept}, i64 {at}')}{note}")

    text.line(f"  %any = icmp sgt i64 {whole}, 0")
    text.line("  br i1 %any, label %blocks, label %last")
    text.line("blocks:")
    text.line("  %b = phi i64 [ 0, %entry ], [ %b.next, %blocks ]")
    for entry, value in enumerate(drawn("%b")):
        stay("%b", entry, value, GROUP)
    text.line("  %b.next = add nuw nsw i64 %b, 1")
    text.line(f"  %b.more = icmp slt i64 %b.next, {whole}")
    text.line(f"  br i1 %b.more, label %blocks, label %last{LOOP}")
    text.line("last:")
    values = drawn(whole)
    for entry in range(3):
        text.line(f"  %has{entry} = icmp sgt i64 {rest}, {entry}")
        text.line(f"  br i1 %has{entry}, label %put{entry}, label %products")
        text.line(f"put{entry}:")
        stay(whole, entry, values[entry], "")
    text.line("  br label %products")
    text.line("products:")
    text.line("  br label %product")
    text.line("product:")
    text.line("  %i = phi i64 [ 0, %products ], [ %i.next, %product ]")
    mask = text.made(f"load i8, ptr {text.made(f'getelementptr inbounds i8, ptr {kept}, i64 %i')}{GROUP}")
    entry_of = text.made(f"load {kind}, ptr {text.made(f'getelementptr inbounds {kind}, ptr {x}, i64 %i')}{GROUP}")
    scaled = text.made(f"fmul {kind} {entry_of}, {float_literal(factor, kind)}")
    stays = text.made(f"icmp ne i8 {mask}, 0")
    result = text.made(f"select i1 {stays}, {kind} {scaled}, {kind} {float_literal(0.0, kind)}")
    text.line(f"  store {kind} {result}, ptr {text.made(f'getelementptr inbounds {kind}, ptr {y}, i64 %i')}{GROUP}")
    text.line("  %i.next = add nuw nsw i64 %i, 1")
    text.line(f"  %i.more = icmp slt i64 %i.next, {count}")
    text.line("  br i1 %i.more, label %product, label %done, !llvm.loop !5")
    text.line("done:")
    text.line("  ret void")
    text.line("}")
    return text.module("!5 = distinct !{!5, !3, !4}")
