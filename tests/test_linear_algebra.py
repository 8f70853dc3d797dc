"""Linear algebra by NumPy's names: NumPy's results, gradients to second order, and what happens where none exist."""

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import CaptureError, LinearAlgebraError, MissingRuleError, ShapeError
from tests.cases_linear_algebra import definite, regular, separate

RNG = np.random.default_rng(0)
X = regular(3, 3).draw(RNG, (3, 3))
STACK = regular(2, 3, 3).draw(RNG, (2, 3, 3))
TALL = separate(4, 3).draw(RNG, (4, 3))
POSITIVE = definite(2, 3, 3).draw(RNG, (2, 3, 3))
POSITIVE = (POSITIVE + POSITIVE.swapaxes(-1, -2)) / 2
B = RNG.normal(size=(3, 2))


def like(array, x):
    return array.astype(x.dtype)


CALLS = {
    "inv": (lambda np, x: np.linalg.inv(x), STACK),
    "solve": (lambda np, x: np.linalg.solve(x, like(B, x)), X),
    "solve a vector": (lambda np, x: np.linalg.solve(x, x[0, :, 0]), STACK),
    "cholesky": (lambda np, x: np.linalg.cholesky(x), POSITIVE),
    "cholesky upper": (lambda np, x: np.linalg.cholesky(x, upper=True), POSITIVE),
    "det": (lambda np, x: np.linalg.det(x), STACK),
    "slogdet": (lambda np, x: np.linalg.slogdet(x).logabsdet, STACK),
    "pinv": (lambda np, x: np.linalg.pinv(x), TALL),
    "eigvalsh": (lambda np, x: np.linalg.eigvalsh(x), POSITIVE),
    "eigh": (lambda np, x: np.linalg.eigh(x).eigenvectors ** 2, POSITIVE),
    "qr": (lambda np, x: np.linalg.qr(x).Q * np.linalg.qr(x, mode="r").sum(), TALL),
    "svd": (lambda np, x: np.linalg.svd(x, full_matrices=False).U ** 2, TALL),
    "singular values": (lambda np, x: np.linalg.svd(x, compute_uv=False) + np.linalg.svdvals(x), TALL),
    "singular values of all": (lambda np, x: np.linalg.svd(x).S, TALL),
    "matrix_power": (lambda np, x: np.linalg.matrix_power(x, 5), X),
    "matrix_power -3": (lambda np, x: np.linalg.matrix_power(x, -3), STACK),
    "matrix_power 1": (lambda np, x: np.linalg.matrix_power(x, 1), STACK),
    "cond": (lambda np, x: np.linalg.cond(x) + np.linalg.cond(x, 1) * np.linalg.cond(x, -2), STACK),
    "multi_dot": (lambda np, x: np.linalg.multi_dot([x[:, 0], x, x.T, like(TALL, x), x[0]]), TALL),
    "vector_norm": (lambda np, x: np.linalg.vector_norm(x, axis=(0, 2), ord=3, keepdims=True), STACK),
    "vector_norm of all": (lambda np, x: np.linalg.vector_norm(x) * np.linalg.vector_norm(x, ord=np.inf), STACK),
    "matrix_norm": (lambda np, x: np.linalg.matrix_norm(x) + np.linalg.matrix_norm(x, ord=2), STACK),
    "matrix_norm nuc": (lambda np, x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), STACK),
    "norm of matrices": (lambda np, x: np.linalg.norm(x, ord=-2, axis=(2, 0), keepdims=True), STACK),
    "norm 0.5": (lambda np, x: np.linalg.norm(x, 0.5, axis=1), X),
    "linalg.trace": (lambda np, x: np.linalg.trace(x, offset=1), STACK),
    "linalg.diagonal": (lambda np, x: np.linalg.diagonal(x, offset=-1), STACK),
    "linalg.matmul": (lambda np, x: np.linalg.matmul(x, x), STACK),
    "linalg.outer": (lambda np, x: np.linalg.outer(x[0], x[1]), X),
    "linalg.tensordot": (lambda np, x: np.linalg.tensordot(x, x, axes=1), X),
    "linalg.cross": (lambda np, x: np.linalg.cross(x, x[::-1]), X),
    "cross": (lambda np, x: np.cross(x, like(B[:, 0], x)), X),
    "kron": (lambda np, x: np.kron(x, x[:2]), X),
    "vecdot": (lambda np, x: np.vecdot(x, x[0]) + np.linalg.vecdot(x, x, axis=1), X),
    "tensorinv": (lambda np, x: np.linalg.tensorinv(x[..., None, None].reshape(3, 3, 1), ind=1), X),
    "tensorsolve": (lambda np, x: np.linalg.tensorsolve(x.reshape(3, 1, 3), like(B[:, :1], x)), X),
    "lstsq": (lambda np, x: np.linalg.lstsq(x, like(B[[0, 1, 2, 0]], x), rcond=None)[0], TALL),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpys_function_on_a_tensor_gives_numpys_result_and_a_gradient(name):
    call, x = CALLS[name]
    y = call(np, lg.tensor(x, requires_grad=True))
    assert isinstance(y, lg.Tensor)
    np.testing.assert_allclose(y.data, call(np, x), rtol=1e-10, atol=1e-12)
    lg.check_gradients(lambda x: call(np, x), x, order=2)
    single = lg.tensor(x.astype(np.float32), requires_grad=True)
    y = call(np, single)
    y.sum().backward()
    assert (y.dtype, single.grad.dtype) == (np.float32, np.float32)


def test_integers_give_float64_and_half_precision_stays():
    whole = lg.tensor([[2, 1], [1, 1]])
    assert lg.linalg.inv(whole).dtype == lg.linalg.norm(whole, 3, axis=0).dtype == np.float64
    half = lg.tensor(np.array([[2.0, 1.0], [1.0, 1.0]], np.float16), requires_grad=True)
    for f in (lg.linalg.inv, lg.linalg.det, lg.linalg.cholesky, lg.linalg.svdvals, lambda x: lg.linalg.solve(x, x)):
        y = f(half)
        y.sum().backward()
        assert (y.dtype, half.grad.dtype) == (np.float16, np.float16)


def test_functions_without_a_gradient():
    x = lg.tensor(np.stack([X, np.ones((3, 3))]), requires_grad=True)
    rank = np.linalg.matrix_rank(x)
    assert rank.data.tolist() == [3, 1] and not rank.requires_grad
    assert not lg.linalg.slogdet(x).sign.requires_grad or lg.gradients(lg.linalg.slogdet(x).sign.sum(), [x]) == [None]
    np.testing.assert_array_equal(lg.linalg.matrix_power(x, 0).data, np.stack([np.eye(3)] * 2))


@pytest.mark.parametrize("size", [1, 31, 33, 100])
@pytest.mark.parametrize("lower", [True, False])
def test_large_triangles_are_solved_in_halves(size, lower):
    x = RNG.normal(size=(2, size, size)) + 3 * np.sqrt(size) * np.eye(size)
    b = RNG.normal(size=(size, 3))
    found = lg.linalg.solve_triangular(x, b, lower=lower)
    np.testing.assert_allclose(found.data, np.linalg.solve(np.tril(x) if lower else np.triu(x), b), rtol=1e-9)


def test_the_other_triangle_is_not_read():
    x = np.array([[2.0, np.nan], [1.0, 4.0]])
    b = np.array([2.0, 5.0])
    x = lg.tensor(x, requires_grad=True)
    y = lg.linalg.solve_triangular(x, b, lower=True)
    y.sum().backward()
    assert y.tolist() == [1.0, 1.0]
    assert x.grad[0, 1] == 0 and np.isfinite(x.grad).all()


# where derivatives are at an edge -------------------------------------------------------------------------------------
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_the_gradients_of_a_determinant_are_right_for_singular_matrices(rank):
    u, _, v = np.linalg.svd(RNG.normal(size=(4, 4)))
    x = (u * np.where(np.arange(4) < rank, 1.5 + np.arange(4), 0.0)) @ v
    lg.check_gradients(lg.linalg.det, x, order=2)


def test_a_singular_matrix_in_a_stack_leaves_the_others_alone():
    x = lg.tensor(np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]]]), requires_grad=True)
    sign, size = lg.linalg.slogdet(x)
    assert sign.data.tolist() == [0, -1] and size.data[0] == -np.inf
    lg.where(sign == 0, 0.0, size).sum().backward()
    np.testing.assert_allclose(x.grad, [np.zeros((2, 2)), np.linalg.inv([[1.0, 2.0], [3.0, 4.0]]).T])
    lg.linalg.slogdet(x).logabsdet.sum().backward()
    assert np.isnan(x.grad[0]).all() and np.isfinite(x.grad[1]).all()
    x = lg.tensor(np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]]]), requires_grad=True)
    lg.linalg.qr(x).R.sum().backward()
    assert np.isnan(x.grad[0]).any() and np.isfinite(x.grad[1]).all()


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 1.5, 0.5, np.inf, -np.inf])
def test_a_norm_of_zeros_has_the_gradient_zero(ord):
    x = lg.tensor(np.zeros(3), requires_grad=True)
    lg.norm(x, ord).backward()
    np.testing.assert_array_equal(x.grad, np.zeros(3))


def test_equal_eigenvalues_have_a_gradient_of_their_own():
    x = lg.tensor(np.eye(3), requires_grad=True)
    lg.linalg.eigvalsh(x).sum().backward()
    np.testing.assert_allclose(x.grad, np.eye(3))
    lg.linalg.norm(x, "nuc").backward()
    np.testing.assert_allclose(x.grad, np.eye(3))
    assert lg.linalg.norm(lg.zeros((2, 2)), "nuc").item() == 0


def test_products_of_no_matrices_and_of_none_in_a_stack():
    for shape in [(0, 0), (0, 2, 2), (2, 0, 0)]:
        x = lg.tensor(np.zeros(shape), requires_grad=True)
        for f in (lg.linalg.inv, lg.linalg.det, lg.linalg.cholesky, lg.linalg.svdvals, lg.linalg.eigvalsh):
            y = f(x)
            y.sum().backward()
            assert y.shape == np.shape(f(x.data).data) and x.grad.shape == shape


def test_named_extents_of_matrices():
    for f in (lg.linalg.inv, lg.linalg.det, lambda x: lg.linalg.slogdet(x).logabsdet, lambda x: lg.linalg.qr(x).R):
        graph = lg.capture(f, lg.spec("N", 3, 3, dtype=np.float64)).gradient()
        for count in (1, 4):
            x = regular(count, 3, 3).draw(RNG, (count, 3, 3))
            t = lg.tensor(x, requires_grad=True)
            y = f(t)
            y.sum().backward()
            found = graph.run([x, np.ones(y.shape)])
            np.testing.assert_allclose(found["grad/x"], t.grad)
    graph = lg.capture(lg.linalg.det, lg.spec("N", "N", dtype=np.float64)).gradient()
    for count in (1, 4):
        x = regular(count, count).draw(RNG, (count, count))
        found = graph.run([x])
        np.testing.assert_allclose(found["grad/x"], np.linalg.det(x) * np.linalg.inv(x).T)


# refusals -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("act", "error", "texts"),
    [
        (
            lambda: np.linalg.inv(lg.ones((2, 2))),
            LinearAlgebraError,
            ["it is singular", "rank 1 of 2", "lg.linalg.pinv"],
        ),
        (
            lambda: lg.linalg.solve(np.stack([[X, X], [X, 0 * X]]), B),
            LinearAlgebraError,
            ["matrix (1, 1) of the stack", "rank 0 of 3"],
        ),
        (lambda: lg.linalg.cholesky(-lg.eye(2)), LinearAlgebraError, ["not positive definite", "eigenvalue is -1"]),
        (lambda: lg.linalg.svd([[np.nan, 1.0]]), LinearAlgebraError, ["it holds NaN or infinity", "detect_nonfinite"]),
        (lambda: lg.linalg.qr(X, mode="complete"), ShapeError, ["'complete'", "'reduced'"]),
        (lambda: lg.linalg.matrix_power(TALL, 2), ShapeError, ["(4, 3)", "not square"]),
        (lambda: lg.linalg.multi_dot([X]), ShapeError, ["(3, 3)", "two or more"]),
        (lambda: lg.linalg.multi_dot([X, B[0], X]), ShapeError, ["(3, 3), (2,), (3, 3)", "vectors"]),
        (lambda: lg.vecdot([1.0, 2.0], [1.0]), ShapeError, ["lengths 2 and 1"]),
        (lambda: lg.linalg.tensorinv(lg.ones((2, 3, 4)), ind=1), ShapeError, ["(2, 3, 4)", "ind"]),
        (lambda: lg.linalg.tensorsolve(lg.ones((2, 3)), lg.ones(2)), ShapeError, ["(2, 3) and (2,)"]),
        (lambda: lg.linalg.matrix_norm(X, ord=3), ShapeError, ["the norm 3", "'nuc'"]),
        (lambda: lg.linalg.vector_norm(X, ord="fro"), ShapeError, ["'fro'", "vectors"]),
        (lambda: np.linalg.eig(lg.eye(2)), MissingRuleError, ["np.linalg.eig"]),
    ],
)
def test_what_cannot_be_computed_is_said(act, error, texts):
    with pytest.raises(error) as caught:
        act()
    for text in texts:
        assert text in str(caught.value)
    assert "{0}" not in str(caught.value)


def test_a_singular_matrix_is_also_numpys_error():
    with pytest.raises(np.linalg.LinAlgError):
        lg.linalg.inv(lg.ones((2, 2)))
    with pytest.raises(LinearAlgebraError, match="Inv#1"):
        lg.capture(lg.linalg.inv, lg.spec(2, 2)).run([np.ones((2, 2), np.float32)])


def test_a_gradient_through_vectors_beyond_the_shorter_side_is_refused():
    u, s, vh = lg.linalg.svd(lg.tensor(TALL, requires_grad=True))
    assert (u.shape, s.shape, vh.shape) == ((4, 4), (3,), (3, 3))
    with pytest.raises(MissingRuleError, match="full_matrices=False"):
        u.sum().backward()


# sorting ------------------------------------------------------------------------------------------------------------
SORTING = {
    "sort": lambda np, x: np.sort(x) * np.sort(x, axis=0) + np.sort(x, axis=None)[0],
    "median": lambda np, x: np.median(x, axis=1) + np.median(x),
    "quantile": lambda np, x: np.quantile(x, [0.1, 0.5], axis=0, keepdims=True, method="midpoint"),
    "percentile": lambda np, x: np.percentile(x, 30),
    "take_along_axis": lambda np, x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
}


@pytest.mark.parametrize("name", SORTING)
def test_numpys_sorting_on_a_tensor_gives_numpys_result_and_a_gradient(name):
    call, x = SORTING[name], RNG.permutation(12).reshape(4, 3) / 3
    y = call(np, lg.tensor(x, requires_grad=True))
    np.testing.assert_allclose(y.data, call(np, x), rtol=1e-12)
    lg.check_gradients(lambda x: call(np, x), x, order=2)
    assert call(np, lg.tensor(x.astype(np.float32))).dtype == np.float32


def test_sorting_without_a_gradient_is_numpys():
    x = RNG.integers(0, 5, (4, 6)).astype(np.float64)
    t = lg.tensor(x, requires_grad=True)
    pairs = [
        (np.argsort(t, axis=0), np.argsort(x, axis=0, kind="stable")),
        (np.searchsorted(np.sort(t[0]), t[1], side="right"), np.searchsorted(np.sort(x[0]), x[1], side="right")),
        (np.count_nonzero(t, axis=1), np.count_nonzero(x, axis=1)),
        (np.unique(t), np.unique(x)),
        *zip(np.unique(t, return_index=True, return_counts=True), np.unique(x, return_index=True, return_counts=True)),
        *zip(np.nonzero(t), np.nonzero(x)),
    ]
    for found, wanted in pairs:
        np.testing.assert_array_equal(found.data, wanted)
        assert found.dtype == wanted.dtype and not found.requires_grad
    for kth in (2, [1, -1]):
        parted, places = np.partition(t, kth), np.argpartition(t, kth)
        np.testing.assert_array_equal(parted.data[:, kth], np.partition(x, kth)[:, kth])
        np.testing.assert_array_equal(np.take_along_axis(x, places.data, -1), parted.data)


def test_writing_along_an_axis():
    x = RNG.normal(size=(3, 4))
    indices = np.array([[0, 1], [3, 3], [-1, 0]])
    wanted = x.copy()
    np.put_along_axis(wanted, indices, 7.0, 1)
    np.testing.assert_array_equal(lg.put_along_axis(x, indices, 7.0, 1).data, wanted)
    wanted = x.copy()
    np.put_along_axis(wanted, np.array([5, 0]), [1.0, 2.0], None)
    np.testing.assert_array_equal(lg.put_along_axis(x, [5, 0], np.array([1.0, 2.0]), None).data, wanted)
    t = lg.tensor(x, requires_grad=True)
    lg.check_gradients(lambda x, v: lg.add_along_axis(x, indices, v, 1) ** 2, x, RNG.normal(size=(3, 1)), order=2)
    lg.put_along_axis(t, indices, 7.0, 1).sum().backward()
    assert t.grad.tolist() == [[0, 0, 1, 1], [1, 1, 1, 0], [0, 1, 1, 0]]
    with pytest.raises(MissingRuleError, match=r"lg\.put_along_axis"):
        np.put_along_axis(t, indices, 7.0, 1)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: lg.capture(lg.unique, lg.spec(3)), CaptureError, "lg.sort"),
        (lambda: lg.capture(lambda x: np.nonzero(x), lg.spec(3)), CaptureError, "lg.where"),
        (lambda: lg.nonzero(3.0), ShapeError, "rank 0"),
        (lambda: lg.partition([1.0, 2.0], 2), ShapeError, "its length is 2"),
        (lambda: lg.quantile([1.0], [[0.5]]), ShapeError, "rank 2"),
        (lambda: lg.percentile([1.0], [50, 101]), lg.DataError, "1.01"),
        (lambda: lg.topk([1.0], 2), ShapeError, "2 largest"),
        (lambda: lg.topk([1.0], 1.0), ShapeError, "give k as an int"),
        (lambda: lg.topk([1.0], 1, axis=None), ShapeError, "along axis None"),
    ],
)
def test_what_does_not_fit_is_refused(act, error, text):
    with pytest.raises(error) as caught:
        act()
    assert text in str(caught.value)


def test_the_largest_along_a_named_extent():
    graph = lg.capture(
        lambda x: lg.topk(x, 2, axis=0)[0].sum() + lg.median(x), lg.spec("N", dtype=np.float64)
    ).gradient()
    assert graph.run([np.array([1.0, 5.0, 3.0])])["grad/x"].tolist() == [0, 1, 2]
    assert graph.run([np.array([1.0, 5.0, 3.0, 2.0])])["grad/x"].tolist() == [0, 1, 1.5, 0.5]
    with pytest.raises(ShapeError, match="its length is 1"):
        graph.run([np.array([1.0])])
