"""`localgrad predict`: a trained model applied to new rows."""

from __future__ import annotations

import argparse
from pathlib import Path

from localgrad.cli.parsing import ENCODING, Parser, UsageError
from localgrad.cli.terminal import note, one_line, write_data

SUMMARY = "apply a trained model to new rows"
DESCRIPTION = """Applies the model of a run to the rows of a file and writes CSV, one line a row: for classes
the likeliest with its probability and that of every class, for values the value in the
units of the training data. The file needs the columns of the training data, in any order;
others are ignored. If the target is there, how good the predictions are is said on
standard error."""
EXAMPLES = (
    ("localgrad predict runs/iris new.csv", "to the terminal"),
    ("localgrad predict runs/iris new.csv -o predictions.csv", "into a file"),
)


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder that `localgrad train` wrote")
    parser.add_argument("data", metavar="DATA", type=Path, help="a .csv or .npz file with the rows")
    parser.add_argument("--encoding", metavar="NAME", default="utf-8", help=ENCODING)
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write there instead of to standard output, in one step"
    )


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from localgrad.cli import prediction
    from localgrad.cli.saved_run import SavedRun, load_graph
    from localgrad.graph.files import write_atomically

    if arguments.output is not None and arguments.output.resolve() == arguments.data.resolve():
        raise UsageError(
            f"{arguments.output} holds the rows and would be overwritten; give another -o", "localgrad predict"
        )
    run = SavedRun.read(arguments.run)
    run.require_finished(arguments.run)
    preparation = run.restored_preparation(arguments.run)
    table, unusable = prediction.read_rows(arguments.data, preparation, arguments.encoding)
    outputs = prediction.outputs_of(load_graph(arguments.run), preparation.apply(table))
    text = prediction.predictions_csv(preparation, outputs)
    if arguments.output is not None:
        write_atomically(arguments.output, text)
        note(f"{len(table):,} predictions in {arguments.output}")
    else:
        write_data(text)
    if unusable:
        note(f"not compared with the target in the file: {one_line(unusable)}")
    elif table.target is not None and preparation.task is not None:
        results = prediction.compared(preparation, outputs, table.target)
        note(f"compared with {table.target_name!r} in the file: {prediction.described(results)}")
    return 0
