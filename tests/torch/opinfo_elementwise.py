"""Adapters of the operations that work entry by entry."""

from __future__ import annotations

import math
from typing import Any

import localgrad as lg
from tests.torch.opinfo import Convention, Outside, converted, twin

twin("abs")(lg.abs)
twin("acos")(lg.acos)
twin("acosh")(lg.acosh)
twin("asin")(lg.asin)
twin("asinh")(lg.asinh)
twin("atan")(lg.atan)
twin("atan2")(lg.atan2)
twin("atanh")(lg.atanh)
twin("ceil")(lg.ceil)
twin("cos")(lg.cos)
twin("cosh")(lg.cosh)
twin("digamma")(lg.digamma)
twin("eq")(lg.equal)
twin("erf")(lg.erf)
twin("erfc")(lg.erfc)
twin("exp")(lg.exp)
twin("exp2")(lg.exp2)
twin("expm1")(lg.expm1)
twin("floor")(lg.floor)
twin("floor_divide")(lg.floor_divide)
twin("ge")(lg.greater_equal)
twin("gt")(lg.greater)
twin("isfinite")(lg.isfinite)
twin("isinf")(lg.isinf)
twin("isnan")(lg.isnan)
twin("le")(lg.less_equal)
twin("lgamma")(lg.lgamma)
twin("log")(lg.log)
twin("log10")(lg.log10)
twin("log1p")(lg.log1p)
twin("log2")(lg.log2)
twin("logaddexp")(lg.logaddexp)
twin("logical_and")(lg.logical_and)
twin("logical_not")(lg.logical_not)
twin("logical_or")(lg.logical_or)
twin("logical_xor")(lg.logical_xor)
twin("lt")(lg.less)
twin("maximum")(lg.maximum)
twin("minimum")(lg.minimum)
twin("mul", "__rmul__")(lg.multiply)
twin("ne")(lg.not_equal)
twin("neg")(lg.negative)
twin("polygamma", "special.polygamma")(lambda x, n: lg.polygamma(n, x))
twin("positive")(lg.positive)
twin("pow")(lg.power)
twin("reciprocal")(lg.reciprocal)
twin("remainder")(lg.remainder)
twin("round")(lg.round)
twin("rsqrt")(lambda x: 1 / lg.sqrt(x))
twin("sigmoid")(lg.sigmoid)
twin("sign", "sgn")(lg.sign)
twin("sin")(lg.sin)
twin("sinh")(lg.sinh)
twin("sqrt")(lg.sqrt)
twin("square")(lg.square)
twin("tan")(lg.tan)
twin("tanh")(lg.tanh)
twin("copysign")(lg.copysign)
twin("deg2rad")(lg.deg2rad)
twin("erfinv")(lg.erfinv)
twin("fmax")(lg.fmax)
twin("fmin")(lg.fmin)
twin("fmod")(lg.fmod)
twin("frac")(lg.frac)
twin("heaviside")(lg.heaviside)
twin("hypot")(lg.hypot)
twin("i0")(lg.i0)
twin("isclose")(lg.isclose)
twin("allclose")(lg.allclose)
twin("isneginf")(lg.isneginf)
twin("isposinf")(lg.isposinf)
twin("ldexp")(lg.ldexp)
twin("lerp")(lg.lerp)
twin("logaddexp2")(lg.logaddexp2)
twin("logit")(lambda x, eps=None: lg.logit(x, eps))
twin("mvlgamma")(lambda x, p: sum((lg.lgamma(x - 0.5 * i) for i in range(p)), p * (p - 1) / 4 * math.log(math.pi)))
twin("nan_to_num")(lg.nan_to_num)
twin("rad2deg")(lg.rad2deg)
twin("signbit")(lg.signbit)
twin("sinc")(lg.sinc)
twin("special.entr")(lambda x: lg.where(x < 0, float("-inf"), -lg.xlogy(x, x)))
twin("special.i0e")(lambda x: lg.i0(x) * lg.exp(-lg.abs(x)))
twin("special.i1")(lg.i1)
twin("special.i1e")(lambda x: lg.i1(x) * lg.exp(-lg.abs(x)))
twin("special.log_ndtr")(lambda x: lg.log(lg.erfc(x * -(0.5**0.5)) / 2))
twin("special.ndtr")(lambda x: lg.erfc(x * -(0.5**0.5)) / 2)
twin("special.ndtri")(lambda x: 2**0.5 * lg.erfinv(2 * x - 1))
twin("special.xlog1py")(lambda x, y: lg.xlogy(x, y + 1))
twin("trunc")(lg.trunc)
twin("xlogy")(lg.xlogy)
twin("clone", "contiguous", "conj", "real", "resolve_conj", "resolve_neg", "alias_copy")(
    lambda x, **layout: lg.identity(x)
)
twin("addcdiv")(lambda x, a, b, *, value=1: x + value * a / b)
twin("addcmul")(lambda x, a, b, *, value=1: x + value * a * b)
twin("rsub", "__rsub__", of="sub")(lambda x, other, *, alpha=1: lg.subtract(other, x * alpha if alpha != 1 else x))
twin("__rpow__", of="pow")(lambda x, other: lg.power(other, x))
twin("__rmod__", of="remainder")(lambda x, other: lg.remainder(other, x))
twin("__rdiv__", of="div")(lambda x, other: lg.divide(other, x))
twin("float_power", of="pow")(lambda x, other: lg.power(lg.cast(x, "float64"), other))
twin("zero_", of="full_like")(lg.zeros_like)
twin("fill", of="full_like")(lambda x, value: lg.where(lg.full_like(x, True, bool), value, x))


@twin("add", "__radd__")
def add(x: Any, other: Any, *, alpha: float = 1) -> Any:
    return lg.add(x, other * alpha if alpha != 1 else other)


@twin("sub")
def subtract(x: Any, other: Any, *, alpha: float = 1) -> Any:
    return lg.subtract(x, other * alpha if alpha != 1 else other)


@twin("div", "true_divide")
def divide(x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return lg.floor_divide(x, other)
    y = lg.divide(x, other)
    return y if rounding_mode is None else lg.trunc(y)


@twin("clamp", "clamp_min", "clamp_max")
def clip(x: Any, low: Any = None, high: Any = None, **named: Any) -> Any:
    bounds = named.get("min", low), named.get("max", high)
    if any(isinstance(each, lg.Tensor) and each.dtype.kind == "i" for each in bounds) and x.dtype == "float32":
        raise Convention("float32 and int32 make float32, where NumPy and localgrad have float64")
    return lg.clip(x, *bounds)


@twin("clamp_max", of="clamp")
def clip_above(x: Any, high: Any) -> Any:
    return clip(x, None, high)


@twin("where")
def where(a: Any, condition: Any, b: Any) -> Any:  # the table gives a first
    return lg.where(condition, a, b)


@twin("masked_fill", of="where")
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return lg.where(mask, value, x)


@twin("full_like", "ones_like", "zeros_like")
def full_like(x: Any, value: Any = 0, *, dtype: Any = None, device: Any = None, layout: Any = None) -> Any:
    if dtype is not None:
        converted(x, dtype)
    return lg.full_like(x, value, dtype)


@twin("ones_like", of="full_like")
def ones_like(x: Any, **options: Any) -> Any:
    return full_like(x, 1, **options)


@twin("to", "float", "double", "half")
def cast(x: Any, *arguments: Any, **options: Any) -> Any:
    import numpy as np

    wanted = [each for each in (*arguments, *options.values()) if isinstance(each, np.dtype)]
    like = [each for each in arguments if isinstance(each, lg.Tensor)]
    if not wanted and not like:
        raise Outside("devices and memory layouts")
    return converted(x, wanted[0] if wanted else like[0].dtype)


for _name, _dtype in {"float": "float32", "double": "float64", "half": "float16"}.items():
    twin(_name, of="to")(lambda x, dtype=_dtype, **layout: lg.cast(x, dtype))
