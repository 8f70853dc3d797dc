"""`localgrad run`: a model on arrays of one's own, with any value inside it to be read, kept, and compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.cli.model_file import INPUT, INPUT_HELP, described, drawn, given, load, read_array, write_arrays
from localgrad.cli.parsing import Parser, UsageError, positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from localgrad.graph.graph import Graph

SUMMARY = "run a model, and read any value inside it"
DESCRIPTION = """Runs an .onnx file (or a folder of graph.save) on arrays and prints one line for each
output, or for each tensor that --fetch names. Inputs that are not given are drawn at
random, always the same, which is said. With --compare: the values are held against those
of another model, or of an .npz file, in the order they are computed, and the first that
differs is named; the exit code is 1 where one does."""
EXAMPLES = (
    ("localgrad run model.onnx --input x=image.npy", "the outputs"),
    ("localgrad run model.onnx --input x=image.npy --fetch '*/Relu*' --save out.npz", "what is inside"),
    ("localgrad run model.onnx --compare other.onnx", "value by value beside another model"),
)


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="an .onnx file, or a folder of graph.save")
    parser.add_argument("--input", metavar=INPUT, action="append", default=[], help=INPUT_HELP)
    parser.add_argument(
        "--fetch", metavar="PATTERN", action="append", help="tensors to read, with * and ? (may be repeated)"
    )
    parser.add_argument("--save", metavar="FILE", type=Path, help="an .npz file for what was read")
    parser.add_argument("--compare", metavar="FILE", type=Path, help="another model, or an .npz file of values")
    parser.add_argument(
        "--tolerance", metavar="NUMBER", type=positive, default=1e-4, help="relative difference allowed (default: 1e-4)"
    )


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.save is not None and arguments.save.suffix != ".npz":
        raise UsageError(f"a file that ends in .npz was expected, found {str(arguments.save)!r}", "localgrad run")
    graph = load(arguments.model)
    feed = given(graph, arguments.input, "localgrad run")
    missing = [tensor.name for tensor in graph.inputs if tensor.name not in feed]
    if missing:
        print(f"drawn at random: {', '.join(missing)}")
    inputs = drawn(graph, feed)
    if arguments.compare is not None:
        return _compared(graph, inputs, arguments)
    values = graph.run(inputs, fetch=arguments.fetch)
    for name, array in values.items():
        print(described(name, array))
    if arguments.save is not None:
        write_arrays(arguments.save, values)
        print(f"{len(values)} arrays written to {arguments.save}")
    return 0


def _compared(graph: Graph, inputs: Mapping[str, NDArray[Any]], arguments: argparse.Namespace) -> int:
    computed = [graph.name_of(tensor) for node in graph.nodes for tensor in node.outputs if tensor is not None]
    names = [name for name in computed if not arguments.fetch or name in set(graph.matching(arguments.fetch))]
    other = _others(arguments.compare, inputs, names)
    shared = [name for name in names if name in other]
    if not shared:
        raise UsageError(f"{arguments.compare} holds no value of the names in {arguments.model}", "localgrad run")
    differing = 0
    for name, value in graph.run(inputs, fetch=shared).items():
        found = _difference(value, other[name], arguments.tolerance)
        if found:
            print(f"{'first' if not differing else 'also'} different: {name}: {found}")
            differing += 1
    print(f"{len(shared)} values compared, {differing} different; {len(names) - len(shared)} without a counterpart")
    return 1 if differing else 0


def _others(path: Path, inputs: Mapping[str, NDArray[Any]], names: list[str]) -> dict[str, NDArray[Any]]:
    if path.suffix == ".npz":
        import numpy as np

        if not path.exists():
            raise UsageError(f"there is no file {str(path)!r}", "localgrad run")
        with np.load(path, allow_pickle=False) as content:
            return {name: read_array(f"{path}:{name}", "localgrad run") for name in content.files if name in set(names)}
    graph = load(path)
    fetched = [name for name in names if name in graph.tensors]
    return graph.run(inputs, fetch=fetched) if fetched else {}


def _difference(value: NDArray[Any], other: NDArray[Any], tolerance: float) -> str:
    import numpy as np

    if value.shape != other.shape:
        return f"shape {value.shape} against {other.shape}"
    a, b = value.astype(np.float64), other.astype(np.float64)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return f"{int(np.isnan(a).sum())} NaN against {int(np.isnan(b).sum())}"
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | np.isnan(a), 0.0, np.abs(a - b))
    finite = b[np.isfinite(b)]
    scale = float(np.abs(finite).max()) if finite.size else 0.0
    worst = float(apart.max()) if apart.size else 0.0
    if worst <= tolerance * max(scale, 1e-12):
        return ""
    place = np.unravel_index(int(apart.argmax()), apart.shape)
    return f"at {tuple(map(int, place))} {value[place]} against {other[place]}, the largest of {scale:.5g}"
