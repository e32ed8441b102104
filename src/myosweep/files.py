"""Files and folders that appear whole or not at all."""

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE, _PAUSE_S = 40, 0.05


@contextmanager
def whole_file(path: Path, *, new: bool = False) -> Iterator[Path]:
    """Give a path to write to; put it in place of ``path`` in one step if nothing was raised.

    Args:
        new: only if there is no such file, not even one that was made meanwhile.

    Raises:
        FileExistsError: if there is one, and it should be new.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield draft
        (put_new if new else _replace)(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes ``path`` in one step if nothing was raised.

    Raises:
        FileExistsError: if ``path`` exists and is not an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} exists already; give another name or remove it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    draft.mkdir()
    try:
        yield draft
        if path.exists():
            path.rmdir()
        os.replace(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def put_new(draft: Path, path: Path) -> None:
    """Give a draft its name, unless another file has it.

    Raises:
        FileExistsError: if one has.
    """
    try:
        # neither of them replaces a file: not os.rename on Windows, nor os.link elsewhere
        (os.rename if os.name == "nt" else os.link)(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as a memory stick's
        if path.exists():
            raise FileExistsError(f"{path} exists already") from None
        os.replace(draft, path)


def _replace(draft: Path, path: Path) -> None:
    """``os.replace``, patient with Windows, which refuses while somebody reads ``path``."""
    for _ in range(_PATIENCE):
        try:
            os.replace(draft, path)
            return
        except PermissionError:
            time.sleep(_PAUSE_S)
    os.replace(draft, path)


def write_json(path: Path, content: Any, *, new: bool = False) -> None:
    """Write ``content`` as readable JSON, whole or not at all; ``new`` as in ``whole_file``."""
    with whole_file(path, new=new) as draft:
        draft.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
