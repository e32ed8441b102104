"""Whether a model's probabilities hold: what the card says of it, measured and in words."""

import math

from myosweep.analysis.card.parts import Part
from myosweep.analysis.card.records import Probabilities
from myosweep.analysis.number_words import counted, number
from myosweep.analysis.reliability.pixels import pixel_calibrations
from myosweep.results.reliability import Tables


def probabilities_of(tables: Tables) -> Probabilities | None:
    """The calibration error on test patients, of probabilities as prediction tells them.

    None if no test slice shows a heart.
    """
    pixels = tables.pixels[tables.pixels["part"] == "test"]
    _, told = pixel_calibrations(pixels, ())  # before and after temperature scaling
    if not math.isfinite(told.error.value):
        return None
    known = math.isfinite(told.error.low)
    return Probabilities(
        error=told.error.value,
        low=told.error.low if known else None,
        high=told.error.high if known else None,
        overconfidence=told.overconfidence.value,
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
    kind = "too sure of themselves" if found.overconfidence > 0 else "too cautious"
    points = number(100 * abs(found.overconfidence), 1)
    return (
        f"The calibration error of the answer’s probabilities{scaled} is {number(found.error)}"
        f"{interval}, on {counted(found.patients, 'test patient')}, of pixels within "
        f"{found.near_px:g} px of the heart; they are {kind} by {points} percentage points."
    )


def probability_part(found: Probabilities | None) -> Part | None:
    """The part of the card; None if nothing was measured."""
    if found is None:
        return None
    told = f"{probability_words(found)} `myosweep calibrate` has measured it."
    return Part("probabilities", "Probabilities", (told,))
