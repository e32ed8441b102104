"""Files and folders that appear whole or not at all."""

import json
import os
from pathlib import Path

import pytest

from myosweep.files import read_json, whole_file, whole_folder, write_json


class Interruption(BaseException):
    """Like Ctrl-C: no ``Exception``."""


def fill_file(path: Path, error: type[BaseException]) -> None:
    with whole_file(path) as draft:
        draft.write_text("half")
        raise error


def fill_folder(path: Path, error: type[BaseException] | None = None) -> None:
    with whole_folder(path) as draft:
        (draft / "file").touch()
        if error:
            raise error
        path.mkdir()
        (path / "theirs").touch()


def test_a_file_appears_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.csv"
    with whole_file(path) as draft:
        assert draft.parent == path.parent
        assert draft.suffix == ".csv"
        assert draft.name.startswith(".")
        draft.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, Interruption])
def test_a_file_stays_as_it_was_when_writing_fails(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "b.csv"
    path.write_text("old")
    with pytest.raises(error):
        fill_file(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_nobody_wrote_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "b"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_appears_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with whole_folder(path) as draft:
        (draft / "sub").mkdir()
        (draft / "sub" / "file").write_text("new")
        assert not path.exists()
    assert (path / "sub" / "file").read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.mkdir()
    with whole_folder(path) as draft:
        (draft / "file").touch()
    assert [file.name for file in path.iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, Interruption])
def test_a_folder_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fill_folder(tmp_path / "b", error)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_refused_and_untouched(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    file.write_text("mine")
    for path in (folder, file):
        with pytest.raises(FileExistsError, match="exists already"), whole_folder(path):
            pytest.fail("it was given all the same")
    assert (folder / "mine").read_text() == file.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_a_folder_that_somebody_filled_meanwhile_is_untouched(tmp_path: Path) -> None:
    path = tmp_path / "b"
    with pytest.raises(OSError, match="not empty"):
        fill_folder(path)
    assert [file.name for file in path.iterdir()] == ["theirs"]
    assert list(tmp_path.iterdir()) == [path]


def test_json_comes_back_and_holds_only_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    content = {"ä": [1, 0.1, None, True], "nested": {"x": "y"}}
    write_json(path, content)
    assert read_json(path) == content
    assert path.read_bytes().endswith(b"\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, float("nan"))
    assert read_json(path) == content
    path.write_text("{")
    with pytest.raises(json.JSONDecodeError):
        read_json(path)


def test_a_file_in_use_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace a file while somebody reads it."""
    refusals = [PermissionError(), PermissionError()]
    replace = os.replace

    def reluctant(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", reluctant)
    write_json(tmp_path / "a.json", {"a": 1})
    assert read_json(tmp_path / "a.json") == {"a": 1}
    assert not refusals
