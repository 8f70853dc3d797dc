"""Applying a saved model: from a table to classes with probabilities, or to values in the units of the training data."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph
    from localgrad.train.preparation import Preparation
    from localgrad.train.table import Table

__all__ = ["compared", "described", "outputs_of", "predictions_csv", "probabilities_of", "read_rows"]

ROWS_AT_ONCE = 1024


def outputs_of(graph: Graph, features: NDArray[np.float32]) -> NDArray[Any]:
    """The output of the model for prepared features, (rows, outputs), computed in blocks of rows."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise CheckpointError(
            f"predicting: a model of one input and one output was expected, found {len(graph.inputs)} and "
            f"{len(graph.outputs)}. Use lg.load(folder) and graph.run in Python."
        )
    blocks = []
    for start in range(0, len(features), ROWS_AT_ONCE):
        outputs = graph.run([features[start : start + ROWS_AT_ONCE]])
        blocks.append(np.asarray(next(iter(outputs.values()))))
    return np.concatenate(blocks)


def probabilities_of(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def read_rows(path: Path, preparation: Preparation, encoding: str) -> tuple[Table, str]:
    """The rows of a file for a trained model, with the target where the file has a usable one; and why not, if not."""
    from localgrad.train.delimited import DelimitedFile
    from localgrad.train.table import read_table

    target = preparation.target_name
    if path.suffix.lower() == ".npz":
        return read_table(path, like=preparation), ""
    if target is None or target not in DelimitedFile(path, encoding).names:
        return read_table(path, like=preparation, encoding=encoding), ""
    try:
        return read_table(path, target, like=preparation, encoding=encoding), ""
    except DataError as error:
        table = read_table(path, like=preparation, encoding=encoding)
        return table, str(error)


def predictions_csv(preparation: Preparation, outputs: NDArray[Any]) -> str:
    """The predictions as CSV text: class and probabilities, or values, one line a row."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if preparation.task == "classification":
        names = preparation.class_names
        if outputs.ndim != 2 or outputs.shape[1] != len(names):
            raise CheckpointError(
                f"predicting: the model gives {outputs.shape[1:]} outputs a row, the run has {len(names)} classes. "
                "The folder's files belong to different runs; train again."
            )
        probabilities = probabilities_of(outputs)
        best = outputs.argmax(axis=1)
        writer.writerow(["prediction", "probability", *(f"probability_{name}" for name in names)])
        for place, row in zip(best.tolist(), probabilities):
            writer.writerow([names[place], f"{row[place]:.6g}", *(f"{value:.6g}" for value in row)])
        return stream.getvalue()
    values = preparation.restore_target(outputs)
    one = values.shape[1] == 1
    writer.writerow(["prediction"] if one else [f"prediction_{index}" for index in range(values.shape[1])])
    writer.writerows([[f"{value:.7g}" for value in row] for row in values])
    return stream.getvalue()


def compared(preparation: Preparation, outputs: NDArray[Any], target: NDArray[Any]) -> dict[str, float]:
    """How good predictions are: `accuracy`; or `r2` (over all outputs) and `mae`, the mean absolute error in units."""
    if preparation.task == "classification":
        return {"accuracy": float((outputs.argmax(axis=1) == target).mean())}
    true = target.reshape(len(target), -1).astype(np.float64)
    errors = preparation.restore_target(outputs) - true
    spread = float(np.square(true - true.mean(axis=0)).sum())
    r2 = 1 - float(np.square(errors).sum()) / spread if spread > 0 else float("nan")
    return {"r2": r2, "mae": float(np.abs(errors).mean())}


def described(results: dict[str, float]) -> str:
    """Results of `compared` for people."""
    words = {"accuracy": "accuracy", "r2": "R²", "mae": "mean absolute error"}
    return ", ".join(f"{words.get(name, name)} {value:.4g}" for name, value in results.items())
