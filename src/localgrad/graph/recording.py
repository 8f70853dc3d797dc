"""Recording: computing with tensors makes nodes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.context import CONTEXT, Context, using
from localgrad.graph.errors import DTypeError, GradientError, LocalgradError
from localgrad.graph.node import MORE, NOTHING, ORDER, Node, NodeInput, remember_assignment
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.registry import kind_named
from localgrad.graph.source import OUR_GLOBALS, is_ours, user_line

if TYPE_CHECKING:
    from localgrad.graph.kind import Kind
    from localgrad.graph.tensor import Leaf, Tensor

_next_order: Final = ORDER.__next__
_getframe: Final = sys._getframe
_node_class: Final = Node
_new: Final[Any] = object.__new__
_set_warnings: Final = WARNINGS.set
_reset_warnings: Final = WARNINGS.reset
_SCALARS: Final = frozenset((float, int, bool))
_FLOATS: Final = frozenset((np.float32, np.float64, np.float16))
_user_globals: Any = None  # those of the last user's frame: most nodes come from the same module as the one before
_tensor_class: Any = None
_leaf_class: Any = None


def use_classes(tensor_class: type[Tensor], leaf_class: type[Leaf]) -> None:
    """Tell recording which classes to make; called once, since tensors are defined above recording."""
    global _tensor_class, _leaf_class
    _tensor_class, _leaf_class = tensor_class, leaf_class


def as_operand(value: Any) -> Any:
    """A node's input from what a user wrote: tensors and Python scalars as they are, arrays as constant leaves."""
    if isinstance(value, _tensor_class) or value.__class__ in _SCALARS or value is None:
        return value
    if isinstance(value, np.generic):
        if value.dtype.kind in "fiub":
            return value.item()
        raise DTypeError(f"{value!r} cannot meet a tensor: {value.dtype} is not a real number{user_line()}")
    if isinstance(value, (np.ndarray, list, tuple)):
        if isinstance(value, (list, tuple)) and any(isinstance(item, _tensor_class) for item in value):
            return kind_named("Stack").on(*value, axis=0)
        return _leaf_class(as_array(value), "constant", None, False)
    if isinstance(value, (float, int)):
        return value.real  # subclasses of Python's numbers
    if isinstance(value, complex):
        raise DTypeError(
            f"{value!r} was to meet a tensor{user_line()}\nfound: complex numbers are not supported\n"
            "do: compute with the real and the imaginary part as two tensors"
        )
    if value.__class__.__name__ == "Symbol":
        raise DTypeError(
            f"the named extent {value} was to be used as a tensor{user_line()}\n"
            "found: it has no tensor to be read from here\ndo: use lg.size(x, axis), which records a node"
        )
    if hasattr(value, "__array__"):
        return _leaf_class(as_array(np.asarray(value)), "constant", None, False)
    return NotImplemented


def as_input(value: Any) -> Any:
    """Like `as_operand`, but raises DTypeError for what can never be an input; a lone scalar becomes a tensor."""
    operand = as_operand(value)
    if operand is NotImplemented:
        raise DTypeError(
            f"{type(value).__name__} was to be used as a tensor{user_line()}\n"
            "do: give a tensor, an array, a list or a number"
        )
    return operand


def compute(kind: Kind, inputs: tuple[Any, ...]) -> Any:
    """A kind applied: a node where a tensor is among the inputs, else its forward on plain arrays."""
    for x in inputs:
        if isinstance(x, _tensor_class):
            result = record(kind, inputs)
            if result is NotImplemented:
                for each in inputs:
                    as_input(each)  # says which one can never be an input
            return result
    if kind.checked:
        _check(kind, inputs)
    return kind.forward(*inputs)


def plain_values(body: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    """A body computed on arrays, also where it is written with public functions, which make tensors of them."""
    with using(recorder=None, enabled=False, watchers=(), tagger=None, site=None):
        result = body(*inputs)
    if result.__class__ is tuple:
        return tuple(x._value if isinstance(x, _tensor_class) else x for x in result)
    return result._value if isinstance(result, _tensor_class) else result


def record(kind: Kind, inputs: tuple[Any, ...]) -> Any:
    """Compute a kind on inputs of which at least one is a tensor, and record the node.

    Gives NotImplemented where an input can never be one, so that Python tries the other operand's operator.
    """
    count = len(inputs)
    if count == 2:
        return record_pair(kind, inputs[0], inputs[1])
    return record_pair(kind, inputs[0], NOTHING) if count == 1 else record_pair(kind, inputs, MORE)


def record_pair(kind: Kind, first: Any, second: Any) -> Any:
    """`record` with the inputs as a node holds them (see NOTHING and MORE).

    The hot path of eager computing: everything that is not plain goes to `_record_in`.
    """
    global _user_globals
    context = CONTEXT.get()
    if not context.plain:
        inputs = _operands(_tuple_of(first, second))
        return inputs if inputs is NotImplemented else _record_in(context, kind, inputs)
    values: Any = None
    one: Any = first
    two: Any = second
    requires_grad = False
    if second is MORE:
        values, requires_grad, plain = _values_of(first)
        if not plain or (kind.promotes and _are_mixed(values, first)):
            return _record_converted(kind, first)
    else:
        if isinstance(first, _tensor_class):
            one = first._value
            requires_grad = first.requires_grad
        elif first.__class__ not in _SCALARS and first is not None:
            return _record_converted(kind, _tuple_of(first, second))
        if isinstance(second, _tensor_class):
            two = second._value
            if second.requires_grad:
                requires_grad = True
            if one is not first and one.dtype is not two.dtype and kind.promotes and one.dtype != two.dtype:
                return _record_converted(kind, (first, second))
        elif second.__class__ not in _SCALARS and second is not NOTHING and second is not None:
            return _record_converted(kind, (first, second))
    if kind.checked:
        _check(kind, _tuple_of(first, second))
    token = _set_warnings(QUIET)
    try:
        if values is not None:
            value = kind.forward(*values)
        elif two is NOTHING:
            value = kind.forward(one)
        else:
            value = kind.forward(one, two)
    except LocalgradError as error:
        explain_failure(kind, _tuple_of(first, second), error)
        raise
    except Exception as error:
        _reset_warnings(token)
        token = _set_warnings(QUIET)
        explain_failure(kind, _tuple_of(first, second), error)
        raise
    finally:
        _reset_warnings(token)
    if kind.view:
        value = _without_shared_memory(value, _tuple_of(first, second))
    # of the frames between here and the user's, the first is an operator or a function of ours
    try:
        frame: Any = _getframe(2)
    except ValueError:  # called from the outermost frame
        frame = _getframe(1)
    if frame.f_globals is not _user_globals:
        while (
            frame is not None
            and (names := frame.f_globals) is not _user_globals
            and (id(names) in OUR_GLOBALS or is_ours(frame))
        ):
            frame = frame.f_back
        _user_globals = None if frame is None else frame.f_globals
    # objects made and filled here cost a third of a call through __init__, and this runs for every scalar operation
    node = _new(_node_class)
    node.kind = kind
    node._first = first
    node._second = second
    node.order = _next_order()
    if frame is None:
        node._code, node._at = None, 0
    else:
        node._code = frame.f_code
        node._at = frame.f_lasti
    node.scope = context.scope
    node._rest = None
    if value.__class__ is tuple:
        return _several(node, value, requires_grad and kind.differentiable)
    tensor = _new(_tensor_class)
    tensor._value = value
    tensor._node = node
    tensor.requires_grad = (
        requires_grad and kind.differentiable and (value.__class__ in _FLOATS or value.dtype.kind == "f")
    )
    tensor._grad = tensor._name = None
    tensor._index = 0
    return tensor


def _tuple_of(first: Any, second: Any) -> tuple[Any, ...]:
    if second is NOTHING:
        return (first,)
    return first if second is MORE else (first, second)


def _values_of(inputs: tuple[Any, ...]) -> tuple[list[Any], bool, bool]:
    """What the forward gets, whether any requires a gradient, and whether no input has to be converted first."""
    values = []
    requires_grad = False
    for x in inputs:
        if isinstance(x, _tensor_class):
            values.append(x._value)
            if x.requires_grad:
                requires_grad = True
        elif x.__class__ in _SCALARS or x is None:
            values.append(x)
        else:
            return values, False, False
    return values, requires_grad, True


def _are_mixed(values: list[Any], inputs: tuple[Any, ...]) -> bool:
    dtypes = [value.dtype for value, x in zip(values, inputs, strict=True) if isinstance(x, _tensor_class)]
    return any(dtype is not dtypes[0] and dtype != dtypes[0] for dtype in dtypes)


def _record_converted(kind: Kind, inputs: tuple[Any, ...]) -> Any:
    """Record on what the user gave, made inputs first: arrays as constants, one common dtype."""
    operands = _operands(inputs)
    if operands is NotImplemented:
        return operands
    return record(kind, promoted(operands, kind) if kind.promotes else operands)


def _operands(inputs: tuple[Any, ...]) -> Any:
    found = tuple(as_operand(x) for x in inputs)
    return NotImplemented if any(x is NotImplemented for x in found) else found


def _several(node: Node, values: tuple[Any, ...], requires_grad: bool) -> tuple[Tensor, ...]:
    import weakref

    outputs = []
    for index, value in enumerate(values):
        tensor = _tensor_class(value, node, requires_grad and value.dtype.kind == "f")
        tensor._index = index
        outputs.append(tensor)
    node._values = values
    node._outputs = tuple(weakref.ref(tensor) for tensor in outputs)
    return tuple(outputs)


def _without_shared_memory(value: Any, inputs: tuple[NodeInput, ...]) -> Any:
    """A copy where the value may be a view of a leaf's array, which optimizers and users write into."""
    if any(x.__class__ is _leaf_class for x in inputs):
        if value.__class__ is tuple:
            return tuple(np.copy(each, order="K") for each in value)
        if value.__class__ is np.ndarray:
            return value.copy(order="K")
    return value


def _record_in(context: Context, kind: Kind, inputs: tuple[NodeInput, ...]) -> Any:
    """Recording while capturing, without gradients, under watchers, or for a gradient."""
    if kind.promotes and len(inputs) > 1:
        inputs = promoted(inputs, kind)
    if context.recorder is not None:
        return context.recorder.record(context, kind, inputs)
    if kind.checked:
        _check(kind, inputs)
    values = tuple(x._value if isinstance(x, _tensor_class) else x for x in inputs)
    token = WARNINGS.set(QUIET)
    try:
        value = kind.forward(*values)
    except LocalgradError as error:
        explain_failure(kind, inputs, error)
        raise
    except Exception as error:
        explain_failure(kind, inputs, error)
        raise
    finally:
        WARNINGS.reset(token)
    if kind.view:
        value = _without_shared_memory(value, inputs)
    if not context.enabled:
        free = tuple(_tensor_class(each, None, False) for each in (value if value.__class__ is tuple else (value,)))
        if context.watchers:
            node = Node(kind, inputs, _next_order(), *(context.site or _site()), context.scope, None)
            for watcher in context.watchers:
                watcher.forward(node, free)
        return free if value.__class__ is tuple else free[0]
    code, at = context.site or _site()
    node = Node(kind, inputs, _next_order(), code, at, context.scope, None)
    if context.tagger is not None:
        context.tagger(node)
    requires_grad = kind.differentiable and any(isinstance(x, _tensor_class) and x.requires_grad for x in inputs)
    if value.__class__ is tuple:
        outputs = _several(node, value, requires_grad)
    else:
        outputs = (_tensor_class(value, node, requires_grad and value.dtype.kind == "f"),)
    for watcher in context.watchers:
        watcher.forward(node, outputs)
    return outputs if value.__class__ is tuple else outputs[0]


def _site() -> tuple[Any, int]:
    frame: Any = _getframe(2)
    while frame is not None and is_ours(frame):
        frame = frame.f_back
    return (None, 0) if frame is None else (frame.f_code, frame.f_lasti)


def promoted(inputs: tuple[NodeInput, ...], kind: Kind) -> tuple[NodeInput, ...]:
    """The inputs with a Cast recorded on each tensor whose dtype is not the common one."""
    first = None
    for x in inputs:
        if isinstance(x, _tensor_class):
            dtype = x._value.dtype
            if first is None:
                first = dtype
            elif dtype is not first and dtype != first:
                break
    else:
        return inputs
    tensors = [x for x in inputs if isinstance(x, _tensor_class)]
    common = np.result_type(*(x.dtype for x in tensors))
    if common == np.float64 and any(x.dtype in (np.float32, np.float16) for x in tensors):
        from localgrad.graph.warning import warn_widening

        warn_widening(kind, tensors)
    cast = kind_named("Cast").make(dtype=common.name)
    return tuple(record(cast, (x,)) if isinstance(x, _tensor_class) and x.dtype != common else x for x in inputs)


_ACCEPTED: Final[dict[Any, Kind]] = {}
"""Shapes a checked kind has accepted: training meets the same ones at every step."""


def _check(kind: Kind, inputs: tuple[Any, ...]) -> None:
    """Run the shape rule and the value check of a kind that refuses more than NumPy does."""
    key = (
        id(kind),
        *[(x.shape, x.dtype) if hasattr(x, "dtype") else (x.__class__, x) for x in inputs],
    )
    try:
        if _ACCEPTED.get(key) is not kind:
            kind.shape(*(spec_of(x) for x in inputs))
            if len(_ACCEPTED) > 4096:
                _ACCEPTED.clear()
            _ACCEPTED[key] = kind
        kind.check(*(x._value if isinstance(x, _tensor_class) else x for x in inputs))
    except LocalgradError as error:
        explain_failure(kind, inputs, error)
        raise


def spec_of(x: Any) -> Any:
    """What a shape rule sees of an input."""
    if isinstance(x, _tensor_class):
        return x.spec
    if isinstance(x, (np.ndarray, np.generic)):
        from localgrad.graph.spec import Spec

        return Spec(x.shape, x.dtype)
    return x


def explain_failure(kind: Kind, inputs: tuple[Any, ...], error: Exception) -> None:
    """Raise what the kind's own shape rule says of these inputs, with node, line and graph; return if it says nothing."""
    from localgrad.graph.failure import raise_explained

    try:
        raise_explained(kind, inputs, error)
    finally:
        del error  # see raise_explained


def _put(x: Any, index: Any, value: Any) -> Any:
    set_item: Any = kind_named("SetItem")
    return set_item.put(x, index, value)


def assign_item(x: Any, index: Any, value: Any) -> None:
    """`x[index] = value`: rebind x to a node that holds the changed copy; in place on a parameter under no_grad."""
    if x.__class__ is _leaf_class and x.role in ("parameter", "state"):
        if CONTEXT.get().enabled:
            raise GradientError(
                f"entries of `{x.name}` were to be assigned{user_line()}\n"
                f"found: it is a {x.role}, whose array is shared with every graph that uses it\n"
                "do: write it `with lg.no_grad():`, or assign into a copy (lg.identity(...))"
            )
        recorder = CONTEXT.get().recorder
        if recorder is not None and recorder.traces:
            recorder.write(x, _put(x, index, value))
            return
        x._value[index] = value._value if isinstance(value, _tensor_class) else value
        x.version = _next_order()
        return
    changed = _put(x, index, value)
    node = changed._node
    if node is None:  # under no_grad there is no history that could refer to the old value
        x._value, x._node, x.requires_grad = changed._value, None, False
        return
    old: Any
    if x.__class__ is _leaf_class and x._node is None:
        old = _leaf_class(x._value, x.role, x._name, x.requires_grad)
        old.version = x.version
    else:
        old = _tensor_class(x._value, x._node, x.requires_grad)
        old._name, old._index = x._name, x._index
        if x._node is not None and x._node._outputs is not None and not x.is_symbolic:
            x._node._outputs = None
    recorder = CONTEXT.get().recorder
    if recorder is not None:
        recorder.replace(x, old, changed)
    node._inputs = (old, *node._inputs[1:])
    remember_assignment(node, old._node)
    x._value, x._node, x._index, x._name = changed._value, node, 0, None
    x.requires_grad = changed.requires_grad
    x._grad = None
