"""What users are told about gradients: missing, overwritten, impossible, or asked of the wrong thing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import localgrad as lg
from localgrad.transform.path import why_no_gradient
from tests.told import here, told


# unused, overwritten, repeated ------------------------------------------------------------------------------------
def test_backward_sets_so_that_nothing_has_to_be_cleared() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    for _ in range(3):
        (W * W).sum().backward()
        np.testing.assert_array_equal(W.grad, [2.0, 4.0])


def test_backward_twice_from_one_loss_gives_the_same_everywhere() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    h = lg.exp(W)
    loss = (h * h).sum()
    loss.backward()
    first = W.grad.copy(), h.grad.copy()
    loss.backward()
    np.testing.assert_array_equal(W.grad, first[0])
    np.testing.assert_array_equal(h.grad, first[1])


def test_an_unused_gradient_of_another_loss_that_is_overwritten_warns_once_by_name() -> None:
    W = lg.parameter([1.0], name="W")

    def steps() -> None:
        for scale in (1.0, 2.0, 3.0):
            (W * scale).sum().backward()

    with pytest.warns(lg.LocalgradWarning) as caught:
        steps()
    assert len(caught) == 1
    text = str(caught[0].message)
    for fact in ("`W`", "accumulate=True", "lg.backward([loss1, loss2])", here(-6)):
        assert fact in text
    assert caught[0].filename == __file__


def test_a_warning_that_is_an_error_leaves_the_gradients_as_they_were() -> None:
    W = lg.parameter([1.0], name="W")
    h = W * 2
    h.sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(lg.LocalgradWarning):
            (h * 5).sum().backward()
    np.testing.assert_array_equal(h.grad, [1.0])
    np.testing.assert_array_equal(W.grad, [2.0])


def test_no_warning_where_the_gradient_was_read_or_is_part_of_the_new_loss_or_is_added_to() -> None:
    W = lg.parameter([1.0], name="W")
    first, second = (W * 2).sum(), (W * 3).sum()
    first.backward()
    second.backward(accumulate=True)
    lg.backward([first, second])
    np.testing.assert_array_equal(W.grad, [5.0])
    (W * 4).sum().backward()


# values changed in place ------------------------------------------------------------------------------------------
def test_writing_into_the_value_of_a_node_names_tensor_node_line_and_the_recorded_way() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    hidden = W * 2
    hidden.name = "hidden"
    made = here(-2)

    def entries() -> None:
        hidden.data[0] = 9.0

    def added() -> None:
        hidden.data += 1

    def replaced() -> None:
        hidden.data = np.zeros(2)

    def part() -> None:
        hidden.data[1:][0] = 9.0

    for write in (entries, added, replaced, part):
        text = told(ValueError, write)
        for fact in ("`hidden`", "Mul", made, "x[i] = v", "x += v", "x.numpy()", "read-only"):
            assert fact in text, text
    np.testing.assert_array_equal(hidden.data, [2.0, 4.0])


def test_what_is_computed_from_a_value_is_a_plain_array() -> None:
    value = (lg.parameter([1.0, 2.0]) * 2).data
    for plain in (value + 1, value.copy(), np.exp(value), value.sum(axis=0, keepdims=True), np.array(value)):
        assert type(plain) is np.ndarray
        plain[0] = 7.0
    assert isinstance(value.sum(), np.float32)
    assert repr(value) == "array([2., 4.], dtype=float32)"


def test_assigning_on_the_tensor_works_and_is_differentiable() -> None:
    x = lg.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    y = x * x
    y[0] = 10 * x[2]
    y += 1
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [31.0, 5.0, 10.0])
    np.testing.assert_array_equal(x.grad, [0.0, 4.0, 16.0])


def test_a_parameter_changed_between_forward_and_backward_names_parameter_node_and_line() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    loss = lg.sum(W * W)
    made = here(-1)
    with lg.no_grad():
        W -= 0.1
    told(
        lg.GradientError, loss.backward, "`W`", "changed in place", "version", "`Mul#1`", made, "before optimizer.step"
    )
    assert W.grad is None


def test_writes_behind_the_librarys_back_are_found_on_request() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    with lg.detect_changes():
        loss = (W * W).sum()
        W.data[0] = 5.0
        text = told(lg.GradientError, loss.backward)
    assert "`W`" in text
    assert "no_grad" in text


def test_assigning_while_tracing_is_recorded() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        out = np.zeros_like(x)
        out[0] = x[1] * 3
        other = lg.zeros(2)
        other[1] = x[0]
        return out * 2 + other

    graph = lg.capture(f, lg.spec(2))
    assert [node.kind.name for node in graph.nodes].count("SetItem") == 2
    np.testing.assert_array_equal(next(iter(graph.run([[1.0, 2.0]]).values())), [12.0, 1.0])


def test_filling_a_numpy_array_while_tracing_says_what_records_a_node_instead() -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        out = np.zeros(2)
        out[0] = x.sum()
        return lg.tensor(out)

    with pytest.raises(ValueError, match="array element") as caught:
        lg.capture(f, lg.spec(2))
    cause = caught.value.__cause__
    assert isinstance(cause, lg.CaptureError)
    assert "lg.zeros(...)" in str(cause)
    assert "out[0] = x.sum()" in str(cause)


# no path ----------------------------------------------------------------------------------------------------------
def test_a_loss_made_from_a_plain_number_names_parameter_tensor_line_and_reading() -> None:
    W1 = lg.parameter([0.3, 0.4], name="W1")
    x4 = lg.tanh(W1).sum()
    x4.name = "x4"
    number = float(x4)
    read = here(-1)
    loss = lg.tensor(number * 1.0, name="loss", requires_grad=False)
    text = told(lg.DetachedError, loss.backward)
    assert "no path from `loss` to anything that requires a gradient" in text
    assert f"The path from `W1` ends at `x4`: turned into plain NumPy at {read} (`float(...)`)" in text
    assert "number = float(x4)" in text


def test_the_reading_is_known_where_its_tensor_is_gone() -> None:
    W1 = lg.parameter([0.3, 0.4], name="W1")

    def model() -> np.ndarray:
        return lg.tanh(W1).numpy()

    read = here(-2)
    text = told(lg.DetachedError, (lg.tensor(model()) * 2).sum().backward)
    assert f"The path from `W1` ends at what Tanh made: turned into plain NumPy at {read} (`numpy()`)" in text


def test_a_reading_is_not_blamed_where_its_value_did_not_go_on() -> None:
    W1 = lg.parameter([0.3, 0.4], name="W1")
    W1.sum().backward()
    assert W1.grad is not None
    float(W1.sum())
    x = lg.tensor([5.0, 6.0], name="x")
    text = told(lg.DetachedError, (x * 2).sum().backward)
    assert "It was computed from `x`, which does not require one" in text
    assert "The path from" not in text
    W1.sum().backward()
    assert "plain NumPy" not in told(lg.DetachedError, (x * 2).sum().backward), "readings of finished steps are over"


def test_a_node_that_is_not_differentiable_is_named_as_the_end_of_the_path() -> None:
    W = lg.parameter([0.3, 0.4], name="W")
    best = lg.argmax(W)
    best.name = "best"
    text = told(lg.DetachedError, lambda: (best.astype(np.float32) * 2).backward())
    assert f"The path from `W` ends: `best` at {here(-3)}" in text
    assert "is not differentiable" in text


def test_what_was_computed_under_no_grad_is_said_so() -> None:
    W = lg.parameter([0.3, 0.4], name="W")
    with lg.no_grad():
        h = W * 2
    h.name = "h"
    text = told(lg.DetachedError, lambda: h.sum().backward())
    assert "Computed under no_grad, or unchained: `h`" in text


def test_backward_of_something_that_is_no_tensor() -> None:
    for thing in (3.0, np.float32(2), None):
        text = told(lg.LocalgradError, lambda thing=thing: lg.backward(thing))
        assert type(thing).__name__ in text
        assert "no tensor" in text


def test_an_inner_gradient_is_there_after_backward_and_none_before() -> None:
    W = lg.parameter([1.0, 2.0], name="W")
    h = W * W
    assert h.grad is None
    h.sum().backward()
    np.testing.assert_array_equal(h.grad, [1.0, 1.0])
    assert (W * 2).grad is None


def test_backward_from_a_tensor_with_many_entries_names_its_shape_and_three_choices() -> None:
    W = lg.parameter(np.ones((2, 3)), name="W")
    y = W * 2
    y.name = "y"
    told(
        lg.ShapeError,
        lambda: y.backward(),
        "`y`",
        "(2, 3)",
        ".mean()",
        "y[0, 0]",
        "backward(grad=...)",
        "test_errors_gradients.py",
    )
    for choice in (y.mean().backward, y[0, 0].backward, lambda: y.backward(grad=np.ones((2, 3)))):
        choice()
        assert W.grad is not None
    text = told(lg.ShapeError, lambda: y.backward(grad=np.ones(3)))
    assert "(3,)" in text
    assert "(2, 3)" in text


# one parameter without a gradient ---------------------------------------------------------------------------------
def test_a_parameter_behind_a_node_without_a_derivative() -> None:
    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    chosen = lg.argmax(W)
    line = here(-1)
    loss = (V * chosen.astype(np.float32)).sum()
    loss.backward()
    assert W.grad is None
    assert why_no_gradient(loss, W) == (
        f"`W` got no gradient: `ArgMax#1` at {line} (`chosen = lg.argmax(W)`) is not differentiable"
    )
    assert why_no_gradient(loss, V) == ""


def test_the_node_nearest_to_the_loss_is_named() -> None:
    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    h = lg.tanh(lg.exp(W) * 2)
    loss = (V * lg.stop_gradient(h)).sum()
    loss.backward()
    assert "`StopGradient#1`" in why_no_gradient(loss, W)
    assert "lets no gradient through" in why_no_gradient(loss, W)
    assert "Tanh" not in why_no_gradient(loss, W).split("at test_errors")[0]


def test_a_parameter_the_loss_was_not_computed_from() -> None:
    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    loss = (V * V).sum()
    loss.name = "loss"
    loss.backward()
    assert why_no_gradient(loss, W) == "`W` got no gradient: `loss` was not computed from it"
    loss = (V * float(W.sum())).sum()
    assert f"turned into plain NumPy at {here(-1)} (`float(...)`)" in why_no_gradient(loss, W)
    with lg.no_grad():
        h = W * 2
    assert "under no_grad" in why_no_gradient((V * h).sum(), W)


def test_a_frozen_parameter_is_called_frozen() -> None:
    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    W.requires_grad = False
    assert "frozen" in why_no_gradient((W * V).sum(), W)


def test_a_rule_that_gives_nothing_is_named() -> None:
    class Lazy(lg.Kind):
        inputs = ("a", "b")

        def shape(self, a: object, b: object) -> object:
            return a

        def forward(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return a * b

        def backward(self, grad: object, y: object, a: object, b: object) -> object:
            return grad * b, None

    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    loss = Lazy()(V, lg.exp(W)).sum()
    loss.backward()
    text = why_no_gradient(loss, W)
    assert "the rule of Lazy at `Lazy#1`" in text
    assert "input 1" in text


def test_the_reason_is_found_in_a_captured_graph_as_well() -> None:
    W, V = lg.parameter([0.3, 0.4], name="W"), lg.parameter([1.0, 2.0], name="V")
    graph = lg.capture(lambda x: (V * x * (W > 0).astype(np.float32)).sum(), lg.spec(2))
    assert "`Greater#1`" in why_no_gradient(graph.outputs[0], W)
