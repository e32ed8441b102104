"""Faults planted in masks: each is found, on the slices where it was planted."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from tests.audit.planted import SIZE, Slices, one_of, only, phantoms

from myosweep.audit import audit_dataset, serious_for_run
from myosweep.audit.centring import find_centring
from myosweep.audit.distortion import find_distortion
from myosweep.audit.masks import (
    find_at_border,
    find_empty,
    find_holes,
    find_open_rings,
    find_pieces,
    find_tiny,
    find_without_pool,
)
from myosweep.audit.place import find_misplaced
from myosweep.regions import RegionScheme

BACKGROUND, POOL, WALL = 0, 1, 2


def middle(slices: Slices, patient: str) -> int:
    """The place of a patient's middle slice."""
    places = slices.of(patient)
    return int(places[len(places) // 2])


def disc(centre_yx: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.hypot(y - centre_yx[0], x - centre_yx[1]) <= radius


def centre_of(mask: np.ndarray) -> tuple[float, float]:
    y, x = np.nonzero(mask)
    return float(y.mean()), float(x.mean())


def test_empty_masks_are_found_between_others_and_at_the_ends(tmp_path: Path) -> None:
    slices = phantoms()
    forgotten, end = middle(slices, "P001"), int(slices.of("P002")[-1])
    slices.labels[[forgotten, end]] = BACKGROUND
    look, note = find_empty(slices.inspected(tmp_path))
    assert (look.severity, look.slices) == ("look", (slices.key(forgotten),))
    assert (note.severity, note.slices) == ("note", (slices.key(end),))


def test_all_masks_empty_is_serious_and_stops_a_run(tmp_path: Path) -> None:
    slices = phantoms()
    slices.labels[:] = BACKGROUND
    dataset = slices.dataset(tmp_path)
    assert only(audit_dataset(dataset), "empty masks").severity == "serious"
    assert [one.check for one in serious_for_run(dataset, {})] == ["empty masks"]


def test_tiny_masks_are_found(tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P003")
    centre = centre_of(slices.labels[place] > 0)
    slices.labels[place] = np.where(disc(centre, 3), WALL, BACKGROUND)
    assert one_of(find_tiny(slices.inspected(tmp_path)), "tiny masks").slices == (
        slices.key(place),
    )


@pytest.mark.parametrize(("radius", "check"), [(4, "several pieces"), (1, "specks")])
def test_pieces_and_specks_are_told_apart(radius: int, check: str, tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P003")
    slices.labels[place][disc((8, 8), radius)] = WALL
    telling = [
        one.check
        for one in find_pieces(slices.inspected(tmp_path))
        if slices.key(place) in one.slices
    ]
    assert telling == [check]


@pytest.mark.parametrize(("radius", "severity"), [(3, "look"), (1, "note")])
def test_holes_are_found(radius: int, severity: str, tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P004")
    pool = slices.labels[place] == POOL
    depth = ndimage.distance_transform_edt(pool)
    deepest = np.unravel_index(depth.argmax(), depth.shape)
    slices.labels[place][disc((float(deepest[0]), float(deepest[1])), radius)] = BACKGROUND
    finding = one_of(find_holes(slices.inspected(tmp_path)), "holes")
    assert (finding.severity, finding.slices) == (severity, (slices.key(place),))


def test_an_open_ring_in_the_middle_of_a_stack_is_counted(tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P004")
    y, _ = centre_of(slices.labels[place] > 0)
    wall = slices.labels[place] >= WALL
    wall[int(y) :] = False  # the upper half of the wall
    slices.labels[place][wall] = BACKGROUND
    finding = one_of(find_open_rings(slices.inspected(tmp_path)), "open rings")
    assert slices.key(place) in finding.slices
    assert finding.facts["not at an end of the stack"] == 1


def test_a_mask_at_the_border_is_found(tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P005")
    top = int(np.nonzero(slices.labels[place].any(1))[0][0])
    slices.labels[place] = np.roll(slices.labels[place], -top, axis=0)
    assert one_of(find_at_border(slices.inspected(tmp_path)), "at the border").slices == (
        slices.key(place),
    )


def test_a_mask_at_the_padding_is_at_the_border(tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P005")
    left = int(np.nonzero(slices.labels[place].any(0))[0][0])
    slices.labels[place, :, :left] = 250
    regions = slices.scheme.regions
    slices.scheme, slices.padding = RegionScheme(regions, (250,)), 250
    assert one_of(find_at_border(slices.inspected(tmp_path)), "at the border").slices == (
        slices.key(place),
    )


def test_a_missing_blood_pool_is_found(tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P006")
    slices.labels[place][slices.labels[place] == POOL] = WALL
    assert one_of(find_without_pool(slices.inspected(tmp_path)), "no blood pool").slices == (
        slices.key(place),
    )


def test_a_mask_shifted_off_its_neighbours_is_found(tmp_path: Path) -> None:
    slices = phantoms()
    place = middle(slices, "P007")
    slices.labels[place] = np.roll(slices.labels[place], 12, axis=1)
    finding = one_of(find_misplaced(slices.inspected(tmp_path)), "displaced masks")
    assert finding.slices == (slices.key(place),)
    assert 11 <= finding.facts["largest_px"] <= 14


def test_a_mask_far_from_all_others_is_found(tmp_path: Path) -> None:
    slices = phantoms()
    places = slices.of("P007")
    slices.labels[places] = ndimage.shift(slices.labels[places], (0, 24, 24), order=0)
    finding = one_of(find_misplaced(slices.inspected(tmp_path)), "unusual place")
    assert set(finding.slices) <= set(map(slices.key, places))
    assert len(finding.slices) >= len(places) / 2, "cut off at the border, others are nearer"


def test_all_masks_of_a_patient_shifted_are_found(tmp_path: Path) -> None:
    slices = phantoms()
    places = slices.of("P001")
    slices.labels[places] = np.roll(slices.labels[places], (6, -5), axis=(1, 2))
    finding = slices.misfits(tmp_path)["shifted masks"]
    measured = finding.facts["patients"]["P001"]
    assert measured["shift_y_px"] == pytest.approx(-6, abs=1), "up again"
    assert measured["shift_x_px"] == pytest.approx(5, abs=1)
    assert set(map(slices.key, places)) <= set(finding.slices)
    if list(finding.facts["patients"]) == ["P001"]:
        assert re.search(r"moved by \d pixels up and \d right", finding.sentence)


def test_masks_swapped_between_patients_are_found(tmp_path: Path) -> None:
    slices = phantoms()
    one, other = slices.of("P001"), slices.of("P009")
    count = min(len(one), len(other))
    swapped = slices.labels[other[:count]].copy()
    slices.labels[other[:count]] = slices.labels[one[:count]]
    slices.labels[one[:count]] = swapped
    suspects = {
        patient
        for check, finding in slices.misfits(tmp_path).items()
        if check in ("masks of another patient", "shifted masks")
        for patient in finding.facts["patients"]
    }
    assert {"P001", "P009"} <= suspects


def test_a_ventricle_of_another_size_is_found(tmp_path: Path) -> None:
    slices = phantoms()
    for place in slices.of("P008"):
        y, x = centre_of(slices.labels[place] > 0)
        slices.labels[place] = np.where(
            disc((y, x), 6), np.where(disc((y, x), 3), POOL, WALL), BACKGROUND
        )
    finding = one_of(find_misplaced(slices.inspected(tmp_path)), "unusual size")
    assert finding.facts["patients"] == ["P008"]


def test_stretched_images_are_found(tmp_path: Path) -> None:
    slices = phantoms()
    half = np.isin(slices.patients, [f"P{number:03d}" for number in range(8)])
    rows = np.clip(np.rint((np.arange(SIZE) - SIZE / 2) / 1.5 + SIZE / 2), 0, SIZE - 1).astype(int)
    slices.images[half] = slices.images[half][:, rows]
    slices.labels[half] = slices.labels[half][:, rows]
    finding = one_of(find_distortion(slices.inspected(tmp_path)), "distortion")
    assert finding.severity == "serious"
    assert finding.facts["oval"] == 8
    assert 1.4 <= finding.facts["largest"] <= 2.0


def test_images_cropped_around_the_masks_are_found(tmp_path: Path) -> None:
    slices = phantoms()
    for patient in np.unique(slices.patients):
        places = slices.of(patient)
        y, x = centre_of((slices.labels[places] > 0).any(0))
        move = round(SIZE / 2 - y), round(SIZE / 2 - x)
        slices.images[places] = np.roll(slices.images[places], move, axis=(1, 2))
        slices.labels[places] = np.roll(slices.labels[places], move, axis=(1, 2))
        for place in places:
            slices.rows[place] |= {"crop_top": -move[0] + 80, "crop_left": -move[1] + 80}
    finding = one_of(find_centring(slices.inspected(tmp_path)), "centred with the reference")
    assert finding.severity == "serious"
    assert "the crop followed the reference" in finding.sentence
    assert finding.facts["patients_median_distance_px"] < 1.5
    slices.source = {"kind": "test", "crop": 96, "crop_around": "masks"}
    (tmp_path / "again").mkdir()
    assert (
        one_of(
            find_centring(slices.inspected(tmp_path / "again")), "cropped around the masks"
        ).severity
        == "serious"
    )
