"""The settings a run is trained with: given, stored by the run that is resumed, or the usual ones."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from localgrad.cli.parsing import count, layer_widths, positive, share, whole
from localgrad.cli.saved_run import RUN_FILE
from localgrad.graph.errors import CheckpointError

__all__ = ["DIGITS_SETTINGS", "TABLE_SETTINGS", "chosen", "shown", "usual_batch"]

OPTIMIZER_RATES: Final = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2, "momentum": 1e-2, "rmsprop": 1e-3, "adagrad": 1e-2}
COMMON: Final = {"batch_size": 32, "optimizer": "adam", "learning_rate": None, "seed": 0}
DIGITS_SETTINGS: Final[Mapping[str, Any]] = {"layers": (100, 16), "epochs": 30, **COMMON, "learning_rate": 2e-3}
TABLE_SETTINGS: Final[Mapping[str, Any]] = {
    "target": None, "drop": (), "task": None, "encoding": "utf-8", "validation": 0.2, "layers": (64, 32), "epochs": 50, **COMMON,
    "batch_size": None,
}  # fmt: skip
SMALLEST_BATCH, LARGEST_BATCH = 8, 128
READ: Final[dict[str, Callable[[str], Any]]] = {
    "batch_size": count, "epochs": count, "layers": layer_widths, "learning_rate": positive, "seed": whole,
    "validation": share,
}  # fmt: skip


def chosen(arguments: argparse.Namespace, usual: Mapping[str, Any], stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """The setting of each name in `usual`: what was given, else stored, else usual.

    Of a run that is resumed only the number of epochs may change; raises `CheckpointError` for others.
    """
    given = {name: _plain(getattr(arguments, name)) for name in usual}
    if stored is None:
        settings = {name: _plain(usual[name]) if given[name] is None else given[name] for name in usual}
    else:
        settings = {name: _checked(arguments.out, name, stored) for name in usual}
        different = [
            f"{shown(name)} was {_text(settings[name])} and {_text(given[name])} was given"
            for name in usual
            if name != "epochs" and given[name] is not None and given[name] != settings[name]
        ]
        if different:
            raise CheckpointError(
                f"resuming the run {arguments.out}: {'; '.join(different)}. Leave that out, or train into another --out."
            )
        if given["epochs"] is not None:
            settings["epochs"] = given["epochs"]
    if settings["learning_rate"] is None:
        settings["learning_rate"] = OPTIMIZER_RATES[settings["optimizer"]]
    return settings


def usual_batch(rows: int) -> int:
    """About a 32nd of the rows: enough steps an epoch for a small table, and not too many for a large one.

    >>> [usual_batch(rows) for rows in (20, 150, 1437, 1_000_000)]
    [8, 8, 32, 128]
    """
    nearest_power = int(2.0 ** round(math.log2(max(rows, 1) / 32)))
    return min(max(nearest_power, SMALLEST_BATCH), LARGEST_BATCH)


def shown(name: str) -> str:
    """The option of a setting."""
    return "--" + name.replace("_", "-")


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _checked(folder: Path, name: str, stored: Mapping[str, Any]) -> Any:
    """A stored setting, refused where the option would not take it."""
    value = stored.get(name)
    try:
        if name in READ:
            if not isinstance(value, (int, float, list)):
                raise ValueError(f"found {value!r:.40}")
            return _plain(READ[name](_text(value)))
        fits = {
            "optimizer": value in OPTIMIZER_RATES if isinstance(value, str) else False,
            "encoding": isinstance(value, str),
            "target": value is None or isinstance(value, str),
            "drop": isinstance(value, list) and all(isinstance(each, str) for each in value),
            "task": value in (None, "classification", "regression"),
        }
        if not fits[name]:
            raise ValueError(f"found {value!r:.40}")
        return value
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise CheckpointError(
            f"reading {folder / RUN_FILE}, setting {name!r}: {error}. The file is damaged; train again."
        ) from None
