"""Whether a model's probabilities hold: what the card says of it, measured and in words."""

import math

from myosweep.analysis.card.parts import Part
from myosweep.analysis.card.records import Probabilities
from myosweep.analysis.number_words import counted, number
from myosweep.analysis.reliability.pixels import pixel_calibrations
from myosweep.analysis.reliability.words import sure_words
from myosweep.results.reliability import Tables
from myosweep.statistics.clustered import Estimate


def probabilities_of(tables: Tables) -> Probabilities | None:
    """The calibration error on test patients, of probabilities as prediction tells them.

    None if no test slice shows a heart.
    """
    pixels = tables.pixels[tables.pixels["part"] == "test"]
    _, told = pixel_calibrations(pixels, ())  # before and after temperature scaling
    if not math.isfinite(told.error.value):
        return None
    known, sure = math.isfinite(told.error.low), told.overconfidence
    return Probabilities(
        error=told.error.value,
        low=told.error.low if known else None,
        high=told.error.high if known else None,
        overconfidence=sure.value,
        sure_low=sure.low if math.isfinite(sure.low) else None,
        sure_high=sure.high if math.isfinite(sure.high) else None,
        patients=pixels["patient"].nunique(),
        near_px=tables.about.near_px,
        temperature=tables.about.temperature,
    )


def probability_words(found: Probabilities) -> str:
    """What was measured, in a sentence."""
    scaled = ""
    if found.temperature != 1:
        scaled = f", after scaling with the temperature {number(found.temperature, 2)},"
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" (95 % interval {number(found.low)} to {number(found.high)})"
    low, high = (math.nan if x is None else x for x in (found.sure_low, found.sure_high))
    sure = sure_words(Estimate(found.overconfidence, low, high))
    return (
        f"The calibration error of the answer’s probabilities{scaled} is {number(found.error)}"
        f"{interval}, on {counted(found.patients, 'test patient')}, of pixels within "
        f"{found.near_px:g} px of the heart; they are {sure}."
    )


def probability_part(found: Probabilities | None) -> Part | None:
    """The part of the card; None if nothing was measured."""
    if found is None:
        return None
    told = f"{probability_words(found)} `myosweep calibrate` has measured it."
    return Part("probabilities", "Probabilities", (told,))
