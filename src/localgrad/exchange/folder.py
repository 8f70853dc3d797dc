"""A graph in a folder: `graph.json` and `model.safetensors`, which always belong together.

`graph.json` holds the fingerprint of its weights. When it takes its name, the new weights already lie beside it under
a name made of that fingerprint; only then they become `model.safetensors`. Whoever reads, at any moment, finds the
weights that belong to the `graph.json` it read under one of the two names, or reads again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from localgrad.exchange import document as documents
from localgrad.exchange import foreign_json, reading, weights
from localgrad.graph.errors import FileWriteError, ImportModelError
from localgrad.graph.files import AtomicFiles
from localgrad.graph.graph import Graph

GRAPH: Final = "graph.json"
WEIGHTS: Final = "model.safetensors"
ADVICE: Final = "get the folder again, or save the graph again"
ATTEMPTS: Final = 20
_WAITING = re.compile(r"model-[0-9a-f]{16}\.safetensors")


def save(graph: Graph, folder: str | os.PathLike[str]) -> None:
    """Write a graph into a folder, which is made if need be: `graph.json` and `model.safetensors`.

    Both change in one step: a reader, also after a crash, finds the old pair or the new one. The same graph gives the
    same bytes. Raises FileWriteError, with everything as it was, where the folder cannot be written or the graph holds
    what no file can.

    >>> import localgrad as lg
    >>> W = lg.parameter([[1.0], [2.0]], name="W")
    >>> graph = lg.capture(lambda x: lg.sigmoid(x @ W), lg.spec("N", 2))
    >>> graph.save("model")
    >>> lg.load("model") == graph
    True
    """
    document, arrays = documents.write(graph)
    fingerprint = weights.fingerprint(arrays)
    text = documents.to_text(document | {"weights": {"sha256": fingerprint}}).encode("ascii")
    if foreign_json.memory_of(text) > foreign_json.MEMORY:
        raise FileWriteError(
            f"writing {os.fspath(folder)}: {len(graph.nodes)} nodes are more than `lg.load` would read. Save parts of it."
        )
    path, made = _folder(folder)
    waiting = path / _waiting_name(fingerprint)
    try:
        with AtomicFiles() as files:
            weights.write(waiting, arrays, {weights.FINGERPRINT: fingerprint}, files)
            files.write(path / GRAPH, text)
    except BaseException:
        if made:
            _remove_if_empty(path)
        raise
    try:
        waiting.replace(path / WEIGHTS)
        for other in path.iterdir():
            if _WAITING.fullmatch(other.name):  # left where an earlier save was cut short
                other.unlink()
    except OSError:
        pass  # the pair is complete under the name it has; someone holds the old weights open


def load(folder: str | os.PathLike[str]) -> Graph:
    """The graph saved in a folder, equal (`==`) to the one written and with its names; its parameters are new tensors.

    Raises ImportModelError, naming file and place, where the folder is missing, damaged, hostile, or written by a newer
    localgrad; a kind of the user's own has to be registered (imported) before.

    >>> import localgrad as lg
    >>> lg.capture(lambda x: lg.exp(x), lg.spec("N")).save("model")
    >>> lg.load("model").run([[0.0]])
    {'Exp#1': array([1.], dtype=float32)}
    """
    path = Path(folder)
    before = b""
    for _ in range(ATTEMPTS):
        text = _graph_text(path)
        where = str(path / GRAPH)
        document = foreign_json.parse(text, where, ImportModelError, ADVICE)
        fingerprint = reading.fingerprint_of(document, where)
        arrays = _arrays_of(path, fingerprint)
        if arrays is not None:
            return reading.read(document, arrays, where)
        if text == before:
            break
        before = text  # another process may just have saved: look again
    raise ImportModelError(
        f"{path} was to be loaded\nfound: {GRAPH} and {WEIGHTS} do not belong together: the weights were written with "
        f"another graph\ndo: {ADVICE}"
    )


def _graph_text(path: Path) -> bytes:
    file, size = weights.open_regular(_inside(path, GRAPH), ImportModelError)
    with file:
        if size > foreign_json.MEMORY:
            raise ImportModelError(
                f"{path / GRAPH} was to be loaded\nfound: {size} bytes; the limit is {foreign_json.MEMORY}\ndo: {ADVICE}"
            )
        try:
            return file.read(size)
        except OSError as error:
            raise ImportModelError(f"{path / GRAPH} was to be loaded\nfound: {error}\ndo: {ADVICE}") from None


def _arrays_of(path: Path, fingerprint: str) -> dict[str, NDArray[Any]] | None:
    """The weights of that fingerprint, None where the folder has others."""
    for name in (_waiting_name(fingerprint), WEIGHTS):
        file = _inside(path, name)
        if name != WEIGHTS and not file.exists():
            continue
        try:
            with weights.OpenWeights(file) as opened:
                if opened.fingerprint == fingerprint:
                    return opened.arrays()
        except ImportModelError:
            # the other name may have what this one, which another process has just moved, has no longer
            if name == WEIGHTS:
                raise
    return None


def _waiting_name(fingerprint: str) -> str:
    return f"model-{fingerprint[:16]}.safetensors"


def _inside(path: Path, name: str) -> Path:
    """A file of the folder; raises ImportModelError where it is a link to something outside."""
    file = path / name
    try:
        # unlike Path.resolve, realpath never raises on a circle of links
        real, home = Path(os.path.realpath(file)), Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise ImportModelError(f"{os.fspath(path)!r} was to be loaded\nfound: {error}\ndo: give a folder") from None
    if real.parent != home:
        raise ImportModelError(
            f"{file} was to be loaded\nfound: a link to {real}, outside the folder\ndo: put the file itself there"
        )
    return file


def _folder(folder: str | os.PathLike[str]) -> tuple[Path, bool]:
    """The folder, made if need be, and whether it was."""
    path = Path(folder)
    try:
        made = not path.is_dir()
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileWriteError(f"writing {path}: a file is in the place of the folder. Choose another name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileWriteError(
            f"writing {os.fspath(folder)!r}: the folder cannot be made ({reason}). Choose another path."
        ) from None
    return path, made


def _remove_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        pass
