"""The work of `localgrad train`, the same for digits and tables: from prepared arrays to a finished run folder."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.cli.folder import abandon, claim
from localgrad.cli.sample import NOWHERE
from localgrad.cli.saved_run import SavedRun
from localgrad.cli.terminal import command_text
from localgrad.graph.errors import CheckpointError

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph
    from localgrad.layers.model import Sequential
    from localgrad.train.history import History
    from localgrad.train.preparation import Preparation

__all__ = ["Outcome", "Problem", "finish", "train_run"]

Pair = tuple[NDArray[np.float32], NDArray[Any]]


@dataclass(frozen=True)
class Problem:
    """What is to be learned: prepared features, and targets as a loss takes them.

    `name` is that of the run folder, `data` "digits" or a path. The `validation` rows, called `judged`, are measured after
    each epoch; if the model `chooses`, it keeps the values it had when it did best on them.
    """

    name: str
    data: str
    preparation: Preparation
    train: Pair
    validation: Pair | None
    judged: str
    chooses: bool

    @property
    def outputs(self) -> int:
        """The number of outputs of the model."""
        return len(self.preparation.class_names or self.preparation.target_mean)

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return "softmax_cross_entropy" if self.preparation.task == "classification" else "mean_squared_error"

    def digest(self) -> str:
        """A short text that is the same for the same numbers in the same order."""
        hashed = hashlib.sha256()
        for array in (*self.train, *(self.validation or ())):
            hashed.update(f"{array.shape}{array.dtype}".encode())
            hashed.update(np.ascontiguousarray(array).data)
        return hashed.hexdigest()[:32]


@dataclass(frozen=True)
class Outcome:
    """A trained model in its folder, where all is written but the end of `run.json`."""

    folder: Path
    run: SavedRun
    graph: Graph
    history: History


def train_run(
    problem: Problem, settings: dict[str, Any], arguments: argparse.Namespace, resumed: SavedRun | None
) -> Outcome:
    """Train, with progress told, and write the model, its picture, the history and its curves."""
    from localgrad.cli.fitting import fit, optimizer_named

    digest = problem.digest()
    if resumed is not None and resumed.digest != digest:
        raise CheckpointError(
            f"resuming the run {arguments.out}: the data in {problem.data} are not those it began with. "
            "Give the same file, or train into another --out."
        )
    shape = problem.preparation.shape
    sizes = [math.prod(shape), *settings["layers"], problem.outputs]
    model = _network(sizes, settings["seed"])
    optimizer = optimizer_named(settings["optimizer"], settings["learning_rate"])
    print(
        f"network {' -> '.join(map(str, sizes))}, {model.count_parameters():,} parameters; {settings['optimizer']}, "
        f"learning rate {settings['learning_rate']:g}, {settings['batch_size']} rows a step, seed {settings['seed']}"
    )
    run = SavedRun(problem.data, digest, settings, problem.preparation.to_json())
    if resumed is not None:  # until it has been trained further, the model there is as good as before
        run.finished, run.results = resumed.finished, resumed.results
    folder = claim(arguments, problem.name)
    try:
        run.write(folder)
        history = fit(model, optimizer, problem, settings, folder)
    except KeyboardInterrupt:
        judged = [] if arguments.test is None else ["--test", str(arguments.test)]
        again = command_text("train", arguments.data, *judged, "--out", str(folder), "--resume")
        raise KeyboardInterrupt(f"go on with: {again}") from None
    except Exception:
        abandon(folder)
        raise
    graph = _captured(model, shape, problem.name)
    _write(folder, graph, history)
    return Outcome(folder, run, graph, history)


def finish(outcome: Outcome, results: dict[str, float]) -> None:
    """Note the results in `run.json`, and that the run is finished."""
    outcome.run.results = results
    outcome.run.finished = True
    outcome.run.write(outcome.folder)


def _network(sizes: list[int], seed: int) -> Sequential:
    """Affine layers with ReLU between them."""
    from localgrad.layers.activations import Relu
    from localgrad.layers.linear import Affine
    from localgrad.layers.model import Sequential

    layers: list[Any] = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        # No ReLU follows the last one, so its variance is not to be doubled.
        last = index == len(sizes) - 2
        layers.append(Affine.create(inputs, outputs, seed=seed + index, init="lecun" if last else "he"))
        if not last:
            layers.append(Relu())
    return Sequential(*layers)


def _captured(model: Sequential, shape: tuple[int, ...], name: str) -> Graph:
    from localgrad.graph.capturing import capture
    from localgrad.graph.context import using
    from localgrad.graph.spec import spec

    model.eval()
    with using(site=NOWHERE):
        return capture(lambda x: model(x), spec("N", *shape), name=name)


def _write(folder: Path, graph: Graph, history: History) -> None:
    graph.save(folder)
    graph.to_svg(folder / "graph.svg", title=graph.name)
    history.to_csv(folder / "history.csv")
    history.to_svg(folder / "curves.svg")
