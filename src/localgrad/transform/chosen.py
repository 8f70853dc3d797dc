"""Chosen: the gradient of one entry of an output, such as the score of a class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.errors import GradientError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import named_outputs
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Tensor
from localgrad.transform.differentiate import free_name, gradient


def entry_gradient(
    graph: Graph, index: int, wrt: str | Iterable[str] | None = None, of: str | Tensor | None = None
) -> Graph:
    """The graph with the gradients of entry `index` of the last axis of `of`, summed over the other axes.

    That sum is an output too, called `of[index]`; other names and defaults are those of `graph.gradient`. Raises
    ShapeError for an index out of range.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: x * x, lg.spec("N", 3))
    >>> entry_gradient(graph, 1).run([[[1.0, 2.0, 3.0]]])["grad/x"]
    array([[0., 4., 0.]], dtype=float32)
    """
    ends = named_outputs(graph, of)
    if len(ends) != 1:
        raise GradientError(f"an entry of {len(ends)} tensors was asked\ndo: name one of them")
    end = ends[0]
    name = graph.name_of(end)
    last: Any = end.shape[-1] if end.ndim else 1
    if not end.ndim or (isinstance(last, int) and not -last <= index < last):
        raise ShapeError(
            f"entry {index} of the last axis of `{name}` was asked\nfound: shape {format_shape(end.shape)}\n"
            "do: give an index within it"
        )
    recorder = Recorder()
    recorder.nodes = list(graph.nodes)
    recorder.inputs = list(graph.inputs)
    recorder._known = {id(t): t for t in graph.tensors.values()}
    with using(recorder=recorder, scope="", tagger=None, enabled=True, site=(None, 0)):
        score = end[..., index].sum()
    chosen = f"{name}[{index}]"
    score._name = free_name(chosen, graph.tensors)
    states = [(graph.leaves[state], value) for state, value in graph.updates.items()]
    names = {id(leaf): leaf_name for leaf_name, leaf in graph.leaves.items()}
    whole = Graph(recorder.nodes, graph.inputs, [*graph.outputs, score], states, graph.name, names)
    return gradient(whole, wrt, whole.name_of(score))
