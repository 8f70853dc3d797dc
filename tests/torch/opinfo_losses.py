"""Adapters of loss functions."""

from __future__ import annotations

from typing import Any

import numpy as np

import localgrad as lg
from tests.torch.opinfo import Convention, twin

F = "nn.functional."


def reduced(loss: Any, reduction: str) -> Any:
    return lg.mean(loss) if reduction == "mean" else lg.sum(loss) if reduction == "sum" else loss


def alike(x: Any, t: Any) -> tuple[Any, Any]:
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
    return lg.smooth_l1_loss(*alike(x, t), beta, reduction)


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


@twin(F + "nll_loss")
def nll_loss(
    x: Any,
    t: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    return lg.negative_log_likelihood(x, t, weight, ignore_index, reduction, 1 if x.ndim > 1 else 0)


@twin(F + "cosine_embedding_loss")
def cosine_embedding_loss(a: Any, b: Any, t: Any, margin: float = 0.0, *more: Any, reduction: str = "mean") -> Any:
    return lg.cosine_embedding_loss(a, b, t, margin, reduction)


@twin(F + "ctc_loss")
def ctc_loss(
    x: Any,
    labels: Any,
    lengths: Any,
    label_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    if x.requires_grad:
        # PyTorch's gradient is that of the logits whose log-softmax the input is taken for: so is this one's
        x = lg.stop_gradient(x) + lg.log_softmax(x) - lg.stop_gradient(lg.log_softmax(x))
    return lg.ctc_loss(x, labels, lengths, label_lengths, blank, reduction, zero_infinity, time_first=True)


@twin(F + "gaussian_nll_loss")
def gaussian_nll_loss(x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Any:
    x, t = alike(x, t)
    if isinstance(var, lg.Tensor) and var.shape != x.shape:
        # one variance for each row may stand without its last axis
        var = lg.broadcast_to(lg.expand_dims(var, -1) if var.shape == x.shape[:-1] else var, x.shape)
    return lg.gaussian_nll_loss(x, t, var, full, eps, reduction)


@twin(F + "hinge_embedding_loss")
def hinge_embedding_loss(x: Any, t: Any, margin: float = 1.0, *more: Any, reduction: str = "mean") -> Any:
    if not np.all(np.abs(t.numpy()) == 1):
        raise Convention("targets other than 1 and -1, which localgrad refuses")
    return lg.hinge_embedding_loss(x, t, margin, reduction)


@twin(F + "margin_ranking_loss")
def margin_ranking_loss(a: Any, b: Any, t: Any, margin: float = 0.0, *more: Any, reduction: str = "mean") -> Any:
    # PyTorch's targets may be any numbers: what is beyond their signs goes to the scores
    return lg.margin_ranking_loss(a * lg.abs(t), b * lg.abs(t), lg.sign(t), margin, reduction)


@twin(F + "multi_margin_loss")
def multi_margin_loss(
    x: Any, t: Any, p: int = 1, margin: float = 1.0, weight: Any = None, *more: Any, reduction: str = "mean"
) -> Any:
    if x.ndim < 2:  # one row
        x, t = lg.reshape(x, (1, -1)), lg.reshape(t, (1,))
        y = lg.multi_margin_loss(x, t, margin, p, weight, reduction)
        return lg.reshape(y, ())
    return lg.multi_margin_loss(x, t, margin, p, weight, reduction)


@twin(F + "poisson_nll_loss")
def poisson_nll_loss(
    x: Any,
    t: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: Any = None,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    return lg.poisson_nll_loss(x, t, log_input, full, eps, reduction)


@twin(F + "soft_margin_loss")
def soft_margin_loss(x: Any, t: Any, *more: Any, reduction: str = "mean") -> Any:
    return lg.soft_margin_loss(x * lg.abs(t), lg.sign(t), reduction)


@twin(F + "triplet_margin_loss")
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *more: Any,
    reduction: str = "mean",
) -> Any:
    return lg.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction)
