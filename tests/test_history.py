"""The record of a training run: rows, columns, the best, CSV, and a picture that is sound for any numbers."""

from __future__ import annotations

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localgrad.graph.errors import DataError, FileWriteError, NameLookupError
from localgrad.train.curves import nice_ticks
from localgrad.train.history import History, smaller_is_better


@pytest.fixture
def history() -> History:
    history = History()
    history.append(epoch=1, step=45, loss=0.9, learning_rate=0.1, seconds=0.5, validation_loss=0.8, accuracy=0.5)
    history.append(epoch=2, step=90, loss=0.1 + 0.2, accuracy=0.7, learning_rate=0.1, seconds=0.5)
    history.append(epoch=3, step=135, loss=math.nan, validation_loss=0.4, accuracy=0.7, learning_rate=0.05)
    return history


# ---------------------------------------------------------------- rows and columns


def test_columns_are_arrays_and_rows_are_dicts(history: History) -> None:
    assert history.columns == ["epoch", "step", "loss", "validation_loss", "accuracy", "learning_rate", "seconds"]
    np.testing.assert_array_equal(history["validation_loss"], [0.8, np.nan, 0.4])
    assert history["epoch"].dtype == np.float64
    assert history[-1]["step"] == 135
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert len(history) == 3
    assert "accuracy" in history
    assert "f1" not in history


def test_rows_handed_out_are_copies(history: History) -> None:
    history[0]["loss"] = 7.0
    next(iter(history))["loss"] = 7.0
    history.best("accuracy")["loss"] = 7.0
    assert 7.0 not in history["loss"]


def test_numpy_numbers_become_plain_ones_and_none_is_left_out() -> None:
    history = History()
    history.append(epoch=np.int64(1), loss=np.float32(0.5), accuracy=None)
    assert history[0] == {"epoch": 1, "loss": 0.5}
    assert {type(value) for value in history[0].values()} == {int, float}


def test_unknown_names_and_bad_values(history: History) -> None:
    with pytest.raises(NameLookupError, match="no column 'acuracy'; the nearest are 'accuracy'"):
        history["acuracy"]
    with pytest.raises(DataError, match="a number was expected for 'loss', found 'high'"):
        history.append(loss="high")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="a row of named numbers"):
        History([3])  # type: ignore[list-item]
    assert len(history) == 3


def test_the_best_row(history: History) -> None:
    assert history.best()["epoch"] == 3
    assert history.best("accuracy")["epoch"] == 2
    assert history.best("accuracy", mode="min")["epoch"] == 1
    assert history.best("loss")["epoch"] == 2
    with pytest.raises(DataError, match="no value of it is finite"):
        History([{"loss": math.nan}]).best()


def test_which_way_is_better() -> None:
    assert all(map(smaller_is_better, ["loss", "validation_loss", "mean_absolute_error", "RMSE", "perplexity"]))
    assert not any(map(smaller_is_better, ["accuracy", "validation_accuracy", "r2", "f1", "auc"]))


def test_as_text(history: History) -> None:
    lines = str(history).splitlines()
    assert lines[0].split() == history.columns
    assert lines[2].split() == ["2", "90", "0.3", "0.7", "0.1", "0.5"]
    assert repr(history) == "History(3 rows; last: loss nan, validation_loss 0.4, accuracy 0.7)"
    assert repr(History()) == "History(no rows)"


# ---------------------------------------------------------------- csv


def test_csv_keeps_every_bit(history: History, tmp_path: Path) -> None:
    history.to_csv(tmp_path / "history.csv")
    copy = History.from_csv(tmp_path / "history.csv")
    assert copy == history
    assert copy[1]["loss"] == 0.1 + 0.2
    assert "validation_loss" not in copy[1]
    assert type(copy[0]["epoch"]) is int
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]


def test_a_history_goes_through_a_checkpoint_as_rows(history: History) -> None:
    assert History(list(history)) == history


@pytest.mark.parametrize(
    "content, message",
    [
        (b"epoch,loss\n1,0.5\n2\n", "line 3: 2 cells were expected, found 1"),
        (b"epoch,loss\n1,low\n", "line 2, column 'loss': a number was expected, found 'low'"),
        (b"loss,loss\n1,2\n", "line 1: names were expected, each once"),
        (b"\xff\xfe", "damaged"),
        (b'epoch,"loss\n1,2', "damaged"),
    ],
)
def test_damaged_csv(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "h.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        History.from_csv(tmp_path / "h.csv")


def test_paths(history: History, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        History.from_csv(tmp_path / "absent.csv")
    with pytest.raises(FileWriteError, match="does not exist"):
        history.to_svg(tmp_path / "absent" / "h.svg")


def test_any_bytes_load_or_raise_data_error(tmp_path: Path) -> None:
    alphabet = [
        b"epoch",
        b"self",
        b",",
        b"\n",
        b"\r",
        b'"',
        b"1",
        b"1e999",
        b"nan",
        b"\xff",
        b"\x00",
        b" ",
        b"-",
        b"\xc3\xa9",
    ]
    rng, path, loaded = np.random.default_rng(3), tmp_path / "h.csv", 0
    for _ in range(500):
        path.write_bytes(
            b"epoch,self\n" + b"".join(alphabet[i] for i in rng.integers(0, len(alphabet), rng.integers(0, 9)))
        )
        try:
            History.from_csv(path).svg()
            loaded += 1
        except DataError as error:
            last = str(error)
    assert 10 < loaded < 490
    assert str(path) in last


# ---------------------------------------------------------------- pictures


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]


def test_the_picture_has_a_panel_for_the_loss_each_metric_and_a_changing_rate(history: History) -> None:
    found = texts(history.svg())
    assert [name for name in ("loss", "accuracy", "learning rate") if name in found] == [
        "loss",
        "accuracy",
        "learning rate",
    ]
    assert {"training", "validation", "epoch"} <= set(found)
    assert "best 0.4 · epoch 3" in found
    assert "best 0.7 · epoch 2" in found
    assert "learning rate" not in texts(History(list(history)[:2]).svg())


def test_the_picture_follows_the_viewers_theme_and_is_one_file(history: History, tmp_path: Path) -> None:
    history.to_svg(tmp_path / "history.svg")
    svg = (tmp_path / "history.svg").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"(href|src|url)\s*[=(]", svg)
    assert svg == history.svg() == history._repr_mimebundle_()["image/svg+xml"]


def test_a_value_that_is_not_finite_is_a_gap_with_a_cross() -> None:
    history = History([{"epoch": e, "loss": value} for e, value in enumerate([3, 2, math.nan, 1, 2], 1)])
    svg = history.svg()
    assert svg.count('class="bad"') == 1
    line = re.search(r'class="line s0" d="([^"]*)"', svg.split('y="41">training')[1])
    assert line is not None
    assert re.sub(r"[-0-9. ]", "", line[1]) == "MLML"


def test_the_largest_value_is_highest_in_the_picture() -> None:
    svg = History([{"epoch": e, "accuracy": value} for e, value in enumerate([0.2, 0.8, 0.5], 1)]).svg()
    line = re.findall(r'class="line s0" d="([^"h]*)"', svg)[0]
    heights = [float(place.split()[1]) for place in re.split("[ML]", line)[1:]]
    assert heights[1] < heights[2] < heights[0]
    assert (heights[0] - heights[2]) == pytest.approx(heights[2] - heights[1], abs=0.2)


def test_a_loss_over_decades_is_drawn_in_logarithms() -> None:
    svg = History([{"epoch": e, "loss": 10.0**-e} for e in range(1, 5)]).svg()
    assert "log scale" in texts(svg)
    line = re.findall(r'class="line s0" d="([^"h]*)"', svg)[0]
    heights = [float(place.split()[1]) for place in re.split("[ML]", line)[1:]]
    np.testing.assert_allclose(np.diff(heights), heights[1] - heights[0], atol=0.2)


def test_a_long_run_stays_a_small_picture_and_keeps_its_peak() -> None:
    rows = [{"epoch": e, "loss": 1.0 + (e == 7777)} for e in range(1, 20_001)]
    svg = History(rows).svg()
    assert len(svg) < 30_000
    top = min(
        float(y) for y in re.findall(r"[ML][0-9.]+ ([0-9.]+)", re.findall(r'line(?: thin)? s0" d="([^"h]*)"', svg)[0])
    )
    assert top < 80


def test_names_are_text_and_not_markup() -> None:
    history = History([{"epoch": 1, "<b>&": 1.0}, {"epoch": 2, "<b>&": 2.0}])
    assert "<b>&" in texts(history.svg())


def test_without_rows_there_is_a_picture_that_says_so() -> None:
    assert texts(History().svg()) == ["nothing recorded yet"]


numbers = st.floats() | st.sampled_from([0.0, 1e16, 1e16 + 2, 5e-324, -1e308, 1e308])


@given(
    st.lists(st.fixed_dictionaries({"loss": numbers}, optional={"validation_loss": numbers, "a": numbers}), max_size=6)
)
def test_any_numbers_make_a_sound_picture(rows: list[dict[str, float]]) -> None:
    svg = History([{"epoch": number, **row} for number, row in enumerate(rows)]).svg()
    for element in ElementTree.fromstring(svg).iter():
        for name, value in element.attrib.items():
            if name in ("d", "x", "y", "cx", "cy"):
                assert not re.search("nan|inf", value)
                assert all(abs(float(number)) < 2000 for number in re.findall(r"-?[0-9.]+", value))


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.31, 0.96, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (1, 25, [5, 10, 15, 20, 25]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert nice_ticks(low, high) == expected
