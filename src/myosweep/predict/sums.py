"""SHA-256 of every file of an export, in the form that ``sha256sum -c`` reads."""

import hashlib
from pathlib import Path

from myosweep.errors import StudyError

SUMS = "SHA256SUMS"
_MOST_BYTES = 2**20


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """List all files of a folder, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def check_sum(path: Path) -> None:
    """Compare a file with the list beside it, where there is one.

    Raises:
        StudyError: if it is another file than the one that was exported.
    """
    listed = path.with_name(SUMS)
    if not (path.is_file() and listed.is_file()) or listed.stat().st_size > _MOST_BYTES:
        return
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if path.name in known and known[path.name] != file_sha256(path):
        raise StudyError(
            f"{path.name!r} is not the file that was exported (its SHA-256 is not the one in "
            f"{SUMS}); export the model again"
        )
