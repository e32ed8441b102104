"""The files of a folder that a user gave: by relative name, none from outside of it."""

from collections.abc import Iterator
from pathlib import Path


def files_in(path: Path) -> Iterator[tuple[str, Path]]:
    """Relative name (with ``/``) and place of each file, in order of names.

    A path that is a file gives itself alone. Hidden files and folders are
    passed over, and so are links that lead out of the folder. A path that does not exist has none.
    """
    if path.is_file():
        yield path.name, path
        return
    inside = path.resolve()
    for found in sorted(path.rglob("*")):
        relative = found.relative_to(path)
        if any(part.startswith(".") for part in relative.parts) or not found.is_file():
            continue
        if found.resolve().is_relative_to(inside):
            yield relative.as_posix(), found
