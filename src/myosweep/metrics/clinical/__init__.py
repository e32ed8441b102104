"""Clinical measures of one patient's masks: amounts, transmurality, contours, thresholds.

structures   the ventricle as masks, by the names of regions
spacing      distances in mm, as far as they are known
amounts      millilitres, grams, per cent; false infarct
chords       transmurality along radial chords
segments     the AHA's 16 segments, or sectors that are not aligned with them
contours     signed contour error in mm
thresholds   infarct by grey values, for masks without an infarct label
emidec       the EMIDEC challenge's official metrics, their fault included

Definitions: docs/how-to/clinical.md. NumPy and SciPy only.
"""

from myosweep.metrics.clinical.amounts import (
    DENSITY_G_PER_ML,
    Amount,
    Amounts,
    amount,
    amounts,
    amounts_row,
    false_infarct,
)
from myosweep.metrics.clinical.chords import (
    CHORDS,
    CLASSES,
    SAMPLES,
    Transmurality,
    class_numbers,
    summary,
    transmural_class,
    transmurality_of_chords,
)
from myosweep.metrics.clinical.contours import ContourError, contour_error, contour_errors
from myosweep.metrics.clinical.emidec import (
    OFFICIAL_DISTANCE,
    EmidecMetrics,
    emidec_metrics,
    hausdorff,
)
from myosweep.metrics.clinical.segments import (
    AHA_NAMES,
    NOT_ALIGNED,
    Insertion,
    aha_segments_of_chords,
    by_segment,
    insertions_of_label,
    sectors_of_chords,
)
from myosweep.metrics.clinical.spacing import UNKNOWN, Spacing
from myosweep.metrics.clinical.structures import (
    Parts,
    Structure,
    Ventricle,
    check_named,
    main_target,
    parts_of,
    structure_of,
    targets_of,
)
from myosweep.metrics.clinical.thresholds import above_remote, half_maximum

__all__ = [
    "AHA_NAMES",
    "CHORDS",
    "CLASSES",
    "DENSITY_G_PER_ML",
    "NOT_ALIGNED",
    "OFFICIAL_DISTANCE",
    "SAMPLES",
    "UNKNOWN",
    "Amount",
    "Amounts",
    "ContourError",
    "EmidecMetrics",
    "Insertion",
    "Parts",
    "Spacing",
    "Structure",
    "Transmurality",
    "Ventricle",
    "above_remote",
    "aha_segments_of_chords",
    "amount",
    "amounts",
    "amounts_row",
    "by_segment",
    "check_named",
    "class_numbers",
    "contour_error",
    "contour_errors",
    "emidec_metrics",
    "false_infarct",
    "half_maximum",
    "hausdorff",
    "insertions_of_label",
    "main_target",
    "parts_of",
    "sectors_of_chords",
    "structure_of",
    "summary",
    "targets_of",
    "transmural_class",
    "transmurality_of_chords",
]
