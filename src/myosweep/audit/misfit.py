"""Masks that fit another place of the image, or that fit no better than another patient's.

The limits were chosen on the 80 EMIDEC patients, all of them with the heart in the middle, which
makes swaps hard to see. How often they err there says ``benchmarks/misplaced_masks.py``, which
plants faults in a quarter of the patients, six times; ``tests/audit/test_real.py`` does it once.

    fault planted                              found             untouched, but told
    all masks swapped between two patients     70 % of 120       25 of 360 patients
    all masks of a patient shifted by 5 px     86 % of 120       25 of 360
                              by 8 to 12 px    96 % of 120       25 of 360
    mask of one slice from another patient     36 % of 120       247 of 2,555 slices

The last line counts the slices of patients that are told as a whole, too. At limits that no
untouched patient of a round reaches, 37 % of the swaps, 82 % and 93 % of the shifts, and 8 % of
the single slices would be found.

A single slice from another patient is missed more often than found if it lies in the middle, too.
Patients with low contrast between blood and infarct are the usual false alarms.
"""

from collections.abc import Hashable, Iterator

import numpy as np
import pandas as pd

from myosweep.audit.fit import Fits
from myosweep.audit.place import diameters_px
from myosweep.audit.records import Finding, Inspected
from myosweep.audit.words import count, some, verb

FEWEST_SLICES = 3
LEAST_RANK = 0.4
LEAST_GAIN = 0.15
LEAST_SHIFT, LEAST_SHIFT_PX = 0.08, 4.0
"""Of the median diameter, and in pixels."""
LEAST_SLICE_SCORE = 5.1
_OVERLAP_WEIGHT = 8.0
"""In the score of a slice, a Dice of 0.1 with the neighbours' masks weighs as much as 0.8 standard
deviations of fit; measured to be the best of 0, 2, 4, 8 and 16."""


def find_misfits(inspected: Inspected, fits: Fits) -> Iterator[Finding]:
    """Patients whose masks seem shifted or another's, and single slices that seem so."""
    many = fits.patients[fits.patients["slices"] >= FEWEST_SLICES]
    shift = np.hypot(many["shift_y_px"], many["shift_x_px"])
    usual = float(diameters_px(inspected.table).median())
    far = shift >= max(LEAST_SHIFT * usual, LEAST_SHIFT_PX)
    moved = many[far & (many["gain"] >= LEAST_GAIN)]
    foreign = many[many["fit_rank"] < LEAST_RANK]
    if len(moved):
        yield _moved(inspected, moved)
    if len(foreign):
        yield _foreign(inspected, foreign)
    told = inspected.table["patient"].isin([*moved.index, *foreign.index]).to_numpy()
    score = fits.slices["fit_rank"] + _OVERLAP_WEIGHT * inspected.table["overlap"]
    odd = (score < LEAST_SLICE_SCORE).to_numpy() & ~told
    if odd.any():
        yield _odd_slices(inspected, odd, score)


def _moved(inspected: Inspected, patients: pd.DataFrame) -> Finding:
    names = [str(name) for name in patients.sort_values("gain", ascending=False).index]
    down, right = (int(patients[f"shift_{axis}_px"].astype(int)[names[0]]) for axis in "yx")
    return Finding(
        "shifted masks",
        "look",
        f"The masks of {count(len(names), 'patient')} would fit their images better at another "
        f"place ({some(names)}); those of {names[0]} if they were moved by {abs(down)} pixels "
        f"{'down' if down > 0 else 'up'} and {abs(right)} {'right' if right > 0 else 'left'}.",
        "Look whether the contours follow the heart. If they are shifted, correct the origin of "
        "images or masks and import again. Low contrast between blood and infarct also looks "
        "like this; then nothing is to be done.",
        _of_patients(inspected, names),
        {"patients": _facts(patients, names)},
    )


def _foreign(inspected: Inspected, patients: pd.DataFrame) -> Finding:
    names = [str(name) for name in patients.sort_values("fit_rank").index]
    return Finding(
        "masks of another patient",
        "look",
        f"The masks of {count(len(names), 'patient')} fit their own images hardly better than "
        f"masks of other patients would ({some(names)}).",
        "Look whether the contours follow the heart. If they do not, images and masks were paired "
        "wrongly. Patients whose infarct is as bright as blood also look like this; then nothing "
        "is to be done.",
        _of_patients(inspected, names),
        {"patients": _facts(patients, names)},
    )


def _odd_slices(inspected: Inspected, odd: np.ndarray, score: pd.Series) -> Finding:
    places = np.flatnonzero(odd)
    keys = inspected.keys(places[np.argsort(score.to_numpy()[places], kind="stable")])
    return Finding(
        "masks that do not fit",
        "look",
        f"{count(len(keys), 'mask')} {verb(len(keys), 'fits', 'fit')} neither the image nor the "
        f"masks of the neighbouring slices well ({some(keys)}).",
        "Look whether the mask belongs to the slice. About 1 in 100 slices looks like this "
        "without any fault, mostly at the apex.",
        keys,
        {"slices": len(keys), "median score": round(float(score.median()), 2)},
    )


def _of_patients(inspected: Inspected, names: list[str]) -> tuple[str, ...]:
    """Slices of patients in the order of the names: the middle ones of each first."""
    table = inspected.table
    order = {name: place for place, name in enumerate(names)}
    chosen = table[table["patient"].isin(names)]
    from_middle = (chosen["position"] - (chosen["of"] - 1) / 2).abs()
    sort = pd.DataFrame({"far": from_middle, "patient": chosen["patient"].map(order)})
    rank = sort.groupby("patient")["far"].rank(method="first")
    places = sort.assign(rank=rank).sort_values(["rank", "patient"], kind="stable").index
    return inspected.keys(places.to_numpy())


def _facts(patients: pd.DataFrame, names: list[str]) -> dict[str, dict[Hashable, float]]:
    """What was measured on each patient, as far as it is defined."""
    columns = ["fit", "fit_rank", "shift_y_px", "shift_x_px", "gain"]
    rounded = patients[columns].astype(float).round(3)
    return {name: rounded.loc[name].dropna().to_dict() for name in names}
