"""Where the largest entry of each window stands."""

import numpy as np
import pytest

import localgrad as lg


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 6, 7), (1, 2, 4, 5, 6)])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 1, "padding": 1}, {"dilation": 2, "stride": 1}, {"ceil_mode": True, "padding": 1}]
)
def test_the_entries_at_the_places_are_the_largest(shape, options) -> None:
    x = np.random.default_rng(3).integers(0, 9, shape).astype(np.float32)  # with ties: the first one wins
    pool = {3: lg.max_pool1d, 4: lg.max_pool2d, 5: lg.max_pool3d}[len(shape)]
    y, places = pool(x, 2, return_indices=True, **options)
    np.testing.assert_array_equal(y.numpy(), pool(x, 2, **options).numpy())
    assert places.dtype == np.int64
    flat = x.reshape(*shape[:2], -1)
    picked = np.take_along_axis(flat, places.numpy().reshape(*shape[:2], -1), -1)
    np.testing.assert_array_equal(picked.reshape(y.shape), y.numpy())
    leaf = lg.tensor(x, requires_grad=True)
    y, places = pool(leaf, 2, return_indices=True, **options)
    y.sum().backward()
    reached = np.zeros_like(flat)
    for index in np.ndindex(*shape[:2]):
        np.add.at(reached[index], places.numpy()[index].ravel(), 1)
    np.testing.assert_array_equal(leaf.grad, reached.reshape(shape))


def test_named_batches_have_places_and_named_heights_have_not() -> None:
    def f(x):
        return lg.max_pool1d(x, 2, return_indices=True)

    graph = lg.capture(f, lg.spec("N", 1, 4))
    for n in (1, 3):
        y, places = graph.run([np.tile(np.float32([[[1, 2, 4, 3]]]), (n, 1, 1))]).values()
        np.testing.assert_array_equal(y, np.tile([[[2, 4]]], (n, 1, 1)))
        np.testing.assert_array_equal(places, np.tile([[[1, 2]]], (n, 1, 1)))
    with pytest.raises(lg.ShapeError, match="a place has no number"):
        lg.capture(f, lg.spec(1, 1, "L"))
