"""NumPy functions and ufuncs called on tensors: each finds the kind, or the function, registered under its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

from localgrad.graph.errors import LocalgradError, MissingRuleError
from localgrad.graph.recording import as_input, compute
from localgrad.graph.registry import NUMPY, complete
from localgrad.graph.source import user_line

F = TypeVar("F", bound=Callable[..., Any])
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {}
"""Name of a NumPy function (np.linalg's as "linalg.inv") -> our function with the same arguments."""


def numpy_function(*names: str) -> Callable[[F], F]:
    """Decorator: let NumPy's function(s) of these names (ours unless told) record through this one on tensors."""

    def enter(function: F) -> F:
        for name in names or (function.__name__,):
            FUNCTIONS[name] = function
        return function

    return enter


def from_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a NumPy ufunc on tensors records."""
    name = ufunc.__name__
    if any(value is not None for value in options.get("out", ()) or ()):
        raise MissingRuleError(
            f"np.{name} was to write a tensor's result into an array (out=, or `array += tensor`){user_line()}\n"
            "found: an array has no history, so the gradient would be lost\n"
            "do: write `array = array + tensor`, which gives a tensor"
        )
    options = {key: value for key, value in options.items() if key != "out"}
    if method == "reduce" and name in ("add", "multiply", "maximum", "minimum"):
        reducer = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}[name]
        return FUNCTIONS[reducer](inputs[0], axis=options.get("axis", 0), keepdims=options.get("keepdims", False))
    if method != "__call__" or options.keys() - {"dtype"}:
        raise MissingRuleError(
            f"np.{name}{'.' + method if method != '__call__' else ''} with {sorted(options)} cannot be recorded on "
            f"tensors{user_line()}\ndo: call np.{name}(x, ...) with the arrays alone"
        )
    if name not in FUNCTIONS and name not in NUMPY:
        complete()
    if name in FUNCTIONS:
        return FUNCTIONS[name](*inputs)
    if name not in NUMPY:
        raise MissingRuleError(
            f"np.{name} was called on a tensor{user_line()}\nfound: no kind is registered for it\n"
            "do: write it with other functions, or register a kind that declares "
            f'`numpy = ("{name}",)`; on values alone use np.{name}(x.data)'
        )
    result = compute(NUMPY[name](), tuple(map(as_input, inputs)))
    return result.astype(options["dtype"]) if options.get("dtype") is not None else result


def from_function(function: Any, inputs: Any, options: dict[str, Any]) -> Any:
    """What a NumPy function on tensors records."""
    name = function.__name__
    written = f"np{function.__module__.removeprefix('numpy')}.{name}"
    key = written.removeprefix("np.")
    if key not in FUNCTIONS:
        complete()
    ours = FUNCTIONS.get(key, FUNCTIONS.get(name))  # np.linalg.trace is not np.trace
    if ours is None:
        raise MissingRuleError(
            f"{written} was called on a tensor{user_line()}\nfound: localgrad has no function for it\n"
            f"do: write it with other functions; on values alone use {written}(x.data)"
        )
    try:
        return ours(*inputs, **options)
    except TypeError as error:
        if isinstance(error, LocalgradError) or "argument" not in str(error):
            raise
        raise MissingRuleError(
            f"{written} was called on a tensor with arguments localgrad does not take{user_line()}\nfound: {error}\n"
            f"do: use lg.{ours.__name__}, or {written}(x.data) on values alone"
        ) from None


def array_function_names() -> list[str]:
    """The NumPy functions that record on tensors, for docs."""
    complete()
    known = [name for name in FUNCTIONS if hasattr(np, name)]
    return sorted(known + [name for name in FUNCTIONS if name.startswith("linalg.")])
