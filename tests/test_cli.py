"""The command line on the digits: what it prints and writes, its exit codes, and what it says about mistakes."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localgrad.cli import main, program, terminal
from localgrad.train.history import History


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def said(capsys):
    """What went to standard error, which has to be one line."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1, text
    return text


def tells(capsys, *facts):
    """Whether the one line on standard error holds every fact."""
    line = said(capsys)
    missing = [fact for fact in facts if fact not in line]
    assert not missing, line
    return True


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("command", ["", *program.COMMANDS])
def test_help_has_examples_and_leaves_with_0(command, capsys):
    assert main([*filter(None, [command]), "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:\n  localgrad " in text
    assert f"localgrad {command}" in text


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("localgrad ")


def test_without_a_command_it_shows_the_help_and_leaves_with_2(capsys):
    assert main([]) == 2
    assert "localgrad train digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["trian", "digits"], ["'trian'", "'train'", "localgrad --help"]),
        (["zzz"], ["'zzz'", "train, predict, explain, explore, graph"]),
        (["train"], ["DATA", "localgrad train --help"]),
        (["train", "digits", "--epoch", "3"], ["'--epoch'", "'--epochs'"]),
        (["train", "digits", "--epoch=3"], ["'--epoch'", "'--epochs'"]),
        (["train", "digits", "--epochs", "0"], ["--epochs", "from 1 on", "'0'"]),
        (["train", "digits", "--epochs", "1.5"], ["--epochs", "'1.5'"]),
        (["train", "digits", "--learning-rate", "-1"], ["--learning-rate", "above 0"]),
        (["train", "digits", "--learning-rate", "nan"], ["--learning-rate", "above 0"]),
        (["train", "digits", "--layers", "64,x"], ["--layers", "64,32", "'64,x'"]),
        (["train", "digits", "--layers", "0"], ["--layers", "'0'"]),
        (["train", "digits", "--optimizer", "adm"], ["--optimizer", "adam"]),
        (["train", "a.csv", "--validation", "1"], ["--validation", "below 1"]),
        (["train", "a.csv", "--seed", "-3"], ["--seed"]),
        (["train", "digits", "--resume"], ["--resume", "--out"]),
        (["train", "digits", "--overwrite"], ["--overwrite", "--out"]),
        (["train", "digits", "--out", "x", "--resume", "--overwrite"], ["--resume", "--overwrite"]),
        (["train", "digits", "--target", "y"], ["--target", "digits"]),
        (["predict", "a", "b", "c"], ["'c'", "localgrad predict --help"]),
        (["explain", "run", "--row", "-1"], ["--row"]),
        (["graph", "run", "-o", "picture.png"], [".svg", ".dot", "picture.png"]),
    ],
)
def test_a_wrong_call_is_one_line_and_2(arguments, facts, capsys):
    assert main(arguments) == 2
    assert tells(capsys, *facts)


# ---------------------------------------------------------------- at the other end


def test_debug_shows_the_traceback_wherever_it_stands(capsys):
    for arguments in (["--debug", "explain", "nowhere"], ["explain", "nowhere", "--debug"]):
        assert main(arguments) == 1
        text = capsys.readouterr().err
        assert "Traceback" in text
        assert text.splitlines()[-1].startswith("localgrad: ")


def test_an_interruption_is_130_and_no_traceback(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_called", interrupted)
    assert main(["train", "digits"]) == 130
    assert said(capsys) == "localgrad: interrupted\n"


def test_a_mistake_of_ours_is_one_line_that_asks_for_a_report(monkeypatch, capsys):
    def broken(arguments):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(program, "_called", broken)
    assert main(["train", "digits"]) == 1
    text = said(capsys)
    assert "RuntimeError" in text and "--debug" in text and "first; second" in text


def test_a_reader_that_left_is_no_traceback(monkeypatch, capsys):
    def left(arguments):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(program, "_called", left)
    assert main(["explain", "x"]) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_cannot_be_kept_is_one_line(digits):
    _, folder = digits
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "localgrad", "explain", str(folder)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


def test_an_ascii_terminal_gets_plainer_letters_and_keeps_its_own_rule(monkeypatch):
    out = stream("ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with terminal.prepared():
        print("8×8 → R² ½")
    assert out.buffer.getvalue() == b"8x8 -> R^2 ?" + os.linesep.encode()
    assert out.errors == "strict"


def test_data_are_never_made_plainer_on_the_way_to_a_file(monkeypatch):
    out = stream("ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with terminal.prepared():
        terminal.write_data("prediction\n猫\n")
    assert out.buffer.getvalue().decode() == "prediction\n猫\n"


def test_exit_codes_of_the_program_itself(tmp_path):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "localgrad", *arguments],
            capture_output=True, text=True, cwd=tmp_path, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr.count("\n")

    assert run("--version") == (0, 0)
    assert run("--help") == (0, 0)
    assert run("train", "nowhere.csv", "--target", "y") == (1, 1)
    assert run("train", "--epochs", "x") == (2, 1)


# ---------------------------------------------------------------- the digits


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The main job, as it is: its output and its folder."""
    folder = tmp_path_factory.mktemp("digits")
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "stdout", out)
        assert main(["train", "digits"]) == 0
    return out.getvalue(), folder / "runs" / "digits"


def test_the_digits_are_read_well(digits):
    text, folder = digits
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert run["finished"]
    accuracy = run["results"]["test_accuracy"]
    assert accuracy >= 0.97
    assert f"test accuracy {accuracy:.4f} ({round(360 * accuracy)} of 360" in text


def test_the_run_folder_is_complete(digits):
    _, folder = digits
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "run.json", "graph.json", "model.safetensors", "graph.svg", "history.csv", "curves.svg", "checkpoint.safetensors",
        "gradients.csv", "explorer.html",
    }  # fmt: skip
    page = (folder / "explorer.html").read_text(encoding="utf-8")
    assert len(page) < 1_000_000
    assert "gradient_norm" in page
    assert len(History.from_csv(folder / "gradients.csv")) == 30
    assert "(N, 64)" in (folder / "graph.svg").read_text(encoding="utf-8")
    assert len(History.from_csv(folder / "history.csv")) == 30


def test_one_node_is_opened_on_a_real_digit(digits):
    text, _ = digits
    assert "██" in text
    card = text[text.index("One node while") :]
    for fact in ("formula", "max(x, 0)", "value: [[", "local derivative: [[", "gradient: [[", "with numbers:"):
        assert fact in card


def test_the_python_lines_run(digits):
    text, folder = digits
    lines = [line.strip() for line in text[text.index("or in Python:") :].splitlines()[1:]]
    assert len(lines) == 3
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True, text=True, cwd=folder.parent.parent, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "max(x, 0)" in done.stdout


def test_the_same_command_gives_the_same_model_in_the_next_folder(capsys):
    for _ in range(2):
        assert main(["train", "digits", "--epochs", "2"]) == 0
    first, second = Path("runs/digits"), Path("runs/digits-2")
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert "runs/digits-2" in capsys.readouterr().out.replace("\\", "/")


def test_the_next_commands_work(digits, capsys):
    _, folder = digits
    assert main(["explain", str(folder)]) == 0
    assert "float32(N, 10)" in capsys.readouterr().out
    assert main(["explain", str(folder), "--node", "3/Relu#1", "--row", "7"]) == 0
    assert "local derivative" in capsys.readouterr().out
    assert main(["explain", str(folder), "--node", "3/Relu#1", "--row", "360"]) == 1
    assert "360" in said(capsys)
    assert main(["explain", str(folder), "--node", "3/Rellu#1"]) == 1
    assert "3/Relu#1" in said(capsys)


@pytest.mark.parametrize(("ending", "start"), [("svg", "<svg"), ("dot", "digraph"), ("mmd", "flowchart")])
def test_the_picture_of_a_saved_graph(digits, ending, start, capsys):
    _, folder = digits
    assert main(["graph", str(folder), "-o", f"picture.{ending}"]) == 0
    assert start in Path(f"picture.{ending}").read_text(encoding="utf-8")
    assert "picture" in capsys.readouterr().out
