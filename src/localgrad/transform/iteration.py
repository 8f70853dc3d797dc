"""Iteration: kinds that run a body many times, along an axis (Scan) or as often as a number says (Loop)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from localgrad.graph.errors import DataError, ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Extent, Shape, Spec, Symbol, format_shape, same_extent, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.creation import FullLike
from localgrad.transform.bodies import Holder, live
from localgrad.transform.prepared import PreparedSteps
from localgrad.transform.pulled import Build, Pull, Reading, pull


class Backward(NamedTuple):
    """The gradient of an iteration: a further one, the other way round, and where its inputs and outputs belong."""

    kind: Iterated
    carries: list[int]
    """The carries whose gradient is carried back."""
    kept: list[Any]
    """What it reads of the forward's steps: ("part", number), or the place of a tensor in the body."""
    stacked: list[int]
    """The stacked outputs whose gradient it reads."""
    outer: list[tuple[str, int]]
    """The outer tensors it reads: ("outer", number), or ("sum", number) for the gradient of a sum."""
    parts: list[int]
    """The scanned inputs whose gradients it stacks."""
    sums: list[int]
    """The outer tensors whose gradients it sums."""


class Iterated(Holder):
    """What Scan and Loop share.

    The body's inputs are carries, entries of what is scanned, and outer tensors; its outputs are the new carries, values
    that are stacked along a new first axis, and values that are summed. The node's are the same, for all steps.
    """

    several: ClassVar[bool] = True
    checked: ClassVar[bool] = True
    lead: ClassVar[int] = 0
    """The number of inputs before the carries."""
    body: Graph | None = None
    carries: int = 0
    scanned: int = 0
    summed: int = 0
    reverse: bool = False

    def check_fields(self) -> None:
        super().check_fields()
        body = self.body
        if body is None:
            return
        self.need_closed()
        inside, outside = len(body.inputs) - self.carries - self.scanned, len(body.outputs) - self.carries - self.summed
        fits = min(inside, outside, self.carries, self.scanned, self.summed) >= 0
        if fits:
            pairs = zip(body.inputs[: self.carries], body.outputs[: self.carries], strict=True)
            fits = all(a.spec == b.spec for a, b in pairs)
        if not fits:
            raise ShapeError(
                f"{self.name} was to be made with {self.carries} carries, {self.scanned} scanned inputs and "
                f"{self.summed} sums\nfound: its body has the inputs {_declared(body.inputs)} and gives "
                f"{_declared(body.outputs)}\ndo: give a body that takes and gives carries of one shape and dtype first"
            )

    def graph(self) -> Graph:
        """The body."""
        if self.body is None:
            raise ShapeError(f"{self.name} was used\nfound: it has no body\ndo: make it with lg.{self.name.lower()}")
        return self.body

    def output_count(self) -> int:
        return len(self.graph().outputs)

    # shapes -----------------------------------------------------------------------------------------------------
    def count_of(self, lead: Sequence[Any], parts: Sequence[Any]) -> Any:
        """The number of steps."""
        raise NotImplementedError

    def extent_of(self, lead: Sequence[SpecLike], parts: Sequence[Spec]) -> Extent:
        """The extent of stacked outputs."""
        raise NotImplementedError

    def seen(self, inputs: Sequence[Any]) -> list[Shape]:
        shapes = super().seen(inputs[self.lead :])
        last = self.carries + self.scanned
        return [shape[1:] if self.carries <= place < last else shape for place, shape in enumerate(shapes)]

    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        lead, inputs = specs[: self.lead], specs[self.lead :]
        body = self.graph()
        if len(specs) != self.lead + len(body.inputs):
            raise ShapeError(
                f"{self.name} was given {len(specs)} inputs\nfound: it takes {self.lead + len(body.inputs)}: "
                f"{_declared(body.inputs)}"
            )
        inputs = tuple(x if isinstance(x, Spec) else Spec((), np.asarray(x).dtype) for x in inputs)
        parts = inputs[self.carries : self.carries + self.scanned]
        for place, part in enumerate(parts):
            if not part.ndim or not same_extent(part.shape[0], parts[0].shape[0]):
                raise ShapeError(
                    f"{self.name} was to go along the first axis of {{{self.lead + self.carries + place}}}\n"
                    f"found: shape {format_shape(part.shape)}; the first scanned input has "
                    f"{format_shape(parts[0].shape)}\ndo: give inputs of one length"
                )
        kind = self.fitted((*lead, *inputs))
        body = kind.graph()
        shapes = self.seen((*lead, *inputs))
        for place, (tensor, spec, shape) in enumerate(zip(body.inputs, inputs, shapes, strict=True)):
            if not same_shape(shape, tensor.shape) or spec.dtype != tensor.dtype:
                raise ShapeError(
                    f"{self.name} was given {{{self.lead + place}}} of {spec.dtype}{format_shape(spec.shape)}\n"
                    f"found: its body was recorded for `{tensor.name}`, {tensor.dtype}{format_shape(tensor.shape)} at "
                    "each step\ndo: record it anew for these shapes, or with named extents"
                )
        extent = kind.extent_of(lead, parts)
        first, last = self.carries, len(body.outputs) - self.summed
        outputs = [
            tensor.spec.with_shape((extent, *tensor.shape)) if first <= place < last else tensor.spec
            for place, tensor in enumerate(body.outputs)
        ]
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    # values -----------------------------------------------------------------------------------------------------
    def forward(self, *inputs: Value) -> Value:
        lead, rest = inputs[: self.lead], inputs[self.lead :]
        kind = self.fitted(inputs)
        prepared = kind.__dict__.get("_prepared")
        if prepared is None:
            prepared = PreparedSteps(kind.graph(), self.carries, self.scanned, self.summed)
            kind.__dict__["_prepared"] = prepared
        last = self.carries + self.scanned
        parts = rest[self.carries : last]
        count = kind.count_of(lead, parts)
        outputs = prepared.iterate(count, rest[: self.carries], parts, rest[last:], self.reverse)
        return outputs if len(outputs) > 1 else outputs[0]

    def only(self, used: Sequence[bool]) -> tuple[Iterated, list[int]]:
        """This kind without stacked outputs and sums that are not used, and which of its outputs are left."""
        body = self.graph()
        kept = [place for place in range(len(body.outputs)) if place < self.carries or used[place]]
        if len(kept) == len(body.outputs) or not kept:
            return self, list(range(len(body.outputs)))
        outputs = [body.outputs[place] for place in kept]
        graph = Graph(live(outputs, body.nodes), body.inputs, outputs, (), body.name)
        summed = sum(place >= len(body.outputs) - self.summed for place in kept)
        return self.replaced(body=graph, summed=summed), kept

    # gradients --------------------------------------------------------------------------------------------------
    def keeping(self, given: Sequence[bool], wanted: Sequence[bool]) -> Iterated:
        """This kind with further stacked outputs: what the gradient will read of each step."""
        backward = self.backwards(tuple(given), tuple(wanted))
        return self if backward is None else self.stacking(backward.kept)

    def stacking(self, kept: Sequence[Any]) -> Iterated:
        """This kind, stacking these tensors of its body as well."""
        known = self.kept_at()
        missing = tuple(dict.fromkeys(key for key in kept if key[0] != "part" and key not in known))
        if not missing:
            return self
        made: dict[Any, Iterated] = self.__dict__.setdefault("_stacking", {})
        if missing not in made:
            body = self.graph()
            last = len(body.outputs) - self.summed
            outputs = [*body.outputs[:last], *(self._tensor(key) for key in missing), *body.outputs[last:]]
            graph = Graph(body.nodes, body.inputs, outputs, (), body.name)
            made[missing] = self.replaced(body=graph)
        return made[missing]

    def _tensor(self, key: Any) -> Tensor:
        """A tensor of the body by its place: ("carry", number) or ("node", number, output)."""
        body = self.graph()
        number: int = key[1]
        if key[0] == "carry":
            return body.inputs[number]
        outputs: tuple[Tensor, ...] = body.nodes[number]._outputs
        return outputs[int(key[2])]

    def _key(self, tensor: Tensor) -> Any:
        places = self.__dict__.get("_places")
        if places is None:
            places = self.__dict__["_places"] = {id(node): place for place, node in enumerate(self.graph().nodes)}
        return ("node", places[id(tensor._node)], tensor._index)

    def kept_at(self) -> dict[Any, int]:
        """Which output stacks a tensor of the body."""
        found: dict[Any, int] = self.__dict__.get("_kept", {})
        if not found:
            body = self.graph()
            carries = {id(tensor): number for number, tensor in enumerate(body.inputs[: self.carries])}
            for place in range(self.carries, len(body.outputs) - self.summed):
                tensor = body.outputs[place]
                node = tensor._node
                assert node is not None
                found.setdefault(self._key(tensor), place)
                source = node._inputs[0] if node.kind.name == "Identity" else None
                if isinstance(source, Tensor) and id(source) in carries:
                    found.setdefault(("carry", carries[id(source)]), place)
                elif isinstance(source, Tensor) and source._node is not None:
                    found.setdefault(self._key(source), place)
            self.__dict__["_kept"] = found
        return found

    def backward(self, grad: Value, y: Value, *inputs: Value, wanted: tuple[bool, ...] = ()) -> Value:
        lead, rest = inputs[: self.lead], inputs[self.lead :]
        kind = self.fitted(inputs)
        back = kind.backwards(tuple(g is not None for g in grad), tuple(wanted[self.lead :]))
        none: list[Value] = [None] * len(inputs)
        if back is None:
            return tuple(none)
        known = kind.kept_at()
        values: dict[Any, Value] = {key: y[place] for key, place in known.items() if y[place] is not None}
        if any(key[0] != "part" and key not in values for key in back.kept):
            again = kind.stacking(back.kept)
            made = again(*inputs)
            several = made if isinstance(made, tuple) else (made,)
            values = {key: several[place] for key, place in again.kept_at().items()}
        last = self.carries + self.scanned
        carries = [FullLike.on(rest[k], value=0.0) if grad[k] is None else grad[k] for k in back.carries]
        parts = [rest[self.carries + key[1]] if key[0] == "part" else values[key] for key in back.kept]
        parts += [grad[place] for place in back.stacked]
        outer = [rest[last + number] if what == "outer" else grad[number] for what, number in back.outer]
        found = back.kind(*lead, *carries, *parts, *outer)
        found = list(found if isinstance(found, tuple) else (found,))
        targets = [*back.carries, *(self.carries + j for j in back.parts), *(last + j for j in back.sums)]
        for place, g in zip(targets, found, strict=True):
            none[self.lead + place] = g
        return tuple(none)

    def backwards(self, given: tuple[bool, ...], wanted: tuple[bool, ...]) -> Backward | None:
        """The gradient for those outputs that have one, to those inputs that want theirs; None where no path leads."""
        made: dict[Any, Backward | None] = self.__dict__.setdefault("_backwards", {})
        if (given, wanted) not in made:
            made[given, wanted] = self._backwards_for(given, wanted)
        return made[given, wanted]

    def _backwards_for(self, given: tuple[bool, ...], wanted: tuple[bool, ...]) -> Backward | None:
        body, last = self.graph(), self.carries + self.scanned
        floats = [place for place, x in enumerate(body.inputs) if x.dtype.kind == "f"]
        starts = [place for place in floats if place < self.carries or wanted[place]]
        ends = {place for place, has in enumerate(given) if has and body.outputs[place].dtype.kind == "f"}
        while True:
            found = pull(body, ends, starts)
            more = {place for place in found.found if place < self.carries} - ends
            if not more:
                break
            ends |= more  # what a step sends back to its carry comes in at the step before
        carried = sorted(place for place in ends if place < self.carries)
        if not any(wanted[place] for place in (*found.found, *carried)):
            return None
        return self._assembled(found, carried, wanted, last)

    def _assembled(self, found: Pull, carried: list[int], wanted: tuple[bool, ...], last: int) -> Backward:
        body = self.graph()
        first, end = self.carries, len(body.outputs) - self.summed
        reading = Reading(body, found.needed, last, keep=True)
        place_of = {id(tensor): place for place, tensor in enumerate(body.inputs)}
        kept: list[Any] = []
        outer: list[tuple[str, int]] = []
        build = Build(f"gradient of {body.name}")
        for place in carried:
            seed = found.seeds.get(place)
            build.input(body.outputs[place].spec, f"seed/{body.name_of(body.outputs[place])}", seed)
        read_outer = []
        for tensor in reading.given.values():
            place = place_of.get(id(tensor), -1)
            if place >= last:
                read_outer.append((place - last, tensor))
                continue
            kept.append(
                self._key(tensor) if place < 0 else ("carry", place) if place < first else ("part", place - first)
            )
            build.input(tensor.spec, tensor._name, tensor)
        stacked = [place for place in found.seeds if first <= place < end]
        for place in stacked:
            build.input(body.outputs[place].spec, found.seeds[place]._name, found.seeds[place])
        if not kept and not stacked and not self.lead and self.scanned:
            kept.append(("part", 0))  # read for its length alone
            build.input(body.inputs[first].spec, body.inputs[first]._name)
        for number, tensor in read_outer:
            outer.append(("outer", number))
            build.input(tensor.spec, tensor._name, tensor)
        others = [(number, x) for number, x in enumerate(body.inputs[last:]) if id(x) not in build.image]
        for number in build.carry_names(others, (*reading.again, *found.nodes)):
            outer.append(("outer", number))
            build.input(body.inputs[last + number].spec, body.inputs[last + number]._name)
        for place in found.seeds:
            if place >= end:
                outer.append(("sum", place))
                build.input(body.outputs[place].spec, found.seeds[place]._name, found.seeds[place])
        build.copy(reading.again)
        build.copy(found.nodes)
        parts = [place - first for place in found.found if first <= place < last]
        sums = [place - last for place in found.found if place >= last]
        outputs = []
        for number, place in enumerate(carried):
            g = found.found.get(place)
            outputs.append(build.zeros(build.recorder.inputs[number]) if g is None else build.of(g))
        outputs += [build.of(found.found[first + j]) for j in parts]
        outputs += [build.of(found.found[last + j]) for j in sums]
        targets = [*carried, *(first + j for j in parts), *(last + j for j in sums)]
        graph = build.finish(outputs, [f"grad/{body.inputs[place]._name}" for place in targets])
        made = self.replaced(
            body=graph,
            carries=len(carried),
            scanned=len(kept) + len(stacked),
            summed=len(sums),
            reverse=not self.reverse,
        )
        return Backward(made, carried, kept, stacked, outer, parts, sums)


def _declared(tensors: Sequence[Tensor]) -> str:
    return ", ".join(f"{t._name}: {t.dtype}{format_shape(t.shape)}" for t in tensors) or "nothing"


@kind
class Scan(Iterated):
    """Run a body once for each entry along the first axis, from the end if reversed; carries go from step to step.

    Gives the final carries, the values of all steps stacked, and sums over the steps. Its gradient is a Scan back.
    """

    formula = r"(c_{t+1}, y_t) = \mathrm{body}(c_t, x_t, w)"
    onnx = "Scan"
    inputs = ("*inputs",)
    length: int | None = None

    def extent_of(self, lead: Sequence[SpecLike], parts: Sequence[Spec]) -> Extent:
        found: Extent | None = parts[0].shape[0] if parts else self.length
        if found is None:
            raise ShapeError("Scan was used\nfound: neither an input to scan nor a length\ndo: give one of them")
        if parts and self.length is not None and not same_extent(found, self.length):
            raise ShapeError(
                f"Scan of length {self.length} was given inputs of length {found}\ndo: leave the length out, or make "
                "them equal"
            )
        return found

    def count_of(self, lead: Sequence[Any], parts: Sequence[Any]) -> Any:
        return len(parts[0]) if parts else self.length


@kind
class Loop(Iterated):
    """Run a body as often as its first input says, which is known when the graph runs; carries go from step to step.

    Its gradient is a Loop back over what it stacked, whose length is the named extent `extent`.
    """

    formula = r"c_{t+1} = \mathrm{body}(c_t, w), \quad t = 0, \dots, n - 1"
    onnx = "Loop"
    inputs = ("count", "*inputs")
    lead = 1
    extent: str = "steps"

    def check_fields(self) -> None:
        super().check_fields()
        if not self.extent.isidentifier():
            raise ShapeError(
                f"Loop was to call the length of what it stacks {self.extent!r}\nfound: that is no name\n"
                "do: give an identifier such as steps"
            )

    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        count = specs[0]
        found = count if isinstance(count, Spec) else Spec((), np.asarray(count).dtype)
        if found.dtype.kind not in "iu" or found.ndim:
            raise ShapeError(
                f"Loop was given {{0}} as its number of rounds\nfound: {found.dtype}{format_shape(found.shape)}\n"
                "do: give one integer"
            )
        return super().shape(*specs)

    def check(self, *inputs: Value) -> None:
        if int(inputs[0]) < 0:
            raise DataError(f"Loop was asked for {int(inputs[0])} rounds\ndo: give 0 or more")

    def extent_of(self, lead: Sequence[SpecLike], parts: Sequence[Spec]) -> Extent:
        if parts:
            return parts[0].shape[0]
        return lead[0] if isinstance(lead[0], int) else Symbol.named(self.extent)

    def count_of(self, lead: Sequence[Any], parts: Sequence[Any]) -> Any:
        count = int(lead[0])
        if count < 0:
            self.check(*lead)
        return count
