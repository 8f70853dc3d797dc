"""NaN and infinity: what is said of the first one, and the ones that cannot appear."""

from __future__ import annotations

import numpy as np
import pytest

import localgrad as lg
from tests.told import here, told


def detected(call: object, *facts: str, **options: object) -> str:
    def watched() -> None:
        with lg.detect_nonfinite(**options):
            call()

    return told(lg.NonFiniteError, watched, *facts)


# forward ----------------------------------------------------------------------------------------------------------
def test_log_of_zero_names_step_node_line_count_place_input_and_the_graph_before() -> None:
    x = lg.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 4.0]], name="x", requires_grad=True)

    def forward() -> None:
        with lg.scope("encoder"):
            h = x * 2
            return lg.log(h).sum()

    detected(
        forward,
        "in step 7",
        "in the forward",
        "`encoder/Log#1` = Log(...)",
        here(-8),
        "return lg.log(h).sum()",
        "in layer encoder",
        "2 -inf of 6 entries",
        "shape (2, 3)",
        "first at (0, 1)",
        "input 0 `encoder/Mul#1` float32(2, 3) from 0 to 8; at that entry 0",
        "the graph up to there",
        "encoder/Mul#1: float32(2, 3) = Mul(x, 2)",
        step=7,
    )


def test_without_a_step_the_backward_passes_so_far_are_counted() -> None:
    W = lg.parameter([1.0, 2.0], name="W")

    def training() -> None:
        for _ in range(9):
            loss = lg.sqrt(W).sum()
            loss.backward()
            W.data -= 3.0 * W.grad

    detected(
        training, "after 1 backward pass appeared in the forward", "1 NaN of 2 entries", "`W`", "at that entry -0.5"
    )


def test_division_by_zero_names_both_inputs() -> None:
    a, b = lg.tensor([1.0, 1.0], name="a"), lg.tensor([2.0, 0.0], name="b")
    detected(lambda: a / b, "Div", "1 +inf of 2 entries", "first at (1,)", "`a`", "`b`", "at that entry 0")


def test_an_overflow_names_the_number_it_was_multiplied_with() -> None:
    x = lg.tensor([1.0, 2.0], name="x")
    detected(lambda: x * 1e39, "2 +inf of 2 entries", "input 1 is 1e+39")


def test_infinity_can_be_allowed_and_nan_is_still_found() -> None:
    x = lg.tensor([1.0, 0.0], name="x")
    with lg.detect_nonfinite(allow_infinity=True):
        mask = lg.log(x)
    assert np.isneginf(mask.data[1])
    text = detected(lambda: lg.log(x) * x, "`Mul#1`", "1 NaN of 2 entries", allow_infinity=True)
    assert "-inf of" not in text


def test_without_gradients_and_in_a_running_graph_it_is_found_as_well() -> None:
    x = lg.tensor([1.0, 0.0], name="x")

    def evaluation() -> None:
        with lg.no_grad():
            lg.log(x)

    detected(evaluation, "Log", here(-2), "1 -inf of 2 entries", "`x`")
    graph = lg.capture(lambda x: lg.exp(lg.log(x) * 2), lg.spec("N"))
    line = here(-1)
    detected(lambda: graph.run([[1.0, 0.0]]), "`Log#1` = Log(...)", line, "1 -inf of 2", "`x` float32(2,) from 0 to 1")
    detected(lambda: graph.record([[1.0, 0.0]]), "Log", line, "1 -inf of 2")


def test_finite_numbers_pass_and_nothing_stays_switched_on() -> None:
    x = lg.tensor([1.0, 0.0], requires_grad=True)
    with lg.detect_nonfinite():
        (x * x).sum().backward()
    assert np.isneginf(lg.log(x).data[1])


# backward ---------------------------------------------------------------------------------------------------------
def test_sqrt_at_zero_names_the_rule_what_it_was_given_and_the_path_to_the_loss() -> None:
    W = lg.parameter([4.0, 0.0, 1.0], name="W")

    def step() -> None:
        with lg.scope("norm"):
            h = W * 1.0
            h.name = "h"
            root = lg.sqrt(h)
        loss = (root * 2).sum() * 3
        loss.name = "loss"
        loss.backward()

    detected(
        step,
        "the first non-finite gradient in step 3 appeared in the backward",
        "the gradient of `h`, made by Mul",
        "1 +inf of 3 entries, shape (3,), first at (1,)",
        "its value float32(3,) from 0 to 4; at that entry 0",
        "the rule of Sqrt at `norm/Sqrt#1`",
        here(-12),
        "root = lg.sqrt(h)",
        "in layer norm",
        "the gradient that came in float32(3,) from 6 to 6; at that entry 6",
        "input 0 `h` float32(3,) from 0 to 4; at that entry 0",
        "path to the loss: norm/Sqrt#1 -> Mul#1 -> Sum#1 -> loss",
        step=3,
    )
    assert W.grad is None, "nothing was set"


def test_a_gradient_of_a_parameter_is_watched_as_well() -> None:
    W = lg.parameter([0.0, 1.0], name="W")
    detected(
        lambda: lg.sqrt(W).sum().backward(),
        "the gradient of `W`",
        "1 +inf of 2 entries",
        "the rule of Sqrt at `Sqrt#1`",
        "path to the loss: Sqrt#1 -> Sum#1",
    )


def test_a_long_path_is_shortened_and_counted() -> None:
    W = lg.parameter([0.0, 1.0], name="W")

    def step() -> None:
        x = lg.sqrt(W)
        for _ in range(30):
            x = x + 1.0
        x.sum().backward()

    detected(step, "path to the loss: Sqrt#1 -> Add#1 -> Add#2 -> Add#3 -> ... 24 nodes ... -> Add#28 ->", "-> Sum#1")


def test_a_sum_that_overflows_is_not_blamed_on_a_rule() -> None:
    W = lg.parameter([1.0], name="W")
    h = W * 1e-30
    detected(
        lambda: lg.backward([(h * 3e38).sum(), (h * 3e38).sum()]),
        "the gradient of `Mul#1`",
        "each of its 2 readers sent back finite numbers",
    )


def test_a_gradient_that_was_given_is_not_blamed_on_a_rule() -> None:
    y = lg.parameter([1.0, 2.0], name="W") * 2
    detected(lambda: y.backward(grad=[np.nan, 1.0]), "the gradient of `Mul#1`", "1 NaN of 2", "backward was given")


# what cannot happen -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [1, 2])
def test_no_nan_comes_through_the_branch_that_was_not_taken(order: int) -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        safe = x > 0
        return (
            lg.where(safe, lg.log(x) / x + lg.sqrt(x) + 1 / x + x**-1.5, 0.0) + lg.where(x < 1e3, lg.exp(x), 0.0)
        ).sum()

    x = np.array([0.0, 1.0, 2.0, 1e4])
    with np.errstate(over="ignore"):
        g = lg.grad(f)(x)
        assert g[0] == 1.0
        assert np.isfinite(g).all()
        if order == 2:
            hessian = lg.hessian(f)(x)
            assert np.isfinite(hessian).all()
            assert hessian[0, 0] == 1.0
    graph = lg.capture(f, lg.spec("N", dtype=np.float64)).gradient()
    np.testing.assert_array_equal(graph.run([x])["grad/x"], g)


SINGULAR = {
    "log(x) / x": lambda x: lg.log(x) / x,
    "x log(x)": lambda x: x * lg.log(x),
    "tanh(sqrt(x))": lambda x: lg.tanh(lg.sqrt(x)),
    "log(sqrt(x))": lambda x: lg.log(lg.sqrt(x)),
    "exp(1 / x)": lambda x: lg.exp(1 / x),
    "sqrt(x) log(x)": lambda x: lg.sqrt(x) * lg.log(x),
    "x / x": lambda x: x / x,
    "x ** -1.5": lambda x: x**-1.5,
    "acos(x + 1)": lambda x: lg.acos(x + 1),
    "lgamma(x)": lambda x: lg.lgamma(x),
    "logaddexp": lambda x: lg.logaddexp(lg.log(x), -lg.log(x)),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_chains_of_infinite_derivatives_stay_out_of_both_orders_and_jvp(name: str) -> None:
    def f(x: lg.Tensor) -> lg.Tensor:
        return lg.where(x > 0, SINGULAR[name](x), 3 * x * x).sum()

    x = np.array([0.0, 0.0])
    np.testing.assert_array_equal(lg.grad(f)(x), 0.0)
    np.testing.assert_array_equal(lg.hessian(f)(x), np.diag([6.0, 6.0]))
    assert lg.jvp(f, (x,), (np.ones(2),))[1] == 0.0
    np.testing.assert_array_equal(lg.hvp(f, (x,), (np.ones(2),)), 6.0)
