"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localgrad.graph import files
from localgrad.graph.errors import FileWriteError, LocalgradError
from localgrad.graph.files import AtomicFiles, write_atomically


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.txt", "学习\n")
    write_atomically(str(tmp_path / "b.bin"), b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == "学习\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert names_in(tmp_path) == ["a.txt", "b.bin"]


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_atomically(path, "x")
    assert path.read_text() == "x"


def test_permissions_and_links_of_the_old_file_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    write_atomically(real, "old")
    real.chmod(0o600)
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o600


def test_an_exception_in_the_block_leaves_everything_as_it_was(tmp_path: Path) -> None:
    write_atomically(tmp_path / "one", "old")

    def interrupted() -> None:
        with AtomicFiles() as together:
            together.write(tmp_path / "one", "new")
            together.write(tmp_path / "two", "new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert names_in(tmp_path) == ["one"]
    assert (tmp_path / "one").read_text() == "old"


def test_nothing_is_visible_before_the_end_of_the_block(tmp_path: Path) -> None:
    with AtomicFiles() as together:
        together.write(tmp_path / "one", "1")
        together.reserve(tmp_path / "two").write_text("2")
        assert not (tmp_path / "one").exists()
        assert not (tmp_path / "two").exists()
    assert names_in(tmp_path) == ["one", "two"]
    assert (tmp_path / "two").read_text() == "2"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match=r"nowhere does not exist\. Make it") as caught:
        write_atomically(tmp_path / "nowhere" / "a", "x")
    assert isinstance(caught.value, LocalgradError)
    assert isinstance(caught.value, OSError)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="it is a folder"):
        write_atomically(tmp_path, "x")


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    write_atomically(tmp_path / "plain", "x")
    with pytest.raises(FileWriteError, match="plain does not exist"):
        write_atomically(tmp_path / "plain" / "a", "x")


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may write everywhere, so the refusal itself is made here.
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.os, "open", refuse)
    with pytest.raises(FileWriteError, match=r"cannot be written to \(Permission denied\)"):
        write_atomically(tmp_path / "a", "x")


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "a", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(FileWriteError, match="No space left on device"):
        write_atomically(tmp_path / "a", "new")
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="pipes have names on POSIX")
def test_a_device_is_written_to_and_not_replaced() -> None:
    write_atomically("/dev/null", "gone")
    assert not Path("/dev/null").is_file()
