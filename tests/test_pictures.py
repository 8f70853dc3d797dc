"""The pictures in the documentation are what the script beside them makes."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
MADE = runpy.run_path(str(FOLDER / "make.py"))["PICTURES"]


@pytest.mark.parametrize("name", MADE)
def test_a_picture_is_what_the_script_makes(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert MADE[name]() == written, "run: python docs/pictures/make.py, and look at what changed"


def test_no_picture_is_left_over() -> None:
    assert {path.name for path in FOLDER.glob("*.svg")} == set(MADE)
