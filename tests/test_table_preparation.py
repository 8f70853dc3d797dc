"""Splits of tables, and their preparation for training and for new data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import CheckpointError, DataError
from localgrad.train.preparation import Preparation
from localgrad.train.table import Table, read_table
from tests.table_files import (
    CATS,
    archive,
    write_fixture,  # noqa: F401 -- pytest finds a fixture by its name
)

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
