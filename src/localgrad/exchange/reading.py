"""A graph from its document and arrays, every name, reference, dtype, field and shape checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from localgrad.exchange.document import FORMAT, LONGEST_NAME, UNPRINTABLE, VERSION
from localgrad.exchange.extents import parse_spec
from localgrad.exchange.fields import DamagedError, Decoder, first_line, short
from localgrad.graph.comparing import rebuild
from localgrad.graph.errors import CaptureError, ImportModelError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.registry import nearest
from localgrad.graph.spec import Spec, is_static
from localgrad.graph.tensor import Leaf

ROLES: Final = ("input", "parameter", "state", "constant")
BODIES: Final = 5000
"""How many nodes the bodies of nodes may come to beyond four times those written, each counted as often as it is used:
checking a node runs through its body."""


def fingerprint_of(document: Any, where: str) -> str:
    """The fingerprint of the arrays that belong to a document; raises ImportModelError where it is none of ours."""
    reader = _Reader({}, where)
    try:
        _keys(document, ("format", "version"), None)
        if document["format"] != FORMAT:
            raise DamagedError(f"the format {short(document['format'])}, not {FORMAT!r}")
        version = document["version"]
        if type(version) is int and version > VERSION:
            raise ImportModelError(
                f"{where} was to be loaded\nfound: it was written by a newer localgrad (version {version} of the "
                f"format; this one reads up to {VERSION})\ndo: upgrade localgrad, or save it again with this version"
            )
        if version != VERSION:
            raise DamagedError(f"the version {short(version)}")
        _keys(document, ("format", "version", "weights", "tensors", "sources", "graphs"))
        _keys(document["weights"], ("sha256",))
        found = document["weights"]["sha256"]
        if not isinstance(found, str) or not re.fullmatch("[0-9a-f]{64}", found):
            raise DamagedError(f"the fingerprint {short(found)}")
    except DamagedError as error:
        raise reader.refused(str(error)) from None
    return found


def read(document: Any, arrays: Mapping[str, NDArray[Any]], where: str) -> Graph:
    """The graph of a document and its arrays, which become its parameters, states and constants.

    Raises ImportModelError naming `where` and the node for anything that is not as it has to be: every name, reference,
    dtype, field and shape is checked.
    """
    fingerprint_of(document, where)
    reader = _Reader(arrays, where)
    try:
        return reader.graph(document)
    except (DamagedError, ShapeError) as error:
        raise reader.refused(str(error)) from None
    except (RecursionError, MemoryError, OverflowError) as error:
        raise reader.refused(f"{type(error).__name__}: {error}") from None


class _Reader:
    def __init__(self, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
        self.arrays = arrays
        self.where = where
        self.place = ""
        self.leaves: dict[str, Leaf] = {}
        self.sources: list[str] = []
        self.graphs: list[Graph] = []
        self._sizes: list[int] = []  # nodes of each graph, those of bodies counted as often as they are used
        self._inner = 0
        self._written = 0
        self._specs: dict[str, Spec] = {}
        self._kinds: dict[str, Kind] = {}
        self._decoder = Decoder(self._body, self._array)

    def refused(self, found: str) -> ImportModelError:
        return ImportModelError(
            f"{self.where} was to be loaded\nfound: {self.place + ': ' if self.place else ''}{found}\n"
            "do: get the files again, or save the graph again"
        )

    def graph(self, document: dict[str, Any]) -> Graph:
        self.place = "tensors"
        for key, each in _object(document["tensors"]).items():
            self.leaves[key] = self._leaf(_name(key), each)
        self.place = "sources"
        self.sources = [_name(each) for each in _list(document["sources"])]
        if any("/" in each or "\\" in each for each in self.sources):
            raise DamagedError("a source file with a folder; only the file's own name is kept")
        self.place = "graphs"
        if not _list(document["graphs"]):
            raise DamagedError("no graph")
        for index, each in enumerate(document["graphs"]):
            self.place = f"graphs[{index}]"
            self.graphs.append(self._graph(each))
        return self.graphs[-1]

    def _leaf(self, key: str, found: Any) -> Leaf:
        _keys(found, ("role",), ("requires_grad",))
        role = found["role"]
        if role not in ROLES:
            raise DamagedError(f"{key!r} has the role {short(role)}; roles are {', '.join(ROLES)}")
        if key not in self.arrays:
            raise DamagedError(f"{key!r} stands nowhere among the weights{nearest(key, self.arrays)}")
        requires_grad = _bool(found.get("requires_grad", role == "parameter"))
        array = self.arrays[key]
        if requires_grad and array.dtype.kind != "f":
            raise DamagedError(f"{key!r} requires a gradient, but its dtype is {array.dtype}")
        return Leaf(array, role, key, requires_grad)

    def _body(self, number: int) -> Graph:
        if not 0 <= number < len(self.graphs):
            raise DamagedError(f"the graph {number} is referred to before it was read")
        self._inner += self._sizes[number]
        if self._inner > BODIES + 4 * self._written:
            raise DamagedError(f"graphs inside graphs that unfold to more than {self._inner} nodes")
        return self.graphs[number]

    def _array(self, key: str) -> Any:
        if key not in self.arrays:
            raise DamagedError(f"the array {key!r} stands nowhere among the weights")
        return self.arrays[key]

    def spec(self, text: Any) -> Spec:
        if not isinstance(text, str):
            raise DamagedError(f"{short(text)} where a dtype with a shape has to be, such as float32[N, 3]")
        if text not in self._specs:
            self._specs[text] = parse_spec(text)
        return self._specs[text]

    def kind(self, found: dict[str, Any]) -> Kind:
        fields = found.get("fields", {})
        if fields == {} and found["kind"].__class__ is str and found["kind"] in self._kinds:
            return self._kinds[found["kind"]]
        kind = self._decoder.kind(found["kind"], fields)
        if fields == {}:
            self._kinds[kind.name] = kind
        return kind

    def _graph(self, found: Any) -> Graph:
        _keys(found, ("name", "inputs", "leaves", "nodes", "outputs"), ("updates", "requires_grad"))
        before, place = self._inner, self.place
        building = _Building(self, _object(found.get("requires_grad", {})))
        for name, text in _object(found["inputs"]).items():
            spec = self.spec(text)
            building.inputs.append((name, spec, building.add(name, spec, True)))
        leaves = {}
        for name, key in _object(found["leaves"]).items():
            if not isinstance(key, str) or key not in self.leaves:
                raise DamagedError(f"the leaf {name!r} is {short(key)}, which is no tensor of this file")
            leaf = leaves[name] = self.leaves[key]
            building.add(name, leaf.spec, leaf.requires_grad, fixed=True)
        nodes = []
        for index, each in enumerate(_list(found["nodes"])):
            self.place = f"{place}.nodes[{index}]"
            self._written += 1
            nodes.append(building.node(each))
        self.place = place
        outputs = [building.number_of(name) for name in _list(found["outputs"])]
        first = len(building.inputs) + len(leaves)
        if len(set(outputs)) != len(outputs) or any(number < first for number in outputs):
            raise DamagedError("an output that no node makes, or that is one twice")
        updates = []
        for name, value in _object(found.get("updates", {})).items():
            if name not in leaves:
                raise DamagedError(f"an update of {name!r}, which is no leaf of this graph")
            number = building.number_of(value)
            if building.specs[number] != leaves[name].spec:
                raise DamagedError(f"an update of {name!r}, {leaves[name].spec}, with {building.specs[number]}")
            updates.append((name, number))
        building.check_all_used()
        self._sizes.append(len(nodes) + self._inner - before)
        return rebuild(
            {
                "name": _name(found["name"]),
                "inputs": building.inputs,
                "leaves": list(leaves.items()),
                "nodes": nodes,
                "outputs": outputs,
                "updates": updates,
            }
        )


class _Building:
    """One graph while its nodes are read: its tensors so far, by name and by number."""

    def __init__(self, reader: _Reader, grads: dict[str, Any]) -> None:
        self.reader = reader
        self.grads = grads
        self.inputs: list[tuple[str, Spec, bool]] = []
        self.number: dict[str, int] = {}
        self.specs: list[Spec] = []
        self.requires_grad: list[bool] = []
        self.made_by: dict[str, int] = {}
        self.count = 0

    def add(self, name: str, spec: Spec, requires_grad: bool, fixed: bool = False) -> bool:
        """Enter the next tensor; whether it requires a gradient."""
        if name in self.number:
            raise DamagedError(f"two tensors called {name!r}")
        self.number[_name(name)] = len(self.specs)
        self.specs.append(spec)
        wanted = requires_grad and spec.dtype.kind == "f"
        if name in self.grads and not fixed:
            wanted = _bool(self.grads[name])
            if wanted and spec.dtype.kind != "f":
                raise DamagedError(f"{name!r} requires a gradient, but its dtype is {spec.dtype}")
        self.requires_grad.append(wanted)
        return wanted

    def number_of(self, name: Any) -> int:
        """The number of a tensor."""
        if not isinstance(name, str) or name not in self.number:
            hint = nearest(name, self.number) if isinstance(name, str) and len(self.number) < 10_000 else ""
            raise DamagedError(f"the tensor {short(name)} is read before it is made{hint}")
        return self.number[name]

    def node(self, found: Any) -> dict[str, Any]:
        """What `rebuild` takes for a node."""
        _keys(found, ("kind", "inputs", "outputs"), ("fields", "scope", "line", "of"))
        kind = self.reader.kind(found)
        inputs: list[tuple[str, Any]] = []
        specs: list[Any] = []
        requires_grad = False
        for x in _list(found["inputs"]):
            if isinstance(x, str):
                number = self.number_of(x)
                inputs.append(("tensor", number))
                specs.append(self.specs[number])
                requires_grad = requires_grad or self.requires_grad[number]
            else:
                value = self.reader._decoder.value(x)
                if not (value is None or isinstance(value, (bool, int, float))):
                    raise DamagedError(f"the input {short(x)} is neither a tensor's name nor a number nor null")
                inputs.append(("value", value))
                specs.append(value)
        claimed = {name: self.reader.spec(text) for name, text in _object(found["outputs"]).items()}
        _check_shapes(kind, specs, list(claimed.values()))
        wanted = requires_grad and kind.differentiable
        outputs = [(name, spec, self.add(name, spec, wanted)) for name, spec in claimed.items()]
        result = {
            "kind": kind,
            "inputs": inputs,
            "outputs": outputs,
            "scope": _name(found["scope"]) if "scope" in found else "",
            "source": self._source(found.get("line")),
            "of": self._of(found.get("of")),
        }
        self.made_by.update(dict.fromkeys(claimed, self.count))
        self.count += 1
        return result

    def _source(self, found: Any) -> tuple[str | None, int]:
        if found is None:
            return None, 0
        sources = self.reader.sources
        if not _integers(found) or len(found) != 2 or not (0 <= found[0] < len(sources) and 0 <= found[1] < 2**31):
            raise DamagedError(f"the line {short(found)}")
        return sources[found[0]], found[1]

    def _of(self, found: Any) -> tuple[int, int | None, str] | None:
        if found is None:
            return None
        if not isinstance(found, list) or len(found) != 3 or found[2] not in ("contribution", "accumulation"):
            raise DamagedError(f"the tag {short(found)}")
        name, index, role = found
        if not isinstance(name, str) or name not in self.made_by:
            raise DamagedError(f"the tag {short(found)}: no earlier node makes that tensor")
        if not (index is None or (type(index) is int and 0 <= index < 2**31)):
            raise DamagedError(f"the tag {short(found)}")
        return self.made_by[name], index, role

    def check_all_used(self) -> None:
        """Raise where something is said of a tensor there is not."""
        for name in self.grads:
            if name not in self.number:
                raise DamagedError(f"requires_grad of {name!r}, which is no tensor of this graph")


def _check_shapes(kind: Kind, inputs: list[Any], claimed: list[Spec]) -> None:
    """Raise DamagedError unless the kind gives these outputs on these inputs."""
    required = [name for name in kind.inputs if not name.startswith("*") and not name.endswith("?")]
    most = None if any(name.startswith("*") for name in kind.inputs) else len(kind.inputs)
    if len(inputs) < len(required) or (most is not None and len(inputs) > most):
        raise DamagedError(f"{kind.name} takes the inputs {', '.join(kind.inputs)}; {len(inputs)} are given")
    try:
        count = kind.output_count()
        # the count is compared first: a rule would make as many shapes as a damaged field asks for
        given = kind.shape(*inputs) if count == len(claimed) else None
    except CaptureError as error:
        if not _all_static(kind, inputs):
            raise DamagedError(
                f"{short(kind)} refuses its inputs {short(tuple(inputs))}: {first_line(error)}"
            ) from None
        return  # the shape is known from values only, which the graph was recorded with
    except Exception as error:
        text = first_line(error)
        for index in range(len(inputs)):
            text = text.replace(f"{{{index}}}", f"input {index}")
        raise DamagedError(f"{kind!r} refuses its inputs {short(tuple(inputs))}: {text}") from None
    if given is None or not claimed:
        raise DamagedError(f"{short(kind)} has {count} outputs; {len(claimed)} are given")
    made = given if isinstance(given, tuple) else (given,)
    if len(made) != len(claimed) or any(a != b for a, b in zip(made, claimed, strict=True)):
        raise DamagedError(f"{short(kind)} gives {short(made)}, but the file says {short(tuple(claimed))}")


def _all_static(kind: Kind, inputs: list[Any]) -> bool:
    return not kind.is_symbolic() and all(is_static(x.shape) for x in inputs if isinstance(x, Spec))


def _keys(found: Any, required: Iterable[str], optional: Iterable[str] | None = ()) -> None:
    """Raise DamagedError unless this is an object with these entries; `optional=None` allows any others."""
    if not isinstance(found, dict):
        raise DamagedError(f"{short(found)} where an object has to be")
    for key in required:
        if key not in found:
            raise DamagedError(f"no entry {key!r}")
    if optional is not None:
        for key in found:
            if key not in required and key not in optional:
                raise DamagedError(f"an entry {key!r} that has no meaning{nearest(key, [*required, *optional])}")


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise DamagedError(f"{short(found)} where an object has to be")
    return found


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise DamagedError(f"{short(found)} where a list has to be")
    return found


def _integers(found: Any) -> bool:
    return isinstance(found, list) and all(type(each) is int for each in found)


def _bool(found: Any) -> bool:
    if not isinstance(found, bool):
        raise DamagedError(f"{short(found)} where true or false has to be")
    return found


def _name(found: Any) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST_NAME or UNPRINTABLE.search(found):
        raise DamagedError(f"{short(found)} where a name has to be, without control characters")
    return found
