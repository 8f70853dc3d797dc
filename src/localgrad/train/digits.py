"""The handwritten digits that come with the package: 1,797 small pictures, ten classes.

Origin: *Optical Recognition of Handwritten Digits*, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49, licensed CC BY 4.0. The file holds the repository's test part, as scikit-learn's
`load_digits` gives it; nothing was changed but the storage: one byte per pixel, and the numbers of the test rows added.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.train.npz import read_npz

__all__ = ["load_digits"]

Split: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]
ASSET = Path(__file__).with_name("assets") / "digits.npz"
BRIGHTEST = 16


def load_digits() -> tuple[Split, Split]:
    """The 1,797 digits as `(x_train, y_train), (x_test, y_test)`.

    `x` is float32 of shape (1437, 64) and (360, 64), in [0, 1]: rows of an 8x8 picture one after the other, 1 is ink.
    `y` is int64 of shape (1437,) and (360,), the digit 0 to 9. The split is always the same one: in each class a fifth
    of the pictures, drawn once with a fixed seed, is the test part. The arrays are fresh and may be changed.

    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, x_test.shape, int(y_train[0])
    ((1437, 64), (360, 64), 1)

    Source: UCI "Optical Recognition of Handwritten Digits", CC BY 4.0 (see assets/README.md).
    """
    stored: dict[str, NDArray[Any]] = read_npz(ASSET)
    x = stored["pixels"].astype(np.float32) / np.float32(BRIGHTEST)
    y = stored["digit"].astype(np.int64)
    test = np.zeros(len(y), dtype=np.bool_)
    test[stored["test_rows"]] = True
    return (x[~test], y[~test]), (x[test], y[test])
