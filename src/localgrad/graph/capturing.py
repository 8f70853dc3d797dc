"""Capturing: running a function once on tensors without values to obtain its Graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.context import CONTEXT, Context, using
from localgrad.graph.errors import CaptureError, LocalgradError
from localgrad.graph.node import ORDER, Derived, Node
from localgrad.graph.recording import explain_failure, spec_of
from localgrad.graph.registry import kind_named
from localgrad.graph.source import is_ours
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph
    from localgrad.graph.kind import Kind


class Recorder:
    """Collects the nodes of one graph while it is captured, and the leaves and outer tensors they read."""

    traces = False
    """Whether what eager computing changes in place (gradients, parameters, states) is recorded as well."""

    def __init__(self, outer: Recorder | None = None) -> None:
        self.outer = outer
        self.inputs: list[Tensor] = []
        self.nodes: list[Node] = []
        self.leaves: dict[int, Leaf] = {}
        self.updates: dict[int, tuple[Leaf, Tensor]] = {}
        self.lifted: list[tuple[Tensor, Tensor]] = []
        self._known: dict[int, Tensor] = {}
        self._adopted: dict[int, tuple[Tensor, Tensor]] = {}

    def add_input(self, tensor: Tensor) -> None:
        """Declare a tensor without value as the next input."""
        self.inputs.append(tensor)
        self._known[id(tensor)] = tensor

    def adopt(self, tensor: Tensor) -> Tensor:
        """What stands for a tensor inside this graph: itself, a constant, or a further input for an outer one."""
        key = id(tensor)
        if key in self._known:
            return tensor
        if key in self._adopted:
            return self._adopted[key][1]
        if tensor.is_symbolic:
            if self.outer is None:
                raise CaptureError(
                    f"`{tensor._name or 'a tensor'}` was used in a graph it does not belong to\n"
                    f"found: it was captured in another graph and has no value, shape {tensor.shape}\n"
                    "do: pass it as an argument of the captured function"
                )
            inner = Tensor(tensor.spec, None, tensor.requires_grad)
            inner._name = tensor._name
            self.lifted.append((tensor, inner))
            self.add_input(inner)
        elif isinstance(tensor, Leaf) and tensor._node is None:
            inner = tensor
            self.leaves[key] = tensor
            self._known[key] = tensor
        else:
            inner = Leaf(np.asarray(tensor._value), "constant", tensor._name, tensor.requires_grad)
            self.leaves[id(inner)] = inner
            self._known[id(inner)] = inner
        self._adopted[key] = (tensor, inner)
        return inner

    def record(self, context: Context, kind: Kind, inputs: tuple[Any, ...]) -> Any:
        """Record a kind on tensors without values."""
        adopted = tuple(self.adopt(x) if isinstance(x, Tensor) else x for x in inputs)
        if not context.enabled and kind.differentiable:
            adopted = tuple(self._stopped(context, x) for x in adopted)
        try:
            specs = kind.shape(*(spec_of(x) for x in adopted))
        except Exception as error:
            explain_failure(kind, adopted, error)
            raise
        if context.site is not None:
            code, at = context.site
        else:
            import sys

            frame: Any = sys._getframe(2)
            while frame is not None and is_ours(frame):
                frame = frame.f_back
            code, at = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)
        node = Node(kind, adopted, next(ORDER), code, at, context.scope, None)
        requires_grad = (
            context.enabled and kind.differentiable and any(isinstance(x, Tensor) and x.requires_grad for x in adopted)
        )
        outputs = self._outputs(node, specs if isinstance(specs, tuple) else (specs,), requires_grad)
        if context.tagger is not None:
            context.tagger(node)
        return outputs if isinstance(specs, tuple) else outputs[0]

    def _stopped(self, context: Context, x: Any) -> Any:
        """An input of a node recorded under `no_grad`: the graph has to say that no gradient flows to it."""
        if isinstance(x, Tensor) and x.requires_grad and x.dtype.kind == "f":
            return self.record(context, kind_named("StopGradient")(), (x,))
        return x

    def _outputs(self, node: Node, specs: tuple[Spec, ...], requires_grad: bool) -> tuple[Tensor, ...]:
        outputs = []
        for index, spec in enumerate(specs):
            tensor = Tensor(spec, node, requires_grad and spec.dtype.kind == "f")
            tensor._index = index
            self._known[id(tensor)] = tensor
            outputs.append(tensor)
        found = tuple(outputs)
        node._outputs = found
        self.nodes.append(node)
        return found

    def copy_node(
        self, node: Node, inputs: tuple[Any, ...], like: Sequence[Tensor | None], of: Derived | None = None
    ) -> tuple[Tensor, ...]:
        """The same use of a kind on other inputs, with the line, scope and names of `node`."""
        copy = Node(node.kind, inputs, next(ORDER), node._code, node._at, node.scope, of or node.of)
        known = [None if t is None else t.spec for t in like]
        if None in known:
            declared = node.kind.shape(*(spec_of(x) for x in inputs))
            declared = declared if isinstance(declared, tuple) else (declared,)
            known = [spec or other for spec, other in zip(known, declared, strict=True)]
        requires_grad = [t is not None and t.requires_grad for t in like]
        outputs = self._outputs(copy, tuple(known), any(requires_grad))  # type: ignore[arg-type]
        for old, new in zip(like, outputs, strict=True):
            if old is not None:
                new.requires_grad = old.requires_grad
                new._name = old._name
        return outputs

    def update(self, leaf: Leaf, value: Tensor) -> None:
        """Declare the new value of a state."""
        self.adopt(leaf)
        self.updates[id(leaf)] = (leaf, self.adopt(value))

    @property
    def gradients(self) -> dict[int, Tensor]:
        """What `backward` has given leaves, by id, where the recorder traces."""
        raise NotImplementedError("only a tracing recorder has gradients")

    def write(self, leaf: Leaf, value: Any) -> None:
        """Record that a leaf has another value from here on, where the recorder traces."""
        raise NotImplementedError("only a tracing recorder takes writes")

    def forget_writes(self) -> None:
        """Let leaves stand for what they were before this run again, where the recorder traces."""
        raise NotImplementedError("only a tracing recorder takes writes")

    def read(self, thing: Any, name: str) -> None:
        """Note that what is traced depends on an attribute of an object, where the recorder traces."""
        raise NotImplementedError("only a tracing recorder notes what it depends on")

    def backward(self, outputs: Sequence[Tensor], grads: Sequence[Any], accumulate: bool) -> None:
        """Record what `backward` sets, where the recorder traces."""
        raise NotImplementedError("only a tracing recorder takes a backward pass")

    def replace(self, x: Tensor, old: Tensor, changed: Tensor) -> None:
        """Follow `x[i] = v`: `old` is what x was, x itself becomes the output of the node that made `changed`."""
        self._known[id(old)] = old
        if id(x) in self._adopted and self._adopted[id(x)][1] is not x:
            old = self._adopted.pop(id(x))[1]
        self.inputs = [old if each is x else each for each in self.inputs]
        if x._node is not None and x._node._outputs is not None:
            x._node._outputs = tuple(old if each is x else each for each in x._node._outputs)
        if changed._node is not None:
            changed._node._outputs = (x,)
        self._known[id(x)] = x

    def finish(self, outputs: Sequence[Tensor], name: str = "graph") -> Graph:
        """The graph between the declared inputs and these outputs."""
        from localgrad.graph.graph import Graph

        updates = [(leaf, value) for leaf, value in self.updates.values()]
        for node in self.nodes:
            node._inputs = node.inputs  # tensors assigned into since then (`x[i] = v`) stand for what they were
        return Graph(self.nodes, self.inputs, outputs, updates, name)


def capture(f: Callable[..., Any], *examples: Any, name: str | None = None) -> Graph:
    """The graph of a function of tensors, from example arrays, tensors or specs (nested tuples, lists, dicts allowed).

    Inputs are named after the function's arguments. Arrays and numbers the function reads from outside become
    constants; parameters and states stay the user's own tensors. Raises CaptureError, naming the line, where the
    function reads a value (`if y > 0`).

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.tanh(x) * 2, lg.spec("N", 3))
    >>> graph.run({"x": [[0.0, 1.0, -1.0]]})[graph.outputs[0].name].shape
    (1, 3)
    """
    graph, _ = capture_tree(f, examples, name)
    return graph


def capture_tree(f: Callable[..., Any], examples: tuple[Any, ...], name: str | None = None) -> tuple[Graph, Any]:
    """`capture`, with the tree of outputs the function returned."""
    recorder = Recorder(CONTEXT.get().recorder)
    leaves: list[Tensor] = []
    for label, example in _named_arguments(f, examples):
        spec, requires_grad = _spec_of_example(example)
        tensor = Tensor(spec, None, requires_grad and spec.dtype.kind == "f")
        tensor._name = label
        recorder.add_input(tensor)
        leaves.append(tensor)
    arguments = unflatten(examples, leaves)
    with using(recorder=recorder, scope="", tagger=None, enabled=True, watchers=()):
        result = f(*arguments)
        outputs = [_as_output(recorder, where, value) for where, value in flatten(result)]
    if not outputs:
        raise CaptureError(f"{getattr(f, '__name__', f)} returned nothing to capture; return a tensor")
    if recorder.lifted:
        raise CaptureError(
            f"{getattr(f, '__name__', f)} reads `{recorder.lifted[0][0]._name}` of an outer capture; pass it as an argument"
        )
    return recorder.finish(outputs, name or getattr(f, "__name__", "graph").strip("<>")), result


def _as_output(recorder: Recorder, where: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        try:
            value = Leaf(as_array(value), "constant", None, False)
        except LocalgradError:
            raise CaptureError(
                f"the captured function returned {type(value).__name__}{' at ' + where if where else ''}; "
                "return tensors, in nested tuples, lists or dicts if you like"
            ) from None
    return recorder.adopt(value)


def _spec_of_example(example: Any) -> tuple[Spec, bool]:
    if isinstance(example, Spec):
        return example, True
    if isinstance(example, Tensor):
        return example.spec, True
    array = as_array(example)
    return Spec(array.shape, array.dtype), True


def _named_arguments(f: Callable[..., Any], examples: tuple[Any, ...]) -> list[tuple[str, Any]]:
    names = argument_names(f, len(examples))
    return [pair for name, example in zip(names, examples, strict=True) for pair in flatten(example, name)]


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` positional arguments of a function, x0, x1, ... where it has none."""
    import inspect

    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    names += [f"x{index}" for index in range(len(names), count)]
    return names


def body_graph(body: Callable[..., Any], specs: Sequence[Any]) -> tuple[Graph, bool]:
    """The graph of a composition's body on these specs (scalars and missing inputs stay as they are); and whether it
    returned a tuple.
    """
    recorder = Recorder(None)
    arguments: list[Any] = []
    for index, each in enumerate(specs):
        if isinstance(each, Spec):
            tensor = Tensor(each, None, each.dtype.kind == "f")
            tensor._name = f"x{index}"
            recorder.add_input(tensor)
            arguments.append(tensor)
        else:
            arguments.append(each)
    with using(recorder=recorder, scope="", tagger=None, watchers=(), enabled=True):
        result = body(*arguments)
    several = isinstance(result, tuple)
    outputs = [_as_output(recorder, "", value) for value in (result if several else (result,))]
    return recorder.finish(outputs, "body"), several


def body_specs(body: Callable[..., Any], specs: Sequence[Any]) -> Spec | tuple[Spec, ...]:
    """The spec of each output of a composition's body."""
    graph, several = body_graph(body, specs)
    found = tuple(tensor.spec for tensor in graph.outputs)
    return found if several else found[0]
