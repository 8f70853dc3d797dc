"""Files that are cut short, damaged or hostile: they load, or one of our errors names the file; nothing else happens."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine
from localgrad.train.table import read_table
from tests.told import told

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
LABELS = np.arange(12) % 3


def network() -> lg.Sequential:
    return lg.Sequential(Affine.create(2, 3, seed=0))


def write_graph(folder: Path) -> None:
    lg.capture(network(), lg.spec("N", 2)).save(folder)


def write_checkpoint(folder: Path) -> None:
    lg.Trainer(network()).fit((X, LABELS), epochs=1, checkpoint=folder / "checkpoint.safetensors")


def resume(folder: Path) -> None:
    lg.Trainer(network()).fit((X, LABELS), epochs=1, checkpoint=folder / "checkpoint.safetensors", resume=True)


def write_table(folder: Path) -> None:
    rows = "".join(f'{a},{b},"class, {label}"\n' for (a, b), label in zip(X, LABELS, strict=True))
    (folder / "table.csv").write_text("first,second,label\n" + rows, encoding="utf-8")


READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object], type[Exception]]] = {
    "graph.json": ("graph.json", write_graph, lg.load, lg.ImportModelError),
    "the weights of a graph": ("model.safetensors", write_graph, lg.load, lg.ImportModelError),
    "a checkpoint": ("checkpoint.safetensors", write_checkpoint, resume, lg.CheckpointError),
    "a table": ("table.csv", write_table, lambda folder: read_table(folder / "table.csv"), lg.DataError),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("written")
    for name, (_, write, read, _) in READERS.items():
        (root / name).mkdir()
        write(root / name)
        read(root / name)
    return root


def damaged(content: bytes) -> list[bytes]:
    """The content cut short, with changed bytes, with other content, and with a promise of much more."""
    length = len(content)
    found = [content[:cut] for cut in (0, 1, 7, 8, 9, length // 3, length // 2, length - 1)]
    generator = np.random.default_rng(0)
    for _ in range(24):
        changed = bytearray(content)
        for place in generator.integers(0, min(length, 600), generator.integers(1, 4)):
            changed[place] = generator.integers(0, 256)
        found.append(bytes(changed))
    found += [
        content + content, content[::-1], b"\0" * 64, b"\xff" * 8 + content[8:], b"\xff\xff\xff\x7f\0\0\0\0" + content[8:],
        b"[" * 20_000, b'{"a":' * 5_000, b'"' + b"a," * 10_000, b"PK\x03\x04" + b"\0" * 100, b"\x80\x04cos\nsystem\n",
    ]  # fmt: skip
    return found


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_loads_or_raises_our_error_that_names_it(name: str, written: Path, tmp_path: Path) -> None:
    file, _, read, error = READERS[name]
    refused = 0
    for number, content in enumerate(damaged((written / name / file).read_bytes())):
        folder = tmp_path / str(number)
        shutil.copytree(written / name, folder)
        (folder / file).write_bytes(content)
        said = None
        tracemalloc.start()
        try:
            read(folder)
        except error as caught:
            refused += 1
            said = str(caught)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert said is None or str(folder) in said
        assert peak < 200e6
    assert refused > 5


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    _, _, read, error = READERS[name]
    if name == "a checkpoint":
        resume(tmp_path)  # there is none yet, so the training begins
        return
    told(error, lambda: read(tmp_path / "nowhere"), "nowhere")
