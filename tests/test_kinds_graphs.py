"""Properties of kinds in graphs, of kinds defined twice, and of refusals, over every row of the table."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from localgrad.graph.kind import Composition, Kind
from localgrad.graph.spec import Spec
from localgrad.nodes.base import expression_function
from tests.case import Case, Refused
from tests.cases import CASES
from tests.trial import (
    BATCHED,
    DIFFERENTIABLE,
    DTYPES,
    assert_gradients,
    assert_near,
    captured,
    captured_gradients,
    doubled,
    extreme,
    floats,
    parts,
    pull,
    pull_twice,
    rows,
    run,
    several,
    specs_of,
    tensors,
    values,
    weights_for,
)


# graphs -------------------------------------------------------------------------------------------------------------
@rows(BATCHED)
def test_a_named_batch_runs_at_two_sizes(case: Case) -> None:
    arrays, wanted = case.arrays(), case.wanted() if case.kind.differentiable else []
    specs = specs_of(arrays, case.batch)
    graph = captured(lambda inputs: case.batch_kind(*inputs), specs)
    differentiated = None
    if wanted and floats(values(case.kind, arrays)):
        differentiated = captured_gradients(case.batch_kind, several(case.batch_kind.shape(*specs)), specs, wanted)
    for inputs in (arrays, doubled(case, arrays)):
        sizes = {x.shape[axis] for x, axis in zip(inputs, case.batch) if axis is not None}
        assert len(sizes) == 1, "the batch axes of a row have one size"
        kind = case.batch_kind.bind({"N": sizes.pop()}) if case.batch_kind.is_symbolic() else case.kind
        for y, other in zip(run(graph, inputs), values(kind, inputs), strict=True):
            assert y.dtype == other.dtype
            assert_near(y, other, 1e-12)
        if differentiated is not None:
            weights = [np.full(y.shape, 0.5) for y in floats(values(kind, inputs))]
            second = [np.ones(inputs[index].shape) for index in wanted]
            found = run(differentiated, [*inputs, *weights, *second])
            eager = pull(case, inputs, weights, kind) + pull_twice(case, inputs, weights, second, kind)
            assert_gradients(found, eager, 1e-10)


@rows()
def test_the_explicit_graph_computes_the_same(case: Case) -> None:
    if case.unshaped:
        return
    arrays = case.arrays()
    specs = specs_of(arrays)
    stored = captured(lambda inputs: case.kind(*inputs), specs)
    shown = stored.explicit()
    for y, other in zip(run(shown, arrays), run(stored, arrays), strict=True):
        np.testing.assert_array_equal(y, other)
    weights = weights_for(case, arrays)
    if case not in DIFFERENTIABLE or not weights:
        return
    wanted = case.wanted()
    second = [np.ones(arrays[index].shape) for index in wanted]
    shapes = several(case.kind.shape(*specs))
    differentiated = captured_gradients(case.kind, shapes, specs, wanted)
    feed = [*arrays, *weights, *second]
    expected = run(differentiated, feed)
    assert_gradients(run(differentiated.explicit(), feed), expected, 1e-12)

    def replayed(*xs: Any) -> Any:
        return shown(*(x for x, spec in zip(xs, specs) if isinstance(spec, Spec)))

    assert_gradients(run(captured_gradients(replayed, shapes, specs, wanted), feed), expected, 1e-10)


# two definitions of one thing ---------------------------------------------------------------------------------------
@rows([case for case in CASES if getattr(case.kind, "expression", "") and all(x is not None for x in case.inputs)])
def test_the_expression_is_the_forward(case: Case) -> None:
    kind = case.kind
    definition = next(cls for cls in type(kind).__mro__ if "expression" in cls.__dict__)
    function = expression_function(definition)
    for dtype in DTYPES:
        for arrays in [case.arrays(dtype), *(extreme(case, each, dtype) for each in case.extremes)]:
            if len(arrays) < len(case.kind.inputs):
                continue  # an expression is of all inputs
            with np.errstate(all="ignore"):
                y, other = np.asarray(function(kind, *arrays)), np.asarray(kind.forward(*arrays))
            assert y.dtype == other.dtype
            np.testing.assert_allclose(y, other, rtol=8 * np.finfo(dtype).eps, atol=1e-300)


@rows([case for case in CASES if isinstance(case.kind, Composition)])
def test_a_composition_is_its_body(case: Case) -> None:
    definition = type(case.kind)
    opened: Any = type("Opened", (definition,), {"forward": Composition.forward, "backward": Kind.backward})
    kind = opened(**case.kind.field_values())
    arrays = case.arrays()
    found, wanted = values(case.kind, arrays), values(kind, arrays)
    assert several(Composition.shape(case.kind, *specs_of(arrays))) == several(case.kind.shape(*specs_of(arrays)))
    for y, other in zip(found, wanted, strict=True):
        assert y.dtype == other.dtype
        assert_near(y, other, 10 * case.rtol[0])
    if case not in DIFFERENTIABLE:
        return
    weights = weights_for(case, arrays)
    second = [np.ones(arrays[index].shape) for index in case.wanted()]
    assert_gradients(pull(case, arrays, weights), pull(case, arrays, weights, kind), 1e-9)
    both = pull_twice(case, arrays, weights, second), pull_twice(case, arrays, weights, second, kind)
    assert_gradients(*both, 1e-8)


# refusals -----------------------------------------------------------------------------------------------------------
@parts("refused")
def test_refusals_say_what_was_found(case: Case, each: Refused) -> None:
    kind = each.kind or case.kind
    if callable(each.inputs):
        assert_refused(each, each.inputs)
        return
    arrays = case.made(each.inputs)
    if each.eager:
        assert_refused(each, lambda: kind(*tensors(arrays)))
    if each.captured:
        assert_refused(each, lambda: captured(lambda inputs: kind(*inputs), specs_of(arrays)))


def assert_refused(each: Refused, act: Any) -> None:
    with pytest.raises(each.error) as caught:
        act()
    message = str(caught.value)
    for part in each.parts:
        assert part in message
    assert not re.search(r"\{\d\}", message), "the names of the inputs are missing in the message"
