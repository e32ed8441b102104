"""From which source results were made: a fingerprint of each case's files, kept beside them.

Names repeat: every DICOM folder has its ``IM000``. So a case is done only if its results are there
and were made from the very same bytes. The fingerprint is written before the first result, so that
a killed prediction leaves none without.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from myosweep.errors import DatasetError, StudyError
from myosweep.files import read_json, write_json
from myosweep.predict.cases import Case
from myosweep.predict.folder import SOURCES
from myosweep.predict.outputs import possible_files

_DIGITS = 32
"""Of a fingerprint: 128 bits."""
_SHOWN = 20


def fingerprint(case: Case, salt: str) -> str:
    """A keyed hash of the bytes of a case's files, in their order; nothing else is in it.

    Args:
        salt: of the folder of results; without it nobody can look the bytes up in a list.

    Raises:
        DatasetError: if a file cannot be read.
    """
    found = hmac.new(salt.encode(), case.part.encode(), hashlib.sha256)
    try:
        for path in case.files:
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        raise DatasetError("cannot be read; is it still there, and may you open it?") from None
    return found.hexdigest()[:_DIGITS]


def keep_source(case: Case, source: str, out: Path, more: Mapping[str, Any]) -> None:
    """Write down which source the results are of, before the first of them.

    Args:
        more: what else is to be known of the case later.

    Raises:
        DatasetError: if there are results of another one, as when a file is replaced in between.
    """
    file = _file(case, out)
    known = _known(file)
    if known == source and more.keys() <= read_json(file).keys():
        return
    if known != source and any(path.exists() for path in possible_files(case, out)):
        raise DatasetError(
            "has got results of another source in the meantime; give another folder for the results"
        )
    write_json(file, {"format": 1, "source": source, **more})


def _file(case: Case, out: Path) -> Path:
    """A picture and a volume may have one name, so the kind is part of it."""
    return out / SOURCES / f"{case.name}.{case.kind.lower()}.json"


def _known(file: Path) -> str | None:
    """The fingerprint in a file; None if there is none, or a damaged one."""
    try:
        found = read_json(file)["source"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


class Strangers:
    """Cases whose names have results of other sources, or of nobody knows which.

    Args:
        out, salt: the folder of results, and its salt; without one nothing in it is known.
    """

    def __init__(self, out: Path, salt: str) -> None:
        self._out, self._salt = out, salt
        self._here: list[Case] = []
        self._beside: list[Case] = []

    def look_at(self, case: Case, *, seg: bool) -> None:
        """Note a case whose results are of another source; files are hashed only if it has any.

        Args:
            seg: whether its DICOM SEG is wanted, which does not lie in the folder of results.

        Raises:
            DatasetError: if a file of the case cannot be read.
        """
        known = _known(_file(case, self._out)) if self._salt else None
        is_own = known is not None and known == fingerprint(case, self._salt)
        if not is_own and any(path.exists() for path in possible_files(case, self._out)):
            self._here.append(case)
        if seg and case.seg_file is not None and case.seg_file.exists():
            from myosweep.predict.dicom_seg import is_of

            if not (is_own or known is None) or not is_of(case.seg_file, case.source):
                self._beside.append(case)

    def refuse(self) -> None:
        """Raise a ``StudyError`` that names them all, if there are any."""
        problems = []
        if self._here:
            problems.append(
                f"{self._out.name!r} has results under the names of {_named(self._here)} that were "
                "made from other images, or by an older version, which did not note from which; "
                "give another folder for the results"
            )
        if self._beside:
            problems.append(
                f"there are DICOM SEG files under the names of {_named(self._beside)} that were "
                "made from other images; give another --seg-folder, or move them away"
            )
        if problems:
            raise StudyError(problems, "nothing was predicted")


def _named(cases: Sequence[Case]) -> str:
    shown = ", ".join(case.subject for case in cases[:_SHOWN])
    rest = len(cases) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
