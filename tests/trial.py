"""What the properties in `tests/test_kinds*.py` compute of a row: outputs, gradients, differences, captured graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from localgrad.graph.capturing import capture
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.spec import Spec, Symbol
from localgrad.graph.tensor import Tensor, tensor
from tests.case import Case
from tests.cases import CASES

Arrays = Sequence[Any]


DTYPES = [np.float64, np.float32]
SINGLE = [case for case in CASES if case.float32 and case.wanted()]
DIFFERENTIABLE = [case for case in CASES if case.kind.differentiable and case.wanted()]
BATCHED = [case for case in CASES if case.batch is not None]


def rows(cases: list[Case] = CASES) -> Any:
    return pytest.mark.parametrize("case", cases, ids=repr)


def parts(name: str) -> Any:
    """A property over every extreme, point or refusal of every row."""
    found = [(case, each) for case in CASES for each in getattr(case, name)]
    return pytest.mark.parametrize("case, each", found, ids=[f"{case} {i}" for i, (case, _) in enumerate(found)])


def several(value: Any) -> tuple[Any, ...]:
    """Outputs as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def tensors(arrays: Arrays, wanted: Sequence[int] = ()) -> list[Any]:
    """Arrays as tensors, of which some require a gradient; scalars and missing inputs as they are."""
    return [
        tensor(x, requires_grad=index in wanted) if isinstance(x, np.ndarray) else x for index, x in enumerate(arrays)
    ]


def values(kind: Kind, arrays: Arrays) -> list[np.ndarray]:
    """The outputs of a kind on tensors, so that everything eager computing does is in them."""
    return [np.asarray(y.data) for y in several(kind(*tensors(arrays)))]


def floats(outputs: Sequence[Any]) -> list[Any]:
    """The outputs a gradient can come in at."""
    return [y for y in outputs if np.dtype(y.dtype).kind == "f"]


def weights_for(case: Case, arrays: Arrays, purpose: str = "weights") -> list[np.ndarray]:
    """A random incoming gradient for each float output."""
    generator = case.generator(purpose)
    return [generator.uniform(0.5, 1.5, y.shape).astype(y.dtype) for y in floats(values(case.kind, arrays))]


def pull_tensors(kind: Kind, xs: Sequence[Any], wanted: Sequence[int], incoming: Sequence[Any]) -> list[Any]:
    """The gradients of the wanted inputs as tensors, None where there is none."""
    from localgrad.transform.functional import gradients

    outputs = floats(several(kind(*xs)))
    return gradients(outputs, [xs[index] for index in wanted], grad_outputs=list(incoming))


def pull(case: Case, arrays: Arrays, incoming: Arrays, kind: Kind | None = None) -> list[np.ndarray]:
    """The gradients of a row's inputs as arrays, zeros where there is none."""
    wanted = case.wanted()
    found = pull_tensors(kind or case.kind, tensors(arrays, wanted), wanted, tensors(incoming))
    return filled(found, [arrays[index] for index in wanted])


def pull_twice(
    case: Case, arrays: Arrays, incoming: Arrays, second: Arrays, kind: Kind | None = None
) -> list[np.ndarray]:
    """The gradient of <second, gradients> to the inputs and the incoming gradients, as arrays."""
    wanted = case.wanted()
    xs, ws = tensors(arrays, wanted), tensors(incoming, range(len(incoming)))
    return filled(_twice(kind or case.kind, xs, ws, wanted, tensors(second)), [*(arrays[i] for i in wanted), *incoming])


def _twice(kind: Kind, xs: Sequence[Any], ws: Sequence[Any], wanted: Sequence[int], second: Sequence[Any]) -> list[Any]:
    from localgrad.transform.functional import gradients

    first = pull_tensors(kind, xs, wanted, ws)
    pairs = [(g, u) for g, u in zip(first, second) if g is not None and g.requires_grad]
    sources = [*(xs[index] for index in wanted), *ws]
    if not pairs:
        return [None] * len(sources)
    return gradients([g for g, _ in pairs], sources, grad_outputs=[u for _, u in pairs])


def filled(found: Sequence[Any], like: Arrays) -> list[np.ndarray]:
    """Arrays from tensors, zeros from None."""
    return [np.zeros_like(x) if g is None else np.asarray(g.data) for g, x in zip(found, like, strict=True)]


def difference(f: Callable[[Arrays], float], points: Arrays, directions: Arrays, step: float) -> float:
    """The derivative of f along directions, by central differences of fourth order."""

    def at(distance: float) -> float:
        return f([x if d is None else np.asarray(x + distance * d) for x, d in zip(points, directions, strict=True)])

    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def directions_for(case: Case, arrays: Arrays, wanted: Sequence[int], purpose: str) -> list[Any]:
    """A random direction for each wanted array, None for the others."""
    generator = case.generator(purpose)
    return [generator.uniform(-1, 1, np.shape(x)) if index in wanted else None for index, x in enumerate(arrays)]


def dot(left: Arrays, right: Arrays) -> float:
    """The inner product of lists of arrays."""
    return float(sum(np.sum(a * b) for a, b in zip(left, right, strict=True)))


# captured -----------------------------------------------------------------------------------------------------------
def specs_of(arrays: Arrays, batch: Sequence[int | None] | None = None) -> list[Any]:
    """Specs of the arrays, with the named extent N where `batch` says so."""
    found: list[Any] = []
    for index, x in enumerate(arrays):
        if isinstance(x, np.ndarray):
            shape: list[Any] = list(x.shape)
            if batch is not None and batch[index] is not None:
                shape[batch[index]] = Symbol.named("N")  # type: ignore[index]
            x = Spec(shape, x.dtype)
        found.append(x)
    return found


def captured(f: Callable[[list[Any]], Any], specs: Sequence[Any], also: Sequence[Spec] = ()) -> Graph:
    """The graph of f(inputs, ...) with scalars and missing inputs put where they stand."""
    places = [index for index, x in enumerate(specs) if isinstance(x, Spec)]

    def call(*given: Tensor) -> Any:
        inputs = list(specs)
        for place, x in zip(places, given):
            inputs[place] = x
        return f([*inputs, *given[len(places) :]])

    return capture(call, *(specs[place] for place in places), *also)


def captured_gradients(
    kind: Callable[..., Any], shape: Sequence[Spec], specs: Sequence[Any], wanted: Sequence[int]
) -> Graph:
    """The graph of outputs, gradients and gradients of gradients; inputs: the kind's, incoming, second incoming."""
    incoming = floats(shape)
    second = [specs[index] for index in wanted]

    def f(given: list[Any]) -> Any:
        xs = given[: len(specs)]
        ws, us = given[len(specs) :][: len(incoming)], given[len(specs) + len(incoming) :]
        first = pull_tensors(kind, xs, wanted, ws)  # type: ignore[arg-type]
        twice = _twice(kind, xs, ws, wanted, us)  # type: ignore[arg-type]
        zeros = [0.0 * x for x in [*(xs[i] for i in wanted), *(xs[i] for i in wanted), *ws]]
        return [zero if g is None else g for g, zero in zip([*first, *twice], zeros, strict=True)]

    return captured(f, specs, [*incoming, *second])


def only_arrays(arrays: Arrays) -> list[np.ndarray]:
    """The inputs a graph is fed with."""
    return [x for x in arrays if isinstance(x, np.ndarray)]


def run(graph: Graph, arrays: Arrays) -> list[np.ndarray]:
    """A graph's outputs in order."""
    result = graph.run(only_arrays(arrays))
    return [result[graph.name_of(y)] for y in graph.outputs]


def doubled(case: Case, arrays: Any) -> list[Any]:
    """The inputs at twice the batch size."""
    return [
        x if axis is None else np.concatenate([x, np.flip(x, axis)], axis) for x, axis in zip(arrays, case.batch or ())
    ]


def extreme(case: Case, inputs: tuple[Any, ...], dtype: Any) -> list[Any]:
    """A row's extreme inputs as arrays; a number where the row has an array becomes an array of one entry."""
    made = case.made([np.asarray(x) if isinstance(x, (list, np.generic)) else x for x in inputs], dtype)
    plain = [isinstance(x, (bool, int, float)) or x is None for x in case.arrays()]
    plain += [False] * (len(made) - len(plain))
    return [
        np.array([x], dtype if isinstance(x, float) else None) if not keep and isinstance(x, (bool, int, float)) else x
        for x, keep in zip(made, plain)
    ]


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


# compared -----------------------------------------------------------------------------------------------------------
def assert_near(found: Any, wanted: Any, rtol: float) -> None:
    """Equal to a relative error, of each entry or, where sums cancelled, of a thousandth of the largest."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    finite = np.abs(wanted[np.isfinite(wanted)]) if wanted.dtype.kind == "f" else np.zeros(0)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * 1e-1 * finite.max(initial=1.0))


def assert_gradients(found: list[Any], wanted: list[Any], rtol: float) -> None:
    for g, other in zip(found, wanted, strict=True):
        assert g.dtype == other.dtype
        assert_near(g, other, rtol)
