"""Operators that work entry by entry."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from localgrad.exchange.onnx_imported import Imported, only_values, operator
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.registry import kind_named
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import rank_of
from localgrad.nodes.structure import Cast

DTYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
          10: "float16", 11: "float64", 12: "uint32", 13: "uint64"}  # fmt: skip


def K(name: str, *xs: Value, **fields: Any) -> Value:  # noqa: N802 - it stands for the kind it names
    """The kind of this name with these fields on these inputs."""
    return kind_named(name).on(*xs, **fields)


def dtype_of(x: Value) -> np.dtype[Any]:
    """The dtype of a tensor or array."""
    return np.dtype(x.dtype) if hasattr(x, "dtype") else np.asarray(x).dtype


def cast(x: Value, dtype: Any) -> Value:
    """X in a dtype; itself where it has it."""
    return x if dtype_of(x) == np.dtype(dtype) else Cast.on(x, dtype=np.dtype(dtype).name)


def is_integer(x: Value) -> bool:
    """Whether x holds integers."""
    return dtype_of(x).kind in "iu"


def like_constant(x: Value, number: float) -> Value:
    """A number in the dtype of x, as Python has it."""
    return float(number) if dtype_of(x).kind == "f" else int(number)


SAME = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor", "HardSwish",
    "Identity", "IsNaN", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sinh",
    "Softplus", "Softsign", "Sqrt", "Tan", "Tanh",
)  # fmt: skip
BINARY = ("Add", "Sub", "Mul", "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Xor")
FIELDS = {
    "Celu": {"alpha": 1.0},
    "Elu": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "LeakyRelu": {"alpha": 0.01},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Shrink": {"lambd": 0.5, "bias": 0.0},
}


@operator(*SAME)
def same(op: Imported, x: Value) -> Value:
    """Operators of which we have the kind."""
    return K(op.operation, x)


@operator(*FIELDS)
def with_fields(op: Imported, x: Value) -> Value:
    """Operators whose attributes are the fields of our kind."""
    fields = {name: op.get(name, default) for name, default in FIELDS[op.operation].items()}
    return K(op.operation, x, **fields)


def aligned(op: Imported, a: Value, b: Value) -> Value:
    """The second input of an old binary operator, whose axes could be said to begin at one of the first's."""
    if op.version >= 7 or not op.get("broadcast", 0) or op.get("axis") is None:
        return b
    axis = op.get("axis") % max(rank_of(a), 1)
    more = rank_of(a) - axis - rank_of(b)
    return K("Unsqueeze", b, axis=tuple(range(rank_of(b), rank_of(b) + more))) if more > 0 else b


@operator(*BINARY)
def binary(op: Imported, a: Value, b: Value) -> Value:
    """Operators of two inputs of which we have the kind."""
    return K(op.operation, a, aligned(op, a, b))


@operator("Div")
def divided(op: Imported, a: Value, b: Value) -> Value:
    """Integers are divided towards 0."""
    b = aligned(op, a, b)
    if not is_integer(a):
        return K("Div", a, b)
    whole = K("FloorDivide", K("Abs", a), K("Abs", b))
    return cast(whole * K("Sign", a) * K("Sign", b), dtype_of(a)) if dtype_of(a).kind == "i" else K("FloorDivide", a, b)


@operator("Mod")
def remainder(op: Imported, a: Value, b: Value) -> Value:
    """With fmod the sign is that of the first, else of the second."""
    return K("FMod" if op.get("fmod", 0) else "Mod", a, b)


@operator("Pow")
def power(op: Imported, a: Value, b: Value) -> Value:
    """The result has the dtype of the base."""
    b = aligned(op, a, b)
    if dtype_of(a) == dtype_of(b):
        return cast(K("Pow", a, b), dtype_of(a))
    wide = np.result_type(dtype_of(a), dtype_of(b))
    return cast(K("Pow", cast(a, wide), cast(b, wide)), dtype_of(a))


@operator("PRelu")
def prelu(op: Imported, x: Value, slope: Value) -> Value:
    """In old versions the slope has one number for each channel."""
    if op.version < 7 and rank_of(slope) == 1 and rank_of(x) > 2:
        slope = K("Unsqueeze", slope, axis=tuple(range(1, rank_of(x) - 1)))
    if is_integer(x):
        return K("Where", x < 0, cast(x * slope, dtype_of(x)), x)
    return K("PRelu", x, slope)


@operator("Max", "Min")
def outermost(op: Imported, *xs: Value) -> Value:
    """The largest or smallest of several."""
    return K(op.operation, *xs) if len(xs) > 1 else K("Identity", xs[0])


@operator("Sum", "Mean")
def folded(op: Imported, *xs: Value) -> Value:
    """The sum or mean of several tensors."""
    if len(xs) == 1:
        return K("Identity", xs[0])
    total = reduce(lambda a, b: K("Add", a, b), xs)
    return total if op.operation == "Sum" else total / like_constant(xs[0], len(xs))


@operator("Clip")
def clip(op: Imported, x: Value, low: Value = None, high: Value = None) -> Value:
    """The bounds were attributes before version 11."""
    if op.version < 11:
        low, high = op.get("min"), op.get("max")
    if low is None and high is None:
        return K("Identity", x)
    return K("Clip", x, low, high)


@operator("Where")
def where(op: Imported, condition: Value, a: Value, b: Value) -> Value:
    """A choice entry by entry."""
    return K("Where", condition, a, b)


@operator("Cast")
def cast_to(op: Imported, x: Value) -> Value:
    """Another dtype."""
    return _converted(op, x, op.need("to"))


@operator("CastLike")
def cast_like(op: Imported, x: Value, like: Value) -> Value:
    """The dtype of another tensor."""
    return Cast.on(x, dtype=dtype_of(like).name)


def _converted(op: Imported, x: Value, number: Any) -> Value:
    if number not in DTYPES:
        raise ImportModelError(f"{op.operation} to the ONNX type {number}\nfound: no dtype of NumPy's")
    return Cast.on(x, dtype=DTYPES[number])


@operator("Gelu")
def gelu(op: Imported, x: Value) -> Value:
    """Exact, or by the approximation with tanh."""
    return K("Gelu", x, approximate=op.get("approximate", "none"))


@operator("Gelu", "QuickGelu", "FastGelu", "BiasGelu", domain="com.microsoft")
def fused_gelu(op: Imported, x: Value, bias: Value = None) -> Value:
    """The forms of Gelu that exporters write."""
    x = x if bias is None else x + bias
    if op.operation == "QuickGelu":
        return x * K("Sigmoid", x * op.get("alpha", 1.702))
    return K("Gelu", x, approximate="tanh" if op.operation == "FastGelu" else "none")


@operator("Swish")
def swish(op: Imported, x: Value) -> Value:
    """X times the sigmoid of alpha x."""
    alpha = op.get("alpha", 1.0)
    return K("Silu", x) if alpha == 1 else x * K("Sigmoid", x * alpha)


@operator("ThresholdedRelu")
def thresholded_relu(op: Imported, x: Value) -> Value:
    """X above a threshold, else 0."""
    return K("Where", x > op.get("alpha", 1.0), x, 0.0)


@operator("IsInf")
def is_infinite(op: Imported, x: Value) -> Value:
    """Either sign may be left out."""
    positive, negative = op.get("detect_positive", 1), op.get("detect_negative", 1)
    found = K("IsInf", x)
    if positive and negative:
        return found
    return K("And", found, x > 0 if positive else x < 0) if positive or negative else K("And", found, x != x)


@operator("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift")
def bits(op: Imported, *xs: Value) -> Value:
    """Operators on the bits of integers, computed on values alone."""
    arrays = only_values(op, *xs)
    if op.operation == "BitShift":
        shift: Any = np.left_shift if op.need("direction") == "LEFT" else np.right_shift
        return shift(*arrays)
    name = {"BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor", "BitwiseNot": "invert"}
    return getattr(np, name[op.operation])(*arrays)


@operator("QuantizeLinear")
def quantize(op: Imported, x: Value, scale: Value, zero: Value = None) -> Value:
    """Nearest steps of a scale, limited to the range of the integer."""
    dtype = dtype_of(zero) if zero is not None else np.dtype(DTYPES.get(op.get("output_dtype", 0), "uint8"))
    if op.get("block_size", 0):
        raise ImportModelError("QuantizeLinear in blocks\nfound: no rule for it\ndo: quantize by axis")
    steps = K("Round", cast(x, np.float32) / along(cast(scale, np.float32), x, op.get("axis", 1)))
    if zero is not None:
        steps = steps + along(cast(zero, np.float32), x, op.get("axis", 1))
    info = np.iinfo(dtype)
    return Cast.on(K("Clip", steps, float(info.min), float(info.max)), dtype=dtype.name)


@operator("DequantizeLinear")
def dequantize(op: Imported, x: Value, scale: Value, zero: Value = None) -> Value:
    """Steps of a scale as floats."""
    if op.get("block_size", 0):
        raise ImportModelError("DequantizeLinear in blocks\nfound: no rule for it\ndo: quantize by axis")
    y = cast(x, np.float32)
    if zero is not None:
        y = y - along(cast(zero, np.float32), x, op.get("axis", 1))
    return cast(y * along(cast(scale, np.float32), x, op.get("axis", 1)), dtype_of(scale))


def along(each: Value, x: Value, axis: int) -> Value:
    """One number for each entry of an axis, so that it broadcasts against x."""
    if rank_of(each) != 1 or rank_of(x) <= 1:
        return each
    if isinstance(each, (Tensor, np.ndarray)) and each.shape == (1,):
        return each
    more = rank_of(x) - 1 - axis % rank_of(x)
    return K("Unsqueeze", each, axis=tuple(range(1, 1 + more))) if more else each


@operator("DynamicQuantizeLinear")
def dynamic_quantize(op: Imported, x: Value) -> Value:
    """Steps over the range of the values, which includes 0."""
    high = K("Max", K("ReduceMax", x), 0.0)
    low = K("Min", K("ReduceMin", x), 0.0)
    scale = (high - low) / 255.0
    zero = K("Clip", K("Round", 0.0 - low / scale), 0.0, 255.0)
    steps = K("Clip", K("Round", x / scale) + zero, 0.0, 255.0)
    return Cast.on(steps, dtype="uint8"), scale, Cast.on(zero, dtype="uint8")


def entries(shape: Any) -> int:
    """The number of entries of a shape of numbers."""
    return math.prod(int(each) for each in shape)
