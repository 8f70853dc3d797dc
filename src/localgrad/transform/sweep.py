"""The one backward sweep: rules in reverse order, broadcasts and fan-outs turned into sums here and nowhere else."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from heapq import heappop, heappush
from typing import Any, Final, TypeAlias

import numpy as np

from localgrad.graph.context import using
from localgrad.graph.errors import GradientError, LocalgradError, MissingRuleError
from localgrad.graph.kind import Composition, Kind
from localgrad.graph.node import NOTHING, Derived, Node, before
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.spec import Spec, same_extent, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.shaping import SumTo
from localgrad.nodes.structure import Cast, Identity
from localgrad.transform.failure import changed_since, known, misfit, rule_failed, too_few

Seed: TypeAlias = "tuple[Tensor, Any]"
Deliver: TypeAlias = Callable[[Tensor, Any], None]
_ndarray: Final = np.ndarray


class Reach:
    """The tensors that lie between outputs and the inputs whose gradients are asked."""

    def __init__(self, inputs: Sequence[Tensor], nodes: Sequence[Node]) -> None:
        self.leaves = {id(x) for x in inputs if x._node is None}
        self.outputs = {(x._node.order, x._index) for x in inputs if x._node is not None}
        self.orders: set[int] = set()
        for node in nodes:
            order = node.order
            if not node.kind.differentiable:
                continue
            for x in node._inputs:
                if isinstance(x, Tensor) and before(x, order) in self:
                    self.orders.add(order)
                    break

    def __contains__(self, x: Tensor) -> bool:
        node = x._node
        if node is None:
            return id(x) in self.leaves
        return (node.order in self.orders or (node.order, x._index) in self.outputs) and x.dtype.kind == "f"


def sweep(
    seeds: Sequence[Seed],
    on_tensors: bool,
    deliver: Deliver | None,
    reach: Reach | None = None,
    stop: Collection[int] = (),
) -> dict[int, tuple[Tensor, Any]]:
    """Run the rules backwards from seeds (tensor, gradient); the leaves reached, by id, with their gradients.

    On arrays, or on tensors, where every step records nodes. `deliver` is called with each inner tensor and its whole
    gradient. Without `reach` gradients flow where tensors require them; tensors whose id is in `stop` count as leaves.
    """
    leaves: dict[int, tuple[Tensor, Any]] = {}
    pending: dict[int, Any] = {}
    heap: list[int] = []
    last = 0  # the latest order that waits; it alone is not in the heap, so that a chain of nodes never touches that
    node: Node | None = None  # the node whose rule ran last: what an accumulation on a leaf is tagged with

    def add(x: Tensor, maker: Node | None, g: Any) -> None:
        nonlocal last
        if maker is None or (stop and id(x) in stop):
            known = leaves.get(id(x))
            leaves[id(x)] = (x, g if known is None else total(known[1], g, on_tensors, maker or node))
            return
        order = maker.order
        entry: Any = pending.get(order)
        if entry is None:
            if order > last:
                order, last = last, order
            if order:
                heappush(heap, -order)
            order = maker.order
        if maker.kind.several:
            if entry is None:
                entry = pending[order] = {}, {}  # tensors and gradients by output
            index = x._index
            entry[0][index] = x
            known = entry[1].get(index)
            entry[1][index] = g if known is None else total(known, g, on_tensors, maker)
        else:
            pending[order] = (x, g if entry is None else total(entry[1], g, on_tensors, maker))

    plain = not on_tensors and not stop and reach is None
    token = WARNINGS.set(QUIET)
    try:
        for end, g in seeds:
            add(end, end._node, g)
        while last:
            order = last
            made, grad = pending.pop(order)
            last = -heappop(heap) if heap else 0
            if made.__class__ is dict:
                node = next(iter(made.values()))._node
                if deliver is not None:
                    for index in sorted(made):
                        deliver(made[index], grad[index])
                outputs = range(node.kind.output_count())
                y: Any = tuple([_output(node, made, index, on_tensors) for index in outputs])
                grad = tuple([grad.get(index) for index in outputs])
            else:
                node = made._node
                if deliver is not None:
                    deliver(made, grad)
                y = made if on_tensors else made._value
            kind = node.kind
            first, second = node._first, node._second
            if (
                plain
                and first.__class__ is Tensor
                and (second is NOTHING or second.__class__ is float)
                and first._node is not None
                and first._node.order < order
            ):
                # what most nodes of a long graph have, without a loop: an inner tensor, alone or with a number
                sources: tuple[Any, ...] = (first,)
                wanted: tuple[bool, ...]
                if second is NOTHING:
                    xs: tuple[Any, ...] = (first._value,)
                    wanted = (first.requires_grad,)
                else:
                    xs = (first._value, second)
                    wanted = (first.requires_grad, False)
            else:
                sources, xs, wanted = _read(node, made, order, on_tensors, reach)
            try:
                if on_tensors:
                    grads = _tagged(node, grad, y, xs, wanted)
                elif kind.takes_wanted:
                    grads = kind.backward(grad, y, *xs, wanted=wanted)  # type: ignore[call-arg]  # takes_wanted says so
                elif kind.has_rule:
                    grads = kind.backward(grad, y, *xs)
                else:
                    grads = pull_body(kind, grad, y, xs, wanted)
            except Exception as error:
                raise rule_failed(known(node, made), error) from (None if isinstance(error, LocalgradError) else error)
            if grads.__class__ is not tuple:
                grads = tuple(grads) if grads.__class__ is list else (grads,)
            if len(grads) < len(xs):
                raise too_few(known(node, made), grads)
            for index, want in enumerate(wanted):
                if not want:
                    continue
                g = grads[index]
                if g is None:
                    continue
                x = sources[index]
                value = x._value
                # of one scalar type: same dtype, and no shape to repair
                if (g.__class__ is not value.__class__ or g.__class__ is _ndarray) and (
                    g.__class__ is not _ndarray or g.shape != value.shape or g.dtype != value.dtype
                ):
                    g = fitted(g, x, node, index, on_tensors, made)
                maker = x._node
                if plain and maker is not None and maker.order > last and not maker.kind.several:
                    if last:
                        heappush(heap, -last)
                    last = maker.order
                    pending[last] = (x, g)
                else:
                    add(x, maker, g)
    finally:
        WARNINGS.reset(token)
    return leaves


def _read(
    node: Node, made: Any, order: int, on_tensors: bool, reach: Reach | None
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[bool, ...]]:
    """A node's inputs as they were when it was recorded, what its rule gets of them, and which gradients it is to give."""
    sources = node._inputs
    xs = []
    wanted = []
    for source in sources:
        x: Any = source
        if isinstance(x, Tensor):
            maker = x._node
            if maker is not None:
                if maker.order > order:
                    sources = node.inputs
                    x = before(x, order)
            elif x.__class__ is Leaf and x.version > order and not _in_graph(made):
                raise changed_since(x, known(node, made))
            xs.append(x if on_tensors else x._value)
            wanted.append(x.requires_grad if reach is None else x in reach)
        else:
            xs.append(x)
            wanted.append(False)
    return sources, tuple(xs), tuple(wanted)


def _in_graph(made: Any) -> bool:
    """Whether these are tensors of a graph, which reads its leaves anew at each run."""
    tensor: Tensor = next(iter(made.values())) if made.__class__ is dict else made
    return tensor.is_symbolic


def _output(node: Node, made: dict[int, Tensor], index: int, on_tensors: bool) -> Any:
    if not on_tensors:
        return node._values[index] if node._values is not None else made[index]._value
    if index in made:
        return made[index]
    tensor = node.outputs[index]
    if tensor is None and node._values is not None:
        # nobody refers to this output any more, but its value is there, and the rule may save computing it again
        value = node._values[index]
        tensor = Tensor(value, node, next(iter(made.values())).requires_grad and value.dtype.kind == "f")
        tensor._index = index
        node._outputs = (*node._outputs[:index], weakref.ref(tensor), *node._outputs[index + 1 :])
    return tensor


def _apply(node: Node, grad: Any, y: Any, xs: Sequence[Any], wanted: Sequence[bool]) -> Any:
    kind = node.kind
    if kind.takes_wanted:
        return kind.backward(grad, y, *xs, wanted=wanted)  # type: ignore[call-arg]  # takes_wanted says it does
    if kind.has_rule:
        return kind.backward(grad, y, *xs)
    return pull_body(kind, grad, y, xs, wanted)


def _tagged(node: Node, grad: Any, y: Any, xs: Sequence[Any], wanted: Sequence[bool]) -> Any:
    """Apply a rule on tensors: the nodes it makes are tagged with what they are for, in the forward node's scope."""
    made: list[Node] = []
    with using(scope=node.scope, site=(node._code, node._at), tagger=made.append):
        grads = _apply(node, grad, y, xs, wanted)
    several = grads if isinstance(grads, tuple) else (grads,)
    inside = {each.order: each for each in made}
    owner: dict[int, int | None] = {}
    for index, g in enumerate(several):
        stack = [g._node] if isinstance(g, Tensor) and g._node is not None else []
        while stack:
            each = stack.pop()
            if each.order not in inside or owner.get(each.order, -1) == index:
                continue
            owner[each.order] = None if each.order in owner else index
            if owner[each.order] is not None:
                stack.extend(x._node for x in each._inputs if isinstance(x, Tensor) and x._node is not None)
    for each in made:
        if each.of is None:
            each.of = Derived(node, owner.get(each.order), "contribution")
    return grads


def pull_body(kind: Kind, grad: Any, y: Any, xs: Sequence[Any], wanted: Sequence[bool]) -> tuple[Any, ...]:
    """The gradients of a composition's inputs, found by differentiating its body on the same inputs."""
    if not isinstance(kind, Composition):
        kind.backward(grad, y, *xs)  # raises what is missing
        raise MissingRuleError(f"{kind.name} has no backward rule")
    on_tensors = any(isinstance(each, Tensor) for each in (*xs, *(grad if isinstance(grad, tuple) else (grad,))))
    if on_tensors:
        sources = [
            Leaf(np.asarray(x), "constant", None, False) if isinstance(x, (np.ndarray, np.generic)) else x for x in xs
        ]
        sources = _each_its_own(sources)
        outcome = kind.body(*sources)
    else:
        sources = [
            Leaf(np.asarray(x), "input", None, want) if isinstance(x, (np.ndarray, np.generic)) else x
            for x, want in zip(xs, wanted, strict=True)
        ]
        with using(recorder=None, enabled=True, watchers=(), tagger=None, site=None):
            outcome = kind.body(*sources)
    outputs = outcome if isinstance(outcome, tuple) else (outcome,)
    grads = grad if isinstance(grad, tuple) else (grad,)
    seeds = [(out, g) for out, g in zip(outputs, grads, strict=True) if g is not None and isinstance(out, Tensor)]
    marked = [x for x, want in zip(sources, wanted, strict=True) if want]
    boundary = {id(x) for x in sources if isinstance(x, Tensor)}
    found = sweep(seeds, on_tensors, None, Reach(marked, _inner_nodes([out for out, _ in seeds], boundary)), boundary)
    return tuple(found[id(x)][1] if want and id(x) in found else None for x, want in zip(sources, wanted, strict=True))


def _each_its_own(sources: list[Any]) -> list[Any]:
    """The inputs of a body, a tensor that comes again through a node of its own, so that each has its own gradient."""
    seen: set[int] = set()
    for index, x in enumerate(sources):
        if isinstance(x, Tensor):
            if id(x) in seen:
                sources[index] = Identity.on(x)
            seen.add(id(x))
    return sources


def _inner_nodes(outputs: Sequence[Tensor], boundary: Collection[int]) -> list[Node]:
    nodes: dict[int, Node] = {}
    stack = list(outputs)
    while stack:
        tensor = stack.pop()
        node = tensor._node
        if node is None or id(tensor) in boundary or node.order in nodes:
            continue
        nodes[node.order] = node
        stack.extend(x for x in node.inputs if isinstance(x, Tensor))
    return [nodes[order] for order in sorted(nodes)]


def contributions(node: Node, outputs: Sequence[Tensor | None], grads: Sequence[Any] | None = None) -> dict[int, Any]:
    """What a node sends back to each input (by index) for the gradients its outputs have, or for those given."""
    incoming = [None if t is None else t._grad for t in outputs] if grads is None else list(grads)
    if not node.kind.differentiable or all(g is None for g in incoming):
        return {}
    inputs = node.inputs
    xs = [x._value if isinstance(x, Tensor) else x for x in inputs]
    wanted = [isinstance(x, Tensor) and x.dtype.kind == "f" for x in inputs]
    values = node._values or tuple(None if t is None else t._value for t in outputs)
    several = node.kind.several
    token = WARNINGS.set(QUIET)
    try:
        found = _apply(node, tuple(incoming) if several else incoming[0], values if several else values[0], xs, wanted)
    except Exception as error:
        raise rule_failed(node, error) from (None if isinstance(error, LocalgradError) else error)
    finally:
        WARNINGS.reset(token)
    found = found if isinstance(found, tuple) else (found,)
    return {
        index: fitted(g, x, node, index, False)
        for index, (x, g) in enumerate(zip(inputs, found, strict=False))
        if isinstance(x, Tensor) and g is not None and wanted[index]
    }


def total(a: Any, b: Any, on_tensors: bool, node: Node | None) -> Any:
    """Two contributions to one tensor, added: the backward of a branch."""
    if not on_tensors:
        return a + b
    made: list[Node] = []
    changes: dict[str, Any] = {"tagger": made.append}
    if node is not None:
        changes.update(scope=node.scope, site=(node._code, node._at))
    with using(**changes):
        result = a + b
    for each in made:
        each.of = Derived(node, None, "accumulation") if node is not None else None
    return result


def fitted(g: Any, x: Tensor, node: Node, index: int, on_tensors: bool, made_by: Any = None) -> Any:
    """A contribution in its variable's shape and dtype: summed over broadcast axes, cast back."""
    # a rule written with public functions gives tensors of arrays, one without any a plain number
    if on_tensors:
        g = g if isinstance(g, Tensor) else Leaf(np.asarray(g), "constant", None, False)
    else:
        g = np.asarray(g._value if isinstance(g, Tensor) else g)
        small = x._value.shape
        if (
            node.kind.broadcasts
            and isinstance(made_by, Tensor)
            and g.shape == made_by._value.shape
            and g.dtype == x._value.dtype
            and len(small) < g.ndim
            and g.shape[g.ndim - len(small) :] == small
        ):
            return SumTo.like_forward(g, small)  # a bias: by far the most frequent broadcast
    shape = g.shape
    if same_shape(shape, x.shape) and g.dtype == x.dtype:
        return g if on_tensors else g[()]
    made: list[Node] = []
    with using(scope=node.scope, site=(node._code, node._at), tagger=made.append) if on_tensors else nullcontext():
        if not same_shape(shape, x.shape):
            if not broadcasts_to(x.shape, shape) or not _was_broadcast(node, shape, made_by):
                raise misfit(node if made_by is None else known(node, made_by), index, shape, x.shape)
            g = SumTo.like(g, x if on_tensors else x._value)
        if g.dtype != x.dtype:
            g = Cast.on(g, dtype=x.dtype.name)
    for each in made:
        each.of = Derived(node, index, "contribution")
    return g


def _was_broadcast(node: Node, shape: Any, made_by: Any) -> bool:
    # an elementwise rule works on entries of the output: any larger gradient is a mistake, not a broadcast
    return not node.kind.broadcasts or not isinstance(made_by, Tensor) or same_shape(shape, made_by.shape)


def broadcasts_to(small: Any, large: Any) -> bool:
    """Whether a gradient of shape `large` can be summed to `small`."""
    lead = len(large) - len(small)
    return lead >= 0 and all(
        same_extent(extent, 1) or same_extent(extent, other) for extent, other in zip(small, large[lead:], strict=True)
    )


def unit_gradient(output: Tensor) -> Any:
    """The gradient 1 to start from at an output with one entry."""
    if isinstance(output._value, Spec):
        raise GradientError("an output without a value needs a gradient to start from")
    return output.dtype.type(1) if output.ndim == 0 else np.ones(output.shape, output.dtype)
