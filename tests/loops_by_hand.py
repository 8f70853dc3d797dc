"""What the tests of control flow share: arrays, the comparison of two trees, and loops unrolled by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

import localgrad as lg

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
