"""Every property of a kind, over every row of the table."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import localgrad.nodes
from localgrad.graph.errors import LocalgradError
from localgrad.graph.kind import Kind
from localgrad.graph.registry import kinds
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise
from localgrad.nodes.shaping import Transpose
from localgrad.transform.backward import backward
from localgrad.transform.differentiate import gradients
from tests.case import Case, Point
from tests.cases import BROKEN, CASES
from tests.trial import (
    DIFFERENTIABLE,
    DTYPES,
    SINGLE,
    assert_gradients,
    assert_near,
    captured_gradients,
    difference,
    directions_for,
    dot,
    extreme,
    floats,
    is_float,
    only_arrays,
    parts,
    pull,
    pull_tensors,
    pull_twice,
    rows,
    run,
    several,
    specs_of,
    tensors,
    values,
    weights_for,
)


# the table ----------------------------------------------------------------------------------------------------------
def ours() -> dict[str, type[Kind]]:
    """The kinds of the package, all of its kinds' modules imported."""
    for found in pkgutil.walk_packages(localgrad.nodes.__path__, "localgrad.nodes."):
        importlib.import_module(found.name)
    return {name: each for name, each in kinds().items() if each.__module__.startswith("localgrad.")}


def test_every_family_can_be_read() -> None:
    assert not BROKEN


def test_every_kind_has_a_row() -> None:
    missing = sorted(ours().keys() - {case.kind.name for case in CASES})
    assert not missing, f"write a row in tests/cases_<family>.py for {', '.join(missing)}"


def test_every_kind_has_a_row_with_a_batch() -> None:
    said = {case.kind.name for case in CASES if case.batch is not None or case.unbatched}
    missing = sorted(ours().keys() & {case.kind.name for case in CASES} - said)
    assert not missing, f"say `batch=` (or `unbatched=` and why) in a row of {', '.join(missing)}"


def test_rows_have_names_of_their_own() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names), "give rows of one kind and one shape a `name`"


def test_every_kind_says_what_it_is() -> None:
    silent = [
        f"{name}: {what}"
        for name, definition in ours().items()
        for what, said in {
            "the school formula": definition.formula,
            "the family": definition.family,
            "in one to three lines what it is": 1
            <= len(str(definition.__dict__.get("__doc__")).strip().split("\n"))
            <= 3,
        }.items()
        if not said
    ]
    assert not silent, f"kinds that do not say {', '.join(silent)}"


# forward ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES)
@rows()
def test_forward_is_the_reference(case: Case, dtype: Any) -> None:
    if dtype == np.float32 and case not in SINGLE:
        return
    arrays = case.arrays(dtype)
    wide = [x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype == np.float32 else x for x in arrays]
    with np.errstate(all="ignore"):
        wanted = several(case.reference(*wide))
    found = values(case.kind, arrays)
    assert len(found) == len(wanted)
    for y, other in zip(found, wanted):
        assert_near(y, np.asarray(other).astype(y.dtype), case.rtol[dtype == np.float32])


@pytest.mark.parametrize("dtype", DTYPES)
@rows()
def test_the_declared_shape_and_dtype_are_real(case: Case, dtype: Any) -> None:
    if case.unshaped or (dtype == np.float32 and case not in SINGLE):
        return
    arrays = case.arrays(dtype)
    declared = several(case.kind.shape(*specs_of(arrays)))
    with np.errstate(all="ignore"):
        real = several(case.kind.forward(*arrays))
    assert len(declared) == case.kind.output_count() == len(real)
    for spec, y in zip(declared, real):
        assert isinstance(y, (np.ndarray, np.generic)), f"a forward gives arrays or NumPy scalars, not {type(y)}"
        assert (spec.shape, spec.dtype) == (y.shape, y.dtype)
        if not case.kind.view:
            assert not any(np.shares_memory(x, y) for x in only_arrays(arrays)), "say `view = True`"


@rows(SINGLE)
def test_single_precision_stays_single_and_near(case: Case) -> None:
    narrow = case.arrays(np.float32)
    single, double = values(case.kind, narrow), values(case.kind, case.arrays())
    for y, other in zip(single, double):
        assert y.dtype != np.float64 or other.dtype != np.float64 or "dtype" in case.kind.fields
        assert_near(y, other.astype(y.dtype), 50 * case.rtol[1])
    if case in DIFFERENTIABLE:
        weights = weights_for(case, narrow)
        wide = pull(case, case.arrays(), [w.astype(np.float64) for w in weights])
        found = pull(case, narrow, weights)
        assert_gradients(found, [g.astype(np.float32) for g in wide], 100 * case.rtol[1])


@pytest.mark.parametrize("dtype", DTYPES)
@parts("extremes")
def test_extremes_are_the_references(case: Case, each: tuple[Any, ...], dtype: Any) -> None:
    arrays = extreme(case, each, dtype)
    with np.errstate(all="ignore"):
        wanted = several(case.reference(*(np.asarray(x, np.float64) if is_float(x) else x for x in arrays)))
        wanted = tuple(np.asarray(y) for y in wanted)
    for y, other in zip(values(case.kind, arrays), wanted):
        with np.errstate(all="ignore"):
            other = other.astype(y.dtype)
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(other))
        np.testing.assert_array_equal(y == 0, other == 0)
        limits = np.finfo(y.dtype if y.dtype.kind == "f" else dtype)
        # below the smallest normal number there are no four digits to compare
        np.testing.assert_allclose(y, other, rtol=4 * limits.eps, atol=1e-4 * limits.smallest_normal)


@rows([case for case in CASES if isinstance(case.kind, Elementwise) and len(case.inputs) > 1])
def test_python_numbers_are_weak(case: Case) -> None:
    arrays = case.arrays(np.float32)
    float_places = [index for index, x in enumerate(arrays) if is_float(x)]
    for place in float_places[1:] + float_places[:1]:
        if len(float_places) > 1:
            changed = [x.flat[0].item() if index == place else x for index, x in enumerate(arrays)]
            (found,), (wanted,) = values(case.kind, changed), values(case.kind, arrays)
            assert found.dtype == wanted.dtype


@rows([case for case in CASES if isinstance(case.kind, Elementwise)])
def test_rank_zero_and_no_entries(case: Case) -> None:
    arrays = case.arrays(np.float32)
    (whole,) = values(case.kind, arrays)
    first = [x[(0,) * x.ndim] * np.ones((), x.dtype) if isinstance(x, np.ndarray) else x for x in arrays]
    first = [np.asarray(x) if isinstance(x, np.generic) else x for x in first]
    (y,) = values(case.kind, first)
    assert (y.shape, y.dtype) == ((), whole.dtype)
    assert_near(y, whole[(0,) * whole.ndim], 1e-6)
    empty = [x[:0] if isinstance(x, np.ndarray) and x.ndim == whole.ndim else x for x in arrays]
    if case in DIFFERENTIABLE:
        for inputs, shape in [(first, ()), (empty, values(case.kind, empty)[0].shape)]:
            for g, x in zip(pull(case, inputs, [np.ones(shape, whole.dtype)]), [inputs[i] for i in case.wanted()]):
                assert (g.shape, g.dtype) == (x.shape, x.dtype)


@rows(DIFFERENTIABLE)
def test_the_order_in_memory_does_not_matter(case: Case) -> None:
    arrays, wanted = case.arrays(), case.wanted()
    weights = weights_for(case, arrays)
    turned = tensors([x.T if isinstance(x, np.ndarray) else x for x in arrays], wanted)
    xs = [Transpose()(x) if isinstance(a, np.ndarray) else x for x, a in zip(turned, arrays)]
    for y, other in zip(several(case.kind(*xs)), values(case.kind, arrays)):
        assert_near(y.data, other, 1e-12)
    found = pull_tensors(case.kind, xs, wanted, tensors([np.asarray(w, order="F") for w in weights]))
    for g, other in zip(found, pull(case, arrays, weights), strict=True):
        assert_near(np.zeros_like(other) if g is None else g.data, other, 1e-10)


# gradients ----------------------------------------------------------------------------------------------------------
@rows(DIFFERENTIABLE)
def test_gradient_is_the_difference(case: Case) -> None:
    arrays, wanted = case.arrays(), case.wanted()
    weights = weights_for(case, arrays)
    found = pull(case, arrays, weights)

    def scalar(points: Any) -> float:
        return dot(floats(values(case.kind, points)), weights)

    for attempt in range(2):
        directions = directions_for(case, arrays, wanted, f"direction {attempt}")
        measured = difference(scalar, arrays, directions, case.step)
        assert_near(dot(found, [directions[index] for index in wanted]), measured, case.gradient_rtol)
    # and each input alone, so that two errors cannot cancel
    for place, index in enumerate(wanted):
        alone = [d if i == index else None for i, d in enumerate(directions)]
        measured = difference(scalar, arrays, alone, case.step)
        assert_near(dot([found[place]], [directions[index]]), measured, case.gradient_rtol)


@pytest.mark.parametrize("dtype", DTYPES)
@rows(DIFFERENTIABLE)
def test_backward_on_arrays_is_the_gradient_on_tensors(case: Case, dtype: Any) -> None:
    if dtype == np.float32 and case not in SINGLE:
        return
    arrays, wanted = case.arrays(dtype), case.wanted()
    weights = weights_for(case, arrays)
    xs = tensors(arrays, wanted)
    outputs = floats(several(case.kind(*xs)))
    if not outputs:
        return
    backward(outputs, weights)
    wanted_grads = pull(case, arrays, weights)
    rtol = 1e-10 if dtype == np.float64 else 20 * case.rtol[1]
    for x, other in zip([xs[index] for index in wanted], wanted_grads, strict=True):
        assert_near(np.zeros_like(other) if x.grad is None else x.grad, other, rtol)


def alike(case: Case) -> tuple[int, int] | None:
    """Two inputs that one tensor can stand for, if there are such."""
    arrays, wanted = case.arrays(), case.wanted()
    for first, index in enumerate(wanted):
        for other in wanted[first + 1 :]:
            if arrays[index].shape == arrays[other].shape and arrays[index].dtype == arrays[other].dtype:
                return index, other
    return None


@rows([case for case in DIFFERENTIABLE if alike(case)])
def test_a_tensor_given_twice_is_as_two_equal_ones(case: Case) -> None:
    first, second = alike(case)
    arrays = list(case.arrays())
    arrays[second] = arrays[first].copy()
    found = []
    for once in (True, False):
        xs = tensors(arrays, case.wanted())
        if once:
            xs[second] = xs[first]
        marked = [xs[first]] if once else [xs[first], xs[second]]
        try:
            outputs = floats(several(case.kind(*xs)))
        except LocalgradError:
            return  # values that mean something else there: classes, signs, indices
        if not outputs:
            return
        weights = [case.generator("twice").uniform(0.5, 1.5, y.shape) for y in outputs]
        grads = gradients(outputs, marked, grad_outputs=weights)
        total = sum(grad for grad in grads if grad is not None)
        again = []
        if isinstance(total, Tensor) and total.requires_grad:
            direction = case.generator("along").uniform(0.5, 1.5, total.shape)
            again = gradients((total * direction).sum(), marked)
        found.append((np.asarray(total), np.asarray(sum(np.asarray(each) for each in again if each is not None))))
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, 1e-9, 1e-9)


@rows(DIFFERENTIABLE)
def test_second_gradient_is_the_difference(case: Case) -> None:
    arrays, wanted = case.arrays(), case.wanted()
    weights = weights_for(case, arrays)
    generator = case.generator("second")
    second = [generator.uniform(0.5, 1.5, arrays[index].shape) for index in wanted]
    found = pull_twice(case, arrays, weights, second)
    count = len(arrays)

    def scalar(points: Any) -> float:
        return dot(pull(case, points[:count], points[count:]), second)

    points = [*arrays, *weights]
    marked = [*wanted, *range(count, len(points))]
    for place, index in enumerate(marked):
        directions = directions_for(case, points, [index], f"second {index}")
        measured = difference(scalar, points, directions, case.step)
        assert_near(dot([found[place]], [directions[index]]), measured, 10 * case.gradient_rtol)


@rows(DIFFERENTIABLE)
def test_jvp_is_the_difference_along_the_direction(case: Case) -> None:
    from localgrad.transform.functional import jvp

    arrays, wanted = case.arrays(), case.wanted()
    directions = directions_for(case, arrays, wanted, "jvp")

    def f(*given: Any) -> Any:
        inputs = tensors(arrays)
        for index, x in zip(wanted, given):
            inputs[index] = x
        return tuple(floats(several(case.kind(*inputs))))

    _, tangents = jvp(f, tuple(arrays[index] for index in wanted), tuple(directions[index] for index in wanted))
    for place, tangent in enumerate(tangents):
        w = case.generator(f"jvp {place}").uniform(0.5, 1.5, tangent.shape)
        measured = difference(
            lambda points, place=place, w=w: dot([floats(values(case.kind, points))[place]], [w]),
            arrays,
            directions,
            case.step,
        )
        assert_near(dot([np.asarray(tangent)], [w]), measured, case.gradient_rtol)


@rows()
def test_what_has_no_gradient_gives_none(case: Case) -> None:
    arrays = case.arrays()
    float_places = [index for index, x in enumerate(arrays) if is_float(x)]
    xs = tensors(arrays, float_places)
    outputs = several(case.kind(*xs))
    if not case.kind.differentiable or not float_places:
        assert not any(y.requires_grad for y in outputs)
        return
    weights = tensors(weights_for(case, arrays))
    found = pull_tensors(case.kind, xs, float_places, weights) if weights else [None] * len(float_places)
    for index, g in zip(float_places, found, strict=True):
        if index in case.constant or not weights:
            assert g is None
        else:
            assert (g.shape, g.dtype) == (arrays[index].shape, arrays[index].dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@parts("points")
def test_pinned_gradients(case: Case, each: Point, dtype: Any) -> None:
    arrays = extreme(case, each.inputs, dtype)
    places = [index for index, x in enumerate(arrays) if is_float(x)]
    outputs = floats(values(case.kind, arrays))
    given = [1.0] * len(outputs) if each.grad is None else several(each.grad)
    incoming = [np.broadcast_to(np.asarray(g, y.dtype), y.shape) for g, y in zip(given, outputs, strict=True)]
    expected = [None if each.gradient[i] is None else np.asarray(each.gradient[i]) for i in places]
    eager = pull_tensors(case.kind, tensors(arrays, places), places, tensors(incoming))
    for g, wanted in zip(eager, expected, strict=True):
        assert (g is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_allclose(g.data, np.broadcast_to(wanted, g.shape), rtol=4 * np.finfo(dtype).eps, atol=0)
    real = [index for index, wanted in zip(places, expected) if wanted is not None]
    specs = specs_of(arrays)
    graph = captured_gradients(case.kind, several(case.kind.shape(*specs)), specs, real)
    ones = [np.ones(arrays[index].shape, dtype) for index in real]
    found = run(graph, [*arrays, *incoming, *ones])
    for g, wanted in zip(found, [wanted for wanted in expected if wanted is not None]):
        np.testing.assert_allclose(g, np.broadcast_to(wanted, g.shape), rtol=4 * np.finfo(dtype).eps, atol=0)
    if each.second is not None:
        for g, wanted in zip(found[len(real) :], [each.second[index] for index in real]):
            np.testing.assert_allclose(g, np.broadcast_to(wanted, g.shape), rtol=8 * np.finfo(dtype).eps, atol=0)


@parts("extremes")
def test_where_no_gradient_comes_in_none_goes_out(case: Case, each: tuple[Any, ...]) -> None:
    if case not in DIFFERENTIABLE:
        return
    arrays, wanted = extreme(case, each, np.float32), case.wanted()
    outputs = floats(values(case.kind, arrays))
    if not outputs:
        return
    zeros = [np.zeros(y.shape, y.dtype) for y in outputs]
    for g in pull(case, arrays, zeros):
        np.testing.assert_array_equal(g, np.zeros_like(g))
    ones = [np.ones(arrays[index].shape, arrays[index].dtype) for index in wanted]
    for g in pull_twice(case, arrays, zeros, ones)[: len(wanted)]:
        np.testing.assert_array_equal(g, np.zeros_like(g))
