"""Calibration of pixels: what is said and what is so, before and after temperature scaling."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64

from myosweep.metrics.calibration import (
    BINS,
    calibration_error,
    equal_mass,
    merged,
    overconfidence,
)
from myosweep.metrics.overlap import divide_defined
from myosweep.results.reliability import WHOLE
from myosweep.statistics.clustered import (
    Estimate,
    patient_draws,
    percentile_interval,
    reflected_interval,
)


@dataclass(frozen=True, eq=False)
class PixelCalibration:
    """One region's probabilities on the pixels of a part, or those of the answer (``WHOLE``).

    Attributes:
        error: mean distance between probability and share, in bins of equal mass.
        overconfidence: probability minus share, on average.
        said, so: of each shown bin the mean probability, and the share of pixels that were so.
        pixels: in each shown bin.
    """

    region: str
    calibrated: bool
    error: Estimate
    overconfidence: Estimate
    said: Float64[np.ndarray, " shown"]
    so: Float64[np.ndarray, " shown"]
    pixels: Float64[np.ndarray, " shown"]


def pixel_calibrations(
    pixels: pd.DataFrame, regions: tuple[str, ...]
) -> tuple[PixelCalibration, ...]:
    """The answer's calibration, then each region's, each before and after temperature scaling.

    Args:
        pixels: of one part, with columns as in ``results.reliability.PIXEL_COLUMNS``.
    """
    names = sorted(pixels["patient"].astype(str).unique())
    return tuple(
        _calibration(pixels, names, region, calibrated)
        for region in (WHOLE, *regions)
        for calibrated in (False, True)
    )


def _calibration(
    pixels: pd.DataFrame, names: list[str], region: str, calibrated: bool
) -> PixelCalibration:
    rows = pixels[(pixels["region"] == region) & (pixels["calibrated"] == calibrated)]
    patients = np.searchsorted(names, rows["patient"].astype(str))
    counts = []
    for column in ("n", "p_sum", "hits"):
        table = np.zeros((len(names), BINS))
        np.add.at(table, (patients, rows["bin"].to_numpy(int)), rows[column].to_numpy(float))
        counts.append(table)
    into = equal_mass(counts[0].sum(0))
    shown = [merged(table, into) for table in counts]
    n, p_sum, hits = (table.sum(0) for table in shown)
    error, sure = _estimates(shown)
    there = n > 0
    return PixelCalibration(
        region,
        calibrated,
        error,
        sure,
        divide_defined(p_sum[there], n[there]),
        divide_defined(hits[there], n[there]),
        n[there],
    )


def _estimates(shown: list[Float64[np.ndarray, "patient shown"]]) -> tuple[Estimate, Estimate]:
    """Calibration error and overconfidence; the intervals need two patients."""
    sums = [table.sum(0) for table in shown]
    error, sure = float(calibration_error(*sums)), float(overconfidence(*sums))
    if len(shown[0]) < 2:
        return Estimate(error, np.nan, np.nan), Estimate(sure, np.nan, np.nan)
    draws = [patient_draws(len(table)) @ table for table in shown]
    return (
        reflected_interval(error, calibration_error(*draws)),
        percentile_interval(sure, overconfidence(*draws)),
    )
