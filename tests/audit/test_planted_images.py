"""Faults planted in images: copies, leaks, constant and odd images, odd descriptions."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from tests.audit.planted import Slices, one_of, only, phantoms, split_of

from myosweep.audit import Audit, audit_dataset, serious_for_run
from myosweep.audit.duplicates import find_duplicates
from myosweep.audit.fingerprint import fingerprints
from myosweep.audit.leakage import find_near_duplicates
from myosweep.audit.near import near_pairs
from myosweep.audit.outliers import (
    find_odd_greys,
    find_odd_numbers,
    find_odd_sources,
    find_odd_spacing,
)
from myosweep.audit.signal_zero import find_signal_zero
from myosweep.errors import SplitError
from myosweep.regions import RegionScheme


def brighter(image: np.ndarray) -> np.ndarray:
    return image * 0.7 + 300


def noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 1, image.shape)
    return image + 0.03 * np.ptp(image) * noise


def shifted(image: np.ndarray) -> np.ndarray:
    return ndimage.shift(image.astype(float), (2, -1), order=1, mode="nearest")


def rotated(image: np.ndarray) -> np.ndarray:
    return ndimage.rotate(image.astype(float), 2, reshape=False, order=1, mode="nearest")


def compressed(image: np.ndarray) -> np.ndarray:
    low, high = image.min(), image.max()
    file = io.BytesIO()
    Image.fromarray(((image - low) * (255 / (high - low))).astype(np.uint8)).save(
        file, "JPEG", quality=20
    )
    return np.asarray(Image.open(file)) * 10.0


def mirrored(image: np.ndarray) -> np.ndarray:
    return image[:, ::-1]


CHANGES = [brighter, noisy, shifted, rotated, compressed, mirrored]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return phantoms().audit(tmp_path_factory.mktemp("clean"))


def planted(slices: Slices, place: int, patient: str, change: Callable[..., np.ndarray]) -> str:
    copy = np.clip(change(slices.images[place]), 0, 4095)
    return slices.append(copy, slices.labels[place], patient)


def test_a_clean_dataset_has_no_serious_finding(clean: Audit) -> None:
    assert clean.of("serious") == ()
    checks = {one.check for one in clean.findings}
    assert not checks & {
        "exact duplicates", "near-duplicates", "distortion", "empty masks", "tiny masks",
        "several pieces", "holes", "displaced masks", "unusual size", "unusual place",
        "centred with the reference", "at the border", "mixed pixel sizes",
    }  # fmt: skip
    assert clean.as_json()["verdict"] == clean.verdict
    assert [one.severity for one in clean.findings] == sorted(
        [one.severity for one in clean.findings], key=["serious", "look", "note"].index
    )


def test_copies_across_patients_are_serious_and_within_one_to_look_at(tmp_path: Path) -> None:
    slices = phantoms()
    across = slices.append(slices.images[3], slices.labels[5], "P009")
    within = slices.append(slices.images[40], slices.labels[40], slices.patients[40])
    inspected = slices.inspected(tmp_path)
    serious, look = find_duplicates(inspected)
    assert (serious.severity, set(serious.slices)) == ("serious", {slices.key(3), across})
    assert serious.facts["groups_with_different_masks"] == 1
    assert (look.severity, set(look.slices)) == ("look", {slices.key(40), within})
    assert look.facts["groups_with_different_masks"] == 0
    near = near_pairs(inspected.dataset, fingerprints(inspected.dataset))
    assert not len(near.pairs), "exact copies are told once"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_copy_under_another_patient_is_found(
    change: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    slices = phantoms()
    keys = {slices.key(20), planted(slices, 20, "P000", change)}
    dataset = slices.dataset(tmp_path)
    (finding,) = find_near_duplicates(dataset, near_pairs(dataset, fingerprints(dataset)))
    assert (finding.check, finding.severity) == ("near-duplicates", "serious")
    assert set(finding.slices) == keys
    assert finding.facts["pairs"] == 1
    assert finding.facts["closest"][0]["mirrored"] == (change is mirrored)


def test_a_brighter_copy_within_a_patient_is_to_look_at(tmp_path: Path) -> None:
    slices = phantoms()
    copy = planted(slices, 20, slices.patients[20], brighter)
    dataset = slices.dataset(tmp_path)
    (finding,) = find_near_duplicates(dataset, near_pairs(dataset, fingerprints(dataset)))
    assert (finding.severity, set(finding.slices)) == ("look", {slices.key(20), copy})


def test_all_leaks_of_a_split_are_found_and_stop_a_run(tmp_path: Path) -> None:
    slices = phantoms()
    exact = slices.append(slices.images[0], slices.labels[0], "P010")
    near = planted(slices, 1, "P011", noisy)
    first, second = slices.key(0), slices.key(1)
    dataset = slices.dataset(tmp_path)
    parts = ["training"] * 6 + ["validation"] * 2 + ["test"] * 4
    part_of = {
        row.slice: parts[int(row.patient[1:])] for row in dataset.slices.itertuples(index=False)
    }
    leaked = slices.key(int(slices.of("P003")[0]))
    split = split_of(dataset, {**part_of, leaked: "test"})
    wanted = {
        "patients in several parts": set(np.array(dataset.slices["slice"])[
            dataset.slices["patient"] == "P003"
        ]),
        "exact duplicates across parts": {first, exact},
        "near-duplicates across parts": {second, near},
    }  # fmt: skip
    audit = audit_dataset(dataset, {"split": split})
    for check, keys in wanted.items():
        assert set(only(audit, check).slices) == keys
        assert only(audit, check).severity == "serious"
    at_run = {one.check: set(one.slices) for one in serious_for_run(dataset, {"split": split})}
    assert at_run == wanted
    without = {key: part for key, part in part_of.items() if key not in (exact, near)}
    assert serious_for_run(dataset, {"split": split_of(dataset, without)}) == []


def test_a_near_duplicate_within_a_part_is_no_leak_of_the_split(tmp_path: Path) -> None:
    slices = phantoms()
    planted(slices, 20, "P011", noisy)
    dataset = slices.dataset(tmp_path)
    everything = split_of(dataset, dict.fromkeys(dataset.slices["slice"], "training"))
    assert serious_for_run(dataset, {"split": everything}) == []


def test_of_several_splits_the_leaking_one_is_named(tmp_path: Path) -> None:
    slices = phantoms()
    dataset = slices.dataset(tmp_path)
    good = dict.fromkeys(map(slices.key, slices.of("P001")), "training")
    good |= dict.fromkeys(map(slices.key, slices.of("P002")), "test")
    bad = {**good, slices.key(int(slices.of("P002")[0])): "training"}
    splits = {"fold 1": split_of(dataset, good), "fold 2": split_of(dataset, bad)}
    (finding,) = serious_for_run(dataset, splits)
    assert "'fold 2'" in finding.sentence
    assert finding.facts["patients"] == ["P002"]


def test_a_split_of_another_dataset_is_refused(tmp_path: Path) -> None:
    dataset = phantoms().dataset(tmp_path)
    split = split_of(dataset, {}).model_copy(update={"pixel_hash": "00"})
    with pytest.raises(SplitError, match="'mine' was made for other pixels"):
        audit_dataset(dataset, {"mine": split})


def test_images_of_nothing_are_serious_and_stop_a_run(tmp_path: Path) -> None:
    slices = phantoms()
    slices.images[7] = 512
    slices.images[8] = 512
    slices.images[8, 0, 0] = 600  # a burnt-in dot does not make it an image
    slices.images[9] = 2000 + slices.images[9] % 8
    inspected = slices.inspected(tmp_path)
    findings = [*find_odd_greys(inspected)]
    constant = one_of(findings, "constant images")
    assert (constant.severity, constant.slices) == ("serious", (slices.key(7), slices.key(8)))
    assert one_of(findings, "images without contrast").slices == (slices.key(9),)
    (finding,) = serious_for_run(inspected.dataset, {})
    assert (finding.check, finding.slices) == ("constant images", (slices.key(7), slices.key(8)))


def test_a_slice_far_brighter_than_its_patient_is_found(tmp_path: Path) -> None:
    slices = phantoms()
    place = slices.of("P004")[3]
    slices.images[place] = np.clip(slices.images[place].astype(int) + 1500, 0, 65535)
    (finding,) = find_odd_greys(slices.inspected(tmp_path))
    assert finding.check == "unusual brightness"
    assert finding.slices == (slices.key(place),)
    assert finding.facts["compared_with"] == "the other slices of the same patient"


def test_a_patient_far_brighter_than_all_others_is_found_but_a_mixture_is_not(
    tmp_path: Path,
) -> None:
    slices = phantoms()
    slices.images[:] = slices.images // 4 + 100
    bright = slices.images + np.uint16(20_000)
    for count in (1, 3):
        chosen = np.isin(slices.patients, [f"P{number:03d}" for number in range(count)])
        planted = replace(slices, images=np.where(chosen[:, None, None], bright, slices.images))
        (tmp_path / str(count)).mkdir()
        findings = list(find_odd_greys(planted.inspected(tmp_path / str(count))))
        assert len(findings) == (1 if count == 1 else 0)
        if findings:
            assert set(findings[0].slices) == set(map(slices.key, slices.of("P000")))


def test_descriptions_that_differ_are_told(tmp_path: Path) -> None:
    slices = phantoms()
    for row in slices.rows:
        row |= {"source_height": 256, "source_width": 200, "signal_slope": 1.0}
        row["signal_offset"] = 0.0
        row["spacing_mm"] = 1.4
        if row["patient"] == "P002":
            row |= {"source_width": 256, "signal_slope": 0.5, "signal_offset": -100.0}
            row["spacing_mm"] = 2.8
    inspected = slices.inspected(tmp_path)
    findings = [*find_odd_spacing(inspected), *find_odd_sources(inspected)]
    keys = tuple(map(slices.key, slices.of("P002")))
    assert one_of(findings, "mixed pixel sizes").slices == keys
    assert one_of(findings, "several grey scales").facts["scales"] == 2
    assert set(one_of(findings, "several source sizes").facts["sizes"]) == {
        "256 x 200",
        "256 x 256",
    }
    (zero,) = find_signal_zero(inspected)
    assert zero.facts["stored_zero_range"] == [200.0, 200.0]


def test_missing_and_unlikely_pixel_sizes_are_told(tmp_path: Path) -> None:
    slices = phantoms()
    slices.rows[0]["spacing_mm"] = None
    slices.rows[1]["spacing_mm"] = 14.0
    unknown, unlikely = find_odd_spacing(slices.inspected(tmp_path))
    assert (unknown.severity, unknown.slices) == ("note", (slices.key(0),))
    assert (unlikely.severity, unlikely.slices) == ("look", (slices.key(1),))


def test_patients_with_few_or_many_slices_are_told(tmp_path: Path) -> None:
    slices = phantoms()
    kept = np.flatnonzero(~np.isin(np.arange(len(slices.rows)), slices.of("P005")[2:]))
    slices.images, slices.labels = slices.images[kept], slices.labels[kept]
    slices.rows = [slices.rows[place] for place in kept]
    for place in slices.of("P006").repeat(3):
        noise = np.random.default_rng(place).integers(0, 4096, slices.images[place].shape)
        slices.append(noise, slices.labels[place], "P006")
    few, many = find_odd_numbers(slices.inspected(tmp_path))
    assert few.facts["patients"] == {"P005": 2}
    assert list(many.facts["patients"]) == ["P006"]


def test_a_part_that_lacks_something_is_told(tmp_path: Path) -> None:
    slices = phantoms()
    for row in slices.rows:
        row["vendor"] = "A" if row["patient"] < "P006" else "B"
    codes = {"background": (0,), "blood pool": (1,), "myocardium": (2, 3, 4), "scar": (9,)}
    slices.scheme = RegionScheme.from_mapping(codes)
    slices.labels[int(slices.of("P002")[0]), 0, 0] = 9
    dataset = slices.dataset(tmp_path)
    part_of = {
        row.slice: "training" if row.patient < "P006" else "test"
        for row in dataset.slices.itertuples(index=False)
    }
    audit = audit_dataset(dataset, {"split": split_of(dataset, part_of)})
    finding = only(audit, "parts lack something")
    assert "vendor B" in finding.facts["lacking"]["training"]
    assert "vendor A" in finding.facts["lacking"]["test"]
    assert "scar" in finding.facts["lacking"]["test"]
    (parts,) = [one for one in audit.tables if one.title == "Parts of the split"]
    training = sum(part == "training" for part in part_of.values())
    assert parts.rows[0] == ("training", f"{training}", parts.rows[0][2], "6", "50 %")
