"""What losses share: a number for each entry, and the mean or sum of them; targets in the prediction's shape and dtype."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import DTypeError, NameLookupError, ShapeError
from localgrad.graph.kind import Composition, Kind, SpecLike, Value
from localgrad.graph.recording import as_input
from localgrad.graph.registry import nearest
from localgrad.graph.spec import Extent, Shape, Spec, broadcast_shapes, format_shape, same_extent, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.warning import warn_once
from localgrad.nodes.base import need_spec
from localgrad.nodes.reduction import Mean, Sum
from localgrad.nodes.structure import Cast, size

_PASSES_ON: Final = ("Identity", "Branch", "Reshape", "Cast", "Squeeze", "Unsqueeze", "Transpose")


class Loss(Composition):
    """A loss: `entries` says the number of each entry, `reduction` what becomes of them."""

    family: ClassVar[str] = "loss"
    checked: ClassVar[bool] = True
    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none")
    reduction: str = "mean"

    def check_fields(self) -> None:
        """Raise where the reduction is none of ours."""
        if self.reduction not in self.reductions:
            listed = ", ".join(map(repr, self.reductions))
            raise NameLookupError(
                f"{self.name} was asked for the reduction {self.reduction!r}\n"
                f"found: there are {listed}{nearest(str(self.reduction), self.reductions)}\ndo: "
                + ("give 'mean'" if self.reduction in ("avg", "average") else "give one of them")
            )

    def reduced(self, entries: Value) -> Value:
        """The value of the loss from the number of each entry."""
        if self.reduction == "none":
            return entries
        return Mean.on(entries) if self.reduction == "mean" else Sum.on(entries)

    def each(self, grad: Value, x: Value) -> Value:
        """The gradient that reaches each entry."""
        return grad / size(x, None, like=grad) if self.reduction == "mean" else grad


class PairLoss(Loss):
    """A loss that compares two tensors of one shape, entry by entry."""

    inputs: ClassVar[tuple[str, ...]] = ("prediction", "target")

    def entries(self, x: Value, t: Value) -> Value:
        """The number of each entry."""
        raise NotImplementedError

    def body(self, *inputs: Value) -> Value:
        """Entries, reduced."""
        return self.reduced(self.entries(*inputs))

    def shape(self, *specs: SpecLike) -> Spec:
        """The shapes have to be the same: what would broadcast is nearly always a mistake."""
        x = need_floats(self, specs[0])
        t = need_spec(self, specs[1], 1)
        if t.ndim and not same_shape(x.shape, t.shape):
            raise ShapeError(
                _differ(x.shape, t.shape) + f"\nfound: {self.name} of {{0}} and {{1}} compares entry by entry"
            )
        dtype = np.result_type(x.dtype, t.dtype) if isinstance(specs[1], Spec) else x.dtype
        return Spec(x.shape if self.reduction == "none" else (), dtype)


def _differ(prediction: Shape, target: Shape) -> str:
    text = f"prediction {format_shape(prediction)} and target {format_shape(target)}"
    try:
        text += f" would broadcast to {format_shape(broadcast_shapes(prediction, target))}"
    except ShapeError:
        text += " differ"
    one: Extent = 1
    if same_shape(target, prediction[:-1]) and prediction and same_extent(prediction[-1], one):
        return f"{text}; use target[{', '.join([':'] * len(target))}, None]"
    if same_shape(prediction, target[:-1]) and target and same_extent(target[-1], one):
        return f"{text}; use target[{', '.join([':'] * len(prediction))}, 0]"
    return f"{text}; give a target of shape {format_shape(prediction)}"


def need_floats(kind: Kind, spec: SpecLike) -> Spec:
    """The spec of a prediction, which has to be a float tensor since it gets a gradient."""
    found = need_spec(kind, spec)
    if found.dtype.kind != "f":
        raise DTypeError(
            f"{kind.name} was asked of {{0}}\nfound: {found.dtype} tensors have no gradient\n"
            "do: convert with .astype(np.float32)"
        )
    return found


def as_prediction(value: Any) -> Tensor:
    """A prediction as a tensor."""
    operand = as_input(value)
    return operand if isinstance(operand, Tensor) else Leaf(as_array(operand, floating=True), "constant", None, False)


def like_prediction(value: Any, x: Tensor) -> Any:
    """A target as an input in the prediction's dtype, so that the loss has it too; numbers stay numbers."""
    if isinstance(value, Tensor):
        return value if value.dtype == x.dtype or x.dtype.kind != "f" else Cast.on(value, dtype=x.dtype.name)
    if isinstance(value, (bool, int, float)):
        return value
    array = as_array(value)
    return Leaf(array.astype(x.dtype, copy=False) if x.dtype.kind == "f" else array, "constant", None, False)


def warn_of_maker(x: Tensor, loss: Tensor, makers: tuple[str, ...], problem: str, do: str) -> None:
    """Warn where a prediction was made by a node the loss applies itself."""
    source = x
    while (node := source._node) is not None and node.kind.name in _PASSES_ON:
        first = node.inputs[0]
        if not isinstance(first, Tensor):
            return
        source = first
    if node is None or node.kind.name not in makers or loss._node is None:
        return
    at = f" ({node.source})" if node.source is not None else ""
    warn_once(
        f"{node.kind.name}-{loss._node.kind.name}",
        f"`{loss.name}` (a {loss._node.kind.name} node) was given `{source.name}`, made by a {node.kind.name} node{at}: "
        f"{problem}. {do}",
    )
