"""The cases that come with the `onnx` package: models with inputs and the outputs they have to give."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import localgrad as lg

NUMERIC = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13))
RANDOM = frozenset(
    ("Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial")
)
FOLDERS = ("pytorch-converted", "pytorch-operator", "simple")


class Case(NamedTuple):
    name: str
    model: Any
    data: list[tuple[list[Any], list[Any]]]
    rtol: float = 1e-3
    atol: float = 1e-5


def is_core(model: Any) -> bool:
    """Numeric tensors, the default domain and the optimizers', nothing random."""
    values = [value.type for value in (*model.graph.input, *model.graph.output)]
    if not all(t.HasField("tensor_type") and t.tensor_type.elem_type in NUMERIC for t in values):
        return False
    domains = ("", "ai.onnx", "ai.onnx.preview.training")
    if any(node.domain not in domains for node in model.graph.node):
        return False
    names = {node.op_type for node in model.graph.node}
    active = any(node.op_type == "Dropout" and len(node.input) > 2 for node in model.graph.node)
    return not names & RANDOM and not active


def node_cases() -> Iterator[Case]:
    """One operator each, or what it is made of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        found = collect_testcases(None)
    for case in found:
        if case.model is not None and is_core(case.model):
            data = [([as_array(x) for x in xs], [as_array(y) for y in ys]) for xs, ys in case.data_sets]
            yield Case(case.name, case.model, data, max(case.rtol, 1e-3), max(case.atol, 1e-5))


def folder_cases() -> Iterator[Case]:
    """Small models that PyTorch exported, and a few by hand."""
    import onnx

    root = Path(onnx.__file__).parent / "backend/test/data"
    for folder in FOLDERS:
        for place in sorted((root / folder).iterdir()):
            model = onnx.load(place / "model.onnx")
            if not is_core(model):
                continue
            data = []
            for each in sorted(place.glob("test_data_set_*")):
                inputs = [read(path) for path in numbered(each, "input")]
                data.append((inputs, [read(path) for path in numbered(each, "output")]))
            yield Case(place.name, model, data)


def numbered(folder: Path, what: str) -> list[Path]:
    return sorted(folder.glob(f"{what}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))


def read(path: Path) -> Any:
    import onnx

    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return onnx.numpy_helper.to_array(tensor)


def as_array(value: Any) -> Any:
    """Some cases give their data as protobuf."""
    import onnx

    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def failure(case: Case) -> str:
    """What is wrong with a case; nothing where it passes."""
    try:
        graph = lg.load_onnx(case.model.SerializeToString())
        for inputs, outputs in case.data:
            found = graph.run(inputs)
            for y, wanted in zip(found.values(), outputs, strict=True):
                if y.dtype != wanted.dtype or y.shape != wanted.shape:
                    return f"{y.dtype}{y.shape} against {wanted.dtype}{wanted.shape}"
                if not np.allclose(y, wanted, rtol=case.rtol, atol=case.atol, equal_nan=True):
                    return f"other values: {y.reshape(-1)[:4]} against {wanted.reshape(-1)[:4]}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
