"""Surgery: a graph cut, given a new head, with nodes replaced or renamed, or with a batch of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.errors import LocalgradError, NameLookupError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import declared
from localgrad.graph.node import Node
from localgrad.graph.spec import Extent, Spec, Symbol, as_extent, format_shape, is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.transform.part import part
from localgrad.transform.rewrite import Rewrite


def up_to(graph: Graph, outputs: Any) -> Graph:
    """The graph that ends at these tensors or nodes, by name or pattern; what they do not need is gone.

    Raises NameLookupError with the nearest names.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.exp(lg.tanh(x)), lg.spec("N"))
    >>> [node.name for node in graph.up_to("Tanh#1").nodes]
    ['Tanh#1']
    """
    cut = part(graph, outputs)
    made = Graph(cut.nodes, cut.inputs, cut.outputs, (), graph.name, {id(leaf): n for n, leaf in cut.leaves.items()})
    return _carried(graph, made)


def with_head(graph: Graph, head: Callable[..., Any], at: Any = None) -> Graph:
    """The graph with a new head: `head`, a layer or a function of tensors, on the outputs or on the tensors `at`.

    Without names of their own the head's parameters are called `head/...`.

    >>> import localgrad as lg
    >>> from localgrad.layers import Affine
    >>> graph = lg.capture(lambda x: lg.exp(lg.tanh(x)), lg.spec("N", 4))
    >>> tuned = graph.with_head(Affine.create(4, 2, seed=0), at="Tanh#1")
    >>> [node.kind.name for node in tuned.nodes], list(tuned.parameters)
    (['Tanh', 'MatMul', 'Add'], ['head/W', 'head/b'])
    """
    base = graph if at is None else up_to(graph, at)
    rewrite = Rewrite(base)
    for node in base.nodes:
        rewrite.copy(node)
    names = {id(leaf): name for name, leaf in base.leaves.items()}
    unnamed = not getattr(head, "name", True)
    if unnamed:
        head.name = "head"  # type: ignore[attr-defined]
    with using(recorder=rewrite.recorder, scope="", tagger=None, watchers=(), enabled=True):
        found = head(*(rewrite.of(t) for t in base.outputs))
    outputs = list(found) if isinstance(found, (tuple, list)) else [found]
    for leaf in rewrite.recorder.leaves.values():
        if id(leaf) not in names and leaf.role != "constant":
            own = leaf._name or leaf.role
            names[id(leaf)] = own if "/" in own or not unnamed else f"head/{own}"
    made = Graph(rewrite.recorder.nodes, rewrite.recorder.inputs, outputs, (), graph.name, names)
    return _carried(graph, made)


def replace(graph: Graph, name: str, build: Callable[..., Any]) -> Graph:
    """The graph with the node `name` replaced by what `build`, a function of tensors, makes of the node's inputs.

    The result takes the node's names. Raises NameLookupError with the nearest names, and ShapeError where the result has
    another shape or dtype than what it stands for.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.exp(lg.tanh(x)), lg.spec("N")).replace("Tanh#1", lg.sigmoid)
    >>> [node.name for node in graph.nodes], [node.kind.name for node in graph.nodes]
    (['Tanh#1', 'Exp#1'], ['Sigmoid', 'Exp'])
    """
    target = graph.node(name)
    rewrite = Rewrite(graph)
    for node in graph.nodes:
        if node is not target:
            rewrite.copy(node)
            continue
        inputs = rewrite.inputs(node)
        made = rewrite.record(node, lambda inputs=inputs: build(*inputs))  # type: ignore[misc]
        if len(made) != len(node._outputs):
            raise ShapeError(
                f"node `{name}` was to be replaced\nfound: {len(made)} outputs for its {len(node._outputs)}\n"
                "do: give a function with as many"
            )
        for old, new in zip(node._outputs, made, strict=True):
            if len(old.shape) != len(new.shape) or old.dtype != new.dtype or _differ(old.shape, new.shape):
                raise ShapeError(
                    f"node `{name}` was to be replaced\nfound: {new.dtype}{format_shape(new.shape)} for its "
                    f"{old.dtype}{format_shape(old.shape)}\ndo: give a function with a result of that shape and dtype"
                )
            if new._node is not None and not any(new is x for x in inputs):
                new._name = old._name
        rewrite.stand_in(node, made)
    return _carried(graph, rewrite.finish())


def _differ(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    return any(is_static((x, y)) and x != y for x, y in zip(a, b, strict=True))


def rename(graph: Graph, names: Mapping[str, str]) -> Graph:
    """The graph with other names for tensors: inputs, outputs, parameters, or any in between.

    Raises NameLookupError with the nearest names, and for a new name that is taken.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.tanh(x), lg.spec("N")).rename({"x": "image", "Tanh#1": "score"})
    >>> [t.name for t in graph.inputs], [t.name for t in graph.outputs]
    (['image'], ['score'])
    """
    for old, new in names.items():
        graph.find(old)
        if new in graph.tensors and new not in names:
            raise NameLookupError(f"`{old}` was to be called {new!r}\nfound: that is another tensor's name")
    rewrite = Rewrite(graph)
    for tensor in rewrite.recorder.inputs:
        tensor._name = names.get(str(tensor._name), tensor._name)
    for node in graph.nodes:
        for made in rewrite.copy(node):
            made._name = names.get(str(made._name), made._name)
    made_names = {id(leaf): names.get(name, name) for name, leaf in graph.leaves.items()}
    updates = [(graph.leaves[leaf], rewrite.of(value)) for leaf, value in graph.updates.items()]
    outputs = [rewrite.of(t) for t in graph.outputs]
    made_graph = Graph(rewrite.recorder.nodes, rewrite.recorder.inputs, outputs, updates, graph.name, made_names)
    return _carried(graph, made_graph)


def set_batch(graph: Graph, size: int | str = "N") -> Graph:
    """The graph with another size of the first axis of its inputs: a number, or a name for any size.

    Constants of Reshape that hold the old size are changed along. Raises ShapeError where the inputs have no common first
    axis, and, naming the node, where the size stands in a constant that cannot be told from others.

    >>> import numpy as np, localgrad as lg
    >>> graph = lg.capture(lambda x: lg.reshape(x, (1, 6)) * 2, lg.spec(1, 2, 3)).set_batch("N")
    >>> [t.shape for t in graph.outputs], graph.run(np.ones((4, 2, 3), np.float32))["Mul#1"].shape
    ([(N, 6)], (4, 6))
    """
    old = {repr(t.shape[0]) for t in graph.inputs if t.ndim}
    if len(old) != 1:
        raise ShapeError(
            f"the batch size of graph `{graph.name}` was to be set\nfound: no common first axis: {declared(graph)}\n"
            "do: export the model with a named batch"
        )
    before = next(t.shape[0] for t in graph.inputs if t.ndim)
    extent = as_extent(size)
    recorder = Recorder()
    image: dict[int, Any] = {}
    for tensor in graph.inputs:
        shape = (extent, *tensor.shape[1:]) if tensor.ndim else ()
        copy = Tensor(Spec(shape, tensor.dtype), None, tensor.requires_grad)
        copy._name = tensor._name
        recorder.add_input(copy)
        image[id(tensor)] = copy
    names: dict[int, str] = {}
    for name, leaf in graph.leaves.items():
        image[id(leaf)] = recorder.adopt(leaf)
        names[id(leaf)] = name
    for node in graph.nodes:
        inputs = tuple(image[id(x)] if isinstance(x, Tensor) else x for x in node._inputs)
        kind, inputs = _resized(graph, node, inputs, before, names)
        try:
            with using(recorder=recorder, scope=node.scope, site=(node._code, node._at), enabled=True, watchers=()):
                made = kind(*inputs)
        except LocalgradError as error:
            raise ShapeError(
                f"the batch of graph `{graph.name}` was to be {size}\nfound: node `{node.name}` "
                f"({getattr(node.kind, 'operation', node.kind.name)}) cannot take it: {error}\n"
                f"do: replace that node (graph.replace({node.name!r}, ...)), or export the model with a named batch"
            ) from None
        for was, new in zip(node._outputs, made if isinstance(made, tuple) else (made,), strict=True):
            new._name = was._name
            image[id(was)] = new
    updates = [(graph.leaves[leaf], image[id(value)]) for leaf, value in graph.updates.items()]
    outputs = [image[id(t)] for t in graph.outputs]
    return _carried(graph, Graph(recorder.nodes, recorder.inputs, outputs, updates, graph.name, names))


def _resized(
    graph: Graph, node: Node, inputs: tuple[Any, ...], before: Extent, names: dict[int, str]
) -> tuple[Any, tuple[Any, ...]]:
    """The kind and inputs of a Reshape that held the old size, and of any other node as they were."""
    kind = node.kind
    if kind.operation != "Reshape" or not isinstance(inputs[0], Tensor):
        return kind, inputs
    shape = inputs[0].shape
    first = shape[0] if shape else 1
    imported = kind.operation != kind.name
    if not imported:
        wanted = kind.field_values()["shape_to"]
        if not wanted or not _same(wanted[0], before) or _same(first, before):
            return kind, inputs
        if node._inputs[0].shape and _same(node._inputs[0].shape[0], before):  # type: ignore[union-attr]
            return kind.replaced(shape_to=(first, *wanted[1:])), inputs
        return kind.replaced(shape_to=(-1, *wanted[1:])) if -1 not in wanted else kind, inputs
    known = dict(kind.known)  # type: ignore[attr-defined]
    value = known.get(1)
    if not isinstance(value, np.ndarray) or not value.size or not _same(int(value[0]), before) or _same(first, before):
        return kind, inputs
    changed = value.copy()
    keeps = shape and _same(node._inputs[0].shape[0], before) and not kind.get("allowzero", 0)  # type: ignore[union-attr, attr-defined]
    if keeps:
        changed[0] = 0
    elif -1 not in value:
        changed[0] = -1
    else:
        return kind, inputs
    known[1] = changed
    leaf = Leaf(changed, "constant", None, False)
    shared = node._inputs[1]
    readers = [each for each in graph.nodes if any(x is shared for x in each._inputs)]
    if isinstance(shared, Leaf):
        names[id(leaf)] = graph.name_of(shared) if len(readers) == 1 else f"{graph.name_of(shared)}/{node.name}"
        if len(readers) == 1:
            names.pop(id(shared), None)
    return kind.replaced(known=tuple(known.items())), (inputs[0], leaf, *inputs[2:])


def _same(a: Any, b: Any) -> bool:
    return bool(isinstance(a, Symbol) == isinstance(b, Symbol) and repr(a) == repr(b))


def _carried(graph: Graph, made: Graph) -> Graph:
    made.origin = graph.origin
    return made
