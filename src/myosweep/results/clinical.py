"""The table of clinical measures in a study's folder: a row per run and patient, and its facts."""

from typing import Literal

import pandas as pd
from pydantic import ValidationError

from myosweep.config import Record
from myosweep.errors import StudyError
from myosweep.files import read_json, whole_file, write_json
from myosweep.results.layout import StudyFolder


class ClinicalFacts(Record):
    """How a table of clinical measures was made, and what limits it.

    Attributes:
        part: the part of the split that was measured.
        n_sd: standard deviations above remote, where infarct is found by thresholds; else None.
        half_maximum: whether half of the maximum could be taken as well.
        tells_infarct: whether the reference tells infarct apart.
        aligned: patients with AHA segments; ``patients`` in all.
        sector_start_deg: where sectors begin in the other patients.
        in_plane_known, spacing_known: patients with known pixel distances, with known volumes.
        several_spacings, gaps, partial: patients for whom that is so.
        oval: patients whose left ventricle is too oval for an undistorted image.
        several_stacks: patients who have several stacks, of which the one with the number ``stack``
            was measured.
        places_known: False where nobody has noted which slices were left out at the import.
    """

    part: Literal["validation", "test"]
    n_sd: float | None
    half_maximum: bool
    tells_infarct: bool
    patients: int
    aligned: int
    sector_start_deg: float
    in_plane_known: int
    spacing_known: int
    several_spacings: tuple[str, ...]
    gaps: tuple[str, ...]
    partial: tuple[str, ...]
    oval: int
    several_stacks: tuple[str, ...] = ()
    stack: int | None = None
    places_known: bool = True


def write_clinical(folder: StudyFolder, table: pd.DataFrame, facts: ClinicalFacts) -> None:
    """Write the table and its facts, in place of older ones."""
    about = folder.clinical.with_name("about.json")
    about.unlink(missing_ok=True)
    with whole_file(folder.clinical) as draft:
        table.to_parquet(draft, index=False, compression="zstd")
    write_json(about, facts.model_dump(mode="json"))


def read_clinical(folder: StudyFolder) -> tuple[pd.DataFrame, ClinicalFacts] | None:
    """The table and its facts; None if nobody has measured yet.

    Raises:
        StudyError: if they are damaged.
    """
    about = folder.clinical.with_name("about.json")
    if not about.exists():
        return None
    try:
        facts = ClinicalFacts.model_validate(read_json(about))
        return pd.read_parquet(folder.clinical), facts
    except (OSError, ValueError, ValidationError):
        raise StudyError(
            "the clinical measures in clinical/ are damaged; measure again with `myosweep clinical`"
        ) from None
