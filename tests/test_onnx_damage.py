"""Damaged ONNX files load, or raise the error for files that cannot be imported; soon, and with little memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import localgrad as lg
from localgrad.exchange import onnx_guard
from localgrad.graph.errors import ImportModelError
from tests.onnx_damage import damaged, models

onnx = pytest.importorskip("onnx")
resource = pytest.importorskip("resource")  # which Windows does not have
SECONDS, MEGABYTES = 10, 400
"""Far above what a file may take, so that a busy machine fails nothing; what runs away is caught."""


def fuzz(rounds: range) -> None:
    whole = models()
    names = list(whole)
    loaded = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in rounds:
        name = ("network", "gradient", "external")[seed % 3] if seed % 2 else names[seed * 7919 % len(names)]
        content = damaged(whole[name], seed)
        begin = time.monotonic()
        try:
            graph = lg.load_onnx(content)
        except ImportModelError:
            continue
        finally:
            assert time.monotonic() - begin < SECONDS, seed
        loaded += 1
        assert str(graph)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES
    assert 0 < loaded < len(rounds)


def test_damaged_files_load_or_raise_our_error() -> None:
    fuzz(range(600))


@pytest.mark.slow
def test_many_damaged_files_load_or_raise_our_error() -> None:
    fuzz(range(1000, 21000))


def test_a_file_cut_at_every_length_loads_or_is_told() -> None:
    content = models()["network"]
    told = 0
    for length in range(len(content)):
        try:
            lg.load_onnx(content[:length])
        except ImportModelError:
            told += 1
    assert told > len(content) - 30  # without its last fields, a version or a name, it is whole


def message(field: int, content: bytes) -> bytes:
    """A field of a message that holds another."""
    length, head = len(content), b""
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    key = field << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + head + bytes([length]) + content


def test_graphs_inside_one_another_without_end_are_refused_by_a_walk_over_the_bytes() -> None:
    content = b""
    for _ in range(3000):
        content = message(1, message(5, message(6, content)))
    with pytest.raises(ImportModelError, match="inside one another"):
        lg.load_onnx(message(7, content))


def test_types_inside_one_another_without_end_are_refused() -> None:
    content = b""
    for _ in range(3000):
        content = message(4, message(1, content))
    with pytest.raises(ImportModelError, match="inside one another"):
        lg.load_onnx(message(7, message(11, message(2, content))))


def test_a_shape_with_endless_many_extents_takes_neither_time_nor_memory() -> None:
    expand = onnx.helper.make_node("Expand", ["x", "shape"], ["y"])
    declared = [("x", 1, [1, 3, 1]), ("shape", 7, [2**40]), ("y", 1, None)]
    values = [onnx.helper.make_tensor_value_info(*each) for each in declared]
    model = onnx.helper.make_model(onnx.helper.make_graph([expand], "net", values[:2], values[2:]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.monotonic()
    try:
        lg.load_onnx(model.SerializeToString())
    except ImportModelError:
        pass
    assert time.monotonic() - begin < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def test_a_torrent_of_empty_nodes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_guard, "MOST", 1000)
    with pytest.raises(ImportModelError, match="more than 1,000 nodes"):
        lg.load_onnx(message(7, message(1, b"") * 1001))


@pytest.mark.parametrize("name", ["network", "gradient", "external"])
def test_the_walk_lets_whole_files_pass(name: str) -> None:
    onnx_guard.check(models()[name], "a file")


def test_a_text_that_is_not_utf8_is_told() -> None:
    content = models()["network"]
    assert content.count(b"Relu#1") > 1
    with pytest.raises(ImportModelError, match="UTF-8"):
        lg.load_onnx(content.replace(b"Relu#1", b"Rel\xff#1"))


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "", ".", "a/../../b"])
def test_data_outside_of_the_models_folder_are_not_read(tmp_path: Path, location: str) -> None:
    model = onnx.load_from_string(models()["external"])
    (tmp_path / "weights.bin").write_bytes(bytes(10_000))
    (tmp_path / "inside").mkdir()
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = location
    path = tmp_path / "inside" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ImportModelError, match="outside of the model's folder"):
        lg.load_onnx(path)


def test_a_link_out_of_the_models_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(10_000))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "weights.bin").symlink_to(tmp_path / "secret")
    path = tmp_path / "inside" / "model.onnx"
    path.write_bytes(models()["external"])
    with pytest.raises(ImportModelError, match="outside of the model's folder"):
        lg.load_onnx(path)


def one_tensor(change: Any) -> bytes:
    model = onnx.load_from_string(models()["network"])
    change(model.graph)
    return bytes(model.SerializeToString())


def test_weights_declared_but_absent_are_told() -> None:
    def change(graph: Any) -> None:
        del graph.initializer[0].dims[:]
        graph.initializer[0].dims.extend([2**30, 2**20])
        graph.initializer[0].ClearField("raw_data")

    with pytest.raises(ImportModelError, match="initializer"):
        lg.load_onnx(one_tensor(change))


def test_nodes_in_a_circle_are_told() -> None:
    def change(graph: Any) -> None:
        graph.node[0].input[0] = graph.output[0].name

    with pytest.raises(ImportModelError, match="circle"):
        lg.load_onnx(one_tensor(change))


def test_two_values_of_one_name_are_told() -> None:
    def change(graph: Any) -> None:
        graph.node[1].output[0] = graph.node[0].output[0]

    with pytest.raises(ImportModelError, match=r"a second value called|nothing makes its input"):
        lg.load_onnx(one_tensor(change))
