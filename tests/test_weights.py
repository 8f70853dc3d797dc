"""Arrays in safetensors files: what is written is read, and what is damaged is refused by name."""

from __future__ import annotations

import json
import os
import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from localgrad.exchange import foreign_json, weights
from localgrad.graph.errors import CheckpointError, DTypeError, FileWriteError, ImportModelError
from localgrad.graph.files import AtomicFiles

ARRAYS: dict[str, np.ndarray] = {
    f"layer/{dtype}": np.arange(6).reshape(2, 3).astype(dtype)
    for dtype in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
} | {
    "学习率": np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32),
    "half": np.array([1.5, np.inf], np.float16),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 4), np.float32),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "strided": np.arange(10)[::3],
    "swapped": np.arange(3, dtype=">i4"),
}


def raw(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: Any = (2,), begin: Any = 0, end: Any = 8) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


# written and read ---------------------------------------------------------------------------------------------------
def test_every_dtype_and_layout_comes_back(path: Path) -> None:
    weights.write(path, ARRAYS, {"step": "7", "说明": "数字"})
    found, metadata = weights.read(path)
    assert metadata == {"step": "7", "说明": "数字"}
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable
        assert found[name].flags.owndata
    assert np.signbit(found["学习率"][3])


def test_the_library_reads_what_we_write_and_we_what_it_writes(path: Path) -> None:
    arrays = {name: np.array(array, array.dtype.newbyteorder("="), order="C") for name, array in ARRAYS.items()}
    weights.write(path, arrays)
    theirs = safetensors.numpy.load_file(path)
    assert set(theirs) == set(arrays)
    safetensors.numpy.save_file(arrays, path)
    ours, metadata = weights.read(path)
    assert metadata == {}
    for name, array in arrays.items():
        np.testing.assert_array_equal(theirs[name], array)
        np.testing.assert_array_equal(ours[name], array)


def test_nothing_at_all_can_be_written(path: Path) -> None:
    weights.write(path, {})
    assert weights.read(path) == ({}, {})


def test_the_same_arrays_give_the_same_bytes(path: Path) -> None:
    weights.write(path, ARRAYS)
    first = path.read_bytes()
    weights.write(path, ARRAYS)
    assert path.read_bytes() == first
    with weights.OpenWeights(path) as opened:
        assert opened.fingerprint == weights.fingerprint(ARRAYS)


def test_a_changed_byte_is_noticed(path: Path) -> None:
    weights.write(path, ARRAYS, {"step": "7"})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ImportModelError, match="bytes that have changed"):
        weights.read(path)
    path.write_bytes(bytes(content).replace(b'"step":"7"', b'"step":"8"'))
    with pytest.raises(ImportModelError, match="bytes that have changed"):
        weights.read(path)


def test_only_what_is_asked_for_is_read(path: Path) -> None:
    weights.write(path, {"small": np.ones(3), "large": np.zeros(2_000_000)})
    tracemalloc.start()
    try:
        with weights.OpenWeights(path) as opened:
            assert opened.entries["large"].shape == (2_000_000,)
            np.testing.assert_array_equal(opened.array("small"), np.ones(3))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


# writing that fails -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("array", [np.zeros(2, np.complex64), np.array(["a"]), np.zeros(2, np.longdouble)])
def test_a_dtype_the_format_does_not_have_is_named(path: Path, array: np.ndarray) -> None:
    if array.dtype == np.float64:
        pytest.skip("long doubles are doubles here")
    with pytest.raises(DTypeError, match=r"`W`(.|\n)*safetensors does not have"):
        weights.write(path, {"W": array})
    assert not path.exists()


@pytest.mark.parametrize("name", ["__metadata__", "\ud800"])
def test_a_name_the_format_cannot_hold_is_refused(path: Path, name: str) -> None:
    with pytest.raises(FileWriteError, match=r"__metadata__|ud800"):
        weights.write(path, {name: np.zeros(1)})
    assert not path.exists()


def test_metadata_are_texts(path: Path) -> None:
    with pytest.raises(FileWriteError, match="7 is no text"):
        weights.write(path, {}, {"step": 7})  # type: ignore[dict-item]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "w", tmp_path, f"{tmp_path}/a\0b"):
        with pytest.raises(FileWriteError, match="writing"):
            weights.write(path, {"W": np.zeros(1)})


def test_a_full_disk_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.write(path, {"W": np.ones(2)})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    with pytest.raises(FileWriteError, match="No space left on device"):
        weights.write(path, {"W": np.zeros(2)})
    np.testing.assert_array_equal(weights.read(path)[0]["W"], np.ones(2))
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_weights_appear_with_the_other_files_of_a_block(tmp_path: Path) -> None:
    with AtomicFiles() as files:
        waiting = weights.write(tmp_path / "w.safetensors", {"W": np.ones(2)}, files=files)
        files.write(tmp_path / "size.txt", str(waiting.stat().st_size))
        assert not (tmp_path / "w.safetensors").exists()
    assert (tmp_path / "size.txt").read_text() == str((tmp_path / "w.safetensors").stat().st_size)


# damaged files ------------------------------------------------------------------------------------------------------
DAMAGED = {
    "empty": (b"", "0 bytes"),
    "short": (b"\x02\0\0", "3 bytes"),
    "endless header": (raw({}, length=2**63), "9223372036854775808 bytes is announced"),
    "cut header": (raw(b"{" + b" " * 20)[:-9], "a header of 21 bytes is announced, and 12 bytes follow"),
    "no JSON": (raw(b"[]"), "byte 8"),
    "broken JSON": (raw(b'{"W": '), "no valid JSON"),
    "no UTF-8": (raw(b'{"\xff": 1}'), "no valid JSON"),
    "key twice": (raw(b'{"a": 1, "a": 2}'), "'a' twice"),
    "deep": (raw(b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}"), "nested too deeply"),
    "long number": (raw(b'{"a":' + b"9" * 5000 + b"}"), "no valid JSON"),
    "NaN": (raw(b'{"a": NaN}'), "the number NaN"),
    "metadata": (raw({"__metadata__": {"a": 1}}), "metadata"),
    "metadata list": (raw({"__metadata__": []}), "metadata"),
    "no entry": (raw({"W": 3}), "'W' does not give"),
    "more in an entry": (raw({"W": {**entry(), "more": 1}}, b"12345678"), "'W' does not give"),
    "unknown dtype": (raw({"W": entry("F8")}, b"12345678"), "'F8', which NumPy does not have"),
    "list as dtype": (raw({"W": entry([])}, b"12345678"), "the dtype []"),  # type: ignore[arg-type]
    "bfloat16": (raw({"W": entry("BF16", (4,))}, b"12345678"), "convert the file to F32"),
    "negative extent": (raw({"W": entry(shape=(-2,))}, b"12345678"), "the shape [-2]"),
    "true extent": (raw({"W": entry(shape=(True, 2))}, b"12345678"), "the shape [True, 2]"),
    "huge extent": (raw({"W": entry(shape=(2**70,))}, b"12345678"), "the shape [1180591620717411303424]"),
    "overflowing product": (raw({"W": entry(shape=(2**32, 2**32))}, b"12345678"), "needs 73786976294838206464 bytes"),
    "many axes": (raw({"W": entry(shape=(1,) * 40, end=4)}, b"1234"), "the shape [1, 1"),
    "wrong size": (raw({"W": entry(shape=(3,))}, b"12345678"), "needs 12 bytes"),
    "three offsets": (raw({"W": {**entry(), "data_offsets": [0, 4, 8]}}, b"12345678"), "data_offsets [0, 4, 8]"),
    "backwards": (raw({"W": entry(begin=8, end=0)}, b"12345678"), "needs 8 bytes"),
    "beyond the end": (raw({"W": entry(begin=4, end=12)}, b"12345678"), "4 to 12 of 8"),
    "overlap": (raw({"W": entry(), "b": entry()}, b"12345678"), "'b' begin at 0; those before end at 8"),
    "hole": (raw({"W": entry(begin=4, end=12)}, b"123456789012"), "'W' begin at 4"),
    "more data": (raw({"W": entry()}, b"123456789"), "8 bytes of data, and 9 follow"),
    "boolean 2": (raw({"W": entry("BOOL", (1,), 0, 1)}, b"\x02"), "other than 0 and 1"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_told_with_file_and_place(path: Path, name: str) -> None:
    content, part = DAMAGED[name]
    path.write_bytes(content)
    with pytest.raises(ImportModelError) as caught:
        weights.read(path)
    assert part in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\ndo: " in str(caught.value)


def test_the_caller_chooses_the_error(path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        weights.read(path, CheckpointError)
    path.write_bytes(raw(b'{"W": '))
    with pytest.raises(CheckpointError, match="no valid JSON"):
        weights.read(path, error=CheckpointError)


def test_a_header_that_unfolds_is_not_parsed(path: Path) -> None:
    path.write_bytes(raw(b'{"a":[' + b"{}," * 2_000_000 + b"{}]}"))
    with pytest.raises(ImportModelError, match="MB of memory as objects"):
        weights.read(path)


@pytest.mark.parametrize("item", ["{}", "[]", "1e5", "999", '"ab"', '{"a":0}', '{"a":{}}', '["中"]'])
def test_memory_of_json_is_not_underestimated(item: str) -> None:
    text = f"[{','.join([item] * 20000)}]".encode()
    tracemalloc.start()
    try:
        foreign_json.parse(text, "text", ImportModelError, "-")
        assert tracemalloc.get_traced_memory()[1] < 1.6 * foreign_json.memory_of(text) + 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), f"{tmp_path}/a\0b"):
        with pytest.raises(ImportModelError, match="was to be read"):
            weights.read(path)


# fuzz ---------------------------------------------------------------------------------------------------------------
def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content cut, or with a few bytes changed, moved in or taken out, mostly in the header."""
    if chance.random() < 0.2:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    reach = len(changed) if chance.random() < 0.2 else min(len(changed), 8 + int.from_bytes(content[:8], "little"))
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(reach)
        what = chance.randrange(4)
        if what == 0:
            changed[place] = chance.randrange(256)
        elif what == 1:
            changed[place] = chance.choice(b'0123456789-"[]{},:e.NaN')
        elif what == 2:
            del changed[place : place + chance.randrange(1, 9)]
            reach = max(1, min(reach, len(changed)))
        else:
            changed[place:place] = chance.choice((b"9" * 20, b"[", b"{}", b"-1", b",", b'"', b"\0", b"null", b"1e999"))
    return bytes(changed)


def fuzz(path: Path, rounds: range) -> None:
    # written by the library, without our fingerprint, which would notice every change of the data
    safetensors.numpy.save_file(
        {name: np.array(x, x.dtype.newbyteorder("="), order="C") for name, x in ARRAYS.items()}, path
    )
    content = path.read_bytes()
    loaded = 0
    for seed in rounds:
        path.write_bytes(mutated(content, random.Random(seed)))
        try:
            arrays, _ = weights.read(path)
            loaded += 1
        except ImportModelError:
            continue
        assert sum(array.nbytes for array in arrays.values()) <= len(content) + 100
    assert 0 < loaded < len(rounds)


def test_mutations_load_or_raise_our_error(path: Path) -> None:
    fuzz(path, range(1000))


@pytest.mark.slow
def test_many_mutations_load_or_raise_our_error(path: Path) -> None:
    fuzz(path, range(1000, 20000))
