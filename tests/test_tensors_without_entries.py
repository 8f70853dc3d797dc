"""Tensors of rank 0, or without entries: the same functions, forward and backward."""

import numpy as np
import pytest

import localgrad as lg


def gradient(f, *arrays):
    xs = [lg.tensor(each, requires_grad=True) for each in arrays]
    y = f(*xs)
    return y.numpy(), [g.numpy() for g in lg.gradients(y, xs, lg.ones_like(y))]


@pytest.mark.parametrize("axis", [None, ()])
def test_the_product_of_one_number(axis) -> None:
    y, (g,) = gradient(lambda x: lg.prod(x, axis), np.array(3.0))
    assert y == 3.0
    assert g == 1.0


def test_the_product_of_a_stack_of_matrices_without_columns() -> None:
    y, (of_x, of_w) = gradient(lg.matmul, np.zeros((5, 4, 0)), np.zeros((0, 3)))
    assert y.shape == (5, 4, 3)
    assert not y.any()
    assert of_x.shape == (5, 4, 0)
    assert of_w.shape == (0, 3)


@pytest.mark.parametrize("function", [lg.softmax, lg.log_softmax])
def test_softmax_of_rows_without_entries(function) -> None:
    y, (g,) = gradient(function, np.zeros((3, 0)))
    assert y.shape == g.shape == (3, 0)


@pytest.mark.parametrize(("shape", "reps"), [((2, 3), (0, 2)), ((3,), 0), ((3,), (2, 0)), ((), (0,))])
def test_no_copies(shape, reps) -> None:
    x = np.ones(shape)
    y, (g,) = gradient(lambda x: lg.tile(x, reps), x)
    assert y.shape == np.tile(x, reps).shape
    assert g.shape == shape
    assert not g.any()


def test_each_entry_repeated_not_at_all() -> None:
    y, (g,) = gradient(lambda x: lg.repeat(x, 0, 1), np.ones((2, 3)))
    assert y.shape == (2, 0)
    assert not g.any()


def test_numbers_are_columns_of_one_row() -> None:
    parts = [np.array(1.0), np.array([[2.0, 3.0]])]
    y, _ = gradient(lambda *xs: lg.column_stack(xs), *parts)
    np.testing.assert_array_equal(y, np.column_stack(parts))


def test_contraction_over_a_length_of_one() -> None:
    y, (of_a, of_b) = gradient(lambda a, b: lg.tensordot(a, b, ([0], [1])), np.array([[2.0]]), np.ones((3, 4)))
    np.testing.assert_array_equal(y, [[8.0, 8.0, 8.0]])
    np.testing.assert_array_equal(of_a, [[12.0]])
    np.testing.assert_array_equal(of_b, np.full((3, 4), 2.0))
