"""Explanations from the gradient by the input: how the score moves when the input does."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.attribution.result import Attribution
from localgrad.attribution.score import Score, float_input
from localgrad.graph.errors import GradientError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.spec import format_shape


def saliency(
    graph: Graph, inputs: Any, of: str | None = None, index: Any = None, wrt: str | None = None
) -> Attribution:
    """The size of the gradient of a score by each entry of an input: where a small change would matter most.

    The score is entry `index` (an int, or one for each sample; default: the largest) of the last axis of the output
    `of` (default: the only one). `wrt` is an input or any float tensor inside, such as an embedding. Source: Simonyan,
    Vedaldi, Zisserman 2014, section 3. Raises ShapeError for an index out of range, DetachedError where no path leads.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: x @ np.array([[1.0, 0.0], [-3.0, 1.0]], np.float32), lg.spec("N", 2))
    >>> saliency(graph, [[[1.0, 1.0]]], index=0).values
    array([[1., 3.]], dtype=float32)
    """
    score = Score(graph, inputs, of, index)
    name = float_input(score, wrt)
    (gradient,) = score.gradients([name]).at(score.inputs)
    return Attribution("saliency", name, np.abs(gradient), score.index, score.of_value(score.value))


def gradient_times_input(
    graph: Graph, inputs: Any, of: str | None = None, index: Any = None, wrt: str | None = None
) -> Attribution:
    """The gradient of a score times the entry it belongs to: for a network of linear parts and ReLU, each one's share.

    Arguments and errors as for `saliency`. Source: Shrikumar et al. 2017, section 2.2.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: x @ np.array([[1.0], [-3.0]], np.float32), lg.spec("N", 2))
    >>> gradient_times_input(graph, [[[2.0, 1.0]]]).values
    array([[ 2., -3.]], dtype=float32)
    """
    score = Score(graph, inputs, of, index)
    name = float_input(score, wrt)
    (gradient,) = score.gradients([name]).at(score.inputs)
    value = score.inputs[name] if name in score.inputs else graph.run(score.inputs, fetch=name)[name]
    return Attribution("gradient times input", name, gradient * value, score.index, score.of_value(score.value))


def integrated_gradients(
    graph: Graph,
    inputs: Any,
    of: str | None = None,
    index: Any = None,
    wrt: str | None = None,
    baseline: Any = 0.0,
    steps: int = 64,
) -> Attribution:
    """The gradient averaged along the straight way from a baseline to the input, times the way: shares that add up.

    Arguments as for `saliency`, with `wrt` an input; `baseline` is a number or array that fits it, `steps` the points on
    the way (Gauss-Legendre). Values add up to score(input) - score(baseline), but for `.gap`, what the points miss.
    Source: Sundararajan, Taly, Yan 2017, section 3. Raises as `saliency`, and GradientError where wrt is no input.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: (x * x).sum(axis=-1, keepdims=True), lg.spec("N", 2))
    >>> found = integrated_gradients(graph, [[[3.0, 1.0]]])
    >>> found.values.round(4), bool(abs(found.gap).max() < 1e-4)
    (array([[9., 1.]], dtype=float32), True)
    """
    score = Score(graph, inputs, of, index)
    name = float_input(score, wrt)
    if name not in score.inputs:
        raise GradientError(
            f"integrated gradients by `{name}` were asked\nfound: it is no input, so that there is no way to walk to it\n"
            f"do: choose one of {list(score.inputs)}, or use saliency or gradient_times_input"
        )
    if not isinstance(steps, int) or steps < 1:
        raise GradientError(f"integrated gradients were asked with steps={steps!r}\ndo: give 1 or more")
    value = score.inputs[name].astype(np.float64)
    try:
        begin = np.broadcast_to(np.asarray(baseline, np.float64), value.shape)
    except ValueError:
        raise ShapeError(
            f"a baseline of shape {format_shape(np.shape(baseline))} was given\nfound: `{name}` has shape "
            f"{format_shape(value.shape)}\ndo: give a number, or an array that fits"
        ) from None
    way = value - begin
    gradients = score.gradients([name])
    dtype = score.inputs[name].dtype
    places, weights = np.polynomial.legendre.leggauss(steps)
    total = np.zeros_like(value)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        (gradient,) = gradients.at(score.inputs | {name: (begin + place * way).astype(dtype)})
        total += weight * gradient
    values = (total * way).astype(dtype)
    before = graph.run(score.inputs | {name: begin.astype(dtype)}, fetch=score.name)[score.name]
    change = score.of_value(score.value) - score.of_value(before)
    found = Attribution("integrated gradients", name, values, score.index, score.of_value(score.value))
    lead = change.ndim if change.shape == values.shape[: change.ndim] else 0
    found.gap = change - values.reshape(*values.shape[:lead], -1).sum(-1) if lead else change.sum() - values.sum()
    return found
