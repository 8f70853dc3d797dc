"""Attention, rotary positions, and what else transformers are exported as."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.exchange.onnx_arithmetic import K, cast, dtype_of
from localgrad.exchange.onnx_imported import Imported, operator
from localgrad.exchange.onnx_networks import swapped
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.nodes.base import rank_of, shape_of

SOFTMAX_DTYPES = {1: "float32", 10: "float16", 11: "float64"}


def split_heads(x: Value, heads: int) -> Value:
    """(batch, places, heads * width) as (batch, heads, places, width)."""
    batch, places, hidden = shape_of(x)
    return K("Transpose", K("Reshape", x, shape_to=(batch, places, heads, hidden // heads)), axes=(0, 2, 1, 3))


def joined_heads(x: Value) -> Value:
    """(batch, heads, places, width) as (batch, places, heads * width)."""
    batch, heads, places, width = shape_of(x)
    return K("Reshape", K("Transpose", x, axes=(0, 2, 1, 3)), shape_to=(batch, places, heads * width))


def numbered(like: Value, axis: int) -> Value:
    """In the shape of a tensor, the number of each entry along an axis."""
    return K("CumSum", K("FullLike", like, value=1, dtype="int64"), axis=axis, exclusive=True)


@operator("Attention", since=23)
def attention(
    op: Imported, q: Value, k: Value, v: Value, mask: Value = None, past_k: Value = None, past_v: Value = None,
    filled: Value = None,
) -> Value:  # fmt: skip
    """Scaled dot-product attention with shared keys, a cache of earlier ones, windows and masks."""
    flat = rank_of(q) == 3
    if flat:
        heads, shared = op.need("q_num_heads"), op.need("kv_num_heads")
        q, k, v = split_heads(q, heads), split_heads(k, shared), split_heads(v, shared)
    if past_k is not None and past_v is not None:
        k, v = K("Concat", past_k, k, axis=2), K("Concat", past_v, v, axis=2)
    scores, stages = attention_scores(op, q, k, mask, past_k, filled)
    dtype = dtype_of(q)
    wide = SOFTMAX_DTYPES.get(op.get("softmax_precision", 0), dtype.name)
    scores = cast(scores, wide)
    # a query that sees no key gives zeros
    blind = K("Equal", K("ReduceMax", scores, axis=(-1,), keepdims=True), -np.inf)
    zero = np.zeros((), wide)
    weights = K("Where", blind, zero, K("Softmax", K("Where", blind, zero, scores), axis=-1))
    weights = cast(weights, dtype)
    y = grouped_product(weights, v)
    y = joined_heads(y) if flat else y
    return y, k, v, (*stages, weights)[op.get("qk_matmul_output_mode", 0)]


def grouped_product(a: Value, b: Value) -> Value:
    """The product of stacks of matrices, where several heads of one share a head of the other."""
    heads, shared = shape_of(a)[1], shape_of(b)[1]
    if heads == shared or shared == 1:
        return K("MatMul", a, b)
    batch, _, rows, inner = shape_of(a)
    together = K("Reshape", a, shape_to=(batch, shared, heads // shared, rows, inner))
    y = K("MatMul", together, K("Unsqueeze", b, axis=(2,)))
    return K("Reshape", y, shape_to=(batch, heads, rows, shape_of(b)[-1]))


def attention_scores(
    op: Imported, q: Value, k: Value, mask: Value, past_k: Value, filled: Value
) -> tuple[Value, tuple[Value, Value, Value]]:
    """The scores a softmax is taken of, and how they stood as products, capped, and masked."""
    width = shape_of(q)[-1]
    scale = op.get("scale")
    if scale is None:
        if not isinstance(width, int):
            raise ImportModelError("Attention was read\nfound: a width of heads that is not known\ndo: give it a scale")
        scale = width**-0.5
    root = float(scale) ** 0.5
    raw = grouped_product(q * root, swapped(k * root))
    cap = op.get("softcap", 0.0)
    scores = capped = K("Tanh", raw * (1 / cap)) * cap if cap else raw
    allowed = visible(op, q, k, raw, past_k, filled)
    if mask is not None:
        mask = padded_mask(mask, shape_of(k)[2])
        if dtype_of(mask) == np.bool_:
            allowed.append(mask)
        else:
            scores = scores + cast(mask, dtype_of(q))
    for each in allowed:
        scores = K("Where", each, scores, np.asarray(-np.inf, dtype_of(q)))
    return scores, (raw, capped, scores)


def visible(op: Imported, q: Value, k: Value, raw: Value, past_k: Value, filled: Value) -> list[Value]:
    """Which keys each query may see, for each reason."""
    left, right, causal = op.get("left_window_size", -1), op.get("right_window_size", -1), op.get("is_causal", 0)
    found = []
    key = numbered(raw, -1)
    if filled is not None:
        counts = K("Reshape", cast(filled, "int64"), shape_to=(shape_of(filled)[0], 1, 1, 1))
        found.append(K("Less", key, counts))
    if causal or left >= 0 or right >= 0:
        query = numbered(raw, -2)
        if past_k is not None:
            query = query + K("Size", past_k, axis=2) if not isinstance(shape_of(past_k)[2], int) else (
                query + shape_of(past_k)[2])  # fmt: skip
        elif filled is not None:
            query = query + (counts - shape_of(q)[2])
        if causal:
            found.append(K("LessOrEqual", key, query))
        if right >= 0:
            found.append(K("LessOrEqual", key, query + right))
        if left >= 0:
            found.append(K("GreaterOrEqual", key, query - left))
    return found


def padded_mask(mask: Value, keys: Any) -> Value:
    """A mask whose last axis is shorter than the keys, made as long; the keys beyond it do not count."""
    last = shape_of(mask)[-1]
    if not isinstance(last, int) or not isinstance(keys, int) or last in (1, keys):
        return mask
    beyond = False if dtype_of(mask) == np.bool_ else -np.inf
    rest = np.full((*shape_of(mask)[:-1], keys - last), beyond, dtype_of(mask))
    return K("Concat", mask, rest, axis=-1)


@operator("RotaryEmbedding", since=23)
def rotary_embedding(op: Imported, x: Value, cosines: Value, sines: Value, places: Value = None) -> Value:
    """Pairs of entries turned by an angle that grows with the place."""
    flat = rank_of(x) == 3
    before = x
    if flat:
        x = split_heads(x, op.need("num_heads"))
    width = shape_of(x)[-1]
    turned = op.get("rotary_embedding_dim", 0) or width
    if places is not None:
        cosines, sines = (K("Gather", table, places, axis=0) for table in (cosines, sines))
    cosines, sines = (K("Unsqueeze", table, axis=(1,)) for table in (cosines, sines))
    head, tail = x[..., :turned], x[..., turned:]
    if op.get("interleaved", 0):
        a, b = head[..., 0::2], head[..., 1::2]
    else:
        a, b = head[..., : turned // 2], head[..., turned // 2 :]
    real, imaginary = cosines * a - sines * b, sines * a + cosines * b
    if op.get("interleaved", 0):
        pairs = K("Concat", K("Unsqueeze", real, axis=(-1,)), K("Unsqueeze", imaginary, axis=(-1,)), axis=-1)
        head = K("Reshape", pairs, shape_to=(*shape_of(x)[:-1], turned))
    else:
        head = K("Concat", real, imaginary, axis=-1)
    y = head if turned == width else K("Concat", head, tail, axis=-1)
    return K("Reshape", K("Transpose", y, axes=(0, 2, 1, 3)), shape_to=tuple(shape_of(before))) if flat else y
