"""Metrics on NumPy arrays: first count (``counts``), then score (``overlap``, ``boundary``)."""

from myosweep.distances import SQUARED_DISTANCES_PX
from myosweep.metrics.boundary import (
    MeanBF,
    bf_from_hits,
    bf_score,
    default_tolerance_px,
    hits_within,
    mean_bf_dataset,
)
from myosweep.metrics.counts import (
    BoundaryHits,
    SliceCounts,
    boundary_hits,
    count_slices,
)
from myosweep.metrics.outline import contour_lengths_px, outline_lengths_px
from myosweep.metrics.overlap import (
    MeanDefined,
    accuracy,
    confusion_matrix,
    dice,
    divide_defined,
    global_accuracy,
    iou,
    mean_accuracy,
    mean_along,
    mean_defined,
    mean_iou,
    tp_fp_fn,
    weighted_iou,
)

__all__ = [
    "SQUARED_DISTANCES_PX",
    "BoundaryHits",
    "MeanBF",
    "MeanDefined",
    "SliceCounts",
    "accuracy",
    "bf_from_hits",
    "bf_score",
    "boundary_hits",
    "confusion_matrix",
    "contour_lengths_px",
    "count_slices",
    "default_tolerance_px",
    "dice",
    "divide_defined",
    "global_accuracy",
    "hits_within",
    "iou",
    "mean_accuracy",
    "mean_along",
    "mean_bf_dataset",
    "mean_defined",
    "mean_iou",
    "outline_lengths_px",
    "tp_fp_fn",
    "weighted_iou",
]
