"""NumPy's `where`, several times as fast on large arrays: it chooses by bits where NumPy branches entry by entry."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

_BITS: Final = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}
_SHORT: Final = 1024  # entries up to which NumPy's is as fast


def choose(condition: Any, a: Any, b: Any) -> Any:
    """What `np.where(condition, a, b)` gives, to the bit.

    >>> choose(np.array([True, False]), np.array([1.0, 2.0]), 0.0)
    array([1., 0.])
    """
    if condition.__class__ is np.ndarray and condition.size > _SHORT and condition.dtype == np.bool_:
        like = a if a.__class__ is np.ndarray else b
        if like.__class__ is np.ndarray and like.dtype in _BITS and like.shape == condition.shape:
            other = b if like is a else a
            if other.__class__ in (float, int) or (
                other.__class__ is np.ndarray and other.dtype == like.dtype and other.shape == like.shape
            ):
                return _by_bits(condition, a, b, like.dtype)
    return np.where(condition, a, b)


def _by_bits(condition: Any, a: Any, b: Any, dtype: np.dtype[Any]) -> Any:
    bits = _BITS[dtype]
    mask = condition.astype(bits)
    if _is_zero(a):
        mask -= 1
        mask &= b.view(bits)
        return mask.view(dtype)
    np.negative(mask, out=mask)
    if _is_zero(b):
        mask &= a.view(bits)
        return mask.view(dtype)
    left, right = (x.view(bits) if isinstance(x, np.ndarray) else dtype.type(x).view(bits) for x in (a, b))
    mask &= left ^ right
    mask ^= right
    return mask.view(dtype)


def _is_zero(x: Any) -> bool:
    return x.__class__ is not np.ndarray and x == 0 and math.copysign(1.0, x) > 0
