"""SHA-256 of every file of an export, in the form that ``sha256sum -c`` reads."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from myosweep.errors import StudyError
from myosweep.files import whole_file

SUMS = "SHA256SUMS"
_MOST_BYTES = 2**20


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path, names: Sequence[str] | None = None) -> None:
    """List some files of a folder by relative name; by default all."""
    every = (path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    files = sorted(every if names is None else (folder / name for name in names))
    lines = [f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    with whole_file(folder / SUMS) as draft:
        draft.write_text("".join(lines), encoding="utf-8", newline="\n")


def check_sum(path: Path) -> None:
    """Compare a file with the list beside it, where there is one.

    Raises:
        StudyError: if it is another file than the one that was exported, or the list is far too
            large to be read.
    """
    listed = path.with_name(SUMS)
    if not (path.is_file() and listed.is_file()):
        return
    known = _listed(listed)
    if path.name in known and known[path.name] != file_sha256(path):
        raise StudyError(
            f"{path.name!r} is not the file that was exported (its SHA-256 is not the one in "
            f"{SUMS}); export the model again"
        )


def changed_since(folder: Path, sums: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """Compare files with their SHA-256: how many there are, and a sentence for each that differs.

    Args:
        sums: by relative name; by default what ``SHA256SUMS`` in the folder lists.

    Raises:
        StudyError: if there is no list.
    """
    known = _listed(folder / SUMS) if sums is None else sums
    problems = []
    for name, digest in known.items():
        path, parts = folder / name, Path(name).parts
        if Path(name).is_absolute() or ".." in parts:
            problems.append(f"{name!r} leads out of the folder, so it is not looked at")
        elif not path.is_file():
            problems.append(f"{name} is gone")
        elif file_sha256(path) != digest:
            problems.append(f"{name} has changed (its SHA-256 is another one)")
    return len(known), problems


def _listed(path: Path) -> dict[str, str]:
    """Digests by name."""
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise StudyError(
            f"{path.parent.name!r} has no readable list {SUMS}, so nothing can be compared; export "
            "the model, or write the card, again"
        )
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
