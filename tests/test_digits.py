"""The packaged digits are the public ones; run as a script, this file makes the asset again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from localgrad.train.digits import ASSET, load_digits
from localgrad.train.npz import read_npz

TEST_SIZE = 360
SPLIT_SEED = 1797


def make_asset(path: Path) -> None:
    """Write scikit-learn's digits, with the rows of the test part: a fifth of each class, 360 in all."""
    from sklearn.datasets import load_digits as original

    source = original()
    counts = np.bincount(source.target)
    exact = counts * TEST_SIZE / counts.sum()
    wanted = np.floor(exact).astype(int)
    # The places lost to rounding go to the classes that lost most.
    wanted[np.argsort(wanted - exact, kind="stable")[: TEST_SIZE - wanted.sum()]] += 1
    # Of NumPy's generators only RandomState promises the same numbers in every version.
    shuffled = np.random.RandomState(SPLIT_SEED).permutation(len(source.target))
    rows = [shuffled[source.target[shuffled] == digit][: wanted[digit]] for digit in range(10)]
    np.savez_compressed(
        path,
        pixels=source.data.astype(np.uint8),
        digit=source.target.astype(np.uint8),
        test_rows=np.sort(np.concatenate(rows)).astype(np.uint16),
    )


def test_the_asset_is_what_the_source_gives(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    make_asset(tmp_path / "digits.npz")
    fresh, stored = read_npz(tmp_path / "digits.npz"), read_npz(ASSET)
    assert fresh.keys() == stored.keys()
    for name, array in fresh.items():
        assert array.dtype == stored[name].dtype
        np.testing.assert_array_equal(stored[name], array)


def test_the_split_has_every_picture_once_in_the_source_order() -> None:
    original = pytest.importorskip("sklearn.datasets").load_digits()
    (x_train, y_train), (x_test, y_test) = load_digits()
    pictures = np.concatenate([x_train, x_test]) * 16
    labels = np.concatenate([y_train, y_test])
    both = np.column_stack([pictures, labels])
    source = np.column_stack([original.data, original.target])
    assert sorted(map(tuple, both)) == sorted(map(tuple, source))


def test_shapes_dtypes_and_range() -> None:
    (x_train, y_train), (x_test, y_test) = load_digits()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((1437, 64), (1437,), (360, 64), (360,))
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int64
    assert x_train.min() == 0.0
    assert x_train.max() == 1.0


def test_the_split_is_stratified_and_always_the_same() -> None:
    (x_train, y_train), (_, y_test) = load_digits()
    share = np.bincount(y_test) / (np.bincount(y_test) + np.bincount(y_train))
    assert np.abs(share - 360 / 1797).max() < 0.003
    np.testing.assert_array_equal(load_digits()[0][0], x_train)


def test_the_arrays_are_the_callers_own() -> None:
    (x_train, _), _ = load_digits()
    x_train[:] = 7
    assert load_digits()[0][0].max() == 1.0


if __name__ == "__main__":
    make_asset(Path(sys.argv[1]))
