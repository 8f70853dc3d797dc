"""A graph as a drawing, and the verbs that write it: `graph.to_svg`, `to_dot`, `to_mermaid`, `record.to_svg`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

from localgrad.graph.files import write_atomically
from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.record import Record
from localgrad.graph.registry import kinds
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.show.dot import render_dot
from localgrad.show.drawing import SEPARATOR, Box, Drawing, Edge, Group, Role, Style, path_parts
from localgrad.show.mermaid import render_mermaid
from localgrad.show.numbers import array_summary, field_text
from localgrad.show.palette import FAMILIES
from localgrad.show.svg import Theme, render

_FIELDS = 3
_SEED = "seed/"


def to_svg(
    graph: Graph,
    path: str | PathLike[str] | None = None,
    *,
    record: Record | None = None,
    values: bool = False,
    gradients: bool = False,
    depth: int | None = None,
    explicit: bool = True,
    title: str = "",
    theme: Theme = "auto",
) -> str:
    """The graph as an SVG picture; written to `path` if given. Raises FileWriteError where that is not possible.

    `values` and `gradients` put the numbers of a run into the boxes: those of `record`, or of the run the graph came
    with. `depth` is how many levels of layers are drawn open (None: all). `explicit=False` draws the graph as it is
    stored, without Repeat and Branch boxes. `theme` is "auto" (the reader's setting), "light" or "dark".

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.exp(x), lg.spec("N"))
    >>> graph.to_svg().startswith("<svg ")
    True
    """
    drawing = drawing_of(graph, record, values, gradients, depth, explicit=explicit, title=title)
    return _written(render(drawing, theme), path)


def record_to_svg(record: Record, path: str | PathLike[str] | None = None, **options: Any) -> str:
    """The picture of a run: `to_svg` with its values, and its gradients where it has any."""
    settings = {"values": True, "gradients": bool(record.gradients), **options}
    return to_svg(record.graph, path, record=record, **settings)


def to_dot(graph: Graph, path: str | PathLike[str] | None = None, *, depth: int | None = None) -> str:
    """The graph in Graphviz' language; written to `path` if given."""
    return _written(render_dot(drawing_of(graph, depth=depth)), path)


def to_mermaid(graph: Graph, path: str | PathLike[str] | None = None, *, depth: int | None = None) -> str:
    """The graph as Mermaid text; written to `path` if given."""
    return _written(render_mermaid(drawing_of(graph, depth=depth)), path)


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        write_atomically(path, text)
    return text


def drawing_of(
    graph: Graph,
    record: Record | None = None,
    values: bool = False,
    gradients: bool = False,
    depth: int | None = None,
    *,
    explicit: bool = True,
    title: str = "",
) -> Drawing:
    """A graph as boxes and arrows: layers as groups, parameters in the layer that reads them, shapes on the arrows.

    Arguments as for `to_svg`.
    """
    if record is None and (values or gradients):
        record = graph.record()
    drawn = graph.explicit() if explicit else graph
    builder = _Builder(drawn, _Numbers(record, values, gradients))
    builder.add_nodes()
    builder.add_leaves()
    builder.add_results()
    return Drawing(
        boxes=tuple(builder.boxes),
        edges=tuple(builder.edges),
        groups=tuple(_closed_groups(builder.boxes, depth)) if depth is not None else (),
        title=title,
        caption=builder.caption(),
        families=_families(),
    )


def _families() -> tuple[str, ...]:
    # not the order of registration, which depends on what was imported first
    return tuple(dict.fromkeys([*FAMILIES, *sorted({kind.family for kind in kinds().values()})]))


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Lines with the numbers a run left in a tensor."""

    record: Record | None
    values: bool
    gradients: bool

    def lines(self, name: str) -> tuple[str, ...]:
        if self.record is None or name not in self.record:
            return ()
        lines = []
        if self.values:
            lines.append("= " + array_summary(self.record[name]))
        if self.gradients:
            gradient = self.record.gradient(name)
            if gradient is not None:
                lines.append("∇ " + array_summary(gradient))
        return tuple(lines)


@dataclass(slots=True)
class _Builder:
    graph: Graph
    numbers: _Numbers
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    box_of: dict[int, str] = field(default_factory=dict)
    readers: dict[str, list[str]] = field(default_factory=dict)
    gradients: set[int] = field(default_factory=set)
    usual: str = ""

    def add_nodes(self) -> None:
        dtypes = Counter(tensor.dtype.name for tensor in self.graph.tensors.values())
        self.usual = dtypes.most_common(1)[0][0] if dtypes else ""
        for tensor in self.graph.inputs:
            name = self.graph.name_of(tensor)
            self.box_of[id(tensor)] = f"leaf:{name}"
            if name.startswith(_SEED):
                self.gradients.add(id(tensor))
        for name, leaf in self.graph.leaves.items():
            self.box_of[id(leaf)] = f"leaf:{name}"
        for node in self.graph.nodes:
            identity = f"node:{node.name}"
            for output in node.outputs:
                if output is not None:
                    self.box_of[id(output)] = identity
            # A Branch of a gradient was not made by a rule, yet carries a gradient.
            backward = node.of is not None or any(id(x) in self.gradients for x in node.inputs)
            if backward:
                self.gradients.update(id(output) for output in node.outputs if output is not None)
            group = backward_group(node.scope) if backward else node.scope
            self.boxes.append(self._operation(identity, node, group))
            for x in node.inputs:
                if isinstance(x, Tensor):
                    self._connect(x, identity)
                    self.readers.setdefault(self.box_of[id(x)], []).append(group)

    def _operation(self, identity: str, node: Node, group: str) -> Box:
        kind = node.kind
        fields = [f"{name}={field_text(value)}" for name, value in kind.changed_fields().items()]
        # What the arrow out of the box says anyway (Repeat, Reshape) is left out.
        result = next((format_shape(output.shape) for output in node.outputs if output is not None), "")
        fields = [text for text in fields if not result or text.partition("=")[2] != result]
        names = [name.strip("*?") for name in kind.inputs] + [""] * len(node.inputs)
        # A Python scalar is no node: it is said in the box of its reader.
        fields += [f"{name} = {x:g}" for name, x in zip(names, node.inputs) if isinstance(x, (bool, int, float))]
        lines = [", ".join(fields[:_FIELDS]) + (", …" if len(fields) > _FIELDS else "")] if fields else []
        for output in node.outputs[:1]:
            if output is not None:
                lines.extend(self.numbers.lines(self.graph.name_of(output)))
        about = [node.name, repr(kind), (type(kind).__doc__ or "").partition("\n")[0]]
        about.append(str(node.source) if node.source is not None else "")
        return Box(
            id=identity,
            title=kind.operation,
            subtitles=tuple(lines),
            family=kind.family,
            group=group,
            tooltip="\n".join(line for line in about if line),
        )

    def _connect(self, tensor: Tensor, target: str) -> None:
        leaf = tensor.node is None and isinstance(tensor, Leaf)
        style: Style = "gradient" if id(tensor) in self.gradients else "value"
        name = self.graph.name_of(tensor)
        # The chip of a parameter says its shape already.
        label = "" if leaf else self._shape(tensor)
        self.edges.append(
            Edge(
                self.box_of[id(tensor)],
                target,
                label,
                name,
                style,
                f"{name} {tensor.dtype} {format_shape(tensor.shape)}",
            )
        )

    def _shape(self, tensor: Tensor) -> str:
        shape = format_shape(tensor.shape)
        return shape if tensor.dtype.name == self.usual else f"{shape} {tensor.dtype}"

    def add_leaves(self) -> None:
        first = [self._leaf(self.graph.name_of(tensor), tensor, "input", "") for tensor in self.graph.inputs]
        for name, leaf in self.graph.leaves.items():
            group = _common_scope(self.readers.get(f"leaf:{name}", []))
            first.append(self._leaf(name, leaf, leaf.role, group))
        self.boxes[:0] = first

    def _leaf(self, name: str, tensor: Tensor, role: Role, group: str) -> Box:
        title = short_name(name, group)
        # An input's arrow says its shape; arrows from the others are short and bare.
        lines = () if not isinstance(tensor, Leaf) else (self._shape(tensor),)
        if role == "constant" and isinstance(tensor, Leaf) and tensor.size == 1:
            title, lines = array_summary(tensor.data), ()
        return Box(
            id=f"leaf:{name}",
            title=title,
            subtitles=lines + self.numbers.lines(name),
            role=role,
            group=group,
            tooltip=f"{name}\n{role} {tensor.dtype} {format_shape(tensor.shape)}",
        )

    def add_results(self) -> None:
        for tensor in self.graph.outputs:
            name = self.graph.name_of(tensor)
            self.boxes.append(Box(f"output:{name}", name, role="output", tooltip=f"{name}\noutput"))
            self._connect(tensor, f"output:{name}")
        for name, tensor in self.graph.updates.items():
            group = _common_scope(self.readers.get(f"leaf:{name}", []))
            self.boxes.append(
                Box(
                    f"update:{name}",
                    f"{short_name(name, group)} ←",
                    role="state",
                    group=group,
                    tooltip=f"{name}\nnew value",
                )
            )
            self._connect(tensor, f"update:{name}")
            self.edges[-1] = replace(self.edges[-1], style="update")

    def caption(self) -> str:
        dtypes = {tensor.dtype.name for tensor in self.graph.tensors.values()}
        if not dtypes:
            return ""
        return f"all tensors {self.usual}" if len(dtypes) == 1 else f"{self.usual} where nothing else is said"


def backward_group(scope: str) -> str:
    """Where the backward nodes of a layer are drawn: in a box of their own beside the layer's.

    >>> backward_group("net/affine1")
    'net (backward)/affine1'
    """
    first, *rest = path_parts(scope) or ("",)
    return SEPARATOR.join([f"{first} (backward)", *rest]) if first else ""


def short_name(name: str, scope: str) -> str:
    """A name without the parts that repeat the layers it lies in.

    >>> short_name("net.affine1.W", "net/affine1")
    'W'
    """
    parts = re.split(r"[./]", name)
    layers = path_parts(scope)
    while len(parts) > 1 and parts[0] in layers:
        parts = parts[1:]
    return name if len(SEPARATOR.join(parts)) == len(name) else ".".join(parts)


def _common_scope(scopes: list[str]) -> str:
    """The innermost layer that holds all readers."""
    common = path_parts(scopes[0]) if scopes else ()
    for scope in scopes:
        parts = path_parts(scope)
        same = 0
        while same < min(len(common), len(parts)) and common[same] == parts[same]:
            same += 1
        common = common[:same]
    return SEPARATOR.join(common)


def _closed_groups(boxes: list[Box], depth: int) -> list[Group]:
    """The layers `depth` levels down, closed, with what they hold."""
    nodes: Counter[str] = Counter()
    parameters: Counter[str] = Counter()
    for box in boxes:
        parts = path_parts(box.group)
        if len(parts) > depth:
            path = SEPARATOR.join(parts[: depth + 1])
            nodes[path] += box.role == "operation"
            parameters[path] += box.role == "parameter"
    groups = []
    for path in nodes:
        holds = [f"{nodes[path]} node{'s' if nodes[path] != 1 else ''}"]
        if parameters[path]:
            holds.append(f"{parameters[path]} parameter{'s' if parameters[path] != 1 else ''}")
        groups.append(Group(path, subtitles=(", ".join(holds),), collapsed=True, tooltip=path))
    return groups
