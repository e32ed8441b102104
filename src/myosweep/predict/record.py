"""Whose predictions a folder holds: one model's, in one way, which its record tells."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from myosweep.config import canonical_hash
from myosweep.errors import StudyError
from myosweep.files import read_json, write_json
from myosweep.predict.folder import FOLDERS, RECORD
from myosweep.predict.model import Model
from myosweep.predict.turn import AS_IT_IS, Turn

Heart = Literal["search", "centre"]
"""How the network's window is placed on an image that is larger."""
_PATIENT = "patient_pattern"


def way_of(
    model: Model, heart: Heart = "search", turn: Turn = AS_IT_IS, patient: str | None = None
) -> dict[str, Any]:
    """All that masks depend on, beside the images.

    Args:
        patient: the pattern for pictures' names that says which show one heart; only its hash is
            kept.
    """
    way = {
        "model": model.facts.digest,
        "computed_by": model.computed_by,
        "precision": model.precision,
        "device": model.device,
        "heart": heart,
        "turn": [turn.degrees, turn.mirrored],
    }
    return way if patient is None else way | {_PATIENT: canonical_hash(patient)}


def mark_of(way: Mapping[str, Any]) -> str:
    """A short name of a way, for files that lie among those of other ways."""
    return f"myosweep-{canonical_hash(dict(way))[:8]}"


def salt_of(out: Path) -> str:
    """What fingerprints of sources are salted with in a folder; empty where it has no salt."""
    try:
        found = read_json(out / RECORD)["salt"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def claim_folder(out: Path, model: Model, way: Mapping[str, Any]) -> str:
    """Write down whose predictions the folder holds; gives its salt.

    Raises:
        StudyError: as ``check_folder`` does.
    """
    path = out / RECORD
    before = check_folder(out, way)
    salt = {"salt": secrets.token_hex(16)}
    if before is None:
        try:
            facts = model.facts.model_dump(mode="json")
            write_json(path, {"format": 1, **way, "facts": facts, **salt}, new=True)
        except FileExistsError:  # of two processes that begin at once, one is first
            check_folder(out, way)
    elif not salt_of(out):  # of an older version
        write_json(path, before | salt)
    return salt_of(out)


def check_folder(out: Path, way: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a folder of results of this way; None if it has none yet.

    Raises:
        StudyError: if they are of another model or way, or nobody knows of which; or if it is no
            folder.
    """
    if out.exists() and not out.is_dir():
        raise StudyError(f"{out.name!r} is a file; give a folder for the results")
    try:
        before = read_json(out / RECORD)
    except FileNotFoundError:
        if taken := next((name for name in FOLDERS if (out / name).exists()), None):
            raise StudyError(
                f"{out.name!r} has a folder {taken!r} already, but no {RECORD} that says whose "
                "results are in it; give another folder"
            ) from None
        return None
    except NotADirectoryError:
        raise StudyError(f"{out.name!r} would lie in a file; give another folder") from None
    except PermissionError:
        raise StudyError(f"{RECORD} in {out.name!r} cannot be read; check permissions") from None
    except (OSError, ValueError, RecursionError):
        before = None
    if not isinstance(before, dict) or any(
        before.get(key) != way.get(key) for key in {*way, _PATIENT}
    ):
        raise StudyError(
            f"{out.name!r} holds predictions of another model, of another kind of file of it, in "
            "another precision or on another kind of device (or of an older version, which did not "
            "note them), or with another --heart, --turn, --mirror or --patient; give another "
            "folder"
        )
    return before
