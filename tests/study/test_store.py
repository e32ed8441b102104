"""Runs in a store: what one machine leaves another continues, on stores that do nothing at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from myosweep.errors import ClaimLost, StudyError
from myosweep.files import write_json
from myosweep.results.layout import RunFolder
from myosweep.results.rows import RunStatus
from myosweep.study.store import RunStore, Store
from myosweep.training.claim import Errand

URL = "plain://bucket/study"


class Plain(MemoryFileSystem):
    """Like an object store: whole objects, no renaming."""

    protocol = "plain"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("plain://", "memory://", 1))

    def mv(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("this store renames nothing")

    move = rename = copy = cp_file = mv


@pytest.fixture(autouse=True)
def files() -> Iterator[MemoryFileSystem]:
    fsspec.register_implementation("plain", Plain, clobber=True)
    store = Plain()
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def checkpoint(folder: Path, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "checkpoint.safetensors").write_text(content)
    return folder / "checkpoint.safetensors"


def whole_run(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    for path in run.results:
        path.write_text(path.name)
    write_json(run.status, RunStatus(status="complete", epochs_done=3).model_dump(mode="json"))
    return run


def names(files: MemoryFileSystem) -> list[str]:
    return sorted(path.rsplit("/", 1)[1] for path in files.find("/bucket/study"))


def test_another_machine_continues_after_the_last_epoch(tmp_path: Path) -> None:
    first = RunStore(URL, "r1", Errand("one", 1))
    first.begin(tmp_path / "a" / "checkpoint.safetensors")
    assert first.epochs_done == 0
    assert not (tmp_path / "a").exists()
    for epoch in (1, 2, 11):
        first.keep(checkpoint(tmp_path / "a", f"after {epoch}"), epoch)
    second = RunStore(URL, "r1", Errand("one", 2))
    second.begin(tmp_path / "b" / "checkpoint.safetensors")
    assert second.epochs_done == 11
    assert (tmp_path / "b" / "checkpoint.safetensors").read_text() == "after 11"


def test_who_was_taken_over_keeps_nothing_more(tmp_path: Path, files: MemoryFileSystem) -> None:
    first = RunStore(URL, "r1", Errand("one", 1))
    first.begin(tmp_path / "a" / "checkpoint.safetensors")
    RunStore(URL, "r1", Errand("two", 1)).begin(tmp_path / "b" / "checkpoint.safetensors")
    with pytest.raises(ClaimLost, match="r1 was taken over"):
        first.keep(checkpoint(tmp_path / "a", "late"), 1)
    with pytest.raises(ClaimLost):
        first.finish(whole_run(tmp_path / "r1"))
    assert names(files) == ["owner.json"]


def test_a_half_written_checkpoint_is_passed_over(tmp_path: Path, files: MemoryFileSystem) -> None:
    first = RunStore(URL, "r1", Errand("one"))
    first.begin(tmp_path / "a" / "checkpoint.safetensors")
    for epoch in (1, 2):
        first.keep(checkpoint(tmp_path / "a", f"after {epoch}"), epoch)
    newest = next(path for path in files.find("/bucket/study") if "-0002-" in path)
    files.pipe_file(newest, b"aft")
    second = RunStore(URL, "r1", Errand("two"))
    second.begin(tmp_path / "b" / "checkpoint.safetensors")
    assert second.epochs_done == 1
    assert (tmp_path / "b" / "checkpoint.safetensors").read_text() == "after 1"


def test_two_checkpoints_are_kept_and_none_of_a_whole_run(
    tmp_path: Path, files: MemoryFileSystem
) -> None:
    store = RunStore(URL, "r1", Errand("one"))
    store.begin(tmp_path / "a" / "checkpoint.safetensors")
    for epoch in range(1, 6):
        store.keep(checkpoint(tmp_path / "a", f"after {epoch}"), epoch)
    assert [name[:15] for name in names(files)[:-1]] == ["checkpoint-0004", "checkpoint-0005"]
    run = whole_run(tmp_path / "r1")
    store.finish(run)
    assert set(names(files)) == {"owner.json", *(path.name for path in run.results)}


def test_a_whole_run_is_fetched_status_last(tmp_path: Path, files: MemoryFileSystem) -> None:
    store = RunStore(URL, "r1", Errand("one"))
    store.begin(tmp_path / "none")
    store.finish(whole_run(tmp_path / "there" / "r1"))
    here = RunFolder(tmp_path / "here" / "r1")
    assert Store(URL).finished() == {"r1"}
    ended = store.ended("r1")
    assert ended is not None
    assert ended.epochs_done == 3
    assert Store(URL).fetch(here)
    status = here.read_status()
    assert status is not None
    assert status.epochs_done == 3
    assert [path.read_text() for path in here.results[:-1]] == [
        path.name for path in here.results[:-1]
    ]
    files.rm_file("/bucket/study/runs/r1/masks.npz")
    broken = RunFolder(tmp_path / "broken" / "r1")
    with pytest.raises(FileNotFoundError):
        Store(URL).fetch(broken)
    assert broken.read_status() is None, "without all files there is no status"


@pytest.mark.parametrize("content", [None, b"", b'{"status": "comp', b'{"status": "failed"}'])
def test_what_is_not_whole_is_not_fetched(
    tmp_path: Path, files: MemoryFileSystem, content: bytes | None
) -> None:
    if content is not None:
        files.pipe_file("/bucket/study/runs/r1/status.json", content)
    run = RunFolder(tmp_path / "r1")
    assert Store(URL).ended("r1") is None
    assert not Store(URL).fetch(run)
    assert not run.path.exists()


def test_an_empty_store_has_no_runs() -> None:
    assert Store(URL).finished() == set()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://bucket", "--store 'nonsense://bucket' cannot be used: Protocol not known"),
        ("oci://bucket", "--store 'oci://bucket' cannot be used: .*[Ii]nstall"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        Store(url)
