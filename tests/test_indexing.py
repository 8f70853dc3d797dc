"""`x[index]` and `x[index] = value` as in NumPy, with gradients, for indices of every form."""

import numpy as np
import pytest

from localgrad.graph.capturing import capture
from localgrad.graph.errors import CaptureError, DTypeError, GradientError, IndexRangeError, ShapeError
from localgrad.graph.spec import Symbol, spec
from localgrad.graph.tensor import parameter, tensor
from localgrad.nodes import functions as lg
from localgrad.nodes.gathering import add_rows

X = np.random.default_rng(1).normal(size=(3, 4, 5))
PICKS = np.array([[0, 2], [-1, 1]])
FLAT = np.array([0, 2, 0])
MASK = np.arange(12).reshape(3, 4) % 3 == 0
INDICES = [
    0,
    -1,
    np.int32(2),
    slice(None),
    slice(-2, None),
    slice(None, None, -1),
    (0, 1, 2),
    (0, slice(1, 3)),
    (Ellipsis, 0),
    (slice(None), None, 1),
    None,
    (),
    Ellipsis,
    (0, Ellipsis, 0),
    FLAT,
    [0, 2],
    [],
    range(2),
    PICKS,
    np.uint8([1, 2]),
    (slice(None), FLAT),
    (slice(1, 3), FLAT),
    (Ellipsis, FLAT),
    (FLAT, FLAT),
    (FLAT, slice(None), FLAT),
    (0, slice(None), FLAT),
    (slice(None), 0, FLAT),
    (slice(None), FLAT, 0),
    (FLAT, 0),
    (slice(None), FLAT, None, FLAT),
    (slice(None), FLAT, Ellipsis, FLAT),
    (PICKS, FLAT[:2], slice(None, None, 2)),
    (np.arange(3)[:, None], np.arange(2), -1),
    (slice(None), PICKS, slice(None, None, -2)),
    MASK,
    (MASK, 0),
    (MASK, FLAT[:1]),
    (slice(None), np.array([True, False, True, True])),
    (1, np.array([True, False, True, True]), slice(1, 3)),
    [True, False, True],
    MASK & False,
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_index_picks_what_numpy_picks_and_its_gradient_comes_back(index):
    x = tensor(X, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, X[index])
    weights = np.random.default_rng(2).normal(size=y.shape)
    y.backward(weights)
    wanted = np.zeros_like(X)
    np.add.at(wanted, index, weights)
    np.testing.assert_allclose(x.grad, wanted)


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_index_is_assigned_as_in_numpy_and_the_gradients_split(index):
    value = np.asarray(X[index] * 0 + np.arange(X[index].size).reshape(X[index].shape))
    source, v = tensor(X, requires_grad=True), tensor(value, requires_grad=True)
    x = lg.multiply(source, 1.0)
    x[index] = v
    wanted = X.copy()
    wanted[index] = value
    np.testing.assert_array_equal(x.data, wanted)
    np.testing.assert_array_equal(source.data, X)
    weights = np.random.default_rng(3).normal(size=X.shape)
    x.backward(weights)
    kept = weights.copy()
    kept[index] = 0
    np.testing.assert_array_equal(source.grad, kept)
    # of values written to one place the last stays, and only it gets the gradient
    places = np.arange(X.size).reshape(X.shape)[index].ravel()
    stays = np.array([place not in places[number + 1 :] for number, place in enumerate(places)], bool)
    np.testing.assert_array_equal(v.grad, weights[index] * stays.reshape(value.shape))


def test_a_tensor_can_be_an_index():
    x, i, m = tensor(X), tensor([2, 0]), tensor(X[:, 0, 0] > 0)
    np.testing.assert_array_equal(x[i].data, X[[2, 0]])
    np.testing.assert_array_equal(x[i, 1, i].data, X[[2, 0], 1, [2, 0]])
    np.testing.assert_array_equal(x[m].data, X[X[:, 0, 0] > 0])
    np.testing.assert_array_equal(x[tensor(1)].data, X[1])
    np.testing.assert_array_equal(x[[tensor(1), tensor(2)]].data, X[[1, 2]])


def test_assigning_a_number_row_or_wider_shape_broadcasts():
    x = lg.zeros((3, 4))
    x[1] = 2
    x[:, 0] = tensor([[5.0], [6.0], [7.0]])[:, 0]
    x[2, 1:] = np.ones((1, 3))
    x[x.data > 5.5] = 0.5
    np.testing.assert_array_equal(x.data, [[5, 0, 0, 0], [0.5, 2, 2, 2], [0.5, 1, 1, 1]])
    row = tensor([1.0, 2.0], requires_grad=True)
    y = lg.zeros((3, 2))
    y[np.array([True, False, True])] = row
    y.backward(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_array_equal(row.grad, [6, 8])


def test_a_filled_tensor_keeps_the_history_of_what_was_assigned():
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = np.zeros_like(x)
    out[0] = x[1]
    out[1:] = out[0] * x[:2]
    out.sum().backward()
    np.testing.assert_array_equal(out.data, [2, 2, 4])
    np.testing.assert_array_equal(x.grad, [2, 6, 0])


def test_a_view_never_shows_a_later_write():
    x = tensor([1.0, 2.0], requires_grad=True)
    first = x[0:1]
    x[0] = 5.0
    assert first.data[0] == 1
    p = parameter([1.0, 2.0])
    with pytest.raises(GradientError):
        p[0] = 3.0


def test_a_tensor_unpacks_and_loops():
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a, b = x
    (a * b).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 4], [1, 2]])
    assert [float(row[0]) for row in x] == [1, 3]
    assert len(list(x)) == 2
    with pytest.raises(ShapeError, match="rank 0"):
        list(tensor(1.0))


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (3, IndexRangeError, "index 3 was asked along axis 0"),
        ((0, -5), IndexRangeError, "-4 to 3"),
        ((0, 0, 0, 0), IndexRangeError, "rank is 3"),
        ([0, 3], IndexRangeError, "index 3 was asked along axis 0"),
        ((slice(None), [0, -5]), IndexRangeError, "index -5 was asked along axis 1"),
        (([0, 1], [0, 4]), IndexRangeError, "index 4 was asked along axis 1"),
        (np.ones(4, bool), IndexRangeError, "4 against 3 on axis 0"),
        ((slice(None), np.ones((4, 4), bool)), IndexRangeError, "4 against 5 on axis 2"),
        (([0, 1], [0, 1, 2]), ShapeError, "broadcast"),
        (1.0, DTypeError, "float"),
        ("a", DTypeError, "str"),
        (True, DTypeError, "bool"),
        ([0.5], DTypeError, "float32"),
        (slice(None, None, 0), ShapeError, "step 0"),
    ],
    ids=repr,
)
def test_what_is_no_index_is_refused(index, error, text):
    x = tensor(X)
    with pytest.raises(error, match=text) as caught:
        x[index]
    assert "{0}" not in str(caught.value)
    with pytest.raises(error, match=text):
        x[index] = 0.0


def test_an_index_out_of_range_is_an_index_error_that_names_the_line():
    x = tensor([1.0, 2.0])
    with pytest.raises(IndexError, match=r"x\[2\]"):
        x[2]
    with pytest.raises(IndexError, match=r"x\[\[2\]\]"):
        x[[2]]


def test_indices_captured_with_a_named_extent_run_at_any_size():
    n = Symbol.named("N")

    def f(x):
        return x[1:], x[:, -1], x[::-1][0], x[: n // 2], x[[0, -1]], x[..., None], x[n - 1]

    graph = capture(f, spec("N", 3))
    for size in (4, 7):
        x = np.random.default_rng(size).normal(size=(size, 3)).astype(np.float32)
        found = graph.run([x]).values()
        wanted = (x[1:], x[:, -1], x[::-1][0], x[: size // 2], x[[0, -1]], x[..., None], x[size - 1])
        for y, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(y, other)


def test_masks_while_capturing():
    with pytest.raises(CaptureError, match=r"lg\.where") as caught:
        capture(lambda x: x[x > 0], spec("N"))
    assert "test_indexing.py" in str(caught.value)
    with pytest.raises(CaptureError, match="loop over"):
        capture(lambda x: list(x), spec("N", 2))

    def limited(x):
        y = x * 1.0
        y[y > 1] = 1.0
        return y

    graph = capture(limited, spec("N"))
    (y,) = graph.run([np.array([0.5, 2.0, 3.0], np.float32)]).values()
    np.testing.assert_array_equal(y, [0.5, 1, 1])


def test_a_graph_with_a_mask_follows_its_values():
    x = tensor([1.0, -1.0, 2.0], name="x")
    graph = x[x > 0].graph
    (y,) = graph.run({"x": np.array([-1.0, 3.0, -2.0], np.float32)}).values()
    np.testing.assert_array_equal(y, [3])


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("count", [6, 400])
@pytest.mark.parametrize("most", [1, 2, 4, 90])
def test_rows_that_repeat_are_added_up(width, count, most):
    rng = np.random.default_rng(width)
    rows = np.repeat(np.arange(6), [0, 1, most, 2, most, 1])
    rows = np.concatenate([rows, np.tile(np.arange(6, count), min(most, 4))])
    rng.shuffle(rows)
    values = rng.normal(size=(rows.size, width))
    wanted = np.zeros((count, width))
    np.add.at(wanted, rows, values)
    np.testing.assert_allclose(add_rows(values, rows, count), wanted, atol=1e-12)
    assert add_rows(values[:0].astype(np.float32), rows[:0], count).dtype == np.float32
    values[0, 0] = np.inf
    found = add_rows(values, rows, count)
    assert not np.isfinite(found[rows[0], 0])
    assert np.isfinite(found).sum() == found.size - 1


def test_functions_of_picks_follow_numpy():
    x = tensor(X, requires_grad=True)
    np.testing.assert_array_equal(np.take(x, PICKS).data, np.take(X, PICKS))
    np.testing.assert_array_equal(np.take(x, PICKS, axis=1).data, np.take(X, PICKS, axis=1))
    order = np.argsort(X, axis=1)
    np.testing.assert_array_equal(np.take_along_axis(x, order, axis=1).data, np.sort(X, axis=1))
    np.testing.assert_array_equal(np.take_along_axis(x, PICKS.ravel(), axis=None).data, X.ravel()[PICKS.ravel()])
    with pytest.raises(DTypeError, match="bool"):
        lg.take(x, [True, False])
    assert lg.one_hot(np.array([1]), 3, dtype=np.float64).dtype == np.float64
