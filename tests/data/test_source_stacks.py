"""Which stack a slice comes from: as the table says, or as files tell in older datasets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myosweep.data.source_stacks import keeps_places, stack_numbers
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.regions import named_scheme

PIXELS = np.zeros((2, 2), np.uint8)


def dataset(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Dataset:
    kinds = PIXELS.dtype, PIXELS.dtype
    with new_dataset(folder / "d", *kinds, named_scheme("three"), {"kind": kind}) as draft:
        for number, row in enumerate(rows):
            draft.append(PIXELS, PIXELS, slice=f"s{number}", **{"patient": "P", **row})
    return open_dataset(folder / "d")


def test_the_table_says_it(tmp_path: Path) -> None:
    rows = [{"stack": 2, "image_file_hash": "a"}, {"stack": 1, "image_file_hash": "a"}, {}]
    assert stack_numbers(dataset(tmp_path, "NIfTI", rows)).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("kind", "column", "numbers"),
    [
        ("NIfTI", "image_file_hash", [1, 1, 2, 1]),
        ("Segment", "mask_file_hash", [1, 1, 2, 1]),
        ("image folder", "image_file_hash", [0] * 4),
        ("DICOM", "other", [0] * 4),
    ],
)
def test_older_datasets_tell_stacks_by_their_files(
    tmp_path: Path, kind: str, column: str, numbers: list[int]
) -> None:
    files = [("P", "a"), ("P", "a"), ("P", "b"), ("Q", "b")]
    rows = [{"patient": patient, column: file} for patient, file in files]
    assert stack_numbers(dataset(tmp_path, kind, rows)).tolist() == numbers


@pytest.mark.parametrize(
    ("kind", "row", "kept"),
    [
        ("Segment", {}, False),
        ("DICOM", {}, False),
        ("DICOM", {"stack": 1, "place": 1}, True),
        ("NIfTI", {}, True),
        ("image folder", {}, True),
    ],
)
def test_where_slices_may_be_missing_unnoticed(
    tmp_path: Path, kind: str, row: dict[str, Any], kept: bool
) -> None:
    assert keeps_places(dataset(tmp_path, kind, [row])) is kept
