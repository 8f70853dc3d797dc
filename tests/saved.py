"""What the tests of saved graphs share: a small net, and a graph of one number."""

from __future__ import annotations

import numpy as np
import pytest

import localgrad as lg


@pytest.fixture(name="net")
def net_fixture() -> lg.Graph:
    W = lg.parameter(np.arange(6.0).reshape(3, 2), name="W", dtype=np.float32)
    b = lg.parameter([1.0, -1.0], name="b")
    return lg.capture(lambda x: lg.tanh(x @ W + b), lg.spec("N", 3), name="net")


def affine(value: float) -> lg.Graph:
    W = lg.parameter(np.full((3, 2), value), name="W", dtype=np.float32)
    return lg.capture(lambda x: x @ W if value > 0 else lg.exp(x @ W), lg.spec("N", 3))
