"""`localgrad explain`: a saved graph as text, or one of its nodes with everything there is to know of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from localgrad.cli.parsing import Parser, whole

if TYPE_CHECKING:
    from localgrad.cli.sample import Sample

SUMMARY = "show the nodes of a saved graph, or one of them with its numbers"
DESCRIPTION = """Without --node: the graph as text, one line a node. With --node: that node's formula, and
for one row of data its values, its local derivative, and the gradient of the loss on each
of its edges."""
EXAMPLES = (
    ("localgrad explain runs/digits", "every node"),
    ("localgrad explain runs/digits --node '1/Relu#1'", "one of them, on a digit of the test part"),
    ("localgrad explain runs/iris --node '1/Relu#1' --data iris.csv --row 7", "on a row of a file"),
)


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run, or of graph.save")
    parser.add_argument("--node", metavar="NAME", help="the node to explain, as the graph's text names it")
    parser.add_argument(
        "--data", metavar="FILE", type=Path, help="where the row comes from; default: the data it was trained on"
    )
    parser.add_argument("--row", metavar="NUMBER", type=whole, default=0, help="which row, from 0 on (default: 0)")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from localgrad.cli.sample import explained, sample_of
    from localgrad.cli.saved_run import load_graph

    graph = load_graph(arguments.run)
    if arguments.node is None:
        print(graph)
        return 0
    graph.node(arguments.node)  # a wrong name is told before any data are read
    sample: Sample = sample_of(arguments.run, arguments.data, arguments.row)
    print(sample.told)
    print()
    print(explained(graph, sample, arguments.node))
    return 0
