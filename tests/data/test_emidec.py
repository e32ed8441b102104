"""The real slices: their import, the split of the published study, and the ids of its runs."""

from pathlib import Path

import numpy as np

from myosweep.config import read_study_config
from myosweep.data.png import import_png
from myosweep.data.split import PARTS, make_split, patients_in_several_parts
from myosweep.regions import RegionScheme
from myosweep.study.open import open_study

STUDIES = Path(__file__).parents[2] / "studies"
SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])


def test_the_published_study_is_the_one_that_this_code_would_run(
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
    config = read_study_config(STUDIES / "emidec-l2.toml")
    split = make_split(dataset, config.split)
    assert [len(split.part(part)) for part in PARTS] == [265, 120, 181]
    assert patients_in_several_parts(split, dataset) == 0
    settings = {**config.settings, "precision": "bfloat16"}
    fixed = config.model_copy(update={"settings": settings})
    study = open_study(fixed, tmp_path / "study", dataset=dataset.folder, write=False)
    ids = [plan.id for plan in study.plans()]
    assert ids[:2] == ["3f2e684b44d093c3", "c469e4dc22e60b00"]
