"""ONNX -> Graph: each node of a file becomes one node of ours."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.exchange import onnx_package
from localgrad.exchange.onnx_control import CONTROL, controlled
from localgrad.exchange.onnx_functions import inlined
from localgrad.exchange.onnx_imported import Imported, UnknownValueError, rule_for
from localgrad.exchange.onnx_known import LARGEST, as_field, followed
from localgrad.exchange.onnx_model import Declared, Model, Operation, Section
from localgrad.exchange.onnx_order import constant, in_order
from localgrad.exchange.onnx_origin import remember
from localgrad.exchange.onnx_ranks import ranked
from localgrad.graph.capturing import Recorder
from localgrad.graph.context import CONTEXT, using
from localgrad.graph.errors import ImportModelError, LocalgradError
from localgrad.graph.graph import Graph
from localgrad.graph.node import ORDER, Node
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.spec import Spec, Symbol, is_static, product
from localgrad.graph.tensor import Leaf, Tensor


def load_onnx(source: str | os.PathLike[str] | bytes) -> Graph:
    """The graph of an ONNX model, from a path or from the file's bytes.

    Tensors keep their names; floating initializers are the graph's parameters, other ones its constants; an input with
    an unnamed or named extent takes any size there. Each node of the file is one node, of our kind where that means
    exactly the same, else an `Imported` one, which `graph.expand` opens. Raises ImportModelError for a damaged file,
    and, before anything runs, for operators without a rule: all of them, with their nodes.

    >>> import localgrad as lg
    >>> lg.capture(lambda x: lg.relu(x * 2), lg.spec("N", 3), name="double").save_onnx("double.onnx")
    >>> graph = lg.load_onnx("double.onnx")
    >>> graph.run({"x": [[-1.0, 0.0, 2.0]]})
    {'Relu#1': array([[0., 0., 4.]], dtype=float32)}
    """
    model = onnx_package.read(source)
    try:
        return remember(_Builder(model, source).graph(), source)
    except ImportModelError:
        raise
    except Exception as error:  # whatever a damaged file leads to, it is the file's
        raise ImportModelError(
            f"an ONNX model was to be made a graph\nfound: {type(error).__name__}: {error}\n"
            "do: check the file with onnx.checker; if that accepts it, report the model"
        ) from error


class _Builder:
    def __init__(self, model: Model, source: Any) -> None:
        self.model = model
        self.source = source
        self.section = inlined(model.section, model)
        self.recorder = Recorder()
        self.values: dict[str, Any] = {}
        self.known: dict[str, Any] = {}
        self.symbols: dict[str, str] = {}
        self.fresh: set[str] = set()
        self.inference: Mapping[str, Declared] | None = None
        self.inner = ""
        self.leaves: dict[int, Leaf] = {}  # by array: a body that is read again has those it had

    def nested(self, section: Section, label: str) -> _Builder:
        """What reads a graph that a node holds, while that node's body is recorded; it sees the values around."""
        inner = _Builder(self.model, self.source)
        recorder = CONTEXT.get().recorder
        assert isinstance(recorder, Recorder)
        inner.section, inner.recorder = section, recorder
        inner.values, inner.known = dict(self.values), dict(self.known)
        inner.symbols, inner.fresh = self.symbols, self.fresh
        inner.inner, inner.leaves = f"{self.inner}{label}/", self.leaves
        return inner

    def run(self, given: Sequence[Any]) -> list[Tensor]:
        """The outputs of a graph that a node holds, recorded on its inputs."""
        section = self.section
        around = set(self.values)
        operations = in_order(section.operations, around | self._given(section))
        for declared, tensor in zip(section.inputs, given, strict=True):
            self.values[declared.name] = tensor
            self.known.pop(declared.name, None)
        for name, array in section.initializers.items():
            parameter = array.dtype.kind == "f"
            # parameters stand in the graph around, where a gradient reaches them
            taken = name in around or any(leaf._name == name for leaf in self.leaves.values())
            self.enter_leaf(name, array, "parameter" if parameter else "constant", self.inner + name if taken else name)
        for operation in operations:
            for name in operation.outputs:
                self.values.pop(name, None)
            self.enter_operation(operation)
        return [self.output(each) for each in section.outputs]

    def graph(self) -> Graph:
        section = self.section
        operations = in_order(section.operations, self._given(section))
        self.check_supported(operations)
        with using(recorder=self.recorder, scope="", tagger=None, watchers=(), enabled=True, site=(None, 0)):
            for declared in section.inputs:
                if declared.name not in section.initializers:
                    self.enter_input(declared)
            for name, array in section.initializers.items():
                self.enter_leaf(name, array, "parameter" if array.dtype.kind == "f" else "constant")
            for operation in operations:
                self.enter_operation(operation)
            outputs = [self.output(each) for each in section.outputs]
        live = Graph(self.recorder.nodes, self.recorder.inputs, outputs, (), section.name or "graph")
        return live

    def _given(self, section: Section) -> set[str]:
        names = [each.name for each in section.inputs]
        if len(set(names)) != len(names):
            raise self.refused("its inputs", "two of one name")
        return {*names, *section.initializers, ""}

    def refused(self, place: str, found: str, do: str = "fetch or export the file again") -> ImportModelError:
        return ImportModelError(f"an ONNX model was to be made a graph, at {place}\nfound: {found}\ndo: {do}")

    def check_supported(self, operations: list[Operation]) -> None:
        """Raise ImportModelError naming every operator without a rule."""
        missing: Counter[str] = Counter()
        where: dict[str, str] = {}
        stack = list(reversed(operations))
        while stack:
            each = stack.pop()
            bodies = [value for value in each.attributes.values() if isinstance(value, Section)]
            stack.extend(inner for body in bodies for inner in reversed(body.operations))
            if each.operator in CONTROL and not each.domain:
                continue
            version = self.version(each)
            constant_node = each.operator == "Constant" and not each.domain
            if not constant_node and rule_for(each.domain, each.operator, version) is None:
                label = f"{each.domain + '.' if each.domain else ''}{each.operator} (version {version})"
                missing[label] += 1
                where.setdefault(label, each.name or each.outputs[0])
        if missing:
            listed = "; ".join(f"{name}: {count} x, first `{where[name]}`" for name, count in missing.most_common())
            raise ImportModelError(
                f"an ONNX model was to be made a graph\nfound: operators without a rule: {listed}\n"
                "do: export the model with other operators, or without that part"
            )

    def version(self, operation: Operation) -> int:
        return operation.version or self.model.opsets.get(operation.domain, 1)

    # values -----------------------------------------------------------------------------------------------------
    def enter_input(self, declared: Declared) -> None:
        if declared.shape is None or declared.dtype is None:
            raise self.refused(
                f"input `{declared.name}`",
                "no shape or no numeric type is declared for it",
                "export the model with the rank and type of its inputs",
            )
        spec = self.spec_of(declared.name, declared.shape, declared.dtype)
        tensor = Tensor(spec, None, spec.dtype.kind == "f")
        tensor._name = declared.name
        self.recorder.add_input(tensor)
        self.values[declared.name] = tensor

    def spec_of(self, name: str, shape: tuple[int | str | None, ...], dtype: Any, given: bool = True) -> Spec:
        return Spec([self.extent(each, f"{name}_{axis}", given) for axis, each in enumerate(shape)], dtype)

    def extent(self, found: int | str | None, fallback: str, given: bool) -> int | Symbol:
        if isinstance(found, int):
            return found
        if found is not None and not re.search(r"\w", found):
            found = None  # "?" stands on any axis and is no name
        key = found if found is not None else f" {fallback}"
        if key not in self.symbols:
            wanted = re.sub(r"\W+", "_", found or fallback) or "n"
            wanted = wanted if wanted.isidentifier() else f"n_{wanted}"
            taken = set(self.symbols.values())
            number, name = 1, wanted
            while name in taken:
                number += 1
                name = f"{wanted}_{number}"
            self.symbols[key] = name
            if not given:
                self.fresh.add(name)
        return Symbol.named(self.symbols[key])

    def enter_leaf(self, name: str, array: NDArray[Any], role: Any, called: str | None = None) -> None:
        leaf = self.leaves.get(id(array))
        if leaf is None:
            leaf = self.leaves[id(array)] = Leaf(array, role, called or name, role == "parameter")
        self.values[name] = self.recorder.adopt(leaf)
        if array.dtype.kind in "ib" and array.size <= LARGEST:
            self.known[name] = array

    def output(self, declared: Declared) -> Tensor:
        if declared.name not in self.values:
            raise self.refused(f"output `{declared.name}`", "no node makes it")
        value = self.values[declared.name]
        if not isinstance(value, Tensor):
            raise self.refused(f"output `{declared.name}`", "a missing value")
        return value

    # nodes ------------------------------------------------------------------------------------------------------
    def enter_operation(self, operation: Operation) -> None:
        for name in operation.outputs:
            if name and name in self.values:
                raise self.refused(str(operation), f"a second value called `{name}`")
        if operation.operator == "Constant" and not operation.domain:
            array = constant(operation, self.refused)
            # some exporters write weights as Constant nodes
            weights = array.dtype.kind == "f" and array.size > 1
            self.enter_leaf(operation.outputs[0], array, "parameter" if weights else "constant")
            return
        inputs = tuple(self.values[name] if name else None for name in operation.inputs)
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        try:
            if self.inner:
                inputs = tuple(self.recorder.adopt(x) if isinstance(x, Tensor) else x for x in inputs)
            if operation.operator in CONTROL and not operation.domain:
                outputs = controlled(self, operation, inputs)
            else:
                outputs = self.made(operation, inputs)
        except LocalgradError as error:
            raise self.refused(str(operation), str(error)) from None
        for name, tensor in zip(operation.outputs, outputs, strict=False):
            if name:
                tensor._name = name
                self.values[name] = tensor

    def made(self, operation: Operation, inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
        version = self.version(operation)
        rule = rule_for(operation.domain, operation.operator, version)
        assert rule is not None
        count = max(place for place, name in enumerate(operation.outputs, 1) if name)
        known = []
        for index in rule.valued:
            if index < len(inputs) and inputs[index] is not None:
                value = self.value_of(operation.inputs[index], inputs[index])
                if value is not None:
                    known.append((index, value))
        kind = Imported(
            operation=operation.operator,
            domain=operation.domain,
            version=version,
            attributes=tuple(operation.attributes.items()),
            count=count,
            known=tuple(known),
            label=operation.name,
            note=operation.note,
        )
        scope = "/".join(part for part in operation.name.split("/")[:-1] if part)
        with using(scope=scope):
            outputs = self.direct(kind, inputs)
            if outputs is None:
                outputs = self.recorded(kind, operation, inputs, scope)
        self.follow(kind, operation, inputs, outputs)
        return outputs

    def value_of(self, name: str, x: Tensor) -> Any:
        """What is known of an input that says shapes, as a field can hold it."""
        found = as_field(self.known.get(name))
        if found is None and isinstance(x, Leaf) and x.role == "constant" and x._value.size <= LARGEST:
            return x._value
        if found is None and isinstance(x, Leaf) and x.role == "parameter" and x._value.size <= 16:
            return x._value  # scales of Resize, the low and high of a padding: no weights
        return found

    def direct(self, kind: Imported, inputs: tuple[Any, ...]) -> tuple[Tensor, ...] | None:
        """The one node of ours that means exactly the same; None where there is none."""
        tensors = [x for x in inputs if x is not None]
        # a Dropout means Identity only until it is trained
        if kind.known or kind.count != 1 or not tensors or kind.operation == "Dropout":
            return None
        before = len(self.recorder.nodes)
        try:
            made = kind.body(*inputs)
        except Exception:  # the composition says what is wrong, or its shape comes from elsewhere
            del self.recorder.nodes[before:]
            return None
        nodes = self.recorder.nodes[before:]
        if len(nodes) == 1 and isinstance(made, Tensor) and made._node is nodes[0]:
            used = nodes[0]._inputs
            if len(used) == len(inputs) and all(a is b for a, b in zip(used, inputs, strict=True)):
                return (made,)
        del self.recorder.nodes[before:]
        return None

    def recorded(self, kind: Imported, operation: Operation, inputs: tuple[Any, ...], scope: str) -> tuple[Tensor, ...]:
        try:
            found = kind.shape(*(x.spec if isinstance(x, Tensor) else x for x in inputs))
            specs = found if isinstance(found, tuple) else (found,)
        except Exception as error:
            specs = self.declared_specs(operation, kind, inputs, error)
        node = Node(kind, inputs, next(ORDER), None, 0, scope, None)
        gradient = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        return self.recorder._outputs(node, specs, gradient)

    def declared_specs(
        self, operation: Operation, kind: Imported, inputs: tuple[Any, ...], error: Exception
    ) -> tuple[Spec, ...]:
        """The specs a file declares for outputs whose shape only values say, or their ranks; raises where it does not."""
        found = []
        given = ranked(kind, [x.spec if isinstance(x, Tensor) else None for x in inputs])
        for place, name in enumerate(operation.outputs[: kind.count]):
            declared = self.declaration(name)
            if declared is not None and declared.shape is not None and declared.dtype is not None:
                found.append(self.spec_of(name, declared.shape, declared.dtype, given=False))
            elif given is not None and (isinstance(error, UnknownValueError) or self.has_fresh_extents(inputs)):
                rank, dtype = given[place]
                found.append(self.spec_of(name, (None,) * rank, dtype, given=False))
            else:
                raise error
        return tuple(found)

    def has_fresh_extents(self, inputs: tuple[Any, ...]) -> bool:
        """Whether an input has an extent that no input of the model says."""
        extents: list[Any] = [extent for x in inputs if isinstance(x, Tensor) for extent in x.shape]
        names = {name for extent in extents if isinstance(extent, Symbol) for name in extent.names()}
        return bool(names & self.fresh)

    def declaration(self, name: str) -> Declared | None:
        section = self.section
        for each in section.outputs:
            if each.name == name and each.shape is not None and each.dtype is not None:
                return each
        if name in section.known:
            return section.known[name]
        if self.inner:
            return None
        if self.inference is None:
            self.inference = onnx_package.inferred(self.source)
        return self.inference.get(name)

    def follow(
        self, kind: Imported, operation: Operation, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...]
    ) -> None:
        """Note what is known of the value of a small output."""
        first = outputs[0]
        if first.ndim > 2 or (is_static(first.shape) and product(first.shape) > LARGEST):
            return
        names = operation.inputs[: len(inputs)]
        values = [self.known.get(name) for name in names]
        found = followed(kind, [x.spec if isinstance(x, Tensor) else None for x in inputs], values)
        if (
            found is None
            and is_static(first.shape)
            and inputs
            and all(value is not None and value.dtype != object for value in values)
        ):
            token = WARNINGS.set(QUIET)
            try:
                result = kind.forward(
                    *(x._value if isinstance(x, Leaf) else v for x, v in zip(inputs, values, strict=True))
                )
                found = np.asarray(result[0] if isinstance(result, tuple) else result)
            except Exception:
                found = None
            finally:
                WARNINGS.reset(token)
            if found is not None and (found.dtype.kind not in "ib" or found.size > LARGEST):
                found = None
        if found is not None and found.dtype == object and self.has_fresh(found):
            found = None
        if found is not None:
            self.known[operation.outputs[0]] = found

    def has_fresh(self, values: NDArray[Any]) -> bool:
        """Whether an extent stands in it that no input of the model says."""
        words = {word for each in values.reshape(-1) for word in re.findall(r"[^\W\d]\w*", repr(each))}
        return bool(words & self.fresh)
