"""Tracing: a function of tensors run once without values, as capturing does, and what it changes on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from localgrad.graph.capturing import Recorder, _as_output, argument_names
from localgrad.graph.context import using
from localgrad.graph.errors import CaptureError, DetachedError, DTypeError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.spec import Spec, format_shape, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.nodes.structure import Cast
from localgrad.transform.differentiate import gradients


class Tracer(Recorder):
    """Collects a graph while a function is traced, with the gradients `backward` gives and the writes into leaves."""

    traces = True

    def __init__(self) -> None:
        super().__init__(None)
        self._gradients: dict[int, Tensor] = {}
        self.written: dict[int, Tensor] = {}
        self.conditions: list[tuple[Any, str, Any]] = []
        self.trains = False  # whether backward was called, so that gradients are used inside

    @property
    def gradients(self) -> dict[int, Tensor]:
        """What `backward` has given leaves, by id."""
        return self._gradients

    def adopt(self, tensor: Tensor) -> Tensor:
        """What stands for a tensor: for a leaf that was written into before, its new value."""
        found = self.written.get(id(tensor))
        return super().adopt(tensor) if found is None else found

    def write(self, leaf: Leaf, value: Any) -> None:
        """Note that a leaf has another value from here on; raises ShapeError or DTypeError where it does not fit."""
        given = value if isinstance(value, Tensor) else Leaf(np.asarray(value), "constant", None, False)
        if not same_shape(given.shape, leaf.shape):
            raise ShapeError(
                f"a value of shape {format_shape(given.shape)} was to be written into `{leaf.name}`\n"
                f"found: its shape is {format_shape(leaf.shape)}\ndo: give an array of the same shape"
            )
        if given.dtype != leaf.dtype:
            if not np.can_cast(given.dtype, leaf.dtype, "same_kind"):
                raise DTypeError(
                    f"{given.dtype} values were to be written into `{leaf.name}`\n"
                    f"found: it holds {leaf.dtype}\ndo: convert them with .astype({leaf.dtype})"
                )
            given = Cast.on(given, dtype=leaf.dtype.name)
        new = self.adopt(given)
        self.written.pop(id(leaf), None)
        self.update(leaf, new)
        self.written[id(leaf)] = new

    def forget_writes(self) -> None:
        """Let leaves stand for what they were before this run again."""
        self.written.clear()

    def read(self, thing: Any, name: str) -> None:
        """Note that what is traced depends on an attribute: with another value it has to be traced again."""
        self.conditions.append((thing, name, getattr(thing, name)))

    def backward(self, outputs: Sequence[Tensor], grads: Sequence[Any], accumulate: bool) -> None:
        """Note the gradients of everything that requires one, as `backward` sets them on arrays."""
        self.trains = True
        wanted = [leaf for leaf in self.leaves.values() if leaf.requires_grad and id(leaf) not in self.written]
        before = self._gradients if accumulate else {}
        given = None if all(g is None for g in grads) else list(grads)
        found = gradients(list(outputs), wanted, given) if wanted else []
        if all(g is None for g in found):
            raise DetachedError(
                "backward was asked in a compiled function\n"
                "found: no path from there to anything that requires a gradient\n"
                "do: compute the loss from parameters (lg.parameter) inside the function"
            )
        self._gradients = dict(before)
        for leaf, g in zip(wanted, found, strict=True):
            if g is not None:
                old = before.get(id(leaf))
                self._gradients[id(leaf)] = g if old is None else old + g


def trace(
    f: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    specs: Mapping[str, tuple[Spec, bool]],
) -> tuple[Graph, Any, list[bool], list[tuple[Any, str, Any]]]:
    """The graph of a call, the tree of what it returned, which outputs carry gradients, and what all of it depends on.

    Those of a function that calls `backward` or writes into leaves itself carry none.

    `specs` says, by path, which leaves of the arguments become inputs and whether they require a gradient.
    """
    recorder = Tracer()
    names = argument_names(f, len(arguments))

    def entered(path: str, label: str, leaf: Any) -> Any:
        if path not in specs:
            return leaf
        spec, requires_grad = specs[path]
        tensor = Tensor(spec, None, requires_grad)
        tensor._name = label
        recorder.add_input(tensor)
        return tensor

    given = [_mapped(argument, f"{place}", names[place], entered) for place, argument in enumerate(arguments)]
    named = {key: _mapped(value, f"={key}", key, entered) for key, value in options.items()}
    label = getattr(f, "__name__", type(f).__name__).strip("<>")
    with using(recorder=recorder, scope="", tagger=None, enabled=True, watchers=(), site=None):
        result = f(*given, **named)
        outputs = [_as_output(recorder, where, value) for where, value in flatten(result)]
    if not outputs and not recorder.updates:
        raise CaptureError(f"{label} returned nothing to compile and changed no state; return a tensor")
    graph = recorder.finish(outputs, label)
    inside = recorder.trains or bool(recorder.written)
    for leaf in graph.leaves.values():
        if leaf.role != "constant":
            recorder.read(leaf, "requires_grad")
    return graph, result, [tensor.requires_grad and not inside for tensor in outputs], recorder.conditions


def _mapped(tree: Any, path: str, label: str, change: Callable[[str, str, Any], Any]) -> Any:
    pairs = zip(flatten(tree, path), flatten(tree, label), strict=True)
    return unflatten(tree, [change(where, name, leaf) for (where, leaf), (name, _) in pairs])
