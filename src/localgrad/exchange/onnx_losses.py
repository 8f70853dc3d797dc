"""Operators that compare predictions with labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_arithmetic import K, dtype_of
from localgrad.exchange.onnx_imported import Imported, operator
from localgrad.graph.kind import Value
from localgrad.nodes.base import rank_of


def negative_log_likelihood(op: Imported, x: Value, labels: Value, weights: Value) -> Value:
    """The mean, sum or each of the logarithms at the labels, weighted; those of one label may be left out."""
    ignored, how = op.get("ignore_index"), op.get("reduction", "mean")
    safe = labels if ignored is None else K("Where", K("Equal", labels, ignored), 0, labels)
    picked = K("TakeAlongAxis", x, K("Unsqueeze", safe, axis=(1,)), axis=1)
    losses = K("Neg", K("Squeeze", picked, axis=(1,)))
    share: Value = None
    if weights is not None:
        share = K("Gather", weights, safe, axis=0)
    if ignored is not None:
        if share is None:
            share = K("FullLike", losses, value=1.0)
        share = K("Where", K("Equal", labels, ignored), 0.0, share)
    losses = losses if share is None else losses * share
    axes = tuple(range(rank_of(losses)))
    if how == "none":
        return losses
    total = K("Sum", losses, axis=axes)
    if how == "sum":
        return total
    return K("Mean", losses, axis=axes) if share is None else total / K("Sum", share, axis=axes)


@operator("NegativeLogLikelihoodLoss")
def likelihood_loss(op: Imported, x: Value, labels: Value, weights: Value = None) -> Value:
    """From logarithms of probabilities."""
    return negative_log_likelihood(op, x, labels, weights)


@operator("SoftmaxCrossEntropyLoss")
def cross_entropy_loss(op: Imported, x: Value, labels: Value, weights: Value = None) -> Value:
    """From scores."""
    logarithms = K("LogSoftmax", x, axis=1)
    loss = negative_log_likelihood(op, logarithms, labels, weights)
    return (loss, logarithms)[: max(op.count, 1)]


OPTIMIZERS = "ai.onnx.preview.training"


def rate(op: Imported, r: Value, t: Value) -> Any:
    """A learning rate that falls with the step."""
    return r / (1.0 + K("Cast", t, dtype=dtype_of(r).name) * op.get("decay_factor", 0.0))


@operator("Adagrad", domain=OPTIMIZERS)
def adagrad(op: Imported, r: Value, t: Value, *tensors: Value) -> Value:
    """Steps divided by the root of the sum of squares so far."""
    count = len(tensors) // 3
    step, new, squares = rate(op, r, t), [], []
    for x, grad, history in zip(*(tensors[n * count : (n + 1) * count] for n in range(3)), strict=True):
        g = grad + op.get("norm_coefficient", 0.0) * x
        squares.append(history + g * g)
        new.append(x - step * g / (K("Sqrt", squares[-1]) + op.get("epsilon", 1e-6)))
    return (*new, *squares)


@operator("Momentum", domain=OPTIMIZERS)
def momentum(op: Imported, r: Value, t: Value, *tensors: Value) -> Value:
    """Steps along a running mean of gradients."""
    count = len(tensors) // 3
    alpha, beta = op.need("alpha"), op.need("beta")
    new, speeds = [], []
    for x, grad, speed in zip(*(tensors[n * count : (n + 1) * count] for n in range(3)), strict=True):
        g = grad + op.get("norm_coefficient", 0.0) * x
        share = K("Where", K("Greater", t, 0), beta, np.asarray(1.0, dtype_of(x)))
        speeds.append(alpha * speed + share * g)
        new.append(x - r * (g + alpha * speeds[-1] if op.need("mode") == "nesterov" else speeds[-1]))
    return (*new, *speeds)


@operator("Adam", domain=OPTIMIZERS)
def adam(op: Imported, r: Value, t: Value, *tensors: Value) -> Value:
    """Steps along a running mean, divided by the root of a running mean of squares."""
    count = len(tensors) // 4
    alpha, beta = op.get("alpha", 0.9), op.get("beta", 0.999)
    new, means, squares = [], [], []
    for x, grad, mean, square in zip(*(tensors[n * count : (n + 1) * count] for n in range(4)), strict=True):
        g = grad + op.get("norm_coefficient", 0.0) * x
        means.append(alpha * mean + (1 - alpha) * g)
        squares.append(beta * square + (1 - beta) * g * g)
        at = K("Cast", t, dtype=dtype_of(x).name)
        corrected = K("Sqrt", 1.0 - K("Pow", beta + 0.0 * at, at)) / (1.0 - K("Pow", alpha + 0.0 * at, at))
        step = r * K("Where", K("Greater", t, 0), corrected, np.asarray(1.0, dtype_of(x)))
        y = x - step * means[-1] / (K("Sqrt", squares[-1]) + op.get("epsilon", 1e-8))
        new.append((1.0 - op.get("norm_coefficient_post", 0.0)) * y)
    return (*new, *means, *squares)
