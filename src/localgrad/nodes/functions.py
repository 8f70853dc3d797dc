"""The functions of tensors, chosen by hand; each stands beside its kind."""

from __future__ import annotations

from localgrad.nodes.activations import (
    elu,
    gelu,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
)
from localgrad.nodes.arithmetic import (
    add,
    divide,
    floor_divide,
    multiply,
    negative,
    positive,
    power,
    remainder,
    square,
    subtract,
)
from localgrad.nodes.batch_normalization import batch_normalization
from localgrad.nodes.binary_cross_entropy import binary_cross_entropy, sigmoid_cross_entropy
from localgrad.nodes.branching import clip, maximum, minimum, where
from localgrad.nodes.comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
from localgrad.nodes.creation import arange, eye, full, full_like, linspace, ones, ones_like, zeros, zeros_like
from localgrad.nodes.cross_entropy import accuracy, softmax_cross_entropy
from localgrad.nodes.diagonal import diag, diagonal, trace, tril, triu
from localgrad.nodes.einsum import einsum, inner, outer, tensordot, vdot
from localgrad.nodes.exponential import exp, exp2, expm1, log, log1p, log2, log10, logaddexp, reciprocal, sqrt
from localgrad.nodes.gamma import digamma, erf, erfc, lgamma, polygamma
from localgrad.nodes.indexing import one_hot, take, take_along_axis
from localgrad.nodes.joining import array_split, column_stack, concatenate, hstack, split, stack, vstack
from localgrad.nodes.linear import dot, matmul
from localgrad.nodes.losses import huber_loss, kl_divergence, mean_absolute_error, mean_squared_error
from localgrad.nodes.normalization import layer_normalization, rms_normalization
from localgrad.nodes.padding import pad
from localgrad.nodes.random import bernoulli, dropout, random_normal, random_uniform, seed
from localgrad.nodes.reduction import all, any, argmax, argmin, max, mean, min, sum
from localgrad.nodes.rounding import abs, ceil, floor, isfinite, isinf, isnan, round, sign
from localgrad.nodes.running import cumprod, cumsum, diff, prod
from localgrad.nodes.shaping import (
    broadcast_to,
    expand_dims,
    flatten,
    matrix_transpose,
    moveaxis,
    ravel,
    reshape,
    squeeze,
    sum_to,
    swapaxes,
    transpose,
)
from localgrad.nodes.softmax import log_softmax, softmax
from localgrad.nodes.statistics import logsumexp, norm, std, var
from localgrad.nodes.structure import branch, cast, identity, size
from localgrad.nodes.tiling import flip, repeat, roll, tile
from localgrad.nodes.trigonometric import acos, acosh, asin, asinh, atan, atan2, atanh, cos, cosh, sin, sinh, tan, tanh

__all__ = [
    "abs", "accuracy", "acos", "acosh", "add", "all", "any", "arange", "argmax", "argmin", "array_split",
    "asin", "asinh", "atan", "atan2", "atanh", "batch_normalization", "bernoulli", "binary_cross_entropy",
    "branch", "broadcast_to", "cast", "ceil", "clip", "column_stack", "concatenate", "cos", "cosh", "cumprod",
    "cumsum", "diag", "diagonal", "diff", "digamma", "divide", "dot", "dropout", "einsum", "elu", "equal",
    "erf", "erfc", "exp", "exp2", "expand_dims", "expm1", "eye", "flatten", "flip", "floor", "floor_divide",
    "full", "full_like", "gelu", "greater", "greater_equal", "hard_sigmoid", "hard_swish", "hstack",
    "huber_loss", "identity", "inner", "isfinite", "isinf", "isnan", "kl_divergence", "layer_normalization",
    "leaky_relu", "less", "less_equal", "lgamma", "linspace", "log", "log1p", "log2", "log10", "log_softmax",
    "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "matmul",
    "matrix_transpose", "max", "maximum", "mean", "mean_absolute_error", "mean_squared_error", "min", "minimum",
    "mish", "moveaxis", "multiply", "negative", "norm", "not_equal", "one_hot", "ones", "ones_like", "outer",
    "pad", "polygamma", "positive", "power", "prod", "random_normal", "random_uniform", "ravel", "reciprocal",
    "relu", "remainder", "repeat", "reshape", "rms_normalization", "roll", "round", "seed", "selu", "sigmoid",
    "sigmoid_cross_entropy", "sign", "silu", "sin", "sinh", "size", "softmax", "softmax_cross_entropy",
    "softplus", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "sum_to", "swapaxes",
    "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "trace", "transpose", "tril", "triu", "var",
    "vdot", "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip
