"""The audit on the real slices: it finds what is known of them, and masks that were misplaced."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from tests.audit.planted import found, only

from myosweep.audit import audit_dataset
from myosweep.audit.fit import Fits, measure_fits
from myosweep.audit.measure import measure_slices
from myosweep.audit.misfit import LEAST_GAIN, LEAST_RANK, LEAST_SHIFT_PX
from myosweep.audit.records import Inspected
from myosweep.audit.structures import find_structures
from myosweep.data.png import import_png
from myosweep.data.store import Dataset
from myosweep.regions import RegionScheme

SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])


@pytest.fixture(scope="module")
def emidec(emidec_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return import_png(
        emidec_files / "images",
        emidec_files / "masks",
        tmp_path_factory.mktemp("real") / "emidec",
        patient=r"(?P<patient>Case_[NP]\d+)_slice(?P<slice>\d+)",
        scheme=SCHEME,
        crop=128,
    )


def test_what_the_readme_tells_is_found(emidec: Dataset) -> None:
    audit = audit_dataset(emidec)
    assert [one.check for one in audit.of("serious")] == [
        "centred with the reference", "distortion"
    ]  # fmt: skip
    centring = only(audit, "centred with the reference").facts
    assert centring["slices_median_distance_px"] == pytest.approx(1.06, abs=0.05)
    distortion = only(audit, "distortion").facts
    assert distortion["patients"] == 80
    assert distortion["oval"] == pytest.approx(51, abs=5), "the README counts 51"
    baselines = only(audit, "no-image predictor").facts
    no_image, majority = baselines["no-image predictor"], baselines["majority class"]
    assert no_image["accuracy"] == pytest.approx(0.925, abs=0.01)
    assert no_image["dice"]["myocardium"] == pytest.approx(0.42, abs=0.02)
    assert majority["accuracy"] == pytest.approx(0.879, abs=0.001)
    zero = only(audit, "signal zero").facts
    assert zero["phase-sensitive"] == 80
    low, middle, _ = zero["zero_quartiles"]
    assert 125 <= low <= middle <= 140
    assert not found(audit, "exact duplicates")
    assert not found(audit, "near-duplicates"), "neighbouring slices are no copies"
    assert not found(audit, "several pieces")
    assert not found(audit, "open rings")


def fits_of(dataset: Dataset, labels: np.ndarray) -> Fits:
    changed = Dataset(dataset.folder, dataset.manifest, dataset.images, labels, dataset.slices)
    structures = find_structures(changed.scheme)
    table = measure_slices(changed, structures)
    return measure_fits(Inspected(changed, structures, table, {}))


def shifts_px(patients: pd.DataFrame) -> pd.Series:
    return np.hypot(patients["shift_y_px"], patients["shift_x_px"])


def test_misplaced_masks_are_found_about_as_often_as_is_promised(emidec: Dataset) -> None:
    owners = emidec.slices["patient"].to_numpy(str)
    labels = np.array(emidec.labels)
    random = np.random.default_rng(5)
    chosen = random.permutation(np.unique(owners))
    swapped, moved, untouched = chosen[:20], chosen[20:40], chosen[40:]
    planted = labels.copy()
    for one, other in zip(swapped[:10], swapped[10:], strict=True):
        here, there = np.flatnonzero(owners == one), np.flatnonzero(owners == other)
        for takes, gives in ((here, there), (there, here)):
            steps = np.linspace(0, len(gives) - 1, len(takes)).round().astype(int)
            planted[takes] = labels[gives[steps]]
    for patient in moved:
        angle = random.uniform(0, 2 * np.pi)
        move = (0, round(8 * np.sin(angle)), round(8 * np.cos(angle)))
        rows = owners == patient
        planted[rows] = ndimage.shift(labels[rows], move, order=0)
    patients = fits_of(emidec, planted).patients
    foreign = patients["fit_rank"] < LEAST_RANK
    elsewhere = (shifts_px(patients) >= LEAST_SHIFT_PX) & (patients["gain"] >= LEAST_GAIN)
    assert foreign[swapped].mean() >= 0.5
    assert elsewhere[moved].mean() >= 0.85
    assert foreign[untouched].mean() <= 0.075
    assert elsewhere[untouched].mean() <= 0.1
