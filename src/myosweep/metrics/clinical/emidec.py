"""The EMIDEC challenge's official metrics, as its published program computes them.

What is copied from EMIDEC-Challenge/Evaluation-metrics (GitHub, commits b892b1f and d21e881): the
myocardium is labels 2 to 4 and infarction labels 3 and 4; Dice is taken over the whole volume, and
is 1 where both are empty; volume differences are absolute, in mm³, rounded to two decimals; the
ratio divides them by the REFERENCE myocardium. Its Hausdorff distance hands the spacing over in the
order (x, y, z), but its array has the order (z, y, x). So slices 10 mm apart count as 1.5 mm, and
columns 1.5 mm apart count as 10 mm: what was published in "mm" are no millimetres. That number is
``hausdorff_official``; ``hausdorff_mm`` is the same distance with the spacings where they belong.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from myosweep.errors import InputError
from myosweep.metrics.clinical.structures import Ventricle

OFFICIAL_DISTANCE = (
    "Hausdorff distance as the official program computes it: spacings are taken in the wrong "
    "order, so these are not millimetres"
)


@dataclass(frozen=True)
class EmidecMetrics:
    """One patient, exact mode.

    Attributes:
        dice_*: over the volume; 1 where both are empty.
        volume_difference_*_mm3: absolute.
        infarct_ratio_difference, no_reflow_ratio_difference: volume difference divided by the
            volume of the reference myocardium; NaN where that is empty.
        hausdorff_official: of the myocardium, in no unit; see the module.
        hausdorff_mm: the same distance, right. Both are NaN where one of the two masks is empty,
            where the official program ends with an error.
    """

    dice_myocardium: float
    volume_difference_myocardium_mm3: float
    hausdorff_official: float
    hausdorff_mm: float
    dice_infarct: float
    volume_difference_infarct_mm3: float
    infarct_ratio_difference: float
    dice_no_reflow: float
    volume_difference_no_reflow_mm3: float
    no_reflow_ratio_difference: float


def emidec_metrics(
    reference: Ventricle, prediction: Ventricle, spacing_xyz_mm: tuple[float, float, float]
) -> EmidecMetrics:
    """All official metrics of one patient.

    Args:
        spacing_xyz_mm: of columns, rows and slices, as an image's header has them.

    Raises:
        InputError: if one of the two does not tell infarct and no-reflow apart.
    """
    if any(
        part is None for one in (reference, prediction) for part in (one.infarct, one.no_reflow)
    ):
        raise InputError(
            "EMIDEC's metrics need infarct and no-reflow as regions of their own, in the reference "
            "and in the prediction; use the regions of `--regions five`"
        )
    x, y, z = spacing_xyz_mm
    myocardium = reference.myocardium, prediction.myocardium
    numbers = [_of_structure(*myocardium, spacing_xyz_mm)]
    for one, other in (
        (reference.infarct, prediction.infarct),
        (reference.no_reflow, prediction.no_reflow),
    ):
        assert one is not None
        assert other is not None
        numbers.append(_of_structure(one, other, spacing_xyz_mm))
    whole = float(np.prod(spacing_xyz_mm)) * int(reference.myocardium.sum())
    (dice, volume, _), (dice_3, volume_3, raw_3), (dice_4, volume_4, raw_4) = numbers
    return EmidecMetrics(
        dice,
        volume,
        hausdorff(*myocardium, spacing_xyz_mm),
        hausdorff(*myocardium, (z, y, x)),
        dice_3,
        volume_3,
        raw_3 / whole if whole else np.nan,
        dice_4,
        volume_4,
        raw_4 / whole if whole else np.nan,
    )


def hausdorff(
    reference: Bool[np.ndarray, "slice y x"],
    prediction: Bool[np.ndarray, "slice y x"],
    spacings: tuple[float, float, float],
) -> float:
    """Largest distance between the border voxels of two masks, either way; NaN if one is empty.

    Args:
        spacings: along the first, second and third axis of the arrays.
    """
    if not (reference.any() and prediction.any()):
        return float("nan")
    borders = [mask & ~ndimage.binary_erosion(mask) for mask in (reference, prediction)]
    there, back = (
        ndimage.distance_transform_edt(~borders[one], sampling=spacings)[borders[1 - one]].max()
        for one in (0, 1)
    )
    return float(max(there, back))


def _of_structure(
    reference: np.ndarray, prediction: np.ndarray, spacing_xyz_mm: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Dice, and the volume difference: rounded as it is published, and not."""
    true, drawn = int(reference.sum()), int(prediction.sum())
    both = int((reference & prediction).sum())
    difference = abs(drawn - true) * float(np.prod(spacing_xyz_mm))
    return 2 * both / (true + drawn) if true + drawn else 1.0, round(difference, 2), difference
