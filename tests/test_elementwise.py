"""What rows of one kind do not say of the elementwise families: functions, operators, NumPy's names, large arrays."""

import operator

import numpy as np
import pytest
import scipy.special

import localgrad as lg
from localgrad.nodes import structure
from localgrad.nodes.choosing import choose


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.float16])
def test_choosing_by_bits_is_numpys_where(dtype):
    generator = np.random.default_rng(0)
    condition = generator.random((100, 60)) < 0.5
    a, b = (
        (generator.normal(size=condition.shape) * 10).astype(dtype),
        generator.integers(0, 9, (100, 60)).astype(dtype),
    )
    if np.dtype(dtype).kind == "f":
        a[0, :5] = [np.inf, -np.inf, np.nan, 0.0, -0.0]
    for left, right in [(a, b), (a, 0), (0, b), (a, -1), (2, b), (a, b.T.copy().T), (a, b[0])]:
        found = choose(condition, left, right)
        wanted = np.where(condition, left, right)
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()
    if np.dtype(dtype).kind == "f":
        for left, right in [(a, 0.0), (a, -0.0), (0.0, b), (np.nan, b), (a, np.inf)]:
            assert choose(condition, left, right).tobytes() == np.where(condition, left, right).tobytes()


def test_large_arrays_are_as_small_ones():
    x = np.random.default_rng(1).normal(size=(70, 80)).astype(np.float32) * 5
    for f in (lg.relu, lg.elu, lg.leaky_relu, lg.sigmoid, lg.gelu, lg.hard_swish, lambda x: lg.where(x > 1, x, -1.0)):
        whole, parts = lg.tensor(x, requires_grad=True), lg.tensor(x, requires_grad=True)
        f(whole).sum().backward()
        for row in range(70):
            lg.sum(f(parts[row])).backward(accumulate=True)
        np.testing.assert_allclose(f(whole).data, np.stack([f(row).data for row in x]), rtol=1e-6)
        np.testing.assert_allclose(whole.grad, parts.grad, rtol=1e-5, atol=1e-7)


def test_sigmoid_keeps_its_relative_accuracy_in_the_tail():
    x = np.array([-80.0, -60.0, -20.0, 0.5, 30.0], np.float32)
    np.testing.assert_allclose(lg.sigmoid(x).data, scipy.special.expit(x.astype(np.float64)), rtol=1e-6)
    with np.errstate(all="raise", under="ignore"):  # on plain arrays too
        lg.kinds()["Sigmoid"]()(np.array([-1000.0, 1000.0], np.float32))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_polygamma_is_the_derivative_of_the_order_before(order):
    x = np.array([-3.3, -1.5, -0.4, 0.2, 0.7, 1.4616, 5.0, 40.0])
    step = 1e-3
    lower = [lg.polygamma(order - 1, x + k * step).data for k in (-2, -1, 1, 2)]
    slope = (8 * (lower[2] - lower[1]) - (lower[3] - lower[0])) / (12 * step)
    np.testing.assert_allclose(lg.polygamma(order, x).data, slope, rtol=1e-5)
    positive = x[x > 0]
    np.testing.assert_allclose(lg.polygamma(order, positive).data, scipy.special.polygamma(order, positive), rtol=1e-12)


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip


@pytest.mark.parametrize("operate", OPERATORS, ids=lambda each: each.__name__)
def test_operators_are_numpys_and_numbers_are_weak(operate):
    a, b = np.array([1.5, 2.0, 3.0], np.float32), np.array([2.0, 2.0, 0.5], np.float32)
    for left, right in [(a, b), (a, 2), (a, 0.5), (3, b), (1.5, b)]:
        wanted = operate(left, right)
        lifted = (
            lg.tensor(left) if isinstance(left, np.ndarray) else left,
            lg.tensor(right) if isinstance(right, np.ndarray) else right,
        )
        found = operate(*lifted)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found.data, wanted)


def test_logic_operators():
    p, q = np.array([True, True, False]), np.array([True, False, False])
    x, y = lg.tensor(p), lg.tensor(q)
    for found, wanted in [(x & y, p & q), (x | y, p | q), (x ^ y, p ^ q), (~x, ~p), (x & True, p), (False | y, q)]:
        np.testing.assert_array_equal(found.data, wanted)
    np.testing.assert_array_equal((lg.tensor([6, 5]) & 3).data, [2, 1])
    with pytest.raises(lg.DTypeError, match="compare them first"):
        _ = lg.tensor([1.0]) & True
    np.testing.assert_array_equal(lg.logical_and([2.0, 0.0], [1, 1]).data, [True, False])
    np.testing.assert_array_equal(lg.logical_not(lg.tensor([2.0, 0.0])).data, [False, True])


UFUNCS = [
    "add", "subtract", "multiply", "divide", "negative", "power", "floor_divide", "remainder", "exp", "exp2", "expm1",
    "log", "log1p", "log2", "log10", "sqrt", "square", "positive", "logaddexp", "sin", "cos", "tan", "arcsin", "arccos",
    "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "absolute", "fabs", "sign", "floor", "ceil",
    "rint", "isnan", "isinf", "isfinite", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
    "logical_and", "logical_or", "logical_xor", "logical_not", "maximum", "minimum",
]  # fmt: skip


@pytest.mark.parametrize("name", UFUNCS)
def test_numpys_ufuncs_record(name):
    ufunc = getattr(np, name)
    arrays = [np.array([0.3, 0.6], np.float32), np.array([0.5, 0.25], np.float32)][: ufunc.nin]
    found = ufunc(*map(lg.tensor, arrays))
    assert isinstance(found, lg.Tensor)
    wanted = ufunc(*arrays)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found.data, wanted, rtol=1e-6)


def test_numpys_functions_record():
    x = np.arange(6.0).reshape(1, 2, 3)
    t = lg.tensor(x)
    pairs = [
        (np.where(t > 2, t, 0.0), np.where(x > 2, x, 0.0)),
        (np.clip(t, 1.0, 4.0), np.clip(x, 1.0, 4.0)),
        (np.clip(t, None, lg.tensor(x * 0 + 2)), np.minimum(x, 2)),
        (np.round(t / 7, 2), np.round(x / 7, 2)),
        (np.reshape(t, (2, -1)), x.reshape(2, -1)),
        (np.ravel(t), x.ravel()),
        (np.transpose(t), x.T),
        (np.transpose(t, (1, 0, 2)), x.transpose(1, 0, 2)),
        (np.swapaxes(t, 0, -1), x.swapaxes(0, -1)),
        (np.moveaxis(t, 0, -1), np.moveaxis(x, 0, -1)),
        (np.moveaxis(t, (0, 1), (-1, 0)), np.moveaxis(x, (0, 1), (-1, 0))),
        (np.squeeze(t), x[0]),
        (np.squeeze(t, 0), x[0]),
        (np.expand_dims(t, -1), x[..., None]),
        (np.broadcast_to(t, (4, 2, 3)), np.broadcast_to(x, (4, 2, 3))),
        (np.dot(t, np.ones(3)), x @ np.ones(3)),
        (np.dot(t, 2.0), x * 2),
        (np.matmul(t, np.ones((3, 2))), x @ np.ones((3, 2))),
    ]
    for found, wanted in pairs:
        assert isinstance(found, lg.Tensor)
        np.testing.assert_allclose(found.data, wanted)
    assert np.shape(t) == (1, 2, 3)
    assert np.size(t) == 6


def test_where_brings_both_to_one_dtype_and_keeps_the_gradient_exact():
    a, b = lg.tensor(np.float16([1, 2]), requires_grad=True), lg.tensor(np.float32([3, 4]))
    y = lg.where([True, False], a, b)
    assert y.dtype == np.float32
    y.sum().backward()
    assert a.grad.dtype == np.float16
    x = lg.tensor([-1.0, 0.0, 4.0], requires_grad=True)
    lg.where(x > 0, lg.log(x) / lg.sqrt(x), 0.0).sum().backward()
    assert list(x.grad[:2]) == [0.0, 0.0]
    assert lg.where([1.0, 0.0], 1.0, 0.0).data.tolist() == [1.0, 0.0]


def test_powers_and_division_by_numbers_take_no_long_way():
    x = lg.tensor([1.0, 2.0], requires_grad=True)
    graph = lg.capture(lambda x: (x**2).sum(), lg.spec(2)).gradient()
    assert "Log" not in [node.kind.name for node in graph.nodes]
    assert "Pow" not in [node.kind.name for node in graph.nodes[1:]]
    (x / 0).sum().backward()
    assert np.isinf(x.grad).all()


def test_structure_functions():
    x = lg.tensor([1.5, -2.5], requires_grad=True)
    a, b, c = structure.branch(x, 3)
    (a * b * structure.stop_gradient(c)).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data**2)
    assert structure.cast(x, np.float32) is x
    assert structure.cast(x, "float64").dtype == np.float64
    with pytest.raises(lg.DTypeError, match="complex"):
        structure.cast(x, complex)
    assert structure.size(x) == 2


def test_a_named_extent_is_never_taken_for_one():
    from localgrad.nodes.shaping import flatten, squeeze

    graph = lg.capture(squeeze, lg.spec("N", 1, 3))
    assert graph.run([np.zeros((1, 1, 3), np.float32)])[graph.outputs[0].name].shape == (1, 3)
    graph = lg.capture(lambda x: flatten(x, 1), lg.spec("N", 2, 3))
    assert graph.run([np.zeros((0, 2, 3), np.float32)])[graph.outputs[0].name].shape == (0, 6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("operation", [operator.truediv, operator.pow, operator.mul, operator.sub])
def test_both_of_two_computed_numbers_get_their_gradients(operation, dtype):
    a, b = lg.tensor(dtype(1.5), requires_grad=True), lg.tensor(dtype(0.5), requires_grad=True)
    operation(a + 1, b + 1).backward()  # a computed number is a NumPy scalar, of which float64 is a Python float too
    wanted = lg.grad(lambda p: operation(p[:1] + 1, p[1:] + 1).sum())(np.array([1.5, 0.5]))
    np.testing.assert_allclose([a.grad, b.grad], wanted, rtol=1e-6)
