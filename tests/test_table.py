"""Tables from files: what they become, what is said about bad ones, and that no bytes do worse than a DataError."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import CheckpointError, DataError
from localgrad.train import npz
from localgrad.train.preparation import Preparation
from localgrad.train.table import Table, read_table

CATS = "weight,colour,age,kind\n4.5,red,2,cat\n30,grey,7,dog\n5,grey,3,cat\n28.5,red,1,dog\n"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def archive(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


# ---------------------------------------------------------------- what a CSV becomes


def test_numbers_texts_and_classes(write: Any) -> None:
    table = read_table(write(CATS), "kind")
    assert table.feature_names == ["weight", "colour=grey", "colour=red", "age"]
    np.testing.assert_array_equal(
        table.features, np.float32([[4.5, 0, 1, 2], [30, 1, 0, 7], [5, 1, 0, 3], [28.5, 0, 1, 1]])
    )
    assert table.features.dtype == np.float32
    assert (table.task, table.class_names, table.target_name) == ("classification", ("cat", "dog"), "kind")
    assert table.target is not None
    assert table.target.dtype == np.int64
    np.testing.assert_array_equal(table.target, [0, 1, 0, 1])
    assert repr(table) == "Table(4 rows, 4 features, 2 classes of 'kind': cat, dog)"


def test_a_regression(write: Any) -> None:
    table = read_table(write(CATS), "weight", drop=["kind"])
    assert (table.task, table.class_names) == ("regression", ())
    assert table.target is not None
    assert table.target.dtype == np.float32
    np.testing.assert_array_equal(table.target, np.float32([4.5, 30, 5, 28.5]))
    assert [column.name for column in table.columns] == ["colour", "age"]


@pytest.mark.parametrize(
    "values, task, names",
    [
        ([3, 1, 3, 1], "classification", ("1", "3")),
        ([1.0, 0.0, 1.0, 0.0], "classification", ("0", "1")),
        ([0.5, 1, 0, 1], "regression", ()),
        (list(range(50)), "regression", ()),
        ([i % 20 for i in range(60)], "classification", tuple(map(str, range(20)))),
        ([i % 21 for i in range(60)], "regression", ()),
    ],
)
def test_the_task_is_found_from_the_target(write: Any, values: list[float], task: str, names: tuple[str, ...]) -> None:
    table = read_table(write("a,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values))), "y")
    assert (table.task, table.class_names) == (task, names)


def test_the_task_can_be_said(write: Any) -> None:
    path = write("a,y\n1,1\n2,2\n3,1\n4,2\n")
    assert read_table(path, "y").task == "classification"
    assert read_table(path, "y", task="regression").task == "regression"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(write: Any, delimiter: str, line_end: str) -> None:
    text = CATS.replace(",", delimiter).replace("\n", line_end)
    np.testing.assert_array_equal(read_table(write(text), "kind").features[:, 0], np.float32([4.5, 30, 5, 28.5]))


def test_byte_order_mark_blanks_quotes_and_empty_lines(write: Any) -> None:
    text = '\ufeffname, "a, b",y\n\n"x, ""y""\nz",  1 ,u\n"w",2, v \n\n'
    table = read_table(write(text), "y", task="classification")
    assert table.feature_names == ["name=w", 'name=x, "y"\nz', "a, b"]
    assert table.class_names == ("u", "v")


def test_another_encoding(write: Any) -> None:
    path = write("名,y\n猫,1\n狗,2\n猫,2\n狗,1\n".encode("gbk"))
    assert read_table(path, "y", encoding="gbk").feature_names == ["名=狗", "名=猫"]


def test_a_long_file_goes_in_pieces(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localgrad.train.delimited.CELLS_AT_ONCE", 9)
    rows = "".join(f"{i},{'ab'[i % 2]}{i % 3},{i % 2}\n" for i in range(100))
    table = read_table(write("n,text,y\n" + rows), "y")
    np.testing.assert_array_equal(table.features[:, 0], np.arange(100))
    expected = [f"{'ab'[i % 2]}{i % 3}" for i in range(100)]
    names = [name.removeprefix("text=") for name in table.feature_names[1:]]
    assert [names[i] for i in table.features[:, 1:].argmax(axis=1)] == expected
    with pytest.raises(DataError, match=r"line 102, column 'n': .* found 'x'"):
        read_table(write("n,text,y\n" + rows + "x,a0,1\n"), "y")
    with pytest.raises(DataError, match="line 102: 3 cells were expected as in the header, found 4"):
        read_table(write("n,text,y\n" + rows + "1,a0,1,1\n"), "y")


# ---------------------------------------------------------------- what is said about bad ones

ABY = "a,b,y\n1,2,3\n"
REFUSED = [
    ("", "it is empty"),
    ("\n\n", "begins with empty lines only"),
    (ABY[:6], "no row below it"),
    (
        "1,2,y\n".replace("y", "3") + "4,5,6\n",
        r"line 1: names .* found the number '1'\. Add a first line with 3 names, such as c1,c2,c3\.",
    ),
    ("5.1,3.5,Iris\n4,5,Iris\n", "found the number '5.1'"),
    ("a,b,a\n1,2,3\n", "line 1: columns 1 and 3 have the same name 'a'"),
    (",b,y\n1,2,3\n", r"line 1: column 1 has no name.*to_csv\(path, index=False\)"),
    ("a,,y\n1,2,3\n", "line 1: column 2 has no name"),
    (ABY + "1,2\n", "line 3: 3 cells were expected as in the header, found 2"),
    (ABY + "1,,3\n", "line 3, column 'b': a value was expected, and the cell is empty"),
    (ABY + "1,NA,3\n", r"line 3, column 'b': a value was expected, and it is missing \('NA'\)"),
    (ABY + "\n1,nan,3\n", "line 4, column 'b': .* missing"),
    (ABY + "1,-inf,3\n", "line 3, column 'b': a finite number within float32 was expected, found '-inf'"),
    (ABY + "1,1e39,3\n", "found '1e39'"),
    (ABY + "1,x,3\n4,5,6\n", "line 3, column 'b': a number was expected as in the other rows, found 'x'"),
    ("a;b;y\n1;2,5;3\n1;4,5;4\n", r"line 2, column 'b': .* found '2,5' \(a decimal comma\? write a point\)"),
    ("a,b,y\nu,?,0\nv,?,1\n", r"column 'b': .* missing \('\?'\)"),
    ("a,b,y\n,2,0\nv,3,1\nw,4,1\n", "line 2, column 'a': .* the cell is empty"),
    ('a,b,y\n1,"x\ny",3\n1,z,3\n,u,4\n', "line 5, column 'a'"),
    (ABY + '1,"2,3\n1,2,3\n', "a cell has no end"),
    (ABY + '1,"2"x,3\n', "line 3: a quoted cell is malformed"),
    (ABY + "1,2,\0\n", "line 3: a zero byte"),
    ("a,y\n1,é\n".encode("latin-1"), r"line 2: the byte 0xe9 is not UTF-8\. Save the file as UTF-8"),
    (ABY.encode("utf-16"), "encoded as UTF-16"),
    (b"PK\x03\x04rest", "an Excel workbook or zip archive"),
    (b"\x1f\x8brest", "compressed"),
    ("a|b|y\n1|2|3\n", "one column 'a|b|y' is no table"),
    ("y\n1\n2\n", "no column is left to learn from"),
    ("a,y\n1,5\n2,5\n", "all 2 rows are of the one class '5'"),
    ("a,y\n1,2.5\n2,2.5\n", "all 2 values are 2.5"),
    ("a,y\n1,k\n2,l\n3,m\n", "3 different classes in 3 rows"),
    ("a,y\n" + "".join(f"t{i},{i % 2}\n" for i in range(101)), r"column 'a': 101 different texts \(such as 't0'\)"),
    ("a,y\n" + "1" * 8_000_001, "line 2: more than 8,000,000 characters"),
]


@pytest.mark.parametrize("content, message", REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_refused(write: Any, content: str | bytes, message: str) -> None:
    path = write(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path, "y")
    assert str(path) in str(caught.value)


def test_unknown_names_get_the_nearest(write: Any) -> None:
    with pytest.raises(DataError, match=r"'Kin' was asked for and is not in the header; the nearest are 'kind'"):
        read_table(write(CATS), "Kin")
    with pytest.raises(DataError, match=r"'color' .* the nearest are 'colour'"):
        read_table(write(CATS), "kind", drop=["color"])
    with pytest.raises(DataError, match="there are 'weight', 'colour', 'age', 'kind'"):
        read_table(write(CATS), "zzz")


def test_a_wrong_task_is_explained(write: Any) -> None:
    with pytest.raises(DataError, match=r"line 2, column 'weight': .* found 4.5. Use task='regression'"):
        read_table(write(CATS), "weight", task="classification")
    with pytest.raises(DataError, match="line 2, column 'kind': a number was expected"):
        read_table(write(CATS), "kind", task="regression")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_table(tmp_path / "absent.csv", "y")
    with pytest.raises(DataError, match="No such file"):
        read_table(tmp_path / "absent.npz")
    with pytest.raises(DataError, match="it is a folder"):
        read_table(tmp_path, "y")


def test_an_unknown_encoding(write: Any) -> None:
    with pytest.raises(DataError, match="'klingon' is unknown"):
        read_table(write(CATS), "kind", encoding="klingon")


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


# ---------------------------------------------------------------- damaged bytes

CSV_SEED = b'a,"b ""q""",text,y\n' + b'1,2.5,"red, or\nnot",cat\n-3e2,4,blue,dog\n' * 4
X_MEMBER, Y_MEMBER = io.BytesIO(), io.BytesIO()
np.save(X_MEMBER, np.arange(60.0).reshape(30, 2))
np.save(Y_MEMBER, np.array(["a", "b", "ba"] * 10))


def zipped(*members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in zip(("x.npy", "y.npy"), members):
            file.writestr(zipfile.ZipInfo(name), content)  # a bare name would bring the time of day into the bytes
    return stream.getvalue()


NPZ_SEED = zipped(X_MEMBER.getvalue(), Y_MEMBER.getvalue())
TRICKS = [
    b"\x00",
    b"\xff",
    b'"',
    b"\n",
    b",",
    b";",
    b"1e999",
    b"nan",
    b"-",
    b"\xef\xbb\xbf",
    b"\x80\x03",
    b"9" * 30,
    b"(",
    b"\xff\xff\xff\xff",
]


def damaged(seed: bytes, randomness: random.Random) -> bytes:
    content = bytearray(seed)
    for _ in range(randomness.randint(1, 2)):
        place = randomness.randrange(len(content) + 1)
        match randomness.randrange(5):
            case 0:
                content[place : place + 1] = bytes([randomness.randrange(256)])
            case 1:
                content[place:place] = randomness.choice(TRICKS)
            case 2:
                del content[place : place + randomness.randint(1, 20)]
            case 3:
                del content[place:]
            case _:
                content[place : place + 8] = randomness.choice(TRICKS)
    return bytes(content)


DAMAGES = {
    "csv": ("t.csv", lambda randomness: damaged(CSV_SEED, randomness)),
    "zip": ("t.npz", lambda randomness: damaged(NPZ_SEED, randomness)),
    # The checksums of the archive hide what is inside: here they are right.
    "x": ("t.npz", lambda randomness: zipped(damaged(X_MEMBER.getvalue(), randomness), Y_MEMBER.getvalue())),
    "y": ("t.npz", lambda randomness: zipped(X_MEMBER.getvalue(), damaged(Y_MEMBER.getvalue(), randomness))),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_bytes_load_or_raise_data_error(tmp_path: Path, what: str) -> None:
    name, make = DAMAGES[what]
    randomness, path = random.Random(20), tmp_path / name
    loaded, messages = 0, set()
    for _ in range(400):
        path.write_bytes(make(randomness))
        try:
            table = read_table(path, "y")
        except DataError as error:
            messages.add(str(error))
        else:
            loaded += 1
            assert np.isfinite(table.features).all()
            assert len(table.class_names) != 1
    # Both must happen, or the damage is not of the kind that is meant.
    assert loaded > 0
    assert len(messages) > 5
    assert all(str(path) in message for message in messages)


# ---------------------------------------------------------------- split and preparation


def test_a_split_keeps_classes_and_is_a_function_of_the_seed(write: Any) -> None:
    rows = "".join(f"{i},{'aab'[i % 3]}\n" for i in range(90))
    table = read_table(write("n,y\n" + rows), "y")
    train, test = table.split(0.2, seed=3)
    np.testing.assert_array_equal(np.bincount(test.target), [12, 6])
    assert sorted([*train.features[:, 0], *test.features[:, 0]]) == list(range(90))
    np.testing.assert_array_equal(table.split(0.2, seed=3)[1].features, test.features)
    assert (table.split(0.2, seed=4)[1].features != test.features).any()
    with pytest.raises(DataError, match="leaves a part empty"):
        table.split(0.01)


def test_preparation_standardises_numbers_and_leaves_categories(write: Any) -> None:
    table = read_table(write("n,const,text,y\n1,7,u,1.5\n2,7,v,2.5\n3,7,u,6.5\n"), "y")
    preparation = Preparation.fit(table)
    x = preparation.apply(table)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0], [-1.2247449, 0, 1.2247449], rtol=1e-6)
    np.testing.assert_array_equal(x[:, 1], 0)
    np.testing.assert_array_equal(x[:, 2:], [[1, 0], [0, 1], [1, 0]])
    y = preparation.apply_target(table)
    assert (y.shape, y.dtype) == ((3, 1), np.float32)
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=1e-6)
    np.testing.assert_allclose(preparation.restore_target(y)[:, 0], [1.5, 2.5, 6.5], rtol=1e-6)


def test_preparation_is_exact_far_from_zero() -> None:
    values = np.float32(2**22) + np.arange(4000, dtype=np.float32).reshape(-1, 1) % 5
    preparation = Preparation.fit(Table(values, None, ()))
    assert preparation.mean[0] == 2**22 + 2
    np.testing.assert_allclose(preparation.std[0], np.sqrt(2), rtol=1e-12)


def test_without_standardising_the_features_stay(write: Any) -> None:
    table = read_table(write(CATS), "kind")
    np.testing.assert_array_equal(Preparation.fit(table, standardise=False).apply(table), table.features)


def test_pictures_have_one_mean() -> None:
    pictures = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    preparation = Preparation.fit(Table(pictures, None, ()))
    assert preparation.mean.tolist() == [11.5]
    assert preparation.apply(pictures).shape == pictures.shape
    with pytest.raises(DataError, match=r"rows of shape \(3, 2, 2\) were expected"):
        preparation.apply(pictures[:, :2])


def test_preparation_survives_json(write: Any) -> None:
    table = read_table(write(CATS), "kind")
    preparation = Preparation.fit(table)
    copy = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    np.testing.assert_array_equal(copy.apply(table), preparation.apply(table))
    assert (copy.columns, copy.class_names, copy.task, copy.target_name) == (
        table.columns,
        ("cat", "dog"),
        "classification",
        "kind",
    )


@pytest.mark.parametrize(
    "change, entry",
    [
        ({"version": 2}, "version 1 was expected, found 2"),
        ({"mean": None}, "'mean'"),
        ({"mean": [1.0]}, "'std'"),
        ({"mean": [1.0], "std": [1.0]}, "'mean'"),
        ({"std": [0, 1, 1, 1]}, "'std'"),
        ({"mean": [1, 2, 3, float("nan")]}, "'mean'"),
        ({"mean": [1, 2, 3, 10**400]}, "'mean'"),
        ({"columns": [{"name": 1}]}, "'name'"),
        ({"columns": [3]}, "'columns'"),
        ({"task": "both"}, "'task'"),
        ({"class_names": [1]}, "'class_names'"),
        ({"target_name": 3}, "'target_name'"),
    ],
)
def test_damaged_preparation(write: Any, change: dict[str, Any], entry: str) -> None:
    stored = Preparation.fit(read_table(write(CATS), "kind")).to_json() | change
    with pytest.raises(CheckpointError, match=entry):
        Preparation.from_json(stored)
    with pytest.raises(CheckpointError, match="found 'list'"):
        Preparation.from_json([])


# ---------------------------------------------------------------- new data for a trained model


@pytest.fixture
def trained(write: Any) -> Preparation:
    return Preparation.fit(read_table(write(CATS, "train.csv"), "kind"))


def test_new_data_may_have_other_order_and_more_columns(write: Any, trained: Preparation) -> None:
    table = read_table(write("age,note,colour,weight\n2,hello,red,4.5\n"), like=trained)
    np.testing.assert_array_equal(trained.apply(table), trained.apply(np.float32([[4.5, 0, 1, 2]])))
    assert table.target is None


def test_new_data_are_judged_by_the_known_classes(write: Any, trained: Preparation) -> None:
    path = write("age,colour,weight,kind\n2,red,4.5,dog\n")
    np.testing.assert_array_equal(read_table(path, "kind", like=trained).target, [1])
    with pytest.raises(DataError, match=r"line 2, column 'kind': the class 'dgo' .* the nearest are 'dog'"):
        read_table(write("age,colour,weight,kind\n2,red,4.5,dgo\n"), "kind", like=trained)


def test_new_data_that_do_not_fit(write: Any, trained: Preparation) -> None:
    with pytest.raises(
        DataError,
        match="the column 'weight' is missing that the model was trained on; for 'weight' the nearest are 'Weight'",
    ):
        read_table(write("age,colour,Weight\n2,red,4\n"), like=trained)
    with pytest.raises(DataError, match=r"2 columns are missing \('weight', 'age'\)"):
        read_table(write("Age,colour,Weight\n2,red,4\n"), like=trained)
    with pytest.raises(DataError, match=r"line 3, column 'colour': 'blue' is no category .* there are 'grey', 'red'"):
        read_table(write("age,colour,weight\n2,red,4\n2,blue,4\n"), like=trained)
    with pytest.raises(DataError, match="line 2, column 'age': a number was expected"):
        read_table(write("age,colour,weight\nold,red,4\n"), like=trained)
    with pytest.raises(DataError, match=r"rows of shape \(4,\) were expected as in the training data, found \(3,\)"):
        read_table(write(archive(x=np.zeros((2, 3))), "t.npz"), like=trained)


def test_categories_that_look_like_numbers_stay_categories(write: Any) -> None:
    preparation = Preparation.fit(read_table(write("code,y\nA,0\n7,1\nB,1\nC,0\n"), "y"))
    assert read_table(write("code\n7\n7\n"), like=preparation).features.tolist() == [[1, 0, 0, 0]] * 2


def test_a_table_of_other_columns_is_not_prepared(write: Any, trained: Preparation) -> None:
    with pytest.raises(DataError, match="the table: the column 'age' is missing"):
        trained.apply(read_table(write(CATS), "kind", drop=["age"]))
    swapped = read_table(write("colour,weight,age\nred,1,2\ngrey,1,2\n"))
    with pytest.raises(DataError, match="were expected in this order"):
        trained.apply(swapped)
    with pytest.raises(DataError, match="the table has none"):
        trained.apply_target(swapped)
