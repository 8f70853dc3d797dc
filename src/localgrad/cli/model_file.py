"""What commands about a model share: reading it, reading arrays for its inputs, and saying what values look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localgrad.cli.parsing import UsageError, nearest_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from localgrad.graph.graph import Graph
    from localgrad.graph.tensor import Tensor

__all__ = ["INPUT", "INPUT_HELP", "described", "drawn", "given", "load", "onnx_output", "read_array", "write_arrays"]

INPUT = "NAME=FILE"
INPUT_HELP = "an array for an input: a .npy file, or .npz:NAME within one; with one input NAME= may be left out (may be repeated)"


def load(path: Path) -> Graph:
    """The graph of an .onnx file, or of a folder of `graph.save` or `localgrad train`."""
    import localgrad as lg

    if path.is_dir():
        from localgrad.cli.saved_run import load_graph

        return load_graph(path)
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}")
    return lg.load_onnx(path)


def onnx_output(path: Path, prog: str) -> Path:
    """A file to write, whose name has to say that it is ONNX."""
    if path.suffix != ".onnx":
        raise UsageError(f"a file that ends in .onnx was expected, found {str(path)!r}", prog)
    return path


def given(graph: Graph, texts: Sequence[str], prog: str) -> dict[str, NDArray[Any]]:
    """The arrays of `--input NAME=FILE`, by the names of inputs."""
    names = [tensor.name for tensor in graph.inputs]
    found: dict[str, NDArray[Any]] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not equals and len(names) == 1:
            name, file = names[0], text
        if not file:
            raise UsageError(f"--input {INPUT} was expected, found {text!r}; inputs are {', '.join(names)}", prog)
        if name not in names:
            raise UsageError(f"there is no input {name!r}; {nearest_text(name, names)}", prog)
        if name in found:
            raise UsageError(f"input {name!r} was given twice", prog)
        found[name] = fitted(read_array(file, prog), graph.find(name))
    return found


def read_array(text: str, prog: str) -> NDArray[Any]:
    """The array of a .npy file, or of `FILE.npz:NAME`."""
    import numpy as np

    from localgrad.graph.errors import DataError

    file, _, entry = text.rpartition(":") if ".npz:" in text else (text, "", "")
    path = Path(file)
    if not path.exists():
        raise UsageError(f"there is no file {file!r}", prog)
    try:
        content: Any = np.load(path, allow_pickle=False)
        if not hasattr(content, "files"):
            return np.asarray(content)
        with content:
            known = list(content.files)
            if not entry and len(known) == 1:
                entry = known[0]
            if entry not in known:
                wanted = nearest_text(entry, known) if entry else f"name one of {', '.join(known)} as {file}:NAME"
                raise UsageError(f"{file} holds {len(known)} arrays; {wanted}", prog)
            return np.asarray(content[entry])
    except (ValueError, EOFError, OSError, KeyError) as error:
        raise DataError(
            f"reading {file}: it is no .npy or .npz file of numbers ({error}). Write it with numpy.save."
        ) from error


def fitted(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """An array in the dtype of an input where that loses nothing but precision."""
    kinds = "biuf"
    before, wanted = array.dtype, tensor.dtype
    if before == wanted or before.kind not in kinds or kinds.index(before.kind) > kinds.index(wanted.kind):
        return array
    return array.astype(wanted)


def drawn(graph: Graph, found: Mapping[str, NDArray[Any]], batch: int = 2) -> dict[str, NDArray[Any]]:
    """Arrays for every input: those found, and seeded random ones (integers: zeros) with `batch` for open extents."""
    import numpy as np

    from localgrad.graph.spec import Symbol

    generator = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {}
    for tensor in graph.inputs:
        if tensor.name in found:
            arrays[tensor.name] = found[tensor.name]
            continue
        shape = tuple(batch if isinstance(extent, Symbol) else int(extent) for extent in tensor.shape)
        floats = tensor.dtype.kind == "f"
        arrays[tensor.name] = (generator.normal(size=shape) if floats else np.zeros(shape)).astype(tensor.dtype)
    return arrays


def described(name: str, array: NDArray[Any]) -> str:
    """One line about a value: shape, dtype, range, and what is not finite in it."""
    import numpy as np

    head = f"{name}: {array.dtype}[{', '.join(map(str, array.shape))}]"
    if not array.size:
        return f"{head}  no entries"
    if array.size <= 6:
        return f"{head}  {np.array2string(array.reshape(-1), precision=5, separator=', ')}"
    if array.dtype.kind == "b":
        return f"{head}  {int(array.sum())} of {array.size} true"
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    parts = [f"min {finite.min():.5g}  mean {finite.mean():.5g}  max {finite.max():.5g}"] if finite.size else []
    nan, infinite = int(np.isnan(wide).sum()), int(np.isinf(wide).sum())
    if nan or infinite:
        parts.append(f"NaN {nan}  inf {infinite}")
    return "  ".join([head, *parts])


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write arrays by name into an .npz file, in one step; names of any letters, as graphs have them."""
    import io
    import zipfile

    import numpy as np

    from localgrad.graph.files import write_atomically

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
            archive.writestr(f"{name}.npy", content.getvalue())
    write_atomically(path, buffer.getvalue())
