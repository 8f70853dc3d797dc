"""Optimizers: against references written by hand, eager against captured, and what they say when something is off."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

from localgrad.graph.capturing import capture
from localgrad.graph.context import no_grad
from localgrad.graph.errors import (
    CheckpointError,
    DTypeError,
    GradientError,
    LocalgradError,
    LocalgradWarning,
    NonFiniteError,
    ShapeError,
)
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, parameter, tensor
from localgrad.graph.warning import forget_warnings
from localgrad.nodes.reduction import ArgMax
from localgrad.nodes.structure import Cast
from localgrad.train.clipping import clip_factor, clip_gradients, global_norm
from localgrad.train.optimizer import Optimizer
from localgrad.train.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from localgrad.transform.backward import backward


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget_warnings()
    gc.collect()  # an optimizer of an earlier test is no second one


# ---------------------------------------------------------------- references: the formulas as PyTorch documents them


def sgd(w, gs, lr=0.1):
    for g in gs:
        w = w - lr * g
    return w


def momentum(w, gs, lr=0.1, mu=0.9):
    v = 0
    for g in gs:
        v = mu * v + g
        w = w - lr * v
    return w


def nesterov(w, gs, lr=0.1, mu=0.9):
    v = 0
    for g in gs:
        v = mu * v + g
        w = w - lr * (g + mu * v)
    return w


def adagrad(w, gs, lr=0.1, eps=1e-10):
    h = 0
    for g in gs:
        h = h + g**2
        w = w - lr * g / (np.sqrt(h) + eps)
    return w


def rmsprop(w, gs, lr=0.1, alpha=0.99, eps=1e-8):
    h = 0
    for g in gs:
        h = alpha * h + (1 - alpha) * g**2
        w = w - lr * g / (np.sqrt(h) + eps)
    return w


def adadelta(w, gs, lr=0.1, rho=0.9, eps=1e-6):
    square, accumulated = 0, 0
    for g in gs:
        square = rho * square + (1 - rho) * g**2
        delta = np.sqrt(accumulated + eps) / np.sqrt(square + eps) * g
        accumulated = rho * accumulated + (1 - rho) * delta**2
        w = w - lr * delta
    return w


def adam(w, gs, lr=0.1, b1=0.9, b2=0.999, eps=1e-8, decay=0.0):
    m, v = 0, 0
    for t, g in enumerate(gs, 1):
        w = w - lr * decay * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        w = w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return w


def adamw(w, gs, lr=0.1):
    return adam(w, gs, lr, decay=0.01)


PAIRS = [
    (SGD, sgd),
    (Momentum, momentum),
    (Nesterov, nesterov),
    (AdaGrad, adagrad),
    (RMSprop, rmsprop),
    (AdaDelta, adadelta),
    (Adam, adam),
    (AdamW, adamw),
]
EVERY = [pair[0] for pair in PAIRS]


def drawn(shape: tuple[int, ...], count: int, seed: int = 0) -> tuple[Any, list[Any]]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal(shape), [generator.standard_normal(shape) for _ in range(count)]


def give(leaf: Leaf, gradient: Any) -> None:
    leaf.grad = gradient


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
        match=r"`b`: it has received no gradient: `ArgMax#1` at .*test_optimizers.py.* is not differentiable",
    ):
        SGD(0.1).step([a, b])


def test_a_way_through_plain_numpy_is_named() -> None:
    a, b = parameter([1.0, 2.0], name="a"), parameter([1.0, 2.0], name="b")
    half = b * 0.5
    factor = float(half.sum())
    loss = (a * factor).sum()
    loss.backward()
    with pytest.warns(LocalgradWarning, match=r"`b`: .*turned into plain NumPy at .*test_optimizers.py"):
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
