"""Graphs with a scan in them: any length, opened by their bodies, copied, saved and simplified."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np

import localgrad as lg
from localgrad.transform.bodies import Holder
from localgrad.transform.control import cond, loop, scan
from tests.loops_by_hand import F64, random, rnn, same, spec


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
