"""Files that are written get the permissions any other file of the user gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import localgrad as lg


@pytest.mark.skipif(os.name == "nt", reason="permissions of Windows are others")
def test_weights_have_the_permissions_of_the_files_beside_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        lg.capture(lambda x: x * lg.parameter([1.0], name="w"), lg.spec(1)).save(tmp_path)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"graph.json": 0o644, "model.safetensors": 0o644}
