"""Conditional: a kind that runs one of two bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec, format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.transform.bodies import Holder
from localgrad.transform.prepared import Prepared
from localgrad.transform.pulled import Build, Pull, Reading, pull


class Backward(NamedTuple):
    """The gradient of a choice: the same choice between the gradients of its branches."""

    kind: If
    seeds: list[int]
    """The outputs whose gradient it reads, after the inputs of the branches."""
    targets: list[int]
    """The inputs whose gradients it gives."""


@kind
class If(Holder):
    """Run one of two bodies on the same inputs; its gradient is the If of their gradients, which run them again."""

    formula = r"y = \begin{cases} \mathrm{then}(x) & \text{condition} \\ \mathrm{else}(x) & \text{else} \end{cases}"
    onnx = "If"
    inputs = ("condition", "*inputs")
    several: ClassVar[bool] = True
    checked: ClassVar[bool] = True
    then_branch: Graph | None = None
    else_branch: Graph | None = None

    def check_fields(self) -> None:
        super().check_fields()
        if self.then_branch is None or self.else_branch is None:
            return
        self.need_closed()
        for what in ("inputs", "outputs"):
            one, other = (_specs(getattr(body, what)) for body in (self.then_branch, self.else_branch))
            if one != other:
                raise ShapeError(
                    f"If was to be made of two branches\nfound: the {what} of one are {_listed(one)}, of the other "
                    f"{_listed(other)}\ndo: let both take and give tensors of the same shapes and dtypes"
                )

    def branches(self) -> tuple[Graph, Graph]:
        """The two bodies."""
        if self.then_branch is None or self.else_branch is None:
            raise ShapeError("If was used\nfound: it has no branches\ndo: make it with lg.cond")
        return self.then_branch, self.else_branch

    def output_count(self) -> int:
        return len(self.branches()[0].outputs)

    def seen(self, inputs: Sequence[Any]) -> list[Shape]:
        return super().seen(inputs[1:])

    def shape(self, condition: SpecLike, *inputs: SpecLike) -> Spec | tuple[Spec, ...]:
        then = self.branches()[0]
        if isinstance(condition, Spec) and not all(same_extent(extent, 1) for extent in condition.shape):
            raise ShapeError(
                f"If was asked to choose by {{0}}\nfound: shape {format_shape(condition.shape)}\n"
                "do: give one truth value (.all(), .any()), or choose entry by entry with lg.where"
            )
        if len(inputs) != len(then.inputs):
            raise ShapeError(
                f"If was given {len(inputs)} inputs after its condition\nfound: its branches take {len(then.inputs)}: "
                f"{_listed(_specs(then.inputs))}"
            )
        specs = [x if isinstance(x, Spec) else Spec((), np.asarray(x).dtype) for x in inputs]
        then = self.fitted((condition, *specs)).branches()[0]
        for place, (tensor, spec) in enumerate(zip(then.inputs, specs, strict=True)):
            if tensor.spec != spec:
                raise ShapeError(
                    f"If was given {{{place + 1}}} of {spec.dtype}{format_shape(spec.shape)}\nfound: its branches were "
                    f"recorded for `{tensor.name}`, {tensor.dtype}{format_shape(tensor.shape)}\n"
                    "do: record them anew for these shapes, or with named extents"
                )
        outputs = tuple(tensor.spec for tensor in then.outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def forward(self, condition: Value, *inputs: Value) -> Value:
        kind = self.fitted((condition, *inputs))
        prepared = kind.__dict__.get("_prepared")
        if prepared is None:
            prepared = kind.__dict__["_prepared"] = tuple([Prepared(body) for body in kind.branches()])
        outputs = prepared[0 if bool(condition) else 1].run(inputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def backward(self, grad: Value, y: Value, *inputs: Value, wanted: tuple[bool, ...] = ()) -> Value:
        kind = self.fitted(inputs)
        back = kind.backwards(tuple(g is not None for g in grad), tuple(wanted[1:]))
        grads: list[Value] = [None] * len(inputs)
        if back is not None:
            found = back.kind(*inputs, *(grad[place] for place in back.seeds))
            for place, g in zip(back.targets, found if isinstance(found, tuple) else (found,), strict=True):
                grads[place + 1] = g
        return tuple(grads)

    def backwards(self, given: tuple[bool, ...], wanted: tuple[bool, ...]) -> Backward | None:
        """The gradient for those outputs that have one, to those inputs that want theirs; None where no path leads."""
        made: dict[Any, Backward | None] = self.__dict__.setdefault("_backwards", {})
        if (given, wanted) not in made:
            made[given, wanted] = self._backwards_for(given, wanted)
        return made[given, wanted]

    def _backwards_for(self, given: tuple[bool, ...], wanted: tuple[bool, ...]) -> Backward | None:
        bodies = self.branches()
        ends = [place for place, has in enumerate(given) if has and bodies[0].outputs[place].dtype.kind == "f"]
        starts = [place for place, x in enumerate(bodies[0].inputs) if x.dtype.kind == "f" and wanted[place]]
        pulls = [pull(body, ends, starts) for body in bodies]
        targets = [place for place in starts if any(place in each.found for each in pulls)]
        if not targets:
            return None
        then, other = (self._assembled(body, each, ends, targets) for body, each in zip(bodies, pulls, strict=True))
        return Backward(self.replaced(then_branch=then, else_branch=other), ends, targets)

    @staticmethod
    def _assembled(body: Graph, found: Pull, ends: list[int], targets: list[int]) -> Graph:
        build = Build(f"gradient of {body.name}")
        for tensor in body.inputs:
            build.input(tensor.spec, tensor._name, tensor)
        for place in ends:
            output = body.outputs[place]
            build.input(output.spec, f"seed/{body.name_of(output)}", found.seeds.get(place))
        build.copy(Reading(body, found.needed, 0, keep=False).again)
        build.copy(found.nodes)
        outputs = []
        for place in targets:
            g = found.found.get(place)
            outputs.append(build.zeros(build.recorder.inputs[place]) if g is None else build.of(g))
        return build.finish(outputs, [f"grad/{body.inputs[place]._name}" for place in targets])


def _specs(tensors: Sequence[Tensor]) -> list[Spec]:
    return [tensor.spec for tensor in tensors]


def _listed(specs: Sequence[Spec]) -> str:
    return ", ".join(f"{spec.dtype}{format_shape(spec.shape)}" for spec in specs) or "nothing"
