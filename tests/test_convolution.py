"""Convolution, pooling and resizing beyond the rows: functions, sizes where chunks and planes begin, named extents, layers."""

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.capturing import capture
from localgrad.graph.errors import DTypeError, LocalgradError, ShapeError
from localgrad.graph.spec import Symbol, spec
from localgrad.graph.tensor import tensor
from localgrad.layers.convolution import (
    AdaptiveAveragePooling,
    AdaptiveMaxPooling,
    AveragePooling,
    Convolution,
    ConvolutionTranspose,
    GlobalAveragePooling,
    GlobalMaxPooling,
    MaxPooling,
    PixelShuffle,
    Pooling,
    Upsample,
)
from localgrad.layers.model import Sequential
from localgrad.layers.structure import Flatten
from localgrad.nodes import pooling_functions as pool
from localgrad.nodes.columns import col2im, im2col
from localgrad.nodes.convolution import Conv, ConvTranspose, ConvWeightGradient
from localgrad.nodes.convolution_functions import (
    conv,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    deconv2d,
)
from localgrad.nodes.pooling import MaxPool
from localgrad.nodes.resizing import pixel_shuffle, pixel_unshuffle, resize
from localgrad.transform.backward import backward
from localgrad.transform.functional import gradients


def random(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def by_columns(x, w, stride=1, pad=0, dilation=1, group=1):
    """A convolution the way the books write it: columns of windows, one matrix product in each group."""
    parts = []
    for inputs, kernel in zip(np.split(x, group, axis=1), np.split(w, group)):
        extents = w.shape[2:]
        seen = im2col(inputs, extents, stride, pad, to_matrix=False, dilation=dilation).data
        rank = len(extents)
        parts.append(np.tensordot(kernel, seen, (range(1, rank + 2), range(1, rank + 2))).swapaxes(0, 1))
    return np.concatenate(parts, axis=1)


# arrays large enough for every path ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((70, 3, 12, 12), (4, 3, 5, 5), {}),  # several chunks of images, the last one smaller
        ((9, 20, 30, 30), (8, 20, 3, 3), {"pad": 1}),  # one image is larger than a chunk
        ((5, 16, 40, 40), (32, 16, 3, 3), {"stride": 2, "pad": 1}),
        ((2, 40, 40, 41), (40, 1, 3, 3), {"group": 40, "pad": 1}),  # several chunks of groups
        ((3, 12, 40, 40), (24, 4, 3, 3), {"group": 3, "stride": (2, 1)}),
        ((3, 2, 9, 9), (2, 2, 7, 8), {}),  # so few positions in a row that whole planes are not worth it
        ((4, 6, 16, 16), (5, 6, 1, 1), {}),
        ((4, 6, 16, 16), (5, 6, 1, 1), {"stride": 2}),
        ((3, 4, 300), (8, 4, 5), {"dilation": 3, "pad": 6}),
        ((2, 3, 9, 10, 11), (4, 3, 3, 2, 3), {"pad": 1}),
    ],
)
def test_convolution_of_many_entries(shape, kernel, options):
    x, w = random(*shape), random(*kernel, seed=1)
    rank = len(kernel) - 2
    found = {name: options.get(name, default) for name, default in (("stride", 1), ("pad", 0), ("dilation", 1))}
    group = options.get("group", 1)
    y = conv(x, w, None, found["stride"], found["pad"], found["dilation"], group)
    np.testing.assert_allclose(y.data, by_columns(x, w, **found, group=group), rtol=1e-9, atol=1e-9)
    xs, ws = tensor(x, requires_grad=True), tensor(w, requires_grad=True)
    y = conv(xs, ws, None, found["stride"], found["pad"], found["dilation"], group)
    g = random(*y.shape, seed=2)
    backward([y], [g])
    # <g, conv(x, w)> is linear in x and in w, and its gradients along them give it back
    wanted = np.vdot(g, y.data)
    assert np.isclose(np.vdot(xs.grad, x), wanted)
    assert np.isclose(np.vdot(ws.grad, w), wanted)
    other = random(*shape, seed=3)
    assert np.isclose(np.vdot(xs.grad, other), np.vdot(g, by_columns(other, w, **found, group=group)))
    more = random(*kernel, seed=4)
    assert np.isclose(np.vdot(ws.grad, more), np.vdot(g, by_columns(x, more, **found, group=group)))
    assert y.ndim == rank + 2


def test_what_memory_held_before_is_never_seen():
    x, w = random(2, 2, 6, 6, dtype=np.float32), random(3, 2, 3, 3, seed=1, dtype=np.float32)
    for _ in range(20):
        spoilt = [np.full(4096, np.nan, np.float32) for _ in range(8)]
        del spoilt
        kind = Conv()
        y = kind(x, w)
        assert np.isfinite(y).all()
        assert np.isfinite(ConvWeightGradient(kernel_shape=(3, 3))(x, y)).all()
        assert np.isfinite(ConvTranspose()(y, w)).all()


def test_no_images_give_no_outputs_and_gradients_of_zero():
    x = tensor(np.zeros((0, 2, 5, 5), np.float32), requires_grad=True)
    w = tensor(np.ones((3, 2, 3, 3), np.float32), requires_grad=True)
    y = pool.max_pool2d(conv2d(x, w, np.zeros(3, np.float32)), 2, padding=1)
    assert y.shape == (0, 3, 2, 2)
    backward([y], [np.zeros(y.shape, np.float32)])
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(w.grad, np.zeros(w.shape))


def test_half_precision_is_summed_in_single():
    x, w = np.full((1, 64, 8, 8), 0.1, np.float16), np.full((1, 64, 3, 3), 0.1, np.float16)
    y = conv2d(x, w)
    assert y.dtype == np.float16
    exact = 576 * float(np.float16(0.1)) ** 2
    np.testing.assert_array_equal(y.data, np.full((1, 1, 6, 6), exact, np.float16))
    assert pool.avg_pool2d(x, 2).dtype == np.float16


def test_mixed_dtypes_meet_in_the_wider_one():
    x = tensor(random(1, 1, 4, 4, dtype=np.float32), requires_grad=True)
    w = tensor(random(1, 1, 2, 2, dtype=np.float16), requires_grad=True)
    y = conv2d(x, w)
    assert y.dtype == np.float32
    backward([y], [np.ones(y.shape, np.float32)])
    assert (x.grad.dtype, w.grad.dtype) == (np.float32, np.float16)
    assert conv2d(np.ones((1, 1, 3, 3), np.uint8), np.ones((1, 1, 2, 2), np.float32)).dtype == np.float32


def test_windows_never_reach_outside_of_memory():
    with pytest.raises(ShapeError, match="padded length"):
        ConvWeightGradient(kernel_shape=(3, 3)).forward(np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 4, 4)))


# functions ----------------------------------------------------------------------------------------------------------
def test_padding_is_said_in_five_ways():
    x, w = random(1, 2, 5, 6), random(3, 2, 3, 3, seed=1)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 0)))
    wanted = conv2d(padded, w).data
    np.testing.assert_allclose(conv2d(x, w, padding=((1, 1), (2, 0))).data, wanted)
    np.testing.assert_allclose(conv2d(x, w, padding=(1, 0)).data, conv2d(padded[..., 2:], w).data)
    np.testing.assert_array_equal(conv2d(x, w, padding="valid").data, conv2d(x, w).data)
    np.testing.assert_array_equal(conv2d(x, w, padding="same").data, conv2d(x, w, padding=1).data)
    assert conv2d(x, w, padding="same").node.kind == Conv(pads=(1, 1, 1, 1))
    assert conv2d(x, random(3, 2, 2, 4), padding="same").shape == (1, 3, 5, 6)
    assert conv2d(x, w, stride=(2, 4), padding="same").shape == (1, 3, 3, 2)


def test_functions_for_each_number_of_axes():
    for rank, forward, transpose in (
        (1, conv1d, conv_transpose1d),
        (2, conv2d, conv_transpose2d),
        (3, conv3d, conv_transpose3d),
    ):
        x, w = random(2, 3, *(5,) * rank), random(4, 3, *(2,) * rank, seed=1)
        y = forward(x, w, random(4), stride=2, padding=1)
        assert y.shape == (2, 4, *(3,) * rank)
        np.testing.assert_array_equal(y.data, conv(x, w, random(4), stride=2, padding=1).data)
        back = transpose(y, w, random(3), stride=2, padding=1, output_padding=1)
        assert back.shape == x.shape


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: conv2d(np.ones((1, 1, 5)), np.ones((1, 1, 3))), ["conv2d", "rank 3, not 4", "conv1d"]),
        (lambda: conv1d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))), ["conv1d", "conv2d"]),
        (lambda: conv(np.ones((1, 1)), np.ones((1, 1))), ["rank 2, not 3 or more"]),
        (lambda: conv2d(np.ones((1, 5, 5)), np.ones((1, 1, 3, 3))), ["rank 3, not 4", "x[:, None]"]),
        (lambda: conv2d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3)), padding="full"), ["'full'", '"same"']),
        (lambda: conv2d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3)), stride=(1, 2, 3)), ["(1, 2, 3)", "(2, 2)"]),
        (lambda: conv2d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3)), stride=1.5), ["1.5", "neither an int"]),
        (
            lambda: deconv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)), stride=2, outsize=(8, 4)),
            ["(8, 4)", "(4, 4)"],
        ),
        (lambda: im2col(np.ones((3, 3)), 2), ["(3, 3)", "rank 2"]),
        (lambda: pool.max_pool2d(np.ones((3, 3, 3)), 2), ["rank 3, not 4"]),
        (lambda: pool.global_average_pool(np.ones((3, 3))), ["rank 2", "channels"]),
        (lambda: pool.adaptive_average_pool(np.ones((1, 1, 4)), 0), ["0 places", "1 or more"]),
        (lambda: pool.adaptive_average_pool(np.ones((1, 1, 4)), (2, 2)), ["(2, 2)", "each spatial axis"]),
        (lambda: pool.adaptive_max_pool(np.ones((1, 1, 4)), 1.5), ["adaptive_max_pool", "1.5 places", "1 or more"]),
        (lambda: resize(np.ones((1, 1, 4))), ["size=None", "scale=None"]),
        (lambda: resize(np.ones((1, 1, 4)), scale=(2, 2)), ["(2, 2)", "1 spatial axes"]),
        (lambda: pixel_shuffle(np.ones((1, 3, 2, 2)), 2), ["axis 1", "by 4", "length is 3"]),
    ],
)
def test_functions_refuse_what_does_not_fit(call, parts):
    with pytest.raises(ShapeError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_integers_are_refused_where_they_would_be_mixed():
    for call in (
        lambda: pool.avg_pool2d(np.ones((1, 1, 4, 4), int), 2),
        lambda: pool.adaptive_average_pool(np.ones((1, 1, 5), int), 2),
        lambda: resize(np.ones((1, 1, 4), int), scale=2, mode="linear"),
    ):
        with pytest.raises(DTypeError, match="astype"):
            call()


def test_the_books_deconvolution_takes_the_size_of_its_output():
    x, w = random(1, 2, 3, 3), random(2, 3, 3, 3, seed=1)
    assert deconv2d(x, w, stride=2, pad=1).shape == (1, 3, 5, 5)
    y = deconv2d(x, w, stride=2, pad=1, outsize=(6, 5))
    np.testing.assert_array_equal(y.data, conv_transpose2d(x, w, stride=2, padding=1, output_padding=(1, 0)).data)


def test_columns_are_rows_of_what_windows_see_and_come_back_as_sums():
    x = random(2, 3, 5, 6)
    rows = im2col(x, (3, 2), stride=(2, 1), pad=1)
    w = random(4, 3, 3, 2, seed=1)
    y = (rows.data @ w.reshape(4, -1).T).reshape(2, 3, 7, 4).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(y, conv2d(x, w, stride=(2, 1), padding=1).data)
    back = col2im(rows, x.shape, (3, 2), stride=(2, 1), pad=1)
    seen = col2im(np.ones(rows.shape), x.shape, (3, 2), stride=(2, 1), pad=1)
    np.testing.assert_allclose(back.data, x * seen.data)
    blocks = im2col(x, 2, to_matrix=False)
    assert blocks.shape == (2, 3, 2, 2, 4, 5)
    assert col2im(blocks, x.shape, 2, to_matrix=False).shape == x.shape


def test_pooling_functions():
    x = np.arange(36.0).reshape(1, 1, 6, 6)
    np.testing.assert_array_equal(pool.pooling(x, 2, 2).data, x[:, :, 1::2, 1::2])
    np.testing.assert_array_equal(pool.average_pooling(x, 2, 2).data, x[:, :, ::2, ::2] + 3.5)
    assert pool.max_pool2d(x, 3, 2, ceil_mode=True).shape == (1, 1, 3, 3)
    assert pool.max_pool2d(x, 3, 1, padding="same").shape == x.shape
    corner = pool.avg_pool2d(np.ones((1, 1, 3, 3)), 3, 1, padding=1).data[0, 0, 0, 0]
    assert corner == pytest.approx(4 / 9)
    whole = pool.avg_pool2d(np.ones((1, 1, 3, 3)), 3, 1, padding=1, count_include_pad=False).data
    np.testing.assert_allclose(whole, np.ones((1, 1, 3, 3)))
    assert pool.max_pool3d(np.zeros((1, 1, 4, 4, 4)), 2).shape == pool.avg_pool3d(np.zeros((1, 1, 4, 4, 4)), 2).shape
    np.testing.assert_array_equal(pool.global_max_pool(x, keepdims=True).data, [[[[35.0]]]])
    assert pool.global_average_pool(x).data == 17.5


def test_adaptive_means():
    x = random(2, 3, 7, 6)
    np.testing.assert_allclose(pool.adaptive_average_pool(x, 1).data, x.mean((2, 3), keepdims=True))
    np.testing.assert_allclose(pool.adaptive_average_pool(x, (1, 3)).data[..., 0, 1], x[..., 2:4].mean((2, 3)))
    np.testing.assert_array_equal(pool.adaptive_average_pool(x, (None, 6)).data, x)
    y = pool.adaptive_average_pool(x, (3, 4)).data
    for i, (low, high) in enumerate([(0, 3), (2, 5), (4, 7)]):
        for j, (left, right) in enumerate([(0, 2), (1, 3), (3, 5), (4, 6)]):
            np.testing.assert_allclose(y[:, :, i, j], x[:, :, low:high, left:right].mean((2, 3)))
    volume = random(1, 1, 3, 2, 2)
    np.testing.assert_allclose(pool.adaptive_average_pool(volume, (2, 2, 2)).data[0, 0, 0], volume[0, 0, :2].mean(0))
    graph = capture(lambda x: pool.adaptive_average_pool(x, 1), spec("N", 2, "H", "W"))
    assert graph.outputs[0].spec == spec("N", 2, 1, 1)
    with pytest.raises(ShapeError, match="named extent H"):
        capture(lambda x: pool.adaptive_average_pool(x, 2), spec("N", 2, "H", "H"))


def test_adaptive_maxima():
    x = random(2, 3, 7, 6)
    np.testing.assert_array_equal(pool.adaptive_max_pool(x, 1).data, x.max((2, 3), keepdims=True))
    np.testing.assert_array_equal(pool.adaptive_max_pool(x, (None, 6)).data, x)
    np.testing.assert_array_equal(pool.adaptive_max_pool(x, (None, 3)).data, np.maximum(x[..., ::2], x[..., 1::2]))
    y = pool.adaptive_max_pool(x, (3, 4)).data
    for i, (low, high) in enumerate([(0, 3), (2, 5), (4, 7)]):
        for j, (left, right) in enumerate([(0, 2), (1, 3), (3, 5), (4, 6)]):
            np.testing.assert_array_equal(y[:, :, i, j], x[:, :, low:high, left:right].max((2, 3)))
    assert pool.adaptive_max_pool(np.arange(5).reshape(1, 1, 5), 7).data.tolist() == [[[0, 1, 2, 2, 3, 4, 4]]]
    lg.check_gradients(lambda x: (pool.adaptive_max_pool(x, (3, 4)) ** 2).sum(), random(1, 2, 7, 6))
    ties = lg.tensor(np.ones((1, 1, 5)), requires_grad=True)
    pool.adaptive_max_pool(ties, 2).sum().backward()
    assert ties.grad.tolist() == [[[1.0, 0.0, 1.0, 0.0, 0.0]]]
    graph = capture(lambda x: pool.adaptive_max_pool(x, (2, 1)), spec("N", 2, 5, "W"))
    assert graph.outputs[0].spec == spec("N", 2, 2, 1)
    with pytest.raises(ShapeError, match="named extent H"):
        capture(lambda x: pool.adaptive_max_pool(x, 2), spec("N", 2, "H", "H"))


def test_pooling_layers_of_any_size():
    x = random(2, 3, 7, 6)
    for layer, function in (
        (AdaptiveAveragePooling((3, None)), lambda x: pool.adaptive_average_pool(x, (3, None))),
        (AdaptiveMaxPooling((3, None)), lambda x: pool.adaptive_max_pool(x, (3, None))),
        (GlobalMaxPooling(), pool.global_max_pool),
    ):
        np.testing.assert_array_equal(layer.forward(x), function(x).data)
        assert layer.backward(np.ones_like(function(x).data)).sum() == pytest.approx(function(x).data.size)
    assert repr(AdaptiveMaxPooling(2)) == "AdaptiveMaxPooling(2)"


def test_resizing_functions():
    x = random(1, 2, 3, 4)
    np.testing.assert_array_equal(resize(x, scale=2).data, x.repeat(2, 2).repeat(2, 3))
    np.testing.assert_array_equal(resize(x, size=(1, 2)).data, x[:, :, :1, ::2])
    np.testing.assert_allclose(resize(x, size=(1, 2), mode="linear").data[..., 0, 0], x[:, :, 1, :2].mean(-1))
    np.testing.assert_allclose(
        resize(x, size=(5, 4), mode="linear", coordinates="align_corners").data[:, :, 1], (x[:, :, 0] + x[:, :, 1]) / 2
    )
    shuffled = pixel_shuffle(random(1, 8, 2, 3), 2)
    np.testing.assert_array_equal(pixel_unshuffle(shuffled, 2).data, random(1, 8, 2, 3))


# named extents ------------------------------------------------------------------------------------------------------
H, W = Symbol.named("H"), Symbol.named("W")


@pytest.mark.parametrize(
    ("kind", "kernel", "wanted"),
    [
        (Conv(pads=(1, 1, 1, 1)), (3, 3), (H, W)),
        (Conv(), (3, 2), (H - 2, W - 1)),
        (Conv(auto_pad="SAME_UPPER"), (4, 5), (H, W)),
        (Conv(strides=(2, 2), pads=(1, 1, 1, 1)), (3, 3), ((H - 1) // 2 + 1, (W - 1) // 2 + 1)),
        (ConvTranspose(strides=(2, 2), pads=(1, 1, 1, 1)), (4, 4), (2 * H, 2 * W)),
        (ConvTranspose(strides=(2, 2), auto_pad="SAME_UPPER"), (3, 3), (2 * H, 2 * W)),
    ],
)
def test_named_extents_stay_simple(kind, kernel, wanted):
    found = kind.shape(spec("N", 2, "H", "W"), spec(2, 2, *kernel))
    assert found == spec("N", 2, *wanted)


def test_half_of_twice_a_named_extent_is_itself():
    doubled = MaxPool(kernel_shape=(2, 2), strides=(2, 2)).shape(spec("N", 2, 2 * H, 2 * W))
    assert doubled == spec("N", 2, "H", "W")
    assert Conv(strides=(2, 2), pads=(1,) * 4).shape(spec("N", 2, 2 * H, 2 * W), spec(2, 2, 3, 3)) == doubled


@pytest.mark.parametrize(
    "network",
    [
        lambda x, w: conv2d(x, w, stride=2, padding=1),
        lambda x, w: conv2d(x, w, stride=(3, 2), padding="same"),
        lambda x, w: pool.max_pool2d(conv2d(x, w, padding=1), 2),
        lambda x, w: pool.avg_pool2d(conv2d(x, w, padding="same"), 3, 2, padding=1, count_include_pad=False),
        lambda x, w: conv_transpose2d(conv2d(x, w, stride=2), w, stride=2, padding=1, output_padding=1),
        lambda x, w: resize(conv2d(x, w, stride=2, padding=1), scale=2, mode="linear"),
        lambda x, w: im2col(conv2d(x, w), 2, stride=2, pad=1),
        lambda x, w: pool.max_pool2d(x, 3, 2, ceil_mode=True) * w[0, 0, 0, 0],
    ],
)
def test_one_graph_for_images_of_every_size(network):
    """Values, gradients and gradients of gradients, at sizes that leave every remainder of the strides."""

    def twice(x, w, u):
        y = network(x, w)
        first = gradients([y * y], [x, w], grad_outputs=[y])
        second = gradients([first[0]], [x, w], grad_outputs=[u])
        return y, *first, *(0.0 * x if g is None else g for g in second)

    shape = ("N", 2, "H", "W")
    graph = capture(
        twice, spec(*shape, dtype=np.float64), spec(2, 2, 3, 3, dtype=np.float64), spec(*shape, dtype=np.float64)
    )
    for count, height, width in ((1, 7, 9), (2, 8, 6), (3, 9, 7), (1, 6, 8)):
        x, w, u = random(count, 2, height, width), random(2, 2, 3, 3, seed=1), random(count, 2, height, width, seed=2)
        found = graph.run([x, w, u])
        wanted = twice(tensor(x, requires_grad=True), tensor(w, requires_grad=True), tensor(u))
        for name, other in zip([graph.name_of(y) for y in graph.outputs], wanted, strict=True):
            np.testing.assert_allclose(found[name], other.data, rtol=1e-9, atol=1e-9)


def test_any_order_of_derivative_stays_within_the_three_kinds():
    x, w = tensor(random(2, 2, 5, 5), requires_grad=True), tensor(random(3, 2, 3, 3), requires_grad=True)
    y = conv2d(x, w, stride=2, padding=1)
    found = [(y, y)]
    for _ in range(3):
        y = (y * y).sum()
        of_x, of_w = gradients([y], [x, w])
        found.append((of_x, of_w))
        y = of_x + 0.0 * x
    kinds, stack, seen = set(), [each for pair in found for each in pair], set()
    while stack:
        each = stack.pop()
        if each.node is not None and each.node.order not in seen:
            seen.add(each.node.order)
            kinds.add(each.node.kind.name)
            stack.extend(
                each.node.inputs[i] for i in range(len(each.node.inputs)) if hasattr(each.node.inputs[i], "node")
            )
    assert {name for name in kinds if name.startswith("Conv")} == {"Conv", "ConvTranspose", "ConvWeightGradient"}
    assert np.isfinite(of_x.data).all()


# layers -------------------------------------------------------------------------------------------------------------
class BookConvolution:
    """The books' layer, by columns."""

    def __init__(self, W, b, stride=1, pad=0):
        self.params, self.stride, self.pad = [W, b], stride, pad
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x_shape, count = x.shape, W.shape[0]
        self.col = im2col(x, W.shape[2:], self.stride, self.pad).data
        height = 1 + (x.shape[2] + 2 * self.pad - W.shape[2]) // self.stride
        width = 1 + (x.shape[3] + 2 * self.pad - W.shape[3]) // self.stride
        out = self.col @ W.reshape(count, -1).T + b
        return out.reshape(len(x), height, width, -1).transpose(0, 3, 1, 2)

    def backward(self, dout):
        W, _ = self.params
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, W.shape[0])
        self.grads[1][...] = dout.sum(axis=0)
        self.grads[0][...] = (self.col.T @ dout).T.reshape(W.shape)
        return col2im(dout @ W.reshape(W.shape[0], -1), self.x_shape, W.shape[2:], self.stride, self.pad).data


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1)])
def test_convolution_is_the_books(stride, pad):
    W, b, x = random(4, 3, 3, 3), random(4, seed=1), random(5, 3, 7, 6, seed=2)
    ours, theirs = Convolution(W, b, stride, pad), BookConvolution(W.copy(), b.copy(), stride, pad)
    first, second = ours.grads
    y = ours.forward(x)
    np.testing.assert_allclose(y, theirs.forward(x), atol=1e-12)
    dout = random(*y.shape, seed=3)
    np.testing.assert_allclose(ours.backward(dout), theirs.backward(dout), atol=1e-12)
    for found, wanted in zip((first, second), theirs.grads, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert ours.params[0] is W


def test_pooling_is_the_books():
    x = random(2, 3, 4, 6)
    layer = Pooling(2, 3, stride=2)
    col = im2col(x, (2, 3), 2).data.reshape(-1, 6)
    y = layer.forward(x)
    np.testing.assert_array_equal(y, col.max(axis=1).reshape(2, 2, 2, 3).transpose(0, 3, 1, 2))
    dout = random(*y.shape, seed=1)
    back = np.zeros_like(col)
    back[np.arange(len(col)), col.argmax(axis=1)] = dout.transpose(0, 2, 3, 1).ravel()
    np.testing.assert_allclose(layer.backward(dout), col2im(back.reshape(8, -1), x.shape, (2, 3), 2).data)
    assert Pooling(2, 2).forward(x).shape == (2, 3, 2, 3)


def test_layers_are_printed_with_their_sizes_and_learn_in_a_model():
    layers = [
        Convolution.create(1, 4, 3, pad="same", seed=1),
        MaxPooling(2),
        Convolution.create(4, 4, 3, groups=2, stride=2, pad=1, bias=False),
        ConvolutionTranspose.create(4, 8, 2, stride=2),
        Upsample(2),
        PixelShuffle(2),
        AveragePooling((2, 4), pad=(1, 0)),
        GlobalAveragePooling(),
    ]
    assert [repr(layer) for layer in layers] == [
        "Convolution(1, 4, 3x3, pads=(1, 1, 1, 1))",
        "MaxPooling(2)",
        "Convolution(4, 4, 3x3, strides=(2, 2), pads=(1, 1, 1, 1), group=2)",
        "ConvolutionTranspose(4, 8, 2x2, strides=(2, 2))",
        "Upsample(2, nearest)",
        "PixelShuffle(2)",
        "AveragePooling((2, 4), pad=(1, 0))",
        "GlobalAveragePooling()",
    ]
    model = Sequential(*layers)
    assert list(model.parameters()) == ["0/W", "0/b", "2/W", "3/W", "3/b"]
    y = model(random(3, 1, 8, 8, dtype=np.float32))
    assert (y.shape, y.dtype) == ((3, 2), np.float32)
    y.sum().backward()
    assert all(np.abs(parameter.grad).max() > 0 for parameter in model.parameters().values())
    graph = model.graph(spec("N", 1, "H", "W"))
    x = random(2, 1, 12, 16, dtype=np.float32)
    (found,) = graph.run([x]).values()
    np.testing.assert_allclose(found, model(x).data, rtol=1e-5, atol=1e-6)


def test_layers_for_signals_and_volumes():
    x = random(2, 3, 9)
    layer = Convolution.create(3, 4, (3,), stride=2, dtype=np.float64)
    assert AveragePooling(2).forward(layer.forward(x)).shape == (2, 4, 2)
    volume = Convolution.create(3, 4, (3, 2, 1))
    assert volume.forward(random(1, 3, 4, 4, 4, dtype=np.float32)).shape == (1, 4, 2, 3, 4)
    assert Flatten().forward(np.zeros((2, 3, 4))).shape == (2, 12)


def test_transposed_kernels_start_as_wide_as_the_convolution_that_has_their_inputs():
    layer = ConvolutionTranspose.create(64, 16, 4, seed=3)
    assert layer.W.shape == (64, 16, 4, 4)
    assert np.std(layer.W.data) == pytest.approx(np.sqrt(2 / (64 * 16)), rel=0.02)


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: Convolution(np.ones((3, 3)) * 1.0), ["Convolution", "(3, 3)", "(outputs, inputs, height, width)"]),
        (lambda: ConvolutionTranspose(np.ones((3, 3)) * 1.0), ["(inputs, outputs, height, width)"]),
        (lambda: Convolution(np.ones((4, 3, 2, 2)), np.ones(3)), ["b of shape (3,)", "4 outputs", "(4,)"]),
        (lambda: Convolution.create(4, 6, 3, groups=4), ["4 inputs and 6 outputs in 4 groups"]),
        (lambda: MaxPooling(2).forward(np.ones((3, 3))), ["MaxPooling", "(3, 3)", "rank 2"]),
        (
            lambda: Convolution.create(3, 4, 5).forward(np.ones((2, 1, 8, 8), np.float32)),
            ["channels differ: 1 (axis 1", "/W`", "(4, 3, 5, 5)", "in layer convolution"],
        ),
    ],
)
def test_layers_refuse_what_does_not_fit(call, parts):
    with pytest.raises(LocalgradError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)
