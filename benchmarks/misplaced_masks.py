"""How often the audit finds masks that were swapped or shifted, and how often it errs.

    python benchmarks/misplaced_masks.py --data ../shared/data/emidec [--rounds 6]

Reads the EMIDEC slices where they lie (without --data: phantoms) and prints aggregates. In every
round faults are planted in a quarter of the patients, and in one slice of each of another quarter;
the rest stays as it is. Beside the shares found at the audit's limits it prints what each measure
would find at a limit that no untouched patient (slice) of that round reaches: the most that another
limit could give without a false alarm.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from common import open_slices
from myosweep.audit.fit import measure_fits
from myosweep.audit.measure import measure_slices
from myosweep.audit.misfit import find_misfits
from myosweep.audit.records import Inspected
from myosweep.audit.structures import find_structures
from myosweep.data.store import Dataset
from near_duplicates import wilson

Plant = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], None]
"""Changes labels in place: labels, owner of each, the patients chosen, random numbers."""
CHECKS = ("shifted masks", "masks of another patient", "masks that do not fit")


def swap(
    labels: np.ndarray, owners: np.ndarray, chosen: np.ndarray, random: np.random.Generator
) -> None:
    """All masks of a patient for those of another, both ways, at the same depth."""
    original = labels.copy()
    half = len(chosen) // 2
    for one, other in zip(chosen[:half], chosen[half:], strict=False):
        for takes, gives in ((one, other), (other, one)):
            here, there = np.flatnonzero(owners == takes), np.flatnonzero(owners == gives)
            steps = np.linspace(0, len(there) - 1, len(here)).round().astype(int)
            labels[here] = original[there[steps]]


def shift(least_px: float, most_px: float) -> Plant:
    """All masks of a patient by one distance, in one direction."""

    def change(
        labels: np.ndarray, owners: np.ndarray, chosen: np.ndarray, random: np.random.Generator
    ) -> None:
        for patient in chosen:
            angle, by = random.uniform(0, 2 * np.pi), random.uniform(least_px, most_px)
            move = (0, round(by * np.sin(angle)), round(by * np.cos(angle)))
            rows = owners == patient
            labels[rows] = ndimage.shift(labels[rows], move, order=0)

    return change


FAULTS: dict[str, Plant] = {
    "all masks swapped between two patients": swap,
    "all masks of a patient shifted by 5 px": shift(5, 5),
    "all masks of a patient shifted by 8 to 12 px": shift(8, 12),
}


def foreign_slices(
    labels: np.ndarray, owners: np.ndarray, chosen: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """One mask of each patient for another patient's of the same depth; the rows."""
    original, rows = labels.copy(), []
    for patient in chosen:
        here = np.flatnonzero(owners == patient)
        other = random.choice(np.setdiff1d(np.unique(owners), [patient]))
        there = np.flatnonzero(owners == other)
        place = int(random.integers(len(here)))
        share = place / max(len(here) - 1, 1)
        labels[here[place]] = original[there[round(share * (len(there) - 1))]]
        rows.append(here[place])
    return np.array(rows)


class Looked:
    """What the audit measures and finds on changed labels."""

    def __init__(self, dataset: Dataset, labels: np.ndarray) -> None:
        changed = Dataset(dataset.folder, dataset.manifest, dataset.images, labels, dataset.slices)
        structures = find_structures(changed.scheme)
        table = measure_slices(changed, structures)
        inspected = Inspected(changed, structures, table, {})
        self.fits = measure_fits(inspected)
        told = {one.check: set(one.slices) for one in find_misfits(inspected, self.fits)}
        self.told = {check: table["slice"].isin(told.get(check, ())) for check in CHECKS}
        self.owners = table["patient"]
        self.overlap = table["overlap"]

    def patients_told(self) -> pd.Series:
        """Whether a whole patient is told, by name."""
        return (self.told[CHECKS[0]] | self.told[CHECKS[1]]).groupby(self.owners).any()

    def slices_told(self) -> np.ndarray:
        """Whether a slice is told in any way."""
        return np.logical_or.reduce([one.to_numpy() for one in self.told.values()])

    def suspicion(self) -> dict[str, pd.Series]:
        """Measures of each patient; the higher the worse."""
        patients = self.fits.patients
        return {
            "best by fit rank": -patients["fit_rank"].fillna(np.inf),
            "best by gain": patients["gain"],
            "best by gain - fit rank / 5": patients["gain"] - patients["fit_rank"].fillna(9) / 5,
        }


def share(hits: int, tries: int) -> str:
    low, high = wilson(hits, tries)
    return f"{hits:>4} of {tries:<4} {hits / tries:>6.0%} ({low:.0%} to {high:.0%})"


def whole_patients(dataset: Dataset, rounds: int, seed: int) -> None:
    owners, labels = dataset.slices["patient"].to_numpy(str), np.array(dataset.labels)
    for words, plant in FAULTS.items():
        random, found, false, planted, rest = np.random.default_rng(seed), 0, 0, 0, 0
        possible: dict[str, int] = {}
        for _ in range(rounds):
            order = random.permutation(np.unique(owners))
            chosen = order[: len(order) // 8 * 2]
            changed = labels.copy()
            plant(changed, owners, chosen, random)
            looked = Looked(dataset, changed)
            told = looked.patients_told()
            is_chosen = told.index.isin(chosen)
            found, planted = found + int(told[is_chosen].sum()), planted + int(is_chosen.sum())
            false, rest = false + int(told[~is_chosen].sum()), rest + int((~is_chosen).sum())
            for measure, values in looked.suspicion().items():
                ours = values.index.isin(chosen)
                hits = int((values[ours] > values[~ours].max()).sum())
                possible[measure] = possible.get(measure, 0) + hits
        print(f"{words}\n  found at the audit's limits  {share(found, planted)}")
        print(f"  false alarms, untouched      {share(false, rest)}")
        for measure, hits in possible.items():
            print(f"  {measure + ', none false':<45}{hits / planted:>5.0%}")


def single_slices(dataset: Dataset, rounds: int, seed: int) -> None:
    owners, labels = dataset.slices["patient"].to_numpy(str), np.array(dataset.labels)
    random, found, false, planted, rest, possible = np.random.default_rng(seed), 0, 0, 0, 0, 0
    for _ in range(rounds):
        order = random.permutation(np.unique(owners))
        changed = labels.copy()
        rows = foreign_slices(changed, owners, order[: len(order) // 4], random)
        looked = Looked(dataset, changed)
        told, is_chosen = looked.slices_told(), np.isin(np.arange(len(owners)), rows)
        found, planted = found + int(told[is_chosen].sum()), planted + int(is_chosen.sum())
        untouched = ~np.isin(owners, order[: len(order) // 4])
        false, rest = false + int(told[untouched].sum()), rest + int(untouched.sum())
        score = (looked.fits.slices["fit_rank"] + 8 * looked.overlap).to_numpy()
        least = np.nanmin(score[untouched])
        possible += int((score[is_chosen] < least).sum())
    print(f"mask of one slice from another patient\n  found  {share(found, planted)}")
    print(f"  slices told of untouched patients  {share(false, rest)}")
    print(f"  {'by the score of a slice, none false':<45}{possible / planted:>5.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="EMIDEC slices; without it phantoms")
    parser.add_argument("--phantoms", type=int, default=40, help="patients, without --data")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _, dataset = open_slices(given.data, given.phantoms, Path(folder))
        none = Looked(dataset, np.array(dataset.labels))
        told = none.patients_told()
        slices = int(none.told[CHECKS[2]].sum())
        print(f"{len(dataset)} slices of {len(told)} patients. Without any fault: ", end="")
        print(f"{int(told.sum())} patients told, and {slices} single slices")
        whole_patients(dataset, given.rounds, given.seed)
        single_slices(dataset, given.rounds, given.seed)


if __name__ == "__main__":
    main()
