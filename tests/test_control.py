"""Control flow in graphs: cond, scan and loop against Python's own, in values and gradients of every order."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.transform.bodies import Holder
from localgrad.transform.control import cond, loop, scan

F64 = np.float64


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 0.5


def spec(*shape: Any) -> lg.Spec:
    return lg.spec(*shape, dtype=F64)


def same(found: Any, wanted: Any, rtol: float = 1e-10) -> None:
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        found, wanted = list(found.values()), list(wanted.values())
    if isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted):
            same(one, other, rtol)
        return
    one, other = (np.asarray(x.data if isinstance(x, lg.Tensor) else x) for x in (found, wanted))
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


def unrolled(f: Any, init: Any, xs: lg.Tensor, reverse: bool = False) -> Any:
    carry, ys = init, []
    for t in range(len(xs))[:: -1 if reverse else 1]:
        carry, y = f(carry, xs[t])
        ys.append(y)
    return carry, lg.stack(ys[:: -1 if reverse else 1])


def all_orders(f: Any, g: Any, *arrays: np.ndarray) -> None:
    """Values, gradients, and gradients of gradients of two functions are the same."""
    results = []
    for each in (f, g):
        xs = [lg.parameter(x) for x in arrays]
        outputs = each(*xs)
        loss = sum(((y + 0.3) * y).sum() for y in outputs)
        first = lg.gradients(loss, xs)
        number = sum((g * g).sum() for g in first)
        second = lg.gradients(number, xs)
        loss.backward()
        results.append([*outputs, *first, *second, *(x.grad for x in xs)])
    same(results[0], results[1], 1e-8)


def rnn(W: Any, U: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = lg.tanh(h @ W + x @ U)
        return h, h

    return step


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


# graphs -------------------------------------------------------------------------------------------------------------
def net(W: Any, U: Any) -> Any:
    def f(xs: Any, h: Any) -> Any:
        last, ys = scan(rnn(W, U), h, xs)
        return (ys * ys).sum() + last.sum()

    return f


def test_a_graph_of_any_length_and_batch() -> None:
    W, U = lg.parameter(random(3, 3), name="W"), lg.parameter(random(2, 3), name="U")
    graph = lg.capture(net(W, U), spec("T", "N", 2), spec("N", 3))
    assert [node.kind.name for node in graph.nodes] == ["Scan", "Mul", "Sum", "Sum", "Add"]
    assert graph.nodes[0].outputs[1].shape[1:] == (graph.inputs[0].shape[1], 3)
    gradient = graph.gradient()
    twice = lg.capture(
        lambda xs, h: [
            (g * g).sum() for g in lg.gradients(net(W, U)(xs, h), [xs, W])
        ],
        spec("T", "N", 2), spec("N", 3),
    ).gradient(of="*Sum*")  # fmt: skip
    for count, batch in [(1, 4), (5, 2), (0, 3)]:
        x, h = random(count, batch, 2), random(batch, 3, seed=1)
        xs, hs = lg.tensor(x, requires_grad=True), lg.tensor(h, requires_grad=True)
        loss = net(W, U)(xs, hs)
        loss.backward()
        wanted = {"xs": xs.grad, "h": hs.grad, "W": W.grad, "U": U.grad}
        found = gradient.run([x, h])
        for name, g in wanted.items():
            same(found[f"grad/{name}"], g)
        for changed in (gradient.explicit(), gradient.expand(), gradient.simplify(), copy.deepcopy(gradient)):
            same(list(changed.run([x, h]).values()), list(found.values()))
        record = graph.record([x, h], gradients_of=graph.outputs[0].name)
        same(record.gradient("W"), wanted["W"])
        same(record.gradient("xs"), wanted["xs"])
        assert all(np.isfinite(value).all() for value in twice.run([x, h]).values())


def test_a_scan_is_opened_by_its_bodies() -> None:
    W, U = lg.parameter(random(3, 3), name="W"), lg.parameter(random(2, 3), name="U")
    node = lg.capture(net(W, U), spec("T", "N", 2), spec("N", 3)).gradient().nodes[0]
    assert isinstance(node.kind, Holder)
    body = node.kind.bodies["body"]
    assert [each.kind.name for each in body.nodes][:4] == ["MatMul", "MatMul", "Add", "Tanh"]
    assert body.nodes[0].source.text == "h = lg.tanh(h @ W + x @ U)"
    assert [t.name for t in body.inputs] == ["carry", "x", "W", "U"]
    back = [
        each for each in lg.capture(net(W, U), spec(4, 2, 2), spec(2, 3)).gradient().nodes if each.kind.name == "Scan"
    ][1]
    (body,) = back.kind.bodies.values()
    assert {each.of.node.kind.name for each in body.nodes if each.of is not None} >= {"MatMul", "Tanh"}
    assert all(each.source.text == "h = lg.tanh(h @ W + x @ U)" for each in body.nodes if each.of is not None)


def test_copies_pickles_and_files_are_equal(tmp_path: Any) -> None:
    W, U = lg.parameter(random(3, 3), name="W"), lg.parameter(random(2, 3), name="U")

    def f(xs: Any, h: Any, n: Any) -> Any:
        loss = net(W, U)(xs, h)
        h = loop(n, lambda h: lg.tanh(h @ W), h)
        return cond(loss > 0, lambda h: (h * loss).sum(), lambda h: (h @ W).sum(), h)

    graph = lg.capture(f, spec("T", "N", 2), spec("N", 3), lg.spec(dtype=np.int64)).gradient()
    inputs = [random(5, 4, 2), random(4, 3), np.int64(3)]
    wanted = graph.run(inputs)
    graph.save(tmp_path)
    for other in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph), lg.load(tmp_path)):
        assert other.same_as(graph)
        same(other.run(inputs), wanted)
    kind = graph.nodes[0].kind
    assert pickle.loads(pickle.dumps(kind)) == kind == copy.deepcopy(kind)


def test_simplify_drops_what_a_scan_keeps_for_nobody() -> None:
    W, U = lg.parameter(random(3, 3), name="W"), lg.parameter(random(2, 3), name="U")
    graph = lg.capture(lambda xs, h: scan(rnn(W, U), h, xs)[1], spec("T", "N", 2), spec("N", 3))
    assert len(graph.nodes[0].outputs) == 3
    simple = graph.simplify()
    assert len(simple.nodes[0].outputs) == 2
    x = [random(5, 4, 2), random(4, 3)]
    same(list(simple.run(x).values()), list(graph.run(x).values()))
    same(list(simple.gradient(of=simple.outputs[0]).run([*x, np.ones((5, 4, 3))]).values()),
         list(graph.gradient(of=graph.outputs[0]).run([*x, np.ones((5, 4, 3))]).values()))  # fmt: skip


def test_extents_that_no_input_of_the_body_shows() -> None:
    def f(x: Any) -> Any:
        N, M = x.shape
        flat = x.reshape(N * M)
        return scan(lambda c, _: (c + lg.tanh(flat.reshape(N, M)).sum(), None), lg.zeros((), dtype=F64), length=3)[0]

    graph = lg.capture(f, spec("N", "M"))
    x = random(3, 4)
    same(graph.run([x])["Scan#1:0" if "Scan#1:0" in graph.tensors else "Scan#1"], 3 * np.tanh(x).sum())
    assert graph.gradient().run([x])["grad/x"].shape == (3, 4)


# loop ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_loop_is_pythons(count: int) -> None:
    def by_loop(x: Any, w: Any) -> Any:
        return loop(count, lambda c: (lg.tanh(c[0] * w), c[1] + c[0].sum()), (x, lg.zeros((), dtype=F64)))

    def by_hand(x: Any, w: Any) -> Any:
        c = (x, lg.zeros((), dtype=F64))
        for _ in range(count):
            c = (lg.tanh(c[0] * w), c[1] + c[0].sum())
        return c if count else (x * 1.0 + 0.0 * w, c[1])

    all_orders(by_loop, by_hand, random(3), random(3, seed=1))
    rounds = lg.tensor(count)
    all_orders(
        lambda x, w: loop(rounds, lambda c: lg.tanh(c * w), x)[None],
        lambda x, w: by_hand(x, w)[:1],
        random(3),
        random(3, seed=1),
    )


def test_the_rounds_of_a_loop_are_known_when_the_graph_runs() -> None:
    w = lg.parameter(random(3), name="w")

    def f(n: Any, x: Any) -> Any:
        return (loop(n, lambda c: lg.tanh(c * w), x) * loop(n + 1, lambda c: c * w, x)).sum()

    graph = lg.capture(f, lg.spec(dtype=np.int64), spec("N", 3))
    gradient = graph.gradient()
    for count in (0, 3):
        x = lg.tensor(random(2, 3, seed=1), requires_grad=True)
        loss = f(count, x)
        loss.backward()
        found = gradient.run([np.int64(count), x.data])
        same([found[graph.outputs[0].name], found["grad/x"], found["grad/w"]], [loss, x.grad, w.grad])
        same(gradient.explicit().run([np.int64(count), x.data]), found)


def test_a_loop_in_a_scan_and_in_a_cond() -> None:
    def f(xs: Any, w: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            rounds = lg.cast(x[0] > 0, np.int64) + 1
            c = loop(rounds, lambda c: lg.tanh(c * w + x), c)
            return cond(c.sum() > 0, lambda: c, lambda: loop(rounds, lambda c: c * w, c)), c

        return scan(step, w, xs)

    def by_hand(xs: Any, w: Any) -> Any:
        c, ys = w, []
        for t in range(4):
            rounds = 1 + (xs[t].data[0] > 0)
            for _ in range(rounds):
                c = lg.tanh(c * w + xs[t])
            ys.append(c)
            if c.sum() <= 0:
                for _ in range(rounds):
                    c = c * w
        return c, lg.stack(ys)

    all_orders(f, by_hand, random(4, 2, seed=3), random(2, seed=1))
    arrays = [random(4, 2, seed=3), random(2, seed=1)]
    same(list(lg.capture(f, spec("T", 2), spec(2)).run(arrays).values()), f(*map(lg.tensor, arrays)))


# cond ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("condition", [True, False, np.array([1]), lg.tensor(0)])
def test_cond_computes_one_branch(condition: Any) -> None:
    w = lg.parameter(random(3), name="w")
    b = lg.parameter(random(3, seed=2), name="b")

    def f(x: Any) -> Any:
        return cond(condition, lambda x: {"y": lg.tanh(x) * w}, lambda x: {"y": x + b}, x)["y"]

    x = lg.parameter(random(2, 3))
    y = f(x)
    taken = bool(np.asarray(condition.data if isinstance(condition, lg.Tensor) else condition).all())
    same(y, np.tanh(x.data) * w.data if taken else x.data + b.data)
    y.sum().backward()
    same(w.grad, np.tanh(x.data).sum(0) if taken else np.zeros(3))
    same(b.grad, np.zeros(3) if taken else np.full(3, 2.0))
    lg.check_gradients(f, random(2, 3), order=2)


def test_the_branch_not_taken_is_not_computed() -> None:
    graph = lg.capture(
        lambda x, i: cond(x.sum() > 0, lambda: lg.take(x, i), lambda: x[0]), spec(3), lg.spec(dtype=np.int64)
    )
    assert graph.run([-np.ones(3), np.int64(99)])["If#1"] == -1.0
    with pytest.raises(lg.IndexRangeError, match="index 99"):
        graph.run([np.ones(3), np.int64(99)])
    x = lg.parameter(np.array([0.0]))
    cond(x.sum() > 0, lambda: lg.log(x), lambda: x * 2).sum().backward()
    same(x.grad, np.array([2.0]))


def test_a_python_number_in_a_branch_takes_the_others_dtype() -> None:
    x = lg.parameter(np.array(2.0))
    y = cond(x > 3, lambda: x, lambda: 0.0)
    assert y.dtype == np.float64
    y.backward()
    assert x.grad == 0.0


# randomness and states ------------------------------------------------------------------------------------------------
def test_every_step_draws_anew_and_the_gradient_sees_the_same_masks() -> None:
    lg.seed(3)
    x = lg.parameter(np.ones((6, 50)))
    _, ys = scan(lambda c, x: (c, lg.dropout(x, 0.5)), 0.0, x)
    masks = ys.data != 0
    assert len({mask.tobytes() for mask in masks}) == 6
    assert 100 < masks.sum() < 200
    ys.sum().backward()
    np.testing.assert_array_equal(x.grad, ys.data)
    _, more = scan(lambda c, x: (c, lg.dropout(x, 0.5)), 0.0, x)
    assert not (more.data == ys.data).all(axis=1).any()
    lg.seed(3)
    _, again = scan(lambda c, x: (c, lg.dropout(x, 0.5)), 0.0, x)
    np.testing.assert_array_equal(again.data, ys.data)


def test_draws_in_graphs_in_recomputed_steps_and_in_branches() -> None:
    def f(x: Any) -> Any:
        first = scan(lambda c, x: (c, lg.recompute(lambda x: lg.dropout(x, 0.5) * x)(x)), 0.0, x)[1]
        second = scan(lambda c, x: (c, cond(x[0] > 0, lambda: lg.dropout(x), lambda: x)), 0.0, x)[1]
        return lg.stack([first, second, lg.dropout(x)])

    lg.seed(0)
    graph = lg.capture(f, spec("T", 40))
    assert list(graph.updates) == ["generator"]
    x = np.ones((5, 40))
    rows = [next(iter(graph.run([x]).values())).reshape(15, 40) for _ in range(2)]
    assert len({row.tobytes() for part in rows for row in part}) == 30
    lg.seed(0)
    gradient = graph.gradient(of=graph.outputs[0])
    found = gradient.run([x, np.ones((3, 5, 40))])
    y, g = list(found.values())
    np.testing.assert_array_equal(y.reshape(15, 40), rows[0])
    np.testing.assert_array_equal(g, 2 * y[0] + y[1] + y[2])


def test_a_state_goes_from_step_to_step_and_on() -> None:
    def moving(running: lg.Leaf) -> Any:
        def step(c: Any, x: Any) -> Any:
            recorder = lg.graph.context.CONTEXT.get().recorder
            new = running * 0.5 + x.mean() * 0.5
            recorder.update(running, new)
            return c + new, new

        return step

    xs = random(4, 3)
    wanted = [0.0]
    for x in xs:
        wanted.append(wanted[-1] * 0.5 + x.mean() * 0.5)
    running = lg.state(np.float64(0.0), name="running")
    _, values = scan(moving(running), np.float64(0.0), xs)
    same(values, np.array(wanted[1:]))
    assert running.data == pytest.approx(wanted[-1])
    running = lg.state(np.float64(0.0), name="running")
    graph = lg.capture(lambda xs: scan(moving(running), np.float64(0.0), xs)[0], spec("T", 3))
    assert list(graph.updates) == ["running"]
    graph.run([xs])
    assert running.data == pytest.approx(wanted[-1])
    graph.run([xs])
    assert running.data != pytest.approx(wanted[-1])

    def once(x: Any) -> Any:
        def move() -> Any:
            lg.graph.context.CONTEXT.get().recorder.update(running, running + 1.0)
            return x

        return cond(x.sum() > 0, move, lambda: x)

    before = float(running.data)
    once(lg.tensor(np.ones(2)))
    assert running.data == before + 1
    once(lg.tensor(-np.ones(2)))
    assert running.data == before + 1


# what users are told --------------------------------------------------------------------------------------------------
def told(error: type[Exception], act: Any, *parts: str) -> None:
    with pytest.raises(error) as caught:
        act()
    for part in (*parts, "found: ", "do: "):
        assert part in str(caught.value), f"{part!r} is not in:\n{caught.value}"


def test_mistakes_name_the_leaf_and_the_line() -> None:
    xs = lg.tensor(random(4, 3))
    c = {"h": np.zeros((2, 3)), "n": np.zeros((), np.int64)}
    told(lg.ShapeError, lambda: scan(lambda c, x: ({"h": c["h"].sum(0), "n": c["n"]}, x), c, xs),
         "lg.scan", "'carry/h'", "float64(2, 3)", "float64(3,)", "test_control.py:")  # fmt: skip
    told(lg.DTypeError, lambda: scan(lambda c, x: ({"h": c["h"], "n": c["n"] + x.sum()}, x), c, xs),
         "'carry/n'", "int64()", "float64()", ".astype")  # fmt: skip
    told(
        lg.ShapeError,
        lambda: scan(lambda c, x: ({"h": c["h"]}, x), c, xs),
        "carry/h, carry/n",
        "one tensor" if False else "1 tensors at carry/h",
    )
    told(lg.ShapeError, lambda: scan(lambda c, x: c * x, np.zeros(3), xs), "it returns Tensor", "return carry, y")
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, x, x), np.zeros(3), xs), "a tuple of 3")
    told(
        lg.ShapeError,
        lambda: scan(lambda c, x: (c, x[0]), 0.0, (xs, random(3, 3))),
        "'x/1'",
        "(3, 3)",
        "'x/0' has (4, 3)",
    )
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, x), 0.0, 3.0), "'x'", "shape ()")
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, x), 0.0, xs, length=3), "3 steps", "4 entries")
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, c), 0.0), "length=")
    told(lg.DTypeError, lambda: loop(2.5, lambda c: c, 0.0), "2.5 rounds")
    told(lg.ShapeError, lambda: loop(lg.tensor([1, 2]), lambda c: c, lg.tensor(0.0)), "number of rounds", "int64(2,)")
    with pytest.raises(lg.DataError, match="-1 rounds"):
        loop(-1, lambda c: c, lg.tensor(0.0))
    told(lg.ShapeError, lambda: cond(True, lambda: (xs, xs), lambda: xs), "2 tensors at 0, 1", "one tensor")
    told(
        lg.ShapeError,
        lambda: cond(True, lambda: {"a": xs}, lambda: {"a": xs[0]}),
        "'a'",
        "float64(4, 3)",
        "float64(3,)",
    )
    told(lg.DTypeError, lambda: cond(True, lambda: xs, lambda: xs.astype(np.float32)), "float32(4, 3)")
    told(lg.ShapeError, lambda: cond(xs > 0, lambda: xs, lambda: xs), "(4, 3)", "lg.where")
    told(lg.ShapeError, lambda: cond(True, lambda: None, lambda: None), "nothing")


def test_a_value_read_in_a_step_is_refused_with_what_to_use() -> None:
    def step(c: Any, x: Any) -> Any:
        if c > 0:
            return c, x
        return c + x, x

    with pytest.raises(lg.CaptureError, match=r"lg\.cond"):
        scan(step, 0.0, np.ones(3))


def test_a_shape_mistake_in_a_step_names_its_line() -> None:
    def step(c: Any, x: Any) -> Any:
        return c @ x, x

    with pytest.raises(lg.ShapeError, match=r"(?s)inner sizes differ.*return c @ x, x"):
        scan(step, np.zeros((2, 3)), np.zeros((5, 2, 3)))


def test_a_mistake_when_running_names_the_inner_line_and_the_iteration() -> None:
    table = lg.parameter(random(4, 3), name="table")

    def f(rows: Any) -> Any:
        return scan(lambda c, row: (c + table[row], None), np.zeros(3), rows)[0]

    rows = np.array([0, 1, 9, 2])
    for act in (lambda: f(lg.tensor(rows)), lambda: lg.capture(f, lg.spec("T", dtype=np.int64)).run([rows])):
        with pytest.raises(lg.IndexRangeError) as caught:
            act()
        for part in ("index 9", "Gather", "c + table[row]", "iteration 3 of 4", "Scan"):
            assert part in str(caught.value), str(caught.value)


def test_the_first_nonfinite_value_inside_is_named() -> None:
    xs = lg.tensor(np.array([1.0, 0.5, 0.0, 2.0]))

    def step(c: Any, x: Any) -> Any:
        return c + lg.log(x), None

    with lg.detect_nonfinite(), pytest.raises(lg.NonFiniteError) as caught:
        scan(step, np.float64(0.0), xs)
    for part in ("in the forward", "Log", "return c + lg.log(x), None", "iteration 3 of 4"):
        assert part in str(caught.value), str(caught.value)
    with (
        lg.detect_nonfinite(),
        pytest.raises(lg.NonFiniteError, match="iteration 2 of 4, which goes backwards: entry 2"),
    ):
        scan(step, np.float64(0.0), xs, reverse=True)
    x = lg.parameter(np.array([4.0, 0.0, 1.0]), name="x")
    with lg.detect_nonfinite():
        total, _ = scan(lambda c, x: (c + lg.sqrt(x), None), np.float64(0.0), x)
        with pytest.raises(lg.NonFiniteError) as caught:
            total.backward()
    for part in ("in the backward", "Sqrt", "c + lg.sqrt(x)", "iteration 2 of 3", "entry 1"):
        assert part in str(caught.value), str(caught.value)
    with lg.detect_nonfinite(), pytest.raises(lg.NonFiniteError, match="Log"):
        cond(True, lambda x: lg.log(x), lambda x: x, lg.tensor(0.0))


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
