"""Class labels: which are wrong, and what is said about them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError, DTypeError, ShapeError
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Shape, format_shape, same_extent, same_shape

SHOWN: Final = 8


def check_class_numbers(labels: Any, logits: Shape, axis: int, ignore: int | None) -> None:
    """Raise DataError where a class number is none of the classes on an axis of the logits, nor the one to ignore."""
    labels = np.asarray(labels)
    classes: Any = logits[axis]
    if not labels.size or (
        np.minimum.reduce(labels, axis=None) >= 0 and np.maximum.reduce(labels, axis=None) < classes
    ):
        return
    bad = (labels < 0) | (labels >= classes)
    if ignore is not None:
        bad &= labels != ignore
    if not bad.any():
        return
    rows = np.argwhere(bad)
    first = tuple(int(place) for place in rows[0])
    row = str(first[0]) if len(first) == 1 else str(first)
    where = f"first row {row}, which has {labels[first]}" if first else f"the label {labels[()]}"
    raise DataError(
        f"class labels {{1}} have to be {_range(classes)}: {{0}} of shape {format_shape(logits)} has {classes} classes "
        f"on axis {axis}\nfound: {len(rows)} of {labels.size} rows are outside, {where}; the labels are "
        f"{_listed(np.unique(labels))}{_advice(labels, bad, classes, ignore)}"
    )


def float_labels(logits: Shape, axis: int, labels: Any) -> DTypeError:
    """The error for class numbers that are not integers; `labels` is an array, or a spec while capturing."""
    values = f", the values {_listed(np.unique(labels))}" if isinstance(labels, np.ndarray) else ""
    whole = not isinstance(labels, np.ndarray) or bool(np.all(labels == np.floor(labels)))
    do = "convert with .astype(np.int64)" if whole else "give class numbers, or probabilities with a class axis"
    return DTypeError(
        f"class labels have to be integers {_range(logits[axis])}: the logits of shape {format_shape(logits)} have "
        f"{logits[axis]} classes on axis {axis}\nfound: {labels.dtype} labels of shape {format_shape(labels.shape)}"
        f"{values}\ndo: {do}"
    )


def check_probabilities(kind: Kind, logits: Shape, labels: Shape, axis: int) -> None:
    """Raise ShapeError where labels with as many axes as the logits have another shape."""
    if same_shape(logits, labels):
        return
    rest = same_shape(logits[:axis] + logits[axis + 1 :], labels[:axis] + labels[axis + 1 :])
    if rest and same_extent(labels[axis], 1):
        index = ", ".join("0" if place == axis else ":" for place in range(len(labels)))
        do = f"use labels[{index}] if these are class numbers"
    elif rest:
        do = f"one-hot rows need {logits[axis]} entries, one for each class; or give class numbers"
    else:
        do = "give probabilities of the logits' shape, or one class number for each row"
    raise ShapeError(
        f"{kind.name} was asked of logits {format_shape(logits)} and labels {format_shape(labels)}\n"
        f"found: {{1}} has {labels[axis]} entries on axis {axis}, {{0}} has {logits[axis]} classes there\ndo: {do}"
    )


def _range(classes: Any) -> str:
    return f"from 0 to {classes - 1}"


def _listed(values: NDArray[Any]) -> str:
    shown = [str(value) for value in values.tolist()]
    if len(shown) > SHOWN:
        shown = [*shown[: SHOWN - 1], "...", shown[-1]]
    return ", ".join(shown)


def _advice(labels: NDArray[Any], bad: NDArray[Any], classes: int, ignore: int | None) -> str:
    used = np.unique(labels if ignore is None else labels[labels != ignore])
    low, high, outside = int(used[0]), int(used[-1]), np.unique(labels[bad])
    if low == 1 and high == classes:
        return "\ndo: labels start at 0 here; subtract 1 from them"
    if len(outside) == 1 and outside[0] < 0 and 0 in used:
        return f"\ndo: if {outside[0]} marks rows to leave out, pass ignore_index={outside[0]}"
    if len(used) <= classes:
        return "\ndo: number the classes from 0: classes, labels = np.unique(labels, return_inverse=True)"
    return f"\ndo: give the model {high + 1} outputs, or correct the labels" if low >= 0 else "\ndo: correct the labels"
