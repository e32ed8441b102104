"""Tables of calibrated models, made up, for tests: nobody was asked."""

import numpy as np
import pandas as pd

from myosweep.analysis.reliability import Limits, judge_reliability
from myosweep.analysis.reliability.words import calibration_of
from myosweep.metrics.calibration import count_bins
from myosweep.results.layout import StudyFolder
from myosweep.results.reliability import (
    PIXEL_COLUMNS,
    WHOLE,
    About,
    Tables,
    model_folder,
    write_calibration,
    write_tables,
)

ABOUT = About(
    made_by="tests",
    model="m",
    runs=("r",),
    label="L2 0",
    regions=("background", "myocardium"),
    copies=1,
    samples=3,
    temperature=1.0,
    fitted=(1.0, None, None),
    near_px=5,
    split_hash="s",
)


def rows(part, scores, dice, patients, **columns):
    count = len(scores)
    table = {
        "part": part,
        "slice": [f"{part}{k}" for k in range(count)],
        "patient": [str(one) for one in patients],
        "region": "myocardium",
        "score": scores,
        "dice": dice,
        "reference_px": 50,
        "answer_px": 50,
    }
    return pd.DataFrame({**table, **columns})


def pixels(rng, patients=20, sharper=1.0, count=3000):
    """A two-region classifier that is right on average, with logits that are too large."""
    table = []
    for patient in range(patients):
        logits = rng.normal(0, 2, count)
        hits = rng.random(count) < 1 / (1 + np.exp(-logits))
        counts = count_bins(1 / (1 + np.exp(-sharper * logits)), hits)
        table += [
            ("test", str(patient), region, calibrated, bin_, *(one[bin_] for one in counts))
            for region in (WHOLE, "background", "myocardium")
            for calibrated in (False, True)
            for bin_ in np.flatnonzero(counts.n)
        ]
    return pd.DataFrame(table, columns=list(PIXEL_COLUMNS))


def write_calibrated(study: StudyFolder, runs: tuple[str, ...], model: str = "m") -> Tables:
    """A model of these runs whose scores tell nearly everything.

    Args:
        model: its digest.
    """
    rng = np.random.default_rng(0)
    parts = []
    for part in ("validation", "test"):
        dice = rng.random(60)
        scores = np.clip(dice + rng.normal(0, 0.1, 60), 0, 1)
        parts.append(rows(part, scores, dice, np.repeat(np.arange(15), 4)))
    about = ABOUT.model_copy(update={"runs": runs, "model": model, "temperature": 1.3})
    tables = Tables(about, pd.concat(parts), pixels(rng, sharper=1.3, count=500))
    folder = model_folder(study, about.model)
    write_tables(folder, tables)
    found = judge_reliability(tables, Limits("myocardium"))
    write_calibration(folder, calibration_of(found))
    return tables
