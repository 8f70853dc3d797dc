"""What code written for the books does to a layer from outside: assigning arrays, and naming the upstream gradient."""

from __future__ import annotations

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, SoftmaxWithLoss


def test_an_array_assigned_over_a_parameter_stays_a_parameter() -> None:
    layer = Affine(np.ones((3, 2)), np.zeros(2))
    weights = np.full((3, 2), 2.0)
    layer.W = weights
    assert list(layer.parameters()) == ["W", "b"]
    assert layer.params[0] is weights
    weights[...] = 3.0
    assert np.array_equal(layer.forward(np.ones((1, 3))), [[9.0, 9.0]])
    layer.backward(np.ones((1, 2)))
    assert np.array_equal(layer.grads[0], np.ones((3, 2)))


def test_an_array_assigned_over_a_state_stays_a_state() -> None:
    layer = BatchNormalization(np.ones(2), np.zeros(2))
    layer.running_mean = np.array([1.0, 2.0])
    assert "running_mean" in layer.state()
    assert np.array_equal(layer.state()["running_mean"].data, [1.0, 2.0])


def test_an_array_put_into_params_or_grads_is_written_in_place() -> None:
    layer = Affine(np.ones((3, 2)), np.zeros(2))
    kept = layer.params[0]
    layer.params[0] = np.zeros((3, 2))
    assert layer.params[0] is kept
    assert np.array_equal(layer.forward(np.ones((1, 3))), [[0.0, 0.0]])
    layer.params[1] += 5.0
    assert np.array_equal(layer.forward(np.ones((1, 3))), [[5.0, 5.0]])
    layer.grads[-1] = [7.0, 7.0]
    assert np.array_equal(layer.grads[1], [7.0, 7.0])
    with pytest.raises(lg.ShapeError, match=r"shape \(2, 2\), and the layer's has \(3, 2\)"):
        layer.params[0] = np.zeros((2, 2))
    with pytest.raises(TypeError, match="write into each"):
        layer.params[:] = []


def test_copies_of_the_lists_are_plain() -> None:
    layer = Affine(np.ones((3, 2)), np.zeros(2))
    copies = layer.params[:]
    copies[0] = np.zeros(1)
    assert type(copies) is list
    assert layer.params[0].shape == (3, 2)


def test_the_upstream_gradient_may_be_named() -> None:
    loss = SoftmaxWithLoss()
    loss.forward(np.zeros((2, 3)), np.array([0, 1]))
    once = loss.backward()
    assert np.array_equal(loss.backward(dout=1), once)
    assert np.allclose(loss.backward(dout=2), 2 * once)
