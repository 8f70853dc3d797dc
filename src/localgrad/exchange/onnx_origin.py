"""Origin: the file a graph was read from, so that what nobody changed is written as it stood there."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np

from localgrad.exchange import onnx_package
from localgrad.exchange.onnx_model import Operation
from localgrad.graph.graph import Graph
from localgrad.graph.tensor import Tensor


class Origin:
    """The content of an ONNX file, and what its nodes became in the graph read from it.

    The graph itself, trained or not, is written as that file with other initializers. A graph that surgery made of it
    takes over each node, initializer and declaration that is still the same, and everything the file says of itself.
    """

    def __init__(self, graph: Graph, content: bytes, folder: Path | None) -> None:
        self.content = content
        self.folder = folder
        self.graph = weakref.ref(graph)
        self.names = {id(leaf): name for name, leaf in graph.leaves.items()}
        self.specs = {name: tensor.spec for name, tensor in graph.tensors.items()}
        self.facts = {outputs_of(graph, node): (node.kind, inputs_of(graph, node)) for node in graph.nodes}

    def proto(self) -> Any:
        """The file's content as the `onnx` package reads it."""
        return onnx_package._parsed(onnx_package._onnx(), self.content, "the model a graph was read from")

    def opset(self, proto: Any) -> int:
        """The version of the standard operators."""
        return max((int(each.version) for each in proto.opset_import if each.domain in ("", "ai.onnx")), default=1)

    # the graph as it was read -------------------------------------------------------------------------------------
    def unchanged(self, graph: Graph) -> bool:
        """Whether a graph is the one that was read, so that only values can differ."""
        return self.graph() is graph

    def rewritten(self, graph: Graph, place: Path | None) -> bytes:
        """The file with the values that the graph's leaves have now."""
        proto = self.proto()
        self.fill(proto, proto, graph, place)
        return bytes(proto.SerializeToString(deterministic=True))

    def fill(self, into: Any, proto: Any, graph: Graph, place: Path | None) -> None:
        """Give the initializers of `into` their bytes: those of the file where they are equal."""
        reader = onnx_package._Reader("the model a graph was read from", self.folder)
        was = {tensor.name: tensor for tensor in proto.graph.initializer}
        moved = place is None or self.folder is None or place.parent.resolve() != self.folder.resolve()
        for tensor in into.graph.initializer:
            old = was.get(tensor.name)
            leaf = graph.leaves.get(tensor.name)
            if old is None:
                continue
            external = old.data_location == 1
            if leaf is None and not external:
                tensor.CopyFrom(old)
                continue
            before = reader.tensor(old, f"initializer {tensor.name!r}")
            value = before if leaf is None else stored(np.asarray(leaf._value), before.dtype)
            same = value.shape == before.shape and value.tobytes() == before.tobytes()
            tensor.CopyFrom(old)
            if not same or (external and moved):
                enter(tensor, value)
        dense = [each for each in into.graph.sparse_initializer if self._sparse_changed(each, graph, reader)]
        for each in dense:
            added = into.graph.initializer.add()
            added.name, added.data_type = each.values.name, each.values.data_type
            enter(added, np.asarray(graph.leaves[each.values.name]._value))
            into.graph.sparse_initializer.remove(each)

        for node in into.graph.node:
            leaf = graph.leaves.get(node.output[0]) if node.op_type == "Constant" and node.output else None
            if leaf is not None:
                for attribute in node.attribute:
                    fill_constant(attribute, np.asarray(leaf._value), reader)

    def _sparse_changed(self, proto: Any, graph: Graph, reader: Any) -> bool:
        leaf = graph.leaves.get(proto.values.name)
        return leaf is not None and not np.array_equal(reader.sparse(proto, "a sparse initializer"), leaf._value)

    # a graph made of it -------------------------------------------------------------------------------------------
    def kept(self, graph: Graph) -> dict[tuple[str, ...], Operation]:
        """The nodes of the file that a graph made of it still has, by the names of their outputs."""
        reader = onnx_package._Reader("the model a graph was read from", self.folder)
        operations = {tuple(filter(None, each.output)): each for each in self.proto().graph.node}
        found = {}
        for node in graph.nodes:
            key = outputs_of(graph, node)
            known = self.facts.get(key)
            if known is not None and known == (node.kind, inputs_of(graph, node)):
                proto = operations.get(key) or next(
                    (each for names, each in operations.items() if names and names[0] == key[0]), None
                )
                if proto is not None:
                    found[key] = reader.operation(proto, 0)
        return found

    def merged(self, content: bytes, kept: dict[tuple[str, ...], Operation], graph: Graph) -> bytes:
        """A file of ours with what was kept of the origin put back in its place."""
        onnx = onnx_package._onnx()
        ours, proto = onnx_package._parsed(onnx, content, "the graph"), self.proto()
        nodes = {each.output[0]: each for each in proto.graph.node}
        firsts = {each.outputs[0] for each in kept.values()}
        for node in ours.graph.node:
            if node.output and node.output[0] in firsts:
                node.CopyFrom(nodes[node.output[0]])
        constants = {name: each for name, each in nodes.items() if each.op_type == "Constant"}
        back = [each for each in ours.graph.initializer if each.name in constants and self._same_constant(each, graph)]
        for each in back:
            ours.graph.initializer.remove(each)
        others = list(ours.graph.node)
        del ours.graph.node[:]
        ours.graph.node.extend([constants[each.name] for each in back])
        ours.graph.node.extend(others)
        self.fill(ours, proto, graph, None)
        declared = {each.name: each for each in (*proto.graph.input, *proto.graph.output)}
        for each in (*ours.graph.input, *ours.graph.output):
            if each.name in declared and graph.tensors[each.name].spec == self.specs.get(each.name):
                each.CopyFrom(declared[each.name])
        versions = {each.domain for each in proto.opset_import}
        added = [each for each in ours.opset_import if each.domain not in versions and each.domain]
        del ours.opset_import[:]
        ours.opset_import.extend([*proto.opset_import, *added])
        ours.ir_version = max(proto.ir_version, 4)
        ours.producer_name, ours.producer_version = proto.producer_name, proto.producer_version
        ours.domain, ours.model_version, ours.doc_string = proto.domain, proto.model_version, proto.doc_string
        ours.metadata_props.extend(proto.metadata_props)
        ours.functions.extend(proto.functions)
        ours.graph.name, ours.graph.doc_string = proto.graph.name, proto.graph.doc_string
        return bytes(ours.SerializeToString(deterministic=True))

    def _same_constant(self, tensor: Any, graph: Graph) -> bool:
        # a constant that surgery put in place of another is another tensor
        leaf = graph.leaves.get(tensor.name)
        return leaf is not None and self.names.get(id(leaf)) == tensor.name


def inputs_of(graph: Graph, node: Any) -> tuple[Any, ...]:
    """The inputs of a node by name; numbers stand for themselves."""
    return tuple(graph.name_of(x) if isinstance(x, Tensor) else x for x in node._inputs)


def outputs_of(graph: Graph, node: Any) -> tuple[str, ...]:
    """The outputs of a node by name."""
    return tuple(graph.name_of(tensor) for tensor in node._outputs)


def stored(value: Any, dtype: np.dtype[Any]) -> Any:
    """A value in the dtype of the file: float16 weights may be trained as float32."""
    return value if value.dtype == dtype else value.astype(dtype)


def enter(tensor: Any, value: Any) -> None:
    """Other bytes for an initializer, which stand in the file itself."""
    for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "external_data"):
        tensor.ClearField(field)
    tensor.ClearField("data_location")
    del tensor.dims[:]
    tensor.dims.extend(value.shape)
    tensor.raw_data = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"), copy=False)).tobytes()


def fill_constant(attribute: Any, value: Any, reader: Any) -> None:
    """Give the attribute of a Constant node its value, where that is another than it was."""
    if attribute.name == "value_floats":
        if not np.array_equal(np.asarray(attribute.floats, np.float32), value):
            del attribute.floats[:]
            attribute.floats.extend(value.tolist())
    elif attribute.name == "value":
        before = reader.tensor(attribute.t, "a constant")
        now = stored(value, before.dtype)
        if now.tobytes() != before.tobytes():
            enter(attribute.t, now)


def remember(graph: Graph, source: Any) -> Graph:
    """Let a graph know the file it was just read from."""
    given = isinstance(source, (bytes, bytearray, memoryview))
    content = bytes(source) if given else Path(source).read_bytes()
    graph.origin = Origin(graph, content, None if given else Path(source).parent)
    return graph


def origin_of(graph: Graph) -> Origin | None:
    """The file a graph was read from, or was made from one that was."""
    return graph.origin  # type: ignore[no-any-return]
