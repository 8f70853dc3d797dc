"""Recurrent: what a step of a long short-term memory computes of its gates, in one node."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Composition, SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, format_shape, same_shape
from localgrad.nodes.activations import Sigmoid
from localgrad.nodes.base import chain, need_spec
from localgrad.nodes.joining import Concat, Split
from localgrad.nodes.structure import Identity
from localgrad.nodes.trigonometric import Tanh


@kind
class LSTMCell(Composition):
    """The next h and c of a long short-term memory from the sums of its gates (f, g, i, o side by side) and its c.

    The activated gates and tanh c are outputs, too, since the gradient reads them.
    """

    formula = r"c' = \sigma(a_f) \, c + \sigma(a_i) \tanh(a_g), \quad h = \sigma(a_o) \tanh(c')"
    inputs = ("a", "c")
    outputs = 4
    checked = True
    family = "recurrent"

    def shape(self, a: SpecLike, c: SpecLike) -> tuple[Spec, ...]:
        gates, cell = need_spec(self, a), need_spec(self, c, 1)
        if not same_shape(gates.shape, (*cell.shape[:-1], *(4 * extent for extent in cell.shape[-1:]))):
            raise ShapeError(
                f"LSTMCell was given the gates {{0}} of shape {format_shape(gates.shape)} and the cell {{1}} of shape "
                f"{format_shape(cell.shape)}\nfound: gates are four times as wide as the cell, and equal otherwise\n"
                "do: give the sums of f, g, i, o side by side"
            )
        if gates.dtype != cell.dtype or gates.dtype.kind != "f":
            raise DTypeError(
                f"LSTMCell was given {{0}} of {gates.dtype} and {{1}} of {cell.dtype}\ndo: give floats of one dtype"
            )
        return cell, cell, gates, cell

    def body(self, a: Value, c: Value) -> Value:
        f, g, i, o = Split.on(a, axis=-1, sections=4)
        f, g, i, o = Sigmoid.on(f), Tanh.on(g), Sigmoid.on(i), Sigmoid.on(o)
        c = f * c + g * i
        t = Tanh.on(c)
        return o * t, Identity.on(c), Concat.on(f, g, i, o, axis=-1), Identity.on(t)

    def forward(self, a: Value, c: Value) -> Value:
        width = c.shape[-1]
        g = slice(width, 2 * width)
        # the sigmoid of everything, over which the tanh of one quarter is written: one pass is cheaper than three;
        # where exp(-a) overflows it is 0, as it should be
        gates = np.negative(a)
        np.exp(gates, out=gates)
        gates += 1
        np.reciprocal(gates, out=gates)
        np.tanh(a[..., g], out=gates[..., g])
        y = gates[..., :width] * c
        y += gates[..., g] * gates[..., 2 * width : 3 * width]
        t = np.tanh(y)
        return gates[..., 3 * width :] * t, y, gates, t

    def backward(self, grad: Value, y: Value, a: Value, c: Value) -> Value:
        _, cell, gates, t = y
        if gates is None:
            _, cell, gates, t = self(a, c)
        elif t is None:
            t = Tanh.on(cell)
        return LSTMCellGradient.on(gates, c, t, *grad)


@kind
class LSTMCellGradient(Composition):
    """What a step of a long short-term memory sends back to the sums of its gates and to its c."""

    formula = (
        r"\delta = \mathrm{grad}_c + \mathrm{grad}_h \, o \, (1 - t^2), \quad "
        r"y = (\delta c \, f(1 - f), \; \delta i (1 - g^2), \; \delta g \, i (1 - i), \; \mathrm{grad}_h \, t \, o(1 - o))"
    )
    inputs = ("gates", "c", "t", "grad_h?", "grad_c?", "grad_gates?", "grad_t?")
    outputs = 2
    checked = True
    family = "gradient"

    def shape(self, gates: SpecLike, c: SpecLike, t: SpecLike, *grads: SpecLike) -> tuple[Spec, ...]:
        spec, cell = need_spec(self, gates), need_spec(self, c, 1)
        for place, (each, wanted) in enumerate(zip((t, *grads), (cell, cell, cell, spec, cell), strict=False)):
            if each is not None and need_spec(self, each, 2 + place) != wanted:
                raise ShapeError(
                    f"LSTMCellGradient was given {{{2 + place}}} of shape {format_shape(each.shape)}\n"
                    f"found: it has to be {wanted.dtype}{format_shape(wanted.shape)}"
                )
        return spec, cell

    def body(
        self,
        gates: Value,
        c: Value,
        t: Value,
        grad_h: Value = None,
        grad_c: Value = None,
        grad_gates: Value = None,
        grad_t: Value = None,
    ) -> Value:
        f, g, i, o = Split.on(gates, axis=-1, sections=4)
        of_t = _sum(None if grad_h is None else chain(grad_h, o), grad_t)
        of_c = _sum(None if of_t is None else chain(of_t, 1 - t * t), grad_c)
        of_o = c * 0.0 if grad_h is None else chain(grad_h, t)
        of_c = c * 0.0 if of_c is None else of_c
        sent = [chain(of_c, c), chain(of_c, i), chain(of_c, g), of_o]
        if grad_gates is not None:
            sent = [a + b for a, b in zip(sent, Split.on(grad_gates, axis=-1, sections=4), strict=True)]
        slopes = [f * (1 - f), 1 - g * g, i * (1 - i), o * (1 - o)]
        return Concat.on(*(chain(a, b) for a, b in zip(sent, slopes, strict=True)), axis=-1), chain(of_c, f)

    def forward(self, gates: Value, c: Value, t: Value, *grads: Value) -> Value:
        if len(grads) == 4 and grads[2] is None and grads[3] is None and grads[0] is not None:
            sent = self._sent(gates, c, t, grads[0], grads[1])
            flat = sent[0].reshape(-1)
            number = np.dot(flat, flat)
            if number == number:  # else the body says where a NaN is none
                return sent
        return super().forward(gates, c, t, *grads)

    def _sent(self, gates: NDArray[Any], c: NDArray[Any], t: NDArray[Any], grad_h: Value, grad_c: Value) -> Any:
        width = c.shape[-1]
        o = gates[..., 3 * width :]
        of_c = t * t
        np.subtract(1, of_c, out=of_c)
        of_c *= o
        of_c *= grad_h
        if grad_c is not None:
            of_c += grad_c
        y = gates * gates
        g = slice(width, 2 * width)
        squared = 1 - y[..., g]
        np.subtract(gates, y, out=y)
        y[..., g] = squared
        y[..., :width] *= c
        y[..., g] *= gates[..., 2 * width : 3 * width]
        y[..., 2 * width : 3 * width] *= gates[..., g]
        y[..., 3 * width :] *= t
        parts = y.reshape(*c.shape[:-1], 4, width)
        parts[..., :3, :] *= of_c[..., None, :]
        parts[..., 3, :] *= grad_h
        of_c *= gates[..., :width]
        return y, of_c


def _sum(a: Value, b: Value) -> Value:
    if a is None or b is None:
        return b if a is None else a
    return a + b
