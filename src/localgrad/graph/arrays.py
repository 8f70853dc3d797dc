"""What users hand over, as arrays with the dtypes of the design."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import CaptureError, DTypeError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import as_dtype


def as_array(data: Any, dtype: Any = None, floating: bool = False) -> NDArray[Any]:
    """A new array of a real dtype: Python floats give float32, ints int64 (float32 if `floating`), arrays keep theirs."""
    value = getattr(data, "_value", data)
    if type(value).__name__ == "Spec" and value is not data:
        raise CaptureError(f"a tensor without a value was to become an array{user_line()}")
    if value.__class__ is np.ndarray and dtype is None and value.dtype.kind in "fiub" and value.dtype.isnative:
        return value.copy()
    try:
        array = np.array(value)
    except ValueError as error:
        raise ShapeError(
            f"a tensor was to be made from nested lists{user_line()}\nfound: rows of different lengths ({error})\n"
            "do: make all rows equally long, or pad them"
        ) from None
    except TypeError as error:
        raise DTypeError(f"a tensor was to be made from {type(value).__name__}{user_line()}\nfound: {error}") from None
    if array.dtype.kind not in "fiub":
        found = "complex numbers" if array.dtype.kind == "c" else f"{array.dtype} values ({type(value).__name__})"
        raise DTypeError(
            f"a tensor was to be made{user_line()}\nfound: {found}\n"
            "do: give real numbers or booleans (text has to be encoded as class indices first)"
        )
    if dtype is not None:
        return array.astype(as_dtype(dtype), copy=False)
    if not _has_own_dtype(value):
        if array.dtype.kind == "f" or (array.dtype.kind in "iu" and floating):
            return array.astype(np.float32)
        if array.dtype.kind in "iu":
            return array.astype(np.int64, copy=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _has_own_dtype(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and len(value):
        value = value[0]
    return hasattr(value, "dtype")
