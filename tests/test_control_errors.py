"""What users are told when the body of a scan, loop or cond is wrong, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.transform.control import cond, loop, scan
from tests.loops_by_hand import random


# what users are told --------------------------------------------------------------------------------------------------
def told(error: type[Exception], act: Any, *parts: str) -> None:
    with pytest.raises(error) as caught:
        act()
    for part in (*parts, "found: ", "do: "):
        assert part in str(caught.value), f"{part!r} is not in:\n{caught.value}"


def test_mistakes_name_the_leaf_and_the_line() -> None:
    xs = lg.tensor(random(4, 3))
    c = {"h": np.zeros((2, 3)), "n": np.zeros((), np.int64)}
    told(lg.ShapeError, lambda: scan(lambda c, x: ({"h": c["h"].sum(0), "n": c["n"]}, x), c, xs),
         "lg.scan", "'carry/h'", "float64(2, 3)", "float64(3,)", "test_control_errors.py:")  # fmt: skip
    told(lg.DTypeError, lambda: scan(lambda c, x: ({"h": c["h"], "n": c["n"] + x.sum()}, x), c, xs),
         "'carry/n'", "int64()", "float64()", ".astype")  # fmt: skip
    told(
        lg.ShapeError,
        lambda: scan(lambda c, x: ({"h": c["h"]}, x), c, xs),
        "carry/h, carry/n",
        "one tensor" if False else "1 tensors at carry/h",
    )
    told(lg.ShapeError, lambda: scan(lambda c, x: c * x, np.zeros(3), xs), "it returns Tensor", "return carry, y")
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, x, x), np.zeros(3), xs), "a tuple of 3")
    told(
        lg.ShapeError,
        lambda: scan(lambda c, x: (c, x[0]), 0.0, (xs, random(3, 3))),
        "'x/1'",
        "(3, 3)",
        "'x/0' has (4, 3)",
    )
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, x), 0.0, 3.0), "'x'", "shape ()")
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, x), 0.0, xs, length=3), "3 steps", "4 entries")
    told(lg.ShapeError, lambda: scan(lambda c, x: (c, c), 0.0), "length=")
    told(lg.DTypeError, lambda: loop(2.5, lambda c: c, 0.0), "2.5 rounds")
    told(lg.ShapeError, lambda: loop(lg.tensor([1, 2]), lambda c: c, lg.tensor(0.0)), "number of rounds", "int64(2,)")
    with pytest.raises(lg.DataError, match="-1 rounds"):
        loop(-1, lambda c: c, lg.tensor(0.0))
    told(lg.ShapeError, lambda: cond(True, lambda: (xs, xs), lambda: xs), "2 tensors at 0, 1", "one tensor")
    told(
        lg.ShapeError,
        lambda: cond(True, lambda: {"a": xs}, lambda: {"a": xs[0]}),
        "'a'",
        "float64(4, 3)",
        "float64(3,)",
    )
    told(lg.DTypeError, lambda: cond(True, lambda: xs, lambda: xs.astype(np.float32)), "float32(4, 3)")
    told(lg.ShapeError, lambda: cond(xs > 0, lambda: xs, lambda: xs), "(4, 3)", "lg.where")
    told(lg.ShapeError, lambda: cond(True, lambda: None, lambda: None), "nothing")


def test_a_value_read_in_a_step_is_refused_with_what_to_use() -> None:
    def step(c: Any, x: Any) -> Any:
        if c > 0:
            return c, x
        return c + x, x

    with pytest.raises(lg.CaptureError, match=r"lg\.cond"):
        scan(step, 0.0, np.ones(3))


def test_a_shape_mistake_in_a_step_names_its_line() -> None:
    def step(c: Any, x: Any) -> Any:
        return c @ x, x

    with pytest.raises(lg.ShapeError, match=r"(?s)inner sizes differ.*return c @ x, x"):
        scan(step, np.zeros((2, 3)), np.zeros((5, 2, 3)))


def test_a_mistake_when_running_names_the_inner_line_and_the_iteration() -> None:
    table = lg.parameter(random(4, 3), name="table")

    def f(rows: Any) -> Any:
        return scan(lambda c, row: (c + table[row], None), np.zeros(3), rows)[0]

    rows = np.array([0, 1, 9, 2])
    for act in (lambda: f(lg.tensor(rows)), lambda: lg.capture(f, lg.spec("T", dtype=np.int64)).run([rows])):
        with pytest.raises(lg.IndexRangeError) as caught:
            act()
        for part in ("index 9", "Gather", "c + table[row]", "iteration 3 of 4", "Scan"):
            assert part in str(caught.value), str(caught.value)


def test_the_first_nonfinite_value_inside_is_named() -> None:
    xs = lg.tensor(np.array([1.0, 0.5, 0.0, 2.0]))

    def step(c: Any, x: Any) -> Any:
        return c + lg.log(x), None

    with lg.detect_nonfinite(), pytest.raises(lg.NonFiniteError) as caught:
        scan(step, np.float64(0.0), xs)
    for part in ("in the forward", "Log", "return c + lg.log(x), None", "iteration 3 of 4"):
        assert part in str(caught.value), str(caught.value)
    with (
        lg.detect_nonfinite(),
        pytest.raises(lg.NonFiniteError, match="iteration 2 of 4, which goes backwards: entry 2"),
    ):
        scan(step, np.float64(0.0), xs, reverse=True)
    x = lg.parameter(np.array([4.0, 0.0, 1.0]), name="x")
    with lg.detect_nonfinite():
        total, _ = scan(lambda c, x: (c + lg.sqrt(x), None), np.float64(0.0), x)
        with pytest.raises(lg.NonFiniteError) as caught:
            total.backward()
    for part in ("in the backward", "Sqrt", "c + lg.sqrt(x)", "iteration 2 of 3", "entry 1"):
        assert part in str(caught.value), str(caught.value)
    with lg.detect_nonfinite(), pytest.raises(lg.NonFiniteError, match="Log"):
        cond(True, lambda x: lg.log(x), lambda x: x, lg.tensor(0.0))
