"""Run folders: what a training leaves behind, one folder a run, none overwritten."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from localgrad.exchange import weights
from localgrad.exchange.folder import WEIGHTS
from localgrad.graph.errors import FileWriteError
from localgrad.graph.graph import Graph
from localgrad.graph.tensor import Leaf
from localgrad.train.checkpoint import FILE
from localgrad.train.history import History

__all__ = ["RunFolder"]

ROOT: Final = "runs"
HISTORY, CURVES, PICTURE = "history.csv", "curves.svg", "graph.svg"


class RunFolder:
    """The folder of a run: `history.csv`, `curves.svg`, `checkpoint.safetensors`, and in the end the model's
    `graph.json`, `model.safetensors` and `graph.svg`.

    A name is a folder below `runs`; anything with a slash is a path. If there is something in it, a new run is called `name-2`,
    `name-3`, ...; with `resume` the last of them that has a checkpoint is used again. Raises FileWriteError where
    nothing can be written, before anything is computed.

    >>> first = RunFolder("digits")
    >>> first.write_history(History([{"epoch": 1, "loss": 0.5}]))
    >>> first.path.as_posix(), RunFolder("digits").path.as_posix()
    ('runs/digits', 'runs/digits-2')
    """

    def __init__(self, run: str | os.PathLike[str], resume: bool = False) -> None:
        text = os.fspath(run)
        asked = Path(text) if os.sep in text or "/" in text or isinstance(run, Path) else Path(ROOT) / text
        self.resumed = False
        if resume:
            found = [each for each in _numbered(asked) if (each / FILE).exists()]
            if found:
                self.path, self.resumed = found[-1], True
                need_writable(self.path)
                return
        need_writable(asked.parent)
        for path in _names(asked):
            try:
                path.mkdir()
            except FileExistsError:
                if path.is_dir() and not any(path.iterdir()):
                    break
                continue
            except OSError as error:
                raise _refused(path, error) from error
            break
        self.path = path

    @property
    def checkpoint(self) -> Path:
        """The file of the checkpoint."""
        return self.path / FILE

    def write_history(self, history: History) -> None:
        """Write `history.csv` and `curves.svg`."""
        history.to_csv(self.path / HISTORY)
        history.to_svg(self.path / CURVES)

    def write_graph(self, graph: Graph) -> None:
        """Write `graph.json`, `model.safetensors` and `graph.svg`."""
        graph.save(self.path)
        graph.to_svg(self.path / PICTURE)

    def write_weights(self, leaves: Mapping[str, Leaf]) -> None:
        """Write `model.safetensors` alone."""
        weights.write(self.path / WEIGHTS, {name: leaf._value for name, leaf in leaves.items()})

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"


def _names(asked: Path) -> Any:
    return itertools.chain([asked], (asked.with_name(f"{asked.name}-{number}") for number in itertools.count(2)))


def _numbered(asked: Path) -> list[Path]:
    """The folders of a name that exist, without a gap."""
    return list(itertools.takewhile(Path.is_dir, _names(asked)))


def need_writable(folder: Path) -> None:
    """Make a folder where there is none and try to write in it; raises FileWriteError where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(folder, error) from error


def _refused(folder: Path, error: OSError) -> FileWriteError:
    return FileWriteError(
        f"a training was to write into {folder}\nfound: {error.strerror or error}\n"
        "do: choose another folder, or allow writing there; nothing was computed yet"
    )
