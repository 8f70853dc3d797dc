"""`localgrad check`: whether a model can be read, run and differentiated, and what it consists of."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.cli.model_file import INPUT, INPUT_HELP, described, drawn, given, load
from localgrad.cli.parsing import Parser

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localgrad.graph.graph import Graph

SUMMARY = "check that a model can be read, run and differentiated"
DESCRIPTION = """Reads an .onnx file (or a folder of graph.save), says what it consists of, runs it once on
arrays of yours or on random ones, compares the outputs with ONNX Runtime's where that is
installed, and the gradient of a random combination of them with a central difference
along a random direction. The exit code is 1 where something is wrong."""
EXAMPLES = (
    ("localgrad check model.onnx", "on random inputs"),
    ("localgrad check model.onnx --input ids=ids.npy", "on an array of yours, where not every number is an index"),
)
CLOSE = 1e-3
"""How far outputs may be from ONNX Runtime's, relative to the largest."""


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="an .onnx file, or a folder of graph.save")
    parser.add_argument("--input", metavar=INPUT, action="append", default=[], help=INPUT_HELP)


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    graph = load(arguments.model)
    _print_parts(graph)
    feed = given(graph, arguments.input, "localgrad check")
    missing = [tensor.name for tensor in graph.inputs if tensor.name not in feed]
    inputs = drawn(graph, feed)
    if missing:
        print(f"drawn at random: {', '.join(missing)}")
    values = graph.run(inputs)
    wrong = 0
    for name, array in values.items():
        print(f"output {described(name, array)}")
    if arguments.model.suffix == ".onnx":
        wrong += _beside_runtime(arguments.model, inputs, values)
    wrong += _gradient_wrong(graph, inputs)
    return 1 if wrong else 0


def _print_parts(graph: Graph) -> None:
    from localgrad.graph.spec import format_shape

    counts = Counter(node.kind.operation for node in graph.nodes)
    listed = ", ".join(f"{count} {name}" for name, count in counts.most_common(12))
    more = f" and {len(counts) - 12} other kinds" if len(counts) > 12 else ""
    entries = sum(tensor.data.size for tensor in graph.parameters.values())
    print(f"{graph.name}: {len(graph.nodes)} nodes ({listed}{more})")
    print(f"{len(graph.parameters)} parameters with {entries:,} entries")
    for tensor in graph.inputs:
        print(f"input {tensor.name}: {tensor.dtype}{format_shape(tensor.shape)}")


def _beside_runtime(path: Path, inputs: dict[str, NDArray[Any]], values: dict[str, NDArray[Any]]) -> int:
    import numpy as np

    from localgrad.exchange.onnx_judge import NoJudgeError, judged

    try:
        others = judged(path, inputs, list(values))
    except NoJudgeError as reason:
        print(f"{reason}, so its outputs are not compared")
        return 0
    worst = 0.0
    for name, ours in values.items():
        theirs = others[name]
        if ours.shape != theirs.shape:
            print(f"WRONG: {name} has shape {ours.shape}, in ONNX Runtime {theirs.shape}")
            return 1
        a, b = ours.astype(np.float64), theirs.astype(np.float64)
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
        if apart.size:
            scale = float(np.abs(b[np.isfinite(b)]).max(initial=1e-12))
            worst = max(worst, float(np.nan_to_num(apart, nan=np.inf).max()) / scale)
    good = worst <= CLOSE
    print(f"{'equal to' if good else 'WRONG: not equal to'} ONNX Runtime: largest relative difference {worst:.2g}")
    return 0 if good else 1


def _gradient_wrong(graph: Graph, inputs: dict[str, NDArray[Any]]) -> int:
    import numpy as np

    from localgrad.graph.errors import LocalgradError

    ends = [tensor for tensor in graph.outputs if tensor.dtype.kind == "f"]
    starts = [tensor.name for tensor in graph.inputs if tensor.dtype.kind == "f"]
    if not ends or not starts:
        print("no gradient by its inputs: they, or the outputs, are no floating numbers")
        return 0
    end = graph.name_of(ends[0])
    try:
        made = graph.gradient(wrt=starts, of=end)
        value = graph.run(inputs, fetch=end)[end]
        generator = np.random.default_rng(1)
        weights = generator.normal(size=value.shape)  # a plain sum of probabilities would have no gradient at all
        seeded = [tensor.name for tensor in made.inputs if tensor.name not in inputs]
        feed = inputs | {name: weights.astype(value.dtype) for name in seeded}
        weights = weights if seeded else np.ones(value.shape)
        found = made.run(feed, fetch=[f"grad/{name}" for name in starts])
    except LocalgradError as error:
        print(f"not differentiable by {', '.join(starts)}: {str(error).splitlines()[0]}")
        return 0
    direction = {name: generator.normal(size=inputs[name].shape) for name in starts}
    slope = sum(float((found[f"grad/{name}"].astype(np.float64) * direction[name]).sum()) for name in starts)
    best, nearest = np.inf, 0.0
    for step in (1e-2, 3e-3, 1e-3):  # in single precision no step is right for every model
        moved = [
            inputs
            | {name: (inputs[name] + sign * step * direction[name]).astype(inputs[name].dtype) for name in starts}
            for sign in (1, -1)
        ]
        ahead, behind = (graph.run(each, fetch=end)[end].astype(np.float64) for each in moved)
        difference = float((weights * (ahead - behind)).sum()) / (2 * step)
        noise = float(np.abs(weights * (np.abs(ahead) + np.abs(behind))).sum()) * 1e-6 / step
        apart = max(abs(difference - slope) - noise, 0) / max(abs(slope), abs(difference), 1e-6)
        if apart < best:
            best, nearest = apart, difference
    good = best <= 0.05
    print(
        f"gradient of {end}: along a random direction {slope:.5g}, central difference {nearest:.5g}"
        + ("" if good else "  WRONG, unless the model jumps or bends there")
    )
    return 0 if good else 1
