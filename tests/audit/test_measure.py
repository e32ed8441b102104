"""What is measured on a slice, by hand; hashes and correlations against the plain way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.planted import Slices, split_of

from myosweep.audit.baselines import measure_baselines
from myosweep.audit.fingerprint import close_pairs, grey_image, hash_grey
from myosweep.audit.fit import Fits, measure_fits
from myosweep.audit.measure import measure_slices
from myosweep.audit.misfit import find_misfits
from myosweep.audit.near import best_correlations, details_of
from myosweep.audit.place import jumps_px
from myosweep.audit.records import Inspected
from myosweep.audit.robust import robust_z
from myosweep.audit.signal_zero import judge_kind
from myosweep.audit.structures import find_structures
from myosweep.regions import RegionScheme

SCHEME = RegionScheme.parse(["background=0", "Blood_Pool=1", "myocardium=2"])


def drawn(*rows: str) -> np.ndarray:
    return np.array([[int(code) for code in row.replace(".", "0")] for row in rows], np.uint8)


RING = drawn(
    "......",
    ".222..",
    ".212..",
    ".222..",
    "......",
)
OPEN = drawn(
    "......",
    ".22...",
    ".211..",
    ".22...",
    "......",
)
HOLE = drawn(
    "......",
    ".222..",
    ".2.2..",
    ".222..",
    "......",
)
EDGE = drawn(
    "222...",
    "212..2",
    "222...",
    "......",
    "......",
)


def measured(tmp_path: Path, *maps: np.ndarray, patients: str = "", stacks: str = "") -> Inspected:
    patients = patients or "A" * len(maps)
    rows: list[dict[str, Any]] = [
        {"patient": one, "slice": f"{one}{place}"} for place, one in enumerate(patients)
    ]
    for row, number in zip(rows, stacks, strict=False):
        row["stack"] = int(number)
    images = np.arange(len(maps) * maps[0].size, dtype=np.uint16).reshape(len(maps), *maps[0].shape)
    tmp_path.mkdir(exist_ok=True)
    dataset = Slices(images, np.stack(maps), rows, SCHEME).dataset(tmp_path)
    structures = find_structures(dataset.scheme)
    return Inspected(dataset, structures, measure_slices(dataset, structures), {})


def test_areas_places_and_shapes_are_as_drawn(tmp_path: Path) -> None:
    table = measured(tmp_path, RING, OPEN, HOLE, EDGE).table
    assert table["area_px"].tolist() == [9, 7, 8, 10]
    assert table["pool_px"].tolist() == [1, 2, 0, 1]
    assert table["hole_px"].tolist() == [0, 0, 1, 0]
    assert table["open_share"].iloc[:2].tolist() == [0, 3 / 6]
    assert np.isnan(table["open_share"].iloc[2])
    assert table["border"].tolist() == [False, False, False, True]
    assert (table["specks"].tolist(), table["pieces"].tolist()) == ([0, 0, 0, 1], [0, 0, 0, 0])
    assert table[["centroid_y", "centroid_x"]].iloc[0].tolist() == [2, 2]
    assert table[["centroid_y", "centroid_x"]].iloc[2].tolist() == [2, 2], "holes are filled"
    assert table["p50"].iloc[0] == np.median(np.arange(30))
    assert table["position"].tolist() == [0, 1, 2, 3]


def test_overlap_is_the_mean_dice_with_both_neighbours(tmp_path: Path) -> None:
    table = measured(tmp_path, RING, RING, HOLE, RING, patients="AAAB").table
    dice = 2 * 8 / (9 + 8)
    assert table["overlap"].iloc[:3].tolist() == [1, (1 + dice) / 2, dice]
    assert np.isnan(table["overlap"].iloc[3]), "the only slice of its patient"


def test_a_jump_is_measured_from_the_middle_of_the_neighbours(tmp_path: Path) -> None:
    leaning = [np.roll(RING, shift, axis=1) for shift in (-1, 0, 1)]
    table = measured(tmp_path, *leaning, patients="AAA").table
    assert jumps_px(table).tolist() == [1, 0, 1]


def test_slices_of_another_stack_are_no_neighbours(tmp_path: Path) -> None:
    far = np.roll(RING, 2, axis=1)
    table = measured(tmp_path, RING, RING, far, far, patients="AAAA", stacks="1122").table
    assert table["overlap"].tolist() == [1] * 4
    assert jumps_px(table).tolist() == [0] * 4
    assert table["position"].tolist() == [0, 1, 0, 1]
    assert set(table["of"]) == {2}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(0, 144))
def test_close_pairs_are_those_of_the_plain_way(seed: int, count: int, most: int) -> None:
    random = np.random.default_rng(seed)
    words = random.integers(0, 2**63, (count, 3)).astype(np.uint64)
    words[count // 2] = words[0]
    other = np.roll(words, 1, axis=0)
    expected = [
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if sum(int(a ^ b).bit_count() for a, b in zip(words[i], other[j], strict=True)) <= most
    ]
    pairs = [tuple(pair) for block in close_pairs(words, other, most) for pair in block.tolist()]
    assert sorted(pairs) == expected


def test_close_pairs_crosses_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myosweep.audit.fingerprint._BLOCK", 4)
    words = np.arange(30, dtype=np.uint64).repeat(3).reshape(30, 3)
    words[25] = words[2]
    pairs = [tuple(pair) for block in close_pairs(words, words, 0) for pair in block.tolist()]
    assert pairs == [(2, 25)]


def test_details_correlate_at_the_best_shift() -> None:
    random = np.random.default_rng(0)
    grey = random.integers(0, 256, (64, 64)).astype(np.uint8)
    moved = np.roll(grey, (3, -2), axis=(0, 1))
    here, there, flat = (
        details_of(image)[None] for image in (grey, moved, np.full((64, 64), 9, np.uint8))
    )
    assert best_correlations(here, here)[0] == pytest.approx(1)
    assert best_correlations(here, there)[0] > 0.7
    assert best_correlations(here, -here)[0] < 0.5
    assert best_correlations(here, flat)[0] == pytest.approx(0)


def test_hashes_do_not_see_brightness_and_contrast() -> None:
    image = np.hypot(*np.mgrid[-40:40, -30:50]).astype(np.uint16) * 7
    nothing = np.zeros(image.shape, bool)
    one, other = (grey_image(pixels, nothing) for pixels in (image, image * 3 + 500))
    assert (hash_grey(one) == hash_grey(other)).all()


def test_both_baselines_by_hand(tmp_path: Path) -> None:
    inspected = measured(tmp_path, RING, RING, np.zeros_like(RING), patients="ABC")
    baselines = measure_baselines(inspected)
    assert baselines is not None
    # A and B learn from a ring and an empty mask: background wins the tie. C learns two rings.
    assert baselines.majority.accuracy == pytest.approx((21 + 21 + 30) / 90)
    assert baselines.no_image_score.accuracy == pytest.approx((21 + 21 + 21) / 90)
    assert baselines.no_image_score.dice["myocardium"] == 0
    assert baselines.no_image_score.patients["myocardium"] == 2
    assert (baselines.no_image == RING).all()
    background = np.mean([2 * 21 / (2 * 21 + 9), 2 * 21 / (2 * 21 + 9), 2 * 21 / (2 * 21 + 9)])
    assert baselines.no_image_score.dice["background"] == pytest.approx(background, abs=1e-4)


def test_on_a_split_baselines_learn_from_the_training_part_alone(tmp_path: Path) -> None:
    empty = np.zeros_like(RING)
    inspected = measured(tmp_path, RING, empty, RING, patients="ABC")
    parts = {"A0": "training", "B1": "validation", "C2": "test"}
    split = split_of(inspected.dataset, parts)
    baselines = measure_baselines(replace(inspected, splits={"split": split}))
    assert baselines is not None
    assert baselines.no_image_score.accuracy == 1
    other = split_of(inspected.dataset, {"B1": "training", "C2": "test"})
    baselines = measure_baselines(replace(inspected, splits={"split": other}))
    assert baselines is not None
    assert baselines.no_image_score.accuracy == 21 / 30


@pytest.mark.parametrize(
    ("rank", "shift", "gain", "checks"),
    [
        (2.0, 0, 0.0, []),
        (0.39, 0, 0.0, ["masks of another patient"]),
        (0.41, 0, 0.0, []),
        (2.0, 5, 0.16, ["shifted masks"]),
        (2.0, 5, 0.14, []),
        (2.0, 3, 0.16, []),
        (0.0, 5, 0.16, ["shifted masks", "masks of another patient"]),
    ],
)
def test_misfits_are_told_beyond_the_measured_limits(
    rank: float, shift: int, gain: float, checks: list[str], tmp_path: Path
) -> None:
    inspected = measured(tmp_path, RING, RING, RING, patients="AAA")
    slices = pd.DataFrame({"fit": 0.5, "fit_rank": rank}, index=range(3))
    row = {"slices": 3, "fit": 0.5, "fit_rank": rank, "shift_y_px": shift, "shift_x_px": -1}
    fits = Fits(slices, pd.DataFrame([{**row, "gain": gain}], index=["A"]))
    findings = list(find_misfits(inspected, fits))
    assert [one.check for one in findings] == checks
    if "shifted masks" in checks:
        assert f"{shift} pixels down and 1 left" in findings[0].sentence
    few = fits.patients.assign(slices=2)
    assert list(find_misfits(inspected, Fits(slices, few))) == []


def test_a_mask_is_never_compared_with_those_of_its_own_patient(tmp_path: Path) -> None:
    big = np.repeat(np.repeat(RING, 4, axis=0), 4, axis=1)
    inspected = measured(tmp_path, *[big] * 6, patients="ABCDEF")
    ranks = measure_fits(inspected).slices["fit_rank"]
    assert np.isfinite(ranks).all(), "five others each"
    fewer = measured(tmp_path / "fewer", *[big] * 6, patients="ABCDEE")
    assert not np.isfinite(measure_fits(fewer).slices["fit_rank"]).any()


def test_kinds_are_told_by_where_the_dark_pixels_lie() -> None:
    random = np.random.default_rng(0)
    air = np.abs(random.normal(0, 10, 5000))
    tissue = random.normal(400, 100, 5000)
    magnitude = np.clip(np.concatenate([air, tissue]), 0, None)
    phase = 2048 + np.concatenate([random.normal(0, 60, 6000), random.normal(0, 500, 4000)])
    assert judge_kind(magnitude)[0] == "magnitude"
    kind, zero, _ = judge_kind(phase)
    assert (kind, zero) == ("phase-sensitive", pytest.approx(2048, abs=60))
    framed = np.concatenate([np.zeros(9000), phase])
    assert judge_kind(framed)[:1] == ("phase-sensitive",), "a black frame is no air"
    assert judge_kind(np.full(100, 5))[0] == "unclear"


def test_robust_z_stands_outliers_and_equal_values() -> None:
    scores = robust_z(np.array([1.0, 2, 3, 4, 5, 1000, np.nan]))
    assert scores[5] > 100
    assert abs(scores[0]) < 2
    assert np.isnan(scores[6])
    assert robust_z(np.array([2.0, 2, 2])).tolist() == [0, 0, 0]
    assert robust_z(np.array([np.nan])).tolist() == pytest.approx([np.nan], nan_ok=True)


def test_structures_are_found_by_name() -> None:
    names = ["background=0", "right ventricle=1", "scar of RV=2", "Left Ventricle=3", "LV scar=4"]
    structures = find_structures(RegionScheme.parse(names))
    assert structures.pool == 3
    assert structures.myocardium == (2, 4)
    assert structures.ventricle == (2, 3, 4)
    unknown = find_structures(RegionScheme.parse(["a=0", "b=1", "c=2"]))
    assert (unknown.complete, unknown.ventricle) == (False, (1, 2))
