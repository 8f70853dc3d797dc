"""The explorer's document: a graph, or a run of it, as the columns its page reads (described in web/FORMAT.md)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.record import Record
from localgrad.graph.spec import Spec, is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.show.document_columns import Tables, column, ragged
from localgrad.show.document_cost import backward_operations, operations
from localgrad.show.document_mathml import mathml
from localgrad.show.document_run import Run, inside_of, run_of, structure_of
from localgrad.show.example import numbers_in, rule_on
from localgrad.show.numbers import fields_text
from localgrad.show.products import input_names, vjp_formulas
from localgrad.show.text import expression_text

BUDGET = 2_000_000
_MOST_BODIES = 2000
_ROLES = {"input": 1, "parameter": 2, "constant": 3, "state": 4}


def document_of(thing: Graph | Record, budget: int = BUDGET, training: dict[str, Any] | None = None) -> dict[str, Any]:
    """The document of a graph (structure alone) or of a record (with its values and gradients).

    `budget` limits the bytes of array entries; what is left out is named. `training` says how a training went, with
    plain lists of numbers: see `training_part`.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.exp(x) * 2, lg.spec("N"))
    >>> found = document_of(graph)
    >>> found["format"], found["graphs"][0]["nodes"]["count"]
    ('localgrad-explorer', 2)
    """
    tables = Tables(budget)
    run = structure_of(thing) if isinstance(thing, Graph) else run_of(thing)
    waiting = [run]
    graphs: list[dict[str, Any]] = []
    for each in waiting:  # bodies of compositions are put behind while this goes on
        graphs += [_graph(each, tables, waiting)]
    found: dict[str, Any] = {
        "format": "localgrad-explorer",
        "version": [1, 0],
        "title": run.graph.name,
        "made_by": "localgrad",
        "graphs": graphs,
        "notes": _notes(run),
    }
    if run.failed is not None:
        stage = "run" if len(run.nodes) <= run.failed + 1 else "backward"
        found["failure"] = {"graph": 0, "node": run.failed, "stage": stage, "message": run.reason}
    if training is not None:
        found["training"] = training_part(training, tables)
    return {**found, **tables.written()}


def training_part(training: dict[str, Any], tables: Tables) -> dict[str, Any]:
    """The member `training` from `names`, `steps`, `series` (lists by name, layer by layer) and `metrics`."""
    names = [tables.string(name) for name in training["names"]]
    return {
        "layers": names,
        "parameters": names,
        "steps": column(training["steps"], "float64"),
        "series": {name: column(values, "float32") for name, values in training["series"].items()},
        "metrics": [{**each, "values": column(each["values"], "float64")} for each in training["metrics"]],
        "running": bool(training.get("running", False)),
    }


def _notes(run: Run) -> list[dict[str, str]]:
    if not run.has_values:
        return [{"code": "structure_only"}]
    return [] if run.has_gradients else [{"code": "no_gradients"}]


def _graph(run: Run, tables: Tables, waiting: list[Run]) -> dict[str, Any]:
    index: dict[int, int] = {}
    names = list(run.tensors)
    for number, tensor in enumerate(run.tensors.values()):
        index[id(tensor)] = number
    tensors = {
        "count": len(names),
        "name": column([tables.string(name) for name in names], "int32"),
        "shape": column([tables.shape(tensor.shape) for tensor in run.tensors.values()], "int32"),
        "dtype": column([tables.string(tensor.dtype.name) for tensor in run.tensors.values()], "int32"),
        "role": column([_role(tensor) for tensor in run.tensors.values()], "uint8"),
        "value": column([tables.array(name, _value(tensor)) for name, tensor in run.tensors.items()], "int32"),
        "gradient": column([tables.array(f"gradient of {name}", t._grad) for name, t in run.tensors.items()], "int32"),
    }
    ends = [run.graph.name_of(output) for output in run.graph.outputs]
    outputs = [names.index(name) for name in ends if name in run.tensors]
    losses = [number for number in outputs if run.tensors[names[number]]._grad is not None]
    scalars: dict[str, int] = {}
    return {
        "name": run.graph.name,
        "nodes": _nodes(run, tables, index, scalars, waiting),
        "tensors": tensors,
        "scalars": list(scalars),
        "inputs": [names.index(tensor.name) for tensor in run.graph.inputs if tensor.name in run.tensors],
        "outputs": outputs,
        "loss": losses[0] if len(losses) == 1 else -1,
    }


def _role(tensor: Tensor) -> int:
    if tensor._node is not None:
        return 0
    return _ROLES.get(tensor.role, 1) if isinstance(tensor, Leaf) else 1


def _value(tensor: Tensor) -> Any:
    return None if tensor.is_symbolic else tensor._value


def _nodes(
    run: Run, tables: Tables, index: dict[int, int], scalars: dict[str, int], waiting: list[Run]
) -> dict[str, Any]:
    text = tables.string
    found: dict[str, list[Any]] = {}

    def add(name: str, value: Any) -> None:
        found.setdefault(name, []).append(value)

    orders = {node.order: position for position, node in enumerate(run.nodes)}
    for position, node in enumerate(run.nodes):
        kind, inputs = node.kind, node.inputs
        labels = input_names(kind, len(inputs))
        made = run.outputs(node)
        add("kind", text(kind.operation))
        add("name", text(run.graph.nodes[position].name))
        add("family", text(kind.family))
        add("scope", text(node.scope))
        add("fields", text(", ".join(fields_text(kind))))
        source = node.source
        add("source", text(str(source) if source is not None else ""))
        add("code", text(source.text if source is not None else ""))
        add("summary", text((kind.__doc__ or "").strip().split("\n")[0]))
        add("formula", text(mathml(kind.formula) if kind.formula else ""))
        add("here", text(_here(node, made)))
        small = run.has_values and bool(made)
        add("numbers", text("\n".join(numbers_in(node, made[0])) if small else ""))
        add("inputs", [_input(x, index, scalars) for x in inputs])
        add("input_names", [text(label) for label in labels])
        add("outputs", [index[id(tensor)] for tensor in made])
        formulas = vjp_formulas(node)
        add("vjp", [text(formulas.get(label, "")) for label in labels])
        local = rule_on(node, made[0], np.ones(made[0].shape, made[0].dtype)[()]) if _is_small(run, made) else {}
        add("local", [tables.array(f"local derivative of {labels[i]}", local.get(i)) for i in range(len(inputs))])
        sends = bool(made) and any(t._grad is not None for t in made)
        add("sent", [_sent(tables, x) if sends else -1 for x in inputs])
        add("time_forward", run.forward.get(position, math.nan))
        add("time_backward", run.backward.get(position, math.nan))
        forward, backward, memory = _cost(node, made)
        add("flops_forward", forward)
        add("flops_backward", backward)
        add("memory", memory)
        of = node.of
        add("part", int(of is not None))
        add("of_node", -1 if of is None else orders.get(of.node.order, -1))
        add("of_input", -1 if of is None or of.input_index is None else of.input_index)
        add("of_role", int(of is not None and of.role == "accumulation"))
        add("status", 1 if position == run.failed else 0)
        inner = inside_of(node, run) if len(waiting) < _MOST_BODIES and made else None
        add("body", -1 if inner is None else len(waiting))
        if inner is not None:
            waiting.append(inner)
    for name in ("kind", "name", "inputs", "outputs"):  # of an empty graph, too
        found.setdefault(name, [])
    return {"count": len(run.nodes), **{name: _column(name, values) for name, values in found.items()}}


def _column(name: str, values: list[Any]) -> Any:
    if name in ("inputs", "input_names", "outputs", "vjp", "local", "sent"):
        return ragged(values)
    return column(values, "float64" if name.startswith(("time", "flops", "memory")) else "int32")


def _here(node: Node, made: list[Tensor]) -> str:
    def name(x: Any) -> str:
        return (x._name or "?") if isinstance(x, Tensor) else repr(x)

    return f"{', '.join(map(name, made)) or 'y'} = {expression_text(node, name)}"


def _input(x: Any, index: dict[int, int], scalars: dict[str, int]) -> int:
    if isinstance(x, Tensor):
        return index[id(x)]
    return -1 if x is None else -2 - scalars.setdefault(repr(x), len(scalars))


def _is_small(run: Run, made: list[Tensor]) -> bool:
    return run.has_values and bool(made) and made[0].size <= 64


def _sent(tables: Tables, x: Any) -> int:
    # every tensor of an explicit graph has one reader, so what that sends back is the tensor's gradient
    return tables.array(f"gradient of {x._name}", x._grad) if isinstance(x, Tensor) else -1


def _cost(node: Node, made: list[Tensor]) -> tuple[float, float, float]:
    specs = [x.spec if isinstance(x, Tensor) else x for x in node.inputs]
    outputs = [tensor.spec for tensor in made]
    if not outputs or not all(is_static(each.shape) for each in (*specs, *outputs) if isinstance(each, Spec)):
        return math.nan, math.nan, math.nan
    forward = operations(node.kind, specs, outputs)
    backward = backward_operations(node.kind, specs, outputs)
    memory = sum(int(math.prod(spec.shape)) * spec.dtype.itemsize for spec in outputs)
    return (math.nan if forward is None else forward, math.nan if backward is None else backward, memory)
