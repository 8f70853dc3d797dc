"""GraphLayer: a graph as a layer, to be trained alone or among others; what an imported model becomes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from localgrad.graph.context import CONTEXT, TESTING
from localgrad.graph.errors import InputsError, LocalgradError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import declared
from localgrad.graph.naming import matching
from localgrad.graph.node import Node
from localgrad.graph.recording import record as record_node
from localgrad.graph.spec import Symbol, format_shape, same_extent
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.members import Member
from localgrad.layers.model import Model
from localgrad.layers.normalization import move
from localgrad.nodes.normalization import batch_normalization
from localgrad.nodes.random import dropout as drop
from localgrad.transform.differentiability import differentiability


class GraphLayer(Model):
    """A graph as a layer: its parameters are the graph's, under their names; the others stay as they are.

    Made by `graph.as_layer`. float16 parameters are trained as float32 ones; `save_onnx` and `finished` bring the values
    back into the graph. `notes` says what was found of BatchNormalization and Dropout.
    """

    def __init__(
        self,
        graph: Graph,
        trainable: str | Iterable[str] | None = None,
        batch_norm: Literal["frozen", "train"] = "frozen",
        dropout: bool = True,
        adapters: str | Iterable[str] = (),
        rank: int = 4,
        seed: int = 0,
    ) -> None:
        if batch_norm not in ("frozen", "train"):
            raise LocalgradError(f'batch_norm is "frozen" or "train"; found {batch_norm!r}')
        self.source = graph
        self.batch_norm = batch_norm
        self.dropout = bool(dropout)
        self.notes = _notes(graph, batch_norm)
        statistics = statistics_of(graph)
        self.rank = rank
        adapted = _factors_of(graph, [adapters] if isinstance(adapters, str) else list(adapters))
        if trainable is None and adapted:
            trainable = adapted
        if trainable is None:
            chosen = [
                name for name, leaf in graph.parameters.items() if leaf.dtype.kind == "f" and name not in statistics
            ]
        else:
            patterns = [trainable] if isinstance(trainable, str) else list(trainable)
            chosen = [
                name
                for name in matching(patterns, graph.parameters, "parameter")
                if name not in statistics or name in patterns
            ]
        if trainable is not None or chosen:
            found = differentiability(graph, chosen)
            if trainable is None:
                chosen = [name for name in chosen if name in found.reached]
            else:
                found.require()
        wanted = set(chosen) - set(adapted)
        object.__setattr__(self, "_leaves_of", {})
        masters: dict[str, Leaf] = self._leaves_of
        for name, leaf in graph.leaves.items():
            if leaf.role == "parameter" and name in statistics and batch_norm == "train":
                masters[name] = Leaf(leaf._value, "state", name, False)
            elif leaf.role == "parameter" and name in wanted and leaf.dtype == np.float16:
                masters[name] = Leaf(leaf._value.astype(np.float32), "parameter", name, True)
            elif leaf.role == "parameter":
                leaf.requires_grad = name in wanted
                masters[name] = leaf
            elif leaf.role == "state":
                masters[name] = leaf

        object.__setattr__(self, "_bases", {})
        generator = np.random.default_rng(seed)
        for name in adapted:
            weight = graph.leaves[name]
            masters.pop(name)
            dtype = np.float32 if weight.dtype == np.float16 else weight.dtype
            self._bases[name] = Leaf(weight._value.astype(dtype), "constant", name, False)
            small = generator.normal(0, 1 / rank, (rank, weight.shape[1])).astype(dtype)
            masters[f"{name}/A"] = Leaf(np.zeros((weight.shape[0], rank), dtype), "parameter", f"{name}/A", True)
            masters[f"{name}/B"] = Leaf(small, "parameter", f"{name}/B", True)

    _leaves_of: dict[str, Leaf]
    _bases: dict[str, Leaf]

    def _members(self) -> list[tuple[str, Member]]:
        return list(self._leaves_of.items())

    def call(self, *inputs: Any, **named: Any) -> Any:
        graph = self.source
        if named and not inputs:
            inputs = tuple(named.get(t._name or "") for t in graph.inputs)
        if len(inputs) != len(graph.inputs) or any(x is None for x in inputs):
            raise InputsError(
                f"the graph `{graph.name}` was used as a layer\nfound: {len(inputs)} inputs were given\n"
                f"do: give {declared(graph)}"
            )
        outputs = self.on(inputs, self._leaves_of)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def on(self, inputs: Sequence[Any], leaves: Mapping[str, Tensor]) -> list[Any]:
        """The outputs on tensors, with these in place of the parameters and states they are named after."""
        graph = self.source
        image: dict[int, Any] = {}
        sizes: dict[str, Any] = {}
        for tensor, x in zip(graph.inputs, inputs, strict=True):
            if isinstance(x, Tensor) and x.dtype != tensor.dtype and x.dtype.kind == tensor.dtype.kind:
                x = x.astype(tensor.dtype)
            image[id(tensor)] = x
            if len(tensor.shape) != len(x.shape):
                raise _unfit(graph, tensor, x, f"rank {len(x.shape)}")
            for axis, (own, given) in enumerate(zip(tensor.shape, x.shape, strict=True)):
                if not isinstance(own, Symbol) and not same_extent(own, given):
                    raise _unfit(graph, tensor, x, f"{given} entries on axis {axis}", axis)
                if isinstance(own, Symbol) and repr(own).isidentifier():
                    sizes.setdefault(repr(own), given)
        for name, leaf in graph.leaves.items():
            master = leaves.get(name, self._leaves_of.get(name))
            if master is not None and master is not leaf:
                image[id(leaf)] = master.astype(leaf.dtype) if master.dtype != leaf.dtype else master
        outer = CONTEXT.get().scope
        training = self.training and not TESTING.get()
        for name, base in self._bases.items():
            leaf = graph.leaves[name]
            merged = base + leaves.get(f"{name}/A", self._leaves_of[f"{name}/A"]) @ leaves.get(
                f"{name}/B", self._leaves_of[f"{name}/B"]
            )
            image[id(leaf)] = merged.astype(leaf.dtype) if merged.dtype != leaf.dtype else merged
        for node in graph.nodes:
            if training and self._trained_otherwise(node, image):
                continue
            kind = node.kind
            bound = kind.bind(sizes) if kind.is_symbolic() else kind
            graph.replay_node(node, image, scope=outer, apply=lambda _, xs, bound=bound: record_node(bound, xs))
        return [image.get(id(tensor), tensor) for tensor in graph.outputs]

    def _trained_otherwise(self, node: Node, image: dict[int, Any]) -> bool:
        """Compute a node as in training, where that is another thing; whether it was."""
        operation = node.kind.operation
        if operation == "BatchNormalization" and self.batch_norm == "train" and len(node._outputs) == 1:
            x, scale, bias, mean, variance = (image.get(id(each), each) for each in node._inputs)
            fields = dict(getattr(node.kind, "attributes", ())) or node.kind.field_values()
            momentum = float(fields.get("momentum", 0.9))
            y, of_batch, spread = batch_normalization(
                x, scale, bias, training=True, epsilon=float(fields.get("epsilon", 1e-5)), momentum=momentum
            )
            if isinstance(mean, Leaf) and isinstance(variance, Leaf):
                move(mean, of_batch, momentum)
                move(variance, spread, momentum)
            image[id(node._outputs[0])] = y
            return True
        if operation == "Dropout" and self.dropout and len(node._outputs) == 1:
            ratio = self._ratio(node)
            if ratio:
                image[id(node._outputs[0])] = drop(image.get(id(node._inputs[0]), node._inputs[0]), ratio)
                return True
        return False

    @staticmethod
    def _ratio(node: Node) -> float:
        given = node._inputs[1] if len(node._inputs) > 1 else None
        if isinstance(given, Leaf):
            return float(given._value)
        return float(dict(getattr(node.kind, "attributes", ())).get("ratio", 0.5))

    def finished(self) -> Graph:
        """The graph with the values its parameters have now, adapters merged; float16 ones are rounded back."""
        for name, base in self._bases.items():
            small = self._leaves_of[f"{name}/A"]._value @ self._leaves_of[f"{name}/B"]._value
            leaf = self.source.leaves[name]
            leaf._value[...] = (base._value + small).astype(leaf.dtype)
        for name, master in self._leaves_of.items():
            leaf = self.source.leaves.get(name, master)
            if master is not leaf:
                leaf._value[...] = master._value.astype(leaf.dtype)
        return self.source

    def save_onnx(self, path: str | os.PathLike[str], opset: int | None = None) -> None:
        """Write the graph with the values its parameters have now (see `Graph.save_onnx`)."""
        self.finished().save_onnx(path, opset)  # type: ignore[arg-type]

    def _about(self) -> str:
        trained = sum(leaf.requires_grad for leaf in self._leaves_of.values())
        return f"{self.source.name}, {trained} of {len(self.source.parameters)} parameters trained"

    def __repr__(self) -> str:
        return f"GraphLayer({self._about()})"


def as_layer(
    graph: Graph,
    trainable: str | Iterable[str] | None = None,
    batch_norm: Literal["frozen", "train"] = "frozen",
    dropout: bool = True,
    adapters: str | Iterable[str] = (),
    rank: int = 4,
    seed: int = 0,
) -> GraphLayer:
    """A graph as a layer for a Trainer, a Sequential, or an optimizer; what is trained are the graph's own parameters.

    `trainable` are names or patterns (`*` and `?`) of parameters, an exact name winning; the others are frozen. By default
    everything is trained that a gradient reaches, but for running statistics. With `batch_norm="train"` BatchNormalization
    uses the batch in training and moves its statistics; by default they are frozen. Dropout nodes drop in training unless
    `dropout=False`; `layer.notes` says what was found of both.

    `adapters` are names or patterns of matrices W that a MatMul or Gemm reads: they stay, and W + A B is used, with trained A
    and B of so small a `rank`, which saving merges. Source: Hu et al., "LoRA: low-rank adaptation of large language
    models", 2021. Raises NameLookupError with the nearest names for a pattern
    that matches nothing, and DetachedError, naming the nodes, for a parameter no gradient reaches.

    >>> import numpy as np, localgrad as lg
    >>> W = lg.parameter(np.zeros((2, 1), np.float32), name="head.W")
    >>> layer = lg.capture(lambda x: lg.tanh(x) @ W, lg.spec("N", 2)).as_layer(trainable=["head.*"])
    >>> trainer = lg.Trainer(layer, loss="mse", optimizer=lg.Adam(0.1))
    >>> _ = trainer.fit((np.eye(2, dtype=np.float32), np.ones((2, 1), np.float32)), epochs=50)
    >>> bool(abs(W.data.mean() - 1.3) < 0.1)
    True
    """
    return GraphLayer(graph, trainable, batch_norm, dropout, adapters, rank, seed)


def _factors_of(graph: Graph, patterns: list[str]) -> list[str]:
    """The parameters among the patterns, all of them matrices that products read."""
    products = ("MatMul", "Gemm", "FusedMatMul")
    readable = {
        graph.name_of(x)
        for node in graph.nodes
        if node.kind.operation in products
        for x in node._inputs[:2]
        if isinstance(x, Leaf) and x.role == "parameter" and x.ndim == 2
    }
    order = [name for name in graph.parameters if name in readable]
    return matching(patterns, order, "matrix of a MatMul or Gemm") if patterns else []


def _unfit(graph: Graph, tensor: Tensor, x: Any, found: str, axis: int = 1) -> ShapeError:
    hint = 'make the batch one of any size: graph.set_batch("N").as_layer(...)' if axis == 0 else "give that shape"
    return ShapeError(
        f"`{tensor._name}` was given with shape {format_shape(x.shape)}\n"
        f"found: {found}; graph `{graph.name}` takes {declared(graph)}\ndo: {hint}"
    )


def statistics_of(graph: Graph) -> set[str]:
    """The names of leaves that BatchNormalization nodes read as running statistics."""
    found: set[str] = set()
    for node in graph.nodes:
        if node.kind.operation == "BatchNormalization":
            found.update(graph.name_of(x) for x in node._inputs[3:5] if isinstance(x, Leaf))
    return found


def _notes(graph: Graph, batch_norm: str) -> tuple[str, ...]:
    operations = [node.kind.operation for node in graph.nodes]
    normalizations, drops = operations.count("BatchNormalization"), operations.count("Dropout")
    convolutions = operations.count("Conv")
    notes = []
    if normalizations:
        how = "frozen at their running ones" if batch_norm == "frozen" else "those of the batch in training"
        notes.append(f"{normalizations} BatchNormalization: statistics {how}")
    elif convolutions:
        notes.append("no BatchNormalization: the network had none, or the exporter folded it into the convolutions")
    if drops:
        notes.append(f"{drops} Dropout: active in training")
    else:
        notes.append("no Dropout: the network had none, or the exporter removed it")
    return tuple(notes)
