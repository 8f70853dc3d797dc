"""One row of data going through a saved graph and back: the record that a node card shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.cli.saved_run import DIGITS, RUN_FILE, SavedRun
from localgrad.graph.context import using
from localgrad.graph.errors import DataError

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph
    from localgrad.graph.record import Record
    from localgrad.show.card import Card

__all__ = ["NOWHERE", "Sample", "digit_picture", "digit_sample", "explained", "recorded", "sample_of"]

NOWHERE = (None, 0)
"""The place of nodes that no line of a user made: those the command line records."""
SHADES = " ░▒▓█"


@dataclass(frozen=True)
class Sample:
    """One row as the model takes it, with its target if that is known, and what to tell people about it."""

    features: NDArray[Any]
    target: NDArray[Any] | None
    told: str


def sample_of(folder: Path, data: Path | None, row: int) -> Sample:
    """The row to explain a run with: of `data`, else of the data the run was trained on."""
    if not (folder / RUN_FILE).is_file():
        raise DataError(
            f"explaining a node of {folder}: it holds no {RUN_FILE}, so which data it takes is not known. "
            "In Python: lg.load(folder).record([x], gradients_of=...).explain(node)."
        )
    run = SavedRun.read(folder)
    if data is None and run.data == DIGITS:
        return digit_sample(row)
    path = Path(run.data) if data is None else data
    if data is None and not path.is_file():
        raise DataError(
            f"explaining a node of {folder}: the file it was trained on, {path}, is not there any more. "
            "Give a file with --data."
        )
    from localgrad.cli.prediction import read_rows

    preparation = run.restored_preparation(folder)
    table, _ = read_rows(path, preparation, str(run.settings.get("encoding", "utf-8")))
    if row >= len(table):
        raise DataError(
            f"reading {path}: row {row} was asked for, there are {len(table):,}, from 0 on. Use a lower one."
        )
    one = table.take(np.array([row]))
    target = None if one.target is None else preparation.apply_target(one)
    told = f"row {row} of {path}"
    if target is not None:
        shown = preparation.class_names[int(target[0])] if preparation.task == "classification" else one.target
        told += f", {preparation.target_name} = {shown}"
    else:
        told += " (its target is not known: gradients are those of the largest output)"
    return Sample(preparation.apply(one), target, told)


def digit_sample(row: int) -> Sample:
    """A digit of the test part, with its picture."""
    from localgrad.train.digits import load_digits

    _, (x, y) = load_digits()
    if row >= len(x):
        raise DataError(f"the test part of the digits: row {row} was asked for, there are {len(x)}. Use a lower one.")
    told = f"picture {row} of the test part, the digit {y[row]}:\n{digit_picture(x[row])}"
    return Sample(x[row : row + 1], y[row : row + 1], told)


def digit_picture(pixels: NDArray[np.float32]) -> str:
    """A digit in letters, two a pixel."""
    levels = np.round(pixels.reshape(8, 8) * (len(SHADES) - 1)).astype(np.int64)
    return "\n".join("    " + "".join(SHADES[level] * 2 for level in line).rstrip() for line in levels)


def explained(graph: Graph, sample: Sample, node: str) -> Card:
    """The card of a node for one row: gradients are those of the loss, or of the largest output where no target is known."""
    return recorded(graph, sample).explain(node)  # type: ignore[no-any-return]


def recorded(graph: Graph, sample: Sample) -> Record:
    """The run of a graph on a sample with the gradients of its loss."""
    from localgrad.graph.tensor import tensor

    x = tensor(sample.features, name=graph.inputs[0].name, requires_grad=True)
    with using(site=NOWHERE):
        loss = _loss(graph(x), sample.target)
    loss.backward()
    return loss.graph.record()  # type: ignore[no-any-return]


def _loss(output: Any, target: NDArray[Any] | None) -> Any:
    if target is None:
        return output.max()
    if target.dtype.kind == "i":
        from localgrad.nodes.cross_entropy import softmax_cross_entropy

        return softmax_cross_entropy(output, target)
    from localgrad.nodes.losses import mean_squared_error

    return mean_squared_error(output, target)
