"""A study over leaking data is refused, unless that is wanted in so many words."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from myosweep.config import SplitConfig, StudyConfig, read_study_config
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.errors import SplitError, StudyError
from myosweep.study.open import open_study

BY_SLICE = SplitConfig(by="slice", fractions=(0.5, 0.17, 0.33))


def test_patients_in_several_parts_are_refused(small_study: StudyConfig, tmp_path: Path) -> None:
    mixed = small_study.model_copy(update={"split": BY_SLICE})
    with pytest.raises(SplitError, match=r"6 patients have slices in more than one part .*leakage"):
        open_study(mixed, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_what_was_allowed_once_stays_allowed(small_study: StudyConfig, tmp_path: Path) -> None:
    mixed = small_study.model_copy(update={"split": BY_SLICE})
    opened = open_study(mixed, tmp_path / "study", allow_leakage=True)
    assert "6 patients" in opened.serious[0]
    assert read_study_config(tmp_path / "study" / "study.toml").allow_leakage
    assert open_study(tmp_path / "study").config.allow_leakage
    assert open_study(mixed, tmp_path / "study").config.allow_leakage


def test_the_study_file_may_allow_it(small_study: StudyConfig, tmp_path: Path) -> None:
    mixed = small_study.model_copy(update={"split": BY_SLICE, "allow_leakage": True})
    assert open_study(mixed, tmp_path / "study", write=False).serious


def test_a_sound_study_has_nothing_to_say(small_study: StudyConfig, tmp_path: Path) -> None:
    assert open_study(small_study, tmp_path / "study").serious == ()
    assert not read_study_config(tmp_path / "study" / "study.toml").allow_leakage


def brighter_copies(dataset: Dataset, folder: Path) -> Dataset:
    """The dataset and, as other patients, the same slices a little brighter."""
    types = dataset.images.dtype, dataset.labels.dtype
    with new_dataset(folder, *types, dataset.scheme, {}) as draft:
        for add, name in ((0, ""), (9, "x")):
            for number, row in dataset.slices.iterrows():
                keys = {"slice": f"{name}{row['slice']}", "patient": f"{name}{row['patient']}"}
                image = dataset.images[number] + np.uint16(add)
                draft.append(image, dataset.labels[number], **keys)
    return open_dataset(folder)


def test_near_copies_across_parts_are_refused(
    small_study: StudyConfig, small_dataset: Dataset, tmp_path: Path
) -> None:
    copies = brighter_copies(small_dataset, tmp_path / "copies")
    study = small_study.model_copy(update={"dataset": str(copies.folder)})
    with pytest.raises(SplitError, match="nearly the same image"):
        open_study(study, tmp_path / "study")


def test_changed_data_are_noticed_before(small_study: StudyConfig, tmp_path: Path) -> None:
    """The flag allows leaks, nothing else."""
    open_study(small_study, tmp_path / "study", allow_leakage=True)
    other = small_study.model_copy(update={"preset": "paper"})
    with pytest.raises(StudyError, match="preset"):
        open_study(other, tmp_path / "study", allow_leakage=True)
    shutil.rmtree(tmp_path / "study")
