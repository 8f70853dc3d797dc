"""NumPy's functions of sums, picks and shapes record on tensors, give what NumPy gives, and have gradients."""

import numpy as np
import pytest

import localgrad.nodes.catalogue  # noqa: F401
from localgrad.graph.capturing import capture
from localgrad.graph.errors import CaptureError, ShapeError
from localgrad.graph.spec import spec
from localgrad.graph.tensor import Tensor, tensor
from localgrad.nodes import creation, diagonal, einsum, joining, norms, padding, reduction, running, tiling
from localgrad.transform.checking import check_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
W = RNG.normal(size=(4, 2))
B = RNG.normal(size=(2, 3, 4))


def like(array, x):
    """An array in the dtype of x."""
    return array.astype(x.dtype)


CALLS = {
    "sum": lambda np, x: np.sum(x, axis=0),
    "sum to float64": lambda np, x: np.sum(x, dtype=float),
    "mean": lambda np, x: np.mean(x, axis=(0, 1), keepdims=True),
    "prod": lambda np, x: np.prod(x, axis=1),
    "max": lambda np, x: np.max(x, axis=1) + np.amax(x),
    "min": lambda np, x: np.min(x, axis=0) * np.amin(x),
    "add.reduce": lambda np, x: np.add.reduce(x),
    "var": lambda np, x: np.var(x, axis=0, ddof=1),
    "std": lambda np, x: np.std(x, axis=1),
    "norm": lambda np, x: np.linalg.norm(x),
    "norm 1 of rows": lambda np, x: np.linalg.norm(x, ord=1, axis=1, keepdims=True),
    "norm 3 of rows": lambda np, x: np.linalg.norm(x, 3, axis=1),
    "norm inf of rows": lambda np, x: np.linalg.norm(x, np.inf, axis=1),
    "norm -inf of rows": lambda np, x: np.linalg.norm(x, -np.inf, axis=1),
    "matrix norm 1": lambda np, x: np.linalg.norm(x, 1),
    "matrix norm 2": lambda np, x: np.linalg.norm(x, 2) * np.linalg.norm(x, "nuc", keepdims=True),
    "matrix norm inf": lambda np, x: np.linalg.norm(x, np.inf, keepdims=True),
    "cumsum": lambda np, x: np.cumsum(x, axis=1) + np.cumsum(x).sum(),
    "cumprod": lambda np, x: np.cumprod(x, axis=0),
    "diff": lambda np, x: np.diff(x, n=2),
    "concatenate": lambda np, x: np.concatenate([x, x * 2], axis=1),
    "concatenate flat": lambda np, x: np.concatenate([x, x[0]], axis=None),
    "stack": lambda np, x: np.stack([x, x], axis=-1),
    "stack with numbers": lambda np, x: np.stack([x[0, 0], x[1, 1]]),
    "vstack": lambda np, x: np.vstack([x, x[0]]),
    "hstack": lambda np, x: np.hstack([x, x[:, :1]]) * np.hstack([x[0], x[0, :1]]),
    "column_stack": lambda np, x: np.column_stack([x[:, 0], x]),
    "split": lambda np, x: np.split(x, 2, axis=1)[1] * np.split(x, [1, 3], axis=1)[1],
    "split beyond the end": lambda np, x: np.split(x, [2, 9])[1],
    "array_split": lambda np, x: np.array_split(x, 3, axis=1)[0] - np.array_split(x, [1, -2], axis=1)[2],
    "pad": lambda np, x: np.pad(x, 1) + np.pad(x, ((0, 2), (1, 1)), mode="reflect"),
    "pad with a number": lambda np, x: np.pad(x, (0, 1), constant_values=3),
    "flip": lambda np, x: np.flip(x) * np.flip(x, 1),
    "roll": lambda np, x: np.roll(x, 5) + np.roll(x, (1, 2), axis=(0, 1)) + np.roll(x, 1, axis=0),
    "tile": lambda np, x: np.tile(x, (2, 1, 3)),
    "tile by one number": lambda np, x: np.tile(x, 2),
    "repeat": lambda np, x: np.repeat(x, 2),
    "repeat along": lambda np, x: np.repeat(x, 3, axis=1) * np.repeat(x, [5, 0, 3, 4], axis=1),
    "triu": lambda np, x: np.triu(x, 1) - np.tril(x),
    "diagonal": lambda np, x: np.diagonal(x, 1),
    "diag": lambda np, x: np.diag(x) @ np.diag(x[0, :3]),
    "trace": lambda np, x: np.trace(x, -1),
    "einsum": lambda np, x: np.einsum("ij,jk->ki", x, like(W, x)),
    "einsum of three": lambda np, x: np.einsum("ij,jk,ij->k", x, like(W, x), x, optimize=True),
    "einsum with a number": lambda np, x: np.einsum("ij,->j", x, 2.0),
    "tensordot": lambda np, x: np.tensordot(like(B, x), x, axes=([2, 1], [1, 0])),
    "tensordot by count": lambda np, x: np.tensordot(x, like(W, x), 1),
    "outer": lambda np, x: np.outer(x, like(W, x)),
    "inner": lambda np, x: np.inner(x, like(B, x)),
    "inner of a number": lambda np, x: np.inner(x, 2.0),
    "vdot": lambda np, x: np.vdot(x, x * 2),
    "zeros_like": lambda np, x: x + np.zeros_like(x) + np.ones_like(x) * np.full_like(x, 3.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpys_function_on_a_tensor_gives_numpys_result_and_a_gradient(name):
    call = CALLS[name]
    y = call(np, tensor(X, requires_grad=True))
    assert isinstance(y, Tensor)
    np.testing.assert_allclose(y.data, call(np, X), rtol=1e-12)
    check_gradients(lambda x: call(np, x), X, order=2)


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"sum to float64"}))
def test_single_precision_stays(name):
    x = tensor(X.astype(np.float32), requires_grad=True)
    y = CALLS[name](np, x)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_functions_without_a_gradient():
    x = tensor(X)
    for ours, theirs in (
        (np.argmax(x, axis=1), X.argmax(1)),
        (np.argmin(x), X.argmin()),
        (np.any(x > 1, axis=0), (X > 1).any(0)),
        (np.all(x > -1, axis=1, keepdims=True), (X > -1).all(1, keepdims=True)),
        (np.linalg.norm(x, 0, axis=1), np.linalg.norm(X, 0, axis=1)),
    ):
        np.testing.assert_array_equal(ours.data, theirs)
        assert not ours.requires_grad


def test_integers_and_bools_follow_numpy():
    integers = np.arange(6, dtype=np.int32).reshape(2, 3)
    for function in (np.sum, np.prod, np.mean, np.max, np.cumsum, np.std):
        found, wanted = function(tensor(integers)), function(integers)
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(found.data, wanted)
    assert np.sum(tensor(integers > 2)).dtype == np.int64


@pytest.mark.parametrize("shape", [(300, 5), (5, 300), (20, 30, 4), (1, 400), (400, 1), (0, 4)])
@pytest.mark.parametrize("axis", [0, 1, -1, None, (0, 1)])
def test_sums_by_products_are_numpys(shape, axis):
    x = RNG.normal(size=shape).astype(np.float32)
    for keepdims in (False, True):
        found = reduction.sum(x, axis, keepdims).data
        wanted = x.sum(axis=axis, keepdims=keepdims)
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


def test_an_empty_mean_is_nan_without_a_warning():
    assert np.isnan(reduction.mean(np.zeros((0,), np.float32)).item())
    assert reduction.sum(np.zeros((0, 2))).item() == 0
    assert reduction.mean(np.full(70000, 1.0, np.float16)).item() == 1


def test_makers_have_numpys_values_and_our_dtypes():
    assert creation.zeros((2, 3)).dtype == np.float32
    assert creation.ones(2, dtype=np.int64).data.tolist() == [1, 1]
    assert creation.full((1,), True).dtype == np.bool_
    assert creation.full((1,), np.float64(2)).dtype == np.float64
    assert creation.arange(2, 6, 2).data.tolist() == [2, 4]
    assert creation.arange(0, 1, 0.5).dtype == np.float32
    np.testing.assert_array_equal(creation.eye(2, 3, 1).data, np.eye(2, 3, 1))
    np.testing.assert_allclose(creation.linspace(0, 1, 5).data, np.linspace(0, 1, 5))
    with pytest.raises(ShapeError, match="-1"):
        creation.zeros((-1,))


def test_filled_like_a_tensor_of_named_extents():
    def f(x):
        y = np.zeros_like(x)
        y[0] = x[1]
        return y + np.ones_like(x) + np.full_like(x, x[0, 0])

    graph = capture(f, spec("N", 2))
    for size in (2, 5):
        x = RNG.normal(size=(size, 2)).astype(np.float32)
        (y,) = graph.run([x]).values()
        wanted = np.zeros_like(x)
        wanted[0] = x[1]
        np.testing.assert_allclose(y, wanted + 1 + x[0, 0])
    with pytest.raises(CaptureError, match=r"lg\.zeros_like"):
        capture(lambda x: creation.zeros(x.shape) + x, spec("N"))


def test_gradients_through_parts_of_a_split_that_are_not_used():
    x = tensor(X, requires_grad=True)
    first, _, _ = joining.split(x, [1, 3], axis=1)
    (first * 2).sum().backward()
    wanted = np.zeros_like(X)
    wanted[:, 0] = 2
    np.testing.assert_array_equal(x.grad, wanted)
    graph = capture(lambda x: joining.split(x, 2)[0] * 2, spec("N", 2)).gradient()
    found = graph.run([np.ones((6, 2), np.float32), np.ones((3, 2), np.float32)])
    np.testing.assert_array_equal(found["grad/x"], np.repeat([[2.0], [0.0]], 3, axis=0) * np.ones((1, 2)))


def test_a_list_of_tensors_joins_with_weak_numbers():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = joining.stack([x[0], 3.0, x[1]])
    assert y.dtype == np.float32
    y.backward(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(x.grad, [1, 3])


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: reduction.sum(X, axis=2), ShapeError, "axis 2"),
        (lambda: reduction.sum(X, axis="rows"), ShapeError, "'rows'"),
        (lambda: reduction.argmax(X, axis=(0, 1)), ShapeError, "one axis"),
        (lambda: joining.concatenate([]), ShapeError, "empty list"),
        (lambda: joining.stack([]), ShapeError, "empty list"),
        (lambda: joining.split(X, 2), ShapeError, "2 equal parts"),
        (lambda: padding.pad(X, (1, 2, 3)), ShapeError, "(1, 2, 3)"),
        (lambda: tiling.repeat(X, [1, 2], axis=0), ShapeError, "3 entries"),
        (lambda: diagonal.diag(B), ShapeError, "rank 3"),
        (lambda: einsum.einsum("ij,jk", X), ShapeError, "2 terms for 1"),
        (lambda: einsum.einsum(X, "ij"), ShapeError, "no equation"),
        (lambda: einsum.tensordot(X, W, axes=([0], [0, 1])), ShapeError, "[0] and [0, 1]"),
        (lambda: norms.norm(X, 3), ShapeError, "the norm 3 of matrices"),
        (lambda: norms.norm(X, "fro", axis=0), ShapeError, "'fro'"),
        (lambda: norms.norm(B, 1, axis=(0, 1, 2)), ShapeError, "3 axes"),
    ],
)
def test_what_does_not_fit_is_refused(act, error, text):
    with pytest.raises(error) as caught:
        act()
    assert text in str(caught.value)
    assert "{0}" not in str(caught.value)


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_the_gradient_of_a_product_with_zeros(zeros):
    x = np.array([0.5, -2.0, 3.0, 1.5])
    x[:zeros] = 0
    t = tensor(x, requires_grad=True)
    running.prod(t).backward()
    np.testing.assert_allclose(t.grad, [np.prod(np.delete(x, place)) for place in range(4)])
    check_gradients(running.prod, x, order=2)
    check_gradients(running.cumprod, x, order=2)


def test_a_long_recurrence_takes_few_rounds():
    x = np.full(5000, 1.0001)
    t = tensor(x, requires_grad=True)
    running.cumprod(t)[-1].backward()
    np.testing.assert_allclose(t.grad, 1.0001**4999)
