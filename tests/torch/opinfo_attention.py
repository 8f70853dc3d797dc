"""Adapters of attention and of normalizations by groups of channels."""

from __future__ import annotations

from typing import Any

import localgrad as lg
from tests.torch.opinfo import Outside, twin

F = "nn.functional."


@twin(F + "scaled_dot_product_attention")
def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if dropout_p:
        raise Outside("random draws")
    if enable_gqa:
        times = q.shape[-3] // k.shape[-3]
        k, v = lg.repeat(k, times, -3), lg.repeat(v, times, -3)
    return lg.scaled_dot_product_attention(q, k, v, attn_mask, is_causal, scale)


@twin(F + "group_norm")
def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return lg.group_normalization(x, groups, weight, bias, eps)


@twin(F + "instance_norm")
def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if not use_input_stats:
        return lg.batch_normalization(x, *_of(x, weight, bias), running_mean, running_var, False, eps)
    return lg.instance_normalization(x, weight, bias, eps)


def _of(x: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
    channels = x.shape[1]
    return lg.ones(channels, x.dtype) if weight is None else weight, lg.zeros(
        channels, x.dtype
    ) if bias is None else bias
