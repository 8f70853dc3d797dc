"""Softmax cross entropy: the loss of choosing one of several classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.recording import record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.base import chain, need_spec, normal_axes, rank_of
from localgrad.nodes.branching import Where
from localgrad.nodes.gathering import Gather, TakeAlongAxis
from localgrad.nodes.labels import check_class_numbers, check_probabilities, float_labels
from localgrad.nodes.loss import Loss, as_prediction, like_prediction, need_floats, warn_of_maker
from localgrad.nodes.reduction import ArgMax, Mean, Sum, sum_along
from localgrad.nodes.shaping import Squeeze, Unsqueeze
from localgrad.nodes.softmax import LogSoftmax, Softmax
from localgrad.nodes.structure import Cast, StopGradient, cast, size


@kind
class SoftmaxCrossEntropy(Loss):
    """Minus the logarithm of the probability softmax gives the right class; the probabilities are its second output.

    Labels are class numbers, of the logits' shape without the class axis, or probabilities of the logits' shape.
    """

    formula = r"y = -\frac{1}{n} \sum_i \sum_c t_{ic} \log \frac{e^{x_{ic}}}{\sum_k e^{x_{ik}}}"
    inputs = ("logits", "labels", "weights?")
    outputs = 2
    axis: int = -1
    ignore_index: int | None = None
    label_smoothing: float = 0.0

    def check_fields(self) -> None:
        super().check_fields()
        if not 0 <= self.label_smoothing < 1:
            raise DataError(f"label_smoothing is a part of 1, from 0 to below 1; found {self.label_smoothing!r}")

    def shape(self, logits: SpecLike, labels: SpecLike, weights: SpecLike = None) -> tuple[Spec, Spec]:
        x, t = need_floats(self, logits), need_spec(self, labels, 1)
        (axis,) = normal_axes(self.axis, x.ndim)
        rows = x.shape[:axis] + x.shape[axis + 1 :]
        if t.ndim == x.ndim:
            check_probabilities(self, x.shape, t.shape, axis)
        elif not same_shape(t.shape, rows):
            raise ShapeError(
                f"{self.name} was asked of logits {format_shape(x.shape)} and labels {format_shape(t.shape)}\n"
                f"found: labels {{1}} fit neither as class numbers, {format_shape(rows)}, nor as probabilities, "
                f"{format_shape(x.shape)}\ndo: give one class number for each row of logits"
            )
        elif t.dtype.kind not in "iu":
            raise float_labels(x.shape, axis, t)
        if weights is not None and not same_shape(need_spec(self, weights, 2).shape, (x.shape[axis],)):
            raise ShapeError(
                f"{self.name} was given class weights of shape {format_shape(weights.shape)}\n"
                f"found: {x.shape[axis]} classes (axis {axis} of {{0}})\ndo: give one weight for each class"
            )
        return Spec(rows if self.reduction == "none" else (), x.dtype), x

    def check(self, logits: Value, labels: Value, weights: Value = None) -> None:
        shape = np.shape(logits)
        if np.ndim(labels) < len(shape):
            check_class_numbers(labels, shape, self.axis % len(shape), self.ignore_index)

    # forward ----------------------------------------------------------------------------------------------------
    def body(self, logits: Value, labels: Value, weights: Value = None) -> Value:
        axis, rank = self.axis % rank_of(logits), rank_of(logits)
        p, logp = Softmax.on(logits, axis=axis), LogSoftmax.on(logits, axis=axis)
        weights = _constant(weights, logits)
        if rank_of(labels) == rank:
            t = self.targets(logits, labels, weights, axis)
            return self.reduced(-Sum.on(chain(t, logp), axis=(axis,))), p
        kept, labels = self.kept(labels)
        rows = -Squeeze.on(TakeAlongAxis.on(logp, Unsqueeze.on(labels, axis=(axis,)), axis=axis), axis=(axis,))
        of_rows = None if weights is None else Gather.on(weights, labels, axis=0)
        if of_rows is not None:
            rows = rows * of_rows
        if self.label_smoothing:
            other = logp if weights is None else logp * _along(weights, rank, axis)
            other = Sum.on(other, axis=(axis,)) / size(logits, axis, like=logits)
            rows = (1 - self.label_smoothing) * rows - self.label_smoothing * other
        if kept is not None:
            rows = Where.on(kept, rows, 0.0)
        if self.reduction == "mean":
            return Sum.on(rows) / self.denominator(logits, labels, kept, of_rows), p
        return self.reduced(rows), p

    def kept(self, labels: Value) -> tuple[Value, Value]:
        """Which rows count (None: all), and the labels with class 0 in those that do not."""
        if self.ignore_index is None:
            return None, labels
        kept = labels != self.ignore_index
        return kept, Where.on(kept, labels, 0)

    def denominator(self, logits: Value, labels: Value, kept: Value, of_rows: Value) -> Value:
        """What the mean divides by: the weight of the rows that count, 1 where there are none."""
        if of_rows is None and kept is None:
            return size(labels, None, like=logits)
        if of_rows is None:
            total = Sum.on(Cast.on(kept, dtype=logits.dtype.name))
        else:
            total = Sum.on(of_rows if kept is None else Where.on(kept, of_rows, 0.0))
        return Where.on(total == 0, 1.0, total)

    def targets(self, logits: Value, labels: Value, weights: Value, axis: int) -> Value:
        """What each logarithm of a probability is multiplied by, where labels are probabilities."""
        t = labels if labels.dtype == logits.dtype else Cast.on(labels, dtype=logits.dtype.name)
        if self.label_smoothing:
            t = (1 - self.label_smoothing) * t + self.label_smoothing / size(logits, axis, like=logits)
        return t if weights is None else t * _along(weights, rank_of(logits), axis)

    def forward(self, logits: Value, labels: Value, weights: Value = None) -> Value:
        labels = np.asarray(labels)
        axis, last = self.axis % logits.ndim, logits.ndim - 1
        moved = logits if axis == last else np.moveaxis(logits, axis, last)
        shape = moved.shape
        x = moved.reshape(-1, shape[last])
        z = x - np.maximum.reduce(x, axis=1)[:, None]
        p = np.exp(z)
        total = sum_along(p, (1,))
        p /= total[:, None]
        log_total = np.log(total)
        weights = _constant(weights, logits)
        if labels.ndim == logits.ndim:
            t = self.targets(logits, labels, weights, axis)
            t = (t if axis == last else np.moveaxis(t, axis, last)).reshape(x.shape)
            value = self.reduced(np.add.reduce(chain(t, log_total[:, None] - z), axis=1).reshape(shape[:last])[()])
        else:
            value = self._value(z, log_total, labels, weights)
        p = p.reshape(shape)
        return value, p if axis == last else np.moveaxis(p, last, axis)

    def _value(self, z: NDArray[Any], log_total: NDArray[Any], labels: NDArray[Any], weights: Value) -> Any:
        """The loss of class numbers from shifted logits, a row each, and the logarithm of their exponentials' sum."""
        kept, numbers = self.kept(labels.ravel())
        rows = log_total - z[np.arange(len(z)), numbers]
        of_rows = None if weights is None else weights[numbers]
        if of_rows is not None:
            rows *= of_rows
        if self.label_smoothing:
            if weights is None:
                other = log_total - sum_along(z, (1,)) / z.shape[1]
            else:
                other = (log_total * np.add.reduce(weights) - z @ weights) / z.shape[1]
            rows = (1 - self.label_smoothing) * rows + self.label_smoothing * other
        if kept is not None:
            rows = np.where(kept, rows, rows.dtype.type(0))
        if self.reduction == "mean":
            return np.add.reduce(rows) / self.denominator(z, numbers, kept, of_rows)
        return self.reduced(rows.reshape(labels.shape)[()])

    # backward ---------------------------------------------------------------------------------------------------
    def backward(
        self,
        grad: Value,
        y: Value,
        logits: Value,
        labels: Value,
        weights: Value = None,
        *,
        wanted: tuple[bool, ...],
    ) -> Value:
        axis = self.axis % rank_of(logits)
        p = Softmax.on(logits, axis=axis) if y[1] is None else y[1]
        of_logits = of_labels = None
        if grad[0] is not None:
            weights = _constant(weights, logits)
            if rank_of(labels) == rank_of(logits):
                of_logits, of_labels = self._of_probabilities(grad[0], p, logits, labels, weights, axis, wanted[1])
            else:
                of_logits = self._of_class_numbers(grad[0], p, logits, labels, weights, axis)
        if grad[1] is not None:
            weighted = chain(grad[1], p)
            of_p = weighted - chain(Sum.on(weighted, axis=(axis,), keepdims=True), p)
            of_logits = of_p if of_logits is None else of_logits + of_p
        return of_logits, of_labels, None

    def _of_probabilities(
        self, grad: Value, p: Value, logits: Value, labels: Value, weights: Value, axis: int, both: bool
    ) -> Value:
        rank = rank_of(logits)
        each = grad
        if self.reduction == "mean":
            each = grad / size(logits, tuple(place for place in range(rank) if place != axis), like=grad)
        each = _of_each_row(each, axis)
        t = self.targets(logits, labels, weights, axis)
        of_labels = None
        if both:
            logp = LogSoftmax.on(logits, axis=axis) * (self.label_smoothing - 1)
            of_labels = chain(each, logp if weights is None else logp * _along(weights, rank, axis))
        return chain(each, p * Sum.on(t, axis=(axis,), keepdims=True) - t), of_labels

    def _of_class_numbers(
        self, grad: Value, p: Value, logits: Value, labels: Value, weights: Value, axis: int
    ) -> Value:
        kept, labels = self.kept(labels)
        of_rows = None if weights is None else Gather.on(weights, labels, axis=0)
        each = grad
        if self.reduction == "mean":
            each = grad / self.denominator(logits, labels, kept, of_rows)
        if kept is not None:
            each = Where.on(kept, each, 0.0)
        scale = each if of_rows is None else each * of_rows
        if not self.label_smoothing:
            return CrossEntropyGradient.on(p, labels, scale, axis=axis)
        of_class = CrossEntropyGradient.on(p, labels, (1 - self.label_smoothing) * scale, axis=axis)
        classes = size(logits, axis, like=logits)
        if weights is None:
            other = p - 1 / classes
        else:
            other = (p * Sum.on(weights) - _along(weights, rank_of(logits), axis)) / classes
        return of_class + chain(_of_each_row(self.label_smoothing * each, axis), other)


@kind
class CrossEntropyGradient(Kind):
    """What softmax cross entropy sends back: the probabilities minus 1 at the right class, times a factor for each row."""

    formula = r"y_{ic} = s_i \, (p_{ic} - [c = t_i])"
    inputs = ("p", "labels", "scale")
    family = "gradient"
    axis: int = -1

    def shape(self, p: SpecLike, labels: SpecLike, scale: SpecLike) -> Spec:
        spec = need_spec(self, p)
        (axis,) = normal_axes(self.axis, spec.ndim)
        rows = spec.shape[:axis] + spec.shape[axis + 1 :]
        t, s = need_spec(self, labels, 1), need_spec(self, scale, 2)
        if not same_shape(t.shape, rows) or (s.ndim and not same_shape(s.shape, rows)):
            raise ShapeError(
                f"{self.name} needs a label and a factor for each row of {{0}} {format_shape(spec.shape)}\n"
                f"found: labels {format_shape(t.shape)}, factors {format_shape(s.shape)}"
            )
        return spec

    def forward(self, p: Value, labels: Value, scale: Value) -> Value:
        axis = self.axis % p.ndim
        each = _of_each_row(scale, axis)
        # one factor other than 0 needs no look at what is not finite
        y = p * each if np.ndim(each) == 0 and each != 0 else chain(each, p)
        if axis == p.ndim - 1 and y.flags.c_contiguous:
            flat = y.reshape(-1, y.shape[-1])
            flat[np.arange(len(flat)), np.ravel(labels)] -= scale.ravel() if np.ndim(scale) else scale
            return y
        at = np.expand_dims(labels, axis)
        np.put_along_axis(y, at, np.take_along_axis(y, at, axis) - each, axis)
        return y

    def backward(
        self, grad: Value, y: Value, p: Value, labels: Value, scale: Value, *, wanted: tuple[bool, ...]
    ) -> Value:
        axis = self.axis % rank_of(p)
        of_p = of_scale = None
        if wanted[0]:
            of_p = chain(grad, _of_each_row(scale, axis))
        if wanted[2]:
            at = TakeAlongAxis.on(grad, Unsqueeze.on(labels, axis=(axis,)), axis=axis)
            of_scale = Sum.on(chain(grad, p), axis=(axis,)) - Squeeze.on(at, axis=(axis,))
        return of_p, None, of_scale


def _constant(weights: Value, logits: Value) -> Value:
    """Class weights in the logits' dtype; no gradient flows to them."""
    if weights is None:
        return None
    weights = StopGradient.on(weights)
    return weights if weights.dtype == logits.dtype else Cast.on(weights, dtype=logits.dtype.name)


def _along(weights: Value, rank: int, axis: int) -> Value:
    """Class weights broadcasting along the class axis."""
    return Unsqueeze.on(weights, axis=tuple(range(1, rank - axis))) if axis < rank - 1 else weights


def _of_each_row(x: Value, axis: int) -> Value:
    """A number for each row, or one for all, broadcasting against the logits."""
    return Unsqueeze.on(x, axis=(axis,)) if rank_of(x) else x


def softmax_cross_entropy(
    logits: Any,
    labels: Any,
    weights: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Minus the logarithm of the probability that softmax of the logits gives the right class.

    Logits are floats (..., classes). Labels are class numbers, integers from 0 of shape (...), or probabilities of the
    logits' shape. `weights`, one for each class, multiplies the rows of that class; rows labelled `ignore_index` do not
    count; `label_smoothing`, from 0 to below 1, gives that part of the target to all classes evenly. "mean" divides by
    the number, or for class numbers the weight, of the rows that count (0 if none does); "sum" and "none" do not.
    Raises ShapeError, DTypeError (labels that are not integers) or DataError (labels that are no class).

    >>> import localgrad as lg
    >>> loss = lg.softmax_cross_entropy([[0.0, 0.0], [9.0, 0.0]], [1, 0])
    >>> round(loss.item(), 4)
    0.3466
    """
    x = as_prediction(logits)
    if isinstance(labels, Tensor):
        t = cast(labels, np.dtype(np.int64)) if labels.dtype.kind == "b" and labels.ndim < x.ndim else labels
    else:
        array = as_array(labels)
        if array.dtype.kind == "b":
            array = array.astype(np.int64)
        if array.ndim == x.ndim and x.dtype.kind == "f":
            array = array.astype(x.dtype, copy=False)
        t = Leaf(array, "constant", None, False)
    if t.dtype.kind == "f" and t.ndim == x.ndim - 1 and not t.is_symbolic:
        raise float_labels(x.shape, x.ndim - 1, np.asarray(t._value))
    loss = SoftmaxCrossEntropy.make(
        reduction=reduction, ignore_index=ignore_index, label_smoothing=float(label_smoothing)
    )
    inputs = (x, t) if weights is None else (x, t, like_prediction(weights, x))
    y: Tensor = record(loss, inputs)[0]
    warn_of_maker(
        x,
        y,
        ("Softmax", "Sigmoid"),
        "the loss expects logits and takes their softmax itself, so it would be taken twice",
        "Pass it what that node was given",
    )
    return y


def accuracy(logits: Any, labels: Any) -> Tensor:
    """The part of the rows whose largest logit stands at the label; has no gradient.

    Logits are (..., classes); labels are class numbers (...) or one-hot rows of the logits' shape. A float number.

    >>> import localgrad as lg
    >>> lg.accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1]).item()
    0.5
    """
    x = as_prediction(logits)
    t = as_prediction(labels) if isinstance(labels, Tensor) else Leaf(as_array(labels), "constant", None, False)
    if t.ndim == x.ndim:
        check_probabilities(ArgMax.make(axis=-1), x.shape, t.shape, x.ndim - 1)
        t = ArgMax.on(t, axis=-1)
    elif not same_shape(t.shape, x.shape[:-1]):
        raise ShapeError(
            f"accuracy was asked of logits {format_shape(x.shape)} and labels {format_shape(t.shape)}\n"
            f"found: class numbers have to be of shape {format_shape(x.shape[:-1])}\ndo: give one for each row of logits"
        )
    right: Tensor = Cast.on(ArgMax.on(x, axis=-1) == t, dtype="float32")
    return Mean.on(right)  # type: ignore[no-any-return]
