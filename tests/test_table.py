"""Tables from CSV files: what they become, and what is said about bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import DataError
from localgrad.train.table import read_table
from tests.table_files import (
    CATS,
    write_fixture,  # noqa: F401 -- pytest finds a fixture by its name
)

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
