"""Rows of attention and rotary embedding."""

import numpy as np

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes.attention import Attention, AttentionWeights, AttentionWeightsGradient, RotaryEmbedding
from tests.case import Case, Point, Refused, booleans, integers, rand

ALLOWED = np.array([[True, False, True, True], [False, False, False, False], [True, True, False, False]])
BIAS = np.where(ALLOWED, 0.25, -np.inf)


def weights(causal=False, scale=None):
    def reference(q, k, mask=None):
        s = (q @ k.swapaxes(-1, -2)) * (1 / np.sqrt(q.shape[-1]) if scale is None else scale)
        if causal:
            s = np.where(np.arange(s.shape[-1]) <= np.arange(s.shape[-2])[:, None], s, -np.inf)
        if mask is not None:
            s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
        top = s.max(axis=-1, keepdims=True)
        e = np.exp(s - np.where(np.isneginf(top), 0, top))
        total = e.sum(axis=-1, keepdims=True)
        return e / np.where(total == 0, 1, total)

    return reference


def attention(causal=False, scale=None):
    def reference(q, k, v, mask=None):
        w = weights(causal, scale)(q, k, mask)
        return w @ v, w

    return reference


def of_weights(scale=None):
    def reference(grad, w, q, k):
        factor = 1 / np.sqrt(q.shape[-1]) if scale is None else scale
        s = w * (grad - np.sum(grad * w, axis=-1, keepdims=True))
        return s @ k * factor, s.swapaxes(-1, -2) @ q * factor, s

    return reference


def turned(x, cos, sin):
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


CASES = [
    Case(
        AttentionWeights(),
        inputs=(rand(2, 3, 4), rand(2, 5, 4)),
        reference=weights(),
        batch=(0, 0),
        refused=[
            Refused((rand(3, 4), rand(5, 3)), ShapeError, "widths 4 and 3", "one width"),
            Refused((rand(4), rand(5, 4)), ShapeError, "(4,)", "a row for each place"),
            Refused((integers(3, 4), integers(5, 4)), DTypeError, "int64", "floats of one dtype"),
        ],
    ),
    Case(
        AttentionWeights(),
        inputs=(rand(3, 2), rand(4, 2), ALLOWED),
        reference=weights(),
        name="AttentionWeights with a row of the mask that allows nothing",
        unbatched="the mask says the extents",
    ),
    Case(
        AttentionWeights(scale=0.5),
        inputs=(rand(2, 3, 4, 2), rand(2, 1, 5, 2), rand(3, 1, 5)),
        reference=weights(scale=0.5),
        batch=(0, 0, None),
    ),
    Case(
        AttentionWeights(causal=True),
        inputs=(rand(3, 2), rand(5, 2), booleans(3, 5)),
        reference=weights(causal=True),
        batch=(None, 0, 1),
    ),
    Case(
        AttentionWeights(),
        inputs=(rand(3, 2), rand(4, 2)),
        reference=weights(),
        name="AttentionWeights over a named width",
        batch=(1, 1),
    ),
    Case(
        AttentionWeightsGradient(),
        inputs=(rand(2, 3, 5), rand(2, 3, 5), rand(2, 3, 4), rand(2, 5, 4)),
        reference=of_weights(),
        batch=(0, 0, 0, 0),
        refused=[
            Refused((rand(3, 5), rand(3, 4), rand(3, 2), rand(4, 2)), ShapeError, "(3, 5) and (3, 4)", eager=False)
        ],
    ),
    Case(
        AttentionWeightsGradient(scale=0.3),
        inputs=(rand(2, 3, 2, 4), rand(2, 3, 2, 4), rand(3, 2, 5), rand(2, 1, 4, 5)),
        reference=of_weights(0.3),
        batch=(0, 0, None, 0),
    ),
    Case(
        Attention(),
        inputs=(rand(2, 3, 4), rand(2, 5, 4), rand(2, 5, 6)),
        reference=attention(),
        batch=(0, 0, 0),
        refused=[
            Refused((rand(3, 4), rand(5, 4), rand(4, 2)), ShapeError, "(5, 4)", "(4, 2)", "a value for each key"),
            Refused((rand(3, 4), rand(5, 4), rand(5, 2), booleans(3, 4)), ShapeError, "mask", "(3, 4)", "(3, 5)"),
            Refused((rand(3, 4), rand(5, 4), rand(5, 2), booleans(2, 3, 5)), ShapeError, "mask", "(2, 3, 5)", "(3, 5)"),
            Refused((rand(3, 4), rand(5, 4), rand(5, 2), integers(3, 5)), DTypeError, "int64", "astype(bool)"),
        ],
    ),
    Case(
        Attention(causal=True),
        inputs=(rand(2, 2, 4, 3), rand(2, 2, 4, 3), rand(2, 2, 4, 3)),
        reference=attention(causal=True),
        batch=(0, 0, 0),
    ),
    Case(
        Attention(causal=True),
        inputs=(rand(5, 3), rand(3, 3), rand(3, 2)),
        reference=attention(causal=True),
        name="Attention, causal with fewer keys than queries",
        batch=(0, None, None),
    ),
    Case(
        Attention(causal=True, scale=1.0),
        inputs=(rand(4, 3), rand(4, 3), rand(4, 2)),
        reference=attention(causal=True, scale=1.0),
        name="Attention over a named number of places",
        batch=(0, 0, 0),
    ),
    Case(
        Attention(),
        inputs=(rand(3, 2), rand(4, 2), rand(4, 2), BIAS),
        reference=attention(),
        name="Attention with an added mask of minus infinity",
        unbatched="the mask says the extents",
    ),
    Case(
        Attention(),
        inputs=(rand(2, 2, 3, 2), rand(1, 4, 2), rand(2, 1, 4, 3), booleans(2, 1, 1, 4)),
        reference=attention(),
        batch=(0, None, 0, 0),
    ),
    Case(
        Attention(),
        inputs=(rand(2, 3, 2), rand(2, 4, 2), rand(2, 4, 2), np.array([[[True] * 4], [[False] * 4]])),
        reference=attention(),
        name="Attention of a sequence that is all padding",
        batch=(0, 0, 0, 0),
        points=[
            Point(
                ([[1.0]], [[2.0], [3.0]], [[1.0], [2.0]], np.array([[False, False]])),
                (np.zeros((1, 1)), np.zeros((2, 1)), np.zeros((2, 1)), None),
                (1.0, 0.0),
                (np.zeros((1, 1)), np.zeros((2, 1)), np.zeros((2, 1)), None),
            )
        ],
    ),
    Case(
        RotaryEmbedding(),
        inputs=(rand(2, 3, 4), rand(3, 2), rand(3, 2)),
        reference=turned,
        batch=(0, None, None),
        refused=[
            Refused((rand(3, 5), rand(3, 2), rand(3, 2)), ShapeError, "(3, 5)", "even width"),
            Refused((rand(3, 4), rand(3, 4), rand(3, 4)), ShapeError, "(3, 4)", "(3, 2)"),
        ],
    ),
]
