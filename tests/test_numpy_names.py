"""Functions with NumPy's names that are compositions: NumPy's values, recorded when NumPy calls them, right gradients."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special

import localgrad as lg

X = np.random.default_rng(5).normal(size=(4, 6, 2))
Y = np.random.default_rng(6).normal(size=(4, 6, 2))
HOLES = np.where(X > 1.0, np.nan, X)
SHARES = 1 / (1 + np.exp(-X))

NAMED = {
    "append": (np.append, X, Y, 1),
    "atleast_1d": (np.atleast_1d, np.float64(2.0)),
    "atleast_2d": (np.atleast_2d, X[0, :, 0]),
    "atleast_3d of a vector": (np.atleast_3d, X[0, :, 0]),
    "atleast_3d of a matrix": (np.atleast_3d, X[0]),
    "broadcast_arrays": (np.broadcast_arrays, X, Y[:, :1]),
    "copysign": (np.copysign, X, Y),
    "deg2rad": (np.deg2rad, X),
    "degrees": (np.degrees, X),
    "diagflat": (np.diagflat, X[0], 1),
    "diff": (lambda x, y: np.diff(x, axis=1, prepend=0.0, append=y[:, :2]), X, Y),
    "diff twice": (lambda x, y: np.diff(x, 2, 0, prepend=y), X, Y),
    "dsplit": (np.dsplit, X, 2),
    "dstack": (lambda *xs: np.dstack(xs), X[0], Y[0]),
    "fliplr": (np.fliplr, X),
    "flipud": (np.flipud, X),
    "fmax": (np.fmax, HOLES, Y),
    "fmin": (np.fmin, HOLES, Y),
    "fmod": (np.fmod, X, Y),
    "hsplit": (np.hsplit, X, [1, 4]),
    "hypot": (np.hypot, X, Y),
    "i0": (np.i0, X),
    "ldexp": (lambda x: np.ldexp(x, np.array([3, -1])), X),
    "logaddexp2": (np.logaddexp2, X, Y),
    "mT": (lambda x: x.mT, X),
    "meshgrid": (np.meshgrid, X[0, :, 0], Y[:3, 0, 0]),
    "meshgrid of rows": (lambda *xs: np.meshgrid(*xs, indexing="ij"), X[0, :, 0], Y[:3, 0, 0], Y[:2, 0, 0]),
    "nan_to_num": (lambda x: np.nan_to_num(x, nan=7.0), HOLES),
    "nanmean": (lambda x: np.nanmean(x, 1), HOLES),
    "nansum": (lambda x: np.nansum(x, (0, 2), keepdims=True), HOLES),
    "ptp": (lambda x: np.ptp(x, 1), X),
    "rad2deg": (np.rad2deg, X),
    **{f"rot90 {k}": (lambda x, k=k: np.rot90(x, k, (0, 2)), X) for k in range(-1, 4)},
    "sinc": (np.sinc, X),
    "trapezoid": (np.trapezoid, X, None, 0.5, 1),
    "trapezoid at places": (lambda y, x: np.trapezoid(y, x, axis=1), X, Y[0, :, 0]),
    "trunc": (np.trunc, 3 * X),
    "unstack": (lambda x: np.unstack(x, axis=1), X),
    "vsplit": (np.vsplit, X, 2),
}
OURS = {
    "block_diag": (lg.block_diag, scipy.linalg.block_diag, X[0], Y[:2, :, 1], X[0, 0]),
    "cummax": (lambda x: lg.cummax(x, 1)[0], lambda x: np.maximum.accumulate(x, 1), X),
    "cummin": (lambda x: lg.cummin(x)[0], lambda x: np.minimum.accumulate(x, -1), X),
    "cumulative_trapezoid": (
        lambda y, x: lg.cumulative_trapezoid(y, x, axis=1),
        lambda y, x: scipy.integrate.cumulative_trapezoid(y, x, axis=1),
        X,
        Y,
    ),
    "frac": (lg.frac, lambda x: x - np.trunc(x), 3 * X),
    "hard_tanh": (lg.hard_tanh, lambda x: np.clip(x, -1, 1), X),
    "lerp": (lambda a, b: lg.lerp(a, b, SHARES), lambda a, b: a + SHARES * (b - a), X, Y),
    "logcumsumexp": (lambda x: lg.logcumsumexp(x, 1), lambda x: np.logaddexp.accumulate(x, 1), X),
    "logit": (lg.logit, scipy.special.logit, SHARES),
    "xlogy": (lg.xlogy, scipy.special.xlogy, X, SHARES),
    "softmin": (lambda x: lg.softmin(x, 1), lambda x: scipy.special.softmax(-x, 1), X),
    "threshold": (lambda x: lg.threshold(x, 0.3, 2.0), lambda x: np.where(x > 0.3, x, 2.0), X),
    "tanh_shrink": (lg.tanh_shrink, lambda x: x - np.tanh(x), X),
    "relu6": (lg.relu6, lambda x: np.clip(x, 0, 6), 9 * X),
    "glu": (lambda x: lg.glu(x, 1), lambda x: x[:, :3] / (1 + np.exp(-x[:, 3:])), X),
    "normalize": (lambda x: lg.normalize(x, axis=1), lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), X),
    "pairwise_distance": (lg.pairwise_distance, lambda a, b: np.linalg.norm(a - b + 1e-6, axis=-1), X, Y),
    "cdist": (lg.cdist, lambda a, b: np.linalg.norm(a[:, :, None] - b[:, None], axis=-1), X, Y[:, :3]),
    "bilinear": (
        lg.bilinear,
        lambda a, b, w: np.einsum("bi,kij,bj->bk", a, w, b),
        X[0],
        Y[0],
        np.arange(12.0).reshape(3, 2, 2),
    ),
    "channel_shuffle": (
        lambda x: lg.channel_shuffle(x, 3),
        lambda x: x.reshape(4, 3, 2, 2).swapaxes(1, 2).reshape(4, 6, 2),
        X,
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_numpy_called_on_tensors_records_what_numpy_gives(name: str) -> None:
    function, *arguments = NAMED[name]
    compare(function, function, arguments)


@pytest.mark.parametrize("name", OURS)
def test_values_and_gradients(name: str) -> None:
    ours, reference, *arguments = OURS[name]
    compare(ours, reference, arguments)


def compare(ours, reference, arguments) -> None:
    given = [lg.tensor(x, requires_grad=True) if isinstance(x, (np.ndarray, np.generic)) else x for x in arguments]
    made, expected = ours(*given), reference(*arguments)
    several = isinstance(made, (tuple, list))
    for y, value in zip(made if several else [made], expected if several else [expected], strict=True):
        assert isinstance(y, lg.Tensor)
        np.testing.assert_allclose(y.numpy(), value, rtol=1e-12, atol=1e-14)
    tensors = [x for x in given if isinstance(x, lg.Tensor)]
    if any(np.isnan(x.numpy()).any() for x in tensors):
        return  # differences know nothing of NaN

    def loss(*xs):
        rest = iter(xs)
        outcome = ours(*(next(rest) if isinstance(x, lg.Tensor) else x for x in given))
        return sum(lg.sum(lg.sin(y)) for y in (outcome if isinstance(outcome, (tuple, list)) else [outcome]))

    lg.check_gradients(loss, *(x.numpy() for x in tensors))


@pytest.mark.parametrize("function", [lg.fmax, lg.fmin])
def test_a_nan_beside_a_number_gets_no_gradient(function) -> None:
    a, b = lg.tensor([np.nan, 1.0], requires_grad=True), lg.tensor([1.0, np.nan], requires_grad=True)
    function(a, b).sum().backward()
    np.testing.assert_array_equal(a.grad, [0.0, 1.0])
    np.testing.assert_array_equal(b.grad, [1.0, 0.0])


def test_nan_is_left_out_of_a_sum_and_its_gradient() -> None:
    x = lg.tensor([1.0, np.nan, 3.0], requires_grad=True)
    lg.nanmean(x).backward()
    np.testing.assert_array_equal(x.grad, np.array([0.5, 0.0, 0.5], np.float32))


def test_questions() -> None:
    x = np.array([np.inf, -np.inf, np.nan, -0.0, 1.0])
    t = lg.tensor(x)
    np.testing.assert_array_equal(np.isposinf(t).numpy(), np.isposinf(x))
    np.testing.assert_array_equal(np.isneginf(t).numpy(), np.isneginf(x))
    np.testing.assert_array_equal(np.signbit(t).numpy(), np.signbit(x))
    np.testing.assert_array_equal(np.heaviside(t, 0.25).numpy(), np.heaviside(x, 0.25))
    for equal_nan in (False, True):
        near = x + np.array([0, 0, 0, 1e-9, 1e-4])
        np.testing.assert_array_equal(
            np.isclose(t, lg.tensor(near), equal_nan=equal_nan).numpy(), np.isclose(x, near, equal_nan=equal_nan)
        )
    assert not bool(lg.allclose(t, t))
    assert bool(lg.allclose(t, t, equal_nan=True))


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: lg.glu(np.ones(3)), "an odd length"),
        (lambda: lg.vsplit(np.ones(3), 3), "rank 2 or more"),
        (lambda: lg.meshgrid([1.0], indexing="yx"), "neither 'xy' nor 'ij'"),
        (lambda: lg.block_diag(np.ones((1, 1, 1))), "give matrices"),
        (lambda: lg.channel_shuffle(np.ones((1, 4, 2)), 3), "4 channels"),
        (lambda: lg.local_response_normalization(np.ones((1, 4)), 2), "(batch, channels, *extents)"),
    ],
)
def test_what_is_refused_says_why(call, part: str) -> None:
    with pytest.raises(lg.ShapeError) as raised:
        call()
    assert part in str(raised.value)
