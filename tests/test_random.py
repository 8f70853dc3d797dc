"""Random draws as users call them: seeds, the generator, dropout, and what a captured graph does with them."""

import numpy as np
import pytest

from localgrad.graph.capturing import capture
from localgrad.graph.errors import DTypeError
from localgrad.graph.spec import spec
from localgrad.graph.tensor import parameter, state
from localgrad.nodes.random import (
    GENERATOR,
    Dropout,
    bernoulli,
    dropout,
    next_draw,
    random_normal,
    random_uniform,
    seed,
    seeded,
)
from localgrad.transform.recompute import recompute


@pytest.fixture(autouse=True)
def _seeded():
    seed(0)
    yield
    seed(0)


def test_a_seed_gives_the_same_draws_again():
    def draws():
        x = np.ones((3, 4), np.float32)
        return [random_uniform((5,)).data, random_normal(like=x).data, bernoulli(0.3, (7,)).data, dropout(x).data]

    seed(5)
    first = draws()
    seed(5)
    for x, other in zip(first, draws(), strict=True):
        np.testing.assert_array_equal(x, other)
    seed(6)
    assert not np.array_equal(first[0], draws()[0])


def test_draws_follow_one_another():
    assert not np.array_equal(random_uniform((4,)).data, random_uniform((4,)).data)
    assert GENERATOR.data.tolist() == [0, 2]


def test_seeds_may_be_any_integer():
    for number in (-1, 2**63, 2**64 - 1):
        seed(number)
        assert random_uniform((2,)).shape == (2,)
    assert seeded(-1).tolist() == [-1, 0]


def test_distributions():
    n = 20_000
    u = random_uniform((n,), -1, 3).data
    assert u.min() >= -1
    assert u.max() < 3
    assert abs(u.mean() - 1) < 0.05
    x = random_normal((n,), 2, 0.5, dtype=np.float64).data
    assert x.dtype == np.float64
    assert abs(x.mean() - 2) < 0.02
    assert abs(x.std() - 0.5) < 0.01
    assert abs(bernoulli(0.3, (n,)).data.mean() - 0.3) < 0.02
    assert random_uniform().shape == ()


def test_dropout_keeps_the_mean_and_its_gradient_uses_its_mask():
    x = parameter(np.ones((100, 100), np.float32))
    y = dropout(x, 0.2)
    assert abs(y.data.mean() - 1) < 0.02
    assert abs((y.data == 0).mean() - 0.2) < 0.02
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)


def test_dropout_outside_of_training_changes_nothing():
    x = parameter(np.ones(5))
    y = dropout(x, 0.9, training=False)
    np.testing.assert_array_equal(y.data, x.data)
    assert y.node.kind.training is False
    assert GENERATOR.data.tolist() == [0, 0]
    assert not np.shares_memory(y.data, x.data)


def test_dropout_of_everything_and_nothing():
    assert not np.any(dropout(np.ones(5), 1.0).data)
    np.testing.assert_array_equal(dropout(np.full(5, np.inf), 0.0).data, np.full(5, np.inf))
    assert set(dropout(np.full(50, np.inf), 0.5).data) == {0.0, np.inf}


def test_dropout_of_integers_is_refused():
    with pytest.raises(DTypeError, match="int64"):
        capture(lambda x: dropout(x), spec(3, dtype=np.int64))


def test_a_graph_draws_anew_on_each_run_and_moves_the_generator():
    graph = capture(lambda x: dropout(x), spec("N", 3))
    assert list(graph.updates) == ["generator"]
    assert GENERATOR.data.tolist() == [0, 0]
    x = np.ones((20, 3), np.float32)
    first, second = (next(iter(graph.run([x]).values())) for _ in range(2))
    assert not np.array_equal(first, second)
    assert GENERATOR.data.tolist() == [0, 2]
    seed(0)
    np.testing.assert_array_equal(next(iter(graph.run([x]).values())), first)
    assert next(iter(graph.run([x[:7]]).values())).shape == (7, 3)


def test_draws_of_one_graph_are_unrelated():
    graph = capture(lambda x: (dropout(x), dropout(x), random_uniform(like=x), random_uniform((4, 8))), spec(4, 8))
    assert len(graph.updates) == 1
    a, b, u, v = graph.run([np.ones((4, 8), np.float32)]).values()
    assert not np.array_equal(a, b)
    assert not np.array_equal(u, v)
    assert GENERATOR.data.tolist() == [0, 1]


def test_the_gradient_graph_uses_the_same_mask():
    graph = capture(lambda x: dropout(x).sum(), spec("N", 3)).gradient()
    y, g = graph.run([np.ones((20, 3), np.float32)]).values()
    assert g.sum() == pytest.approx(y)
    assert set(np.unique(g)) == {0.0, 2.0}


def test_a_generator_of_ones_own():
    mine = state(seeded(3), name="mine")
    before = GENERATOR.data.tolist()
    first = dropout(np.ones(50), generator=mine).data
    assert mine.data.tolist() == [3, 1]
    assert GENERATOR.data.tolist() == before
    mine.write(seeded(3))
    np.testing.assert_array_equal(dropout(np.ones(50), generator=mine).data, first)
    graph = capture(lambda x: dropout(x, generator=mine), spec(50, dtype=np.float64))
    assert list(graph.updates) == ["mine"]


def test_the_state_of_a_draw_is_a_snapshot():
    now, stream = next_draw()
    next_draw()
    assert (now.data.tolist(), stream) == ([0, 0], 0)


def test_recomputing_gives_the_same_mask():
    x = parameter(np.ones((20, 3), np.float32))
    f = recompute(lambda x: dropout(x) * x)
    y = f(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * y.data)
    assert not np.array_equal(f(x).data, y.data)
    assert GENERATOR.data.tolist() == [0, 2]


def test_recomputing_inside_a_capture_draws_streams_of_its_own():
    block = recompute(lambda x: dropout(x))
    graph = capture(lambda x: (block(x), block(x), dropout(x)), spec(30))
    a, b, c = graph.run([np.ones(30, np.float32)]).values()
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert not np.array_equal(b, c)
    assert GENERATOR.data.tolist() == [0, 1]


def test_dropout_outside_of_training_is_pure():
    assert Dropout(training=False).pure
    assert not Dropout().pure
    assert Dropout(training=False) == Dropout().replaced(training=False)
    assert Dropout(training=False).replaced(training=True) == Dropout()
