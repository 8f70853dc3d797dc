"""Adapters of the layers of networks: convolution, pooling, activation, normalization, resizing, padding."""

from __future__ import annotations

from typing import Any

import numpy as np

import localgrad as lg
from tests.torch.opinfo import Convention, converted, twin

F = "nn.functional."


# activations --------------------------------------------------------------------------------------------------------
twin(F + "relu")(lambda x, inplace=False: lg.relu(x))
twin(F + "elu")(lambda x, alpha=1.0, inplace=False: lg.elu(x, alpha))
twin(F + "selu")(lambda x, inplace=False: lg.selu(x))
twin(F + "gelu")(lambda x, *, approximate="none": lg.gelu(x, approximate))
twin(F + "silu")(lambda x, inplace=False: lg.silu(x))
twin(F + "mish")(lambda x, inplace=False: lg.mish(x))
twin(F + "hardsigmoid")(lambda x, inplace=False: lg.hard_sigmoid(x))
twin(F + "hardswish")(lambda x, inplace=False: lg.hard_swish(x))
twin(F + "leaky_relu")(lambda x, negative_slope=0.01, inplace=False: lg.leaky_relu(x, negative_slope))
twin(F + "softplus")(lambda x, beta=1, threshold=20: lg.where(beta * x > threshold, x, lg.softplus(beta * x) / beta))
twin(F + "celu")(lambda x, alpha=1.0, inplace=False: lg.celu(x, alpha))
twin(F + "glu")(lambda x, dim=-1: lg.glu(x, dim))
twin(F + "hardshrink")(lambda x, lambd=0.5: lg.hard_shrink(x, lambd))
twin(F + "hardtanh")(lambda x, min_val=-1.0, max_val=1.0, inplace=False: lg.hard_tanh(x, min_val, max_val))
twin(F + "logsigmoid")(lg.log_sigmoid)
twin(F + "relu6")(lambda x, inplace=False: lg.relu6(x))
twin(F + "softmin")(lambda x, dim=None, dtype=None: along(lg.softmin, converted(x, dtype), dim))
twin(F + "softshrink")(lambda x, lambd=0.5: lg.soft_shrink(x, lambd))
twin(F + "softsign")(lg.softsign)
twin(F + "tanhshrink")(lg.tanh_shrink)
twin(F + "threshold")(lambda x, threshold, value, inplace=False: lg.threshold(x, threshold, value))
twin(F + "channel_shuffle")(lg.channel_shuffle)
twin(F + "bilinear")(lg.bilinear)
twin(F + "local_response_norm")(
    lambda x, size, alpha=1e-4, beta=0.75, k=1.0: lg.local_response_normalization(x, size, alpha, beta, k)
)
twin(F + "normalize")(lambda x, p=2.0, dim=1, eps=1e-12: along(lambda x, axis: lg.normalize(x, p, axis, eps), x, dim))
twin(F + "pairwise_distance")(lambda a, b, p=2.0, eps=1e-6, keepdim=False: lg.pairwise_distance(a, b, p, eps, keepdim))
twin("cdist")(lambda a, b, p=2.0, compute_mode=None: lg.cdist(a, b, p))
twin("softmax")(lambda x, dim, dtype=None: along(lg.softmax, converted(x, dtype), dim))
twin("log_softmax")(lambda x, dim, dtype=None: along(lg.log_softmax, converted(x, dtype), dim))


def along(function: Any, x: Any, dim: int) -> Any:
    return function(x, dim) if x.ndim else lg.reshape(function(lg.reshape(x, (1,)), 0), ())


@twin(F + "prelu")
def prelu(x: Any, weight: Any) -> Any:
    # PyTorch's slopes lie along axis 1
    if weight.ndim == 1 and x.ndim > 1:
        weight = lg.reshape(weight, (-1,) + (1,) * (x.ndim - 2))
    return lg.prelu(x, lg.reshape(weight, ()) if x.ndim < 2 and weight.size == 1 else weight)


@twin(F + "pdist")
def pdist(x: Any, p: float = 2.0) -> Any:
    rows, columns = np.triu_indices(x.shape[0], 1)
    return lg.norm(x[rows] - x[columns], p, -1)


@twin(F + "cosine_similarity")
def cosine_similarity(a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    if a.ndim == 0:
        return lg.cosine_similarity(lg.reshape(a, (1,)), lg.reshape(b, (1,)), 0, eps)
    return lg.cosine_similarity(*lg.broadcast_arrays(a, b), dim, eps)


# convolution --------------------------------------------------------------------------------------------------------
def convolution(rank: int, ours: Any, transposed: bool) -> Any:
    def adapter(x: Any, w: Any, b: Any = None, *arguments: Any, **options: Any) -> Any:
        names = (
            ("stride", "padding", "output_padding", "groups", "dilation")
            if transposed
            else ("stride", "padding", "dilation", "groups")
        )
        options = {**dict(zip(names, arguments)), **options}
        options = {name: _one(value) for name, value in options.items()}
        b = options.pop("bias", b)
        if x.ndim == rank + 1:  # one image without a batch
            return lg.squeeze(ours(lg.expand_dims(x, 0), w, b, **options), 0)
        return ours(x, w, b, **options)

    return adapter


def _one(value: Any) -> Any:
    """A setting for all axes as PyTorch may say it: (2,) is 2."""
    return value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value


for _rank in (1, 2, 3):
    twin(f"{F}conv{_rank}d")(convolution(_rank, getattr(lg, f"conv{_rank}d"), False))
    twin(f"{F}conv_transpose{_rank}d")(convolution(_rank, getattr(lg, f"conv_transpose{_rank}d"), True))


# pooling ------------------------------------------------------------------------------------------------------------
def batched(function: Any, x: Any, rank: int) -> Any:
    """The function on one image without a batch."""
    if x.ndim != rank + 1:
        return function(x)
    made = function(lg.expand_dims(x, 0))
    return tuple(lg.squeeze(y, 0) for y in made) if isinstance(made, tuple) else lg.squeeze(made, 0)


def largest(rank: int) -> Any:
    ours = getattr(lg, f"max_pool{rank}d")

    def adapter(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        settings = (_one(kernel_size), None if not stride else _one(stride), _one(padding), _one(dilation), ceil_mode)
        return batched(lambda x: ours(x, *settings, return_indices=return_indices), x, rank)

    return adapter


def mean(rank: int) -> Any:
    ours = getattr(lg, f"avg_pool{rank}d")

    def adapter(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        kernel = _one(kernel_size)
        settings = (kernel, None if not stride else _one(stride), _one(padding), ceil_mode)
        if divisor_override is not None:
            raise Convention("a divisor of the caller's in place of the window's size")
        return batched(lambda x: ours(x, *settings, count_include_pad), x, rank)

    return adapter


def adaptive(rank: int) -> Any:
    def adapter(x: Any, output_size: Any) -> Any:
        size = _one(output_size)
        return batched(lambda x: lg.adaptive_average_pool(x, size), x, rank)

    return adapter


for _rank in (1, 2, 3):
    twin(f"{F}max_pool{_rank}d")(largest(_rank))
    twin(f"{F}avg_pool{_rank}d")(mean(_rank))
    twin(f"{F}adaptive_avg_pool{_rank}d")(adaptive(_rank))


# normalization ------------------------------------------------------------------------------------------------------
@twin(F + "layer_norm", "native_layer_norm")
def layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return lg.layer_normalization(x, weight, bias, -len(shape), eps)


@twin("native_layer_norm", of=F + "layer_norm")
def native_layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    axes = tuple(range(-len(shape), 0))
    deviation = 1 / lg.sqrt(lg.var(x, axes, keepdims=True) + eps)
    return lg.layer_normalization(x, weight, bias, -len(shape), eps), lg.mean(x, axes, True), deviation


@twin(F + "rms_norm")
def rms_norm(x: Any, shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    return lg.rms_normalization(x, weight, -len(shape), float(np.finfo(x.dtype).eps) if eps is None else eps)


@twin(F + "batch_norm")
def batch_norm(
    x: Any,
    mean: Any,
    variance: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if x.ndim < 2:
        raise Convention("an input without entries may have no axis of channels")
    channels = x.shape[1]
    weight = lg.ones((channels,), x.dtype) if weight is None else weight
    bias = lg.zeros((channels,), x.dtype) if bias is None else bias
    if training:
        return lg.batch_normalization(x, weight, bias, training=True, epsilon=eps)[0]
    return lg.batch_normalization(x, weight, bias, mean, variance, epsilon=eps)


# resizing and padding -----------------------------------------------------------------------------------------------
@twin(F + "interpolate", F + "upsample_nearest", F + "upsample_bilinear")
def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    if mode == "bicubic":
        raise Convention("resizing by cubic polynomials, which localgrad does not have")
    if antialias:
        raise Convention("resizing with smoothing before it")
    if recompute_scale_factor or (mode == "area" and size is None):
        # the size alone decides, and the scale is what it comes to
        scales = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * (x.ndim - 2)
        size, scale_factor = tuple(int(extent * each) for extent, each in zip(x.shape[2:], scales)), None
    if mode == "area":
        return lg.adaptive_average_pool(x, size)
    if mode == "nearest-exact":
        wanted = size if isinstance(size, (tuple, list)) else (size,) * (x.ndim - 2)
        if size is None or any(
            np.any((np.arange(each) + 0.5) * extent / each % 1 == 0) for each, extent in zip(wanted, x.shape[2:])
        ):
            raise Convention("of two places equally near the later one, where ONNX and localgrad take the earlier")
        return lg.resize(x, size, scale_factor, coordinates="half_pixel")
    if mode == "nearest":
        return lg.resize(x, size, scale_factor)
    return lg.resize(x, size, scale_factor, "linear", "align_corners" if align_corners else "half_pixel")


@twin(F + "upsample_bilinear", of=F + "interpolate")
def upsample_bilinear(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
    return interpolate(x, size, scale_factor, "bilinear", True)


@twin(F + "pixel_shuffle")
def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    return leading(lambda x: lg.pixel_shuffle(x, upscale_factor), x)


@twin(F + "pixel_unshuffle")
def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    return leading(lambda x: lg.pixel_unshuffle(x, downscale_factor), x)


def leading(function: Any, x: Any) -> Any:
    """A function of images with one batch axis, on any number of them."""
    lead = x.shape[:-3]
    count = int(np.prod(lead))
    y = function(lg.reshape(x, (count, *x.shape[-3:])))
    return lg.reshape(y, (*lead, *y.shape[1:]))


@twin(F + "pad", "constant_pad_nd")
def pad(x: Any, pads: Any, mode: str = "constant", value: float | None = None) -> Any:
    if mode == "replicate":
        mode = "edge"
    if mode == "circular":
        mode = "wrap"
    if mode == "wrap" and any(each < 0 for each in pads):
        raise Convention("cropping before wrapping around, where localgrad counts the entries cropped")
    widths = [(0, 0)] * (x.ndim - len(pads) // 2)
    widths += [(pads[place], pads[place + 1]) for place in range(len(pads) - 2, -1, -2)]
    return lg.pad(x, widths, mode, 0.0 if value is None else value)


@twin("constant_pad_nd", of=F + "pad")
def constant_pad(x: Any, pads: Any, value: float = 0.0) -> Any:
    return pad(x, pads, "constant", value)


@twin(F + "unfold")
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    image = lg.expand_dims(x, 0) if x.ndim == 3 else x
    columns = lg.im2col(image, kernel_size, stride, padding, to_matrix=False, dilation=dilation)
    n, c, kh, kw, height, width = columns.shape
    y = lg.reshape(columns, (n, c * kh * kw, height * width))
    return lg.squeeze(y, 0) if x.ndim == 3 else y
