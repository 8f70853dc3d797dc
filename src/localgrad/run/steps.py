"""Steps: what a plan does one after the other, and what each needs to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from localgrad.graph.interpreter import computed
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run.loops import Loop
from localgrad.run.products import Product


class Step:
    """One step of a plan: a loop, a product, or a node's own NumPy forward."""

    what = ""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.address = 0  # of machine code; 0 where Python runs it
        self.numbers: list[int] = []
        self.table: Any = None  # the numbers as machine code reads them
        self.split = False  # whether its machine code does only its part of the work; else the first part does all
        self.work = 0.0  # about how many nanoseconds it takes on one thread

    @property
    def native(self) -> bool:
        """Whether it is machine code."""
        return self.address != 0

    @property
    def name(self) -> str:
        """The names of its last node."""
        return self.nodes[-1].name

    def __str__(self) -> str:
        names = [node.kind.operation for node in self.nodes]
        shown = ", ".join(names[:8]) + (f", ... ({len(names)} nodes)" if len(names) > 8 else "")
        return f"{self.what:<8}{shown}"


class LoopStep(Step):
    """Nodes that run in one generated loop."""

    what = "loop"

    def __init__(self, nodes: list[Node], loop: Loop) -> None:
        super().__init__(nodes)
        self.loop = loop

    def __str__(self) -> str:
        return f"{super().__str__()}  over {' x '.join(map(str, self.loop.extents))}"


class PiecesStep(Step):
    """The pieces of a loop's sum, added in order."""

    what = "pieces"


class ProductStep(Step):
    """A matrix product by BLAS."""

    what = "product"

    def __init__(self, nodes: list[Node], product: Product) -> None:
        super().__init__(nodes)
        self.product = product

    def __str__(self) -> str:
        product = self.product
        first, second = ("transposed " if each.transposed else "" for each in product.matrices)
        stack = product.stack[0] * product.stack[1]
        times = f"{stack} times " if stack > 1 else ""
        return (
            f"{super().__str__()}  {times}{first}{product.rows} x {product.inner} by "
            f"{second}{product.inner} x {product.columns}"
        )


class RowsStep(Step):
    """A node that goes over each row more than once, in machine code."""

    what = "rows"


class NumpyStep(Step):
    """A node that runs its NumPy forward."""

    what = "numpy"


class ScanStep(Step):
    """A scan whose body is a plan of its own; where that is not possible, its NumPy forward."""

    what = "scan"

    def __init__(self, nodes: list[Node], run: Callable[[list[Any]], tuple[Any, ...] | None]) -> None:
        super().__init__(nodes)
        self.run = run


def forward(node: Node, values: list[Any]) -> tuple[Any, ...]:
    """A node's own forward on values, with an error that names it."""
    result = computed(node, node.kind, values)
    values_of = result if result.__class__ is tuple else (result,)
    # what is a view of an input, a kind's own or that of a composition's last node, must not change when the
    # plan uses the input's memory again
    arrays = [x for x in values if x.__class__ is np.ndarray]
    return tuple(each.copy() if _aliases(each, arrays) else each for each in values_of)


def _aliases(result: Any, arrays: list[Any]) -> bool:
    if result.__class__ is not np.ndarray:
        return False
    if result.base is None:
        return any(result is x for x in arrays)
    return any(np.may_share_memory(result, x) for x in arrays)


def values_of(step: Step, node: Node, values: list[Any]) -> tuple[Any, ...]:
    """What a node of a step that Python runs gives."""
    if isinstance(step, ScanStep):
        found = step.run(values)
        if found is not None:
            return found
    return forward(node, values)


def tensors_read(node: Node) -> list[Tensor]:
    """The tensors among the inputs of a node."""
    return [x for x in node._inputs if isinstance(x, Tensor)]
