"""The dataset of phantom patients."""

from pathlib import Path

import numpy as np
import pytest

from myosweep.data.phantom import phantom_patient
from myosweep.data.phantom_dataset import make_phantom
from myosweep.data.store import DESCRIPTION_COLUMNS, Dataset, open_dataset
from myosweep.errors import DatasetError


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_phantom(tmp_path_factory.mktemp("phantom") / "two", patients=2, seed=4, size=32)


def test_the_dataset_holds_the_patients_bit_by_bit(two: Dataset) -> None:
    expected = [one for number in (1, 2) for one in phantom_patient(4, number, 32)]
    assert len(two) == len(expected)
    for position, one in enumerate(expected):
        row = two.slices.iloc[position]
        np.testing.assert_array_equal(two.images[position], one.image)
        np.testing.assert_array_equal(two.labels[position], one.labels)
        assert (row["slice"], row["patient"]) == (f"{one.patient}_{one.slice}", one.patient)
        for column in DESCRIPTION_COLUMNS:
            assert row[column] == getattr(one, column)
    two.check_pixels()


def test_the_manifest_says_how_it_was_made(two: Dataset) -> None:
    assert two.manifest.source == {"kind": "phantom", "patients": 2, "seed": 4}
    assert (two.manifest.height, two.manifest.width) == (32, 32)
    assert two.images.dtype == np.uint16
    assert two.scheme.as_mapping() == {
        "background": [0], "blood pool": [1], "myocardium": [2, 3, 4],
    }  # fmt: skip
    assert not two.scheme.unknown_codes(np.asarray(two.labels))


def test_patients_do_not_depend_on_how_many_there_are(two: Dataset, tmp_path: Path) -> None:
    one = make_phantom(tmp_path / "one", patients=1, seed=4, size=32)
    assert one.slices["pixel_hash"].tolist() == two.slices["pixel_hash"].tolist()[: len(one)]
    other = make_phantom(tmp_path / "other", patients=1, seed=5, size=32)
    assert not set(other.slices["pixel_hash"]) & set(two.slices["pixel_hash"])


def test_progress_counts_patients(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    made = make_phantom(
        tmp_path / "a", patients=2, size=32, progress=lambda *call: calls.append(call)
    )
    assert calls == [(1, 2), (2, 2)]
    assert len(open_dataset(made.folder)) == len(made)


@pytest.mark.parametrize(
    ("patients", "seed", "size", "message"),
    [
        (0, 0, 32, "at least 1 patient, got 0"),
        (1, -1, 32, "seed must be at least 0, got -1"),
        (1, 0, 8, "size must be at least 32, got 8"),
    ],
)
def test_wrong_numbers_leave_nothing(
    tmp_path: Path, patients: int, seed: int, size: int, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        make_phantom(tmp_path / "a", patients=patients, seed=seed, size=size)
    assert not list(tmp_path.iterdir())


def test_a_taken_folder_is_refused_before_any_work(two: Dataset) -> None:
    calls: list[tuple[int, int]] = []
    with pytest.raises(DatasetError, match="'two' exists already and is not overwritten"):
        make_phantom(two.folder, patients=9, progress=lambda *call: calls.append(call))
    assert not calls
    two.check_pixels()
