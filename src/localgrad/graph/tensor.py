"""Tensor: what flows along an edge; Leaf: a tensor that no node made (input, parameter, state, constant)."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.arrays import as_array
from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import CaptureError, DTypeError, GradientError, LocalgradError, ShapeError
from localgrad.graph.frozen import frozen, read_only
from localgrad.graph.node import ORDER, Node
from localgrad.graph.operators import Operators
from localgrad.graph.reading import remember_reading
from localgrad.graph.source import user_line
from localgrad.graph.spec import Spec, Symbol, format_shape, same_shape
from localgrad.graph.verbs import TensorVerbs

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph

Role: TypeAlias = Literal["input", "parameter", "state", "constant"]


class Tensor(Operators, TensorVerbs):
    """What flows along an edge of a graph: an array with the node that made it and, after `backward`, its gradient.

    Make one with `lg.tensor` or `lg.parameter`, or by computing with others. While a function is captured a tensor has
    a shape and a dtype but no value.

    >>> import localgrad as lg
    >>> x = lg.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    array([2., 4.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_grad", "_index", "_name", "_node", "_value", "requires_grad")

    # NumPy's operators give way to ours when an array stands on the left.
    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, value: Any, node: Node | None, requires_grad: bool) -> None:
        self._value = value
        self._node = node
        self.requires_grad = requires_grad
        self._grad: Any = None
        self._name: str | None = None
        self._index = 0

    # what it is -------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """The extents; named ones (`lg.spec("N", 784)`) stand in it as symbols while a function is captured."""
        return self._value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self._value.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The rank."""
        return self._value.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._value.size  # type: ignore[no-any-return]

    @property
    def spec(self) -> Spec:
        """Shape and dtype."""
        value = self._value
        return value if value.__class__ is Spec else Spec(value.shape, value.dtype)

    @property
    def is_symbolic(self) -> bool:
        """Whether it has a shape and a dtype but no value (while capturing, and inside a Graph)."""
        return self._value.__class__ is Spec

    @property
    def node(self) -> Node | None:
        """The node that made it; None for leaves and for what was computed under `no_grad`."""
        node = self._node
        if node is not None and node._outputs is None:
            node._outputs = (weakref.ref(self),)
        return node

    @property
    def name(self) -> str:
        """Its name, unique in its graph: the one given, else `scope/kind#k`."""
        if self._name is not None:
            return self._name
        from localgrad.graph.naming import name_in_history

        return name_in_history(self)

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and (not isinstance(name, str) or not name):
            raise LocalgradError(f"a tensor's name is a non-empty string; found {name!r}")
        self._name = name

    # its value --------------------------------------------------------------------------------------------------
    @property
    def data(self) -> NDArray[Any]:
        """The value as an ndarray; read-only where a node made it.

        Raises CaptureError while capturing. Writing to a parameter's array in place is what optimizers do; assigning
        (`x.data = array`) copies into the same array object.
        """
        value = self._value
        if value.__class__ is Spec:
            raise self._no_value("its value (.data)")
        if self.requires_grad and self._node is not None:
            remember_reading(self, ".data")
        if value.__class__ is not np.ndarray:
            value = np.asarray(value)
        elif self._node is None and self.__class__ is not Tensor:
            return value
        return frozen(self, value)

    @data.setter
    def data(self, data: Any) -> None:
        if not isinstance(self, Leaf) or self._node is not None:
            raise read_only(self, "an assignment to .data")
        self.write(data)

    def numpy(self) -> NDArray[Any]:
        """A copy of the value as an ndarray of its own; raises CaptureError while capturing."""
        if self._value.__class__ is Spec:
            raise self._no_value("its value (.numpy())")
        if self.requires_grad:
            remember_reading(self, "numpy()")
        return np.array(self._value)

    def item(self) -> bool | int | float:
        """The only entry as a Python number; raises ShapeError where there are more, CaptureError while capturing."""
        return self._number("item()")

    def _number(self, how: str) -> bool | int | float:
        value = self._read(how)
        if value.size != 1:
            raise ShapeError(
                f"{how} of `{self.name}` was asked{user_line()}\n"
                f"found: it has {value.size} entries, shape {format_shape(value.shape)}\n"
                "do: reduce it (.sum(), .mean()) or pick one entry first"
            )
        return value.item()  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers; raises CaptureError while capturing."""
        return self.numpy().tolist()

    def _read(self, how: str) -> Any:
        if self._value.__class__ is Spec:
            raise self._no_value(how)
        if self.requires_grad:
            remember_reading(self, how)
        return self._value

    def _no_value(self, asked: str) -> CaptureError:
        filling = ", nor NumPy put it into an array" if asked in ("float(...)", "np.asarray(...)") else ""
        return CaptureError(
            f"{asked} of `{self._name or 'a tensor'}` was asked while a function is captured{user_line()}\n"
            f"found: only its shape {format_shape(self.shape)} and dtype {self.dtype} are known, so Python cannot "
            f"branch on it or turn it into a number{filling}\n"
            "do: use lg.where(condition, a, b) for a choice by entry, lg.cond(condition, f, g) for a choice of "
            "computation, lg.scan or lg.loop for a loop: they record nodes"
            f"{'; to fill an array, make it a tensor (lg.zeros(...)), whose x[i] = v records a node' if filling else ''}"
        )

    def __bool__(self) -> bool:
        value = self._read("bool(...)")
        if value.size != 1:
            raise ShapeError(
                f"the truth of `{self.name}` was asked{user_line()}\n"
                f"found: {value.size} entries, shape {format_shape(value.shape)}\n"
                "do: use lg.where for a choice by entry, or .all() / .any()"
            )
        return bool(value)

    def __float__(self) -> float:
        return float(self._number("float(...)"))

    def __int__(self) -> int:
        return int(self._number("int(...)"))

    def __index__(self) -> int:
        return operator.index(self._read("an index"))

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(f"len() of `{self.name}`: a tensor of rank 0 has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        extents = self._value.shape
        if not extents:
            raise ShapeError(
                f"`{self.name}` was to be looped over{user_line()}\nfound: a tensor of rank 0 has no entries"
            )
        if isinstance(extents[0], Symbol):
            raise CaptureError(
                f"a loop over the first axis of `{self._name or 'a tensor'}` was asked{user_line()}\n"
                f"found: its length is the named extent {extents[0]}, and a captured loop has a fixed number of rounds\n"
                "do: use lg.scan, or capture with a fixed size instead of a name"
            )
        return (self[place] for place in range(extents[0]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        value = np.asarray(self._read("np.asarray(...)"))
        if copy is False and (dtype is None or value.dtype == dtype):
            return self.data
        return np.array(value, dtype=dtype)

    def __format__(self, form: str) -> str:
        return format(self._number(f"the format {form!r}"), form) if form else str(self)

    # its gradient -----------------------------------------------------------------------------------------------
    @property
    def grad(self) -> NDArray[Any] | None:
        """The gradient the last `backward` gave it, of its own shape and dtype; None where none was computed."""
        grad = self._grad
        if grad is None:
            return None
        if grad.__class__ is not np.ndarray:
            grad = np.asarray(grad)
        if grad.flags.writeable:
            grad.flags.writeable = False
        return grad  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._set_grad(grad)

    def _set_grad(self, grad: Any) -> None:
        if grad is not None:
            raise GradientError(
                f"a gradient was to be assigned to `{self.name}`\nfound: a node made it\n"
                "do: pass it to backward(grad=...); only a leaf's gradient can be assigned"
            )
        self._grad = None

    def detach(self) -> Tensor:
        """A tensor of the same value that no gradient flows through (a copy for parameters)."""
        if self.is_symbolic:
            from localgrad.graph.registry import kind_named

            return kind_named("StopGradient")()(self)  # type: ignore[no-any-return]
        return Leaf(np.array(self._value), "input", None, False)

    # its graph --------------------------------------------------------------------------------------------------
    @property
    def graph(self) -> Graph:
        """The graph of everything it was computed from, with the values (and gradients) of that run."""
        from localgrad.graph.history import graph_of

        return graph_of([self])

    def __setitem__(self, index: Any, value: Any) -> None:
        from localgrad.graph.recording import assign_item

        assign_item(self, index, value)

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place("+=", self + other)

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place("-=", self - other)

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place("*=", self * other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place("/=", self / other)

    def _in_place(self, operator: str, result: Tensor) -> Tensor:
        return result

    def __repr__(self) -> str:
        label = f", name={self._name!r}" if self._name else ""
        if self.is_symbolic:
            return f"Tensor({format_shape(self.shape)}, {self.dtype}{label})"
        body = np.array2string(np.asarray(self._value), separator=", ", prefix="Tensor(", threshold=64)
        made = f", made by {self._node.kind.name}" if self._node is not None else ""
        grad = ", requires_grad=True" if self.requires_grad and self._node is None else ""
        return f"Tensor({body}, {self.dtype}{label}{made}{grad})"

    def __reduce__(self) -> Any:
        if self.is_symbolic:
            raise LocalgradError(f"the tensor `{self.name}` has no value and cannot be copied alone; copy its graph")
        return _restore, (np.array(self._value), "input", self._name, False, None)

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy: Tensor = _restore(*self.__reduce__()[1])
        memo[id(self)] = copy
        return copy


class Leaf(Tensor):
    """A tensor that no node made: an input, a parameter, a state or a constant.

    `version` is the moment of the last write into it: a node recorded before that saw another value.
    """

    __slots__ = ("_fresh", "_loss", "_pass", "role", "version")

    def __init__(self, value: NDArray[Any], role: Role, name: str | None, requires_grad: bool) -> None:
        self._value = value
        self._node = None
        self.requires_grad = requires_grad
        self._grad = None
        self._name = name
        self._index = 0
        self.role: Role = role
        self.version = 0
        self._pass = 0  # the number of the backward pass its gradient is from, negative once a step has used it
        self._loss = 0  # the order of the output that pass started from
        self._fresh = False  # whether nobody has read or used that gradient yet

    @property
    def grad(self) -> NDArray[Any] | None:
        """The gradient the last `backward` gave it, an array of its own; None where none was computed."""
        recorder = CONTEXT.get().recorder
        if recorder is not None and recorder.traces:
            return recorder.gradients.get(id(self))  # type: ignore[return-value]
        self._fresh = False
        return self._grad  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._set_grad(grad)

    def _set_grad(self, grad: Any) -> None:
        if grad is None:
            self._grad = None
            return
        array = np.array(grad, dtype=self.dtype)
        if array.shape != self.shape:
            raise ShapeError(
                f"a gradient of shape {format_shape(array.shape)} was to be assigned to `{self.name}`\n"
                f"found: its shape is {format_shape(self.shape)}\ndo: give one of the variable's shape"
            )
        self._grad = array
        self._pass = next(ORDER)
        self._loss = 0
        self._fresh = False

    def write(self, data: Any) -> None:
        """Copy new values into the same array object and move the version; raises ShapeError where they do not fit."""
        recorder = CONTEXT.get().recorder
        if recorder is not None and recorder.traces:
            recorder.write(self, data)
            return
        array = data._value if isinstance(data, Tensor) else data
        if array is not self._value:
            source = np.asarray(array)
            if not same_shape(source.shape, self.shape):
                raise ShapeError(
                    f"a value of shape {format_shape(source.shape)} was to be written into `{self.name}`{user_line()}\n"
                    f"found: its shape is {format_shape(self.shape)}\ndo: give an array of the same shape"
                )
            if not np.can_cast(source.dtype, self.dtype, "same_kind"):
                raise DTypeError(
                    f"{source.dtype} values were to be written into `{self.name}`{user_line()}\n"
                    f"found: it holds {self.dtype}\ndo: convert them with .astype({self.dtype})"
                )
            self._value[...] = source
        self.version = next(ORDER)

    def _in_place(self, operator: str, result: Tensor) -> Tensor:
        if self.role not in ("parameter", "state"):
            return result
        if CONTEXT.get().enabled:
            raise GradientError(
                f"the {self.role} `{self.name}` was to be changed with {operator}{user_line()}\n"
                f"found: gradients are being recorded, and its array is shared with every graph that uses it\n"
                f"do: write it `with lg.no_grad():` to update it in place, or use another name for the result "
                f"(y = x {operator[0]} ...)"
            )
        self.write(result)
        return self

    def __reduce__(self) -> Any:
        return _restore, (self._value, self.role, self._name, self.requires_grad, self._grad)


def _restore(value: NDArray[Any], role: Role, name: str | None, requires_grad: bool, grad: Any) -> Leaf:
    leaf = Leaf(np.array(value), role, name, requires_grad)
    if grad is not None:
        leaf._grad = np.array(grad)
    return leaf


def tensor(data: Any, dtype: Any = None, name: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the data: lists and Python floats become float32, ints int64; arrays keep their dtype.

    Raises DTypeError for complex numbers, text, or an integer tensor asked for a gradient; ShapeError for ragged lists.

    >>> import localgrad as lg
    >>> lg.tensor([[1, 2], [3, 4]]).dtype, lg.tensor([1.5]).dtype
    (dtype('int64'), dtype('float32'))
    """
    return _leaf(data, dtype, name, requires_grad, "input")


def parameter(data: Any, name: str | None = None, dtype: Any = None) -> Leaf:
    """A tensor that is learnt: it requires a gradient, and its array object never changes.

    Python numbers become float32, arrays keep their (float) dtype; raises DTypeError for integer arrays.

    >>> import localgrad as lg
    >>> lg.parameter([[0.1, 0.2]], name="W").shape
    (1, 2)
    """
    return _leaf(data, dtype, name, True, "parameter")


def state(data: Any, name: str | None = None, dtype: Any = None) -> Leaf:
    """A tensor a graph updates as it runs (running statistics, a counter): no gradient, in checkpoints.

    >>> import localgrad as lg
    >>> lg.state(0, name="step").dtype
    dtype('int64')
    """
    return _leaf(data, dtype, name, False, "state")


def _leaf(data: Any, dtype: Any, name: str | None, requires_grad: bool, role: Role) -> Leaf:
    if name is not None and (not isinstance(name, str) or not name):
        raise LocalgradError(f"a tensor's name is a non-empty string; found {name!r}")
    array = as_array(data, dtype, requires_grad)
    if requires_grad and array.dtype.kind != "f":
        raise DTypeError(
            f"a gradient was asked for {'`' + name + '`' if name else 'a tensor'}{user_line()}\n"
            f"found: {array.dtype} tensors have no gradient\ndo: convert with .astype(np.float32)"
        )
    return Leaf(array, role, name, requires_grad)
