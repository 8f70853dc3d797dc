"""Graph -> ONNX: each node of ours becomes the standard operator of its meaning, or several."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange import onnx_package
from localgrad.exchange.onnx_imported import Imported
from localgrad.exchange.onnx_kinds import writer_of
from localgrad.exchange.onnx_model import Declared, Model, Operation, Section
from localgrad.exchange.onnx_origin import origin_of, outputs_of
from localgrad.graph.errors import FileWriteError
from localgrad.graph.files import write_atomically
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.node import Node
from localgrad.graph.spec import Spec, Symbol, is_static
from localgrad.graph.tensor import Tensor
from localgrad.transform.expand import expand

OLDEST: Final = 13
"""The oldest version of the standard operators that is written."""
USUAL = 20
"""The version of the standard operators that is written unless told: what runtimes of the last years read."""


def save_onnx(graph: Graph, path: str | os.PathLike[str], opset: int | None = None) -> None:
    """Write a graph as an ONNX file of standard operators alone, checked with full shape inference before it is written.

    Parameters and constants become initializers under their names, named extents stay named, the new values of states
    become further outputs `updated/<name>`. `opset` is the version of the operators: 20 unless told, or that of the file
    the graph was read from: such a graph is written as that file, with the values its parameters have now, and one that
    surgery made of it keeps each node and initializer that is still the same. Raises FileWriteError naming every node
    that has no form in ONNX.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.softmax(x), lg.spec("N", 3))
    >>> graph.save_onnx("softmax.onnx")
    >>> [node.kind.name for node in lg.load_onnx("softmax.onnx").nodes]
    ['Softmax']
    """
    write_atomically(path, onnx_bytes(graph, opset, Path(path)))


def onnx_bytes(
    graph: Graph,
    opset: int | None = None,
    place: Path | None = None,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> bytes:
    """The bytes `save_onnx` writes; data in other files stay there where the place is that of the origin.

    `defaults` are values for inputs that a runtime takes where it is given none.
    """
    origin = origin_of(graph)
    if origin is not None:
        own = origin.opset(origin.proto())
        if opset in (None, own):
            if origin.unchanged(graph):
                return origin.rewritten(graph, place)
            if own >= OLDEST:
                kept = origin.kept(graph)
                opened = expand(graph, only=lambda kind: not _writable(kind, own))
                model = _Writing(opened, own, kept).model()
                return onnx_package.checked(
                    origin.merged(onnx_package.written(model, check=False), kept, opened), graph.name
                )
    if opset is None:
        read = [node.kind.version for node in graph.nodes if isinstance(node.kind, Imported) and not node.kind.domain]
        opset = max(read, default=USUAL)
        opset = opset if opset >= OLDEST else 18
    newest = onnx_package.opset_version()
    if not OLDEST <= opset <= newest:
        raise FileWriteError(
            f"the graph `{graph.name}` was to be written in version {opset} of the ONNX operators\n"
            f"found: versions 13 to {newest} can be written\ndo: leave it out, or give one of them"
        )
    version = opset
    opened = expand(graph, only=lambda kind: not _writable(kind, version))
    model = _Writing(opened, opset).model()
    model.section.initializers.update({name: np.asarray(value) for name, value in defaults.items()})
    return onnx_package.written(model)


def _writable(kind: Kind, opset: int) -> bool:
    if isinstance(kind, Imported):
        return kind.version == opset or bool(kind.domain)
    return writer_of(kind, opset) is not None


class Sheet:
    """Where writers put the operators of one graph."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.operations: list[Operation] = []
        self.initializers: dict[str, NDArray[Any]] = {}
        self.taken: set[str] = set()
        self.base = "x"
        self.inputs: Sequence[Tensor] = ()
        self.extent_names: dict[str, str] = {}
        self._constants: dict[Any, str] = {}

    def fresh(self, hint: str) -> str:
        """A name no value has."""
        name, number = hint, 1
        while name in self.taken:
            number += 1
            name = f"{hint}~{number}"
        self.taken.add(name)
        return name

    def add(self, operator: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        """Write an operator of one output; the name of that."""
        return self.several(operator, inputs, [out or self.fresh(f"{self.base}/{operator}")], **attributes)[0]

    def several(self, operator: str, inputs: Sequence[str], outputs: list[str], **attributes: Any) -> list[str]:
        """Write an operator with these outputs."""
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        kept = {name: value for name, value in attributes.items() if value is not None}
        self.operations.append(Operation(operator, tuple(given), tuple(outputs), kept))
        return outputs

    def constant(self, value: Any, dtype: Any) -> str:
        """A number or a list of numbers."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = self.fresh("constant")
            self.initializers[name] = array
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """A list of integers."""
        return self.constant(list(values), np.int64)

    def extents(self, shape: Sequence[Any]) -> str:
        """A shape as a list of integers, named extents computed from the inputs."""
        if is_static(shape):
            return self.integers(*shape)
        return self.add("Concat", *(self.extent(each) for each in shape), axis=0)

    def extent(self, extent: Any) -> str:
        """An extent as a list of one integer."""
        if not isinstance(extent, Symbol):
            return self.integers(int(extent))
        text = repr(extent)
        if text not in self.extent_names:
            self.extent_names[text] = self._named(extent)
        return self.extent_names[text]

    def _named(self, extent: Symbol) -> str:
        total = ""
        for atoms, factor in extent.terms.items():
            each = self.integers(factor) if factor != 1 or not atoms else ""
            for atom in atoms:
                if isinstance(atom, str):
                    found = self._from_input(atom)
                else:
                    # extents are not negative, so that ONNX's division towards 0 is the one towards below
                    found = self.add("Div", self.extent(atom[1]), self.extent(atom[2]))
                each = self.add("Mul", each, found) if each else found
            total = self.add("Add", total, each) if total else each
        return total

    def _from_input(self, name: str) -> str:
        known = self.extent_names.get(name)
        if known is not None:
            return known
        for tensor in self.inputs:
            for axis, extent in enumerate(tensor.shape):
                if repr(extent) == name:
                    shape = self.add("Shape", str(tensor._name))
                    return self.add("Gather", shape, self.integers(axis), axis=0)
        raise FileWriteError(
            f"the extent {name} was to be written as ONNX\nfound: no input of the graph has an axis of that name\n"
            "do: capture the graph with an input that has it"
        )

    def shape_of(self, name: str, shape: Sequence[Any]) -> str:
        """The shape of a value as a list of integers."""
        return self.integers(*shape) if is_static(shape) else self.add("Shape", name)

    def cast(self, name: str, old: Any, new: Any) -> str:
        """A value in another dtype."""
        if np.dtype(old) == np.dtype(new):
            return name
        return self.add("Cast", name, to=onnx_package.NUMBER_OF[np.dtype(new).name])


class _Writing:
    def __init__(
        self, graph: Graph, opset: int, kept: Mapping[tuple[str, ...], Operation] = MappingProxyType({})
    ) -> None:
        self.graph = graph
        self.kept = kept
        self.sheet = Sheet(opset)
        self.sheet.taken.update(graph.tensors)
        self.sheet.inputs = graph.inputs
        self.domains: dict[str, int] = {"": opset}

    def model(self) -> Model:
        graph, sheet = self.graph, self.sheet
        for name, leaf in graph.leaves.items():
            sheet.initializers[name] = np.asarray(leaf._value)
        for node in graph.nodes:
            self.write(node)
        outputs = [Declared(graph.name_of(t), _declared(t), t.dtype) for t in graph.outputs]
        for name, value in graph.updates.items():
            out = sheet.fresh(f"updated/{name}")
            sheet.add("Identity", graph.name_of(value), out=out)
            outputs.append(Declared(out, _declared(value), value.dtype))
        section = Section(
            graph.name,
            [Declared(graph.name_of(t), _declared(t), t.dtype) for t in graph.inputs],
            outputs,
            sheet.operations,
            dict(sheet.initializers),
        )
        return Model(section, self.domains, onnx_package.ir_version_of(sheet.opset), "localgrad")

    def write(self, node: Node) -> None:
        kind = node.kind
        known = self.kept.get(outputs_of(self.graph, node))
        if known is not None:
            if known.domain:
                self.domains.setdefault(known.domain, getattr(kind, "version", 1))
            self.sheet.operations.append(known)
            return
        names = [self.name(x) for x in node._inputs]
        outputs = [self.graph.name_of(t) for t in node._outputs]
        if isinstance(kind, Imported):
            self.domains.setdefault(kind.domain, kind.version)
            self.sheet.operations.append(
                Operation(
                    kind.operation,
                    tuple("" if each is None else each for each in names),
                    tuple(outputs),
                    dict(kind.attributes),
                    kind.domain,
                    kind.label,
                    kind.note,
                )
            )
            return
        writer = writer_of(kind, self.sheet.opset)
        if writer is None:
            raise self.unwritable()
        self.sheet.base = outputs[0]
        writer(
            self.sheet,
            kind,
            Uses(self.sheet, node, names, outputs),
        )

    def name(self, x: Any) -> str | None:
        return self.graph.name_of(x) if isinstance(x, Tensor) else None

    def unwritable(self) -> FileWriteError:
        found: dict[str, list[str]] = {}
        for node in self.graph.nodes:
            if not _writable(node.kind, self.sheet.opset):
                found.setdefault(node.kind.name, []).append(node.name)
        listed = "; ".join(
            f"{name} ({', '.join(nodes[:3])}{', ...' if len(nodes) > 3 else ''})" for name, nodes in found.items()
        )
        return FileWriteError(
            f"the graph `{self.graph.name}` was to be written as ONNX\nfound: kinds without a form in it: {listed}\n"
            "do: write it with graph.save, or without these"
        )


class Uses:
    """One node as its writer sees it."""

    def __init__(self, sheet: Sheet, node: Node, names: list[str | None], outputs: list[str]) -> None:
        self.sheet = sheet
        self.node = node
        self._names = names
        self.outs = outputs
        self.out = outputs[0]
        self.spec: Spec = node._outputs[0].spec

    def __len__(self) -> int:
        return len(self._names)

    def has(self, index: int) -> bool:
        """Whether an input is there."""
        return index < len(self._names) and self.node._inputs[index] is not None

    def value(self, index: int, dtype: Any = None) -> str:
        """The name of an input, in a dtype if asked; a Python number becomes a constant of it."""
        if not self.has(index):
            return ""
        x, name = self.node._inputs[index], self._names[index]
        if name is None:
            return self.sheet.constant(x, self.spec.dtype if dtype is None else dtype)
        return name if dtype is None else self.sheet.cast(name, x.dtype, dtype)  # type: ignore[union-attr]

    def all(self, dtype: Any = None) -> list[str]:
        """The names of all inputs."""
        return [self.value(index, dtype) for index in range(len(self._names))]

    def spec_of(self, index: int) -> Spec:
        """The spec of an input."""
        x = self.node._inputs[index]
        return x.spec if isinstance(x, Tensor) else Spec((), np.asarray(x).dtype)

    def common(self) -> np.dtype[Any]:
        """The dtype all inputs meet in, Python numbers being weak."""
        return np.result_type(*(x.dtype if isinstance(x, Tensor) else x for x in self.node._inputs if x is not None))

    def shape_to(self, index: int) -> tuple[str, tuple[Any, ...]]:
        """The shape a kind is to reach, by its field or like an input: as a value and as extents."""
        if self.has(index):
            shape = self.spec_of(index).shape
            return self.sheet.shape_of(self.value(index), shape), shape
        field = self.node.kind.field_values()["shape_to"]
        return self.sheet.extents(field), field


def _declared(tensor: Tensor) -> tuple[Any, ...]:
    return tuple(repr(each) if isinstance(each, Symbol) else each for each in tensor.shape)
