"""`localgrad train DATA.csv`: a network for a table of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from localgrad.cli.folder import require_free, resumed
from localgrad.cli.parsing import UsageError
from localgrad.cli.prediction import compared, described, outputs_of
from localgrad.cli.settings import TABLE_SETTINGS, chosen, usual_batch
from localgrad.cli.terminal import command_text
from localgrad.cli.training import Outcome, Problem, finish, train_run
from localgrad.graph.errors import DataError

if TYPE_CHECKING:
    from localgrad.train.preparation import Preparation
    from localgrad.train.table import Table

__all__ = ["train_table"]


def train_table(arguments: argparse.Namespace) -> int:
    """Run the command for a file."""
    path = Path(arguments.data)
    run = resumed(arguments)
    settings = chosen(arguments, TABLE_SETTINGS, None if run is None else run.settings)
    require_free(arguments)
    table = _read(path, settings)
    problem, judges = _problem(path, table, settings, arguments.test)
    if settings["batch_size"] is None:
        settings["batch_size"] = usual_batch(len(problem.train[0]))
    _introduce(path, table, problem, judges)
    outcome = train_run(problem, settings, arguments, run)
    results: dict[str, float] = {}
    print()
    for name, judge in judges.items():
        assert judge.target is not None
        found = compared(problem.preparation, _outputs(outcome, problem, judge), judge.target)
        results.update({f"{name}_{quantity}": value for quantity, value in found.items()})
        print(f"{name}: {described(found)} ({len(judge):,} rows{_baseline(problem.preparation, judge)})")
    finish(outcome, results)
    _say_how_to_go_on(path, outcome)
    return 0


def _read(path: Path, settings: dict[str, Any]) -> Table:
    from localgrad.train.delimited import DelimitedFile
    from localgrad.train.table import read_table

    if settings["target"] is None and path.suffix.lower() != ".npz":
        names = ", ".join(map(repr, DelimitedFile(path, settings["encoding"]).names[:12]))
        raise UsageError(f"--target is needed, the column of {path} to learn; it has {names}", "localgrad train")
    if settings["target"] in settings["drop"]:
        raise UsageError(f"--drop {settings['target']} leaves out the --target", "localgrad train")
    options = {name: settings[name] for name in ("task", "drop", "encoding")}
    table = read_table(path, settings["target"], **options)
    if table.target is None:
        raise DataError(f"reading {path}: there is no array 'y' to learn. Add one, or name another with --target.")
    return table


def _problem(path: Path, table: Table, settings: dict[str, Any], test: Path | None) -> tuple[Problem, dict[str, Table]]:
    """What is to be learned, and the tables that judge the finished model."""
    from localgrad.train.preparation import Preparation
    from localgrad.train.table import read_table

    judges: dict[str, Table] = {}
    train = table
    if settings["validation"]:
        train, judges["validation"] = table.split(settings["validation"], settings["seed"])
    preparation = Preparation.fit(train)
    if test is not None:
        judges["test"] = read_table(test, settings["target"], like=preparation, encoding=settings["encoding"])
    elif table.test is not None and table.test.target is not None:
        judges["test"] = table.test
    parts = {
        name: (preparation.apply(part), preparation.apply_target(part))
        for name, part in {"train": train, **judges}.items()
    }
    validation = parts.get("validation")
    data = str(path.absolute())
    problem = Problem(
        path.stem, data, preparation, parts["train"], validation, "validation", chooses=validation is not None
    )
    return problem, judges


def _introduce(path: Path, table: Table, problem: Problem, judges: dict[str, Table]) -> None:
    width = " x ".join(map(str, problem.preparation.shape))
    names = problem.preparation.class_names
    goal = f"the value of {table.target_name!r}"
    if names:
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        goal = f"{len(names)} classes of {table.target_name!r}: {listed}"
    plural = "" if width == "1" else "s"
    print(f"{path}: {len(table):,} rows, {width} feature{plural}; {goal}")
    others = "".join(f", {len(judge):,} for {name}" for name, judge in judges.items())
    print(f"{len(problem.train[0]):,} rows to learn from{others}")


def _outputs(outcome: Outcome, problem: Problem, judge: Table) -> Any:
    return outputs_of(outcome.graph, problem.preparation.apply(judge))


def _baseline(preparation: Preparation, judge: Table) -> str:
    """How good the commonest class alone would be, to see what a number is worth."""
    if preparation.task != "classification" or judge.target is None:
        return ""
    return f"; always the commonest class: {np.bincount(judge.target).max() / len(judge):.4g}"


def _say_how_to_go_on(path: Path, outcome: Outcome) -> None:
    folder = str(outcome.folder)
    print(f"\nWritten to {folder}: graph.svg (the network), curves.svg and history.csv, the model, a checkpoint.")
    print("Go on:")
    for command in (("predict", folder, f"new{path.suffix}", "-o", "predictions.csv"), ("explain", folder)):
        print(f"  {command_text(*command)}")
