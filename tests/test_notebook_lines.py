"""In a notebook a source line is told by the number of its cell."""

import sys
from types import SimpleNamespace

import pytest

from localgrad.graph.source import SourceLine

CELL = "/somewhere/ipykernel_77/2482931043.py"


@pytest.fixture
def notebook(monkeypatch):
    compiler = SimpleNamespace(format_code_name=lambda name: ("Cell", "In[3]") if name == CELL else None)
    shell = SimpleNamespace(compile=compiler)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_cell_is_told_by_its_number(notebook):
    assert str(SourceLine(CELL, 7, "f")) == "In[3]:7"


def test_a_module_used_in_a_notebook_keeps_its_name(notebook):
    assert str(SourceLine("/somewhere/train.py", 7, "f")) == "train.py:7"


def test_ipython_may_be_imported_without_a_shell(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert str(SourceLine(CELL, 7, "f")) == "2482931043.py:7"
