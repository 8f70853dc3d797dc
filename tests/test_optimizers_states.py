"""States of optimizers: out and in bit for bit, refused where they do not fit, copied, and kept by rules of one's own."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from localgrad.graph.errors import CheckpointError
from localgrad.graph.tensor import Leaf, parameter
from localgrad.train.optimizer import Optimizer
from localgrad.train.optimizers import SGD, Adam
from tests.optimizer_formulas import (
    EVERY,
    drawn,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    give,
)

# ---------------------------------------------------------------- states


@pytest.mark.parametrize("optimizer", EVERY)
def test_state_goes_out_and_in_bit_for_bit(optimizer: Any) -> None:
    start, gradients = drawn((3, 4), 6)

    def run(made: Optimizer, w: Leaf, some: list[Any]) -> None:
        for gradient in some:
            give(w, gradient)
            made.step({"W": w})

    whole, first = parameter(start), parameter(start)
    run(optimizer(0.1), whole, gradients)
    made = optimizer(0.1)
    run(made, first, gradients[:3])
    saved = {name: leaf.numpy() for name, leaf in made.state().items()}
    second, other = parameter(first.data), optimizer(0.7)
    other.load_state(saved, {"W": second})
    assert other.learning_rate == 0.1
    run(other, second, gradients[3:])
    assert second.data.tobytes() == whole.data.tobytes()


def test_state_of_another_model_or_optimizer_changes_nothing() -> None:
    w = parameter(np.zeros((2, 3)), name="W")
    give(w, np.ones((2, 3)))
    made = Adam(0.1)
    made.step(w)
    saved = {name: leaf.numpy() for name, leaf in made.state().items()}
    other = Adam(0.5)
    with pytest.raises(CheckpointError, match=r"mean/W: shape \(2, 3\), needed \(3, 2\)"):
        other.load_state(saved, {"W": parameter(np.zeros((3, 2)))})
    with pytest.raises(CheckpointError, match="keeps nothing of that name"):
        SGD(0.1).load_state(saved, {"W": w})
    with pytest.raises(CheckpointError, match="learning_rate: missing"):
        other.load_state({}, {"W": w})
    assert other.learning_rate == 0.5
    assert other.entries() == []


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_go_on_alone(copied: Any) -> None:
    w = parameter([1.0, 2.0], name="W")
    made = Adam(0.1)
    give(w, [1.0, 1.0])
    made.step(w)
    made2, w2 = copied((made, w))
    for leaf, each in ((w, made), (w2, made2)):
        give(leaf, [0.5, -1.0])
        each.step(leaf)
    assert w.data.tobytes() == w2.data.tobytes()
    assert not np.shares_memory(w.data, w2.data)


def test_a_rule_of_ones_own() -> None:
    class Normed(Optimizer):
        """Steps of length `rate`."""

        elementwise = False

        def rule(self, parameter: Any, gradient: Any, state: Any, rate: Any, step: Any) -> Any:
            return parameter - rate * gradient / np.sqrt((gradient * gradient).sum()), state

    w = parameter(np.zeros(2))
    give(w, [30.0, 40.0])
    Normed(1.0).step(w)
    np.testing.assert_allclose(w.data, [-0.6, -0.8])
