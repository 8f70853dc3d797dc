"""Differentiate: the gradient of a graph as a larger graph of the same kinds, and of tensors as further tensors."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import CONTEXT, using
from localgrad.graph.errors import DetachedError, DTypeError, GradientError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.history import History
from localgrad.graph.interpreter import named_outputs
from localgrad.graph.recording import as_input
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, is_static, product, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.structure import Identity
from localgrad.transform.sweep import Reach, sweep


def gradients(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None
) -> list[Tensor | None]:
    """The gradients of (the sum of) outputs with respect to inputs, as tensors that can be differentiated again.

    `grad_outputs` are the gradients that come in, one for each output (1 for an output with one entry). None stands
    for an input no path leads to. Works on computed tensors and inside captured functions.

    >>> import localgrad as lg
    >>> x = lg.tensor(2.0, requires_grad=True)
    >>> (first,) = lg.gradients(x**3, x)
    >>> (second,) = lg.gradients(first, x)
    >>> first.item(), second.item()
    (12.0, 12.0)
    """
    ends = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    starts = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    given = [None] * len(ends) if grad_outputs is None else grad_outputs
    given = [given] if isinstance(outputs, Tensor) and grad_outputs is not None and _is_one(given) else list(given)
    if len(given) != len(ends):
        raise GradientError(f"{len(ends)} outputs and {len(given)} incoming gradients were given to lg.gradients")
    for x in (*ends, *starts):
        if not isinstance(x, Tensor):
            raise GradientError(f"lg.gradients takes tensors; found {type(x).__name__}{user_line()}")
    for x in starts:
        if x.dtype.kind != "f":
            raise DTypeError(f"`{x.name}`: {x.dtype} tensors have no gradient; convert with .astype(np.float32)")
    seeds = [(end, _seed(end, g)) for end, g in zip(ends, given, strict=True)]
    reach = Reach(starts, History.of(ends).nodes)
    seeds = [(end, g) for end, g in seeds if end in reach]
    wanted = {id(x) for x in starts} | {(x._node.order, x._index) for x in starts if x._node is not None}
    found: dict[Any, Tensor] = {}

    def deliver(tensor: Tensor, g: Any) -> None:
        key = (tensor._node.order, tensor._index)  # type: ignore[union-attr]
        if key in wanted:
            found[key] = g

    leaves = sweep(seeds, True, deliver, reach)
    for key, (_, g) in leaves.items():
        found[key] = g
    return [found.get((x._node.order, x._index) if x._node is not None else id(x)) for x in starts]


def _is_one(given: Any) -> bool:
    return not isinstance(given, (list, tuple)) or not any(isinstance(each, (Tensor, np.ndarray)) for each in given)


def _seed(output: Tensor, grad: Any) -> Tensor:
    if output.dtype.kind != "f":
        raise DTypeError(f"`{output.name}`: {output.dtype} tensors have no gradient")
    if grad is None:
        total = product(output.shape)
        if not isinstance(total, int) or total != 1:
            raise ShapeError(
                f"the gradient of `{output.name}`, shape {format_shape(output.shape)}, was asked{user_line()}\n"
                "found: only an output with one entry has an obvious gradient to start from\n"
                "do: reduce it (.sum(), .mean()), or give grad_outputs"
            )
        return Leaf(np.ones(output.shape, output.dtype), "constant", None, False)
    seed: Any = as_input(grad)
    if not isinstance(seed, Tensor):
        seed = Leaf(np.asarray(seed, output.dtype), "constant", None, False)
    if seed.dtype != output.dtype:
        seed = seed.astype(output.dtype)
    if not same_shape(seed.shape, output.shape):
        raise ShapeError(
            f"an incoming gradient of shape {format_shape(seed.shape)} was given for `{output.name}`\n"
            f"found: it has shape {format_shape(output.shape)}"
        )
    return seed  # type: ignore[no-any-return]


def gradient(graph: Graph, wrt: str | Iterable[str] | None = None, of: Any = None) -> Graph:
    """The graph whose outputs are those of `graph` plus `grad/<name>` for each tensor in `wrt`.

    Default: every float input and parameter that has a path, of the only output. An output with more than one entry
    adds the input `seed/<name>`, the gradient that comes in. Where a name is taken (a gradient's gradient), `#2` is put
    after it. Every node made is tagged with the forward node, input and
    role it was made for (`node.of`), and carries its scope and source line. Raises DetachedError naming tensors in
    `wrt` that no path leads to.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: (x * x).sum(), lg.spec("N")).gradient()
    >>> {name: value.tolist() for name, value in graph.run([[1.0, 3.0]]).items()}
    {'Sum#1': 10.0, 'grad/x': [2.0, 6.0]}
    """
    ends = named_outputs(graph, of)
    explicitly = wrt is not None
    if wrt is None:
        starts = [t for t in (*graph.inputs, *graph.parameters.values()) if t.dtype.kind == "f"]
    else:
        starts = named_outputs(graph, [wrt] if isinstance(wrt, (str, Tensor)) else list(wrt))
    for x in starts:
        if x.dtype.kind != "f":
            raise DTypeError(f"`{graph.name_of(x)}`: {x.dtype} tensors have no gradient")
    recorder = Recorder()
    recorder.nodes = list(graph.nodes)
    recorder.inputs = list(graph.inputs)
    recorder._known = {id(t): t for t in graph.tensors.values()}
    recorder.updates = {id(graph.leaves[name]): (graph.leaves[name], value) for name, value in graph.updates.items()}
    reach = Reach(starts, graph.nodes)
    wanted = {id(x) for x in starts}
    found: dict[int, Tensor] = {}
    names = {id(x): free_name(f"grad/{graph.name_of(x)}", graph.tensors) for x in starts}

    def deliver(tensor: Tensor, g: Any) -> None:
        if id(tensor) in wanted:
            found[id(tensor)] = g
        if g._name is None and g._node is not None:
            g._name = free_name(f"grad/{graph.name_of(tensor)}", graph.tensors)

    with using(recorder=recorder, scope="", enabled=True, tagger=None, site=None, watchers=()):
        seeds = []
        for end in ends:
            if end.dtype.kind != "f":
                raise DTypeError(f"`{graph.name_of(end)}`: {end.dtype} tensors have no gradient")
            seeds.append((end, _seed_in(recorder, graph, end)))
        leaves = sweep([(end, g) for end, g in seeds if end in reach], True, deliver, reach)
        for key, (x, g) in leaves.items():
            found[key] = g
            if g._name is None and g._node is not None:
                g._name = free_name(f"grad/{graph.name_of(x)}", graph.tensors)
        outputs = list(graph.outputs)
        missing = [graph.name_of(x) for x in starts if id(x) not in found]
        if missing and (explicitly or len(missing) == len(starts)):
            ended = ", ".join(graph.name_of(end) for end in ends)
            raise DetachedError(
                f"the gradient of `{ended}` by {', '.join(f'`{name}`' for name in missing)} was asked\n"
                f"found: no differentiable path leads from there to `{ended}`\n"
                "do: leave them out of wrt, or look for a node that is not differentiable (argmax, comparison, "
                "stop_gradient) on the way"
            )
        for x in starts:
            g = found.get(id(x))
            if g is None:
                continue
            if g._name != names[id(x)]:
                g = _named_copy(g)
                g._name = names[id(x)]
            outputs.append(g)
    return Graph(
        recorder.nodes,
        recorder.inputs,
        outputs,
        recorder.updates.values(),
        f"gradient of {graph.name}",
        {id(leaf): name for name, leaf in graph.leaves.items()},
    )


def free_name(wanted: str, taken: Container[str]) -> str:
    """The name, with #2, #3, ... after it where it is taken."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}#{number}"
    return name


def _named_copy(g: Tensor) -> Tensor:
    with using(site=(None, 0)):
        return Identity.on(g)  # type: ignore[no-any-return]


def _seed_in(recorder: Recorder, graph: Graph, end: Tensor) -> Tensor:
    name = free_name(f"seed/{graph.name_of(end)}", graph.tensors)
    if is_static(end.shape) and product(end.shape) == 1:
        leaf = Leaf(np.ones(end.shape, end.dtype), "constant", name, False)
        return recorder.adopt(leaf)
    seed = Tensor(end.spec, None, False)
    seed._name = name
    recorder.add_input(seed)
    return seed


def stop_gradient(x: Any) -> Tensor:
    """The same value, through which no gradient flows.

    >>> import localgrad as lg
    >>> x = lg.tensor(3.0, requires_grad=True)
    >>> (x * lg.stop_gradient(x)).backward()
    >>> x.grad
    array(3., dtype=float32)
    """
    from localgrad.nodes.base import apply
    from localgrad.nodes.structure import StopGradient

    return apply(StopGradient.make(), x)  # type: ignore[no-any-return]


def is_capturing() -> bool:
    """Whether a function is being captured now."""
    return CONTEXT.get().recorder is not None
