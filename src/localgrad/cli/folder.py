"""Which folder a run is written to: a new one, a numbered one, one to be replaced, or one to go on in."""

from __future__ import annotations

import argparse
from pathlib import Path

from localgrad.cli.saved_run import RUN_FILE, SavedRun
from localgrad.graph.errors import FileWriteError

__all__ = ["CHECKPOINT", "OWN_FILES", "abandon", "claim", "require_free", "resumed"]

HOME = "runs"
CHECKPOINT = "checkpoint.safetensors"
"""The trainer's name for it; the trainer itself is not imported before the data were read."""
OWN_FILES = (RUN_FILE, "graph.json", "model.safetensors", "graph.svg", "history.csv", "curves.svg", "gradients.csv", "explorer.html",
             CHECKPOINT)  # fmt: skip


def resumed(arguments: argparse.Namespace) -> SavedRun | None:
    """The run to go on with, if that was asked for."""
    return SavedRun.read(arguments.out) if arguments.resume else None


def require_free(arguments: argparse.Namespace) -> None:
    """Raise `FileWriteError` if --out has something in it that would be mixed with a new run."""
    folder: Path | None = arguments.out
    if folder is None or arguments.resume:
        return
    if folder.exists() and not folder.is_dir():
        raise FileWriteError(f"writing the run into {folder}: it is a file. Choose another --out.")
    if not arguments.overwrite and folder.is_dir() and any(folder.iterdir()):
        if (folder / RUN_FILE).exists():
            raise FileWriteError(
                f"writing the run into {folder}: there is one already. "
                "Go on with it (--resume), replace it (--overwrite), or choose another --out."
            )
        raise FileWriteError(
            f"writing the run into {folder}: it holds other files, such as {min(folder.iterdir()).name}. "
            "Choose another --out, or write among them with --overwrite."
        )


def claim(arguments: argparse.Namespace, name: str) -> Path:
    """The folder of the run, made; what an older run left there is removed if it is to be replaced."""
    folder: Path | None = arguments.out
    try:
        if folder is None:
            return _numbered(name)
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.overwrite:
            for own in OWN_FILES:  # run.json first: without it the folder is no run
                (folder / own).unlink(missing_ok=True)
    except OSError as error:
        raise FileWriteError(
            f"making the folder of the run, {folder or HOME}: {error.strerror or error}. Choose another --out."
        ) from error
    return folder


def abandon(folder: Path) -> None:
    """Leave no trace of a run that failed before there was anything to go on from."""
    if (folder / CHECKPOINT).exists():
        return
    try:
        (folder / RUN_FILE).unlink(missing_ok=True)
        folder.rmdir()
    except OSError:  # something of the user's is in it
        pass


def _numbered(name: str) -> Path:
    """`runs/name`, or the first of `runs/name-2`, ... that nobody has; making it is what takes it."""
    number = 1
    while True:
        folder = Path(HOME) / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not Path(HOME).is_dir():
                raise
            number += 1
