"""`localgrad explore`: a model or a run as one page to look around in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.cli.model_file import INPUT, INPUT_HELP, drawn, given, load
from localgrad.cli.parsing import Parser, UsageError, whole

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph

SUMMARY = "write the page on which a model or a run can be looked around in"
DESCRIPTION = """Writes one HTML file that needs no network: the graph with its layers to open, the card of
each node, and forward and backward step by step. Of an .onnx file the structure alone,
unless --input gives it numbers; of a run also one row of its data, with the gradients of
its loss, and how the training went."""
EXAMPLES = (
    ("localgrad explore runs/digits", "into runs/digits/explorer.html"),
    ("localgrad explore model.onnx", "its structure, into model.html"),
    ("localgrad explore model.onnx --input x=image.npy --loss mean -o page.html", "with values and gradients"),
)
LOSSES = ("mean", "sum")


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="an .onnx file, or the folder of a run or graph.save")
    parser.add_argument("--input", metavar=INPUT, action="append", default=[], help=INPUT_HELP)
    parser.add_argument("--loss", choices=LOSSES, help="of the first output, for gradients (default: none)")
    parser.add_argument("--row", metavar="NUMBER", type=whole, default=0, help="of a run: which row of its data")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the .html file to write")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from localgrad.cli.saved_run import RUN_FILE
    from localgrad.show.explore import explore

    model: Path = arguments.model
    is_run = model.is_dir() and (model / RUN_FILE).is_file() and not arguments.input
    if arguments.loss is not None and not arguments.input:
        raise UsageError("--loss needs the numbers of --input", "localgrad explore")
    default = model / "explorer.html" if model.is_dir() else Path(model.with_suffix(".html").name)
    output: Path = arguments.output if arguments.output is not None else default
    graph = load(model)
    if is_run:
        write_run_page(model, graph, arguments.row, output)
    elif arguments.input:
        explore(_recorded(graph, arguments), output)
    else:
        explore(graph, output)
        print("structure alone: give --input NAME=FILE to see values, and --loss to see gradients")
    print(f"written to {output}: open it in a browser")
    return 0


def _recorded(graph: Graph, arguments: argparse.Namespace) -> Any:
    feed = given(graph, arguments.input, "localgrad explore")
    missing = [tensor.name for tensor in graph.inputs if tensor.name not in feed]
    if missing:
        print(f"drawn at random: {', '.join(missing)}")
    inputs = drawn(graph, feed)
    if arguments.loss is None:
        return graph.record(inputs)
    from localgrad.cli.sample import NOWHERE
    from localgrad.graph.context import using
    from localgrad.graph.tensor import tensor

    named = [(each.name, inputs[each.name]) for each in graph.inputs]
    with using(site=NOWHERE):
        made = graph(*(tensor(x, name=name, requires_grad=x.dtype.kind == "f") for name, x in named))
        first = made[0] if isinstance(made, tuple) else made
        loss = first.mean() if arguments.loss == "mean" else first.sum()
    loss.backward()
    return loss.graph.record()


def write_run_page(folder: Path, graph: Graph, row: int, output: Path) -> None:
    """The page of a run: its network on one row of its data, and its training."""
    from localgrad.cli.sample import recorded, sample_of
    from localgrad.show.explore import explore

    explore(recorded(graph, sample_of(folder, None, row)), output, training=training_of(folder))


def training_of(folder: Path) -> dict[str, Any] | None:
    """How the training of a run went, from the files it left; None where there are none."""
    from localgrad.train.history import History

    path = folder / "history.csv"
    if not path.is_file():
        return None
    history = History.from_csv(path)
    if "step" not in history:
        return None
    metrics = [
        {"name": name.removeprefix("validation_"), "values": history[name].tolist()}
        | ({"split": "validation"} if name.startswith("validation_") else {})
        for name in history.columns
        if name not in ("epoch", "step", "seconds")
    ]
    norms = folder / "gradients.csv"
    found = History.from_csv(norms) if norms.is_file() else History()
    names = [name for name in found.columns if name not in ("epoch", "step")]
    whole_run = len(found) == len(history)
    series = {"gradient_norm": [value for name in names for value in found[name].tolist()]} if whole_run else {}
    return {
        "names": names if whole_run else [],
        "steps": history["step"].tolist(),
        "series": series,
        "metrics": metrics,
    }
