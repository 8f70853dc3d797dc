"""check_gradients: rules against central differences, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.context import using
from localgrad.graph.errors import GradientError
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.transform.differentiate import gradients

STEP = 1e-6
MOST_ENTRIES = 512


def check_gradients(
    f: Callable[..., Any], *inputs: Any, order: int = 1, tolerance: float = 1e-5, seed: int = 0
) -> None:
    """Raise GradientError, naming the entry that differs most, where gradients of f are not its central differences.

    `f` takes and returns tensors (any nesting); computed in float64. `order=2` checks the gradient of the gradient as
    well. Of inputs with more than 512 entries a seeded choice of entries is checked.

    >>> import localgrad as lg, numpy as np
    >>> lg.check_gradients(lambda x: lg.tanh(x) * x, np.linspace(-1, 1, 5), order=2)
    """
    if order not in (1, 2):
        raise GradientError(f"order is 1 or 2; found {order!r}")
    arrays = []
    for _, leaf in flatten(inputs):
        array = as_array(leaf)
        arrays.append(array.astype(np.float64) if array.dtype.kind == "f" or not hasattr(leaf, "dtype") else array)
    generator = np.random.default_rng(seed)
    weights: dict[int, Any] = {}

    def number(
        values: list[Any], build: Callable[[list[Tensor]], list[Any]], offset: int
    ) -> tuple[Tensor, list[Tensor]]:
        leaves: list[Tensor] = [Leaf(np.array(v), "input", None, v.dtype.kind == "f") for v in values]
        total: Any = None
        for index, y in enumerate(build(leaves)):
            if y is None or not isinstance(y, Tensor) or y.dtype.kind != "f":
                continue
            # a random weight for each entry tells apart gradients that only differ in their place
            weight = weights.setdefault(offset + index, generator.uniform(0.5, 1.5, y.shape))
            part = (y * weight).sum()
            total = part if total is None else total + part
        if total is None:
            raise GradientError("the function returned no float tensor, so there is no gradient to check")
        return total, leaves

    def first(leaves: list[Tensor]) -> list[Any]:
        return [y for _, y in flatten(f(*unflatten(inputs, leaves)))]

    def second(leaves: list[Tensor]) -> list[Any]:
        total: Any = None
        for index, y in enumerate(first(leaves)):
            if isinstance(y, Tensor) and y.dtype.kind == "f":
                part = (y * weights.setdefault(index, generator.uniform(0.5, 1.5, y.shape))).sum()
                total = part if total is None else total + part
        return list(gradients([total], [x for x in leaves if x.dtype.kind == "f"]))

    with using(enabled=True, recorder=None):
        _compare(lambda values: number(values, first, 0), arrays, 1, tolerance, generator)
        if order == 2:
            _compare(lambda values: number(values, second, 1000), arrays, 2, tolerance, generator)


def _compare(
    evaluate: Callable[[list[Any]], tuple[Tensor, list[Tensor]]],
    arrays: list[Any],
    order: int,
    tolerance: float,
    generator: np.random.Generator,
) -> None:
    total, leaves = evaluate(arrays)
    floats = [index for index, array in enumerate(arrays) if array.dtype.kind == "f"]
    found = gradients([total], [leaves[index] for index in floats])
    for index, g in zip(floats, found, strict=True):
        array = arrays[index]
        ours = np.zeros(array.shape) if g is None else np.asarray(g._value)
        places = np.arange(array.size)
        if array.size > MOST_ENTRIES:
            places = np.sort(generator.choice(array.size, MOST_ENTRIES, replace=False))
        worst: tuple[float, Any, float, float] | None = None
        for place in places:
            where = np.unravel_index(int(place), array.shape)
            step = STEP * max(1.0, abs(float(array[where])))
            shifted = []
            for sign in (1, -1):
                moved = list(arrays)
                moved[index] = array.copy()
                moved[index][where] += sign * step
                shifted.append(float(evaluate(moved)[0].item()))
            numeric = (shifted[0] - shifted[1]) / (2 * step)
            error = abs(numeric - float(ours[where])) / max(1.0, abs(numeric), abs(float(ours[where])))
            if not error <= tolerance and (worst is None or not error <= worst[0]):
                worst = (error, where, float(ours[where]), numeric)
        if worst is not None:
            error, where, got, numeric = worst
            entry = f"[{', '.join(str(int(i)) for i in where)}]" if where else ""
            raise GradientError(
                f"the {'gradient' if order == 1 else 'second-order gradient'} by input {index}{entry} is wrong\n"
                f"found: the rules give {got:.9g}, central differences {numeric:.9g} (relative difference {error:.2g})\n"
                "do: check the backward rule of the kinds in the function (a kink at that entry also looks like this)"
            )
