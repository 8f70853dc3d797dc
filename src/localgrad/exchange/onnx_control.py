"""If, Loop and Scan of a file, read as nodes whose bodies are graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from localgrad.exchange.onnx_model import Operation, Section
from localgrad.graph.capturing import _as_output
from localgrad.graph.context import using
from localgrad.graph.errors import ImportModelError
from localgrad.graph.node import ORDER, Node
from localgrad.graph.recording import record
from localgrad.graph.registry import kind_named
from localgrad.graph.spec import Spec, Symbol, same_extent
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.transform.bodies import Traced
from localgrad.transform.conditional import If
from localgrad.transform.iteration import Iterated, Loop, Scan
from localgrad.transform.rounds import Rounds

CONTROL = frozenset(("If", "Loop", "Scan"))
MOST = np.iinfo(np.int64).max


def controlled(builder: Any, operation: Operation, inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The outputs of a node that holds graphs."""
    read = {"If": choice, "Loop": loop, "Scan": old_scan if builder.version(operation) < 9 else scan}
    return tuple(read[operation.operator](builder, operation, inputs))


def section_of(operation: Operation, name: str) -> Section:
    """A graph that a node holds."""
    found = operation.attributes.get(name)
    if not isinstance(found, Section):
        raise ImportModelError(f"{operation.operator} was read\nfound: its graph `{name}` is missing")
    return found


def traced(builder: Any, operation: Operation, section: Section, specs: Sequence[Spec]) -> tuple[Traced, list[Tensor]]:
    """A graph of the file recorded on inputs of these specs, and what it gives."""
    declared = [(each.name, spec) for each, spec in zip(section.inputs, specs, strict=True)]

    def body(*given: Tensor) -> list[Any]:
        with using(site=(None, 0)):
            return list(builder.nested(section, operation.name or operation.outputs[0]).run(given))

    trace = Traced(body, declared, lambda given: given)
    trace.name = section.name or "body"

    def like(declared: Any, x: Tensor) -> Tensor:
        if declared.shape is None or any(not isinstance(each, int) for each in declared.shape):
            return x
        return settled(builder, trace, x, Spec(declared.shape, x.dtype))

    with trace.inside():
        outputs = [
            like(each, _as_output(trace.recorder, each.name, x))
            for each, x in zip(section.outputs, trace.result, strict=True)
        ]
    return trace, outputs


def settled(builder: Any, trace: Traced, x: Tensor, like: Spec) -> Tensor:
    """A tensor as one of another spec, where only extents differ that are not known before the graph runs."""
    if x.spec == like or x.ndim != like.ndim or x.dtype != like.dtype:
        return x
    for mine, theirs in zip(x.shape, like.shape, strict=True):
        unknown = isinstance(mine, Symbol) and mine.names() & builder.fresh
        if not unknown and not same_extent(mine, theirs):
            return x
    return _declared_as(trace, x, like)


def recorded(kind: Any, inputs: Sequence[Any]) -> list[Tensor]:
    """The outputs of a node."""
    made = record(kind, tuple(inputs))
    return list(made) if isinstance(made, tuple) else [made]


# If -----------------------------------------------------------------------------------------------------------------
def choice(builder: Any, operation: Operation, inputs: tuple[Any, ...]) -> list[Tensor]:
    """A node with both branches; where the condition is known and only one branch fits, that branch itself."""
    sections = [section_of(operation, name) for name in ("then_branch", "else_branch")]
    known = builder.known.get(operation.inputs[0])
    traces = [traced(builder, operation, section, ()) for section in sections]
    agreed = len(traces[0][1]) == len(traces[1][1])
    agreed = agreed and all(
        a.dtype == b.dtype and a.ndim == b.ndim for a, b in zip(traces[0][1], traces[1][1], strict=True)
    )
    alike = agreed and all(a.spec == b.spec for a, b in zip(traces[0][1], traces[1][1], strict=True))
    if known is not None and known.dtype != object and not alike:
        section = sections[0 if bool(known.reshape(-1)[0]) else 1]
        taken = builder.nested(section, operation.name or operation.outputs[0]).run(())
        return [kind_named("Identity").on(x) for x in taken]
    if not agreed:
        listed = " and ".join(str([t.spec for t in outputs]) for _, outputs in traces)
        raise ImportModelError(
            f"If was to be read\nfound: its branches give {listed}, and which is taken is only known when the graph runs\n"
            "do: export the model for one of them"
        )
    for place, (a, b) in enumerate(zip(traces[0][1], traces[1][1], strict=True)):
        if a.spec != b.spec:
            together = _together(builder, f"{operation.outputs[place]}", a.spec, b.spec)
            for (trace, outputs), x in zip(traces, (a, b), strict=True):
                outputs[place] = _declared_as(trace, x, together)
    for trace, _ in traces:
        trace.carry_names()
    outer = list({id(x): x for trace, _ in traces for x in trace.outer}.values())
    bodies = [trace.graph([trace.place_of(x) for x in outer], outputs) for trace, outputs in traces]
    kind = If(then_branch=bodies[0], else_branch=bodies[1])
    return recorded(kind, [inputs[0], *outer])


def _together(builder: Any, name: str, a: Spec, b: Spec) -> Spec:
    """A spec both branches can give: an extent that differs has a name of its own."""
    shape = [
        one if same_extent(one, other) else builder.extent(None, f"{name}_{axis}", False)
        for axis, (one, other) in enumerate(zip(a.shape, b.shape, strict=True))
    ]
    return Spec(shape, a.dtype)


def _declared_as(trace: Traced, x: Tensor, spec: Spec) -> Tensor:
    node = Node(kind_named("Identity")(), (x,), next(ORDER), None, 0, "", None)
    return trace.recorder._outputs(node, (spec,), x.requires_grad)[0]


# Loop and Scan ------------------------------------------------------------------------------------------------------
def iterated(
    builder: Any,
    kind: type[Iterated], trace: Traced, outputs: Sequence[Tensor], carries: int, lead: Sequence[Any],
    given: Sequence[Tensor], **fields: Any,
) -> list[Tensor]:  # fmt: skip
    """The outputs of a node that runs a body many times."""
    outputs = [
        settled(builder, trace, x, trace.input(place).spec) if place < carries else x for place, x in enumerate(outputs)
    ]
    trace.carry_names()
    for number, (start, end) in enumerate(zip(trace.recorder.inputs[:carries], outputs, strict=False)):
        if start.spec != end.spec:
            raise ImportModelError(
                f"{kind.__name__} was to carry `{start._name}`\nfound: it goes in as {given[number].spec} and comes out as "
                f"{end.spec}\ndo: export the model so that what is carried keeps its shape"
            )
    count = trace.declared
    body = trace.graph(range(count + len(trace.outer)), outputs)
    made = kind(body=body, carries=carries, scanned=count - carries, **fields)
    return recorded(made, [*lead, *given, *trace.outer])


def scalar(x: Tensor) -> Tensor:
    """A tensor of one entry without axes."""
    return x if not x.ndim else kind_named("Reshape").on(x, shape_to=())


def constant(value: Any, dtype: Any) -> Leaf:
    """A number as a tensor."""
    return Leaf(np.asarray(value, dtype), "constant", None, False)


def loop(builder: Any, operation: Operation, inputs: tuple[Any, ...]) -> list[Tensor]:
    """Rounds up to a number, as long as a condition holds; where that is computed, the rounds are counted first."""
    section = section_of(operation, "body")
    inputs = (*inputs, *(None,) * (2 - len(inputs)))
    most, condition, starts = inputs[0], inputs[1], [*inputs[2:]]
    names = [*operation.inputs, "", ""]
    first = constant(True, bool) if condition is None else scalar(condition)
    number = constant(0, np.int64)
    given = [number, first, *starts]
    if len(section.inputs) != len(given) or len(section.outputs) < len(given) - 1:
        raise ImportModelError(
            f"Loop was read\nfound: its body takes {len(section.inputs)} values, and {len(given)} are there"
        )
    specs = [x.spec for x in given]
    trace, outputs = traced(builder, operation, section, specs)
    with trace.inside():
        after = trace.input(0) + 1
        goes_on = scalar(outputs[0])
    carried = [after, goes_on, *outputs[1 : len(given) - 1]]
    stacked = outputs[len(given) - 1 :]
    value = builder.known.get(names[1])
    holds = condition is None or (value is not None and value.dtype != object and bool(value.reshape(-1)[0]))
    known = builder.known.get(names[0])
    rounds: Any
    if most is not None and _always(goes_on, trace.input(1)) and holds:
        whole = known is not None and known.dtype != object
        rounds = int(known.reshape(-1)[0]) if whole else scalar(most)
        rounds = max(rounds, 0) if isinstance(rounds, int) else _not_negative(rounds)
    else:
        rounds = _rounds(
            builder, operation, section, scalar(most) if most is not None else constant(MOST, np.int64), given
        )
    extent = f"steps_{len(builder.fresh)}"
    builder.fresh.add(extent)
    values = [*carried, *stacked]
    if isinstance(rounds, int) and stacked:
        return iterated(builder, Scan, trace, values, len(given), (), given, length=rounds)[2:]
    return iterated(builder, Loop, trace, values, len(given), (rounds,), given, extent=extent)[2:]


def _not_negative(count: Tensor) -> Any:
    return kind_named("Max").on(count, constant(0, count.dtype))


def _always(condition: Tensor, before: Tensor) -> bool:
    """Whether a condition that held goes on to hold."""
    while condition is not before:
        if isinstance(condition, Leaf):
            return condition.role == "constant" and bool(np.all(condition._value))
        node = condition._node
        if node is None or node.kind.name not in ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze"):
            return False
        source = node._inputs[0]
        if not isinstance(source, Tensor):
            return False
        condition = source
    return True


def _rounds(builder: Any, operation: Operation, section: Section, most: Tensor, given: list[Tensor]) -> Tensor:
    """How often the body runs, from what decides that alone."""
    trace, outputs = traced(builder, operation, section, [x.spec for x in given])
    with trace.inside():
        after = trace.input(0) + 1
        goes_on = scalar(outputs[0])
    carried = [after, goes_on, *outputs[1 : len(given) - 1]]
    needed = _needed(trace, carried)
    trace.carry_names()
    places = [*needed, *range(trace.declared, trace.declared + len(trace.outer))]
    body = trace.graph(places, [carried[place] for place in needed])
    kind = Rounds(body=body, carries=len(needed), condition=needed.index(1))
    used = [x for x, inner in trace.recorder.lifted]
    return recorded(kind, [most, *(given[place] for place in needed), *used])[0]


def _needed(trace: Traced, carried: list[Tensor]) -> list[int]:
    """The carries that the condition of any later round depends on."""
    place_of = {id(trace.input(place)): place for place in range(trace.declared)}
    needed: set[int] = {1}
    while True:
        more = set(needed)
        stack = [carried[place] for place in needed]
        seen: set[int] = set()
        while stack:
            tensor = stack.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if id(tensor) in place_of:
                more.add(place_of[id(tensor)])
            if tensor._node is not None:
                stack.extend(x for x in tensor._node._inputs if isinstance(x, Tensor))
        if more == needed:
            return sorted(needed)
        needed = more


def scan(builder: Any, operation: Operation, inputs: tuple[Any, ...]) -> list[Tensor]:
    """Along an axis of each scanned input, in one direction each."""
    section = section_of(operation, "body")
    scanned = int(operation.attributes.get("num_scan_inputs", 0))
    carries = len(inputs) - scanned
    stacks = len(section.outputs) - carries
    if not 0 < scanned <= len(inputs) or len(section.inputs) != len(inputs) or stacks < 0:
        raise ImportModelError(
            f"Scan was read\nfound: {len(inputs)} inputs, of which {scanned} are scanned, for {len(section.inputs)}"
        )

    def each(name: str, count: int) -> list[int]:
        found = list(operation.attributes.get(name) or (0,) * count)
        return found + [0] * (count - len(found))

    axes, ways = each("scan_input_axes", scanned), each("scan_input_directions", scanned)
    out_axes, out_ways = each("scan_output_axes", stacks), each("scan_output_directions", stacks)
    reverse = all(ways) and all(out_ways)
    parts = [
        _turned(_moved(x, axis, 0), bool(way) and not reverse)
        for x, axis, way in zip(inputs[carries:], axes, ways, strict=True)
    ]
    given = [*inputs[:carries], *parts]
    specs = [x.spec for x in inputs[:carries]] + [x.spec.with_shape(x.shape[1:]) for x in parts]
    trace, outputs = traced(builder, operation, section, specs)
    found = iterated(builder, Scan, trace, outputs, carries, (), given, reverse=reverse)
    stacked = [
        _moved(_turned(y, bool(way) and not reverse), 0, axis)
        for y, axis, way in zip(found[carries:], out_axes, out_ways, strict=True)
    ]
    return [*found[:carries], *stacked]


def _moved(x: Tensor, old: int, new: int) -> Tensor:
    old, new = old % x.ndim, new % x.ndim
    if old == new:
        return x
    order = [axis for axis in range(x.ndim) if axis != old]
    order.insert(new, old)
    return kind_named("Transpose").on(x, axes=tuple(order))  # type: ignore[no-any-return]


def _turned(x: Tensor, backwards: bool) -> Tensor:
    return kind_named("Flip").on(x, axis=(0,)) if backwards else x


def old_scan(builder: Any, operation: Operation, inputs: tuple[Any, ...]) -> list[Tensor]:
    """Version 8: every sample of a batch is scanned by itself, along the axis after the batch."""
    if inputs[0] is not None:
        raise ImportModelError(
            "Scan of version 8 was read\nfound: lengths of sequences\ndo: export it with version 9 or later"
        )
    if any(operation.attributes.get("directions") or ()):
        raise ImportModelError("Scan of version 8 was read\nfound: directions\ndo: export it with version 9 or later")
    given = list(inputs[1:])

    def sample(*parts: Tensor) -> list[Tensor]:
        with using(site=(None, 0)):
            return scan(builder, operation, parts)

    declared = [(f"x{n}", x.spec.with_shape(x.shape[1:])) for n, x in enumerate(given)]
    trace = Traced(sample, declared, lambda inner: inner)
    return iterated(builder, Scan, trace, list(trace.result), 0, (), given)
