"""The one file that imports `onnx`: bytes <-> the plain objects of `onnx_model`, each fact checked on its way in."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange import onnx_guard as guard
from localgrad.exchange.onnx_model import Declared, Function, Model, Operation, Reference, Section
from localgrad.graph.errors import FileWriteError, ImportModelError

NUMBER_OF: Final = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
    "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
}  # fmt: skip
"""The number ONNX has for each dtype of ours."""
DTYPE_OF: Final = {number: np.dtype(name) for name, number in NUMBER_OF.items()}
DEEPEST: Final = 24
"""Bodies inside one another."""
LARGEST_RANK: Final = 32
MOST_EXTENTS: Final = 1000
"""A list longer than this is no shape."""
TYPED: Final = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data", 13: "uint64_data"}


def _onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise ImportModelError(
            "an ONNX file was to be read or written\nfound: the package `onnx` is not installed\n"
            "do: pip install localgrad[onnx]"
        ) from None
    return onnx


def opset_version() -> int:
    """The newest version of the standard operators the installed package knows."""
    return int(_onnx().defs.onnx_opset_version())


# reading ------------------------------------------------------------------------------------------------------------
def read(source: str | os.PathLike[str] | bytes) -> Model:
    """The model in a file or in bytes; raises ImportModelError for what is none."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _read(bytes(source), "the bytes given", None)
    path = Path(source)
    from localgrad.exchange.weights import open_regular

    file, _ = open_regular(path, ImportModelError)
    with file:
        content = b"".join(iter(lambda: file.read(1 << 24), b""))
    return _read(content, str(path), path.parent)


def _read(content: bytes, where: str, folder: Path | None) -> Model:
    guard.check(content, where)
    proto = _parsed(_onnx(), content, where)
    try:
        return _Reader(where, folder).model(proto)
    except (TypeError, ValueError, UnicodeError) as error:
        if isinstance(error, ImportModelError):
            raise
        # protobuf gives bytes where a file has a text that is not UTF-8, wherever that may be
        raise ImportModelError(
            f"{where} was to be read as ONNX\nfound: a text that is not UTF-8 ({error})\ndo: fetch or export the file again"
        ) from None


def _parsed(onnx: Any, content: bytes, where: str) -> Any:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's own class moves between its versions
        raise ImportModelError(
            f"{where} was to be read as ONNX\nfound: it is damaged, or something else ({error})\n"
            "do: fetch or export the file again"
        ) from None
    return model


class _Reader:
    def __init__(self, where: str, folder: Path | None) -> None:
        self.where = where
        self.folder = folder

    def wrong(self, place: str, found: str, do: str = "fetch or export the file again") -> ImportModelError:
        return ImportModelError(f"{self.where} was to be read as ONNX, at {place}\nfound: {found}\ndo: {do}")

    def model(self, proto: Any) -> Model:
        if not proto.HasField("graph"):
            raise self.wrong("its beginning", "no graph in it")
        opsets = {_domain(each.domain): int(each.version) for each in proto.opset_import}
        if not opsets:
            opsets = {"": 1}
        if not 0 < opsets.get("", 1) < 1000:
            raise self.wrong("its opset", f"version {opsets['']} of the operators")
        functions = {}
        for each in proto.functions:
            function = self.function(each)
            functions[function.domain, function.name] = function
        return Model(
            self.section(proto.graph, 0),
            opsets,
            int(proto.ir_version),
            str(proto.producer_name),
            str(proto.doc_string),
            {str(each.key): str(each.value) for each in proto.metadata_props},
            functions,
        )

    def function(self, proto: Any) -> Function:
        place = f"function {proto.name}"
        return Function(
            str(proto.name),
            _domain(proto.domain),
            tuple(map(str, proto.input)),
            tuple(map(str, proto.output)),
            tuple(map(str, proto.attribute)),
            {str(each.name): self.attribute(each, place, 1) for each in proto.attribute_proto},
            [self.operation(each, 1) for each in proto.node],
            {_domain(each.domain): int(each.version) for each in proto.opset_import},
        )

    def section(self, proto: Any, depth: int) -> Section:
        name = str(proto.name)
        if depth > DEEPEST:
            raise self.wrong(f"graph {name!r}", f"more than {DEEPEST} graphs inside one another")
        initializers: dict[str, NDArray[Any]] = {}
        for tensor in proto.initializer:
            if tensor.name in initializers:
                raise self.wrong(f"initializer {tensor.name!r}", "two initializers of one name")
            initializers[str(tensor.name)] = self.tensor(tensor, f"initializer {tensor.name!r}")
        for sparse in proto.sparse_initializer:
            initializers[str(sparse.values.name)] = self.sparse(sparse, f"initializer {sparse.values.name!r}")
        known = {str(each.name): self.declared(each) for each in proto.value_info}
        return Section(
            name,
            [self.declared(each) for each in proto.input],
            [self.declared(each) for each in proto.output],
            [self.operation(each, depth) for each in proto.node],
            initializers,
            known,
            str(proto.doc_string),
        )

    def declared(self, proto: Any) -> Declared:
        place = f"value {proto.name!r}"
        if not proto.type.HasField("tensor_type"):
            kind = proto.type.WhichOneof("value")
            return Declared(str(proto.name), None, None) if kind is None else Declared(f"{proto.name}", None, None)
        tensor = proto.type.tensor_type
        dtype = DTYPE_OF.get(tensor.elem_type)
        if not tensor.HasField("shape"):
            return Declared(str(proto.name), None, dtype)
        shape: list[int | str | None] = []
        for dim in tensor.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value >= 0:
                if dim.dim_value >= 2**48:
                    raise self.wrong(place, f"an axis of {dim.dim_value} entries")
                shape.append(int(dim.dim_value))
            else:
                shape.append(str(dim.dim_param) or None)
        if len(shape) > LARGEST_RANK:
            raise self.wrong(place, f"rank {len(shape)}; the limit is {LARGEST_RANK}")
        return Declared(str(proto.name), tuple(shape), dtype)

    def operation(self, proto: Any, depth: int) -> Operation:
        place = f"node {proto.name or ', '.join(proto.output)!r} ({proto.op_type})"
        attributes: dict[str, Any] = {}
        for each in proto.attribute:
            attributes[str(each.name)] = self.attribute(each, place, depth)
        if not proto.output or not any(proto.output):
            raise self.wrong(place, "a node without outputs")
        return Operation(
            str(proto.op_type),
            tuple(map(str, proto.input)),
            tuple(map(str, proto.output)),
            attributes,
            _domain(proto.domain),
            str(proto.name),
            str(proto.doc_string),
        )

    def attribute(self, proto: Any, place: str, depth: int) -> Any:
        place = f"attribute {proto.name!r} of {place}"
        if proto.ref_attr_name:
            return Reference(str(proto.ref_attr_name))
        number = proto.type
        if number == 1:
            return float(proto.f)
        if number == 2:
            return int(proto.i)
        if number == 3:
            return self.text(proto.s, place)
        if number == 4:
            return self.tensor(proto.t, place)
        if number == 5:
            return self.section(proto.g, depth + 1)
        if number == 6:
            return tuple(map(float, proto.floats))
        if number == 7:
            return tuple(map(int, proto.ints))
        if number == 8:
            return tuple(self.text(each, place) for each in proto.strings)
        if number == 9:
            return tuple(self.tensor(each, place) for each in proto.tensors)
        if number == 11:
            return self.sparse(proto.sparse_tensor, place)
        raise self.wrong(place, f"a value of type {number}", "export the model without it")

    def text(self, content: bytes, place: str) -> str:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise self.wrong(place, "text that is not UTF-8") from None

    def tensor(self, proto: Any, place: str) -> NDArray[Any]:
        shape = tuple(map(int, proto.dims))
        dtype = DTYPE_OF.get(proto.data_type)
        if dtype is None:
            raise self.wrong(
                place, f"entries of type {_type_name(proto.data_type)}", "convert them to float32 before exporting"
            )
        if len(shape) > LARGEST_RANK or any(extent < 0 for extent in shape):
            raise self.wrong(place, f"the shape {shape}")
        count = math.prod(shape)
        if proto.data_location == 1:
            content = self.external(proto, count * dtype.itemsize, place)
        elif proto.HasField("raw_data"):
            content = proto.raw_data
        else:
            return self.listed(proto, dtype, shape, count, place)
        if len(content) != count * dtype.itemsize:
            raise self.wrong(place, f"{len(content)} bytes for shape {shape} of {dtype}")
        array = np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        if dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            raise self.wrong(place, "booleans other than 0 and 1")
        return array

    def listed(self, proto: Any, dtype: np.dtype[Any], shape: tuple[int, ...], count: int, place: str) -> NDArray[Any]:
        values = getattr(proto, TYPED.get(proto.data_type, "int32_data"))
        if len(values) != count:
            raise self.wrong(place, f"{len(values)} entries for shape {shape}")
        found = np.array(values)
        if dtype == np.float16:
            return found.astype(np.uint16).view(np.float16).reshape(shape)
        return found.astype(dtype).reshape(shape)

    def external(self, proto: Any, wanted: int, place: str) -> bytes:
        facts = {str(each.key): str(each.value) for each in proto.external_data}
        location = facts.get("location", "")
        if self.folder is None:
            raise self.wrong(place, "data in another file", "load the model by its path")
        folder = self.folder.resolve()
        path = (folder / location).resolve()
        if not location or not path.is_relative_to(folder) or path == folder:
            raise self.wrong(place, f"data in {location!r}, outside of the model's folder")
        try:
            offset, length = int(facts.get("offset", 0)), int(facts.get("length", wanted))
        except ValueError:
            raise self.wrong(place, "an offset that is no number") from None
        if length != wanted or offset < 0:
            raise self.wrong(place, f"{length} bytes from {offset} of {location!r}, where {wanted} are needed")
        from localgrad.exchange.weights import open_regular

        file, size = open_regular(path, ImportModelError)
        with file:
            if offset + length > size:
                raise self.wrong(place, f"{location!r} ends after {size} bytes, before {offset + length}")
            file.seek(offset)
            content = file.read(length)
        return content

    def sparse(self, proto: Any, place: str) -> NDArray[Any]:
        shape = tuple(map(int, proto.dims))
        values = self.tensor(proto.values, place)
        indices = self.tensor(proto.indices, place)
        if math.prod(shape) > 1 << 26 or any(extent < 0 for extent in shape):
            raise self.wrong(place, f"a sparse tensor of shape {shape}")
        dense = np.zeros(shape, values.dtype)
        try:
            if indices.ndim == 1:
                dense.reshape(-1)[indices] = values
            else:
                dense[tuple(indices.T)] = values
        except (IndexError, ValueError):
            raise self.wrong(place, "indices outside of its shape") from None
        return dense


def _domain(name: Any) -> str:
    return "" if name == "ai.onnx" else str(name)


def _type_name(number: int) -> str:
    onnx = _onnx()
    try:
        return str(onnx.TensorProto.DataType.Name(number))
    except ValueError:
        return str(number)


def inferred(source: str | os.PathLike[str] | bytes) -> dict[str, Declared]:
    """What the package's shape inference finds of the values of a model; empty where it fails."""
    onnx = _onnx()
    content = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else Path(source).read_bytes()
    try:
        parsed = _parsed(onnx, content, "the model")
        _without_endless_shapes(parsed.graph)
        model = onnx.shape_inference.infer_shapes(parsed, data_prop=True)
        reader = _Reader("the model", None)
        return {str(each.name): reader.declared(each) for each in model.graph.value_info}
    except Exception:  # it is asked only for what else is unknown
        return {}


def _without_endless_shapes(graph: Any) -> None:
    # a list of extents makes the package's inference a shape with as many axes, before it looks whether that can be
    for value in (*graph.input, *graph.value_info, *graph.output):
        extents = value.type.tensor_type.shape.dim
        if len(extents) == 1 and extents[0].dim_value > MOST_EXTENTS:
            extents[0].ClearField("dim_value")


# writing ------------------------------------------------------------------------------------------------------------
def written(model: Model, check: bool = True) -> bytes:
    """The bytes of a model; raises FileWriteError where the package's checker refuses it."""
    onnx = _onnx()
    helper = onnx.helper
    proto = helper.make_model(
        _section(onnx, model.section),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in model.opsets.items()],
        producer_name=model.producer,
        ir_version=model.ir_version,
    )
    proto.doc_string = model.note
    if model.metadata:
        helper.set_model_props(proto, model.metadata)
    if check:
        _check(onnx, proto, model.section.name)
    return bytes(proto.SerializeToString(deterministic=True))


def checked(content: bytes, name: str) -> bytes:
    """The bytes of a model, once the package's checker has accepted them; raises FileWriteError where it does not."""
    onnx = _onnx()
    _check(onnx, _parsed(onnx, content, name), name)
    return content


def _check(onnx: Any, proto: Any, name: str) -> None:
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:
        raise FileWriteError(
            f"the graph `{name}` was to be written as ONNX\nfound: {error}\n"
            "do: this is a mistake in localgrad; report the graph, or write it with graph.save"
        ) from error


def ir_version_of(opset: int) -> int:
    """The version of the file format that an opset came with."""
    found = [int(row[1]) for row in _onnx().helper.VERSION_TABLE if int(row[2]) <= opset]
    return max(8, max(found, default=8))


def _section(onnx: Any, section: Section) -> Any:
    tensors = [_tensor(onnx, name, array) for name, array in section.initializers.items()]
    return onnx.helper.make_graph(
        [_operation(onnx, each) for each in section.operations],
        section.name or "graph",
        [_value(onnx, each) for each in section.inputs],
        [_value(onnx, each) for each in section.outputs],
        tensors,
        doc_string=section.note or None,
    )


def _value(onnx: Any, declared: Declared) -> Any:
    number = 1 if declared.dtype is None else NUMBER_OF[declared.dtype.name]
    shape = None if declared.shape is None else list(declared.shape)
    return onnx.helper.make_tensor_value_info(declared.name, number, shape)


def _tensor(onnx: Any, name: str, array: NDArray[Any]) -> Any:
    if array.dtype.name not in NUMBER_OF:
        raise FileWriteError(f"`{name}` was to be written as ONNX\nfound: {array.dtype}\ndo: convert it with .astype")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return onnx.helper.make_tensor(name, NUMBER_OF[array.dtype.name], array.shape, little.tobytes(), raw=True)


def _operation(onnx: Any, operation: Operation) -> Any:
    node = onnx.helper.make_node(
        operation.operator,
        list(operation.inputs),
        list(operation.outputs),
        name=operation.name or None,
        doc_string=operation.note or None,
        domain=operation.domain or None,
    )
    node.attribute.extend(_attributes(onnx, operation.attributes.items()))
    return node


def _attributes(onnx: Any, items: Iterable[tuple[str, Any]]) -> Iterable[Any]:
    for name, value in items:
        if isinstance(value, Section):
            yield onnx.helper.make_attribute(name, _section(onnx, value))
        elif isinstance(value, np.ndarray):
            yield onnx.helper.make_attribute(name, _tensor(onnx, name, value))
        elif isinstance(value, (bool, np.bool_)):
            yield onnx.helper.make_attribute(name, int(value))
        elif isinstance(value, tuple) and not value:
            yield onnx.helper.make_attribute(name, [], attr_type=onnx.AttributeProto.INTS)
        else:
            yield onnx.helper.make_attribute(name, list(value) if isinstance(value, tuple) else value)
