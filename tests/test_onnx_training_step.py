"""A whole training step as one ONNX model, run by ONNX Runtime alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.cli.program import main
from localgrad.layers import Affine, Relu
from localgrad.train.digits import load_digits

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def quiet(model: Any) -> Any:
    """A session that does not warn of inputs with defaults."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    return runtime.InferenceSession(model, options)


def loop(session: Any, batches: list[dict[str, Any]]) -> tuple[list[float], dict[str, Any]]:
    """Run a step for each batch, what one gives going into the next."""
    names = [each.name for each in session.get_outputs()]
    kept: dict[str, Any] = {}
    losses = []
    for batch in batches:
        found = dict(zip(names, session.run(None, {**kept, **batch}), strict=True))
        losses.append(float(found.pop("loss")))
        kept = {name.removeprefix("new/"): value for name, value in found.items()}
    return losses, kept


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum", "rmsprop", "adagrad", "adamw"])
def test_runtime_and_trainer_make_the_same_steps(tmp_path: Path, optimizer: str) -> None:
    def made() -> Any:
        return lg.Sequential(Affine.create(6, 8, seed=0), Relu(), Affine.create(8, 3, seed=1))

    made().graph(lg.spec("N", 6)).save_onnx(tmp_path / "model.onnx")
    out = str(tmp_path / "step.onnx")
    assert main(["trainstep", str(tmp_path / "model.onnx"), "--optimizer", optimizer, "-o", out]) == 0
    onnx.checker.check_model(out, full_check=True)
    assert {each.domain for each in onnx.load(out).opset_import} == {""}
    rng = np.random.default_rng(0)
    batches = [{"x0": rng.normal(size=(n, 6)).astype("f"), "target": rng.integers(3, size=n)} for n in (5, 7, 3, 5)]
    losses, kept = loop(quiet(out), batches)
    from localgrad.cli.fitting import optimizer_named
    from localgrad.cli.settings import OPTIMIZER_RATES

    model, own = made(), optimizer_named(optimizer, OPTIMIZER_RATES[optimizer])
    for batch, loss in zip(batches, losses, strict=True):
        found = lg.softmax_cross_entropy(model(batch["x0"]), batch["target"])
        assert loss == pytest.approx(found.item(), rel=1e-4)
        found.backward()
        own.step(model)
    for name, leaf in model.parameters().items():
        np.testing.assert_allclose(kept[name], leaf.data, rtol=1e-3, atol=2e-5)


def test_digits_are_learned_by_onnx_runtime_alone(tmp_path: Path) -> None:
    (x, y), (test_x, test_y) = load_digits()
    model = lg.Sequential(Affine.create(64, 64, seed=0), Relu(), Affine.create(64, 10, seed=1))
    model.graph(lg.spec("N", 64), name="digits").save_onnx(tmp_path / "model.onnx")
    out = str(tmp_path / "step.onnx")
    assert main(["trainstep", str(tmp_path / "model.onnx"), "--loss", "cross_entropy", "--learning-rate", "0.003", "-o", out]) == 0  # fmt: skip
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(len(x)) for _ in range(20)])
    batches = [{"x0": x[part], "target": y[part]} for part in np.split(rows, range(32, len(rows), 32))]
    _, kept = loop(quiet(out), batches)
    trained = onnx.load(tmp_path / "model.onnx")
    for each in trained.graph.initializer:
        if each.name in kept:
            each.CopyFrom(onnx.numpy_helper.from_array(kept[each.name], each.name))
    session = quiet(trained.SerializeToString())
    accuracy = (session.run(None, {"x0": test_x})[0].argmax(1) == test_y).mean()
    assert accuracy >= 0.96
