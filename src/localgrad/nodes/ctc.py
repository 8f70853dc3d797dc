"""Connectionist temporal classification: the loss of a label sequence that may be aligned with the input in any way.

An alignment says a class for each step: the labels in order, each one or several times, with blanks in between, which
have to stand between two equal labels. Source: Graves, Fernandez, Gomez, Schmidhuber, "Connectionist temporal
classification", 2006. States are numbered as there: 2 S + 1 of them, the labels with blanks around each.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import CaptureError, DataError, DTypeError, ShapeError
from localgrad.graph.kind import Composition, Kind, SpecLike, Value
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, is_static, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import chain, need_spec
from localgrad.nodes.branching import Max, Where
from localgrad.nodes.creation import FullLike
from localgrad.nodes.exponential import Exp, LogAddExp
from localgrad.nodes.gathering import AddAlongAxis, TakeAlongAxis
from localgrad.nodes.joining import Concat
from localgrad.nodes.loss import Loss, as_prediction, need_floats, warn_of_maker
from localgrad.nodes.reduction import Mean
from localgrad.nodes.shaping import Reshape, Squeeze, Transpose, Unsqueeze
from localgrad.nodes.slicing import WHOLE, Slice
from localgrad.nodes.structure import Cast, size

LOW: Final = -1e30
"""Stands for the logarithm of 0 in the body: sums of it stay finite, so that no derivative becomes NaN."""
_NONE: Final = -1e29


def _need_inputs(kind: Kind, specs: tuple[SpecLike, ...]) -> Spec:
    """The spec of the log-probabilities; raises ShapeError or DTypeError where the four inputs do not fit."""
    x = need_floats(kind, specs[0])
    rest = [need_spec(kind, each, index) for index, each in enumerate(specs[1:], 1)]
    if x.ndim != 3:
        raise ShapeError(
            f"{kind.name} was asked of {{0}} {format_shape(x.shape)}\nfound: rank {x.ndim}\n"
            "do: give (N, T, classes): batch, time, the logarithms of probabilities"
        )
    for index, (spec, rank) in enumerate(zip(rest, (2, 1, 1), strict=True), 1):
        if spec.dtype.kind not in "iu":
            raise DTypeError(
                f"{kind.name} needs integers as {kind.inputs[index]}\nfound: {spec.dtype}\ndo: convert with .astype(np.int64)"
            )
        if spec.ndim != rank or not same_shape(spec.shape[:1], x.shape[:1]):
            wanted = f"({x.shape[0]}, S), padded" if rank == 2 else f"({x.shape[0]},)"
            raise ShapeError(
                f"{kind.name} was given {kind.inputs[index]} {{{index}}} of shape {format_shape(spec.shape)}\n"
                f"found: log-probabilities {format_shape(x.shape)} are (N, T, classes) of {x.shape[0]} sequences\n"
                f"do: give shape {wanted}, or time_first=True for log-probabilities (T, N, classes)"
            )
    return x


_INPUTS: Final = ("log_probabilities", "labels", "input_lengths", "label_lengths")


def states(labels: NDArray[Any], lengths: NDArray[Any], blank: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The class of each state (N, 2 S + 1), and whether it can be reached from the label before, past the blank."""
    count, width = labels.shape
    classes = np.full((count, 2 * width + 1), blank, np.int64)
    classes[:, 1::2] = np.where(np.arange(width) < lengths[:, None], labels, blank)
    skip = np.zeros(classes.shape, bool)
    skip[:, 2:] = (classes[:, 2:] != classes[:, :-2]) & (classes[:, 2:] != blank)
    return classes, skip


def forward_sums(
    x: NDArray[Any], skip: NDArray[Any], input_lengths: NDArray[Any], label_lengths: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The logarithm of the sum over the ways into each state at each step (T, N, states), and over all ways (N,)."""
    length, count, width = x.shape
    low = x.dtype.type(-np.inf)
    sums = np.full((length + 1, count, width), low, x.dtype)
    sums[0, :, 0] = 0
    for step in range(length):
        before, here = sums[step], sums[step + 1]
        if step == 0:
            here[:, :2] = x[0, :, :2]
        else:
            ways = before.copy()
            ways[:, 1:] = np.logaddexp(ways[:, 1:], before[:, :-1])
            ways[:, 2:] = np.logaddexp(ways[:, 2:], np.where(skip[:, 2:], before[:, :-2], low))
            here[:] = ways + x[step]
        ended = input_lengths <= step
        here[ended] = before[ended]
    rows = np.arange(count)
    last = np.where(label_lengths > 0, sums[length, rows, np.maximum(2 * label_lengths - 1, 0)], low)
    return sums[1:], np.logaddexp(sums[length, rows, 2 * label_lengths], last)


def backward_sums(
    x: NDArray[Any], skip: NDArray[Any], input_lengths: NDArray[Any], label_lengths: NDArray[Any]
) -> NDArray[Any]:
    """The logarithm of the sum over the ways from each state at each step to the end, without the step's own entry."""
    length, _, width = x.shape
    low = x.dtype.type(-np.inf)
    place = np.arange(width)
    end = (place == 2 * label_lengths[:, None]) | (place == 2 * label_lengths[:, None] - 1)
    final = np.where(end, x.dtype.type(0), low)
    sums = np.empty_like(x)
    if length:
        sums[length - 1] = final
    for step in range(length - 2, -1, -1):
        after = sums[step + 1] + x[step + 1]
        ways = after.copy()
        ways[:, :-1] = np.logaddexp(ways[:, :-1], after[:, 1:])
        ways[:, :-2] = np.logaddexp(ways[:, :-2], np.where(skip[:, 2:], after[:, 2:], low))
        sums[step] = np.where((input_lengths - 1 > step)[:, None], ways, final)
    return sums


# the same in kinds ---------------------------------------------------------------------------------------------------
class Lattice:
    """The states of alignments in kinds: what a body is written with, for steps and labels of known number."""

    def __init__(self, kind: Any, x: Value, labels: Value, input_lengths: Value, label_lengths: Value) -> None:
        length, most = x.shape[1], labels.shape[1]
        if not is_static((length, most)):
            raise CaptureError(
                f"the body of {kind.name} was asked for with {length} steps and {most} labels\n"
                "found: it has a few nodes for each step, so both have to be known\n"
                "do: capture with a fixed time axis and label width"
            )
        self.width, self.length = 2 * most + 1, length
        column = Unsqueeze.on(label_lengths, axis=(1,))
        classes = FullLike.on(column, value=kind.blank, dtype=_dtype(labels))
        if most:
            real = Unsqueeze.on(Where.on(np.arange(most)[None] < column, labels, kind.blank), axis=(2,))
            pairs = Concat.on(FullLike.on(real, value=kind.blank), real, axis=2)
            classes = Concat.on(Reshape.on(pairs, shape_to=(-1, 2 * most)), classes, axis=1)
        self.classes = Unsqueeze.on(classes, axis=(1,))
        if most:
            moved = _part(classes, 2, None)
            self.skip = (moved != _part(classes, None, -2)) & (moved != kind.blank)
        self.entries = TakeAlongAxis.on(Max.on(x, LOW), self.classes, axis=2)
        self.column = column
        self.lengths = Unsqueeze.on(input_lengths, axis=(1,))
        self.like = (
            Slice.on(self.entries, index=(WHOLE, 0)) if length else FullLike.on(classes, value=0.0, dtype=x.dtype.name)
        )
        self.first = FullLike.on(_part(self.like, 0, 1), value=LOW)

    def at(self, step: int) -> Value:
        """The log-probabilities of the states at a step."""
        return Slice.on(self.entries, index=(WHOLE, step))

    def ways(self, sums: Value, forth: bool) -> Value:
        """What reaches each state from itself, its neighbour and, past a blank, the one after it."""
        if self.width == 1:
            return sums
        near = (self.first, _part(sums, None, -1)) if forth else (_part(sums, 1, None), self.first)
        far = Where.on(self.skip, _part(sums, None, -2) if forth else _part(sums, 2, None), LOW)
        both = (self.first, self.first, far) if forth else (far, self.first, self.first)
        return LogAddExp.on(LogAddExp.on(sums, Concat.on(*near, axis=1)), Concat.on(*both, axis=1))

    def forward(self) -> tuple[list[Value], Value]:
        """The sums over ways into the states at each step, and over whole ways."""
        place = np.arange(self.width)[None]
        sums = Where.on(place + FullLike.on(self.column, value=0) < 1, FullLike.on(self.like, value=0.0), LOW)
        found = []
        for step in range(self.length):
            ways = Where.on(place < 2, self.at(0), LOW) if step == 0 else self.ways(sums, True) + self.at(step)
            sums = Where.on(self.lengths > step, ways, sums)
            found.append(sums)
        at_blank = TakeAlongAxis.on(sums, 2 * self.column, axis=1)
        at_label = TakeAlongAxis.on(sums, Max.on(2 * self.column - 1, 0), axis=1)
        return found, LogAddExp.on(at_blank, Where.on(self.column > 0, at_label, LOW))

    def backward(self) -> list[Value]:
        """The sums over ways from the states at each step to the end."""
        place = np.arange(self.width)[None]
        end = (place == 2 * self.column) | (place == 2 * self.column - 1)
        final = Where.on(end, FullLike.on(self.like, value=0.0), LOW)
        found = [final]
        for step in range(self.length - 2, -1, -1):
            ways = self.ways(found[-1] + self.at(step + 1), False)
            found.append(Where.on(self.lengths - 1 > step, ways, final))
        return found[::-1]


def _part(x: Value, start: int | None, stop: int | None) -> Value:
    return Slice.on(x, index=(WHOLE, ("slice", start, stop, None)))


def _dtype(x: Value) -> str:
    return str(x.dtype.name)


@kind
class CTC(Loss):
    """Minus the logarithm of the probability of a label sequence, over all its alignments with the input (N, T, classes).

    Infinite, or with `zero_infinity` 0, where there is none; the mean is of losses over label lengths.
    """

    formula = r"y = -\ln \sum_{\pi \in B^{-1}(t)} \prod_s p_{s \pi_s}"
    inputs = _INPUTS
    blank: int = 0
    zero_infinity: bool = False

    def shape(self, *specs: SpecLike) -> Spec:
        x = _need_inputs(self, specs)
        return Spec(x.shape[:1] if self.reduction == "none" else (), x.dtype)

    def check(self, x: Value, labels: Value, input_lengths: Value, label_lengths: Value) -> None:
        _, length, classes = np.shape(x)
        if not 0 <= self.blank < classes:
            raise DataError(
                f"CTC was asked with blank={self.blank}\nfound: {classes} classes (axis 2 of {{0}})\n"
                f"do: give the number of the blank, from 0 to {classes - 1}"
            )
        for place, lengths, most, what in (
            (2, input_lengths, length, "steps"),
            (3, label_lengths, np.shape(labels)[1], "labels"),
        ):
            if np.size(lengths) and (np.min(lengths) < 0 or np.max(lengths) > most):
                raise DataError(
                    f"lengths {{{place}}} have to be from 0 to {most}, the number of {what} there are\n"
                    f"found: from {np.min(lengths)} to {np.max(lengths)}\ndo: give how many of each row count"
                )
        real = np.asarray(labels)[np.arange(np.shape(labels)[1]) < np.asarray(label_lengths)[:, None]]
        bad = (real < 0) | (real >= classes) | (real == self.blank)
        if bad.any():
            raise DataError(
                f"labels {{1}} have to be from 0 to {classes - 1}, and not {self.blank}, which is the blank\n"
                f"found: {np.count_nonzero(bad)} of {real.size} are not, the first {real[bad][0]}\n"
                "do: number the classes around the blank, and give label_lengths where rows are padded"
            )

    def rows(self, total: Value) -> Value:
        """The loss of each sequence from the logarithm of its probability."""
        found = total > _NONE
        return Where.on(found, -total, 0.0 if self.zero_infinity else np.inf)

    def reduced_rows(self, rows: Value, label_lengths: Value) -> Value:
        """The reduction: the mean is over label lengths, a row without labels counting as one with one."""
        if self.reduction != "mean":
            return self.reduced(rows)
        return Mean.on(rows / self.divisors(rows, label_lengths))

    def divisors(self, like: Value, label_lengths: Value) -> Value:
        """What the loss of each sequence is divided by in the mean."""
        return Cast.on(Max.on(label_lengths, 1), dtype=_dtype(like))

    def body(self, x: Value, labels: Value, input_lengths: Value, label_lengths: Value) -> Value:
        _, total = Lattice(self, x, labels, input_lengths, label_lengths).forward()
        return self.reduced_rows(self.rows(Squeeze.on(total, axis=(1,))), label_lengths)

    def forward(self, x: Value, labels: Value, input_lengths: Value, label_lengths: Value) -> Value:
        classes, skip = states(labels, label_lengths, self.blank)
        entries = np.take_along_axis(x, classes[:, None], axis=2).swapaxes(0, 1)
        _, total = forward_sums(entries, skip, input_lengths, label_lengths)
        return self.reduced_rows(self.rows(total).astype(x.dtype), label_lengths)

    def backward(
        self, grad: Value, y: Value, x: Value, labels: Value, input_lengths: Value, label_lengths: Value
    ) -> Value:
        if self.reduction == "mean":
            divisors = self.divisors(x, label_lengths)
            grad = grad / (size(label_lengths, 0, like=x) * divisors)
        if self.reduction != "sum":
            grad = Reshape.on(grad, shape_to=(-1, 1, 1))
        part = CTCAlignment.on(x, labels, input_lengths, label_lengths, blank=self.blank)
        return chain(-grad, part), None, None, None


@kind
class CTCAlignment(Composition):
    """The probability of each class at each step, given that the labels are right: over all their alignments; 0 without any."""

    formula = (
        r"y_{sc} = \sum_{\pi \in B^{-1}(t),\, \pi_s = c} \frac{\prod_r p_{r \pi_r}}{\sum_{\pi'} \prod_r p_{r \pi'_r}}"
    )
    inputs = _INPUTS
    family = "gradient"
    blank: int = 0

    def shape(self, *specs: SpecLike) -> Spec:
        return _need_inputs(self, specs)

    def body(self, x: Value, labels: Value, input_lengths: Value, label_lengths: Value) -> Value:
        lattice = Lattice(self, x, labels, input_lengths, label_lengths)
        into, total = lattice.forward()
        possible = total > _NONE
        total = Where.on(possible, total, 0.0)
        parts = []
        for step, (before, after) in enumerate(zip(into, lattice.backward(), strict=False)):
            counts = possible & (lattice.lengths > step)
            part = Exp.on(Where.on(counts, before + after - total, LOW))
            parts.append(Unsqueeze.on(part, axis=(1,)))
        if not parts:
            return FullLike.on(x, value=0.0)
        given, shape = AddAlongAxis.like_input(x)
        return AddAlongAxis.on(Concat.on(*parts, axis=1), lattice.classes, given, axis=2, shape_to=shape)

    def forward(self, x: Value, labels: Value, input_lengths: Value, label_lengths: Value) -> Value:
        classes, skip = states(labels, label_lengths, self.blank)
        entries = np.take_along_axis(x, classes[:, None], axis=2).swapaxes(0, 1)
        into, total = forward_sums(entries, skip, input_lengths, label_lengths)
        after = backward_sums(entries, skip, input_lengths, label_lengths)
        counts = (np.arange(x.shape[1])[:, None] < input_lengths) & np.isfinite(total)
        parts = np.where(counts[:, :, None], np.exp(into + after - total[:, None]), x.dtype.type(0))
        y = np.zeros(x.shape, x.dtype)
        rows = np.arange(len(x))
        for state in range(classes.shape[1]):  # a class may stand at several states
            y[rows, :, classes[:, state]] += parts[:, :, state].T
        return y


def ctc_loss(
    log_probabilities: Any,
    labels: Any,
    input_lengths: Any = None,
    label_lengths: Any = None,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    time_first: bool = False,
) -> Tensor:
    """Minus the logarithm of the probability of label sequences, summed over all alignments with longer inputs (CTC).

    `log_probabilities` (`lg.log_softmax`) are floats (N, T, classes), batch first as in all time layers; or (T, N, classes),
    as PyTorch has them, with `time_first=True`. `labels` (N, S) are class numbers other than `blank`, padded with anything;
    the lengths (N,) say how many steps and labels of each row count, all where None. "mean" divides each loss by its label
    length, at least 1, first, as in PyTorch. Where the labels cannot be aligned (too few steps) the loss is infinite, or 0
    with `zero_infinity=True`, and its gradient 0. Raises ShapeError, DTypeError or DataError for what does not fit.

    >>> import localgrad as lg, numpy as np
    >>> even = np.full((1, 2, 2), np.log(0.5))
    >>> float(np.exp(-lg.ctc_loss(even, [[1]]).item()).round(4))  # 3 of 4 ways: 1 1, 1 blank, blank 1
    0.75
    """
    x = as_prediction(log_probabilities)
    made_by = x
    if time_first:
        if len(x.shape) != 3:
            raise ShapeError(
                f"ctc_loss was asked with time_first=True of shape {format_shape(x.shape)}\nfound: rank {len(x.shape)}\n"
                "do: give (T, N, classes)"
            )
        x = Transpose.on(x, axes=(1, 0, 2))
    t = _integers(labels)
    lengths = [
        _all_steps(like, t) if given is None else _integers(given)
        for given, like in ((input_lengths, x), (label_lengths, t))
    ]
    y: Tensor = record(CTC.make(reduction=reduction, blank=blank, zero_infinity=zero_infinity), (x, t, *lengths))
    warn_of_maker(
        made_by, y, ("Softmax", "Sigmoid"), "the loss expects logarithms of probabilities", "Use lg.log_softmax instead"
    )
    return y


def _integers(value: Any) -> Any:
    return value if isinstance(value, Tensor) else as_input(as_array(value))


def _all_steps(like: Tensor, labels: Tensor) -> Any:
    """The whole length of axis 1 for each row; what has another rank is for the shape rule to refuse."""
    if is_static((*like.shape[1:2], *labels.shape[:1])):
        return as_input(np.full(labels.shape[:1], (*like.shape[1:2], 0)[0], np.int64))
    first = FullLike.on(Slice.on(labels, index=(WHOLE, 0)), value=0, dtype="int64")
    return first + size(like, 1, like=first)
