"""What users are told of integers asked for a gradient, and of rules they wrote themselves."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

import localgrad as lg
from tests.told import here, told


def test_an_integer_tensor_has_no_gradient() -> None:
    text = told(
        lg.DTypeError,
        lambda: lg.tensor(np.array([1, 2]), name="counts", requires_grad=True),
        "`counts`",
        "int64 tensors have no gradient",
        "convert with .astype(np.float32)",
    )
    labels = lg.tensor(np.array([1, 2]), name="labels")
    text = told(lg.DTypeError, lambda: lg.gradients(labels.astype(np.float32).sum(), labels))
    assert "`labels`" in text
    assert "int64 tensors have no gradient; convert with .astype(np.float32)" in text
    text = told(lg.DTypeError, lambda: lg.argmax(lg.parameter([1.0, 2.0])).backward())
    assert "int64 tensors have no gradient" in text


class WrongShape(lg.Kind):
    inputs = ("x", "w")

    def shape(self, x: object, w: object) -> object:
        return x

    def forward(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        return x * w

    def backward(self, grad: object, y: object, x: object, w: object) -> object:
        return grad * w, lg.sum(lg.tensor(np.ones(7)))


class TooFew(WrongShape):
    def backward(self, grad: object, y: object, x: object, w: object) -> object:
        return (grad * w,)


class Raises(WrongShape):
    def backward(self, grad: object, y: object, x: object, w: object) -> object:
        return grad * w, grad * x.missing


class Broadcast(lg.Elementwise):
    expression = "x * 2"

    def backward(self, grad: object, y: object, x: object) -> object:
        return lg.ones((5, 3)).numpy() * 2.0


def test_a_gradient_of_the_wrong_shape_names_kind_node_line_input_and_both_shapes() -> None:
    W = lg.parameter(np.ones((2, 3)), name="W")
    y = WrongShape()(lg.parameter(np.ones((2, 3)), name="V"), W)
    line = here(-1)
    told(
        lg.GradientError,
        lambda: y.sum().backward(),
        "WrongShape",
        "`WrongShape#1`",
        line,
        "input 1 (w, `W`)",
        "shape ()",
        "(2, 3)",
    )
    assert W.grad is None


def test_an_elementwise_gradient_larger_than_the_output_is_refused() -> None:
    told(
        lg.GradientError,
        lambda: Broadcast()(lg.parameter(np.ones(3), name="W")).sum().backward(),
        "Broadcast",
        "input 0 (x, `W`)",
        "(5, 3)",
        "(3,)",
    )


def test_too_few_gradients_name_kind_number_and_inputs() -> None:
    W = lg.parameter(np.ones((2, 3)), name="W")
    y = TooFew()(W, lg.parameter(np.ones((2, 3)), name="V"))
    told(
        lg.GradientError,
        lambda: y.sum().backward(),
        "TooFew",
        "1 gradients",
        "2 inputs",
        "input 1 (w, `V`) (2, 3)",
        "None where there is none",
    )


def test_a_rule_that_raises_names_kind_node_and_line() -> None:
    W = lg.parameter(np.ones(2), name="W")
    y = Raises()(W, W)
    with pytest.raises(lg.GradientError) as caught:
        y.sum().backward()
    text = str(caught.value)
    for fact in ("Raises", "`Raises#1`", here(-4), "AttributeError", "missing"):
        assert fact in text, text
    assert isinstance(caught.value.__cause__, AttributeError)


def test_a_rule_may_give_a_list() -> None:
    class Listed(WrongShape):
        def backward(self, grad: object, y: object, x: object, w: object) -> object:
            return [grad * w, grad * x]

    W = lg.parameter([2.0, 3.0], name="W")
    Listed()(W, W).sum().backward()
    np.testing.assert_array_equal(W.grad, [4.0, 6.0])


def test_a_kind_without_a_rule_says_how_to_write_one() -> None:
    class Unruled(lg.Kind):
        def shape(self, x: object) -> object:
            return x

        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2

    told(
        lg.MissingRuleError,
        lambda: Unruled()(lg.parameter([1.0])).sum().backward(),
        "Unruled",
        "def backward(self, grad, y",
        "lg.stop_gradient",
    )


def test_names_from_elsewhere_are_answered_with_ours():
    x, image = np.ones((2, 3)), np.ones((1, 1, 4, 4))
    told(lg.ShapeError, lambda: lg.pad(x, 1, mode="replicate"), "do: give 'edge'")
    told(lg.ShapeError, lambda: lg.pad(x, 1, mode="circular"), "do: give 'wrap'")
    told(lg.ShapeError, lambda: lg.pad(x, 1, mode="mirror"), "do: give one of these")
    for mode in ("bilinear", "bicubic"):
        told(lg.ShapeError, lambda mode=mode: lg.resize(image, size=(8, 8), mode=mode), "do: give 'linear'")
    told(lg.LocalgradError, lambda: lg.softmax_cross_entropy(x, [0, 1], reduction="avg"), "do: give 'mean'")
    told(lg.ShapeError, lambda: lg.norm(np.ones(3), "fro"), "do: leave `ord` out")


def test_axes_and_lengths_that_do_not_fit_say_what_to_do():
    x = np.ones((2, 3))
    for call in (lambda: lg.trace(x, axis1=5), lambda: lg.sort(x, axis=7), lambda: lg.topk(x, 2, axis=7)):
        told(lg.ShapeError, call, "found: rank 2, so -2 to 1", "do: give one of these")
    text = told(lg.ShapeError, lambda: lg.tensordot(x, np.ones((4, 5)), axes=1), "tensordot", "3 entries", "4", "do: ")
    assert "einsum was" not in text
    told(lg.ShapeError, lambda: lg.scan(lambda c, x: (c, x), 0.0, 5.0), "no axis", "do: give `xs` a first axis")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_tensor_leaked_from_a_body_says_to_return_it(enabled: bool) -> None:
    kept = []

    def body(carry: lg.Tensor, x: lg.Tensor) -> tuple[lg.Tensor, lg.Tensor]:
        kept.append(carry)
        return carry + x, x

    lg.scan(body, lg.tensor(0.0), lg.tensor([1.0, 2.0]))
    lg.capture(lambda a: kept.append(a * 2) or kept[-1] + 1, lg.tensor([1.0]))
    for leaked, name in ((kept[0], "carry"), (kept[-1], "Mul#1")):
        with lg.no_grad() if not enabled else nullcontext():
            for use, kind in ((lambda x: x * 3, "Mul"), (lg.exp, "Exp"), (lambda x: lg.tensor([2.0]) + x, "Add")):
                text = told(
                    lg.CaptureError,
                    lambda use=use, leaked=leaked: use(leaked),
                    f"{kind} was to be computed on `{name}` float32",
                    "found: it has no value, since it belongs to the body",
                    "do: return it from there",
                )
                assert "Spec" not in text
