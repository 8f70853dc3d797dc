"""`localgrad trainstep`: the whole training step of an ONNX model as one standard ONNX model."""

from __future__ import annotations

import argparse
from pathlib import Path

from localgrad.cli.model_file import load, onnx_output
from localgrad.cli.parsing import Parser, positive
from localgrad.cli.train import OPTIMIZERS

SUMMARY = "write the training step of an ONNX model as an ONNX model"
DESCRIPTION = """Writes forward, loss, backward and optimizer as one ONNX model of standard operators, which any
runtime can loop over. Its inputs are those of MODEL, the target, and everything that is
trained or kept between steps, with the model's values as defaults; its outputs are the loss
and new/NAME for each of these, to be given to the next step."""
EXAMPLES = (
    ("localgrad trainstep model.onnx -o step.onnx", "cross entropy and Adam"),
    ("localgrad trainstep model.onnx --loss mse --optimizer sgd --learning-rate 0.1 -o step.onnx", "a value"),
    ("localgrad trainstep model.onnx --trainable 'classifier.*' -o step.onnx", "a part of the parameters"),
)


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="an .onnx file")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--loss", metavar="NAME", default="cross_entropy", help="(default: cross_entropy)")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="(default: adam)")
    parser.add_argument(
        "--learning-rate", metavar="RATE", type=positive, help="the default of that input (default: the optimizer's)"
    )
    parser.add_argument(
        "--trainable", metavar="PATTERN", action="append", help="parameters to train, with * and ? (may be repeated)"
    )
    parser.add_argument("--of", metavar="OUTPUT", help="the output to judge, where there are several")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from localgrad.cli.fitting import optimizer_named
    from localgrad.cli.settings import OPTIMIZER_RATES
    from localgrad.train.training_step import training_step

    output = onnx_output(arguments.output, "localgrad trainstep")
    graph = load(arguments.model)
    rate = arguments.learning_rate or OPTIMIZER_RATES[arguments.optimizer]
    optimizer = optimizer_named(arguments.optimizer, rate)
    step = training_step(graph, arguments.loss, optimizer, arguments.trainable, arguments.of)
    step.save_onnx(output)
    batch = ", ".join(f"{t.name}: {t.dtype}{list(t.shape)}" for t in step.graph.inputs if t.name not in step.values)
    print(f"{output}: {arguments.loss}, {optimizer}")
    print(f"give it {batch}; feed each new/NAME it gives into NAME of the next step ({len(step.values) - 1} of them)")
    return 0
