"""Volumes, masses and shares of the imaged myocardium, in the LGE phase.

Volume = sum over slices of area x (slice thickness + gap). Mass = volume x 1.05 g/ml, of infarct
and no-reflow too. Where the spacing is not known there are pixels, and millilitres and grams are
NaN. Infarct is infarct and no-reflow together.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from myosweep.metrics.clinical.spacing import Spacing
from myosweep.metrics.clinical.structures import Ventricle

DENSITY_G_PER_ML = 1.05


@dataclass(frozen=True)
class Amount:
    """How much there is of a structure; ``ml`` is NaN where the spacing is not known."""

    pixels: int
    ml: float

    @property
    def g(self) -> float:
        """Mass in grams, NaN where the volume is not known."""
        return self.ml * DENSITY_G_PER_ML

    @property
    def words(self) -> str:
        """The amount in a sentence.

        >>> Amount(1000, 20.0).words, Amount(640, float("nan")).words
        ('21.0 g (20.0 ml)', '640 pixels (spacing not known)')
        """
        if math.isnan(self.ml):
            return f"{self.pixels} pixels (spacing not known)"
        return f"{self.g:.1f} g ({self.ml:.1f} ml)"


@dataclass(frozen=True)
class Amounts:
    """What is measured of one patient's imaged left ventricle.

    Attributes:
        cavity, myocardium: always there.
        infarct: infarct and no-reflow; None where the masks do not tell infarct apart.
        no_reflow: None where the masks do not tell it apart.
        slices: slices that show myocardium.
    """

    cavity: Amount
    myocardium: Amount
    infarct: Amount | None
    no_reflow: Amount | None
    slices: int

    @property
    def infarct_percent(self) -> float:
        """Infarct, per cent of the myocardium: 0 without myocardium, NaN without infarct label."""
        return _percent(self.infarct, self.myocardium)

    @property
    def no_reflow_percent(self) -> float:
        """No-reflow, per cent of the myocardium: 0 without myocardium, NaN without a label."""
        return _percent(self.no_reflow, self.myocardium)

    @property
    def no_reflow_percent_of_infarct(self) -> float:
        """No-reflow, per cent of the infarct: NaN without infarct, or without a label."""
        if self.infarct is None or self.infarct.pixels == 0:
            return math.nan
        return _percent(self.no_reflow, self.infarct)


def amount(mask: Bool[np.ndarray, "slice y x"], spacing: Spacing) -> Amount:
    """How much a mask holds; 0 for an empty one.

    >>> half = amount(np.ones((2, 5, 10), bool), Spacing(2, 1, 10))
    >>> half.pixels, half.ml, half.g
    (100, 2.0, 2.1)
    """
    pixels = int(np.count_nonzero(mask))
    return Amount(pixels, pixels * spacing.voxel_ml)


def amounts(ventricle: Ventricle, spacing: Spacing) -> Amounts:
    """Everything that is measured of one patient; zeros where nothing is marked.

    All slices have the same spacing.
    """
    infarct, no_reflow = ventricle.infarct, ventricle.no_reflow
    return Amounts(
        amount(ventricle.cavity, spacing),
        amount(ventricle.myocardium, spacing),
        None if infarct is None else amount(infarct, spacing),
        None if no_reflow is None else amount(no_reflow, spacing),
        int(ventricle.myocardium.any((1, 2)).sum()),
    )


def amounts_row(found: Amounts) -> dict[str, float | int]:
    """All that was measured, by columns of a table; NaN where a measure is not known."""
    row: dict[str, float | int] = {}
    for name in ("cavity", "myocardium", "infarct", "no_reflow"):
        one = getattr(found, name)
        row[f"{name}_px"] = math.nan if one is None else one.pixels
        row[f"{name}_ml"] = math.nan if one is None else one.ml
        if name != "cavity":
            row[f"{name}_g"] = math.nan if one is None else one.g
    for name in ("infarct_percent", "no_reflow_percent", "no_reflow_percent_of_infarct"):
        row[name] = getattr(found, name)
    return row


def false_infarct(reference: Ventricle, prediction: Ventricle, spacing: Spacing) -> Amount | None:
    """Infarct that a network marks in a patient whose reference has none.

    None where the reference has infarct, or where one of the two does not tell infarct apart.
    """
    if reference.infarct is None or prediction.infarct is None or reference.infarct.any():
        return None
    return amount(prediction.infarct, spacing)


def _percent(part: Amount | None, whole: Amount) -> float:
    if part is None:
        return math.nan
    return 100 * part.pixels / whole.pixels if whole.pixels else 0.0
