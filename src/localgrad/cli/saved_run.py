"""What a run folder says about itself: `run.json`, with how it was trained and how its data were prepared."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.graph.errors import CheckpointError

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph
    from localgrad.train.preparation import Preparation

__all__ = ["DIGITS", "RUN_FILE", "SavedRun", "load_graph"]

RUN_FILE = "run.json"
DIGITS = "digits"
VERSION = 1
LARGEST_FILE = 100_000_000


@dataclass
class SavedRun:
    """One training run: the data and settings it was started with, and whether it came to its end.

    `data` is the absolute path of the file learned from, or "digits"; `digest` tells its numbers from others;
    `settings` are the options of the command; `finished` says that the model is in the folder.
    """

    data: str
    digest: str
    settings: dict[str, Any]
    preparation: dict[str, Any] | None = None
    finished: bool = False
    results: dict[str, float] = field(default_factory=dict)

    def to_json_text(self) -> str:
        """The content of `run.json`."""
        return json.dumps({"format": "localgrad run", "version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False)

    def write(self, folder: Path) -> None:
        """Write `run.json` into the folder, in one step."""
        from localgrad.graph.files import write_atomically

        write_atomically(folder / RUN_FILE, self.to_json_text() + "\n")

    @classmethod
    def read(cls, folder: Path) -> SavedRun:
        """The run kept in a folder. Raises `CheckpointError` where there is none or `run.json` is damaged."""
        path = folder / RUN_FILE
        place = f"reading {path}"
        if not path.is_file():
            found = "there is no such folder" if not folder.exists() else f"it holds no {RUN_FILE}"
            raise CheckpointError(f"opening the run {folder}: {found}. Give the folder that `localgrad train` wrote.")
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise CheckpointError(f"{place}: {path.stat().st_size:,} bytes are no such file. Train again.")
            stored = json.loads(path.read_bytes())
        except OSError as error:
            raise CheckpointError(f"{place}: {error.strerror or error}. Check that it can be read.") from error
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{place}: it is damaged ({error}). Train again.") from error
        if not isinstance(stored, dict) or stored.get("format") != "localgrad run":
            raise CheckpointError(f"{place}: it does not say that it is a run of localgrad. Train again.")
        if stored.get("version") != VERSION:
            raise CheckpointError(
                f"{place}: version {VERSION} was expected, found {stored.get('version')!r}. "
                "Use the localgrad that wrote it, or train again."
            )
        kinds = {"data": str, "digest": str, "settings": dict, "preparation": dict, "finished": bool, "results": dict}
        for name, kind in kinds.items():
            if not isinstance(stored.get(name), kind) and not (name == "preparation" and stored.get(name) is None):
                raise CheckpointError(
                    f"{place}, entry {name!r}: a {kind.__name__} was expected, found {str(stored.get(name))[:40]!r}. "
                    "The file is damaged; train again."
                )
        return cls(**{name: stored[name] for name in kinds})

    def require_finished(self, folder: Path) -> None:
        """Raise `CheckpointError` if the training was interrupted, so that there is no model yet."""
        if not self.finished:
            raise CheckpointError(
                f"opening the run {folder}: its training was interrupted, so there is no model yet. "
                "Finish it with the command that began it and --resume."
            )

    def restored_preparation(self, folder: Path) -> Preparation:
        """How the data of this run are prepared."""
        from localgrad.train.preparation import Preparation

        try:
            return Preparation.from_json(self.preparation)
        except CheckpointError as error:
            raise CheckpointError(f"reading {folder / RUN_FILE}: {error}") from None


def load_graph(folder: Path) -> Graph:
    """The graph saved in a folder, of a run or of `graph.save`."""
    from localgrad.exchange.folder import load

    return load(folder)
