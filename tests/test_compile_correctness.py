"""Generated elementwise kernels against references of higher precision, over their ranges and at what is special."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run.plan import Plan
from tests.compiled import generator, needs_compiler

pytestmark = needs_compiler
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan]


def units(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """How many units in the last place values lie from the exact ones; 0 where both are NaN, or the same infinity."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(found.dtype)
        unit = np.spacing(np.maximum(np.abs(rounded), np.finfo(found.dtype).tiny))
        distance = np.abs(found.astype(exact.dtype) - exact) / unit
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    return np.where(same, 0, np.where(np.isfinite(distance), distance, np.inf))


def entries(dtype: Any, low: float, high: float) -> np.ndarray:
    """Numbers all over a range: evenly, by their exponents, denormals, the largest, and what is special."""
    limits = np.finfo(dtype)
    sizes = np.exp(generator.uniform(np.log(float(limits.tiny)), np.log(max(abs(low), abs(high))), 2000))
    found = np.concatenate([
        generator.uniform(low, high, 4000), sizes, -sizes, SPECIAL,
        [float(limits.smallest_subnormal) * k for k in (1, 3, -7)], [float(limits.max), float(limits.min)],
    ]).astype(dtype)  # fmt: skip
    return found[(np.isnan(found)) | ((found >= low) & (found <= high)) | ~np.isfinite(found) | (np.abs(found) <= 1)]


def sigmoid(x: Any) -> Any:
    e = np.exp(-abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], float, float]] = {
    "exp": (lg.exp, np.exp, -110, 95), "log": (lg.log, np.log, -2, 1e6), "log1p": (lg.log1p, np.log1p, -1, 1e6),
    "expm1": (lg.expm1, np.expm1, -60, 95), "tanh": (lg.tanh, np.tanh, -30, 30), "sqrt": (lg.sqrt, np.sqrt, -1, 1e30),
    "sigmoid": (lg.sigmoid, sigmoid, -80, 80), "reciprocal": (lambda x: 1 / x, lambda x: 1 / x, -1e30, 1e30),
    "square": (lambda x: x * x, lambda x: x * x, -1e15, 1e15), "abs": (abs, abs, -1e30, 1e30),
    "negative": (lambda x: -x, lambda x: -x, -1e30, 1e30), "relu": (lg.relu, lambda x: np.where(x > 0, x, np.where(np.isnan(x), x, 0)), -9, 9),
    "floor": (lg.floor, np.floor, -1e9, 1e9), "sign": (lg.sign, np.sign, -9, 9), "cube": (lambda x: x**3, lambda x: x * x * x, -1e10, 1e10),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_lie_within_four_units_of_the_exact_values(name: str, dtype: Any) -> None:
    function, exact, low, high = FUNCTIONS[name]
    x = entries(dtype, low, high)
    plan = Plan(lg.capture(function, lg.spec(x.size, dtype=dtype)))
    assert [step.what for step in plan.steps] == ["loop"]
    (found,) = plan.run([x]).values()
    with np.errstate(all="ignore"):
        wanted = np.asarray(exact(x.astype(np.longdouble)))
    assert found.dtype == dtype
    far = units(found, wanted)
    worst = int(np.argmax(far))
    assert far[worst] <= 4, f"{name}({x[worst]!r}) gave {found[worst]!r} instead of {wanted[worst]!r}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arithmetic_and_comparisons_are_numpys_at_what_is_special(dtype: Any) -> None:
    limits = np.finfo(dtype)
    values = np.array([*SPECIAL, limits.tiny, -limits.smallest_subnormal, limits.max], dtype)
    a, b = (each.reshape(-1) for each in np.meshgrid(values, values))

    def f(a: Any, b: Any) -> Any:
        return (
            a + b, a - b, a * b, a / b, lg.maximum(a, b), lg.minimum(a, b), a < b, a <= b, a == b, a != b,
            lg.where(a > b, a, b), lg.isnan(a), lg.isfinite(a),
        )  # fmt: skip

    graph = lg.capture(f, lg.spec(a.size, dtype=dtype), lg.spec(a.size, dtype=dtype))
    plan = Plan(graph)
    assert not [step for step in plan.steps if step.what == "numpy"]
    wanted = graph.run([a, b])
    for name, value in plan.run([a, b]).items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)
        if value.dtype.kind == "f":
            known = ~np.isnan(value)
            if not name.startswith(("Max", "Min")):  # which of two equal zeros these give is open
                np.testing.assert_array_equal(np.signbit(value)[known], np.signbit(wanted[name])[known], err_msg=name)


OPTIMIZERS = {
    name: getattr(lg, name)
    for name in (
        "SGD",
        "Momentum",
        "Nesterov",
        "AdaGrad",
        "RMSprop",
        "AdaDelta",
        "Adam",
        "AdamW",
        "AMSGrad",
        "LAMB",
        "Lion",
    )
    if hasattr(lg, name)
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_step_from_equal_states_is_as_near_to_double_precision_as_the_eager_one(name: str) -> None:
    start, x = generator.normal(size=(7, 5)), generator.normal(size=(3, 7))
    found: dict[str, np.ndarray] = {}
    for label, dtype in (("eager", np.float32), ("compiled", np.float32), ("exact", np.float64)):
        W = lg.parameter(start.astype(np.float32).astype(dtype), name="W")
        optimizer = OPTIMIZERS[name](0.01, weight_decay=0.01)

        def step(x: Any, W: Any = W, optimizer: Any = optimizer) -> Any:
            loss = lg.mean(lg.tanh(x @ W) ** 2)
            loss.backward()
            optimizer.step(W)
            return loss

        given = x.astype(np.float32).astype(dtype)
        if label == "compiled":
            lg.compile(step)(given)
        else:
            step(lg.tensor(given))
        found[label] = W.data.astype(np.float64)
    exact = found["exact"]
    allowed = 2 * np.abs(found["eager"] - exact).max() + 1e-6 * np.linalg.norm(exact)
    assert np.abs(found["compiled"] - exact).max() <= allowed
