"""Can a model be believed: do its probabilities hold, and are its failures flagged?"""

from myosweep.analysis.reliability.findings import Limits, Reliability, judge_reliability
from myosweep.analysis.reliability.flags import FEWEST_FAILURES, Flags, Threshold, choose_threshold
from myosweep.analysis.reliability.pixels import PixelCalibration, pixel_calibrations

__all__ = [
    "FEWEST_FAILURES",
    "Flags",
    "Limits",
    "PixelCalibration",
    "Reliability",
    "Threshold",
    "choose_threshold",
    "judge_reliability",
    "pixel_calibrations",
]
