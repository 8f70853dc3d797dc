"""What the tests of compiled functions share: arrays, a model with its training step, and the mark of a needed compiler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run import native

needs_compiler = pytest.mark.skipif(not native.available(), reason="llvmlite is not installed")
generator = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return generator.normal(size=shape).astype(np.float32)


def model_and_step(optimizer: Any) -> tuple[Any, Any]:
    from localgrad.layers import Affine, BatchNormalization, Dropout, Relu

    lg.seed(0)
    # normalised first: behind a normalisation a bias has no gradient but rounding, which Adam would make steps of
    model = lg.Sequential(
        BatchNormalization.create(6), Affine.create(6, 8, seed=0), Relu(), Dropout(0.2), Affine.create(8, 3, seed=1)
    )

    def step(x: Any, labels: Any) -> Any:
        loss = lg.softmax_cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step(model)
        return loss

    return model, step
