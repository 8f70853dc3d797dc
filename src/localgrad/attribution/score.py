"""Score: the entry of an output that is to be explained, one for each sample, and its gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DTypeError, GradientError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import bind_inputs, named_outputs
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Tensor


class Score:
    """One entry of the last axis of an output for each sample: a class, the predicted one where none is given."""

    def __init__(self, graph: Graph, inputs: Any, of: str | None, index: Any) -> None:
        self.graph = graph
        arrays, _ = bind_inputs(graph, inputs)
        self.inputs = dict(zip([graph.name_of(t) for t in graph.inputs], arrays, strict=True))
        self.end = self._end(of)
        self.name = graph.name_of(self.end)
        self.value = graph.run(self.inputs, fetch=self.name)[self.name]
        self.index = self._indices(index)

    def _end(self, of: str | None) -> Tensor:
        end = self.graph.find(of) if of is not None else named_outputs(self.graph, None)[0]
        if end.dtype.kind != "f":
            raise DTypeError(
                f"`{self.graph.name_of(end)}` was to be explained\nfound: {end.dtype}, which has no gradient\n"
                "do: name the scores or probabilities it was made of"
            )
        return end

    def _indices(self, index: Any) -> NDArray[np.int64] | None:
        if self.value.ndim == 0 or self.value.shape[-1] == 0:
            return None
        lead, last = self.value.shape[:-1], self.value.shape[-1]
        if index is None:
            return np.asarray(self.value.argmax(-1), np.int64)
        found = np.asarray(index)
        if found.dtype.kind not in "iu" or found.size == 0 or found.min() < -last or found.max() >= last:
            raise ShapeError(
                f"entry {index} of the last axis of `{self.name}` was to be explained\n"
                f"found: shape {format_shape(self.value.shape)}\ndo: give ints within it"
            )
        try:
            return np.broadcast_to(found.astype(np.int64) % last, lead).copy()
        except ValueError:
            raise ShapeError(
                f"entries of shape {format_shape(found.shape)} of `{self.name}` were to be explained\n"
                f"found: shape {format_shape(self.value.shape)}\ndo: give one int, or one for each sample"
            ) from None

    def of_value(self, value: NDArray[Any]) -> NDArray[Any]:
        """The entries that are explained, of a value of the output."""
        if self.index is None:
            return value.astype(np.float64)
        picked: NDArray[Any] = np.take_along_axis(value, self.index[..., None], -1)[..., 0].astype(np.float64)
        return picked

    def seed(self) -> NDArray[Any]:
        """The gradient that comes in: 1 at the entries that are explained."""
        seed = np.zeros_like(self.value)
        if self.index is None:
            seed[...] = 1
        else:
            np.put_along_axis(seed, self.index[..., None], 1, -1)
        return seed

    def gradients(self, names: Sequence[str]) -> Gradients:
        """What computes the gradients of the entries by tensors of these names; raises DetachedError, DTypeError."""
        return Gradients(self, names)


class Gradients:
    """The gradients of a score by some tensors, for one set of inputs after the other."""

    def __init__(self, score: Score, names: Sequence[str]) -> None:
        self.score = score
        self.names = list(names)
        self.graph = score.graph.gradient(wrt=self.names, of=score.name)
        known = {score.graph.name_of(t) for t in score.graph.inputs}
        self.seeds = [self.graph.name_of(t) for t in self.graph.inputs if self.graph.name_of(t) not in known]
        count = len(self.names)
        self.outputs = [self.graph.name_of(t) for t in self.graph.outputs[-count:]]

    def at(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The gradients at these inputs."""
        feed = dict(inputs) | dict.fromkeys(self.seeds, self.score.seed())
        found = self.graph.run(feed, fetch=self.outputs)
        return [found[name] for name in self.outputs]


def float_input(score: Score, wrt: str | None) -> str:
    """The input that is explained: the named one, or the only float input."""
    if wrt is not None:
        tensor = score.graph.find(wrt)
        if tensor.dtype.kind != "f":
            raise DTypeError(
                f"`{wrt}` was to be explained\nfound: {tensor.dtype}, which has no gradient\n"
                "do: name the tensor that its embedding makes"
            )
        return wrt
    floats = [score.graph.name_of(t) for t in score.graph.inputs if t.dtype.kind == "f"]
    if len(floats) != 1:
        raise GradientError(
            f"graph `{score.graph.name}` was to be explained\nfound: float inputs {floats}\n"
            "do: say which, wrt=...; for texts, the tensor that the embedding of the words makes"
        )
    return floats[0]
