"""Methods implemented in upper rooms: every target exists and takes the arguments its stub passes."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from localgrad.graph import verbs

TREE = ast.parse(Path(verbs.__file__).read_text(encoding="utf-8"))
CALLS = [
    (method.name, call.func.args[0].value, call)
    for owner in TREE.body
    if isinstance(owner, ast.ClassDef)
    for method in owner.body
    if isinstance(method, ast.FunctionDef)
    for call in ast.walk(method)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Call) and getattr(call.func.func, "id", "") == "verb"
]


@pytest.mark.parametrize(("method", "target", "call"), CALLS, ids=[f"{name}-{target}" for name, target, _ in CALLS])
def test_target_exists_and_takes_the_arguments(method: str, target: str, call: ast.Call) -> None:
    module, name = target.split(":")
    function = getattr(importlib.import_module(f"localgrad.{module}"), name)
    positional = [None for argument in call.args if not isinstance(argument, ast.Starred)]
    named = {keyword.arg: None for keyword in call.keywords if keyword.arg is not None}
    inspect.signature(function).bind(*positional, **named)
    assert function.__doc__, f"{target} has no docstring"


def test_there_are_targets() -> None:
    assert len(CALLS) > 25
