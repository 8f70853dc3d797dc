"""Checkpoints: everything a training needs to go on bit for bit, in one safetensors file that is always whole."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange import foreign_json, weights
from localgrad.graph.errors import CheckpointError
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Tensor

__all__ = ["Checkpoint", "environment", "model_differences", "read_checkpoint", "write_checkpoint"]

FILE: Final = "checkpoint.safetensors"
CONTENT: Final = "localgrad.training"
FORMAT: Final = 1
ADVICE: Final = "use an older checkpoint, or start the training anew"
LISTED: Final = 12


class Checkpoint:
    """Where a training is saved, and when: at the end of an epoch, and every so many steps if asked.

    `path` is a file (`.safetensors`) or a folder, in which it is `checkpoint.safetensors`. `seconds` is the shortest time
    between two writes of it, so that many short epochs do not wait for the disk (the last state is written in any case;
    0 writes each time). With `best` (a column of the history, or True for the validation loss, else the loss) the values
    of the best epoch are kept in a second file beside it, `best.safetensors`, which `load_values` of a model takes.

    >>> Checkpoint("runs/digits").path.name
    'checkpoint.safetensors'
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every_steps: int | None = None,
        seconds: float = 1.0,
        best: str | bool = False,
    ) -> None:
        given = Path(path)
        self.path = given if given.suffix == ".safetensors" else given / FILE
        self.every_steps = every_steps
        self.seconds = seconds
        self.best = best

    @property
    def best_path(self) -> Path:
        """The file with the values of the best epoch."""
        stem = "" if self.path.name == FILE else f"{self.path.stem}-"
        return self.path.with_name(f"{stem}best.safetensors")

    @staticmethod
    def of(given: Any) -> Checkpoint | None:
        """A checkpoint as it is, or one at a path."""
        return given if given is None or isinstance(given, Checkpoint) else Checkpoint(given)

    def prepare(self) -> None:
        """Make the folder, so that what cannot be written is known before training; raises FileWriteError."""
        from localgrad.train.run_folder import need_writable

        need_writable(self.path.parent)
        for left in self.path.parent.glob(f".{self.path.name[:60]}.*.tmp"):
            _remove_if_left(left)


def write_checkpoint(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a training's state, in nested dicts and lists with arrays among them, in one step; raises FileWriteError."""
    arrays: dict[str, NDArray[Any]] = {}
    packed = _pack({"format": FORMAT, **content}, "", arrays)
    text = json.dumps(packed, allow_nan=False, separators=(",", ":"))
    weights.write(path, arrays, {CONTENT: text})


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write_checkpoint` wrote; raises CheckpointError where it is missing, damaged or something else."""
    arrays, texts = weights.read(path, CheckpointError)
    what = f"the checkpoint {path}"
    if CONTENT not in texts:
        raise CheckpointError(
            f"{what} was to be read\nfound: a safetensors file that no training wrote (weights alone, perhaps)\n"
            "do: load weights with model.load_values(...), and give the checkpoint of a Trainer here"
        )
    packed = foreign_json.parse(texts[CONTENT].encode(), what, CheckpointError, ADVICE)
    try:
        content = _unpack(packed, arrays)
        if not isinstance(content, dict):
            raise TypeError(f"a {type(content).__name__}")
        version = content["format"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(what, f"its description does not fit its arrays ({error})") from None
    if version != FORMAT:
        raise CheckpointError(
            f"{what} was to be read\nfound: format {version!r}; this version of localgrad reads {FORMAT}\n"
            "do: use the version that wrote it"
        )
    return content


def _damaged(what: str, found: str) -> CheckpointError:
    return CheckpointError(f"{what} was to be read\nfound: {found}\ndo: {ADVICE}")


def _pack(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, Tensor):
        value = value._value
    if isinstance(value, np.ndarray):
        name = path
        while name in arrays:
            name += "'"
        arrays[name] = value
        return {"@array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"@float": repr(value)}
    if isinstance(value, Mapping):
        return {str(key): _pack(each, f"{path}/{key}" if path else str(key), arrays) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_pack(each, f"{path}/{index}", arrays) for index, each in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise CheckpointError(
        f"a checkpoint was to be written\nfound: {path} is a {type(value).__name__}\n"
        "do: give numbers, texts, arrays, and lists and dicts of these in the state of callbacks"
    )


def _unpack(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            if "@array" in value:
                return arrays[value["@array"]]
            if "@float" in value:
                return float(value["@float"])
        return {key: _unpack(each, arrays) for key, each in value.items()}
    if isinstance(value, list):
        return [_unpack(each, arrays) for each in value]
    return value


# ---------------------------------------------------------------- what fits what


def model_differences(own: Mapping[str, Tensor], found: Any) -> list[str]:
    """How saved arrays differ from a model's parameters and states in names, shapes and dtypes, a line for each."""
    if not isinstance(found, dict):
        return ["the checkpoint holds no values"]
    lines = []
    for name, leaf in own.items():
        array = found.get(name)
        if not isinstance(array, np.ndarray):
            lines.append(f"{name}: not in the checkpoint; the model's is {leaf.dtype}{format_shape(leaf.shape)}")
        elif array.shape != leaf.shape or array.dtype != leaf.dtype:
            lines.append(
                f"{name}: {array.dtype}{format_shape(array.shape)} in the checkpoint, "
                f"{leaf.dtype}{format_shape(leaf.shape)} in the model"
            )
    lines += [f"{name}: in the checkpoint, not in the model" for name in found if name not in own]
    return lines


def refuse_differences(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Raise CheckpointError if there are differences."""
    listed = list(lines)
    if listed:
        more = f"\n  and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
        raise CheckpointError(
            f"a training was to go on from {path}\nfound: it is of another model, so nothing was loaded; "
            f"{len(listed)} differences:" + "".join(f"\n  {line}" for line in listed[:LISTED]) + more + "\n"
            "do: build the model as it was, or start anew with another path"
        )


def environment() -> dict[str, Any]:
    """What bits depend on besides the numbers: versions, machine, threads."""
    named = next((os.environ[name] for name in THREADS if os.environ.get(name, "").isdigit()), None)
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "localgrad": str(getattr(sys.modules["localgrad"], "__version__", "0")),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{sys.platform} {platform.machine()}",
        "threads": int(named) if named else len(affinity(0)) if affinity else os.cpu_count(),
        "compiler": _compiler(),
    }


@lru_cache(1)
def _compiler() -> str:
    """What compiled steps are made with."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"llvmlite {version('llvmlite')}"
    except PackageNotFoundError:
        return "none"


THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def _remove_if_left(temporary: Path) -> None:
    """Remove a temporary file whose process has ended before it could."""
    if os.name != "posix":  # elsewhere signal 0 is not harmless
        return
    try:
        number = int(temporary.name.rsplit(".", 2)[-2].split("-")[0])
        os.kill(number, 0)
    except ProcessLookupError:
        temporary.unlink(missing_ok=True)
    except (ValueError, IndexError, OSError):
        pass
