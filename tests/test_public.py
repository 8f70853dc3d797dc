"""The public names: each exists, and the lists that name them agree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import localgrad as lg

SOURCE = Path(lg.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", lg.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    item = getattr(lg, name)
    if callable(item):
        assert item.__doc__, f"lg.{name} has no docstring"


def test_names_of_upper_rooms_are_typed_listed_and_found_alike() -> None:
    typed = {
        alias.name: node.module
        for block in ast.walk(ast.parse(SOURCE))
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name not in ("*", "linalg")
    }
    assert typed == {name: f"localgrad.{module}" for name, module in lg._UPPER.items()}
    assert set(typed) <= set(lg.__all__)


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(AttributeError, match="sigmoid"):
        _ = lg.sigmod


def test_importing_takes_nothing_but_numpy_and_cheap_modules() -> None:
    heavy = [
        "rich",
        "safetensors",
        "csv",
        "dataclasses",
        "pathlib",
        "localgrad.train",
        "localgrad.show",
        "localgrad.layers",
    ]
    code = f"import numpy, sys; before = set(sys.modules); import localgrad; print([m for m in {heavy} if m in set(sys.modules) - before])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_functions_imported_later_are_those_listed() -> None:
    from localgrad.nodes import functions, more_functions

    assert sorted(functions.MORE) == sorted(more_functions.__all__)
    assert not set(functions.MORE) & set(functions.__all__)


def test_a_kind_is_found_before_its_family_is_imported() -> None:
    code = (
        "import sys, numpy as np, localgrad as lg\n"
        "assert 'localgrad.nodes.sorting' not in sys.modules, 'the test would show nothing'\n"
        "print(np.sort(lg.tensor([3.0, 1.0])).data.tolist(), np.linalg.trace(lg.tensor(np.eye(2))).item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[1.0, 3.0] 2.0"


def test_the_version_is_that_of_the_package() -> None:
    assert lg.__version__.count(".") >= 1


def test_star_import_hides_nothing_of_ours_behind_builtins_by_accident() -> None:
    assert lg.sum(np.ones(3)).item() == 3.0


def test_importing_registers_the_kinds_of_every_family() -> None:
    code = (
        "import importlib, pkgutil, localgrad as lg, localgrad.nodes, localgrad.transform\n"
        "known = set(lg.kinds())\n"
        "for room in (localgrad.nodes, localgrad.transform):\n"
        "    for module in pkgutil.iter_modules(room.__path__, room.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print(sorted(set(lg.kinds()) - known))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
