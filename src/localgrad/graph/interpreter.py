"""The NumPy interpreter: runs a graph node by node, the reference every faster way is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.arrays import as_array
from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import DTypeError, GradientError, LocalgradError, NameLookupError, ShapeError
from localgrad.graph.naming import matching
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.registry import nearest
from localgrad.graph.spec import Symbol, bind_extent, format_shape
from localgrad.graph.tensor import Leaf, Tensor

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph
    from localgrad.graph.kind import Kind
    from localgrad.graph.node import Node


class Program:
    """A graph's nodes as a list of steps over numbered slots, with the slots free after each step."""

    def __init__(self, graph: Graph) -> None:
        self.slot: dict[int, int] = {}
        for tensor in graph.inputs:
            self._place(tensor)
        self.leaves = [(self._place(leaf), leaf) for leaf in graph.leaves.values()]
        self.steps: list[tuple[Node, tuple[Any, ...], tuple[int, ...]]] = []
        self.last_use: dict[int, int] = {}
        for number, node in enumerate(graph.nodes):
            inputs = tuple(("slot", self.slot[id(x)]) if isinstance(x, Tensor) else x for x in node._inputs)
            for x in inputs:
                if x.__class__ is tuple:
                    self.last_use[x[1]] = number
            self.steps.append((node, inputs, tuple(self._place(tensor) for tensor in node._outputs)))
        self.symbolic = [node.kind.is_symbolic() for node in graph.nodes]

    def _place(self, tensor: Tensor) -> int:
        return self.slot.setdefault(id(tensor), len(self.slot))


def run(graph: Graph, inputs: Any, fetch: str | Iterable[str] | None) -> dict[str, NDArray[Any]]:
    """Run a graph; see `Graph.run`."""
    if graph._program is None:
        graph._program = Program(graph)
    program = graph._program
    if fetch is None:
        names = [graph.name_of(tensor) for tensor in graph.outputs]
    else:
        names = graph.matching(fetch)
    arrays, sizes = bind_inputs(graph, inputs)
    slots: list[Any] = [None] * len(program.slot)
    for position, array in enumerate(arrays):
        slots[program.slot[id(graph.inputs[position])]] = array
    for position, leaf in program.leaves:
        slots[position] = leaf._value
    kept = {program.slot[id(graph.tensors[name])] for name in names}
    kept |= {program.slot[id(tensor)] for tensor in graph.updates.values()}
    free: dict[int, list[int]] = {}
    for position, number in program.last_use.items():
        if position not in kept:
            free.setdefault(number, []).append(position)
    needed = _needed(graph, names) if fetch is not None else None
    watchers = CONTEXT.get().watchers
    token = WARNINGS.set(QUIET)
    try:
        for number, (node, sources, targets) in enumerate(program.steps):
            if needed is not None and node.order not in needed:
                continue
            kind = node.kind.bind(sizes) if program.symbolic[number] else node.kind
            values = [slots[x[1]] if x.__class__ is tuple else x for x in sources]
            result = computed(node, kind, values)
            for watcher in watchers:
                watcher.computed(node, result if result.__class__ is tuple else (result,), values)
            if len(targets) == 1:
                slots[targets[0]] = result[0] if result.__class__ is tuple else result
            else:
                for position, value in zip(targets, result, strict=True):
                    slots[position] = value
            for position in free.get(number, ()):
                slots[position] = None
    finally:
        WARNINGS.reset(token)
    results = {name: _own(slots[program.slot[id(graph.tensors[name])]], graph.tensors[name]) for name in names}
    if fetch is None:
        new = [(graph.leaves[name], slots[program.slot[id(value)]]) for name, value in graph.updates.items()]
        for leaf, value in new:
            leaf.write(value)
    return results


def _own(value: Any, tensor: Tensor) -> NDArray[Any]:
    # a leaf's array, or a view of one, must not leave the graph: a later write would show in it
    array = np.asarray(value)
    return array.copy() if isinstance(tensor, Leaf) or array.base is not None else array


def _needed(graph: Graph, names: list[str]) -> set[int]:
    found: set[int] = set()
    stack = [graph.tensors[name]._node for name in names]
    while stack:
        node = stack.pop()
        if node is None or node.order in found:
            continue
        found.add(node.order)
        stack.extend(x._node for x in node._inputs if isinstance(x, Tensor))
    return found


def _line(node: Node) -> str:
    source = node.source
    return f" at {source}" + (f" (`{source.text}`)" if source is not None and source.text else "") if source else ""


def computed(node: Node, kind: Kind, values: list[Any]) -> Any:
    """What a node's kind, or that kind bound to sizes, makes of values, with an error that names the node."""
    try:
        if kind.checked:
            kind.check(*values)
        return kind.forward(*values)
    except LocalgradError as error:
        raise located(error, node) from None
    except Exception as error:
        raise _run_error(node, kind, values, error) from error


def located(error: LocalgradError, node: Node) -> LocalgradError:
    """An error of a rule with the names of the node's inputs and the place of the node."""
    return type(error)(f"{_named(error, node)}\nwhere: node `{node.name}`{_line(node)}")


def _run_error(node: Node, kind: Any, values: list[Any], error: Exception) -> LocalgradError:
    from localgrad.graph.recording import spec_of

    try:
        kind.shape(*(spec_of(x) for x in values))
    except LocalgradError as found:
        return located(found, node)
    except Exception:  # the rule itself failed: NumPy's word is the better one
        pass
    shapes = ", ".join(format_shape(np.shape(x)) for x in values)
    return ShapeError(f"node `{node.name}` ({kind!r}){_line(node)} failed on inputs of shape {shapes}\nfound: {error}")


def _named(error: Exception, node: Node) -> str:
    from localgrad.graph.failure import label

    text = str(error)
    for index, x in enumerate(node._inputs):
        text = text.replace(f"{{{index}}}", label(x, index))
    return text


def check_count(graph: Graph, inputs: Any) -> None:
    """Raise ShapeError where the number of inputs is not the graph's."""
    if len(inputs) != len(graph.inputs):
        raise ShapeError(
            f"{len(inputs)} inputs were given to graph `{graph.name}`\nfound: it has {len(graph.inputs)}: {declared(graph)}"
        )


def declared(graph: Graph) -> str:
    """The inputs of a graph with shapes and dtypes, for messages."""
    return ", ".join(f"{t.name}: {t.dtype}{format_shape(t.shape)}" for t in graph.inputs) or "none"


def bind_inputs(graph: Graph, inputs: Any) -> tuple[list[NDArray[Any]], dict[str, int]]:
    """The inputs as arrays in order, checked, and the size of each named extent."""
    if isinstance(inputs, Mapping):
        known = [t.name for t in graph.inputs]
        wrong = [name for name in inputs if name not in known]
        missing = [name for name in known if name not in inputs]
        if wrong or missing:
            said = [f"{name!r} is no input{nearest(str(name), known)}" for name in wrong]
            said += [f"{name!r} is missing" for name in missing]
            raise NameLookupError(
                f"inputs of graph `{graph.name}`: {'; '.join(said)}\nfound: it takes {declared(graph)}"
            )
        values = [inputs[name] for name in known]
    else:
        if not isinstance(inputs, (list, tuple)):
            inputs = (inputs,)
        check_count(graph, inputs)
        values = list(inputs)
    sizes: dict[str, int] = {}
    arrays = [_fit(graph, tensor, value) for tensor, value in zip(graph.inputs, values, strict=True)]
    for tensor, array in zip(graph.inputs, arrays, strict=True):
        for axis, extent in enumerate(tensor.shape):
            name = _plain_name(extent)
            if name is not None and sizes.setdefault(name, array.shape[axis]) != array.shape[axis]:
                raise ShapeError(
                    f"the extent {name} of `{tensor.name}` (axis {axis}) is {array.shape[axis]}\n"
                    f"found: another input has {name} = {sizes[name]}\ndo: give inputs that agree: {declared(graph)}"
                )
    for tensor, array in zip(graph.inputs, arrays, strict=True):
        for axis, extent in enumerate(tensor.shape):
            wanted = bind_extent(extent, sizes)
            if wanted != array.shape[axis]:
                raise ShapeError(
                    f"`{tensor.name}` was given with shape {format_shape(array.shape)}\n"
                    f"found: the graph takes {format_shape(tensor.shape)}; axis {axis} has to be {wanted}\n"
                    f"do: give that size, or {_for_any_size(axis)} for any size"
                )
    return arrays, sizes


def _for_any_size(axis: int) -> str:
    return 'use graph.set_batch("N")' if axis == 0 else 'capture with a named extent (lg.spec("N", ...))'


def _plain_name(extent: Any) -> str | None:
    if isinstance(extent, Symbol):
        text = repr(extent)
        return text if text.isidentifier() else None
    return None


def _fit(graph: Graph, tensor: Tensor, value: Any) -> NDArray[Any]:
    own_dtype = hasattr(value, "dtype")
    array = value if value.__class__ is np.ndarray else as_array(value)
    if array.dtype != tensor.dtype:
        if own_dtype or not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
            raise DTypeError(
                f"`{tensor.name}` was given as {array.dtype}\nfound: graph `{graph.name}` takes {declared(graph)}\n"
                f"do: convert it with .astype(np.{tensor.dtype})"
            )
        array = array.astype(tensor.dtype)
    if array.ndim != tensor.ndim:
        raise ShapeError(
            f"`{tensor.name}` was given with rank {array.ndim}, shape {format_shape(array.shape)}\n"
            f"found: graph `{graph.name}` takes rank {tensor.ndim}: {declared(graph)}"
        )
    return array


def named_outputs(graph: Graph, of: Any) -> list[Tensor]:
    """Output tensors from a name, a pattern, a tensor or a list of them; None stands for the only output.

    Raises GradientError for None where there are several outputs.
    """
    if of is None:
        if len(graph.outputs) != 1:
            several = [graph.name_of(t) for t in graph.outputs]
            raise GradientError(f"graph `{graph.name}` has {len(several)} outputs: {several}\ndo: say which, of=...")
        return list(graph.outputs)
    items = list(of) if isinstance(of, (list, tuple)) else [of]
    found: list[Tensor] = []
    for item in items:
        if isinstance(item, Tensor):
            graph.name_of(item)
            found.append(item)
        else:
            found.extend(graph.tensors[name] for name in matching([item], graph.tensors))
    return found
