"""What the families of kinds share: elementwise kinds, the chain rule's product, and shapes that follow a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, broadcast_shapes
from localgrad.graph.tensor import Leaf, Tensor

_DTYPES: Final[dict[Any, np.dtype[Any]]] = {}


class Elementwise(Kind):
    """A kind that computes each entry of its output from the entries of its inputs at the same place.

    `expression` (grammar in `nodes.expression`) is the one forward truth: the NumPy function, the compiled loop and
    the dtype rule come from it. A kind may state `forward` as well where NumPy has a faster way; a test holds them equal.
    """

    expression: ClassVar[str] = ""
    promotes: ClassVar[bool] = True
    broadcasts: ClassVar[bool] = True
    family: ClassVar[str] = "elementwise"

    def forward(self, *inputs: Value) -> Value:
        """The expression, computed with NumPy."""
        definition = next(cls for cls in type(self).__mro__ if "expression" in cls.__dict__)
        function = expression_function(definition)
        definition.forward = function  # type: ignore[attr-defined]
        return function(self, *inputs)

    def shape(self, *specs: SpecLike) -> Spec:
        """Shapes broadcast; the dtype is what NumPy gives."""
        shape = elementwise_shape(self, specs)
        return Spec(shape, elementwise_dtype(self, specs))


def expression_function(definition: type[Kind]) -> Callable[..., Any]:
    """The NumPy function of a kind's expression."""
    from localgrad.nodes.expression import numpy_function, parse

    text = definition.expression  # type: ignore[attr-defined]
    if not text:
        raise NotImplementedError(f"{definition.__name__} states neither an expression nor a forward")
    inputs = [name.rstrip("?") for name in definition.inputs]
    return numpy_function(parse(text, (*inputs, *definition.fields)), inputs, definition.fields)


def elementwise_shape(kind: Kind, specs: Sequence[SpecLike]) -> Shape:
    """The broadcast shape of the inputs; raises ShapeError naming the inputs."""
    shapes = [spec.shape for spec in specs if isinstance(spec, Spec)]
    try:
        return broadcast_shapes(*shapes)
    except ShapeError as error:
        listed = " and ".join(
            f"{{{index}}} {spec.dtype}{spec.shape}" for index, spec in enumerate(specs) if isinstance(spec, Spec)
        )
        reason = str(error).rsplit(": ", 1)[-1]
        raise ShapeError(
            f"{kind.name} needs shapes that broadcast: {listed}\nfound: {reason}\n"
            "do: make the extents equal or 1, counted from the last axis (x[:, None] adds an axis)"
        ) from None


def elementwise_dtype(kind: Kind, specs: Sequence[SpecLike]) -> np.dtype[Any]:
    """The dtype the forward gives, found by computing one entry."""
    parts = tuple(spec.dtype.name if isinstance(spec, Spec) else type(spec).__name__ for spec in specs)
    key = (type(kind), parts, str(kind.fields and kind.field_values()))
    found = _DTYPES.get(key)
    if found is None:
        samples = [np.ones(1, spec.dtype) if isinstance(spec, Spec) else spec for spec in specs]
        token = WARNINGS.set(QUIET)
        try:
            found = np.asarray(kind.forward(*samples)).dtype
        except TypeError as error:
            raise DTypeError(
                f"{kind.name} cannot be computed on {' and '.join(parts)}\nfound: {error}\ndo: convert with .astype(...)"
            ) from None
        finally:
            WARNINGS.reset(token)
        _DTYPES[key] = found
    return found


@kind
class Chain(Elementwise):
    """The chain rule's product: incoming gradient times local derivative, 0 where nothing comes in.

    So a branch that was not taken contributes 0 even where its local derivative is infinite.
    """

    formula = r"y = \begin{cases} 0 & \text{grad} = 0 \\ \text{grad} \cdot \text{local} & \text{else} \end{cases}"
    expression = "where(grad == 0, 0, grad * local)"
    inputs = ("grad", "local")
    family = "gradient"

    def forward(self, grad: Value, local: Value) -> Value:
        y = grad * local
        if y.__class__ is np.ndarray:
            flat = y.ravel()
            # a NaN anywhere survives the dot product, which is several times cheaper than looking at each entry
            if y.dtype.kind == "f" and np.isnan(np.dot(flat, flat)):
                return np.where(grad == 0, y.dtype.type(0), y)
            return y
        if y != y and grad == 0:
            return type(y)(0)
        return y

    def backward(self, grad: Value, y: Value, first: Value, local: Value) -> Value:
        return chain(grad, local), SecondChain.on(grad, first)


@kind
class SecondChain(Elementwise):
    """What `Chain` sends back to its local derivative: 0 where nothing came in the first time, or comes in now.

    So a branch that was not taken contributes 0 to second derivatives, even where its first ones are infinite.
    """

    formula = (
        r"y = \begin{cases} 0 & \text{grad} = 0 \lor \text{first} = 0 \\"
        r" \text{grad} \cdot \text{first} & \text{else} \end{cases}"
    )
    expression = "where((grad == 0) | (first == 0), 0, grad * first)"
    inputs = ("grad", "first")
    family = "gradient"

    def forward(self, grad: Value, first: Value) -> Value:
        y = grad * first
        if y.__class__ is np.ndarray:
            flat = y.ravel()
            if y.dtype.kind == "f" and np.isnan(np.dot(flat, flat)):
                return np.where((grad == 0) | (first == 0), y.dtype.type(0), y)
            return y
        if y != y and (grad == 0 or first == 0):
            return type(y)(0)
        return y

    def backward(self, grad: Value, y: Value, a: Value, b: Value) -> Value:
        return SecondChain.on(grad, b), SecondChain.on(grad, a)


_CHAIN: Final = Chain()
_SCALARS: Final[frozenset[Any]] = frozenset((float, int, np.float32, np.float64))


def chain(grad: Value, local: Value) -> Value:
    """The chain rule's product of an incoming gradient and a local derivative (see `Chain`)."""
    if grad.__class__ in _SCALARS and local.__class__ in _SCALARS:
        y = grad * local
        if y == y:
            return y
    if isinstance(grad, Tensor) or isinstance(local, Tensor):
        return record(_CHAIN, (grad, local)) if not _foreign(grad, local) else _CHAIN(grad, local)
    return _CHAIN.forward(grad, local)


def _foreign(*inputs: Value) -> bool:
    return any(isinstance(x, (np.ndarray, np.generic)) for x in inputs)


def shape_of(x: Value) -> Shape:
    """The shape of a tensor, array or scalar."""
    shape: Shape = getattr(x, "shape", ())
    return shape


def rank_of(x: Value) -> int:
    """The rank of a tensor, array or scalar."""
    return len(shape_of(x))


def normal_axes(axis: Any, rank: int, what: str = "axis") -> tuple[int, ...]:
    """Axes as sorted numbers from 0; None means all. Raises ShapeError for one out of range or twice."""
    if axis is None:
        return tuple(range(rank))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    found = []
    for each in axes:
        number = each.__index__() if hasattr(each, "__index__") else None
        if number is None or not -rank <= number < max(rank, 0):
            allowed = f"-{rank} to {rank - 1}" if rank else "none, its rank is 0"
            advice = "\ndo: give one of these" if rank else "\ndo: give a tensor that has axes"
            raise ShapeError(f"{what} {each!r} of {{0}} is out of range\nfound: rank {rank}, so {allowed}{advice}")
        found.append(number % rank)
    if len(set(found)) != len(found):
        raise ShapeError(f"{what} {axis!r} names one axis of {{0}} twice")
    return tuple(sorted(found))


def need_spec(kind: Kind, spec: SpecLike, index: int = 0) -> Spec:
    """The spec of an input that has to be a tensor, a Python scalar standing for one of rank 0."""
    if isinstance(spec, Spec):
        return spec
    if spec is None:
        raise DTypeError(f"{kind.name} needs its input {kind.inputs[index] if index < len(kind.inputs) else index}")
    return Spec((), np.asarray(spec).dtype)


def extent_text(extent: Extent) -> str:
    """An extent for messages."""
    return str(extent)


def as_tensor(x: Any) -> Tensor:
    """What a user gave to a public function, as a tensor."""
    operand = as_input(x)
    return operand if isinstance(operand, Tensor) else Leaf(as_array(operand), "constant", None, False)


def apply(kind: Kind, *inputs: Any) -> Any:
    """A kind as a public function: whatever the user gives becomes an input, and the result is always a tensor."""
    operands = tuple(as_input(x) for x in inputs)
    if not any(isinstance(x, Tensor) for x in operands):
        first = next(index for index, x in enumerate(operands) if x is not None)
        leaf = Leaf(as_array(operands[first]), "constant", None, False)
        operands = (*operands[:first], leaf, *operands[first + 1 :])
    return record(kind, operands)
