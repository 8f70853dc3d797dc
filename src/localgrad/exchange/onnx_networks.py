"""Operators that are layers of networks: products, normalizations, recurrences."""

from __future__ import annotations

from typing import Any

from localgrad.exchange.onnx_arithmetic import K, cast, dtype_of
from localgrad.exchange.onnx_imported import Imported, UnknownValueError, operator
from localgrad.graph.errors import ImportModelError
from localgrad.graph.kind import Value
from localgrad.graph.spec import is_static
from localgrad.nodes.base import rank_of, shape_of


@operator("MatMul")
def matmul(op: Imported, x: Value, w: Value) -> Value:
    """The matrix product."""
    return K("MatMul", x, w)


@operator("MatMulInteger")
def matmul_integer(op: Imported, x: Value, w: Value, zero_x: Value = None, zero_w: Value = None) -> Value:
    """The product of small integers less their zero points."""
    x, w = cast(x, "int32"), cast(w, "int32")
    if zero_x is not None:
        zero = cast(zero_x, "int32")
        x = x - (K("Unsqueeze", zero, axis=(1,)) if rank_of(zero) == 1 and rank_of(x) > 1 else zero)
    if zero_w is not None:
        w = w - cast(zero_w, "int32")
    return K("MatMul", x, w)


@operator("FusedMatMul", domain="com.microsoft")
def fused_matmul(op: Imported, x: Value, w: Value) -> Value:
    """A matrix product of transposed factors, times a number."""
    x = swapped(x) if op.get("transA", 0) else x
    w = swapped(w) if op.get("transB", 0) else w
    y = K("MatMul", x, w)
    return y if op.get("alpha", 1.0) == 1 else y * op.get("alpha")


def swapped(x: Value) -> Value:
    """The last two axes exchanged."""
    rank = rank_of(x)
    return K("Transpose", x, axes=(*range(rank - 2), rank - 1, rank - 2))


@operator("Gemm")
def gemm(op: Imported, a: Value, b: Value, c: Value = None) -> Value:
    """Alpha a b + beta c."""
    alpha, beta = op.get("alpha", 1.0), op.get("beta", 1.0)
    number = float if dtype_of(a).kind == "f" else int
    a = swapped(a) if op.get("transA", 0) else a
    b = swapped(b) if op.get("transB", 0) else b
    y = K("MatMul", a, b)
    y = y if alpha == 1 else y * number(alpha)
    if c is None:
        return y
    return y + (c if beta == 1 else c * number(beta))


@operator("Einsum")
def einsum(op: Imported, *xs: Value) -> Value:
    """Products summed by labels."""
    from localgrad.nodes.einsum import einsum as computed

    return computed(op.need("equation"), *xs)


@operator("Det")
def determinant(op: Imported, x: Value) -> Value:
    """The determinant."""
    return K("Det", x)


@operator("BatchNormalization")
def batch_normalization(op: Imported, x: Value, scale: Value, bias: Value, mean: Value, variance: Value) -> Value:
    """By running statistics, or in training by those of the batch."""
    epsilon, momentum = op.get("epsilon", 1e-5), op.get("momentum", 0.9)
    if op.version < 9 and not op.get("spatial", 1):
        raise ImportModelError("BatchNormalization with spatial=0\nfound: no rule for it")
    training = bool(op.get("training_mode", 0)) if op.version >= 14 else op.version < 7 and not op.get("is_test", 0)
    if not training:
        return K("BatchNormalization", x, scale, bias, mean, variance, epsilon=epsilon, momentum=momentum)
    y, of_batch, spread = K("BatchNormalization", x, scale, bias, training=True, epsilon=epsilon, momentum=momentum)
    return y, mean * momentum + of_batch * (1 - momentum), variance * momentum + spread * (1 - momentum)


@operator("LayerNormalization")
def layer_normalization(op: Imported, x: Value, scale: Value, bias: Value = None) -> Value:
    """Each sample by its own mean and variance."""
    axis, epsilon = op.get("axis", -1), op.get("epsilon", 1e-5)
    inputs = (x, scale) if bias is None else (x, scale, bias)
    y = K("LayerNormalization", *inputs, axis=axis, epsilon=epsilon)
    if op.count == 1:
        return y
    axes = tuple(range(axis % rank_of(x), rank_of(x)))
    mean = K("Mean", x, axis=axes, keepdims=True)
    centered = x - mean
    return y, mean, K("Reciprocal", K("Sqrt", K("Mean", centered * centered, axis=axes, keepdims=True) + epsilon))


@operator("RMSNormalization")
@operator("SimplifiedLayerNormalization", domain="com.microsoft")
def rms_normalization(op: Imported, x: Value, scale: Value) -> Value:
    """Each sample by the root of its mean square."""
    return K("RMSNormalization", x, scale, axis=op.get("axis", -1), epsilon=op.get("epsilon", 1e-5))


@operator("SkipLayerNormalization", domain="com.microsoft")
def skip_layer_normalization(
    op: Imported, x: Value, skip: Value, scale: Value, shift: Value = None, bias: Value = None
) -> Value:
    """The layer normalization of a sum."""
    total = x + skip if bias is None else x + skip + bias
    inputs = (total, scale) if shift is None else (total, scale, shift)
    y = K("LayerNormalization", *inputs, axis=-1, epsilon=op.get("epsilon", 1e-12))
    return y if op.count == 1 else (y, None, None, total)


@operator("InstanceNormalization")
def instance_normalization(op: Imported, x: Value, scale: Value, bias: Value) -> Value:
    """Each channel of each sample."""
    return K("InstanceNormalization", x, scale, bias, epsilon=op.get("epsilon", 1e-5))


@operator("GroupNormalization")
def group_normalization(op: Imported, x: Value, scale: Value, bias: Value) -> Value:
    """Groups of channels of each sample; before version 21 scale and bias have one number for each group."""
    groups = op.need("num_groups")
    if op.version < 21:
        channels = shape_of(x)[1]
        scale, bias = (K("RepeatEach", each, repeats=channels // groups, axis=0) for each in (scale, bias))
    return K("GroupNormalization", x, scale, bias, num_groups=groups, epsilon=op.get("epsilon", 1e-5))


# recurrences --------------------------------------------------------------------------------------------------------
def _activation(name: str, alpha: float | None, beta: float | None) -> Any:
    fields: dict[str, Any] = {}
    if name in ("LeakyRelu", "Elu", "HardSigmoid") and alpha is not None:
        fields["alpha"] = alpha
    if name == "HardSigmoid" and beta is not None:
        fields["beta"] = beta
    if name == "Affine":
        return lambda x: x * (1.0 if alpha is None else alpha) + (0.0 if beta is None else beta)
    if name not in ("Relu", "Tanh", "Sigmoid", "LeakyRelu", "Elu", "HardSigmoid", "Softsign", "Softplus"):
        raise ImportModelError(f"a recurrence was to use the activation {name!r}\nfound: no rule for it")
    return lambda x: K(name, x, **fields)


def part(x: Value, axis: int, start: Any, stop: Any) -> Value:
    """Entries of an axis from one to another."""
    index = [("slice", None, None, None)] * axis
    return K("Slice", x, index=(*index, ("slice", start, stop, None)))


def pick(x: Value, place: int) -> Value:
    """One entry of the first axis."""
    return K("Slice", x, index=(place,))


@operator("LSTM", "GRU", "RNN")
def recurrence(
    op: Imported, x: Value, w: Value, r: Value, b: Value = None, lengths: Value = None, h0: Value = None,
    c0: Value = None, peepholes: Value = None,
) -> Value:  # fmt: skip
    """Steps along time, in one or both directions."""
    if op.get("layout", 0):
        x = K("Transpose", x, axes=(1, 0, 2))
        h0, c0 = (None if each is None else K("Transpose", each, axes=(1, 0, 2)) for each in (h0, c0))
    steps = shape_of(x)[0]
    if not is_static((steps,)):
        raise UnknownValueError(f"{op.operation} over a named number of steps")
    direction = op.get("direction", "forward")
    several = 2 if direction == "bidirectional" else 1
    width = op.get("hidden_size") or shape_of(r)[-1]
    names = (
        op.get("activations")
        or {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}[op.operation] * several
    )
    each = len(names) // several
    alphas, betas = list(op.get("activation_alpha") or ()), list(op.get("activation_beta") or ())
    stacked, last_h, last_c = [], [], []
    for number in range(several):
        functions = [
            _activation(name, alphas.pop(0) if alphas and name in ("LeakyRelu", "Elu", "HardSigmoid", "Affine") else None,
                        betas.pop(0) if betas and name in ("HardSigmoid", "Affine") else None)
            for name in names[number * each : (number + 1) * each]
        ]  # fmt: skip
        cell = _Cell(op, functions, width, *(None if t is None else pick(t, number) for t in (w, r, b, peepholes)))
        backwards = direction == "reverse" or number == 1
        start = K("Repeat", 0.0 * part(x[0] if steps else x, 1, 0, 1), shape_to=(shape_of(x)[1], width))
        h = start if h0 is None else pick(h0, number)
        c = start if c0 is None else pick(c0, number)
        found: list[Value] = [None] * int(steps)
        for step in reversed(range(int(steps))) if backwards else range(int(steps)):
            h_next, c_next = cell.step(pick(x, step), h, c)
            if lengths is None:
                h, c = h_next, c_next
                found[step] = h
                continue
            live = K("Unsqueeze", K("Greater", lengths, step), axis=(1,))
            h = K("Where", live, h_next, h)
            c = K("Where", live, c_next, c) if c_next is not None else None
            found[step] = K("Where", live, h_next, 0.0)
        stacked.append(K("Stack", *found, axis=0))
        last_h.append(h)
        last_c.append(c)
    y, h = K("Stack", *stacked, axis=1), K("Stack", *last_h, axis=0)
    c = K("Stack", *last_c, axis=0) if op.operation == "LSTM" else None
    if op.get("layout", 0):
        y = K("Transpose", y, axes=(2, 0, 1, 3))
        h, c = (None if each is None else K("Transpose", each, axes=(1, 0, 2)) for each in (h, c))
    return (y, h, c)[: max(op.count, 1)]


class _Cell:
    """One step of a recurrence."""

    def __init__(
        self, op: Imported, functions: Any, width: Any, w: Value, r: Value, b: Value, peepholes: Value
    ) -> None:
        self.op, self.functions, self.width = op, functions, width
        self.w, self.r = swapped(w), swapped(r)
        gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op.operation]
        self.of_x = None if b is None else part(b, 0, 0, gates * width)
        self.of_h = None if b is None else part(b, 0, gates * width, 2 * gates * width)
        self.peepholes = (
            None if peepholes is None else [part(peepholes, 0, n * width, (n + 1) * width) for n in range(3)]
        )

    def gate(self, x: Value, number: int) -> Value:
        return part(x, 1, number * self.width, (number + 1) * self.width)

    def clipped(self, x: Value) -> Value:
        limit = self.op.get("clip")
        return x if limit is None else K("Clip", x, -limit, limit)

    def step(self, x: Value, h: Value, c: Value) -> tuple[Value, Value]:
        ours = K("MatMul", x, self.w)
        ours = ours if self.of_x is None else ours + self.of_x
        if self.op.operation == "GRU":
            return self.gru(ours, h), None
        sums = ours + K("MatMul", h, self.r)
        sums = sums if self.of_h is None else sums + self.of_h
        if self.op.operation == "RNN":
            return self.functions[0](self.clipped(sums)), None
        i, o, f, g = (self.gate(sums, number) for number in range(4))
        if self.peepholes is not None:
            i, f = i + self.peepholes[0] * c, f + self.peepholes[2] * c
        first, second, third = self.functions
        i = first(self.clipped(i))
        f = 1.0 - i if self.op.get("input_forget", 0) else first(self.clipped(f))
        c = f * c + i * second(self.clipped(g))
        if self.peepholes is not None:
            o = o + self.peepholes[1] * c
        return first(self.clipped(o)) * third(c), c

    def gru(self, ours: Value, h: Value) -> Value:
        first, second = self.functions
        width = self.width
        theirs = K("MatMul", h, part(self.r, 1, 0, 2 * width))
        theirs = theirs if self.of_h is None else theirs + part(self.of_h, 0, 0, 2 * width)
        z = first(self.clipped(self.gate(ours, 0) + self.gate(theirs, 0)))
        reset = first(self.clipped(self.gate(ours, 1) + self.gate(theirs, 1)))
        kernel = part(self.r, 1, 2 * width, 3 * width)
        bias = None if self.of_h is None else part(self.of_h, 0, 2 * width, 3 * width)
        if self.op.get("linear_before_reset", 0):
            new = K("MatMul", h, kernel)
            new = reset * (new if bias is None else new + bias)
        else:
            new = K("MatMul", reset * h, kernel)
            new = new if bias is None else new + bias
        return (1.0 - z) * second(self.clipped(self.gate(ours, 2) + new)) + z * h
