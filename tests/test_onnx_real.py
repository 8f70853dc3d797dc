"""Two networks people use, from the packages that bring them: run, differentiated, fine-tuned and run again.

`pip install --no-deps magika rapidocr-onnxruntime` brings the files; without them these tests are skipped.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine
from localgrad.train.digits import load_digits

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.slow


def model_of(package: str, pattern: str) -> Path:
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        for path in sorted(Path(folder).glob(pattern)):
            return path
    pytest.skip(f"{package} is not installed: pip install --no-deps {package.replace('_', '-')}")


@pytest.fixture
def direction() -> Path:
    """Which way up a line of text is."""
    return model_of("rapidocr_onnxruntime", "models/*cls*.onnx")


@pytest.fixture
def magika() -> Path:
    """The type of a file by its bytes."""
    return model_of("magika", "models/standard_v3_3/model.onnx")


def ran(path: Any, x: Any) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(path, options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def lines_of_digits(count: int) -> tuple[Any, Any]:
    """Six digits side by side, as they are or seen in a mirror."""
    (pictures, _), _ = load_digits()
    chosen = np.random.default_rng(0).choice(len(pictures), (count, 6))
    mirrored = np.arange(count) % 2
    rows = pictures[chosen].reshape(count, 6, 8, 8).transpose(0, 2, 1, 3).reshape(count, 8, 48)
    rows[mirrored == 1] = rows[mirrored == 1][:, :, ::-1]
    large = rows.repeat(6, axis=1).repeat(4, axis=2)
    return np.repeat(1 - 2 * large[:, None], 3, axis=1).astype("f"), mirrored.astype(np.int64)


def differing(one: Path, other: Path) -> set[str]:
    """The names of weights that differ; raises where anything else does."""
    a, b = onnx.load(one), onnx.load(other)
    found = {x.name for x, y in zip(a.graph.initializer, b.graph.initializer, strict=True) if x != y}
    found |= {x.output[0] for x, y in zip(a.graph.node, b.graph.node, strict=True) if x != y}
    named = [[(n.op_type, n.name, list(n.input), list(n.output)) for n in m.graph.node] for m in (a, b)]
    assert named[0] == named[1]
    for model in (a, b):
        del model.graph.initializer[:]
        del model.graph.node[:]
    assert a == b
    return found


def test_text_direction_runs_and_has_a_gradient(direction: Path, tmp_path: Path) -> None:
    graph = lg.load_onnx(direction)
    graph.save_onnx(tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == direction.read_bytes()
    x, _ = lines_of_digits(2)
    name, end = graph.inputs[0].name, graph.outputs[0].name
    np.testing.assert_allclose(graph.run({name: x})[end], ran(direction, x), atol=1e-4)
    layer = graph.as_layer().eval()
    pixels = lg.tensor(x, requires_grad=True)
    layer(pixels)[:, 0].sum().backward()
    assert pixels.grad is not None
    way, step = pixels.grad / np.linalg.norm(pixels.grad), 1e-2
    sides = [float(graph.run({name: x + side * way})[end][:, 0].sum()) for side in (step, -step)]
    expected = (sides[0] - sides[1]) / (2 * step)
    assert float((pixels.grad * way).sum()) == pytest.approx(expected, rel=0.05, abs=1e-4)


def test_text_direction_learns_another_task(direction: Path, tmp_path: Path) -> None:
    graph = lg.load_onnx(direction)
    softmax = graph.node("softmax_0.tmp_0")
    layer = graph.up_to(softmax._inputs[0]).as_layer(trainable=["fc_0.*"])
    assert any("BatchNormalization" in note for note in layer.notes)
    x, y = lines_of_digits(96)
    trainer = lg.Trainer(layer, optimizer=lg.Adam(0.02))
    history = trainer.fit((x, y), epochs=10, batch_size=16)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    weights = {name: leaf.numpy() for name, leaf in layer.parameters().items() if leaf.requires_grad}
    assert set(weights) == {"fc_0.w_0", "fc_0.b_0"}
    graph.save_onnx(tmp_path / "tuned.onnx")  # the parameters are the graph's own
    assert differing(direction, tmp_path / "tuned.onnx") == set(weights)
    found = ran(tmp_path / "tuned.onnx", x)
    np.testing.assert_allclose(found, lg.softmax(trainer.predict(x)).numpy(), atol=1e-4)
    assert (found.argmax(1) == y).mean() > 0.65


def contents(count: int, length: int, dtype: Any) -> tuple[Any, Any]:
    """Bytes of two invented formats, padded as the model is used to."""
    rng = np.random.default_rng(0)
    x = np.full((count, length), 256, dtype)
    for row in range(count):
        words = (b"@left ", b"@right ") if row % 2 else (b"up|", b"down|")
        text = b"".join(words[each] for each in rng.integers(2, size=200))[:900]
        x[row, : len(text)] = np.frombuffer(text, np.uint8)
    return x, (np.arange(count) % 2).astype(np.int64)


def test_magika_runs_and_learns_two_new_formats(magika: Path, tmp_path: Path) -> None:
    graph = lg.load_onnx(magika)
    graph.save_onnx(tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == magika.read_bytes()
    taken, end = graph.inputs[0], graph.outputs[0].name
    x, y = contents(32, taken.shape[1], taken.dtype)
    np.testing.assert_allclose(graph.run({taken.name: x})[end], ran(magika, x), atol=1e-4)
    logits = graph.node("jax2tf_get_logits_/pjit_get_logits_/MagikaV2/Dense_1/MatMul:0")
    at = logits._inputs[0]
    assert isinstance(at, lg.Tensor)
    tuned = graph.with_head(Affine.create(at.shape[1], 2, seed=0), at=at.name)
    layer = tuned.as_layer(trainable=["head/*"], dropout=False)
    weight = layer.parameters()["head/W"]
    (found,) = lg.gradients(lg.softmax_cross_entropy(layer(x[:4]), y[:4]), [weight])
    assert found is not None
    gradient, start = found.numpy(), weight.numpy()
    way = gradient / np.linalg.norm(gradient)
    sides = []
    for side in (1e-2, -1e-2):
        with lg.no_grad():
            weight.write(start + side * way)
            sides.append(lg.softmax_cross_entropy(layer(x[:4]), y[:4]).item())
    weight.write(start)
    assert (gradient * way).sum() == pytest.approx((sides[0] - sides[1]) / 2e-2, rel=0.05)
    trainer = lg.Trainer(layer, optimizer=lg.Adam(0.02))
    trainer.fit((x, y), epochs=3, batch_size=16)
    layer.save_onnx(tmp_path / "tuned.onnx")
    before, after = onnx.load(magika), onnx.load(tmp_path / "tuned.onnx")
    old = {each.name: each for each in before.graph.initializer}
    assert all(each == old[each.name] for each in after.graph.initializer if each.name in old)
    found = ran(tmp_path / "tuned.onnx", x)
    np.testing.assert_allclose(found, trainer.predict(x), atol=1e-3)
    assert (found.argmax(1) == y).mean() == 1
