"""`scan` against the loop unrolled by hand, in values and gradients of every order, and what it keeps and costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.transform.control import cond, loop, scan
from tests.loops_by_hand import F64, all_orders, random, rnn, same, spec, unrolled


# scan ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 5])
def test_a_recurrent_net_by_scan_is_the_unrolled_one(length: int, reverse: bool) -> None:
    def by_scan(h: Any, xs: Any, W: Any, U: Any) -> Any:
        return scan(rnn(W, U), h, xs, reverse=reverse)

    def by_hand(h: Any, xs: Any, W: Any, U: Any) -> Any:
        return unrolled(rnn(W, U), h, xs, reverse)

    arrays = random(4, 3), random(length, 4, 2, seed=1), random(3, 3, seed=2), random(2, 3, seed=3)
    all_orders(by_scan, by_hand, *arrays)
    lg.check_gradients(by_scan, *arrays, order=2)


def test_no_steps_give_the_first_carry_and_nothing_stacked() -> None:
    h, W, U = (lg.parameter(x) for x in (random(4, 3), random(3, 3), random(2, 3)))
    last, ys = scan(rnn(W, U), h, np.zeros((0, 4, 2)))
    same([last, ys], [h, np.zeros((0, 4, 3))])
    last.data  # noqa: B018 - a value of its own
    (last * 2).sum().backward()
    same([h.grad, W.grad, U.grad], [np.full((4, 3), 2.0), np.zeros((3, 3)), np.zeros((2, 3))])
    (g,) = lg.gradients((scan(rnn(W, U), h, np.zeros((0, 4, 2)))[0] ** 2).sum(), h)
    same(lg.gradients(g.sum(), h)[0], np.full((4, 3), 2.0))


def test_the_final_carry_of_no_steps_is_not_the_first_ones_memory() -> None:
    h = lg.parameter(random(3))
    last, _ = scan(lambda c, x: (c * x, None), h, np.zeros((0,)))
    with lg.no_grad():
        h[0] = 100.0
    assert last.data[0] != 100.0
    kept, _ = scan(lambda c, x: (c, x), h, np.zeros(2))
    with lg.no_grad():
        h[0] = 7.0
    assert kept.data[0] == 100.0


def test_trees_go_in_and_come_out() -> None:
    def step(carry: Any, x: Any) -> Any:
        h, total = carry["h"], carry["rest"][0]
        h = lg.tanh(h + x["a"] * x["b"][0])
        return {"h": h, "rest": (total + h.sum(),)}, {"both": (h, total), "none": None}

    xs = {"a": lg.tensor(random(4, 3)), "b": [lg.tensor(random(4, 3, seed=1))]}
    carry, ys = scan(step, {"h": np.zeros(3), "rest": (np.float64(0.0),)}, xs)
    assert list(carry) == ["h", "rest"]
    h, total = np.zeros(3), 0.0
    for t in range(4):
        assert ys["both"][1].data[t] == pytest.approx(total)
        h = np.tanh(h + xs["a"].data[t] * xs["b"][0].data[t])
        same(ys["both"][0][t], h)
        total += h.sum()
    assert ys["none"] is None
    assert carry["rest"][0].item() == pytest.approx(total)


def test_a_length_without_anything_to_scan() -> None:
    x = lg.parameter(np.array([0.5, 1.5]))
    carry, ys = scan(lambda c, x: (c * c, None), x, length=3)
    assert ys is None
    same(carry, x.data**8)
    carry.sum().backward()
    same(x.grad, 8 * x.data**7)
    lg.check_gradients(lambda x: scan(lambda c, _: (lg.sin(c) * x, c), x, length=4), np.array([0.5, 1.5]), order=2)
    linear = lg.parameter(np.array(2.0))
    scan(lambda c, _: (c * 3.0, None), linear, length=4)[0].backward()
    assert linear.grad == 81.0


def test_a_python_number_takes_the_dtype_the_body_gives_it() -> None:
    xs = lg.tensor(np.array([1.0, 2.0]))
    total, _ = scan(lambda total, x: (total + x, None), 0.0, xs)
    assert total.dtype == np.float64
    assert scan(lambda total, x: (total + x, None), 0, xs)[0].item() == 3.0
    assert scan(lambda n, x: (n + 1, x), 0, xs)[0].dtype == np.int64
    assert scan(lambda n, x: (0.0, x), lg.tensor(np.float32(1)), xs)[0].dtype == np.float32


def test_a_scan_without_a_carry_and_one_without_anything() -> None:
    xs = random(4, 3)
    all_orders(lambda xs: [scan(lambda _, x: (None, lg.sin(x) * x), None, xs)[1]], lambda xs: [lg.sin(xs) * xs], xs)
    assert scan(lambda c, x: (c, None), (), xs) == ((), None)


def test_entries_of_the_carry_are_assigned() -> None:
    def step(c: Any, x: Any) -> Any:
        c[0] = x * c[1]
        c[1] = c[0] + x
        return c, c[0]

    start, xs = random(2), random(4, seed=1)

    def by_hand(start: Any, xs: Any) -> Any:
        a, b, ys = start[0], start[1], []
        for t in range(4):
            a = xs[t] * b
            b = a + xs[t]
            ys.append(a)
        return lg.stack([a, b]), lg.stack(ys)

    all_orders(lambda start, xs: scan(step, start, xs), by_hand, start, xs)


def test_a_scan_computed_again_in_the_backward() -> None:
    xs, w = random(4, 3), random(3, seed=1)

    def f(xs: Any, w: Any) -> Any:
        return scan(lambda c, x: (lg.tanh(c * w + x), c), w, xs)

    all_orders(lambda xs, w: lg.recompute(f)(xs, w), f, xs, w)


def test_a_length_that_is_a_named_extent() -> None:
    graph = lg.capture(lambda x: scan(lambda c, _: (lg.sin(c), c), x.sum(), length=x.shape[0]), spec("N"))
    for count in (3, 5):
        last, ys = graph.run([np.full(count, 0.1)]).values()
        assert ys.shape == (count,)
        assert np.sin(ys[-1]) == last
    assert graph.gradient(of=graph.outputs[1]).run([np.full(3, 0.1), np.ones(3)])["grad/x"].shape == (3,)


def test_a_weight_used_inside_and_outside_gets_both_gradients() -> None:
    W = lg.parameter(random(3, 3), name="W")
    xs = random(4, 2, 3, seed=1)

    def by(run: Any) -> Any:
        def f(W: Any) -> Any:
            def step(h: Any, x: Any) -> Any:
                h = lg.tanh(h @ W + x @ W.T)
                return h, h @ W

            _, ys = run(step, lg.tensor(np.zeros((2, 3))) @ W, lg.tensor(xs))
            return (ys @ W.T,)

        return f

    all_orders(by(scan), by(unrolled), W.data)


def test_weights_whose_gradients_are_one() -> None:
    def by(run: Any) -> Any:
        def f(V: Any, W: Any) -> Any:
            return run(lambda h, x: (h @ (V + W) + x, h), lg.tensor(np.ones((2, 3))), lg.tensor(random(4, 2, 3)))

        return f

    all_orders(by(scan), by(unrolled), random(3, 3, seed=1), random(3, 3, seed=2))


def test_rows_picked_in_a_step_get_their_gradients() -> None:
    table = random(5, 3)
    rows = np.array([[0, 1], [4, 1], [0, 0]])

    def by(run: Any) -> Any:
        def f(table: Any) -> Any:
            return run(lambda h, i: (lg.tanh(h + table[i]), h), lg.tensor(np.zeros((2, 3))), lg.tensor(rows))

        return f

    all_orders(by(scan), by(unrolled), table)


def test_scan_in_scan() -> None:
    def by(run: Any) -> Any:
        def f(xs: Any, w: Any) -> Any:
            def row(carry: Any, xs: Any) -> Any:
                return run(lambda c, x: (lg.tanh(c * w + x), c * x), carry, xs)

            return run(row, w * 0.5, xs)

        return f

    all_orders(by(scan), by(unrolled), random(3, 4, 2), random(2, seed=1))


def test_cond_in_scan_and_scan_in_cond() -> None:
    def choosing(run: Any, choose: Any) -> Any:
        def f(xs: Any, w: Any) -> Any:
            def step(c: Any, x: Any) -> Any:
                c = choose(x.sum() > 0, lambda c: lg.tanh(c * w), lambda c: c + x * w, c)
                return c, c

            return choose(xs.mean() > -10, lambda: run(step, w, xs), lambda: (w, lg.zeros((4, 2), dtype=F64)))

        return f

    def by_hand(condition: Any, f: Any, g: Any, *arguments: Any) -> Any:
        return f(*arguments) if condition else g(*arguments)

    arrays = random(4, 2, seed=2), random(2, seed=1)
    all_orders(choosing(scan, cond), choosing(unrolled, by_hand), *arrays)
    graph = lg.capture(choosing(scan, cond), spec(4, 2), spec(2))
    assert [node.kind.name for node in graph.nodes] == ["Mean", "Greater", "If"]
    same(list(graph.run(arrays).values()), choosing(unrolled, by_hand)(*map(lg.tensor, arrays)))


def test_the_derivative_along_a_direction_and_the_hessian() -> None:
    xs = random(4, 3, seed=1)

    def by(run: Any) -> Any:
        return lambda w: run(lambda c, x: (lg.sin(c * w) + x, c), lg.tensor(np.ones(3)), lg.tensor(xs))[0].sum()

    w, v = random(3, seed=2), random(3, seed=3)
    same(lg.hessian(by(scan))(w), lg.hessian(by(unrolled))(w))
    same(lg.jvp(by(scan), (w,), (v,)), lg.jvp(by(unrolled), (w,), (v,)))
    same(
        lg.grad(lambda w: lg.hvp(by(scan), (w,), (v,)).sum())(w),
        lg.grad(lambda w: lg.hvp(by(unrolled), (w,), (v,)).sum())(w),
    )


def test_only_what_is_asked_for_is_computed() -> None:
    """The gradient of the input alone sums no weights."""
    W, U = lg.parameter(random(3, 3)), lg.parameter(random(2, 3))
    W.requires_grad = False
    xs = lg.tensor(random(5, 4, 2), requires_grad=True)
    _, ys = scan(rnn(W, U), lg.tensor(np.zeros((4, 3))), xs)
    (g,) = lg.gradients(ys.sum(), xs)
    assert g.node.kind.summed == 0
    assert g.node.kind.carries == 1
    ys.sum().backward()
    assert W.grad is None
    assert U.grad is not None


def test_no_gradient_flows_through_what_a_step_computes_under_no_grad() -> None:
    def step(c: Any, x: Any) -> Any:
        with lg.no_grad():
            y = lg.exp(x * c)
        return c + y * x, y

    def by_hand(c: Any, x: Any) -> Any:
        y = lg.stop_gradient(lg.exp(x * c))
        return c + y * x, y

    c, xs = np.array(0.3), random(4)
    all_orders(lambda c, xs: scan(step, c, xs)[:1], lambda c, xs: unrolled(by_hand, c, xs)[:1], c, xs)
    graph = lg.capture(lambda c, xs: unrolled(step, c, xs)[0], spec(), spec(4))
    start, parts = lg.parameter(c), lg.parameter(xs)
    unrolled(by_hand, start, parts)[0].backward()
    found = graph.gradient().run([c, xs])
    same([found["grad/c"], found["grad/xs"]], [start.grad, parts.grad])


def test_what_was_kept_is_read_and_not_computed_again() -> None:
    W = lg.parameter(random(3, 3))
    xs = lg.tensor(random(5, 4, 3))
    (g,) = lg.gradients(scan(rnn(W, W), lg.tensor(np.zeros((4, 3))), xs)[1].sum(), W)
    assert [node.kind.name for node in g.graph.nodes].count("Scan") == 2
    for f in (lambda x: scan(rnn(W, W), lg.tensor(np.zeros((4, 3))), x)[1].sum(), lambda x: loop(3, lg.sin, x).sum()):
        kinds = [node.kind.name for node in lg.capture(f, spec("T", 4, 3)).gradient().nodes]
        assert kinds.count("Scan") + kinds.count("Loop") == 2


def test_nothing_is_kept_where_no_gradient_will_be_asked() -> None:
    W, U, xs = lg.parameter(random(3, 3)), lg.parameter(random(2, 3)), lg.tensor(random(5, 4, 2))
    with lg.no_grad():
        last, _ = scan(rnn(W, U), lg.tensor(np.zeros((4, 3))), xs)
    assert last.node is None
    recorded, _ = scan(rnn(W, U), lg.tensor(np.zeros((4, 3))), xs)
    same(last, recorded)
    assert recorded.node.kind.output_count() == 3  # with the carries its gradient reads
    frozen, _ = scan(rnn(lg.tensor(W), lg.tensor(U)), lg.tensor(np.zeros((4, 3))), xs)
    assert frozen.node.kind.output_count() == 2


def test_recompute_in_a_step_keeps_the_carries_alone() -> None:
    w = random(3, seed=1)

    def f(x: Any) -> Any:
        return lg.exp(lg.sin(lg.tanh(x) * x) * x)

    def step(c: Any, x: Any) -> Any:
        return f(c * x), None

    def careful(c: Any, x: Any) -> Any:
        return lg.recompute(lambda c, x: f(c * x))(c, x), None

    xs = random(4, 3)
    c = lg.parameter(w)
    assert scan(step, c, xs)[0].node.kind.output_count() > 4
    again = scan(careful, c, xs)[0]
    assert again.node.kind.output_count() == 2
    all_orders(lambda w: [scan(step, w, lg.tensor(xs))[0]], lambda w: [scan(careful, w, lg.tensor(xs))[0]], w)


def test_the_same_function_gives_the_same_kind() -> None:
    def run(x: Any, W: Any) -> Any:
        return scan(rnn(W, W), lg.tensor(np.zeros((2, 3))), x)[0].node.kind

    W = lg.parameter(random(3, 3))
    kind = run(random(4, 2, 3), W)
    assert run(random(7, 2, 3), lg.parameter(random(3, 3))) is kind
    assert run(random(7, 1, 3), W) is not kind


def test_one_step_of_a_body_costs_little() -> None:
    """No Python beyond the rules themselves runs in a step: counted, not timed."""
    import sys

    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    def run(steps: int) -> int:
        nonlocal calls
        xs = lg.tensor(np.ones((steps, 2)))
        scan(lambda c, x: (c * x + x, c), np.zeros(2), xs)  # recorded before
        calls = 0
        sys.setprofile(count)
        try:
            scan(lambda c, x: (c * x + x, c), np.zeros(2), xs)
        finally:
            sys.setprofile(None)
        return calls

    run(60)
    assert run(110) - run(10) == 200  # Mul and Add
