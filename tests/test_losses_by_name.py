"""The losses beside the cross entropies as users call them: lists, dtypes, options, and what PyTorch computes."""

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import DataError, LocalgradWarning, ShapeError
from localgrad.graph.warning import forget_warnings
from localgrad.nodes.losses import loss_named

SIGNS = [1, -1, 1]
# each with a prediction and what it is compared with
CALLS = {
    "smooth_l1_loss": lambda x: lg.smooth_l1_loss(x, [0, 1, 2]),
    "log_cosh_loss": lambda x: lg.log_cosh_loss(x, [0, 1, 2]),
    "poisson_nll_loss": lambda x: lg.poisson_nll_loss(x, [0, 1, 2]),
    "poisson_nll_loss, one target": lambda x: lg.poisson_nll_loss(x, 3, full=True),
    "hinge_loss, one target": lambda x: lg.hinge_loss(x, -1),
    "focal_loss, one target": lambda x: lg.focal_loss(x, 1),
    "dice_loss, one target": lambda x: lg.dice_loss(x, 1),
    "gaussian_nll_loss": lambda x: lg.gaussian_nll_loss(x, [0, 1, 2], np.ones(3)),
    "gaussian_nll_loss, one variance": lambda x: lg.gaussian_nll_loss(x, [0, 1, 2], 2.0),
    "hinge_loss": lambda x: lg.hinge_loss(x, SIGNS),
    "hinge_embedding_loss": lambda x: lg.hinge_embedding_loss(x, SIGNS),
    "soft_margin_loss": lambda x: lg.soft_margin_loss(x, SIGNS),
    "multi_margin_loss": lambda x: lg.multi_margin_loss(x, 1, weights=[1, 2, 3]),
    "margin_ranking_loss": lambda x: lg.margin_ranking_loss(x, [0.0, 0.0, 0.0], SIGNS),
    "triplet_margin_loss": lambda x: lg.triplet_margin_loss(x, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
    "cosine_similarity": lambda x: lg.cosine_similarity(x, [1, 2, 3]),
    "cosine_embedding_loss": lambda x: lg.cosine_embedding_loss(x, [1, 2, 3], -1),
    "negative_log_likelihood": lambda x: lg.negative_log_likelihood(x, 1, weights=[1, 2, 3]),
    "focal_loss": lambda x: lg.focal_loss(x, [0, 1, 1]),
    "dice_loss": lambda x: lg.dice_loss(x, [0, 1, 1]),
    "negative_sampling_loss": lambda x: lg.negative_sampling_loss(0.5, x),
    "ctc_loss": lambda x: lg.ctc_loss(lg.reshape(x, (1, 1, 3)), [[1]]),
}


@pytest.fixture(autouse=True)
def _warnings_are_new() -> None:
    forget_warnings()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CALLS)
def test_lists_and_integers_are_compared_with_in_the_predictions_dtype(name, dtype):
    x = lg.tensor(np.array([0.3, 0.6, 0.8], dtype), requires_grad=True)
    y = CALLS[name](x)
    assert (y.dtype, y.shape) == (dtype, ())
    y.backward()
    assert x.grad.dtype == dtype
    assert np.any(x.grad)


def test_one_variance_for_all_gets_its_gradient():
    scale = lg.tensor(np.float64(0.5), requires_grad=True)
    lg.check_gradients(lambda x, s: lg.gaussian_nll_loss(x, np.zeros(3), lg.exp(s)), np.arange(3.0), scale.data)


def test_some_losses_are_others():
    x, t = np.random.default_rng(0).normal(size=(2, 4, 3))
    labels = np.array([0, 2, 1, 1])
    same = [
        (lg.smooth_l1_loss(x, t, beta=0.5), lg.huber_loss(x, t, delta=0.5) / 0.5),
        (lg.smooth_l1_loss(x, t, beta=0), lg.mean_absolute_error(x, t)),
        (lg.focal_loss(x, t > 0, gamma=0, alpha=None), lg.sigmoid_cross_entropy(x, t > 0)),
        (lg.soft_margin_loss(x, np.sign(t)), lg.sigmoid_cross_entropy(x, t > 0)),
        (lg.negative_log_likelihood(lg.log_softmax(x), labels), lg.softmax_cross_entropy(x, labels)),
        (
            lg.negative_sampling_loss(x[:, 0], x[:, 1:]),
            3 * lg.sigmoid_cross_entropy(x, np.eye(3)[[0, 0, 0, 0]]),
        ),
        (lg.gaussian_nll_loss(x, t, 1.0), 0.5 * lg.mean_squared_error(x, t)),
    ]
    for one, other in same:
        np.testing.assert_allclose(one.data, other.data, rtol=1e-12)


def test_probabilities_in_place_of_logarithms_are_noticed():
    p = lg.softmax(lg.tensor(np.zeros((2, 3))))
    with pytest.warns(LocalgradWarning, match="lg.log_softmax"):
        lg.negative_log_likelihood(p, [0, 1])
    with pytest.warns(LocalgradWarning, match="lg.log_softmax"):
        lg.ctc_loss(lg.softmax(lg.tensor(np.zeros((1, 2, 3)))), [[1]])


@pytest.mark.parametrize("name", ["nll", "smooth_l1", "log_cosh", "poisson_nll_loss", "focal", "dice", "hinge"])
def test_losses_have_names(name):
    assert callable(loss_named(name))


# CTC ------------------------------------------------------------------------------------------------------------------
def test_ctc_takes_both_orders_of_axes_and_whole_lengths():
    x = lg.log_softmax(lg.tensor(np.random.default_rng(0).normal(size=(2, 5, 4))))
    labels, steps, counts = [[1, 2], [3, 3]], [5, 5], [2, 2]
    whole = lg.ctc_loss(x, labels)
    assert whole.item() == lg.ctc_loss(x, labels, steps, counts).item()
    assert whole.item() == lg.ctc_loss(x.transpose((1, 0, 2)), labels, steps, counts, time_first=True).item()
    with pytest.raises(ShapeError, match="time_first=True"):
        lg.ctc_loss(x.transpose((1, 0, 2)), labels, steps, counts)


def test_ctc_is_what_pytorch_computes():
    # torch 2.13, float64: F.ctc_loss(z.log_softmax(-1), ...) with z[t, n, c] = sin(3 t + 5 n + 7 c), and its gradient by z
    step, row, c = np.meshgrid(np.arange(6), np.arange(2), np.arange(4), indexing="ij")
    z = lg.tensor(np.sin(3.0 * step + 5 * row + 7 * c), requires_grad=True)
    y = lg.ctc_loss(lg.log_softmax(z), [[1, 2, 2], [3, 1, 0]], [6, 5], [3, 2], time_first=True)
    assert y.item() == pytest.approx(TORCH_LOSS, abs=1e-12)
    y.backward()
    np.testing.assert_allclose(z.grad[:, :, 1], TORCH_GRADIENT, atol=1e-12)


TORCH_LOSS = 1.7442863724032702
TORCH_GRADIENT = [
    [-0.10613599094661544, 0.03420784497265038],
    [-0.019096222945317178, 0.030645218684614933],
    [0.03352458317966209, -0.06710406008463102],
    [0.04082476437335495, -0.06325378199365947],
    [0.029299082087707335, -0.09571889150343818],
    [0.043551391634507795, 0.0],
]


def test_ctc_of_many_steps_is_finite_in_single_precision():
    z = lg.tensor(20 * np.random.default_rng(0).normal(size=(2, 700, 5)).astype(np.float32), requires_grad=True)
    labels = np.random.default_rng(1).integers(1, 5, (2, 60))
    y = lg.ctc_loss(lg.log_softmax(z), labels)
    y.backward()
    double = lg.ctc_loss(lg.log_softmax(lg.tensor(z.data.astype(np.float64))), labels)
    assert y.item() == pytest.approx(double.item(), rel=1e-5)
    assert np.isfinite(z.grad).all()
    assert np.any(z.grad)


def test_ctc_without_an_alignment_is_infinite_or_zero():
    x = lg.tensor(np.log(np.full((2, 2, 3), 1 / 3)), requires_grad=True)
    labels = [[1, 1], [1, 2]]  # equal labels need a blank in between, so three steps
    losses = lg.ctc_loss(x, labels, reduction="none")
    np.testing.assert_allclose(losses.data, [np.inf, 2 * np.log(3)])
    y = lg.ctc_loss(x, labels, reduction="sum", zero_infinity=True)
    y.backward()
    assert y.item() == pytest.approx(2 * np.log(3))
    np.testing.assert_array_equal(x.grad[0], 0)
    np.testing.assert_allclose(x.grad[1], [[0, -1, 0], [0, 0, -1]])


def test_ctc_is_captured_with_named_extents():
    f = lg.capture(
        lambda x, t: lg.ctc_loss(lg.log_softmax(x), t), lg.spec("N", "T", 4), lg.spec("N", "S", dtype=np.int64)
    )
    gradient = f.gradient()
    for n, steps, most in ((1, 4, 2), (3, 7, 1)):
        x = np.random.default_rng(n).normal(size=(n, steps, 4)).astype(np.float32)
        labels = np.random.default_rng(n).integers(1, 4, (n, most))
        leaf = lg.tensor(x, requires_grad=True)
        y = lg.ctc_loss(lg.log_softmax(leaf), labels)
        y.backward()
        found = list(gradient.run([x, labels]).values())
        np.testing.assert_allclose(found[0], y.data, rtol=1e-5)
        np.testing.assert_allclose(found[1], leaf.grad, rtol=1e-4, atol=1e-6)


def test_ctc_learns_to_read():
    logits, optimizer = lg.parameter(np.random.default_rng(0).normal(size=(1, 8, 3))), lg.SGD(5.0)
    for _ in range(200):
        lg.ctc_loss(lg.log_softmax(logits), [[1, 2, 2]]).backward()
        optimizer.step([logits])
    best = logits.data[0].argmax(axis=1)
    said = [int(c) for c, before in zip(best, [0, *best[:-1]]) if c and c != before]
    assert said == [1, 2, 2]


def test_labels_that_are_no_signs_are_explained():
    with pytest.raises(DataError, match="give 2 \\* t - 1"):
        lg.hinge_loss([0.5, 1.0], [0, 1])
