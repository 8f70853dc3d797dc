"""Optimizers against references written by hand: on tensors and arrays, with their options, and in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from localgrad.graph.capturing import capture
from localgrad.graph.errors import DTypeError, GradientError, LocalgradError, NonFiniteError, ShapeError
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, parameter, tensor
from localgrad.train.clipping import clip_factor, clip_gradients, global_norm
from localgrad.train.optimizers import SGD, Adam, Momentum
from tests.optimizer_formulas import (
    EVERY,
    PAIRS,
    drawn,
    fresh_warnings,  # noqa: F401 -- pytest finds a fixture by its name
    give,
)


@pytest.mark.parametrize("optimizer, reference", PAIRS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_follows_its_formula(optimizer: Any, reference: Any, dtype: Any, tolerance: float) -> None:
    start, gradients = drawn((3, 4), 6)
    w = parameter(start.astype(dtype), name="W")
    made = optimizer(0.1)
    for gradient in gradients:
        give(w, gradient)
        made.step(w)
    assert w.dtype == dtype
    np.testing.assert_allclose(w.data, reference(start, gradients), rtol=tolerance, atol=tolerance)


def test_known_first_steps_of_adam() -> None:
    # at the first step Adam moves by the learning rate against the sign, whatever the gradient's size
    w = parameter(np.array([1.0, 1.0, 1.0]))
    give(w, [1e-3, -5.0, 200.0])
    Adam(0.01).step(w)
    np.testing.assert_allclose(w.data, [0.99, 1.01, 0.99], rtol=1e-6)


@pytest.mark.parametrize("optimizer", EVERY)
def test_large_parameters_in_pieces_are_as_whole_ones(optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    start, gradients = drawn((37, 29), 3)
    whole, pieces = parameter(start), parameter(start)
    first, second = optimizer(0.1), optimizer(0.1)
    for gradient in gradients:
        give(whole, gradient)
        first.step(whole)
    monkeypatch.setattr("localgrad.train.entry.CHUNK_BYTES", 1000)
    for gradient in gradients:
        give(pieces, gradient)
        second.step(pieces)
    assert len(second.entries()[0].chunks) > 5
    assert whole.data.tobytes() == pieces.data.tobytes()


@pytest.mark.parametrize("optimizer", EVERY)
def test_small_parameters_together_are_as_alone(optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = [(3, 4), (5,), (), (2, 3), (1, 1)]
    drawn_once = [drawn(shape, 5, seed) for seed, shape in enumerate(shapes)]
    results = []
    for limit in (1 << 15, 0):
        monkeypatch.setattr("localgrad.train.entry.SMALL_BYTES", limit)
        made = optimizer(0.1, missing="skip", clip_norm=2.0)
        parameters = [parameter(start) for start, _ in drawn_once]
        parameters[3] = Leaf(np.asfortranarray(drawn_once[3][0]), "parameter", None, True)
        for number in range(5):
            for index, (_, gradients) in enumerate(drawn_once):
                if number != 2 or index != 1:  # one parameter has no gradient once, and is a step behind from then on
                    give(parameters[index], gradients[number])
            made.step(parameters[::-1] if number == 3 else parameters)
        assert (made.entries()[0].pack is not None) == bool(limit)
        results.append([p.data.tobytes() for p in parameters] + [s.numpy().tobytes() for s in made.state().values()])
    assert results[0] == results[1]


@pytest.mark.parametrize("optimizer", [Momentum, Adam])
@pytest.mark.parametrize("how", ["fortran", "strided"])
def test_arrays_in_any_memory_order(optimizer: Any, how: str) -> None:
    start, gradients = drawn((5, 6), 4)
    array = np.asfortranarray(start) if how == "fortran" else np.zeros((5, 12))[:, ::2]
    array[...] = start
    odd, plain = Leaf(array, "parameter", "W", True), parameter(start)
    first, second = optimizer(0.1), optimizer(0.1)
    for gradient in gradients:
        give(odd, gradient)
        give(plain, gradient)
        first.step(odd)
        second.step(plain)
    np.testing.assert_array_equal(array, plain.data)


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"clip_value": 0.5}], ids=str)
@pytest.mark.parametrize("optimizer", EVERY)
def test_the_rule_on_tensors_is_the_rule_on_arrays(optimizer: Any, options: dict[str, float]) -> None:
    made = optimizer(0.1, **options)
    start, gradients = drawn((2, 3), 3)
    spec = Spec((2, 3), np.dtype(np.float64))
    count = len(made.slots)

    def step(w: Any, g: Any, rate: Any, number: Any, *state: Any) -> Any:
        w, state = made.full_rule(w, g, state, rate, number)
        return (w, *state)

    scalar = Spec((), np.dtype(np.float64))
    graph = capture(step, spec, spec, scalar, scalar, *([spec] * count))
    state = [np.zeros((2, 3))] * count
    w, eager = start, parameter(start)
    for number, gradient in enumerate(gradients, 1):
        w, *state = graph.run([w, gradient, np.array(0.1), np.array(float(number)), *state]).values()
        give(eager, gradient)
        made.step(eager)
    np.testing.assert_allclose(eager.data, w, rtol=1e-12)


def test_clipping_on_tensors_is_clipping_on_arrays() -> None:
    _, gradients = drawn((3, 2), 3)
    norm = global_norm(gradients)
    assert norm == pytest.approx(math.sqrt(sum((g**2).sum() for g in gradients)))
    on_tensors = global_norm([tensor(g) for g in gradients])
    assert on_tensors.item() == pytest.approx(norm)
    for largest in (0.5, 100.0):
        assert clip_factor(on_tensors, largest).item() == pytest.approx(clip_factor(norm, largest))


# ---------------------------------------------------------------- options


def test_weight_decay_is_added_to_the_gradient_and_adamw_shrinks() -> None:
    start, gradients = drawn((4,), 3)
    w = parameter(start)
    made = SGD(0.1, weight_decay=0.5)
    expected = start
    for gradient in gradients:
        give(w, gradient)
        made.step(w)
        expected = expected - 0.1 * (gradient + 0.5 * expected)
    np.testing.assert_allclose(w.data, expected)


def test_clip_norm_scales_all_gradients_together_and_leaves_them() -> None:
    a, b = parameter(np.zeros(2), name="a"), parameter(np.zeros(1), name="b")
    give(a, [3.0, 0.0])
    give(b, [4.0])
    SGD(1.0, clip_norm=1.0).step([a, b])
    np.testing.assert_allclose(np.concatenate([a.data, b.data]), [-0.6, 0, -0.8], rtol=1e-5)
    assert a.grad is not None
    assert a.grad.tolist() == [3.0, 0.0]


def test_clip_value() -> None:
    a = parameter(np.zeros(3))
    give(a, [3.0, -0.2, -7.0])
    SGD(1.0, clip_value=0.5).step(a)
    assert a.data.tolist() == [-0.5, 0.2, 0.5]


def test_clip_gradients_in_place_for_lists_and_tensors() -> None:
    grads = [np.array([3.0, 0.0]), np.array([[4.0]])]
    held = grads[0]
    assert clip_gradients(grads, 1.0) == 5.0
    np.testing.assert_allclose(held, [0.6, 0.0], rtol=1e-5)
    assert clip_gradients(grads, 10.0) == pytest.approx(1.0, rel=1e-5)
    a, b = parameter([1.0, 2.0], name="a"), parameter([1.0], name="b")
    give(a, [30.0, 40.0])
    assert clip_gradients([a, b], 5.0) == 50.0
    np.testing.assert_allclose(a.grad, [3.0, 4.0], rtol=1e-5)


def test_a_norm_that_is_not_finite_names_the_parameter_and_changes_nothing() -> None:
    a, b = parameter(np.zeros(2), name="a"), parameter(np.zeros((2, 2)), name="b")
    give(a, [1.0, 2.0])
    give(b, [[1.0, 2.0], [np.nan, np.inf]])
    with pytest.raises(NonFiniteError, match=r"`b` has 2 entries of 4 that are NaN or infinite, first at \(1, 0\)"):
        SGD(1.0, clip_norm=1.0).step([a, b])
    assert a.data.tolist() == [0, 0]
    with pytest.raises(NonFiniteError, match="`b`"):
        clip_gradients({"a": a, "b": b}, 1.0)


def test_a_norm_whose_squares_overflow_is_still_a_norm() -> None:
    a = parameter(np.zeros(2, np.float32))
    give(a, np.array([3e25, 4e25]))
    SGD(1.0, clip_norm=1.0).step(a)
    np.testing.assert_allclose(a.data, [-0.6, -0.8], rtol=1e-5)


def test_frozen_parameters_stay() -> None:
    a, b = parameter([1.0], name="a"), parameter([1.0], name="b")
    give(a, [1.0])
    give(b, [1.0])
    b.requires_grad = False
    made = Adam(0.5)
    made.step({"a": a, "b": b})
    assert a.data[0] == 0.5
    assert b.data[0] == 1.0
    assert list(made.state()) == ["learning_rate", "step/a", "mean/a", "squares/a"]


def test_learning_rate_has_two_names_and_is_checked() -> None:
    made = Adam(lr=0.5)
    assert made.learning_rate == made.lr == 0.5
    made.lr = 0.25
    assert made.learning_rate == 0.25
    assert repr(Momentum(0.1, weight_decay=0.5)) == "Momentum(0.1, momentum=0.9, weight_decay=0.5)"
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(LocalgradError, match="learning_rate of SGD"):
            SGD(bad)
    with pytest.raises(LocalgradError, match="the model or its parameters to step"):
        Adam([parameter([1.0])], lr=None)  # type: ignore[arg-type]
    with pytest.raises(LocalgradError, match="momentum of SGD"):
        SGD(0.1, momentum=1.5)


# ---------------------------------------------------------------- in place


def test_the_array_object_stays_and_the_version_moves() -> None:
    w = parameter([1.0, 2.0], name="W")
    array = w.data
    loss = (w * w).sum()
    loss.backward()
    before = w.version
    Adam(0.1).step(w)
    assert w.data is array
    assert w.version > before
    with pytest.raises(GradientError, match="changed in place"):
        loss.backward()


def test_a_tied_parameter_is_stepped_once() -> None:
    w = parameter([1.0], name="W")
    give(w, [1.0])
    SGD(1.0).step([w, w])
    assert w.data[0] == 0.0


def test_scalar_parameters() -> None:
    w = parameter(3.0, name="w")
    (w * w).backward()
    SGD(0.5).step(w)
    assert w.item() == 0.0


# ---------------------------------------------------------------- the books' loop


@pytest.mark.parametrize("optimizer, reference", PAIRS, ids=lambda each: each.__name__)
def test_update_on_plain_arrays(optimizer: Any, reference: Any) -> None:
    start, gradients = drawn((3, 2), 5)
    listed, named = [start.copy(), start.copy()], {"W": start.copy()}
    held = listed[1]
    first, second = optimizer(0.1), optimizer(0.1)
    for gradient in gradients:
        first.update(listed, [gradient, 2 * gradient])
        second.update(named, {"W": gradient})
    np.testing.assert_allclose(listed[0], reference(start, gradients))
    np.testing.assert_allclose(held, reference(start, [2 * g for g in gradients]))
    np.testing.assert_allclose(named["W"], listed[0])


def test_update_says_what_does_not_fit() -> None:
    made = Momentum(0.1)
    with pytest.raises(ShapeError, match="2 parameters and 1 gradients"):
        made.update([np.zeros(2), np.zeros(2)], [np.zeros(2)])
    with pytest.raises(ShapeError, match=r"gradient of shape \(3,\)"):
        made.update([np.zeros(2)], [np.zeros(3)])
    with pytest.raises(ShapeError, match="the states kept for it"):
        made.update([np.zeros(3)], [np.zeros(3)])
    with pytest.raises(DTypeError, match="array of int64"):
        SGD(0.1).update([np.zeros(2, int)], [np.zeros(2)])
    with pytest.raises(DTypeError, match="a Leaf"):
        SGD(0.1).update([parameter([1.0])], [np.zeros(1)])
