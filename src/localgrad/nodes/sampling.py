"""Sampling by frequency: wrong answers drawn for each right one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape
from localgrad.nodes import philox
from localgrad.nodes.base import need_spec
from localgrad.nodes.random import need_state

_BLOCKS: Final = 8
"""So many times numbers are drawn for the rows that are not full yet, before all weights are looked at."""


@kind
class NegativeSample(Kind):
    """Numbers drawn by their weights for each target, which is never among them; each at most once unless `replace`."""

    formula = r"P(y = k \mid t) = \frac{w_k}{\sum_{j \ne t} w_j}, \quad k \ne t"
    inputs = ("state", "targets", "weights")
    family = "random"
    pure = False
    differentiable = False
    checked = True
    count: int = 5
    replace: bool = False
    stream: int = 0

    def check_fields(self) -> None:
        if self.count < 1:
            raise DataError(
                f"NegativeSample was asked for {self.count!r} numbers\nfound: fewer than one\ndo: give 1 or more"
            )

    def shape(self, state: SpecLike, targets: SpecLike, weights: SpecLike) -> Spec:
        need_state(self, state)
        t, w = need_spec(self, targets, 1), need_spec(self, weights, 2)
        if t.dtype.kind not in "iu":
            raise DTypeError(
                f"{self.name} needs integers as targets {{1}}\nfound: {t.dtype}\ndo: convert with .astype(np.int64)"
            )
        if w.ndim != 1:
            raise ShapeError(
                f"{self.name} was given weights {{2}} of shape {format_shape(w.shape)}\nfound: rank {w.ndim}\n"
                "do: give one weight for each number"
            )
        return Spec((*t.shape, self.count), np.dtype(np.int64))

    def check(self, state: Value, targets: Value, weights: Value) -> None:
        if np.size(targets) and (np.min(targets) < 0 or np.max(targets) >= len(weights)):
            raise DataError(
                f"targets {{1}} have to be from 0 to {len(weights) - 1}: there are {len(weights)} weights\n"
                f"found: from {np.min(targets)} to {np.max(targets)}\ndo: number the words from 0"
            )
        possible = int(np.count_nonzero(weights)) - 1
        if possible < (1 if self.replace else self.count):
            raise DataError(
                f"{self.name} was asked for {self.count} numbers beside each target\n"
                f"found: {possible} others have a weight above 0\ndo: ask for fewer, or for repeated ones (replace=True)"
            )

    def forward(self, state: Value, targets: Value, weights: Value) -> Value:
        key = int(state[0])
        if self.stream:
            key = philox.fold(key, self.stream)
        targets = np.asarray(targets)
        drawn = draw_others(key, int(state[1]), targets.ravel(), np.asarray(weights), self.count, self.replace)
        return drawn.reshape((*targets.shape, self.count))


def draw_others(
    key: int, step: int, targets: NDArray[Any], weights: NDArray[Any], count: int, replace: bool
) -> NDArray[np.int64]:
    """For each target `count` other numbers: drawn one after another, what is not allowed is drawn again.

    So the second number of a row without repetition is distributed as if the first one were not there, and so on.
    """
    edges = np.cumsum(weights, dtype=np.float64)
    width = 2 * count + 4
    drawn = _drawn(key, step, (len(targets), width), 0, edges)
    place = drawn.size
    good = (drawn != targets[:, None]) & (weights[drawn] > 0)
    if not replace:
        good &= ~_repeated(drawn)
    taken = np.take_along_axis(drawn, np.argsort(~good, axis=1, kind="stable")[:, :count], axis=1)
    filled = np.minimum(good.sum(axis=1), count)
    for _ in range(_BLOCKS):
        rows = np.flatnonzero(filled < count)
        if not rows.size:
            return taken
        drawn = _drawn(key, step, (rows.size, width), place, edges)
        place += drawn.size
        for column in drawn.T:
            fine = (column != targets[rows]) & (filled[rows] < count) & (weights[column] > 0)
            if not replace:
                known = np.arange(count) < filled[rows][:, None]
                fine &= ~((taken[rows] == column[:, None]) & known).any(axis=1)
            at = rows[fine]
            taken[at, filled[at]] = column[fine]
            filled[at] += 1
    rows = np.flatnonzero(filled < count)
    if rows.size:
        _fill(key, step, place, rows, targets, weights, taken, filled, replace)
    return taken


def _drawn(key: int, step: int, shape: tuple[int, int], start: int, edges: NDArray[Any]) -> NDArray[np.int64]:
    points = philox.uniform(key, step, shape, np.float64, start) * edges[-1]
    found: NDArray[np.int64] = np.searchsorted(edges, points, side="right")
    return np.minimum(found, len(edges) - 1)


def _repeated(drawn: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which entries of each row stand in it before."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    again = np.zeros(drawn.shape, np.bool_)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return again


def _fill(
    key: int,
    step: int,
    place: int,
    rows: NDArray[Any],
    targets: NDArray[Any],
    weights: NDArray[Any],
    taken: NDArray[Any],
    filled: NDArray[Any],
    replace: bool,
) -> None:
    """Fill the last rows by looking at all weights left: where a few numbers have nearly all the weight."""
    count = taken.shape[1]
    points = philox.uniform(key, step, (rows.size, count), np.float64, place)
    for row, numbers in zip(rows, points, strict=True):
        left = np.array(weights, np.float64)
        left[targets[row]] = 0
        if not replace:
            left[taken[row, : filled[row]]] = 0
        for column in range(filled[row], count):
            heap = np.cumsum(left)
            drawn = min(int(np.searchsorted(heap, numbers[column] * heap[-1], side="right")), len(heap) - 1)
            drawn = drawn if left[drawn] else int(np.flatnonzero(left)[-1])
            taken[row, column] = drawn
            if not replace:
                left[drawn] = 0
        filled[row] = count
