"""Damaged bytes of CSV and NPZ files load or raise a DataError, and do nothing worse."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from localgrad.graph.errors import DataError
from localgrad.train.table import read_table

# ---------------------------------------------------------------- damaged bytes

CSV_SEED = b'a,"b ""q""",text,y\n' + b'1,2.5,"red, or\nnot",cat\n-3e2,4,blue,dog\n' * 4
X_MEMBER, Y_MEMBER = io.BytesIO(), io.BytesIO()
np.save(X_MEMBER, np.arange(60.0).reshape(30, 2))
np.save(Y_MEMBER, np.array(["a", "b", "ba"] * 10))


def zipped(*members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in zip(("x.npy", "y.npy"), members):
            file.writestr(zipfile.ZipInfo(name), content)  # a bare name would bring the time of day into the bytes
    return stream.getvalue()


NPZ_SEED = zipped(X_MEMBER.getvalue(), Y_MEMBER.getvalue())
TRICKS = [
    b"\x00",
    b"\xff",
    b'"',
    b"\n",
    b",",
    b";",
    b"1e999",
    b"nan",
    b"-",
    b"\xef\xbb\xbf",
    b"\x80\x03",
    b"9" * 30,
    b"(",
    b"\xff\xff\xff\xff",
]


def damaged(seed: bytes, randomness: random.Random) -> bytes:
    content = bytearray(seed)
    for _ in range(randomness.randint(1, 2)):
        place = randomness.randrange(len(content) + 1)
        match randomness.randrange(5):
            case 0:
                content[place : place + 1] = bytes([randomness.randrange(256)])
            case 1:
                content[place:place] = randomness.choice(TRICKS)
            case 2:
                del content[place : place + randomness.randint(1, 20)]
            case 3:
                del content[place:]
            case _:
                content[place : place + 8] = randomness.choice(TRICKS)
    return bytes(content)


DAMAGES = {
    "csv": ("t.csv", lambda randomness: damaged(CSV_SEED, randomness)),
    "zip": ("t.npz", lambda randomness: damaged(NPZ_SEED, randomness)),
    # The checksums of the archive hide what is inside: here they are right.
    "x": ("t.npz", lambda randomness: zipped(damaged(X_MEMBER.getvalue(), randomness), Y_MEMBER.getvalue())),
    "y": ("t.npz", lambda randomness: zipped(X_MEMBER.getvalue(), damaged(Y_MEMBER.getvalue(), randomness))),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_bytes_load_or_raise_data_error(tmp_path: Path, what: str) -> None:
    name, make = DAMAGES[what]
    randomness, path = random.Random(20), tmp_path / name
    loaded, messages = 0, set()
    for _ in range(400):
        path.write_bytes(make(randomness))
        try:
            table = read_table(path, "y")
        except DataError as error:
            messages.add(str(error))
        else:
            loaded += 1
            assert np.isfinite(table.features).all()
            assert len(table.class_names) != 1
    # Both must happen, or the damage is not of the kind that is meant.
    assert loaded > 0
    assert len(messages) > 5
    assert all(str(path) in message for message in messages)
