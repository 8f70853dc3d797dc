"""Tables from NPZ archives: what they become, and what is said about those that lie."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import DataError
from localgrad.train import npz
from localgrad.train.table import read_table
from tests.table_files import (
    archive,
    write_fixture,  # noqa: F401 -- pytest finds a fixture by its name
)

# ---------------------------------------------------------------- npz


def test_arrays_x_and_y(write: Any) -> None:
    table = read_table(write(archive(x=np.arange(8).reshape(4, 2), y=np.array([5, 7, 5, 7])), "t.npz"))
    assert (table.task, table.class_names, table.feature_names) == ("classification", ("5", "7"), ["x0", "x1"])
    assert table.features.dtype == np.float32
    np.testing.assert_array_equal(table.target, [0, 1, 0, 1])


def test_training_and_test_arrays_of_pictures_share_classes(write: Any) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (6, 1, 4, 4), dtype=np.uint8)
    content = archive(
        x_train=pictures[:4], y_train=np.array(["b", "a", "b", "a"]), x_test=pictures[4:], y_test=np.array(["b", "b"])
    )
    table = read_table(write(content, "t.npz"))
    assert (table.features.shape, table.columns, table.class_names) == ((4, 1, 4, 4), (), ("a", "b"))
    assert table.test is not None
    np.testing.assert_array_equal(table.test.target, [1, 1])
    np.testing.assert_array_equal(table.test.features, pictures[4:])


def test_targets_of_every_shape(write: Any) -> None:
    x = np.zeros((4, 1))
    assert read_table(write(archive(x=x, y=np.array([[0.5], [1], [2], [3]])), "a.npz")).target.shape == (4,)  # type: ignore[union-attr]
    one_hot = read_table(write(archive(x=x, y=np.eye(2)[[0, 1, 1, 0]]), "b.npz"))
    np.testing.assert_array_equal(one_hot.target, [0, 1, 1, 0])
    several = read_table(write(archive(x=x, y=np.arange(8.0).reshape(4, 2)), "c.npz"))
    assert several.task == "regression"
    assert several.target is not None
    assert several.target.shape == (4, 2)
    booleans = read_table(write(archive(x=x, y=np.array([True, False, True, False])), "d.npz"))
    np.testing.assert_array_equal(booleans.target, [1, 0, 1, 0])
    assert read_table(write(archive(x=x), "e.npz")).target is None
    assert read_table(write(archive(x=x, label=np.array([0, 1, 1, 0])), "f.npz"), "label").target_name == "label"


def test_column_major_and_foreign_byte_order(write: Any) -> None:
    x = np.arange(12.0).reshape(4, 3)
    content = archive(x=np.asfortranarray(x).astype(">f8"), y=np.array([0, 1, 1, 0], dtype=">i2"))
    np.testing.assert_array_equal(read_table(write(content, "t.npz")).features, x)


REFUSED_ARCHIVES = [
    (archive(a=np.zeros(3)), "an array 'x' or 'x_train' was expected, found 'a'"),
    (archive(x=np.zeros((3, 2)), y=np.zeros(2)), r"'x' has shape \(3, 2\), 'y' has \(2,\)"),
    (
        archive(x=np.array([[1.0, np.nan], [2, 3]]), y=np.zeros(2)),
        r"array 'x', row 0, column 1: .* found nan \(1 such\)",
    ),
    (archive(x=np.array([1, None], dtype=object)), "array 'x': dtype object holds Python objects"),
    (archive(x=np.array(["a", "b"])), "array 'x': real numbers were expected, found <U1"),
    (archive(x=np.zeros((0, 2))), r"array 'x': at least one row was expected, found shape \(0, 2\)"),
    (archive(x=np.array([1e300])), "array 'x', row 0: a finite number within float32"),
    (archive(x=np.zeros((2, 1)), y=np.zeros((2, 2, 2))), "Reshape it"),
    (archive(x_train=np.zeros((2, 3)), x_test=np.zeros((2, 4))), r"has shape \(3,\), a row of 'x_test' \(4,\)"),
    (
        archive(x_train=np.arange(4), y_train=np.array([0, 1, 0, 1]), x_test=np.arange(2), y_test=np.array([1, 2])),
        "array 'y_test', row 1: the class '2' was not among those learned",
    ),
    (b"", "damaged or no archive"),
    (archive(x=np.zeros(3))[:-30], "damaged or no archive"),
]


@pytest.mark.parametrize("content, message", REFUSED_ARCHIVES, ids=[message[:30] for _, message in REFUSED_ARCHIVES])
def test_refused_archives(write: Any, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(content, "t.npz"))


def header_of(shape: str, content: bytes = b"", dtype: str = "<f8") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(zipfile.ZipInfo("x.npy"), b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(4, 4611686018427387904)", "(-1,)", "(3, 0, 9999999999999999999999)"]
)
def test_a_shape_that_lies(write: Any, shape: str) -> None:
    with pytest.raises(DataError, match="array 'x'"):
        npz.read_npz(write(header_of(shape, bytes(64)), "t.npz"))


def test_data_beyond_the_shape_and_bytes_that_are_no_letters(write: Any) -> None:
    with pytest.raises(DataError, match="more data than shape"):
        npz.read_npz(write(header_of("(2,)", bytes(24)), "t.npz"))
    with pytest.raises(DataError, match="bytes that are no letters"):
        npz.read_npz(write(header_of("(2,)", b"\xff" * 8, "<U1"), "t.npz"))


def test_a_flood_is_refused_before_it_is_unpacked(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "SPARE_BYTES", 100_000)
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.zeros(125_000))
    with pytest.raises(DataError, match="say they unpack to 1,000,128, more than the 12"):
        npz.read_npz(write(stream.getvalue(), "t.npz"))
