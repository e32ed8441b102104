"""The ledger of looks: which results of the primary question have been seen, and what each cost."""

import json
from dataclasses import asdict, dataclass

from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder


@dataclass(frozen=True)
class Look:
    """One look at the primary question; in a search, one look at the test patients.

    Attributes:
        networks: networks per value that took part.
        values: the values that were compared.
        spent: share of errors that this look was allowed.
    """

    networks: int
    values: tuple[str, ...]
    spent: float


def read_looks(folder: StudyFolder) -> tuple[Look, ...]:
    """All looks so far, the first one first; none if the study was never looked at.

    Raises:
        StudyError: if the ledger is damaged.
    """
    try:
        lines = folder.looks.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return ()
    try:
        rows = [json.loads(line) for line in lines]
        return tuple(
            Look(int(row["networks"]), tuple(row["values"]), float(row["spent"])) for row in rows
        )
    except (ValueError, KeyError, TypeError):
        raise StudyError(
            f"{folder.looks.name} is damaged; it says which results were seen already, so do not "
            "remove it: restore it from a copy, or treat the study's results as exploratory"
        ) from None


def log_look(folder: StudyFolder, look: Look) -> None:
    """Add a look, unless it is there already."""
    if look not in read_looks(folder):
        with folder.looks.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(look)) + "\n")
