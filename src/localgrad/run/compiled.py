"""Compiled: a function of tensors that is traced once for each kind of arguments and then runs its plan."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.arrays import as_array
from localgrad.graph.context import CONTEXT, TESTING
from localgrad.graph.graph import Graph
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.graph.warning import warn_once
from localgrad.run.plan import Plan
from localgrad.run.tracing import trace

MOST: Final = 64
"""Traces kept; the oldest goes."""
MOST_ALIKE: Final = 4
"""Traces kept for arguments of one kind, which differ in modes of layers or what is frozen."""
OFTEN: Final = 12
"""Traces from which on a function is said to be traced too often."""
Function = TypeVar("Function", bound=Callable[..., Any])


class Trace:
    """One plan of a function, for arguments of one kind."""

    def __init__(
        self, plan: Plan, result: Any, carries: list[bool], conditions: list[tuple[Any, str, Any]], held: list[Any]
    ) -> None:
        self.plan = plan
        self.result = result
        self.carries = carries
        self.carries_any = any(carries)
        self.held = held  # what the key names by its address has to stay alive
        self.conditions = conditions
        self.single = isinstance(result, Tensor)
        self.call: Any = None  # the same as a node that gradients flow through

    def holds(self) -> bool:
        """Whether what the trace depends on, such as a layer's mode, is as it was."""
        for thing, name, value in self.conditions:  # noqa: SIM110 - at each call, and a generator costs twice as much
            if getattr(thing, name) is not value:
                return False
        return True

    def built(self, values: list[Any]) -> Any:
        """What the function returns, of these tensors."""
        return values[0] if self.single else unflatten(self.result, values)


class Compiled:
    """A function of tensors as fast native code; see `compile`. `plan` is the one of the last call."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.function = f
        self.traces: dict[Any, list[Trace]] = {}
        self.plain: dict[Any, list[Trace]] = {}  # the same for arrays alone, found without looking at each closely
        self.count = 0
        self.plan: Plan | None = None
        functools.update_wrapper(self, f, updated=())  # attributes of a model stay its own

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        context = CONTEXT.get()
        if context.recorder is not None:  # inside a capture its nodes are part of that
            return self.function(*arguments, **options)
        quick: Any = None
        if not options and not context.watchers:
            described: list[Any] = [TESTING.get()]
            for x in arguments:
                if x.__class__ is not np.ndarray:
                    break
                described.append((x.shape, x.strides, x.dtype))
            else:
                quick = tuple(described)
                for found in self.plain.get(quick, ()):
                    if not found.carries_any and found.holds():
                        self.plan = found.plan
                        return found.built([Tensor(value, None, False) for value in found.plan.values(arguments)])
        inputs: list[Tensor | None] = []
        arrays: list[NDArray[Any]] = []
        key: list[Any] = []
        paths: list[str] = []
        held: list[Any] = []
        for path, leaf in _leaves(arguments, options):
            kind = leaf.__class__
            if kind is np.ndarray and leaf.dtype.kind in "fiub" and leaf.dtype.isnative:
                array, tensor = leaf, None
            elif isinstance(leaf, Tensor) and (
                not isinstance(leaf, Leaf) or leaf._node is not None or leaf.role not in ("parameter", "state")
            ):
                array, tensor = leaf._value, leaf
                if array.__class__ is not np.ndarray:
                    array = np.asarray(array)
            elif kind in _NUMBERS:
                key.append((path, kind, leaf if leaf == leaf else "nan", str(leaf) if leaf == 0 else ""))
                continue
            elif isinstance(leaf, np.generic) and leaf.dtype.kind in "fiub":
                key.append((path, kind, leaf.item()))
                continue
            elif isinstance(leaf, (list, np.ndarray)):
                array, tensor = as_array(leaf), None
            else:
                key.append((path, kind, leaf if kind is str else id(leaf)))
                held.append(leaf)
                continue
            requires_grad = tensor is not None and tensor.requires_grad
            layout = None if array.flags.c_contiguous and array.flags.aligned else array.strides
            key.append((path, array.shape, array.dtype, layout, requires_grad))
            paths.append(path)
            arrays.append(array)
            inputs.append(tensor)
        key.append((_shape_of_tree(arguments, options), TESTING.get()))
        whole = tuple(key)
        for found in self.traces.get(whole, ()):
            if found.holds():
                break
        else:
            found = self._trace(whole, arguments, options, paths, arrays, inputs, held)
        if quick is not None and all(array is x for array, x in zip(arrays, arguments, strict=True)):
            self.plain[quick] = self.traces[whole]
        self.plan = found.plan
        if context.enabled and found.carries_any:
            from localgrad.run.differentiable import record_call

            return found.built(record_call(found, inputs, arrays))
        return found.built([Tensor(value, None, False) for value in found.plan.values(arrays)])

    def _trace(
        self,
        key: Any,
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        paths: list[str],
        arrays: list[NDArray[Any]],
        inputs: list[Tensor | None],
        held: list[Any],
    ) -> Trace:
        specs = {
            path: (Spec(array.shape, array.dtype), tensor is not None and tensor.requires_grad)
            for path, array, tensor in zip(paths, arrays, inputs, strict=True)
        }
        with _uncollected():
            graph, result, carries, conditions = trace(self.function, arguments, options, specs)
            made = Trace(Plan(graph, [_example(array) for array in arrays]), result, carries, conditions, held)
        if len(self.traces) >= MOST:
            self.traces.pop(next(iter(self.traces)))
            self.plain.clear()
        alike = self.traces.setdefault(key, [])
        alike.append(made)
        del alike[:-MOST_ALIKE]
        self.count += 1
        if self.count == OFTEN:
            warn_once(
                f"traced {id(self)}",
                f"{getattr(self.function, '__name__', 'a compiled function')} was traced {OFTEN} times, each time for other "
                "shapes, dtypes or Python numbers; give numbers that change as tensors, and pad batches to few sizes",
            )
        return made

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.function, '__name__', self.function)!s}: {sum(map(len, self.traces.values()))} plans>"


@contextmanager
def _uncollected() -> Iterator[None]:
    """A block without Python's cyclic collector, which would look at a growing graph over and over."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


_NUMBERS: Final = frozenset((bool, int, float))


def _leaves(arguments: tuple[Any, ...], options: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for place, argument in enumerate(arguments):
        if argument.__class__ is np.ndarray or isinstance(argument, Tensor):
            found.append((str(place), argument))
        else:
            found += flatten(argument, str(place))
    for name, value in options.items():
        found += flatten(value, f"={name}")
    return found


def _shape_of_tree(arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What tells a tuple from a list, and None from nothing."""
    if not options and all(x.__class__ is np.ndarray or isinstance(x, Tensor) for x in arguments):
        return len(arguments)
    return repr(_kinds((arguments, options)))


def _kinds(tree: Any) -> Any:
    # depth is that of the user's own nesting
    if isinstance(tree, dict):
        return {key: _kinds(value) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return (type(tree).__name__, [_kinds(value) for value in tree if not isinstance(value, (int, float))])
    return tree is None


def _example(array: NDArray[Any]) -> NDArray[Any]:
    """An array laid out like this one, whose values do not matter."""
    return array if not array.flags.c_contiguous else np.empty(array.shape, array.dtype)


@overload
def compile(f: Graph) -> Compiled: ...
@overload
def compile(f: Function) -> Compiled: ...


def compile(f: Any) -> Compiled:
    """The same function of tensors as fast native code: traced at the first call, then run as fused loops and products.

    Takes what the function takes (tensors, arrays, nested in tuples, lists and dicts) and gives what it gives, with
    tensors as leaves. It is traced again for other shapes, dtypes, Python numbers or other objects among the arguments;
    arrays it reads from outside are constants from then on. Parameters and states are read where they are, and what the
    function writes into them (`loss.backward()` with `optimizer.step(model)`, or `W -= ...` under `no_grad`) is written
    in place. Gradients flow through its results. Raises CaptureError, naming the line, where it reads a value.

    Without Numba the same graph runs with NumPy. A decorator as well.

    >>> import localgrad as lg
    >>> @lg.compile
    ... def f(x):
    ...     return lg.sum(lg.tanh(x) * 2)
    >>> f(lg.tensor([0.0, 0.0])).item()
    0.0
    """
    if isinstance(f, Graph):
        graph = f

        def replayed(*inputs: Any) -> Any:
            return graph(*inputs)

        replayed.__name__ = graph.name
        return Compiled(replayed)
    if not callable(f):
        raise TypeError(f"lg.compile takes a function of tensors or a graph; found {type(f).__name__}")
    return Compiled(f)
