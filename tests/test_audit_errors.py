"""What an error leaves behind: no long quotations, no values kept alive."""

from __future__ import annotations

import gc
import linecache
import weakref

import numpy as np
import pytest

import localgrad as lg


def _fail(x: lg.Tensor, w: lg.Tensor) -> None:
    try:
        x @ w
    except lg.ShapeError:
        return
    pytest.fail("the sizes fit")


@pytest.mark.parametrize("how", ["product", "label"])
def test_a_handled_error_does_not_keep_the_inputs(how: str) -> None:
    gc.collect()
    gc.disable()
    try:
        x = lg.parameter(np.ones((4, 3), np.float32)) * 1.0
        value = weakref.ref(x)
        if how == "product":
            _fail(x, lg.tensor(np.ones((2, 2), np.float32)))
        else:
            with pytest.raises(lg.LocalgradError):
                lg.softmax_cross_entropy(x, [0, 1, 9, 0])
        del x
        assert value() is None
    finally:
        gc.enable()


def test_a_very_long_source_line_is_quoted_in_part() -> None:
    code = "y = x @ w" + " " * 3 + "# " + "long " * 400
    name = "<generated>"
    linecache.cache[name] = (len(code), None, [code + "\n"], name)
    try:
        names = {"x": lg.tensor([[1.0, 2.0]]), "w": lg.tensor([[1.0]])}
        with pytest.raises(lg.ShapeError) as caught:
            exec(compile(code, name, "exec"), names)
    finally:
        del linecache.cache[name]
    assert "x @ w" in str(caught.value)
    assert len(str(caught.value)) < 600
