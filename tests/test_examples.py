"""Every example runs in reduced form and does what its header claims, as far as a second or two can show it."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import ndimage

FOLDER = Path(__file__).parent.parent / "examples"
RunExample = Callable[[str], Any]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunExample:
    """Runs one example with --quick and gives what its `main` gave; its pictures go to a folder of the test's own."""

    def run(name: str) -> Any:
        path = FOLDER / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(path), "--quick", "--out", str(tmp_path)])
        return runpy.run_path(str(path), run_name="__main__")["result"]

    return run


def pictures(folder: Path) -> set[str]:
    """The names of the pictures in a folder, each of them well-formed."""
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    return {path.name for path in folder.iterdir()}


def test_every_example_has_its_test_and_its_row_in_the_table() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f'"{name}"' not in text and f'"{name}.py"' not in text] == []
    table = FOLDER.parent.joinpath("docs", "examples.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f"`{name}.py`" not in table] == []


def test_the_text_is_what_its_script_writes() -> None:
    made = runpy.run_path(str(FOLDER / "data" / "make_sentences.py"))["text"]()
    assert FOLDER.joinpath("data", "sentences.txt").read_text(encoding="utf-8") == made


def test_price_graph(example: RunExample, tmp_path: Path) -> None:
    result = example("price_graph")
    assert result.pop("price") == pytest.approx(715)
    assert max(result.values()) < 1e-3  # by hand in float64, the graph in float32
    assert pictures(tmp_path) == {"price.svg"}


def test_spiral(example: RunExample, tmp_path: Path) -> None:
    result = example("spiral")
    assert result["loop"] > 0.75
    assert result["trainer"] > 0.75
    assert result["last"] < 0.5 * result["first"]
    assert pictures(tmp_path) == {"boundary.svg"}


def test_digits_mlp(example: RunExample, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert example("digits_mlp")["accuracy"] > 0.93
    assert "formula   y = " in capsys.readouterr().out
    assert pictures(tmp_path) == {"curves.svg", "network.svg", "mistakes.svg"}


def test_digits_cnn(example: RunExample, tmp_path: Path) -> None:
    assert example("digits_cnn")["accuracy"] > 0.8
    assert pictures(tmp_path) == {"curves.svg", "kernels.svg"}


def test_deep_conv_net(example: RunExample, tmp_path: Path) -> None:
    assert example("deep_conv_net")["accuracy"] > 0.4  # its dropout makes it begin slowly
    assert pictures(tmp_path) == {"curves.svg", "maps.svg"}


def test_residual_block(example: RunExample, tmp_path: Path) -> None:
    result = example("residual_block")
    assert result["residual: loss"] < 0.6 * result["plain: loss"]
    assert result["residual"] > result["plain"] + 0.2
    assert pictures(tmp_path) == {"curves.svg", "block.svg"}


def test_grad_cam(example: RunExample, tmp_path: Path) -> None:
    result = example("grad_cam")
    assert result["accuracy"] > 0.4
    assert result["on the digit"] > 2.5 / 9  # a ninth if it fell anywhere
    assert pictures(tmp_path) == {"heat.svg"}


def test_mnist_1d(example: RunExample, tmp_path: Path) -> None:
    result = example("mnist_1d")
    assert 0.2 < result["MLP"] < result["GRU"] < result["CNN"]
    assert result["CNN"] > 0.7
    assert pictures(tmp_path) == {"signals.svg"}


def test_the_signals_of_mnist_1d_are_made_as_their_paper_says() -> None:
    made = runpy.run_path(str(FOLDER / "mnist_1d.py"))
    x, t = made["signals"](1000)
    assert x.shape == (1000, 40)
    assert np.bincount(t).tolist() == [100] * 10
    np.testing.assert_allclose([x.mean(), x.std()], [0, 1], atol=1e-5)
    again, _ = made["signals"](1000)
    other, _ = made["signals"](1000, seed=1)
    assert np.array_equal(x, again)
    assert not np.array_equal(x, other)
    noise = np.random.default_rng(0).standard_normal((3, 72))
    np.testing.assert_allclose(made["smooth"](noise), ndimage.gaussian_filter1d(noise, 2, axis=1), atol=1e-12)
    shapes = made["shapes"]()
    np.testing.assert_allclose(shapes[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(shapes.std(axis=1), 1 / 6)


def test_optimizers(example: RunExample, tmp_path: Path) -> None:
    result = example("optimizers")
    assert result["SGD"] == pytest.approx(7 * (1 - 0.095) ** 30, rel=0.1)  # along x it shrinks by 0.905 in each step
    assert result["AdaGrad"] < result["SGD"]
    assert max(result[f"{name} loss"] for name in ("Momentum", "AdaGrad", "Adam")) < result["SGD loss"]
    assert pictures(tmp_path) == {"paths.svg", "digits.svg"}


def test_newton(example: RunExample, tmp_path: Path) -> None:
    result = example("newton")
    assert result["Newton"] <= 7 < 50 < result["descent"]
    assert result["x"] == pytest.approx(1.0, abs=1e-15)
    assert pictures(tmp_path) == {"error.svg"}


def test_rosenbrock(example: RunExample, tmp_path: Path) -> None:
    result = example("rosenbrock")
    assert result["Newton"] < 1e-12
    assert result["gradient descent"] > 0.01
    assert pictures(tmp_path) == {"paths.svg"}


def test_higher_order(example: RunExample, tmp_path: Path) -> None:
    result = example("higher_order")
    assert result["sin"] < 1e-14
    assert result["tanh"] < 1e-14
    assert pictures(tmp_path) == {"derivatives.svg", "tanh1.svg", "tanh2.svg", "tanh3.svg"}


def test_simple_cbow(example: RunExample, tmp_path: Path) -> None:
    result = example("simple_cbow")
    assert 2 * np.log(2) / 6 < result["loss"] < 0.26  # two words cannot be told apart
    assert result["right"] == 5
    assert pictures(tmp_path) == {"loss.svg"}


@pytest.mark.parametrize("name", ["cbow_negative_sampling", "skip_gram"])
def test_word2vec(example: RunExample, tmp_path: Path, name: str) -> None:
    result = example(name)
    assert result["last"] < result["first"] - 0.3
    assert result["own"] > 0.5  # by chance 4 of 30
    assert len(pictures(tmp_path)) == 1


def test_weight_initialisation(example: RunExample, tmp_path: Path) -> None:
    result = example("weight_initialisation")
    assert result["sigmoid, std 1"][1] > 0.4
    assert result["sigmoid, std 0.01"][1] < 0.02
    assert 0.05 < result["sigmoid, Xavier"][1] < 0.2
    assert result["ReLU, std 0.01"][1] < 1e-3
    assert result["ReLU, He"][1] == pytest.approx(result["ReLU, He"][0], rel=0.3)
    assert pictures(tmp_path) == {"activations.svg"}


def test_batch_normalization(example: RunExample, tmp_path: Path) -> None:
    for without, having in example("batch_normalization").values():
        assert having > without + 0.2
    assert pictures(tmp_path) == {"curves.svg"}


def test_dropout(example: RunExample, tmp_path: Path) -> None:
    result = example("dropout")
    assert result["without: train"] > result["with: train"]
    assert result["without: train"] - result["without: test"] > result["with: train"] - result["with: test"] + 0.05
    assert pictures(tmp_path) == {"curves.svg"}


def test_rnn_language_model(example: RunExample, tmp_path: Path) -> None:
    result = example("rnn_language_model")
    assert result["rules"] < result["test"] < 3 < result["first"] < result["words"]
    assert pictures(tmp_path) == {"perplexity.svg"}


def test_lstm_language_model(example: RunExample, tmp_path: Path) -> None:
    result = example("lstm_language_model")
    assert 1.85 < result["plain"] < 2.5
    assert 1.85 < result["better"] < 4
    assert 0.05 < result["right"] < 1
    assert result["new"] > 0
    assert pictures(tmp_path) == {"perplexity.svg", "network.svg"}


def test_addition_seq2seq(example: RunExample, tmp_path: Path) -> None:
    result = example("addition_seq2seq")
    losses = {name: value for name, value in result.items() if name.endswith("loss")}
    assert len(losses) == 4
    assert max(losses.values()) < np.log(13) - 0.2  # by chance one of 13 signs
    assert losses["peeky: loss"] < losses["reversed: loss"]
    assert pictures(tmp_path) == {"accuracy.svg"}


def test_date_conversion(example: RunExample, tmp_path: Path) -> None:
    result = example("date_conversion")
    assert result["last"] < 0.75 * result["first"]
    assert pictures(tmp_path) == {"attention.svg"}


def test_nan_hunt(example: RunExample) -> None:
    result = example("nan_hunt")
    assert np.isfinite(result["losses"][0])
    assert np.isnan(result["losses"][1])
    assert "the first non-finite gradient" in result["message"]
    assert "the rule of Sqrt" in result["message"]
    assert result["repaired"][-1] < 0.1 * result["repaired"][0]


def test_custom_kind(tmp_path: Path) -> None:
    # In a process of its own: a kind it defines would stay registered here and be missed in the table of kinds.
    command = [sys.executable, "-W", "error", str(FOLDER / "custom_kind.py"), "--quick", "--out", str(tmp_path)]
    source = str(FOLDER.parent / "src")
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": source})
    assert done.returncode == 0, done.stderr
    assert "both forms agree: True" in done.stdout
    assert pictures(tmp_path) == {"fit.svg", "snake.svg"}


def test_vae(example: RunExample, tmp_path: Path) -> None:
    result = example("vae")
    assert result["last"] < result["first"] - 3
    assert result["test"] < 31
    assert pictures(tmp_path) == {"map.svg"}


def test_gan(example: RunExample, tmp_path: Path) -> None:
    result = example("gan")
    assert result["test digits"] < result["drawings"] < 0.8 * result["random pixels"]
    assert pictures(tmp_path) == {"samples.svg"}


def test_character_gpt(example: RunExample, tmp_path: Path) -> None:
    result = example("character_gpt")
    assert result["bits"] < 4 < 5.8 < result["first"]  # of 61 letters each equally likely it would be 5.93
    assert result["accuracy"] > 0.2
    assert pictures(tmp_path) == {"attention.svg"}
