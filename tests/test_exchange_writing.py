"""Writing a graph into its folder: whole at any moment, and refused by name where it cannot be done."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import localgrad as lg
from localgrad.graph.errors import FileWriteError
from tests.saved import (
    affine,
    net_fixture,  # noqa: F401 -- pytest finds a fixture by its name
)


# one step -----------------------------------------------------------------------------------------------------------
def states_while(act: Callable[[], None], home: Path, beside: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Copies of a folder as it was before and after each change of a file's name."""
    states: list[Path] = []

    def keep() -> None:
        states.append(beside / f"state{len(states)}")
        if home.exists():
            shutil.copytree(home, states[-1])
        else:
            states[-1].mkdir()

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **named: Any) -> Any:
            keep()
            result = method(*arguments, **named)
            keep()
            return result

        return act

    with monkeypatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, watched(getattr(Path, name)))
        act()
    return states


def test_a_reader_sees_the_old_pair_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "model"
    old, new, newest = affine(1.0), affine(-2.0), affine(3.0)
    old.save(home)
    states = states_while(lambda: new.save(home), home, tmp_path, monkeypatch)
    found = [lg.load(state) for state in states]
    which = [0 if graph == old else 1 if graph == new else 2 for graph in found]
    assert which == sorted(which)
    assert set(which) == {0, 1}
    for index, state in enumerate(states):  # the next save works from every state, at every moment too
        beside = tmp_path / f"next{index}"
        beside.mkdir()
        for later in states_while(partial(newest.save, state), state, beside, monkeypatch):
            assert lg.load(later) in (found[index], newest)
        assert lg.load(state) == newest
        left = {path.name for path in state.iterdir() if not path.name.endswith(".tmp")}
        assert left == {"graph.json", "model.safetensors"}


def test_loading_while_another_thread_saves_gives_whole_graphs(tmp_path: Path) -> None:
    graphs = [affine(1.0), affine(-2.0)]
    graphs[0].save(tmp_path)
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            graphs[turn % 2].save(tmp_path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = [lg.load(tmp_path) for _ in range(60)]
    finally:
        stop.set()
        writer.join()
    assert all(graph in graphs for graph in seen)


def test_an_open_file_that_cannot_be_replaced_leaves_the_new_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    affine(1.0).save(tmp_path)
    replace = Path.replace

    def held(self: Path, target: Any) -> Any:
        if Path(target).name == "model.safetensors":
            raise PermissionError(13, "in use")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", held)
        affine(-2.0).save(tmp_path)
        assert lg.load(tmp_path) == affine(-2.0)
    affine(3.0).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.json", "model.safetensors"]


# writing that fails -------------------------------------------------------------------------------------------------
def test_a_file_in_the_place_of_the_folder(net: lg.Graph, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(FileWriteError, match="a file is in the place of the folder"):
        net.save(tmp_path / "model")
    with pytest.raises(FileWriteError, match="Choose another"):
        net.save(tmp_path / "model" / "deeper")
    assert (tmp_path / "model").read_text() == "mine"


@pytest.mark.parametrize("name", ["a\0b", "n" * 300])
def test_a_name_the_system_refuses(net: lg.Graph, tmp_path: Path, name: str) -> None:
    with pytest.raises(FileWriteError, match="the folder cannot be made"):
        net.save(f"{tmp_path}/{name}")


def test_a_read_only_folder(net: lg.Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    affine(1.0).save(tmp_path)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(FileWriteError, match=r"cannot be written to \(Permission denied\)"):
            net.save(tmp_path)
        with pytest.raises(FileWriteError, match="Permission denied"):
            net.save(tmp_path / "new")
    assert lg.load(tmp_path) == affine(1.0)
    assert not (tmp_path / "new").exists()


def test_a_name_with_control_characters_is_refused_when_writing(tmp_path: Path) -> None:
    W = lg.parameter([1.0], name="a\x1b[31m")
    with pytest.raises(FileWriteError, match="control characters"):
        lg.capture(lambda x: x * W, lg.spec(1)).save(tmp_path / "model")
