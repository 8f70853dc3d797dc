"""Rounds: how often a loop that stops by itself goes round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from localgrad.graph.errors import ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.kind import SpecLike, Value
from localgrad.graph.registry import kind
from localgrad.graph.spec import Shape, Spec
from localgrad.transform.bodies import Holder
from localgrad.transform.prepared import PreparedSteps


@kind
class Rounds(Holder):
    """How often a body runs, at most `most` times, before one of its carries, the condition, is false.

    It holds what decides that alone. A Loop that goes round as often is then a loop that stops by itself.
    """

    formula = r"n = \min \{ t : \neg\, c_t \}, \quad c_{t+1} = \mathrm{body}(c_t, w)"
    inputs = ("most", "*inputs")
    differentiable = False
    checked: ClassVar[bool] = True
    body: Graph | None = None
    carries: int = 1
    condition: int = 0

    def check_fields(self) -> None:
        super().check_fields()
        if self.body is None:
            return
        pairs = list(zip(self.body.inputs[: self.carries], self.body.outputs, strict=False))
        if len(self.body.outputs) != self.carries or any(a.spec != b.spec for a, b in pairs):
            raise ShapeError(
                f"Rounds was to be made with {self.carries} carries\nfound: its body does not take and give as many of one "
                "shape and dtype\ndo: give a body whose first inputs are like its outputs"
            )

    def graph(self) -> Graph:
        """The body."""
        if self.body is None:
            raise ShapeError("Rounds was used\nfound: it has no body\ndo: give it one")
        return self.body

    def seen(self, inputs: Sequence[Any]) -> list[Shape]:
        return super().seen(inputs[1:])

    def shape(self, most: SpecLike, *inputs: SpecLike) -> Spec:
        if len(inputs) != len(self.graph().inputs):
            raise ShapeError(f"Rounds was given {len(inputs)} inputs\nfound: its body takes {len(self.graph().inputs)}")
        return Spec((), np.int64)

    def forward(self, most: Value, *inputs: Value) -> Value:
        kind = self.fitted((most, *inputs))
        prepared = kind.__dict__.get("_prepared")
        if prepared is None:
            prepared = kind.__dict__["_prepared"] = PreparedSteps(kind.graph(), self.carries, 0, 0)
        carried, outer = tuple(inputs[: self.carries]), inputs[self.carries :]
        count, limit = 0, int(most)
        while count < limit and bool(carried[self.condition]):
            carried = prepared.iterate(1, carried, (), outer, False)
            count += 1
        return np.int64(count)
