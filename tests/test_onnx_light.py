"""Nine networks that come with the `onnx` package, run on its inputs: their outputs are the package's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import localgrad as lg
from tests.onnx_cases import read

onnx = pytest.importorskip("onnx")
NAMES = (
    "bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "vgg19", "zfnet512",
)  # fmt: skip


def loaded(name: str) -> tuple[Path, lg.Graph, np.ndarray]:
    """A network's folder, graph, and the input the package's own tests give it."""
    folder = Path(onnx.__file__).parent / "backend/test/data/light"
    graph = lg.load_onnx(folder / f"light_{name}.onnx")
    (taken,) = graph.inputs
    shape = [extent if isinstance(extent, int) else 1 for extent in taken.shape]
    size = int(np.prod(shape))
    return folder, graph, (np.arange(size, dtype=np.float32).reshape(shape) / size).astype(taken.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_network_gives_what_the_package_says(name: str) -> None:
    folder, graph, x = loaded(name)
    (found,) = graph.run([x]).values()
    np.testing.assert_allclose(found, read(folder / f"light_{name}_output_0.pb"), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_the_scores_of_squeezenet_are_equal_up_to_rounding() -> None:
    # equal weights make scores of ten thousand million: the softmax turns a difference in their last digit, which is the
    # order of a sum, into another result, so what it is taken of is compared
    folder, graph, x = loaded("squeezenet")
    scores = graph.run([x], fetch="r65")["r65"].astype(np.float64)
    np.testing.assert_allclose(scores, scores.mean(), rtol=1e-6)
    np.testing.assert_allclose(read(folder / "light_squeezenet_output_0.pb"), 1 / scores.size, rtol=1e-6)
