"""`localgrad finetune`, from a file and data to a file that ONNX Runtime runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.cli.program import main
from localgrad.layers import Affine, Relu
from localgrad.train.digits import load_digits

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = lg.Sequential(Affine.create(4, 16, seed=0), Relu(), Affine.create(16, 3, seed=1))
    model.graph(lg.spec("N", 4)).rename({"0/W": "body.w", "0/b": "body.b"}).save_onnx(tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype("f")
    kind = np.array(["low", "middle", "high"])[np.digitize(x[:, 0], [-0.5, 0.5])]
    rows = [",".join([*map(str, row), name]) for row, name in zip(x, kind, strict=True)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,c,d,kind", *rows]))
    return tmp_path


def initializers(path: Path) -> dict[str, Any]:
    return {each.name: each for each in onnx.load(path).graph.initializer}


def test_a_table_and_patterns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "tuned.onnx"
    given = ["finetune", str(folder / "model.onnx"), str(folder / "data.csv"), "--target", "kind", "-o", str(out)]
    assert main([*given, "--trainable", "2/*", "--epochs", "25", "--learning-rate", "0.02"]) == 0
    text = capsys.readouterr().out
    assert "51 entries of 2 tensors are trained" in text
    assert "160 samples to learn from, 40 for validation; cross_entropy" in text
    assert "classes: 0 high, 1 low, 2 middle" in text
    assert float(text.split("accuracy ")[-1].split()[0]) > 0.8
    before, after = initializers(folder / "model.onnx"), initializers(out)
    assert {name for name in before if before[name] != after[name]} == {"2/W", "2/b"}
    session = runtime.InferenceSession(out)
    assert session.run(None, {"x0": np.ones((3, 4), "f")})[0].shape == (3, 3)


def test_interrupted_and_resumed(folder: Path) -> None:
    given = ["finetune", str(folder / "model.onnx"), str(folder / "data.csv"), "--target", "kind", "--checkpoint"]
    once, twice = folder / "once.onnx", folder / "twice.onnx"
    assert main([*given, str(folder / "one"), "--epochs", "4", "-o", str(once)]) == 0
    assert main([*given, str(folder / "two"), "--epochs", "2", "-o", str(twice)]) == 0
    assert main([*given, str(folder / "two"), "--epochs", "4", "-o", str(twice), "--resume"]) == 0
    assert once.read_bytes() == twice.read_bytes()


def test_digits_with_a_new_head_on_a_fixed_batch(folder: Path) -> None:
    (x, y), (test_x, test_y) = load_digits()
    body = lg.Sequential(Affine.create(64, 48, seed=0), Relu(), Affine.create(48, 5, seed=1))
    body.graph(lg.spec(1, 64)).save_onnx(folder / "body.onnx")
    np.savez(folder / "digits.npz", x=x[:600], y=y[:600])
    out = folder / "tuned.onnx"
    given = ["finetune", str(folder / "body.onnx"), str(folder / "digits.npz"), "-o", str(out), "--epochs", "20"]
    assert main(given) == 1
    assert main([*given, "--head", "1/Relu#1", "--learning-rate", "0.02"]) == 0
    session = runtime.InferenceSession(out)
    assert (session.run(None, {"x0": test_x})[0].argmax(1) == test_y).mean() > 0.85


def test_pictures_in_folders(folder: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 80, (9, 9, 3)).astype(np.uint8)
            pixels[..., channel] += 150
            image.fromarray(pixels).save(folder / "images" / name / f"{number}.png")
    model = lg.Sequential(lg.layers.Flatten(), Affine.create(48, 2, seed=0))
    model.graph(lg.spec("N", 3, 4, 4)).save_onnx(folder / "small.onnx")
    out = folder / "tuned.onnx"
    given = ["finetune", str(folder / "small.onnx"), str(folder / "images"), "-o", str(out), "--validation", "0"]
    assert main([*given, "--epochs", "30", "--learning-rate", "0.05"]) == 0
    blue = np.zeros((1, 3, 4, 4), "f")
    blue[:, 2] = 0.8
    assert runtime.InferenceSession(out).run(None, {"x0": blue})[0].argmax() == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--trainable", "classifer.*"], "no parameter matches 'classifer.*'"),
        (["--target", "kin"], "kin"),
        (["--resume"], "--resume needs --checkpoint"),
        (["--loss", "mze"], "no loss is called 'mze'"),
    ],
)
def test_what_does_not_fit_is_told(
    folder: Path, given: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["finetune", str(folder / "model.onnx"), str(folder / "data.csv"), "-o", str(folder / "out.onnx")]
    assert main([*call, "--target", "kind", *given]) in (1, 2)
    assert told in capsys.readouterr().err
    assert not (folder / "out.onnx").exists()
