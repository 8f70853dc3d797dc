"""Adapters of loss functions."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import twin

F = "nn.functional."


def reduced(loss: Any, reduction: str) -> Any:
    return lg.mean(loss) if reduction == "mean" else lg.sum(loss) if reduction == "sum" else loss


def alike(x: Any, t: Any) -> tuple[Any, Any]:
    import numpy as np

    shape = np.broadcast_shapes(x.shape, t.shape)
    return lg.broadcast_to(x, shape), lg.broadcast_to(t, shape)


@twin(F + "mse_loss")
def mse_loss(
    x: Any, t: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    return lg.mean_squared_error(*alike(x, t), reduction=reduction)


@twin(F + "l1_loss")
def l1_loss(
    x: Any, t: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    return lg.mean_absolute_error(*alike(x, t), reduction=reduction)


@twin(F + "huber_loss")
def huber_loss(x: Any, t: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    return lg.huber_loss(*alike(x, t), delta, reduction)


@twin(F + "smooth_l1_loss")
def smooth_l1_loss(x: Any, t: Any, *more: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    x, t = alike(x, t)
    return lg.huber_loss(x, t, beta, reduction) / beta if beta else lg.mean_absolute_error(x, t, reduction)


@twin(F + "kl_div")
def kl_div(x: Any, t: Any, *more: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    return lg.kl_divergence(x, lg.exp(t) if log_target else t, reduction)


@twin(F + "binary_cross_entropy")
def binary_cross_entropy(x: Any, t: Any, weight: Any = None, *more: Any, reduction: str = "mean") -> Any:
    loss = lg.binary_cross_entropy(x, t, reduction="none")
    return reduced(loss if weight is None else loss * weight, reduction)


@twin(F + "binary_cross_entropy_with_logits")
def sigmoid_cross_entropy(
    x: Any, t: Any, weight: Any = None, *more: Any, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    loss = lg.sigmoid_cross_entropy(x, t, pos_weight, reduction="none")
    return reduced(loss if weight is None else loss * weight, reduction)


@twin(F + "cross_entropy")
def cross_entropy(
    x: Any,
    t: Any,
    weight: Any = None,
    *more: Any,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    classes_last = x if x.ndim < 3 else lg.moveaxis(x, 1, -1)
    if t.ndim == x.ndim and t.dtype.kind == "f" and t.ndim > 2:
        t = lg.moveaxis(t, 1, -1)
    given = t.dtype.kind == "f"
    return lg.softmax_cross_entropy(
        classes_last, t, weight, None if given else ignore_index, label_smoothing, reduction
    )
