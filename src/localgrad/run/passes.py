"""Passes: what is done to a graph before it is planned, with a line on what each changed."""

from __future__ import annotations

from typing import Final, NamedTuple

from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.transform.algebra import simplify_algebra
from localgrad.transform.attending import open_attention
from localgrad.transform.expand import expand
from localgrad.transform.folding import fold

OPENED: Final = frozenset(
    (
        "Gelu", "MeanSquaredError", "MeanAbsoluteError", "Huber", "KLDivergence", "SigmoidCrossEntropy",
        "BinaryCrossEntropy", "Var", "Std", "ReduceL2", "ReduceL1", "LSTMCell", "LSTMCellGradient", "Call",
        "LayerNormalization", "LayerNormalizationGradient", "RMSNormalization", "BatchNormalization",
        "BatchNormalizationGradient", "AttentionWeightsGradient",
    )
)  # fmt: skip
"""Compositions that run faster as the loops they are made of than with a NumPy forward of their own."""


class Change(NamedTuple):
    """What a pass did."""

    name: str
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.name}: {self.before} nodes -> {self.after}"


def opens(kind: Kind) -> bool:
    """Whether a composition is opened: what its values have to be checked for would be lost."""
    return kind.name in OPENED and not (kind.checked and type(kind).check is not Kind.check)


def prepare(graph: Graph, opened: bool = True) -> tuple[Graph, list[Change]]:
    """The equal graph with less to do: compositions opened, constants folded, equal and dead nodes gone."""
    changes: list[Change] = []

    def note(name: str, result: Graph) -> Graph:
        if len(result.nodes) != len(before.nodes):
            changes.append(Change(name, len(before.nodes), len(result.nodes)))
        return result

    if opened:
        before = graph
        graph = note("opened attention", open_attention(graph))
        before = graph
        graph = note("opened compositions", expand(graph, only=opens))
    for turn in range(3):
        # fold and algebra give the graph itself where they find nothing, so that nothing is copied
        before = graph
        shorter = simplify_algebra(fold(graph))
        if shorter is graph and turn:
            break
        graph = note("constants folded, algebra, equal and dead nodes", shorter.simplify())
        if len(graph.nodes) == len(before.nodes):
            break
    return graph, changes
