"""The one table of kinds: the rows of every family (`tests/cases_<family>.py`) in one list."""

from importlib import import_module
from pathlib import Path

from tests.case import Case

CASES: list[Case] = [
    case
    for path in sorted(Path(__file__).parent.glob("cases_*.py"))
    for case in import_module(f"tests.{path.stem}").CASES
]
