"""`localgrad grad`: the gradient of a model, as an ONNX file of standard operators."""

from __future__ import annotations

import argparse
from pathlib import Path

from localgrad.cli.model_file import load, onnx_output
from localgrad.cli.parsing import Parser

SUMMARY = "write a model's gradient as an .onnx file"
DESCRIPTION = """Writes an .onnx file whose outputs are those of the model, plus grad/NAME for each tensor
of --wrt: the gradient of the output --of. It consists of standard operators only, so any
ONNX runtime computes it. With --index the gradient is that of one entry of the last axis,
such as the score of a class, summed over the batch; without it an output of several
entries adds the input seed/NAME, the gradient that comes in."""
EXAMPLES = (
    ("localgrad grad model.onnx -o grad.onnx", "by every input and parameter"),
    ("localgrad grad model.onnx --wrt input --of output --index 0 -o grad.onnx", "of class 0 by the input"),
    ("localgrad grad model.onnx --wrt 'classifier.*' -o grad.onnx", "by some parameters"),
)


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="an .onnx file, or a folder of graph.save")
    parser.add_argument(
        "--wrt", metavar="PATTERN", action="append",
        help="inputs, parameters or tensors inside, with * and ? (may be repeated; default: every float input and parameter)",
    )  # fmt: skip
    parser.add_argument("--of", metavar="NAME", help="the tensor to differentiate (default: the only output)")
    parser.add_argument("--index", metavar="NUMBER", type=int, help="which entry of its last axis")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--opset", metavar="NUMBER", type=int, help="version of the operators (default: 20)")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from localgrad.transform.chosen import entry_gradient

    output = onnx_output(arguments.output, "localgrad grad")
    graph = load(arguments.model)
    if arguments.index is None:
        made = graph.gradient(wrt=arguments.wrt, of=arguments.of)
    else:
        made = entry_gradient(graph, arguments.index, arguments.wrt, arguments.of)
    made.save_onnx(output, opset=arguments.opset)
    new = [made.name_of(tensor) for tensor in made.outputs][len(graph.outputs) :]
    print(f"{len(made.nodes)} nodes written to {output}: {', '.join(new)}")
    seeds = [tensor.name for tensor in made.inputs][len(graph.inputs) :]
    if seeds:
        print(f"the gradient that comes in is the input {', '.join(seeds)}")
    return 0
