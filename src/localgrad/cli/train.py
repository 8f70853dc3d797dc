"""`localgrad train`: a network for the digits, or for a table of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from localgrad.cli.parsing import ENCODING, Parser, UsageError, count, layer_widths, positive, share, whole
from localgrad.cli.saved_run import DIGITS

SUMMARY = "train a network on the digits, or on a table of your own"
DESCRIPTION = """Trains a network of Affine and ReLU layers and writes a run folder: the model
(graph.json, model.safetensors), its picture (graph.svg), history.csv, curves.svg,
run.json, and a checkpoint to resume from.

DATA is the word digits (1,797 handwritten digits that come with localgrad; always the
same 360 test the result), or a file: .csv with names in the first line, or .npz with
arrays x and y. A target of texts or of few different integers is learned as classes, any
other as a value. Inputs are standardised, and what that needs is stored with the model."""
EXAMPLES = (
    ("localgrad train digits", "into runs/digits, the next time runs/digits-2"),
    ("localgrad train iris.csv --target species", "classes, into runs/iris"),
    ("localgrad train houses.csv --target price --layers 64,32", "a value"),
    ("localgrad train iris.csv --target species --out runs/mine", "into a folder of your choice"),
    ("localgrad train iris.csv --out runs/mine --resume --epochs 100", "go on after an interruption, or for longer"),
)
OPTIMIZERS = ("adam", "adamw", "sgd", "momentum", "rmsprop", "adagrad")


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("data", metavar="DATA", help="digits, or a .csv or .npz file")
    table = parser.add_argument_group("a table")
    table.add_argument("--target", metavar="COLUMN", help="the column to learn (.npz: the array; default: y)")
    table.add_argument("--drop", metavar="COLUMN", action="append", help="a column to leave out (may be repeated)")
    table.add_argument(
        "--task", choices=("classification", "regression"), help="what the target is (default: found from it)"
    )
    table.add_argument(
        "--validation", metavar="SHARE", type=share, help="rows kept aside to judge each epoch (default: 0.2; 0: none)"
    )
    table.add_argument("--encoding", metavar="NAME", help=ENCODING)
    table.add_argument("--test", metavar="FILE", type=Path, help="a table that judges the finished model")
    network = parser.add_argument_group("network and training")
    network.add_argument(
        "--layers",
        metavar="WIDTHS",
        type=layer_widths,
        help="hidden layers, such as 64,32, or none (default: 64,32; digits: 100,16)",
    )
    network.add_argument(
        "--epochs", metavar="NUMBER", type=count, help="passes over the data (default: 50; digits: 30)"
    )
    network.add_argument(
        "--batch-size",
        metavar="ROWS",
        type=count,
        help="rows a step (default: from 8 to 128 by the rows of a table; digits: 32)",
    )
    network.add_argument(
        "--learning-rate",
        metavar="RATE",
        type=positive,
        help="(default: 0.001; sgd, momentum, adagrad: 0.01; digits: 0.002)",
    )
    network.add_argument("--optimizer", choices=OPTIMIZERS, help="(default: adam)")
    network.add_argument("--seed", metavar="NUMBER", type=whole, help="of everything random (default: 0)")
    folder = parser.add_argument_group("the run folder")
    folder.add_argument("--out", metavar="FOLDER", type=Path, help="(default: runs/ and the name of DATA, numbered)")
    folder.add_argument(
        "--resume", action="store_true", help="go on with the run in --out; options not given are those it began with"
    )
    folder.add_argument("--overwrite", action="store_true", help="replace the run in --out")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.resume and arguments.overwrite:
        raise UsageError("--resume goes on with a run and --overwrite replaces it; give one of them", "localgrad train")
    for option in ("resume", "overwrite"):
        if getattr(arguments, option) and arguments.out is None:
            raise UsageError(f"--{option} needs --out, the folder of the run", "localgrad train")
    if arguments.data == DIGITS:
        from localgrad.cli.digits import train_digits

        return train_digits(arguments)
    from localgrad.cli.table import train_table

    return train_table(arguments)
