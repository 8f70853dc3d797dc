"""What the tests of tables share: a CSV text, archives of arrays, and files written for one test."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CATS = "weight,colour,age,kind\n4.5,red,2,cat\n30,grey,7,dog\n5,grey,3,cat\n28.5,red,1,dog\n"


@pytest.fixture(name="write")
def write_fixture(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def archive(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()
