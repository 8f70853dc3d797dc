"""The commands about models: run, grad and check; what they print and write, and what they say about mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.cli import main

pytest.importorskip("onnx")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    W = lg.parameter(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), name="W")

    def f(x: Any) -> Any:
        with lg.scope("head"):
            return lg.softmax(lg.relu(x @ W))

    lg.capture(f, lg.spec("N", 3), name="net").save_onnx("net.onnx")
    np.save("x.npy", np.array([[1.0, -2.0, 2.5]]))


def names() -> list[str]:
    graph = lg.load_onnx("net.onnx")
    return [graph.name_of(node.outputs[0]) for node in graph.nodes]


def test_run_prints_outputs_and_says_what_was_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "net.onnx"]) == 0
    text = capsys.readouterr().out
    assert "drawn at random: x" in text
    assert f"{names()[-1]}: float32[2, 4]" in text


def test_run_reads_what_is_inside_and_keeps_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "net.onnx", "--input", "x=x.npy", "--fetch", "*Relu*", "--save", "out.npz"]) == 0
    assert "drawn" not in capsys.readouterr().out
    (name,) = [name for name in names() if "Relu" in name]
    x = np.load("x.npy").astype(np.float32)
    graph = lg.load_onnx("net.onnx")
    with np.load("out.npz") as kept:
        assert kept.files == [name]
        np.testing.assert_array_equal(kept[name], np.maximum(x @ graph.parameters["W"].data, 0))


def test_an_array_for_the_only_input_needs_no_name() -> None:
    assert main(["run", "net.onnx", "--input", "x.npy"]) == 0


def test_compare_names_the_first_value_that_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "net.onnx", "--compare", "net.onnx"]) == 0
    assert "3 values compared, 0 different" in capsys.readouterr().out
    graph = lg.load_onnx("net.onnx")
    with lg.no_grad():
        graph.parameters["W"][...] = graph.parameters["W"].data * 2
    graph.save_onnx("other.onnx")
    assert main(["run", "net.onnx", "--compare", "other.onnx"]) == 1
    assert f"first different: {names()[0]}: at " in capsys.readouterr().out


def test_compare_with_kept_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "net.onnx", "--fetch", "*", "--save", "all.npz"]) == 0
    assert main(["run", "net.onnx", "--compare", "all.npz"]) == 0
    assert "3 values compared, 0 different" in capsys.readouterr().out


def test_grad_is_run_by_onnx_runtime(capsys: pytest.CaptureFixture[str]) -> None:
    runtime = pytest.importorskip("onnxruntime")
    assert main(["grad", "net.onnx", "--wrt", "x", "--index", "2", "-o", "grad.onnx"]) == 0
    assert "grad/x" in capsys.readouterr().out
    x = np.load("x.npy").astype(np.float32)
    (found,) = runtime.InferenceSession("grad.onnx").run(["grad/x"], {"x": x})

    def score(x: Any) -> Any:
        graph = lg.load_onnx("net.onnx")
        return graph.run([x])[names()[-1]][0, 2].astype(np.float64)

    step = 1e-2
    moved = [score(x + step * row) - score(x - step * row) for row in np.eye(3, dtype=np.float32)]
    np.testing.assert_allclose(found[0], np.array(moved) / (2 * step), atol=1e-3)


def test_grad_without_index_adds_the_gradient_that_comes_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grad", "net.onnx", "-o", "grad.onnx"]) == 0
    assert "the gradient that comes in is the input seed/" in capsys.readouterr().out
    assert {"grad/x", "grad/W"} <= set(lg.load_onnx("grad.onnx").tensors)


def test_check_says_what_there_is_and_that_it_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "net.onnx", "--input", "x=x.npy"]) == 0
    text = capsys.readouterr().out
    assert "1 parameters with 12 entries" in text
    assert "WRONG" not in text
    assert "central difference" in text


def test_check_finds_a_wrong_gradient(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from localgrad.nodes.softmax import Softmax

    monkeypatch.setattr(Softmax, "backward", lambda self, grad, y, x: grad * 3)
    assert main(["check", "net.onnx", "--input", "x=x.npy"]) == 1
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "fact"),
    [
        (["run", "none.onnx"], 2, "there is no file 'none.onnx'"),
        (["run", "net.onnx", "--input", "y=x.npy"], 2, "there is no input 'y'; there are x"),
        (["run", "net.onnx", "--input", "x=none.npy"], 2, "there is no file 'none.npy'"),
        (["run", "net.onnx", "--input", "x=net.onnx"], 1, "no .npy or .npz file"),
        (["run", "net.onnx", "--save", "out.csv"], 2, "ends in .npz"),
        (["run", "net.onnx", "--fetch", "Nothing"], 1, "no tensor matches"),
        (["run", "x.npy"], 1, "damaged, or something else"),
        (["grad", "net.onnx", "-o", "grad.txt"], 2, "ends in .onnx"),
        (["grad", "net.onnx", "--index", "9", "-o", "g.onnx"], 1, "found: shape"),
        (["grad", "net.onnx", "--wrt", "V", "-o", "g.onnx"], 1, "V"),
        (["check", "x.npy"], 1, "damaged, or something else"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], code: int, fact: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in Path().iterdir())
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert fact in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == before
