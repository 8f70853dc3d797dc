"""What a fit shows while it runs and the folder it leaves behind."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import FileWriteError
from localgrad.layers import Affine
from localgrad.layers.model import Model
from localgrad.train.history import History
from localgrad.train.progress import Bar
from localgrad.train.run_folder import RunFolder
from localgrad.train.trainer import Trainer
from tests.training import (
    Notes,
    blobs,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    net,
)

# ---------------------------------------------------------------- progress


def test_the_bar_shows_numbers_on_a_terminal_and_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    monkeypatch.setattr("localgrad.train.progress.PAUSE", 0.0)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=160, color_system=None)
    trainer = Trainer(net())
    trainer.fit(blobs(), epochs=2, validation=blobs(), batch_size=20, progress=Bar(console))
    text = stream.getvalue()
    assert "epoch 2/2" in text
    assert "samples/s" in text
    assert "validation accuracy" in text
    trainer.fit(blobs(), epochs=1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# ---------------------------------------------------------------- run folders


def test_a_run_leaves_its_folder_and_a_second_another(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "blobs"
    x, y = blobs()
    trainer = Trainer(net(), run=folder)
    history = trainer.fit((x, y), epochs=2)
    expected = {"history.csv", "curves.svg", "graph.svg", "graph.json", "model.safetensors", "checkpoint.safetensors"}
    assert {path.name for path in folder.iterdir()} == expected
    assert History.from_csv(folder / "history.csv") == history
    from localgrad.exchange.folder import load

    (found,) = load(folder).run([x]).values()
    np.testing.assert_allclose(found, trainer.predict(x), rtol=1e-5, atol=1e-6)
    other = Trainer(net(), run=folder)
    other.fit((x, y))
    assert other.folder is not None
    assert other.folder.path.name == "blobs-2"
    assert History.from_csv(folder / "history.csv") == history


def test_names_of_run_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder("digits").path == Path("runs/digits")
    assert RunFolder("digits").path == Path("runs/digits")  # empty, so free
    Path("runs/digits/note.txt").write_text("")
    assert RunFolder("digits").path == Path("runs/digits-2")
    Path("runs/digits-2/checkpoint.safetensors").write_text("")
    assert RunFolder("digits").path == Path("runs/digits-3")
    assert RunFolder("digits", resume=True).path == Path("runs/digits-2")


def test_a_place_that_cannot_be_written_is_known_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notes = Notes()
    for arguments in ({"run": tmp_path / "file" / "run"}, {}):
        with pytest.raises(FileWriteError, match="nothing was computed yet"):
            Trainer(net(), callbacks=[notes], **arguments).fit(blobs(), checkpoint=tmp_path / "file" / "there")
    assert notes.said == []


def test_a_model_whose_graph_cannot_be_written_leaves_its_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Branching(Model):
        def __init__(self) -> None:
            self.last = Affine.create(2, 3, seed=0)

        def call(self, x: Any) -> Any:
            return self.last(x if float(x.sum()) > 1e9 else -x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trainer(Branching(), run=tmp_path / "run").fit(blobs())
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert not (tmp_path / "run" / "graph.json").exists()
    assert "holds the weights alone" in capsys.readouterr().err
