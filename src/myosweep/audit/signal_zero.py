"""Magnitude or phase-sensitive images, and where signal zero lies.

In a magnitude image nothing is darker than no signal, and there is a lot of it: air and lung. In a
phase-sensitive image no signal is grey, and few pixels are near the darkest. So the share of pixels
in the darkest sixteenth of the grey scale tells them apart. Of 60 phantom patients of known kind,
magnitude have 23 to 63 %, phase-sensitive 0.3 to 16 %; the 80 EMIDEC patients, phase-sensitive, 0
to 3 %. In phase-sensitive phantoms the commonest grey value was within 2 % of the grey scale of
signal zero.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd

from myosweep.audit.records import Finding, Inspected
from myosweep.audit.words import count

Kind = Literal["magnitude", "phase-sensitive", "unclear"]

MOST_PATIENTS, MOST_SLICES = 200, 8
"""Patients looked at, taken evenly, and slices of each."""
_BINS = 128
_DARK_BINS = 8
_MAGNITUDE, _PHASE_SENSITIVE = 0.2, 0.1
_SMOOTH = np.array([1, 4, 6, 4, 1]) / 16
_AGREED = 0.9
_BLACK = 0.3
"""More pixels of exactly 0 than these, with hardly any that are nearly 0, are a frame, no air."""


def find_signal_zero(inspected: Inspected) -> Iterator[Finding]:
    """What kind of images these are, as a note."""
    stored = _stored_zeros(inspected.dataset.slices)
    signs = list(_signs(inspected))
    if not signs:
        return
    kinds = [kind for kind, _, _ in signs]
    commonest = {kind: kinds.count(kind) for kind in ("phase-sensitive", "magnitude", "unclear")}
    agreed = max(commonest.values()) / len(kinds)
    parts = [f"{count(number, 'patient')} {kind}" for kind, number in commonest.items() if number]
    zeros = np.array([zero for kind, zero, _ in signs if kind == "phase-sensitive"])
    facts: dict[str, Any] = {"looked_at": len(signs), **commonest, "agreement": round(agreed, 3)}
    kind = max(commonest, key=lambda kind: commonest[kind])
    what = f"The images look {kind}" if agreed >= _AGREED else "The images are not all of one kind"
    sentence = f"{what} ({', '.join(parts)}, of {len(signs)} looked at, by how dark they are)."
    if len(zeros):
        low, middle, high = np.percentile(zeros, (25, 50, 75))
        facts["zero_quartiles"] = [round(float(zero), 1) for zero in (low, middle, high)]
        sentence += (
            f" In the phase-sensitive ones signal zero is not black: the commonest grey value, "
            f"usually that of air and other tissue without signal, is {middle:.0f} in the median "
            f"patient (quartiles {low:.0f} to {high:.0f})."
        )
    if stored is not None:
        facts["stored_zero_range"] = [round(zero, 1) for zero in stored]
        sentence += f" The files say that the value 0 is stored as {stored[0]:.0f}" + (
            f" to {stored[1]:.0f}." if round(stored[1]) > round(stored[0]) else "."
        )
    yield Finding(
        "signal zero",
        "note",
        sentence,
        "Say in the paper which kind was used. Where both occur, or zero lies at different grey "
        'values, normalise each image (`normalisation = "z-score"`), and do not fill borders '
        "with 0 in phase-sensitive images.",
        (),
        facts,
    )


def judge_kind(pixels: np.ndarray) -> tuple[Kind, float, float]:
    """Kind of images by their grey values, the commonest value, and the share of dark pixels.

    Constant images are unclear.
    """
    values = _without_frame(pixels.ravel())
    low, high = np.percentile(values, (0.1, 99.9))
    if high <= low:
        return "unclear", float(low), 1.0
    counts, edges = np.histogram(values, _BINS, (low, high))
    counts[0] += int((values < low).sum())
    dark = float(counts[:_DARK_BINS].sum() / max(counts.sum(), 1))
    place = int(np.convolve(counts, _SMOOTH, "same").argmax())
    commonest = float((edges[place] + edges[place + 1]) / 2)
    if dark > _MAGNITUDE:
        return "magnitude", commonest, dark
    return ("phase-sensitive" if dark < _PHASE_SENSITIVE else "unclear"), commonest, dark


def _signs(inspected: Inspected) -> Iterator[tuple[Kind, float, float]]:
    """For patients taken evenly: kind, commonest value, share of dark pixels."""
    table = inspected.table[~inspected.table["constant"]]
    patients = table["patient"].unique()
    picks = np.linspace(0, len(patients) - 1, min(len(patients), MOST_PATIENTS)).astype(int)
    by_patient = table.groupby("patient", sort=False).indices
    for patient in patients[picks]:
        rows = table.index.to_numpy()[by_patient[patient]]
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_SLICES)).astype(int)]
        images = np.asarray(inspected.dataset.images[rows])
        yield judge_kind(images[~inspected.dataset.padding(rows)])


def _without_frame(values: np.ndarray) -> np.ndarray:
    """The values without a black frame: many exact zeros, but hardly anything nearly as dark."""
    black = values == 0
    rest = values[~black]
    if not rest.size or not black.any():
        return values
    nearly = (rest < np.percentile(rest, 99.9) / 16).sum()
    return rest if nearly < _BLACK * black.sum() else values


def _stored_zeros(slices: pd.DataFrame) -> tuple[float, float] | None:
    """Pixel values that mean 0 in the source, if its values were negative anywhere."""
    if not {"signal_slope", "signal_offset"} <= set(slices.columns):
        return None
    slope = slices["signal_slope"].astype(float)
    offset = slices["signal_offset"].astype(float)
    zeros = (-offset / slope)[(offset < 0) & (slope > 0)]
    return (float(zeros.min()), float(zeros.max())) if len(zeros) else None
