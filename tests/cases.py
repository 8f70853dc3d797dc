"""The one table of kinds: the rows of every family (`tests/cases_<family>.py`) in one list."""

from importlib import import_module
from pathlib import Path

from tests.case import Case

CASES: list[Case] = []
BROKEN: dict[str, Exception] = {}
"""Families whose rows cannot be read: one test fails for them, and the other families' rows still run."""

for path in sorted(Path(__file__).parent.glob("cases_*.py")):
    try:
        CASES += import_module(f"tests.{path.stem}").CASES
    except Exception as error:
        BROKEN[path.stem] = error
