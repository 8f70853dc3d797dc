"""Losses as users call them: dtypes, what is refused and how it is said, warnings, names."""

import warnings

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.errors import DataError, DTypeError, LocalgradWarning, NameLookupError, ShapeError
from localgrad.graph.spec import spec
from localgrad.graph.tensor import parameter, tensor
from localgrad.graph.warning import forget_warnings
from localgrad.layers import SoftmaxWithLoss
from localgrad.nodes.activations import sigmoid
from localgrad.nodes.linear import MatMul
from localgrad.nodes.losses import (
    accuracy,
    binary_cross_entropy,
    huber_loss,
    kl_divergence,
    loss_named,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from localgrad.nodes.shaping import Reshape
from localgrad.nodes.softmax import LogSoftmax, Softmax, log_softmax, softmax
from localgrad.transform.functional import gradients

REGRESSION = [mean_squared_error, mean_absolute_error, huber_loss]


@pytest.fixture(autouse=True)
def _warnings_are_new() -> None:
    forget_warnings()


@pytest.mark.parametrize("loss", [*REGRESSION, sigmoid_cross_entropy, kl_divergence])
def test_targets_take_the_predictions_dtype(loss):
    x = parameter(np.full((3, 1), 0.5, np.float32))
    for target in (np.ones((3, 1)), np.ones((3, 1), np.int64), [[1], [1], [1]], tensor(np.ones((3, 1)))):
        y = loss(x, target)
        assert y.dtype == np.float32
        y.backward()
        assert x.grad.dtype == np.float32
        assert np.any(x.grad)


def test_a_number_is_a_target():
    assert mean_squared_error([1.0, 2.0], 0.0).item() == 2.5


@pytest.mark.parametrize("loss", [*REGRESSION, sigmoid_cross_entropy, binary_cross_entropy])
def test_shapes_that_only_broadcast_are_refused(loss):
    x = parameter(np.full((8, 1), 0.5), name="prediction")
    with pytest.raises(ShapeError) as caught:
        loss(x, np.ones(8))
    message = str(caught.value)
    assert "prediction (8, 1) and target (8,) would broadcast to (8, 8); use target[:, None]" in message
    assert "test_losses.py" in message
    assert "`prediction`" in message


def test_named_batches_meet_in_a_loss():
    graph = capture(lambda x, t: mean_squared_error(x, t), spec("N", 2), spec("N", 2))
    for n in (1, 5):
        (y,) = graph.run([np.ones((n, 2), np.float32), np.zeros((n, 2), np.float32)]).values()
        assert y == 1
    with pytest.raises(ShapeError, match="would broadcast"):
        capture(lambda x, t: mean_squared_error(x, t), spec("N", 1), spec("N"))


def test_an_integer_prediction_is_refused():
    with pytest.raises(DTypeError, match="int64 tensors have no gradient"):
        mean_squared_error(tensor([1, 2]), [1.0, 2.0])


# classes ------------------------------------------------------------------------------------------------------------
def test_labels_are_looked_at():
    logits = tensor(np.zeros((4, 3), np.float32), name="scores")
    with pytest.raises(DataError) as caught:
        softmax_cross_entropy(logits, [1, 2, 3, 3])
    message = str(caught.value)
    for part in ("from 0 to 2", "`scores` of shape (4, 3) has 3 classes on axis 1", "2 of 4 rows", "first row 2, which has "
                 "3", "the labels are 1, 2, 3", "subtract 1", "test_losses.py"):  # fmt: skip
        assert part in message


def test_float_labels_are_shown():
    with pytest.raises(DTypeError) as caught:
        softmax_cross_entropy(np.zeros((3, 3)), np.array([0.0, 1.0, 2.0]))
    assert "float64 labels of shape (3,), the values 0.0, 1.0, 2.0" in str(caught.value)
    assert ".astype(np.int64)" in str(caught.value)
    with pytest.raises(DTypeError, match="probabilities with a class axis"):
        softmax_cross_entropy(np.zeros((3, 3)), np.array([0.5, 1.0, 2.0]))


def test_labels_are_looked_at_when_a_graph_runs():
    graph = capture(lambda x, t: softmax_cross_entropy(x, t), spec("N", 3), spec("N", dtype=np.int64))
    with pytest.raises(DataError) as caught:
        graph.run([np.zeros((2, 3), np.float32), np.array([0, 5])])
    assert "1 of 2 rows" in str(caught.value)
    assert "{" not in str(caught.value)


def test_bool_labels_are_the_classes_0_and_1():
    x = np.array([[1.0, 0.0], [1.0, 0.0]])
    found = softmax_cross_entropy(x, np.array([True, False]))
    assert found.item() == softmax_cross_entropy(x, [1, 0]).item()


def test_one_hot_rows_of_integers_count_as_probabilities():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    found = softmax_cross_entropy(x, np.eye(3, dtype=np.int64)[[0, 2, 1, 1]])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.data, softmax_cross_entropy(x, [0, 2, 1, 1]).data, rtol=1e-6)


def test_rows_to_ignore_give_nothing_back():
    x = parameter(np.array([[np.nan, 1.0], [0.0, 0.0]]))
    loss = softmax_cross_entropy(x, np.array([-1, 1]), ignore_index=-1)
    assert loss.item() == pytest.approx(np.log(2))
    loss.backward()
    np.testing.assert_allclose(x.grad, [[0, 0], [0.5, -0.5]])
    with pytest.raises(DataError, match="1 of 2 rows"):
        softmax_cross_entropy(x, np.array([-1, 2]), ignore_index=-1)


def test_no_row_that_counts_is_no_loss():
    x = parameter(np.ones((2, 2)))
    loss = softmax_cross_entropy(x, [-1, -1], ignore_index=-1)
    loss.backward()
    assert loss.item() == 0
    assert not np.any(x.grad)


@pytest.mark.parametrize("labels", [np.array([0, 2, 1]), np.eye(3)[[0, 2, 1]]])
def test_the_gradient_of_a_dropped_node_is_differentiable(labels):
    # the second output, which only the node itself refers to, is computed again
    x = parameter(np.arange(9.0).reshape(3, 3) % 4)
    (g,) = gradients([softmax_cross_entropy(x, labels)], [x])
    (second,) = gradients([(g * g).sum()], [x])
    step = 1e-5 * np.eye(9).reshape(9, 3, 3)

    def of(data):
        y = parameter(data)
        softmax_cross_entropy(y, labels).backward()
        return np.sum(y.grad**2)

    wanted = [(of(x.data + d) - of(x.data - d)) / 2e-5 for d in step]
    np.testing.assert_allclose(second.data.ravel(), wanted, rtol=1e-6, atol=1e-9)


def test_large_logits_stay_finite():
    x = parameter(np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32))
    loss = softmax_cross_entropy(x, [1, 1])
    loss.backward()
    assert loss.item() == 1e4
    np.testing.assert_array_equal(x.grad, [[0.5, -0.5], [0, 0]])


def test_accuracy():
    x = tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert accuracy(x, [1, 1, 1]).item() == pytest.approx(2 / 3)
    assert accuracy(x, np.eye(2)[[1, 0, 1]]).item() == 1
    assert not accuracy(parameter(x.data), [1, 1, 1]).requires_grad
    with pytest.raises(ShapeError, match=r"of shape \(3,\)"):
        accuracy(x, [1, 1])


# what was fed -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("loss", "maker", "named"),
    [
        (lambda x: softmax_cross_entropy(x, [0, 1]), softmax, ("Softmax#1", "SoftmaxCrossEntropy#1", "twice")),
        (
            lambda x: softmax_cross_entropy(Reshape.on(x, shape_to=(2, 2)), [0, 1]),
            softmax,
            ("Softmax#1", "SoftmaxCrossEntropy#1"),
        ),
        (lambda x: sigmoid_cross_entropy(x, np.ones((2, 2))), sigmoid, ("Sigmoid#1", "binary_cross_entropy")),
        (lambda x: kl_divergence(x, np.ones((2, 2))), softmax, ("Softmax#1", "lg.log_softmax")),
    ],
)
def test_probabilities_fed_where_logits_are_expected(loss, maker, named):
    x = parameter(np.zeros((2, 2)))
    with pytest.warns(LocalgradWarning) as caught:
        loss(maker(x))
    assert len(caught) == 1
    for part in (*named, "test_losses.py"):
        assert part in str(caught[0].message)
    forget_warnings()
    with pytest.warns(LocalgradWarning, match="#1"):
        capture(lambda x: loss(maker(x)), spec(2, 2))


def test_what_is_right_is_not_warned_of():
    x = parameter(np.zeros((2, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        softmax_cross_entropy(log_softmax(x), [0, 1])
        binary_cross_entropy(sigmoid(x), np.ones((2, 2)))
        kl_divergence(log_softmax(x), np.ones((2, 2)))
        softmax_cross_entropy(MatMul.on(softmax(x), x), [0, 1])


@pytest.mark.parametrize("kind", [Softmax(), LogSoftmax()])
def test_a_row_of_nothing_is_nan_without_a_warning(kind):
    x = parameter(np.array([[-np.inf, -np.inf], [0.0, 0.0]], np.float32))
    y = kind(x)
    assert np.all(np.isnan(y.data[0]))
    y.backward(grad=[[0.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(x.grad[0], [0, 0])


def test_losses_by_name():
    assert loss_named("softmax_cross_entropy") is softmax_cross_entropy
    assert loss_named("mse") is loss_named("mean_squared_error") is mean_squared_error
    with pytest.raises(NameLookupError) as caught:
        loss_named("softmax_crossentropy")
    assert "did you mean softmax_cross_entropy" in str(caught.value)


def test_boolean_class_labels_are_taken_by_function_and_layer():
    scores, labels = np.array([[1.0, 2.0], [3.0, 0.5]]), np.array([False, True])
    wanted = lg.softmax_cross_entropy(scores, [0, 1]).item()
    assert lg.softmax_cross_entropy(scores, labels).item() == wanted
    assert lg.softmax_cross_entropy(scores, lg.tensor(labels)).item() == wanted
    assert float(SoftmaxWithLoss().forward(scores, labels)) == wanted
