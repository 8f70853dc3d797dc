"""What the tests of compiled functions share: arrays, a model with its training step, and the mark of a needed compiler."""

from __future__ import annotations

import threading
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


def training_step(model: Any, optimizer: Any) -> Any:
    """A step on scores of classes along the last axis."""

    def step(x: Any, labels: Any) -> Any:
        scores = model(x)
        loss = lg.softmax_cross_entropy(scores.reshape((-1, scores.shape[-1])), labels.reshape(-1))
        loss.backward()
        optimizer.step(model)
        return loss

    return step


def at_once(work: Any, count: int = 3) -> None:
    """Do something in several threads, which all have to come to an end."""
    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive()
