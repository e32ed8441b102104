"""Files of a folder: relative names in order, nothing hidden, nothing from outside."""

import os
import sys
from pathlib import Path

import pytest

from myosweep.data.folder import files_in


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def names_in(path: Path) -> list[str]:
    found = list(files_in(path))
    assert all(place.is_file() for _, place in found)
    return [name for name, _ in found]


def test_files_are_named_below_the_folder_in_order(tmp_path: Path) -> None:
    fill(tmp_path, "b.dcm", "a/2", "a/10", "a.x/1", "a/deep/er/z", "B")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.dcm").mkdir()
    found = list(files_in(tmp_path))
    assert [name for name, _ in found] == ["B", "a/10", "a/2", "a/deep/er/z", "a.x/1", "b.dcm"]
    for name, place in found:
        assert place == tmp_path / name
        assert place.read_text() == name


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, ".DS_Store", "._a.dcm", ".git/objects/1", "a/.cache/b", "a/b", "c..d")
    assert names_in(tmp_path) == ["a/b", "c..d"]


def test_the_given_folder_itself_may_be_hidden(tmp_path: Path) -> None:
    assert names_in(fill(tmp_path / ".mine", "a")) == ["a"]


def test_a_file_gives_itself(tmp_path: Path) -> None:
    fill(tmp_path, "a.nii", ".hidden")
    for name in ("a.nii", ".hidden"):
        assert list(files_in(tmp_path / name)) == [(name, tmp_path / name)]


def test_a_path_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert not names_in(tmp_path / "none")
    assert not names_in(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    assert not names_in(tmp_path / "loop")
    assert not names_in(tmp_path / "dangling")
    assert not names_in(tmp_path)


def test_links_out_of_the_folder_are_passed_over(tmp_path: Path) -> None:
    outside = fill(tmp_path / "private", "secret", "deep/secret")
    mine = fill(tmp_path / "mine", "a")
    fill(tmp_path / "mine-too", "b")  # the name begins as the folder's does
    (mine / "file").symlink_to(outside / "secret")
    (mine / "relative").symlink_to("../private/secret")
    (mine / "folder").symlink_to(outside)
    (mine / "near").symlink_to(tmp_path / "mine-too" / "b")
    (mine / "detour").symlink_to(mine / "file")
    (mine / "up").symlink_to("..")
    (mine / "passwords").symlink_to("/etc/passwd")
    assert names_in(mine) == ["a"]


def test_links_within_the_folder(tmp_path: Path) -> None:
    """A link to a file is a file; what a link to a folder holds is there once, in its place."""
    fill(tmp_path, "real/1", ".store/2")
    (tmp_path / "again").symlink_to(tmp_path / "real" / "1")
    (tmp_path / "stored").symlink_to(tmp_path / ".store" / "2")
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "round").symlink_to(tmp_path)
    assert names_in(tmp_path) == ["again", "real/1", "stored"]


def test_the_given_folder_may_be_a_link(tmp_path: Path) -> None:
    fill(tmp_path / "real", "a", "b/c")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").symlink_to(tmp_path / "real" / "a")
    assert [name for name, _ in files_in(tmp_path / "link")] == ["a", "b/c"]
    assert names_in(tmp_path / "file") == ["file"]


@pytest.mark.parametrize("given", [".", "", "b", "./b", "../tree"])
def test_relative_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(fill(tmp_path / "tree", "a", "b/c"))
    assert names_in(Path(given)) == (["c"] if given.endswith("b") else ["a", "b/c"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_hostile_names(tmp_path: Path) -> None:
    names = ["a\nb", "a b", "*", "[x]", "~", "$(rm)", "C:\\x", "\u202egnp", "-rf", "...x" * 30]
    fill(tmp_path, *names, "d/x..\\..\\x")
    (tmp_path / os.fsdecode(b"\xff\xfe")).write_text("no text")
    found = names_in(tmp_path)
    expected = [
        *(name for name in names if not name.startswith(".")),
        "d/x..\\..\\x",
        "\udcff\udcfe",
    ]
    assert sorted(found) == sorted(expected)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(fill(tmp_path, "a") / "pipe")
    assert names_in(tmp_path) == ["a"]


def test_a_folder_that_may_not_be_opened_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights alone do not stop the superuser, so the system's answer is played."""
    fill(tmp_path, "a", "closed/b", "open/c")
    real = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert names_in(tmp_path) == ["a", "open/c"]


def test_a_junction_is_no_way_out_and_no_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has links to folders that look like folders; here os.walk follows every link."""
    fill(tmp_path / "private", "secret")
    mine = fill(tmp_path / "mine", "a", "b/c")
    (mine / "out").symlink_to(tmp_path / "private")
    (mine / "b" / "round").symlink_to(mine)
    real = os.walk
    monkeypatch.setattr("os.walk", lambda path: real(path, followlinks=True))
    assert names_in(mine) == ["a", "b/c"]
