"""Which gradients an optimizer uses, each once, and what it says about those that are missing."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

from localgrad.graph.context import no_grad
from localgrad.graph.errors import GradientError, LocalgradError, LocalgradWarning
from localgrad.graph.tensor import parameter
from localgrad.nodes.reduction import ArgMax
from localgrad.nodes.structure import Cast
from localgrad.train.optimizer import Optimizer
from localgrad.train.optimizers import SGD, Adam
from localgrad.transform.backward import backward
from tests.optimizer_formulas import (
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    give,
)

# ---------------------------------------------------------------- a gradient is used once


def test_two_steps_on_one_backward() -> None:
    w = parameter([1.0], name="W")
    (w * w).sum().backward()
    made = SGD(0.1)
    made.step(w)
    value = w.data.copy()
    with pytest.raises(
        GradientError, match=r"`W`: its gradient was used by a step already(.|\n)*compute the loss anew"
    ):
        made.step(w)
    assert w.data == value
    with pytest.raises(GradientError, match="used by a step already"):
        Adam(0.1).step(w)


def test_a_gradient_left_from_an_older_backward_is_reported_and_not_used() -> None:
    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    (a * b).sum().backward()
    loss = (a * 2).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss.backward()
    with pytest.warns(LocalgradWarning, match="`b`: its gradient is left from an older backward"):
        SGD(0.1).step([a, b])
    assert b.data[0] == 1.0
    assert a.data[0] == pytest.approx(0.8)


def test_before_any_backward() -> None:
    w = parameter([1.0], name="W")
    backward((parameter([1.0]) * 2).sum())
    with pytest.raises(GradientError, match="`W`: it has received no gradient"):
        SGD(0.1).step(w)


def test_what_is_missing_warns_once_or_raises_or_is_passed_over() -> None:
    def again(made: Optimizer) -> None:
        loss = (a * a).sum()
        loss.backward()
        made.step([a, b])

    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    made = SGD(0.1)
    with pytest.warns(LocalgradWarning, match="`b`: it has received no gradient: `Sum#1` was not computed from it"):
        again(made)
    again(made)  # said once
    del made
    gc.collect()
    again(SGD(0.1, missing="skip"))
    gc.collect()
    value = a.data.copy()
    with pytest.raises(GradientError, match="some parameters have no new gradient, so nothing was changed"):
        again(SGD(0.1, missing="error"))
    assert a.data == value


def test_the_last_node_on_the_way_is_named() -> None:
    a, b = parameter([1.0, 2.0], name="a"), parameter([1.0, 2.0], name="b")
    place = ArgMax.on(b * 2, axis=0)
    loss = (a * Cast.on(place, dtype="float32")).sum()
    loss.backward()
    with pytest.warns(
        LocalgradWarning,
        match=r"`b`: it has received no gradient: `ArgMax#1` at .*test_optimizers_gradients.py.* is not differentiable",
    ):
        SGD(0.1).step([a, b])


def test_a_way_through_plain_numpy_is_named() -> None:
    a, b = parameter([1.0, 2.0], name="a"), parameter([1.0, 2.0], name="b")
    half = b * 0.5
    factor = float(half.sum())
    loss = (a * factor).sum()
    loss.backward()
    with pytest.warns(LocalgradWarning, match=r"`b`: .*turned into plain NumPy at .*test_optimizers_gradients.py"):
        SGD(0.1).step([a, b])


def test_a_parameter_with_a_gradient_in_no_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localgrad.train.optimizer.OPTIMIZERS", weakref.WeakSet())  # of other tests none
    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    loss = (a * b).sum()
    loss.backward()
    with pytest.warns(LocalgradWarning, match=r"`b` received a gradient and stand in no optimizer.*freeze them"):
        SGD(0.1).step([a])


def test_a_parameter_whose_optimizer_has_not_stepped_yet_is_no_warning() -> None:
    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    first, second = SGD(0.1), SGD(0.1)
    loss = (a * b).sum()
    loss.backward()
    first.step([a])
    second.step([b])
    assert b.data[0] == pytest.approx(0.9)


def test_a_parameter_in_two_optimizers() -> None:
    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    first, second = SGD(0.1), SGD(0.1)
    (a * a).sum().backward()
    first.step([a])
    (a * b).sum().backward()
    with pytest.warns(LocalgradWarning, match="`a` stands in two optimizers"):
        second.step([a, b])


def test_only_frozen_parameters() -> None:
    a = parameter([1.0])
    a.requires_grad = False
    with pytest.raises(GradientError, match="all of them are frozen"):
        SGD(0.1).step([a])
    with pytest.raises(GradientError, match="there are none"):
        SGD(0.1).step([])


@pytest.mark.parametrize("wrong", [np.zeros(2), "W", 3, [np.zeros(2)]])
def test_what_cannot_be_stepped(wrong: Any) -> None:
    with pytest.raises(LocalgradError, match="an optimizer was to change parameters"):
        SGD(0.1).step(wrong)


def test_a_computed_tensor_cannot_be_stepped() -> None:
    with pytest.raises(LocalgradError, match="a tensor a node made"):
        SGD(0.1).step(parameter([1.0]) * 2)


def test_no_grad_does_not_matter() -> None:
    w = parameter([1.0])
    give(w, [1.0])
    with no_grad():
        Adam(0.5).step(w)
    assert w.data[0] == 0.5


def test_gradients_added_up_count_as_one_pass_and_start_anew_after_a_step() -> None:
    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    made = SGD(1.0)
    for _ in range(2):
        a.data, b.data = [1.0], [1.0]
        (a * b * 0.25).sum().backward(accumulate=True)
        (a * 0.5).sum().backward(accumulate=True)  # b is not in it, but its part of the sum counts
        made.step([a, b])
        assert (a.data[0], b.data[0]) == (0.25, 0.75)
