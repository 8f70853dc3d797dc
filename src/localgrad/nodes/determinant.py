"""Determinants, and their derivatives, which exist for singular matrices too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Spec, broadcast_shapes
from localgrad.nodes.base import chain
from localgrad.nodes.branching import Where
from localgrad.nodes.matrices import MatrixKind, identities, narrow, spread, wide
from localgrad.nodes.reduction import Sum
from localgrad.nodes.shaping import swap_last
from localgrad.nodes.solving import Inv

NOT_A_NUMBER = float("nan")


@kind
class Det(MatrixKind):
    """The determinant of square matrices; its gradient is the matrix of cofactors, right for singular ones too."""

    formula = r"y = \det x"
    onnx = "Det"
    asked = "the determinant of {0}"

    def shape(self, x: SpecLike) -> Spec:
        spec = self.square(x)
        return spec.with_shape(spec.shape[:-2])

    def forward(self, x: Value) -> Value:
        return narrow(self.computed(np.linalg.det, wide(x)), x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return chain(spread(grad, x), Cofactor.on(x))


@kind
class SlogDet(MatrixKind):
    """The sign of the determinant of square matrices, and the logarithm of its size; 0 and -inf for singular ones.

    Gradient of the logarithm: the inverse, transposed; NaN for singular matrices. The sign has none.
    """

    formula = r"s = \mathrm{sgn} \det x, \quad y = \log |\det x|"
    outputs = 2
    asked = "the determinant of {0}"

    def shape(self, x: SpecLike) -> tuple[Spec, Spec]:
        spec = self.square(x)
        y = spec.with_shape(spec.shape[:-2])
        return y, y

    def forward(self, x: Value) -> Value:
        sign, y = self.computed(np.linalg.slogdet, wide(x))
        return narrow(sign, x), narrow(y, x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        if grad[1] is None:
            return None
        singular = spread(y[0] == 0, x)
        # of singular matrices in a stack the others' gradient must not suffer, nor where nothing comes in
        inverse = Inv.on(Where.on(singular, identities(x), x))
        return chain(spread(grad[1], x), Where.on(singular, NOT_A_NUMBER, swap_last(inverse)))


@kind
class Cofactor(MatrixKind):
    """The cofactors of square matrices: each entry's factor in the determinant, found from the singular values."""

    formula = r"y = \frac{\partial \det x}{\partial x} = \det(x)\, x^{-\top}"
    asked = "the cofactors of {0}"

    def shape(self, x: SpecLike) -> Spec:
        return self.square(x)

    def forward(self, x: Value) -> Value:
        u, s, v, sign, known = parts(x)
        y = (u * (sign[..., None] * without_one(s))[..., None, :]) @ v
        return narrow(np.where(known, y, NOT_A_NUMBER), x)

    def backward(self, grad: Value, y: Value, x: Value) -> Value:
        return CofactorChange.on(x, grad)


@kind
class CofactorChange(MatrixKind):
    """How the cofactors of x change along w: the second derivative of the determinant, which is symmetric in directions.

    Its own derivative by x needs the inverse of x.
    """

    formula = r"y_{ij} = \sum_{kl} \frac{\partial^2 \det x}{\partial x_{ij} \partial x_{kl}} w_{kl}"
    inputs = ("x", "w")
    promotes = True
    asked = "the change of the cofactors of {0}"

    def shape(self, x: SpecLike, w: SpecLike) -> Spec:
        left, right = self.square(x), self.matrix(w, 1)
        return Spec(broadcast_shapes(left.shape, right.shape), np.result_type(left.dtype, right.dtype))

    def forward(self, x: Value, w: Value) -> Value:
        u, s, v, sign, known = parts(x)
        pairs = sign[..., None, None] * without_two(s)
        turned = u.swapaxes(-1, -2) @ wide(w) @ v.swapaxes(-1, -2)
        inner = -pairs * turned.swapaxes(-1, -2)
        places = np.arange(s.shape[-1])
        along = np.diagonal(turned, axis1=-2, axis2=-1)
        inner[..., places, places] = (pairs @ along[..., None])[..., 0]
        return narrow(np.where(known, u @ inner @ v, NOT_A_NUMBER), x)

    def backward(self, grad: Value, y: Value, x: Value, w: Value, *, wanted: tuple[bool, ...]) -> Value:
        of_w = CofactorChange.on(x, grad) if wanted[1] else None
        return self._of_x(grad, x, w) if wanted[0] else None, of_w

    def _of_x(self, grad: Value, x: Value, w: Value) -> Value:
        """The third derivative of the determinant, with a = x⁻ᵀ and det(x) (<a,w> a - a wᵀ a) for the second."""
        a = swap_last(Inv.on(x))
        first, second = self._inner(a, w), self._inner(a, grad)
        of_w, of_grad = a @ swap_last(w) @ a, a @ swap_last(grad) @ a
        value = first * second - self._inner(of_w, grad)
        both = of_w @ swap_last(grad) @ a + of_grad @ swap_last(w) @ a
        return spread(Det.on(x), x) * (value * a - second * of_w - first * of_grad + both)

    @staticmethod
    def _inner(a: Value, b: Value) -> Value:
        return Sum.on(a * b, axis=(-2, -1), keepdims=True)


def parts(x: Value) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The singular value decomposition, the sign of its two rotations, and which matrices hold numbers only."""
    array = wide(x)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError("no square matrix")
    known = np.isfinite(array).all(axis=(-2, -1))[..., None, None]
    u, s, v = np.linalg.svd(np.where(known, array, array.dtype.type(1)))
    sign = np.sign(np.linalg.det(u)) * np.sign(np.linalg.det(v))
    return u, s, v, sign.astype(array.dtype), known


def without_one(s: NDArray[Any]) -> NDArray[Any]:
    """For each number on the last axis the product of all others, without a division."""
    before, after = np.ones_like(s), np.ones_like(s)
    before[..., 1:] = np.cumprod(s[..., :-1], axis=-1)
    after[..., :-1] = np.cumprod(s[..., :0:-1], axis=-1)[..., ::-1]
    product: NDArray[Any] = before * after
    return product


def without_two(s: NDArray[Any]) -> NDArray[Any]:
    """For each pair of numbers on the last axis, in descending order, the product of all others; 0 on the diagonal."""
    count = s.shape[-1]
    places = np.arange(count)
    low, high = np.minimum.outer(places, places), np.maximum.outer(places, places)
    divisor = s[..., low]
    pairs: NDArray[Any] = np.divide(without_one(s)[..., high], divisor, out=np.zeros_like(divisor), where=divisor > 0)
    if count > 1:  # the one pair whose product is not 0 where both are
        pairs[..., -1, -2] = pairs[..., -2, -1] = np.prod(s[..., :-2], axis=-1)
    pairs[..., places, places] = 0
    return pairs
