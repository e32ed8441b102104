"""One score per value, network and patient: what every interval and verdict is computed from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

Design = Literal["seeds", "folds"]
Estimand = Literal["networks and patients", "patients", "networks", "none"]
"""What an interval may speak of: new networks, new patients, both, or neither."""

_ESTIMAND_WORDS: dict[Estimand, str] = {
    "networks and patients": "new networks and new patients",
    "patients": "new patients, for these very networks only",
    "networks": "new networks, for these very patients only",
    "none": "neither new networks nor new patients",
}


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of every value's networks on every patient; NaN where a cell is missing.

    The networks of one position are trained alike for all values (same seed, same patients), so
    values are compared in pairs.

    Attributes:
        values: names of the values of the swept field (or of the points of a grid), in order.
        networks: names of the networks of each value.
        patients: names of the patients.
        scores: the scores themselves.
        design: ``seeds`` (every network is tested on every patient) or ``folds`` (on its fold's).
        test_to_training: with folds, patients that test a network per patient that trains it.
        networks_known, patients_known: False if the scores are not told apart by them, and one
            column stands for all.
    """

    values: tuple[str, ...]
    networks: tuple[str, ...]
    patients: tuple[str, ...]
    scores: Float64[np.ndarray, "value network patient"]
    design: Design = "seeds"
    test_to_training: float | None = None
    networks_known: bool = True
    patients_known: bool = True

    @property
    def cells(self) -> Bool[np.ndarray, "value network patient"]:
        """Where a score is there."""
        return np.isfinite(self.scores)

    @property
    def common(self) -> Bool[np.ndarray, "network patient"]:
        """Cells that every value has."""
        return np.asarray(self.cells.all(0))

    @property
    def network_count(self) -> int:
        """Networks per value that have a cell in common with all other values."""
        return int(self.common.any(1).sum())

    @property
    def patient_count(self) -> int:
        """Patients that have a cell in common for all values."""
        return int(self.common.any(0).sum())

    @property
    def estimand(self) -> Estimand:
        """What intervals from this table may speak of."""
        return estimand_of(self.network_count, self.patient_count)

    def network_means(self) -> Float64[np.ndarray, "value network"]:
        """Mean over patients of each network; NaN for a network without cells."""
        cells = self.cells
        sums = np.where(cells, self.scores, 0.0).sum(2)
        with np.errstate(invalid="ignore", divide="ignore"):
            means: np.ndarray = sums / cells.sum(2)
        return means

    def only(self, keep: Bool[np.ndarray, " network"]) -> "ScoreTable":
        """The table without some networks."""
        return ScoreTable(
            self.values,
            tuple(name for name, kept in zip(self.networks, keep, strict=True) if kept),
            self.patients,
            self.scores[:, keep],
            self.design,
            self.test_to_training,
            self.networks_known,
            self.patients_known,
        )


def estimand_of(networks: int, patients: int) -> Estimand:
    """What may be concluded from so many networks per value and patients."""
    if networks > 1 and patients > 1:
        return "networks and patients"
    if patients > 1:
        return "patients"
    return "networks" if networks > 1 else "none"


def estimand_words(estimand: Estimand) -> str:
    """The estimand in words, after "holds for".

    >>> estimand_words("patients")
    'new patients, for these very networks only'
    """
    return _ESTIMAND_WORDS[estimand]
