"""The BF score: how well two boundaries agree within a tolerance.

Precision is the share of the predicted boundary pixels whose Euclidean distance to the reference
boundary is at most the tolerance, recall the converse, and BF = 2 P R / (P + R), 0 where both are 0
(Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013; MATLAB's
``bfscore``). Boundaries are those of ``counts``. Two rules of "undefined" are offered:

- MATLAB's (``strict=False``, the paper's table): NaN where the reference or the prediction has no
  boundary. A region that a network misses altogether is not penalised.
- strict (``strict=True``, for verdicts): defined means defined by the reference. NaN where the
  region is absent from the reference, 0 where it is present and the prediction is empty.
"""

from math import floor, hypot, isfinite
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Num

from myosweep.distances import SQUARED_DISTANCES_PX
from myosweep.errors import InputError
from myosweep.metrics.counts import BoundaryHits, boundary_hits
from myosweep.metrics.overlap import Counts, Scores, divide_defined, mean_along

_DIAGONAL_SHARE = 0.0075
_LARGEST_TOLERANCE_PX = float(np.sqrt(SQUARED_DISTANCES_PX[-1]))


class MeanBF(NamedTuple):
    """Mean BF scores of a data set; how many slices stand behind them, says ``mean_defined``."""

    per_region: Float64[np.ndarray, " region"]
    overall: float


def bf_from_hits(
    prediction_hits: Counts,
    prediction_boundary: Counts,
    reference_hits: Counts,
    reference_boundary: Counts,
    strict: bool = False,
) -> Scores:
    """BF score from boundary lengths and hits at one tolerance.

    Args:
        prediction_hits: predicted boundary pixels within the tolerance (see ``hits_within``).
        prediction_boundary, reference_boundary: boundary lengths in pixels.
        reference_hits: reference boundary pixels within the tolerance. All shapes broadcast.
        strict: which scores are undefined, see the module.

    >>> lengths = np.array([4, 0]), np.array([4, 8])
    >>> bf_from_hits(np.array([2, 0]), lengths[0], np.array([2, 0]), lengths[1]).tolist()
    [0.5, nan]
    >>> bf_from_hits(np.array([2, 0]), lengths[0], np.array([2, 0]), lengths[1], True).tolist()
    [0.5, 0.0]
    """
    precision = divide_defined(prediction_hits, prediction_boundary)
    recall = divide_defined(reference_hits, reference_boundary)
    total = precision + recall  # NaN, as it should be, where either boundary is empty
    bf = np.where(total == 0, 0.0, divide_defined(2 * precision * recall, total))
    if not strict:
        return bf
    predicted_nothing = np.equal(prediction_boundary, 0) & np.greater(reference_boundary, 0)
    return np.where(predicted_nothing, 0.0, bf)


def hits_within(
    hits: Num[np.ndarray, "*batch distance"], tolerance_px: float | int
) -> Num[np.ndarray, "*batch"]:
    """The hits at a tolerance: distances up to and including it count.

    Args:
        hits: cumulative hits per squared distance of ``SQUARED_DISTANCES_PX``.
        tolerance_px: from 0 to 5 pixels.

    Raises:
        InputError: outside that range, where the counts do not know the answer.
    """
    if not 0 <= tolerance_px <= _LARGEST_TOLERANCE_PX:
        raise InputError(
            f"counts hold boundary distances from 0 to {_LARGEST_TOLERANCE_PX:g} px, the tolerance "
            f"is {tolerance_px:g} px; choose a smaller one, or score the masks with bf_score"
        )
    distances_px = np.sqrt(SQUARED_DISTANCES_PX)
    within: np.ndarray = hits[..., int(np.searchsorted(distances_px, tolerance_px, "right")) - 1]
    return within


def default_tolerance_px(height: int, width: int) -> float:
    """MATLAB's default tolerance, 0.75 % of the image diagonal.

    >>> round(default_tolerance_px(128, 128), 4)
    1.3576
    """
    return _DIAGONAL_SHARE * hypot(height, width)


def mean_bf_dataset(bf: Float64[np.ndarray, "slice region"]) -> MeanBF:
    """Mean BF scores of a data set, as MATLAB takes them; NaNs are skipped at every step.

    Args:
        bf: BF score of every slice and region, NaN where undefined.

    Returns:
        ``per_region``, the mean over slices, and ``overall``, the mean over slices of the slice's
        mean over regions. NaN where nothing is defined.

    Source: MeanBFScore of MATLAB's evaluateSemanticSegmentation.
    """
    per_slice = mean_along(bf, axis=1)
    return MeanBF(mean_along(bf, axis=0), float(mean_along(per_slice, axis=0)))


def bf_score(
    reference: np.ndarray,
    prediction: np.ndarray,
    label: int | np.integer,
    tolerance_px: float | int | None = None,
    ignored_label: int | np.integer | None = None,
    *,
    strict: bool = False,
) -> float:
    """BF score of one label of one label image.

    Args:
        reference, prediction: whole numbers (or truth values), axes [y, x], of one shape.
        label: the label to score.
        tolerance_px: in pixels, any size; by default ``default_tolerance_px`` of the image.
        ignored_label: pixels that have this label in the reference are ignored in both images,
            before boundaries are drawn. To leave a label out of a mean, just do not score it: that
            is all that MATLAB's ``bfscore`` does with label 0, see tests/metrics/test_boundary.py.
        strict: which scores are undefined, see the module.

    Returns:
        The score, 0 to 1; NaN where undefined, which it is for an empty image.

    Raises:
        InputError: with every rule that the images, labels or tolerance break.
    """
    _check_images(reference, prediction, label, tolerance_px, ignored_label)
    if tolerance_px is None:
        tolerance_px = default_tolerance_px(*reference.shape)
    labelled = np.True_ if ignored_label is None else reference != ignored_label
    squared_px = _squared_distance_within(tolerance_px, *reference.shape)
    hits = _hits_of_pair(reference == label, (prediction == label) & labelled, squared_px)
    bf = bf_from_hits(
        hits.prediction_hits[:, 0],
        hits.prediction_boundary,
        hits.reference_hits[:, 0],
        hits.reference_boundary,
        strict,
    )
    return float(bf[0])


def _hits_of_pair(
    reference: Bool[np.ndarray, "y x"], prediction: Bool[np.ndarray, "y x"], squared_px: int
) -> BoundaryHits:
    return boundary_hits(reference[None], prediction[None], (squared_px,))


def _squared_distance_within(tolerance_px: float | int, height: int, width: int) -> int:
    """Largest squared pixel distance whose root is at most the tolerance, despite rounding.

    >>> _squared_distance_within(13**0.5, 99, 99), _squared_distance_within(1.5, 99, 99)
    (13, 2)
    """
    within_px = min(tolerance_px, hypot(height, width))
    squared_px = floor(within_px**2)
    return squared_px + int(np.sqrt(squared_px + 1) <= within_px)


def _check_images(
    reference: np.ndarray,
    prediction: np.ndarray,
    label: int | np.integer,
    tolerance_px: float | int | None,
    ignored_label: int | np.integer | None,
) -> None:
    problems = []
    for role, image in (("reference", reference), ("prediction", prediction)):
        if image.ndim != 2:
            problems.append(
                f"a label image has the axes [y, x], the {role} has the shape {image.shape}; "
                "score slices one by one, or a stack with count_slices"
            )
        if image.dtype.kind not in "iub":
            problems.append(
                f"labels are whole numbers, the {role} holds {image.dtype}; take the most likely "
                f"class of probabilities, or convert with {role}.astype(int)"
            )
    if reference.shape != prediction.shape:
        problems.append(
            "reference and prediction have one shape, got "
            f"{reference.shape} and {prediction.shape}; resample the prediction to the reference"
        )
    if tolerance_px is not None and not (isfinite(tolerance_px) and tolerance_px >= 0):
        problems.append(
            f"a tolerance is a finite number of pixels, 0 or more, got {tolerance_px}; leave it "
            "out for 0.75 % of the image diagonal"
        )
    if label == ignored_label:
        problems.append(
            f"an ignored label cannot be scored, {label} is both; choose another ignored_label"
        )
    if problems:
        raise InputError(problems, "these images cannot be scored")
