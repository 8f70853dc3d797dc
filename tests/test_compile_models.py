"""Training steps of models are machine code from end to end: no node of theirs is left to NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, Dropout, Relu
from tests.compiled import floats, generator, needs_compiler, training_step

pytestmark = needs_compiler


def mlp() -> Any:
    return lg.Sequential(
        Affine.create(6, 8, seed=0), BatchNormalization.create(8), Relu(), Dropout(0.3), Affine.create(8, 3, seed=1)
    )


MODELS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "mlp": (mlp, floats(5, 6), generator.integers(0, 3, 5)),
    "gpt": (lambda: lg.models.GPT(11, 6, 1, 2, 8, seed=0), generator.integers(0, 11, (2, 6)), generator.integers(0, 11, (2, 6))),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_no_step_of_a_training_is_left_to_numpy_and_all_compute_the_same(name: str) -> None:
    make, x, labels = MODELS[name]
    losses = []
    for compiled in (False, True):
        lg.seed(1)  # layers that draw take their keys when they are made
        model, optimizer = make(), lg.AdamW(1e-3, clip_norm=1.0)
        step = training_step(model, optimizer)
        run = lg.compile(step) if compiled else step
        losses.append([run(lg.tensor(x), lg.tensor(labels)).item() for _ in range(3)])
        if compiled:
            assert [str(each) for each in run.plan.steps if each.what == "numpy"] == []
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
