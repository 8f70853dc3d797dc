"""`localgrad train digits`: a network that reads handwritten digits, and one of its nodes opened."""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from localgrad.cli.folder import require_free, resumed
from localgrad.cli.parsing import UsageError
from localgrad.cli.prediction import compared, outputs_of, probabilities_of
from localgrad.cli.sample import digit_sample, explained
from localgrad.cli.saved_run import DIGITS, load_graph
from localgrad.cli.settings import DIGITS_SETTINGS, chosen, shown
from localgrad.cli.terminal import command_text
from localgrad.cli.training import Outcome, Problem, finish, train_run

__all__ = ["train_digits"]

OF_TABLES = ("target", "drop", "task", "encoding", "validation", "test")


def train_digits(arguments: argparse.Namespace) -> int:
    """Run the command for the digits."""
    for name in OF_TABLES:
        if getattr(arguments, name) is not None:
            raise UsageError(f"{shown(name)} is for tables; the digits have theirs", "localgrad train")
    run = resumed(arguments)
    settings = chosen(arguments, DIGITS_SETTINGS, None if run is None else run.settings)
    require_free(arguments)
    problem = _problem()
    learned, tested = len(problem.train[0]), problem.validation
    assert tested is not None
    print(f"digits: {learned:,} pictures of 8 x 8 pixels to learn from, {len(tested[0])} others to test")
    outcome = train_run(problem, settings, arguments, run)
    outputs = outputs_of(outcome.graph, tested[0])
    accuracy = compared(problem.preparation, outputs, tested[1])["accuracy"]
    finish(outcome, {"test_accuracy": accuracy})
    right = round(accuracy * len(outputs))
    print(f"\ntest accuracy {accuracy:.4f} ({right} of {len(outputs)} digits the network never saw)\n")
    probabilities = probabilities_of(outputs)
    hardest = int(probabilities[np.arange(len(outputs)), tested[1]].argmin())
    node = _opened(outcome, hardest, probabilities[hardest])
    _write_page(outcome, hardest)
    _say_how_to_go_on(outcome, node, hardest)
    return 0


def _problem() -> Problem:
    from localgrad.train.digits import load_digits
    from localgrad.train.preparation import Preparation
    from localgrad.train.table import Table

    train, test = load_digits()
    names = tuple(map(str, range(10)))
    table = Table(train[0], train[1], (), "classification", "y", names)
    return Problem(DIGITS, DIGITS, Preparation.fit(table, standardise=False), train, test, "test", chooses=False)


def _opened(outcome: Outcome, row: int, probabilities: NDArray[np.float64]) -> str:
    """Print the card of one node for a digit of the test part; gives the name of the node."""
    graph = load_graph(outcome.folder)
    relus = [node.name for node in graph.nodes if node.kind.name == "Relu"]
    node = relus[-1] if relus else graph.nodes[-1].name
    sample = digit_sample(row)
    first, second = (int(place) for place in probabilities.argsort()[::-1][:2])
    print(f"The one it finds hardest, {sample.told}")
    print(
        f"reads as {first} with probability {probabilities[first]:.2f}, as {second} with {probabilities[second]:.2f}."
    )
    print("\nOne node while it does so, and on the way back what the loss asks of it:\n")
    print(explained(graph, sample, node))
    return node


def _write_page(outcome: Outcome, row: int) -> None:
    """The explorer's page: one digit's values and gradients, and the gradient norms of the whole training."""
    from localgrad.cli.explore import write_run_page

    path = outcome.folder / "explorer.html"
    write_run_page(outcome.folder, load_graph(outcome.folder), row, path)
    print(f"\nThe network with every value and gradient of this digit, and its training, to look around in: {path}")


def _say_how_to_go_on(outcome: Outcome, node: str, row: int) -> None:
    folder = str(outcome.folder)
    other = str((row + 1) % 360)
    commands = [
        (command_text("explain", folder), "every node of the network"),
        (command_text("explain", folder, "--node", node, "--row", other), "this node on another digit"),
        (command_text("train", "your.csv", "--target", "COLUMN"), "a network for your own table"),
    ]
    width = max(len(command) for command, _ in commands)
    print(f"\nWritten to {folder}: graph.svg (the network), curves.svg and history.csv, the model, a checkpoint.")
    print("Go on:")
    for command, meaning in commands:
        print(f"  {command:<{width}}  # {meaning}")
    print("or in Python:")
    print("  import localgrad as lg")
    print(f"  record = lg.load({outcome.folder.as_posix()!r}).record([[[0.5] * 64]])")
    print(f"  print(record.explain({node!r}))")
