"""The command line on tables: training, predicting, run folders, and what it says about mistakes in them."""

import csv
import io
import json
import signal
from pathlib import Path

import numpy as np
import pytest

from localgrad.cli import fitting, main
from localgrad.train.history import History
from tests.test_cli import said, tells

ROWS = 60
FAST = ("--learning-rate", "0.01")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def flowers(rows=ROWS, seed=0):
    """A table of two numbers and a colour; the kind follows from them."""
    random = np.random.default_rng(seed)
    lines = ["length,width,colour,kind"]
    for _ in range(rows):
        kind = random.choice(["rose", "lily", "猫, quoted"])
        shift = {"rose": 0, "lily": 5, "猫, quoted": 10}[kind]
        colour = "red" if kind == "rose" else random.choice(["white", "red"])
        lines.append(f'{random.normal(shift):.3f},{random.normal(-shift):.3f},{colour},"{kind}"')
    return "\n".join(lines) + "\n"


def houses(rows=ROWS):
    random = np.random.default_rng(1)
    area, age = random.uniform(50, 200, rows), random.uniform(0, 50, rows)
    lines = [f"{a:.2f},{b:.2f},{3000 * a - 1000 * b + 50000:.2f}" for a, b in zip(area, age)]
    return "\n".join(["area,age,price", *lines]) + "\n"


def written(name, text):
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def trained(capsys):
    """A run on the flowers, in `runs/mine`."""
    data = written("flowers.csv", flowers())
    assert (
        main(["train", data, "--target", "kind", "--epochs", "24", "--layers", "16", *FAST, "--out", "runs/mine"]) == 0
    )
    return capsys.readouterr().out


def test_classes_are_learned_and_predicted(trained, capsys):
    assert "3 classes of 'kind': lily, rose, 猫, quoted" in trained
    assert "49 rows to learn from, 11 for validation" in trained
    run = json.loads(Path("runs/mine/run.json").read_text(encoding="utf-8"))
    assert run["results"]["validation_accuracy"] > 0.8
    new = written("new.csv", flowers(seed=5))
    assert main(["predict", "runs/mine", new]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == ROWS
    true = [row["kind"] for row in csv.DictReader(io.StringIO(flowers(seed=5)))]
    right = np.mean([row["prediction"] == kind for row, kind in zip(rows, true)])
    assert right > 0.8
    assert f"accuracy {right:.4g}" in err
    for row in rows:
        shares = [float(row[f"probability_{name}"]) for name in ("lily", "rose", "猫, quoted")]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert float(row["probability"]) == max(shares)


def test_other_order_further_columns_and_no_target_change_nothing(trained, capsys):
    assert main(["predict", "runs/mine", "flowers.csv"]) == 0
    expected = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(flowers())))
    out = io.StringIO()
    writer = csv.DictWriter(out, ["colour", "note", "width", "length"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows([{**row, "note": "anything"} for row in rows])
    assert main(["predict", "runs/mine", written("other.csv", out.getvalue())]) == 0
    captured = capsys.readouterr()
    assert captured.out == expected
    assert captured.err == ""


def test_predictions_into_a_file(trained, capsys):
    assert main(["predict", "runs/mine", "flowers.csv"]) == 0
    expected = capsys.readouterr().out
    assert main(["predict", "runs/mine", "flowers.csv", "-o", "out.csv"]) == 0
    assert Path("out.csv").read_text(encoding="utf-8") == expected
    assert capsys.readouterr().out == ""
    assert main(["predict", "runs/mine", "flowers.csv", "-o", "nowhere/out.csv"]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("length,colour\n1,red\n", ["new.csv", "'width'", "missing"]),
        ("length,width,colour\n1,2,blue\n", ["new.csv, line 2, column 'colour'", "'blue'", "'red'"]),
        ("length,width,colour\n1,2,red\n1,x,red\n", ["new.csv, line 3, column 'width'", "'x'"]),
        ("length,width,colour\n1,2\n", ["new.csv, line 2", "3 cells"]),
        ("length,width,colour\n", ["new.csv", "no row"]),
        ("", ["new.csv", "empty"]),
    ],
)
def test_rows_that_do_not_fit_the_model(trained, text, facts, capsys):
    assert main(["predict", "runs/mine", written("new.csv", text), "-o", "out.csv"]) == 1
    assert tells(capsys, *facts)
    assert not Path("out.csv").exists()


def test_a_target_that_cannot_be_compared_is_no_failure(trained, capsys):
    assert main(["predict", "runs/mine", written("new.csv", "length,width,colour,kind\n1,2,red,tulip\n")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("prediction,")
    assert "'tulip'" in captured.err


def test_values_are_learned_in_their_units(capsys):
    data = written("houses.csv", houses(200))
    arguments = ["train", data, "--target", "price", "--layers", "none", "--epochs", "60", "--learning-rate", "0.02"]
    assert main(arguments) == 0
    assert "R²" in capsys.readouterr().out
    assert json.loads(Path("runs/houses/run.json").read_text(encoding="utf-8"))["results"]["validation_r2"] > 0.99
    assert main(["predict", "runs/houses", written("new.csv", "age,area\n10,100\n")]) == 0
    name, value = capsys.readouterr().out.split()
    assert name == "prediction"
    assert float(value) == pytest.approx(340_000, rel=0.05)


def test_arrays_with_a_test_part(capsys):
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 2, 3)).astype(np.float32)
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    np.savez("data.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    assert main(["train", "data.npz", "--epochs", "2", "--validation", "0"]) == 0
    out = capsys.readouterr().out
    assert "2 x 3 features" in out
    assert "test: accuracy" in out
    assert main(["predict", "runs/data", "data.npz"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 61


def test_a_table_of_its_own_judges_the_model(capsys):
    data, test = written("flowers.csv", flowers()), written("test.csv", flowers(20, seed=9))
    assert main(["train", data, "--target", "kind", "--epochs", "1", "--test", test]) == 0
    assert "(20 rows" in capsys.readouterr().out


def test_a_node_on_a_row_of_the_data(trained, capsys):
    assert main(["explain", "runs/mine", "--node", "1/Relu#1", "--row", "2"]) == 0
    out = capsys.readouterr().out
    assert "row 2 of" in out and "local derivative" in out
    Path("flowers.csv").unlink()
    assert main(["explain", "runs/mine", "--node", "1/Relu#1"]) == 1
    assert "--data" in said(capsys)


# ---------------------------------------------------------------- mistakes in a table


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (None, ["data.csv", "No such file"]),
        ("", ["data.csv", "empty"]),
        ("a,b,y\n", ["data.csv", "no row"]),
        ("a,b,y\n1,2,3\n1,2\n", ["data.csv, line 3", "3 cells", "found 2"]),
        ("a,b,y\n1,2,3\n1,x,4\n2,3,5\n", ["data.csv, line 3, column 'b'", "'x'"]),
        ("a,b,y\n1,2,3\n1,,4\n2,3,5\n", ["data.csv, line 3, column 'b'", "empty"]),
        ("a,b,y\n1,2,3\n1,nan,4\n2,3,5\n", ["data.csv, line 3, column 'b'", "missing"]),
        ("a,b,z\n1,2,3\n", ["data.csv", "'y'"]),
        ("y\n1\n", ["data.csv"]),
        ("a,b,y\n1,2,x\n1,2,x\n", ["data.csv", "'x'", "nothing to learn"]),
    ],
)
def test_a_table_that_cannot_be_learned_leaves_nothing(text, facts, capsys):
    if text is not None:
        written("data.csv", text)
    assert main(["train", "data.csv", "--target", "y"]) == 1
    assert tells(capsys, *facts)
    assert not Path("runs").exists()


def test_a_table_in_another_encoding(capsys):
    Path("flowers.csv").write_text(flowers().replace("猫", "狗"), encoding="gbk")
    command = ["train", "flowers.csv", "--target", "kind", "--epochs", "1"]
    assert main(command) == 1
    assert tells(capsys, "flowers.csv, line ", "UTF-8", "gbk")
    assert main([*command, "--encoding", "gbk"]) == 0
    capsys.readouterr()
    assert main(["predict", "runs/flowers", "flowers.csv", "--encoding", "gbk"]) == 0
    assert "probability_狗, quoted" in capsys.readouterr().out


def test_what_the_data_are_cannot_be_overwritten_by_predictions(trained, capsys):
    assert main(["predict", "runs/mine", "flowers.csv", "-o", "./flowers.csv"]) == 2
    assert tells(capsys, "flowers.csv", "-o")
    assert Path("flowers.csv").read_text(encoding="utf-8") == flowers()


def test_columns_left_out_are_not_learned_nor_wanted(capsys):
    data = written("flowers.csv", flowers())
    command = ["train", data, "--target", "kind", "--epochs", "1", "--drop"]
    assert main([*command, "kind"]) == 2
    assert tells(capsys, "--drop kind", "--target")
    assert main([*command, "colour", "--drop", "width"]) == 0
    assert "1 feature;" in capsys.readouterr().out
    assert main(["predict", "runs/flowers", written("new.csv", "length\n3\n")]) == 0


def test_a_missing_target_is_asked_for_with_the_names(capsys):
    assert main(["train", written("data.csv", "a,b,y\n1,2,3\n")]) == 2
    assert tells(capsys, "--target", "'a', 'b', 'y'")


# ---------------------------------------------------------------- the folder


def test_an_old_run_is_safe(trained, capsys):
    before = {path.name: path.read_bytes() for path in Path("runs/mine").iterdir()}
    assert main(["train", "flowers.csv", "--target", "kind", "--out", "runs/mine"]) == 1
    line = said(capsys)
    assert "--resume" in line and "--overwrite" in line
    assert {path.name: path.read_bytes() for path in Path("runs/mine").iterdir()} == before


def test_overwriting_replaces_it_after_the_data_are_read(trained, capsys):
    command = ["train", "flowers.csv", "--target", "kind", "--epochs", "1", "--out", "runs/mine", "--overwrite"]
    before = Path("runs/mine/run.json").read_bytes()
    assert main(["train", "nowhere.csv", *command[2:]]) == 1
    assert Path("runs/mine/run.json").read_bytes() == before
    assert main(command) == 0
    assert json.loads(Path("runs/mine/run.json").read_text(encoding="utf-8"))["settings"]["epochs"] == 1


def test_other_files_in_the_folder_are_not_written_among(capsys):
    Path("full").mkdir()
    written("full/mine.txt", "x")
    written("data.csv", flowers())
    assert main(["train", "data.csv", "--target", "kind", "--out", "full"]) == 1
    assert "mine.txt" in said(capsys)
    assert main(["train", "data.csv", "--target", "kind", "--out", "full/mine.txt"]) == 1
    assert "it is a file" in said(capsys)
    assert Path("full/mine.txt").read_text(encoding="utf-8") == "x"


def test_going_on_is_as_if_it_had_never_stopped(trained, capsys):
    data = ["train", "flowers.csv"]
    assert main([*data, "--out", "runs/mine", "--resume", "--epochs", "30"]) == 0
    whole = ["--target", "kind", "--epochs", "30", "--layers", "16", *FAST, "--out", "runs/whole"]
    assert main([*data, *whole]) == 0
    model = "model.safetensors"
    assert Path("runs/mine", model).read_bytes() == Path("runs/whole", model).read_bytes()
    losses = [History.from_csv(f"runs/{name}/history.csv")["loss"] for name in ("mine", "whole")]
    assert np.array_equal(*losses)
    capsys.readouterr()


def test_an_interrupted_run_says_how_to_go_on(monkeypatch, capsys):
    data = written("flowers.csv", flowers())
    epoch = fitting.Lines.epoch

    def interrupted(self, row):
        epoch(self, row)
        if row["epoch"] == 5:
            signal.raise_signal(signal.SIGINT)

    arguments = ["train", data, "--target", "kind", "--layers", "8", "--epochs", "9", "--out"]
    with monkeypatch.context() as patch:
        patch.setattr(fitting.Lines, "epoch", interrupted)
        assert main([*arguments, "cut"]) == 130
    line = said(capsys)
    command = line[line.index("localgrad train") :].split()[1:]
    assert main(["predict", "cut", data]) == 1
    assert "--resume" in said(capsys)
    assert main(command) == 0
    assert main([*arguments, "whole"]) == 0
    assert Path("cut/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_going_on_refuses_other_settings_and_other_data(trained, capsys):
    resume = ["--out", "runs/mine", "--resume"]
    assert main(["train", "flowers.csv", "--layers", "8", *resume]) == 1
    assert tells(capsys, "--layers", "16", "8")
    assert main(["train", written("other.csv", flowers(seed=3)), *resume]) == 1
    assert "other.csv" in said(capsys)
    assert main(["train", "flowers.csv", "--out", "runs/nowhere", "--resume"]) == 1
    assert "runs" in said(capsys)


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        (lambda run: "{", ["run.json", "damaged"]),
        (lambda run: "[]", ["run.json"]),
        (lambda run: json.dumps(run | {"version": 99}), ["run.json", "version", "99"]),
        (lambda run: json.dumps(run | {"settings": 3}), ["run.json", "'settings'"]),
        (lambda run: json.dumps(run | {"preparation": {"version": 1}}), ["run.json", "preparation"]),
        (lambda run: json.dumps(run | {"finished": False}), ["--resume"]),
    ],
)
def test_a_damaged_run_is_told(trained, change, facts, capsys):
    path = Path("runs/mine/run.json")
    path.write_text(change(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert main(["predict", "runs/mine", "flowers.csv"]) == 1
    assert tells(capsys, *facts)


@pytest.mark.parametrize(
    "setting", [{"layers": [0]}, {"layers": "x"}, {"epochs": None}, {"optimizer": "x"}, {"drop": [1]}, {"task": "x"}]
)
def test_damaged_settings_are_told(trained, setting, capsys):
    path = Path("runs/mine/run.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    run["settings"] |= setting
    path.write_text(json.dumps(run), encoding="utf-8")
    assert main(["train", "flowers.csv", "--out", "runs/mine", "--resume"]) == 1
    assert tells(capsys, "run.json", repr(next(iter(setting))))


def test_a_diverging_training_names_the_matter_and_keeps_no_half_run(capsys):
    data = written("houses.csv", houses())
    arguments = ["--target", "price", "--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "3"]
    assert main(["train", data, *arguments]) == 1
    said(capsys)
    assert not Path("runs/houses/run.json").exists()
