"""What users are told about sizes, labels and element types that do not fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import localgrad as lg
from tests.told import here, told

W = lg.parameter(np.ones((640, 1)), name="W")


def head(image: lg.Tensor) -> lg.Tensor:
    with lg.scope("head"):
        flatten = lg.relu(image * 2).reshape(1, -1)
        flatten.name = "flatten"
        return flatten @ W


PRODUCT = here(-3)
TOLD = (
    "inner sizes differ: 1280 (axis 1 of `flatten`, shape (1, 1280)) and 640 (axis 0 of `W`, shape (640, 1))",
    f"MatMul node in layer head at {PRODUCT} (`return flatten @ W`)",
    "the graph up to there",
    "head/Mul#1: float64(1, 4, 320) = Mul(image, 2)",
    "head/Relu#1: float64(1, 4, 320) = Relu(head/Mul#1)",
    "flatten: float64(1, 1280) = Reshape(head/Relu#1)",
)


# matrix products --------------------------------------------------------------------------------------------------
def test_a_matrix_product_that_does_not_fit_names_axes_tensors_node_line_and_the_graph_before() -> None:
    image = lg.tensor(np.ones((1, 4, 320)), name="image")
    text = told(lg.ShapeError, lambda: head(image), *TOLD)
    assert ".T" not in text, "transposing would not help"


def test_the_same_is_told_while_capturing() -> None:
    told(lg.ShapeError, lambda: lg.capture(head, lg.spec(1, 4, 320, dtype=np.float64)), *TOLD)


def test_transposing_is_proposed_where_it_helps() -> None:
    x, wide = lg.tensor(np.ones((2, 3))), lg.parameter(np.ones((5, 3)), name="wide")
    told(lg.ShapeError, lambda: x @ wide, "3 (axis 1 of input 0, shape (2, 3))", "5 (axis 0 of `wide`", "`wide`.T")
    np.testing.assert_array_equal((x @ wide.T).shape, (2, 5))


def test_of_a_long_history_the_last_nodes_are_shown_and_the_others_counted() -> None:
    x = lg.tensor(np.ones((2, 3)), name="x")
    for _ in range(100):
        x = x + 1.0
    text = told(lg.ShapeError, lambda: x @ W, "... 88 nodes before", "Add#100")
    assert "Add#88:" not in text


def test_a_failed_operation_leaves_everything_as_it_was() -> None:
    x = lg.tensor(np.ones((2, 3)), name="x", requires_grad=True)
    y = x * 2
    told(lg.ShapeError, lambda: y @ W)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))
    assert W.grad is None


def test_a_running_graph_names_its_node_and_the_users_line() -> None:
    graph = lg.capture(lambda x: lg.exp(x).reshape(4, -1), lg.spec("N", 3))
    made = here(-1)
    told(
        lg.ShapeError,
        lambda: graph.run([np.ones((2, 3), np.float32)]),
        "node `Reshape#1`",
        made,
        "(2, 3)",
        "(4, -1)",
    )
    assert next(iter(graph.run([np.ones((4, 3), np.float32)]).values())).shape == (4, 3)


def test_inputs_of_a_running_graph_have_to_agree_on_a_named_extent() -> None:
    graph = lg.capture(lambda a, b: lg.concatenate([a, b], axis=1), lg.spec("N", 1), lg.spec("N", 2))
    told(
        lg.ShapeError,
        lambda: graph.run([np.ones((4, 1), np.float32), np.ones((5, 2), np.float32)]),
        "the extent N of `b`",
        "axis 0",
        "5",
        "N = 4",
    )


# broadcasting -----------------------------------------------------------------------------------------------------
def test_rows_against_a_column_in_a_loss_are_refused_with_the_shape_they_would_give() -> None:
    prediction = lg.tensor(np.ones((8, 1)), name="prediction")
    target = np.ones(8)
    for loss in (lg.mean_squared_error, lg.mean_absolute_error, lg.huber_loss, lg.sigmoid_cross_entropy):
        told(
            lg.ShapeError,
            lambda loss=loss: loss(prediction, target),
            "prediction (8, 1) and target (8,) would broadcast to (8, 8); use target[:, None]",
        )
        loss(prediction, target[:, None])
    told(
        lg.ShapeError,
        lambda: lg.mean_squared_error(prediction[:, 0], target[:, None]),
        "prediction (8,) and target (8, 1) would broadcast to (8, 8); use target[:, 0]",
    )


def test_shapes_that_do_not_broadcast_name_both_tensors_and_the_axis() -> None:
    a, b = lg.tensor(np.ones((8, 3)), name="a"), lg.tensor(np.ones((8, 2)), name="b")
    told(
        lg.ShapeError,
        lambda: a + b,
        "Add",
        "`a`",
        "(8, 3)",
        "`b`",
        "(8, 2)",
        "3 against 2 on axis -1",
        "x[:, None]",
    )


# labels -----------------------------------------------------------------------------------------------------------
LOGITS = np.zeros((6, 3), np.float32)


def labels_told(error: type[Exception], labels: object, *facts: str) -> str:
    logits = lg.tensor(LOGITS, name="logits")
    return told(error, lambda: lg.softmax_cross_entropy(logits, labels), *facts)


def test_a_label_out_of_range_names_range_its_source_count_row_and_values() -> None:
    labels_told(
        lg.DataError,
        np.array([0, 1, 2, 3, 7, 1]),
        "from 0 to 2",
        "`logits` of shape (6, 3) has 3 classes on axis 1",
        "2 of 6 rows",
        "first row 3, which has 3",
        "0, 1, 2, 3, 7",
    )


def test_labels_that_start_at_one_are_recognised() -> None:
    labels_told(lg.DataError, np.array([1, 2, 3, 1, 2, 3]), "from 0 to 2", "2 of 6 rows", "row 2", "subtract 1")


def test_a_negative_label_names_the_option_that_leaves_it_out() -> None:
    labels_told(lg.DataError, np.array([0, -1, 2, 1, -1, 0]), "2 of 6 rows", "row 1", "-1", "ignore_index=-1")


def test_float_labels_name_dtype_values_and_the_conversion() -> None:
    labels_told(lg.DTypeError, np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0]), "float", "from 0 to 2", ".astype(np.int64)")
    text = labels_told(lg.DTypeError, np.array([0.5, 1.0, 2.0, 0.0, 1.0, 2.0]), "0.5")
    assert "astype" not in text, "rounding labels is no cure"


def test_labels_that_look_unencoded_show_their_values_and_the_encoding() -> None:
    labels_told(lg.DataError, np.array([10, 20, 30, 10, 20, 30]), "10, 20, 30", "6 of 6 rows", "return_inverse=True")


def test_labels_as_text_are_refused_with_the_cure() -> None:
    labels_told(lg.DTypeError, np.array(["cat", "dog", "cat", "cat", "dog", "cat"]), "class indices")


def test_labels_as_a_column_are_refused_with_the_cure() -> None:
    labels_told(lg.ShapeError, np.array([[0], [1], [2], [0], [1], [2]]), "(6, 1)", "(6, 3)", "labels[:, 0]")


# what a loss expects ----------------------------------------------------------------------------------------------
def test_softmax_outputs_given_to_a_loss_of_logits_warn_and_name_both_nodes() -> None:
    x = lg.tensor(LOGITS, name="x")
    p = lg.softmax(x)
    line = here(-1)
    with pytest.warns(lg.LocalgradWarning) as caught:
        lg.softmax_cross_entropy(p, [0, 1, 2, 0, 1, 2])
    assert len(caught) == 1
    text = str(caught[0].message)
    for fact in ("`SoftmaxCrossEntropy#1", "`Softmax#1`", line, "expects logits", "twice"):
        assert fact in text, text
    assert caught[0].filename == __file__
    with pytest.warns(lg.LocalgradWarning, match="Sigmoid"):
        lg.sigmoid_cross_entropy(lg.sigmoid(x), np.zeros((6, 3)))


def test_logits_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.softmax_cross_entropy(lg.tensor(LOGITS) * 2, [0, 1, 2, 0, 1, 2])


# element types ----------------------------------------------------------------------------------------------------
def test_float32_that_meets_float64_warns_once_with_node_line_and_names() -> None:
    x, wide = lg.tensor([1.0, 2.0], name="x"), lg.tensor(np.ones(2), name="wide")

    line = here(4)

    def steps() -> lg.Tensor:
        for _ in range(3):
            y = x * wide
        return y

    with pytest.warns(lg.LocalgradWarning) as caught:
        y = steps()
    assert y.dtype == np.float64
    assert len(caught) == 1
    text = str(caught[0].message)
    for fact in ("Mul", "float32", "float64", "`x`", "`wide`", line, "y = x * wide", ".astype(np.float32)"):
        assert fact in text, text
    assert caught[0].filename == __file__


def test_scalars_do_not_widen() -> None:
    x = lg.tensor([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y in (x * 2.5, x + np.float64(1.5), np.float64(2) * x, x**2, np.maximum(x, 0.0)):
            assert y.dtype == np.float32


def test_complex_numbers_and_text_are_refused_by_name() -> None:
    told(lg.DTypeError, lambda: lg.tensor([1j]), "complex numbers", "real numbers")
    told(lg.DTypeError, lambda: lg.tensor([1.0]) * 1j, "complex")
    told(lg.DTypeError, lambda: lg.tensor(["a"]), "text", "class indices")


# inputs of a graph ------------------------------------------------------------------------------------------------
def test_wrong_inputs_of_a_graph_name_what_it_takes_and_the_nearest_name() -> None:
    graph = lg.capture(lambda images, labels: images * labels, lg.spec("N", 3), lg.spec("N", 1), name="net")
    declared = "images: float32(N, 3), labels: float32(N, 1)"
    images, labels = np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)
    told(
        lg.NameLookupError,
        lambda: graph.run({"image": images, "labels": labels}),
        "'image' is no input",
        "did you mean images",
        "'images' is missing",
        declared,
    )
    told(lg.NameLookupError, lambda: graph.run({"images": images}), "'labels' is missing", declared)
    told(lg.ShapeError, lambda: graph.run([images]), "1 inputs", "2", declared)
    told(
        lg.DTypeError,
        lambda: graph.run([images.astype(np.float64), labels]),
        "`images`",
        "float64",
        declared,
        ".astype(np.float32)",
    )
    told(lg.ShapeError, lambda: graph.run([images[0], labels]), "`images`", "rank 1", "rank 2", declared)
    told(lg.ShapeError, lambda: graph.run([images[:, :2], labels]), "`images`", "(2, 2)", "axis 1 has to be 3")
    told(lg.NameLookupError, lambda: graph.run([images, labels], fetch="Mull#1"), "'Mull#1'", "Mul#1")
    np.testing.assert_array_equal(graph.run([images.tolist(), labels.tolist()])["Mul#1"], images)


# what NumPy has and localgrad has not ------------------------------------------------------------------------------
def test_a_numpy_function_without_a_kind_is_named_as_it_was_written() -> None:
    x = lg.tensor(np.ones((2, 2)), name="x")
    told(lg.MissingRuleError, lambda: np.linalg.eig(x), "np.linalg.eig was called on a tensor", "np.linalg.eig(x.data)")
    told(lg.MissingRuleError, lambda: np.fft.fft(x), "np.fft.fft was called", here())
    text = told(lg.MissingRuleError, lambda: np.interp(x, x, x), "np.interp", "np.interp(x.data)")
    assert "did you mean" not in text, "the name was right"
    told(lg.MissingRuleError, lambda: np.exp(x, out=np.zeros((2, 2))), "out=", "array = array + tensor")
    told(lg.MissingRuleError, lambda: np.sum(x, where=np.ones((2, 2), bool)), "np.sum", "where", "lg.sum")


def test_a_misspelt_name_of_ours_names_the_nearest() -> None:
    told(AttributeError, lambda: lg.softmx, "softmx", "did you mean softmax")
    told(lg.NameLookupError, lambda: lg.Trainer(lg.Model(), loss="crossentropy"), "'crossentropy'", "cross_entropy")


def test_columns_that_are_not_those_of_the_window_are_told() -> None:
    told(lg.ShapeError, lambda: lg.col2im(np.ones((3, 4)), (1, 1, 3, 3), 2), "(3, 4)", "(4, 4)", "as im2col had them")
    told(lg.ShapeError, lambda: lg.col2im(np.ones((1, 4, 4)), (1, 1, 3, 3), 2), "(1, 4, 4)", "(4, 4)")


def test_a_signal_given_to_a_convolution_of_images_is_told_of_the_kernel() -> None:
    layer = lg.layers.Convolution.create(2, 3, 3, seed=0)
    told(lg.ShapeError, lambda: layer(np.ones((4, 2, 9), np.float32)), "rank 3", "(3,)")


def test_a_spec_is_no_array() -> None:
    told(lg.CaptureError, lambda: np.sum(lg.spec(3)), "no value", "lg.capture")
    leaked = []
    lg.capture(lambda x: leaked.append(x) or x * 2, lg.spec(3))
    told(lg.CaptureError, lambda: leaked[0].sum(), "outside of it", "return it from there")
    told(lg.CaptureError, lambda: lg.stack([leaked[0]]), "outside of it")
