"""Einsum: products of any number of tensors, summed over the labels that the output does not name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.recording import as_input
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Spec, format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import apply, need_spec, rank_of, shape_of
from localgrad.nodes.creation import FullLike
from localgrad.nodes.diagonal import Undiagonal
from localgrad.nodes.equation import LETTERS, contract, path_of, read, sizes_of
from localgrad.nodes.shaping import Repeat, Reshape, Transpose, Unsqueeze


@kind
class Einsum(Kind):
    """Multiply entries whose labels agree and sum over the labels the output does not name."""

    formula = r"y_{\text{out}} = \sum_{\text{other labels}} \prod_n (x_n)_{\text{labels}_n}"
    onnx = "Einsum"
    inputs = ("*x",)
    promotes = True
    family = "linear"
    equation: str = ""

    def shape(self, *xs: SpecLike) -> Spec:
        specs = [need_spec(self, x, number) for number, x in enumerate(xs)]
        labels = read(self.equation, [spec.ndim for spec in specs])
        sizes = sizes_of(self.equation, labels, [spec.shape for spec in specs])
        dtype = np.result_type(*(spec.dtype for spec in specs))
        if dtype.kind == "b":
            raise DTypeError(
                "einsum was asked of bools\nfound: they have no product and sum\ndo: convert them to a number"
            )
        return Spec(tuple(sizes[letter] for letter in labels.output), dtype)

    def forward(self, *xs: Value) -> Value:
        arrays: list[NDArray[Any]] = [np.asarray(x) for x in xs]
        if any(x.dtype.kind == "b" for x in arrays) and all(x.dtype.kind == "b" for x in arrays):
            raise TypeError("bools have no product and sum")
        labels = read(self.equation, [x.ndim for x in arrays])
        terms = list(labels.operands)
        for number, term in enumerate(terms):
            if len(set(term)) < len(term):
                terms[number] = "".join(dict.fromkeys(term))
                arrays[number] = np.einsum(f"{term}->{terms[number]}", arrays[number])
        if len(arrays) == 1:
            y = np.einsum(f"{terms[0]}->{labels.output}", arrays[0])
            return (y.copy() if y.base is not None else y)[()]
        if len(arrays) == 2:
            return contract(arrays[0], arrays[1], terms[0], terms[1], labels.output)[()]
        for step in path_of(labels, [x.shape for x in map(np.asarray, xs)]):
            picked = [(arrays.pop(number), terms.pop(number)) for number in sorted(step, reverse=True)]
            rest = "".join(terms) + labels.output
            joined = picked[0]
            for place, other in enumerate(picked[1:]):
                last = place == len(picked) - 2
                kept = rest if last else rest + "".join(term for _, term in picked[place + 2 :])
                made = "".join(letter for letter in dict.fromkeys(joined[1] + other[1]) if letter in kept)
                joined = contract(joined[0], other[0], joined[1], other[1], made), made
            arrays.append(joined[0])
            terms.append(joined[1])
        y = np.einsum(f"{terms[0]}->{labels.output}", arrays[0])
        return y[()]

    def backward(self, grad: Value, y: Value, *xs: Value, wanted: tuple[bool, ...]) -> Value:
        labels = read(self.equation, [rank_of(x) for x in xs])
        return tuple(
            self._of(number, grad, xs, labels.operands, labels.output) if wanted[number] else None
            for number in range(len(xs))
        )

    def _of(self, number: int, grad: Value, xs: tuple[Value, ...], operands: tuple[str, ...], output: str) -> Value:
        """The gradient of one operand: the others contracted with the incoming one, its own lost labels copied back."""
        own = operands[number]
        others = [place for place in range(len(xs)) if place != number]
        known = output + "".join(operands[place] for place in others)
        reached = "".join(letter for letter in dict.fromkeys(own) if letter in known)
        if others or reached != output:
            equation = f"{','.join([output, *(operands[place] for place in others)])}->{reached}"
            g = Einsum.on(grad, *(xs[place] for place in others), equation=equation)
        else:
            g = grad
        # labels that were summed alone: every entry along them gets the same
        unique = "".join(dict.fromkeys(own))
        lost = tuple(axis for axis, letter in enumerate(unique) if letter not in known)
        lengths = dict(zip(own, shape_of(xs[number]), strict=True))
        # a label the others only have with length 1 comes back with that
        short = any(not same_extent(lengths[letter], extent) for letter, extent in zip(reached, shape_of(g)))
        if lost or short:
            g = Unsqueeze.on(g, axis=lost) if lost else g
            like = xs[number] if unique == own else Einsum.on(xs[number], equation=f"{own}->{unique}")
            shape, wanted_shape = shape_of(g), shape_of(like)
            if all(same_extent(a, b) for axis, (a, b) in enumerate(zip(shape, wanted_shape)) if axis not in lost):
                g = Repeat.like(g, like)
            else:  # x has length 1 where another operand is longer; what is too long is summed afterwards
                g = g * FullLike.on(like, value=1.0)
        for letter in unique:
            for _ in range(own.count(letter) - 1):
                # the label stands once more: the gradient goes to the diagonal of the two places
                g, unique = _on_diagonal(g, unique, letter)
        if unique != own:
            g = Transpose.on(g, axes=_order(unique, own))
        return g


def _on_diagonal(g: Value, labels: str, letter: str) -> tuple[Value, str]:
    rest = labels.replace(letter, "", 1) if labels.count(letter) == 1 else None
    if rest is None:  # the last of the places it stands at already
        place = labels.rindex(letter)
        rest = labels[:place] + labels[place + 1 :]
        order = (*(axis for axis in range(len(labels)) if axis != place), place)
    else:
        order = _order(labels, rest + letter)
    if order != tuple(range(len(labels))):
        g = Transpose.on(g, axes=order)
    rank = len(labels) + 1
    return Undiagonal.on(g, axis1=rank - 2, axis2=rank - 1), rest + letter + letter


def _order(labels: str, wanted: str) -> tuple[int, ...]:
    """Where each wanted label stands, equal ones in order."""
    used: dict[str, int] = {}
    order = []
    for letter in wanted:
        start = used.get(letter, 0)
        place = labels.index(letter, start)
        used[letter] = place + 1
        order.append(place)
    return tuple(order)


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("einsum")
def einsum(equation: str, *operands: Any, optimize: Any = True) -> Tensor:
    """Products of tensors whose labels agree, summed over the labels the output does not name.

    "ij,jk->ik" is a matrix product, "ii->i" a diagonal, "...i,...i" a product of stacks of vectors; without "->" the
    output has the labels that stand once, in alphabetical order. Two operands become one matrix product where possible;
    `optimize` is taken for NumPy's sake only. Raises ShapeError for an equation that does not fit the operands.

    >>> import localgrad as lg
    >>> a, b = lg.tensor([[1.0, 2.0]]), lg.tensor([[3.0], [4.0]])
    >>> lg.einsum("ij,jk->ik", a, b).data
    array([[11.]], dtype=float32)
    """
    if not isinstance(equation, str) or not operands:
        raise ShapeError(
            f"einsum was asked for {equation!r} of {len(operands)} operands{user_line()}\nfound: no equation, or nothing to "
            "compute with\ndo: write for example einsum('ij,jk->ik', a, b)"
        )
    tensors = [as_input(x) for x in operands]
    known = [x.dtype for x in tensors if isinstance(x, Tensor)]
    # numbers are weak: they take the dtype of the tensors
    tensors = [x if isinstance(x, Tensor) else np.asarray(x, np.result_type(x, *known)) for x in tensors]
    return apply(Einsum.make(equation=equation), *tensors)  # type: ignore[no-any-return]


@numpy_function("tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """The product summed over axes of a and b: the last n and the first n, or those two lists name.

    Raises ShapeError where the axes differ in number or length.

    >>> import localgrad as lg
    >>> lg.tensordot(lg.ones((2, 3)), lg.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    left, right = _operand(a), _operand(b)
    rank_a, rank_b = rank_of(left), rank_of(right)
    if hasattr(axes, "__index__"):
        count = axes.__index__()
        of_a, of_b = list(range(rank_a - count, rank_a)), list(range(count))
    else:
        of_a, of_b = ([axis] if hasattr(axis, "__index__") else list(axis) for axis in axes)
    fits = len(of_a) == len(of_b) and all(-rank_a <= axis < rank_a for axis in of_a)
    if not fits or not all(-rank_b <= axis < rank_b for axis in of_b):
        raise ShapeError(
            f"tensordot was asked over the axes {of_a} and {of_b}{user_line()}\nfound: shapes {format_shape(shape_of(left))} "
            f"and {format_shape(shape_of(right))}\ndo: name equally many axes that each has"
        )
    for first, second in zip(of_a, of_b, strict=True):
        one, other = shape_of(left)[first], shape_of(right)[second]
        if not (same_extent(one, other) or same_extent(one, 1) or same_extent(other, 1)):  # 1 stands for any
            raise ShapeError(
                f"tensordot was asked over the axes {of_a} and {of_b}{user_line()}\nfound: axis {first} of "
                f"{format_shape(shape_of(left))} has {one} entries, axis {second} of {format_shape(shape_of(right))} has "
                f"{other}\ndo: name axes of equal length"
            )
    labels_a = list(LETTERS[:rank_a])
    labels_b = list(LETTERS[rank_a : rank_a + rank_b])
    for first, second in zip(of_a, of_b, strict=True):
        labels_b[second] = labels_a[first]
    shared = {labels_a[axis] for axis in of_a}
    output = [letter for letter in (*labels_a, *labels_b) if letter not in shared]
    return einsum(f"{''.join(labels_a)},{''.join(labels_b)}->{''.join(output)}", left, right)


def _operand(x: Any) -> Any:
    """What shapes are asked of: tensors as they are, everything else as a tensor or number."""
    return x if isinstance(x, Tensor) else as_input(x)


@numpy_function("outer")
def outer(a: Any, b: Any) -> Tensor:
    """The product of each entry of a with each of b, both flattened: a matrix.

    >>> import localgrad as lg
    >>> lg.outer(lg.tensor([1.0, 2.0]), lg.tensor([3.0, 4.0])).data
    array([[3., 4.],
           [6., 8.]], dtype=float32)
    """
    flat = Reshape.make(shape_to=(-1,))
    return einsum("i,j->ij", apply(flat, a), apply(flat, b))


@numpy_function("inner")
def inner(a: Any, b: Any) -> Tensor:
    """The product summed over the last axes of a and b (the plain product where one is a number).

    >>> import localgrad as lg
    >>> lg.inner(lg.tensor([1.0, 2.0]), lg.tensor([3.0, 4.0])).item()
    11.0
    """
    left, right = _operand(a), _operand(b)
    if not rank_of(left) or not rank_of(right):
        return einsum("...,...->...", left, right)
    return tensordot(left, right, axes=([-1], [-1]))


@numpy_function("vdot")
def vdot(a: Any, b: Any) -> Tensor:
    """The sum of the products of entries at the same place, both flattened.

    >>> import localgrad as lg
    >>> lg.vdot(lg.tensor([[1.0, 2.0]]), lg.tensor([[3.0], [4.0]])).item()
    11.0
    """
    flat = Reshape.make(shape_to=(-1,))
    return einsum("i,i->", apply(flat, a), apply(flat, b))
