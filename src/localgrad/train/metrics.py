"""Metrics: how good predictions are, in numbers people ask for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import LocalgradError, NameLookupError, ShapeError
from localgrad.graph.registry import nearest

__all__ = ["Measure", "Metrics", "accuracy"]

Measure: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], Any]
"""A function of prediction and target, both arrays; the mean over batches, weighted by their samples, is reported."""


def accuracy(prediction: NDArray[Any], target: NDArray[Any]) -> float:
    """The part of the rows whose largest entry stands at the label; labels are class numbers (...) or one-hot rows.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if target.ndim == prediction.ndim and target.shape == prediction.shape:
        target = target.argmax(-1)
    elif target.shape != prediction.shape[:-1]:
        raise ShapeError(
            f"accuracy was asked of predictions {prediction.shape} and labels {target.shape}\n"
            "found: one label or one-hot row for each row of predictions is needed\n"
            "do: give such labels, or other metrics: Trainer(metrics=...)"
        )
    found = prediction.argmax(-1)
    return float(np.count_nonzero(found == target) / max(1, found.size))


def _above(threshold: float) -> Measure:
    def binary_accuracy(prediction: NDArray[Any], target: NDArray[Any]) -> float:
        return float(np.mean((prediction > threshold) == (target > 0.5)))

    return binary_accuracy


def _absolute(prediction: NDArray[Any], target: NDArray[Any]) -> float:
    return float(np.mean(np.abs(_difference(prediction, target))))


def _squared(prediction: NDArray[Any], target: NDArray[Any]) -> float:
    return float(np.mean(np.square(_difference(prediction, target))))


def _difference(prediction: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"an error was to be measured between predictions {prediction.shape} and targets {target.shape}\n"
            "found: they differ, and would be compared entry by entry\ndo: give targets of the predictions' shape"
        )
    return np.asarray(prediction - target)


MEASURES: Final[dict[str, Measure]] = {
    "accuracy": accuracy,
    "mae": _absolute,
    "mean_absolute_error": _absolute,
    "mse": _squared,
    "mean_squared_error": _squared,
}
FOLLOWING: Final[dict[str, tuple[str | None, Callable[[float], float]]]] = {
    "perplexity": (None, lambda loss: math.exp(loss) if loss < 700 else math.inf),
    "rmse": ("mse", math.sqrt),
}
"""Metrics that follow from the mean of another one (None: of the loss)."""
THRESHOLDS: Final = {"sigmoid_cross_entropy": 0.0, "binary_cross_entropy": 0.5, "bce": 0.5}
CLASSIFYING: Final = ("softmax_cross_entropy", "cross_entropy", *THRESHOLDS)


class Metrics:
    """The metrics a trainer reports, by name, and their means over an epoch.

    `chosen` is None (the accuracy where the loss is one of classification), names, functions of (prediction, target) on
    arrays, or a dict of such functions by name.
    """

    def __init__(self, chosen: Any, loss: Any) -> None:
        self.measures: dict[str, Measure] = {}
        self.following: dict[str, tuple[str | None, Callable[[float], float]]] = {}
        self._hidden: set[str] = set()
        if chosen is None:
            chosen = ("accuracy",) if loss in CLASSIFYING else ()
        for name, measure in _pairs(chosen):
            if measure is not None:
                self.measures[name] = measure
            elif name in ("accuracy", "binary_accuracy") and (loss in THRESHOLDS or name == "binary_accuracy"):
                self.measures[name] = _above(THRESHOLDS.get(loss, 0.5))
            elif name in FOLLOWING:
                source = FOLLOWING[name][0]
                self.following[name] = FOLLOWING[name]
                if source is not None and source not in self.measures:
                    self.measures[source] = MEASURES[source]
                    self._hidden.add(source)
            elif name in MEASURES:
                self.measures[name] = MEASURES[name]
                self._hidden.discard(name)
            else:
                known = [*MEASURES, "binary_accuracy", *FOLLOWING]
                raise NameLookupError(
                    f"no metric is called {name!r}{nearest(name, known)}\nfound: {', '.join(known)}\n"
                    "do: use one of these names, or pass a function of (prediction, target)"
                )

    def add(self, sums: dict[str, float], prediction: Any, target: Any, count: int) -> None:
        """Add what a batch of `count` samples measures to running sums."""
        for name, measure in self.measures.items():
            sums[name] = sums.get(name, 0.0) + float(measure(prediction, target)) * count

    def means(self, sums: Mapping[str, float], count: int, prefix: str = "") -> dict[str, float]:
        """The means of running sums, which hold the "loss" as well, and what follows from them."""
        found = {name: value / count for name, value in sums.items()} if count else dict.fromkeys(sums, math.nan)
        shown = {name: value for name, value in found.items() if name not in self._hidden}
        for name, (source, function) in self.following.items():
            shown[name] = function(found[source or "loss"])
        return {prefix + name: value for name, value in shown.items()}


def _pairs(chosen: Any) -> Iterable[tuple[str, Measure | None]]:
    if isinstance(chosen, Mapping):
        return [(str(name), measure) for name, measure in chosen.items()]
    if isinstance(chosen, str) or callable(chosen):
        chosen = (chosen,)
    found: list[tuple[str, Measure | None]] = []
    for each in chosen:
        if isinstance(each, str):
            found.append((each, None))
        elif callable(each):
            found.append((getattr(each, "__name__", type(each).__name__), each))
        else:
            raise LocalgradError(
                f"a metric was to be used; found a {type(each).__name__}. Give a name such as 'accuracy', or a function of "
                "(prediction, target)."
            )
    return found
