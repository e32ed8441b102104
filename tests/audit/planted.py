"""Phantom slices in memory, to plant faults in before they become a dataset."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from myosweep.audit import Audit, Finding, audit_dataset
from myosweep.audit.fit import measure_fits
from myosweep.audit.measure import measure_slices
from myosweep.audit.misfit import find_misfits
from myosweep.audit.records import Inspected
from myosweep.audit.structures import find_structures
from myosweep.data.phantom import REGIONS, phantom_patient
from myosweep.data.split import PARTS, Split
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.regions import RegionScheme

PATIENTS, SIZE = 12, 72


@dataclass
class Slices:
    """Images, labels and descriptions that a test may change."""

    images: np.ndarray
    labels: np.ndarray
    rows: list[dict[str, Any]]
    scheme: RegionScheme = REGIONS
    source: dict[str, Any] = field(default_factory=lambda: {"kind": "test"})
    padding: int | None = None

    @property
    def patients(self) -> np.ndarray:
        return np.array([row["patient"] for row in self.rows])

    def key(self, place: int) -> str:
        return str(self.rows[place]["slice"])

    def of(self, patient: str) -> np.ndarray:
        """Places of a patient's slices."""
        return np.flatnonzero(self.patients == patient)

    def append(self, image: np.ndarray, labels: np.ndarray, patient: str) -> str:
        """Put one more slice at the end; its key."""
        key = f"{patient}_x{len(self.rows)}"
        self.images = np.concatenate([self.images, image[None].astype(self.images.dtype)])
        self.labels = np.concatenate([self.labels, labels[None]])
        self.rows.append({"patient": patient, "slice": key})
        return key

    def dataset(self, folder: Path) -> Dataset:
        """The slices as a dataset; one patient's beside each other, as every import has them."""
        order = np.argsort(self.patients, kind="stable")
        types = self.images.dtype, self.labels.dtype
        with new_dataset(folder / "planted", *types, self.scheme, self.source) as draft:
            draft.padding = self.padding
            for place in order:
                draft.append(self.images[place], self.labels[place], **self.rows[place])
        return open_dataset(folder / "planted")

    def audit(self, folder: Path) -> Audit:
        return audit_dataset(self.dataset(folder))

    def inspected(self, folder: Path) -> Inspected:
        """The slices as most checks want them, measured."""
        dataset = self.dataset(folder)
        structures = find_structures(dataset.scheme)
        return Inspected(dataset, structures, measure_slices(dataset, structures), {})

    def misfits(self, folder: Path) -> dict[str, Finding]:
        """What the fit of masks to their images finds, by check."""
        inspected = self.inspected(folder)
        return {one.check: one for one in find_misfits(inspected, measure_fits(inspected))}


@lru_cache(maxsize=1)
def _phantoms() -> tuple[np.ndarray, np.ndarray, tuple[dict[str, Any], ...]]:
    made = [one for number in range(PATIENTS) for one in phantom_patient(7, number, SIZE)]
    rows = tuple(
        {
            "patient": one.patient,
            "slice": f"{one.patient}_{one.slice}",
            "site": one.site,
            "vendor": one.vendor,
            "level": one.level,
            "spacing_mm": one.spacing_mm,
        }
        for one in made
    )
    return np.stack([one.image for one in made]), np.stack([one.labels for one in made]), rows


def phantoms() -> Slices:
    """Twelve phantom patients, 72 x 72 pixels, without a fault."""
    images, labels, rows = _phantoms()
    return Slices(images.copy(), labels.copy(), [dict(row) for row in rows])


def split_of(dataset: Dataset, part_of: dict[str, str]) -> Split:
    """A split by slice key; it is not checked for anything."""
    parts = {part: tuple(key for key in part_of if part_of[key] == part) for part in PARTS}
    return Split(made_by=None, pixel_hash=dataset.manifest.pixel_hash, **parts)


def found(audit: Audit, check: str) -> list[Finding]:
    return [one for one in audit.findings if one.check == check]


def only(audit: Audit, check: str) -> Finding:
    """The one finding of a check."""
    return one_of(audit.findings, check)


def one_of(findings: Iterable[Finding], check: str) -> Finding:
    """The one finding of a check among several."""
    (finding,) = (one for one in findings if one.check == check)
    assert finding.sentence.endswith(".")
    assert finding.advice
    return finding
