"""Masks of scar, no-reflow and right ventricle, and the insertion points, computed by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.segment_files import (
    COLUMNS,
    CONTAINERS,
    EMPTY,
    EPI,
    RIGHT,
    ROWS,
    Write,
    contours,
    rectangle,
    scar,
    stack,
    write_v7,
    write_v73,
)

from myosweep.data.segment.stacks import find_segment_stacks
from myosweep.data.stack import SourceSlice
from myosweep.errors import DatasetError
from myosweep.regions import LABEL_CODES, named_scheme

CODES = LABEL_CODES["myosweep"]
SCAR, MORE, LESS, CORE = (6, 7), (6, 8), (6, 9), (6, 10)
"""Pixels of the myocardium."""
OUTSIDE, POOL = (1, 1), (9, 10)


def first_slice(path: Path) -> SourceSlice:
    problems: list[str] = []
    findings = find_segment_stacks(
        [path],
        scheme=named_scheme("five"),
        patient=None,
        key=b"k" * 32,
        stack=None,
        uncontoured="leave-out",
        problems=problems,
    )
    assert problems == []
    return findings.stacks[0].read()[0]


def marked(*pixels: tuple[int, int], value: int = 1, dtype: Any = bool) -> np.ndarray:
    array = np.zeros((ROWS, COLUMNS, 4), dtype)
    for row, column in pixels:
        array[row, column, 0] = value
    return array


def code_names(one: SourceSlice, *pixels: tuple[int, int]) -> list[str]:
    names = {code: name for name, code in CODES.items()}
    return [names[int(one.labels[pixel])] for pixel in pixels]


@pytest.mark.parametrize("write", CONTAINERS.values(), ids=CONTAINERS)
def test_scar_counts_within_the_myocardium_alone(tmp_path: Path, write: Write) -> None:
    own = scar(Result=marked(SCAR, CORE, OUTSIDE, POOL), NoReflow=marked(CORE, OUTSIDE, POOL))
    one = first_slice(write(tmp_path / "a.mat", [stack(Scar=own)]))
    assert code_names(one, SCAR, CORE, MORE, OUTSIDE, POOL) == [
        *("infarct", "no-reflow", "normal myocardium", "background", "blood pool")
    ]
    assert (one.labels == CODES["infarct"]).sum() == 1


def test_corrections_are_in_the_result_already(tmp_path: Path) -> None:
    manual = marked(MORE, dtype=np.int8) + marked(SCAR, value=-1, dtype=np.int8)
    own = scar(Auto=marked(LESS), Result=marked(SCAR), Manual=manual)
    one = first_slice(write_v7(tmp_path / "a.mat", [stack(Scar=own)]))
    assert code_names(one, SCAR, MORE, LESS) == ["infarct", *["normal myocardium"] * 2]


@pytest.mark.parametrize("result", [None, EMPTY])
def test_without_a_result_corrections_are_laid_over_the_automatic_scar(
    tmp_path: Path, result: Any
) -> None:
    manual = marked(MORE, dtype=np.int8) + marked(LESS, value=-1, dtype=np.int8)
    own = scar(Auto=marked(SCAR, LESS), Result=result, Manual=manual)
    one = first_slice(write_v7(tmp_path / "a.mat", [stack(Scar=own)]))
    assert code_names(one, SCAR, MORE, LESS) == ["infarct", "infarct", "normal myocardium"]


def test_no_reflow_drawn_by_hand_counts(tmp_path: Path) -> None:
    own = scar(Result=marked(SCAR), Manual=marked(CORE, value=2, dtype=np.int8))
    one = first_slice(write_v73(tmp_path / "a.mat", [stack(Scar=own)]))
    assert code_names(one, SCAR, CORE) == ["infarct", "no-reflow"]


@pytest.mark.parametrize("name", ["Result", "NoReflow", "Manual"])
def test_a_scar_of_another_size_is_refused(tmp_path: Path, name: str) -> None:
    own = scar(**{name: np.zeros((COLUMNS, ROWS, 4), bool)})
    with pytest.raises(DatasetError, match=rf"scar \({name}\) of another size \(24 x 20 x 4\)"):
        first_slice(write_v7(tmp_path / "a.mat", [stack(Scar=own)]))


def test_the_right_ventricle_is_what_is_not_left(tmp_path: Path) -> None:
    fields = stack(**contours("RVEndo", {0: rectangle(4.5, 14.5, 0.5, 7.5)}, 4))
    one = first_slice(write_v7(tmp_path / "a.mat", [fields]))
    expected = np.zeros((ROWS, COLUMNS), bool)
    expected[5:15, 1:6] = True
    np.testing.assert_array_equal(one.labels == CODES["right ventricle"], expected)
    assert (one.labels == CODES["normal myocardium"]).sum() == 10 * 12 - 4 * 6


def test_a_contour_that_leads_far_out_is_refused(tmp_path: Path) -> None:
    fields = stack()
    fields["EpiX"][3, 0, 1] = 1e9
    with pytest.raises(DatasetError, match=r"leads far out of the image; is it damaged"):
        first_slice(write_v7(tmp_path / "a.mat", [fields]))


# Insertion points


def points(tmp_path: Path, outline: np.ndarray = RIGHT, **fields: Any) -> dict[str, Any]:
    known = stack(**contours("RVEndo", {0: outline}, 4)) | fields
    known = {name: value for name, value in known.items() if value is not None}
    return dict(first_slice(write_v73(tmp_path / "a.mat", [known])).points)


def test_insertion_points_are_the_ends_of_the_septal_stretch(tmp_path: Path) -> None:
    """RIGHT's right edge (x = 4.5) runs 1 pixel beside EPI's left edge, from y = 4.5 to 14.5."""
    found = points(tmp_path)
    assert found.keys() == {"rv_anterior", "rv_inferior"}
    assert found["rv_anterior"] == pytest.approx((4.5, 4.5), abs=2 / 1.5)
    assert found["rv_inferior"] == pytest.approx((14.5, 4.5), abs=2 / 1.5)


@pytest.mark.parametrize("start", [20, 30, 35, 60])
def test_it_does_not_matter_where_the_contour_begins(tmp_path: Path, start: int) -> None:
    turned = np.roll(RIGHT, -start, axis=0)
    for name, place in points(tmp_path).items():
        assert points(tmp_path, turned)[name] == pytest.approx(place, abs=0.2)


@pytest.mark.parametrize(
    ("cosines", "upper_is_anterior"),
    [
        (None, True),
        (EMPTY, True),
        ((1, 0, 0, 0, 1, 0), True),
        ((1, 0, 0, 0, -1, 0), False),
        ((1, 0, 0, 0, 0, -1), True),
        ((0, 0, 1, 0.6, -0.8, 0), False),
        ((0, 0, 0, 0, 0, 0), True),
        ((1, 0, 0, 0, -0.1, -0.995), True),
    ],
)
def test_anterior_is_in_front_or_else_above(
    tmp_path: Path, cosines: Any, upper_is_anterior: bool
) -> None:
    """The 4th to 6th number say where a step down leads; the second axis grows to the back.

    The last one leads to the front by 1.5 mm over the whole septum, which is too little to count.
    """
    value = np.array([cosines], float) if isinstance(cosines, tuple) else cosines
    found = points(tmp_path, ImageOrientation=value)
    assert (found["rv_anterior"][0] < found["rv_inferior"][0]) == upper_is_anterior


def test_columns_count_for_the_front_too(tmp_path: Path) -> None:
    """A right ventricle below the left one: its ends differ in the column alone."""
    outline = rectangle(15.5, 18.5, 5.5, 17.5)
    to_the_back = np.array([[0, 1, 0, 0, 0, -1.0]])
    found = points(tmp_path, outline, ImageOrientation=to_the_back)
    assert found["rv_anterior"][1] < found["rv_inferior"][1]
    found = points(tmp_path, outline, ImageOrientation=-to_the_back)
    assert found["rv_anterior"][1] > found["rv_inferior"][1]


@pytest.mark.parametrize(
    ("outline", "fields"),
    [
        (rectangle(4.5, 14.5, -9.5, -0.5), {}),  # 6 pixels, 9 mm away
        (rectangle(8.5, 9.5, 0.5, 4.5), {}),  # a septum of 1 pixel
        (RIGHT, {"ResolutionX": None, "ResolutionY": None}),
        (EPI, {}),
    ],
)
def test_no_insertion_points_where_there_is_no_septum(
    tmp_path: Path, outline: np.ndarray, fields: dict[str, Any]
) -> None:
    assert points(tmp_path, outline, **fields) == {}
