"""The real slices: their import, the splits of the published study, and the ids of its runs."""

from pathlib import Path

import numpy as np

from myosweep.config import StudyConfig, read_study_config, study_config
from myosweep.data.png import import_png
from myosweep.data.split import PARTS, patients_in_several_parts
from myosweep.data.store import Dataset
from myosweep.regions import RegionScheme
from myosweep.study.open import Study, open_study

STUDIES = Path(__file__).parents[2] / "studies"
FIRST_STUDY = {
    "name": "emidec-l2",
    "dataset": "data/emidec",
    "split": {"fractions": [0.5, 0.2, 0.3]},
    "settings": {"first_filters": 16},
    "sweep": {"l2.strength": [5e-3, 5e-4, 5e-5]},
}
"""The first published one, on a single split."""
SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])


def opened(config: StudyConfig, dataset: Dataset, folder: Path) -> Study:
    """The study as it was done, on a processor that computes bfloat16 natively."""
    settings = {**config.settings, "precision": "bfloat16"}
    fixed = config.model_copy(update={"settings": settings})
    return open_study(fixed, folder, dataset=dataset.folder, write=False)


def sizes(study: Study) -> list[list[int]]:
    return [[len(split.part(part)) for part in PARTS] for split in study.splits.values()]


def test_the_published_studies_are_those_that_this_code_would_run(
    emidec_files: Path, tmp_path: Path
) -> None:
    dataset = import_png(
        emidec_files / "images",
        emidec_files / "masks",
        tmp_path / "emidec",
        patient=r"(?P<patient>Case_[NP]\d+)_slice(?P<slice>\d+)",
        scheme=SCHEME,
        crop=128,
    )
    assert (len(dataset), dataset.slices["patient"].nunique()) == (566, 80)
    assert dataset.manifest.pixel_hash.startswith("67b6c736c137c825")
    background = np.mean(np.asarray(dataset.labels) == 0)
    assert round(100 * background, 1) == 87.9, "the data's README says so"
    first = opened(study_config(FIRST_STUDY), dataset, tmp_path / "first")
    assert sizes(first) == [[265, 120, 181]]
    ids = {(plan.point["l2.strength"], plan.seed): plan.id for plan in first.plans()}
    assert (ids[5e-3, 0], ids[5e-3, 1]) == ("3f2e684b44d093c3", "c469e4dc22e60b00")
    study = opened(read_study_config(STUDIES / "emidec-l2.toml"), dataset, tmp_path / "study")
    assert sizes(study)[0] == [325, 123, 118]
    assert all(patients_in_several_parts(one, dataset) == 0 for one in study.splits.values())
    assert [plan.id for plan in study.plans()][:2] == ["81867c8675632f79", "8571d4cbf471d035"]
