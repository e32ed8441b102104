"""The files of a folder that a user gave: by relative name, none from outside of it."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_in(path: Path) -> Iterator[tuple[str, Path]]:
    """Relative name (with ``/``) and place of each file, in order of names, part by part.

    A path that is a file gives itself alone. Hidden files and folders are passed over, and so are
    links to folders, links that lead out of the folder, folders that may not be opened, and what
    is no regular file. A path that does not exist has none.
    """
    if os.path.isfile(path):
        yield path.name, path
        return
    inside = os.path.realpath(path)
    found: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for folder, folders, files in os.walk(path):
        place = os.path.realpath(folder)
        if place in seen or not _lies_in(place, inside):
            folders.clear()  # a junction: to os.walk before Python 3.12, a folder like any other
            continue
        seen.add(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        parts = Path(folder).relative_to(path).parts
        found += [(*parts, name) for name in files if _is_wanted(folder, name, inside)]
    for names in sorted(found):
        yield "/".join(names), path.joinpath(*names)


def _is_wanted(folder: str, name: str, inside: str) -> bool:
    file = os.path.join(folder, name)
    if name.startswith(".") or not os.path.isfile(file):
        return False
    return not os.path.islink(file) or _lies_in(os.path.realpath(file), inside)


def _lies_in(place: str, inside: str) -> bool:
    return Path(place).is_relative_to(inside)
