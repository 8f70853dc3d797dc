"""`localgrad graph`: the picture of a saved graph."""

from __future__ import annotations

import argparse
from pathlib import Path

from localgrad.cli.parsing import Parser, UsageError, whole

SUMMARY = "draw a saved graph"
DESCRIPTION = """Draws the graph of a run with the shapes on its edges: as SVG, for Graphviz (.dot), or
for Mermaid (.mmd)."""
EXAMPLES = (
    ("localgrad graph runs/digits", "into runs/digits/graph.svg"),
    ("localgrad graph runs/digits -o network.dot", "in the language of Graphviz"),
    ("localgrad graph runs/digits --depth 0 -o network.svg", "each layer as one box"),
)
FORMATS = (".svg", ".dot", ".gv", ".mmd", ".mermaid")


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run, or of graph.save")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="a .svg, .dot or .mmd file (default: RUN/graph.svg)"
    )
    parser.add_argument("--depth", metavar="LEVELS", type=whole, help="how many levels of layers are drawn open")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from localgrad.cli.saved_run import load_graph

    output: Path = arguments.output if arguments.output is not None else arguments.run / "graph.svg"
    ending = output.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            f"a file that ends in .svg, .dot or .mmd was expected, found {str(output)!r}", "localgrad graph"
        )
    graph = load_graph(arguments.run)
    if ending == ".svg":
        graph.to_svg(output, depth=arguments.depth)
    else:
        from localgrad.show.picture import to_dot, to_mermaid

        (to_dot if ending in (".dot", ".gv") else to_mermaid)(graph, output, depth=arguments.depth)
    print(f"{len(graph.nodes)} nodes drawn in {output}")
    return 0
