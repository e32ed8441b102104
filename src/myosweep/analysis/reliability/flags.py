"""The flag 'look at this one': its threshold from validation patients, its worth on test patients.

A failure is a slice on which the region's Dice is below a limit. A slice is flagged if the samples
agree on the region no better than the threshold says.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from myosweep.statistics.clustered import Estimate, clustered_share, ranking

_ROUNDING = 1e-9
FEWEST_FAILURES = 10
"""With fewer failures on validation patients nothing is promised."""


@dataclass(frozen=True)
class Threshold:
    """The highest agreement that is flagged.

    Attributes:
        value: None without a failure to learn from.
        failures, patients: failed validation slices, and the patients that they are of.
        promise: whether the wanted share of failures can be promised for patients like these.
    """

    value: float | None
    failures: int
    patients: int
    promise: bool


@dataclass(frozen=True)
class Flags:
    """What the flag is worth on the slices of one part.

    Attributes:
        slices, patients: in all.
        failures, failure_patients: failed slices, and the patients that they are of.
        false_regions: failures where the reference lacks the region.
        missed_regions: failures where the answer lacks it.
        caught: share of failures that are flagged.
        caught_alike: the same with every patient counted alike, which is what is promised.
        false_alarms: share of good slices that are flagged.
        flagged: share of all slices that are flagged.
        auroc: chance that a failure has a lower score than a good slice.
        dice, dice_unflagged: mean Dice of all slices, and of those that are not flagged.
    """

    slices: int
    patients: int
    failures: int
    failure_patients: int
    false_regions: int
    missed_regions: int
    caught: Estimate
    caught_alike: Estimate
    false_alarms: Estimate
    flagged: Estimate
    auroc: Estimate
    dice: float
    dice_unflagged: float


def choose_threshold(
    scores: Float64[np.ndarray, " slice"],
    failed: Bool[np.ndarray, " slice"],
    patients: np.ndarray,
    catch: float,
) -> Threshold:
    """The threshold that catches a share of failures, of new patients too.

    Each of the K patients with failures has the weight 1 / (K + 1), shared by their failures, and
    the last 1 / (K + 1) is that of a failure with any score. The threshold is the lowest score up
    to which ``catch`` of the weight lies: then a failure of a new patient is caught with at least
    that chance, however much the slices of a patient are alike (conformal prediction for data in
    groups: Dunn, Wasserman and Ramdas, JASA 2023; Lee, Barber and Willett 2023). Where K is too
    small for that, the largest score is taken, and nothing promised; nor with fewer than
    ``FEWEST_FAILURES``.

    Args:
        patients: the patient of each slice.
        catch: wanted share, above 0 and below 1.

    >>> scores, patients = np.array([0.1, 0.5, 0.3, 0.9]), np.array(list("aabc"))
    >>> choose_threshold(scores, scores < 0.6, patients, 0.5).value
    0.3
    """
    if not failed.any():
        return Threshold(None, 0, 0, False)
    _, owner, each = np.unique(patients[failed], return_inverse=True, return_counts=True)
    order = np.argsort(scores[failed], kind="stable")
    known, weights = scores[failed][order], (1 / each[owner] / (len(each) + 1))[order]
    reached = np.flatnonzero(weights.cumsum() >= catch - _ROUNDING)
    place = int(reached[0]) if len(reached) else len(known) - 1
    promise = bool(len(reached)) and len(known) >= FEWEST_FAILURES
    return Threshold(float(known[place]), len(known), len(each), promise)


def fewest_patients(catch: float) -> int:
    """How many patients must have failures before a share can be promised.

    >>> fewest_patients(0.9), fewest_patients(0.5)
    (9, 1)
    """
    return math.ceil(round(catch / (1 - catch), 9))


def flagged_slices(
    scores: Float64[np.ndarray, " slice"], threshold: float | None
) -> Bool[np.ndarray, " slice"]:
    """Which slices are to be looked at; none without a threshold."""
    return np.zeros(len(scores), bool) if threshold is None else scores <= threshold


def measure_flags(slices: pd.DataFrame, failure: float, threshold: float | None) -> Flags:
    """What the flag is worth.

    Args:
        slices: of one part and region, with columns as in ``results.reliability.SLICE_COLUMNS``.
        failure: a slice with a lower Dice is a failure.
    """
    scores, dice = slices["score"].to_numpy(float), slices["dice"].to_numpy(float)
    failed, flagged = dice < failure, flagged_slices(scores, threshold)
    owner = slices["patient"].astype(str).to_numpy()
    names, numbers = np.unique(owner, return_inverse=True)

    def per_patient(of: np.ndarray) -> np.ndarray:
        return np.bincount(numbers[of], minlength=len(names))

    def share(of: np.ndarray) -> Estimate:
        return clustered_share(per_patient(of & flagged), per_patient(of))

    failures = per_patient(failed)

    return Flags(
        slices=len(slices),
        patients=len(names),
        failures=int(failed.sum()),
        failure_patients=len(np.unique(owner[failed])),
        false_regions=int((failed & (slices["reference_px"] == 0)).sum()),
        missed_regions=int((failed & (slices["answer_px"] == 0)).sum()),
        caught=share(failed),
        caught_alike=clustered_share(
            per_patient(failed & flagged) / np.maximum(failures, 1), np.minimum(failures, 1)
        ),
        false_alarms=share(~failed),
        flagged=share(np.ones_like(failed)),
        auroc=ranking(scores, failed, numbers),
        dice=float(dice.mean()) if len(dice) else np.nan,
        dice_unflagged=float(dice[~flagged].mean()) if (~flagged).any() else np.nan,
    )
