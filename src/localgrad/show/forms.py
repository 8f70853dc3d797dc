"""How each kind is written inside an expression: operators, indices and functions as NumPy's readers know them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.node import Node
from localgrad.graph.spec import same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.shaping import Shaped
from localgrad.show.expressions import (
    ATOM,
    CHOICE,
    POWER,
    PRODUCT,
    SUM,
    Expression,
    Look,
    atom,
    difference,
    negated,
    operands,
    product,
    quotient,
    text_of,
    total,
)
from localgrad.show.numbers import extent_text, fields_text, index_text

Form: TypeAlias = "Callable[[Tensor, Node, Look], Expression | None]"
_NAMES: Final = {
    "ReduceMax": "max", "ReduceMin": "min", "ReduceAny": "any", "ReduceAll": "all", "ArgMax": "argmax",
    "ArgMin": "argmin", "CumSum": "cumsum", "CumProd": "cumprod", "LogSumExp": "logsumexp", "ReduceL1": "norm_1",
    "ReduceL2": "norm", "Abs": "abs", "If": "cond", "Concat": "concatenate",
}  # fmt: skip


def form(x: Tensor, node: Node, look: Look) -> Expression:
    """The expression of one output of a node, from those of its inputs."""
    special = _FORMS.get(node.kind.name)
    found = special(x, node, look) if special is not None else None
    return found if found is not None else _by_operator(node, look) or _call(x, node, look)


def function_name(kind: Kind) -> str:
    """The name of a kind as a function: NumPy's where NumPy has it.

    >>> from localgrad.nodes.activations import LeakyRelu
    >>> function_name(LeakyRelu())
    'leaky_relu'
    """
    if kind.name in _NAMES:
        return _NAMES[kind.name]
    if kind.numpy:
        return kind.numpy[0]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.name).lower()


def _by_operator(node: Node, look: Look) -> Expression | None:
    operator, inputs = node.kind.operator, operands(node, look)
    if operator == "~":
        return atom(f"~{text_of(inputs[0], POWER)}", POWER)
    if operator is None or len(inputs) != 2 or node.kind.changed_fields():
        return None
    if operator in ("//", "%"):
        return atom(f"{text_of(inputs[0], PRODUCT)} {operator} {text_of(inputs[1], PRODUCT + 1)}", PRODUCT)
    return atom(f"{text_of(inputs[0], SUM)} {operator} {text_of(inputs[1], SUM)}", CHOICE)


def _call(x: Tensor, node: Node, look: Look) -> Expression:
    kind = node.kind
    inputs = operands(node, look)
    unsaid = ["dtype", *(name for name, value in kind.field_values().items() if isinstance(value, Graph))]
    fields = [each for each in fields_text(kind) if each.partition("=")[0] not in unsaid]
    if isinstance(kind, Shaped):
        inputs = [look(each) for name, each in zip(kind.inputs, node.inputs, strict=False) if name != "like?"]
        fields = [_shape(x), *(each for each in fields if not each.startswith("shape_to="))]
    text = f"{function_name(kind)}({', '.join([*map(text_of, inputs), *fields])})"
    return atom(f"{text}[{x._index}]" if kind.several else text)


def _shape(x: Tensor) -> str:
    return f"({', '.join(map(extent_text, x.shape))}{',' if x.ndim == 1 else ''})"


def _zeros(x: Tensor) -> str:
    return f"zeros({', '.join(map(extent_text, x.shape))})"


def indexed(base: Expression, items: Sequence[str]) -> Expression:
    """base[items], without the whole axes at the end."""
    kept = list(items)
    while len(kept) > 1 and kept[-1] == ":":
        kept.pop()
    lead = 0
    while lead < len(kept) and kept[lead] == ":":
        lead += 1
    if lead > 1 and len(kept) == len(items) and "..." not in kept:
        kept = ["...", *kept[lead:]]
    return atom(f"{text_of(base, ATOM)}[{', '.join(kept)}]")


def _pow(x: Tensor, node: Node, look: Look) -> Expression:
    base, power = operands(node, look)
    plain = len(power.over) == 1 and not power.under and power.over[0].level == ATOM
    return atom(f"{text_of(base, ATOM)}**{text_of(power, CHOICE if plain else POWER)}", POWER)


def _matmul(x: Tensor, node: Node, look: Look) -> Expression:
    a, b = operands(node, look)
    return atom(f"{text_of(a, PRODUCT + 1)} @ {text_of(b, PRODUCT + 1)}", PRODUCT)


def _where(x: Tensor, node: Node, look: Look) -> Expression:
    condition, a, b = node.inputs
    if condition is True or condition is False:
        return look(a if condition else b)
    return atom(f"where({text_of(look(condition))}, {text_of(look(a))}, {text_of(look(b))})")


def _transpose(x: Tensor, node: Node, look: Look) -> Expression | None:
    (base,), rank = operands(node, look), x.ndim
    axes = getattr(node.kind, "axes", None)
    axes = tuple(range(rank))[::-1] if axes is None else tuple(axis % rank for axis in axes)
    if axes == tuple(range(rank))[::-1] and rank <= 2:
        return atom(f"{text_of(base, ATOM)}.T")
    if axes == (*range(rank - 2), rank - 1, rank - 2):
        return atom(f"{text_of(base, ATOM)}.mT")
    return None if getattr(node.kind, "axes", None) is not None else atom(f"{text_of(base, ATOM)}.T")


def _unsqueeze(x: Tensor, node: Node, look: Look) -> Expression:
    axes = _unsqueezed(node, x.ndim)
    return indexed(look(node.inputs[0]), ["None" if axis in axes else ":" for axis in range(x.ndim)])


def _unsqueezed(node: Node, rank: int) -> tuple[int, ...]:
    return tuple(axis % rank for axis in getattr(node.kind, "axis", ()))


def _squeeze(x: Tensor, node: Node, look: Look) -> Expression:
    source: Any = node.inputs[0]
    axis = getattr(node.kind, "axis", None)
    rank = source.ndim
    axes = tuple(i for i in range(rank) if same_extent(source.shape[i], 1)) if axis is None else axis
    axes = tuple(each % rank for each in axes)
    inner = source._node
    if inner is not None and inner.kind.name == "Unsqueeze" and _unsqueezed(inner, rank) == axes:
        return look(inner.inputs[0])
    # a matrix times a vector: the axis that was put in for the product goes again
    if inner is not None and inner.kind.name == "MatMul" and len(axes) == 1 and axes[0] >= rank - 2:
        side = 1 if axes[0] == rank - 1 else 0
        vector: Any = inner.inputs[side]
        if vector._node is not None and vector._node.kind.name == "Unsqueeze" and vector.ndim == 2:
            put = _unsqueezed(vector._node, vector.ndim)
            if put == (vector.ndim - 1 if side else vector.ndim - 2,):
                parts = [look(each) for each in inner.inputs]
                parts[side] = look(vector._node.inputs[0])
                return atom(f"{text_of(parts[0], PRODUCT + 1)} @ {text_of(parts[1], PRODUCT + 1)}", PRODUCT)
    return indexed(look(source), ["0" if each in axes else ":" for each in range(rank)])


def _repeat(x: Tensor, node: Node, look: Look) -> Expression:
    source: Any = node.inputs[0]
    if isinstance(source, Tensor) and same_shape(source.shape, x.shape):
        return look(source)
    inner = source._node if isinstance(source, Tensor) else None
    if inner is not None and inner.kind.name == "Unsqueeze" and source.ndim == x.ndim:
        grown = tuple(i for i in range(x.ndim) if not same_extent(source.shape[i], x.shape[i]))
        if set(grown) <= set(_unsqueezed(inner, x.ndim)) and len(grown) < x.ndim:
            return atom(f"repeat({text_of(look(inner.inputs[0]))}, {_axes(grown)})")
    return atom(f"repeat({text_of(look(source))}, {_shape(x)})")


def _sum_to(x: Tensor, node: Node, look: Look) -> Expression:
    source: Any = node.inputs[0]
    lead = source.ndim - x.ndim
    inner = [i for i in range(lead, source.ndim) if not same_extent(source.shape[i], x.shape[i - lead])]
    if not lead and not inner:
        return look(source)
    axes = (*range(lead), *inner)
    text = text_of(look(source))
    if len(axes) == source.ndim and not inner:
        return atom(f"sum({text})")
    if inner and lead:
        return atom(f"sum({text}, to {_shape(x)})")
    return atom(f"sum({text}, {_axes(axes)}{', keepdims=True' if inner else ''})")


def _axes(axes: Sequence[int]) -> str:
    return f"axis={axes[0]}" if len(axes) == 1 else f"axis={tuple(axes)}"


def _slice(x: Tensor, node: Node, look: Look) -> Expression:
    return atom(f"{text_of(look(node.inputs[0]), ATOM)}[{index_text(node.kind.field_values()['index'])}]")


def _unslice(x: Tensor, node: Node, look: Look) -> Expression:
    index = index_text(node.kind.field_values()["index"])
    return atom(f"{_zeros(x)} with [{index}] = {text_of(look(node.inputs[0]), SUM)}", CHOICE)


def _set_item(x: Tensor, node: Node, look: Look) -> Expression:
    base, value, *indices = operands(node, look)
    index = index_text(node.kind.field_values()["index"], tuple(map(text_of, indices)))
    return atom(f"{text_of(base, SUM)} with [{index}] = {text_of(value, SUM)}", CHOICE)


def _last_written(x: Tensor, node: Node, look: Look) -> Expression:
    _, *indices = operands(node, look)
    return atom(f"last written at [{index_text(node.kind.field_values()['index'], tuple(map(text_of, indices)))}]")


def _along(axis: int, rank: int, text: str) -> list[str]:
    axis %= max(rank, 1)
    return [":"] * axis + [text] + [":"] * (rank - axis - 1)


def _gather(x: Tensor, node: Node, look: Look) -> Expression:
    source: Any = node.inputs[0]
    base, indices = operands(node, look)
    return indexed(base, _along(node.kind.field_values()["axis"], source.ndim, text_of(indices)))


def _scatter_add(x: Tensor, node: Node, look: Look) -> Expression:
    items = _along(node.kind.field_values()["axis"], x.ndim, text_of(look(node.inputs[1])))
    return _added(x, items, look(node.inputs[0]))


def _add_along_axis(x: Tensor, node: Node, look: Look) -> Expression:
    axis = node.kind.field_values()["axis"] % max(x.ndim, 1)
    return _added(x, [f"{text_of(look(node.inputs[1]))} along axis {axis}"], look(node.inputs[0]))


def _added(x: Tensor, items: list[str], value: Expression) -> Expression:
    index = text_of(indexed(atom(""), items))
    return atom(f"{_zeros(x)} with {index} += {text_of(value, SUM)}", CHOICE)


def _picked(axes: Sequence[int], rank: int, indices: Sequence[Expression]) -> list[str]:
    items = [":"] * rank
    for axis, each in zip(axes, indices, strict=False):
        items[axis % rank] = text_of(each)
    return items


def _index(x: Tensor, node: Node, look: Look) -> Expression:
    source: Any = node.inputs[0]
    base, *indices = operands(node, look)
    return indexed(base, _picked(node.kind.field_values()["axes"], source.ndim, indices))


def _index_add(x: Tensor, node: Node, look: Look) -> Expression:
    indices = [look(each) for each in node.inputs[2:]]
    return _added(x, _picked(node.kind.field_values()["axes"], x.ndim, indices), look(node.inputs[0]))


def _split(x: Tensor, node: Node, look: Look) -> Expression | None:
    source: Any = node.inputs[0]
    axis = node.kind.field_values()["axis"] % source.ndim
    start: Any = 0
    for each in node.outputs[: x._index]:
        if each is None:
            return None
        start = start + each.shape[axis]
    part = f"{extent_text(start)}:{extent_text(start + x.shape[axis])}"
    return indexed(look(source), _along(axis, source.ndim, part))


def _pad(x: Tensor, node: Node, look: Look) -> Expression | None:
    values = node.kind.field_values()
    pads = values["pads"]
    if values["mode"] != "constant" or not pads or any(each > 0 for pair in pads for each in pair):
        return None
    cut = [f"{-first or ''}:{last or ''}" for first, last in pads]
    return indexed(look(node.inputs[0]), cut)


def _cast(x: Tensor, node: Node, look: Look) -> Expression:
    source: Any = node.inputs[0]
    if isinstance(source, Tensor) and source.dtype.kind == "b":
        return look(source)
    return atom(f"{text_of(look(source), ATOM)}.astype({x.dtype})")


def _full_like(x: Tensor, node: Node, look: Look) -> Expression:
    value, like = node.kind.field_values()["value"], text_of(look(node.inputs[0]))
    if value in (0, 1):
        return atom(f"{'ones' if value else 'zeros'}_like({like})")
    return atom(f"full_like({like}, {value})")


def _einsum(x: Tensor, node: Node, look: Look) -> Expression:
    inputs = ", ".join(text_of(each) for each in operands(node, look))
    return atom(f"einsum('{node.kind.field_values()['equation']}', {inputs})")


def _polygamma(x: Tensor, node: Node, look: Look) -> Expression:
    return atom(f"polygamma({node.kind.field_values()['order']}, {text_of(look(node.inputs[0]))})")


def _cross_entropy_gradient(x: Tensor, node: Node, look: Look) -> Expression:
    p, labels, scale = operands(node, look)
    return product(scale, difference(p, atom(f"one_hot({text_of(labels)})")))


def _same(x: Tensor, node: Node, look: Look) -> Expression:
    return look(node.inputs[0])


def _two(function: Callable[[Expression, Expression], Expression]) -> Form:
    return lambda x, node, look: function(*operands(node, look))


_FORMS: Final[dict[str, Form]] = {
    "Add": _two(total),
    "Sub": _two(difference),
    "Mul": _two(product),
    "Chain": _two(product),
    "SecondChain": _two(product),
    "Div": _two(quotient),
    "Neg": lambda x, node, look: negated(look(node.inputs[0])),
    "Reciprocal": lambda x, node, look: quotient(atom("1"), look(node.inputs[0])),
    "Pow": _pow,
    "MatMul": _matmul,
    "Where": _where,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Repeat": _repeat,
    "SumTo": _sum_to,
    "Slice": _slice,
    "Unslice": _unslice,
    "SetItem": _set_item,
    "LastWritten": _last_written,
    "Gather": _gather,
    "ScatterAdd": _scatter_add,
    "AddAlongAxis": _add_along_axis,
    "Index": _index,
    "IndexAdd": _index_add,
    "Split": _split,
    "Pad": _pad,
    "Cast": _cast,
    "FullLike": _full_like,
    "Einsum": _einsum,
    "Polygamma": _polygamma,
    "CrossEntropyGradient": _cross_entropy_gradient,
    "Identity": _same,
    "StopGradient": _same,
    "Branch": _same,
}
