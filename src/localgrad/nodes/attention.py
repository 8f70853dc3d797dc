"""Attention: values mixed by how well their keys fit a query; and rotary embedding, which turns queries by their place."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Spec, broadcast_shapes, format_shape, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, as_tensor, chain, need_spec
from localgrad.nodes.branching import Where
from localgrad.nodes.comparison import And
from localgrad.nodes.creation import FullLike
from localgrad.nodes.diagonal import Trilu
from localgrad.nodes.exponential import Exp, Sqrt
from localgrad.nodes.joining import Concat, Split
from localgrad.nodes.masks import padding_advice, warn_zeros_and_ones
from localgrad.nodes.reduction import ReduceMax, Sum, sum_along
from localgrad.nodes.shaping import swap_last
from localgrad.nodes.softmax import Softmax
from localgrad.nodes.structure import StopGradient, cast, size

INFINITY = float("inf")


class Attending(Composition):
    """What attention and its weights share: `causal` (no key behind the query), and the factor of the scores."""

    family: ClassVar[str] = "attention"
    checked: ClassVar[bool] = True
    causal: bool = False
    scale: float | None = None

    def scores_shape(self, q: SpecLike, k: SpecLike, mask: SpecLike, place: int) -> Spec:
        """The spec of a score for each query and key; raises ShapeError and DTypeError."""
        query, key = need_spec(self, q), need_spec(self, k, 1)
        for index, spec in enumerate((query, key)):
            if spec.ndim < 2:
                raise ShapeError(
                    f"{self.name} was given {{{index}}} of shape {format_shape(spec.shape)}\n"
                    "found: it needs a row for each place\ndo: give (..., places, width)"
                )
        if not same_extent(query.shape[-1], key.shape[-1]):
            raise ShapeError(
                f"{self.name} was given queries {{0}} of shape {format_shape(query.shape)} and keys {{1}} of shape "
                f"{format_shape(key.shape)}\nfound: widths {query.shape[-1]} and {key.shape[-1]}\n"
                "do: give queries and keys of one width"
            )
        same_floats(self, query, key, 1)
        shape = (*self.lead(query, key, "queries {0}", "keys {1}"), query.shape[-2], key.shape[-2])
        if mask is not None:
            given = need_spec(self, mask, place)
            if given.dtype.kind in "iu":
                raise DTypeError(
                    f"{self.name} was given a mask {{{place}}} of {given.dtype}\n"
                    "found: a mask is boolean, or floats that are added to the scores\n"
                    "do: convert with .astype(bool); True lets a key be seen"
                )
            if given.dtype != np.bool_:
                same_floats(self, query, given, place)
            if not _reaches(given.shape, shape):
                raise ShapeError(
                    f"{self.name} was given a mask {{{place}}} of shape {format_shape(given.shape)}\n"
                    f"found: the scores have shape {format_shape(shape)}\n"
                    f"do: give one that broadcasts to it: (queries, keys), (batch, 1, 1, keys), ...{padding_advice(given.shape, shape)}"
                )
        return Spec(shape, query.dtype)

    def lead(self, one: Spec, other: Spec, first: str, second: str) -> tuple[Extent, ...]:
        """The axes before places and width that two inputs have together; raises ShapeError naming both."""
        try:
            return broadcast_shapes(one.shape[:-2], other.shape[:-2])
        except ShapeError:
            raise ShapeError(
                f"{self.name} was given {first} of shape {format_shape(one.shape)} and {second} of shape "
                f"{format_shape(other.shape)}\nfound: the axes before the last two, {format_shape(one.shape[:-2])} and "
                f"{format_shape(other.shape[:-2])}, do not broadcast\ndo: give both for the same batch (and heads)"
            ) from None


@kind
class AttentionWeights(Attending):
    """How much of each value goes to each query: the softmax of the scaled products of queries and keys.

    A boolean mask says which keys count, one of floats is added to the scores; a query without any key gets zeros.
    """

    formula = r"y = \mathrm{softmax}\left(s\, q k^\top + \mathrm{mask}\right), \quad s = 1 / \sqrt{d}"
    inputs = ("q", "k", "mask?")

    def shape(self, q: SpecLike, k: SpecLike, mask: SpecLike = None) -> Spec:
        return self.scores_shape(q, k, mask, 2)

    def body(self, q: Value, k: Value, mask: Value = None) -> Value:
        scores = (q @ swap_last(k)) * scale_of(self.scale, q)
        allowed = None
        if self.causal:
            allowed = Trilu.on(FullLike.on(scores, value=True, dtype="bool"), upper=False)
        if mask is not None:
            if mask.dtype != np.bool_:
                scores = scores + mask
            else:
                allowed = mask if allowed is None else And.on(mask, allowed)
        if allowed is not None:
            scores = Where.on(allowed, scores, -INFINITY)
        if mask is None:
            return Softmax.on(scores, axis=-1)
        top = ReduceMax.on(scores, axis=(-1,), keepdims=True)
        # a query without any key has no largest score, and exponentials that sum to 0
        e = Exp.on(scores - StopGradient.on(Where.on(top == -INFINITY, 0.0, top)))
        total = Sum.on(e, axis=(-1,), keepdims=True)
        return e / Where.on(total == 0, 1.0, total)

    def forward(self, q: Value, k: Value, mask: Value = None) -> Value:
        y = np.matmul(q * q.dtype.type(scale_of(self.scale, q)), k.swapaxes(-1, -2))
        if mask is not None and mask.dtype != np.bool_:
            y += mask
        elif mask is not None:
            np.minimum(y, np.where(mask, y.dtype.type(INFINITY), y.dtype.type(-INFINITY)), out=y)
        if self.causal:
            np.minimum(y, _causal_bound(*y.shape[-2:], y.dtype), out=y)
        top = np.maximum.reduce(y, axis=-1, keepdims=True)
        if mask is not None or self.causal:
            if np.isnan(top).any():  # the minimum keeps a NaN where nobody looks
                return super().forward(q, k, mask)
            top[top == -INFINITY] = 0
        y -= top
        np.exp(y, out=y)
        total = sum_along(y, (-1,), True)
        if mask is not None:
            total[total == 0] = 1
        y *= 1 / total
        return y

    def backward(
        self, grad: Value, y: Value, q: Value, k: Value, mask: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        of_q, of_k, of_scores = AttentionWeightsGradient.on(grad, y, q, k, scale=self.scale)
        return of_q, of_k, of_scores if mask is not None and wanted[2] else None


@kind
class AttentionWeightsGradient(Composition):
    """What attention weights send back: the gradients of the queries, the keys, and the scores a mask was added to."""

    formula = (
        r"\bar s = w \left(\bar w - \sum_j \bar w_j w_j\right), \quad \bar q = \bar s\, k / \sqrt{d}, \quad"
        r" \bar k = \bar s^\top q / \sqrt{d}"
    )
    family = "gradient"
    inputs = ("grad", "weights", "q", "k")
    outputs = 3
    scale: float | None = None

    def shape(self, grad: SpecLike, weights: SpecLike, q: SpecLike, k: SpecLike) -> tuple[Spec, ...]:
        given, spec, query, key = (need_spec(self, x, index) for index, x in enumerate((grad, weights, q, k)))
        if not same_shape(given.shape, spec.shape):
            raise ShapeError(
                f"{self.name} needs a gradient of the shape of {{1}}\n"
                f"found: {format_shape(given.shape)} and {format_shape(spec.shape)}"
            )
        lead = spec.shape[:-2]
        return query.with_shape((*lead, *query.shape[-2:])), key.with_shape((*lead, *key.shape[-2:])), spec

    def body(self, grad: Value, weights: Value, q: Value, k: Value) -> Value:
        weighted = chain(grad, weights)
        of_scores = weighted - chain(Sum.on(weighted, axis=(-1,), keepdims=True), weights)
        scale = scale_of(self.scale, q)
        return (of_scores @ k) * scale, (swap_last(of_scores) @ q) * scale, of_scores

    def forward(self, grad: Value, weights: Value, q: Value, k: Value) -> Value:
        along = np.vecdot(grad, weights)[..., None]
        if np.isnan(along).any():
            return super().forward(grad, weights, q, k)
        of_scores = grad - along
        of_scores *= weights
        scale = q.dtype.type(scale_of(self.scale, q))
        of_q, of_k = _product(of_scores, k, q), _product(of_scores.swapaxes(-1, -2), q, k)
        of_q *= scale
        of_k *= scale
        return of_q, of_k, of_scores


@kind
class Attention(Attending):
    """Scaled dot-product attention: for each query the values, weighted by how well their keys fit.

    The weights are the second output. Masks as in AttentionWeights.
    """

    formula = r"y = \mathrm{softmax}\left(s\, q k^\top + \mathrm{mask}\right) v, \quad s = 1 / \sqrt{d}"
    onnx = "Attention"
    inputs = ("q", "k", "v", "mask?")
    outputs = 2

    def shape(self, q: SpecLike, k: SpecLike, v: SpecLike, mask: SpecLike = None) -> tuple[Spec, Spec]:
        weights, values = self.scores_shape(q, k, mask, 3), need_spec(self, v, 2)
        if values.ndim < 2 or not same_extent(values.shape[-2], weights.shape[-1]):
            raise ShapeError(
                f"{self.name} was given keys {{1}} of shape {format_shape(need_spec(self, k, 1).shape)} and values {{2}} "
                f"of shape {format_shape(values.shape)}\nfound: they differ in the number of places\n"
                "do: give a value for each key"
            )
        same_floats(self, weights, values, 2)
        lead = self.lead(weights, values, "queries {0} and keys {1}, whose scores are", "values {2}")
        return weights.with_shape((*lead, weights.shape[-2], values.shape[-1])), weights

    def weights(self) -> AttentionWeights:
        """The kind of the weights."""
        return AttentionWeights.make(causal=self.causal, scale=self.scale)

    def body(self, q: Value, k: Value, v: Value, mask: Value = None) -> Value:
        weights = self.weights()(q, k) if mask is None else self.weights()(q, k, mask)
        return weights @ v, weights

    def forward(self, q: Value, k: Value, v: Value, mask: Value = None) -> Value:
        weights = self.weights().forward(q, k, mask)
        return _product(weights, v, q), weights

    def backward(
        self, grad: Value, y: Value, q: Value, k: Value, v: Value, mask: Value = None, *, wanted: tuple[bool, ...]
    ) -> Value:
        weights = y[1]
        if weights is None:
            weights = self.weights()(q, k) if mask is None else self.weights()(q, k, mask)
        of_v, of_weights = None, grad[1]
        if grad[0] is not None:
            of_v = swap_last(weights) @ grad[0] if wanted[2] else None
            through = grad[0] @ swap_last(v)
            of_weights = through if of_weights is None else through + of_weights
        of_q, of_k, of_scores = AttentionWeightsGradient.on(of_weights, weights, q, k, scale=self.scale)
        return of_q, of_k, of_v, of_scores if mask is not None and wanted[3] else None


def scale_of(scale: float | None, q: Value) -> Value:
    """What scores are multiplied by: 1 over the root of the width unless told."""
    if scale is not None:
        return scale
    width = size(q, axis=-1, like=q)
    return 1 / Sqrt.on(width) if isinstance(width, Tensor) else 1 / math.sqrt(width)


def same_floats(kind: Composition, first: Spec, other: Spec, index: int) -> None:
    """Raise DTypeError where an input does not hold floats of the first one's dtype."""
    if first.dtype.kind != "f" or other.dtype != first.dtype:
        raise DTypeError(
            f"{kind.name} was given {{0}} of {first.dtype} and {{{index}}} of {other.dtype}\n"
            "found: they have to be floats of one dtype\ndo: convert with .astype(np.float32)"
        )


def _reaches(shape: tuple[Extent, ...], target: tuple[Extent, ...]) -> bool:
    try:
        return same_shape(broadcast_shapes(shape, target), target)
    except ShapeError:
        return False


@lru_cache(16)
def _causal_bound(rows: int, columns: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Infinity where a query may look, minus infinity behind it."""
    bound = np.full((rows, columns), INFINITY, dtype)
    bound[np.triu_indices(rows, 1, columns)] = -INFINITY
    bound.flags.writeable = False
    return bound


def _product(x: NDArray[Any], w: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """A matrix product in the order in memory of an array of its shape, so that heads come together without a copy."""
    shape = (*like.shape[:-1], w.shape[-1])
    if like.ndim != max(x.ndim, w.ndim) or x.shape[:-2] != like.shape[:-2] or w.shape[:-2] != like.shape[:-2]:
        return np.matmul(x, w)  # type: ignore[no-any-return]
    return np.matmul(x, w, out=np.empty_like(like, shape=shape))


@kind
class RotaryEmbedding(Composition):
    """Turn each pair of entries, one from each half of the last axis, by an angle whose cosine and sine are given."""

    formula = r"y = (a \cos\theta - b \sin\theta, \; a \sin\theta + b \cos\theta), \quad x = (a, b)"
    onnx = "RotaryEmbedding"
    family = "attention"
    promotes = True
    checked = True
    inputs = ("x", "cos", "sin")

    def shape(self, x: SpecLike, cos: SpecLike, sin: SpecLike) -> Spec:
        spec, one, other = need_spec(self, x), need_spec(self, cos, 1), need_spec(self, sin, 2)
        half = (*spec.shape[:-1], spec.shape[-1] // 2) if spec.ndim else ()
        if not spec.ndim or not same_extent(half[-1] * 2, spec.shape[-1]):
            raise ShapeError(
                f"{self.name} was asked of {{0}} of shape {format_shape(spec.shape)}\n"
                "found: the last axis has no two equal halves\ndo: give an even width"
            )
        if not same_shape(one.shape, other.shape) or not _reaches(one.shape, half):
            raise ShapeError(
                f"{self.name} was given {{1}} of shape {format_shape(one.shape)} and {{2}} of shape "
                f"{format_shape(other.shape)} for {{0}} of shape {format_shape(spec.shape)}\n"
                f"found: they do not broadcast to {format_shape(half)}\ndo: give (places, width // 2)"
            )
        return spec.with_dtype(np.result_type(spec.dtype, one.dtype, other.dtype))

    def body(self, x: Value, cos: Value, sin: Value) -> Value:
        a, b = Split.on(x, axis=-1, sections=2)
        return Concat.on(a * cos - b * sin, a * sin + b * cos, axis=-1)

    def forward(self, x: Value, cos: Value, sin: Value) -> Value:
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        y = np.empty_like(x, dtype=np.result_type(x, cos, sin))
        np.multiply(a, cos, out=y[..., :half])
        y[..., :half] -= b * sin
        np.multiply(b, cos, out=y[..., half:])
        y[..., half:] += a * sin
        return y

    def backward(self, grad: Value, y: Value, x: Value, cos: Value, sin: Value, *, wanted: tuple[bool, ...]) -> Value:
        of_cos = of_sin = None
        if wanted[1] or wanted[2]:
            (a, b), (c, d) = Split.on(x, axis=-1, sections=2), Split.on(grad, axis=-1, sections=2)
            of_cos, of_sin = chain(c, a) + chain(d, b), chain(d, a) - chain(c, b)
        return RotaryEmbedding.on(grad, cos, -sin), of_cos, of_sin


def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
) -> Any:
    """For each query the values, weighted by the softmax of how well their keys fit: `softmax(scale q k^T + mask) v`.

    Floats of shapes q (..., queries, width), k (..., keys, width), v (..., keys, columns); leading axes (batch, heads)
    broadcast; gives (..., queries, columns), with `return_weights` also the weights (..., queries, keys). A boolean
    `mask` that broadcasts to the weights is true where a key counts, one of floats is added to the scores; `causal` lets
    query i see the keys 0 to i. A query that sees no key gives zeros and sends none back. `scale` is 1 / sqrt(width)
    unless told. Raises ShapeError and DTypeError. Source: Vaswani et al., "Attention is all you need", 2017.

    >>> import localgrad as lg
    >>> q = k = [[9.0, 0.0], [0.0, 9.0]]
    >>> lg.scaled_dot_product_attention(q, k, [[1.0], [2.0]]).numpy().round(2).tolist()
    [[1.0], [2.0]]
    >>> _, weights = lg.scaled_dot_product_attention(
    ...     [[0.0], [0.0]], [[1.0], [2.0]], [[1.0], [2.0]], causal=True, return_weights=True
    ... )
    >>> weights.numpy()
    array([[1. , 0. ],
           [0.5, 0.5]], dtype=float32)
    """
    tensors = [as_tensor(x) for x in (q, k, v)]
    if mask is not None:
        mask = as_tensor(mask)
        warn_zeros_and_ones(mask)
    common = np.result_type(*(x.dtype for x in tensors))
    if common.kind in "iub":
        common = np.dtype(np.float32)
    tensors = [cast(x, common) for x in tensors]
    if mask is not None and mask.dtype.kind == "f":
        mask = cast(mask, common)
    which = Attention.make(causal=bool(causal), scale=None if scale is None else float(scale))
    y, weights = apply(which, *tensors, *(() if mask is None else (mask,)))
    return (y, weights) if return_weights else y


def rotary_embedding(x: Any, cos: Any, sin: Any) -> Tensor:
    """Each pair of entries of the last axis, (i, i + width / 2), turned by an angle with this cosine and sine.

    x is (..., places, width), cos and sin broadcast to (..., places, width / 2). Raises ShapeError for an odd width.
    Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.

    >>> import localgrad as lg
    >>> lg.rotary_embedding([[1.0, 0.0]], [[0.0]], [[1.0]]).numpy()
    array([[0., 1.]], dtype=float32)
    """
    return apply(RotaryEmbedding.make(), x, cos, sin)  # type: ignore[no-any-return]
