"""What a column to learn asks for: classes to tell apart, or numbers to come close to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.train.delimited import Cells, nearest

__all__ = ["Known", "Task", "encode_target"]

Task: TypeAlias = Literal["classification", "regression"]
MOST_INTEGER_CLASSES = 20
LARGEST_CLASS = 2**53


@dataclass(frozen=True)
class Known:
    """What is settled before the target is read; None is found from it."""

    task: Task | None = None
    class_names: tuple[str, ...] | None = None


class Fail(Protocol):
    """Raises `DataError` with the place of the target in front of the message."""

    def __call__(self, message: str, row: int | None = None) -> NoReturn: ...


def encode_target(cells: Cells, known: Known, fail: Fail) -> tuple[Task, tuple[str, ...], NDArray[Any]]:
    """The task, the class names, and the target (finite numbers or texts) as int64 classes or as float32."""
    numbers = cells.numbers
    task = known.task or ("classification" if numbers is None else _likely_task(numbers))
    if task == "regression":
        if numbers is None:
            fail(
                f"numbers were expected for a regression, found texts such as {cells.texts[0]!r}. Learn classes instead"
            )
        if known.task is None and numbers.min() == numbers.max():
            fail(f"all {len(numbers):,} values are {numbers[0]:g}: there is nothing to learn. Use another target")
        return task, (), numbers.astype(np.float32)
    if numbers is None:
        names, codes = _sorted_texts(cells)
    else:
        fractions = np.mod(numbers, 1) != 0
        if fractions.any():
            row = int(np.argmax(fractions))
            fail(f"a whole number or text was expected for a class, found {numbers[row]:g}. Use task='regression'", row)
        different, codes = np.unique(numbers, return_inverse=True)
        names = tuple(str(int(value)) for value in different)
    if known.class_names is not None:
        return task, known.class_names, _as_known(names, codes, known.class_names, fail)
    if len(names) == 1:
        fail(
            f"all {len(codes):,} rows are of the one class {names[0]!r}: there is nothing to learn. Use another target"
        )
    if len(names) > max(2, len(codes) // 2):
        fail(
            f"{len(names):,} different classes in {len(codes):,} rows, such as {names[0]!r}: too few rows of each to "
            f"learn from. Use another target"
        )
    return task, names, codes.astype(np.int64)


def _sorted_texts(cells: Cells) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    assert cells.codes is not None
    order = sorted(range(len(cells.texts)), key=cells.texts.__getitem__)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return tuple(cells.texts[index] for index in order), rank[cells.codes]


def _as_known(names: Sequence[str], codes: NDArray[np.integer], known: Sequence[str], fail: Fail) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(known)}
    renumbered: NDArray[np.int64] = np.array([place.get(name, -1) for name in names], dtype=np.int64)[codes]
    if renumbered.min() < 0:
        row = int(np.argmax(renumbered < 0))
        found = names[int(codes[row])]
        fail(
            f"the class {found!r} was not among those learned; {nearest(found, known)}. Correct or remove the row", row
        )
    return renumbered


def _likely_task(values: NDArray[np.float64]) -> Task:
    if (np.mod(values, 1) != 0).any() or np.abs(values).max() > LARGEST_CLASS:
        return "regression"
    different = len(np.unique(values))
    return "classification" if different <= min(MOST_INTEGER_CLASSES, max(2, len(values) // 2)) else "regression"
