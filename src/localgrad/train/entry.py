"""What an optimizer keeps about its parameters, and how a rule runs over them in pieces that fit the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.node import ORDER
from localgrad.graph.tensor import Leaf, state

CHUNK_BYTES: Final = 1 << 17
"""The size of what a rule computes at once: its temporaries then stay in the cache, which is several times faster."""
SMALL_BYTES: Final = 1 << 15
"""Smaller parameters are computed together, since calls would take longer than numbers; they are copied for that."""

Rule = Callable[..., Any]


class Entry:
    """One parameter: its states, the number of its steps, and the flat views a rule works on."""

    __slots__ = ("chunks", "count", "leaf", "name", "pack", "parts", "place", "states", "turned")

    def __init__(self, leaf: Leaf, name: str, slots: Sequence[str], elementwise: bool) -> None:
        self.leaf = leaf
        self.name = name
        # of the parameter's own memory order, which a copy would not have
        self.states = [Leaf(np.zeros_like(leaf._value), "state", f"{slot}/{name}", False) for slot in slots]
        self.count = state(0, name=f"step/{name}")
        self.pack: Pack | None = None
        self.place = 0
        self.cut(elementwise)

    @classmethod
    def of(cls, leaf: Leaf, name: str, states: list[Leaf], count: Leaf, elementwise: bool) -> Entry:
        """One with these states."""
        entry = cls(leaf, name, (), False)
        entry.states, entry.count = states, count
        entry.cut(elementwise)
        return entry

    def cut(self, elementwise: bool) -> None:
        """Make the flat views of parameter and states, cut where the gradient will be cut as well."""
        value, states = self.leaf._value, [each._value for each in self.states]
        # one order of entries for all: that of the parameter's memory, whichever way it is stored
        self.turned = not value.flags.c_contiguous and value.flags.f_contiguous
        self.chunks: list[slice] = []
        self.parts: list[tuple[NDArray[Any], tuple[NDArray[Any], ...]]] = [(value, tuple(states))]
        if not elementwise or not (self.turned or value.flags.c_contiguous):
            return
        flat = [self.flat(array) for array in (value, *states)]
        length = max(1, CHUNK_BYTES // value.itemsize)
        self.chunks = [slice(start, start + length) for start in range(0, value.size, length)]
        self.parts = [(flat[0][cut], tuple(array[cut] for array in flat[1:])) for cut in self.chunks]

    def flat(self, array: NDArray[Any]) -> NDArray[Any]:
        """An array of the parameter's shape in one axis, in the order of the parameter's memory."""
        return (array.T if self.turned else array).reshape(-1)

    def advance(self, rule: Rule, gradient: NDArray[Any], factor: float, rate: float) -> None:
        """Let the rule change parameter and states in place."""
        step = self.count._value.item() + 1
        pieces: Iterable[NDArray[Any]] = (gradient,)
        if self.chunks:
            flat = self.flat(gradient)
            pieces = (flat,) if len(self.chunks) == 1 else [flat[cut] for cut in self.chunks]
        for (parameter, states), piece in zip(self.parts, pieces, strict=True):
            if factor != 1.0:
                piece = piece * factor
            changed, new = rule(parameter, piece, states, rate, step)
            parameter[...] = changed
            for old, value in zip(states, new, strict=True):
                if value is not old:
                    old[...] = value
        self.count._value[...] = step
        self.leaf.version = next(ORDER)


class Pack:
    """Small parameters of one dtype whose states lie one behind the other, so that one call of the rule does for all."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        dtype = entries[0].leaf._value.dtype
        ends = np.cumsum([entry.leaf._value.size for entry in entries]).tolist()
        self.cuts = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        self.parameter, self.gradient = np.empty(ends[-1], dtype), np.empty(ends[-1], dtype)
        self.states = tuple(np.empty(ends[-1], dtype) for _ in entries[0].states)
        for place, (entry, cut) in enumerate(zip(self.entries, self.cuts, strict=True)):
            for buffer, leaf in zip(self.states, entry.states, strict=True):
                buffer[cut] = entry.flat(leaf._value)
                shape = leaf._value.shape
                leaf._value = buffer[cut].reshape(shape[::-1]).T if entry.turned else buffer[cut].reshape(shape)
            entry.cut(True)
            entry.pack, entry.place = self, place
        self.flats = [entry.parts[0][0] for entry in self.entries]
        self.forget()
        self.even = False

    def waits_for(self, entry: Entry, gradient: NDArray[Any]) -> bool:
        """Take the gradient of one of its parameters; whether it is the first of this step."""
        self.waiting[entry.place] = gradient
        self.filled += 1
        return self.filled == 1

    def forget(self) -> None:
        """Let the gradients go."""
        self.waiting: list[Any] = [None] * len(self.entries)
        self.filled = 0
        self.whole = False

    def gathered(self) -> Sequence[NDArray[Any]]:
        """The gradients it has taken: one array where those of all its parameters are there."""
        if self.filled < len(self.entries):
            return [gradient for gradient in self.waiting if gradient is not None]
        if not self.whole:
            flat = [entry.flat(gradient) for entry, gradient in zip(self.entries, self.waiting, strict=True)]
            np.concatenate(flat, out=self.gradient, casting="same_kind")
            self.whole = True
        return (self.gradient,)

    def advance(self, rule: Rule, factor: float, rate: float) -> None:
        """Let the rule change the parameters whose gradients it has taken, all in one call where that is possible."""
        self.gathered()
        waiting, whole = self.waiting, self.whole
        self.forget()
        counts = [entry.count._value for entry in self.entries]
        if not whole:
            self.even = False
        elif not self.even:
            self.even = len({count.item() for count in counts}) == 1
        if not self.even:
            for entry, gradient in zip(self.entries, waiting, strict=True):
                if gradient is not None:
                    entry.advance(rule, gradient, factor, rate)
            return
        step = counts[0].item() + 1
        np.concatenate(self.flats, out=self.parameter)
        if factor != 1.0:
            self.gradient *= factor
        changed, new = rule(self.parameter, self.gradient, self.states, rate, step)
        for part, cut, count, entry in zip(self.flats, self.cuts, counts, self.entries, strict=True):
            part[...] = changed[cut]
            count[...] = step
            entry.leaf.version = next(ORDER)
        for old, value in zip(self.states, new, strict=True):
            if value is not old:
                old[...] = value


def packed(entries: Iterable[Entry]) -> None:
    """Put small parameters that stand alone so far into packs."""
    by_dtype: dict[Any, list[Entry]] = {}
    for entry in entries:
        value = entry.leaf._value
        if entry.pack is None and len(entry.chunks) == 1 and value.nbytes <= SMALL_BYTES:
            by_dtype.setdefault(value.dtype, []).append(entry)
    for alike in by_dtype.values():
        group: list[Entry] = []
        size = 0
        for entry in alike:
            if size + entry.leaf._value.nbytes > CHUNK_BYTES and group:
                _pack(group)
                group, size = [], 0
            group.append(entry)
            size += entry.leaf._value.nbytes
        _pack(group)


def _pack(group: Sequence[Entry]) -> None:
    if len(group) > 1:
        Pack(group)
